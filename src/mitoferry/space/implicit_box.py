"""One diffusing field in a box with held faces, in steps of any length: the solver of the wells (``space/solver.py``) on its own.

    (1/dt + k + U - D lap) c = c_before/dt + S

Backward Euler, solved to a residual of 1e-5 of the right-hand side by conjugate gradients with the modes of the box. A long step ends
at the steady field. Step error O(dt); :meth:`ImplicitBox.advance` returns an estimate of it, so that steps can grow as the field settles.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row
from mitoferry.space.grid import HELD, modes_of_axis, packed_modes
from mitoferry.space.solver import FIELD, IMPLICIT_PLANES, SOURCE, UPTAKE, implicit_step
from mitoferry.space.solver_lines import DIAGONAL, EXTRA, LOSS, N_LINES, SHARE, SHIFT, SPREAD_X, SPREAD_Y, SPREAD_Z, line_length
from mitoferry.space.solver_modes import NARROW_PLANES
from mitoferry.space.sweeps import voxel_in


class BoxPlanes(NamedTuple):
    """What :func:`solve_box_row` works on.

    Attributes:
        planes: float64 [IMPLICIT_PLANES size], narrow: float32 [NARROW_PLANES size], see ``space/solver.py``; the field is kept
            less the concentration of the faces.
        given: float64 [2, size], what is released per voxel, and the rate of uptake; planes lose them in every step.
        earlier: float64 [2, size], the field before the last step, and before the one before it.
        lines: float64 [N_LINES, longest line].
        modes: float32, eigenvalues: float64, of the three axes, see ``space/grid.py``.
        begin: int64 [2, 3], where those of each axis begin.
        shape: int64 [3], voxels. edge: float64 [3], their edges [um].
        error: float64 [2], largest change of a voxel in the step, and largest difference from where the step before it pointed.
    """

    planes: Any
    narrow: Any
    given: Any
    earlier: Any
    lines: Any
    modes: Any
    eigenvalues: Any
    begin: Any
    shape: Any
    edge: Any
    error: Any


class Medium(NamedTuple):
    """Diffusion [um^2 per unit of time], decay, and the concentration of the faces."""

    diffusion: float
    decay: float
    face: float


@row
def solve_box_row(i, box, medium, dt, ratio):
    """One step of ``dt``; ``ratio``: its length over that of the step before, 0 if there was none."""
    nx = int(box.shape[0])
    ny = int(box.shape[1])
    nz = int(box.shape[2])
    size = nx * ny * nz
    lines = box.lines
    lines[SPREAD_X, 0] = medium.diffusion / (box.edge[0] * box.edge[0])
    lines[SPREAD_Y, 0] = medium.diffusion / (box.edge[1] * box.edge[1])
    lines[SPREAD_Z, 0] = medium.diffusion / (box.edge[2] * box.edge[2])
    lines[SHARE, 0] = 0.0
    lines[DIAGONAL, 0] = 1.0 / dt + medium.decay
    lines[EXTRA, 0] = 0.0
    lines[LOSS, 0] = medium.decay
    lines[SHIFT, 0] = medium.face
    field = box.planes[FIELD * size : FIELD * size + size]
    source = box.planes[SOURCE * size : SOURCE * size + size]
    uptake = box.planes[UPTAKE * size : UPTAKE * size + size]
    released = box.given[0]
    taken = box.given[1]
    last = box.earlier[0]
    older = box.earlier[1]
    for v in range(size):
        older[v] = field[v] + ratio * (field[v] - last[v])  # where the field would go on to
        last[v] = field[v]
        source[v] = released[v]
        uptake[v] = taken[v]
    modes_at = (int(box.begin[0, 0]), int(box.begin[0, 1]), int(box.begin[0, 2]))
    eigen_at = (int(box.begin[1, 0]), int(box.begin[1, 1]), int(box.begin[1, 2]))
    implicit_step((nx, ny, nz), 1, 1, 0, 0, modes_at, eigen_at, box.modes, box.eigenvalues, box.planes, box.narrow, size, lines, dt)
    change = 0.0
    off = 0.0
    for v in range(size):
        change = max(change, abs(field[v] - last[v]))
        off = max(off, abs(field[v] - older[v]))
    box.error[0] = change
    box.error[1] = off


@row
def box_voxel(x, y, z, box):
    """Voxel of a place [um]."""
    return voxel_in(x, y, z, box, int(box.shape[0]))


@row
def fill_box_uptake(n, cells, box):
    """Uptake of every voxel, the sum over its cells in order of row (serial)."""
    size = int(box.shape[0]) * int(box.shape[1]) * int(box.shape[2])
    for v in range(size):
        box.given[1, v] = 0.0
    for i in range(n):
        box.given[1, box_voxel(cells.place[i, 0], cells.place[i, 1], cells.place[i, 2], box)] += cells.uptake[i]


class ImplicitBox:
    """A field that is advanced by steps of any length.

    Args:
        backend: runs the row functions.
        shape: voxels along x, y, z.
        edge: edges of a voxel [um].
        medium: diffusion, decay, faces.
        value: concentration at the start.
    """

    def __init__(self, backend: Any, shape: tuple[int, int, int], edge: tuple[float, float, float], medium: Medium, value: float) -> None:
        self.backend = backend
        self.medium = medium
        size = math.prod(shape)
        found = [modes_of_axis(n, HELD) for n in shape]
        packed = [packed_modes(vectors) for vectors, _ in found]
        values = [eigenvalues for _, eigenvalues in found]
        begin = [np.concatenate([[0], np.cumsum([len(part) for part in parts])])[:3] for parts in (packed, values)]
        self.box = BoxPlanes(
            planes=np.zeros(IMPLICIT_PLANES * size),
            narrow=np.zeros(NARROW_PLANES * size, dtype=np.float32),
            given=np.zeros((2, size)),
            earlier=np.zeros((2, size)),
            lines=np.zeros((N_LINES, line_length(shape, 1))),
            modes=np.concatenate(packed).astype(np.float32),
            eigenvalues=np.concatenate(values),
            begin=np.array(begin, dtype=np.int64),
            shape=np.array(shape, dtype=np.int64),
            edge=np.array(edge, dtype=np.float64),
            error=np.zeros(2),
        )
        self.size = size
        self.box.planes[FIELD * size : FIELD * size + size] = value - medium.face
        self._last = 0.0

    @property
    def field(self) -> Any:
        """float64 [z, y, x], the concentration (a copy)."""
        nx, ny, nz = (int(n) for n in self.box.shape)
        return (self.box.planes[FIELD * self.size : FIELD * self.size + self.size] + self.medium.face).reshape(nz, ny, nx)

    @property
    def source(self) -> Any:
        """float64 [z, y, x], what is released [concentration per unit of time]; write to it."""
        nx, ny, nz = (int(n) for n in self.box.shape)
        return self.box.given[0].reshape(nz, ny, nx)

    def take_up(self, n: int, cells: Any) -> None:
        """Uptake of the voxels by the cells of a table with ``place`` and ``uptake``."""
        self.backend.serial(fill_box_uptake, n, cells, self.box)

    def advance(self, dt: float) -> float:
        """One step of ``dt``; returns an estimate of its error, of the voxel that errs most.

        Twice the error of backward Euler is dt^2 c''; the field is farther by dt (dt + last) c''/2 than where the step before pointed.
        """
        ratio = dt / self._last if self._last > 0.0 else 0.0
        self.backend.each(solve_box_row, 1, self.box, self.medium, float(dt), float(ratio))
        change, off = float(self.box.error[0]), float(self.box.error[1])
        if self._last == 0.0:
            self._last = dt
            return 0.5 * change
        share = dt / (dt + self._last)
        self._last = dt
        return share * off

    @property
    def bytes_held(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.box)
