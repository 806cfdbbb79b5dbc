"""F1-F3 with the losses of the model itself: transport, mitophagy and lysis of arrivals run together; and uptake from the medium.

Exact: the count is Poisson (F1), binomial (F2), or that of batches (F3); means, variances and the share of cells with none. Step
error: a mitochondrion that arrives within a step is exposed to the losses of the whole step, so that the mean is off by up to
rate x dt / 2 (0.8 % at 120 s and 0.5 /h), which is granted beside 4.5 standard errors.
Faults seen to fail it, planted in a copy of the package: arrivals lysed at 1.3 times their rate; mitophagy chance without its exponent
of dt in hours; loading that does not follow the number of mitochondria.
"""

import numpy as np
import pytest
from scipy import stats

from fates import rest, slots_of
from mitoferry.backends.cpu import Cpu
from mitoferry.core.plate_spec import Geometry
from mitoferry.processes import arrival, death, free_mitochondria, mitophagy, nanotube_clocks, nanotube_transport
from nanotubes import HOUR, PLAIN, Stage, held, rows_of, tie, wells_of
from worlds import cell_type, make_world, parameters, population

BACKEND = Cpu(threads=1)
ALPHA, Z = 1e-4, 4.5
FOR_EVER = {"thick_lifetime": 1e12, "thin_lifetime": 1e12, "thickening_rate": 0.0}
NEAR = [(100.0, 100.0), (140.0, 100.0)]


def pairs(n, mitochondria, *, lysis, seed=1):
    """Wells with a tie from a cell of population 1 to an empty one of population 0, whose arrivals are lysed at ``lysis`` [1/h]."""
    world = wells_of(
        (1, 1), NEAR, n_wells=n, mitochondria=(0, mitochondria), backend=BACKEND, miro1=(0.0, 1.0), arrival_lysis=(lysis, 0.0), seed=seed
    )
    tie(world, rows_of(world, 1), rows_of(world, 0), diameter=1.0)
    world.cells.target_mitochondria[rows_of(world, 0)] = mitochondria  # what its lysosomes are scaled to
    world.backend.push(world.cells)
    return world


def run(world, hours, *, dt=120.0, loading, mitophagy_rate=0.0):
    """Counts of the recipients at the end."""
    Stage(
        world, (nanotube_clocks, nanotube_transport, arrival, mitophagy), nanotube_clocks=FOR_EVER,
        nanotube_transport={**PLAIN, "loading_rate": loading}, mitophagy={"basal_rate": mitophagy_rate, "lysosome_capacity": 1e6},
    ).run(dt, round(hours * HOUR / dt))  # fmt: skip
    return held(world)[rows_of(world, 0)]


def is_poisson(counts, mean, granted):
    n = counts.size
    index = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    return bool(
        abs(counts.mean() - mean) < Z * np.sqrt(mean / n) + granted * mean
        and ALPHA < stats.chi2(n - 1).cdf(index) < 1 - ALPHA
        and stats.binomtest(int((counts > 0).sum()), n, 1 - np.exp(-mean)).pvalue > ALPHA
    )


def test_f1_supply_against_lysis_is_poisson():
    n, k, loss, hours = 400, 2.0, 0.5, 6.0
    counts = run(pairs(n, 400, lysis=loss), hours, loading=k / 4.0)
    mean = k / loss * (1 - np.exp(-loss * hours))
    granted = 0.025  # 1.5 % of the pool has gone on average, and the step error
    assert is_poisson(counts, mean, granted)
    assert not is_poisson(counts, k * hours, granted)  # planted fault: no loss
    assert not is_poisson(counts, k / (1.3 * loss) * (1 - np.exp(-1.3 * loss * hours)), granted)  # planted fault: too fast


@pytest.mark.parametrize("limit", [False, True], ids=["mu < k + d", "mu = k + d"])
def test_f2_finite_pool_with_loss_on_both_sides_is_binomial(limit):
    """Each of N0 leaves at k, dies in the donor at d, and in the recipient at mu = lysis + d (mitophagy takes arrivals as well)."""
    n, k, d, hours = 500, 0.9, 0.3, 1.5
    lysis = k if limit else 0.2
    world = pairs(n, 20, lysis=lysis, seed=3 + limit)
    n0 = int(held(world)[rows_of(world, 1)][0])
    assert (held(world)[rows_of(world, 1)] == n0).all()
    counts = run(world, hours, dt=60.0, loading=100.0 * k, mitophagy_rate=d)

    def agrees(k, d, mu):
        away = k + d
        p = k * hours * np.exp(-mu * hours) if abs(mu - away) < 1e-9 else k * (np.exp(-away * hours) - np.exp(-mu * hours)) / (mu - away)
        mean, variance = n0 * p, n0 * p * (1 - p)
        index = ((counts - counts.mean()) ** 2).sum() / variance
        return bool(
            abs(counts.mean() - mean) < Z * np.sqrt(variance / n) + 0.01 * mean and ALPHA < stats.chi2(n - 1).cdf(index) < 1 - ALPHA
        )

    assert agrees(k, d, lysis + d)
    assert not agrees(k, 0.0, lysis + d)  # planted fault: nothing dies in the donor
    assert not agrees(k, d, lysis)  # planted fault: nothing dies in the recipient but by lysis
    left = held(world)[rows_of(world, 1)]
    p = np.exp(-(k + d) * hours)
    assert abs(left.mean() - n0 * p) < Z * np.sqrt(n0 * p * (1 - p) / n) + 0.01 * n0 * p
    assert ALPHA < stats.chi2(n - 1).cdf(((left - left.mean()) ** 2).sum() / (n0 * p * (1 - p))) < 1 - ALPHA


def test_f3_uptake_from_a_stirred_medium_is_not_clustered():
    """Free mitochondria are taken one by one: among the wells binomial, among the cells of a well multinomial (Fano factor 1)."""
    wells, cells = 120, 10
    kinds = [cell_type(mitochondria=2.0, mtdna=4.0, cell_cv=0.0), cell_type(mitochondria=100.0, mtdna=200.0, cell_cv=0.0)]
    world = make_world(
        [population("recipient", 0, count=cells, numbers=kinds[0]), population("donor", 1, count=2, numbers=kinds[1])],
        backend=BACKEND, replicates=wells, geometry=Geometry(size=(200.0, 200.0, 20.0), medium_height=100.0),
        parameters={"seeding.well_cv": 0.0},
    )  # fmt: skip
    rest(world)
    donors, takers = rows_of(world, 1), rows_of(world, 0)
    world.cells.atp[donors], world.cells.atp[takers] = 0.0, 1e3
    burst = {"necrosis_hazard": 1e9, "necrosis_atp": 1e-3, "base_hazard": 0.0, "potential_hazard": 0.0}
    Stage(world, (death,), death=burst).run(60.0)
    world.cells.atp[takers] = 2.88
    free = np.array([len(slots_of(world, world.pool(w, 1))) for w in range(wells)])
    assert free.min() > 150
    assert np.ptp(free) == 0
    world.cells.radius[takers] = 10.0
    p = parameters(None, "free_mitochondria", free_mitochondria.Parameters, lysis_rate=0.0)
    hours = 0.3
    Stage(world, (free_mitochondria,), free_mitochondria={"lysis_rate": 0.0}).run(60.0, round(hours * 60))
    area = np.pi * 100.0
    energy = 2.88**2 / (2.88**2 + (p.atp_half * 2.88) ** 2)
    rate = cells * (3600.0 * p.clearance + p.settling_speed * p.settled_chance * area) * energy / 4e6
    share = 1 - np.exp(-rate * hours)
    assert 0.02 < share < 0.6
    taken = world.cells.received[takers].reshape(wells, cells).astype(float)
    per_well = taken.sum(axis=1)
    n = free[0]
    assert abs(per_well.mean() - n * share) < Z * np.sqrt(n * share * (1 - share) / wells)
    assert ALPHA < stats.chi2(wells - 1).cdf(((per_well - per_well.mean()) ** 2).sum() / (n * share * (1 - share))) < 1 - ALPHA
    within = ((taken - per_well[:, None] / cells) ** 2 / (per_well[:, None] / cells)).sum()  # Fano factor 1 among the cells of a well
    assert ALPHA < stats.chi2(wells * (cells - 1)).cdf(within) < 1 - ALPHA
    assert not ALPHA < stats.chi2(wells * (cells - 1)).cdf(within / 1.5) < 1 - ALPHA  # planted fault: clustered, Fano factor 1.5
