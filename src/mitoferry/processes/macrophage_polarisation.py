"""Macrophage polarisation: IL-4 and IL-10 shift a macrophage towards M2 as far as it respires; LPS, interferon gamma and STING towards M1.

Mechanism. Each type rests at x0 = 2 m2_share - 1 on the axis from M1 (-1) to M2 (+1); ``cells.polarisation`` is the shift d from there:

    d' = [(1 - x0) o a - (1 + x0) b - d]/tau,   a = 1 - (1 - R4)(1 - R10),   b = 1 - (1 - L)(1 - G)(1 - s STING),

with the share o of its ATP that respiration makes, the occupancies R4 of the receptor of IL-4 and IL-13, R10 of IL-10 and G of interferon
gamma (``cytokines``), and L = Hill2 of LPS at its toll-like receptor. So x0 + d stays within -1..1 and nothing moves without a stimulus.
A macrophage that has been given mitochondria respires more and follows IL-4 and IL-10 further; one whose respiration is blocked does not.

What follows: ``phagocytosis`` engulfs more with d, ``find_me`` secretes less TNF-alpha, ``cytokines`` less IL-6 and more IL-10.

Assumptions: one axis; targets frozen over a step (exact for constant inputs).
Verification: ``tests/verification/test_immune_axes.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import hill2, relax
from mitoferry.core.nodes import NODE_TOLL_LIKE_RECEPTOR
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import RECEPTOR_IL_4, RECEPTOR_IL_10, RECEPTOR_INTERFERON_GAMMA
from mitoferry.processes.rest import alive, oxphos_share


class Parameters(NamedTuple):
    """Library: ``macrophage_polarisation.*``."""

    time: float  # h
    lps_half: float  # ng/mL
    sting_weight: float


@row
def shift_target(i, cells, groups, p):
    """Where the shift of macrophage ``i`` tends to; 0 without a stimulus."""
    g = int(cells.group[i])
    rest = 2.0 * min(max(float(groups.m2_share[g]), 0.0), 1.0) - 1.0
    m2 = 1.0 - (1.0 - float(groups.receptors[g, RECEPTOR_IL_4])) * (1.0 - float(groups.receptors[g, RECEPTOR_IL_10]))
    lps = hill2(max(float(groups.nodes[g, NODE_TOLL_LIKE_RECEPTOR]), 0.0), p.lps_half)
    sting = min(p.sting_weight * float(cells.sting[i]), 1.0)
    m1 = 1.0 - (1.0 - lps) * (1.0 - float(groups.receptors[g, RECEPTOR_INTERFERON_GAMMA])) * (1.0 - sting)
    return (1.0 - rest) * oxphos_share(i, cells) * m2 - (1.0 + rest) * m1


@row
def polarisation_row(i, cells, groups, p, step):
    """Shift of macrophage ``i`` over one step."""
    plastic = min(max(float(groups.macrophage[int(cells.group[i])]), 0.0), 1.0)
    if plastic <= 0.0 or not alive(int(cells.state[i])):
        return
    target = plastic * shift_target(i, cells, groups, p)
    cells.polarisation[i] = relax(float(cells.polarisation[i]), target, step.dt / 3600.0, p.time)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the polarisation of every macrophage by ``step.dt``."""
    world.backend.each(polarisation_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run is a macrophage that can change."""
    return bool(spec.has_cells_with("macrophage"))


PROCESS = Process(
    name="macrophage_polarisation", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted
)
