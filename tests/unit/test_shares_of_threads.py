"""Blocks of rows for threads: every row once, and as much to do for each as the launches before have shown.

Faults seen to fail it, planted in a copy of the package: the cut moved the other way, a block that begins one row late, a thread
that was held up believed.
"""

import numpy as np
import pytest

from mitoferry.backends.cpu import LEAST_PART, SELDOM, Cpu, _Driver
from mitoferry.core.row import row


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("n", [1025, 5000])
def test_uneven_rows_are_shared_evenly(threads, n):
    cost = np.linspace(0.1, 1.0, n) ** 2 * 1e-6  # s per row: the last ones have most to do
    driver = _Driver(None, "test")
    uneven = []
    for _ in range(200):
        blocks = driver.blocks(n, threads)
        assert np.concatenate([np.arange(*block) for block in blocks]).tolist() == list(range(n))
        seconds = [float(cost[slice(*block)].sum()) for block in blocks]
        uneven.append(max(seconds) / np.mean(seconds))
        driver.level(seconds)
    assert uneven[0] > 1.5
    assert max(uneven[-20:]) < 1.05


def test_one_thread_that_is_held_up_moves_little():
    driver = _Driver(None, "test")
    driver.blocks(5000, 2)
    driver.level([1e-3, 1.0])
    assert 0.5 < driver.cuts[0] < 0.515


@row
def squared(i, x, y):
    y[i] = x[i] * x[i]


def test_a_launch_that_is_shared_anew_every_time_gives_the_same():
    backend, x = Cpu(threads=3, eager=True), np.arange(3000.0)
    for _ in range(5):
        y = np.zeros(3000)
        backend.each(squared, 3000, x, y)
        assert (y == x * x).all()
        (driver,) = next(iter(backend.arguments.variants.values())).values()
        driver.cuts = sorted(np.random.default_rng(len(driver.cuts)).uniform(0.0, 1.0, 2).tolist())


def test_a_short_launch_takes_fewer_threads(monkeypatch):
    """Faults seen to fail it, planted in a copy of the package: all threads take part, however short; the shares of all are forgotten."""
    backend, x, y, shared = Cpu(threads=8), np.arange(4000.0), np.zeros(4000), []
    share = backend._share
    monkeypatch.setattr(backend, "_share", lambda *given: shared.append(given[-1]) or share(*given))
    backend.each(squared, 4000, x, y)
    (driver,) = next(iter(backend.arguments.variants.values())).values()
    driver.cuts = kept = [0.05 * k for k in range(1, 8)]
    driver.calls = 1000 * SELDOM + 1  # this time parts are not timed
    for parts in (1.5, 2.5, 5.5, 100.0):
        driver.seconds_per_row = parts * LEAST_PART / 4000
        backend.each(squared, 4000, x, y)
        assert (y == x * x).all()
        driver.calls = 1000 * SELDOM + 1
    assert shared == [2, 5, 8]
    assert driver.cuts == kept
