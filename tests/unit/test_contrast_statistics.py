"""Contrasts over wells: agreement with SciPy, coverage of the intervals, and the arms as a reader names them."""

import fake_run
import numpy as np
import pytest
from scipy import stats

from mitoferry.base.errors import InputError
from mitoferry.studies.contrast import contrast_of, hedges_g, interval_text, mean_interval, number, p_text
from mitoferry.studies.results import Results, hours_of
from mitoferry.studies.summary import control_of, summary_of

LABELS = {"readout": "x", "of": "", "unit": "1", "hours": 24.0, "arm": "a", "versus": "b"}


def values(x):
    return dict(enumerate(np.asarray(x, float).tolist()))


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_paired_difference_as_scipy(n):
    rng = np.random.default_rng(n)
    shared = rng.normal(0, 3, n)
    a, b = 5 + shared + rng.normal(0, 1, n), 4 + shared + rng.normal(0, 1, n)
    c = contrast_of(values(a), values(b), **LABELS)
    t = stats.ttest_rel(a, b)
    low, high = t.confidence_interval(0.95)
    assert c.difference == pytest.approx((a - b).mean())
    assert (c.low, c.high, c.p) == pytest.approx((low, high, t.pvalue))
    assert c.n == n
    r = stats.ttest_1samp(a, 0.0).confidence_interval(0.95)
    alone = contrast_of(values(a), None, **LABELS | {"versus": ""})
    assert (alone.low, alone.high) == pytest.approx((r.low, r.high))


def test_only_shared_replicates_are_paired_and_nan_is_left_out():
    c = contrast_of({0: 1.0, 1: 2.0, 2: 9.0, 3: float("nan")}, {1: 1.0, 2: 7.0, 3: 5.0, 4: 100.0}, **LABELS)
    assert c.n == 2
    assert c.arm_values == (2.0, 9.0)
    assert c.difference == 1.5
    with pytest.raises(ValueError, match="share no replicate"):
        contrast_of({0: 1.0}, {1: 1.0}, **LABELS)


def test_one_well_has_no_interval_and_says_so():
    c = contrast_of({0: 3.0}, {0: 1.0}, **LABELS)
    assert c.difference == 2.0
    assert np.isnan([c.low, c.high, c.p, c.hedges_g]).all()
    assert "no interval from one well" in str(c)
    assert "n = 1 well per arm" in str(c)


def test_equal_bytes_give_exactly_no_difference():
    c = contrast_of(values([1.1, 2.7, 3.3]), values([1.1, 2.7, 3.3]), **LABELS)
    assert (c.difference, c.low, c.high, c.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("divide_by", "covered"), [("n", True), ("wrong", False)])
def test_the_interval_covers_the_truth_in_95_of_100(divide_by, covered):
    """20 000 experiments of 4 wells; the planted fault (the normal quantile instead of Student's t) is caught."""
    rng = np.random.default_rng(1)
    d = rng.normal(2.0, 1.5, (20_000, 4))
    half = stats.t.ppf(0.975, 3) * d.std(axis=1, ddof=1) / 2
    ours = np.array([mean_interval(row).high - mean_interval(row).mean for row in d[:200]])
    assert ours == pytest.approx(half[:200])
    if divide_by == "wrong":
        half = half * 1.96 / stats.t.ppf(0.975, 3)
    hits = int((np.abs(d.mean(axis=1) - 2.0) <= half).sum())
    assert (stats.binomtest(hits, 20_000, 0.95).pvalue > 1e-4) == covered


def test_ratio_is_that_of_geometric_means():
    rng = np.random.default_rng(3)
    b = np.exp(rng.normal(0, 0.5, 8))
    a = b * 2.0 * np.exp(rng.normal(0, 0.1, 8))
    c = contrast_of(values(a), values(b), **LABELS)
    assert c.ratio_low < 2.0 < c.ratio_high
    assert c.ratio == pytest.approx(np.exp(np.mean(np.log(a / b))))
    assert np.isnan(contrast_of(values([0.0, 1.0]), values([1.0, 1.0]), **LABELS).ratio)


def test_hedges_g_is_unbiased():
    rng = np.random.default_rng(5)
    g = [hedges_g(a, b) for a, b in zip(rng.normal(1, 1, (4000, 5)), rng.normal(0, 1, (4000, 5)), strict=True)]
    assert np.mean(g) == pytest.approx(1.0, abs=4 * np.std(g) / np.sqrt(4000))
    assert np.isnan(hedges_g(np.ones(3), np.ones(3)))


def test_numbers_for_people():
    assert [number(x) for x in (0, 1234.5, 12.345, 0.01234, -0.5, 1e-6, float("nan"))] == [
        "0",
        "1234",
        "12.3",
        "0.0123",
        "−0.500",
        "1.00e−6",
        "–",
    ]
    assert p_text(0.0001) == "< 0.001"
    assert interval_text(float("nan"), 1.0) == "[no interval from one well]"


# ---------------------------------------------------------------------- on a run
@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(fake_run.make_run(tmp_path_factory.mktemp("run") / "r", frames=False))


def test_names_of_cards_and_of_readouts_give_the_same(results):
    cards = results.contrast("apoptosis", of="recipient", arm="coculture", versus="injured_alone")
    plain = results.contrast("apoptotic_fraction", arm="coculture", versus="injured_alone")
    full = results.contrast("annexin_pi.apoptotic_fraction", arm="coculture", versus="injured_alone")
    assert cards.arm_values == plain.arm_values == full.arm_values
    assert (cards.readout, cards.of, cards.assay, cards.hours) == ("apoptotic_fraction", "recipient", "annexin_pi", 24.0)
    t = results.table()
    rows = t[(t.readout == "apoptotic_fraction") & (t.hours == 24)]
    a = rows[rows.arm == "coculture"].sort_values("replicate").value.to_numpy()
    b = rows[rows.arm == "injured_alone"].sort_values("replicate").value.to_numpy()
    assert cards.difference == pytest.approx((a - b).mean())
    assert cards.n == 4


def test_time_and_statistic(results):
    assert results.contrast("apoptosis", arm="coculture", at="16 h").hours == 16.0
    tubes = results.contrast("tnt_number", arm="coculture", versus="coculture_transwell")
    assert tubes.statistic == "mean over 4–24 h"
    t = results.table()
    rows = t[(t.readout == "tubes_per_cell") & (t.arm == "coculture") & (t.hours >= 4)]
    assert tubes.arm_values == pytest.approx(rows.groupby("replicate").value.mean().to_numpy())
    assert hours_of("90 min") == 1.5
    assert hours_of("24h") == hours_of(24) == 24.0


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ({"observable": "apoptosi", "arm": "coculture"}, "Did you mean 'apoptosis'"),
        ({"observable": "apoptosis", "arm": "coculture", "of": "donor"}, "recipient"),
        ({"observable": "apoptosis", "arm": "cocultur"}, "Did you mean 'coculture'"),
        ({"observable": "apoptosis", "arm": "coculture", "versus": "injured"}, "Did you mean 'injured_alone'"),
        ({"observable": "apoptosis", "arm": "coculture", "at": "3 h"}, "Measured at: 8 h, 16 h, 24 h"),
        ({"observable": "apoptosis", "arm": "coculture", "at": "soon"}, "a time such as 24 h"),
    ],
)
def test_wrong_names_say_what_there_is(results, call, found):
    with pytest.raises(InputError) as raised:
        results.contrast(**call)
    assert found in str(raised.value)


def test_controls():
    arms = ("recipient_alone", "injured_alone", "coculture", "coculture_nac", "coculture_nac_late", "donor_alone")
    assert [control_of(a, arms) for a in arms] == [None, "recipient_alone", "injured_alone", "coculture", "coculture_nac", "injured_alone"]
    assert [control_of(a, ("base",)) for a in ("base",)] == [None]


def test_summary_counts_wells_not_cells(results):
    s = summary_of(results)
    assert s["wells_per_arm"] == 4
    assert {c["n"] for c in s["contrasts"]} == {4}
    assert {r["n"] for r in s["last_readings"]} == {4}
    assert len(s["findings"]) == len(fake_run.EXPECT)


def test_reprs(results):
    assert "8 arms × 4 replicates" in repr(results)
    assert "n = 4 wells per arm" in results._repr_html_()
    assert "Hedges g" in results.contrast("apoptosis", arm="coculture", versus="injured_alone")._repr_html_()


def test_many_intervals_at_once_equal_those_one_by_one_to_the_last_digit():
    """Faults planted and caught: values of a group taken in another order, NaN counted, spread without ddof."""
    from mitoferry.studies.contrast import mean_interval, mean_intervals

    rng = np.random.default_rng(5)
    group = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 140, 60)))
    values = rng.lognormal(0.0, 3.0, len(group))
    values[rng.random(len(values)) < 0.1] = np.nan
    values[group == 7] = np.nan
    found = mean_intervals(values, group, 61)  # 60: a group without values
    for k in range(61):
        one = mean_interval(values[group == k])
        for name in ("mean", "low", "high", "sd", "n"):
            assert np.array_equal(getattr(one, name), found[name][k], equal_nan=True), (k, name)
