"""Tables of records, cards and findings, as ``mitoferry evidence`` prints them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.evidence import files, tables
from mitoferry.evidence.model import Card, CardFinding, Record
from mitoferry.evidence.search import select_cards, select_findings, select_records
from mitoferry.show.cell_card import WIDTH

LIMIT = 25
WHOLE = -1
"""Width of a column whose cells are never broken."""
OF_RECORDS_ONLY = ("kind",)


def evidence_text(*, cards: bool = False, findings: bool = False, limit: int | None = None, as_json: bool = False, **asked: Any) -> str:
    """Records that fit what is asked, or cards, or findings of cards, as a table or JSON.

    Args:
        cards: cards instead of records.
        findings: findings of cards instead of records.
        limit: rows at most; default 25 in a table and all in JSON.
        as_json: JSON instead of a table.
        asked: choices of :func:`mitoferry.evidence.find`; None for no choice.

    Raises:
        InputError: a value that occurs nowhere, or a choice that this kind of table does not have.
    """
    if cards and findings:
        raise InputError(Problem("command line", "evidence", "one of --cards and --findings", "both"))
    if cards or findings:
        given = [name for name in OF_RECORDS_ONLY if asked.pop(name, None)]
        if given:
            raise InputError(Problem("command line", "evidence", "choices that cards have", f"--{given[0]}", hint="Only records have it"))
    found: Sequence[Any] = (select_cards if cards else select_findings if findings else select_records)(**asked)
    row = tables.row_of_card if cards else tables.row_of_finding if findings else tables.row_of_record
    shown = found[: limit or (len(found) if as_json else LIMIT)]
    if as_json:
        return json.dumps([row(x) for x in shown], indent=2, ensure_ascii=False)
    what = "cards" if cards else "findings" if findings else "records"
    if not found:
        return f"No {what} fit. Leave out a choice, or try other words: --about looks for all of its words."
    columns = _CARD if cards else _FINDING if findings else _RECORD
    said = f"{len(found)} {what}" + (f", {len(shown)} of them shown (--limit {len(found)} shows all)" if len(shown) < len(found) else "")
    more = "mitoferry evidence " + ("KEY" if cards else "ID") + " shows one with all that belongs to it."
    return "\n".join([rich_table(columns, [_cells(x) for x in shown]), f"{said}. {more}", caution_text()])


def caution_text() -> str:
    """What must be known with any of the evidence, in one line; ``tables.CAUTION`` says more."""
    return "Caution: signs without sizes; most controls implied; some by title only; reviews disagree; withheld = kept blind."


_RECORD = (("id", WHOLE), ("about", 24), ("outcome", 24), ("statement", 0))
_CARD = (("key", WHOLE), ("system", 12), ("what", 0), ("routes", 14), ("findings", 9), ("simulable", 10))
_FINDING = (("id", WHOLE), ("observable", 0), ("direction", WHOLE), ("arm", 0), ("against", 0))


def _cells(x: Record | Card | CardFinding) -> tuple[str, ...]:
    if isinstance(x, Record):
        cards = files.cards_of_record().get(x.id, ())
        about = f"{x.kind}" + (f"\n{', '.join(x.route)}" if x.route else "") + (f"\n[{', '.join(cards)}]" if cards else "")
        return x.id, about, f"{x.observable}\n{x.direction or '-'}", x.statement
    if isinstance(x, Card):
        withheld = sum(f.direction == "withheld" for f in x.expect)
        number = f"{len(x.expect)}" + (f", {withheld} withheld" if withheld else "")
        return x.key, x.system, x.title, ", ".join(x.routes), number, x.simulable
    return x.id, x.observable, x.direction, x.arm, x.versus or "-"


def rich_table(columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[str]]) -> str:
    """Rows under headings, wrapped to the width of a card.

    Args:
        columns: heading and greatest width, 0 for what is left, :data:`WHOLE` for what it takes.
        rows: text of the cells; brackets are text, not markup.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, width in columns:
        drawn.add_column(name, max_width=width if width > 0 else None, overflow="fold", no_wrap=width == WHOLE)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    stream = StringIO()
    Console(file=stream, width=WIDTH, no_color=True, highlight=False).print(drawn)
    return "\n".join(line.rstrip() for line in stream.getvalue().rstrip().split("\n"))
