"""A cell leaves the well with all that is in it: washed away as one of a graft (``graft``), taken out (``cell_removal``), or put into
another well (``preparation``).

Mitochondria of a cell that is washed away are booked as lysed, with an event ``washed_away`` each; its row is empty then and holds
nothing. What crosses to other cells follows by itself within the step: a tube or bridge with an end at an empty row breaks.

Verification: ``tests/verification/test_graft.py``, ``tests/verification/test_cell_removal.py``.
"""

from __future__ import annotations

from mitoferry.core.handover import wash_away
from mitoferry.core.pages import release_empty_pages
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_EMPTY, OCCUPIED, PAGE


@row
def empty_row(i, cells):
    """Nobody is in row ``i`` any more."""
    cells.state[i] = CELL_EMPTY
    cells.n_contacts[i] = 0
    cells.bin[i] = -1
    cells.atp[i] = 0.0
    for k in range(4):
        cells.psi[i, k] = 0.0


@row
def wash_cell(i, time, mitochondria, pages, cells, events):
    """Take cell ``i`` away at ``time`` [s] with all that is in it (serial); its row is empty then."""
    page = int(cells.first_page[i])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                wash_away(i, slot, i, time, mitochondria, pages, cells, events)
        page = int(pages.next[page])
    release_empty_pages(mitochondria, pages, cells, i)
    empty_row(i, cells)
