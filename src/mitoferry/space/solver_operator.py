"""The operator of the implicit step of the fields: diagonal + uptake - D lap - share mean, row by row of the grid.

A row of voxels goes through short passes over few arrays while it lies in the cache, each a function of its own, which
compilers turn into vector instructions.
"""

from __future__ import annotations

from mitoferry.core.row import row
from mitoferry.space.solver_lines import (
    COLUMNS,
    COMMON,
    DIAGONAL,
    LENGTH,
    NEW,
    SHARE,
    SPREAD_X,
    SPREAD_Y,
    SPREAD_Z,
    TOTAL,
    WIDE,
    add_row,
    clear_columns,
    close_columns,
    copy_row,
    spread_line,
)  # fmt: skip


@row
def ends_of(here, n, around, held):
    """How often the spread along an axis of ``n`` voxels counts in the diagonal: a wall does not, a held face does twice."""
    count = 2.0
    if around == 0:
        for end in range(2):
            if here == end * (n - 1):
                count += 1.0 if held != 0 else -1.0
    return count


@row
def make_whole(shape, width, held, periodic, around_z, whole, lines):
    """Turn the uptake into the diagonal of the operator, in place."""
    nx, ny, nz = shape
    length = nx * width
    total = lines[TOTAL]
    last_y = -1.0
    last_z = -1.0
    for r in range(ny * nz):
        z = r // ny
        y = r - z * ny
        in_y = ends_of(y, ny, periodic, held)
        in_z = ends_of(z, nz, around_z, held)
        if in_y != last_y or in_z != last_z:
            for k in range(width):
                total[k] = lines[DIAGONAL, k] + in_y * lines[SPREAD_Y, k] + in_z * lines[SPREAD_Z, k] + 2.0 * lines[SPREAD_X, k]
            spread_line(lines, TOTAL, length, width)
            if periodic == 0:
                more = 1.0 if held != 0 else -1.0
                for k in range(width):
                    total[k] += more * lines[SPREAD_X, k]
                    total[length - width + k] += more * lines[SPREAD_X, k]
            last_y = in_y
            last_z = in_z
        add_row(whole[r * length : r * length + length], total, length)


@row
def along_x(out, whole, wide, spread, common, length, width):
    """Out = whole c - common - spread (voxel before + voxel after) for a row c that lies in ``wide`` with its neighbours."""
    before = wide[0:length]
    c = wide[width : width + length]
    after = wide[2 * width : 2 * width + length]
    for j in range(length):
        out[j] = (whole[j] * c[j] - common[j]) - spread[j] * (before[j] + after[j])


@row
def along_other(out, below, above, spread, length):
    """Out -= spread (below + above) for a row of voxels."""
    for j in range(length):
        out[j] -= spread[j] * (below[j] + above[j])


@row
def along_one(out, beside, spread, length):
    """Out -= spread beside for a row of voxels at a wall."""
    for j in range(length):
        out[j] -= spread[j] * beside[j]


@row
def add_products(columns, a, b, length):
    """Columns += a b for a row of voxels."""
    for j in range(length):
        columns[j] += a[j] * b[j]


@row
def other_axis(out, p, at, here, n, stride, around, spread, length):
    """Take the neighbours along y or z of the row that begins at ``at`` into the product."""
    below = here > 0 or around != 0
    above = here < n - 1 or around != 0
    first = at - stride if here > 0 else at + (n - 1) * stride
    second = at + stride if here < n - 1 else at - (n - 1) * stride
    if below and above:
        along_other(out, p[first : first + length], p[second : second + length], spread, length)
    elif below:
        along_one(out, p[first : first + length], spread, length)
    elif above:
        along_one(out, p[second : second + length], spread, length)


@row
def apply_operator(shape, width, periodic, around_z, p, whole, q, lines):
    """Q = (diagonal + uptake - D lap) p - common, and line LENGTH = p q per lane; common is the share of the mean of p."""
    nx, ny, nz = shape
    length = nx * width
    common = lines[COMMON]
    columns = lines[COLUMNS]
    wide = lines[WIDE]
    middle = wide[width : width + length]
    clear_columns(lines, length)
    for r in range(ny * nz):
        z = r // ny
        y = r - z * ny
        at = r * length
        c = p[at : at + length]
        out = q[at : at + length]
        copy_row(middle, c, length)
        for k in range(width):
            wide[k] = c[length - width + k] if periodic != 0 else 0.0
            wide[width + length + k] = c[k] if periodic != 0 else 0.0
        along_x(out, whole[at : at + length], wide, lines[SPREAD_X], common, length, width)
        if ny > 1:
            other_axis(out, p, at, y, ny, length, periodic, lines[SPREAD_Y], length)
        if nz > 1:
            other_axis(out, p, at, z, nz, length * ny, around_z, lines[SPREAD_Z], length)
        add_products(columns, c, out, length)
    close_columns(lines, nx, width, LENGTH)


@row
def make_common(lines, voxels, length, width):
    """Line COMMON: the share of the mean, from the sum over the voxels in line NEW."""
    for k in range(width):
        lines[COMMON, k] = lines[SHARE, k] * lines[NEW, k] / voxels
    spread_line(lines, COMMON, length, width)
