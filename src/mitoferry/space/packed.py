"""Spheres that push and stick, packed for speed: cells without mitochondria, by the hundred thousand.

Overdamped mechanics with the potential that simulators of tissues share. Between two cells of radii r and s at the distance d

    v = [ k_rep (1 - d/(r + s))^2 - k_adh (1 - d/(m (r + s)))^2 ]    along the line between them,

the first term where they overlap, the second where d is less than m (r + s); the velocity of a cell is the sum over its neighbours
(um per minute at unit drag). Every cell adds up its own sum, in the order of its list: no two rows write the same number, and the bytes
depend neither on threads nor on the order of rows.

**Order in memory** (``space/packed_lists.py``). Cells are sorted by bin and *moved*: those that are near are near in
memory, and the cells of neighbouring bins along x follow each other. **Lists.** From the bins each cell gets the list of the cells
within reach and a margin. It stays complete until two cells can have come nearer by the margin: until one has moved by half of it since
the list was made; then all is sorted and listed anew (or before every step, if asked for, which gives the same forces to rounding).

**Steps.** Adams-Bashforth of second order with a fixed step, x += dt (3 v - v_before)/2, or Heun's method with an adaptive step: the
difference between its two velocities is the error of a step, which is taken again, shorter, where it is above the tolerance.

Tests: tests/verification/test_community_benchmarks.py, tests/unit/test_packed_cells.py, tests/backends/test_cells_only_backends.py.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mitoferry.core.lanes import lane, lanes
from mitoferry.core.row import row
from mitoferry.core.schema import PAGE
from mitoferry.space.packed_lists import BLOCK_CELLS

REGISTER = 8  # numbers in a vector register; neighbours are filled up to a multiple of it
COINCIDENT, FAR = 1e-9, 1e9  # um
SAFETY = 0.9  # of the step that would just keep the tolerance
LARGEST_GROWTH, LARGEST_CUT = 2.0, 0.2  # of an adaptive step


class Potential(NamedTuple):
    """k_rep and k_adh [um/min], and the multiple of the sum of radii at which adhesion ends."""

    repulsion: float
    adhesion: float
    multiple: float


class Packed(NamedTuple):
    """The cells, in order of their bins.

    Attributes:
        id: int32, which cell a row holds.
        place: float64 [cells, 4], x, y, z [um] and radius [um].
        target: float64 [cells, 4], places after the step under way (or of its first stage).
        velocity: float64 [cells, 3], of the step before (Adams-Bashforth) or now (Heun) [um/min].
        origin: float64 [cells, 3], places when the lists were made.
        uptake: float64 [cells], share of a voxel's amount per minute.
    """

    id: Any
    place: Any
    target: Any
    velocity: Any
    origin: Any
    uptake: Any


class Measured(NamedTuple):
    """Per block of cells: float64 [blocks], largest displacement squared since the lists [um^2], and largest error of a step [um]."""

    moved: Any
    error: Any


@row
def strength(d, together, p):
    """Velocity [um/min] at which a cell moves away from one at the distance ``d``; ``together``: sum of their radii."""
    share = d / together
    near = max(1.0 - share, 0.0)
    far = max(1.0 - share * (1.0 / p.multiple), 0.0)
    return p.repulsion * near * near - p.adhesion * far * far


@row
def velocity_at(i, place, lists, p):
    """Velocity (x, y, z) [um/min] of cell ``i`` among cells at ``place``; coincident cells part along x.

    Neighbours are fetched into scratch, where roots and quotients are taken side by side, and summed one after the other.
    """
    away_x = lanes()
    away_y = lanes()
    away_z = lanes()
    sums = lanes()
    push = lanes()
    x = place[lane(i, 0), 0]
    y = place[lane(i, 0), 1]
    z = place[lane(i, 0), 2]
    radius = place[lane(i, 0), 3]
    vx = 0.0
    vy = 0.0
    vz = 0.0
    count = int(lists.count[i])
    for begin in range(0, count, PAGE):
        n = min(count - begin, PAGE)
        for k in range(n):
            j = int(lists.near[lane(i, 0), lane(begin + k, 0)])
            dx = x - place[lane(j, 0), 0]
            dy = y - place[lane(j, 0), 1]
            dz = z - place[lane(j, 0), 2]
            if dx == 0.0 and dy == 0.0 and dz == 0.0:
                dx = COINCIDENT if i > j else -COINCIDENT
            away_x[k] = dx
            away_y[k] = dy
            away_z[k] = dz
            sums[k] = radius + place[lane(j, 0), 3]
        whole = (n + REGISTER - 1) // REGISTER * REGISTER
        for k in range(n, whole):
            away_x[k] = FAR
            away_y[k] = 0.0
            away_z[k] = 0.0
            sums[k] = 1.0
        for k in range(whole):
            d = math.sqrt(away_x[k] * away_x[k] + away_y[k] * away_y[k] + away_z[k] * away_z[k])
            push[k] = strength(d, sums[k], p) / d
        for k in range(n):
            vx += push[k] * away_x[k]
            vy += push[k] * away_y[k]
            vz += push[k] * away_z[k]
    return vx, vy, vz


@row
def distance_moved(i, place, origin):
    """Square of the way [um^2] of cell ``i`` since the lists were made."""
    dx = place[i, 0] - origin[i, 0]
    dy = place[i, 1] - origin[i, 1]
    dz = place[i, 2] - origin[i, 2]
    return dx * dx + dy * dy + dz * dz


@row
def bashforth_row(b, n, cells, lists, measured, p, dt, first):
    """One step of Adams-Bashforth (``first`` = 1: of Euler) for the cells of block ``b``, into ``target`` and ``velocity``."""
    most = 0.0
    old = 0.0 if first != 0 else 0.5
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        vx, vy, vz = velocity_at(i, cells.place, lists, p)
        cells.target[i, 0] = cells.place[i, 0] + dt * (vx + old * (vx - cells.velocity[i, 0]))
        cells.target[i, 1] = cells.place[i, 1] + dt * (vy + old * (vy - cells.velocity[i, 1]))
        cells.target[i, 2] = cells.place[i, 2] + dt * (vz + old * (vz - cells.velocity[i, 2]))
        cells.velocity[i, 0] = vx
        cells.velocity[i, 1] = vy
        cells.velocity[i, 2] = vz
        most = max(most, distance_moved(i, cells.target, cells.origin))
    measured.moved[b] = most


@row
def velocity_row(b, n, cells, lists, p):
    """Velocities of the cells of block ``b`` at their places."""
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        vx, vy, vz = velocity_at(i, cells.place, lists, p)
        cells.velocity[i, 0] = vx
        cells.velocity[i, 1] = vy
        cells.velocity[i, 2] = vz


@row
def euler_row(b, n, cells, measured, dt):
    """First stage of Heun's method for the cells of block ``b``: ``target`` = place + dt velocity."""
    most = 0.0
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        for k in range(3):
            cells.target[i, k] = cells.place[i, k] + dt * cells.velocity[i, k]
        most = max(most, distance_moved(i, cells.target, cells.origin))
    measured.moved[b] = most


@row
def heun_row(b, n, cells, second, lists, measured, p, dt):
    """Second stage for the cells of block ``b``: velocity at ``target`` into ``second``, and the error of the step."""
    worst = 0.0
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        vx, vy, vz = velocity_at(i, cells.target, lists, p)
        second[i, 0] = vx
        second[i, 1] = vy
        second[i, 2] = vz
        ex = vx - cells.velocity[i, 0]
        ey = vy - cells.velocity[i, 1]
        ez = vz - cells.velocity[i, 2]
        worst = max(worst, ex * ex + ey * ey + ez * ez)
    measured.error[b] = 0.5 * dt * math.sqrt(worst)


@row
def accept_row(b, n, cells, second, measured, dt):
    """Take the step of Heun's method for the cells of block ``b``: place += dt (velocity + that at the target)/2."""
    most = 0.0
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        for k in range(3):
            cells.place[i, k] += 0.5 * dt * (cells.velocity[i, k] + second[i, k])
        most = max(most, distance_moved(i, cells.place, cells.origin))
    measured.moved[b] = most
