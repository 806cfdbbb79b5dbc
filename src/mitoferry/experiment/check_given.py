"""What the schema cannot know of mitochondria and cells that are given, of cells taken out, and of what only a block of tissue can do."""

from __future__ import annotations

from typing import Any

from mitoferry.experiment.meaning import count_of, dose_of, offered_of, rows_of_graft
from mitoferry.experiment.parts import Given, Grafted, Injected, Isolated, Package, Sited, Treatment, role_of
from mitoferry.experiment.problems import ROLES, Collector
from mitoferry.experiment.schema import Plan
from mitoferry.experiment.tree import Map

MAX_DOSE = 50_000_000  # mitochondria that are given
MAX_GRAFT = 1_000_000
BLOCK_ONLY = ("template", "perfusion", "clearance", "haemoglobin", "washout", "organ")
A_BLOCK = "a tissue block (well.kind: block)"


def check_block(f: Collector, plan: Plan, tree: Map) -> None:
    """Keys of the well that mean something in a block only."""
    well = plan.well
    for key in BLOCK_ONLY:
        if getattr(well, key) is not None and well.kind != "block":
            f.add(tree, ("well", key), f"{A_BLOCK} for '{key}'", f"'kind: {well.kind}'")
    if well.perfusion is not None and well.kind == "block" and not well.periodic:
        f.add(tree, ("well", "perfusion"), "a block without walls (periodic: true), which blood flows through", "'periodic: false'")


def check_flow(f: Collector, plan: Plan, record: Any, tree: Map, path: tuple[Any, ...]) -> None:
    """An injury that acts on the flow of blood needs some."""
    if not any(r.kind == "perfusion" for r in record.responses):
        return
    if plan.well.kind != "block" or not plan.well.periodic:
        found = "a dish" if plan.well.kind != "block" else "a block with walls"
        hint = "in a dish: 'do: oxygen_glucose_deprivation'"
        f.add(tree, path, f"{A_BLOCK} without walls, which blood flows through", found, hint)


def check_given(f: Collector, plan: Plan, given: Given, tree: Map, path: tuple[Any, ...]) -> None:
    """Mitochondria or cells that a treatment brings: their type, number, and what can be done in this well."""
    record = f.library.cell_types.get(given.type)
    if record is None:
        f.unknown(tree, (*path, "type"), "the name of a cell type", given.type, f.library.cell_types)
    elif record.value("mitochondria") <= 0.0 and not isinstance(given, Grafted):
        f.add(tree, (*path, "type"), "a cell type with mitochondria", f"'{given.type}', which has none")
    if isinstance(given, Sited):
        _site(f, plan, given, tree, path)
        if getattr(given, "dose", None) is not None and plan.well.organ is None and plan.well.kind == "block":
            hint = "add 'organ: 0.2 mL' to the well, or give 'count', what the block itself gets"
            f.add(tree, (*path, "dose"), "the volume of the organ that the dose is given to", "none", hint)
    if isinstance(given, Isolated):
        _isolated(f, plan, given, tree, path)
    elif isinstance(given, Package):
        _number(f, dose_of(given, plan) * given.mitochondria, tree, (*path, "count" if given.count is not None else "per_cell"))
    elif isinstance(given, Injected):
        _injected(f, plan, given, tree, path)
    elif isinstance(given, Grafted):
        _graft(f, plan, given, tree, path)


def _number(f: Collector, n: int, tree: Map, path: tuple[Any, ...]) -> None:
    if not 1 <= n < MAX_DOSE:
        f.add(tree, path, f"at least one and fewer than {MAX_DOSE} mitochondria in a dose", f"{n}")


def _site(f: Collector, plan: Plan, given: Sited, tree: Map, path: tuple[Any, ...]) -> None:
    block = plan.well.kind == "block"
    if getattr(given, "dose", None) is not None and not block:
        f.add(tree, (*path, "dose"), f"{A_BLOCK} for a dose to an organ", "a dish", "in a dish give 'count' or 'per_cell'")
    for key in ("site", "spread"):
        if getattr(given, key) is None:
            continue
        if not block:
            f.add(tree, (*path, key), f"{A_BLOCK} to inject into", "a dish")
        elif getattr(given, "route", "") not in ("injection", "local"):
            f.add(tree, (*path, key), "a site only with the route injection or local", f"route {getattr(given, 'route', '')}")
    if given.site is not None and given.spread is None:
        f.add(tree, (*path, "site"), "'spread' beside 'site'", "a site alone", "as in 'spread: 30 um'")
    if block and isinstance(given.site, tuple) and any(at.value > x for at, x in zip(given.site, plan.well.extent(), strict=True)):
        f.add(tree, (*path, "site"), "a place in the block", ", ".join(str(at) for at in given.site))


def _isolated(f: Collector, plan: Plan, given: Isolated, tree: Map, path: tuple[Any, ...]) -> None:
    key = "count" if given.count is not None else "dose" if given.dose is not None else "per_cell"
    block = plan.well.kind == "block"
    if key != "dose" or (block and plan.well.organ is not None):
        _number(f, dose_of(given, plan), tree, (*path, key))
    if given.route != "medium" and not block:
        f.add(tree, (*path, "route"), f"{A_BLOCK} for the route {given.route}", "a dish", "in a dish they are put into the medium")
    if given.centrifugation is not None and (block or plan.well.insert is not None):
        f.add(tree, (*path, "centrifugation"), "a dish without insert to centrifuge", "a block" if block else "an insert")
    if given.washout is not None and not block:
        hint = "in a dish, 'until' says when they are washed off"
        f.add(tree, (*path, "washout"), "a tissue block (well.kind: block) that flow can wash", "a dish", hint)
    elif given.washout is not None and given.route not in ("medium", "injection"):
        f.add(
            tree,
            (*path, "washout"),
            "a washout only with the routes medium and injection",
            f"route {given.route}",
            "see well: {washout: ...}",
        )


def _injected(f: Collector, plan: Plan, given: Injected, tree: Map, path: tuple[Any, ...]) -> None:
    for name in given.into:
        if name not in {*f.populations, *ROLES, "both", "all"}:
            f.unknown(tree, (*path, "into"), "a population or role", name, [*plan.cells, *ROLES])
    cells = [c for name, c in plan.cells.items() if set(given.into) & {name, role_of(name, c), "both", "all"}]
    n = given.count.value * sum(count_of(c, plan) for c in cells)
    if n >= MAX_DOSE:
        f.add(tree, (*path, "count"), f"fewer than {MAX_DOSE} mitochondria in all cells together", f"{n:g}")


def _graft(f: Collector, plan: Plan, given: Grafted, tree: Map, path: tuple[Any, ...]) -> None:
    if plan.well.kind != "block":
        f.add(tree, path, f"{A_BLOCK} to graft into", "a dish", "in a dish give the cells under 'cells' with 'added'")
        return
    if given.name in plan.cells:
        f.add(tree, (*path, "name"), "a name that no population has", f"'{given.name}'")
    key = next(k for k in ("count", "per_recipient", "dose") if getattr(given, k) is not None)
    if key == "dose" and plan.well.organ is None:
        return  # reported above
    if offered_of(given, plan) <= 0.0 or rows_of_graft(given, plan) > MAX_GRAFT:
        f.add(tree, (*path, key), f"more than 0 and at most {MAX_GRAFT} cells offered to the block", f"{offered_of(given, plan):g}")


def check_taken(f: Collector, plan: Plan, treat: Treatment, tree: Map, path: tuple[Any, ...]) -> None:
    """Cells that are taken out: of populations that the arm has, and that are in the well by then."""
    names = treat.take_out or ()
    cells = {**plan.cells, **{t.graft.name: t.graft.cells() for t in plan.treat if t.graft is not None}}
    added = {**{p: c.added for p, c in plan.cells.items()}, **{t.graft.name: t.from_ for t in plan.treat if t.graft is not None}}
    for n, name in enumerate(names):
        place = (*path, "take_out") if len(names) == 1 else (*path, "take_out", n)
        found = [p for p, c in cells.items() if name in (p, role_of(p, c))]
        if name not in {*f.populations, *ROLES}:
            f.unknown(tree, place, "a population or role", name, [*cells, *ROLES])
        elif not found:
            hint = "put the treatment into those arms that have it"
            f.add(tree, place, "a population of this arm", f"'{name}', which it does not have", hint)
        elif treat.at is not None and all(added[p].value > treat.at.value for p in found):
            first = min((added[p] for p in found), key=lambda time: time.value)
            f.add(tree, (*path, "at"), f"a time at which cells of '{name}' are in the well ({first} or later)", f"'{treat.at}'")
