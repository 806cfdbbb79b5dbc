"""Passes over all rows that lists are made of: every backend gives what NumPy gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from backends_here import BACKENDS

from mitoferry.core.row import row

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


def numbers(seed: int, n: int = N) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.uniform(size=n).astype(np.float32), rng.integers(-1, GROUPS, n, dtype=np.int32)


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
