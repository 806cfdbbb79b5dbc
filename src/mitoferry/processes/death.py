"""Death: release of cytochrome c, apoptosis, necrosis, and what becomes of the content.

Mechanism (rates per hour, psi mean potential, s survival signal):

* cytochrome c release, alive -> MOMP, hazard
  h = [h0 + primed + h4 (f(psi) - f(psi0)) + h5 Hill4(burst/(B x)) + drug]/(1 + s)/bcl2, where ``primed`` is what BH3-only proteins
  amount to that oxidants, damaged mitochondria and lesions of DNA have called for, ``burst`` the share of mitochondria that long open
  pores have burst (both follow over hours: ``processes/priming.py``), and x what the outer membrane of this cell withstands relative to
  its type (``cell_variation``); f(psi) = 1/(1 + (psi/K4)^8), of which only what is lost beyond
  rest counts, since h0 is the hazard of a healthy cell; psi counts relative to the potential at which the
  population lives: a line without mtDNA rests at 62 mV for weeks and does not die of it. bcl2 is the
  node of BCL-2 and relatives (venetoclax); cells with a life span of their own (neutrophils: ``spontaneous_death`` of the
  type) die at that hazard besides, which the survival signal lowers likewise; a senolytic (node ``senolysis``) adds to the drug
  in senescent cells;
* necrosis from any state with a membrane: h_N = e/(1 + s A), e' = (f - e)/tau_N, f = hN (g(ATP) - g(ATP0)), g = 1/(1 + (ATP/(share
  ATP0))^4), 0 at rest, a hazard and not a cliff, A the share of resting ATP that is left (at most 1). A cell that has run out of ATP does
  not fall apart at once: what it has suffered, ``cells.failing``, follows its lack of ATP over hours (calcium, calpains, pores of
  mitochondria at reperfusion), so that most of those lost by an hour without blood are lost in the hours after it. As many die as if
  it acted at once, unless something helps in the meantime: the survival signal (Akt keeps pores closed at reperfusion) as far as there is
  ATP for kinases;
* MOMP -> execution after a delay of 10-60 min (longer under a caspase inhibitor), if ATP is above a share of its resting
  value, else necrosis. Until then the cell can be rescued, at rate r s/(1 + s): the survival signal keeps the
  apoptosome from forming. Without caspases the cell dies more slowly by necrosis;
* execution lasts 2-4 h and ends in an apoptotic corpse, its mitochondria lysed but for a share that is freed;
* pyroptosis and ferroptosis lose the membrane as necrosis does, at the hazards that ``cells.other_hazards`` holds; the
  attack of an immune cell sets the caspases going without cytochrome c, so that there is nothing left to rescue;
* a neutrophil that has cast its trap loses its membrane at the hazard ``trap_lysis``;
* what a cell died of is kept in ``cells.death_cause``;
* necrosis loses the membrane at once: adenine nucleotides as a bolus, mitochondria free in the medium (route lysis).

Hazards are frozen over a macro-step; times within it are exact exponential draws, the earliest wins. Waiting times of
MOMP and execution are drawn once, keyed by the cell and its moment of cytochrome c release. Mitochondria of dead cells
are released in one serial phase, in order of (time, well, cell id). Ledger: lysed ones are booked, freed ones only move.
Verification: ``tests/verification/test_fate_death.py`` (F17).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.events import EVENT_DEATH, EVENT_MOMP
from mitoferry.core.maths import hill4, log, relax
from mitoferry.core.nodes import NODE_BCL2, NODE_CASPASE, NODE_DEATH_SIGNAL, NODE_SENOLYSIS
from mitoferry.core.pages import remove
from mitoferry.core.process import Process
from mitoferry.core.random import uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ADP,
    ATP,
    BY_APOPTOSIS,
    BY_ATTACK,
    BY_FERROPTOSIS,
    BY_NECROSIS,
    BY_PYROPTOSIS,
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_LIVE,
    CELL_MOMP,
    CELL_NECROTIC,
    HAZARD_ATTACK,
    HAZARD_FERROPTOSIS,
    HAZARD_PYROPTOSIS,
    N_POOLS,
    NOT_DEAD,
    OCCUPIED,
    PAGE,
    POOL_MEDIUM,
    ROUTE_LYSIS,
)
from mitoferry.core.streams import DEATH, EXECUTION
from mitoferry.processes.cell_events import in_order, log_cell_events
from mitoferry.processes.energetics import without_flux
from mitoferry.processes.free_mitochondria import put_into_medium
from mitoferry.processes.pool_pages import release_empty_of
from mitoferry.processes.priming import called_for, swollen
from mitoferry.processes.rest import RESTING_ATP, RESTING_POTENTIAL, mean_damage, mean_potential, own_open_share

NEVER = 1e30
LEAST_BCL2 = 0.02


class Parameters(NamedTuple):
    """Hazards in 1/h, times in h, ATP as a share of its resting value (library: ``death.*``)."""

    base_hazard: float
    h2o2_hazard: float
    h2o2_half: float
    damage_hazard: float
    damage_half: float
    potential_hazard: float
    potential_half: float
    pore_hazard: float
    burst_rate: float
    burst_half: float
    burst_recovery: float
    priming_time: float
    necrosis_hazard: float
    necrosis_atp: float
    necrosis_time: float
    caspase_delay_min: float
    caspase_delay_max: float
    caspase_atp: float
    caspase_free_hazard: float
    rescue_rate: float
    execution_min: float
    execution_max: float
    corpse_delay: float
    freed_share: float
    adenine_nucleotides: float  # mM
    dna_hazard: float
    dna_half: float
    trap_lysis: float


@row
def lost_potential(psi, p):
    """Response 0..1 to the loss of potential: 1/(1 + (psi/K4)^8)."""
    r = max(psi, 0.0) / p.potential_half
    r = r * r
    r = r * r
    return 1.0 / (1.0 + r * r)


@row
def cytochrome_hazard(primed, psi, burst, survival, drug, p):
    """Hazard [1/h] of cytochrome c release of a living cell."""
    loss = p.potential_hazard * max(lost_potential(psi, p) - lost_potential(RESTING_POTENTIAL, p), 0.0)
    total = p.base_hazard + primed + loss + p.pore_hazard * hill4(burst, p.burst_half) + drug
    return total / (1.0 + max(survival, 0.0))


@row
def necrosis_rate(atp, p):
    """Hazard [1/h] of losing the membrane at which a lasting ``atp`` [mM] ends."""
    half = p.necrosis_atp * RESTING_ATP
    return p.necrosis_hazard * max(hill4(RESTING_ATP, half) - hill4(atp, half), 0.0)


@row
def membrane_hazard(i, cells, hours, p):
    """Hazard [1/h] that cell ``i`` loses its membrane by what the lack of ATP has done to it until now; advances ``failing``."""
    atp = max(float(cells.atp[i]), 0.0)
    failing = relax(float(cells.failing[i]), necrosis_rate(atp, p), hours, p.necrosis_time)
    cells.failing[i] = failing
    return failing / (1.0 + max(float(cells.survival[i]), 0.0) * min(atp / RESTING_ATP, 1.0))


@row
def waiting(rate, u, dt):
    """Exponential waiting time [s] at ``rate`` [1/h] from one uniform; NEVER where it is certainly beyond ``dt`` [s].

    -log(u) >= 1 - u, so that most draws need no logarithm.
    """
    if 3600.0 * (1.0 - u) >= 1.000001 * rate * dt:
        return NEVER
    return -3600.0 * log(u) / rate


@row
def execution_times(i, cells, groups, wells, p):
    """(start, end) of execution [s] of a cell that has released cytochrome c, if it is not rescued."""
    w = int(cells.well[i])
    momp = float(cells.momp_time[i])
    u, v, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, EXECUTION, int(momp), 0)
    caspase = float(groups.nodes[int(cells.group[i]), NODE_CASPASE])
    if caspase < 0.01:
        return NEVER, NEVER
    start = p.caspase_delay_min + u * (p.caspase_delay_max - p.caspase_delay_min)
    length = p.execution_min + v * (p.execution_max - p.execution_min)
    start = momp + 3600.0 * start / min(caspase, 1.0)
    return start, start + 3600.0 * length / min(caspase, 1.0)


@row
def die(i, cells, state, time, cause):
    """Cell ``i`` is dead from ``time`` [s] on, of ``cause`` (BY_*) unless one was known before."""
    cells.state[i] = state
    cells.death_time[i] = time
    if int(cells.death_cause[i]) == NOT_DEAD:
        cells.death_cause[i] = cause


@row
def chance_rate(i, state, cells, groups, p, hours):
    """Rate [1/h] of what may happen to cell ``i`` but necrosis: cytochrome c release if it lives, rescue after that."""
    survival = max(float(cells.survival[i]), 0.0)
    if state == CELL_LIVE:
        g = int(cells.group[i])
        withstood = max(float(cells.own_threshold[i]), 0.05)
        drug = float(groups.nodes[g, NODE_DEATH_SIGNAL]) + float(groups.spontaneous_death[g])
        if int(cells.senescent[i]) != 0:
            drug += max(float(groups.nodes[g, NODE_SENOLYSIS]), 0.0)
        stress = called_for(float(cells.h2o2[i]) / withstood, mean_damage(cells, i) / withstood, float(cells.dna_damage[i]) / withstood, p)
        primed = relax(float(cells.primed[i]), stress, hours, p.priming_time)
        burst = swollen(float(cells.burst[i]), own_open_share(cells, i), hours, p)
        cells.primed[i] = primed
        cells.burst[i] = burst
        psi = mean_potential(cells, i) * RESTING_POTENTIAL / float(groups.resting_potential[g])
        h = cytochrome_hazard(primed, psi, burst / withstood, survival, drug, p)
        h = h / max(float(groups.nodes[g, NODE_BCL2]), LEAST_BCL2)
        cells.death_hazard[i] = h
        return h
    if state == CELL_MOMP and float(cells.atp[i]) > p.caspase_atp * RESTING_ATP:
        return p.rescue_rate * survival / (1.0 + survival)
    return 0.0


@row
def appointed_time(i, state, cells, groups, wells, p, step):
    """Time from now [s] at which caspases act (MOMP) or execution ends; practically never for a living cell."""
    if state == CELL_LIVE:
        return NEVER
    start, end = execution_times(i, cells, groups, wells, p)
    if state == CELL_MOMP:
        return max(start - step.time, 0.0)
    return max(end - step.time, 0.0)


@row
def meet_appointment(i, state, cells, time, p):
    """Caspases act at ``time``, given enough ATP; or execution ends."""
    if state == CELL_APOPTOTIC:
        die(i, cells, CELL_DEAD_APOPTOTIC, time, BY_APOPTOSIS)
    elif float(cells.atp[i]) < p.caspase_atp * RESTING_ATP:
        die(i, cells, CELL_NECROTIC, time, BY_NECROSIS)
    else:
        cells.state[i] = CELL_APOPTOTIC


@row
def lytic_cause(i, cells, necrosis, u):
    """What has cost cell ``i`` its membrane: necrosis [1/h], pyroptosis or ferroptosis by their shares, from one uniform."""
    pyroptosis = float(cells.other_hazards[i, HAZARD_PYROPTOSIS])
    left = u * (necrosis + pyroptosis + float(cells.other_hazards[i, HAZARD_FERROPTOSIS])) - necrosis
    if left < 0.0:
        return BY_NECROSIS
    if left < pyroptosis:
        return BY_PYROPTOSIS
    return BY_FERROPTOSIS


@row
def be_attacked(i, cells, groups, time):
    """An immune cell has killed cell ``i`` at ``time``: caspases act at once, or pores tear its membrane where they are blocked."""
    cells.death_cause[i] = BY_ATTACK
    if float(groups.nodes[int(cells.group[i]), NODE_CASPASE]) < 0.01:
        die(i, cells, CELL_NECROTIC, time, BY_ATTACK)
        return
    cells.state[i] = CELL_APOPTOTIC
    cells.momp_time[i] = time


@row
def death_row(i, cells, groups, wells, p, step):
    """Fate of cell ``i`` in one step: of chance, necrosis and appointment the first counts."""
    state = int(cells.state[i])
    if state == CELL_NECROTIC:
        if step.time >= float(cells.death_time[i]) + 3600.0 * p.corpse_delay:
            cells.state[i] = CELL_DEAD_NECROTIC
        return
    if state != CELL_LIVE and state != CELL_MOMP and state != CELL_APOPTOTIC:
        return
    w = int(cells.well[i])
    u, v, x, y = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, DEATH, step.step, 0)
    rate = membrane_hazard(i, cells, step.dt / 3600.0, p)
    if state == CELL_MOMP:
        rate += p.caspase_free_hazard
    if int(cells.traps[i]) != 0:
        rate += p.trap_lysis
    other = float(cells.other_hazards[i, HAZARD_PYROPTOSIS]) + float(cells.other_hazards[i, HAZARD_FERROPTOSIS])
    necrosis = waiting(rate + other, v, step.dt)
    attack = NEVER
    if state != CELL_APOPTOTIC:
        attack = waiting(float(cells.other_hazards[i, HAZARD_ATTACK]), y, step.dt)
    by_chance = waiting(chance_rate(i, state, cells, groups, p, step.dt / 3600.0), u, step.dt)
    appointed = appointed_time(i, state, cells, groups, wells, p, step)
    first = min(min(appointed, attack), min(by_chance, necrosis))
    if first >= step.dt:
        return
    if necrosis == first:
        die(i, cells, CELL_NECROTIC, step.time + first, lytic_cause(i, cells, rate, x))
    elif attack == first:
        be_attacked(i, cells, groups, step.time + first)
    elif appointed == first:
        meet_appointment(i, state, cells, step.time + first, p)
    elif state == CELL_LIVE:
        cells.state[i] = CELL_MOMP
        cells.momp_time[i] = step.time + first
    else:
        cells.state[i] = CELL_LIVE
        cells.momp_time[i] = -1.0


@row
def fate_row(i, cells, groups, wells, p, step):
    """Fate of cell ``i`` in one step; 1 if it has released cytochrome c or died since the step began, else 0."""
    death_row(i, cells, groups, wells, p, step)
    state = int(cells.state[i])
    if state == CELL_MOMP:
        return 1 if float(cells.momp_time[i]) >= step.time else 0
    if state == CELL_NECROTIC or state == CELL_DEAD_APOPTOTIC:
        return 1 if float(cells.death_time[i]) >= step.time else 0
    return 0


@row
def spill_row(q, rows, cells, fields, p, step):
    """Adenine nucleotides of the cell ``rows[q]``, if it has lost its membrane in this step, as a bolus over the next macro-step."""
    i = int(rows[q])
    if int(cells.state[i]) != CELL_NECROTIC:
        return
    volume = 1000.0 * float(cells.volume[i])
    atp = min(max(float(cells.atp[i]), 0.0), p.adenine_nucleotides)
    fields.release[i, ATP] = float(fields.release[i, ATP]) + atp * volume / step.dt
    fields.release[i, ADP] = float(fields.release[i, ADP]) + (p.adenine_nucleotides - atp) * volume / step.dt


@row
def hand_over_chain(pages, cells, owner, target):
    """Give all pages of ``owner`` with what they hold to ``target``: the mitochondria stay in their slots."""
    page = int(cells.first_page[owner])
    if page < 0:
        return
    last = page
    while page >= 0:
        pages.owner[page] = target
        last = page
        page = int(pages.next[page])
    pages.next[last] = cells.first_page[target]
    cells.first_page[target] = cells.first_page[owner]
    cells.first_page[owner] = -1
    cells.n_mitochondria[target] += int(cells.n_mitochondria[owner])
    cells.n_mitochondria[owner] = 0


@row
def empty_row(q, rows, mitochondria, pages, cells, wells, p, step):
    """Free or lyse the mitochondria of the dead cell ``rows[q]``; those that are free stay on its pages."""
    i = int(rows[q])
    w = int(cells.well[i])
    necrotic = int(cells.state[i]) == CELL_NECROTIC
    page = int(cells.first_page[i])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                freed = necrotic
                if not freed:
                    u = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], DEATH, step.step, 1)
                    freed = u < p.freed_share
                if freed:
                    put_into_medium(mitochondria, cells, slot, i, i, ROUTE_LYSIS)
                else:
                    remove(mitochondria, pages, cells, slot, True)
        page = int(pages.next[page])


@row
def spread_cells(lane, ends, rows, pages, cells):
    """Give the pages of the dead cells in list ``lane`` of ``rows`` to the medium of their wells (``by_well``)."""
    for j in range(int(ends[lane]), int(ends[lane + 1])):
        i = int(rows[j])
        hand_over_chain(pages, cells, i, N_POOLS * int(cells.well[i]) + POOL_MEDIUM)


@row
def silence_row(q, rows, cells):
    """The dead cell ``rows[q]``, which has been emptied, uses and makes nothing, holds nothing foreign and wants no pages."""
    i = int(rows[q])
    cells.n_foreign[i] = 0
    cells.want_pages[i] = 0
    cells.h2o2_production[i] = 0.0
    without_flux(i, cells)


def fall_silent(world: Any, rows: Any) -> None:
    """Cells that have been emptied have no potential, ATP or fluxes, hold nothing foreign and want no pages."""
    world.backend.each(silence_row, len(rows), rows, world.cells)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the fate of every cell by ``step.dt`` and empty the cells that die."""
    backend, cells = world.backend, world.cells
    rows = backend.select(fate_row, world.n_cells, cells, world.groups, world.wells, p, step)
    if not rows.size:
        return
    state, died, released = backend.read(rows, cells.state, cells.death_time, cells.momp_time)
    dead = state != CELL_MOMP
    times = np.where(dead, died, released)
    order = in_order(world, rows, times)
    rows, times, dead = rows[order], times[order], dead[order]
    log_cell_events(world, np.where(dead, EVENT_DEATH, EVENT_MOMP), rows, times)
    rows = rows[dead]
    if not rows.size:
        return
    if world.fields is not None:
        backend.each(spill_row, int(rows.size), rows, cells, world.fields, p, step)
    backend.each(empty_row, int(rows.size), rows, world.mitochondria, world.pages, cells, world.wells, p, step)
    release_empty_of(world, rows)
    (wells,) = backend.read(rows, cells.well)
    by_well(world, spread_cells, rows, wells, world.pages, cells, pages=0, events=0)
    fall_silent(world, rows)


PROCESS = Process(name="death", stage="fate", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
