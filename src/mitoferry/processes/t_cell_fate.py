"""T cell fate: what stimulated CD4 cells become by respiration and cytokines, and how CD8 cells tire without spare capacity.

Mechanism. Only a T cell whose receptor is stimulated (node t_cell_receptor, 0..1) changes; then its Treg, Th1 and Th17 characters relax to

    f_k = stimulus x t_helper of the type x e^(L_k)/(1 + sum e^(L_j)),     k = Treg, Th1, Th17 (the 1 stands for undecided, or Th2),
    L_Treg = a_r + b (o - 1/2) + c TGF,     L_Th1 = a_1 - b (o - 1/2) + c G,     L_Th17 = a_17 - b (o - 1/2) + c TGF x IL6,

with the share o of its ATP that respiration makes and the occupancies of the receptors of TGF-beta (TGF), IL-6 and interferon gamma (G).
Respiration favours regulatory cells, which live on oxidative phosphorylation, over Th1 and Th17 cells, which live on glycolysis. FOXP3,
CTLA4 and IL2RA go with Treg, T-bet with Th1, RORgt and IL-17 with Th17 (assay ``t_cell_phenotype``).

Exhaustion E of a CD8 cell (``cytotoxic`` of its type): E -> stimulus x node checkpoint x [1 - Hill2(spare)], where spare = 1 - J/J_max is
the share of its respiratory capacity that it does not use: a cell with mitochondria to spare stays fit. Without a stimulus it recovers.
Exhaustion weakens its attack (``immune_attack``).

Activation a of every T cell relaxes to the stimulus, a' = (stimulus - a)/tau, and lets the cell into the cycle (``cycle``,
``division``): a resting one does not divide, one that is stimulated divides for the first time after a lag of about a day.

Assumptions: fates are shares of a cell's character rather than draws (a population of cells of shares is a population of cells of kinds
on average); targets frozen over a step. There is no antigen, and no
dependence of the expansion on IL-2.
Verification: ``tests/verification/test_immune_axes.py``, ``tests/verification/test_cycle_of_types.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import exp, hill2, relax
from mitoferry.core.nodes import NODE_CHECKPOINT, NODE_T_CELL_RECEPTOR
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    ACTIVATION,
    EXHAUSTION,
    N_CLASSES,
    RECEPTOR_IL_6,
    RECEPTOR_INTERFERON_GAMMA,
    RECEPTOR_TGF_BETA,
    SUM_ETC,
    SUM_SCALE,
    TH1,
    TH17,
    TREG,
)
from mitoferry.processes.rest import alive, oxphos_share, respiration


class Parameters(NamedTuple):
    """Library: ``t_cell_fate.*``."""

    time: float  # h
    treg_bias: float
    th1_bias: float
    th17_bias: float
    oxphos_gain: float
    cytokine_gain: float
    exhaustion_time: float  # h
    spare_half: float
    activation_time: float  # h


@row
def shares_of_fate(oxphos, tgf, il_6, gamma, p):
    """Shares of Treg, Th1 and Th17 by their logits; the rest stays undecided."""
    bias = p.oxphos_gain * (oxphos - 0.5)
    treg = exp(p.treg_bias + bias + p.cytokine_gain * tgf)
    th1 = exp(p.th1_bias - bias + p.cytokine_gain * gamma)
    th17 = exp(p.th17_bias - bias + p.cytokine_gain * tgf * il_6)
    total = 1.0 + treg + th1 + th17
    return treg / total, th1 / total, th17 / total


@row
def spare_capacity(i, cells, capacity):
    """Share 0..1 of the respiratory capacity of cell ``i`` that it does not use; ``capacity`` [amol/s] of a unit."""
    most = 0.0
    for k in range(N_CLASSES):
        most += SUM_SCALE * int(cells.sums[i, k, SUM_ETC])
    if most <= 0.0:
        return 0.0
    return min(max(1.0 - respiration(i, cells) / (capacity * most), 0.0), 1.0)


@row
def fate_row(i, cells, groups, capacity, p, step):
    """Characters and exhaustion of T cell ``i`` over one step."""
    g = int(cells.group[i])
    helper = min(max(float(groups.t_helper[g]), 0.0), 1.0)
    cytotoxic = min(max(float(groups.cytotoxic[g]), 0.0), 1.0)
    if helper <= 0.0 and cytotoxic <= 0.0:
        return
    if not alive(int(cells.state[i])):
        return
    dt = step.dt / 3600.0
    stimulus = min(max(float(groups.nodes[g, NODE_T_CELL_RECEPTOR]), 0.0), 1.0)
    cells.t_cell[i, ACTIVATION] = relax(float(cells.t_cell[i, ACTIVATION]), stimulus, dt, p.activation_time)
    if helper > 0.0 and stimulus > 0.0:
        treg, th1, th17 = shares_of_fate(
            oxphos_share(i, cells),
            float(groups.receptors[g, RECEPTOR_TGF_BETA]),
            float(groups.receptors[g, RECEPTOR_IL_6]),
            float(groups.receptors[g, RECEPTOR_INTERFERON_GAMMA]),
            p,
        )
        share = stimulus * helper
        cells.t_cell[i, TREG] = relax(float(cells.t_cell[i, TREG]), share * treg, dt, p.time)
        cells.t_cell[i, TH1] = relax(float(cells.t_cell[i, TH1]), share * th1, dt, p.time)
        cells.t_cell[i, TH17] = relax(float(cells.t_cell[i, TH17]), share * th17, dt, p.time)
    if cytotoxic > 0.0:
        tired = 1.0 - hill2(spare_capacity(i, cells, capacity), p.spare_half)
        target = min(stimulus * cytotoxic * max(float(groups.nodes[g, NODE_CHECKPOINT]), 0.0) * tired, 1.0)
        cells.t_cell[i, EXHAUSTION] = relax(float(cells.t_cell[i, EXHAUSTION]), target, dt, p.exhaustion_time)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the fate of every T cell by ``step.dt``."""
    capacity = float(world.spec.parameters["energetics.respiration_capacity"])
    world.backend.each(fate_row, world.n_cells, world.cells, world.groups, capacity, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run is a T cell."""
    return bool(spec.has_cells_with("t_helper", "cytotoxic"))


PROCESS = Process(name="t_cell_fate", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
