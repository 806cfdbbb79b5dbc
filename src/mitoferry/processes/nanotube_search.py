"""Nanotubes by search: a cell sends out filopodia, and one that meets another cell may become a nanotube.

Mechanism: each cell makes attempts at the rate

    lambda_p = lambda_0 * TNFAIP2 * actin * filopodia * CDC42/RAC1 * Akt/mTOR * (1 + g * signal of injured neighbours)
               * RAC1 by HMGB1 * CD38 * GAP43, of which the last two count by how much the type rests on them

An attempt has a direction (uniform, or von Mises around the find-me gradient with concentration kappa), and a length
beyond the membrane from an exponential distribution of mean l. The first cell on the ray is reached if its gap is not
longer than that. It holds the filopodium with the probability p_f * capture of both * C_ab * (1 + exposed, uncovered
phosphatidylserine of the target) * anchoring by connexin 43 (``connexin43``: 1 at rest, less when it is lost), C_ab the
compatibility of the two surfaces (``compatibility``). The tube then grows for gap / v_grow. With centre distance D, the
chance of an attempt to end in a given lone cell of radius R is asin(R/D)/pi * exp(-gap/l) * p_f (dish).

Assumptions: rates are frozen over a step; a cell may hold several filopodia; after an attempt in vain the cell rests
for the refractory time; cells in between shade those behind them; only living cells start or capture.
Step error: none at frozen rates (times inside the step are exact; positions move once per step).
Verified by F13 (tests/verification/test_nanotube_search.py): first-link time, split between targets, refractory time.
Sources: search and capture by filopodia, Bressloff 2020 (arXiv 2009.06095); von Mises deviates, Best and Fisher 1979.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.maths import HALF_PI, TWO_PI, arcsine, cosine_turns, exp, log, sine_turns
from mitoferry.core.nodes import (
    NODE_ACTIN,
    NODE_CAPTURE,
    NODE_FILOPODIA,
    NODE_GAP43,
    NODE_MITOCHONDRIA_RELEASE,
    NODE_PS_MASK,
    NODE_RHO_GTPASES,
    NODE_S100A4,
    NODE_TEMPERATURE,
)
from mitoferry.core.process import Process
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP
from mitoferry.core.streams import NANOTUBE_CAPTURE, NANOTUBE_SEARCH
from mitoferry.processes.compatibility import compatibility, dependence
from mitoferry.processes.connexin43 import anchoring
from mitoferry.processes.nanotube_links import BY_SEARCH, make_links, proposals_of, state_array
from mitoferry.space.geometry import BLOCK, can_touch
from mitoferry.space.neighbours import bin_coordinate, bin_line, bin_span, lines_of, members, minimum_image

N_SLOTS = 4  # links that a cell can start in one step; after the fourth it waits for the next step
MAX_TRIES = 1000  # attempts of a cell in one step
TRIES_OF_ANGLE = 30


class Parameters(NamedTuple):
    """Parameters of the search (see the library for units and sources)."""

    length: float
    growth_speed: float
    capture_probability: float
    phosphatidylserine_gain: float
    signal_gain: float
    bias: float
    bias_gradient: float
    refractory: float
    shortest: float
    cx43_anchoring: float


class Search(NamedTuple):
    """State of the search: ``busy`` float64 [cells], until when [s] a cell rests after an attempt in vain."""

    busy: Any


@row
def alive(state):
    """Whether a cell in this state can start or capture a filopodium."""
    return state == CELL_LIVE or state == CELL_MOMP


@row
def attempt_rate(i, cells, groups, p):
    """Search attempts of cell ``i`` [1/h]."""
    g = int(cells.group[i])
    nodes = float(groups.nodes[g, NODE_ACTIN]) * float(groups.nodes[g, NODE_FILOPODIA]) * float(groups.nodes[g, NODE_RHO_GTPASES])
    signals = float(cells.tnfaip2[i]) * float(cells.akt[i]) * (1.0 + p.signal_gain * float(cells.signal_from_neighbours[i]))
    signals = signals * float(cells.rac1[i]) * dependence(float(groups.cd38[g]), float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]))
    signals = signals * dependence(float(groups.gap43[g]), float(groups.nodes[g, NODE_GAP43]))
    return max(float(groups.filopodia[g]) * nodes * float(groups.nodes[g, NODE_TEMPERATURE]) * signals, 0.0)


@row
def von_mises_turns(kappa, key0, key1, cell_id, stream, step, draw):
    """An angle in turns from a von Mises distribution around 0, by Best and Fisher's rejection."""
    u, v, s, _ = uniform4(key0, key1, cell_id, 0, stream, step, draw)
    if kappa < 1e-4:
        return u - 0.5
    a = 1.0 + math.sqrt(1.0 + 4.0 * kappa * kappa)
    b = (a - math.sqrt(2.0 * a)) / (2.0 * kappa)
    r = (1.0 + b * b) / (2.0 * b)
    f = 1.0
    for k in range(TRIES_OF_ANGLE):
        z = cosine_turns(0.5 * u)
        f = (1.0 + r * z) / (r + z)
        c = kappa * (r - f)
        if c * (2.0 - c) > v or log(c / v) + 1.0 >= c:
            break
        u, v, s, _ = uniform4(key0, key1, cell_id, 0, stream, step, draw + 1 + k)
    angle = (HALF_PI - arcsine(f)) / TWO_PI
    if s < 0.5:
        angle = -angle
    return angle


@row
def direction(i, cells, groups, wells, p, step, draw):
    """Unit vector of an attempt: uniform, or drawn towards the find-me gradient."""
    w = int(cells.well[i])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    cell_id = int(cells.id[i])
    gx = float(cells.gradient_x[i])
    gy = float(cells.gradient_y[i])
    gradient = math.sqrt(gx * gx + gy * gy)
    cx = 1.0
    cy = 0.0
    kappa = 0.0
    if gradient > 0.0:
        cx = gx / gradient
        cy = gy / gradient
        kappa = p.bias * float(groups.nodes[int(cells.group[i]), NODE_S100A4]) * gradient / (gradient + p.bias_gradient)
    if int(wells.geometry[w]) == BLOCK:
        u, v, _, _ = uniform4(key0, key1, cell_id, 0, NANOTUBE_SEARCH, step.step, draw)
        along = 2.0 * u - 1.0
        if kappa > 1e-4:
            along = 1.0 + log(u + (1.0 - u) * exp(-2.0 * kappa)) / kappa
        across = math.sqrt(max(1.0 - along * along, 0.0))
        side = across * cosine_turns(v)
        return cx * along - cy * side, cy * along + cx * side, across * sine_turns(v)
    turn = von_mises_turns(kappa, key0, key1, cell_id, NANOTUBE_SEARCH, step.step, draw)
    c = cosine_turns(turn)
    s = sine_turns(turn)
    return cx * c - cy * s, cy * c + cx * s, 0.0


@row
def entry_distance(i, j, ex, ey, ez, cells, wells):
    """Where a ray from the centre of cell ``i`` enters cell ``j``, and their gap [um]; a miss enters at -1."""
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    dx = minimum_image(float(cells.x[j]) - float(cells.x[i]), float(wells.size[w, 0]), periodic)
    dy = minimum_image(float(cells.y[j]) - float(cells.y[i]), float(wells.size[w, 1]), periodic)
    dz = 0.0
    if int(wells.geometry[w]) == BLOCK:
        dz = minimum_image(float(cells.z[j]) - float(cells.z[i]), float(wells.size[w, 2]), periodic)
    radius = float(cells.radius[j])
    along = dx * ex + dy * ey + dz * ez
    square = dx * dx + dy * dy + dz * dz
    off = square - along * along
    if along <= 0.0 or off >= radius * radius:
        return -1.0, 0.0
    gap = max(math.sqrt(square) - radius - float(cells.radius[i]), 0.0)
    return max(along - math.sqrt(radius * radius - off), 0.0), gap


@row
def first_hit(i, ex, ey, ez, reach, cells, wells, neighbours):
    """The first cell on a ray from cell ``i`` within ``reach`` [um] of its centre, and its gap; row -1 if none."""
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    geometry = int(wells.geometry[w])
    nx = int(neighbours.shape[w, 0])
    ny = int(neighbours.shape[w, 1])
    nz = int(neighbours.shape[w, 2])
    edge_x = float(neighbours.edge[w, 0])
    edge_y = float(neighbours.edge[w, 1])
    edge_z = float(neighbours.edge[w, 2])
    # a bin is at least 2.6 radii wide: 0.4 of it covers the radius of the cell that is hit
    x0, mx = bin_span(bin_coordinate(float(cells.x[i]), edge_x, nx), nx, int(math.floor(reach / edge_x + 0.4)) + 1, periodic)
    y0, my = bin_span(bin_coordinate(float(cells.y[i]), edge_y, ny), ny, int(math.floor(reach / edge_y + 0.4)) + 1, periodic)
    z0 = 0
    mz = nz
    if geometry == BLOCK:
        z0, mz = bin_span(bin_coordinate(float(cells.z[i]), edge_z, nz), nz, int(math.floor(reach / edge_z + 0.4)) + 1, periodic)
    lines = lines_of(w, x0, mx, neighbours)
    best = 1e30
    hit = -1
    gap_of_hit = 0.0
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    j = int(neighbours.member[m])
                    if j != i and can_touch(geometry, int(cells.layer[i]), int(cells.layer[j])):
                        entry, gap = entry_distance(i, j, ex, ey, ez, cells, wells)
                        if entry >= 0.0 and (entry < best or (entry == best and int(cells.id[j]) < int(cells.id[hit]))):
                            best = entry
                            hit = j
                            gap_of_hit = gap
    return hit, gap_of_hit


@row
def capture_chance(i, j, cells, groups, p):
    """Probability that cell ``j`` holds a filopodium of cell ``i`` that has reached it."""
    gi = int(cells.group[i])
    gj = int(cells.group[j])
    exposed = float(cells.phosphatidylserine[j]) * max(1.0 - float(groups.nodes[gj, NODE_PS_MASK]), 0.0)
    pair = float(groups.nodes[gi, NODE_CAPTURE]) * float(groups.nodes[gj, NODE_CAPTURE])
    pair = pair * compatibility(gi, gj, groups) * anchoring(i, j, p.cx43_anchoring, cells, groups)
    return min(p.capture_probability * pair * (1.0 + p.phosphatidylserine_gain * exposed), 1.0)


@row
def search_row(i, cells, groups, wells, neighbours, proposals, search, p, step):
    """All attempts of cell ``i`` in the step; those that end in a link are proposed. Returns how many these are."""
    proposals.count[i] = 0
    cells.filopodia_rate[i] = 0.0
    if not alive(int(cells.state[i])):
        return 0
    rate = attempt_rate(i, cells, groups, p)
    cells.filopodia_rate[i] = rate
    if rate <= 0.0:
        return 0
    w = int(cells.well[i])
    end = step.time + step.dt
    time = max(step.time, float(search.busy[i]))
    n = 0
    attempts = 0
    for k in range(MAX_TRIES):
        if time >= end:  # at rest for the whole step
            break
        u, v, s, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, NANOTUBE_CAPTURE, step.step, k)
        if (1.0 - u) * 3600.0 >= 1.000001 * rate * (end - time):  # then -log(u) is larger still, as in most steps
            break
        time = time + exponential_from(u) * 3600.0 / rate
        if time >= end:
            break
        attempts += 1
        ex, ey, ez = direction(i, cells, groups, wells, p, step, k * (TRIES_OF_ANGLE + 2))
        length = p.length * exponential_from(v)
        j, gap = first_hit(i, ex, ey, ez, float(cells.radius[i]) + length, cells, wells, neighbours)
        caught = False
        if j >= 0 and gap <= length and alive(int(cells.state[j])):
            caught = s < capture_chance(i, j, cells, groups, p)
        if caught:
            slot = i * N_SLOTS + n
            proposals.time[slot] = time
            proposals.ready[slot] = time + gap / p.growth_speed
            proposals.source[slot] = i
            proposals.target[slot] = j
            proposals.length[slot] = gap
            n += 1
            if n == N_SLOTS:
                break
        else:
            time = time + p.refractory * 3600.0
            search.busy[i] = time
    cells.n_filopodia[i] = float(cells.n_filopodia[i]) + attempts
    proposals.count[i] = n
    return n


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Search for one step and write the new links."""
    search = Search(state_array(world, "nanotube_search.busy", len(world.cells.id), np.float64, -1e18))
    proposals = proposals_of(world, N_SLOTS)
    tables = (world.cells, world.groups, world.wells, world.space.neighbours)
    owners = world.backend.select(search_row, world.n_cells, *tables, proposals, search, p, step)
    make_links(world, proposals, N_SLOTS, owners, formation=BY_SEARCH, shortest=p.shortest)


PROCESS = Process(name="nanotube_search", stage="links", clock="macro", parameters=Parameters, advance=advance)
