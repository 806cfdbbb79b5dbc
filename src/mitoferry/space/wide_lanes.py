"""Where the fields lie that a whole device solves at once (``space/wide.py``): lanes of batches.

A *lane* is the field of one species in one well. Lanes of a batch, on grids of any shapes and borders, lie one behind the other in
planes, ``plane[first + (z ny + y) nx + x]``; ``owner`` says whose a voxel is. A launch has a row for every voxel, column (the voxels
at one x) or lane of a batch; columns are counted as if all lanes had as many as the widest. What is done to a lane depends on nothing in
the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row
from mitoferry.core.schema import N_SPECIES
from mitoferry.space.geometry import BLOCK

# what is known of a lane: which field it is, its grid, where its voxels, columns and modes begin
(
    WELL, SPECIES, FACES, NX, NY, NZ, AROUND, AROUND_Z, FIRST, MODES_X, MODES_Y, MODES_Z, EIGEN_X, EIGEN_Y, EIGEN_Z, ACTIVE, N_WHERE,
) = range(17)  # fmt: skip

# numbers of a lane: see ``space/solver_lines.py`` for those that are there as well; sums over its columns follow from SUMS on
(
    SPREAD_X, SPREAD_Y, SPREAD_Z, DIAGONAL, COMMON, EXTRA, LOSS, SHIFT, RATE, SHARE, MEAN, LEAST, MOST, NORM, OLD, OTHER_OLD, SUMS,
) = range(17)  # fmt: skip

N_SUMS = 3  # that are kept for every column
LONG = 256  # voxels of a column beyond which its voxels are treated side by side, and added up afterwards
MOST_VOXELS = 1 << 24  # of a batch: 1 GB of planes


class Lanes(NamedTuple):
    """The lanes of a batch.

    Attributes:
        owner: int32 [voxel], the lane that it belongs to.
        where: int64 [N_WHERE, lane]; ACTIVE: 1 = not yet solved.
        numbers: float64 [lane, SUMS + N_SUMS widest], at the end N_SUMS sums over each of the columns.
    """

    owner: Any
    where: Any
    numbers: Any


class Batch(NamedTuple):
    """Lanes that are solved together, and how many of what there are.

    Attributes:
        implicit: True for the implicit step, False for the exponential one.
        lanes: their table.
        n, n_voxels: lanes, voxels.
        widest: columns of the lane that has most.
        deep, broad: whether any grid has more than one voxel along z, or along y.
        faces: whether any has held faces.
        long: whether any has columns of more than LONG voxels.
    """

    implicit: bool
    lanes: Lanes
    n: int
    n_voxels: int
    widest: int
    deep: bool
    broad: bool
    faces: bool
    long: bool

    @property
    def n_columns(self) -> int:
        """Rows of a launch over columns."""
        return self.n * self.widest


@row
def owner_row(i, lanes, longest):
    """Write whose the ``i``-th voxel is, counted as if all lanes were as long as the longest."""
    k = i // longest
    v = i - k * longest
    if v < voxels_of(k, lanes):
        lanes.owner[int(lanes.where[FIRST, k]) + v] = k


@row
def voxels_of(k, lanes):
    """Number of voxels of a lane."""
    return int(lanes.where[NX, k]) * int(lanes.where[NY, k]) * int(lanes.where[NZ, k])


@row
def place_in_grid(v, nx, ny):
    """x, y and z of voxel ``v`` of a grid. Of a mode, which are kept with x and y exchanged: y, x and z, given (ny, nx)."""
    z = v // (nx * ny)
    y = (v - z * nx * ny) // nx
    return v - (z * ny + y) * nx, y, z


@row
def lane_at(i, lanes):
    """Lane of voxel ``i`` of a batch, number of the voxel in its field, and the shape of its grid."""
    k = int(lanes.owner[i])
    return k, i - int(lanes.where[FIRST, k]), int(lanes.where[NX, k]), int(lanes.where[NY, k]), int(lanes.where[NZ, k])


@row
def column_at(i, lanes):
    """Lane of column ``i`` of a batch, its x, its first voxel in the planes, the voxels to the next one, and their number.

    There are none where the lane has fewer columns than the widest.
    """
    widest = (lanes.numbers.shape[1] - SUMS) // N_SUMS
    k = i // widest
    x = i - k * widest
    nx = int(lanes.where[NX, k])
    n = int(lanes.where[NY, k]) * int(lanes.where[NZ, k]) if x < nx else 0
    return k, x, int(lanes.where[FIRST, k]) + x, nx, n


@row
def keep_sum(total, k, x, which, lanes):
    """Keep sum number ``which`` over column ``x`` of lane ``k``, if it has that many."""
    nx = int(lanes.where[NX, k])
    if x < nx:
        lanes.numbers[k, SUMS + which * nx + x] = total


# Columns are added up as ``solver_lines.close_columns`` does, upper half onto lower half until one is left. Here every thread that needs
# the sum works it out, without memory: number j after a fold is the sum of numbers j and j + h before it, h those that stay.
@row
def fold_1(numbers, k, first, n, j):
    """Number ``j`` after one fold of ``n`` numbers from ``first`` on."""
    total = 0.0
    for at in range(j, n, (n + 1) // 2):
        total += numbers[k, first + at]
    return total


@row
def fold_2(numbers, k, first, n, j):
    """Number ``j`` after two folds."""
    total = 0.0
    for at in range(j, (n + 1) // 2, (n + 3) // 4):
        total += fold_1(numbers, k, first, n, at)
    return total


@row
def fold_3(numbers, k, first, n, j):
    """Number ``j`` after three folds."""
    total = 0.0
    for at in range(j, (n + 3) // 4, (n + 7) // 8):
        total += fold_2(numbers, k, first, n, at)
    return total


@row
def fold_4(numbers, k, first, n, j):
    """Number ``j`` after four folds."""
    total = 0.0
    for at in range(j, (n + 7) // 8, (n + 15) // 16):
        total += fold_3(numbers, k, first, n, at)
    return total


@row
def fold_5(numbers, k, first, n, j):
    """Number ``j`` after five folds."""
    total = 0.0
    for at in range(j, (n + 15) // 16, (n + 31) // 32):
        total += fold_4(numbers, k, first, n, at)
    return total


@row
def fold_6(numbers, k, first, n, j):
    """Number ``j`` after six folds."""
    total = 0.0
    for at in range(j, (n + 31) // 32, (n + 63) // 64):
        total += fold_5(numbers, k, first, n, at)
    return total


@row
def add_up_columns(k, which, lanes):
    """Sum number ``which`` of a lane over its columns, of which there are at most ``grid.MAX_VOXELS`` = 2^7."""
    n = int(lanes.where[NX, k])
    first = SUMS + which * n
    total = 0.0
    for at in range((n + 63) // 64):
        total += fold_6(lanes.numbers, k, first, n, at)
    return total


def where_of(places: Any, faces: Any, wells: Any, fields: Any) -> Any:
    """The table ``where``, [lane, N_WHERE], of lanes of the fields ``places`` (well * N_SPECIES + species)."""
    w, s = np.divmod(np.asarray(places, dtype=np.int64), N_SPECIES)
    held = np.asarray(faces, dtype=np.int64)
    where = np.zeros((len(w), N_WHERE), dtype=np.int64)
    where[:, WELL], where[:, SPECIES], where[:, FACES] = w, s, held
    where[:, NX : NZ + 1] = fields.shape[w]
    where[:, AROUND] = wells.periodic[w] != 0
    where[:, AROUND_Z] = where[:, AROUND] * (wells.geometry[w] == BLOCK)
    size = where[:, NX : NZ + 1].prod(axis=1)
    where[:, FIRST] = np.cumsum(size) - size
    for axis in range(3):
        where[:, MODES_X + axis] = fields.mode_offset[w, axis, held]
        where[:, EIGEN_X + axis] = fields.eigen_offset[w, axis, held]
    return where


def make_batch(backend: Any, where: Any, *, implicit: bool) -> Batch:
    """The batch of the lanes of a table ``where``, [lane, N_WHERE]."""
    size = where[:, NX : NZ + 1].prod(axis=1)
    n, n_voxels, widest, longest = len(where), int(size.sum()), int(where[:, NX].max()), int(size.max())
    lanes = Lanes(backend.zeros(n_voxels, np.int32), np.array(where.T, order="C"), backend.zeros((n, SUMS + N_SUMS * widest)))
    backend.each(owner_row, n * longest, lanes, longest)
    return Batch(
        implicit, lanes, n, n_voxels, widest, deep=bool((where[:, NZ] > 1).any()), broad=bool((where[:, NY] > 1).any()),
        faces=bool(where[:, FACES].any()), long=bool((where[:, NY] * where[:, NZ] > LONG).any()),
    )  # fmt: skip


def parts_of(places: Any, fields: Any, most: int) -> list[Any]:
    """Fields cut into parts of at most ``most`` voxels, at least one field each."""
    size = fields.shape[np.asarray(places, dtype=np.int64) // N_SPECIES].astype(np.int64).prod(axis=1)
    parts: list[list[int]] = []
    left = 0
    for place, voxels in zip(places, size.tolist(), strict=True):
        if not parts or voxels > left:
            parts.append([])
            left = most
        parts[-1].append(int(place))
        left -= voxels
    return parts


__all__ = ["Batch", "Lanes", "make_batch", "parts_of", "where_of"]
