"""The linear algebra of the fields: the exponential and the implicit step.

All functions take plain arrays and scalars. A *plane* holds several fields of one well, its *lanes*, side by side:
``plane[((z ny + y) nx + x) width + lane]``, float64. What is done to a lane does not depend on the others, so species
may be grouped in any way; together they fill the vector registers. ``planes`` is one array of planes of ``size`` each:
0 field, 1 source, 2 and 3 work space, 4 uptake, 5 residual, 6 direction, 7 operator times direction, 8 scaling.

Modes are kept with the axes x and y exchanged (``space/transform.py``). Inner loops run along contiguous memory so that
compilers vectorise them; coefficients that differ between lanes are spread over *lines* as long as a row of the grid.
The order of every sum is fixed.
"""

from __future__ import annotations

import math

from mitoferry.core.lanes import lane
from mitoferry.core.maths import exp
from mitoferry.core.row import row
from mitoferry.space.transform import into_modes

EXPLICIT_PLANES = 4
IMPLICIT_PLANES = 9
FIELD, SOURCE, SPARE, OTHER, UPTAKE, RESIDUAL, DIRECTION, PRODUCT, SCALING = range(9)

# lines: coefficients spread over a row of the grid, sums of columns, and numbers per lane
(
    SPREAD_X, SPREAD_Y, SPREAD_Z, DIAGONAL, COMMON, EXTRA, LOSS, SHIFT, COLUMNS, LENGTH,
    RATE, SHARE, MEAN, GOAL, LEFT, OLD, NEW, ACTIVE, N_LINES,
) = range(19)  # fmt: skip

TOLERANCE = 1e-5  # of the norm of the residual, relative to that of the right-hand side
MAX_ITERATIONS = 40


@row
def scale_modes(shape, width, first, eigenvalues, a, b, lines, dt):
    """Exponential step of all modes m: a = e^(-m dt) a + (1 - e^(-m dt))/m b. Rates per lane are in ``lines``."""
    nx, ny, nz = shape
    along = lines[COLUMNS]
    for y in range(ny):
        for k in range(width):
            along[y * width + k] = exp(-lines[SPREAD_Y, k] * eigenvalues[first[1] + y] * dt)
    v = 0
    for z in range(nz):
        for x in range(nx):
            for k in range(width):
                m = (lines[RATE, k] + lines[SPREAD_Z, k] * eigenvalues[first[2] + z]) + lines[SPREAD_X, k] * eigenvalues[first[0] + x]
                lines[NEW, k] = m
                lines[OLD, k] = exp(-m * dt)
            for y in range(ny):
                high = eigenvalues[first[1] + y]
                at = y * width
                for k in range(width):
                    m = lines[NEW, lane(k, 0)] + lines[SPREAD_Y, lane(k, 0)] * high
                    e = lines[OLD, lane(k, 0)] * along[lane(at, k)]
                    small = dt * (1.0 - 0.5 * m * dt)
                    phi = (1.0 - e) / max(m, 1e-300)
                    if m * dt <= 1e-6:
                        phi = small
                    a[lane(v, k)] = e * a[lane(v, k)] + phi * b[lane(v, k)]
                v += width


@row
def exponential_step(shape, width, modes_at, eigen_at, modes, eigenvalues, planes, size, lines, dt):
    """Exact step: planes 0 (field) and 1 (source) to plane 0. Lanes with a mean >= 0 in ``lines`` have mode 0 set to it."""
    nx, ny, nz = shape
    a = FIELD
    other = OTHER
    b = SOURCE
    for turn in range(3):  # source, then field into the modes, then the field back: one place that calls the transform
        inverse = 1 if turn == 2 else 0
        here = SOURCE if turn == 0 else a
        spare = SPARE if turn == 0 else other
        here, spare = into_modes(shape, width, modes_at, inverse, planes, size, here, spare, modes)
        if turn == 0:
            b = here
        else:
            a = here
            other = spare
        if turn == 1:
            scale_modes(
                shape, width, eigen_at, eigenvalues, planes[a * size : a * size + size], planes[b * size : b * size + size], lines, dt
            )
            for k in range(width):
                if lines[MEAN, k] >= 0.0:
                    planes[a * size + k] = lines[MEAN, k] * math.sqrt(float(nx * ny * nz))


@row
def sum_lanes(a, b, rows, length, width, lines, into):
    """lines[into, lane] = sum over voxels of a b."""
    columns = lines[COLUMNS]
    for j in range(length):
        columns[j] = 0.0
    for r in range(rows):
        p = a[r * length : r * length + length]
        q = b[r * length : r * length + length]
        for j in range(length):
            columns[j] += p[j] * q[j]
    for k in range(width):
        total = 0.0
        for x in range(k, length, width):
            total += columns[x]
        lines[into, k] = total


@row
def sum_plane(a, rows, length, width, lines, into):
    """lines[into, lane] = sum over voxels of a."""
    columns = lines[COLUMNS]
    for j in range(length):
        columns[j] = 0.0
    for r in range(rows):
        p = a[r * length : r * length + length]
        for j in range(length):
            columns[j] += p[j]
    for k in range(width):
        total = 0.0
        for x in range(k, length, width):
            total += columns[x]
        lines[into, k] = total


@row
def spread_line(lines, which, length, width):
    """Repeat the numbers of the lanes along a line."""
    line = lines[which]
    for j in range(width, length):
        line[j] = line[j - width]


@row
def add_neighbour(q, c, other, spread, length):
    """Q -= spread (other - c) for a row of voxels."""
    for j in range(length):
        q[j] -= spread[j] * (other[j] - c[j])


@row
def add_border(q, c, spread, length, held):
    """The same at a border without a voxel beyond: nothing passes a wall; a held face is a mirror image of opposite sign."""
    if held != 0:
        for j in range(length):
            q[j] += 2.0 * spread[j] * c[j]


@row
def apply_operator(shape, width, held, periodic, around_z, p, uptake, q, lines):
    """Q = (diagonal + uptake - D lap) p - share mean(p)."""
    nx, ny, nz = shape
    length = nx * width
    rows = ny * nz
    sum_plane(p, rows, length, width, lines, COMMON)
    for k in range(width):
        lines[COMMON, k] = lines[SHARE, k] * lines[COMMON, k] / (nx * rows)
    spread_line(lines, COMMON, length, width)
    diagonal = lines[DIAGONAL]
    common = lines[COMMON]
    along = lines[SPREAD_X]
    for r in range(rows):
        z = r // ny
        y = r - z * ny
        at = r * length
        c = p[at : at + length]
        out = q[at : at + length]
        u = uptake[at : at + length]
        for j in range(length):
            out[j] = (diagonal[j] + u[j]) * c[j] - common[j]
        if nx > 1:
            inner = length - width
            add_neighbour(out[width:length], c[width:length], c[0:inner], along, inner)
            add_neighbour(out[0:inner], c[0:inner], c[width:length], along, inner)
            if periodic != 0:
                add_neighbour(out[0:width], c[0:width], c[inner:length], along, width)
                add_neighbour(out[inner:length], c[inner:length], c[0:width], along, width)
            else:
                add_border(out[0:width], c[0:width], along, width, held)
                add_border(out[inner:length], c[inner:length], along, width, held)
        for axis in range(1, 3):
            n = ny if axis == 1 else nz
            here = y if axis == 1 else z
            stride = length if axis == 1 else length * ny
            around = periodic if axis == 1 else around_z
            spread = lines[SPREAD_Y if axis == 1 else SPREAD_Z]
            if n > 1:
                for side in range(2):
                    there = here + 2 * side - 1
                    inside = there >= 0 and there < n
                    if inside or around != 0:
                        there = (there + n) % n
                        beside = at + (there - here) * stride
                        add_neighbour(out, c, p[beside : beside + length], spread, length)
                    else:
                        add_border(out, c, spread, length, held)


@row
def precondition(shape, width, held, modes_at, eigen_at, modes, eigenvalues, planes, size, lines):
    """Plane 2 = S (diagonal + mean uptake - D lap - share mean)^-1 S residual, S the scaling. Plane 3 is work space."""
    nx, ny, nz = shape
    residual = planes[RESIDUAL * size : RESIDUAL * size + size]
    scaling = planes[SCALING * size : SCALING * size + size]
    start = planes[SPARE * size : SPARE * size + size]
    for v in range(size):
        start[v] = scaling[v] * residual[v]
    a = SPARE
    other = OTHER
    for inverse in range(2):
        a, other = into_modes(shape, width, modes_at, inverse, planes, size, a, other, modes)
        if inverse == 0:
            here = planes[a * size : a * size + size]
            for k in range(width):
                lines[NEW, k] = here[k]
            v = 0
            for z in range(nz):
                for x in range(nx):
                    for k in range(width):
                        far = lines[SPREAD_Z, k] * eigenvalues[eigen_at[2] + z] + lines[SPREAD_X, k] * eigenvalues[eigen_at[0] + x]
                        lines[LENGTH, k] = (lines[DIAGONAL, k] + lines[MEAN, k]) + far
                    for y in range(ny):
                        high = eigenvalues[eigen_at[1] + y]
                        for k in range(width):
                            m = lines[LENGTH, lane(k, 0)] + lines[SPREAD_Y, lane(k, 0)] * high
                            here[lane(v, k)] = here[lane(v, k)] / m
                        v += width
            if held == 0:
                for k in range(width):
                    here[k] = lines[NEW, k] / (lines[DIAGONAL, k] + lines[MEAN, k] - lines[SHARE, k])
    for v in range(size):
        start[v] = scaling[v] * start[v]


@row
def make_scaling(shape, width, planes, size, lines):
    """Plane 8: S = sqrt(mean(q)/q), q = diagonal + uptake + half the diagonal of -D lap.

    Where cells take up much faster than diffusion brings, the uptake of a voxel is far from the mean; scaled by S from
    both sides the operator looks even again (half as many iterations in a monolayer without oxygen).
    """
    length = shape[0] * width
    rows = shape[1] * shape[2]
    for k in range(width):
        near = 0.0
        for axis in range(3):
            if shape[axis] > 1:
                near += lines[SPREAD_X + axis, k]
        lines[OLD, k] = lines[DIAGONAL, k] + near
        lines[NEW, k] = lines[OLD, k] + lines[MEAN, k]
    spread_line(lines, OLD, length, width)
    spread_line(lines, NEW, length, width)
    least = lines[OLD]
    mean = lines[NEW]
    for r in range(rows):
        at = r * length
        uptake = planes[UPTAKE * size + at : UPTAKE * size + at + length]
        scaling = planes[SCALING * size + at : SCALING * size + at + length]
        for j in range(length):
            scaling[j] = math.sqrt(mean[j] / (least[j] + uptake[j]))


@row
def begin_residual(shape, width, planes, size, lines, dt):
    """Residual = right-hand side - operator times the field; norms of both to lines GOAL and LEFT."""
    length = shape[0] * width
    rows = shape[1] * shape[2]
    residual = planes[RESIDUAL * size : RESIDUAL * size + size]
    product = planes[PRODUCT * size : PRODUCT * size + size]
    extra = lines[EXTRA]
    loss = lines[LOSS]
    shift = lines[SHIFT]
    for r in range(rows):
        at = r * length
        field = planes[FIELD * size + at : FIELD * size + at + length]
        source = planes[SOURCE * size + at : SOURCE * size + at + length]
        uptake = planes[UPTAKE * size + at : UPTAKE * size + at + length]
        out = residual[at : at + length]
        for j in range(length):
            out[j] = field[j] / dt + source[j] + extra[j] - (loss[j] + uptake[j]) * shift[j]
    sum_lanes(residual, residual, rows, length, width, lines, GOAL)
    for v in range(size):
        residual[v] -= product[v]
    sum_lanes(residual, residual, rows, length, width, lines, LEFT)
    for k in range(width):
        lines[GOAL, k] = TOLERANCE * TOLERANCE * lines[GOAL, k]
        lines[ACTIVE, k] = 1.0


@row
def descend(shape, width, planes, size, lines):
    """Move the field along the direction to the least error, lanes that have arrived not at all."""
    length = shape[0] * width
    rows = shape[1] * shape[2]
    direction = planes[DIRECTION * size : DIRECTION * size + size]
    product = planes[PRODUCT * size : PRODUCT * size + size]
    residual = planes[RESIDUAL * size : RESIDUAL * size + size]
    sum_lanes(direction, product, rows, length, width, lines, LENGTH)
    for k in range(width):
        far = 0.0
        if lines[ACTIVE, k] > 0.0:
            far = lines[OLD, k] / lines[LENGTH, k]
        lines[LENGTH, k] = far
    spread_line(lines, LENGTH, length, width)
    far_line = lines[LENGTH]
    for r in range(rows):
        at = r * length
        field = planes[FIELD * size + at : FIELD * size + at + length]
        p = direction[at : at + length]
        q = product[at : at + length]
        left = residual[at : at + length]
        for j in range(length):
            field[j] += far_line[j] * p[j]
            left[j] -= far_line[j] * q[j]
    sum_lanes(residual, residual, rows, length, width, lines, LEFT)


@row
def new_direction(shape, width, planes, size, lines, first):
    """Direction = preconditioned residual + beta direction."""
    length = shape[0] * width
    rows = shape[1] * shape[2]
    fresh = planes[SPARE * size : SPARE * size + size]
    direction = planes[DIRECTION * size : DIRECTION * size + size]
    sum_lanes(planes[RESIDUAL * size : RESIDUAL * size + size], fresh, rows, length, width, lines, NEW)
    for k in range(width):
        beta = 0.0
        if not first and lines[ACTIVE, k] > 0.0:
            beta = lines[NEW, k] / lines[OLD, k]
        lines[OLD, k] = lines[NEW, k]
        lines[LENGTH, k] = beta
    spread_line(lines, LENGTH, length, width)
    beta_line = lines[LENGTH]
    for r in range(rows):
        p = direction[r * length : r * length + length]
        z = fresh[r * length : r * length + length]
        for j in range(length):
            p[j] = z[j] + beta_line[j] * p[j]


@row
def implicit_step(shape, width, held, periodic, around_z, modes_at, eigen_at, modes, eigenvalues, planes, size, lines, dt):
    """Backward Euler: planes 0 (field), 1 (source), 4 (uptake) to plane 0, by preconditioned conjugate gradients.

    Solves (diagonal + uptake - D lap - share mean) c = c/dt + source + extra - (loss + uptake) shift for every lane;
    a lane that has reached its tolerance stays as it is.
    """
    length = shape[0] * width
    rows = shape[1] * shape[2]
    uptake = planes[UPTAKE * size : UPTAKE * size + size]
    direction = planes[DIRECTION * size : DIRECTION * size + size]
    product = planes[PRODUCT * size : PRODUCT * size + size]
    for which in (SPREAD_X, SPREAD_Y, SPREAD_Z, DIAGONAL, EXTRA, LOSS, SHIFT):
        spread_line(lines, which, length, width)
    sum_plane(uptake, rows, length, width, lines, MEAN)
    for k in range(width):
        lines[MEAN, k] = lines[MEAN, k] / (shape[0] * rows)
    make_scaling(shape, width, planes, size, lines)
    for v in range(size):
        direction[v] = planes[FIELD * size + v]
    active = width
    iteration = 0
    while active > 0 and iteration <= MAX_ITERATIONS:
        apply_operator(shape, width, held, periodic, around_z, direction, uptake, product, lines)
        if iteration == 0:
            begin_residual(shape, width, planes, size, lines, dt)
        else:
            descend(shape, width, planes, size, lines)
        active = 0
        for k in range(width):
            if lines[ACTIVE, k] > 0.0 and lines[LEFT, k] > lines[GOAL, k]:
                active += 1
            else:
                lines[ACTIVE, k] = 0.0
        if active > 0:
            precondition(shape, width, held, modes_at, eigen_at, modes, eigenvalues, planes, size, lines)
            new_direction(shape, width, planes, size, lines, iteration == 0)
        iteration += 1
