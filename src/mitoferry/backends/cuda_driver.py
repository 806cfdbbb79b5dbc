"""Memory of a GPU and launches, straight from the driver.

numba-cuda compiles kernels; what it does for every launch and every array that is sent takes Python some 150 and 50 µs, as long as a GPU
needs for millions of mitochondria. Here a launch is one call of the driver: the words that a kernel is given, 8 bytes for each number and
for each entry of what describes an array, stay in memory from launch to launch, and only those that are not what they were are written
again.

Memory that was given back is kept, by its size, for the next array: taking memory from a driver, and giving it back, may wait for the GPU.
Large blocks go back to the driver when the next one is taken.
All goes through one stream, so that what comes later finds what came before.

Tests: ``tests/backends/test_emulated_gpu.py``, and all else that runs on an emulated GPU.
"""

from __future__ import annotations

import itertools
import math
import operator
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from mitoferry.backends.arguments import Numbers, format_of, shape_of
from mitoferry.base.errors import MitoferryError

GRAIN = 512  # bytes: memory is taken in multiples
KEPT = 1 << 20  # bytes of a block, up to which it is kept for the next array
REMEMBERED = 4  # calls of one kernel whose words stay

_serials = itertools.count(1)


def driver() -> Any:
    """The driver's functions."""
    from cuda.bindings import driver as functions

    return functions


def checked(result: Any, doing: str) -> Any:
    """What the driver gave back.

    Raises:
        MitoferryError: it could not do it.
    """
    error, *values = result
    if error:
        raise MitoferryError(f"the GPU failed ({getattr(error, 'name', error)}) {doing}. Run with --backend cpu, and please report this.")
    return values[0] if values else None


def words_of(ptr: int, shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """What compiled code is given of an array without gaps: no owner, entries, bytes of each, address, lengths, strides."""
    strides, stride = [], itemsize
    for length in reversed(shape):
        strides.append(stride)
        stride *= length
    return (0, 0, math.prod(shape), itemsize, ptr, *shape, *reversed(strides))


class Memory:
    """The memory of the GPU that arrays take and give back.

    Attributes:
        taken: bytes that arrays have.
    """

    def __init__(self) -> None:
        self._driver = driver()
        self._free: dict[int, list[int]] = {}
        self.taken = 0

    @staticmethod
    def size_of_block(nbytes: int) -> int:
        """Bytes that are taken for so many: the next power of two, or whole grains of what is large."""
        if nbytes > KEPT:
            return -(-nbytes // GRAIN) * GRAIN
        return max(GRAIN, 1 << (nbytes - 1).bit_length())

    @property
    def kept(self) -> int:
        """Bytes that are kept for later."""
        return sum(size * len(free) for size, free in self._free.items())

    def take(self, nbytes: int) -> Block:
        """A block of at least so many bytes; what stands there is whatever stood there.

        Raises:
            MitoferryError: the GPU has no room.
        """
        size = self.size_of_block(nbytes)
        free = self._free.get(size)
        ptr = free.pop() if free else self._new(size)
        self.taken += size
        return Block(self, ptr, size)

    def _new(self, size: int) -> int:
        self.release(more_than=KEPT)
        full = self._driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY
        error, ptr = self._driver.cuMemAlloc(size)
        if error == full:
            self.release()
            error, ptr = self._driver.cuMemAlloc(size)
            if error == full:
                raise MitoferryError(self._full(size))
        return int(checked((error, ptr), f"taking {size} bytes of memory"))

    def _full(self, size: int) -> str:
        left, whole = (x / 1e9 for x in self._driver.cuMemGetInfo()[1:])
        return (
            f"the GPU's memory is full: {size / 1e9:.3g} GB more were wanted, {left:.3g} of {whole:.3g} GB are free, and the run has "
            f"{self.taken / 1e9:.3g} GB. Simulate fewer wells or smaller ones (--replicates, size of the dish), or use a GPU with more "
            "memory, or --backend cpu; `mitoferry estimate` says what an experiment needs."
        )

    def give_back(self, ptr: int, size: int) -> None:
        """Keep a block for later. Any thread may do so, at any moment: the driver is not asked for anything."""
        self.taken -= size
        self._free.setdefault(size, []).append(ptr)

    def release(self, more_than: int = 0) -> None:
        """Return to the driver what is kept for later in blocks of more bytes."""
        for size in [size for size in self._free if size > more_than]:
            for ptr in self._free.pop(size):
                checked(self._driver.cuMemFree(ptr), "giving back memory")


class Block:
    """Memory that goes back when nobody needs it."""

    __slots__ = ("_memory", "ptr", "size")

    def __init__(self, memory: Memory, ptr: int, size: int) -> None:
        self._memory, self.ptr, self.size = memory, ptr, size

    def __del__(self) -> None:
        self._memory.give_back(self.ptr, self.size)


class DeviceArray:
    """An array without gaps in the memory of the GPU, or a part of one.

    Attributes:
        ptr: its address there.
        shape, dtype, ndim, size, nbytes: as of an array of NumPy.
        words: what compiled code is given of it.
        serial: no two arrays have the same.
    """

    __slots__ = ("_block", "_gpu", "dtype", "nbytes", "ndim", "ptr", "serial", "shape", "size", "words")

    def __init__(self, gpu: Gpu, block: Block, ptr: int, shape: tuple[int, ...], dtype: Any) -> None:
        self._gpu, self._block = gpu, block
        self.ptr, self.shape, self.dtype = ptr, shape, dtype
        self.ndim, self.size = len(shape), math.prod(shape)
        self.nbytes = self.size * dtype.itemsize
        self.words = np.array(words_of(ptr, shape, dtype.itemsize), dtype=np.int64)
        self.serial = next(_serials)

    @property
    def _numba_type_(self) -> Any:
        from numba import from_dtype, types

        return types.Array(from_dtype(self.dtype), self.ndim, "C")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> DeviceArray:
        """The rows of a slice without steps."""
        first, end, step = rows.indices(len(self))
        if step != 1:
            raise IndexError("only rows that follow each other")
        row = self.nbytes // max(len(self), 1)
        return DeviceArray(self._gpu, self._block, self.ptr + first * row, (max(end - first, 0), *self.shape[1:]), self.dtype)

    def reshape(self, *shape: int) -> DeviceArray:
        """The same entries in another shape; -1: whatever is left."""
        given = [self.size // max(math.prod(x for x in shape if x >= 0), 1) if length < 0 else length for length in shape]
        return DeviceArray(self._gpu, self._block, self.ptr, tuple(given), self.dtype)

    def copy_to_host(self, array: Any = None) -> Any:
        """Copy what stands here into ``array``, or into a new one."""
        array = np.empty(self.shape, self.dtype) if array is None else array
        self._gpu.copy_to_host(self, array)
        return array

    def copy_to_device(self, source: Any) -> None:
        """Copy an array, of the host or of the GPU, to here."""
        self._gpu.copy_to_device(self, source)


class _Words:
    """The words of an array among those of a call."""

    __slots__ = ("_dtype", "_ndim", "_room", "_serial")

    def __init__(self, array: DeviceArray, words: Any, place: int) -> None:
        self._dtype, self._ndim = array.dtype, array.ndim
        self._room = words[place : place + array.words.size]
        self._serial = array.serial
        self._room[:] = array.words

    def take(self, array: Any) -> bool:
        """Write the words of an array where it is another one; ``False`` where it is of another kind."""
        if type(array) is not DeviceArray:
            return False
        if array.serial != self._serial:
            if array.ndim != self._ndim or array.dtype != self._dtype:
                return False
            self._room[:] = array.words
            self._serial = array.serial
        return True


class _Table:
    """The words of a table, or of any tuple that holds arrays."""

    __slots__ = ("_kind", "_takes")

    def __init__(self, kind: Any, entries: list[Any]) -> None:
        self._kind = kind
        self._takes = [entry.take for entry in entries]

    def take(self, table: Any) -> bool:
        """Write the words that are not what they were; ``False`` where it is of another kind."""
        return type(table) is self._kind and len(table) == len(self._takes) and all(map(operator.call, self._takes, table))


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, DeviceArray) or (isinstance(value, tuple) and any(map(_holds_arrays, value)))


def _n_words(value: Any) -> int:
    """How many words an argument takes."""
    if isinstance(value, DeviceArray):
        return value.words.size
    if _holds_arrays(value):
        return sum(map(_n_words, value))
    return len(format_of(_of_numbers(value)))


def _of_numbers(value: Any) -> Any:
    shape = shape_of(value)
    if "<f4" in str(shape):
        raise TypeError(f"a kernel of a GPU cannot be given {value!r}: numbers go as 64 bits")
    return shape


class Call:
    """The words of a call of a kernel.

    Attributes:
        function: the compiled kernel.
        at: where the addresses of the words lie.
    """

    __slots__ = ("_held", "_takes", "at", "function")

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.function = 0
        words = np.zeros(max(sum(map(_n_words, args)), 1), dtype=np.int64)
        pointers = words.ctypes.data + 8 * np.arange(words.size, dtype=np.uint64)
        self._held = words, pointers  # so that they lie where the driver looks for them
        self.at = int(pointers.ctypes.data)
        self._takes, place = [], 0
        for arg in args:
            self._takes.append(self._entry(arg, words, place).take)
            place += _n_words(arg)

    def _entry(self, value: Any, words: Any, place: int) -> Any:
        if isinstance(value, DeviceArray):
            return _Words(value, words, place)
        if not _holds_arrays(value):
            return Numbers(0, value, _of_numbers(value), words, place)
        entries = []
        for entry in value:
            entries.append(self._entry(entry, words, place))
            place += _n_words(entry)
        return _Table(type(value), entries)

    def takes(self, args: tuple[Any, ...]) -> bool:
        """Write down what is not as it was; ``False`` where this is a call of another kind."""
        return len(args) == len(self._takes) and all(map(operator.call, self._takes, args))


class Kernel:
    """A kernel of numba-cuda, compiled for each kind of arguments when it is launched with them first.

    Args:
        dispatcher: what ``cuda.jit`` made.
        compiling: context in which it compiles.
    """

    def __init__(self, dispatcher: Any, compiling: Any) -> None:
        self._dispatcher = dispatcher
        self._compiling = compiling
        self._calls: list[Call] = []

    def call(self, args: tuple[Any, ...]) -> Call:
        """The words of a call, written; good until the next one."""
        for call in self._calls:
            if call.takes(args):
                return call
        made = Call(args)
        made.function = self._function(args)
        self._calls = [made, *self._calls][:REMEMBERED]
        return made

    def _function(self, args: tuple[Any, ...]) -> int:
        with self._compiling():
            compiled = self._dispatcher.compile(tuple(map(self._dispatcher.typeof_pyval, args)))
            function = compiled._codelibrary.get_cufunc()
        return int(getattr(function, "kernel", function).handle)


class Gpu:
    """The GPU: arrays there, copies to and fro, launches.

    Args:
        compiling: makes the context in which kernels are compiled.
    """

    def __init__(self, compiling: Callable[[], AbstractContextManager[None]]) -> None:
        self._compiling = compiling
        self._driver = driver()
        self._thread = 0
        self._here()
        self.memory = Memory()

    def _here(self) -> None:
        """Let the driver know this thread."""
        thread = threading.get_ident()
        if thread != self._thread:
            from numba import cuda

            cuda.current_context()
            self._thread = thread

    def device_array(self, shape: Any, dtype: Any) -> DeviceArray:
        """An array of whatever stands there."""
        self._here()
        shape = (shape,) if isinstance(shape, int | np.integer) else shape
        shape, dtype = tuple(map(int, shape)), np.dtype(dtype)
        block = self.memory.take(max(math.prod(shape) * dtype.itemsize, 1))
        return DeviceArray(self, block, block.ptr, shape, dtype)

    def to_device(self, array: Any) -> DeviceArray:
        """A copy of an array of the host."""
        made = self.device_array(array.shape, array.dtype)
        self.copy_to_device(made, array)
        return made

    def copy_to_device(self, to: DeviceArray, source: Any) -> None:
        """Copy an array of the host, or of the GPU, into one of the GPU with as many bytes.

        Raises:
            ValueError: it has not as many, or not the same type.
        """
        self._same(to, source)
        if not to.nbytes:
            return
        self._here()
        if isinstance(source, DeviceArray):
            checked(self._driver.cuMemcpyDtoD(to.ptr, source.ptr, to.nbytes), f"copying {to.nbytes} bytes")
        else:
            source = np.ascontiguousarray(source)
            checked(self._driver.cuMemcpyHtoD(to.ptr, source.ctypes.data, to.nbytes), f"copying {to.nbytes} bytes to its memory")

    def copy_to_host(self, source: DeviceArray, array: Any) -> None:
        """Copy an array of the GPU into one of the host, without gaps, with as many bytes.

        Raises:
            ValueError: it has not as many, or not the same type, or gaps.
        """
        self._same(source, array)
        if not array.flags.c_contiguous:
            raise ValueError("an array with gaps cannot be copied into")
        if source.nbytes:
            self._here()
            copied = self._driver.cuMemcpyDtoH(array.ctypes.data, source.ptr, source.nbytes)
            checked(copied, f"copying {source.nbytes} bytes from its memory")

    @staticmethod
    def _same(one: DeviceArray, other: Any) -> None:
        if one.dtype != other.dtype or one.size != other.size:
            raise ValueError(f"{one.size} of type {one.dtype} are not {other.size} of type {other.dtype}")

    def memory_left(self) -> float:
        """Bytes that are free, those kept for later among them."""
        self._here()
        return float(self._driver.cuMemGetInfo()[1] + self.memory.kept)

    def kernel(self, dispatcher: Any) -> Kernel:
        """What ``launch`` takes, of what ``cuda.jit`` made."""
        return Kernel(dispatcher, self._compiling)

    def launch(self, kernel: Kernel, shape: tuple[int, int], *args: Any) -> None:
        """Run a kernel in so many blocks of so many threads, after all that was asked for before."""
        self._here()
        call = kernel.call(args)
        checked(self._driver.cuLaunchKernel(call.function, shape[0], 1, 1, shape[1], 1, 1, 0, 0, call.at, 0), "launching a kernel")


__all__ = ["DeviceArray", "Gpu", "Kernel", "Memory"]
