"""What each shipped experiment uses: agents and cell types of its arms, processes at work, findings.

To know it, every experiment is read, checked and resolved, which takes seconds for some hundred files. So it is kept in the
cache, in one file per model: its name is a mark of the code and data of the package and of the library as loaded, and in it
each experiment stands under a mark of its text. Where a process of another package says when it is wanted it is not kept: that
code has no mark.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitoferry.base.cache import keep, kept_file, read_kept
from mitoferry.core.process import Process
from mitoferry.experiment.cards import finding_text
from mitoferry.experiment.digest import model_digest
from mitoferry.experiment.mechanisms import Mechanism, all_acting, foreign, processes
from mitoferry.experiment.names import Library, load_library
from mitoferry.experiment.parts import Injury
from mitoferry.experiment.prepared import dishes_in
from mitoferry.experiment.reader import parse_experiment, shipped
from mitoferry.experiment.schema import Experiment, Plan
from mitoferry.experiment.tree import read_text

FOLDER = "uses"
Known = Mapping[tuple[str, str], frozenset[str]]


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
class Use:
    """What an experiment uses.

    Attributes:
        experiment: its name.
        arms: by name, in the order of the file.
        off: processes that its file switches off.
        idle: processes that nothing in it needs.
        findings: arm, arm that it is compared with (None if with none) and words of each finding.
    """

    experiment: str
    arms: Mapping[str, ArmUse]
    off: frozenset[str]
    idle: frozenset[str]
    findings: tuple[tuple[str, str | None, str], ...]


def known_places() -> Known:
    """Places that each agent of the library changes, by kind and name."""
    return {(a.kind, a.name): a.places for a in all_acting()}


def _places(action: Any, known: Known) -> tuple[str, frozenset[str]] | None:
    """Name of an injury or treatment, and what it changes; None for a wash."""
    if isinstance(action, Injury):
        return action.do, known.get(("injury", action.do)) or known.get(("drug", action.do), frozenset())
    if action.drug is not None:
        return action.drug, known.get(("drug", action.drug)) or known.get(("injury", action.drug), frozenset())
    if action.gene is not None:
        record = load_library().gene(action.gene, action.change)
        return (record.name, known["gene", record.name]) if record is not None else None
    if action.mitochondria is not None:
        return f"mitochondria of {action.mitochondria.type}", frozenset()
    if action.medium is not None:
        changed = tuple(action.medium.values())
        return "medium with other " + ", ".join(changed), frozenset(changed)
    return None


def arm_use(experiment: Experiment, name: str, plan: Plan, known: Known) -> ArmUse:
    """What is done in an arm; ``known``: places that the agents of the library change."""
    agents: dict[str, frozenset[str]] = {}
    plans = [plan, *(dish.plan for dish in dishes_in(plan))]
    for action in (x for p in plans for x in (*p.injury, *p.treat)):
        found = _places(action, known)
        if found is not None:
            agents[found[0]] = found[1]
    for drug in (name for p in plans for name in p.well.medium.extras):
        agents[drug] = next((places for (_, name), places in known.items() if name == drug), frozenset())
    base = experiment.well.medium.values()
    other = {k for k, v in plan.well.medium.values().items() if base.get(k) != v}
    if other:
        agents["medium with other " + ", ".join(sorted(other))] = frozenset(other)
    types = [c.type for p in plans for c in p.cells.values()]
    types += [t.mitochondria.type for p in plans for t in p.treat if t.mitochondria is not None]
    return ArmUse(experiment=experiment.name, arm=name, agents=agents, types=frozenset(types))


def _use_of(experiment: Experiment, known: Known) -> Use:
    from mitoferry.experiment.resolve import resolve

    spec = resolve(experiment)
    return Use(
        experiment=experiment.name,
        arms={name: arm_use(experiment, name, plan, known) for name, plan in experiment.plans.items()},
        off=frozenset(name for name, value in experiment.switches.items() if value == "off"),
        idle=frozenset(p.name for p in processes() if p.wanted is not None and not p.wanted(spec)),
        findings=tuple((x.arm, x.versus, finding_text(x)) for x in experiment.expect),
    )


@dataclass(slots=True)
class _Last:
    """What was made last in this process, and of what."""

    library: Any = None
    files: Any = None
    processes: Any = None
    uses: tuple[Use, ...] = ()


_last = _Last()


def shipped_uses() -> tuple[Use, ...]:
    """Uses of all shipped experiments, by name; made again when the library, the processes or a file has changed."""
    library, listed = load_library(), processes()
    files = {name: (path, path.stat().st_mtime_ns) for name, path in sorted(shipped().items())}
    if not (_last.library is library and _last.processes == listed and _last.files == files):
        _last.uses = _made({name: path for name, (path, _) in files.items()}, library, listed)
        _last.library, _last.processes, _last.files = library, listed, files
    return _last.uses


def _made(files: Mapping[str, Path], library: Library, listed: list[Process]) -> tuple[Use, ...]:
    """Uses from the cache, and of experiments that are new there; these are added to it."""
    own = not any(foreign(p) and p.wanted is not None for p in listed)
    path = kept_file(FOLDER, f"{model_digest()} {library!r} {[p.name for p in listed if p.wanted is not None]}")
    try:
        kept = read_kept(path) if own else {}
    except LookupError:
        kept = {}
    texts = {name: read_text(file) for name, file in files.items()}
    marks = {name: hashlib.sha256(f"{name}\n{text}".encode()).hexdigest() for name, text in texts.items()}
    known = known_places()
    made = {n: _use_of(parse_experiment(texts[n], file.name, name=n), known) for n, file in files.items() if marks[n] not in kept}
    if made and own:
        keep(path, json.dumps({marks[n]: _to_plain(made[n]) if n in made else kept[marks[n]] for n in files}))
    return tuple(made[n] if n in made else _from_plain(n, kept[marks[n]]) for n in files)


def _to_plain(use: Use) -> dict[str, Any]:
    arms = {
        name: {"agents": {a: sorted(places) for a, places in arm.agents.items()}, "types": sorted(arm.types)}
        for name, arm in use.arms.items()
    }
    return {"arms": arms, "off": sorted(use.off), "idle": sorted(use.idle), "findings": use.findings}


def _from_plain(name: str, plain: Mapping[str, Any]) -> Use:
    arms = {
        arm: ArmUse(experiment=name, arm=arm, agents={a: frozenset(p) for a, p in x["agents"].items()}, types=frozenset(x["types"]))
        for arm, x in plain["arms"].items()
    }
    findings = tuple((arm, versus, text) for arm, versus, text in plain["findings"])
    return Use(experiment=name, arms=arms, off=frozenset(plain["off"]), idle=frozenset(plain["idle"]), findings=findings)
