"""Mitophagy: removal of mitochondria, basal and by PINK1/Parkin, through lysosomes of limited capacity.

Mechanism. A mitochondrion whose potential stays below ``pink1_potential`` for ``pink1_delay`` stabilises PINK1 and
recruits Parkin (within an hour, Narendra 2008); the threshold is never above 81 % of the potential at which its population
lives, so that a line without mtDNA keeps its mitochondria whatever the parameters. Hazard of degradation of a mitochondrion in the
cytosol::

    h = mu_b + mu_P [PINK1] node_pink1_parkin + g y delta node_arrival_mitophagy
    y  the pulse after degraded arrivals (0..1), delta its damage

A cell degrades at most K per hour (``lysosome_capacity`` of its normal number, times the node of the lysosome): where
the hazards add up to more, all are scaled down alike. Degraded mitochondria leave with their mass and mtDNA (ledger).
Arrivals that had not fused are counted for the process ``arrival``, which makes the pulse (but for those that lost their membrane
outside of cells, which give none), their damaged mass for ``heme_signalling``; what came from another cell
is logged (``arrival_log``).

Assumptions: instantaneous degradation; no selection by haplotype but through damage and potential. Time below the
threshold is counted in steps. Step error: of order h dt in the count (8e-4 at rest) and up to one step in the delay.
Verification: tests/verification/test_mitophagy.py; F6 with whole organelles in test_mtdna_drift.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mitoferry.core.handover import potential
from mitoferry.core.lanes import AHEAD, ask_ahead, ask_identities, lane, lane_uniform4, lanes
from mitoferry.core.maths import chance
from mitoferry.core.nodes import NODE_ARRIVAL_MITOPHAGY, NODE_LYSOSOME, NODE_PINK1_PARKIN
from mitoferry.core.pages import clear_slot
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BROKEN,
    CYTOSOL,
    DAMAGE_SCALE,
    DEPOLARISED_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    MASS_SCALE,
    N_HAPLOTYPES,
    OCCUPIED,
    OWN_ISOLATED,
    OWN_NETWORK,
    PAGE,
    PINK1,
    PSI_OFFSET_SCALE,
    ROUTE_MASK,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
    TALLY_COPIES_OUT,
    TALLY_DEGRADED,
    TALLY_MASS_OUT,
    WITHOUT_POTENTIAL,
)
from mitoferry.core.streams import MITOPHAGY
from mitoferry.processes.arrival_log import arrivals_of_page, holds_arrivals, log_degraded, rows_of_pools_and_seeded, watch
from mitoferry.processes.organelle import class_of, place_of
from mitoferry.processes.rest import alive

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

LIVES_BELOW = 0.81  # of the potential at which its population lives a mitochondrion of a line without mtDNA keeps; never binds in others
HAZARD_UNITS = 1 << 30  # fixed point of the sum of hazards
# sums of the second pass
LOST, LOST_MASS, LOST_ARRIVALS, LOST_WHOLE, LOST_HEALTHY, LOST_TAGGED, LOST_COPIES, LOST_HEME, N_SUMS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    6 + N_HAPLOTYPES,
    7 + N_HAPLOTYPES,
)


class Parameters(NamedTuple):
    """Rates in 1/h (library: ``mitophagy.*``)."""

    basal_rate: float
    pink1_rate: float
    pink1_potential: float
    pink1_delay: float
    lysosome_capacity: float
    arrival_gain: float


@row
def hazard(h, slot, flags, cells, groups, mitochondria, p):
    """Hazard [1/h] of degradation of the mitochondrion in ``slot`` of cell ``h``, before the limit of the lysosomes."""
    rate = p.basal_rate
    g = int(cells.group[h])
    if flags & PINK1 != 0:
        rate = rate + p.pink1_rate * float(groups.nodes[g, NODE_PINK1_PARKIN])
    pulse = float(cells.arrival_pulse[h])
    if pulse > 0.0:
        damage = DAMAGE_SCALE * int(mitochondria.damage[slot])
        rate = rate + p.arrival_gain * pulse * damage * float(groups.nodes[g, NODE_ARRIVAL_MITOPHAGY])
    return rate


@row
def capacity(h, cells, groups, p):
    """Mitochondria per hour that the lysosomes of cell ``h`` can take."""
    return p.lysosome_capacity * float(cells.target_mitochondria[h]) * float(groups.nodes[int(cells.group[h]), NODE_LYSOSOME])


@row
def demand_one(h, slot, sums, cells, groups, mitochondria, p, step):
    """Time below the threshold, PINK1, and the hazard of the mitochondrion in ``slot``."""
    if not alive(int(cells.state[h])):
        return
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0 or place_of(flags) != CYTOSOL:
        return
    waited = int(mitochondria.depolarised[slot])
    lives_at = float(groups.resting_potential[int(cells.group[h])])
    if potential(mitochondria, cells, h, slot) < min(p.pink1_potential, LIVES_BELOW * lives_at):
        waited = min(waited + int(step.dt / DEPOLARISED_SCALE), 65535)
        mitochondria.depolarised[slot] = waited
        if flags & PINK1 == 0 and waited * DEPOLARISED_SCALE >= p.pink1_delay * 3600.0:
            flags = flags | PINK1
            mitochondria.flags[slot] = flags
    elif waited > 0 or flags & PINK1 != 0:
        mitochondria.depolarised[slot] = 0
        flags = flags & ~PINK1
        mitochondria.flags[slot] = flags
    sums[0] += int(hazard(h, slot, flags, cells, groups, mitochondria, p) * HAZARD_UNITS)


@row
def demand_page(h, first, sums, cells, groups, mitochondria, p, step):
    """As :func:`demand_slot` for the slots of a page, without branches: flags and waiting times, then their hazards."""
    if not alive(int(cells.state[h])):
        return
    ahead = first + AHEAD * PAGE
    ask_ahead(mitochondria.flags, ahead)
    ask_ahead(mitochondria.psi_offset, ahead)
    ask_ahead(mitochondria.depolarised, ahead)
    g = int(cells.group[h])
    threshold = min(p.pink1_potential, LIVES_BELOW * float(groups.resting_potential[g]))
    network, isolated = float(cells.psi[h, OWN_NETWORK]), float(cells.psi[h, OWN_ISOLATED])
    free, inside = float(cells.psi[h, DONOR_FREE]), float(cells.psi[h, DONOR_ENDOSOME])
    passed = int(step.dt / DEPOLARISED_SCALE)
    here, tagged, n_low, n_waiting = 0, 0, 0, 0
    low = lanes()
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        energy_class = class_of(flags)
        own = isolated if energy_class == OWN_ISOLATED else network
        foreign = inside if energy_class == DONOR_ENDOSOME else free
        psi = (foreign if energy_class >= DONOR_FREE else own) - PSI_OFFSET_SCALE * int(mitochondria.psi_offset[slot])
        psi = 0.0 if flags & WITHOUT_POTENTIAL != 0 else psi
        some = flags & OCCUPIED if place_of(flags) == CYTOSOL else 0
        some_low = some if psi < threshold else 0
        low[k] = float(some + some_low)  # 0 not asked, 1 with potential, 2 below the threshold
        here += some
        n_low += some_low
        tagged += some if flags & PINK1 != 0 else 0
        n_waiting += some if int(mitochondria.depolarised[slot]) > 0 else 0
    if n_low + n_waiting + tagged > 0:
        tagged = 0
        for k in range(PAGE):
            slot = lane(first, k)
            waited = int(mitochondria.depolarised[slot])
            new = min(waited + passed, 65535) if low[k] > 1.0 else 0
            mitochondria.depolarised[slot] = waited if low[k] == 0.0 else new
        for k in range(PAGE):
            slot = lane(first, k)
            flags = int(mitochondria.flags[slot])
            long = int(mitochondria.depolarised[slot]) * DEPOLARISED_SCALE >= p.pink1_delay * 3600.0
            tag = PINK1 if long else flags & PINK1
            new = (flags & ~PINK1) | (tag if low[k] > 1.0 else 0)
            mitochondria.flags[slot] = flags if low[k] == 0.0 else new
            tagged += 1 if (low[k] > 0.0) & (new & PINK1 != 0) else 0
    tag_rate = p.basal_rate + p.pink1_rate * float(groups.nodes[g, NODE_PINK1_PARKIN])
    pulse = float(cells.arrival_pulse[h])
    if pulse <= 0.0:
        sums[0] += (here - tagged) * int(p.basal_rate * HAZARD_UNITS) + tagged * int(tag_rate * HAZARD_UNITS)
        return
    node = float(groups.nodes[g, NODE_ARRIVAL_MITOPHAGY])
    total = 0
    for k in range(PAGE):
        slot = lane(first, k)
        rate = tag_rate if int(mitochondria.flags[slot]) & PINK1 != 0 else p.basal_rate
        damage = DAMAGE_SCALE * int(mitochondria.damage[slot])
        rate = rate + p.arrival_gain * pulse * damage * node
        total += int(rate * HAZARD_UNITS) if low[k] > 0.0 else 0
    sums[0] += total


@row(page=demand_page)
def demand_slot(h, slot, sums, cells, groups, mitochondria, p, step):
    """Time below the threshold, PINK1, and the sum of the hazards."""
    demand_one(h, slot, sums, cells, groups, mitochondria, p, step)


@row
def demand_finish(h, sums, cells, groups, mitochondria, p, step):
    """What all mitochondria of the cell ask of its lysosomes [1/h]."""
    if alive(int(cells.state[h])):
        cells.mitophagy_load[h] = sums[0] / HAZARD_UNITS


@row
def is_taken(h, slot, flags, cells, groups, wells, mitochondria, p, step):
    """Whether the mitochondrion in ``slot`` of the living cell ``h``, with these flags, is degraded in this step."""
    if flags & OCCUPIED == 0 or place_of(flags) != CYTOSOL:
        return False
    mean = hazard(h, slot, flags, cells, groups, mitochondria, p)
    load = float(cells.mitophagy_load[h])
    most = capacity(h, cells, groups, p)
    if load > most:
        mean = mean * most / load
    w = int(cells.well[h])
    u = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], MITOPHAGY, step.step, 0)
    dt = step.dt / 3600.0
    return u < mean * dt and u < chance(mean, dt)


@row
def degrading_page(i, n_pools, seeded, pages, cells, groups, wells, mitochondria, p, step):
    """Whether a mitochondrion of page ``i`` that came by a route is degraded in this step, 0 or 1."""
    h = int(pages.owner[i])
    if h < 0 or not holds_arrivals(h, n_pools, seeded, cells) or not alive(int(cells.state[h])):
        return 0
    if arrivals_of_page(i, mitochondria) > 0:
        for k in range(PAGE):
            slot = i * PAGE + k
            flags = int(mitochondria.flags[slot])
            if flags & (ROUTE_MASK << ROUTE_SHIFT) != 0 and is_taken(h, slot, flags, cells, groups, wells, mitochondria, p, step):
                return 1
    return 0


@row
def degrade_one(h, slot, sums, cells, groups, wells, mitochondria, p, step):
    """Whether the mitochondrion in ``slot`` is degraded in this step."""
    if not alive(int(cells.state[h])):
        return
    flags = int(mitochondria.flags[slot])
    if not is_taken(h, slot, flags, cells, groups, wells, mitochondria, p, step):
        return
    sums[LOST] += 1
    sums[LOST_MASS] += int(mitochondria.mass[slot])
    for k in range(N_HAPLOTYPES):
        sums[LOST_COPIES + k] += int(mitochondria.copies[slot, k])
    if class_of(flags) == DONOR_FREE:
        sums[LOST_ARRIVALS] += 1
        sums[LOST_HEME] += int(mitochondria.mass[slot]) * int(mitochondria.damage[slot])
        if flags & BROKEN == 0:
            sums[LOST_WHOLE] += 1
            if flags & SICK_ON_ARRIVAL == 0:
                sums[LOST_HEALTHY] += 1
            if flags & PINK1 != 0:
                sums[LOST_TAGGED] += 1
    clear_slot(mitochondria, slot)


@row
def degrade_page(h, first, sums, cells, groups, wells, mitochondria, p, step):
    """As :func:`degrade_slot` for the slots of a page, which mostly hold none that can be taken in this step."""
    if not alive(int(cells.state[h])):
        return
    ahead = first + AHEAD * PAGE
    ask_identities(mitochondria, ahead)
    ask_ahead(mitochondria.flags, ahead)
    g = int(cells.group[h])
    w = int(cells.well[h])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    dt = 1.000001 * step.dt / 3600.0
    base = p.basal_rate + p.arrival_gain * max(float(cells.arrival_pulse[h]), 0.0) * float(groups.nodes[g, NODE_ARRIVAL_MITOPHAGY])
    low = base * dt
    high = (base + p.pink1_rate * float(groups.nodes[g, NODE_PINK1_PARKIN])) * dt
    possible = 0
    busy = lanes()
    for k in range(PAGE):
        slot = lane(first, k)
        u, _, _, _ = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], MITOPHAGY, step.step, 0)
        bound = high if int(mitochondria.flags[slot]) & PINK1 != 0 else low
        some = 1 if u < bound else 0
        busy[k] = float(some)
        possible += some
    if possible > 0:
        for k in range(PAGE):
            if busy[k] != 0.0:
                degrade_one(h, first + k, sums, cells, groups, wells, mitochondria, p, step)


@row(page=degrade_page)
def degrade_slot(h, slot, sums, cells, groups, wells, mitochondria, p, step):
    """Whether the mitochondrion in ``slot`` is degraded in this step."""
    degrade_one(h, slot, sums, cells, groups, wells, mitochondria, p, step)


@row
def degrade_finish(h, sums, cells, groups, wells, mitochondria, p, step):
    """Book the losses of the cell; its load is what was taken."""
    if not alive(int(cells.state[h])):
        return
    cells.mitophagy_load[h] = min(float(cells.mitophagy_load[h]), capacity(h, cells, groups, p))
    if sums[LOST] == 0:
        return
    cells.n_mitochondria[h] -= sums[LOST]
    cells.tally[h, TALLY_DEGRADED] += sums[LOST]
    cells.tally[h, TALLY_MASS_OUT] += sums[LOST_MASS]
    for k in range(N_HAPLOTYPES):
        cells.tally[h, TALLY_COPIES_OUT + k] += sums[LOST_COPIES + k]
    cells.lysed_arrivals[h] += sums[LOST_ARRIVALS]
    for k in range(3):
        cells.degraded_foreign[h, k] += sums[LOST_WHOLE + k]
    if sums[LOST_HEME] > 0:
        cells.heme[h] = float(cells.heme[h]) + MASS_SCALE * DAMAGE_SCALE * int(sums[LOST_HEME])


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of mitophagy in all cells: what is asked of the lysosomes, then what they take."""
    b, w = world.backend, world
    b.gather(demand_slot, demand_finish, 1, w.n_cells, w.cells, w.pages, w.cells, w.groups, w.mitochondria, p, step)
    tables = (w.pages, w.cells, w.groups, w.wells, w.mitochondria)
    watched = watch(world, b.select(degrading_page, len(w.pages.owner), *rows_of_pools_and_seeded(world), *tables, p, step))
    b.gather(degrade_slot, degrade_finish, N_SUMS, w.n_cells, w.cells, w.pages, w.cells, w.groups, w.wells, w.mitochondria, p, step)
    log_degraded(world, watched, step)


PROCESS = Process(name="mitophagy", stage="quality", clock="quality", parameters=Parameters, advance=advance, writes_mitochondria=True)
