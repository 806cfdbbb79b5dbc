"""Exact limits of neutral and selected drift of mtDNA: F4 (no immigration), F5, F6, G10. Each with a planted fault that fails it.

Faults seen to fail it, planted in a copy of the package: advantage of a haplotype ignored (F5); deterministic
births (F4, F5, G10); births with the uniform of the deaths (F4, F6); fusion that deals no copies (F6).
"""

import numpy as np
import pytest
from scipy import stats

from quality_worlds import heteroplasmy, occupied, rows, run, set_copies, uniform_world

ALPHA = 1e-4
FAST = {"turnover_rate": 1.0, "doubling_time": 0.05}  # one generation per hour, no cap on the rate of replication


def fixed(world):
    h = heteroplasmy(world)
    return (h == 1.0).sum(), (h == 0.0).sum(), h.size


def drift_to_fixation(n, k, *, cells, hours, dt=180, seed=3, pathogenic=None, **changes):
    world = uniform_world(cells, mitochondria=1, copies=n, seed=seed, switches={"mitophagy": "off"}, pathogenic=pathogenic)
    set_copies(world, n - k, k)
    run(world, ["mtdna"], hours, dt=dt, mtdna={**FAST, "feedback": 8.0, **changes})
    return world


def fixation(n, k, r):
    """F5: Moran process, k copies of relative replication rate r among n."""
    return k / n if r == 1.0 else (1.0 - r**-k) / (1.0 - r**-n)


@pytest.mark.parametrize(
    ("advantage", "expected", "passes"),
    [(1.0, 1.0, True), (1.2, 1.2, True), (1.2, 1.0, False)],
    ids=["neutral", "advantage", "planted fault"],
)
def test_f5_fixation_probability(advantage, expected, passes):
    n, k, cells = 20, 3, 3000
    world = drift_to_fixation(n, k, cells=cells, hours=160, pathogenic=(False, True, False, False), pathogenic_advantage=advantage)
    won, lost, total = fixed(world)
    assert won + lost > 0.99 * total
    p = stats.binomtest(int(won), int(won + lost), fixation(n, k, expected)).pvalue
    assert bool(p > ALPHA) is passes


def test_g10_three_copies_among_a_thousand_are_lost():
    """Lost in 99.7 % of cells in the end; after one thousandth of that time most have gone already, none has taken over."""
    world = uniform_world(600, mitochondria=8, copies=125, switches={"mitophagy": "off"}, seed=5)
    set_copies(world, 125, 0)
    first = occupied(world)[::8]
    world.mitochondria.copies[first] = (122, 3, 0, 0)
    world.ledger.open(world)
    run(world, ["mtdna"], 60, dt=300, mtdna={**FAST, "feedback": 3.0})
    h = heteroplasmy(world)
    t = 60.0  # generations; critical branching from 3 copies: P(lost) = (t/(1+t))^3, mean stays 0.003
    assert stats.binomtest(int((h == 0).sum()), h.size, (t / (1 + t)) ** 3).pvalue > ALPHA
    assert h.max() < 0.9
    assert abs(h.mean() - 0.003) < 4.5 * h.std() / np.sqrt(h.size)


@pytest.mark.parametrize(("wrong", "passes"), [(1.0, True), (1.15, False)], ids=["exact", "planted fault"])
def test_f4_critical_birth_and_death_from_n0(wrong, passes):
    """Without feedback births balance deaths: mean constant, variance 2 mu t n0."""
    n0, t, cells = 40, 6.0, 4000
    world = uniform_world(cells, mitochondria=1, copies=n0, switches={"mitophagy": "off"}, seed=7)
    set_copies(world, n0)
    run(world, ["mtdna"], t, dt=60, mtdna={"turnover_rate": 0.5, "feedback": 0.0, "doubling_time": 0.05})
    n = world.cells.copies[rows(world), 0].astype(float)
    assert abs(n.mean() - n0) < 4.5 * n.std() / np.sqrt(cells)
    low, high = (v / (cells - 1) for v in stats.chi2(cells - 1).interval(1 - 1e-3))
    expected = wrong * 2.0 * 0.5 * t * n0
    assert bool(0.96 * low < n.var(ddof=1) / expected < 1.04 * high) is passes  # 4 %: fourth moment of the distribution


def variance_growth(world, rate, hours, n):
    """F6: h0 (1-h0) (1 - exp(-2 rate t/n)) for h0 = 0.5."""
    return 0.25 * (1.0 - np.exp(-2.0 * rate * hours / n))


def within(measured, expected, cells, tolerance=0.04):
    """Whether a variance agrees with its expectation within sampling error and a systematic tolerance."""
    spread = 4.0 * np.sqrt(2.0 / cells)
    return bool(abs(measured / expected - 1.0) < spread + tolerance)


@pytest.mark.parametrize(
    ("kappa", "factor", "passes"), [(3.0, 1.0, True), (1.0, 1.0, True), (3.0, 1.35, False)], ids=["kappa 3", "kappa 1", "planted fault"]
)
def test_f6_heteroplasmy_variance_single_molecules(kappa, factor, passes):
    n, hours, cells = 60, 12.0, 3000
    world = uniform_world(cells, mitochondria=12, copies=5, switches={"mitophagy": "off"}, seed=11)
    set_copies(world, 5, 0)
    half = occupied(world)[::2]
    world.mitochondria.copies[half] = (0, 5, 0, 0)
    world.cells.copies[rows(world)] = (30, 30, 0, 0)
    world.ledger.open(world)
    run(world, ["mtdna"], hours, dt=120, mtdna={**FAST, "feedback": kappa})
    h = heteroplasmy(world)
    assert abs(h.mean() - 0.5) < 4.5 * h.std() / np.sqrt(h.size)  # neutral: mean constant
    assert within(h.var(), factor * variance_growth(world, 1.0, hours, n), cells) is passes


@pytest.mark.parametrize(
    ("fusion", "formula", "passes"),
    [(False, "whole", True), (False, "single", False), (True, "single", True), (True, "whole", False)],
    ids=[
        "homoplasmic organelles",
        "planted fault: formula of single molecules",
        "mixed by fusion",
        "planted fault: formula of whole organelles",
    ],
)
def test_f6_heteroplasmy_variance_whole_organelles(fusion, formula, passes):
    """Mitophagy takes whole organelles, births are single molecules: V grows at (1 + g) mu/n, or 2 mu/n where fusion mixes them."""
    hours, cells = 10.0, 2000
    world = uniform_world(cells, mitochondria=40, copies=5, seed=13, values={"mitophagy.basal_rate": 0.1})
    set_copies(world, 5, 0)
    world.mitochondria.copies[occupied(world)[::2]] = (0, 5, 0, 0)
    world.cells.copies[rows(world)] = (100, 100, 0, 0)
    world.ledger.open(world)
    if fusion:  # let organelles mix before the clock starts
        run(world, ["fusion_fission"], 4, fusion_fission={"mtdna_exchange": 1.0, "uneven_chance": 0.0, "fusion_rate": 20.0}, start=-14400)
    g = []

    def measure(w, tick):
        if tick % 3600 == 0:
            c = w.mitochondria.copies[occupied(w)].sum(axis=1).astype(float)
            g.append((c**2).sum() / c.sum())  # size that a random copy sees

    names = ["mtdna", "fusion_fission", "mitophagy", "biogenesis"] if fusion else ["mtdna", "mitophagy", "biogenesis"]
    run(
        world, names, hours, dt=300, each_step=measure,
        mtdna={"turnover_rate": 0.0, "feedback": 3.0, "doubling_time": 0.05}, mitophagy={"basal_rate": 0.1, "lysosome_capacity": 1e9},
        fusion_fission={"mtdna_exchange": 1.0, "uneven_chance": 0.0, "fusion_rate": 20.0}, biogenesis={"smallest_mass": 0.01},
    )  # fmt: skip
    h = heteroplasmy(world)
    assert abs(h.mean() - 0.5) < 4.5 * h.std() / np.sqrt(h.size)
    size = 1.0 if formula == "single" else np.mean(g)
    n = world.cells.copies[rows(world)].sum(axis=1).mean()
    expected = 0.25 * (1.0 - np.exp(-(1.0 + size) * 0.1 * hours / n))
    assert within(h.var(), expected, cells, tolerance=0.05) is passes
