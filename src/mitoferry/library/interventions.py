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
from mitoferry.library.parameters import nearest
from mitoferry.library.records import data_path, read_records
from mitoferry.library.units import convert

CATEGORIES = ("drug", "gene", "injury")
_FILES = {"drug": "drugs.yaml", "gene": "genes.yaml", "injury": "injuries.yaml"}
_GROUPS = {"drug": "mitoferry.drugs", "gene": "mitoferry.genes", "injury": "mitoferry.injuries"}


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
        half_life: hours in which half of it is gone from the medium; 0 = it stays.
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
    half_life: float = 0.0

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


@cache
def _load(category: str) -> Mapping[str, Intervention]:
    from mitoferry.library.interventions_read import read_intervention

    def read(where: str, name: str, raw: Any) -> tuple[Intervention | None, list[Problem]]:
        return read_intervention(where, category, name, raw)

    twice = ("a new name", f"a {category} of this name exists")
    return MappingProxyType(read_records([data_path(_FILES[category])], _GROUPS[category], read, twice))


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
