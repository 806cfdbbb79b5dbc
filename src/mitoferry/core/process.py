"""What a process is: one biological mechanism, advanced step by step over the whole plate.

A module under ``processes/`` holds one mechanism: a ``Parameters`` NamedTuple (floats; field names are the parameter
names of the library after the dot), row functions, and ``PROCESS = Process(...)`` whose ``advance`` runs them on the
world's backend. A third party ships a process from its own package by an entry point of the group
``mitoferry.processes`` that resolves to such a ``Process``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

STAGES = ("fields", "energetics", "signals", "motion", "links", "vesicles", "quality", "fate")
CLOCKS = ("macro", "mitochondria", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One mechanism.

    Attributes:
        name: the name that a biologist would search for; also the prefix of its parameters in the library.
        stage: where in the macro-step it runs (:data:`STAGES`, in this order; within a stage in order of listing).
        clock: "macro", "mitochondria" or "quality": how often it runs; ``step.dt`` is that clock's interval.
        parameters: NamedTuple class of its parameters.
        advance: ``advance(world, step, parameters)`` runs one step.
        writes_mitochondria: the ledger is checked right after it.
        switch: name by which it can be left out of a run, empty for those that always run.
        prepare: called once with the world before the run.
        wanted: whether an experiment uses it, from the resolved run; None = always. What is not wanted is neither run
            nor compiled.
    """

    name: str
    stage: str
    clock: str
    parameters: Any
    advance: Callable[[World, Step, Any], None]
    writes_mitochondria: bool = False
    switch: str = ""
    prepare: Callable[[World, Any], None] | None = None
    wanted: Callable[[PlateSpec], bool] | None = None

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ValueError(f"process {self.name}: stage {self.stage!r} is none of {', '.join(STAGES)}")
        if self.clock not in CLOCKS:
            raise ValueError(f"process {self.name}: clock {self.clock!r} is none of {', '.join(CLOCKS)}")

    def at_work(self, spec: PlateSpec) -> bool:
        """Whether it runs in a resolved run: not switched off, and wanted."""
        return spec.switches.get(self.name) != "off" and (self.wanted is None or self.wanted(spec))
