"""Ferroptosis: lipid peroxide and iron follow their linear equations exactly, the hazard kills at its rate, nodes act where they should.

Faults seen to fail it, planted in a copy of the package: iron left out of peroxidation; GPX4 that does not multiply the removal; the
trap on the wrong side; a hazard without the threshold; iron from all arrivals, not from damaged ones.
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.nodes import NODE_ANTIOXIDANT, NODE_GPX4, NODE_IRON, NODE_LIPID_RADICAL_TRAP, NODE_LYSOSOME
from mitoferry.core.schema import (
    BY_FERROPTOSIS,
    CELL_LIVE,
    CELL_NECROTIC,
    DONOR_ENDOSOME,
    DONOR_FREE,
    HAZARD_FERROPTOSIS,
    SUM_DAMAGE,
    SUM_MASS,
)

ALPHA = 1e-5


def world_of(count=4, *, h2o2=0.005, iron=1.0, unsaturation=1.0, **changes):
    world = cells_world(count, numbers={"iron": iron, "unsaturation": unsaturation}, **changes)
    rows = rows_of(world)
    world.cells.h2o2[rows] = h2o2
    world.cells.target_mitochondria[rows] = 400.0
    module("ferroptosis").prepare(world, values("ferroptosis"))
    return world


def solution(p, hours, *, h2o2=0.005, iron=1.0, node_iron=1.0, unsaturation=1.0, trap=0.0, gpx4=1.0, leak=0.0):
    """Iron and peroxide after ``hours`` by the equations, integrated finely."""
    fe, lipid, n = iron, p.peroxidation / p.removal * iron * unsaturation, 40000
    dt = hours / n
    for _ in range(n):
        fe += dt * ((iron * node_iron - fe) / p.iron_time + leak)
        lipid += dt * (p.peroxidation * fe * h2o2 / 0.005 * unsaturation * (1 - trap) - p.removal * gpx4 * lipid)
    return fe, lipid


CASES = {
    "oxidants": {"h2o2": 0.05},
    "iron": {"node_iron": 5.0},
    "gpx4": {"gpx4": 0.1},
    "trap": {"trap": 0.9, "gpx4": 0.1},
    "type": {"iron": 2.0, "unsaturation": 1.5, "gpx4": 0.3},
}


@pytest.mark.parametrize(("case", "fault"), [*((c, 1.0) for c in CASES), ("oxidants", 1.2), ("gpx4", 1.2)])
def test_peroxide_and_iron_follow_the_equations(case, fault):
    c, p = CASES[case], values("ferroptosis")
    world = world_of(h2o2=c.get("h2o2", 0.005), iron=c.get("iron", 1.0), unsaturation=c.get("unsaturation", 1.0))
    world.groups.nodes[:, NODE_IRON] = c.get("node_iron", 1.0)
    world.groups.nodes[:, NODE_GPX4] = c.get("gpx4", 1.0)
    world.groups.nodes[:, NODE_LIPID_RADICAL_TRAP] = c.get("trap", 0.0)
    run(world, "ferroptosis", p, 6.0, 300.0)
    iron, lipid = solution(p._replace(peroxidation=p.peroxidation * fault), 6.0, **c)
    r = rows_of(world)[0]
    assert float(world.cells.labile_iron[r]) == pytest.approx(iron, rel=1e-3)
    assert (abs(float(world.cells.lipid_peroxide[r]) / lipid - 1.0) < 0.01) == (fault == 1.0)


def test_the_step_is_exact_for_constant_iron():
    p, found = values("ferroptosis"), []
    for dt in (60.0, 300.0, 3600.0):
        world = world_of(h2o2=0.1)
        run(world, "ferroptosis", p, 2.0, dt)
        found.append(float(world.cells.lipid_peroxide[rows_of(world)[0]]))
    assert found[0] == pytest.approx(found[2], rel=1e-5)
    assert found[0] == pytest.approx(0.4 - 0.38 * np.exp(-2.0 * p.removal), rel=1e-5)


def test_antioxidants_undo_peroxides():
    p = values("ferroptosis")
    world = world_of(h2o2=0.05)
    world.cells.antioxidant[rows_of(world)] = 2.0
    world.groups.nodes[:, NODE_ANTIOXIDANT] = 3.0
    run(world, "ferroptosis", p, 24.0, 300.0)
    assert float(world.cells.lipid_peroxide[rows_of(world)[0]]) == pytest.approx(10 * p.peroxidation / p.removal / 6.0, rel=1e-4)


@pytest.mark.parametrize(("energy_class", "damage", "lysosome", "leaks"), [
    (DONOR_FREE, 0.5, 1.0, 1.0), (DONOR_ENDOSOME, 0.5, 1.0, 1.0), (DONOR_FREE, 0.0, 1.0, 0.0), (DONOR_FREE, 0.5, 0.0, 0.0),
    (0, 0.5, 1.0, 0.0),
])  # fmt: skip
def test_only_damaged_arrivals_that_are_digested_bring_iron(energy_class, damage, lysosome, leaks):
    p = values("ferroptosis")
    world = world_of()
    rows = rows_of(world)
    world.cells.sums[rows, energy_class, SUM_MASS] = 40 << 20
    world.cells.sums[rows, energy_class, SUM_DAMAGE] = int(40 * damage * (1 << 20))
    world.groups.nodes[:, NODE_LYSOSOME] = lysosome
    run(world, "ferroptosis", p, 5.0, 300.0)
    expected = 1.0 + leaks * p.iron_leak * 0.05 * p.iron_time * (1 - np.exp(-5.0 / p.iron_time))
    assert float(world.cells.labile_iron[rows[0]]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("fault", [1.0, 1.4])
def test_f17_cells_die_of_ferroptosis_at_the_hazard(fault):
    """Lipid held at 2 L_c: hazard h/2, and the cause is told apart from necrosis."""
    world, p = world_of(600), values("ferroptosis")
    rows = rows_of(world)
    world.cells.lipid_peroxide[rows] = 2.0 * p.threshold
    frozen = p._replace(peroxidation=0.0, removal=0.0)
    d = values("death", base_hazard=0.0, potential_hazard=0.0, necrosis_hazard=0.0)
    for k in range(60):
        run(world, "ferroptosis", frozen, 300 / 3600, 300.0, start=k)
        run(world, "death", d, 300 / 3600, 300.0, start=k)
    died = world.cells.state[rows] != CELL_LIVE
    assert (world.cells.death_cause[rows][died] == BY_FERROPTOSIS).all()
    assert np.isin(world.cells.state[rows][died], (CELL_NECROTIC, 5)).all()
    chance = 1 - np.exp(-0.5 * fault * p.hazard * 5.0)
    assert (stats.binomtest(int(died.sum()), 600, chance).pvalue > ALPHA) == (fault == 1.0)


def test_no_hazard_up_to_the_threshold_and_a_cell_at_rest_stays_there():
    p = values("ferroptosis")
    hazard = module("ferroptosis").ferroptosis_hazard
    assert hazard(p.threshold, p) == 0.0
    assert hazard(10 * p.threshold, p) == pytest.approx(0.9 * p.hazard)
    world = world_of(iron=3.0, unsaturation=2.0)
    before = world.cells.lipid_peroxide.copy()
    run(world, "ferroptosis", p, 168.0, 3600.0)
    assert world.cells.lipid_peroxide == pytest.approx(before, rel=1e-4)
    assert (world.cells.other_hazards[:, HAZARD_FERROPTOSIS] == 0.0).all()


def test_wanted_only_where_something_brings_it():
    from worlds import cell_type, make_spec, population

    wanted = module("ferroptosis").wanted
    assert not wanted(make_spec())
    assert wanted(make_spec([population(numbers=cell_type(iron=2.0))]))
