"""Differentiation: where a cue is given, cells turn osteogenic, osteoclast or another way, the faster the more of their ATP respiration
makes.

Mechanism. Each lineage has a score S of 0..1 that approaches its target and does not fall back,

    S' = (f - S)+/tau,    f = cue x g(o) x q,    g = 1/(1 + exp(-(o - K)/width)),

with o the share of ATP made by oxidative phosphorylation. q: osteogenic (node ``osteogenic_cue``) (1 - excess oxidant) x PGC1a drive 2
P/(1 + P), so that a burst of oxidants stops it; osteoclast (``osteoclast_cue``: RANKL) twice the cell type's ``phagocyte``, 1 at most,
since only myeloid cells can; any other lineage (``differentiation_cue``) the PGC1a drive. A cell commits to a lineage at the hazard
``commitment`` x Hill4(S/half), the first for good (``cells.fate``).

Assumptions: cues do not compete but for commitment; nothing follows from a fate but what is read of it. tau 48-96 h and K 0.5 are
modelling choices. Step: S is exact for constant inputs; chances 1 - exp(-h dt), of competing lineages by their shares. Runs only where a
cue is given. Verification: ``tests/verification/test_differentiation.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import chance, exp, hill4
from mitoferry.core.nodes import NODE_DIFFERENTIATION_CUE, NODE_OSTEOCLAST_CUE, NODE_OSTEOGENIC_CUE
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, OSTEOCLAST, OSTEOGENIC, OTHER_LINEAGE
from mitoferry.core.streams import DIFFERENTIATION
from mitoferry.processes.organelle import excess_oxidant
from mitoferry.processes.rest import oxphos_share, relative_h2o2


class Parameters(NamedTuple):
    """Library: ``differentiation.*``."""

    time: float  # h
    oxphos_half: float
    oxphos_width: float
    oxidant_half: float  # uM
    commitment: float  # 1/h
    commitment_half: float


@row
def readiness(share, p):
    """Logistic response 0..1 to the share of oxidative phosphorylation."""
    return 1.0 / (1.0 + exp(-(share - p.oxphos_half) / p.oxphos_width))


@row
def targets(i, cells, groups, p):
    """Targets of the three scores of cell ``i``: osteogenic, osteoclast, other."""
    g = int(cells.group[i])
    ready = readiness(oxphos_share(i, cells), p)
    drive = max(float(cells.pgc1a[i]), 0.0)
    drive = min(2.0 * drive / (1.0 + drive), 1.5)
    calm = 1.0 - excess_oxidant(relative_h2o2(i, cells, groups), p.oxidant_half)
    bone = max(float(groups.nodes[g, NODE_OSTEOGENIC_CUE]), 0.0) * ready * drive * calm
    clast = max(float(groups.nodes[g, NODE_OSTEOCLAST_CUE]), 0.0) * ready * min(2.0 * float(groups.phagocyte[g]), 1.0)
    other = max(float(groups.nodes[g, NODE_DIFFERENTIATION_CUE]), 0.0) * ready * drive
    return min(bone, 1.0), min(clast, 1.0), min(other, 1.0)


@row
def risen(score, target, decay):
    """The score after a step: toward a target above it, else as it was."""
    if target <= score:
        return score
    return target + (score - target) * decay


@row
def differentiation_row(i, cells, groups, wells, p, step):
    """Scores and commitment of cell ``i`` over one step."""
    if int(cells.state[i]) != CELL_LIVE:
        return
    dt = step.dt / 3600.0
    decay = exp(-dt / p.time)
    bone, clast, other = targets(i, cells, groups, p)
    bone = risen(float(cells.lineage[i, OSTEOGENIC]), bone, decay)
    clast = risen(float(cells.lineage[i, OSTEOCLAST]), clast, decay)
    other = risen(float(cells.lineage[i, OTHER_LINEAGE]), other, decay)
    cells.lineage[i, OSTEOGENIC] = bone
    cells.lineage[i, OSTEOCLAST] = clast
    cells.lineage[i, OTHER_LINEAGE] = other
    if int(cells.fate[i]) != 0:
        return
    a = p.commitment * hill4(bone, p.commitment_half)
    b = p.commitment * hill4(clast, p.commitment_half)
    c = p.commitment * hill4(other, p.commitment_half)
    total = a + b + c
    if total <= 0.0:
        return
    w = int(cells.well[i])
    u, v, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, DIFFERENTIATION, step.step, 0)
    if u >= chance(total, dt):
        return
    chosen = OTHER_LINEAGE
    if v * total < a:
        chosen = OSTEOGENIC
    elif v * total < a + b:
        chosen = OSTEOCLAST
    cells.fate[i] = 1 + chosen


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance differentiation of every cell by ``step.dt``."""
    world.backend.each(differentiation_row, world.n_cells, world.cells, world.groups, world.wells, p, step)


def wanted(spec: Any) -> bool:
    """Whether a cue is given."""
    return bool(spec.acts_on("osteogenic_cue", "osteoclast_cue", "differentiation_cue"))


PROCESS = Process(name="differentiation", stage="fate", clock="quality", parameters=Parameters, advance=advance, wanted=wanted)
