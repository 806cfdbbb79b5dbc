"""Cells that still work: alive and with ATP above a threshold, counted one by one by a fluorescent reporter of ATP.

Working is a living cell whose ATP, as the reporter shows it (a log-normal error of 10 % per cell, drawn once), is at least ``threshold``
times that of rest. Shares count all cells that were ever in the well, so that the dead count as not working: no bias by survivors.
The share stands in for functions that need living cells with energy and are not modelled themselves (a barrier, a synapse); the threshold
is a modelling choice, the same for all of them. Tests: ``tests/unit/test_assay_organelles.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_ORGANELLE
from mitoferry.processes.rest import RESTING_ATP

REPORTER = 4  # draw of the stream, per cell


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of all cells ever in the well."""
    rows, every = view.living(), view.per_well(view.ever())
    atp = view.values("atp", rows) / RESTING_ATP
    seen = atp * view.cell_factor(rows, options["error"], ASSAY_ORGANELLE, 0, REPORTER)
    working = ratio(view.per_well(rows, seen >= options["threshold"]), every)
    return {
        "working_fraction": working,
        "failing_fraction": 1.0 - working,
        "relative_atp": view.mean(rows, seen),
        "true_working_fraction": ratio(view.per_well(rows, atp >= options["threshold"]), every),
    }


WORKING = Assay(
    name="working_cells",
    about="share of all cells ever in the well that live and have ATP above a threshold, by a reporter in single cells",
    readouts=(
        Readout("working_fraction", "1", "share of all cells ever in the well that live and have ATP above the threshold"),
        Readout("failing_fraction", "1", "share of all cells ever in the well that have died or lack ATP"),
        Readout("relative_atp", "1", "mean ATP of living cells relative to rest, as the reporter shows it"),
        Readout("true_working_fraction", "1", "share above the threshold, without the error of the reporter", truth=True),
    ),
    read=read,
    options={
        "threshold": Option(0.7, "ATP relative to rest from which a cell works", low=0.01, high=2.0),
        "error": Option(0.1, "error of the reporter in a cell, as a coefficient of variation", high=1.0),
    },
    tables=CELLS,
)
