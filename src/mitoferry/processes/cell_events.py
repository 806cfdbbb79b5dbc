"""Log events of cells (release of cytochrome c, death, division) from host code; rare, so not compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.events import EventBuffer


def log_cell_events(world: Any, kinds: Any, sources: Any, times: Any, targets: Any | None = None) -> None:
    """Append one event per entry to the events of this macro-step, in the order given.

    Args:
        world: the state; its cells and events are pulled.
        kinds: EVENT_* per event, or one for all.
        sources: rows of cells, int [n].
        times: float [n], s.
        targets: rows of cells, int [n], or ``None``.
    """
    n = len(sources)
    world.reserve_events(n)
    world.backend.pull(world.cells, world.events)
    events: EventBuffer = world.events
    cells = world.cells
    at = slice(int(events.count[0]), int(events.count[0]) + n)
    blank = {"kind": kinds, "well": cells.well[sources], "time": times, "source": sources, "target": -1, "target_population": 255}
    for name in events._fields:
        if name != "count":
            getattr(events, name)[at] = blank.get(name, 0)
    events.source_id[at] = cells.id[sources]
    events.source_population[at] = cells.population[sources]
    if targets is not None:
        events.target[at] = targets
        events.target_id[at] = cells.id[targets]
        events.target_population[at] = cells.population[targets]
    events.count[0] += n
    world.backend.push(world.events)


def order_of(cells: Any, rows: Any, times: Any) -> Any:
    """The order (time, well, cell id) of the rows ``rows``, int64 [n]."""
    return np.lexsort((cells.id[rows], cells.well[rows], times))
