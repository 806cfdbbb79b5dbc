"""ATP by luciferase: lyse the well, divide by the viable cells.

Total = sum of ATP x cytosol over all cells with a closed membrane, dying ones included (mM x pL = fmol). The number per
cell divides by cells that a dye-exclusion count calls viable. Survivor bias: cells that died take no part, so a
treatment that kills the weakest raises ATP per cell; the total and the number per seeded cell stand beside it.
Errors of the well 5 % and of the count 5 % (modelling choices). Tests: ``tests/unit/test_assay_intensity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, CELL_MOMP, Step
from mitoferry.core.streams import ASSAY_INTENSITY


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """ATP of the measured cells, total and per cell."""
    rows, living = view.rows(CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC), view.living()
    content = view.values("atp", rows) * view.values("volume", rows)
    total = view.per_well(rows, content) * view.well_factor(options["well_error"], ASSAY_INTENSITY, step.step, 2)
    counted = view.per_well(living) * view.well_factor(options["count_error"], ASSAY_INTENSITY, step.step, 3)
    return {
        "atp_per_cell": ratio(total, counted),
        "atp_total": total,
        "atp_per_seeded": ratio(total, view.per_well(view.ever())),
        "atp_concentration": view.mean(living, view.values("atp", living)),
    }


ATP = Assay(
    name="atp_luminescence",
    about="ATP of all cells over the viable ones; cells that died take no part (survivor bias)",
    readouts=(
        Readout("atp_per_cell", "fmol/cell", "total ATP over viable cells"),
        Readout("atp_total", "fmol", "total ATP"),
        Readout("atp_per_seeded", "fmol/cell", "total ATP over all cells that were ever in the well"),
        Readout("atp_concentration", "mM", "mean cytosolic ATP of living cells", truth=True),
    ),
    read=read,
    options={
        "well_error": Option(0.05, "error of lysis and pipetting, as a coefficient of variation", high=1.0),
        "count_error": Option(0.05, "error of the cell count, as a coefficient of variation", high=1.0),
    },
    tables=CELLS,
)
