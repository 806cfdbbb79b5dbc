"""The CPU backend: Numba, all cores.

Rows are cut into blocks that threads take in turn; the compiled code holds no lock. Because no row writes what
another owns and random numbers are counter-based, neither the number of threads nor the order of blocks can change a
bit. Threads are Python's own (no OpenMP or TBB runtime is needed, and forked workers are safe).
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.backends.narrow import Narrower, names_of
from mitoferry.backends.rewrite import Compiler, with_globals
from mitoferry.core.schema import PAGE

_row: Any = None
_slot: Any = None
_finish: Any = None
MIN_ROWS_PER_BLOCK = 64


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
            for k in range(PAGE):
                _slot(h, page * PAGE + k, sums, a, b)
            page = pages.next[page]
        _finish(h, sums, a, b)


def _gather3(lo, hi, order, sums, cells, pages, a, b, c):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(PAGE):
                _slot(h, page * PAGE + k, sums, a, b, c)
            page = pages.next[page]
        _finish(h, sums, a, b, c)


def _gather4(lo, hi, order, sums, cells, pages, a, b, c, d):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(PAGE):
                _slot(h, page * PAGE + k, sums, a, b, c, d)
            page = pages.next[page]
        _finish(h, sums, a, b, c, d)


def _gather5(lo, hi, order, sums, cells, pages, a, b, c, d, e):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(PAGE):
                _slot(h, page * PAGE + k, sums, a, b, c, d, e)
            page = pages.next[page]
        _finish(h, sums, a, b, c, d, e)


def _gather6(lo, hi, order, sums, cells, pages, a, b, c, d, e, f):
    for j in range(lo, hi):
        h = j if order is None else order[j]
        sums[:] = 0
        page = cells.first_page[h]
        while page >= 0:
            for k in range(PAGE):
                _slot(h, page * PAGE + k, sums, a, b, c, d, e, f)
            page = pages.next[page]
        _finish(h, sums, a, b, c, d, e, f)


_EACH = {1: _each1, 2: _each2, 3: _each3, 4: _each4, 5: _each5, 6: _each6, 7: _each7, 8: _each8}
_GATHER = {2: _gather2, 3: _gather3, 4: _gather4, 5: _gather5, 6: _gather6}


def source_fingerprint() -> str:
    """Hash of the engine's sources: compiled code is cached under it, so that no stale kernel is ever used."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in ("core", "backends", "space", "processes", "assays"):
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Where compiled kernels are kept: ``MITOFERRY_CACHE_DIR``, else the user's cache directory."""
    root = os.environ.get("MITOFERRY_CACHE_DIR")
    base = Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "mitoferry"
    return base / "kernels" / source_fingerprint()


class Cpu:
    """Runs row functions compiled by Numba on ``threads`` threads.

    Args:
        threads: number of threads; default all cores that this process may use.
        cache: keep compiled kernels on disk between runs.
        shuffle: if not ``None``, rows are visited in an order drawn from this seed (tests).
    """

    name = "cpu"

    def __init__(self, *, threads: int | None = None, cache: bool = True, shuffle: int | None = None) -> None:
        if cache and "NUMBA_CACHE_DIR" not in os.environ:
            os.environ["NUMBA_CACHE_DIR"] = str(cache_directory())
        import numba
        import numba.core.config

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
        self._serial_compiler = Compiler(compile_serial, "__mitoferry_cpu__")
        self._drivers: dict[Any, Any] = {}
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="mitoferry") if self.threads > 1 else None
        self._rng = None if shuffle is None else np.random.default_rng(shuffle)

    def _driver(self, template: Any, row: Any, finish: Any = None) -> Any:
        key = (template, row, finish)
        found = self._drivers.get(key)
        if found is None:
            replaced = {"_slot" if finish else "_row": self._compiler.compile(row)}
            name = f"{template.__name__}.{row.__module__}.{row.__qualname__}"
            names = names_of(row)
            if finish:
                replaced["_finish"] = self._compiler.compile(finish)
                name += f".{finish.__module__}.{finish.__qualname__}"
                names |= names_of(finish) | {"first_page", "next"}
            found = (self._jit(with_globals(template, replaced, name)), Narrower(names))
            self._drivers[key] = found
        return found

    def _run(self, driver: Any, n: int, before: Any, args: list[Any]) -> None:
        if n <= 0:
            return
        order = None if self._rng is None else self._rng.permutation(n)
        if self._pool is None or n < 2 * MIN_ROWS_PER_BLOCK:
            driver(0, n, order, *before(), *args)
            return
        blocks = min(self.threads * 4, n // MIN_ROWS_PER_BLOCK)
        edges = [n * i // blocks for i in range(blocks + 1)]
        futures = [self._pool.submit(driver, lo, hi, order, *before(), *args) for lo, hi in zip(edges[:-1], edges[1:], strict=True)]
        for future in futures:
            future.result()

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver, narrow = self._driver(_EACH[len(args)], row)
        self._run(driver, n, tuple, narrow(args))

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        driver, narrow = self._driver(_GATHER[len(args)], slot_row, finish_row)
        self._run(driver, n, lambda: (np.zeros(n_sums, dtype=np.int64),), narrow((cells, pages, *args)))

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = self._drivers.get(function)
        if found is None:
            name = f"serial.{function.__module__}.{function.__qualname__}"
            found = (self._jit(with_globals(self._serial_compiler.compile(function).py_func, {}, name)), Narrower(names_of(function)))
            self._drivers[function] = found
        driver, narrow = found
        return driver(*narrow(args))

    def pull(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""

    def push(self, *tables: Any) -> None:
        """Nothing to do: there is one copy."""
