"""Log what becomes of transferred mitochondria that a living cell degrades, so that their way can be read to its end.

``arrival`` and ``mitophagy`` degrade in parallel and cannot append to the log of events. So the transferred
mitochondria are noted before (:func:`watch`) and those whose slot is empty afterwards are logged
(:func:`log_degraded`), in the order (well, cell of birth, ordinal): as ``arrival_degraded`` if they had not fused with
the network of their host, else as ``fused_degraded``. Logged are unfused arrivals, and all that were born in another
population; the time is the end of the macro-step, after every hand-over of that step.

Nothing here touches the state. Tests: ``tests/verification/test_fate_arrival.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.events import EVENT_ARRIVAL_LYSED, EVENT_FUSED_DEGRADED, EventBuffer
from mitoferry.core.lanes import lane
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CLASS_MASK,
    CLASS_SHIFT,
    DAMAGE_SCALE,
    DONOR_ENDOSOME,
    DONOR_FREE,
    MASS_SCALE,
    N_POOLS,
    OCCUPIED,
    PAGE,
    PSI_OFFSET_SCALE,
    ROUTE_MASK,
    ROUTE_SHIFT,
    WITHOUT_POTENTIAL,
)

RECORD = ("birth", "ordinal", "copies", "mass", "damage", "flags", "psi_offset")


class Watched(NamedTuple):
    """Transferred mitochondria before a process: slots, rows of their hosts, and copies of the columns ``RECORD``."""

    slots: Any
    hosts: Any
    records: dict[str, Any]


@row
def transferred_row(i, pages, mitochondria, holds, found, unfused):
    """How many mitochondria of page ``i`` have come by a route, where its cell may hold some.

    Of these, if ``unfused`` is not 0, those outside the network of their host.
    """
    n = 0
    h = int(pages.owner[i])
    if h >= 0 and int(holds[h]) != 0:
        for k in range(PAGE):
            flags = int(mitochondria.flags[lane(i * PAGE, k)])
            energy_class = (flags >> CLASS_SHIFT) & CLASS_MASK
            outside = unfused == 0 or energy_class == DONOR_FREE or energy_class == DONOR_ENDOSOME
            n += (flags & OCCUPIED) if outside and flags & (ROUTE_MASK << ROUTE_SHIFT) != 0 else 0
    found[i] = n


def watch(world: Any, *, unfused: bool = False) -> Watched | None:
    """Note the transferred mitochondria inside cells, all or those yet to join a network; ``None`` while no cell has received one.

    Args:
        world: the state.
        unfused: the process to come degrades no others.
    """
    cells, n = world.cells, world.n_cells
    world.backend.pull(cells.received, cells.population)
    holds = cells.received[:n] > 0
    if not holds.any():
        return None
    holds[_seeded(world) :] = True  # daughters inherit what their mothers received
    holds[: N_POOLS * world.n_wells] = False
    m, owner = world.mitochondria, world.pages.owner
    found = np.zeros(len(owner), dtype=np.uint8)
    world.backend.each(transferred_row, len(owner), world.pages, m, holds.astype(np.uint8), found, int(unfused))
    world.backend.pull(owner, found, *(getattr(m, name) for name in RECORD))
    pages = np.flatnonzero(found)
    flags = m.flags.reshape(-1, PAGE)[pages]
    page, place = np.nonzero(((flags & OCCUPIED) != 0) & ((flags & (ROUTE_MASK << ROUTE_SHIFT)) != 0))
    slots = pages[page] * PAGE + place
    hosts = owner[slots // PAGE]
    chosen = _unfused(m.flags[slots])
    if not unfused:
        chosen |= (m.birth[slots] >> 24) != cells.population[hosts]
    slots, hosts = slots[chosen], hosts[chosen]
    return Watched(slots, hosts, {name: getattr(m, name)[slots] for name in RECORD})


def _unfused(flags: Any) -> Any:
    """Whether mitochondria with these flags have yet to join the network of their host."""
    energy_class = (flags >> CLASS_SHIFT) & CLASS_MASK
    return (energy_class == DONOR_FREE) | (energy_class == DONOR_ENDOSOME)


def _seeded(world: Any) -> int:
    """Rows of pools and seeded cells; rows from here on are daughters."""
    spec = world.spec
    return N_POOLS * world.n_wells + sum(p.rows for arm in spec.arms for p in arm.populations) * spec.replicates


def log_degraded(world: Any, watched: Watched | None, step: Any) -> None:
    """Log those of ``watched`` that are gone."""
    if watched is None or not watched.slots.size:
        return
    world.backend.pull(world.mitochondria.flags)
    gone = np.flatnonzero((world.mitochondria.flags[watched.slots] & OCCUPIED) == 0)
    if not gone.size:
        return
    world.backend.pull(world.cells)
    cells = world.cells
    record = {name: column[gone] for name, column in watched.records.items()}
    hosts = watched.hosts[gone]
    order = np.lexsort((record["ordinal"], record["birth"], cells.well[hosts]))
    record, hosts = {name: column[order] for name, column in record.items()}, hosts[order]
    flags = record["flags"].astype(np.int64)
    psi = cells.psi[hosts, (flags >> CLASS_SHIFT) & CLASS_MASK] - PSI_OFFSET_SCALE * record["psi_offset"]
    _append(
        world, len(hosts),
        kind=np.where(_unfused(flags), EVENT_ARRIVAL_LYSED, EVENT_FUSED_DEGRADED), well=cells.well[hosts],
        time=step.time + world.spec.macro_step, route=(flags >> ROUTE_SHIFT) & ROUTE_MASK, source=-1, source_population=255,
        target=hosts, target_id=cells.id[hosts], target_population=cells.population[hosts], birth=record["birth"],
        ordinal=record["ordinal"], copies=record["copies"], mass=MASS_SCALE * record["mass"],
        damage=DAMAGE_SCALE * record["damage"], psi=np.where(flags & WITHOUT_POTENTIAL != 0, 0.0, psi),
    )  # fmt: skip


def _append(world: Any, n: int, **columns: Any) -> None:
    """Append ``n`` events; columns that are not given are 0."""
    world.reserve_events(n)
    world.backend.pull(world.events)
    events: EventBuffer = world.events
    at = slice(int(events.count[0]), int(events.count[0]) + n)
    for name in events._fields:
        if name != "count":
            getattr(events, name)[at] = columns.get(name, 0)
    events.count[0] += n
    world.backend.push(events)
