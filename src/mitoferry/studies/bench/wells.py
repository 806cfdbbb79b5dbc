"""A 96-well plate of small wells against one big well of as many mitochondria."""

from __future__ import annotations

from mitoferry.core.schema import Step
from mitoferry.studies.bench.part import Part, Rounds, Setting, prepare_all, seconds_to
from mitoferry.studies.bench.plates import OTHER_WORK, Tell, TimedPlate, coculture_wells
from mitoferry.studies.bench.record import Measure, measure

WELLS = 96


class WellsPart(Part):
    """A 96-well plate of small wells against one big well of as many mitochondria: what does a well cost?"""

    name, title = "wells", "96 small wells, one big well"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.wells = WELLS if setting.size >= 1.0 else 4
        self.cells = 30 if setting.size >= 1.0 else 6
        self.specs = {"small": coculture_wells(self.wells, 1, self.cells), "big": coculture_wells(1, self.wells, self.cells)}
        self.hour = 1.0 if setting.size >= 1.0 else 0.0
        self.preparing = sum(seconds_to(s, self.hour) for s in self.specs.values())

    def prepare(self, tell: Tell) -> None:
        """Carry both plates to their hour."""
        self.plates = {k: self.timed(spec, hour=self.hour, each_process=True) for k, spec in self.specs.items()}
        prepare_all(list(self.plates.values()), tell)
        self.n = {k: p.mitochondria for k, p in self.plates.items()}
        for plate in self.plates.values():
            read_assays(plate)  # compiles

    def sample(self) -> dict[str, float]:
        """Nanoseconds per mitochondrion and macro-step; milliseconds of one reading of all assays."""
        found = {}
        for k, plate in self.plates.items():
            s, n = plate.stretch(), self.n[k]
            found[f"wells.{k}"] = 1e9 * s.step / n
            parts = s.processes | {OTHER_WORK: max(s.step - sum(s.processes.values()), 0.0)}
            found |= {f"wells.{k}.{name}": 1e9 * seconds / n for name, seconds in parts.items()}
            start = self.setting.clock()
            read_assays(plate)
            found[f"wells.assays.{k}"] = 1e3 * (self.setting.clock() - start)
        return found

    def measures(self, rounds: Rounds) -> list[Measure]:
        """Both plates, their ratio, and in which processes they differ."""
        words = {"small": f"{self.wells} wells of {self.cells} cells", "big": f"one well of {self.wells * self.cells} cells"}
        on = {k: {"mitochondria": self.n[k], "cells": p.cells} for k, p in self.plates.items()}
        found = [measure(f"wells.{k}", words[k], "ns", rounds[f"wells.{k}"], work=on[k]) for k in words]
        ratio = [a / b for a, b in zip(rounds["wells.small"], rounds["wells.big"], strict=True)]
        found.append(measure("wells.ratio", "ratio per mitochondrion", "1", ratio, work=on["small"]))
        names = [k.split(".", 2)[2] for k in rounds if k.startswith("wells.small.")]
        more = {
            n: [a - b for a, b in zip(rounds[f"wells.small.{n}"], rounds.get(f"wells.big.{n}", [0.0] * len(ratio)), strict=True)]
            for n in names
        }
        for n in sorted(more, key=lambda k: -sum(more[k])):
            found.append(measure(f"wells.more.{n}", n, "ns", more[n], work=on["small"]))
        for k, said in {"small": "all assays once, small wells", "big": "all assays once, big well"}.items():
            found.append(measure(f"wells.assays.{k}", said, "ms", rounds[f"wells.assays.{k}"], work=on[k]))
        return found


def read_assays(plate: TimedPlate) -> int:
    """Take every reading of the experiment once, as at the end of a step; returns how many there were."""
    from mitoferry.assays import load_assays

    assays, world, spec = load_assays(), plate.engine.world, plate.spec
    tick = plate.engine.tick
    step = Step(tick // spec.macro_step, tick, float(tick), float(spec.macro_step))
    index = {p.name: p.index for arm in spec.arms for p in arm.populations}
    return sum(len(assays[m.assay].measure(world, index.get(m.of), dict(m.options), step)) for m in spec.measurements)
