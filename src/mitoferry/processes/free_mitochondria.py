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

from mitoferry.core.by_well import by_well
from mitoferry.core.handover import arrive, potential, set_place
from mitoferry.core.lanes import lane, lane_uniform4, lanes, page_slots
from mitoferry.core.maths import hill2, log, power
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_HEPARAN_SULFATE, NODE_MACROPINOCYTOSIS, NODE_TEMPERATURE
from mitoferry.core.pages import clear_slot, close_gaps
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
from mitoferry.processes.nanotube_links import work_arrays
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.pool_pages import release_empty_of, slot_in
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.processes.well_sums import Weights, add_up, allocate_weights, draw_cell

FULL_DAMAGE = 65535
CLAIMED = 128  # bit of ``motor``: will be taken up in this step
N_SUMS_FREE = 4 + N_HAPLOTYPES  # lysed, mass, claimed, pages, copies
CLAIMS, LEFT, PAGES = 0, 1, 2  # of a medium: claimed mitochondria, all that are there after the lysis, pages
NEVER = 1e30
LN2 = 0.6931471805599453
BLOCK = 2
INSERT = 1
LAYERS = 2  # of cells: on the bottom, on the insert


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
def clearance_of(i, cells, groups, wells, settling, p):
    """Volume of medium [um^3/h] that cell ``i`` clears of mitochondria per hour; ``settling``: factor of each well."""
    if int(cells.state[i]) != CELL_LIVE:
        return 0.0
    g = int(cells.group[i])
    radius = float(cells.radius[i])
    volume = 3600.0 * p.clearance
    if int(wells.geometry[int(cells.well[i])]) != BLOCK:
        area = 3.141592653589793 * radius * radius
        volume += p.settling_speed * p.settled_chance * area * float(settling[int(cells.well[i])])
    surface = 1.0 - p.lipid_block * float(cells.lipid_load[i])
    taken = volume * float(groups.uptake[g]) * entry_nodes(groups, g, p) * surface
    return taken * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)


@row
def medium_volume(wells, w):
    """Volume [um^3] in which the free mitochondria of well ``w`` are spread."""
    area = float(wells.size[w, 0]) * float(wells.size[w, 1])
    if int(wells.geometry[w]) == BLOCK:
        return area * float(wells.size[w, 2])
    return area * float(wells.medium_height[w])


@row
def weigh_row(i, cells, groups, wells, settling, weights, p):
    """Rate [1/h] at which cell ``i`` takes up one free mitochondrion that reaches it."""
    weights.of[i, 0] = clearance_of(i, cells, groups, wells, settling, p) / medium_volume(wells, int(cells.well[i]))


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
def uptake_rate(mitochondria, wells, weights, slot, w, p):
    """Rate [1/h] at which the free mitochondrion in ``slot`` is taken up by any cell."""
    bottom, insert = passages(mitochondria, wells, slot, w, p)
    return float(weights.total[LAYERS * w, 0]) * bottom + float(weights.total[LAYERS * w + 1, 0]) * insert


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
def free_page_row(h, first, sums, mitochondria, cells, wells, weights, found, p, step):
    """As :func:`free_slot_row` for the slots of a page: those to which nothing can happen in this step are told side by side."""
    if h % N_POOLS != POOL_MEDIUM:
        return
    sums[3] += 1
    busy = lanes()
    w = int(cells.well[h])
    dt = step.dt / 3600.0
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    loss = loss_rate(float(wells.bulk[w, CALCIUM]), p) * dt
    lysis = p.lysis_rate * dt
    any_cell = float(weights.total[LAYERS * w, 0]) + float(weights.total[LAYERS * w + 1, 0])
    uptake = any_cell * max(p.porosity, 1.0) * dt  # an insert lets at most this through
    n = 0
    for k in range(PAGE):
        slot = lane(first, k)
        u, v, x, _ = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], FREE_MITOCHONDRIA, step.step, 0)
        ends = 1 if 1.0 - v < lysis else 0
        fails = 1 if 1.0 - u < loss else 0
        charged = 1 if int(mitochondria.psi_offset[slot]) != 0 else 0
        goes = ends | charged if int(mitochondria.damage[slot]) >= FULL_DAMAGE else fails
        some = int(mitochondria.flags[slot]) & OCCUPIED & (goes | (1 if 1.0 - x < uptake else 0))
        busy[k] = float(some)
        n += some
    if n > 0:
        for k in range(PAGE):
            if busy[k] != 0.0:
                fate_of_free(h, first + k, sums, mitochondria, cells, wells, weights, p, step)


@row(page=free_page_row)
def free_slot_row(h, slot, sums, mitochondria, cells, wells, weights, found, p, step):
    """What becomes of the free mitochondrion in ``slot``; the first slot of a page counts the page."""
    if h % N_POOLS != POOL_MEDIUM:
        return
    if slot % PAGE == 0:
        sums[3] += 1
    if int(mitochondria.flags[slot]) & OCCUPIED != 0:
        fate_of_free(h, slot, sums, mitochondria, cells, wells, weights, p, step)


@row
def fate_of_free(h, slot, sums, mitochondria, cells, wells, weights, p, step):
    """Loss of function, lysis or claim by a cell of the free mitochondrion in ``slot``, whichever comes first."""
    w = int(cells.well[h])
    dt = step.dt / 3600.0
    u, v, x, _ = uniform4(
        wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], FREE_MITOCHONDRIA, step.step, 0
    )
    lost = 0.0
    if int(mitochondria.damage[slot]) < FULL_DAMAGE:
        lost = waiting_time(loss_rate(float(wells.bulk[w, CALCIUM]), p), u, dt)
    gone = lost + waiting_time(p.lysis_rate, v, dt)
    taken = waiting_time(uptake_rate(mitochondria, wells, weights, slot, w, p), x, dt)
    if lost < min(dt, taken):
        lose_membrane(mitochondria, slot)
    if taken < dt and taken < gone:
        mitochondria.motor[slot] = int(mitochondria.motor[slot]) | CLAIMED
        sums[2] += 1
    elif gone < dt:
        sums[0] += 1
        sums[1] += int(mitochondria.mass[slot])
        for k in range(N_HAPLOTYPES):
            sums[4 + k] += int(mitochondria.copies[slot, k])
        clear_slot(mitochondria, slot)


@row
def free_finish(h, sums, mitochondria, cells, wells, weights, found, p, step):
    """Book the lysis in pool ``h`` and note what is in it: claimed mitochondria, all, pages."""
    if h % N_POOLS != POOL_MEDIUM:
        return
    n = int(sums[0])
    cells.n_mitochondria[h] -= n
    cells.tally[h, TALLY_LYSED] += n
    cells.tally[h, TALLY_MASS_OUT] += int(sums[1])
    for k in range(N_HAPLOTYPES):
        cells.tally[h, TALLY_COPIES_OUT + k] += int(sums[4 + k])
        cells.mtdna_freed[h, 0] += int(sums[4 + k])
    w = int(cells.well[h])
    found[w, CLAIMS] = int(sums[2])
    found[w, LEFT] = cells.n_mitochondria[h]
    found[w, PAGES] = int(sums[3])


@row
def take_up(lane, ends, order, slots, targets, times, mitochondria, pages, cells, events, gate_potential):
    """Hand the mitochondria in ``slots`` to the cells ``targets`` at ``times`` [s], those of list ``lane`` of ``order`` (``by_well``)."""
    for k in range(int(ends[lane]), int(ends[lane + 1])):
        j = int(order[k])
        target = int(targets[j])
        new = arrive(
            mitochondria, pages, cells, events, int(slots[j]), target, float(times[j]), ROUTE_UPTAKE, ENDOSOME, -1, 0, gate_potential
        )
        if new >= 0:
            mitochondria.motor[new] = 0
            cells.particles[target] += 1


@row
def tidy_row(j, pools, mitochondria, pages, cells):
    """Close the gaps that lysis and uptake have left in ``pools[j]``."""
    close_gaps(mitochondria, pages, cells, int(pools[j]))


@row
def claims_of(slot, mitochondria):
    """1 where ``slot`` holds a claimed mitochondrion, else 0; without branches."""
    return int(mitochondria.flags[slot]) & OCCUPIED & (1 if int(mitochondria.motor[slot]) & CLAIMED != 0 else 0)


@row
def page_of_claims(page, n_pools, found, pages, mitochondria):
    """Whether ``page`` belongs to a medium and holds a claimed mitochondrion."""
    owner = int(pages.owner[page])
    if owner < 0 or owner >= n_pools or owner % N_POOLS != POOL_MEDIUM or int(found[owner // N_POOLS, CLAIMS]) == 0:
        return 0
    n = 0
    for k in range(page_slots()):
        n += claims_of(lane(page * PAGE, k), mitochondria)
    return n


@row
def is_claimed(q, chain, mitochondria):
    """Whether number ``q`` of the slots of the pages ``chain`` holds a claimed mitochondrion."""
    return claims_of(slot_in(q, chain), mitochondria)


@row
def choose_taker(j, slots, targets, times, n_cells, mitochondria, pages, cells, wells, weights, p, step):
    """The cell that takes the claimed mitochondrion ``slots[j]``, and when [s]."""
    slot = int(slots[j])
    mitochondria.motor[slot] = int(mitochondria.motor[slot]) & ~CLAIMED
    w = int(cells.well[int(pages.owner[slot // PAGE])])
    k0 = wells.key0[w]
    k1 = wells.key1[w]
    birth = mitochondria.birth[slot]
    ordinal = mitochondria.ordinal[slot]
    _, _, x, _ = uniform4(k0, k1, birth, ordinal, FREE_MITOCHONDRIA, step.step, 0)
    times[j] = step.time + 3600.0 * waiting_time(uptake_rate(mitochondria, wells, weights, slot, w, p), x, step.dt / 3600.0)
    bottom, insert = passages(mitochondria, wells, slot, w, p)
    u = uniform(k0, k1, birth, ordinal, FREE_UPTAKE, step.step, 0)
    targets[j] = draw_cell(w, u, 1.0, 0.0, 0.0, 0.0, bottom, insert, n_cells, LAYERS, cells, weights)


def claims(world: Any, weights: Weights, found: Any, p: Parameters, step: Any) -> tuple[Any, Any, Any, Any]:
    """Slots of the claimed mitochondria, rows of the cells that take them, times [s], wells; in order of (time, well, id)."""
    backend, m, pages = world.backend, world.mitochondria, world.pages
    chain = backend.select(page_of_claims, len(pages.owner), N_POOLS * world.n_wells, found, pages, m)
    at = backend.select(is_claimed, chain.size * PAGE, chain, m)
    slots = chain[at // PAGE] * PAGE + at % PAGE
    targets, times = backend.zeros(slots.size, np.int64), backend.zeros(slots.size)
    tables = (m, pages, world.cells, world.wells)
    backend.each(choose_taker, slots.size, slots, targets, times, world.n_cells, *tables, weights, p, step)
    backend.pull(targets, times)
    birth, ordinal = backend.read(slots, m.birth, m.ordinal)
    (wells,) = backend.read(targets, world.cells.well)
    order = np.lexsort((ordinal, birth, wells, times))
    return slots[order], targets[order], times[order], wells[order]


def settling_factors(world: Any, step: Any, p: Parameters) -> Any:
    """Factor on the settling speed in each well, float64 [n_wells]: 1, or that of the centrifuge while it runs."""
    factors = np.ones(world.n_wells)
    if "isolated_mitochondria" in world.parameters:
        for a, arm in enumerate(world.spec.arms):
            if any(d.spin > 0.0 and d.start <= step.time < d.start + d.spin for d in arm.doses):
                factors[a * world.spec.replicates : (a + 1) * world.spec.replicates] = p.centrifugation
    return factors


def _work(world: Any) -> tuple[Weights, Any]:
    """Weights of the cells, and what is found in the media (int64 [n_wells, 3]); the same arrays in every step."""
    backend, n = world.backend, len(world.cells.id)
    return work_arrays(
        world, "free_mitochondria", n, None,
        lambda: (allocate_weights(backend, n, world.n_wells, LAYERS, 1), backend.zeros((world.n_wells, 3), np.int64)),
    )  # fmt: skip


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the free mitochondria of every well by ``step.dt``; idle while the medium holds none."""
    backend, pools = world.backend, N_POOLS * world.n_wells
    (held,) = backend.read(slice(0, pools), world.cells.n_mitochondria)
    if not held[POOL_MEDIUM::N_POOLS].any():
        return
    weights, found = _work(world)
    tables = (world.mitochondria, world.cells, world.wells)
    backend.each(weigh_row, world.n_cells, world.cells, world.groups, world.wells, settling_factors(world, step, p), weights, p)
    add_up(world, weights, LAYERS)
    backend.gather(free_slot_row, free_finish, N_SUMS_FREE, pools, world.cells, world.pages, *tables, weights, found, p, step)
    (media,) = backend.read(slice(0, world.n_wells), found)
    claimed = int(media[:, CLAIMS].sum())
    if claimed:
        world.reserve_pages(claimed)
        world.reserve_events(claimed)
        slots, targets, times, wells = claims(world, weights, found, p, step)
        state = (world.mitochondria, world.pages, world.cells, world.events)
        by_well(world, take_up, np.arange(slots.size), wells, slots, targets, times, *state, gate_potential(world))
    # as in ``compact_sparse``: where less than half of the slots are in use
    sparse = np.flatnonzero(media[:, PAGES] * PAGE > 2 * (media[:, LEFT] - media[:, CLAIMS]) + PAGE - 1)
    if sparse.size:
        rows = N_POOLS * sparse + POOL_MEDIUM
        backend.each(tidy_row, rows.size, rows, world.mitochondria, world.pages, world.cells)
        release_empty_of(world, rows)


PROCESS = Process(
    name="free_mitochondria", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True
)
