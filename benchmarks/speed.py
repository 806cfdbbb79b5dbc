"""Speed of the whole loop against a bare kernel of like arithmetic, timed in the same run.

    python benchmarks/speed.py [--mitochondria 1e6] [--steps 60] [--threads N] [--hours H ...] [--scaling] [--json FILE]

A mitochondrion-step is one mitochondrion carried through one 60 s macro-step by all processes on their own clocks. The
bare kernel does per mitochondrion and 300 s what the slow clocks cannot do without: read its record once, one Philox
call, four exponentials, rounding, write it back, ten sums; on flat arrays, without pages, cells, events or ledger.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

import mitoferry as mf
from mitoferry.backends.cpu import Cpu
from mitoferry.core.maths import exp
from mitoferry.core.random import stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import allocate, bytes_per_row
from mitoferry.experiment.loop import Engine


@row
def bare_row(i, m, totals):
    """One mitochondrion, one slow step: the least that any implementation must do."""
    u, v, w, x = uniform4(1, 2, m.birth[i], m.ordinal[i], 3, 4, 0)
    damage = int(m.damage[i]) / 65535.0
    mass = int(m.mass[i]) / 8192.0
    one = int(m.complex1[i]) / 32768.0
    three = int(m.complex34[i]) / 32768.0
    five = int(m.complex5[i]) / 32768.0
    copies = int(m.copies[i, 0]) + int(m.copies[i, 1]) + int(m.copies[i, 2]) + int(m.copies[i, 3])
    psi = 150.0 - 0.01 * int(m.psi_offset[i])
    eligible = 1.0 / (1.0 + exp(-(psi - 100.0) / 8.0))
    kept = exp(-0.02 * (1.0 + damage))
    grown = exp(-0.001 * copies)
    hazard = 1.0 - exp(-0.005 * (1.0 + eligible))
    damage = damage * kept + 0.001 * (1.0 - kept)
    m.damage[i] = stochastic_round(65535.0 * min(damage, 1.0), u)
    m.complex1[i] = stochastic_round(32768.0 * (one + (grown - one) * 0.002), v)
    m.complex34[i] = stochastic_round(32768.0 * (three + (grown - three) * 0.002), w)
    m.complex5[i] = stochastic_round(32768.0 * (five + (1.0 - five) * 0.002), x)
    totals[i // 1024] = mass * three * (1.0 - damage) + mass * five + hazard


def bare_rate(n: int, threads: int, repeats: int = 5) -> float:
    """Mitochondrion-steps/s of the bare kernel (its pass stands for five macro-steps of 60 s)."""
    m = allocate("Mitochondria", n)
    m.ordinal[:] = np.arange(n)
    m.copies[:] = 2
    m.mass[:] = 8192
    for name in ("complex1", "complex34", "complex5"):
        getattr(m, name)[:] = 32768
    totals = np.zeros(n // 1024 + 1)
    backend = Cpu(threads=threads)
    best = np.inf
    for k in range(repeats + 2):
        start = time.perf_counter()
        backend.each(bare_row, n, m, totals)
        if k > 1:
            best = min(best, time.perf_counter() - start)
    return 5.0 * n / best


def plate(mitochondria: float, overrides: dict[str, str] | None = None, arm: str = "") -> Any:
    """msc-huvec-ogd (or one of its arms) with as many replicates as give about this many mitochondria."""
    experiment = mf.load("msc-huvec-ogd", overrides={"cells.donor.added": "0 h"} | (overrides or {}))

    def spec(replicates: int) -> Any:
        whole = experiment.resolve(replicates=replicates)
        return replace(whole, arms=tuple(a for a in whole.arms if arm in ("", a.name)))

    per_replicate = sum(p.count * p.cell_type.mitochondria for a in spec(1).arms for p in a.populations)
    return spec(max(1, round(mitochondria / per_replicate)))


def loop_rate(spec: Any, steps: int, threads: int, hours: Sequence[float] = (0.5,)) -> dict[str, Any]:
    """The whole loop, all processes, default clocks, from each of these times of the experiment for ``steps`` steps.

    Whole tens of steps are timed, so that every clock ticks as often as it does on the average.
    """
    engine = Engine(spec, Cpu(threads=threads))
    engine.burn_in()
    steps = max(10, steps // 10 * 10)
    phases = []
    for hour in hours:
        while engine.tick < hour * 3600.0 or engine.tick % 600 != 0:
            engine.advance()
        start = time.perf_counter()
        for _ in range(steps):
            engine.advance()
        seconds = (time.perf_counter() - start) / steps
        n = int(engine.world.cells.n_mitochondria.sum())
        phases.append({"hour": hour, "mitochondria": n, "seconds_per_step": seconds, "mitochondrion_steps_per_s": n / seconds})
    world = engine.world
    slots = len(world.mitochondria.flags)
    resident = slots * bytes_per_row("Mitochondria") + len(world.pages.owner) * bytes_per_row("Pages")
    return {
        "cells": world.n_cells,
        "phases": phases,
        "mitochondria": phases[-1]["mitochondria"],
        "seconds_per_step": float(np.mean([p["seconds_per_step"] for p in phases])),
        "mitochondrion_steps_per_s": float(sum(p["mitochondria"] for p in phases) / sum(p["seconds_per_step"] for p in phases)),
        "bytes_per_mitochondrion": resident / phases[0]["mitochondria"],
        "bytes_per_cell": bytes_per_row("Cells"),
    }


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
    if a.scaling:
        # one arm in small wells, so that a plate may be a thousandth of the largest; t = c + a n^b, by relative error
        sizes = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7)
        points = [loop_rate(plate(x, {"well.size": "210 um"}, "coculture"), 20, threads, (0.5, 0.75)) for x in sizes]
        n = np.array([p["mitochondria"] for p in points], dtype=float)
        t = np.array([min(q["seconds_per_step"] for q in p["phases"]) for p in points])
        start = [np.log(t[0]), np.log(t[-1]), 1.0]
        fit = least_squares(lambda x: np.log((np.exp(x[0]) + np.exp(x[1]) * (n / n[-1]) ** x[2]) / t), start)
        found["exponent"] = float(fit.x[2])
        found["fixed_seconds_per_step"] = float(np.exp(fit.x[0]))
        found["scaling"] = [[int(x), float(y)] for x, y in zip(n, t, strict=True)]
    found["peak_memory_MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found, indent=2))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
