"""Is the board better than chance? The same readings held against expectations that were dealt out anew.

The directions of all findings of a rise or a fall ("increase", "decrease") are shuffled among them, and each is judged by the
same rule on the same contrast (over draws of the parameters where its verdict is). A model that knew nothing of the field would do
as well with the shuffled expectations as with the real ones; the share of shuffles that do at least as well is the p value of the
whole board. What the papers found is not balanced (more rises than falls), and the shuffle keeps that: a model in which
everything rises gains nothing by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mitoferry.studies.board.model import BoardFinding, OverDraws
from mitoferry.studies.contrast import Interval
from mitoferry.studies.rules import REPRODUCED, judge_change, least_of

SHUFFLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffled:
    """Real expectations against shuffled ones.

    Attributes:
        n: findings of a rise or a fall that were shuffled.
        reproduced: of these, with the real expectations.
        mean, low, high: with shuffled ones: mean, and the range of 95 % of the shuffles.
        p: chance that shuffled expectations do at least as well; NaN with fewer than two findings.
    """

    n: int
    reproduced: int
    mean: float
    low: float
    high: float
    p: float


def shuffled(findings: Sequence[BoardFinding], *, seed: int = 1, shuffles: int = SHUFFLES) -> Shuffled:
    """Shuffle the directions of the findings that have a contrast and report a rise or a fall.

    Args:
        findings: of a board.
        seed: of the shuffles.
        shuffles: how many.
    """
    chosen = [(f.direction, c) for f in findings if f.direction in ("increase", "decrease") and (c := _counts(f)) is not None]
    if len(chosen) < 2:
        return Shuffled(n=len(chosen), reproduced=0, mean=float("nan"), low=float("nan"), high=float("nan"), p=float("nan"))
    up = np.array([direction == "increase" for direction, _ in chosen])
    hit_up, hit_down = (np.array([_hit(c, d) for _, c in chosen]) for d in ("increase", "decrease"))
    real = int(np.where(up, hit_up, hit_down).sum())
    rng = np.random.Generator(np.random.Philox(seed))
    counts = np.empty(shuffles)
    for k in range(shuffles):
        dealt = rng.permutation(up)
        counts[k] = np.where(dealt, hit_up, hit_down).sum()
    low, high = np.quantile(counts, [0.025, 0.975])
    p = float((1 + (counts >= real).sum()) / (1 + shuffles))
    return Shuffled(n=len(chosen), reproduced=real, mean=float(counts.mean()), low=float(low), high=float(high), p=p)


def _counts(f: BoardFinding) -> tuple[Interval, float] | None:
    """The difference that the verdict rests on, over draws where there are any, and the least that counts; ``None`` without one."""
    over: OverDraws | Mapping[str, Any] | None = f.over_draws or f.contrast
    if over is None:
        return None
    c = asdict(over) if isinstance(over, OverDraws) else over
    low = c["low"]
    if not f.versus or low is None or not math.isfinite(low) or c["n"] < 2:
        return None
    return Interval(c["difference"], low, c["high"], 0.0, c["n"]), least_of(c["arm_mean"], c["versus_mean"])


def _hit(counts: tuple[Interval, float], direction: str) -> bool:
    d, least = counts
    return judge_change(d, direction, least=least).verdict == REPRODUCED
