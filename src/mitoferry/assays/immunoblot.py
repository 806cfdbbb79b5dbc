"""Signals of a lysate: NF-kB, TNFAIP2 (M-Sec) and others as means over the cells that are still attached.

A blot is read against a loading control: a log-normal error of 15 % per well and band (modelling choice). Tests:
``tests/unit/test_assay_intensity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.nodes import NODE_CX43, NODE_MIRO1
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, CELL_MOMP, Step
from mitoferry.core.streams import ASSAY_INTENSITY

SIGNALS = (
    ("nfkb", "NF-kB activity, 0..1"),
    ("tnfaip2", "TNFAIP2 (M-Sec), 1 = rest"),
    ("p53", "p53 activity"),
    ("caspase3", "active caspase 3"),
    ("s100a4", "S100A4, 1 = rest"),
    ("pgc1a", "PGC1a, 1 = rest"),
    ("hif", "HIF activity"),
    ("akt", "PI3K/Akt/mTOR activity, 1 = rest"),
    ("ho1", "heme oxygenase 1, 1 = rest"),
    ("heme", "heme of degraded damaged mitochondria, as their mass"),
    ("tfam", "TFAM by heme oxygenase, 1 = rest"),
    ("hmgb1", "HMGB1 activity, 0..1"),
    ("sirt1", "SIRT1 activity, 1 = rest"),
    ("o_glcnac", "O-GlcNAc on Milton (TRAK), 1 = rest"),
    ("erk", "ERK activity, 1 = rest"),
)
LEVELS = (
    ("miro1", NODE_MIRO1, "Miro1 (RHOT1), 1 = bone marrow MSC"),
    ("cx43", NODE_CX43, "connexin 43, 1 = a well coupled cell"),
)
"""Levels of the cell type times their node; Miro1 also follows HMGB1."""
FIRST_DRAW = 16


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Mean signals of attached cells."""
    rows = view.rows(CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC)
    found = {}
    for k, (name, _) in enumerate(SIGNALS):
        error = view.well_factor(options["error"], ASSAY_INTENSITY, step.step, FIRST_DRAW + k)
        found[name] = view.mean(rows, getattr(view.world.cells, name)[rows]) * error
    groups, group = view.world.groups, view.world.cells.group[rows]
    for k, (name, node, _) in enumerate(LEVELS):
        error = view.well_factor(options["error"], ASSAY_INTENSITY, step.step, FIRST_DRAW + len(SIGNALS) + k)
        level = getattr(groups, name)[group] * groups.nodes[group, node]
        if name == "miro1":
            level = level * view.world.cells.miro1[rows]
        found[name] = view.mean(rows, level) * error
    return found


IMMUNOBLOT = Assay(
    name="immunoblot",
    about="NF-kB activity, TNFAIP2 level and other signals of a lysate",
    readouts=(*(Readout(name, "1", meaning) for name, meaning in SIGNALS), *(Readout(name, "1", meaning) for name, _, meaning in LEVELS)),
    read=read,
    options={"error": Option(0.15, "error of a band, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
