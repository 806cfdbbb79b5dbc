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
    """What the wells ``lanes`` (int64) may take of the stack of free pages and of the event log: from where on, and how much.

    ``tops`` and ``places`` are the counters that stand in for ``pages.n_free`` and ``events.count``.
    """

    lanes: Any
    page: Any
    pages: Any
    event: Any
    events: Any
    tops: Any
    places: Any

    def given(self, world: Any, *args: Any) -> list[Any]:
        """Arguments of a launch, with a counter for each well in the tables of pages and events."""
        counted = {id(world.pages): world.pages._replace(n_free=self.tops), id(world.events): world.events._replace(count=self.places)}
        return [counted.get(id(x), x) for x in args]


class Written(NamedTuple):
    """A piece of the event log, the rows from ``begin`` to ``end``: ``wells`` have written those from ``first`` to ``stop``."""

    begin: int
    end: int
    wells: Any
    first: Any
    stop: Any


def can_share(world: Any, wells: Any) -> bool:
    """Whether entries of these wells [n] are worth a launch with a thread for each well."""
    return bool(world.backend.own_memory and len(wells) >= FEWEST and (wells != wells[0]).any())


def open_shares(world: Any, lanes: Any, pages: Any, events: Any) -> Shares:
    """Give the wells ``lanes`` so many free pages and rows of the log (int64 [lanes]), which the caller has reserved.

    Raises:
        OverflowStop: there are not as many.
    """
    backend = world.backend
    free, used = (int(backend.read(slice(0, 1), x)[0][0]) for x in (world.pages.n_free, world.events.count))
    if pages.sum() > free or used + events.sum() > len(world.events.kind):
        raise OverflowStop("too few pages or events were reserved for a list of hand-overs")
    page, event = free - (np.cumsum(pages) - pages), used + np.cumsum(events) - events
    tops, places = np.zeros(world.n_wells, dtype=np.int64), np.zeros(2 * world.n_wells, dtype=np.int64)
    tops[lanes], places[2 * lanes] = page, event
    return Shares(lanes, page, pages, event, events, tops, places)


def close_shares(world: Any, shares: Shares, name: str, *, goes_on: bool = False) -> None:
    """What was not taken is free again, and the log goes on behind what was written.

    Args:
        world: the state.
        shares: what the wells were given.
        name: of what was launched.
        goes_on: whether the launch went on with the list of the one before, so that what both have logged is in one order.

    Raises:
        OverflowStop: a well took more than it was given.
    """
    backend = world.backend
    (top,), (place,) = backend.read(shares.lanes, shares.tops), backend.read(2 * shares.lanes, shares.places)
    taken, logged = shares.page - top, place - shares.event
    if (taken > shares.pages).any() or (logged > shares.events).any():
        raise OverflowStop(f"{name}: a well took more pages or logged more events than it had been given")
    if taken.any():
        floor, free = int((shares.page - shares.pages)[-1]), int(shares.page[0])
        (kept,) = backend.read(slice(floor, free), world.pages.free)
        gone = np.concatenate([np.arange(a, b) for a, b in zip(top, shares.page, strict=True)])
        kept = np.delete(kept, gone - floor)
        backend.write(slice(floor, floor + kept.size), world.pages.free, kept)
        backend.write(slice(0, 1), world.pages.n_free, floor + kept.size)
    begin, end = int(shares.event[0]), int(shares.event[-1] + shares.events[-1])
    if end == begin:
        return
    piece = Written(begin, end, shares.lanes, shares.event, place)
    if goes_on:
        before = world.event_shares.pop()
        piece = Written(before.begin, end, *(np.append(a, b) for a, b in zip(before[2:], piece[2:], strict=True)))
    world.event_shares.append(piece)
    backend.write(slice(0, 1), world.events.count, end)


def by_well(world: Any, row: Any, order: Any, wells: Any, *args: Any, pages: Any = 1, events: Any = 1) -> None:
    """Let ``row(lane, ends, order, *args)`` treat the entries ``order[ends[lane]:ends[lane + 1]]``, one after the other.

    A lane is a well, or all wells together. The caller has reserved pages and events.

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
    n = len(order)
    if not can_share(world, wells):
        world.backend.each(row, 1, np.array([0, n]), order, *args)
        return
    by = np.argsort(wells, kind="stable")
    lanes, first = np.unique(wells[by], return_index=True)
    most = [np.add.reduceat(np.broadcast_to(np.asarray(x, dtype=np.int64), n)[by], first) for x in (pages, events)]
    shares = open_shares(world, lanes.astype(np.int64), *most)
    world.backend.each(row, lanes.size, np.append(first, n), order[by], *shares.given(world, *args))
    close_shares(world, shares, row.__name__)


def rows_logged(world: Any, time: Any) -> Any:
    """Rows of the event log in use, in the order of the log (int64 or a slice); ``time``: that of all rows up to ``world.n_events``."""
    if not world.event_shares:
        return slice(0, len(time))
    parts, at = [], 0
    for piece in world.event_shares:
        rows = np.concatenate([np.arange(a, b) for a, b in zip(piece.first, piece.stop, strict=True)])
        wells = np.repeat(piece.wells, piece.stop - piece.first)
        parts += [np.arange(at, piece.begin), rows[np.lexsort((wells, time[rows]))]]
        at = piece.end
    return np.concatenate([*parts, np.arange(at, len(time))])


__all__ = ["FEWEST", "Shares", "Written", "by_well", "can_share", "close_shares", "open_shares", "rows_logged"]
