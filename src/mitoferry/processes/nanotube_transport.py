"""Transport of mitochondria through nanotubes: loading, passage, arrival, and what happens when a tube is lost.

Mechanism: open thick tubes load mitochondria from either end (``nanotube_loading``); the way through the tube and the
end and time of exit are sampled exactly (``nanotube_itinerary``); while inside, the mitochondrion belongs to the
transit pool of its well; at its exit time, plus a time for unloading, it is handed over to the cell at that end,
which may be the one that it came from. Closed and capped tubes carry nothing. Dendrites
(``dendrite``) carry in the same way, with a factor on loading and a route of their own. A tube holds one mitochondrion per 2 um.
When a tube is lost each mitochondrion inside is drawn into the nearest living end (0.8) or set free into the medium.

All loadings, arrivals and losses of a step are settled one after the other in the order of (time, kind, well, link id):
a queue holds them, a loading adds the next one of its tube and, if it is due in this step, its arrival. Nobody is
named donor or recipient: a direction of transport can only come from the two cells' numbers.

Assumptions: rates frozen over a step (but for the number of mitochondria of a cell); the position in a breaking tube
is taken as linear in time between entry and exit. Step error: none at frozen rates.
Verified by F1-F3, F12, F14, G2, G4-G7 (tests/verification/test_nanotube_*.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.process import Process
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import KIND_DENDRITE, LINK_EMPTY
from mitoferry.core.streams import NANOTUBE_LOADING
from mitoferry.processes.keyed_choice import Chosen
from mitoferry.processes.nanotube_clocks import Course, course_of
from mitoferry.processes.nanotube_links import NEVER, state_array, work_arrays
from mitoferry.processes.nanotube_loading import rate_of_loading
from mitoferry.processes.nanotube_queue import ARRIVAL, LOADING, LOSS, Queue, queue_of
from mitoferry.processes.nanotube_resolve import candidate_row, settle

PAGES_AT_HAND = 64
EVENTS_AT_HAND = 256
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


def _due(world: Any, course: Course, traffic: Traffic, rows: Any, end: float) -> Queue | None:
    """The queue of what is known to happen before ``end``: first loadings and losses of the links ``rows``, arrivals; None if nothing."""
    backend, links, cargo = world.backend, world.links, world.cargo
    free = backend.select(may_be_free, world.n_cargo, cargo, course, end)
    alive, leaves, through = backend.read(free, cargo.alive, cargo.leaves, cargo.link)
    arrivals = (alive != 0) & (leaves < end)
    if not rows.size and not arrivals.any():
        return None
    first, lost_at, state = backend.read(rows, traffic.first, course.lost_at, links.state)
    loads, losses = first < end, (state != LINK_EMPTY) & (lost_at < NEVER)
    time = np.concatenate([first[loads], lost_at[losses], leaves[arrivals]])
    kind = np.repeat([LOADING, LOSS, ARRIVAL], [loads.sum(), losses.sum(), arrivals.sum()])
    link = np.concatenate([rows[loads], rows[losses], through[arrivals]]).astype(np.int64)
    item = np.concatenate([rows[loads], rows[losses], free[arrivals]]).astype(np.int64)
    well, name = backend.read(link, links.well, links.id)
    return queue_of(time, kind, (well.astype(np.int64) << 32) | name.astype(np.int64), item, free, world.n_cargo)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Settle all loadings, arrivals and losses of one step."""
    backend = world.backend
    course, (traffic, chosen) = course_of(world), _traffic(world)
    gate = world.extra.get(GATE, NO_GATE)  # of dendrites; there are none where it is missing
    tables = (world.links, world.cells, world.groups, world.wells)
    rows = backend.select(event_row, world.n_links, *tables, course, traffic, gate, p, step)
    queue = _due(world, course, traffic, rows, step.time + step.dt)
    if queue is None:
        return
    n = int(queue.size[0])
    loads = queue.item[queue.kind == LOADING]
    backend.each(
        candidate_row, loads.size, loads, traffic, chosen, world.links, world.mitochondria, world.pages, world.cells, world.wells, step
    )  # fmt: skip
    world.reserve_links(len(world.links.id), world.n_cargo + n)
    world.reserve_pages(PAGES_AT_HAND)
    world.reserve_events(2 * n + EVENTS_AT_HAND)
    while True:
        world.n_cargo, short = backend.serial(
            settle, queue, course, traffic, chosen, world.links, world.cargo, world.n_cargo, world.mitochondria, world.pages,
            world.cells, world.groups, world.wells, world.events, p, step,
        )  # fmt: skip
        if short == 0:
            return
        backend.pull(queue)
        queue = queue.grown()
        world.reserve_links(len(world.links.id), len(world.cargo.link) + short)
        world.reserve_pages(PAGES_AT_HAND + short)
        world.reserve_events(2 * short + EVENTS_AT_HAND)


PROCESS = Process(name="nanotube_transport", stage="links", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
