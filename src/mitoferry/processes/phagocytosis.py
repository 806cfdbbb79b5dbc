"""Phagocytosis: professional phagocytes engulf dying cells that they touch, with the mitochondria inside.

Mechanism: a living phagocyte p (``phagocyte`` of its type, 0..1) engulfs a cell t that executes apoptosis or has lost its
membrane, if the gap between the two is at most ``contact_gap``, at the rate [1/h]

    k = rate x phagocyte(p) x nodes x Hill2(ATP of p) x (base + OXPHOS share of the ATP that p makes) x e(t),
    e = floor + (1 - floor) x phosphatidylserine(t) x (1 - node ps_mask(t)),  nodes = phagocytosis x endocytosis x temperature
    x (1 + humanin_gain x humanin/(humanin + half)),

times 1 + ``polarisation_gain`` x shift of a macrophage towards M2 (``macrophage_polarisation``, 0 at rest), where a necrotic cell counts
as one that exposes all (its inner leaflet lies open). Annexin V covers it. The phagocyte needs
energy, and respiration beyond that. Of several cells that it touches one is drawn in proportion to e. Every mitochondrion of
the eaten cell arrives in an endosome of the phagocyte (route phagocytosis), where the lysosome dominates (``arrival``: five
times faster in a professional phagocyte); the corpse disappears. What a necrotic cell held is in the medium already, only its
remains go.

Assumptions: one cell at most per phagocyte and macro-step; of two phagocytes that choose the same cell the earlier has it, the
other goes hungry (an error of order k dt); late corpses, which take no part in space, stay. Rates are frozen over a step; times
within it are exact. Proposals in parallel, resolved in one serial phase in order of (time, well, cell id). Ledger: hand-overs
only, nothing is born or lost.
Verification: ``tests/verification/test_phagocytosis.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.by_well import by_well
from mitoferry.core.events import EVENT_DEATH
from mitoferry.core.handover import arrive, log_event
from mitoferry.core.maths import hill2, log
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_HUMANIN, NODE_PHAGOCYTOSIS, NODE_PS_MASK, NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    CELL_APOPTOTIC,
    CELL_EMPTY,
    CELL_LIVE,
    CELL_NECROTIC,
    ENDOSOME,
    NOT_DEAD,
    OCCUPIED,
    PAGE,
    ROUTE_PHAGOCYTOSIS,
)
from mitoferry.core.streams import PHAGOCYTOSIS
from mitoferry.processes.cell_events import in_order
from mitoferry.processes.death import fall_silent
from mitoferry.processes.organelle import gate_potential
from mitoferry.processes.pool_pages import release_empty_of
from mitoferry.processes.rest import RESTING_ATP
from mitoferry.space.geometry import BLOCK
from mitoferry.space.neighbours import bin_line, bins_around, members, minimum_image

NEVER = 1e30
NEARLY = 1e-4  # um, of a contact in single precision


class Parameters(NamedTuple):
    """Library: ``phagocytosis.*``."""

    rate: float  # 1/h
    floor: float
    atp_half: float  # share of resting ATP
    base: float
    contact_gap: float  # um
    polarisation_gain: float
    humanin_gain: float
    humanin_half: float  # uM


@row
def appetite(i, cells, groups, p):
    """Rate [1/h] at which cell ``i`` engulfs one fully exposed cell that it touches; 0 for all but living phagocytes."""
    if int(cells.state[i]) != CELL_LIVE:
        return 0.0
    g = int(cells.group[i])
    nodes = float(groups.nodes[g, NODE_PHAGOCYTOSIS]) * float(groups.nodes[g, NODE_ENDOCYTOSIS]) * float(groups.nodes[g, NODE_TEMPERATURE])
    made = float(cells.atp_flux[i])
    share = 0.0
    if made > 0.0:
        share = min(max(float(cells.atp_oxphos[i]) / made, 0.0), 1.0)
    energy = hill2(float(cells.atp[i]), p.atp_half * RESTING_ATP) * (p.base + share)
    humanin = max(float(groups.nodes[g, NODE_HUMANIN]), 0.0)
    return p.rate * float(groups.phagocyte[g]) * nodes * energy * (1.0 + p.humanin_gain * humanin / (humanin + p.humanin_half))


@row
def readiness(i, cells, p):
    """Factor of appetite for dying cells: 1 at rest, more in a macrophage shifted towards M2, 0 in a neutrophil that has cast its trap."""
    if int(cells.traps[i]) != 0:
        return 0.0
    return max(1.0 + p.polarisation_gain * float(cells.polarisation[i]), 0.0)


@row
def exposure(j, cells, groups, p):
    """How well cell ``j`` can be recognised, 0..1; 0 if it is not dying."""
    state = int(cells.state[j])
    exposed = float(cells.phosphatidylserine[j])
    if state == CELL_NECROTIC:
        exposed = 1.0
    elif state != CELL_APOPTOTIC:
        return 0.0
    seen = exposed * max(1.0 - float(groups.nodes[int(cells.group[j]), NODE_PS_MASK]), 0.0)
    return p.floor + (1.0 - p.floor) * seen


@row
def touches(i, j, block, cells, wells, gap):
    """Whether the membranes of cells ``i`` and ``j`` of a layer are at most ``gap`` [um] apart."""
    w = int(cells.well[i])
    periodic = int(wells.periodic[w])
    dx = minimum_image(float(cells.x[i]) - float(cells.x[j]), float(wells.size[w, 0]), periodic)
    dy = minimum_image(float(cells.y[i]) - float(cells.y[j]), float(wells.size[w, 1]), periodic)
    dz = 0.0
    if block:
        dz = minimum_image(float(cells.z[i]) - float(cells.z[j]), float(wells.size[w, 2]), periodic)
    reach = float(cells.radius[i]) + float(cells.radius[j]) + gap + NEARLY
    return dx * dx + dy * dy + dz * dz <= reach * reach


@row
def touched(i, stop, weight, cells, wells, neighbours, gap):
    """(sum of ``weight`` over the cells that ``i`` touches, row of the first at which the sum exceeds ``stop``, else -1)."""
    w = int(cells.well[i])
    block = int(wells.geometry[w]) == BLOCK
    y0, my, z0, mz, lines = bins_around(i, cells, wells, neighbours)
    total = 0.0
    found = -1
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    j = int(neighbours.member[m])
                    if j != i and float(weight[j]) > 0.0 and touches(i, j, block, cells, wells, gap):
                        total += float(weight[j])
                        if found < 0 and total > stop:
                            found = j
    return total, found


@row
def dying_row(i, sums, cells):
    """Count cell ``i`` if it is dying."""
    state = int(cells.state[i])
    sums[0] += 1 if state == CELL_APOPTOTIC or state == CELL_NECROTIC else 0
    return 0


@row
def exposure_row(i, cells, groups, exposed, p, step):
    """``exposed[i]``: :func:`exposure` of cell ``i``."""
    exposed[i] = exposure(i, cells, groups, p)


@row
def propose_row(i, cells, groups, wells, neighbours, exposed, times, targets, p, step):
    """1 if cell ``i`` begins to engulf one in this step, ``targets[i]`` and when [s] in ``times[i]``; else 0."""
    wish = appetite(i, cells, groups, p) * readiness(i, cells, p)
    if wish <= 0.0 or int(cells.bin[i]) < 0:
        return 0
    total, _ = touched(i, NEVER, exposed, cells, wells, neighbours, p.contact_gap)
    if total <= 0.0:
        return 0
    w = int(cells.well[i])
    u, v, _, _ = uniform4(wells.key0[w], wells.key1[w], cells.id[i], 0, PHAGOCYTOSIS, step.step, 0)
    wait = -3600.0 * log(u) / (wish * total)
    if wait < step.dt:
        _, found = touched(i, v * total, exposed, cells, wells, neighbours, p.contact_gap)
        if found >= 0:
            targets[i] = found
            times[i] = step.time + wait
            return 1
    return 0


@row
def engulf(c, t, time, mitochondria, pages, cells, events, gate_potential):
    """The phagocyte ``c`` takes the dying cell ``t`` in with all that it holds."""
    page = int(cells.first_page[t])
    while page >= 0:
        for k in range(PAGE):
            slot = page * PAGE + k
            if int(mitochondria.flags[slot]) & OCCUPIED != 0:
                arrive(mitochondria, pages, cells, events, slot, c, time, ROUTE_PHAGOCYTOSIS, ENDOSOME, t, 0, gate_potential)
        page = int(pages.next[page])
    if int(cells.state[t]) == CELL_APOPTOTIC:
        cells.death_time[t] = time
        if int(cells.death_cause[t]) == NOT_DEAD:
            cells.death_cause[t] = BY_APOPTOSIS
        log_event(events, EVENT_DEATH, cells.well[t], time, ROUTE_PHAGOCYTOSIS, cells, t, c, mitochondria, -1, 0.0, 0)
    cells.state[t] = CELL_EMPTY
    cells.engulfed[c] += 1


@row
def engulf_all(lane, ends, order, rows, times, targets, mitochondria, pages, cells, events, gate_potential):
    """Let those of ``rows`` in list ``lane`` of ``order`` (``by_well``) engulf their targets; the entry of one that is gone becomes -1."""
    for k in range(int(ends[lane]), int(ends[lane + 1])):
        j = int(order[k])
        t = int(targets[j])
        if int(cells.state[t]) != CELL_EMPTY:
            engulf(int(rows[j]), t, float(times[j]), mitochondria, pages, cells, events, gate_potential)
        else:
            targets[j] = -1


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Phagocytes engulf dying cells over ``step.dt``; idle while no cell is dying."""
    backend, n = world.backend, world.n_cells
    if not backend.totals(dying_row, n, 1, 1, world.cells).any():
        return
    exposed, times, targets = backend.zeros(n), backend.zeros(n), backend.zeros(n, np.int64)
    backend.each(exposure_row, n, world.cells, world.groups, exposed, p, step)
    tables = (world.cells, world.groups, world.wells, world.space.neighbours)
    rows = backend.select(propose_row, n, *tables, exposed, times, targets, p, step)
    if not rows.size:
        return
    times, targets = backend.read(rows, times, targets)
    order = in_order(world, rows, times)
    rows, times, targets = rows[order], times[order], targets[order]
    held, wells = backend.read(targets, world.cells.n_mitochondria, world.cells.well)
    pages, events = held.astype(np.int64) // PAGE + 1, held.astype(np.int64) + 1
    world.reserve_pages(int(pages.sum()))
    world.reserve_events(int(events.sum()))
    changed = (world.mitochondria, world.pages, world.cells, world.events)
    order, gate = np.arange(rows.size), gate_potential(world)
    by_well(world, engulf_all, order, wells, rows, times, targets, *changed, gate, pages=pages, events=events)
    backend.pull(targets)
    gone = targets[targets >= 0]
    release_empty_of(world, gone)
    fall_silent(world, gone)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run is a phagocyte."""
    return bool(spec.has_cells_with("phagocyte"))


PROCESS = Process(
    name="phagocytosis", stage="vesicles", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
