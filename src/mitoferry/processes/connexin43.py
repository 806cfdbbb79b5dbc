"""Connexin 43 as it is made and broken down: what is added must be made first, what is blocked is gone at once.

Mechanism: each cell holds a level L of connexin 43 relative to its type,

    dL/dt = k (max(node cx43, 1) - node cx43_turnover L),    k = ln2/half-life,

and what is in force in the cell is type x min(node cx43, 1) x L: a blocker, a mimetic peptide or a knockdown (node below 1) acts at
once, a raised expression (iron oxide nanoparticles, overexpression: node above 1) as fast as connexin is made, a faster or slower
turnover with the half-life that it leaves. At time zero L is steady (1 at rest).

A plaque is docked from connexons of both cells. Connexin above rest is in excess of what the other cell has to offer, so that plaques go
with the geometric mean of what two cells have added: threefold connexin in both makes three times as many plaques, in one 1.7 times.
What is lost is lost to every contact of the cell (the product of what is left in the two).

In force it is what makes plaques (``gap_junction``, ``gap_junction_coupling``), docks nanotubes (``nanotube_clocks``), and holds
cells together at the places where filopodia are caught (``nanotube_search``) and vesicles are passed on (``vesicle_fate``): the
factor :func:`anchoring` is 1 at rest and falls by a share when connexin is lost.

Where no agent of the experiment raises connexin or changes its turnover, L stays 1 and nothing is run (``cells.connexin43`` is -1:
the node acts at once). Assumptions: one pool per cell; exact for constant nodes. Step error: nodes are those at the start of the step.
Verification: ``tests/verification/test_connexin43.py``. Sources: half-life of 1.5-5 h, Laird 2006 Biochem J; iron oxide nanoparticles,
Huang 2021; attachment by connexin 43 before the transfer, Islam 2012 Nat Med (all from memory).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.maths import exp
from mitoferry.core.nodes import NODE_CX43, NODE_CX43_TURNOVER
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_EMPTY, CELL_POOL
from mitoferry.processes.nanotube_links import state_array

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

LN2 = 0.6931471805599453
SLOWEST = 1e-3  # of the turnover: below that it stands still


class Parameters(NamedTuple):
    """Library: ``connexin43.*``."""

    half_life: float  # h


@row
def relative_connexin(i, cells, groups):
    """Connexin 43 in force in cell ``i``, relative to its type."""
    node = max(float(groups.nodes[int(cells.group[i]), NODE_CX43]), 0.0)
    level = float(cells.connexin43[i])
    if level < 0.0:
        return node
    return min(node, 1.0) * level


@row
def connexin(i, cells, groups):
    """Connexin 43 in force in cell ``i``: 1 is that of a well coupled stromal cell."""
    return float(groups.cx43[int(cells.group[i])]) * relative_connexin(i, cells, groups)


@row
def docking(i, cells, groups):
    """Connexin 43 of cell ``i`` as it counts for plaques: what is lost is missing, what is added has to find a partner (square root)."""
    relative = relative_connexin(i, cells, groups)
    if relative > 1.0:
        relative = math.sqrt(relative)
    return float(groups.cx43[int(cells.group[i])]) * relative


@row
def anchoring(i, j, share, cells, groups):
    """Factor on what needs cells ``i`` and ``j`` to be attached: 1 at rest; ``share`` is what well coupled cells lose without connexin."""
    both = min(float(groups.cx43[int(cells.group[i])]) * float(groups.cx43[int(cells.group[j])]), 1.0)
    left = min(relative_connexin(i, cells, groups) * relative_connexin(j, cells, groups), 1.0)
    return 1.0 - share * both * (1.0 - left)


@row
def level_row(i, fresh, cells, groups, p, step):
    """Level of cell ``i`` over the step; steady where it is ``fresh``."""
    state = int(cells.state[i])
    if state == CELL_EMPTY or state == CELL_POOL:
        return
    g = int(cells.group[i])
    made = max(float(groups.nodes[g, NODE_CX43]), 1.0)
    turnover = max(float(groups.nodes[g, NODE_CX43_TURNOVER]), SLOWEST)
    steady = made / turnover
    level = float(cells.connexin43[i])
    if fresh != 0 or level < 0.0:
        cells.connexin43[i] = steady
    else:
        cells.connexin43[i] = steady + (level - steady) * exp(-LN2 * turnover * step.dt / 3600.0 / p.half_life)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the level of every cell by ``step.dt``; nothing before time zero."""
    if step.time < 0.0:
        return
    met = state_array(world, "connexin43.met", 1, np.uint8, 0)
    world.backend.each(level_row, world.n_cells, 1 - int(met[0]), world.cells, world.groups, p, step)
    met[0] = 1


def wanted(spec: PlateSpec) -> bool:
    """Used where an agent raises connexin 43 or changes its turnover."""
    return any(
        action.kind == "node" and (action.key == "cx43_turnover" or (action.key == "cx43" and action.value > 1.0))
        for arm in spec.every_arm
        for action in arm.actions
    )


PROCESS = Process(name="connexin43", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
