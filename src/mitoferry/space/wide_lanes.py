"""Where the fields lie that a whole device solves at once (``space/wide.py``): lanes of batches.

A *lane* is the field of one species in one well. Lanes of a batch, on grids of any shapes and borders, lie one behind the other in
planes, ``plane[first + (z ny + y) nx + x]``, and so do their columns, one for each voxel along x. A launch has a row for every voxel,
column or lane of a batch; ``owner`` says whose a voxel is. What is done to a lane depends on nothing in the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row
from mitoferry.core.schema import N_SPECIES
from mitoferry.space.geometry import BLOCK

# what is known of a lane: which field it is, its grid, where its voxels, columns and modes begin
(
    WELL, SPECIES, FACES, NX, NY, NZ, AROUND, AROUND_Z, FIRST, FIRST_COLUMN, MODES_X, MODES_Y, MODES_Z, EIGEN_X, EIGEN_Y, EIGEN_Z, N_WHERE,
) = range(17)  # fmt: skip

# numbers of a lane: see ``space/solver_lines.py`` for those that are there as well
(
    SPREAD_X, SPREAD_Y, SPREAD_Z, DIAGONAL, COMMON, EXTRA, LOSS, SHIFT, RATE, SHARE, MEAN, LEAST, MOST, NORM, UNIT, OLD, BETA, FAR, MOVE,
    N_NUMBERS,
) = range(20)  # fmt: skip

N_SUMS = 3
MOST_VOXELS = 1 << 24  # of a batch: 1 GB of planes


class Lanes(NamedTuple):
    """The lanes of a batch.

    Attributes:
        owner: int32 [voxel], the lane that it belongs to.
        column_owner: int32 [column], likewise.
        where: int64 [lane, N_WHERE].
        numbers: float64 [lane, N_NUMBERS].
        columns: float64 [N_SUMS, column], sums over the voxels of a column; folded onto each other to add up those of a lane.
        active: int32 [lane], 1 = not yet solved.
    """

    owner: Any
    column_owner: Any
    where: Any
    numbers: Any
    columns: Any
    active: Any


class Batch(NamedTuple):
    """Lanes that are solved together, and how many of what there are.

    Attributes:
        implicit: True for the implicit step, False for the exponential one.
        lanes: their table.
        n, n_voxels, n_columns: lanes, voxels, columns.
        deep, broad: whether any grid has more than one voxel along z, or along y.
        faces: whether any has held faces.
    """

    implicit: bool
    lanes: Lanes
    n: int
    n_voxels: int
    n_columns: int
    deep: bool
    broad: bool
    faces: bool


@row
def owner_row(i, lanes, longest):
    """Write whose the ``i``-th voxel and column are, counted as if all lanes were as long as the longest."""
    k = i // longest
    v = i - k * longest
    nx = int(lanes.where[k, NX])
    if v < nx:
        lanes.column_owner[int(lanes.where[k, FIRST_COLUMN]) + v] = k
    if v < nx * int(lanes.where[k, NY]) * int(lanes.where[k, NZ]):
        lanes.owner[int(lanes.where[k, FIRST]) + v] = k


@row
def lane_at(i, lanes):
    """Lane of voxel ``i`` of a batch, number of the voxel in its field, and the shape of its grid."""
    k = int(lanes.owner[i])
    return k, i - int(lanes.where[k, FIRST]), int(lanes.where[k, NX]), int(lanes.where[k, NY]), int(lanes.where[k, NZ])


@row
def column_at(i, lanes):
    """Lane of column ``i`` of a batch, its first voxel in the planes, the voxels to the next one, and their number."""
    k = int(lanes.column_owner[i])
    first = int(lanes.where[k, FIRST]) + i - int(lanes.where[k, FIRST_COLUMN])
    return k, first, int(lanes.where[k, NX]), int(lanes.where[k, NY]) * int(lanes.where[k, NZ])


@row
def voxels_of(k, lanes):
    """Number of voxels of a lane."""
    return int(lanes.where[k, NX]) * int(lanes.where[k, NY]) * int(lanes.where[k, NZ])


@row
def add_up_columns(k, which, lanes):
    """Sum number ``which`` of a lane, over its columns, in the order of ``solver_lines.close_columns``."""
    first = int(lanes.where[k, FIRST_COLUMN])
    n = int(lanes.where[k, NX])
    while n > 1:
        half = n // 2
        for j in range(half):
            lanes.columns[which, first + j] += lanes.columns[which, first + n - half + j]
        n -= half
    return lanes.columns[which, first]


def where_of(places: Any, faces: Any, wells: Any, fields: Any) -> Any:
    """The table ``where`` of lanes of the fields ``places`` (well * N_SPECIES + species)."""
    w, s = np.divmod(np.asarray(places, dtype=np.int64), N_SPECIES)
    held = np.asarray(faces, dtype=np.int64)
    where = np.zeros((len(w), N_WHERE), dtype=np.int64)
    where[:, WELL], where[:, SPECIES], where[:, FACES] = w, s, held
    where[:, NX : NZ + 1] = fields.shape[w]
    where[:, AROUND] = wells.periodic[w] != 0
    where[:, AROUND_Z] = where[:, AROUND] * (wells.geometry[w] == BLOCK)
    size = where[:, NX : NZ + 1].prod(axis=1)
    where[:, FIRST] = np.cumsum(size) - size
    where[:, FIRST_COLUMN] = np.cumsum(where[:, NX]) - where[:, NX]
    for axis in range(3):
        where[:, MODES_X + axis] = fields.mode_offset[w, axis, held]
        where[:, EIGEN_X + axis] = fields.eigen_offset[w, axis, held]
    return where


def make_batch(backend: Any, where: Any, *, implicit: bool) -> Batch:
    """The batch of the lanes of a table ``where``."""
    size = where[:, NX : NZ + 1].prod(axis=1)
    n, n_voxels, n_columns = len(where), int(size.sum()), int(where[:, NX].sum())
    lanes = Lanes(
        backend.zeros(n_voxels, np.int32), backend.zeros(n_columns, np.int32), where, backend.zeros((n, N_NUMBERS)),
        backend.zeros((N_SUMS, n_columns)), backend.zeros(n, np.int32),
    )  # fmt: skip
    longest = int(size.max())
    backend.each(owner_row, n * longest, lanes, longest)
    deep, broad = bool((where[:, NZ] > 1).any()), bool((where[:, NY] > 1).any())
    return Batch(implicit, lanes, n, n_voxels, n_columns, deep, broad, bool(where[:, FACES].any()))


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
