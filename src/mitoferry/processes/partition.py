"""Partition of mitochondria at cell division.

Mechanism: each mitochondrion of the mother goes to the daughter with chance p = V_daughter/(V_mother + V_daughter), by
itself (binomial), with all that it carries. The variance of heteroplasmy that this adds is that of random partition of
whole organelles (F7). No mitochondrion is made, lost or handed over: individuals move between rows of one well, keep
their identity, and no ledger entry is due.

All divisions of a step are dealt side by side: first it is counted how many pages every daughter needs and how many of her
mother's become empty, then each daughter fills pages of her own, and what has become empty is given back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.pages import clear_slot, copy_slot, take_page, unlink_empty_pages
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import OCCUPIED, PAGE
from mitoferry.core.streams import PARTITION


@row
def share_of_daughter(mother, daughter, cells):
    """Chance of a mitochondrion to go to the daughter, by ``cells.volume``."""
    a = float(cells.volume[mother])
    b = float(cells.volume[daughter])
    return b / (a + b) if a + b > 0.0 else 0.5


@row
def goes(slot, share, w, mitochondria, wells, step_number):
    """Whether the mitochondrion in ``slot``, in well ``w``, goes to the daughter; False where there is none."""
    if int(mitochondria.flags[slot]) & OCCUPIED == 0:
        return False
    return uniform(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], PARTITION, step_number, 0) < share


@row
def count_row(q, mothers, daughters, needs, empties, mitochondria, pages, cells, wells, step_number):
    """Pages that the mitochondria need that go from ``mothers[q]`` to ``daughters[q]``, and pages of hers that are empty then."""
    mother = int(mothers[q])
    w = int(cells.well[mother])
    share = share_of_daughter(mother, int(daughters[q]), cells)
    moved = 0
    empty = 0
    page = int(cells.first_page[mother])
    while page >= 0:
        stay = 0
        for k in range(PAGE):
            slot = page * PAGE + k
            if goes(slot, share, w, mitochondria, wells, step_number):
                moved += 1
            else:
                stay += int(mitochondria.flags[slot]) & OCCUPIED
        empty += 1 if stay == 0 else 0
        page = int(pages.next[page])
    needs[q] = (moved + PAGE - 1) // PAGE
    empties[q] = empty


@row
def deal_row(q, mothers, daughters, n_free, emptied, first_empty, mitochondria, pages, cells, wells, step_number):
    """Move what goes from ``mothers[q]`` to ``daughters[q]`` into new pages, the last of the first ``n_free[q]`` free ones.

    Pages of hers that are empty then are taken out of her chain and listed in ``emptied`` from entry ``first_empty[q]`` on.
    """
    mother = int(mothers[q])
    daughter = int(daughters[q])
    w = int(cells.well[mother])
    share = share_of_daughter(mother, daughter, cells)
    moved = 0
    room = -1
    page = int(cells.first_page[mother])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if goes(slot, share, w, mitochondria, wells, step_number):
                if moved % PAGE == 0:
                    room = take_page(pages, cells, daughter, int(n_free[q]) - moved // PAGE)
                copy_slot(mitochondria, slot, room * PAGE + moved % PAGE)
                clear_slot(mitochondria, slot)
                moved += 1
        page = int(pages.next[page])
    cells.n_mitochondria[mother] -= moved
    cells.n_mitochondria[daughter] += moved
    unlink_empty_pages(mitochondria, pages, cells, mother, emptied, int(first_empty[q]))


@row
def give_back_row(k, emptied, n_free, pages):
    """Page ``emptied[k]`` is free, behind the first ``n_free`` that are."""
    pages.free[n_free + k] = emptied[k]


def partition(world: Any, mothers: Any, daughters: Any, step_number: int) -> None:
    """Deal the mitochondria of each of the rows ``mothers`` between her and her daughter, in proportion to ``cells.volume``.

    Args:
        world: the state; both volumes are set.
        mothers: rows of cells.
        daughters: rows of theirs; all rows differ.
        step_number: of the clock.
    """
    backend, n = world.backend, len(mothers)
    mothers, daughters = np.array(mothers, dtype=np.int64), np.array(daughters, dtype=np.int64)
    needs, empties = backend.zeros(n, np.int64), backend.zeros(n, np.int64)
    tables = (world.mitochondria, world.pages, world.cells, world.wells)
    backend.each(count_row, n, mothers, daughters, needs, empties, *tables, step_number)
    backend.pull(needs, empties)
    world.reserve_pages(int(needs.sum()))
    tables = (world.mitochondria, world.pages, world.cells, world.wells)
    free, empty = int(backend.read(slice(0, 1), world.pages.n_free)[0][0]), int(empties.sum())
    emptied = backend.zeros(max(empty, 1), np.int32)
    first_empty, n_free = np.cumsum(empties) - empties, free - (np.cumsum(needs) - needs)
    backend.each(deal_row, n, mothers, daughters, n_free, emptied, first_empty, *tables, step_number)
    left = free - int(needs.sum())
    backend.each(give_back_row, empty, emptied, left, world.pages)
    backend.write(slice(0, 1), world.pages.n_free, left + empty)
