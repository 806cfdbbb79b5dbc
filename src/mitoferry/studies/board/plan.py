"""Cards to jobs: which plates a board runs.

A **job** is one plate: a card, a variant (``base``; ``draw-007``: all parameters drawn from their ranges; ``without-...``: a
route or the paracrine arm switched off), arms, wells and seed. Two cards that describe the same well share it: the arm is
run with the first card, and the second reads it from there. Shares of the work for several machines are whole cards.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.plate_spec import Action, Arm, PlateSpec, spec_to_plain
from mitoferry.experiment.names import nearest
from mitoferry.studies.board.setting import Setting, cost_of, fitted

RUNS = "runs"
BASE = "base"
DRAW_SEED = 20_000
"""Wells of a draw have seeds of their own, so that the draws hold fresh wells: seed of the board + this + number of the draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One plate of a board.

    Attributes:
        card: key of the card, the name of its experiment.
        variant: "base", "draw-003", "without-nanotubes".
        arms: arms to run.
        replicates: wells per arm.
        seed: of the random numbers.
        parameters: values that replace those of the library, by name, in the unit of the record.
        switches: processes that are switched off.
        silenced: nodes that are zero in all cells from time zero on.
        share: share of the cells of the card's file that its wells hold, the same in every variant.
        cost: what it will cost, in mitochondrion-steps.
    """

    card: str
    variant: str = BASE
    arms: tuple[str, ...]
    replicates: int
    seed: int
    parameters: Mapping[str, float] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()
    share: float = 1.0
    cost: float = 0.0

    def folder(self, board: Path) -> Path:
        """Where its run lies."""
        return board / RUNS / self.card / self.variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """An arm that another card has run: ``arm`` of this card is ``their_arm`` of ``card``."""

    arm: str
    card: str
    their_arm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCard:
    """What is done with a card.

    Attributes:
        key: of the card.
        status: "run", "over budget", "not simulable", "no file".
        why: a sentence where it is not run.
        job: its base plate.
        borrowed: arms that another card runs.
        share: share of the cells of the file that its wells hold.
        cost: what its whole base plate costs in mitochondrion-steps, with borrowed arms.
    """

    key: str
    status: str
    why: str = ""
    job: Job | None = None
    borrowed: tuple[Borrowed, ...] = ()
    share: float = 1.0
    cost: float = 0.0


@cache
def known_cards() -> Mapping[str, Any]:
    """Every card of the evidence by its key, in order."""
    from mitoferry.evidence import cards

    return {c.key: c for c in cards()}


@cache
def experiment_of(card: str) -> Any:
    """The experiment of a card, read and checked once per process."""
    from mitoferry.experiment.reader import load_experiment

    return load_experiment(card)


def base_spec(card: str, *, replicates: int, seed: int, budget: float) -> tuple[PlateSpec, float]:
    """The base plate of a card within a budget, and the share of its cells that is left."""
    from mitoferry.experiment.resolve import resolve

    spec, share = fitted(resolve(experiment_of(card), replicates=replicates, seed=seed), budget)
    return replace(spec, save_every=spec.until), share


def spec_of(job: Job) -> PlateSpec:
    """The plate of a job."""
    from mitoferry.experiment.resolve import resolve
    from mitoferry.studies.board.setting import shrunk

    experiment = experiment_of(job.card)
    if job.parameters:
        known = {k: v for k, v in job.parameters.items() if k not in experiment.parameters}
        experiment = experiment.model_copy(update={"parameters": {**experiment.parameters, **known}})
    spec = resolve(experiment, replicates=job.replicates, seed=job.seed, arms=job.arms)
    off = dict.fromkeys(job.switches, "off")
    arms = tuple(_without(arm, job.silenced) for arm in spec.arms)
    spec = replace(spec, arms=arms, switches={**spec.switches, **off}, save_every=spec.until)
    return shrunk(spec, job.share) if job.share < 1.0 else spec


def _without(arm: Arm, nodes: Sequence[str]) -> Arm:
    """An arm with nodes that are zero in all its cells."""
    everyone = tuple(p.index for p in arm.populations)
    off = tuple(Action(kind="node", key=n, value=0.0, start=0.0, end=math.inf, populations=everyone) for n in nodes)
    return replace(arm, actions=arm.actions + off)


def well_key(spec: PlateSpec, arm: Arm) -> str:
    """A mark that two arms share when their wells are the same in everything but names and notes."""
    labelled = sorted({(p.genetic_label, p.tracker > 0.0) for a in spec.every_arm for p in a.sources})
    dishes = tuple(
        replace(d, name=d.name.removeprefix(arm.name), prepares=replace(d.prepares, arm=""))
        for d in spec.dishes
        if d.prepares is not None and d.prepares.arm == arm.name
    )
    plain = spec_to_plain(replace(spec, name="", arms=(replace(arm, name=""), *dishes), left_out=(), measurements=(), detail=()))
    plain.pop("checkpoint_every")
    digest = hashlib.sha256(json.dumps([_without_causes(plain), labelled], sort_keys=True).encode())
    return digest.hexdigest()


def _without_causes(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_causes(v) for k, v in value.items() if k != "cause"}
    return [_without_causes(v) for v in value] if isinstance(value, list) else value


def measured_key(spec: PlateSpec) -> frozenset[str]:
    """Everything that a plate measures, as marks that can be compared."""
    return frozenset(json.dumps([m.assay, m.of, m.dish, m.times, sorted(m.options.items())], default=str) for m in spec.measurements)


def plan_cards(keys: Sequence[str], setting: Setting, *, seed: int) -> list[PlannedCard]:
    """What is done with each card, in the order given: its base plate, and arms that an earlier card runs already.

    Raises:
        InputError: no such card.
    """
    known = known_cards()
    unknown = [k for k in keys if k not in known]
    if unknown:
        raise InputError([Problem("reproduce", "card", "the key of a card", repr(k), hint=nearest(k, known)) for k in unknown])
    planned: list[PlannedCard] = []
    seen: dict[str, tuple[str, str, frozenset[str]]] = {}
    for key in keys:
        planned.append(_planned(known[key], setting, seed, seen))
    return planned


def _planned(card: Any, setting: Setting, seed: int, seen: dict[str, tuple[str, str, frozenset[str]]]) -> PlannedCard:
    from mitoferry.experiment.reader import shipped

    if card.simulable == "not_simulable":
        return PlannedCard(key=card.key, status="not simulable", why=card.simulable_note or "no reason is given")
    if card.key not in shipped():
        return PlannedCard(key=card.key, status="no file", why="no experiment file is shipped for this card")
    spec, share = base_spec(card.key, replicates=setting.wells, seed=seed, budget=setting.budget)
    cost, measured = cost_of(spec), measured_key(spec)
    if cost > 2.0 * setting.budget:
        why = f"its smallest wells would cost {cost / setting.budget:.1f} times what a card may; run it in the full setting"
        return PlannedCard(key=card.key, status="over budget", why=why, share=share, cost=cost)
    borrowed, own = [], []
    for arm in spec.main_arms:
        mark = well_key(spec, arm)
        theirs = seen.get(mark)
        if theirs is not None and measured <= theirs[2]:
            borrowed.append(Borrowed(arm=arm.name, card=theirs[0], their_arm=theirs[1]))
        else:
            own.append(arm.name)
            seen.setdefault(mark, (card.key, arm.name, measured))
    own_cost = cost_of(spec, len(own))
    job = Job(card=card.key, arms=tuple(own), replicates=setting.wells, seed=seed, share=share, cost=own_cost)
    return PlannedCard(key=card.key, status="run", job=job if own else None, borrowed=tuple(borrowed), share=share, cost=cost)


def draw_jobs(base: Job, first: int, last: int, *, seed: int, arms: Iterable[str]) -> list[Job]:
    """Jobs of the draws ``first`` to ``last - 1`` of a card: one well per arm each, all parameters from their ranges."""
    from mitoferry.library.draws import draw_parameters

    names = tuple(arms)
    cost = base.cost / base.replicates * len(names) / max(len(base.arms), 1)
    return [
        Job(
            card=base.card, variant=f"draw-{k:03d}", arms=names, replicates=1, seed=seed + DRAW_SEED + k, share=base.share, cost=cost,
            parameters=draw_parameters(1, seed + k, method="plain")[0],
        )
        for k in range(first, last)
    ]  # fmt: skip


def shard_of(planned: Sequence[PlannedCard], index: int, of: int) -> list[str]:
    """Keys of the cards of one shard: whole cards, dealt so that shards cost about the same.

    Args:
        planned: all cards.
        index: 1 to ``of``.
        of: number of shards.

    Raises:
        InputError: no such shard.
    """
    if not 1 <= index <= of:
        raise InputError(Problem("reproduce", "shard", "i/n with i from 1 to n", f"{index}/{of}"))
    load = [0.0] * of
    mine = set()
    for card in sorted(planned, key=lambda c: (-c.cost, c.key)):
        k = min(range(of), key=lambda i: (load[i], i))
        load[k] += card.cost
        if k == index - 1:
            mine.add(card.key)
    return [c.key for c in planned if c.key in mine]
