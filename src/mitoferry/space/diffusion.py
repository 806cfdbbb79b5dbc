"""Diffusing fields: one row solves groups of fields, of any wells on grids of one shape, over one macro-step.

    dc/dt = D lap c - k c + G (c_bulk - c) + S(x) - U(x) c

with G the exchange of the near-cell layer with the stirred medium (or of tissue with blood), S what cells release and
U what they take up, both owned by the voxel and added up in the order of the cells' rows.

Where nothing is taken up the step is *exact in time* on the grid: in the modes of the grid every amplitude relaxes
exponentially. Where cells take up in proportion to the concentration (oxygen, glucose, H2O2) the step is backward
Euler, solved by conjugate gradients with the same modes, at the mean uptake, as preconditioner (in float32; field
and residual are float64). Neither can become unstable or negative at any step size. The stirred medium obeys

    dc_bulk/dt = G h/H (mean c - c_bulk) + k_s (c_outside - c_bulk) - k c_bulk

and is solved together with the mean of the layer, so that what one loses the other gains, to rounding.

Space error O(voxel^2); time error none without uptake, O(dt) with uptake. Tests: tests/verification/test_space_diffusion.py
(F10: Green's functions, steady profiles, slab penetration, Robin uptake, order on three grids).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.lanes import lane
from mitoferry.core.row import row
from mitoferry.core.schema import (
    GLUCOSE,
    H2O2,
    N_SPECIES,
    OXYGEN,
)
from mitoferry.space.field_exchange import border_is_held, cell_source, cell_uptake, exchange, mean_and_bulk, medium_after, with_medium
from mitoferry.space.geometry import BLOCK
from mitoferry.space.solver import UPTAKE, implicit_step
from mitoferry.space.solver_lines import (
    ACTIVE,
    DIAGONAL,
    EXTRA,
    LEFT,
    LOSS,
    MEAN,
    NEW,
    OLD,
    RATE,
    SHARE,
    SHIFT,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    spread_line,
    sum_plane,
)
from mitoferry.space.solver_modes import FIELD, SOURCE, exponential_step

GROUP_METHOD, GROUP_HELD, GROUP_WIDTH, GROUP_LANES = range(4)
FIELD_MEAN, SOURCE_MEAN = LEFT, NEW  # lines free outside the solvers
LOW, HIGH = OLD, ACTIVE
SPREAD = 1e-6  # relative range below which a field counts as the same everywhere


class WellCells(NamedTuple):
    """Rows of the cells of each well in order of row: ``member[start[w]:start[w + 1]]``; corpses included."""

    start: Any
    member: Any


class Work(NamedTuple):
    """What :func:`solve_row` works on: groups of fields, and one room to work per row, which takes groups in turn.

    groups: int64 [group, GROUP_LANES + lanes]: method (1 exponential, 2 implicit), 1 for held faces, number of lanes, and
        per lane well * N_SPECIES + species, all on grids of one shape and border.
    planes: float64 [room, numbers], narrow: float32 [room, numbers], lines: float64 [room, N_LINES, longest line]. Layout:
        ``space/solver.py``. What they hold between rows means nothing.
    modes: float32, ``fields.modes`` as the preconditioner takes them.
    """

    groups: Any
    planes: Any
    narrow: Any
    lines: Any
    modes: Any


@row
def well_and_species(place):
    """Well and species of a lane, or of a row of the plan: ``place`` is well * N_SPECIES + species."""
    w = int(place) // N_SPECIES
    return w, int(place) - w * N_SPECIES


@row
def plan_row(i, cells, members, fields, wells, plan, h2o2_clearance, step):
    """Decide what (well, species) ``i`` needs; advance it here if it is the same everywhere and no cell touches it.

    ``plan[w, s]``: 0 = done, 1 = exponential step, 2 = implicit step.
    """
    w, s = well_and_species(i)
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
            line = conc[w, s, z, y]
            for x in range(shape[0]):
                plane[lane(v, 0)] = float(line[x]) - boundary
                v += width


@row
def range_of_lanes(length, rows, width, plane, lines):
    """The range of every lane, cut at zero, in lines LOW and HIGH.

    A row of the grid at a time, so that it compiles to vector instructions.
    """
    low = lines[LOW]
    high = lines[HIGH]
    for j in range(length):
        low[j] = 1e30
        high[j] = 0.0
    for r in range(rows):
        widen_row(plane[r * length : r * length + length], lines[SHIFT], low, high, length)
    for k in range(width):
        for j in range(k + width, length, width):
            low[k] = min(low[k], low[j])
            high[k] = max(high[k], high[j])


@row
def widen_row(line, shift, low, high, length):
    """Widen the range by a row of voxels, with what was taken off it."""
    for j in range(length):
        value = max(line[j] + shift[j], 0.0)
        low[j] = min(low[j], value)
        high[j] = max(high[j], value)


@row
def unload(w, s, k, width, plane, shape, conc, boundary):
    """Copy lane ``k`` of a plane plus ``boundary`` back into the field of (well, species), cut at zero."""
    v = k
    for z in range(shape[2]):
        for y in range(shape[1]):
            line = conc[w, s, z, y]
            for x in range(shape[0]):
                line[x] = max(plane[lane(v, 0)] + boundary, 0.0)
                v += width


@row
def deposit(w, s, k, width, field, source, uptake, takes, lines, cells, members, fields, h2o2_clearance):
    """Add to lane ``k``, voxel by voxel, what cells release [conc/s] and, if ``takes``, their rate of uptake [1/s].

    Line ACTIVE becomes 1 if any cell acts.
    """
    lines[ACTIVE, k] = 0.0
    per_voxel = 1.0 / (float(fields.spacing[w, 0]) * float(fields.spacing[w, 1]) * float(fields.spacing[w, 2]))
    for j in range(int(members.start[w]), int(members.start[w + 1])):
        i = int(members.member[j])
        at = int(cells.voxel[i]) * width + k
        q = cell_source(i, s, cells, fields) * per_voxel
        if q > 0.0:
            source[lane(at, 0)] += q
            lines[ACTIVE, k] = 1.0
        if takes:
            u = cell_uptake(i, s, field[lane(at, 0)] + lines[SHIFT, k], cells, h2o2_clearance) * per_voxel
            if u > 0.0:
                uptake[lane(at, 0)] += u
                lines[ACTIVE, k] = 1.0


@row
def empty(plane):
    """Zero everywhere."""
    for v in range(len(plane)):
        plane[v] = 0.0


@row
def fill_lanes(lanes, width, held, shape, field, source, uptake, takes, lines, cells, members, fields, wells, h2o2_clearance):
    """Field, source and uptake of every lane, and how it spreads; ``lateral`` says where cells act."""
    empty(source)
    if takes:
        empty(uptake)
    for k in range(width):
        w, s = well_and_species(lanes[k])
        lines[SHIFT, k] = float(wells.boundary[w, s]) * held
        load(w, s, k, width, field, shape, fields.conc, lines[SHIFT, k])
        deposit(w, s, k, width, field, source, uptake, takes, lines, cells, members, fields, h2o2_clearance)
        fields.lateral[w, s] = 0
        if lines[ACTIVE, k] > 0.0:
            fields.lateral[w, s] = 1
        lines[SPREAD_X, k] = float(fields.diffusion[w, s, 0])
        lines[SPREAD_Y, k] = float(fields.diffusion[w, s, 1])
        lines[SPREAD_Z, k] = float(fields.diffusion[w, s, 2])


@row
def rates_implicit(lanes, width, held, lines, fields, wells, dt):
    """Coefficients of every lane of an implicit step; the medium of the well is solved along with the field."""
    for k in range(width):
        w, s = well_and_species(lanes[k])
        bulk, share, diagonal, extra, loss, outside = with_medium(w, s, wells, fields, dt)
        lines[RATE, k] = bulk
        lines[SHARE, k] = share
        lines[DIAGONAL, k] = diagonal
        lines[EXTRA, k] = extra
        lines[LOSS, k] = loss
        lines[SHIFT, k] = outside * held


@row
def rates_exponential(lanes, width, held, shape, source, lines, fields, wells, dt):
    """Rates of every lane of an exponential step, with the mean that it must end with; lines LEFT, NEW hold the sums."""
    n = shape[0] * shape[1] * shape[2]
    for k in range(width):
        w, s = well_and_species(lanes[k])
        g, back, surface, outside = exchange(w, s, wells, fields)
        loss = float(fields.decay[w, s])
        lines[RATE, k] = loss + g
        lines[MEAN, k] = -1.0
        if held != 0:
            for v in range(k, n * width, width):
                source[v] -= loss * outside
        else:
            mean, bulk = mean_and_bulk(
                lines[FIELD_MEAN, k] / n, float(wells.bulk[w, s]), lines[SOURCE_MEAN, k] / n, g, back, surface, outside, loss, dt
            )
            lines[MEAN, k] = mean
            wells.bulk[w, s] = bulk


@row
def end_lanes(lanes, width, held, implicit, shape, field, lines, fields, wells, dt):
    """Write the fields back, with the medium of each well and whether the field varies."""
    rows = shape[1] * shape[2]
    if implicit:
        sum_plane(field, rows, shape[0], width, lines, FIELD_MEAN)
    resting = 0
    for k in range(width):
        w, s = well_and_species(lanes[k])
        medium_after(w, s, held, implicit, lines[RATE, k], lines[FIELD_MEAN, k], shape[0] * rows, wells, fields, dt)
        shift = float(wells.boundary[w, s]) * held
        lines[SHIFT, k] = shift
        unload(w, s, k, width, field, shape, fields.conc, shift)
        if int(fields.lateral[w, s]) == 0:
            resting += 1
    if resting > 0:
        spread_line(lines, SHIFT, shape[0] * width, width)
        range_of_lanes(shape[0] * width, rows, width, field, lines)
        for k in range(width):
            w, s = well_and_species(lanes[k])
            if lines[HIGH, k] - lines[LOW, k] > SPREAD * lines[HIGH, k]:
                fields.lateral[w, s] = 1


@row
def solve_group(group, room, cells, members, fields, wells, work, h2o2_clearance, dt):
    """Advance the fields of one group side by side, in one of the rooms."""
    implicit = int(work.groups[group, GROUP_METHOD]) == 2
    held = int(work.groups[group, GROUP_HELD])
    width = int(work.groups[group, GROUP_WIDTH])
    lanes = work.groups[group, GROUP_LANES : GROUP_LANES + width]
    w, _ = well_and_species(lanes[0])
    planes = work.planes[room]
    narrow = work.narrow[room]
    lines = work.lines[room]
    shape = (int(fields.shape[w, 0]), int(fields.shape[w, 1]), int(fields.shape[w, 2]))
    size = shape[0] * shape[1] * shape[2] * width
    field = planes[FIELD * size : FIELD * size + size]
    source = planes[SOURCE * size : SOURCE * size + size]
    uptake = planes[UPTAKE * size : UPTAKE * size + size]
    modes_at = (int(fields.mode_offset[w, 0, held]), int(fields.mode_offset[w, 1, held]), int(fields.mode_offset[w, 2, held]))
    eigen_at = (int(fields.eigen_offset[w, 0, held]), int(fields.eigen_offset[w, 1, held]), int(fields.eigen_offset[w, 2, held]))
    fill_lanes(lanes, width, held, shape, field, source, uptake, implicit, lines, cells, members, fields, wells, h2o2_clearance)
    if implicit:
        rates_implicit(lanes, width, held, lines, fields, wells, dt)
        periodic = int(wells.periodic[w])
        around_z = 0
        if int(wells.geometry[w]) == BLOCK:
            around_z = periodic
        implicit_step(
            shape,
            width,
            held,
            periodic,
            around_z,
            modes_at,
            eigen_at,
            work.modes,
            fields.eigenvalues,
            planes,
            narrow,
            size,
            lines,
            dt,
        )
    else:
        if held == 0:
            sum_plane(field, shape[1] * shape[2], shape[0], width, lines, FIELD_MEAN)
            sum_plane(source, shape[1] * shape[2], shape[0], width, lines, SOURCE_MEAN)
        rates_exponential(lanes, width, held, shape, source, lines, fields, wells, dt)
        exponential_step(shape, width, modes_at, eigen_at, fields.modes, fields.eigenvalues, planes, size, lines, dt)
    end_lanes(lanes, width, held, implicit, shape, field, lines, fields, wells, dt)


@row
def solve_row(i, cells, members, fields, wells, work, h2o2_clearance, step):
    """Advance the groups i, i + n, i + 2 n ... of ``work`` by one step in room ``i`` of its n rooms."""
    for group in range(i, len(work.groups), len(work.planes)):
        solve_group(group, i, cells, members, fields, wells, work, h2o2_clearance, step.dt)
