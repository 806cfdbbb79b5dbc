"""Transmitophagy: a living cell leaves the degradation of its damaged mitochondria to a phagocyte that it touches.

Mechanism: a mitochondrion of the cell's own, of damage delta, in a cell that touches phagocytes (astrocytes at neurons, macrophages
at cardiomyocytes) passes to one of them at the rate [1/h]

    k = rate x Hill4(delta/damage_half) x sum over the phagocytes touched of f x nodes x Hill2(ATP) x (base + OXPHOS share),

where f is ``phagocyte`` of their type and nodes = phagocytosis x endocytosis x temperature; which of them takes it is drawn in
proportion. It arrives in an endosome (route phagocytosis), and as a rule ends in a lysosome (``arrival``). The giving cell is rid of
its worst mitochondria; the last one stays.

Assumptions: contact as in ``phagocytosis``; a share of a mitochondrion is not passed on; only the damage decides, not who the cells
are. Rates are frozen over a step of the clock mitochondria; chances 1 - exp(-k dt), so a mitochondrion goes once. Drawn in parallel,
resolved in one serial phase in order of (well, cell of birth, ordinal), at the beginning of the step (error of order dt in the time).
Ledger: hand-overs only. Verification: ``tests/verification/test_transmitophagy.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.handover import arrive
from mitoferry.core.maths import chance, hill4
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CLASS_MASK,
    CLASS_SHIFT,
    CYTOSOL,
    DAMAGE_SCALE,
    ENDOSOME,
    OCCUPIED,
    OWN_ISOLATED,
    PAGE,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_PHAGOCYTOSIS,
)
from mitoferry.core.streams import PHAGOCYTOSIS
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.phagocytosis import NEVER, appetite, touched
from mitoferry.processes.phagocytosis import wanted as phagocytes_seeded
from mitoferry.processes.rest import alive

PASSED_ON = 1  # draw of the stream PHAGOCYTOSIS, keyed by the mitochondrion


class Parameters(NamedTuple):
    """Library: ``transmitophagy.*``."""

    rate: float  # 1/h
    damage_half: float
    atp_half: float  # share of resting ATP
    base: float
    contact_gap: float  # um
    humanin_gain: float
    humanin_half: float  # uM


@row
def appetite_row(i, cells, groups, wish, p, step):
    """``wish[i]``: rate [1/h] at which cell ``i`` takes one fully damaged mitochondrion from a cell that it touches."""
    wish[i] = appetite(i, cells, groups, p)


@row
def demand_row(i, cells, wells, neighbours, wish, demand, p, step):
    """``demand[i]``: sum of ``wish`` over the phagocytes that the living cell ``i`` touches."""
    demand[i] = 0.0
    if alive(int(cells.state[i])) and int(cells.bin[i]) >= 0:
        total, _ = touched(i, NEVER, wish, cells, wells, neighbours, p.contact_gap)
        demand[i] = total


@row
def is_passed(h, slot, mitochondria, cells, wells, demand, p, step):
    """Whether the mitochondrion in ``slot`` of cell ``h`` is passed on in this step, 0 or 1."""
    flags = int(mitochondria.flags[slot])
    own = (flags >> CLASS_SHIFT) & CLASS_MASK <= OWN_ISOLATED and (flags >> PLACE_SHIFT) & PLACE_MASK == CYTOSOL
    if flags & OCCUPIED == 0 or not own:
        return 0
    w = int(cells.well[h])
    rate = float(demand[h]) * hill4(DAMAGE_SCALE * int(mitochondria.damage[slot]), p.damage_half)
    u, _, _, _ = uniform4(
        wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], PHAGOCYTOSIS, step.step, PASSED_ON
    )
    return 1 if u < chance(rate, step.dt / 3600.0) else 0


@row
def passing_page(i, pages, mitochondria, cells, wells, demand, p, step):
    """How many mitochondria of page ``i`` are passed on in this step."""
    h = int(pages.owner[i])
    if h < 0:
        return 0
    if float(demand[h]) <= 0.0:
        return 0
    n = 0
    for k in range(PAGE):
        n += is_passed(h, i * PAGE + k, mitochondria, cells, wells, demand, p, step)
    return n


@row
def passing_slot(q, found, pages, mitochondria, cells, wells, demand, p, step):
    """The same of slot ``q`` of the pages ``found``, counted through."""
    slot = int(found[q // PAGE]) * PAGE + q % PAGE
    return is_passed(int(pages.owner[slot // PAGE]), slot, mitochondria, cells, wells, demand, p, step)


@row
def pass_on(slots, n, wish, demand, mitochondria, pages, cells, wells, neighbours, events, gate_potential, p, step):
    """Hand the mitochondria in ``slots`` to phagocytes that their cells touch, in that order (serial)."""
    for j in range(n):
        slot = int(slots[j])
        h = int(pages.owner[slot // PAGE])
        w = int(cells.well[h])
        _, v, _, _ = uniform4(
            wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], PHAGOCYTOSIS, step.step, PASSED_ON
        )
        _, c = touched(h, v * float(demand[h]), wish, cells, wells, neighbours, p.contact_gap)
        if c >= 0 and int(cells.n_mitochondria[h]) > 1:
            arrive(mitochondria, pages, cells, events, slot, c, step.time, ROUTE_PHAGOCYTOSIS, ENDOSOME, h, 0, gate_potential)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Pass damaged mitochondria on over ``step.dt``; idle where no cell touches a phagocyte."""
    backend, n = world.backend, world.n_cells
    wish, demand = backend.zeros(n), backend.zeros(n)
    backend.each(appetite_row, n, world.cells, world.groups, wish, p, step)
    backend.each(demand_row, n, world.cells, world.wells, world.space.neighbours, wish, demand, p, step)
    tables = (world.pages, world.mitochondria, world.cells, world.wells)
    pages = backend.select(passing_page, len(world.pages.owner), *tables, demand, p, step)
    if not pages.size:
        return
    some = backend.select(passing_slot, PAGE * int(pages.size), pages, *tables, demand, p, step)
    slots = pages[some // PAGE] * PAGE + some % PAGE
    birth, ordinal = backend.read(slots, world.mitochondria.birth, world.mitochondria.ordinal)
    (hosts,) = backend.read(slots // PAGE, world.pages.owner)
    (well,) = backend.read(hosts, world.cells.well)
    slots = slots[np.lexsort((ordinal, birth, well))]
    world.reserve_pages(int(slots.size))
    world.reserve_events(int(slots.size))
    gate = gate_potential(world)
    backend.serial(
        pass_on, slots, int(slots.size), wish, demand, world.mitochondria, world.pages, world.cells, world.wells, world.space.neighbours,
        world.events, gate, p, step,
    )  # fmt: skip


def wanted(spec: Any) -> bool:
    """Whether any cell of the run is a phagocyte."""
    return bool(phagocytes_seeded(spec))


PROCESS = Process(
    name="transmitophagy", stage="vesicles", clock="mitochondria", parameters=Parameters, advance=advance, writes_mitochondria=True,
    wanted=wanted,
)  # fmt: skip
