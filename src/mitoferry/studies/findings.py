"""Verdicts: whether a run reproduces what a paper reported. The rules are fixed and the same for every finding.

With CI the 95 % interval over wells (t, paired over replicates), A the arm, V the arm that it is held against:

=================  ==================================================================================================
direction          reproduced when
=================  ==================================================================================================
increase           CI of A - V lies above 0
decrease           CI of A - V lies below 0
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

*opposite*: the interval excludes 0 in the other direction. *not reproduced*: the interval shows that the effect is
absent, or smaller than the rule asks. *undecided*: the interval is too wide to tell (more replicates would decide), or
there is nothing to compare: a rise, a fall, an abolition or a restoration cannot be judged where every well of both
arms reads zero.
*not tested*: the arm was not run, or the model has no such readout. The background of readouts of a donor label is the
arm without donors (a leaking dye stains without a transfer); that of the others is zero. Where all wells give the
same share of the flow, so that their spread says nothing, its interval is the exact binomial one of all hand-overs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, MitoferryError
from mitoferry.studies.contrast import LEVEL, Contrast, Interval, interval_text, mean_interval, number, paired

if TYPE_CHECKING:
    from mitoferry.studies.results import Measured, Results

REPRODUCED, NOT_REPRODUCED, OPPOSITE, UNDECIDED, NOT_TESTED = "reproduced", "not reproduced", "opposite", "undecided", "not tested"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, OPPOSITE, UNDECIDED, NOT_TESTED)
ABOLISHED = 0.1
RESTORED = 0.5
ONE_WAY = 0.9
NOTHING = "nothing to compare: zero in every well of both arms"
DEFAULT_MARGIN = 0.1
DONOR_LABEL_ASSAYS = ("flow_mitochondria", "confocal_mitochondria", "mtdna_qpcr")
HEALTHY_ARMS = ("recipient_alone", "uninjured", "healthy", "control")
INJURED_ALONE = ("injured_alone",)
_NO_FLOW_ROUTES = ("division", "nanotube_return", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding of a paper, what the run gave, and the verdict.

    Attributes:
        finding: its id ("msc-huvec-ogd#5").
        observable, of, arm, versus, direction: what the paper reported.
        verdict: one of :data:`VERDICTS`.
        reason: one sentence with the numbers that decided.
        contrast: the contrast behind it, if there is one.
        surrogate: what the readout stands in for; "" for a direct one.
        note: note of the card.
    """

    finding: str
    observable: str
    of: str
    arm: str
    versus: str
    direction: str
    verdict: str
    reason: str
    contrast: Contrast | None = None
    surrogate: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """What the paper reported, in words."""
        of = f" of {self.of}" if self.of and self.of != "well" else ""
        return _SENTENCES.get(self.direction, "{o} {d} in {a} against {v}").format(
            o=self.observable.replace("_", " ") + of, d=self.direction, a=self.arm, v=self.versus or "its control"
        )

    def __str__(self) -> str:
        return f"{self.finding}: {self.sentence}: {self.verdict}. {self.reason}"


_SENTENCES = {
    "increase": "{o} is higher in {a} than in {v}",
    "decrease": "{o} is lower in {a} than in {v}",
    "abolish": "{o} is abolished in {a}, against {v}",
    "restore": "{o} is restored in {a}, against {v}",
    "no_change": "{o} is the same in {a} as in {v}",
    "present": "{o} is there in {a}",
    "absent": "{o} is not there in {a}",
    "unidirectional": "{o} runs one way in {a}",
    "bidirectional": "{o} runs both ways in {a}",
    "withheld": "{o} in {a}",
}
Ruling = tuple[str, str]


# ---------------------------------------------------------------------- rules on numbers
def _shown(d: Interval) -> str:
    same = ", the same in every pair of wells" if d.mean != 0.0 and d.low == d.high else ""
    return f"difference {number(d.mean)}, 95 % interval {interval_text(d.low, d.high)}{same}"


def judge_change(d: Interval, direction: str, margin: float = 0.0) -> Ruling:
    """Rule for "increase" and "decrease" on the paired differences; ``margin`` is absolute."""
    shown = _shown(d)
    if not math.isfinite(d.low):
        return UNDECIDED, f"{shown}: at least two replicates are needed"
    up = direction == "increase"
    if (d.low > 0) if up else (d.high < 0):
        return REPRODUCED, shown
    if (d.high < 0) if up else (d.low > 0):
        return OPPOSITE, shown
    if -margin <= d.low and d.high <= margin:
        return NOT_REPRODUCED, f"{shown}: no difference beyond ±{number(margin)}"
    return UNDECIDED, f"{shown}, includes zero"


def judge_no_change(d: Interval, margin: float) -> Ruling:
    """Rule for "no_change": equivalence within an absolute ``margin``."""
    shown = f"{_shown(d)}, margin ±{number(margin)}"
    if not math.isfinite(d.low):
        return UNDECIDED, f"{shown}: at least two replicates are needed"
    if -margin <= d.low and d.high <= margin:
        return REPRODUCED, shown
    if d.low > margin or d.high < -margin:
        return NOT_REPRODUCED, shown
    return UNDECIDED, f"{shown}: the interval reaches across the margin"


def judge_abolish(a: np.ndarray, v: np.ndarray) -> Ruling:
    """Rule for "abolish" on paired wells, background already taken off."""
    if not len(v):
        return UNDECIDED, "no pair of wells gave a value"
    before, left, change = mean_interval(v), mean_interval(a - ABOLISHED * v), mean_interval(a - v)
    share = f"{100 * a.mean() / v.mean():.0f} % is left" if v.mean() > 0 else "nothing to abolish"
    shown = f"{share} ({number(float(a.mean()))} of {number(float(v.mean()))})"
    if not math.isfinite(before.low):
        return UNDECIDED, f"{shown}: at least two replicates are needed"
    if before.low <= 0:
        return UNDECIDED, f"{shown}: the arm that it is held against is not clearly above background"
    if left.high <= 0:
        return REPRODUCED, shown
    if change.low > 0:
        return OPPOSITE, f"{shown}: it rose"
    if left.low > 0:
        return NOT_REPRODUCED, f"{shown}: reduced, not abolished" if change.high < 0 else shown
    return UNDECIDED, f"{shown}, 95 % interval reaches across a tenth"


def judge_restore(a: np.ndarray, v: np.ndarray, h: np.ndarray, good: int = 0) -> Ruling:
    """Rule for "restore" on triples of wells: arm, injured, uninjured; ``good``: +1 if more is better, -1 if less, 0 if unknown."""
    loss = mean_interval(h - v)
    if not math.isfinite(loss.low):
        return UNDECIDED, "at least two replicates are needed"
    if loss.low <= 0 <= loss.high:
        return (
            UNDECIDED,
            f"the injury made no clear difference ({number(loss.mean)} {interval_text(loss.low, loss.high)}): nothing to restore",
        )
    sign = math.copysign(1.0, loss.mean)
    if good and sign != good:
        return UNDECIDED, f"the injured arm is better than the uninjured one (by {number(abs(loss.mean))}): nothing to restore"
    gain, half = mean_interval(sign * (a - v)), mean_interval(sign * (a - v - RESTORED * (h - v)))
    shown = f"{100 * (a - v).mean() / (h - v).mean():.0f} % of the loss made good ({number(float(v.mean()))} → {number(float(a.mean()))}; uninjured {number(float(h.mean()))})"  # noqa: E501
    if half.low >= 0:
        return REPRODUCED, shown
    if gain.high < 0:
        return OPPOSITE, f"{shown}: further from the uninjured arm"
    if half.high < 0:
        return NOT_REPRODUCED, f"{shown}: better, by less than half" if gain.low > 0 else shown
    return UNDECIDED, f"{shown}, the interval reaches across one half"


def judge_present(x: Interval, background: float, what: str = "background") -> Ruling:
    """Rule for "present"."""
    shown = f"{number(x.mean)}, 95 % interval {interval_text(x.low, x.high)}, {what} {number(background)}"
    if not math.isfinite(x.low):
        return UNDECIDED, f"{shown}: at least two replicates are needed"
    if x.low > background:
        return REPRODUCED, shown
    return (NOT_REPRODUCED if x.high <= background else UNDECIDED), shown


def judge_absent(x: Interval, background: float, margin: float) -> Ruling:
    """Rule for "absent"; ``margin`` is absolute."""
    shown = f"{number(x.mean)}, 95 % interval {interval_text(x.low, x.high)}, background {number(background)}"
    if not math.isfinite(x.low):
        return UNDECIDED, f"{shown}: at least two replicates are needed"
    if x.high <= background + margin:
        return REPRODUCED, shown
    return (NOT_REPRODUCED if x.low > background + margin else UNDECIDED), shown


def judge_flow(forward: np.ndarray, backward: np.ndarray, direction: str) -> Ruling:
    """Rules for "unidirectional" and "bidirectional" on hand-overs per well; wells without any are left out."""
    total = forward + backward
    held = total > 0
    counts = f"{int(forward.sum())} hand-overs forward, {int(backward.sum())} back in {len(total)} wells"
    if held.sum() < 2:
        return UNDECIDED, f"{counts}: too few wells with a hand-over"
    share = forward[held] / total[held]
    if direction == "bidirectional":
        share = np.minimum(share, 1 - share)
    x, limit = mean_interval(share), ONE_WAY if direction == "unidirectional" else 1 - ONE_WAY
    if x.sd == 0.0:
        x = _binomial(x, float(total.sum()))
    shown = f"{counts}; share {number(x.mean)}, 95 % interval {interval_text(x.low, min(x.high, 1.0))}"
    if x.low > limit:
        return REPRODUCED, shown
    if direction == "unidirectional" and x.high < 1 - limit:
        return OPPOSITE, shown
    return (NOT_REPRODUCED if x.high < limit else UNDECIDED), shown


def _binomial(x: Interval, total: float) -> Interval:
    """The share with its exact binomial (Clopper-Pearson) interval from ``total`` hand-overs."""
    from scipy.special import betaincinv

    tail, hits = (1.0 - LEVEL) / 2.0, round(x.mean * total)
    low = float(betaincinv(hits, total - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1.0 - tail)) if hits < total else 1.0
    return Interval(x.mean, low, high, x.sd, x.n)


# ---------------------------------------------------------------------- findings of a run
def findings_of(results: Results, expected: Sequence[Mapping[str, Any]] | None = None) -> list[Finding]:
    """The verdict on every finding that an experiment is held against.

    Args:
        results: the run.
        expected: entries with finding, observable or readout, of, arm, versus, direction, at, note; by default those of
            the experiment file (``expect``).
    """
    entries = results.experiment.get("expect") or [] if expected is None else expected
    return [_finding(results, dict(entry)) for entry in entries]


def _finding(r: Results, e: dict[str, Any]) -> Finding:
    observable = str(e.get("observable") or e.get("readout") or "")
    labels: dict[str, Any] = {key: str(e.get(key) or "") for key in ("of", "arm", "versus", "direction", "note")}
    labels |= {"finding": str(e.get("finding") or e.get("id") or ""), "observable": observable}
    if labels["direction"] == "withheld":
        return Finding(**labels, verdict=NOT_TESTED, reason="kept back for a blind check")
    for arm in (labels["arm"], labels["versus"]):
        if arm and arm not in r.names.arms:
            why = f"the arm {arm} was left out of this run" if arm in r.left_out else f"the arm {arm} was not run"
            return Finding(**labels, verdict=NOT_TESTED, reason=why)
    try:
        return _judged(r, e, labels)
    except MitoferryError as error:
        return Finding(**labels, verdict=NOT_TESTED, reason=_why_not(error))


def _why_not(error: MitoferryError) -> str:
    """Why a finding could not be tested, in a sentence."""
    if not isinstance(error, InputError):
        return str(error)
    p = error.problems[0]
    known = {
        "observable": "this run did not measure it",
        "replicates": "no pair of wells gave a value: where no cell is left, nothing can be measured",
        "of": f"it was not measured in {p.found}",
        "arm": f"it was not measured in the arm {p.found}",
        "at": f"it was not measured at {p.found}",
    }
    return known.get(p.key, f"{p.key}: wanted {p.wanted}, found {p.found}")


def _judged(r: Results, e: dict[str, Any], labels: dict[str, Any]) -> Finding:
    direction, arm, versus, at = labels["direction"], labels["arm"], labels["versus"] or None, e.get("at")
    if direction in ("unidirectional", "bidirectional"):
        verdict, reason = judge_flow(*_flows(r, e, arm), direction)
        return Finding(**labels, verdict=verdict, reason=reason)
    m = r.measured(labels["observable"], of=labels["of"] or None)
    surrogate = m.card.surrogate if m.card else ""
    contrast = r.contrast(labels["observable"], of=labels["of"] or None, arm=arm, versus=versus, at=at)
    verdict, reason = _ruled(r, m, contrast, direction, at)
    return Finding(**labels, verdict=verdict, reason=reason, contrast=contrast, surrogate=surrogate)


def _ruled(r: Results, m: Measured, c: Contrast, direction: str, at: Any) -> Ruling:
    margin = m.card.margin if m.card else DEFAULT_MARGIN
    if direction == "present":
        return _present(r, m, c, at)
    if direction == "absent":
        background = _background(r, m, c.arm, at)
        level = float(np.mean(list(background.values()))) if background else 0.0
        return judge_absent(mean_interval(c.arm_values), level, margin * abs(level))
    if not c.versus:
        return NOT_TESTED, f"{direction} needs an arm to be held against"
    if direction in ("increase", "decrease", "abolish") and _silent(c):
        return UNDECIDED, NOTHING
    d = Interval(c.difference, c.low, c.high, 0.0, c.n)
    if direction in ("increase", "decrease"):
        return judge_change(d, direction, margin * abs(c.versus_mean))
    if direction == "no_change":
        return judge_no_change(d, margin * abs(c.versus_mean))
    if direction == "abolish":
        background = _background(r, m, c.versus, at)
        a, v = r.wells(m, arm=c.arm, at=at).values, r.wells(m, arm=c.versus, at=at).values
        return judge_abolish(*paired(*({k: x - background.get(k, 0.0) for k, x in y.items()} for y in (a, v))))
    if direction == "restore":
        return _restore(r, m, c, at)
    return NOT_TESTED, f"no rule for {direction!r}"


def _silent(c: Contrast) -> bool:
    """Whether every well of both arms reads zero."""
    return not any(c.arm_values) and not any(c.versus_values)


def _present(r: Results, m: Measured, c: Contrast, at: Any) -> Ruling:
    background = _background(r, m, c.arm, at)
    if not background:
        return judge_present(mean_interval(c.arm_values), 0.0)
    a, b = paired(r.wells(m, arm=c.arm, at=at).values, background)
    x = mean_interval(a - b)
    above = f"above that by {number(x.mean)} {interval_text(x.low, x.high)}"
    return judge_present(x, 0.0)[0], f"{number(float(a.mean()))}, without donors {number(float(b.mean()))}; {above}"


def _restore(r: Results, m: Measured, c: Contrast, at: Any) -> Ruling:
    healthy = next((name for name in HEALTHY_ARMS if name in r.names.arms and name not in (c.arm, c.versus)), None)
    if healthy is None:
        missing = next((name for name in HEALTHY_ARMS if name in r.left_out), None)
        if missing is not None:
            return NOT_TESTED, f"the uninjured arm {missing} was left out of this run"
        good = m.card.good if m.card else 0
        if good == 0:
            return NOT_TESTED, "no uninjured arm was run"
        if _silent(c):
            return UNDECIDED, NOTHING
        verdict, reason = judge_change(Interval(c.difference, c.low, c.high, 0.0, c.n), "increase" if good > 0 else "decrease")
        return verdict, f"{reason} (direction only: no uninjured arm was run)"
    values = [r.wells(m, arm=name, at=at).values for name in (c.arm, c.versus, healthy)]
    shared = sorted(set.intersection(*(set(v) for v in values)))
    a, v, h = (np.array([x[k] for k in shared]) for x in values)
    whole = np.isfinite(a) & np.isfinite(v) & np.isfinite(h)
    return judge_restore(a[whole], v[whole], h[whole], m.card.good if m.card else 0)


def _background(r: Results, m: Measured, arm: str, at: Any) -> dict[int, float]:
    """Readings of the arm without donors, for readouts of a donor label; else nothing (zero)."""
    if m.assay not in DONOR_LABEL_ASSAYS or not r.has_donors(arm):
        return {}
    measured = set(m.by_arm)
    without = [a for a in r.names.arms if a in measured and not r.has_donors(a)]
    chosen = next((a for a in (*INJURED_ALONE, *HEALTHY_ARMS, *without) if a in without), None)
    if chosen is None and (missing := [a for a in r.left_out if not r.has_donors(a)]):
        raise MitoferryError(f"the background comes from an arm without donors ({missing[0]}), which was left out of this run")
    return r.wells(m, arm=chosen, at=at).values if chosen else {}


def _flows(r: Results, e: Mapping[str, Any], arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Hand-overs per well in the stated direction (donor to recipient by default) and back."""
    source = r.population_of(str(e.get("from") or "donor"))
    target = r.population_of(str(e.get("to") or "recipient"))
    h = r.handovers(between_cells=True)
    h = h[(h["arm"] == arm) & ~h["route"].isin(_NO_FLOW_ROUTES)]
    n = r.names.replicates

    def counted(a: str, b: str) -> np.ndarray:
        chosen = h[(h["source_population"] == a) & (h["target_population"] == b)]
        return np.bincount(chosen["replicate"].astype(int), weights=chosen["count"], minlength=n).astype(float)[:n]

    return counted(source, target), counted(target, source)
