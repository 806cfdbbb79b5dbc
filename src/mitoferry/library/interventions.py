"""Drugs, genes and injuries: what each acts on, and how much at a given dose.

An agent changes a node of the mechanism (``core/nodes.py``) or a concentration of the medium; none touches a
read-out. Its effects are records of ``data/drugs.yaml``, ``data/genes.yaml`` and ``data/injuries.yaml`` with tag and
source; other packages add agents by the entry-point groups ``mitoferry.drugs``, ``mitoferry.genes`` and
``mitoferry.injuries``.

Forms of dose and response (c = dose, in the unit of the agent):

==============  ==================================================
inhibition      floor + (1 - floor) / (1 + (c / half)^hill)
activation      1 + gain c^hill / (half^hill + c^hill)
saturating      maximum c^hill / (half^hill + c^hill)
linear          slope c
set             c itself
fixed           value, whatever the dose
==============  ==================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.nodes import NODE, NODES
from mitoferry.core.schema import SPECIES
from mitoferry.library.parameters import nearest
from mitoferry.library.records import check_evidence, data_path, numbers_in, raise_all, read_sources
from mitoferry.library.units import convert

CATEGORIES = ("drug", "gene", "injury")
_FILES = {"drug": "drugs.yaml", "gene": "genes.yaml", "injury": "injuries.yaml"}
_GROUPS = {"drug": "mitoferry.drugs", "gene": "mitoferry.genes", "injury": "mitoferry.injuries"}
KINDS = ("node", "medium", "boundary", "wash")
FORMS: dict[str, tuple[str, ...]] = {
    "inhibition": ("half",),
    "activation": ("half", "gain"),
    "saturating": ("half", "maximum"),
    "linear": ("slope",),
    "set": (),
    "fixed": ("value",),
}
_OPTIONAL = {"hill": 1.0, "floor": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One change that an agent makes at a given dose.

    Attributes:
        kind: "node" or "boundary": in force while the agent is there; "medium": the concentration is set once, when
            it begins; "wash": fresh medium.
        key: name of the node or species; "" for a wash.
        value: factor or level of the node, or concentration in the unit of the species.
        at: "during", "start" or "end" of the time that the user gave.
        onset: hours from the beginning until it acts.
        washout: hours after the end that it goes on acting.
        tag, source: how well the response is known and from where.
    """

    kind: str
    key: str
    value: float
    at: str
    onset: float
    washout: float
    tag: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How one effect depends on the dose; see the table of the module."""

    kind: str
    key: str
    form: str
    numbers: Mapping[str, float]
    range: tuple[float, float] | None
    at: str
    tag: str
    source: str

    def value(self, dose: float) -> float:
        """Value at ``dose`` [unit of the agent].

        Source of the forms: Hill equation; inhibition is its complement above a floor.
        """
        n = self.numbers
        if self.form == "set":
            return dose
        if self.form == "fixed":
            return n["value"]
        if self.form == "linear":
            return n["slope"] * dose
        occupied = 0.0 if dose <= 0.0 else 1.0 / (1.0 + (n["half"] / dose) ** n["hill"])
        if self.form == "inhibition":
            return n["floor"] + (1.0 - n["floor"]) * (1.0 - occupied)
        if self.form == "activation":
            return 1.0 + n["gain"] * occupied
        return n["maximum"] * occupied


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One drug, gene or injury.

    Attributes:
        name: its name in experiment files.
        category: "drug", "gene" or "injury".
        about: what it does.
        unit: unit of its dose; "1" for a relative dose.
        dose: dose used when the file gives none.
        dose_range: doses between which the record is meant.
        onset, washout: hours until it acts, and hours that it goes on after wash-out.
        on: populations that it acts on by default: "both", "donor" or "recipient".
        responses: its effects.
        oxygen: whether a dose in % is a percentage of oxygen in the gas.
    """

    name: str
    category: str
    about: str
    unit: str
    dose: float
    dose_range: tuple[float, float]
    onset: float
    washout: float
    on: str
    responses: tuple[Response, ...]
    oxygen: bool = False

    def dose_from(self, text: str | float | None) -> float:
        """The dose that a text stands for, in :attr:`unit`; the default dose for None.

        Raises:
            ValueError: the text is not a dose of this agent: no number, another unit, or negative.
        """
        if text is None:
            return self.dose
        dose = convert(text, self.unit, oxygen=self.oxygen)
        if dose < 0.0:
            raise ValueError(f"wanted a dose of 0 or more, found {text!r}")
        return dose

    def effects(self, dose: float | str | None = None) -> list[Effect]:
        """What the agent changes at ``dose`` (a number in :attr:`unit`, a text with a unit, or None for the default).

        Node effects that leave the node at rest are left out, so that a dose of 0 changes nothing; where the dose is a
        level (the oxygen of the chamber, the expression that is left) 0 is a level like any other.
        """
        c = float(dose) if isinstance(dose, (int, float)) else self.dose_from(dose)
        dose_is_level = any(r.form == "set" for r in self.responses)
        found = []
        for r in self.responses:
            value = r.value(c)
            if (r.kind == "node" and value == NODES[NODE[r.key]].rest) or (c == 0.0 and not dose_is_level and r.form == "fixed"):
                continue
            found.append(
                Effect(kind=r.kind, key=r.key, value=value, at=r.at, onset=self.onset, washout=self.washout, tag=r.tag, source=r.source)
            )
        return found

    def warnings(self, dose: float) -> list[str]:
        """What to tell the user about this dose."""
        low, high = self.dose_range
        if low <= dose <= high or dose == 0.0:
            return []
        return [f"{self.name} at {dose:g} {self.unit} is outside {low:g}-{high:g} {self.unit}, the doses for which its record is meant"]


def _target(raw: Mapping[str, Any], key: str, where: str) -> tuple[str, str, list[Problem]]:
    kinds = [k for k in KINDS if k in raw]
    if len(kinds) != 1:
        return "", "", [Problem(where, key, "one of the keys " + ", ".join(KINDS), ", ".join(raw))]
    kind, name = kinds[0], str(raw[kinds[0]])
    known = {"node": tuple(NODE), "medium": SPECIES, "boundary": SPECIES, "wash": ("medium",)}[kind]
    if name not in known:
        return kind, name, [Problem(where, f"{key}.{kind}", "one of " + ", ".join(known), repr(name), hint=nearest(name, known))]
    return kind, "" if kind == "wash" else name, []


def _response(where: str, key: str, raw: Any) -> tuple[Response | None, list[Problem]]:
    if not isinstance(raw, Mapping):
        return None, [Problem(where, key, "an effect", repr(raw))]
    kind, target, problems = _target(raw, key, where)
    problems += check_evidence(where, key, raw, need=("tag", "source"))
    form = raw.get("form", "fixed" if kind == "wash" else None)
    if form not in FORMS:
        return None, [*problems, Problem(where, f"{key}.form", "one of " + ", ".join(FORMS), repr(form))]
    numbers = dict(_OPTIONAL)
    if kind == "wash":
        numbers["value"] = 0.0
    for name in ("half", "gain", "maximum", "slope", "value", "hill", "floor"):
        if name in raw:
            value = numbers_in(raw[name], 1)
            if value is None or (name in ("half", "hill") and value[0] <= 0.0):
                problems.append(
                    Problem(where, f"{key}.{name}", "a number" + (" above 0" if name in ("half", "hill") else ""), repr(raw[name]))
                )
            else:
                numbers[name] = value[0]
    problems += [Problem(where, f"{key}.{n}", f"a number (form {form!r} needs it)", "nothing") for n in FORMS[form] if n not in numbers]
    allowed = {kind, "form", "tag", "source", "range", "at", "half", "gain", "maximum", "slope", "value", "hill", "floor"}
    problems += [Problem(where, f"{key}.{n}", "a key of an effect", repr(n)) for n in raw if n not in allowed]
    limits = numbers_in(raw["range"], 2) if "range" in raw else None
    if "range" in raw and limits is None:
        problems.append(Problem(where, f"{key}.range", "two numbers", repr(raw["range"])))
    at = raw.get("at", {"node": "during", "boundary": "during", "medium": "start", "wash": "end"}.get(kind, "during"))
    if problems:
        return None, problems
    return Response(
        kind=kind,
        key=target,
        form=form,
        numbers=MappingProxyType(numbers),
        range=limits,
        at=at,
        tag=raw["tag"],
        source=" ".join(raw["source"].split()),
    ), []


def _read(where: str, category: str, name: str, raw: Any) -> tuple[Intervention | None, list[Problem]]:
    """One agent from its YAML content, or the problems that it has."""
    if not isinstance(raw, Mapping):
        return None, [Problem(where, name, "a record", repr(raw))]
    dose = raw.get("dose") if isinstance(raw.get("dose"), Mapping) else {}
    problems: list[Problem] = []
    if not isinstance(dose.get("unit"), str):
        problems.append(Problem(where, f"{name}.dose.unit", "a unit", repr(dose.get("unit"))))
    usual, limits = numbers_in(dose.get("usual"), 1), numbers_in(dose.get("range"), 2)
    if usual is None or limits is None or not limits[0] <= usual[0] <= limits[1]:
        problems.append(Problem(where, f"{name}.dose", "usual (a number) within range (two numbers)", repr(dict(dose))))
    if not isinstance(raw.get("about"), str):
        problems.append(Problem(where, f"{name}.about", "a text", repr(raw.get("about"))))
    if raw.get("on", "both") not in ("both", "donor", "recipient"):
        problems.append(Problem(where, f"{name}.on", "both, donor or recipient", repr(raw.get("on"))))
    responses = []
    for k, item in enumerate(raw.get("effects") or []):
        response, wrong = _response(where, f"{name}.effects[{k}]", item)
        problems += wrong
        if response is not None:
            responses.append(response)
    if not raw.get("effects"):
        problems.append(Problem(where, f"{name}.effects", "at least one effect", "none"))
    problems += [
        Problem(where, f"{name}.{k}", "a key of an agent", repr(k))
        for k in raw
        if k not in ("about", "dose", "onset", "washout", "on", "effects")
    ]
    if problems or usual is None or limits is None:
        return None, problems
    return Intervention(
        name=name,
        category=category,
        about=" ".join(raw["about"].split()),
        unit=dose["unit"],
        dose=usual[0],
        dose_range=(limits[0], limits[1]),
        onset=float(raw.get("onset", 0.0)),
        washout=float(raw.get("washout", 0.0)),
        on=raw.get("on", "both"),
        responses=tuple(responses),
        oxygen=bool(dose.get("oxygen", False)),
    ), []


@cache
def _load(category: str) -> Mapping[str, Intervention]:
    found: dict[str, Intervention] = {}
    problems: list[Problem] = []
    for where, content in read_sources([data_path(_FILES[category])], _GROUPS[category]):
        for name, raw in content.items():
            agent, wrong = _read(where, category, str(name), raw)
            problems += wrong
            if agent is None:
                continue
            if agent.name in found:
                problems.append(Problem(where, agent.name, "a new name", f"a {category} of this name exists"))
            found[agent.name] = agent
    raise_all(problems)
    return MappingProxyType(found)


def load_drugs() -> dict[str, Intervention]:
    """All drugs and added substances by name."""
    return dict(_load("drug"))


def load_genes() -> dict[str, Intervention]:
    """All gene changes (knockdown, knockout, overexpression) by name; the dose is the expression left, 1 = normal."""
    return dict(_load("gene"))


def load_injuries() -> dict[str, Intervention]:
    """All injuries by name. Their strength may be set on arms without donors only."""
    return dict(_load("injury"))


def intervention(category: str, name: str) -> Intervention:
    """The agent of that name.

    Raises:
        InputError: there is none; the message names the nearest, also of another category.
    """
    if category not in CATEGORIES:
        raise InputError(Problem("interventions", category, "one of " + ", ".join(CATEGORIES), repr(category)))
    agents = _load(category)
    if name not in agents:
        elsewhere = [c for c in CATEGORIES if c != category and name in _load(c)]
        hint = f"There is a {elsewhere[0]} of this name." if elsewhere else nearest(name, agents)
        raise InputError(Problem("library", name, f"the name of a {category}", repr(name), hint=hint))
    return agents[name]
