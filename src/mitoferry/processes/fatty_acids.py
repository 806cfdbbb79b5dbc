"""Fatty acids: a cell takes up more than it burns, and what stays inside costs.

Mechanism, per cell (B load 0..1 of fatty acids inside, c their concentration outside, node ``fatty_acid`` [mM]):

    B' = uptake c/(c + K) (1 - B) - burn (J_C/J_C at rest) B

with J_C the respiration of its mitochondria: a cell that respires burns them, one that does not fills up, and mitochondria that come in
help to burn. What the load does: ``reactive_oxygen`` adds H2O2 in proportion to it, ``free_mitochondria`` takes that share ``lipid_block``
from the uptake of free mitochondria (heparan sulfate and the surface of a cell full of lipid; macrophages of fat then leave mitochondria
to the blood, Borcherding 2022 Cell Metab). Uncoupling and the failure of lysosomes stand in the library as effects of the agent.

Assumptions: one pool; concentration outside is not used up. Step: exact for constant inputs. Wanted where an agent acts on the node.
Verification: ``tests/verification/test_fatty_acids.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import approach
from mitoferry.core.nodes import NODE_FATTY_ACID
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.rest import alive, respiration


class Parameters(NamedTuple):
    """Library: ``fatty_acids.*``."""

    uptake: float  # 1/h
    half: float  # mM
    burn: float  # 1/h
    resting_respiration: float  # amol/s per mitochondrion


@row
def relative_respiration(i, cells, p):
    """Respiration of the mitochondria of cell ``i`` relative to that of the number that its type keeps, at rest."""
    return respiration(i, cells) / (p.resting_respiration * max(float(cells.target_mitochondria[i]), 1.0))


@row
def fatty_acids_row(i, cells, groups, p, step):
    """Load of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        return
    outside = max(float(groups.nodes[int(cells.group[i]), NODE_FATTY_ACID]), 0.0)
    taken = p.uptake * outside / (outside + p.half)
    load = approach(float(cells.lipid_load[i]), taken, taken + p.burn * relative_respiration(i, cells, p), step.dt / 3600.0)
    cells.lipid_load[i] = min(max(load, 0.0), 1.0)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the load of every cell by ``step.dt``."""
    world.backend.each(fatty_acids_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether fatty acids are given."""
    return bool(spec.acts_on("fatty_acid"))


PROCESS = Process(name="fatty_acids", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
