"""Fatty acids: the load follows its equation, respiration burns it; what it does to oxidants and to the uptake of mitochondria.

Faults seen to fail it, planted in a copy of the package: burning without respiration; oxidants that do not see the load; uptake that
does not.
"""

import numpy as np
import pytest

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.nodes import NODE_FATTY_ACID


def world_of(*, dose=0.4, respiration=1.0, load=0.0):
    world, p = cells_world(3), values("fatty_acids")
    rows = rows_of(world)
    world.cells.target_mitochondria[rows] = 400.0
    world.cells.oxygen_flux_class[rows, 0] = respiration * 400.0 * p.resting_respiration
    world.cells.lipid_load[rows] = load
    world.groups.nodes[:, NODE_FATTY_ACID] = dose
    return world


@pytest.mark.parametrize(("dose", "respiration", "load", "fault"), [
    (0.4, 1.0, 0.0, 1.0), (0.4, 0.0, 0.0, 1.0), (0.1, 2.0, 0.0, 1.0), (0.0, 1.0, 0.8, 1.0), (0.4, 1.0, 0.0, 1.2),
])  # fmt: skip
@pytest.mark.parametrize("dt", [300.0, 3600.0])
def test_the_load_follows_the_equation(dose, respiration, load, fault, dt):
    world, p = world_of(dose=dose, respiration=respiration, load=load), values("fatty_acids")
    run(world, "fatty_acids", p, 5.0, dt)
    taken = fault * p.uptake * dose / (dose + p.half)
    rate = taken + p.burn * respiration
    expected = taken / rate + (load - taken / rate) * np.exp(-5.0 * rate)
    assert (abs(float(world.cells.lipid_load[rows_of(world)[0]]) - expected) < 1e-5) == (fault == 1.0)


def test_a_load_adds_oxidants_and_takes_uptake_away():
    oxidants, free = module("reactive_oxygen"), module("free_mitochondria")
    p, q = values("reactive_oxygen"), values("free_mitochondria")
    made, cleared = [], []
    for load in (0.0, 0.5, 1.0):
        world = world_of(load=load)
        r = rows_of(world)[0]
        made.append(oxidants.cell_production(r, world.cells, world.groups, p))
        cleared.append(free.clearance_of(r, world.cells, world.groups, world.wells, np.ones(1), q))
    unit = oxidants.resting_unit_production(p) * 190.0 / (p.oxygen_half + 190.0)
    assert made[2] - made[0] == pytest.approx(p.lipid_factor * unit * 400.0, rel=1e-5)
    assert made[1] - made[0] == pytest.approx(0.5 * (made[2] - made[0]), rel=1e-5)
    assert np.array(cleared) / cleared[0] == pytest.approx([1.0, 1 - 0.5 * q.lipid_block, 1 - q.lipid_block])


def test_at_rest_nothing_is_changed():
    world = world_of(dose=0.0)
    before = [c.tobytes() for c in world.cells]
    run(world, "fatty_acids", values("fatty_acids"), 24.0, 300.0)
    assert [c.tobytes() for c in world.cells] == before
