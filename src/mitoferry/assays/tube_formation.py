"""Tubes of endothelium on a gel, crawling, and engraftment.

Two living endothelial cells of a layer are joined where the gap between their outlines is at most the sum of their sprouts (plus the
option ``reach``): the network is measured, not computed from scores. Of all joins the shortest that connect each group (minimum spanning
forest) count as tubes, so that a dense clump does not grow a tangle; tube length is the sum of the distances between the centres of joined
cells over the area of the well. ``network_share`` is the share of endothelial cells in the largest group; ``branch_points`` are cells with
three tubes or more. A projected picture: in a block tubes are measured in three dimensions.

``speed`` (also of the assay ``migration``, for any cell) is the root mean square of the cells' own velocity times all that scales it: what
a tracked movie would give; drift up a gradient and pushes are left out. ``engrafted_fraction`` counts cells that the process ``vessel``
has joined to a bed that is not in the model.

Modelling choices: the rule of joining. Tests: ``tests/unit/test_assay_fates.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.nodes import NODE_MOTILITY, NODE_TEMPERATURE
from mitoferry.core.schema import Step
from mitoferry.space.geometry import BLOCK

DENSITY = 1000.0  # mm/mm^2 of 1 um/um^2


def joins(world: Any, rows: np.ndarray, well: int, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (places in ``rows``) whose sprouts reach one another, with the distance of their centres [um]."""
    c, size = world.cells, world.wells.size[well].astype(np.float64)
    position = np.column_stack([c.x[rows], c.y[rows], c.z[rows]]).astype(np.float64)
    if int(world.wells.geometry[well]) != BLOCK:
        position[:, 2] = 0.0
    a, b = np.triu_indices(len(rows), 1)
    apart = position[a] - position[b]
    if int(world.wells.periodic[well]):
        apart -= size * np.round(apart / np.where(size > 0.0, size, 1.0))
    distance = np.sqrt((apart**2).sum(axis=1))
    radius, sprout = c.radius[rows].astype(np.float64), c.sprout[rows].astype(np.float64)
    near = distance <= radius[a] + radius[b] + sprout[a] + sprout[b] + reach
    near &= c.layer[rows][a] == c.layer[rows][b]
    return a[near], b[near], distance[near]


def forest(n: int, a: np.ndarray, b: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimum spanning forest (Kruskal): numbers of its edges, and the group of each of the ``n`` nodes."""
    parent = np.arange(n)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    kept = []
    for e in np.lexsort((b, a, length)):
        i, j = root(int(a[e])), root(int(b[e]))
        if i != j:
            parent[max(i, j)] = min(i, j)
            kept.append(int(e))
    return np.array(kept, dtype=int), np.array([root(i) for i in range(n)], dtype=int)


def speeds(view: View, rows: np.ndarray) -> np.ndarray:
    """Square of the own velocity of cells, with what scales it [um^2/h^2]."""
    world, c = view.world, view.world.cells
    nodes = world.groups.nodes[c.group[rows]].astype(np.float64)
    factor = np.maximum(nodes[:, NODE_MOTILITY] * np.minimum(nodes[:, NODE_TEMPERATURE], 1.0), 0.0) * view.values("motility", rows)
    square = sum(view.values(u, rows) ** 2 for u in ("ux", "uy", "uz"))
    return np.asarray(factor**2 * square, np.float64)


def read_migration(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Root mean square speed of living cells."""
    rows = view.living()
    return {"speed": np.sqrt(view.mean(rows, speeds(view, rows)))}


def read_tubes(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Length and shape of the network of the endothelial cells of each well."""
    world, c = view.world, view.world.cells
    living = view.living()
    rows = living[world.groups.angiogenic[c.group[living]] > 0.0]
    length, branches, largest = np.zeros(view.n_wells), np.zeros(view.n_wells), np.full(view.n_wells, np.nan)
    for w in np.unique(c.well[rows]):
        mine = rows[c.well[rows] == w]
        a, b, distance = joins(world, mine, int(w), float(options["reach"]))
        kept, group = forest(len(mine), a, b, distance)
        area = float(world.wells.size[w, 0]) * float(world.wells.size[w, 1])
        length[w] = DENSITY * float(distance[kept].sum()) / area
        degree = np.bincount(np.concatenate([a[kept], b[kept]]), minlength=len(mine)) if kept.size else np.zeros(len(mine))
        branches[w] = float((degree >= 3).sum())
        largest[w] = float(np.bincount(group).max()) / len(mine)
    every = view.rows()
    every = every[world.groups.angiogenic[c.group[every]] > 0.0]
    return {
        "tube_length": length,
        "branch_points": branches,
        "network_share": largest,
        "sprout_length": view.mean(rows, view.values("sprout", rows)),
        "speed": np.sqrt(view.mean(rows, speeds(view, rows))),
        "engrafted_fraction": ratio(view.per_well(rows, view.values("engrafted", rows)), view.per_well(every)),
    }


TUBES = Assay(
    name="tube_formation",
    about="tubes that endothelial cells form by sprouts that reach one another, their crawling and engraftment",
    readouts=(
        Readout("tube_length", "mm/mm^2", "length of tubes per area"),
        Readout("branch_points", "cells", "cells from which three tubes or more lead"),
        Readout("network_share", "1", "share of the endothelial cells in the largest network"),
        Readout("sprout_length", "um", "mean length of the sprout of a cell"),
        Readout("speed", "um/h", "root mean square speed of crawling"),
        Readout("engrafted_fraction", "1", "share of all endothelial cells ever there that live and have engrafted"),
    ),
    read=read_tubes,
    options={"reach": Option(0.0, "further gap that a tube bridges [um]", high=100.0)},
    tables=CELLS,
)
MIGRATION = Assay(
    name="migration",
    about="speed of crawling of living cells, as tracked in a movie",
    readouts=(Readout("speed", "um/h", "root mean square speed of crawling"),),
    read=read_migration,
    tables=CELLS,
)
