"""What comes before and after the linear algebra where a whole device solves the fields (``space/wide.py``).

Which fields need a step, what cells release and take up in every voxel, rates of lanes, and the fields written back: the sums of
``space/diffusion.py`` in the same order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.row import row
from mitoferry.core.schema import GLUCOSE, H2O2, N_SPECIES, OXYGEN
from mitoferry.space.diffusion import SPREAD, well_and_species
from mitoferry.space.field_exchange import (
    border_is_held,
    cell_source,
    cell_uptake,
    exchange,
    in_well,
    mean_and_bulk,
    medium_after,
    with_medium,
)
from mitoferry.space.solver import FIELD, SOURCE, UPTAKE
from mitoferry.space.wide_lanes import (
    ACTIVE,
    COMMON,
    DIAGONAL,
    EXTRA,
    FACES,
    LEAST,
    LOSS,
    MEAN,
    MOST,
    NX,
    RATE,
    SHARE,
    SHIFT,
    SPECIES,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    SUMS,
    WELL,
    add_up_columns,
    column_at,
    keep_sum,
    lane_at,
    place_in_grid,
    voxels_of,
)

NOTHING, EXPONENTIAL, IMPLICIT = range(3)
HELD = 4  # added to them where the faces are held
LEVEL = 8  # the field is the same everywhere, and becomes ``level``


class Plan(NamedTuple):
    """What fields need.

    Attributes:
        counts: int64 [well, 2 N_SPECIES], cells that release each species, and that take it up.
        plan: int32 [well * N_SPECIES + species]: NOTHING, LEVEL, or EXPONENTIAL or IMPLICIT, with HELD.
        level: float64, likewise.
    """

    counts: Any
    plan: Any
    level: Any


class VoxelCells(NamedTuple):
    """Rows of the cells of each voxel in order of row: ``member[start[q]:start[q + 1]]``, q = ``first_voxel[well]`` + voxel.

    ``key`` is q of every cell, -1 for rows that are no cells in a well; ``tie`` is their order.
    """

    first_voxel: Any
    key: Any
    tie: Any
    start: Any
    member: Any


# ---------------------------------------------------------------------- which fields need a step
@row
def key_row(i, cells, found):
    """Write the voxel of cell ``i``, counted over all wells."""
    found.key[i] = -1
    state = int(cells.state[i])
    if in_well(state):
        found.key[i] = int(found.first_voxel[int(cells.well[i])]) + int(cells.voxel[i])


@row
def is_taken_up(s):
    """Whether cells take up species ``s`` in proportion to its concentration."""
    return s in (OXYGEN, GLUCOSE, H2O2)


@row
def count_row(i, sums, cells, fields, h2o2_clearance):
    """Count cell ``i`` for the species that it releases, and for those that it would take up at the first voxel's concentration."""
    state = int(cells.state[i])
    if not in_well(state):
        return -1
    w = int(cells.well[i])
    for s in range(N_SPECIES):
        if cell_source(i, s, cells, fields) > 0.0:
            sums[s] += 1
        if is_taken_up(s) and cell_uptake(i, s, float(fields.conc[w, s, 0, 0, 0]), cells, h2o2_clearance) > 0.0:
            sums[N_SPECIES + s] += 1
    return w


@row
def decide_row(i, found, fields, wells, dt):
    """What (well, species) ``i`` needs, as ``diffusion.plan_row`` decides; the medium above a field that is the same everywhere."""
    w, s = well_and_species(i)
    held = border_is_held(w, s, wells)
    released = int(found.counts[w, s]) > 0
    needed = NOTHING
    if int(fields.lateral[w, s]) != 0 or held != 0 or released:
        needed = EXPONENTIAL
    background = float(fields.conc[w, s, 0, 0, 0])
    present = needed != NOTHING or background > 0.0 or float(wells.bulk[w, s]) > 0.0 or float(wells.boundary[w, s]) > 0.0
    if present and int(found.counts[w, N_SPECIES + s]) > 0:
        needed = IMPLICIT
    found.plan[i] = needed + HELD * held
    if needed != NOTHING or not present:
        return
    g, back, surface, outside = exchange(w, s, wells, fields)
    before = float(wells.bulk[w, s])
    mean, bulk = mean_and_bulk(background, before, 0.0, g, back, surface, outside, float(fields.decay[w, s]), dt)
    wells.bulk[w, s] = bulk
    if abs(mean - background) > 1e-9 * background:
        found.plan[i] = LEVEL
        found.level[i] = mean


@row
def level_row(i, places, found, fields, longest):
    """Write voxel ``i`` of the fields ``places``, counted as if all had ``longest`` voxels."""
    place = int(places[i // longest])
    v = i - i // longest * longest
    w, s = well_and_species(place)
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    if v < nx * ny * int(fields.shape[w, 2]):
        x, y, z = place_in_grid(v, nx, ny)
        fields.conc[w, s, z, y, x] = found.level[place]


# ---------------------------------------------------------------------- into the planes
@row
def load_row(i, lanes, planes, n_voxels, implicit, cells, found, fields, wells, h2o2_clearance):
    """Field of voxel ``i``, less the concentration of held faces, what its cells release [conc/s], and their rate of uptake [1/s]."""
    k, v, nx, ny, _ = lane_at(i, lanes)
    w = int(lanes.where[WELL, k])
    s = int(lanes.where[SPECIES, k])
    x, y, z = place_in_grid(v, nx, ny)
    shift = float(wells.boundary[w, s]) * int(lanes.where[FACES, k])
    field = float(fields.conc[w, s, z, y, x]) - shift
    per_voxel = 1.0 / (float(fields.spacing[w, 0]) * float(fields.spacing[w, 1]) * float(fields.spacing[w, 2]))
    source = 0.0
    uptake = 0.0
    place = int(found.first_voxel[w]) + v
    for j in range(int(found.start[place]), int(found.start[place + 1])):
        c = int(found.member[j])
        q = cell_source(c, s, cells, fields) * per_voxel
        if q > 0.0:
            source += q
        if implicit != 0:
            u = cell_uptake(c, s, field + shift, cells, h2o2_clearance) * per_voxel
            if u > 0.0:
                uptake += u
    planes[FIELD * n_voxels + i] = field
    planes[SOURCE * n_voxels + i] = source
    if implicit != 0:
        planes[UPTAKE * n_voxels + i] = uptake


@row
def begin_column(i, lanes, planes, n_voxels, implicit):
    """Sums over column ``i`` of the field (0) and of the uptake or, without it, the source (1); whether cells act there (2)."""
    k, x, first, gap, n = column_at(i, lanes)
    second = (UPTAKE if implicit != 0 else SOURCE) * n_voxels
    total = 0.0
    other = 0.0
    acts = 0.0
    for r in range(n):
        at = first + r * gap
        total += planes[FIELD * n_voxels + at]
        other += planes[second + at]
        if planes[SOURCE * n_voxels + at] > 0.0 or planes[second + at] > 0.0:
            acts = 1.0
    keep_sum(total, k, x, 0, lanes)
    keep_sum(other, k, x, 1, lanes)
    keep_sum(acts, k, x, 2, lanes)


@row
def begin_lane(k, lanes, fields):
    """Sums over the field and over uptake or source of lane ``k``; whether cells act is written to ``fields.lateral``."""
    w = int(lanes.where[WELL, k])
    s = int(lanes.where[SPECIES, k])
    lanes.where[ACTIVE, k] = 1
    fields.lateral[w, s] = 0
    if add_up_columns(k, 2, lanes) > 0.0:
        fields.lateral[w, s] = 1
    for axis in range(3):
        lanes.numbers[k, SPREAD_X + axis] = float(fields.diffusion[w, s, axis])
    return w, s, add_up_columns(k, 0, lanes), add_up_columns(k, 1, lanes)


@row
def begin_implicit_row(k, lanes, fields, wells, dt):
    """Coefficients of lane ``k`` for an implicit step; the medium of the well is solved along with the field."""
    w, s, field, uptake = begin_lane(k, lanes, fields)
    n = voxels_of(k, lanes)
    numbers = lanes.numbers
    for axis in range(3):
        if int(lanes.where[NX + axis, k]) == 1:
            numbers[k, SPREAD_X + axis] = 0.0
    bulk, share, diagonal, extra, loss, outside = with_medium(w, s, wells, fields, dt)
    numbers[k, RATE] = bulk
    numbers[k, SHARE] = share
    numbers[k, DIAGONAL] = diagonal
    numbers[k, EXTRA] = extra
    numbers[k, LOSS] = loss
    numbers[k, SHIFT] = outside * int(lanes.where[FACES, k])
    numbers[k, MEAN] = uptake / n
    numbers[k, LEAST] = ((numbers[k, DIAGONAL] + numbers[k, SPREAD_X]) + numbers[k, SPREAD_Y]) + numbers[k, SPREAD_Z]
    numbers[k, MOST] = numbers[k, LEAST] + numbers[k, MEAN]
    numbers[k, COMMON] = numbers[k, SHARE] * field / n


@row
def begin_exponential_row(k, lanes, fields, wells, dt):
    """Rates of lane ``k`` for an exponential step, and the mean that it must end with; -1 where faces are held."""
    w, s, field, source = begin_lane(k, lanes, fields)
    n = voxels_of(k, lanes)
    g, back, surface, outside = exchange(w, s, wells, fields)
    loss = float(fields.decay[w, s])
    lanes.numbers[k, RATE] = loss + g
    lanes.numbers[k, EXTRA] = loss * outside
    lanes.numbers[k, MEAN] = -1.0
    if int(lanes.where[FACES, k]) == 0:
        mean, bulk = mean_and_bulk(field / n, float(wells.bulk[w, s]), source / n, g, back, surface, outside, loss, dt)
        lanes.numbers[k, MEAN] = mean
        wells.bulk[w, s] = bulk


# ---------------------------------------------------------------------- out of the planes
@row
def unload_row(i, lanes, planes, fields, wells):
    """Write voxel ``i`` of the fields, cut at zero."""
    k, v, nx, ny, _ = lane_at(i, lanes)
    w = int(lanes.where[WELL, k])
    s = int(lanes.where[SPECIES, k])
    x, y, z = place_in_grid(v, nx, ny)
    shift = float(wells.boundary[w, s]) * int(lanes.where[FACES, k])
    fields.conc[w, s, z, y, x] = max(planes[i] + shift, 0.0)


@row
def end_column(i, lanes, planes, wells):
    """Sum over column ``i`` of the field (0), and its range with what was taken off, cut at zero (1, 2)."""
    k, x, first, gap, n = column_at(i, lanes)
    shift = float(wells.boundary[int(lanes.where[WELL, k]), int(lanes.where[SPECIES, k])]) * int(lanes.where[FACES, k])
    total = 0.0
    low = 1e30
    high = 0.0
    for r in range(n):
        c = planes[first + r * gap]
        total += c
        low = min(low, max(c + shift, 0.0))
        high = max(high, max(c + shift, 0.0))
    keep_sum(total, k, x, 0, lanes)
    keep_sum(low, k, x, 1, lanes)
    keep_sum(high, k, x, 2, lanes)


@row
def end_row(k, lanes, implicit, fields, wells, dt):
    """The medium above lane ``k``, and whether its field varies."""
    w = int(lanes.where[WELL, k])
    s = int(lanes.where[SPECIES, k])
    held = int(lanes.where[FACES, k])
    medium_after(w, s, held, implicit, lanes.numbers[k, RATE], add_up_columns(k, 0, lanes), voxels_of(k, lanes), wells, fields, dt)
    if int(fields.lateral[w, s]) == 0:
        low = 1e30
        high = 0.0
        nx = int(lanes.where[NX, k])
        for x in range(nx):
            low = min(low, lanes.numbers[k, SUMS + nx + x])
            high = max(high, lanes.numbers[k, SUMS + 2 * nx + x])
        if high - low > SPREAD * high:
            fields.lateral[w, s] = 1
