"""The choice of a mitochondrion: the chances are those of the weights, and nothing but identity decides.

Faults seen to fail these tests, planted in a copy of the package: T = -log(u) without the weight; the mask left out (a mitochondrion of
an endosome is taken); draws keyed by the slot.
"""

import numpy as np
import pytest
from scipy.stats import chisquare

from mitoferry.core.schema import CLASS_SHIFT, DONOR_FREE, ENDOSOME, OCCUPIED, PAGE, PLACE_SHIFT, Cells, Mitochondria, Pages
from mitoferry.core.streams import GAP_JUNCTION
from mitoferry.processes.keyed_choice import (
    ALIKE,
    BY_COPIES,
    BY_MASS,
    FREE,
    FREE_MASK,
    OWN_MASK,
    first_of_clocks,
    smallest_draw,
)

ALPHA = 1e-4
MASS = np.array([100, 200, 400, 300, 250, 150])


def cell(order, **changed):
    """One cell with six mitochondria of masses ``MASS`` and 1 .. 6 copies, stored in ``order`` on two pages that are not in a row."""
    flags, birth, ordinal = np.zeros(3 * PAGE, np.int64), np.zeros(3 * PAGE, np.int64), np.zeros(3 * PAGE, np.int64)
    mass, copies = np.zeros(3 * PAGE, np.int64), np.zeros((3 * PAGE, 4), np.int64)
    where = np.r_[2 * PAGE : 2 * PAGE + 3, 2:5]
    for slot, m in zip(where, order, strict=True):
        flags[slot], birth[slot], ordinal[slot] = OCCUPIED, 7 + m // 2, m
        mass[slot], copies[slot, 1] = MASS[m], 1 + m
        flags[slot] |= changed.get(f"m{m}", 0)
    mitochondria = Mitochondria._make(None for _ in Mitochondria._fields)
    mitochondria = mitochondria._replace(flags=flags, birth=birth, ordinal=ordinal, mass=mass, copies=copies)
    pages = Pages._make(None for _ in Pages._fields)._replace(next=np.array([-1, -1, 0]))
    cells = Cells._make(None for _ in Cells._fields)._replace(first_page=np.array([2]))
    return mitochondria, pages, cells


def names(tables, draws, choose):
    """Which mitochondrion is chosen in each of ``draws`` draws."""
    ordinal = tables[0].ordinal
    return np.array([ordinal[choose(k)] for k in range(draws)])


def clocks(tables, weighing, draws=4000, mask=FREE_MASK):
    return names(tables, draws, lambda k: first_of_clocks(0, weighing, mask, FREE, *tables, 11, 12, GAP_JUNCTION, 5, k))


@pytest.mark.parametrize(("weighing", "weight"), [(BY_MASS, MASS), (BY_COPIES, np.arange(1, 7)), (ALIKE, np.ones(6))])
def test_chances_are_those_of_the_weights(weighing, weight):
    seen = np.bincount(clocks(cell(range(6)), weighing), minlength=6)
    assert chisquare(seen, seen.sum() * weight / weight.sum()).pvalue > ALPHA


def test_smallest_draws_have_equal_chances_and_go_on_without_repeating():
    tables = cell(range(6))

    def several(k):
        last, found = -1.0, []
        while True:
            slot, last = smallest_draw(0, last, FREE_MASK, FREE, *tables, 11, 12, GAP_JUNCTION, 5, k)
            if slot < 0:
                return found
            found.append(int(tables[0].ordinal[slot]))

    all_draws = [several(k) for k in range(3000)]
    assert all(sorted(found) == list(range(6)) for found in all_draws)
    for place in range(6):
        assert chisquare(np.bincount([found[place] for found in all_draws], minlength=6)).pvalue > ALPHA


def test_storage_does_not_matter():
    for weighing in (BY_MASS, BY_COPIES, ALIKE):
        assert (clocks(cell(range(6)), weighing, 300) == clocks(cell([4, 1, 5, 0, 3, 2]), weighing, 300)).all()


def test_only_those_with_the_flags_are_chosen():
    tables = cell(range(6), m0=ENDOSOME << PLACE_SHIFT, m3=DONOR_FREE << CLASS_SHIFT)
    assert set(clocks(tables, ALIKE, 300)) == {1, 2, 3, 4, 5}
    assert set(clocks(tables, ALIKE, 300, OWN_MASK)) == {1, 2, 4, 5}


def test_nothing_to_choose():
    tables = cell(range(6), **{f"m{k}": ENDOSOME << PLACE_SHIFT for k in range(6)})
    assert first_of_clocks(0, BY_MASS, FREE_MASK, FREE, *tables, 11, 12, GAP_JUNCTION, 5, 0) == -1
    assert smallest_draw(0, -1.0, FREE_MASK, FREE, *tables, 11, 12, GAP_JUNCTION, 5, 0)[0] == -1
