"""Permeability transition: pores that open under oxidants and Ca2+, and the release of more oxidants that follows.

Mechanism: a mitochondrion opens its pore with the hazard::

    h = k_p Hill4(x/H_c) / (1 + (dpH/dpH_h)^2),     x = H_local (1 + M/M_c) (1 - w (1 - c))
    H_local = H + a (share of the cell's mass with open pores),     M = L Hill4(psi/psi_h),     dpH = lactate/b

and closes it with a constant hazard (half-time 2 min). An open mitochondrion is depolarised, adds nothing to
capacity, and releases H2O2 (``reactive_oxygen.pore_production``), which opens others: ROS-induced ROS release. The
column ``pore`` counts the time that the pore has been open; what follows from long opening is for ``death`` and
``mitophagy``. The second term of H_local stands for H2O2 near an open neighbour (within about 1.5 um), in the mean of
the cell: positions inside a cell are not known. What lies in endosomes is no neighbour: most of it came without a membrane that holds.

L is the calcium that the cell holds beyond rest (``calcium_load``), M the part of it in mitochondria: calcium lowers the
oxidants that open a pore, and oxidants the calcium. c is cyclophilin D, without which 2.5 times the calcium is borne
(node ``cyclophilin_d``: cyclosporin A). Protons hold the pore shut: lactate lowers the pH inside, and when blood washes it
out the pore is free (the pH paradox). So pores stay shut without oxygen, since then there are no oxidants, and open in the
minutes after it comes back, in cells that have taken in calcium; those open open the rest, until the calcium is pumped out.

Sources: Zorov 2000 J Exp Med, Zorov 2014 Physiol Rev; calcium, oxidants, pH and cyclosporin A: Crompton 1988 Biochem J
255:357, Halestrap 1991 Biochem J 278:715, Bernardi 1992 J Biol Chem 267:2934; opening at reperfusion and not before:
Griffiths and Halestrap 1995 Biochem J 307:93 (all from memory). Rates are modelling choices.
Assumptions: hazards frozen over the step of 300 s; potential that of the cell's own network; lactate brings its proton,
inside as outside. The acid of glycogen, which is not modelled, and of split ATP is left out: it acts while there is
no oxygen and no oxidants.
Step error: none for constant H2O2: the chances of being open at the end of a step are those of the two-state process,
``pi (1 - exp(-(h + c) dt))`` from closed and ``1 - (1 - pi)(1 - exp(-(h + c) dt))`` from open, ``pi = h/(h + c)``;
the age of the present opening is drawn from the exponential truncated to the step.
Speed: when no pore is open and openings are rare their number is drawn once per cell (binomial), and those with the
smallest keyed uniforms open, so that a cell at rest costs one draw and the result does not depend on the order of slots.
Verification: tests/verification/test_energetics_oxidants.py (share of open pores, rest);
tests/verification/test_reperfusion.py (calcium, acid, cyclophilin D; infarcts).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.lanes import lane, lane_uniform4, lanes
from mitoferry.core.maths import chance, hill4, log
from mitoferry.core.nodes import NODE_CYCLOPHILIN_D
from mitoferry.core.process import Process
from mitoferry.core.random import binomial_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_LIVE,
    DONOR_ENDOSOME,
    LACTATE,
    N_CLASSES,
    OCCUPIED,
    PAGE,
    PORE_OPEN,
    PORE_SCALE,
    SUM_COUNT,
    SUM_DEHYDROGENASE,
    SUM_MASS,
    Step,
)
from mitoferry.core.streams import PORE
from mitoferry.processes.keyed_choice import smallest_draw
from mitoferry.processes.rest import open_mass_share

DRAW_TIMES = 0
DRAW_CHOICE = 1
DRAW_NUMBER = 2
RARE = 1.0  # expected openings per step up to which their number is drawn first


class Parameters(NamedTuple):
    """Parameters of ``pore``; units and sources in the library."""

    opening_rate: float
    h2o2_half: float
    calcium_half: float  # nmol/mg
    neighbour_h2o2: float
    closing_half_time: float
    potential_half: float  # mV
    acid_half: float  # units of pH
    buffering: float  # mM per unit of pH
    cyclophilin_share: float


@row
def matrix_calcium(load, psi, p):
    """Calcium in mitochondria [nmol/mg] of a cell that holds ``load``, at the potential ``psi`` [mV]."""
    return load * hill4(max(psi, 0.0), p.potential_half)


@row
def held_by_acid(lactate, p):
    """Factor 0..1 on opening by the protons that come with ``lactate`` [mM]."""
    ratio = max(lactate, 0.0) / (p.buffering * p.acid_half)
    return 1.0 / (1.0 + ratio * ratio)


@row
def opening_hazard(h2o2, open_share, calcium, lactate, cyclophilin, p):
    """Hazard of opening [1/h]; calcium of the matrix in nmol/mg, cyclophilin D relative to rest."""
    local = (h2o2 + p.neighbour_h2o2 * open_share) * (1.0 + calcium / p.calcium_half)
    local = local * max(1.0 - p.cyclophilin_share * (1.0 - cyclophilin), 0.0)
    return p.opening_rate * hill4(local, p.h2o2_half) * held_by_acid(lactate, p)


@row
def switched(towards, back, hours):
    """Chance to have changed state after ``hours`` in a two-state process, by the rates towards and back [1/h]."""
    total = towards + back
    if total <= 0.0:
        return 0.0
    return towards / total * chance(total, hours)


@row
def opening_age(u, closes, hours):
    """Age [steps of the column] of an opening that began within the step and lasts."""
    age = -log(1.0 - u * chance(closes, hours)) / closes
    return min(int(age * 3600.0 / PORE_SCALE), 255)


@row
def open_pore(mitochondria, slot, k0, k1, closes, hours, step):
    """Open the pore in ``slot`` at a time within the step."""
    u, _, _, _ = uniform4(k0, k1, mitochondria.birth[slot], mitochondria.ordinal[slot], PORE, step.step, DRAW_TIMES)
    mitochondria.flags[slot] = int(mitochondria.flags[slot]) | PORE_OPEN
    mitochondria.pore[slot] = opening_age(u, closes, hours)


@row
def age_pore(mitochondria, slot, k0, k1, p_close, closes, hours, step):
    """Close the open pore in ``slot``, keep it open, or replace it by a later opening."""
    u, _, v, w = uniform4(k0, k1, mitochondria.birth[slot], mitochondria.ordinal[slot], PORE, step.step, DRAW_TIMES)
    if v < p_close:
        mitochondria.flags[slot] = int(mitochondria.flags[slot]) & ~PORE_OPEN
        mitochondria.pore[slot] = 0
    elif w * (1.0 - p_close) < 1.0 - chance(closes, hours):
        mitochondria.pore[slot] = min(int(mitochondria.pore[slot]) + int(step.dt / PORE_SCALE), 255)
    else:
        mitochondria.pore[slot] = opening_age(u, closes, hours)


def _walk_cpu(h, cells, pages, mitochondria, k0, k1, p_open, p_close, closes, hours, step):
    """As ``walk``; the draws of a page side by side, then those slots to which something happens."""
    busy = lanes()
    page = int(cells.first_page[h])
    while page >= 0:
        n = 0
        for k in range(PAGE):
            slot = lane(page * PAGE, k)
            u, _, _, _ = lane_uniform4(k0, k1, mitochondria.birth[slot], mitochondria.ordinal[slot], PORE, step.step, DRAW_CHOICE)
            flags = int(mitochondria.flags[slot])
            some = 1 if u < p_open else 0
            some = 1 if flags & PORE_OPEN != 0 else some
            some = some * (flags & OCCUPIED)
            busy[k] = float(some)
            n += some
        if n > 0:
            for k in range(PAGE):
                if busy[k] != 0.0:
                    slot = page * PAGE + k
                    if int(mitochondria.flags[slot]) & PORE_OPEN != 0:
                        age_pore(mitochondria, slot, k0, k1, p_close, closes, hours, step)
                    else:
                        open_pore(mitochondria, slot, k0, k1, closes, hours, step)
        page = int(pages.next[page])


@row(cpu=_walk_cpu)
def walk(h, cells, pages, mitochondria, k0, k1, p_open, p_close, closes, hours, step):
    """One draw per mitochondrion of ``h``: open pores age or close, closed ones open."""
    page = int(cells.first_page[h])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            flags = int(mitochondria.flags[slot])
            if flags & OCCUPIED == 0:
                continue
            if flags & PORE_OPEN != 0:
                age_pore(mitochondria, slot, k0, k1, p_close, closes, hours, step)
            else:
                u = uniform(k0, k1, mitochondria.birth[slot], mitochondria.ordinal[slot], PORE, step.step, DRAW_CHOICE)
                if u < p_open:
                    open_pore(mitochondria, slot, k0, k1, closes, hours, step)
        page = int(pages.next[page])


@row
def advance_host(h, cells, pages, mitochondria, groups, wells, p, step):
    """Pores of cell ``h`` over one step."""
    state = int(cells.state[h])
    if state < CELL_LIVE or state > CELL_APOPTOTIC:
        return
    n = 0
    without = 0
    for k in range(N_CLASSES):
        n += int(cells.sums[h, k, SUM_COUNT])
        without += int(cells.sums[h, k, SUM_MASS]) - int(cells.sums[h, k, SUM_DEHYDROGENASE])
    if n == 0:
        return
    share = open_mass_share(cells, h, DONOR_ENDOSOME)
    hours = step.dt / 3600.0
    calcium = matrix_calcium(float(cells.calcium_load[h]), float(cells.psi[h, 0]), p)
    cyclophilin = float(groups.nodes[int(cells.group[h]), NODE_CYCLOPHILIN_D])
    opens = opening_hazard(float(cells.h2o2[h]), share, calcium, float(cells.env[h, LACTATE]), cyclophilin, p)
    closes = 0.6931471805599453 * 3600.0 / p.closing_half_time
    w = int(cells.well[h])
    k0 = int(wells.key0[w])
    k1 = int(wells.key1[w])
    p_open = switched(opens, closes, hours)
    p_close = switched(closes, opens, hours)
    if without > 0 or n * p_open > RARE:
        walk(h, cells, pages, mitochondria, k0, k1, p_open, p_close, closes, hours, step)
        return
    number = binomial_from(n, p_open, uniform(k0, k1, cells.id[h], 0, PORE, step.step, DRAW_NUMBER))
    last = -1.0
    for _ in range(number):
        slot, u = smallest_draw(h, last, OCCUPIED | PORE_OPEN, OCCUPIED, mitochondria, pages, cells, k0, k1, PORE, step.step, DRAW_CHOICE)
        if slot >= 0:
            last = u
            open_pore(mitochondria, slot, k0, k1, closes, hours, step)


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Advance the pores of all mitochondria."""
    world.backend.each(advance_host, world.n_cells, world.cells, world.pages, world.mitochondria, world.groups, world.wells, p, step)


PROCESS = Process(name="pore", stage="energetics", clock="mitochondria", parameters=Parameters, advance=advance)
