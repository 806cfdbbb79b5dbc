"""Threads that share a launch, and how they hand it over without Python and without going to sleep.

A thread that sleeps takes tens of microseconds to wake, and one that comes back to Python first waits for the interpreter's lock: each
as long as many a launch lasts. So a helper stays within compiled code (``hand_over.serve``). For a moment after its part (``MOMENT``)
it watches the *board*, a few words of memory, for the next launch, which lies there as the address of a kernel and of what the kernel
is given; and the thread that launches watches the board for the ends of the helpers' parts. Where that is in vain both come back to
Python and sleep until they are woken. Where most launches do not follow each other within such a moment, helpers sleep at once.

How rows are dealt is settled in compiled code, too (``hand_over.launch``): Python, whose text and numbers a kernel has driven out of
the cache, asks for a launch in five words. Words that are watched are written and read by compiled code, in order; whether a thread
sleeps is told in Python alone, under its lock.
Nothing that is computed depends on any of this. Tests: ``tests/backends/test_team.py``.
"""

from __future__ import annotations

import queue
import struct
import threading
import time
from typing import Any

import numpy as np

from mitoferry.core.lines import zeros_on_lines

WALL_ID: int | None = getattr(time, "CLOCK_MONOTONIC", None)
TIMES_ITSELF = WALL_ID is not None  # whether compiled code can tell the time; else Python does it
MOMENT = 5e-4  # s for which threads watch the board before they sleep
LOOKS = 4000  # by which it is found how long a look takes
LINE = 16  # words of the board that nobody else writes to: two lines of the cache
LINES = 3  # of a member
# words of the first line: helpers in this launch, whether parts are timed, looks for helpers' ends, looks of helpers for the next launch,
# whether every thread has a core of its own, members, share of launches that follow the one before within a moment, of late (a number),
# when the last shared launch ended [s] (a number)
HELPERS, TIMED, PATIENCE, BETWEEN, PATIENT, MEMBERS, SOON, SHARED = range(8)
GAVE_UP = LINE  # launch for whose end nobody watches any more
# words of a member, 0 is the thread that launches: what its part is, ...
LO, HI, STRIDE, WORDS, CODE, ORDER, N_ORDER, SUMS, N_SUMS, BOARD, MEMBER = range(11)
PART = struct.Struct("=5q")  # the first five
# ... of member 0 what is asked for: the pace of the kernel, its arguments, rows, parts (0: to level them by the last launch), its turn, ...
ASKED = 11
ASK = struct.Struct("=5q")
WANTED = LINE  # ... the launch that has begun, ...
# ... the launch whose part is done, and its processor time before and after (s, ns)
ENDED, FROM, TO = 2 * LINE, 2 * LINE + 2, 2 * LINE + 4


# words of the pace of a kernel: its code, how often it was launched, seconds per row, where one thread's block of rows ends and the
# next one's begins (0..1, one less than members), then room for as many numbers and two more, and for the seconds of each member
KERNEL, CALLS, SECONDS, CUTS = range(4)
SETTLING, SELDOM = 64, 4  # launches after which it is looked only at every fourth how even the shares were
LEVELLING = 0.1  # by which share of what would have been right the next launch deals rows otherwise
MOST_UNEVEN = 2.0  # times the quickest thread: more is put down to something else
BY_LAUNCH = 0.2  # weight of the last launch in the seconds per row
CLOCK = 1e-6  # s: shorter times cannot be told apart
FEW = 16  # rows up to which they are dealt to the threads in turn: a block more or less would be too much


def line_of(member: int) -> int:
    """First word of a member."""
    return (2 + LINES * member) * LINE


FIRST = line_of(0)  # of the thread that launches


class Board:
    """The words that the threads of one backend share; ``patient``: every thread has a core of its own."""

    def __init__(self, members: int, *, patient: bool) -> None:
        self.words = zeros_on_lines((line_of(members),), np.int64, border=8 * LINE)
        self.at = self.words.data  # read and written several times quicker than through the array
        self._bytes = self.at.cast("B")
        self.address = int(self.words.ctypes.data)
        self.members = members
        self._sums = np.zeros((0, 0), dtype=np.int64)
        self._order = np.zeros(0, dtype=np.int64)
        for member in range(members):
            self.at[line_of(member) + BOARD], self.at[line_of(member) + MEMBER] = self.address, member
        self._asked = 8 * (FIRST + ASKED)
        self.numbers = self._bytes.cast("d")
        self.at[MEMBERS], self.numbers[SOON] = members, 1.0
        self.patient = patient
        self.turn = 0

    @property
    def patient(self) -> bool:
        """Whether every thread has a core of its own: only then do threads watch."""
        return bool(self.at[PATIENT])

    @patient.setter
    def patient(self, value: bool) -> None:
        self.at[PATIENT] = value

    def head(self, member: int) -> int:
        """Address of the words of a member."""
        return self.address + 8 * line_of(member)

    def try_looks(self, serving: Any) -> None:
        """Find out how many looks a moment holds; ``serving``: ``hand_over.serve``, compiled. Before there are helpers."""
        if self.patient:
            self.at[BETWEEN] = LOOKS
            start = time.perf_counter()
            serving(self.head(1))
            self.at[PATIENCE] = self.at[BETWEEN] = max(1, int(MOMENT * LOOKS / (time.perf_counter() - start)))

    def ask(self, pace: int, words: int, n: int, parts: int) -> int:
        """Ask for the next launch: addresses of the pace of a kernel and of its arguments, rows, and threads; returns its number."""
        self.turn += 1
        ASK.pack_into(self._bytes, self._asked, pace, words, n, parts, self.turn)
        return self.turn

    def ask_for_levels(self, pace: int) -> None:
        """Ask that the parts of the next launch of a kernel are as the times of the last one have shown."""
        ASK.pack_into(self._bytes, self._asked, pace, 0, 0, 0, self.turn)

    def give(self, lo: int, hi: int, stride: int, words: int, code: int) -> None:
        """Write down the part of a thread that is alone: its rows, where the arguments lie, and the kernel."""
        PART.pack_into(self._bytes, 8 * FIRST, lo, hi, stride, words, code)

    def room_for_sums(self, n: int) -> Any:
        """Give each member room for ``n`` sums; returns it, int64 [members, n]."""
        if self.at[line_of(0) + N_SUMS] == n:
            return self._sums[:, :n]
        if self._sums.shape[1] < n:
            self._sums = np.zeros((self.members, -(-n // LINE) * LINE), dtype=np.int64)
            for member, sums in enumerate(self._sums):
                self.at[line_of(member) + SUMS] = int(sums.ctypes.data)
        for member in range(self.members):
            self.at[line_of(member) + N_SUMS] = n
        return self._sums[:, :n]

    def visit(self, order: Any) -> None:
        """Let all members take the rows in this order (int64)."""
        self._order = np.ascontiguousarray(order, dtype=np.int64)
        for member in range(self.members):
            self.at[line_of(member) + ORDER], self.at[line_of(member) + N_ORDER] = int(self._order.ctypes.data), len(order)

    def spent(self, member: int) -> float:
        """Processor time of the last part of a member that was timed [s]."""
        at, word = line_of(member), self.at
        return word[at + TO] - word[at + FROM] + 1e-9 * (word[at + TO + 1] - word[at + FROM + 1])


class Helper:
    """A thread that runs its part of each launch; ``serving``: ``hand_over.serve``, compiled."""

    def __init__(self, member: int, board: Board, serving: Any) -> None:
        self.member = member
        self._board, self._serve = board, serving
        self._at = line_of(member)
        self._planned = 0  # the launch that is about to begin
        self._asleep = self._awaited = self._stopped = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"mitoferry_{member}", daemon=True).start()

    def _work(self) -> None:
        at, ended, head = self._board.at, self._at + ENDED, self._board.head(self.member)
        while not self._stopped:
            if self._planned <= at[ended]:
                self._asleep = True
                if self._planned <= at[ended] and not self._stopped:  # looked at once more: a launch may have come in between
                    self._wake.get()
                self._asleep = False
                continue
            self._serve(head)
            if self._awaited:
                self._told.put(None)

    def plan(self, turn: int) -> None:
        """See to it that the helper is awake: a launch is about to begin."""
        self._planned = turn
        if self._asleep:
            self._wake.put(None)

    def wait(self, turn: int) -> None:
        """Return when its part of a launch is done. An interrupt waits, too: the part still writes."""
        at = self._board.at
        if at[self._at + ENDED] >= turn:
            return
        if at[self._at + WANTED] < turn:  # interrupted before it began
            self._planned = 0
            return
        interrupt: BaseException | None = None
        self._awaited = True
        while at[self._at + ENDED] < turn:
            try:
                self._told.get()
            except BaseException as error:
                interrupt = error
        self._awaited = False
        if interrupt is not None:
            raise interrupt

    def stop(self) -> None:
        """Let the thread end; it must not be at work."""
        self._stopped = True
        self._wake.put(None)
