"""Speed of the whole loop against a bare kernel of like arithmetic, timed in the same run (a plate of any size, any time of it).

    python benchmarks/speed.py [--mitochondria 1e6] [--steps 60] [--threads N] [--hours H ...] [--scaling] [--json FILE]

A mitochondrion-step is one mitochondrion carried through one 60 s macro-step by all processes on their own clocks; the bare
kernel is that of ``mitoferry.studies.bench.bare``. For a record of a machine with its noise use ``mitoferry bench``.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
from collections.abc import Sequence
from typing import Any

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import bytes_per_row
from mitoferry.studies.bench.bare import bare_rate
from mitoferry.studies.bench.plates import TimedPlate, experiment_plate
from mitoferry.studies.bench.scaling import fitted

SIZES = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7)


def plate(mitochondria: float, overrides: dict[str, str] | None = None, arm: str = "") -> Any:
    """msc-huvec-ogd (or one of its arms) with donors from the start."""
    return experiment_plate(mitochondria, {"cells.donor.added": "0 h"} | (overrides or {}), arm)


def loop_rate(spec: Any, steps: int, threads: int, hours: Sequence[float] = (0.5,)) -> dict[str, Any]:
    """The whole loop, all processes, default clocks, from each of these times of the experiment for ``steps`` steps."""
    timed = TimedPlate(spec, Cpu(threads=threads), again=False)
    timed.prepare()
    phases = []
    for hour in hours:
        timed.go_to(hour)
        seconds, n = timed.stretch(steps).step, timed.mitochondria
        phases.append({"hour": hour, "mitochondria": n, "seconds_per_step": seconds, "mitochondrion_steps_per_s": n / seconds})
    return {
        "cells": timed.cells,
        "phases": phases,
        "mitochondria": phases[-1]["mitochondria"],
        "seconds_per_step": float(np.mean([p["seconds_per_step"] for p in phases])),
        "mitochondrion_steps_per_s": float(sum(p["mitochondria"] for p in phases) / sum(p["seconds_per_step"] for p in phases)),
        "bytes_per_mitochondrion": timed.record_bytes * timed.mitochondria / phases[0]["mitochondria"],
        "bytes_per_cell": bytes_per_row("Cells"),
    }


def scaling(threads: int) -> dict[str, Any]:
    """One arm in small wells, so that a plate may be a thousandth of the largest; t = c + a n^b, by relative error."""
    points = [loop_rate(plate(x, {"well.size": "210 um"}, "coculture"), 20, threads, (0.5, 0.75)) for x in SIZES]
    n = [float(p["mitochondria"]) for p in points]
    t = [min(q["seconds_per_step"] for q in p["phases"]) for p in points]
    exponent, fixed = fitted(n, t)
    return {"exponent": exponent, "fixed_seconds_per_step": fixed, "scaling": [[int(x), y] for x, y in zip(n, t, strict=True)]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mitochondria", type=float, default=1e6)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--hours", type=float, nargs="+", default=[0.5, 6.0], help="times of the experiment: without oxygen, and after")
    parser.add_argument("--scaling", action="store_true", help="also fit the exponent of the cost over three decades")
    parser.add_argument("--json", default=None)
    a = parser.parse_args()
    threads = a.threads or Cpu().threads
    bare = bare_rate(int(a.mitochondria), threads)
    loop = loop_rate(plate(a.mitochondria), a.steps, threads, a.hours)
    found: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "threads": threads, "bare_per_s": bare, **loop}
    found["ratio_to_bare"] = loop["mitochondrion_steps_per_s"] / bare
    found |= scaling(threads) if a.scaling else {}
    found["peak_memory_MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found, indent=2))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
