"""What changed between two boards: which verdicts mended, which broke."""

from __future__ import annotations

from dataclasses import dataclass

from mitoferry.studies.board.model import Board
from mitoferry.studies.rules import REPRODUCED


@dataclass(frozen=True, slots=True)
class Turn:
    """A finding whose verdict changed."""

    finding: str
    sentence: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one board to another.

    Attributes:
        mended: reproduced now, not before.
        broke: reproduced before, not now.
        other: other turns (undecided to opposite, say).
        new, gone: findings that only one of the boards holds.
        notes: settings, seeds or models that differ.
    """

    mended: tuple[Turn, ...]
    broke: tuple[Turn, ...]
    other: tuple[Turn, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        head = f"this change mended {len(self.mended)}, broke {len(self.broke)}, turned {len(self.other)} otherwise"
        if self.new or self.gone:
            head += f"; {len(self.new)} findings are new, {len(self.gone)} gone"
        lines = [head, *(f"note: {n}" for n in self.notes)]
        for title, turns in (("mended", self.mended), ("broke", self.broke), ("turned", self.other)):
            lines += [f"{title}: {t.finding}: {t.sentence}: {t.before} -> {t.after}" for t in turns]
        return "\n".join(lines)


def compared(old: Board, new: Board) -> Comparison:
    """Findings of two boards, by id."""
    a = {f.id: f for _, f in old.findings}
    b = {f.id: f for _, f in new.findings}
    turns = [Turn(k, b[k].sentence, a[k].verdict, b[k].verdict) for k in b if k in a and a[k].verdict != b[k].verdict]
    mended = tuple(t for t in turns if t.after == REPRODUCED)
    broke = tuple(t for t in turns if t.before == REPRODUCED)
    other = tuple(t for t in turns if REPRODUCED not in (t.before, t.after))
    notes = []
    for name in ("setting", "seed"):
        if getattr(old, name) != getattr(new, name):
            notes.append(f"the boards differ in {name}: {getattr(old, name)} and {getattr(new, name)}")
    if old.versions.get("model") == new.versions.get("model"):
        notes.append("both were run with the same model and library")
    return Comparison(mended, broke, other, tuple(k for k in b if k not in a), tuple(k for k in a if k not in b), tuple(notes))
