"""Dendritic networks: cells such as osteocytes are joined by permanent dendrites that carry mitochondria when ADP calls.

Mechanism: a cell of a type with ``dendrites`` d keeps floor(d + u) dendrites, u drawn once per cell. When the network is first
met it is grown: of all pairs within reach (gap between membranes at most ``reach``), shortest first, each is joined that has
a dendritic cell short of dendrites as one end and no dendritic cell that has enough as the other. After that every dendrite
that is missing grows again at ``growth_rate`` x node actin. A dendrite may end at a cell of another type (bone-lining cell,
osteoblast, tumour cell), which does not count them. Length: the gap, at least ``shortest`` (dendrites wind).

A dendrite is always open and has microtubules; mitochondria pass by the machinery of the nanotubes (``nanotube_loading``,
``nanotube_itinerary``), both ways, with the rate of loading of that end times

    g = loading x tether x (b + (1 - b) P2Y),    tether = min(node mfn2, 1),

MFN2 ties mitochondria to the endoplasmic reticulum that runs through the dendrite: without it none goes. P2Y is the occupancy by
ADP and ATP, b what is loaded without. Hand-overs have the route dendrite; what comes out where it went in is a return.

A dendrite has no lifetime. It is lost with its content, as a nanotube is (``nanotube_resolve.lose``), when an end has died or
lost its membrane, or is farther away than ``longest``.

Assumptions: permanent (no loss at rest); no shading by cells in between; a dendrite carries from the macro-step after its
growth. Step error: times of growth fall on the macro-step; loading and passage are exact as in nanotubes. Needs
``nanotube_transport``. Verification: ``tests/verification/test_dendrite.py``.
Sources: transfer through osteocyte dendrites, and its need of MFN2, Gao 2019 Sci Adv (from memory).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.maths import chance
from mitoferry.core.nodes import NODE_ACTIN, NODE_MFN2
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, KIND_DENDRITE, LINK_EMPTY, LINK_OPEN
from mitoferry.core.streams import DENDRITE
from mitoferry.processes.nanotube_clocks import course_of, holds
from mitoferry.processes.nanotube_links import NEVER, free_rows, gap_between, state_array, work_arrays, write_link
from mitoferry.processes.nanotube_transport import GATE
from mitoferry.space.neighbours import bin_line, bins_spanning, members

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

PER_CELL, GROWTH = 0, 1  # draws of the stream DENDRITE


class Parameters(NamedTuple):
    """Library: ``dendrite.*``. Lengths um, rates 1/h."""

    reach: float
    shortest: float
    longest: float
    diameter: float
    growth_rate: float
    loading: float
    basal_loading: float


class Network(NamedTuple):
    """Who is to have dendrites and who has some, in one step.

    Attributes:
        wanting: int64 [cells], dendrites that a cell keeps; -1 if it can be no end of one.
        growing: uint8 [cells], 1 for those that grow one now.
        keys: int32 [ends of links], the cell at each end of a dendrite; -1 for all other links.
        ties: uint32 [ends of links].
        start: int32 [cells + 1], so that cell i has ``start[i + 1] - start[i]`` dendrites.
        member: int32 [ends of links].
    """

    wanting: Any
    growing: Any
    keys: Any
    ties: Any
    start: Any
    member: Any


class Candidates(NamedTuple):
    """Cells within reach of those that grow: row of the source, of the other, gap [um]."""

    source: Any
    other: Any
    gap: Any


@row
def wanting_row(i, wanting, cells, groups, wells, p, step):
    """Dendrites that cell ``i`` keeps, 0 if it keeps none or grows none now; -1 if it can be no end of one."""
    wanting[i] = -1
    state = int(cells.state[i])
    if state != CELL_LIVE and state != CELL_MOMP:
        return
    g = int(cells.group[i])
    number = float(groups.dendrites[g])
    wanting[i] = 0
    if number > 0.0:
        w = int(cells.well[i])
        u = uniform(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, DENDRITE, 0, PER_CELL)
        wanting[i] = int(number + u)


@row
def regrows(i, missing, cells, groups, wells, p, step):
    """Whether cell ``i``, which lacks ``missing`` dendrites, grows one in this step."""
    w = int(cells.well[i])
    rate = p.growth_rate * missing * max(float(groups.nodes[int(cells.group[i]), NODE_ACTIN]), 0.0)
    u = uniform(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, DENDRITE, step.step, GROWTH)
    return u < chance(rate, step.dt / 3600.0)


@row
def end_row(q, n_links, links, network):
    """Number ``q`` of the ends of links: the first of each link, then the second of each."""
    i = q if q < n_links else q - n_links
    network.ties[q] = q
    network.keys[q] = -1
    if int(links.kind[i]) == KIND_DENDRITE and int(links.state[i]) != LINK_EMPTY:
        network.keys[q] = links.a[i] if q < n_links else links.b[i]


@row
def degree_of(i, network):
    """Dendrites that end at cell ``i``."""
    return int(network.start[i + 1]) - int(network.start[i])


@row
def growing_row(i, fresh, network, cells, groups, wells, p, step):
    """Whether cell ``i`` grows a dendrite in this step: all that lack one if the network is ``fresh``, later by chance."""
    wanting_row(i, network.wanting, cells, groups, wells, p, step)
    missing = int(network.wanting[i]) - degree_of(i, network)
    network.growing[i] = 0
    if missing > 0 and (fresh != 0 or regrows(i, missing, cells, groups, wells, p, step)):
        network.growing[i] = 1
    return int(network.growing[i])


@row
def is_known(i, links, network):
    """Whether link ``i`` is a dendrite of a cell that grows another one."""
    if int(network.keys[i]) < 0:
        return 0
    return max(int(network.growing[int(links.a[i])]), int(network.growing[int(links.b[i])]))


@row
def look_round(j, sources, first, found, network, cells, wells, neighbours, p):
    """Write those within reach of the cell ``sources[j]`` into ``found``, from row ``first[j]`` on; returns how many they are.

    With ``first[j]`` < 0 nothing is written. With an insert only cells of its own layer are looked at.
    """
    i = int(sources[j])
    if int(cells.bin[i]) < 0:
        return 0
    w = int(cells.well[i])
    reach = p.reach + float(cells.radius[i]) + float(neighbours.largest[w])
    by_x = int(math.floor(reach / float(neighbours.edge[w, 0]))) + 1
    by_y = int(math.floor(reach / float(neighbours.edge[w, 1]))) + 1
    by_z = int(math.floor(reach / float(neighbours.edge[w, 2]))) + 1
    y0, my, z0, mz, lines = bins_spanning(i, by_x, by_y, by_z, cells, wells, neighbours)
    at = int(first[j])
    n = 0
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    other = int(neighbours.member[m])
                    if other != i and int(network.wanting[other]) >= 0:
                        gap = gap_between(other, i, cells, wells)
                        if gap <= p.reach:
                            if at >= 0:
                                found.source[at + n] = i
                                found.other[at + n] = other
                                found.gap[at + n] = gap
                            n += 1
    return n


@row
def count_round(j, sources, first, found, counts, network, cells, wells, neighbours, p):
    """How many are within reach of the cell ``sources[j]``."""
    counts[j] = look_round(j, sources, first, found, network, cells, wells, neighbours, p)


@row
def grow(rows, sources, targets, time, links, cells, wells, mitochondria, events, p):
    """Write one dendrite per pair, in this order, into ``rows`` of ``links`` (serial)."""
    for q in range(len(rows)):
        i = int(rows[q])
        a = int(sources[q])
        b = int(targets[q])
        length = max(gap_between(a, b, cells, wells), p.shortest)
        write_link(i, a, b, KIND_DENDRITE, 0, LINK_OPEN, time, time, length, p.diameter, links, cells, wells, mitochondria, events)
        links.thick[i] = 1


@row
def loading_gate(c, cells, groups, p):
    """Factor on the rate at which mitochondria of cell ``c`` enter a dendrite."""
    tether = min(max(float(groups.nodes[int(cells.group[c]), NODE_MFN2]), 0.0), 1.0)
    called = p.basal_loading + (1.0 - p.basal_loading) * min(max(float(cells.p2y[c]), 0.0), 1.0)
    return p.loading * tether * called


@row
def dendrite_row(i, links, cells, groups, wells, course, gate, p, step):
    """Length, gates and loss of link ``i`` if it is a dendrite; what is lost is taken down by ``nanotube_transport``."""
    if int(links.kind[i]) != KIND_DENDRITE or int(links.state[i]) == LINK_EMPTY:
        return
    a = int(links.a[i])
    b = int(links.b[i])
    course.carries_from[i] = step.time
    course.lost_at[i] = NEVER
    gap = gap_between(a, b, cells, wells)
    links.length[i] = max(gap, p.shortest)
    gate[i, 0] = loading_gate(a, cells, groups, p)
    gate[i, 1] = loading_gate(b, cells, groups, p)
    if not holds(int(cells.state[a])) or not holds(int(cells.state[b])) or gap > p.longest:
        course.lost_at[i] = step.time


# ------------------------------------------------------------------ which pairs are joined
def _candidates(n: int) -> Candidates:
    return Candidates(np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n))


def within_reach(world: Any, sources: Any, network: Network, p: Parameters) -> Candidates:
    """All cells within reach of the cells ``sources``."""
    backend, counts = world.backend, np.zeros(sources.size, np.int64)
    tables = (network, world.cells, world.wells, world.space.neighbours, p)
    backend.each(count_round, sources.size, sources, np.full(sources.size, -1), _candidates(1), counts, *tables)
    backend.pull(counts)
    found = _candidates(int(counts.sum()))
    if len(found.gap):
        backend.each(count_round, sources.size, sources, np.cumsum(counts) - counts, found, counts, *tables)
        backend.pull(found)
    return found


def pairs_to_join(world: Any, found: Candidates, network: Network, joined: set[tuple[int, int]], once: bool) -> list[tuple[int, int]]:
    """Pairs (source, target) that are joined now, shortest gap first, then by ids; with ``once`` each source grows one."""
    backend, cells, pairs = world.backend, world.cells, []
    ids, well = backend.read(found.source, cells.id, cells.well)
    (other,) = backend.read(found.other, cells.id)
    order = np.lexsort((other, ids, found.gap, well))
    rows = np.unique(np.concatenate([found.source, found.other]))
    wanting, start = backend.read(rows, network.wanting, network.start)
    (end,) = backend.read(rows + 1, network.start)
    wants = dict(zip(rows.tolist(), wanting.tolist(), strict=True))
    room = dict(zip(rows.tolist(), (wanting - (end.astype(np.int64) - start)).tolist(), strict=True))
    grown: set[int] = set()
    for i, j in zip(found.source[order].tolist(), found.other[order].tolist(), strict=True):
        pair: tuple[int, int] = (min(i, j), max(i, j))
        if room[i] <= 0 or (wants[j] > 0 and room[j] <= 0) or pair in joined or (once and i in grown):
            continue
        joined.add(pair)
        grown.add(i)
        room[i] -= 1
        room[j] -= 1
        pairs.append((i, j))
    return pairs


def _network(world: Any) -> Network:
    """The same arrays in every step; rows set them before anyone reads them."""
    zeros, n, m = world.backend.zeros, len(world.cells.id), 2 * len(world.links.id)
    return work_arrays(
        world, "dendrite", (n, m), None,
        lambda: Network(
            zeros(n, np.int64), zeros(n, np.uint8), zeros(m, np.int32), zeros(m, np.uint32), zeros(n + 1, np.int32), zeros(m, np.int32)
        ),
    )  # fmt: skip


def grow_dendrites(world: Any, step: Any, p: Parameters) -> None:
    """Grow the network when it is first met, and what is missing of it later."""
    backend, network, m = world.backend, _network(world), world.n_links
    backend.each(end_row, 2 * m, m, world.links, network)
    backend.bins(2 * m, network.keys, network.ties, network.start, network.member)
    met = state_array(world, "dendrite.grown", 1, np.uint8, 0)
    fresh = 1 - int(met[0])
    sources = backend.select(growing_row, world.n_cells, fresh, network, world.cells, world.groups, world.wells, p, step)
    met[0] = 1
    if not sources.size:
        return
    known = backend.select(is_known, m, world.links, network)
    a, b = backend.read(known, world.links.a, world.links.b)
    joined = {(min(i, j), max(i, j)) for i, j in zip(a.tolist(), b.tolist(), strict=True)}
    pairs = pairs_to_join(world, within_reach(world, sources, network, p), network, joined, fresh == 0)
    if not pairs:
        return
    starts, targets = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    world.reserve_events(len(pairs))
    rows = free_rows(world, len(pairs))
    backend.serial(grow, rows, starts, targets, step.time, world.links, world.cells, world.wells, world.mitochondria, world.events, p)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Grow dendrites and set what they do in this step."""
    grow_dendrites(world, step, p)
    n = len(world.links.id)
    gate = state_array(world, GATE, n, np.float64, 1.0, width=2)
    tables = (world.links, world.cells, world.groups, world.wells)
    world.backend.each(dendrite_row, world.n_links, *tables, course_of(world), gate, p, step)


def wanted(spec: PlateSpec) -> bool:
    """Used where a well holds a cell with dendrites and another cell."""
    return any(
        any(q.count > 0 and q.cell_type.dendrites > 0.0 for q in arm.populations) and sum(q.count for q in arm.populations) > 1
        for arm in spec.arms
    )


PROCESS = Process(name="dendrite", stage="links", clock="macro", parameters=Parameters, advance=advance, wanted=wanted)
