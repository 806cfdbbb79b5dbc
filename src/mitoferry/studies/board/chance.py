"""What chance can do: p values of verdicts, false discovery rate over a board, wells that a verdict needs.

**p** is the chance that wells without the reported effect would give an interval at least as far on its side of the
limit that the rule of the direction sets (one-sided t; for "no change" the larger of the two one-sided tests). **q** is
the Benjamini-Hochberg value over all findings of the board that have a p: among findings with q below 5 % at most 5 % are
expected to be there by chance. Findings of one experiment share wells, so that the tests are not independent; the
procedure holds for the positive dependence that shared controls make.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mitoferry.studies.contrast import NAN, Contrast, Interval, differences, t_quantile

if TYPE_CHECKING:
    from mitoferry.studies.findings import Finding

MAX_WELLS = 10_000
POWER = 0.8
LEVEL = 0.05


def beyond(x: Interval, limit: float, side: int) -> float:
    """One-sided p of the t test that the mean lies above (``side`` +1) or below (-1) a limit.

    The standard error comes from the interval. NaN with fewer than two wells; 0 or 1 where the wells do not differ.
    """
    from scipy.special import stdtr

    if x.n < 2 or not math.isfinite(x.low):
        return NAN
    error = 0.5 * (x.high - x.low) / t_quantile(x.n)
    gap = side * (x.mean - limit)
    if error == 0.0:
        return 0.0 if gap > 0 else 1.0
    return float(stdtr(x.n - 1, -gap / error))


def p_of(finding: Finding, margin: float) -> float:
    """P of a directional or equivalence finding from its contrast; NaN where its rule rests on something else.

    Args:
        finding: with its contrast.
        margin: relative margin of equivalence of the observable.
    """
    c = finding.contrast
    if c is None:
        return NAN
    d = Interval(c.difference, c.low, c.high, 0.0, c.n)
    if finding.direction in ("increase", "decrease", "restore", "abolish"):
        if not c.versus:
            return NAN
        up = finding.direction == "increase" or (finding.direction == "restore" and c.difference > 0)
        return beyond(d, 0.0, +1 if up else -1)
    if finding.direction == "no_change" and c.versus:
        m = margin * abs(c.versus_mean)
        return max(beyond(d, -m, +1), beyond(d, m, -1))
    if finding.direction == "present":
        return beyond(d, 0.0, +1)
    return NAN


def q_values(p: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg values, in the order given; NaN where p is NaN."""
    from scipy.stats import false_discovery_control

    values = np.asarray(p, float)
    known = np.isfinite(values)
    q = np.full(len(values), NAN)
    if known.any():
        q[known] = false_discovery_control(values[known], method="bh")
    return q.tolist()


def sign_probability(c: Contrast, direction: str) -> float:
    """Chance that the effect has the reported sign, given the wells (or draws): Student's t about the mean difference.

    With differences d_i, n of them, mean m and standard error s, it is T_{n-1}(m / s) for an increase: the posterior
    chance of a mean above 0 under a flat prior on mean and log standard deviation. NaN for directions without a sign.
    """
    signs = {"increase": 1, "decrease": -1, "abolish": -1}
    if direction not in signs or not c.versus:
        return NAN
    p = beyond(Interval(c.difference, c.low, c.high, 0.0, c.n), 0.0, signs[direction])
    return 1.0 - p if math.isfinite(p) else NAN


def share_with_sign(c: Contrast, direction: str) -> float:
    """Share of the draws (or wells) whose own difference has the reported sign; NaN for directions without a sign."""
    signs = {"increase": 1.0, "decrease": -1.0, "abolish": -1.0}
    if direction not in signs or not c.versus or not c.n:
        return NAN
    d = differences(np.array(c.arm_values), np.array(c.versus_values)) * signs[direction]
    return float(((d > 0) + 0.5 * (d == 0)).mean())


def wells_needed(c: Contrast, *, power: float = POWER, alpha: float = LEVEL) -> int:
    """Wells per arm with which a paired t test would show a difference as large as the one seen with a chance ``power``.

    Exact power of the two-sided paired t test (non-central t), from the spread of the paired differences. 0 where that
    cannot be told (one well, or no difference at all); at most :data:`MAX_WELLS`.
    """
    from scipy.stats import nct
    from scipy.stats import t as student

    if not c.versus or c.n < 2:
        return 0
    d = differences(np.array(c.arm_values), np.array(c.versus_values))
    sd, mean = float(d.std(ddof=1)), abs(float(d.mean()))
    if mean == 0.0:
        return 0
    if sd == 0.0:
        return 2

    def enough(n: int) -> bool:
        limit = float(student.ppf(1.0 - alpha / 2.0, n - 1))
        return float(nct.sf(limit, n - 1, mean / sd * math.sqrt(n))) >= power

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > MAX_WELLS:
            return MAX_WELLS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


__all__ = ["beyond", "p_of", "q_values", "share_with_sign", "sign_probability", "wells_needed"]
