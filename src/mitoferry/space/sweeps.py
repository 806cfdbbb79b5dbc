"""One diffusing field in a box, axis by axis: the splitting that simulators of tissues with a clock of 0.01 min use.

    dc/dt = D lap c - k c + S - U c

A step is three implicit ones, along y, x and z, each with a third of the decay (locally one-dimensional), and then uptake and release
of the cells, exact for each voxel at what is there: c := gain c + offset, with the gains and offsets made beforehand from the cells of
a voxel (:func:`fill_uptake`). Every step is stable and positive at any length; the error is O(dt) of the splitting and O(voxel^2).
Faces are held at a concentration, half a voxel outside the first centre, or closed.

The field lies as [z, y, x] with lines padded to whole vector registers. The solution of a tridiagonal system is a recurrence, so the
systems of many lines are solved side by side: along y and z a whole line of x at a time; along x the plane is turned over on the way
into a scratch plane that stays in the cache, and back. One pass over the planes z (sweeps along y and x) and one over slabs y (sweep
along z, uptake) is all the traffic with memory. No row writes what another reads: the bytes do not depend on threads.

Tests: tests/verification/test_community_benchmarks.py, tests/unit/test_sweeps.py, tests/backends/test_cells_only_backends.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.lanes import lane
from mitoferry.core.row import row
from mitoferry.space.grid import voxel_coordinate

PADDING = 16  # lines of the field are a multiple of this, in numbers
PLANE_BLOCKS = 16  # rows of the pass over planes: fixed, so that bytes do not depend on threads; each has a scratch plane
SLAB = 4  # lines of the field that are swept along z side by side


class Box(NamedTuple):
    """A field and what is needed to advance it.

    Attributes:
        field: float64 [nz ny stride], concentration.
        gain: float64, the same shape: what uptake of one step leaves of it.
        offset: float64, the same shape or empty: what release adds in one step.
        pivots: float64 [3, longest axis], 1/pivot of the elimination along x, y, z.
        scratch: float64 [PLANE_BLOCKS, padded ny * nx], a plane turned over.
        shape: int64 [4], voxels along x, y, z, and the stride of a line.
        edge: float64 [3], edges of a voxel [um].
    """

    field: Any
    gain: Any
    offset: Any
    pivots: Any
    scratch: Any
    shape: Any
    edge: Any


class Spread(NamedTuple):
    """One step: D dt/h^2 along x, y and z, and what a held face adds to the voxel beside it, likewise (0: closed)."""

    along_x: float
    along_y: float
    along_z: float
    from_x: float
    from_y: float
    from_z: float


def padded(n: int) -> int:
    """``n`` rounded up to whole vector registers."""
    return -(-n // PADDING) * PADDING


def allocate_box(shape: tuple[int, int, int], edge: tuple[float, float, float], value: float, *, releases: bool = False) -> Box:
    """A box of ``shape`` voxels (x, y, z) with edges ``edge`` [um], filled with ``value``; no cell takes up or releases.

    Args:
        shape: voxels along x, y, z.
        edge: edges of a voxel [um].
        value: concentration everywhere.
        releases: whether cells may release: room for an offset.
    """
    nx, ny, nz = shape
    size = nz * ny * padded(nx)
    return Box(
        field=np.full(size, float(value)),
        gain=np.ones(size),
        offset=np.zeros(size if releases else 0),
        pivots=np.zeros((3, max(shape))),
        scratch=np.zeros((PLANE_BLOCKS, padded(ny) * nx)),
        shape=np.array([nx, ny, nz, padded(nx)], dtype=np.int64),
        edge=np.array(edge, dtype=np.float64),
    )


def prepare_spread(box: Box, diffusion: float, decay: float, dt: float, *, face: float, held: bool = True) -> Spread:
    """Eliminate the systems of the three axes beforehand, for steps of one length; returns what goes with them.

    Args:
        box: the field; its ``pivots`` are written.
        diffusion: um^2 per unit of time.
        decay: per unit of time.
        dt: step.
        face: concentration at the faces, where they are held.
        held: whether the faces are held; else they are closed.
    """
    coupling = [diffusion * dt / float(h) ** 2 if int(n) > 1 else 0.0 for h, n in zip(box.edge, box.shape)]
    for axis, a in enumerate(coupling):
        n = int(box.shape[axis])
        before = 0.0
        for k in range(n):
            borders = (k == 0) + (k == n - 1)
            diagonal = 1.0 + decay * dt / 3.0 + (2 - borders) * a + (2.0 * a * borders if held else 0.0)
            before = 1.0 / (diagonal - a * (a * before))
            box.pivots[axis, k] = before
    inflow = [2.0 * a * face if held else 0.0 for a in coupling]
    return Spread(*coupling, *inflow)


@row
def sweep(field, base, n, gap, length, a, inflow, pivots, axis):
    """Solve ``length`` systems of ``n`` unknowns side by side: those of one begin at ``base``, those after it ``gap`` further on."""
    for i in range(n):
        at = base + i * gap
        pivot = pivots[axis, i]
        more = inflow if i == 0 or i == n - 1 else 0.0
        if i == 0:
            for x in range(length):
                field[lane(at, x)] = (field[lane(at, x)] + more) * pivot
        elif i < n - 1:
            for x in range(length):
                field[lane(at, x)] = (field[lane(at, x)] + a * field[lane(at - gap, x)]) * pivot
        else:
            for x in range(length):
                field[lane(at, x)] = (field[lane(at, x)] + more + a * field[lane(at - gap, x)]) * pivot
    for k in range(1, n):
        i = n - 1 - k
        at = base + i * gap
        carry = a * pivots[axis, i]
        for x in range(length):
            field[lane(at, x)] += carry * field[lane(at + gap, x)]


@row
def turn_over(source, base, rows, stride, target, start, columns, width):
    """target[x, y] = source[y, x] for planes with lines of ``stride`` and ``width`` numbers."""
    for x in range(columns):
        for y in range(rows):
            target[lane(start + x * width, y)] = source[lane(base + y * stride, x)]


@row
def sweep_planes_row(b, box, spread):
    """Sweeps along y and x of block ``b`` of the planes."""
    nx = int(box.shape[0])
    ny = int(box.shape[1])
    nz = int(box.shape[2])
    stride = int(box.shape[3])
    width = box.scratch.shape[1] // nx
    turned = box.scratch[b]
    for z in range(nz * b // PLANE_BLOCKS, nz * (b + 1) // PLANE_BLOCKS):
        base = z * ny * stride
        if ny > 1:
            sweep(box.field, base, ny, stride, stride, spread.along_y, spread.from_y, box.pivots, 1)
        turn_over(box.field, base, ny, stride, turned, 0, nx, width)
        sweep(turned, 0, nx, width, width, spread.along_x, spread.from_x, box.pivots, 0)
        turn_over(turned, 0, nx, width, box.field, base, ny, stride)


@row
def take_up(field, gain, offset, at, length):
    """What cells take up and release of a line, in one step."""
    if len(offset) > 0:
        for x in range(length):
            field[lane(at, x)] = gain[lane(at, x)] * field[lane(at, x)] + offset[lane(at, x)]
    else:
        for x in range(length):
            field[lane(at, x)] = gain[lane(at, x)] * field[lane(at, x)]


@row
def sweep_slabs_row(b, box, spread):
    """Sweep along z of slab ``b`` of SLAB lines, and uptake."""
    ny = int(box.shape[1])
    nz = int(box.shape[2])
    stride = int(box.shape[3])
    base = b * SLAB * stride
    length = (min((b + 1) * SLAB, ny) - b * SLAB) * stride
    if nz > 1:
        sweep(box.field, base, nz, ny * stride, length, spread.along_z, spread.from_z, box.pivots, 2)
    for z in range(nz):
        take_up(box.field, box.gain, box.offset, base + z * ny * stride, length)


def step_box(backend: Any, box: Box, spread: Spread) -> None:
    """Advance the field by one step."""
    backend.each(sweep_planes_row, PLANE_BLOCKS, box, spread)
    backend.each(sweep_slabs_row, -(-int(box.shape[1]) // SLAB), box, spread)


@row
def voxel_in(x, y, z, box, line):
    """Index of the voxel of a box that holds a place [um], in a field whose lines along x are ``line`` numbers apart."""
    kx = voxel_coordinate(x, box.edge[0], int(box.shape[0]))
    ky = voxel_coordinate(y, box.edge[1], int(box.shape[1]))
    kz = voxel_coordinate(z, box.edge[2], int(box.shape[2]))
    return (kz * int(box.shape[1]) + ky) * line + kx


@row
def voxel_of(x, y, z, box):
    """Index into ``box.field``, whose lines are padded, of the voxel that holds a place [um]."""
    return voxel_in(x, y, z, box, int(box.shape[3]))


@row
def fill_uptake(n, place, uptake, release, box, dt):
    """Gain and offset of every voxel for steps of ``dt``, from its cells one after the other in order of row (serial).

    A cell changes the concentration c of its voxel by release - uptake c, per unit of time: implicitly, so that nothing gets below zero.

    Args:
        n: cells.
        place: float64 [cells, 4], x, y, z [um] and radius.
        uptake: float64 [cells], share of the voxel's amount per unit of time: rate of the cell times its volume over the voxel's.
        release: float64 [cells] or empty, concentration of the voxel per unit of time.
        box: its ``gain`` and ``offset`` are written.
        dt: step.
    """
    for v in range(len(box.gain)):
        box.gain[v] = 1.0
    for v in range(len(box.offset)):
        box.offset[v] = 0.0
    for i in range(n):
        v = voxel_of(place[i, 0], place[i, 1], place[i, 2], box)
        kept = 1.0 / (1.0 + dt * uptake[i])
        box.gain[v] *= kept
        if len(box.offset) > 0:
            box.offset[v] = kept * (box.offset[v] + dt * release[i])
