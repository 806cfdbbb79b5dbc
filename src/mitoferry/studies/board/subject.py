"""How to look for hinges (:class:`Probe`), and a card under examination with its variants (:class:`Subject`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.names import nearest
from mitoferry.library.draws import draw_parameters
from mitoferry.library.parameters import ParameterRecord, find, load_parameters
from mitoferry.studies.board.hinges import Reading, reading_of
from mitoferry.studies.board.plan import Job
from mitoferry.studies.board.sensitivity import DEFAULT, check_design, salib
from mitoferry.studies.board.work import finished
from mitoferry.studies.results import Results

OAT = "oat"
TAGS = ("M", "O", "C", "S", "F")
ENDS = ("low", "high")
GROUP_DRAWS = 3
CHANCE_PLATES = 2
CHANCE_SEED = 40_000
Readings = dict[str, Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How to look.

    Attributes:
        method: "oat", "morris" or "sobol".
        tags: of the parameters that are moved; by default the modelling choices.
        pattern: only parameters that match (part of a name, shell wildcards); "" = all.
        wells: wells per arm; 0 = those of the board.
        trajectories: of a design; 0 = the default of the method.
        everything: no screening.
    """

    method: str = OAT
    tags: tuple[str, ...] = ("C",)
    pattern: str = ""
    wells: int = 0
    trajectories: int = 0
    everything: bool = False

    def checked(self) -> Probe:
        """The same with its defaults filled in.

        Raises:
            InputError: an option that makes no sense, or SALib is missing.
        """
        problems = [
            Problem("robustness", "--tags", "some of " + ", ".join(TAGS), repr(t), hint=nearest(t, TAGS))
            for t in self.tags
            if t not in TAGS
        ]
        if not self.tags:
            problems.append(Problem("robustness", "--tags", "some of " + ", ".join(TAGS), "none"))
        if self.wells < 0 or self.wells == 1:
            problems.append(Problem("robustness", "--wells", "2 or more: one well has no interval", str(self.wells)))
        if self.method == OAT and self.trajectories:
            problems.append(Problem("robustness", "--trajectories", "a design: --method morris or sobol", self.method))
        if self.pattern and not find(self.pattern):
            hint = nearest(self.pattern, load_parameters())
            problems.append(Problem("robustness", "--parameters", "part of the name of a parameter", repr(self.pattern), hint=hint))
        if problems:
            raise InputError(problems)
        if self.method == OAT:
            return self
        probe = replace(self, trajectories=self.trajectories or DEFAULT.get(self.method, 0))
        check_design(probe.method, probe.trajectories)
        salib(f"sample.{probe.method}")
        return probe


@dataclass(slots=True)
class Subject:
    """A card under examination: its base plate, what it read, and what may be moved.

    Attributes:
        key: of the card; ``job`` its base plate with the arms that its findings need.
        before: readings at the values of the library.
        records: parameters that may be moved, by name; ``kept`` those that the screening left.
    """

    key: str
    job: Job
    folder: Path
    suffix: str
    before: Readings
    records: Mapping[str, ParameterRecord]
    kept: tuple[str, ...] = ()

    @property
    def groups(self) -> dict[str, list[str]]:
        """Names of the parameters by mechanism."""
        found: dict[str, list[str]] = {}
        for name, r in self.records.items():
            found.setdefault(r.process, []).append(name)
        return found

    def variant(self, name: str, parameters: Mapping[str, float] | None = None, seed: int | None = None) -> Job:
        """The base plate with these parameters, under this name."""
        seed = self.job.seed if seed is None else seed
        return replace(self.job, variant=name + self.suffix, parameters=dict(parameters or {}), seed=seed)

    def end_value(self, parameter: str, end: str) -> float:
        """An end of the range of a parameter."""
        return self.records[parameter].range[ENDS.index(end)]

    def end(self, parameter: str, end: str) -> Job:
        """One parameter at an end of its range."""
        return self.variant(f"{OAT}-{parameter}-{end}", {parameter: self.end_value(parameter, end)})

    def draw(self, group: str, k: int) -> Job:
        """Draw ``k`` of all parameters of a mechanism together."""
        drawn = draw_parameters(GROUP_DRAWS, self.job.seed, [group])[k]
        return self.several(f"group-{group}", {n: x for n, x in drawn.items() if n in self.records})

    def several(self, name: str, parameters: Mapping[str, float]) -> Job:
        """Several parameters moved together: the name bears the digest of their values."""
        digest = hashlib.sha256(json.dumps(dict(parameters), sort_keys=True).encode()).hexdigest()[:10]
        return self.variant(f"{name}-{digest}", parameters)

    def chance(self) -> list[Job]:
        """The plate as it is, in wells of other seeds."""
        return [self.variant(f"{OAT}-chance-{k}", seed=self.job.seed + CHANCE_SEED + k) for k in range(CHANCE_PLATES)]

    def read(self, job: Job) -> Readings | None:
        """Readings of a variant; ``None`` where it failed."""
        return readings(Results(job.folder(self.folder))) if finished(job, self.folder) else None


def readings(r: Results) -> Readings:
    """Every finding of a run."""
    return {f.finding: reading_of(f) for f in r.findings()}


__all__ = ["CHANCE_PLATES", "ENDS", "GROUP_DRAWS", "OAT", "TAGS", "Probe", "Readings", "Subject", "readings"]
