"""What the threads of a team do in compiled code: begin and end a part of a launch, watch the board, serve (``team.py``).

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
    BETWEEN,
    BOARD,
    CODE,
    ENDED,
    FROM,
    GAVE_UP,
    HELPERS,
    LINE,
    LINES,
    MEMBER,
    PATIENCE,
    TIMED,
    TO,
    WANTED,
)

AWAKE = 1000  # looks of a helper that was woken for a launch: it is about to begin
CLOCK_ID: int | None = getattr(time, "CLOCK_THREAD_CPUTIME_ID", None)
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
    import numba

    from mitoferry.backends import inner

    lean: dict[str, Any] = {"pipeline_class": inner.InnerCompiler} if inner.is_tried() else {}
    njit: Any = numba.njit
    return {f"_{f.__name__}": njit(nogil=True, error_model="numpy", _nrt=False, **lean)(f) for f in (begin_part, end_part)}


__all__ = ["compiled_ends", "serve"]
