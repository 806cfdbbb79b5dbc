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
from mitoferry.processes.nanotube_links import NEVER, free_link, gap_between, state_array, write_link
from mitoferry.processes.nanotube_transport import GATE
from mitoferry.space.geometry import BLOCK
from mitoferry.space.neighbours import rows_within

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
def list_growing(n_cells, fresh, wanting, degree, growing, cells, groups, wells, p, step):
    """Mark the cells that grow a dendrite in this step (serial): all that lack one at first, later by chance; returns how many."""
    n = 0
    for i in range(n_cells):
        growing[i] = 0
        missing = int(wanting[i]) - int(degree[i])
        if missing > 0 and (fresh != 0 or regrows(i, missing, cells, groups, wells, p, step)):
            growing[i] = 1
            n += 1
    return n


@row
def grow(sources, targets, time, n_links, links, cells, wells, mitochondria, events, p):
    """Write one dendrite per pair, in this order, into free rows of ``links`` (serial); returns the rows in use."""
    i = 0
    for q in range(len(sources)):
        a = int(sources[q])
        b = int(targets[q])
        i = free_link(i, n_links, links)
        n_links = max(n_links, i + 1)
        length = max(gap_between(a, b, cells, wells), p.shortest)
        write_link(i, a, b, KIND_DENDRITE, 0, LINK_OPEN, time, time, length, p.diameter, links, cells, wells, mitochondria, events)
        links.thick[i] = 1
    return n_links


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
def _gaps(world: Any, i: int, others: Any) -> Any:
    """Gaps [um] between the membranes of cell ``i`` and the rows ``others`` of its well."""
    cells, wells, w = world.cells, world.wells, int(world.cells.well[i])
    square = np.zeros(others.size)
    for axis, column in enumerate((cells.x, cells.y, cells.z)):
        if axis == 2 and wells.geometry[w] != BLOCK:
            continue
        d = column[others].astype(np.float64) - float(column[i])
        if wells.periodic[w]:
            size = float(wells.size[w, axis])
            d -= size * np.round(d / size)
        square += d * d
    return np.maximum(np.sqrt(square) - cells.radius[others] - float(cells.radius[i]), 0.0)


def pairs_to_join(
    world: Any, growing: Any, wanting: Any, degree: Any, joined: set[tuple[int, int]], once: bool, p: Parameters
) -> list[Any]:
    """Pairs (source, target) that are joined now, shortest gap first, then by ids; with ``once`` each source grows one."""
    cells, n, found = world.cells, world.n_cells, []
    largest = float(cells.radius[:n].max(initial=0.0))
    for source in np.flatnonzero(growing[:n]):
        i = int(source)
        if int(cells.bin[i]) < 0:
            continue
        near = rows_within(i, p.reach + float(cells.radius[i]) + largest, cells, world.wells, world.space.neighbours)
        near = near[(wanting[near] >= 0) & (near != i)]
        gaps = _gaps(world, i, near)
        within = gaps <= p.reach
        found += [(float(gap), int(cells.id[i]), int(cells.id[j]), i, int(j)) for gap, j in zip(gaps[within], near[within], strict=True)]
    found.sort(key=lambda q: (int(cells.well[q[3]]), *q[:3]))
    room, pairs = wanting[:n] - degree[:n], []
    grown: set[int] = set()
    for _, _, _, i, j in found:
        pair: tuple[int, int] = (min(i, j), max(i, j))
        if room[i] <= 0 or (wanting[j] > 0 and room[j] <= 0) or pair in joined or (once and i in grown):
            continue
        joined.add(pair)
        grown.add(i)
        room[i] -= 1
        room[j] -= 1
        pairs.append((i, j))
    return pairs


def grow_dendrites(world: Any, step: Any, p: Parameters) -> None:
    """Grow the network when it is first met, and what is missing of it later."""
    backend, n = world.backend, world.n_cells
    wanting, growing, degree = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n, np.int64)
    backend.each(wanting_row, n, wanting, world.cells, world.groups, world.wells, p, step)
    backend.pull(world.links, wanting)
    links, m = world.links, world.n_links
    rows = np.flatnonzero((links.kind[:m] == KIND_DENDRITE) & (links.state[:m] != LINK_EMPTY))
    degree += np.bincount(links.a[rows], minlength=n)[:n] + np.bincount(links.b[rows], minlength=n)[:n]
    met = state_array(world, "dendrite.grown", 1, np.uint8, 0)
    fresh = 1 - int(met[0])
    number = backend.serial(list_growing, n, fresh, wanting, degree, growing, world.cells, world.groups, world.wells, p, step)
    met[0] = 1
    if not int(number):
        return
    backend.pull(world.cells, world.wells, world.space.neighbours, growing)
    joined = {(min(a, b), max(a, b)) for a, b in zip(links.a[rows].tolist(), links.b[rows].tolist(), strict=True)}
    pairs = pairs_to_join(world, growing, wanting, degree, joined, fresh == 0, p)
    if not pairs:
        return
    sources, targets = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    world.reserve_links(world.n_links + len(pairs), 0)
    world.reserve_events(len(pairs))
    world.n_links = int(
        backend.serial(
            grow, sources, targets, step.time, world.n_links, world.links, world.cells, world.wells, world.mitochondria, world.events, p
        )
    )  # fmt: skip


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
