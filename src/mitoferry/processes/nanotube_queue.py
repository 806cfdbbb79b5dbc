"""The queue of a step's link events: a binary heap on (time, kind, well and link id, item), as row functions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row

ARRIVAL, LOADING, LOSS = 0, 1, 2  # at equal times in this order
ROOM = 256


class Queue(NamedTuple):
    """Columns of the heap; ``size[0]`` entries are in use. ``item`` is a row of cargo (arrival) or of links.

    The next free row of cargo is sought among ``free``: rows of cargo that are free or may become so in this step, ascending, and from
    ``size[2]`` on all that were not in use when the step began; ``size[1]`` says where in that sequence the search has come to.
    """

    time: Any
    kind: Any
    tie: Any
    item: Any
    size: Any
    free: Any

    def grown(self) -> Queue:
        """The same queue with twice the room."""
        n = len(self.time)
        time, kind, tie, item = (np.concatenate([c, np.zeros(n, c.dtype)]) for c in self[:4])
        return Queue(time, kind, tie, item, self.size, self.free)


def queue_of(time: Any, kind: Any, tie: Any, item: Any, free: Any, n_cargo: int) -> Queue:
    """A queue of the given events (a sorted array is a heap), with the rows of cargo, of ``n_cargo`` in use, that may be free."""
    n = len(time)
    order = np.lexsort((item, tie, kind, time))
    pad = np.zeros(n + ROOM)
    time, kind, tie, item = (np.concatenate([np.asarray(c)[order], pad.astype(np.asarray(c).dtype)]) for c in (time, kind, tie, item))
    return Queue(time, kind, tie, item, np.array([n, 0, n_cargo], dtype=np.int64), np.asarray(free, dtype=np.int64))


@row
def before(queue, i, j):
    """Whether entry ``i`` comes before entry ``j``."""
    if queue.time[i] != queue.time[j]:
        return queue.time[i] < queue.time[j]
    if queue.kind[i] != queue.kind[j]:
        return queue.kind[i] < queue.kind[j]
    if queue.tie[i] != queue.tie[j]:
        return queue.tie[i] < queue.tie[j]
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
def push(queue, time, kind, tie, item):
    """Add an entry; the caller has made sure of room."""
    n = int(queue.size[0])
    queue.size[0] = n + 1
    queue.time[n] = time
    queue.kind[n] = kind
    queue.tie[n] = tie
    queue.item[n] = item
    while n > 0 and before(queue, n, (n - 1) // 2):
        swap(queue, n, (n - 1) // 2)
        n = (n - 1) // 2


@row
def drop_first(queue):
    """Remove the first entry."""
    n = int(queue.size[0]) - 1
    queue.size[0] = n
    if n <= 0:
        return
    swap(queue, 0, n)
    i = 0
    while True:
        first = i
        if 2 * i + 1 < n and before(queue, 2 * i + 1, first):
            first = 2 * i + 1
        if 2 * i + 2 < n and before(queue, 2 * i + 2, first):
            first = 2 * i + 2
        if first == i:
            return
        swap(queue, i, first)
        i = first
