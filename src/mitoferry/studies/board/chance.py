"""What chance can do: false discovery rate over a board, chance of a sign, wells that a verdict needs.

**p** comes with the ruling (``rules.Ruling.p``): the chance that wells of which the finding does not hold would lie as far on
its side of the limit that the rule of its direction sets (one-sided t; for "no change" the larger of the two one-sided tests).
**q** is the Benjamini-Hochberg value over all findings of the board that have a p: among findings with q below 5 % at most 5 %
are expected to be there by chance. Findings of one experiment share wells, so that the tests are not independent; the procedure
holds for the positive dependence that shared controls make.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mitoferry.studies.contrast import NAN, Contrast, Interval, beyond, differences

MAX_WELLS = 10_000
POWER = 0.8
LEVEL = 0.05


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


__all__ = ["q_values", "share_with_sign", "sign_probability", "wells_needed"]
