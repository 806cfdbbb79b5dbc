"""ERK signalling: mitochondria of other cells that stay in the cytosol without function raise ERK and the cell cycle; so does IL-6.

Mechanism, per cell. Sick mass S [mass units] is the mass of donor mitochondria that are free in the cytosol and have not fused: all of
it where their potential is below the gate, else the damaged part of it (mass x damage)::

    ERK' = (node erk x (1 + gain S/(S + K) + il_6_gain x il_6_growth x Hill2(IL-6/il_6_half)) - ERK)/tau

with the IL-6 of the medium (``cytokines``) in types that grow by it (``il_6_growth``: myeloma 1, 0 in all others). ERK is 1 at rest;
``division`` multiplies the rate of the cell cycle by it. An inhibitor (node erk) slows the cycle whether or not there
are arrivals.

Assumptions: one potential for all unfused arrivals of a cell, that of their energy class; ERK acts on the cycle and on crawling
(``crawling``) only; what IL-6 does by STAT3, which keeps myeloma cells alive, is not modelled. The step is exact for constant S and IL-6.
Sources: macrophage mitochondria without potential persist in breast cancer cells and raise ERK, Kidwell 2023 eLife; IL-6 of marrow stroma
is the growth factor of myeloma cells, Klein 1989 Blood, which it makes divide by Ras and ERK, Ogata 1997 J Immunol (both from memory).
Verification: ``tests/verification/test_signals_of_nutrients.py``, ``tests/verification/test_vcam1_signalling.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import hill2, relax
from mitoferry.core.nodes import NODE_ERK
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import DONOR_FREE, IL_6, SUM_DAMAGE, SUM_MASS, SUM_SCALE
from mitoferry.processes.rest import alive


class Parameters(NamedTuple):
    """Library: ``erk_signalling.*``."""

    gain: float
    mass_half: float  # mass units
    potential: float  # mV
    time: float  # h
    il_6_gain: float
    il_6_half: float  # ng/mL


@row
def sick_arrivals(i, cells, potential):
    """Mass [units] of unfused arrivals in the cytosol of cell ``i`` that do not work."""
    if float(cells.psi[i, DONOR_FREE]) < potential:
        return SUM_SCALE * int(cells.sums[i, DONOR_FREE, SUM_MASS])
    return SUM_SCALE * int(cells.sums[i, DONOR_FREE, SUM_DAMAGE])


@row
def erk_row(i, cells, groups, wells, p, step):
    """ERK of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    sick = sick_arrivals(i, cells, p.potential)
    grown = p.il_6_gain * float(groups.il_6_growth[g]) * hill2(float(wells.cytokines[int(cells.well[i]), IL_6]), p.il_6_half)
    target = max(float(groups.nodes[g, NODE_ERK]), 0.0) * (1.0 + p.gain * sick / (sick + p.mass_half) + grown)
    cells.erk[i] = relax(float(cells.erk[i]), target, step.dt / 3600.0, p.time)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance ERK of every living cell by ``step.dt``."""
    world.backend.each(erk_row, world.n_cells, world.cells, world.groups, world.wells, p, step)


def wanted(spec: Any) -> bool:
    """Whether mitochondria of another cell can come into a cell that divides, a cell grows by IL-6, or an agent acts on ERK."""
    return (
        spec.acts_on("erk")
        or spec.has_cells_with("il_6_growth")
        or any(
            (a.doses or sum(p.count for p in a.populations) > 1)
            and any(p.count > 0 and p.cell_type.cycle_time > 0.0 for p in a.populations)
            for a in spec.every_arm
        )
    )


PROCESS = Process(name="erk_signalling", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
