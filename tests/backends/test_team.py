"""Threads that share launches: every part done once and before the launch returns, whether they watch the board or sleep.

Faults seen to fail it, planted in a copy of the package: a launch that does not wait for its helpers, a helper that takes its call
twice, the end of a part told before its rows, the time of the whole launch taken for that of a part.
"""

import time

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.team import LEAST, LINE, MOST, PATIENCE, line_of
from mitoferry.core.row import row


@row
def count_row(i, x, work):
    s = x[i]
    for _ in range(int(work[i])):
        s = s + 1.0
    x[i] = s


def watching(backend, looks):
    """Let all threads of ``backend`` look at the board so often before they sleep; with 0 they sleep at once."""
    words = backend._board.words
    words[[LEAST, MOST]] = looks
    words[line_of(0) + PATIENCE :: LINE] = looks
    return backend


@pytest.mark.parametrize("looks", [0, 1, 30, 100_000])
@pytest.mark.parametrize("threads", [2, 3])
def test_every_row_is_done_once_in_every_launch(threads, looks):
    backend, random = watching(Cpu(threads=threads, eager=True), looks), np.random.default_rng(1)
    x, work = np.zeros(1500), np.ones(1500)
    wanted = np.zeros(1500)
    for k in range(600):
        work[:] = 1.0 + (k % 7) * (np.arange(1500) > 1000)
        n = int(random.integers(1, 1500)) if k % 3 else 1500
        backend.each(count_row, n, x, work)
        wanted[:n] += work[:n]
        assert (x == wanted).all(), k
        if k % 50 == 0:
            time.sleep(0.002)  # longer than they watch


def test_longer_watched_where_it_was_worth_it_and_never_without_an_end():
    backend = watching(Cpu(threads=2, eager=True), 4)
    words, x, work = backend._board.words, np.zeros(2000), np.full(2000, 50.0)
    words[MOST] = 4000
    for _ in range(200):
        backend.each(count_row, 2000, x, work)
    assert 4 <= words[line_of(0) + PATIENCE] <= 4000
    assert 4 <= words[line_of(1) + PATIENCE] <= 4000
    assert (x == 200 * 50.0).all()


def test_the_time_of_a_part_is_what_its_thread_spent_on_it():
    backend = Cpu(threads=2, eager=True)
    x, work = np.zeros(4000), np.ones(4000)
    work[2000:] = 20_000.0
    for _ in range(2):
        backend.each(count_row, 4000, x, work)
    assert 0.0 <= backend._board.spent(0) < 0.2 * backend._board.spent(1)
    assert backend._board.spent(1) > 1e-3


def test_threads_that_have_no_core_of_their_own_do_not_watch():
    assert Cpu(threads=10_000)._board.words[MOST] == 0
    assert Cpu(threads=1)._board.words[MOST] > 0
