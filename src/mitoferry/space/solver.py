"""The linear algebra of the fields: transforms into the modes of the grid, the exponential and the implicit step.

All functions take plain arrays and scalars. A field is a *plane*: a row of float64 voxels, x fastest. The transform of
an axis first adds and subtracts the two halves of the axis, which parts even from odd modes, then multiplies each with
a small matrix; inner loops run along contiguous memory so that compilers vectorise them, and the order of every sum is
fixed.

Planes: 0 field, 1 source, 2 uptake, 3 residual, 4 preconditioned residual, 5 direction, 6 operator times direction,
7 work space.
"""

from __future__ import annotations

import math

from mitoferry.core.maths import exp
from mitoferry.core.row import row

N_PLANES = 8
TOLERANCE = 1e-5  # of the norm of the residual, relative to that of the right-hand side
MAX_ITERATIONS = 40


@row
def fold_x(plane, n, rows):
    """Replace voxel i and its mirror image by their sum and difference, in ``rows`` rows of ``n`` voxels."""
    for r in range(rows):
        a = plane[r * n : r * n + n]
        for i in range(n // 2):
            total = a[i] + a[n - 1 - i]
            a[n - 1 - i] = a[i] - a[n - 1 - i]
            a[i] = total


@row
def fold_far(plane, n, base, length):
    """As :func:`fold_x` for an axis of ``n`` rows of ``length`` voxels that begin at ``base``."""
    for i in range(n // 2):
        a = plane[base + i * length : base + i * length + length]
        b = plane[base + (n - 1 - i) * length : base + (n - i) * length]
        for x in range(length):
            total = a[x] + b[x]
            b[x] = a[x] - b[x]
            a[x] = total


@row
def transform_x(source, target, matrix, first, n, stride, rows):
    """target[r, k] = sum_i source[r, i] matrix[i, k] for the ``n`` voxels from ``first`` of rows of ``stride`` voxels."""
    for r in range(rows):
        a = source[first + r * stride : first + r * stride + n]
        b = target[first + r * stride : first + r * stride + n]
        for k in range(n):
            b[k] = 0.0
        i = 0
        while i + 3 < n:
            a0 = a[i]
            a1 = a[i + 1]
            a2 = a[i + 2]
            a3 = a[i + 3]
            m0 = matrix[i * n : i * n + n]
            m1 = matrix[i * n + n : i * n + 2 * n]
            m2 = matrix[i * n + 2 * n : i * n + 3 * n]
            m3 = matrix[i * n + 3 * n : i * n + 4 * n]
            for k in range(n):
                b[k] = b[k] + ((a0 * m0[k] + a1 * m1[k]) + (a2 * m2[k] + a3 * m3[k]))
            i += 4
        while i < n:
            a0 = a[i]
            m0 = matrix[i * n : i * n + n]
            for k in range(n):
                b[k] = b[k] + a0 * m0[k]
            i += 1


@row
def transform_far(source, target, matrix, n, base, length):
    """target[k, :] = sum_i matrix[i, k] source[i, :] for ``n`` rows of ``length`` voxels that begin at ``base``."""
    for k in range(n):
        b = target[base + k * length : base + k * length + length]
        for x in range(length):
            b[x] = 0.0
        i = 0
        while i + 3 < n:
            m0 = matrix[i * n + k]
            m1 = matrix[i * n + n + k]
            m2 = matrix[i * n + 2 * n + k]
            m3 = matrix[i * n + 3 * n + k]
            first = base + i * length
            a0 = source[first : first + length]
            a1 = source[first + length : first + 2 * length]
            a2 = source[first + 2 * length : first + 3 * length]
            a3 = source[first + 3 * length : first + 4 * length]
            for x in range(length):
                b[x] = b[x] + ((a0[x] * m0 + a1[x] * m1) + (a2[x] * m2 + a3[x] * m3))
            i += 4
        while i < n:
            m0 = matrix[i * n + k]
            a0 = source[base + i * length : base + i * length + length]
            for x in range(length):
                b[x] = b[x] + a0[x] * m0
            i += 1


@row
def into_modes(shape, at, inverse, planes, a, b, modes):
    """Transform plane ``a`` along all axes, with plane ``b`` as work space.

    Args:
        shape: (nx, ny, nz).
        at: where the modes of the three axes begin in ``modes``.
        inverse: 0 into the modes, 1 back.
        planes: float64 [plane, voxel].
        a: plane to transform.
        b: plane of work space.
        modes: float64, all modes.

    Returns:
        (plane that holds the result, the other plane).
    """
    nx, ny, nz = shape
    if nx > 1:
        even = (nx + 1) // 2
        odd = nx // 2
        size = even * even + odd * odd
        first = at[0] + inverse * size
        if inverse == 0:
            fold_x(planes[a], nx, ny * nz)
        for part in range(2):
            n = odd if part == 1 else even
            m = first + part * even * even
            transform_x(planes[a], planes[b], modes[m : m + n * n], part * even, n, nx, ny * nz)
        if inverse != 0:
            fold_x(planes[b], nx, ny * nz)
        a, b = b, a
    for axis in range(1, 3):
        length = nx * ny if axis == 2 else nx
        whole = nz if axis == 2 else ny
        count = 1 if axis == 2 else nz
        first = at[2] if axis == 2 else at[1]
        if whole > 1:
            even = (whole + 1) // 2
            odd = whole // 2
            first = first + inverse * (even * even + odd * odd)
            for z in range(count):
                base = z * whole * length
                if inverse == 0:
                    fold_far(planes[a], whole, base, length)
                for part in range(2):
                    n = odd if part == 1 else even
                    m = first + part * even * even
                    transform_far(planes[a], planes[b], modes[m : m + n * n], n, base + part * even * length, length)
                if inverse != 0:
                    fold_far(planes[b], whole, base, length)
            a, b = b, a
    return a, b


@row
def scale_modes(shape, spread, first, eigenvalues, planes, a, b, rate, dt):
    """Exponential step of all modes m: a = e^(-m dt) a + (1 - e^(-m dt))/m b. Plane 7 is work space."""
    nx, ny, nz = shape
    factors = planes[7]
    for k in range(nx):
        factors[k] = exp(-spread[0] * eigenvalues[first[0] + k] * dt)
    v = 0
    for z in range(nz):
        mz = spread[2] * eigenvalues[first[2] + z] + rate
        for y in range(ny):
            my = spread[1] * eigenvalues[first[1] + y] + mz
            fy = exp(-my * dt)
            for x in range(nx):
                m = spread[0] * eigenvalues[first[0] + x] + my
                e = factors[x] * fy
                phi = dt * (1.0 - 0.5 * m * dt)
                if m * dt > 1e-6:
                    phi = (1.0 - e) / m
                planes[a, v] = e * planes[a, v] + phi * planes[b, v]
                v += 1


@row
def exponential_step(shape, spread, modes_at, eigen_at, modes, eigenvalues, planes, rate, dt, mean):
    """Exact step: planes 0 (field) and 1 (source) to plane 0; mode 0 becomes ``mean`` unless that is negative."""
    nx, ny, nz = shape
    a = 0
    other = 5
    b = 1
    for turn in range(3):  # source, then field into the modes, then the field back: one place that calls the transform
        inverse = 1 if turn == 2 else 0
        here = 1 if turn == 0 else a
        spare = 6 if turn == 0 else other
        here, spare = into_modes(shape, modes_at, inverse, planes, here, spare, modes)
        if turn == 0:
            b = here
        else:
            a = here
            other = spare
        if turn == 1:
            scale_modes(shape, spread, eigen_at, eigenvalues, planes, a, b, rate, dt)
            if mean >= 0.0:
                planes[a, 0] = mean * math.sqrt(float(nx * ny * nz))


@row
def beyond(inside, c, p, at, periodic, held):
    """Value of the neighbour of a voxel of value ``c``: ``p[at]`` inside or round a periodic border, else by the border."""
    if inside or periodic != 0:
        return p[at]
    if held != 0:
        return -c
    return c


@row
def apply_operator(shape, spread, held, periodic, around_z, planes, diagonal, share):
    """Plane 6 = (diagonal + uptake - D lap) plane 5 - share mean(plane 5); uptake is plane 2."""
    nx, ny, nz = shape
    p = planes[5]
    q = planes[6]
    uptake = planes[2]
    n = nx * ny * nz
    total = 0.0
    for v in range(n):
        total += p[v]
    common = share * total / n
    for z in range(nz):
        for y in range(ny):
            at = (z * ny + y) * nx
            for x in range(nx):
                v = at + x
                c = p[v]
                lap = 0.0
                if nx > 1:
                    lap += spread[0] * (beyond(x > 0, c, p, v - 1 if x > 0 else v + nx - 1, periodic, held) - c)
                    lap += spread[0] * (beyond(x < nx - 1, c, p, v + 1 if x < nx - 1 else v - nx + 1, periodic, held) - c)
                if ny > 1:
                    lap += spread[1] * (beyond(y > 0, c, p, v - nx if y > 0 else v + nx * (ny - 1), periodic, held) - c)
                    lap += spread[1] * (beyond(y < ny - 1, c, p, v + nx if y < ny - 1 else v - nx * (ny - 1), periodic, held) - c)
                if nz > 1:
                    up = nx * ny
                    lap += spread[2] * (beyond(z > 0, c, p, v - up if z > 0 else v + up * (nz - 1), around_z, held) - c)
                    lap += spread[2] * (beyond(z < nz - 1, c, p, v + up if z < nz - 1 else v - up * (nz - 1), around_z, held) - c)
                q[v] = (diagonal + uptake[v]) * c - lap - common


@row
def precondition(shape, spread, held, modes_at, eigen_at, modes, eigenvalues, planes, diagonal, share):
    """Plane 4 = (diagonal - D lap - share mean)^-1 plane 3. Plane 7 is work space."""
    nx, ny, nz = shape
    for v in range(nx * ny * nz):
        planes[4, v] = planes[3, v]
    a = 4
    other = 7
    for inverse in range(2):
        a, other = into_modes(shape, modes_at, inverse, planes, a, other, modes)
        if inverse == 0:
            mean = planes[a, 0]
            v = 0
            for z in range(nz):
                for y in range(ny):
                    m = diagonal + spread[2] * eigenvalues[eigen_at[2] + z] + spread[1] * eigenvalues[eigen_at[1] + y]
                    for x in range(nx):
                        planes[a, v] = planes[a, v] / (m + spread[0] * eigenvalues[eigen_at[0] + x])
                        v += 1
            if held == 0:
                planes[a, 0] = mean / (diagonal - share)


@row
def implicit_step(
    shape, spread, held, periodic, around_z, modes_at, eigen_at, modes, eigenvalues, planes, diagonal, share, extra, loss, shift, dt
):
    """Backward Euler: plane 0 (field), 1 (source), 2 (uptake) to plane 0, by preconditioned conjugate gradients.

    Solves (diagonal + uptake - D lap - share mean) c = c/dt + source + extra - (loss + uptake) shift.
    """
    n = shape[0] * shape[1] * shape[2]
    mean_uptake = 0.0
    for v in range(n):
        mean_uptake += planes[2, v]
        planes[5, v] = planes[0, v]
    mean_uptake = mean_uptake / n
    goal = 0.0
    left = 1.0
    old = 1.0
    iteration = 0
    while left > goal and iteration <= MAX_ITERATIONS:
        apply_operator(shape, spread, held, periodic, around_z, planes, diagonal, share)
        left = 0.0
        if iteration == 0:
            size = 0.0
            for v in range(n):
                rhs = planes[0, v] / dt + planes[1, v] + extra - (loss + planes[2, v]) * shift
                size += rhs * rhs
                planes[3, v] = rhs - planes[6, v]
                left += planes[3, v] * planes[3, v]
            goal = TOLERANCE * TOLERANCE * size
        else:
            curvature = 0.0
            for v in range(n):
                curvature += planes[5, v] * planes[6, v]
            length = old / curvature
            for v in range(n):
                planes[0, v] += length * planes[5, v]
                planes[3, v] -= length * planes[6, v]
                left += planes[3, v] * planes[3, v]
        if left > goal:
            precondition(shape, spread, held, modes_at, eigen_at, modes, eigenvalues, planes, diagonal + mean_uptake, share)
            new = 0.0
            for v in range(n):
                new += planes[3, v] * planes[4, v]
            beta = new / old
            if iteration == 0:
                beta = 0.0
            for v in range(n):
                planes[5, v] = planes[4, v] + beta * planes[5, v]
            old = new
        iteration += 1


@row
def mean_of(plane, n):
    """Mean of the first ``n`` entries."""
    total = 0.0
    for v in range(n):
        total += plane[v]
    return total / n
