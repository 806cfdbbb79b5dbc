"""When a verdict hinges on a parameter: rules, the same for every finding.

The *state* of a finding is its verdict over wells (*calibrated* counts as *reproduced*); of one whose outcome is kept back it is
the prediction: a rise or a fall where the 95 % interval excludes 0, else *undecided*. With a parameter moved, same wells, a
verdict **turns** when

* *reproduced* becomes *not reproduced* or *opposite* or the other way round; a predicted rise becomes a fall;
* a decided effect becomes *undecided* (or the other way round) and the undecided effect has the other sign or less than half the
  size of the decided one. An interval that merely grows over zero turns nothing;
* "no change" becomes undecided (or the other way round) and the undecided mean difference lies outside the margin.

An effect **moves**, for the screening, by more than :data:`SHARE` of its size and more than half the half-width of its interval.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitoferry.experiment.observables import OBSERVABLES
from mitoferry.studies.contrast import NAN
from mitoferry.studies.findings import DEFAULT_MARGIN, WITHHELD
from mitoferry.studies.rules import CALIBRATED, NOT_REPRODUCED, NOT_TESTED, OPPOSITE, REPRODUCED, UNDECIDED

if TYPE_CHECKING:
    from mitoferry.studies.findings import Finding

HINGES = "hinges.json"
ROBUSTNESS = "robustness"
SHARE = 0.2
SHRUNK = 0.5
RISE, FALL = "rise", "fall"
_TURNS = ({REPRODUCED, NOT_REPRODUCED}, {REPRODUCED, OPPOSITE}, {RISE, FALL})
_SIGNED = (REPRODUCED, OPPOSITE, RISE, FALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A finding in one plate.

    Attributes:
        direction: as reported.
        state: verdict, or prediction where the outcome is kept back.
        effect, low, high: mean paired difference (or mean of the one arm) with its interval; NaN without a contrast.
        margin: of equivalence, absolute.
    """

    direction: str
    state: str
    effect: float = NAN
    low: float = NAN
    high: float = NAN
    margin: float = 0.0


def reading_of(f: Finding) -> Reading:
    """The reading of a finding."""
    c = f.contrast
    state = REPRODUCED if f.verdict == CALIBRATED else f.verdict
    if c is None:
        return Reading(direction=f.direction, state=state)
    if f.direction == WITHHELD:
        state = RISE if c.low > 0.0 else FALL if c.high < 0.0 else UNDECIDED
    card = OBSERVABLES.get(f.observable)
    margin = (card.margin if card is not None else DEFAULT_MARGIN) * abs(c.versus_mean) if c.versus else 0.0
    return Reading(direction=f.direction, state=state, effect=c.difference, low=c.low, high=c.high, margin=margin)


def turned(before: Reading, after: Reading) -> bool:
    """Whether the verdict turned."""
    states = {before.state, after.state}
    if len(states) == 1 or NOT_TESTED in states:
        return False
    if UNDECIDED not in states:
        return states in _TURNS
    undecided, decided = (before, after) if before.state == UNDECIDED else (after, before)
    if not math.isfinite(undecided.effect) or not math.isfinite(decided.effect):
        return False
    if before.direction == "no_change":
        return decided.state == REPRODUCED and abs(undecided.effect) > undecided.margin
    if decided.state not in _SIGNED or before.direction == "absent" or decided.effect == 0.0:
        return False
    return undecided.effect / decided.effect < SHRUNK


def moved(before: Reading, after: Reading) -> bool:
    """Whether the screening keeps a group that made this change: any other state, or an effect that moved."""
    if before.state != after.state:
        return True
    known = math.isfinite(before.effect), math.isfinite(after.effect)
    if not all(known):
        return any(known)
    half = 0.5 * (before.high - before.low)
    return abs(after.effect - before.effect) > max(SHARE * abs(before.effect), 0.5 * half if math.isfinite(half) else 0.0)


def read_hinges(folder: Path) -> dict[str, list[str]]:
    """Parameters on which verdicts hinge, by finding, as ``robustness.py`` wrote them; empty where nothing was looked for."""
    path = folder / HINGES
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def read_probed(folder: Path) -> dict[str, str]:
    """How cards were looked for hinges, in words, by card."""
    found = sorted((folder / ROBUSTNESS).glob("*.json"))
    return {p.stem: str(json.loads(p.read_text(encoding="utf-8")).get("words", "")) for p in found}


__all__ = [
    "FALL",
    "HINGES",
    "RISE",
    "ROBUSTNESS",
    "SHARE",
    "SHRUNK",
    "Reading",
    "moved",
    "read_hinges",
    "read_probed",
    "reading_of",
    "turned",
]
