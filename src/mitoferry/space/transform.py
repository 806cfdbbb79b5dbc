"""Fields into the modes of their grid and back.

A plane holds several fields of one well side by side, ``[z, y, x, lane]``. The transform of an axis first adds and
subtracts the two halves of the axis, which parts even from odd modes, then multiplies each with a small matrix
(``grid.packed_modes``). Modes are kept with the axes x and y exchanged, ``[z, kx, ky, lane]``: the fold of the x axis
exchanges them on the way, so that inner loops always run along contiguous memory.
"""

from __future__ import annotations

from mitoferry.core.lanes import lane
from mitoferry.core.row import row
from mitoferry.core.slabs import multiply_slabs


@row
def fold_far(plane, n, base, length):
    """Replace slab i and its mirror image, of ``n`` slabs of ``length`` numbers from ``base``, by their sum and difference."""
    for i in range(n // 2):
        a = plane[base + i * length : base + i * length + length]
        b = plane[base + (n - 1 - i) * length : base + (n - i) * length]
        for x in range(length):
            total = a[x] + b[x]
            b[x] = a[x] - b[x]
            a[x] = total


@row
def fold_and_turn(source, target, nx, ny, base, width, back):
    """Fold the x axis on the way from [y, x, lane] to [x, y, lane], or with ``back`` = 1 on the way from there to [y, x, lane]."""
    for i in range((nx + 1) // 2):
        j = nx - 1 - i
        for y in range(ny):
            p = base + (y * nx + i) * width
            q = base + (y * nx + j) * width
            r = base + (i * ny + y) * width
            t = base + (j * ny + y) * width
            if back != 0:
                p, r = r, p
                q, t = t, q
            if i == j:
                for k in range(width):
                    target[lane(r, k)] = source[lane(p, k)]
            else:
                for k in range(width):
                    u = source[lane(p, k)]
                    v = source[lane(q, k)]
                    target[lane(r, k)] = u + v
                    target[lane(t, k)] = u - v


@row
def transform_parts(source, target, modes, first, n, base, length):
    """The even and the odd part of an axis of ``n`` slabs, each with its own matrix."""
    even = (n + 1) // 2
    for part in range(2):
        size = n // 2 if part == 1 else even
        if size > 0:
            multiply_slabs(source, target, modes, first + part * even * even, size, base + part * even * length, length)


@row
def into_modes(shape, width, at, inverse, planes, size, a, b, modes):
    """Transform plane ``a`` along all axes, with plane ``b`` as work space.

    Args:
        shape: (nx, ny, nz).
        width: number of lanes.
        at: where the modes of the three axes begin in ``modes``.
        inverse: 0 into the modes, 1 back.
        planes: all planes, of one type with ``modes``: float64 or float32.
        size: length of a plane.
        a: plane to transform.
        b: plane of work space.
        modes: all modes, packed (``grid.packed_modes``).

    Returns:
        (plane that holds the result, the other plane).
    """
    nx, ny, nz = shape
    for turn in range(3):  # z, y, x into the modes, and back the other way
        axis = turn if inverse != 0 else 2 - turn
        n = nx if axis == 0 else ny if axis == 1 else nz
        if n > 1:
            first = at[0] if axis == 0 else at[1] if axis == 1 else at[2]
            even = (n + 1) // 2
            odd = n // 2
            first += inverse * (even * even + odd * odd)
            length = ny * width if axis == 0 else nx * width if axis == 1 else nx * ny * width
            count = 1 if axis == 2 else nz
            if inverse == 0 and axis == 0:
                here = planes[a * size : a * size + size]
                there = planes[b * size : b * size + size]
                for z in range(nz):
                    fold_and_turn(here, there, nx, ny, z * nx * ny * width, width, 0)
                a, b = b, a
            here = planes[a * size : a * size + size]
            there = planes[b * size : b * size + size]
            for z in range(count):
                base = z * n * length
                if inverse == 0 and axis != 0:
                    fold_far(here, n, base, length)
                transform_parts(here, there, modes, first, n, base, length)
                if inverse != 0 and axis != 0:
                    fold_far(there, n, base, length)
            a, b = b, a
            if inverse != 0 and axis == 0:
                for z in range(nz):
                    fold_and_turn(there, here, nx, ny, z * nx * ny * width, width, 1)
                a, b = b, a
    return a, b
