"""The table of links: how nanotubes enter it, and the geometry of a tube. Shared by the nanotube processes.

Links are made in one ordered phase: every process proposes in parallel, the proposals are sorted by (time, well, ids)
and then written one after the other into free rows. Ids are running numbers of a well, so that they do not depend on
the rows that happen to be free.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.events import EVENT_LINK_BORN
from mitoferry.core.handover import log_event
from mitoferry.core.row import row
from mitoferry.core.schema import KIND_NANOTUBE, LINK_CLOSED, LINK_EMPTY, LINK_GROWING, ROUTE_NONE
from mitoferry.processes.free_rows import first_rows
from mitoferry.processes.nanotube_queue import allocate_queue, begin_queue, drop_first, push, room_of
from mitoferry.space.geometry import BLOCK
from mitoferry.space.neighbours import minimum_image

BY_SEARCH, BY_DISLODGEMENT = 0, 1
NEVER = 1e18  # s: an event that does not happen
Found = TypeVar("Found")


class Proposals(NamedTuple):
    """Links that cells ask for in a step; ``n_slots`` per cell, slots k n_slots .. of cell k.

    Attributes:
        count: int32 [cells], slots of the cell in use.
        time: float64 [slots], when the filopodium starts, or the tether forms [s].
        ready: float64 [slots], when the link reaches its target [s].
        source, target: int32 [slots], rows of cells; the source initiates.
        length: float32 [slots], gap to span [um].
    """

    count: Any
    time: Any
    ready: Any
    source: Any
    target: Any
    length: Any


def allocate_proposals(backend: Any, n_cells: int, n_slots: int) -> Proposals:
    """Room for ``n_slots`` proposals of each cell."""
    n, zeros = n_cells * n_slots, backend.zeros
    return Proposals(
        count=zeros(n_cells, np.int32), time=zeros(n), ready=zeros(n), source=zeros(n, np.int32), target=zeros(n, np.int32),
        length=zeros(n, np.float32),
    )  # fmt: skip


def proposals_of(world: Any, n_slots: int) -> Proposals:
    """Room for ``n_slots`` proposals per row of cells: the same arrays in every step and for every process, as each has its proposals
    resolved before the next one makes some. Its rows set ``count``.
    """
    n = len(world.cells.id)
    found: Proposals | None = world.space.scratch.get("proposals")
    if found is None or len(found.count) < n or len(found.time) < n * n_slots:
        found = world.space.scratch["proposals"] = allocate_proposals(world.backend, n, n_slots)
    return found


def state_array(world: Any, name: str, n: int, dtype: Any, fill: float, width: int = 0) -> Any:
    """The array ``name`` of ``world.extra`` with at least ``n`` rows; new rows hold ``fill``."""
    old = world.extra.get(name)
    if old is not None and len(old) >= n:
        return old
    fresh = np.full((n, width) if width else n, fill, dtype=dtype)
    if old is not None:
        world.backend.pull(old)
        fresh[: len(old)] = old
    world.extra[name] = fresh
    return fresh


def work_arrays(world: Any, name: str, n: int | tuple[int, ...], kept: Any, make: Callable[[], Found]) -> Found:
    """What ``make`` returns, the same in every step for as long as there are ``n`` rows (of several tables: a tuple) and ``kept``, the
    state that is part of it, is the same array: only ``kept`` outlives a step, the rows set the rest before anyone reads it.
    """
    scratch = {} if world.space is None else world.space.scratch  # a world that has no space keeps nothing
    seen = scratch.get(name)
    if seen is None or seen[0] != n or seen[1] is not kept:
        seen = scratch[name] = n, kept, make()
    found: Found = seen[2]
    return found


def roomy(world: Any, name: str, n: tuple[int, ...], length: Callable[[Found], tuple[int, ...]], make: Callable[..., Found]) -> Found:
    """Work arrays with room for at least ``n`` rows, made with twice as much and then kept; ``length`` tells what they have."""
    scratch = {} if world.space is None else world.space.scratch
    kept: Found | None = scratch.get(name)
    if kept is None or any(there < wanted for there, wanted in zip(length(kept), n, strict=True)):
        kept = scratch[name] = make(*(2 * wanted for wanted in n))
    return kept


@row
def centre_distance(i, j, cells, wells):
    """Distance [um] between the centres of two cells of a well, the short way round periodic borders."""
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    dx = minimum_image(float(cells.x[j]) - float(cells.x[i]), float(wells.size[w, 0]), periodic)
    dy = minimum_image(float(cells.y[j]) - float(cells.y[i]), float(wells.size[w, 1]), periodic)
    dz = 0.0
    if int(wells.geometry[w]) == BLOCK:
        dz = minimum_image(float(cells.z[j]) - float(cells.z[i]), float(wells.size[w, 2]), periodic)
    return math.sqrt(dx * dx + dy * dy + dz * dz)


@row
def gap_between(i, j, cells, wells):
    """Gap [um] between the membranes of two cells of a well; 0 where they overlap."""
    return max(centre_distance(i, j, cells, wells) - float(cells.radius[i]) - float(cells.radius[j]), 0.0)


@row
def free_link(i, n_links, links):
    """The first free row of ``links`` from row ``i`` on; ``n_links`` if all rows below are in use."""
    while i < n_links and int(links.state[i]) != LINK_EMPTY:
        i += 1
    return i


@row
def write_link(i, a, b, kind, formation, state, born, ready, length, diameter, links, cells, wells, mitochondria, events):
    """Write a link of ``kind`` between cells ``a`` and ``b``, ``length`` and ``diameter`` in um, into row ``i`` and log its birth.

    It is named by the running number of links of its well, and thin (``thick`` 0) until its process says otherwise.
    """
    w = int(cells.well[a])
    name = int(wells.next_link[w])
    wells.next_link[w] = name + 1
    links.id[i] = name
    links.well[i] = w
    links.a[i] = a
    links.b[i] = b
    links.id_a[i] = cells.id[a]
    links.id_b[i] = cells.id[b]
    links.initiator[i] = formation
    links.kind[i] = kind
    links.state[i] = state
    links.thick[i] = 0
    links.born[i] = born
    links.ready[i] = ready
    links.length[i] = length
    links.rest_length[i] = length
    links.diameter[i] = diameter
    links.polarity[i] = 0.5
    links.n_cargo[i] = 0
    log_event(events, EVENT_LINK_BORN, w, born, ROUTE_NONE, cells, a, b, mitochondria, -1, 0.0, name)


@row
def is_free_row(k, first, links):
    """Whether row ``first + k`` of the links is empty."""
    return 1 if int(links.state[first + k]) == LINK_EMPTY else 0


def free_rows(world: Any, n: int) -> Any:
    """Rows for ``n`` > 0 more links: those that are empty first; int64 [n]. They are counted as in use from now on."""
    rows = first_rows(world.backend, is_free_row, n, world.n_links, world.links)
    world.reserve_links(world.n_links + n, 0)
    world.n_links = max(world.n_links, int(rows[-1]) + 1)
    return rows


@row
def write_proposal(i, slot, proposals, formation, shortest, links, cells, wells, mitochondria, events):
    """Write the proposal ``slot`` into row ``i`` of ``links``."""
    time = float(proposals.time[slot])
    ready = float(proposals.ready[slot])
    state = LINK_GROWING if ready > time else LINK_CLOSED
    length = max(float(proposals.length[slot]), shortest)
    write_link(
        i, int(proposals.source[slot]), int(proposals.target[slot]), KIND_NANOTUBE, formation, state, time, ready, length, 0.0,
        links, cells, wells, mitochondria, events,
    )  # fmt: skip


@row
def add_links(lane, ends, order, rows, slots, proposals, formation, shortest, links, cells, wells, mitochondria, events):
    """Write the proposals ``slots``, those of list ``lane`` of ``order``, into ``rows`` of ``links`` (``by_well``)."""
    for at in range(int(ends[lane]), int(ends[lane + 1])):
        k = int(order[at])
        write_proposal(int(rows[k]), int(slots[k]), proposals, formation, shortest, links, cells, wells, mitochondria, events)


@row
def add_in_order(owners, n_slots, queue, proposals, formation, shortest, n_links, links, cells, wells, mitochondria, events):
    """As :func:`add_links`, of all that ``owners`` propose, into the first rows that are empty; returns how many rows are in use then."""
    begin_queue(queue)
    for q in range(len(owners)):
        first = int(owners[q]) * n_slots
        for slot in range(first, first + int(proposals.count[int(owners[q])])):
            source = int(proposals.source[slot])
            tie = (int(cells.well[source]) << 32) | int(cells.id[source])
            push(queue, 0, float(proposals.time[slot]), int(cells.id[int(proposals.target[slot])]), tie, slot)
    i = 0
    while int(queue.size[0]) > 0:
        slot = int(queue.item[0])
        drop_first(queue, 0)
        i = free_link(i, n_links, links)
        write_proposal(i, slot, proposals, formation, shortest, links, cells, wells, mitochondria, events)
        i += 1
    return max(i, n_links)


def make_links(world: Any, proposals: Proposals, n_slots: int, owners: Any, *, formation: int, shortest: float) -> int:
    """Resolve the proposals of a process: sort by (time, well, ids), write rows, log births; returns how many.

    Args:
        world: the state.
        proposals: links that cells ask for, ``n_slots`` per cell.
        n_slots: slots of a cell.
        owners: rows of the cells that ask for any, ascending.
        formation: BY_SEARCH or BY_DISLODGEMENT.
        shortest: length [um] of the shortest tube.
    """
    if not owners.size:
        return 0
    backend = world.backend
    if backend.own_memory:
        slots, of_wells = sorted_slots(backend, proposals, n_slots, owners, world.cells)
        n = int(slots.size)
        world.reserve_events(n)
        rows = free_rows(world, n)
        tables = (world.links, world.cells, world.wells, world.mitochondria, world.events)
        by_well(world, add_links, np.arange(n), of_wells, rows, slots, proposals, formation, shortest, *tables, pages=0)
        return n
    n = int(proposals.count[owners].sum())
    world.reserve_events(n)
    world.reserve_links(world.n_links + n, 0)
    queue = roomy(world, "nanotube_links.queue", (n, 0), room_of, allocate_queue)
    tables = (world.links, world.cells, world.wells, world.mitochondria, world.events)
    world.n_links = int(backend.serial(add_in_order, owners, n_slots, queue, proposals, formation, shortest, world.n_links, *tables))
    return n


def slots_of(backend: Any, count: Any, n_slots: int, rows: Any) -> tuple[Any, Any]:
    """Owners and slots of what ``rows`` propose, where row k has filled the first ``count[k]`` of its slots k n_slots .. ."""
    counts = backend.read(rows, count)[0].astype(np.int64)
    owner = np.repeat(rows, counts)
    return owner, owner * n_slots + np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)


def sorted_slots(backend: Any, proposals: Proposals, n_slots: int, owners: Any, cells: Any) -> tuple[Any, Any]:
    """Slots in use, sorted by (time, well, id of the initiator, id of the target), and the well of each."""
    _, slots = slots_of(backend, proposals.count, n_slots, owners)
    time, source, target = backend.read(slots, proposals.time, proposals.source, proposals.target)
    ids, well = backend.read(source, cells.id, cells.well)
    (other,) = backend.read(target, cells.id)
    order = np.lexsort((other, ids, well, time))
    return slots[order], well[order]
