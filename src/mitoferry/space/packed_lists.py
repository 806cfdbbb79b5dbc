"""Who is near whom among packed cells (``space/packed.py``): bins, order in memory, lists of neighbours.

A counting sort by bin (long in y and z, a quarter of the reach in x), cells moved into the order of their bins, and for each cell the
list of those within reach and a margin, bin by bin, lines of bins that lie beyond the reach left out.

Tests: tests/unit/test_packed_cells.py (brute force), tests/backends/test_cells_only_backends.py.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mitoferry.core.lanes import lane
from mitoferry.core.row import row

BLOCK_CELLS = 128  # cells per row: fixed, so that bytes do not depend on threads
FINE = 4  # bins along x per reach
MARGIN = 0.06  # of the reach: 1.3 um for cells of 8.4 um; the next shell of a close packing lies just beyond
ROOM = 24  # neighbours per cell that there is room for at first


class Lists(NamedTuple):
    """Who may touch whom.

    Attributes:
        count: int32 [cells], length of each list; more than there is room for if it did not fit.
        near: int32 [cells, room + 1], rows of neighbours; the last place is scratch.
    """

    count: Any
    near: Any


class Bins(NamedTuple):
    """Counting sort of the cells.

    Attributes:
        start: int32 [bins + 1], first row of each bin once the cells have been moved.
        bin: int32 [cells], bin of each row before the cells are moved.
        order: int32 [cells], row that comes to each place.
        shape: int64 [3], bins along x, y, z. edge: float64 [3], their edges [um], and per_edge, one over them.
        low: float64 [3], corner of the first [um].
    """

    start: Any
    bin: Any
    order: Any
    shape: Any
    edge: Any
    per_edge: Any
    low: Any


@row
def bin_along(x, axis, bins):
    """Bin along one axis that holds ``x`` [um]; outside the bins the nearest."""
    k = math.floor((x - bins.low[axis]) * bins.per_edge[axis])
    return int(max(min(k, int(bins.shape[axis]) - 1), 0))


@row
def bin_cells_row(b, n, cells, bins):
    """Bins of block ``b`` of the cells."""
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        kx = bin_along(cells.place[i, 0], 0, bins)
        ky = bin_along(cells.place[i, 1], 1, bins)
        kz = bin_along(cells.place[i, 2], 2, bins)
        bins.bin[i] = (kz * int(bins.shape[1]) + ky) * int(bins.shape[0]) + kx


@row
def sort_bins(n, bins):
    """Counting sort: ``start`` and ``order`` from ``bin``; within a bin cells keep their order (serial)."""
    count = len(bins.start) - 1
    for b in range(count + 1):
        bins.start[b] = 0
    for i in range(n):
        bins.start[int(bins.bin[i]) + 1] += 1
    for b in range(count):
        bins.start[b + 1] += bins.start[b]
    for i in range(n):
        b = int(bins.bin[i])
        at = int(bins.start[b])
        bins.order[at] = i
        bins.start[b] = at + 1
    for k in range(count):
        bins.start[count - k] = bins.start[count - k - 1]
    bins.start[0] = 0


@row
def move_cells_row(b, n, cells, moved, bins):
    """Copy the cells of block ``b`` of the new order from ``cells`` to ``moved``."""
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        j = int(bins.order[i])
        moved.id[i] = cells.id[j]
        moved.uptake[i] = cells.uptake[j]
        moved.place[i, 3] = cells.place[j, 3]
        moved.target[i, 3] = cells.place[j, 3]
        for k in range(3):
            moved.place[i, k] = cells.place[j, k]
            moved.origin[i, k] = cells.place[j, k]
            moved.velocity[i, k] = cells.velocity[j, k]


@row
def gap_to(line, here, inside, edge):
    """Distance [um] along an axis from a place ``inside`` [um] of bin ``here`` to bin ``line``."""
    if line < here:
        return inside + (here - line - 1) * edge
    if line > here:
        return (line - here) * edge - inside
    return 0.0


@row
def list_row(b, n, cells, bins, lists, reach):
    """Lists of the neighbours within ``reach`` of the cells of block ``b``, in the order of the bins."""
    room = lists.near.shape[1] - 1
    nx = int(bins.shape[0])
    ny = int(bins.shape[1])
    nz = int(bins.shape[2])
    square = reach * reach
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        x = cells.place[i, 0]
        y = cells.place[i, 1]
        z = cells.place[i, 2]
        ky = bin_along(y, 1, bins)
        kz = bin_along(z, 2, bins)
        in_y = y - bins.low[1] - ky * bins.edge[1]
        in_z = z - bins.low[2] - kz * bins.edge[2]
        low = bin_along(x - reach, 0, bins)
        high = bin_along(x + reach, 0, bins) + 1
        found = 0
        for jz in range(max(kz - 1, 0), min(kz + 2, nz)):
            far_z = gap_to(jz, kz, in_z, bins.edge[2])
            for jy in range(max(ky - 1, 0), min(ky + 2, ny)):
                far_y = gap_to(jy, ky, in_y, bins.edge[1])
                if far_z * far_z + far_y * far_y < square:
                    line = (jz * ny + jy) * nx
                    first = int(bins.start[line + low])
                    last = int(bins.start[line + high])
                    for j in range(first, last):
                        dx = x - cells.place[lane(j, 0), 0]
                        dy = y - cells.place[lane(j, 0), 1]
                        dz = z - cells.place[lane(j, 0), 2]
                        lists.near[lane(i, 0), lane(min(found, room), 0)] = j
                        found += int(dx * dx + dy * dy + dz * dz < square) & int(j != i)
        lists.count[i] = found
