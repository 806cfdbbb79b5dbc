"""Neutrophil traps: a neutrophil under oxidants, mtDNA or inflammation throws its chromatin out as a net.

Mechanism, hazard [1/h] of a living neutrophil that has not cast its trap yet:

    h = rate x trap_former of the type x node neutrophil_traps (PAD4) x (1 + K^4) Hill4(a/K),    a = 1 - (1 - o)(1 - TLR9)(1 - NF-kB),

with o = Hill2(H2O2) less its value at rest: the traces of stimuli that a resting cell has now and then cast no trap.

Only a share ``able`` of the neutrophils, drawn once by identity, can cast one at all, however strong the stimulus.

A trap is cast once. The neutrophil engulfs nothing any more (``phagocytosis``) and ends by lysis at the hazard ``death.trap_lysis``,
with its mitochondria set free in the medium (route lysis) and HMGB1 spilled. The net is nuclear DNA; what toll-like receptor 9 sees of it
goes into the pool of free DNA of the well as ``dna`` copies of mtDNA (``mtdna_sensing``: uptake, decay). That pool is no part of the
ledger, which books no mitochondrion here. The pull of traps on platelets and vessels is not modelled.

Step error: hazard frozen over a step; the chance 1 - exp(-h dt) is exact at constant hazard.
Verification: ``tests/verification/test_immune_axes.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.maths import chance, hill2, hill4
from mitoferry.core.nodes import NODE_NEUTROPHIL_TRAPS
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.streams import NEUTROPHIL_TRAPS
from mitoferry.processes.rest import RESTING_H2O2, alive, relative_h2o2

ABLE = 1  # draw that says whether a neutrophil can


class Parameters(NamedTuple):
    """Library: ``neutrophil_traps.*``."""

    rate: float  # 1/h
    h2o2_half: float  # uM
    dna: float  # copies of mtDNA
    half: float
    able: float


@row
def trap_hazard(i, cells, groups, p):
    """Hazard [1/h] that neutrophil ``i`` casts its trap; 0 at rest."""
    g = int(cells.group[i])
    oxidants = max(hill2(relative_h2o2(i, cells, groups), p.h2o2_half) - hill2(RESTING_H2O2, p.h2o2_half), 0.0)
    silent = (1.0 - oxidants) * (1.0 - float(cells.tlr9[i])) * (1.0 - float(cells.nfkb[i]))
    k = p.half * p.half
    active = hill4(max(1.0 - silent, 0.0), p.half) * (1.0 + k * k)
    return p.rate * float(groups.trap_former[g]) * max(float(groups.nodes[g, NODE_NEUTROPHIL_TRAPS]), 0.0) * active


@row
def trap_row(i, cells, groups, wells, p, step):
    """Whether neutrophil ``i`` casts its trap in this step, 0 or 1."""
    if float(groups.trap_former[int(cells.group[i])]) <= 0.0:
        return 0
    if int(cells.traps[i]) != 0 or not alive(int(cells.state[i])):
        return 0
    h = trap_hazard(i, cells, groups, p)
    if h <= 0.0:
        return 0
    w = int(cells.well[i])
    if uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, NEUTROPHIL_TRAPS, 0, ABLE) >= p.able:
        return 0
    if uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, NEUTROPHIL_TRAPS, step.step, 0) < chance(h, step.dt / 3600.0):
        cells.traps[i] = 1
        return 1
    return 0


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Neutrophils cast their traps over ``step.dt``; none before time zero."""
    if step.time < 0.0:
        return
    backend, n = world.backend, world.n_cells
    rows = backend.select(trap_row, n, world.cells, world.groups, world.wells, p, step)
    if rows.size:
        (wells_of,) = backend.read(rows, world.cells.well)
        wells, cast = np.unique(wells_of, return_counts=True)
        (before,) = backend.read(wells, world.wells.mtdna)
        backend.write(wells, world.wells.mtdna, before + p.dna * cast)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run forms traps."""
    return bool(spec.has_cells_with("trap_former"))


PROCESS = Process(name="neutrophil_traps", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
