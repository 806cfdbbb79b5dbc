"""Plates for timing: made from the shipped experiment of endothelium and marrow cells, or of one cell type; and one that is timed.

A plate is carried to a given time of its experiment, and its state is kept. Each repeat then starts from that state and does
exactly the same work: what differs between repeats is noise of the machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mitoferry.core.plate_spec import PlateSpec
from mitoferry.core.process import Process
from mitoferry.core.schema import bytes_per_row
from mitoferry.experiment.loop import BURN_IN, Engine, load_processes
from mitoferry.experiment.reader import load_experiment, parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.store.snapshot import TABLES, restore, snapshot
from mitoferry.studies.bench.bare import synchronise

EXPERIMENT = "msc-huvec-ogd"
WHOLE_CYCLE = 10  # macro-steps after which every clock has ticked a whole number of times
KEEP_UP_TO = 5_000_000  # mitochondria: larger plates go on instead of starting each repeat from the same state
OTHER_WORK = "ledger, events, order in memory"
SPREAD_AREA = 8.0  # area of the dish per cell, in cross-sections of the round cell; about that of the shipped experiment

Tell = Callable[[float], None]
"""Called with the share of a preparation that is done."""


def mitochondria_of(spec: PlateSpec) -> float:
    """Mitochondria that are seeded on a plate, on average."""
    return sum(p.count * p.cell_type.mitochondria for a in spec.arms for p in a.populations) * spec.replicates


def sized(experiment: Any, mitochondria: float, arm: str = "") -> PlateSpec:
    """An experiment, or one of its arms, with as many replicates as give about this many mitochondria."""
    arms = [arm] if arm else None
    one = mitochondria_of(resolve(experiment, replicates=1, arms=arms))
    return resolve(experiment, replicates=max(1, round(mitochondria / max(one, 1.0))), arms=arms)


def experiment_plate(
    mitochondria: float, overrides: Mapping[str, str] | None = None, arm: str = "", experiment: str = EXPERIMENT
) -> PlateSpec:
    """A shipped experiment with all arms or one, changed by ``overrides``, of about this many mitochondria."""
    return sized(load_experiment(experiment, overrides=dict(overrides or {})), mitochondria, arm)


def full_plate(mitochondria: float, experiment: str = EXPERIMENT) -> PlateSpec:
    """An experiment with every switch on, of about this many mitochondria."""
    switches = load_experiment(experiment).switches
    on = {f"switches.{name}": "on" for name, value in switches.items() if value == "off"}
    return experiment_plate(mitochondria, on, experiment=experiment)


def coculture_wells(wells: int, times: int = 1, cells: int = 30) -> PlateSpec:
    """Uninjured cocultures at the density of the experiment, donors in from the start.

    Args:
        wells: number of wells.
        times: each is so many times as large, in cells and in area.
        cells: of a well with ``times`` 1; two thirds are recipients.
    """
    side = 420.0 * math.sqrt(cells * times / 150.0)
    changes = {
        "well.size": f"{side:.1f} um", "cells.recipient.count": str(2 * cells // 3 * times), "cells.donor.count": str(cells // 3 * times),
        "cells.donor.added": "0 h",
    }  # fmt: skip
    one = resolve(load_experiment(EXPERIMENT, overrides=changes), replicates=1, arms=["coculture_uninjured"])
    return replace(one, replicates=wells)  # more than an experiment file may ask for


def type_plate(cell_types: Mapping[str, int]) -> PlateSpec:
    """One well for each cell type with so many cells of it, all in one plate.

    Raises:
        InputError: a name that is no cell type.
    """
    from mitoferry.library.cell_types import cell_type

    arms = []
    for name, count in cell_types.items():
        radius = 10.0 * (0.75 * cell_type(name).value("volume") / math.pi) ** (1.0 / 3.0)  # um, of a volume in pL
        side = math.sqrt(count * SPREAD_AREA * math.pi * radius**2)
        arms.append(f"  {name}: {{well: {{size: {side:.1f} um}}, cells: {{recipient: {{type: {name}, count: {count}}}}}}}")
    first, count = next(iter(cell_types.items()))
    text = "\n".join([
        "schema: mitoferry/experiment@1", "title: Cells of different size", "question: What does a mitochondrion of each cost?",
        "well: {kind: dish, size: 400 um, medium: {height: 3 mm, glucose: 10 mM, oxygen: 18 %}}",
        f"cells: {{recipient: {{type: {first}, count: {count}}}}}", "arms:", *arms, "run: {until: 24 h, replicates: 1}", "",
    ])  # fmt: skip
    return resolve(parse_experiment(text, "the bench's plate of cell types", name="cell-types"))


def steps_of(mitochondria: float) -> int:
    """Macro-steps of one repeat: more on a small plate, whose steps are short; the same on every machine."""
    return WHOLE_CYCLE * min(6, max(1, math.ceil(1e5 / max(mitochondria, 1.0))))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some macro-steps of a plate, timed.

    Attributes:
        step: seconds per macro-step.
        cpu: the same in processor time of all threads (equal to ``step`` where that is the clock).
        processes: seconds per macro-step of each process (slow clocks averaged), if they were timed.
    """

    step: float
    cpu: float
    processes: dict[str, float] = field(default_factory=dict)


class TimedPlate:
    """A plate that is carried to some time and then timed.

    Args:
        spec: the plate.
        backend: what advances it.
        hour: time of the experiment from which on it is timed [h].
        each_process: time each process, too.
        left_out: name of a process that does not run.
        again: start each stretch from the same state; default for plates of up to :data:`KEEP_UP_TO` mitochondria.
        settle: burn-in [s].
        clock: gives seconds: of the wall, or of the processor (``time.process_time``).
    """

    def __init__(
        self,
        spec: PlateSpec,
        backend: Any,
        *,
        hour: float = 0.0,
        each_process: bool = False,
        left_out: str = "",
        again: bool | None = None,
        settle: int = BURN_IN,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.spec, self.backend, self.hour, self.each_process, self.left_out = spec, backend, hour, each_process, left_out
        self.again = mitochondria_of(spec) <= KEEP_UP_TO if again is None else again
        self.settle, self.clock = settle, clock
        self.engine: Any = None
        self._spent: dict[str, float] = {}
        self._kept: tuple[Any, Any, int] | None = None

    # ------------------------------------------------------------------ getting there
    def prepare(self, tell: Tell | None = None) -> None:
        """Build the plate, let it settle, carry it to its hour, keep the state."""
        tell = tell or (lambda _: None)
        processes = [self._timed(p) for p in load_processes() if p.name != self.left_out]
        self.engine = Engine(self.spec, self.backend, processes=processes)
        tell(0.1)
        self.engine.burn_in(self.settle)
        self.go_to(self.hour, tell)
        if self.again:
            arrays, meta = snapshot(self.engine.world)
            self._kept = {name: array.copy() for name, array in arrays.items()}, meta, self.engine.tick
        tell(1.0)

    def go_to(self, hour: float, tell: Tell | None = None) -> None:
        """Advance to an hour of the experiment, and on to a time at which all clocks tick."""
        until = max(hour * 3600.0, 1.0)
        while self.engine.tick < hour * 3600.0 or self.engine.tick % (WHOLE_CYCLE * self.spec.macro_step) != 0:
            self.engine.advance()
            if tell is not None:
                tell(min(0.4 + 0.6 * self.engine.tick / until, 1.0))

    def _timed(self, process: Process) -> Process:
        """The process with a clock around it."""
        if not self.each_process:
            return process

        def advance(world: Any, step: Any, p: Any) -> None:
            start = self.clock()
            process.advance(world, step, p)
            synchronise(world.backend)
            self._spent[process.name] = self._spent.get(process.name, 0.0) + self.clock() - start

        return replace(process, advance=advance)

    # ------------------------------------------------------------------ timing
    def stretch(self, steps: int = 0) -> Stretch:
        """Time so many macro-steps (rounded down to whole cycles of all clocks; 0 = as fits the size of the plate)."""
        steps = max(WHOLE_CYCLE, (steps or steps_of(self.mitochondria)) // WHOLE_CYCLE * WHOLE_CYCLE)
        if self._kept is not None:
            self._back()
        self._spent.clear()
        start, cpu = self.clock(), time.process_time()
        for _ in range(steps):
            self.engine.advance()
        synchronise(self.backend)
        seconds, cpu = self.clock() - start, time.process_time() - cpu
        return Stretch(seconds / steps, cpu / steps, {name: spent / steps for name, spent in self._spent.items()})

    def _back(self) -> None:
        assert self._kept is not None
        arrays, meta, tick = self._kept
        world = self.engine.world
        restore(world, {name: array.copy() for name, array in arrays.items()}, meta)
        world.backend.push(*(getattr(world, name) for name in TABLES if getattr(world, name) is not None))
        self.engine.tick = tick

    # ------------------------------------------------------------------ how large it is
    @property
    def mitochondria(self) -> int:
        """Mitochondria that cells hold now."""
        world = self.engine.world
        world.backend.pull(world.cells)
        return int(world.cells.n_mitochondria.sum())

    @property
    def cells(self) -> int:
        """Rows of the table of cells in use, pools of the wells among them."""
        return int(self.engine.world.n_cells)

    @property
    def record_bytes(self) -> float:
        """Bytes of records and pages of mitochondria per mitochondrion."""
        world = self.engine.world
        held = len(world.mitochondria.flags) * bytes_per_row("Mitochondria") + len(world.pages.owner) * bytes_per_row("Pages")
        return held / max(self.mitochondria, 1)

    @property
    def state_bytes(self) -> float:
        """Bytes of all tables of the state."""
        arrays, _ = snapshot(self.engine.world)
        return float(sum(array.nbytes for array in arrays.values()))
