"""Progress while a run works: time left, simulated time, live count of hand-overs.

A bar where someone watches (a terminal, a notebook), a plain line now and then where the output goes to a file.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

LINE_EVERY = 15.0  # s between plain lines


class Progress(Protocol):
    """What a run tells (``mitoferry.studies.run.Progress``)."""

    @property
    def phase(self) -> str:
        """One of "preparing", "running", "writing"."""
        ...

    @property
    def tick(self) -> int:
        """Simulated time now [s]."""
        ...

    @property
    def until(self) -> int:
        """Simulated time at the end [s]."""
        ...

    @property
    def handovers(self) -> int:
        """Mitochondria handed over so far."""
        ...


def duration(seconds: float) -> str:
    """A short duration: "8 s", "3 min", "2 h 5 min"."""
    s = int(max(seconds, 0.0) + 0.5)
    if s < 90:
        return f"{s} s"
    minutes = (s + 30) // 60
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Clock:
    """Estimates the time left from the pace of the last steps, leaving out the slowest (compilation, checkpoints)."""

    WINDOW, NEEDED, LEFT_OUT = 60, 12, 3

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: tuple[float, int] | None = None
        self._paces: deque[float] = deque(maxlen=self.WINDOW)

    def update(self, tick: int) -> None:
        """Note that the run has come to ``tick`` [s]."""
        t = self._now()
        if self._last is not None and tick > self._last[1]:
            self._paces.append((t - self._last[0]) / (tick - self._last[1]))
        if self._last is None or tick != self._last[1]:
            self._last = (t, tick)

    def left(self, tick: int, until: int) -> float | None:
        """Seconds left, ``None`` while it cannot be told."""
        if len(self._paces) < self.NEEDED:
            return None
        usual = sorted(self._paces)[: -self.LEFT_OUT]
        return sum(usual) / len(usual) * (until - tick)


def line(name: str, p: Progress, left: float | None) -> str:
    """One line of plain text."""
    if p.phase != "running":
        return f"{name}: {p.phase}"
    share = 100.0 * p.tick / max(p.until, 1)
    rest = f", {duration(left)} left" if left is not None else ""
    return f"{name}: {p.tick / 3600:.1f} of {p.until / 3600:g} h simulated ({share:.0f} %){rest}, {p.handovers} mitochondria handed over"


@contextmanager
def watching(name: str, until: int, *, show: bool = True, file: TextIO | None = None) -> Iterator[Callable[[Progress], None] | None]:
    """A function to be called with the progress of a run; shows it until the block ends.

    Args:
        name: what runs.
        until: end of the run in simulated seconds.
        show: ``False`` shows nothing.
        file: where plain lines go; by default the bar or lines go to standard error.
    """
    if not show:
        yield None
        return
    if file is None and watched():
        with _bar(name, until) as report:
            yield report
        return
    yield _lines(name, file or sys.stderr)


def watched() -> bool:
    """Whether a person sees standard error as it is written, or a notebook does."""
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _lines(name: str, file: TextIO) -> Callable[[Progress], None]:
    clock = Clock()
    said: dict[str, Any] = {"at": -1e9, "phase": ""}

    def report(p: Progress) -> None:
        clock.update(p.tick)
        now = time.monotonic()
        if p.phase != said["phase"] or now - said["at"] > LINE_EVERY:
            said["at"], said["phase"] = now, p.phase
            print(line(name, p, clock.left(p.tick, p.until)), file=file, flush=True)

    return report


@contextmanager
def _bar(name: str, until: int) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    clock = Clock()
    columns = (
        SpinnerColumn(), TextColumn("[bold]{task.fields[title]}"), BarColumn(bar_width=28), TextColumn("{task.fields[simulated]}"),
        TextColumn("[cyan]{task.fields[moved]}"), TextColumn("[green]{task.fields[left]}"),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8) as bar:
        task = bar.add_task("run", total=max(until, 1), title=name, simulated="preparing", moved="", left="")

        def report(p: Progress) -> None:
            clock.update(p.tick)
            left = clock.left(p.tick, p.until)
            simulated = f"{p.tick / 3600:.1f} / {p.until / 3600:g} h" if p.phase == "running" else p.phase
            moved = f"{p.handovers} mitochondria handed over" if p.phase != "preparing" else ""
            rest = f"{duration(left)} left" if left is not None and p.phase == "running" else ""
            bar.update(task, completed=p.tick, simulated=simulated, moved=moved, left=rest)

        yield report
