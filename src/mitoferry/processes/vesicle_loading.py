"""What a vesicle takes along: the mitochondria of its cell that fit, the damaged ones sooner.

* A mitochondrion of the cytosol goes only if it fits (:mod:`mitoferry.processes.vesicle_size`). Several share the lumen up to
  a packing fraction, and no vesicle holds more than 16.
* Which one of those that fit is drawn with weight 1 + (enrichment - 1) sickness; in microvesicles (enrichment - 1) is times
  Hill2(H2O2), in mitochondria-carrying vesicles and synaptosomes all weigh the same. Sickness is the damage, or 1 if the potential is
  below a
  threshold, relative to that at which the population lives. The draw is a race of exponential clocks, one per mitochondrion
  and keyed by it, so that it does not depend on where mitochondria lie in memory.
* A migrasome keeps what it reaches for with the chance of its sickness.
* An apoptotic body takes every mitochondrion with the chance (volume of the body)/(volume of the cell), while there is room.

The potential freezes, route vesicle, and the mitochondrion waits in the transit pool of the well until
:mod:`mitoferry.processes.vesicle_fate` moves it on. Verification: ``tests/verification/test_vesicles.py``.
"""

from __future__ import annotations

from mitoferry.core.handover import load_into_transit, potential
from mitoferry.core.maths import hill2, log
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import (
    APOPTOTIC_BODY,
    CYTOSOL,
    DAMAGE_SCALE,
    EXOPHER,
    MASS_SCALE,
    MICROVESICLE,
    MIGRASOME,
    MITOVESICLE,
    N_POOLS,
    OCCUPIED,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
    POOL_TRANSIT,
    ROUTE_VESICLE,
    SYNAPTOSOME,
    VESICLE_SLOTS,
)
from mitoferry.core.streams import VESICLE_CARGO
from mitoferry.processes.free_mitochondria import diameter_of
from mitoferry.processes.keyed_choice import choice_holds, note_choice
from mitoferry.processes.rest import RESTING_POTENTIAL
from mitoferry.processes.vesicle_size import room

MOST = 64  # vesicles of a kind that a cell can shed in one step
SPHERE = 4.1887902047863905e-9  # um^3/nm^3: 4 pi/3


@row
def sickness(slot, owner, mitochondria, cells, groups, p):
    """Damage 0..1 of a mitochondrion, 1 if depolarised for a cell of its population."""
    at_rest = float(groups.resting_potential[int(cells.group[owner])]) / RESTING_POTENTIAL
    if potential(mitochondria, cells, owner, slot) < p.depolarised_potential * at_rest:
        return 1.0
    return DAMAGE_SCALE * int(mitochondria.damage[slot])


@row
def largest_mass(radius, left, p):
    """Mass [as in the column] of the largest mitochondrion that fits a vesicle of ``radius`` [nm] with ``left`` [um^3] of room.

    That of :func:`mitoferry.processes.vesicle_size.fits` and of a cube of the diameter within ``left``, solved for the mass, so
    that no cube root is needed for each of hundreds of mitochondria.
    """
    across = 2.0e-3 * radius - p.margin
    if across <= 0.0:
        return -1.0
    return min(across * across * across, left) / (p.diameter * p.diameter * p.diameter * MASS_SCALE)


@row
def may_go(slot, largest, mitochondria):
    """Whether a free mitochondrion of at most the mass ``largest`` is in ``slot``."""
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0 or (flags >> PLACE_SHIFT) & PLACE_MASK != CYTOSOL:
        return False
    return int(mitochondria.mass[slot]) <= largest


@row
def pick(owner, kind, radius, left, draw, mitochondria, pages, cells, groups, wells, p, step):
    """Slot of the mitochondrion of cell ``owner`` that goes, -1 if none fits: the first of exponential clocks at their weights."""
    w = int(cells.well[owner])
    gain = 0.0
    if kind == MICROVESICLE:
        gain = (p.enrichment - 1.0) * hill2(float(cells.h2o2[owner]), p.h2o2_half)
    elif kind != MITOVESICLE and kind != SYNAPTOSOME:
        gain = p.enrichment - 1.0
    best = -1
    soonest = 0.0
    heaviest = 1.000001 * max(1.0 + gain, 1.0)  # no weight is larger
    largest = largest_mass(radius, left, p)
    page = int(cells.first_page[owner])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if may_go(slot, largest, mitochondria):
                u = uniform(
                    wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], VESICLE_CARGO, step.step, draw
                )
                if best < 0 or 1.0 - u < soonest * heaviest:  # -log(u) >= 1 - u: most are later, whatever their weight
                    time = -log(u) / (1.0 + gain * sickness(slot, owner, mitochondria, cells, groups, p))
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
            if int(vesicles.n_cargo[v]) < VESICLE_SLOTS and may_go(slot, largest_mass(radius, left, p), mitochondria):
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
def next_in(j, k, left, shed, mitochondria, pages, cells, groups, wells, p, step):
    """Slot of the mitochondrion that is to be number ``k`` in entry ``j`` of ``shed``, with ``left`` [um^3] of room; -1 if none fits."""
    kind = int(shed.kind[j])
    draw = (kind * MOST + int(shed.event[j])) * VESICLE_SLOTS + k
    return pick(int(shed.cell[j]), kind, float(shed.radius[j]), left, draw, mitochondria, pages, cells, groups, wells, p, step)


@row
def first_row(j, chosen, shed, mitochondria, pages, cells, groups, wells, p, step):
    """Choose beforehand the first mitochondrion of entry ``j`` of ``shed``."""
    slot = -1
    if int(shed.kind[j]) != APOPTOTIC_BODY and int(shed.wanted[j]) > 0:
        left = room(float(shed.radius[j]), p.margin, 1.0)
        slot = next_in(j, 0, left, shed, mitochondria, pages, cells, groups, wells, p, step)
    note_choice(j, slot, int(shed.cell[j]), chosen, cells)


@row
def fill(v, j, chosen, shed, vesicles, mitochondria, pages, cells, groups, wells, events, p, step):
    """Put mitochondria into vesicle ``v``, one after the other until it is full, has enough or none fits."""
    i = int(shed.cell[j])
    kind = int(shed.kind[j])
    w = int(cells.well[i])
    radius = float(shed.radius[j])
    left = room(radius, p.margin, 1.0)
    for k in range(min(int(shed.wanted[j]), VESICLE_SLOTS)):
        draw = (kind * MOST + int(shed.event[j])) * VESICLE_SLOTS + k
        slot = int(chosen.slot[j])
        if k > 0 or not choice_holds(j, i, chosen, cells):
            slot = next_in(j, k, left, shed, mitochondria, pages, cells, groups, wells, p, step)
        if slot < 0:
            return
        if kind == MIGRASOME:
            u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_CARGO, step.step, draw)
            if u >= sickness(slot, i, mitochondria, cells, groups, p):
                return
        d = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
        left = min(left, room(radius, p.margin, p.packing)) - d * d * d  # the first may fill the lumen, several pack
        put_in(slot, v, j, shed, vesicles, mitochondria, pages, cells, events)


@row
def load_vesicles(lane, ends, order, rows, chosen, shed, vesicles, mitochondria, pages, cells, groups, wells, events, p, step):
    """Fill the vesicles of ``shed`` in list ``lane`` of ``order`` (``by_well``), number j in row ``rows[j]``, which may stay empty."""
    for at in range(int(ends[lane]), int(ends[lane + 1])):
        j = int(order[at])
        v = int(rows[j])
        i = int(shed.cell[j])
        kind = int(shed.kind[j])
        vesicles.n_cargo[v] = 0
        if kind == APOPTOTIC_BODY:
            fill_body(v, j, shed, vesicles, mitochondria, pages, cells, wells, events, p, step)
        else:
            fill(v, j, chosen, shed, vesicles, mitochondria, pages, cells, groups, wells, events, p, step)
        if int(vesicles.n_cargo[v]) > 0:
            vesicles.kind[v] = kind
            vesicles.well[v] = cells.well[i]
            vesicles.source[v] = i
            vesicles.radius[v] = shed.radius[j]
            vesicles.phosphatidylserine[v] = 1 if kind == APOPTOTIC_BODY or kind == EXOPHER or kind == SYNAPTOSOME else 0
            vesicles.layer[v] = cells.layer[i]
            vesicles.born[v] = shed.time[j]
