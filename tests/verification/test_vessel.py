"""Vessels: factor of crawling, sprouts, engraftment at their laws; the network is that of the geometry.

Faults seen to fail it, planted in a copy of the package: crawling by the sprout; sprouts that do not retract; engraftment without a pulse;
a network counted with all its pairs.
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, module, rows_of, run, values
from mitoferry.assays import load_assays
from mitoferry.core.nodes import NODE_VEGF_RECEPTOR
from mitoferry.core.schema import Step

ALPHA = 1e-5


def energy(atp, share):
    half = share * 2.88
    return (atp**2 / (atp**2 + half**2)) / (2.88**2 / (2.88**2 + half**2))


def world_of(count=4, *, angiogenic=1.0, atp=2.88, node=1.0, hif=0.0, pulse=0.0, **changes):
    world = cells_world(count, numbers={"angiogenic": angiogenic}, **changes)
    rows = rows_of(world)
    world.cells.atp[rows] = atp
    world.cells.hif[rows] = hif
    world.cells.arrival_pulse[rows] = pulse
    world.groups.nodes[:, NODE_VEGF_RECEPTOR] = node
    return world


CASES = {
    "rest": {},
    "short of ATP": {"atp": 1.0},
    "VEGF": {"node": 3.0},
    "hypoxia": {"hif": 0.8},
    "blocked": {"node": 0.1},
    "half": {"angiogenic": 0.5},
}


@pytest.mark.parametrize(("case", "fault"), [*((c, 1.0) for c in CASES), ("VEGF", 1.1)])
@pytest.mark.parametrize("dt", [300.0, 3600.0])
def test_crawling_and_sprouts_follow_their_laws(case, fault, dt):
    c, p = CASES[case], values("vessel")
    world = world_of(**c)
    run(world, "vessel", p, 6.0, dt)
    a, e = c.get("angiogenic", 1.0), energy(c.get("atp", 2.88), p.atp_half)
    v = c.get("node", 1.0) * (1 + p.autocrine * c.get("hif", 0.0))
    r = fault * 2 * v / (1 + v)
    grown = p.growth * a * e * r
    rate = grown / p.longest + p.retraction
    row = rows_of(world)[0]
    assert (abs(float(world.cells.vegf_crawling[row]) - (1 + a * p.motility_gain * (r - 1))) < 1e-5) == (fault == 1.0)
    assert (abs(float(world.cells.sprout[row]) / (grown / rate * (1 - np.exp(-6.0 * rate))) - 1) < 1e-4) == (fault == 1.0)


@pytest.mark.parametrize("fault", [1.0, 1.8])
def test_engraftment_at_the_hazard(fault):
    world, p = world_of(600, pulse=0.8, atp=2.0), values("vessel")
    run(world, "vessel", p, 8.0, 600.0)
    n = int(world.cells.engrafted[rows_of(world)].sum())
    chance = 1 - np.exp(-8.0 * fault * p.engraftment * 0.8 * energy(2.0, p.atp_half))
    assert (stats.binomtest(n, 600, chance).pvalue > ALPHA) == (fault == 1.0)


@pytest.mark.parametrize("why", [{"pulse": 0.0}, {"pulse": 1.0, "atp": 0.0}, {"pulse": 1.0, "angiogenic": 0.0}])
def test_nothing_engrafts(why):
    world = world_of(100, **why)
    run(world, "vessel", values("vessel", engraftment=10.0), 8.0, 600.0)
    assert world.cells.engrafted.sum() == 0


def test_other_cells_and_the_time_before_zero_are_left_alone():
    world = world_of(10, angiogenic=0.0)
    before = [c.tobytes() for c in world.cells]
    run(world, "vessel", values("vessel"), 8.0, 600.0)
    assert [c.tobytes() for c in world.cells] == before
    world = world_of(10)
    module("vessel").advance(world, Step(-1, -300, -300.0, 300.0), values("vessel"))
    assert world.cells.sprout.sum() == 0.0
    assert world.cells.vegf_crawling[rows_of(world)] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0])
def test_motion_applies_the_factor(factor):
    """Displacement of free cells is the factor times that of the same cells without it."""
    moved = {}
    for f in (factor, 1.0):
        world = cells_world(3, with_space=True, size=3000.0)
        rows = rows_of(world)
        world.cells.ux[rows], world.cells.uy[rows] = 10.0, -5.0
        x = world.cells.x[rows].copy()
        world.cells.motility[rows] = f
        module("motion").advance(world, Step(0, 0, 0.0, 60.0), values("motion"))
        moved[f] = (world.cells.x[rows] - x + 1500.0) % 3000.0 - 1500.0
    assert moved[factor] == pytest.approx(factor * moved[1.0], abs=1e-3)
    assert np.abs(moved[1.0]).max() > 0.05


def placed(places, sprout, **changes):
    world = world_of(len(places), size=1000.0, **changes)
    rows = rows_of(world)
    world.cells.x[rows], world.cells.y[rows] = np.array(places, np.float32).T
    world.cells.radius[rows] = 10.0
    world.cells.sprout[rows] = sprout
    assay = load_assays()["tube_formation"]
    return {r.readout: r.value for r in assay.measure(world, 0, {}, Step(0, 0, 0.0, 60.0))}


def test_the_network_is_that_of_the_geometry():
    """Three in a triangle of side 100 um and one 120 um away, across the border: three tubes, not four or six."""
    places = [(500.0, 500.0), (600.0, 500.0), (550.0, 586.6), (10.0, 10.0), (960.0, 10.0)]
    found = placed(places, 41.0)
    assert found["tube_length"] == pytest.approx((100.0 + 100.0 + 50.0) / 1e6 * 1000.0, rel=1e-3)
    assert found["network_share"] == pytest.approx(0.6)
    assert found["branch_points"] == 0.0
    assert placed(places, 39.0)["tube_length"] == pytest.approx(50.0 / 1e6 * 1000.0, rel=1e-3)  # the triangle out of reach
    star = placed([(500.0, 500.0), (590.0, 500.0), (410.0, 500.0), (500.0, 590.0)], 40.0)
    assert star["branch_points"] == 1.0
    assert star["tube_length"] == pytest.approx(0.27, rel=1e-3)
    assert placed(places, 41.0, angiogenic=0.0)["tube_length"] == 0.0
