"""The neighbour grid: which cells are near which.

Each well is cut into bins. A counting sort puts the rows of all cells that take part in space (alive or dying; not
pools, cells still to be added, or corpses) into ``member``, bin by bin, and within a bin by the id of the cell, so
that whoever walks the bins meets cells in an order that depends on nothing but positions and ids.

The bins of well w are ``offset[w] + (iz * ny + iy) * nx + ix`` with ``(nx, ny, nz) = shape[w]``. In a dish nz = 1; with
an insert iz is the layer; in a block iz counts along z.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, CELL_MOMP, CELL_NECROTIC
from mitoferry.space.geometry import BLOCK, INSERT

MINIMUM_EDGE = 30.0  # um
ROUNDED = 0.01  # um: more than what rounding makes of places and of the borders of bins


class Neighbours(NamedTuple):
    """The bins of all wells.

    Attributes:
        start: int32 [n_bins + 1], where the members of each bin begin.
        member: int32 [rows of cells], rows of the cells table, by bin and then by cell id.
        offset: int32 [n_wells + 1], first bin of each well.
        shape: int32 [n_wells, 3], bins along x, y, z.
        edge: float32 [n_wells, 3], edge of a bin [um].
        x, y, radius: float32 [rows of cells], those of the cells in ``member``, in its order: who walks the bins reads them as
            they lie, and looks up the cell only where it is near. Motion keeps them current; nothing moves cells after it.
        place: int32 [rows of cells], where in ``member`` a cell stands; of cells in space only.
        largest: float32 [n_wells], radius of the largest cell in space [um].
    """

    start: Any
    member: Any
    offset: Any
    shape: Any
    edge: Any
    x: Any
    y: Any
    radius: Any
    place: Any
    largest: Any


@row
def minimum_image(d, size, periodic):
    """A difference of coordinates [um] within a well, taken the short way round if the borders are periodic."""
    if periodic != 0:
        half = 0.5 * size
        if d >= half:
            d = d - size
        elif d < -half:
            d = d + size
    return d


@row
def bin_coordinate(x, edge, n):
    """Index along one axis of the bin that holds ``x`` [um], in 0 .. n-1."""
    k = math.floor(x / edge)
    return int(max(min(k, n - 1), 0))


@row
def bin_span(k, n, reach, periodic):
    """Bins within ``reach`` bins of bin ``k`` on an axis of ``n`` bins, each once.

    Returns:
        (first, count): visit ``wrap_bin(first + j, n)`` for j in range(count).
    """
    if periodic != 0:
        if 2 * reach + 1 >= n:
            return 0, n
        return k - reach, 2 * reach + 1
    first = max(k - reach, 0)
    last = min(k + reach, n - 1)
    return first, last - first + 1


@row
def wrap_bin(k, n):
    """A bin index brought into 0 .. n-1 (for -n <= k < 2 n)."""
    if k < 0:
        return k + n
    if k >= n:
        return k - n
    return k


@row
def bin_runs(first, count, n):
    """The span of :func:`bin_span` as at most two runs of adjacent bins, in the order of the span.

    Members of adjacent bins along x follow each other in ``member``: one loop over a run has fewer turns to foresee
    than one over every bin.

    Returns:
        (first bin of run 0, bins in run 0, first bin of run 1, bins in run 1).
    """
    if first < 0:
        return first + n, -first, 0, count + first
    if first + count > n:
        return first, n - first, 0, first + count - n
    return first, count, 0, 0


@row
def lines_of(w, x0, mx, neighbours):
    """What :func:`bin_line` and :func:`members` need of well ``w`` for ``mx`` bins of every line from ``x0`` on, see :func:`bin_span`.

    Returns:
        (first bin of the well, bins along x, y, z, and the four of :func:`bin_runs`).
    """
    nx = int(neighbours.shape[w, 0])
    first0, count0, first1, count1 = bin_runs(x0, mx, nx)
    return int(neighbours.offset[w]), nx, int(neighbours.shape[w, 1]), int(neighbours.shape[w, 2]), first0, count0, first1, count1


@row
def bins_around(i, cells, wells, neighbours):
    """The bin of cell ``i`` and those that border on it, where all cells lie that it can touch (of its own layer, if there are layers).

    To visit these cells, bin by bin and in each by id (every walk in loops of its own: a row function takes no function)::

        y0, my, z0, mz, lines = bins_around(i, cells, wells, neighbours)
        for jz in range(mz):
            for jy in range(my):
                line = bin_line(y0 + jy, z0 + jz, lines)
                for run in range(2):
                    lo, hi = members(line, run, lines, neighbours)
                    for m in range(lo, hi):
                        j = int(neighbours.member[m])

    Returns:
        (first along y, how many, first along z, how many, :func:`lines_of`).
    """
    return bins_spanning(i, 1, 1, 1, cells, wells, neighbours)


@row
def bins_spanning(i, by_x, by_y, by_z, cells, wells, neighbours):
    """As :func:`bins_around`, of the bins that are up to so many from that of cell ``i`` along each axis."""
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    nx = int(neighbours.shape[w, 0])
    ny = int(neighbours.shape[w, 1])
    k = int(cells.bin[i]) - int(neighbours.offset[w])
    x0, mx = bin_span(k % nx, nx, by_x, periodic)
    y0, my = bin_span((k // nx) % ny, ny, by_y, periodic)
    z0 = k // (nx * ny)
    mz = 1
    if int(wells.geometry[w]) == BLOCK:
        z0, mz = bin_span(z0, int(neighbours.shape[w, 2]), by_z, periodic)
    return y0, my, z0, mz, lines_of(w, x0, mx, neighbours)


@row
def trimmed(first, count, k, n, x, edge, reach, periodic):
    """The span of :func:`bin_span` without the bins at its ends that lie further than ``reach`` [um] from ``x`` [um], in bin ``k``."""
    if count == 3 and (n > 3 or periodic == 0):
        inside = x - k * edge
        if edge - inside > reach:
            count -= 1
        if inside > reach:
            return first + 1, count - 1
    return first, count


@row
def bins_near(i, reach, cells, wells, neighbours):
    """As :func:`bins_around`, without the bins at the ends of a span that are further from cell ``i`` than ``reach`` [um].

    What is left is met in the same order. A bin is wide enough for the largest cells of a well; most reach less far: of nine bins some
    four or five are left. Cells must lie in their bins, as they do from the end of ``motion`` on.
    """
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    nx = int(neighbours.shape[w, 0])
    ny = int(neighbours.shape[w, 1])
    k = int(cells.bin[i]) - int(neighbours.offset[w])
    wide = reach + ROUNDED
    kx = k % nx
    ky = (k // nx) % ny
    x0, mx = bin_span(kx, nx, 1, periodic)
    x0, mx = trimmed(x0, mx, kx, nx, float(cells.x[i]), float(neighbours.edge[w, 0]), wide, periodic)
    y0, my = bin_span(ky, ny, 1, periodic)
    y0, my = trimmed(y0, my, ky, ny, float(cells.y[i]), float(neighbours.edge[w, 1]), wide, periodic)
    z0 = k // (nx * ny)
    mz = 1
    if int(wells.geometry[w]) == BLOCK:
        nz = int(neighbours.shape[w, 2])
        kz = z0
        z0, mz = bin_span(kz, nz, 1, periodic)
        z0, mz = trimmed(z0, mz, kz, nz, float(cells.z[i]), float(neighbours.edge[w, 2]), wide, periodic)
    return y0, my, z0, mz, lines_of(w, x0, mx, neighbours)


@row
def bin_line(ky, kz, lines):
    """First bin of the line ``ky``, ``kz``, which runs along x; both are wrapped."""
    return lines[0] + (wrap_bin(kz, lines[3]) * lines[2] + wrap_bin(ky, lines[2])) * lines[1]


@row
def members(line, run, lines, neighbours):
    """Where in ``member`` the cells of one of the two runs of bins of a line begin and end."""
    lo = line + (lines[6] if run == 1 else lines[4])
    hi = lo + (lines[7] if run == 1 else lines[5])
    return int(neighbours.start[lo]), int(neighbours.start[hi])


@row
def in_space(state):
    """Whether a cell in this state takes up space: alive or dying."""
    return state in (CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC, CELL_NECROTIC)


@row
def bin_row(i, cells, wells, neighbours, step):
    """Write ``cells.bin``: the bin of cell ``i``, -1 if it takes no part in space."""
    if not in_space(int(cells.state[i])):
        cells.bin[i] = -1
        return
    w = int(cells.well[i])
    nx = int(neighbours.shape[w, 0])
    ny = int(neighbours.shape[w, 1])
    nz = int(neighbours.shape[w, 2])
    ix = bin_coordinate(float(cells.x[i]), float(neighbours.edge[w, 0]), nx)
    iy = bin_coordinate(float(cells.y[i]), float(neighbours.edge[w, 1]), ny)
    iz = 0
    if int(wells.geometry[w]) == INSERT:
        iz = min(int(cells.layer[i]), nz - 1)
    elif nz > 1:
        iz = bin_coordinate(float(cells.z[i]), float(neighbours.edge[w, 2]), nz)
    cells.bin[i] = int(neighbours.offset[w]) + (iz * ny + iy) * nx + ix


@row
def radius_in_bins(i, cells):
    """Radius [um] of cell ``i``, 0 where it is in no bin."""
    if int(cells.bin[i]) < 0:
        return 0.0
    return float(cells.radius[i])


@row
def lay_out_row(m, n_cells, cells, neighbours):
    """Copy what walks of the bins look at first, of the cell at ``m`` in ``member``."""
    if m < int(neighbours.start[len(neighbours.start) - 1]):
        i = int(neighbours.member[m])
        neighbours.x[m] = cells.x[i]
        neighbours.y[m] = cells.y[i]
        neighbours.radius[m] = cells.radius[i]
        neighbours.place[i] = m


def allocate_neighbours(wells: Any, n_rows: int, *, largest_radius: Any = 12.0) -> Neighbours:
    """Empty bins for the wells of a plate.

    Args:
        wells: the wells table.
        n_rows: rows of the cells table.
        largest_radius: radius [um] of the largest cell, or of that of each well; two cells that touch must lie in
            adjacent bins.
    """
    n_wells = len(wells.arm)
    wanted = np.maximum(MINIMUM_EDGE, 2.6 * np.broadcast_to(largest_radius, n_wells))
    shape = np.ones((n_wells, 3), dtype=np.int32)
    edge = np.array(wells.size, dtype=np.float32).reshape(n_wells, 3)
    for w in range(n_wells):
        axes = 3 if int(wells.geometry[w]) == BLOCK else 2
        for axis in range(axes):
            shape[w, axis] = max(1, math.floor(float(wells.size[w, axis]) / float(wanted[w])))
        if int(wells.geometry[w]) == INSERT:
            shape[w, 2] = 2
        edge[w] = np.asarray(wells.size[w], dtype=np.float64) / shape[w]
    offset = np.zeros(n_wells + 1, dtype=np.int32)
    offset[1:] = np.cumsum(np.prod(shape.astype(np.int64), axis=1))
    x, y, radius = (np.zeros(n_rows, dtype=np.float32) for _ in range(3))
    return Neighbours(
        start=np.zeros(int(offset[-1]) + 1, dtype=np.int32),
        member=np.zeros(n_rows, dtype=np.int32),
        offset=offset,
        shape=shape,
        edge=edge,
        x=x,
        y=y,
        radius=radius,
        place=np.zeros(n_rows, dtype=np.int32),
        largest=np.zeros(n_wells, dtype=np.float32),
    )


def sort_into_bins(backend: Any, n_cells: int, cells: Any, neighbours: Neighbours, *, only_moved: bool = False) -> None:
    """Sort the cells by bin, then by id within each bin; find the largest radius of each well, unless cells have only moved."""
    backend.bins(n_cells, cells.bin, cells.id, neighbours.start, neighbours.member)
    if not only_moved:
        neighbours.largest[:] = backend.largest(radius_in_bins, n_cells, len(neighbours.largest), cells.well, cells)
        backend.push(neighbours.largest)


def update_neighbours(world: Any, step: Any, *, only_moved: bool = False) -> None:
    """Sort the cells of ``world`` into the bins of ``world.space.neighbours``; ``only_moved``: the same cells as the last time."""
    world.space.fit(world)
    neighbours = world.space.neighbours
    world.backend.each(bin_row, world.n_cells, world.cells, world.wells, neighbours, step)
    sort_into_bins(world.backend, world.n_cells, world.cells, neighbours, only_moved=only_moved)
    world.backend.each(lay_out_row, world.n_cells, world.n_cells, world.cells, neighbours)
