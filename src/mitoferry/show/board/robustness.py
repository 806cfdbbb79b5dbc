"""What ``mitoferry board robustness`` does and prints: hinges of verdicts, the strongest parameters, what was left out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.show.board.command import cores, progress, write_all
from mitoferry.studies.board.hinges import ROBUSTNESS
from mitoferry.studies.board.robustness import OAT, Probe, robustness
from mitoferry.studies.contrast import number

if TYPE_CHECKING:
    from rich.console import RenderableType

STRONGEST = 3


def run_robustness(
    folder: str, cards: Sequence[str], *, method: str, tags: Sequence[str] | None, pattern: str, wells: int | None,
    trajectories: int | None, everything: bool, workers: int | None,
) -> None:  # fmt: skip
    """Look for hinges, write the board anew, print a table per card.

    Raises:
        InputError: options, cards or a folder that will not do.
    """
    from rich.console import Console

    if workers is not None and workers < 1:
        raise InputError(Problem("robustness", "--workers", "1 or more", str(workers)))
    if trajectories is not None and trajectories < 2:
        raise InputError(Problem("robustness", "--trajectories", "2 or more", str(trajectories)))
    if wells is not None and wells < 2:
        raise InputError(Problem("robustness", "--wells", "2 or more: one well has no interval", str(wells)))
    probe = Probe(
        method=method, tags=tuple(t.upper() for t in tags or ()), pattern=pattern, wells=wells or 0, trajectories=trajectories or 0,
        everything=everything,
    )  # fmt: skip
    path = Path(os.path.abspath(os.path.expanduser(folder)))
    with progress() as begin:
        board = robustness(path, cards, probe, workers=workers or cores(), begin=begin)
    write_all(board, path)
    console = Console()
    every = [c.key for c in board.cards] if not cards else dict.fromkeys(cards)
    for card in every:
        name = f"{card}.json" if method == OAT else f"{card}-{method}.json"
        if not cards and not (path / ROBUSTNESS / name).exists():
            continue  # not run, or it uses nothing that may be moved
        for part in report(json.loads((path / ROBUSTNESS / name).read_text(encoding="utf-8"))):
            console.print(part)
        console.print(f"all effects: {path / ROBUSTNESS / name}", style="dim")


def report(found: dict[str, Any]) -> Iterable[RenderableType]:
    """A card's results for a console, from its JSON."""
    from rich.table import Table
    from rich.text import Text

    yield Text(f"{found['card']}: {found['words']}", style="bold")
    if found["failed"]:
        yield Text(f"failed, not judged: {', '.join(found['failed'])}", style="red")
    left = [row["mechanism"] for row in found["screening"] if not row["kept"]]
    if left:
        yield Text(f"left out by the screening: {', '.join(left)}", style="dim")
    oat = found["method"] == OAT
    head = ("finding", "state", "effect", *(("hinges on", "strongest, effect at its ends") if oat else _HEADS[found["method"]]))
    table = Table(box=None, pad_edge=False)
    for column in head:
        table.add_column(column, overflow="fold")
    for row in found["findings"]:
        effect = "" if row["effect"] is None else number(row["effect"])
        table.add_row(row["finding"], row["state"], effect, *(_hinged(row) if oat else _sensed(row)))
    yield table


_HEADS = {"morris": ("mu* (± 95 %), sigma",), "sobol": ("first order, total (± 95 %)",)}


def _hinged(row: dict[str, Any]) -> tuple[str, str]:
    by: dict[str, list[float]] = {}
    for e in row["effects"]:
        if e["effect"] is not None:
            by.setdefault(e["parameter"], []).append(e["effect"])
    base = row["effect"] or 0.0
    order = sorted(by, key=lambda n: -max(abs(x - base) for x in by[n]))[:STRONGEST]
    strong = "; ".join(f"{n} {' … '.join(number(x) for x in by[n])}" for n in order)
    turns = ", ".join(row["hinges"]) or ("turns in fresh wells, too" if row["by_chance"] else "")
    return turns, strong


def _sensed(row: dict[str, Any]) -> tuple[str]:
    if row["why_not"]:
        return (row["why_not"],)

    def line(x: dict[str, Any]) -> str:
        half = f" ± {number(x['other_half'])}" if x["other_half"] else ""
        return f"{x['parameter']} {number(x['main'])} ± {number(x['main_half'])}, {number(x['other'])}{half}"

    return ("; ".join(line(x) for x in row["sensitivity"][: 2 * STRONGEST]),)
