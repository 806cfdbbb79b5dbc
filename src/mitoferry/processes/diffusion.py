"""Diffusion: the fields of oxygen, glucose, lactate, nucleotides, H2O2, cytokines and signals around the cells.

Once per macro-step, for every well and species that is in use: what cells release and take up is added up voxel by
voxel in a fixed order, the field is advanced (``space/diffusion.py``: exact in time without uptake, implicit with it),
exchanged with the stirred medium above, and read back at every cell into ``cells.env``.

Cells use oxygen and glucose at the fluxes of the energetics, release lactate, clear H2O2 in proportion to its
concentration, and release what other processes have written into ``fields.release`` (amol/s; ag/s for cytokines).

Geometry: the layer of voxels at the cells exchanges with the medium by diffusion over half its height, the medium with
the air likewise (oxygen), so that a change of the chamber's oxygen reaches the cells after H^2/(2 D), 17 min for 2 mm.
With an insert both layers exchange with the medium, and with each other through the pores of the membrane. Both ways
up run through one column of medium: their exchange with it is such that cells on the bottom, with nothing on the insert,
are supplied as in the same dish without an insert. In a block
oxygen and other bounded species are held at the faces (walled) or supplied by perfusion (periodic): exchange with blood at the rate
F = perfusion x flow (1 at rest, less in ischaemia), for oxygen times what haemoglobin adds to what is dissolved. Proteins (TNF-alpha,
IL-1beta, survival factors, S100A4; cytokines in ``cytokines`` and ``stromal_calming``) leave a block through the walls of its vessels, at
F [1 - exp(-P/F)] with the permeability P of these walls for proteins, and are not in the blood that comes.

The find-me gradient is that of a = w_ATP c_ATP + w_ADP c_ADP + w_S100A4 c_S100A4, relative: grad a/(K + a), from central
differences, in which what a cell itself has released cancels.

Assumptions: one stirred medium per well; membrane of the insert without the volume below it; fluxes frozen over the
step. Step error: O(dt) where cells take up. Tests: tests/verification/test_space_diffusion.py (F10).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ADP,
    ATP,
    CELL_WAITING,
    IL_1BETA,
    N_SPECIES,
    OXYGEN,
    PARACRINE,
    S100A4_SIGNAL,
    TNF_ALPHA,
)
from mitoferry.space.diffusion import WellCells, plan_row, solve_row
from mitoferry.space.field_exchange import in_well
from mitoferry.space.field_groups import work_of
from mitoferry.space.geometry import BLOCK, INSERT
from mitoferry.space.grid import voxel_coordinate
from mitoferry.space.wide import advance_wide, is_wide


class Parameters(NamedTuple):
    """Library: ``diffusion.*``. Diffusion coefficients um^2/s and first-order losses 1/s, per species of the schema."""

    oxygen: float
    glucose: float
    lactate: float
    atp: float
    adp: float
    h2o2: float
    tnf_alpha: float
    il_1beta: float
    calcium: float
    paracrine: float
    s100a4_signal: float
    tracker: float
    decay_atp: float
    decay_adp: float
    decay_h2o2: float
    decay_tnf_alpha: float
    decay_il_1beta: float
    decay_paracrine: float
    decay_s100a4_signal: float
    tissue_factor: float
    tissue_nucleotide_decay: float
    perfusion: float
    protein_permeability: float
    h2o2_clearance: float
    insert_gap: float
    insert_thickness: float
    insert_pore_density: float
    weight_atp: float
    weight_adp: float
    weight_s100a4: float
    gradient_half: float


class Voxels(NamedTuple):
    """The columns of the cells table that the sort by well reads."""

    state: Any
    well: Any


def insert_resistance(pore: float, p: Parameters) -> float:
    """Length [um] of free medium that resists diffusion as the insert does: the gap plus membrane / porosity."""
    porosity = min(p.insert_pore_density * math.pi * pore * pore / 4.0, 0.5)
    return math.inf if porosity <= 0.0 else p.insert_gap + p.insert_thickness / porosity


def shared_exchange(whole: Any, between: Any) -> Any:
    """Exchange [1/s] of each of two layers with the medium, joined to each other at the rate ``between``.

    ``whole`` is that of a dish without an insert: g + g between/(g + between) = whole, so that a layer is supplied as in
    the dish while nothing is used in the other. g = whole without pores and whole/2 where nothing parts the layers.
    """
    lack = 2.0 * between - whole
    return 0.5 * (np.sqrt(lack * lack + 4.0 * whole * between) - lack)


def coefficients_of(p: Parameters, kind: int, size: Any, spacing: Any, height: float, pore: float) -> tuple[Any, Any, Any, Any]:
    """Rates [1/s] of one well: diffusion [species, 3], decay, exchange with the medium, medium with outside.

    In a block the exchange is that with blood at rest, of proteins the permeability of the walls of vessels.
    """
    d = np.array([getattr(p, name) for name in p._fields[:N_SPECIES]])
    decay = np.zeros(N_SPECIES)
    for name in p._fields:
        if name.startswith("decay_"):
            decay[p._fields.index(name.removeprefix("decay_"))] = getattr(p, name)
    if kind == BLOCK:
        d = d * p.tissue_factor
        decay[[ATP, ADP]] = p.tissue_nucleotide_decay
    spread = d[:, None] / np.asarray(spacing, dtype=np.float64)[None, :] ** 2
    h = float(spacing[2])
    surface = np.full(N_SPECIES, 1.0e6)
    to_bulk = np.full(N_SPECIES, p.perfusion)
    to_bulk[[TNF_ALPHA, IL_1BETA, PARACRINE, S100A4_SIGNAL]] = p.protein_permeability
    if kind != BLOCK:
        to_bulk = d / (h * max(0.5 * height, h)) if height > 0.0 else np.zeros(N_SPECIES)
        spread[:, 2] = d / (h * insert_resistance(pore, p)) if kind == INSERT else 0.0
        if kind == INSERT:
            to_bulk = shared_exchange(to_bulk, spread[:, 2])
        surface[OXYGEN] = d[OXYGEN] / max(0.5 * height * height, h * h)
    return spread, decay, to_bulk, surface


def prepare(world: Any, p: Parameters) -> None:
    """Write the rates of all wells into the field table."""
    fields, wells = world.fields, world.wells
    world.backend.pull(fields, wells)
    for w in range(world.n_wells):
        rates = coefficients_of(
            p, int(wells.geometry[w]), wells.size[w], fields.spacing[w], float(wells.medium_height[w]), float(wells.pore[w])
        )
        fields.diffusion[w], fields.decay[w], fields.to_bulk[w], fields.surface[w] = rates
        if int(wells.geometry[w]) == BLOCK:
            tissue = world.spec.arms[w // world.spec.replicates].geometry
            fields.decay[w, [ATP, ADP]] *= tissue.clearance
            fields.to_bulk[w, OXYGEN] *= tissue.haemoglobin
    world.backend.push(fields)
    world.space.scratch["diffusion.prepared"] = True


@row
def voxel_row(i, cells, wells, fields, step):
    """Write ``cells.voxel``: (z ny + y) nx + x of the voxel of cell ``i``."""
    state = int(cells.state[i])
    if not in_well(state) and state != CELL_WAITING:
        return
    w = int(cells.well[i])
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    nz = int(fields.shape[w, 2])
    x = voxel_coordinate(float(cells.x[i]), float(fields.spacing[w, 0]), nx)
    y = voxel_coordinate(float(cells.y[i]), float(fields.spacing[w, 1]), ny)
    z = 0
    if int(wells.geometry[w]) == BLOCK:
        z = voxel_coordinate(float(cells.z[i]), float(fields.spacing[w, 2]), nz)
    elif nz > 1:
        z = min(int(cells.layer[i]), nz - 1)
    cells.voxel[i] = (z * ny + y) * nx + x


@row
def sort_by_well(n_cells, voxels, members):
    """Counting sort of all cells that are in a well, corpses included, by well and row (serial)."""
    n_wells = len(members.start) - 1
    for w in range(n_wells + 1):
        members.start[w] = 0
    for i in range(n_cells):
        state = int(voxels.state[i])
        if in_well(state):
            members.start[int(voxels.well[i]) + 1] += 1
    for w in range(n_wells):
        members.start[w + 1] += members.start[w]
    for i in range(n_cells):
        state = int(voxels.state[i])
        if in_well(state):
            w = int(voxels.well[i])
            members.member[members.start[w]] = i
            members.start[w] += 1
    for k in range(n_wells):
        members.start[n_wells - k] = members.start[n_wells - k - 1]
    members.start[0] = 0


@row
def attractant(w, z, y, x, fields, p):
    """Weighted find-me signal in one voxel."""
    return (
        p.weight_atp * float(fields.conc[w, ATP, z, y, x])
        + p.weight_adp * float(fields.conc[w, ADP, z, y, x])
        + p.weight_s100a4 * float(fields.conc[w, S100A4_SIGNAL, z, y, x])
    )


@row
def step_along(k, n, periodic):
    """Indices of the voxels before and after ``k`` on an axis of ``n`` (itself at a wall)."""
    before = k - 1
    after = k + 1
    if periodic != 0:
        if before < 0:
            before = n - 1
        if after >= n:
            after = 0
    return max(before, 0), min(after, n - 1)


@row
def sample_row(i, cells, wells, fields, p, step):
    """Read the fields at cell ``i`` into ``env`` and the gradient columns; empty its row of ``fields.release``."""
    state = int(cells.state[i])
    if not in_well(state):
        return
    w = int(cells.well[i])
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    v = int(cells.voxel[i])
    z = v // (nx * ny)
    y = (v - z * nx * ny) // nx
    x = v - (z * ny + y) * nx
    for s in range(N_SPECIES):
        cells.env[i, s] = fields.conc[w, s, z, y, x]
        fields.release[i, s] = 0.0
    cells.gradient_x[i] = 0.0
    cells.gradient_y[i] = 0.0
    if int(fields.lateral[w, ATP]) == 0 and int(fields.lateral[w, ADP]) == 0 and int(fields.lateral[w, S100A4_SIGNAL]) == 0:
        return
    periodic = int(wells.periodic[w])
    left, right = step_along(x, nx, periodic)
    below, above = step_along(y, ny, periodic)
    half = p.gradient_half + attractant(w, z, y, x, fields, p)
    across = attractant(w, z, y, right, fields, p) - attractant(w, z, y, left, fields, p)
    along = attractant(w, z, above, x, fields, p) - attractant(w, z, below, x, fields, p)
    cells.gradient_x[i] = across / (2.0 * float(fields.spacing[w, 0]) * half)
    cells.gradient_y[i] = along / (2.0 * float(fields.spacing[w, 1]) * half)


def _members(world: Any) -> WellCells:
    scratch = world.space.scratch
    found = scratch.get("diffusion.members")
    if found is None or len(found.member) < len(world.cells.id):
        found = WellCells(np.zeros(world.n_wells + 1, dtype=np.int32), np.zeros(len(world.cells.id), dtype=np.int32))
        scratch["diffusion.members"] = found
        scratch["diffusion.plan"] = np.zeros((world.n_wells, N_SPECIES), dtype=np.int32)
    return found


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance all fields by one macro-step and read them at the cells."""
    space, backend = world.space, world.backend
    space.fit(world)
    if "diffusion.prepared" not in space.scratch:
        prepare(world, p)
    cells, wells, fields = world.cells, world.wells, world.fields
    backend.each(voxel_row, world.n_cells, cells, wells, fields, step)
    if is_wide(world):
        advance_wide(world, step.dt, p.h2o2_clearance)
    else:
        members = _members(world)
        plan = space.scratch["diffusion.plan"]
        backend.serial(sort_by_well, world.n_cells, Voxels(cells.state, cells.well), members)
        backend.each(plan_row, world.n_wells * N_SPECIES, cells, members, fields, wells, plan, p.h2o2_clearance, step)
        backend.pull(plan)
        work = work_of(world, plan)
        backend.each(solve_row, len(work.planes), cells, members, fields, wells, work, p.h2o2_clearance, step)
    backend.each(sample_row, world.n_cells, cells, wells, fields, p, step)


PROCESS = Process(name="diffusion", stage="fields", clock="macro", parameters=Parameters, advance=advance, prepare=prepare)
