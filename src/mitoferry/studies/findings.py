"""Findings of a run: each finding that an experiment is held against, with its verdict (the rules are in ``rules.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, MitoferryError
from mitoferry.experiment.observables import OBSERVABLES
from mitoferry.experiment.schema import WITHIN_ARM
from mitoferry.studies.contrast import NAN, Contrast, Interval, interval_text, mean_interval, number, paired
from mitoferry.studies.rules import (
    CALIBRATED,
    NOT_TESTED,
    NOTHING,
    REPRODUCED,
    UNDECIDED,
    Ruling,
    judge_abolish,
    judge_absent,
    judge_change,
    judge_flow,
    judge_no_change,
    judge_present,
    judge_restore,
    least_of,
)
from mitoferry.studies.within import within_arm

if TYPE_CHECKING:
    from mitoferry.studies.results import Measured, Results

DEFAULT_MARGIN = 0.1
WITHHELD, KEPT_BACK = "withheld", "kept back for a blind check"
DONOR_LABEL_ASSAYS = ("flow_mitochondria", "confocal_mitochondria", "mtdna_qpcr")
HEALTHY_ARMS = ("recipient_alone", "uninjured", "healthy", "control")
INJURED_ALONE = ("injured_alone",)
TUBE_ORIGIN = "tnt_origin"
_NO_FLOW_ROUTES = ("division", "nanotube_return", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding of a paper, what the run gave, and the verdict.

    Attributes:
        finding: its id ("msc-huvec-ogd#5").
        observable, of, arm, versus, direction: what the paper reported.
        verdict: one of ``rules.VERDICTS``.
        reason: one sentence with the numbers that decided.
        p: chance that wells of which the finding does not hold would lie as far on its side of the limit of its rule (one-sided t test);
            NaN where the rule rests on something else.
        contrast: the contrast behind it, if there is one.
        surrogate: what the readout stands in for; "" for a direct one.
        note: note of the card.
        against: the other reading of the same arm in words, where ``versus`` is "within_arm".
    """

    finding: str
    observable: str
    of: str
    arm: str
    versus: str
    direction: str
    verdict: str
    reason: str
    p: float = NAN
    contrast: Contrast | None = None
    surrogate: str = ""
    note: str = ""
    against: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """What the paper reported, in words."""
        of = f" of {self.of}" if self.of and self.of != "well" else ""
        templates = WITHIN_SENTENCES if self.against else _SENTENCES
        return templates.get(self.direction, "{o} {d} in {a} against {v}").format(
            o=self.observable.replace("_", " ") + of, d=self.direction, a=self.arm, v=self.against or self.versus or "its control"
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
    "withheld": "{o} in {a}, against {v} (outcome kept back)",
}
WITHIN_SENTENCES = {
    "increase": "{o} is higher than {v} in {a}",
    "decrease": "{o} is lower than {v} in {a}",
    "abolish": "{o} is abolished in {a}, against {v}",
    "no_change": "{o} is the same as {v} in {a}",
    "present": "{o} is above {v} in {a}",
    "absent": "{o} is not above {v} in {a}",
}


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
    card = OBSERVABLES.get(observable)
    if card is not None and card.outside:
        return Finding(**labels, verdict=NOT_TESTED, reason=f"outside the model: {card.outside}")
    for arm in (labels["arm"], labels["versus"]):
        if arm and arm != WITHIN_ARM and arm not in r.names.arms:
            why = f"the arm {arm} was left out of this run" if arm in r.left_out else f"the arm {arm} was not run"
            return Finding(**labels, verdict=NOT_TESTED, reason=why)
    try:
        found = _judged(r, e, labels)
    except MitoferryError as error:
        kept = f"{KEPT_BACK}; " if labels["direction"] == WITHHELD else ""
        return Finding(**labels, verdict=NOT_TESTED, reason=kept + _why_not(error))
    set_by = str(e.get("calibrated") or "")
    if set_by and found.verdict == REPRODUCED:
        return replace(found, verdict=CALIBRATED, reason=f"{found.reason}; no evidence: {set_by}")
    return found


def _why_not(error: MitoferryError) -> str:
    """Why a finding could not be tested, in a sentence."""
    if not isinstance(error, InputError):
        return str(error)
    p = error.problems[0]
    known = {
        "observable": "this run did not measure it",
        "replicates": "no pair of wells gave a value: where no cell is left, or there is nothing to count, nothing can be measured",
        "of": f"it was not measured in {p.found}",
        "arm": f"it was not measured in the arm {p.found}",
        "at": f"it was not measured at {p.found}",
    }
    return known.get(p.key, f"{p.key}: wanted {p.wanted}, found {p.found}")


def _judged(r: Results, e: dict[str, Any], labels: dict[str, Any]) -> Finding:
    direction, arm, versus, at = labels["direction"], labels["arm"], labels["versus"] or None, e.get("at")
    if direction in ("unidirectional", "bidirectional"):
        origin = labels["observable"] == TUBE_ORIGIN
        flow = judge_flow(*(_begun(r, e, arm) if origin else _flows(r, e, arm)), direction)
        return Finding(**labels, verdict=flow.verdict, reason=flow.reason.replace("hand-overs", "tubes begun") if origin else flow.reason)
    m = r.measured(labels["observable"], of=labels["of"] or None)
    surrogate = m.card.surrogate if m.card else ""
    if versus == WITHIN_ARM and (e.get("against") or direction not in ("present", "absent")):
        c = within_arm(r, labels["observable"], of=labels["of"] or None, arm=arm, at=at, against=e.get("against") or {})
        return _as_found(labels, _ruled_within(m, c, direction), c, surrogate)
    if versus == WITHIN_ARM:
        versus = None
    contrast = r.contrast(labels["observable"], of=labels["of"] or None, arm=arm, versus=versus, at=at)
    return _as_found(labels, _ruled(r, m, contrast, direction, at), contrast, surrogate)


def _as_found(labels: Mapping[str, Any], ruling: Ruling, c: Contrast, surrogate: str) -> Finding:
    return Finding(
        **labels, verdict=ruling.verdict, reason=ruling.reason, p=ruling.p, contrast=c, surrogate=surrogate, against=c.against
    )  # fmt: skip


def _ruled(r: Results, m: Measured, c: Contrast, direction: str, at: Any) -> Ruling:
    margin = m.card.margin if m.card else DEFAULT_MARGIN
    if direction == WITHHELD:
        return Ruling(NOT_TESTED, f"{KEPT_BACK}; the model predicts {_predicted(c, margin * abs(c.versus_mean))}")
    if direction == "present":
        return _present(r, m, c, at)
    if direction == "absent":
        background = _background(r, m, c.arm, at)
        level = float(np.mean(list(background.values()))) if background else 0.0
        return judge_absent(mean_interval(c.arm_values), level, margin * abs(level))
    if not c.versus:
        return Ruling(NOT_TESTED, f"{direction} needs an arm to be held against")
    if direction in ("increase", "decrease", "abolish") and _silent(c):
        return Ruling(UNDECIDED, NOTHING)
    d = Interval(c.difference, c.low, c.high, 0.0, c.n)
    if direction in ("increase", "decrease"):
        return judge_change(d, direction, margin * abs(c.versus_mean), least_of(c.arm_mean, c.versus_mean))
    if direction == "no_change":
        return judge_no_change(d, margin * abs(c.versus_mean))
    if direction == "abolish":
        background = _background(r, m, c.versus, at)
        a, v = r.wells(m, arm=c.arm, at=at).values, r.wells(m, arm=c.versus, at=at).values
        return judge_abolish(*paired(*({k: x - background.get(k, 0.0) for k, x in y.items()} for y in (a, v))))
    if direction == "restore":
        return _restore(r, m, c, at)
    return Ruling(NOT_TESTED, f"no rule for {direction!r}")


def _ruled_within(m: Measured, c: Contrast, direction: str) -> Ruling:
    """The rules for two readings of one arm; *present* and *absent* ask whether the one is above the other."""
    margin = (m.card.margin if m.card else DEFAULT_MARGIN) * abs(c.versus_mean)
    d = Interval(c.difference, c.low, c.high, 0.0, c.n)
    if direction == WITHHELD:
        return Ruling(NOT_TESTED, f"{KEPT_BACK}; the model predicts {_predicted(c, margin)}")
    if direction == "present":
        return judge_present(d, 0.0, "above the other reading by more than")
    if direction == "absent":
        return judge_absent(d, 0.0, margin)
    if direction == "no_change":
        return judge_no_change(d, margin)
    if _silent(c):
        return Ruling(UNDECIDED, NOTHING)
    if direction in ("increase", "decrease"):
        return judge_change(d, direction, margin, least_of(c.arm_mean, c.versus_mean))
    if direction == "abolish":
        return judge_abolish(np.array(c.arm_values), np.array(c.versus_values))
    return Ruling(NOT_TESTED, f"{direction} needs an arm to be held against")


def _predicted(c: Contrast, margin: float) -> str:
    """What a contrast says by itself, where no outcome is known to hold it against; ``margin`` is absolute."""
    if not c.versus:
        return f"{number(c.arm_mean)} {interval_text(c.low, c.high)}"
    shown = f"difference {number(c.difference)}, 95 % interval {interval_text(c.low, c.high)}"
    if c.low > 0.0 or c.high < 0.0:
        return f"{'a rise' if c.low > 0.0 else 'a fall'}: {shown}"
    return f"{'no change' if -margin <= c.low and c.high <= margin else 'nothing clear'}: {shown}"


def _silent(c: Contrast) -> bool:
    """Whether every well of both arms reads zero."""
    return not any(c.arm_values) and not any(c.versus_values)


def _present(r: Results, m: Measured, c: Contrast, at: Any) -> Ruling:
    background = _background(r, m, c.arm, at)
    if not background and m.card is not None and m.card.always:
        return Ruling(NOT_TESTED, "it is above zero in every living cell: its presence means something only beside an arm without donors")
    if not background:
        return judge_present(mean_interval(c.arm_values), 0.0)
    a, b = paired(r.wells(m, arm=c.arm, at=at).values, background)
    x = mean_interval(a - b)
    above = f"above that by {number(x.mean)} {interval_text(x.low, x.high)}"
    shown = f"{number(float(a.mean()))}, without donors {number(float(b.mean()))}; {above}"
    return judge_present(x, 0.0)._replace(reason=shown)


def _restore(r: Results, m: Measured, c: Contrast, at: Any) -> Ruling:
    healthy = next((name for name in HEALTHY_ARMS if name in r.names.arms and name not in (c.arm, c.versus)), None)
    if healthy is None:
        missing = next((name for name in HEALTHY_ARMS if name in r.left_out), None)
        if missing is not None:
            return Ruling(NOT_TESTED, f"the uninjured arm {missing} was left out of this run")
        good = m.card.good if m.card else 0
        if good == 0:
            return Ruling(NOT_TESTED, "no uninjured arm was run")
        if _silent(c):
            return Ruling(UNDECIDED, NOTHING)
        d, least = Interval(c.difference, c.low, c.high, 0.0, c.n), least_of(c.arm_mean, c.versus_mean)
        change = judge_change(d, "increase" if good > 0 else "decrease", least=least)
        return change._replace(reason=f"{change.reason} (direction only: no uninjured arm was run)")
    values = [r.wells(m, arm=name, at=at).values for name in (c.arm, c.versus, healthy)]
    shared = sorted(set.intersection(*(set(v) for v in values)))
    a, v, h = (np.array([x[k] for k in shared]) for x in values)
    whole = np.isfinite(a) & np.isfinite(v) & np.isfinite(h)
    return judge_restore(a[whole], v[whole], h[whole], m.card.good if m.card else 0)


def _background(r: Results, m: Measured, arm: str, at: Any) -> dict[int, float]:
    """Readings of the arm without donors, for readouts of a donor label and what every cell has; else nothing (zero)."""
    if not (m.assay in DONOR_LABEL_ASSAYS or (m.card is not None and m.card.always)) or not r.has_donors(arm):
        return {}
    measured = set(m.by_arm)
    without = [a for a in r.names.arms if a in measured and not r.has_donors(a)]
    chosen = next((a for a in (*INJURED_ALONE, *HEALTHY_ARMS, *without) if a in without), None)
    if chosen is None and (missing := [a for a in r.left_out if not r.has_donors(a)]):
        raise MitoferryError(f"the background comes from an arm without donors ({missing[0]}), which was left out of this run")
    return r.wells(m, arm=chosen, at=at).values if chosen else {}


def _ends(r: Results, e: Mapping[str, Any]) -> tuple[str, str]:
    """Populations that a flow comes from and goes to; donor and recipient unless the expectation says otherwise."""
    return r.population_of(str(e.get("from") or e.get("from_") or "donor")), r.population_of(str(e.get("to") or "recipient"))


def _begun(r: Results, e: Mapping[str, Any], arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Tubes between the two populations per well, by which of them began: the one in ``from``, and the other."""
    source, target = _ends(r, e)
    born = r.events()
    born = born[(born["kind"] == "link_born") & (born["arm"] == arm)]

    def counted(a: str, b: str) -> np.ndarray:
        chosen = born[(born["source_population"] == a) & (born["target_population"] == b)]
        return np.bincount(chosen["replicate"].astype(int), minlength=r.names.replicates).astype(float)[: r.names.replicates]

    return counted(source, target), counted(target, source)


def _flows(r: Results, e: Mapping[str, Any], arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Hand-overs per well in the stated direction (donor to recipient by default) and back."""
    source, target = _ends(r, e)
    h = r.handovers(between_cells=True)
    h = h[(h["arm"] == arm) & ~h["route"].isin(_NO_FLOW_ROUTES)]
    n = r.names.replicates

    def counted(a: str, b: str) -> np.ndarray:
        chosen = h[(h["source_population"] == a) & (h["target_population"] == b)]
        return np.bincount(chosen["replicate"].astype(int), weights=chosen["count"], minlength=n).astype(float)[:n]

    return counted(source, target), counted(target, source)
