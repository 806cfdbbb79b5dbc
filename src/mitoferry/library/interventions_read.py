"""Reads drugs, genes and injuries from YAML: every problem of a record is found and reported together."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import CYTOKINES, SPECIES
from mitoferry.library.interventions import Intervention, Response
from mitoferry.library.parameters import nearest
from mitoferry.library.records import check_evidence, numbers_in

KINDS = {"node": "during", "boundary": "during", "medium": "start", "wash": "end", "perfusion": "during"}  # and when each acts
FORMS: dict[str, tuple[str, ...]] = {
    "inhibition": ("half",),
    "activation": ("half", "gain"),
    "saturating": ("half", "maximum"),
    "linear": ("slope",),
    "set": (),
    "fixed": ("value",),
}
OPTIONAL = {"hill": 1.0, "floor": 0.0}
NUMBERS = ("half", "gain", "maximum", "slope", "value", "hill", "floor")
ABOVE_ZERO = ("half", "hill")


def _target(where: str, key: str, raw: Mapping[str, Any]) -> tuple[str, str, list[Problem]]:
    """What an effect acts on: kind and name."""
    kinds = [k for k in KINDS if k in raw]
    if len(kinds) != 1:
        return "", "", [Problem(where, key, "one of the keys " + ", ".join(KINDS), ", ".join(raw))]
    kind, name = kinds[0], str(raw[kinds[0]])
    places = {"node": tuple(NODE), "medium": SPECIES + CYTOKINES, "boundary": SPECIES, "wash": ("medium",), "perfusion": ("block",)}
    known = places[kind]
    if name not in known:
        return kind, name, [Problem(where, f"{key}.{kind}", "one of " + ", ".join(known), repr(name), hint=nearest(name, known))]
    return kind, {"wash": "", "perfusion": "perfusion"}.get(kind, name), []


def _numbers(where: str, key: str, raw: Mapping[str, Any], form: str) -> tuple[dict[str, float], list[Problem]]:
    """The numbers of a response; those of :data:`OPTIONAL` have defaults."""
    numbers, problems = dict(OPTIONAL), []
    for name in NUMBERS:
        if name not in raw:
            continue
        value = numbers_in(raw[name], 1)
        if value is None or (name in ABOVE_ZERO and value[0] <= 0.0):
            wanted = "a number above 0" if name in ABOVE_ZERO else "a number"
            problems.append(Problem(where, f"{key}.{name}", wanted, repr(raw[name])))
        else:
            numbers[name] = value[0]
    missing = [n for n in FORMS[form] if n not in numbers and n not in raw]
    problems += [Problem(where, f"{key}.{n}", f"a number (form {form!r} needs it)", "nothing") for n in missing]
    return numbers, problems


def read_response(where: str, key: str, raw: Any) -> tuple[Response | None, list[Problem]]:
    """One effect from its YAML content, or the problems that it has."""
    if not isinstance(raw, Mapping):
        return None, [Problem(where, key, "an effect", repr(raw))]
    kind, target, problems = _target(where, key, raw)
    problems += check_evidence(where, key, raw, need=("tag", "source"))
    if kind == "wash":
        raw = {"form": "fixed", "value": 0.0, **raw}
    form = raw.get("form")
    if form not in FORMS:
        return None, [*problems, Problem(where, f"{key}.form", "one of " + ", ".join(FORMS), repr(form))]
    numbers, wrong = _numbers(where, key, raw, form)
    problems += wrong
    allowed = {kind, "form", "tag", "source", "range", "at", *NUMBERS}
    problems += [Problem(where, f"{key}.{n}", "a key of an effect", repr(n)) for n in raw if n not in allowed]
    limits = numbers_in(raw["range"], 2) if "range" in raw else None
    if "range" in raw and (limits is None or limits[0] > limits[1]):
        problems.append(Problem(where, f"{key}.range", "two numbers, lower first", repr(raw["range"])))
    at = raw.get("at", KINDS.get(kind, ""))
    if kind and at != KINDS[kind] and not (kind in ("medium", "wash") and at in ("start", "end")):
        problems.append(Problem(where, f"{key}.at", f"{KINDS[kind]!r} for a {kind}", repr(at)))
    if problems:
        return None, problems
    return Response(
        kind=kind,
        key=target,
        form=form,
        numbers=MappingProxyType(numbers),
        range=None if limits is None else (limits[0], limits[1]),
        at=at,
        tag=raw["tag"],
        source=" ".join(raw["source"].split()),
    ), []


def _heading(where: str, name: str, raw: Mapping[str, Any], dose: Mapping[str, Any]) -> list[Problem]:
    """Problems of an agent outside its effects."""
    problems = []
    if not isinstance(dose.get("unit"), str):
        problems.append(Problem(where, f"{name}.dose.unit", "a unit", repr(dose.get("unit"))))
    usual, limits = numbers_in(dose.get("usual"), 1), numbers_in(dose.get("range"), 2)
    if usual is None or limits is None or not limits[0] <= usual[0] <= limits[1]:
        problems.append(Problem(where, f"{name}.dose", "usual (a number) within range (two numbers)", repr(dict(dose))))
    if not isinstance(raw.get("about"), str):
        problems.append(Problem(where, f"{name}.about", "a text", repr(raw.get("about"))))
    if raw.get("on", "both") not in ("both", "donor", "recipient"):
        problems.append(Problem(where, f"{name}.on", "both, donor or recipient", repr(raw.get("on"))))
    for key in ("onset", "washout", "half_life"):
        hours = numbers_in(raw.get(key, 0.0), 1)
        if hours is None or hours[0] < 0.0:
            problems.append(Problem(where, f"{name}.{key}", "hours, 0 or more", repr(raw.get(key))))
    if not isinstance(raw.get("effects"), list) or not raw["effects"]:
        problems.append(Problem(where, f"{name}.effects", "at least one effect", repr(raw.get("effects"))))
    extra = [k for k in raw if k not in ("about", "dose", "onset", "washout", "half_life", "on", "effects")]
    return problems + [Problem(where, f"{name}.{k}", "a key of an agent", repr(k)) for k in extra]


def read_intervention(where: str, category: str, name: str, raw: Any) -> tuple[Intervention | None, list[Problem]]:
    """One agent from its YAML content, or the problems that it has."""
    if not isinstance(raw, Mapping):
        return None, [Problem(where, name, "a record", repr(raw))]
    dose: Mapping[str, Any] = raw["dose"] if isinstance(raw.get("dose"), Mapping) else {}
    problems = _heading(where, name, raw, dose)
    responses = []
    for k, item in enumerate(raw["effects"] if isinstance(raw.get("effects"), list) else []):
        response, wrong = read_response(where, f"{name}.effects[{k}]", item)
        problems += wrong
        if response is not None:
            responses.append(response)
    if problems:
        return None, problems
    return Intervention(
        name=name,
        category=category,
        about=" ".join(raw["about"].split()),
        unit=dose["unit"],
        dose=float(dose["usual"]),
        dose_range=(float(dose["range"][0]), float(dose["range"][1])),
        onset=float(raw.get("onset", 0.0)),
        washout=float(raw.get("washout", 0.0)),
        on=raw.get("on", "both"),
        responses=tuple(responses),
        oxygen=bool(dose.get("oxygen", False)),
        half_life=float(raw.get("half_life", 0.0)),
    ), []
