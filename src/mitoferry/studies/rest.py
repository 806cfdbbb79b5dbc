"""A week at rest: does a healthy cell of a type stay what it is, whatever the parameters within their ranges?

A well for each cell type: a few cells alone in fresh medium (10 mM glucose, air, changed once a day), no treatment, every
mechanism at work, also those that a run without their agents would leave out. Cells do not divide here (cycle time 0), so that
mitochondria per cell need no correction; what division does to them has its own tests. Nothing else of the type is changed.

A type rests (:data:`LIMITS`; docs/rest.md says which were changed after the first runs) if from the second hour to the seventh
day, in the mean of its living cells,

* ATP changes by no more than 5 % and the potential by no more than 3 mV,
* H2O2 ends below 20 nM, where signals and transfer begin, and changes by no more than 3 nM from the second day on,
* the mean damage of mitochondria ends below 0.1 and changes by no more than 0.01 in the last two days,
* number and mass of mitochondria and copies of mtDNA per cell stay within 10 %, wider by four standard deviations of a
  birth-and-death process where cells hold few,
* no signal is, in the mean from the second day on, further from its resting value than a tenth of its full response
  (:data:`SIGNALS`), nor changes by more than a fiftieth in the last two days. Not judged are the responses to mitochondria of
  neighbours (:data:`OF_ARRIVALS`), which healthy cells exchange now and then, and rises of antioxidants and PGC1a that come and go with
  them; peroxidised lipid is held against its start, as its rest depends on the type,
* no cell dies, and all hazards of death together exceed the base hazard by less than 3e-4 per hour, a tenth to a sixth of it: less than
  5 % more deaths in a week.

The base hazard of death and the base rate of senescence are left out here (0), because cells that die of it strew their mitochondria
over their neighbours; that it kills by the exponential law, and nothing else kills, is a test of its own with many cells.

Verification: tests/verification/test_rest_week.py; the table is in docs/rest.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

HOUR, DAY = 3600, 86400
FORCED_STAGES = ("signals", "quality", "fate")
SIGNALS = {
    "nfkb": (0.0, 1.0), "tnfaip2": (1.0, 2.0), "p53": (0.0, 1.0), "caspase3": (0.0, 1.0), "s100a4": (1.0, 1.0),
    "phosphatidylserine": (0.0, 1.0),
    "p2y": (0.0, 1.0), "calcium": (0.1, 1.0), "survival": (0.0, 1.0), "arrival_pulse": (0.0, 1.0), "pgc1a": (1.0, 2.0), "hif": (0.0, 1.0),
    "akt": (1.0, 1.0), "signal_from_neighbours": (0.0, 1.0), "tlr9": (0.0, 1.0), "sting": (0.0, 1.0), "nlrp3": (0.0, 1.0),
    "polarisation": (0.0, 1.0), "t_cell": (0.0, 1.0), "traps": (0.0, 1.0), "ho1": (1.0, 9.0), "tfam": (1.0, 1.0), "hmgb1": (0.0, 1.0),
    "miro1": (1.0, 1.0), "rac1": (1.0, 1.0), "sirt1": (1.0, 1.0), "o_glcnac": (1.0, 1.0), "trak": (1.0, 1.0), "erk": (1.0, 1.0),
    "lipid_peroxide": (0.0, 1.0), "senescent": (0.0, 1.0), "dna_damage": (0.0, 1.0), "lipid_load": (0.0, 1.0), "lineage": (0.0, 1.0),
    "fate": (0.0, 1.0), "motility": (1.0, 1.0), "antioxidant": (1.0, 1.0), "load": (1.0, 1.0), "receptors": (0.0, 1.0),
}  # fmt: skip
"""Column of a cell: its value at rest and the size of its full response."""

BASE_RATES = {"death.base_hazard": 0.0, "senescence.base": 0.0}
"""What happens to healthy cells by chance at a constant rate is left out."""
ALIKE = {
    "cell_variation.antioxidant_cv": 0.0, "cell_variation.threshold_cv": 0.0, "seeding.glycolysis_share": 0.0, "seeding.content_share": 0.0,
}  # fmt: skip
"""A type is followed in a few cells: what makes these differ, and wanders, would be read as a drift of the type."""
OF_ARRIVALS = ("survival", "arrival_pulse", "ho1", "tfam", "erk")
"""Responses to mitochondria of neighbours, of which healthy cells exchange a few a day; reported, not judged: that is transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What counts as rest; see the head of the module."""

    atp: float = 0.05
    potential: float = 3.0  # mV
    h2o2: float = 0.02  # uM
    h2o2_change: float = 0.003  # uM
    damage: float = 0.1
    damage_trend: float = 0.01
    content: float = 0.1
    signal: float = 0.1
    signal_trend: float = 0.02
    hazard: float = 3e-4  # 1/h


LIMITS = Limits()


@dataclass(slots=True, kw_only=True)
class TypeWeek:
    """What became of the cells of one well.

    Attributes:
        name: arm.
        cell_type: its type.
        hours: times of the samples [h], ``[t]``.
        series: quantity to values ``[t]``: means over living cells; ``nan`` once none lives.
        seeded: cells at the start.
        dead: cells that have released cytochrome c or died.
        causes: of those that have died, by the number of ``death_cause``.
        mitochondria: expected mitochondria of all its cells together.
        copies: copies of mtDNA per mitochondrion; 0 without.
    """

    name: str
    cell_type: str
    hours: np.ndarray
    series: dict[str, np.ndarray]
    seeded: int
    dead: int
    causes: dict[int, int] = field(default_factory=dict)
    mitochondria: float = 0.0
    copies: float = 0.0


def rest_text(
    types: Mapping[str, tuple[str, Mapping[str, float]]], *, days: float = 7.0, seed: int = 1, clocks: Sequence[int] = (300, 300, 600)
) -> str:
    """The experiment as text: an arm for each entry of ``types`` (arm name -> cell type, its numbers that differ)."""
    from mitoferry.library.cell_types import cell_type

    first = next(iter(types.values()))[0]
    arms = {}
    for arm, (name, numbers) in types.items():
        record = cell_type(name)
        overrides = {k: f"{float(x)!r} {record.values[k].unit}" if record.values[k].unit != "1" else float(x) for k, x in numbers.items()}
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
) -> PlateSpec:
    """The plate of :func:`rest_text` with ``parameters`` by full name in the unit of their records; ``varied``: cells of a type differ."""
    import warnings

    from mitoferry.experiment.reader import parse_experiment
    from mitoferry.experiment.resolve import resolve
    from mitoferry.library.parameters import require

    content = json.loads(rest_text(types, days=days, seed=seed, clocks=clocks))
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
    wells = [_Well(engine, k) for k in range(engine.world.n_wells)]
    due = 2 * HOUR
    while not engine.finished:
        engine.advance()
        if engine.tick >= due:
            engine.world.backend.pull(engine.world.cells, engine.world.mitochondria, engine.world.groups)
            for well in wells:
                well.sample()
            due = (due // every + 1) * every
    return [well.week() for well in wells]


class _Well:
    """Samples the cells of one well."""

    def __init__(self, engine: Any, index: int) -> None:
        from mitoferry.core.schema import N_POOLS

        world = engine.world
        n = world.n_cells
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
        )  # fmt: skip


def cell_means(world: Any, rows: np.ndarray) -> dict[str, float]:
    """Means over the cells ``rows`` of what is held against the limits."""
    from mitoferry.core.schema import N_CLASSES, SUM_DAMAGE, SUM_MASS, SUM_SCALE
    from mitoferry.processes.death import necrosis_rate

    c = world.cells
    target = np.maximum(c.target_mitochondria[rows].astype(float), 1e-9).sum()
    mass = c.sums[rows][:, :N_CLASSES, SUM_MASS].sum(axis=1) * SUM_SCALE
    damage = c.sums[rows][:, :N_CLASSES, SUM_DAMAGE].sum(axis=1) * SUM_SCALE
    p = world.parameters["death"]
    hazard = c.death_hazard[rows].astype(float) + c.other_hazards[rows].sum(axis=1) + [necrosis_rate(float(x), p) for x in c.atp[rows]]
    out = {
        "atp": c.atp[rows].mean(), "psi": c.psi[rows, 0].mean(), "h2o2": c.h2o2[rows].mean(),
        "damage": damage.sum() / max(mass.sum(), 1e-9),
        "number": c.n_mitochondria[rows].sum() / target, "mass": mass.sum() / target, "copies": c.copies[rows].sum() / target,
        "hazard": (hazard - p.base_hazard / (1.0 + c.survival[rows])).mean(),
    }  # fmt: skip
    for name, (rest, full) in SIGNALS.items():
        if name == "receptors":
            values = world.groups.receptors[c.group[rows]]
        else:
            values = getattr(c, name)[rows]
        values = np.asarray(values, dtype=float).reshape(rows.size, -1).mean(axis=0)
        out[name] = float(values[np.argmax(np.abs(values - rest))] - rest) / full
    return {k: float(v) for k, v in out.items()}


def judge(week: TypeWeek, limits: Limits = LIMITS) -> list[str]:
    """What of a week at rest breaks the limits, in words; empty if the type rests."""
    s, h = week.series, week.hours
    if not s or not np.isfinite(s["atp"]).any():
        return ["no cell is left"]
    alive = np.isfinite(s["atp"])
    h, s = h[alive], {k: v[alive] for k, v in s.items()}
    late, settled = h >= h[-1] - 48.0, h >= min(24.0, h[-1])
    broken = [f"{week.dead} of {week.seeded} cells died"] if week.dead else []

    def check(what: str, value: float, limit: float) -> None:
        if not value <= limit:
            broken.append(f"{what} {value:.3g} > {limit:.3g}")

    check("ATP changes by a share of", float(np.abs(s["atp"] / s["atp"][0] - 1.0).max()), limits.atp)
    has = week.mitochondria > 0.0
    if has:
        check("potential changes by [mV]", float(np.abs(s["psi"] - s["psi"][0]).max()), limits.potential)
        check("H2O2 ends at [uM]", float(s["h2o2"][-1]), limits.h2o2)
        check("H2O2 changes by [uM]", float(np.ptp(s["h2o2"][settled])), limits.h2o2_change)
        check("damage ends at", float(s["damage"][-1]), limits.damage)
        check("damage changes in two days by", float(np.ptp(s["damage"][late])), limits.damage_trend)
        for name, n in (("number", week.mitochondria), ("mass", week.mitochondria), ("copies", week.mitochondria * week.copies)):
            if name == "copies" and week.copies == 0.0:
                check("copies of mtDNA appear", float(s["copies"].max()), 0.0)
            else:
                wide = limits.content + 4.0 / np.sqrt(max(min(n, week.mitochondria), 1.0))
                check(f"{name} changes by a share of", float(np.abs(s[name] / s[name][0] - 1.0).max()), wide)
    for name in SIGNALS:
        if name in OF_ARRIVALS:
            continue
        if name == "antioxidant":
            check("antioxidant is used up by", float(-s[name][settled].min()), limits.signal)
            continue
        rest = s[name][0] if name == "lipid_peroxide" else 0.0
        check(f"{name} is off rest by", float(np.abs(s[name][settled].mean() - rest)), limits.signal)
        if name != "pgc1a":
            check(f"{name} changes in two days by", float(np.ptp(s[name][late])), limits.signal_trend)
    check("hazard beyond the base [1/h]", float(s["hazard"][settled].mean()), limits.hazard)
    return broken


def library_types(names: Collection[str] | None = None) -> dict[str, tuple[str, Mapping[str, float]]]:
    """An arm for each type of the library at the values of the table."""
    from mitoferry.library.cell_types import load_cell_types

    return {name: (name, {}) for name in load_cell_types() if names is None or name in names}
