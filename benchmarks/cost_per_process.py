"""Cost of each process: with everything on, and of the whole step without it, against a bare kernel timed in the same run.

    python benchmarks/cost_per_process.py [--mitochondria 3e5] [--steps 40] [--threads N] [--experiment NAME] [--hour H]
                                          [--without] [--json FILE]

Prints a Markdown table for docs/performance.md: time of a process per macro-step (slow clocks averaged over their interval), per
mitochondrion and macro-step, its share of the step, and its ratio to the bare kernel's time per mitochondrion. The processes are those of
the chosen experiment with all switches on; --without also runs the plate once without each process and gives the ratio of the step
without it to the whole step (what leaving it out saves, with all that hangs on it; one such run per process: slow). ``mitoferry bench
--only loop`` measures the same for the shipped experiment, with its noise.
"""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

from mitoferry.backends.cpu import Cpu
from mitoferry.studies.bench.bare import bare_rate
from mitoferry.studies.bench.plates import OTHER_WORK, TimedPlate, full_plate


def run(spec: Any, steps: int, threads: int, hour: float, left_out: str = "", repeats: int = 1) -> dict[str, Any]:
    """Seconds per macro-step of the plate and of each process, from ``hour`` on; the best of ``repeats`` stretches of ``steps``."""
    timed = TimedPlate(spec, Cpu(threads=threads), hour=hour, each_process=True, left_out=left_out, again=False)
    timed.prepare()
    best = min((timed.stretch(steps) for _ in range(repeats)), key=lambda s: s.step)
    return {"step": best.step, "process": best.processes, "mitochondria": timed.mitochondria, "cells": timed.cells}


def rows_of(whole: dict[str, Any], bare: float, without: dict[str, float]) -> list[dict[str, Any]]:
    """One row per process, the dearest first, and one for what is left (ledger, events, order in memory)."""
    n, step = whole["mitochondria"], whole["step"]
    found = dict(whole["process"])
    found[OTHER_WORK] = max(step - sum(found.values()), 0.0)
    rows = []
    for name, seconds in sorted(found.items(), key=lambda item: -item[1]):
        rows.append({
            "process": name, "ms_per_step": 1e3 * seconds, "ns_per_mitochondrion": 1e9 * seconds / n, "share": seconds / step,
            "to_bare": seconds / n * bare, "step_without": without.get(name),
        })  # fmt: skip
    return rows


def markdown(rows: list[dict[str, Any]], whole: dict[str, Any], bare: float) -> str:
    """The table for the page."""
    with_column = any(r["step_without"] is not None for r in rows)
    head = "| process | ms per macro-step | ns per mitochondrion and macro-step | share of the step | ratio to the bare kernel |"
    rule = "|---|---|---|---|---|"
    if with_column:
        head, rule = head + " step without it / whole step |", rule + "---|"
    lines = [head, rule]
    for r in rows:
        name = f"`{r['process']}`" if " " not in r["process"] else r["process"]
        line = f"| {name} | {r['ms_per_step']:.2f} | {r['ns_per_mitochondrion']:.2f} | {100 * r['share']:.1f} % | {r['to_bare']:.3f} |"
        if with_column:
            line += " |" if r["step_without"] is None else f" {r['step_without']:.2f} |"
        lines.append(line)
    step, n = whole["step"], whole["mitochondria"]
    total = f"| **whole step** | {1e3 * step:.2f} | {1e9 * step / n:.2f} | 100 % | {step / n * bare:.3f} |"
    return "\n".join([*lines, total + (" 1 |" if with_column else "")])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mitochondria", type=float, default=3e5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--experiment", default="msc-huvec-ogd")
    parser.add_argument("--hour", type=float, default=6.0, help="time of the experiment from which steps are timed")
    parser.add_argument("--without", action="store_true", help="also run the plate without each process in turn")
    parser.add_argument("--json", default=None)
    a = parser.parse_args()
    spec = full_plate(a.mitochondria, a.experiment)
    bare = bare_rate(int(a.mitochondria), a.threads)
    whole = run(spec, a.steps, a.threads, a.hour, repeats=a.repeats)
    without: dict[str, float] = {}
    if a.without:
        for name in whole["process"]:
            without[name] = run(spec, a.steps, a.threads, a.hour, left_out=name, repeats=a.repeats)["step"] / whole["step"]
    rows = rows_of(whole, bare, without)
    print(f"{a.experiment}, {whole['mitochondria']} mitochondria in {whole['cells']} cells, {a.threads} thread(s), from hour {a.hour:g};")
    print(f"{platform.processor() or platform.machine()}; bare kernel {bare:.3g} mitochondrion-steps/s in the same run\n")
    print(markdown(rows, whole, bare))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump({"bare_per_s": bare, "whole": whole, "rows": rows}, file, indent=2)


if __name__ == "__main__":
    main()
