"""Where the shipped experiments use what the library holds: cell types, and the agents of each arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mitoferry.experiment.cards import finding_text
from mitoferry.experiment.mechanisms import Mechanism, all_acting, processes
from mitoferry.experiment.parts import Injury
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.schema import Experiment, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmUse:
    """What is done in one arm: per agent or medium change the places (nodes, substances) of the mechanism that it changes."""

    experiment: str
    arm: str
    agents: Mapping[str, frozenset[str]]
    types: frozenset[str]

    def touching(self, mechanism: Mechanism) -> frozenset[str]:
        """Agents of the arm that act on a mechanism."""
        places = {*mechanism.nodes, *mechanism.species}
        return frozenset(name for name, changed in self.agents.items() if changed & places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """In which shipped experiments a mechanism is at work.

    Attributes:
        runs: those in which it runs, and in which ``switches`` can leave it out.
        off: those whose file switches it off.
        idle: those that have no use for it (no cell or agent of theirs needs it), so that it is left out by itself.
        alone: those in which it runs while most others of its stage are switched off.
    """

    runs: tuple[str, ...]
    off: tuple[str, ...]
    idle: tuple[str, ...]
    alone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a shipped experiment has to do with a mechanism.

    Attributes:
        experiment: its name.
        arms: arms by the agents that act on the mechanism in them.
        n_arms: arms that it has.
        findings: findings that compare arms which differ in these agents, in words.
    """

    experiment: str
    arms: Mapping[tuple[str, ...], tuple[str, ...]]
    n_arms: int
    findings: tuple[str, ...]


@cache
def _known() -> Mapping[tuple[str, str], frozenset[str]]:
    """Places that each agent of the library changes, by kind and name."""
    return {(a.kind, a.name): a.places for a in all_acting()}


def _places(action: Any) -> tuple[str, frozenset[str]] | None:
    """Name of an injury or treatment, and what it changes; None for a wash."""
    known = _known()
    if isinstance(action, Injury):
        return action.do, known.get(("injury", action.do)) or known.get(("drug", action.do), frozenset())
    if action.drug is not None:
        return action.drug, known.get(("drug", action.drug)) or known.get(("injury", action.drug), frozenset())
    if action.gene is not None:
        from mitoferry.experiment.names import load_library

        record = load_library().gene(action.gene, action.change)
        return (record.name, known["gene", record.name]) if record is not None else None
    if action.mitochondria is not None:
        return f"mitochondria of {action.mitochondria.type}", frozenset()
    if action.medium is not None:
        changed = tuple(action.medium.values())
        return "medium with other " + ", ".join(changed), frozenset(changed)
    return None


def _arm(experiment: Experiment, name: str, plan: Plan) -> ArmUse:
    agents: dict[str, frozenset[str]] = {}
    for action in (*plan.injury, *plan.treat):
        found = _places(action)
        if found is not None:
            agents[found[0]] = found[1]
    for drug in plan.well.medium.extras:
        agents[drug] = next((places for (_, name), places in _known().items() if name == drug), frozenset())
    base = experiment.well.medium.values()
    other = {k for k, v in plan.well.medium.values().items() if base.get(k) != v}
    if other:
        agents["medium with other " + ", ".join(sorted(other))] = frozenset(other)
    types = [c.type for c in plan.cells.values()] + [t.mitochondria.type for t in plan.treat if t.mitochondria is not None]
    return ArmUse(experiment=experiment.name, arm=name, agents=agents, types=frozenset(types))


@cache
def _shipped() -> tuple[tuple[Experiment, Mapping[str, ArmUse]], ...]:
    read = (load_experiment(name) for name in sorted(shipped()))
    return tuple((e, {name: _arm(e, name, plan) for name, plan in e.plans.items()}) for e in read)


def agents_of_arms(experiment: Experiment) -> dict[str, frozenset[str]]:
    """Agents given in the arms of an experiment, and the places (nodes, substances) that each changes."""
    found: dict[str, frozenset[str]] = {}
    for name, plan in experiment.plans.items():
        found |= _arm(experiment, name, plan).agents
    return found


def arms_of_shipped() -> Iterator[ArmUse]:
    """Every arm of every shipped experiment."""
    for _, arms in _shipped():
        yield from arms.values()


def experiments_with_type(name: str) -> list[str]:
    """Shipped experiments in which a cell type takes part."""
    return sorted({arm.experiment for arm in arms_of_shipped() if name in arm.types})


def experiments_with_agent(name: str) -> list[str]:
    """Shipped experiments in which a drug, gene change or injury is given."""
    return sorted({arm.experiment for arm in arms_of_shipped() if name in arm.agents})


def touched_by(mechanism: Mechanism) -> list[Touched]:
    """Shipped experiments that switch a mechanism off, or in which an agent acts on it, with the findings that hinge on that."""
    found = []
    for experiment, arms in _shipped():
        touching = {name: arm.touching(mechanism) for name, arm in arms.items()}
        if experiment.switches.get(mechanism.name) == "off":
            touching = dict.fromkeys(arms, frozenset({"switched off"}))
        by_agents: dict[tuple[str, ...], tuple[str, ...]] = {}
        for name, agents in touching.items():
            if agents:
                key = tuple(sorted(agents))
                by_agents[key] = (*by_agents.get(key, ()), name)
        if not by_agents:
            continue
        hinge = tuple(
            finding_text(x) for x in experiment.expect if x.versus in touching and touching.get(x.arm, frozenset()) != touching[x.versus]
        )
        found.append(Touched(experiment=experiment.name, arms=by_agents, n_arms=len(arms), findings=hinge))
    return found


@cache
def _spec(name: str) -> Any:
    from mitoferry.experiment.resolve import resolve

    return resolve(next(e for e, _ in _shipped() if e.name == name))


def presence_of(mechanism: Mechanism) -> Presence:
    """In which shipped experiments a mechanism runs, is switched off, or is left out because nothing needs it."""
    process = next(p for p in processes() if p.name == mechanism.name)
    others = [p.name for p in processes() if p.stage == mechanism.stage and p.name != mechanism.name]
    found: dict[str, list[str]] = {"runs": [], "off": [], "idle": [], "alone": []}
    for experiment, _ in _shipped():
        if experiment.switches.get(mechanism.name) == "off":
            found["off"].append(experiment.name)
        elif process.wanted is not None and not process.wanted(_spec(experiment.name)):
            found["idle"].append(experiment.name)
        else:
            found["runs"].append(experiment.name)
            n_off = sum(experiment.switches.get(name) == "off" for name in others)
            if n_off > 1 and n_off >= len(others) - 2:
                found["alone"].append(experiment.name)
    return Presence(**{k: tuple(v) for k, v in found.items()})
