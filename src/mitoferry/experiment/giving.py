"""Mitochondria and cells that a treatment gives, and cells that it takes out, as numbers: doses, grafts and removals of an arm."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mitoferry.core.plate_spec import ISOLATED, Action, Dose, Graft, Population
from mitoferry.core.schema import VESICLE_NAMES
from mitoferry.experiment.meaning import dose_of, offered_of, rows_of_graft
from mitoferry.experiment.names import Library
from mitoferry.experiment.parts import Injected, Isolated, Package, Sited
from mitoferry.experiment.schema import Plan

Source = Callable[..., Population]


def _place(given: Sited, plan: Plan) -> dict[str, Any]:
    """Site and spread in the block."""
    if given.spread is None:
        return {}
    centre = tuple(0.5 * x for x in plan.well.extent())
    site = tuple(x.value for x in given.site) if isinstance(given.site, tuple) else centre
    return {"site": site, "spread": given.spread.value}


def _isolated(given: Isolated, plan: Plan) -> tuple[int, dict[str, Any]]:
    n = dose_of(given, plan)
    return n, {
        "spin": given.centrifugation.value if given.centrifugation is not None else 0.0,
        "washout": given.washout.value if given.washout is not None else math.inf,
        "route": given.route,
        **(_place(given, plan) if given.route == "injection" else {}),
        "cause": f"{n} mitochondria of {given.type}" + ("" if given.route == "medium" else f", {given.route}"),
    }


def _package(given: Package, plan: Plan) -> tuple[int, dict[str, Any]]:
    n = dose_of(given, plan)
    return n * given.mitochondria, {
        "route": "vesicles",
        "vesicle": VESICLE_NAMES.index(given.kind),
        "each": given.mitochondria,
        "cause": f"{n} vesicles ({given.kind}) of {given.type}",
    }


def _injected(given: Injected, populations: tuple[Population, ...]) -> tuple[int, dict[str, Any]]:
    into = tuple(p.index for p in populations if p.name in given.into or p.role in given.into or set(given.into) & {"both", "all"})
    per_cell = given.count.value
    expected = math.ceil(per_cell * sum(p.count for p in populations if p.index in into))
    return expected, {
        "route": "cytosol",
        "into": into,
        "per_cell": per_cell,
        "cause": f"{per_cell:g} mitochondria of {given.type} into each cell",
    }


def doses_in(
    plan: Plan, populations: tuple[Population, ...], palette: list[str], parameters: dict[str, float], library: Library, source: Source,
    first: int = ISOLATED,
) -> tuple[Dose, ...]:  # fmt: skip
    """Mitochondria that an arm is given, numbered from ``first`` on in the order of their treatments."""
    doses: list[Dose] = []
    for treat in plan.treat:
        given = treat.mitochondria or treat.vesicles or treat.inject
        if given is None:
            continue
        if isinstance(given, Isolated):
            n, more = _isolated(given, plan)
        else:
            n, more = _package(given, plan) if isinstance(given, Package) else _injected(given, populations)
        where = "vesicle_packages" if isinstance(given, Package) else "isolated_mitochondria"
        origin = source("isolated_mitochondria", given.cells(), n, first + len(doses), 0, palette, parameters, library)
        viability = parameters[f"{where}.viability"] if given.viability is None else given.viability.value
        doses.append(Dose(source=origin, viability=viability, start=treat.from_.value, **more))
    return tuple(doses)


def grafts_in(
    plan: Plan, order: dict[str, int], palette: list[str], parameters: dict[str, float], library: Library, source: Source
) -> tuple[tuple[Population, ...], tuple[Graft, ...]]:
    """Populations of the grafts of an arm, and when and how they come."""
    found: dict[str, tuple[Population, Graft]] = {}
    for treat in plan.treat:
        given = treat.graft
        if given is None:
            continue
        rows, mean = rows_of_graft(given, plan), offered_of(given, plan)
        cells = source(given.name, given.cells(), rows, order[given.name], 0, palette, parameters, library)
        population = replace(cells, added=treat.from_.value, grafted=True, from_dish=given.prepared is not None)
        graft = Graft(
            population=population.index, start=treat.from_.value, route=given.route, present=mean / max(rows, 1), **_place(given, plan),
            cause=f"graft of {mean:g} cells of {given.type}",
        )  # fmt: skip
        found[given.name] = (population, graft)
    pairs = [found[name] for name in sorted(found, key=order.__getitem__)]
    return tuple(p for p, _ in pairs), tuple(g for _, g in pairs)


def removals_in(plan: Plan, populations: tuple[Population, ...], parameters: dict[str, float]) -> list[Action]:
    """Cells that are taken out of the wells of an arm, and those that are lost with them, in the order of their treatments."""
    found: list[Action] = []
    for treat in plan.treat:
        if treat.take_out is None or treat.at is None:
            continue
        chosen = tuple(p.index for p in populations if {p.name, p.role} & set(treat.take_out))
        others = tuple(p.index for p in populations if p.index not in chosen)
        efficiency = parameters["cell_removal.efficiency"] if treat.efficiency is None else treat.efficiency.value
        losses = 0.0 if treat.losses is None else treat.losses.value
        names, time = " and ".join(treat.take_out), treat.at.value
        parts = (
            (efficiency, chosen, f"{100 * efficiency:g} % of {names} taken out"),
            (losses, others, f"{100 * losses:g} % of the others lost"),
        )
        for share, who, cause in parts:
            if who and share > 0.0:
                found.append(Action(kind="take_out", key="", value=share, start=time, end=time, populations=who, cause=cause))
    return found
