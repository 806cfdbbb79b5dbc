"""The parameters of the model: one record per number, from ``data/parameters/<process>.yaml``.

A record's name is ``<process>.<field of the process's Parameters>``. Other packages add records by an entry point of
the group ``mitoferry.parameters``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.library.records import DISTRIBUTIONS, check_evidence, data_path, numbers_in, raise_all, read_records


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRecord:
    """One parameter.

    Attributes:
        name: "<process>.<field>".
        value: default, in ``unit``.
        unit: unit of the number that the process receives.
        range: prior range.
        distribution: prior: "loguniform", "lognormal", "uniform" or "fixed".
        tag: M measured, O order of magnitude, C modelling choice, S computed or simulated, F fitted.
        source: where the number comes from.
        about: what it is.
    """

    name: str
    value: float
    unit: str
    range: tuple[float, float]
    distribution: str
    tag: str
    source: str
    about: str

    @property
    def process(self) -> str:
        """Name of the process that it belongs to."""
        return self.name.split(".", 1)[0]


def _problems(where: str, name: str, raw: Mapping[str, Any]) -> list[Problem]:
    problems = check_evidence(where, name, raw)
    if "." not in name:
        problems.append(Problem(where, name, "a name of the form process.parameter", repr(name)))
    value, limits = numbers_in(raw.get("value"), 1), numbers_in(raw.get("range"), 2)
    if value is None:
        problems.append(Problem(where, f"{name}.value", "a number", repr(raw.get("value"))))
    if limits is None or limits[0] > limits[1]:
        problems.append(Problem(where, f"{name}.range", "two numbers, lower first", repr(raw.get("range"))))
    elif value is not None and not limits[0] <= value[0] <= limits[1]:
        problems.append(Problem(where, f"{name}.value", f"a number in its range {list(limits)}", repr(value[0])))
    elif raw.get("distribution") == "loguniform" and limits[0] <= 0:
        problems.append(Problem(where, f"{name}.range", "numbers above 0 for a loguniform prior", repr(raw.get("range"))))
    if raw.get("distribution") not in DISTRIBUTIONS:
        problems.append(Problem(where, f"{name}.distribution", "one of " + ", ".join(DISTRIBUTIONS), repr(raw.get("distribution"))))
    if not isinstance(raw.get("about"), str):
        problems.append(Problem(where, f"{name}.about", "a text", repr(raw.get("about"))))
    extra = set(raw) - {"value", "unit", "range", "distribution", "tag", "source", "about"}
    problems += [Problem(where, f"{name}.{key}", "a key of a parameter record", repr(key)) for key in sorted(extra)]
    return problems


def read_record(where: str, name: str, raw: Any) -> tuple[ParameterRecord | None, list[Problem]]:
    """A record from its YAML content, or the problems that it has."""
    if not isinstance(raw, Mapping):
        return None, [Problem(where, name, "a record with value, unit, range, distribution, tag, source, about", repr(raw))]
    problems = _problems(where, name, raw)
    if problems:
        return None, problems
    low, high = (float(x) for x in raw["range"])
    return (
        ParameterRecord(
            name=name, value=float(raw["value"]), unit=raw["unit"].strip(), range=(low, high), distribution=raw["distribution"],
            tag=raw["tag"], source=" ".join(raw["source"].split()), about=" ".join(raw["about"].split()),
        ),
        [],
    )  # fmt: skip


@cache
def _load() -> Mapping[str, ParameterRecord]:
    own, twice = sorted(data_path("parameters").glob("*.yaml")), ("a name used once", "a second record of this name")
    records = read_records(own, "mitoferry.parameters", read_record, twice)
    return MappingProxyType(dict(sorted(records.items())))


def load_parameters() -> dict[str, ParameterRecord]:
    """All parameter records by name; the files are read once per process.

    Raises:
        InputError: with all problems of all records: no tag, source or unit, a value outside its range, a name twice.
    """
    return dict(_load())


def nearest(name: str, names: Any) -> str:
    """A hint with the nearest known names, "" if none is near."""
    import difflib

    names = list(names)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    if not close:
        close = [n for n in names if name in n][:2]
    return f"Did you mean {' or '.join(close)}?" if close else ""


def values_for(
    process: str, records: Mapping[str, ParameterRecord] | None = None, overrides: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Values of one process by field name.

    Args:
        process: name of the process.
        records: records to use, by default those of the library.
        overrides: values that replace the defaults, by full name ("nanotube_search.capture_probability").

    Returns:
        Field name to value, in the unit of the record; empty for a process without parameters.

    Raises:
        InputError: an override names no parameter.
    """
    records = _load() if records is None else records
    overrides = overrides or {}
    unknown = [name for name in overrides if name not in records]
    raise_all([Problem("override", name, "the name of a parameter", repr(name), hint=nearest(name, records)) for name in unknown])
    prefix = process + "."
    return {name[len(prefix) :]: float(overrides.get(name, r.value)) for name, r in records.items() if name.startswith(prefix)}


def find(pattern: str = "", records: Mapping[str, ParameterRecord] | None = None) -> list[ParameterRecord]:
    """Records whose name matches ``pattern``: shell wildcards, or a part of the name or of its description."""
    import fnmatch

    records = _load() if records is None else records
    if any(c in pattern for c in "*?["):
        return [r for name, r in records.items() if fnmatch.fnmatchcase(name, pattern)]
    wanted = pattern.lower()
    return [r for name, r in records.items() if wanted in name.lower() or wanted in r.about.lower()]


def require(name: str, records: Mapping[str, ParameterRecord] | None = None) -> ParameterRecord:
    """The record of that name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    records = _load() if records is None else records
    if name not in records:
        raise InputError(Problem("parameters", name, "the name of a parameter", repr(name), hint=nearest(name, records)))
    return records[name]
