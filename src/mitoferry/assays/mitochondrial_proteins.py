"""Complexes of the respiratory chain by blot or mass spectrometry: content per mitochondrial mass, and per cell.

The contents of complex I, of III and IV together (of which MT-CO1 is a subunit) and of the ATP synthase are the capacities that every
mitochondrion carries, weighted by its mass, 1 = a mitochondrion with the full set. ``proteome_per_cell`` is their sum over a cell, in units
of mass with a full set: it rises with mass and with content. Contents are those at translation and assembly (``mtdna``); bound inhibitors
change nothing. Dying cells are harvested with the others if they still hold their mitochondria.

An error of 10 % per band and well (modelling choice). Tests: ``tests/unit/test_assay_organelles.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, sums_per_cell
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, CELL_MOMP, COMPLEX_SCALE, MASS_SCALE, Step
from mitoferry.core.streams import ASSAY_ORGANELLE

FIRST_DRAW = 16
COMPLEXES = (("complex_1", "complex1"), ("complex_3_4", "complex34"), ("complex_5", "complex5"))


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Contents over mass, and their sum per cell."""
    world, rows = view.world, view.rows(CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC)

    def quantities(chunk: Chunk) -> list[Any]:
        mass = world.mitochondria.mass[chunk.slots].astype(np.int64)
        contents = [mass * getattr(world.mitochondria, column)[chunk.slots].astype(np.int64) for _, column in COMPLEXES]
        return [mass, *contents]

    mass, *contents = (view.per_well(rows, x[rows]) for x in sums_per_cell(world, quantities, 1 + len(COMPLEXES)))
    found, total = {}, np.zeros(view.n_wells)
    for k, ((name, _), content) in enumerate(zip(COMPLEXES, contents, strict=True)):
        error = view.well_factor(options["error"], ASSAY_ORGANELLE, step.step, FIRST_DRAW + k)
        found[name] = COMPLEX_SCALE * ratio(content, mass) * error
        total += COMPLEX_SCALE * MASS_SCALE * content / len(COMPLEXES)
    error = view.well_factor(options["error"], ASSAY_ORGANELLE, step.step, FIRST_DRAW + len(COMPLEXES))
    found["proteome_per_cell"] = ratio(total, view.per_well(rows)) * error
    return found


PROTEINS = Assay(
    name="mitochondrial_proteins",
    about="complexes of the respiratory chain per mitochondrial mass and per cell, whatever is bound to them",
    readouts=(
        Readout("complex_1", "1", "complex I per mitochondrial mass, 1 = the full set"),
        Readout("complex_3_4", "1", "complexes III and IV per mitochondrial mass, 1 = the full set"),
        Readout("complex_5", "1", "ATP synthase per mitochondrial mass, 1 = the full set"),
        Readout("proteome_per_cell", "mass units/cell", "mass that a full set of these complexes would fill, per cell"),
    ),
    read=read,
    options={"error": Option(0.1, "error of a band, as a coefficient of variation", high=1.0)},
    tables=ORGANELLES,
)
