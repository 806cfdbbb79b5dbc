"""Passes over all rows that lists are made of: every backend gives what NumPy gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from backends_here import BACKENDS

from cuda_simulator import printed
from mitoferry.core.lanes import AHEAD, ask_ahead, lane, page_slots
from mitoferry.core.row import row
from mitoferry.core.schema import PAGE

N, GROUPS = 1000, 7


class Law(NamedTuple):
    """A number that rows compare with."""

    least: float


@row
def is_large(i, numbers, law):
    """Whether number ``i`` is large."""
    return float(numbers[i]) >= law.least


@row
def count_large(i, sums, numbers, groups, seen, law):
    """Count, and add up, the large numbers of a group."""
    seen[i] = 1
    if is_large(i, numbers, law):
        sums[0] += 1
        sums[1] += int(float(numbers[i]) * 1000.0)
    return int(groups[i])


@row
def twice(i, numbers, law):
    """Twice the number, less what law takes."""
    return 2.0 * float(numbers[i]) - law.least


@row
def double(i, numbers):
    """Twice the number, in place."""
    numbers[i] = 2.0 * float(numbers[i])


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Any:
    """Each of the backends that run here."""
    return BACKENDS[request.param]()


def numbers(seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.uniform(size=N).astype(np.float32), rng.integers(-1, GROUPS, N, dtype=np.int32)


@pytest.mark.parametrize("n", [0, 1, 31, 500, N])
def test_select_gives_the_rows_in_order(backend: Any, n: int) -> None:
    x, _ = numbers(1)
    for least in (0.3, 2.0, 0.0):
        np.testing.assert_array_equal(backend.select(is_large, n, x, Law(least)), np.flatnonzero(x[:n] >= least))


@pytest.mark.parametrize("n", [0, 3, N])
def test_totals_add_up_by_group(backend: Any, n: int) -> None:
    x, groups = numbers(2)
    seen = np.zeros(N, dtype=np.uint8)
    for least in (0.5, 0.1):  # twice: nothing is left of the first
        found = backend.totals(count_large, n, GROUPS, 2, x, groups, seen, Law(least))
        large = (x[:n] >= least) & (groups[:n] >= 0)
        wanted = np.zeros((GROUPS, 2), dtype=np.int64)
        np.add.at(wanted, groups[:n][large], np.stack([np.ones(n), (x[:n].astype(float) * 1000.0).astype(int)], axis=1)[large].astype(int))
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, wanted)
    backend.pull(seen)
    assert seen.tolist() == [1] * n + [0] * (N - n)


def test_totals_of_many_groups_after_those_of_few(backend: Any) -> None:
    x, groups = numbers(3)
    many = np.arange(N, dtype=np.int32)
    seen = np.zeros(N, dtype=np.uint8)
    backend.totals(count_large, N, GROUPS, 2, x, groups, seen, Law(0.0))
    found = backend.totals(count_large, N, N, 2, x, many, seen, Law(0.0))
    assert found.tolist() == [[1, int(v * 1000.0)] for v in x.astype(float)]
    found = backend.totals(count_large, N, GROUPS, 2, x, groups, seen, Law(0.0))
    assert found[:, 0].tolist() == np.bincount(groups[groups >= 0], minlength=GROUPS).tolist()


def test_largest_of_each_group(backend: Any) -> None:
    x, groups = numbers(4)
    groups = np.abs(groups)
    wanted = np.zeros(GROUPS + 1)
    np.maximum.at(wanted, groups, 2.0 * x.astype(float) - 0.5)
    np.testing.assert_array_equal(backend.largest(twice, N, GROUPS + 1, groups, x, Law(0.5)), wanted)  # the last group is empty: 0
    np.testing.assert_array_equal(backend.largest(twice, 0, 2, groups, x, Law(0.5)), [0.0, 0.0])


@pytest.mark.parametrize("n_keys", [1, 5, 900])
def test_bins_hold_rows_in_order_of_ties(backend: Any, n_keys: int) -> None:
    rng = np.random.default_rng(n_keys)
    keys, ties = rng.integers(-1, n_keys, N, dtype=np.int32), rng.permutation(N).astype(np.uint32)
    start, member = np.full(n_keys + 1, 77, dtype=np.int32), np.full(N, -5, dtype=np.int32)
    for n in (N, 10, 0):
        backend.bins(n, keys, ties, start, member)
        backend.pull(start, member)
        wanted = [sorted(np.flatnonzero(keys[:n] == k), key=lambda i: ties[i]) for k in range(n_keys)]
        assert start.tolist() == np.cumsum([0, *map(len, wanted)]).tolist()
        assert member[: start[-1]].tolist() == [int(i) for rows in wanted for i in rows]


def test_what_a_launch_wrote_is_read_and_what_is_written_is_seen(backend: Any) -> None:
    x = np.arange(10, dtype=np.float32)
    pairs = backend.zeros((10, 2), np.int64)
    backend.each(double, 10, x)
    few, some = backend.read(np.array([7, 2]), x, pairs)
    assert few.tolist() == [14.0, 4.0]
    assert some.tolist() == [[0, 0], [0, 0]]
    assert backend.read(slice(1, 3), x)[0].tolist() == [2.0, 4.0]
    backend.write(np.array([2, 9]), x, [1.0, 5.0])
    backend.write(slice(4, 6), x, 0.5)
    backend.write(np.array([3]), pairs, [[8, 9]])
    backend.each(double, 10, x)
    backend.pull(x, pairs)
    assert x.tolist() == [0.0, 4.0, 2.0, 12.0, 1.0, 1.0, 24.0, 28.0, 32.0, 10.0]
    assert pairs[3].tolist() == [8, 9]
    assert pairs.sum() == 17


def test_reading_gives_copies(backend: Any) -> None:
    x = np.arange(4, dtype=np.float32)
    (few,) = backend.read(slice(0, 2), x)
    few[:] = 9.0
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


@row
def first_two(numbers, out):
    """Add up what stands before the first number that is not positive; returns the sum, rounded down, and how many there are."""
    n, total = 0, 0.0
    for i in range(len(numbers)):
        if float(numbers[i]) <= 0.0:
            break
        total += float(numbers[i])
        n += 1
    out[0] = total
    return n, int(total)


@row
def mean_of(numbers):
    """The mean."""
    total = 0.0
    for i in range(len(numbers)):
        total += float(numbers[i])
    return total / len(numbers)


def check_serial(backend: Any) -> None:
    """What a serial function returns, and what it writes."""
    x, out = np.array([0.5, 1.25, 2.5, -1.0, 7.0]), np.zeros(1)
    found = backend.serial(first_two, x, out)
    assert found == (3, 4)
    assert all(isinstance(k, int) for k in found)
    assert backend.serial(mean_of, x) == 2.05
    backend.pull(out)
    assert out[0] == 4.25
    assert backend.serial(nothing, out) is None


@row
def nothing(out):
    """Write one number."""
    out[0] = 9.0


def test_serial_functions(backend: Any) -> None:
    check_serial(backend)


def check_all(make: Any, *, n: int) -> int:
    """All of the above with another backend; returns how many there were."""
    calls: list[Any] = [
        *(lambda k=k: test_select_gives_the_rows_in_order(make(), k) for k in (0, 31, n)),
        *(lambda k=k: test_totals_add_up_by_group(make(), k) for k in (0, 3, n)),
        lambda: test_totals_of_many_groups_after_those_of_few(make()),
        lambda: test_largest_of_each_group(make()),
        *(lambda k=k: test_bins_hold_rows_in_order_of_ties(make(), k) for k in (1, 5, 900)),
        lambda: test_what_a_launch_wrote_is_read_and_what_is_written_is_seen(make()),
        lambda: test_reading_gives_copies(make()),
        lambda: check_serial(make()),
        lambda: check_enlarge(make()),
    ]
    for call in calls:
        call()
    return len(calls)


def test_cuda_simulator_makes_the_same_lists() -> None:
    few = "import test_primitives as t; from mitoferry.backends import cuda_lists; cuda_lists.ADDERS = 3; t.N = 150; "
    assert int(printed(few + "print(t.check_all(Cuda, n=150))")) == 15
    # bins that are too full for one thread
    assert printed(few + "cuda_lists.LARGEST_BIN = 4; t.test_bins_hold_rows_in_order_of_ties(Cuda(), 5); print('right')") == "right"


def check_enlarge(backend: Any) -> None:
    """What a launch wrote is in the larger array, behind it what the host has filled in; pulled, and seen by the next launch."""
    old, new = np.arange(4, dtype=np.float32), np.full(6, -3, dtype=np.float32)
    backend.each(double, 4, old)
    backend.enlarge(old, new)
    backend.each(double, 6, new)
    backend.pull(new)
    assert new.tolist() == [0.0, 4.0, 8.0, 12.0, -6.0, -6.0]
    untouched, larger = np.arange(3), np.zeros(5, dtype=int)
    backend.enlarge(untouched, larger)
    assert larger.tolist() == [0, 1, 2, 0, 0]
    wide = backend.zeros((2, 2), np.int64)
    backend.write(np.array([1]), wide, [[3, 4]])
    wider = np.full((3, 2), 9)
    backend.enlarge(wide, wider)
    assert backend.read(np.array([2, 1]), wider)[0].tolist() == [[9, 9], [3, 4]]


def test_arrays_grow(backend: Any) -> None:
    check_enlarge(backend)


@row
def count_page(i, marks, found):
    """How many of the marks of page ``i`` are set; what comes after it is asked for."""
    ask_ahead(marks, (i + AHEAD) * PAGE)
    n = 0
    for k in range(page_slots()):
        n += 1 if int(marks[lane(i * PAGE, k)]) != 0 else 0
    found[i] = n


def test_short_loops_over_a_page_take_every_slot(backend: Any) -> None:
    marks = (np.random.default_rng(4).uniform(size=40 * PAGE) < 0.4).astype(np.uint16)
    marks[-1] = 1  # what is asked for beyond the end does no harm
    found = np.zeros(40, np.int64)
    backend.each(count_page, 40, marks, found)
    backend.pull(found)
    assert (found == marks.reshape(40, PAGE).sum(axis=1)).all()
