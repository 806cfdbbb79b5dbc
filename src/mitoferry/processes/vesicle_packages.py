"""Vesicles as a therapy: packages with mitochondria of a cell type are put into the medium.

Mechanism: mitochondria are born into the transit pool as in ``isolated_mitochondria`` (those without potential are dead) and lie in
vesicles of the kind asked for, ``each`` in one. The radius is drawn from the size law of the kind (``vesicle_release``) and is at
least such that the membranes fit around what is inside (the size gate of ``vesicle_size``); a mitochondrion too large for the largest
vesicle of the kind is cut to the mass that fits. From then on nothing tells a package from a vesicle that a cell has shed: it
diffuses, settles, is taken up whole or bursts, and its membrane keeps the calcium outside away from what it holds (``vesicle_fate``).

Assumptions: every package holds mitochondria; no microRNA or other cargo; onto an insert they are put from above. Step error: none.
Ledger: births at the transit pool, with an event ``loaded`` of the route vesicle.
Verification: ``tests/verification/test_vesicle_packages.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.events import EVENT_LOADED
from mitoferry.core.handover import log_event, set_place
from mitoferry.core.maths import power
from mitoferry.core.pages import add_page, tally_birth
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import (
    APOPTOTIC_BODY,
    EXOPHER,
    IN_TRANSIT,
    MASS_SCALE,
    PAGE,
    POOL_TRANSIT,
    ROUTE_VESICLE,
)
from mitoferry.core.streams import DELIVERY
from mitoferry.processes.doses import doses_due
from mitoferry.processes.free_mitochondria import INSERT, diameter_of
from mitoferry.processes.isolated_mitochondria import FIRST_CELL, isolate
from mitoferry.processes.rest import RESTING_POTENTIAL, RHO0_POTENTIAL
from mitoferry.processes.seeding import Parameters as Seeding
from mitoferry.processes.seeding import mixture_of
from mitoferry.processes.vesicle_loading import largest_mass
from mitoferry.processes.vesicle_release import Parameters as Sizes
from mitoferry.processes.vesicle_release import free_rows, sizes_of
from mitoferry.processes.vesicle_size import log_normal, room

RADIUS = 8  # draw of the stream DELIVERY


class Parameters(NamedTuple):
    """Library: ``vesicle_packages.*``."""

    viability: float  # share with potential where the file gives none


class Package(NamedTuple):
    """What a dose of vesicles is: kind, mitochondria in each, identity under which they are born, viability, potential, side."""

    kind: int
    each: int
    identity: int
    viability: float
    psi: float
    layer: int


@row
def smallest_radius(cubes, each, p):
    """Radius [nm] of the smallest vesicle around mitochondria whose cubed diameters [um^3] add up to ``cubes``."""
    packed = cubes
    if each > 1:
        packed = cubes / p.packing
    return 500.0 * (power(packed, 1.0 / 3.0) + p.margin)


@row
def pack(h, n, rows, package, mixture, mitochondria, pages, cells, wells, vesicles, events, time, seeding, sizes):
    """Put ``n`` mitochondria into vesicles in the transit pool ``h`` (serial); pages, rows and events are reserved."""
    w = int(cells.well[h])
    key0 = wells.key0[w]
    key1 = wells.key1[w]
    median, spread, low, high = sizes_of(package.kind, sizes)
    added = 0
    cubes = 0.0
    while added < n:
        page = add_page(pages, cells, h)
        for k in range(PAGE):
            if added < n:
                slot = page * PAGE + k
                v = int(rows[added // package.each])
                inside = added - added // package.each * package.each
                if inside == 0:
                    cubes = 0.0
                    vesicles.n_cargo[v] = 0
                isolate(slot, mitochondria, mixture, key0, key1, package.identity, added + 1, package.viability, package.psi, seeding)
                set_place(mitochondria, slot, IN_TRANSIT, 0, ROUTE_VESICLE)
                share = room(high, sizes.margin, sizes.packing if package.each > 1 else 1.0) / package.each
                largest = largest_mass(high, share, sizes)
                mitochondria.mass[slot] = int(min(float(mitochondria.mass[slot]), max(largest, 1.0)))
                tally_birth(mitochondria, cells, h, slot)
                d = diameter_of(MASS_SCALE * int(mitochondria.mass[slot]), sizes)
                cubes += d * d * d
                vesicles.slots[v, inside] = slot
                vesicles.n_cargo[v] += 1
                psi = -0.01 * int(mitochondria.psi_offset[slot])
                log_event(events, EVENT_LOADED, w, time, ROUTE_VESICLE, cells, -1, -1, mitochondria, slot, psi, 0)
                added += 1
                if inside == package.each - 1 or added == n:
                    u = uniform(key0, key1, package.identity, added, DELIVERY, 0, RADIUS)
                    drawn = min(max(log_normal(median, spread, u), low), high)
                    vesicles.kind[v] = package.kind
                    vesicles.well[v] = w
                    vesicles.source[v] = -1
                    vesicles.radius[v] = max(drawn, smallest_radius(cubes, package.each, sizes))
                    vesicles.phosphatidylserine[v] = 1 if package.kind == APOPTOTIC_BODY or package.kind == EXOPHER else 0
                    vesicles.layer[v] = package.layer
                    vesicles.born[v] = time
    cells.n_mitochondria[h] += n


def _give(world: Any, w: int, dose: Any, step: Any) -> None:
    spec, source = world.spec, dose.source
    world.reserve_pages(-(-source.count // PAGE))
    world.reserve_events(source.count)
    rows = free_rows(world, -(-source.count // dose.each))
    seeding = spec.parameters_of("seeding", Seeding)
    sizes = spec.parameters_of("vesicle_release", Sizes)
    package = Package(
        dose.vesicle, dose.each, (source.index << 24) + FIRST_CELL, float(dose.viability),
        RHO0_POTENTIAL if source.rho0 else RESTING_POTENTIAL, 1 if int(world.wells.geometry[w]) == INSERT else 0,
    )  # fmt: skip
    world.backend.serial(
        pack, world.pool(w, POOL_TRANSIT), source.count, rows, package, np.array([mixture_of(source, spec)]), world.mitochondria,
        world.pages, world.cells, world.wells, world.vesicles, world.events, float(step.time), seeding, sizes,
    )  # fmt: skip
    world.n_vesicles = max(world.n_vesicles, int(rows.max()) + 1)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Add the packages that are due; idle in all other macro-steps."""
    spec = world.spec
    for a, arm in enumerate(spec.arms):
        for dose in doses_due(arm, "vesicles", step):
            for w in spec.wells_of(a):
                _give(world, w, dose, step)


def wanted(spec: Any) -> bool:
    """Whether vesicles are given to any arm."""
    return any(d.route == "vesicles" for arm in spec.every_arm for d in arm.doses)


PROCESS = Process(
    name="vesicle_packages", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True,
    wanted=wanted,
)  # fmt: skip
