"""Shedding of vesicles: exosomes, microvesicles, mitochondria-carrying vesicles, exophers, migrasomes, synaptosomes, apoptotic bodies.

Mechanism, per cell, rates per hour and frozen over a macro-step, E = Hill2(ATP) x node temperature:

* exosomes rate x node exosomes x E (what they carry: ``vesicle_cargo``);
* microvesicles rate x node microvesicles x stress x E, of which a share reaches for a mitochondrion, as all kinds but bodies
  with the chance n/(n + half) in a cell that has n;
* mitochondria-carrying vesicles rate x type's release x node mitochondria release (CD38) x outsourcing x E, around one mitochondrion;
* exophers rate x type's exophers x node exophers x stress x outsourcing x E, around 1 to 10;
* migrasomes rate per um of path x speed x node migrasomes x E: they keep the mitochondrion that they reach for with the
  chance of its sickness;
* synaptosomes rate of the type (neurons) x node synaptosomes x (1 + injury (1 - (1 - phosphatidylserine)(1 - Hill2(H2O2)))): pinched
  off with what the terminal holds, 0 to 5 mitochondria, healthy or not; passive, so that no ATP is asked for;
* apoptotic bodies while caspases execute: every mitochondrion goes with the chance (volume of the body)/(volume of the cell);
* all but exosomes, synaptosomes and bodies x the membrane that there is to shed, (volume of the type/4 pL)^(2/3), at most 1: a lymphocyte
  with 40 mitochondria would else lose a third of them in a week;
* stress = 1 + gain Hill2(H2O2); outsourcing = 1 + gain (1 - node lysosome), for cells whose lysosomes fail.

Which mitochondria go: :mod:`mitoferry.processes.vesicle_loading`. A vesicle without one is only counted (``cells.vesicles``);
exosomes always.

Assumptions: but for CD38, exophers and synaptosomes, rates do not depend on the cell type (uptake does); empty vesicles carry no mtDNA
away (``vesicle_cargo`` is for that); the
volume of the cell does not fall. Step error: rates are those at the start of the step; a vesicle finds the mitochondria that
are there when its turn comes, in order of time. Times are exact within the step, waiting times exponential.
Verification: ``tests/verification/test_vesicles.py``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well, can_share
from mitoferry.core.maths import hill2, power
from mitoferry.core.nodes import (
    NODE_EXOPHERS,
    NODE_EXOSOMES,
    NODE_LYSOSOME,
    NODE_MICROVESICLES,
    NODE_MIGRASOMES,
    NODE_MITOCHONDRIA_RELEASE,
    NODE_SYNAPTOSOMES,
    NODE_TEMPERATURE,
)
from mitoferry.core.process import Process
from mitoferry.core.random import poisson_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    APOPTOTIC_BODY,
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_MOMP,
    EXOPHER,
    EXOSOME,
    MICROVESICLE,
    MIGRASOME,
    MITOVESICLE,
    N_VESICLES,
    NO_VESICLE,
    PAGE,
    SYNAPTOSOME,
    VESICLE_SLOTS,
)
from mitoferry.core.streams import SYNAPTOSOME as SYNAPTOSOME_STREAM
from mitoferry.core.streams import VESICLE_RELEASE
from mitoferry.processes.free_mitochondria import waiting_time
from mitoferry.processes.free_rows import first_rows
from mitoferry.processes.keyed_choice import room_for_choices
from mitoferry.processes.nanotube_links import roomy, work_arrays
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.processes.vesicle_loading import MOST, first_row, load_vesicles
from mitoferry.processes.vesicle_size import log_normal

EXOSOME_STEPS = 10  # macro-steps between two counts of exosomes
TRIES = 4  # draws of a radius before it is cut to its bounds


STROMAL_VOLUME = 4.0  # pL


class Parameters(NamedTuple):
    """Library: ``vesicle_release.*``. Rates in 1/h, radii in nm, spreads of the logarithm of the radius."""

    exosome_rate: float
    microvesicle_rate: float
    microvesicle_radius: float
    microvesicle_spread: float
    microvesicle_smallest: float
    microvesicle_largest: float
    microvesicle_loading: float
    mitovesicle_rate: float
    mitovesicle_radius: float
    mitovesicle_spread: float
    mitovesicle_smallest: float
    mitovesicle_largest: float
    exopher_rate: float
    exopher_radius: float
    exopher_spread: float
    exopher_smallest: float
    exopher_largest: float
    exopher_most: float
    body_rate: float
    body_radius: float
    body_spread: float
    body_smallest: float
    body_largest: float
    migrasome_rate: float  # 1/um
    migrasome_radius: float
    migrasome_spread: float
    migrasome_smallest: float
    migrasome_largest: float
    migrasome_loading: float
    synaptosome_radius: float
    synaptosome_spread: float
    synaptosome_smallest: float
    synaptosome_largest: float
    synaptosome_most: float
    synaptosome_injury: float
    mitochondria_half: float
    enrichment: float
    depolarised_potential: float  # mV
    stress_gain: float
    h2o2_half: float  # uM
    lysosome_gain: float
    atp_half: float  # share of resting ATP
    diameter: float  # um, of one mass unit
    margin: float  # um
    packing: float


class Shed(NamedTuple):
    """Vesicles of one step that reach for mitochondria: cell, kind, time [s], radius [nm], running number, how many it holds."""

    cell: Any
    kind: Any
    time: Any
    radius: Any
    event: Any
    wanted: Any


@row
def sizes_of(kind, p):
    """Median [nm], spread of the logarithm, smallest and largest radius [nm] of the vesicles of a kind."""
    if kind == MICROVESICLE:
        return p.microvesicle_radius, p.microvesicle_spread, p.microvesicle_smallest, p.microvesicle_largest
    if kind == MITOVESICLE:
        return p.mitovesicle_radius, p.mitovesicle_spread, p.mitovesicle_smallest, p.mitovesicle_largest
    if kind == EXOPHER:
        return p.exopher_radius, p.exopher_spread, p.exopher_smallest, p.exopher_largest
    if kind == APOPTOTIC_BODY:
        return p.body_radius, p.body_spread, p.body_smallest, p.body_largest
    if kind == SYNAPTOSOME:
        return p.synaptosome_radius, p.synaptosome_spread, p.synaptosome_smallest, p.synaptosome_largest
    return p.migrasome_radius, p.migrasome_spread, p.migrasome_smallest, p.migrasome_largest


@row
def radius_of(kind, key0, key1, cell, step, event, p):
    """Radius [nm] of vesicle number ``event`` of a kind that the cell with id ``cell`` sheds in this step."""
    median, spread, low, high = sizes_of(kind, p)
    r = 0.0
    for k in range(TRIES):
        if r < low or r > high:
            u = uniform(key0, key1, cell, 0, VESICLE_RELEASE, step, 1024 * (1 + k) + kind * MOST + event)
            r = log_normal(median, spread, u)
    return min(max(r, low), high)


@row
def loading_of(kind, number, p):
    """Share of the vesicles of a kind that reach a mitochondrion of a cell that has ``number``."""
    if kind == APOPTOTIC_BODY:
        return 1.0
    found = number / (number + p.mitochondria_half)
    if kind == MICROVESICLE:
        return p.microvesicle_loading * found
    if kind == MIGRASOME:
        return p.migrasome_loading * found
    if kind == SYNAPTOSOME:
        return 1.0  # how many it wants is drawn
    return found


@row
def surface(volume):
    """Membrane from which a cell sheds, 1 for a stromal cell; not more for larger cells, whose volume is fat, yolk or fibres."""
    return min(power(max(volume, 0.0) / STROMAL_VOLUME, 2.0 / 3.0), 1.0)


@row
def rate_of(kind, i, cells, groups, p):
    """Rate [1/h] at which cell ``i`` sheds vesicles of a kind."""
    if kind == APOPTOTIC_BODY:
        return p.body_rate
    g = int(cells.group[i])
    if kind == SYNAPTOSOME:
        sound = (1.0 - min(max(float(cells.phosphatidylserine[i]), 0.0), 1.0)) * (1.0 - hill2(float(cells.h2o2[i]), p.h2o2_half))
        injury = 1.0 + p.synaptosome_injury * (1.0 - sound)
        return float(groups.synaptosomes[g]) * max(float(groups.nodes[g, NODE_SYNAPTOSOMES]), 0.0) * injury
    membrane = surface(float(groups.volume[g]))
    active = hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP) * max(float(groups.nodes[g, NODE_TEMPERATURE]), 0.0)
    stress = 1.0 + p.stress_gain * hill2(float(cells.h2o2[i]), p.h2o2_half)
    outsourcing = 1.0 + p.lysosome_gain * max(1.0 - float(groups.nodes[g, NODE_LYSOSOME]), 0.0)
    if kind == EXOSOME:
        return p.exosome_rate * max(float(groups.nodes[g, NODE_EXOSOMES]), 0.0) * active
    if kind == MICROVESICLE:
        return membrane * p.microvesicle_rate * max(float(groups.nodes[g, NODE_MICROVESICLES]), 0.0) * stress * active
    if kind == MITOVESICLE:
        cd38 = float(groups.release[g]) * max(float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]), 0.0)
        return membrane * p.mitovesicle_rate * cd38 * outsourcing * active
    if kind == EXOPHER:
        level = membrane * float(groups.exophers[g]) * max(float(groups.nodes[g, NODE_EXOPHERS]), 0.0)
        return p.exopher_rate * level * stress * outsourcing * active
    x, y, z = float(cells.ux[i]), float(cells.uy[i]), float(cells.uz[i])
    return membrane * p.migrasome_rate * math.sqrt(x * x + y * y + z * z) * max(float(groups.nodes[g, NODE_MIGRASOMES]), 0.0) * active


@row
def largest_rate(kind, i, cells, groups, p):
    """A number [1/h] that :func:`rate_of` cannot exceed, found without looking at ATP, H2O2 or membrane."""
    if kind == APOPTOTIC_BODY:
        return p.body_rate
    g = int(cells.group[i])
    if kind == SYNAPTOSOME:
        return float(groups.synaptosomes[g]) * max(float(groups.nodes[g, NODE_SYNAPTOSOMES]), 0.0) * (1.0 + max(p.synaptosome_injury, 0.0))
    warm = max(float(groups.nodes[g, NODE_TEMPERATURE]), 0.0)
    stress = 1.0 + max(p.stress_gain, 0.0)
    if kind == MICROVESICLE:
        return p.microvesicle_rate * max(float(groups.nodes[g, NODE_MICROVESICLES]), 0.0) * stress * warm
    outsourcing = 1.0 + max(p.lysosome_gain, 0.0) * max(1.0 - float(groups.nodes[g, NODE_LYSOSOME]), 0.0)
    if kind == MITOVESICLE:
        cd38 = float(groups.release[g]) * max(float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]), 0.0)
        return p.mitovesicle_rate * cd38 * outsourcing * warm
    if kind == EXOPHER:
        return p.exopher_rate * float(groups.exophers[g]) * max(float(groups.nodes[g, NODE_EXOPHERS]), 0.0) * stress * outsourcing * warm
    speed = abs(float(cells.ux[i])) + abs(float(cells.uy[i])) + abs(float(cells.uz[i]))
    return p.migrasome_rate * speed * max(float(groups.nodes[g, NODE_MIGRASOMES]), 0.0) * warm


@row
def shed_kind(i, kind, u, at, shed, cells, groups, wells, p, step):
    """Vesicles of a kind that cell ``i`` sheds in this step; those that reach for mitochondria are written from row ``at`` on.

    With ``at`` < 0 nothing is written but the count of the cell. Returns how many reach for mitochondria.
    """
    dt = step.dt / 3600.0
    if 1.0 - u > 1.000001 * dt * largest_rate(kind, i, cells, groups, p):  # then -log(u) is larger still: none, as in most steps
        return 0
    w = int(cells.well[i])
    rate = rate_of(kind, i, cells, groups, p)
    time = waiting_time(rate, u, dt)
    event = 0
    n = 0
    while time < dt and event < MOST:
        a, b, c, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_RELEASE, step.step, 16 + kind * MOST + event)
        if b < loading_of(kind, int(cells.n_mitochondria[i]), p):
            if at >= 0:
                shed.cell[at + n] = i
                shed.kind[at + n] = kind
                shed.time[at + n] = step.time + 3600.0 * time
                shed.event[at + n] = event
                shed.wanted[at + n] = 1 + int(c * p.exopher_most) if kind == EXOPHER else 1
                if kind == SYNAPTOSOME:
                    shed.wanted[at + n] = int(c * (p.synaptosome_most + 1.0))
            n += 1
        time += waiting_time(rate, a, dt)
        event += 1
    if at < 0:
        cells.vesicles[i, kind] += event
    return n


@row
def shed_all(i, at, shed, cells, groups, wells, p, step):
    """As :func:`shed_kind`, for all kinds but exosomes."""
    state = int(cells.state[i])
    w = int(cells.well[i])
    a, b, c, d = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_RELEASE, step.step, 0)
    living = state == CELL_LIVE or state == CELL_MOMP
    n = 0
    for kind in range(MICROVESICLE, N_VESICLES):
        if kind == SYNAPTOSOME and float(groups.synaptosomes[int(cells.group[i])]) <= 0.0:
            continue
        u = a
        if kind == MITOVESICLE:
            u = b
        elif kind == EXOPHER:
            u = c
        elif kind == MIGRASOME:
            u = d
        elif kind == SYNAPTOSOME:
            u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, SYNAPTOSOME_STREAM, step.step, 0)
        if state == CELL_APOPTOTIC if kind == APOPTOTIC_BODY else living:
            n += shed_kind(i, kind, u, at + n if at >= 0 else -1, shed, cells, groups, wells, p, step)
    return n


@row
def count_row(i, number, shed, cells, groups, wells, p, step):
    """Count the vesicles that cell ``i`` sheds; returns, and notes in ``number[i]``, how many of them reach for mitochondria."""
    n = shed_all(i, -1, shed, cells, groups, wells, p, step)
    number[i] = n
    state = int(cells.state[i])
    if step.step % EXOSOME_STEPS == 0 and (state == CELL_LIVE or state == CELL_MOMP):  # only counted: seldom is enough
        w = int(cells.well[i])
        u = uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, VESICLE_RELEASE, step.step, 1)
        cells.vesicles[i, EXOSOME] += poisson_from(rate_of(EXOSOME, i, cells, groups, p) * EXOSOME_STEPS * step.dt / 3600.0, u)
    return n


@row
def write_shed(j, rows, first, shed, cells, groups, wells, p, step):
    """Write the vesicles of the cell ``rows[j]`` that reach for mitochondria into ``shed``, from row ``first[j]`` on."""
    i = int(rows[j])
    w = int(cells.well[i])
    at = int(first[j])
    for k in range(at, at + shed_all(i, at, shed, cells, groups, wells, p, step)):
        shed.radius[k] = radius_of(int(shed.kind[k]), wells.key0[w], wells.key1[w], cells.id[i], step.step, int(shed.event[k]), p)


@row
def is_free_row(k, first, vesicles):
    """Whether row ``first + k`` of the vesicles is empty."""
    return 1 if int(vesicles.kind[first + k]) == NO_VESICLE else 0


def pages_of_pools(most: Any, wells: Any) -> Any:
    """Pages that the pools of ``wells`` need at each entry of a list, int64 [n], if ``most`` mitochondria come with it."""
    by = wells.argsort(kind="stable")
    most, wells, is_first = most[by], wells[by], np.ones(len(by), dtype=np.bool_)
    np.not_equal(wells[1:], wells[:-1], out=is_first[1:])
    before = most.cumsum() - most
    before -= before[is_first][is_first.cumsum() - 1]  # of the well so far
    pages = np.empty(len(by), dtype=np.int64)
    pages[by] = -(-(before + most) // PAGE) - -(-before // PAGE) + is_first
    return pages


def free_rows(world: Any, n: int) -> Any:
    """Rows for ``n`` more vesicles: those that are empty first; int64 [n]."""
    rows = first_rows(world.backend, is_free_row, n, world.n_vesicles, world.vesicles)
    if n:
        world.reserve_vesicles(int(rows[-1]) + 1)
    return rows


def allocate_shed(n: int) -> Shed:
    """Room for ``n`` vesicles."""
    i = np.int64
    return Shed(np.zeros(n, i), np.zeros(n, i), np.zeros(n), np.zeros(n, np.float32), np.zeros(n, i), np.zeros(n, i))


def _work(world: Any) -> tuple[Any, Shed]:
    """The numbers that rows write (int64 [cells]), and a list of one vesicle that is not written; the same in every step."""
    n = len(world.cells.id)
    return work_arrays(world, "vesicle_release", n, None, lambda: (world.backend.zeros(n, np.int64), allocate_shed(1)))


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Shed the vesicles of every cell over ``step.dt``."""
    backend, (number, nothing) = world.backend, _work(world)
    tables = (world.cells, world.groups, world.wells)
    rows = backend.select(count_row, world.n_cells, number, nothing, *tables, p, step)
    if not rows.size:
        return
    (counts,) = backend.read(rows, number)
    n = int(counts.sum())
    shed, chosen = roomy(
        world, "vesicle_release.shed", (n,), lambda kept: (len(kept[0].cell),), lambda most: (allocate_shed(most), room_for_choices(most))
    )  # fmt: skip
    backend.each(write_shed, rows.size, rows, np.cumsum(counts) - counts, shed, *tables, p, step)
    cell, kind, time, event, wanted = backend.read(slice(0, n), shed.cell, shed.kind, shed.time, shed.event, shed.wanted)
    ids, well = backend.read(cell, world.cells.id, world.cells.well)
    order = np.lexsort((event, kind, ids, well, time))
    most, well = np.where(kind == APOPTOTIC_BODY, VESICLE_SLOTS, wanted)[order], well[order]
    reached = int(most.sum())
    pages: Any = 1
    if can_share(world, well):
        pages = pages_of_pools(most, well)
        world.reserve_pages(int(pages.sum()))
    else:
        world.reserve_pages(reached // PAGE + 2 * min(n, world.n_wells))  # no pool begins more pages than that
    world.reserve_events(reached)
    free = free_rows(world, n)
    rows = np.empty_like(free)
    rows[order] = free
    held = (world.mitochondria, world.pages, *tables)
    backend.each(first_row, n, chosen, shed, *held, p, step)
    state = (world.vesicles, *held, world.events)
    by_well(world, load_vesicles, order, well, rows, chosen, shed, *state, p, step, pages=pages, events=most)
    (kinds,) = backend.read(free, world.vesicles.kind)
    filled = free[kinds != NO_VESICLE]
    if filled.size:
        world.n_vesicles = max(world.n_vesicles, int(filled[-1]) + 1)


PROCESS = Process(name="vesicle_release", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True)
