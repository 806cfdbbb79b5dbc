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
import operator
import os
import sys
import time
import weakref
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mitoferry.backends.narrow import TABLES as STATE
from mitoferry.backends.narrow import all_rows
from mitoferry.backends.rewrite import Compiler, text_mark, with_globals
from mitoferry.base.cache import cache_root
from mitoferry.core.lanes import copies_word, lanes
from mitoferry.core.schema import PAGE
from mitoferry.core.slabs import multiply_slabs

KEPT = 4  # tables of one kind whose addresses are remembered
MOST_SHORT = 512  # other tables whose words are remembered before those that are gone are dropped
FEW = 1024  # rows up to which they are dealt to the threads in turn
WORTH_THREADS = 4e-5  # s: launches shorter than this run on one thread
SETTLING, SELDOM = 64, 4  # launches after which it is looked only at every fourth how even the shares were
LEVELLING = 0.1  # by which share of what would have been right the next launch deals rows otherwise
MOST_UNEVEN = 2.0  # times the quickest thread: more is put down to something else
CLOCK = 1e-6  # s: shorter times cannot be told apart


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


# what is compiled around a row function; {args} and {tables} are filled in per number of arguments
EACH = """
def run(lo, hi, stride, order, board, member, turn, {args}):
    {casts}
    _begin_part(board, member, turn)
    for j in range(lo, hi, stride):
        _row(j if order is None else order[j], {tables})
    _end_part(board, member, turn)
"""
GATHER = """
def run(lo, hi, stride, order, board, member, turn, sums, cells_, pages_, {args}):
    cells = _cast_cells(cells_)
    pages = _cast_pages(pages_)
    {casts}
    _begin_part(board, member, turn)
    for j in range(lo, hi, stride):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _slots):
                _row(h, page * PAGE + k, sums, {tables})
            page = pages.next[page]
        _finish(h, sums, {tables})
    _end_part(board, member, turn)
"""
SERIAL = """
def run({args}):
    {casts}
    return _row({tables})
"""


def driver_text(template: str, tables: list[bool]) -> Any:
    """The plain function of a template for as many arguments; argument k, where it is a table, becomes what ``_cast<k>`` makes of it."""
    n = len(tables)
    source = template.format(
        args=", ".join(f"a{k}" for k in range(n)),
        tables=", ".join(f"t{k}" for k in range(n)),
        casts="; ".join(f"t{k} = _cast{k}(a{k})" if table else f"t{k} = a{k}" for k, table in enumerate(tables)) or "pass",
    )
    scope: dict[str, Any] = {"PAGE": PAGE, "__name__": __name__}
    exec(compile(source, "<loop over rows>", "exec"), scope)  # no file: nothing looks for its text there
    return scope["run"]


class _Driver:
    """A compiled loop over rows for tables with certain columns, how long one row takes [s], and how its rows are shared."""

    __slots__ = ("calls", "cuts", "name", "run", "seconds_per_row")

    def __init__(self, run: Any, name: str) -> None:
        self.run = run
        self.name = name
        self.seconds_per_row = 0.0
        self.calls = 0
        self.cuts: list[float] = []  # where one thread's block of rows ends and the next one's begins, 0..1

    def blocks(self, n: int, threads: int) -> list[tuple[int, int, int]]:
        """One block (first row, end, stride) of ``n`` rows for each thread; equal ones at first."""
        if len(self.cuts) != threads - 1:
            self.cuts = [i / threads for i in range(1, threads)]
        ends = [0, *(int(n * cut) for cut in self.cuts), n]
        return [(lo, hi, 1) for lo, hi in itertools.pairwise(ends)]

    def level(self, seconds: list[float]) -> None:
        """Move the cuts towards where all threads would have had as much to do; ``seconds``: processor time that each spent."""
        most = MOST_UNEVEN * max(min(seconds), CLOCK)
        seconds = [min(max(s, CLOCK), most) for s in seconds]
        edges, part, before = [0.0, *self.cuts, 1.0], 0, 0.0
        for k, cut in enumerate(self.cuts):
            wanted = sum(seconds) * (k + 1) / len(seconds)
            while before + seconds[part] < wanted:
                before += seconds[part]
                part += 1
            right = edges[part] + (edges[part + 1] - edges[part]) * (wanted - before) / seconds[part]
            self.cuts[k] = cut + LEVELLING * (right - cut)


class _Short(NamedTuple):
    """The words of a table that is not of the state, for as long as its columns live; columns are held weakly."""

    kind: Any  # its class
    columns: tuple[Any, ...]
    words: Any
    number: int  # of its kind and columns
    address: int  # of the words

    def is_of(self, table: Any) -> bool:
        """Whether the words are those of ``table``: one of the same kind with the same columns."""
        return type(table) is self.kind and all(map(operator.is_, map(operator.call, self.columns), table))


class _Recent(NamedTuple):
    """The last call of a row function: its driver, and place and address of its tables."""

    driver: _Driver
    of_state: list[tuple[int, Any, int]]  # place, table, address
    others: list[tuple[int, _Short]]
    n_args: int


def _stop(helpers: list[Any]) -> None:
    for helper in helpers:
        helper.stop()


_BUILT: dict[tuple[str, str, bool], Any] = {}
"""Kernels of this process by their name (a mark of their code), cache and compiler.

Machine code is never unloaded: a backend for each of some 300 plates would use up the mappings of memory that a process may have
(65,530 on Linux), and crash.
"""


class Cpu:
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

        from mitoferry.backends import inner as inner_compiler
        from mitoferry.backends import pointers, slabs, team
        from mitoferry.backends.stack import load_word, stack_lanes

        self._pointers, self._team = pointers, team

        njit: Any = numba.njit  # its annotations do not know _nrt
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
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
        if sys.byteorder == "little":
            self._compiler.supply(copies_word, load_word)
        self._compiler.supply(multiply_slabs, slabs.multiply_slabs)
        self._serial_compiler = Compiler(compile_serial, "__mitoferry_cpu__")
        self._kernels: dict[Any, dict[Any, _Driver]] = {}
        self._known: dict[int, tuple[Any, Any, int, int]] = {}
        self._short: dict[tuple[type, int], _Short] = {}  # other tables, by their first column
        self._numbers: dict[tuple[Any, ...], int] = {}  # of each kind of table with its columns
        self._is_table: dict[type, bool] = {}
        self._recent: dict[Any, _Recent] = {}
        self.turns: Path | None = None  # folder of the locks of kernels that another process may be compiling
        self._alive: list[Any] = []  # words of the launch under way
        self._helpers: list[Any] = []
        self._board = team.Board(self.threads, patient=self.threads <= available)
        self._rng = None if shuffle is None else np.random.default_rng(shuffle)

    @property
    def n_kernels(self) -> int:
        """How many kernels this process has compiled or loaded."""
        return sum(len(variants) for variants in self._kernels.values())

    @property
    def has_started_threads(self) -> bool:
        """Whether helper threads exist: a process with threads must not fork."""
        return bool(self._helpers)

    def _block(self, table: Any) -> tuple[int, int, _Short | None]:
        """(number of its kind and columns, address of the block of words, all that is kept of it if it is not of the state) of a table."""
        found = self._known.get(id(table))
        if found is not None:
            return found[2], found[3], None
        kind = type(table)
        seen = self._short.get((kind, id(table[0])))
        if seen is not None and seen.is_of(table):
            self._alive.append(seen.words)
            return seen.number, seen.address, seen
        shape = kind.__name__, self._pointers.columns_of(table)
        number = self._numbers.setdefault(shape, len(self._numbers))
        words = self._pointers.words_of(table)
        address = int(words.ctypes.data)
        if STATE.get(kind.__name__) is not kind:
            self._alive.append(words)
            short = _Short(kind, tuple(map(weakref.ref, table)), words, number, address)
            return number, address, self._kept_short(short, id(table[0]))
        same = [key for key, (held, *_) in self._known.items() if type(held) is kind]
        for key in same[: 1 - KEPT] if len(same) >= KEPT else ():
            self._forget(key)
        self._known[id(table)] = (table, words, number, address)
        return number, address, None

    def _kept_short(self, new: _Short, first_column: int) -> _Short:
        """Remember a table that is not of the state, until there are many and its columns are gone."""
        if len(self._short) >= MOST_SHORT:
            self._short = {key: seen for key, seen in self._short.items() if all(held() is not None for held in seen.columns)}
        self._short[new.kind, first_column] = new
        return new

    def _driver(self, template: str, row: Any, finish: Any, args: tuple[Any, ...]) -> tuple[_Driver, list[Any]]:
        """The compiled driver for these arguments, and the arguments as it takes them."""
        recent = self._recent.get((template, row, finish))
        if recent is not None and recent.n_args == len(args):
            for k, table, _ in recent.of_state:
                if args[k] is not table:
                    break
            else:
                for k, other in recent.others:
                    if not other.is_of(args[k]):
                        break
                else:
                    passed = list(args)
                    for k, _, address in recent.of_state:
                        passed[k] = address
                    for k, other in recent.others:
                        passed[k] = other.address
                    return recent.driver, passed
        return self._sought(template, row, finish, args)

    def _sought(self, template: str, row: Any, finish: Any, args: tuple[Any, ...]) -> tuple[_Driver, list[Any]]:
        """As :meth:`_driver`, where the tables are not those of the last call."""
        variants = self._kernels.setdefault((template, row, finish), {})
        self._alive.clear()
        passed: list[Any] = []
        of_state: list[tuple[int, Any, int]] = []
        others: list[tuple[int, _Short]] = []
        numbers: list[int] = []  # of shapes, -1 = not a table: quicker to look up than the shapes with their columns
        for arg in args:
            known = self._is_table.get(type(arg))
            if known is None:
                known = self._is_table[type(arg)] = self._pointers.is_table(arg)
            if known:
                number, address, short = self._block(arg)
                if short is None:
                    of_state.append((len(passed), arg, address))
                else:
                    others.append((len(passed), short))
                numbers.append(number)
                passed.append(address)
            else:
                numbers.append(-1)
                passed.append(arg)
        key = tuple(numbers)
        found = variants.get(key)
        if found is None:
            shapes = list(self._numbers)
            run, name = self._build(template, row, finish, tuple(None if n < 0 else shapes[n] for n in numbers))
            found = variants[key] = _Driver(run, name)
        kept = all(id(table) in self._known for _, table, _ in of_state)  # none was let go for another table of this very call
        if kept and (of_state or others):
            self._recent[template, row, finish] = _Recent(found, of_state, others, len(args))
        return found, passed

    def _forget(self, key: int) -> None:
        """Let a table of the state go, and the calls that had tables of the state."""
        del self._known[key]
        self._recent.clear()

    def _build(self, template: str, row: Any, finish: Any, shapes: tuple[Any, ...]) -> tuple[Any, str]:
        # a kernel outlives its backend, so that ``supply``, which it holds, must not hold the backend with the tables of a plate
        compiler, pointers, team = self._serial_compiler if template is SERIAL else self._compiler, self._pointers, self._team
        kind = {EACH: "each", GATHER: "gather", SERIAL: "serial"}[template]
        columns = hashlib.sha256(repr(shapes).encode()).hexdigest()[:10]
        name = f"{kind}.{row.__module__}.{row.__qualname__}.{code_mark(row, finish)}.{columns}"
        mark = name, str(self.cache_folder) if self.caches else "", self._lean
        if mark in _BUILT:
            return _BUILT[mark], name
        are_tables = [shape is not None for shape in shapes[2 if finish else 0 :]]
        run = self._jit(with_globals(driver_text(template, are_tables), {}, name))

        def supply() -> None:
            """What the loop calls: needed where the kernel is compiled, not where it is loaded."""
            whole = row.__mitoferry_page__ if finish else None
            replaced: dict[str, Any] = {"_row": compiler.compile(whole or row), "_slots": PAGE if whole else 1}
            if template is not SERIAL:
                replaced |= dict(zip(("_begin_part", "_end_part"), team.compiled_ends(), strict=True))
            casts = [None if shape is None else pointers.cast_to(*shape) for shape in shapes]
            if finish:
                replaced |= {"_finish": compiler.compile(finish), "_cast_cells": casts.pop(0), "_cast_pages": casts.pop(0)}
            run.py_func.__globals__.update(replaced | {f"_cast{k}": cast for k, cast in enumerate(casts) if cast is not None})

        if self.caches:
            from mitoferry.backends.kernel_cache import KernelCache

            run._cache = KernelCache(run.py_func, self.cache_folder, name, supply)
        else:
            supply()
        _BUILT[mark] = run
        return run, name

    def _first(self, driver: _Driver, *args: Any) -> Any:
        """The first call of a kernel, which compiles it or loads it from the cache.

        Where a second process fills the same cache (``turns``), one waits while the other compiles, and then loads.
        """
        from mitoferry.backends.inner import collector_at_rest

        with contextlib.ExitStack() as until_done:
            if self.turns is not None:
                import fcntl

                lock = self.turns / hashlib.sha256(driver.name.encode()).hexdigest()[:20]
                # the lock is given back when the file is closed, or its process ends
                fcntl.flock(until_done.enter_context(open(lock, "w", encoding="ascii")), fcntl.LOCK_EX)
            until_done.enter_context(collector_at_rest())
            return driver.run(*args)

    def _run(self, driver: _Driver, n: int, scratch: Any, args: list[Any]) -> None:
        """Run rows 0..n-1, on several threads where the rows are worth it.

        Sharing costs some 10 us (``team``); how long a row takes is measured as the run goes. Neither can change a bit.
        """
        if n <= 0:
            return
        order = None if self._rng is None else self._rng.permutation(n)
        start = time.perf_counter()
        if self.threads == 1 or n < 2 or (n * driver.seconds_per_row < WORTH_THREADS and not self.eager):
            call = driver.run if driver.calls else functools.partial(self._first, driver)
            call(0, n, 1, order, 0, 0, 0, *scratch(), *args)
            share = 1
        else:
            share = self._share(driver, n, order, scratch, args)
        seconds = (time.perf_counter() - start) * share / n
        if driver.calls == 1:  # the first call compiled
            driver.seconds_per_row = seconds
        elif driver.calls > 1:
            driver.seconds_per_row += 0.2 * (seconds - driver.seconds_per_row)
        driver.calls += 1

    def _share(self, driver: _Driver, n: int, order: Any, scratch: Any, args: list[Any]) -> int:
        """One block of rows per thread, each a single call without the interpreter's lock; returns the number of threads.

        Few rows (wells, pools, fields) are dealt in turn: those of an arm follow each other, and arms differ in work. Of many rows
        each thread gets a block with as much to do, by the launches before: rows differ in work.

        Smaller blocks taken in turn would balance as well, but every turn waits for the lock: measured, it costs more.
        """
        if not self._helpers:
            self._helpers += [self._team.Helper(k, self._board) for k in range(1, self.threads)]
            weakref.finalize(self, _stop, self._helpers)
        blocks = min(self.threads, n)
        parts = [(i, n, blocks) for i in range(blocks)] if n <= FEW else driver.blocks(n, blocks)
        helpers = self._helpers[: blocks - 1]
        board, turn = self._board, self._board.next_turn(blocks - 1)
        for helper, part in zip(helpers, parts[1:], strict=True):
            helper.begin(turn, driver.run, *part, order, board.address, helper.member, turn, *scratch(), *args)
        try:
            driver.run(*parts[0], order, board.address, 0, turn, *scratch(), *args)
        finally:
            for helper in helpers:
                helper.wait(turn)
        if n > FEW and driver.calls > 0 and (driver.calls < SETTLING or driver.calls % SELDOM == 0):  # the first call loads or compiles
            driver.level([board.spent(k) for k in range(blocks)])
        return blocks

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver, passed = self._driver(EACH, row, None, args)
        self._run(driver, n, tuple, passed)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver, passed = self._driver(GATHER, slot_row, finish_row, (cells, pages, *args))
        self._run(driver, n, lambda: (np.zeros(n_sums, dtype=np.int64),), passed)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver, passed = self._driver(SERIAL, function, None, args)
        driver.calls += 1
        return driver.run(*passed) if driver.calls > 1 else self._first(driver, *passed)

    def pull(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""

    def push(self, *tables: Any) -> None:
        """There is one copy; but where a table has been replaced by a larger one, the old one is let go."""
        for table in tables:
            if id(table) not in self._known:
                for key in [key for key, (held, *_) in self._known.items() if type(held) is type(table)]:
                    self._forget(key)
