"""From names and units to numbers: an experiment file becomes a :class:`PlateSpec`.

Times are seconds from time zero of the file. A wash ends what was in the medium: it sets the fresh medium back and ends
the drugs and injuries that began earlier and have no ``until`` of their own. A change of the medium, or an injury that sets a
concentration, is undone at its ``until``. A population that enters after the end of a treatment never feels it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mitoferry.base.errors import InputError, MitoferryWarning, Problem
from mitoferry.core.plate_spec import ISOLATED, Action, Arm, Geometry, Measurement, PlateSpec, Population, Preparation, Tunnels
from mitoferry.experiment.estimate import DETAIL_LIMIT, detail_bytes
from mitoferry.experiment.giving import doses_in, grafts_in, removals_in
from mitoferry.experiment.meaning import (
    count_of,
    dose_in,
    grafts_of,
    layer_of,
    number_in,
    populations_read,
    times_of,
)
from mitoferry.experiment.names import Library, load_library, nearest
from mitoferry.experiment.observables import assays
from mitoferry.experiment.palette import palette_of, shares_of
from mitoferry.experiment.parts import Cells, Injury, Substances, Treatment, role_of
from mitoferry.experiment.prepared import Dish, cells_in_dishes, companions, dish_name, dishes_in, first_doses
from mitoferry.experiment.quantities import Amount
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.schema import Experiment, Plan

FRESH_MEDIUM = {"oxygen": 183.6, "glucose": 5.5, "calcium": 1.8}  # 18 % of the gas; mM; mM: when the file is silent
FOREVER = math.inf
PARTS_OF_A_DOSE = 14  # of half a half-life each: after seven half-lives a drug is gone
_ORDER = {"wash": 0, "boundary": 1, "medium": 2, "node": 3, "perfusion": 4, "take_out": 5}
EVER = -1e9  # s: before any burn-in


def resolve(
    experiment: Experiment,
    library: Library | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    arms: Sequence[str] | None = None,
) -> PlateSpec:
    """Everything that a run needs, as numbers.

    Args:
        experiment: as read by ``load_experiment``.
        library: the shipped library by default.
        replicates: replaces that of the file.
        seed: replaces that of the file.
        overrides: path to value as on the command line ("cells.recipient.count": "50"); the file is then checked again.
        arms: only these arms; their numbers do not depend on which others run.

    Raises:
        InputError: an override, arm, or number that cannot be; with all problems.
    """
    library = library or load_library()
    if overrides:
        changes = experiment.overrides | dict(overrides)
        experiment = parse_experiment(experiment.text, experiment.where, name=experiment.name, overrides=changes, library=library)
    _check_arguments(experiment, replicates, seed, arms)
    palette = palette_of(experiment, library)
    order = {name: k for k, name in enumerate(population_names(experiment))}
    pathogenic = [_pathogenic(h, experiment, library) for h in palette]
    step = {c: round(getattr(experiment.run.clocks, c).value) for c in ("macro", "mitochondria", "quality")}
    until = max(round(experiment.run.until.value / step["macro"]), 1) * step["macro"]
    parameters = parameter_values(experiment, library)
    built = {name: _arm(name, plan, order, palette, parameters, library) for name, plan in experiment.plans.items()}
    first = first_doses(experiment)
    for name, plan in experiment.plans.items():
        for dish in dishes_in(plan):
            side = _dish_arm(built[name], plan, dish, order, palette, parameters, library, first[dish.owner])
            built[side.name] = side
            built[name] = _with_cells_of(built[name], side, dish, parameters, library)
    wanted = {name for name, arm in built.items() if arms is None or (arm.prepares.arm if arm.prepares else name) in arms}
    chosen = tuple(arm for name, arm in built.items() if name in wanted)
    seeded = {p.name for arm in chosen for p in arm.populations}
    return PlateSpec(
        name=experiment.name,
        arms=chosen,
        replicates=experiment.run.replicates if replicates is None else replicates,
        seed=experiment.run.seed if seed is None else seed,
        until=until,
        measurements=tuple(m for m in measurements(experiment) if not m.of or m.of in seeded),
        parameters=parameters,
        haplotype_names=tuple(palette),
        pathogenic=(*pathogenic, *[False] * (4 - len(palette))),  # type: ignore[arg-type]
        macro_step=step["macro"],
        mitochondria_step=step["mitochondria"],
        quality_step=step["quality"],
        save_every=_save_every(experiment, until),
        checkpoint_every=experiment.run.checkpoint_every.value,
        switches=dict(experiment.switches),
        detail=_detail(experiment, chosen, until),
        left_out=tuple(arm for name, arm in built.items() if name not in wanted),
    )


def _detail(experiment: Experiment, arms: tuple[Arm, ...], until: int) -> tuple[str, ...]:
    """Arms saved in detail: those of the file that run; by default the first with donors and recipients, else the first.

    By default none where its mitochondria would take more than ``DETAIL_LIMIT`` of disk: then the end alone is saved one by one.
    """
    arms = tuple(a for a in arms if a.prepares is None)
    names = tuple(a.name for a in arms)
    if experiment.run.detail is not None:
        return tuple(name for name in experiment.run.detail if name in names)
    roles = {a.name: {p.role for p in a.populations if p.count > 0} for a in arms}
    shown = next((a for a in arms if len(roles[a.name]) > 1), arms[0])
    return (shown.name,) if detail_bytes(shown, until, _save_every(experiment, until)) <= DETAIL_LIMIT else ()


def _check_arguments(experiment: Experiment, replicates: int | None, seed: int | None, arms: Sequence[str] | None) -> None:
    problems = []
    if replicates is not None and not 1 <= replicates <= 10_000:
        problems.append(Problem("--replicates", "replicates", "a whole number from 1 to 10000", str(replicates)))
    if seed is not None and not 0 <= seed < 2**63:
        problems.append(Problem("--seed", "seed", "a whole number from 0 to 2^63 - 1", str(seed)))
    if arms is not None and not arms:
        problems.append(Problem("--arms", "arms", "at least one arm", "none", hint="The arms are: " + ", ".join(experiment.plans)))
    for name in arms or ():
        if name not in experiment.plans:
            hint = nearest(name, experiment.plans) or "The arms are: " + ", ".join(experiment.plans)
            problems.append(Problem("--arms", "arms", "the name of an arm", f"'{name[:60]}'", hint=hint))
    if problems:
        raise InputError(problems)


def population_names(experiment: Experiment) -> list[str]:
    """Populations in the order of the file; a population's index is its place here, in every arm. Those of dishes alone come last."""
    listed = [*experiment.cells, *(name for name in grafts_of(experiment) if name not in experiment.cells)]
    return [*listed, *(name for name in companions(experiment) if name not in listed)]


def parameter_values(experiment: Experiment, library: Library) -> dict[str, float]:
    """Every parameter of the library with the value used; warns of values outside their prior range.

    Exactly 0 is no warning: it leaves out what the parameter stands for, as an experiment on one mechanism does with others.
    """
    values = {name: float(record.value) for name, record in library.parameters.items()}
    for name, given in experiment.parameters.items():
        record = library.parameters[name]
        values[name] = number_in(given, record.unit)
        low, high = record.range
        if values[name] != 0.0 and not low <= values[name] <= high:
            text = f"{name} = {values[name]:g} {record.unit} lies outside its range of {low:g} to {high:g}"
            warnings.warn(text, MitoferryWarning, stacklevel=2)
    return values


def _pathogenic(haplotype: str, experiment: Experiment, library: Library) -> bool:
    if haplotype in experiment.haplotypes:
        return experiment.haplotypes[haplotype].pathogenic
    record = library.haplotypes.get(haplotype)
    return record.pathogenic if record is not None else haplotype.startswith("m.")


def _save_every(experiment: Experiment, until: int) -> int:
    if experiment.run.save_every is not None:
        return max(round(experiment.run.save_every.value), 1)
    return max(3600, -(-until // 48))


# ------------------------------------------------------------------ one arm
def _arm(
    name: str, plan: Plan, order: dict[str, int], palette: list[str], parameters: dict[str, float], library: Library, first: int = ISOLATED
) -> Arm:
    medium = FRESH_MEDIUM | plan.well.medium.values()
    seeded = tuple(_population(p, plan, order[p], palette, parameters, library) for p in sorted(plan.cells, key=order.__getitem__))
    grafted, grafts = grafts_in(plan, order, palette, parameters, library, _source)
    populations = seeded + grafted
    return Arm(
        name=name, geometry=_geometry(plan), populations=populations, actions=_actions(plan, populations, medium, parameters, library),
        medium=medium, doses=doses_in(plan, populations, palette, parameters, library, _source, first), grafts=grafts,
        tunnels=_tunnels(plan, populations),
    )  # fmt: skip


# ------------------------------------------------------------------ dishes of preparation
def _dish_arm(
    arm: Arm, plan: Plan, dish: Dish, order: dict[str, int], palette: list[str], parameters: dict[str, float], library: Library, first: int
) -> Arm:
    """The dish of an arm: its own plan, gene changes that the arm makes in its cells, and its end."""
    side = _arm(dish_name(arm.name, dish.owner), dish.plan, order, palette, parameters, library, first)
    mine = next(p for p in side.populations if p.index == order[dish.owner])
    more = [a for treat in plan.treat if treat.gene is not None for a in _gene(treat, (mine,), side.medium, library)]
    end, cause = dish.end, f"{dish.owner} taken out of their dish"
    if not dish.given.goes_on:
        everyone = tuple(p.index for p in side.populations)
        more.append(Action(kind="wash", key="", value=0.0, start=end, end=end, cause="end of the dish"))
        more.append(Action(kind="take_out", key="", value=1.0, start=end, end=end, populations=everyone, cause="end of the dish"))
    actions = tuple(sorted((*side.actions, *more), key=lambda a: (a.start, _ORDER[a.kind])))
    return replace(side, actions=actions, prepares=Preparation(arm=arm.name, population=mine.index, end=end, cause=cause))


def _with_cells_of(arm: Arm, side: Arm, dish: Dish, parameters: dict[str, float], library: Library) -> Arm:
    """The arm, with what its cells bring from their dish: mitochondria of others, gene changes, and the end of what drugs did there."""
    mine = side.prepares.population if side.prepares is not None else -1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said of the dish
        there = _actions(_until_the_end(dish), side.populations, side.medium, parameters, library)
    carried = [
        replace(a, start=max(a.start, dish.end), populations=(mine,), cause=f"{a.cause} in the dish")
        for a in there
        if a.kind == "node" and mine in a.populations and a.end > dish.end
    ]
    actions = tuple(sorted((*arm.actions, *carried), key=lambda a: (a.start, _ORDER[a.kind])))
    return replace(arm, actions=actions, brought=arm.brought + tuple(p for p in side.sources if p.index != mine))


def _until_the_end(dish: Dish) -> Plan:
    """The plan of a dish in which what is in its medium ends when the cells are taken out; gene changes stay in them."""
    plan = dish.plan
    washes = sorted(t.from_.value for t in plan.treat if t.wash)

    def cut(timed: Any) -> Any:
        if getattr(timed, "gene", None) is not None or _span(timed, washes)[1] <= dish.end:
            return timed
        return timed.model_copy(update={"until": dish.time})

    begun = [t for t in plan.treat if t.from_.value < dish.end]
    dissolved = [Treatment(drug=drug, dose=dose) for drug, dose in plan.well.medium.extras.items()]
    well = plan.well.model_copy(update={"medium": plan.well.medium.model_copy(update={"extras": {}})})
    injury = [cut(i) for i in plan.injury if i.from_.value < dish.end]
    return Plan.model_construct(well=well, cells=plan.cells, injury=injury, treat=[cut(t) for t in (*begun, *dissolved)])


def _geometry(plan: Plan) -> Geometry:
    well = plan.well
    return Geometry(
        kind="insert" if well.insert is not None else well.kind,
        size=well.extent(),
        periodic=well.periodic,
        medium_height=well.medium.height.value,
        pore=well.insert.pore.value if well.insert is not None else 0.0,
        voxel=well.voxel.value,
        perfusion=1.0 if well.perfusion is None else well.perfusion.value,
        clearance=1.0 if well.clearance is None else well.clearance.value,
        haemoglobin=1.0 if well.haemoglobin is None else well.haemoglobin.value,
        washout=0.0 if well.washout is None else well.washout.value,
    )


def _population(name: str, plan: Plan, index: int, palette: list[str], parameters: dict[str, float], library: Library) -> Population:
    cells = plan.cells[name]
    found = _source(name, cells, count_of(cells, plan), index, layer_of(name, cells, plan), palette, parameters, library)
    return replace(found, from_dish=cells.prepared is not None)


def _source(
    name: str, cells: Cells, count: int, index: int, layer: int, palette: list[str], parameters: dict[str, float], library: Library
) -> Population:
    record = library.cell_types[cells.type]
    numbers = {key: number_in(value, record.values[key].unit) for key, value in cells.overrides.items()}
    shares = shares_of(name, cells, library)
    rho0 = cells.rho0 or record.rho0
    haplotypes = tuple(0.0 if rho0 else shares.get(h, 0.0) for h in palette)
    return Population(
        name=name,
        index=index,
        role=role_of(name, cells) or "recipient",
        cell_type=record.numbers(numbers, parameters),
        count=count,
        added=cells.added.value,
        layer=layer,
        haplotypes=(*haplotypes, *[0.0] * (4 - len(palette))),  # type: ignore[arg-type]
        genetic_label=cells.label.genetic is not None,
        tracker=1.0 if cells.label.tracker is not None else 0.0,
        rho0=rho0,
    )


def _tunnels(plan: Plan, populations: tuple[Population, ...]) -> tuple[Tunnels, ...]:
    """Microtunnels of an arm, in the order of their treatments."""
    return tuple(
        Tunnels(
            donors=_targets(given.donor, "donor", populations),
            recipients=_targets(given.recipient, "recipient", populations),
            length=given.length.value,
            mitochondria=given.mitochondria,
            start=treat.from_.value,
            end=treat.until.value if treat.until is not None else FOREVER,
            cause=f"microtunnels of {given.length}, {given.mitochondria} each",
        )
        for treat in plan.treat
        if (given := treat.microtunnels) is not None
    )


# ------------------------------------------------------------------ timed changes
def _actions(
    plan: Plan, populations: tuple[Population, ...], medium: dict[str, float], parameters: dict[str, float], library: Library
) -> tuple[Action, ...]:
    washes = sorted(t.from_.value for t in plan.treat if t.wash)
    found: list[Action] = []
    if plan.well.perfusion is not None:
        cause = f"blood through {plan.well.template or 'the block'}"
        found += [Action(kind="boundary", key=k, value=v, start=EVER, end=FOREVER, cause=cause) for k, v in medium.items()]
    for injury in plan.injury:
        record = library.injury(injury.do)
        replaced = {k: getattr(injury, k).value for k in ("oxygen", "glucose") if getattr(injury, k) is not None}
        found += _agent(record, injury.dose, injury, populations, medium, washes, replaced)
    for treat in plan.treat:
        if treat.drug is not None:
            found += _agent(library.drug(treat.drug), treat.dose, treat, populations, medium, washes, {})
        elif treat.gene is not None:
            found += _gene(treat, populations, medium, library)
        elif treat.wash:
            found.append(Action(kind="wash", key="", value=0.0, start=treat.from_.value, end=treat.from_.value, cause="wash"))
        elif treat.medium is not None:
            found += _medium_change(treat.medium, treat, medium, washes)
        elif treat.given is not None and treat.until is not None:
            end, cause = treat.until.value, f"end of {treat.kind} of {treat.given.type}"
            found.append(Action(kind="wash", key="", value=0.0, start=end, end=end, cause=cause))
    for drug, dose in plan.well.medium.extras.items():
        found += _agent(library.drug(drug), dose, Treatment(drug=drug), populations, medium, washes, {})
    found += removals_in(plan, populations, parameters)
    return tuple(sorted(found, key=lambda a: (a.start, _ORDER[a.kind])))


def _gene(treat: Treatment, populations: tuple[Population, ...], medium: dict[str, float], library: Library) -> list[Action]:
    """Actions of a gene change."""
    dose = None if treat.level is None else Amount(str(treat.level.value), treat.level.value, "1")
    return _agent(library.gene(treat.gene or "", treat.change), dose, treat, populations, medium, [], {})


def _span(timed: Injury | Treatment, washes: list[float]) -> tuple[float, float]:
    """Beginning and end [s]; the first later wash ends what has no end of its own."""
    start = timed.from_.value
    if timed.until is not None:
        return start, timed.until.value
    return start, next((w for w in washes if w > start), FOREVER)


def _agent(
    record: Any, dose: Amount | None, timed: Injury | Treatment, populations: tuple[Population, ...],
    medium: dict[str, float], washes: list[float], replaced: dict[str, float],
) -> list[Action]:  # fmt: skip
    """Actions of a drug, gene or injury of the library."""
    start, end = _span(timed, washes)
    amount = record.dose if dose is None else dose_in(record, dose)
    for text in record.warnings(amount):
        warnings.warn(text, MitoferryWarning, stacklevel=2)
    cause = f"{record.name} {dose.text if dose is not None else f'{amount:g} {record.unit}'}".removesuffix(" 1")
    effects = record.effects(amount)
    washed = any(e.kind == "wash" for e in effects)
    actions = []
    for effect in effects:
        value = replaced.get(effect.key, effect.value)
        if effect.kind == "wash":
            if math.isfinite(end):
                actions.append(Action(kind="wash", key="", value=0.0, start=end, end=end, cause=f"end of {cause}"))
        elif effect.kind == "medium":
            actions.append(Action(kind="medium", key=effect.key, value=value, start=start, end=start, cause=cause))
            if math.isfinite(end) and not washed and end not in washes:
                actions.append(_restored(effect.key, medium, end, cause))
        else:
            found = _in_force(effect, value, start, end, _targets(timed.on, record.on, populations), populations, cause)
            if record.half_life > 0.0 and effect.kind == "node" and effect.key not in replaced:
                found = [part for action in found for part in _fading(action, record, amount)]
            actions += found
    return actions


def _fading(action: Action, record: Any, dose: float) -> list[Action]:
    """An action of an agent that decays, in steps of half its half-life at the dose in the middle of each; after seven it is gone."""
    step, parts = 1800.0 * record.half_life, []
    for k in range(PARTS_OF_A_DOSE):
        begin = action.start + k * step
        if begin >= action.end:
            break
        for effect in record.effects(dose * 2.0 ** (-0.5 * (k + 0.5))):
            if effect.kind == "node" and effect.key == action.key:
                parts.append(replace(action, value=effect.value, start=begin, end=min(begin + step, action.end)))
    return parts


def _in_force(
    effect: Any, value: float, start: float, end: float, targets: tuple[int, ...], populations: tuple[Population, ...], cause: str
) -> list[Action]:
    if effect.kind in ("boundary", "perfusion"):
        return [Action(kind=effect.kind, key=effect.key, value=value, start=start, end=end, cause=cause)]
    added = {p.index: p.added for p in populations}
    reached = tuple(p for p in targets if added[p] < end)
    if not reached:
        return []
    begin, last = start + 3600.0 * effect.onset, end + 3600.0 * effect.washout
    return [Action(kind="node", key=effect.key, value=value, start=begin, end=last, populations=reached, cause=cause)]


def _targets(on: tuple[str, ...] | None, default: str, populations: tuple[Population, ...]) -> tuple[int, ...]:
    """Indices of the populations that a treatment acts on."""
    wanted = set(on or (default,))
    if wanted & {"both", "all", "medium"}:
        return tuple(p.index for p in populations)
    return tuple(p.index for p in populations if p.name in wanted or p.role in wanted)


def _medium_change(change: Substances, timed: Treatment, medium: dict[str, float], washes: list[float]) -> list[Action]:
    """New concentrations; oxygen is that of the gas, which holds it."""
    start, end = _span(timed, washes)
    actions = []
    for key, value in change.values().items():
        cause = f"medium with {key} {getattr(change, key)}"
        actions.append(Action(kind="medium", key=key, value=value, start=start, end=start, cause=cause))
        if key == "oxygen":
            actions.append(Action(kind="boundary", key=key, value=value, start=start, end=end, cause=cause))
        if math.isfinite(end) and end not in washes:
            actions.append(_restored(key, medium, end, cause))
    return actions


def _restored(key: str, medium: dict[str, float], time: float, cause: str) -> Action:
    return Action(kind="medium", key=key, value=medium.get(key, 0.0), start=time, end=time, cause=f"end of {cause}")


# ------------------------------------------------------------------ readings
def measurements(experiment: Experiment) -> tuple[Measurement, ...]:
    """One record per assay and population; ``of`` is "" for the whole well."""
    known, dishes = assays(), cells_in_dishes(experiment)
    found = []
    for measure in experiment.measure:
        times, dish = times_of(measure, experiment), measure.dish or ""
        for name in populations_read(measure.of or (known[measure.assay].of,), experiment, dishes.get(dish)):
            found.append(Measurement(assay=measure.assay, of=name, times=times, dish=dish, options=dict(measure.options)))
    return tuple(found)
