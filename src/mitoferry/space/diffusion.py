"""Diffusing fields: one row solves one species of one well over one macro-step.

    dc/dt = D lap c - k c + G (c_bulk - c) + S(x) - U(x) c

with G the exchange of the near-cell layer with the stirred medium (or of tissue with blood), S what cells release and
U what they take up, both owned by the voxel and added up in the order of the cells' rows.

Where nothing is taken up the step is *exact in time* on the grid: in the modes of the grid every amplitude relaxes
exponentially. Where cells take up in proportion to the concentration (oxygen, glucose, H2O2) the step is backward
Euler, solved by conjugate gradients with the same modes, at the mean uptake, as preconditioner. Neither can become
unstable or negative at any step size. The stirred medium obeys

    dc_bulk/dt = G h/H (mean c - c_bulk) + k_s (c_outside - c_bulk) - k c_bulk

and is solved together with the mean of the layer, so that what one loses the other gains, to rounding.

Space error O(voxel^2); time error none without uptake, O(dt) with uptake. Tests: tests/verification/test_space_diffusion.py
(F10: Green's functions, steady profiles, slab penetration, Robin uptake, order on three grids).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mitoferry.core.maths import exp
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ADP,
    ATP,
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_MOMP,
    GLUCOSE,
    H2O2,
    IL_1BETA,
    LACTATE,
    N_SPECIES,
    OXYGEN,
    TNF_ALPHA,
)
from mitoferry.space.geometry import BLOCK
from mitoferry.space.transform import into_modes

TOLERANCE = 1e-6  # of the norm of the residual, relative to that of the right-hand side
MAX_ITERATIONS = 40
SPREAD = 1e-6  # relative range below which a field counts as the same everywhere
SMALLEST = 1e-6  # of a concentration in the quotient flux / concentration
N_PLANES = 8
STRIDE = 64  # rows per real row, so that a backend that hands out blocks of 64 rows spreads them over its threads


class WellCells(NamedTuple):
    """Rows of the cells of each well in order of row: ``member[start[w]:start[w + 1]]``; corpses included."""

    start: Any
    member: Any


class Work(NamedTuple):
    """Work arrays: ``rows`` int32 [row, 3] (well, species, method); ``planes`` float64 [row, N_PLANES, voxels]."""

    rows: Any
    planes: Any


@row
def amount(species):
    """Concentration times um^3 per amol (uM species), per ag (ng/mL species), per unit (all others)."""
    if species == OXYGEN or species == ATP or species == ADP or species == H2O2 or species == TNF_ALPHA or species == IL_1BETA:
        return 1000.0
    return 1.0


@row
def metabolises(state):
    """Whether a cell in this state exchanges oxygen, glucose, lactate and H2O2 with the medium."""
    return state == CELL_LIVE or state == CELL_MOMP or state == CELL_APOPTOTIC


@row
def cell_source(i, s, cells, fields):
    """What cell ``i`` releases of species ``s`` [concentration um^3 / s]."""
    q = amount(s) * max(float(fields.release[i, s]), 0.0)
    if s == LACTATE and metabolises(int(cells.state[i])):
        q += max(float(cells.lactate_flux[i]), 0.0)
    return q


@row
def cell_uptake(i, s, here, cells, h2o2_clearance):
    """Volume [um^3/s] that cell ``i`` clears of species ``s``; ``here`` is the concentration at the cell now.

    Oxygen and glucose: the flux of the energetics over the concentration that it saw, or over the present one where
    that is higher, so that a flux is never extrapolated beyond its own value.
    """
    if not metabolises(int(cells.state[i])):
        return 0.0
    if s == OXYGEN:
        seen = max(max(float(cells.env[i, s]), here), SMALLEST)
        return 1000.0 * max(float(cells.oxygen_flux[i]), 0.0) / seen
    if s == GLUCOSE:
        seen = max(max(float(cells.env[i, s]), here), SMALLEST)
        return max(float(cells.glucose_flux[i]), 0.0) / seen
    if s == H2O2:
        r = 0.1 * float(cells.radius[i])
        return h2o2_clearance * r * r
    return 0.0


@row
def border_is_held(w, s, wells):
    """1 if the faces of a walled block are held at the boundary concentration of species ``s``."""
    if int(wells.geometry[w]) == BLOCK and int(wells.periodic[w]) == 0 and float(wells.boundary[w, s]) >= 0.0:
        return 1
    return 0


@row
def exchange(w, s, wells, fields):
    """Rates [1/s] (layer to bulk, bulk to layer, bulk to outside) and the concentration outside."""
    outside = float(wells.boundary[w, s])
    if int(wells.geometry[w]) == BLOCK:
        if outside < 0.0 or int(wells.periodic[w]) == 0:
            return 0.0, 0.0, 0.0, max(outside, 0.0)
        return float(fields.to_bulk[w, s]), 0.0, 1.0e6, outside
    g = float(fields.to_bulk[w, s])
    height = float(wells.medium_height[w])
    if height <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    back = g * int(fields.shape[w, 2]) * float(fields.spacing[w, 2]) / height
    if outside < 0.0:
        return g, back, 0.0, 0.0
    return g, back, float(fields.surface[w, s]), outside


@row
def mean_and_bulk(c, bulk, source, g, back, surface, outside, k, dt):
    """Mean concentration of the layer and that of the bulk after ``dt``: exponential for the layer, implicit for the bulk.

    Returns:
        (mean, bulk). With k = 0 and surface = 0 the amount mean h + bulk H grows by source h dt exactly.
    """
    rate = g + k
    x = rate * dt
    if x < 1e-6:
        decayed = 1.0 - x + 0.5 * x * x
        first = dt * (1.0 - 0.5 * x)
        second = 0.5 * dt * dt
    else:
        decayed = exp(-x)
        first = (1.0 - decayed) / rate
        second = (dt - first) / rate
    own = (c * first + source * second) / dt
    shared = g * second / dt
    bulk = (bulk + dt * (surface * outside + back * own)) / (1.0 + dt * (back * (1.0 - shared) + surface + k))
    return c * decayed + first * (source + g * bulk), bulk


@row
def plan_row(i, cells, members, fields, wells, plan, h2o2_clearance, step):
    """Decide what (well, species) ``i`` needs; advance it here if it is the same everywhere and no cell touches it.

    ``plan[w, s]``: 0 = done, 1 = exponential step, 2 = implicit step.
    """
    w = i // N_SPECIES
    s = i - w * N_SPECIES
    needed = 0
    if int(fields.lateral[w, s]) != 0 or border_is_held(w, s, wells) != 0:
        needed = 1
    may_take = s == OXYGEN or s == GLUCOSE or s == H2O2
    background = float(fields.conc[w, s, 0, 0, 0])
    present = needed != 0 or background > 0.0 or float(wells.bulk[w, s]) > 0.0 or float(wells.boundary[w, s]) > 0.0
    j = int(members.start[w])
    end = int(members.start[w + 1])
    while j < end and needed < 2:
        c = int(members.member[j])
        if needed == 0 and cell_source(c, s, cells, fields) > 0.0:
            needed = 1
            present = True
            if may_take:
                j = int(members.start[w]) - 1
        elif needed == 1 and not may_take:
            j = end
        elif may_take and present and cell_uptake(c, s, background, cells, h2o2_clearance) > 0.0:
            needed = 2
        j += 1
    plan[w, s] = needed
    if needed != 0:
        return
    k = float(fields.decay[w, s])
    g, back, surface, outside = exchange(w, s, wells, fields)
    if not present:
        return
    before = float(wells.bulk[w, s])
    mean, bulk = mean_and_bulk(background, before, 0.0, g, back, surface, outside, k, step.dt)
    wells.bulk[w, s] = bulk
    if abs(mean - background) > 1e-9 * background:
        for z in range(int(fields.shape[w, 2])):
            for y in range(int(fields.shape[w, 1])):
                for x in range(int(fields.shape[w, 0])):
                    fields.conc[w, s, z, y, x] = mean


@row
def load(w, s, c, fields, boundary):
    """Copy the field of (well, species) into the work plane ``c``, less ``boundary``."""
    v = 0
    for z in range(int(fields.shape[w, 2])):
        for y in range(int(fields.shape[w, 1])):
            for x in range(int(fields.shape[w, 0])):
                c[v] = float(fields.conc[w, s, z, y, x]) - boundary
                v += 1


@row
def unload(w, s, c, fields, boundary, touched):
    """Copy the work plane ``c`` plus ``boundary`` back, never below zero; note whether the field still varies."""
    v = 0
    low = 1e30
    high = 0.0
    for z in range(int(fields.shape[w, 2])):
        for y in range(int(fields.shape[w, 1])):
            for x in range(int(fields.shape[w, 0])):
                value = max(c[v] + boundary, 0.0)
                fields.conc[w, s, z, y, x] = value
                low = min(low, value)
                high = max(high, value)
                v += 1
    fields.lateral[w, s] = 1 if (touched != 0 or high - low > SPREAD * high) else 0


@row
def deposit(w, s, source, uptake, n, cells, members, fields, h2o2_clearance):
    """Add up per voxel what cells release [conc/s] and the rate at which they take up [1/s]; 1 if any cell acts."""
    for v in range(n):
        source[v] = 0.0
        uptake[v] = 0.0
    per_voxel = 1.0 / (float(fields.spacing[w, 0]) * float(fields.spacing[w, 1]) * float(fields.spacing[w, 2]))
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    acts = 0
    for j in range(int(members.start[w]), int(members.start[w + 1])):
        i = int(members.member[j])
        v = int(cells.voxel[i])
        z = v // (nx * ny)
        y = (v - z * nx * ny) // nx
        x = v - (z * ny + y) * nx
        q = cell_source(i, s, cells, fields) * per_voxel
        u = cell_uptake(i, s, float(fields.conc[w, s, z, y, x]), cells, h2o2_clearance) * per_voxel
        source[v] += q
        uptake[v] += u
        if q > 0.0 or u > 0.0:
            acts = 1
    return acts


@row
def scale_modes(w, s, held, a, b, factors, fields, rate, dt, mean, with_mean):
    """Exponential step of all modes: a = e^(-m dt) a + (1 - e^(-m dt))/m b; mode 0 is set to ``mean`` if asked."""
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    nz = int(fields.shape[w, 2])
    dx = float(fields.diffusion[w, s, 0])
    dy = float(fields.diffusion[w, s, 1])
    dz = float(fields.diffusion[w, s, 2])
    ex = int(fields.eigen_offset[w, 0, held])
    ey = int(fields.eigen_offset[w, 1, held])
    ez = int(fields.eigen_offset[w, 2, held])
    for k in range(nx):
        factors[k] = exp(-dx * fields.eigenvalues[ex + k] * dt)
    for z in range(nz):
        mz = dz * fields.eigenvalues[ez + z] + rate
        for y in range(ny):
            my = dy * fields.eigenvalues[ey + y] + mz
            fy = exp(-my * dt)
            at = (z * ny + y) * nx
            for x in range(nx):
                m = dx * fields.eigenvalues[ex + x] + my
                e = factors[x] * fy
                if m * dt < 1e-6:
                    phi = dt * (1.0 - 0.5 * m * dt)
                else:
                    phi = (1.0 - e) / m
                a[at + x] = e * a[at + x] + phi * b[at + x]
    if with_mean != 0:
        a[0] = mean * math.sqrt(float(nx * ny * nz))


@row
def exponential_step(j, w, s, n, work, fields, wells, dt):
    """Exact step of (well, species): planes 0 (field) and 1 (source) to plane 0."""
    planes = work.planes
    held = border_is_held(w, s, wells)
    g, back, surface, outside = exchange(w, s, wells, fields)
    k = float(fields.decay[w, s])
    mean = 0.0
    if held == 0:
        total = 0.0
        made = 0.0
        for v in range(n):
            total += planes[j, 0, v]
            made += planes[j, 1, v]
        mean, bulk = mean_and_bulk(total / n, float(wells.bulk[w, s]), made / n, g, back, surface, outside, k, dt)
        wells.bulk[w, s] = bulk
    else:
        wells.bulk[w, s] = outside
        for v in range(n):
            planes[j, 1, v] -= k * outside
    a = 0
    other = 5
    b = 1
    for turn in range(3):  # source, then field into the modes, then the field back: one place that calls the transform
        inverse = 1 if turn == 2 else 0
        here = 1 if turn == 0 else a
        spare = 6 if turn == 0 else other
        here, spare = into_modes(w, held, inverse, planes, j, here, spare, fields)
        if turn == 0:
            b = here
        else:
            a = here
            other = spare
        if turn == 1:
            scale_modes(w, s, held, planes[j, a], planes[j, b], planes[j, 7], fields, k + g, dt, mean, 1 - held)


@row
def apply_operator(w, s, held, p, q, uptake, fields, periodic, block, diagonal, share):
    """q = (diagonal + uptake - D lap) p - share mean(p)."""
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    nz = int(fields.shape[w, 2])
    dx = float(fields.diffusion[w, s, 0])
    dy = float(fields.diffusion[w, s, 1])
    dz = float(fields.diffusion[w, s, 2])
    around_z = periodic * block
    n = nx * ny * nz
    total = 0.0
    for v in range(n):
        total += p[v]
    common = share * total / n
    for z in range(nz):
        for y in range(ny):
            at = (z * ny + y) * nx
            for x in range(nx):
                v = at + x
                c = p[v]
                left = c if held == 0 else -c
                right = left
                below = left
                above = left
                under = left
                over = left
                if x > 0:
                    left = p[v - 1]
                elif periodic != 0:
                    left = p[v + nx - 1]
                if x < nx - 1:
                    right = p[v + 1]
                elif periodic != 0:
                    right = p[v - nx + 1]
                if y > 0:
                    below = p[v - nx]
                elif periodic != 0:
                    below = p[v + nx * (ny - 1)]
                if y < ny - 1:
                    above = p[v + nx]
                elif periodic != 0:
                    above = p[v - nx * (ny - 1)]
                if z > 0:
                    under = p[v - nx * ny]
                elif around_z != 0:
                    under = p[v + nx * ny * (nz - 1)]
                if z < nz - 1:
                    over = p[v + nx * ny]
                elif around_z != 0:
                    over = p[v - nx * ny * (nz - 1)]
                spread = dx * ((left - c) + (right - c)) + dy * ((below - c) + (above - c)) + dz * ((under - c) + (over - c))
                q[v] = (diagonal + uptake[v]) * c - spread - common


@row
def precondition(j, w, s, held, n, work, fields, diagonal, share):
    """Plane 4 = (diagonal - D lap - share mean)^-1 plane 3."""
    planes = work.planes
    for v in range(n):
        planes[j, 4, v] = planes[j, 3, v]
    nx = int(fields.shape[w, 0])
    ny = int(fields.shape[w, 1])
    dx = float(fields.diffusion[w, s, 0])
    dy = float(fields.diffusion[w, s, 1])
    dz = float(fields.diffusion[w, s, 2])
    ex = int(fields.eigen_offset[w, 0, held])
    ey = int(fields.eigen_offset[w, 1, held])
    ez = int(fields.eigen_offset[w, 2, held])
    a = 4
    other = 7
    for inverse in range(2):
        a, other = into_modes(w, held, inverse, planes, j, a, other, fields)
        if inverse == 0:
            first = planes[j, a, 0]
            v = 0
            for z in range(int(fields.shape[w, 2])):
                for y in range(ny):
                    m = diagonal + dz * fields.eigenvalues[ez + z] + dy * fields.eigenvalues[ey + y]
                    for x in range(nx):
                        planes[j, a, v + x] = planes[j, a, v + x] / (m + dx * fields.eigenvalues[ex + x])
                    v += nx
            if held == 0:
                planes[j, a, 0] = first / (diagonal - share)


@row
def implicit_step(j, w, s, n, work, fields, wells, dt):
    """Backward Euler step of (well, species) with uptake: planes 0 (field), 1 (source), 2 (uptake) to plane 0."""
    planes = work.planes
    held = border_is_held(w, s, wells)
    g, back, surface, outside = exchange(w, s, wells, fields)
    k = float(fields.decay[w, s])
    periodic = int(wells.periodic[w])
    block = 1 if int(wells.geometry[w]) == BLOCK else 0
    below = 1.0 + dt * (back + surface + k)
    given = (float(wells.bulk[w, s]) + dt * surface * outside) / below
    share = g * dt * back / below
    diagonal = 1.0 / dt + k + g
    mean_uptake = 0.0
    for v in range(n):
        mean_uptake += planes[j, 2, v]
    mean_uptake = mean_uptake / n
    shift = outside if held != 0 else 0.0
    for v in range(n):
        planes[j, 5, v] = planes[j, 0, v]
    goal = 0.0
    left = 1.0
    old = 1.0
    iteration = 0
    while left > goal and iteration <= MAX_ITERATIONS:
        apply_operator(w, s, held, planes[j, 5], planes[j, 6], planes[j, 2], fields, periodic, block, diagonal, share)
        left = 0.0
        if iteration == 0:
            size = 0.0
            for v in range(n):
                rhs = planes[j, 0, v] / dt + planes[j, 1, v] + g * given * (1 - held) - (k + planes[j, 2, v]) * shift
                size += rhs * rhs
                planes[j, 3, v] = rhs - planes[j, 6, v]
                left += planes[j, 3, v] * planes[j, 3, v]
            goal = TOLERANCE * TOLERANCE * size
        else:
            curvature = 0.0
            for v in range(n):
                curvature += planes[j, 5, v] * planes[j, 6, v]
            length = old / curvature
            for v in range(n):
                planes[j, 0, v] += length * planes[j, 5, v]
                planes[j, 3, v] -= length * planes[j, 6, v]
                left += planes[j, 3, v] * planes[j, 3, v]
        if left > goal:
            precondition(j, w, s, held, n, work, fields, diagonal + mean_uptake, share)
            new = 0.0
            for v in range(n):
                new += planes[j, 3, v] * planes[j, 4, v]
            beta = new / old
            if iteration == 0:
                beta = 0.0
            for v in range(n):
                planes[j, 5, v] = planes[j, 4, v] + beta * planes[j, 5, v]
            old = new
        iteration += 1
    if held != 0:
        wells.bulk[w, s] = outside
        return
    total = 0.0
    for v in range(n):
        total += planes[j, 0, v]
    wells.bulk[w, s] = given + dt * back * (total / n) / below


@row
def solve_row(i, cells, members, fields, wells, work, h2o2_clearance, step):
    """Advance (well, species) number ``i / STRIDE`` of ``work.rows`` by one step; other ``i`` do nothing."""
    if i % STRIDE != 0:
        return
    j = i // STRIDE
    w = int(work.rows[j, 0])
    s = int(work.rows[j, 1])
    n = int(fields.shape[w, 0]) * int(fields.shape[w, 1]) * int(fields.shape[w, 2])
    shift = 0.0
    if border_is_held(w, s, wells) != 0:
        shift = float(wells.boundary[w, s])
    acts = deposit(w, s, work.planes[j, 1], work.planes[j, 2], n, cells, members, fields, h2o2_clearance)
    load(w, s, work.planes[j, 0], fields, shift)
    if int(work.rows[j, 2]) == 2:
        implicit_step(j, w, s, n, work, fields, wells, step.dt)
    else:
        exponential_step(j, w, s, n, work, fields, wells, step.dt)
    unload(w, s, work.planes[j, 0], fields, shift, acts)
