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

so that growth makes good what budding divides: the mean mass is 1 at rest (b = mu_b) and stays 1 in a dividing cell. None grows beyond the
8 units that its column holds, which one that does not bud for long comes near where births are many and growth is slow.

Assumptions: number of births of a step is Poisson; births that find no empty slot wait for the next step (pages are
granted ahead of need). Growth is not limited by substrate other than through ATP. Step error: of order (mu_b dt)^2.
Verification: tests/verification/test_biogenesis.py (steady state of seven days, conservation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.lanes import lane
from mitoferry.core.maths import exp
from mitoferry.core.nodes import NODE_BIOGENESIS, NODE_PROLIFERATION
from mitoferry.core.pages import grant_row
from mitoferry.core.process import Process
from mitoferry.core.random import poisson_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    LARGEST_MASS,
    MASS_SCALE,
    OCCUPIED,
    PAGE,
    TALLY_MASS_IN,
    TALLY_MASS_OUT,
)
from mitoferry.core.streams import BIOGENESIS
from mitoferry.processes.budding import allocate_counts, bud_all
from mitoferry.processes.cycle import growth_time
from mitoferry.processes.mtdna import basal_mitophagy, growth_drive, programme, set_point
from mitoferry.processes.organelle import place_of
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
        new = min(int(mass + change + 0.5), LARGEST_MASS)
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
    new = min(int(mass + change + 0.5), LARGEST_MASS)
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
def wants_row(i, cells):
    """Whether cell ``i`` wants pages, 0 or 1."""
    return 1 if int(cells.want_pages[i]) > 0 else 0


@row
def births_row(i, cells, groups, wells, pages, mitochondria, counts, mitophagy_rate, p, step):
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
    bud_all(i, poisson_from(mean, u), key0, key1, cells, pages, mitochondria, counts, p, step)


def grant(world: World, rows: Any) -> None:
    """Give the cells ``rows`` the pages that they want, in order of row."""
    if not rows.size:
        return
    backend = world.backend
    (wanted,) = backend.read(rows, world.cells.want_pages)
    wanted = wanted.astype(np.int64)
    world.reserve_pages(int(wanted.sum()))
    (free,) = backend.read(slice(0, 1), world.pages.n_free)
    backend.each(grant_row, len(rows), rows, int(free[0]) - np.cumsum(wanted) + wanted, world.pages, world.cells)
    backend.write(slice(0, 1), world.pages.n_free, int(free[0]) - int(wanted.sum()))


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of growth and births in all cells."""
    backend, w = world.backend, world
    rate = basal_mitophagy(world)
    backend.gather(grow_slot, grow_finish, N_SUMS, w.n_cells, w.cells, w.pages, w.cells, w.groups, w.mitochondria, rate, p, step)
    grant(world, backend.select(wants_row, w.n_cells, w.cells))
    counts = allocate_counts(backend, len(w.pages.owner))
    backend.each(births_row, w.n_cells, w.cells, w.groups, w.wells, w.pages, w.mitochondria, counts, rate, p, step)


PROCESS = Process(name="biogenesis", stage="quality", clock="quality", parameters=Parameters, advance=advance, writes_mitochondria=True)
