"""``well: {template: infarct}``: the tissue of the library fills in what the file does not say, before anything is checked.

The keys that it adds stand at the line of the template, so that messages about them point there. Populations of the tissue are added
under ``cells`` unless the file has one of that name: what it says of it is kept, and what it does not say comes from the tissue;
``NAME: null`` leaves one out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.experiment.names import Library, nearest
from mitoferry.experiment.tree import Map, Place
from mitoferry.library.tissues import OF_THE_MEDIUM, OF_THE_WELL

NUMBERS = ("count", "density", "per_volume")


def _fill(node: Map, key: str, value: Any, place: Place) -> None:
    if key not in node:
        node.put(key, value, place)


def _section(node: Map, key: str, place: Place) -> Map | None:
    """The mapping at ``key``, made if it is missing; None if something else stands there."""
    if node.get(key) is None:
        node.put(key, Map(), place)
    found = node[key]
    return found if isinstance(found, Map) else None


def _cells(tree: Map, tissue: Any, overrides: Mapping[str, Any], place: Place) -> None:
    cells = _section(tree, "cells", place)
    if cells is None:
        return
    for name, record in tissue.cells.items():
        if name in cells and cells[name] is None:
            cells.drop(name)
            continue
        one = _section(cells, name, place)
        if one is None:
            continue
        _fill(one, "type", record.type, place)
        _fill(one, "role", record.role, place)
        if not any(key in one or f"cells.{name}.{key}" in overrides for key in NUMBERS):
            one.put("per_volume", record.per_volume, place)


def fill_template(tree: Map, overrides: Mapping[str, Any], library: Library) -> list[Problem]:
    """Write the tissue that the file (or an override) names into ``tree``; returns what is wrong with its name."""
    well = tree.get("well")
    name = overrides.get("well.template", well.get("template") if isinstance(well, Map) else None)
    problems = _in_arms(tree)
    if name is None or not isinstance(name, str):
        return problems
    if not isinstance(well, Map):
        return problems
    place = well.places.get("template", Place("--set", None, "well.template"))
    tissue = library.tissues.get(name)
    if tissue is None:
        hint = nearest(name, library.tissues)
        wanted = "the name of a tissue (mitoferry list tissues)"
        return [*problems, Problem(place.where, place.key, wanted, f"'{name[:60]}'", line=place.line, hint=hint)]
    _fill(well, "kind", "block", place)
    for key in OF_THE_WELL:
        _fill(well, key, tissue.values[key].value, place)
    medium = _section(well, "medium", place)
    for key in OF_THE_MEDIUM if medium is not None else ():
        _fill(medium, key, tissue.values[key].value, place)  # type: ignore[arg-type]
    _cells(tree, tissue, overrides, place)
    return problems


def _in_arms(tree: Map) -> list[Problem]:
    """A template is for all arms: cells of an arm are patches on those of the base."""
    arms = tree.get("arms")
    found = []
    for arm in arms.values() if isinstance(arms, Map) else ():
        well = arm.get("well") if isinstance(arm, Map) else None
        if isinstance(well, Map) and well.get("template") is not None:
            at = well.places["template"]
            hint = "an arm may change what the template gives: well: {perfusion: 0.2}"
            found.append(
                Problem(at.where, at.key, "a template only in the base", f"'{str(well['template'])[:60]}'", line=at.line, hint=hint)
            )
            well.drop("template")
    return found
