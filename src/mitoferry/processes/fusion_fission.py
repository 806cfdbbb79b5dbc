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

One that has lost its membrane outside of cells (flag BROKEN: isolated without potential, or gone bad in the medium, in a vesicle or
on its way) has no potential inside its host either, whatever others of its class have: it never fuses, and stays an arrival until it is
degraded.

Classes. Endosome: as the place says. Unfused arrival: until it fuses, then own network (flag FUSED). Own isolated: open pore, or
potential more than ``isolation_offset`` below its class; back in the network with the next fusion.

Assumptions: well mixed within a cell; at most one event per mitochondrion and step (chance 0.34 at rest), mean number of
events exact to (r dt)/2. Four uniforms per pair decide and say how; the one that decided, stretched to 0..1, is used again. Where both
potentials are more than five widths above the threshold, most decisions need no look at f.
Verification: tests/verification/test_fusion_fission.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.lanes import AHEAD, ask_ahead, ask_identities, lane, lane_uniform4, lanes
from mitoferry.core.maths import chance, exp
from mitoferry.core.nodes import NODE_FISSION, NODE_FUSION
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    N_CLASSES,
    OCCUPIED,
    PAGE,
    SUM_DAMAGE,
    SUM_MASS,
)
from mitoferry.core.streams import FUSION
from mitoferry.processes.fusion_content import deal_copies
from mitoferry.processes.fusion_pair import (
    COMPATIBLE,
    DECAY,
    FAR_SHARE,
    LANES,
    LENGTH,
    MEANS,
    MOST,
    N_TERMS,
    RATE,
    STRENGTH,
    STRESS,
    SURE,
    fusion_chance,
    join,
    left_of,
    meet,
    own_potential,
    pair_pages,
    part_unevenly,
    rate_before_potentials,
    settle,
    share_content,
    sure_chance,
    uneven_chance,
)
from mitoferry.processes.organelle import excess_oxidant
from mitoferry.processes.rest import RESTING_ATP, RESTING_H2O2, alive, relative_h2o2

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World


LAST = PAGE - 1
SIDE_BY_SIDE = 8  # numbers that a vector register of 64 bytes holds


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
def class_damage(cells, h, k):
    """Mean damage of energy class ``k`` of cell ``h``, weighted by mass."""
    mass = int(cells.sums[h, k, SUM_MASS])
    if mass <= 0:
        return 0.0
    return int(cells.sums[h, k, SUM_DAMAGE]) / mass


@row
def cell_terms(h, cells, groups, wells, pages, partners, before, terms, p, step):
    """What all pairs of cell ``h`` share in this step, into row ``h`` of ``terms``; which of its pages meet, into ``partners``."""
    terms[h, LENGTH] = 0.0
    if not alive(int(cells.state[h])):
        return
    g = int(cells.group[h])
    w = int(cells.well[h])
    a, b, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[h], 0, FUSION, step.step, 1)
    length = pair_pages(h, a, cells, pages, partners, before)
    h2o2 = relative_h2o2(h, cells, groups)
    crowding = min(length * PAGE / max(int(cells.n_mitochondria[h]), 1), 4.0)
    rate = p.fusion_rate * crowding * float(groups.nodes[g, NODE_FUSION])
    rate = rate * exp(-p.oxidant_block * max(h2o2 - RESTING_H2O2, 0.0) / p.oxidant_scale)
    dt = step.dt / 3600.0
    compatible = float(groups.arrival_fusion[g])
    terms[h, LENGTH] = float(length)
    terms[h, LANES] = math.floor(b * PAGE)
    terms[h, RATE] = rate
    terms[h, MOST] = chance(rate * max(compatible, 1.0), dt)
    terms[h, SURE] = chance(rate * FAR_SHARE, dt)
    terms[h, COMPATIBLE] = compatible
    terms[h, STRENGTH] = float(groups.nodes[g, NODE_FISSION])
    terms[h, STRESS] = max(excess_oxidant(h2o2, p.stress_h2o2_half), min(max(1.0 - float(cells.atp[h]) / (0.7 * RESTING_ATP), 0.0), 1.0))
    for k in range(N_CLASSES):
        terms[h, MEANS + k] = class_damage(cells, h, k)
    terms[h, DECAY] = exp(-dt / p.offset_time)


@row
def partner_of(i, pages, partners, terms):
    """The page that page ``i`` meets in this step; -1 where that one comes first in the chain, and for a page that meets none."""
    h = int(pages.owner[i])
    return int(partners[i]) if h >= 0 and terms[h, LENGTH] > 0.0 else -1


@row
def settle_page(first, h, terms, mitochondria, p):
    """Settle the slots of a page of cell ``h``."""
    mean0, mean1, mean2, mean3 = terms[h, MEANS], terms[h, MEANS + 1], terms[h, MEANS + 2], terms[h, MEANS + 3]
    decay = terms[h, DECAY]
    for k in range(PAGE):
        settle(lane(first, k), mean0, mean1, mean2, mean3, decay, mitochondria, p)


@row
def choose(first1, first2, total, most, key0, key1, draw_a, draw_x, draw_s, draw_u, chosen, mitochondria, step):
    """Draw for the slots of a page, and list those that may fuse with their partners in ``chosen``; returns how many."""
    for k in range(PAGE):
        slot = lane(first1, k)
        a, x, s, u = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], FUSION, step.step, 0)
        empty = int(mitochondria.flags[slot]) & OCCUPIED == 0
        draw_a[k] = 1.0 if empty else a
        draw_x[k] = x
        draw_s[k] = s
        draw_u[k] = u
    n = 0
    for k in range(PAGE):
        j = (total - k) & LAST
        chosen[n] = float(k)
        there = int(mitochondria.flags[lane(first2, j)]) & OCCUPIED != 0
        n += 1 if draw_a[k] < most and there and (first1 != first2 or j > k) else 0
    return n


class Unsure(NamedTuple):
    """Scratch for the pairs of a page that must be looked at more closely, one number for each.

    Attributes:
        lane: which slot of the page it is.
        draw: its uniform.
        least: chance that it fuses whatever is found.
        rate: rate [1/h] before its potentials; then the chance that it fuses.
        psi1, psi2: potentials [mV].
    """

    lane: Any
    draw: Any
    least: Any
    rate: Any
    psi1: Any
    psi2: Any


@row
def decide(n, first1, first2, total, draw_a, chosen, unsure, terms, cells, h, mitochondria, p, step):
    """Which of ``n`` chosen pairs fuse: their number; they stay in ``chosen``, what is left of their draws is put into ``draw_a``.

    As ``fused`` for each, but those whose potentials must be looked at are put off, and looked at side by side.
    """
    full_rate, sure, compatible = terms[h, RATE], terms[h, SURE], terms[h, COMPATIBLE]
    n_fused, n_unsure = 0, 0
    for m in range(n):  # chosen[m] >= m >= n_fused: no draw is lost that is still to be read
        k = int(chosen[m])
        draw = draw_a[k]
        s1, s2 = lane(first1, k), lane(first2, (total - k) & LAST)
        rate = rate_before_potentials(s1, s2, full_rate, compatible, mitochondria)
        psi1, psi2 = own_potential(s1, cells, h, mitochondria), own_potential(s2, cells, h, mitochondria)
        least = sure_chance(s1, s2, psi1, psi2, sure, mitochondria, p)
        if draw < least:
            chosen[n_fused] = float(k)
            draw_a[n_fused] = draw / least
            n_fused += 1
        elif rate > 0.0:
            unsure.lane[n_unsure] = float(k)
            unsure.draw[n_unsure] = draw
            unsure.least[n_unsure] = least
            unsure.rate[n_unsure] = rate
            unsure.psi1[n_unsure] = psi1
            unsure.psi2[n_unsure] = psi2
            n_unsure += 1
    for m in range((n_unsure + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE * SIDE_BY_SIDE):  # what is behind the last is of no use and does no harm
        unsure.rate[m] = fusion_chance(unsure.rate[m], unsure.psi1[m], unsure.psi2[m], step.dt / 3600.0, p)
    for m in range(n_unsure):
        if unsure.draw[m] < unsure.rate[m]:
            chosen[n_fused] = unsure.lane[m]
            draw_a[n_fused] = (unsure.draw[m] - unsure.least[m]) / (unsure.rate[m] - unsure.least[m])
            n_fused += 1
    return n_fused


@row
def some_of(column1, column2, first1, first2):
    """Whether any slot of two pages has something in one of two columns."""
    some = 0
    for k in range(PAGE):
        some |= (
            int(column1[lane(first1, k)]) | int(column1[lane(first2, k)]) | int(column2[lane(first1, k)]) | int(column2[lane(first2, k)])
        )
    return some != 0


@row
def ask_for_page(first, mitochondria):
    """Ask for what a fusion reads of the mitochondria of a page."""
    ask_ahead(mitochondria.flags, first)
    ask_ahead(mitochondria.damage, first)
    ask_ahead(mitochondria.psi_offset, first)
    ask_ahead(mitochondria.mass, first)
    ask_ahead(mitochondria.complex1, first)
    ask_ahead(mitochondria.complex34, first)
    ask_ahead(mitochondria.complex5, first)
    ask_ahead(mitochondria.label, first)
    ask_ahead(mitochondria.dye, first)
    ask_ahead(mitochondria.bound1, first)
    ask_ahead(mitochondria.bound3, first)


@row
def ask_for(i, pages, mitochondria, partners, terms):
    """Ask for what page ``i`` and its partner will need, if they meet."""
    partner = partner_of(i, pages, partners, terms) if i < len(pages.owner) else -1
    if partner < 0:
        return
    ask_identities(mitochondria, i * PAGE)
    ask_for_page(i * PAGE, mitochondria)
    ask_for_page(partner * PAGE, mitochondria)


def _fusion_page_cpu(i, cells, wells, pages, mitochondria, partners, terms, p, step):
    """As ``fusion_page``, one pass after the other: offsets and classes, draws, the few pairs that may meet, and rarer things last.

    What is rare is listed without branches and treated on its own: a processor that guesses wrong waits longer than a pair takes.
    """
    ask_for(i + AHEAD, pages, mitochondria, partners, terms)
    draw_a, draw_x, draw_s, draw_u = lanes(), lanes(), lanes(), lanes()
    chosen, dealt, uneven = lanes(), lanes(), lanes()
    unsure = Unsure(lanes(), lanes(), lanes(), lanes(), lanes(), lanes())
    partner = partner_of(i, pages, partners, terms)
    if partner < 0:
        return
    h = int(pages.owner[i])
    key0, key1 = int(wells.key0[int(cells.well[h])]), int(wells.key1[int(cells.well[h])])
    total, strength = int(terms[h, LANES]), terms[h, STRENGTH]
    first1, first2 = i * PAGE, partner * PAGE
    some_carried = some_of(mitochondria.label, mitochondria.dye, first1, first2)
    some_bound = some_of(mitochondria.bound1, mitochondria.bound3, first1, first2)
    settle_page(first1, h, terms, mitochondria, p)
    if partner != i:
        settle_page(first2, h, terms, mitochondria, p)
    n = choose(first1, first2, total, terms[h, MOST], key0, key1, draw_a, draw_x, draw_s, draw_u, chosen, mitochondria, step)
    n = decide(n, first1, first2, total, draw_a, chosen, unsure, terms, cells, h, mitochondria, p, step)
    below = uneven_chance(strength, terms[h, STRESS], p)
    n_dealt, n_uneven = 0, 0
    for m in range(n):
        k = int(chosen[m])
        s1, s2 = lane(first1, k), lane(first2, (total - k) & LAST)
        join(s1, mitochondria)
        join(s2, mitochondria)
        share_content(s1, s2, draw_x[k], draw_s[k], draw_u[k], strength, some_carried, some_bound, mitochondria, p)
        there = int(mitochondria.mass[s1]) + int(mitochondria.mass[s2]) > 0
        dealt[n_dealt] = float(k)
        n_dealt += 1 if draw_a[m] < p.mtdna_exchange and there else 0
        uneven[n_uneven] = float(k)
        n_uneven += 1 if left_of(draw_a[m], p) < below and there else 0
    for m in range(n_dealt):
        k = int(dealt[m])
        deal_copies(lane(first1, k), lane(first2, (total - k) & LAST), key0, key1, mitochondria, step)
    for m in range(n_uneven):
        k = int(uneven[m])
        part_unevenly(lane(first1, k), lane(first2, (total - k) & LAST), key0, key1, mitochondria, p, step)


@row(cpu=_fusion_page_cpu)
def fusion_page(i, cells, wells, pages, mitochondria, partners, terms, p, step):
    """All pairs of page ``i`` with its partner page in this step (done by the one that comes first in the chain)."""
    partner = partner_of(i, pages, partners, terms)
    if partner < 0:
        return
    h = int(pages.owner[i])
    w = int(cells.well[h])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    total = int(terms[h, LANES])
    most = terms[h, MOST]
    mean0, mean1, mean2, mean3 = terms[h, MEANS], terms[h, MEANS + 1], terms[h, MEANS + 2], terms[h, MEANS + 3]
    decay = terms[h, DECAY]
    for k in range(PAGE):
        j = (total - k + PAGE) % PAGE
        s1 = i * PAGE + k
        s2 = partner * PAGE + j
        if partner != i or j >= k:
            settle(s1, mean0, mean1, mean2, mean3, decay, mitochondria, p)
            if s1 != s2:
                settle(s2, mean0, mean1, mean2, mean3, decay, mitochondria, p)
                if int(mitochondria.flags[s1]) & int(mitochondria.flags[s2]) & OCCUPIED != 0:
                    a, x, s, u = uniform4(key0, key1, mitochondria.birth[s1], mitochondria.ordinal[s1], FUSION, step.step, 0)
                    if a < most:
                        meet(s1, s2, a, x, s, u, terms, cells, h, key0, key1, mitochondria, p, step)


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of fusion and fission in all cells."""
    backend, w = world.backend, world
    terms = backend.zeros((w.n_cells, N_TERMS))
    n_pages = len(w.pages.owner)
    partners, before = backend.zeros(n_pages, np.int32), backend.zeros(n_pages, np.int32)
    backend.each(cell_terms, w.n_cells, w.cells, w.groups, w.wells, w.pages, partners, before, terms, p, step)
    backend.each(fusion_page, n_pages, w.cells, w.wells, w.pages, w.mitochondria, partners, terms, p, step)


PROCESS = Process(
    name="fusion_fission", stage="quality", clock="mitochondria", parameters=Parameters, advance=advance, writes_mitochondria=True
)
