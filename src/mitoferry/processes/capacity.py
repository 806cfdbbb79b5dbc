"""What the mitochondria of a cell can do together: sums of their capacities per energy class.

Mechanism: function per mass follows the complexes, less damage and bound inhibitor. For a mitochondrion of mass m,
damage d, complexes e1, e34, e5 and bound fractions b1, b3::

    respiration     m e34 (1-d) (1-b3)
    with complex I  respiration (1-b1) min(1, e1/e34)
    synthase        m e5 (1 - d/2)
    leak            m (1 + 2 d)
    dehydrogenase   m
    site I, III     m b1 e1, m b3 e34          (where blocked complexes leak electrons)

Complex I is counted as a share of the complexes III/IV behind it: the model has one respiratory capacity. A
mitochondrion whose permeability transition pore is open is depolarised and has lost its NADH: it adds to count, mass
and damage only. Mass less dehydrogenase is therefore the mass with open pores.

The sums are integers in steps of 2^-20 (counts: 1), so that neither the order of pages nor the number of threads can
change them. Also counted: mitochondria, those born in a cell of another population, mtDNA copies per haplotype.

Step error: capacities are frozen over the mitochondria step (300 s) while their fastest change takes hours.
Verification: tests/backends/test_energetics_backends.py (integers of the definition, same for any order of rows).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.lanes import AHEAD, COPIES_EVEN, ask_ahead, copies_word, lane
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BOUND_SCALE,
    CLASS_MASK,
    CLASS_SHIFT,
    COMPLEX_SCALE,
    DAMAGE_SCALE,
    MASS_SCALE,
    N_CLASSES,
    N_HAPLOTYPES,
    N_SUMS,
    OCCUPIED,
    OWN_ISOLATED,
    PAGE,
    PORE_OPEN,
    SUM_COUNT,
    SUM_DAMAGE,
    SUM_DEHYDROGENASE,
    SUM_ETC,
    SUM_ETC_COMPLEX_I,
    SUM_LEAK,
    SUM_MASS,
    SUM_SCALE,
    SUM_SITE_I,
    SUM_SITE_III,
    SUM_SYNTHASE,
    Step,
)

ONE = 1.0 / SUM_SCALE
COPIES_AT = N_CLASSES * N_SUMS
COUNT_AT = COPIES_AT + N_HAPLOTYPES
FOREIGN_AT = COUNT_AT + 1
N_GATHERED = COUNT_AT + 2
LARGEST_LEAK = 7.0  # damage_on_leak up to which add_page is sure not to overflow
MASK16, MASK32 = 0xFFFF, 0xFFFFFFFF
POPULATION_SHIFT = 24  # a cell's id is population * 2^24 + ordinal


class Parameters(NamedTuple):
    """Parameters of ``capacity``; units and sources in the library."""

    damage_on_respiration: float
    damage_on_synthase: float
    damage_on_leak: float


@row
def ask_for(first, mitochondria):
    """Ask ahead for what :func:`add_page` reads of a page."""
    ask_ahead(mitochondria.birth, first)
    ask_ahead(mitochondria.copies, first)
    ask_ahead(mitochondria.flags, first)
    ask_ahead(mitochondria.mass, first)
    ask_ahead(mitochondria.damage, first)
    ask_ahead(mitochondria.complex1, first)
    ask_ahead(mitochondria.complex34, first)
    ask_ahead(mitochondria.complex5, first)


@row
def add_page(h, first, sums, mitochondria, cells, p):
    """As :func:`add_slot` for the slots of a page: the host's own mitochondria side by side, then the arrivals.

    Each sum holds that of the network in its lower 32 bits and that of isolated mitochondria above: 32 numbers below
    2^26 (mass is below 8 units, leak at most 8 times the mass) stay below 2^31.
    """
    if p.damage_on_leak > LARGEST_LEAK:
        for k in range(PAGE):
            add_slot(h, first + k, sums, mitochondria, cells, p)
        return
    ask_for(first + AHEAD * PAGE, mitochondria)
    population = int(cells.population[h])
    n_there, n_own, n_isolated, n_foreign, even, odd = 0, 0, 0, 0, 0, 0
    mass, damaged, etc, with_complex1 = 0, 0, 0, 0
    synthase, leak, working, site1, site3 = 0, 0, 0, 0, 0
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        some = flags & OCCUPIED & ~(flags >> (CLASS_SHIFT + 1))  # OWN_NETWORK 0, OWN_ISOLATED 1
        n_there += flags & OCCUPIED
        n_own += some
        n_isolated += some & (flags >> CLASS_SHIFT)
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        some = flags & OCCUPIED & ~(flags >> (CLASS_SHIFT + 1))
        n_foreign += some if int(mitochondria.birth[slot]) >> POPULATION_SHIFT != population else 0
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        own = (flags & OCCUPIED) * (1 - (flags >> (CLASS_SHIFT + 1) & 1))
        word = own * copies_word(mitochondria.copies, slot)
        even += word & COPIES_EVEN
        odd += (word >> 8) & COPIES_EVEN
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        energy_class = (flags >> CLASS_SHIFT) & CLASS_MASK
        own = flags & OCCUPIED if energy_class <= OWN_ISOLATED else 0
        shift = energy_class * 32 if energy_class <= OWN_ISOLATED else 0
        whole = own * (MASS_SCALE * int(mitochondria.mass[slot]) * ONE)  # 0 for those that are not counted here
        scaled = 0.0 if flags & PORE_OPEN != 0 else whole
        damage = DAMAGE_SCALE * int(mitochondria.damage[slot])
        e1 = COMPLEX_SCALE * int(mitochondria.complex1[slot])
        e34 = COMPLEX_SCALE * int(mitochondria.complex34[slot])
        e5 = COMPLEX_SCALE * int(mitochondria.complex5[slot])
        b1 = BOUND_SCALE * int(mitochondria.bound1[slot])
        b3 = BOUND_SCALE * int(mitochondria.bound3[slot])
        kept = max(0.0, 1.0 - p.damage_on_respiration * damage) * (1.0 - b3)
        mass += int(whole + 0.5) << shift
        damaged += int(whole * damage + 0.5) << shift
        etc += int(scaled * e34 * kept + 0.5) << shift
        with_complex1 += int(scaled * min(e1, e34) * kept * (1.0 - b1) + 0.5) << shift
        synthase += int(scaled * e5 * max(0.0, 1.0 - p.damage_on_synthase * damage) + 0.5) << shift
        leak += int(scaled * (1.0 + p.damage_on_leak * damage) + 0.5) << shift
        working += int(scaled + 0.5) << shift
        site1 += int(scaled * b1 * e1 + 0.5) << shift
        site3 += int(scaled * b3 * e34 + 0.5) << shift
    sums[COUNT_AT] += n_own
    sums[FOREIGN_AT] += n_foreign
    sums[COPIES_AT] += even & MASK16
    sums[COPIES_AT + 1] += odd & MASK16
    sums[COPIES_AT + 2] += even >> 16
    sums[COPIES_AT + 3] += odd >> 16
    sums[SUM_COUNT] += n_own - n_isolated
    sums[N_SUMS + SUM_COUNT] += n_isolated
    add_both(sums, SUM_MASS, mass)
    add_both(sums, SUM_DAMAGE, damaged)
    add_both(sums, SUM_ETC, etc)
    add_both(sums, SUM_ETC_COMPLEX_I, with_complex1)
    add_both(sums, SUM_SYNTHASE, synthase)
    add_both(sums, SUM_LEAK, leak)
    add_both(sums, SUM_DEHYDROGENASE, working)
    add_both(sums, SUM_SITE_I, site1)
    add_both(sums, SUM_SITE_III, site3)
    if n_there != n_own:
        for k in range(PAGE):
            flags = int(mitochondria.flags[first + k])
            if flags & OCCUPIED != 0 and (flags >> CLASS_SHIFT) & CLASS_MASK > OWN_ISOLATED:
                add_slot(h, first + k, sums, mitochondria, cells, p)


@row
def add_both(sums, which, both):
    """Add the two halves of a sum of :func:`add_page` to those of the network (class 0) and of the isolated (class 1)."""
    sums[which] += both & MASK32
    sums[N_SUMS + which] += both >> 32


@row(page=add_page)
def add_slot(h, slot, sums, mitochondria, cells, p):
    """Add one mitochondrion to the sums of its host ``h``."""
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0:
        return
    at = ((flags >> CLASS_SHIFT) & CLASS_MASK) * N_SUMS
    mass = MASS_SCALE * int(mitochondria.mass[slot])
    damage = DAMAGE_SCALE * int(mitochondria.damage[slot])
    sums[COUNT_AT] += 1
    if int(mitochondria.birth[slot]) >> POPULATION_SHIFT != int(cells.population[h]):
        sums[FOREIGN_AT] += 1
    for k in range(N_HAPLOTYPES):
        sums[COPIES_AT + k] += int(mitochondria.copies[slot, k])
    sums[at + SUM_COUNT] += 1
    sums[at + SUM_MASS] += int(mass * ONE + 0.5)
    sums[at + SUM_DAMAGE] += int(mass * damage * ONE + 0.5)
    if flags & PORE_OPEN != 0:
        return
    scaled = mass * ONE
    e1 = COMPLEX_SCALE * int(mitochondria.complex1[slot])
    e34 = COMPLEX_SCALE * int(mitochondria.complex34[slot])
    e5 = COMPLEX_SCALE * int(mitochondria.complex5[slot])
    b1 = BOUND_SCALE * int(mitochondria.bound1[slot])
    b3 = BOUND_SCALE * int(mitochondria.bound3[slot])
    kept = max(0.0, 1.0 - p.damage_on_respiration * damage) * (1.0 - b3)
    sums[at + SUM_ETC] += int(scaled * e34 * kept + 0.5)
    sums[at + SUM_ETC_COMPLEX_I] += int(scaled * min(e1, e34) * kept * (1.0 - b1) + 0.5)
    sums[at + SUM_SYNTHASE] += int(scaled * e5 * max(0.0, 1.0 - p.damage_on_synthase * damage) + 0.5)
    sums[at + SUM_LEAK] += int(scaled * (1.0 + p.damage_on_leak * damage) + 0.5)
    sums[at + SUM_DEHYDROGENASE] += int(scaled + 0.5)
    sums[at + SUM_SITE_I] += int(scaled * b1 * e1 + 0.5)
    sums[at + SUM_SITE_III] += int(scaled * b3 * e34 + 0.5)


@row
def write_sums(h, sums, mitochondria, cells, p):
    """Write the sums of host ``h``."""
    for k in range(N_CLASSES):
        for j in range(N_SUMS):
            cells.sums[h, k, j] = sums[k * N_SUMS + j]
    for k in range(N_HAPLOTYPES):
        cells.copies[h, k] = sums[COPIES_AT + k]
    cells.n_mitochondria[h] = sums[COUNT_AT]
    cells.n_foreign[h] = sums[FOREIGN_AT]


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Gather the capacities of all hosts."""
    world.backend.gather(add_slot, write_sums, N_GATHERED, world.n_cells, world.cells, world.pages, world.mitochondria, world.cells, p)


PROCESS = Process(name="capacity", stage="energetics", clock="mitochondria", parameters=Parameters, advance=advance)
