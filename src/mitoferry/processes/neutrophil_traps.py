"""Neutrophil traps: a neutrophil under oxidants, mtDNA or inflammation throws its chromatin out as a net.

Mechanism, hazard [1/h] of a living neutrophil that has not cast its trap yet:

    h = rate x trap_former of the type x node neutrophil_traps (PAD4) x [1 - (1 - o)(1 - TLR9)(1 - NF-kB)],

with o = Hill2(H2O2) less its value at rest.

A trap is cast once. The neutrophil lives on for the time being (vital release) but engulfs nothing any more (``phagocytosis``). The net
is nuclear DNA: no mitochondrion and no mtDNA leaves with it, so the ledger has nothing to book; its pull on platelets and vessels is not
modelled.

Step error: hazard frozen over a step; the chance 1 - exp(-h dt) is exact at constant hazard.
Verification: ``tests/verification/test_immune_axes.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import chance, hill2
from mitoferry.core.nodes import NODE_NEUTROPHIL_TRAPS
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.streams import NEUTROPHIL_TRAPS
from mitoferry.processes.rest import RESTING_H2O2, alive, relative_h2o2


class Parameters(NamedTuple):
    """Library: ``neutrophil_traps.*``."""

    rate: float  # 1/h
    h2o2_half: float  # uM


@row
def trap_hazard(i, cells, groups, p):
    """Hazard [1/h] that neutrophil ``i`` casts its trap; 0 at rest."""
    g = int(cells.group[i])
    oxidants = max(hill2(relative_h2o2(i, cells, groups), p.h2o2_half) - hill2(RESTING_H2O2, p.h2o2_half), 0.0)
    silent = (1.0 - oxidants) * (1.0 - float(cells.tlr9[i])) * (1.0 - float(cells.nfkb[i]))
    return p.rate * float(groups.trap_former[g]) * max(float(groups.nodes[g, NODE_NEUTROPHIL_TRAPS]), 0.0) * max(1.0 - silent, 0.0)


@row
def trap_row(i, cells, groups, wells, p, step):
    """Whether neutrophil ``i`` casts its trap in this step."""
    if float(groups.trap_former[int(cells.group[i])]) <= 0.0:
        return
    if int(cells.traps[i]) != 0 or not alive(int(cells.state[i])):
        return
    h = trap_hazard(i, cells, groups, p)
    if h <= 0.0:
        return
    w = int(cells.well[i])
    if uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, NEUTROPHIL_TRAPS, step.step, 0) < chance(h, step.dt / 3600.0):
        cells.traps[i] = 1


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Neutrophils cast their traps over ``step.dt``; none before time zero."""
    if step.time >= 0.0:
        world.backend.each(trap_row, world.n_cells, world.cells, world.groups, world.wells, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run forms traps."""
    return bool(spec.has_cells_with("trap_former"))


PROCESS = Process(name="neutrophil_traps", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
