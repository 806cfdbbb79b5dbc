"""The state of a plate, column by column.

Struct of arrays. Each table is a ``NamedTuple`` of NumPy arrays, so that one argument carries a whole table into a
row function; :data:`COLUMNS` says for each column its dtype, unit and meaning. Everything of a run lives in these
tables: a plate (all wells) is one state.

Scales: quantised columns of the mitochondria hold integers; the constants ``*_SCALE`` give the size of one step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.lines import zeros_on_lines
from mitoferry.core.sparse import sparse_zeros

PAGE = 32
N_HAPLOTYPES = 4
N_CLASSES = 4
MAX_COPIES = 255  # mtDNA copies of a haplotype that a record can hold

# ----------------------------------------------------------------- mitochondria: quantised columns
MASS_SCALE = 1.0 / 8192.0
LARGEST_MASS = 65535  # quanta that the column holds: 8 mass units
DAMAGE_SCALE = 1.0 / 65535.0
COMPLEX_SCALE = 1.0 / 32768.0
BOUND_SCALE = 1.0 / 255.0
ADDUCT_SCALE = 1.0 / 255.0
PSI_OFFSET_SCALE = 0.01  # mV
DEPOLARISED_SCALE = 10.0  # s
LABEL_SCALE = 1.0 / 16384.0  # 1 = label of a freshly stained mitochondrion
PORE_SCALE = 10.0  # s

# flags of a mitochondrion
OCCUPIED = 1
CLASS_SHIFT = 1  # two bits: energy class
CLASS_MASK = 3
PINK1 = 8
PLACE_SHIFT = 4  # two bits: place in the host
PLACE_MASK = 3
ROUTE_SHIFT = 6  # four bits: route of the last hand-over, 0 = never moved
ROUTE_MASK = 15
PORE_OPEN = 1 << 10
PULSED = 1 << 11  # its arrival has been signalled
FUSED = 1 << 12  # has fused with the host network since arrival
SICK_ON_ARRIVAL = 1 << 13  # potential below the gate when it arrived
BROKEN = 1 << 14  # lost its membrane outside of cells: no potential and no repair any more
WITHOUT_POTENTIAL = PORE_OPEN | BROKEN

# energy classes
OWN_NETWORK, OWN_ISOLATED, DONOR_FREE, DONOR_ENDOSOME = 0, 1, 2, 3
# places
CYTOSOL, ENDOSOME, DOUBLE_MEMBRANE, IN_TRANSIT = 0, 1, 2, 3
# routes of a hand-over (ledger names in ROUTE_NAMES)
ROUTE_NONE, ROUTE_NANOTUBE, ROUTE_BREAKAGE, ROUTE_LYSIS, ROUTE_UPTAKE, ROUTE_DIVISION, ROUTE_RETURN = 0, 1, 2, 3, 4, 5, 6
ROUTE_GAP_JUNCTION, ROUTE_VESICLE, ROUTE_PHAGOCYTOSIS, ROUTE_CELL_FUSION, ROUTE_BRIDGE = 7, 8, 9, 10, 11
ROUTE_DENDRITE, ROUTE_RELEASE, ROUTE_MICROTUNNEL, ROUTE_INJECTION = 12, 13, 14, 15
ROUTE_NAMES = (
    "none", "nanotube", "nanotube_breakage", "lysis", "free_uptake", "division", "nanotube_return",
    "gap_junction", "vesicle", "phagocytosis", "cell_fusion", "bridge", "dendrite", "release", "microtunnel", "injection",
)  # fmt: skip

# ----------------------------------------------------------------- cells
CELL_EMPTY, CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC, CELL_DEAD_NECROTIC, CELL_NECROTIC = 0, 1, 2, 3, 4, 5, 6
CELL_POOL, CELL_WAITING = 9, 10
# CELL_LIVE: alive. CELL_MOMP: cytochrome c released, still alive and metabolising (window of rescue).
# CELL_APOPTOTIC: caspases executing. CELL_NECROTIC: membrane lost, content being released.
# CELL_DEAD_*: corpse, holds no mitochondria. CELL_POOL: not a cell, the row of a well's pool.
# CELL_WAITING: seeded later (added at ``cells.added``); holds its mitochondria, touches nothing.
NEVER_ADDED = 1 << 62  # ``cells.added`` of what waits for something else than a time: cells of a graft, compartments of a delivery

POOL_TRANSIT, POOL_MEDIUM = 0, 1  # pools of well w are rows 2 w and 2 w + 1 of the cells table
N_POOLS = 2

# per-cell sums over mitochondria, filled by processes/capacity.py: sums[cell, class, SUM_*], fixed point
SUM_COUNT, SUM_MASS, SUM_ETC, SUM_ETC_COMPLEX_I, SUM_SYNTHASE, SUM_LEAK, SUM_DEHYDROGENASE, SUM_DAMAGE, SUM_SITE_I, SUM_SITE_III = range(10)
N_SUMS = 10
SUM_SCALE = 1.0 / 1048576.0  # every sum but SUM_COUNT: 2**-20

# per-cell tallies for the ledger, folded into the wells' ledger after each process that writes mitochondria
TALLY_BORN, TALLY_DEGRADED, TALLY_LYSED, TALLY_MASS_IN, TALLY_MASS_OUT = range(5)
TALLY_COPIES_IN = 5  # four entries, one per haplotype
TALLY_COPIES_OUT = 9  # four entries
TALLY_MOVED_IN, TALLY_MOVED_OUT = 13, 14  # individuals that came, or left, with their cell from, or to, another well
N_TALLY = 15

# causes of death: cells.death_cause; hazards of the last three are written by their mechanisms into cells.other_hazards
NOT_DEAD, BY_APOPTOSIS, BY_NECROSIS, BY_PYROPTOSIS, BY_FERROPTOSIS, BY_ATTACK = 0, 1, 2, 3, 4, 5
CAUSE_NAMES = ("alive", "apoptosis", "necrosis", "pyroptosis", "ferroptosis", "attack")
HAZARD_PYROPTOSIS, HAZARD_FERROPTOSIS, HAZARD_ATTACK = 0, 1, 2
N_OTHER_HAZARDS = 3

# lineages of differentiation: cells.lineage
OSTEOGENIC, OSTEOCLAST, OTHER_LINEAGE = 0, 1, 2
LINEAGE_NAMES = ("osteogenic", "osteoclast", "other")
N_LINEAGES = 3

# ----------------------------------------------------------------- links
LINK_EMPTY, LINK_GROWING, LINK_CLOSED, LINK_CAPPED, LINK_OPEN = 0, 1, 2, 3, 4
KIND_NANOTUBE, KIND_GAP_JUNCTION, KIND_DENDRITE, KIND_BRIDGE, KIND_ARTIFICIAL = 0, 1, 2, 3, 4

# ----------------------------------------------------------------- vesicles
EXOSOME, MICROVESICLE, MITOVESICLE, EXOPHER, APOPTOTIC_BODY, MIGRASOME, SYNAPTOSOME = 0, 1, 2, 3, 4, 5, 6
VESICLE_NAMES = ("exosome", "microvesicle", "mitovesicle", "exopher", "apoptotic_body", "migrasome", "synaptosome")
N_VESICLES = 7
NO_VESICLE = 255  # ``Vesicles.kind`` of an empty row
VESICLE_SLOTS = 16  # mitochondria that a vesicle can hold at most

# ----------------------------------------------------------------- fields
SPECIES = (
    "oxygen",
    "glucose",
    "lactate",
    "atp",
    "adp",
    "h2o2",
    "tnf_alpha",
    "il_1beta",
    "calcium",
    "paracrine",
    "s100a4_signal",
    "tracker",
)
(OXYGEN, GLUCOSE, LACTATE, ATP, ADP, H2O2, TNF_ALPHA, IL_1BETA, CALCIUM, PARACRINE, S100A4_SIGNAL, TRACKER) = range(12)
# units: oxygen, atp, adp, h2o2 in uM; glucose, lactate, calcium in mM; cytokines in ng/mL; the last three in a.u.

# ----------------------------------------------------------------- cytokines that are mixed over a well, ng/mL: wells.cytokines
CYTOKINES = (
    "il_4", "il_5", "il_6", "il_8", "il_10", "il_13", "il_17", "il_33", "mcp_1", "mcp_3", "rantes", "eotaxin", "hgf", "vegf", "sdf_1",
    "tgf_beta", "interferon_1", "interferon_gamma", "extracellular_hmgb1", "prostaglandin_e2", "tsg_6",
)  # fmt: skip
(
    IL_4, IL_5, IL_6, IL_8, IL_10, IL_13, IL_17, IL_33, MCP_1, MCP_3, RANTES, EOTAXIN, HGF, VEGF, SDF_1,
    TGF_BETA, INTERFERON_1, INTERFERON_GAMMA, EXTRACELLULAR_HMGB1, PROSTAGLANDIN_E2, TSG_6,
) = range(21)  # fmt: skip
N_CYTOKINES = len(CYTOKINES)
# occupancies of cytokine receptors, 0..1: groups.receptors
RECEPTOR_IL_4, RECEPTOR_IL_10, RECEPTOR_IL_6, RECEPTOR_IL_33, RECEPTOR_INTERFERON_1, RECEPTOR_INTERFERON_GAMMA, RECEPTOR_TGF_BETA = range(7)
RECEPTOR_HMGB1 = 7  # RAGE and TLR4
RECEPTOR_PROSTAGLANDIN_E2, RECEPTOR_TSG_6 = 8, 9  # EP2 and EP4; CD44
RECEPTOR_HGF = 10  # MET
N_RECEPTORS = 11
# differentiation of a T cell, 0..1: cells.t_cell
TREG, TH1, TH17, EXHAUSTION, ACTIVATION = 0, 1, 2, 3, 4


class Mitochondria(NamedTuple):
    """One row per slot; slots 32 p .. 32 p + 31 make page p."""

    birth: Any
    ordinal: Any
    copies: Any
    mass: Any
    damage: Any
    complex1: Any
    complex34: Any
    complex5: Any
    bound1: Any
    bound3: Any
    adducts: Any
    psi_offset: Any
    depolarised: Any
    label: Any
    dye: Any
    pore: Any
    motor: Any
    flags: Any


class Pages(NamedTuple):
    """One row per page of 32 slots."""

    owner: Any
    next: Any
    free: Any  # stack of free pages
    n_free: Any  # one int64


class Cells(NamedTuple):
    """One row per cell; the first 2 n_wells rows are the wells' pools (transit, medium)."""

    id: Any
    well: Any
    group: Any
    population: Any
    state: Any
    added: Any
    first_page: Any
    n_mitochondria: Any
    n_foreign: Any
    next_ordinal: Any
    want_pages: Any
    sums: Any
    copies: Any
    tally: Any
    # space
    x: Any
    y: Any
    z: Any
    ux: Any
    uy: Any
    uz: Any
    radius: Any
    layer: Any
    voxel: Any
    bin: Any
    n_contacts: Any
    # size and capacity
    volume: Any
    demand: Any
    glycolysis: Any
    nonmito: Any
    leak_factor: Any
    substrate: Any
    target_mitochondria: Any
    # energetics
    atp: Any
    psi: Any
    nadh: Any
    load: Any
    succinate: Any
    oxygen_flux: Any
    oxygen_flux_class: Any
    lactate_flux: Any
    glucose_flux: Any
    atp_flux: Any
    atp_oxphos: Any
    h2o2: Any
    h2o2_membrane: Any
    antioxidant: Any
    h2o2_production: Any
    # surroundings, sampled from the fields
    env: Any
    gradient_x: Any
    gradient_y: Any
    # signals, 0..1 unless noted
    nfkb: Any
    tnfaip2: Any
    p53: Any
    caspase3: Any
    s100a4: Any
    phosphatidylserine: Any
    p2y: Any
    calcium: Any
    survival: Any
    arrival_pulse: Any
    pgc1a: Any
    hif: Any
    akt: Any
    signal_from_neighbours: Any
    filopodia_rate: Any
    n_filopodia: Any
    # fate
    momp_time: Any
    death_time: Any
    death_hazard: Any
    other_hazards: Any
    death_cause: Any
    cycle: Any
    mitophagy_load: Any
    received: Any
    donated: Any
    returned: Any
    lysed_arrivals: Any
    degraded_foreign: Any
    n_divisions: Any
    parent: Any
    nuclei: Any
    vesicles: Any
    connexin43: Any
    microrna: Any
    # immunity
    mtdna_freed: Any
    mtdna_dose: Any
    tlr9: Any
    sting: Any
    nlrp3: Any
    polarisation: Any
    t_cell: Any
    engulfed: Any
    traps: Any
    # signals of mitochondria, oxygen and nutrients
    heme: Any
    ho1: Any
    tfam: Any
    hmgb1: Any
    miro1: Any
    rac1: Any
    sirt1: Any
    o_glcnac: Any
    trak: Any
    erk: Any
    # what transfer does to cells
    lipid_peroxide: Any
    labile_iron: Any
    senescent: Any
    dna_damage: Any
    drug_retention: Any
    lineage: Any
    fate: Any
    motility: Any
    sprout: Any
    engrafted: Any
    lipid_load: Any
    particles: Any
    own_antioxidant: Any
    own_threshold: Any
    vegf_crawling: Any
    primed: Any
    burst: Any
    nox_induced: Any
    failing: Any
    calcium_load: Any
    nad: Any
    nad_supply: Any
    mtdna_adducts: Any
    vcam1_bound: Any
    granules: Any
    latent_tgf_beta: Any
    tgf_beta_flux: Any


class Groups(NamedTuple):
    """One row per population of a well: cell-type numbers and the nodes that treatments act on."""

    well: Any
    population: Any
    donor: Any
    radius: Any
    speed: Any
    persistence: Any
    filopodia: Any
    cx43: Any
    miro1: Any
    uptake: Any
    phagocyte: Any
    release: Any
    adhesion: Any
    arrival_lysis: Any
    arrival_fusion: Any
    cycle_time: Any
    volume: Any
    mitochondria: Any
    mtdna: Any
    cytokine_sensitivity: Any
    resting_potential: Any
    dendrites: Any
    exophers: Any
    synaptosomes: Any
    tlr9_level: Any
    sting_level: Any
    nlrp3_level: Any
    macrophage: Any
    m2_share: Any
    t_helper: Any
    cytotoxic: Any
    attacker: Any
    trap_former: Any
    inflammatory_secretion: Any
    trophic_secretion: Any
    alarmin_secretion: Any
    lymphokine_secretion: Any
    own_haplotypes: Any
    receptors: Any
    nox2: Any
    cd38: Any
    hmgb1: Any
    mct1: Any
    o_glcnac: Any
    icam1: Any
    lfa1: Any
    cd200r: Any
    isec: Any
    talin2: Any
    gap43: Any
    n_cadherin: Any
    unsaturation: Any
    iron: Any
    senescent: Any
    angiogenic: Any
    antioxidant_level: Any
    peroxide_enzymes: Any
    h2o2_scale: Any
    calming_secretion: Any
    scatter: Any
    contact_inhibition: Any
    antigen_driven: Any
    cleavage: Any
    spontaneous_death: Any
    dormancy: Any
    vla4: Any
    vcam1: Any
    il_6_growth: Any
    alpha_granules: Any
    tissue_factor: Any
    tnf_secretion: Any
    nodes: Any


class Wells(NamedTuple):
    """One row per well."""

    arm: Any
    replicate: Any
    key0: Any
    key1: Any
    size: Any
    periodic: Any
    geometry: Any
    n_layers: Any
    pore: Any
    medium_height: Any
    bulk: Any
    boundary: Any
    ledger: Any
    next_link: Any
    n_born: Any
    perfusion: Any
    cytokines: Any
    mtdna: Any


class Links(NamedTuple):
    """One row per link; all births and deaths happen in the link phase, in order."""

    id: Any
    well: Any
    a: Any
    b: Any
    id_a: Any
    id_b: Any
    initiator: Any
    kind: Any
    state: Any
    thick: Any
    born: Any
    ready: Any
    length: Any
    rest_length: Any
    diameter: Any
    polarity: Any
    n_cargo: Any


class Cargo(NamedTuple):
    """One row per mitochondrion inside a link."""

    link: Any
    slot: Any
    origin: Any
    entered: Any
    leaves: Any
    exit_end: Any
    alive: Any


class Vesicles(NamedTuple):
    """One row per vesicle that carries mitochondria; they live in the well's transit pool (route vesicle)."""

    kind: Any
    well: Any
    source: Any
    radius: Any
    phosphatidylserine: Any
    layer: Any
    born: Any
    n_cargo: Any
    slots: Any


class Fields(NamedTuple):
    """Concentrations on the grid of every well, and what the solver needs (``space/grid.py`` makes it).

    Attributes:
        conc: float32 [well, species, z, y, x]; a well uses the first ``shape[well]`` voxels along x, y, z.
        release: float32 [row of cells, species]: released by cells, amol/s (ag/s for cytokines, a.u. um^3/s for the
            last three species); written by any process, used up and emptied by ``diffusion``.
        lateral: uint8 [well, species]: 1 = varies over the well, 0 = the same in every voxel.
        shape: int32 [well, 3], voxels along x, y, z.
        spacing: float32 [well, 3], edges of a voxel [um].
        diffusion: float64 [well, species, 3], diffusion coefficient / spacing^2 [1/s].
        decay: float64 [well, species], first-order loss [1/s].
        to_bulk: float64 [well, species], exchange of a voxel with the stirred medium, or with the blood [1/s].
        surface: float64 [well, species], exchange of the stirred medium with ``wells.boundary`` [1/s].
        held: uint8 [well, species]: 1 = the faces of a block are held at the boundary concentration.
        modes: float64, eigenvectors of the axes, packed (``grid.packed_modes``), one axis after the other.
        eigenvalues: float64, their eigenvalues.
        mode_offset, eigen_offset: int32 [well, 3, 2], where those of an axis begin; last index: 1 = held faces.
    """

    conc: Any
    release: Any
    lateral: Any
    shape: Any
    spacing: Any
    diffusion: Any
    decay: Any
    to_bulk: Any
    surface: Any
    held: Any
    modes: Any
    eigenvalues: Any
    mode_offset: Any
    eigen_offset: Any


class Step(NamedTuple):
    """The clock as a row function sees it."""

    step: int
    tick: int
    time: float
    dt: float


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        dtype: NumPy dtype name.
        shape: extra dimensions after the row.
        unit: unit of the stored number (after its scale).
        meaning: what it is.
        fill: value of an empty row.
        writer: the process or room that writes it.
        sparse: nearly all entries are 0: only what has been written is in memory (``core/sparse.py``). Write it where it changes.
    """

    dtype: str
    unit: str
    meaning: str
    shape: tuple[int, ...] = ()
    fill: float = 0
    writer: str = ""
    sparse: bool = False


def _c(dtype: str, unit: str, meaning: str, writer: str = "", shape: tuple[int, ...] = (), fill: float = 0, sparse: bool = False) -> Column:
    return Column(dtype, unit, meaning, shape, fill, writer, sparse)


N_SPECIES = len(SPECIES)

COLUMNS: dict[str, dict[str, Column]] = {
    "Mitochondria": {
        "birth": _c("u4", "", "id of the cell it was born in (its lineage)", "pages"),
        "ordinal": _c("u4", "", "running number within that cell; (birth, ordinal) is unique in a well", "pages"),
        "copies": _c("u1", "copies", "mtDNA copies of each haplotype of the palette", "mtdna", (N_HAPLOTYPES,)),
        "mass": _c("u2", "mass unit / 8192", "size; 1 unit = 0.3-0.5 um^3", "fusion_fission, biogenesis"),
        "damage": _c("u2", "1/65535", "oxidised lipid and protein, cristae loss, 0..1", "damage"),
        "complex1": _c("u2", "1/32768", "complex I capacity per mass", "mtdna"),
        "complex34": _c("u2", "1/32768", "complex III/IV capacity per mass", "mtdna"),
        "complex5": _c("u2", "1/32768", "ATP synthase capacity per mass", "mtdna"),
        "bound1": _c("u1", "1/255", "fraction of complex I with inhibitor bound", "inhibitors", sparse=True),
        "bound3": _c("u1", "1/255", "fraction of complex III with inhibitor bound", "inhibitors", sparse=True),
        "adducts": _c("u1", "1/255", "share of its mtDNA copies with an adduct that stops polymerases", "mtdna_adducts", sparse=True),
        "psi_offset": _c("i2", "0.01 mV", "own potential = potential of the class - offset", "fusion_fission, damage"),
        "depolarised": _c("u2", "10 s", "time below the PINK1 threshold", "mitophagy"),
        "label": _c("u2", "1/16384", "genetic label, conserved", "plate", sparse=True),
        "dye": _c("u2", "1/16384", "MitoTracker, leaks", "dye", sparse=True),
        "pore": _c("u1", "10 s", "time the permeability transition pore has been open", "pore", sparse=True),
        "motor": _c("u1", "", "attachment to tracks", "nanotube_transport", sparse=True),
        "flags": _c("u2", "bits", "occupied, energy class, PINK1, place, route, pore, broken (constants above)", "all"),
    },
    "Pages": {
        "owner": _c("i4", "row of cells", "cell or pool that owns the page, -1 = free", "pages", fill=-1),
        "next": _c("i4", "page", "next page of the owner's chain, -1 = last", "pages", fill=-1),
        "free": _c("i4", "page", "stack of free pages", "pages"),
    },
    "Cells": {
        "id": _c("u4", "", "persistent id: population * 2^24 + ordinal; the same in every arm", "plate"),
        "well": _c("i4", "row of wells", "", "plate"),
        "group": _c("i4", "row of groups", "population of this well", "plate"),
        "population": _c("u1", "", "index of the population in the experiment", "plate"),
        "state": _c("u1", "", "CELL_* constant", "death"),
        "added": _c("i8", "tick", "when the cell enters the well", "plate"),
        "first_page": _c("i4", "page", "head of its chain, -1 = none", "pages", fill=-1),
        "n_mitochondria": _c("i4", "", "mitochondria it owns", "capacity, pages"),
        "n_foreign": _c("i4", "", "of these, born in a cell of another population", "capacity"),
        "next_ordinal": _c("u4", "", "ordinal of the next mitochondrion born here", "biogenesis"),
        "want_pages": _c("i4", "pages", "pages asked for by births", "biogenesis"),
        "sums": _c("i8", "2^-20", "sums over its mitochondria per energy class (SUM_*)", "capacity", (N_CLASSES, N_SUMS)),
        "copies": _c("i8", "copies", "mtDNA copies per haplotype, sum over its mitochondria", "capacity", (N_HAPLOTYPES,)),
        "tally": _c("i8", "", "births and losses not yet booked (TALLY_*)", "all", (N_TALLY,)),
        "x": _c("f4", "um", "position", "motion"),
        "y": _c("f4", "um", "position", "motion"),
        "z": _c("f4", "um", "position (height of the layer in a dish)", "motion"),
        "ux": _c("f4", "um/h", "own (persistent) velocity", "motion"),
        "uy": _c("f4", "um/h", "own velocity", "motion"),
        "uz": _c("f4", "um/h", "own velocity", "motion"),
        "radius": _c("f4", "um", "mechanical radius", "plate, division"),
        "layer": _c("u1", "", "0 = bottom of the dish, 1 = on the insert", "plate"),
        "voxel": _c("i4", "", "flat index (z, y, x) of its voxel", "neighbours"),
        "bin": _c("i4", "", "flat index of its bin in the neighbour grid", "neighbours"),
        "n_contacts": _c("i4", "", "cells that it touches", "mechanics"),
        "volume": _c("f4", "pL", "cytosol, V_c", "plate, division"),
        "demand": _c("f4", "amol/s", "V_U of the energetics", "plate, division"),
        "glycolysis": _c("f4", "amol/s", "V_G of the energetics", "plate, division"),
        "nonmito": _c("f4", "amol/s", "non-mitochondrial oxygen use", "plate, division"),
        "leak_factor": _c("f4", "1", "f_L of the cell type", "plate", fill=1),
        "substrate": _c("f4", "1", "sub of the energetics, 0..1", "plate", fill=1),
        "target_mitochondria": _c("f4", "", "number that biogenesis steers to, N*", "plate, division"),
        "atp": _c("f4", "mM", "cytosolic ATP", "energetics"),
        "psi": _c("f4", "mV", "quasi-steady potential per energy class", "energetics", (N_CLASSES,)),
        "nadh": _c("f4", "1", "quasi-steady matrix NADH fraction per energy class", "energetics", (N_CLASSES,)),
        "load": _c("f4", "1", "demand after shedding, relative", "energetics", fill=1),
        "succinate": _c("f4", "1", "succinate built up in ischaemia, 0..1", "reactive_oxygen"),
        "oxygen_flux": _c("f4", "amol/s", "oxygen used, all sinks", "energetics"),
        "oxygen_flux_class": _c("f4", "amol/s", "respiration per energy class", "energetics", (N_CLASSES,)),
        "lactate_flux": _c("f4", "amol/s", "lactate released", "energetics"),
        "glucose_flux": _c("f4", "amol/s", "glucose used", "energetics"),
        "atp_flux": _c("f4", "amol/s", "ATP made, all sources", "energetics"),
        "atp_oxphos": _c("f4", "amol/s", "ATP made by the synthase", "energetics"),
        "h2o2": _c("f4", "uM", "cytosolic H2O2 where the mitochondria are", "reactive_oxygen"),
        "h2o2_membrane": _c("f4", "uM", "H2O2 of the medium that is in the cytosol beneath the membrane", "reactive_oxygen"),
        "antioxidant": _c("f4", "1", "antioxidant capacity, 1 at rest", "reactive_oxygen", fill=1),
        "h2o2_production": _c("f4", "amol/s", "H2O2 made, all sources", "reactive_oxygen"),
        "env": _c("f4", "as SPECIES", "concentrations at the cell", "fields", (N_SPECIES,)),
        "gradient_x": _c("f4", "1/um", "direction of the find-me gradient", "fields"),
        "gradient_y": _c("f4", "1/um", "direction of the find-me gradient", "fields"),
        "nfkb": _c("f4", "1", "NF-kB activity", "signals"),
        "tnfaip2": _c("f4", "1", "TNFAIP2 (M-Sec), 1 at rest", "signals", fill=1),
        "p53": _c("f4", "1", "p53 activity", "signals"),
        "caspase3": _c("f4", "1", "active caspase 3", "signals"),
        "s100a4": _c("f4", "1", "S100A4, 1 at rest", "signals", fill=1),
        "phosphatidylserine": _c("f4", "1", "exposed phosphatidylserine", "signals"),
        "p2y": _c("f4", "1", "P2Y2/P2Y6 occupancy", "signals"),
        "calcium": _c("f4", "uM", "cytosolic Ca2+", "signals", fill=0.1),
        "survival": _c("f4", "1", "survival signal s of the death hazard", "arrival"),
        "arrival_pulse": _c("f4", "1", "pulse y after degraded arrivals", "arrival"),
        "pgc1a": _c("f4", "1", "PGC1a/NRF1/TFAM drive, 1 at rest", "signals", fill=1),
        "hif": _c("f4", "1", "HIF activity", "signals"),
        "akt": _c("f4", "1", "PI3K/Akt/mTOR activity, 1 at rest", "signals", fill=1),
        "signal_from_neighbours": _c("f4", "1", "find-me signals received, 0..1", "signals"),
        "filopodia_rate": _c("f4", "1/h", "rate of search attempts in force", "nanotube_search"),
        "n_filopodia": _c("f4", "", "search attempts made so far", "nanotube_search"),
        "momp_time": _c("f8", "s", "when cytochrome c was released, -1 = not", "death", fill=-1),
        "death_time": _c("f8", "s", "when it died, -1 = alive", "death", fill=-1),
        "death_hazard": _c("f4", "1/h", "hazard of cytochrome c release in force", "death"),
        "other_hazards": _c(
            "f4",
            "1/h",
            "hazards of pyroptosis, ferroptosis and attack by immune cells (HAZARD_*)",
            "each its mechanism",
            (N_OTHER_HAZARDS,),
        ),
        "death_cause": _c("u1", "", "what it dies of (BY_*), 0 = alive", "death"),
        "cycle": _c("f4", "1", "progress through the cell cycle, 0..1", "proliferation"),
        "mitophagy_load": _c("f4", "1/h", "mitochondria degraded per hour, running mean", "mitophagy"),
        "received": _c("i4", "", "mitochondria of other cells received so far", "handover"),
        "donated": _c("i4", "", "mitochondria given so far", "handover"),
        "returned": _c("i4", "", "mitochondria that left and came back", "handover"),
        "lysed_arrivals": _c("i4", "", "arrivals degraded so far", "arrival"),
        "degraded_foreign": _c(
            "i4",
            "",
            "unfused arrivals degraded by mitophagy since `arrival` last looked: all, not sick on arrival, PINK1-tagged",
            "mitophagy",
            (3,),
        ),
        "n_divisions": _c("i4", "", "divisions so far", "division"),
        "parent": _c("u4", "", "id of the mother cell, 0 = seeded", "division"),
        "nuclei": _c("u1", "", "nuclei; more after cells have fused, 0 in a row that has gone up in another", "cell_fusion", fill=1),
        "vesicles": _c("i4", "", "vesicles shed so far, with or without mitochondria, by kind", "vesicle_release", (N_VESICLES,)),
        "connexin43": _c("f4", "1", "connexin 43 relative to the type; -1 = not followed, the node acts at once", "connexin43", fill=-1),
        "microrna": _c("f4", "1", "doses of microRNA taken up with vesicles", "vesicle_cargo"),
        "mtdna_freed": _c(
            "i4",
            "copies",
            "mtDNA of degraded arrivals (of a medium pool: of mitochondria fallen apart) since `mtdna_sensing` last looked: own haplotypes, others",  # noqa: E501
            "arrival, free_mitochondria",
            (2,),
        ),
        "mtdna_dose": _c("f4", "copies", "mtDNA in endosomes, and leaked into the cytosol", "mtdna_sensing", (2,)),
        "tlr9": _c("f4", "1", "toll-like receptor 9 activity", "mtdna_sensing"),
        "sting": _c("f4", "1", "cGAS-STING activity", "mtdna_sensing"),
        "nlrp3": _c("f4", "1", "NLRP3 inflammasome activity", "mtdna_sensing"),
        "polarisation": _c("f4", "1", "macrophage: shift from its type towards M2 (positive) or M1, axis -1..1", "macrophage_polarisation"),
        "t_cell": _c("f4", "1", "T cell: Treg, Th1 and Th17 character, exhaustion, activation, 0..1", "t_cell_fate", (5,)),
        "engulfed": _c("i4", "", "dying cells engulfed so far", "phagocytosis"),
        "traps": _c("u1", "", "1 = a neutrophil that has cast its trap", "neutrophil_traps"),
        "heme": _c("f4", "mass units", "damaged mass degraded and not yet cleared, a dose of heme", "arrival, mitophagy, heme_signalling"),
        "ho1": _c("f4", "1", "heme oxygenase 1, 1 at rest", "heme_signalling", fill=1),
        "tfam": _c("f4", "1", "TFAM by heme oxygenase, 1 at rest", "heme_signalling", fill=1),
        "hmgb1": _c("f4", "1", "HMGB1 activity, 0..1", "hypoxia_signalling"),
        "miro1": _c("f4", "1", "Miro1 (RHOT1) by HMGB1, 1 at rest", "hypoxia_signalling", fill=1),
        "rac1": _c("f4", "1", "RAC1 by HMGB1, 1 at rest", "hypoxia_signalling", fill=1),
        "sirt1": _c("f4", "1", "SIRT1 activity, 1 at rest", "nutrient_signalling", fill=1),
        "o_glcnac": _c("f4", "1", "O-GlcNAc on Milton (TRAK), 1 at rest", "nutrient_signalling", fill=1),
        "trak": _c("f4", "1", "share of Milton (TRAK) that O-GlcNAc leaves at work, 1 at rest", "nutrient_signalling", fill=1),
        "erk": _c("f4", "1", "ERK activity, 1 at rest", "erk_signalling", fill=1),
        "lipid_peroxide": _c("f4", "1", "peroxidised lipid, 1 = the level above which a cell dies of ferroptosis", "ferroptosis"),
        "labile_iron": _c("f4", "1", "labile iron, 1 = a resting cell of a type that holds little", "ferroptosis", fill=1),
        "senescent": _c("u1", "", "1 = senescent", "senescence"),
        "dna_damage": _c("f4", "1", "lesions of nuclear DNA, 1 = those that a day of an effective dose leaves", "dna_damage"),
        "drug_retention": _c("f4", "1", "drug inside relative to a resting cell", "dna_damage", fill=1),
        "lineage": _c("f4", "1", "scores of differentiation, 0..1 (LINEAGE_NAMES)", "differentiation", (N_LINEAGES,)),
        "fate": _c("u1", "", "lineage to which it is committed, counted from 1; 0 = none", "differentiation"),
        "motility": _c("f4", "1", "factor of its crawling", "crawling", fill=1),
        "sprout": _c("f4", "um", "length of its vascular sprout", "vessel"),
        "engrafted": _c("u1", "", "1 = has become part of a vessel bed", "vessel"),
        "lipid_load": _c("f4", "1", "fatty acids inside beyond what is burnt, 0..1", "fatty_acids"),
        "particles": _c("i4", "", "vesicles with mitochondria and free mitochondria taken up so far", "vesicle_fate, free_mitochondria"),
        "own_antioxidant": _c("f4", "1", "enzymes that remove H2O2, relative to the mean of the type", "cell_variation", fill=1),
        "own_threshold": _c("f4", "1", "what the outer membrane withstands, relative to the mean of the type", "cell_variation", fill=1),
        "vegf_crawling": _c("f4", "1", "factor of its crawling by VEGF", "vessel", fill=1),
        "primed": _c("f4", "1/h", "hazard of cytochrome c release by the BH3-only proteins that stress has called for", "death"),
        "burst": _c("f4", "1", "share of the mitochondria that long open pores have swollen until they burst", "death"),
        "nox_induced": _c("f4", "1", "NADPH oxidase that NF-kB has called for, 0..1", "reactive_oxygen"),
        "failing": _c("f4", "1/h", "hazard of necrosis that the lack of ATP has called for", "death"),
        "calcium_load": _c("f4", "nmol/mg", "calcium taken in beyond rest, per mass of mitochondria", "calcium_load"),
        "nad": _c("f4", "1", "NAD+ of the cell, 1 at rest", "nad", fill=1),
        "nad_supply": _c("f4", "1", "factor of NAD+ on the supply of respiratory substrate, 1 at rest", "nad", fill=1),
        "mtdna_adducts": _c("f4", "1", "share of mtDNA copies with an adduct, per energy class", "mtdna_adducts", (N_CLASSES,)),
        "vcam1_bound": _c("f4", "1", "share of its VCAM-1 that VLA-4 of cells that it touches engages, 0..1", "vcam1_signalling"),
        "granules": _c("f4", "1", "share of its granules that a platelet has not emptied", "platelet_activation", fill=1),
        "latent_tgf_beta": _c("f4", "1", "TGF-beta of a platelet that is out and latent, as a share of its content", "platelet_activation"),
        "tgf_beta_flux": _c("f4", "ag/s", "TGF-beta of a platelet that becomes active", "platelet_activation"),
    },
    "Groups": {
        "well": _c("i4", "row of wells", "", "plate"),
        "population": _c("u1", "", "index of the population", "plate"),
        "donor": _c("u1", "", "1 = role donor", "plate"),
        "radius": _c("f4", "um", "", "plate"),
        "speed": _c("f4", "um/h", "root mean square speed of the persistent walk", "plate"),
        "persistence": _c("f4", "h", "persistence time", "plate"),
        "filopodia": _c("f4", "1/h", "unstressed search attempts, lambda_0", "plate"),
        "cx43": _c("f4", "1", "connexin 43", "plate"),
        "miro1": _c("f4", "1", "Miro1", "plate"),
        "uptake": _c("f4", "1", "uptake of free mitochondria, relative", "plate"),
        "phagocyte": _c("f4", "1", "professional phagocyte, 0..1", "plate"),
        "release": _c("f4", "1", "active release of mitochondria, relative", "plate", fill=1),
        "adhesion": _c("f4", "1", "adhesion, relative", "plate", fill=1),
        "arrival_lysis": _c("f4", "1/h", "rate at which an unfused arrival is degraded", "plate"),
        "arrival_fusion": _c("f4", "1", "compatibility of arrivals with the host network, 0..1", "plate"),
        "cycle_time": _c("f4", "h", "cell-cycle time, 0 = does not divide", "plate"),
        "volume": _c("f4", "pL", "whole-cell volume", "plate"),
        "mitochondria": _c("f4", "", "mitochondria per cell", "plate"),
        "mtdna": _c("f4", "", "mtDNA copies per cell", "plate"),
        "cytokine_sensitivity": _c("f4", "1", "response to cytokines, relative", "plate", fill=1),
        "resting_potential": _c("f4", "mV", "potential at which the population lives, lower without mtDNA", "plate", fill=156),
        "dendrites": _c("f4", "1", "permanent dendritic links per cell, 0 = none", "plate"),
        "exophers": _c("f4", "1", "release of exophers, relative", "plate", fill=1),
        "synaptosomes": _c("f4", "1/h", "shedding of synaptosomes", "plate"),
        "tlr9_level": _c("f4", "1", "toll-like receptor 9, 0..1", "plate"),
        "sting_level": _c("f4", "1", "cGAS and STING, 0..1", "plate"),
        "nlrp3_level": _c("f4", "1", "NLRP3, caspase 1 and gasdermin D, 0..1", "plate"),
        "macrophage": _c("f4", "1", "plasticity between M1 and M2, 0..1", "plate"),
        "m2_share": _c("f4", "1", "where the type rests between M1 (0) and M2 (1)", "plate", fill=0.5),
        "t_helper": _c("f4", "1", "CD4 T cell that can become Treg, Th1 or Th17, 0..1", "plate"),
        "cytotoxic": _c("f4", "1", "CD8 T cell that can be exhausted, 0..1", "plate"),
        "attacker": _c("f4", "1", "kills cells with foreign mitochondria, 0..1", "plate"),
        "trap_former": _c("f4", "1", "forms neutrophil traps, 0..1", "plate"),
        "inflammatory_secretion": _c("f4", "1", "secretion of inflammatory cytokines, relative", "plate"),
        "trophic_secretion": _c("f4", "1", "secretion of trophic factors, relative", "plate"),
        "alarmin_secretion": _c("f4", "1", "secretion of epithelial alarmins, relative", "plate"),
        "lymphokine_secretion": _c("f4", "1", "secretion of lymphokines, relative", "plate"),
        "own_haplotypes": _c("u1", "bits", "haplotypes of the palette that are not foreign to its cells", "plate"),
        "receptors": _c("f4", "1", "occupancies of cytokine receptors (RECEPTOR_*)", "cytokines, stromal_calming", (N_RECEPTORS,)),
        "nox2": _c("f4", "1", "constitutive NADPH oxidase 2 at the surface", "plate"),
        "cd38": _c("f4", "1", "share of protrusion and loading that rests on CD38 and cyclic ADP-ribose, 0..1", "plate"),
        "hmgb1": _c("f4", "1", "response of HMGB1 to hypoxia, 0..1", "plate"),
        "mct1": _c("f4", "1", "uptake of lactate by MCT1 that is signalled, 0..1", "plate"),
        "o_glcnac": _c("f4", "1", "response of O-GlcNAc on Milton to glucose, 0..1", "plate"),
        "icam1": _c("f4", "1", "ICAM-1", "plate"),
        "lfa1": _c("f4", "1", "LFA-1, ligand of ICAM-1", "plate"),
        "cd200r": _c("f4", "1", "CD200R", "plate"),
        "isec": _c("f4", "1", "iSEC, ligand of CD200R", "plate"),
        "talin2": _c("f4", "1", "Talin-2, needed on both sides", "plate"),
        "gap43": _c("f4", "1", "GAP43", "plate"),
        "n_cadherin": _c("f4", "1", "N-cadherin", "plate"),
        "unsaturation": _c("f4", "1", "polyunsaturated lipid of membranes, relative", "plate", fill=1),
        "iron": _c("f4", "1", "labile iron at rest, relative", "plate", fill=1),
        "senescent": _c("f4", "1", "share of its cells that are senescent when seeded", "plate"),
        "angiogenic": _c("f4", "1", "endothelial: forms sprouts and vessels, 0..1", "plate"),
        "antioxidant_level": _c("f4", "1", "antioxidant enzymes, 1 = those of a stromal cell per mitochondrion", "plate", fill=1),
        "peroxide_enzymes": _c("f4", "1", "enzymes of the cytosol against H2O2 of the medium, 1 = a stromal cell", "plate", fill=1),
        "h2o2_scale": _c("f4", "1", "5 nM over the H2O2 at which cells rest with the parameters of the run", "plate", fill=1),
        "calming_secretion": _c("f4", "1", "secretion of prostaglandin E2 and TSG-6 under inflammation, relative", "plate"),
        "scatter": _c("f4", "1", "answers HGF and TGF-beta by crawling, 0..1", "plate"),
        "contact_inhibition": _c("f4", "1", "share of the cycle that contact with neighbours can stop", "plate", fill=1),
        "antigen_driven": _c("f4", "1", "share of its cycling that hangs on a stimulated T cell receptor", "plate"),
        "cleavage": _c("f4", "1", "1: divides without growing (egg)", "plate"),
        "spontaneous_death": _c("f4", "1/h", "hazard of apoptosis by itself, beyond that of any healthy cell", "plate"),
        "dormancy": _c("f4", "1", "share of its cycling that waits in G0 for a call, 0..1", "plate"),
        "vla4": _c("f4", "1", "active VLA-4, which engages VCAM-1 of stroma, 0..1", "plate"),
        "vcam1": _c("f4", "1", "VCAM-1, 0..1", "plate"),
        "il_6_growth": _c("f4", "1", "grows by IL-6, 0..1", "plate"),
        "alpha_granules": _c("f4", "1", "granules of a platelet, relative", "plate"),
        "tissue_factor": _c("f4", "1", "tissue factor at its membrane, 0..1", "plate"),
        "tnf_secretion": _c("f4", "1", "secretion of TNF-alpha at full NF-kB, relative to a macrophage", "plate", fill=0.02),
        "nodes": _c("f4", "see core/nodes.py", "what drugs, genes and stresses act on", "treatments", (0,)),
    },
    "Wells": {
        "arm": _c("i4", "", "index of the arm", "plate"),
        "replicate": _c("i4", "", "replicate, from 0", "plate"),
        "key0": _c("u4", "", "random key from seed and replicate", "plate"),
        "key1": _c("u4", "", "random key from seed and replicate", "plate"),
        "size": _c("f4", "um", "extent in x, y, z", "plate", (3,)),
        "periodic": _c("u1", "", "1 = periodic in x and y (and z in a block)", "plate"),
        "geometry": _c("u1", "", "0 dish, 1 dish with insert, 2 tissue block", "plate"),
        "n_layers": _c("i4", "", "layers of the field grid in use", "plate"),
        "pore": _c("f4", "um", "pore size of the insert", "plate"),
        "medium_height": _c("f4", "um", "height of the medium", "plate"),
        "bulk": _c("f4", "as SPECIES", "concentration in the stirred bulk of the medium", "fields", (N_SPECIES,)),
        "boundary": _c(
            "f4", "as SPECIES", "concentration that the bulk is held to or exchanges with; -1 = none", "treatments", (N_SPECIES,)
        ),
        "ledger": _c("i8", "", "booked tallies (TALLY_*) since time zero", "ledger", (N_TALLY,)),
        "next_link": _c("u4", "", "id of the next link", "nanotubes"),
        "n_born": _c("u4", "", "cells born so far per population", "division", (16,)),
        "perfusion": _c("f4", "1", "flow of blood through a block, relative", "treatments", fill=1),
        "cytokines": _c("f4", "ng/mL", "cytokines, mixed over the well (CYTOKINES)", "cytokines, stromal_calming", (N_CYTOKINES,)),
        "mtdna": _c("f8", "copies", "mtDNA free in the medium", "mtdna_sensing"),
    },
    "Links": {
        "id": _c("u4", "", "persistent id, unique in its well", "nanotubes"),
        "well": _c("i4", "row of wells", "", "nanotubes"),
        "a": _c("i4", "row of cells", "end a: the initiator's end", "nanotubes", fill=-1),
        "b": _c("i4", "row of cells", "end b", "nanotubes", fill=-1),
        "id_a": _c("u4", "", "id of cell a", "nanotubes"),
        "id_b": _c("u4", "", "id of cell b", "nanotubes"),
        "initiator": _c("u1", "", "0 = search by filopodium, 1 = dislodgement; cell a always initiates", "nanotubes"),
        "kind": _c("u1", "", "KIND_*", "nanotubes"),
        "state": _c("u1", "", "LINK_*", "nanotubes"),
        "thick": _c("u1", "", "1 = with microtubules", "nanotubes"),
        "born": _c("f8", "s", "when it started", "nanotubes"),
        "ready": _c("f8", "s", "when a growing filopodium reaches its target", "nanotubes"),
        "length": _c("f4", "um", "gap that it spans", "nanotubes"),
        "rest_length": _c("f4", "um", "length at formation, for the strain", "nanotubes"),
        "diameter": _c("f4", "um", "", "nanotubes"),
        "polarity": _c("f4", "1", "share of microtubules with their plus end at b", "nanotubes"),
        "n_cargo": _c("i4", "", "mitochondria inside", "nanotubes"),
    },
    "Cargo": {
        "link": _c("i4", "row of links", "", "nanotubes", fill=-1),
        "slot": _c("i4", "slot", "its mitochondrion, in the well's transit pool", "nanotubes", fill=-1),
        "origin": _c("i4", "row of cells", "cell that it left", "nanotubes", fill=-1),
        "entered": _c("f8", "s", "", "nanotubes"),
        "leaves": _c("f8", "s", "exit time drawn at loading", "nanotubes"),
        "exit_end": _c("u1", "", "0 = a, 1 = b", "nanotubes"),
        "alive": _c("u1", "", "1 = row in use", "nanotubes"),
    },
    "Vesicles": {
        "kind": _c("u1", "", "what it is (EXOSOME ... SYNAPTOSOME), 255 = row not in use", "vesicles", fill=NO_VESICLE),
        "well": _c("i4", "row of wells", "", "vesicles"),
        "source": _c("i4", "row of cells", "cell that shed it, -1 = none", "vesicles", fill=-1),
        "radius": _c("f4", "nm", "", "vesicles"),
        "phosphatidylserine": _c("u1", "", "1 = exposes phosphatidylserine, which phagocytes know", "vesicles"),
        "layer": _c("u1", "", "side of an insert, as cells.layer", "vesicles"),
        "born": _c("f8", "s", "when it was shed", "vesicles"),
        "n_cargo": _c("i4", "", "mitochondria inside", "vesicles"),
        "slots": _c("i4", "slot", "these, in the well's transit pool; -1 = none", "vesicles", (VESICLE_SLOTS,), -1),
    },
}

TABLES: dict[str, Any] = {
    "Mitochondria": Mitochondria,
    "Pages": Pages,
    "Cells": Cells,
    "Groups": Groups,
    "Wells": Wells,
    "Links": Links,
    "Cargo": Cargo,
    "Vesicles": Vesicles,
    "Fields": Fields,
}


def allocate_column(column: Column, n: int) -> Any:
    """An array for ``n`` empty rows; zeros are not resident before they are written: room that is kept free costs nothing."""
    made = (sparse_zeros if column.sparse else zeros_on_lines)((n, *column.shape), np.dtype(column.dtype))
    if column.fill != 0:
        made[:] = column.fill
    return made


def allocate(table: str, n: int, *, n_nodes: int = 0) -> Any:
    """Arrays for ``n`` empty rows of ``table``.

    Args:
        table: a key of :data:`COLUMNS`.
        n: number of rows.
        n_nodes: width of ``Groups.nodes``.

    Returns:
        The table's NamedTuple with one array of shape ``(n, *column.shape)`` per column.
    """
    arrays = {}
    for name, column in COLUMNS[table].items():
        arrays[name] = allocate_column(replace(column, shape=(n_nodes,)) if (table, name) == ("Groups", "nodes") else column, n)
    if table == "Pages":
        arrays["free"] = np.arange(n - 1, -1, -1, dtype=np.int32)
        arrays["n_free"] = np.array([n], dtype=np.int64)
    return TABLES[table](**arrays)


def bytes_per_row(table: str) -> int:
    """Bytes that one row of ``table`` takes (nodes of groups excepted)."""
    return sum(int(np.dtype(c.dtype).itemsize * np.prod(c.shape, dtype=int)) for c in COLUMNS[table].values())
