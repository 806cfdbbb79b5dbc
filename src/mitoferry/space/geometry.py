"""Shapes of a well, and what happens at its borders.

A dish is a plane with cells in one layer; a dish with an insert has two planes, layer 0 on the bottom and layer 1 on
the membrane, whose cells never touch; a block of tissue is three-dimensional. Borders are periodic (all that leaves on
one side enters on the other) or walls (a cell is reflected).

What ``world.space`` holds is made in ``space/build.py``.
"""

from __future__ import annotations

import math

from mitoferry.core.row import row

DISH, INSERT, BLOCK = 0, 1, 2
GEOMETRY_NAMES = ("dish", "insert", "block")
INSERT_LAYER_HEIGHT = 1000.0  # um: height of the membrane above the bottom, for drawing


def n_layers(kind: int) -> int:
    """Layers that hold cells: 2 with an insert, else 1."""
    return 2 if kind == INSERT else 1


def layer_height(kind: int, layer: int) -> float:
    """Height [um] at which a cell of ``layer`` sits in a dish or on an insert."""
    return INSERT_LAYER_HEIGHT if kind == INSERT and layer == 1 else 0.0


@row
def can_touch(geometry, layer_a, layer_b):
    """Whether cells of two layers of a well can touch: the membrane of an insert parts them."""
    return geometry != INSERT or layer_a == layer_b


@row
def place(x, size, periodic):
    """The coordinate ``x`` [um] brought back into [0, size): wrapped, or reflected at the walls."""
    if x >= 0.0 and x < size:
        return x
    if periodic != 0:
        return x - size * math.floor(x / size)
    turns = x / (2.0 * size)
    x = 2.0 * size * (turns - math.floor(turns))
    if x >= size:
        x = 2.0 * size - x
    return max(min(x, size), 0.0)


@row
def mirrored(x, size, periodic):
    """-1.0 if the walls turn round the motion of a cell that would be at ``x`` [um], else 1.0."""
    if periodic != 0 or (x >= 0.0 and x < size):
        return 1.0
    turns = x / (2.0 * size)
    if turns - math.floor(turns) >= 0.5 or x < 0.0:
        return -1.0
    return 1.0
