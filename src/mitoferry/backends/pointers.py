"""Tables as one pointer in code compiled for the CPU.

Passed by value, a table of eighty columns is hundreds of machine words: every call of a row function by another would
copy them, and compilers take minutes over it. Here a table is the address of a small block of words that lists, per
column, where the data lie and how long each axis is. Compiled code reads a column's entry where it uses it; the
entries are marked as never changing, so that LLVM moves the reads out of loops.
"""

from __future__ import annotations

import ctypes
import hashlib
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype
from numba.core import types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import lower_getattr_generic, models, register_model
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

# a column as compiled code sees it: name, dtype as text, number of axes
Column = tuple[str, str, int]


class TableType(types.Type):
    """Numba's type of a pointer to a table with given columns."""

    def __init__(self, kind: str, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.place: dict[str, int] = {}
        at = 0
        for name, _, axes in columns:
            self.place[name] = at
            at += 1 + axes
        self.arrays = {name: types.Array(from_dtype(np.dtype(dtype)), axes, "C") for name, dtype, axes in columns}
        super().__init__(name=f"{kind}_{hashlib.sha256(repr(columns).encode()).hexdigest()[:10]}")


@register_model(TableType)
class _TableModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: TableType) -> None:
        super().__init__(manager, kind, ir.IntType(64).as_pointer())


@infer_getattr
class _TableAttributes(AttributeTemplate):
    key = TableType

    def generic_resolve(self, kind: Any, name: str) -> Any:  # type: ignore[override]  # declared without a type by Numba
        """The array type of column ``name``."""
        return kind.arrays.get(name)


@lower_getattr_generic(TableType)
def _column(context: Any, builder: Any, kind: TableType, pointer: Any, name: str) -> Any:
    at, array_type = kind.place[name], kind.arrays[name]
    address, *shape = (constant_word(builder, pointer, at + k) for k in range(1 + array_type.ndim))
    return array_at(context, builder, array_type, address, shape)


def constant_word(builder: Any, pointer: Any, k: int) -> Any:
    """Code for word ``k`` behind a pointer, which does not change while a kernel runs."""
    read = builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), k)], inbounds=True))
    read.set_metadata("invariant.load", builder.module.add_metadata([]))
    return read


def array_at(context: Any, builder: Any, kind: Any, address: Any, shape: list[Any]) -> Any:
    """Code for an array of Numba's type ``kind`` without gaps, of which address and lengths are given as words."""
    array = context.make_array(kind)(context, builder)
    itemsize = context.get_constant(types.intp, as_dtype(kind.dtype).itemsize)
    strides = [itemsize] if shape else []
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length, flags=["nsw"]))
    populate_array(array, data=builder.inttoptr(address, array.data.type), shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()


def is_table(value: Any) -> bool:
    """Whether an argument of a kernel is a NamedTuple of arrays."""
    return isinstance(value, tuple) and hasattr(value, "_fields") and len(value) > 0 and all(isinstance(x, np.ndarray) for x in value)


def columns_of(table: Any) -> tuple[Column, ...]:
    """The columns of ``table``.

    Raises:
        TypeError: a column is not contiguous: compiled code could not find its entries.
    """
    for name, array in zip(table._fields, table, strict=True):
        if not array.flags.c_contiguous or not array.flags.aligned:
            raise TypeError(f"column {name!r} of {type(table).__name__} must be a C-contiguous array")
    return tuple((name, array.dtype.str, array.ndim) for name, array in zip(table._fields, table, strict=True))


def address_of(array: Any) -> int:
    """Where the entries of an array begin."""
    if array.nbytes and array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # four times quicker than the other
    return int(array.__array_interface__["data"][0])


def words_of(table: Any) -> np.ndarray:
    """The block of words that describes the columns; it must live as long as its address is in use."""
    words: list[int] = []
    for array in table:
        words.append(address_of(array))
        words += array.shape
    return np.array(words, dtype=np.int64)
