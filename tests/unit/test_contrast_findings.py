"""Verdicts follow the fixed rules, on numbers and on a run."""

import fake_run
import numpy as np
import pytest

from mitoferry.studies import findings as f
from mitoferry.studies.contrast import Interval, mean_interval
from mitoferry.studies.results import Results


def interval(mean, half):
    return Interval(mean, mean - half, mean + half, 1.0, 3)


@pytest.mark.parametrize(
    ("mean", "half", "increase", "decrease"),
    [
        (1.0, 0.5, f.REPRODUCED, f.OPPOSITE),
        (-1.0, 0.5, f.OPPOSITE, f.REPRODUCED),
        (0.5, 1.0, f.UNDECIDED, f.UNDECIDED),
        (0.02, 0.05, f.NOT_REPRODUCED, f.NOT_REPRODUCED),
        (0.0, 0.0, f.NOT_REPRODUCED, f.NOT_REPRODUCED),
        (1.0, float("nan"), f.UNDECIDED, f.UNDECIDED),
    ],
)
def test_increase_and_decrease(mean, half, increase, decrease):
    d = interval(mean, half)
    assert f.judge_change(d, "increase", 0.1)[0] == increase
    assert f.judge_change(d, "decrease", 0.1)[0] == decrease


@pytest.mark.parametrize(
    ("mean", "half", "verdict"),
    [
        (0.02, 0.05, f.REPRODUCED),
        (0.3, 0.05, f.NOT_REPRODUCED),
        (-0.3, 0.05, f.NOT_REPRODUCED),
        (0.05, 0.2, f.UNDECIDED),
        (0.15, 0.02, f.NOT_REPRODUCED),
    ],
)
def test_no_change_is_equivalence_not_a_large_p(mean, half, verdict):
    assert f.judge_no_change(interval(mean, half), 0.1)[0] == verdict


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        ([0.01, 0.02, 0.01], f.REPRODUCED),
        ([0.5, 0.45, 0.52], f.NOT_REPRODUCED),
        ([0.02, 0.15, 0.1], f.UNDECIDED),
        ([1.5, 1.6, 1.4], f.OPPOSITE),
    ],
)
def test_abolish_needs_a_tenth_or_less(left, verdict):
    v = np.array([1.0, 1.1, 0.9])
    assert f.judge_abolish(np.array(left) * v, v)[0] == verdict


def test_nothing_there_cannot_be_abolished():
    verdict, reason = f.judge_abolish(np.zeros(3), np.array([0.0, 0.01, -0.01]))
    assert verdict == f.UNDECIDED
    assert "not clearly above background" in reason


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.9, f.REPRODUCED), (0.2, f.NOT_REPRODUCED), (0.5, f.UNDECIDED), (-0.3, f.OPPOSITE), (0.0, f.NOT_REPRODUCED)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_restore_asks_for_half_of_what_was_lost(share, verdict, sign):
    noise = np.array([0.02, -0.03, 0.01])
    v, h = np.array([1.0, 1.05, 0.95]) * sign, np.array([2.0, 2.05, 1.95]) * sign
    a = v + (share + noise) * (h - v)
    assert f.judge_restore(a, v, h)[0] == verdict


def test_nothing_to_restore_is_undecided():
    v = np.array([1.0, 1.2, 0.9])
    assert f.judge_restore(v + 1, v, v + np.array([0.1, -0.1, 0.02]))[0] == f.UNDECIDED


def test_an_uninjured_arm_that_is_worse_leaves_nothing_to_restore():
    a, v, h = np.array([0.0, 0.01, 0.02]), np.array([1.0, 1.1, 1.05]), np.array([0.0, 0.01, 0.0])
    assert f.judge_restore(a, v, h, 1)[0] == f.UNDECIDED
    assert f.judge_restore(a, v, h, -1)[0] == f.REPRODUCED


def test_present_and_absent():
    assert f.judge_present(interval(0.5, 0.1), 0.1)[0] == f.REPRODUCED
    assert f.judge_present(interval(0.15, 0.1), 0.1)[0] == f.UNDECIDED
    assert f.judge_present(interval(0.02, 0.05), 0.1)[0] == f.NOT_REPRODUCED
    assert f.judge_absent(interval(0.01, 0.05), 0.1, 0.0)[0] == f.REPRODUCED
    assert f.judge_absent(interval(0.5, 0.1), 0.1, 0.0)[0] == f.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("forward", "back", "one_way", "both_ways"),
    [
        ([100, 90, 80], [1, 2, 0], f.REPRODUCED, f.NOT_REPRODUCED),
        ([50, 60, 55], [50, 45, 52], f.NOT_REPRODUCED, f.REPRODUCED),
        ([1, 0, 2], [99, 80, 70], f.OPPOSITE, f.NOT_REPRODUCED),
        ([0, 0, 5], [0, 0, 0], f.UNDECIDED, f.UNDECIDED),
        ([0, 0, 0], [0, 0, 0], f.UNDECIDED, f.UNDECIDED),
    ],
)
def test_flow(forward, back, one_way, both_ways):
    a, b = np.array(forward, float), np.array(back, float)
    assert f.judge_flow(a, b, "unidirectional")[0] == one_way
    assert f.judge_flow(a, b, "bidirectional")[0] == both_ways


def test_one_replicate_decides_nothing():
    one = mean_interval([3.0])
    x = np.array([3.0])
    rulings = [
        f.judge_change(one, "increase"), f.judge_no_change(one, 1.0), f.judge_present(one, 0.0), f.judge_absent(one, 9.0, 0.0),
        f.judge_abolish(x, x), f.judge_restore(x, x, x), f.judge_flow(x, x, "unidirectional"),
    ]  # fmt: skip
    assert {r[0] for r in rulings} == {f.UNDECIDED}


# ---------------------------------------------------------------------- on a run
@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(fake_run.make_run(tmp_path_factory.mktemp("run") / "r", frames=False))


def one(results, **entry):
    return f.findings_of(results, [{"finding": "x#1", "arm": "coculture", "versus": None, **entry}])[0]


def test_the_findings_of_the_file(results):
    verdicts = {x.finding: x.verdict for x in results.findings()}
    assert list(verdicts) == [e["finding"] for e in fake_run.EXPECT]
    assert verdicts["msc-huvec-ogd#1"] == f.REPRODUCED
    assert verdicts["msc-huvec-ogd#5"] == f.REPRODUCED
    assert verdicts["msc-huvec-ogd#10"] == f.NOT_TESTED
    surrogate = next(x for x in results.findings() if x.observable == "endothelial_function")
    assert "no barrier" in surrogate.surrogate


def test_background_is_the_arm_without_donors(results):
    """A dye that stains 1 % of cells without any donor is no transfer (the planted fault is a background of zero)."""
    x = one(results, observable="mitochondrial_transfer", arm="coculture_transwell", direction="present")
    assert x.verdict != f.REPRODUCED
    assert "without donors" in x.reason
    assert f.judge_present(mean_interval(x.contrast.arm_values), 0.0)[0] == f.REPRODUCED


def test_abolished_by_the_insert(results):
    x = one(results, observable="mitochondrial_transfer", arm="coculture_transwell", versus="coculture", direction="abolish")
    assert x.verdict == f.REPRODUCED


def test_direction_turned_round_is_opposite(results):
    assert one(results, observable="apoptosis", versus="injured_alone", direction="increase").verdict == f.OPPOSITE


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"observable": "apoptosis", "direction": "withheld"}, "blind"),
        ({"observable": "apoptosis", "direction": "increase", "arm": "moon"}, "the arm moon was not run"),
        ({"observable": "ejection_fraction", "direction": "increase", "versus": "injured_alone"}, "did not measure it"),
        ({"observable": "apoptosis", "direction": "increase"}, "needs an arm"),
        ({"observable": "apoptosis", "direction": "sideways", "versus": "injured_alone"}, "no rule"),
    ],
)
def test_what_cannot_be_judged_is_not_tested(results, entry, reason):
    x = one(results, **entry)
    assert x.verdict == f.NOT_TESTED
    assert reason in x.reason


def test_restore_without_an_uninjured_arm_goes_by_direction(tmp_path):
    spec = fake_run.fake_spec(arms=["injured_alone", "coculture"])
    r = Results(fake_run.make_run(tmp_path / "r", spec=spec))
    x = one(r, observable="oxygen_consumption", versus="injured_alone", direction="restore")
    assert x.verdict == f.REPRODUCED
    assert "direction only" in x.reason
