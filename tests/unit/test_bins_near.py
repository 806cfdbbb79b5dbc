"""Bins that a cell reaches: all cells within reach are met, in the order of a walk through all bins around, and fewer bins are looked at.

Faults seen to fail it, planted in a copy of the package: the bin before left out where the cell is near its border, a span of all
three bins of a periodic axis cut, the largest radius of the cell looked at instead of that of its well.
"""

import numpy as np
import pytest

from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import Step
from mitoferry.space.neighbours import bin_line, bins_around, bins_near, members, minimum_image, update_neighbours
from worlds import make_world, population


def met(i, span, neighbours):
    y0, my, z0, mz, lines = span
    found = []
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                found += neighbours.member[lo:hi].tolist()
    return found


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    ("kind", "size"), [("dish", (400.0, 260.0)), ("dish", (100.0, 65.0)), ("insert", (200.0, 160.0)), ("block", (190.0, 130.0))]
)
def test_all_within_reach_are_met_in_the_same_order(kind, size, periodic):
    geometry = Geometry(kind=kind, size=(*size, 160.0), periodic=periodic, voxel=20.0, pore=0.4)
    crowd = [population("recipient", 0, 90), population("donor", 1, 60, layer=1 if kind == "insert" else 0)]
    world = make_world(crowd, arms=2, with_space=True, geometry=geometry)
    cells, wells, neighbours = world.cells, world.wells, world.space.neighbours
    rng = np.random.default_rng(3)
    looked = skipped = 0
    for _ in range(3):
        rows = np.flatnonzero(cells.bin[: world.n_cells] >= 0)
        for k, column in enumerate((cells.x, cells.y, cells.z)):
            column[rows] = rng.uniform(0.0, wells.size[cells.well[rows], k])
        cells.radius[rows] = rng.uniform(5.0, 11.0, rows.size)
        update_neighbours(world, Step(0, 0, 0.0, 60.0))
        for w in range(world.n_wells):
            assert neighbours.largest[w] == cells.radius[rows[cells.well[rows] == w]].max()
        for i in rows:
            w = int(cells.well[i])
            reach = float(cells.radius[i]) + float(neighbours.largest[w])
            every = met(i, bins_around(i, cells, wells, neighbours), neighbours)
            near = met(i, bins_near(i, reach, cells, wells, neighbours), neighbours)
            axes = 3 if kind == "block" else 2
            apart = [
                [
                    minimum_image(float(c[i]) - float(c[j]), float(wells.size[w, k]), periodic)
                    for k, c in enumerate((cells.x, cells.y, cells.z)[:axes])
                ]
                for j in every
            ]
            within = {j for j, d in zip(every, apart, strict=True) if np.linalg.norm(d) <= reach}
            assert within <= set(near)
            assert near == [j for j in every if j in set(near)]  # the same order, each once
            looked, skipped = looked + len(every), skipped + len(every) - len(near)
    if min(neighbours.shape[0, :2]) > 3:
        assert skipped > 0.2 * looked
