"""The linear algebra of ``space/solver*.py`` in short passes over all voxels, columns and lanes of a batch, with the same bits.

A sum over a field is one over each column, along y and z in order, and then over the columns of the lane (``add_up_columns``). Lanes
that have been solved are left out. Planes are those of ``space/solver.py``, one behind the other in ``planes`` and ``narrow``.
"""

from __future__ import annotations

import math
from typing import Any

from mitoferry.core.maths import exp
from mitoferry.core.row import row
from mitoferry.space.solver import DIRECTION, FIELD, MAX_ITERATIONS, PRODUCT, RESIDUAL, SOURCE, TOLERANCE, UPTAKE, WHOLE
from mitoferry.space.solver_modes import INVERSE, LEAST_RATE, SCALING, SPARE, START, TURNED
from mitoferry.space.solver_operator import ends_of
from mitoferry.space.wide_lanes import (
    AROUND,
    AROUND_Z,
    BETA,
    COMMON,
    DIAGONAL,
    EIGEN_X,
    EIGEN_Y,
    EIGEN_Z,
    EXTRA,
    FACES,
    FAR,
    LEAST,
    LOSS,
    MEAN,
    MOST,
    MOVE,
    NORM,
    OLD,
    RATE,
    SHARE,
    SHIFT,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    UNIT,
    Batch,
    add_up_columns,
    column_at,
    lane_at,
    voxels_of,
)
from mitoferry.space.wide_transform import into_modes, out_of_modes


# ---------------------------------------------------------------------- sums
@row
def sum_column(i, lanes, planes, n_voxels, a):
    """Sum of plane ``a`` over column ``i``."""
    k, first, gap, n = column_at(i, lanes)
    if int(lanes.active[k]) == 0:
        return
    total = 0.0
    for r in range(n):
        total += planes[a * n_voxels + first + r * gap]
    lanes.columns[0, i] = total


@row
def product_column(i, lanes, planes, n_voxels, a, b):
    """Sum of the products of planes ``a`` and ``b`` over column ``i``."""
    k, first, gap, n = column_at(i, lanes)
    if int(lanes.active[k]) == 0:
        return
    total = 0.0
    for r in range(n):
        total += planes[a * n_voxels + first + r * gap] * planes[b * n_voxels + first + r * gap]
    lanes.columns[0, i] = total


@row
def residual_column(i, lanes, planes, narrow, n_voxels):
    """Sum of the products of the residual and what the preconditioner makes of it, over column ``i``."""
    k, first, gap, n = column_at(i, lanes)
    if int(lanes.active[k]) == 0:
        return
    total = 0.0
    for r in range(n):
        at = first + r * gap
        start = float(narrow[SCALING * n_voxels + at]) * float(narrow[START * n_voxels + at])
        total += planes[RESIDUAL * n_voxels + at] * start
    lanes.columns[0, i] = total


# ---------------------------------------------------------------------- the operator
@row
def beside(out, p, below, above, is_below, is_above, spread):
    """``out`` less the spread from the neighbours at ``below`` and ``above``, where there are such."""
    if is_below and is_above:
        out -= spread * (p[below] + p[above])
    elif is_below:
        out -= spread * p[below]
    elif is_above:
        out -= spread * p[above]
    return out


@row
def operate(i, k, v, nx, ny, nz, lanes, planes, plane, whole):
    """(diagonal + uptake - D lap) p - common at voxel ``i``, p the plane that begins at ``plane``; ``whole``: what p is multiplied by."""
    z = v // (nx * ny)
    y = (v - z * nx * ny) // nx
    x = v - (z * ny + y) * nx
    around = int(lanes.where[k, AROUND]) != 0
    around_z = int(lanes.where[k, AROUND_Z]) != 0
    at = plane + i
    before = 0.0
    after = 0.0
    if x > 0:
        before = planes[at - 1]
    elif around:
        before = planes[at + nx - 1]
    if x < nx - 1:
        after = planes[at + 1]
    elif around:
        after = planes[at + 1 - nx]
    out = (whole * planes[at] - lanes.numbers[k, COMMON]) - lanes.numbers[k, SPREAD_X] * (before + after)
    if ny > 1:
        below = at - nx if y > 0 else at + (ny - 1) * nx
        above = at + nx if y < ny - 1 else at - (ny - 1) * nx
        out = beside(out, planes, below, above, y > 0 or around, y < ny - 1 or around, lanes.numbers[k, SPREAD_Y])
    if nz > 1:
        gap = nx * ny
        below = at - gap if z > 0 else at + (nz - 1) * gap
        above = at + gap if z < nz - 1 else at - (nz - 1) * gap
        out = beside(out, planes, below, above, z > 0 or around_z, z < nz - 1 or around_z, lanes.numbers[k, SPREAD_Z])
    return out


@row
def whole_at(k, v, nx, ny, nz, lanes):
    """Diagonal of the operator at voxel ``v`` without the uptake."""
    z = v // (nx * ny)
    y = (v - z * nx * ny) // nx
    x = v - (z * ny + y) * nx
    held = int(lanes.where[k, FACES])
    around = int(lanes.where[k, AROUND])
    in_y = ends_of(y, ny, around, held)
    in_z = ends_of(z, nz, int(lanes.where[k, AROUND_Z]), held)
    spread_x = lanes.numbers[k, SPREAD_X]
    total = lanes.numbers[k, DIAGONAL] + in_y * lanes.numbers[k, SPREAD_Y] + in_z * lanes.numbers[k, SPREAD_Z] + 2.0 * spread_x
    if around == 0:
        more = 1.0 if held != 0 else -1.0
        if x == 0:
            total += more * spread_x
        if x == nx - 1:
            total += more * spread_x
    return total


@row
def inverse_at(k, v, nx, ny, lanes, eigenvalues):
    """1/(diagonal + mean uptake - D lap - share mean) of mode ``v``, counted along y, then x, then z."""
    z = v // (nx * ny)
    x = (v - z * nx * ny) // ny
    y = v - (z * nx + x) * ny
    base = lanes.numbers[k, DIAGONAL] + lanes.numbers[k, MEAN]
    if v == 0 and int(lanes.where[k, FACES]) == 0:
        return 1.0 / (base - lanes.numbers[k, SHARE])
    along_z = lanes.numbers[k, SPREAD_Z] * eigenvalues[int(lanes.where[k, EIGEN_Z]) + z]
    far = along_z + lanes.numbers[k, SPREAD_X] * eigenvalues[int(lanes.where[k, EIGEN_X]) + x]
    return 1.0 / ((base + far) + lanes.numbers[k, SPREAD_Y] * eigenvalues[int(lanes.where[k, EIGEN_Y]) + y])


# ---------------------------------------------------------------------- the implicit step
@row
def prepare_row(i, lanes, planes, narrow, n_voxels, eigenvalues, dt):
    """Right-hand side, scaling, operator and its product with the field at voxel ``i``, and the preconditioner for mode ``i``."""
    k, v, nx, ny, nz = lane_at(i, lanes)
    uptake = planes[UPTAKE * n_voxels + i]
    side = planes[FIELD * n_voxels + i] * (1.0 / dt) + planes[SOURCE * n_voxels + i] + lanes.numbers[k, EXTRA]
    if int(lanes.where[k, FACES]) != 0:
        side -= (lanes.numbers[k, LOSS] + uptake) * lanes.numbers[k, SHIFT]
    whole = uptake + whole_at(k, v, nx, ny, nz, lanes)
    planes[SOURCE * n_voxels + i] = side
    planes[WHOLE * n_voxels + i] = whole
    planes[PRODUCT * n_voxels + i] = operate(i, k, v, nx, ny, nz, lanes, planes, FIELD * n_voxels, whole)
    narrow[SCALING * n_voxels + i] = math.sqrt(lanes.numbers[k, MOST] / (lanes.numbers[k, LEAST] + uptake))
    narrow[INVERSE * n_voxels + i] = inverse_at(k, v, nx, ny, lanes, eigenvalues)


@row
def unit_row(k, lanes):
    """Norm of the right-hand side of lane ``k``; what it is solved in units of."""
    norm = math.sqrt(add_up_columns(k, 0, lanes))
    lanes.numbers[k, NORM] = norm
    lanes.numbers[k, UNIT] = 0.0
    if norm > 0.0:
        lanes.numbers[k, UNIT] = 1.0 / norm


@row
def residual_row(i, lanes, planes, narrow, n_voxels):
    """(Right-hand side - operator times the field)/norm at voxel ``i``, and what the preconditioner takes of it."""
    k = int(lanes.owner[i])
    left = (planes[SOURCE * n_voxels + i] - planes[PRODUCT * n_voxels + i]) * lanes.numbers[k, UNIT]
    planes[RESIDUAL * n_voxels + i] = left
    narrow[START * n_voxels + i] = float(narrow[SCALING * n_voxels + i]) * left


@row
def arrived_row(k, lanes):
    """Leave lane ``k`` alone once its residual is small."""
    if int(lanes.active[k]) != 0 and not add_up_columns(k, 0, lanes) > TOLERANCE * TOLERANCE:
        lanes.active[k] = 0


@row
def turn_row(k, lanes, first):
    """How much of the last direction of lane ``k`` stays in the next one."""
    if int(lanes.active[k]) == 0:
        return
    new = add_up_columns(k, 0, lanes)
    lanes.numbers[k, BETA] = 0.0
    if first == 0:
        lanes.numbers[k, BETA] = new / lanes.numbers[k, OLD]
    lanes.numbers[k, OLD] = new


@row
def direction_row(i, lanes, planes, narrow, n_voxels, first):
    """The next direction at voxel ``i``."""
    k = int(lanes.owner[i])
    if int(lanes.active[k]) == 0:
        return
    start = float(narrow[SCALING * n_voxels + i]) * float(narrow[START * n_voxels + i])
    if first == 0:
        start = start + lanes.numbers[k, BETA] * planes[DIRECTION * n_voxels + i]
    planes[DIRECTION * n_voxels + i] = start


@row
def common_row(k, lanes):
    """The share of the mean, of lane ``k``."""
    if int(lanes.active[k]) != 0:
        lanes.numbers[k, COMMON] = lanes.numbers[k, SHARE] * add_up_columns(k, 0, lanes) / voxels_of(k, lanes)


@row
def operate_row(i, lanes, planes, n_voxels):
    """The operator times the direction at voxel ``i``."""
    k, v, nx, ny, nz = lane_at(i, lanes)
    if int(lanes.active[k]) == 0:
        return
    whole = planes[WHOLE * n_voxels + i]
    planes[PRODUCT * n_voxels + i] = operate(i, k, v, nx, ny, nz, lanes, planes, DIRECTION * n_voxels, whole)


@row
def far_row(k, lanes):
    """How far lane ``k`` goes along its direction."""
    if int(lanes.active[k]) != 0:
        far = lanes.numbers[k, OLD] / add_up_columns(k, 0, lanes)
        lanes.numbers[k, FAR] = far
        lanes.numbers[k, MOVE] = far * lanes.numbers[k, NORM]


@row
def descend_row(i, lanes, planes, narrow, n_voxels):
    """Move the field at voxel ``i`` along the direction to the least error; what is left."""
    k = int(lanes.owner[i])
    if int(lanes.active[k]) == 0:
        return
    planes[FIELD * n_voxels + i] += lanes.numbers[k, MOVE] * planes[DIRECTION * n_voxels + i]
    left = planes[RESIDUAL * n_voxels + i] - lanes.numbers[k, FAR] * planes[PRODUCT * n_voxels + i]
    planes[RESIDUAL * n_voxels + i] = left
    narrow[START * n_voxels + i] = float(narrow[SCALING * n_voxels + i]) * left


def still_active(backend: Any, batch: Batch, planes: Any) -> bool:
    """Whether any lane has not arrived."""
    backend.each(product_column, batch.n_columns, batch.lanes, planes, batch.n_voxels, RESIDUAL, RESIDUAL)
    backend.each(arrived_row, batch.n, batch.lanes)
    return bool(backend.read(slice(0, batch.n), batch.lanes.active)[0].any())


def implicit_lanes(backend: Any, batch: Batch, planes: Any, narrow: Any, modes: Any, eigenvalues: Any, dt: float) -> None:
    """Backward Euler for all lanes of a batch, as ``solver.implicit_step``; ``modes`` is float32."""
    lanes, n, columns, voxels = batch.lanes, batch.n, batch.n_columns, batch.n_voxels
    backend.each(prepare_row, voxels, lanes, planes, narrow, voxels, eigenvalues, dt)
    backend.each(product_column, columns, lanes, planes, voxels, SOURCE, SOURCE)
    backend.each(unit_row, n, lanes)
    backend.each(residual_row, voxels, lanes, planes, narrow, voxels)
    active = still_active(backend, batch, planes)
    iteration = 0
    while active and iteration < MAX_ITERATIONS:
        here = into_modes(backend, batch, narrow, modes, 1, TURNED, INVERSE)
        out_of_modes(backend, batch, narrow, modes, here, TURNED)
        first = int(iteration == 0)
        backend.each(residual_column, columns, lanes, planes, narrow, voxels)
        backend.each(turn_row, n, lanes, first)
        backend.each(direction_row, voxels, lanes, planes, narrow, voxels, first)
        backend.each(sum_column, columns, lanes, planes, voxels, DIRECTION)
        backend.each(common_row, n, lanes)
        backend.each(operate_row, voxels, lanes, planes, voxels)
        backend.each(product_column, columns, lanes, planes, voxels, DIRECTION, PRODUCT)
        backend.each(far_row, n, lanes)
        backend.each(descend_row, voxels, lanes, planes, narrow, voxels)
        active = still_active(backend, batch, planes)
        iteration += 1


# ---------------------------------------------------------------------- the exponential step
@row
def faces_row(i, lanes, planes, n_voxels):
    """Take what held faces lose by decay off the source at voxel ``i``."""
    k = int(lanes.owner[i])
    if int(lanes.where[k, FACES]) != 0:
        planes[SOURCE * n_voxels + i] -= lanes.numbers[k, EXTRA]


@row
def relax_row(i, lanes, planes, n_voxels, plane, eigenvalues, dt):
    """Mode ``i`` of the field, in ``plane``, and of the source, in the plane after it: a = e^(-m dt) a + (1 - e^(-m dt))/m b."""
    k, v, nx, ny, nz = lane_at(i, lanes)
    z = v // (nx * ny)
    x = (v - z * nx * ny) // ny
    y = v - (z * nx + x) * ny
    numbers = lanes.numbers
    along_x = numbers[k, SPREAD_X] * eigenvalues[int(lanes.where[k, EIGEN_X]) + x]
    m0 = (numbers[k, RATE] + numbers[k, SPREAD_Z] * eigenvalues[int(lanes.where[k, EIGEN_Z]) + z]) + along_x
    rate = numbers[k, SPREAD_Y] * eigenvalues[int(lanes.where[k, EIGEN_Y]) + y]
    m = m0 + rate
    e = exp(-m0 * dt) * exp(-rate * dt)
    phi = (1.0 - e) / max(m, LEAST_RATE)
    if m * dt <= 1e-6:
        phi = dt * (1.0 - 0.5 * m * dt)
    at = plane * n_voxels + i
    planes[at] = e * planes[at] + phi * planes[at + n_voxels]
    if v == 0 and numbers[k, MEAN] >= 0.0:
        planes[at] = numbers[k, MEAN] * math.sqrt(float(nx * ny * nz))


def exponential_lanes(backend: Any, batch: Batch, planes: Any, modes: Any, eigenvalues: Any, dt: float) -> None:
    """Exact step for all lanes of a batch, as ``solver_modes.exponential_step``."""
    if batch.faces:
        backend.each(faces_row, batch.n_voxels, batch.lanes, planes, batch.n_voxels)
    here = into_modes(backend, batch, planes, modes, 2, SPARE, -1)
    backend.each(relax_row, batch.n_voxels, batch.lanes, planes, batch.n_voxels, here, eigenvalues, dt)
    out_of_modes(backend, batch, planes, modes, here, SPARE)


__all__ = ["exponential_lanes", "implicit_lanes"]
