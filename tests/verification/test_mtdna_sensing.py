"""Sensing of mtDNA: closed forms of pool and doses, sensors and their nodes, pyroptosis through `death`, rest for a week."""

import numpy as np
import pytest
from scipy import stats

from fates import run, values
from immune_worlds import cells_of, immune_world, state_of
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_GASDERMIN, NODE_NLRP3, NODE_STING, NODE_TLR9
from mitoferry.core.schema import (
    ATP,
    BY_PYROPTOSIS,
    CELL_APOPTOTIC,
    HAZARD_PYROPTOSIS,
    SUM_DAMAGE,
    SUM_DEHYDROGENASE,
)

VOLUME = 200.0 * 200.0 * 2000.0
MEDIUM_POOL = 1


def sense(world, hours, dt=60.0, start=0, **changes):
    return run(world, "mtdna_sensing", values("mtdna_sensing", **changes), hours, dt, start=start)


def test_a_resting_cell_senses_nothing_for_a_week():
    """Planted fault: open pores, or mtDNA in the medium, are sensed at once."""
    world = immune_world(2)
    before = state_of(world)
    sense(world, 168.0, 600.0)
    assert state_of(world) == before
    world.cells.sums[cells_of(world), 0, SUM_DEHYDROGENASE] = 50 << 20
    sense(world, 24.0, 600.0)
    assert world.cells.sting[cells_of(world)].min() > 0.3


@pytest.mark.parametrize(("dt", "fault"), [(60.0, 1.0), (1800.0, 1.0), (60.0, 1.15)])
def test_pool_and_endosomal_dose_follow_the_closed_form(dt, fault):
    """n' = -K n, e' = u n - q e. Faults seen to fail it, planted in a copy of the package: uptake not taken from the pool; digestion
    of the dose at the decay of the pool."""
    world = immune_world(4, uptake=500.0)
    world.wells.mtdna[0] = 1e6
    sense(world, 6.0, dt)
    u = 3600.0 * 20.0 * 500.0 / VOLUME
    k, q = 0.3 + 4 * u, 0.5 * fault
    assert world.wells.mtdna[0] == pytest.approx(1e6 * np.exp(-6 * k), rel=1e-6)
    dose = 1e6 * u * (np.exp(-k * 6) - np.exp(-q * 6)) / (q - k)
    tolerance = 1e-3 if dt == 60.0 else 3e-2  # mean of the pool over a step
    assert (world.cells.mtdna_dose[cells_of(world), 0] == pytest.approx(np.full(4, dose), rel=tolerance)) == (fault == 1.0)


def test_what_falls_apart_in_the_medium_enters_the_pool_once():
    world = immune_world(2, uptake=0.0)
    world.cells.mtdna_freed[MEDIUM_POOL] = [300, 200]
    sense(world, 1 / 60)
    assert world.wells.mtdna[0] == 500.0
    sense(world, 10.0, start=1)
    assert world.wells.mtdna[0] == pytest.approx(500.0 * np.exp(-3.0), rel=1e-6)


def test_degraded_arrivals_give_a_dose_in_endosome_and_cytosol():
    world = immune_world(2)
    world.cells.mtdna_freed[cells_of(world)[0]] = [1000, 500]
    sense(world, 1 / 60)
    found = world.cells.mtdna_dose[cells_of(world)]
    assert found[0] == pytest.approx([450.0, 75.0])
    assert found[1] == pytest.approx([0.0, 0.0])
    world.cells.mtdna_freed[cells_of(world)[1]] = [0, 500]
    sense(world, 1 / 60, start=1, foreign_factor=3.0)
    assert world.cells.mtdna_dose[cells_of(world)[1], 1] == pytest.approx(75.0)
    assert (world.cells.mtdna_freed == 0).all()


def test_tlr9_and_sting_are_half_at_their_half_dose():
    """Hill2 and Hill3; time constants. Fault seen to fail it, planted in a copy of the package: Hill2 for STING."""
    world = immune_world(2, uptake=0.0)
    rows = cells_of(world)
    world.cells.mtdna_dose[rows] = [[1000.0, 10.0], [2000.0, 20.0]]
    sense(world, 2.0, 60.0, endosome_digestion=0.0, cytosol_digestion=0.0)
    assert world.cells.tlr9[rows] == pytest.approx(np.array([0.5, 0.8]) * -np.expm1(-4.0), rel=1e-4)
    assert world.cells.sting[rows] == pytest.approx(np.array([0.5, 8 / 9]) * -np.expm1(-1.0), rel=1e-4)


@pytest.mark.parametrize(
    ("column", "node"),
    [("tlr9", NODE_TLR9), ("sting", NODE_STING), ("nlrp3", NODE_NLRP3), ("hazard", NODE_GASDERMIN), ("dose", NODE_ENDOCYTOSIS)],
)
def test_each_node_stops_its_own_branch_only(column, node):
    def seen(blocked):
        world = immune_world(2)
        rows = cells_of(world)
        world.cells.nfkb[rows] = 1.0
        world.cells.env[rows, ATP] = 3000.0
        world.cells.mtdna_dose[rows, 1] = 500.0
        world.wells.mtdna[0] = 1e9
        if blocked:
            world.groups.nodes[:, node] = 0.0
        sense(world, 1.0)
        c = world.cells
        return {"tlr9": c.tlr9[rows[0]], "sting": c.sting[rows[0]], "nlrp3": c.nlrp3[rows[0]], "hazard": c.other_hazards[rows[0], HAZARD_PYROPTOSIS], "dose": c.mtdna_dose[rows[0], 0]}  # fmt: skip  # noqa: E501

    on, off = seen(False), seen(True)
    assert min(on.values()) > 0.05
    assert off[column] == 0.0
    downstream = {"nlrp3": {"hazard"}, "dose": {"tlr9"}}.get(column, set()) | {column}
    assert {name for name in on if on[name] != off[name]} == downstream


@pytest.mark.parametrize(
    ("why", "change", "expected"),
    [
        ("no priming", {"nfkb": 0.0, "atp": 3000.0}, 0.0),
        ("no activation", {"nfkb": 1.0}, 0.0),
        ("primed and ATP", {"nfkb": 0.3, "atp": 300.0}, 0.25),
        ("oxidants", {"nfkb": 0.3, "h2o2": 0.3}, 0.5 * (0.5 - 1 / 3601)),
        ("oxidised mtDNA", {"nfkb": 0.3, "damage": 0.3, "leaked": 100.0}, 0.25),
        ("mtDNA that is not oxidised", {"nfkb": 0.3, "damage": 0.0, "leaked": 100.0}, 0.0),
    ],
)
def test_nlrp3_needs_priming_and_activation(why, change, expected):
    """Fault seen to fail it, planted in a copy of the package: priming and activation added instead of multiplied."""
    world = immune_world(1)
    row = cells_of(world)[0]
    world.cells.nfkb[row] = change["nfkb"]
    world.cells.env[row, ATP] = change.get("atp", 0.0)
    world.cells.h2o2[row] = change.get("h2o2", 0.005)
    world.cells.sums[row, 0, SUM_DAMAGE] = int(change.get("damage", 0.0025) * (100 << 20))
    world.cells.mtdna_dose[row, 1] = change.get("leaked", 0.0)
    sense(world, 12.0, cytosol_digestion=0.0)
    assert world.cells.nlrp3[row] == pytest.approx(expected, rel=1e-3, abs=1e-6), why


def test_hazard_and_il_1beta_go_with_nlrp3():
    world = immune_world(3)
    rows = cells_of(world)
    world.cells.nlrp3[rows] = 0.8
    world.cells.state[rows[2]] = CELL_APOPTOTIC
    world.cells.other_hazards[rows[2], HAZARD_PYROPTOSIS] = 9.0
    sense(world, 1 / 60, nlrp3_time=1e9)
    assert world.cells.other_hazards[rows, HAZARD_PYROPTOSIS] == pytest.approx([0.24, 0.24, 0.0], rel=1e-5)


@pytest.mark.parametrize("fault", [1.0, 1.25])
def test_deaths_by_pyroptosis_are_exponential_at_the_hazard(fault):
    """Fault seen to fail it, planted in a copy of the package: NLRP3 squared in the hazard."""
    world = immune_world(600)
    rows = cells_of(world)
    world.cells.nlrp3[rows] = 1.0
    p, q = values("mtdna_sensing", nlrp3_time=1e9), values("death", base_hazard=0.0, potential_hazard=0.0, damage_hazard=0.0)
    for k in range(4):
        run(world, "mtdna_sensing", p, 0.5, 1800.0, start=k)
        run(world, "death", q, 0.5, 1800.0, start=k)
    dead = int((world.cells.death_cause[rows] == BY_PYROPTOSIS).sum())
    assert (stats.binomtest(dead, 600, -np.expm1(-0.3 * 2.0 * fault)).pvalue > 1e-3) == (fault == 1.0)
