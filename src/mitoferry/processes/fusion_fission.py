"""Fusion and fission: pairs of mitochondria exchange content and part again; potential of one's own; energy classes.

Mechanism. Mitochondria fuse with a partner at rate ``fusion_rate`` (about 5 cycles/h, Twig 2008), share their matrix and
separate within minutes: one event here is the whole cycle, between persistent individuals (no record is merged). Each
step pairs the mitochondria of a cell at random and disjointly, and a pair fuses with chance 1 - exp(-rate dt)::

    rate = r_f f(psi_1) f(psi_2) node_fusion exp(-k (H - H_rest)_+/H_c) arrival_fusion^[one partner is an unfused arrival]
    f    = 1/(1 + exp((100 mV - psi)/8 mV))

Pairing is an involution on position in the cell: page q of a chain of P meets page (K - q) mod P, and lane k of one meets
lane (L - k) mod 32 of the other, with K and L drawn per cell and step. Empty slots are made up for by the rate.

Content. A fused pair equalises a random share x (30-100 %): matrix mass a goes from i to j and b from j to i, so that
per-mass quantities follow c_i' = c_i + b/m_i' (c_j - c_i) (damage, complexes, inhibitor, potential), amounts
(label, dye) are carried along, and with a fission of normal strength total mass is divided anew between
the two. With a chance of 5-10 % all copies of mtDNA are pooled and dealt by mass. Sums of mass, label, dye and of copies
per haplotype are conserved exactly; the mass-weighted sums of per-mass quantities up to unbiased rounding (exactly where
the two masses are equal).

Fission. With chance ``uneven_chance`` times DRP1 (node) times 1 + 2 stress per cycle one partner leaves with a lower
potential (Twig 2008): it is isolated until it recovers and fuses again. The offset relaxes to one proportional to the
mitochondrion's damage above the mean of its class, so the damaged lose potential, cannot fuse, and are left to mitophagy.

Classes. Endosome: as the place says. Unfused arrival: until it fuses, then own network (flag FUSED). Own isolated: open pore, or
potential more than ``isolation_offset`` below its class; back in the network with the next fusion.

Assumptions: well mixed within a cell; at most one event per mitochondrion and step (chance 0.34 at rest), mean number of
events exact to (r dt)/2. Verification: tests/verification/test_fusion_fission.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from mitoferry.core.maths import chance, exp
from mitoferry.core.nodes import NODE_FISSION, NODE_FUSION
from mitoferry.core.process import Process
from mitoferry.core.random import binomial_from, stochastic_round, uniform4
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
    N_HAPLOTYPES,
    OCCUPIED,
    OWN_ISOLATED,
    OWN_NETWORK,
    PAGE,
    PORE_OPEN,
    PSI_OFFSET_SCALE,
    SUM_DAMAGE,
    SUM_MASS,
)
from mitoferry.core.streams import FISSION, FUSION, FUSION_EXCHANGE
from mitoferry.processes.organelle import class_of, excess_oxidant, place_of, with_class
from mitoferry.processes.rest import RESTING_ATP, RESTING_H2O2, alive

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

MAX_COPIES = 255
LARGEST = 65535


class Parameters(NamedTuple):
    """Rates in 1/h, potentials in mV, H2O2 in uM, mass in units (library: ``fusion_fission.*``)."""

    fusion_rate: float
    potential_half: float
    potential_width: float
    oxidant_block: float
    oxidant_scale: float
    exchange_low: float
    exchange_high: float
    mtdna_exchange: float
    split_spread: float
    smallest_mass: float
    largest_mass: float
    uneven_chance: float
    uneven_drop: float
    stress_gain: float
    stress_h2o2_half: float
    offset_time: float
    offset_damage: float
    isolation_offset: float


@row
def chain_place(page, cells, pages, h):
    """Position of ``page`` in the chain of cell ``h`` and the length of the chain."""
    index = 0
    length = 0
    q = int(cells.first_page[h])
    while q >= 0:
        if q == page:
            index = length
        length += 1
        q = int(pages.next[q])
    return index, length


@row
def chain_page(cells, pages, h, index):
    """The page at position ``index`` of the chain of cell ``h``."""
    q = int(cells.first_page[h])
    for _ in range(index):
        q = int(pages.next[q])
    return q


@row
def class_damage(cells, h, k):
    """Mean damage of energy class ``k`` of cell ``h``, weighted by mass."""
    mass = int(cells.sums[h, k, SUM_MASS])
    if mass <= 0:
        return 0.0
    return int(cells.sums[h, k, SUM_DAMAGE]) / mass


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
    label = carried(int(mitochondria.label[s1]), int(mitochondria.label[s2]), outgoing / m1, incoming / m2, u)
    dye = carried(int(mitochondria.dye[s1]), int(mitochondria.dye[s2]), outgoing / m1, incoming / m2, u)
    mitochondria.label[s1] = int(mitochondria.label[s1]) + label
    mitochondria.label[s2] = int(mitochondria.label[s2]) - label
    mitochondria.dye[s1] = int(mitochondria.dye[s1]) + dye
    mitochondria.dye[s2] = int(mitochondria.dye[s2]) - dye
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


@row
def settle(slot, cells, h, mean0, decay, mitochondria, p):
    """Relax the potential offset of one mitochondrion and set its energy class."""
    flags = int(mitochondria.flags[slot])
    energy_class = class_of(flags)
    mean = mean0
    if energy_class != OWN_NETWORK:
        mean = class_damage(cells, h, energy_class)
    target = p.offset_damage * (DAMAGE_SCALE * int(mitochondria.damage[slot]) - mean) / PSI_OFFSET_SCALE
    offset = target + (int(mitochondria.psi_offset[slot]) - target) * decay
    offset = min(max(math.floor(offset + 0.5), -32000.0), 32000.0)
    mitochondria.psi_offset[slot] = int(offset)
    wanted = energy_class
    if place_of(flags) in (ENDOSOME, DOUBLE_MEMBRANE):
        wanted = DONOR_ENDOSOME
    elif energy_class == DONOR_ENDOSOME:
        wanted = DONOR_FREE
    elif energy_class == OWN_NETWORK and (flags & PORE_OPEN != 0 or offset * PSI_OFFSET_SCALE > p.isolation_offset):
        wanted = OWN_ISOLATED
    if wanted != energy_class:
        mitochondria.flags[slot] = with_class(flags, wanted)


@row
def can_fuse(slot, cells, h, mitochondria, p):
    """Chance factor f(psi) of a mitochondrion to take part in a fusion; 0 with an open pore or outside the cytosol."""
    flags = int(mitochondria.flags[slot])
    if place_of(flags) != CYTOSOL or flags & PORE_OPEN != 0:
        return 0.0
    psi = float(cells.psi[h, class_of(flags)]) - PSI_OFFSET_SCALE * int(mitochondria.psi_offset[slot])
    return 1.0 / (1.0 + exp((p.potential_half - psi) / p.potential_width))


@row
def join(slot, mitochondria):
    """A partner of a fusion belongs to the own network now."""
    flags = int(mitochondria.flags[slot])
    if class_of(flags) == DONOR_FREE:
        flags = flags | FUSED
    mitochondria.flags[slot] = with_class(flags, OWN_NETWORK)


@row
def part(s1, s2, strength, stress, key0, key1, mitochondria, p, step):
    """Content of a fused pair: how much mixes, how mass is divided, whether one partner leaves with a lower potential."""
    x, s, u, deal = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FUSION_EXCHANGE, step.step, 0)
    x = p.exchange_low + (p.exchange_high - p.exchange_low) * x
    m1 = int(mitochondria.mass[s1])
    total = m1 + int(mitochondria.mass[s2])
    if total <= 0:
        return
    shift = 0
    smallest = int(p.smallest_mass / MASS_SCALE)
    largest = int(p.largest_mass / MASS_SCALE)
    if s < strength and total >= 2 * smallest and total <= 2 * largest:
        share = 0.5 + p.split_spread * (2.0 * s / min(strength, 1.0) - 1.0)
        new = int(share * total)
        new = min(max(new, max(smallest, total - largest)), min(largest, total - smallest))
        shift = new - m1
    if m1 > 0 and total > m1:
        exchange(s1, s2, x, shift, u, mitochondria)
    if deal < p.mtdna_exchange:
        deal_copies(s1, s2, key0, key1, mitochondria, step)
    a, b, c, _ = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FISSION, step.step, 0)
    if a < p.uneven_chance * strength * (1.0 + p.stress_gain * stress):
        slot = s1 if b < 0.5 else s2
        drop = p.uneven_drop * (0.5 + c) / PSI_OFFSET_SCALE
        mitochondria.psi_offset[slot] = int(min(int(mitochondria.psi_offset[slot]) + drop, 32000.0))
        mitochondria.flags[slot] = with_class(int(mitochondria.flags[slot]), OWN_ISOLATED)


@row
def meet(s1, s2, rate, most, compatible, strength, stress, cells, h, key0, key1, mitochondria, p, step):
    """What happens to a pair in this step; ``most`` is the chance of a fusion at full potential."""
    donor1 = class_of(int(mitochondria.flags[s1])) >= DONOR_FREE
    donor2 = class_of(int(mitochondria.flags[s2])) >= DONOR_FREE
    if donor1 and donor2:
        return
    u, _, _, _ = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FUSION, step.step, 0)
    if u >= most:
        return
    if donor1 or donor2:
        rate = rate * compatible
    rate = rate * can_fuse(s1, cells, h, mitochondria, p) * can_fuse(s2, cells, h, mitochondria, p)
    if u < chance(rate, step.dt / 3600.0):
        join(s1, mitochondria)
        join(s2, mitochondria)
        part(s1, s2, strength, stress, key0, key1, mitochondria, p, step)


@row
def fusion_page(i, cells, groups, wells, pages, mitochondria, p, step):
    """All pairs of page ``i`` with its partner page in this step (done by the one that comes first in the chain)."""
    h = int(pages.owner[i])
    if h < 0:
        return
    if not alive(int(cells.state[h])):
        return
    index, length = chain_place(i, cells, pages, h)
    w = int(cells.well[h])
    key0 = wells.key0[w]
    key1 = wells.key1[w]
    a, b, _, _ = uniform4(key0, key1, cells.id[h], 0, FUSION, step.step, 1)
    other = (int(a * length) - index + length) % length
    if other < index:
        return
    lanes = int(b * PAGE)
    partner = chain_page(cells, pages, h, other)
    g = int(cells.group[h])
    h2o2 = float(cells.h2o2[h])
    stress = max(excess_oxidant(h2o2, p.stress_h2o2_half), min(max(1.0 - float(cells.atp[h]) / (0.7 * RESTING_ATP), 0.0), 1.0))
    strength = float(groups.nodes[g, NODE_FISSION])
    crowding = min(length * PAGE / max(int(cells.n_mitochondria[h]), 1), 4.0)
    rate = p.fusion_rate * crowding * float(groups.nodes[g, NODE_FUSION])
    rate = rate * exp(-p.oxidant_block * max(h2o2 - RESTING_H2O2, 0.0) / p.oxidant_scale)
    compatible = float(groups.arrival_fusion[g])
    most = chance(rate * max(compatible, 1.0), step.dt / 3600.0)
    mean0 = class_damage(cells, h, OWN_NETWORK)
    decay = exp(-step.dt / 3600.0 / p.offset_time)
    for k in range(PAGE):
        j = (lanes - k + PAGE) % PAGE
        s1 = i * PAGE + k
        s2 = partner * PAGE + j
        if partner != i or j >= k:
            here = int(mitochondria.flags[s1]) & OCCUPIED != 0
            there = int(mitochondria.flags[s2]) & OCCUPIED != 0
            if here:
                settle(s1, cells, h, mean0, decay, mitochondria, p)
            if there and s1 != s2:
                settle(s2, cells, h, mean0, decay, mitochondria, p)
                if here:
                    meet(s1, s2, rate, most, compatible, strength, stress, cells, h, key0, key1, mitochondria, p, step)


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of fusion and fission in all cells."""
    n_pages = len(world.pages.owner)
    world.backend.each(fusion_page, n_pages, world.cells, world.groups, world.wells, world.pages, world.mitochondria, p, step)


PROCESS = Process(
    name="fusion_fission", stage="quality", clock="mitochondria", parameters=Parameters, advance=advance, writes_mitochondria=True
)
