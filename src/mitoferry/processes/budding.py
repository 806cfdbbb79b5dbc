"""Budding: the births of a cell in one step, with one walk along its pages.

A newborn goes into the first empty slot of the cell's chain of pages; its parent is the mitochondrion number ``int(a C)`` among the C
of the chain that can bud at that moment, ``a`` uniform. Each birth changes who can bud (a parent may become too small, a newborn may
bud in turn), so that births come one after the other; but it changes no more than the two pages that it touches. One walk therefore
counts those that can bud by page and by block of 32 pages, births correct the counts, and a parent is found by way of its block and its
page. Empty slots only become fewer, so that the search for the next goes on where the last ended. The work is that of one walk and some
hundred counts per birth in a cell of 10⁵ mitochondria; walking the chain for each birth would be the square of the size of a cell.

Counts are kept for one step only (7 bytes per page). Tests: ``tests/unit/test_budding.py`` (the same births as by walking for each).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.lanes import lane
from mitoferry.core.pages import clear_entry, copy_slot
from mitoferry.core.random import binomial_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    DONOR_FREE,
    FUSED,
    MASS_SCALE,
    N_HAPLOTYPES,
    OCCUPIED,
    PAGE,
    PINK1,
    ROUTE_MASK,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
    TALLY_BORN,
)
from mitoferry.core.streams import BIOGENESIS
from mitoferry.processes.organelle import class_of, place_of

BLOCK = 32  # pages of a block; a block holds at most 32 x 32 mitochondria


class Counts(NamedTuple):
    """Mitochondria that can bud, by page and by block of :data:`BLOCK` pages of a chain; entries by page.

    Attributes:
        in_page: int8, in this page.
        in_block: int16, in the block that this page begins; unused for other pages.
        next_block: int32, the page that begins the next block, -1 behind the last; unused for other pages.
    """

    in_page: Any
    in_block: Any
    next_block: Any


def allocate_counts(backend: Any, n_pages: int) -> Counts:
    """Room for the counts of ``n_pages`` pages."""
    return Counts(backend.zeros(n_pages, np.int8), backend.zeros(n_pages, np.int16), backend.zeros(n_pages, np.int32))


@row
def fertile(slot, mitochondria, p):
    """1 for a mitochondrion that can bud: of the own network, in the cytosol, and large enough for two; else 0. Without branches."""
    flags = int(mitochondria.flags[slot])
    can = flags & OCCUPIED if place_of(flags) == CYTOSOL else 0
    can = can if class_of(flags) < DONOR_FREE else 0
    return can if int(mitochondria.mass[slot]) * MASS_SCALE >= 2.0 * p.smallest_mass else 0


@row
def fertile_in(page, mitochondria, p):
    """How many mitochondria of a page can bud."""
    n = 0
    for k in range(PAGE):
        n += fertile(lane(page * PAGE, k), mitochondria, p)
    return n


@row
def count_chain(h, cells, pages, mitochondria, counts, p):
    """Count those that can bud in the pages of cell ``h``, into ``counts``; returns their number."""
    n = 0
    position = 0
    head = -1
    page = int(cells.first_page[h])
    while page >= 0:
        if position % BLOCK == 0:
            if head >= 0:
                counts.next_block[head] = page
            head = page
            counts.in_block[head] = 0
            counts.next_block[head] = -1
        here = fertile_in(page, mitochondria, p)
        counts.in_page[page] = here
        counts.in_block[head] += here
        n += here
        position += 1
        page = int(pages.next[page])
    return n


@row
def count_again(head, page, mitochondria, counts, p):
    """Correct the counts of ``page`` and of its block, which begins with ``head``; returns by how much they changed."""
    now = fertile_in(page, mitochondria, p)
    change = now - int(counts.in_page[page])
    counts.in_page[page] = now
    counts.in_block[head] += change
    return change


@row
def block_with(h, wanted, cells, counts):
    """Where the ``wanted``-th that can bud is: first page of its block, and how many are to be passed there. There must be so many."""
    head = int(cells.first_page[h])
    while int(counts.in_block[head]) <= wanted:
        wanted -= int(counts.in_block[head])
        head = int(counts.next_block[head])
    return head, wanted


@row
def page_with(page, wanted, pages, counts):
    """As :func:`block_with` for the page of a block: page, and how many are to be passed there."""
    while int(counts.in_page[page]) <= wanted:
        wanted -= int(counts.in_page[page])
        page = int(pages.next[page])
    return page, wanted


@row
def slot_with(page, wanted, mitochondria, p):
    """Slot of the ``wanted``-th in a page that can bud."""
    for k in range(PAGE):
        can = fertile(page * PAGE + k, mitochondria, p)
        if can != 0 and wanted == 0:
            return page * PAGE + k
        wanted -= can
    return -1


@row
def empty_slot(page, mitochondria):
    """The first empty slot of a page; -1 if there is none."""
    n = 0
    for k in range(PAGE):
        n += int(mitochondria.flags[lane(page * PAGE, k)]) & OCCUPIED
    if n < PAGE:
        for k in range(PAGE):
            if int(mitochondria.flags[page * PAGE + k]) & OCCUPIED == 0:
                return page * PAGE + k
    return -1


@row
def split(column, parent, child, share):
    """Give a newborn, which holds as much as its parent, its share of an amount and leave the rest to the parent."""
    amount = int(column[parent])
    if amount > 0:
        part = int(share * amount + 0.5)
        column[child] = part
        column[parent] = amount - part


@row
def bud(parent, child, share, key0, key1, identity, ordinal, j, mitochondria, step):
    """A newborn in the slot ``child``; mass, copies, label and dye of the parent are divided, the rest is inherited."""
    copy_slot(mitochondria, parent, child)
    mitochondria.birth[child] = identity
    mitochondria.ordinal[child] = ordinal
    a, b, c, d = uniform4(key0, key1, identity, 0, BIOGENESIS, step.step, 2 * j + 2)
    for k in range(N_HAPLOTYPES):
        n = int(mitochondria.copies[parent, k])
        taken = binomial_from(n, share, a)
        mitochondria.copies[child, k] = taken
        mitochondria.copies[parent, k] = n - taken
        a = b
        b = c
        c = d
    mass = int(mitochondria.mass[parent])
    part = int(share * mass)
    mitochondria.mass[child] = part
    mitochondria.mass[parent] = mass - part
    split(mitochondria.label, parent, child, share)
    split(mitochondria.dye, parent, child, share)
    flags = int(mitochondria.flags[child])
    mitochondria.flags[child] = flags & ~(ROUTE_MASK << ROUTE_SHIFT) & ~FUSED & ~SICK_ON_ARRIVAL & ~PINK1
    mitochondria.depolarised[child] = 0
    clear_entry(mitochondria.motor, child)


@row
def bud_from(i, j, parent, child, b, key0, key1, cells, mitochondria, p, step):
    """Birth number ``j`` of cell ``i`` in a step, with the share that ``b`` says; booked."""
    mass = int(mitochondria.mass[parent]) * MASS_SCALE
    share = max(p.bud_share * (0.8 + 0.4 * b), p.smallest_mass / mass)
    share = min(share, 1.0 - p.smallest_mass / mass)
    ordinal = int(cells.next_ordinal[i])
    bud(parent, child, share, key0, key1, cells.id[i], ordinal, j, mitochondria, step)
    cells.next_ordinal[i] = ordinal + 1
    cells.n_mitochondria[i] += 1
    cells.tally[i, TALLY_BORN] += 1


@row
def bud_all(i, wanted, key0, key1, cells, pages, mitochondria, counts, p, step):
    """Up to ``wanted`` births of cell ``i``, as far as there are empty slots and mitochondria that can bud."""
    candidates = count_chain(i, cells, pages, mitochondria, counts, p)
    head = int(cells.first_page[i])
    page = head  # with the first empty slot, in the block that begins with ``head``
    position = 0
    j = 0
    while j < wanted and candidates > 0 and page >= 0:
        child = empty_slot(page, mitochondria)
        if child >= 0:
            a, b, _, _ = uniform4(key0, key1, cells.id[i], 0, BIOGENESIS, step.step, 2 * j + 1)
            block, left = block_with(i, int(a * candidates), cells, counts)
            old, left = page_with(block, left, pages, counts)
            parent = slot_with(old, left, mitochondria, p)
            bud_from(i, j, parent, child, b, key0, key1, cells, mitochondria, p, step)
            candidates += count_again(block, old, mitochondria, counts, p)
            candidates += count_again(head, page, mitochondria, counts, p)
            j += 1
        else:
            page = int(pages.next[page])
            position += 1
            if position % BLOCK == 0:
                head = page
