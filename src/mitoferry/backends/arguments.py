"""What a launch is given, as a row of words that compiled code reads.

Handed over one by one, the arguments of a kernel, among them some hundred parameters, cost Python tens of microseconds at every
launch and for every thread, as long as many a launch lasts. Here they stand side by side in memory, 8 bytes each: of a table the
address of the words that describe it (``pointers.py``), of an array its address and lengths, of a tuple its entries one after the
other. The words are kept from launch to launch, and only arguments that are not those of the last one are written again. A
kernel is given one number, where its words begin; so a thread can be handed a launch without Python.

Tests: ``tests/backends/test_arguments.py``, ``test_cpu_launches.py``.
"""

from __future__ import annotations

import functools
import operator
import struct
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype
from numba.core import types
from numba.extending import intrinsic

from mitoferry.backends.narrow import TABLES as STATE
from mitoferry.backends.pointers import TableType, address_of, array_at, columns_of, constant_word, is_table, words_of

KEPT = 4  # tables of one kind of the state whose words are remembered
REMEMBERED = 2  # calls of one row function: two processes may share it
WORD = ir.IntType(64)

Shape = tuple[Any, ...]
"""What a kernel is compiled for: of a table its kind and columns, of an array its numbers and axes, of numbers their types."""


# ---------------------------------------------------------------------- shapes of what is given
def shape_of(value: Any) -> Shape:
    """The shape of an argument; equal shapes share a kernel.

    Raises:
        TypeError: neither a table, an array without gaps, a number nor a tuple of such.
    """
    if isinstance(value, bool | np.bool_):
        return ("boolean",)
    if isinstance(value, np.generic):
        return ("number", value.dtype.str)
    if isinstance(value, int):
        return ("number", "<i8")
    if isinstance(value, float):
        return ("number", "<f8")
    if value is None:
        return ("none",)
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous or not value.flags.aligned:
            raise TypeError(f"an array given to a kernel must be C-contiguous, found shape {value.shape}, strides {value.strides}")
        return ("array", value.dtype.str, value.ndim, bool(value.flags.writeable))
    if is_table(value):
        return ("table", type(value).__name__, columns_of(value))
    if isinstance(value, tuple):
        kind = type(value)
        entries = tuple(map(shape_of, value))
        if not any(entry[0] in ("table", "array") for entry in entries):
            return ("tuple", kind.__module__, kind.__qualname__, getattr(value, "_fields", ()), entries)
    raise TypeError(f"a kernel cannot be given {type(value).__name__}: tables, arrays, numbers and tuples of these")


def n_words(shape: Shape) -> int:
    """How many words an argument takes."""
    if shape[0] == "table":
        return 1
    return 1 + shape[2] if shape[0] == "array" else len(format_of(shape))


def format_of(shape: Shape) -> str:
    """The words of numbers as ``struct`` writes them."""
    if shape[0] == "tuple":
        return "".join(map(format_of, shape[4]))
    if shape[0] == "none":
        return ""
    if shape[0] == "number":
        kind = np.dtype(shape[1])
        if kind.kind == "f":
            return "d"
        return "Q" if kind == np.uint64 else "q"
    return "q"


def numbers_in(value: Any) -> list[Any]:
    """The numbers of a number or a nested tuple, in order."""
    if isinstance(value, tuple):
        return [number for entry in value for number in numbers_in(entry)]
    if value is None:
        return []
    return [value.item() if isinstance(value, np.generic) else value]


# ---------------------------------------------------------------------- the same in compiled code
def type_of(shape: Shape, value: Any) -> Any:
    """Numba's type of an argument."""
    if shape[0] == "table":
        return TableType(shape[1], shape[2])
    if shape[0] == "array":
        return types.Array(from_dtype(np.dtype(shape[1])), shape[2], "C", readonly=not shape[3])
    if shape[0] == "tuple":
        entries = [type_of(entry, v) for entry, v in zip(shape[4], value, strict=True)]
        return types.BaseTuple.from_types(entries, type(value) if shape[3] else None)
    if shape[0] == "none":
        return types.none
    return types.boolean if shape[0] == "boolean" else from_dtype(np.dtype(shape[1]))


@functools.cache
def reader(kind: Any, at: int) -> Any:
    """An intrinsic that reads an argument of type ``kind`` from the words that begin ``at`` words behind an address (int64)."""

    @intrinsic
    def read(typing_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = builder.inttoptr(args[0], WORD.as_pointer())
            return _Reading(context, builder, words, at).value(kind)

        return kind(types.int64), codegen

    return read


class _Reading:
    """Writes the code that reads values one after the other."""

    def __init__(self, context: Any, builder: Any, words: Any, at: int) -> None:
        self.context, self.builder, self.words, self.at = context, builder, words, at

    def word(self) -> Any:
        """The next word."""
        self.at += 1
        return constant_word(self.builder, self.words, self.at - 1)

    def value(self, kind: Any) -> Any:
        """The next value."""
        context, builder = self.context, self.builder
        if isinstance(kind, types.BaseTuple):
            return context.make_tuple(builder, kind, [self.value(entry) for entry in kind])  # type: ignore[attr-defined]
        if isinstance(kind, types.NoneType):
            return context.get_dummy_value()
        if isinstance(kind, TableType):
            return builder.inttoptr(self.word(), WORD.as_pointer())
        if isinstance(kind, types.Array):
            return array_at(context, builder, kind, self.word(), [self.word() for _ in range(kind.ndim)])
        if isinstance(kind, types.Boolean):
            return builder.icmp_signed("!=", self.word(), WORD(0))
        if isinstance(kind, types.Float):
            number = builder.bitcast(self.word(), ir.DoubleType())
            return number if kind == types.float64 else builder.fptrunc(number, context.get_value_type(kind))
        if isinstance(kind, types.Integer):
            return self.word() if kind == types.int64 or kind == types.uint64 else builder.trunc(self.word(), context.get_value_type(kind))
        raise TypeError(f"a kernel cannot be given {kind}")


# ---------------------------------------------------------------------- words that are kept
_PACKED: dict[Any, list[tuple[Any, bytes]]] = {}
"""The last tuple of each kind that was given, with its words: that of the clock goes to every launch of a step."""


class Numbers:
    """The words of an argument made of numbers."""

    __slots__ = ("_kind", "_last", "_leaf", "_own", "_pack", "_packed", "_place", "_room", "_shape", "_types", "k")

    def __init__(self, k: int, value: Any, shape: Shape, words: Any, place: int) -> None:
        self.k = k
        self._kind, self._shape = type(value), shape
        self._last: Any = None
        self._room, self._place = memoryview(words).cast("B"), 8 * place
        self._pack = struct.Struct("=" + format_of(shape)).pack_into
        self._leaf = not isinstance(value, tuple)
        flat = not self._leaf and not any(isinstance(entry, tuple | np.generic) or entry is None for entry in value)
        self._types = tuple(map(type, value)) if flat else None
        self._packed = _PACKED.setdefault((self._kind, self._types), [(None, b"")]) if flat else None
        self._own = self._room[self._place : self._place + 8 * n_words(shape)]
        self._write(value)

    def take(self, value: Any) -> bool:
        """Write ``value`` where it is not what stands there; ``False`` where it has another shape."""
        if value is self._last:
            return True
        if self._packed is not None:
            given, words = self._packed[0]
            if given is value:
                self._own[:] = words
                self._last = value
                return True
        if type(value) is not self._kind:
            return False
        if not self._leaf and (tuple(map(type, value)) != self._types if self._types is not None else shape_of(value) != self._shape):
            return False
        self._write(value)
        return True

    def _write(self, value: Any) -> None:
        try:
            self._pack(self._room, self._place, *(value if self._types is not None else numbers_in(value)))
        except struct.error as error:
            raise OverflowError(f"a number given to a kernel does not fit into 64 bits: {error}") from None
        if self._packed is not None:
            self._packed[0] = value, bytes(self._own)
        self._last = value


class _Array:
    """The words of an array, or of a column: address and lengths. The array is held weakly."""

    __slots__ = ("_place", "_sort", "_words", "held", "k")

    def __init__(self, k: int, array: Any, words: Any, place: int) -> None:
        self.k = k
        self._words, self._place = memoryview(words), place
        self._sort = self._sort_of(array)
        self._write(array)

    @staticmethod
    def _sort_of(array: Any) -> tuple[Any, ...]:
        flags = array.flags
        return array.dtype, array.ndim, flags.c_contiguous and flags.aligned, flags.writeable

    def take(self, array: Any) -> bool:
        """Write the words of ``array`` where it is another one; ``False`` where it has another shape."""
        if self.held() is array:
            return True
        if type(array) is not np.ndarray or self._sort_of(array) != self._sort:
            return False
        self._write(array)
        return True

    def _write(self, array: Any) -> None:
        self._words[self._place] = address_of(array)
        for axis, length in enumerate(array.shape, self._place + 1):
            self._words[axis] = length
        self.held = weakref.ref(array)


class _Table:
    """The words of a table that is not of the state."""

    __slots__ = ("_columns", "_held", "_kind", "k", "words")

    def __init__(self, k: int, table: Any) -> None:
        self.k = k
        self._kind = type(table)
        self.words = np.zeros(sum(1 + column.ndim for column in table), dtype=np.int64)
        self._columns, place = [], 0
        for column in table:
            self._columns.append(_Array(k, column, self.words, place))
            place += 1 + column.ndim
        self._held = [column.held for column in self._columns]

    def take(self, table: Any) -> bool:
        """Write the words of the columns that are others; ``False`` where the table has another shape."""
        if type(table) is not self._kind:
            return False
        if all(map(operator.is_, map(operator.call, self._held), table)):  # as it mostly is: without a call in Python for each column
            return True
        same = all(map(_Array.take, self._columns, table))
        self._held = [column.held for column in self._columns]
        return same


class Passed:
    """The arguments of a recent call of a row function, and what was compiled for them.

    Attributes:
        driver: what ``build`` made for arguments of these shapes.
        address: where their words begin.
    """

    __slots__ = ("_held", "_n_args", "_pick", "_tables", "_takes", "address", "driver")

    def __init__(self, driver: Any, words: Any, n_args: int, tables: list[tuple[int, Any]], others: list[Any], held: list[Any]) -> None:
        self.driver = driver
        self.address = int(words.ctypes.data)
        self._n_args = n_args
        self._tables = tables  # of the state, with their places among the arguments
        self._takes = [other.take for other in others]
        self._pick = operator.itemgetter(*(other.k for other in others), -1, -1)  # a tuple even if there are none
        self._held = words, held  # so that they lie where compiled code looks for them

    def has(self, table: Any) -> bool:
        """Whether a table of the state was among the arguments."""
        return any(held is table for _, held in self._tables)

    def takes(self, args: tuple[Any, ...]) -> bool:
        """Write down what is not as it was at that call; ``False`` where that takes other words or another kernel."""
        if len(args) != self._n_args:
            return False
        for k, table in self._tables:
            if args[k] is not table:
                return False
        return not self._takes or all(map(operator.call, self._takes, self._pick(args)))


class Arguments:
    """Remembers tables and calls, so that a call which is like a recent one is handed over at once.

    Args:
        build: makes what runs a call, ``build(key, shapes, args)``: for each key and shapes once.
    """

    def __init__(self, build: Callable[[Any, tuple[Shape, ...], tuple[Any, ...]], Any]) -> None:
        self._build = build
        self._known: dict[int, tuple[Any, Any, int]] = {}  # tables of the state, their words, numbers of their shapes
        self._numbers: dict[Shape, int] = {}  # of shapes: quicker to look up than shapes with all their columns
        self.recent: dict[Any, list[Passed]] = {}
        self.variants: dict[Any, dict[tuple[int, ...], Any]] = {}  # what was built, by key and numbers of shapes

    def passed(self, key: Any, args: tuple[Any, ...]) -> Passed:
        """The words of a call, with what was compiled for it; they are good until the next call with this key."""
        for recent in self.recent.get(key, ()):
            if recent.takes(args):
                return recent
        return self._sought(key, args)

    def _sought(self, key: Any, args: tuple[Any, ...]) -> Passed:
        """As :meth:`passed`, where the arguments are not those of a recent call."""
        state = [self._of_state(arg) if STATE.get(type(arg).__name__) is type(arg) else None for arg in args]
        numbers = tuple(
            known[2] if known is not None else self._numbers.setdefault(shape_of(arg), len(self._numbers))
            for known, arg in zip(state, args, strict=True)
        )
        every = list(self._numbers)
        shapes = tuple(every[number] for number in numbers)
        variants = self.variants.setdefault(key, {})
        driver = variants.get(numbers)
        if driver is None:
            driver = variants[numbers] = self._build(key, shapes, args)
        words = np.zeros(max(sum(map(n_words, shapes)), 1), dtype=np.int64)
        tables: list[tuple[int, Any]] = []
        others: list[Any] = []
        place = 0
        for k, (arg, known, shape) in enumerate(zip(args, state, shapes, strict=True)):
            if known is not None:
                words[place] = known[1].ctypes.data
                tables.append((k, arg))
            elif shape[0] == "table":
                others.append(_Table(k, arg))
                words[place] = others[-1].words.ctypes.data
            else:
                others.append(_Array(k, arg, words, place) if shape[0] == "array" else Numbers(k, arg, shape, words, place))
            place += n_words(shape)
        made = Passed(driver, words, len(args), tables, others, state)
        if all(id(table) in self._known for _, table in tables):  # none was let go for another table of this very call
            self.recent[key] = [made, *self.recent.get(key, ())][:REMEMBERED]
        return made

    def _of_state(self, table: Any) -> tuple[Any, Any, int]:
        """A table of the state, the words that describe it and the number of its shape."""
        found = self._known.get(id(table))
        if found is None:
            kind = type(table)
            same = [key for key, (held, *_) in self._known.items() if type(held) is kind]
            for key in same[: 1 - KEPT] if len(same) >= KEPT else ():
                self._forget(key)
            number = self._numbers.setdefault(shape_of(table), len(self._numbers))
            found = self._known[id(table)] = (table, words_of(table), number)
        return found

    def _forget(self, key: int) -> None:
        """Let a table of the state go, and the calls that had it."""
        table, *_ = self._known.pop(key)
        kept = {call: [passed for passed in recent if not passed.has(table)] for call, recent in self.recent.items()}
        self.recent = {call: recent for call, recent in kept.items() if recent}

    def replace(self, table: Any) -> None:
        """A table of the state has been written to, or stands in the place of another, which is let go."""
        if id(table) not in self._known:
            for key in [key for key, (held, *_) in self._known.items() if type(held) is type(table)]:
                self._forget(key)


__all__ = ["Arguments", "Numbers", "Passed", "Shape", "format_of", "reader", "shape_of", "type_of"]
