"""Contrasts: a readout compared between two arms, paired over replicates.

The wells of one replicate share their random numbers and their between-well effects in all arms, so that the
difference is taken within each replicate first. With ``d_i`` the differences and ``n`` replicates:

- interval: ``mean(d) ± t(0.975, n - 1) · sd(d) / √n``; two-sided p of the same t test;
- effect size: Hedges' g, ``mean(d) / √((sd_A² + sd_B²) / 2) · (1 - 3 / (8 (n - 1) - 1))``: the spread between wells,
  not the (smaller) spread of paired differences, is the yardstick;
- ratio of the arms with the interval of the paired t test on logarithms, where all values are above zero.

n is the number of wells per arm, never of cells. With one replicate there is no interval (NaN). Where every pair of
wells differs by the same amount the interval has no width and the t test is undefined (p is NaN, or 1 for no
difference). Differences within the precision of the numbers count as none.
"""

from __future__ import annotations

import functools
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.95
PRECISION = 1e-12  # relative
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its t interval. ``low`` and ``high`` are NaN with fewer than two values."""

    mean: float
    low: float
    high: float
    sd: float
    n: int


@functools.cache
def t_quantile(n: int, level: float = LEVEL) -> float:
    """Two-sided quantile of Student's t for ``n`` values."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 0.5 + level / 2)) if n > 1 else NAN


def mean_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """Mean and t interval of independent values; NaN values are left out."""
    v = np.asarray(values, dtype=float)
    v = v[np.isfinite(v)]
    n = int(v.size)
    if n == 0:
        return Interval(NAN, NAN, NAN, NAN, 0)
    mean = float(v.mean())
    if n == 1:
        return Interval(mean, NAN, NAN, NAN, 1)
    sd = float(v.std(ddof=1))
    half = t_quantile(n, level) * sd / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, sd, n)


def mean_intervals(values: np.ndarray, group: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """:func:`mean_interval` of many groups of values at once, to the last digit.

    Args:
        values: the values, float64 (m,); NaN values are left out.
        group: group of each value, 0 .. n - 1, integers (m,).
        n: number of groups.

    Returns:
        ``mean``, ``low``, ``high``, ``sd`` (float64, NaN as in :class:`Interval`) and ``n`` (int64), each (n,).
    """
    there = np.isfinite(values)
    order = np.argsort(group[there], kind="stable")
    held = values[there][order]
    count = np.bincount(group[there], minlength=n)
    start = np.cumsum(count) - count
    found: dict[str, np.ndarray] = {name: np.full(n, NAN) for name in ("mean", "low", "high", "sd")}
    for size in np.unique(count[count > 0]).tolist():
        rows = np.flatnonzero(count == size)
        block = held[start[rows][:, None] + np.arange(size)]
        mean = found["mean"][rows] = block.mean(axis=1)
        if size > 1:
            sd = found["sd"][rows] = block.std(axis=1, ddof=1)
            half = t_quantile(size) * sd / math.sqrt(size)
            found["low"][rows], found["high"][rows] = mean - half, mean + half
    return found | {"n": count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A readout of one arm against another.

    Attributes:
        readout, of, unit, hours: what was compared, in whom, in what unit and when.
        assay, observable, statistic: the assay, the name that was asked for, and "" or e.g. "mean over 4-24 h".
        arm, versus: the arms; ``versus`` is "" for the readout of one arm alone, "within_arm" for another reading of it.
        against: that other reading in words.
        arm_mean, versus_mean: means over wells.
        difference, low, high: mean paired difference (arm - versus) and its 95 % interval.
        ratio, ratio_low, ratio_high: arm / versus with its 95 % interval; NaN where a value is not above zero.
        hedges_g: effect size; NaN where the wells do not differ at all.
        p: two-sided p value of the paired t test; NaN with one replicate, or where all wells differ by the same amount.
        n: wells per arm.
        arm_values, versus_values: the wells, in order of replicate.
    """

    readout: str
    of: str
    unit: str
    hours: float
    arm: str
    versus: str
    arm_mean: float
    versus_mean: float
    difference: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    hedges_g: float
    p: float
    n: int
    arm_values: tuple[float, ...]
    versus_values: tuple[float, ...]
    assay: str = ""
    observable: str = ""
    statistic: str = ""
    against: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        what = self.readout + (f" of {self.of}" if self.of else "") + (f", {self.statistic}" if self.statistic else f" at {self.hours:g} h")
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        wells = f"n = {self.n} well{'s' if self.n != 1 else ''} per arm"
        if not self.versus:
            return f"{what} in {self.arm}: {number(self.arm_mean)}{unit} {interval_text(self.low, self.high)}, {wells}"
        return (
            f"{what}: {self.arm} {number(self.arm_mean)} against {self.against or self.versus} {number(self.versus_mean)}{unit}; "
            f"difference {number(self.difference)} {interval_text(self.low, self.high)}, "
            f"Hedges g {number(self.hedges_g)}, p {p_text(self.p)}, {wells}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"


def number(x: float) -> str:
    """Three significant figures, without exponents where that reads well."""
    if x is None or not math.isfinite(x):
        return "–"
    if x == 0:
        return "0"
    size = abs(x)
    if size >= 1e6 or size < 1e-4:
        return f"{x:.2e}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e+")
    digits = max(0, 2 - math.floor(math.log10(size)))
    return f"{x:.{digits}f}".replace("-", "−")


def p_text(p: float) -> str:
    """A p value for people."""
    if p is None or not math.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def interval_text(low: float, high: float) -> str:
    """The interval in brackets, or why there is none."""
    if low is None or not (math.isfinite(low) and math.isfinite(high)):
        return "[no interval from one well]"
    return f"[{number(low)}, {number(high)}]"


def paired(arm: Mapping[int, float], versus: Mapping[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Values of the replicates that both arms have, in order of replicate; NaN pairs are left out."""
    shared = [r for r in sorted(set(arm) & set(versus)) if math.isfinite(arm[r]) and math.isfinite(versus[r])]
    return np.array([arm[r] for r in shared], float), np.array([versus[r] for r in shared], float)


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences a - b of paired wells; 0 where they lie within the precision of the numbers."""
    d = a - b
    return np.where(np.abs(d) <= PRECISION * np.maximum(np.abs(a), np.abs(b)), 0.0, d)


def _p_value(d: Interval) -> float:
    from scipy.special import stdtr

    if d.n < 2:
        return NAN
    if d.sd == 0.0:
        return 1.0 if d.mean == 0.0 else NAN
    return float(2.0 * stdtr(d.n - 1, -abs(d.mean) / (d.sd / math.sqrt(d.n))))


def beyond(x: Interval, limit: float, side: int) -> float:
    """One-sided p of the t test that the mean lies above (``side`` +1) or below (-1) a limit.

    The standard error comes from the interval. NaN with fewer than two wells, and where the wells do not differ and lie beyond the
    limit: they claim no certainty that they lack. 1 where they do not differ and do not lie beyond it.
    """
    from scipy.special import stdtr

    if x.n < 2 or not math.isfinite(x.low):
        return NAN
    error = 0.5 * (x.high - x.low) / t_quantile(x.n)
    gap = side * (x.mean - limit)
    if error == 0.0:
        return NAN if gap > 0 else 1.0
    return float(stdtr(x.n - 1, -gap / error))


def hedges_g(a: np.ndarray, b: np.ndarray) -> float:
    """Standardised mean difference by the mean spread of the two arms, corrected for few wells."""
    n = len(a)
    if n < 2:
        return NAN
    spread = math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    df = 2 * (n - 1)
    return float((a - b).mean() / spread * (1 - 3 / (4 * df - 1))) if spread > 0 else NAN


def contrast_of(arm_values: Mapping[int, float], versus_values: Mapping[int, float] | None, **labels: Any) -> Contrast:
    """The contrast of two arms, or the readout of one arm alone.

    Args:
        arm_values: value per replicate.
        versus_values: value per replicate of the other arm; ``None`` for one arm alone.
        labels: readout, of, unit, hours, arm, versus.

    Raises:
        ValueError: the arms share no replicate with a value.
    """
    if versus_values is None:
        a = np.array([v for _, v in sorted(arm_values.items())], float)
        one = mean_interval(a)
        if one.n == 0:
            raise ValueError(f"no well of arm {labels.get('arm')!r} gave a value")
        return Contrast(
            **labels, arm_mean=one.mean, versus_mean=NAN, difference=one.mean, low=one.low, high=one.high, ratio=NAN, ratio_low=NAN,
            ratio_high=NAN, hedges_g=NAN, p=NAN, n=one.n, arm_values=tuple(a.tolist()), versus_values=(),
        )  # fmt: skip
    a, b = paired(arm_values, versus_values)
    if not len(a):
        raise ValueError(f"arms {labels.get('arm')!r} and {labels.get('versus')!r} share no replicate with a value")
    d = mean_interval(differences(a, b))
    ratio = ratio_low = ratio_high = NAN
    if (a > 0).all() and (b > 0).all():
        log = mean_interval(np.log(a) - np.log(b))
        ratio = math.exp(log.mean)
        ratio_low, ratio_high = (math.exp(log.low), math.exp(log.high)) if log.n > 1 else (NAN, NAN)
    return Contrast(
        **labels, arm_mean=float(a.mean()), versus_mean=float(b.mean()), difference=d.mean, low=d.low, high=d.high, ratio=ratio,
        ratio_low=ratio_low, ratio_high=ratio_high, hedges_g=hedges_g(a, b), p=_p_value(d), n=d.n,
        arm_values=tuple(a.tolist()), versus_values=tuple(b.tolist()),
    )  # fmt: skip
