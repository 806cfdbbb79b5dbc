"""Vesicles that carry mitochondria: taken up by cells, or they burst; the mitochondria inside lose function slowly.

Mechanism, per vesicle of radius r, rates per hour and frozen over a macro-step:

* a cell clears, of vesicles, k(r) = capture 4 pi D(r) R + v(r) chance pi R^2 with Stokes-Einstein D and Stokes settling speed v;
  no settling in a tissue block, where D is hindered. By endocytosis k x type's uptake x node endocytosis x 1/(1 + (r/limit)^4), of
  which a share is macropinocytosis (node) and a share needs heparan sulfate on the surface of the cell (node), as for free mitochondria;
  of a vesicle that exposes phosphatidylserine (exopher, apoptotic body) also k x type's uptake x eat-me x node phagocytosis x node
  endocytosis (dynamin, which closes phagosomes, too) x (1 - masked); both x node temperature x Hill2(ATP). A vesicle in the volume V
  of the medium is taken up at sum(k)/V, by a cell drawn in proportion to k, with all that it holds: endosome, route vesicle, through
  :func:`mitoferry.core.handover.arrive`;
* vesicles of a cell that touches another are passed on where connexin 43 holds the two together: without it their uptake falls by a
  share (``connexin43.anchoring`` of the cell that shed them, 1 at rest);
* it bursts at a rate and frees what it holds into the medium (:func:`mitoferry.processes.free_mitochondria.put_into_medium`);
* a mitochondrion inside loses its function (potential 0, damage 1) at ln2/half-life: the membrane keeps the calcium of the
  medium out, so that it lasts 3 to 10 times as long as a naked one.

Through an insert it passes only if its diameter 2 r is smaller than the pore, with the factor porosity (1 - 2 r/pore)^2.
The clocks of a vesicle and of what it holds compete by exact times within the step, from its own birth on.

Assumptions: the medium is well stirred on each side of an insert; the clearance of a type for vesicles goes by its uptake of
free mitochondria. Step error: rates are those at the start of the step. Sources (from memory): heparan sulfate in the uptake of vesicles,
Christianson 2013 PNAS; dynamin 2 in phagocytosis, Gold 1999 J Exp Med.
Verification: ``tests/verification/test_vesicles.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.handover import arrive
from mitoferry.core.maths import hill2, hill4
from mitoferry.core.nodes import (
    NODE_ENDOCYTOSIS,
    NODE_HEPARAN_SULFATE,
    NODE_MACROPINOCYTOSIS,
    NODE_PHAGOCYTOSIS,
    NODE_PS_MASK,
    NODE_TEMPERATURE,
)
from mitoferry.core.pages import is_empty, move
from mitoferry.core.process import Process
from mitoferry.core.random import uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_LIVE,
    ENDOSOME,
    N_POOLS,
    NO_VESICLE,
    POOL_MEDIUM,
    POOL_TRANSIT,
    ROUTE_VESICLE,
)
from mitoferry.core.streams import VESICLE_FATE
from mitoferry.processes.connexin43 import anchoring
from mitoferry.processes.free_mitochondria import (
    BLOCK,
    FULL_DAMAGE,
    LAYERS,
    LN2,
    lose_membrane,
    medium_volume,
    passage,
    put_into_medium,
    waiting_time,
)
from mitoferry.processes.nanotube_links import work_arrays
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.pool_pages import give_back
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.processes.vesicle_size import diffusion_of, settling_of
from mitoferry.processes.well_sums import Weights, add_up, allocate_weights, draw_cell

PI = 3.141592653589793
STAYS, TAKEN, BURST = 0, 1, 2
LOOKED_AT = 64  # rows of vesicles at a time, for the last one in use
N_ARMS = 4  # by endocytosis: diffusing, settling; by phagocytosis: diffusing, settling


class Parameters(NamedTuple):
    """Library: ``vesicle_fate.*``."""

    viscosity: float  # mPa s
    excess_density: float  # kg/m^3
    capture: float
    settled_chance: float
    endocytosis_limit: float  # nm
    macropinocytosis_share: float
    heparan_sulfate_share: float
    eat_me: float
    atp_half: float  # share of resting ATP
    block_hindrance: float
    porosity: float
    burst_rate: float  # 1/h
    cargo_half_life: float  # h
    cx43_anchoring: float


class Course(NamedTuple):
    """What one step works out of vesicles: what becomes of them (uint8), and when [s] (float64)."""

    outcome: Any
    due: Any


@row
def taker_row(i, cells, groups, weights, p):
    """Strengths with which cell ``i`` takes up vesicles, by arm: radius [um] or area [um^2] times what it does."""
    for k in range(N_ARMS):
        weights.of[i, k] = 0.0
    if int(cells.state[i]) != CELL_LIVE:
        return
    g = int(cells.group[i])
    radius = float(cells.radius[i])
    power = float(groups.uptake[g]) * float(groups.nodes[g, NODE_TEMPERATURE]) * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)
    drinking = 1.0 - p.macropinocytosis_share * (1.0 - max(float(groups.nodes[g, NODE_MACROPINOCYTOSIS]), 0.0))
    holding = 1.0 - p.heparan_sulfate_share * (1.0 - max(float(groups.nodes[g, NODE_HEPARAN_SULFATE]), 0.0))
    dynamin = float(groups.nodes[g, NODE_ENDOCYTOSIS])
    endocytosis = power * dynamin * drinking * holding
    phagocytosis = power * p.eat_me * float(groups.nodes[g, NODE_PHAGOCYTOSIS]) * dynamin
    weights.of[i, 0] = endocytosis * radius
    weights.of[i, 1] = endocytosis * PI * radius * radius
    weights.of[i, 2] = phagocytosis * radius
    weights.of[i, 3] = phagocytosis * PI * radius * radius


@row
def arms_of(v, vesicles, cells, groups, wells, p):
    """Weights [1/h per um or um^2] of the four arms for vesicle ``v``: what the strengths of cells are to be multiplied with."""
    w = int(vesicles.well[v])
    radius = float(vesicles.radius[v])
    diffusing = p.capture * 4.0 * PI * 3600.0 * diffusion_of(radius, p.viscosity)
    settling = p.settled_chance * settling_of(radius, p.excess_density, p.viscosity)
    if int(wells.geometry[w]) == BLOCK:
        diffusing = diffusing / p.block_hindrance
        settling = 0.0
    volume = medium_volume(wells, w)
    diffusing = diffusing / volume
    settling = settling / volume
    small = 1.0 - hill4(radius, p.endocytosis_limit)
    source = int(vesicles.source[v])
    if source >= 0 and int(cells.n_contacts[source]) > 0:
        held = anchoring(source, source, p.cx43_anchoring, cells, groups)
        diffusing = diffusing * held
        settling = settling * held
    known = 0.0
    if int(vesicles.phosphatidylserine[v]) != 0:
        known = 1.0
        if source >= 0:
            known = 1.0 - min(max(float(groups.nodes[int(cells.group[source]), NODE_PS_MASK]), 0.0), 1.0)
    return small * diffusing, small * settling, known * diffusing, known * settling


@row
def passages_of(v, vesicles, wells, p):
    """Factors for reaching the cells of the bottom and of the insert from where vesicle ``v`` is."""
    w = int(vesicles.well[v])
    side = 1 + min(int(vesicles.layer[v]), 1)
    diameter = 0.002 * float(vesicles.radius[v])
    return passage(wells, w, side, 0, diameter, p.porosity), passage(wells, w, side, 1, diameter, p.porosity)


@row
def rate_of_uptake(v, vesicles, cells, groups, wells, weights, p):
    """Rate [1/h] at which vesicle ``v`` is taken up by any cell."""
    w = int(vesicles.well[v])
    a, b, c, d = arms_of(v, vesicles, cells, groups, wells, p)
    bottom, insert = passages_of(v, vesicles, wells, p)
    total = 0.0
    for layer in range(LAYERS):
        q = LAYERS * w + layer
        part = a * float(weights.total[q, 0]) + b * float(weights.total[q, 1])
        part += c * float(weights.total[q, 2]) + d * float(weights.total[q, 3])
        total += part * (insert if layer > 0 else bottom)
    return total


@row
def vesicle_row(v, course, weights, vesicles, mitochondria, cells, groups, wells, p, step):
    """What becomes of vesicle ``v`` in this step, and when [s]; what it holds loses function before that or not.

    Returns whether anything becomes of it.
    """
    course.outcome[v] = STAYS
    if int(vesicles.kind[v]) == NO_VESICLE:
        return 0
    w = int(vesicles.well[v])
    key = int(vesicles.slots[v, 0])
    dt = step.dt / 3600.0
    late = max(float(vesicles.born[v]) - step.time, 0.0) / 3600.0
    u, x, _, _ = uniform4(wells.key0[w], wells.key1[w], mitochondria.birth[key], mitochondria.ordinal[key], VESICLE_FATE, step.step, 0)
    taken = late + waiting_time(rate_of_uptake(v, vesicles, cells, groups, wells, weights, p), u, dt)
    burst = late + waiting_time(p.burst_rate, x, dt)
    first = min(taken, burst)
    if first < dt:
        course.outcome[v] = TAKEN if taken <= burst else BURST
        course.due[v] = step.time + 3600.0 * first
    for k in range(int(vesicles.n_cargo[v])):
        slot = int(vesicles.slots[v, k])
        if int(mitochondria.damage[slot]) < FULL_DAMAGE:
            y = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], VESICLE_FATE, step.step, 1)
            if late + waiting_time(LN2 / p.cargo_half_life, y, dt) < min(first, dt):
                lose_membrane(mitochondria, slot)
    return 1 if first < dt else 0


@row
def choose_taker(j, order, targets, course, n_cells, vesicles, mitochondria, cells, groups, wells, weights, p, step):
    """Row of the cell that takes the vesicle ``order[j]``, in proportion to clearance; -1 if it bursts."""
    targets[j] = -1
    v = int(order[j])
    if int(course.outcome[v]) != TAKEN:
        return
    w = int(vesicles.well[v])
    key = int(vesicles.slots[v, 0])
    a, b, c, d = arms_of(v, vesicles, cells, groups, wells, p)
    bottom, insert = passages_of(v, vesicles, wells, p)
    u = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[key], mitochondria.ordinal[key], VESICLE_FATE, step.step, 2)
    targets[j] = draw_cell(w, u, a, b, c, d, bottom, insert, n_cells, LAYERS, cells, weights)


@row
def empty_vesicle(v, target, time, vesicles, mitochondria, pages, cells, events, gate_potential):
    """Hand all that vesicle ``v`` holds to the cell ``target``, or free it if that is -1; the row is free after that."""
    w = int(vesicles.well[v])
    source = int(vesicles.source[v])
    for k in range(int(vesicles.n_cargo[v])):
        slot = int(vesicles.slots[v, k])
        if target >= 0:
            new = arrive(mitochondria, pages, cells, events, slot, target, time, ROUTE_VESICLE, ENDOSOME, source, 0, gate_potential)
            mitochondria.motor[new] = 0
        else:
            pool = N_POOLS * w + POOL_TRANSIT
            put_into_medium(mitochondria, cells, slot, pool, source if source >= 0 else pool, ROUTE_VESICLE)
            mitochondria.motor[slot] = 1 + int(vesicles.layer[v])
            move(mitochondria, pages, cells, slot, N_POOLS * w + POOL_MEDIUM)
        vesicles.slots[v, k] = -1
    if target >= 0:
        cells.particles[target] += 1
    vesicles.kind[v] = NO_VESICLE
    vesicles.n_cargo[v] = 0


@row
def settle_vesicles(lane, ends, order, rows, targets, course, vesicles, mitochondria, pages, cells, events, gate_potential):
    """Carry out what has been drawn for the vesicles ``rows``, those of list ``lane`` of ``order`` (``by_well``)."""
    for at in range(int(ends[lane]), int(ends[lane + 1])):
        j = int(order[at])
        v = int(rows[j])
        empty_vesicle(v, int(targets[j]), float(course.due[v]), vesicles, mitochondria, pages, cells, events, gate_potential)


@row
def is_empty_in_transit(page, n_pools, mitochondria, pages):
    """Whether nothing is in ``page``, which belongs to the transit pool of a well."""
    owner = int(pages.owner[page])
    return 1 if 0 <= owner < n_pools and owner % N_POOLS == POOL_TRANSIT and is_empty(page, mitochondria) else 0


def order_of_vesicles(world: Any, course: Course, happens: Any) -> tuple[Any, Any, Any]:
    """The vesicles ``happens`` in order of time, well and identity of the first mitochondrion (int64); well, and how many each holds."""
    backend, vesicles, m = world.backend, world.vesicles, world.mitochondria
    due, well, slots, held = backend.read(happens, course.due, vesicles.well, vesicles.slots, vesicles.n_cargo)
    birth, ordinal = backend.read(slots[:, 0], m.birth, m.ordinal)
    order = np.lexsort((ordinal, birth, well, due))
    return happens[order], well[order], held[order].astype(np.int64)


def rows_in_use(world: Any) -> int:
    """Rows of the vesicles up to the last one that is not empty."""
    n = world.n_vesicles
    while n > 0:
        begin = max(n - LOOKED_AT, 0)
        (kinds,) = world.backend.read(slice(begin, n), world.vesicles.kind)
        held = np.flatnonzero(kinds != NO_VESICLE)
        if held.size:
            return begin + int(held[-1]) + 1
        n = begin
    return 0


def _work(world: Any) -> tuple[Course, Weights]:
    """The same arrays in every step; rows set ``outcome`` and the weights before anyone reads them."""
    backend, n, m = world.backend, len(world.cells.id), len(world.vesicles.kind)
    return work_arrays(
        world, "vesicle_fate", (n, m), None,
        lambda: (Course(backend.zeros(m, np.uint8), backend.zeros(m)), allocate_weights(backend, n, world.n_wells, LAYERS, N_ARMS)),
    )  # fmt: skip


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the vesicles of every well by ``step.dt``; idle while there are none."""
    backend, n = world.backend, world.n_vesicles
    if not n:
        return
    course, weights = _work(world)
    places = (world.cells, world.groups, world.wells)
    backend.each(taker_row, world.n_cells, world.cells, world.groups, weights, p)
    add_up(world, weights, LAYERS)
    happens = backend.select(vesicle_row, n, course, weights, world.vesicles, world.mitochondria, *places, p, step)
    if not happens.size:
        return
    rows, of_wells, held = order_of_vesicles(world, course, happens)
    world.reserve_pages(int(held.sum()))
    world.reserve_events(int(held.sum()))
    targets = backend.zeros(rows.size, np.int64)
    tables = (world.vesicles, world.mitochondria)
    backend.each(choose_taker, rows.size, rows, targets, course, world.n_cells, *tables, *places, weights, p, step)
    state = (*tables, world.pages, world.cells, world.events)
    gate, order = gate_potential(world), np.arange(rows.size)
    by_well(world, settle_vesicles, order, of_wells, rows, targets, course, *state, gate, pages=held, events=held)
    world.n_vesicles = rows_in_use(world)
    m, pages = world.mitochondria, world.pages
    give_back(world, backend.select(is_empty_in_transit, len(pages.owner), N_POOLS * world.n_wells, m, pages))


PROCESS = Process(name="vesicle_fate", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
