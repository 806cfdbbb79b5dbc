"""Many draws at once: what the CPU's texts for the 32 slots of a page are written with.

A processor can treat the slots of a page side by side where a loop over them has no branches, no calls and no inner
loops. So the generator is unrolled and inlined here (same bits as :func:`mitoferry.core.random.uniform4`), and draws
that branches will need later are kept in scratch arrays on the stack. A slot row that is quicker this way names a page
row: ``@row(page=...)``; both must give the same bytes, which ``tests/backends`` checks.
"""

from __future__ import annotations

import numpy as np

from mitoferry.core.random import INVERSE_2_32, MASK32, philox, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import PAGE

COPIES_EVEN = 0xFF00FF
AHEAD = 2  # pages between the one at hand and the one that is asked for


@row
def lanes():
    """Scratch for one number per slot of a page, contents undefined; call it at the top of a page row only."""
    return np.zeros(PAGE)


def _lane_cpu(first, k):
    return np.uint64(first + k)


@row(cpu=_lane_cpu)
def lane(first, k):
    """Slot ``k`` of a page whose first slot is ``first``; unsigned, so that no index is taken to count from the end."""
    return first + k


@row
def page_slots():
    """Slots of a page, for loops with little in them: a compiler that knew the number would write out slot after slot."""
    return PAGE


@row
def ask_ahead(column, first):
    """Let the processor fetch what ``column`` has of the page whose first slot is ``first`` while it does other work; nothing else happens.

    A page is a line or two of memory in each of a dozen columns: too short for a processor to see where it goes on.
    """


@row
def ask_identities(mitochondria, first):
    """Ask ahead for what draws of the page need whose first slot is ``first``."""
    ask_ahead(mitochondria.birth, first)
    ask_ahead(mitochondria.ordinal, first)


@row
def copies_word(copies, slot):
    """The copies of all four haplotypes of ``slot`` in one number, haplotype k in the bits from 8 k on.

    Compiled code reads them at once: one column after the other, four apart, would not be read in vector registers. To sum
    up to 257 of them, add ``word & COPIES_EVEN`` (haplotype 0 in the lower, 2 in the upper 16 bits) and
    ``(word >> 8) & COPIES_EVEN`` (1 and 3).
    """
    return int(copies[slot, 0]) | int(copies[slot, 1]) << 8 | int(copies[slot, 2]) << 16 | int(copies[slot, 3]) << 24


def _turn_cpu(c0, c1, c2, c3, k0, k1):
    p0 = np.uint64(0xD2511F53) * np.uint64(c0)
    p1 = np.uint64(0xCD9E8D57) * np.uint64(c2)
    h0 = np.int64(p0 >> np.uint64(32))
    h1 = np.int64(p1 >> np.uint64(32))
    return h1 ^ c1 ^ k0, np.int64(p1 & np.uint64(0xFFFFFFFF)), h0 ^ c3 ^ k1, np.int64(p0 & np.uint64(0xFFFFFFFF))


@row(cpu=_turn_cpu)
def turn(c0, c1, c2, c3, k0, k1):
    """One round of Philox4x32."""
    p0 = 0xD2511F53 * c0
    p1 = 0xCD9E8D57 * c2
    return (p1 >> 32) ^ c1 ^ k0, p1 & MASK32, (p0 >> 32) ^ c3 ^ k1, p0 & MASK32


def _unrolled_cpu(c0, c1, c2, c3, k0, k1):
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 2 * 0x9E3779B9) & MASK32, (k1 + 2 * 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 3 * 0x9E3779B9) & MASK32, (k1 + 3 * 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 4 * 0x9E3779B9) & MASK32, (k1 + 4 * 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 5 * 0x9E3779B9) & MASK32, (k1 + 5 * 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 6 * 0x9E3779B9) & MASK32, (k1 + 6 * 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 7 * 0x9E3779B9) & MASK32, (k1 + 7 * 0xBB67AE85) & MASK32)
    c0, c1, c2, c3 = turn(c0, c1, c2, c3, (k0 + 8 * 0x9E3779B9) & MASK32, (k1 + 8 * 0xBB67AE85) & MASK32)
    return turn(c0, c1, c2, c3, (k0 + 9 * 0x9E3779B9) & MASK32, (k1 + 9 * 0xBB67AE85) & MASK32)


@row(cpu=_unrolled_cpu)
def unrolled(c0, c1, c2, c3, k0, k1):
    """As :func:`mitoferry.core.random.philox`."""
    return philox(c0, c1, c2, c3, k0, k1)


def _lane_uniform4_cpu(key0, key1, birth, ordinal, stream, step, draw):
    a, b, c, d = unrolled(int(ordinal), int(birth), step & MASK32, (stream << 16) + draw, int(key0), int(key1))
    return (
        (a + 0.5) * INVERSE_2_32,
        (b + 0.5) * INVERSE_2_32,
        (c + 0.5) * INVERSE_2_32,
        (d + 0.5) * INVERSE_2_32,
    )


@row(cpu=_lane_uniform4_cpu)
def lane_uniform4(key0, key1, birth, ordinal, stream, step, draw):
    """As :func:`mitoferry.core.random.uniform4`, for use in loops over the slots of a page."""
    return uniform4(key0, key1, birth, ordinal, stream, step, draw)
