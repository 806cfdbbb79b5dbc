"""Moves conserve, losses are booked, and an imbalance stops the run and says what is wrong (F18)."""

import numpy as np
import pytest

from mitoferry.base.errors import LedgerError
from mitoferry.core.handover import arrive, load_into_transit
from mitoferry.core.pages import clear_rare, compact_sparse, move, release_empty_pages, remove
from mitoferry.core.schema import COLUMNS, OCCUPIED, PAGE, POOL_TRANSIT, ROUTE_NANOTUBE, TALLY_DEGRADED, bytes_per_row
from mitoferry.core.sparse import sparse_zeros, write_changes
from worlds import cell_type, make_world, population


@pytest.fixture
def world():
    return make_world()


def slots_of(world, cell):
    out, page = [], int(world.cells.first_page[cell])
    while page >= 0:
        out += [s for s in range(page * PAGE, page * PAGE + PAGE) if world.mitochondria.flags[s] & OCCUPIED]
        page = int(world.pages.next[page])
    return out


def cells_of(world, population):
    return [int(c) for c in np.flatnonzero(world.cells.population[: world.n_cells] == population)]


def test_seeding_balances_and_ids_are_unique(world):
    world.ledger.check(world, "seeding", 0)
    ids = {(int(world.mitochondria.birth[s]), int(world.mitochondria.ordinal[s])) for c in range(world.n_cells) for s in slots_of(world, c)}
    assert len(ids) == world.cells.n_mitochondria.sum()


def test_move_keeps_the_individual(world):
    donor, recipient = cells_of(world, 1)[0], cells_of(world, 0)[0]
    slot = slots_of(world, donor)[3]
    before = {name: np.copy(getattr(world.mitochondria, name)[slot]) for name in world.mitochondria._fields}
    new = move(world.mitochondria, world.pages, world.cells, slot, recipient)
    for name, value in before.items():
        assert np.array_equal(getattr(world.mitochondria, name)[new], value), name
    assert world.mitochondria.flags[slot] == 0
    world.ledger.check(world, "move", 0)


def test_hand_over_through_transit_is_logged_and_counted(world):
    donor, recipient = cells_of(world, 1)[0], cells_of(world, 0)[0]
    slot = slots_of(world, donor)[0]
    n = int(world.cells.n_mitochondria[donor])
    args = (world.mitochondria, world.pages, world.cells, world.events)
    inside = load_into_transit(*args, slot, world.pool(0, POOL_TRANSIT), 12.5, ROUTE_NANOTUBE, 9)
    world.ledger.check(world, "loading", 0)
    arrived = arrive(*args, inside, recipient, 90.25, ROUTE_NANOTUBE, 0, donor, 9, 100.0)
    world.ledger.check(world, "arrival", 0)
    assert world.cells.n_mitochondria[donor] == n - 1
    assert world.cells.received[recipient] == world.cells.donated[donor] == 1
    assert world.events.count[0] == 2
    assert world.events.time[1] == 90.25
    assert world.events.psi[1] == pytest.approx(world.events.psi[0], abs=0.011)  # frozen in transit, 0.01 mV steps
    assert world.mitochondria.birth[arrived] == world.cells.id[donor]


def test_losses_are_booked_by_kind(world):
    cell = cells_of(world, 0)[0]
    remove(world.mitochondria, world.pages, world.cells, slots_of(world, cell)[0], 0)
    world.ledger.check(world, "mitophagy", 0)
    assert world.wells.ledger[0, TALLY_DEGRADED] == 1


FAULTS = {
    "copied, not moved": lambda w, a, b: w.mitochondria.flags.__setitem__(slots_of(w, a)[0] + 0, 0),
    "copies appear": lambda w, a, b: w.mitochondria.copies.__setitem__((slots_of(w, a)[0], 1), 1),
    "mass changes": lambda w, a, b: w.mitochondria.mass.__setitem__(slots_of(w, a)[0], 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_stop_the_run(world, fault):
    a, b = cells_of(world, 0)[:2]
    FAULTS[fault](world, a, b)
    with pytest.raises(LedgerError, match="after process 'some_process' at 60 s: well 0"):
        world.ledger.check(world, "some_process", 60)


def test_growth_of_the_page_table_keeps_everything(world):
    before = world.ledger.count(world)
    world.reserve_pages(int(world.pages.n_free[0]) + 500)
    assert (world.ledger.count(world) == before).all()
    free = world.pages.free[: int(world.pages.n_free[0])]
    assert len(set(free.tolist())) == len(free)
    assert (world.pages.owner[free] == -1).all()


def test_empty_pages_go_back(world):
    cell = cells_of(world, 0)[0]
    for slot in slots_of(world, cell):
        remove(world.mitochondria, world.pages, world.cells, slot, 1)
    free = int(world.pages.n_free[0])
    release_empty_pages(world.mitochondria, world.pages, world.cells, cell)
    assert world.cells.first_page[cell] == -1
    assert world.pages.n_free[0] > free


@pytest.mark.parametrize("copies", [0.4, 5.0, 125.0, 250.0])
def test_seeded_copies_have_the_mean_of_the_cell_type(copies):
    """Also where a byte per haplotype is nearly full. Planted fault seen: trials of 4 x the mean overflow at 125."""
    numbers = cell_type(mitochondria=200.0, mtdna=200.0 * copies, cell_cv=0.0)
    world = make_world([population(count=10, numbers=numbers)])
    slots = np.concatenate([slots_of(world, c) for c in cells_of(world, 0)])
    found = world.mitochondria.copies[slots].astype(int).sum(axis=1)
    trials = min(np.ceil(4.0 * copies), 255)
    error = np.sqrt(copies * (1.0 - copies / trials) / len(slots))
    assert abs(found.mean() - copies) < 4.0 * error


def test_compacting_keeps_every_record_in_order_and_gives_pages_back(world):
    cell = cells_of(world, 0)[0]
    for slot in slots_of(world, cell)[::3] + slots_of(world, cell)[1::3]:
        remove(world.mitochondria, world.pages, world.cells, slot, False)
    columns = list(world.mitochondria._fields)
    before = [np.copy(getattr(world.mitochondria, n)[slots_of(world, cell)]) for n in columns]
    free = int(world.pages.n_free[0])
    pages = int((world.pages.owner == cell).sum())
    compact_sparse(world.mitochondria, world.pages, world.cells, cell)
    for name, value in zip(columns, before, strict=True):
        assert np.array_equal(getattr(world.mitochondria, name)[slots_of(world, cell)], value), name
    left = len(slots_of(world, cell))
    assert len({s // PAGE for s in slots_of(world, cell)}) == -(-left // PAGE) < pages
    assert int(world.pages.n_free[0]) == free + pages - -(-left // PAGE)
    world.ledger.check(world, "compact", 0)
    compact_sparse(world.mitochondria, world.pages, world.cells, cell)  # dense: nothing happens
    assert len(slots_of(world, cell)) == left


def test_a_table_that_grows_is_never_held_twice():
    """Planted fault: all columns of the larger table made before the smaller one is let go."""
    import tracemalloc

    from mitoferry.backends.reference import Reference
    from mitoferry.core.schema import bytes_per_row
    from mitoferry.experiment.plate import build_world
    from mitoferry.experiment.reader import load_experiment
    from mitoferry.experiment.resolve import resolve

    tracemalloc.start()
    world = build_world(
        resolve(load_experiment("one-nanotube", overrides={"run.replicates": 3}), arms=["pair"]), Reference(), with_space=False
    )
    old, before = len(world.mitochondria.flags), [c.tobytes() for c in world.mitochondria]
    tracemalloc.reset_peak()
    held = tracemalloc.get_traced_memory()[0]
    world.reserve_pages(2 * old // PAGE)
    peak = tracemalloc.get_traced_memory()[1] - held
    tracemalloc.stop()
    new = len(world.mitochondria.flags)
    assert new > 2 * old
    assert all(c[:old].tobytes() == was and not c[old:].any() for c, was in zip(world.mitochondria, before, strict=True))
    added = (new - old) * bytes_per_row("Mitochondria")
    assert peak < added + 0.6 * old * bytes_per_row("Mitochondria")


SPARSE = [name for name, column in COLUMNS["Mitochondria"].items() if column.sparse]


def test_what_is_zero_in_sparse_columns_is_never_written(world):
    """Planted fault seen: a record copied with all its columns."""
    donor, recipient = cells_of(world, 1)[0], cells_of(world, 0)[0]
    slots = slots_of(world, donor)[:5]
    for name in SPARSE:
        column = getattr(world.mitochondria, name)
        column[:] = 0
        column.flags.writeable = False
    for slot in slots:
        move(world.mitochondria, world.pages, world.cells, slot, recipient)
    compact_sparse(world.mitochondria, world.pages, world.cells, donor)
    clear_rare(world.mitochondria, slots[0])
    world.ledger.check(world, "move", 0)


def test_sorted_pages_hold_the_same_records_and_nothing_behind_them(world):
    """Planted faults seen: pages behind the last in use not emptied; a sparse column left as it was."""
    rng = np.random.default_rng(3)
    cells = cells_of(world, 0) + cells_of(world, 1)
    for name in SPARSE:
        column = getattr(world.mitochondria, name)
        column[world.mitochondria.flags & OCCUPIED == 1] = rng.integers(0, 99, int((world.mitochondria.flags & OCCUPIED).sum()))
    for slot in slots_of(world, cells[0]):
        remove(world.mitochondria, world.pages, world.cells, slot, 0)
    release_empty_pages(world.mitochondria, world.pages, world.cells, cells[0])
    assert world.scatter() > 0.0 or world.pages.owner[0] < 0
    before = [{n: np.copy(getattr(world.mitochondria, n)[slots_of(world, c)]) for n in world.mitochondria._fields} for c in cells]
    world.sort_pages()
    for c, was in zip(cells, before, strict=True):
        for name, values in was.items():
            assert np.array_equal(getattr(world.mitochondria, name)[slots_of(world, c)], values), name
    used = int((world.pages.owner >= 0).sum())
    assert (world.pages.owner[:used] >= 0).all()
    assert not any(column[used * PAGE :].any() for column in world.mitochondria)
    world.ledger.check(world, "sort", 0)


def test_the_fullest_page_can_be_counted(world):
    """32 mitochondria of the greatest mass and copies. Planted fault seen: five bits for the individuals."""
    cell = cells_of(world, 0)[0]
    first = int(world.cells.first_page[cell]) * PAGE
    m = world.mitochondria
    m.flags[first : first + PAGE] |= OCCUPIED
    m.mass[first : first + PAGE], m.copies[first : first + PAGE] = 65535, 255
    counted = world.ledger.count(world)[0]
    taken = m.flags & OCCUPIED == 1
    there = taken & (np.repeat(world.pages.owner, PAGE) >= 0)
    assert counted[0] == there.sum()
    assert counted[1] == m.mass[there].astype(int).sum()
    assert counted[2:].tolist() == m.copies[there].astype(int).sum(axis=0).tolist()


def test_a_table_grows_by_little(world):
    """Planted fault seen: growth by a quarter, which sorting then made resident."""
    old = len(world.pages.owner)
    world.reserve_pages(int(world.pages.n_free[0]) + 1)
    assert old < len(world.pages.owner) <= old * (1.0 + 1.0 / 16.0) + 1


@pytest.mark.parametrize("size", [7, 4096, 3 * 4096 + 5])
def test_changes_are_written_and_nothing_else(size):
    """Planted fault seen: the bytes behind the last whole block forgotten."""
    rng = np.random.default_rng(size)
    held, given = sparse_zeros((size,), np.uint8), np.zeros(size, np.uint8)
    assert not held.any()
    write_changes(held, given)
    given[rng.integers(0, size, 3)] = 9
    given[-1] = 8
    write_changes(held, given)
    assert np.array_equal(held, given)
    held.flags.writeable = False
    write_changes(held, given)


def test_bytes_of_a_record():
    """What a mitochondrion takes in memory: 28 bytes, and 9 more of which only what differs from 0 is resident."""
    dense = {n: c for n, c in COLUMNS["Mitochondria"].items() if not c.sparse}
    assert sum(np.dtype(c.dtype).itemsize * int(np.prod(c.shape, dtype=int)) for c in dense.values()) == 28
    assert bytes_per_row("Mitochondria") == 37
