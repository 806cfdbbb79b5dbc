"""Division: doubling time, size, conservation, ids, binomial partition (F7), the DHODH gate, crowding."""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, module, rows_of, run, slots_of, values
from mitoferry.core.nodes import NODE_URIDINE
from mitoferry.core.schema import Step


def growing(count=60, mitochondria=0, *, time=20.0, respiration=75.0, **changes):
    world = cells_world(count, mitochondria, numbers={"cycle_time": time}, **changes)
    rows = rows_of(world)
    world.cells.oxygen_flux_class[rows, 0] = respiration
    world.cells.target_mitochondria[rows] = 400.0
    return world


def test_cells_double_in_the_cycle_time_and_keep_their_size():
    world = growing(100)
    rows = rows_of(world)
    world.cells.cycle[rows] = (np.arange(100) + 0.5) / 100
    world.cells.volume[rows] = 3.0 * 2 ** world.cells.cycle[rows]
    mean = float(world.cells.volume[rows].mean())
    p = values("division", spread=0.0)
    run(world, "division", p, 20.0, 600.0)
    rows = rows_of(world)
    assert len(rows) == 200
    assert float(world.cells.volume[rows].mean()) == pytest.approx(mean, rel=5e-3)
    assert world.cells.volume[rows].max() < 6.1
    assert world.cells.volume[rows].min() > 2.95
    half = growing(100)
    half.cells.cycle[rows_of(half)] = (np.arange(100) + 0.5) / 100
    run(half, "division", p, 10.0, 600.0)
    assert len(rows_of(half)) == pytest.approx(150, abs=2)


@pytest.mark.parametrize("spread", [0.2, 0.5])
def test_daughters_with_a_head_start_keep_the_size_of_their_lineage(spread):
    """Cells of one size divide for seven generations; a head start, in which they do not grow, costs the lineage nothing.

    Fault seen to fail it, planted in a copy of the package: growth by 2^progress, as before (at 0.2 a third smaller).
    """
    world = growing(60)
    rows = rows_of(world)
    world.cells.cycle[rows] = spread * (np.arange(60) + 0.5) / 60
    world.cells.volume[rows] = 3.0 * 2 ** (world.cells.cycle[rows] / (1.0 - 0.5 * spread))
    start = float(np.log(world.cells.volume[rows] / 2 ** (world.cells.cycle[rows] / (1.0 - 0.5 * spread))).mean())
    run(world, "division", values("division", spread=spread), 120.0, 600.0)
    rows = rows_of(world)
    assert len(rows) > 60 * 2**5
    at_birth = world.cells.volume[rows] / 2 ** (world.cells.cycle[rows] / (1.0 - 0.5 * spread))
    # of 60 lineages; between cells the logarithm walks by spread/sqrt(12) G ln 2 per generation around its mean
    noise = 4.0 * spread / np.sqrt(12.0) / (1.0 - 0.5 * spread) * np.log(2.0) * np.sqrt(7.0 / 60.0)
    assert abs(float(np.log(at_birth).mean()) - start - np.log(1.0)) < noise + 0.02


def test_ids_are_new_and_unique_and_daughters_know_their_mother():
    world = growing(30, time=2.0)
    seeded = set(world.cells.id[rows_of(world)].tolist())
    before = int(world.wells.n_born.sum())
    run(world, "division", values("division"), 8.0, 600.0)
    rows = rows_of(world)
    ids = world.cells.id[rows]
    assert len(set(ids.tolist())) == len(ids) > 200
    born = rows[~np.isin(ids, list(seeded))]
    assert set(world.cells.parent[born].tolist()) <= set(ids.tolist())
    assert (world.cells.id[born] >> 24 == 0).all()
    assert (world.cells.n_divisions[rows].sum()) == len(born) == world.wells.n_born.sum() - before


@pytest.mark.parametrize(("share", "right"), [(0.5, True), (0.45, False)])
def test_f7_partition_is_binomial_and_the_ledger_does_not_change(share, right):
    world = growing(150, 40, seed=7)
    mothers = rows_of(world)
    before = world.cells.n_mitochondria[mothers].astype(int)
    ids = {(int(world.mitochondria.birth[s]), int(world.mitochondria.ordinal[s])) for r in mothers for s in slots_of(world, r)}
    world.cells.cycle[mothers] = 1.0
    module("division").advance(world, Step(0, 0, 0.0, 600.0), values("division"))
    world.ledger.check(world, "division", 0)
    assert (world.wells.ledger == 0).all()
    rows = rows_of(world)
    after = {(int(world.mitochondria.birth[s]), int(world.mitochondria.ordinal[s])) for r in rows for s in slots_of(world, r)}
    assert after == ids
    kept = world.cells.n_mitochondria[mothers].astype(int)
    assert (stats.binomtest(int(kept.sum()), int(before.sum()), share).pvalue > 1e-5) == right
    scatter = ((kept - before * share) ** 2 / (before * share * (1 - share))).sum()
    if right:
        assert 1e-5 < stats.chi2.cdf(scatter, len(kept)) < 1 - 1e-5  # variance n/4, neither an even split nor clusters


@pytest.mark.parametrize(("respiration", "uridine", "divides"), [(75.0, 0.0, True), (0.3, 0.0, False), (0.0, 1.0, True), (2.5, 0.0, True)])
def test_rho0_cells_need_uridine_not_atp(respiration, uridine, divides):
    """DHODH: 3 % of normal respiration suffices; without it full ATP does not help, uridine does."""
    world = growing(40, time=4.0, respiration=respiration)
    world.groups.nodes[:, NODE_URIDINE] = uridine
    run(world, "division", values("division"), 8.0, 600.0)
    assert (len(rows_of(world)) > 80) == divides


def test_no_division_without_a_cycle_or_atp_and_crowding_slows_it():
    p = values("division")
    world = growing(20, time=0.0)
    run(world, "division", p, 4.0, 600.0)
    assert len(rows_of(world)) == 20
    world = growing(20, time=2.0)
    world.cells.atp[:] = 0.2
    run(world, "division", p, 8.0, 600.0)
    assert len(rows_of(world)) < 24
    world = growing(1, time=2.0)
    row, rate = rows_of(world)[0], module("division").cycle_rate
    free = rate(row, world.cells, world.groups, p)
    world.cells.n_contacts[row] = int(p.contacts_half)
    assert rate(row, world.cells, world.groups, p) == pytest.approx(0.5 * free)
    assert free == pytest.approx(0.5, rel=1e-3)


def test_daughters_lie_side_by_side():
    world = growing(40, time=20.0, size=600.0)
    mothers = rows_of(world)
    world.cells.cycle[mothers] = 1.0
    module("division").advance(world, Step(0, 0, 0.0, 600.0), values("division"))
    rows = rows_of(world)[40:]
    order = [int(np.flatnonzero(world.cells.id[mothers] == i)[0]) for i in world.cells.parent[rows]]
    dx = world.cells.x[rows] - world.cells.x[mothers][order]
    dy = world.cells.y[rows] - world.cells.y[mothers][order]
    dx -= 600.0 * np.round(dx / 600.0)
    dy -= 600.0 * np.round(dy / 600.0)
    assert np.allclose(np.hypot(dx, dy), 2 * world.cells.radius[rows], rtol=1e-3)
