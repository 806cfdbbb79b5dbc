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
from mitoferry.core.pages import move, release_empty_pages
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
    LN2,
    lose_membrane,
    medium_volume,
    passage,
    put_into_medium,
    waiting_time,
)
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.processes.vesicle_size import diffusion_of, settling_of

PI = 3.141592653589793
STAYS, TAKEN, BURST = 0, 1, 2
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
    """What one step works out: of cells [n_cells, arm], of wells [n_wells, layer, arm], of vesicles (what, and when [s])."""

    clearance: Any
    strength: Any
    outcome: Any
    due: Any


@row
def taker_row(i, cells, groups, course, p):
    """Strengths with which cell ``i`` takes up vesicles, by arm: radius [um] or area [um^2] times what it does."""
    for k in range(N_ARMS):
        course.clearance[i, k] = 0.0
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
    course.clearance[i, 0] = endocytosis * radius
    course.clearance[i, 1] = endocytosis * PI * radius * radius
    course.clearance[i, 2] = phagocytosis * radius
    course.clearance[i, 3] = phagocytosis * PI * radius * radius


@row
def add_takers(n_cells, n_wells, cells, course):
    """``course.strength``: sums of ``course.clearance`` over the cells of a layer (serial, in order of row)."""
    for w in range(n_wells):
        for layer in range(2):
            for k in range(N_ARMS):
                course.strength[w, layer, k] = 0.0
    for i in range(n_cells):
        layer = min(int(cells.layer[i]), 1)
        for k in range(N_ARMS):
            course.strength[int(cells.well[i]), layer, k] += float(course.clearance[i, k])


@row
def arms_of(v, vesicles, cells, groups, wells, p):
    """Weights [1/h per um or um^2] of the four arms for vesicle ``v``: what ``Course.clearance`` is to be multiplied with."""
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
def rate_of_uptake(v, vesicles, cells, groups, wells, course, p):
    """Rate [1/h] at which vesicle ``v`` is taken up by any cell."""
    w = int(vesicles.well[v])
    a, b, c, d = arms_of(v, vesicles, cells, groups, wells, p)
    bottom, insert = passages_of(v, vesicles, wells, p)
    total = 0.0
    for layer in range(2):
        part = a * float(course.strength[w, layer, 0]) + b * float(course.strength[w, layer, 1])
        part += c * float(course.strength[w, layer, 2]) + d * float(course.strength[w, layer, 3])
        total += part * (insert if layer > 0 else bottom)
    return total


@row
def vesicle_row(v, course, vesicles, mitochondria, cells, groups, wells, p, step):
    """What becomes of vesicle ``v`` in this step, and when [s]; what it holds loses function before that or not."""
    course.outcome[v] = STAYS
    if int(vesicles.kind[v]) == NO_VESICLE:
        return
    w = int(vesicles.well[v])
    key = int(vesicles.slots[v, 0])
    dt = step.dt / 3600.0
    late = max(float(vesicles.born[v]) - step.time, 0.0) / 3600.0
    u, x, _, _ = uniform4(wells.key0[w], wells.key1[w], mitochondria.birth[key], mitochondria.ordinal[key], VESICLE_FATE, step.step, 0)
    taken = late + waiting_time(rate_of_uptake(v, vesicles, cells, groups, wells, course, p), u, dt)
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


@row
def weight(i, a, b, c, d, course):
    """Clearance of cell ``i`` with the arms weighted by ``a`` to ``d``."""
    x = a * float(course.clearance[i, 0]) + b * float(course.clearance[i, 1])
    return x + c * float(course.clearance[i, 2]) + d * float(course.clearance[i, 3])


@row
def taker_of(v, n_cells, vesicles, mitochondria, cells, groups, wells, course, p, step):
    """Row of the cell that takes vesicle ``v``, in proportion to clearance."""
    w = int(vesicles.well[v])
    key = int(vesicles.slots[v, 0])
    a, b, c, d = arms_of(v, vesicles, cells, groups, wells, p)
    bottom, insert = passages_of(v, vesicles, wells, p)
    total = 0.0
    for i in range(n_cells):
        if int(cells.well[i]) == w:
            k = weight(i, a, b, c, d, course)
            total += k * (insert if int(cells.layer[i]) > 0 else bottom)
    u = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[key], mitochondria.ordinal[key], VESICLE_FATE, step.step, 2)
    so_far = 0.0
    target = -1
    for i in range(n_cells):
        if int(cells.well[i]) == w and so_far <= u * total:
            k = weight(i, a, b, c, d, course)
            k = k * (insert if int(cells.layer[i]) > 0 else bottom)
            if k > 0.0:
                so_far += k
                target = i
    return target


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
def settle_vesicles(order, course, n_cells, n_wells, vesicles, mitochondria, pages, cells, groups, wells, events, gate_potential, p, step):
    """Carry out what has been drawn, in that order (serial)."""
    for at in range(len(order)):
        v = int(order[at])
        target = -1
        if int(course.outcome[v]) == TAKEN:
            target = taker_of(v, n_cells, vesicles, mitochondria, cells, groups, wells, course, p, step)
        empty_vesicle(v, target, float(course.due[v]), vesicles, mitochondria, pages, cells, events, gate_potential)
    for w in range(n_wells):
        release_empty_pages(mitochondria, pages, cells, N_POOLS * w + POOL_TRANSIT)


def order_of_vesicles(world: Any, course: Course) -> Any:
    """Vesicles to which something happens, in order of time, well and identity of the first mitochondrion; int64."""
    happens = np.flatnonzero(course.outcome != STAYS)
    first = world.vesicles.slots[happens, 0]
    m = world.mitochondria
    keys = (m.ordinal[first], m.birth[first], world.vesicles.well[happens], course.due[happens])
    return happens[np.lexsort(keys)].astype(np.int64)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the vesicles of every well by ``step.dt``; idle while there are none."""
    backend, n = world.backend, world.n_vesicles
    if not n:
        return
    course = Course(np.zeros((world.n_cells, N_ARMS)), np.zeros((world.n_wells, 2, N_ARMS)), np.zeros(n, dtype=np.uint8), np.zeros(n))
    places = (world.cells, world.groups, world.wells)
    backend.each(taker_row, world.n_cells, world.cells, world.groups, course, p)
    backend.serial(add_takers, world.n_cells, world.n_wells, world.cells, course)
    backend.each(vesicle_row, n, course, world.vesicles, world.mitochondria, *places, p, step)
    vesicles, m = world.vesicles, world.mitochondria
    backend.pull(course, vesicles.slots, vesicles.n_cargo, vesicles.well, m.ordinal, m.birth)
    order = order_of_vesicles(world, course)
    if not order.size:
        return
    moving = int(world.vesicles.n_cargo[order].sum())
    world.reserve_pages(moving)
    world.reserve_events(moving)
    gate = gate_potential(world)
    backend.serial(
        settle_vesicles, order, course, world.n_cells, world.n_wells, world.vesicles, world.mitochondria, world.pages, *places,
        world.events, gate, p, step,
    )  # fmt: skip
    backend.pull(world.vesicles.kind)
    in_use = np.flatnonzero(world.vesicles.kind[:n] != NO_VESICLE)
    world.n_vesicles = int(in_use[-1]) + 1 if in_use.size else 0


PROCESS = Process(name="vesicle_fate", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
