"""What ``world.space`` holds, and how it is made: the bins of neighbours and, beside them, the field grid of the world."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.schema import Step
from mitoferry.space.grid import allocate_fields
from mitoferry.space.neighbours import allocate_neighbours, update_neighbours


class Space:
    """Where things are: held in ``world.space``.

    Attributes:
        neighbours: the bins, up to date after the process ``motion`` (``space/neighbours.py``).
        scratch: work arrays of motion and diffusion, by name; nothing in them outlives a step.
        wide: whether the fields are advanced by short launches over all voxels (``space/wide.py``); None: where the backend is a GPU.
    """

    def __init__(self, neighbours: Any) -> None:
        self.neighbours = neighbours
        self.scratch: dict[str, Any] = {}
        self.wide: bool | None = None
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
            rows = ("member", "x", "y", "radius", "place")
            self.neighbours = self.neighbours._replace(**{name: np.zeros(n, getattr(self.neighbours, name).dtype) for name in rows})
            world.backend.replaced(self.neighbours)
            self.scratch.clear()
        if world.fields is not None and len(world.fields.release) < n:
            release = np.zeros((n, world.fields.release.shape[1]), dtype=np.float32)
            world.backend.enlarge(world.fields.release, release)
            world.fields = world.fields._replace(release=release)
            self._fields = world.fields
            world.backend.replaced(world.fields)


def build_space(world: Any) -> Space:
    """The neighbour grid, sorted, and the field grid, filled with the medium, of a world that has its cells.

    Bins are as wide as the cells of their own well ask for: what a well does must not depend on the rest of the plate.
    """
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
