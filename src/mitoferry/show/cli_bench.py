"""The command ``mitoferry bench``."""

from __future__ import annotations

from typing import Annotated, Optional

import typer


def bench(
    only: Annotated[
        Optional[str],  # noqa: UP045 - typer reads this at run time
        typer.Option(metavar="PART", help="Only bare, loop, wells, types, scaling, start or cold; several with commas between them."),
    ] = None,
    against: Annotated[Optional[str], typer.Option(metavar="FILE", help="Compare with a saved record.")] = None,  # noqa: UP045
    json_: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help="Write the record there; - prints it.")] = None,  # noqa: UP045
    save: Annotated[bool, typer.Option("--save", help="Write the record into this folder as bench-DATE.json.")] = False,
    threads: Annotated[Optional[int], typer.Option(metavar="N", help="Threads; default: all cores.")] = None,  # noqa: UP045
    backend: Annotated[str, typer.Option(metavar="auto|cpu|cuda|reference", help="What computes; plain Python is very slow.")] = "auto",
    seconds: Annotated[Optional[float], typer.Option(metavar="S", help="Time each part for at least so long; default 2.")] = None,  # noqa: UP045
    large: Annotated[bool, typer.Option("--large", help="Plates of up to 1e8 mitochondria, too, where they fit into memory.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="The first run with an empty cache, too: some two to four minutes.")] = False,
    cpu_time: Annotated[
        bool, typer.Option("--cpu-time", help="Count processor time: less disturbed by other programs, blind to waiting.")
    ] = False,
    cells_only: Annotated[
        bool,
        typer.Option("--cells-only", help="The workload of other simulators instead: a ball of cells without mitochondria, one field."),
    ] = False,
    cells: Annotated[Optional[int], typer.Option(metavar="N", help="Cells of that ball; default 100000.")] = None,  # noqa: UP045
    minutes: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(metavar="M", help="Simulated minutes of each of three rounds, scaled to an hour; default 1."),
    ] = None,
    clocks: Annotated[Optional[str], typer.Option(metavar="pinned|own|both", help="Fixed clocks as others have, ours, or both.")] = None,  # noqa: UP045
    jitter: Annotated[Optional[float], typer.Option(metavar="UM", help="Move its cells by up to so much first; default 0.")] = None,  # noqa: UP045
    fresh_lists: Annotated[
        bool, typer.Option("--fresh-lists", help="Also with neighbours looked for anew before every step, as others do.")
    ] = False,
) -> None:
    """Measure this machine: speed of every mechanism, memory, size, start-up; and compare with a saved record.

    Takes about two minutes, and one more the first time, when kernels are compiled. Close other programs.

    mitoferry bench --save:  measure, and keep the record

    mitoferry bench --against bench-2026-01-31.json:  what is faster or slower than then, and what is noise

    mitoferry bench --only loop --threads 1:  the whole loop by mechanism, on one thread

    mitoferry bench --large:  decades of size; says beforehand what it will take

    mitoferry bench --cells-only:  seconds per simulated hour of 1e5 cells without mitochondria, with the clocks of PhysiCell and with ours
    """
    if cells_only or cells is not None or minutes is not None or clocks is not None or jitter is not None or fresh_lists:
        from mitoferry.show.cells_only_text import cells_only_bench

        others = {"only": only, "against": against, "save": save, "seconds": seconds, "large": large, "cold": cold, "cpu_time": cpu_time}
        cells_only_bench(
            asked=cells_only, others=[name for name, value in others.items() if value], backend=backend, cells=cells, threads=threads,
            minutes=minutes, clocks=clocks, jitter=jitter, fresh=fresh_lists, json_=json_,
        )  # fmt: skip
        return
    from mitoferry.show.bench_command import bench_text

    typer.echo(bench_text(
        only=only, against=against, json=json_, save=save, threads=threads, backend=backend, seconds=seconds, large=large, cold=cold,
        cpu_time=cpu_time,
    ))  # fmt: skip
