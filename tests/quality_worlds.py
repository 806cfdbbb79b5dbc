"""Worlds for the tests of quality control: mitochondria set by hand, processes run on their own clocks."""

from __future__ import annotations

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import OCCUPIED, PAGE, Step
from mitoferry.processes import biogenesis, damage, fusion_fission, mitophagy, mtdna, mtdna_adducts
from worlds import cell_type, make_world, parameters, population

MODULES = {m.PROCESS.name: m for m in (mtdna_adducts, mtdna, damage, fusion_fission, mitophagy, biogenesis)}
BACKEND = Cpu(threads=1)  # one for all tests, so that each row function is compiled once
INTERVAL = {"mitochondria": 300, "quality": 600}


def uniform_world(
    cells=100, *, mitochondria=8, copies=5.0, backend=None, cell_cv=0.0, seed=1, switches=None, pathogenic=None, values=None, **numbers
):
    """A world of ``cells`` equal cells of one population, without between-well or size variation."""
    kind = cell_type(mitochondria=float(mitochondria), mtdna=mitochondria * float(copies), cell_cv=cell_cv, **numbers)
    changes = {"seeding.well_cv": 0.0, "seeding.mass_cv": 0.0, **(values or {})}
    more = {"pathogenic": pathogenic} if pathogenic else {}
    return make_world(
        [population("recipient", 0, count=cells, numbers=kind)],
        backend=backend or BACKEND,
        size=3000.0,
        seed=seed,
        parameters=changes,
        switches=switches or {},
        **more,
    )


def rows(world):
    """Rows of the cells that are not pools."""
    return np.arange(2 * world.n_wells, world.n_cells)


def occupied(world):
    """Slots in use."""
    return np.flatnonzero(world.mitochondria.flags & OCCUPIED)


def owners(world, slots):
    """Rows of cells that own the slots."""
    return world.pages.owner[slots // PAGE]


def set_copies(world, *per_haplotype):
    """The same copies in every mitochondrion; counts of cells and ledger follow."""
    world.mitochondria.copies[occupied(world)] = 0
    for k, n in enumerate(per_haplotype):
        world.mitochondria.copies[occupied(world), k] = n
    count_copies(world)
    world.backend.push(world.mitochondria)
    world.ledger.open(world)


def count_copies(world):
    """``cells.copies`` from the mitochondria, as the process ``capacity`` does."""
    slots = occupied(world)
    world.cells.copies[:] = 0
    np.add.at(world.cells.copies, owners(world, slots), world.mitochondria.copies[slots].astype(np.int64))
    world.backend.push(world.cells)


def step_at(tick, dt):
    """The clock of a step."""
    return Step(tick // 60, tick, float(tick), float(dt))


def run(world, names, hours, *, dt=None, check=True, start=0, each_step=None, **changes):
    """Run processes for some hours on their clocks (or all at ``dt`` s); the ledger is checked at the end of each day."""
    modules = [MODULES[n] for n in names]
    p = {n: parameters(world, n, MODULES[n].Parameters, **changes.get(n, {})) for n in names}
    world.parameters.update(p)
    end = start + round(hours * 3600)
    shortest = dt or min(INTERVAL[m.PROCESS.clock] for m in modules)
    for tick in range(start, end, shortest):
        for m in modules:
            interval = dt or INTERVAL[m.PROCESS.clock]
            if tick % interval == 0:
                m.PROCESS.advance(world, step_at(tick, interval), p[m.PROCESS.name])
        if each_step is not None:
            each_step(world, tick)
    if check:
        world.ledger.check(world, "+".join(names), end)
    return p


def heteroplasmy(world):
    """Share of haplotype 1 in each cell; cells without copies are left out."""
    c = world.cells.copies[rows(world)].astype(float)
    total = c.sum(axis=1)
    return c[total > 0, 1] / total[total > 0]
