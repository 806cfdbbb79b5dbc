"""Variation between cells: stationary law, memory, sisters, step size, pairing; what the amounts do to H2O2 and to death; Nrf2's answer.

Faults seen to fail it, planted in a copy of the package: kept share of exp(-2 dt/memory); a mean of exp(variance/2); the two amounts from
one deviate; enzymes that the amount divides; a threshold that multiplies H2O2; Nrf2's answer added on top of a full pulse.
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.schema import H2O2 as FIELD_H2O2
from mitoferry.processes.reactive_oxygen import steady_h2o2, under_membrane

ALPHA = 1e-5
N = 20_000


@pytest.fixture(scope="module")
def world():
    return cells_world(N)


def drawn(world, **changes):
    p = values("cell_variation", **changes)
    module("cell_variation").prepare(world, p)
    return p


def deviates(column, cv):
    variance = np.log(1 + cv**2)
    return (np.log(column.astype(float)) + 0.5 * variance) / np.sqrt(variance)


@pytest.mark.parametrize("hours", [0.0, 200.0])
def test_amounts_are_lognormal_with_mean_one_and_stay_so(world, hours):
    p = drawn(world, antioxidant_cv=0.25, threshold_cv=0.3)
    run(world, "cell_variation", p, hours, 14_400.0)
    rows = rows_of(world)
    z = [deviates(world.cells.own_antioxidant[rows], 0.25), deviates(world.cells.own_threshold[rows], 0.3)]
    for amount, cv, own in ((world.cells.own_antioxidant[rows], 0.25, z[0]), (world.cells.own_threshold[rows], 0.3, z[1])):
        assert stats.kstest(own, "norm").pvalue > ALPHA
        assert amount.mean() == pytest.approx(1.0, abs=5 * cv / np.sqrt(N))
        assert amount.std() == pytest.approx(cv, rel=0.05)
    assert abs(stats.pearsonr(*z).statistic) < 5 / np.sqrt(N)


@pytest.mark.parametrize("dt", [600.0, 7200.0])
def test_a_cell_forgets_in_the_given_time(world, dt):
    p = drawn(world, memory=30.0)
    rows = rows_of(world)
    before = deviates(world.cells.own_threshold[rows], p.threshold_cv)
    run(world, "cell_variation", p, 12.0, dt)
    after = deviates(world.cells.own_threshold[rows], p.threshold_cv)
    found = stats.pearsonr(before, after).statistic
    assert found == pytest.approx(np.exp(-12.0 / 30.0), abs=5 / np.sqrt(N))


def test_sisters_start_alike_and_drift_apart(world):
    p = drawn(world, memory=30.0)
    rows = rows_of(world)
    one, other = rows[: N // 2], rows[N // 2 :]
    world.cells.own_antioxidant[other] = world.cells.own_antioxidant[one]
    run(world, "cell_variation", p, 15.0, 3600.0)
    z = [deviates(world.cells.own_antioxidant[r], p.antioxidant_cv) for r in (one, other)]
    assert stats.pearsonr(*z).statistic == pytest.approx(np.exp(-2 * 15.0 / 30.0), abs=5 / np.sqrt(N / 2))


def test_without_a_spread_every_cell_is_the_mean_of_its_type(world):
    p = drawn(world, antioxidant_cv=0.0, threshold_cv=0.0)
    run(world, "cell_variation", p, 2.0, 600.0)
    rows = rows_of(world)
    assert (world.cells.own_antioxidant[rows] == 1.0).all()
    assert (world.cells.own_threshold[rows] == 1.0).all()


def test_enzymes_of_a_cell_set_its_h2o2():
    """H2O2 that comes in from the medium, in a cell without mitochondria at work: the root of the balance with ``x`` times the enzymes."""
    world = cells_world(3)
    rows, p = rows_of(world), values("reactive_oxygen")
    c = world.cells
    c.target_mitochondria[rows], c.volume[rows] = 400.0, 3.0
    c.own_antioxidant[rows] = (0.5, 1.0, 2.0)
    c.env[rows, FIELD_H2O2] = 300.0
    run(world, "reactive_oxygen", p, 1 / 60, 60.0)
    unit = p.electron_leak * 0.887 * 190.0 / (p.oxygen_half + 190.0)
    level = float(world.groups.antioxidant_level[c.group[rows[0]]])
    for r, x in zip(rows, (0.5, 1.0, 2.0), strict=True):
        scavenging = x * p.scavenging_factor * unit * 400.0 / 3.0 * level
        outer = under_membrane(300.0, 3.0, 1.0, x, world.spec.parameters["diffusion.h2o2_clearance"], p)
        wanted = steady_h2o2(p.inward / 1000.0 * 400.0 / 3.0 * outer, scavenging, p.scavenging_half, p.catalase + p.outward)
        assert float(c.h2o2[r]) == pytest.approx(wanted, rel=1e-5)


def test_what_a_membrane_withstands_scales_what_it_meets():
    """The hazard of a cell of threshold x at H2O2 of x H is that of a mean cell at H; without a stress x makes no difference."""
    world, p = cells_world(4), values("death", base_hazard=0.0, priming_time=1e-6)
    rows, c = rows_of(world), world.cells
    c.own_threshold[rows] = (1.0, 0.5, 2.0, 0.5)
    c.h2o2[rows] = (0.2, 0.1, 0.4, 0.2)
    c.dna_damage[rows] = (1.0, 0.5, 2.0, 1.0)
    run(world, "death", p, 1 / 60, 60.0)
    found = c.death_hazard[rows].astype(float)
    wanted = p.h2o2_hazard / (1 + (p.h2o2_half / 0.2) ** 4) + p.dna_hazard / (1 + p.dna_half**4)
    assert found[:3] == pytest.approx(wanted, rel=1e-5)
    assert found[3] > 1.5 * wanted


def test_a_dose_that_hurts_kills_a_share_and_not_all_or_none(world):
    """Cells at one lasting H2O2, half way up the hazard: with a spread of thresholds the hazards differ as the law says."""
    p, death = drawn(world), values("death", base_hazard=0.0, priming_time=1e-6)
    rows, c = rows_of(world), world.cells
    c.h2o2[rows] = death.h2o2_half
    run(world, "death", death, 1 / 60, 60.0)
    x = c.own_threshold[rows].astype(float)
    wanted = death.h2o2_hazard / (1 + x**4)
    alive = c.state[rows] == 1
    assert c.death_hazard[rows][alive] == pytest.approx(wanted[alive], rel=1e-5)
    assert np.quantile(wanted, 0.95) > 3 * np.quantile(wanted, 0.05)
    assert p.threshold_cv > 0.0
    c.h2o2[rows] = 0.005


@pytest.mark.parametrize(("pulse", "fault"), [(0.0, ""), (0.5, ""), (1.0, ""), (0.0, "half"), (0.0, "mitochondria alone")])
def test_nrf2_answers_h2o2_and_shares_its_target_with_the_pulse(pulse, fault):
    """A' = (T - A)/tau - k H A at fixed H, T = 1 + u + n (1 - s NF-kB) (gain - u)+: in the end A is T/(tau rate).

    n answers H2O2 of the mitochondria and that beneath the membrane.
    """
    world, p = cells_world(1), values("reactive_oxygen", antioxidant_time=0.5)
    rows, c = rows_of(world), world.cells
    c.env[rows, FIELD_H2O2] = 20.0
    c.target_mitochondria[rows] = 400.0
    c.arrival_pulse[rows] = pulse
    c.nfkb[rows] = 0.25
    run(world, "reactive_oxygen", p, 40.0, 600.0)
    h = float(c.h2o2[rows[0]]) * float(world.groups.h2o2_scale[c.group[rows[0]]])
    met = h + (float(c.h2o2_membrane[rows[0]]) if fault != "mitochondria alone" else 0.0)
    half = p.nrf2_half * (1.2 if fault == "half" else 1.0)
    answer = max(met**2 / (met**2 + half**2) - 0.005**2 / (0.005**2 + half**2), 0.0)
    answer *= 1.0 - 0.25 * p.nrf2_nfkb
    u = p.pulse_gain * pulse
    target = 1 + u + answer * max(p.nrf2_gain - u, 0.0)
    rate = 1 / 0.5 + p.antioxidant_depletion * float(c.h2o2[rows[0]]) / 0.1
    close = float(c.antioxidant[rows[0]]) == pytest.approx(target / (0.5 * rate), rel=2e-3)
    assert close == (fault == "")
    assert fault or 0.02 < answer < 0.9
