"""Small shipped experiments, cut to a handful of cells and steps, for backends that are slow; and which row functions a run launches."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from mitoferry.backends.reference import Reference
from mitoferry.core.row import is_row
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.resolve import resolve
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest
from renumbered import renumbered
from same_bytes import take_events

WAYS = {"each": 1, "gather": 2, "serial": 1, "select": 1, "totals": 1, "largest": 1}
"""Launches of a backend, and how many row functions each takes."""
STEPS, CELLS, ISOLATED, SIZE = 4, 3, 12, 50.0
FEW = {"mitochondria": 5.0, "mtdna": 20.0}


# ---------------------------------------------------------------------- launches
def launches_of(module: str) -> set[str]:
    """The row functions that a module launches, as ``module.row``: names in its calls of :data:`WAYS` and of ``by_well``."""
    names = import_module(module)
    tree = ast.parse(Path(str(names.__file__)).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    rows = [row.id for c in calls if c.func.attr in WAYS for row in c.args[: WAYS[c.func.attr]] if isinstance(row, ast.Name)]
    rows += [n.args[1].id for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "by_well"]
    return {name_of(getattr(names, row)) for row in rows if is_row(getattr(names, row, None))}


def all_launches() -> dict[str, set[str]]:
    """Launches of every module of the processes, by name of the module; those of space that processes use stand with them."""
    folder = Path(str(import_module("mitoferry.processes").__file__)).parent
    found = {p.stem: launches_of(f"mitoferry.processes.{p.stem}") for p in sorted(folder.glob("*.py")) if p.stem != "__init__"}
    return {module: rows for module, rows in found.items() if rows}


def recording(backend: type) -> Any:
    """A kind of ``backend`` whose ``launched`` holds every row function that it was given to run, by name of the row."""

    class Recording(backend):  # type: ignore[misc]
        def __init__(self, **keys: Any) -> None:
            super().__init__(**keys)
            self.launched: set[str] = set()

        def each(self, row: Any, *args: Any) -> None:
            self.launched.add(name_of(row))
            super().each(row, *args)

        def gather(self, slot: Any, finish: Any, *args: Any) -> None:
            self.launched |= {name_of(slot), name_of(finish)}
            super().gather(slot, finish, *args)

        def serial(self, function: Any, *args: Any) -> Any:
            self.launched.add(name_of(function))
            return super().serial(function, *args)

        def select(self, row: Any, *args: Any) -> Any:
            self.launched.add(name_of(row))
            return super().select(row, *args)

        def totals(self, row: Any, *args: Any) -> Any:
            self.launched.add(name_of(row))
            return super().totals(row, *args)

        def largest(self, row: Any, *args: Any) -> Any:
            self.launched.add(name_of(row))
            return super().largest(row, *args)

    return Recording


class FromZero(np.ndarray):
    """An array that refuses to count from its end."""

    def __getitem__(self, at: Any) -> Any:
        _check(at)
        return super().__getitem__(at)

    def __setitem__(self, at: Any, value: Any) -> None:
        _check(at)
        super().__setitem__(at, value)


def _check(at: Any) -> None:
    for k in at if type(at) is tuple else (at,):
        if not isinstance(k, slice) and k < 0:
            raise IndexError(f"entry {at}: row functions count from zero, a GPU does not know what -1 would be")


def from_zero(arg: Any) -> Any:
    """An argument of a row function with arrays that refuse to count from their end."""
    if isinstance(arg, np.ndarray):
        return arg.view(FromZero)
    if isinstance(arg, tuple) and hasattr(arg, "_fields"):
        return type(arg)(*map(from_zero, arg))
    return arg


class Strict(Reference):
    """Plain Python in which no row function may count from the end of an array."""

    def each(self, row: Any, n: int, *args: Any) -> None:
        super().each(row, n, *map(from_zero, args))

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, *args: Any) -> None:
        super().gather(slot_row, finish_row, n_sums, n, *map(from_zero, args))

    def serial(self, function: Any, *args: Any) -> Any:
        return super().serial(function, *map(from_zero, args))

    def select(self, row: Any, n: int, *args: Any) -> Any:
        return super().select(row, n, *map(from_zero, args))

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        return super().totals(row, n, n_groups, n_sums, *map(from_zero, args))

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        return super().largest(row, n, n_groups, groups, *map(from_zero, args))


def name_of(row: Any) -> str:
    """A row function as ``module.row``."""
    return f"{row.__module__.rpartition('.')[2]}.{row.__name__}"


# ---------------------------------------------------------------------- tiny plates
class Case(NamedTuple):
    """A shipped experiment, cut small.

    Attributes:
        experiment, arm: which.
        of: modules of processes all of whose launches it runs; "module.row" for one of them.
        parameters: those that are made fast, so that what is rare happens within four steps.
        numbers: of all cell types.
        switches: other ones than those of the file.
        tracker: dye that all mitochondria carry.
        step: the macro-step [s]; long for signals that are slow.
    """

    experiment: str
    arm: str
    of: tuple[str, ...]
    parameters: Mapping[str, float] = MappingProxyType({})
    numbers: Mapping[str, float] = MappingProxyType({})
    switches: Mapping[str, str] = MappingProxyType({})
    tracker: float = 0.0
    step: int = 60


def tiny(case: Case, wells: int = 1) -> Any:
    """So many wells of an arm of a shipped experiment: few cells with few mitochondria, everything given at once, all clocks fast."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(load_experiment(case.experiment), arms=(case.arm,))
    few = partial(_few, numbers={**FEW, **case.numbers}, tracker=case.tracker)
    arms = tuple(_small(arm, case, few) for arm in spec.arms)
    unknown = set(case.parameters) - set(spec.parameters)
    assert not unknown, f"parameters that are not in the library: {unknown}"
    return replace(
        spec, arms=arms, replicates=wells, until=STEPS * case.step, measurements=(), detail=(), macro_step=case.step,
        mitochondria_step=case.step,
        quality_step=2 * case.step, parameters={**spec.parameters, **case.parameters},
        switches={**spec.switches, **case.switches},
    )  # fmt: skip


def _small(one: Any, case: Case, few: Any) -> Any:
    """An arm, or a dish of preparation, of few cells; those of a dish leave it after a step, and then the dish ends."""
    late = {"wash": 2.0 * case.step, **({"take_out": 1.0 * case.step} if one.prepares is not None else {})}
    return replace(
        one, geometry=replace(one.geometry, size=tuple(min(float(x), SIZE) for x in one.geometry.size), voxel=SIZE),
        populations=tuple(few(p) for p in one.populations),
        actions=tuple(replace(a, start=late.get(a.kind, 0.0)) for a in one.actions),
        doses=tuple(replace(d, start=0.0, source=few(d.source, ISOLATED), site=(0.0, 0.0, 0.0)) for d in one.doses),
        grafts=tuple(replace(g, start=0.0, site=(0.0, 0.0, 0.0)) for g in one.grafts),
        tunnels=tuple(replace(t, start=0.0, length=SIZE) for t in one.tunnels),
        prepares=None if one.prepares is None else replace(one.prepares, end=1.0 * case.step),
    )  # fmt: skip


def _few(population: Any, count: int = CELLS, *, numbers: Mapping[str, float], tracker: float) -> Any:
    kind = replace(population.cell_type, **numbers)
    return replace(population, cell_type=kind, count=min(population.count, count), added=0.0, tracker=tracker)


def state_of(spec: Any, processes: Any = None) -> str:
    """Digest of the state at the end of a run in plain Python, with these processes or all that are installed."""
    engine = Engine(spec, Reference(), processes=processes)
    engine.burn_in(spec.macro_step)
    while not engine.finished:
        engine.advance()
    return digest({k: v for k, v in snapshot(engine.world)[0].items() if not k.startswith("neighbours")})


def run(case: Case, backend: Any, *, wide: bool | None = None, wells: int = 1) -> dict[str, Any]:
    """Run a tiny plate to its end; digests of the state and of the events, the processes that ran, what was launched.

    ``wide``: whether the fields are advanced as on a GPU; None: as the backend says. The state of several wells is taken as
    ``renumbered``.
    """
    engine = Engine(tiny(case, wells), backend)
    engine.world.space.wide = wide
    sha = hashlib.sha256()
    engine.on_events = lambda events: take_events(sha, events._replace(count=np.array(events.count)))
    engine.burn_in(case.step)
    with patch("mitoferry.experiment.loop.SCATTERED", 1.0):  # pages are sorted on the host only, which changes their order
        while not engine.finished:
            engine.advance()
    arrays, _ = snapshot(engine.world)
    arrays = arrays if wells == 1 else renumbered(arrays)
    return {
        "state": digest({k: v for k, v in arrays.items() if not k.startswith("neighbours")}), "events": sha.hexdigest(),
        "processes": sorted(p.name for p in engine.processes), "launched": sorted(getattr(backend, "launched", ())),
    }  # fmt: skip


TOUCHING = 30.0  # um: a gap across which cells of these plates count as touching
DYING = {
    "death.base_hazard": 15.0, "death.caspase_delay_min": 0.001, "death.caspase_delay_max": 0.002, "death.execution_min": 0.005,
    "death.execution_max": 0.03, "death.corpse_delay": 0.02,
}  # fmt: skip
TUBES = {
    "nanotube_search.capture_probability": 0.9, "nanotube_clocks.opening_time": 0.001, "nanotube_clocks.thickening_rate": 3000.0,
    "nanotube_transport.loading_rate": 3000.0, "nanotube_transport.microtubule_speed": 20.0,
}  # fmt: skip
OPEN_TUBES = dict.fromkeys(("nanotube_search", "nanotube_clocks", "nanotube_transport"), "on")
EVERYWHERE = ("capacity", "damage", "fusion_fission", "mitophagy", "mtdna", "find_me", "cell_variation")
CASES = {
    "infarct, vesicles": Case(
        "tissue-infarct",
        "vesicles",
        (
            *EVERYWHERE,
            "diffusion",
            "energetics",
            "motion",
            "vessel",
            "vesicle_packages",
            "vesicle_fate",
            "ferroptosis",
            "reactive_oxygen",
            "signals",
        ),
        {"vesicle_fate.capture": 1.0},
    ),
    "infarct, graft": Case(
        "tissue-infarct",
        "graft",
        ("graft",),
        {"graft.engraftment": 0.0, "graft.loss_half_life": 0.005, "graft.circulation_half_life": 0.01, "graft.homing_share": 1.0},
    ),
    "donors taken out": Case("donors-taken-out", "half_taken_out", ("cell_removal",)),
    "donors prepared": Case("donors-prepared", "loaded", ("preparation",), {"free_mitochondria.clearance": 1e4}),
    "infarct, injected": Case("tissue-infarct", "injected_early", ("delivery",)),
    "isolated, washed": Case(
        "route-isolated-mitochondria", "isolated", ("isolated_mitochondria", "pool_pages"), {"free_mitochondria.clearance": 1e-3}
    ),
    "zygote": Case("zygote-microinjection", "injected", ("microinjection",)),
    "tubes": Case(
        "trigger-adp",
        "with",
        ("nanotube_search", "nanotube_clocks", "nanotube_transport", "nanotube_links"),
        TUBES,
        {"filopodia": 200.0},
    ),
    "connexin": Case("gap-junction-connexin", "coculture", ("connexin43", "gap_junction_coupling", "dislodgement")),
    "gap junctions": Case(
        "route-gap-junction",
        "coculture",
        ("gap_junction",),
        {"gap_junction.contact_gap": TOUCHING, "gap_junction.internalisation_rate": 1e3, "gap_junction.mitochondrion_chance": 1.0},
    ),
    "bridges": Case(
        "route-bridge",
        "coculture",
        ("bridge", "contacts"),
        {
            "bridge.rate": 1e3,
            "bridge.contact_gap": TOUCHING,
            "bridge.release_gap": 100.0,
            "bridge.shortest_life": 0.01,
            "bridge.longest_life": 0.03,
            "bridge.diffusion": 10.0,
        },
    ),
    "fusion of cells": Case(
        "route-cell-fusion",
        "coculture",
        ("cell_fusion",),
        {"cell_fusion.rate": 30.0, "cell_fusion.contact_gap": TOUCHING, **TUBES},
        {"filopodia": 200.0},
        OPEN_TUBES,
    ),
    "dendrites": Case("route-dendrite", "coculture", ("dendrite",)),
    "microtunnels": Case(
        "route-microtunnel",
        "one",
        ("microtunnel",),
        {"microtunnel.fusion_rate": 1e3, "microtunnel.entry_rate": 1e3, "microtunnel.speed": 10.0},
    ),
    "released": Case(
        "route-free-mitochondria",
        "coculture",
        ("mitochondria_release", "free_mitochondria", "well_sums"),
        {"mitochondria_release.rate": 100.0, "free_mitochondria.clearance": 1e5},
    ),
    "vesicles": Case(
        "route-vesicles",
        "coculture",
        ("vesicle_release",),
        {"vesicle_release.microvesicle_rate": 200.0, "vesicle_release.microvesicle_loading": 1.0, "vesicle_release.mitovesicle_rate": 50.0},
    ),
    "cargo": Case(
        "route-mtdna-vesicles",
        "coculture",
        ("vesicle_cargo",),
        {"vesicle_cargo.mtdna_chance": 1.0, "vesicle_cargo.entry_chance": 1.0, "vesicle_cargo.medium_loss": 50.0},
    ),
    "phagocytosis": Case(
        "route-phagocytosis", "dying", ("phagocytosis",), {"phagocytosis.rate": 1e6, "phagocytosis.contact_gap": TOUCHING, **DYING}
    ),
    "transmitophagy": Case(
        "route-transmitophagy",
        "damaged",
        ("transmitophagy",),
        {"transmitophagy.rate": 1e4, "transmitophagy.damage_half": 0.01, "transmitophagy.contact_gap": TOUCHING},
    ),
    "dying": Case("route-phagocytosis", "dying", ("death", "pool_pages"), {**DYING, "death.base_hazard": 200.0}),
    "dye": Case("one-nanotube", "pair", ("dye",), tracker=1.0),
    "division": Case(
        "fate-dhodh",
        "parent",
        ("division", "biogenesis", "cell_events", "partition"),
        {"biogenesis.growth_time": 0.5},
        {"cycle_time": 0.02, "mitochondria": 32.0, "mtdna": 128.0},
    ),
    "division beside another type": Case("route-bridge", "coculture", ("like_contacts",), {}, {"cycle_time": 0.02}),
    "crawling": Case("fate-crawling", "alone", ("crawling",)),
    "differentiation": Case("fate-differentiation", "osteogenic", ("differentiation",)),
    "fatty acids": Case("fate-fatty-acids", "fat", ("fatty_acids",)),
    "senescence": Case("fate-senescence", "old", ("senescence",)),
    "dna damage": Case("fate-senescence", "irradiated", ("dna_damage",)),
    "hypoxia": Case("trigger-hmgb1", "with", ("hypoxia_signalling",), step=3600),
    "heme": Case(
        "trigger-heme",
        "with",
        ("heme_signalling", "arrival"),
        {"free_mitochondria.clearance": 1e5, "free_mitochondria.lysis_rate": 1e-3},
        {"arrival_lysis": 20.0},
        step=600,
    ),
    "calcium": Case("route-phagocytosis", "dying", ("calcium_load",), {"calcium_load.calcium_half": 0.05}),
    "pores": Case("route-phagocytosis", "dying", ("pore",), {"pore.opening_rate": 1e6}),
    "NAD+": Case("fate-nad", "silenced", ("nad",)),
    "mtDNA adducts": Case("fate-mtdna-adducts", "poisoned", ("mtdna_adducts",), step=3600),
    "nutrients": Case("trigger-lactate", "with", ("nutrient_signalling",)),
    "erk": Case("trigger-erk", "with", ("erk_signalling",), {"free_mitochondria.clearance": 1e5}, step=1800),
    "adhesion to stroma": Case("trigger-vcam1", "with", ("vcam1_signalling",), step=3600),
    "platelets": Case("trigger-platelets", "with", ("platelet_activation",), step=3600),
    "oxidase": Case("trigger-nox2", "with", ("nadph_oxidase",)),
    "mtDNA seen": Case("trigger-mtdna-sensing", "dead_mitochondria", ("mtdna_sensing",), step=3600),
    "attack": Case("immune-attack", "foreign", ("immune_attack",)),
    "cytokines": Case("immune-cytokines", "inflamed", ("cytokines",)),
    "polarisation": Case("immune-macrophage-polarisation", "il_4", ("macrophage_polarisation",)),
    "inhibitors": Case("fate-differentiation", "osteogenic_rotenone", ("inhibitors",)),
    "calming": Case("immune-stromal-calming", "inflamed", ("stromal_calming",)),
    "T cells": Case("immune-t-cell-fate", "stimulated", ("t_cell_fate",), step=3600),
    "traps": Case("immune-neutrophil-traps", "inflamed", ("neutrophil_traps",), step=3600),
}
ALONE = sorted(n for n in shipped() if n.startswith(("route-", "trigger-")))
"""Experiments in which one route or one trigger is the only thing at work."""
CASES |= {
    name: Case(name, "coculture" if name.startswith("route-") else "with", (), step=600)
    for name in ALONE
    if name not in {case.experiment for case in CASES.values()}
}
SIDE_BY_SIDE = ("bridges", "cargo", "dying", "fusion of cells", "gap junctions", "phagocytosis", "released", "tubes", "vesicles")
"""Cases with lists of hand-overs that wells go through side by side (``core/by_well.py``)."""
WELLS = 3
