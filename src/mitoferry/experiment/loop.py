"""The loop: what happens in one macro-step, in order.

 1. treatments due (nodes, medium, cells that enter)
 2. fields
 3. energetics
 4. signals
 5. motion and contacts
 6. link events (exact times inside the step)
 7. vesicles and free mitochondria
 8. quality control (leaps)
 9. fate and division
10. assays due
11. ledger check
12. checkpoint due

Slow processes run on their own clocks (``Process.clock``); the macro-step is 60 s unless the experiment says
otherwise. The ledger is checked at the end of every macro-step in which a process wrote mitochondria (the slow ones) or
moved or freed one (transport, uptake, death); the message names those that did, and the last event. With
``check_each`` it is checked after each of them, so that the message names the one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from mitoferry.base import plugins
from mitoferry.base.errors import MitoferryError, OverflowStop
from mitoferry.core.by_well import rows_logged
from mitoferry.core.events import EventBuffer, allocate_events
from mitoferry.core.plate_spec import PlateSpec
from mitoferry.core.process import STAGES, Process
from mitoferry.core.schema import Step
from mitoferry.core.world import World
from mitoferry.experiment.plate import build_world, parameters_of
from mitoferry.experiment.treatments import Treatments

BUILT_IN = (
    "diffusion",
    "capacity", "inhibitors", "energetics", "cell_variation", "reactive_oxygen", "calcium_load", "pore",
    "dna_damage", "vcam1_signalling", "signals", "heme_signalling", "hypoxia_signalling", "nad", "nutrient_signalling",
    "erk_signalling", "find_me", "nadph_oxidase", "connexin43", "platelet_activation", "cytokines", "stromal_calming",
    "mtdna_sensing", "macrophage_polarisation", "t_cell_fate", "neutrophil_traps", "senescence", "fatty_acids", "vessel", "crawling",
    "preparation", "graft", "cell_removal", "motion",
    "nanotube_search", "dislodgement", "nanotube_clocks", "dendrite", "nanotube_transport",
    "gap_junction", "gap_junction_coupling", "bridge", "microtunnel",
    "isolated_mitochondria", "delivery", "vesicle_packages", "microinjection",
    "mitochondria_release", "vesicle_release", "vesicle_fate", "vesicle_cargo", "free_mitochondria",
    "phagocytosis", "transmitophagy",
    "mtdna_adducts", "mtdna", "damage", "fusion_fission", "arrival", "mitophagy", "biogenesis", "dye",
    "differentiation", "ferroptosis", "immune_attack", "death", "cell_fusion", "division",
)  # fmt: skip
BURN_IN_STAGES = ("fields", "energetics", "signals", "motion")
BURN_IN_ALSO = ("fusion_fission",)  # moves nothing in or out: potentials of their own and isolated mitochondria settle
BURN_IN = 3600
TIDY, SCATTERED = 3600, 0.05  # how often [s] to look whether pages are to be sorted, and from which share out of place
ENTRY_POINT_GROUP = "mitoferry.processes"


def load_processes() -> list[Process]:
    """The built-in processes in the order of the loop, then those of other packages (entry points)."""
    processes = [importlib.import_module(f"mitoferry.processes.{name}").PROCESS for name in BUILT_IN]
    for entry in plugins.points(ENTRY_POINT_GROUP):
        process = entry.load()
        if not isinstance(process, Process):
            raise MitoferryError(
                f"entry point {entry.name!r} of group {ENTRY_POINT_GROUP} gave {type(process).__name__}, wanted a Process (mitoferry.core)"
            )
        processes.append(process)
    return sorted(processes, key=lambda p: STAGES.index(p.stage))


class Engine:
    """Advances one plate.

    Args:
        spec: the resolved run.
        backend: what runs the row functions.
        processes: the mechanisms in order; default all that are installed, less those switched off in the experiment.
        check_each: check the ledger after every process that wrote mitochondria, not once per macro-step.

    Attributes:
        world: the state.
        tick: time now [s].
    """

    def __init__(self, spec: PlateSpec, backend: Any, *, processes: list[Process] | None = None, check_each: bool = False) -> None:
        self.spec = spec
        self.check_each = check_each
        listed = load_processes() if processes is None else processes
        self.processes = [p for p in listed if p.at_work(spec)]
        self.treatments = Treatments(spec)
        self.world: World = build_world(spec, backend)
        self.world.events = allocate_events(max(4096, 4 * self.world.n_cells))
        for p in self.processes:
            self.world.parameters[p.name] = parameters_of(p.name, p.parameters, spec)
        self.tick = 0
        self.on_events: Callable[[EventBuffer], None] | None = None
        self.n_handovers = 0
        for p in self.processes:
            if p.prepare is not None:
                p.prepare(self.world, self.world.parameters[p.name])

    # ------------------------------------------------------------------ clocks
    @cached_property
    def _intervals(self) -> dict[str, int]:
        return {"macro": self.spec.macro_step, "mitochondria": self.spec.mitochondria_step, "quality": self.spec.quality_step}

    def step_of(self, clock: str, tick: int) -> Step:
        """The clock as processes of that clock see it at ``tick``."""
        return Step(tick // self.spec.macro_step, tick, float(tick), float(self._intervals[clock]))

    def _due(self, tick: int) -> dict[str, Step]:
        """The clocks whose processes are due at ``tick``."""
        return {clock: self.step_of(clock, tick) for clock, interval in self._intervals.items() if tick % interval == 0}

    # ------------------------------------------------------------------ running
    def burn_in(self, seconds: int = BURN_IN) -> None:
        """Let fields, energetics, signals, positions and networks settle before time zero, without treatments; open the ledger."""
        self.treatments.apply(self.world, -1e18, -1.0, first=True)
        start = -seconds
        settling = [p for p in self.processes if p.stage in BURN_IN_STAGES or p.name in BURN_IN_ALSO]
        for tick in range(start, 0, self.spec.macro_step):
            due = self._due(tick)
            for p in settling:
                first_time = tick == start and p.stage in BURN_IN_STAGES
                step = due.get(p.clock)
                if step is None and first_time:
                    step = self.step_of(p.clock, tick)
                if step is not None:
                    p.advance(self.world, step, self.world.parameters[p.name])
        self.world.events = allocate_events(len(self.world.events.kind))
        self.world.ledger.open(self.world)
        self.treatments.apply(self.world, -1.0, 0.0, first=True)

    def advance(self) -> None:
        """One macro-step: stages 1 to 9 and 11 of the list above."""
        world, tick = self.world, self.tick
        world.tick = tick
        if tick > 0:
            self.treatments.apply(world, float(tick - self.spec.macro_step), float(tick))
        written_by: list[str] = []
        due = self._due(tick)
        for p in self.processes:
            step = due.get(p.clock)
            if step is None:
                continue
            asked = p.writes_mitochondria and p.clock == "macro"  # only then: a look at the log waits for the launches before
            before = world.n_events if asked else 0
            p.advance(world, step, world.parameters[p.name])
            if p.writes_mitochondria and (not asked or world.n_events != before):
                written_by.append(p.name)
                if self.check_each:
                    world.ledger.check(world, p.name, tick)
        if written_by and not self.check_each:
            world.ledger.check(world, ", ".join(written_by), tick)
        self._flush_events()
        if tick % TIDY == 0 and not world.backend.own_memory and world.scatter() > SCATTERED:
            world.sort_pages()
        self.tick = tick + self.spec.macro_step
        world.tick = self.tick

    def _flush_events(self) -> None:
        world, backend = self.world, self.world.backend
        n = world.n_events
        refused = int(world.events.count[1])
        if refused:
            raise OverflowStop(
                f"{refused} events of one macro-step did not fit the buffer of {len(world.events.kind)}: a process did not reserve room"
            )
        if n:
            names = [name for name in EventBuffer._fields if name != "count"]
            found = dict(zip(names, backend.read(slice(0, n), *(getattr(world.events, name) for name in names)), strict=True))
            if world.event_shares:
                rows = rows_logged(world, found["time"])
                found = {name: column[rows] for name, column in found.items()}
                world.event_shares.clear()
            happened = EventBuffer(**found, count=np.array([len(found["kind"]), 0]))
            self.n_handovers += int((happened.kind == 0).sum())
            if self.on_events is not None and len(happened.kind):
                self.on_events(happened)
            world.events.count[:] = 0
            backend.push(world.events.count)
        wanted = max(4096, 8 * n)
        if wanted > len(world.events.kind):
            world.events = allocate_events(wanted)
            backend.replaced(world.events)

    @property
    def finished(self) -> bool:
        """Whether the end of the experiment has been reached."""
        return self.tick >= self.spec.until


__all__ = ["BUILT_IN", "Engine", "load_processes"]
