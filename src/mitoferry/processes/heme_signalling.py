"""Heme signalling: heme of degraded damaged mitochondria induces HO-1, which raises PGC1a, NRF1 and TFAM.

Mechanism, per cell. The dose M [mass units] is the damaged part of the mass (mass x damage) of arrivals that the cell has
degraded: taken up from the medium, engulfed with a dying cell, passed on by transmitophagy, shed in vesicles. ``arrival`` and
``mitophagy`` add it where they degrade; here it is cleared::

    M'    = -M/tau_M
    HO-1' = (node ho1 x (1 + gain M/(M + K)) - HO-1)/tau,     tau 6 h
    TFAM' = (1 + g share - TFAM)/tau_T,   share = (HO-1 - 1)/9, 0..1,    tau_T 12 h

HO-1 is 1 at rest and 10 at the most by heme. What follows is the business of others: ``signals`` raises PGC1a by the share
(pgc1a_ho1_gain), ``reactive_oxygen`` antioxidant capacity (ho1_gain), ``mtdna`` replicates and expresses by TFAM,
``biogenesis`` makes mitochondria by PGC1a; the number of mitochondria rises by what these give.

Told apart from the pulse of degraded arrivals (``arrival``): the pulse counts arrivals that are degraded, whatever their state,
and fades in its own time; heme counts the damaged mass of them, and induces an enzyme that lasts. The antioxidant arm of the
pulse and HO-1 stand for the same HO-1/Nrf2, so PGC1a and antioxidant capacity take the larger of the two and never the sum.

Assumptions: healthy mitochondria give no heme that counts; a cell's own mitophagy neither; HO-1 does not use the heme up faster
when there is more of it. M is held over a step while HO-1 relaxes, HO-1 while TFAM does (error of order dt/2 of their change).
Sources: Mahrouf-Yorgov 2017 Cell Death Differ (HO-1 and biogenesis in MSC after uptake of damaged mitochondria).
Verification: ``tests/verification/test_signals_of_heme.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import relax
from mitoferry.core.nodes import NODE_HO1
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.rest import alive

FULL_HO1 = 9.0  # rise of HO-1 that counts as full


class Parameters(NamedTuple):
    """Library: ``heme_signalling.*``. Times in h, dose in mass units."""

    ho1_gain: float
    heme_half: float
    heme_time: float
    ho1_time: float
    tfam_gain: float
    tfam_time: float


@row
def ho1_share(ho1):
    """Rise of HO-1 above rest, as a share 0..1 of a full one."""
    return min(max((ho1 - 1.0) / FULL_HO1, 0.0), 1.0)


@row
def heme_row(i, cells, groups, p, step):
    """Heme, HO-1 and TFAM of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        return
    dt = step.dt / 3600.0
    heme = float(cells.heme[i])
    ho1 = float(cells.ho1[i])
    induced = 1.0 + p.ho1_gain * heme / (heme + p.heme_half)
    cells.tfam[i] = relax(float(cells.tfam[i]), 1.0 + p.tfam_gain * ho1_share(ho1), dt, p.tfam_time)
    cells.ho1[i] = relax(ho1, max(float(groups.nodes[int(cells.group[i]), NODE_HO1]), 0.0) * induced, dt, p.ho1_time)
    cells.heme[i] = relax(heme, 0.0, dt, p.heme_time)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance heme, HO-1 and TFAM of every living cell by ``step.dt``."""
    world.backend.each(heme_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether mitochondria of another cell can come in, or an agent acts on HO-1."""
    return spec.acts_on("ho1") or any(a.doses or sum(p.count for p in a.populations) > 1 for a in spec.every_arm)


PROCESS = Process(
    name="heme_signalling", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted
)  # fmt: skip
