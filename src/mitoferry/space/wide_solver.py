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
    ACTIVE,
    AROUND,
    AROUND_Z,
    COMMON,
    DIAGONAL,
    EIGEN_X,
    EIGEN_Y,
    EIGEN_Z,
    EXTRA,
    FACES,
    FIRST,
    LEAST,
    LOSS,
    MEAN,
    MOST,
    NORM,
    OLD,
    RATE,
    SHARE,
    SHIFT,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    Batch,
    add_up_columns,
    column_at,
    keep_sum,
    lane_at,
    place_in_grid,
    voxels_of,
)
from mitoferry.space.wide_transform import into_modes, out_of_modes

FIRST_SUM, SECOND_SUM = range(2)  # of each column: one is read while the other is made


# ---------------------------------------------------------------------- sums
@row
def sum_column(i, lanes, planes, n_voxels, a, which):
    """Sum number ``which`` over column ``i``: of plane ``a``."""
    k, x, first, gap, n = column_at(i, lanes)
    if int(lanes.where[ACTIVE, k]) == 0:
        return
    total = 0.0
    for r in range(n):
        total += planes[a * n_voxels + first + r * gap]
    keep_sum(total, k, x, which, lanes)


@row
def product_column(i, lanes, planes, n_voxels, a, b, which):
    """Sum number ``which`` over column ``i``: of the products of planes ``a`` and ``b``."""
    k, x, first, gap, n = column_at(i, lanes)
    if int(lanes.where[ACTIVE, k]) == 0:
        return
    total = 0.0
    for r in range(n):
        total += planes[a * n_voxels + first + r * gap] * planes[b * n_voxels + first + r * gap]
    keep_sum(total, k, x, which, lanes)


@row
def residual_column(i, lanes, planes, narrow, n_voxels):
    """Sum number FIRST_SUM over column ``i``: of the products of the residual and what the preconditioner makes of it."""
    k, x, first, gap, n = column_at(i, lanes)
    if int(lanes.where[ACTIVE, k]) == 0:
        return
    total = 0.0
    for r in range(n):
        at = first + r * gap
        total += planes[RESIDUAL * n_voxels + at] * start_at(at, narrow, n_voxels)
    keep_sum(total, k, x, FIRST_SUM, lanes)


@row
def start_at(i, narrow, n_voxels):
    """The preconditioned residual at voxel ``i``."""
    return float(narrow[SCALING * n_voxels + i]) * float(narrow[START * n_voxels + i])


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
def operate(i, k, v, nx, ny, nz, lanes, planes, plane, whole, common):
    """(diagonal + uptake - D lap) p - common at voxel ``i``, p the plane that begins at ``plane``; ``whole``: diagonal + uptake."""
    x, y, z = place_in_grid(v, nx, ny)
    around = int(lanes.where[AROUND, k]) != 0
    around_z = int(lanes.where[AROUND_Z, k]) != 0
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
    out = (whole * planes[at] - common) - lanes.numbers[k, SPREAD_X] * (before + after)
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
    x, y, z = place_in_grid(v, nx, ny)
    held = int(lanes.where[FACES, k])
    around = int(lanes.where[AROUND, k])
    in_y = ends_of(y, ny, around, held)
    in_z = ends_of(z, nz, int(lanes.where[AROUND_Z, k]), held)
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
    y, x, z = place_in_grid(v, ny, nx)
    base = lanes.numbers[k, DIAGONAL] + lanes.numbers[k, MEAN]
    if v == 0 and int(lanes.where[FACES, k]) == 0:
        return 1.0 / (base - lanes.numbers[k, SHARE])
    along_z = lanes.numbers[k, SPREAD_Z] * eigenvalues[int(lanes.where[EIGEN_Z, k]) + z]
    far = along_z + lanes.numbers[k, SPREAD_X] * eigenvalues[int(lanes.where[EIGEN_X, k]) + x]
    return 1.0 / ((base + far) + lanes.numbers[k, SPREAD_Y] * eigenvalues[int(lanes.where[EIGEN_Y, k]) + y])


# ---------------------------------------------------------------------- the implicit step
@row
def prepare_row(i, lanes, planes, narrow, n_voxels, eigenvalues, dt):
    """Right-hand side, scaling, operator and its product with the field at voxel ``i``, and the preconditioner for mode ``i``."""
    k, v, nx, ny, nz = lane_at(i, lanes)
    uptake = planes[UPTAKE * n_voxels + i]
    side = planes[FIELD * n_voxels + i] * (1.0 / dt) + planes[SOURCE * n_voxels + i] + lanes.numbers[k, EXTRA]
    if int(lanes.where[FACES, k]) != 0:
        side -= (lanes.numbers[k, LOSS] + uptake) * lanes.numbers[k, SHIFT]
    whole = uptake + whole_at(k, v, nx, ny, nz, lanes)
    planes[SOURCE * n_voxels + i] = side
    planes[WHOLE * n_voxels + i] = whole
    planes[PRODUCT * n_voxels + i] = operate(i, k, v, nx, ny, nz, lanes, planes, FIELD * n_voxels, whole, lanes.numbers[k, COMMON])
    narrow[SCALING * n_voxels + i] = math.sqrt(lanes.numbers[k, MOST] / (lanes.numbers[k, LEAST] + uptake))
    narrow[INVERSE * n_voxels + i] = inverse_at(k, v, nx, ny, lanes, eigenvalues)


@row
def residual_row(i, lanes, planes, narrow, n_voxels):
    """(Right-hand side - operator times the field)/norm of the right-hand side at voxel ``i``; what the preconditioner takes of it."""
    k = int(lanes.owner[i])
    norm = math.sqrt(add_up_columns(k, FIRST_SUM, lanes))
    unit = 0.0
    if norm > 0.0:
        unit = 1.0 / norm
    if i == int(lanes.where[FIRST, k]):
        lanes.numbers[k, NORM] = norm
    left = (planes[SOURCE * n_voxels + i] - planes[PRODUCT * n_voxels + i]) * unit
    planes[RESIDUAL * n_voxels + i] = left
    narrow[START * n_voxels + i] = float(narrow[SCALING * n_voxels + i]) * left


@row
def arrived_row(k, lanes):
    """Leave lane ``k`` alone once its residual, sum SECOND_SUM of its squares, is small."""
    if int(lanes.where[ACTIVE, k]) != 0 and not add_up_columns(k, SECOND_SUM, lanes) > TOLERANCE * TOLERANCE:
        lanes.where[ACTIVE, k] = 0


# Of every pass of an iteration there are two texts: one thread for a column, which adds up as it goes, and one for a voxel.
@row
def turn(k, writes, lanes, iteration):
    """How much of the last direction of lane ``k`` stays in the next one, from FIRST_SUM, the residual times its preconditioned self."""
    new = add_up_columns(k, FIRST_SUM, lanes)
    if writes:
        lanes.numbers[k, OLD + iteration % 2] = new
    if iteration == 0:
        return 0.0
    return new / lanes.numbers[k, OLD + (iteration + 1) % 2]


@row
def turned(i, planes, narrow, n_voxels, beta, iteration):
    """The next direction at voxel ``i``."""
    start = start_at(i, narrow, n_voxels)
    if iteration > 0:
        start = start + beta * planes[DIRECTION * n_voxels + i]
    planes[DIRECTION * n_voxels + i] = start
    return start


@row
def turn_column(i, lanes, planes, narrow, n_voxels, iteration):
    """The next direction in column ``i``; sum SECOND_SUM of it."""
    k, x, first, gap, n = column_at(i, lanes)
    if n == 0 or int(lanes.where[ACTIVE, k]) == 0:
        return
    beta = turn(k, x == 0, lanes, iteration)
    total = 0.0
    for r in range(n):
        total += turned(first + r * gap, planes, narrow, n_voxels, beta, iteration)
    keep_sum(total, k, x, SECOND_SUM, lanes)


@row
def turn_row(i, lanes, planes, narrow, n_voxels, iteration):
    """The next direction at voxel ``i``."""
    k = int(lanes.owner[i])
    if int(lanes.where[ACTIVE, k]) != 0:
        turned(i, planes, narrow, n_voxels, turn(k, i == int(lanes.where[FIRST, k]), lanes, iteration), iteration)


@row
def common_of(k, lanes):
    """The share of the mean, from SECOND_SUM of the direction of lane ``k``."""
    return lanes.numbers[k, SHARE] * add_up_columns(k, SECOND_SUM, lanes) / voxels_of(k, lanes)


@row
def operated(i, k, lanes, planes, n_voxels, common):
    """The operator times the direction at voxel ``i``."""
    _, v, nx, ny, nz = lane_at(i, lanes)
    found = operate(i, k, v, nx, ny, nz, lanes, planes, DIRECTION * n_voxels, planes[WHOLE * n_voxels + i], common)
    planes[PRODUCT * n_voxels + i] = found
    return found


@row
def operate_column(i, lanes, planes, n_voxels):
    """The operator times the direction in column ``i``; sum FIRST_SUM of its products with the direction."""
    k, x, first, gap, n = column_at(i, lanes)
    if n == 0 or int(lanes.where[ACTIVE, k]) == 0:
        return
    common = common_of(k, lanes)
    total = 0.0
    for r in range(n):
        at = first + r * gap
        total += planes[DIRECTION * n_voxels + at] * operated(at, k, lanes, planes, n_voxels, common)
    keep_sum(total, k, x, FIRST_SUM, lanes)


@row
def operate_row(i, lanes, planes, n_voxels):
    """The operator times the direction at voxel ``i``."""
    k = int(lanes.owner[i])
    if int(lanes.where[ACTIVE, k]) != 0:
        operated(i, k, lanes, planes, n_voxels, common_of(k, lanes))


@row
def far_of(k, lanes, iteration):
    """How far lane ``k`` goes along its direction, from FIRST_SUM, the direction times the operator times the direction."""
    return lanes.numbers[k, OLD + iteration % 2] / add_up_columns(k, FIRST_SUM, lanes)


@row
def descended(i, planes, narrow, n_voxels, far, move):
    """Move the field at voxel ``i`` along the direction to the least error; what is left."""
    planes[FIELD * n_voxels + i] += move * planes[DIRECTION * n_voxels + i]
    left = planes[RESIDUAL * n_voxels + i] - far * planes[PRODUCT * n_voxels + i]
    planes[RESIDUAL * n_voxels + i] = left
    narrow[START * n_voxels + i] = float(narrow[SCALING * n_voxels + i]) * left
    return left


@row
def descend_column(i, lanes, planes, narrow, n_voxels, iteration):
    """Move the field in column ``i``; sum SECOND_SUM of the squares of what is left."""
    k, x, first, gap, n = column_at(i, lanes)
    if n == 0 or int(lanes.where[ACTIVE, k]) == 0:
        return
    far = far_of(k, lanes, iteration)
    move = far * lanes.numbers[k, NORM]
    total = 0.0
    for r in range(n):
        left = descended(first + r * gap, planes, narrow, n_voxels, far, move)
        total += left * left
    keep_sum(total, k, x, SECOND_SUM, lanes)


@row
def descend_row(i, lanes, planes, narrow, n_voxels, iteration):
    """Move the field at voxel ``i``."""
    k = int(lanes.owner[i])
    if int(lanes.where[ACTIVE, k]) != 0:
        far = far_of(k, lanes, iteration)
        descended(i, planes, narrow, n_voxels, far, far * lanes.numbers[k, NORM])


def still_active(backend: Any, batch: Batch) -> bool:
    """Whether any lane has not arrived."""
    backend.each(arrived_row, batch.n, batch.lanes)
    return bool(backend.read(slice(ACTIVE, ACTIVE + 1), batch.lanes.where)[0].any())


def iterate(backend: Any, batch: Batch, planes: Any, narrow: Any, iteration: int) -> None:
    """One iteration of conjugate gradients, from the preconditioned residual on."""
    lanes, columns, voxels = batch.lanes, batch.n_columns, batch.n_voxels
    backend.each(residual_column, columns, lanes, planes, narrow, voxels)
    if batch.long:
        backend.each(turn_row, voxels, lanes, planes, narrow, voxels, iteration)
        backend.each(sum_column, columns, lanes, planes, voxels, DIRECTION, SECOND_SUM)
        backend.each(operate_row, voxels, lanes, planes, voxels)
        backend.each(product_column, columns, lanes, planes, voxels, DIRECTION, PRODUCT, FIRST_SUM)
        backend.each(descend_row, voxels, lanes, planes, narrow, voxels, iteration)
        backend.each(product_column, columns, lanes, planes, voxels, RESIDUAL, RESIDUAL, SECOND_SUM)
    else:
        backend.each(turn_column, columns, lanes, planes, narrow, voxels, iteration)
        backend.each(operate_column, columns, lanes, planes, voxels)
        backend.each(descend_column, columns, lanes, planes, narrow, voxels, iteration)


def implicit_lanes(backend: Any, batch: Batch, planes: Any, narrow: Any, modes: Any, eigenvalues: Any, dt: float) -> None:
    """Backward Euler for all lanes of a batch, as ``solver.implicit_step``; ``modes`` is float32."""
    lanes, columns, voxels = batch.lanes, batch.n_columns, batch.n_voxels
    backend.each(prepare_row, voxels, lanes, planes, narrow, voxels, eigenvalues, dt)
    backend.each(product_column, columns, lanes, planes, voxels, SOURCE, SOURCE, FIRST_SUM)
    backend.each(residual_row, voxels, lanes, planes, narrow, voxels)
    backend.each(product_column, columns, lanes, planes, voxels, RESIDUAL, RESIDUAL, SECOND_SUM)
    iteration = 0
    while still_active(backend, batch) and iteration < MAX_ITERATIONS:
        here = into_modes(backend, batch, narrow, modes, 1, TURNED, INVERSE)
        out_of_modes(backend, batch, narrow, modes, here, TURNED)
        iterate(backend, batch, planes, narrow, iteration)
        iteration += 1


# ---------------------------------------------------------------------- the exponential step
@row
def faces_row(i, lanes, planes, n_voxels):
    """Take what held faces lose by decay off the source at voxel ``i``."""
    k = int(lanes.owner[i])
    if int(lanes.where[FACES, k]) != 0:
        planes[SOURCE * n_voxels + i] -= lanes.numbers[k, EXTRA]


@row
def relax_row(i, lanes, planes, n_voxels, plane, eigenvalues, dt):
    """Mode ``i`` of the field, in ``plane``, and of the source, in the plane after it: a = e^(-m dt) a + (1 - e^(-m dt))/m b."""
    k, v, nx, ny, nz = lane_at(i, lanes)
    y, x, z = place_in_grid(v, ny, nx)
    numbers = lanes.numbers
    along_x = numbers[k, SPREAD_X] * eigenvalues[int(lanes.where[EIGEN_X, k]) + x]
    m0 = (numbers[k, RATE] + numbers[k, SPREAD_Z] * eigenvalues[int(lanes.where[EIGEN_Z, k]) + z]) + along_x
    rate = numbers[k, SPREAD_Y] * eigenvalues[int(lanes.where[EIGEN_Y, k]) + y]
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
