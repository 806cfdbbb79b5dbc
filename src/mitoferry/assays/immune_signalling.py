"""Immune signalling of a lysate, and what it leads to: TLR9, STING, NLRP3, pyroptosis, attack by immune cells, neutrophil traps.

Signals are means over the cells that live, read like a blot (log-normal error of 15 % per well and band, modelling choice). Deaths
are counted by their cause (gasdermin cleaved, caspases set off by an attacker) over all cells seeded or born; traps by their extracellular
DNA over all trap formers, the dead among them. Tests: ``tests/unit/test_assay_immunity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import (
    BY_ATTACK,
    BY_PYROPTOSIS,
    HAZARD_ATTACK,
    Step,
)
from mitoferry.core.streams import ASSAY_IMMUNE

FIRST_DRAW = 96
SIGNALS = ("tlr9", "sting", "nlrp3")


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Mean signals of living cells, and shares of cells by what became of them."""
    cells, groups = view.world.cells, view.world.groups
    rows = view.living()
    found = {}
    for k, name in enumerate(SIGNALS):
        error = view.well_factor(options["error"], ASSAY_IMMUNE, step.step, FIRST_DRAW + k)
        found[name] = view.mean(rows, view.values(name, rows)) * error
    every = view.ever()
    found["pyroptotic_fraction"] = view.mean(every, cells.death_cause[every] == BY_PYROPTOSIS)
    found["attacked_fraction"] = view.mean(every, cells.death_cause[every] == BY_ATTACK)
    found["attack_hazard"] = view.mean(rows, cells.other_hazards[rows, HAZARD_ATTACK])
    formers = every[groups.trap_former[cells.group[every]] > 0.0]
    found["trap_fraction"] = view.mean(formers, cells.traps[formers] > 0)
    return found


IMMUNE_SIGNALLING = Assay(
    name="immune_signalling",
    about="sensors of mtDNA in a lysate, pyroptosis, killing by immune cells, neutrophil traps",
    readouts=(
        Readout("tlr9", "1", "activity of toll-like receptor 9"),
        Readout("sting", "1", "activity of cGAS-STING"),
        Readout("nlrp3", "1", "activity of the NLRP3 inflammasome"),
        Readout("pyroptotic_fraction", "1", "share of all cells that died of pyroptosis"),
        Readout("attacked_fraction", "1", "share of all cells killed by immune cells"),
        Readout("attack_hazard", "1/h", "mean hazard of being killed by immune cells now", truth=True),
        Readout("trap_fraction", "1", "share of neutrophils that have cast a trap"),
    ),
    read=read,
    options={"error": Option(0.15, "error of a band, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
