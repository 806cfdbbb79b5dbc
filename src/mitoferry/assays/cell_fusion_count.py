"""Fused cells counted in the microscope: several nuclei under one membrane, and hybrids of two populations.

Fused is a living cell with more than one nucleus. A hybrid has besides a mitochondrion that a cell of another population brought when
it fused with it (route cell_fusion), as a second colour of the cytoplasm would show; it counts for the population whose identity it kept.
A hybrid that has lost every such mitochondrion is missed. Nuclei that lie upon each other hide: a share ``missed`` of fused
cells is taken for one with a single nucleus, drawn once per cell.

Tests: ``tests/unit/test_assay_joined.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View
from mitoferry.assays.mitochondria_of import Chunk, born_in, sums_per_cell
from mitoferry.core.schema import ROUTE_CELL_FUSION, ROUTE_MASK, ROUTE_SHIFT, Step
from mitoferry.core.streams import ASSAY_ORGANELLE

HIDDEN = 0  # draw of the stream, per cell


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of living cells that come from a fusion."""
    world, rows = view.world, view.living()
    own = world.cells.population[: world.n_cells].astype(np.int64)

    def quantities(chunk: Chunk) -> list[Any]:
        by_fusion = ((chunk.flags >> ROUTE_SHIFT) & ROUTE_MASK) == ROUTE_CELL_FUSION
        return [by_fusion & (born_in(world, chunk) != own[chunk.owner])]

    (brought,) = sums_per_cell(world, quantities, 1)
    nuclei = view.values("nuclei", rows)
    shown = view.uniform(rows, ASSAY_ORGANELLE, 0, HIDDEN) >= options["missed"]
    fused = nuclei > 1.0
    return {
        "fused_fraction": view.mean(rows, fused & shown),
        "hybrid_fraction": view.mean(rows, fused & shown & (brought[rows] > 0)),
        "nuclei_per_cell": view.mean(rows, nuclei),
    }


FUSION = Assay(
    name="cell_fusion_count",
    about="living cells with several nuclei, and hybrids of two populations; some hide their second nucleus",
    readouts=(
        Readout("fused_fraction", "1", "share of living cells with more than one nucleus"),
        Readout("hybrid_fraction", "1", "share of living cells that come from the fusion of two populations"),
        Readout("nuclei_per_cell", "nuclei/cell", "nuclei per living cell", truth=True),
    ),
    read=read,
    options={"missed": Option(0.1, "share of fused cells whose second nucleus is not seen", high=1.0)},
    of="well",
    tables=ORGANELLES,
)
