"""Loading: which mitochondrion enters a nanotube, and how often.

Mechanism: an open thick tube takes mitochondria from either end at the rate

    k = k_0 * N_peri/100 * Miro1 * TRAK * motors * (1 - sigma(Ca)) * (1 - p38(H2O2)) * ATP/(K + ATP) * (1 + g P2Y) * temperature

times 1 + cd38 (node - 1): pulses of Ca2+ by CD38 and cyclic ADP-ribose recruit mitochondria, as P2Y does, where a lasting rise
arrests them; and times Miro1 by HMGB1 and what O-GlcNAc leaves of Milton (TRAK). N_peri: the mitochondria near the membrane of that
end's cell. The candidate is drawn among the mitochondria of the cell with weights proportional to mass; it enters with a
chance that falls with its potential, and if it fits the tube and the tube has room. Both ends follow the same law: no
end is called donor or recipient.

Assumptions: rate frozen over the step but for the number of mitochondria, which is followed exactly by thinning.
The candidate wins a race of exponential clocks keyed by its own identity, so that the choice does not depend on where
mitochondria are stored. Verified by F1-F3, G5 (tests/verification/test_nanotube_transport.py).
p38(H2O2) is the share that oxidants hold still beyond rest: H2O2 stops mitochondria by p38 alpha at Miro1 and TRAK, so that a cell under
oxidative stress gives less than it would, and more so the more it is stressed.
Sources: arrest by Ca2+, Yi 2004 J Cell Biol; by H2O2, Debattisti 2017 Cell Rep 20:1439 (from memory); Miro1 in transfer, Ahmad 2014 EMBO J.
"""

from __future__ import annotations

from mitoferry.core.handover import potential
from mitoferry.core.maths import exp
from mitoferry.core.nodes import (
    NODE_ACTIN_MOTOR,
    NODE_MICROTUBULE_MOTOR,
    NODE_MIRO1,
    NODE_MITOCHONDRIA_RELEASE,
    NODE_TEMPERATURE,
    NODE_TRAK,
)
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, CYTOSOL, PLACE_MASK, PLACE_SHIFT
from mitoferry.processes.compatibility import dependence
from mitoferry.processes.organelle import excess_oxidant
from mitoferry.processes.rest import relative_h2o2


@row
def arrest(calcium, half):
    """Share of mitochondria that Ca2+ [uM] holds still."""
    c = max(calcium, 0.0) / half
    return c * c / (1.0 + c * c)


@row
def free_to_move(calcium, h2o2, p):
    """Share of mitochondria that neither Ca2+ [uM] nor H2O2 [uM, as a redox sensor sees it] holds still."""
    return (1.0 - arrest(calcium, p.calcium_half)) * (1.0 - excess_oxidant(h2o2, p.oxidant_half))


@row
def motor_energy(atp, half):
    """Speed of motors relative to saturating ATP."""
    a = max(atp, 0.0)
    return a / (a + half)


@row
def adaptors(c, cells, groups):
    """Miro1 and TRAK of cell ``c``, relative."""
    g = int(cells.group[c])
    signals = float(cells.miro1[c]) * float(cells.trak[c])
    return float(groups.miro1[g]) * float(groups.nodes[g, NODE_MIRO1]) * float(groups.nodes[g, NODE_TRAK]) * signals


@row
def motors(c, cells, groups, p):
    """Motors of cell ``c``, relative: the share ``microtubule_share`` of the traffic runs on microtubules, the rest on actin."""
    g = int(cells.group[c])
    tracks = p.microtubule_share * float(groups.nodes[g, NODE_MICROTUBULE_MOTOR])
    return tracks + (1.0 - p.microtubule_share) * float(groups.nodes[g, NODE_ACTIN_MOTOR])


@row
def rate_of_loading(c, cells, groups, p):
    """Rate [1/h] at which mitochondria of cell ``c`` enter one open thick tube."""
    state = int(cells.state[c])
    if state != CELL_LIVE and state != CELL_MOMP:
        return 0.0
    g = int(cells.group[c])
    near = p.peripheral_share * int(cells.n_mitochondria[c]) / 100.0
    energy = motor_energy(float(cells.atp[c]), p.motor_atp) * float(groups.nodes[g, NODE_TEMPERATURE])
    free = free_to_move(float(cells.calcium[c]), relative_h2o2(c, cells, groups), p) * (1.0 + p.purinergic_gain * float(cells.p2y[c]))
    pulses = dependence(float(groups.cd38[g]), float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]))
    return p.loading_rate * near * adaptors(c, cells, groups) * motors(c, cells, groups, p) * energy * free * pulses


@row
def selectivity(psi, p):
    """Chance of a mitochondrion of potential ``psi`` [mV] to be loaded, relative to a polarised one."""
    return p.depolarised_loading + (1.0 - p.depolarised_loading) / (1.0 + exp((p.potential_half - psi) / p.potential_width))


@row
def may_enter(slot, c, mitochondria, cells, p, u):
    """Whether the candidate in ``slot`` of cell ``c`` is free in the cytosol and polarised enough, by the uniform ``u``."""
    if (int(mitochondria.flags[slot]) >> PLACE_SHIFT) & PLACE_MASK != CYTOSOL:
        return False
    return u < selectivity(potential(mitochondria, cells, c, slot), p)
