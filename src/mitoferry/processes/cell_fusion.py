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

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

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
    """Hand all mitochondria of cell ``b`` to cell ``a`` at ``time`` [s] (serial); returns how many of ``a`` are of another population."""
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
    return foreign


@row
def origin_row(k, a, b, cargo):
    """Cargo ``k`` that left cell ``b`` counts as one that left cell ``a``."""
    if int(cargo.alive[k]) != 0 and int(cargo.origin[k]) == b:
        cargo.origin[k] = a


@row
def ends_row(i, b, links):
    """Whether link ``i`` ends at cell ``b``, 0 or 1."""
    if int(links.state[i]) == LINK_EMPTY:
        return 0
    return 1 if int(links.a[i]) == b or int(links.b[i]) == b else 0


@row
def take_over_links(rows, a, b, time, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step):
    """Let the links ``rows`` of cell ``b`` end at cell ``a``; lose those between the two, with what is inside going to ``a`` (serial)."""
    for q in range(len(rows)):
        i = int(rows[q])
        if int(links.a[i]) == b:
            links.a[i] = a
            links.id_a[i] = cells.id[a]
        if int(links.b[i]) == b:
            links.b[i] = a
            links.id_b[i] = cells.id[a]
        if int(links.a[i]) == int(links.b[i]):
            lose(i, time, traffic, links, cargo, n_cargo, mitochondria, pages, cells, wells, events, p, step)


@row
def inside_row(k, sums, cargo):
    """Count cargo ``k`` if it is under way."""
    sums[0] += 1 if int(cargo.alive[k]) != 0 else 0
    return 0


def merge_cells(world: Any, a: int, b: int) -> None:
    """Columns of the fused cell ``a``; ``b`` becomes an empty row. Mitochondria and links are moved by others."""
    backend, cells, rows = world.backend, world.cells, np.array([a, b])
    c = type(cells)(*backend.read(rows, *cells))  # a table of two rows
    (geometry,), (periodic,), (size,) = backend.read(c.well[:1], world.wells.geometry, world.wells.periodic, world.wells.size)
    share = float(c.volume[1]) / max(float(c.volume[0]) + float(c.volume[1]), 1e-12)
    merge_columns(c, 0, 1)
    for name, axis in (("x", 0), ("y", 1), ("z", 2)) if int(geometry) == BLOCK else (("x", 0), ("y", 1)):
        x, side = getattr(c, name), float(size[axis])
        x[0] = place(float(x[0]) + share * minimum_image(float(x[1]) - float(x[0]), side, int(periodic)), side, int(periodic))
    c.radius[0] = (float(c.radius[0]) ** 3 + float(c.radius[1]) ** 3) ** (1.0 / 3.0)
    for name in ("ux", "uy", "uz"):
        column = getattr(c, name)
        column[:] = (1.0 - share) * float(column[0]) + share * float(column[1]), 0.0
    if world.fields is not None:
        (release,) = backend.read(rows, world.fields.release)
        backend.write(rows, world.fields.release, np.stack([release[0] + release[1], np.zeros_like(release[1])]))
    c.state[1] = CELL_EMPTY
    c.n_contacts[1] = 0
    c.bin[1] = -1
    for column, values in zip(cells, c, strict=True):
        backend.write(rows, column, values)


def fuse(world: Any, a: int, b: int, time: float, step: Any) -> None:
    """Fuse cell ``b`` into cell ``a`` at ``time`` [s]."""
    backend, cells = world.backend, world.cells
    n = int(backend.read(np.array([b]), cells.n_mitochondria)[0][0])
    inside = int(backend.totals(inside_row, world.n_cargo, 1, 1, world.cargo)[0, 0]) if world.n_cargo else 0
    rows = backend.select(ends_row, world.n_links, b, world.links) if world.n_links else np.zeros(0, dtype=np.int64)
    world.reserve_events(n + 1 + int(rows.size) + inside)
    world.reserve_pages(inside)
    log_cell_events(world, EVENT_CELL_FUSION, np.array([b]), np.array([time]), np.array([a]))
    gate = gate_potential(world)
    tables = (world.mitochondria, world.pages, cells)
    merge_cells(world, a, b)
    foreign = int(backend.serial(merge_mitochondria, a, b, time, gate, *tables, world.events))
    backend.write(np.array([a]), cells.n_foreign, foreign)
    backend.each(origin_row, world.n_cargo, a, b, world.cargo)
    if rows.size:
        last_exit = state_array(world, "nanotube_transport.last_exit", len(world.links.id), np.float64, -1.0, width=2)
        zeros = backend.zeros  # of the rest nothing is read
        traffic = Traffic(rate=zeros((1, 2)), number=zeros((1, 2), np.int64), draws=zeros(1, np.int64), first=zeros(1), last_exit=last_exit)
        backend.serial(
            take_over_links, rows, a, b, time, traffic, world.links, world.cargo, world.n_cargo, *tables, world.wells, world.events,
            Kept(2.0, gate), step,
        )  # fmt: skip
    for column in (cells.psi, cells.atp):
        backend.write(np.array([b]), column, 0.0)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Fuse the cells that meet in this step."""
    sources, targets, times = meetings(world, CELL_FUSION, p, step)
    for i, j, time in zip(sources.tolist(), targets.tolist(), times.tolist(), strict=True):
        cells = world.cells
        state, volume, ids, nuclei = (
            x.tolist() for x in world.backend.read(np.array([i, j]), cells.state, cells.volume, cells.id, cells.nuclei)
        )
        if state != [CELL_LIVE, CELL_LIVE]:
            continue
        a, b = (i, j) if (-volume[0], ids[0]) < (-volume[1], ids[1]) else (j, i)
        if sum(nuclei) <= 255:
            fuse(world, a, b, time, step)


def wanted(spec: PlateSpec) -> bool:
    """Used where its hazard is above 0 and two cells can touch."""
    return spec.parameters.get("cell_fusion.rate", 0.0) > 0.0 and some_can_touch(spec, lambda population: True)


PROCESS = Process(
    name="cell_fusion", stage="fate", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
