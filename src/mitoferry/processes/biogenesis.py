"""Biogenesis: growth of mitochondria and birth of new ones by budding.

Mechanism. A cell makes mitochondria at the rate at which basal mitophagy takes them from its normal number N*, with
feedback on its number N and in proportion to PGC1a::

    births per hour = mu_b N* P (1 + kappa (1 - N/(N* S))) a,     P = PGC1a x node biogenesis,     S = 1 + g (P - 1)
    a               = 1 less a share where ATP is short

so that N = N* is stationary at rest, and N settles between N* and N* P (N* P with g = 1) under a programme P that lasts: PGC1a does not
only make mitochondria faster, it raises the number that the cell steers for (and, in ``mtdna``, that of the copies of mtDNA). A cell
that grows towards its next division makes more, up to twice the rate of its cycle. A newborn buds from a random mitochondrion of the
cell's own network: it takes a share of its mass, each copy of its mtDNA by chance in proportion (binomial), of label and dye in
proportion, and the same damage, complexes, inhibitor and potential; it gets an identity of its own, (cell, next number). Mass then grows
towards a set point::

    d m/dt = (m* - m)/tau_m,   m* = 1 + b tau_m, with b the births per mitochondrion and hour of this cell

so that growth makes good what budding divides: the mean mass is 1 at rest (b = mu_b) and stays 1 in a dividing cell.

Assumptions: number of births of a step is Poisson; births that find no empty slot wait for the next step (pages are
granted ahead of need). Growth is not limited by substrate other than through ATP. Step error: of order (mu_b dt)^2.
Verification: tests/verification/test_biogenesis.py (steady state of seven days, conservation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mitoferry.core.lanes import lane
from mitoferry.core.maths import exp
from mitoferry.core.nodes import NODE_BIOGENESIS, NODE_PROLIFERATION
from mitoferry.core.pages import copy_slot, grant_pages
from mitoferry.core.process import Process
from mitoferry.core.random import binomial_from, poisson_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    DONOR_FREE,
    FUSED,
    MASS_SCALE,
    N_HAPLOTYPES,
    OCCUPIED,
    PAGE,
    PINK1,
    ROUTE_MASK,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
    TALLY_BORN,
    TALLY_MASS_IN,
    TALLY_MASS_OUT,
)
from mitoferry.core.streams import BIOGENESIS
from mitoferry.processes.cycle import growth_time
from mitoferry.processes.mtdna import basal_mitophagy, growth_drive, programme, set_point
from mitoferry.processes.organelle import class_of, place_of
from mitoferry.processes.rest import RESTING_ATP, alive

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

GROWN, SHRUNK, COUNT, SLOTS, N_SUMS = 0, 1, 2, 3, 4


class Parameters(NamedTuple):
    """Times in h, mass in units (library: ``biogenesis.*``)."""

    feedback: float
    growth_time: float
    smallest_mass: float
    bud_share: float
    atp_need: float
    set_point_gain: float


@row
def energy_factor(atp, p):
    """Biogenesis relative to normal where ATP [mM] is short."""
    return min(max(atp / (p.atp_need * RESTING_ATP), 0.0), 1.0)


@row
def birth_drive(h, cells, groups, mitophagy_rate, p):
    """Births per hour of cell ``h`` with enough ATP."""
    g = int(cells.group[h])
    now = float(int(cells.n_mitochondria[h]))
    target = float(cells.target_mitochondria[h])
    if now <= 0.0 or target <= 0.0:
        return 0.0
    asked = programme(h, cells, groups)
    wanted = target * set_point(asked, p.set_point_gain)
    drive = mitophagy_rate * target * asked * max(1.0 + p.feedback * (1.0 - now / wanted), 0.0)
    growth = now * growth_drive(now, wanted, growth_time(h, cells, groups), float(groups.nodes[g, NODE_PROLIFERATION]))
    return drive + growth * min(max(float(groups.nodes[g, NODE_BIOGENESIS]), 0.0), 1.0)


@row
def mean_births(h, cells, groups, mitophagy_rate, p, step):
    """Mean number of births of cell ``h`` in a step."""
    return birth_drive(h, cells, groups, mitophagy_rate, p) * energy_factor(float(cells.atp[h]), p) * step.dt / 3600.0


@row
def mass_goal(h, cells, groups, mitophagy_rate, p):
    """Mass towards which the mitochondria of cell ``h`` grow [units]: 1 and what budding takes from it."""
    now = float(int(cells.n_mitochondria[h]))
    if now <= 0.0:
        return 1.0
    return 1.0 + birth_drive(h, cells, groups, mitophagy_rate, p) / now * p.growth_time


@row
def grow_page(h, first, sums, cells, groups, mitochondria, mitophagy_rate, p, step):
    """As :func:`grow_slot` for the slots of a page, without branches."""
    if not alive(int(cells.state[h])):
        return
    goal = mass_goal(h, cells, groups, mitophagy_rate, p) / MASS_SCALE
    time = 3600.0 * p.growth_time
    factor = energy_factor(float(cells.atp[h]), p)
    count = 0
    grown = 0
    shrunk = 0
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        mass = int(mitochondria.mass[slot])
        change = (goal - mass) * step.dt / time
        change = change * factor if change > 0.0 else change
        new = int(mass + change + 0.5)
        new = new if flags & OCCUPIED != 0 and place_of(flags) == CYTOSOL else mass
        mitochondria.mass[slot] = new
        count += flags & OCCUPIED
        grown += max(new - mass, 0)
        shrunk += max(mass - new, 0)
    sums[SLOTS] += PAGE
    sums[COUNT] += count
    sums[GROWN] += grown
    sums[SHRUNK] += shrunk


@row(page=grow_page)
def grow_slot(h, slot, sums, cells, groups, mitochondria, mitophagy_rate, p, step):
    """Growth of the mitochondrion in ``slot``; counts mass gained and lost, mitochondria and slots."""
    if not alive(int(cells.state[h])):
        return
    sums[SLOTS] += 1
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0:
        return
    sums[COUNT] += 1
    if place_of(flags) != CYTOSOL:
        return
    mass = int(mitochondria.mass[slot])
    goal = mass_goal(h, cells, groups, mitophagy_rate, p) / MASS_SCALE
    change = (goal - mass) * step.dt / (3600.0 * p.growth_time)
    if change > 0.0:
        change = change * energy_factor(float(cells.atp[h]), p)
    new = int(mass + change + 0.5)
    mitochondria.mass[slot] = new
    if new > mass:
        sums[GROWN] += new - mass
    else:
        sums[SHRUNK] += mass - new


@row
def grow_finish(h, sums, cells, groups, mitochondria, mitophagy_rate, p, step):
    """Book the growth of the cell; ask for a page where its next births may not find room."""
    if not alive(int(cells.state[h])):
        return
    cells.tally[h, TALLY_MASS_IN] += sums[GROWN]
    cells.tally[h, TALLY_MASS_OUT] += sums[SHRUNK]
    cells.n_mitochondria[h] = sums[COUNT]
    room = sums[SLOTS] - sums[COUNT]
    if sums[SLOTS] > 0 and room < 3.0 + 4.0 * mean_births(h, cells, groups, mitophagy_rate, p, step) and int(cells.want_pages[h]) == 0:
        cells.want_pages[h] = 1


@row
def fertile(slot, mitochondria, p):
    """1 for a mitochondrion that can bud: of the own network, in the cytosol, and large enough for two; else 0. Without branches."""
    flags = int(mitochondria.flags[slot])
    can = flags & OCCUPIED if place_of(flags) == CYTOSOL else 0
    can = can if class_of(flags) < DONOR_FREE else 0
    return can if int(mitochondria.mass[slot]) * MASS_SCALE >= 2.0 * p.smallest_mass else 0


@row
def matches(page, empty, mitochondria, p):
    """How many slots of a page are empty (``empty`` 1) or hold a fertile mitochondrion (0)."""
    n = 0
    if empty == 1:
        for k in range(PAGE):
            n += 1 - (int(mitochondria.flags[lane(page * PAGE, k)]) & OCCUPIED)
    else:
        for k in range(PAGE):
            n += fertile(lane(page * PAGE, k), mitochondria, p)
    return n


@row
def number_fertile(h, cells, pages, mitochondria, p):
    """How many mitochondria of cell ``h`` can bud."""
    n = 0
    page = int(cells.first_page[h])
    while page >= 0:
        n += matches(page, 0, mitochondria, p)
        page = int(pages.next[page])
    return n


@row
def find(h, wanted, empty, cells, pages, mitochondria, p):
    """Slot of the ``wanted``-th empty slot (``empty`` 1) or fertile mitochondrion (0) of cell ``h``; -1 if there are not so many."""
    n = 0
    page = int(cells.first_page[h])
    while page >= 0:
        here = matches(page, empty, mitochondria, p)
        if n + here > wanted:
            for k in range(PAGE):
                slot = page * PAGE + k
                match = 1 - (int(mitochondria.flags[slot]) & OCCUPIED)
                if empty == 0:
                    match = fertile(slot, mitochondria, p)
                if match != 0 and n == wanted:
                    return slot
                n += match
        n += here
        page = int(pages.next[page])
    return -1


@row
def split(column, parent, child, share):
    """Give a newborn, which holds as much as its parent, its share of an amount and leave the rest to the parent."""
    amount = int(column[parent])
    if amount > 0:
        part = int(share * amount + 0.5)
        column[child] = part
        column[parent] = amount - part


@row
def bud(parent, child, share, key0, key1, identity, ordinal, j, mitochondria, step):
    """A newborn in the slot ``child``; mass, copies, label and dye of the parent are divided, the rest is inherited."""
    copy_slot(mitochondria, parent, child)
    mitochondria.birth[child] = identity
    mitochondria.ordinal[child] = ordinal
    a, b, c, d = uniform4(key0, key1, identity, 0, BIOGENESIS, step.step, 2 * j + 2)
    for k in range(N_HAPLOTYPES):
        n = int(mitochondria.copies[parent, k])
        taken = binomial_from(n, share, a)
        mitochondria.copies[child, k] = taken
        mitochondria.copies[parent, k] = n - taken
        a = b
        b = c
        c = d
    mass = int(mitochondria.mass[parent])
    part = int(share * mass)
    mitochondria.mass[child] = part
    mitochondria.mass[parent] = mass - part
    split(mitochondria.label, parent, child, share)
    split(mitochondria.dye, parent, child, share)
    flags = int(mitochondria.flags[child])
    mitochondria.flags[child] = flags & ~(ROUTE_MASK << ROUTE_SHIFT) & ~FUSED & ~SICK_ON_ARRIVAL & ~PINK1
    mitochondria.depolarised[child] = 0
    if int(mitochondria.motor[child]) != 0:  # sparse
        mitochondria.motor[child] = 0


@row
def births_row(i, cells, groups, wells, pages, mitochondria, mitophagy_rate, p, step):
    """The births of cell ``i`` in this step."""
    if not alive(int(cells.state[i])):
        return
    mean = mean_births(i, cells, groups, mitophagy_rate, p, step)
    if mean <= 0.0:
        return
    w = int(cells.well[i])
    key0 = wells.key0[w]
    key1 = wells.key1[w]
    u, _, _, _ = uniform4(key0, key1, cells.id[i], 0, BIOGENESIS, step.step, 0)
    if u <= exp(-mean):
        return
    wanted = poisson_from(mean, u)
    for j in range(wanted):
        candidates = number_fertile(i, cells, pages, mitochondria, p)
        child = find(i, 0, 1, cells, pages, mitochondria, p)
        if candidates > 0 and child >= 0:
            a, b, _, _ = uniform4(key0, key1, cells.id[i], 0, BIOGENESIS, step.step, 2 * j + 1)
            parent = find(i, int(a * candidates), 0, cells, pages, mitochondria, p)
            mass = int(mitochondria.mass[parent]) * MASS_SCALE
            share = max(p.bud_share * (0.8 + 0.4 * b), p.smallest_mass / mass)
            share = min(share, 1.0 - p.smallest_mass / mass)
            ordinal = int(cells.next_ordinal[i])
            bud(parent, child, share, key0, key1, cells.id[i], ordinal, j, mitochondria, step)
            cells.next_ordinal[i] = ordinal + 1
            cells.n_mitochondria[i] += 1
            cells.tally[i, TALLY_BORN] += 1


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of growth and births in all cells."""
    backend, w = world.backend, world
    rate = basal_mitophagy(world)
    backend.gather(grow_slot, grow_finish, N_SUMS, w.n_cells, w.cells, w.pages, w.cells, w.groups, w.mitochondria, rate, p, step)
    backend.pull(w.cells, w.pages)
    wanted = int(np.maximum(w.cells.want_pages[: w.n_cells], 0).sum())
    if wanted:
        world.reserve_pages(wanted)
        backend.serial(grant_pages, world.pages, world.cells, world.n_cells)
    backend.each(births_row, w.n_cells, w.cells, w.groups, w.wells, world.pages, world.mitochondria, rate, p, step)


PROCESS = Process(name="biogenesis", stage="quality", clock="quality", parameters=Parameters, advance=advance, writes_mitochondria=True)
