"""Life of a nanotube: it opens, thickens with microtubules, stretches and is lost.

Mechanism, as competing exponential clocks of each tube at the rates frozen at the start of the step:

* growing -> closed when the filopodium reaches its target (time known since the search);
* closed -> capped by gap junctions at CX43_a CX43_b / t_open;
* -> open: a share p_o of all tubes can fuse with their target (drawn once per tube); these open at 1/t_open from
  the capped and at a share of that from the closed state;
* thin -> thick by microtubules at k_MT * mean of microtubule invasion at both ends; faster if the initiator has
  released cytochrome c but is not executed yet, slower if it makes tubes by raised TNFAIP2 (these lack microtubules);
* loss at actin_break / lifetime(class) + k_s (strain - strain_0)_+ + k_d if an end is executing apoptosis; at once if
  an end is gone or has lost its membrane, or the tube is longer than the longest. Membrane and actin flow into a tube
  that is drawn out: its length at rest follows its length, d L0/dt = (L - L0)/tau_f, so that strain L/L0 - 1 counts how
  fast the ends part and not how far they have parted since the tube was born.

What is written here are columns of links and the times ``carries_from`` and ``lost_at`` of the step; the tubes are
taken down, with what is inside, by ``nanotube_transport`` in the order of time.

Assumptions: rates frozen over a step (memoryless clocks drawn anew each step: exact for constant rates); thickness
and opening do not depend on each other; a thick tube stays thick.
Verified by F13 (steady number of links per pair) and F14 (tests/verification/test_nanotube_clocks.py).
Sources: thick and thin tubes, Onfelt 2006 J Immunol; microtubules of initiators that have lost cytochrome c, Wang and
Gerdes 2015 Cell Death Differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.maths import power, relax
from mitoferry.core.nodes import NODE_ACTIN_BREAK, NODE_MICROTUBULE_INVASION, NODE_OPENING
from mitoferry.core.process import Process
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_MOMP,
    KIND_NANOTUBE,
    LINK_CAPPED,
    LINK_CLOSED,
    LINK_EMPTY,
    LINK_GROWING,
    LINK_OPEN,
)
from mitoferry.core.streams import NANOTUBE_CLOCKS
from mitoferry.processes.connexin43 import connexin
from mitoferry.processes.nanotube_links import NEVER, gap_between, state_array

PER_TUBE = 65535  # draw number of what is drawn once per tube
MAX_EVENTS = 16


class Parameters(NamedTuple):
    """Parameters of the clocks (see the library for units and sources)."""

    opening_time: float
    open_share: float
    undocked_opening: float
    thickening_rate: float
    cytochrome_c_thickening: float
    tnfaip2_thinness: float
    thin_lifetime: float
    thick_lifetime: float
    strain_rate: float
    strain_threshold: float
    flow_time: float
    dying_end_rate: float
    longest: float
    shortest: float
    thin_smallest: float
    thin_largest: float
    thick_smallest: float
    thick_largest: float
    cytochrome_c_width: float
    polarity_smallest: float
    polarity_largest: float


class Course(NamedTuple):
    """What happens to each link within the step.

    Attributes:
        carries_from: float64 [links], from when [s] it is open and thick, NEVER if it is not in this step.
        lost_at: float64 [links], when [s] it is lost, NEVER if it is not in this step.
    """

    carries_from: Any
    lost_at: Any


@row
def holds(state):
    """Whether a cell in this state has a membrane that can hold a tube."""
    return state == CELL_LIVE or state == CELL_MOMP or state == CELL_APOPTOTIC


@row
def mean_node(links, cells, groups, i, node):
    """Mean of a node over the two ends of link ``i``."""
    ga = int(cells.group[int(links.a[i])])
    gb = int(cells.group[int(links.b[i])])
    return 0.5 * (float(groups.nodes[ga, node]) + float(groups.nodes[gb, node]))


@row
def can_open(u, links, cells, groups, i, p):
    """Whether the membranes of tube ``i`` can fuse: ``u`` is drawn once per tube."""
    return u < p.open_share * mean_node(links, cells, groups, i, NODE_OPENING)


@row
def rate_of_docking(links, cells, groups, i, p):
    """Rate [1/h] at which gap junctions cap a closed tube."""
    return connexin(int(links.a[i]), cells, groups) * connexin(int(links.b[i]), cells, groups) / p.opening_time


@row
def rate_of_thickening(links, cells, groups, i, p):
    """Rate [1/h] at which microtubules enter a thin tube."""
    rate = p.thickening_rate * mean_node(links, cells, groups, i, NODE_MICROTUBULE_INVASION)
    rate = rate * power(max(float(cells.tnfaip2[int(links.a[i])]), 1.0), -p.tnfaip2_thinness)
    if int(cells.state[int(links.a[i])]) == CELL_MOMP:
        rate = rate * p.cytochrome_c_thickening
    return rate


@row
def rate_of_loss(links, cells, groups, i, thick, p):
    """Rate [1/h] at which tube ``i`` is lost."""
    lifetime = p.thin_lifetime
    if thick != 0:
        lifetime = p.thick_lifetime
    rate = mean_node(links, cells, groups, i, NODE_ACTIN_BREAK) / lifetime
    strain = float(links.length[i]) / float(links.rest_length[i]) - 1.0
    if strain > p.strain_threshold:
        rate = rate + p.strain_rate * (strain - p.strain_threshold)
    if int(cells.state[int(links.a[i])]) == CELL_APOPTOTIC:
        rate = rate + p.dying_end_rate
    if int(cells.state[int(links.b[i])]) == CELL_APOPTOTIC:
        rate = rate + p.dying_end_rate
    return rate


@row
def thicken(links, cells, i, p, u, v):
    """Tube ``i`` takes in microtubules: diameter and polarity, from two uniforms."""
    links.thick[i] = 1
    width = p.thick_smallest + (p.thick_largest - p.thick_smallest) * u
    if int(cells.state[int(links.a[i])]) == CELL_MOMP:
        width = width * p.cytochrome_c_width
    links.diameter[i] = width
    links.polarity[i] = p.polarity_smallest + (p.polarity_largest - p.polarity_smallest) * v


@row
def clocks_row(i, links, cells, groups, wells, course, p, step):
    """The events of link ``i`` in the step."""
    course.carries_from[i] = NEVER
    course.lost_at[i] = NEVER
    state = int(links.state[i])
    if state == LINK_EMPTY:
        return
    if int(links.kind[i]) != KIND_NANOTUBE:
        if state == LINK_OPEN and int(links.thick[i]) != 0:
            course.carries_from[i] = step.time
        return
    a = int(links.a[i])
    b = int(links.b[i])
    w = int(links.well[i])
    key0 = int(wells.key0[w])
    key1 = int(wells.key1[w])
    first = int(links.id_a[i])
    name = int(links.id[i])
    fusing = 1.0
    width = 0.0
    if state != LINK_OPEN or float(links.diameter[i]) == 0.0:  # an open tube has had its draws
        fusing, width, _, _ = uniform4(key0, key1, first, name, NANOTUBE_CLOCKS, 0, PER_TUBE)
    if float(links.diameter[i]) == 0.0:
        links.diameter[i] = p.thin_smallest + (p.thin_largest - p.thin_smallest) * width
    links.length[i] = max(gap_between(a, b, cells, wells), p.shortest)
    links.rest_length[i] = relax(float(links.rest_length[i]), float(links.length[i]), step.dt / 3600.0, p.flow_time)
    time = max(step.time, float(links.born[i]))
    end = step.time + step.dt
    gone = not holds(int(cells.state[a])) or not holds(int(cells.state[b]))
    if gone or float(links.length[i]) > p.longest:
        course.lost_at[i] = time
        if state == LINK_OPEN and int(links.thick[i]) != 0:
            course.carries_from[i] = time
        return
    if state == LINK_GROWING:
        if float(links.ready[i]) >= end:
            return
        time = max(time, float(links.ready[i]))
        state = LINK_CLOSED
    fuses = state != LINK_OPEN and can_open(fusing, links, cells, groups, i, p)
    docking = rate_of_docking(links, cells, groups, i, p) if state == LINK_CLOSED else 0.0
    thickening = rate_of_thickening(links, cells, groups, i, p) if int(links.thick[i]) == 0 else 0.0
    for k in range(MAX_EVENTS):
        thick = int(links.thick[i])
        if state == LINK_OPEN and thick != 0 and course.carries_from[i] >= NEVER:
            course.carries_from[i] = time
        opening = 0.0
        if fuses and state != LINK_OPEN:
            opening = 1.0 / p.opening_time
            if state == LINK_CLOSED:
                opening = opening * p.undocked_opening
        dock = docking if state == LINK_CLOSED else 0.0
        widen = thickening if thick == 0 else 0.0
        loss = rate_of_loss(links, cells, groups, i, thick, p)
        total = opening + dock + widen + loss
        u, which, s, v = uniform4(key0, key1, first, name, NANOTUBE_CLOCKS, step.step, k)
        if total <= 0.0 or (1.0 - u) * 3600.0 >= 1.000001 * total * (end - time):  # then -log(u) is larger still
            break
        time = time + exponential_from(u) * 3600.0 / total
        if time >= end:
            break
        which = which * total
        if which < loss:
            course.lost_at[i] = time
            break
        if which < loss + opening:
            state = LINK_OPEN
        elif which < loss + opening + dock:
            state = LINK_CAPPED
        else:
            thicken(links, cells, i, p, s, v)
    links.state[i] = state


def course_of(world: Any) -> Course:
    """The times of this step, one row per row of the links table."""
    n = len(world.links.id)
    return Course(
        state_array(world, "nanotube_clocks.carries_from", n, np.float64, NEVER),
        state_array(world, "nanotube_clocks.lost_at", n, np.float64, NEVER),
    )


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Run the clocks of all links for one step."""
    world.backend.each(clocks_row, world.n_links, world.links, world.cells, world.groups, world.wells, course_of(world), p, step)


PROCESS = Process(name="nanotube_clocks", stage="links", clock="macro", parameters=Parameters, advance=advance)
