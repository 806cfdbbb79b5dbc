"""Checks of dishes of preparation: times, names, and what a dish cannot be. Every problem is collected."""

from __future__ import annotations

from typing import Any

from mitoferry.core.plate_spec import ISOLATED
from mitoferry.experiment.meaning import count_of, grafts_of
from mitoferry.experiment.prepared import Dish, companions, dishes_in, every_dish, first_doses
from mitoferry.experiment.problems import Collector
from mitoferry.experiment.schema import Experiment
from mitoferry.experiment.tree import Map, Place, Seq, locate

MOST_POPULATIONS = 16  # ids of cells and counts of divisions are kept for so many
MOST_DOSES = 120  # numbers of their mitochondria fit into a byte
SECTIONS: dict[str, type[Map] | type[Seq]] = {"well": Map, "cells": Map, "injury": Seq, "treat": Seq}


def check_dish(f: Collector, dish: Dish, tree: Map) -> tuple[Collector, Map]:
    """What is wrong with a dish as such; for the rest of it a collector that knows its populations and end, and its data."""
    held = _part(tree, dish.path)
    own, given = dish.path[:-1], dish.given
    start = (*own, "added") if own[0] == "cells" else (own[0], own[1], "from")
    if dish.end <= given.from_.value:
        hint = "'added' says when they leave the dish" if own[0] == "cells" else "'from' of the treatment says when they leave the dish"
        f.add(tree, start, f"a time after they are put into the dish ({given.from_})", f"'{dish.time}'", hint)
    if count_of(dish.plan.cells[dish.owner], dish.plan) < 1:
        f.add(tree, (*dish.path, "count"), "at least one cell to prepare", "0")
    if dish.owner in given.cells:
        f.add(tree, (*dish.path, "cells", dish.owner), "other populations", f"'{dish.owner}', which is in its dish anyway", "see 'count'")
    for name, cells in given.cells.items():
        if cells.prepared is not None:
            f.add(tree, (*dish.path, "cells", name, "prepared"), "cells that are seeded in the dish", "a preparation within a preparation")
    if given.well.template is not None:
        f.add(tree, (*dish.path, "well", "template"), "a dish without a template", f"'{given.well.template}'", "name its cells")
    for n, treat in enumerate(given.treat):
        if treat.graft is not None:
            f.add(tree, (*dish.path, "treat", n, "graft"), "cells of the dish under 'cells'", "a graft", "'added' says when they come")
    inside = Collector(f.where, f.library, set(dish.plan.cells), f.end, file=f.file, timed=f.timed, problems=f.problems, dish=dish.owner)
    if not given.goes_on:
        inside.end, inside.ending = min(dish.end, f.end), "the cells are taken out of the dish"
    return inside, _sections(held, locate(tree, dish.path, f.where))


def _part(tree: Any, path: tuple[Any, ...]) -> Map:
    for part in path:
        tree = tree[part]
    return tree if isinstance(tree, Map) else Map()


def _sections(held: Map, place: Place) -> Map:
    """The data of a dish with the sections that it lacks, so that a problem of these has a line; its own population stands for itself."""
    found = Map()
    for key, kind in SECTIONS.items():
        value = held.get(key)
        found.put(
            key, value if isinstance(value, kind) else kind(), held.places.get(key, Place(place.where, place.line, f"{place.key}.{key}"))
        )
    return found


def check_preparations(f: Collector, experiment: Experiment, trees: dict[str, Map]) -> None:
    """Names of the populations of dishes, which are theirs alone, and how many there are in all."""
    taken = {*experiment.cells, *grafts_of(experiment), *(name for plan in experiment.plans.values() for name in plan.cells)}
    owners: dict[str, str] = {}
    for arm, plan in experiment.plans.items():
        for dish in dishes_in(plan):
            for name in dish.given.cells:
                path = (*dish.path, "cells", name)
                if name in taken and name != dish.owner:
                    f.add(trees[arm], path, "a name that no population of the wells has", f"'{name}'", f"such as '{name}_in_dish'")
                elif owners.setdefault(name, dish.owner) != dish.owner:
                    f.add(trees[arm], path, "a name that no other dish uses", f"'{name}', also with '{owners[name]}'")
    dishes = every_dish(experiment)
    if not dishes:
        return
    n = len({*taken, *companions(experiment)})
    if n > MOST_POPULATIONS:
        f.add(f.file, ("cells",), f"at most {MOST_POPULATIONS} populations, those of dishes among them", f"{n}")
    doses = max(first_doses(experiment).values()) - ISOLATED + max(len(dish.plan.treat) for dish in dishes)
    if doses > MOST_DOSES:
        f.add(f.file, ("treat",), f"fewer doses of mitochondria, in arms and dishes together (at most {MOST_DOSES})", f"up to {doses}")
