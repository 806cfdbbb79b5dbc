"""Threads that share launches: every part done once and before the launch returns, whether they watch the board or sleep.

Faults seen to fail it, planted in a copy of the package: a launch that does not wait for its helpers, a helper that runs its part
twice, the end of a part told before its rows, a helper that goes to sleep without looking once more, the time of the whole launch taken
for that of a part, an interrupt that does not wait for a part, helpers that watch however far apart launches are.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.team import BETWEEN, CUTS, ENDED, FROM, MOMENT, PATIENCE, SHARED, TO, Board, Helper, line_of
from mitoferry.core.row import row


@row
def count_row(i, x, work):
    s = x[i]
    for _ in range(int(work[i])):
        s = s + 1.0
    x[i] = s


def watching(backend, looks, between):
    """Let threads look at the board so often before they sleep: for helpers' ends, and helpers for the next launch; with 0 at once."""
    board = backend._board
    board.patient = False
    board.at[PATIENCE], board.at[BETWEEN] = looks, between
    return backend


@pytest.mark.parametrize("between", [0, 30, 100_000])
@pytest.mark.parametrize("looks", [0, 1, 30, 100_000])
@pytest.mark.parametrize("threads", [2, 3])
def test_every_row_is_done_once_in_every_launch(threads, looks, between):
    backend, random = watching(Cpu(threads=threads, eager=True), looks, between), np.random.default_rng(1)
    x, work = np.zeros(1500), np.ones(1500)
    wanted = np.zeros(1500)
    for k in range(400):
        work[:] = 1.0 + (k % 7) * (np.arange(1500) > 1000)
        n = int(random.integers(1, 1500)) if k % 3 else 1500
        backend.each(count_row, n, x, work)
        wanted[:n] += work[:n]
        assert (x == wanted).all(), k
        if k % 50 == 0:
            time.sleep(0.002)  # longer than they watch


def test_helpers_watch_only_where_launches_follow_each_other_closely():
    backend = Cpu(threads=2, eager=True)
    board, x, work = backend._board, np.zeros(2000), np.ones(2000)
    board.patient = True
    backend.each(count_row, 2000, x, work)
    most = board.at[PATIENCE]
    assert most > 0
    for gap, watched in ((10 * MOMENT, 0), (0.1 * MOMENT, most), (10 * MOMENT, 0)):
        for _ in range(200):
            board.numbers[SHARED] = ended = time.monotonic() - gap  # when the last one ended
            backend.each(count_row, 2000, x, work)
            assert ended + gap <= board.numbers[SHARED] <= time.monotonic()
        assert board.at[BETWEEN] == watched
        assert board.at[PATIENCE] == most


def test_the_time_of_a_part_is_what_its_thread_spent_on_it():
    backend = Cpu(threads=2, eager=True)
    x, work = np.zeros(4000), np.ones(4000)
    work[2000:] = 20_000.0
    for k in range(2):
        backend.each(count_row, 4000, x, work)
        assert k > 0 or spent(backend._board, 0) < 0.2 * spent(backend._board, 1)  # of equal parts, the first time
    assert spent(backend._board, 1) > 1e-3


def spent(board, member):
    """Processor time of the last part of a member that was timed [s]."""
    at, word = line_of(member), board.at
    return word[at + TO] - word[at + FROM] + 1e-9 * (word[at + TO + 1] - word[at + FROM + 1])


@pytest.mark.parametrize("looks", [0, 100_000])
def test_parts_are_levelled_whether_or_not_their_ends_were_watched(looks):
    """Fault seen to fail it, planted in a copy of the package: not after a launch for whose end nobody watched any more."""
    backend = watching(Cpu(threads=2, eager=True), looks, looks)
    x, work = np.zeros(4000), np.ones(4000)
    work[:2000] = 5000.0
    for _ in range(40):
        backend.each(count_row, 4000, x, work)
    (driver,) = next(iter(backend.arguments.variants.values())).values()
    assert driver.pace[CUTS] < 0.45


def test_threads_that_have_no_core_of_their_own_do_not_watch():
    backend, x, work = Cpu(threads=64, eager=True), np.zeros(2000), np.ones(2000)
    assert backend.threads > 2 * len(backend.cores)
    backend.each(count_row, 2000, x, work)
    assert backend._board.at[PATIENCE] == backend._board.at[BETWEEN] == 0
    assert (x == 1.0).all()


def test_an_interrupt_waits_for_the_part_that_still_writes():
    backend = watching(Cpu(threads=2, eager=True), 0, 0)
    x, work = np.zeros(2000), np.ones(2000)
    backend.each(count_row, 2000, x, work)
    (helper,) = backend._helpers
    told = helper._told

    class Interrupted:
        """The first wait is interrupted."""

        put, times = told.put, 0

        def get(self):
            self.times += 1
            if self.times == 1:
                raise KeyboardInterrupt
            return told.get()

    helper._told = Interrupted()
    work[1000:] = 300_000.0
    with pytest.raises(KeyboardInterrupt):
        backend.each(count_row, 2000, x, work)
    assert (x == 1.0 + work).all()
    backend.each(count_row, 2000, x, work)
    assert (x == 1.0 + 2.0 * work).all()


def test_a_launch_that_is_planned_while_a_helper_lies_down_is_not_slept_through():
    board, served = Board(2, patient=False), threading.Event()

    def serve(head):
        board.at[line_of(1) + ENDED] = 1
        served.set()

    class LiesDown(Helper):
        """A launch is planned by a thread that has just seen it awake."""

        @property
        def _asleep(self):
            return self.__dict__.get("asleep", False)

        @_asleep.setter
        def _asleep(self, value):
            if value and not served.is_set():
                self._planned = 1
            self.__dict__["asleep"] = value

    helper = LiesDown(1, board, serve)
    assert served.wait(5.0)
    helper.stop()


WITHOUT_CLOCKS = """
import time
for clock in ("CLOCK_MONOTONIC", "CLOCK_THREAD_CPUTIME_ID"):
    if hasattr(time, clock):
        delattr(time, clock)
import numpy as np
from mitoferry.backends import team
from mitoferry.backends.cpu import LEAST_PART, Cpu
from test_team import count_row
backend, shared = Cpu(threads=2, cache=False), []
share = backend._share
backend._share = lambda *given: shared.append(given[-1]) or share(*given)
x, work = np.zeros(20_000), np.full(20_000, 100.0)
for k in range(1, 21):
    backend.each(count_row, 20_000, x, work)
    assert (x == 100.0 * k).all(), k
(driver,) = next(iter(backend.arguments.variants.values())).values()
print(team.TIMES_ITSELF, driver.calls, len(shared), 1e-9 < driver.seconds_per_row < 1e-4)
"""


def test_where_compiled_code_cannot_tell_the_time_python_does():
    """As on Windows. Fault seen to fail it, planted in a copy of the package: nobody does, so that every launch stays on one thread."""
    here = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
    command, env = [sys.executable, "-c", WITHOUT_CLOCKS], {**os.environ, "PYTHONPATH": here}
    found = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=300)
    assert found.stdout.split() == ["False", "20", "19", "True"], found.stderr
