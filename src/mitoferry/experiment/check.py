"""What the schema cannot know: names of the library, times, and whether the cells fit. Every problem is collected."""

from __future__ import annotations

import math
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.core.schema import MAX_COPIES
from mitoferry.experiment.check_given import check_block, check_flow, check_given, check_taken
from mitoferry.experiment.check_prepared import check_dish, check_preparations
from mitoferry.experiment.check_run import check_number, check_run
from mitoferry.experiment.meaning import count_of, dose_in, grafts_of, layer_of, number_in, well_text
from mitoferry.experiment.names import CHANGES, Library, nearest
from mitoferry.experiment.palette import palette_of
from mitoferry.experiment.parts import Cells, Injury, Microtunnels, Treatment, role_of
from mitoferry.experiment.prepared import dishes_in
from mitoferry.experiment.problems import EVERYWHERE, ROLES, Collector
from mitoferry.experiment.quantities import Amount, QuantityError
from mitoferry.experiment.schema import Experiment, Plan
from mitoferry.experiment.tree import Map

CROWDED = 0.95  # share of a layer or block that the cells may cover
MAX_CELLS = 1 << 24  # ids of cells hold 24 bits


def check_meaning(
    experiment: Experiment, tree: Map, trees: dict[str, Map], where: str, library: Library, *, declared: Map
) -> list[Problem]:
    """Problems of a file whose form is right.

    Args:
        experiment: what could be read of it.
        tree: the plain data that it was read from.
        trees: the same per arm, after its patches.
        where: name of the file.
        library: names to check against.
        declared: the file as written, with the parts that were taken out as wrong: their names count as known.
    """
    cells = {name: plan.cells[name] for plan in experiment.plans.values() for name in plan.cells}
    written = declared.get("cells")
    populations = {*cells, *experiment.cells, *(written if isinstance(written, Map) else ())}
    populations |= set(grafts_of(experiment))
    f = Collector(where, library, populations, experiment.run.until.value)
    run = declared.get("run")
    f.file = tree
    f.timed = isinstance(run, Map) and str(experiment.run.until) == str(run.get("until"))
    _populations(f, experiment, tree)
    for name, plan in experiment.plans.items():
        _plan(f, plan, trees[name], name)
    check_preparations(f, experiment, trees)
    check_run(f, experiment, tree, declared)
    return f.problems


def _populations(f: Collector, experiment: Experiment, tree: Map) -> None:
    for name, cells in experiment.cells.items():
        if role_of(name, cells) is None:
            hint = "add 'role: recipient' or 'role: donor', or put the word into the name"
            f.add(tree, ("cells", name), "a role", f"'{name}' without one", hint)
    palette = palette_of(experiment, f.library)
    if len(palette) > 4:
        f.add(tree, ("cells",), "at most four haplotypes of mtDNA", f"{len(palette)} ({', '.join(palette)})")
    for name in experiment.haplotypes:
        if name not in palette:
            f.unknown(tree, ("haplotypes", name), "a haplotype that a population carries", name, palette)


def _plan(f: Collector, plan: Plan, tree: Map, arm: str) -> None:
    if not plan.cells:
        f.add(f.file, ("arms", arm), "at least one population", "an arm without cells")
    _contents(f, plan, tree, arm)
    for dish in dishes_in(plan):
        inside, held = check_dish(f, dish, tree)
        _contents(inside, dish.plan, held, arm)


def _contents(f: Collector, plan: Plan, tree: Map, arm: str) -> None:
    """Cells, well, injuries and treatments of an arm, or of a dish of preparation."""
    for name, cells in plan.cells.items():
        _cells(f, plan, cells, tree, ("cells", name))
    _geometry(f, plan, tree, arm)
    for n, injury in enumerate(plan.injury):
        _action(f, plan, injury, tree, ("injury", n))
    for n, treatment in enumerate(plan.treat):
        _action(f, plan, treatment, tree, ("treat", n))
    for drug, dose in plan.well.medium.extras.items():
        path = ("well", "medium", "extras", drug)
        record = f.library.drug(drug)
        if record is None:
            f.unknown(tree, path, "the name of a drug", drug, f.library.drugs)
        else:
            _dose(f, record, dose, tree, path)


def _cells(f: Collector, plan: Plan, cells: Cells, tree: Map, path: tuple[Any, ...]) -> None:
    record = f.library.cell_types.get(cells.type)
    if record is None:
        f.unknown(tree, (*path, "type"), "the name of a cell type", cells.type, f.library.cell_types)
    if cells.added.value >= f.end:
        f.add(tree, (*path, "added"), f"a time before {f.ending} ({f.end / 3600:g} h)", f"'{cells.added}'")
    if count_of(cells, plan) >= MAX_CELLS:
        f.add(tree, path, f"fewer than {MAX_CELLS} cells in a population", f"{count_of(cells, plan)}")
    for key, value in cells.overrides.items():
        known = record.values if record is not None else {}
        if record is not None and key not in known:
            f.unknown(tree, (*path, "overrides", key), "a number of the cell type", key, known)
        elif record is not None:
            check_number(f, value, known[key].unit, tree, (*path, "overrides", key))
    if record is not None:
        _copies(f, cells, record, tree, path)


def _copies(f: Collector, cells: Cells, record: Any, tree: Map, path: tuple[Any, ...]) -> None:
    """A mitochondrion's record counts its mtDNA copies in a byte."""
    numbers = {key: record.value(key) for key in ("mtdna", "mitochondria")}
    for key in numbers.keys() & cells.overrides.keys():
        try:
            numbers[key] = number_in(cells.overrides[key], record.values[key].unit)
        except QuantityError:
            return  # reported by check_number
    if numbers["mitochondria"] > 0 and numbers["mtdna"] > MAX_COPIES * numbers["mitochondria"]:
        wanted = f"at most {MAX_COPIES} copies of mtDNA per mitochondrion"
        f.add(tree, (*path, "overrides"), wanted, "{mtdna:g} copies in {mitochondria:g} mitochondria".format(**numbers))


def _geometry(f: Collector, plan: Plan, tree: Map, arm: str) -> None:
    well = plan.well
    x, y, z = well.extent()
    if well.kind == "block" and well.insert is not None:
        f.add(tree, ("well", "insert"), "an insert only in a dish", "an insert in a block")
    if well.kind == "insert" and well.insert is None:
        hint = "add 'insert: {pore: 0.4 um, holds: donor}' to the well, or write 'kind: dish'"
        f.add(tree, ("well", "kind"), "the key 'insert' beside 'kind: insert'", "'kind: insert' alone", hint)
    if well.insert is not None and well.insert.holds not in {*f.populations, *ROLES}:
        f.unknown(tree, ("well", "insert", "holds"), "a population or role", well.insert.holds, [*plan.cells, *ROLES])
    if well.insert is not None and well.insert.pore.value > 20.0:
        f.add(tree, ("well", "insert", "pore"), "a pore of at most 20 um", f"'{well.insert.pore}'")
    check_block(f, plan, tree)
    if min(x, y) < well.voxel.value:
        f.add(tree, ("well", "voxel"), f"a voxel no larger than the well ({min(x, y):g} um)", f"'{well.voxel}'")
    used: dict[int, float] = {}
    for name, cells in plan.cells.items():
        record = f.library.cell_types.get(cells.type)
        if cells.per_volume is not None and well.kind != "block":
            f.add(tree, ("cells", name, "per_volume"), "cells per volume only in a block", "a dish", "write 'count' or 'density'")
        if record is None or "radius" not in record.values:
            continue
        radius, n = record.value("radius"), count_of(cells, plan)
        if 2.0 * radius > min(x, y, z if well.kind == "block" else x):
            f.add(tree, ("well", "size"), f"a well wider than one cell of {cells.type} ({2 * radius:g} um)", f"'{well_text(plan)}'")
            return
        layer = layer_of(name, cells, plan)
        used[layer] = used.get(layer, 0.0) + n * (4.0 / 3.0 * math.pi * radius**3 if well.kind == "block" else math.pi * radius**2)
    space = x * y * (z if well.kind == "block" else 1.0)
    for layer, taken in used.items():
        if taken > CROWDED * space:
            what = "volume" if well.kind == "block" else "insert" if layer else "bottom"
            where = f"arm '{arm}'" if f.dish is None else f"the dish of '{f.dish}'"
            found = f"cells that need {100 * taken / space:.0f} % of it in {where}"
            f.add(
                tree,
                ("well", "size"),
                f"a well whose {what} holds its cells (at most {100 * CROWDED:.0f} % covered)",
                found,
                "enlarge the well, or seed fewer cells",
            )
    if not any(count_of(c, plan) for c in plan.cells.values()) and plan.cells:
        place: tuple[Map, tuple[Any, ...]] = (f.file, ("arms", arm)) if f.dish is None else (tree, ("cells",))
        f.add(*place, "at least one cell", "none")


def _action(f: Collector, plan: Plan, action: Injury | Treatment, tree: Map, path: tuple[Any, ...]) -> None:
    at = getattr(action, "at", None)
    begin, key = (action.from_, "from") if at is None else (at, "at")
    start, end = begin.value, action.until.value if action.until else math.inf
    if start >= f.end:
        f.add(tree, (*path, key), f"a time before {f.ending} ({f.end / 3600:g} h)", f"'{begin}'")
    elif end <= start:
        f.add(tree, (*path, "until"), f"a time after 'from' ({action.from_})", f"'{action.until}'")
    for n, name in enumerate(action.on or ()):
        if name not in {*f.populations, *ROLES, *EVERYWHERE}:
            place = (*path, "on") if (action.on is not None and len(action.on) == 1) else (*path, "on", n)
            f.unknown(tree, place, "donor, recipient, both, medium or a population", name, [*plan.cells, *ROLES, *EVERYWHERE])
    if isinstance(action, Injury):
        record = f.library.injury(action.do)
        if record is None:
            hint_names = {**f.library.drugs, **f.library.injuries}
            f.unknown(tree, (*path, "do"), "the name of an injury", action.do, hint_names)
        else:
            _dose(f, record, action.dose, tree, (*path, "dose"))
            _replaced(f, action, record, tree, path)
            check_flow(f, plan, record, tree, (*path, "do"))
    elif action.kind == "drug":
        _drug(f, action, tree, path)
    elif action.kind == "gene":
        _gene(f, action, tree, path)
    elif action.given is not None:
        check_given(f, plan, action.given, tree, (*path, action.kind))
    elif action.microtunnels is not None:
        _microtunnels(f, plan, action.microtunnels, tree, (*path, "microtunnels"))
    elif action.take_out is not None:
        check_taken(f, plan, action, tree, path)
    elif action.kind == "medium" and action.medium is not None and not action.medium.values():
        f.add(tree, (*path, "medium"), "at least one concentration", "none")


def _microtunnels(f: Collector, plan: Plan, given: Microtunnels, tree: Map, path: tuple[Any, ...]) -> None:
    """Microtunnels: both ends are populations of this arm, and not the same."""
    ends: dict[str, set[str]] = {}
    for key in ("donor", "recipient"):
        for name in getattr(given, key):
            if name not in {*f.populations, *ROLES}:
                f.unknown(tree, (*path, key), "a population or role", name, [*plan.cells, *ROLES])
        ends[key] = {p for p, c in plan.cells.items() if {p, role_of(p, c)} & set(getattr(given, key))}
        if not ends[key] and all(name in {*f.populations, *ROLES} for name in getattr(given, key)):
            f.add(tree, (*path, key), "a population of this arm", f"none ({', '.join(getattr(given, key))})")
    both = sorted(ends["donor"] & ends["recipient"])
    if both:
        f.add(tree, path, "donors that are not recipients, too", ", ".join(both))


def _replaced(f: Collector, action: Injury, record: Any, tree: Map, path: tuple[Any, ...]) -> None:
    keys = {r.key for r in record.responses}
    for name in ("oxygen", "glucose"):
        if getattr(action, name) is not None and name not in keys:
            f.add(tree, (*path, name), f"an injury that changes {name}", f"'{action.do}', which does not")


def _drug(f: Collector, action: Treatment, tree: Map, path: tuple[Any, ...]) -> None:
    name = action.drug or ""
    record = f.library.drug(name)
    if record is None:
        hint = f"'{name}' is a gene: write 'gene: {name}'" if name in f.library.genes else nearest(name, f.library.drugs)
        f.add(tree, (*path, "drug"), "the name of a drug", f"'{name[:60]}'", hint)
    else:
        _dose(f, record, action.dose, tree, (*path, "dose"))


def _gene(f: Collector, action: Treatment, tree: Map, path: tuple[Any, ...]) -> None:
    name = action.gene or ""
    if action.change is not None and action.change not in CHANGES:
        f.unknown(tree, (*path, "change"), "one of " + ", ".join(CHANGES), action.change, CHANGES)
    elif f.library.gene(name, action.change) is None:
        words = {v: k for k, v in CHANGES.items()}
        known = {n.rpartition("_")[0] if n.rpartition("_")[2] in words else n for n in f.library.genes}
        stem = [n for n in f.library.genes if n.rpartition("_")[0] == name]
        hint = "known changes: " + ", ".join(words.get(n.rpartition("_")[2], n) for n in stem) if stem else nearest(name, known)
        found = f"'{name[:60]}'" + (f" with change '{action.change}'" if action.change else "")
        f.add(tree, (*path, "gene"), "a gene of the library with its change", found, hint)


def _dose(f: Collector, record: Any, dose: Amount | None, tree: Map, path: tuple[Any, ...]) -> None:
    if dose is None:
        return
    try:
        dose_in(record, dose)
    except QuantityError as problem:
        f.add(tree, path, f"a dose of {record.name}: {problem.wanted}", f"'{dose}'", problem.hint)
