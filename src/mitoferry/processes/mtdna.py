"""mtDNA: relaxed replication and turnover of single molecules, and the expression of respiratory complexes.

Mechanism. Every copy is degraded at rate mu and replicated at rate lambda, per haplotype k of the palette::

    lambda_k = (mu + mu_mitophagy) max(0, 1 + kappa max(P, 1) (1 - (w + epsilon m)/(n* S))) TFAM node a_k,
    w, m     copies without and with a pathogenic haplotype in the whole cell, n* the number of the cell type

(relaxed replication, Chinnery and Samuels 1999), not faster than one net doubling in ``doubling_time``; mu_mitophagy is
the rate at which mitophagy takes whole mitochondria, so that n* is stationary. P is the programme of biogenesis (PGC1a x node
``biogenesis``) and S the set point that it raises (``biogenesis``), both 1 at rest. A cell that is growing towards its next
division replicates with its cell cycle as well. Copies in endosomes are not replicated.

Complexes (per mass) follow their genome with the life of the protein::

    d e_c/dt = (theta_c(h) TFAM transcription node dose(n) - e_c)(1/tau + growth)
    theta_c(h) = 1/(1 + exp((h - h*_c)/width)), scaled to theta(0) = 1
    dose(n)  = (1 + K) x/(x + K), x = copies relative to n* (saturating: partial depletion is tolerated), at most 1.2

Growth of a dividing cell dilutes what was made before. The node ``mtdna_transcription`` is that of the genome of the mitochondria: a dye
that intercalates (ethidium bromide) stops it and replication, so that complexes are lost with the life of the proteins while there are
still copies; a chain terminator (zalcitabine) stops replication alone, and complexes wait until copies are short. Copies with an adduct
(share b, ``mtdna_adducts``) are no templates: lambda_k and the expression of the network both come with 1 - b, since the polymerases and
TFAM that sit on them are missing to the others.

Mitochondria of the own network share transcripts (complementation): h and n are those of the cell; isolated and unfused
ones live by their own copies. Without mtDNA dose = 0: all three lose their mitochondrially encoded core, and what is
left of the synthase is free F1 (see ``energetics_class``).

Assumptions: mutants are counted with weight epsilon; no recombination, no new mutation; heteroplasmy is measured over
the whole cell; a network that cannot fuse for want of potential still shares transcripts. Leaps are binomial per
mitochondrion and haplotype, capped at 255 copies. Step error: of order (rate dt)^2, 3e-6 per copy and step of 600 s at
default rates.
Verification: tests/verification/test_mtdna_drift.py (F4, F5, F6, G10), test_mtdna_expression.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mitoferry.core.lanes import AHEAD, COPIES_EVEN, ask_ahead, ask_identities, copies_word, lane, lane_uniform4, lanes
from mitoferry.core.maths import LN2, chance, exp
from mitoferry.core.nodes import (
    NODE_BIOGENESIS,
    NODE_ETC_EXPRESSION,
    NODE_MTDNA_REPLICATION,
    NODE_MTDNA_TRANSCRIPTION,
    NODE_PROLIFERATION,
    NODE_TFAM,
)
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ADDUCT_SCALE,
    COMPLEX_SCALE,
    CYTOSOL,
    MAX_COPIES,
    N_HAPLOTYPES,
    OCCUPIED,
    OWN_NETWORK,
    PAGE,
    TALLY_COPIES_IN,
    TALLY_COPIES_OUT,
)
from mitoferry.core.streams import MTDNA_REPLICATION
from mitoferry.processes.cycle import growth_time
from mitoferry.processes.organelle import class_of, excess_oxidant, place_of, rare_binomial, rounded
from mitoferry.processes.rest import alive, relative_h2o2

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

# columns of the scratch table of a step, one row per cell
ACTIVE, LOSS, GAIN, WEIGHT, TARGETS, REFERENCE, EXPRESSION, PATHOGENIC, N_RATES = 0, 1, 2, 6, 7, 10, 11, 12, 16
MAX_DOSE = 1.2
GROWTH_BAND = 0.1
LEAST_SET_POINT = 0.01
LEFT, NETWORK = -1e300, -1e299  # in place of a level of expression: complexes stay, or follow the network


class Parameters(NamedTuple):
    """Rates in 1/h, times in h (library: ``mtdna.*``)."""

    turnover_rate: float
    feedback: float
    mutant_weight: float
    pathogenic_advantage: float
    doubling_time: float
    tfam_oxidant_loss: float
    tfam_oxidant_half: float
    expression_time: float
    threshold_complex1: float
    threshold_complex34: float
    threshold_complex5: float
    threshold_width: float
    dose_half: float


@row
def threshold(h, centre, width):
    """Share of normal expression at heteroplasmy h; 1 at h = 0."""
    if h <= 0.0:
        return 1.0
    return (1.0 + exp(-centre / width)) / (1.0 + exp((h - centre) / width))


@row
def dose(x, half):
    """Expression relative to normal where there are x times the normal number of copies."""
    some = min((1.0 + half) * x / max(x + half, 1e-300), MAX_DOSE)
    return 0.0 if x <= 0.0 else some


@row
def programme(i, cells, groups):
    """P: biogenesis that PGC1a and its relatives ask of cell ``i``, relative to rest."""
    return max(float(cells.pgc1a[i]) * float(groups.nodes[int(cells.group[i]), NODE_BIOGENESIS]), 0.0)


@row
def set_point(drive, gain):
    """Mitochondria and mtDNA that a cell under the programme ``drive`` steers for, relative to those of its size."""
    return max(1.0 + gain * (drive - 1.0), LEAST_SET_POINT)


@row
def growth_drive(now, wanted, cycle_time, node):
    """Extra rate [1/h] of a dividing cell that is below what its size asks for: up to twice that of its cycle."""
    if cycle_time <= 0.0 or wanted <= 0.0:
        return 0.0
    lack = min(max((wanted - now) / (GROWTH_BAND * wanted), 0.0), 1.0)
    return 2.0 * LN2 / cycle_time * node * lack


@row
def copies_by_kind(i, cells, pathogenic):
    """(harmless, pathogenic) copies of mtDNA of cell ``i``."""
    bad = 0
    good = 0
    for k in range(N_HAPLOTYPES):
        n = int(cells.copies[i, k])
        if int(pathogenic[k]) != 0:
            bad += n
        else:
            good += n
    return good, bad


@row
def tfam_level(i, cells, groups, p):
    """TFAM of cell ``i``, relative to rest: node, signals, and what oxidants take away."""
    oxidants = excess_oxidant(relative_h2o2(i, cells, groups), p.tfam_oxidant_half)
    tfam = float(groups.nodes[int(cells.group[i]), NODE_TFAM]) * (1.0 - p.tfam_oxidant_loss * oxidants)
    return tfam * float(cells.tfam[i])


@row
def replication_rate(i, cells, groups, good, bad, mitophagy_rate, set_point_gain, p):
    """Rate [1/h] at which a copy of mtDNA of cell ``i`` is replicated, of which it has ``good`` harmless and ``bad`` pathogenic ones."""
    g = int(cells.group[i])
    reference = float(groups.mtdna[g]) / max(float(groups.mitochondria[g]), 1.0)
    drive = programme(i, cells, groups)
    wanted = max(reference * float(cells.target_mitochondria[i]), 1.0) * set_point(drive, set_point_gain)
    counted = good + p.mutant_weight * bad
    loss = p.turnover_rate + mitophagy_rate
    gain = loss * max(0.0, 1.0 + p.feedback * max(drive, 1.0) * (1.0 - counted / wanted))
    gain = min(gain, loss + LN2 / p.doubling_time)
    gain = gain + growth_drive(counted, wanted, growth_time(i, cells, groups), float(groups.nodes[g, NODE_PROLIFERATION]))
    gain = gain * tfam_level(i, cells, groups, p) * float(groups.nodes[g, NODE_MTDNA_REPLICATION])
    return gain * (1.0 - float(cells.mtdna_adducts[i, OWN_NETWORK]))


@row
def cell_rates(i, cells, groups, rates, pathogenic, mitophagy_rate, set_point_gain, p, step):
    """Chances and targets that all mitochondria of cell ``i`` share in this step, into row ``i`` of ``rates``."""
    rates[i, ACTIVE] = 0.0
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    dt = step.dt / 3600.0
    for k in range(N_HAPLOTYPES):
        rates[i, PATHOGENIC + k] = float(pathogenic[k])
    good, bad = copies_by_kind(i, cells, pathogenic)
    target = float(cells.target_mitochondria[i])
    reference = float(groups.mtdna[g]) / max(float(groups.mitochondria[g]), 1.0)
    needed = max(reference * target, 1.0)
    raised = set_point(programme(i, cells, groups), set_point_gain)
    time = growth_time(i, cells, groups)
    proliferation = float(groups.nodes[g, NODE_PROLIFERATION])
    tfam = tfam_level(i, cells, groups, p)
    gain = replication_rate(i, cells, groups, good, bad, mitophagy_rate, set_point_gain, p)
    rates[i, ACTIVE] = 1.0
    rates[i, LOSS] = chance(p.turnover_rate, dt)
    for k in range(N_HAPLOTYPES):
        advantage = 1.0 + (p.pathogenic_advantage - 1.0) * float(pathogenic[k])
        rates[i, GAIN + k] = chance(gain * advantage, dt)
    now = float(int(cells.n_mitochondria[i]))
    dilution = growth_drive(now, target * raised, time, proliferation)
    rates[i, WEIGHT] = chance(1.0 / p.expression_time + dilution, dt)
    rates[i, REFERENCE] = reference
    expression = tfam * float(groups.nodes[g, NODE_ETC_EXPRESSION]) * max(float(groups.nodes[g, NODE_MTDNA_TRANSCRIPTION]), 0.0)
    rates[i, EXPRESSION] = expression
    h = 0.0
    if good + bad > 0:
        h = bad / (good + bad)
    needed = needed * min(raised, max(now / max(target, 1.0), 1.0))
    level = expression * dose((good + bad) / needed, p.dose_half) * (1.0 - float(cells.mtdna_adducts[i, OWN_NETWORK]))
    rates[i, TARGETS] = level * threshold(h, p.threshold_complex1, p.threshold_width)
    rates[i, TARGETS + 1] = level * threshold(h, p.threshold_complex34, p.threshold_width)
    rates[i, TARGETS + 2] = level * threshold(h, p.threshold_complex5, p.threshold_width)


@row
def approach(value, target, weight, u):
    """One step of a quantised complex towards its target."""
    goal = target / COMPLEX_SCALE
    return rounded(value + (goal - value) * weight, u, 65535.0)


@row
def intact(slot, mitochondria):
    """Share of the copies in ``slot`` without an adduct."""
    return 1.0 - ADDUCT_SCALE * int(mitochondria.adducts[slot])


@row
def express(h, slot, total, bad, flags, mitochondria, rates, p, u):
    """Complexes of one mitochondrion towards what its network, or its own copies, can express."""
    first = rates[h, TARGETS]
    second = rates[h, TARGETS + 1]
    third = rates[h, TARGETS + 2]
    if class_of(flags) != OWN_NETWORK:
        share = 0.0
        if total > 0:
            share = bad / total
        level = rates[h, EXPRESSION] * dose(total / max(rates[h, REFERENCE], 1e-9), p.dose_half) * intact(slot, mitochondria)
        first = level * threshold(share, p.threshold_complex1, p.threshold_width)
        second = level * threshold(share, p.threshold_complex34, p.threshold_width)
        third = level * threshold(share, p.threshold_complex5, p.threshold_width)
    mitochondria.complex1[slot] = approach(int(mitochondria.complex1[slot]), first, rates[h, WEIGHT], u)
    mitochondria.complex34[slot] = approach(int(mitochondria.complex34[slot]), second, rates[h, WEIGHT], u)
    mitochondria.complex5[slot] = approach(int(mitochondria.complex5[slot]), third, rates[h, WEIGHT], u)


@row
def turnover(h, slot, free, sums, mitochondria, key0, key1, a, b, rates, step):
    """Losses and births of the copies in ``slot``; returns copies left, and how many of them are pathogenic.

    The first haplotype that is there uses the draws ``a`` and ``b``, each further one its own.
    """
    total = 0
    n_kinds = 0
    bad = 0
    for k in range(N_HAPLOTYPES):
        n = int(mitochondria.copies[slot, k])
        if n > 0:
            if n_kinds > 0:
                birth = int(mitochondria.birth[slot])
                a, b, _, _ = uniform4(key0, key1, birth, mitochondria.ordinal[slot], MTDNA_REPLICATION, step.step, k)
            n_kinds += 1
            lost = rare_binomial(n, rates[h, LOSS], a)
            born = 0
            if free:
                born = min(rare_binomial(n, rates[h, GAIN + k], b), MAX_COPIES - n + lost)
            if lost + born > 0:
                n = n - lost + born
                mitochondria.copies[slot, k] = n
                sums[k] += born
                sums[N_HAPLOTYPES + k] += lost
            sums[2 * N_HAPLOTYPES + k] += n
            total += n
            if rates[h, PATHOGENIC + k] > 0.0:
                bad += n
    return total, bad


@row
def shares(flags):
    """Whether a slot holds a mitochondrion of the own network, in the cytosol: it shares transcripts."""
    return (flags & OCCUPIED != 0) & (place_of(flags) == CYTOSOL) & (class_of(flags) == OWN_NETWORK)


@row
def ask_for(first, mitochondria):
    """Ask ahead for what :func:`mtdna_page` reads of a page."""
    ask_identities(mitochondria, first)
    ask_ahead(mitochondria.copies, first)
    ask_ahead(mitochondria.flags, first)
    ask_ahead(mitochondria.complex1, first)
    ask_ahead(mitochondria.complex34, first)
    ask_ahead(mitochondria.complex5, first)


@row
def mtdna_page(h, first, sums, cells, mitochondria, wells, rates, p, step):
    """As :func:`mtdna_slot` for the slots of a page: draws, the copies that change, then the complexes side by side.

    Those apart from the network express by their own copies: here where these are of one harmless haplotype and do not change.
    """
    if rates[h, ACTIVE] == 0.0:
        return
    draw_a = lanes()
    draw_b = lanes()
    draw_c = lanes()
    busy = lanes()
    own = lanes()
    ask_for(first + AHEAD * PAGE, mitochondria)
    w = int(cells.well[h])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    first1 = rates[h, TARGETS]
    first2 = rates[h, TARGETS + 1]
    first3 = rates[h, TARGETS + 2]
    weight = rates[h, WEIGHT]
    loss = rates[h, LOSS]
    gain = max(max(rates[h, GAIN], rates[h, GAIN + 1]), max(rates[h, GAIN + 2], rates[h, GAIN + 3]))
    for k in range(PAGE):
        slot = lane(first, k)
        a, b, c, _ = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], MTDNA_REPLICATION, step.step, 0)
        draw_a[k] = a
        draw_b[k] = b
        draw_c[k] = c
    even, odd, n_busy = 0, 0, 0
    reference = max(rates[h, REFERENCE], 1e-9)
    harmful = rates[h, PATHOGENIC] + rates[h, PATHOGENIC + 1] + rates[h, PATHOGENIC + 2] + rates[h, PATHOGENIC + 3]
    for k in range(PAGE):
        slot = lane(first, k)
        word = copies_word(mitochondria.copies, slot)
        c0 = word & 0xFF
        c1 = (word >> 8) & 0xFF
        c2 = (word >> 16) & 0xFF
        c3 = word >> 24
        total = c0 + c1 + c2 + c3
        flags = int(mitochondria.flags[slot])
        some = c0 * (c1 + c2 + c3) + c1 * (c2 + c3) + c2 * c3  # 0 for a single haplotype
        some = 1 if draw_a[k] > 1.0 - total * loss else some
        some = 1 if draw_b[k] > 1.0 - total * gain else some
        apart = (place_of(flags) == CYTOSOL) & (class_of(flags) != OWN_NETWORK)
        some = 1 if apart & (harmful > 0.0) else some
        some = 1 if some != 0 else 0
        busy[k] = float((flags & OCCUPIED) * some)
        level = rates[h, EXPRESSION] * dose(total / reference, p.dose_half) * intact(slot, mitochondria)
        level = level if apart & (some == 0) & (flags & OCCUPIED != 0) else LEFT
        own[k] = NETWORK if shares(flags) else level
    for k in range(PAGE):
        slot = lane(first, k)
        some = int(busy[k])
        quiet = (int(mitochondria.flags[slot]) & OCCUPIED) * (1 - some)
        n_busy += some
        word = quiet * copies_word(mitochondria.copies, slot)
        even += word & COPIES_EVEN
        odd += (word >> 8) & COPIES_EVEN
    sums[2 * N_HAPLOTYPES] += even & 0xFFFF
    sums[2 * N_HAPLOTYPES + 1] += odd & 0xFFFF
    sums[2 * N_HAPLOTYPES + 2] += even >> 16
    sums[2 * N_HAPLOTYPES + 3] += odd >> 16
    if n_busy > 0:
        for k in range(PAGE):
            if busy[k] != 0.0:
                slot = lane(first, k)
                flags = int(mitochondria.flags[slot])
                free = place_of(flags) == CYTOSOL
                total, bad = turnover(h, slot, free, sums, mitochondria, key0, key1, draw_a[k], draw_b[k], rates, step)
                if free and class_of(flags) != OWN_NETWORK:
                    express(h, slot, total, bad, flags, mitochondria, rates, p, draw_c[k])
    # one column at a time: a loop that writes several is not vectorised
    for k in range(PAGE):
        slot = lane(first, k)
        value = int(mitochondria.complex1[slot])
        new = approach(value, first1 if own[k] == NETWORK else own[k], weight, draw_c[k])
        mitochondria.complex1[slot] = new if own[k] > LEFT else value
    for k in range(PAGE):
        slot = lane(first, k)
        value = int(mitochondria.complex34[slot])
        new = approach(value, first2 if own[k] == NETWORK else own[k], weight, draw_c[k])
        mitochondria.complex34[slot] = new if own[k] > LEFT else value
    for k in range(PAGE):
        slot = lane(first, k)
        value = int(mitochondria.complex5[slot])
        new = approach(value, first3 if own[k] == NETWORK else own[k], weight, draw_c[k])
        mitochondria.complex5[slot] = new if own[k] > LEFT else value


@row(page=mtdna_page)
def mtdna_slot(h, slot, sums, cells, mitochondria, wells, rates, p, step):
    """Losses and births of the copies in ``slot``, then its complexes. Sums: births, losses, copies left, per haplotype."""
    if rates[h, ACTIVE] == 0.0:
        return
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0:
        return
    w = int(cells.well[h])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    free = place_of(flags) == CYTOSOL
    a, b, c, _ = uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], MTDNA_REPLICATION, step.step, 0)
    total, bad = turnover(h, slot, free, sums, mitochondria, key0, key1, a, b, rates, step)
    if free:
        express(h, slot, total, bad, flags, mitochondria, rates, p, c)


@row
def mtdna_finish(h, sums, cells, mitochondria, wells, rates, p, step):
    """Book births and losses of copies at their cell; its count is current again."""
    if rates[h, ACTIVE] == 0.0:
        return
    for k in range(N_HAPLOTYPES):
        cells.tally[h, TALLY_COPIES_IN + k] += sums[k]
        cells.tally[h, TALLY_COPIES_OUT + k] += sums[N_HAPLOTYPES + k]
        cells.copies[h, k] = sums[2 * N_HAPLOTYPES + k]


def basal_mitophagy(world: World) -> float:
    """Rate [1/h] at which mitophagy takes mitochondria in an unstressed cell; 0 where it is switched off."""
    if world.spec.switches.get("mitophagy") == "off":
        return 0.0
    p = world.parameters.get("mitophagy")
    return float(p.basal_rate) if p is not None else float(world.spec.parameters["mitophagy.basal_rate"])


def resting_complexes(mutant: float, p: Parameters) -> tuple[float, float, float]:
    """Complex I, III/IV and V at the fixed point of expression for a heteroplasmy ``mutant`` of pathogenic copies."""
    return (
        threshold(mutant, p.threshold_complex1, p.threshold_width),
        threshold(mutant, p.threshold_complex34, p.threshold_width),
        threshold(mutant, p.threshold_complex5, p.threshold_width),
    )


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of mtDNA and expression for all cells."""
    rates = world.backend.zeros((world.n_cells, N_RATES))
    set_point_gain = float(world.spec.parameters["biogenesis.set_point_gain"])
    pathogenic = np.array(world.spec.pathogenic, dtype=np.int64)
    world.backend.each(
        cell_rates, world.n_cells, world.cells, world.groups, rates, pathogenic, basal_mitophagy(world), set_point_gain, p, step
    )
    world.backend.gather(
        mtdna_slot, mtdna_finish, 3 * N_HAPLOTYPES, world.n_cells, world.cells, world.pages,
        world.cells, world.mitochondria, world.wells, rates, p, step,
    )  # fmt: skip


PROCESS = Process(name="mtdna", stage="quality", clock="quality", parameters=Parameters, advance=advance, writes_mitochondria=True)
