"""Find-me signals: what stressed, dying and stromal cells release, and what their neighbours sense of it.

Mechanism, per cell and second into the fields (an amount: 1 mM um^3 = 1 amol):

* ATP and ADP leak through hemichannels in proportion to the loss of ATP, Q = q0 (1 - ATP/ATP0)+;
* a share of the H2O2 that is made crosses the membrane;
* NF-kB makes the cell secrete TNF-alpha, by the number ``tnf_secretion`` of its type (macrophage 1, others a hundredth; a macrophage
  less of it the more it is shifted towards M2); damage of mitochondria or NF-kB
  makes it emit the S100A4 signal;
* stromal (donor) cells secrete paracrine survival factors while they have ATP.

A cell that has just lost its membrane adds its adenine nucleotides as a bolus; ``processes/death.py`` writes it into
the same array, which ``diffusion`` empties into the fields at the start of the next macro-step.

What a cell senses: occupancy of P2Y receptors, an OR of P2Y2 (ATP) and P2Y6 (ADP) with weights 2:1; and
``signal_from_neighbours``, 1 - (1 - P2Y)(1 - Hill2(H2O2))(1 - Hill2(S100A4 signal)), which raises the rate at which a
neighbour of an injured cell sends out filopodia.

Assumptions: nobody senses before the signal has diffused (one macro-step of delay); the concentration at the cell
includes what the cell itself has released. Rates are frozen over a macro-step (error of order dt/2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import hill2
from mitoferry.core.nodes import NODE_P2Y, NODE_PARACRINE, NODE_S100A4
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import ADP, ATP, CELL_APOPTOTIC, H2O2, PARACRINE, S100A4_SIGNAL, TNF_ALPHA
from mitoferry.processes.rest import RESTING_ATP, alive, mean_damage


class Parameters(NamedTuple):
    """Library: ``find_me.*``."""

    nucleotide_release: float
    adp_share: float
    h2o2_escape: float
    tnf_secretion: float
    s100a4_emission: float
    emission_damage_half: float
    paracrine_secretion: float
    paracrine_atp_half: float
    p2y2_half: float
    p2y6_half: float
    p2y6_weight: float
    h2o2_half: float
    s100a4_half: float
    tnf_polarisation: float


@row
def p2y_occupancy(atp, adp, node, p):
    """Occupancy 0..1 of P2Y2 by ATP or P2Y6 by ADP [uM]."""
    silent = (1.0 - hill2(atp, p.p2y2_half)) * (1.0 - p.p2y6_weight * hill2(adp, p.p2y6_half))
    return min(node * (1.0 - silent), 1.0)


@row
def release_row(i, cells, groups, fields, p, step):
    """Add what cell ``i`` releases per second to ``fields.release``; ``diffusion`` uses it up in the next macro-step."""
    state = int(cells.state[i])
    if not alive(state) and state != CELL_APOPTOTIC:
        return
    g = int(cells.group[i])
    atp = float(cells.atp[i])
    leak = p.nucleotide_release * max(1.0 - atp / RESTING_ATP, 0.0)
    nfkb = float(cells.nfkb[i])
    stress = max(nfkb, hill2(mean_damage(cells, i), p.emission_damage_half))
    fields.release[i, ATP] = float(fields.release[i, ATP]) + (1.0 - p.adp_share) * leak
    fields.release[i, ADP] = float(fields.release[i, ADP]) + p.adp_share * leak
    fields.release[i, H2O2] = float(fields.release[i, H2O2]) + p.h2o2_escape * float(cells.h2o2_production[i])
    tnf = p.tnf_secretion * float(groups.tnf_secretion[g]) * nfkb * max(1.0 - p.tnf_polarisation * float(cells.polarisation[i]), 0.0)
    fields.release[i, TNF_ALPHA] = float(fields.release[i, TNF_ALPHA]) + tnf
    s100a4 = p.s100a4_emission * float(groups.nodes[g, NODE_S100A4]) * stress
    fields.release[i, S100A4_SIGNAL] = float(fields.release[i, S100A4_SIGNAL]) + s100a4
    if int(groups.donor[g]) != 0 and alive(state):
        health = hill2(atp, p.paracrine_atp_half * RESTING_ATP)
        factors = p.paracrine_secretion * float(groups.nodes[g, NODE_PARACRINE]) * health
        fields.release[i, PARACRINE] = float(fields.release[i, PARACRINE]) + factors


@row
def sense_row(i, cells, groups, p, step):
    """P2Y occupancy and find-me signals that cell ``i`` receives."""
    if not alive(int(cells.state[i])):
        cells.p2y[i] = 0.0
        cells.signal_from_neighbours[i] = 0.0
        return
    g = int(cells.group[i])
    p2y = p2y_occupancy(float(cells.env[i, ATP]), float(cells.env[i, ADP]), float(groups.nodes[g, NODE_P2Y]), p)
    silent = (1.0 - p2y) * (1.0 - hill2(float(cells.env[i, H2O2]), p.h2o2_half))
    receptor = min(max(float(groups.nodes[g, NODE_S100A4]), 0.0), 1.0)
    silent = silent * (1.0 - receptor * hill2(float(cells.env[i, S100A4_SIGNAL]), p.s100a4_half))
    cells.p2y[i] = p2y
    cells.signal_from_neighbours[i] = 1.0 - silent


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Add the releases of all cells for the next solution of the fields, and what they sense now."""
    if world.fields is not None:
        world.backend.each(release_row, world.n_cells, world.cells, world.groups, world.fields, p, step)
    world.backend.each(sense_row, world.n_cells, world.cells, world.groups, p, step)


PROCESS = Process(name="find_me", stage="signals", clock="macro", parameters=Parameters, advance=advance)
