"""Free mitochondria in the medium: they lose function in calcium, fall apart, or are taken up by cells.

Mechanism, per mitochondrion in the medium pool of a well, all rates per hour and frozen over a macro-step:

* loss of function at ln2/half-life, k0 + k_Ca Hill2(Ca2+): the potential goes to 0 and the damage to 1;
* one without function falls apart and is booked as lysed;
* a cell clears a volume per hour, k = (suspended uptake + settling speed x cell area x chance) x type's uptake x node
  endocytosis x node temperature x Hill2(ATP); a mitochondrion in the volume V of the medium is taken up at sum(k)/V,
  by a cell drawn in proportion to k. It arrives in an endosome by :func:`mitoferry.core.handover.arrive` (route free uptake).

Through an insert it passes only if its diameter is smaller than the pore, with the factor porosity (1 - d/pore)^2.
The three clocks of one mitochondrion compete by exact times within the step.

Assumptions: the medium is well stirred on each side of an insert (a released mitochondrion forgets where it came from,
but not from which side); no settling in a tissue block; the side is kept in the column ``motor`` (1 + layer; 0 = not
known, then gated by the pore on both sides). Step error: rates are those at the start of the step.
Verification: ``tests/verification/test_fate_free_mitochondria.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.handover import arrive, potential, set_place
from mitoferry.core.maths import hill2, log, power
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_TEMPERATURE
from mitoferry.core.pages import clear_slot, release_empty_pages
from mitoferry.core.process import Process
from mitoferry.core.random import uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CALCIUM,
    CELL_LIVE,
    ENDOSOME,
    IN_TRANSIT,
    MASS_SCALE,
    N_HAPLOTYPES,
    N_POOLS,
    OCCUPIED,
    PAGE,
    POOL_MEDIUM,
    PSI_OFFSET_SCALE,
    ROUTE_UPTAKE,
    TALLY_COPIES_OUT,
    TALLY_LYSED,
    TALLY_MASS_OUT,
)
from mitoferry.core.streams import FREE_MITOCHONDRIA, FREE_UPTAKE
from mitoferry.processes.rest import RESTING_ATP

FULL_DAMAGE = 65535
CLAIMED = 128  # bit of ``motor``: will be taken up in this step
N_SUMS_FREE = 3 + N_HAPLOTYPES  # lysed, mass, claimed, copies
NEVER = 1e30
LN2 = 0.6931471805599453
BLOCK = 2
INSERT = 1


class Parameters(NamedTuple):
    """Library: ``free_mitochondria.*``."""

    function_half_life: float  # h, in calcium-free medium
    calcium_half_life: float  # h, at high calcium
    calcium_half: float  # mM
    lysis_rate: float  # 1/h
    clearance: float  # um^3/s per cell in suspension
    settling_speed: float  # um/h
    settled_chance: float
    atp_half: float  # share of resting ATP
    diameter: float  # um, of one mass unit
    porosity: float


@row
def put_into_medium(mitochondria, cells, slot, owner, host, route):
    """Make the record in ``slot`` that of a free mitochondrion: its potential in ``owner`` freezes, its side is noted.

    ``owner`` is the row whose potentials it has been read against; ``host`` the cell at which it was freed. Whoever
    moves a mitochondrion into a medium pool calls this, before or after the move of the page.
    """
    psi = potential(mitochondria, cells, owner, slot)
    mitochondria.psi_offset[slot] = int(min(max(-psi / PSI_OFFSET_SCALE, -32767.0), 32767.0))
    set_place(mitochondria, slot, IN_TRANSIT, 0, route)
    mitochondria.motor[slot] = 1 + int(cells.layer[host])


@row
def clearance_row(i, cells, groups, wells, clearance, p, step):
    """Volume of medium [um^3/h] that cell ``i`` clears of mitochondria per hour."""
    clearance[i] = 0.0
    if int(cells.state[i]) != CELL_LIVE:
        return
    g = int(cells.group[i])
    radius = float(cells.radius[i])
    volume = 3600.0 * p.clearance
    if int(wells.geometry[int(cells.well[i])]) != BLOCK:
        volume += p.settling_speed * p.settled_chance * 3.141592653589793 * radius * radius
    nodes = float(groups.nodes[g, NODE_ENDOCYTOSIS]) * float(groups.nodes[g, NODE_TEMPERATURE])
    clearance[i] = volume * float(groups.uptake[g]) * nodes * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)


@row
def medium_volume(wells, w):
    """Volume [um^3] in which the free mitochondria of well ``w`` are spread."""
    area = float(wells.size[w, 0]) * float(wells.size[w, 1])
    if int(wells.geometry[w]) == BLOCK:
        return area * float(wells.size[w, 2])
    return area * float(wells.medium_height[w])


@row
def add_clearances(n_cells, n_wells, cells, wells, clearance, hazard):
    """``hazard[w, layer]``: uptake rate [1/h] of one free mitochondrion by all cells of a layer (serial, in order of row)."""
    for w in range(n_wells):
        for k in range(3):
            hazard[w, k] = 0.0
    for i in range(n_cells):
        w = int(cells.well[i])
        layer = min(int(cells.layer[i]), 1)
        hazard[w, layer] += float(clearance[i]) / medium_volume(wells, w)


@row
def passage(wells, w, side, layer, diameter, porosity):
    """Factor 0..1 for reaching cells of ``layer`` from ``side`` (1 + layer of origin, 0 = not known)."""
    if int(wells.geometry[w]) != INSERT or side == layer + 1:
        return 1.0
    pore = float(wells.pore[w])
    if pore <= diameter:
        return 0.0
    free = 1.0 - diameter / pore
    return porosity * free * free


@row
def diameter_of(mass, p):
    """Diameter [um] of a rounded mitochondrion of ``mass`` units."""
    return p.diameter * power(max(mass, 1e-3), 1.0 / 3.0)


@row
def uptake_rate(mitochondria, wells, hazard, slot, w, p):
    """Rate [1/h] at which the free mitochondrion in ``slot`` is taken up by any cell."""
    side = int(mitochondria.motor[slot]) & ~CLAIMED
    diameter = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
    rate = float(hazard[w, 0]) * passage(wells, w, side, 0, diameter, p.porosity)
    return rate + float(hazard[w, 1]) * passage(wells, w, side, 1, diameter, p.porosity)


@row
def waiting_time(rate, u):
    """Exponential waiting time [h] at ``rate`` [1/h] from one uniform; practically never at rate 0."""
    if rate <= 0.0:
        return NEVER
    return -log(u) / rate


@row
def loss_rate(calcium, p):
    """Rate [1/h] at which a free mitochondrion loses its function at ``calcium`` [mM]."""
    return LN2 / p.function_half_life + LN2 / p.calcium_half_life * hill2(calcium, p.calcium_half)


@row
def free_slot_row(h, slot, sums, mitochondria, cells, wells, hazard, p, step):
    """Loss of function, lysis or claim by a cell of the free mitochondrion in ``slot``, whichever comes first."""
    if h % N_POOLS != POOL_MEDIUM:
        return
    if int(mitochondria.flags[slot]) & OCCUPIED == 0:
        return
    w = int(cells.well[h])
    dt = step.dt / 3600.0
    u, v, x, _ = uniform4(
        wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], FREE_MITOCHONDRIA, step.step, 0
    )
    lost = 0.0
    if int(mitochondria.damage[slot]) < FULL_DAMAGE:
        lost = waiting_time(loss_rate(float(wells.bulk[w, CALCIUM]), p), u)
    gone = lost + waiting_time(p.lysis_rate, v)
    taken = waiting_time(uptake_rate(mitochondria, wells, hazard, slot, w, p), x)
    if lost < min(dt, taken):
        mitochondria.damage[slot] = FULL_DAMAGE
        mitochondria.psi_offset[slot] = 0
    if taken < dt and taken < gone:
        mitochondria.motor[slot] = int(mitochondria.motor[slot]) | CLAIMED
        sums[2] += 1
    elif gone < dt:
        sums[0] += 1
        sums[1] += int(mitochondria.mass[slot])
        for k in range(N_HAPLOTYPES):
            sums[3 + k] += int(mitochondria.copies[slot, k])
        clear_slot(mitochondria, slot)


@row
def free_finish(h, sums, mitochondria, cells, wells, hazard, p, step):
    """Book the lysis in pool ``h`` and note how many of its mitochondria are claimed."""
    if h % N_POOLS != POOL_MEDIUM:
        return
    n = int(sums[0])
    cells.n_mitochondria[h] -= n
    cells.tally[h, TALLY_LYSED] += n
    cells.tally[h, TALLY_MASS_OUT] += int(sums[1])
    for k in range(N_HAPLOTYPES):
        cells.tally[h, TALLY_COPIES_OUT + k] += int(sums[3 + k])
    hazard[int(cells.well[h]), 2] = float(sums[2])


@row
def choose_target(n_cells, cells, wells, clearance, w, side, diameter, share, p):
    """Row of the cell of well ``w`` at ``share`` (0..1) of the summed clearances that reach a mitochondrion; -1 if none."""
    total = 0.0
    for i in range(n_cells):
        if int(cells.well[i]) == w and float(clearance[i]) > 0.0:
            total += float(clearance[i]) * passage(wells, w, side, min(int(cells.layer[i]), 1), diameter, p.porosity)
    so_far = 0.0
    last = -1
    for i in range(n_cells):
        if int(cells.well[i]) == w and float(clearance[i]) > 0.0:
            k = float(clearance[i]) * passage(wells, w, side, min(int(cells.layer[i]), 1), diameter, p.porosity)
            if k > 0.0:
                so_far += k
                last = i
                if share * total < so_far:
                    return i
    return last


@row
def take_up(n_cells, n_wells, mitochondria, pages, cells, wells, events, clearance, hazard, gate_potential, p, step):
    """Hand every claimed mitochondrion to its cell (serial; in order of well, page and slot)."""
    for w in range(n_wells):
        pool = N_POOLS * w + POOL_MEDIUM
        if float(hazard[w, 2]) > 0.0:
            page = int(cells.first_page[pool])
            while page >= 0:
                for k in range(PAGE):
                    slot = page * PAGE + k
                    if int(mitochondria.flags[slot]) & OCCUPIED != 0 and int(mitochondria.motor[slot]) & CLAIMED != 0:
                        side = int(mitochondria.motor[slot]) & ~CLAIMED
                        birth = mitochondria.birth[slot]
                        ordinal = mitochondria.ordinal[slot]
                        share = uniform(wells.key0[w], wells.key1[w], birth, ordinal, FREE_UPTAKE, step.step, 0)
                        _, _, x, _ = uniform4(wells.key0[w], wells.key1[w], birth, ordinal, FREE_MITOCHONDRIA, step.step, 0)
                        time = step.time + 3600.0 * waiting_time(uptake_rate(mitochondria, wells, hazard, slot, w, p), x)
                        diameter = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
                        mitochondria.motor[slot] = side
                        target = choose_target(n_cells, cells, wells, clearance, w, side, diameter, share, p)
                        if target >= 0:
                            new = arrive(
                                mitochondria, pages, cells, events, slot, target, time, ROUTE_UPTAKE, ENDOSOME, -1, 0, gate_potential
                            )
                            if new >= 0:
                                mitochondria.motor[new] = 0
                page = int(pages.next[page])
        release_empty_pages(mitochondria, pages, cells, pool)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the free mitochondria of every well by ``step.dt``; idle while the medium holds none."""
    backend, pools = world.backend, N_POOLS * world.n_wells
    backend.pull(world.cells)
    if not world.cells.n_mitochondria[POOL_MEDIUM:pools:N_POOLS].any():
        return
    clearance, hazard = np.zeros(world.n_cells), np.zeros((world.n_wells, 3))
    backend.each(clearance_row, world.n_cells, world.cells, world.groups, world.wells, clearance, p, step)
    backend.serial(add_clearances, world.n_cells, world.n_wells, world.cells, world.wells, clearance, hazard)
    backend.gather(
        free_slot_row,
        free_finish,
        N_SUMS_FREE,
        pools,
        world.cells,
        world.pages,
        world.mitochondria,
        world.cells,
        world.wells,
        hazard,
        p,
        step,
    )
    claimed = int(hazard[:, 2].sum())
    world.reserve_pages(claimed)
    world.reserve_events(claimed)
    nanotubes = world.parameters.get("nanotube_transport")
    gate = 100.0 if nanotubes is None else nanotubes.gate_potential
    backend.serial(
        take_up, world.n_cells, world.n_wells, world.mitochondria, world.pages, world.cells, world.wells, world.events,
        clearance, hazard, float(gate), p, step,
    )  # fmt: skip


PROCESS = Process(
    name="free_mitochondria", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True
)
