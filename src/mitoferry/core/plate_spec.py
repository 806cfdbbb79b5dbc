"""What a run is made of, as plain numbers: the contract between the experiment file and the engine.

``experiment/`` turns names, units and files into these records; ``experiment/plate.py`` turns them into state. Units
are those of the engine: um, s, mM (glucose, lactate, calcium, ATP of cells), uM (oxygen, H2O2, eATP, eADP), ng/mL
(cytokines), 1/h, mV, pL, amol/s. All records are frozen and can be written to JSON by ``dataclasses.asdict``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Shape of a well.

    Attributes:
        kind: "dish", "insert" or "block".
        size: extent in x, y, z [um]; z is ignored in a dish.
        periodic: whether x and y (and z of a block) wrap around.
        medium_height: height of the medium above the cells [um].
        pore: pore size of the insert [um]; 0 without an insert.
        voxel: edge of a field voxel [um].
        perfusion: flow of blood through a block, 1 = that of the parameter ``diffusion.perfusion``.
        clearance: loss of extracellular nucleotides in a block, 1 = that of ``diffusion.tissue_nucleotide_decay``.
        haemoglobin: oxygen that blood brings over what is dissolved in it.
        washout: half-life [s] of free mitochondria by the flow through a block, 0 = no flow.
    """

    kind: str = "dish"
    size: tuple[float, float, float] = (600.0, 600.0, 20.0)
    periodic: bool = True
    medium_height: float = 2000.0
    pore: float = 0.0
    voxel: float = 20.0
    perfusion: float = 1.0
    clearance: float = 1.0
    haemoglobin: float = 1.0
    washout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTypeNumbers:
    """Numbers of one cell type that the engine needs, after scaling to its own energetics (library/scaling.py)."""

    name: str
    radius: float
    volume: float
    mitochondria: float
    mtdna: float
    oxygen_use: float  # fmol/min per cell, basal
    oxphos_share: float
    speed: float
    persistence: float
    filopodia: float
    cx43: float
    miro1: float
    uptake: float
    adhesion: float = 1.0
    phagocyte: float = 0.0
    release: float = 1.0
    arrival_lysis: float = 0.1
    arrival_fusion: float = 0.5
    cycle_time: float = 0.0
    cytokine_sensitivity: float = 1.0
    height: float = 0.0  # um, of a spread cell; 0 = it stays round
    cell_cv: float = 0.3
    dendrites: float = 0.0  # permanent links per cell
    exophers: float = 1.0
    synaptosomes: float = 0.0  # 1/h
    # immunity
    tnf_secretion: float = 0.02
    tlr9_level: float = 0.0
    sting_level: float = 0.0
    nlrp3_level: float = 0.0
    macrophage: float = 0.0
    m2_share: float = 0.5
    t_helper: float = 0.0
    cytotoxic: float = 0.0
    attacker: float = 0.0
    trap_former: float = 0.0
    inflammatory_secretion: float = 0.0
    trophic_secretion: float = 0.0
    alarmin_secretion: float = 0.0
    lymphokine_secretion: float = 0.0
    nox2: float = 0.0
    cd38: float = 0.0
    hmgb1: float = 0.0
    mct1: float = 0.0
    o_glcnac: float = 0.0
    icam1: float = 0.0
    lfa1: float = 0.0
    cd200r: float = 0.0
    isec: float = 0.0
    talin2: float = 0.0
    gap43: float = 0.0
    n_cadherin: float = 0.0
    unsaturation: float = 1.0
    iron: float = 1.0
    peroxide_enzymes: float = 1.0
    senescent: float = 0.0
    angiogenic: float = 0.0
    calming_secretion: float = 0.0
    scatter: float = 0.0
    # the cell cycle
    contact_inhibition: float = 1.0
    antigen_driven: float = 0.0
    cleavage: float = 0.0
    spontaneous_death: float = 0.0  # 1/h
    dormancy: float = 0.0
    # malignant blood cells and stroma
    vla4: float = 0.0
    vcam1: float = 0.0
    il_6_growth: float = 0.0
    # platelets and what activates them
    alpha_granules: float = 0.0
    tissue_factor: float = 0.0
    # results of the scaling
    demand: float = 0.0
    glycolysis: float = 0.0
    nonmito: float = 0.0
    leak_factor: float = 1.0
    substrate: float = 1.0
    cytosol: float = 0.0
    resting_potential: float = 156.0  # mV
    antioxidant_level: float = 1.0
    redox_scale: float = 1.0  # of its redox sensors, beyond what peroxidases explain: library/set_points.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Cells of one type with one role in a well.

    Attributes:
        name: name in the experiment file ("recipient", "donor").
        index: its index in the experiment, the same in every arm.
        role: "recipient" or "donor".
        cell_type: numbers of the type.
        count: cells seeded.
        added: when they enter the well [s from time zero].
        layer: 0 = bottom, 1 = on the insert.
        haplotypes: share of each haplotype of the palette in its mtDNA; all zero means no mtDNA (rho0).
        pathogenic: whether each haplotype of the palette impairs expression.
        genetic_label: whether its mitochondria carry a genetic label.
        tracker: MitoTracker loaded before seeding, 1 = full.
        complexes: initial complex I, III/IV, V capacities, relative.
        grafted: whether its cells are brought by a graft, which says when each enters (``added`` is when it is given).
        from_dish: whether its cells are those that an arm with :class:`Preparation` hands over; ``count`` is how many at most.
    """

    name: str
    index: int
    role: str
    cell_type: CellTypeNumbers
    count: int
    added: float = 0.0
    layer: int = 0
    haplotypes: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    genetic_label: bool = False
    tracker: float = 0.0
    rho0: bool = False
    grafted: bool = False
    from_dish: bool = False

    @property
    def rows(self) -> int:
        """Cells seeded in a well of the arm: none where they come from a dish."""
        return 0 if self.from_dish else self.count


ISOLATED = 128
"""First population number of isolated mitochondria: the k-th dose of an arm is population 128 + k of no cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """Isolated mitochondria that are given to every well of an arm.

    Attributes:
        source: cells that they were isolated from; ``count`` is the number of mitochondria, ``index`` the population
            number under which they are born (:data:`ISOLATED` and up; no cell has it).
        viability: share with potential when they are added.
        start: when they are added [s].
        spin: seconds in the centrifuge from then on, 0 = none.
        washout: half-life [s] of those that are free, by the flow through a tissue block; infinite = no flow.
        cause: what the user wrote, for the report.
        route: "medium"; "injection", "intravenous", "intracoronary", "intranasal" (a compartment with losses, process
            ``delivery``); "vesicles" (packed, process ``vesicle_packages``); "cytosol" (process ``microinjection``).
        site, spread: where in a block it is injected [um], and the standard deviation about it; infinite = all over it.
        vesicle, each: kind of vesicle (a row of the table of kinds), and mitochondria in each.
        into: populations whose cells are injected, each with ``per_cell`` mitochondria on average.
    """

    source: Population
    viability: float
    start: float
    spin: float = 0.0
    washout: float = math.inf
    cause: str = ""
    route: str = "medium"
    site: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: float = math.inf
    vesicle: int = 0
    each: int = 1
    into: tuple[int, ...] = ()
    per_cell: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Graft:
    """Cells that are given to every well of an arm (process ``graft``).

    Attributes:
        population: index of their population; its ``count`` rows wait until they enter or are lost.
        start: when they are given [s].
        route: "local" (put into the block) or "intravenous" (they circulate and home).
        present: chance that a row stands for a cell of the dose: expected number / rows.
        site, spread: where they are put [um]; an infinite spread = all over the block.
        cause: what the user wrote, for the report.
    """

    population: int
    start: float
    route: str = "local"
    present: float = 1.0
    site: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: float = math.inf
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What makes an arm a dish in which cells are prepared for another arm (process ``preparation``).

    Attributes:
        arm: name of the arm whose wells they are put into.
        population: index of the population that leaves; the other arm has it, too, ``from_dish``.
        end: when they leave [s].
        cause: what the user wrote, for the report.
    """

    arm: str
    population: int
    end: float
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnels:
    """Artificial microtunnels between two sets of populations.

    Attributes:
        donors, recipients: indices of populations.
        length: length of a tunnel [um], also how far apart membranes may be.
        mitochondria: how many each tunnel passes before its valve shuts.
        start, end: when cells are joined and tunnels stand [s]; ``end`` may be infinite.
        cause: what the user wrote, for the report.
    """

    donors: tuple[int, ...]
    recipients: tuple[int, ...]
    length: float
    mitochondria: int
    start: float
    end: float
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One timed change. Between ``start`` and ``end`` [s] the value is in force; ``end`` may be infinite.

    Attributes:
        kind: "node" (a node of populations: ``key`` is the node's name), "medium" (bulk concentration set at start:
            a medium change or an addition; ``key`` is a species), "boundary" (concentration that the bulk is held to,
            e.g. oxygen of the chamber; ``key`` is a species), "wash" (bulk and grid set back to the fresh medium),
            "perfusion" (factor on the flow of blood through a block; ``key`` is "perfusion"), "take_out" (cells leave the
            well at ``start``).
        populations: indices of populations that it acts on (nodes, cells that leave).
        value: factor or level of the node; concentration for species; share of the cells that leaves.
        cause: what the user wrote ("cytochalasin_b 350 nM"), for the report.
    """

    kind: str
    key: str
    value: float
    start: float
    end: float
    populations: tuple[int, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm: everything that differs between wells.

    Attributes:
        prepares: set for a dish of preparation, which is no arm of the experiment: its wells are those of an arm, one for one.
        brought: what mitochondria can come from that cells of a dish bring along.
    """

    name: str
    geometry: Geometry
    populations: tuple[Population, ...]
    actions: tuple[Action, ...]
    medium: dict[str, float] = field(default_factory=dict)
    doses: tuple[Dose, ...] = ()
    tunnels: tuple[Tunnels, ...] = ()
    grafts: tuple[Graft, ...] = ()
    prepares: Preparation | None = None
    brought: tuple[Population, ...] = ()

    @property
    def sources(self) -> tuple[Population, ...]:
        """All that mitochondria of the arm come from: its populations, those of its doses, and what is brought along."""
        return self.populations + tuple(d.source for d in self.doses) + self.brought


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """An assay at given times.

    Attributes:
        of: a population's name, or "" for the whole well.
        times: ticks (s).
        dish: "" for the wells of the arms; the name of a population: the dishes in which it is prepared.
    """

    assay: str
    of: str
    times: tuple[int, ...]
    dish: str = ""
    options: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSpec:
    """A whole run: arms x replicates, measurements, clocks, parameters.

    Attributes:
        arms: those of the experiment, then the dishes of preparation (:attr:`main_arms`, :attr:`dishes`).
        parameters: every parameter of the library with the value used, in the unit of its record.
        haplotype_names: names of the palette of haplotypes; ``pathogenic`` says which impair expression.
        macro_step, mitochondria_step, quality_step: clocks [s].
        switches: named modelling switches ("arrival.gate": "any").
        detail: arms of whose first well the mitochondria are saved one by one at every saved time.
        left_out: arms of the experiment that are not run: no cell of theirs is there, but what the plate shares (the
            colour that an assay reads, the haplotypes that it tells apart) does not depend on which arms run.
    """

    name: str
    arms: tuple[Arm, ...]
    replicates: int
    seed: int
    until: int
    measurements: tuple[Measurement, ...]
    parameters: dict[str, float]
    haplotype_names: tuple[str, ...] = ("wild_type",)
    pathogenic: tuple[bool, bool, bool, bool] = (False, False, False, False)
    macro_step: int = 60
    mitochondria_step: int = 300
    quality_step: int = 600
    save_every: int = 3600
    checkpoint_every: float = 30.0
    switches: dict[str, str] = field(default_factory=dict)
    detail: tuple[str, ...] = ()
    left_out: tuple[Arm, ...] = ()

    @property
    def main_arms(self) -> tuple[Arm, ...]:
        """Arms of the experiment that run, without dishes of preparation; they come first, so a place here is one in ``arms``."""
        return tuple(arm for arm in self.arms if arm.prepares is None)

    @property
    def dishes(self) -> tuple[Arm, ...]:
        """Dishes of preparation."""
        return tuple(arm for arm in self.arms if arm.prepares is not None)

    @property
    def every_arm(self) -> tuple[Arm, ...]:
        """All arms of the experiment: those that run, then those left out."""
        return self.arms + self.left_out

    def wells_of(self, arm: int) -> range:
        """Wells of the arm with this number."""
        return range(arm * self.replicates, (arm + 1) * self.replicates)

    def parameters_of(self, process: str, cls: Any) -> Any:
        """The ``Parameters`` NamedTuple ``cls`` of a process (or of an assay) with the values of this run."""
        return cls(**{name: float(self.parameters[f"{process}.{name}"]) for name in cls._fields})

    def acts_on(self, *nodes: str) -> bool:
        """Whether a treatment of any arm acts on one of these nodes at any time."""
        return any(action.kind == "node" and action.key in nodes for arm in self.every_arm for action in arm.actions)

    def has_cells_with(self, *numbers: str) -> bool:
        """Whether cells of any arm have one of these numbers of their type above 0."""
        return any(p.count > 0 and any(getattr(p.cell_type, n) > 0.0 for n in numbers) for arm in self.every_arm for p in arm.populations)

    def dissolves(self, *substances: str) -> bool:
        """Whether the medium of any arm holds one of these substances at any time."""
        return any(
            any(arm.medium.get(s, 0.0) > 0.0 for s in substances)
            or any(a.kind in ("medium", "boundary") and a.key in substances and a.value > 0.0 for a in arm.actions)
            for arm in self.every_arm
        )


def spec_to_plain(spec: PlateSpec) -> dict[str, Any]:
    """A specification as JSON-compatible values; an infinite end of an action is ``None``."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [clean(v) for v in value]
        return None if isinstance(value, float) and math.isinf(value) else value

    plain: dict[str, Any] = clean(asdict(spec))
    return plain


def spec_from_plain(plain: dict[str, Any]) -> PlateSpec:
    """The specification that :func:`spec_to_plain` wrote."""

    def population(p: dict[str, Any]) -> Population:
        return Population(**{**p, "cell_type": CellTypeNumbers(**p["cell_type"]), "haplotypes": tuple(p["haplotypes"])})

    def action(a: dict[str, Any]) -> Action:
        end = math.inf if a["end"] is None else a["end"]
        return Action(**{**a, "end": end, "populations": tuple(a["populations"])})

    def dose(d: dict[str, Any]) -> Dose:
        infinite: dict[str, Any] = {key: math.inf for key in ("washout", "spread") if d.get(key, 0.0) is None}
        lists: dict[str, Any] = {key: tuple(d[key]) for key in ("site", "into") if key in d}
        return Dose(**{**d, **infinite, **lists, "source": population(d["source"])})

    def graft(g: dict[str, Any]) -> Graft:
        return Graft(**{**g, "site": tuple(g["site"]), "spread": math.inf if g["spread"] is None else g["spread"]})

    def tunnels(t: dict[str, Any]) -> Tunnels:
        end = math.inf if t["end"] is None else t["end"]
        return Tunnels(**{**t, "end": end, "donors": tuple(t["donors"]), "recipients": tuple(t["recipients"])})

    def arm(a: dict[str, Any]) -> Arm:
        geometry = Geometry(**{**a["geometry"], "size": tuple(a["geometry"]["size"])})
        return Arm(
            name=a["name"], geometry=geometry, populations=tuple(population(p) for p in a["populations"]),
            actions=tuple(action(x) for x in a["actions"]), medium=a["medium"],
            doses=tuple(dose(d) for d in a.get("doses", ())), grafts=tuple(graft(g) for g in a.get("grafts", ())),
            tunnels=tuple(tunnels(t) for t in a.get("tunnels", ())),
            prepares=None if a.get("prepares") is None else Preparation(**a["prepares"]),
            brought=tuple(population(p) for p in a.get("brought", ())),
        )  # fmt: skip

    return PlateSpec(
        **{
            **plain,
            "arms": tuple(arm(a) for a in plain["arms"]),
            "detail": tuple(plain.get("detail", ())),
            "left_out": tuple(arm(a) for a in plain.get("left_out", ())),
            "measurements": tuple(Measurement(**{**m, "times": tuple(m["times"])}) for m in plain["measurements"]),
            "haplotype_names": tuple(plain["haplotype_names"]),
            "pathogenic": tuple(plain["pathogenic"]),
        }
    )
