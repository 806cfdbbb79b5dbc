"""Shedding of vesicles: exosomes, microvesicles, mitochondria-carrying vesicles, exophers, migrasomes, apoptotic bodies.

Mechanism, per cell, rates per hour and frozen over a macro-step, E = Hill2(ATP) x node temperature:

* microvesicles rate x node microvesicles x stress x E, of which a share reaches for a mitochondrion, as all kinds but bodies
  with the chance n/(n + half) in a cell that has n;
* mitochondria-carrying vesicles rate x node mitochondria release (CD38) x outsourcing x E, around one mitochondrion;
* exophers rate x node exophers x stress x outsourcing x E, around 1 to 10;
* migrasomes rate per um of path x speed x node migrasomes x E: they keep the mitochondrion that they reach for with the
  chance of its sickness;
* apoptotic bodies while caspases execute: every mitochondrion goes with the chance (volume of the body)/(volume of the cell);
* stress = 1 + gain Hill2(H2O2); outsourcing = 1 + gain (1 - node lysosome), for cells whose lysosomes fail.

Whatever the kind, a mitochondrion goes only if it fits (:mod:`mitoferry.processes.vesicle_size`). Which one of those that
fit is drawn with weight 1 + (enrichment - 1) sickness, in microvesicles times Hill2(H2O2); in mitochondria-carrying ones all
weigh the same. Sickness is the damage, or 1 if depolarised. A vesicle without a mitochondrion is only counted
(``cells.vesicles``); exosomes always. The potential freezes, route vesicle, in the transit pool of the well.

Assumptions: rates do not depend on the cell type (uptake does); exosomes and empty vesicles carry no mtDNA away; the
volume of the cell does not fall. Step error: rates are those at the start of the step; a vesicle finds the mitochondria that
are there when its turn comes, in order of time. Times are exact within the step, waiting times exponential.
Verification: ``tests/verification/test_vesicles.py``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.handover import load_into_transit, potential
from mitoferry.core.maths import hill2, log
from mitoferry.core.nodes import (
    NODE_EXOPHERS,
    NODE_LYSOSOME,
    NODE_MICROVESICLES,
    NODE_MIGRASOMES,
    NODE_MITOCHONDRIA_RELEASE,
    NODE_TEMPERATURE,
)
from mitoferry.core.process import Process
from mitoferry.core.random import poisson_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    APOPTOTIC_BODY,
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_MOMP,
    CYTOSOL,
    DAMAGE_SCALE,
    EXOPHER,
    EXOSOME,
    MASS_SCALE,
    MICROVESICLE,
    MIGRASOME,
    MITOVESICLE,
    N_POOLS,
    NO_VESICLE,
    OCCUPIED,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
    POOL_TRANSIT,
    ROUTE_VESICLE,
    VESICLE_SLOTS,
)
from mitoferry.core.streams import VESICLE_CARGO, VESICLE_RELEASE
from mitoferry.processes.free_mitochondria import diameter_of, waiting_time
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.processes.vesicle_size import fits, radius_between, room

MOST = 64  # vesicles of a kind that a cell can shed in one step
SPHERE = 4.1887902047863905e-9  # um^3/nm^3: 4 pi/3


class Parameters(NamedTuple):
    """Library: ``vesicle_release.*``. Rates in 1/h, radii in nm, spreads of the logarithm of the radius."""

    exosome_rate: float
    microvesicle_rate: float
    microvesicle_radius: float
    microvesicle_spread: float
    microvesicle_smallest: float
    microvesicle_largest: float
    microvesicle_loading: float
    mitovesicle_rate: float
    mitovesicle_radius: float
    mitovesicle_spread: float
    mitovesicle_smallest: float
    mitovesicle_largest: float
    exopher_rate: float
    exopher_radius: float
    exopher_spread: float
    exopher_smallest: float
    exopher_largest: float
    exopher_most: float
    body_rate: float
    body_radius: float
    body_spread: float
    body_smallest: float
    body_largest: float
    migrasome_rate: float  # 1/um
    migrasome_radius: float
    migrasome_spread: float
    migrasome_smallest: float
    migrasome_largest: float
    migrasome_loading: float
    mitochondria_half: float
    enrichment: float
    depolarised_potential: float  # mV
    stress_gain: float
    h2o2_half: float  # uM
    lysosome_gain: float
    atp_half: float  # share of resting ATP
    diameter: float  # um, of one mass unit
    margin: float  # um
    packing: float


class Shed(NamedTuple):
    """Vesicles of one step that reach for mitochondria: cell, kind, time [s], radius [nm], running number, how many it holds."""

    cell: Any
    kind: Any
    time: Any
    radius: Any
    event: Any
    wanted: Any


@row
def radius_of(kind, key0, key1, cell, step, event, p):
    """Radius [nm] of vesicle number ``event`` of a kind that the cell with id ``cell`` sheds in this step."""
    a, b, c, d = uniform4(key0, key1, cell, 0, VESICLE_RELEASE, step, 1024 + kind * MOST + event)
    if kind == MICROVESICLE:
        return radius_between(p.microvesicle_radius, p.microvesicle_spread, p.microvesicle_smallest, p.microvesicle_largest, a, b, c, d)
    if kind == MITOVESICLE:
        return radius_between(p.mitovesicle_radius, p.mitovesicle_spread, p.mitovesicle_smallest, p.mitovesicle_largest, a, b, c, d)
    if kind == EXOPHER:
        return radius_between(p.exopher_radius, p.exopher_spread, p.exopher_smallest, p.exopher_largest, a, b, c, d)
    if kind == APOPTOTIC_BODY:
        return radius_between(p.body_radius, p.body_spread, p.body_smallest, p.body_largest, a, b, c, d)
    return radius_between(p.migrasome_radius, p.migrasome_spread, p.migrasome_smallest, p.migrasome_largest, a, b, c, d)


@row
def loading_of(kind, number, p):
    """Share of the vesicles of a kind that reach a mitochondrion of a cell that has ``number``."""
    if kind == APOPTOTIC_BODY:
        return 1.0
    found = number / (number + p.mitochondria_half)
    if kind == MICROVESICLE:
        return p.microvesicle_loading * found
    if kind == MIGRASOME:
        return p.migrasome_loading * found
    return found


@row
def rate_of(kind, i, cells, groups, p):
    """Rate [1/h] at which cell ``i`` sheds vesicles of a kind."""
    if kind == APOPTOTIC_BODY:
        return p.body_rate
    g = int(cells.group[i])
    active = hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP) * max(float(groups.nodes[g, NODE_TEMPERATURE]), 0.0)
    stress = 1.0 + p.stress_gain * hill2(float(cells.h2o2[i]), p.h2o2_half)
    outsourcing = 1.0 + p.lysosome_gain * max(1.0 - float(groups.nodes[g, NODE_LYSOSOME]), 0.0)
    if kind == EXOSOME:
        return p.exosome_rate * active
    if kind == MICROVESICLE:
        return p.microvesicle_rate * max(float(groups.nodes[g, NODE_MICROVESICLES]), 0.0) * stress * active
    if kind == MITOVESICLE:
        return p.mitovesicle_rate * max(float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]), 0.0) * outsourcing * active
    if kind == EXOPHER:
        return p.exopher_rate * max(float(groups.nodes[g, NODE_EXOPHERS]), 0.0) * stress * outsourcing * active
    x, y, z = float(cells.ux[i]), float(cells.uy[i]), float(cells.uz[i])
    return p.migrasome_rate * math.sqrt(x * x + y * y + z * z) * max(float(groups.nodes[g, NODE_MIGRASOMES]), 0.0) * active


@row
def shed_kind(i, kind, u, at, shed, cells, groups, wells, p, step):
    """Vesicles of a kind that cell ``i`` sheds in this step; those that reach for mitochondria are written from row ``at`` on.

    With ``at`` < 0 nothing is written but the count of the cell. Returns how many reach for mitochondria.
    """
    w = int(cells.well[i])
    dt = step.dt / 3600.0
    rate = rate_of(kind, i, cells, groups, p)
    time = waiting_time(rate, u, dt)
    event = 0
    n = 0
    while time < dt and event < MOST:
        a, b, c, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_RELEASE, step.step, 16 + kind * MOST + event)
        if b < loading_of(kind, int(cells.n_mitochondria[i]), p):
            if at >= 0:
                shed.cell[at + n] = i
                shed.kind[at + n] = kind
                shed.time[at + n] = step.time + 3600.0 * time
                shed.radius[at + n] = radius_of(kind, wells.key0[w], wells.key1[w], cells.id[i], step.step, event, p)
                shed.event[at + n] = event
                shed.wanted[at + n] = 1 + int(c * p.exopher_most) if kind == EXOPHER else 1
            n += 1
        time += waiting_time(rate, a, dt)
        event += 1
    if at < 0:
        cells.vesicles[i, kind] += event
    return n


@row
def shed_all(i, at, shed, cells, groups, wells, p, step):
    """As :func:`shed_kind`, for all kinds but exosomes."""
    state = int(cells.state[i])
    w = int(cells.well[i])
    a, b, c, d = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_RELEASE, step.step, 0)
    if state == CELL_APOPTOTIC:
        return shed_kind(i, APOPTOTIC_BODY, a, at, shed, cells, groups, wells, p, step)
    if state != CELL_LIVE and state != CELL_MOMP:
        return 0
    n = shed_kind(i, MICROVESICLE, a, at, shed, cells, groups, wells, p, step)
    n += shed_kind(i, MITOVESICLE, b, at + n if at >= 0 else -1, shed, cells, groups, wells, p, step)
    n += shed_kind(i, EXOPHER, c, at + n if at >= 0 else -1, shed, cells, groups, wells, p, step)
    return n + shed_kind(i, MIGRASOME, d, at + n if at >= 0 else -1, shed, cells, groups, wells, p, step)


@row
def count_row(i, number, shed, cells, groups, wells, p, step):
    """Count the vesicles that cell ``i`` sheds; ``number[i]`` of them reach for mitochondria."""
    number[i] = shed_all(i, -1, shed, cells, groups, wells, p, step)
    state = int(cells.state[i])
    if state == CELL_LIVE or state == CELL_MOMP:
        w = int(cells.well[i])
        u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_RELEASE, step.step, 1)
        cells.vesicles[i, EXOSOME] += poisson_from(rate_of(EXOSOME, i, cells, groups, p) * step.dt / 3600.0, u)


@row
def list_shed(rows, shed, cells, groups, wells, p, step):
    """Write the vesicles of the cells ``rows`` that reach for mitochondria into ``shed`` (serial)."""
    at = 0
    for j in range(len(rows)):
        at += shed_all(int(rows[j]), at, shed, cells, groups, wells, p, step)


@row
def sickness(slot, owner, mitochondria, cells, p):
    """Damage 0..1 of a mitochondrion, 1 if depolarised."""
    if potential(mitochondria, cells, owner, slot) < p.depolarised_potential:
        return 1.0
    return DAMAGE_SCALE * int(mitochondria.damage[slot])


@row
def may_go(slot, radius, left, mitochondria, p):
    """Whether the mitochondrion in ``slot`` fits into a vesicle of ``radius`` [nm] in which ``left`` [um^3] are left."""
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0 or (flags >> PLACE_SHIFT) & PLACE_MASK != CYTOSOL:
        return False
    d = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
    return fits(radius, d, p.margin) and d * d * d <= left


@row
def pick(owner, kind, radius, left, draw, mitochondria, pages, cells, wells, p, step):
    """Slot of the mitochondrion of cell ``owner`` that goes, -1 if none fits: the first of exponential clocks at their weights."""
    w = int(cells.well[owner])
    gain = 0.0
    if kind == MICROVESICLE:
        gain = (p.enrichment - 1.0) * hill2(float(cells.h2o2[owner]), p.h2o2_half)
    elif kind != MITOVESICLE:
        gain = p.enrichment - 1.0
    best = -1
    soonest = 0.0
    page = int(cells.first_page[owner])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if may_go(slot, radius, left, mitochondria, p):
                u = uniform(
                    wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], VESICLE_CARGO, step.step, draw
                )
                time = -log(u) / (1.0 + gain * sickness(slot, owner, mitochondria, cells, p))
                if best < 0 or time < soonest:
                    best = slot
                    soonest = time
        page = int(pages.next[page])
    return best


@row
def put_in(slot, v, j, shed, vesicles, mitochondria, pages, cells, events):
    """Move the mitochondrion in ``slot`` into vesicle ``v`` (entry ``j`` of ``shed``); returns the cube of room that it takes."""
    i = int(shed.cell[j])
    pool = N_POOLS * int(cells.well[i]) + POOL_TRANSIT
    new = load_into_transit(mitochondria, pages, cells, events, slot, pool, float(shed.time[j]), ROUTE_VESICLE, 0)
    vesicles.slots[v, int(vesicles.n_cargo[v])] = new
    vesicles.n_cargo[v] += 1


@row
def fill_body(v, j, shed, vesicles, mitochondria, pages, cells, wells, events, p, step):
    """Pack a share of the dying cell's mitochondria into an apoptotic body: that of the body in the volume of the cell."""
    i = int(shed.cell[j])
    w = int(cells.well[i])
    radius = float(shed.radius[j])
    share = SPHERE * radius * radius * radius / (1000.0 * float(cells.volume[i]))
    left = room(radius, p.margin, p.packing)
    page = int(cells.first_page[i])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(vesicles.n_cargo[v]) < VESICLE_SLOTS and may_go(slot, radius, left, mitochondria, p):
                u = uniform(
                    wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], VESICLE_CARGO, step.step,
                    APOPTOTIC_BODY * MOST * VESICLE_SLOTS + int(shed.event[j]),
                )  # fmt: skip
                if u < share:
                    d = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
                    left -= d * d * d
                    put_in(slot, v, j, shed, vesicles, mitochondria, pages, cells, events)
        page = int(pages.next[page])


@row
def fill(v, j, shed, vesicles, mitochondria, pages, cells, wells, events, p, step):
    """Put mitochondria into vesicle ``v``, one after the other until it is full, has enough or none fits."""
    i = int(shed.cell[j])
    kind = int(shed.kind[j])
    w = int(cells.well[i])
    radius = float(shed.radius[j])
    left = room(radius, p.margin, 1.0)
    for k in range(min(int(shed.wanted[j]), VESICLE_SLOTS)):
        draw = (kind * MOST + int(shed.event[j])) * VESICLE_SLOTS + k
        slot = pick(i, kind, radius, left, draw, mitochondria, pages, cells, wells, p, step)
        if slot < 0:
            return
        if kind == MIGRASOME:
            u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_CARGO, step.step, draw)
            if u >= sickness(slot, i, mitochondria, cells, p):
                return
        d = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
        left = min(left, room(radius, p.margin, p.packing)) - d * d * d  # the first may fill the lumen, several pack
        put_in(slot, v, j, shed, vesicles, mitochondria, pages, cells, events)


@row
def load_vesicles(order, rows, shed, vesicles, mitochondria, pages, cells, wells, events, p, step):
    """Fill the vesicles of ``shed`` in that order, each in the next of the free ``rows``; returns how many carry something."""
    used = 0
    for at in range(len(order)):
        j = int(order[at])
        v = int(rows[used])
        i = int(shed.cell[j])
        kind = int(shed.kind[j])
        vesicles.n_cargo[v] = 0
        if kind == APOPTOTIC_BODY:
            fill_body(v, j, shed, vesicles, mitochondria, pages, cells, wells, events, p, step)
        else:
            fill(v, j, shed, vesicles, mitochondria, pages, cells, wells, events, p, step)
        if int(vesicles.n_cargo[v]) > 0:
            vesicles.kind[v] = kind
            vesicles.well[v] = cells.well[i]
            vesicles.source[v] = i
            vesicles.radius[v] = shed.radius[j]
            vesicles.phosphatidylserine[v] = 1 if kind == APOPTOTIC_BODY or kind == EXOPHER else 0
            vesicles.layer[v] = cells.layer[i]
            vesicles.born[v] = shed.time[j]
            used += 1
    return used


def free_rows(world: Any, n: int) -> Any:
    """Rows for ``n`` more vesicles: those that are empty first; int64 [n]."""
    empty = np.flatnonzero(world.vesicles.kind[: world.n_vesicles] == NO_VESICLE)[:n]
    beyond = world.n_vesicles + np.arange(n - empty.size)
    world.reserve_vesicles(world.n_vesicles + beyond.size)
    return np.concatenate([empty, beyond]).astype(np.int64)


def allocate_shed(n: int) -> Shed:
    """Room for ``n`` vesicles."""
    i = np.int64
    return Shed(np.zeros(n, i), np.zeros(n, i), np.zeros(n), np.zeros(n, np.float32), np.zeros(n, i), np.zeros(n, i))


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Shed the vesicles of every cell over ``step.dt``."""
    backend, number = world.backend, np.zeros(world.n_cells, dtype=np.int64)
    tables = (world.cells, world.groups, world.wells)
    backend.each(count_row, world.n_cells, number, allocate_shed(1), *tables, p, step)
    backend.pull(number)
    rows = np.flatnonzero(number)
    if not rows.size:
        return
    shed = allocate_shed(int(number.sum()))
    backend.serial(list_shed, rows, shed, *tables, p, step)
    backend.pull(world.cells, world.vesicles, *shed)
    order = np.lexsort((shed.event, shed.kind, world.cells.id[shed.cell], world.cells.well[shed.cell], shed.time))
    most = int(np.where(shed.kind == APOPTOTIC_BODY, VESICLE_SLOTS, shed.wanted).sum())
    world.reserve_pages(most // PAGE + 1 + world.n_wells)
    world.reserve_events(most)
    free = free_rows(world, int(shed.cell.size))
    used = int(
        backend.serial(
            load_vesicles, order, free, shed, world.vesicles, world.mitochondria, world.pages, world.cells, world.wells, world.events, p,
            step,
        )
    )  # fmt: skip
    if used:
        world.n_vesicles = max(world.n_vesicles, int(free[used - 1]) + 1)


PROCESS = Process(name="vesicle_release", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
