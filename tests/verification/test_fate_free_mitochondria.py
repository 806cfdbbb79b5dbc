"""Free mitochondria: loss of function in calcium, lysis, uptake in proportion to clearance (F9), the insert as a sieve."""

import numpy as np
import pytest
from scipy import stats

from fates import module, rest, rows_of, run, shared_backend, slots_of, values
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_TEMPERATURE
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import (
    BROKEN,
    ENDOSOME,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_MASK,
    ROUTE_SHIFT,
    ROUTE_UPTAKE,
    SICK_ON_ARRIVAL,
    Step,
)
from mitoferry.processes.free_mitochondria import CLAIMED
from worlds import cell_type, make_world, population

ALPHA = 1e-5


def medium_world(*, uptake=(1.0, 1.0), lysed=20, geometry=None, layers=(0, 0), seed=1):
    """Two populations of 10 cells; the mitochondria of ``lysed`` further cells of the second one are set free."""
    kinds = [cell_type(mitochondria=40.0, cell_cv=0.0, uptake=u) for u in uptake]
    dead = cell_type(mitochondria=60.0, cell_cv=0.0)
    world = make_world(
        [
            population("recipient", 0, count=10, numbers=kinds[0], layer=layers[0]),
            population("donor", 1, count=10, numbers=kinds[1], layer=layers[1]),
            population("dead", 2, count=lysed, numbers=dead, layer=layers[1]),
        ],
        backend=shared_backend(), geometry=geometry or Geometry(size=(200.0, 200.0, 20.0), medium_height=100.0), seed=seed,
    )  # fmt: skip
    rest(world)
    rows = rows_of(world)
    world.cells.atp[rows[20:]] = 0.0
    burst = values("death", necrosis_hazard=1e9, necrosis_atp=1e-3, base_hazard=0.0, potential_hazard=0.0)
    world.cells.atp[rows[:20]] = 1e3
    module("death").advance(world, Step(0, 0, 0.0, 60.0), burst)
    world.cells.atp[rows[:20]] = 2.88
    assert (world.cells.n_mitochondria[rows[20:]] == 0).all()
    assert (world.cells.n_mitochondria[rows[:20]] > 0).all()
    return world


def free(world):
    return int(world.cells.n_mitochondria[world.pool(0, 1)])


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (1.3, False)])
def test_function_is_lost_in_calcium_at_the_half_life(factor, right):
    world = medium_world(uptake=(0.0, 0.0))
    world.wells.bulk[:, 8] = 1.8
    p = values("free_mitochondria", lysis_rate=0.0)
    n = free(world)
    run(world, "free_mitochondria", p, 0.5, 60.0)
    slots = slots_of(world, world.pool(0, 1))
    dead = world.mitochondria.damage[slots] == 65535
    rate = np.log(2) / p.function_half_life + np.log(2) / p.calcium_half_life * 1.8**2 / (1.8**2 + p.calcium_half**2)
    assert len(slots) == n
    assert (stats.binomtest(int(dead.sum()), n, 1 - np.exp(-rate * factor * 0.5)).pvalue > ALPHA) == right
    assert (world.mitochondria.psi_offset[slots[dead]] == 0).all()
    assert (world.mitochondria.psi_offset[slots[~dead]] < -10000).all()


def test_without_function_they_fall_apart_and_are_booked():
    world = medium_world(uptake=(0.0, 0.0))
    slots = slots_of(world, world.pool(0, 1))
    world.mitochondria.damage[slots] = 65535
    n, p = free(world), values("free_mitochondria", lysis_rate=0.5)
    run(world, "free_mitochondria", p, 2.0, 60.0)
    assert stats.binomtest(free(world), n, np.exp(-1.0)).pvalue > ALPHA
    assert world.wells.ledger[0, 2] == n - free(world)


def test_what_has_died_before_loses_its_potential_at_the_next_look():
    world = medium_world(uptake=(0.0, 0.0))
    slots = slots_of(world, world.pool(0, 1))
    world.mitochondria.damage[slots[::3]] = 65535
    assert (world.mitochondria.psi_offset[slots] != 0).all()
    run(
        world, "free_mitochondria", values("free_mitochondria", function_half_life=1e9, calcium_half_life=1e9, lysis_rate=0.0), 1 / 60, 60.0
    )
    gone = np.zeros(len(slots), bool)
    gone[::3] = True
    assert ((world.mitochondria.psi_offset[slots] == 0) == gone).all()
    assert ((world.mitochondria.flags[slots] & BROKEN != 0) == gone).all()


def test_whatever_is_claimed_is_taken_up_in_the_same_step():
    """Wherever on a page it lies."""
    world = medium_world()
    p = values("free_mitochondria", lysis_rate=0.0)._replace(clearance=2e2)  # few of a page in a step
    slots = slots_of(world, world.pool(0, 1))
    where = (world.mitochondria.birth[slots].astype(np.int64) << 32) | world.mitochondria.ordinal[slots]
    run(world, "free_mitochondria", p, 10 / 60, 60.0)
    left = slots_of(world, world.pool(0, 1))
    assert (world.mitochondria.motor[left] & CLAIMED == 0).all()
    there = (world.mitochondria.birth[left].astype(np.int64) << 32) | world.mitochondria.ordinal[left]
    taken = slots[~np.isin(where, there)] % PAGE
    assert 100 < len(taken) < len(slots) - 100
    assert set(taken.tolist()) == set(range(PAGE))


def rates(world, p):
    """Rate [1/h] at which one free mitochondrion is taken up by each population, from the formula."""
    c, rows = world.cells, rows_of(world)[:20]
    per_cell = np.array([0.0] * len(c.id))
    for r in rows:
        area = np.pi * float(c.radius[r]) ** 2
        k = 3600.0 * p.clearance + p.settling_speed * p.settled_chance * area
        energy = 2.88**2 / (2.88**2 + (p.atp_half * 2.88) ** 2)
        per_cell[r] = k * float(world.groups.uptake[c.group[r]]) * energy
    return [per_cell[rows[:10]].sum() / 4e6, per_cell[rows[10:]].sum() / 4e6]


@pytest.mark.parametrize(
    ("uptake", "fault"), [((1.0, 1.0), 1.0), ((3.0, 1.0), 1.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 1.5)]
)
def test_f9_routes_of_uptake_add_up(uptake, fault):
    """Each population takes its share k_i/sum k; taking one away removes exactly its part."""
    world = medium_world(uptake=uptake)
    p = values("free_mitochondria", lysis_rate=0.0)
    n, (a, b), hours = free(world), rates(world, p), 0.5
    a *= fault
    run(world, "free_mitochondria", p, hours, 60.0)
    rows = rows_of(world)
    got = [int(world.cells.received[rows[:10]].sum()), int(world.cells.received[rows[10:20]].sum())]
    assert n - free(world) == sum(got) == world.cells.received.sum()
    gone = 1 - np.exp(-(a + b) * hours)
    chances = [stats.binomtest(g, n, gone * k / (a + b)).pvalue for g, k in zip(got, (a, b), strict=True)]
    assert (min(chances) > ALPHA) == (fault == 1.0)


def test_uptake_lands_in_endosomes_sick_if_depolarised():
    world = medium_world()
    p = values("free_mitochondria", function_half_life=1e-3, lysis_rate=0.0)
    before = {r: set(slots_of(world, r).tolist()) for r in rows_of(world)[:20]}
    run(world, "free_mitochondria", p, 0.5, 60.0)
    new = np.array([s for r, old in before.items() for s in slots_of(world, r) if s not in old])
    flags = world.mitochondria.flags[new]
    assert len(new) > 20
    assert ((flags >> PLACE_SHIFT) & PLACE_MASK == ENDOSOME).all()
    assert ((flags >> ROUTE_SHIFT) & ROUTE_MASK == ROUTE_UPTAKE).all()
    assert (flags & SICK_ON_ARRIVAL != 0).mean() > 0.9
    assert (world.mitochondria.motor[new] == 0).all()


@pytest.mark.parametrize("node", [NODE_ENDOCYTOSIS, NODE_TEMPERATURE])
def test_endocytosis_and_cold_stop_it(node):
    world = medium_world()
    world.groups.nodes[:, node] = 0.0
    run(world, "free_mitochondria", values("free_mitochondria"), 0.5, 60.0)
    assert world.cells.received.sum() == 0


@pytest.mark.parametrize(("pore", "crosses"), [(0.4, False), (3.0, True)])
def test_the_insert_is_a_sieve(pore, crosses):
    """Mitochondria freed on the insert reach cells on the bottom only through pores wider than they are."""
    geometry = Geometry(kind="insert", size=(200.0, 200.0, 20.0), medium_height=100.0, pore=pore)
    world = medium_world(geometry=geometry, layers=(0, 1), lysed=40)
    run(world, "free_mitochondria", values("free_mitochondria", lysis_rate=0.0), 3.0, 60.0)
    rows = rows_of(world)
    assert (world.cells.received[rows[:10]].sum() > 0) == crosses
    assert world.cells.received[rows[10:20]].sum() > 50
