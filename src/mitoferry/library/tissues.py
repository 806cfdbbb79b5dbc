"""Tissues: what a block of a tissue is like, as a template of the well of an experiment file.

The table is ``data/tissues.yaml``; other packages add tissues by an entry point of the group ``mitoferry.tissues`` in the same
format. A template fills in what a file does not say: size of the block, substances that blood brings, flow of blood, loss of
nucleotides, flow that washes free mitochondria out, volume of the organ, and cells by type and number per volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.library.records import check_evidence, data_path, read_records
from mitoferry.library.units import convert

UNITS = {
    "size": "um", "oxygen": "uM", "glucose": "mM", "lactate": "mM", "calcium": "mM", "perfusion": "1", "clearance": "1", "haemoglobin": "1",
    "washout": "h", "organ": "mL",
}  # fmt: skip
"""Numbers of a tissue and their units; all must be given."""
OF_THE_MEDIUM = ("oxygen", "glucose", "lactate", "calcium")
OF_THE_WELL = ("size", "perfusion", "clearance", "haemoglobin", "washout", "organ")


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueValue:
    """One number of a tissue as written with its unit, with tag and source."""

    value: str
    tag: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueCells:
    """One population of a tissue: type, number per volume, role."""

    type: str
    per_volume: str
    role: str
    tag: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """A tissue: ``values`` by the keys of :data:`UNITS`, ``cells`` by the name of the population."""

    name: str
    about: str
    values: Mapping[str, TissueValue]
    cells: Mapping[str, TissueCells]


def _text(raw: Any) -> str:
    return " ".join(str(raw).split())


def _value(where: str, key: str, raw: Any, unit: str) -> tuple[TissueValue | None, list[Problem]]:
    if not isinstance(raw, Mapping):
        return None, [Problem(where, key, "a number with tag and source", repr(raw))]
    problems = check_evidence(where, key, raw, need=("tag", "source"))
    try:
        number = convert(raw.get("value", ""), unit)
        if number < 0.0:
            raise ValueError("wanted 0 or more")
    except ValueError as error:
        problems.append(Problem(where, f"{key}.value", f"a quantity in {unit}", f"{raw.get('value')!r} ({error})"))
    if problems:
        return None, problems
    return TissueValue(value=str(raw["value"]), tag=raw["tag"], source=_text(raw["source"])), []


def read_tissue(where: str, name: str, raw: Any) -> tuple[Tissue | None, list[Problem]]:
    """A tissue from its YAML content, or the problems that it has."""
    if not isinstance(raw, Mapping):
        return None, [Problem(where, name, "a record", repr(raw))]
    problems = [] if isinstance(raw.get("about"), str) else [Problem(where, f"{name}.about", "a text", repr(raw.get("about")))]
    values: dict[str, TissueValue] = {}
    cells: dict[str, TissueCells] = {}
    for key, unit in UNITS.items():
        value, wrong = _value(where, f"{name}.{key}", raw.get(key), unit)
        problems += wrong
        if value is not None:
            values[key] = value
    given = raw.get("cells")
    for population, item in (given if isinstance(given, Mapping) else {}).items():
        key = f"{name}.cells.{population}"
        number, wrong = _value(where, key, {**item, "value": item.get("per_volume")} if isinstance(item, Mapping) else item, "1/mL")
        problems += wrong
        if number is not None and not isinstance(item.get("type"), str):
            problems.append(Problem(where, f"{key}.type", "the name of a cell type", repr(item.get("type"))))
        elif number is not None:
            cells[str(population)] = TissueCells(
                type=item["type"], per_volume=number.value, role=item.get("role", "recipient"), tag=number.tag, source=number.source
            )
    if not cells and not problems:
        problems.append(Problem(where, f"{name}.cells", "at least one population", repr(given)))
    problems += [Problem(where, f"{name}.{k}", "a key of a tissue", repr(k)) for k in raw if k not in ("about", "cells", *UNITS)]
    if problems:
        return None, problems
    return Tissue(name=name, about=_text(raw["about"]), values=MappingProxyType(values), cells=MappingProxyType(cells)), []


@cache
def _load() -> Mapping[str, Tissue]:
    twice = ("a new name", "a tissue of this name exists")
    return MappingProxyType(read_records([data_path("tissues.yaml")], "mitoferry.tissues", read_tissue, twice))


def load_tissues() -> dict[str, Tissue]:
    """All tissues by name."""
    return dict(_load())
