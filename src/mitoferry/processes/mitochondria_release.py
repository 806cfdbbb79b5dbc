"""Active release: living cells put whole mitochondria into the medium.

Mechanism: a cell of type factor r (``release`` of the cell type; astrocytes, which have CD38, ten times a stromal cell)
releases a mitochondrion at the rate [1/h]

    k = rate x r x node mitochondria_release x node temperature x (1 + stress_gain NF-kB),

with the signal NF-kB of oxidants and cytokines, 0 at rest. The node is CD38 with its cyclic ADP-ribose and Ca2+
(daratumumab, siRNA). Mitochondria of the cell's own, free in the cytosol, go with chances in proportion to their mass; of those
released the share ``functional`` keeps its potential, the others come out dead (potential 0, damage 1). What happens to them in the
medium is the business of ``free_mitochondria``. The last mitochondrion of a cell never leaves.

Assumptions: one at most per cell and macro-step (the rate is of the order of 0.01-0.1 /h); no size class of particles, no membrane
around them. Step error: rates are those at the start of the step; a second release within a step is lost (relative error k dt/2).
Ledger: a mitochondrion that leaves is moved, with an event ``loaded`` of the route ``release``.
Verification: ``tests/verification/test_mitochondria_release.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.handover import load_into_transit
from mitoferry.core.maths import log
from mitoferry.core.nodes import NODE_MITOCHONDRIA_RELEASE, NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    N_POOLS,
    POOL_MEDIUM,
    ROUTE_RELEASE,
)
from mitoferry.core.streams import MITOCHONDRIA_RELEASE
from mitoferry.processes.free_mitochondria import lose_membrane
from mitoferry.processes.keyed_choice import BY_MASS, FREE, OWN_MASK, first_of_clocks
from mitoferry.processes.nanotube_links import work_arrays
from mitoferry.processes.rest import alive

OF_CELL, OF_CHOICE = 0, 1  # draws of the stream: of the cell (time, function), of each of its mitochondria


class Parameters(NamedTuple):
    """Library: ``mitochondria_release.*``."""

    rate: float  # 1/h per cell of release 1
    stress_gain: float
    functional: float


@row
def release_rate(i, cells, groups, p):
    """Rate [1/h] at which cell ``i`` releases mitochondria; 0 for cells that do not live or have one at most."""
    if not alive(int(cells.state[i])) or int(cells.n_mitochondria[i]) < 2:
        return 0.0
    g = int(cells.group[i])
    nodes = float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]) * float(groups.nodes[g, NODE_TEMPERATURE])
    return p.rate * float(groups.release[g]) * nodes * (1.0 + p.stress_gain * float(cells.nfkb[i]))


@row
def release_row(i, cells, groups, wells, times, p, step):
    """Whether cell ``i`` releases a mitochondrion in this step; when [s] is written into ``times[i]``."""
    rate = release_rate(i, cells, groups, p)
    if rate <= 0.0:
        return 0
    w = int(cells.well[i])
    u, _, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, MITOCHONDRIA_RELEASE, step.step, OF_CELL)
    if (1.0 - u) * 3600.0 >= rate * step.dt:  # then -log(u) is larger still
        return 0
    wait = -3600.0 * log(u) / rate
    if wait >= step.dt:
        return 0
    times[i] = step.time + wait
    return 1


@row
def release_all(lane, ends, rows, times, mitochondria, pages, cells, wells, events, p, step):
    """Move one mitochondrion of each of the cells in list ``lane`` of ``rows`` into the medium (``by_well``)."""
    for j in range(int(ends[lane]), int(ends[lane + 1])):
        c = int(rows[j])
        w = int(cells.well[c])
        key0, key1 = wells.key0[w], wells.key1[w]
        slot = first_of_clocks(
            c, BY_MASS, OWN_MASK, FREE, mitochondria, pages, cells, key0, key1, MITOCHONDRIA_RELEASE, step.step, OF_CHOICE
        )  # fmt: skip
        if slot >= 0:
            _, v, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[c], 0, MITOCHONDRIA_RELEASE, step.step, OF_CELL)
            h = N_POOLS * w + POOL_MEDIUM
            new = load_into_transit(mitochondria, pages, cells, events, slot, h, float(times[c]), ROUTE_RELEASE, 0)
            if new >= 0:
                mitochondria.motor[new] = 1 + int(cells.layer[c])
                if v >= p.functional:
                    lose_membrane(mitochondria, new)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Release mitochondria over ``step.dt``."""
    backend, n = world.backend, len(world.cells.id)
    times = work_arrays(world, "mitochondria_release", n, None, lambda: backend.zeros(n))
    rows = backend.select(release_row, world.n_cells, world.cells, world.groups, world.wells, times, p, step)
    if not rows.size:
        return
    ids, well, due = backend.read(rows, world.cells.id, world.cells.well, times)
    order = np.lexsort((ids, well, due))
    rows = rows[order]
    world.reserve_pages(int(rows.size))
    world.reserve_events(int(rows.size))
    tables = (world.mitochondria, world.pages, world.cells, world.wells, world.events)
    by_well(world, release_all, rows, well[order], times, *tables, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run can release mitochondria."""
    return any(
        p.count > 0 and p.cell_type.release > 0.0 and p.cell_type.mitochondria > 0.0 for arm in spec.every_arm for p in arm.populations
    )


PROCESS = Process(
    name="mitochondria_release", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True,
    wanted=wanted,
)  # fmt: skip
