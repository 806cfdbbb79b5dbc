"""Senescence: entry at its hazard, no division after it, secretion that does not decay, senolytics that spare other cells.

Faults seen to fail it, planted in a copy of the package: entry twice as fast; senescent cells that cycle; a senolytic that kills all;
seeded shares drawn alike for all cells; entry before time zero.
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.nodes import NODE_AGED_SHARE, NODE_NFKB, NODE_SENESCENCE, NODE_SENOLYSIS
from mitoferry.core.schema import CELL_LIVE, CELL_WAITING, Step

ALPHA = 1e-5


@pytest.mark.parametrize(("p53", "node", "fault"), [(1.0, 1.0, 1.0), (0.4, 1.0, 1.0), (0.0, 50.0, 1.0), (1.0, 0.3, 1.0), (1.0, 1.0, 1.5)])
@pytest.mark.parametrize("dt", [300.0, 3600.0])
def test_entry_at_the_hazard(p53, node, fault, dt):
    world, p = cells_world(800, size=2000.0), values("senescence")
    rows = rows_of(world)
    world.cells.p53[rows] = p53
    world.groups.nodes[:, NODE_SENESCENCE] = node
    run(world, "senescence", p, 24.0, dt)
    rate = fault * p.entry * node * (p.base + p53**4 / (p53**4 + p.p53_half**4))
    n = int(world.cells.senescent[rows].sum())
    assert (stats.binomtest(n, 800, 1 - np.exp(-24.0 * rate)).pvalue > ALPHA) == (fault == 1.0)


def test_nobody_enters_before_time_zero_and_nobody_returns():
    world, p = cells_world(100), values("senescence", entry=10.0)
    rows = rows_of(world)
    world.cells.p53[rows] = 1.0
    module("senescence").advance(world, Step(-1, -300, -300.0, 300.0), p)
    assert world.cells.senescent.sum() == 0
    run(world, "senescence", p, 2.0, 300.0)
    assert world.cells.senescent[rows].all()
    world.cells.p53[rows] = 0.0
    run(world, "senescence", p, 24.0, 300.0)
    assert world.cells.senescent[rows].all()


@pytest.mark.parametrize(("share", "fault"), [(0.3, 1.0), (1.0, 1.0), (0.0, 1.0), (0.3, 1.3)])
def test_the_seeded_share_is_drawn_by_cell(share, fault):
    world = cells_world(600, numbers={"senescent": share})
    module("senescence").prepare(world, values("senescence"))
    n = int(world.cells.senescent[rows_of(world)].sum())
    assert world.cells.senescent[: 2 * world.n_wells].sum() == 0
    assert (stats.binomtest(n, 600, min(share * fault, 1.0)).pvalue > ALPHA) == (fault == 1.0)


def test_a_share_above_one_is_refused():
    from mitoferry.base.errors import InputError
    from mitoferry.library.cell_types import cell_type

    assert cell_type("fibroblast").numbers({"senescent": 1.0}).senescent == 1.0
    with pytest.raises(InputError, match="a share of 0 to 1"):
        cell_type("fibroblast").numbers({"senescent": 1.2})


def test_senescent_cells_do_not_divide():
    world = cells_world(40, numbers={"cycle_time": 4.0})
    rows = rows_of(world)
    world.cells.oxygen_flux_class[rows, 0] = 75.0
    world.cells.target_mitochondria[rows] = 400.0
    world.cells.senescent[rows[:20]] = 1
    before = world.cells.volume[rows[:20]].copy()
    run(world, "division", values("division"), 12.0, 600.0)
    assert (world.cells.n_divisions[rows[:20]] == 0).all()
    assert (world.cells.volume[rows[:20]] == before).all()
    assert (world.cells.n_divisions[rows[20:]] > 0).all()


@pytest.mark.parametrize("node", [1.0, 0.2])
def test_nfkb_of_a_senescent_cell_does_not_waver(node):
    """No two processes write it in turn: after every step of either it is at the same level."""
    world, s = cells_world(4), values("signals")
    rows = rows_of(world)
    world.cells.senescent[rows[:2]] = 1
    world.groups.nodes[:, NODE_NFKB] = node
    run(world, "signals", s, 12.0, 300.0)
    for k in range(10):
        assert world.cells.nfkb[rows[:2]] == pytest.approx(node * s.nfkb_senescent, rel=1e-5)
        run(world, ("signals", "senescence")[k % 2], values(("signals", "senescence")[k % 2]), 300 / 3600, 300.0, start=k)
    assert (world.cells.nfkb[rows[2:]] < 0.01).all()


@pytest.mark.parametrize(("own", "aged", "fault"), [(0.0, 0.2, 1.0), (0.3, 0.5, 1.0), (0.0, 0.2, 1.6), (0.3, 0.5, 0.77)])
def test_ageing_makes_a_share_of_the_seeded_cells_senescent_at_time_zero(own, aged, fault):
    """Faults: a larger share; the two shares added instead of as independent causes (0.8 for 0.65)."""
    world, p = cells_world(800, numbers={"senescent": own}), values("senescence", entry=0.0)
    rows = rows_of(world)
    world.cells.added[rows[:200]] = 7200
    world.cells.parent[rows[200:300]] = 5  # born in the run
    world.groups.nodes[:, NODE_AGED_SHARE] = aged
    module("senescence").prepare(world, p)
    before = world.cells.senescent[rows].copy()
    module("senescence").advance(world, Step(0, 0, 0.0, 300.0), p)
    seeded = rows[300:]
    share = (1.0 - (1.0 - own) * (1.0 - aged)) / fault
    assert (stats.binomtest(int(world.cells.senescent[seeded].sum()), seeded.size, share).pvalue > ALPHA) == (fault == 1.0)
    after = world.cells.senescent[rows].copy()
    assert (after[before == 1] == 1).all()
    assert (after[200:300] == before[200:300]).all()
    run(world, "senescence", p, 1.0, 300.0, start=1)
    assert (world.cells.senescent[rows] == after).all()


def test_cells_that_enter_later_are_aged_when_they_enter():
    world, p = cells_world(400), values("senescence", entry=0.0)
    rows = rows_of(world)
    world.cells.added[rows] = 7200
    world.groups.nodes[:, NODE_AGED_SHARE] = 0.5
    world.cells.state[rows] = CELL_WAITING
    run(world, "senescence", p, 2.0, 300.0)
    assert world.cells.senescent.sum() == 0
    world.cells.state[rows] = CELL_LIVE
    run(world, "senescence", p, 1.0, 300.0, start=24)
    assert stats.binomtest(int(world.cells.senescent[rows].sum()), 400, 0.5).pvalue > ALPHA


@pytest.mark.parametrize("fault", [1.0, 1.8])
def test_a_senolytic_kills_senescent_cells_only(fault):
    world = cells_world(800)
    rows = rows_of(world)
    world.cells.senescent[rows[:400]] = 1
    world.groups.nodes[:, NODE_SENOLYSIS] = 0.1
    p = values("death", base_hazard=0.0, potential_hazard=0.0, necrosis_hazard=0.0)
    run(world, "death", p, 8.0, 600.0)
    released = world.cells.momp_time[rows] >= 0.0
    assert not released[400:].any()
    assert (world.cells.state[rows[400:]] == CELL_LIVE).all()
    assert (stats.binomtest(int(released[:400].sum()), 400, 1 - np.exp(-0.8 * fault)).pvalue > ALPHA) == (fault == 1.0)
