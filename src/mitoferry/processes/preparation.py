"""Cells that are prepared in a dish of their own before they are put into a well: primed, preconditioned, labelled, loaded.

Mechanism: a dish of preparation is a well of the plate like any other, with its own cells, medium, injuries and treatments, on
which all mechanisms act. When its time has come, living cells of one population are taken out of it (trypsin, washed) and put into the well
that they are meant for:

* as many as the arm asks for, all that live if these are fewer; which of them is drawn by cell, alike in every arm. Cells that have
  released cytochrome c, dying ones and corpses stay;
* a cell keeps everything that it is: mitochondria, those of other cells among them, mtDNA, labels, damage, signals, clocks, its id and
  so its random numbers. Counts of what came and went (``received``, ``vesicles`` ...) begin anew with the well;
* what joins it to cells of the dish breaks: what is under way in a tube reaches the cell at the other end, or the medium of the dish.
  Nothing of the medium comes along: no substance, free mitochondrion or vesicle;
* it lies where it would have been seeded in its well without the preparation, round or spread as cells are there. A cell of a graft
  waits outside until ``graft`` lets it in.

Assumptions: handling takes no time and harms nobody; cells are told apart without error. Places in the dish are drawn apart from those in
the well, so that neighbours in the one are not neighbours in the other. Step error: none; cells move at the start of the macro-step in
which other treatments of that time are, after fields, energetics and signals of that step. Ledger: a mitochondrion is booked as moved out
of one well and into the other, with mass and copies; events ``moved_out`` and ``moved_in`` name the cell.
Verification: ``tests/verification/test_preparation.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.events import EVENT_MOVED_IN, EVENT_MOVED_OUT
from mitoferry.core.pages import take_along
from mitoferry.core.process import Process
from mitoferry.core.random import uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_POOL, CELL_WAITING, NEVER_ADDED
from mitoferry.core.streams import PREPARATION
from mitoferry.processes.cell_columns import NEW_IN_WELL
from mitoferry.processes.cell_events import log_cell_events
from mitoferry.processes.leaving import empty_row
from mitoferry.processes.seeding import seed_place

PLACE, CHOICE = 0, 1  # draws of the stream PREPARATION


class Parameters(NamedTuple):
    """None: a dish says all of itself."""


class Transfer(NamedTuple):
    """Cells on their way: rows in the dish, rows in the well."""

    old: Any
    new: Any


@row
def place_in_dish(i, is_dish, replicates, cells, wells):
    """Lay cell ``i`` somewhere in its well if that is a dish of preparation; ``is_dish``: uint8 [arm]."""
    if int(cells.state[i]) == CELL_POOL:
        return
    w = int(cells.well[i])
    if int(is_dish[w // replicates]) == 0:
        return
    a, b, c, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, PREPARATION, 0, PLACE)
    cells.x[i] = a * float(wells.size[w, 0])
    cells.y[i] = b * float(wells.size[w, 1])
    if int(wells.geometry[w]) == 2:
        cells.z[i] = c * float(wells.size[w, 2])


@row
def rank_row(i, leaving, rank, cells, wells):
    """Whether cell ``i`` may be taken; its place in the order in which cells are is ``rank[i]``, a uniform. ``leaving``: uint8 [group]."""
    if int(cells.state[i]) != CELL_LIVE or int(leaving[int(cells.group[i])]) == 0:
        return 0
    w = int(cells.well[i])
    rank[i] = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, PREPARATION, 0, CHOICE)
    return 1


@row
def put_over(transfer, mitochondria, pages, cells, groups, wells):
    """Give every new row what its old row holds, and a place in its well (serial)."""
    for q in range(len(transfer.old)):
        old = int(transfer.old[q])
        new = int(transfer.new[q])
        take_along(mitochondria, pages, cells, old, new)
        empty_row(old, cells)
        seed_place(new, cells, groups, wells)


def slot_of(arm: Any, population: int) -> int:
    """Place of a population in its arm."""
    return next(k for k, p in enumerate(arm.populations) if p.index == population)


def due(world: Any, step: Any) -> list[tuple[int, int, Any]]:
    """Group in the dish, group in the well, and the population as the arm wants it, of every well into which cells are put now."""
    spec, found = world.spec, []
    places = {arm.name: b for b, arm in enumerate(spec.arms)}
    for a, dish in enumerate(spec.arms):
        given = dish.prepares
        if given is None or not step.time - step.dt < given.end <= step.time:
            continue
        b = places[given.arm]
        here, there = slot_of(dish, given.population), slot_of(spec.arms[b], given.population)
        for w, v in zip(spec.wells_of(a), spec.wells_of(b), strict=True):
            groups = (w * world.n_populations + here, v * world.n_populations + there)
            found.append((*groups, spec.arms[b].populations[there]))
    return found


def chosen(world: Any, moves: list[tuple[int, int, Any]]) -> dict[int, Any]:
    """Rows that leave each group, in order of id."""
    leaving = np.zeros(len(world.groups.well), np.uint8)
    leaving[[here for here, _, _ in moves]] = 1
    backend, cells = world.backend, world.cells
    ranks, taken = backend.zeros(world.n_cells), {}
    found = backend.select(rank_row, world.n_cells, leaving, ranks, cells, world.wells)
    rank, group, ids = backend.read(found, ranks, cells.group, cells.id)
    for here, _, population in moves:
        those = np.flatnonzero(group == here)
        those = those[np.lexsort((ids[those], rank[those]))][: population.count]
        taken[here] = found[those[np.argsort(ids[those], kind="stable")]]
    return taken


def copy_rows(world: Any, old: Any, moves: list[tuple[int, int, Any]], taken: dict[int, Any]) -> Any:
    """New rows for the cells ``old``, in their new wells and still without mitochondria; returns these rows."""
    world.reserve_cells(len(old))
    cells, groups, first = world.cells, world.groups, world.n_cells
    new = np.arange(first, first + len(old))
    for column in cells:
        column[new] = column[old]
    for name, value in NEW_IN_WELL.items():
        getattr(cells, name)[new] = value
    cells.want_pages[old] = cells.mtdna_freed[old] = 0
    begin = first
    for here, there, population in moves:
        rows = np.arange(begin, begin + len(taken[here]))
        begin += len(rows)
        cells.group[rows], cells.well[rows], cells.layer[rows] = there, groups.well[there], population.layer
        cells.radius[rows] = cells.radius[rows].astype(np.float64) * (float(groups.radius[there]) / float(groups.radius[here]))
        cells.state[rows] = CELL_WAITING if population.grafted else CELL_LIVE
        cells.added[rows] = NEVER_ADDED if population.grafted else world.tick
        born, index = world.wells.n_born, population.index
        born[groups.well[there], index] = born[groups.well[here], index]
    world.n_cells = first + len(old)
    return new


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Put cells into the wells that they were prepared for; idle in all other macro-steps."""
    moves = due(world, step)
    if not moves:
        return
    backend = world.backend
    taken = chosen(world, moves)
    old = np.concatenate([taken[here] for here, _, _ in moves])
    if not old.size:
        return
    log_cell_events(world, EVENT_MOVED_OUT, old, np.full(old.size, step.time))
    backend.pull(world.cells, world.groups, world.wells)
    new = copy_rows(world, old, moves, taken)
    backend.push(world.cells, world.wells)
    if world.space is not None:
        world.space.fit(world)
    backend.serial(put_over, Transfer(old, new), world.mitochondria, world.pages, world.cells, world.groups, world.wells)
    log_cell_events(world, EVENT_MOVED_IN, new, np.full(new.size, step.time))


def wanted(spec: Any) -> bool:
    """Whether cells of any arm are prepared in a dish of their own."""
    return any(arm.prepares is not None for arm in spec.every_arm)


PROCESS = Process(
    name="preparation", stage="motion", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
