"""What is simulated: cells of one size in a close-packed ball in the middle of a cube of tissue with one substrate.

The sizes, packing, substrate and faces are those with which PhysiCell 1.14.2 and paraPhysiCell were timed (docs/performance.md); uptake,
push and pull are PhysiCell's usual values, which do not change the work. Cells of radius 8.41 um at 0.95 of
the distance at which they just touch, voxels of 20 um, diffusion 1e5 um^2/min, decay 0.1/min, 38 at the faces, uptake 10/min of the
volume of a cell, repulsion 10 um/min, adhesion 0.4 um/min to 1.25 times the radii. 60 voxels a side go with 1e5 cells; the box grows in
proportion.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.space.packed import Potential

REFERENCE_CELLS, REFERENCE_SIDE = 100_000, 60
FEWEST_CELLS, MOST_CELLS = 100, 20_000_000
ROW_HEIGHT, LAYER_HEIGHT = math.sqrt(3.0) / 2.0, math.sqrt(6.0) / 3.0  # of a close packing, per distance of centres


class Workload(NamedTuple):
    """The ball and the box. Lengths um, times min.

    Attributes:
        cells: number of cells.
        side: voxels along each axis.
        jitter: each coordinate of a cell is moved by up to this, at random [um]: cells then push one another about.
    """

    cells: int
    side: int
    jitter: float = 0.0
    radius: float = 8.41
    packing: float = 0.95
    voxel: float = 20.0
    diffusion: float = 1e5
    decay: float = 0.1
    face: float = 38.0
    uptake: float = 10.0
    repulsion: float = 10.0
    adhesion: float = 0.4
    multiple: float = 1.25

    @property
    def potential(self) -> Potential:
        """How cells push and stick."""
        return Potential(self.repulsion, self.adhesion, self.multiple)

    @property
    def share(self) -> float:
        """Share of a voxel's amount that a cell takes up per minute."""
        return self.uptake * 4.0 / 3.0 * math.pi * self.radius**3 / self.voxel**3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        return self.side, self.side, self.side

    @property
    def edge(self) -> tuple[float, float, float]:
        """Edges of a voxel [um]."""
        return self.voxel, self.voxel, self.voxel


def workload_for(cells: int = REFERENCE_CELLS, *, jitter: float = 0.0) -> Workload:
    """The workload of ``cells`` cells, in a box in proportion to that of 1e5 cells.

    Raises:
        InputError: too few or too many cells, or more jitter than a radius.
    """
    if not FEWEST_CELLS <= cells <= MOST_CELLS:
        raise InputError(Problem("--cells", "cells", f"a whole number of {FEWEST_CELLS:,} to {MOST_CELLS:,}", f"{cells:,}"))
    found = Workload(cells, math.ceil(REFERENCE_SIDE * (cells / REFERENCE_CELLS) ** (1.0 / 3.0)), float(jitter))
    if not 0.0 <= jitter <= found.radius:
        raise InputError(Problem("--jitter", "jitter", f"0 to {found.radius} um", f"{jitter}"))
    if cells == 10 * REFERENCE_CELLS:
        return found._replace(side=110)  # as the others were timed
    return found


def ball(work: Workload) -> Any:
    """float64 [cells, 3]: the places of a close packing that lie next to the middle of the box [um]."""
    distance = 2.0 * work.radius * work.packing
    radius = (work.cells * 3.0 / (4.0 * math.pi * math.sqrt(2.0))) ** (1.0 / 3.0)  # in distances of centres
    reach = [math.ceil(radius / height) + 2 for height in (1.0, ROW_HEIGHT, LAYER_HEIGHT)]
    i, j, k = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    odd = k % 2
    places = np.stack([i + 0.5 * ((j + odd) % 2), ROW_HEIGHT * (j + odd / 3.0), LAYER_HEIGHT * k], axis=-1).reshape(-1, 3)
    inside = places[(places**2).sum(axis=1) < (radius + 2.0) ** 2]
    nearest = np.argsort((inside**2).sum(axis=1), kind="stable")[: work.cells]
    places = inside[np.sort(nearest)] * distance + 0.5 * work.side * work.voxel
    if work.jitter > 0.0:
        places = places + np.random.default_rng(1).uniform(-work.jitter, work.jitter, places.shape)
    return places
