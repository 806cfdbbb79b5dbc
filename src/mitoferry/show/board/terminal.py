"""A board in the terminal: totals in front, then cards by system, route, mechanism or review, then what did not come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.names import nearest
from mitoferry.show.style import VERDICT_MARKS
from mitoferry.studies.board.carried import CarriedCount, carried_counts
from mitoferry.studies.board.model import Board, BoardCard, BoardFinding, groups_of
from mitoferry.studies.rules import CALIBRATED, NOT_REPRODUCED, NOT_TESTED, OPPOSITE, REPRODUCED, UNDECIDED

if TYPE_CHECKING:
    from rich.console import RenderableType

ORDER = (REPRODUCED, CALIBRATED, UNDECIDED, NOT_REPRODUCED, OPPOSITE, NOT_TESTED)
COLOURS = {
    REPRODUCED: "green", CALIBRATED: "cyan", UNDECIDED: "yellow", NOT_REPRODUCED: "red", OPPOSITE: "bold red", NOT_TESTED: "dim",
}  # fmt: skip
KINDS = ("system", "route", "mechanism", "review")
WITHHELD = "withheld"


def shown_verdict(f: BoardFinding) -> str:
    """The verdict; for an outcome that is kept back, that it is."""
    return WITHHELD if f.direction == WITHHELD else f.verdict


def headline(board: Board) -> str:
    """Totals in one sentence, failures included."""
    totals = board.totals()
    withheld = sum(f.direction == WITHHELD for _, f in board.findings)
    parts = []
    for verdict in ORDER:
        n = totals.get(verdict, 0) - (withheld if verdict == NOT_TESTED else 0)
        if n:
            parts.append(f"{n} {verdict}")
    if withheld:
        parts.append(f"{withheld} kept back for blind checks")
    status: dict[str, int] = {}
    for c in board.cards:
        status[c.status] = status.get(c.status, 0) + 1
    cards = ", ".join(f"{n} {s}" for s, n in status.items())
    return f"{len(board.findings)} findings of {len(board.cards)} cards ({cards}): " + ", ".join(parts)


def remarks(board: Board) -> list[str]:
    """What has to be said beside the totals."""
    chance = board.false_discoveries
    lines = []
    if chance.get("tested"):
        lines.append(
            f"False discoveries: {chance['q below 5 %']:.0f} of {chance['tested']:.0f} findings with a p value have q < 5 % "
            f"(Benjamini-Hochberg); of these about {chance['expected by chance']:g} would be there by chance."
        )
    dealt = board.shuffled
    if dealt.get("n", 0) > 1:
        lines.append(
            f"Chance: of {dealt['n']:.0f} rises and falls {dealt['reproduced']:.0f} come out; with the expectations shuffled among them "
            f"{dealt['mean']:.1f} do (95 % of shuffles: {dealt['low']:.0f} to {dealt['high']:.0f}; p = {dealt['p']:.2g})."
        )
    lines.append("One library of parameters for all experiments. " + _tuned(board))
    least = board.setting.get("draws", 0)
    own = [c for c in board.cards if c.status == "run" and len(c.borrowed) < len(c.arms)]  # the others have their draws with other cards
    short = sum(c.draws < least for c in own)
    if short:
        lines.append(
            f"Not finished: {short} of {len(own)} cards lack their {least} draws of the parameters; verdicts without draws are over wells."
        )
    probed = [c for c in board.cards if c.probed]
    if probed:
        judged = [f for c in probed for f in c.findings if shown_verdict(f) in ORDER[:-1]]
        n = sum(bool(f.hinges) for f in judged)
        lines.append(
            f"Robustness: of {len(judged)} verdicts of the {len(probed)} cards that were probed {n} turn when a single parameter is moved "
            "within its range (marked ⇄)."
        )
    if board.shared_arms:
        same = "arm that is" if board.shared_arms == 1 else "arms that are"
        lines.append(f"{board.shared_arms} {same} the same in several cards or twice in one: run once.")
    smaller = sum(c.share < 1.0 for c in board.cards if c.status == "run")
    if smaller:
        lines.append(f"{smaller} cards ran in smaller wells than their files ask for (same density).")
    return lines


def _tuned(board: Board) -> str:
    if not board.tuned:
        return "No published experiment sets a parameter, a number of a cell type or a switch of its own."
    return f"{len(board.tuned)} values are set by experiments: " + "; ".join(board.tuned[:5]) + (" ..." if len(board.tuned) > 5 else "")


def tables(board: Board, by: str = "system", *, verdict: str | None = None) -> Iterable[RenderableType]:
    """Tables for a rich console.

    Args:
        board: the board.
        by: "system", "route", "mechanism" or "review": how totals are grouped.
        verdict: list only findings with this verdict; by default all that are not reproduced.

    Raises:
        InputError: no such group or verdict.
    """
    from rich.table import Table
    from rich.text import Text

    problems = []
    if by not in KINDS:
        problems.append(Problem("board", "--by", "one of " + ", ".join(KINDS), repr(by), hint=nearest(by, KINDS)))
    if verdict is not None and verdict not in (*ORDER, WITHHELD):
        problems.append(
            Problem("board", "--verdict", "one of " + ", ".join((*ORDER, WITHHELD)), repr(verdict), hint=nearest(verdict, ORDER))
        )
    if problems:
        raise InputError(problems)
    yield Text(headline(board), style="bold")
    for line in remarks(board):
        yield Text(line)
    yield _groups(board, by)
    carried = carried_counts(f for _, f in board.findings)
    if carried:
        yield _carried(carried)
    listed = [(c, f) for c, f in board.findings if (shown_verdict(f) == verdict if verdict else shown_verdict(f) in ORDER[2:5])]
    table = Table(title="findings: " + (verdict or "undecided, not reproduced, opposite"), title_justify="left", box=None, pad_edge=False)
    for column in ("finding", "reported", "verdict", "numbers"):
        table.add_column(column, overflow="fold")
    for _, f in listed:
        name = shown_verdict(f)
        more = f" ({f.wells_needed} wells would tell)" if f.verdict == UNDECIDED and f.wells_needed else ""
        mark = Text(f"{VERDICT_MARKS.get(name, ' ')} {name}", style=COLOURS.get(name, ""))
        if f.hinges:
            mark.append(f"\n⇄ hinges on {', '.join(f.hinges)}", style="dim")
        table.add_row(f.id, f.sentence, mark, f.reason + more)
    yield table


def conflict_lines(board: Board) -> list[str]:
    """The conflicts of the reviews with every reading, as lines."""
    lines = []
    for c in board.conflicts:
        lines.append(f"{c.key}: {c.title}" + (f" ({c.why})" if c.why else ""))
        for r in c.readings:
            lines += [f"  {r.letter}) {r.words}", f"     would have to be true: {r.needs}"]
            lines += [f"     {VERDICT_MARKS.get(f.verdict, ' ')} {f.id}: {f.sentence}: {f.verdict}. {f.reason}" for f in r.findings]
    return lines


def _groups(board: Board, by: str) -> Any:
    from rich.table import Table

    names = sorted({g for card in board.cards for g in groups_of(card, by)})
    table = Table(title=f"by {by}", title_justify="left", box=None, pad_edge=False)
    table.add_column(by)
    table.add_column("cards", justify="right")
    for verdict in ORDER[:-1]:
        table.add_column(verdict, justify="right", style=COLOURS[verdict])
    table.add_column("kept back", justify="right", style="dim")
    for name in names:
        cards: list[BoardCard] = [c for c in board.cards if name in groups_of(c, by)]
        found = [shown_verdict(f) for c in cards for f in c.findings]
        table.add_row(name, str(len(cards)), *(str(found.count(v) or "") for v in ORDER[:-1]), str(found.count(WITHHELD) or ""))
    return table


def _carried(rows: Iterable[CarriedCount]) -> Any:
    """What took a part of the effects with it when it was knocked out."""
    from rich.table import Table

    table = Table(title="what carried the effects", title_justify="left", box=None, pad_edge=False)
    table.add_column("reading")
    for column in ("effects", "transfer", "paracrine", "both", "neither"):
        table.add_column(column, justify="right")
    for r in rows:
        table.add_row(r.kind, *(str(n or "") for n in (r.effects, r.transfer, r.paracrine, r.both, r.neither)))
    return table
