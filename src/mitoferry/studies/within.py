"""Contrasts of two readings of one arm: one population against another, one time against another, or a reading against its neutral value.

The other reading is that of the expectation (``against`` of the file: observable or readout, of, at; what is not named is that of the
finding). Without it an observable that holds the contrast in itself is held against the value at which there is none (``neutral``:
half of the tubes). Wells are paired as between arms. Where the two differ by time, single readings are taken and no means over
a window, which would share most of their readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.schema import WITHIN_ARM
from mitoferry.studies.contrast import Contrast, contrast_of, number

if TYPE_CHECKING:
    from mitoferry.studies.results import Measured, Results

SELF = "its neutral value"


def name_of(entry: Mapping[str, Any]) -> str:
    """Observable or readout of an expectation, or of its other reading."""
    return str(entry.get("observable") or entry.get("readout") or "")


def expected(r: Results, observable: str, arm: str, of: str | None = None) -> Mapping[str, Any] | None:
    """The expectation of the run's experiment on another reading of that arm; one of the population ``of`` first."""
    entries = [e for e in r.experiment.get("expect") or () if e.get("versus") == WITHIN_ARM]
    entries = [e for e in entries if e.get("arm") == arm and name_of(e) == observable]
    if of is not None:
        entries = [e for e in entries if e.get("of") and r.population_of(str(e["of"])) == r.population_of(of)] or entries
    return entries[0] if entries else None


def _other(r: Results, m: Measured, of: str | None, arm: str, at: Any, against: Mapping[str, Any]) -> tuple[Measured, Any, str]:
    """The other reading: where it stands, its time, and its name in words."""
    name, who = name_of(against) or m.name, against.get("of") or of
    other = r.measured(name, of=str(who) if who else None) if (name, who) != (m.name, of) else m
    when = against.get("at") if against.get("at") is not None else at
    differs = other.readout != m.readout or other.assay != m.assay
    words = [name.replace("_", " ")] if differs else ["that"]
    if other.of != m.of:
        words.append(f"of {other.of or 'the well'}")
    if against.get("at") is not None:
        words.append(f"at {against['at']}")
    return other, when, " ".join(words)


def within_arm(
    r: Results,
    observable: str,
    *,
    arm: str,
    of: str | None = None,
    at: float | str | None = None,
    assay: str | None = None,
    against: Mapping[str, Any] | None = None,
) -> Contrast:
    """A reading of an arm against another reading of it.

    Args:
        r: the run.
        observable: an observable of the cards or a readout.
        arm: the arm.
        of: population or role; by default that of the expectation.
        at: time; by default that of the expectation.
        assay: needed where several assays give a readout of this name.
        against: the other reading; by default that of the expectation on this observable and arm.

    Raises:
        InputError: there is no other reading to be held against, or it was not measured.
    """
    if against is None:
        entry = expected(r, observable, arm, of) or {}
        of, at, against = of or entry.get("of"), at if at is not None else entry.get("at"), entry.get("against")
    m = r.measured(observable, of=str(of) if of else None, assay=assay)
    labels = {"readout": m.readout, "of": m.of, "unit": m.unit, "arm": arm, "versus": WITHIN_ARM, "assay": m.assay, "observable": m.name}
    if not against:
        if m.card is None or m.card.neutral is None:
            wanted = "another reading of the same arm: an expectation with 'versus: within_arm' and 'against'"
            raise InputError(Problem(str(r.path), "versus", wanted, "none in the experiment of this run"))
        first = r.wells(m, arm=arm, at=at)
        neutral = m.card.neutral
        second = dict.fromkeys(first.values, float(neutral))
        words = f"{number(neutral)} ({SELF})"
    else:
        other, when, words = _other(r, m, str(of) if of else None, arm, at, against)
        two_times = against.get("at") is not None
        first = r.wells(m, arm=arm, at=at, single=two_times)
        second = r.wells(other, arm=arm, at=when, single=two_times).values
    try:
        return contrast_of(first.values, second, hours=first.hours, statistic=first.statistic, against=words, **labels)
    except ValueError as error:
        hint = f"in {arm} the two readings share no replicate with a value"
        raise InputError(Problem(str(r.path), "replicates", "replicates with a value of both readings", "none", hint=hint)) from error
