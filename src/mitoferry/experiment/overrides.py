"""Changes from the command line or from Python: ``path=value`` on the plain data of a file, before it is checked.

A path reaches any key of the experiment ("cells.recipient.count", "run.until", "arms.coculture.medium.glucose",
"injury.oxygen_glucose_deprivation.until", "measure[0].at") and any parameter of the library by its name
("nanotube_search.capture_probability"). Unknown ones are refused with the nearest name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.names import Library, nearest
from mitoferry.experiment.problems import keys_at
from mitoferry.experiment.quantities import QuantityError, show, to_unit
from mitoferry.experiment.schema import Experiment
from mitoferry.experiment.tree import Map, Place, Seq, read_value

WHERE = "--set"
_FREE = {"parameters", "overrides", "haplotypes", "options", "extras", "switches"}
_ITEM_NAMES = ("do", "drug", "gene", "assay", "finding")


def parse_assignments(items: Iterable[str]) -> dict[str, str]:
    """Texts of the form ``path=value`` as a mapping.

    Raises:
        InputError: a text without "=", or an empty path.
    """
    result, problems = {}, []
    for item in items:
        path, equals, value = item.partition("=")
        if not equals or not path.strip():
            problems.append(Problem(WHERE, item[:60], "path=value, as in 'run.until=12 h'", show(item)))
        result[path.strip()] = value.strip()
    if problems:
        raise InputError(problems)
    return result


def apply_overrides(tree: Map, overrides: Mapping[str, Any], library: Library) -> list[Problem]:
    """Write ``overrides`` into ``tree``; returns what could not be placed."""
    problems: list[Problem] = []
    for path, given in overrides.items():
        try:
            value = read_value(given) if isinstance(given, str) else _plain(given, path)
        except InputError as error:
            problems += [Problem(WHERE, path, p.wanted, p.found, hint=p.hint) for p in error.problems]
            continue
        problem = _set(tree, path, value, library)
        if problem is not None:
            problems.append(problem)
    if "run.until" in overrides:
        _shorten(tree)
    return problems


def _plain(value: Any, key: str) -> Any:
    """Python values given instead of text."""
    place = Place(WHERE, None, key)
    if isinstance(value, Mapping):
        result = Map()
        for name, item in value.items():
            result.put(str(name), _plain(item, f"{key}.{name}"), Place(WHERE, None, f"{key}.{name}"))
        return result
    if isinstance(value, (list, tuple)):
        seq = Seq()
        for item in value:
            seq.put(_plain(item, key), place)
        return seq
    return value


def _set(tree: Map, path: str, value: Any, library: Library) -> Problem | None:
    if path in library.parameters:
        path = f"parameters.{path}"
    parts = [p for p in re.split(r"\.|\[(\d+)\]", path) if p]
    top = keys_at(Experiment, ())
    if not parts or parts[0] not in top:
        hint = _nearest_start(path, parts, top, library)
        return Problem(WHERE, path, "a key of the experiment or a parameter of the library", show(value), hint=hint)
    node: Any = tree
    schema_path: list[Any] = []
    while True:
        part = _longest(node, parts)
        rest = parts[len(part.split(".")) :] if isinstance(part, str) else parts[1:]
        if part is None:
            known = _names_in(node)
            return Problem(WHERE, path, "an item of this list", f"'{parts[0][:60]}'", hint=nearest(parts[0], known))
        free = bool(schema_path) and schema_path[-1] in _FREE
        if free and isinstance(node, Map):
            part, rest = ".".join(parts), []
            if schema_path[-1] == "parameters" and part not in library.parameters:
                return Problem(WHERE, path, "the name of a parameter", f"'{part[:60]}'", hint=nearest(part, library.parameters))
        elif isinstance(node, Map) and part not in node:
            problem = _refuse_new(node, part, schema_path, path, tree)
            if problem is not None:
                return problem
        place = Place(WHERE, None, path)
        schema_path.append(part)
        if not rest:
            _put(node, part, value, place)
            return None
        node, parts = _descend(node, part, place), rest
        if not isinstance(node, (Map, Seq)):
            return Problem(
                WHERE, path, "a key that has parts", f"'{part}', which is a value", hint=f"set '{'.'.join(map(str, schema_path))}' itself"
            )


def _longest(node: Any, parts: list[str]) -> Any:
    """The key or index of ``node`` that the front of ``parts`` names (keys may hold dots); None if a list has no such item."""
    if isinstance(node, Seq):
        if parts[0].isdecimal() and len(parts[0]) < 6 and int(parts[0]) < len(node):
            return int(parts[0])
        return next((n for n, item in enumerate(node) if isinstance(item, Map) and parts[0] in [item.get(k) for k in _ITEM_NAMES]), None)
    for n in range(len(parts), 0, -1):
        if ".".join(parts[:n]) in node:
            return ".".join(parts[:n])
    return parts[0]


def _names_in(node: Any) -> list[str]:
    if isinstance(node, Seq):
        return [str(item.get(k)) for item in node if isinstance(item, Map) for k in _ITEM_NAMES if k in item]
    return []


def _nearest_start(path: str, parts: list[str], top: list[str], library: Library) -> str:
    close = get_close_matches(parts[0], top, n=1, cutoff=0.75) if parts else []
    return f"Did you mean '{close[0]}'?" if close else nearest(path, [*library.parameters, *top])


def _refuse_new(node: Map, part: str, schema_path: list[Any], path: str, tree: Map) -> Problem | None:
    """A key that the file does not have may be set only where the schema knows it."""
    known = keys_at(Experiment, tuple(schema_path))
    if not known and "injury" in schema_path[:-1]:
        known = keys_at(Experiment, ("injury", 0))
    names = known or [*node, *_named(tree, schema_path)]
    if part in names:
        return None
    return Problem(WHERE, path, "a known key", f"'{part[:60]}'", hint=nearest(part, names))


def _named(tree: Map, schema_path: list[Any]) -> list[str]:
    """Populations and injuries of the base, which an arm may patch."""
    base = tree.get(schema_path[-1]) if schema_path and schema_path[0] == "arms" else None
    return list(base) if isinstance(base, Map) else _names_in(base)


def _put(node: Any, part: Any, value: Any, place: Place) -> None:
    if isinstance(node, Seq):
        node[part] = value
        node.places[part] = place
    else:
        node.put(part, value, place)


def _descend(node: Any, part: Any, place: Place) -> Any:
    if isinstance(node, Map) and node.get(part) is None:
        node.put(part, Map(), place)
    return node[part]


def _shorten(tree: Map) -> None:
    """A run cut short by an override keeps its readings: those after the end move to the end; findings then take the last one."""
    run = tree.get("run")
    measures = tree.get("measure")
    if not isinstance(run, Map) or not isinstance(measures, Seq):
        return
    end = _seconds(run.get("until"))
    for entry in tree.get("expect") or ():
        if end is None or not isinstance(entry, Map):
            continue
        if (_seconds(entry.get("at")) or 0.0) > end:
            entry.drop("at")
        against = entry.get("against")
        if isinstance(against, Map) and (_seconds(against.get("at")) or 0.0) > end:
            against.put("at", run["until"], against.places["at"])
    for item in measures:
        if end is None or not isinstance(item, Map):
            continue
        if _seconds(item.get("until")) is not None and (_seconds(item["until"]) or 0.0) > end:
            item.drop("until")
        if not isinstance(item.get("at"), Seq):
            continue
        kept = Seq()
        for value, place in zip(item["at"], item["at"].places, strict=True):
            if (_seconds(value) or 0.0) <= end:
                kept.put(value, place)
        if len(kept) < len(item["at"]) and run["until"] not in kept:
            kept.put(run["until"], run.places["until"])
        item.put("at", kept, item.places["at"])


def _seconds(value: Any) -> float | None:
    try:
        return to_unit(value, "s")
    except QuantityError:
        return None
