"""The CUDA backend: the same row functions on a GPU (numba-cuda), or in its simulator.

``each`` launches one thread per row. ``gather`` launches one block of a warp's width per host: the threads share the
slots of each page, add up in registers, and meet in shared memory; the sums are integers, so the order of addition
does not matter. So do the threads of ``totals``, by atomic additions. ``serial`` is one thread: it is for short lists.

All arrays stay on the device (``resident.py``); lists are made there (``cuda_lists.py``).

Floating point: contraction of products and sums to FMA is off, so that results agree with the CPU to the bit.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from mitoferry.backends import cuda_lists as lists
from mitoferry.backends.cuda_driver import Gpu
from mitoferry.backends.narrow import Narrower, all_rows, names_of, texts_of
from mitoferry.backends.resident import Resident
from mitoferry.backends.rewrite import Compiler, with_globals
from mitoferry.base.errors import MitoferryError
from mitoferry.core.order import sort_by_tie
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
MOST_THREADS = 32768  # that add up by group: each goes through many rows
MOST_RETURNED = 4  # numbers that a serial function returns
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
SELECT = """
def kernel(n, marks, {args}):
    i = cuda.grid(1)
    if i < n:
        marks[i] = 1 if _row(i, {args}) != 0 else 0
"""
TOTALS = """
def kernel(n, n_sums, found, {args}):
    local = cuda.local.array(SUMS, int64)
    held = cuda.local.array(SUMS, int64)
    for k in range(n_sums):
        held[k] = 0
    group = int64(-1)
    i = cuda.grid(1)
    while i < n:
        for k in range(n_sums):
            local[k] = 0
        here = int64(_row(i, local, {args}))
        if here != group and here >= 0:
            for k in range(n_sums):
                if held[k] != 0:
                    cuda.atomic.add(found, group * n_sums + k, held[k])
                    held[k] = 0
            group = here
        if here >= 0:
            for k in range(n_sums):
                held[k] += local[k]
        i += cuda.gridsize(1)
    for k in range(n_sums):
        if held[k] != 0:
            cuda.atomic.add(found, group * n_sums + k, held[k])
"""
LARGEST = """
def kernel(n, groups, found, {args}):
    i = cuda.grid(1)
    group = int64(-1)
    most = 0.0
    while i < n:
        if int64(groups[i]) != group:
            if most > 0.0:
                cuda.atomic.max(found, group, most)
            group = int64(groups[i])
            most = 0.0
        most = max(most, float(_row(i, {args})))
        i += cuda.gridsize(1)
    if most > 0.0:
        cuda.atomic.max(found, group, most)
"""
SERIAL = """
def kernel(returned, {args}):
    _row({args})
"""
SERIAL_NUMBER = """
def kernel(returned, {args}):
    returned[0] = _row({args})
"""
SERIAL_NUMBERS = """
def kernel(returned, {args}):
    numbers = _row({args})
    for k in range(len(numbers)):
        returned[k] = numbers[k]
"""


@functools.cache
def n_returned(function: Any) -> int:
    """How many numbers a function returns: what its text says."""
    tree, _ = _parsed(function)
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    return max((len(value.elts) if isinstance(value, ast.Tuple) else 1 for value in values), default=0)


@functools.cache
def check_indices(function: Any) -> None:
    """Refuse a row function that counts from the end of an array; so do the functions that it calls.

    Raises:
        MitoferryError: there is one, with its line.
    """
    for called in all_rows(function):
        for text in texts_of(called):
            tree, first = _parsed(text)
            for node in ast.walk(tree):
                if isinstance(node, ast.Subscript) and any(map(_is_negative, getattr(node.slice, "elts", [node.slice]))):
                    place = f"{inspect.getsourcefile(text)}, line {first + node.lineno - 1}: {ast.unparse(node)}"
                    raise MitoferryError(f"{place}: a kernel of a GPU takes an index as it is; count from zero, with len(...) if need be")


def _parsed(function: Any) -> tuple[ast.Module, int]:
    """The text of a function, and the line of its file that it begins on."""
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError:
        name = f"{function.__module__}.{function.__qualname__}"
        raise MitoferryError(f"{name}: its text is not to be had; kernels of a GPU are made of row functions that are in a file") from None
    return ast.parse(textwrap.dedent("".join(lines))), first


def _is_negative(index: Any) -> bool:
    return isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub) and isinstance(index.operand, ast.Constant)


def serial_template(function: Any) -> str:
    """The template for a function that returns nothing, a number, or several."""
    return (SERIAL, SERIAL_NUMBER, SERIAL_NUMBERS)[min(n_returned(function), 2)]


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


@contextlib.contextmanager
def counted_from_zero() -> Iterator[None]:
    """Let indices of what is compiled meanwhile be taken as they are.

    Python counts negative ones from the end of an array. Looking whether they are is a tenth of the instructions of all kernels, a
    quarter of those of short ones; row functions have none (``tests/backends/test_cuda_cases.py``).
    """
    from numba.cuda.np import arrayobj

    types: Any = cuda.types
    kept = arrayobj.fix_integer_index

    def as_it_is(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    arrayobj.fix_integer_index = as_it_is
    try:
        yield
    finally:
        arrayobj.fix_integer_index = kept


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """What kernels are compiled in."""
    with products_apart(), contextlib.nullcontext() if simulated() else counted_from_zero():
        yield


def jitted(function: Any, **options: Any) -> Any:
    """A function for numba-cuda to compile, or for its simulator to run.

    It is handed over at once: ``cuda.jit(...)`` that is to decorate forgets some of its options.
    """
    return cuda.jit(function, **options, **({} if simulated() else OPTIONS))


def kept_on_disk(function: Any) -> Any:
    """A kernel for numba-cuda to compile, or to load where it has been compiled before."""
    from mitoferry.backends.cuda_cache import kernel_from_cache

    return kernel_from_cache(jitted(function), function.__qualname__, fma=False, from_zero=True)


class KernelMaker:
    """Makes the plain functions that are compiled for a GPU, or run as they are by the simulator."""

    def __init__(self) -> None:
        self._compiler = Compiler(self._device_function, "__mitoferry_cuda__", integer=None if simulated() else np.int64)

    @staticmethod
    def _device_function(text: Any, module: str) -> Any:
        return text if simulated() else jitted(text, device=True)

    def plain(self, function: Any) -> Any:
        """One of the kernels of ``cuda_lists``."""
        if function is not lists.sort_bins:
            return function
        return with_globals(function, {"sort_by_tie": self._compiler.compile(sort_by_tie)}, "mitoferry.backends.cuda_lists.sort_bins")

    def function(self, template: str, n_args: int, row: Any, finish: Any = None, n_sums: int = 0) -> tuple[Any, Narrower]:
        """The loop of a template around a row function of so many arguments and sums, and what picks the columns that it uses."""
        for called in (row, finish) if finish else (row,):
            check_indices(called)
        replaced = {"_row": self._compiler.compile(row)}
        names = names_of(row)
        if finish:
            replaced["_finish"] = self._compiler.compile(finish)
            replaced["_warp_sum"] = jitted(_warp_sum, device=True)
            names |= names_of(finish) | {"first_page", "next"}
        return with_globals(kernel_text(template, n_args, n_sums), replaced, f"{row.__module__}.{row.__qualname__}"), Narrower(names)


def blocks_for(n: int) -> tuple[int, int]:
    """Blocks and threads of each, one thread for each of ``n`` rows."""
    threads = min(THREADS, n)
    return (n + threads - 1) // threads, threads


def whole_or_not(number: float) -> float:
    """A number that was carried in a float64: whole numbers come back as such."""
    return int(number) if number == int(number) else number


class Simulated:
    """numba-cuda's simulator in place of a GPU (``cuda_driver.Gpu``)."""

    @staticmethod
    def device_array(shape: Any, dtype: Any) -> Any:
        """An array of whatever stands there."""
        return cuda.device_array(shape, dtype)

    @staticmethod
    def to_device(array: Any) -> Any:
        """A copy of an array of the host."""
        return cuda.to_device(array)

    @staticmethod
    def memory_left() -> float:
        """Nobody knows."""
        return 0.0

    @staticmethod
    def kernel(dispatcher: Any) -> Any:
        """What ``launch`` takes, of what ``cuda.jit`` made."""
        return dispatcher

    @staticmethod
    def launch(kernel: Any, shape: tuple[int, int], *args: Any) -> None:
        """Run a kernel in so many blocks of so many threads."""
        kernel[shape](*args)


class Cuda(Resident):
    """Runs row functions on a GPU.

    Args:
        threads: there for the likeness with the CPU backend; nothing is run on the host.

    Raises:
        MitoferryError: no GPU can be used; the message says why.
    """

    name = "cuda"

    def __init__(self, *, threads: int | None = None) -> None:
        why = available()
        if why:
            raise MitoferryError(f"the cuda backend cannot be used: {why}. Use --backend cpu.")
        super().__init__()
        self._maker = KernelMaker()
        self._kernels: dict[Any, Any] = {}
        self._gpu: Any = Simulated() if simulated() else Gpu(compiling)
        self._returned = self._gpu.to_device(np.zeros(MOST_RETURNED))
        self._marks = self._gpu.device_array(0, np.uint8)

    # ------------------------------------------------------------------ kernels
    def _kernel(self, template: str, n_args: int, row: Any, finish: Any = None, n_sums: int = 0) -> Any:
        """The kernel of a row function, and what narrows its arguments."""
        key = (template, row, finish, n_args, n_sums)
        found = self._kernels.get(key)
        if found is None:
            function, narrow = self._maker.function(template, n_args, row, finish, n_sums)
            found = self._kernels[key] = self._gpu.kernel(kept_on_disk(function)), narrow
        return found

    def _plain(self, function: Any) -> Any:
        """One of the kernels of ``cuda_lists``."""
        found = self._kernels.get(function)
        if found is None:
            found = self._kernels[function] = self._gpu.kernel(kept_on_disk(self._maker.plain(function)))
        return found

    def _launch(self, kernel: Any, shape: tuple[int, int], *args: Any) -> None:
        self._gpu.launch(kernel, shape, *args)

    def _run(self, function: Any, n: int, *args: Any) -> None:
        """One of the kernels of ``cuda_lists`` with a thread for each of ``n`` rows."""
        if n > 0:
            self._launch(self._plain(function), blocks_for(n), *args)

    # ------------------------------------------------------------------ the memory
    def memory_left(self) -> float:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return float(self._gpu.memory_left())

    def _new(self, array: Any) -> Any:
        return self._gpu.to_device(array)

    def _new_zeros(self, array: Any) -> Any:
        device = self._gpu.device_array(array.shape, array.dtype)
        self._run(lists.zero, array.size, device.reshape(-1))
        return device

    def _longer(self, device: Any, array: Any) -> Any:
        longer = self._gpu.device_array(array.shape, array.dtype)
        longer[: len(device)].copy_to_device(device)
        if len(array) > len(device):
            longer[len(device) :].copy_to_device(array[len(device) :])
        return longer

    def _send(self, array: Any, device: Any) -> None:
        device.copy_to_device(array)

    def _fetch(self, array: Any, device: Any) -> None:
        device.copy_to_host(array)

    def _fetch_rows(self, device: Any, rows: Any) -> Any:
        if isinstance(rows, slice):
            return device[rows].copy_to_host()
        shape = (len(rows), *device.shape[1:])
        taken = self._gpu.device_array(shape, device.dtype)
        width = taken.size // max(len(rows), 1)
        wanted = self._gpu.to_device(np.asarray(rows, dtype=np.int64))
        self._run(lists.take, taken.size, device.reshape(-1), wanted, width, taken.reshape(-1))
        return taken.copy_to_host()

    def _send_rows(self, device: Any, rows: Any, values: Any) -> None:
        rows = np.arange(*rows.indices(len(device))) if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        given = self._gpu.to_device(values.reshape(-1))
        self._run(lists.put, given.size, device.reshape(-1), self._gpu.to_device(rows), given.size // len(rows), given)

    # ------------------------------------------------------------------ launches
    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            kernel, narrow = self._kernel(EACH, len(args), row)
            self._launch(kernel, blocks_for(n), n, *self._given(narrow(args), (row, 1)))

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n <= 0:
            return
        kernel, narrow = self._kernel(GATHER, len(args), slot_row, finish_row, n_sums)
        given = self._given(narrow((cells, pages, *args)), (slot_row, 1), (finish_row, 0))
        self._launch(kernel, (n, WIDTH), n_sums, *given)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        template = serial_template(function)
        kernel, narrow = self._kernel(template, len(args), function)
        self._launch(kernel, (1, 1), self._returned, *self._given(narrow(args), (function, 0)))
        if template is SERIAL:
            return None
        numbers = [whole_or_not(x) for x in self._returned.copy_to_host().tolist()]
        return numbers[0] if template is SERIAL_NUMBER else tuple(numbers[: n_returned(function)])

    def select(self, row: Any, n: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n <= 0:
            return np.zeros(0, dtype=np.int64)
        if self._marks.size < n:
            self._marks = self._gpu.device_array(n + n // 8, np.uint8)
        kernel, narrow = self._kernel(SELECT, len(args), row)
        self._launch(kernel, blocks_for(n), n, self._marks, *self._given(narrow(args), (row, 1)))
        ends = self._gpu.device_array(-(-n // lists.CHUNK), np.int64)
        self._run(lists.count_marks, ends.size, self._marks, n, ends)
        self._add_up(ends)
        found = int(ends[ends.size - 1 :].copy_to_host()[0])
        if found == 0:
            return np.zeros(0, dtype=np.int64)
        rows = self._gpu.device_array(found, np.int64)
        self._run(lists.list_marks, ends.size, self._marks, n, ends, rows)
        return rows.copy_to_host()

    def _add_up(self, numbers: Any) -> None:
        self._launch(self._plain(lists.add_up), (1, lists.ADDERS), numbers)

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = self._gpu.to_device(np.zeros(n_groups * n_sums, dtype=np.int64))
        if n > 0:
            kernel, narrow = self._kernel(TOTALS, len(args), row, n_sums=n_sums)
            self._launch(kernel, blocks_for(min(n, MOST_THREADS)), n, n_sums, found, *self._given(narrow(args), (row, 2)))
        return found.copy_to_host().reshape(n_groups, n_sums)

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = self._gpu.to_device(np.zeros(n_groups))
        if n > 0:
            kernel, narrow = self._kernel(LARGEST, len(args), row)
            given = self._given(narrow(args), (row, 1))
            self._launch(kernel, blocks_for(min(n, MOST_THREADS)), n, self._copy_of(groups).device, found, *given)
        return found.copy_to_host()

    def bins(self, n: int, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        on_device = [self._copy_of(array).device for array in (keys, ties)]
        begins, members = self._result(start), self._result(member)
        self._run(lists.zero, begins.size, begins)
        fullest = self._gpu.to_device(np.zeros(1, dtype=begins.dtype))
        self._run(lists.count_keys, n, on_device[0], n, begins, fullest)
        self._add_up(begins)
        next_place = self._gpu.device_array(begins.shape, begins.dtype)
        self._run(lists.copy, begins.size, begins, next_place)
        self._run(lists.place_keys, n, on_device[0], n, next_place, members)
        if int(fullest.copy_to_host()[0]) > lists.LARGEST_BIN:
            self._sort_large_bins(keys, ties, start, member)
        else:
            self._run(lists.sort_bins, begins.size - 1, begins, on_device[1], members)

    def _sort_large_bins(self, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """Order the rows of every bin on the host: some have more than one thread should sort."""
        self.pull(keys, ties, start, member)
        rows = member[: int(start[-1])]
        rows[:] = rows[np.lexsort((ties[rows], keys[rows]))]
        self.push(member)
