"""The log of rare, lineage-bearing events: every hand-over and what became of it, link birth and break, death and division."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

(
    EVENT_HANDOVER, EVENT_LOADED, EVENT_LINK_BORN, EVENT_LINK_LOST, EVENT_MOMP, EVENT_DEATH, EVENT_DIVISION, EVENT_ARRIVAL_LYSED,
    EVENT_FUSED_DEGRADED, EVENT_CELL_FUSION, EVENT_WASHED, EVENT_MOVED_OUT, EVENT_MOVED_IN,
) = range(13)  # fmt: skip
EVENT_NAMES = (
    "handover", "loaded", "link_born", "link_lost", "cytochrome_c_release", "death", "division", "arrival_degraded", "fused_degraded",
    "cell_fusion", "washed_away", "moved_out", "moved_in",
)  # fmt: skip
OF_MITOCHONDRIA = (EVENT_HANDOVER, EVENT_LOADED, EVENT_ARRIVAL_LYSED, EVENT_FUSED_DEGRADED, EVENT_WASHED)
"""Kinds of event that happen to one mitochondrion."""


class EventBuffer(NamedTuple):
    """Fixed buffer that serial row functions append to; ``count[0]`` rows are in use, ``count[1]`` were refused.

    Columns: kind, well, time [s], route (ROUTE_*), source and target rows of cells (-1 = none), ids of both, their
    populations (255 = none), birth and ordinal of the mitochondrion (or link id in ordinal), copies of the four
    haplotypes, mass, damage, potential [mV], link id.
    """

    kind: Any
    well: Any
    time: Any
    route: Any
    source: Any
    target: Any
    source_id: Any
    target_id: Any
    source_population: Any
    target_population: Any
    birth: Any
    ordinal: Any
    copies: Any
    mass: Any
    damage: Any
    psi: Any
    link: Any
    count: Any


def allocate_events(n: int) -> EventBuffer:
    """An empty buffer for ``n`` events."""
    f, i, u = np.float64, np.int32, np.uint32
    return EventBuffer(
        kind=np.zeros(n, np.uint8), well=np.zeros(n, i), time=np.zeros(n, f), route=np.zeros(n, np.uint8),
        source=np.full(n, -1, i), target=np.full(n, -1, i), source_id=np.zeros(n, u), target_id=np.zeros(n, u),
        source_population=np.full(n, 255, np.uint8), target_population=np.full(n, 255, np.uint8),
        birth=np.zeros(n, u), ordinal=np.zeros(n, u), copies=np.zeros((n, 4), np.uint8), mass=np.zeros(n, np.float32),
        damage=np.zeros(n, np.float32), psi=np.zeros(n, np.float32), link=np.zeros(n, u), count=np.zeros(2, np.int64),
    )  # fmt: skip
