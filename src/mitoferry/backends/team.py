"""Threads that share a launch, and how they hand it over without going to sleep.

A thread that sleeps takes tens of microseconds to wake, as long as many launches last. So a helper that has done its part watches
the *board*, a few words of memory, for the next launch, and the thread that launches watches it for the helpers' parts: both within
compiled code that holds no lock of the interpreter, and both for a moment only (``MOMENT``), after which they sleep until they are
woken. The word that a launch has begun is written by compiled code, too: whoever sees it finds the interpreter's lock free.

Nothing that is computed depends on any of this. Tests: ``tests/backends/test_team.py``.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import queue
import threading
import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

MOMENT = 3e-4  # s for which threads watch the board before they sleep
LINE = 16  # words of the board that nobody else writes to: two lines of the cache
BEGUN, HELPERS, LEAST, MOST = 0, 1, 2, 3  # words of the first line: launch that has begun, helpers in it, looks before sleep
GAVE_UP = LINE  # launch for whose end nobody watches any more
# words of the line of a member: launch whose part is done, looks before it sleeps, its processor time before and after (s, ns)
ENDED, PATIENCE, FROM, TO = 0, 1, 2, 4
CLOCK_ID: int | None = getattr(time, "CLOCK_THREAD_CPUTIME_ID", None)
WORD = ir.IntType(64)


def line_of(member: int) -> int:
    """First word of the line of a member; 0 is the thread that launches."""
    return (2 + member) * LINE


# ---------------------------------------------------------------------- what compiled code needs for it
@intrinsic
def read(typing_context: Any, board: Any, word: Any) -> Any:
    """A word of the board as it is now."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.gep(builder.inttoptr(args[0], WORD.as_pointer()), [args[1]])
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def write(typing_context: Any, board: Any, word: Any, value: Any) -> Any:
    """Write a word of the board, after all that was written before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.gep(builder.inttoptr(args[0], WORD.as_pointer()), [args[1]])
        builder.store_atomic(args[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def rest(typing_context: Any) -> Any:
    """Leave the core to its other thread for a moment, where the processor knows how."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        void = ir.VoidType()
        machine = platform.machine().lower()
        if machine in ("x86_64", "amd64"):
            builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(void, []), "llvm.x86.sse2.pause"), [])
        elif machine in ("aarch64", "arm64"):  # hint 1: yield
            hint = cgutils.get_or_insert_function(builder.module, ir.FunctionType(void, [ir.IntType(32)]), "llvm.aarch64.hint")
            builder.call(hint, [ir.IntType(32)(1)])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def note_time(typing_context: Any, board: Any, word: Any) -> Any:
    """Write the processor time of this thread to two words of the board (s, ns), where the system tells it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if CLOCK_ID is not None:
            place = builder.gep(builder.inttoptr(args[0], WORD.as_pointer()), [args[1]])
            kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), WORD.as_pointer()])
            clock = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
            builder.call(clock, [ir.IntType(32)(CLOCK_ID), place])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def begin_part(board, member, turn):  # type: ignore[no-untyped-def]  # compiled
    """Before the part of ``member`` in launch ``turn``; a launch that is not shared has no ``board`` (0)."""
    if board == 0:
        return
    note_time(board, (2 + member) * LINE + FROM)  # type: ignore[call-arg]
    if member == 0:
        write(board, BEGUN, turn)


def end_part(board, member, turn):  # type: ignore[no-untyped-def]  # compiled
    """After it: tell it, and watch for what this thread will do next, for longer where that has been worth it of late."""
    if board == 0:
        return
    line = (2 + member) * LINE
    note_time(board, line + TO)  # type: ignore[call-arg]
    patience = read(board, line + PATIENCE)
    others = read(board, HELPERS)
    if member > 0:
        write(board, line + ENDED, turn)
    looks = 0
    while looks < patience:
        waiting = 0
        if member > 0:
            waiting = 1 if read(board, BEGUN) <= turn and read(board, GAVE_UP) < turn else 0
        else:
            for k in range(1, others + 1):
                waiting += 1 if read(board, (2 + k) * LINE + ENDED) < turn else 0
        if waiting == 0:
            write(board, line + PATIENCE, min(patience + patience // 4, read(board, MOST)))
            return
        looks += 1
        rest()
    write(board, line + PATIENCE, max(patience // 2, read(board, LEAST)))
    if member == 0:
        write(board, GAVE_UP, turn)


@functools.cache
def compiled_ends() -> tuple[Any, Any]:
    """``begin_part`` and ``end_part`` for compiled code."""
    import numba

    from mitoferry.backends import inner

    lean: dict[str, Any] = {"pipeline_class": inner.InnerCompiler} if inner.is_tried() else {}
    njit: Any = numba.njit
    compiled = [njit(nogil=True, error_model="numpy", _nrt=False, **lean)(f) for f in (begin_part, end_part)]
    return compiled[0], compiled[1]


@functools.cache
def looks_in(seconds: float) -> int:
    """How often a thread looks at the board in so much time, about: a look and a rest take some 20 to 50 ns."""
    return int(seconds / 3e-8)


# ---------------------------------------------------------------------- the threads
class Board:
    """The words that the threads of one backend share."""

    def __init__(self, members: int, *, patient: bool) -> None:
        room = np.zeros((2 + members) * LINE + LINE, dtype=np.int64)
        skip = -room.ctypes.data % (8 * LINE) // 8
        self.words = room[skip : skip + (2 + members) * LINE]
        if patient:
            self.words[[LEAST, MOST]] = looks_in(MOMENT) // 64, looks_in(MOMENT)
            self.words[line_of(0) + PATIENCE :: LINE] = looks_in(MOMENT)
        self.address = int(self.words.ctypes.data)
        # read through ctypes, several times quicker than through the array
        self._word = (ctypes.c_int64 * len(self.words)).from_address(self.address)
        self.turn = 0

    def next_turn(self, helpers: int) -> int:
        """Number of the next launch, in which so many helpers take part."""
        self.turn += 1
        self._word[HELPERS] = helpers
        return self.turn

    def ended(self, member: int) -> int:
        """The last launch whose part is done."""
        return self._word[line_of(member) + ENDED]

    def spent(self, member: int) -> float:
        """Processor time of the last part of a member [s]."""
        at, word = line_of(member), self._word
        return word[at + TO] - word[at + FROM] + 1e-9 * (word[at + TO + 1] - word[at + FROM + 1])


class Helper:
    """A thread that runs its part of each launch."""

    def __init__(self, member: int, board: Board) -> None:
        self.member = member
        self._board = board
        self._call: Any = None
        self._asleep = self._awaited = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._done = 0
        self._error: BaseException | None = None
        threading.Thread(target=self._work, name=f"mitoferry_{member}", daemon=True).start()

    def _work(self) -> None:
        while True:
            if self._call is None:
                self._asleep = True
                if self._call is None:  # looked at once more: a call may have come in between
                    self._wake.get()
                self._asleep = False
                continue
            (turn, run, args), self._call = self._call, None
            if run is None:
                return
            try:
                run(*args)
            except BaseException as error:  # raised again where the call was handed over
                self._error = error
            run = args = None
            self._done = turn
            if self._awaited:
                self._told.put(None)

    def begin(self, turn: int, run: Any, *args: Any) -> None:
        """Hand the part of a launch over; its last argument before the tables are those of ``begin_part``."""
        self._call = (turn, run, args)
        if self._asleep:
            self._wake.put(None)

    def wait(self, turn: int) -> None:
        """Return when its part is done; raises what it raised. An interrupt waits, too: the part still writes."""
        if self._board.ended(self.member) >= turn:
            return
        interrupt: BaseException | None = None
        self._awaited = True
        while self._board.ended(self.member) < turn and self._done < turn:
            try:
                self._told.get()
            except BaseException as error:
                interrupt = error
        self._awaited = False
        raised, self._error = self._error or interrupt, None
        if raised is not None:
            raise raised

    def stop(self) -> None:
        """Let the thread end; it must not be at work."""
        self._call = (0, None, ())
        self._wake.put(None)


__all__ = ["Board", "Helper", "compiled_ends"]
