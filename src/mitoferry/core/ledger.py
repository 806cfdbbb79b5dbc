"""The ledger: three balances per well, checked in every macro-step in which mitochondria were written or moved.

Individuals, mtDNA copies of each haplotype, and mass (in integers, so exact)::

    now = at time zero + born - degraded - lysed + moved in - moved out     (individuals)
    now = at time zero + copies in - copies out             (each haplotype)
    now = at time zero + mass in - mass out

Hand-overs appear in no balance: they move an individual within its well. A cell that is moved to another well (process
``preparation``) takes its mitochondria along: they are booked out of one well and into the other, with mass and copies.
An imbalance stops the run and names the processes, the well, what is off and by how much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import LedgerError
from mitoferry.core.lanes import COPIES_EVEN, copies_word, lane
from mitoferry.core.row import row
from mitoferry.core.schema import (
    MASS_SCALE,
    N_HAPLOTYPES,
    N_TALLY,
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

if TYPE_CHECKING:
    from mitoferry.core.world import World

N_COUNTED = 2 + N_HAPLOTYPES  # individuals, mass, copies
PLACES = 6  # bits for the individuals of a page: at most 32
AT_ONCE = 32768  # pages that are counted before they are added up: the counts stay in the cache and cost no memory by size
QUANTITIES = ("mitochondria", "mass units") + tuple(f"mtDNA copies of haplotype {k}" for k in range(N_HAPLOTYPES))


@row
def count_page(j, first, pages, mitochondria, counted):
    """What page ``first + j`` holds, packed into row ``j`` of ``counted``. Empty slots and free pages count as zero.

    First word: individuals (6 bits) and mass; then copies of haplotypes 0 and 2, and of 1 and 3, two bytes each. Written without
    branches over the slots of a page, so that it compiles to vector instructions, and page after page, as they lie in memory: it
    runs often.
    """
    i = first + j
    n, mass, even, odd = 0, 0, 0, 0
    if int(pages.owner[i]) >= 0:
        for k in range(PAGE):
            s = lane(i * PAGE, k)
            n += int(mitochondria.flags[s]) & OCCUPIED
            mass += int(mitochondria.mass[s])
            word = copies_word(mitochondria.copies, s)
            even += word & COPIES_EVEN
            odd += (word >> 8) & COPIES_EVEN
    counted[j, 0] = n + (mass << PLACES)
    counted[j, 1] = even
    counted[j, 2] = odd


@row
def add_pages(n_pages, first, pages, cells, counted, totals):
    """Add the counts of ``n_pages`` pages from page ``first`` on up by well (serial)."""
    for j in range(n_pages):
        owner = int(pages.owner[first + j])
        if owner >= 0:
            w = int(cells.well[owner])
            here, even, odd = int(counted[j, 0]), int(counted[j, 1]), int(counted[j, 2])
            totals[w, 0] += here & (2 * PAGE - 1)
            totals[w, 1] += here >> PLACES
            totals[w, 2] += even & 0xFFFF
            totals[w, 3] += odd & 0xFFFF
            totals[w, 4] += even >> 16
            totals[w, 5] += odd >> 16


@row
def book_tallies(n_cells, cells, wells):
    """Fold the tallies of the cells into the ledgers of their wells (serial)."""
    for i in range(n_cells):
        w = int(cells.well[i])
        for k in range(N_TALLY):
            booked = int(cells.tally[i, k])
            if booked != 0:
                wells.ledger[w, k] += booked
                cells.tally[i, k] = 0


def _imbalance(well: int, quantity: int, found: int, expected: int) -> str:
    """What one balance lacks, in words; mass in mass units."""
    if quantity == 1:
        there, booked, off = (f"{MASS_SCALE * x:.4f}" for x in (found, expected, found - expected))
    else:
        there, booked, off = (str(x) for x in (found, expected, found - expected))
    sign = "+" if found > expected else ""
    return f"well {well}: {there} {QUANTITIES[quantity]} are there, the books say {booked} ({sign}{off})"


class Ledger:
    """Opening balance and checks of a plate.

    Attributes:
        opening: int64 (n_wells, N_COUNTED): counts at time zero.
    """

    def __init__(self) -> None:
        self.opening: Any = None
        self._counted: Any = None

    def count(self, world: World) -> Any:
        """Counts per well, int64 (n_wells, N_COUNTED), by walking every slot."""
        n_pages = len(world.pages.owner)
        if self._counted is None or len(self._counted) < min(n_pages, AT_ONCE):
            self._counted = np.zeros((min(n_pages, AT_ONCE), 3), dtype=np.int32)  # 32 slots: at most 2^21 mass units
        totals = np.zeros((world.n_wells, N_COUNTED), dtype=np.int64)
        for first in range(0, n_pages, AT_ONCE):
            n = min(AT_ONCE, n_pages - first)
            world.backend.each(count_page, n, first, world.pages, world.mitochondria, self._counted)
            world.backend.serial(add_pages, n, first, world.pages, world.cells, self._counted, totals)
        return totals

    def open(self, world: World) -> None:
        """Take the opening balance: what is there now, with nothing booked."""
        world.backend.pull(world.cells, world.wells)
        world.cells.tally[:] = 0
        world.wells.ledger[:] = 0
        world.backend.push(world.cells, world.wells)
        self.opening = self.count(world)

    def book(self, world: World) -> None:
        """Fold the tallies of the cells into the ledgers of their wells."""
        world.backend.serial(book_tallies, world.n_cells, world.cells, world.wells)

    def expected(self, world: World) -> Any:
        """What the books say should be there, int64 (n_wells, N_COUNTED)."""
        books = world.wells.ledger
        balance = self.opening.copy()
        balance[:, 0] += books[:, TALLY_BORN] - books[:, TALLY_DEGRADED] - books[:, TALLY_LYSED]
        balance[:, 0] += books[:, TALLY_MOVED_IN] - books[:, TALLY_MOVED_OUT]
        balance[:, 1] += books[:, TALLY_MASS_IN] - books[:, TALLY_MASS_OUT]
        for k in range(N_HAPLOTYPES):
            balance[:, 2 + k] += books[:, TALLY_COPIES_IN + k] - books[:, TALLY_COPIES_OUT + k]
        return balance

    def check(self, world: World, process: str, tick: int) -> None:
        """Book, count, compare; ``process`` names those that wrote since the last check.

        Raises:
            LedgerError: what is there is not what the books say; names process, time, well, quantity and amount.
        """
        self.book(world)
        now, expected = self.count(world), self.expected(world)
        wrong = np.argwhere(now != expected)
        if wrong.size:
            lines = [_imbalance(int(w), int(q), now[w, q], expected[w, q]) for w, q in wrong[:5]]
            raise LedgerError(
                f"the ledger does not balance after process {process!r} at {tick} s: "
                + "; ".join(lines)
                + f". {len(wrong)} balances are off. {world.describe_last_event()} This is a defect of the program: please report it."
            )
