"""Calcium load: Ca2+ that a cell takes in while it cannot pump it out, and that its mitochondria hold when they are energised.

Mechanism: L, the calcium that has entered a cell beyond rest, per mass of its mitochondria [nmol/mg protein]::

    L' = influx Hill4(Ca/K) - L e(ATP)/tau,     e = Hill2(ATP/(share ATP_0)) relative to rest

Ca is the cytosolic Ca2+ of ``signals``, which rises when ATP fails (Na+ loads the cell, the Na+/Ca2+ exchanger turns
round) or by the node ``calcium`` (excitotoxicity). Mitochondria are the sink: what enters ends in them as far as they
have a potential, which drives the uniporter (it opens at about 1 uM, MICU1), and comes back out when they lose it::

    M = L Hill4(psi/psi_h)                                          (``pore.matrix_calcium``)

A mitochondrion that opens its pore gives its calcium to the cytosol, from where its neighbours take it: L falls only by
what the pumps of the plasma membrane, which need ATP, carry out. Hence L grows with the time without blood, waits for
reperfusion, when the potential comes back within a minute and mitochondria fill, and is gone an hour later. What it
does to the pore is in ``pore``.

Sources: heart after 40 min without blood and 10 min with it holds some 15 umol of calcium more per g of dry weight, in
its mitochondria (Shen and Jennings 1972 Am J Pathol 67:417, from memory), 50 nmol/mg at 0.3 g of mitochondria; threshold
and cooperativity of the uniporter: Mallilankaraman 2012 Cell 151:630, Csordas 2013 Cell Metab 17:976 (from memory).
Assumptions: one pool per cell; Ca2+ of the cytosol is not lowered by what mitochondria take. Mitochondria that come from
elsewhere share the load of the cell at once; they do not thin it.
Step error: none for constant Ca2+ and ATP (exponential integrator).
Verification: ``tests/verification/test_reperfusion.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import approach, hill4
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, Step
from mitoferry.processes.rest import energy


class Parameters(NamedTuple):
    """Library: ``calcium_load.*``."""

    influx: float  # nmol/(mg h)
    calcium_half: float  # uM
    extrusion_time: float  # h
    pump_atp: float  # share of resting ATP


@row
def influx(calcium, p):
    """Calcium that enters the cell [nmol/(mg h)] at cytosolic ``calcium`` [uM]."""
    return p.influx * hill4(max(calcium, 0.0), p.calcium_half)


@row
def extrusion(atp, p):
    """Rate [1/h] at which pumps carry the load out of the cell at ``atp`` [mM]."""
    return energy(atp, p.pump_atp) / p.extrusion_time


@row
def load_row(i, cells, p, step):
    """Calcium load of cell ``i`` over one step."""
    state = int(cells.state[i])
    if state < CELL_LIVE or state > CELL_APOPTOTIC:
        return
    gain = influx(float(cells.calcium[i]), p)
    cells.calcium_load[i] = approach(float(cells.calcium_load[i]), gain, extrusion(float(cells.atp[i]), p), step.dt / 3600.0)


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Advance the calcium load of all cells by one step."""
    world.backend.each(load_row, world.n_cells, world.cells, p, step)


PROCESS = Process(name="calcium_load", stage="energetics", clock="mitochondria", parameters=Parameters, advance=advance)
