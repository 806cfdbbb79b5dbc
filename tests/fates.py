"""Helpers of the tests of signals and fates: run one process over a small world."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from mitoferry.core.schema import CLASS_SHIFT, OCCUPIED, PLACE_SHIFT, Step
from worlds import cell_type, make_world, parameters, population

SHARED: dict[int, Any] = {}


def shared_backend(threads: int = 1) -> Any:
    """One compiled backend for all tests of a session, so that kernels are compiled once."""
    from mitoferry.backends.cpu import Cpu

    if threads not in SHARED:
        SHARED[threads] = Cpu(threads=threads)
    return SHARED[threads]


def settled(spec: Any, backend: Any = None) -> Any:
    """An engine of the whole loop after a minute of settling; its ledger is checked after every process."""
    from mitoferry.experiment.loop import Engine

    made = Engine(spec, backend or shared_backend(), check_each=True)
    made.burn_in(60)
    return made


def final(spec: Any, backend: Any = None, keep: Any = None, events: Any = None) -> Any:
    """The digest of the state at the end of a run of the whole loop, and its engine.

    ``keep`` is called with the engine after each macro-step, ``events`` with the events of each.
    """
    from mitoferry.store.snapshot import snapshot
    from mitoferry.studies.run import digest

    made = settled(spec, backend)
    made.on_events = events
    while not made.finished:
        made.advance()
        if keep is not None:
            keep(made)
    made.world.ledger.check(made.world, "end", 0)
    return digest(snapshot(made.world)[0]), made


def cells_world(count=100, mitochondria=0, *, backend=None, numbers=None, **changes) -> Any:
    """A world of one population ``count`` cells strong at rest, 150 mV, 2.88 mM ATP."""
    numbers = numbers or {}
    kind = cell_type(mitochondria=float(mitochondria), cell_cv=0.0, **numbers)
    world = make_world([population("recipient", 0, count=count, numbers=kind)], backend=backend or shared_backend(), **changes)
    rest(world)
    return world


def rest(world: Any) -> None:
    """Put every cell at rest."""
    c, n, pools = world.cells, world.n_cells, 2 * world.n_wells
    c.atp[pools:n] = 2.88
    c.psi[pools:n] = 156.0
    c.h2o2[pools:n] = 0.005


def module(name: str) -> Any:
    """The module of a process."""
    return importlib.import_module(f"mitoferry.processes.{name}")


def values(name: str, **changes: float) -> Any:
    """Parameters of a process with the library's values, or changed ones."""
    return parameters(None, name, module(name).Parameters, **changes)


def run(world: Any, name: str, p: Any, hours: float, dt: float, *, start: int = 0, each_step: Any = None) -> int:
    """Advance one process for ``hours`` in steps of ``dt`` s; the ledger is checked at the end. Returns the next step."""
    steps = round(hours * 3600.0 / dt)
    for k in range(start, start + steps):
        module(name).advance(world, Step(k, int(k * dt), k * dt, float(dt)), p)
        if each_step is not None:
            each_step(world)
        world.events.count[0] = 0
    world.ledger.check(world, name, 0)
    return start + steps


def rows_of(world: Any) -> Any:
    """Rows of all cells."""
    return np.arange(2 * world.n_wells, world.n_cells)


def slots_of(world: Any, row: int) -> Any:
    """Occupied slots of a row of cells."""
    slots, page = [], int(world.cells.first_page[row])
    while page >= 0:
        for s in range(32 * page, 32 * page + 32):
            if world.mitochondria.flags[s] & OCCUPIED:
                slots.append(s)
        page = int(world.pages.next[page])
    return np.array(slots, dtype=int)


def make_arrivals(world: Any, energy_class: int, place: int, extra: int = 0) -> None:
    """Turn every mitochondrion into an unfused arrival of this class, at this place, with extra flags."""
    flags = world.mitochondria.flags
    occupied = (flags & OCCUPIED) != 0
    flags[occupied] = OCCUPIED | (energy_class << CLASS_SHIFT) | (place << PLACE_SHIFT) | extra
