"""What ``mitoferry reproduce --plan`` prints."""

from __future__ import annotations

from collections.abc import Callable

from mitoferry.experiment.estimate import UNCERTAINTY, size_text, time_text
from mitoferry.show.board.command import cores
from mitoferry.studies.board.outlook import Outlook, outlook
from mitoferry.studies.board.reproduce import Asked


def print_outlook(asked: Asked, workers: int | None) -> None:
    """What a board would run and cost, as a table."""
    from rich.console import Console
    from rich.table import Table

    found, n = outlook(asked), workers or cores()
    cards = ", ".join(f"{count} {status}" for status, count in found.cards.items())
    share = "" if asked.shard == (1, 1) else f", share {asked.shard[0]} of {asked.shard[1]}"
    console = Console()
    console.print(f"{asked.setting.name} setting{share}: {cards}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("round", "plates", "one core", "disk"):
        table.add_column(name, justify="left" if name == "round" else "right", no_wrap=True)
    for r in found.rounds:
        low, high = r.plates
        plates = str(low) if low == high else f"{low} to {high}"
        table.add_row(r.title, plates, _span(r.seconds, time_text), _span(r.disk, size_text))
    table.add_row("together", "", _span(found.seconds, time_text), _span(found.disk, size_text), style="bold")
    console.print(table)
    for line in _closing(found, n):
        console.print(line, soft_wrap=True, highlight=False)


def _closing(found: Outlook, workers: int) -> list[str]:
    low, high = (s / workers for s in found.seconds)
    processes = f"{workers} process{'es' if workers != 1 else ''}"
    return [
        f"on {processes}: {_span((low, high), time_text)}, right within a factor of {UNCERTAINTY:g} where each has a core of its own",
        f"memory: {size_text(found.memory)} per process at most",
        *(
            ["Which arms differ, what carried mitochondria and which verdicts are open is known after the first round."]
            if high > low
            else []
        ),
        "--shard i/n deals the cards to n machines; mitoferry board merge puts them together.",
    ]


def _span(values: tuple[float, float], text: Callable[[float], str]) -> str:
    low, high = map(text, values)
    return low if low == high else f"{low} to {high}"
