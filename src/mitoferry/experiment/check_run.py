"""Checks of readings, clocks and parameters; those of findings are in ``check_expect.py``. Every problem is collected."""

from __future__ import annotations

from typing import Any

from mitoferry.experiment.check_expect import check_expectations
from mitoferry.experiment.meaning import MAX_READINGS, number_in, processes, times_of
from mitoferry.experiment.names import nearest
from mitoferry.experiment.observables import assays
from mitoferry.experiment.prepared import cells_in_dishes, dishes_in
from mitoferry.experiment.problems import EVERYWHERE, ROLES, Collector
from mitoferry.experiment.quantities import QuantityError
from mitoferry.experiment.schema import Experiment
from mitoferry.experiment.tree import Map

SWITCH_VALUES = ("on", "off")


def check_run(f: Collector, experiment: Experiment, tree: Map, declared: Map) -> None:
    """Note what is wrong with measure, expect, run, parameters and switches."""
    _measures(f, experiment, tree)
    check_expectations(f, experiment, tree, declared)
    _run(f, experiment, tree)
    _numbers(f, experiment, tree)


def _measures(f: Collector, experiment: Experiment, tree: Map) -> None:
    known, dishes = assays(), cells_in_dishes(experiment)
    total = 0
    for n, measure in enumerate(experiment.measure):
        path = ("measure", n)
        info = known.get(measure.assay)
        if info is None:
            f.unknown(tree, (*path, "assay"), "the name of an assay", measure.assay, known)
        inside = dishes.get(measure.dish or "", f.populations)
        if measure.dish is not None and measure.dish not in dishes:
            wanted, hint = "a population that is prepared in a dish", nearest(measure.dish, dishes) or "see 'prepared' under 'cells'"
            f.add(tree, (*path, "dish"), wanted, f"'{measure.dish}'", hint)
            continue
        for k, name in enumerate(measure.of or ()):
            if name not in {*inside, *ROLES, *EVERYWHERE, "well"}:
                place = (*path, "of") if len(measure.of or ()) == 1 else (*path, "of", k)
                hint = "" if measure.dish is not None else next((f"add 'dish: {d}'" for d, held in dishes.items() if name in held), "")
                f.add(
                    tree, place, "a population, a role, or 'well'", f"'{name[:60]}'", hint or nearest(name, [*inside, *ROLES, "well"])
                )  # fmt: skip
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


def _run(f: Collector, experiment: Experiment, tree: Map) -> None:
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
    for k, name in enumerate(experiment.run.detail or ()):
        if name not in experiment.plans:
            place = ("run", "detail", k) if len(experiment.run.detail or ()) > 1 else ("run", "detail")
            f.unknown(tree, place, "the name of an arm", name, experiment.plans)
    wells = sum(1 + len(dishes_in(plan)) for plan in experiment.plans.values()) * experiment.run.replicates
    if wells > 100_000:
        f.add(tree, ("run", "replicates"), "at most 100000 wells in one run", f"{wells}")


def _numbers(f: Collector, experiment: Experiment, tree: Map) -> None:
    for name, value in experiment.parameters.items():
        record = f.library.parameters.get(name)
        if record is None:
            f.unknown(tree, ("parameters", name), "the name of a parameter", name, f.library.parameters)
        else:
            check_number(f, value, record.unit, tree, ("parameters", name))
    known = processes() if experiment.switches else []
    for name, value in experiment.switches.items():
        if name not in known:
            f.unknown(tree, ("switches", name), "the name of a process", name, known)
        elif value not in SWITCH_VALUES:
            f.add(tree, ("switches", name), "on or off", f"'{value[:60]}'")


def check_number(f: Collector, value: Any, unit: str, tree: Map, path: tuple[Any, ...]) -> None:
    """Note a number of the library that is none, or has the wrong unit."""
    try:
        number_in(value, unit)
    except QuantityError as problem:
        f.add(tree, path, problem.wanted, f"'{value}'", problem.hint)
