"""Pairs in fusion and fission (see ``fusion_fission``): which pages meet, offsets and classes, who may fuse, what a cycle does to two.

Verification: tests/verification/test_fusion_fission.py.
"""

from __future__ import annotations

import math

from mitoferry.core.maths import chance, exp
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    DAMAGE_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    DOUBLE_MEMBRANE,
    ENDOSOME,
    FUSED,
    MASS_SCALE,
    N_CLASSES,
    OCCUPIED,
    OWN_ISOLATED,
    OWN_NETWORK,
    PORE_OPEN,
    PSI_OFFSET_SCALE,
    WITHOUT_POTENTIAL,
)
from mitoferry.core.streams import FISSION
from mitoferry.processes.fusion_content import deal_copies, exchange
from mitoferry.processes.organelle import class_of, place_of, with_class

FAR, FAR_SHARE = 5.0, 0.986  # f at FAR widths above the threshold, squared: 1/(1 + exp(-5))^2 = 0.98666
# columns of the scratch table of a step, one row per cell
LENGTH, LANES, RATE, MOST, SURE, COMPATIBLE, STRENGTH, STRESS, DECAY, MEANS = range(10)
N_TERMS = MEANS + N_CLASSES


@row
def meet_ends(front, back, count, pages, partners, before):
    """The ``count`` pages of a chain from ``front`` to ``back`` meet: the first the last, the second the last but one."""
    for _ in range((count + 1) // 2):
        partners[front] = back
        front = int(pages.next[front])
        back = int(before[back])


@row
def pair_pages(h, u, cells, pages, partners, before):
    """Which pages of cell ``h`` meet, from a uniform ``u``; returns how many there are.

    ``partners`` has the partner of each page, -1 where that one comes first in the chain; ``before`` is scratch.
    """
    length = 0
    last = -1
    page = int(cells.first_page[h])
    while page >= 0:
        partners[page] = -1
        before[page] = last
        length += 1
        last = page
        page = int(pages.next[page])
    if length == 0:
        return 0
    turn = int(math.floor(u * length))  # the page at that place of the chain meets the first
    page = int(cells.first_page[h])
    for _ in range(turn):
        page = int(pages.next[page])
    meet_ends(int(cells.first_page[h]), page, turn + 1, pages, partners, before)
    if turn + 1 < length:
        meet_ends(int(pages.next[page]), last, length - turn - 1, pages, partners, before)
    return length


@row
def settle(slot, mean0, mean1, mean2, mean3, decay, mitochondria, p):
    """Relax the potential offset of one mitochondrion and set its energy class; an empty slot stays. Without branches."""
    flags = int(mitochondria.flags[slot])
    occupied = flags & OCCUPIED != 0
    energy_class = class_of(flags)
    low = mean1 if energy_class == OWN_ISOLATED else mean0
    high = mean3 if energy_class == DONOR_ENDOSOME else mean2
    mean = high if energy_class >= DONOR_FREE else low
    target = p.offset_damage * (DAMAGE_SCALE * int(mitochondria.damage[slot]) - mean) / PSI_OFFSET_SCALE
    before = int(mitochondria.psi_offset[slot])
    offset = target + (before - target) * decay
    offset = min(max(math.floor(offset + 0.5), -32000.0), 32000.0)
    mitochondria.psi_offset[slot] = int(offset) if occupied else before
    place = place_of(flags)
    own = energy_class == OWN_NETWORK and (flags & PORE_OPEN != 0 or offset * PSI_OFFSET_SCALE > p.isolation_offset)
    wanted = OWN_ISOLATED if own else energy_class
    wanted = DONOR_FREE if energy_class == DONOR_ENDOSOME else wanted
    wanted = DONOR_ENDOSOME if place == ENDOSOME or place == DOUBLE_MEMBRANE else wanted
    mitochondria.flags[slot] = with_class(flags, wanted) if occupied else flags


@row
def own_potential(slot, cells, h, mitochondria):
    """Potential [mV] of a mitochondrion that can fuse; -1000 with an open pore, broken, or outside the cytosol."""
    flags = int(mitochondria.flags[slot])
    if place_of(flags) != CYTOSOL or flags & WITHOUT_POTENTIAL != 0:
        return -1000.0
    return float(cells.psi[h, class_of(flags)]) - PSI_OFFSET_SCALE * int(mitochondria.psi_offset[slot])


@row
def can_fuse(psi, p):
    """Chance factor f(psi) of a mitochondrion to take part in a fusion; 0 where it cannot."""
    factor = 1.0 / (1.0 + exp((p.potential_half - psi) / p.potential_width))
    return factor if psi > -1000.0 else 0.0


@row
def join(slot, mitochondria):
    """A partner of a fusion belongs to the own network now."""
    flags = int(mitochondria.flags[slot])
    flags = flags | FUSED if class_of(flags) == DONOR_FREE else flags
    mitochondria.flags[slot] = with_class(flags, OWN_NETWORK)


@row
def share_content(s1, s2, x, s, u, strength, some_carried, some_bound, mitochondria, p):
    """Content of a fused pair, from three uniforms: how much mixes (``x``), how mass is divided (``s``), rounding (``u``)."""
    x = p.exchange_low + (p.exchange_high - p.exchange_low) * x
    m1 = int(mitochondria.mass[s1])
    total = m1 + int(mitochondria.mass[s2])
    shift = 0
    smallest = int(p.smallest_mass / MASS_SCALE)
    largest = int(p.largest_mass / MASS_SCALE)
    if s < strength and total >= 2 * smallest and total <= 2 * largest:
        share = 0.5 + p.split_spread * (2.0 * s / min(strength, 1.0) - 1.0)
        new = int(share * total)
        new = min(max(new, max(smallest, total - largest)), min(largest, total - smallest))
        shift = new - m1
    if m1 > 0 and total > m1:
        exchange(s1, s2, x, shift, u, some_carried, some_bound, mitochondria)


@row
def uneven_chance(strength, stress, p):
    """Chance that one partner leaves with a lower potential."""
    return p.uneven_chance * strength * (1.0 + p.stress_gain * stress)


@row
def left_of(deal, p):
    """What is left of the uniform ``deal`` once it has said whether mtDNA is dealt (below ``mtdna_exchange``): uniform again."""
    dealt = deal < p.mtdna_exchange
    return (deal if dealt else deal - p.mtdna_exchange) / (p.mtdna_exchange if dealt else 1.0 - p.mtdna_exchange)


@row
def part_unevenly(s1, s2, key0, key1, mitochondria, p, step):
    """One of the two leaves with a lower potential, isolated."""
    b, c, _, _ = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FISSION, step.step, 0)
    slot = s1 if b < 0.5 else s2
    drop = p.uneven_drop * (0.5 + c) / PSI_OFFSET_SCALE
    mitochondria.psi_offset[slot] = int(min(int(mitochondria.psi_offset[slot]) + drop, 32000.0))
    mitochondria.flags[slot] = with_class(int(mitochondria.flags[slot]), OWN_ISOLATED)


@row
def rate_before_potentials(s1, s2, rate, compatible, mitochondria):
    """Rate [1/h] at which a pair would fuse if both potentials were high: ``rate`` of the network, 0 for two arrivals."""
    donor1 = class_of(int(mitochondria.flags[s1])) >= DONOR_FREE
    donor2 = class_of(int(mitochondria.flags[s2])) >= DONOR_FREE
    apart = 0.0 if donor1 and donor2 else rate * compatible
    return apart if donor1 or donor2 else rate


@row
def sure_chance(s1, s2, psi1, psi2, sure, mitochondria, p):
    """Chance of a fusion for which two potentials [mV] need no further look: ``sure`` for two of the network far above the threshold."""
    arrivals = class_of(int(mitochondria.flags[s1])) >= DONOR_FREE or class_of(int(mitochondria.flags[s2])) >= DONOR_FREE
    return sure if not arrivals and min(psi1, psi2) > p.potential_half + FAR * p.potential_width else 0.0


@row
def fusion_chance(rate, psi1, psi2, dt, p):
    """Chance that a pair with these potentials [mV] fuses within ``dt`` [h]."""
    return chance(rate * can_fuse(psi1, p) * can_fuse(psi2, p), dt)


@row
def fused(s1, s2, a, rate, sure, compatible, cells, h, mitochondria, p, step):
    """Whether a pair fuses, given its uniform ``a``: -1, or what is left of ``a``, stretched to 0..1 (uniform again).

    Where both potentials are far above the threshold, a chance of ``sure`` needs no look at how far.
    """
    rate = rate_before_potentials(s1, s2, rate, compatible, mitochondria)
    if rate <= 0.0:
        return -1.0
    psi1 = own_potential(s1, cells, h, mitochondria)
    psi2 = own_potential(s2, cells, h, mitochondria)
    least = sure_chance(s1, s2, psi1, psi2, sure, mitochondria, p)
    if a < least:
        return a / least
    whole = fusion_chance(rate, psi1, psi2, step.dt / 3600.0, p)
    return (a - least) / (whole - least) if a < whole else -1.0


@row
def meet(s1, s2, a, x, s, u, terms, cells, h, key0, key1, mitochondria, p, step):
    """What happens to a pair in this step, from four uniforms."""
    deal = fused(s1, s2, a, terms[h, RATE], terms[h, SURE], terms[h, COMPATIBLE], cells, h, mitochondria, p, step)
    if deal < 0.0:
        return
    join(s1, mitochondria)
    join(s2, mitochondria)
    if int(mitochondria.mass[s1]) + int(mitochondria.mass[s2]) <= 0:
        return
    share_content(s1, s2, x, s, u, terms[h, STRENGTH], True, True, mitochondria, p)
    if deal < p.mtdna_exchange:
        deal_copies(s1, s2, key0, key1, mitochondria, step)
    if left_of(deal, p) < uneven_chance(terms[h, STRENGTH], terms[h, STRESS], p):
        part_unevenly(s1, s2, key0, key1, mitochondria, p, step)
