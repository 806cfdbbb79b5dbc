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
from mitoferry.core.pages import move
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
    clearance_of,
    lose_membrane,
    loss_rate,
    medium_volume,
    waiting_time,
)
from mitoferry.processes.free_mitochondria import Parameters as Free
from mitoferry.processes.isolated_mitochondria import give
from mitoferry.processes.nanotube_links import work_arrays
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.pool_pages import chain_of, release_empty_of_chain, slot_in
from mitoferry.processes.well_sums import Weights, add_up, allocate_weights, draw_cell
from mitoferry.space.neighbours import minimum_image

ROUTES = {"injection": 1, "intravenous": 1, "intracoronary": 1, "intranasal": 2}
"""Routes of doses that come by way of compartments, and how many each has."""
MOST = 2
ANYWHERE = 1e9  # um: a spread beyond which the density is that of a stirred block
TAKER = 1  # draw of the stream DELIVERY: which cell takes one at a site
LAYERS = 1  # who is where says the density, not the layer


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
def times_of(slot, w, clocks, total, mitochondria, wells, step):
    """When [h into the step] the mitochondrion in ``slot`` loses its function, falls apart and leaves, and a uniform that draws the way."""
    u, v, x, y = uniform4(
        wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], DELIVERY, step.step, 0
    )  # fmt: skip
    dt = step.dt / 3600.0
    loss = 0.0
    if int(mitochondria.damage[slot]) < FULL_DAMAGE:
        loss = waiting_time(clocks.loss, u, dt)
    gone = loss + waiting_time(clocks.lysis, v, dt)
    return loss, gone, waiting_time(clocks.lost + clocks.onward + total, x, dt), y


@row
def is_over(q, chain, w, clocks, total, mitochondria, wells, step):
    """Whether number ``q`` of the slots of a compartment, whose pages are ``chain``, holds one that leaves it in the step or falls apart.

    ``total`` [1/h] is the rate of uptake by all cells of the block. One that stays may lose its function here.
    """
    slot = slot_in(q, chain)
    if int(mitochondria.flags[slot]) & OCCUPIED == 0:
        return 0
    dt = step.dt / 3600.0
    loss, gone, left, _ = times_of(slot, w, clocks, total, mitochondria, wells, step)
    if min(left, gone) < dt:
        return 1
    if loss < dt:
        lose_membrane(mitochondria, slot)
    return 0


@row
def choose_taker(j, over, chain, targets, w, weights, n_cells, mitochondria, cells, wells, step):
    """The cell that would take up the mitochondrion in slot number ``over[j]`` of a compartment."""
    slot = slot_in(int(over[j]), chain)
    u = uniform(wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], DELIVERY, step.step, TAKER)
    targets[j] = draw_cell(w, u, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, n_cells, LAYERS, cells, weights)


@row
def advance_host(h, over, chain, targets, target, clocks, total, mitochondria, pages, cells, wells, events, gate_potential, step):
    """What becomes of the mitochondria in the slots number ``over`` of compartment ``h``, in this order (serial).

    They are lost, passed on to the row ``target``, or taken up by the cells ``targets``.
    """
    w = int(cells.well[h])
    dt = step.dt / 3600.0
    leaving = clocks.lost + clocks.onward + total
    for j in range(len(over)):
        slot = slot_in(int(over[j]), chain)
        loss, gone, left, y = times_of(slot, w, clocks, total, mitochondria, wells, step)
        if loss < min(dt, left):
            lose_membrane(mitochondria, slot)
        if left < dt and left < gone:
            time = step.time + 3600.0 * left
            if y * leaving < total:
                i = int(targets[j])
                new = arrive(mitochondria, pages, cells, events, slot, i, time, ROUTE_UPTAKE, ENDOSOME, -1, 0, gate_potential)
                mitochondria.motor[new] = 0
                cells.particles[i] += 1
            elif y * leaving < total + clocks.onward:
                move(mitochondria, pages, cells, slot, target)
            else:
                wash_away(h, slot, -1, time, mitochondria, pages, cells, events)
        else:
            wash_away(h, slot, -1, step.time + 3600.0 * gone, mitochondria, pages, cells, events)


@row
def weight_row(i, w, site, settling, weights, cells, groups, wells, free):
    """Rate [1/h] at which cell ``i`` takes up one mitochondrion of a site in well ``w``: clearance times density at the cell."""
    weights.of[i, 0] = 0.0
    if int(cells.well[i]) != w:
        return
    clearance = clearance_of(i, cells, groups, wells, settling, free)
    if clearance <= 0.0:
        return
    if site.spread >= ANYWHERE:
        weights.of[i, 0] = clearance / medium_volume(wells, w)
        return
    periodic = int(wells.periodic[w])
    dx = minimum_image(float(cells.x[i]) - site.x, float(wells.size[w, 0]), periodic)
    dy = minimum_image(float(cells.y[i]) - site.y, float(wells.size[w, 1]), periodic)
    dz = minimum_image(float(cells.z[i]) - site.z, float(wells.size[w, 2]), periodic)
    weights.of[i, 0] = clearance * density_at(dx, dy, dz, site.spread, site.scale)


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


def _uptake(world: Any, w: int, dose: Any, free: Free) -> tuple[float, Weights]:
    """Rate [1/h] at which cells take up one mitochondrion of the site of ``dose``: all together, and each."""
    backend, n = world.backend, len(world.cells.id)
    weights = work_arrays(world, "delivery", n, None, lambda: allocate_weights(backend, n, world.n_wells, LAYERS, 1))
    if dose.route != "injection" or "free_mitochondria" not in world.parameters:
        return 0.0, weights
    size, periodic = backend.read(slice(w, w + 1), world.wells.size, world.wells.periodic)
    site = site_of(dose, size[0], bool(periodic[0]))
    tables = (world.cells, world.groups, world.wells)
    backend.each(weight_row, world.n_cells, w, site, np.ones(world.n_wells), weights, *tables, free)
    add_up(world, weights, LAYERS)
    return float(backend.read(slice(w, w + 1), weights.total)[0][0, 0]), weights


def _advance_dose(world: Any, w: int, k: int, dose: Any, p: Parameters, step: Any) -> None:
    """One step of what is in the compartments of a dose, the last compartment first."""
    backend, cells, wells, m = world.backend, world.cells, world.wells, world.mitochondria
    rows = world.extra["delivery"][w, k, : ROUTES[dose.route]]
    if not backend.read(rows, cells.n_mitochondria)[0].any():
        return
    free = world.spec.parameters_of("free_mitochondria", Free)
    perfusion, bulk = (column[0] for column in backend.read(slice(w, w + 1), wells.perfusion, wells.bulk))
    clocks = compartments(dose, float(perfusion), float(bulk[CALCIUM]), p, free)
    total, weights = _uptake(world, w, dose, free)
    for c in reversed(range(len(clocks))):
        h = int(rows[c])
        target = int(rows[c + 1]) if c + 1 < len(rows) else world.pool(w, POOL_MEDIUM)
        chain, n = chain_of(world, h)
        over = backend.select(is_over, n * PAGE, chain, w, clocks[c], total, m, wells, step)
        if not over.size:
            continue
        targets = backend.zeros(over.size, np.int64)
        if total > 0.0:
            backend.each(choose_taker, over.size, over, chain, targets, w, weights, world.n_cells, m, cells, wells, step)
        world.reserve_pages(over.size)
        world.reserve_events(over.size)
        m = world.mitochondria
        backend.serial(
            advance_host, h, over, chain, targets, target, clocks[c], total, m, world.pages, cells, wells, world.events,
            gate_potential(world), step,
        )  # fmt: skip
        release_empty_of_chain(world, chain, n)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance what is in the compartments, and add the doses that are due."""
    spec = world.spec
    for a, arm in enumerate(spec.arms):
        for k, dose in doses_of(arm):
            if step.time < dose.start:
                continue
            for w in spec.wells_of(a):
                if is_due(dose, step):
                    give(world, w, dose, step, int(world.extra["delivery"][w, k, 0]))
                _advance_dose(world, w, k, dose, p, step)


def wanted(spec: Any) -> bool:
    """Whether a dose of any arm comes by way of a compartment."""
    return any(doses_of(arm) for arm in spec.every_arm)


PROCESS = Process(
    name="delivery", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, prepare=prepare,
    wanted=wanted,
)  # fmt: skip
