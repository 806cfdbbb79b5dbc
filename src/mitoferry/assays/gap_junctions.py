"""Plaques of connexin 43 counted by stain, and annular vesicles that cells have swallowed.

The number of plaques of a cell is the sum over the living cells that it touches of ``plaques_per_length`` x length of the contact x
connexin 43 of both, as the process ``gap_junction`` has it (a plaque counts for either cell); its parameters are those of the run.
A stain is read with a log-normal error of 15 % per well (modelling choice). Swallowed vesicles are those of ``gap_junction``, without and
with a mitochondrion; 0 where it is switched off. Tests: ``tests/unit/test_assay_order.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_COUNT
from mitoferry.processes.connexin43 import docking
from mitoferry.processes.contacts import contact_length
from mitoferry.space.geometry import BLOCK
from mitoferry.space.neighbours import minimum_image

DRAW = 200


def plaques(view: View) -> np.ndarray:
    """Plaques of every row of the table of cells, expected number; float64 [n_cells]."""
    world, c = view.world, view.world.cells
    number = np.zeros(world.n_cells)
    per_length = float(world.spec.parameters["gap_junction.plaques_per_length"])
    gap = float(world.spec.parameters["gap_junction.contact_gap"])
    every = View(world, None).living()
    strength = np.array([max(docking(int(i), c, world.groups) * float(c.akt[i]), 0.0) for i in every])
    for w in range(view.n_wells):
        here = c.well[every] == w
        rows, own = every[here], strength[here]
        periodic, block = int(world.wells.periodic[w]), int(world.wells.geometry[w]) == BLOCK
        for k, i in enumerate(rows):
            reach = c.radius[i] + c.radius[rows] + gap
            near = np.flatnonzero((c.layer[rows] == c.layer[i]) & (rows != i))
            for j in near:
                square = 0.0
                for axis, name in enumerate(("x", "y", "z") if block else ("x", "y")):
                    column = getattr(c, name)
                    d = minimum_image(float(column[rows[j]]) - float(column[i]), float(world.wells.size[w, axis]), periodic)
                    square += d * d
                if square < float(reach[j]) ** 2:
                    length = contact_length(square**0.5, float(c.radius[i]), float(c.radius[rows[j]]), gap)
                    number[i] += per_length * length * own[k] * own[j]
    return number


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Plaques and swallowed vesicles per living cell."""
    rows = view.living()
    error = view.well_factor(options["error"], ASSAY_COUNT, step.step, DRAW)
    true = view.mean(rows, plaques(view)[rows])
    made = np.zeros((view.world.n_cells, 2))
    swallowed = view.world.extra.get("gap_junction.vesicles")
    if swallowed is not None:
        view.world.backend.pull(swallowed)
        made[: len(swallowed)] = swallowed[: view.world.n_cells]
    cells = view.per_well(rows)
    return {
        "plaques_per_cell": error * true,
        "swallowed_per_cell": ratio(view.per_well(rows, made[rows].sum(axis=1)), cells),
        "swallowed_with_mitochondrion": ratio(view.per_well(rows, made[rows, 1]), cells),
        "true_plaques_per_cell": true,
    }


GAP_JUNCTIONS = Assay(
    name="gap_junctions",
    about="plaques of connexin 43 between touching cells, and vesicles made of them",
    readouts=(
        Readout("plaques_per_cell", "plaques/cell", "plaques of connexin 43 per living cell"),
        Readout("swallowed_per_cell", "vesicles/cell", "annular vesicles swallowed so far per living cell"),
        Readout("swallowed_with_mitochondrion", "vesicles/cell", "of these, with a mitochondrion of the other cell"),
        Readout("true_plaques_per_cell", "plaques/cell", "plaques per living cell, without error", truth=True),
    ),
    read=read,
    options={"error": Option(0.15, "error of the stain per well, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
