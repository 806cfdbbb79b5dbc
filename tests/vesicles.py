"""Helpers of the tests of vesicles: put mitochondria into vesicles by hand, and look whether each is in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from fates import slots_of
from mitoferry.core.handover import load_into_transit
from mitoferry.core.schema import NO_VESICLE, OCCUPIED, POOL_TRANSIT, ROUTE_MASK, ROUTE_SHIFT, ROUTE_VESICLE
from mitoferry.processes.vesicle_release import free_rows


def pack(world: Any, row: int, sizes: Any, *, radius: float, kind: int, eat_me: int = 0) -> None:
    """Put mitochondria of the cell ``row`` into vesicles of these sizes, shed at time zero."""
    w = int(world.cells.well[row])
    world.reserve_events(int(sum(sizes)))
    world.reserve_pages(int(sum(sizes)) // 32 + 2)
    held = iter(slots_of(world, row).tolist())
    v = world.vesicles
    for r, n in zip(free_rows(world, len(sizes)).tolist(), sizes, strict=True):
        v = world.vesicles
        for k in range(n):
            v.slots[r, k] = load_into_transit(
                world.mitochondria, world.pages, world.cells, world.events, next(held), world.pool(w, POOL_TRANSIT), 0.0, ROUTE_VESICLE, 0
            )
        v.kind[r], v.well[r], v.source[r], v.radius[r], v.n_cargo[r] = kind, w, row, radius, n
        v.phosphatidylserine[r], v.layer[r], v.born[r] = eat_me, world.cells.layer[row], 0.0
        world.n_vesicles = max(world.n_vesicles, r + 1)
    world.events.count[0] = 0


def rows_in_use(world: Any) -> Any:
    """Rows of the vesicles that are there."""
    return np.flatnonzero(world.vesicles.kind[: world.n_vesicles] != NO_VESICLE)


def check_containers(world: Any) -> None:
    """Every mitochondrion in a vesicle is in one vesicle only, in the transit pool of its well, and the counts agree."""
    v, rows = world.vesicles, rows_in_use(world)
    slots = [int(s) for r in rows for s in v.slots[r, : v.n_cargo[r]]]
    assert len(slots) == len(set(slots))
    assert (v.n_cargo[rows] > 0).all()
    assert all((v.slots[r, v.n_cargo[r] :] == -1).all() for r in rows)
    for r in rows:
        inside = v.slots[r, : v.n_cargo[r]]
        assert (world.pages.owner[inside // 32] == world.pool(int(v.well[r]), POOL_TRANSIT)).all()
        assert (world.mitochondria.flags[inside] & OCCUPIED != 0).all()
        assert ((world.mitochondria.flags[inside] >> ROUTE_SHIFT) & ROUTE_MASK == ROUTE_VESICLE).all()
    pools = [world.pool(w, POOL_TRANSIT) for w in range(world.n_wells)]
    assert len(slots) == world.cells.n_mitochondria[pools].sum()
