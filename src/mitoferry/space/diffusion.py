"""Diffusing fields: one row solves a group of species of one well over one macro-step.

    dc/dt = D lap c - k c + G (c_bulk - c) + S(x) - U(x) c

with G the exchange of the near-cell layer with the stirred medium (or of tissue with blood), S what cells release and
U what they take up, both owned by the voxel and added up in the order of the cells' rows.

Where nothing is taken up the step is *exact in time* on the grid: in the modes of the grid every amplitude relaxes
exponentially. Where cells take up in proportion to the concentration (oxygen, glucose, H2O2) the step is backward
Euler, solved by conjugate gradients with the same modes, at the mean uptake, as preconditioner. Neither can become
unstable or negative at any step size. The stirred medium obeys

    dc_bulk/dt = G h/H (mean c - c_bulk) + k_s (c_outside - c_bulk) - k c_bulk

and is solved together with the mean of the layer, so that what one loses the other gains, to rounding.

Space error O(voxel^2); time error none without uptake, O(dt) with uptake. Tests: tests/verification/test_space_diffusion.py
(F10: Green's functions, steady profiles, slab penetration, Robin uptake, order on three grids).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.lanes import lane
from mitoferry.core.maths import exp, power
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ADP,
    ATP,
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_MOMP,
    GLUCOSE,
    H2O2,
    IL_1BETA,
    LACTATE,
    N_SPECIES,
    OXYGEN,
    TNF_ALPHA,
)
from mitoferry.space.geometry import BLOCK
from mitoferry.space.solver import (
    ACTIVE,
    DIAGONAL,
    EXPLICIT_PLANES,
    EXTRA,
    FIELD,
    IMPLICIT_PLANES,
    LEFT,
    LOSS,
    MEAN,
    NEW,
    OLD,
    RATE,
    SHARE,
    SHIFT,
    SOURCE,
    SPARE,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    UPTAKE,
    exponential_step,
    implicit_step,
    spread_line,
    sum_plane,
)

GROUP_WELL, GROUP_METHOD, GROUP_HELD, GROUP_WIDTH, GROUP_OFFSET, GROUP_SPECIES = range(6)
FIELD_MEAN, SOURCE_MEAN = LEFT, NEW  # lines free outside the solvers
LOW, HIGH = OLD, ACTIVE
SPREAD = 1e-6  # relative range below which a field counts as the same everywhere
REFERENCE_CYTOSOL = 3.0  # pL, of the stromal cell of 10 um for which the clearance of H2O2 is given
PERFUSION = 1.0  # factor on the flow of blood at rest; what treatments make of it stands in ``wells.perfusion``
SMALLEST = 1e-6  # of a concentration in the quotient flux / concentration


class WellCells(NamedTuple):
    """Rows of the cells of each well in order of row: ``member[start[w]:start[w + 1]]``; corpses included."""

    start: Any
    member: Any


class Work(NamedTuple):
    """What :func:`solve_row` works on.

    groups: int64 [group, GROUP_SPECIES + N_SPECIES]: well, method (1 exponential, 2 implicit), 1 for held faces, number
        of species, where its planes begin, the species.
    planes: float64, planes of all groups. lines: float64 [group, N_LINES, longest line]. Layout: ``space/solver.py``.
    """

    groups: Any
    planes: Any
    lines: Any


@row
def amount(species):
    """Concentration times um^3 per amol (uM species), per ag (ng/mL species), per unit (all others)."""
    if species in (OXYGEN, ATP, ADP, H2O2, TNF_ALPHA, IL_1BETA):
        return 1000.0
    return 1.0


@row
def metabolises(state):
    """Whether a cell in this state exchanges oxygen, glucose, lactate and H2O2 with the medium."""
    return state in (CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC)


@row
def cell_source(i, s, cells, fields):
    """What cell ``i`` releases of species ``s`` [concentration um^3 / s]."""
    q = amount(s) * max(float(fields.release[i, s]), 0.0)
    if s == LACTATE and metabolises(int(cells.state[i])):
        q += max(float(cells.lactate_flux[i]), 0.0)
    return q


@row
def cell_uptake(i, s, here, cells, h2o2_clearance):
    """Volume [um^3/s] that cell ``i`` clears of species ``s``; ``here`` is the concentration at the cell now.

    Oxygen and glucose: the flux of the energetics over the concentration that it saw, or over the present one where
    that is higher, so that a flux is never extrapolated beyond its own value.
    """
    if not metabolises(int(cells.state[i])):
        return 0.0
    if s == OXYGEN:
        seen = max(max(float(cells.env[i, s]), here), SMALLEST)
        return 1000.0 * max(float(cells.oxygen_flux[i]), 0.0) / seen
    if s == GLUCOSE:
        seen = max(max(float(cells.env[i, s]), here), SMALLEST)
        return max(float(cells.glucose_flux[i]), 0.0) / seen
    if s == H2O2:
        return h2o2_clearance * power(float(cells.volume[i]) / REFERENCE_CYTOSOL, 2.0 / 3.0)
    return 0.0


@row
def border_is_held(w, s, wells):
    """1 if the faces of a walled block are held at the boundary concentration of species ``s``."""
    if int(wells.geometry[w]) == BLOCK and int(wells.periodic[w]) == 0 and float(wells.boundary[w, s]) >= 0.0:
        return 1
    return 0


@row
def exchange(w, s, wells, fields):
    """Rates [1/s] (layer to bulk, bulk to layer, bulk to outside) and the concentration outside."""
    outside = float(wells.boundary[w, s])
    if int(wells.geometry[w]) == BLOCK:
        if outside < 0.0 or int(wells.periodic[w]) == 0:
            return 0.0, 0.0, 0.0, max(outside, 0.0)
        return PERFUSION * float(wells.perfusion[w]) * float(fields.to_bulk[w, s]), 0.0, 1.0e6, outside
    g = float(fields.to_bulk[w, s])
    height = float(wells.medium_height[w])
    if height <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    back = g * int(fields.shape[w, 2]) * float(fields.spacing[w, 2]) / height
    if outside < 0.0:
        return g, back, 0.0, 0.0
    return g, back, float(fields.surface[w, s]), outside


@row
def mean_and_bulk(c, bulk, source, g, back, surface, outside, k, dt):
    """Mean concentration of the layer and that of the bulk after ``dt``: exponential for the layer, implicit for the bulk.

    Returns:
        (mean, bulk). With k = 0 and surface = 0 the amount mean h + bulk H grows by source h dt exactly.
    """
    rate = g + k
    x = rate * dt
    if x < 1e-6:
        decayed = 1.0 - x + 0.5 * x * x
        first = dt * (1.0 - 0.5 * x)
        second = 0.5 * dt * dt
    else:
        decayed = exp(-x)
        first = (1.0 - decayed) / rate
        second = (dt - first) / rate
    own = (c * first + source * second) / dt
    shared = g * second / dt
    bulk = (bulk + dt * (surface * outside + back * own)) / (1.0 + dt * (back * (1.0 - shared) + surface + k))
    return c * decayed + first * (source + g * bulk), bulk


@row
def plan_row(i, cells, members, fields, wells, plan, h2o2_clearance, step):
    """Decide what (well, species) ``i`` needs; advance it here if it is the same everywhere and no cell touches it.

    ``plan[w, s]``: 0 = done, 1 = exponential step, 2 = implicit step.
    """
    w = i // N_SPECIES
    s = i - w * N_SPECIES
    needed = 0
    if int(fields.lateral[w, s]) != 0 or border_is_held(w, s, wells) != 0:
        needed = 1
    may_take = s in (OXYGEN, GLUCOSE, H2O2)
    background = float(fields.conc[w, s, 0, 0, 0])
    present = needed != 0 or background > 0.0 or float(wells.bulk[w, s]) > 0.0 or float(wells.boundary[w, s]) > 0.0
    j = int(members.start[w])
    end = int(members.start[w + 1])
    while j < end and needed < 2:
        c = int(members.member[j])
        if needed == 0 and cell_source(c, s, cells, fields) > 0.0:
            needed = 1
            present = True
            if may_take:
                j = int(members.start[w]) - 1
        elif needed == 1 and not may_take:
            j = end
        elif may_take and present and cell_uptake(c, s, background, cells, h2o2_clearance) > 0.0:
            needed = 2
        j += 1
    plan[w, s] = needed
    if needed != 0:
        return
    k = float(fields.decay[w, s])
    g, back, surface, outside = exchange(w, s, wells, fields)
    if not present:
        return
    before = float(wells.bulk[w, s])
    mean, bulk = mean_and_bulk(background, before, 0.0, g, back, surface, outside, k, step.dt)
    wells.bulk[w, s] = bulk
    if abs(mean - background) > 1e-9 * background:
        for z in range(int(fields.shape[w, 2])):
            for y in range(int(fields.shape[w, 1])):
                for x in range(int(fields.shape[w, 0])):
                    fields.conc[w, s, z, y, x] = mean


@row
def load(w, s, k, width, plane, shape, conc, boundary):
    """Copy the field of (well, species) into lane ``k`` of a plane, less ``boundary``."""
    v = k
    for z in range(shape[2]):
        for y in range(shape[1]):
            for x in range(shape[0]):
                plane[lane(v, 0)] = float(conc[w, s, z, y, x]) - boundary
                v += width


@row
def finish_lanes(length, rows, width, plane, lines):
    """Add the boundary (line SHIFT) to all lanes of a plane, cut at zero, and put the range of each lane into lines LOW and HIGH.

    A row of the grid at a time, so that it compiles to vector instructions.
    """
    shift = lines[SHIFT]
    low = lines[LOW]
    high = lines[HIGH]
    for j in range(length):
        low[j] = 1e30
        high[j] = 0.0
    for r in range(rows):
        line = plane[r * length : r * length + length]
        for j in range(length):
            value = max(line[j] + shift[j], 0.0)
            line[j] = value
            low[j] = min(low[j], value)
            high[j] = max(high[j], value)
    for k in range(width):
        for j in range(k + width, length, width):
            low[k] = min(low[k], low[j])
            high[k] = max(high[k], high[j])


@row
def unload(w, s, k, width, plane, shape, conc):
    """Copy lane ``k`` of a plane back into the field of (well, species)."""
    v = k
    for z in range(shape[2]):
        for y in range(shape[1]):
            for x in range(shape[0]):
                conc[w, s, z, y, x] = plane[lane(v, 0)]
                v += width


@row
def deposit(w, species, width, source, uptake, takes, lines, cells, members, fields, h2o2_clearance):
    """Per voxel and lane, what cells release [conc/s] and, if ``takes``, their rate of uptake [1/s].

    Line ACTIVE becomes 1 for lanes on which any cell acts.
    """
    for v in range(len(source)):
        source[v] = 0.0
    if takes:
        for v in range(len(uptake)):
            uptake[v] = 0.0
    for k in range(width):
        lines[ACTIVE, k] = 0.0
    per_voxel = 1.0 / (float(fields.spacing[w, 0]) * float(fields.spacing[w, 1]) * float(fields.spacing[w, 2]))
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    for j in range(int(members.start[w]), int(members.start[w + 1])):
        i = int(members.member[j])
        v = int(cells.voxel[i])
        for k in range(width):
            s = int(species[k])
            at = v * width + k
            q = cell_source(i, s, cells, fields) * per_voxel
            if q > 0.0:
                source[lane(at, 0)] += q
                lines[ACTIVE, k] = 1.0
            if takes:
                z = v // (nx * ny)
                y = (v - z * nx * ny) // nx
                x = v - (z * ny + y) * nx
                u = cell_uptake(i, s, float(fields.conc[w, s, z, y, x]), cells, h2o2_clearance) * per_voxel
                if u > 0.0:
                    uptake[lane(at, 0)] += u
                    lines[ACTIVE, k] = 1.0


@row
def solve_row(i, cells, members, fields, wells, work, h2o2_clearance, step):
    """Advance the species of one well that group ``i`` of ``work`` names by one step, side by side."""
    w = int(work.groups[i, GROUP_WELL])
    implicit = int(work.groups[i, GROUP_METHOD]) == 2
    held = int(work.groups[i, GROUP_HELD])
    width = int(work.groups[i, GROUP_WIDTH])
    species = work.groups[i, GROUP_SPECIES : GROUP_SPECIES + width]
    lines = work.lines[i]
    shape = (int(fields.shape[w, 0]), int(fields.shape[w, 1]), int(fields.shape[w, 2]))
    n = shape[0] * shape[1] * shape[2]
    size = n * width
    at = int(work.groups[i, GROUP_OFFSET])
    planes = work.planes[at : at + (IMPLICIT_PLANES if implicit else EXPLICIT_PLANES) * size]
    field = planes[FIELD * size : FIELD * size + size]
    source = planes[SOURCE * size : SOURCE * size + size]
    last = UPTAKE if implicit else SPARE
    uptake = planes[last * size : last * size + size]
    modes_at = (int(fields.mode_offset[w, 0, held]), int(fields.mode_offset[w, 1, held]), int(fields.mode_offset[w, 2, held]))
    eigen_at = (int(fields.eigen_offset[w, 0, held]), int(fields.eigen_offset[w, 1, held]), int(fields.eigen_offset[w, 2, held]))
    dt = step.dt
    deposit(w, species, width, source, uptake, implicit, lines, cells, members, fields, h2o2_clearance)
    for k in range(width):
        s = int(species[k])
        if lines[ACTIVE, k] > 0.0:
            fields.lateral[w, s] = 1
        else:
            fields.lateral[w, s] = 0
        shift = float(wells.boundary[w, s]) * held
        load(w, s, k, width, field, shape, fields.conc, shift)
        lines[SPREAD_X, k] = float(fields.diffusion[w, s, 0])
        lines[SPREAD_Y, k] = float(fields.diffusion[w, s, 1])
        lines[SPREAD_Z, k] = float(fields.diffusion[w, s, 2])
    sum_plane(field, shape[1] * shape[2], shape[0] * width, width, lines, FIELD_MEAN)
    sum_plane(source, shape[1] * shape[2], shape[0] * width, width, lines, SOURCE_MEAN)
    for k in range(width):
        s = int(species[k])
        g, back, surface, outside = exchange(w, s, wells, fields)
        loss = float(fields.decay[w, s])
        if implicit:
            below = 1.0 + dt * (back + surface + loss)
            bulk = (float(wells.bulk[w, s]) + dt * surface * outside) / below
            lines[RATE, k] = bulk
            lines[SHARE, k] = g * dt * back / below
            lines[DIAGONAL, k] = 1.0 / dt + loss + g
            lines[EXTRA, k] = g * bulk
            lines[LOSS, k] = loss
            lines[SHIFT, k] = outside * held
        else:
            lines[RATE, k] = loss + g
            lines[MEAN, k] = -1.0
            if held != 0:
                for v in range(k, size, width):
                    source[v] -= loss * outside
            else:
                mean, bulk = mean_and_bulk(
                    lines[FIELD_MEAN, k] / n, float(wells.bulk[w, s]), lines[SOURCE_MEAN, k] / n, g, back, surface, outside, loss, dt
                )
                lines[MEAN, k] = mean
                wells.bulk[w, s] = bulk
    if implicit:
        periodic = int(wells.periodic[w])
        around_z = 0
        if int(wells.geometry[w]) == BLOCK:
            around_z = periodic
        implicit_step(shape, width, held, periodic, around_z, modes_at, eigen_at, fields.modes, fields.eigenvalues, planes, size, lines, dt)
    else:
        exponential_step(shape, width, modes_at, eigen_at, fields.modes, fields.eigenvalues, planes, size, lines, dt)
    sum_plane(field, shape[1] * shape[2], shape[0] * width, width, lines, FIELD_MEAN)
    for k in range(width):
        lines[SHIFT, k] = float(wells.boundary[w, int(species[k])]) * held
    spread_line(lines, SHIFT, shape[0] * width, width)
    finish_lanes(shape[0] * width, shape[1] * shape[2], width, field, lines)
    for k in range(width):
        s = int(species[k])
        g, back, surface, outside = exchange(w, s, wells, fields)
        if held != 0:
            wells.bulk[w, s] = outside
        elif implicit:
            below = 1.0 + dt * (back + surface + float(fields.decay[w, s]))
            wells.bulk[w, s] = lines[RATE, k] + dt * back * lines[FIELD_MEAN, k] / n / below
        unload(w, s, k, width, field, shape, fields.conc)
        if lines[HIGH, k] - lines[LOW, k] > SPREAD * lines[HIGH, k]:
            fields.lateral[w, s] = 1
