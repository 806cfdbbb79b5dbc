"""What ``mitoferry bench --cells-only`` prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mitoferry.base.errors import InputError, Problem
from mitoferry.studies.cells_only import Record, measure_cells_only, published
from mitoferry.studies.cells_only.clocks import PHASES
from mitoferry.studies.cells_only.measure import as_data


def times_table(record: Record) -> Table:
    """Seconds per simulated hour by phase."""
    work = record.work
    table = Table(title=f"{work.cells:,} cells, {record.voxels:,} voxels, {record.threads} threads: seconds per simulated hour", title_justify="left")
    for head in ("clocks", *PHASES, "whole (best)", "median", "processor", "bare arithmetic", "whole / bare", "bytes per cell", "lists per hour"):
        table.add_column(head, justify="left" if head == "clocks" else "right")
    for timed in record.timed:
        bare = (f"{timed.bare:.3g}", f"{timed.seconds_per_hour / timed.bare:.2f}") if timed.bare > 0.0 else ("", "")
        table.add_row(
            timed.clocks, *(f"{timed.phases[name]:.3g}" for name in PHASES), f"{timed.seconds_per_hour:.3g}", f"{timed.median:.3g}", f"{timed.cpu:.3g}", *bare,
            f"{timed.bytes_per_cell:.0f}", f"{timed.listings:.0f}",
        )  # fmt: skip
    return table


def errors_table(record: Record) -> Table:
    """How far clocks are from the limit of small steps."""
    table = Table(title=f"Error of the clocks: substrate at the cells ({record.work.face:g} at the faces), places in um", title_justify="left")
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


def cells_only(
    *, cells: int, threads: int | None, minutes: float, clocks: str, jitter: float, fresh: bool, errors: bool, json_: str | None
) -> None:
    """Measure, print, and write the record where asked for (``-``: print nothing else)."""
    if json_ not in (None, "-") and not Path(str(json_)).resolve().parent.is_dir():
        raise InputError(Problem("--json", "json", "a file in a folder that exists", str(json_), hint="Make the folder first."))
    console = Console(width=max(Console().width, 150))
    if json_ != "-":
        said = "; the first run compiles kernels, some 30 s" if sys.stderr.isatty() else ""
        Console(stderr=True).print(f"Timing {cells:,} cells without mitochondria{said} ...")
    record = measure_cells_only(cells, threads=threads, minutes=minutes, clocks=clocks, jitter=jitter, fresh=fresh, errors=errors)
    data: dict[str, Any] = as_data(record)
    if json_ == "-":
        print(json.dumps(data, indent=1))
        return
    console.print(times_table(record))
    pinned = [timed for timed in record.timed if timed.clocks == "pinned"]
    if pinned:
        console.print(
            f"Pinned clocks: best of rounds of {minutes:g} simulated min, scaled to an hour. Diffusion holds the uptake of each voxel; "
            "uptake is that of cells into voxels."
        )
    if any(timed.clocks == "own" for timed in record.timed):
        console.print("Own clocks: a whole hour from the start, in which the field settles.")
    console.print(f"{record.machine}; a copy of memory moves {record.copy / 1e9:.1f} GB/s.")
    if record.errors:
        console.print(errors_table(record))
    console.print(others_table())
    if json_ is not None:
        Path(json_).write_text(json.dumps(data, indent=1), encoding="utf-8")
        console.print(f"Record written to {json_}.")
