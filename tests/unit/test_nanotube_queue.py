"""The queue of link events gives them back in order, and the buffers of a step grow without losing anything."""

import numpy as np

from mitoferry.core.events import EVENT_LOADED, allocate_events
from mitoferry.processes import nanotube_clocks, nanotube_transport
from mitoferry.processes.nanotube_queue import drop_first, push, queue_of, with_more_room
from nanotubes import PLAIN, Stage, rows_of, tie, wells_of


def test_order_of_time_kind_link_and_item():
    rng = np.random.default_rng(0)
    n = 60
    rows = np.column_stack([rng.integers(0, 4, n), rng.integers(0, 3, n), rng.integers(0, 3, n), np.arange(n)])
    start, later = rows[:20], rows[20:]
    lane = rng.integers(0, 2, n)
    queue = queue_of([start[:, 0].astype(float), *start[:, 1:].T], lane[:20], 2, [[], []])
    queue = with_more_room(queue, [[], []])
    for where, (time, tie_, kind, item) in zip(lane[20:], later[:, [0, 2, 1, 3]], strict=True):
        push(queue, where, float(time), kind, tie_, item)
    out = [[], []]
    while queue.size.any():
        where = int(rng.choice(np.flatnonzero(queue.size)))
        at = queue.first[where]
        out[where].append((queue.time[at], queue.tie[at], queue.kind[at], queue.item[at]))
        drop_first(queue, where)
    assert [sorted(map(tuple, rows[lane == k][:, [0, 2, 1, 3]].tolist())) for k in range(2)] == out
    assert sum(map(len, out)) == n


def test_full_buffers_grow_in_mid_step():
    world = wells_of((1, 1), [(100.0, 100.0), (130.0, 100.0)], mitochondria=(5, 1500), miro1=(0.0, 1.0))
    tie(world, rows_of(world, 1), rows_of(world, 0), diameter=1.0)
    world.events = allocate_events(8)
    before = int(world.cells.n_mitochondria[rows_of(world, 1)[0]])
    stage = Stage(
        world, (nanotube_clocks, nanotube_transport), nanotube_clocks={"thick_lifetime": 1e12},
        nanotube_transport={**PLAIN, "loading_rate": 120.0, "microtubule_speed": 1e-3},
    ).run(3600.0)  # fmt: skip
    loaded = (stage.log()["kind"] == EVENT_LOADED).sum()
    assert loaded > 900
    assert loaded == world.cargo.alive.sum()
    assert int(world.cells.n_mitochondria[rows_of(world, 1)[0]]) == before - loaded
