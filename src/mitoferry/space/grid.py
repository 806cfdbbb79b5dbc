"""The grid of the fields: voxels of every well, and the modes of their axes.

A dish has one layer of voxels as high as a voxel is wide, where the cells are; above it the medium is stirred. A dish
with an insert has two such layers. A block is cut along all three axes. Along an axis of n voxels the second
difference has known eigenvectors: Fourier modes with periodic borders, cosines with closed walls, sines with faces held
at a concentration. The solver (``space/diffusion.py``) works in these modes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mitoferry.core.row import row
from mitoferry.core.schema import N_SPECIES, Fields
from mitoferry.space.geometry import BLOCK, INSERT

MAX_VOXELS = 128  # along one axis; larger wells get larger voxels

PERIODIC, CLOSED, HELD = 0, 1, 2


def modes_of_axis(n: int, border: int) -> tuple[Any, Any]:
    """Orthonormal eigenvectors (columns) of minus the second difference on ``n`` voxels, and their eigenvalues.

    The first (n + 1)//2 modes are even under reflection of the axis, the others odd.

    Args:
        n: voxels.
        border: PERIODIC, CLOSED (no flux) or HELD (zero at the faces, half a voxel outside the first centre).

    Returns:
        (vectors float64 [n, n], eigenvalues float64 [n]), mode 0 the slowest.
    """
    half = (n + 1) // 2
    vectors, values = np.zeros((n, n)), np.zeros(n)
    for k in range(n):
        even = k < half
        if border == PERIODIC:
            m = k if even else k - half + 1
            turn, cosine = 2.0 * m, even
        elif border == CLOSED:
            m = 2 * k if even else 2 * (k - half) + 1
            turn, cosine = float(m), True
        else:
            m = 2 * k + 1 if even else 2 * (k - half) + 2
            turn, cosine = float(m), False
        for i in range(n):
            angle = math.pi * turn * (2 * i + 1) / (2 * n)
            vectors[i, k] = math.cos(angle) if cosine else math.sin(angle)
        values[k] = 0.0 if m == 0 else 2.0 - 2.0 * math.cos(math.pi * turn / n)
    return vectors / np.sqrt((vectors**2).sum(axis=0)), values


def packed_modes(vectors: Any) -> Any:
    """The modes as the transform reads them: even and odd block, then both transposed; the odd one bottom up.

    Only the first half of the rows is kept: the other half follows from the reflection.
    """
    n = len(vectors)
    half, odd = (n + 1) // 2, n // 2
    even_block = vectors[:half, :half]
    odd_block = vectors[:odd, half:][::-1]
    return np.concatenate([even_block.ravel(), odd_block.ravel(), even_block.T.ravel(), odd_block.T.ravel()])


def _voxels(size: float, voxel: float) -> int:
    return int(min(max(1, round(size / voxel)), MAX_VOXELS))


def grid_shape(kind: int, size: Any, voxel: float) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Voxels along x, y, z of a well of ``size`` [um], and their edges [um]."""
    nx, ny = _voxels(float(size[0]), voxel), _voxels(float(size[1]), voxel)
    nz = _voxels(float(size[2]), voxel) if kind == BLOCK else 2 if kind == INSERT else 1
    dz = float(size[2]) / nz if kind == BLOCK else voxel
    return (nx, ny, nz), (float(size[0]) / nx, float(size[1]) / ny, dz)


def allocate_fields(wells: Any, n_rows: int, voxels: Any) -> Fields:
    """The field grid of a plate, filled with each well's medium.

    Args:
        wells: the wells table; ``bulk`` fills the grid.
        n_rows: rows of the cells table.
        voxels: wanted edge of a voxel of each well [um].

    Returns:
        Fields without diffusion coefficients: the process ``diffusion`` sets them from its parameters.
    """
    n_wells = len(wells.arm)
    shape = np.ones((n_wells, 3), dtype=np.int32)
    spacing = np.ones((n_wells, 3), dtype=np.float32)
    mode_offset = np.zeros((n_wells, 3, 2), dtype=np.int32)
    eigen_offset = np.zeros((n_wells, 3, 2), dtype=np.int32)
    known: dict[tuple[int, int], tuple[int, int]] = {}
    modes: list[Any] = []
    eigenvalues: list[Any] = []
    totals = [0, 0]
    for w in range(n_wells):
        kind = int(wells.geometry[w])
        shape[w], spacing[w] = grid_shape(kind, wells.size[w], float(voxels[w]))
        for axis in range(3):
            n = int(shape[w, axis])
            open_axis = PERIODIC if wells.periodic[w] and not (axis == 2 and kind != BLOCK) else CLOSED
            for held, border in enumerate((open_axis, HELD if n > 1 else CLOSED)):  # an axis of one voxel has no faces
                if (n, border) not in known:
                    known[n, border] = (totals[0], totals[1])
                    vectors, values = modes_of_axis(n, border)
                    modes.append(packed_modes(vectors))
                    eigenvalues.append(values)
                    totals[0] += len(modes[-1])
                    totals[1] += n
                mode_offset[w, axis, held], eigen_offset[w, axis, held] = known[n, border]
    nx, ny, nz = (int(k) for k in shape.max(axis=0))
    conc = np.zeros((n_wells, N_SPECIES, nz, ny, nx), dtype=np.float32)
    conc[:] = wells.bulk[:, :, None, None, None]
    return Fields(
        conc=conc,
        release=np.zeros((n_rows, N_SPECIES), dtype=np.float32),
        lateral=np.zeros((n_wells, N_SPECIES), dtype=np.uint8),
        shape=shape,
        spacing=spacing,
        diffusion=np.zeros((n_wells, N_SPECIES, 3)),
        decay=np.zeros((n_wells, N_SPECIES)),
        to_bulk=np.zeros((n_wells, N_SPECIES)),
        surface=np.zeros((n_wells, N_SPECIES)),
        held=np.zeros((n_wells, N_SPECIES), dtype=np.uint8),
        modes=np.concatenate(modes),
        eigenvalues=np.concatenate(eigenvalues),
        mode_offset=mode_offset,
        eigen_offset=eigen_offset,
    )


@row
def voxel_coordinate(x, spacing, n):
    """Index along one axis of the voxel that holds ``x`` [um]."""
    k = math.floor(x / spacing)
    return int(max(min(k, n - 1), 0))
