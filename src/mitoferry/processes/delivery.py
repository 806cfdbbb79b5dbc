"""Delivery of isolated mitochondria from outside the tissue: a site of injection, veins, a coronary artery, the nose.

Mechanism: a dose is born into a compartment of its own and leaves it by first-order clocks that compete, rates per hour:

* function is lost at ln2/half-life of the compartment (the potential goes to 0, the damage to 1), and one without function falls apart
  at ``free_mitochondria.lysis_rate``;
* *injection*: the site holds them about a point with a Gaussian of the ``spread`` given (all over the block without one). Cells take
  them up by the clearance of ``free_mitochondria``, each weighted by the density at its place; flow washes them out with the half-life
  of the site. The function ends at the calcium of the tissue, as for all free ones;
* *intravenous*, *intracoronary*: of what leaves the blood with its half-life the share s goes into the tissue, the rest into liver,
  lung or past the organ: k_tissue = s k perfusion, k_lost = (1 - s) k, so that an ischaemic block gets less;
* *intranasal*: of what leaves the nasal cavity (mucociliary clearance) the share s enters the mucosa, and from there the tissue with a
  half-life of its own; on that way nothing is carried off, but function is lost and bodies fall apart.

What reaches the tissue is free in it, where ``free_mitochondria`` goes on and the flow of the tissue washes it out.

Representation: each dose has one row per compartment in the table of cells, in the state of one who waits: it holds individuals, is in
the ledger, and takes part in nothing. Hosts of that kind are there only in wells that get such a dose; a third pool in every
well would cost memory and renumber the rows of all others.

Assumptions: a compartment is stirred; the number given is that meant for the block simulated (dose of the organ x volume of the block /
volume of the organ, which ``dose`` works out); no recirculation. Step error: clocks of one compartment are exact within the step; one
that passes on to the next compartment starts its clock there with the next step, one that reaches the tissue is free for all of it.
Ledger: births at the compartment; what is lost is booked as lysed, with an event ``washed_away``; arrivals in cells are hand-overs of
the route free uptake.
Verification: ``tests/verification/test_delivery.py``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.handover import arrive, wash_away
from mitoferry.core.maths import exp
from mitoferry.core.pages import move, release_empty_pages
from mitoferry.core.process import Process
from mitoferry.core.random import uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CALCIUM,
    CELL_WAITING,
    ENDOSOME,
    NEVER_ADDED,
    OCCUPIED,
    PAGE,
    POOL_MEDIUM,
    ROUTE_UPTAKE,
)
from mitoferry.core.streams import DELIVERY
from mitoferry.processes.doses import is_due
from mitoferry.processes.free_mitochondria import (
    FULL_DAMAGE,
    LN2,
    clearance_row,
    lose_membrane,
    loss_rate,
    medium_volume,
    taker,
    waiting_time,
)
from mitoferry.processes.free_mitochondria import Parameters as Free
from mitoferry.processes.isolated_mitochondria import give
from mitoferry.processes.organelle import gate_potential
from mitoferry.space.neighbours import minimum_image

ROUTES = {"injection": 1, "intravenous": 1, "intracoronary": 1, "intranasal": 2}
"""Routes of doses that come by way of compartments, and how many each has."""
MOST = 2
ANYWHERE = 1e9  # um: a spread beyond which the density is that of a stirred block
TAKER = 1  # draw of the stream DELIVERY: which cell takes one at a site


class Parameters(NamedTuple):
    """Library: ``delivery.*``. Half-lives in h, shares of what leaves a compartment."""

    site_half_life: float
    blood_half_life: float
    blood_function_half_life: float
    intravenous_share: float
    coronary_half_life: float
    intracoronary_share: float
    nasal_half_life: float
    nasal_share: float
    nasal_function_half_life: float
    mucosa_half_life: float


class Clocks(NamedTuple):
    """Rates [1/h] of one compartment: loss of function, falling apart without it, carried off, passed on."""

    loss: float
    lysis: float
    lost: float
    onward: float


class Site(NamedTuple):
    """Where a dose was injected: centre and standard deviation [um], and 1/(integral of the Gaussian over the block) [1/um^3]."""

    x: float
    y: float
    z: float
    spread: float
    scale: float


@row
def advance_host(h, target, clocks, total, weight, n_cells, mitochondria, pages, cells, wells, events, gate_potential, step):
    """One step of all mitochondria in compartment ``h`` (serial): lost, passed on to the row ``target``, or taken up by a cell.

    ``total`` [1/h] is the rate of uptake by all cells of the block, ``weight`` that of each; 0 where the compartment is not in the block.
    """
    w = int(cells.well[h])
    key0 = wells.key0[w]
    key1 = wells.key1[w]
    dt = step.dt / 3600.0
    leaving = clocks.lost + clocks.onward + total
    page = int(cells.first_page[h])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                birth = mitochondria.birth[slot]
                ordinal = mitochondria.ordinal[slot]
                u, v, x, y = uniform4(key0, key1, birth, ordinal, DELIVERY, step.step, 0)
                loss = 0.0
                if int(mitochondria.damage[slot]) < FULL_DAMAGE:
                    loss = waiting_time(clocks.loss, u, dt)
                gone = loss + waiting_time(clocks.lysis, v, dt)
                left = waiting_time(leaving, x, dt)
                if loss < min(dt, left):
                    lose_membrane(mitochondria, slot)
                if left < dt and left < gone:
                    time = step.time + 3600.0 * left
                    if y * leaving < total:
                        i = taker(w, uniform(key0, key1, birth, ordinal, DELIVERY, step.step, TAKER), total, weight, n_cells, cells)
                        new = arrive(mitochondria, pages, cells, events, slot, i, time, ROUTE_UPTAKE, ENDOSOME, -1, 0, gate_potential)
                        mitochondria.motor[new] = 0
                        cells.particles[i] += 1
                    elif y * leaving < total + clocks.onward:
                        move(mitochondria, pages, cells, slot, target)
                    else:
                        wash_away(h, slot, -1, time, mitochondria, pages, cells, events)
                elif gone < dt:
                    wash_away(h, slot, -1, step.time + 3600.0 * gone, mitochondria, pages, cells, events)
        page = int(pages.next[page])
    release_empty_pages(mitochondria, pages, cells, h)


@row
def weight_row(i, w, site, clearance, weight, cells, wells):
    """Rate [1/h] at which cell ``i`` takes up one mitochondrion of a site in well ``w``: clearance times density at the cell."""
    weight[i] = 0.0
    if int(cells.well[i]) != w or float(clearance[i]) <= 0.0:
        return
    if site.spread >= ANYWHERE:
        weight[i] = float(clearance[i]) / medium_volume(wells, w)
        return
    periodic = int(wells.periodic[w])
    dx = minimum_image(float(cells.x[i]) - site.x, float(wells.size[w, 0]), periodic)
    dy = minimum_image(float(cells.y[i]) - site.y, float(wells.size[w, 1]), periodic)
    dz = minimum_image(float(cells.z[i]) - site.z, float(wells.size[w, 2]), periodic)
    weight[i] = float(clearance[i]) * density_at(dx, dy, dz, site.spread, site.scale)


@row
def density_at(dx, dy, dz, spread, scale):
    """Chance per volume [1/um^3] that one mitochondrion of a site is at this distance [um] from its middle."""
    return scale * exp(-0.5 * (dx * dx + dy * dy + dz * dz) / (spread * spread))


@row
def carried_off(half_life, share):
    """Rate [1/h] at which blood takes away from the tissue for good, given the share that would enter it."""
    return (1.0 - share) * (LN2 / half_life)


@row
def let_in(half_life, share, perfusion):
    """Rate [1/h] at which what leaves a compartment enters the next one; ``perfusion``: flow of blood relative to normal."""
    return share * (LN2 / half_life) * max(perfusion, 0.0)


@row
def add_weights(n_cells, weight):
    """Sum of ``weight`` in order of row (serial)."""
    total = 0.0
    for i in range(n_cells):
        total += float(weight[i])
    return total


def site_of(dose: Any, size: Any, periodic: bool) -> Site:
    """The site of a dose in a block of ``size`` [um]."""
    if not dose.spread < ANYWHERE:
        return Site(0.0, 0.0, 0.0, ANYWHERE, 0.0)
    inside = 1.0
    for at, length in zip(dose.site, (float(x) for x in size), strict=True):
        low, high = (-0.5 * length, 0.5 * length) if periodic else (-at, length - at)
        root = math.sqrt(2.0) * dose.spread
        inside *= math.sqrt(math.pi / 2.0) * dose.spread * (math.erf(high / root) - math.erf(low / root))
    x, y, z = dose.site
    return Site(x, y, z, dose.spread, 1.0 / inside)


def compartments(dose: Any, perfusion: float, calcium: float, p: Parameters, free: Free) -> list[Clocks]:
    """Rates of the compartments of a dose, the first first; those of a site hold at ``calcium`` [mM]."""
    lysis = free.lysis_rate
    if dose.route == "injection":
        half_life = dose.washout / 3600.0 if math.isfinite(dose.washout) else p.site_half_life
        return [Clocks(loss_rate(calcium, free), lysis, LN2 / half_life, 0.0)]
    if dose.route == "intranasal":
        function = LN2 / p.nasal_function_half_life
        onward = let_in(p.nasal_half_life, p.nasal_share, 1.0)
        cavity = Clocks(function, lysis, LN2 / p.nasal_half_life - onward, onward)
        return [cavity, Clocks(function, lysis, 0.0, let_in(p.mucosa_half_life, 1.0, 1.0))]
    venous = dose.route == "intravenous"
    half_life = p.blood_half_life if venous else p.coronary_half_life
    share = p.intravenous_share if venous else p.intracoronary_share
    return [Clocks(LN2 / p.blood_function_half_life, lysis, carried_off(half_life, share), let_in(half_life, share, perfusion))]


def doses_of(arm: Any) -> list[tuple[int, Any]]:
    """Number among the doses of the arm, and the dose, of those that come this way."""
    return [(k, d) for k, d in enumerate(arm.doses) if d.route in ROUTES]


def prepare(world: Any, p: Parameters) -> None:
    """A row of the table of cells for every compartment of every dose."""
    spec = world.spec
    n_doses = max((len(arm.doses) for arm in spec.arms), default=0)
    rows = np.full((world.n_wells, n_doses, MOST), -1, dtype=np.int64)
    wanted = [
        (w, k, c) for w in range(world.n_wells) for k, dose in doses_of(spec.arms[w // spec.replicates]) for c in range(ROUTES[dose.route])
    ]
    world.reserve_cells(len(wanted))
    cells = world.cells
    world.backend.pull(cells)
    for w, k, c in wanted:
        h = world.n_cells
        cells.well[h], cells.group[h], cells.population[h] = w, w * world.n_populations, 255
        cells.state[h], cells.added[h] = CELL_WAITING, NEVER_ADDED
        cells.psi[h] = 0.0
        rows[w, k, c] = h
        world.n_cells += 1
    world.backend.push(cells)
    if world.space is not None:
        world.space.fit(world)
    world.extra["delivery"] = rows


def _uptake(world: Any, w: int, dose: Any, free: Free, step: Any) -> tuple[float, Any]:
    """Rate [1/h] at which cells take up one mitochondrion of the site of ``dose``: all together, and each (float64 [n_cells])."""
    weight = np.zeros(world.n_cells)
    if dose.route != "injection" or "free_mitochondria" not in world.parameters:
        return 0.0, weight
    backend, n, clearance = world.backend, world.n_cells, np.zeros(world.n_cells)
    backend.each(clearance_row, n, world.cells, world.groups, world.wells, np.ones(world.n_wells), clearance, free, step)
    site = site_of(dose, world.wells.size[w], bool(world.wells.periodic[w]))
    backend.each(weight_row, n, w, site, clearance, weight, world.cells, world.wells)
    return float(backend.serial(add_weights, n, weight)), weight


def _advance_dose(world: Any, w: int, k: int, dose: Any, p: Parameters, step: Any) -> None:
    """One step of what is in the compartments of a dose, the last compartment first."""
    backend, cells, wells = world.backend, world.cells, world.wells
    rows = world.extra["delivery"][w, k, : ROUTES[dose.route]].tolist()
    held = int(cells.n_mitochondria[rows].sum())
    if not held:
        return
    free = world.spec.parameters_of("free_mitochondria", Free)
    chain = compartments(dose, float(wells.perfusion[w]), float(wells.bulk[w, CALCIUM]), p, free)
    total, weight = _uptake(world, w, dose, free, step)
    gate = gate_potential(world)
    for c in reversed(range(len(chain))):
        target = rows[c + 1] if c + 1 < len(rows) else world.pool(w, POOL_MEDIUM)
        world.reserve_pages(held // PAGE + 1 + (held if total > 0.0 else 0))
        world.reserve_events(held)
        backend.serial(
            advance_host, rows[c], target, chain[c], total, weight, world.n_cells, world.mitochondria, world.pages, cells, wells,
            world.events, gate, step,
        )  # fmt: skip


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance what is in the compartments, and add the doses that are due."""
    spec = world.spec
    world.backend.pull(world.cells, world.wells)
    for a, arm in enumerate(spec.arms):
        for k, dose in doses_of(arm):
            if step.time < dose.start:
                continue
            for w in spec.wells_of(a):
                if is_due(dose, step):
                    give(world, w, dose, step, int(world.extra["delivery"][w, k, 0]))
                    world.backend.pull(world.cells)
                _advance_dose(world, w, k, dose, p, step)


def wanted(spec: Any) -> bool:
    """Whether a dose of any arm comes by way of a compartment."""
    return any(doses_of(arm) for arm in spec.every_arm)


PROCESS = Process(
    name="delivery", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, prepare=prepare,
    wanted=wanted,
)  # fmt: skip
