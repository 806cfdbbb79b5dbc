"""Choice of a mitochondrion of a cell by draws keyed by identity, for all processes that take one.

* :func:`smallest_draw`: by equal chances, the one with the smallest of uniforms, as often as wanted (the next above the last).
* :func:`first_of_clocks`: in proportion to a weight w. Each draws an exponential time of rate w, T = -log(u)/w, and the first goes,
  which is mitochondrion i with the chance w_i / sum of w.

For a list of events that must follow each other, choices are made beforehand, side by side (:class:`Chosen`): when the turn of an event
comes, its choice still holds unless a mitochondrion has meanwhile left the cell or come into it, which its counts tell.

Which may be chosen is said by flags: those where ``flags & mask == wanted``. Every draw is keyed by (birth, ordinal) of the
mitochondrion and ties go to the smaller identity, so that the choice does not depend on where mitochondria are stored.

Assumptions: none. Step error: none. Verification: ``tests/verification/test_keyed_choice.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.maths import log
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CLASS_MASK,
    CLASS_SHIFT,
    CYTOSOL,
    N_HAPLOTYPES,
    OCCUPIED,
    OWN_ISOLATED,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
)

FREE_MASK, FREE = OCCUPIED | PLACE_MASK << PLACE_SHIFT, OCCUPIED | CYTOSOL << PLACE_SHIFT  # free in the cytosol
OWN_MASK = FREE_MASK | (CLASS_MASK & ~OWN_ISOLATED) << CLASS_SHIFT  # and of the cell's own: classes OWN_NETWORK and OWN_ISOLATED
BY_MASS, BY_COPIES, ALIKE = 0, 1, 2  # weights of the clocks


class Chosen(NamedTuple):
    """Choices made before their turn, one entry each.

    slot: int64, what was chosen; -1 for nothing. number, came: int64, mitochondria of the cell then, and how many had come into it.
    """

    slot: Any
    number: Any
    came: Any


def room_for_choices(n: int) -> Chosen:
    """Room for ``n`` choices."""
    return Chosen(*(np.zeros(n, dtype=np.int64) for _ in Chosen._fields))


@row
def note_choice(q, slot, c, chosen, cells):
    """Note as entry ``q`` that ``slot`` was chosen of cell ``c``."""
    chosen.slot[q] = slot
    chosen.number[q] = int(cells.n_mitochondria[c])
    chosen.came[q] = int(cells.received[c]) + int(cells.returned[c])


@row
def choice_holds(q, c, chosen, cells):
    """Whether cell ``c`` holds what it held when entry ``q`` was noted.

    Nothing has come into it since, and so nothing has left it either if the number is the same.
    """
    came = int(cells.received[c]) + int(cells.returned[c])
    return int(chosen.number[q]) == int(cells.n_mitochondria[c]) and int(chosen.came[q]) == came


@row
def copies_in(slot, mitochondria):
    """All mtDNA copies of the mitochondrion in ``slot``."""
    n = 0
    for h in range(N_HAPLOTYPES):
        n += int(mitochondria.copies[slot, h])
    return n


@row
def before(slot, other, mitochondria):
    """Whether the mitochondrion in ``slot`` has the smaller identity."""
    birth = int(mitochondria.birth[slot])
    than = int(mitochondria.birth[other])
    return birth < than or (birth == than and int(mitochondria.ordinal[slot]) < int(mitochondria.ordinal[other]))


@row
def smallest_draw(c, last, mask, wanted, mitochondria, pages, cells, key0, key1, stream, step, draw):
    """Slot of the mitochondrion of cell ``c`` with the smallest keyed uniform above ``last``, and that uniform; -1 if there is none."""
    best = 2.0
    found = -1
    page = int(cells.first_page[c])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & mask == wanted:
                u = uniform(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], stream, step, draw)
                if last < u and (u < best or (u == best and before(slot, found, mitochondria))):
                    best = u
                    found = slot
        page = int(pages.next[page])
    return found, best


@row
def weight_of(slot, weighing, mitochondria):
    """Weight of the mitochondrion in ``slot``: mass, copies of mtDNA, or 1."""
    if weighing == BY_MASS:
        return int(mitochondria.mass[slot])
    if weighing == BY_COPIES:
        return copies_in(slot, mitochondria)
    return 1


@row
def first_of_clocks(c, weighing, mask, wanted, mitochondria, pages, cells, key0, key1, stream, step, draw):
    """Slot of the mitochondrion of cell ``c`` whose exponential clock rings first; -1 if none has a weight."""
    best = 1e300
    found = -1
    page = int(cells.first_page[c])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & mask == wanted:
                weight = weight_of(slot, weighing, mitochondria)
                if weight > 0:
                    u = uniform(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], stream, step, draw)
                    time = -log(u) / weight
                    if time < best or (time == best and found >= 0 and before(slot, found, mitochondria)):
                        best = time
                        found = slot
        page = int(pages.next[page])
    return found
