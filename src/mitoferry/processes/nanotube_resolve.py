"""Settling the link events of a step, one after the other in each well: loadings, arrivals, losses of tubes.

The only place where mitochondria enter and leave nanotubes; every move goes through ``core/handover.py``. A tube that
is lost gives each mitochondrion to its nearest living end or to the medium: none is ever deleted.
"""

from __future__ import annotations

import math

from mitoferry.core.events import EVENT_LINK_LOST
from mitoferry.core.handover import arrive, load_into_transit, log_event
from mitoferry.core.nodes import NODE_ACTIN_MOTOR, NODE_MICROTUBULE_MOTOR, NODE_TEMPERATURE
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    KIND_DENDRITE,
    LINK_EMPTY,
    MASS_SCALE,
    N_POOLS,
    OCCUPIED,
    POOL_MEDIUM,
    POOL_TRANSIT,
    ROUTE_BREAKAGE,
    ROUTE_DENDRITE,
    ROUTE_NANOTUBE,
    ROUTE_NONE,
    ROUTE_RETURN,
)
from mitoferry.core.streams import NANOTUBE_BREAK, NANOTUBE_CHOICE, NANOTUBE_LOADING
from mitoferry.processes.keyed_choice import BY_MASS, before, choice_holds, first_of_clocks, note_choice
from mitoferry.processes.nanotube_clocks import holds
from mitoferry.processes.nanotube_itinerary import STUCK, itinerary, passage_chance, share_towards_b
from mitoferry.processes.nanotube_links import NEVER
from mitoferry.processes.nanotube_loading import adaptors, free_to_move, may_enter, motor_energy
from mitoferry.processes.nanotube_queue import ARRIVAL, LOADING, drop_first, push, row_sought
from mitoferry.processes.rest import relative_h2o2


@row
def route_through(kind):
    """Route of what passes a link of this kind."""
    return ROUTE_DENDRITE if kind == KIND_DENDRITE else ROUTE_NANOTUBE


@row
def way_through(i, source, from_b, slot, links, mitochondria, cells, groups, key0, key1, p, step):
    """Duration [s] and exit end of the way of the mitochondrion in ``slot`` of cell ``source`` through link ``i``."""
    g = int(cells.group[source])
    a = int(links.a[i])
    b = int(links.b[i])
    calcium = 0.5 * (float(cells.calcium[a]) + float(cells.calcium[b]))
    atp = 0.5 * (float(cells.atp[a]) + float(cells.atp[b]))
    warm = float(groups.nodes[g, NODE_TEMPERATURE])
    energy = motor_energy(atp, p.motor_atp) * warm
    h2o2 = 0.5 * (relative_h2o2(a, cells, groups) + relative_h2o2(b, cells, groups))
    taking = p.attachment_rate * warm * adaptors(source, cells, groups) * free_to_move(calcium, h2o2, p)
    kinesin = float(groups.nodes[g, NODE_MICROTUBULE_MOTOR])
    myosin = float(groups.nodes[g, NODE_ACTIN_MOTOR])
    return itinerary(
        float(links.length[i]), from_b, share_towards_b(float(links.polarity[i]), p.kinesin_share),
        p.microtubule_speed * energy, p.actin_speed * energy, p.detachment_rate,
        taking * p.microtubule_share * kinesin, taking * (1.0 - p.microtubule_share) * myosin,
        p.reversal_rate, p.reflection, key0, key1,
        int(mitochondria.birth[slot]), int(mitochondria.ordinal[slot]), step.step,
    )  # fmt: skip


@row
def free_cargo_row(queue, lane, cargo):
    """An unused row of the cargo table, sought onwards from the last one among those of the lane; -1 if there is none."""
    k = int(queue.sought[lane])
    i = row_sought(queue, lane, k)
    while i >= 0 and int(cargo.alive[i]) != 0:
        k += 1
        i = row_sought(queue, lane, k)
    queue.sought[lane] = k
    return i


@row
def end_of_loading(i, which, traffic):
    """From which end of link ``i`` a mitochondrion tries to enter, by the draw ``which``: 0 from a, 1 from b."""
    total = float(traffic.rate[i, 0]) + float(traffic.rate[i, 1])
    return 1 if which * total >= float(traffic.rate[i, 0]) else 0


@row
def candidate(i, draw, source, links, mitochondria, pages, cells, wells, step):
    """Slot of the mitochondrion of cell ``source`` that is at the mouth of link ``i`` at attempt ``draw``; -1 if the cell has none."""
    w = int(links.well[i])
    choice = (int(links.id[i]) * 64 + draw) & 0xFFFF
    return first_of_clocks(
        source, BY_MASS, OCCUPIED, OCCUPIED, mitochondria, pages, cells, int(wells.key0[w]), int(wells.key1[w]), NANOTUBE_CHOICE,
        step.step, choice,
    )  # fmt: skip


@row
def candidate_row(q, rows, traffic, chosen, links, mitochondria, pages, cells, wells, step):
    """Choose beforehand, as entry i of ``chosen``, who is first to try to enter link i = ``rows[q]``, if it loads in this step."""
    i = int(rows[q])
    if float(traffic.first[i]) >= NEVER:
        return
    w = int(links.well[i])
    key0, key1 = int(wells.key0[w]), int(wells.key1[w])
    _, which, _, _ = uniform4(key0, key1, int(links.id_a[i]), int(links.id[i]), NANOTUBE_LOADING, step.step, 0)
    source = int(links.b[i]) if end_of_loading(i, which, traffic) == 1 else int(links.a[i])
    note_choice(i, candidate(i, 0, source, links, mitochondria, pages, cells, wells, step), source, chosen, cells)


@row
def try_loading(i, time, queue, lane, course, traffic, chosen, links, cargo, mitochondria, pages, cells, groups, wells, events, p, step):
    """One attempt of a mitochondrion to enter link ``i``."""
    w = int(links.well[i])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    name = int(links.id[i])
    tie = (w << 32) | name
    draw = int(traffic.draws[i])
    traffic.draws[i] = draw + 1
    _, which, kept, entry = uniform4(key0, key1, int(links.id_a[i]), name, NANOTUBE_LOADING, step.step, draw)
    total = float(traffic.rate[i, 0]) + float(traffic.rate[i, 1])
    wait, _, gate, delay = uniform4(key0, key1, int(links.id_a[i]), name, NANOTUBE_LOADING, step.step, draw + 1)
    again = time + exponential_from(wait) * 3600.0 / total
    if again < step.time + step.dt and again < float(course.lost_at[i]):
        push(queue, lane, again, LOADING, tie, i)
    from_b = end_of_loading(i, which, traffic)
    source = int(links.b[i]) if from_b == 1 else int(links.a[i])
    if kept * int(traffic.number[i, from_b]) >= int(cells.n_mitochondria[source]):
        return  # fewer mitochondria than when the rate was taken
    room = max(int(math.floor(float(links.length[i]) / p.lumen_per_mitochondrion)), 1)
    if int(links.n_cargo[i]) >= room:
        return
    slot = int(chosen.slot[i])
    if draw > 0 or not choice_holds(i, source, chosen, cells):
        slot = candidate(i, draw, source, links, mitochondria, pages, cells, wells, step)
    if slot < 0 or not may_enter(slot, source, mitochondria, cells, p, entry):
        return
    mass = MASS_SCALE * int(mitochondria.mass[slot])
    if gate >= passage_chance(float(links.diameter[i]), mass, p.passage_diameter, p.passage_width):
        return
    duration, exit_end = way_through(i, source, from_b, slot, links, mitochondria, cells, groups, key0, key1, p, step)
    leaves = min(time + duration + exponential_from(delay) * p.unloading_time * 3600.0, STUCK)
    if exit_end != from_b:
        if float(links.diameter[i]) < p.single_file_diameter:
            leaves = max(leaves, min(float(traffic.last_exit[i, exit_end]) + p.headway, STUCK))
        traffic.last_exit[i, exit_end] = leaves
    route = route_through(int(links.kind[i]))
    new = load_into_transit(mitochondria, pages, cells, events, slot, N_POOLS * w + POOL_TRANSIT, time, route, name)
    k = free_cargo_row(queue, lane, cargo)
    cargo.link[k] = i
    cargo.slot[k] = new
    cargo.origin[k] = source
    cargo.entered[k] = time
    cargo.leaves[k] = leaves
    cargo.exit_end[k] = exit_end
    cargo.alive[k] = 1
    links.n_cargo[i] += 1
    if leaves < step.time + step.dt:
        push(queue, lane, leaves, ARRIVAL, tie, k)


@row
def release(k, time, end, kept, route, links, cargo, mitochondria, pages, cells, events, p):
    """Cargo ``k`` leaves its link: to the cell at ``end`` if that can hold it, else to the other end, else the medium."""
    i = int(cargo.link[k])
    slot = int(cargo.slot[k])
    origin = int(cargo.origin[k])
    cargo.alive[k] = 0
    links.n_cargo[i] -= 1
    target = int(links.b[i])
    other = int(links.a[i])
    if end == 0:
        target = int(links.a[i])
        other = int(links.b[i])
    if not holds(int(cells.state[target])):
        target = other
    if kept and holds(int(cells.state[target])):
        if route != ROUTE_BREAKAGE and target == origin:
            route = ROUTE_RETURN
        arrive(mitochondria, pages, cells, events, slot, target, time, route, CYTOSOL, origin, int(links.id[i]), p.gate_potential)
    else:
        medium = N_POOLS * int(links.well[i]) + POOL_MEDIUM
        new = load_into_transit(mitochondria, pages, cells, events, slot, medium, time, ROUTE_BREAKAGE, int(links.id[i]))
        mitochondria.motor[new] = 1 + int(cells.layer[target])  # the side of an insert, as free_mitochondria reads it


@row
def let_go(i, k, time, links, cargo, mitochondria, pages, cells, wells, events, p, step):
    """Cargo ``k`` leaves the link ``i``, which is lost."""
    w = int(links.well[i])
    slot = int(cargo.slot[k])
    u, _, _, _ = uniform4(
        int(wells.key0[w]), int(wells.key1[w]), int(mitochondria.birth[slot]), int(mitochondria.ordinal[slot]),
        NANOTUBE_BREAK, step.step, 0,
    )  # fmt: skip
    entered = float(cargo.entered[k])
    end = int(cargo.exit_end[k])
    way = (time - entered) / max(float(cargo.leaves[k]) - entered, 1e-9)
    if way < 0.5:  # nearer to the end where it entered
        end = 0 if int(cargo.origin[k]) == int(links.a[i]) else 1
    release(k, time, end, u < p.breakage_kept, ROUTE_BREAKAGE, links, cargo, mitochondria, pages, cells, events, p)


@row
def take_down(i, time, traffic, links, mitochondria, cells, events):
    """Link ``i``, in which nothing is left, is no more."""
    log_event(
        events, EVENT_LINK_LOST, int(links.well[i]), time, ROUTE_NONE, cells, int(links.a[i]), int(links.b[i]), mitochondria, -1, 0.0,
        int(links.id[i]),
    )  # fmt: skip
    links.state[i] = LINK_EMPTY
    links.a[i] = -1
    links.b[i] = -1
    traffic.last_exit[i, 0] = -1.0
    traffic.last_exit[i, 1] = -1.0


@row
def sooner(k, best, i, links, cargo, mitochondria):
    """The row of cargo of link ``i`` that is let go first: ``k`` or, if that is one, ``best``; by identity, wherever they are kept."""
    if int(cargo.alive[k]) == 0 or int(cargo.link[k]) != i:
        return best
    if best < 0 or before(int(cargo.slot[k]), int(cargo.slot[best]), mitochondria):
        return k
    return best


@row
def lose(i, time, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step):
    """Take down link ``i`` with what is inside."""
    while int(links.n_cargo[i]) > 0:
        best = -1
        for k in range(n_cargo):
            best = sooner(k, best, i, links, cargo, mitochondria)
        if best < 0:
            break
        let_go(i, best, time, links, cargo, mitochondria, pages, cells, wells, events, p, step)
    take_down(i, time, traffic, links, mitochondria, cells, events)


@row
def lose_sought(i, time, queue, lane, traffic, links, cargo, mitochondria, pages, cells, wells, events, p, step):
    """As :func:`lose` for a link that is lost in the step: what is inside lies in rows of cargo that may be free in this step."""
    while int(links.n_cargo[i]) > 0:
        best = -1
        at = 0
        k = row_sought(queue, lane, at)
        while k >= 0:
            best = sooner(k, best, i, links, cargo, mitochondria)
            at += 1
            k = row_sought(queue, lane, at)
        if best < 0:
            break
        let_go(i, best, time, links, cargo, mitochondria, pages, cells, wells, events, p, step)
    take_down(i, time, traffic, links, mitochondria, cells, events)


@row
def settle(lane, queue, course, traffic, chosen, links, cargo, mitochondria, pages, cells, groups, wells, events, p, step):
    """Settle the queue of a lane in order, until it is empty or the next event might find too little room (``queue.short``)."""
    first = int(queue.first[lane])
    room = int(queue.first[lane + 1]) - first
    w = int(queue.counter[lane])
    queue.short[lane] = 0
    while int(queue.size[lane]) > 0:
        item = int(queue.item[first])
        kind = int(queue.kind[first])
        time = float(queue.time[first])
        moves = 1
        if kind != ARRIVAL and kind != LOADING:
            moves = 1 + int(links.n_cargo[item])
        if (
            int(pages.n_free[w]) - int(queue.floor[lane]) < moves
            or int(events.count[2 * w]) + moves >= int(queue.end[lane])
            or int(queue.size[lane]) + 3 > room
            or (kind == LOADING and free_cargo_row(queue, lane, cargo) < 0)
        ):
            queue.short[lane] = moves
            return
        drop_first(queue, lane)
        if kind == ARRIVAL:
            if int(cargo.alive[item]) != 0 and float(cargo.leaves[item]) == time:
                end = int(cargo.exit_end[item])
                route = route_through(int(links.kind[int(cargo.link[item])]))
                release(item, time, end, True, route, links, cargo, mitochondria, pages, cells, events, p)
        elif kind == LOADING:
            try_loading(
                item, time, queue, lane, course, traffic, chosen, links, cargo, mitochondria, pages, cells, groups, wells, events, p, step
            )
        else:
            lose_sought(item, time, queue, lane, traffic, links, cargo, mitochondria, pages, cells, wells, events, p, step)
            course.lost_at[item] = NEVER
            course.carries_from[item] = NEVER
