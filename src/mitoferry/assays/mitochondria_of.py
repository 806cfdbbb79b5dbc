"""Sums over the mitochondria of cells, for assays: integers, in chunks, so that no table is ever copied whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.schema import CLASS_MASK, CLASS_SHIFT, OCCUPIED, PAGE, PSI_OFFSET_SCALE, WITHOUT_POTENTIAL

CHUNK_PAGES = 1 << 11  # what is computed of them stays in a processor's cache


class Chunk(NamedTuple):
    """The slots of some pages, empty ones among them.

    Attributes:
        slots: which they are, for indexing the columns of the mitochondria table (views, no copies).
        owner: int64 (slots), rows of their owners in cells; of a free page some row.
        flags: (slots), their flags.
    """

    slots: slice
    owner: np.ndarray
    flags: np.ndarray


def chunks(world: Any) -> Iterator[Chunk]:
    """All pages of the plate, also those of pools, some at a time."""
    n_pages = len(world.pages.owner)
    for start in range(0, n_pages, CHUNK_PAGES):
        end = min(start + CHUNK_PAGES, n_pages)
        slots = slice(start * PAGE, end * PAGE)
        owner = np.repeat(np.maximum(world.pages.owner[start:end].astype(np.int64), 0), PAGE)
        yield Chunk(slots, owner, world.mitochondria.flags[slots])


def potentials(world: Any, chunk: Chunk) -> np.ndarray:
    """Membrane potential [mV] of each mitochondrion of a chunk: of its energy class less its own offset, 0 with open pore or broken."""
    energy_class = (chunk.flags >> CLASS_SHIFT) & CLASS_MASK
    psi = world.cells.psi[chunk.owner, energy_class].astype(np.float64) - PSI_OFFSET_SCALE * world.mitochondria.psi_offset[chunk.slots]
    return np.where(chunk.flags & WITHOUT_POTENTIAL, 0.0, psi)


def sums_per_cell(world: Any, quantities: Callable[[Chunk], list[Any]], n: int) -> list[np.ndarray]:
    """Sums over the mitochondria of each row of cells.

    Args:
        world: the plate.
        quantities: gives ``n`` arrays of whole numbers for the slots of a chunk (what it gives for empty slots does not
            count); fractions are to be rounded to a fixed step, so that the sum does not depend on the order of slots.
        n: number of quantities.

    Returns:
        ``n`` float64 arrays (world.n_cells), exact as long as they stay below 2^53.
    """
    owner = world.pages.owner
    per_page = np.zeros((n, len(owner)))  # eight bytes for 32 slots each
    for chunk in chunks(world):
        occupied = (chunk.flags & OCCUPIED) != 0
        pages = slice(chunk.slots.start // PAGE, chunk.slots.stop // PAGE)
        for row, values in zip(per_page, quantities(chunk), strict=True):
            counted = np.multiply(values, occupied, dtype=np.float64).reshape(-1, PAGE)
            np.einsum("ps->p", counted, out=row[pages])
            if not np.isfinite(row[pages]).all():  # an empty slot gave something that is no number
                np.add.reduce(np.where(occupied, values, 0.0).reshape(-1, PAGE), axis=1, out=row[pages])
    used = owner >= 0
    return [np.bincount(owner[used], row[used], minlength=world.n_cells) for row in per_page]


def born_in(world: Any, chunk: Chunk) -> np.ndarray:
    """Population that each mitochondrion was born in."""
    return world.mitochondria.birth[chunk.slots] >> 24
