"""Oxygen use and heat of the cells of a well, in a closed chamber at the conditions of the well.

Unlike ``seahorse`` nothing is added and nothing renewed: what cells use in the oxygen, fuel and drugs of their own place is read, summed
over the living cells. Heat = oxygen x 450 kJ/mol + lactate x 63 kJ/mol: the oxycaloric equivalent of the combustion of food (Thornton's
rule; Kemp 1991, from memory) and the enthalpy of glycolysis to lactate with the buffering of its acid. Heat comes out whether or
not the respiration makes ATP; ``uncoupled_fraction`` is the share of the pumped protons (20 per O2) that do not return through the
synthase (11/3 per ATP): those of the leak and of an uncoupler.

A log-normal error of 5 % per well. Tests: ``tests/unit/test_assay_organelles.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_ORGANELLE
from mitoferry.processes.energetics_class import PROTONS_PER_ATP, PROTONS_PER_OXYGEN

WELL = 3  # draw of the stream
OXYCALORIC = 0.45  # pW of 1 amol/s of oxygen: 450 kJ/mol
GLYCOLYTIC = 0.063  # pW of 1 amol/s of lactate: 63 kJ/mol
FMOL_PER_MIN = 0.06  # of 1 amol/s


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Oxygen use and heat per well and cell."""
    rows = view.living()
    oxygen, lactate = view.values("oxygen_flux", rows), np.maximum(view.values("lactate_flux", rows), 0.0)
    pumped = PROTONS_PER_OXYGEN * view.per_well(rows, view.values("oxygen_flux_class", rows).sum(axis=1))
    heat = OXYCALORIC * oxygen + GLYCOLYTIC * lactate
    error = view.well_factor(options["error"], ASSAY_ORGANELLE, step.step, WELL)
    used = PROTONS_PER_ATP * view.per_well(rows, view.values("atp_oxphos", rows))
    return {
        "oxygen_use": FMOL_PER_MIN * view.per_well(rows, oxygen) * error,
        "oxygen_per_cell": FMOL_PER_MIN * view.mean(rows, oxygen) * error,
        "heat": view.per_well(rows, heat) * error,
        "heat_per_cell": view.mean(rows, heat) * error,
        "uncoupled_fraction": np.clip(1.0 - ratio(used, pumped), 0.0, 1.0),
    }


CALORIMETRY = Assay(
    name="calorimetry",
    about="oxygen use and heat of the living cells of a well under its own conditions",
    readouts=(
        Readout("oxygen_use", "fmol/min", "oxygen used in the well"),
        Readout("oxygen_per_cell", "fmol/min/cell", "oxygen used per living cell"),
        Readout("heat", "pW", "heat of the living cells of the well"),
        Readout("heat_per_cell", "pW/cell", "heat per living cell"),
        Readout("uncoupled_fraction", "1", "share of the pumped protons that do not return through the synthase"),
    ),
    read=read,
    options={"error": Option(0.05, "error of a well, as a coefficient of variation", high=1.0)},
    of="well",
    tables=CELLS,
)
