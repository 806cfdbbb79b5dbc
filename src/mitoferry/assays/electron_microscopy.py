"""Sections under the electron microscope: swollen mitochondria, and those that have lost their cristae.

A mitochondrion is swollen while its permeability transition pore is open, and counts as one without cristae where its damage (oxidised
lipid and protein, loss of cristae: one number in the model) is above ``gate``. ``sections`` mitochondria of living cells are looked at
per well, so that a share is read with its binomial error.

Assumptions: swelling follows the pore at once; the gate is a modelling choice. Tests: ``tests/unit/test_assay_organelles.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, sums_per_cell
from mitoferry.assays.noise import counted
from mitoferry.core.schema import DAMAGE_SCALE, PORE_OPEN, Step
from mitoferry.core.streams import ASSAY_ORGANELLE

SWOLLEN, CRISTAE = 1000, 4000  # first draws of the stream, per well


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of the mitochondria of living cells."""
    world, rows = view.world, view.living()
    gate = options["gate"] / DAMAGE_SCALE

    def quantities(chunk: Chunk) -> list[Any]:
        return [np.ones(len(chunk.flags)), (chunk.flags & PORE_OPEN) != 0, world.mitochondria.damage[chunk.slots] > gate]

    number, swollen, broken = (view.per_well(rows, x[rows]) for x in sums_per_cell(world, quantities, 3))
    shares = {"swollen": (ratio(swollen, number), SWOLLEN), "cristae_lost": (ratio(broken, number), CRISTAE)}
    depth = int(options["sections"])
    found = {}
    for name, (share, first) in shares.items():
        hits = counted(world, view.population, depth, np.nan_to_num(share), ASSAY_ORGANELLE, step.step, first)
        found[f"{name}_fraction"] = np.where(np.isnan(share), np.nan, hits / depth)
        found[f"true_{name}_fraction"] = share
    return found


MICROSCOPY = Assay(
    name="electron_microscopy",
    about="swollen mitochondria and those without cristae in sections of living cells, some hundred per well",
    readouts=(
        Readout("swollen_fraction", "1", "share of mitochondria that are swollen: their transition pore is open"),
        Readout("cristae_lost_fraction", "1", "share of mitochondria whose damage is above the gate"),
        Readout("true_swollen_fraction", "1", "share with an open pore of all mitochondria", truth=True),
        Readout("true_cristae_lost_fraction", "1", "share above the gate of all mitochondria", truth=True),
    ),
    read=read,
    options={
        "sections": Option(400.0, "mitochondria looked at per well", low=1.0, high=10_000.0),
        "gate": Option(0.3, "damage (0..1) above which a mitochondrion shows no cristae", high=1.0),
    },
    tables=ORGANELLES,
)
