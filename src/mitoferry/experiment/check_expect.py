"""Checks of ``expect``: names, times, the other reading of a contrast within an arm, and whether anything is read in those arms.

Every problem is collected.
"""

from __future__ import annotations

from typing import Any

from mitoferry.experiment.meaning import populations_read, times_of
from mitoferry.experiment.observables import OBSERVABLES, Observable, assays, observable, observable_names
from mitoferry.experiment.parts import role_of
from mitoferry.experiment.problems import ROLES, Collector
from mitoferry.experiment.schema import WITHIN_ARM, Against, Expect, Experiment
from mitoferry.experiment.tree import Map

COMPARING = ("increase", "decrease", "abolish", "restore", "no_change")
"""Directions that compare two readings."""
NEAR = 60.0
"""Seconds by which a reading may lie beside the time that is asked for, as in ``studies/results.py``."""
FLOWS = ("unidirectional", "bidirectional")
"""Directions that count hand-overs, not readings."""


def check_expectations(f: Collector, experiment: Experiment, tree: Map, declared: Map) -> None:
    """Note what is wrong with the findings that an experiment is held against."""
    written = declared.get("arms")
    arms = {*experiment.plans, *(written if isinstance(written, Map) else ())}
    measured = {m.assay for m in experiment.measure if m.dish is None}
    dropped = isinstance(declared.get("measure"), list) and len(declared["measure"]) != len(experiment.measure)
    for n, expect in enumerate(experiment.expect):
        path = ("expect", n)
        key = "observable" if expect.observable else "readout"
        _named(f, tree, (*path, key), expect.name, measured, dropped)
        for name in ("arm", "versus"):
            value = getattr(expect, name)
            if value is not None and value not in arms and not (name == "versus" and value == WITHIN_ARM):
                f.unknown(tree, (*path, name), "the name of an arm", value, arms)
        _who_and_when(f, tree, path, expect)
        if not dropped and expect.direction not in FLOWS:
            _read_there(f, experiment, tree, path, expect)
        _within(f, tree, path, expect, measured, dropped)
        _flow(f, tree, path, expect)


def _named(f: Collector, tree: Map, path: tuple[Any, ...], name: str, measured: set[str], dropped: bool) -> None:
    """An observable or readout that is known and measured; one outside the model needs no reading."""
    seen = observable(name)
    if seen is None:
        f.unknown(tree, path, "the name of an observable or readout", name, observable_names())
    elif seen.assay and seen.assay not in measured and not dropped:
        f.add(tree, path, f"a reading of '{name}'", "none under 'measure'", f"add '- {{assay: {seen.assay}, at: [...]}}'")


def _who_and_when(f: Collector, tree: Map, path: tuple[Any, ...], given: Expect | Against) -> None:
    if given.of is not None and given.of not in {*f.populations, *ROLES, "well"}:
        f.unknown(tree, (*path, "of"), "a population, a role, or 'well'", given.of, [*f.populations, *ROLES, "well"])
    if given.at is not None and given.at.value > f.end:
        f.add(tree, (*path, "at"), f"a time within the run (until {f.end / 3600:g} h)", f"'{given.at}'")


def _within(f: Collector, tree: Map, path: tuple[Any, ...], expect: Expect, measured: set[str], dropped: bool) -> None:
    """A contrast within an arm has another reading, or an observable that holds the contrast in itself."""
    against = expect.against
    if against is not None:
        if expect.versus != WITHIN_ARM:
            f.add(tree, (*path, "against"), f"no 'against' unless versus is {WITHIN_ARM}", f"versus '{expect.versus or 'nothing'}'")
        if against.name is not None:
            _named(f, tree, (*path, "against", "observable" if against.observable else "readout"), against.name, measured, dropped)
        _who_and_when(f, tree, (*path, "against"), against)
    elif expect.versus == WITHIN_ARM and expect.direction in COMPARING:
        seen = observable(expect.name)
        if seen is not None and not seen.outside and seen.neutral is None:
            hint = f"add 'against: {{at: ...}}' or another key of it: '{expect.name}' has no value at which nothing is contrasted"
            f.add(tree, (*path, "against"), "the other reading of the same arm", "nothing", hint)


def _flow(f: Collector, tree: Map, path: tuple[Any, ...], expect: Expect) -> None:
    """Ends of a flow, for findings of a direction of transfer."""
    for name, value in (("from", expect.from_), ("to", expect.to)):
        if value is None:
            continue
        if expect.direction not in (*FLOWS, "withheld"):
            f.add(tree, (*path, name), f"no '{name}' unless the direction is unidirectional or bidirectional", f"'{expect.direction}'")
        if value not in {*f.populations, *ROLES}:
            f.unknown(tree, (*path, name), "a population or a role", value, [*f.populations, *ROLES])


def _read_there(f: Collector, experiment: Experiment, tree: Map, path: tuple[Any, ...], expect: Expect) -> None:
    """The population is one in which the assay is read, and it is in the arms."""
    seen = observable(expect.name)
    known = assays()
    if seen is None or seen.outside:
        return
    read = [
        p
        for m in experiment.measure
        if m.assay == seen.assay and m.dish is None
        for p in populations_read(m.of or (known[seen.assay].of,), experiment)
    ]
    if not read or not all(name in experiment.plans for name in (expect.arm, expect.versus or expect.arm) if name != WITHIN_ARM):
        return  # said elsewhere
    meant = populations_read((expect.of or (OBSERVABLES[expect.name].of if expect.name in OBSERVABLES else ""),), experiment)
    if expect.of is not None and meant and meant[0] not in read:
        where = ", ".join(p or "well" for p in dict.fromkeys(read))
        f.add(tree, (*path, "of"), f"a population in which '{seen.assay}' is read ({where})", f"'{expect.of}'", "see 'of' under 'measure'")
        return
    _read_then(f, experiment, tree, path, expect, seen)
    who = next((p for p in (*meant[:1], "", *populations_read(("recipient",), experiment)) if p in read), read[0])
    for key, arm in (("arm", expect.arm), ("versus", expect.versus)):
        if who and arm in experiment.plans and who not in present(experiment, str(arm)):
            hint = "say 'of', or read another population" if expect.of is None else ""
            f.add(tree, (*path, key), f"an arm with the population '{who}', in which '{expect.name}' is read", f"'{arm}'", hint)


def _read_then(f: Collector, experiment: Experiment, tree: Map, path: tuple[Any, ...], expect: Expect, seen: Observable) -> None:
    """A single reading is there at the time that the finding, its other reading or the observable asks for."""
    single = expect.against is not None and expect.against.at is not None
    if seen.statistic != "last" and not single:
        return
    times = sorted({t for m in experiment.measure if m.assay == seen.assay and m.dish is None for t in times_of(m, experiment)})
    asked: dict[tuple[str, ...], float] = {("at",): expect.at.value} if expect.at is not None else {}
    if expect.at is None and seen.time > 0.0 and times:
        donors = [c.added.value for plan in experiment.plans.values() for n, c in plan.cells.items() if role_of(n, c) == "donor"]
        asked[("observable" if expect.observable else "readout",)] = min(max(donors, default=0.0) + 3600.0 * seen.time, times[-1])
    if single and expect.against is not None and expect.against.at is not None and expect.against.name is None:
        asked["against", "at"] = expect.against.at.value
    for key, time in asked.items():
        if time <= f.end and all(abs(t - time) > NEAR for t in times):
            shown = ", ".join(f"{t / 3600:g} h" for t in times[:12])
            f.add(tree, (*path, *key), f"a time at which '{seen.assay}' is read ({shown})", f"{time / 3600:g} h")


def present(experiment: Experiment, arm: str) -> set[str]:
    """Populations of an arm, grafts among them."""
    plan = experiment.plans[arm]
    return {*plan.cells, *(t.graft.name for t in plan.treat if t.graft is not None)}
