"""Free mitochondria in the medium: they lose function in calcium, fall apart, or are taken up by cells.

Mechanism, per mitochondrion in the medium pool of a well, all rates per hour and frozen over a macro-step:

* loss of function at ln2/half-life, k0 + k_Ca Hill2(Ca2+): the potential goes to 0 and the damage to 1;
* one without function falls apart and is booked as lysed;
* a cell clears a volume per hour, k = (suspended uptake + settling speed x cell area x chance) x type's uptake x nodes
  x Hill2(ATP), with nodes = endocytosis x temperature x (1 - s_m (1 - macropinocytosis)) x (1 - s_h (1 - heparan_sulfate)): of
  the clearance the share s_m goes through macropinosomes and the share s_h needs heparan sulfate to hold the mitochondrion at
  the surface; a load B of fatty acids (``fatty_acids``) takes away the share s_B B. A mitochondrion in the volume V of the medium is
  taken up at sum(k)/V, by a cell drawn in proportion to k. It arrives in an endosome by :func:`mitoferry.core.handover.arrive` (route
  free uptake);
* in a centrifuge (dose of ``isolated_mitochondria`` with a spin) the settling part of k is multiplied by ``centrifugation``.

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
from mitoferry.core.lanes import lane, lane_uniform4, lanes
from mitoferry.core.maths import hill2, log, power
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_HEPARAN_SULFATE, NODE_MACROPINOCYTOSIS, NODE_TEMPERATURE
from mitoferry.core.pages import clear_slot, compact_sparse
from mitoferry.core.process import Process
from mitoferry.core.random import uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BROKEN,
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
from mitoferry.processes.organelle import gate_potential
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
    macropinocytosis_share: float
    heparan_sulfate_share: float
    centrifugation: float
    lipid_block: float


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
def entry_nodes(groups, g, p):
    """Factor of all nodes on the uptake by cells of group ``g``; exactly 1 at rest."""
    nodes = float(groups.nodes[g, NODE_ENDOCYTOSIS]) * float(groups.nodes[g, NODE_TEMPERATURE])
    nodes = nodes * (1.0 - p.macropinocytosis_share * (1.0 - float(groups.nodes[g, NODE_MACROPINOCYTOSIS])))
    return nodes * (1.0 - p.heparan_sulfate_share * (1.0 - float(groups.nodes[g, NODE_HEPARAN_SULFATE])))


@row
def clearance_row(i, cells, groups, wells, settling, clearance, p, step):
    """Volume of medium [um^3/h] that cell ``i`` clears of mitochondria per hour; ``settling``: factor of each well."""
    clearance[i] = 0.0
    if int(cells.state[i]) != CELL_LIVE:
        return
    g = int(cells.group[i])
    radius = float(cells.radius[i])
    volume = 3600.0 * p.clearance
    if int(wells.geometry[int(cells.well[i])]) != BLOCK:
        area = 3.141592653589793 * radius * radius
        volume += p.settling_speed * p.settled_chance * area * float(settling[int(cells.well[i])])
    surface = 1.0 - p.lipid_block * float(cells.lipid_load[i])
    taken = volume * float(groups.uptake[g]) * entry_nodes(groups, g, p) * surface
    clearance[i] = taken * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)


@row
def medium_volume(wells, w):
    """Volume [um^3] in which the free mitochondria of well ``w`` are spread."""
    area = float(wells.size[w, 0]) * float(wells.size[w, 1])
    if int(wells.geometry[w]) == BLOCK:
        return area * float(wells.size[w, 2])
    return area * float(wells.medium_height[w])


@row
def taker(w, u, total, weight, n_cells, cells):
    """Row of the cell of well ``w`` that takes one up, drawn in proportion to ``weight`` by the uniform ``u``; -1 without any.

    ``total``: the sum of ``weight`` over the cells of the well.
    """
    so_far = 0.0
    found = -1
    for i in range(n_cells):
        if int(cells.well[i]) == w and float(weight[i]) > 0.0 and so_far <= u * total:
            so_far += float(weight[i])
            found = i
    return found


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
def passages(mitochondria, wells, slot, w, p):
    """Factors for reaching the cells of the bottom and of the insert from where the mitochondrion in ``slot`` is."""
    if int(wells.geometry[w]) != INSERT:
        return 1.0, 1.0
    side = int(mitochondria.motor[slot]) & ~CLAIMED
    diameter = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), p)
    return passage(wells, w, side, 0, diameter, p.porosity), passage(wells, w, side, 1, diameter, p.porosity)


@row
def diameter_of(mass, p):
    """Diameter [um] of a rounded mitochondrion of ``mass`` units."""
    return p.diameter * power(max(mass, 1e-3), 1.0 / 3.0)


@row
def uptake_rate(mitochondria, wells, hazard, slot, w, p):
    """Rate [1/h] at which the free mitochondrion in ``slot`` is taken up by any cell."""
    bottom, insert = passages(mitochondria, wells, slot, w, p)
    return float(hazard[w, 0]) * bottom + float(hazard[w, 1]) * insert


@row
def waiting_time(rate, u, dt):
    """Exponential waiting time [h] at ``rate`` [1/h] from one uniform; NEVER where it is certainly beyond ``dt`` [h].

    -log(u) >= 1 - u, so that most draws need no logarithm.
    """
    if 1.0 - u >= rate * dt:
        return NEVER
    return -log(u) / rate


@row
def lose_membrane(mitochondria, slot):
    """The mitochondrion in ``slot`` loses its function outside of cells: full damage, no potential, for good."""
    mitochondria.damage[slot] = FULL_DAMAGE
    mitochondria.psi_offset[slot] = 0
    mitochondria.flags[slot] = int(mitochondria.flags[slot]) | BROKEN


@row
def loss_rate(calcium, p):
    """Rate [1/h] at which a free mitochondrion loses its function at ``calcium`` [mM]."""
    return LN2 / p.function_half_life + LN2 / p.calcium_half_life * hill2(calcium, p.calcium_half)


@row
def free_page_row(h, first, sums, mitochondria, cells, wells, hazard, p, step):
    """As :func:`free_slot_row` for the slots of a page: those to which nothing can happen in this step are told side by side."""
    if h % N_POOLS != POOL_MEDIUM:
        return
    busy = lanes()
    w = int(cells.well[h])
    dt = step.dt / 3600.0
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    loss = loss_rate(float(wells.bulk[w, CALCIUM]), p) * dt
    lysis = p.lysis_rate * dt
    uptake = (float(hazard[w, 0]) + float(hazard[w, 1])) * max(p.porosity, 1.0) * dt  # an insert lets at most this through
    n = 0
    for k in range(PAGE):
        slot = lane(first, k)
        u, v, x, _ = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], FREE_MITOCHONDRIA, step.step, 0)
        occupied = int(mitochondria.flags[slot]) & OCCUPIED != 0
        dead = int(mitochondria.damage[slot]) >= FULL_DAMAGE
        lost = 1.0 - v < lysis or int(mitochondria.psi_offset[slot]) != 0 if dead else 1.0 - u < loss
        some = 1 if occupied and (lost or 1.0 - x < uptake) else 0
        busy[k] = float(some)
        n += some
    if n > 0:
        for k in range(PAGE):
            if busy[k] != 0.0:
                free_slot_row(h, first + k, sums, mitochondria, cells, wells, hazard, p, step)


@row(page=free_page_row)
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
        lost = waiting_time(loss_rate(float(wells.bulk[w, CALCIUM]), p), u, dt)
    gone = lost + waiting_time(p.lysis_rate, v, dt)
    taken = waiting_time(uptake_rate(mitochondria, wells, hazard, slot, w, p), x, dt)
    if lost < min(dt, taken):
        lose_membrane(mitochondria, slot)
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
        cells.mtdna_freed[h, 0] += int(sums[3 + k])
    hazard[int(cells.well[h]), 2] = float(sums[2])


@row
def take_up(slots, targets, times, n, mitochondria, pages, cells, events, gate_potential):
    """Hand the mitochondria in ``slots`` to the cells ``targets`` at ``times`` [s], in that order (serial)."""
    for j in range(n):
        target = int(targets[j])
        new = arrive(
            mitochondria, pages, cells, events, int(slots[j]), target, float(times[j]), ROUTE_UPTAKE, ENDOSOME, -1, 0, gate_potential
        )
        if new >= 0:
            mitochondria.motor[new] = 0
            cells.particles[target] += 1


@row
def tidy_pools(n_pools, mitochondria, pages, cells):
    """Close the gaps that lysis and uptake have left in the medium pools, and give back their empty pages (serial)."""
    for h in range(n_pools):
        if h % N_POOLS == POOL_MEDIUM:
            compact_sparse(mitochondria, pages, cells, h)


@row
def choose_takers(slots, targets, times, n_cells, mitochondria, pages, cells, wells, clearance, hazard, p, step):
    """For every claimed mitochondrion in ``slots``: the cell that takes it, and when [s] (serial; order does not matter)."""
    for j in range(len(slots)):
        slot = int(slots[j])
        mitochondria.motor[slot] = int(mitochondria.motor[slot]) & ~CLAIMED
        w = int(cells.well[int(pages.owner[slot // PAGE])])
        k0 = wells.key0[w]
        k1 = wells.key1[w]
        birth = mitochondria.birth[slot]
        ordinal = mitochondria.ordinal[slot]
        _, _, x, _ = uniform4(k0, k1, birth, ordinal, FREE_MITOCHONDRIA, step.step, 0)
        times[j] = step.time + 3600.0 * waiting_time(uptake_rate(mitochondria, wells, hazard, slot, w, p), x, step.dt / 3600.0)
        bottom, insert = passages(mitochondria, wells, slot, w, p)
        total = 0.0
        for i in range(n_cells):
            if int(cells.well[i]) == w:
                total += float(clearance[i]) * (insert if int(cells.layer[i]) > 0 else bottom)
        share = uniform(k0, k1, birth, ordinal, FREE_UPTAKE, step.step, 0) * total
        so_far = 0.0
        for i in range(n_cells):
            if int(cells.well[i]) == w and so_far <= share:
                part = float(clearance[i]) * (insert if int(cells.layer[i]) > 0 else bottom)
                if part > 0.0:
                    so_far += part
                    targets[j] = i


@row
def list_claimed(slots, hazard, mitochondria, pages, cells):
    """Fill ``slots`` with the claimed mitochondria of all media (serial); ``hazard[w, 2]`` says how many well ``w`` has."""
    n = 0
    for w in range(len(hazard)):
        page = int(cells.first_page[N_POOLS * w + POOL_MEDIUM]) if hazard[w, 2] > 0.0 else -1
        while page >= 0:
            for slot in range(page * PAGE, (page + 1) * PAGE):
                if int(mitochondria.flags[slot]) & OCCUPIED != 0 and int(mitochondria.motor[slot]) & CLAIMED != 0:
                    slots[n] = slot
                    n += 1
            page = int(pages.next[page])


def claims(world: Any, clearance: Any, hazard: Any, p: Parameters, step: Any) -> tuple[Any, Any, Any]:
    """Slots of the claimed mitochondria, rows of the cells that take them, times [s]; in order of (time, id)."""
    m, slots = world.mitochondria, np.empty(int(hazard[:, 2].sum()), dtype=np.int64)
    world.backend.serial(list_claimed, slots, hazard, m, world.pages, world.cells)
    targets, times = np.full(slots.size, -1, dtype=np.int64), np.empty(slots.size)
    tables = (m, world.pages, world.cells, world.wells)
    world.backend.serial(choose_takers, slots, targets, times, world.n_cells, *tables, clearance, hazard, p, step)
    world.backend.pull(m.ordinal, m.birth)
    order = np.lexsort((m.ordinal[slots], m.birth[slots], times))
    return slots[order], targets[order], times[order]


def settling_factors(world: Any, step: Any, p: Parameters) -> Any:
    """Factor on the settling speed in each well, float64 [n_wells]: 1, or that of the centrifuge while it runs."""
    factors = np.ones(world.n_wells)
    if "isolated_mitochondria" in world.parameters:
        for a, arm in enumerate(world.spec.arms):
            if any(d.spin > 0.0 and d.start <= step.time < d.start + d.spin for d in arm.doses):
                factors[a * world.spec.replicates : (a + 1) * world.spec.replicates] = p.centrifugation
    return factors


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the free mitochondria of every well by ``step.dt``; idle while the medium holds none."""
    backend, pools = world.backend, N_POOLS * world.n_wells
    backend.pull(world.cells.n_mitochondria)
    if not world.cells.n_mitochondria[POOL_MEDIUM:pools:N_POOLS].any():
        return
    settling = settling_factors(world, step, p)
    clearance, hazard = np.zeros(world.n_cells), np.zeros((world.n_wells, 3))
    backend.each(clearance_row, world.n_cells, world.cells, world.groups, world.wells, settling, clearance, p, step)
    backend.serial(add_clearances, world.n_cells, world.n_wells, world.cells, world.wells, clearance, hazard)
    tables = (world.mitochondria, world.cells, world.wells)
    backend.gather(free_slot_row, free_finish, N_SUMS_FREE, pools, world.cells, world.pages, *tables, hazard, p, step)
    claimed = int(hazard[:, 2].sum())
    if claimed:
        world.reserve_pages(claimed)
        world.reserve_events(claimed)
        slots, targets, times = claims(world, clearance, hazard, p, step)
        gate = gate_potential(world)
        backend.serial(take_up, slots, targets, times, claimed, world.mitochondria, world.pages, world.cells, world.events, gate)
    backend.serial(tidy_pools, pools, world.mitochondria, world.pages, world.cells)


PROCESS = Process(
    name="free_mitochondria", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True
)
