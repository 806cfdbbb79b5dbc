"""The linear algebra of the fields: the implicit step (the exponential one is in ``space/solver_modes.py``).

All functions take plain arrays and scalars. Fields of one grid lie side by side as lanes of *planes*
(``space/solver_lines.py``). ``planes`` is one float64 array of planes of ``size`` each: 0 field, 1 source and then residual,
2 uptake and then the diagonal of the operator, 3 direction, 4 operator times direction. ``narrow`` is a float32 array of
planes of the preconditioner: 0 and 1 work space, 2 inverse of the modes, 3 scaling. Both may hold anything before.
"""

from __future__ import annotations

import math

from mitoferry.core.row import row
from mitoferry.space.solver_lines import (
    ACTIVE,
    COLUMNS,
    DIAGONAL,
    EXTRA,
    LEFT,
    LENGTH,
    LOSS,
    MEAN,
    NEW,
    NORM,
    OLD,
    SHIFT,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    clear_columns,
    close_columns,
    spread_line,
    sum_plane,
)
from mitoferry.space.solver_modes import INVERSE, SCALING, START, make_inverse, precondition
from mitoferry.space.solver_operator import add_products, apply_operator, make_common, make_whole

IMPLICIT_PLANES = 5
FIELD, SOURCE, UPTAKE, DIRECTION, PRODUCT = range(IMPLICIT_PLANES)
RESIDUAL, WHOLE = SOURCE, UPTAKE  # what becomes of these planes

TOLERANCE = 1e-5  # of the norm of the residual, relative to that of the right-hand side
MAX_ITERATIONS = 40


@row
def right_side(field, source, extra, length, per_step):
    """Source becomes field/dt + source + extra along a row; ``per_step`` = 1/dt."""
    for j in range(length):
        source[j] = field[j] * per_step + source[j] + extra[j]


@row
def less_shift(side, uptake, loss, shift, length):
    """Side -= (loss + uptake) shift along a row."""
    for j in range(length):
        side[j] -= (loss[j] + uptake[j]) * shift[j]


@row
def scale_row(scaling, uptake, mean, least, length):
    """Float32 sqrt(mean/(least + uptake)) along a row."""
    for j in range(length):
        scaling[j] = math.sqrt(mean[j] / (least[j] + uptake[j]))


@row
def norm_of_side(side, rows, nx, width, lines):
    """Line NORM: norm of the right-hand side per lane."""
    length = nx * width
    columns = lines[COLUMNS]
    clear_columns(lines, length)
    for r in range(rows):
        p = side[r * length : r * length + length]
        add_products(columns, p, p, length)
    close_columns(lines, nx, width, NORM)
    for k in range(width):
        lines[NORM, k] = math.sqrt(lines[NORM, k])
        lines[OLD, k] = 0.0
        if lines[NORM, k] > 0.0:
            lines[OLD, k] = 1.0 / lines[NORM, k]
        lines[ACTIVE, k] = 1.0
    spread_line(lines, OLD, length, width)


@row
def reduce_row(left, product, unit, columns, length):
    """Left = (left - product) unit for a row of voxels, its square added to the columns."""
    for j in range(length):
        left[j] = (left[j] - product[j]) * unit[j]
        columns[j] += left[j] * left[j]


@row
def first_residual(residual, product, rows, nx, width, lines):
    """Residual = (right-hand side - operator times the field)/norm of the right-hand side; its square to line LEFT.

    In this unit neither the float32 numbers of the preconditioner nor products can leave their range.
    """
    length = nx * width
    columns = lines[COLUMNS]
    unit = lines[OLD]
    clear_columns(lines, length)
    for r in range(rows):
        left = residual[r * length : r * length + length]
        q = product[r * length : r * length + length]
        reduce_row(left, q, unit, columns, length)
    close_columns(lines, nx, width, LEFT)


@row
def step_row(left, product, far, columns, length):
    """Left -= far product for a row of voxels, its square added to the columns."""
    for j in range(length):
        left[j] -= far[j] * product[j]
        columns[j] += left[j] * left[j]


@row
def descend(field, direction, product, residual, rows, nx, width, lines):
    """Move the field along the direction to the least error, lanes that have arrived not at all."""
    length = nx * width
    for k in range(width):
        far = 0.0
        if lines[ACTIVE, k] > 0.0:
            far = lines[OLD, k] / lines[LENGTH, k]
        lines[LENGTH, k] = far
        lines[NEW, k] = far * lines[NORM, k]
    spread_line(lines, LENGTH, length, width)
    spread_line(lines, NEW, length, width)
    far_line = lines[LENGTH]
    whole_line = lines[NEW]
    columns = lines[COLUMNS]
    clear_columns(lines, length)
    for r in range(rows):
        at = r * length
        here = field[at : at + length]
        p = direction[at : at + length]
        add_products(here, whole_line, p, length)
        q = product[at : at + length]
        left = residual[at : at + length]
        step_row(left, q, far_line, columns, length)
    close_columns(lines, nx, width, LEFT)


@row
def add_scaled(columns, left, scaling, start, length):
    """Columns += left scaling start for a row of voxels."""
    for j in range(length):
        columns[j] += left[j] * (float(scaling[j]) * float(start[j]))


@row
def begin_row(p, scaling, start, columns, length):
    """P = scaling start for a row of voxels, added to the columns."""
    for j in range(length):
        p[j] = float(scaling[j]) * float(start[j])
        columns[j] += p[j]


@row
def turn_row(p, scaling, start, beta, columns, length):
    """P = scaling start + beta p for a row of voxels, added to the columns."""
    for j in range(length):
        p[j] = float(scaling[j]) * float(start[j]) + beta[j] * p[j]
        columns[j] += p[j]


@row
def new_direction(direction, residual, narrow, size, rows, nx, width, lines, first):
    """Direction = preconditioned residual + beta direction; its sum to line NEW."""
    length = nx * width
    start = narrow[START * size : START * size + size]
    scaling = narrow[SCALING * size : SCALING * size + size]
    columns = lines[COLUMNS]
    clear_columns(lines, length)
    for r in range(rows):
        at = r * length
        s = scaling[at : at + length]
        z = start[at : at + length]
        left = residual[at : at + length]
        add_scaled(columns, left, s, z, length)
    close_columns(lines, nx, width, NEW)
    for k in range(width):
        lines[LENGTH, k] = 0.0
        if not first and lines[ACTIVE, k] > 0.0:
            lines[LENGTH, k] = lines[NEW, k] / lines[OLD, k]
        lines[OLD, k] = lines[NEW, k]
    spread_line(lines, LENGTH, length, width)
    beta = lines[LENGTH]
    clear_columns(lines, length)
    for r in range(rows):
        at = r * length
        s = scaling[at : at + length]
        z = start[at : at + length]
        p = direction[at : at + length]
        if first:
            begin_row(p, s, z, columns, length)
        else:
            turn_row(p, s, z, beta, columns, length)
    close_columns(lines, nx, width, NEW)


@row
def prepare_step(shape, width, held, planes, narrow, size, lines, dt):
    """Right-hand side, scaling S = sqrt(mean(q)/q), q = diagonal + uptake + half the diagonal of -D lap, and what it takes.

    Where cells take up much faster than diffusion brings, the uptake of a voxel is far from the mean; scaled by S from
    both sides the operator looks even again (half as many iterations in a monolayer without oxygen).
    """
    nx = shape[0]
    rows = shape[1] * shape[2]
    length = nx * width
    for k in range(width):
        for axis in range(3):
            if shape[axis] == 1:
                lines[SPREAD_X + axis, k] = 0.0
    longest = max(nx, shape[1]) * width
    for which in (SPREAD_X, SPREAD_Y, SPREAD_Z, EXTRA, LOSS, SHIFT):
        spread_line(lines, which, longest, width)
    sum_plane(planes[UPTAKE * size : UPTAKE * size + size], rows, nx, width, lines, MEAN)
    for k in range(width):
        lines[MEAN, k] = lines[MEAN, k] / (nx * rows)
        lines[OLD, k] = ((lines[DIAGONAL, k] + lines[SPREAD_X, k]) + lines[SPREAD_Y, k]) + lines[SPREAD_Z, k]
        lines[NEW, k] = lines[OLD, k] + lines[MEAN, k]
    spread_line(lines, OLD, length, width)
    spread_line(lines, NEW, length, width)
    for r in range(rows):
        at = r * length
        field = planes[FIELD * size + at : FIELD * size + at + length]
        side = planes[SOURCE * size + at : SOURCE * size + at + length]
        uptake = planes[UPTAKE * size + at : UPTAKE * size + at + length]
        right_side(field, side, lines[EXTRA], length, 1.0 / dt)
        if held != 0:
            less_shift(side, uptake, lines[LOSS], lines[SHIFT], length)
        scale_row(narrow[SCALING * size + at : SCALING * size + at + length], uptake, lines[NEW], lines[OLD], length)


@row
def implicit_step(shape, width, held, periodic, around_z, modes_at, eigen_at, modes, eigenvalues, planes, narrow, size, lines, dt):
    """Backward Euler: planes 0 (field), 1 (source), 2 (uptake) to plane 0, by preconditioned conjugate gradients.

    Solves (diagonal + uptake - D lap - share mean) c = c/dt + source + extra - (loss + uptake) shift for every lane;
    a lane that has reached its tolerance stays as it is. ``modes`` is float32.
    """
    nx = shape[0]
    rows = shape[1] * shape[2]
    length = nx * width
    field = planes[FIELD * size : FIELD * size + size]
    residual = planes[RESIDUAL * size : RESIDUAL * size + size]
    whole = planes[WHOLE * size : WHOLE * size + size]
    direction = planes[DIRECTION * size : DIRECTION * size + size]
    product = planes[PRODUCT * size : PRODUCT * size + size]
    prepare_step(shape, width, held, planes, narrow, size, lines, dt)
    norm_of_side(residual, rows, nx, width, lines)
    make_whole(shape, width, held, periodic, around_z, whole, lines)
    sum_plane(field, rows, nx, width, lines, NEW)
    active = width
    iteration = 0
    while active > 0 and iteration <= MAX_ITERATIONS:
        make_common(lines, nx * rows, length, width)
        apply_operator(shape, width, periodic, around_z, field if iteration == 0 else direction, whole, product, lines)
        if iteration == 0:
            first_residual(residual, product, rows, nx, width, lines)
        else:
            descend(field, direction, product, residual, rows, nx, width, lines)
        active = 0
        for k in range(width):
            if lines[ACTIVE, k] > 0.0 and lines[LEFT, k] > TOLERANCE * TOLERANCE:
                active += 1
            else:
                lines[ACTIVE, k] = 0.0
        if active > 0:
            if iteration == 0:
                inverse = narrow[INVERSE * size : INVERSE * size + size]
                make_inverse(shape, width, held, eigen_at, eigenvalues, inverse, lines)
            precondition(shape, width, modes_at, modes, residual, narrow, size)
            new_direction(direction, residual, narrow, size, rows, nx, width, lines, iteration == 0)
        iteration += 1
