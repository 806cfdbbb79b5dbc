"""Contacts between cells, for the processes that act across them (gap junctions, fusion of cells, bridges).

Two cells touch where the gap between their outlines is at most ``contact_gap`` and nothing (the membrane of an insert)
parts them. The length of their contact is the chord that their outlines have in common when each is drawn half of that
gap wider. Events are proposed by thinning: a cell draws the times of candidate events at a rate that no arrangement of
neighbours can exceed; only when there is one does it look round, and the candidate falls to a neighbour with a chance in
proportion to the weight of that contact, or to none. So a process that does little costs little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.nodes import NODE_CELL_FUSION
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE
from mitoferry.processes.cell_events import in_order
from mitoferry.processes.nanotube_links import centre_distance
from mitoferry.processes.rest import alive
from mitoferry.space.geometry import can_touch
from mitoferry.space.neighbours import bin_line, bins_near, members, minimum_image

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec, Population

VLA_4, TISSUE_FACTOR = 0, 1  # what ``carried_by_touching`` asks for
MOST_CONTACTS = 24  # neighbours that a cell can touch, for the rate of candidates
MOST_TRIES = 256


@row
def contact_length(distance, radius_a, radius_b, reach):
    """Length [um] of the contact of two cells with centres ``distance`` [um] apart; 0 if they do not touch."""
    a = radius_a + 0.5 * reach
    b = radius_b + 0.5 * reach
    if distance >= a + b:
        return 0.0
    small = min(a, b)
    if distance * distance <= max(a * a - b * b, b * b - a * a) or distance <= 0.0:
        return 2.0 * small
    x = 0.5 * (distance * distance + a * a - b * b) / distance
    return 2.0 * math.sqrt(max(a * a - x * x, 0.0))


@row
def carried_by_touching(i, what, reach, cells, groups, wells, neighbours):
    """What the living cells that ``i`` touches (gap at most ``reach`` um) carry at their membranes, a number of their type, added up."""
    w = int(cells.well[i])
    geometry = int(wells.geometry[w])
    radius = float(cells.radius[i])
    y0, my, z0, mz, lines = bins_near(i, radius + float(neighbours.largest[w]) + reach, cells, wells, neighbours)
    met = 0.0
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    j = int(neighbours.member[m])
                    g = int(cells.group[j])
                    carried = float(groups.vla4[g])
                    if what == TISSUE_FACTOR:
                        carried = float(groups.tissue_factor[g])
                    if j == i or carried <= 0.0 or not alive(int(cells.state[j])):
                        continue
                    if not can_touch(geometry, int(cells.layer[i]), int(cells.layer[j])):
                        continue
                    if contact_length(centre_distance(i, j, cells, wells), radius, float(cells.radius[j]), reach) > 0.0:
                        met = met + carried
    return met


@row
def pick_contact(i, share, by_length, reach, strength, cells, wells, neighbours):
    """The neighbour of cell ``i`` at which the summed weight of its contacts passes ``share``; -1 if it never does.

    The weight of a contact with j is ``strength[j]``, times its length [um] if ``by_length`` is not 0. Neighbours are met
    bin by bin and in order of id.
    """
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    geometry = int(wells.geometry[w])
    if int(cells.bin[i]) < 0:
        return -1
    radius = float(cells.radius[i])
    widest = radius + float(neighbours.largest[w]) + reach
    y0, my, z0, mz, lines = bins_near(i, widest, cells, wells, neighbours)
    size_x = float(wells.size[w, 0])
    size_y = float(wells.size[w, 1])
    x = float(cells.x[i])
    y = float(cells.y[i])
    total = 0.0
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    j = int(neighbours.member[m])
                    weight = float(strength[j])
                    if j == i or weight <= 0.0 or not can_touch(geometry, int(cells.layer[i]), int(cells.layer[j])):
                        continue
                    dx = minimum_image(x - float(cells.x[j]), size_x, periodic)
                    dy = minimum_image(y - float(cells.y[j]), size_y, periodic)
                    wide = radius + float(cells.radius[j]) + reach
                    if dx * dx + dy * dy >= wide * wide:
                        continue
                    length = contact_length(centre_distance(i, j, cells, wells), radius, float(cells.radius[j]), reach)
                    if length <= 0.0:
                        continue
                    if by_length != 0:
                        weight = weight * length
                    total += weight
                    if total > share:
                        return j
    return -1


# ------------------------------------------------------------------ meetings: events at a hazard per contact-hour
@row
def fusogenic_drive(i, cells, groups, fold):
    """Readiness of the membrane of cell ``i`` to fuse, 1 at rest: node cell_fusion, hypoxia and inflammation."""
    stress = min(max(max(float(cells.hif[i]), float(cells.nfkb[i])), 0.0), 1.0)
    return float(groups.nodes[int(cells.group[i]), NODE_CELL_FUSION]) * (1.0 + (fold - 1.0) * stress)


@row
def meeting_rate(i, cells, groups, p):
    """Rate [1/h] of candidate meetings of cell ``i``: half the hazard of a contact, for as many contacts as it can have."""
    return 0.5 * p.rate * MOST_CONTACTS * fusogenic_drive(i, cells, groups, p.stress_fold)


@row
def meeting_row(i, cells, groups, wells, stream, p, step):
    """Whether the first candidate meeting of cell ``i`` falls into this step, 0 or 1."""
    if int(cells.state[i]) != CELL_LIVE:
        return 0
    rate = meeting_rate(i, cells, groups, p)
    if rate <= 0.0:
        return 0
    w = int(cells.well[i])
    u, _, _, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, stream, step.step, 0)
    if (1.0 - u) * 3600.0 >= rate * step.dt:  # then -log(u) is larger still
        return 0
    return 1 if exponential_from(u) * 3600.0 / rate < step.dt else 0


@row
def strength_row(i, strength, cells):
    """Weight of cell ``i`` as a partner into ``strength``: 1 if it is alive, else 0."""
    strength[i] = 1.0 if int(cells.state[i]) == CELL_LIVE else 0.0


@row
def meet_row(q, rows, partner, time, strength, cells, groups, wells, neighbours, stream, p, step):
    """The partner that the cell ``rows[q]`` first meets in the step, and when [s]; partner -1 if it meets none."""
    i = int(rows[q])
    partner[q] = -1
    w = int(cells.well[i])
    rate = meeting_rate(i, cells, groups, p)
    wait = 0.0
    for k in range(MOST_TRIES):
        u, v, _, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, stream, step.step, k)
        wait = wait + exponential_from(u) * 3600.0 / rate
        if wait >= step.dt:
            break
        j = pick_contact(i, v * MOST_CONTACTS, 0, p.contact_gap, strength, cells, wells, neighbours)
        if j >= 0:
            partner[q] = j
            time[q] = step.time + wait
            break


class Meeting(NamedTuple):
    """What a meeting depends on, whichever process asks: one type, so that it is compiled once.

    Attributes:
        rate: hazard of a contact between cells at rest [1/h].
        stress_fold: times that under stress.
        contact_gap: widest gap between cells that touch [um].
    """

    rate: float
    stress_fold: float
    contact_gap: float


def meetings(world: Any, stream: int, p: Any, step: Any) -> tuple[Any, Any, Any]:
    """Meetings of living cells that touch, in the order (time, well, id of the cell that began it).

    Every contact has the hazard ``p.rate`` [1/h] times the mean of the two cells' :func:`fusogenic_drive`.

    Args:
        world: the state.
        stream: random stream of the process.
        p: parameters with the fields ``rate``, ``stress_fold``, ``contact_gap``.
        step: the clock.

    Returns:
        (rows of the cells that began them, rows of their partners, times [s]).
    """
    backend, law, tables = world.backend, Meeting(p.rate, p.stress_fold, p.contact_gap), (world.cells, world.groups, world.wells)
    rows = backend.select(meeting_row, world.n_cells, *tables, stream, law, step)
    partner, time = backend.zeros(rows.size, np.int64), backend.zeros(rows.size)
    if rows.size:
        strength = backend.zeros(world.n_cells)
        backend.each(strength_row, world.n_cells, strength, world.cells)
        backend.each(meet_row, int(rows.size), rows, partner, time, strength, *tables, world.space.neighbours, stream, law, step)
        backend.pull(partner, time)
        met = partner >= 0
        rows, partner, time = rows[met], partner[met], time[met]
        order = in_order(world, rows, time)
        rows, partner, time = rows[order], partner[order], time[order]
    return rows, partner, time


def some_can_touch(spec: PlateSpec, having: Callable[[Population], bool]) -> bool:
    """Whether in some arm two cells for which ``having`` holds can come to touch."""
    for arm in spec.arms:
        number: dict[int, int] = {}
        for q in arm.populations:
            if q.count > 0 and having(q):
                layer = q.layer if arm.geometry.kind == "insert" else 0
                number[layer] = number.get(layer, 0) + q.count + (1 if q.cell_type.cycle_time > 0 else 0)
        if any(n > 1 for n in number.values()):
            return True
    return False
