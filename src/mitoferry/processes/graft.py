"""Stem-cell grafts: cells put into a block, or given into a vein, from where some home; most of them are lost within days.

Mechanism, per cell of the graft, which waits outside until the graft is given:

* *local*: it enters the block at that time, about the site if one is given;
* *intravenous*: it leaves the circulation at the rate ln2/half-life, at an exact time. It homes to the tissue with the chance

      share x node homing (CXCR4) x (1 + gain x mean HIF of the living recipients)          at most 1,

  SDF-1 being made under HIF; else it is caught in lung, liver or spleen;
* in the tissue it stays for good with the chance ``engraftment``; if not, flow and anoikis take it away at the rate ln2/half-life.
  Daughters of a cell that divides draw anew.

A cell that is lost is washed away with its mitochondria: its row is empty then, its tubes break. It leaves no corpse.

Scale: ``dose`` counts the cells given to the organ. Expected in the block are dose x volume of the block / volume of the organ; rows are
seeded for more than that, and each stands for a cell with the chance that makes the mean right (binomial, near Poisson). Rows
that stand for none wait for ever.

Assumptions: positions without a site are uniform over the block; cells that circulate neither age nor die otherwise; SDF-1 acts at
once. Step error: none in entries and losses but that of the frozen chance of homing. Ledger: what is in a lost cell is booked as
lysed, with an event ``washed_away`` each.
Verification: ``tests/verification/test_graft.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.nodes import NODE_HOMING
from mitoferry.core.process import Process
from mitoferry.core.random import normal_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, CELL_WAITING
from mitoferry.core.streams import GRAFT
from mitoferry.processes.free_mitochondria import LN2, waiting_time
from mitoferry.processes.leaving import wash_cell
from mitoferry.processes.nanotube_links import state_array, work_arrays
from mitoferry.processes.well_sums import Weights, add_up, allocate_weights
from mitoferry.space.geometry import BLOCK, place

NO_GRAFT, LOCAL, INTRAVENOUS = 0, 1, 2
UNDECIDED, LOOSE, ATTACHED = 0, 1, 2
NOTHING, ENTERS, LOST = 0, 1, 2
FATE, PLACE = 1, 2  # draws of the stream GRAFT; those of a step are 0
ANYWHERE = 1e9  # um: a spread beyond which cells enter wherever they have been seeded
HIF, NUMBER = 0, 1  # arms of the weights of living recipients


class Parameters(NamedTuple):
    """Library: ``graft.*``."""

    circulation_half_life: float  # h
    homing_share: float
    sdf1_gain: float
    engraftment: float
    loss_half_life: float  # h


class Course(NamedTuple):
    """One step: of groups route, start [s], chance of being there, chance of homing; of cells fate so far, outcome, time [s]."""

    route: Any
    start: Any
    present: Any
    homing: Any
    status: Any
    outcome: Any
    due: Any


@row
def homing_chance(node, hif, p):
    """Chance that a cell that leaves the circulation homes to the tissue; ``node``: CXCR4, ``hif``: mean HIF of the recipients."""
    return min(1.0, p.homing_share * max(node, 0.0) * (1.0 + p.sdf1_gain * hif))


@row
def time_left(half_life, u, dt):
    """Time [h] until a cell leaves the circulation or the tissue, from one uniform; NEVER where that is beyond ``dt`` [h]."""
    return waiting_time(LN2 / half_life, u, dt)


@row
def hif_row(i, weights, cells, groups):
    """HIF of cell ``i``, if it is a living recipient."""
    counts = int(cells.state[i]) == CELL_LIVE and int(groups.donor[int(cells.group[i])]) == 0
    weights.of[i, HIF] = float(cells.hif[i]) if counts else 0.0
    weights.of[i, NUMBER] = 1.0 if counts else 0.0


@row
def graft_row(i, course, cells, wells, p, step):
    """What becomes of cell ``i`` of a graft in this step, and when; returns the outcome."""
    course.outcome[i] = NOTHING
    g = int(cells.group[i])
    route = int(course.route[g])
    if route == NO_GRAFT or float(course.start[g]) > step.time:
        return NOTHING
    w = int(cells.well[i])
    dt = step.dt / 3600.0
    u, v, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, GRAFT, step.step, 0)
    there, home, stay, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, GRAFT, 0, FATE)
    state = int(cells.state[i])
    if state == CELL_WAITING:
        if there >= float(course.present[g]):
            return NOTHING
        if route == LOCAL:
            course.outcome[i] = ENTERS
            course.due[i] = step.time
            return ENTERS
        time = time_left(p.circulation_half_life, u, dt)
        if time < dt:
            course.outcome[i] = ENTERS if home < float(course.homing[g]) else LOST
            course.due[i] = step.time + 3600.0 * time
    elif state == CELL_LIVE or state == CELL_MOMP:
        if int(course.status[i]) == UNDECIDED:
            course.status[i] = ATTACHED if stay < p.engraftment else LOOSE
        if int(course.status[i]) == LOOSE:
            time = time_left(p.loss_half_life, v, dt)
            if time < dt:
                course.outcome[i] = LOST
                course.due[i] = step.time + 3600.0 * time
    return int(course.outcome[i])


@row
def enter(i, time, x, y, z, spread, cells, wells):
    """Let cell ``i`` into its well at ``time`` [s], about a site unless ``spread`` is ANYWHERE."""
    w = int(cells.well[i])
    cells.state[i] = CELL_LIVE
    cells.added[i] = int(time)
    if spread >= ANYWHERE:
        return
    periodic = int(wells.periodic[w])
    a, b, c, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, GRAFT, 0, PLACE)
    cells.x[i] = place(x + spread * normal_from(a), float(wells.size[w, 0]), periodic)
    cells.y[i] = place(y + spread * normal_from(b), float(wells.size[w, 1]), periodic)
    if int(wells.geometry[w]) == BLOCK:
        cells.z[i] = place(z + spread * normal_from(c), float(wells.size[w, 2]), periodic)


@row
def carry_out(rows, sites, course, mitochondria, pages, cells, wells, events):
    """Let the cells ``rows`` in, each about its site (x, y, z, spread), or wash them away, in this order (serial)."""
    for j in range(len(rows)):
        i = int(rows[j])
        time = float(course.due[i])
        if int(course.outcome[i]) == ENTERS:
            enter(i, time, float(sites[j, 0]), float(sites[j, 1]), float(sites[j, 2]), float(sites[j, 3]), cells, wells)
        else:
            wash_cell(i, time, mitochondria, pages, cells, events)


def _stress(world: Any, weights: Weights) -> Any:
    """Mean HIF of the living recipients of each well; float64 [n_wells], 0 where there are none."""
    world.backend.each(hif_row, world.n_cells, weights, world.cells, world.groups)
    add_up(world, weights, 1)
    (total,) = world.backend.read(slice(0, world.n_wells), weights.total)
    return total[:, HIF] / np.maximum(total[:, NUMBER], 1.0)


def course_of(world: Any, p: Parameters) -> Course:
    """What this step needs to know of groups and cells."""
    spec, backend, n_groups, n = world.spec, world.backend, len(world.groups.well), len(world.cells.id)
    route, start, present, homing = np.zeros(n_groups, np.uint8), np.zeros(n_groups), np.zeros(n_groups), np.zeros(n_groups)
    weights, outcome, due = work_arrays(
        world, "graft", n, None,
        lambda: (allocate_weights(backend, n, world.n_wells, 1, 2), backend.zeros(n, np.uint8), backend.zeros(n)),
    )  # fmt: skip
    stress, (nodes,) = _stress(world, weights), backend.read(slice(0, n_groups), world.groups.nodes)
    for w in range(world.n_wells):
        arm = spec.arms[w // spec.replicates]
        for given in arm.grafts:
            slot = next(k for k, population in enumerate(arm.populations) if population.index == given.population)
            g = w * world.n_populations + slot
            route[g], start[g], present[g] = LOCAL if given.route == "local" else INTRAVENOUS, given.start, given.present
            homing[g] = homing_chance(float(nodes[g, NODE_HOMING]), float(stress[w]), p)
    return Course(route, start, present, homing, state_array(world, "graft", n, np.uint8, 0), outcome, due)


def _site(world: Any, well: int, population: int) -> tuple[float, float, float, float]:
    """Site and spread [um] of the graft that the cells of a population in a well belong to."""
    arm = world.spec.arms[well // world.spec.replicates]
    given = next(given for given in arm.grafts if given.population == population)
    return (*given.site, min(given.spread, ANYWHERE))


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Let cells in and wash cells away; idle before the first graft is given."""
    if not any(given.start <= step.time for arm in world.spec.arms for given in arm.grafts):
        return
    backend, cells = world.backend, world.cells
    course = course_of(world, p)
    rows = backend.select(graft_row, world.n_cells, course, cells, world.wells, p, step)
    if not rows.size:
        return
    ids, well, due = backend.read(rows, cells.id, cells.well, course.due)
    rows = rows[np.lexsort((ids, well, due))]
    well, population, held, outcome = backend.read(rows, cells.well, cells.population, cells.n_mitochondria, course.outcome)
    sites = np.array([_site(world, int(w), int(q)) for w, q in zip(well, population, strict=True)])
    world.reserve_events(int(held[outcome == LOST].sum()))
    backend.serial(carry_out, rows, sites, course, world.mitochondria, world.pages, cells, world.wells, world.events)


def wanted(spec: Any) -> bool:
    """Whether cells are grafted in any arm."""
    return any(arm.grafts for arm in spec.every_arm)


PROCESS = Process(
    name="graft", stage="motion", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
