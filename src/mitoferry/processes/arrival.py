"""What becomes of an arrived mitochondrion in the recipient, and what its degradation signals.

Mechanism, per mitochondrion that came from another cell and has not fused with the host network:

* in an endosome: escape to the cytosol (rate k_esc) or delivery to a lysosome (k_lys, in a professional phagocyte
  ``phagocyte_lysis`` times faster);
* in a phagosome, with the dying cell that held it or passed on by transmitophagy: digested with the rest of the meal at the same rate;
  ``phagosome_escape`` is 0, since bodies that are engulfed are sealed off from the cytosol until they are digested;
* in the double-membrane vesicle of an internalised gap junction: the same with rates of its own;
* free in the cytosol: degraded at the rate of the cell type (``groups.arrival_lysis``), by PINK1/Parkin mitophagy and
  lysosomes (nodes ``pink1_parkin``, ``lysosome``). Fusion competes with it and is in ``processes/fusion_fission.py``.

Each degraded arrival raises the pulse, y -> y + a (1 - y); y decays with its own time constant. So y saturates at 1 and,
for arrivals degraded at a constant rate k, its mean is exactly k a/(k a + 1/tau). Which arrivals count is a switch
(parameter ``arrival.gate``): 0 any; 1 those whose potential on arrival was above the gate (not flagged SICK_ON_ARRIVAL
by the hand-over); 2 those tagged by PINK1 when degraded. Unfused arrivals that ``mitophagy`` has degraded count alike
(``cells.degraded_foreign``). Fused arrivals give no pulse; neither do those that lost their membrane outside of cells (flag BROKEN) nor
those that are digested in a phagosome: dead mitochondria and their pieces protect no tissue (McCully 2009 Am J Physiol Heart Circ
Physiol, from memory), and what is sealed off meets no PINK1 and Parkin. They do give heme: the damaged part of the mass of every degraded
arrival is added to ``cells.heme``, which ``heme_signalling`` reads.

The pulse acts through three arms that can be switched off one by one, by a parameter or by a node of a treatment:

* antioxidant (HO-1/Nrf2): ``reactive_oxygen`` multiplies its target by 1 + reactive_oxygen.pulse_gain x node arrival_antioxidant x y;
* mitophagy of own damaged units: ``mitophagy`` adds mitophagy.arrival_gain x node arrival_mitophagy x y x damage [1/h];
* survival (Akt/AMPK): s' = (survival_gain x node arrival_survival x y + paracrine_gain c - s)/tau, with c = P/(P + K) of the
  paracrine factors at the cell (plus humanin_gain x humanin/(humanin + half), which binds BAX); ``death`` divides the hazard of
  cytochrome c release by 1 + s.

Assumptions: rates frozen over a step; competing risks within a step are exact (1 - exp(-sum), then shares); y is held
at its value after the step while s relaxes (error of order dt/tau). Lysis is booked as degradation and logged
(``arrival_log``).
Verification: ``tests/verification/test_fate_arrival.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.lanes import lane, lanes, page_slots
from mitoferry.core.maths import exp, log, relax
from mitoferry.core.nodes import NODE_ARRIVAL_SURVIVAL, NODE_HUMANIN, NODE_LYSOSOME, NODE_PINK1_PARKIN
from mitoferry.core.pages import clear_slot
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BROKEN,
    CELL_APOPTOTIC,
    CLASS_MASK,
    CLASS_SHIFT,
    CYTOSOL,
    DAMAGE_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    DOUBLE_MEMBRANE,
    ENDOSOME,
    MASS_SCALE,
    N_HAPLOTYPES,
    OCCUPIED,
    PAGE,
    PARACRINE,
    PINK1,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_MASK,
    ROUTE_PHAGOCYTOSIS,
    ROUTE_SHIFT,
    SICK_ON_ARRIVAL,
    TALLY_COPIES_OUT,
    TALLY_DEGRADED,
    TALLY_MASS_OUT,
)
from mitoferry.core.streams import ARRIVAL_FATE
from mitoferry.processes.arrival_log import holds_arrivals, log_degraded, rows_of_pools_and_seeded, watch
from mitoferry.processes.rest import alive

GATE_ANY, GATE_POTENTIAL, GATE_PINK1 = 0, 1, 2
STAYS, ESCAPES, DEGRADED = 0, 1, 2
HEME = 3 + N_HAPLOTYPES
N_SUMS_ARRIVAL = 4 + N_HAPLOTYPES  # degraded, mass, pulses, copies, damaged mass


class Parameters(NamedTuple):
    """Rates in 1/h, times in h (library: ``arrival.*``)."""

    endosome_escape: float
    endosome_lysis: float
    phagosome_escape: float
    phagocyte_lysis: float
    double_membrane_escape: float
    double_membrane_lysis: float
    gate: float
    pulse: float
    pulse_time: float
    survival_gain: float
    paracrine_gain: float
    paracrine_half: float
    survival_time: float
    humanin_gain: float
    humanin_half: float  # uM


@row
def in_phagosome(flags):
    """Whether a mitochondrion with these flags lies in a phagosome."""
    return (flags >> PLACE_SHIFT) & PLACE_MASK == ENDOSOME and (flags >> ROUTE_SHIFT) & ROUTE_MASK == ROUTE_PHAGOCYTOSIS


@row
def fate_rates(flags, groups, g, p):
    """(escape, degradation) rates [1/h] of an unfused arrival with these flags."""
    lysosome = float(groups.nodes[g, NODE_LYSOSOME])
    place = (flags >> PLACE_SHIFT) & PLACE_MASK
    if place == ENDOSOME:
        phagocyte = 1.0 + (p.phagocyte_lysis - 1.0) * min(float(groups.phagocyte[g]), 1.0)
        escape = p.phagosome_escape if in_phagosome(flags) else p.endosome_escape
        return escape, p.endosome_lysis * phagocyte * lysosome
    if place == DOUBLE_MEMBRANE:
        return p.double_membrane_escape, p.double_membrane_lysis * lysosome
    return 0.0, float(groups.arrival_lysis[g]) * lysosome * float(groups.nodes[g, NODE_PINK1_PARKIN])


@row
def passes_gate(flags, gate):
    """Whether the degradation of a mitochondrion with these flags is signalled."""
    if flags & BROKEN != 0 or in_phagosome(flags):
        return False
    if gate < 0.5:
        return True
    if gate < 1.5:
        return flags & SICK_ON_ARRIVAL == 0
    return flags & PINK1 != 0


@row
def fate_of(h, slot, flags, mitochondria, cells, groups, wells, p, step):
    """What becomes of the mitochondrion in ``slot`` with these flags in this step: STAYS, ESCAPES or DEGRADED; STAYS if it has fused."""
    if flags & OCCUPIED == 0:
        return STAYS
    energy_class = (flags >> CLASS_SHIFT) & CLASS_MASK
    if energy_class != DONOR_FREE and energy_class != DONOR_ENDOSOME:
        return STAYS
    state = int(cells.state[h])
    if not alive(state) and state != CELL_APOPTOTIC:
        return STAYS
    escape, lysis = fate_rates(flags, groups, int(cells.group[h]), p)
    total = escape + lysis
    if total <= 0.0:
        return STAYS
    w = int(cells.well[h])
    u, v, _, _ = uniform4(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], ARRIVAL_FATE, step.step, 0)
    if u >= 1.0 - exp(-total * step.dt / 3600.0):
        return STAYS
    return DEGRADED if v * total < lysis else ESCAPES


@row
def degrading_page(i, n_pools, seeded, pages, mitochondria, cells, groups, wells, p, step):
    """Whether a mitochondrion of page ``i`` that came by a route is degraded in this step, 0 or 1."""
    h = int(pages.owner[i])
    if h < 0 or not holds_arrivals(h, n_pools, seeded, cells):
        return 0
    n = 0
    for k in range(page_slots()):
        flags = int(mitochondria.flags[lane(i * PAGE, k)])
        n += flags & OCCUPIED if (flags >> CLASS_SHIFT) & CLASS_MASK >= DONOR_FREE else 0
    if n > 0:
        for k in range(PAGE):
            slot = i * PAGE + k
            if fate_of(h, slot, int(mitochondria.flags[slot]), mitochondria, cells, groups, wells, p, step) == DEGRADED:
                return 1
    return 0


@row
def arrival_one(h, slot, sums, mitochondria, cells, groups, wells, p, step):
    """Escape or degradation of the mitochondrion in ``slot``, if it is an unfused arrival."""
    flags = int(mitochondria.flags[slot])
    fate = fate_of(h, slot, flags, mitochondria, cells, groups, wells, p, step)
    if fate == STAYS:
        return
    if fate == DEGRADED:
        sums[0] += 1
        sums[1] += int(mitochondria.mass[slot])
        if passes_gate(flags, p.gate):
            sums[2] += 1
        for k in range(N_HAPLOTYPES):
            sums[3 + k] += int(mitochondria.copies[slot, k])
        sums[HEME] += int(mitochondria.mass[slot]) * int(mitochondria.damage[slot])
        clear_slot(mitochondria, slot)
        return
    flags = flags & ~(PLACE_MASK << PLACE_SHIFT) & ~(CLASS_MASK << CLASS_SHIFT)
    mitochondria.flags[slot] = flags | (CYTOSOL << PLACE_SHIFT) | (DONOR_FREE << CLASS_SHIFT)


@row
def arrival_page(h, first, sums, mitochondria, cells, groups, wells, p, step):
    """As :func:`arrival_slot` for the slots of a page, few of which hold an unfused arrival."""
    unfused = lanes()
    n = 0
    for k in range(PAGE):
        flags = int(mitochondria.flags[lane(first, k)])
        some = flags & OCCUPIED if (flags >> CLASS_SHIFT) & CLASS_MASK >= DONOR_FREE else 0
        unfused[k] = float(some)
        n += some
    if n > 0:
        for k in range(PAGE):
            if unfused[k] != 0.0:
                arrival_one(h, first + k, sums, mitochondria, cells, groups, wells, p, step)


@row(page=arrival_page)
def arrival_slot(h, slot, sums, mitochondria, cells, groups, wells, p, step):
    """Escape or degradation of the mitochondrion in ``slot``, if it is an unfused arrival."""
    arrival_one(h, slot, sums, mitochondria, cells, groups, wells, p, step)


@row
def pulse_after(y, n, dt, p):
    """The pulse after a step of ``dt`` h that ends with ``n`` signalled degradations."""
    y = relax(y, 0.0, dt, p.pulse_time)
    if n <= 0:
        return y
    if p.pulse >= 1.0:
        return 1.0
    return 1.0 - (1.0 - y) * exp(n * log(1.0 - p.pulse))


@row
def arrival_finish(h, sums, mitochondria, cells, groups, wells, p, step):
    """Book what cell ``h`` has degraded; advance its pulse and its survival signal."""
    n = int(sums[0])
    if n > 0:
        cells.n_mitochondria[h] -= n
        cells.lysed_arrivals[h] += n
        cells.tally[h, TALLY_DEGRADED] += n
        cells.tally[h, TALLY_MASS_OUT] += int(sums[1])
        for k in range(N_HAPLOTYPES):
            cells.tally[h, TALLY_COPIES_OUT + k] += int(sums[3 + k])
            own = (int(groups.own_haplotypes[int(cells.group[h])]) >> k) & 1
            cells.mtdna_freed[h, 1 - own] += int(sums[3 + k])
        cells.heme[h] = float(cells.heme[h]) + MASS_SCALE * DAMAGE_SCALE * int(sums[HEME])
    state = int(cells.state[h])
    if not alive(state) and state != CELL_APOPTOTIC:
        return
    dt = step.dt / 3600.0
    signalled = int(sums[2]) + int(cells.degraded_foreign[h, min(max(int(p.gate + 0.5), GATE_ANY), GATE_PINK1)])
    for k in range(3):
        cells.degraded_foreign[h, k] = 0
    y = pulse_after(float(cells.arrival_pulse[h]), signalled, dt, p)
    cells.arrival_pulse[h] = y
    factors = max(float(cells.env[h, PARACRINE]), 0.0)
    node = float(groups.nodes[int(cells.group[h]), NODE_ARRIVAL_SURVIVAL])
    target = p.survival_gain * node * y + p.paracrine_gain * factors / (factors + p.paracrine_half)
    humanin = max(float(groups.nodes[int(cells.group[h]), NODE_HUMANIN]), 0.0)
    target = target + p.humanin_gain * humanin / (humanin + p.humanin_half)
    cells.survival[h] = relax(float(cells.survival[h]), target, dt, p.survival_time)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the fate of every unfused arrival by ``step.dt``, then pulse and survival of every cell."""
    tables = (world.pages, world.mitochondria, world.cells, world.groups, world.wells)
    pages = world.backend.select(degrading_page, len(world.pages.owner), *rows_of_pools_and_seeded(world), *tables, p, step)
    watched = watch(world, pages, unfused=True)
    world.backend.gather(
        arrival_slot, arrival_finish, N_SUMS_ARRIVAL, world.n_cells, world.cells, world.pages,
        world.mitochondria, world.cells, world.groups, world.wells, p, step,
    )  # fmt: skip
    log_degraded(world, watched, step)


PROCESS = Process(name="arrival", stage="quality", clock="mitochondria", parameters=Parameters, advance=advance, writes_mitochondria=True)
