"""Proliferation and division of cells.

Mechanism: progress through the cycle c' = f/T with the cell type's cycle time T at rest, and
f = Hill4(ATP/2 mM), relative to rest x pyrimidine gate x contact inhibition x (1 - p53 arrest) x node proliferation x ERK
(``erk_signalling``, 1 at rest).

* Pyrimidine gate: DHODH hands its electrons to complex III, so without respiration there is no pyrimidine and no
  division however much ATP there is (Bajzikova 2019 Cell Metab): x = min(1, respiration/(3 % of a normal one)) times the node
  ``dhodh`` (brequinar), or the uridine supplied (node ``uridine``) if that is larger; Hill2(x), 1 at x = 1. rho0 cells need uridine.
* A senescent cell (``cells.senescent``) does not cycle. ERK (``cells.erk``, 1 at rest) is the growth signal of arrivals that stay
  without function.
* Contact inhibition: 1 - s (1 - 1/(1 + (contacts/n_half)^4)), s the number ``contact_inhibition`` of the type: 1 in untransformed cells
  (epithelium, endothelium, fibroblasts), little in tumour lines, which pile up, and in cells of the blood, which grow in clusters.
  Contacts with cells of another type count ``unlike_contact`` of one with a like (``like_contacts``): epithelium and fibroblasts grow on
  in contact with each other and stop among their own (Eagle and Levine 1967 Nature 213:1102, from memory), and stroma feeds epithelium
  (Rheinwald and Green 1975 Cell 6:331, from memory).
* A T cell cycles as far as it is activated, a blood stem cell as far as an infection calls it, an egg cleaves without growing (``cycle``).

A cell that cycles, but for one that cleaves, grows: volume, demand, glycolysis, non-mitochondrial respiration and the number of
mitochondria that biogenesis steers to increase by the factor 2^(G progress), and are halved at division. Daughters that start ahead
have less of the cycle to grow in, so G = 1/(1 - spread/2): in the mean of its generations a lineage keeps its size. At c >= 1 the cell
divides: the daughter gets a new row and id and each mitochondrion with chance 1/2 (binomial partition, ``processes/partition.py``);
nothing is born or lost, so the ledger does not change.
Of every other column ``cell_columns`` says whether the daughter inherits it, gets half, or starts anew. Daughters restart
at a random progress of 0 to ``spread``, so that lineages lose their phase.

Assumptions: links stay with the mother's row; daughters lie side by side in a random direction. Divisions are settled
once per step in order of (well, id); a step delays them by dt/2 on average.
Verification: ``tests/verification/test_fate_division.py``, ``tests/verification/test_cycle_of_types.py``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.base.errors import OverflowStop
from mitoferry.core.events import EVENT_DIVISION
from mitoferry.core.maths import cosine_turns, exp, hill2, hill4, sine_turns
from mitoferry.core.nodes import NODE_DHODH, NODE_PROLIFERATION, NODE_URIDINE
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE
from mitoferry.core.streams import PROLIFERATION
from mitoferry.processes.cell_columns import NEW_IN_DAUGHTER, halves
from mitoferry.processes.cell_events import log_cell_events
from mitoferry.processes.cycle import awake_share, driven_share
from mitoferry.processes.like_contacts import weigh_contacts
from mitoferry.processes.partition import partition
from mitoferry.processes.rest import RESTING_ATP, respiration
from mitoferry.space.geometry import BLOCK, place

BORN = 1 << 23  # ids of cells born in a run have this bit; seeded cells do not
LN2 = 0.6931471805599453
CUBE_ROOT_HALF = 0.7937005259840998


class Parameters(NamedTuple):
    """Library: ``division.*``."""

    atp_half: float  # mM
    normal_respiration: float  # amol/s of oxygen per mitochondrion at rest
    respiration_needed: float  # share of it
    pyrimidine_half: float
    contacts_half: float
    unlike_contact: float
    p53_arrest: float
    spread: float
    activation_half: float
    wake_lps: float  # ng/mL
    wake_il_1: float  # ng/mL
    wake_akt: float
    restriction_point: float


@row
def pyrimidine_gate(used, n_mitochondria, dhodh, uridine, p):
    """Factor 0..1 of proliferation by the supply of pyrimidine; ``used``: oxygen [amol/s] that the mitochondria use."""
    needed = p.respiration_needed * p.normal_respiration * max(n_mitochondria, 1.0)
    supply = min(max(min(used / needed, 1.0) * max(dhodh, 0.0), uridine), 1.0)
    return hill2(supply, p.pyrimidine_half) * (1.0 + p.pyrimidine_half * p.pyrimidine_half)


@row
def rate_under(i, contacts, cells, groups, p):
    """Progress through the cycle per hour of cell ``i`` that ``contacts`` cells inhibit."""
    g = int(cells.group[i])
    time = float(groups.cycle_time[g])
    if time <= 0.0 or int(cells.senescent[i]) != 0:
        return 0.0
    energy = hill4(float(cells.atp[i]), p.atp_half) / hill4(RESTING_ATP, p.atp_half)
    used = respiration(i, cells)
    dhodh = float(groups.nodes[g, NODE_DHODH])
    gate = pyrimidine_gate(used, float(cells.target_mitochondria[i]), dhodh, float(groups.nodes[g, NODE_URIDINE]), p)
    if float(groups.cleavage[g]) > 0.0:
        gate = 1.0
    gate = gate * driven_share(i, cells, groups, p.activation_half) * awake_share(i, cells, groups, p)
    crowding = 1.0 - float(groups.contact_inhibition[g]) * hill4(contacts, p.contacts_half)
    arrest = 1.0 - min(p.p53_arrest * float(cells.p53[i]), 1.0)
    return energy * gate * crowding * arrest * float(groups.nodes[g, NODE_PROLIFERATION]) / time * float(cells.erk[i])


@row
def cycle_rate(i, cells, groups, p):
    """The same of a cell all of whose neighbours are of its own type."""
    return rate_under(i, float(cells.n_contacts[i]), cells, groups, p)


@row
def cycle_row(i, passed_over, cells, groups, p, step):
    """Progress and growth of cell ``i`` over one step; ``passed_over``: share of its contacts that does not count (``like_contacts``)."""
    if int(cells.state[i]) != CELL_LIVE:
        return
    progress = rate_under(i, float(cells.n_contacts[i]) * (1.0 - float(passed_over[i])), cells, groups, p) * step.dt / 3600.0
    if progress <= 0.0:
        return
    cells.cycle[i] = float(cells.cycle[i]) + progress
    if float(groups.cleavage[int(cells.group[i])]) > 0.0:
        return
    grown = LN2 * progress / (1.0 - 0.5 * p.spread)
    factor = exp(grown)
    cells.volume[i] = factor * float(cells.volume[i])
    cells.demand[i] = factor * float(cells.demand[i])
    cells.glycolysis[i] = factor * float(cells.glycolysis[i])
    cells.nonmito[i] = factor * float(cells.nonmito[i])
    cells.target_mitochondria[i] = factor * float(cells.target_mitochondria[i])
    cells.radius[i] = exp(grown / 3.0) * float(cells.radius[i])


@row
def divides_row(i, passed_over, cells, groups, p, step):
    """As :func:`cycle_row`; 1 if cell ``i`` has completed its cycle and divides, else 0."""
    cycle_row(i, passed_over, cells, groups, p, step)
    if int(cells.state[i]) != CELL_LIVE or float(cells.cycle[i]) < 1.0:
        return 0
    return 1 if float(groups.cycle_time[int(cells.group[i])]) > 0.0 else 0


@row
def begin_cycle(i, cells, cycle):
    """Size and progress of cell ``i`` right after division."""
    cells.radius[i] = CUBE_ROOT_HALF * float(cells.radius[i])
    cells.cycle[i] = cycle


@row
def shift(i, cells, wells, dx, dy, dz):
    """Move cell ``i`` by a vector [um] within its well."""
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    cells.x[i] = place(float(cells.x[i]) + dx, float(wells.size[w, 0]), periodic)
    cells.y[i] = place(float(cells.y[i]) + dy, float(wells.size[w, 1]), periodic)
    if int(wells.geometry[w]) == BLOCK:
        cells.z[i] = place(float(cells.z[i]) + dz, float(wells.size[w, 2]), periodic)


@row
def part_row(q, mothers, first, cells, wells, p, step):
    """Lay the cell ``mothers[q]`` and her daughter, a copy of her in row ``first + q``, side by side in a random direction."""
    mother = int(mothers[q])
    daughter = first + q
    w = int(cells.well[mother])
    u, v, a, b = uniform4(wells.key0[w], wells.key1[w], cells.id[mother], 0, PROLIFERATION, step.step, 0)
    begin_cycle(mother, cells, p.spread * u)
    begin_cycle(daughter, cells, p.spread * v)
    radius = float(cells.radius[mother])
    height = 2.0 * b - 1.0 if int(wells.geometry[w]) == BLOCK else 0.0
    flat = radius * math.sqrt(max(1.0 - height * height, 0.0))
    dx, dy, dz = flat * cosine_turns(a), flat * sine_turns(a), radius * height
    shift(mother, cells, wells, -dx, -dy, -dz)
    shift(daughter, cells, wells, dx, dy, dz)


def daughter_ids(world: Any, wells: Any, populations: Any) -> Any:
    """Ids of the daughters of cells of these wells and populations, uint32: the populations' next ordinals of born cells."""
    n_born = world.wells.n_born
    some, row = np.unique(wells, return_inverse=True)
    (born,) = world.backend.read(some, n_born)
    place = row * n_born.shape[1] + populations
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place, minlength=born.size)
    ordinal = born.reshape(-1)[place].astype(np.int64)
    ordinal[order] += np.arange(len(place)) - (np.cumsum(counts) - counts)[place[order]]
    full = np.flatnonzero(ordinal >= BORN)
    if full.size:
        w, population = int(wells[full[0]]), int(populations[full[0]])
        raise OverflowStop(f"population {population} of well {w} has had {BORN} divisions, more than ids can tell apart (2^23)")
    world.backend.write(some, n_born, born + counts.reshape(born.shape))
    return ((populations.astype(np.int64) << 24) | BORN | ordinal).astype(np.uint32)


def add_daughters(world: Any, mothers: Any) -> int:
    """Append a row for the daughter of each of ``mothers``, a copy without mitochondria, and halve the amounts of both.

    Returns:
        The first new row.
    """
    world.reserve_cells(len(mothers))
    backend, cells, first = world.backend, world.cells, world.n_cells
    new = dict(zip(cells._fields, backend.read(mothers, *cells), strict=True))
    for name, values in halves(new).items():
        new[name] = values
        backend.write(mothers, getattr(cells, name), values)
    backend.write(mothers, cells.n_divisions, new["n_divisions"] + 1)
    new |= NEW_IN_DAUGHTER
    new |= {"parent": new["id"], "id": daughter_ids(world, new["well"], new["population"]), "added": world.tick}
    for name, values in new.items():
        backend.write(slice(first, first + len(mothers)), getattr(cells, name), values)
    world.n_cells = first + len(mothers)
    return first


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the cycle of every cell by ``step.dt`` and divide those that have completed it."""
    backend = world.backend
    if not (world.groups.cycle_time > 0.0).any():
        return
    mothers = backend.select(divides_row, world.n_cells, weigh_contacts(world, p), world.cells, world.groups, p, step)
    if not mothers.size:
        return
    ids, wells = backend.read(mothers, world.cells.id, world.cells.well)
    mothers = mothers[np.lexsort((ids, wells))]
    first = add_daughters(world, mothers)
    if world.space is not None:
        world.space.fit(world)
    backend.each(part_row, int(mothers.size), mothers, first, world.cells, world.wells, p, step)
    daughters = np.arange(first, first + len(mothers))
    log_cell_events(world, EVENT_DIVISION, mothers, np.full(len(mothers), step.time + step.dt), daughters)
    partition(world, mothers, daughters, step.step)


PROCESS = Process(name="division", stage="fate", clock="quality", parameters=Parameters, advance=advance, writes_mitochondria=True)
