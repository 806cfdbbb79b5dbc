"""T cell phenotype by intracellular staining: FOXP3, T-bet, RORgt, IL-17, CTLA4, IL2RA, and exhaustion of CD8 cells.

FOXP3 goes with the Treg character of a cell, T-bet with Th1, RORgt and IL-17 with Th17 (``t_cell_fate``). CTLA4 is that of Treg and a
third of that of exhausted cells; IL2RA that of Treg and a third of that of the other stimulated fates (modelling choices). Each marker has
an error of 10 % per well. Tests: ``tests/unit/test_assay_immunity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import EXHAUSTION, TH1, TH17, TREG, Step
from mitoferry.core.streams import ASSAY_IMMUNE

FIRST_DRAW = 80
BESIDE = 1.0 / 3.0
MARKERS = ("foxp3", "tbet", "ror_gamma_t", "il_17_positive", "ctla4", "il2ra", "exhaustion")


def markers(state: np.ndarray) -> dict[str, np.ndarray]:
    """Markers of cells from their characters, float64 [cells, 4]."""
    treg, th1, th17, tired = (state[:, k] for k in (TREG, TH1, TH17, EXHAUSTION))
    return {
        "foxp3": treg, "tbet": th1, "ror_gamma_t": th17, "il_17_positive": th17, "ctla4": np.maximum(treg, BESIDE * tired),
        "il2ra": treg + BESIDE * (th1 + th17), "exhaustion": tired,
    }  # fmt: skip


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Mean markers of the living T cells."""
    rows = view.living()
    g = view.world.cells.group[rows]
    rows = rows[(view.world.groups.t_helper[g] > 0.0) | (view.world.groups.cytotoxic[g] > 0.0)]
    state = np.asarray(view.world.cells.t_cell[rows], np.float64)
    return {
        name: view.mean(rows, value) * view.well_factor(options["error"], ASSAY_IMMUNE, step.step, FIRST_DRAW + k)
        for k, (name, value) in enumerate(markers(state).items())
    }


T_CELL_PHENOTYPE = Assay(
    name="t_cell_phenotype",
    about="transcription factors and markers of T cells by staining",
    readouts=(
        Readout("foxp3", "1", "FOXP3: regulatory T cells"),
        Readout("tbet", "1", "T-bet: Th1"),
        Readout("ror_gamma_t", "1", "RORgt: Th17"),
        Readout("il_17_positive", "1", "cells that stain for IL-17"),
        Readout("ctla4", "1", "CTLA4"),
        Readout("il2ra", "1", "IL2RA (CD25)"),
        Readout("exhaustion", "1", "exhaustion of cytotoxic T cells (PD-1, TIM-3)"),
    ),
    read=read,
    options={"error": Option(0.1, "error of a staining, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
