"""Pages and mitochondria of pools, which hold those of a whole well: found side by side, where one thread would walk for long.

A row of the cells table owns a chain of pages. Here pages are found by who owns them, a walk goes along the chain once per page and not
once per mitochondrion, and only what has been found is treated one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.row import row
from mitoferry.core.schema import OCCUPIED, PAGE


@row
def is_empty(page, mitochondria):
    """Whether nothing is in ``page``."""
    occupied = 0
    for k in range(PAGE):
        occupied += int(mitochondria.flags[page * PAGE + k]) & OCCUPIED
    return occupied == 0


@row
def is_empty_in_chain(q, chain, mitochondria):
    """Whether nothing is in page number ``q`` of a chain."""
    return 1 if is_empty(int(chain[q]), mitochondria) else 0


@row
def disown(q, empty, pages):
    """Page ``empty[q]`` belongs to nobody any more, though it is still in the chain."""
    pages.owner[int(empty[q])] = -1


@row
def unlink(owners, pages, cells):
    """Give back the pages of the chains of ``owners`` that belong to nobody, in the order of the chains (serial)."""
    for j in range(len(owners)):
        h = int(owners[j])
        previous = -1
        page = int(cells.first_page[h])
        while page >= 0:
            following = int(pages.next[page])
            if int(pages.owner[page]) < 0:
                if previous < 0:
                    cells.first_page[h] = following
                else:
                    pages.next[previous] = following
                pages.next[page] = -1
                n = int(pages.n_free[0])
                pages.free[n] = page
                pages.n_free[0] = n + 1
            else:
                previous = page
            page = following


def give_back(world: Any, empty: Any) -> None:
    """Give back the pages ``empty``, owner by owner in the order of their chains: as ``core.pages.release_empty_pages`` for each."""
    if empty.size:
        backend, pages = world.backend, world.pages
        (owners,) = backend.read(empty, pages.owner)
        backend.each(disown, empty.size, empty, pages)
        backend.serial(unlink, np.unique(owners).astype(np.int64), pages, world.cells)


def release_empty_of_chain(world: Any, chain: Any, n: int) -> None:
    """Give back those of the first ``n`` pages of a ``chain`` that are empty."""
    at = world.backend.select(is_empty_in_chain, n, chain, world.mitochondria)
    if at.size:
        give_back(world, world.backend.read(at, chain)[0])


@row
def count_chain(h, pages, cells):
    """Pages in the chain of row ``h`` (serial)."""
    n = 0
    page = int(cells.first_page[h])
    while page >= 0:
        n += 1
        page = int(pages.next[page])
    return n


@row
def list_chain(h, chain, pages, cells):
    """Write the pages of row ``h`` into ``chain``, in their order (serial)."""
    n = 0
    page = int(cells.first_page[h])
    while page >= 0:
        chain[n] = page
        n += 1
        page = int(pages.next[page])


@row
def slot_in(q, chain):
    """Number ``q`` of the slots of the pages ``chain``."""
    return int(chain[q // PAGE]) * PAGE + q % PAGE


def chain_of(world: Any, h: int) -> tuple[Any, int]:
    """The pages of row ``h`` in their order (int64; what follows them is of no account), and how many there are."""
    backend = world.backend
    n = int(backend.serial(count_chain, h, world.pages, world.cells))
    chain = backend.zeros(max(n, 1), np.int64)
    backend.serial(list_chain, h, chain, world.pages, world.cells)
    return chain, n


__all__ = ["chain_of", "give_back", "is_empty", "release_empty_of_chain", "slot_in"]
