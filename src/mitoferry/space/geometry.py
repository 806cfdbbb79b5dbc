"""Shapes of a well, and what happens at its borders.

A dish is a plane with cells in one layer; a dish with an insert has two planes, layer 0 on the bottom and layer 1 on
the membrane, whose cells never touch; a block of tissue is three-dimensional. Borders are periodic (all that leaves on
one side enters on the other) or walls (a cell is reflected).

:class:`Space` is what ``world.space`` holds; :func:`build_space` makes it, with the field grid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

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


class Space:
    """Where things are: held in ``world.space``.

    Attributes:
        neighbours: the bins, up to date after the process ``motion`` (``space/neighbours.py``).
        scratch: work arrays of motion and diffusion, by name; nothing in them outlives a step.
    """

    def __init__(self, neighbours: Any) -> None:
        self.neighbours = neighbours
        self.scratch: dict[str, Any] = {}
        self._fields: Any = None

    @property
    def release(self) -> Any:
        """float32 [rows of cells, N_SPECIES]: what cells release, amount per second; emptied by ``diffusion``.

        amol/s for species in uM or mM, ag/s for cytokines, a.u. um^3/s for the others. The same array as
        ``world.fields.release``: get it anew in every step, it grows with the cells table.
        """
        return self._fields.release

    def fit(self, world: Any) -> None:
        """Give the arrays that go with cells as many rows as the cells table has."""
        n = len(world.cells.id)
        self._fields = world.fields
        if len(self.neighbours.member) < n:
            world.backend.pull(self.neighbours)
            rows = ("member", "x", "y", "radius", "place")
            self.neighbours = self.neighbours._replace(**{name: np.zeros(n, getattr(self.neighbours, name).dtype) for name in rows})
            self.scratch.clear()
        if world.fields is not None and len(world.fields.release) < n:
            world.backend.pull(world.fields)
            release = np.zeros((n, world.fields.release.shape[1]), dtype=np.float32)
            release[: len(world.fields.release)] = world.fields.release
            world.fields = world.fields._replace(release=release)
            self._fields = world.fields
            world.backend.push(world.fields)


def build_space(world: Any) -> Space:
    """The neighbour grid, sorted, and the field grid, filled with the medium, of a world that has its cells.

    Bins are as wide as the cells of their own well ask for: what a well does must not depend on the rest of the plate.
    """
    from mitoferry.core.schema import Step
    from mitoferry.space.grid import allocate_fields
    from mitoferry.space.neighbours import allocate_neighbours, update_neighbours

    world.backend.pull(world.cells, world.wells)
    largest = np.zeros(world.n_wells)
    np.maximum.at(largest, world.cells.well[: world.n_cells], world.cells.radius[: world.n_cells])
    np.maximum.at(largest, world.groups.well, world.groups.radius)
    space = Space(allocate_neighbours(world.wells, len(world.cells.id), largest_radius=largest))
    world.space = space
    if world.fields is None:
        voxels = [arm.geometry.voxel for arm in world.spec.arms for _ in range(world.spec.replicates)]
        world.fields = allocate_fields(world.wells, len(world.cells.id), voxels)
    update_neighbours(world, Step(0, 0, 0.0, 0.0))
    return space
