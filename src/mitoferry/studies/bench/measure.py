"""The bench: all parts prepared, then sampled in turns for several rounds, then put into a record."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.room import cores_here
from mitoferry.library.parameters import nearest
from mitoferry.store.provenance import now
from mitoferry.studies.bench.cell_types import TypesPart
from mitoferry.studies.bench.compare import BUSY_WORDS
from mitoferry.studies.bench.machine import busy, this_machine, versions_here
from mitoferry.studies.bench.part import Part, Setting
from mitoferry.studies.bench.record import Measure, Record, Settings, measure
from mitoferry.studies.bench.scaling import LargePart, ScalingPart, what_fits
from mitoferry.studies.bench.speed import BarePart, LoopPart
from mitoferry.studies.bench.start import ColdPart, StartPart
from mitoferry.studies.bench.wells import WellsPart

ROUNDS = 5
SECONDS = 2.0
KINDS: dict[str, type[Part]] = {
    "bare": BarePart, "loop": LoopPart, "wells": WellsPart, "types": TypesPart, "scaling": ScalingPart, "start": StartPart,
    "cold": ColdPart,
}  # fmt: skip
USUAL = ("bare", "loop", "wells", "types", "scaling", "start")
NEED_BARE = ("loop",)
PLAIN = ("bare", "loop", "start")
"""Parts that plain Python can measure in reasonable time."""
BUSY = 0.5  # load by other programs from which on figures are said to be too low


@dataclass(frozen=True, slots=True)
class Done:
    """How far a bench is.

    Attributes:
        words: what is being done.
        done, total: work, in seconds on a machine of usual speed.
    """

    words: str
    done: float
    total: float


def parts_named(names: Iterable[str] | None, backend: str, *, cold: bool = False) -> tuple[str, ...]:
    """The parts to be measured, in order.

    Args:
        names: as the user gave them; ``None`` = all that are usual.
        backend: name of the backend.
        cold: the first run, too.

    Raises:
        InputError: no such part, or one that plain Python cannot measure.
    """
    asked = list(USUAL if names is None else names)
    if names is None and backend == "reference":
        asked = list(PLAIN)
    problems = [
        Problem("--only", "part", " | ".join(KINDS), repr(name), hint=nearest(name, list(KINDS))) for name in asked if name not in KINDS
    ]
    if backend == "reference":
        problems += [
            Problem("--only", "part", " | ".join(PLAIN), f"{name} with plain Python, which would take hours", hint="Leave out --backend.")
            for name in asked
            if name in KINDS and name not in PLAIN
        ]
    if problems:
        raise InputError(problems)
    wanted = {*asked, *(["cold"] if cold else []), *(["bare"] if set(asked) & set(NEED_BARE) else [])}
    return tuple(name for name in KINDS if name in wanted)


def run_bench(
    settings: Settings,
    *,
    tell: Callable[[Done], None] | None = None,
    say: Callable[[str], None] | None = None,
    rounds: int = ROUNDS,
    size: float = 1.0,
) -> Record:
    """Measure this machine.

    Args:
        settings: what, how long, on what.
        tell: called as the work goes on.
        say: called with sentences that the user should see before it starts (what large plates will take).
        rounds: repeats of everything.
        size: below 1, tiny plates (tests).
    """
    setting = Setting(
        settings.backend, settings.threads, time.process_time if settings.clock == "processor" else time.perf_counter, settings.large, size
    )
    load = busy()
    notes = []
    if load is not None and load > BUSY:
        steady = settings.clock == "processor" and settings.threads == 1
        notes.append(
            f"{BUSY_WORDS} (load {load:.1f} on {cores_here()} hardware threads): speeds are too low and too noisy. "
            "Measure again when it is over" + ("" if steady else "; --cpu-time --threads 1 suffers less")
        )
    parts: list[Part] = [KINDS[name](setting) for name in settings.parts]
    if settings.large:
        plates, lines = what_fits(setting)
        for line in lines:
            (say or (lambda _: None))(line)
        notes += [line for line in lines if "left out" in line]
        parts.append(LargePart(setting, plates))
    compiled = _kernels()
    samples = _sampled(parts, settings, tell or (lambda _: None), rounds)
    compiled = _kernels() - compiled
    notes += [f"{compiled} kernels were compiled first"] if compiled else []
    found = [m for part in parts for m in part.measures(samples)]
    return Record(
        made=now(), versions=versions_here(), machine=this_machine(settings.backend), settings=settings,
        measures=(*found, *_peak()), notes=tuple(notes),
    )  # fmt: skip


def _sampled(parts: Sequence[Part], settings: Settings, tell: Callable[[Done], None], rounds: int) -> dict[str, list[float]]:
    """Samples by name, one per round: the median of those that the time allows."""
    share = settings.seconds / rounds
    usual = [p for p in parts if not p.once]
    total = sum(p.preparing for p in parts) + settings.seconds * len(usual)
    done = 0.0
    for part in usual:
        tell(Done(f"preparing: {part.title}", done, total))
        part.prepare(lambda x, p=part, d=done: tell(Done(f"preparing: {p.title}", d + x * p.preparing, total)))  # type: ignore[misc]
        done += part.preparing
    found: dict[str, list[float]] = {}
    for k in range(rounds):
        for part in usual:
            tell(Done(f"round {k + 1} of {rounds}: {part.title}", done, total))
            for name, value in _one_round(part, share).items():
                found.setdefault(name, []).append(value)
            done += share
    for part in parts:
        if part.once:
            tell(Done(part.title, done, total))
            part.prepare(lambda x, p=part, d=done: tell(Done(p.title, d + x * p.preparing, total)))  # type: ignore[misc]
            done += part.preparing
    return found


def _one_round(part: Part, seconds: float) -> dict[str, float]:
    """Median of each figure of a part over samples for so long, of at least one."""
    start = time.perf_counter()
    samples = [part.sample()]
    while time.perf_counter() - start < seconds:
        samples.append(part.sample())
    return {name: statistics.median(s[name] for s in samples) for name in samples[0]}


def _kernels() -> int:
    """Compiled kernels in the cache."""
    from mitoferry.backends.cpu import cache_directory

    return sum(1 for _ in cache_directory().rglob("*.nbc"))


def _peak() -> list[Measure]:
    """The most memory that this process has held, where the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    unit = 1.0 if sys.platform == "darwin" else 1024.0  # Linux tells kibibytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return [measure("memory.peak", "the whole bench at most", "MB", [peak / 1e6], "neither")]
