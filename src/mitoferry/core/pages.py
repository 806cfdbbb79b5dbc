"""Pages: where mitochondria live, and the only functions that create, move or remove one.

A page of 32 slots belongs to one row of the cells table (a cell, or the transit or medium pool of a well); the pages
of an owner form a chain. These are serial row functions: they run one after the other, in the order that the link,
quality and fate phases give them. Each keeps the ledger: what is born or lost is tallied at the owner, a move is not
a birth. Callers make sure that enough free pages exist (:func:`mitoferry.core.world.World.reserve_pages`).
"""

from __future__ import annotations

from mitoferry.core.row import row
from mitoferry.core.schema import (
    N_HAPLOTYPES,
    OCCUPIED,
    PAGE,
    TALLY_BORN,
    TALLY_COPIES_IN,
    TALLY_COPIES_OUT,
    TALLY_DEGRADED,
    TALLY_LYSED,
    TALLY_MASS_IN,
    TALLY_MASS_OUT,
    TALLY_MOVED_IN,
    TALLY_MOVED_OUT,
)


@row
def take_page(pages, cells, owner, n):
    """Give ``owner`` the last of ``n`` free pages at the head of its chain; returns the page."""
    page = int(pages.free[n - 1])
    pages.owner[page] = owner
    pages.next[page] = cells.first_page[owner]
    cells.first_page[owner] = page
    return page


@row
def add_page(pages, cells, owner):
    """Give ``owner`` a free page at the head of its chain; returns the page, or -1 if none is free.

    ``pages.n_free`` has one entry, or one for each well (``core/by_well.py``).
    """
    lane = int(cells.well[owner]) if len(pages.n_free) > 1 else 0
    n = int(pages.n_free[lane])
    if n == 0:
        return -1
    pages.n_free[lane] = n - 1
    return take_page(pages, cells, owner, n)


@row
def free_slot(mitochondria, pages, cells, owner):
    """An empty slot in the chain of ``owner``, from a new page if need be; -1 if no page is free."""
    page = int(cells.first_page[owner])
    while page >= 0:
        for k in range(PAGE):
            if int(mitochondria.flags[page * PAGE + k]) & OCCUPIED == 0:
                return page * PAGE + k
        page = int(pages.next[page])
    page = add_page(pages, cells, owner)
    if page < 0:
        return -1
    return page * PAGE


@row
def copy_rare(column, source, target):
    """Copy an entry of a sparse column, unless it is there already."""
    if int(column[target]) != int(column[source]):
        column[target] = column[source]


@row
def copy_slot(mitochondria, source, target):
    """Copy all columns of a record from one slot to another."""
    mitochondria.birth[target] = mitochondria.birth[source]
    mitochondria.ordinal[target] = mitochondria.ordinal[source]
    for k in range(N_HAPLOTYPES):
        mitochondria.copies[target, k] = mitochondria.copies[source, k]
    mitochondria.mass[target] = mitochondria.mass[source]
    mitochondria.damage[target] = mitochondria.damage[source]
    mitochondria.complex1[target] = mitochondria.complex1[source]
    mitochondria.complex34[target] = mitochondria.complex34[source]
    mitochondria.complex5[target] = mitochondria.complex5[source]
    copy_rare(mitochondria.bound1, source, target)
    copy_rare(mitochondria.bound3, source, target)
    copy_rare(mitochondria.adducts, source, target)
    mitochondria.psi_offset[target] = mitochondria.psi_offset[source]
    mitochondria.depolarised[target] = mitochondria.depolarised[source]
    copy_rare(mitochondria.label, source, target)
    copy_rare(mitochondria.dye, source, target)
    copy_rare(mitochondria.pore, source, target)
    copy_rare(mitochondria.motor, source, target)
    mitochondria.flags[target] = mitochondria.flags[source]


@row
def clear_entry(column, slot):
    """Set an entry of a sparse column to 0, unless it is that already."""
    if int(column[slot]) != 0:
        column[slot] = 0


@row
def clear_rare(mitochondria, slot):
    """Empty the sparse columns of a slot that is to hold a new record."""
    clear_entry(mitochondria.bound1, slot)
    clear_entry(mitochondria.bound3, slot)
    clear_entry(mitochondria.adducts, slot)
    clear_entry(mitochondria.label, slot)
    clear_entry(mitochondria.dye, slot)
    clear_entry(mitochondria.pore, slot)
    clear_entry(mitochondria.motor, slot)


@row
def clear_slot(mitochondria, slot):
    """Empty a slot. Only :func:`move`, :func:`remove` and :func:`close_gaps` may call this."""
    mitochondria.birth[slot] = 0
    mitochondria.ordinal[slot] = 0
    for k in range(N_HAPLOTYPES):
        mitochondria.copies[slot, k] = 0
    mitochondria.mass[slot] = 0
    mitochondria.damage[slot] = 0
    mitochondria.flags[slot] = 0


@row
def move(mitochondria, pages, cells, slot, target):
    """Move the mitochondrion in ``slot`` to the host ``target``; returns its new slot, -1 if no page is free.

    Counts of both hosts follow. The record is copied and the old slot emptied: an individual is moved, never copied.
    """
    new = free_slot(mitochondria, pages, cells, target)
    if new < 0:
        return -1
    owner = int(pages.owner[slot // PAGE])
    copy_slot(mitochondria, slot, new)
    clear_slot(mitochondria, slot)
    cells.n_mitochondria[owner] -= 1
    cells.n_mitochondria[target] += 1
    return new


@row
def tally_loss(mitochondria, cells, owner, slot, kind):
    """Book the loss of the mitochondrion in ``slot`` at ``owner``; ``kind`` is TALLY_DEGRADED or TALLY_LYSED."""
    cells.tally[owner, kind] += 1
    cells.tally[owner, TALLY_MASS_OUT] += int(mitochondria.mass[slot])
    for k in range(N_HAPLOTYPES):
        cells.tally[owner, TALLY_COPIES_OUT + k] += int(mitochondria.copies[slot, k])


@row
def remove(mitochondria, pages, cells, slot, lysed):
    """Take a mitochondrion out of the world: degraded by its host, or lysed outside; booked at its owner."""
    owner = int(pages.owner[slot // PAGE])
    tally_loss(mitochondria, cells, owner, slot, TALLY_LYSED if lysed else TALLY_DEGRADED)
    clear_slot(mitochondria, slot)
    cells.n_mitochondria[owner] -= 1


@row
def tally_birth(mitochondria, cells, owner, slot):
    """Book the birth of the mitochondrion in ``slot``, with its mass and copies, at ``owner``."""
    cells.tally[owner, TALLY_BORN] += 1
    cells.tally[owner, TALLY_MASS_IN] += int(mitochondria.mass[slot])
    for k in range(N_HAPLOTYPES):
        cells.tally[owner, TALLY_COPIES_IN + k] += int(mitochondria.copies[slot, k])


@row
def take_along(mitochondria, pages, cells, old, new):
    """Give the row ``new`` the pages of the row ``old`` with all that is in them: the same cell in another well.

    ``new`` holds nothing before, ``old`` nothing afterwards. Booked as moved out at ``old`` and as moved in at ``new``.
    """
    page = int(cells.first_page[old])
    cells.first_page[new] = page
    cells.first_page[old] = -1
    n = 0
    while page >= 0:
        pages.owner[page] = new
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                n += 1
                mass = int(mitochondria.mass[slot])
                cells.tally[old, TALLY_MASS_OUT] += mass
                cells.tally[new, TALLY_MASS_IN] += mass
                for h in range(N_HAPLOTYPES):
                    copies = int(mitochondria.copies[slot, h])
                    cells.tally[old, TALLY_COPIES_OUT + h] += copies
                    cells.tally[new, TALLY_COPIES_IN + h] += copies
        page = int(pages.next[page])
    cells.tally[old, TALLY_MOVED_OUT] += n
    cells.tally[new, TALLY_MOVED_IN] += n
    cells.n_mitochondria[new] = n
    cells.n_mitochondria[old] = 0


@row
def is_empty(page, mitochondria):
    """Whether nothing is in ``page``."""
    occupied = 0
    for k in range(PAGE):
        occupied += int(mitochondria.flags[page * PAGE + k]) & OCCUPIED
    return occupied == 0


@row
def unlink_page(page, previous, owner, pages, cells):
    """Take ``page`` out of the chain of ``owner``, where it follows the page ``previous`` (-1: none)."""
    if previous < 0:
        cells.first_page[owner] = pages.next[page]
    else:
        pages.next[previous] = pages.next[page]
    pages.owner[page] = -1
    pages.next[page] = -1


@row
def unlink_empty_pages(mitochondria, pages, cells, owner, emptied, n):
    """Take the empty pages out of the chain of ``owner`` and list them in ``emptied`` from entry ``n`` on; returns where the list ends."""
    previous = -1
    page = int(cells.first_page[owner])
    while page >= 0:
        following = int(pages.next[page])
        if is_empty(page, mitochondria):
            unlink_page(page, previous, owner, pages, cells)
            emptied[n] = page
            n += 1
        else:
            previous = page
        page = following
    return n


@row
def release_empty_pages(mitochondria, pages, cells, owner):
    """Give back the empty pages of a chain."""
    pages.n_free[0] = unlink_empty_pages(mitochondria, pages, cells, owner, pages.free, int(pages.n_free[0]))


@row
def close_gaps(mitochondria, pages, cells, owner):
    """Close the gaps in the chain of ``owner``: what is empty comes last. The order is kept."""
    room = int(cells.first_page[owner])
    lane = 0
    page = room
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                target = room * PAGE + lane
                if target != slot:
                    copy_slot(mitochondria, slot, target)
                    clear_slot(mitochondria, slot)
                lane += 1
                if lane == PAGE:
                    lane = 0
                    room = int(pages.next[room])
        page = int(pages.next[page])


@row
def compact(mitochondria, pages, cells, owner):
    """Close the gaps in the chain of ``owner`` and give back the pages that become empty. The order is kept."""
    close_gaps(mitochondria, pages, cells, owner)
    release_empty_pages(mitochondria, pages, cells, owner)


@row
def compact_sparse(mitochondria, pages, cells, owner):
    """As :func:`compact`, where less than half of the slots are in use; cheap otherwise."""
    length = 0
    page = int(cells.first_page[owner])
    while page >= 0:
        length += 1
        page = int(pages.next[page])
    if length * PAGE > 2 * int(cells.n_mitochondria[owner]) + PAGE - 1:
        compact(mitochondria, pages, cells, owner)


@row
def chain_order(n_cells, cells, pages, order):
    """Write the pages in use into ``order``, owner by owner along their chains (serial); returns how many there are."""
    n = 0
    for c in range(n_cells):
        page = int(cells.first_page[c])
        while page >= 0:
            order[n] = page
            n += 1
            page = int(pages.next[page])
    return n


@row
def grant_row(q, rows, n_free, pages, cells):
    """Give the cell ``rows[q]`` the pages that it has asked for (``want_pages``), the last of the first ``n_free[q]`` free ones."""
    c = int(rows[q])
    for k in range(int(cells.want_pages[c])):
        take_page(pages, cells, c, int(n_free[q]) - k)
    cells.want_pages[c] = 0
