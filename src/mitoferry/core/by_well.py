"""Lists of events that must follow each other within a well, while wells go side by side where that is quicker.

Wells have no cell, pool, vesicle or tube in common. What they do have in common is the stack of free pages and the event log, so that a
launch with a thread for each well gives every well a share of both beforehand: as many pages and rows of the log as it can need. The
counters ``pages.n_free`` and ``events.count`` have an entry, of the log two, for each well then (``pages.add_page``,
``handover.log_event``).

Afterwards the pages that were not taken are free again, and the rows of the log are read in the order in which one thread would have
written them: by time and well (:func:`rows_logged`). Only the numbers of pages differ from those that one thread gives, which nothing
that is computed depends on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.base.errors import OverflowStop

FEWEST = 64  # entries: fewer are left to one thread


class Shares(NamedTuple):
    """What the wells ``lanes`` (int64) may take of a stack or a log: from where on, and how much."""

    lanes: Any
    begin: Any
    size: Any


def by_well(world: Any, row: Any, order: Any, wells: Any, *args: Any, pages: Any = 1, events: Any = 1) -> None:
    """Let ``row(s, ends, order, *args)`` treat the entries ``order[ends[s]:ends[s + 1]]``, one after the other; s is a list of its own.

    The backends of a CPU have one list. The caller has reserved pages and events.

    Args:
        world: the state.
        row: the row function; apart from pages and events it touches only what belongs to the well of an entry.
        order: int64 [n], entries, ascending in (time, well); what an entry logs has the time of the entry.
        wells: [n], well of each.
        args: what else the row function takes; the tables of pages and events among them as they are in ``world``.
        pages, events: how many free pages and rows of the log an entry can take, for all or int [n].

    Raises:
        OverflowStop: a well took more than it was given.
    """
    backend, n = world.backend, len(order)
    if not backend.own_memory or n < FEWEST or (wells == wells[0]).all():
        backend.each(row, 1, np.array([0, n]), order, *args)
        return
    by = np.argsort(wells, kind="stable")
    lanes, first = np.unique(wells[by], return_index=True)
    free, used = (int(backend.read(slice(0, 1), x)[0][0]) for x in (world.pages.n_free, world.events.count))
    of_pages, of_events = (np.add.reduceat(np.broadcast_to(np.asarray(x, dtype=np.int64), n)[by], first) for x in (pages, events))
    stack = Shares(lanes, free - (np.cumsum(of_pages) - of_pages), of_pages)
    log = Shares(lanes, used + np.cumsum(of_events) - of_events, of_events)
    if of_pages.sum() > free or used + of_events.sum() > len(world.events.kind):
        raise OverflowStop(f"{row.__name__}: too few pages or events were reserved")
    tops, places = np.zeros(world.n_wells, dtype=np.int64), np.zeros(2 * world.n_wells, dtype=np.int64)
    tops[lanes], places[2 * lanes] = stack.begin, log.begin
    given = [_with_shares(x, world, tops, places) for x in args]
    backend.each(row, lanes.size, np.append(first, n), order[by], *given)
    (top,), (place,) = backend.read(lanes, tops), backend.read(2 * lanes, places)
    if (stack.begin - top > stack.size).any() or (place - log.begin > log.size).any():
        raise OverflowStop(f"{row.__name__}: a well took more pages or logged more events than it had been given")
    _give_back(world, free, stack, top)
    end = used + int(of_events.sum())
    world.event_shares.append((used, end, log.begin, place))
    backend.write(slice(0, 1), world.events.count, end)


def _with_shares(table: Any, world: Any, tops: Any, places: Any) -> Any:
    """Pages and events with a counter for each well."""
    if table is world.pages:
        return table._replace(n_free=tops)
    return table._replace(count=places) if table is world.events else table


def _give_back(world: Any, free: int, stack: Shares, top: Any) -> None:
    """Close the gaps that the pages taken have left in the stack of ``free`` ones."""
    taken = stack.begin - top
    if not taken.any():
        return
    backend, pages = world.backend, world.pages
    floor = free - int(stack.size.sum())
    (kept,) = backend.read(slice(floor, free), pages.free)
    gone = np.concatenate([np.arange(a, b) for a, b in zip(top, stack.begin, strict=True)])
    kept = np.delete(kept, gone - floor)
    backend.write(slice(floor, floor + kept.size), pages.free, kept)
    backend.write(slice(0, 1), pages.n_free, floor + kept.size)


def rows_logged(world: Any, time: Any) -> Any:
    """Rows of the event log in use, in the order of the log (int64 or a slice); ``time``: that of all rows up to ``world.n_events``."""
    if not world.event_shares:
        return slice(0, len(time))
    parts, at = [], 0
    for first, end, begin, stop in world.event_shares:
        rows = np.concatenate([np.arange(a, b) for a, b in zip(begin, stop, strict=True)])
        parts += [np.arange(at, first), rows[np.argsort(time[rows], kind="stable")]]
        at = end
    return np.concatenate([*parts, np.arange(at, len(time))])


__all__ = ["FEWEST", "by_well", "rows_logged"]
