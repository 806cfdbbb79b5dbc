"""Motion: cells push, stick and crawl.

Walk: the own velocity of a cell is an Ornstein-Uhlenbeck process with root mean square speed S and persistence P,

    MSD(t) = 2 S^2 P (t - P (1 - exp(-t/P)))      (Fuerth),

advanced with the exact joint law of velocity and displacement, so the walk has no step error. The node ``motility``
(and ``temperature``) scales the displacement, and so does the factor ``cells.motility`` (ATP, ERK, VEGF: ``crawling``). In a
find-me gradient g (relative, 1/um) the cell drifts with
velocity  chi S l g/(1 + l |g|), l its diameter.

Mechanics: overdamped, drag dx/dt = sum of forces. Overlapping cells repel in proportion to the overlap; cells within
a shell of width w attract with the force 4 F s (1 - s), s = gap/w, F scaled by both cells' adhesion. Forces are
gathered by each cell from the positions before the sub-step, bin by bin and in order of id, so that neither row order
nor threads change a bit. A repelling pair closes in its own exact exponential, 1 - exp(-2 k dt/drag), which is stable
at any sub-step for a pair; each well takes as many sub-steps as keep the displacements below a tenth of a radius,
and no cell is moved further than that in one.

Assumptions: spheres of constant radius, drag the same for all; dying cells are pushed but do not crawl; corpses and
cells not yet added take no space; cells on an insert and below it do not touch. Contacts are counted at the positions
before the last sub-step. A cell that nothing touches at the start of the step is not moved by others within it.
Step error of mechanics O(dt of a sub-step). Tests: tests/verification/test_space_motion.py (F11, pushing of two cells,
drift, borders).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.maths import cosine_turns, exp, sine_turns
from mitoferry.core.nodes import NODE_ADHESION, NODE_MOTILITY, NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import normal_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP
from mitoferry.core.streams import MECHANICS, MOTION
from mitoferry.space.geometry import BLOCK, can_touch, mirrored, place
from mitoferry.space.neighbours import bin_line, bins_near, in_space, members, minimum_image, update_neighbours

MOST_SUBSTEPS = 12
LARGEST_MOVE = 0.1  # of a radius, per sub-step
LARGEST_CLOSURE = 0.35  # share of their overlap by which each of two cells yields in one sub-step, at most
EVERYWHERE = 1e9  # um: all bins around a cell are looked at
CLOSING = 1.2039728043259361  # -log(1 - 2 LARGEST_CLOSURE): 2 k dt/drag of a sub-step that closes so much
SCALE_3D = 0.8164965809277260  # sqrt(2/3): share of the speed per axis in three against two dimensions


class Parameters(NamedTuple):
    """Library: ``motion.*``. Forces nN, lengths um, drag nN s/um."""

    repulsion: float
    adhesion: float
    adhesion_range: float
    drag: float
    contact_range: float
    chemotaxis: float


class Moves(NamedTuple):
    """Work arrays: next positions x, y, z float32 [cell]; wanted sub-steps float32 [cell]; sub-steps int32 [well]; moves of
    the measurement float64 [cell, 3], which are those of the only sub-step where one is enough.
    """

    x: Any
    y: Any
    z: Any
    wanted: Any
    substeps: Any
    measured: Any


class Substep(NamedTuple):
    """One sub-step: its number (-1 = only measure) and the length of the whole step [s]."""

    number: int
    dt: float


@row
def walk_axis(v, rms, persistence, dt, a, b):
    """Exact Ornstein-Uhlenbeck step of one velocity component.

    Args:
        v: velocity [um/h].
        rms: its stationary standard deviation [um/h].
        persistence: correlation time [h].
        dt: step [h].
        a: uniform.
        b: another, independent.

    Returns:
        (velocity, displacement [um]).
    """
    q = dt / persistence
    e = exp(-q)
    lost = 1.0 - e
    if q < 1e-2:
        spread = rms * rms * persistence * persistence * q * q * q * (2.0 / 3.0 - 0.5 * q + 7.0 / 30.0 * q * q)
        lost = q * (1.0 - 0.5 * q * (1.0 - q / 3.0 * (1.0 - 0.25 * q)))
    else:
        spread = rms * rms * persistence * persistence * (2.0 * q - 3.0 + 4.0 * e - e * e)
    variance = rms * rms * lost * (1.0 + e)
    together = rms * rms * persistence * lost * lost
    na = normal_from(a)
    nb = normal_from(b)
    moved = persistence * lost * v
    if variance <= 0.0:
        return v * e, moved
    sigma = math.sqrt(variance)
    slope = together / variance
    rest = math.sqrt(max(spread - slope * together, 0.0))
    kick = sigma * na
    return v * e + kick, moved + slope * kick + rest * nb


@row
def walk_row(i, cells, groups, wells, p, step):
    """Crawl of cell ``i`` over the step, with drift up the find-me gradient."""
    state = int(cells.state[i])
    if state != CELL_LIVE and state != CELL_MOMP:
        return
    g = int(cells.group[i])
    speed = float(groups.speed[g])
    if speed <= 0.0:
        return
    w = int(cells.well[i])
    k0 = wells.key0[w]
    k1 = wells.key1[w]
    periodic = int(wells.periodic[w])
    persistence = max(float(groups.persistence[g]), 1e-3)
    factor = max(float(groups.nodes[g, NODE_MOTILITY]) * min(float(groups.nodes[g, NODE_TEMPERATURE]), 1.0), 0.0)
    factor = factor * float(cells.motility[i])
    hours = step.dt / 3600.0
    rms = speed * 0.7071067811865476
    block = int(wells.geometry[w]) == BLOCK
    if block:
        rms = rms * SCALE_3D
    a, b, c, d = uniform4(k0, k1, cells.id[i], 0, MOTION, step.step, 0)
    ux, dx = walk_axis(float(cells.ux[i]), rms, persistence, hours, a, b)
    uy, dy = walk_axis(float(cells.uy[i]), rms, persistence, hours, c, d)
    gx = float(cells.gradient_x[i])
    gy = float(cells.gradient_y[i])
    length = 2.0 * float(cells.radius[i])
    drift = p.chemotaxis * speed * hours * length / (1.0 + length * math.sqrt(gx * gx + gy * gy))
    x = float(cells.x[i]) + factor * (dx + drift * gx)
    y = float(cells.y[i]) + factor * (dy + drift * gy)
    size_x = float(wells.size[w, 0])
    size_y = float(wells.size[w, 1])
    cells.ux[i] = ux * mirrored(x, size_x, periodic)
    cells.uy[i] = uy * mirrored(y, size_y, periodic)
    cells.x[i] = place(x, size_x, periodic)
    cells.y[i] = place(y, size_y, periodic)
    if block:
        a, b, c, d = uniform4(k0, k1, cells.id[i], 0, MOTION, step.step, 1)
        uz, dz = walk_axis(float(cells.uz[i]), rms, persistence, hours, a, b)
        z = float(cells.z[i]) + factor * dz
        size_z = float(wells.size[w, 2])
        cells.uz[i] = uz * mirrored(z, size_z, periodic)
        cells.z[i] = place(z, size_z, periodic)


@row
def pair_move(gap, radius_a, radius_b, adhesion, closure, dt, p):
    """Displacement [um] of cell a along the line from b to a in ``dt`` s; ``gap`` is the distance less both radii."""
    if gap < 0.0:
        return -gap * closure
    width = p.adhesion_range * 0.5 * (radius_a + radius_b)
    if gap >= width or adhesion <= 0.0:
        return 0.0
    s = gap / width
    return -min(4.0 * p.adhesion * adhesion * s * (1.0 - s) * dt / p.drag, 0.25 * gap)


@row
def closure_of(dt, p):
    """Share of their overlap by which each of two cells yields in ``dt`` s: (1 - exp(-2 k dt/drag))/2."""
    return 0.5 * (1.0 - exp(-2.0 * p.repulsion * dt / p.drag))


@row
def direction(i, j, dx, dy, dz, d, block, cells, wells, w):
    """Unit vector from cell j to cell i; for coincident centres one drawn for the pair, opposite for the two."""
    if d > 1e-6:
        return dx / d, dy / d, dz / d
    a = int(cells.id[i])
    b = int(cells.id[j])
    u = uniform(wells.key0[w], wells.key1[w], min(a, b), max(a, b), MECHANICS, 0, 0)
    sign = 1.0 if a < b else -1.0
    return sign * cosine_turns(u), sign * sine_turns(u), 0.0


@row
def reach_of(i, cells, neighbours, p):
    """Distance [um] from cell ``i`` beyond which no cell of its well pushes or touches it."""
    radii = float(cells.radius[i]) + float(neighbours.largest[int(cells.well[i])])
    return radii * (1.0 + 0.5 * max(p.adhesion_range, p.contact_range))


@row
def gather_moves(i, reached, cells, groups, wells, neighbours, dt, p):
    """Sum over the neighbours of cell ``i``: displacement (x, y, z) [um] in ``dt`` s, and cells that it touches.

    ``reached``: distance [um] up to which other cells can matter to it, from :func:`reach_of`; more where cells have left their bins.
    """
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    geometry = int(wells.geometry[w])
    block = geometry == BLOCK
    y0, count_y, z0, count_z, lines = bins_near(i, reached, cells, wells, neighbours)
    size_x = float(wells.size[w, 0])
    size_y = float(wells.size[w, 1])
    size_z = float(wells.size[w, 2])
    x = float(cells.x[i])
    y = float(cells.y[i])
    z = float(cells.z[i])
    radius = float(cells.radius[i])
    layer = int(cells.layer[i])
    g = int(cells.group[i])
    own = float(groups.adhesion[g]) * float(groups.nodes[g, NODE_ADHESION])
    closure = closure_of(dt, p)
    mx = 0.0
    my = 0.0
    mz = 0.0
    touching = 0
    for jz in range(count_z):
        for jy in range(count_y):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    other = float(neighbours.radius[m])
                    reach = (radius + other) * (1.0 + 0.5 * max(p.adhesion_range, p.contact_range))
                    dx = minimum_image(x - float(neighbours.x[m]), size_x, periodic)
                    dy = minimum_image(y - float(neighbours.y[m]), size_y, periodic)
                    d2 = dx * dx + dy * dy
                    if d2 < reach * reach:
                        j = int(neighbours.member[m])
                        dz = 0.0
                        if block:
                            dz = minimum_image(z - float(cells.z[j]), size_z, periodic)
                            d2 = d2 + dz * dz
                        if d2 < reach * reach and j != i and can_touch(geometry, layer, int(cells.layer[j])):
                            d = math.sqrt(d2)
                            gap = d - radius - other
                            if gap <= p.contact_range * 0.5 * (radius + other):
                                touching += 1
                            sticky = 0.0
                            if 0.0 <= gap < p.adhesion_range * 0.5 * (radius + other):  # only there it matters
                                h = int(cells.group[j])
                                sticky = math.sqrt(max(own * float(groups.adhesion[h]) * float(groups.nodes[h, NODE_ADHESION]), 0.0))
                            move = pair_move(gap, radius, other, sticky, closure, dt, p)
                            if move != 0.0:
                                ex, ey, ez = direction(i, j, dx, dy, dz, d, block, cells, wells, w)
                                mx += move * ex
                                my += move * ey
                                mz += move * ez
    return mx, my, mz, touching


@row
def measure_row(i, cells, groups, wells, neighbours, moves, p, step):
    """How many sub-steps cell ``i`` needs, and its contacts; 0 if nothing moves it."""
    moves.wanted[i] = 0.0
    if not in_space(int(cells.state[i])):
        cells.n_contacts[i] = 0
        return
    whole = step.dt
    mx, my, mz, touching = gather_moves(i, reach_of(i, cells, neighbours, p), cells, groups, wells, neighbours, whole, p)
    cells.n_contacts[i] = touching
    moves.measured[i, 0] = mx
    moves.measured[i, 1] = my
    moves.measured[i, 2] = mz
    length = math.sqrt(mx * mx + my * my + mz * mz)
    limit = LARGEST_MOVE * float(cells.radius[i])
    if length > 0.0:
        moves.wanted[i] = max(length / limit, 2.0 * whole * p.repulsion / (p.drag * CLOSING))


@row
def substeps_row(w, neighbours, moves, step):
    """Sub-steps of well ``w``: the most that any of its cells wants, within 0 .. MOST_SUBSTEPS."""
    most = 0.0
    for m in range(int(neighbours.start[int(neighbours.offset[w])]), int(neighbours.start[int(neighbours.offset[w + 1])])):
        most = max(most, float(moves.wanted[int(neighbours.member[m])]))
    n = math.floor(most) + 1 if most > 0.0 else 0
    moves.substeps[w] = min(n, MOST_SUBSTEPS)


@row
def push_row(i, cells, groups, wells, neighbours, moves, p, step):
    """Position of cell ``i`` after one sub-step, into the work arrays."""
    if not in_space(int(cells.state[i])):
        return
    w = int(cells.well[i])
    n = int(moves.substeps[w])
    if step.number >= n or float(moves.wanted[i]) == 0.0:
        return
    x = float(cells.x[i])
    y = float(cells.y[i])
    z = float(cells.z[i])
    mx = moves.measured[i, 0]
    my = moves.measured[i, 1]
    mz = moves.measured[i, 2]
    if n > 1:
        mx, my, mz, touching = gather_moves(i, EVERYWHERE, cells, groups, wells, neighbours, step.dt / n, p)
        cells.n_contacts[i] = touching
    limit = LARGEST_MOVE * float(cells.radius[i])
    length = math.sqrt(mx * mx + my * my + mz * mz)
    scale = 1.0
    if length > limit:
        scale = limit / length
    periodic = int(wells.periodic[w])
    moves.x[i] = place(x + scale * mx, float(wells.size[w, 0]), periodic)
    moves.y[i] = place(y + scale * my, float(wells.size[w, 1]), periodic)
    moves.z[i] = z
    if int(wells.geometry[w]) == BLOCK:
        moves.z[i] = place(z + scale * mz, float(wells.size[w, 2]), periodic)


@row
def commit_row(i, cells, neighbours, moves, step):
    """Take over the position of cell ``i`` after a sub-step."""
    if float(moves.wanted[i]) == 0.0 or step.number >= int(moves.substeps[int(cells.well[i])]):
        return
    cells.x[i] = moves.x[i]
    cells.y[i] = moves.y[i]
    cells.z[i] = moves.z[i]
    m = int(neighbours.place[i])
    neighbours.x[m] = moves.x[i]
    neighbours.y[m] = moves.y[i]


def _moves(world: Any) -> Moves:
    found = world.space.scratch.get("motion.moves")
    n = len(world.cells.id)
    if found is None or len(found.x) < n:
        zeros = world.backend.zeros
        x, y, z, wanted = (zeros(n, np.float32) for _ in range(4))
        found = Moves(x, y, z, wanted, zeros(world.n_wells, np.int32), zeros((n, 3)))
        world.space.scratch["motion.moves"] = found
    return found


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Crawl, push, and sort the cells into the neighbour grid again."""
    backend, n = world.backend, world.n_cells
    cells, groups, wells = world.cells, world.groups, world.wells
    backend.each(walk_row, n, cells, groups, wells, p, step)
    update_neighbours(world, step)
    moves, neighbours = _moves(world), world.space.neighbours
    backend.each(measure_row, n, cells, groups, wells, neighbours, moves, p, step)
    backend.each(substeps_row, world.n_wells, neighbours, moves, step)
    backend.pull(moves.substeps)
    most = int(moves.substeps.max(initial=0))
    for number in range(most):
        sub = Substep(number, step.dt)
        backend.each(push_row, n, cells, groups, wells, neighbours, moves, p, sub)
        backend.each(commit_row, n, cells, neighbours, moves, sub)
    if most:
        update_neighbours(world, step, only_moved=True)


PROCESS = Process(name="motion", stage="motion", clock="macro", parameters=Parameters, advance=advance)
