"""Mass and number of mitochondria per living cell, by a stain that does not depend on potential, and by the count of images.

The stain (porin, NAO) is read against the number of cells: a log-normal error of 10 % per well (modelling choice). All mitochondria
of a cell count, those that have come in too. Tests: ``tests/unit/test_assay_signals.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import SUM_MASS, SUM_SCALE, Step
from mitoferry.core.streams import ASSAY_INTENSITY

DRAW = 48


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Mean mass [units] and number of mitochondria of living cells."""
    rows = view.living()
    mass = view.world.cells.sums[rows, :, SUM_MASS].sum(axis=1) * SUM_SCALE
    error = view.well_factor(options["error"], ASSAY_INTENSITY, step.step, DRAW)
    number = view.mean(rows, view.values("n_mitochondria", rows))
    return {"mass_per_cell": view.mean(rows, mass) * error, "number_per_cell": number * error, "true_number_per_cell": number}


MASS = Assay(
    name="mitochondrial_mass",
    about="mass and number of mitochondria per living cell, whatever their potential and origin",
    readouts=(
        Readout("mass_per_cell", "units/cell", "mass of mitochondria per living cell, 1 unit = a mitochondrion of average size"),
        Readout("number_per_cell", "mitochondria/cell", "mitochondria per living cell as counted"),
        Readout("true_number_per_cell", "mitochondria/cell", "mitochondria per living cell", truth=True),
    ),
    read=read,
    options={"error": Option(0.1, "error of a well, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
