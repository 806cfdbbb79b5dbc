"""Sums over the cells of every well, and draws of a cell in proportion to what it weighs, without one thread that walks all cells.

The rows of cells are cut into blocks of 2048. Each block adds up what its cells weigh, by well and layer, and then the blocks are added.
Added are whole numbers: what a cell weighs in units of 2^-49, in two parts, so that no order of addition changes the sum. What comes out
for a well depends neither on the backend and its threads nor on which other wells are on the plate. A draw finds the block first and then
the cell within it.

A cell may weigh in up to four ways (*arms*), which who draws adds up with factors of his own. Layers of an insert are told apart where
``layers`` is 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row

ROWS = 2048  # of cells in a block
COARSE, FINE = 1024.0, 549755813888.0  # the parts count 2^-10, and 2^-39 of that: sums of 2^23 cells of less than MOST stay below 2^63
MOST = 1073741824.0  # that a cell may weigh


class Weights(NamedTuple):
    """What cells weigh in a step. The *place* of a cell is its well times ``layers`` plus its layer.

    Attributes:
        of: float64 [cells, arms], what each cell weighs, not below 0.
        block: int64 [blocks * places, 2 arms], sums over a block, coarse and fine parts in turn: those of block b stand from row
            b * places on.
        total: float64 [places, arms], sums over all blocks.
    """

    of: Any
    block: Any
    total: Any


def allocate_weights(backend: Any, n_rows: int, n_wells: int, layers: int, arms: int) -> Weights:
    """Room for the weights of ``n_rows`` rows of cells."""
    places = n_wells * layers
    return Weights(
        backend.zeros((n_rows, arms)), backend.zeros((-(-n_rows // ROWS) * places, 2 * arms), np.int64), backend.zeros((places, arms))
    )  # fmt: skip


@row
def place_of(i, layers, cells):
    """Place of cell ``i`` among the sums."""
    return int(cells.well[i]) * layers + min(int(cells.layer[i]), layers - 1)


@row
def weight_of_parts(coarse, fine):
    """What two parts stand for."""
    return float(coarse) / COARSE + float(fine) / (COARSE * FINE)


@row
def add_block(b, n_cells, layers, cells, weights):
    """Sums over the cells of block ``b``."""
    places = weights.total.shape[0]
    arms = weights.total.shape[1]
    for q in range(b * places, (b + 1) * places):
        for k in range(2 * arms):
            weights.block[q, k] = 0
    for i in range(b * ROWS, min((b + 1) * ROWS, n_cells)):
        q = b * places + place_of(i, layers, cells)
        for k in range(arms):
            x = min(float(weights.of[i, k]), MOST) * COARSE
            if x > 0.0:
                coarse = int(x)
                weights.block[q, 2 * k] = int(weights.block[q, 2 * k]) + coarse
                weights.block[q, 2 * k + 1] = int(weights.block[q, 2 * k + 1]) + int((x - coarse) * FINE)


@row
def add_blocks(entry, n_blocks, weights):
    """One entry of ``weights.total``, place times arms plus arm: the sum over the blocks."""
    places = weights.total.shape[0]
    arms = weights.total.shape[1]
    q = entry // arms
    k = entry - q * arms
    coarse, fine = 0, 0
    for b in range(n_blocks):
        coarse += int(weights.block[b * places + q, 2 * k])
        fine += int(weights.block[b * places + q, 2 * k + 1])
    weights.total[q, k] = weight_of_parts(coarse, fine)


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
def joined_parts(numbers, i, a, b, c, d):
    """As :func:`joined`, of numbers in two parts."""
    arms = numbers.shape[1] // 2
    x = a * weight_of_parts(int(numbers[i, 0]), int(numbers[i, 1]))
    if arms > 1:
        x = x + b * weight_of_parts(int(numbers[i, 2]), int(numbers[i, 3]))
    if arms > 2:
        x = x + c * weight_of_parts(int(numbers[i, 4]), int(numbers[i, 5]))
    if arms > 3:
        x = x + d * weight_of_parts(int(numbers[i, 6]), int(numbers[i, 7]))
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
        at = q * places + w * layers
        part = bottom * joined_parts(weights.block, at, a, b, c, d)
        if layers > 1:
            part = part + insert * joined_parts(weights.block, at + 1, a, b, c, d)
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
