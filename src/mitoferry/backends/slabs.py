"""The product of a small matrix with slabs of numbers, as the CPU's vector registers take it (``core/slabs.py``).

Compilers turn the plain loops into one pass over memory for each row of the matrix and spend as long on preparing the passes
as on the numbers. Here a tile of rows times columns of the result is held in registers while the slabs go by. Every number is
the same sum in the same order as in the plain text, so neither the tile nor the width of the registers changes a bit. A tile
that would reach beyond the end is moved back: what it shares with its neighbour is worked out twice.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

TILE_ROWS = 4
TILE_VECTORS = 2
WORD = ir.IntType(64)


def register_bytes() -> int:
    """Width of the vector registers that kernels are compiled for."""
    return 64 if llvmlite.binding.get_host_cpu_features().get("avx512f", False) else 32


class _Slabs:
    """Writes the loops."""

    def __init__(self, builder: Any, context: Any, signature: Any, args: Any) -> None:
        self.builder, self.element = builder, context.get_value_type(signature.args[0].dtype)
        arrays = [context.make_array(kind)(context, builder, value) for kind, value in zip(signature.args[:3], args[:3], strict=True)]
        self.source, self.target, self.matrix = (a.data for a in arrays)
        self.at, self.n, self.base, self.length = args[3:]

    def place(self, data: Any, *terms: Any) -> Any:
        """Address of number ``sum(terms)`` of an array."""
        total = terms[0]
        for term in terms[1:]:
            total = self.builder.add(total, term)
        return self.builder.gep(data, [total])

    def tiles(self, rows: int, lanes: int, vectors: int) -> None:
        """All tiles of ``rows`` times ``vectors`` registers of ``lanes`` numbers; needs as many rows and columns."""
        b, columns = self.builder, WORD(lanes * vectors)
        with cgutils.for_range_slice(b, WORD(0), self.length, columns, WORD) as (wanted_x, _):
            x = self.least(wanted_x, b.sub(self.length, columns))
            with cgutils.for_range_slice(b, WORD(0), self.n, WORD(rows), WORD) as (wanted_k, _):
                self.tile(self.least(wanted_k, b.sub(self.n, WORD(rows))), x, rows, lanes, vectors)

    def least(self, a: Any, b: Any) -> Any:
        """The smaller of two integers."""
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def tile(self, k: Any, x: Any, rows: int, lanes: int, vectors: int) -> None:
        """One tile from row ``k`` and column ``x`` on."""
        b = self.builder
        kind = ir.VectorType(self.element, lanes)
        align = 8 if isinstance(self.element, ir.DoubleType) else 4
        zero = ir.Constant(kind, [0.0] * lanes)
        sums = [[cgutils.alloca_once(b, kind) for _ in range(vectors)] for _ in range(rows)]
        for row in sums:
            for room in row:
                b.store(zero, room)
        spread = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        with cgutils.for_range(b, self.n) as loop:
            slab = self.place(self.source, self.base, b.mul(loop.index, self.length), x)
            numbers = [b.load(b.bitcast(b.gep(slab, [WORD(v * lanes)]), kind.as_pointer()), align=align) for v in range(vectors)]
            column = self.place(self.matrix, self.at, b.mul(loop.index, self.n), k)
            for r, row in enumerate(sums):
                single = b.insert_element(ir.Constant(kind, ir.Undefined), b.load(b.gep(column, [WORD(r)])), ir.IntType(32)(0))
                factor = b.shuffle_vector(single, ir.Constant(kind, ir.Undefined), spread)
                for room, number in zip(row, numbers, strict=True):
                    b.store(b.fadd(b.load(room), b.fmul(number, factor)), room)
        for r, row in enumerate(sums):
            out = self.place(self.target, self.base, b.mul(b.add(k, WORD(r)), self.length), x)
            for v, room in enumerate(row):
                b.store(b.load(room), b.bitcast(b.gep(out, [WORD(v * lanes)]), kind.as_pointer()), align=align)


@intrinsic
def multiply_slabs(typing_context: Any, source: Any, target: Any, matrix: Any, at: Any, n: Any, base: Any, length: Any) -> Any:
    """See ``mitoferry.core.slabs.multiply_slabs``: the largest tiles that fit."""
    if not source.dtype == target.dtype == matrix.dtype:
        raise TypeError(f"slabs and matrix must be of one type, found {source.dtype}, {target.dtype}, {matrix.dtype}")
    signature = types.void(source, target, matrix, *[types.int64] * 4)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        slabs = _Slabs(builder, context, signature, args)
        most = register_bytes() // (8 if signature.args[0].dtype == types.float64 else 4)

        def choose(rows: int) -> None:
            wide = builder.icmp_signed(">=", slabs.length, WORD(TILE_VECTORS * most))
            with builder.if_else(wide) as (then, otherwise):
                with then:
                    slabs.tiles(rows, most, TILE_VECTORS)
                with otherwise:
                    some = builder.icmp_signed(">=", slabs.length, WORD(4))
                    with builder.if_else(some) as (four, single):
                        with four:
                            slabs.tiles(rows, 4, 1)
                        with single:
                            slabs.tiles(rows, 1, 1)

        with builder.if_else(builder.icmp_signed(">=", slabs.n, WORD(TILE_ROWS))) as (many, few):
            with many:
                choose(TILE_ROWS)
            with few:
                choose(1)
        return context.get_dummy_value()

    return signature, codegen
