"""The CUDA backend: the same row functions on a GPU (numba-cuda), or in its simulator.

``each`` launches one thread per row. ``gather`` launches one block of a warp's width per host: the threads share the
slots of each page, add up in registers, and meet in shared memory; the sums are integers, so the order of addition
does not matter. Serial phases run on the host (compiled as on the CPU backend).

Tables live on both sides. A launch brings the device copy of its arguments up to date and marks what it was given as
newer on the device; ``pull`` copies back. Plain arrays that are not part of a table are copied back at once.

Floating point: contraction of products and sums to FMA is off, so that results agree with the CPU to the bit.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from mitoferry.backends.narrow import Narrower, names_of
from mitoferry.backends.rewrite import Compiler, with_globals
from mitoferry.base.errors import MitoferryError
from mitoferry.core.schema import PAGE

cuda: Any
try:
    from numba import cuda as _numba_cuda
except ImportError:  # the extra is not installed; available() says so
    cuda = None
else:
    cuda = _numba_cuda

_row: Any = None
_slot: Any = None
_finish: Any = None
THREADS = 128
WIDTH = 32
MAX_SUMS = 64


def _each1(n, a):
    i = cuda.grid(1)
    if i < n:
        _row(i, a)


def _each2(n, a, b):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b)


def _each3(n, a, b, c):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c)


def _each4(n, a, b, c, d):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c, d)


def _each5(n, a, b, c, d, e):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c, d, e)


def _each6(n, a, b, c, d, e, f):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c, d, e, f)


def _each7(n, a, b, c, d, e, f, g):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c, d, e, f, g)


def _each8(n, a, b, c, d, e, f, g, k):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c, d, e, f, g, k)


def _each9(n, a, b, c, d, e, f, g, k, m):
    i = cuda.grid(1)
    if i < n:
        _row(i, a, b, c, d, e, f, g, k, m)


def _warp_sum(n_sums, t, local, shared, totals):
    for k in range(n_sums):
        shared[t] = local[k]
        cuda.syncthreads()
        stride = WIDTH // 2
        while stride > 0:
            if t < stride:
                shared[t] += shared[t + stride]
            cuda.syncthreads()
            stride //= 2
        if t == 0:
            totals[k] = shared[0]
        cuda.syncthreads()


def _gather2(n_sums, cells, pages, a, b):
    h, t = cuda.blockIdx.x, cuda.threadIdx.x
    local = cuda.local.array(MAX_SUMS, np.int64)
    shared = cuda.shared.array(WIDTH, np.int64)
    totals = cuda.shared.array(MAX_SUMS, np.int64)
    for k in range(n_sums):
        local[k] = 0
    page = cells.first_page[h]
    while page >= 0:
        _slot(h, page * PAGE + t, local, a, b)
        page = pages.next[page]
    _warp_sum(n_sums, t, local, shared, totals)
    if t == 0:
        _finish(h, totals, a, b)


def _gather3(n_sums, cells, pages, a, b, c):
    h, t = cuda.blockIdx.x, cuda.threadIdx.x
    local = cuda.local.array(MAX_SUMS, np.int64)
    shared = cuda.shared.array(WIDTH, np.int64)
    totals = cuda.shared.array(MAX_SUMS, np.int64)
    for k in range(n_sums):
        local[k] = 0
    page = cells.first_page[h]
    while page >= 0:
        _slot(h, page * PAGE + t, local, a, b, c)
        page = pages.next[page]
    _warp_sum(n_sums, t, local, shared, totals)
    if t == 0:
        _finish(h, totals, a, b, c)


def _gather4(n_sums, cells, pages, a, b, c, d):
    h, t = cuda.blockIdx.x, cuda.threadIdx.x
    local = cuda.local.array(MAX_SUMS, np.int64)
    shared = cuda.shared.array(WIDTH, np.int64)
    totals = cuda.shared.array(MAX_SUMS, np.int64)
    for k in range(n_sums):
        local[k] = 0
    page = cells.first_page[h]
    while page >= 0:
        _slot(h, page * PAGE + t, local, a, b, c, d)
        page = pages.next[page]
    _warp_sum(n_sums, t, local, shared, totals)
    if t == 0:
        _finish(h, totals, a, b, c, d)


def _gather5(n_sums, cells, pages, a, b, c, d, e):
    h, t = cuda.blockIdx.x, cuda.threadIdx.x
    local = cuda.local.array(MAX_SUMS, np.int64)
    shared = cuda.shared.array(WIDTH, np.int64)
    totals = cuda.shared.array(MAX_SUMS, np.int64)
    for k in range(n_sums):
        local[k] = 0
    page = cells.first_page[h]
    while page >= 0:
        _slot(h, page * PAGE + t, local, a, b, c, d, e)
        page = pages.next[page]
    _warp_sum(n_sums, t, local, shared, totals)
    if t == 0:
        _finish(h, totals, a, b, c, d, e)


def _gather6(n_sums, cells, pages, a, b, c, d, e, f):
    h, t = cuda.blockIdx.x, cuda.threadIdx.x
    local = cuda.local.array(MAX_SUMS, np.int64)
    shared = cuda.shared.array(WIDTH, np.int64)
    totals = cuda.shared.array(MAX_SUMS, np.int64)
    for k in range(n_sums):
        local[k] = 0
    page = cells.first_page[h]
    while page >= 0:
        _slot(h, page * PAGE + t, local, a, b, c, d, e, f)
        page = pages.next[page]
    _warp_sum(n_sums, t, local, shared, totals)
    if t == 0:
        _finish(h, totals, a, b, c, d, e, f)


_EACH = {1: _each1, 2: _each2, 3: _each3, 4: _each4, 5: _each5, 6: _each6, 7: _each7, 8: _each8, 9: _each9}
_GATHER = {2: _gather2, 3: _gather3, 4: _gather4, 5: _gather5, 6: _gather6}


def available() -> str:
    """Empty if a GPU (or the simulator) can be used, else why not."""
    if cuda is None:
        return "numba-cuda is not installed (pip install 'mitoferry[cuda]')"
    try:
        if not cuda.is_available():
            return "no NVIDIA GPU with a working driver was found"
    except Exception as error:  # the driver's own errors have no common base class
        return f"the CUDA driver could not be used: {error}"
    return ""


def simulated() -> bool:
    """Whether numba-cuda runs in its simulator (NUMBA_ENABLE_CUDASIM=1)."""
    from numba.core import config

    return bool(getattr(config, "ENABLE_CUDASIM", False))


class _Copy:
    """The device copy of one host array and which side is newer."""

    __slots__ = ("device", "device_newer", "host_newer")

    def __init__(self, device: Any) -> None:
        self.device = device
        self.host_newer = False
        self.device_newer = False


class Cuda:
    """Runs row functions on a GPU.

    Args:
        threads: threads for the serial phases on the host (they use one).

    Raises:
        MitoferryError: no GPU can be used; the message says why.
    """

    name = "cuda"

    def __init__(self, *, threads: int | None = None) -> None:
        why = available()
        if why:
            raise MitoferryError(f"the cuda backend cannot be used: {why}. Use --backend cpu.")
        from mitoferry.backends.cpu import Cpu

        self._host = Cpu(threads=1)
        self._compiler = Compiler(self._compile_device, "__mitoferry_cuda__", integer=None if simulated() else np.int64)
        self._kernels: dict[Any, Any] = {}
        self._copies: dict[int, _Copy] = {}

    @staticmethod
    def _compile_device(text: Any, module: str) -> Any:
        return text if simulated() else cuda.jit(device=True, fma=False)(text)

    def _kernel(self, template: Any, row: Any, finish: Any = None) -> Any:
        key = (template, row, finish)
        found = self._kernels.get(key)
        if found is None:
            replaced = {"_slot" if finish else "_row": self._compiler.compile(row)}
            names = names_of(row)
            if finish:
                replaced["_finish"] = self._compiler.compile(finish)
                replaced["_warp_sum"] = cuda.jit(device=True)(_warp_sum)
                names |= names_of(finish) | {"first_page", "next"}
            name = f"{template.__name__}.{row.__module__}.{row.__qualname__}"
            kernel = (
                cuda.jit(with_globals(template, replaced, name))
                if simulated()
                else cuda.jit(fma=False)(with_globals(template, replaced, name))
            )
            found = (kernel, Narrower(names))
            self._kernels[key] = found
        return found

    # ------------------------------------------------------------------ copies
    def _copy_of(self, array: Any) -> _Copy:
        copy = self._copies.get(id(array))
        if copy is None:
            copy = _Copy(cuda.to_device(array))
            self._copies[id(array)] = copy
            weakref.finalize(array, self._copies.pop, id(array), None)
        elif copy.host_newer:
            copy.device.copy_to_device(array)
            copy.host_newer = False
        return copy

    def _to_device(self, args: list[Any]) -> tuple[list[Any], list[Any]]:
        """Device versions of the arguments, and the plain arrays to copy back after the launch."""
        out: list[Any] = []
        plain: list[Any] = []
        for arg in args:
            if isinstance(arg, np.ndarray):
                device = cuda.to_device(arg)
                plain.append((arg, device))
                out.append(device)
            elif isinstance(arg, tuple) and hasattr(arg, "_fields") and any(isinstance(x, np.ndarray) for x in arg):
                parts = []
                for x in arg:
                    if isinstance(x, np.ndarray):
                        copy = self._copy_of(x)
                        copy.device_newer = True
                        parts.append(copy.device)
                    else:
                        parts.append(x)
                out.append(type(arg)(*parts))
            else:
                out.append(arg)
        return out, plain

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n <= 0:
            return
        kernel, narrow = self._kernel(_EACH[len(args)], row)
        device, plain = self._to_device(narrow(args))
        threads = min(THREADS, n)
        kernel[(n + threads - 1) // threads, threads](n, *device)
        for array, copy in plain:
            copy.copy_to_host(array)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n <= 0:
            return
        if n_sums > MAX_SUMS:
            raise MitoferryError(f"{n_sums} sums per host are more than the CUDA backend holds ({MAX_SUMS})")
        kernel, narrow = self._kernel(_GATHER[len(args)], slot_row, finish_row)
        device, plain = self._to_device(narrow((cells, pages, *args)))
        kernel[n, WIDTH](n_sums, *device)
        for array, copy in plain:
            copy.copy_to_host(array)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        tables = [a for a in args if isinstance(a, tuple) and hasattr(a, "_fields")]
        self.pull(*tables)
        result = self._host.serial(function, *args)
        self.push(*tables)
        return result

    def pull(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for table in tables:
            for array in table if isinstance(table, tuple) else (table,):
                copy = self._copies.get(id(array))
                if copy is not None and copy.device_newer:
                    copy.device.copy_to_host(array)
                    copy.device_newer = False

    def push(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for table in tables:
            for array in table if isinstance(table, tuple) else (table,):
                copy = self._copies.get(id(array))
                if copy is not None:
                    copy.host_newer = True
                    copy.device_newer = False
