"""Priming for apoptosis: exact courses of BH3-only proteins and burst mitochondria, any step; who dies, when.

Faults seen to fail it, planted in a copy of the package: time constant of priming taken in half (courses, pulses, times of
death); burst mitochondria that do not count against those left, k o instead of k o (1 - burst) (course); hazard of a stress without delay
(pulses, times of death); what the membrane withstands left out (the strong and the weak).
"""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad, solve_ivp

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.maths import relax
from mitoferry.core.schema import CELL_LIVE, N_CLASSES, SUM_COUNT, SUM_DEHYDROGENASE, SUM_MASS

ALPHA = 1e-5
ONLY_H2O2 = {
    "base_hazard": 0.0, "damage_hazard": 0.0, "potential_hazard": 0.0, "necrosis_hazard": 0.0, "rescue_rate": 0.0, "pore_hazard": 0.0,
}  # fmt: skip
ONLY_PORES = {name: value for name, value in ONLY_H2O2.items() if name != "pore_hazard"} | {"h2o2_hazard": 0.0}
SCALE = 1 << 24


def with_pores(world, share):
    """Every cell with ``share`` of its mass behind open pores."""
    for row in rows_of(world):
        world.cells.sums[row] = 0
        world.cells.sums[row, 0, SUM_COUNT] = 100
        world.cells.sums[row, 0, SUM_MASS] = SCALE
        world.cells.sums[row, 0, SUM_DEHYDROGENASE] = int((1.0 - share) * SCALE)
        world.cells.psi[row] = [150.0] * N_CLASSES


@pytest.mark.parametrize("dt", [60.0, 3600.0, 4 * 3600.0])
def test_course_of_both_is_exact_at_any_step(dt):
    """Against the differential equations solved by SciPy: stress for 8 h, then none for 8 h."""
    world = cells_world(4)
    p = values("death", **(ONLY_H2O2 | {"h2o2_hazard": 0.02}))
    with_pores(world, 0.3)
    world.cells.h2o2[:] = 0.3
    rows = rows_of(world)
    stress = 0.02 * 0.3**4 / (0.3**4 + p.h2o2_half**4)

    def slope(t, y):
        on = t < 8.0
        opened = 0.3 if on else 0.0
        return [((stress if on else 0.0) - y[0]) / p.priming_time, p.burst_rate * opened * (1 - y[1]) - y[1] / p.burst_recovery]

    wanted = solve_ivp(slope, (0.0, 16.0), [0.0, 0.0], t_eval=[8.0, 16.0], rtol=1e-9, atol=1e-12, max_step=0.05).y
    row_of = module("death").chance_rate
    for k, hours in enumerate((8.0, 8.0)):
        if k:
            world.cells.h2o2[:] = 0.0
            with_pores(world, 0.0)
        for _ in range(round(hours * 3600.0 / dt)):
            row_of(int(rows[0]), CELL_LIVE, world.cells, world.groups, p, dt / 3600.0)
        assert world.cells.primed[rows[0]] == pytest.approx(wanted[0, k], rel=1e-4)
        assert world.cells.burst[rows[0]] == pytest.approx(wanted[1, k], rel=1e-4)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_a_short_stress_counts_by_its_length(share):
    """Hazards summed over all times after a pulse: that of the stress times its length, whatever the delay."""
    p = values("death", **ONLY_H2O2)
    m = module("priming")
    hours = share * p.priming_time
    called = m.called_for(5.0, 0.0, 0.0, p)
    after = relax(0.0, called, hours, p.priming_time)
    assert after == pytest.approx(called * (1.0 - np.exp(-share)))
    assert after < 1.01 * share * called  # a tenth of the time leaves a tenth of the hazard
    during = quad(lambda t: relax(0.0, called, t, p.priming_time), 0.0, hours)[0]
    later = quad(lambda t: relax(after, 0.0, t, p.priming_time), 0.0, 40.0 * p.priming_time)[0]
    assert during + later == pytest.approx(called * hours, rel=1e-6)


def test_cells_die_hours_after_the_stress():
    """4,000 cells after 2 h of H2O2: number and times of cytochrome c release by the integrated hazard (binomial, KS)."""
    world = cells_world(4000, seed=11)
    p = values("death", **(ONLY_H2O2 | {"h2o2_hazard": 0.3, "caspase_free_hazard": 0.0}))
    rows = rows_of(world)
    world.cells.own_threshold[rows] = 1.0
    world.cells.h2o2[rows] = 2.0
    at = run(world, "death", p, 2.0, 300.0)
    world.cells.h2o2[rows] = 0.0
    run(world, "death", p, 22.0, 300.0, start=at)
    called = module("priming").called_for(2.0, 0.0, 0.0, p)
    tau = p.priming_time
    top = called * (1 - np.exp(-2.0 / tau))

    def total(t):
        t = np.asarray(t, dtype=float)
        rising = called * (np.minimum(t, 2.0) - tau * (1 - np.exp(-np.minimum(t, 2.0) / tau)))
        return rising + top * tau * (1 - np.exp(-np.maximum(t - 2.0, 0.0) / tau))

    times = world.cells.momp_time[rows]
    times = times[times >= 0] / 3600.0
    dead = 1 - np.exp(-total(24.0))
    assert stats.binomtest(len(times), 4000, dead).pvalue > ALPHA
    assert stats.kstest(times, lambda t: (1 - np.exp(-total(t))) / dead).pvalue > ALPHA
    assert np.mean(times > 2.0) > 0.6, "most die after the stress is over"
    without = 1 - np.exp(-called * np.minimum(times, 2.0))
    assert stats.kstest(without / (1 - np.exp(-2.0 * called)), "uniform").pvalue < 1e-12, "hazards without a delay would be seen"


def test_a_third_of_the_mitochondria_must_burst():
    """With 60 % of the pores open: few die in 15 min, nearly all in 3 h, and few more once the pores have closed early."""
    p = values("death", **(ONLY_PORES | {"caspase_free_hazard": 0.0}))

    def dead(hours_open, hours):
        world = cells_world(1500, seed=12)
        world.cells.own_threshold[rows_of(world)] = 1.0
        with_pores(world, 0.6)
        at = run(world, "death", p, hours_open, 60.0)
        with_pores(world, 0.0)
        run(world, "death", p, hours, 60.0, start=at)
        return float((world.cells.momp_time[rows_of(world)] >= 0).mean())

    def wanted(hours_open, hours):
        m = module("priming")
        m4 = module("death")
        burst, total = 0.0, 0.0
        for k in range(round((hours_open + hours) * 60)):
            burst = m.swollen(burst, 0.6 if k < hours_open * 60 else 0.0, 1 / 60, p)
            total += m4.cytochrome_hazard(0.0, 156.0, burst, 0.0, 0.0, p) / 60
        return 1 - np.exp(-total)

    for open_for, chance in ((0.25, (0.0, 0.02)), (3.0, (0.9, 1.0))):
        seen, law = dead(open_for, 3.0), wanted(open_for, 3.0)
        assert chance[0] <= law <= chance[1]
        assert stats.binomtest(round(1500 * seen), 1500, min(max(law, 1e-9), 1 - 1e-9)).pvalue > ALPHA


def test_the_strong_withstand_what_the_weak_die_of():
    world = cells_world(2000, seed=13)
    p = values("death", **(ONLY_H2O2 | {"h2o2_hazard": 1.0}))
    rows = rows_of(world)
    world.cells.own_threshold[rows] = np.where(np.arange(len(rows)) % 2, 1.5, 0.7)
    world.cells.h2o2[rows] = 0.2
    run(world, "death", p, 8.0, 600.0)
    dead = world.cells.momp_time[rows] >= 0
    assert dead[::2].mean() > 0.8
    assert dead[1::2].mean() < 0.7 * dead[::2].mean()
