"""Verdicts: whether a run reproduces what a paper reported. The rules are fixed and the same for every finding.

With CI the 95 % interval over wells (t, paired over replicates), A the arm, V the arm that it is held against:

=================  ==================================================================================================
direction          reproduced when
=================  ==================================================================================================
increase           CI of A - V lies above 0, and A - V is at least 2 % of the larger of the two
decrease           CI of A - V lies below 0, and V - A is at least 2 % of the larger of the two
no_change          CI of A - V lies within ± margin (relative to V, per observable)
abolish            V is above its background and the upper bound of A - 0.1 V is at most 0: a tenth or less is left
restore            the injury moved V away from the uninjured arm H, and the lower bound of the share of that loss made
                   good, (A - V) / (H - V), is at least one half; without an arm H: A moved the way that is good
present            lower bound of A is above its background
absent             upper bound of A is at most its background plus the margin
unidirectional     lower bound of the share of the flow in the stated direction is above 0.9; the flow is that from cell
                   to cell, without uptake of what dead cells left in the medium
bidirectional      lower bound of the smaller direction's share is above 0.1
=================  ==================================================================================================

*opposite*: the interval excludes 0 in the other direction, by as much as a rise or fall must be. Paired wells can make a
difference of a millionth certain; nobody would have reported it. *not reproduced*: the interval shows that the effect is
absent, or smaller than the rule asks. *undecided*: the interval is too wide to tell (more replicates would decide), or
there is nothing to compare: a rise, a fall, an abolition or a restoration cannot be judged where every well of both
arms reads zero.

*calibrated*: it agrees, but something was set by looking at these arms (``calibrated`` of the expectation), so that
the agreement is no evidence. *not tested*: the arm was not run, or the model has no such readout. The background of
readouts of a donor label is the arm without donors (a leaking dye stains without a transfer), and so is that of what every
living cell has (oxygen use, lactate); that of the others is zero. Where all wells give the same share of the flow, so that
their spread says nothing, its interval is the exact binomial one of all hand-overs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mitoferry.studies.contrast import LEVEL, NAN, Interval, beyond, interval_text, mean_interval, number

REPRODUCED, NOT_REPRODUCED, OPPOSITE, UNDECIDED, NOT_TESTED = "reproduced", "not reproduced", "opposite", "undecided", "not tested"
CALIBRATED = "calibrated"
VERDICTS = (REPRODUCED, CALIBRATED, NOT_REPRODUCED, OPPOSITE, UNDECIDED, NOT_TESTED)
ABOLISHED = 0.1
RESTORED = 0.5
ONE_WAY = 0.9
LEAST = 0.02
"""Smallest relevant effect of a rise or a fall: share of the larger of the two means."""
NOTHING = "nothing to compare: zero in every well of both arms"


class Ruling(NamedTuple):
    """What a rule says.

    Attributes:
        verdict: one of :data:`VERDICTS`.
        reason: one sentence with the numbers that decided.
        tested: what the rule asks of the wells, each a mean with its interval that must lie above 0; () where it rests on no t test.
    """

    verdict: str
    reason: str
    tested: tuple[Interval, ...] = ()

    @property
    def p(self) -> float:
        """Chance that wells of which the finding does not hold would lie as far on its side of the rule's limit.

        One-sided t test; of several the largest p (the finding holds only if all do). NaN where there is none.
        """
        each = [beyond(x, 0.0, +1) for x in self.tested]
        return max(each) if each and all(math.isfinite(p) for p in each) else NAN


def _above(x: Interval, limit: float) -> Interval:
    """By how much something lies above a limit."""
    return replace(x, mean=x.mean - limit, low=x.low - limit, high=x.high - limit)


def _below(x: Interval, limit: float) -> Interval:
    """By how much something lies below a limit."""
    return replace(x, mean=limit - x.mean, low=limit - x.high, high=limit - x.low)


def least_of(arm_mean: float, versus_mean: float) -> float:
    """Smallest relevant difference between arms of these means, absolute."""
    return LEAST * max(abs(arm_mean), abs(versus_mean))


def _shown(d: Interval) -> str:
    same = ", the same in every pair of wells" if d.mean != 0.0 and d.low == d.high else ""
    return f"difference {number(d.mean)}, 95 % interval {interval_text(d.low, d.high)}{same}"


def judge_change(d: Interval, direction: str, margin: float = 0.0, least: float = 0.0) -> Ruling:
    """Rule for "increase" and "decrease" on the paired differences.

    Args:
        d: mean difference with its interval.
        direction: "increase" or "decrease".
        margin: absolute; an interval within it shows that there is no difference.
        least: absolute; a smaller mean difference counts for nothing, however sure.
    """
    shown = _shown(d)
    up = direction == "increase"
    tested = (d if up else _below(d, 0.0),)
    if not math.isfinite(d.low):
        return Ruling(UNDECIDED, f"{shown}: at least two replicates are needed")
    if (d.low > 0 or d.high < 0) and abs(d.mean) < least:
        return Ruling(NOT_REPRODUCED, f"{shown}: smaller than {number(least)}, the least that counts", tested)
    if (d.low > 0) if up else (d.high < 0):
        return Ruling(REPRODUCED, shown, tested)
    if (d.high < 0) if up else (d.low > 0):
        return Ruling(OPPOSITE, shown, tested)
    if -margin <= d.low and d.high <= margin:
        return Ruling(NOT_REPRODUCED, f"{shown}: no difference beyond ±{number(margin)}", tested)
    return Ruling(UNDECIDED, f"{shown}, includes zero", tested)


def judge_no_change(d: Interval, margin: float) -> Ruling:
    """Rule for "no_change": equivalence within an absolute ``margin``."""
    shown = f"{_shown(d)}, margin ±{number(margin)}"
    tested = (_above(d, -margin), _below(d, margin))
    if not math.isfinite(d.low):
        return Ruling(UNDECIDED, f"{shown}: at least two replicates are needed")
    if -margin <= d.low and d.high <= margin:
        return Ruling(REPRODUCED, shown, tested)
    if d.low > margin or d.high < -margin:
        return Ruling(NOT_REPRODUCED, shown, tested)
    return Ruling(UNDECIDED, f"{shown}: the interval reaches across the margin", tested)


def judge_abolish(a: np.ndarray, v: np.ndarray) -> Ruling:
    """Rule for "abolish" on paired wells, background already taken off."""
    if not len(v):
        return Ruling(UNDECIDED, "no pair of wells gave a value")
    before, left, change = mean_interval(v), mean_interval(a - ABOLISHED * v), mean_interval(a - v)
    tested = (_below(left, 0.0),)
    share = f"{100 * a.mean() / v.mean():.0f} % is left" if v.mean() > 0 else "nothing to abolish"
    shown = f"{share} ({number(float(a.mean()))} of {number(float(v.mean()))})"
    if not math.isfinite(before.low):
        return Ruling(UNDECIDED, f"{shown}: at least two replicates are needed")
    if before.low <= 0:
        return Ruling(UNDECIDED, f"{shown}: the arm that it is held against is not clearly above background")
    if left.high <= 0:
        return Ruling(REPRODUCED, shown, tested)
    if change.low > 0:
        return Ruling(OPPOSITE, f"{shown}: it rose", tested)
    if left.low > 0:
        return Ruling(NOT_REPRODUCED, f"{shown}: reduced, not abolished" if change.high < 0 else shown, tested)
    return Ruling(UNDECIDED, f"{shown}, 95 % interval reaches across a tenth", tested)


def judge_restore(a: np.ndarray, v: np.ndarray, h: np.ndarray, good: int = 0) -> Ruling:
    """Rule for "restore" on triples of wells: arm, injured, uninjured; ``good``: +1 if more is better, -1 if less, 0 if unknown."""
    loss = mean_interval(h - v)
    if not math.isfinite(loss.low):
        return Ruling(UNDECIDED, "at least two replicates are needed")
    if loss.low <= 0 <= loss.high:
        seen = f"{number(loss.mean)} {interval_text(loss.low, loss.high)}"
        return Ruling(UNDECIDED, f"the injury made no clear difference ({seen}): nothing to restore")
    sign = math.copysign(1.0, loss.mean)
    if good and sign != good:
        return Ruling(UNDECIDED, f"the injured arm is better than the uninjured one (by {number(abs(loss.mean))}): nothing to restore")
    gain, half = mean_interval(sign * (a - v)), mean_interval(sign * (a - v - RESTORED * (h - v)))
    tested = (half,)
    shown = f"{100 * (a - v).mean() / (h - v).mean():.0f} % of the loss made good ({number(float(v.mean()))} → {number(float(a.mean()))}; uninjured {number(float(h.mean()))})"  # noqa: E501
    if half.low >= 0:
        return Ruling(REPRODUCED, shown, tested)
    if gain.high < 0:
        return Ruling(OPPOSITE, f"{shown}: further from the uninjured arm", tested)
    if half.high < 0:
        return Ruling(NOT_REPRODUCED, f"{shown}: better, by less than half" if gain.low > 0 else shown, tested)
    return Ruling(UNDECIDED, f"{shown}, the interval reaches across one half", tested)


def judge_present(x: Interval, background: float, what: str = "background") -> Ruling:
    """Rule for "present"."""
    shown = f"{number(x.mean)}, 95 % interval {interval_text(x.low, x.high)}, {what} {number(background)}"
    tested = (_above(x, background),)
    if not math.isfinite(x.low):
        return Ruling(UNDECIDED, f"{shown}: at least two replicates are needed")
    if x.low > background:
        return Ruling(REPRODUCED, shown, tested)
    return Ruling(NOT_REPRODUCED if x.high <= background else UNDECIDED, shown, tested)


def judge_absent(x: Interval, background: float, margin: float) -> Ruling:
    """Rule for "absent"; ``margin`` is absolute."""
    shown = f"{number(x.mean)}, 95 % interval {interval_text(x.low, x.high)}, background {number(background)}"
    if not math.isfinite(x.low):
        return Ruling(UNDECIDED, f"{shown}: at least two replicates are needed")
    if x.high <= background + margin:
        return Ruling(REPRODUCED, shown)
    return Ruling(NOT_REPRODUCED if x.low > background + margin else UNDECIDED, shown)


def judge_flow(forward: np.ndarray, backward: np.ndarray, direction: str) -> Ruling:
    """Rules for "unidirectional" and "bidirectional" on hand-overs per well; wells without any are left out."""
    total = forward + backward
    held = total > 0
    counts = f"{int(forward.sum())} hand-overs forward, {int(backward.sum())} back in {len(total)} wells"
    if held.sum() < 2:
        return Ruling(UNDECIDED, f"{counts}: too few wells with a hand-over")
    share = forward[held] / total[held]
    if direction == "bidirectional":
        share = np.minimum(share, 1 - share)
    x, limit = mean_interval(share), ONE_WAY if direction == "unidirectional" else 1 - ONE_WAY
    if x.sd == 0.0:
        x = _binomial(x, float(total.sum()))
    shown = f"{counts}; share {number(x.mean)}, 95 % interval {interval_text(x.low, min(x.high, 1.0))}"
    if x.low > limit:
        return Ruling(REPRODUCED, shown)
    if direction == "unidirectional" and x.high < 1 - limit:
        return Ruling(OPPOSITE, shown)
    return Ruling(NOT_REPRODUCED if x.high < limit else UNDECIDED, shown)


def _binomial(x: Interval, total: float) -> Interval:
    """The share with its exact binomial (Clopper-Pearson) interval from ``total`` hand-overs."""
    from scipy.special import betaincinv

    tail, hits = (1.0 - LEVEL) / 2.0, round(x.mean * total)
    low = float(betaincinv(hits, total - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1.0 - tail)) if hits < total else 1.0
    return Interval(x.mean, low, high, x.sd, x.n)
