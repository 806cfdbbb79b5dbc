"""Reads cell types from YAML: every problem of a table is found and reported together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.library.cell_types import FIELDS, CellTypeRecord, CellTypeValue
from mitoferry.library.parameters import nearest
from mitoferry.library.records import check_evidence, numbers_in

ONTOLOGY = re.compile(r"CL:\d{7}|CVCL_[A-Z0-9]{4}")
_KEYS = ("about", "species", "ontology", "note", "rho0_of", "haplotypes", "values")


def _value(where: str, key: str, name: str, raw: Any, base: Mapping[str, Any]) -> tuple[CellTypeValue | None, list[Problem]]:
    """One value of a type: a number, or a record that overrides what its field says."""
    record = dict(base)
    given = raw if isinstance(raw, Mapping) else {"value": raw}
    record.update(given)
    unknown = set(given) - {"value", "range", "tag", "source", "note", "unit"}
    problems = check_evidence(where, key, record) + [
        Problem(where, f"{key}.{k}", "value, range, tag, source or note", repr(k)) for k in sorted(unknown)
    ]
    value = numbers_in(record.get("value"), 1)
    if value is None or value[0] < 0.0:
        return None, [*problems, Problem(where, key, "a number of 0 or more", repr(record.get("value")))]
    spread = numbers_in(base.get("spread"), 2) or (1.0, 1.0)
    limits = numbers_in(given.get("range", [value[0] * spread[0], value[0] * spread[1]]), 2)
    if limits is None or not limits[0] <= value[0] <= limits[1]:
        return None, [*problems, Problem(where, f"{key}.range", "two numbers around the value", repr(given.get("range")))]
    if problems:
        return None, problems
    text = {k: " ".join(str(record.get(k, "")).split()) for k in ("unit", "tag", "source", "about", "note")}
    return CellTypeValue(name=name, value=value[0], range=(limits[0], limits[1]), **text), []


def _haplotype_shares(where: str, name: str, raw: Any, known: Mapping[str, Any]) -> tuple[dict[str, float], list[Problem]]:
    if raw is None:
        return {"wild_type": 1.0}, []
    shares = raw.get("shares") if isinstance(raw, Mapping) else None
    if not isinstance(shares, Mapping) or abs(sum(shares.values()) - 1.0) > 1e-9:
        return {}, [Problem(where, f"types.{name}.haplotypes.shares", "shares that add up to 1", repr(shares))]
    problems = check_evidence(where, f"types.{name}.haplotypes", raw, need=("tag", "source"))
    problems += [
        Problem(where, f"types.{name}.haplotypes.{h}", "a haplotype of the table", repr(h), hint=nearest(h, known))
        for h in shares
        if h not in known
    ]
    return {str(h): float(s) for h, s in shares.items()}, problems


def read_types(where: str, content: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[dict[str, CellTypeRecord], list[Problem]]:
    """Cell types of one source from its YAML content, and the problems that they have."""
    types: dict[str, CellTypeRecord] = {}
    problems: list[Problem] = []
    fields, defaults = base["fields"], base["defaults"]
    for name, raw in (content.get("types") or {}).items():
        given = raw.get("values") or {}
        unknown = [k for k in given if k not in FIELDS]
        problems += [
            Problem(where, f"types.{name}.values.{k}", "one of " + ", ".join(FIELDS), repr(k), hint=nearest(k, FIELDS)) for k in unknown
        ]
        problems += [
            Problem(where, f"types.{name}.{k}", "a text", repr(raw.get(k))) for k in ("about", "species") if not isinstance(raw.get(k), str)
        ]
        problems += _heading(where, name, raw)
        values: dict[str, CellTypeValue] = {}
        for field_name in FIELDS:
            item = given.get(field_name, defaults.get(field_name))
            value, wrong = _value(where, f"types.{name}.{field_name}", field_name, item, fields[field_name])
            problems += wrong
            if value is not None:
                values[field_name] = value
        shares, wrong = _haplotype_shares(where, name, raw.get("haplotypes"), base["haplotypes"])
        problems += wrong
        types[name] = CellTypeRecord(
            name=name, about=str(raw.get("about")), species=str(raw.get("species")), note=str(raw.get("note", "")),
            values=MappingProxyType(values), haplotypes=MappingProxyType(shares), ontology=str(raw.get("ontology", "")),
            rho0_of=str(raw.get("rho0_of", "")),
        )  # fmt: skip
    return types, problems


def _heading(where: str, name: str, raw: Mapping[str, Any]) -> list[Problem]:
    """Problems of a type outside its values."""
    problems = [
        Problem(where, f"types.{name}.{k}", "one of " + ", ".join(_KEYS), repr(k), hint=nearest(str(k), _KEYS))
        for k in raw
        if k not in _KEYS
    ]
    if "ontology" in raw and not ONTOLOGY.fullmatch(str(raw["ontology"])):
        wanted = "an id such as CL:0000057 (Cell Ontology) or CVCL_0023 (Cellosaurus)"
        problems.append(Problem(where, f"types.{name}.ontology", wanted, repr(raw["ontology"])))
    return problems


def with_parents(where: str, types: dict[str, CellTypeRecord]) -> list[Problem]:
    """Give lines without mtDNA the numbers of their parents; the problems that there are."""
    problems = []
    for name, record in types.items():
        if not record.rho0_of:
            continue
        parent = types.get(record.rho0_of)
        if parent is None or parent.rho0_of:
            hint = nearest(record.rho0_of, types)
            problems.append(Problem(where, f"types.{name}.rho0_of", "the name of a type with mtDNA", repr(record.rho0_of), hint=hint))
        elif any(record.values[k].value for k in ("mtdna", "oxygen_use", "oxphos_share") if k in record.values):
            problems.append(
                Problem(where, f"types.{name}.values", "0 for mtdna, oxygen_use and oxphos_share without mtDNA", "other numbers")
            )
        else:
            types[name] = replace(record, parent=MappingProxyType({k: v.value for k, v in parent.values.items()}))
    return problems
