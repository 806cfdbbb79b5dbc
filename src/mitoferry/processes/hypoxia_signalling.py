"""Hypoxia signalling: HIF above a half activates HMGB1, which raises Miro1 (RHOT1) and RAC1.

Mechanism, per cell of a type that responds (``hmgb1`` of the type, 0..1; hepatocellular carcinoma 1)::

    HMGB1' = (node hmgb1 x response x max(HIF - threshold, 0)/(1 - threshold) - HMGB1)/tau,   0..1, tau 6 h
    Miro1 = 1 + miro1_gain HMGB1,   RAC1 = 1 + rac1_gain HMGB1

Miro1 multiplies loading and attachment of mitochondria (``nanotube_loading``), RAC1 the rate of search attempts
(``nanotube_search``); both are 1 at rest. HIF is a signal of ``signals``: lack of oxygen, or cobalt.

Assumptions: HMGB1 acts within its cell; what dying cells spill of it is not modelled. The step is exact for constant HIF.
Sources: HMGB1, RHOT1 and RAC1 in transfer between hepatocellular carcinoma cells (review: Li 2025 Trends Mol Med); fold changes
are modelling choices.
Verification: ``tests/verification/test_signals_of_nutrients.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import relax
from mitoferry.core.nodes import NODE_HMGB1
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.rest import alive


class Parameters(NamedTuple):
    """Library: ``hypoxia_signalling.*``."""

    threshold: float
    time: float  # h
    miro1_gain: float
    rac1_gain: float


@row
def hypoxia_row(i, cells, groups, p, step):
    """HMGB1, Miro1 and RAC1 of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    excess = max(float(cells.hif[i]) - p.threshold, 0.0) / max(1.0 - p.threshold, 1e-6)
    target = min(max(float(groups.nodes[g, NODE_HMGB1]), 0.0) * float(groups.hmgb1[g]) * excess, 1.0)
    hmgb1 = relax(float(cells.hmgb1[i]), target, step.dt / 3600.0, p.time)
    cells.hmgb1[i] = hmgb1
    cells.miro1[i] = 1.0 + p.miro1_gain * hmgb1
    cells.rac1[i] = 1.0 + p.rac1_gain * hmgb1


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance HMGB1 and what follows in every living cell by ``step.dt``."""
    world.backend.each(hypoxia_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run answers hypoxia by HMGB1."""
    return bool(spec.has_cells_with("hmgb1"))


PROCESS = Process(
    name="hypoxia_signalling", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted
)  # fmt: skip
