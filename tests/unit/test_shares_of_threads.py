"""Blocks of rows for threads: every row once, and as much to do for each as the launches before have shown.

Faults seen to fail it, planted in a copy of the package: the cut moved the other way, a block that begins one row late, a thread
that was held up believed, few rows dealt as blocks.
"""

import numba
import numpy as np
import pytest

from mitoferry.backends.cpu import LEAST_PART, Cpu, _Driver
from mitoferry.backends.hand_over import deal
from mitoferry.backends.team import CALLS, CUTS, FROM, HI, LO, SECONDS, SELDOM, STRIDE, TO, line_of
from mitoferry.core.row import row


@row
def squared(i, x, y):
    y[i] = x[i] * x[i]


class Team:
    """The board of so many threads, and the pace of a kernel that is never run."""

    def __init__(self, threads):
        self.backend, self.threads = Cpu(threads=threads), threads
        self.backend.each(squared, 1, np.zeros(1), np.zeros(1))  # so that there is what launches
        self.board, self.pace = self.backend._board, _Driver(None, "test", 0, threads)
        self.deal = numba.njit(deal)

    def blocks(self, n, parts=None):
        """Rows of each thread."""
        self.deal(self.board.head(0), self.pace.pace_at, 0, n, parts or self.threads)
        at = self.board.at
        return [tuple(at[line_of(k) + word] for word in (LO, HI, STRIDE)) for k in range(parts or self.threads)]

    def level(self, seconds):
        """Let the threads have spent so much on the last launch."""
        for k, spent in enumerate(seconds):
            for word, value in ((FROM, 0), (FROM + 1, 0), (TO, int(spent)), (TO + 1, round(spent % 1.0 * 1e9))):
                self.board.at[line_of(k) + word] = value
        self.board.ask_for_levels(self.pace.pace_at)
        self.backend._launch(self.backend._head)

    @property
    def cuts(self):
        return self.pace.pace[CUTS : CUTS + self.threads - 1].tolist()


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("n", [1025, 5000])
def test_uneven_rows_are_shared_evenly(threads, n):
    cost = np.linspace(0.1, 1.0, n) ** 2 * 1e-6  # s per row: the last ones have most to do
    team = Team(threads)
    uneven = []
    for _ in range(200):
        blocks = team.blocks(n)
        assert np.concatenate([np.arange(*block) for block in blocks]).tolist() == list(range(n))
        seconds = [float(cost[slice(*block)].sum()) for block in blocks]
        uneven.append(max(seconds) / np.mean(seconds))
        team.level(seconds)
    assert uneven[0] > 1.5
    assert max(uneven[-20:]) < 1.05


def test_one_thread_that_is_held_up_moves_little():
    team = Team(2)
    team.level([1e-3, 1.0])
    assert 0.5 < team.cuts[0] < 0.515


@pytest.mark.parametrize("n", [2, 7, 16, 17])
def test_few_rows_are_dealt_in_turn(n):
    team = Team(3)
    team.level([1.0, 2.0, 3.0])
    for parts in (2, 3):
        blocks = team.blocks(n, parts)
        assert sorted(np.concatenate([np.arange(*block) for block in blocks]).tolist()) == list(range(n))
        lengths = [len(range(*block)) for block in blocks]
        assert n > 16 or max(lengths) - min(lengths) <= 1
        assert {stride for *_, stride in blocks} == ({1} if n > 16 else {parts})


def test_a_launch_that_is_shared_anew_every_time_gives_the_same():
    backend, x = Cpu(threads=3, eager=True), np.arange(3000.0)
    for _ in range(5):
        y = np.zeros(3000)
        backend.each(squared, 3000, x, y)
        assert (y == x * x).all()
        (driver,) = next(iter(backend.arguments.variants.values())).values()
        driver.pace[CUTS], driver.pace[CUTS + 1] = sorted(np.random.default_rng(driver.calls).uniform(0.0, 1.0, 2).tolist())


def test_a_short_launch_takes_fewer_threads(monkeypatch):
    """Faults seen to fail it, planted in a copy of the package: all threads take part, however short; the shares of all are forgotten."""
    backend, x, y, shared = Cpu(threads=8), np.arange(4000.0), np.zeros(4000), []
    share = backend._share
    monkeypatch.setattr(backend, "_share", lambda *given: shared.append(given[-1]) or share(*given))
    backend.each(squared, 4000, x, y)
    (driver,) = next(iter(backend.arguments.variants.values())).values()
    for k in range(7):
        driver.pace[CUTS + k] = 0.05 * (k + 1)
    for parts in (1.5, 2.5, 5.5, 100.0):
        driver._words.view(np.int64)[CALLS] = 1000 * SELDOM + 1  # this time parts are not timed
        driver.pace[SECONDS] = parts * LEAST_PART / 4000
        backend.each(squared, 4000, x, y)
        assert (y == x * x).all()
    assert shared == [2, 5, 8]
    assert driver.pace[CUTS : CUTS + 7].tolist() == [0.05 * k for k in range(1, 8)]
