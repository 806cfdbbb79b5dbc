"""A week at rest: does a healthy cell of a type stay what it is, whatever the parameters within their ranges?

A well for each cell type: a few cells alone in fresh medium (10 mM glucose, air, changed once a day), no treatment, every
mechanism at work, also those that a run without their agents would leave out. Cells do not divide here (cycle time 0), so that
mitochondria per cell need no correction; what division does to them has its own tests. Nothing else of the type is changed.

What counts as rest: ``studies/rest_judge.py``.

The base hazard of death and the base rate of senescence are left out here (0), because cells that die of it strew their mitochondria
over their neighbours; that it kills by the exponential law, and nothing else kills, is a test of its own with many cells.

Followed are types whose cells live for a week (:func:`why_not`): not lines without mtDNA, carriers of a mutation, cells that die by
themselves, nor platelets, which lose the last of five mitochondria by chance.

Verification: tests/verification/test_rest_week.py; the table is in docs/rest.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.library.cell_types import CellTypeRecord, load_haplotypes
from mitoferry.studies.rest_judge import SIGNALS, TypeWeek
from mitoferry.studies.rest_toll import Toll, hazard_beyond_base

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

HOUR, DAY = 3600, 86400
FORCED_STAGES = ("signals", "quality", "fate")
BASE_RATES = {"death.base_hazard": 0.0, "senescence.base": 0.0}
"""What happens to healthy cells by chance at a constant rate is left out."""
ALIKE = {
    "cell_variation.antioxidant_cv": 0.0, "cell_variation.threshold_cv": 0.0, "seeding.glycolysis_share": 0.0, "seeding.content_share": 0.0,
    "seeding.well_cv": 0.0,
}  # fmt: skip
"""A type is followed in a few cells: what makes these and wells differ, and wanders, would be read as a drift of the type."""
FEW_MITOCHONDRIA = 10.0
"""Cells with fewer, but some, lose the last of them by chance."""


def why_not(record: CellTypeRecord) -> str:
    """Why cells of a type do not rest for a week by what they are; empty for those that should."""
    if record.rho0:
        return "no mtDNA"
    if any(share > 0.0 and load_haplotypes()[name].pathogenic for name, share in record.haplotypes.items()):
        return "mutant mtDNA"
    if record.value("spontaneous_death") * 7 * 24 > 0.1:
        return "dies by itself within weeks"
    return "a handful of mitochondria" if 0.0 < record.value("mitochondria") < FEW_MITOCHONDRIA else ""


def rest_text(
    types: Mapping[str, tuple[str, Mapping[str, float]]],
    *,
    days: float = 7.0,
    seed: int = 1,
    clocks: Sequence[int] = (300, 300, 600),
    dividing: bool = False,
) -> str:
    """The experiment as text: an arm for each entry of ``types`` (arm name -> cell type, its numbers that differ)."""
    from mitoferry.library.cell_types import cell_type

    first = next(iter(types.values()))[0]
    arms = {}
    for arm, (name, numbers) in types.items():
        record = cell_type(name)
        overrides = {k: f"{float(x)!r} {record.values[k].unit}" if record.values[k].unit != "1" else float(x) for k, x in numbers.items()}
        if not dividing:
            overrides["cycle_time"] = "0 h"
        arms[arm] = {"cells": {"recipient": {"type": name, "count": cells_of_well(record.value("mitochondria")), "overrides": overrides}}}
    changes = [{"wash": True, "from": f"{24 * d} h"} for d in range(1, int(np.ceil(days)))]
    return json.dumps({
        "schema": "mitoferry/experiment@1",
        "title": "Cells at rest",
        "well": {"kind": "dish", "size": "600 um", "voxel": "300 um", "medium": {"glucose": "10 mM", "height": "2 mm"}},
        "cells": {"recipient": {"type": first, "count": 1}},
        "treat": changes,
        "arms": arms,
        "run": {
            "until": f"{24.0 * days} h", "replicates": 1, "seed": seed,
            "clocks": {k: f"{c} s" for k, c in zip(("macro", "mitochondria", "quality"), clocks, strict=True)},
        },
    })  # fmt: skip


def cells_of_well(mitochondria: float) -> int:
    """Cells in the well of a type: as many as hold some thousand mitochondria together, 2 to 20; an egg is alone."""
    return int(np.clip(1200.0 / max(mitochondria, 60.0), 2 if mitochondria < 50_000.0 else 1, 20))


def rest_plate(
    types: Mapping[str, tuple[str, Mapping[str, float]]],
    parameters: Mapping[str, float] | None = None,
    *,
    days: float = 7.0,
    seed: int = 1,
    clocks: Sequence[int] = (300, 300, 600),
    varied: bool = False,
    dividing: bool = False,
) -> PlateSpec:
    """The plate of :func:`rest_text` with ``parameters`` by full name in the unit of their records; ``varied``: cells of a type differ."""
    import warnings

    from mitoferry.experiment.reader import parse_experiment
    from mitoferry.experiment.resolve import resolve
    from mitoferry.library.parameters import require

    content = json.loads(rest_text(types, days=days, seed=seed, clocks=clocks, dividing=dividing))
    values = {**(parameters or {}), **BASE_RATES, **({} if varied else ALIKE)}
    units = {name: require(name).unit for name in values}
    content["parameters"] = {name: float(x) if units[name] == "1" else f"{float(x)!r} {units[name]}" for name, x in values.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return resolve(parse_experiment(json.dumps(content), "rest.yaml", name="rest"))


def all_at_work(spec: PlateSpec) -> list[Any]:
    """Every process, those of cells also if nothing in ``spec`` would call for them."""
    from mitoferry.experiment.loop import load_processes

    asked_for = {name for name, state in spec.switches.items() if state == "off"}
    return [replace(p, wanted=None) if p.stage in FORCED_STAGES and p.name not in asked_for else p for p in load_processes()]


def run_rest(spec: PlateSpec, *, every: int = 6 * HOUR, threads: int = 1) -> list[TypeWeek]:
    """Run a plate of :func:`rest_plate`, sampled after two hours and then ``every`` [s]."""
    from mitoferry.backends.cpu import Cpu
    from mitoferry.experiment.loop import Engine

    engine = Engine(spec, Cpu(threads=threads), processes=all_at_work(spec))
    engine.burn_in()
    toll = Toll(engine.world, after=2 * HOUR)
    wells = [_Well(engine, k, toll) for k in range(engine.world.n_wells)]
    due = 2 * HOUR
    while not engine.finished:
        engine.advance()
        toll.take(engine.tick)
        if engine.tick >= due:
            engine.world.backend.pull(engine.world.cells, engine.world.mitochondria, engine.world.groups)
            for well in wells:
                well.sample()
            due = (due // every + 1) * every
    return [well.week() for well in wells]


class _Well:
    """Samples the cells of one well."""

    def __init__(self, engine: Any, index: int, toll: Toll) -> None:
        from mitoferry.core.schema import N_POOLS

        world = engine.world
        n = world.n_cells
        self.toll, self.index = toll, index
        self.engine, self.spec = engine, world.spec.arms[index // world.spec.replicates]
        self.rows = np.flatnonzero((world.cells.well[:n] == index) & (np.arange(n) >= N_POOLS * world.n_wells))
        self.hours: list[float] = []
        self.samples: list[dict[str, float]] = []

    def sample(self) -> None:
        from mitoferry.core.schema import CELL_LIVE

        world = self.engine.world
        self.hours.append(self.engine.tick / HOUR)
        rows = self.rows[world.cells.state[self.rows] == CELL_LIVE]
        self.samples.append(cell_means(world, rows) if rows.size else {})

    def week(self) -> TypeWeek:
        from mitoferry.core.schema import CELL_LIVE

        c = self.engine.world.cells
        names = list(dict.fromkeys(k for s in self.samples for k in s))
        dead = self.rows[c.state[self.rows] != CELL_LIVE]
        kinds, counts = np.unique(c.death_cause[dead], return_counts=True)
        t = self.spec.populations[0].cell_type
        return TypeWeek(
            name=self.spec.name, cell_type=t.name, hours=np.array(self.hours), seeded=int(self.rows.size), dead=int(dead.size),
            series={k: np.array([s.get(k, np.nan) for s in self.samples]) for k in names},
            causes=dict(zip(kinds.tolist(), counts.tolist(), strict=True)), mitochondria=t.mitochondria * self.rows.size,
            copies=t.mtdna / t.mitochondria if t.mitochondria > 0 and not self.spec.populations[0].rho0 else 0.0,
            cell_hours=float(self.toll.cell_hours[self.index]), hazard_hours=float(self.toll.hazard_hours[self.index]),
            most_h2o2=float(self.toll.most_h2o2[self.index]),
        )  # fmt: skip


def cell_means(world: Any, rows: np.ndarray) -> dict[str, float]:
    """Means over the cells ``rows`` of what is held against the limits."""
    from mitoferry.core.schema import N_CLASSES, OWN_ISOLATED, SUM_DAMAGE, SUM_MASS, SUM_SCALE
    from mitoferry.processes.signals import pgc1a_target

    c, given = world.cells, world.parameters
    target = np.maximum(c.target_mitochondria[rows].astype(float), 1e-9).sum()
    mass = c.sums[rows][:, :N_CLASSES, SUM_MASS].sum(axis=1) * SUM_SCALE
    hurt, own_mass = (c.sums[rows][:, : OWN_ISOLATED + 1, kind].sum() for kind in (SUM_DAMAGE, SUM_MASS))
    out = {
        "atp": c.atp[rows].mean(), "psi": c.psi[rows, 0].mean(), "h2o2": c.h2o2[rows].mean(),
        "damage": hurt / max(own_mass, 1),
        "number": c.n_mitochondria[rows].sum() / target, "mass": mass.sum() / target, "copies": c.copies[rows].sum() / target,
        "hazard": hazard_beyond_base(world, rows).mean(),
    }  # fmt: skip
    own = np.array(
        [pgc1a_target(0.0, 1.0, float(a), 1.0, float(s), given["signals"]) for a, s in zip(c.atp[rows], c.sirt1[rows], strict=True)]
    )
    out["programme"] = given["biogenesis"].set_point_gain * max(float((c.pgc1a[rows] - own).mean()), 0.0)
    instead = {
        "pgc1a_own": own, "receptors": world.groups.receptors[c.group[rows]],
        "motility": [crawling_without_erk(i, world) for i in rows.tolist()],
    }  # fmt: skip
    for name, (usual, full) in SIGNALS.items():
        rest = given["signals"].calcium_rest if name == "calcium" else usual
        values = np.asarray(instead[name] if name in instead else getattr(c, name)[rows], dtype=float)
        values = values.reshape(rows.size, -1).mean(axis=0)
        out[name] = float(values[np.argmax(np.abs(values - rest))] - rest) / full
    return {k: float(v) for k, v in out.items()}


def drawn_types(
    names: Collection[str], parameters: Mapping[str, float], k: int, n: int, seed: int
) -> dict[str, tuple[str, Mapping[str, float]]]:
    """An arm for each of the types ``names`` with its numbers as in draw ``k`` of ``n`` from their ranges.

    Not drawn: the cycle, which is held, the spread between cells and the share of senescent ones. Types whose numbers contradict each
    other (a leak that leaves no respiration for ATP), which the library refuses with these ``parameters``, are left out.
    """
    from mitoferry.base.errors import InputError
    from mitoferry.library.cell_types import cell_type
    from mitoferry.library.draws import draw_cell_type

    arms: dict[str, tuple[str, Mapping[str, float]]] = {}
    for name in names:
        drawn = draw_cell_type(cell_type(name), n, seed)[k]
        numbers = {x: v for x, v in drawn.items() if x not in ("cycle_time", "senescent", "cell_cv")}
        try:
            cell_type(name).numbers(numbers, parameters)
        except InputError:
            continue
        arms[name] = (name, numbers)
    return arms


def crawling_without_erk(i: int, world: Any) -> float:
    """Crawling speed of cell ``i`` relative to rest, but for its answer to ERK; 1 in cells that do not crawl."""
    from mitoferry.processes.crawling import motogens
    from mitoferry.processes.rest import energy

    c, p = world.cells, world.parameters["crawling"]
    g = int(c.group[i])
    if world.groups.speed[g] <= 0.0:
        return 1.0
    return float(energy(float(c.atp[i]), p.atp_half) * (1.0 + p.motogen_gain * motogens(g, world.groups)) * float(c.vegf_crawling[i]))


def library_types(names: Collection[str] | None = None) -> dict[str, tuple[str, Mapping[str, float]]]:
    """An arm for each type of the library at the values of the table."""
    from mitoferry.library.cell_types import load_cell_types

    return {name: (name, {}) for name in load_cell_types() if names is None or name in names}
