"""Where the shipped experiments use what the library holds: cell types, and the agents of each arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mitoferry.experiment.mechanisms import Mechanism, processes
from mitoferry.experiment.schema import Experiment
from mitoferry.experiment.shipped_uses import ArmUse, arm_use, known_places, shipped_uses


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


def agents_of_arms(experiment: Experiment) -> dict[str, frozenset[str]]:
    """Agents given in the arms of an experiment, and the places (nodes, substances) that each changes."""
    found: dict[str, frozenset[str]] = {}
    known = known_places()
    for name, plan in experiment.plans.items():
        found |= arm_use(experiment, name, plan, known).agents
    return found


def arms_of_shipped() -> Iterator[ArmUse]:
    """Every arm of every shipped experiment."""
    for use in shipped_uses():
        yield from use.arms.values()


def experiments_with_type(name: str) -> list[str]:
    """Shipped experiments in which a cell type takes part."""
    return sorted({arm.experiment for arm in arms_of_shipped() if name in arm.types})


def experiments_with_agent(name: str) -> list[str]:
    """Shipped experiments in which a drug, gene change or injury is given."""
    return sorted({arm.experiment for arm in arms_of_shipped() if name in arm.agents})


def touched_by(mechanism: Mechanism) -> list[Touched]:
    """Shipped experiments that switch a mechanism off, or in which an agent acts on it, with the findings that hinge on that."""
    found = []
    for use in shipped_uses():
        touching = {name: arm.touching(mechanism) for name, arm in use.arms.items()}
        if mechanism.name in use.off:
            touching = dict.fromkeys(use.arms, frozenset({"switched off"}))
        by_agents: dict[tuple[str, ...], tuple[str, ...]] = {}
        for name, agents in touching.items():
            if agents:
                key = tuple(sorted(agents))
                by_agents[key] = (*by_agents.get(key, ()), name)
        if not by_agents:
            continue
        hinge = tuple(
            text for arm, versus, text in use.findings if versus in touching and touching.get(arm, frozenset()) != touching[versus]
        )
        found.append(Touched(experiment=use.experiment, arms=by_agents, n_arms=len(use.arms), findings=hinge))
    return found


def presence_of(mechanism: Mechanism) -> Presence:
    """In which shipped experiments a mechanism runs, is switched off, or is left out because nothing needs it."""
    others = [p.name for p in processes() if p.stage == mechanism.stage and p.name != mechanism.name]
    found: dict[str, list[str]] = {"runs": [], "off": [], "idle": [], "alone": []}
    for use in shipped_uses():
        if mechanism.name in use.off:
            found["off"].append(use.experiment)
        elif mechanism.name in use.idle:
            found["idle"].append(use.experiment)
        else:
            found["runs"].append(use.experiment)
            n_off = sum(name in use.off for name in others)
            if n_off > 1 and n_off >= len(others) - 2:
                found["alone"].append(use.experiment)
    return Presence(**{k: tuple(v) for k, v in found.items()})
