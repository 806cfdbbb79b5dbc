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
QUANTITIES = ("mitochondria", "mass units") + tuple(f"mtDNA copies of haplotype {k}" for k in range(N_HAPLOTYPES))


@row
def count_page(i, sums, pages, cells, mitochondria):
    """Add what page ``i`` holds: individuals, mass, copies of each haplotype. Returns the well; -1 for a free page.

    Written without branches over the slots of a page, so that it compiles to vector instructions, and page after page, as they lie
    in memory: it runs often. Copies of haplotypes 0 and 2, and of 1 and 3, are added two bytes each.
    """
    owner = int(pages.owner[i])
    if owner < 0:
        return -1
    n, mass, even, odd = 0, 0, 0, 0
    for k in range(PAGE):
        s = lane(i * PAGE, k)
        n += int(mitochondria.flags[s]) & OCCUPIED
        mass += int(mitochondria.mass[s])
        word = copies_word(mitochondria.copies, s)
        even += word & COPIES_EVEN
        odd += (word >> 8) & COPIES_EVEN
    sums[0] += n
    sums[1] += mass
    sums[2] += even & 0xFFFF
    sums[3] += odd & 0xFFFF
    sums[4] += even >> 16
    sums[5] += odd >> 16
    return int(cells.well[owner])


@row
def take_tallies(i, sums, cells):
    """Take the tallies of cell ``i``, which are zero from then on; returns its well."""
    for k in range(N_TALLY):
        booked = int(cells.tally[i, k])
        if booked != 0:
            sums[k] += booked
            cells.tally[i, k] = 0
    return int(cells.well[i])


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

    def count(self, world: World) -> Any:
        """Counts per well, int64 (n_wells, N_COUNTED), by walking every slot."""
        found = world.backend.totals(
            count_page, len(world.pages.owner), world.n_wells, N_COUNTED, world.pages, world.cells, world.mitochondria
        )
        return found

    def open(self, world: World) -> None:
        """Take the opening balance: what is there now, with nothing booked."""
        world.cells.tally[:] = 0
        world.wells.ledger[:] = 0
        world.backend.push(world.cells.tally, world.wells.ledger)
        self.opening = self.count(world)

    def book(self, world: World) -> None:
        """Fold the tallies of the cells into the ledgers of their wells."""
        booked = world.backend.totals(take_tallies, world.n_cells, world.n_wells, N_TALLY, world.cells)
        if booked.any():
            world.wells.ledger[:] += booked
            world.backend.push(world.wells.ledger)

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
