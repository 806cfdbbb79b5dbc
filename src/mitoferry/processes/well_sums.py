"""Sums over the cells of every well, and draws of a cell in proportion to what it weighs, without one thread that walks all cells.

The rows of cells are cut into blocks of 2048. Each block adds up what its cells weigh, by well and layer, in order of row; the sums of the
blocks are added in order of block. What comes out depends neither on the backend nor on its threads: it is the sum in order of row where a
plate has one block, and differs from it by rounding where it has more. A draw finds the block first and then the cell within it.

A cell may weigh in up to four ways (*arms*), which who draws adds up with factors of his own. Layers of an insert are told apart where
``layers`` is 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.row import row

ROWS = 2048  # of cells in a block


class Weights(NamedTuple):
    """What cells weigh in a step. The *place* of a cell is its well times ``layers`` plus its layer.

    Attributes:
        of: float64 [cells, arms], what each cell weighs, not below 0.
        block: float64 [blocks * places, arms], sums over a block: those of block b stand from row b * places on.
        total: float64 [places, arms], sums over all blocks.
    """

    of: Any
    block: Any
    total: Any


def allocate_weights(backend: Any, n_rows: int, n_wells: int, layers: int, arms: int) -> Weights:
    """Room for the weights of ``n_rows`` rows of cells."""
    places = n_wells * layers
    return Weights(
        backend.zeros((n_rows, arms)), backend.zeros((-(-n_rows // ROWS) * places, arms)), backend.zeros((places, arms))
    )  # fmt: skip


@row
def place_of(i, layers, cells):
    """Place of cell ``i`` among the sums."""
    return int(cells.well[i]) * layers + min(int(cells.layer[i]), layers - 1)


@row
def add_block(b, n_cells, layers, cells, weights):
    """Sums over the cells of block ``b``, in order of row."""
    places = weights.total.shape[0]
    arms = weights.total.shape[1]
    for q in range(b * places, (b + 1) * places):
        for k in range(arms):
            weights.block[q, k] = 0.0
    for i in range(b * ROWS, min((b + 1) * ROWS, n_cells)):
        q = b * places + place_of(i, layers, cells)
        for k in range(arms):
            weights.block[q, k] = float(weights.block[q, k]) + float(weights.of[i, k])


@row
def add_blocks(entry, n_blocks, weights):
    """One entry of ``weights.total``, place times arms plus arm: the sum over the blocks, in their order."""
    places = weights.total.shape[0]
    arms = weights.total.shape[1]
    q = entry // arms
    k = entry - q * arms
    total = 0.0
    for b in range(n_blocks):
        total += float(weights.block[b * places + q, k])
    weights.total[q, k] = total


def add_up(world: Any, weights: Weights, layers: int) -> None:
    """Add up ``weights.of`` over the cells of all wells."""
    blocks = -(-world.n_cells // ROWS)
    world.backend.each(add_block, blocks, world.n_cells, layers, world.cells, weights)
    world.backend.each(add_blocks, weights.total.size, blocks, weights)


@row
def joined(numbers, i, a, b, c, d):
    """Row ``i`` of ``numbers`` with its arms weighted by ``a`` to ``d``; those that it lacks do not count."""
    arms = numbers.shape[1]
    x = a * float(numbers[i, 0])
    if arms > 1:
        x = x + b * float(numbers[i, 1])
    if arms > 2:
        x = x + c * float(numbers[i, 2])
    if arms > 3:
        x = x + d * float(numbers[i, 3])
    return x


@row
def over_layers(numbers, first, layers, a, b, c, d, bottom, insert):
    """Sum of the rows of ``numbers`` for the layers of one well, from row ``first`` on, with a factor on each layer."""
    x = bottom * joined(numbers, first, a, b, c, d)
    if layers > 1:
        x = x + insert * joined(numbers, first + 1, a, b, c, d)
    return x


@row
def draw_cell(w, u, a, b, c, d, bottom, insert, n_cells, layers, cells, weights):
    """Row of the cell of well ``w`` that the uniform ``u`` draws, in proportion to its weight; -1 where no cell has one.

    ``a`` to ``d`` weight the arms, ``bottom`` and ``insert`` the cells of either layer.
    """
    places = weights.total.shape[0]
    share = u * over_layers(weights.total, w * layers, layers, a, b, c, d, bottom, insert)
    n_blocks = (n_cells + ROWS - 1) // ROWS
    so_far = 0.0
    before = 0.0
    block = -1
    q = 0
    while q < n_blocks and so_far <= share:
        part = over_layers(weights.block, q * places + w * layers, layers, a, b, c, d, bottom, insert)
        if part > 0.0:
            before = so_far
            so_far += part
            block = q
        q += 1
    if block < 0:
        return -1
    found = -1
    so_far = before
    i = block * ROWS
    end = min(i + ROWS, n_cells)
    while i < end and so_far <= share:
        if int(cells.well[i]) == w:
            part = joined(weights.of, i, a, b, c, d) * (insert if layers > 1 and int(cells.layer[i]) > 0 else bottom)
            if part > 0.0:
                so_far += part
                found = i
        i += 1
    return found
