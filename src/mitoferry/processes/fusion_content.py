"""What two fused mitochondria exchange: content by mass and share, mtDNA copy by copy (see ``fusion_fission``).

Sums of mass, label, dye and copies are conserved exactly. Verification: tests/verification/test_fusion_fission.py.
"""

from __future__ import annotations

from mitoferry.core.random import binomial_from, stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import MAX_COPIES, N_HAPLOTYPES
from mitoferry.core.streams import FUSION_EXCHANGE, MTDNA_ADDUCTS

LARGEST = 65535


@row
def mix(column, s1, s2, share1, share2, u):
    """Both partners' values of a per-mass quantity move towards the other's by their shares; equal shares conserve the sum.

    Where they are equal nothing changes, as ``u`` < 1.
    """
    a = int(column[s1])
    b = int(column[s2])
    column[s1] = a + stochastic_round(share1 * (b - a), u)
    column[s2] = b - stochastic_round(share2 * (b - a), u)


@row
def carried(amount_1, amount_2, out_share, in_share, u):
    """Net integer amount that partner 1 gains when shares of both amounts change sides; stays within the column."""
    net = stochastic_round(in_share * amount_2 - out_share * amount_1, u)
    net = min(max(net, -amount_1), amount_2)
    return min(max(net, amount_2 - LARGEST), LARGEST - amount_1)


@row
def carry(column, s1, s2, out_share, in_share, u):
    """Shares of the two partners' amounts change sides."""
    a = int(column[s1])
    b = int(column[s2])
    if a + b > 0:
        net = carried(a, b, out_share, in_share, u)
        column[s1] = a + net
        column[s2] = b - net


@row
def exchange(s1, s2, x, shift, u, some_carried, some_bound, mitochondria):
    """Mix the content of two fused mitochondria; ``shift`` mass quanta go to the first.

    ``x`` is the share of full equalisation (0..1), ``u`` the uniform for the rounding. ``some_carried`` and ``some_bound`` say whether
    there may be label or dye, and inhibitors.
    """
    m1 = int(mitochondria.mass[s1])
    m2 = int(mitochondria.mass[s2])
    base = x * m1 * m2 / (m1 + m2)
    incoming = base + max(shift, 0)
    outgoing = base + max(-shift, 0)
    over = max(incoming - m2, outgoing - m1)
    if over > 0.0:
        incoming = incoming - over
        outgoing = outgoing - over
    f1 = incoming / (m1 + shift)
    f2 = outgoing / (m2 - shift)
    if some_carried:
        carry(mitochondria.label, s1, s2, outgoing / m1, incoming / m2, u)
        carry(mitochondria.dye, s1, s2, outgoing / m1, incoming / m2, u)
    mix(mitochondria.damage, s1, s2, f1, f2, u)
    mix(mitochondria.complex1, s1, s2, f1, f2, u)
    mix(mitochondria.complex34, s1, s2, f1, f2, u)
    mix(mitochondria.complex5, s1, s2, f1, f2, u)
    if some_bound:
        mix(mitochondria.bound1, s1, s2, f1, f2, u)
        mix(mitochondria.bound3, s1, s2, f1, f2, u)
    mix(mitochondria.psi_offset, s1, s2, f1, f2, u)
    mitochondria.mass[s1] = m1 + shift
    mitochondria.mass[s2] = m2 - shift


@row
def deal_copy(n, share, u):
    """How many of ``n`` pooled copies the first partner gets: binomial, within 255 on both sides."""
    first = binomial_from(n, share, u)
    return min(max(first, n - MAX_COPIES), MAX_COPIES)


@row
def pool_adducts(s1, s2, key0, key1, mitochondria, step):
    """Both partners get the share of adducted copies of the two together, before these are dealt: their number is conserved in the mean."""
    n1 = 0
    n2 = 0
    for k in range(N_HAPLOTYPES):
        n1 += int(mitochondria.copies[s1, k])
        n2 += int(mitochondria.copies[s2, k])
    if n1 + n2 > 0:
        u, _, _, _ = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], MTDNA_ADDUCTS, step.step, 1)
        pooled = stochastic_round((n1 * int(mitochondria.adducts[s1]) + n2 * int(mitochondria.adducts[s2])) / (n1 + n2), u)
        mitochondria.adducts[s1] = pooled
        mitochondria.adducts[s2] = pooled


@row
def deal_copies(s1, s2, key0, key1, mitochondria, step):
    """Pool the mtDNA of two fused mitochondria and deal it by mass, each copy on its own."""
    m1 = int(mitochondria.mass[s1])
    m2 = int(mitochondria.mass[s2])
    share = m1 / (m1 + m2)
    a, b, c, d = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FUSION_EXCHANGE, step.step, 1)
    if int(mitochondria.adducts[s1]) != int(mitochondria.adducts[s2]):
        pool_adducts(s1, s2, key0, key1, mitochondria, step)
    for k in range(N_HAPLOTYPES):
        n = int(mitochondria.copies[s1, k]) + int(mitochondria.copies[s2, k])
        if n > 0:
            first = deal_copy(n, share, a)
            mitochondria.copies[s1, k] = first
            mitochondria.copies[s2, k] = n - first
        a = b
        b = c
        c = d
