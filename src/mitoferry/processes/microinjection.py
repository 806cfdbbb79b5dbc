"""Microinjection: a needle puts isolated mitochondria straight into the cytosol of single cells, as of an oocyte or zygote.

Mechanism: at the time of the dose every living cell of the populations named gets a Poisson number of mitochondria with the mean asked
for less what stays at the needle or leaks back. They are as isolated ones are (those without potential are dead) and lie in the
cytosol, not in an endosome: what becomes of them is that of other arrivals (fusion with the network of the host, mitophagy).

Assumptions: the needle takes one moment and harms no cell; the carry-over of mitochondria with a transferred nucleus is a share of
haplotypes given to the cells, not an injection. Step error: none. Ledger: births at the medium pool, which hands each over to its
cell (route injection). Identity: those given to cell c are born in cell c of population 128 + k, so that one cell gets the same
mitochondria in every arm. Verification: ``tests/verification/test_microinjection.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.handover import arrive
from mitoferry.core.pages import free_slot, release_empty_pages, tally_birth
from mitoferry.core.process import Process
from mitoferry.core.random import poisson_from, uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CYTOSOL, N_POOLS, PAGE, POOL_MEDIUM, ROUTE_INJECTION
from mitoferry.core.streams import MICROINJECTION
from mitoferry.processes.doses import doses_due
from mitoferry.processes.isolated_mitochondria import isolate
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.rest import RESTING_POTENTIAL, RHO0_POTENTIAL
from mitoferry.processes.seeding import Parameters as Seeding
from mitoferry.processes.seeding import mixture_of

PART = 50.0  # largest mean that is drawn at once: a sum of Poisson numbers is one
ID_MASK = 0xFFFFFF


class Parameters(NamedTuple):
    """Library: ``microinjection.*``."""

    needle_loss: float


@row
def number_row(i, dose, mean, first, last, into, number, cells, wells):
    """Mitochondria that cell ``i`` gets of dose number ``dose``, ``number[i]``: Poisson with ``mean``.

    Only living cells of the populations ``into`` (uint8 [256], 1 for each) in the wells ``first`` .. ``last`` - 1 get any.
    """
    w = int(cells.well[i])
    if int(cells.state[i]) != CELL_LIVE or w < first or w >= last or int(into[int(cells.population[i])]) == 0:
        return 0
    n = 0
    left = mean
    part = 0
    while left > 0.0:
        u = uniform(wells.key0[w], wells.key1[w], cells.id[i], dose, MICROINJECTION, 0, part)
        n += poisson_from(min(left, PART), u)
        left -= PART
        part += 1
    number[i] = n
    return n


@row
def inject(order, number, population, viability, psi, mixture, gate_potential, mitochondria, pages, cells, wells, events, time, p):
    """Give ``number[i]`` isolated mitochondria to each cell of ``order``, in that order (serial); pages and events are reserved."""
    for j in range(len(order)):
        i = int(order[j])
        w = int(cells.well[i])
        h = N_POOLS * w + POOL_MEDIUM
        identity = (population << 24) + (int(cells.id[i]) & ID_MASK)
        for k in range(int(number[i])):
            slot = free_slot(mitochondria, pages, cells, h)
            ordinal = (int(cells.population[i]) << 20) + k + 1
            isolate(slot, mitochondria, mixture, wells.key0[w], wells.key1[w], identity, ordinal, viability, psi, p)
            tally_birth(mitochondria, cells, h, slot)
            cells.n_mitochondria[h] += 1
            arrive(mitochondria, pages, cells, events, slot, i, time, ROUTE_INJECTION, CYTOSOL, -1, 0, gate_potential)
        release_empty_pages(mitochondria, pages, cells, h)


def _give(world: Any, wells: range, dose: Any, step: Any, p: Parameters) -> None:
    spec, source, backend = world.spec, dose.source, world.backend
    c, number, into = world.cells, backend.zeros(world.n_cells, np.int64), np.zeros(256, np.uint8)
    into[list(dose.into)] = 1
    mean = dose.per_cell * (1.0 - p.needle_loss)
    rows = backend.select(
        number_row, world.n_cells, source.index, mean, wells.start, wells.stop, into, number, c, world.wells
    )  # fmt: skip
    if not rows.size:
        return
    ids, well, given = backend.read(rows, c.id, c.well, number)
    order = rows[np.lexsort((ids, well))]
    total = int(given.sum())
    world.reserve_pages(total // PAGE + 2 * rows.size + 1)
    world.reserve_events(total)
    seeding = spec.parameters_of("seeding", Seeding)
    backend.serial(
        inject, order, number, source.index, float(dose.viability), RHO0_POTENTIAL if source.rho0 else RESTING_POTENTIAL,
        np.array([mixture_of(source, spec)]), gate_potential(world), world.mitochondria, world.pages, world.cells, world.wells,
        world.events, float(step.time), seeding,
    )  # fmt: skip


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Inject the cells whose turn has come; idle in all other macro-steps."""
    spec = world.spec
    for a, arm in enumerate(spec.arms):
        for dose in doses_due(arm, "cytosol", step):
            _give(world, spec.wells_of(a), dose, step, p)


def wanted(spec: Any) -> bool:
    """Whether cells of any arm are injected."""
    return any(d.route == "cytosol" for arm in spec.every_arm for d in arm.doses)


PROCESS = Process(
    name="microinjection", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
