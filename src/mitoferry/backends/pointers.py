"""Tables as one pointer in code compiled for the CPU.

Passed by value, a table of eighty columns is hundreds of machine words: every call of a row function by another would
copy them, and compilers take minutes over it. Here a table is the address of a small block of words that lists, per
column, where the data lie and how long each axis is. Compiled code reads a column's entry where it uses it; the
entries are marked as never changing, so that LLVM moves the reads out of loops.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, lower_getattr_generic, models, register_model
from numba.np.arrayobj import populate_array

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
    constant = builder.module.add_metadata([])

    def word(k: int) -> Any:
        read = builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), k)], inbounds=True))
        read.set_metadata("invariant.load", constant)
        return read

    array_type = kind.arrays[name]
    at = kind.place[name]
    array = context.make_array(array_type)(context, builder)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
    shape = [word(at + 1 + axis) for axis in range(array_type.ndim)]
    strides = [itemsize]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length, flags=["nsw"]))
    populate_array(array, data=builder.inttoptr(word(at), array.data.type), shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()


@functools.cache
def cast_to(kind: str, columns: tuple[Column, ...]) -> Any:
    """An intrinsic that makes an address (int64) a table."""
    table = TableType(kind, columns)

    @intrinsic
    def cast(typing_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], ir.IntType(64).as_pointer())

        return table(types.int64), codegen

    return cast


class _InnerContext:
    """A target context that stops short of machine code."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def get_executable(self, library: Any, description: Any, environment: Any) -> Any:
        """In place of the entry point from Python, which nobody calls: any built-in method, distinct for every function."""
        return [].append


_PLAIN = (types.Number, types.Boolean, types.Array, types.BaseTuple)
_found: dict[tuple[Any, ...], tuple[Any, Any]] = {}  # signatures of built-in functions, and the keys of their implementations


class _InnerTyping:
    """A typing context that remembers what built-in functions and operators give for plain arguments.

    Numba tries some forty templates for every ``+`` of two numbers anew, a quarter of the time of a compilation.
    """

    def __init__(self, context: Any, flags: Any) -> None:
        self._context = context
        self._flags = repr(flags.values())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, keywords: Any) -> Any:
        """The signature for these arguments, as Numba finds it, which is looked for once."""
        if keywords or not isinstance(function, types.Function) or not all(isinstance(a, _PLAIN) for a in args):
            return self._context.resolve_function_type(function, args, keywords)
        key = (self._flags, function, tuple(args))
        keys: Any = function._impl_keys  # type: ignore[attr-defined]  # of the implementation of each signature
        known = _found.get(key)
        if known is None:
            signature = self._context.resolve_function_type(function, args, keywords)
            if signature is None or signature.args not in keys:
                return signature
            known = _found[key] = signature, keys[signature.args]
        signature, implementation = known
        keys[signature.args] = implementation
        return signature


class _InnerLibrary(JITCodeLibrary):
    """Code that is only linked into that of its callers, and is optimised and made machine code there."""

    def _optimize_final_module(self) -> None:
        """Left to the kernel, which inlines it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class InnerCompiler(Compiler):
    """Numba's compiler for functions that only compiled code calls.

    By default each of our 500 functions would be optimised and get machine code and two wrappers of its own, half of the
    time; the kernel that calls it holds all of it once more.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.library = _InnerLibrary(self.state.targetctx.codegen(), "inner")
        self.state.targetctx = _InnerContext(self.state.targetctx)
        self.state.typingctx = _InnerTyping(self.state.typingctx, self.state.flags)
        self.state.flags.no_cpython_wrapper = True
        self.state.flags.no_cfunc_wrapper = True


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


def words_of(table: Any) -> np.ndarray:
    """The block of words that describes the columns; it must live as long as its address is in use."""
    words: list[int] = []
    for array in table:
        words.append(array.__array_interface__["data"][0])
        words += array.shape
    return np.array(words, dtype=np.int64)
