"""Macrophage phenotype by surface markers: where the cells stand between M1 (CD80, CD86) and M2 (CD163, CD206).

Position x = 2 m2_share - 1 + shift (``macrophage_polarisation``). A cell counts as M1 below -``gate``, as M2 above it; staining has an
error of 10 % per cell on the axis (modelling choice). Cells that are no macrophages are left out. Tests:
``tests/unit/test_assay_immunity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_IMMUNE

FIRST_DRAW = 64


def axis(view: View, rows: np.ndarray) -> np.ndarray:
    """True position of macrophages between M1 (-1) and M2 (+1)."""
    groups = view.world.groups
    g = view.world.cells.group[rows]
    return 2.0 * np.asarray(groups.m2_share[g], np.float64) - 1.0 + view.values("polarisation", rows)


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Mean position and shares of M1 and M2 among the living macrophages."""
    rows = view.living()
    rows = rows[view.world.groups.macrophage[view.world.cells.group[rows]] > 0.0]
    x = axis(view, rows)
    seen = x + np.log(view.cell_factor(rows, options["error"], ASSAY_IMMUNE, step.step, FIRST_DRAW))
    return {
        "polarisation": view.mean(rows, seen),
        "m1_fraction": view.mean(rows, seen < -options["gate"]),
        "m2_fraction": view.mean(rows, seen > options["gate"]),
        "true_polarisation": view.mean(rows, x),
    }


MACROPHAGE_PHENOTYPE = Assay(
    name="macrophage_phenotype",
    about="surface markers of macrophages: M1 or M2",
    readouts=(
        Readout("polarisation", "1", "mean position between M1 (-1) and M2 (+1)"),
        Readout("m1_fraction", "1", "share of macrophages that stain as M1"),
        Readout("m2_fraction", "1", "share of macrophages that stain as M2"),
        Readout("true_polarisation", "1", "mean position without error", truth=True),
    ),
    read=read,
    options={
        "gate": Option(0.3, "distance from the middle beyond which a cell counts as M1 or M2", high=1.0),
        "error": Option(0.1, "error of staining on the axis", high=1.0),
    },
    tables=CELLS,
)
