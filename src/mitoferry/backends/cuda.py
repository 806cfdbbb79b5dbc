"""The CUDA backend: the same row functions on a GPU (numba-cuda), or in its simulator.

``each`` launches one thread per row. ``gather`` launches one block of a warp's width per host: the threads share the
slots of each page, add up in registers, and meet in shared memory; the sums are integers, so the order of addition
does not matter. Serial phases run on the host (compiled as on the CPU backend).

Tables live on both sides. A launch brings the device copy of the columns that it uses up to date and marks those that it may write
(``writes.py``) as newer on the device; ``pull`` copies back what is newer there, and serial phases only the columns that they use. Plain
arrays that are not part of a table are copied back at once where they may have been written. ``moved`` counts the bytes.

Floating point: contraction of products and sums to FMA is off, so that results agree with the CPU to the bit.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from mitoferry.backends.narrow import Narrower, names_of
from mitoferry.backends.rewrite import Compiler, with_globals
from mitoferry.backends.writes import arguments_written, columns_written
from mitoferry.base.errors import MitoferryError
from mitoferry.core.schema import PAGE

cuda: Any
try:
    from numba import cuda as _numba_cuda
except ImportError:  # the extra is not installed; available() says so
    cuda = None
else:
    cuda = _numba_cuda

THREADS = 128
WIDTH = 32
OPTIONS = {"lto": False}  # what is joined when it is linked is joined whatever the compiler was told (``products_apart``)

# what is compiled around a row function; {args} are filled in
EACH = """
def kernel(n, {args}):
    i = cuda.grid(1)
    if i < n:
        _row(i, {args})
"""
GATHER = """
def kernel(n_sums, cells, pages, {args}):
    h, t = cuda.blockIdx.x, cuda.threadIdx.x
    local = cuda.local.array(SUMS, int64)
    shared = cuda.shared.array(WIDTH, int64)
    totals = cuda.shared.array(SUMS, int64)
    for k in range(n_sums):
        local[k] = 0
    page = cells.first_page[h]
    while page >= 0:
        _row(h, page * PAGE + t, local, {args})
        page = pages.next[page]
    _warp_sum(n_sums, t, local, shared, totals)
    if t == 0:
        _finish(h, totals, {args})
"""


def kernel_text(template: str, n: int, n_sums: int) -> Any:
    """The plain function of a template for ``n`` arguments of the row function and so many sums."""
    scope: dict[str, Any] = {
        "PAGE": PAGE, "WIDTH": WIDTH, "SUMS": n_sums, "int64": np.int64, "cuda": cuda, "__name__": __name__,
    }  # fmt: skip
    exec(compile(template.format(args=", ".join(f"a{k}" for k in range(n))), "<kernel>", "exec"), scope)
    return scope["kernel"]


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


@contextlib.contextmanager
def products_apart() -> Iterator[None]:
    """Let what is compiled meanwhile round every product before it is added to.

    NVIDIA's compiler joins products and sums (FMA) unless it is told not to, and numba-cuda has no word for that.
    """
    if simulated():
        yield
        return
    from numba.cuda.cudadrv import nvvm

    compile_ir = nvvm.compile_ir
    nvvm.compile_ir = lambda code, **options: compile_ir(code, **{"fma": False, **options})
    try:
        yield
    finally:
        nvvm.compile_ir = compile_ir


def jitted(function: Any, **options: Any) -> Any:
    """A function for numba-cuda to compile, or for its simulator to run."""
    return cuda.jit(**options, **({} if simulated() else OPTIONS))(function)


class KernelMaker:
    """Makes the plain functions that are compiled for a GPU, or run as they are by the simulator."""

    def __init__(self) -> None:
        self._compiler = Compiler(self._device_function, "__mitoferry_cuda__", integer=None if simulated() else np.int64)

    @staticmethod
    def _device_function(text: Any, module: str) -> Any:
        return text if simulated() else jitted(text, device=True)

    def function(self, template: str, n_args: int, row: Any, finish: Any = None, n_sums: int = 0) -> tuple[Any, Narrower]:
        """The loop of a template around a row function of so many arguments and sums, and what picks the columns that it uses."""
        replaced = {"_row": self._compiler.compile(row)}
        names = names_of(row)
        if finish:
            replaced["_finish"] = self._compiler.compile(finish)
            replaced["_warp_sum"] = jitted(_warp_sum, device=True)
            names |= names_of(finish) | {"first_page", "next"}
        return with_globals(kernel_text(template, n_args, n_sums), replaced, f"{row.__module__}.{row.__qualname__}"), Narrower(names)


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

    Attributes:
        moved: bytes copied from the host to the device, and back.

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
        self._maker = KernelMaker()
        self._kernels: dict[Any, tuple[Any, Narrower]] = {}
        self._narrow_serial: dict[Any, Narrower] = {}
        self._copies: dict[int, _Copy] = {}
        self.moved = {"to the device": 0, "to the host": 0}  # bytes

    def _kernel(self, template: str, n_args: int, row: Any, finish: Any = None, n_sums: int = 0) -> Any:
        """The kernel of a row function, and what narrows its arguments."""
        key = (template, row, finish, n_args, n_sums)
        found = self._kernels.get(key)
        if found is None:
            function, narrow = self._maker.function(template, n_args, row, finish, n_sums)
            found = self._kernels[key] = jitted(function), narrow
        return found

    # ------------------------------------------------------------------ copies
    def _sent(self, array: Any, device: Any = None) -> Any:
        """The array on the device, in new memory there unless it is given."""
        self.moved["to the device"] += array.nbytes
        if device is None:
            return cuda.to_device(array)
        device.copy_to_device(array)
        return device

    def _fetched(self, array: Any, device: Any) -> None:
        self.moved["to the host"] += array.nbytes
        device.copy_to_host(array)

    def _copy_of(self, array: Any) -> _Copy:
        copy = self._copies.get(id(array))
        if copy is None:
            copy = _Copy(self._sent(array))
            self._copies[id(array)] = copy
            weakref.finalize(array, self._copies.pop, id(array), None)
        elif copy.host_newer:
            self._sent(array, copy.device)
            copy.host_newer = False
        return copy

    def _to_device(self, args: list[Any], written: frozenset[str], plain: list[bool]) -> tuple[list[Any], list[Any]]:
        """Device versions of the arguments, and the plain arrays to copy back after the launch.

        Args:
            args: tables, arrays, numbers.
            written: columns that may be written.
            plain: of each argument whether it may be written, if it is an array of no table.
        """
        out: list[Any] = []
        back: list[Any] = []
        for arg, changes in zip(args, plain, strict=True):
            if isinstance(arg, np.ndarray):
                device = self._sent(arg)
                if changes:
                    back.append((arg, device))
                out.append(device)
            elif isinstance(arg, tuple) and hasattr(arg, "_fields") and any(isinstance(x, np.ndarray) for x in arg):
                parts = []
                for name, x in zip(arg._fields, arg, strict=True):
                    if isinstance(x, np.ndarray):
                        copy = self._copy_of(x)
                        copy.device_newer |= name in written
                        parts.append(copy.device)
                    else:
                        parts.append(x)
                out.append(type(arg)(*parts))
            else:
                out.append(arg)
        return out, back

    def _launch(self, kernel: Any, shape: tuple[int, int], n: int, args: list[Any], back: list[Any]) -> None:
        with products_apart():
            kernel[shape](n, *args)
        for array, device in back:
            self._fetched(array, device)

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n <= 0:
            return
        kernel, narrow = self._kernel(EACH, len(args), row)
        changes = arguments_written(row)
        device, back = self._to_device(narrow(args), columns_written(row), [k + 1 in changes for k in range(len(args))])
        threads = min(THREADS, n)
        self._launch(kernel, ((n + threads - 1) // threads, threads), n, device, back)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n <= 0:
            return
        kernel, narrow = self._kernel(GATHER, len(args), slot_row, finish_row, n_sums)
        by_slot, by_host = arguments_written(slot_row), arguments_written(finish_row)
        changes = [False, False, *(k + 3 in by_slot or k + 2 in by_host for k in range(len(args)))]
        device, back = self._to_device(narrow((cells, pages, *args)), columns_written(slot_row, finish_row), changes)
        self._launch(kernel, (n, WIDTH), n_sums, device, back)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        narrow = self._narrow_serial.get(function)
        if narrow is None:
            narrow = self._narrow_serial[function] = Narrower(names_of(function))
        tables = [a for a in narrow(args) if isinstance(a, tuple) and hasattr(a, "_fields")]
        self.pull(*tables)
        result = self._host.serial(function, *args)
        written = columns_written(function)
        self.push(*(x for table in tables for name, x in zip(table._fields, table, strict=True) if name in written))
        return result

    def pull(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for table in tables:
            for array in table if isinstance(table, tuple) else (table,):
                copy = self._copies.get(id(array))
                if copy is not None and copy.device_newer:
                    self._fetched(array, copy.device)
                    copy.device_newer = False

    def push(self, *tables: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for table in tables:
            for array in table if isinstance(table, tuple) else (table,):
                copy = self._copies.get(id(array))
                if copy is not None:
                    copy.host_newer = True
                    copy.device_newer = False
