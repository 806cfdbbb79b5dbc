"""What compiled code for the slots of one page has beyond row functions (``core/lanes.py``): arrays on the stack, four bytes at once."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from mitoferry.core.lines import LINE
from mitoferry.core.schema import PAGE


@intrinsic
def stack_lanes(typing_context: Any) -> Any:
    """A float64 array of a page's length; it lives as long as the function that calls this, and must not be returned."""
    array_type = types.Array(types.float64, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        with builder.goto_entry_block():
            room = builder.alloca(ir.ArrayType(ir.DoubleType(), PAGE))
            room.align = 64
        array = context.make_array(array_type)(context, builder)
        size = context.get_constant(types.intp, 8)
        populate_array(
            array,
            data=builder.bitcast(room, array.data.type),
            shape=[context.get_constant(types.intp, PAGE)],
            strides=[size],
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()

    return array_type(), codegen


@intrinsic
def load_word(typing_context: Any, copies: Any, slot: Any) -> Any:
    """Row ``slot`` of a uint8 array of four columns as one little-endian number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        words = builder.bitcast(array.data, ir.IntType(32).as_pointer())
        read = builder.load(builder.gep(words, [args[1]], inbounds=True), align=1)
        return builder.zext(read, ir.IntType(64))

    return types.int64(copies, slot), codegen


@intrinsic
def untold_slots(typing_context: Any) -> Any:
    """The length of a page, which LLVM is not told."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = ir.IntType(64)
        return builder.asm(ir.FunctionType(number, [number]), "", "=r,0", [number(PAGE)], False)

    return types.int64(), codegen


@intrinsic
def prefetch(typing_context: Any, column: Any, first: Any) -> Any:
    """Ask for the lines of memory that hold a page of an array, whose first row is ``first``, to be written."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        (stride, *_) = cgutils.unpack_tuple(builder, array.strides)
        page = builder.gep(builder.bitcast(array.data, ir.IntType(8).as_pointer()), [builder.mul(args[1], stride)])
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [page.type, flag, flag, flag])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        length = builder.mul(stride, stride.type(PAGE))
        with cgutils.for_range_slice(builder, stride.type(0), length, stride.type(LINE), stride.type) as (at, _):
            builder.call(ask, [builder.gep(page, [at]), flag(1), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(column, first), codegen
