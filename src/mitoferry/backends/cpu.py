"""The CPU backend: Numba, all cores.

Rows are cut into blocks that threads take in turn; the compiled code holds no lock. Because no row writes what
another owns and random numbers are counter-based, neither the number of threads nor the order of blocks can change a
bit. Threads are Python's own (no OpenMP or TBB runtime is needed, and forked workers are safe).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import sys
import time
import weakref
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.backends.host_memory import HostMemory
from mitoferry.backends.narrow import all_rows
from mitoferry.backends.rewrite import Compiler, text_mark, with_globals
from mitoferry.backends.team import (
    BY_LAUNCH,
    CALLS,
    CUTS,
    FIRST,
    HI,
    KERNEL,
    LO,
    ORDER,
    SECONDS,
    STRIDE,
    SUMS,
    TIMED,
    TIMES_ITSELF,
    WANTED,
    WORDS,
    Board,
    Helper,
)
from mitoferry.base.cache import cache_root
from mitoferry.core.lanes import ask_ahead, copies_word, lanes, page_slots
from mitoferry.core.order import sort_rows
from mitoferry.core.schema import PAGE
from mitoferry.core.slabs import multiply_slabs

LEAST_PART = 6e-6  # s: no thread is given less to do, so that a launch shorter than two parts runs on one

ROOT = Path(__file__).resolve().parent.parent


def fingerprint(*patterns: str) -> str:
    """Hash of those of the package's sources that match one of the patterns."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def source_fingerprint() -> str:
    """Hash of all sources of the engine."""
    return fingerprint(*(f"{room}/**/*.py" for room in ("core", "backends", "space", "processes", "assays")))


def cache_directory() -> Path:
    """Where compiled kernels are kept: ``MITOFERRY_CACHE_DIR``, else the user's cache directory."""
    # what shapes every kernel: the backends, the layout of the tables, the compiler; not where the sources lie
    sources = fingerprint("backends/*.py", "core/schema.py", "core/events.py")
    compiler = " ".join(version(package) for package in ("numba", "llvmlite", "numpy"))
    return cache_root() / "kernels" / hashlib.sha256(f"{sources} {compiler}".encode()).hexdigest()[:16]


def code_mark(*rows: Any) -> str:
    """A mark of the code of row functions and all that they call: part of the name under which a kernel is kept.

    So no stale kernel is ever used, and a change to one mechanism, ours or of another package, compiles only what it
    touches.
    """
    digest = hashlib.sha256()
    for function in all_rows(*rows):
        for text in (function, function.__mitoferry_cpu__, function.__mitoferry_page__):
            digest.update(text_mark(text) if text is not None else b"-")
    return digest.hexdigest()[:12]


# what is compiled around a row function; {casts}, {row} and {tables} are filled in
EACH = """
def run(head):
    words = _words(head)
    {casts}
    lo, hi, stride = _lo(head), _hi(head), _stride(head)
    _begin_part(head)
    for j in range(lo, hi, stride):
        _row({row}, {tables})
    _end_part(head)
"""
GATHER = """
def run(head):
    words = _words(head)
    cells = _cells(words)
    pages = _pages(words)
    {casts}
    sums = _sums(head)
    lo, hi, stride = _lo(head), _hi(head), _stride(head)
    _begin_part(head)
    for j in range(lo, hi, stride):
        h = {row}
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _slots):
                _row(h, page * PAGE + k, sums, {tables})
            page = pages.next[page]
        _finish(h, sums, {tables})
    _end_part(head)
"""
SELECT = """
def run(head):
    words = _words(head)
    {casts}
    lo, hi, stride = _lo(head), _hi(head), _stride(head)
    _begin_part(head)
    for j in range(lo, hi, stride):
        h = {row}
        t0[h] = 1 if _row(h, {others}) != 0 else 0
    _end_part(head)
"""
TOTALS = """
def run(head):
    words = _words(head)
    {casts}
    room = _sums(head)
    sums, by_group = room[:t0], room[t0:]
    lo, hi, stride = _lo(head), _hi(head), _stride(head)
    _begin_part(head)
    for j in range(lo, hi, stride):
        sums[:] = 0
        group = _row({row}, sums, {others})
        if group >= 0:
            for k in range(t0):
                by_group[group * t0 + k] += sums[k]
    _end_part(head)
"""
LARGEST = """
def run(words):
    {casts}
    for k in range(len(t0)):
        t0[k] = 0.0
    for i in range(t1):
        group = int(t2[i])
        t0[group] = max(t0[group], _row(i, {after_three}))
"""
SERIAL = """
def run(words):
    {casts}
    return _row({tables})
"""
KINDS = {EACH: "each", GATHER: "gather", SELECT: "select", TOTALS: "totals", LARGEST: "largest", SERIAL: "serial"}
IN_ORDER = (LARGEST, SERIAL)  # those that one thread runs


def driver_text(template: str, n: int, *, shuffled: bool) -> Any:
    """The plain function of a template for ``n`` arguments, of which ``_read<k>`` reads number k from their words."""
    source = template.format(
        row="_order(head)[j]" if shuffled else "j",
        tables=", ".join(f"t{k}" for k in range(n)),
        others=", ".join(f"t{k}" for k in range(1, n)),
        after_three=", ".join(f"t{k}" for k in range(3, n)),
        casts="; ".join(f"t{k} = _read{k}(words)" for k in range(n)) or "pass",
    )
    scope: dict[str, Any] = {"PAGE": PAGE, "__name__": __name__}
    exec(compile(source, "<loop over rows>", "exec"), scope)  # no file: nothing looks for its text there
    return scope["run"]


@functools.cache
def _ends_and_heads() -> dict[str, Any]:
    """What a loop calls around its rows: both ends of a part, and what stands in the words of its member."""
    from numba.core import types

    from mitoferry.backends.arguments import reader
    from mitoferry.backends.hand_over import compiled_ends

    places = {"_lo": LO, "_hi": HI, "_stride": STRIDE, "_words": WORDS}
    heads: dict[str, Any] = {name: reader(types.int64, place) for name, place in places.items()}
    lists = types.Array(types.int64, 1, "C")
    return compiled_ends() | heads | {"_sums": reader(lists, SUMS), "_order": reader(lists, ORDER)}


class _Driver:
    """A compiled loop over rows for tables with certain columns, and its pace (``team.py``): how long a row takes, how rows are shared."""

    __slots__ = ("_words", "code", "name", "pace", "pace_at", "run")

    def __init__(self, run: Any, name: str, code: int = 0, members: int = 1) -> None:
        self.run = run
        self.name = name
        self.code = code  # address of the machine code for a thread that does not come through Python
        self._words = np.zeros(CUTS + 3 * members, dtype=np.float64)
        self._words.view(np.int64)[KERNEL] = code
        self._words[CUTS : CUTS + members - 1] = np.arange(1, members) / members
        self.pace = self._words.data
        self.pace_at = int(self._words.ctypes.data)

    @property
    def seconds_per_row(self) -> float:
        """How long a row takes, of late."""
        return self.pace[SECONDS]

    @property
    def calls(self) -> int:
        """How often it was launched."""
        return int(self._words.view(np.int64)[CALLS])


def _stop(helpers: list[Any]) -> None:
    for helper in helpers:
        helper.stop()


_BUILT: dict[tuple[str, str, bool], tuple[Any, int]] = {}
"""Kernels of this process, with the address of their code, by their name (a mark of their code), cache and compiler.

Machine code is never unloaded: a backend for each of some 300 plates would use up the mappings of memory that a process may have
(65,530 on Linux), and crash.
"""


class Cpu(HostMemory):
    """Runs row functions compiled by Numba on ``threads`` threads.

    Args:
        threads: number of threads; default all cores that this process may use.
        cache: keep compiled kernels on disk between runs.
        shuffle: if not ``None``, rows are visited in an order drawn from this seed (tests).
        eager: use all threads for every launch, however short (tests).
    """

    name = "cpu"

    def __init__(self, *, threads: int | None = None, cache: bool = True, shuffle: int | None = None, eager: bool = False) -> None:
        self.eager = eager or shuffle is not None
        self.caches = cache
        self.cache_folder = cache_directory()
        import numba

        from mitoferry.backends import arguments, slabs
        from mitoferry.backends import inner as inner_compiler
        from mitoferry.backends.stack import load_word, prefetch, stack_lanes, untold_slots

        njit: Any = numba.njit  # its annotations do not know _nrt
        self.cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
        available = len(self.cores)
        self.threads = max(1, threads if threads is not None else available)
        self._lean = lean = inner_compiler.is_tried()
        kernel = {"pipeline_class": inner_compiler.KernelCompiler} if lean else {}
        self._jit = njit(nogil=True, error_model="numpy", _nrt=False, **kernel)

        inner = {"_nrt": False} | ({"pipeline_class": inner_compiler.InnerCompiler} if lean else {})

        def compile_row(text: Any, module: str) -> Any:
            # A table is passed by value, as hundreds of words: a hot row function that is not inlined copies them at
            # every call. The small functions of maths and random, and the solver's, which take plain arrays, are left to LLVM.
            inline = not module.startswith(
                ("mitoferry.core.maths", "mitoferry.core.random", "mitoferry.space.solver", "mitoferry.space.transform")
            )
            return njit(nogil=True, error_model="numpy", forceinline=inline, **inner)(text)

        def compile_serial(text: Any, module: str) -> Any:
            # Ordered phases treat few events: nothing is inlined by force, which compiles several times faster.
            return njit(nogil=True, error_model="numpy", **inner)(text)

        self._compiler = Compiler(compile_row, "__mitoferry_cpu__")
        self._compiler.supply(lanes, stack_lanes)
        self._compiler.supply(ask_ahead, prefetch)
        self._compiler.supply(page_slots, untold_slots)
        if sys.byteorder == "little":
            self._compiler.supply(copies_word, load_word)
        self._compiler.supply(multiply_slabs, slabs.multiply_slabs)
        self._serial_compiler = Compiler(compile_serial, "__mitoferry_cpu__")
        self.arguments = arguments.Arguments(self._build)
        self.turns: Path | None = None  # folder of the locks of kernels that another process may be compiling
        self._helpers: list[Any] = []
        self._board = Board(self.threads, patient=self.threads <= available)
        self._head = self._board.head(0)
        self._marks = np.zeros(0, dtype=np.uint8)  # of ``select``
        self._found: dict[Any, Any] = {}  # of ``largest``, by its row function
        self._launch: Any = None  # ``hand_over.launch``, compiled; only where there are helpers
        self._rng = None if shuffle is None else np.random.default_rng(shuffle)

    @property
    def n_kernels(self) -> int:
        """How many kernels this process has compiled or loaded."""
        return sum(len(variants) for variants in self.arguments.variants.values())

    @property
    def has_started_threads(self) -> bool:
        """Whether helper threads exist: a process with threads must not fork."""
        return bool(self._helpers)

    def _build(self, key: tuple[str, Any, Any], shapes: tuple[Any, ...], args: tuple[Any, ...]) -> _Driver:
        """What runs ``key`` (template, row function, what finishes a row) for arguments of these shapes, compiled or loaded."""
        # a kernel outlives its backend, so that ``supply``, which it holds, must not hold the backend or the tables of a plate
        from mitoferry.backends.arguments import n_words, reader, type_of

        template, row, finish = key
        compiler = self._serial_compiler if template is SERIAL else self._compiler
        shuffled = self._rng is not None and template not in IN_ORDER
        kind = f"shuffled.{KINDS[template]}" if shuffled else KINDS[template]
        given = hashlib.sha256(repr(shapes).encode()).hexdigest()[:10]
        name = f"{kind}.{row.__module__}.{row.__qualname__}.{code_mark(row, finish)}.{given}"
        kinds = [type_of(shape, arg) for shape, arg in zip(shapes, args, strict=True)]
        places = list(itertools.accumulate(map(n_words, shapes), initial=0))
        whole = row.__mitoferry_page__ if finish else None

        def supply() -> dict[str, Any]:
            """What the loop calls: needed where the kernel is compiled, not where it is loaded."""
            readers = [reader(kind, place) for kind, place in zip(kinds, places, strict=False)]
            used: dict[str, Any] = {"_row": compiler.compile(whole or row), "_slots": PAGE if whole else 1}
            if finish:
                used |= {"_finish": compiler.compile(finish), "_cells": readers.pop(0), "_pages": readers.pop(0)}
            if template not in IN_ORDER:
                used |= _ends_and_heads()
            return used | {f"_read{k}": read for k, read in enumerate(readers)}

        text = functools.partial(driver_text, template, len(shapes) - (2 if finish else 0), shuffled=shuffled)
        return _Driver(*self._kernel(name, text, supply), self.threads)

    def _kernel(self, name: str, text: Callable[[], Any], supply: Callable[[], dict[str, Any]]) -> tuple[Any, str, int]:
        """The compiled function of one word, its name and where its machine code lies.

        Where a second process fills the same cache (``turns``), one waits while the other compiles, and then loads.
        """
        mark = name, str(self.cache_folder) if self.caches else "", self._lean
        if mark not in _BUILT:
            from numba.core import types

            from mitoferry.backends.inner import collector_at_rest

            run = self._jit(with_globals(text(), {}, name))

            def supplied() -> None:
                run.py_func.__globals__.update(supply())

            if self.caches:
                from mitoferry.backends.kernel_cache import KernelCache

                run._cache = KernelCache(run.py_func, self.cache_folder, name, supplied)
            else:
                supplied()
            with contextlib.ExitStack() as until_done:
                if self.turns is not None:
                    import fcntl

                    lock = self.turns / hashlib.sha256(name.encode()).hexdigest()[:20]
                    # the lock is given back when the file is closed, or its process ends
                    fcntl.flock(until_done.enter_context(open(lock, "w", encoding="ascii")), fcntl.LOCK_EX)
                until_done.enter_context(collector_at_rest())
                run.compile((types.int64,))
            (made,) = run.overloads.values()
            _BUILT[mark] = run, int(made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name))
        run, code = _BUILT[mark]
        return run, name, code

    def _run(self, passed: Any, n: int) -> None:
        """Run rows 0..n-1, on several threads where the rows are worth it.

        How long a row takes is measured as the run goes. Neither it nor the number of threads can change a bit.
        """
        if n <= 0:
            return
        driver, board = passed.driver, self._board
        if self._rng is not None:
            board.visit(self._rng.permutation(n))
        if self.threads == 1:
            board.give(0, n, 1, passed.address, driver.code)
            driver.run(self._head)
            return
        if self._launch is None:
            from mitoferry.backends.hand_over import called_by_launch, launch

            self._launch, _, _ = self._kernel("team.launch", lambda: launch, called_by_launch)
        parts = self.threads if self.eager else min(self.threads, int(n * driver.pace[SECONDS] / LEAST_PART))
        parts = max(1, min(parts, n))
        start = 0.0 if TIMES_ITSELF else time.perf_counter()
        if parts > 1:
            self._share(driver, passed.address, n, parts)
        else:
            board.ask(driver.pace_at, passed.address, n, 1)
            self._launch(self._head)
        if not TIMES_ITSELF:
            seconds, known = (time.perf_counter() - start) * parts / n, driver.seconds_per_row
            driver.pace[SECONDS] = known + (BY_LAUNCH if driver.calls > 1 else 1.0) * (seconds - known)

    def _hire(self) -> None:
        """Start the helpers."""
        from mitoferry.backends.hand_over import serve

        serving, _, _ = self._kernel("team.serve", lambda: serve, dict)
        self._board.try_looks(serving)
        self._helpers += [Helper(k, self._board, serving) for k in range(1, self.threads)]
        weakref.finalize(self, _stop, self._helpers)

    def _share(self, driver: _Driver, address: int, n: int, parts: int) -> None:
        """One block of rows for each of so many threads; ``address``: where the words of the arguments begin.

        Each thread gets a block with as much to do, by the launches before: rows differ in work. Of few rows (groups of fields) each
        gets as many.
        """
        if not self._helpers:
            self._hire()
        board, helpers = self._board, self._helpers[: parts - 1]
        turn = board.ask(driver.pace_at, address, n, parts)
        waits = True
        try:
            for helper in helpers:
                helper.plan(turn)
            waits = self._launch(self._head) != 0
        finally:
            if waits:
                for helper in helpers:
                    helper.wait(turn)
        if waits and board.at[TIMED] and board.at[FIRST + WANTED] == turn:
            board.ask_for_levels(driver.pace_at)
            self._launch(self._head)

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        self._run(self.arguments.passed((EACH, row, None), args), n)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        passed = self.arguments.passed((GATHER, slot_row, finish_row), (cells, pages, *args))
        self._board.room_for_sums(n_sums)
        self._run(passed, n)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        passed = self.arguments.passed((SERIAL, function, None), args)
        return passed.driver.run(passed.address)

    def select(self, row: Any, n: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if len(self._marks) < n:
            self._marks = np.zeros(n + n // 8, dtype=np.uint8)
        self._run(self.arguments.passed((SELECT, row, None), (self._marks, *args)), n)
        return self._marks[: max(n, 0)].view(np.bool_).nonzero()[0]

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        passed = self.arguments.passed((TOTALS, row, None), (n_sums, *args))
        room = self._board.room_for_sums(n_sums * (1 + n_groups))
        room[:] = 0
        self._run(passed, n)
        return room[:, n_sums:].sum(axis=0).reshape(n_groups, n_sums)

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = self._found.setdefault(row, np.zeros(0))
        if len(found) != n_groups:
            found = self._found[row] = np.zeros(n_groups)
        passed = self.arguments.passed((LARGEST, row, None), (found, n, groups, *args))
        passed.driver.run(passed.address)
        return found.copy()

    def bins(self, n: int, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        self.serial(sort_rows, n, keys, ties, start, member)

    def replaced(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for table in tables:
            self.arguments.replace(table)
