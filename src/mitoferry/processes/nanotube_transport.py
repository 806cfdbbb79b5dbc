"""Transport of mitochondria through nanotubes: loading, passage, arrival, and what happens when a tube is lost.

Mechanism: open thick tubes load mitochondria from either end (``nanotube_loading``); the way through the tube and the
end and time of exit are sampled exactly (``nanotube_itinerary``); while inside, the mitochondrion belongs to the
transit pool of its well; at its exit time, plus a time for unloading, it is handed over to the cell at that end,
which may be the one that it came from. Closed and capped tubes carry nothing. Dendrites
(``dendrite``) carry in the same way, with a factor on loading and a route of their own. A tube holds one mitochondrion per 2 um.
When a tube is lost each mitochondrion inside is drawn into the nearest living end (0.8) or set free into the medium.

All loadings, arrivals and losses of a step are settled one after the other in the order of (time, well, link id, kind):
a queue holds them, a loading adds the next one of its tube and, if it is due in this step, its arrival. Nobody is
named donor or recipient: a direction of transport can only come from the two cells' numbers.

Assumptions: rates frozen over a step (but for the number of mitochondria of a cell); the position in a breaking tube
is taken as linear in time between entry and exit. Step error: none at frozen rates.
Verified by F1-F3, F12, F14, G2, G4-G7 (tests/verification/test_nanotube_*.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import can_share, close_shares, open_shares
from mitoferry.core.process import Process
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import KIND_DENDRITE, LINK_EMPTY
from mitoferry.core.streams import NANOTUBE_LOADING
from mitoferry.processes.keyed_choice import Chosen
from mitoferry.processes.nanotube_clocks import Course, course_of
from mitoferry.processes.nanotube_links import NEVER, roomy, state_array, work_arrays
from mitoferry.processes.nanotube_loading import rate_of_loading
from mitoferry.processes.nanotube_queue import (
    ARRIVAL,
    LOADING,
    LOSS,
    Queue,
    add_row,
    allocate_queue,
    begin_queue,
    push,
    queue_of,
    room_of,
    with_more_room,
)
from mitoferry.processes.nanotube_resolve import candidate_row, settle

PAGES_AT_HAND, EVENTS_AT_HAND = 64, 256
OF_A_WELL = 4, 16  # as much where every well has a lane of its own
FEW_CARGO, MORE_CARGO = 4, 64  # rows of cargo that a lane is given beyond its loadings, and when it has no more
GATE = "nanotube_transport.gate"  # factors of loading at the ends of dendrites, float64 [links, 2]
NO_GATE = np.ones((1, 2))


class Parameters(NamedTuple):
    """Parameters of loading and transport (see the library for units and sources)."""

    loading_rate: float
    peripheral_share: float
    microtubule_share: float
    purinergic_gain: float
    calcium_half: float
    oxidant_half: float
    motor_atp: float
    potential_half: float
    potential_width: float
    depolarised_loading: float
    passage_diameter: float
    passage_width: float
    lumen_per_mitochondrion: float
    single_file_diameter: float
    headway: float
    microtubule_speed: float
    actin_speed: float
    detachment_rate: float
    attachment_rate: float
    reversal_rate: float
    kinesin_share: float
    reflection: float
    unloading_time: float
    breakage_kept: float
    gate_potential: float


class Traffic(NamedTuple):
    """Per link: rates of loading at the two ends [1/h], the numbers of mitochondria that they were taken for, the
    number of draws made, the time of the first loading of the step, and (kept from step to step) the last exit times
    of mitochondria that went through, per end [s].
    """

    rate: Any
    number: Any
    draws: Any
    first: Any
    last_exit: Any


@row
def rates_row(i, links, cells, groups, wells, course, traffic, gate, p, step):
    """Rates of loading of link ``i`` and the time of its first loading in the step."""
    traffic.first[i] = NEVER
    traffic.draws[i] = 0
    for end in range(2):
        traffic.rate[i, end] = 0.0
        traffic.number[i, end] = 0
    if int(links.state[i]) == LINK_EMPTY or course.carries_from[i] >= NEVER:
        return
    a = int(links.a[i])
    b = int(links.b[i])
    traffic.rate[i, 0] = rate_of_loading(a, cells, groups, p)
    traffic.rate[i, 1] = rate_of_loading(b, cells, groups, p)
    if int(links.kind[i]) == KIND_DENDRITE:
        traffic.rate[i, 0] = float(traffic.rate[i, 0]) * float(gate[i, 0])
        traffic.rate[i, 1] = float(traffic.rate[i, 1]) * float(gate[i, 1])
    traffic.number[i, 0] = cells.n_mitochondria[a]
    traffic.number[i, 1] = cells.n_mitochondria[b]
    total = float(traffic.rate[i, 0]) + float(traffic.rate[i, 1])
    if total <= 0.0:
        return
    w = int(links.well[i])
    u, _, _, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(links.id_a[i]), int(links.id[i]), NANOTUBE_LOADING, step.step, 0)
    if (1.0 - u) * 3600.0 >= 1.000001 * total * (step.time + step.dt - float(course.carries_from[i])):  # then -log(u) is larger still
        return
    time = float(course.carries_from[i]) + exponential_from(u) * 3600.0 / total
    if time < step.time + step.dt and time < float(course.lost_at[i]):
        traffic.first[i] = time


@row
def event_row(i, links, cells, groups, wells, course, traffic, gate, p, step):
    """As :func:`rates_row`; returns whether link ``i`` loads a mitochondrion in the step, or is lost."""
    rates_row(i, links, cells, groups, wells, course, traffic, gate, p, step)
    lost = int(links.state[i]) != LINK_EMPTY and float(course.lost_at[i]) < NEVER
    return 1 if lost or float(traffic.first[i]) < NEVER else 0


@row
def may_be_free(k, cargo, course, end):
    """Whether row ``k`` of the cargo is free or may become so before ``end`` [s]: as its mitochondrion arrives, or its link is lost."""
    if int(cargo.alive[k]) == 0 or float(cargo.leaves[k]) < end:
        return 1
    return 1 if float(course.lost_at[int(cargo.link[k])]) < NEVER else 0


@row
def fill_queue(queue, rows, free, fresh, first_fresh, links, cargo, course, traffic, end):
    """Put what is known to happen before ``end`` (see :func:`_due`) into the queue of a lane that is alone; returns how much it is.

    The lane may take the rows ``free`` of the cargo, then ``fresh`` more from row ``first_fresh`` on.
    """
    begin_queue(queue)
    for q in range(len(rows)):
        i = int(rows[q])
        tie = (int(links.well[i]) << 32) | int(links.id[i])
        if float(traffic.first[i]) < end:
            push(queue, 0, float(traffic.first[i]), LOADING, tie, i)
        if int(links.state[i]) != LINK_EMPTY and float(course.lost_at[i]) < NEVER:
            push(queue, 0, float(course.lost_at[i]), LOSS, tie, i)
    for q in range(len(free)):
        k = int(free[q])
        add_row(queue, k)
        if int(cargo.alive[k]) != 0 and float(cargo.leaves[k]) < end:
            i = int(cargo.link[k])
            push(queue, 0, float(cargo.leaves[k]), ARRIVAL, (int(links.well[i]) << 32) | int(links.id[i]), k)
    for k in range(first_fresh, first_fresh + fresh):
        add_row(queue, k)
    return int(queue.size[0])


def _traffic(world: Any) -> tuple[Traffic, Chosen]:
    """The same arrays in every step: ``rates_row`` sets all but ``last_exit`` for the links in use, and choices are noted by link."""
    n, zeros = len(world.links.id), world.backend.zeros
    last_exit = state_array(world, "nanotube_transport.last_exit", n, np.float64, -1.0, width=2)
    return work_arrays(
        world, "nanotube_transport", n, last_exit,
        lambda: (
            Traffic(zeros((n, 2)), zeros((n, 2), np.int64), zeros(n, np.int64), zeros(n), last_exit),
            Chosen(*(zeros(n, np.int64) for _ in Chosen._fields)),
        ),
    )  # fmt: skip


def _due(world: Any, course: Course, traffic: Traffic, rows: Any, free: Any, end: float) -> tuple[list[Any], Any]:
    """Columns of what is known to happen before ``end`` (time, kind, tie, item): first loadings and losses of the links ``rows``,
    arrivals; the well of what is in the rows ``free`` of the cargo, -1 for nothing.
    """
    backend, links, cargo = world.backend, world.links, world.cargo
    alive, leaves, through = backend.read(free, cargo.alive, cargo.leaves, cargo.link)
    alive = alive != 0
    arrivals = alive & (leaves < end)
    first, lost_at, state = backend.read(rows, traffic.first, course.lost_at, links.state)
    loads, losses = first < end, (state != LINK_EMPTY) & (lost_at < NEVER)
    loaded, lost, reached = first[loads], lost_at[losses], leaves[arrivals]
    time = np.concatenate([loaded, lost, reached])
    kind = np.full(len(time), LOSS)
    kind[: len(loaded)], kind[len(loaded) + len(lost) :] = LOADING, ARRIVAL
    own = [rows[loads], rows[losses]]
    link = np.concatenate([*own, through[arrivals]]).astype(np.int64)
    item = np.concatenate([*own, free[arrivals]]).astype(np.int64)
    well, name = backend.read(np.concatenate([link, through[alive].astype(np.int64)]), links.well, links.id)
    n, well = len(link), well.astype(np.int64)
    held = np.full(len(free), -1, dtype=np.int64)
    held[alive] = well[n:]
    return [time, kind, (well[:n] << 32) | name[:n].astype(np.int64), item], held


def _one_lane(world: Any, course: Course, traffic: Traffic, rows: Any, free: Any, end: float) -> tuple[Queue, int]:
    """The queue of a step for one thread, in memory that is kept, and how many rows of cargo have been dealt out."""
    fresh = rows.size + MORE_CARGO
    queue = roomy(world, "nanotube_transport.queue", (2 * rows.size + free.size, free.size + fresh), room_of, allocate_queue)
    world.backend.serial(fill_queue, queue, rows, free, fresh, world.n_cargo, world.links, world.cargo, course, traffic, end)
    return queue, world.n_cargo + fresh


def _lanes(world: Any, course: Course, traffic: Traffic, rows: Any, free: Any, end: float) -> tuple[Queue, int]:
    """As :func:`_one_lane`, with a lane for each well if that is worth it."""
    columns, held = _due(world, course, traffic, rows, free, end)
    free, wells = free.astype(np.int64), columns[2] >> 32
    if not can_share(world, wells):
        dealt = world.n_cargo + len(wells) + MORE_CARGO
        return queue_of(columns, np.zeros(len(wells), dtype=np.int64), 1, [np.append(free, np.arange(world.n_cargo, dealt))]), dealt
    of_wells, lane = np.unique(wells, return_inverse=True)
    wanted = np.bincount(lane[columns[1] == LOADING], minlength=len(of_wells)) + FEW_CARGO
    empty = free[held < 0]
    dealt = world.n_cargo + max(int(wanted.sum()) - len(empty), 0)
    parts = np.split(np.append(empty, np.arange(world.n_cargo, dealt)), np.cumsum(wanted)[:-1])
    dealt_rows = [np.sort(np.append(free[held == w], part)) for w, part in zip(of_wells, parts, strict=True)]
    return queue_of(columns, lane, len(of_wells), dealt_rows)._replace(counter=of_wells), dealt


def _settle(world: Any, queue: Queue, short: int, course: Course, traffic: Traffic, chosen: Chosen, p: Parameters, step: Any) -> Queue:
    """Let every lane settle what it can, with room for ``short`` more moves than is usual; the queue that is left."""
    backend, lanes = world.backend, len(queue.size)
    spare = OF_A_WELL if lanes > 1 else (PAGES_AT_HAND, EVENTS_AT_HAND)
    pages, events = queue.size // 4 + short + spare[0], 2 * (queue.size + short) + spare[1]
    world.reserve_pages(int(pages.sum()))
    world.reserve_events(int(events.sum()))
    tables = (world.links, world.cargo, world.mitochondria, world.pages, world.cells, world.groups, world.wells, world.events)
    if lanes == 1:
        queue.end[0] = len(world.events.kind)
        backend.each(settle, 1, queue, course, traffic, chosen, *tables, p, step)
    else:
        shares = open_shares(world, queue.counter.copy(), pages, events)
        queue = queue._replace(floor=shares.page - shares.pages, end=shares.event + shares.events)
        backend.each(settle, lanes, queue, course, traffic, chosen, *shares.given(world, *tables), p, step)
        close_shares(world, shares, "settle", goes_on=short > 0)
    return queue


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Settle all loadings, arrivals and losses of one step."""
    backend = world.backend
    course, (traffic, chosen) = course_of(world), _traffic(world)
    gate = world.extra.get(GATE, NO_GATE)  # of dendrites; there are none where it is missing
    tables = (world.links, world.cells, world.groups, world.wells)
    rows = backend.select(event_row, world.n_links, *tables, course, traffic, gate, p, step)
    free = backend.select(may_be_free, world.n_cargo, world.cargo, course, step.time + step.dt)
    make = _lanes if backend.own_memory else _one_lane
    queue, dealt = make(world, course, traffic, rows, free, step.time + step.dt)
    if not queue.size.any():
        return
    backend.each(
        candidate_row, rows.size, rows, traffic, chosen, world.links, world.mitochondria, world.pages, world.cells, world.wells, step
    )  # fmt: skip
    short = 0
    while True:
        world.reserve_links(len(world.links.id), dealt)
        queue = _settle(world, queue, short, course, traffic, chosen, p, step)
        backend.pull(queue.short)
        short = int(queue.short.max())
        if short == 0:
            break
        backend.pull(queue)
        more = [np.arange(dealt + k * MORE_CARGO, dealt + (k + 1) * MORE_CARGO) for k in range(len(queue.size))]
        queue, dealt = with_more_room(queue, more), dealt + len(queue.size) * MORE_CARGO
    (alive,) = backend.read(slice(world.n_cargo, dealt), world.cargo.alive)
    used = np.flatnonzero(alive)
    if used.size:
        world.n_cargo += int(used[-1]) + 1


PROCESS = Process(name="nanotube_transport", stage="links", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
