"""The bare kernel, and the whole loop by mechanism with its memory."""

from __future__ import annotations

from typing import Any

from mitoferry.core.schema import bytes_per_row
from mitoferry.studies.bench.bare import Bare
from mitoferry.studies.bench.part import Part, Rounds, Setting, seconds_to
from mitoferry.studies.bench.plates import OTHER_WORK, Tell, coculture_wells, full_plate
from mitoferry.studies.bench.record import Measure, measure


class BarePart(Part):
    """The bare kernel on one thread and on all."""

    name, title = "bare", "bare kernel"

    def prepare(self, tell: Tell) -> None:
        """Allocate and compile."""
        n = 2000 if self.setting.plain else int(self.setting.mitochondria(1e6))
        threads = self.setting.threads if self.setting.backend == "cpu" else 1
        self.kernels = {"bare.one": Bare(n, self.setting.fresh(1), self.setting.clock)}
        if threads > 1:
            self.kernels["bare.all"] = Bare(n, self.setting.fresh(threads), self.setting.clock)
        for kernel in self.kernels.values():
            kernel.warm_up(1 if self.setting.plain else 3)
        self.n = n

    def sample(self) -> dict[str, float]:
        """Rates [mitochondrion-steps/s]."""
        found = {name: kernel.rate() for name, kernel in self.kernels.items()}
        return {"bare.all": found["bare.one"]} | found

    def measures(self, rounds: Rounds) -> list[Measure]:
        """One thread and all."""
        words = {"bare.one": "bare kernel, one thread", "bare.all": f"bare kernel, {self.setting.threads} threads"}
        unit = "mitochondrion-steps/s"
        return [measure(k, words[k], unit, rounds[k], "more", work={"mitochondria": self.n}) for k in self.kernels]


class LoopPart(Part):
    """The whole loop with all mechanisms of the shipped experiment: time of each, memory."""

    name, title = "loop", "whole loop, by mechanism"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        small = setting.plain or setting.size < 1.0
        self.spec = coculture_wells(1, 1, 6) if small else full_plate(setting.mitochondria(3e5))
        self.hour = 0.0 if small else 6.0
        self.preparing = seconds_to(self.spec, self.hour)

    def prepare(self, tell: Tell) -> None:
        """Carry the plate to its hour."""
        self.plate = self.timed(self.spec, hour=self.hour, each_process=True, settle=60 if self.setting.plain else 3600)
        self.plate.prepare(tell)
        self.n, self.cells = self.plate.mitochondria, self.plate.cells

    def sample(self) -> dict[str, float]:
        """Milliseconds per macro-step of the step and of each process."""
        s = self.plate.stretch(10 if self.setting.plain else 0)
        found = {"loop.step": 1e3 * s.step, "loop.cpu": 1e3 * s.cpu}
        found |= {f"loop.process.{name}": 1e3 * seconds for name, seconds in s.processes.items()}
        return found | {f"loop.process.{OTHER_WORK}": 1e3 * max(s.step - sum(s.processes.values()), 0.0)}

    def measures(self, rounds: Rounds) -> list[Measure]:
        """Rate, ratio to the bare kernel, each process, memory."""
        work = {"mitochondria": self.n, "cells": self.cells, "experiment": self.spec.name, "hour": self.hour}
        step = rounds["loop.step"]
        rate = [1e3 * self.n / x for x in step]
        ratio = [r / b for r, b in zip(rate, rounds["bare.all"], strict=True)]
        found = [
            measure("loop.rate", "whole loop, all mechanisms", "mitochondrion-steps/s", rate, "more", work=work),
            measure("loop.ratio", "whole loop to bare kernel", "1", ratio, "more", work=work),
            measure("loop.step", "macro-step of 60 s", "ms", step, work=work),
            measure("loop.cpu", "processor time of a macro-step, all threads", "ms", rounds["loop.cpu"], work=work),
        ]
        for name in sorted((k for k in rounds if k.startswith("loop.process.")), key=lambda k: -sum(rounds[k])):
            found.append(measure(name, name.rsplit(".", 1)[1], "ms", rounds[name], work=work))
        return [*found, *self._memory(len(step), work)]

    def _memory(self, repeats: int, work: dict[str, Any]) -> list[Measure]:
        each, whole = self.plate.record_bytes, self.plate.state_bytes
        rest = (whole - each * self.n) / max(self.cells, 1)
        figures = {
            "memory.mitochondrion": ("a mitochondrion: record and page", each),
            "memory.cell": ("a cell: all other tables, fields too", rest),
            "memory.row": ("of that, its row of the table", bytes_per_row("Cells")),
            "memory.all": ("all tables, for each mitochondrion", whole / max(self.n, 1)),
        }
        return [measure(name, words, "bytes", [x] * repeats, work=work) for name, (words, x) in figures.items()]
