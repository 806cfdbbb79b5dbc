"""Log events of cells (release of cytochrome c, death, division) and other lists of events that no row function has logged."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.handover import write_event
from mitoferry.core.row import row
from mitoferry.core.schema import ROUTE_NONE


@row
def cell_event_row(q, first, kinds, sources, targets, times, cells, mitochondria, events):
    """Write event ``q`` of a list, of a cell, into the buffer, the list of which begins at ``first``."""
    i = int(sources[q])
    j = int(targets[q])
    write_event(first + q, events, int(kinds[q]), cells.well[i], float(times[q]), ROUTE_NONE, cells, i, j, mitochondria, -1, 0.0, 0)


def log_cell_events(world: Any, kinds: Any, sources: Any, times: Any, targets: Any | None = None) -> None:
    """Append one event per entry to the events of this macro-step, in the order given.

    Args:
        world: the state.
        kinds: EVENT_* per event, or one for all.
        sources: rows of cells, int [n].
        times: float [n], s.
        targets: rows of cells, int [n], or ``None``.
    """
    n = len(sources)
    world.reserve_events(n)
    first, events = world.n_events, world.events
    given = [np.full(n, x, dtype=np.int64) for x in (kinds, sources, -1 if targets is None else targets)]
    world.backend.each(cell_event_row, n, first, *given, np.full(n, times, dtype=np.float64), world.cells, world.mitochondria, events)
    world.backend.write(slice(0, 1), events.count, first + n)


def append_events(world: Any, n: int, **columns: Any) -> None:
    """Append ``n`` events with these columns; those that are not given are 0."""
    world.reserve_events(n)
    first, events = world.n_events, world.events
    for name in events._fields:
        if name != "count":
            world.backend.write(slice(first, first + n), getattr(events, name), columns.get(name, 0))
    world.backend.write(slice(0, 1), events.count, first + n)


def in_order(world: Any, rows: Any, times: Any) -> Any:
    """The order (time, well, cell id) of the rows ``rows`` of cells at these times, int64 [n]."""
    ids, wells = world.backend.read(rows, world.cells.id, world.cells.well)
    return np.lexsort((ids, wells, times))
