"""Fusion of whole cells: two cells that touch become one with the nuclei, mitochondria and cytoplasm of both.

Mechanism: every contact of two living cells has the hazard

    rate x mean over both cells of [node cell_fusion x (1 + (fold - 1) max(HIF, NF-kB))].

The larger cell (by volume; of equals the one with the smaller id) goes on as the fused cell and keeps its id and type, with
what the type decides (connexin, Miro1, walk); the other row ends as an empty one. What is counted adds up exactly:
mitochondria, copies of mtDNA, mass, nuclei. Amounts add up, concentrations and signals become means, of states the larger
counts: ``cell_columns`` says so for every column of a cell. The centre lies where the two had it, by volume.

All mitochondria of the one change hosts in one hand-over each (ledger route cell_fusion): those of its own network belong
to the fused network at once, those in endosomes stay in them. Links of the absorbed cell end at the fused cell from then
on; a link between the two is lost and gives what is inside to the fused cell. A mitochondrion that is inside a link
counts as one that left the fused cell.

Assumptions: only cells in the state alive fuse; both genomes of the nuclei do not count beyond their number; the cycle
goes on as it was in the cell that stays. Events of a step are settled in the order (time, well, id), each at its exact
time; a cell that has gone up in another cannot fuse again. Step error: hazards are those at the start of the step.
Verification: ``tests/verification/test_cell_fusion.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.events import EVENT_CELL_FUSION, EVENT_HANDOVER
from mitoferry.core.handover import log_event, potential
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_EMPTY,
    CELL_LIVE,
    CLASS_MASK,
    CLASS_SHIFT,
    FUSED,
    LINK_EMPTY,
    OCCUPIED,
    OWN_ISOLATED,
    OWN_NETWORK,
    PAGE,
    ROUTE_CELL_FUSION,
    ROUTE_MASK,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
)
from mitoferry.core.streams import CELL_FUSION
from mitoferry.processes.cell_columns import merge_columns
from mitoferry.processes.cell_events import log_cell_events
from mitoferry.processes.contacts import meetings, some_can_touch
from mitoferry.processes.death import hand_over_chain
from mitoferry.processes.nanotube_links import state_array
from mitoferry.processes.nanotube_resolve import lose
from mitoferry.processes.nanotube_transport import Traffic
from mitoferry.processes.organelle import gate_potential
from mitoferry.space.geometry import BLOCK, place
from mitoferry.space.neighbours import minimum_image

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec


MOST_NUCLEI = 255  # of a cell


class Parameters(NamedTuple):
    """Library: ``cell_fusion.*``."""

    rate: float  # 1/h per contact
    stress_fold: float
    contact_gap: float  # um


class Kept(NamedTuple):
    """What a lost link between the two needs: everything inside stays, and the gate of potential [mV]."""

    breakage_kept: float
    gate_potential: float


@row
def merge_mitochondria(a, b, time, gate_potential, mitochondria, pages, cells, events):
    """Hand all mitochondria of cell ``b`` to cell ``a`` at ``time`` [s], and count which of ``a`` are of another population."""
    population = int(cells.population[a])
    page = int(cells.first_page[b])
    n = 0
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            flags = int(mitochondria.flags[slot])
            if flags & OCCUPIED != 0:
                psi = potential(mitochondria, cells, b, slot)
                flags = flags & ~(ROUTE_MASK << ROUTE_SHIFT) & ~SICK_ON_ARRIVAL
                flags = flags | (ROUTE_CELL_FUSION << ROUTE_SHIFT)
                if psi < gate_potential:
                    flags = flags | SICK_ON_ARRIVAL
                if (flags >> CLASS_SHIFT) & CLASS_MASK in (OWN_NETWORK, OWN_ISOLATED):
                    flags = flags | FUSED
                mitochondria.flags[slot] = flags
                n += 1
                log_event(events, EVENT_HANDOVER, cells.well[a], time, ROUTE_CELL_FUSION, cells, b, a, mitochondria, slot, psi, 0)
        page = int(pages.next[page])
    hand_over_chain(pages, cells, b, a)
    cells.received[a] += n
    cells.donated[a] += n  # what the absorbed cell has given is counted here from now on
    foreign = 0
    page = int(cells.first_page[a])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0 and int(mitochondria.birth[slot]) >> 24 != population:
                foreign += 1
        page = int(pages.next[page])
    cells.n_foreign[a] = foreign


@row
def merge_all(lane, ends, order, a, b, times, gate_potential, mitochondria, pages, cells, events):
    """Merge the mitochondria of the cells ``a`` and ``b``, those of list ``lane`` of ``order`` (``by_well``)."""
    for k in range(int(ends[lane]), int(ends[lane + 1])):
        q = int(order[k])
        merge_mitochondria(int(a[q]), int(b[q]), float(times[q]), gate_potential, mitochondria, pages, cells, events)


@row
def origin_row(k, into, cargo):
    """Cargo ``k`` that left a cell that has gone up in another counts as one that left that; ``into``: row of that + 1, or 0."""
    if int(cargo.alive[k]) != 0 and int(into[int(cargo.origin[k])]) > 0:
        cargo.origin[k] = int(into[int(cargo.origin[k])]) - 1


@row
def ends_row(i, into, links):
    """Whether link ``i`` ends at a cell that has gone up in another, 0 or 1."""
    if int(links.state[i]) == LINK_EMPTY:
        return 0
    return 1 if int(into[int(links.a[i])]) > 0 or int(into[int(links.b[i])]) > 0 else 0


@row
def take_over_row(q, rows, into, links, cells):
    """Let link ``rows[q]`` end at the cell that goes on."""
    i = int(rows[q])
    a = int(into[int(links.a[i])]) - 1
    b = int(into[int(links.b[i])]) - 1
    if a >= 0:
        links.a[i] = a
        links.id_a[i] = cells.id[a]
    if b >= 0:
        links.b[i] = b
        links.id_b[i] = cells.id[b]


@row
def lose_all(lane, ends, order, rows, times, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step):
    """Lose the links ``rows``, those of list ``lane`` of ``order`` (``by_well``), with what is inside going to the fused cell."""
    for k in range(int(ends[lane]), int(ends[lane + 1])):
        q = int(order[k])
        lose(int(rows[q]), float(times[q]), traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step)


def merge_cells(world: Any, a: Any, b: Any) -> None:
    """Columns of the fused cells ``a``; ``b`` become empty rows (int [n], no row twice). Mitochondria and links are moved by others."""
    backend, cells, n = world.backend, world.cells, len(a)
    rows, first, second = np.concatenate([a, b]), np.arange(n), np.arange(n, 2 * n)
    c = type(cells)(*backend.read(rows, *cells))  # a table of the two rows of every pair
    geometry, periodic, size = backend.read(c.well[:n], world.wells.geometry, world.wells.periodic, world.wells.size)
    volume = c.volume.astype(np.float64)
    share = volume[n:] / np.maximum(volume[:n] + volume[n:], 1e-12)
    merge_columns(c, first, second)
    for q in range(n):
        for axis, x in enumerate((c.x, c.y, c.z) if int(geometry[q]) == BLOCK else (c.x, c.y)):
            side, around = float(size[q, axis]), int(periodic[q])
            x[q] = place(float(x[q]) + float(share[q]) * minimum_image(float(x[n + q]) - float(x[q]), side, around), side, around)
        c.radius[q] = (float(c.radius[q]) ** 3 + float(c.radius[n + q]) ** 3) ** (1.0 / 3.0)
    for column in (c.ux, c.uy, c.uz):
        column[:n] = (1.0 - share) * column[:n].astype(np.float64) + share * column[n:].astype(np.float64)
        column[n:] = 0.0
    if world.fields is not None:
        (release,) = backend.read(rows, world.fields.release)
        backend.write(rows, world.fields.release, np.concatenate([release[:n] + release[n:], np.zeros_like(release[n:])]))
    c.state[n:] = CELL_EMPTY
    c.n_contacts[n:] = 0
    c.bin[n:] = -1
    for column, values in zip(cells, c, strict=True):
        backend.write(rows, column, values)


def take_over_links(world: Any, a: Any, times: Any, into: Any, gate: float, step: Any) -> None:
    """Let the links of absorbed cells end at the cells ``a``, which go on; those that joined the two are lost."""
    backend, links = world.backend, world.links
    rows = backend.select(ends_row, world.n_links, into, links) if world.n_links else np.zeros(0, dtype=np.int64)
    if not rows.size:
        return
    backend.each(take_over_row, rows.size, rows, into, links, world.cells)
    end, other, wells, held = backend.read(rows, links.a, links.b, links.well, links.n_cargo)
    lost = end == other
    rows, end, wells, held = (x[lost].astype(np.int64) for x in (rows, end, wells, held))
    if not rows.size:
        return
    by = np.argsort(a)
    time = times[by[np.searchsorted(a, end, sorter=by)]]
    order = np.lexsort((rows, wells, time))
    world.reserve_pages(int(held.sum()))
    world.reserve_events(int((1 + held).sum()))
    last_exit = state_array(world, "nanotube_transport.last_exit", len(links.id), np.float64, -1.0, width=2)
    zeros = backend.zeros  # of the rest nothing is read
    traffic = Traffic(rate=zeros((1, 2)), number=zeros((1, 2), np.int64), draws=zeros(1, np.int64), first=zeros(1), last_exit=last_exit)
    tables = (world.mitochondria, world.pages, world.cells, world.wells, world.events)
    by_well(
        world, lose_all, order, wells[order], rows, time, traffic, links, world.cargo, world.n_cargo, *tables, Kept(2.0, gate), step,
        pages=held[order], events=1 + held[order],
    )  # fmt: skip


def fuse(world: Any, a: Any, b: Any, times: Any, step: Any) -> None:
    """Fuse the cells ``b`` into the cells ``a`` at ``times`` [s], in order of (time, well); no cell twice."""
    backend, cells, order = world.backend, world.cells, np.arange(len(a))
    number, wells = backend.read(b, cells.n_mitochondria, cells.well)
    log_cell_events(world, EVENT_CELL_FUSION, b, times, a)
    world.reserve_events(int(number.sum()))
    gate = gate_potential(world)
    merge_cells(world, a, b)
    tables = (world.mitochondria, world.pages, cells, world.events)
    by_well(world, merge_all, order, wells, a, b, times, gate, *tables, pages=0, events=number)
    into = backend.zeros(world.n_cells, np.int64)
    backend.write(b, into, a + 1)
    backend.each(origin_row, world.n_cargo, into, world.cargo)
    take_over_links(world, a, times, into, gate, step)
    for column in (cells.psi, cells.atp):
        backend.write(b, column, 0.0)


def waves(pairs: list[tuple[int, int, float]]) -> Iterator[list[tuple[int, int, float]]]:
    """Lists of pairs in each of which no cell occurs twice, so that every cell meets its partners in the order of ``pairs``."""
    while pairs:
        now: list[tuple[int, int, float]] = []
        later: list[tuple[int, int, float]] = []
        seen: set[int] = set()
        for pair in pairs:
            (later if pair[0] in seen or pair[1] in seen else now).append(pair)
            seen |= {pair[0], pair[1]}
        yield now
        pairs = later


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Fuse the cells that meet in this step."""
    cells = world.cells
    for wave in waves(list(zip(*(x.tolist() for x in meetings(world, CELL_FUSION, p, step)), strict=True))):
        i, j = (np.array([pair[k] for pair in wave], dtype=np.int64) for k in (0, 1))
        times = np.array([pair[2] for pair in wave])
        at_i, at_j = (world.backend.read(x, cells.state, cells.nuclei, cells.volume, cells.id) for x in (i, j))
        goes = (at_i[0] == CELL_LIVE) & (at_j[0] == CELL_LIVE) & (at_i[1].astype(np.int64) + at_j[1] <= MOST_NUCLEI)
        first = (at_i[2] > at_j[2]) | ((at_i[2] == at_j[2]) & (at_i[3] < at_j[3]))  # the larger goes on
        if goes.any():
            fuse(world, np.where(first, i, j)[goes], np.where(first, j, i)[goes], times[goes], step)


def wanted(spec: PlateSpec) -> bool:
    """Used where its hazard is above 0 and two cells can touch."""
    return spec.parameters.get("cell_fusion.rate", 0.0) > 0.0 and some_can_touch(spec, lambda population: True)


PROCESS = Process(
    name="cell_fusion", stage="fate", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
