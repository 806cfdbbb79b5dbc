"""What a contradiction of the reviews is on a board: readings, and what came out of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFinding:
    """What one finding of a reading came to."""

    id: str
    sentence: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReading:
    """One of the readings of a conflict: what is claimed, what would have to be true, what came out."""

    letter: str
    words: str
    needs: str
    evidence: tuple[str, ...] = ()
    findings: tuple[ReadingFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardConflict:
    """A contradiction of the reviews (``conflicts.py``); ``why`` says why it was not run, "" if it was."""

    key: str
    title: str
    cards: tuple[str, ...]
    readings: tuple[BoardReading, ...]
    note: str = ""
    why: str = ""
    wells: int = 0


def conflict_from_plain(c: Mapping[str, Any]) -> BoardConflict:
    """The conflict that a board wrote as JSON."""
    readings = tuple(
        BoardReading(**{**r, "evidence": tuple(r["evidence"]), "findings": tuple(ReadingFinding(**f) for f in r["findings"])})
        for r in c["readings"]
    )
    return BoardConflict(**{**c, "cards": tuple(c["cards"]), "readings": readings})


__all__ = ["BoardConflict", "BoardReading", "ReadingFinding", "conflict_from_plain"]
