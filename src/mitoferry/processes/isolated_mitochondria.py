"""Isolated mitochondria: a dose is put into the medium, a wash takes away what is still free.

Mechanism: ``count`` individuals are born into the medium pool of a well at the time of the dose. Mass, mtDNA copies,
complexes, label and dye are those of a freshly seeded cell of the type that they were isolated from. With chance
``viability`` one keeps the resting potential, else it is dead: potential 0, damage 1. From then on nothing tells them
from mitochondria that cells have set free: function, lysis and uptake are those of ``free_mitochondria``. Two things
are done to the medium, and so to all that is free in it:

* a wash (a treatment ``wash``, the end of an injury or of a dose) takes away every free mitochondrion;
* the flow through a tissue block takes each away at the rate ln 2/washout.

A centrifuge (``Dose.spin``) multiplies the settling part of the uptake by ``free_mitochondria.centrifugation``.

Doses of other routes (a site of injection, blood, nose) are those of ``delivery``; what reaches the tissue is free there like these.

Assumptions: the medium is stirred; onto an insert they are put from above; a wash takes all that is free, settled or not.
A dose is due in the macro-step in which other treatments of that time are. Step error: none in births and washes; the flow is exact
per step (chance 1 - exp(-rate dt)), but comes before
the uptake of the step (error of order dt x rate). Ledger: births and mtDNA at the medium pool; what is taken away is booked
as lysed and named by an event ``washed_away``, what is added by an event ``loaded`` of the route ``injection``. Identity:
the k-th dose of an arm is born in cell 1 of population 128 + k, which no cell has, so that assays count it as foreign.
Verification: ``tests/verification/test_isolated_mitochondria.py``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.events import EVENT_LOADED
from mitoferry.core.handover import log_event, set_place, wash_away
from mitoferry.core.maths import exp
from mitoferry.core.pages import add_page, clear_rare, tally_birth
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import (
    IN_TRANSIT,
    OCCUPIED,
    PAGE,
    POOL_MEDIUM,
    PSI_OFFSET_SCALE,
    ROUTE_INJECTION,
)
from mitoferry.core.streams import INJECTION
from mitoferry.processes.doses import doses_due, is_due
from mitoferry.processes.free_mitochondria import INSERT, lose_membrane
from mitoferry.processes.pool_pages import chain_of, release_empty_of_chain, slot_in
from mitoferry.processes.rest import RESTING_POTENTIAL, RHO0_POTENTIAL
from mitoferry.processes.seeding import Parameters as Seeding
from mitoferry.processes.seeding import mixture_of, seed_one

LN2 = 0.6931471805599453
FIRST_CELL = 1  # the cell of its population that a dose is born in
VIABLE, WASHED = 0, 1  # draws of the stream INJECTION


class Parameters(NamedTuple):
    """Library: ``isolated_mitochondria.*``."""

    viability: float  # share with potential where the file gives none


@row
def clean_slot(mitochondria, slot):
    """Clear the columns that a record may start without: the sparse ones, offset of the potential, time of depolarisation."""
    clear_rare(mitochondria, slot)
    mitochondria.psi_offset[slot] = 0
    mitochondria.depolarised[slot] = 0


@row
def isolate(slot, mitochondria, mixture, key0, key1, identity, ordinal, viability, psi, p):
    """Write the record of one isolated mitochondrion; returns its potential [mV]."""
    clean_slot(mitochondria, slot)
    seed_one(slot, mitochondria, mixture, 0, key0, key1, identity, ordinal, 0.0, p)
    set_place(mitochondria, slot, IN_TRANSIT, 0, ROUTE_INJECTION)
    if uniform(key0, key1, identity, ordinal, INJECTION, 0, VIABLE) < viability:
        mitochondria.psi_offset[slot] = int(-psi / PSI_OFFSET_SCALE)
        return psi
    lose_membrane(mitochondria, slot)
    return 0.0


@row
def add_dose(h, n, identity, side, viability, psi, mixture, mitochondria, pages, cells, wells, events, time, p):
    """Put ``n`` isolated mitochondria of the cell ``identity`` into the medium pool ``h`` (serial); pages are reserved."""
    w = int(cells.well[h])
    key0 = wells.key0[w]
    key1 = wells.key1[w]
    added = 0
    while added < n:
        page = add_page(pages, cells, h)
        for k in range(PAGE):
            if added < n:
                slot = page * PAGE + k
                kept = isolate(slot, mitochondria, mixture, key0, key1, identity, added + 1, viability, psi, p)
                mitochondria.motor[slot] = side
                tally_birth(mitochondria, cells, h, slot)
                log_event(events, EVENT_LOADED, w, time, ROUTE_INJECTION, cells, -1, -1, mitochondria, slot, kept, 0)
                added += 1
    cells.n_mitochondria[h] += n


@row
def is_washed(q, chain, h, chance, mitochondria, cells, wells, step):
    """Whether what is in slot number ``q`` of the medium pool ``h``, whose pages are ``chain``, is taken away; ``chance``: of each."""
    slot = slot_in(q, chain)
    if int(mitochondria.flags[slot]) & OCCUPIED == 0:
        return 0
    if chance >= 1.0:
        return 1
    w = int(cells.well[h])
    birth = mitochondria.birth[slot]
    u = uniform(wells.key0[w], wells.key1[w], birth, mitochondria.ordinal[slot], INJECTION, step.step, WASHED)
    return 1 if u < chance else 0


@row
def wash(gone, chain, h, mitochondria, pages, cells, events, time):
    """Take the free mitochondria in the slots number ``gone`` of the medium pool ``h`` away, in this order (serial)."""
    for j in range(len(gone)):
        wash_away(h, slot_in(int(gone[j]), chain), -1, time, mitochondria, pages, cells, events)


@row
def flow_rate(washout):
    """Rate [1/h] at which flow with the half-life ``washout`` [s] takes free mitochondria away."""
    return 3600.0 * LN2 / washout


@row
def washed_chance(rate, seconds):
    """Chance that flow at ``rate`` [1/h] takes a free mitochondrion away within ``seconds``."""
    return 1.0 - exp(-rate * seconds / 3600.0)


def flow(arm: Any, time: float) -> float:
    """Rate [1/h] at which the flow takes free mitochondria away at ``time`` [s]: that of the tissue or of the fastest dose given so far."""
    given = [d.washout for d in arm.doses if d.route == "medium" and d.start <= time and math.isfinite(d.washout)]
    if arm.geometry.washout > 0.0:
        given.append(arm.geometry.washout)
    return max((flow_rate(washout) for washout in given), default=0.0)


def due(arm: Any, step: Any) -> tuple[bool, list[Any]]:
    """Whether the medium is washed in this macro-step, and the doses that are given."""
    return any(a.kind == "wash" and is_due(a, step) for a in arm.actions), doses_due(arm, "medium", step)


def _wash(world: Any, w: int, chance: float, step: Any) -> None:
    backend, h = world.backend, world.pool(w, POOL_MEDIUM)
    (held,) = backend.read(slice(h, h + 1), world.cells.n_mitochondria)
    if held[0]:
        chain, n = chain_of(world, h)
        gone = backend.select(is_washed, n * PAGE, chain, h, chance, world.mitochondria, world.cells, world.wells, step)
        if gone.size:
            world.reserve_events(gone.size)
            backend.serial(wash, gone, chain, h, world.mitochondria, world.pages, world.cells, world.events, float(step.time))
        release_empty_of_chain(world, chain, n)


def give(world: Any, w: int, dose: Any, step: Any, host: int = -1) -> None:
    """Put a dose into the row ``host`` of well ``w``: its medium pool unless another is given."""
    source = dose.source
    world.reserve_pages(-(-source.count // PAGE))
    world.reserve_events(source.count)
    spec = world.spec
    p = spec.parameters_of("seeding", Seeding)
    mixture = np.array([mixture_of(source, spec)])
    side = 2 if int(world.wells.geometry[w]) == INSERT else 1
    psi = RHO0_POTENTIAL if source.rho0 else RESTING_POTENTIAL
    world.backend.serial(
        add_dose, host if host >= 0 else world.pool(w, POOL_MEDIUM), source.count,
        (source.index << 24) + FIRST_CELL, side, float(dose.viability), psi, mixture,
        world.mitochondria, world.pages, world.cells, world.wells, world.events, float(step.time), p,
    )  # fmt: skip


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Wash the medium, let it flow, and add the doses that are due; idle in all other macro-steps."""
    spec = world.spec
    for a, arm in enumerate(spec.arms):
        washed, doses = due(arm, step)
        rate = flow(arm, step.time - step.dt)
        if not (washed or doses or rate > 0.0):
            continue
        chance = 1.0 if washed else washed_chance(rate, step.dt)
        for w in spec.wells_of(a):
            if chance > 0.0:
                _wash(world, w, chance, step)
            for dose in doses:
                give(world, w, dose, step)


def wanted(spec: Any) -> bool:
    """Whether anything is added to or washed out of the medium of an arm."""
    return any(
        any(d.route == "medium" for d in arm.doses) or any(a.kind == "wash" for a in arm.actions) or arm.geometry.washout > 0.0
        for arm in spec.every_arm
    )


PROCESS = Process(
    name="isolated_mitochondria", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True,
    wanted=wanted,
)  # fmt: skip
