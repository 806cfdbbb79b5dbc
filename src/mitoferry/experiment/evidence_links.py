"""From a finding of the reviews to the parameters of the model, and back.

A record stands on cards; a card has an experiment file of the same name; its ``physics_needed`` and what its arms change stand for
mechanisms (``evidence/data/physics.json``, ``concepts.json``); a mechanism has parameters. :func:`links` follows this from either end:

    record -> cards -> experiments
              cards -> mechanisms -> parameters

Links by these tables are read without the model. What an experiment file itself does (the mechanisms that run in it, the agents of
its arms) is read from the file when :meth:`Links.uses` is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from mitoferry.base.errors import InputError, Problem
from mitoferry.evidence import files
from mitoferry.evidence.model import Card, CardFinding, Record
from mitoferry.evidence.words import mechanisms_changed, nearest
from mitoferry.experiment.reader import load_experiment, shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What belongs to a name, from the evidence to the model.

    Attributes:
        name: what was asked for.
        kind: "record", "finding", "card", "experiment", "mechanism" or "parameter".
        records: ids of records.
        cards: keys of cards.
        findings: ids of findings. Of a record: those that rest on it. Of a mechanism: those that compare arms of which one changes it.
        experiments: shipped experiments.
        mechanisms: mechanisms that the cards need or their arms change; of an experiment that is no card: those that run in it.
    """

    name: str
    kind: str
    records: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Parameters of the mechanisms, in the order of the library."""
        from mitoferry.library.parameters import load_parameters

        if self.kind == "parameter":
            return (self.name,)
        return tuple(n for n, r in load_parameters().items() if r.process in self.mechanisms)

    def uses(self) -> dict[str, Uses]:
        """What the files of the experiments do, by their names; reading one takes about a second."""
        return {name: uses_of(name) for name in self.experiments}

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.kind})"]
        for what in ("records", "cards", "findings", "experiments", "mechanisms"):
            names = getattr(self, what)
            if names:
                lines.append(f"  {what}: {', '.join(names)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What an experiment file does.

    Attributes:
        runs: mechanisms that run in it.
        acted_on: agents of its arms to the mechanisms that they act on.
    """

    runs: tuple[str, ...]
    acted_on: dict[str, tuple[str, ...]]


@cache
def uses_of(experiment: str) -> Uses:
    """The mechanisms that run in a shipped experiment, and those that the agents of its arms act on."""
    from mitoferry.experiment.mechanisms import mechanisms, processes
    from mitoferry.experiment.resolve import resolve
    from mitoferry.experiment.uses import agents_of_arms

    read = load_experiment(experiment)
    spec = resolve(read)
    runs = [p.name for p in processes() if p.at_work(spec)]
    acted = {
        agent: tuple(m.name for m in mechanisms().values() if places & {*m.nodes, *m.species})
        for agent, places in agents_of_arms(read).items()
    }
    return Uses(runs=tuple(runs), acted_on=acted)


# ---------------------------------------------------------------------- cards and mechanisms
def mechanisms_needed(card: Card) -> tuple[str, ...]:
    """Mechanisms that the terms of ``physics_needed`` of a card stand for, in their order."""
    return tuple(dict.fromkeys(m for term in card.physics_needed for m in files.physics()[term].mechanisms))


def mechanisms_of_finding(finding: CardFinding) -> tuple[str, ...]:
    """Mechanisms that one of the two arms of a finding changes and the other does not."""
    card = files.cards()[finding.card]
    arm, other, needed = card.arm(finding.arm), card.arm(finding.versus), mechanisms_needed(card)
    if arm is None or other is None:
        return ()
    return tuple(sorted(mechanisms_changed(arm, needed) ^ mechanisms_changed(other, needed)))


@cache
def mechanisms_of_card(key: str) -> tuple[str, ...]:
    """Mechanisms that a card needs or that one of its arms changes."""
    card = files.cards()[key]
    needed = mechanisms_needed(card)
    changed = sorted({m for a in card.arms for m in mechanisms_changed(a, needed)})
    return tuple(dict.fromkeys([*needed, *changed]))


@cache
def cards_of_mechanism(name: str) -> tuple[str, ...]:
    """Cards that need a mechanism, or an arm of which changes it."""
    return tuple(key for key in files.cards() if name in mechanisms_of_card(key))


@cache
def findings_of_mechanism(name: str) -> tuple[str, ...]:
    """Findings that compare arms of which one changes a mechanism."""
    return tuple(f.id for key in cards_of_mechanism(name) for f in files.cards()[key].expect if name in mechanisms_of_finding(f))


def records_of_card(card: Card) -> tuple[str, ...]:
    """Records that a card and its findings stand on."""
    return tuple(dict.fromkeys([*card.evidence, *(x for f in card.expect for x in f.evidence)]))


def _experiments(cards: Iterable[str]) -> tuple[str, ...]:
    there = shipped()
    return tuple(key for key in cards if key in there)


def _union(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(x for group in groups for x in group))


# ---------------------------------------------------------------------- by what is asked for
def links(name: str) -> Links:
    """What belongs to a record, finding, card, experiment, mechanism or parameter.

    Args:
        name: "bagheri2020-087", "msc-huvec-ogd#5", "msc-huvec-ogd", "route-gap-junction", "nanotube_search" or
            "nanotube_search.capture_probability".

    Raises:
        InputError: there is nothing of that name; the message names the nearest.
    """
    if name in files.records():
        return _of_record(files.records()[name])
    if name in files.findings():
        return _of_finding(files.findings()[name])
    if name in files.cards():
        return _of_card(files.cards()[name])
    if name in shipped():
        return _of_experiment(name)
    from mitoferry.experiment.mechanisms import mechanisms

    if name in mechanisms():
        return _of_mechanism(name, name, "mechanism")
    if (process := _process_of(name)) is not None:
        return _of_mechanism(name, process, "parameter")
    known = [*files.cards(), *files.records(), *files.findings(), *mechanisms(), *shipped()]
    wanted = "a record, finding, card, experiment, mechanism or parameter"
    raise InputError(Problem("evidence", "name", wanted, repr(name), hint=nearest(name, known) or "Words are searched with --about"))


def _process_of(parameter: str) -> str | None:
    from mitoferry.library.parameters import load_parameters

    record = load_parameters().get(parameter) if "." in parameter else None
    return None if record is None else record.process


def _of_record(record: Record) -> Links:
    cards = files.cards_of_record().get(record.id, ())
    resting = tuple(f.id for key in cards for f in files.cards()[key].expect if record.id in f.evidence)
    return Links(
        name=record.id, kind="record", records=(record.id,), cards=cards, findings=resting, experiments=_experiments(cards),
        mechanisms=_union(map(mechanisms_of_card, cards)),
    )  # fmt: skip


def _of_finding(finding: CardFinding) -> Links:
    return Links(
        name=finding.id, kind="finding", records=finding.evidence, cards=(finding.card,), findings=(finding.id,),
        experiments=_experiments([finding.card]), mechanisms=mechanisms_of_finding(finding) or mechanisms_of_card(finding.card),
    )  # fmt: skip


def _of_card(card: Card) -> Links:
    return Links(
        name=card.key, kind="card", records=records_of_card(card), cards=(card.key,), findings=tuple(f.id for f in card.expect),
        experiments=_experiments([card.key]), mechanisms=mechanisms_of_card(card.key),
    )  # fmt: skip


def _of_experiment(name: str) -> Links:
    """An experiment that is no card: what it names as sources, and what runs in it."""
    sources = set(load_experiment(name).sources)
    found = tuple(r.id for r in files.records().values() if r.study in sources)
    cards = tuple(key for key, c in files.cards().items() if sources & set(c.sources))
    return Links(name=name, kind="experiment", records=found, cards=cards, experiments=(name,), mechanisms=uses_of(name).runs)


def _of_mechanism(name: str, mechanism: str, kind: str) -> Links:
    cards = cards_of_mechanism(mechanism)
    return Links(
        name=name, kind=kind, records=_union(records_of_card(files.cards()[key]) for key in cards), cards=cards,
        findings=findings_of_mechanism(mechanism), experiments=_experiments(cards), mechanisms=(mechanism,),
    )  # fmt: skip
