"""Nanotubes counted in the microscope.

A tube is seen with the chance p = d/(d + d_half) . L^2/(L^2 + L_half^2): thin tubes fall below the contrast, short ones
hide between touching cells, and only what hangs free of the substrate is told from a protrusion (an optical section of
a monolayer; d_half 0.05 um and L_half 2 um are modelling choices). Whether a given tube is seen is drawn once in its
life, so that counts at successive times agree. Growing filopodia and plaques of connexin are not nanotubes.

Of the whole well: all tubes over all living cells. Of a population: tubes with an end on one of its cells over its
living cells. Origin is the share of the tubes between a donor and a recipient that the donor began (``from_donor_fraction``), or that
the measured population began (``begun_fraction``; of the whole well: the donor). ``rarer_class_fraction`` is the share of thick or thin
tubes, whichever are fewer: above 0 only if both classes are there.

Tests: ``tests/unit/test_assay_links.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.assays.noise import uniforms
from mitoferry.core.schema import KIND_ARTIFICIAL, KIND_DENDRITE, KIND_NANOTUBE, LINK_CAPPED, LINK_CLOSED, LINK_OPEN, Step
from mitoferry.core.streams import ASSAY_COUNT

DIAMETER_HALF = 0.05  # um
LENGTH_HALF = 2.0  # um
TUBES = (KIND_NANOTUBE, KIND_DENDRITE, KIND_ARTIFICIAL)


def detectability(diameter: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Chance that a tube of this diameter and length [um] is seen."""
    d, square = np.asarray(diameter, np.float64), np.asarray(length, np.float64) ** 2
    return d / (d + DIAMETER_HALF) * square / (square + LENGTH_HALF**2)


def tubes(view: View) -> np.ndarray:
    """Rows of links that are nanotubes (grown, of whatever end) and touch a measured cell."""
    world = view.world
    k, n = world.links, world.n_links
    grown = np.isin(k.state[:n], (LINK_CLOSED, LINK_CAPPED, LINK_OPEN)) & np.isin(k.kind[:n], TUBES)
    found = np.flatnonzero(grown & (k.a[:n] >= 0) & (k.b[:n] >= 0))
    if view.population is None:
        return found
    population = world.cells.population
    return found[(population[k.a[found]] == view.population) | (population[k.b[found]] == view.population)]


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Counts, lengths and origin of nanotubes per well."""
    world, k = view.world, view.world.links
    every = tubes(view)
    seen = every
    if options["detect"] == "visible":
        u = uniforms(world, k.well[every], k.id_a[every], k.id[every], ASSAY_COUNT, 0)[0]
        seen = every[u < detectability(k.diameter[every], k.length[every])]

    def count(rows: np.ndarray, weights: Any = None) -> np.ndarray:
        w = None if weights is None else np.asarray(weights, np.float64)
        return np.bincount(k.well[rows], w, minlength=view.n_wells).astype(np.float64)

    cells = view.per_well(view.living())
    donor = world.groups.donor[world.cells.group] == 1
    mixed = seen[donor[k.a[seen]] != donor[k.b[seen]]]
    number, thick = count(seen), count(seen, k.thick[seen] == 1)
    began = donor[k.a[mixed]] if view.population is None else world.cells.population[k.a[mixed]] == view.population
    in_thick, in_thin = count(seen, k.n_cargo[seen] * (k.thick[seen] == 1)), count(seen, k.n_cargo[seen] * (k.thick[seen] == 0))
    return {
        "tubes_per_cell": ratio(number, cells),
        "tubes_per_100_cells": 100.0 * ratio(number, cells),
        "thick_per_cell": ratio(thick, cells),
        "thin_per_cell": ratio(number - thick, cells),
        "open_per_cell": ratio(count(seen, k.state[seen] == LINK_OPEN), cells),
        "open_fraction": ratio(count(seen, k.state[seen] == LINK_OPEN), number),
        "rarer_class_fraction": ratio(np.minimum(thick, number - thick), number),
        "between_types_per_cell": ratio(count(mixed), cells),
        "mean_length": ratio(count(seen, k.length[seen]), number),
        "mean_diameter": ratio(count(seen, k.diameter[seen]), number),
        "from_donor_fraction": ratio(count(mixed, donor[k.a[mixed]]), count(mixed)),
        "begun_fraction": ratio(count(mixed, began), count(mixed)),
        "n_tubes": number,
        "cargo_per_tube": ratio(in_thick + in_thin, number),
        "cargo_per_thick_tube": ratio(in_thick, thick),
        "cargo_per_thin_tube": ratio(in_thin, number - thick),
        "true_tubes_per_cell": ratio(count(every), cells),
    }


NANOTUBES = Assay(
    name="nanotube_count",
    about="nanotubes seen between cells; thin and short ones are often missed",
    readouts=(
        Readout("tubes_per_cell", "tubes/cell", "nanotubes seen over living cells"),
        Readout("tubes_per_100_cells", "tubes/100 cells", "the same per 100 living cells"),
        Readout("thick_per_cell", "tubes/cell", "thick ones, with microtubules"),
        Readout("thin_per_cell", "tubes/cell", "thin ones, actin only"),
        Readout("open_per_cell", "tubes/cell", "open-ended ones"),
        Readout("open_fraction", "1", "share of the tubes that are open-ended"),
        Readout("rarer_class_fraction", "1", "share of the thick or of the thin tubes, whichever are fewer"),
        Readout("between_types_per_cell", "tubes/cell", "those between a donor and a recipient"),
        Readout("mean_length", "um", "mean length of those seen"),
        Readout("mean_diameter", "um", "mean diameter of those seen"),
        Readout("from_donor_fraction", "1", "share of the tubes between donor and recipient that the donor began"),
        Readout(
            "begun_fraction",
            "1",
            "share of the tubes between donor and recipient that the measured population began; of the well: the donor",
        ),
        Readout("n_tubes", "tubes", "tubes seen in the well"),
        Readout("cargo_per_tube", "mitochondria/tube", "mitochondria inside those seen"),
        Readout("cargo_per_thick_tube", "mitochondria/tube", "mitochondria inside a thick tube"),
        Readout("cargo_per_thin_tube", "mitochondria/tube", "mitochondria inside a thin tube"),
        Readout("true_tubes_per_cell", "tubes/cell", "all tubes over living cells", truth=True),
    ),
    read=read,
    options={"detect": Option("visible", "count those that a microscope shows, or all", ("visible", "all"))},
    of="well",
    tables=(*CELLS, "links"),
)
