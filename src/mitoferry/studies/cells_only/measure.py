"""Time the workload, and the bare arithmetic in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError, Problem
from mitoferry.studies.bench.machine import this_machine
from mitoferry.studies.cells_only.bare import Bare
from mitoferry.studies.cells_only.clocks import FIELD_CLOCK, MECHANICS_CLOCK, FreeClocks, PinnedClocks, Stopwatch
from mitoferry.studies.cells_only.error import Distance, errors_of_clocks
from mitoferry.studies.cells_only.workload import FEWEST_CELLS, Workload, workload_for

CLOCKS = ("pinned", "own", "both")
BARE_SECONDS = 0.25
SMALL, SMALL_JITTER = 12_500, 0.8  # cells of the copy on which errors are measured, and um by which they are moved
HOUR = 60.0


class Timed(NamedTuple):
    """One set of clocks.

    Attributes:
        clocks: "pinned", "pinned, fresh lists" or "own".
        minutes: simulated and timed.
        seconds_per_hour: wall seconds per simulated hour, best of the rounds where pinned (their median, too).
        median: of the rounds.
        cpu: processor seconds of all threads per simulated hour, best of the rounds.
        phases: seconds per simulated hour of each phase, of the best round.
        bare: processor seconds per simulated hour of the bare arithmetic of as many voxel steps and pairs; 0 for our own clocks.
        bytes_per_cell: of all arrays.
        listings: how often lists of neighbours were made per simulated hour.
        pairs: neighbours per cell on the lists.
    """

    clocks: str
    minutes: float
    seconds_per_hour: float
    median: float
    cpu: float
    phases: dict[str, float]
    bare: float
    bytes_per_cell: float
    listings: float
    pairs: float


class Record(NamedTuple):
    """What was measured. ``copy``: bytes per second of a copy of memory; ``errors``: see ``error.py``."""

    machine: str
    threads: int
    work: Workload
    voxels: int
    copy: float
    timed: list[Timed]
    errors: list[Distance]


class _Round(NamedTuple):
    """One round, in seconds per simulated hour."""

    wall: float
    cpu: float
    phases: dict[str, float]
    bare: float
    run: Any


def _one(run: Any, minutes: float, bare: float) -> _Round:
    run.watch = Stopwatch()
    cpu, begun = time.process_time(), time.perf_counter()
    run.advance(minutes)
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    scale = HOUR / minutes
    return _Round(wall * scale, cpu * scale, {k: v * scale for k, v in run.watch.seconds.items()}, bare, run)


def _timed(clocks: str, minutes: float, rounds: list[_Round], listings: float, cells: int) -> Timed:
    """The best round, with the best of the bare arithmetic that was timed in turns with it."""
    ordered = sorted(rounds, key=lambda entry: entry.wall)
    best, run = ordered[0], ordered[0].run
    return Timed(
        clocks, minutes * len(rounds), best.wall, ordered[len(rounds) // 2].wall, min(entry.cpu for entry in rounds), best.phases,
        min(entry.bare for entry in rounds), run.bytes_held / cells, listings, float(run.crowd.lists.count.mean()),
    )  # fmt: skip


def time_pinned(work: Workload, backend: Any, minutes: float, rounds: int, *, fresh: bool) -> Timed:
    """Time the clocks of others in turns with the bare arithmetic, after one step that compiles."""
    run = PinnedClocks(work, backend, fresh_lists=fresh)
    run.advance(MECHANICS_CLOCK)
    bare = Bare(backend, work.potential, 2.0 * work.radius)
    before = run.crowd.listings
    voxel_steps = work.side**3 * HOUR / FIELD_CLOCK
    pair_steps = float(run.crowd.lists.count.sum()) * HOUR / MECHANICS_CLOCK
    found = []
    for _ in range(rounds):
        limit = voxel_steps * bare.seconds_per_voxel(BARE_SECONDS) + pair_steps * bare.seconds_per_pair(BARE_SECONDS)
        found.append(_one(run, minutes, limit))
    listings = (run.crowd.listings - before) * HOUR / (minutes * rounds)
    return _timed("pinned, fresh lists" if fresh else "pinned", minutes, found, listings, work.cells)


def time_own(work: Workload, backend: Any, rounds: int) -> Timed:
    """Time our clocks over a whole hour from the start, in which the field settles; compiled beforehand."""
    FreeClocks(workload_for(FEWEST_CELLS, jitter=0.5), backend).advance(1.0)
    found = [_one(FreeClocks(work, backend), HOUR, 0.0) for _ in range(rounds)]
    return _timed("own", HOUR, found, found[0].run.crowd.listings, work.cells)


def quiet(what: str) -> None:
    """Say nothing."""


def measure_cells_only(
    cells: int = 100_000,
    *,
    threads: int | None = None,
    minutes: float = 1.0,
    clocks: str = "both",
    jitter: float = 0.0,
    fresh: bool = False,
    errors: bool = True,
    rounds: int = 3,
    tell: Callable[[str], None] = quiet,
) -> Record:
    """Time the workload.

    Args:
        cells: number of cells.
        threads: of the CPU backend; default all.
        minutes: simulated minutes of each round of the pinned clocks, scaled to an hour; our own are timed over a whole hour.
        clocks: "pinned", "own" or "both".
        jitter: see :class:`Workload`.
        fresh: also time pinned clocks with lists of neighbours made anew before every step.
        errors: also measure the error of both sets of clocks, on a small copy.
        rounds: rounds of each; the best counts.
        tell: is told what is under way.

    Raises:
        InputError: an option is out of range.
    """
    if clocks not in CLOCKS:
        raise InputError(Problem("--clocks", "clocks", " | ".join(CLOCKS), repr(clocks)))
    if not MECHANICS_CLOCK <= minutes <= 10.0 * HOUR:
        raise InputError(Problem("--minutes", "minutes", f"{MECHANICS_CLOCK} to {10.0 * HOUR:.0f} simulated minutes", f"{minutes}"))
    if threads is not None and threads < 1:
        raise InputError(Problem("--threads", "threads", "a whole number of at least 1", str(threads)))
    work = workload_for(cells, jitter=jitter)
    backend = Cpu(threads=threads)
    timed = []
    if clocks != "own":
        for anew in (False, True) if fresh else (False,):
            tell(f"{cells:,} cells with pinned clocks{', neighbours looked for at every step' if anew else ''}")
            timed.append(time_pinned(work, backend, minutes, rounds, fresh=anew))
    if clocks != "pinned":
        tell(f"{cells:,} cells with our clocks")
        timed.append(time_own(work, backend, rounds))
    found = []
    if errors:
        tell(f"error of the clocks, by halving them, with {SMALL:,} cells")
        found = errors_of_clocks(workload_for(SMALL, jitter=SMALL_JITTER), backend)
    copy = Bare(backend, work.potential, 2.0 * work.radius).copy_bytes_per_second(BARE_SECONDS)
    machine = this_machine()
    return Record(f"{machine.processor}, {machine.usable} threads", backend.threads, work, work.side**3, copy, timed, found)


def as_data(record: Record) -> dict[str, Any]:
    """The record as JSON takes it."""
    data = record._asdict()
    data["work"] = record.work._asdict()
    data["timed"] = [entry._asdict() for entry in record.timed]
    data["errors"] = [entry._asdict() for entry in record.errors]
    return data
