"""Arms: patches on one base, put together on the plain data of the file so that every line number survives."""

from __future__ import annotations

from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.experiment.names import nearest
from mitoferry.experiment.tree import Map, Place, Seq, copy_tree

BASE_KEYS = ("well", "cells", "injury", "treat")


def lineage(arms: Map, name: str, where: str) -> tuple[list[str], Problem | None]:
    """Arms from the outermost ancestor to ``name``, and the problem if one is unknown or refers to itself."""
    chain = [name]
    while True:
        arm = arms.get(chain[0])
        if not isinstance(arm, Map) or not isinstance(arm.get("like"), str):
            return chain, None
        parent, place = arm["like"], arm.places["like"]
        if parent not in arms:
            wanted = "the name of another arm"
            return chain, Problem(place.where, place.key, wanted, f"'{parent[:60]}'", line=place.line, hint=nearest(parent, arms))
        if parent in chain:
            circle = " -> ".join([name, *chain[1:][::-1], parent]) if len(chain) > 1 else f"{name} -> {name}"
            return chain, Problem(
                place.where, place.key, "arms that do not refer to themselves", f"the circle {circle[:200]}", line=place.line
            )
        chain.insert(0, parent)


def plan_tree(tree: Map, name: str | None, where: str) -> tuple[Map, list[Problem]]:
    """The base with the patches of arm ``name`` applied (the base itself for None)."""
    plan = Map()
    for key in BASE_KEYS:
        if key in tree and tree[key] is not None:
            plan.put(key, copy_tree(tree[key]), tree.places[key])
    arms = tree.get("arms")
    if name is None or not isinstance(arms, Map):
        return plan, []
    chain, problem = lineage(arms, name, where)
    problems = [] if problem is None else [problem]
    for link in chain:
        if isinstance(arms.get(link), Map):
            problems += _apply(plan, arms[link], arms.places[link])
    return plan, problems


def _apply(plan: Map, arm: Map, place: Place) -> list[Problem]:
    problems = _drop(plan, arm, place)
    if isinstance(arm.get("well"), Map):
        _merge(_section(plan, "well", arm.places["well"]), arm["well"])
    if isinstance(arm.get("medium"), Map):
        well = _section(plan, "well", arm.places["medium"])
        _merge(_section(well, "medium", arm.places["medium"]), arm["medium"])
    if isinstance(arm.get("cells"), Map):
        problems += _patch_cells(_section(plan, "cells", arm.places["cells"]), arm["cells"])
    if isinstance(arm.get("injury"), Seq):
        plan.put("injury", copy_tree(arm["injury"]), arm.places["injury"])
    elif isinstance(arm.get("injury"), Map):
        problems += _patch_injuries(plan, arm["injury"])
    if isinstance(arm.get("treat"), Seq):
        treat = plan.get("treat")
        if not isinstance(treat, Seq):
            treat = Seq()
            plan.put("treat", treat, arm.places["treat"])
        for item, at in zip(arm["treat"], arm["treat"].places, strict=True):
            treat.put(copy_tree(item), at)
    return problems


def _section(tree: Map, key: str, place: Place) -> Map:
    if not isinstance(tree.get(key), Map):
        tree.put(key, Map(), place)
    section: Map = tree[key]
    return section


def _merge(base: Map, patch: Map) -> None:
    """Deep merge; a patch of nothing (null) takes the key away."""
    for key, value in patch.items():
        if isinstance(value, Map) and isinstance(base.get(key), Map):
            _merge(base[key], value)
        elif value is None:
            base.drop(key)
        else:
            base.put(key, copy_tree(value), patch.places[key])


def _drop(plan: Map, arm: Map, place: Place) -> list[Problem]:
    without = arm.get("without")
    if without is None:
        return []
    names = list(zip(without, without.places, strict=True)) if isinstance(without, Seq) else [(without, arm.places["without"])]
    problems = []
    for name, at in names:
        cells, injuries, dishes = plan.get("cells"), plan.get("injury"), _dishes(plan)
        if name in ("injury", "treat"):
            plan.drop(name)
        elif name == "prepared":
            for holder, _ in dishes:
                holder.drop("prepared")
        elif isinstance(cells, Map) and name in cells:
            cells.drop(name)
        elif isinstance(name, str) and isinstance(injuries, Seq) and name in _injury_names(injuries):
            for n in reversed(range(len(injuries))):
                if isinstance(injuries[n], Map) and injuries[n].get("do") == name:
                    injuries.drop(n)
        elif isinstance(name, str) and sum(_drop_from_dish(dish, name) for _, dish in dishes):
            pass  # it was in at least one dish, and is in none now
        else:
            inside = [n for _, d in dishes for n in (*_names_of(d.get("cells")), *_injury_names(d.get("injury")))]
            known = ["injury", "treat", "prepared", *(cells or ()), *_injury_names(injuries), *inside]
            wanted = "a population, an injury, 'injury', 'treat' or 'prepared'"
            problems.append(Problem(at.where, at.key, wanted, f"'{str(name)[:60]}'", line=at.line, hint=nearest(str(name), known)))
    return problems


def _dishes(plan: Map) -> list[tuple[Map, Map]]:
    """Populations and grafts that are prepared in a dish of their own, each with that dish."""
    cells, treat = plan.get("cells"), plan.get("treat")
    holders = [c for c in cells.values() if isinstance(c, Map)] if isinstance(cells, Map) else []
    if isinstance(treat, Seq):
        holders += [t["graft"] for t in treat if isinstance(t, Map) and isinstance(t.get("graft"), Map)]
    return [(holder, holder["prepared"]) for holder in holders if isinstance(holder.get("prepared"), Map)]


def _names_of(cells: Any) -> list[str]:
    return [str(name) for name in cells] if isinstance(cells, Map) else []


def _drop_from_dish(dish: Map, name: str) -> bool:
    """Leave a population or an injury out of a dish; whether it was there."""
    cells = dish.get("cells")
    if isinstance(cells, Map) and name in cells:
        cells.drop(name)
        return True
    injuries = dish.get("injury")
    if not isinstance(injuries, Seq):
        return False
    found = [n for n, item in enumerate(injuries) if isinstance(item, Map) and item.get("do") == name]
    for n in reversed(found):
        injuries.drop(n)
    return bool(found)


def _injury_names(injuries: Any) -> list[str]:
    return [str(i.get("do")) for i in injuries if isinstance(i, Map)] if isinstance(injuries, Seq) else []


def _patch_cells(cells: Map, patch: Map) -> list[Problem]:
    problems = []
    for name, change in patch.items():
        at = patch.places[name]
        if name not in cells:
            hint = nearest(name, cells) or "declare it under 'cells' and leave it out of other arms with 'without'"
            problems.append(Problem(at.where, at.key, "a population of this arm", f"'{str(name)[:60]}'", line=at.line, hint=hint))
        elif isinstance(change, Map) and isinstance(cells[name], Map):
            new = cells[name]
            numbers = ("count", "density", "per_volume")
            given = [key for key in numbers if change.get(key) is not None]
            if len(given) == 1:
                for key in set(numbers) - set(given):
                    new.drop(key)
            _merge(new, change)
    return problems


def _patch_injuries(plan: Map, patch: Map) -> list[Problem]:
    problems = []
    injuries: Any = plan.get("injury")
    for name, change in patch.items():
        at = patch.places[name]
        if name not in _injury_names(injuries):
            hint = nearest(name, _injury_names(injuries))
            problems.append(Problem(at.where, at.key, "an injury of this arm", f"'{str(name)[:60]}'", line=at.line, hint=hint))
            continue
        for item in injuries:
            if isinstance(item, Map) and item.get("do") == name and isinstance(change, Map):
                _merge(item, change)
    return problems
