"""Settling the link events of a step, one after the other (serial): loadings, arrivals, losses of tubes.

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
from mitoferry.processes.keyed_choice import BY_MASS, choice_holds, first_of_clocks, note_choice
from mitoferry.processes.nanotube_clocks import holds
from mitoferry.processes.nanotube_itinerary import STUCK, itinerary, passage_chance, share_towards_b
from mitoferry.processes.nanotube_links import NEVER
from mitoferry.processes.nanotube_loading import adaptors, free_to_move, may_enter, motor_energy
from mitoferry.processes.nanotube_queue import ARRIVAL, LOADING, drop_first, push
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
def row_sought(queue, k):
    """Number ``k`` in the sequence of rows of cargo that may be free."""
    n = len(queue.free)
    return int(queue.free[k]) if k < n else int(queue.size[2]) + k - n


@row
def free_cargo_row(queue, cargo, n_cargo):
    """An unused row of the cargo table (``n_cargo`` if all rows below are in use), sought onwards from the last one."""
    k = int(queue.size[1])
    i = row_sought(queue, k)
    while i < n_cargo and int(cargo.alive[i]) != 0:
        k += 1
        i = row_sought(queue, k)
    queue.size[1] = k
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
    """Choose beforehand, as entry i of ``chosen``, who is first to try to enter link i = ``rows[q]``."""
    i = int(rows[q])
    w = int(links.well[i])
    key0, key1 = int(wells.key0[w]), int(wells.key1[w])
    _, which, _, _ = uniform4(key0, key1, int(links.id_a[i]), int(links.id[i]), NANOTUBE_LOADING, step.step, 0)
    source = int(links.b[i]) if end_of_loading(i, which, traffic) == 1 else int(links.a[i])
    note_choice(i, candidate(i, 0, source, links, mitochondria, pages, cells, wells, step), source, chosen, cells)


@row
def try_loading(i, time, queue, course, traffic, chosen, links, cargo, n_cargo, mitochondria, pages, cells, groups, wells, events, p, step):
    """One attempt of a mitochondrion to enter link ``i``; returns the rows of cargo in use."""
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
        push(queue, again, LOADING, tie, i)
    from_b = end_of_loading(i, which, traffic)
    source = int(links.b[i]) if from_b == 1 else int(links.a[i])
    if kept * int(traffic.number[i, from_b]) >= int(cells.n_mitochondria[source]):
        return n_cargo  # fewer mitochondria than when the rate was taken
    room = max(int(math.floor(float(links.length[i]) / p.lumen_per_mitochondrion)), 1)
    if int(links.n_cargo[i]) >= room:
        return n_cargo
    slot = int(chosen.slot[i])
    if draw > 0 or not choice_holds(i, source, chosen, cells):
        slot = candidate(i, draw, source, links, mitochondria, pages, cells, wells, step)
    if slot < 0 or not may_enter(slot, source, mitochondria, cells, p, entry):
        return n_cargo
    mass = MASS_SCALE * int(mitochondria.mass[slot])
    if gate >= passage_chance(float(links.diameter[i]), mass, p.passage_diameter, p.passage_width):
        return n_cargo
    duration, exit_end = way_through(i, source, from_b, slot, links, mitochondria, cells, groups, key0, key1, p, step)
    leaves = min(time + duration + exponential_from(delay) * p.unloading_time * 3600.0, STUCK)
    if exit_end != from_b:
        if float(links.diameter[i]) < p.single_file_diameter:
            leaves = max(leaves, min(float(traffic.last_exit[i, exit_end]) + p.headway, STUCK))
        traffic.last_exit[i, exit_end] = leaves
    route = route_through(int(links.kind[i]))
    new = load_into_transit(mitochondria, pages, cells, events, slot, N_POOLS * w + POOL_TRANSIT, time, route, name)
    k = free_cargo_row(queue, cargo, n_cargo)
    cargo.link[k] = i
    cargo.slot[k] = new
    cargo.origin[k] = source
    cargo.entered[k] = time
    cargo.leaves[k] = leaves
    cargo.exit_end[k] = exit_end
    cargo.alive[k] = 1
    links.n_cargo[i] += 1
    if leaves < step.time + step.dt:
        push(queue, leaves, ARRIVAL, tie, k)
    return max(n_cargo, k + 1)


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
def lose(i, time, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step):
    """Take down link ``i`` with what is inside."""
    for k in range(n_cargo):
        if int(links.n_cargo[i]) == 0:
            break
        if int(cargo.alive[k]) != 0 and int(cargo.link[k]) == i:
            let_go(i, k, time, links, cargo, mitochondria, pages, cells, wells, events, p, step)
    take_down(i, time, traffic, links, mitochondria, cells, events)


@row
def lose_sought(i, time, queue, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step):
    """As :func:`lose` for a link that is lost in the step: what is inside lies in rows of cargo that may be free in this step."""
    at = 0
    k = row_sought(queue, at)
    while int(links.n_cargo[i]) > 0 and k < n_cargo:
        if int(cargo.alive[k]) != 0 and int(cargo.link[k]) == i:
            let_go(i, k, time, links, cargo, mitochondria, pages, cells, wells, events, p, step)
        at += 1
        k = row_sought(queue, at)
    take_down(i, time, traffic, links, mitochondria, cells, events)


@row
def settle(queue, course, traffic, chosen, links, cargo, n_cargo, mitochondria, pages, cells, groups, wells, events, p, step):
    """Settle the queue in order.

    Returns:
        Rows of cargo in use, and 0, or how many moves the next event may need if a table might be too small for it:
        the caller then makes room and calls again.
    """
    while int(queue.size[0]) > 0:
        item = int(queue.item[0])
        kind = int(queue.kind[0])
        time = float(queue.time[0])
        moves = 1
        if kind != ARRIVAL and kind != LOADING:
            moves = 1 + int(links.n_cargo[item])
        if (
            int(pages.n_free[0]) < moves
            or n_cargo >= len(cargo.link)
            or int(events.count[0]) + moves >= len(events.kind)
            or int(queue.size[0]) + 3 > len(queue.time)
        ):
            return n_cargo, moves
        drop_first(queue)
        if kind == ARRIVAL:
            if int(cargo.alive[item]) != 0 and float(cargo.leaves[item]) == time:
                end = int(cargo.exit_end[item])
                route = route_through(int(links.kind[int(cargo.link[item])]))
                release(item, time, end, True, route, links, cargo, mitochondria, pages, cells, events, p)
        elif kind == LOADING:
            n_cargo = try_loading(
                item, time, queue, course, traffic, chosen, links, cargo, n_cargo, mitochondria, pages, cells, groups, wells, events,
                p, step,
            )  # fmt: skip
        else:
            lose_sought(item, time, queue, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step)
            course.lost_at[item] = NEVER
            course.carries_from[item] = NEVER
    return n_cargo, 0
