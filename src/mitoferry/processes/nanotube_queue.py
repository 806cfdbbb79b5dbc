"""The queue of a step's link events: binary heaps on (time, well and link id, kind, item), as row functions.

There is one heap for all wells, or one for each (``core/by_well.py``): a lane.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row

ARRIVAL, LOADING, LOSS = 0, 1, 2  # at equal times, of the same link, in this order
ROOM = 256


class Queue(NamedTuple):
    """Heaps, and what their lanes may use. ``item`` is a row of cargo (arrival) or of links.

    Attributes:
        time, kind, tie, item: columns; the heap of lane k begins at entry ``first[k]`` and has room up to ``first[k + 1]``.
        first, size: int64 [lanes + 1], [lanes]; ``size`` entries of a heap are in use.
        rows, begin, sought: rows of cargo that are free or may become so in this step; those of lane k are from ``begin[k]`` to
            ``begin[k + 1]``, in the order in which they are taken, and ``sought[k]`` of them have been looked at.
        counter: int64 [lanes], which of the counters of free pages and of events is that of the lane.
        floor, end: int64 [lanes], free pages that are not the lane's, and the row of the event log before which it has to stop.
        short: int64 [lanes], 0, or how many moves the next event may need, for which some room might be too small.
    """

    time: Any
    kind: Any
    tie: Any
    item: Any
    first: Any
    size: Any
    rows: Any
    begin: Any
    sought: Any
    counter: Any
    floor: Any
    end: Any
    short: Any


def queue_of(columns: Any, lane: Any, n_lanes: int, rows: Any, *, double: bool = False) -> Queue:
    """Heaps of events, with ``ROOM`` to grow (``double`` or many lanes: as much again and a little); limits are to be set.

    Args:
        columns: time, kind, tie, item of each.
        lane: int64 [n], the lane of each.
        n_lanes: how many lanes there are.
        rows: rows of cargo that each lane may take.
        double: whether a queue turned out to be too small.
    """
    time, kind, tie, item = (np.asarray(c) for c in columns)
    order = np.lexsort((item, kind, tie, time, lane))  # a sorted array is a heap
    size = np.bincount(lane, minlength=n_lanes)
    room = 2 * size + 16 if double or n_lanes > 1 else size + ROOM
    first, start = _ends(room), _ends(size)
    at: Any = slice(0, len(time))
    if n_lanes > 1:
        at = np.arange(len(time)) + np.repeat(first[:-1] - start[:-1], size)
    grown = [np.zeros(int(first[-1]), c.dtype) for c in (time, kind, tie, item)]
    for column, given in zip(grown, (time, kind, tie, item), strict=True):
        column[at] = given[order]
    none = [np.zeros(n_lanes, dtype=np.int64) for _ in range(5)]
    begin = _ends([len(r) for r in rows])
    return Queue._make([*grown, first, size.astype(np.int64), np.concatenate(rows).astype(np.int64), begin, *none])


def room_of(queue: Queue) -> tuple[int, int]:
    """How many events are known to fit into a queue of one lane, with ``ROOM`` to grow, and how many rows of cargo."""
    return len(queue.time) - ROOM, len(queue.rows)


def allocate_queue(events: int, rows: int) -> Queue:
    """A queue of one lane with room for so many events, ``ROOM`` to grow, and rows of cargo; :func:`begin_queue` empties it."""
    i, events = np.int64, events + ROOM
    columns = np.zeros(events), np.zeros(events, i), np.zeros(events, i), np.zeros(events, i)
    one = [np.zeros(1, i) for _ in range(5)]
    return Queue(*columns, np.array([0, events]), np.zeros(1, i), np.zeros(rows, i), np.zeros(2, i), *one)


@row
def begin_queue(queue):
    """Empty the queue of a lane that is alone."""
    queue.size[0] = 0
    queue.begin[1] = 0
    queue.sought[0] = 0


@row
def add_row(queue, k):
    """Let a lane that is alone take row ``k`` of the cargo."""
    at = int(queue.begin[1])
    queue.rows[at] = k
    queue.begin[1] = at + 1


def with_more_room(queue: Queue, more: Any) -> Queue:
    """The same queue with more room for events, and with the rows of cargo ``more`` of each lane behind those that it had."""
    lanes = range(len(queue.size))
    at = np.concatenate([np.arange(queue.first[k], queue.first[k] + queue.size[k]) for k in lanes])
    rows = [np.append(queue.rows[queue.begin[k] : queue.begin[k + 1]], more[k]) for k in lanes]
    larger = queue_of([c[at] for c in queue[:4]], np.repeat(lanes, queue.size), len(queue.size), rows, double=True)
    return larger._replace(sought=queue.sought, counter=queue.counter)


def _ends(sizes: Any) -> Any:
    ends = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=ends[1:])
    return ends


@row
def before(queue, i, j):
    """Whether entry ``i`` comes before entry ``j``."""
    if queue.time[i] != queue.time[j]:
        return queue.time[i] < queue.time[j]
    if queue.tie[i] != queue.tie[j]:
        return queue.tie[i] < queue.tie[j]
    if queue.kind[i] != queue.kind[j]:
        return queue.kind[i] < queue.kind[j]
    return queue.item[i] < queue.item[j]


@row
def swap(queue, i, j):
    """Exchange two entries."""
    time = queue.time[i]
    queue.time[i] = queue.time[j]
    queue.time[j] = time
    kind = queue.kind[i]
    queue.kind[i] = queue.kind[j]
    queue.kind[j] = kind
    tie = queue.tie[i]
    queue.tie[i] = queue.tie[j]
    queue.tie[j] = tie
    item = queue.item[i]
    queue.item[i] = queue.item[j]
    queue.item[j] = item


@row
def push(queue, lane, time, kind, tie, item):
    """Add an entry to a heap; the caller has made sure of room."""
    top = int(queue.first[lane])
    n = int(queue.size[lane])
    queue.size[lane] = n + 1
    queue.time[top + n] = time
    queue.kind[top + n] = kind
    queue.tie[top + n] = tie
    queue.item[top + n] = item
    while n > 0 and before(queue, top + n, top + (n - 1) // 2):
        swap(queue, top + n, top + (n - 1) // 2)
        n = (n - 1) // 2


@row
def drop_first(queue, lane):
    """Remove the first entry of a heap."""
    top = int(queue.first[lane])
    n = int(queue.size[lane]) - 1
    queue.size[lane] = n
    if n <= 0:
        return
    swap(queue, top, top + n)
    i = 0
    while True:
        first = i
        if 2 * i + 1 < n and before(queue, top + 2 * i + 1, top + first):
            first = 2 * i + 1
        if 2 * i + 2 < n and before(queue, top + 2 * i + 2, top + first):
            first = 2 * i + 2
        if first == i:
            return
        swap(queue, top + i, top + first)
        i = first


@row
def row_sought(queue, lane, k):
    """Number ``k`` of the rows of cargo that a lane may take; -1 if it has no more."""
    at = int(queue.begin[lane]) + k
    return int(queue.rows[at]) if at < int(queue.begin[lane + 1]) else -1
