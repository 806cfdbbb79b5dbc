"""Gap junctions: plaques between touching cells are swallowed, now and then with a mitochondrion of the other cell.

Mechanism: two living cells that touch over the length l [um] share plaques of connexin 43,

    N = n_l l CX43_a CX43_b,    CX43 = type x node cx43 (as it docks: ``connexin43``) x Akt (PI3K opens the way; 1 at rest).

Either cell internalises a plaque as an annular vesicle of two membranes, its own and a piece of the other cell, at

    k_int/2 x nodes plaque_internalisation, endocytosis, temperature of the cell that swallows.

With the chance p (density of mitochondria of the other cell / that of a stromal cell) the vesicle holds one mitochondrion
of the other cell. Any that is free in the cytosol may be the one, by equal chances keyed by its identity; one that does
not fit (diameter + room for the membranes above the largest vesicle) stays and the vesicle is empty. The mitochondrion
arrives in the place DOUBLE_MEMBRANE by the route gap junction; ``arrival`` lets it escape or degrades it. Vesicles
without one are counted, too (``world.extra["gap_junction.vesicles"]``: per cell, without and with).

Nobody is named donor: direction can only come from the numbers and densities of mitochondria and from the nodes.

Assumptions: the number of plaques follows contact and connexin at once, and is not used up (a plaque is remade within
the hours that connexin lives); apoptotic cells take no part; a mitochondrion
carried off leaves at once. Ca2+ and small molecules: ``gap_junction_coupling``. Not in: hemichannels. The contacts
of a cell count up to twice its outline. Rates are frozen over a macro-step, times within it are exact.
Step error: contacts and rates are those at the end of motion; no more than 8 mitochondria per cell and step.
Verification: ``tests/verification/test_gap_junction.py`` (F9).
Sources: annular junctions that hold mitochondria, Norris 2021 Traffic; life of connexin 43, Laird 2006; connexin 43 in the
transfer to the alveolus, Islam 2012 Nat Med (all from memory).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.handover import arrive
from mitoferry.core.maths import power
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_PLAQUE_INTERNALISATION, NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import exponential_from, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    DOUBLE_MEMBRANE,
    MASS_SCALE,
    ROUTE_GAP_JUNCTION,
)
from mitoferry.core.streams import GAP_JUNCTION
from mitoferry.processes.connexin43 import docking
from mitoferry.processes.contacts import MOST_TRIES, pick_contact, some_can_touch
from mitoferry.processes.dislodgement import living
from mitoferry.processes.keyed_choice import FREE, FREE_MASK, choice_holds, note_choice, room_for_choices, smallest_draw
from mitoferry.processes.nanotube_links import proposals_of, slots_of, state_array, work_arrays
from mitoferry.processes.organelle import gate_potential

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

N_SLOTS = 8
CHOICE = 32768  # draws from here on are those of mitochondria
OUTLINE = 12.566370614359172  # twice 2 pi


class Parameters(NamedTuple):
    """Library: ``gap_junction.*``. Lengths um, rates 1/h."""

    contact_gap: float
    plaques_per_length: float  # 1/um
    internalisation_rate: float
    mitochondrion_chance: float
    reference_density: float  # 1/pL
    largest_vesicle: float
    membrane_room: float
    diameter: float


class Connexin(NamedTuple):
    """Connexin 43 in force: ``strength`` float64 [cells], 0 in cells that take no part; ``largest`` float64 [wells]."""

    strength: Any
    largest: Any


class Vesicles(NamedTuple):
    """Vesicles that hold a mitochondrion in this step; ``N_SLOTS`` per cell that swallows.

    Attributes:
        count: int32 [cells], slots of the cell in use.
        time: float64 [slots], s.
        source: int32 [slots], row of the other cell.
        draw: int32 [slots], number of the event in the cell's step.
        made: int64 [cells, 2], vesicles swallowed so far: without a mitochondrion, with one.
    """

    count: Any
    time: Any
    source: Any
    draw: Any
    made: Any


@row
def strength_row(i, cells, groups, strength):
    """Connexin 43 of cell ``i`` in force."""
    strength[i] = 0.0
    if living(cells, i):
        strength[i] = max(docking(i, cells, groups) * float(cells.akt[i]), 0.0)


@row
def strength_of(i, strength):
    """Connexin 43 of cell ``i``."""
    return float(strength[i])


@row
def swallowing_rate(i, cells, groups, p):
    """Rate [1/h] at which cell ``i`` internalises one plaque."""
    g = int(cells.group[i])
    nodes = float(groups.nodes[g, NODE_PLAQUE_INTERNALISATION]) * float(groups.nodes[g, NODE_ENDOCYTOSIS])
    return 0.5 * p.internalisation_rate * nodes * float(groups.nodes[g, NODE_TEMPERATURE])


@row
def holding_chance(j, cells, p):
    """Chance that a vesicle with membrane of cell ``j`` holds one of its mitochondria."""
    density = int(cells.n_mitochondria[j]) / max(float(cells.volume[j]), 1e-6)
    return min(p.mitochondrion_chance * density / p.reference_density, 1.0)


@row
def vesicle_row(i, cells, groups, wells, neighbours, connexin, vesicles, p, step):
    """The vesicles that cell ``i`` makes of its plaques in the step; returns how many hold a mitochondrion."""
    vesicles.count[i] = 0
    own = float(connexin.strength[i])
    if own <= 0.0:
        return 0
    w = int(cells.well[i])
    bound = OUTLINE * (float(cells.radius[i]) + 0.5 * p.contact_gap) * float(connexin.largest[w])  # contacts weigh no more
    rate = swallowing_rate(i, cells, groups, p) * p.plaques_per_length * own * bound
    if rate <= 0.0:
        return 0
    wait = 0.0
    n = 0
    for k in range(MOST_TRIES):
        u, v, x, _ = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(cells.id[i]), 0, GAP_JUNCTION, step.step, k)
        if (1.0 - u) * 3600.0 >= rate * (step.dt - wait):  # then -log(u) is larger still
            break
        wait = wait + exponential_from(u) * 3600.0 / rate
        if wait >= step.dt:
            break
        j = pick_contact(i, v * bound, 1, p.contact_gap, connexin.strength, cells, wells, neighbours)
        if j >= 0:
            if x < holding_chance(j, cells, p):
                slot = i * N_SLOTS + n
                vesicles.time[slot] = step.time + wait
                vesicles.source[slot] = j
                vesicles.draw[slot] = k
                n += 1
                if n == N_SLOTS:
                    break
            else:
                vesicles.made[i, 0] += 1
    vesicles.count[i] = n
    return n


@row
def content(i, s, vesicles, mitochondria, pages, cells, wells, step):
    """Slot of the mitochondrion that lies before the plaque that cell ``i`` swallows as vesicle ``s``; -1 if the neighbour has none."""
    w = int(cells.well[i])
    draw = CHOICE + ((int(cells.id[i]) * 64 + int(vesicles.draw[s])) & (CHOICE - 1))
    slot, _ = smallest_draw(
        int(vesicles.source[s]), -1.0, FREE_MASK, FREE, mitochondria, pages, cells, int(wells.key0[w]), int(wells.key1[w]),
        GAP_JUNCTION, step.step, draw,
    )  # fmt: skip
    return slot


@row
def content_row(q, rows, slots, vesicles, chosen, mitochondria, pages, cells, wells, step):
    """Choose beforehand what internalisation ``q`` will take."""
    s = int(slots[q])
    note_choice(q, content(int(rows[q]), s, vesicles, mitochondria, pages, cells, wells, step), int(vesicles.source[s]), chosen, cells)


@row
def swallow(lane, ends, order, rows, slots, chosen, vesicles, mitochondria, pages, cells, wells, events, gate_potential, p, step):
    """Carry out the internalisations ``slots`` by the cells ``rows``, those of list ``lane`` of ``order`` (``by_well``)."""
    for k in range(int(ends[lane]), int(ends[lane + 1])):
        q = int(order[k])
        i = int(rows[q])
        s = int(slots[q])
        j = int(vesicles.source[s])
        slot = int(chosen.slot[q])
        if not choice_holds(q, j, chosen, cells):
            slot = content(i, s, vesicles, mitochondria, pages, cells, wells, step)
        fits = False
        if slot >= 0:
            mass = MASS_SCALE * int(mitochondria.mass[slot])
            fits = p.diameter * power(max(mass, 1e-3), 1.0 / 3.0) + p.membrane_room <= p.largest_vesicle
        if fits:
            vesicles.made[i, 1] += 1
            arrive(
                mitochondria, pages, cells, events, slot, i, float(vesicles.time[s]), ROUTE_GAP_JUNCTION, DOUBLE_MEMBRANE, j, 0,
                gate_potential,
            )  # fmt: skip
        else:
            vesicles.made[i, 0] += 1


def sorted_vesicles(world: Any, vesicles: Vesicles, rows: Any) -> tuple[Any, Any, Any]:
    """Rows of the swallowing cells, slots of their vesicles, wells, in the order (time, well, id of the cell); ``rows``: who has any."""
    owner, slots = slots_of(world.backend, vesicles.count, N_SLOTS, rows)
    (time,) = world.backend.read(slots, vesicles.time)
    ids, well = world.backend.read(owner, world.cells.id, world.cells.well)
    order = np.lexsort((ids, well, time))
    return owner[order], slots[order], well[order]


def _work(world: Any) -> tuple[Connexin, Vesicles]:
    """The same arrays in every step; rows set ``strength``, ``largest`` and ``count`` before anyone reads them."""
    n, zeros = len(world.cells.id), world.backend.zeros
    made = state_array(world, "gap_junction.vesicles", n, np.int64, 0, width=2)
    room = proposals_of(world, N_SLOTS)  # of links, which have been made by then

    def make() -> tuple[Connexin, Vesicles]:
        return Connexin(zeros(n), zeros(world.n_wells)), Vesicles(zeros(n, np.int32), room.time, room.source, room.target, made)

    return work_arrays(world, "gap_junction", n, made, make)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Internalise plaques for one step."""
    backend, n = world.backend, world.n_cells
    connexin, vesicles = _work(world)
    backend.each(strength_row, n, world.cells, world.groups, connexin.strength)
    largest = backend.largest(strength_of, n, world.n_wells, world.cells.well, connexin.strength)
    if not largest.any():
        return
    backend.write(slice(0, world.n_wells), connexin.largest, largest)
    tables = (world.cells, world.groups, world.wells)
    rows = backend.select(vesicle_row, n, *tables, world.space.neighbours, connexin, vesicles, p, step)
    if not rows.size:
        return
    rows, slots, of_wells = sorted_vesicles(world, vesicles, rows)
    world.reserve_pages(len(slots))
    world.reserve_events(len(slots))
    gate, chosen = gate_potential(world), room_for_choices(len(slots))
    state = (vesicles, world.mitochondria, world.pages, world.cells, world.wells)
    backend.each(content_row, len(slots), rows, slots, vesicles, chosen, *state[1:], step)
    by_well(world, swallow, np.arange(len(slots)), of_wells, rows, slots, chosen, *state, world.events, gate, p, step)


def wanted(spec: PlateSpec) -> bool:
    """Used where two cells with connexin 43 can touch."""
    rate = spec.parameters.get("gap_junction.internalisation_rate", 1.0) * spec.parameters.get("gap_junction.plaques_per_length", 1.0)
    return rate > 0.0 and some_can_touch(spec, lambda population: population.cell_type.cx43 > 0.0)


PROCESS = Process(
    name="gap_junction", stage="links", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
