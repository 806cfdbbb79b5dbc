"""Cytokines: cells secrete them into the medium of the well, in which they mix and decay, and receptors of other cells sense them.

Mechanism. The medium of a well (volume V) holds each cytokine at one concentration c:

    c' = (1/V) sum over cells of s - (decay + b) c,     s = rate x class of the type x drive x cytokine_secretion x Hill2(ATP),

solved exactly over a step at constant s; b is what a block of tissue loses to its blood (``diffusion``), 0 in a dish. The classes are
numbers of the cell type (inflammatory, trophic, alarmin, lymphokine secretion; 0 = none); the drives are signals of the cell, 0..1:

* IL-6, IL-8, MCP-1 (inflammatory): basal + (1 - basal) NF-kB, for IL-6 less the more a macrophage is shifted towards M2; RANTES: the
  larger of NF-kB and STING;
* HGF, SDF-1, MCP-3, VEGF, TGF-beta (trophic, x node paracrine): 1, for SDF-1 and VEGF 1 + gain x HIF, for MCP-3 1 + NF-kB; stromal
  cells under TNF-alpha, LPS or oxidants make more HGF and VEGF, + trophic_nfkb x NF-kB (Crisostomo 2008 Am J Physiol Cell Physiol, from
  memory; HGF: Zhang 2010 J Cell Biochem, abstract), and such that have degraded damaged mitochondria of others more HGF, VEGF and SDF-1,
  + trophic_ho1 x the share to which HO-1 is up (without HO-1 they make less of the three: Zarjou 2011 Am J Physiol Renal, abstract);
* IL-33 (alarmin): NF-kB; eotaxin: receptor of IL-4 and IL-13 (STAT6);
* IL-4, IL-5, IL-13 (lymphokine): stimulated T cells that are neither Treg, Th1 nor Th17, as far as IL-4 or IL-33 is there, less
  tgf_on_th2 x the occupancy of their receptor of TGF-beta, which holds GATA-3 down (Gorelik 2000 J Immunol 165:4773); IL-17: Th17;
  interferon gamma: Th1; IL-10, TGF-beta: Treg; TGF-beta of activated platelets (``platelet_activation``) as it becomes active;
  IL-10 also of macrophages, by their shift x towards M2 and, of what is
  left, by the occupancy R of their receptors of prostaglandin E2 (``stromal_calming``) while NF-kB is up: x + (1 - x) R NF-kB;
* interferon alpha/beta: 1 - (1 - STING)(1 - TLR9) of any cell, and LPS by way of TRIF (inflammatory);
* HMGB1 (node hmgb1): NF-kB; and, with IL-33 of alarmin cells, a bolus of what the cell held when it loses its membrane.

What a cell senses: occupancies of its receptors, c^2/(c^2 + half^2) x node (IL-4 and IL-13 as doses that add), in ``groups.receptors``.
HMGB1, an alarm of cells that have burst, is sensed by RAGE (node s100a4, which stands for S100A4 and RAGE) and TLR4 in the shares
``rage_share`` and the rest, times the cytokine sensitivity of the type; ``signals`` lets it raise NF-kB.
TNF-alpha and IL-1beta are not here: they are fields that vary over the well (``diffusion``).

Assumptions: well mixed, because the decay length sqrt(D/k) of 10-40 kDa proteins is millimetres, more than a well is wide; they pass an
insert, and a block is mixed like a dish; what leaves with the blood does not come back; uptake by receptors is negligible beside decay;
one decay rate for all. Nothing is secreted before time zero: the medium is fresh then. Rates are frozen over a step (error of order
dt/2 of their change).
Secretion is added up in integers, so the sum does not depend on the order of cells.
Verification: ``tests/verification/test_cytokines.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import exp, hill2
from mitoferry.core.nodes import (
    NODE_CYTOKINE_SECRETION,
    NODE_HMGB1,
    NODE_IL_4_RECEPTOR,
    NODE_IL_10_RECEPTOR,
    NODE_INTERFERON_RECEPTOR,
    NODE_PARACRINE,
    NODE_S100A4,
    NODE_T_CELL_RECEPTOR,
    NODE_TGF_BETA_RECEPTOR,
    NODE_TOLL_LIKE_RECEPTOR,
)
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BY_FERROPTOSIS,
    BY_NECROSIS,
    BY_PYROPTOSIS,
    CELL_DEAD_NECROTIC,
    CELL_NECROTIC,
    CELL_POOL,
    CYTOKINES,
    EOTAXIN,
    EXTRACELLULAR_HMGB1,
    HGF,
    IL_4,
    IL_5,
    IL_6,
    IL_8,
    IL_10,
    IL_13,
    IL_17,
    IL_33,
    INTERFERON_1,
    INTERFERON_GAMMA,
    MCP_1,
    MCP_3,
    N_CYTOKINES,
    PROSTAGLANDIN_E2,
    RANTES,
    RECEPTOR_HGF,
    RECEPTOR_HMGB1,
    RECEPTOR_IL_4,
    RECEPTOR_IL_6,
    RECEPTOR_IL_10,
    RECEPTOR_IL_33,
    RECEPTOR_INTERFERON_1,
    RECEPTOR_INTERFERON_GAMMA,
    RECEPTOR_PROSTAGLANDIN_E2,
    RECEPTOR_TGF_BETA,
    SDF_1,
    TGF_BETA,
    TH1,
    TH17,
    TREG,
    VEGF,
)
from mitoferry.processes.free_mitochondria import medium_volume
from mitoferry.processes.heme_signalling import ho1_share
from mitoferry.processes.rest import RESTING_ATP, alive
from mitoferry.space.field_exchange import protein_loss

AMOUNT = 1.0 / 1073741824.0  # ag/s, of the integers that are added up
PER_VOLUME = 1000.0  # ng/mL per ag/um^3
READERS = ("macrophage", "t_helper", "cytotoxic", "attacker")
"""Numbers of cell types whose mechanisms read the receptors."""


class Parameters(NamedTuple):
    """Rates in ag/s at full drive, concentrations in ng/mL (library: ``cytokines.*``)."""

    il_4_rate: float
    il_5_rate: float
    il_6_rate: float
    il_8_rate: float
    il_10_rate: float
    il_13_rate: float
    il_17_rate: float
    il_33_rate: float
    mcp_1_rate: float
    mcp_3_rate: float
    rantes_rate: float
    eotaxin_rate: float
    hgf_rate: float
    vegf_rate: float
    sdf_1_rate: float
    tgf_beta_rate: float
    interferon_1_rate: float
    interferon_gamma_rate: float
    hmgb1_rate: float
    basal: float
    hif_gain: float
    trophic_nfkb: float
    trophic_ho1: float
    trophic_stat6: float
    tgf_on_th2: float
    polarisation: float
    lps_half: float  # ng/mL
    atp_half: float  # share of resting ATP
    hmgb1_content: float  # ag/pL
    il_33_content: float  # ag/pL
    decay: float  # 1/h
    il_4_half: float
    il_13_weight: float
    il_10_half: float
    il_6_half: float
    il_33_half: float
    interferon_1_half: float
    interferon_gamma_half: float
    tgf_beta_half: float
    hmgb1_half: float
    hgf_half: float
    rage_share: float


@row
def whole(x):
    """``x`` [ag/s] as an integer number of :data:`AMOUNT`."""
    return int(max(x, 0.0) / AMOUNT + 0.5)


@row
def secrete_inflammatory(i, cells, groups, sums, health, p):
    """IL-6, IL-8, MCP-1, RANTES, HMGB1 and interferon alpha/beta of cell ``i``."""
    g = int(cells.group[i])
    nfkb = float(cells.nfkb[i])
    sting = float(cells.sting[i])
    level = health * float(groups.inflammatory_secretion[g])
    drive = p.basal + (1.0 - p.basal) * nfkb
    shift = float(groups.macrophage[g]) * float(cells.polarisation[i])
    sums[IL_6] = whole(level * p.il_6_rate * drive * max(1.0 - p.polarisation * shift, 0.0))
    sums[IL_8] = whole(level * p.il_8_rate * drive)
    sums[MCP_1] = whole(level * p.mcp_1_rate * drive)
    sums[RANTES] = whole(level * p.rantes_rate * max(nfkb, sting))
    sums[EXTRACELLULAR_HMGB1] = whole(level * p.hmgb1_rate * nfkb * float(groups.nodes[g, NODE_HMGB1]))
    trif = float(groups.inflammatory_secretion[g]) * hill2(float(groups.nodes[g, NODE_TOLL_LIKE_RECEPTOR]), p.lps_half)
    silent = (1.0 - sting) * (1.0 - float(cells.tlr9[i])) * (1.0 - min(trif, 1.0))
    sums[INTERFERON_1] = whole(health * p.interferon_1_rate * (1.0 - silent))


@row
def secrete_trophic(i, cells, groups, sums, health, p):
    """HGF, VEGF, SDF-1 and MCP-3 of cell ``i``; and the alarmins of an epithelium."""
    g = int(cells.group[i])
    level = health * float(groups.trophic_secretion[g]) * float(groups.nodes[g, NODE_PARACRINE])
    hypoxia = 1.0 + p.hif_gain * float(cells.hif[i])
    heme = p.trophic_ho1 * ho1_share(float(cells.ho1[i]))
    stress = heme + p.trophic_nfkb * float(cells.nfkb[i])
    sums[HGF] = whole(level * p.hgf_rate * (1.0 + stress))
    sums[VEGF] = whole(level * p.vegf_rate * (hypoxia + stress))
    sums[SDF_1] = whole(level * p.sdf_1_rate * (hypoxia + heme))
    sums[MCP_3] = whole(level * p.mcp_3_rate * (1.0 + float(cells.nfkb[i])))
    alarm = health * float(groups.alarmin_secretion[g])
    sums[IL_33] = whole(alarm * p.il_33_rate * float(cells.nfkb[i]))
    sums[EOTAXIN] = whole(alarm * p.eotaxin_rate * float(groups.receptors[g, RECEPTOR_IL_4]))


@row
def secrete_lymphokines(i, cells, groups, sums, health, p):
    """Lymphokines of a T cell, IL-10 of a macrophage, TGF-beta of both kinds of source."""
    g = int(cells.group[i])
    level = health * float(groups.lymphokine_secretion[g])
    treg = float(cells.t_cell[i, TREG])
    th1 = float(cells.t_cell[i, TH1])
    th17 = float(cells.t_cell[i, TH17])
    stimulated = min(max(float(groups.nodes[g, NODE_T_CELL_RECEPTOR]), 0.0), 1.0)
    cue = 1.0 - (1.0 - float(groups.receptors[g, RECEPTOR_IL_4])) * (1.0 - float(groups.receptors[g, RECEPTOR_IL_33]))
    free = max(1.0 - p.tgf_on_th2 * float(groups.receptors[g, RECEPTOR_TGF_BETA]), 0.0)
    th2 = level * stimulated * cue * free * max(1.0 - treg - th1 - th17, 0.0)
    sums[IL_4] = whole(th2 * p.il_4_rate)
    sums[IL_5] = whole(th2 * p.il_5_rate)
    sums[IL_13] = whole(th2 * p.il_13_rate)
    sums[IL_17] = whole(level * th17 * p.il_17_rate)
    sums[INTERFERON_GAMMA] = whole(level * th1 * p.interferon_gamma_rate)
    shift = max(float(cells.polarisation[i]), 0.0)
    shift = shift + max(1.0 - shift, 0.0) * float(groups.receptors[g, RECEPTOR_PROSTAGLANDIN_E2]) * float(cells.nfkb[i])
    m2 = health * float(groups.macrophage[g]) * shift
    sums[IL_10] = whole((level * treg + m2) * p.il_10_rate)
    trophic = health * float(groups.trophic_secretion[g]) * float(groups.nodes[g, NODE_PARACRINE])
    stat6 = 1.0 + p.trophic_stat6 * float(groups.receptors[g, RECEPTOR_IL_4])
    sums[TGF_BETA] = whole((level * treg + trophic * stat6) * p.tgf_beta_rate + float(cells.tgf_beta_flux[i]))


@row
def has_burst(i, cells, step):
    """Whether cell ``i`` has lost its membrane in the step that ends now."""
    died = float(cells.death_time[i])
    if died < step.time - step.dt or died >= step.time or died < 0.0:
        return False
    state = int(cells.state[i])
    cause = int(cells.death_cause[i])
    if state == CELL_NECROTIC or state == CELL_DEAD_NECROTIC:
        return True
    return cause == BY_NECROSIS or cause == BY_PYROPTOSIS or cause == BY_FERROPTOSIS


@row
def secretion_row(i, sums, cells, groups, p, step):
    """What cell ``i`` secretes of each cytokine into ``sums``, in units of :data:`AMOUNT` per second; returns its well, -1 for a pool."""
    if int(cells.state[i]) == CELL_POOL:
        return -1
    g = int(cells.group[i])
    if alive(int(cells.state[i])):
        health = float(groups.nodes[g, NODE_CYTOKINE_SECRETION]) * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)
        secrete_inflammatory(i, cells, groups, sums, health, p)
        secrete_trophic(i, cells, groups, sums, health, p)
        secrete_lymphokines(i, cells, groups, sums, health, p)
    elif has_burst(i, cells, step):
        volume = float(groups.volume[g]) / step.dt
        sums[EXTRACELLULAR_HMGB1] = whole(volume * p.hmgb1_content * float(groups.nodes[g, NODE_HMGB1]))
        sums[IL_33] = whole(volume * p.il_33_content * float(groups.alarmin_secretion[g]))
    return int(cells.well[i])


@row
def mix_row(w, sums, wells, fields, p, step):
    """Concentrations of well ``w`` after the step: exact for a constant secretion."""
    volume = medium_volume(wells, w)
    rate = p.decay / 3600.0 + protein_loss(w, wells, fields)
    kept = exp(-rate * step.dt)
    gain = step.dt
    if rate > 0.0:
        gain = (1.0 - kept) / rate
    for k in range(PROSTAGLANDIN_E2):  # those from here on are mixed by ``stromal_calming``
        made = AMOUNT * int(sums[w, k]) * PER_VOLUME / volume
        wells.cytokines[w, k] = float(wells.cytokines[w, k]) * kept + made * gain


@row
def receptors_row(g, groups, wells, p, step):
    """Occupancies of the receptors of the cells of group ``g``."""
    w = int(groups.well[g])
    il_4 = max(float(groups.nodes[g, NODE_IL_4_RECEPTOR]), 0.0)
    interferon = max(float(groups.nodes[g, NODE_INTERFERON_RECEPTOR]), 0.0)
    both = float(wells.cytokines[w, IL_4]) + p.il_13_weight * float(wells.cytokines[w, IL_13])
    groups.receptors[g, RECEPTOR_IL_4] = min(il_4 * hill2(both, p.il_4_half), 1.0)
    il_10 = float(groups.nodes[g, NODE_IL_10_RECEPTOR]) * hill2(float(wells.cytokines[w, IL_10]), p.il_10_half)
    groups.receptors[g, RECEPTOR_IL_10] = min(max(il_10, 0.0), 1.0)
    groups.receptors[g, RECEPTOR_IL_6] = hill2(float(wells.cytokines[w, IL_6]), p.il_6_half)
    groups.receptors[g, RECEPTOR_IL_33] = hill2(float(wells.cytokines[w, IL_33]), p.il_33_half)
    groups.receptors[g, RECEPTOR_INTERFERON_1] = min(interferon * hill2(float(wells.cytokines[w, INTERFERON_1]), p.interferon_1_half), 1.0)
    gamma = interferon * hill2(float(wells.cytokines[w, INTERFERON_GAMMA]), p.interferon_gamma_half)
    groups.receptors[g, RECEPTOR_INTERFERON_GAMMA] = min(gamma, 1.0)
    tgf = float(groups.nodes[g, NODE_TGF_BETA_RECEPTOR]) * hill2(float(wells.cytokines[w, TGF_BETA]), p.tgf_beta_half)
    groups.receptors[g, RECEPTOR_TGF_BETA] = min(max(tgf, 0.0), 1.0)
    groups.receptors[g, RECEPTOR_HGF] = hill2(float(wells.cytokines[w, HGF]), p.hgf_half)
    alarm = float(groups.cytokine_sensitivity[g]) * float(wells.cytokines[w, EXTRACELLULAR_HMGB1])
    rage = 1.0 + p.rage_share * (max(float(groups.nodes[g, NODE_S100A4]), 0.0) - 1.0)
    groups.receptors[g, RECEPTOR_HMGB1] = min(max(rage, 0.0) * hill2(alarm, p.hmgb1_half), 1.0)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Secretion, mixing and decay of the cytokines of every well over ``step.dt``; then what receptors sense."""
    backend = world.backend
    if step.time > 0.0:
        sums = backend.totals(secretion_row, world.n_cells, world.n_wells, N_CYTOKINES, world.cells, world.groups, p, step)
        backend.each(mix_row, world.n_wells, sums, world.wells, world.fields, p, step)
    backend.each(receptors_row, len(world.groups.well), world.groups, world.wells, p, step)


def wanted(spec: Any) -> bool:
    """Whether a cell of the run senses cytokines, crawls or grows by those that another secretes, the medium holds one, or one is read."""
    measured = any(m.assay == "elisa" for m in spec.measurements)
    crawling = spec.has_cells_with("scatter") and spec.has_cells_with("trophic_secretion", "alpha_granules")
    growing = spec.has_cells_with("il_6_growth") and spec.has_cells_with("inflammatory_secretion")
    return measured or crawling or growing or spec.has_cells_with(*READERS) or spec.dissolves(*CYTOKINES)


PROCESS = Process(name="cytokines", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
