"""Partition of mitochondria at cell division.

Mechanism: each mitochondrion of the mother goes to the daughter with chance p = V_daughter/(V_mother + V_daughter), by
itself (binomial), with all that it carries. The variance of heteroplasmy that this adds is that of random partition of
whole organelles (F7). No mitochondrion is made, lost or handed over: individuals move between rows of one well, keep
their identity, and no ledger entry is due.
"""

from __future__ import annotations

from mitoferry.core.pages import move, release_empty_pages
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import OCCUPIED, PAGE
from mitoferry.core.streams import PARTITION


@row
def partition(mitochondria, pages, cells, wells, mother, daughter, step_number):
    """Deal the mitochondria of row ``mother`` between her and row ``daughter``, in proportion to ``cells.volume``.

    Serial row function: call it inside a serial phase; both volumes must be set before. It needs at most as many free
    pages as the mother has (``world.reserve_pages``).

    Returns:
        How many moved; -1 - (how many moved) if a page was missing.
    """
    a = float(cells.volume[mother])
    b = float(cells.volume[daughter])
    share = 0.5
    if a + b > 0.0:
        share = b / (a + b)
    w = int(cells.well[mother])
    moved = 0
    page = int(cells.first_page[mother])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                u = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], PARTITION, step_number, 0)
                if u < share:
                    if move(mitochondria, pages, cells, slot, daughter) < 0:
                        return -1 - moved
                    moved += 1
        page = int(pages.next[page])
    release_empty_pages(mitochondria, pages, cells, mother)
    return moved
