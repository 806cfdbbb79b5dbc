"""What ``mitoferry bench`` does: look at the options, measure, keep the record, print it."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from mitoferry.base.errors import InputError, Problem
from mitoferry.show.bench import record_text, width_here
from mitoferry.show.bench_compare import comparison_text
from mitoferry.show.bench_progress import telling
from mitoferry.show.cli_board import names_in
from mitoferry.studies.bench.compare import compare
from mitoferry.studies.bench.measure import ROUNDS, SECONDS, parts_named, run_bench
from mitoferry.studies.bench.record import Record, Settings, check_new_file, read_record, write_record

LONGEST = 3600.0


def settings_of(
    *, only: str | None, threads: int | None, backend: str, seconds: float | None, large: bool, cold: bool, cpu_time: bool
) -> Settings:
    """The settings that the options ask for.

    Raises:
        InputError: options that make no sense.
        MitoferryError: a backend that cannot be used here.
    """
    from mitoferry.backends.choose import choose_backend

    seconds = SECONDS if seconds is None else seconds
    if not (math.isfinite(seconds) and 0.0 < seconds <= LONGEST):
        raise InputError(Problem("--seconds", "seconds", f"a number above 0, up to {LONGEST:g}", f"{seconds:g}"))
    engine = choose_backend(backend, threads=threads)
    if large and engine.name == "reference":
        raise InputError(Problem("--large", "backend", "cpu or cuda", "plain Python, which would take weeks"))
    parts = parts_named(names_in(only), engine.name, cold=cold)
    clock = "processor" if cpu_time else "wall"
    count = int(getattr(engine, "threads", 1))
    return Settings(backend=engine.name, threads=count, parts=parts, seconds=seconds, clock=clock, large=large)


def file_of(json: str | None, save: bool) -> Path | None:
    """Where the record is to be kept: ``--json FILE``, or with ``--save`` bench-DATE.json in this folder.

    Raises:
        InputError: it cannot be kept there.
    """
    if json not in (None, "-"):
        check_new_file(Path(str(json)))
        return Path(str(json))
    if not save:
        return None
    from mitoferry.store.provenance import now

    stem = f"bench-{now()[:10]}"
    names = (Path(f"{stem}{f'-{k}' if k > 1 else ''}.json") for k in range(1, 1000))
    return next(p for p in names if not p.exists())


def bench_text(
    *,
    only: str | None = None,
    against: str | None = None,
    json: str | None = None,
    save: bool = False,
    threads: int | None = None,
    backend: str = "auto",
    seconds: float | None = None,
    large: bool = False,
    cold: bool = False,
    cpu_time: bool = False,
    rounds: int = ROUNDS,
    size: float = 1.0,
) -> str:
    """Measure and say what was found; keeps the record if asked to.

    Args:
        only, against, json, save, threads, backend, seconds, large, cold, cpu_time: as on the command line.
        rounds, size: repeats, and below 1 tiny plates (tests).

    Raises:
        InputError: bad options, or a record to compare with that cannot be read; before anything is measured.
    """
    settings = settings_of(only=only, threads=threads, backend=backend, seconds=seconds, large=large, cold=cold, cpu_time=cpu_time)
    before = read_record(against) if against is not None else None
    place = file_of(json, save)
    with telling() as tell:
        record = run_bench(settings, tell=tell, say=lambda text: print(f"bench: {text}", file=sys.stderr), rounds=rounds, size=size)
    if place is not None:
        write_record(record, place)
    if json == "-":
        return record.text().rstrip("\n")
    return _said(record, before, against, place)


def _said(record: Record, before: Record | None, against: str | None, place: Path | None) -> str:
    width = width_here()
    parts = [record_text(record, width)]
    if before is not None:
        parts.append(comparison_text(before, compare(before, record), Path(str(against)).name, width))
    if place is not None:
        parts.append(f"record: {place}\ncompare with it: mitoferry bench --against {place}")
    return "\n\n".join(parts)
