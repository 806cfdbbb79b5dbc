"""Ferroptosis: iron and H2O2 peroxidise lipids, GPX4 and glutathione undo it; above a threshold the membrane goes.

Mechanism, per cell (L peroxidised lipid, 1 = threshold; Fe labile iron, 1 = a stromal cell; H H2O2, H0 at rest; A antioxidant capacity):

    L'  = k_Fe Fe (H/H0) PUFA (1 - trap) - k_GPX4 A gpx4 L
    Fe' = (Fe_type x node iron - Fe)/tau + leak x node lysosome x (damaged mass of arrivals)/N*
    hazard of ferroptosis = h (1 - L_c/L) above L_c, else 0

with the type's ``unsaturation`` (PUFA) and ``iron``, the nodes ``gpx4`` (RSL3, erastin), ``iron`` (deferoxamine, iron load) and
``lipid_radical_trap`` (ferrostatin), and A of ``reactive_oxygen`` times the node ``antioxidant``. Iron comes from arrivals as they are
digested, in proportion to how damaged they are (mass times damage of arrivals that have not fused); healthy ones bring none. So the same
equations let arrivals harm or help: damaged ones bring oxidants and iron; healthy ones that are degraded raise A by their pulse
(``arrival``), and those that work beyond what the cell can scavenge raise H. No name of a cell enters.

Assumptions: one pool of lipid and iron per cell; storage of iron is a relaxation; a share of the damaged mass is digested at a fixed rate
rather than mitochondrion by mitochondrion. Step: exact for constant inputs (exponential integrator). ``death`` resolves the hazard against
all others; the membrane is lost as in necrosis. Wanted where an agent acts on a node of it, or a type holds more iron times unsaturation
than a stromal cell. Verification: ``tests/verification/test_ferroptosis.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import approach
from mitoferry.core.nodes import NODE_ANTIOXIDANT, NODE_GPX4, NODE_IRON, NODE_LIPID_RADICAL_TRAP, NODE_LYSOSOME
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import DONOR_ENDOSOME, DONOR_FREE, HAZARD_FERROPTOSIS, SUM_DAMAGE, SUM_SCALE
from mitoferry.processes.rest import RESTING_H2O2, alive, relative_h2o2


class Parameters(NamedTuple):
    """Rates in 1/h, times in h (library: ``ferroptosis.*``)."""

    peroxidation: float
    removal: float
    iron_time: float
    iron_leak: float
    hazard: float
    threshold: float


@row
def damaged_arrivals(i, cells):
    """Mass times damage of the arrivals in cell ``i`` that have not fused, per mitochondrion that its type keeps."""
    total = int(cells.sums[i, DONOR_FREE, SUM_DAMAGE]) + int(cells.sums[i, DONOR_ENDOSOME, SUM_DAMAGE])
    return SUM_SCALE * total / max(float(cells.target_mitochondria[i]), 1.0)


@row
def ferroptosis_hazard(peroxide, p):
    """Hazard [1/h] at this level of peroxidised lipid; 0 up to the threshold."""
    if peroxide <= p.threshold:
        return 0.0
    return p.hazard * (1.0 - p.threshold / peroxide)


@row
def ferroptosis_row(i, cells, groups, p, step):
    """Iron, peroxidised lipid and hazard of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        cells.other_hazards[i, HAZARD_FERROPTOSIS] = 0.0
        return
    g = int(cells.group[i])
    dt = step.dt / 3600.0
    leak = p.iron_leak * float(groups.nodes[g, NODE_LYSOSOME]) * damaged_arrivals(i, cells)
    rest = float(groups.iron[g]) * float(groups.nodes[g, NODE_IRON])
    iron = approach(float(cells.labile_iron[i]), rest / p.iron_time + leak, 1.0 / p.iron_time, dt)
    free = 1.0 - min(max(float(groups.nodes[g, NODE_LIPID_RADICAL_TRAP]), 0.0), 1.0)
    made = p.peroxidation * iron * max(relative_h2o2(i, cells, groups), 0.0) / RESTING_H2O2 * float(groups.unsaturation[g]) * free
    undone = p.removal * float(cells.antioxidant[i]) * float(groups.nodes[g, NODE_ANTIOXIDANT]) * float(groups.nodes[g, NODE_GPX4])
    peroxide = approach(float(cells.lipid_peroxide[i]), made, undone, dt)
    cells.labile_iron[i] = iron
    cells.lipid_peroxide[i] = peroxide
    cells.other_hazards[i, HAZARD_FERROPTOSIS] = ferroptosis_hazard(peroxide, p)


@row
def rest_row(i, cells, groups, p):
    """Iron and peroxidised lipid of cell ``i`` as they are at rest."""
    g = int(cells.group[i])
    iron = float(groups.iron[g])
    cells.labile_iron[i] = iron
    cells.lipid_peroxide[i] = p.peroxidation / p.removal * iron * float(groups.unsaturation[g])


def prepare(world: Any, p: Parameters) -> None:
    """Iron and peroxidised lipid of every cell as they are at rest."""
    world.backend.each(rest_row, world.n_cells, world.cells, world.groups, p)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance peroxidation of lipids in every cell by ``step.dt``."""
    world.backend.each(ferroptosis_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether an agent acts on it or a type of the run is prone to it."""
    prone = any(p.cell_type.iron * p.cell_type.unsaturation > 1.0 for arm in spec.every_arm for p in arm.populations)
    return prone or spec.acts_on("gpx4", "iron", "lipid_radical_trap")


PROCESS = Process(
    name="ferroptosis", stage="fate", clock="mitochondria", parameters=Parameters, advance=advance, prepare=prepare, wanted=wanted
)
