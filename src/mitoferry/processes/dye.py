"""MitoTracker: a dye that leaks from labelled mitochondria and stains others; the genetic label does not.

Mechanism: the dye of a mitochondrion leaves it at a rate k (ten times faster from dying cells and from free
mitochondria) into the surroundings of its cell, the field ``tracker``. Any mitochondrion takes it up from there at
clearance x mass x potential / resting potential [um^3/h], none if depolarised. With k = 0.02 /h and the accumulation
that the Nernst equation gives at the plasma and the inner membrane, the clearance is about 25 um^3/h.

So a labelled donor stains its neighbours without any transfer; the genetic label is never touched here. Amounts are kept
in integers (1/16384 of a freshly stained mitochondrion) with keyed stochastic rounding, and what mitochondria lose or
gain goes to or comes from the field to the last unit, over the macro-step that follows.

Assumptions: the concentration at the cell is frozen over a step (error of order dt/2 of its change); the dye of degraded
mitochondria stays bound in the debris; dye in the medium pool's mitochondria leaks into no field.
Verification F16: ``tests/verification/test_fate_dye.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.handover import potential
from mitoferry.core.maths import exp
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_LIVE,
    CELL_POOL,
    LABEL_SCALE,
    MASS_SCALE,
    N_POOLS,
    OCCUPIED,
    POOL_MEDIUM,
    TRACKER,
)
from mitoferry.core.streams import DYE
from mitoferry.processes.rest import alive

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

FULL = 65535  # largest value of the column
RESTING_POTENTIAL = 156.0  # mV


class Parameters(NamedTuple):
    """Library: ``dye.*``."""

    leak_rate: float  # 1/h
    dying_factor: float
    clearance: float  # um^3/h of one mass unit at the resting potential


@row
def dye_lost(amount, rate, dt, u):
    """Units of dye that leave a mitochondrion with ``amount`` units in ``dt`` h."""
    lost = int(amount * (1.0 - exp(-rate * dt)) + u)
    return min(lost, amount)


@row
def dye_gained(concentration, psi, mass, clearance, dt, u):
    """Units of dye that a mitochondrion takes up in ``dt`` h from ``concentration`` [stained mitochondria per um^3]."""
    if concentration <= 0.0 or psi <= 0.0:
        return 0
    return int(clearance * mass * psi / RESTING_POTENTIAL * concentration * dt / LABEL_SCALE + u)


@row
def dye_slot(h, slot, sums, mitochondria, cells, wells, exchanged, p, step):
    """Leak and uptake of one mitochondrion; adds to ``sums`` what it lost less what it gained."""
    if int(mitochondria.flags[slot]) & OCCUPIED == 0:
        return
    amount = int(mitochondria.dye[slot])
    outside = float(cells.env[h, TRACKER])
    if amount == 0 and outside <= 0.0:
        return
    state = int(cells.state[h])
    rate = p.leak_rate
    if state != CELL_LIVE and (state != CELL_POOL or h % N_POOLS == POOL_MEDIUM):
        rate = rate * p.dying_factor
    w = int(cells.well[h])
    u, v, _, _ = uniform4(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], DYE, step.step, 0)
    dt = step.dt / 3600.0
    lost = dye_lost(amount, rate, dt, u)
    gained = 0
    if alive(state):
        gained = dye_gained(outside, potential(mitochondria, cells, h, slot), MASS_SCALE * int(mitochondria.mass[slot]), p.clearance, dt, v)
    gained = min(gained, FULL - (amount - lost))
    if gained != lost:
        mitochondria.dye[slot] = amount - lost + gained
    sums[0] += lost - gained


@row
def dye_finish(h, sums, mitochondria, cells, wells, exchanged, p, step):
    """Note the exchange of cell ``h`` with its surroundings, in units of dye."""
    exchanged[h] = sums[0]


@row
def dye_release_row(i, cells, fields, exchanged, macro_step):
    """Hand the exchange of cell ``i`` to the field, as a rate over the next macro-step [stained mitochondria/s]."""
    if int(cells.state[i]) == CELL_POOL or int(exchanged[i]) == 0:
        return
    fields.release[i, TRACKER] = float(fields.release[i, TRACKER]) + int(exchanged[i]) * LABEL_SCALE / macro_step


def exchange(world: Any, step: Any, p: Parameters) -> Any:
    """Leak and uptake of all mitochondria over ``step.dt``; returns int64 [n_cells], units lost by each cell's mitochondria."""
    exchanged = world.backend.zeros(world.n_cells, np.int64)
    world.backend.gather(
        dye_slot, dye_finish, 1, world.n_cells, world.cells, world.pages, world.mitochondria, world.cells, world.wells, exchanged, p, step
    )
    return exchanged


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the dye of all mitochondria by ``step.dt``."""
    exchanged = exchange(world, step, p)
    if world.fields is not None:
        world.backend.each(dye_release_row, world.n_cells, world.cells, world.fields, exchanged, float(world.spec.macro_step))


def wanted(spec: PlateSpec) -> bool:
    """Whether any population, or any isolated mitochondria, carry dye."""
    return any(source.tracker > 0.0 for arm in spec.every_arm for source in arm.sources)


PROCESS = Process(name="dye", stage="quality", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
