"""Lines of the field solver: coefficients that differ between lanes, spread over a row of the grid, and sums over a plane.

A *plane* holds fields of one grid, its *lanes*, side by side: ``plane[((z ny + y) nx + x) width + lane]``. Inner loops run
along contiguous memory, few arrays at a time, so that compilers vectorise them. What is done to a lane depends on nothing in
the others, and the order of every sum is fixed: lanes may be grouped in any way.
"""

from __future__ import annotations

from mitoferry.core.row import row

# coefficients spread over a row of the grid, sums of columns, and numbers per lane
(
    SPREAD_X, SPREAD_Y, SPREAD_Z, DIAGONAL, COMMON, EXTRA, LOSS, SHIFT, COLUMNS, LENGTH, RATE, SHARE, MEAN,
    LEFT, OLD, NEW, ACTIVE, NORM, TOTAL, WIDE, N_LINES,
) = range(21)  # fmt: skip


def line_length(shape, width):
    """Numbers in a line for a grid (nx, ny, nz) with ``width`` lanes: a row of it with a voxel before and one after."""
    return (max(shape[0], shape[1]) + 2) * width


@row
def add_row(a, b, length):
    """A += b."""
    for j in range(length):
        a[j] += b[j]


@row
def copy_row(a, b, length):
    """A = b."""
    for j in range(length):
        a[j] = b[j]


@row
def spread_line(lines, which, length, width):
    """Repeat the numbers of the lanes along a line."""
    line = lines[which]
    done = width
    while done < length:
        more = min(done, length - done)
        copy_row(line[done : done + more], line[0:more], more)
        done += more


@row
def clear_columns(lines, length):
    """Begin a sum over a plane."""
    columns = lines[COLUMNS]
    for j in range(length):
        columns[j] = 0.0


@row
def close_columns(lines, nx, width, into):
    """lines[into, lane] = sum over x of the columns; they are folded onto each other and of no use afterwards."""
    columns = lines[COLUMNS]
    n = nx
    while n > 1:
        half = n // 2
        add_row(columns[0 : half * width], columns[(n - half) * width : n * width], half * width)
        n -= half
    total = lines[into]
    for k in range(width):
        total[k] = columns[k]


@row
def sum_plane(a, rows, nx, width, lines, into):
    """lines[into, lane] = sum over voxels of a."""
    length = nx * width
    columns = lines[COLUMNS]
    clear_columns(lines, length)
    for r in range(rows):
        add_row(columns, a[r * length : r * length + length], length)
    close_columns(lines, nx, width, into)
