"""Variation between cells: sisters of one type keep different amounts of the proteins that decide who lives.

Mechanism. Two amounts of a cell, relative to the mean of its type, are log-normal with mean 1 and the coefficients of variation
``antioxidant_cv`` and ``threshold_cv``:

* ``cells.own_antioxidant``: enzymes that remove H2O2; ``reactive_oxygen`` multiplies their capacity by it;
* ``cells.own_threshold``: relatives of BCL-2 that hold the outer membrane of mitochondria closed; ``death`` divides the H2O2, the damage
  and the lesions of DNA that a cell meets by it before it asks for the hazard of cytochrome c release.

They wander: the deviate z = (ln x + s^2/2)/s, s^2 = ln(1 + CV^2), is an Ornstein-Uhlenbeck process with the time constant ``memory``,

    z(t + dt) = r z(t) + sqrt(1 - r^2) xi,    r = exp(-dt/memory),

exact for any step. Daughters start with their mother's amounts and drift apart: the correlation of sisters t after division is
exp(-2 t/memory). So a dose that hurts kills a share of the cells, and who is lost is not who was lost a week before.

Size, demand, glycolysis and the number of mitochondria differ between cells from the start and for good (``processes/seeding.py``).

Sources: amounts of a protein differ by 15-30 % between human cells of one line and are mixed within one to two generations (Sigal 2006
Nature 444:643; from memory); sisters die alike right after division and lose this likeness within a day, by differing amounts of
proteins upstream of the membrane (Spencer 2009 Nature 459:428; from memory). Which proteins stand for it here is a modelling choice.
Assumptions: the two amounts are independent, and the same spread holds for every type. With both coefficients 0 every factor is 1.
Verification: ``tests/verification/test_cell_variation.py`` (mean, spread, memory, sisters, dose-response).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mitoferry.core.maths import exp, log
from mitoferry.core.process import Process
from mitoferry.core.random import normal_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_DEAD_APOPTOTIC, CELL_DEAD_NECROTIC, CELL_EMPTY, CELL_NECROTIC, CELL_POOL
from mitoferry.core.streams import CELL_VARIATION

AT_THE_START = -1  # step of the first draw in the key of the stream: no step of a run has it
FIRST_DRAW = 1 << 20


class Parameters(NamedTuple):
    """Library: ``cell_variation.*``."""

    antioxidant_cv: float
    threshold_cv: float
    memory: float  # h


@row
def wander(amount, cv, kept, xi):
    """Next value of a log-normal amount of mean 1: its deviate keeps the share ``kept`` and takes up the normal deviate ``xi``."""
    if cv <= 0.0:
        return 1.0
    variance = log(1.0 + cv * cv)
    s = math.sqrt(variance)
    z = (log(max(amount, 1e-9)) + 0.5 * variance) / s
    z = kept * z + math.sqrt(max(1.0 - kept * kept, 0.0)) * xi
    return exp(s * z - 0.5 * variance)


@row
def variation_row(i, cells, wells, p, kept, moment, draw):
    """Amounts of cell ``i`` a step later; ``kept`` = 0 draws them anew."""
    state = int(cells.state[i])
    if state == CELL_EMPTY or state == CELL_POOL or state == CELL_NECROTIC:
        return
    if state == CELL_DEAD_APOPTOTIC or state == CELL_DEAD_NECROTIC:
        return
    w = int(cells.well[i])
    a, b, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, CELL_VARIATION, moment, draw)
    cells.own_antioxidant[i] = wander(float(cells.own_antioxidant[i]), p.antioxidant_cv, kept, normal_from(a))
    cells.own_threshold[i] = wander(float(cells.own_threshold[i]), p.threshold_cv, kept, normal_from(b))


def prepare(world: Any, p: Parameters) -> None:
    """Draw the amounts of every seeded cell, those that enter later included, from the stationary law."""
    world.backend.each(variation_row, world.n_cells, world.cells, world.wells, p, 0.0, 0, 1)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Let the amounts of every cell wander for ``step.dt``."""
    kept = math.exp(-step.dt / (3600.0 * p.memory))
    world.backend.each(variation_row, world.n_cells, world.cells, world.wells, p, kept, step.step, 0)


PROCESS = Process(name="cell_variation", stage="energetics", clock="quality", parameters=Parameters, advance=advance, prepare=prepare)
