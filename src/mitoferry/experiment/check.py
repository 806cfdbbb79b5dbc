"""What the schema cannot know: names of the library, times, and whether the cells fit. Every problem is collected."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.experiment.names import CHANGES, Library, nearest
from mitoferry.experiment.observables import assays, observable, observable_names
from mitoferry.experiment.quantities import Amount, QuantityError, to_unit
from mitoferry.experiment.schema import Cells, Experiment, Injury, Measure, Plan, Treatment, role_of
from mitoferry.experiment.tree import Map, locate

ROLES = ("recipient", "donor")
EVERYWHERE = ("both", "all", "medium")
CROWDED = 0.95  # share of a layer or block that the cells may cover
MAX_READINGS = 20_000
MAX_CELLS = 1 << 24  # ids of cells hold 24 bits
SWITCH_VALUES = ("on", "off")


@dataclass
class Findings:
    """Where problems are collected, with the tree that gives them their line."""

    where: str
    library: Library
    populations: set[str]
    roles: set[str]
    end: float
    file: Any = None  # the file's own data
    timed: bool = True  # whether the file says when the run ends
    problems: list[Problem] = field(default_factory=list)

    def add(self, tree: Any, path: tuple[Any, ...], wanted: str, found: str, hint: str = "") -> None:
        """Note a problem at ``path`` of ``tree``."""
        place = locate(tree, path, self.where)
        self.problems.append(Problem(place.where, place.key or "file", wanted, found, line=place.line, hint=hint))

    def unknown(self, tree: Any, path: tuple[Any, ...], wanted: str, name: str, known: Any) -> None:
        """Note a name that is not known."""
        self.add(tree, path, wanted, f"'{name[:60]}'", nearest(name, known))


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
    roles = {role_of(n, c) for n, c in (cells | dict(experiment.cells)).items()}
    f = Findings(where, library, populations, {r for r in roles if r}, experiment.run.until.value)
    run = declared.get("run")
    f.file = tree
    f.timed = isinstance(run, Map) and str(experiment.run.until) == str(run.get("until"))
    _populations(f, experiment, tree)
    for name, plan in experiment.plans.items():
        _plan(f, plan, trees[name], name)
    _measures(f, experiment, tree)
    _expectations(f, experiment, tree, declared)
    _run(f, experiment, tree)
    _numbers(f, experiment, tree)
    return f.problems


# ------------------------------------------------------------------ populations and geometry
def _populations(f: Findings, experiment: Experiment, tree: Map) -> None:
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


def shares_of(name: str, cells: Cells, library: Library) -> dict[str, float]:
    """Haplotypes of a population with their shares; the rest is wild type, which in donors is called "donor"."""
    record = library.cell_types.get(cells.type)
    given = {h: s.value for h, s in cells.haplotypes.items()}
    shares = given or dict(getattr(record, "haplotypes", {}) or {})
    rest = 1.0 - sum(shares.values())
    if rest > 1e-9:
        shares["wild_type"] = shares.get("wild_type", 0.0) + rest
    if role_of(name, cells) == "donor" and "wild_type" in shares:
        shares = {("donor" if h == "wild_type" else h): s for h, s in shares.items()}
    return shares


def palette_of(experiment: Experiment, library: Library) -> list[str]:
    """Haplotypes of the whole experiment, wild type first: the same in every arm."""
    found: dict[str, None] = {"wild_type": None}
    for plan in [experiment, *experiment.plans.values()]:
        for name, cells in plan.cells.items():
            found.update(dict.fromkeys(shares_of(name, cells, library)))
    return list(found)


def _plan(f: Findings, plan: Plan, tree: Map, arm: str) -> None:
    if not plan.cells:
        f.add(f.file, ("arms", arm), "at least one population", "an arm without cells")
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


def _cells(f: Findings, plan: Plan, cells: Cells, tree: Map, path: tuple[Any, ...]) -> None:
    record = f.library.cell_types.get(cells.type)
    if record is None:
        f.unknown(tree, (*path, "type"), "the name of a cell type", cells.type, f.library.cell_types)
    if cells.added.value >= f.end:
        f.add(tree, (*path, "added"), f"a time before the end of the run ({f.end / 3600:g} h)", f"'{cells.added}'")
    if count_of(cells, plan) >= MAX_CELLS:
        f.add(tree, path, f"fewer than {MAX_CELLS} cells in a population", f"{count_of(cells, plan)}")
    for key, value in cells.overrides.items():
        known = record.values if record is not None else {}
        if record is not None and key not in known:
            f.unknown(tree, (*path, "overrides", key), "a number of the cell type", key, known)
        elif record is not None:
            _number(f, value, known[key].unit, tree, (*path, "overrides", key), bare=True)


def count_of(cells: Cells, plan: Plan) -> int:
    """Cells of a population: its count, or its density times the area of the bottom."""
    if cells.count is not None:
        return cells.count
    x, y, _ = plan.well.extent()
    return round((cells.density.value if cells.density else 0.0) * x * y * 1e-8)


def _geometry(f: Findings, plan: Plan, tree: Map, arm: str) -> None:
    well = plan.well
    x, y, z = well.extent()
    if well.kind == "block" and well.insert is not None:
        f.add(tree, ("well", "insert"), "an insert only in a dish", "an insert in a block")
    if well.insert is not None and well.insert.holds not in {*f.populations, *ROLES}:
        f.unknown(tree, ("well", "insert", "holds"), "a population or role", well.insert.holds, [*plan.cells, *ROLES])
    if well.insert is not None and well.insert.pore.value > 20.0:
        f.add(tree, ("well", "insert", "pore"), "a pore of at most 20 um", f"'{well.insert.pore}'")
    if min(x, y) < well.voxel.value:
        f.add(tree, ("well", "voxel"), f"a voxel no larger than the well ({min(x, y):g} um)", f"'{well.voxel}'")
    used: dict[int, float] = {}
    for name, cells in plan.cells.items():
        record = f.library.cell_types.get(cells.type)
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
            found = f"cells that need {100 * taken / space:.0f} % of it in arm '{arm}'"
            f.add(
                tree,
                ("well", "size"),
                f"a well whose {what} holds its cells (at most {100 * CROWDED:.0f} % covered)",
                found,
                "enlarge the well, or seed fewer cells",
            )
    if not any(count_of(c, plan) for c in plan.cells.values()) and plan.cells:
        f.add(f.file, ("arms", arm), "at least one cell", "none")


def well_text(plan: Plan) -> str:
    """Size of the well as written."""
    size = plan.well.size
    return str(size) if isinstance(size, Amount) else " x ".join(str(s) for s in size)


def layer_of(name: str, cells: Cells, plan: Plan) -> int:
    """0 = bottom, 1 = on the insert."""
    insert = plan.well.insert
    return int(insert is not None and insert.holds in (name, role_of(name, cells)))


# ------------------------------------------------------------------ timed changes
def _action(f: Findings, plan: Plan, action: Injury | Treatment, tree: Map, path: tuple[Any, ...]) -> None:
    start, end = action.from_.value, action.until.value if action.until else math.inf
    if start >= f.end:
        f.add(tree, (*path, "from"), f"a time before the end of the run ({f.end / 3600:g} h)", f"'{action.from_}'")
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
    elif action.kind == "drug":
        _drug(f, action, tree, path)
    elif action.kind == "gene":
        _gene(f, action, tree, path)
    elif action.kind == "medium" and action.medium is not None and not action.medium.values():
        f.add(tree, (*path, "medium"), "at least one concentration", "none")


def _replaced(f: Findings, action: Injury, record: Any, tree: Map, path: tuple[Any, ...]) -> None:
    keys = {r.key for r in record.responses}
    for name in ("oxygen", "glucose"):
        if getattr(action, name) is not None and name not in keys:
            f.add(tree, (*path, name), f"an injury that changes {name}", f"'{action.do}', which does not")


def _drug(f: Findings, action: Treatment, tree: Map, path: tuple[Any, ...]) -> None:
    name = action.drug or ""
    record = f.library.drug(name)
    if record is None:
        hint = f"'{name}' is a gene: write 'gene: {name}'" if name in f.library.genes else nearest(name, f.library.drugs)
        f.add(tree, (*path, "drug"), "the name of a drug", f"'{name[:60]}'", hint)
    else:
        _dose(f, record, action.dose, tree, (*path, "dose"))


def _gene(f: Findings, action: Treatment, tree: Map, path: tuple[Any, ...]) -> None:
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


def _dose(f: Findings, record: Any, dose: Amount | None, tree: Map, path: tuple[Any, ...]) -> None:
    if dose is None:
        return
    try:
        dose_in(record, dose)
    except QuantityError as problem:
        f.add(tree, path, f"a dose of {record.name}: {problem.wanted}", f"'{dose}'", problem.hint)


def dose_in(record: Any, dose: Amount) -> float:
    """A dose in the unit of its record.

    Raises:
        QuantityError: the unit is missing or measures something else.
    """
    if record.unit == "%" and not dose.unit:
        raise QuantityError("a number with its unit, as in '2 %'", "units are never guessed")
    return to_unit(dose.text, record.unit, species="oxygen" if record.oxygen else "")


# ------------------------------------------------------------------ readings, findings, run
def _measures(f: Findings, experiment: Experiment, tree: Map) -> None:
    known = assays()
    total = 0
    for n, measure in enumerate(experiment.measure):
        path = ("measure", n)
        info = known.get(measure.assay)
        if info is None:
            f.unknown(tree, (*path, "assay"), "the name of an assay", measure.assay, known)
        for k, name in enumerate(measure.of or ()):
            if name not in {*f.populations, *ROLES, *EVERYWHERE, "well"}:
                place = (*path, "of") if len(measure.of or ()) == 1 else (*path, "of", k)
                f.unknown(tree, place, "a population, a role, or 'well'", name, [*f.populations, *ROLES, "well"])
        for problem in info.problems(measure.options) if info is not None else ():
            f.add(
                tree,
                (*path, "options", problem.key),
                problem.wanted,
                problem.found,
                problem.hint or nearest(problem.key, info.options if info else ()),
            )
        for k, time in enumerate(measure.at or ()):
            if time.value > f.end:
                f.add(tree, (*path, "at", k), f"a time within the run (until {f.end / 3600:g} h)", f"'{time}'")
        if measure.every is not None:
            last, first = (measure.until or experiment.run.until).value, (measure.from_.value if measure.from_ else 0.0)
            if first > f.end:
                f.add(tree, (*path, "from"), f"a time within the run (until {f.end / 3600:g} h)", f"'{measure.from_}'")
            elif last < first:
                f.add(tree, (*path, "until"), "a time after 'from'", f"'{measure.until}'")
        total += len(times_of(measure, experiment)) if measure.every is None or measure.every.value >= 1.0 else MAX_READINGS + 1
    if total > MAX_READINGS and f.timed:
        f.add(tree, ("measure",), f"at most {MAX_READINGS} readings per well", f"{total}", "read less often")


def times_of(measure: Measure, experiment: Experiment) -> tuple[int, ...]:
    """Times of the readings [s], on the macro-steps of the run, each once."""
    step = max(round(experiment.run.clocks.macro.value), 1)
    end = experiment.run.until.value
    if measure.at is not None:
        wanted = [t.value for t in measure.at]
    else:
        every = max(measure.every.value if measure.every else end, 1.0)
        first = measure.from_.value if measure.from_ else 0.0
        last = min(measure.until.value if measure.until else end, end)
        n = min(int((last - first) / every + 1e-9) + 1, MAX_READINGS + 1)
        wanted = [first + k * every for k in range(max(n, 0))]
    return tuple(sorted({min(round(t / step), int(end // step)) * step for t in wanted}))


def _expectations(f: Findings, experiment: Experiment, tree: Map, declared: Map) -> None:
    written = declared.get("arms")
    arms = {*experiment.plans, *(written if isinstance(written, Map) else ())}
    measured = {m.assay for m in experiment.measure}
    dropped = isinstance(declared.get("measure"), list) and len(declared["measure"]) != len(experiment.measure)
    for n, expect in enumerate(experiment.expect):
        path = ("expect", n)
        key = "observable" if expect.observable else "readout"
        seen = observable(expect.name)
        if seen is None:
            f.unknown(tree, (*path, key), "the name of an observable or readout", expect.name, observable_names())
        elif seen.assay not in measured and not dropped:
            f.add(
                tree, (*path, key), f"a reading of '{expect.name}'", "none under 'measure'", f"add '- {{assay: {seen.assay}, at: [...]}}'"
            )
        for name in ("arm", "versus"):
            value = getattr(expect, name)
            if value is not None and value not in arms and not (name == "versus" and value == "within_arm"):
                f.unknown(tree, (*path, name), "the name of an arm", value, arms)
        if expect.of is not None and expect.of not in {*f.populations, *ROLES, "well"}:
            f.unknown(tree, (*path, "of"), "a population, a role, or 'well'", expect.of, [*f.populations, *ROLES, "well"])
        if expect.at is not None and expect.at.value > f.end:
            f.add(tree, (*path, "at"), f"a time within the run (until {f.end / 3600:g} h)", f"'{expect.at}'")


def _run(f: Findings, experiment: Experiment, tree: Map) -> None:
    clocks = experiment.run.clocks
    steps = [("macro", clocks.macro.value), ("mitochondria", clocks.mitochondria.value), ("quality", clocks.quality.value)]
    for (slow_under, base), (name, value) in zip([("", 1.0), *steps[:2]], steps, strict=True):
        if base < 1.0 or abs(value / base - round(value / base)) > 1e-9 or round(value / base) < 1:
            wanted = "whole seconds, at least one" if not slow_under else f"a multiple of the {slow_under} clock ({base:g} s)"
            f.add(tree, ("run", "clocks", name), wanted, f"'{getattr(clocks, name)}'")
    if clocks.macro.value > 3600.0:
        f.add(tree, ("run", "clocks", "macro"), "at most 1 h", f"'{clocks.macro}'")
    if f.end < clocks.macro.value:
        f.add(tree, ("run", "until"), f"at least one macro-step ({clocks.macro})", f"'{experiment.run.until}'")
    wells = len(experiment.plans) * experiment.run.replicates
    if wells > 100_000:
        f.add(tree, ("run", "replicates"), "at most 100000 wells in one run", f"{wells}")


def _numbers(f: Findings, experiment: Experiment, tree: Map) -> None:
    for name, value in experiment.parameters.items():
        record = f.library.parameters.get(name)
        if record is None:
            f.unknown(tree, ("parameters", name), "the name of a parameter", name, f.library.parameters)
        else:
            _number(f, value, record.unit, tree, ("parameters", name), bare=True)
    for name, value in experiment.switches.items():
        known = processes()
        if name not in known:
            f.unknown(tree, ("switches", name), "the name of a process", name, known)
        elif value not in SWITCH_VALUES:
            f.add(tree, ("switches", name), "on or off", f"'{value[:60]}'")


def processes() -> list[str]:
    """Names of the processes of the loop, with those of other packages."""
    from importlib import metadata

    from mitoferry.experiment.loop import BUILT_IN, ENTRY_POINT_GROUP

    return [*BUILT_IN, *(e.name for e in metadata.entry_points(group=ENTRY_POINT_GROUP))]


def _number(f: Findings, value: Any, unit: str, tree: Map, path: tuple[Any, ...], *, bare: bool) -> None:
    try:
        number_in(value, unit)
    except QuantityError as problem:
        f.add(tree, path, problem.wanted, f"'{value}'", problem.hint)


def number_in(value: Any, unit: str) -> float:
    """A number of the library as given in a file: bare numbers are in the unit of the record.

    Raises:
        QuantityError: not a number, or of another unit.
    """
    if isinstance(value, str):
        from mitoferry.experiment.quantities import split

        number, found = split(value)
        return number if not found else to_unit(value, unit)
    number = float(value)
    if not math.isfinite(number):
        raise QuantityError("a finite number")
    return number
