"""What the threads of a team do in compiled code: launch, begin and end a part of a launch, watch the board, serve (``team.py``).

Tests: ``tests/backends/test_team.py``.
"""

from __future__ import annotations

import functools
import platform
import time
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from mitoferry.backends.team import (
    ASKED,
    BETWEEN,
    BOARD,
    BY_LAUNCH,
    CALLS,
    CLOCK,
    CODE,
    CUTS,
    ENDED,
    FEW,
    FROM,
    GAVE_UP,
    HELPERS,
    HI,
    KERNEL,
    LEVELLING,
    LINE,
    LINES,
    LO,
    MEMBER,
    MEMBERS,
    MOMENT,
    MOST_UNEVEN,
    PATIENCE,
    PATIENT,
    SECONDS,
    SELDOM,
    SETTLING,
    SHARED,
    SOON,
    STRIDE,
    TIMED,
    TIMES_ITSELF,
    TO,
    WALL_ID,
    WANTED,
    WORDS,
)

AWAKE = 1000  # looks of a helper that was woken for a launch: it is about to begin
CLOCK_ID: int | None = getattr(time, "CLOCK_THREAD_CPUTIME_ID", None)
NEXT = LINES * LINE * 8  # bytes from the words of one member to those of the next
BY_GAP = 0.02  # weight of the last launch in the share of launches that follow the one before within a moment
WORD = ir.IntType(64)


@intrinsic
def read(typing_context: Any, address: Any, word: Any) -> Any:
    """Word ``word`` behind an address as it is now."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.gep(builder.inttoptr(args[0], WORD.as_pointer()), [args[1]])
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def write(typing_context: Any, address: Any, word: Any, value: Any) -> Any:
    """Write a word behind an address, after all that was written before."""

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
def note_time(typing_context: Any, head: Any, word: Any) -> Any:
    """Write the processor time of this thread to two words of a member (s, ns), where the system tells it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if CLOCK_ID is not None:
            place = builder.gep(builder.inttoptr(args[0], WORD.as_pointer()), [args[1]])
            kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), WORD.as_pointer()])
            clock = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
            builder.call(clock, [ir.IntType(32)(CLOCK_ID), place])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def read_number(typing_context: Any, address: Any, word: Any) -> Any:
    """The number in word ``word`` behind an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(builder.inttoptr(args[0], ir.DoubleType().as_pointer()), [args[1]]))

    return types.float64(types.int64, types.int64), codegen


@intrinsic
def write_number(typing_context: Any, address: Any, word: Any, value: Any) -> Any:
    """Write a number to a word behind an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(builder.inttoptr(args[0], ir.DoubleType().as_pointer()), [args[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float64), codegen


@intrinsic
def now(typing_context: Any) -> Any:
    """Time that passes [s], from any moment on; 0 where the system does not tell it to compiled code."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if WALL_ID is None:
            return ir.DoubleType()(0.0)
        place = cgutils.alloca_once(builder, WORD, 2)
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), WORD.as_pointer()])
        clock = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
        builder.call(clock, [ir.IntType(32)(WALL_ID), place])
        whole, rest = (builder.sitofp(builder.load(builder.gep(place, [WORD(k)])), ir.DoubleType()) for k in range(2))
        return builder.fadd(whole, builder.fmul(rest, ir.DoubleType()(1e-9)))

    return types.float64(), codegen


@intrinsic
def call(typing_context: Any, code: Any, head: Any) -> Any:
    """Run the kernel whose machine code begins at ``code``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kernel = ir.FunctionType(ir.VoidType(), [WORD]).as_pointer()
        builder.call(builder.inttoptr(args[0], kernel), [args[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def begin_part(head):  # type: ignore[no-untyped-def]  # compiled
    """Before a part of a launch; ``head``: address of the words of its member."""
    board: Any = read(head, BOARD)  # type: ignore[call-arg]
    helpers = read(board, HELPERS)
    if helpers == 0:
        return
    if read(board, TIMED) != 0:
        note_time(head, FROM)  # type: ignore[call-arg]
    if read(head, MEMBER) == 0:
        turn = read(head, WANTED)
        for k in range(1, helpers + 1):
            write(board, (2 + LINES * k) * LINE + WANTED, turn)


def end_part(head):  # type: ignore[no-untyped-def]  # compiled
    """After it: tell it, or watch for the helpers' ends."""
    board: Any = read(head, BOARD)  # type: ignore[call-arg]
    helpers = read(board, HELPERS)
    if helpers == 0:
        return
    if read(board, TIMED) != 0:
        note_time(head, TO)  # type: ignore[call-arg]
    turn = read(head, WANTED)
    if read(head, MEMBER) > 0:
        write(head, ENDED, turn)
        return
    patience = read(board, PATIENCE)
    looks = 0
    while looks < patience:
        waiting = 0
        for k in range(1, helpers + 1):
            waiting += 1 if read(board, (2 + LINES * k) * LINE + ENDED) < turn else 0
        if waiting == 0:
            return
        looks += 1
        rest()
    write(board, GAVE_UP, turn)


def deal(head, pace, words, n, parts):  # type: ignore[no-untyped-def]  # compiled
    """Write down the parts of so many threads, 0 among them: a block of the ``n`` rows each, of few rows as many in turn."""
    code: Any = read(pace, KERNEL)  # type: ignore[call-arg]
    members: Any = read(read(head, BOARD), MEMBERS)  # type: ignore[call-arg]
    lo = 0
    for k in range(parts):
        member = head + NEXT * k
        hi = n
        stride = 1
        if parts > 1 and n <= FEW:
            lo = k
            stride = parts
        elif k < parts - 1:
            cut = (k + 1) / parts
            if parts == members:
                cut = read_number(pace, CUTS + k)
            hi = min(max(int(n * cut), lo), n)
        write(member, LO, lo)
        write(member, HI, hi)
        write(member, STRIDE, stride)
        write(member, WORDS, words)
        write(member, CODE, code)
        lo = hi


def level(head, pace):  # type: ignore[no-untyped-def]  # compiled
    """Move the cuts of a kernel towards where all threads would have had as much to do, by what each spent on the last launch."""
    members: Any = read(read(head, BOARD), MEMBERS)  # type: ignore[call-arg]
    edges = CUTS + members - 1
    spent = edges + members + 1
    write_number(pace, edges, 0.0)  # type: ignore[call-arg]
    write_number(pace, edges + members, 1.0)  # type: ignore[call-arg]
    for k in range(1, members):
        write_number(pace, edges + k, read_number(pace, CUTS + k - 1))
    least = 1e30
    for k in range(members):
        member = head + NEXT * k
        seconds = float(read(member, TO) - read(member, FROM)) + 1e-9 * float(read(member, TO + 1) - read(member, FROM + 1))
        seconds = max(seconds, CLOCK)
        write_number(pace, spent + k, seconds)
        least = min(least, seconds)
    total = 0.0
    for k in range(members):
        write_number(pace, spent + k, min(read_number(pace, spent + k), MOST_UNEVEN * least))
        total += read_number(pace, spent + k)
    part = 0
    before = 0.0
    for k in range(members - 1):
        wanted = total * (k + 1) / members
        while part < members - 1 and before + read_number(pace, spent + part) < wanted:
            before += read_number(pace, spent + part)
            part += 1
        edge = read_number(pace, edges + part)
        right = edge + (read_number(pace, edges + part + 1) - edge) * (wanted - before) / read_number(pace, spent + part)
        cut = read_number(pace, CUTS + k)
        write_number(pace, CUTS + k, cut + LEVELLING * (right - cut))


def launch(head):  # type: ignore[no-untyped-def]  # compiled
    """Run the launch that is asked for (``ASKED``); ``head``: address of the words of member 0. 1 where helpers are still at work."""
    board: Any = read(head, BOARD)  # type: ignore[call-arg]
    pace: Any = read(head, ASKED)  # type: ignore[call-arg]
    words: Any = read(head, ASKED + 1)  # type: ignore[call-arg]
    n: Any = read(head, ASKED + 2)  # type: ignore[call-arg]
    parts: Any = read(head, ASKED + 3)  # type: ignore[call-arg]
    turn: Any = read(head, ASKED + 4)  # type: ignore[call-arg]
    if parts == 0:
        level(head, pace)
        return 0
    calls: Any = read(pace, CALLS)  # type: ignore[call-arg]
    begun: Any = now()  # type: ignore[call-arg]
    timed = 0
    if parts > 1:
        soon = read_number(board, SOON)
        soon += BY_GAP * ((1.0 if begun - read_number(board, SHARED) < MOMENT else 0.0) - soon)
        write_number(board, SOON, soon)
        if read(board, PATIENT) != 0:
            write(board, BETWEEN, read(board, PATIENCE) if soon > 0.5 else 0)
        if n > FEW and parts == read(board, MEMBERS) and (calls < SETTLING or calls % SELDOM == 0):
            timed = 1
        write(head, WANTED, turn)
    write(board, HELPERS, parts - 1)
    write(board, TIMED, timed)
    deal(head, pace, words, n, parts)
    call(read(pace, KERNEL), head)
    ended: Any = now()  # type: ignore[call-arg]
    if TIMES_ITSELF:
        known = read_number(pace, SECONDS)
        write_number(pace, SECONDS, known + (BY_LAUNCH if calls > 0 else 1.0) * ((ended - begun) * parts / n - known))
    write(pace, CALLS, calls + 1)
    if parts > 1:
        write_number(board, SHARED, ended)
        if read(board, GAVE_UP) == turn:
            return 1
        if timed != 0:
            level(head, pace)
    return 0


def serve(head):  # type: ignore[no-untyped-def]  # compiled
    """Run the parts of a helper as they come, until for a while none has, or until a thread sleeps that waits for the end of the last."""
    board: Any = read(head, BOARD)  # type: ignore[call-arg]
    done = read(head, ENDED)
    served = 0
    while True:
        patience = read(board, BETWEEN) if served > 0 else max(read(board, BETWEEN), AWAKE)
        looks = 0
        while read(head, WANTED) <= done:
            if looks >= patience or (served > 0 and read(board, GAVE_UP) >= done):
                return
            looks += 1
            rest()
        call(read(head, CODE), head)  # type: ignore[call-arg]
        done = read(head, ENDED)
        served = 1


@functools.cache
def compiled_ends() -> dict[str, Any]:
    """``begin_part`` and ``end_part`` for compiled code, under the names that kernels have for them."""
    return {f"_{f.__name__}": compiled(f) for f in (begin_part, end_part)}


def called_by_launch() -> dict[str, Any]:
    """What :func:`launch` calls, compiled."""
    return {f.__name__: compiled(f) for f in (deal, level)}


def compiled(function: Any) -> Any:
    """A function for compiled code to call."""
    import numba

    from mitoferry.backends import inner

    lean: dict[str, Any] = {"pipeline_class": inner.InnerCompiler} if inner.is_tried() else {}
    njit: Any = numba.njit
    return njit(nogil=True, error_model="numpy", _nrt=False, **lean)(function)


__all__ = ["called_by_launch", "compiled", "compiled_ends", "launch", "serve"]
