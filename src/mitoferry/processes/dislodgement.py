"""Nanotubes by dislodgement: two cells that part after a contact may stay joined by a tether.

Mechanism: a contact begins when the gap between two membranes falls below a small reach and ends when it grows beyond
the release gap. If it lasted longer than t_c, a thin tube remains with the probability p_d * adhesion_a * adhesion_b * C_ab
(``compatibility``, less connexin); its length is the gap, and the faster cell counts as its initiator.

The memory of contacts is a table of this process (``world.extra``): of each pair the cell with the smaller id keeps
the other's row and the time when the contact began, for at most ``N_CONTACTS`` partners; further ones are not watched.

Assumptions: cells move once per step, so a contact begins and ends at the start of a step. Step error: contact times
are known to one macro-step. Verified by tests/verification/test_nanotube_clocks.py.
Source: Sowinski 2008 Nat Cell Biol (T cells, contact of 4-5 min, then parting; from memory).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.nodes import NODE_ADHESION
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP
from mitoferry.core.streams import DISLODGEMENT
from mitoferry.processes.compatibility import compatibility
from mitoferry.processes.nanotube_links import BY_DISLODGEMENT, gap_between, make_links, proposals_of, state_array
from mitoferry.space.geometry import can_touch
from mitoferry.space.neighbours import bin_line, bins_near, members, minimum_image

N_CONTACTS = 12
NEARLY = 1e-3  # um, by which a look at x and y alone is too generous


class Parameters(NamedTuple):
    """Parameters of dislodgement (see the library for units and sources)."""

    contact_gap: float
    release_gap: float
    contact_time: float
    tether_probability: float
    shortest: float


class Contacts(NamedTuple):
    """Contacts of each cell with cells of a larger id.

    Attributes:
        partner: int32 [cells, N_CONTACTS], row of the other cell, -1 = free.
        since: float32 [cells, N_CONTACTS], when the contact began [s]; whole seconds, exact for half a year.
    """

    partner: Any
    since: Any


@row
def living(cells, i):
    """Whether cell ``i`` is alive."""
    return int(cells.state[i]) == CELL_LIVE or int(cells.state[i]) == CELL_MOMP


@row
def tether_chance(i, j, cells, groups, p):
    """Probability that a tether stays between two parting cells."""
    gi = int(cells.group[i])
    gj = int(cells.group[j])
    a = float(groups.adhesion[gi]) * float(groups.nodes[gi, NODE_ADHESION])
    b = float(groups.adhesion[gj]) * float(groups.nodes[gj, NODE_ADHESION])
    return min(max(p.tether_probability * a * b * compatibility(gi, gj, groups), 0.0), 1.0)


@row
def speed_squared(cells, i):
    """Square of a cell's own speed [um^2/h^2]."""
    ux = float(cells.ux[i])
    uy = float(cells.uy[i])
    uz = float(cells.uz[i])
    return ux * ux + uy * uy + uz * uz


@row
def part(i, j, gap, cells, groups, wells, proposals, p, step):
    """The contact of cells ``i`` and ``j`` has ended: propose a tether, or not."""
    w = int(cells.well[i])
    u = uniform(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), int(cells.id[j]), DISLODGEMENT, step.step, 0)
    if u >= tether_chance(i, j, cells, groups, p):
        return
    slot = i * N_CONTACTS + int(proposals.count[i])
    proposals.count[i] += 1
    source = i
    target = j
    if speed_squared(cells, j) > speed_squared(cells, i):
        source = j
        target = i
    proposals.time[slot] = step.time
    proposals.ready[slot] = step.time
    proposals.source[slot] = source
    proposals.target[slot] = target
    proposals.length[slot] = gap


@row
def end_contacts(i, cells, groups, wells, proposals, contacts, p, step):
    """Forget the contacts of cell ``i`` that are over."""
    proposals.count[i] = 0
    for k in range(N_CONTACTS):
        j = int(contacts.partner[i, k])
        if j < 0:
            continue
        if not living(cells, i) or not living(cells, j):
            contacts.partner[i, k] = -1
            continue
        gap = gap_between(i, j, cells, wells)
        if gap > p.release_gap:
            contacts.partner[i, k] = -1
            if step.time - float(contacts.since[i, k]) > p.contact_time * 3600.0:
                part(i, j, gap, cells, groups, wells, proposals, p, step)


@row
def knows(i, j, contacts):
    """Whether a contact with cell ``j`` is noted at cell ``i``."""
    n = 0
    for k in range(N_CONTACTS):
        n += 1 if int(contacts.partner[i, k]) == j else 0
    return n > 0


@row
def remember(i, j, contacts, step):
    """Write a new contact into the first free slot, if there is one."""
    for k in range(N_CONTACTS):
        if int(contacts.partner[i, k]) < 0:
            contacts.partner[i, k] = j
            contacts.since[i, k] = step.time
            return


@row
def begin_contacts(i, cells, wells, neighbours, contacts, p, step):
    """Note the new contacts of cell ``i`` with cells of a larger id."""
    if not living(cells, i):
        return
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    geometry = int(wells.geometry[w])
    own = float(cells.radius[i]) + p.contact_gap + NEARLY
    y0, my, z0, mz, lines = bins_near(i, own + float(neighbours.largest[w]), cells, wells, neighbours)
    size_x = float(wells.size[w, 0])
    size_y = float(wells.size[w, 1])
    x = float(cells.x[i])
    y = float(cells.y[i])
    own_id = int(cells.id[i])
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    dx = minimum_image(x - float(neighbours.x[m]), size_x, periodic)
                    dy = minimum_image(y - float(neighbours.y[m]), size_y, periodic)
                    reach = own + float(neighbours.radius[m])
                    if dx * dx + dy * dy <= reach * reach:
                        j = int(neighbours.member[m])
                        meets = int(cells.id[j]) > own_id and living(cells, j)
                        meets = meets and can_touch(geometry, int(cells.layer[i]), int(cells.layer[j]))
                        if meets and not knows(i, j, contacts) and gap_between(i, j, cells, wells) <= p.contact_gap:
                            remember(i, j, contacts, step)


@row
def contacts_row(i, cells, groups, wells, neighbours, proposals, contacts, p, step):
    """Contacts of cell ``i`` that are over, and those that begin: no other cell looks at them. Returns how many tethers are proposed."""
    end_contacts(i, cells, groups, wells, proposals, contacts, p, step)
    begin_contacts(i, cells, wells, neighbours, contacts, p, step)
    return int(proposals.count[i])


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Update the contacts of all cells and tether those that part."""
    n, rows = world.n_cells, len(world.cells.id)
    contacts = Contacts(
        state_array(world, "dislodgement.partner", rows, np.int32, -1, width=N_CONTACTS),
        state_array(world, "dislodgement.since", rows, np.float32, 0.0, width=N_CONTACTS),
    )
    proposals = proposals_of(world, N_CONTACTS)
    tables = (world.cells, world.groups, world.wells, world.space.neighbours)
    owners = world.backend.select(contacts_row, n, *tables, proposals, contacts, p, step)
    make_links(world, proposals, N_CONTACTS, owners, formation=BY_DISLODGEMENT, shortest=p.shortest)


PROCESS = Process(name="dislodgement", stage="links", clock="macro", parameters=Parameters, advance=advance)
