"""Oxidants by DCF and by MitoSOX, with the dependence of the dyes on membrane potential.

DCF = (1 - b) H/H0 + b psi/150 mV: H is the cytosolic H2O2, H0 its level at rest, b = 0.1 the part that follows dye
loading. MitoSOX = [(1 - b) P/P0 + b] exp((psi - 150 mV)/26.7 mV)^g: a cation that enters by the potential, so that
depolarised mitochondria look clean; P is the production per mitochondrion, P0 that of a mitochondrion at rest, b = 0.2,
g = 0.5. Living cells only; cells differ in loading by 10 %, wells by 5 %. The true H2O2 stands beside. b and g are
modelling choices. Tests: ``tests/unit/test_assay_intensity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View
from mitoferry.assays.membrane_potential import CELL_CV, THERMAL, WELL_CV, weighted_means
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_INTENSITY

REST_H2O2 = 0.005  # uM
REST_PRODUCTION = 0.11 / 400.0  # amol/s per mitochondrion
REFERENCE = 150.0  # mV


def _potential(view: View, rows: np.ndarray) -> np.ndarray:
    _, psi, has = weighted_means(view, np.zeros_like)
    return np.where(has[rows], psi[rows], 0.0)


def read_dcf(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """DCF of living cells."""
    rows = view.living()
    b, h = options["artefact"], view.values("h2o2", rows)
    bright = (1.0 - b) * h / REST_H2O2 + b * np.maximum(_potential(view, rows), 0.0) / REFERENCE
    bright = bright * view.cell_factor(rows, CELL_CV, ASSAY_INTENSITY, step.step, 4)
    return {
        "dcf": view.mean(rows, bright) * view.well_factor(WELL_CV, ASSAY_INTENSITY, step.step, 4),
        "high_fraction": view.mean(rows, bright > options["high"]),
        "h2o2": 1000.0 * view.mean(rows, h),
    }


def read_mitosox(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """MitoSOX of living cells."""
    rows = view.living()
    b, n = options["artefact"], np.maximum(view.values("n_mitochondria", rows), 1.0)
    made = view.values("h2o2_production", rows)
    entry = np.exp(options["gain"] * (_potential(view, rows) - REFERENCE) / THERMAL)
    bright = ((1.0 - b) * made / n / REST_PRODUCTION + b) * entry * view.cell_factor(rows, CELL_CV, ASSAY_INTENSITY, step.step, 5)
    return {
        "mitosox": view.mean(rows, bright) * view.well_factor(WELL_CV, ASSAY_INTENSITY, step.step, 5),
        "production": view.mean(rows, made),
    }


DCF = Assay(
    name="dcf",
    about="DCF fluorescence of living cells; part of it follows the membrane potential, not the oxidants",
    readouts=(
        Readout("dcf", "1", "mean fluorescence, 1 = a resting cell"),
        Readout("high_fraction", "1", "share of living cells above the gate"),
        Readout("h2o2", "nM", "mean cytosolic H2O2 of living cells", truth=True),
    ),
    read=read_dcf,
    options={
        "artefact": Option(0.1, "part of the signal that follows the potential", high=1.0),
        "high": Option(3.0, "gate of cells with high DCF", high=1000.0),
    },
    tables=ORGANELLES,
)
MITOSOX = Assay(
    name="mitosox",
    about="MitoSOX fluorescence of living cells; depolarised mitochondria take up less dye",
    readouts=(
        Readout("mitosox", "1", "mean fluorescence, about 1 in a resting cell"),
        Readout("production", "amol/s", "mean H2O2 production of living cells", truth=True),
    ),
    read=read_mitosox,
    options={
        "artefact": Option(0.2, "part of the signal that does not depend on oxidants", high=1.0),
        "gain": Option(0.5, "how steeply the signal follows the potential, 1 = Nernst", high=2.0),
    },
    tables=ORGANELLES,
)
