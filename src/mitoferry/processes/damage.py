"""Damage of mitochondria by oxidants, ischaemia and open pores, its repair, and loss of flavin from complex I.

Mechanism. Damage delta (0..1: oxidised lipid and protein, lost cristae) of each mitochondrion follows its cell::

    d delta/dt = k_d H^2/(H^2 + H_d^2) + k_isc (1 - ATP/(f ATP_rest))_+ + k_pore [pore open] - k_rep delta

H is the cytosolic H2O2; the ischaemic term (from the feasibility prototype, modelling choice) starts where ATP falls
below a share f of its resting value, so that a cell that lives well on glycolysis is not ischaemic. Oxidant production
rises with damage (``reactive_oxygen``): the loop gain at rest is well below 1, so an unstressed cell does not drift.
Above a threshold insult the loop can be bistable; that is meant.

Complex I loses its flavin while oxygen is below ``flavin_oxygen`` and the NADH pool is reduced (reverse electron
transport), d e_I/dt = -k_fmn e_I; it comes back with expression (process ``mtdna``).

Assumptions: no place in the cell, all mitochondria see one H. H and ATP are frozen over a step; the step is exact for
constant inputs. Small increments are rounded stochastically, so that the mean is exact. Step error: of order dt/2 of
the change of H and ATP within 300 s.
Verification: tests/verification/test_damage.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mitoferry.core.lanes import AHEAD, ask_ahead, ask_identities, lane, lane_uniform4, lanes
from mitoferry.core.maths import exp, hill2
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BROKEN,
    DAMAGE_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    N_CLASSES,
    OCCUPIED,
    OWN_ISOLATED,
    OXYGEN,
    PAGE,
    PORE_OPEN,
)
from mitoferry.core.streams import DAMAGE_ROUNDING
from mitoferry.processes.organelle import class_of, rounded
from mitoferry.processes.rest import RESTING_ATP, alive

if TYPE_CHECKING:
    from mitoferry.core.schema import Step
    from mitoferry.core.world import World

# columns of the scratch table of a step, one row per cell
ACTIVE, KEPT, GAINED, GAINED_PORE, ANOXIC, FLAVIN, N_RATES = 0, 1, 2, 3, 4, 5, 5 + N_CLASSES


class Parameters(NamedTuple):
    """Rates in 1/h (library: ``damage.*``)."""

    oxidant_rate: float
    oxidant_half: float
    ischaemia_rate: float
    ischaemia_onset: float
    pore_rate: float
    repair_rate: float
    flavin_loss_rate: float
    flavin_oxygen: float
    flavin_nadh: float


@row
def damage_rate(h2o2, atp, p):
    """Rate [1/h] at which the mitochondria of a cell take damage; H2O2 in uM, ATP in mM."""
    rate = p.oxidant_rate * hill2(h2o2, p.oxidant_half)
    return rate + p.ischaemia_rate * max(1.0 - atp / (p.ischaemia_onset * RESTING_ATP), 0.0)


@row
def cell_rates(i, cells, rates, p, step):
    """What a step does to a mitochondrion of cell ``i``, into row ``i`` of ``rates``: delta -> delta KEPT + GAINED."""
    rates[i, ACTIVE] = 0.0
    rates[i, ANOXIC] = 0.0
    if not alive(int(cells.state[i])):
        return
    dt = step.dt / 3600.0
    kept = exp(-p.repair_rate * dt)
    share = dt
    if p.repair_rate > 0.0:
        share = (1.0 - kept) / p.repair_rate
    rate = damage_rate(float(cells.h2o2[i]), float(cells.atp[i]), p)
    rates[i, ACTIVE] = 1.0
    rates[i, KEPT] = kept
    rates[i, GAINED] = rate * share / DAMAGE_SCALE
    rates[i, GAINED_PORE] = (rate + p.pore_rate) * share / DAMAGE_SCALE
    anoxic = float(cells.env[i, OXYGEN]) < p.flavin_oxygen
    for k in range(N_CLASSES):
        left = 1.0
        if anoxic and float(cells.nadh[i, k]) > p.flavin_nadh:
            left = exp(-p.flavin_loss_rate * dt)
            rates[i, ANOXIC] = 1.0
        rates[i, FLAVIN + k] = left


@row
def damage_page(h, first, sums, cells, mitochondria, wells, rates, step):
    """As :func:`damage_slot` for the slots of a page, side by side."""
    if rates[h, ACTIVE] == 0.0:
        return
    draw = lanes()
    ahead = first + AHEAD * PAGE
    ask_identities(mitochondria, ahead)
    ask_ahead(mitochondria.flags, ahead)
    ask_ahead(mitochondria.damage, ahead)
    w = int(cells.well[h])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    kept = rates[h, KEPT]
    closed = rates[h, GAINED]
    opened = rates[h, GAINED_PORE]
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        u, v, _, _ = lane_uniform4(key0, key1, mitochondria.birth[slot], mitochondria.ordinal[slot], DAMAGE_ROUNDING, step.step, 0)
        draw[k] = v
        damage = int(mitochondria.damage[slot])
        gained = opened if flags & PORE_OPEN != 0 else closed
        new = rounded(damage * kept + gained, u, 65535.0)
        mitochondria.damage[slot] = new if flags & (OCCUPIED | BROKEN) == OCCUPIED else damage
    if rates[h, ANOXIC] == 0.0:
        return
    left0, left1, left2, left3 = rates[h, FLAVIN], rates[h, FLAVIN + 1], rates[h, FLAVIN + 2], rates[h, FLAVIN + 3]
    for k in range(PAGE):
        slot = lane(first, k)
        flags = int(mitochondria.flags[slot])
        energy_class = class_of(flags)
        low = left1 if energy_class == OWN_ISOLATED else left0
        high = left3 if energy_class == DONOR_ENDOSOME else left2
        left = high if energy_class >= DONOR_FREE else low
        value = int(mitochondria.complex1[slot])
        new = rounded(value * left, draw[k], 65535.0)  # the same number where nothing is lost
        mitochondria.complex1[slot] = new if flags & OCCUPIED != 0 else value


@row(page=damage_page)
def damage_slot(h, slot, sums, cells, mitochondria, wells, rates, step):
    """One step of damage and complex I of the mitochondrion in ``slot``."""
    if rates[h, ACTIVE] == 0.0:
        return
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0:
        return
    w = int(cells.well[h])
    a, b, _, _ = uniform4(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], DAMAGE_ROUNDING, step.step, 0)
    gained = rates[h, GAINED]
    if flags & PORE_OPEN != 0:
        gained = rates[h, GAINED_PORE]
    if flags & BROKEN == 0:
        mitochondria.damage[slot] = rounded(int(mitochondria.damage[slot]) * rates[h, KEPT] + gained, a, 65535.0)
    left = rates[h, FLAVIN + class_of(flags)]
    if left < 1.0:
        mitochondria.complex1[slot] = rounded(int(mitochondria.complex1[slot]) * left, b, 65535.0)


@row
def damage_finish(h, sums, cells, mitochondria, wells, rates, step):
    """Nothing to add up."""


def resting_damage(h2o2: float, atp: float, p: Parameters) -> float:
    """Damage at the fixed point for constant H2O2 [uM] and ATP [mM]."""
    return damage_rate(h2o2, atp, p) / p.repair_rate


def advance(world: World, step: Step, p: Parameters) -> None:
    """One step of damage for all cells."""
    rates = world.backend.zeros((world.n_cells, N_RATES))
    world.backend.each(cell_rates, world.n_cells, world.cells, rates, p, step)
    world.backend.gather(
        damage_slot, damage_finish, 1, world.n_cells, world.cells, world.pages,
        world.cells, world.mitochondria, world.wells, rates, step,
    )  # fmt: skip


PROCESS = Process(name="damage", stage="quality", clock="mitochondria", parameters=Parameters, advance=advance, writes_mitochondria=False)
