"""Pages and mitochondria of pools, which hold those of a whole well: found side by side, where one thread would walk for long.

A row of the cells table owns a chain of pages. Here pages are found by who owns them, a walk goes along the chain once per page and not
once per mitochondrion, and only what has been found is treated one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.pages import is_empty, unlink_empty_pages, unlink_page
from mitoferry.core.row import row
from mitoferry.core.schema import PAGE


@row
def is_empty_in_chain(q, chain, mitochondria):
    """Whether nothing is in page number ``q`` of a chain."""
    return 1 if is_empty(int(chain[q]), mitochondria) else 0


@row
def disown(q, empty, pages):
    """Page ``empty[q]`` belongs to nobody any more, though it is still in the chain."""
    pages.owner[int(empty[q])] = -1


@row
def unlink(j, owners, first, pages, cells):
    """Give back the pages of the chain of ``owners[j]`` that belong to nobody, in its order, as free ones from number ``first[j]`` on."""
    h = int(owners[j])
    n = int(first[j])
    previous = -1
    page = int(cells.first_page[h])
    while page >= 0:
        following = int(pages.next[page])
        if int(pages.owner[page]) < 0:
            unlink_page(page, previous, h, pages, cells)
            pages.free[n] = page
            n += 1
        else:
            previous = page
        page = following


def free_from(world: Any, counts: Any) -> Any:
    """From which number on, int64 [n], each of n owners may give back so many pages; they are free from now on."""
    backend, n_free = world.backend, world.pages.n_free
    free = int(backend.read(slice(0, 1), n_free)[0][0])
    backend.write(slice(0, 1), n_free, free + int(counts.sum()))
    return free + np.cumsum(counts) - counts


def give_back(world: Any, empty: Any) -> None:
    """Give back the pages ``empty``, owner by owner in the order of their chains: as ``core.pages.release_empty_pages`` for each."""
    if empty.size:
        backend, pages = world.backend, world.pages
        owners, counts = np.unique(backend.read(empty, pages.owner)[0], return_counts=True)
        backend.each(disown, empty.size, empty, pages)
        backend.each(unlink, owners.size, owners.astype(np.int64), free_from(world, counts), pages, world.cells)


@row
def count_empty_row(q, rows, counts, mitochondria, pages, cells):
    """How many pages of the cell ``rows[q]`` are empty."""
    n = 0
    page = int(cells.first_page[int(rows[q])])
    while page >= 0:
        if is_empty(page, mitochondria):
            n += 1
        page = int(pages.next[page])
    counts[q] = n


@row
def release_row(q, rows, first, mitochondria, pages, cells):
    """Give back the empty pages of the cell ``rows[q]``, as free ones from number ``first[q]`` on."""
    unlink_empty_pages(mitochondria, pages, cells, int(rows[q]), pages.free, int(first[q]))


def release_empty_of(world: Any, rows: Any) -> None:
    """Give back the empty pages of the cells ``rows``, one cell after the other: as ``core.pages.release_empty_pages`` for each."""
    backend, tables = world.backend, (world.mitochondria, world.pages, world.cells)
    counts = backend.zeros(len(rows), np.int64)
    backend.each(count_empty_row, len(rows), rows, counts, *tables)
    backend.pull(counts)
    if counts.any():
        backend.each(release_row, len(rows), rows, free_from(world, counts), *tables)


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


__all__ = ["chain_of", "give_back", "release_empty_of", "release_empty_of_chain", "slot_in"]
