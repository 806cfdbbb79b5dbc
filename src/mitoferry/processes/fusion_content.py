"""What two fused mitochondria exchange: content by mass and share, mtDNA copy by copy (see ``fusion_fission``).

Sums of mass, label, dye and copies are conserved exactly. Verification: tests/verification/test_fusion_fission.py.
"""

from __future__ import annotations

from mitoferry.core.random import binomial_from, stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import MAX_COPIES, N_HAPLOTYPES
from mitoferry.core.streams import FUSION_EXCHANGE

LARGEST = 65535


@row
def mixed(here, there, share, u):
    """Integer with expectation ``here + share (there - here)``; equal shares on both sides conserve the sum."""
    difference = there - here
    if difference == 0:
        return here
    return here + stochastic_round(share * difference, u)


@row
def given(here, there, share, u):
    """As :func:`mixed`, seen from the other partner: the same ``u``, the opposite sign."""
    difference = there - here
    if difference == 0:
        return here
    return here - stochastic_round(-share * difference, u)


@row
def carried(amount_1, amount_2, out_share, in_share, u):
    """Net integer amount that partner 1 gains when shares of both amounts change sides; stays within the column."""
    net = stochastic_round(in_share * amount_2 - out_share * amount_1, u)
    net = min(max(net, -amount_1), amount_2)
    return min(max(net, amount_2 - LARGEST), LARGEST - amount_1)


@row
def exchange(s1, s2, x, shift, u, mitochondria):
    """Mix the content of two fused mitochondria; ``shift`` mass quanta go to the first.

    ``x`` is the share of full equalisation (0..1), ``u`` the uniform for the rounding.
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
    new1 = m1 + shift
    new2 = m2 - shift
    f1 = incoming / new1
    f2 = outgoing / new2
    a = int(mitochondria.label[s1])
    b = int(mitochondria.label[s2])
    if a + b > 0:
        label = carried(a, b, outgoing / m1, incoming / m2, u)
        mitochondria.label[s1] = a + label
        mitochondria.label[s2] = b - label
    a = int(mitochondria.dye[s1])
    b = int(mitochondria.dye[s2])
    if a + b > 0:
        dye = carried(a, b, outgoing / m1, incoming / m2, u)
        mitochondria.dye[s1] = a + dye
        mitochondria.dye[s2] = b - dye
    a = int(mitochondria.damage[s1])
    b = int(mitochondria.damage[s2])
    mitochondria.damage[s1] = mixed(a, b, f1, u)
    mitochondria.damage[s2] = given(b, a, f2, u)
    a = int(mitochondria.complex1[s1])
    b = int(mitochondria.complex1[s2])
    mitochondria.complex1[s1] = mixed(a, b, f1, u)
    mitochondria.complex1[s2] = given(b, a, f2, u)
    a = int(mitochondria.complex34[s1])
    b = int(mitochondria.complex34[s2])
    mitochondria.complex34[s1] = mixed(a, b, f1, u)
    mitochondria.complex34[s2] = given(b, a, f2, u)
    a = int(mitochondria.complex5[s1])
    b = int(mitochondria.complex5[s2])
    mitochondria.complex5[s1] = mixed(a, b, f1, u)
    mitochondria.complex5[s2] = given(b, a, f2, u)
    a = int(mitochondria.bound1[s1])
    b = int(mitochondria.bound1[s2])
    mitochondria.bound1[s1] = mixed(a, b, f1, u)
    mitochondria.bound1[s2] = given(b, a, f2, u)
    a = int(mitochondria.bound3[s1])
    b = int(mitochondria.bound3[s2])
    mitochondria.bound3[s1] = mixed(a, b, f1, u)
    mitochondria.bound3[s2] = given(b, a, f2, u)
    a = int(mitochondria.psi_offset[s1])
    b = int(mitochondria.psi_offset[s2])
    mitochondria.psi_offset[s1] = mixed(a, b, f1, u)
    mitochondria.psi_offset[s2] = given(b, a, f2, u)
    mitochondria.mass[s1] = new1
    mitochondria.mass[s2] = new2


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
