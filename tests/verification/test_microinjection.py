"""Microinjection: Poisson numbers per cell, straight into the cytosol, paired between arms, booked, bytes, off = absent.

Faults seen to fail it, planted in a copy of the package: nothing stays at the needle; numbers keyed by the row, not the cell.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fates import module, rest, rows_of, shared_backend, slots_of, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import ISOLATED, Dose, Geometry
from mitoferry.core.schema import (
    CELL_DEAD_APOPTOTIC,
    CLASS_MASK,
    CLASS_SHIFT,
    CYTOSOL,
    DONOR_FREE,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_INJECTION,
    ROUTE_MASK,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
    Step,
)
from mitoferry.experiment.loop import Engine
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest
from worlds import cell_type, make_spec, make_world, population

ALPHA = 1e-5
NUMBERS = cell_type(mitochondria=10.0, mtdna=50.0, cell_cv=0.0)


def dose(per_cell=8.0, *, into=(0,), viability=1.0, start=0.0):
    source = population(
        "isolated_mitochondria", ISOLATED, count=0, role="donor", numbers=cell_type("source"), haplotypes=(0.0, 1.0, 0.0, 0.0)
    )
    return Dose(source=source, viability=viability, start=start, route="cytosol", into=into, per_cell=per_cell)


def world_of(*doses, count=400, others=0, arms=1):
    populations = [population("recipient", 0, count=count, numbers=NUMBERS), population("donor", 1, count=others, numbers=NUMBERS)]
    world = make_world(populations, backend=shared_backend(), size=2000.0, arms=arms)
    rest(world)
    world.spec = replace(world.spec, arms=tuple(replace(arm, doses=doses) for arm in world.spec.arms))
    return world


def inject(world, minutes=2, **changes):
    for k in range(minutes):
        module("microinjection").advance(world, Step(k, 60 * k, 60.0 * k, 60.0), values("microinjection", **changes))
    world.ledger.check(world, "microinjection", 0)


@pytest.mark.parametrize("mean", [8.0, 130.0])
@pytest.mark.parametrize("fault", [1.0, 1.1])
def test_numbers_are_poisson_with_the_mean_less_what_stays_at_the_needle(mean, fault):
    world = world_of(dose(mean), count=300)
    inject(world, needle_loss=0.1)
    given = world.cells.received[rows_of(world)].astype(float)
    wanted = 0.9 * mean * fault
    assert (abs(given.mean() - wanted) < stats.norm.isf(ALPHA / 2) * np.sqrt(wanted / 300)) == (fault == 1.0)
    spread = ((given - given.mean()) ** 2).sum() / given.mean()
    assert ALPHA < stats.chi2.cdf(spread, 299) < 1 - ALPHA


def test_they_lie_in_the_cytosol_and_are_booked():
    world = world_of(dose(viability=0.5), count=60)
    before = world.cells.n_mitochondria[rows_of(world)].copy()
    inject(world)
    m, total = world.mitochondria, 0
    for k, row in enumerate(rows_of(world)):
        slots = slots_of(world, row)
        new = slots[m.birth[slots] >> 24 == ISOLATED]
        total += len(new)
        assert len(new) == world.cells.received[row] == world.cells.n_mitochondria[row] - before[k]
        flags = m.flags[new].astype(int)
        assert ((flags >> PLACE_SHIFT) & PLACE_MASK == CYTOSOL).all()
        assert ((flags >> ROUTE_SHIFT) & ROUTE_MASK == ROUTE_INJECTION).all()
        assert ((flags >> CLASS_SHIFT) & CLASS_MASK == DONOR_FREE).all()
        assert ((m.damage[new] == 65535) == (flags & SICK_ON_ARRIVAL != 0)).all()
        assert m.copies[new][:, [0, 2, 3]].sum() == 0
    assert world.wells.ledger[0, 0] == total > 300
    occupied = np.flatnonzero(m.flags & 1)
    assert len(set(zip(m.birth[occupied], m.ordinal[occupied], strict=True))) == len(occupied)


def test_only_living_cells_of_the_populations_named_and_the_same_in_every_arm():
    world = world_of(dose(), count=20, others=20, arms=2)
    dead = rows_of(world)[0]
    world.cells.state[dead] = CELL_DEAD_APOPTOTIC
    inject(world)
    c, r = world.cells, rows_of(world)
    assert c.received[r][c.population[r] == 1].sum() == 0
    assert c.received[dead] == 0
    first, second = (c.received[r[(c.well[r] == w) & (c.population[r] == 0)]] for w in (0, 1))
    assert (first[1:] == second[1:]).all()  # the death of one changes nothing in the others
    assert first.sum() > 50


def test_two_populations_get_mitochondria_with_names_of_their_own():
    world = world_of(dose(into=(0, 1)), count=15, others=15)
    inject(world)
    m = world.mitochondria
    occupied = np.flatnonzero(m.flags & 1)
    assert len(set(zip(m.birth[occupied], m.ordinal[occupied], strict=True))) == len(occupied)


def final(spec, backend=None):
    names = ("microinjection", "free_mitochondria")
    backend = backend or shared_backend()
    engine = Engine(spec, backend, processes=[p for p in Engine(spec, backend).processes if p.name in names])
    engine.burn_in(60)
    while not engine.finished:
        engine.advance()
    return digest(snapshot(engine.world)[0]), engine


def small(*doses, **changes):
    spec = make_spec([population("recipient", 0, count=3, numbers=NUMBERS)], geometry=Geometry(size=(60.0, 60.0, 20.0)), **changes)
    return replace(spec, until=180, arms=(replace(spec.arms[0], doses=doses),))


def test_switched_off_is_as_without_and_same_bytes_on_every_backend():
    plain, engine = final(small())
    assert "microinjection" not in {p.name for p in engine.processes}
    assert final(small(dose(), switches={"microinjection": "off"}))[0] == plain
    found = [
        final(small(dose(start=60.0)), b)[0] for b in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3))
    ]
    assert all(f == found[0] for f in found)
    assert found[0] != plain
