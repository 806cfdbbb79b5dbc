"""Stromal calming: stromal cells that sense inflammation release prostaglandin E2 and TSG-6, which lower NF-kB of the cells around.

Mechanism. Of each factor k (prostaglandin E2, TSG-6) a living cell of a type that makes them (``calming_secretion`` a, 0 for all but
mesenchymal stromal cells) secretes

    s_k = rate_k a Hill2(NF-kB, induction_half) x node paracrine x node cytokine_secretion x Hill2(ATP, atp_half),

its NF-kB being what TNF-alpha, IL-1beta, LPS, HMGB1 and oxidants raise. The medium of a well (volume V) mixes them and loses them,
c' = sum s/V - (decay_k + b) c, solved exactly at constant s, with what a block loses to its blood, b (``diffusion``; PGE2 is taken to
leave as proteins do); they pass an insert. Receptors (EP2 and EP4; CD44) are occupied as
Hill2(c, half_k), in ``groups.receptors``.

What follows: ``signals`` multiplies NF-kB of every cell of the well, that of the stromal cells too, by 1 - share x occupancy for each of
the two, so that less TNF-alpha, IL-6, IL-8, MCP-1 and IL-33 are secreted; macrophages in which NF-kB is up make IL-10 by their receptors
of prostaglandin E2 (``cytokines``), which moves them towards M2. Without inflammation nothing is secreted and no byte moves.

Sources: bone marrow stromal cells under LPS or TNF-alpha make prostaglandin E2, which reprogrammes macrophages by EP2 and EP4 to
secrete IL-10 and less TNF-alpha and IL-6, Nemeth 2009 Nat Med (from memory); by EP4, and little of it from dermal fibroblasts,
Ylostalo 2012 Stem Cells (abstract); TSG-6 of inflamed stromal cells lowers NF-kB of macrophages by CD44, Choi 2011 Blood (abstract).
That NF-kB of other cells than macrophages is lowered by as much is an assumption.

Assumptions: as ``cytokines`` (well mixed; nothing comes back with the blood; nothing secreted before time zero; rates frozen over a step,
error of order dt/2 of their change). Sums of integers, so that the order of cells does not matter.
Verification: ``tests/verification/test_stromal_calming.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import exp, hill2
from mitoferry.core.nodes import NODE_CYTOKINE_SECRETION, NODE_PARACRINE
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import PROSTAGLANDIN_E2, RECEPTOR_PROSTAGLANDIN_E2, RECEPTOR_TSG_6, TSG_6
from mitoferry.processes.cytokines import AMOUNT, PER_VOLUME, whole
from mitoferry.processes.free_mitochondria import medium_volume
from mitoferry.processes.rest import RESTING_ATP, alive
from mitoferry.space.field_exchange import protein_loss

N_FACTORS = 2  # prostaglandin E2, TSG-6


class Parameters(NamedTuple):
    """Rates in ag/s at full induction, concentrations in ng/mL (library: ``stromal_calming.*``)."""

    prostaglandin_rate: float
    tsg_6_rate: float
    induction_half: float
    atp_half: float  # share of resting ATP
    prostaglandin_decay: float  # 1/h
    tsg_6_decay: float  # 1/h
    prostaglandin_half: float
    tsg_6_half: float


@row
def secretion_row(i, sums, cells, groups, p):
    """Add what cell ``i`` secretes of either factor, in units of ``cytokines.AMOUNT`` per second; returns its well, or -1."""
    g = int(cells.group[i])
    calming = float(groups.calming_secretion[g])
    if calming <= 0.0 or not alive(int(cells.state[i])):
        return -1
    health = float(groups.nodes[g, NODE_CYTOKINE_SECRETION]) * hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP)
    drive = hill2(float(cells.nfkb[i]), p.induction_half)
    level = calming * drive * health * float(groups.nodes[g, NODE_PARACRINE])
    sums[0] += whole(level * p.prostaglandin_rate)
    sums[1] += whole(level * p.tsg_6_rate)
    return int(cells.well[i])


@row
def mixed(before, secreted, volume, rate, dt):
    """Concentration [ng/mL] after ``dt`` s of ``secreted`` units per second into ``volume`` um^3 and of loss at ``rate`` [1/s]; exact."""
    kept = exp(-rate * dt)
    gain = dt
    if rate > 0.0:
        gain = (1.0 - kept) / rate
    return before * kept + AMOUNT * secreted * PER_VOLUME / volume * gain


@row
def mix_row(w, sums, wells, fields, p, step):
    """Concentrations of well ``w`` after the step."""
    volume = medium_volume(wells, w)
    lost = protein_loss(w, wells, fields)
    rate = p.prostaglandin_decay / 3600.0 + lost
    wells.cytokines[w, PROSTAGLANDIN_E2] = mixed(float(wells.cytokines[w, PROSTAGLANDIN_E2]), int(sums[w, 0]), volume, rate, step.dt)
    rate = p.tsg_6_decay / 3600.0 + lost
    wells.cytokines[w, TSG_6] = mixed(float(wells.cytokines[w, TSG_6]), int(sums[w, 1]), volume, rate, step.dt)


@row
def receptors_row(g, groups, wells, p):
    """Occupancies of the receptors of the cells of group ``g``."""
    w = int(groups.well[g])
    groups.receptors[g, RECEPTOR_PROSTAGLANDIN_E2] = hill2(float(wells.cytokines[w, PROSTAGLANDIN_E2]), p.prostaglandin_half)
    groups.receptors[g, RECEPTOR_TSG_6] = hill2(float(wells.cytokines[w, TSG_6]), p.tsg_6_half)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Secretion, mixing and decay over ``step.dt`` in every well; then what receptors sense."""
    backend = world.backend
    if step.time > 0.0:
        sums = backend.totals(secretion_row, world.n_cells, world.n_wells, N_FACTORS, world.cells, world.groups, p)
        backend.each(mix_row, world.n_wells, sums, world.wells, world.fields, p, step)
    backend.each(receptors_row, len(world.groups.well), world.groups, world.wells, p)


def wanted(spec: Any) -> bool:
    """Whether cells of the run make the factors, or the medium holds one."""
    return bool(spec.has_cells_with("calming_secretion") or spec.dissolves("prostaglandin_e2", "tsg_6"))


PROCESS = Process(name="stromal_calming", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
