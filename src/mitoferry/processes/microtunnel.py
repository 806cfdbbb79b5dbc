"""Artificial microtunnels: pairs of cells joined by Sendai virus envelopes pass one mitochondrion at a time, up to a number.

Mechanism: the treatment ``microtunnels`` of the experiment names donor and recipient populations, the length of the tunnels and how
many mitochondria each may pass. While it is on, a donor and a recipient that have no tunnel yet and whose membranes are no farther
apart than the length are joined at ``fusion_rate`` x node temperature of both (nearest pairs first, one tunnel per cell). Through an
open tunnel mitochondria go from the donor to the recipient only, and one at a time: an empty tunnel takes one in at

    k = entry_rate x node temperature x motors of the donor,    motors = q microtubule_motor + (1 - q) actin_motor,

which comes out length/speed later, in the cytosol of the recipient (route microtunnel). Any that is free in the cytosol of the donor
may be the one, by equal chances keyed by its identity. After the number allowed the valve shuts: the tunnel is cut, and neither cell
gets another one in that treatment. It is also cut when the treatment ends, an end dies, or the cells part by more than the length.

Exact: the number delivered within t is that of a renewal process of waiting time 1/k (exponential) + length/speed, cut at the number
allowed; if a share q of the donor's mitochondria carry one haplotype, n founders are of one kind with q^n + (1 - q)^n (F5).

Assumptions: what is in the tunnel counts as the donor's until it comes out, so that a tunnel that is cut loses none; cells are
paired on the macro-step. Step error: none in entry and passage at frozen rates. Verification:
``tests/verification/test_microtunnel.py``. Sources: tunnels of 4.1-10 um between paired cells, review Bagheri 2020 J Transl Med.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mitoferry.core.events import EVENT_LINK_LOST
from mitoferry.core.handover import arrive, log_event
from mitoferry.core.maths import chance
from mitoferry.core.nodes import NODE_TEMPERATURE
from mitoferry.core.process import Process
from mitoferry.core.random import exponential_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CYTOSOL,
    KIND_ARTIFICIAL,
    LINK_EMPTY,
    LINK_OPEN,
    ROUTE_MICROTUNNEL,
    ROUTE_NONE,
)
from mitoferry.core.streams import MICROTUNNEL
from mitoferry.processes.dislodgement import living
from mitoferry.processes.doses import is_due
from mitoferry.processes.keyed_choice import FREE, FREE_MASK, smallest_draw
from mitoferry.processes.nanotube_links import free_link, gap_between, state_array, write_link
from mitoferry.processes.nanotube_loading import motors
from mitoferry.processes.organelle import gate_potential
from mitoferry.space.geometry import can_touch

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

EMPTY = -1.0
FUSION, ENTRY, CHOICE = 0, 64, 32768  # first draws of the stream


class Parameters(NamedTuple):
    """Library: ``microtunnel.*``."""

    fusion_rate: float  # 1/h
    entry_rate: float  # 1/h
    speed: float  # um/s
    diameter: float  # um
    microtubule_share: float


class Tunnels(NamedTuple):
    """State of the tunnels, by row of links: how many have passed, how many may, and since when [s] one is inside (-1: none)."""

    passed: Any
    allowed: Any
    inside: Any


@row
def entry_rate(c, cells, groups, p):
    """Rate [1/h] at which a mitochondrion of the donor ``c`` enters an empty tunnel."""
    g = int(cells.group[c])
    return p.entry_rate * float(groups.nodes[g, NODE_TEMPERATURE]) * motors(c, cells, groups, p)


@row
def join(sources, targets, times, number, length, n_links, links, tunnels, cells, wells, mitochondria, events, p):
    """Write one tunnel per pair, in this order, into free rows of ``links`` (serial); returns the rows in use."""
    i = 0
    for q in range(len(sources)):
        a = int(sources[q])
        b = int(targets[q])
        i = free_link(i, n_links, links)
        n_links = max(n_links, i + 1)
        time = float(times[q])  # not thick: the machinery of nanotubes leaves it alone
        write_link(i, a, b, KIND_ARTIFICIAL, 0, LINK_OPEN, time, time, length, p.diameter, links, cells, wells, mitochondria, events)
        tunnels.passed[i] = 0
        tunnels.allowed[i] = number
        tunnels.inside[i] = EMPTY
    return n_links


@row
def deliver(i, time, links, tunnels, mitochondria, pages, cells, wells, events, gate_potential, step):
    """One mitochondrion comes out of tunnel ``i`` at ``time`` [s]."""
    a = int(links.a[i])
    w = int(links.well[i])
    draw = CHOICE + ((int(links.id[i]) * 64 + int(tunnels.passed[i])) & (CHOICE - 1))
    key0, key1 = int(wells.key0[w]), int(wells.key1[w])
    slot, _ = smallest_draw(a, -1.0, FREE_MASK, FREE, mitochondria, pages, cells, key0, key1, MICROTUNNEL, step.step, draw)
    tunnels.inside[i] = EMPTY
    if slot >= 0:
        tunnels.passed[i] += 1
        name = int(links.id[i])
        arrive(mitochondria, pages, cells, events, slot, int(links.b[i]), time, ROUTE_MICROTUNNEL, CYTOSOL, a, name, gate_potential)


@row
def cut(i, time, links, cells, mitochondria, events):
    """Take down tunnel ``i``."""
    a = int(links.a[i])
    b = int(links.b[i])
    log_event(events, EVENT_LINK_LOST, int(links.well[i]), time, ROUTE_NONE, cells, a, b, mitochondria, -1, 0.0, int(links.id[i]))
    links.state[i] = LINK_EMPTY
    links.a[i] = -1
    links.b[i] = -1


@row
def pass_through(rows, until, served, links, tunnels, mitochondria, pages, cells, groups, wells, events, gate_potential, p, step):
    """What goes through the tunnels ``rows`` in this step, and which of them are cut (serial).

    Args:
        until: when [s] the treatment of each ends.
        served: uint8 [cells]: marked where the valve of a cell's tunnel has shut.
    """
    for q in range(len(rows)):
        i = int(rows[q])
        a = int(links.a[i])
        b = int(links.b[i])
        w = int(links.well[i])
        time = max(step.time, float(links.born[i]))
        end = min(step.time + step.dt, float(until[q]))
        alive = living(cells, a) and living(cells, b) and gap_between(a, b, cells, wells) <= float(links.length[i])
        rate = entry_rate(a, cells, groups, p) if alive else 0.0
        passage = float(links.length[i]) / p.speed
        k = ENTRY
        while rate > 0.0 and time < end and int(tunnels.passed[i]) < int(tunnels.allowed[i]):
            if float(tunnels.inside[i]) < 0.0:
                u, _, _, _ = uniform4(
                    int(wells.key0[w]), int(wells.key1[w]), int(links.id_a[i]), int(links.id[i]), MICROTUNNEL, step.step, k
                )  # fmt: skip
                k += 1
                time = time + exponential_from(u) * 3600.0 / rate
                if time < end:
                    tunnels.inside[i] = time
            else:
                time = max(time, float(tunnels.inside[i]) + passage)
                if time < end:
                    deliver(i, time, links, tunnels, mitochondria, pages, cells, wells, events, gate_potential, step)
                    if int(cells.n_mitochondria[a]) == 0:
                        rate = 0.0
        shut = int(tunnels.passed[i]) >= int(tunnels.allowed[i])
        if shut:
            served[a] = 1
            served[b] = 1
        if shut or not alive or float(until[q]) <= step.time + step.dt:
            cut(i, min(time, end) if alive else step.time, links, cells, mitochondria, events)


# ------------------------------------------------------------------ which pairs are joined
def in_force(arm: Any, step: Any) -> tuple[int, Any] | None:
    """The first treatment of an arm that is on in this macro-step, with its number; None without."""
    return next(((k, t) for k, t in enumerate(arm.tunnels) if t.start <= step.time < t.end), None)


@row
def candidate_row(i, w, populations, served, cells):
    """Whether cell ``i`` of well ``w`` is alive, of one of the populations whose bits are set, and has had no tunnel yet, 0 or 1."""
    if int(cells.well[i]) != w or int(served[i]) != 0 or not living(cells, i):
        return 0
    return (populations >> int(cells.population[i])) & 1


def _candidates(world: Any, w: int, populations: Any, served: Any, busy: set[int]) -> list[int]:
    """Rows of the cells of well ``w`` and these populations that can get a tunnel; those with one are ``busy``."""
    bits = sum(1 << int(k) for k in set(populations))
    return [i for i in world.backend.select(candidate_row, world.n_cells, w, bits, served, world.cells).tolist() if i not in busy]


def _pairs(world: Any, w: int, treatment: Any, served: Any, busy: set[int], p: Parameters, step: Any) -> list[tuple[int, int, float]]:
    """Pairs (donor, recipient, time) of well ``w`` that are joined in this step: nearest first, one tunnel per cell."""
    wells = world.wells
    donors, takers = (_candidates(world, w, some, served, busy) for some in (treatment.donors, treatment.recipients))
    if not donors or not takers:
        return []
    names, rows = ("well", "id", "group", "layer", "x", "y", "z", "radius"), np.array(donors + takers)
    cells = world.cells._replace(**dict(zip(names, world.backend.read(rows, *(getattr(world.cells, name) for name in names)), strict=True)))
    found = []
    for i, a in enumerate(donors):
        for j, b in enumerate(takers, len(donors)):
            if a != b and can_touch(int(wells.geometry[w]), int(cells.layer[i]), int(cells.layer[j])):
                gap = gap_between(i, j, cells, wells)
                if gap <= treatment.length:
                    found.append((gap, int(cells.id[i]), int(cells.id[j]), a, b, int(cells.group[i]), int(cells.group[j])))
    pairs, taken = [], set()
    for _, one, other, a, b, g, k in sorted(found):
        if a in taken or b in taken:
            continue
        taken |= {a, b}
        warm = float(world.groups.nodes[g, NODE_TEMPERATURE]) * float(world.groups.nodes[k, NODE_TEMPERATURE])
        rate = p.fusion_rate * warm
        key = (int(wells.key0[w]), int(wells.key1[w]), one, other)
        if uniform(*key, MICROTUNNEL, step.step, FUSION) < chance(rate, step.dt / 3600.0):
            pairs.append((a, b, step.time))
    return pairs


def _make(world: Any, step: Any, treatments: dict[int, tuple[int, Any]], rows: Any, served: Any, p: Parameters) -> None:
    """Join pairs in the wells of arms whose treatment is on."""
    busy = {int(i) for end in world.backend.read(rows, world.links.a, world.links.b) for i in end}
    for w, (_, treatment) in treatments.items():
        pairs = _pairs(world, w, treatment, served, busy, p, step)
        if not pairs:
            continue
        sources, targets, times = zip(*pairs, strict=True)
        world.reserve_links(world.n_links + len(pairs), 0)
        world.reserve_events(len(pairs))
        world.n_links = int(
            world.backend.serial(
                join, np.array(sources, np.int64), np.array(targets, np.int64), np.array(times, np.float64), int(treatment.mitochondria),
                float(treatment.length), world.n_links, world.links, tunnels_of(world), world.cells, world.wells, world.mitochondria,
                world.events, p,
            )
        )  # fmt: skip


def tunnels_of(world: Any) -> Tunnels:
    """State of the tunnels, one row per row of the links table."""
    n = len(world.links.id)
    return Tunnels(
        state_array(world, "microtunnel.passed", n, np.int64, 0), state_array(world, "microtunnel.allowed", n, np.int64, 0),
        state_array(world, "microtunnel.inside", n, np.float64, EMPTY),
    )  # fmt: skip


@row
def tunnel_row(i, links):
    """Whether row ``i`` of the links is a microtunnel, 0 or 1."""
    return 1 if int(links.kind[i]) == KIND_ARTIFICIAL and int(links.state[i]) != LINK_EMPTY else 0


def tunnel_rows(world: Any) -> Any:
    """Rows of the links that are microtunnels, in the order (well, id)."""
    links = world.links
    rows = world.backend.select(tunnel_row, world.n_links, links) if world.n_links else np.zeros(0, dtype=np.int64)
    ids, wells = world.backend.read(rows, links.id, links.well)
    return rows[np.lexsort((ids, wells))]


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Join, pass and cut for one step; idle while no treatment is on."""
    spec = world.spec
    on = {a: in_force(arm, step) for a, arm in enumerate(spec.arms)}
    treatments = {w: t for w in range(world.n_wells) if (t := on[w // spec.replicates]) is not None}
    rows = tunnel_rows(world)
    if not treatments and not rows.size:
        return
    world.backend.pull(world.groups, world.wells)
    served = state_array(world, "microtunnel.served", len(world.cells.id), np.uint8, 0)
    _forget(world, served, spec, step)
    _make(world, step, treatments, rows, served, p)
    rows = tunnel_rows(world)
    if not rows.size:
        return
    (wells,) = world.backend.read(rows, world.links.well)
    ends = [treatments[int(w)][1].end if int(w) in treatments else step.time for w in wells]
    until = np.array([e if math.isfinite(e) else 1e18 for e in ends])
    tunnels = tunnels_of(world)
    allowed, passed = world.backend.read(rows, tunnels.allowed, tunnels.passed)
    most = int(allowed.sum() - passed.sum())
    world.reserve_pages(most + rows.size)
    world.reserve_events(most + rows.size)
    world.backend.serial(
        pass_through, rows, until, served, world.links, tunnels, world.mitochondria, world.pages, world.cells, world.groups, world.wells,
        world.events, gate_potential(world), p, step,
    )  # fmt: skip


def _forget(world: Any, served: Any, spec: Any, step: Any) -> None:
    """At the start of a treatment every cell may have a tunnel again."""
    for a, arm in enumerate(spec.arms):
        if any(is_due(t, step) for t in arm.tunnels):
            world.backend.pull(world.cells.well, served)
            served[np.flatnonzero(world.cells.well[: world.n_cells] // spec.replicates == a)] = 0
            world.backend.push(served)


def wanted(spec: PlateSpec) -> bool:
    """Used where an arm has the treatment."""
    return any(arm.tunnels for arm in spec.arms)


PROCESS = Process(
    name="microtunnel", stage="links", clock="macro", parameters=Parameters, advance=advance, writes_mitochondria=True, wanted=wanted
)
