"""Partial fusion: touching cells join by a bridge of cytoplasm for some hours and exchange mitochondria both ways.

Mechanism: a contact opens a bridge at the hazard rate x mean over both cells of [node cell_fusion x (1 + (fold - 1) max(HIF, NF-kB))].
It is 1-5 um wide and lasts 0.5-6 h (both drawn once, uniform in the logarithm), and is lost before that if the cells part
or one of them dies. Through a bridge of width d and length L every mitochondrion that is free in the cytosol of cell s
passes at the rate

    k_s = P/V_s,    P = D (pi d^2/4)/L (1 + a),

D its diffusion in cytoplasm, V_s the volume of the cytosol, a the active part relative to diffusion, times the mean over
both cells of the nodes microtubule_motor x temperature. Both ways obey the same law; the direction of a net flow comes
from volumes and numbers. Arrivals lie in the cytosol (route bridge).

Exact: with the rates of a step, a mitochondrion is on the other side after t with the chance k_s/(k_s + k_o) (1 -
exp(-(k_s + k_o) t)); for two equal cells of n copies the difference of heteroplasmies decays as exp(-2 chi t/n), chi = n k.

Assumptions: cytosol well mixed on both sides; one bridge per pair; metabolites do not pass (not in); a mitochondrion
with two bridges takes the one that comes first in a step. Step error: that of bridges that share a cell, of order k dt.
Verification: ``tests/verification/test_cell_fusion.py`` (F8).
Sources: partial fusion of stromal cells and cardiomyocytes, Acquistapace 2011 Stem Cells (from memory).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.events import EVENT_LINK_LOST
from mitoferry.core.handover import arrive, log_event
from mitoferry.core.maths import exp, log
from mitoferry.core.nodes import NODE_MICROTUBULE_MOTOR, NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    KIND_BRIDGE,
    LINK_EMPTY,
    LINK_OPEN,
    OCCUPIED,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_BRIDGE,
    ROUTE_NONE,
)
from mitoferry.core.streams import BRIDGE
from mitoferry.processes.contacts import meetings, some_can_touch
from mitoferry.processes.dislodgement import living
from mitoferry.processes.nanotube_links import NEVER, free_link, gap_between, write_link
from mitoferry.processes.organelle import gate_potential

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

AT_BIRTH = 40000  # draw number of what is drawn once per bridge
PASSAGE = 32768  # draws from here on are those of mitochondria


class Parameters(NamedTuple):
    """Library: ``bridge.*``. Lengths um, times h, rates 1/h, diffusion um^2/s."""

    rate: float
    stress_fold: float
    contact_gap: float
    release_gap: float
    narrowest: float
    widest: float
    shortest: float
    shortest_life: float
    longest_life: float
    diffusion: float
    active: float


class Passages(NamedTuple):
    """Mitochondria that pass a bridge in this step: slot, identity, rows of both cells, bridge, time [s]."""

    slot: Any
    birth: Any
    ordinal: Any
    source: Any
    target: Any
    link: Any
    time: Any


@row
def between(u, low, high):
    """A value between ``low`` and ``high``, uniform in its logarithm."""
    return low * exp(u * log(high / low))


@row
def open_bridges(sources, targets, times, n_links, links, cells, wells, mitochondria, events, p):
    """Write one bridge per pair of cells, in the given order, into free rows of ``links`` (serial); returns the rows in use."""
    i = 0
    for q in range(len(sources)):
        a = int(sources[q])
        b = int(targets[q])
        w = int(cells.well[a])
        i = free_link(i, n_links, links)
        n_links = max(n_links, i + 1)
        name = int(wells.next_link[w])
        u, v, _, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[a]), name, BRIDGE, 0, AT_BIRTH)
        length = max(gap_between(a, b, cells, wells), p.shortest)
        time = float(times[q])
        closes = time + 3600.0 * between(v, p.shortest_life, p.longest_life)
        diameter = between(u, p.narrowest, p.widest)
        write_link(i, a, b, KIND_BRIDGE, 0, LINK_OPEN, time, closes, length, diameter, links, cells, wells, mitochondria, events)
    return n_links


@row
def permeability(i, links, cells, groups, p):
    """Volume [um^3/h] that bridge ``i`` exchanges, as mitochondria feel it."""
    d = float(links.diameter[i])
    motors = 0.0
    for end in range(2):
        g = int(cells.group[int(links.a[i]) if end == 0 else int(links.b[i])])
        motors += 0.5 * float(groups.nodes[g, NODE_MICROTUBULE_MOTOR]) * float(groups.nodes[g, NODE_TEMPERATURE])
    return 3600.0 * p.diffusion * 0.7853981633974483 * d * d / float(links.length[i]) * (1.0 + p.active * motors)


@row
def list_from(i, source, target, n, room, mitochondria, pages, cells, groups, wells, links, passages, p, step):
    """Write the mitochondria of ``source`` that pass bridge ``i`` to ``target`` in this step from entry ``n`` on, at most ``room``.

    Returns:
        How many pass.
    """
    begin = max(step.time, float(links.born[i]))
    hours = (min(step.time + step.dt, float(links.ready[i])) - begin) / 3600.0
    if hours <= 0.0:
        return 0
    volume = permeability(i, links, cells, groups, p) / 1000.0  # pL/h
    out = volume / max(float(cells.volume[source]), 1e-6)
    both = out + volume / max(float(cells.volume[target]), 1e-6)
    chance = out / both * (1.0 - exp(-both * hours))
    w = int(links.well[i])
    draw = PASSAGE + (int(links.id[i]) & (PASSAGE - 1))
    found = 0
    page = int(cells.first_page[source])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            flags = int(mitochondria.flags[slot])
            if flags & OCCUPIED != 0 and (flags >> PLACE_SHIFT) & PLACE_MASK == CYTOSOL:
                birth = int(mitochondria.birth[slot])
                ordinal = int(mitochondria.ordinal[slot])
                u, v, _, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), birth, ordinal, BRIDGE, step.step, draw)
                if u < chance:
                    if found < room:
                        passages.slot[n + found] = slot
                        passages.birth[n + found] = birth
                        passages.ordinal[n + found] = ordinal
                        passages.source[n + found] = source
                        passages.target[n + found] = target
                        passages.link[n + found] = int(links.id[i])
                        passages.time[n + found] = begin + 3600.0 * hours * v
                    found += 1
        page = int(pages.next[page])
    return found


@row
def is_bridge(i, links):
    """Whether row ``i`` of the links is a bridge."""
    return int(links.kind[i]) == KIND_BRIDGE and int(links.state[i]) != LINK_EMPTY


@row
def bridge_row(i, sums, links):
    """Count row ``i`` of the links if it is a bridge."""
    sums[0] += 1 if is_bridge(i, links) else 0
    return 0


@row
def list_way(e, n, room, mitochondria, pages, cells, groups, wells, links, passages, p, step):
    """As :func:`list_from` for way ``e``: row ``e // 2`` of the links, from a to b if ``e`` is even; 0 where that is no bridge."""
    i = e // 2
    if not is_bridge(i, links):
        return 0
    source = int(links.a[i]) if e % 2 == 0 else int(links.b[i])
    target = int(links.b[i]) if e % 2 == 0 else int(links.a[i])
    return list_from(i, source, target, n, room, mitochondria, pages, cells, groups, wells, links, passages, p, step)


@row
def count_row(e, counts, mitochondria, pages, cells, groups, wells, links, passages, p, step):
    """How many mitochondria go the way ``e`` in this step, also into ``counts``."""
    n = list_way(e, 0, 0, mitochondria, pages, cells, groups, wells, links, passages, p, step)
    counts[e] = n
    return n


@row
def list_row(q, ways, first, counts, mitochondria, pages, cells, groups, wells, links, passages, p, step):
    """List what goes the way ``ways[q]`` from entry ``first[q]`` of ``passages`` on."""
    e = int(ways[q])
    list_way(e, int(first[q]), int(counts[q]), mitochondria, pages, cells, groups, wells, links, passages, p, step)


@row
def pass_bridges(lane, ends, order, passages, mitochondria, pages, cells, events, gate_potential):
    """Hand over ``passages``, those of list ``lane`` of ``order`` (``by_well``); who has left through another bridge is passed over."""
    for q in range(int(ends[lane]), int(ends[lane + 1])):
        k = int(order[q])
        slot = int(passages.slot[k])
        same = int(mitochondria.birth[slot]) == int(passages.birth[k]) and int(mitochondria.ordinal[slot]) == int(passages.ordinal[k])
        if same and int(mitochondria.flags[slot]) & OCCUPIED != 0 and int(pages.owner[slot // PAGE]) == int(passages.source[k]):
            arrive(
                mitochondria, pages, cells, events, slot, int(passages.target[k]), float(passages.time[k]), ROUTE_BRIDGE, CYTOSOL,
                int(passages.source[k]), int(passages.link[k]), gate_potential,
            )  # fmt: skip


@row
def closing_time(i, until, links, cells, wells, p, step):
    """When [s] bridge ``i`` is lost: at once if its ends have parted or one died, else if its life ends before ``until`` [s]; or NEVER."""
    a = int(links.a[i])
    b = int(links.b[i])
    if not living(cells, a) or not living(cells, b):
        return step.time
    if gap_between(a, b, cells, wells) > p.release_gap:
        return step.time
    ready = float(links.ready[i])
    return ready if ready < until else NEVER


@row
def closing_row(i, until, links, cells, wells, p, step):
    """Whether row ``i`` of the links is a bridge that is lost before ``until`` [s], 0 or 1."""
    if not is_bridge(i, links):
        return 0
    return 1 if closing_time(i, until, links, cells, wells, p, step) < NEVER else 0


@row
def close_bridges(rows, until, links, cells, wells, mitochondria, events, p, step):
    """Take down the bridges ``rows``, which are lost before ``until`` [s] (serial)."""
    for q in range(len(rows)):
        i = int(rows[q])
        a = int(links.a[i])
        b = int(links.b[i])
        time = closing_time(i, until, links, cells, wells, p, step)
        log_event(events, EVENT_LINK_LOST, int(links.well[i]), time, ROUTE_NONE, cells, a, b, mitochondria, -1, 0.0, int(links.id[i]))
        links.state[i] = LINK_EMPTY
        links.a[i] = -1
        links.b[i] = -1


@row
def joined_row(i, links, marked):
    """Whether row ``i`` of the links is a bridge with an end at a cell that is ``marked``, 0 or 1."""
    if not is_bridge(i, links):
        return 0
    return int(marked[int(links.a[i])]) | int(marked[int(links.b[i])])


def pairs_joined(world: Any, sources: Any) -> set[frozenset[int]]:
    """The pairs of cells that a bridge joins, of those with one of ``sources``."""
    backend, links = world.backend, world.links
    marked = backend.zeros(world.n_cells, np.uint8)
    backend.write(np.unique(sources), marked, 1)
    a, b = backend.read(backend.select(joined_row, world.n_links, links, marked), links.a, links.b)
    return {frozenset(pair) for pair in zip(a.tolist(), b.tolist(), strict=True)}


def make_bridges(world: Any, step: Any, p: Parameters) -> bool:
    """Open the bridges of this step, and say whether there are any; a pair that has one already gets no second."""
    sources, targets, times = meetings(world, BRIDGE, p, step)
    if not sources.size:
        return False
    joined = pairs_joined(world, sources)
    fresh = []
    for q, pair in enumerate(zip(sources.tolist(), targets.tolist(), strict=True)):
        if frozenset(pair) not in joined:
            joined.add(frozenset(pair))
            fresh.append(q)
    world.reserve_links(world.n_links + len(fresh), 0)
    world.reserve_events(len(fresh))
    world.n_links = int(
        world.backend.serial(
            open_bridges, sources[fresh], targets[fresh], times[fresh], world.n_links, world.links, world.cells, world.wells,
            world.mitochondria, world.events, p,
        )
    )  # fmt: skip
    return True


def room_for(backend: Any, n: int) -> Passages:
    """Room for ``n`` passages."""
    return Passages(*(backend.zeros(n, np.float64 if name == "time" else np.int64) for name in Passages._fields))


def exchange(world: Any, step: Any, p: Parameters) -> None:
    """Let mitochondria pass the bridges for one step."""
    backend = world.backend
    tables = (world.mitochondria, world.pages, world.cells, world.groups, world.wells, world.links)
    counts = backend.zeros(2 * world.n_links, np.int64)
    ways = backend.select(count_row, 2 * world.n_links, counts, *tables, room_for(backend, 1), p, step)
    if not ways.size:
        return
    (counts,) = backend.read(ways, counts)
    n = int(counts.sum())
    passages = room_for(backend, n)
    backend.each(list_row, int(ways.size), ways, np.cumsum(counts) - counts, counts, *tables, passages, p, step)
    backend.pull(passages)
    (wells,) = backend.read(passages.source, world.cells.well)  # wells of arms that draw alike have passages at the same time
    order = np.lexsort((passages.ordinal, passages.birth, passages.link, wells, passages.time))
    world.reserve_pages(n)
    world.reserve_events(n)
    state = (world.mitochondria, world.pages, world.cells, world.events)
    by_well(world, pass_bridges, order, wells[order], passages, *state, gate_potential(world))


def close(world: Any, until: float, step: Any, p: Parameters) -> None:
    """Take down the bridges that do not last until ``until`` [s], in the order (well, id)."""
    backend, links = world.backend, world.links
    rows = backend.select(closing_row, world.n_links, until, links, world.cells, world.wells, p, step)
    if rows.size:
        ids, wells = backend.read(rows, links.id, links.well)
        rows = rows[np.lexsort((ids, wells))]
        world.reserve_events(int(rows.size))
        backend.serial(close_bridges, rows, until, links, world.cells, world.wells, world.mitochondria, world.events, p, step)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Open, use and close bridges for one step."""
    there = world.n_links > 0 and bool(world.backend.totals(bridge_row, world.n_links, 1, 1, world.links).any())
    if there:
        close(world, step.time, step, p)
    if make_bridges(world, step, p) or there:
        exchange(world, step, p)
        close(world, step.time + step.dt, step, p)


def wanted(spec: PlateSpec) -> bool:
    """Used where its hazard is above 0 and two cells can touch."""
    return spec.parameters.get("bridge.rate", 0.0) > 0.0 and some_can_touch(
        spec, lambda population: population.cell_type.mitochondria > 0.0
    )


PROCESS = Process(
    name="bridge", stage="links", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
