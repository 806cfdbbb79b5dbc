"""What two fused mitochondria exchange: content by mass and share, mtDNA copy by copy (see ``fusion_fission``).

Sums of mass, label, dye and copies are conserved exactly. Verification: tests/verification/test_fusion_fission.py.
"""

from __future__ import annotations

from mitoferry.core.random import binomial_from, stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import MASS_SCALE, MAX_COPIES, N_HAPLOTYPES
from mitoferry.core.streams import FUSION_EXCHANGE

LARGEST = 65535
TINY = 1e-300  # in place of 0 where a quotient is formed that is not used


@row
def carried(amount_1, amount_2, out_share, in_share, u):
    """Net integer amount that partner 1 gains when shares of both amounts change sides; stays within the column."""
    net = stochastic_round(in_share * amount_2 - out_share * amount_1, u)
    net = min(max(net, -amount_1), amount_2)
    return min(max(net, amount_2 - LARGEST), LARGEST - amount_1)


@row
def division_of(m1, m2, x, s, strength, p):
    """How a fused pair of masses ``m1`` and ``m2`` (as in the column) divides anew, and what changes sides. Without branches.

    Args:
        m1, m2: masses; nothing moves where one is 0.
        x: uniform that gives the share of full equalisation.
        s: uniform that gives how the two part.
        strength: of fission; below 1 some pairs part as they came.
        p: parameters of ``fusion_fission``.

    Returns:
        The mass of the first afterwards; the shares of new content in each afterwards; the shares of content that leave each.
    """
    x = p.exchange_low + (p.exchange_high - p.exchange_low) * x
    total = m1 + m2
    smallest = int(p.smallest_mass / MASS_SCALE)
    largest = int(p.largest_mass / MASS_SCALE)
    share = 0.5 + p.split_spread * (2.0 * s / max(min(strength, 1.0), TINY) - 1.0)
    new = int(share * total)
    new = min(max(new, max(smallest, total - largest)), min(largest, total - smallest))
    both = (m1 > 0) & (m2 > 0)
    shift = new - m1 if (s < strength) & (total >= 2 * smallest) & (total <= 2 * largest) & both else 0
    base = x * m1 * m2 / max(total, 1)
    incoming = base + max(shift, 0)
    outgoing = base + max(-shift, 0)
    over = max(max(incoming - m2, outgoing - m1), 0.0)
    incoming = incoming - over
    outgoing = outgoing - over
    new = m1 + shift
    return new, incoming / max(new, 1), outgoing / max(total - new, 1), outgoing / max(m1, 1), incoming / max(m2, 1)


@row
def mix(column, s1, s2, share1, share2, u):
    """Mix a per-mass quantity: each moves by its share towards the other's; equal shares conserve the sum."""
    a = int(column[s1])
    b = int(column[s2])
    column[s1] = a + stochastic_round(share1 * (b - a), u)
    column[s2] = b - stochastic_round(share2 * (b - a), u)


@row
def carry(column, s1, s2, out_share, in_share, u):
    """Carry shares of an amount to the other side; their sum is conserved."""
    a = int(column[s1])
    b = int(column[s2])
    if a + b > 0:
        net = carried(a, b, out_share, in_share, u)
        column[s1] = a + net
        column[s2] = b - net


@row
def exchange(s1, s2, new1, new2, share1, share2, out_share, in_share, u, some_carried, some_bound, mitochondria):
    """Mix the content of two fused mitochondria, see :func:`division_of`; ``u`` is the uniform for the rounding.

    ``some_carried`` and ``some_bound`` say whether there may be label or dye, and bound inhibitors.
    """
    mitochondria.mass[s1] = new1
    mitochondria.mass[s2] = new2
    if some_carried:
        carry(mitochondria.label, s1, s2, out_share, in_share, u)
        carry(mitochondria.dye, s1, s2, out_share, in_share, u)
    mix(mitochondria.damage, s1, s2, share1, share2, u)
    mix(mitochondria.complex1, s1, s2, share1, share2, u)
    mix(mitochondria.complex34, s1, s2, share1, share2, u)
    mix(mitochondria.complex5, s1, s2, share1, share2, u)
    if some_bound:
        mix(mitochondria.bound1, s1, s2, share1, share2, u)
        mix(mitochondria.bound3, s1, s2, share1, share2, u)
    mix(mitochondria.psi_offset, s1, s2, share1, share2, u)


@row
def deal_copy(n, share, u):
    """How many of ``n`` pooled copies the first partner gets: binomial, within 255 on both sides."""
    first = binomial_from(n, share, u)
    return min(max(first, n - MAX_COPIES), MAX_COPIES)


@row
def deal_copies(s1, s2, key0, key1, mitochondria, step):
    """Pool the mtDNA of two fused mitochondria and deal it by mass, each copy on its own."""
    m1 = int(mitochondria.mass[s1])
    m2 = int(mitochondria.mass[s2])
    share = m1 / (m1 + m2)
    a, b, c, d = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FUSION_EXCHANGE, step.step, 1)
    for k in range(N_HAPLOTYPES):
        n = int(mitochondria.copies[s1, k]) + int(mitochondria.copies[s2, k])
        if n > 0:
            first = deal_copy(n, share, a)
            mitochondria.copies[s1, k] = first
            mitochondria.copies[s2, k] = n - first
        a = b
        b = c
        c = d
