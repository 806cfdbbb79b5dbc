"""Log what becomes of transferred mitochondria that a living cell degrades, so that their way can be read to its end.

``arrival`` and ``mitophagy`` degrade in parallel and cannot append to the log of events. What they will take is drawn by the
identity of each mitochondrion: so they first ask which pages hold a transferred one that they will take, these are noted
(:func:`watch`), and those whose slot is empty afterwards are logged (:func:`log_degraded`), in the order (well, cell of birth,
ordinal): as ``arrival_degraded`` if they had not fused with the network of their host, else as ``fused_degraded``. Logged are
unfused arrivals, and all that were born in another population; the time is the end of the macro-step, after every hand-over of
that step.

Nothing here touches the state. Tests: ``tests/verification/test_fate_arrival.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.events import EVENT_ARRIVAL_LYSED, EVENT_FUSED_DEGRADED
from mitoferry.core.lanes import lane, page_slots
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CLASS_MASK,
    CLASS_SHIFT,
    DAMAGE_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    MASS_SCALE,
    N_POOLS,
    OCCUPIED,
    PAGE,
    PSI_OFFSET_SCALE,
    ROUTE_MASK,
    ROUTE_SHIFT,
    WITHOUT_POTENTIAL,
)
from mitoferry.processes.cell_events import append_events

RECORD = ("birth", "ordinal", "copies", "mass", "damage", "flags", "psi_offset")


class Watched(NamedTuple):
    """Transferred mitochondria before a process: slots, rows of their hosts, and copies of the columns ``RECORD``."""

    slots: Any
    hosts: Any
    records: dict[str, Any]


@row
def holds_arrivals(h, n_pools, seeded, cells):
    """Whether row ``h`` is a cell that may hold what others gave it: it has received some, or is a daughter (row ``seeded`` or later)."""
    return h >= n_pools and (h >= seeded or int(cells.received[h]) > 0)


@row
def arrivals_of_page(i, mitochondria):
    """How many mitochondria of page ``i`` have come to their cell by a route."""
    n = 0
    for k in range(page_slots()):
        flags = int(mitochondria.flags[lane(i * PAGE, k)])
        n += (flags & OCCUPIED) if flags & (ROUTE_MASK << ROUTE_SHIFT) != 0 else 0
    return n


def rows_of_pools_and_seeded(world: Any) -> tuple[int, int]:
    """How many rows pools take, and pools and seeded cells: rows from there on are daughters, which inherit what came to their mothers."""
    spec, n_pools = world.spec, N_POOLS * world.n_wells
    return n_pools, n_pools + sum(p.rows for arm in spec.arms for p in arm.populations) * spec.replicates


def watch(world: Any, pages: Any, *, unfused: bool = False) -> Watched | None:
    """Note the transferred mitochondria on ``pages``, all or those yet to join a network; ``None`` without pages.

    Args:
        world: the state.
        pages: those that the process to come will take such a mitochondrion from.
        unfused: it degrades no others.
    """
    if not pages.size:
        return None
    backend, m = world.backend, world.mitochondria
    slots = (pages[:, None] * PAGE + np.arange(PAGE)).reshape(-1)
    hosts = np.repeat(backend.read(pages, world.pages.owner)[0], PAGE)
    records = dict(zip(RECORD, backend.read(slots, *(getattr(m, name) for name in RECORD)), strict=True))
    flags = records["flags"]
    chosen = _unfused(flags)
    if not unfused:
        chosen |= (records["birth"] >> 24) != backend.read(hosts, world.cells.population)[0]
    chosen &= ((flags & OCCUPIED) != 0) & ((flags & (ROUTE_MASK << ROUTE_SHIFT)) != 0)
    return Watched(slots[chosen], hosts[chosen], {name: column[chosen] for name, column in records.items()})


def _unfused(flags: Any) -> Any:
    """Whether mitochondria with these flags have yet to join the network of their host."""
    energy_class = (flags >> CLASS_SHIFT) & CLASS_MASK
    return (energy_class == DONOR_FREE) | (energy_class == DONOR_ENDOSOME)


def log_degraded(world: Any, watched: Watched | None, step: Any) -> None:
    """Log those of ``watched`` that are gone."""
    if watched is None or not watched.slots.size:
        return
    backend, cells = world.backend, world.cells
    gone = np.flatnonzero((backend.read(watched.slots, world.mitochondria.flags)[0] & OCCUPIED) == 0)
    if not gone.size:
        return
    hosts = watched.hosts[gone]
    order = np.lexsort((watched.records["ordinal"][gone], watched.records["birth"][gone], backend.read(hosts, cells.well)[0]))
    record, hosts = {name: column[gone][order] for name, column in watched.records.items()}, hosts[order]
    wells, ids, populations, potentials = backend.read(hosts, cells.well, cells.id, cells.population, cells.psi)
    flags = record["flags"].astype(np.int64)
    psi = potentials[np.arange(len(hosts)), (flags >> CLASS_SHIFT) & CLASS_MASK] - PSI_OFFSET_SCALE * record["psi_offset"]
    append_events(
        world, len(hosts),
        kind=np.where(_unfused(flags), EVENT_ARRIVAL_LYSED, EVENT_FUSED_DEGRADED), well=wells,
        time=step.time + world.spec.macro_step, route=(flags >> ROUTE_SHIFT) & ROUTE_MASK, source=-1, source_population=255,
        target=hosts, target_id=ids, target_population=populations, birth=record["birth"],
        ordinal=record["ordinal"], copies=record["copies"], mass=MASS_SCALE * record["mass"],
        damage=DAMAGE_SCALE * record["damage"], psi=np.where(flags & WITHOUT_POTENTIAL != 0, 0.0, psi),
    )  # fmt: skip
