"""The CPU backend: Numba, all cores.

Rows are cut into blocks that threads take in turn; the compiled code holds no lock. Because no row writes what
another owns and random numbers are counter-based, neither the number of threads nor the order of blocks can change a
bit. Threads are Python's own (no OpenMP or TBB runtime is needed, and forked workers are safe).
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.backends.narrow import Narrower, all_rows, names_of
from mitoferry.backends.rewrite import Compiler, text_mark, with_globals
from mitoferry.core.lanes import lanes
from mitoferry.core.schema import PAGE

_row: Any = None
_slot: Any = None
_finish: Any = None
_stride: Any = 1  # PAGE where the slot row has a row for whole pages
WORTH_THREADS = 2e-4  # s: launches shorter than this run on one thread


def _each1(lo, hi, order, a):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a)


def _each2(lo, hi, order, a, b):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b)


def _each3(lo, hi, order, a, b, c):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b, c)


def _each4(lo, hi, order, a, b, c, d):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b, c, d)


def _each5(lo, hi, order, a, b, c, d, e):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b, c, d, e)


def _each6(lo, hi, order, a, b, c, d, e, f):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b, c, d, e, f)


def _each7(lo, hi, order, a, b, c, d, e, f, g):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b, c, d, e, f, g)


def _each8(lo, hi, order, a, b, c, d, e, f, g, k):
    for j in range(lo, hi):
        _row(j if order is None else order[j], a, b, c, d, e, f, g, k)


def _gather2(lo, hi, order, sums, cells, pages, a, b):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _stride):
                _slot(h, page * PAGE + k, sums, a, b)
            page = pages.next[page]
        _finish(h, sums, a, b)


def _gather3(lo, hi, order, sums, cells, pages, a, b, c):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _stride):
                _slot(h, page * PAGE + k, sums, a, b, c)
            page = pages.next[page]
        _finish(h, sums, a, b, c)


def _gather4(lo, hi, order, sums, cells, pages, a, b, c, d):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _stride):
                _slot(h, page * PAGE + k, sums, a, b, c, d)
            page = pages.next[page]
        _finish(h, sums, a, b, c, d)


def _gather5(lo, hi, order, sums, cells, pages, a, b, c, d, e):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _stride):
                _slot(h, page * PAGE + k, sums, a, b, c, d, e)
            page = pages.next[page]
        _finish(h, sums, a, b, c, d, e)


def _gather6(lo, hi, order, sums, cells, pages, a, b, c, d, e, f):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(0, PAGE, _stride):
                _slot(h, page * PAGE + k, sums, a, b, c, d, e, f)
            page = pages.next[page]
        _finish(h, sums, a, b, c, d, e, f)


_EACH = {1: _each1, 2: _each2, 3: _each3, 4: _each4, 5: _each5, 6: _each6, 7: _each7, 8: _each8}
_GATHER = {2: _gather2, 3: _gather3, 4: _gather4, 5: _gather5, 6: _gather6}


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
    root = os.environ.get("MITOFERRY_CACHE_DIR")
    base = Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "mitoferry"
    # what shapes every kernel: the backends and the layout of the tables
    return base / "kernels" / fingerprint("backends/*.py", "core/schema.py", "core/events.py")


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


class _Driver:
    """A compiled loop over rows, what narrows its arguments, and how long one row takes [s]."""

    __slots__ = ("calls", "narrow", "run", "seconds_per_row")

    def __init__(self, run: Any, narrow: Narrower) -> None:
        self.run = run
        self.narrow = narrow
        self.seconds_per_row = 0.0
        self.calls = 0


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
        if cache and "NUMBA_CACHE_DIR" not in os.environ:
            os.environ["NUMBA_CACHE_DIR"] = str(self.cache_folder)
        import numba
        import numba.core.config

        from mitoferry.backends.stack import stack_lanes

        config: Any = numba.core.config  # its attributes are made at run time
        njit: Any = numba.njit  # its annotations do not know _nrt
        if cache and not config.CACHE_DIR:
            config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
        self.threads = max(1, threads if threads is not None else available)
        self._jit = njit(nogil=True, error_model="numpy", cache=cache, _nrt=False)

        def compile_row(text: Any, module: str) -> Any:
            # A table is passed by value, as hundreds of words: a hot row function that is not inlined copies them at
            # every call. The small functions of maths and random, and the solver's, which take plain arrays, are left to LLVM.
            inline = not module.startswith(("mitoferry.core.maths", "mitoferry.core.random", "mitoferry.space.solver"))
            return njit(nogil=True, error_model="numpy", forceinline=inline, _nrt=False)(text)

        def compile_serial(text: Any, module: str) -> Any:
            # Ordered phases treat few events: nothing is inlined by force, which compiles several times faster.
            return njit(nogil=True, error_model="numpy", _nrt=False)(text)

        self._compiler = Compiler(compile_row, "__mitoferry_cpu__")
        self._compiler.supply(lanes, stack_lanes)
        self._serial_compiler = Compiler(compile_serial, "__mitoferry_cpu__")
        self._drivers: dict[Any, _Driver] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._rng = None if shuffle is None else np.random.default_rng(shuffle)

    @property
    def has_started_threads(self) -> bool:
        """Whether helper threads exist: a process with threads must not fork."""
        return self._pool is not None

    def _driver(self, template: Any, row: Any, finish: Any = None) -> _Driver:
        key = (template, row, finish)
        found = self._drivers.get(key)
        if found is None:
            whole = row.__mitoferry_page__ if finish else None
            replaced = {"_slot" if finish else "_row": self._compiler.compile(whole or row), "_stride": PAGE if whole else 1}
            name = f"{template.__name__}.{row.__module__}.{row.__qualname__}.{code_mark(row, finish)}"
            names = names_of(row)
            if finish:
                replaced["_finish"] = self._compiler.compile(finish)
                name += f".{finish.__module__}.{finish.__qualname__}"
                names |= names_of(finish) | {"first_page", "next"}
            found = _Driver(self._jit(with_globals(template, replaced, name)), Narrower(names))
            self._drivers[key] = found
        return found

    def _run(self, driver: _Driver, n: int, scratch: Any, args: list[Any]) -> None:
        """Run rows 0..n-1, on several threads where the rows are worth it.

        Starting threads costs some 50 us; how long a row takes is measured as the run goes. Neither can change a bit.
        """
        if n <= 0:
            return
        order = None if self._rng is None else self._rng.permutation(n)
        start = time.perf_counter()
        if self.threads == 1 or n < 2 or (n * driver.seconds_per_row < WORTH_THREADS and not self.eager):
            driver.run(0, n, order, *scratch(), *args)
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

        Smaller blocks taken in turn would balance better, but every turn waits for the lock: measured, it costs more.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="mitoferry")
        blocks = min(self.threads, n)
        edges = [n * i // blocks for i in range(blocks + 1)]
        futures = [self._pool.submit(driver.run, edges[i], edges[i + 1], order, *scratch(), *args) for i in range(1, blocks)]
        driver.run(0, edges[1], order, *scratch(), *args)
        for future in futures:
            future.result()
        return blocks

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver = self._driver(_EACH[len(args)], row)
        self._run(driver, n, tuple, driver.narrow(args))

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver = self._driver(_GATHER[len(args)], slot_row, finish_row)
        self._run(driver, n, lambda: (np.zeros(n_sums, dtype=np.int64),), driver.narrow((cells, pages, *args)))

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = self._drivers.get(function)
        if found is None:
            name = f"serial.{function.__module__}.{function.__qualname__}.{code_mark(function)}"
            compiled = self._jit(with_globals(self._serial_compiler.compile(function).py_func, {}, name))
            found = self._drivers[function] = _Driver(compiled, Narrower(names_of(function)))
        return found.run(*found.narrow(args))

    def pull(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""

    def push(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""
