"""Membrane potential by TMRM and by JC-1.

TMRM accumulates by Nernst, exp(psi/26.7 mV), within the range free of quenching (psi is capped at ``quench``). The
signal is the mass-weighted mean over the mitochondria of a cell, less what is left under FCCP (potential 0), relative to
a mitochondrion at 150 mV. It is steep: a cell at 120 mV shows a third.

JC-1: share of red aggregates r = 1/(1 + exp(-(psi - 120)/10)); ratio = red/(green + floor), saturating near 20.

Both measure living cells, stain unevenly between cells (10 %) and between wells (5 %), and include the mitochondria that
a cell has received: a recipient may look restored because what it took up is polarised. Modelling choices: the JC-1
curve and the errors of staining. Tests: ``tests/unit/test_assay_intensity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, potentials, sums_per_cell
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_INTENSITY

THERMAL = 26.7  # mV
REFERENCE = 150.0  # mV
JC1_HALF, JC1_WIDTH, JC1_FLOOR = 120.0, 10.0, 0.05
FIXED = 65536.0  # sums are rounded to 1/65536
CELL_CV, WELL_CV = 0.1, 0.05


def tmrm_signal(psi: np.ndarray, quench: float) -> np.ndarray:
    """TMRM of a mitochondrion at ``psi`` [mV] less the FCCP zero, relative to one at 150 mV."""
    capped = np.minimum(psi, quench)
    return np.expm1(capped / THERMAL) / np.expm1(REFERENCE / THERMAL)


def red_share(psi: np.ndarray) -> np.ndarray:
    """Share of JC-1 in red aggregates at ``psi`` [mV]."""
    return 1.0 / (1.0 + np.exp(-np.clip((psi - JC1_HALF) / JC1_WIDTH, -60.0, 60.0)))


def weighted_means(view: View, f: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per row of cells: mass-weighted mean of f(psi), of psi [mV], and whether the cell has mitochondria."""
    world = view.world

    def quantities(chunk: Chunk) -> list[Any]:
        mass, psi = world.mitochondria.mass[chunk.slots].astype(np.float64), potentials(world, chunk)
        return [mass, mass * np.rint(f(psi) * FIXED), mass * np.rint(psi * 1000.0)]

    mass, value, psi = sums_per_cell(world, quantities, 3)
    return ratio(value / FIXED, mass), ratio(psi / 1000.0, mass), mass > 0


def read_tmrm(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """TMRM fluorescence of living cells."""
    value, psi, has = weighted_means(view, lambda p: tmrm_signal(p, float(options["quench"])))
    rows = view.living()
    with_any = rows[has[rows]]
    stain = view.cell_factor(rows, CELL_CV, ASSAY_INTENSITY, step.step, 0)
    bright = np.where(has[rows], value[rows], 0.0) * stain
    return {
        "tmrm": view.mean(rows, bright) * view.well_factor(WELL_CV, ASSAY_INTENSITY, step.step, 0),
        "low_fraction": view.mean(rows, bright < options["low"]),
        "psi": view.mean(with_any, psi[with_any]),
    }


def read_jc1(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """JC-1 ratio of living cells."""
    red, _, has = weighted_means(view, red_share)
    rows = view.living()
    red_of = np.where(has[rows], red[rows], 0.0)
    cell_ratio = red_of / (1.0 - red_of + JC1_FLOOR) * view.cell_factor(rows, CELL_CV, ASSAY_INTENSITY, step.step, 1)
    return {
        "jc1_ratio": view.mean(rows, cell_ratio) * view.well_factor(WELL_CV, ASSAY_INTENSITY, step.step, 1),
        "jc1_low_fraction": view.mean(rows, cell_ratio < options["low"]),
    }


TMRM = Assay(
    name="tmrm",
    about="TMRM of living cells, less the FCCP zero, relative to 150 mV",
    readouts=(
        Readout("tmrm", "1", "mean fluorescence of living cells, 1 = all mitochondria at 150 mV"),
        Readout("low_fraction", "1", "share of living cells below the gate"),
        Readout("psi", "mV", "mass-weighted mean potential of living cells", truth=True),
    ),
    read=read_tmrm,
    options={
        "quench": Option(180.0, "potential [mV] above which the dye quenches", low=60.0, high=250.0),
        "low": Option(0.3, "gate of cells with low TMRM", high=10.0),
    },
    tables=ORGANELLES,
)
JC1 = Assay(
    name="jc1",
    about="JC-1 red to green ratio of living cells",
    readouts=(
        Readout("jc1_ratio", "1", "mean red to green ratio of living cells"),
        Readout("jc1_low_fraction", "1", "share of living cells below the gate"),
    ),
    read=read_jc1,
    options={"low": Option(1.0, "gate of cells with a low ratio", high=100.0)},
    tables=ORGANELLES,
)
