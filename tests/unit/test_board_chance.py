"""What chance can do: p, q, wells needed, shuffled expectations; each against a known law."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mitoferry.studies.board import chance
from mitoferry.studies.board.model import BoardFinding, OverDraws
from mitoferry.studies.board.shuffled import shuffled
from mitoferry.studies.contrast import beyond, contrast_of, mean_interval


def contrast(a, b):
    values = [dict(enumerate(x)) for x in (a, b)]
    return contrast_of(*values, readout="x", of="recipient", unit="1", hours=1.0, arm="a", versus="b")


def test_one_sided_p_is_that_of_the_paired_t_test():
    """Fault seen to fail it, planted in a copy of the package: the standard error taken from the spread without 1/sqrt(n)."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(1.0, 1.0, 9), rng.normal(0.4, 1.0, 9)
    c = contrast(a, b)
    up = stats.ttest_rel(a, b, alternative="greater").pvalue
    x = mean_interval(a - b)
    assert beyond(x, 0.0, +1) == pytest.approx(up, rel=1e-9)
    assert beyond(x, 0.0, -1) == pytest.approx(1 - up, rel=1e-9)
    assert chance.sign_probability(c, "increase") == pytest.approx(1 - up, rel=1e-9)
    assert math.isnan(chance.sign_probability(c, "present"))
    assert math.isnan(beyond(mean_interval([1.0]), 0.0, +1))


def test_p_is_uniform_under_no_effect():
    rng = np.random.default_rng(5)
    p = [beyond(mean_interval(rng.normal(0, 1, 5)), 0.0, +1) for _ in range(4000)]
    assert stats.kstest(p, "uniform").pvalue > 1e-4


def test_q_values_keep_the_false_discovery_rate():
    """Over many boards with 80 % of the findings null, findings with q < 5 % are false in at most 5 % on average.

    Fault seen to fail it, planted in a copy of the package: q = p (no correction): 15 % false.
    """
    rng = np.random.default_rng(11)
    false, found = 0, 0
    shares = []
    for _ in range(400):
        null = np.arange(100) < 80
        z = rng.normal(np.where(null, 0.0, 3.2), 1.0)
        q = np.array(chance.q_values(stats.norm.sf(z).tolist()))
        hit = q <= 0.05
        false, found = false + int((hit & null).sum()), found + int(hit.sum())
        shares.append((hit & null).sum() / max(hit.sum(), 1))
    assert np.mean(shares) < 0.05
    assert found > 400 * 8, "the procedure must still find most of the real ones"
    assert math.isnan(chance.q_values([0.01, float("nan")])[1])


@pytest.mark.parametrize(("effect", "sd"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0)])
def test_wells_needed_gives_the_power_that_it_promises(effect, sd):
    """Simulated paired t tests with as many wells as it says find the effect in at least 80 %, with one fewer in less (within 1 %).

    Fault seen to fail it, planted in a copy of the package: 1.96 for the quantile of Student t.
    """
    rng = np.random.default_rng(7)
    d = rng.normal(0, 1, 4000)
    d = (d - d.mean()) / d.std(ddof=1) * sd + effect  # exactly this mean and spread
    n = chance.wells_needed(contrast(d, np.zeros(4000)))
    trials = rng.normal(effect, sd, (20_000, n))
    hits = np.mean(stats.ttest_1samp(trials, 0.0, axis=1).pvalue < 0.05)
    assert hits >= 0.8 - 0.01
    fewer = rng.normal(effect, sd, (20_000, n - 1))
    assert np.mean(stats.ttest_1samp(fewer, 0.0, axis=1).pvalue < 0.05) < 0.8 + 0.01


def test_wells_needed_where_nothing_can_be_said():
    assert chance.wells_needed(contrast([1.0, 2.0], [1.0, 2.0])) == 0
    assert chance.wells_needed(contrast([1.0], [2.0])) == 0
    assert chance.wells_needed(contrast([1.0, 2.0], [0.0, 1.0])) == 2


def test_share_of_draws_with_the_reported_sign():
    c = contrast([1.0, 2.0, 3.0, 1.0], [0.0, 0.0, 4.0, 1.0])
    assert chance.share_with_sign(c, "increase") == pytest.approx(2.5 / 4)
    assert chance.share_with_sign(c, "decrease") == pytest.approx(1.5 / 4)


# ---------------------------------------------------------------------- shuffled expectations
def finding(k, direction, mean, half):
    c = {"versus": "v", "arm_mean": mean, "versus_mean": 0.0, "difference": mean, "low": mean - half, "high": mean + half, "n": 3}
    return BoardFinding(
        id=f"x#{k}", observable="o", of="", arm="a", versus="v", direction=direction, sentence="", verdict="", reason="", over_wells="",
        contrast=c,
    )  # fmt: skip


def board_of(rng, n, truth):
    """Findings of a model that knows the direction with chance ``truth`` and guesses otherwise; 60 % are rises."""
    found = []
    for k in range(n):
        up = rng.random() < 0.6
        seen = up if rng.random() < truth else rng.random() < 0.5
        found.append(finding(k, "increase" if up else "decrease", 1.0 if seen else -1.0, 0.5 if rng.random() < 0.7 else 2.0))
    return found


def test_a_model_that_guesses_does_as_well_with_shuffled_expectations():
    """The share of boards of a guessing model that look better than chance at 5 % is about 5 % (never a cause for pride)."""
    rng = np.random.default_rng(2)
    p = [shuffled(board_of(rng, 60, 0.0), seed=k, shuffles=300).p for k in range(200)]
    assert np.mean(np.array(p) < 0.05) < 0.11
    assert np.mean(p) > 0.4


def test_a_model_that_knows_does_better_than_shuffled_expectations():
    s = shuffled(board_of(np.random.default_rng(4), 60, 0.9))
    assert s.reproduced > s.high
    assert s.p < 0.001
    assert s.n == 60


def test_what_counts_is_shuffled():
    """Where verdicts are over draws of the parameters, so are the shuffled ones. Fault seen to fail it: the wells are judged."""

    def drawn(f, half):
        c = f.contrast
        over = {
            "difference": c["difference"],
            "low": c["difference"] - half,
            "high": c["difference"] + half,
            "arm_mean": 1.0,
            "versus_mean": 0.0,
        }
        return replace(f, over_draws=OverDraws(n=8, verdict="", reason="", **over))

    clear = board_of(np.random.default_rng(4), 60, 0.9)
    assert shuffled([drawn(f, 0.5) for f in clear]).reproduced > shuffled(clear).reproduced > 0
    assert shuffled([drawn(f, 9.0) for f in clear]).reproduced == 0


def test_a_model_in_which_everything_rises_gains_nothing():
    rng = np.random.default_rng(6)
    found = [finding(k, "increase" if rng.random() < 0.7 else "decrease", 1.0, 0.5) for k in range(80)]
    s = shuffled(found)
    assert s.mean == s.reproduced
    assert s.p == 1.0
