"""How the cost grows with the size of a plate: t = c + a n^b over decades of size."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from mitoferry.core.plate_spec import PlateSpec
from mitoferry.experiment.estimate import SHARE_OF_FREE, estimate, machine_speed, size_text, time_text
from mitoferry.experiment.loop import BURN_IN
from mitoferry.studies.bench.part import RATE, Part, Rounds, Setting, prepare_all, seconds_to
from mitoferry.studies.bench.plates import KEEP_UP_TO, STEPS, WHOLE_CYCLE, Tell, TimedPlate, coculture_wells, mitochondria_of
from mitoferry.studies.bench.record import Measure, measure

SIZES = (7e3, 2.1e4, 7e4, 2.1e5, 7e5)
TINY_SIZES = (7e3, 1.4e4, 2.8e4)  # for tests
LARGE = (2.1e6, 7e6, 2.1e7, 1e8)
PER_WELL = 7000.0  # mitochondria of a well of 30 cells
HOUR = 0.5
LARGE_ROUNDS = 3
SHORT_BURN_IN = 600  # s, of plates that take minutes: what a step costs differs by a few per cent from that after an hour


def plate_of(mitochondria: float) -> PlateSpec:
    """As many wells of 30 cells as give about this many mitochondria."""
    return coculture_wells(max(1, round(mitochondria / PER_WELL)))


def wells_text(spec: PlateSpec) -> str:
    """Number of wells in words."""
    return f"{spec.replicates:,} well{'s' if spec.replicates != 1 else ''}"


def fitted(sizes: list[float], seconds: list[float]) -> tuple[float, float]:
    """Exponent b and fixed part c of ``t = c + a n^b``, by least squares of the logarithms.

    Args:
        sizes: mitochondria, at least three, in rising order.
        seconds: per macro-step; c is in the same unit.
    """
    n, t = np.array(sizes, dtype=float), np.array(seconds, dtype=float)
    start = [np.log(0.5 * t[0]), np.log(t[-1]), 1.0]
    low, high = [np.log(t[0]) - 20.0, np.log(t[-1]) - 3.0, 0.1], [np.log(t[0]), np.log(t[-1]) + 3.0, 3.0]
    fit = least_squares(
        lambda x: np.log((np.exp(x[0]) + np.exp(x[1]) * (n / n[-1]) ** x[2]) / t), np.clip(start, low, high), bounds=(low, high)
    )
    return float(fit.x[2]), float(np.exp(fit.x[0]))


class ScalingPart(Part):
    """Plates of ever more wells."""

    name, title = "scaling", "size of the plate"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.sizes = tuple(setting.mitochondria(n) for n in SIZES) if setting.size >= 1.0 else TINY_SIZES
        self.hour = HOUR if setting.size >= 1.0 else 0.0
        self.preparing = sum(seconds_to(plate_of(n), self.hour) for n in self.sizes)

    def prepare(self, tell: Tell) -> None:
        """Carry all plates to their hour."""
        self.plates = [self.timed(plate_of(n), hour=self.hour) for n in self.sizes]
        prepare_all(self.plates, tell)
        self.n = [p.mitochondria for p in self.plates]

    def sample(self) -> dict[str, float]:
        """Milliseconds per macro-step of each plate."""
        return {f"scaling.{n}": 1e3 * p.stretch().step for n, p in zip(self.n, self.plates, strict=True)}

    def measures(self, rounds: Rounds) -> list[Measure]:
        """Each size, and exponent and fixed part of every round."""
        found = []
        for k, n in enumerate(self.n):
            steps = rounds[f"scaling.{n}"]
            words = wells_text(self.plates[k].spec)
            found.append(
                measure(f"scaling.{k}", words, "ns", [1e6 * x / n for x in steps], work={"mitochondria": n, "cells": self.plates[k].cells})
            )
        fits = [fitted(list(self.n), list(t)) for t in zip(*(rounds[f"scaling.{n}"] for n in self.n), strict=True)]
        work = {"from": self.n[0], "to": self.n[-1]}
        found.append(measure("scaling.exponent", "exponent of the cost", "1", [b for b, _ in fits], "neither", work=work))
        found.append(measure("scaling.fixed", "fixed part of a step", "ms", [c for _, c in fits], work=work))
        return found


def burn_in_of(spec: PlateSpec) -> int:
    """How long a plate settles [s]."""
    return BURN_IN if mitochondria_of(spec) <= KEEP_UP_TO else SHORT_BURN_IN


def steps_of(spec: PlateSpec) -> int:
    """Macro-steps of a stretch: of a large plate, the fewest in which every clock ticks."""
    return STEPS if mitochondria_of(spec) <= KEEP_UP_TO else WHOLE_CYCLE


def large_seconds(spec: PlateSpec) -> tuple[float, float]:
    """About how long it takes to carry a large plate to its hour, and to time it [s]."""
    timing = LARGE_ROUNDS * steps_of(spec) * mitochondria_of(spec) / RATE
    return seconds_to(spec, HOUR - (BURN_IN - burn_in_of(spec)) / 3600.0), timing


def what_fits(setting: Setting, free: float | None = None) -> tuple[list[PlateSpec], list[str]]:
    """Large plates that fit into the memory that is free, and a line for every one with what it takes.

    Args:
        setting: backend and threads.
        free: bytes; default what is free now.
    """
    speed = machine_speed()
    plates, lines = [], []
    for n in LARGE:
        spec = plate_of(n)
        cost = estimate(spec, cores=setting.threads, speed=speed)
        room = cost.available if free is None else free
        copies = 2.0 if mitochondria_of(spec) <= KEEP_UP_TO else 1.1
        text = f"{mitochondria_of(spec):,.0f} mitochondria in {cost.cells:,} cells: {size_text(copies * cost.memory)}"
        if room and copies * cost.memory > SHARE_OF_FREE * room:
            lines.append(f"{text}, left out: {size_text(room)} of memory are free")
            continue
        seconds = sum(large_seconds(spec)) / speed
        plates.append(spec)
        lines.append(f"{text}, about {time_text(seconds)}, right within a factor of 2")
    return plates, lines


class LargePart(Part):
    """Plates of up to 10^8 mitochondria, one after the other, after everything else."""

    name, title, once = "large", "large plates", True

    def __init__(self, setting: Setting, plates: list[PlateSpec]) -> None:
        super().__init__(setting)
        self.specs = plates
        self.preparing = sum(sum(large_seconds(s)) for s in plates)

    def prepare(self, tell: Tell) -> None:
        """Time each plate, on a backend of its own so that the last one's memory is given back."""
        total, done = max(self.preparing, 1e-9), 0.0
        self.found: list[tuple[PlateSpec, int, int, list[float], float]] = []
        for spec in self.specs:
            weight, timing = large_seconds(spec)
            plate = TimedPlate(spec, self.setting.fresh(), hour=HOUR, settle=burn_in_of(spec), clock=self.setting.clock)
            plate.prepare(lambda share, w=weight, d=done: tell((d + share * w) / total))  # type: ignore[misc]
            steps = []
            for k in range(LARGE_ROUNDS):
                steps.append(plate.stretch(steps_of(spec)).step)
                tell(min((done + weight + timing * (k + 1) / LARGE_ROUNDS) / total, 1.0))
            self.found.append((spec, plate.mitochondria, plate.cells, steps, plate.record_bytes))
            done += weight + timing
            del plate

    def sample(self) -> dict[str, float]:
        """Nothing more."""
        return {}

    def measures(self, rounds: Rounds) -> list[Measure]:
        """Each size, and the exponent from the smallest plate to the largest."""
        found = []
        small = [m for m in rounds if m.startswith("scaling.") and m.split(".")[1].isdigit()]
        sizes = sorted(int(m.split(".")[1]) for m in small)
        seconds = [1e-3 * float(np.median(rounds[f"scaling.{n}"])) for n in sizes]
        for k, (spec, n, cells, steps, each) in enumerate(self.found):
            work = {"mitochondria": n, "cells": cells, "bytes": each}
            found.append(measure(f"scaling.large.{k}", wells_text(spec), "ns", [1e9 * x / n for x in steps], work=work))
        if len(sizes) + len(self.found) >= 3 and self.found:
            fits = []
            for r in range(LARGE_ROUNDS):
                fits.append(fitted([*sizes, *(f[1] for f in self.found)], [*seconds, *(f[3][r] for f in self.found)]))
            work = {"from": (sizes or [self.found[0][1]])[0], "to": self.found[-1][1]}
            found.append(measure("scaling.large.exponent", "exponent, large plates too", "1", [b for b, _ in fits], "neither", work=work))
        return found
