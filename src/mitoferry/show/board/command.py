"""What ``mitoferry reproduce`` and ``mitoferry board`` do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.names import nearest
from mitoferry.show.board.badge import badge_svg
from mitoferry.show.board.terminal import conflict_lines, headline, tables
from mitoferry.show.live import duration
from mitoferry.store.atomic import write_text
from mitoferry.studies.board.compare import compared
from mitoferry.studies.board.model import Board, read_board
from mitoferry.studies.board.reproduce import Asked, Begin, Round, judge, merge, read_asked, reproduce, run_conflicts
from mitoferry.studies.board.setting import setting
from mitoferry.studies.board.work import Done

T = TypeVar("T")
PAGE, BADGE = "board.html", "badge.svg"


def cards_asked(names: Sequence[str], systems: Sequence[str], routes: Sequence[str], reviews: Sequence[str]) -> tuple[str, ...]:
    """Keys of the cards that are meant, in the order of the evidence; all without names and filters.

    Raises:
        InputError: an unknown card, system, route or review.
    """
    from mitoferry.evidence import cards

    every = cards()
    known = {c.key for c in every}
    problems = [Problem("reproduce", "card", "the key of a card", repr(n), hint=nearest(n, known)) for n in names if n not in known]
    for option, given, have in (
        ("--system", systems, {c.system for c in every}),
        ("--route", routes, {r for c in every for r in c.routes}),
        ("--review", reviews, {s.partition(":")[0] for c in every for s in c.sources}),
    ):
        problems += [Problem("reproduce", option, "one of " + ", ".join(sorted(have)), repr(x)) for x in given if x not in have]
    if problems:
        raise InputError(problems)
    return tuple(
        c.key
        for c in every
        if (not names or c.key in names)
        and (not systems or c.system in systems)
        and (not routes or set(routes) & set(c.routes))
        and (not reviews or {s.partition(":")[0] for s in c.sources} & set(reviews))
    )


def shard_asked(text: str | None) -> tuple[int, int]:
    """(i, n) from "i/n".

    Raises:
        InputError: it is not that.
    """
    if text is None:
        return 1, 1
    first, slash, last = text.partition("/")
    if slash and first.strip().isdigit() and last.strip().isdigit() and 1 <= int(first) <= int(last):
        return int(first), int(last)
    raise InputError(Problem("reproduce", "--shard", "i/n with i from 1 to n, such as 2/8", repr(text)))


def board_asked(
    names: Sequence[str], *, name: str, systems: Sequence[str], routes: Sequence[str], reviews: Sequence[str], wells: int | None,
    draws: int | None, most_draws: int | None, knock_outs: bool | None, budget: float | None, seed: int, workers: int | None,
    shard: str | None,
) -> Asked:  # fmt: skip
    """What the options of ``mitoferry reproduce`` ask for.

    Raises:
        InputError: all that is wrong with them.
    """
    problems: list[Problem] = []

    def part(make: Callable[..., T], *args: Any, **options: Any) -> T | None:
        try:
            return make(*args, **options)
        except InputError as error:  # all that is wrong is told at once
            problems.extend(error.problems)
            return None

    keys = part(cards_asked, names, systems, routes, reviews)
    chosen = part(setting, name, wells=wells, draws=draws, most_draws=most_draws, knock_outs=knock_outs, budget=budget)
    share = part(shard_asked, shard)
    if seed < 0:
        problems.append(Problem("reproduce", "--seed", "a whole number of 0 or more", str(seed)))
    if workers is not None and workers < 1:
        problems.append(Problem("reproduce", "--workers", "1 or more", str(workers)))
    if problems or keys is None or chosen is None or share is None:
        raise InputError(problems)
    return Asked(setting=chosen, seed=seed, cards=keys, shard=share)


def run_board(asked: Asked, *, out: str, workers: int | None) -> Board:
    """What ``mitoferry reproduce`` does: runs, judges, writes ``board.json``, the page and the badge."""
    folder = Path(os.path.abspath(os.path.expanduser(out)))
    with progress() as begin:
        board = reproduce(folder, asked, workers=workers or cores(), begin=begin)
    write_all(board, folder)
    return board


def write_all(board: Board, folder: Path) -> None:
    """The page and the badge of a board."""
    from mitoferry.show.board.page import write_page

    write_page(board, folder)
    write_text(folder / BADGE, badge_svg(board))


def cores() -> int:
    """Processes by default: one per core."""
    from mitoferry.experiment.room import cores_here

    return cores_here()


@contextmanager
def progress() -> Iterator[Begin]:
    """A bar over the cost of each round, with the time left; plain lines where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(), TextColumn("[bold]{task.description}"), BarColumn(bar_width=28), TextColumn("{task.fields[counted]}"),
        TextColumn("[green]{task.fields[left]}"), TextColumn("[dim]{task.fields[last]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:

        def begin(r: Round) -> Any:
            total, start = sum(j.cost for j in r.jobs), time.monotonic()
            state = {"done": 0, "worked": 0.0}
            task = bar.add_task(r.title, total=max(total, 1.0), counted=f"0 / {len(r.jobs)} plates", left="", last="")

            def tell(d: Done) -> None:
                state["done"] += 1
                state["worked"] += d.job.cost if d.seconds else 0.0
                bar.advance(task, d.job.cost)
                spent = time.monotonic() - start
                rest = sum(j.cost for j in r.jobs) - bar.tasks[task].completed
                left = f"{duration(spent * rest / state['worked'])} left" if state["worked"] else ""
                counted = f"{state['done']:.0f} / {len(r.jobs)} plates"
                bar.update(task, counted=counted, left=left, last=f"{d.job.card} {d.job.variant}")
                if d.error:
                    console.print(f"{d.job.card} {d.job.variant} failed: {d.error}", style="red")
                elif not console.is_terminal and d.seconds:
                    said = f"{r.title}: {counted}, {d.job.card} {d.job.variant} {d.seconds:.0f} s{', ' + left if left else ''}"
                    console.print(said, soft_wrap=True)

            return tell

        yield begin


def closing(board: Board, folder: Path) -> str:
    """What is said at the end of ``reproduce``."""
    failed = [f"  {c.key}: {c.why}" for c in board.cards if c.status == "failed"]
    lines = [headline(board), *(["cards that failed:", *failed] if failed else [])]
    return "\n".join([*lines, f"board: {folder / PAGE}", f"table: mitoferry board show {folder}"])


def print_board(folder: str, by: str, verdict: str | None, as_json: bool) -> None:
    """``mitoferry board show``."""
    board = read_board(folder)
    if as_json:
        print(json.dumps(board.to_plain(), indent=1))
        return
    from rich.console import Console

    console = Console()
    for part in tables(board, by, verdict=verdict):
        console.print(part)


def merged(parts: Sequence[str], out: str) -> tuple[Board, Path]:
    """``mitoferry board merge``."""
    folder = Path(os.path.abspath(os.path.expanduser(out)))
    board = merge([Path(p) for p in parts], folder)
    write_all(board, folder)
    return board, folder


def judged_again(folder: str) -> tuple[Board, Path]:
    """``mitoferry board judge``."""
    path = Path(os.path.abspath(os.path.expanduser(folder)))
    board = judge(path, read_asked(path))
    write_all(board, path)
    return board, path


def conflicts_run(folder: str, workers: int | None) -> str:
    """``mitoferry board conflicts``; returns what came out, reading by reading."""
    if workers is not None and workers < 1:
        raise InputError(Problem("conflicts", "--workers", "1 or more", str(workers)))
    path = Path(os.path.abspath(os.path.expanduser(folder)))
    with progress() as begin:
        board = run_conflicts(path, workers=workers or cores(), begin=begin)
    write_all(board, path)
    return "\n".join([*conflict_lines(board), f"board: {path / PAGE}"])


def difference(old: str, new: str) -> str:
    """``mitoferry board diff``."""
    return str(compared(read_board(old), read_board(new)))
