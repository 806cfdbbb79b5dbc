"""Flow cytometry and confocal microscopy of cells that hold mitochondria of another population.

Signal of a cell = sum over its mitochondria of the colour of the other population, in units of one fully labelled
mitochondrion. The colour is one of

* ``genetic``: the genetic label, conserved, of mitochondria born in a labelled population other than the cell's own;
* ``tracker``: MitoTracker, whoever it was loaded into: it leaks and is taken up again, also by unlabelled mitochondria;
* ``lineage``: mitochondria born in another population, as if each population carried a perfect label of its own.

``auto`` takes the genetic label if another population has one, else the tracker if another population is loaded, else
the lineage (so that the direction of transfer can be read where only one side is labelled). An arm in which no other population
is labelled (without donors, say, but with neighbours of another kind) is read in the colour of the arms in which one is.

Flow adds autofluorescence, b = median exp(s z) per cell with s = 0.5, and calls a cell positive above a gate of
``minimum`` mitochondria. The median is set so that a share ``background`` of a very large arm without donors lies above
the gate (0.2 %, the background in Kidwell 2023 eLife). Two cells that pass the beam together count as one: with a share
``doublets`` times the share of labelled cells in the suspension a cell is positive without having received anything.

Confocal counts labelled mitochondria one by one (detection limit: one) and calls a cell positive from ``minimum`` on;
label out of focus of a cell above or below makes it positive falsely with a chance of ``overlap`` times the cover of
labelled cells on the same surface (0.5-2 % at confluence).

Only living cells are measured. Assumptions: the numbers of this module are modelling choices; the two sides of an
insert are harvested and imaged apart. Tests: ``tests/unit/test_assay_flow.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, born_in, sums_per_cell
from mitoferry.assays.noise import normals, uniforms
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, LABEL_SCALE, Step
from mitoferry.core.streams import ASSAY_FLOW

FULL_LABEL = round(1.0 / LABEL_SCALE)
SPREAD = 0.5  # s of the log-normal autofluorescence
SEEN = 0.1  # label, relative to a fresh one, from which a single mitochondrion is seen
LABELS = ("auto", "genetic", "tracker", "lineage")


def normal_quantile(p: float) -> float:
    """The z with P(Z > z) = ``p``, by bisection of the error function."""
    import math

    low, high = -12.0, 12.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        if 0.5 * math.erfc(middle / math.sqrt(2.0)) > p:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def labels_per_well(view: View, choice: str) -> np.ndarray:
    """Colour read in each well for the measured population: index into :data:`LABELS` (1 genetic, 2 tracker, 3 lineage)."""
    if choice != "auto":
        return np.full(view.n_wells, LABELS.index(choice))
    by_arm, arms = [], view.world.spec.every_arm
    all_others = [[p for p in arm.sources if p.index != view.population] for arm in arms]
    for others in all_others:
        by_arm.append(1 if any(p.genetic_label for p in others) else 2 if any(p.tracker > 0.0 for p in others) else 3)
    if not any(all_others):
        by_arm = [3] * len(by_arm)
    best = min(by_arm, default=3)
    by_arm = [best if not others or b == 3 else b for others, b in zip(all_others, by_arm, strict=True)]  # read like the others
    return np.array(by_arm)[view.world.wells.arm]


def signals(view: View, choice: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per row of cells: signal, number of mitochondria seen in that colour, mitochondria born in another population."""
    world = view.world
    colour = labels_per_well(view, choice)[world.cells.well[: world.n_cells]]
    own = world.cells.population[: world.n_cells].astype(np.int64)

    def quantities(chunk: Chunk) -> list[Any]:
        m = world.mitochondria
        foreign = born_in(world, chunk) != own[chunk.owner]
        which = colour[chunk.owner]
        light = np.where(which == 2, m.dye[chunk.slots], 0).astype(np.int64)
        light += np.where((which == 1) & foreign, m.label[chunk.slots], 0)
        light += np.where((which == 3) & foreign, FULL_LABEL, 0)
        return [light, light >= SEEN * FULL_LABEL, foreign]

    light, seen, foreign = view.once(("signals", colour.tobytes()), lambda: sums_per_cell(world, quantities, 3))
    return light / FULL_LABEL, seen, foreign


def labelled_share(view: View, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per measured cell: share of cells of other populations among those on its surface, and their cover of it."""
    world, c = view.world, view.world.cells
    alive = np.flatnonzero(np.isin(c.state[: world.n_cells], (CELL_LIVE, CELL_MOMP)))
    key = c.well[alive].astype(np.int64) * 2 + np.minimum(c.layer[alive], 1)
    n = 2 * view.n_wells
    other = c.population[alive] != (255 if view.population is None else view.population)
    total = np.bincount(key, minlength=n).astype(np.float64)
    others = np.bincount(key, other.astype(np.float64), minlength=n)
    disc = np.bincount(key, np.where(other, np.pi * c.radius[alive].astype(np.float64) ** 2, 0.0), minlength=n)
    area = np.repeat(world.wells.size[:, 0].astype(np.float64) * world.wells.size[:, 1], 2)
    mine = c.well[rows].astype(np.int64) * 2 + np.minimum(c.layer[rows], 1)
    share, cover = np.nan_to_num(ratio(others, total)), np.minimum(np.nan_to_num(ratio(disc, area)), 1.0)
    return share[mine], cover[mine]


def read_flow(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Positive cells, transferred mitochondria and fluorescence by flow cytometry."""
    world = view.world
    rows = view.living()
    light, _, foreign = (x[rows] for x in signals(view, options["label"]))
    cells, wells = world.cells.id[rows], world.cells.well[rows]
    minimum = float(options["minimum"]) if options["gate"] == "no_donor" else float(options["gate"])
    median = minimum * np.exp(-SPREAD * normal_quantile(float(options["background"]))) if options["background"] > 0.0 else 0.0
    z, _ = normals(world, wells, cells, 0, ASSAY_FLOW, step.step, 0)
    background = median * np.exp(SPREAD * z)
    share, _ = labelled_share(view, rows)
    doublet = uniforms(world, wells, cells, 0, ASSAY_FLOW, step.step, 1)[0] < options["doublets"] * share
    positive = (light + background > minimum) | doublet
    seen = light + background - median * np.exp(0.5 * SPREAD**2)  # less the mean of an arm without donors
    hit = rows[positive]
    return {
        "positive_fraction": view.mean(rows, positive),
        "transferred_per_cell": view.mean(rows, seen),
        "transferred_per_positive": ratio(view.per_well(hit, seen[positive]), view.per_well(hit)),
        "fluorescence": view.mean(rows, light + background),
        "n_measured": view.per_well(rows),
        "true_positive_fraction": view.mean(rows, foreign > 0),
        "true_transferred_per_cell": view.mean(rows, foreign),
    }


def read_confocal(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Positive cells and labelled mitochondria counted one by one."""
    world = view.world
    rows = view.living()
    _, seen, foreign = (x[rows] for x in signals(view, options["label"]))
    _, cover = labelled_share(view, rows)
    wells, cells = world.cells.well[rows], world.cells.id[rows]
    out_of_focus = uniforms(world, wells, cells, 0, ASSAY_FLOW, step.step, 2)[0] < options["overlap"] * cover
    positive = (seen >= options["minimum"]) | out_of_focus
    counted = np.where(out_of_focus & (seen == 0), 1.0, seen)
    hit = rows[positive]
    return {
        "positive_fraction": view.mean(rows, positive),
        "transferred_per_cell": view.mean(rows, counted),
        "transferred_per_positive": ratio(view.per_well(hit, counted[positive]), view.per_well(hit)),
        "n_measured": view.per_well(rows),
        "true_positive_fraction": view.mean(rows, foreign > 0),
        "true_transferred_per_cell": view.mean(rows, foreign),
    }


_TRUE = (
    Readout("n_measured", "cells", "living cells measured"),
    Readout("true_positive_fraction", "1", "share of living cells with a mitochondrion born in another population", truth=True),
    Readout("true_transferred_per_cell", "mitochondria/cell", "mitochondria born in another population per living cell", truth=True),
)
_COMMON = (
    Readout("positive_fraction", "1", "share of living cells called positive"),
    Readout("transferred_per_cell", "mitochondria/cell", "transferred mitochondria per living cell as the instrument sees it"),
    Readout("transferred_per_positive", "mitochondria/cell", "the same per positive cell"),
)
_LABEL = Option("auto", "colour that is read", LABELS)

FLOW = Assay(
    name="flow_mitochondria",
    about="share of cells above the gate of the no-donor arm, by genetic label or leaking dye",
    readouts=(*_COMMON, Readout("fluorescence", "labelled mitochondria", "mean fluorescence of living cells, background included"), *_TRUE),
    read=read_flow,
    options={
        "gate": Option(
            "no_donor", "gate in labelled mitochondria, or no_donor: from the detection limit and the background", ("no_donor",)
        ),
        "background": Option(0.002, "share of cells above the gate in an arm without donors", high=0.5),
        "minimum": Option(3.0, "mitochondria that the instrument detects (2-5 for flow)", low=0.1, high=1000.0),
        "doublets": Option(0.005, "share of events that are two cells", high=0.5),
        "label": _LABEL,
    },
    tables=ORGANELLES,
)
CONFOCAL = Assay(
    name="confocal_mitochondria",
    about="labelled mitochondria counted in single cells; label out of focus makes false positives",
    readouts=(*_COMMON, *_TRUE),
    read=read_confocal,
    options={
        "overlap": Option(0.01, "chance of a false positive under a full cover of labelled cells", high=1.0),
        "minimum": Option(1.0, "labelled mitochondria from which a cell is positive", low=1.0, high=1000.0),
        "label": _LABEL,
    },
    tables=ORGANELLES,
)
