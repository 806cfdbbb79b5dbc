"""Cells of 5 to 8,000 mitochondria: what a mitochondrion costs, what a cell, and whether threads share the work of both."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from mitoferry.studies.bench.part import Part, Rounds, Setting, prepare_all, seconds_to
from mitoferry.studies.bench.plates import Tell, type_plate
from mitoferry.studies.bench.record import Measure, measure

TYPES = ("platelet", "t_cell", "huvec", "bm_msc", "hepatocyte", "cardiomyocyte")


def two_costs(seconds: Sequence[float], mitochondria: Sequence[float], cells: Sequence[float]) -> tuple[float, float]:
    """Cost of a mitochondrion and of a cell [s], from plates that differ in how many a cell holds: ``t = a n + b c``, by relative error."""
    from scipy.optimize import nnls

    t = np.array(seconds)
    a, b = nnls(np.stack([np.array(mitochondria) / t, np.array(cells) / t], axis=1), np.ones(len(t)))[0]
    return float(a), float(b)


class TypesPart(Part):
    """Cells of 5 to 8,000 mitochondria, each type on its own and all on one plate: is work balanced between tiny and huge cells?"""

    name, title = "types", "cell types"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        from mitoferry.library.cell_types import cell_type

        names = TYPES if setting.size >= 1.0 else TYPES[1:3]
        held = {name: cell_type(name).value("mitochondria") for name in names}
        self.counts = {name: max(2, round(setting.mitochondria(1e5) / n)) for name, n in held.items()}
        self.held = held
        self.specs = {name: type_plate({name: count}) for name, count in self.counts.items()} | {"mixed": type_plate(self.counts)}
        self.hour = 0.5 if setting.size >= 1.0 else 0.0
        self.preparing = sum(seconds_to(s, self.hour) for s in self.specs.values())

    def prepare(self, tell: Tell) -> None:
        """Carry every plate to its hour."""
        self.plates = {k: self.timed(spec, hour=self.hour) for k, spec in self.specs.items()}
        prepare_all(list(self.plates.values()), tell)
        self.n = {k: p.mitochondria for k, p in self.plates.items()}

    def sample(self) -> dict[str, float]:
        """Milliseconds per macro-step of each plate, and how busy the threads were."""
        found = {}
        for k, plate in self.plates.items():
            s = plate.stretch()
            found[f"types.step.{k}"] = 1e3 * s.step
            found[f"types.busy.{k}"] = s.cpu / (s.step * self.setting.threads)
        return found

    def measures(self, rounds: Rounds) -> list[Measure]:
        """Nanoseconds per mitochondrion of each, memory, and the mixed plate against the sum of the others."""
        found = []
        for k, count in self.counts.items():
            ns = [1e6 * x / self.n[k] for x in rounds[f"types.step.{k}"]]
            work = {"mitochondria": self.n[k], "cells": count, "per_cell": self.held[k], "bytes": self.plates[k].record_bytes}
            found.append(measure(f"types.{k}", k, "ns", ns, work=work))
        found += self._by_size(rounds)
        alone = [sum(x) for x in zip(*(rounds[f"types.step.{k}"] for k in self.counts), strict=True)]
        ratio = [x / y for x, y in zip(rounds["types.step.mixed"], alone, strict=True)]
        mixed = {"mitochondria": self.n["mixed"], "cells": sum(self.counts.values())}
        found.append(measure("types.mixed", "all on one plate, to each alone", "1", ratio, work=mixed))
        if self.setting.threads > 1 and self.setting.clock is not time.process_time:
            found.append(measure("types.busy", "threads busy on that plate", "1", rounds["types.busy.mixed"], "more", work=mixed))
        return found

    def _by_size(self, rounds: Rounds) -> list[Measure]:
        """What a mitochondrion costs, and what a cell, over all types."""
        n, cells = [self.n[k] for k in self.counts], list(self.counts.values())
        steps = zip(*(rounds[f"types.step.{k}"] for k in self.counts), strict=True)
        costs = [two_costs([1e-3 * x for x in step], n, cells) for step in steps]
        return [
            measure("types.per_mitochondrion", "for each mitochondrion", "ns", [1e9 * a for a, _ in costs]),
            measure("types.per_cell", "for each cell, besides", "ns", [1e9 * b for _, b in costs]),
        ]
