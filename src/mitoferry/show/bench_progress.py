"""Progress of a bench: a bar with time left where someone watches, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from mitoferry.show.live import LINE_EVERY, duration, watched

if TYPE_CHECKING:
    from mitoferry.studies.bench.measure import Done

EARLY = 0.04  # share of the work before which nothing is said of the time left


class Pace:
    """Time left, from the share of the work that is done and the time it took."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._start = now()

    def left(self, done: float, total: float) -> str:
        """Words as "about 40 s left"; none while it cannot be told."""
        if total <= 0.0 or done < EARLY * total:
            return ""
        rest = (self._now() - self._start) * max(total - done, 0.0) / done
        return f"about {duration(rest)} left"


@contextmanager
def telling(file: TextIO | None = None) -> Iterator[Callable[[Done], None]]:
    """A function to be called as a bench goes on; what it says goes to standard error, or as plain lines to ``file``."""
    if file is None and watched():
        with _bar() as tell:
            yield tell
        return
    yield _lines(file or sys.stderr)


def _lines(file: TextIO) -> Callable[[Done], None]:
    pace = Pace()
    said = {"at": time.monotonic() - LINE_EVERY}

    def tell(d: Done) -> None:
        now = time.monotonic()
        if now - said["at"] >= LINE_EVERY:
            said["at"] = now
            left = pace.left(d.done, d.total)
            print(f"bench: {d.words} ({100.0 * d.done / max(d.total, 1e-9):.0f} %){', ' + left if left else ''}", file=file, flush=True)

    return tell


@contextmanager
def _bar() -> Iterator[Callable[[Done], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    pace = Pace()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("[green]{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8) as bar:
        task = bar.add_task("starting", total=1.0, left="")

        def tell(d: Done) -> None:
            bar.update(task, description=d.words, total=d.total, completed=d.done, left=pace.left(d.done, d.total))

        yield tell
