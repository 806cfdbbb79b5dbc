"""Hand-overs of different wells go side by side, and leave what one thread leaves: every individual, count and event, in that order.

Faults seen to fail it, planted in a copy of the package: all wells given the same share of the free pages, or of the event log; pages that
were not taken not given back, or the gaps of the stack left open; events in the order of wells; limits not looked at; the queue of
nanotubes without the limits of its lane, or with the rows of cargo of another; what is let go by a lost tube in the order of rows.
"""

from __future__ import annotations

import numpy as np
import pytest
from cuda_cases import CASES, SIDE_BY_SIDE, WELLS, run

from mitoferry.backends.apart import Apart
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.base.errors import OverflowStop
from mitoferry.core import by_well
from mitoferry.core.by_well import Shares, Written, open_shares, rows_logged
from mitoferry.core.events import EVENT_DIVISION
from mitoferry.core.handover import log_event
from mitoferry.core.pages import add_page
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, N_POOLS, PAGE, ROUTE_NONE
from mitoferry.processes import nanotube_transport
from mitoferry.processes.nanotube_links import BY_SEARCH, make_links, proposals_of
from mitoferry.processes.nanotube_queue import queue_of
from mitoferry.processes.vesicle_release import pages_of_pools
from worlds import make_world

SAME = ("state", "events", "processes")


@row
def take_all(lane, ends, order, wells_of, times, pages_wanted, events_wanted, pages, cells, events, mitochondria):
    """Give the medium of the well of every entry so many pages, and log so many events."""
    for k in range(int(ends[lane]), int(ends[lane + 1])):
        j = int(order[k])
        w = int(wells_of[j])
        for _ in range(int(pages_wanted[j])):
            add_page(pages, cells, N_POOLS * w)
        for e in range(int(events_wanted[j])):
            log_event(events, EVENT_DIVISION, w, float(times[j]), ROUTE_NONE, cells, -1, -1, mitochondria, -1, float(e), j)


@pytest.fixture
def opened(monkeypatch):
    """Launches with a thread for each well, from one entry on; holds how many wells each had."""
    found = []
    given = Shares.given

    def noted(shares, *args):
        found.append(len(shares.lanes))
        return given(shares, *args)

    monkeypatch.setattr(by_well, "FEWEST", 1)
    monkeypatch.setattr(Shares, "given", noted)
    return found


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_wells_side_by_side_leave_what_one_thread_does(name, opened):
    alone = run(CASES[name], Cpu(threads=1), wells=WELLS)
    assert opened == []
    found = run(CASES[name], Apart(), wells=WELLS)
    assert {k: found[k] for k in SAME} == {k: alone[k] for k in SAME}
    assert opened
    assert max(opened) == WELLS


@pytest.mark.parametrize("little", ["pages and events", "cargo"])
def test_lanes_that_run_out_of_room_go_on(little, opened, monkeypatch):
    """Nanotubes: pages, rows of the log and of the cargo are given again until all is settled."""
    busy = CASES["tubes"]._replace(numbers=CASES["tubes"].numbers | {"mitochondria": 60.0})
    alone = run(busy, Apart(), wells=WELLS)
    rounds = len(opened)

    def scarce(world, lanes, pages, events):
        assert len(opened) < 20 * rounds, "it does not go on"
        return open_shares(world, lanes, np.minimum(pages, 4), np.minimum(events, 12))

    if little == "cargo":
        monkeypatch.setattr(nanotube_transport, "FEW_CARGO", 0)
        monkeypatch.setattr(nanotube_transport, "MORE_CARGO", 1)
    else:
        monkeypatch.setattr(nanotube_transport, "open_shares", scarce)
    found = run(busy, Apart(), wells=WELLS)
    assert {k: found[k] for k in SAME} == {k: alone[k] for k in SAME}
    assert len(opened) > 2 * rounds + 4


def test_no_row_of_cargo_is_of_two_lanes(opened, monkeypatch):
    dealt = []

    def noted(columns, lane, n_lanes, rows):
        dealt.append([set(x.tolist()) for x in rows])
        return queue_of(columns, lane, n_lanes, rows)

    monkeypatch.setattr(nanotube_transport, "queue_of", noted)
    slow = CASES["tubes"]._replace(parameters=CASES["tubes"].parameters | {"nanotube_transport.microtubule_speed": 0.1})
    run(slow, Apart(), wells=WELLS)
    assert [len(x) for x in dealt[-3:]] == [WELLS] * 3
    for rows in dealt:
        assert sum(map(len, rows)) == len(set().union(*rows))
    assert len(set().union(*dealt[-1]) & set().union(*dealt[-2])) > 0, "some are under way from step to step"


# ---------------------------------------------------------------------- shares
def logged(world):
    """(time, well, number, link) of what was logged, in the order of the log."""
    e, n = world.events, world.n_events
    world.backend.pull(e)
    rows = rows_logged(world, e.time[:n])
    return list(zip(*(x[:n][rows].tolist() for x in (e.time, e.well, e.psi, e.link)), strict=True))


def pools(world):
    """Pages of the medium of each well, and the pages that are free; together, once each, those that were free before."""
    world.backend.pull(world.pages, world.cells)
    free = world.pages.free[: int(world.pages.n_free[0])].tolist()
    held = [np.flatnonzero(world.pages.owner == N_POOLS * w).tolist() for w in range(world.n_wells)]
    return held, free


def after(backend, most_pages, most_events, rounds=2):
    """A plate of five wells after entries of four of them, in which up to three pages are taken and three events logged by each."""
    rng = np.random.default_rng(4)
    world = make_world(replicates=5)
    world.backend = backend
    world.reserve_pages(300)
    world.reserve_events(600)
    free = set(world.pages.free[: int(world.pages.n_free[0])].tolist())
    backend.pull(world.pages, world.cells, world.events)
    for _ in range(rounds):
        wells, times = rng.choice([0, 2, 3, 4], 40), np.repeat(rng.random(20), 2)
        order = np.lexsort((wells, times))
        wanted = rng.integers(0, 4, 40), rng.integers(0, 4, 40)
        state = (world.pages, world.cells, world.events, world.mitochondria)
        by_well.by_well(
            world, take_all, order, wells[order], wells, times, *wanted, *state,
            pages=wanted[0][order] + most_pages, events=wanted[1][order] + most_events,
        )  # fmt: skip
        between = np.arange(1), np.zeros(1, np.int64)
        backend.each(take_all, 1, np.array([0, 1]), *between, np.full(1, 9.0), np.ones(1, np.int64), np.ones(1, np.int64), *state)
    return world, free


@pytest.mark.parametrize("spare", [0, 2])
def test_pages_and_rows_of_the_log_are_shared_out(spare, opened):
    alone, _ = after(Cpu(threads=1), spare, spare)
    world, before = after(Apart(), spare, spare)
    assert opened == [4, 4]
    assert logged(world) == logged(alone)
    assert len(logged(world)) > 100
    held, free = pools(world)
    assert [len(x) for x in held] == [len(x) for x in pools(alone)[0]]
    assert len(held[1]) == 0 < len(held[2])
    everything = sum(held, free)
    assert len(everything) == len(set(everything))
    assert set(everything) >= before
    assert world.n_events == len(logged(world)) + 2 * 40 * spare


@pytest.mark.parametrize(("pages", "events"), [(-1, 0), (0, -1)])
def test_a_well_that_takes_more_than_its_share_stops_the_run(pages, events, opened):
    with pytest.raises(OverflowStop, match="take_all: a well took more"):
        after(Apart(), pages, events, rounds=1)


def test_shares_of_what_was_not_reserved_are_refused(opened):
    with pytest.raises(OverflowStop, match="too few pages or events"):
        after(Apart(), 10**6, 0)


def test_few_entries_or_one_well_are_left_to_one_thread(monkeypatch, opened):
    world = make_world(replicates=3)
    world.backend = Apart()
    assert by_well.can_share(world, np.array([0, 0, 1]))
    assert not by_well.can_share(world, np.array([1, 1, 1]))
    assert not by_well.can_share(world, np.zeros(0, int))
    monkeypatch.setattr(by_well, "FEWEST", 4)
    assert not by_well.can_share(world, np.array([0, 0, 1]))
    world.backend = Cpu(threads=1)
    assert not by_well.can_share(world, np.array([0, 0, 1, 1]))


def test_the_log_is_read_in_order():
    world = make_world(replicates=2)
    assert rows_logged(world, np.zeros(3)) == slice(0, 3)
    both = np.array([0, 1])
    world.event_shares = [Written(1, 7, both, np.array([1, 4]), np.array([3, 6]))]  # rows 1, 2 of one well and 4, 5 of the other
    time = np.array([9.0, 1.0, 3.0, 0.0, 1.0, 2.0, 0.0, 0.5])
    assert rows_logged(world, time).tolist() == [0, 1, 4, 5, 2, 7]


def test_pools_of_each_well_are_given_the_pages_that_its_entries_fill():
    """Entry by entry, as a walk through the list gives them: a page more for the first of a well, whose pool may end within one."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = int(rng.integers(0, 60))
        wells, most = rng.integers(0, rng.integers(1, 20), n), rng.integers(0, 90, n)
        sums: dict[int, int] = {}
        wanted = []
        for well, more in zip(wells.tolist(), most.tolist(), strict=True):
            before = sums.get(well, 0)
            sums[well] = before + more
            wanted.append(-(-sums[well] // PAGE) - -(-before // PAGE) + (before == 0 and well not in wells[: len(wanted)]))
        assert pages_of_pools(most, wells).tolist() == wanted


# ---------------------------------------------------------------------- links
def proposed(backend):
    """Links of a plate of five wells, some rows of which are in use, after proposals of which many have the same time or the same cells."""
    rng = np.random.default_rng(9)
    world = make_world(replicates=5, with_space=True, backend=backend)
    cells = rng.permutation(np.flatnonzero(world.cells.state == CELL_LIVE))
    well = world.cells.well
    proposals = proposals_of(world, 3)
    backend.pull(proposals, world.links)
    owners = np.sort(cells[:: max(len(cells) // 30, 1)])
    for i in owners:
        proposals.count[i] = 1 + i % 3
        others = rng.choice(np.setdiff1d(np.flatnonzero(well == well[i]), i), 3)
        for k in range(3):
            slot = 3 * i + k
            proposals.time[slot] = proposals.ready[slot] = float(rng.integers(0, 3))
            proposals.source[slot], proposals.target[slot] = (i, others[k]) if k else (others[k], i)
            proposals.length[slot] = rng.uniform(0.5, 9.0)
    world.reserve_links(6, 0)
    backend.pull(world.links)
    world.n_links = 6
    world.links.state[[0, 1, 3, 4]] = 2  # rows 2 and 5 are free
    backend.push(proposals, world.links)
    wanted = int(proposals.count[owners].sum())
    assert make_links(world, proposals, 3, owners, formation=BY_SEARCH, shortest=1.0) == wanted > 40
    backend.pull(world.links, world.wells, world.events)
    columns = ("id", "well", "id_a", "id_b", "state", "born", "length", "initiator")
    links = {name: getattr(world.links, name)[: world.n_links].tolist() for name in columns}
    return world.n_links, links, world.wells.next_link.tolist(), sorted(world.events.link[: world.n_events].tolist())


def test_links_are_made_in_the_order_of_time_well_and_cells_wherever_the_state_lies():
    """Faults seen to fail it, planted in a copy of the package: equal times left as they come, ids that the two ends have exchanged, rows
    in use written over, the rows in use forgotten.
    """
    here, there = proposed(Reference()), proposed(Apart())
    assert here == there == proposed(Cpu(threads=1))
    assert here[0] == 4 + len(here[3])
