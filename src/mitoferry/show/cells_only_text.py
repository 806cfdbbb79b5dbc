"""What ``mitoferry bench --cells-only`` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mitoferry.base.errors import InputError, Problem
from mitoferry.studies.bench.record import check_new_file
from mitoferry.studies.cells_only import Record, measure_cells_only, published
from mitoferry.studies.cells_only.clocks import PHASES
from mitoferry.studies.cells_only.measure import as_data
from mitoferry.studies.cells_only.workload import REFERENCE_CELLS

WIDTH = 150  # characters: a table of eleven columns needs them


def times_table(record: Record) -> Table:
    """Seconds per simulated hour by phase."""
    work = record.work
    table = Table(
        title=f"{work.cells:,} cells, {record.voxels:,} voxels, {record.threads} threads: seconds per simulated hour", title_justify="left"
    )
    for head in (
        "clocks",
        *PHASES,
        "whole (best)",
        "median",
        "processor",
        "bare arithmetic",
        "processor / bare",
        "bytes per cell",
        "lists per hour",
    ):
        table.add_column(head, justify="left" if head == "clocks" else "right")
    for timed in record.timed:
        bare = (f"{timed.bare:.3g}", f"{timed.cpu / timed.bare:.2f}") if timed.bare > 0.0 else ("", "")
        seconds = [timed.phases[name] for name in PHASES] + [timed.seconds_per_hour, timed.median, timed.cpu]
        table.add_row(timed.clocks, *(f"{x:.3g}" for x in seconds), *bare, f"{timed.bytes_per_cell:.0f}", f"{timed.listings:.0f}")
    return table


def errors_table(record: Record) -> Table:
    """How far clocks are from the limit of small steps."""
    table = Table(
        title=f"Error of the clocks: substrate at the cells ({record.work.face:g} at the faces), places in um", title_justify="left"
    )
    for head in ("what", "minutes", "substrate, most", "rms", "place, most", "rms"):
        table.add_column(head, justify="left" if head == "what" else "right")
    for d in record.errors:
        table.add_row(d.what, f"{d.minutes:g}", *(f"{x:.2g}" for x in d[2:]))
    return table


def others_table() -> Table:
    """What others took or say."""
    table = Table(title="Others: seconds per simulated hour on the machine named, and what can be compared", title_justify="left")
    for head in ("simulator", "1e5 cells", "1e6 cells", "bytes per cell", "machine", "what can be compared"):
        table.add_column(head)
    for entry in published():
        seconds = ["" if pair is None else "-".join(f"{x:g}" for x in dict.fromkeys(pair)) for pair in (entry.seconds, entry.seconds_1e6)]
        held = "" if entry.bytes_per_cell is None else f"{entry.bytes_per_cell:,.0f}"
        said = f"{entry.said}. " if entry.said else ""
        table.add_row(entry.name, *seconds, held, entry.machine, said + entry.comparable)
    return table


def refuse(asked: bool, others: list[str], backend: str, json_: str | None) -> None:
    """Look at the options before anything is timed.

    Raises:
        InputError: options that do not go together, or a file that cannot be written.
    """
    if not asked:
        hint = "They say what the ball of cells is: add --cells-only."
        raise InputError(
            Problem("bench", "--cells, --minutes, --clocks, --jitter, --fresh-lists", "--cells-only beside them", "none", hint=hint)
        )
    if others:
        found = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise InputError(Problem("bench", "--cells-only", "no options of the bench of mitochondria", found, hint="Leave them out."))
    if backend not in ("auto", "cpu"):
        raise InputError(Problem("--backend", "backend", "auto | cpu with --cells-only", repr(backend)))
    if json_ not in (None, "-"):
        check_new_file(Path(str(json_)))


def page(record: Record, minutes: float) -> list[Any]:
    """What is printed of a record."""
    parts: list[Any] = [times_table(record)]
    names = {timed.clocks for timed in record.timed}
    if "pinned" in names:
        parts.append(
            "Processor: seconds of all threads, disturbed less by other programs than those of the wall. "
            f"Pinned clocks: best of three rounds of {minutes:g} simulated min each, scaled to an hour, in turns with the bare arithmetic "
            "(the same sums of field and pushes on contiguous numbers in the cache). Diffusion holds the uptake of each voxel; "
            "uptake is that of cells into voxels. Lists of neighbours are exact: kept until a cell has moved by half their margin."
        )
    if "own" in names:
        parts.append("Own clocks: best of three whole hours from the start, in which the field settles; kernels compiled before.")
    parts.append(f"{record.machine}; a copy of memory moves {record.copy / 1e9:.1f} GB/s.")
    if record.errors:
        parts.append(errors_table(record))
    parts.append(others_table())
    return parts


def cells_only_bench(
    *,
    asked: bool,
    others: list[str],
    backend: str,
    cells: int | None,
    threads: int | None,
    minutes: float | None,
    clocks: str | None,
    jitter: float | None,
    fresh: bool,
    json_: str | None,
    errors: bool = True,
) -> None:
    """Measure and print; writes the record where ``json_`` says (``-``: prints nothing else)."""
    refuse(asked, others, backend, json_)
    cells, minutes, clocks = REFERENCE_CELLS if cells is None else cells, 1.0 if minutes is None else minutes, clocks or "both"
    tell = Console(stderr=True)
    record = measure_cells_only(
        cells, threads=threads, minutes=minutes, clocks=clocks, jitter=jitter or 0.0, fresh=fresh, errors=errors,
        tell=lambda what: tell.print(f"{what} ..."),
    )  # fmt: skip
    text = json.dumps(as_data(record), indent=1)
    if json_ == "-":
        print(text)
        return
    console = Console(width=max(Console().width, WIDTH))
    for part in page(record, minutes):
        console.print(part)
    if json_ is not None:
        Path(json_).write_text(text + "\n", encoding="utf-8")
        console.print(f"Record written to {json_}.")
