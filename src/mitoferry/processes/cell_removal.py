"""Cells taken out of the well: sorting, magnetic beads, or trypsin and plating again, which leave some populations behind.

Mechanism: a treatment ``take_out`` names populations and an efficiency. When it is due every cell of these leaves the well with the
chance

      efficiency                                (``losses`` for every other cell of the well)

alone, whatever its state: corpses leave like living cells. What it holds leaves with it, its tubes, bridges and contacts break, and
from then on it is counted nowhere, not among the dead either. All else stays: free mitochondria, vesicles and the medium (a ``wash``
takes these), what the cell has given to others, and what it had under way in a tube. Cells that wait to be added are not in the well.

Two treatments in one macro-step act one after the other: a cell stays with the product of its chances to stay.

Assumptions: cells are told apart without error but for those that efficiency and losses name; handling stresses nobody; those
that stay keep their places. Step error: none; it happens at the start of the macro-step in which other treatments of that time
are. Ledger: what is in a cell that leaves is booked as lysed, with an event ``washed_away`` each.
Verification: ``tests/verification/test_cell_removal.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_EMPTY, CELL_POOL, CELL_WAITING, NOT_DEAD
from mitoferry.core.streams import CELL_REMOVAL
from mitoferry.processes.doses import is_due
from mitoferry.processes.leaving import wash_cell


class Parameters(NamedTuple):
    """Library: ``cell_removal.*``."""

    efficiency: float  # where the file gives none


@row
def leaves_row(i, chance, cells, wells, step):
    """Whether cell ``i`` is taken out in this macro-step, 0 or 1; ``chance``: that of its group, float64 [group]."""
    state = int(cells.state[i])
    if state == CELL_EMPTY or state == CELL_POOL or state == CELL_WAITING:
        return 0
    w = int(cells.well[i])
    u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, CELL_REMOVAL, step.step, 0)
    return 1 if u < float(chance[int(cells.group[i])]) else 0


@row
def take_out(rows, time, mitochondria, pages, cells, events):
    """Carry the cells ``rows`` out of their wells at ``time`` [s], in this order (serial)."""
    for q in range(len(rows)):
        i = int(rows[q])
        wash_cell(i, time, mitochondria, pages, cells, events)
        cells.death_cause[i] = NOT_DEAD  # a corpse that has left is not one that a phagocyte has eaten


def chances(world: Any, step: Any) -> Any:
    """Chance of every group to leave in this macro-step; float64 [groups], None where nothing is due."""
    spec, stays, some = world.spec, np.ones(len(world.groups.well)), False
    for a, arm in enumerate(spec.arms):
        due = [action for action in arm.actions if action.kind == "take_out" and is_due(action, step)]
        for w in spec.wells_of(a) if due else ():
            for slot, population in enumerate(arm.populations):
                for action in due:
                    if population.index in action.populations:
                        stays[w * world.n_populations + slot] *= 1.0 - action.value
                        some = True
    return 1.0 - stays if some else None


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Take cells out where that is due; idle in all other macro-steps."""
    chance = chances(world, step)
    if chance is None:
        return
    backend = world.backend
    cells = world.cells
    rows = backend.select(leaves_row, world.n_cells, chance, cells, world.wells, step)
    if not rows.size:
        return
    ids, wells, held = backend.read(rows, cells.id, cells.well, cells.n_mitochondria)
    rows = rows[np.lexsort((ids, wells))]
    world.reserve_events(int(held.sum()))
    backend.serial(take_out, rows, float(step.time), world.mitochondria, world.pages, cells, world.events)


def wanted(spec: Any) -> bool:
    """Whether cells are taken out in any arm."""
    return any(action.kind == "take_out" and action.value > 0.0 for arm in spec.every_arm for action in arm.actions)


PROCESS = Process(
    name="cell_removal", stage="motion", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
