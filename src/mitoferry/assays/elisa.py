"""Cytokines of the medium by immunoassay.

A standard curve has a lower end: what is below ``detection_limit`` (ng/mL, default 4 pg/mL) reads 0. Above it an error of 8 % per well
and analyte (coefficient of variation, log-normal). TNF-alpha and IL-1beta are those of the stirred medium, in a block the mean over
the tissue. Where the process ``cytokines`` does not run the other cytokines are not known (NaN); prostaglandin E2 and TSG-6 are where
``stromal_calming`` runs, too. Both numbers are modelling choices.

Inflammation as a whole is read as a panel is summed up: the geometric mean of the analytes of :data:`PANEL`, each with the detection
limit added, so that a doubling of any counts the same. In a sum of concentrations the most abundant would decide.
Tests: ``tests/unit/test_assay_immunity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import Assay, Option, Readout, View
from mitoferry.core.schema import CYTOKINES, IL_1BETA, PROSTAGLANDIN_E2, TNF_ALPHA, Step
from mitoferry.core.streams import ASSAY_IMMUNE
from mitoferry.space.geometry import BLOCK

ANALYTES = (*CYTOKINES, "tnf_alpha", "il_1beta")
CALMING = CYTOKINES[PROSTAGLANDIN_E2:]
ERRORS = {name: k for k, name in enumerate((*CYTOKINES[:PROSTAGLANDIN_E2], "tnf_alpha", "il_1beta", *CALMING))}
"""Number under which the error of an analyte is drawn."""
PANEL = ("il_4", "il_5", "il_6", "il_8", "il_13", "il_17", "il_33", "mcp_1", "interferon_gamma", "tnf_alpha", "il_1beta")
"""Cytokines of inflammation of either type; those of repair and of rest are left out."""
INNATE = ("il_6", "il_8", "mcp_1", "tnf_alpha", "il_1beta")
NAMES = {
    "interferon_1": "interferon alpha/beta", "interferon_gamma": "interferon gamma", "extracellular_hmgb1": "HMGB1", "tgf_beta": "TGF-beta",
    "tnf_alpha": "TNF-alpha", "il_1beta": "IL-1beta", "rantes": "RANTES", "eotaxin": "eotaxin", "prostaglandin_e2": "prostaglandin E2",
}  # fmt: skip


def concentrations(view: View) -> dict[str, np.ndarray]:
    """Concentrations [ng/mL] by analyte, float64 (n_wells); NaN where no process follows them."""
    wells = view.world.wells
    followed = "cytokines" in view.world.parameters
    calming = followed or "stromal_calming" in view.world.parameters
    found = {}
    for k, name in enumerate(CYTOKINES):
        known = calming if name in CALMING else followed
        found[name] = np.asarray(wells.cytokines[:, k], np.float64) if known else np.full(view.n_wells, np.nan)
    for name, species in (("tnf_alpha", TNF_ALPHA), ("il_1beta", IL_1BETA)):
        found[name] = np.where(
            np.asarray(wells.geometry) == BLOCK, in_tissue(view, species), np.asarray(wells.bulk[:, species], np.float64)
        )
    return found


def in_tissue(view: View, species: int) -> np.ndarray:
    """Mean concentration over the voxels of each well, float64 (n_wells): in a block the bulk is the blood."""
    fields = view.world.fields
    if fields is None:
        return np.asarray(view.world.wells.bulk[:, species], np.float64)
    x, y, z = (fields.shape[:, k] for k in range(3))
    return np.array([fields.conc[w, species, : z[w], : y[w], : x[w]].mean(dtype=np.float64) for w in range(view.n_wells)])


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Concentrations with the error of the assay; 0 below its limit."""
    found = {}
    for name, value in concentrations(view).items():
        measured = value * view.well_factor(options["error"], ASSAY_IMMUNE, step.step, ERRORS[name])
        found[name] = np.where(measured < options["detection_limit"], 0.0, measured)
    found["inflammatory_sum"] = np.sum([np.nan_to_num(found[name]) for name in INNATE], axis=0)
    with np.errstate(divide="ignore"):  # without a limit a cytokine that is not there makes it 0
        logs = [np.log(np.nan_to_num(found[name]) + options["detection_limit"]) for name in PANEL]
    found["inflammatory_index"] = np.exp(np.mean(logs, axis=0))
    return found


ELISA = Assay(
    name="elisa",
    about="cytokines in the medium; what is below the detection limit reads 0",
    readouts=(
        *(Readout(name, "ng/mL", f"{NAMES.get(name, name.upper().replace('_', '-'))} in the medium") for name in ANALYTES),
        Readout("inflammatory_sum", "ng/mL", "sum of IL-6, IL-8, MCP-1, TNF-alpha and IL-1beta"),
        Readout("inflammatory_index", "ng/mL", "geometric mean of eleven cytokines of inflammation, each with the detection limit added"),
    ),
    read=read,
    options={
        "detection_limit": Option(0.004, "lowest concentration that is told from none, ng/mL", high=10.0),
        "error": Option(0.08, "error of a well, as a coefficient of variation", high=1.0),
    },
    of="well",
    tables=("cells", "wells", "groups", "fields"),
)
