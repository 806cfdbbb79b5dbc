"""Signals of a cell: first-order responses of stress and survival pathways.

Mechanism: every signal y relaxes to a target f with its own time constant, y' = (f - y)/tau. Targets:

* NF-kB: the larger of oxidant stress (Hill of H2O2 less its value at rest; H2O2 of mitochondria and what comes in from the medium, beneath
  the membrane, ``rest.sensed_h2o2``) and receptors (TNF-alpha and IL-1beta at the cell, or
  LPS at its toll-like receptor less what microRNA of vesicles holds down, as doses that add; mtDNA at toll-like receptor 9,
  see ``mtdna_sensing``; HMGB1 of the medium at RAGE and toll-like receptor 4, see ``cytokines``; VCAM-1 that malignant blood cells
  engage, see ``vcam1_signalling``, at ``nfkb_vcam1`` when all is); humanin divides what oxidants, cytokines and LPS give by
  1 + dose/half; that of a senescent cell does not fall below ``nfkb_senescent`` times the node ``nfkb`` (the target, so that no
  two processes write it in turn);
  prostaglandin E2 and TSG-6 of stromal cells (``stromal_calming``) each multiply it by 1 - share x occupancy;
* TNFAIP2 (M-Sec): 1 + (fold - 1) max(NF-kB, weight p53 Akt), so that it is 1 at rest;
* p53: the largest of oxidant stress (H2O2 where the mitochondria are), damage of the mitochondria and lesions of DNA (``dna_damage``);
* caspase 3: 1 while the cell executes, else a sublethal share of p53; S100A4 is cleaved by it;
* phosphatidylserine: caspase 3, loss of ATP, high Ca2+ and sublethal damage of the mitochondria, as independent causes;
* HIF: lack of oxygen or a stabilising drug; Akt: its node, raised by oxidants as NF-kB is;
* PGC1a: degraded arrivals, by their pulse or by HO-1 (``heme_signalling``) of which the larger counts, since both stand for the one
  HO-1; energy stress by way of AMPK (node ``ampk``, which an agonist raises directly); SIRT1 (``nutrient_signalling``);
* Ca2+: P2Y receptors (pulses, of small mean, which dispatch mitochondria; not the lasting rise that arrests them), energy failure,
  a clamp by the node ``calcium``.

Assumptions: one pool per cell; targets are frozen over a step, so the step is exact for constant inputs (exponential
integrator); inputs that change within a step give an error of order dt/2 of their change. At rest all signals stay at
rest: verified, with planted faults, in ``tests/verification/test_signals_rest.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import exp, hill2, hill4
from mitoferry.core.nodes import (
    NODE_AMPK,
    NODE_ARRIVAL_ANTIOXIDANT,
    NODE_CALCIUM,
    NODE_CASPASE,
    NODE_HIF,
    NODE_HUMANIN,
    NODE_NFKB,
    NODE_P53,
    NODE_PI3K_MTOR,
    NODE_S100A4,
    NODE_TNFAIP2,
    NODE_TOLL_LIKE_RECEPTOR,
)
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    IL_1BETA,
    OXYGEN,
    RECEPTOR_HMGB1,
    RECEPTOR_PROSTAGLANDIN_E2,
    RECEPTOR_TSG_6,
    TNF_ALPHA,
)
from mitoferry.processes.heme_signalling import ho1_share
from mitoferry.processes.rest import RESTING_ATP, RESTING_H2O2, alive, mean_damage, relative_h2o2, sensed_h2o2


class Parameters(NamedTuple):
    """Time constants in h; half-maximal values in the unit of what they act on (library: ``signals.*``)."""

    nfkb_h2o2_half: float
    nfkb_tnf_half: float
    nfkb_il1b_half: float
    nfkb_lps_half: float
    nfkb_time: float
    tnfaip2_fold: float
    tnfaip2_p53_weight: float
    tnfaip2_time: float
    p53_h2o2_half: float
    p53_damage_half: float
    p53_dna_half: float
    p53_time: float
    sublethal_caspase: float
    caspase_time: float
    s100a4_cleavage: float
    s100a4_time: float
    ps_caspase_half: float
    ps_atp_half: float
    ps_calcium_half: float
    ps_damage_half: float
    ps_sublethal: float
    ps_time: float
    hif_oxygen_half: float
    hif_time: float
    akt_h2o2_half: float
    akt_gain: float
    akt_time: float
    pgc1a_pulse_gain: float
    pgc1a_energy_gain: float
    pgc1a_time: float
    calcium_rest: float
    calcium_p2y: float
    calcium_energy: float
    calcium_time: float
    microrna_tolerance: float
    pgc1a_ho1_gain: float
    pgc1a_sirt1_gain: float
    pgc1a_ampk_gain: float
    humanin_half: float  # uM
    nfkb_senescent: float
    nfkb_prostaglandin: float
    nfkb_tsg_6: float
    nfkb_vcam1: float


class Decays(NamedTuple):
    """exp(-dt/tau) of every signal, computed once per step."""

    nfkb: float
    tnfaip2: float
    p53: float
    caspase: float
    s100a4: float
    ps: float
    hif: float
    akt: float
    pgc1a: float
    calcium: float


def decays(p: Parameters, dt: float) -> Decays:
    """Decay factors over ``dt`` h."""
    return Decays(*(exp(-dt / getattr(p, f"{name}_time")) for name in Decays._fields))


@row
def toward(value, target, decay):
    """``value`` relaxed to ``target``: exact for a constant target."""
    return target + (value - target) * decay


@row
def oxidant_stress(h2o2, half):
    """Hill response to H2O2 less its value in a resting cell; 0 at rest."""
    return max(hill2(h2o2, half) - hill2(RESTING_H2O2, half), 0.0)


@row
def nfkb_target(h2o2, tnf, il1b, lps, sensitivity, node, p):
    """Target of NF-kB: the larger of oxidant stress and of cytokines and LPS together."""
    dose = tnf / p.nfkb_tnf_half + il1b / p.nfkb_il1b_half + lps / p.nfkb_lps_half
    return min(node * max(oxidant_stress(h2o2, p.nfkb_h2o2_half), hill2(sensitivity * dose, 1.0)), 1.0)


@row
def responsive(g, groups, p):
    """Factor on NF-kB of the cells of group ``g``: its node, less what prostaglandin E2 and TSG-6 take away."""
    calm = 1.0 - p.nfkb_prostaglandin * float(groups.receptors[g, RECEPTOR_PROSTAGLANDIN_E2])
    calm = calm * (1.0 - p.nfkb_tsg_6 * float(groups.receptors[g, RECEPTOR_TSG_6]))
    return float(groups.nodes[g, NODE_NFKB]) * calm


@row
def phosphatidylserine_target(caspase3, atp, calcium, damage, p):
    """Exposure 0..1 by four independent causes: caspase 3, loss of ATP, high Ca2+, sublethal damage of mitochondria."""
    hidden = 1.0 - hill4(caspase3, p.ps_caspase_half)
    hidden = hidden * hill4(atp, p.ps_atp_half * RESTING_ATP)
    hidden = hidden * (1.0 - hill4(calcium, p.ps_calcium_half))
    hidden = hidden * (1.0 - p.ps_sublethal * hill2(damage, p.ps_damage_half))
    return 1.0 - hidden


@row
def pgc1a_target(pulse, ho1, atp, ampk, sirt1, p):
    """Target of PGC1a: degraded arrivals (by pulse or HO-1, the larger), energy stress by way of AMPK, SIRT1; 1 at rest."""
    arrivals = max(p.pgc1a_pulse_gain * pulse, p.pgc1a_ho1_gain * ho1_share(ho1))
    shortage = max(1.0 - atp / RESTING_ATP, 0.0)
    energy = p.pgc1a_energy_gain * hill2(shortage, 0.3) * max(ampk, 0.0) + p.pgc1a_ampk_gain * max(ampk - 1.0, 0.0)
    return max(1.0 + arrivals + energy + p.pgc1a_sirt1_gain * (sirt1 - 1.0), 0.0)


@row
def advance_stress(i, cells, groups, d, p):
    """NF-kB, p53, HIF, Akt, PGC1a of cell ``i``; ``d`` holds the decay factors."""
    g = int(cells.group[i])
    h2o2, sensed = relative_h2o2(i, cells, groups), sensed_h2o2(i, cells, groups)
    damage = mean_damage(cells, i)
    open_to = responsive(g, groups, p)
    nfkb = nfkb_target(
        sensed,
        float(cells.env[i, TNF_ALPHA]),
        float(cells.env[i, IL_1BETA]),
        max(float(groups.nodes[g, NODE_TOLL_LIKE_RECEPTOR]), 0.0) / (1.0 + p.microrna_tolerance * float(cells.microrna[i])),
        float(groups.cytokine_sensitivity[g]),
        open_to / (1.0 + max(float(groups.nodes[g, NODE_HUMANIN]), 0.0) / p.humanin_half),
        p,
    )
    genome = max(oxidant_stress(h2o2, p.p53_h2o2_half), hill2(damage, p.p53_damage_half))
    genome = max(genome, hill2(float(cells.dna_damage[i]), p.p53_dna_half))
    p53 = min(float(groups.nodes[g, NODE_P53]) * genome, 1.0)
    alarm = max(float(cells.tlr9[i]), float(groups.receptors[g, RECEPTOR_HMGB1]))
    alarm = max(alarm, p.nfkb_vcam1 * float(cells.vcam1_bound[i]))
    if int(cells.senescent[i]) != 0:
        alarm = max(alarm, p.nfkb_senescent)
    nfkb = max(nfkb, min(open_to * alarm, 1.0))
    lack = 1.0 - hill4(float(cells.env[i, OXYGEN]), p.hif_oxygen_half)
    stabilised = min(max(float(groups.nodes[g, NODE_HIF]), 0.0), 1.0)
    akt = float(groups.nodes[g, NODE_PI3K_MTOR]) * (1.0 + p.akt_gain * oxidant_stress(sensed, p.akt_h2o2_half))
    pulse = float(groups.nodes[g, NODE_ARRIVAL_ANTIOXIDANT]) * float(cells.arrival_pulse[i])
    pgc1a = pgc1a_target(pulse, float(cells.ho1[i]), float(cells.atp[i]), float(groups.nodes[g, NODE_AMPK]), float(cells.sirt1[i]), p)
    cells.nfkb[i] = toward(float(cells.nfkb[i]), nfkb, d.nfkb)
    cells.p53[i] = toward(float(cells.p53[i]), p53, d.p53)
    cells.hif[i] = toward(float(cells.hif[i]), 1.0 - (1.0 - lack) * (1.0 - stabilised), d.hif)
    cells.akt[i] = toward(float(cells.akt[i]), akt, d.akt)
    cells.pgc1a[i] = toward(float(cells.pgc1a[i]), pgc1a, d.pgc1a)


@row
def advance_consequences(i, cells, groups, d, p):
    """TNFAIP2, Ca2+, caspase 3, S100A4 and phosphatidylserine of cell ``i``; ``d`` holds the decay factors."""
    g = int(cells.group[i])
    drive = min(max(float(cells.nfkb[i]), p.tnfaip2_p53_weight * float(cells.p53[i]) * float(cells.akt[i])), 1.0)
    tnfaip2 = float(groups.nodes[g, NODE_TNFAIP2]) * (1.0 + (p.tnfaip2_fold - 1.0) * drive)
    atp = float(cells.atp[i])
    failure = 1.0 - hill4(atp, 0.2 * RESTING_ATP)
    calcium = p.calcium_rest + p.calcium_p2y * float(cells.p2y[i]) + p.calcium_energy * failure + float(groups.nodes[g, NODE_CALCIUM])
    active = p.sublethal_caspase * float(cells.p53[i])
    if int(cells.state[i]) == CELL_APOPTOTIC:
        active = 1.0
    active = min(float(groups.nodes[g, NODE_CASPASE]) * active, 1.0)
    cells.tnfaip2[i] = toward(float(cells.tnfaip2[i]), tnfaip2, d.tnfaip2)
    cells.calcium[i] = toward(float(cells.calcium[i]), calcium, d.calcium)
    cells.caspase3[i] = toward(float(cells.caspase3[i]), active, d.caspase)
    s100a4 = float(groups.nodes[g, NODE_S100A4]) * (1.0 - p.s100a4_cleavage * float(cells.caspase3[i]))
    cells.s100a4[i] = toward(float(cells.s100a4[i]), s100a4, d.s100a4)
    exposed = phosphatidylserine_target(float(cells.caspase3[i]), atp, float(cells.calcium[i]), mean_damage(cells, i), p)
    cells.phosphatidylserine[i] = toward(float(cells.phosphatidylserine[i]), exposed, d.ps)


@row
def signals_row(i, cells, groups, d, p):
    """All signals of cell ``i`` over one step."""
    state = int(cells.state[i])
    if not alive(state) and state != CELL_APOPTOTIC:
        return
    advance_stress(i, cells, groups, d, p)
    advance_consequences(i, cells, groups, d, p)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the signals of every living or executing cell by ``step.dt``."""
    world.backend.each(signals_row, world.n_cells, world.cells, world.groups, decays(p, step.dt / 3600.0), p)


PROCESS = Process(name="signals", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance)
