"""Time the workload, and the bare arithmetic in the same run."""

from __future__ import annotations

import os
import platform
import time
from typing import Any, NamedTuple

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError, Problem
from mitoferry.studies.cells_only.bare import Bare
from mitoferry.studies.cells_only.clocks import FIELD_CLOCK, MECHANICS_CLOCK, FreeClocks, PinnedClocks, Stopwatch
from mitoferry.studies.cells_only.error import Distance, errors_of_clocks
from mitoferry.studies.cells_only.workload import Workload, workload_for

CLOCKS = ("pinned", "own", "both")
BARE_SECONDS = 0.5
SMALL, SMALL_JITTER = 3000, 0.8  # cells of the copy on which errors are measured, and um by which they are moved
HOUR = 60.0


class Timed(NamedTuple):
    """One set of clocks.

    Attributes:
        clocks: "pinned", "pinned, fresh lists" or "own".
        minutes: simulated and timed.
        seconds_per_hour: wall seconds per simulated hour, best of the rounds where pinned (their median, too).
        median: of the rounds.
        phases: seconds per simulated hour of each phase, of the best round.
        bare: seconds per simulated hour of the bare arithmetic of as many voxel steps and pairs; 0 for our own clocks.
        bytes_per_cell: of all arrays.
        listings: how often lists of neighbours were made per simulated hour.
        pairs: neighbours per cell on the lists.
    """

    clocks: str
    minutes: float
    seconds_per_hour: float
    median: float
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


def _rounds(run: Any, minutes: float, rounds: int) -> tuple[float, float, dict[str, float]]:
    """(best, median, phases of the best) of ``rounds`` runs of ``minutes``, in seconds per simulated hour."""
    found = []
    for _ in range(rounds):
        run.watch = Stopwatch()
        begun = time.perf_counter()
        run.advance(minutes)
        found.append(((time.perf_counter() - begun) * HOUR / minutes, {k: v * HOUR / minutes for k, v in run.watch.seconds.items()}))
    found.sort(key=lambda pair: pair[0])
    return found[0][0], found[len(found) // 2][0], found[0][1]


def time_pinned(work: Workload, backend: Any, minutes: float, rounds: int, *, fresh: bool) -> Timed:
    """Time the clocks of others, after one step that compiles."""
    run = PinnedClocks(work, backend, fresh_lists=fresh)
    run.advance(MECHANICS_CLOCK)
    bare = Bare(backend, work.potential, 2.0 * work.radius)
    listings = run.crowd.listings
    best, median, phases = _rounds(run, minutes, rounds)
    listings = run.crowd.listings - listings
    pairs = float(run.crowd.lists.count.mean())
    voxel_steps = work.side**3 * HOUR / FIELD_CLOCK
    pair_steps = work.cells * pairs * HOUR / MECHANICS_CLOCK
    limit = voxel_steps * bare.seconds_per_voxel(BARE_SECONDS) + pair_steps * bare.seconds_per_pair(BARE_SECONDS)
    name = "pinned, fresh lists" if fresh else "pinned"
    simulated = minutes * rounds
    return Timed(name, simulated, best, median, phases, limit, run.bytes_held / work.cells, listings * HOUR / simulated, pairs)


def time_own(work: Workload, backend: Any, rounds: int) -> Timed:
    """Time our clocks over a whole hour from the start, in which the field settles; compiled beforehand."""
    FreeClocks(workload_for(100, jitter=0.5), backend).advance(1.0)
    found = []
    for _ in range(rounds):
        run = FreeClocks(work, backend)
        begun = time.perf_counter()
        run.advance(HOUR)
        found.append((time.perf_counter() - begun, run.watch.seconds, run))
    found.sort(key=lambda entry: entry[0])
    seconds, phases, run = found[0]
    pairs = float(run.crowd.lists.count.mean())
    median = found[len(found) // 2][0]
    return Timed("own", HOUR * rounds, seconds, median, phases, 0.0, run.bytes_held / work.cells, run.crowd.listings, pairs)


def machine_said() -> str:
    """The processor and its number of threads."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    except FileNotFoundError:
        pass  # no such file but on Linux
    return f"{name}, {os.cpu_count()} threads"


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
        timed += [time_pinned(work, backend, minutes, rounds, fresh=f) for f in ((False, True) if fresh else (False,))]
    if clocks != "pinned":
        timed.append(time_own(work, backend, rounds))
    found = errors_of_clocks(workload_for(SMALL, jitter=SMALL_JITTER), backend) if errors else []
    copy = Bare(backend, work.potential, 2.0 * work.radius).copy_bytes_per_second(BARE_SECONDS)
    return Record(machine_said(), backend.threads, work, work.side**3, copy, timed, found)


def as_data(record: Record) -> dict[str, Any]:
    """The record as JSON takes it."""
    data = record._asdict()
    data["work"] = record.work._asdict()
    data["timed"] = [entry._asdict() for entry in record.timed]
    data["errors"] = [entry._asdict() for entry in record.errors]
    return data
