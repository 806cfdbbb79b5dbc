"""What has become of mitochondria that arrived: joined to the network, in endosomes, degraded; and how evenly they were given.

Read in single living cells by the colour of the donor: a mitochondrion of another population (or of a dose) is *integrated* once it has
fused with the network of its host, *endosomal* while a membrane of the host is around it, else free in the cytosol. These are
shares of those that are there. What was degraded shows no colour: ``degraded_fraction`` is the share of all hand-overs so far that
lysosomes have taken, as by a reporter that survives in acid; it counts arrivals from cells of the same population too.
``held_per_cell`` is the dose that has arrived: mitochondria of others in living cells over all cells ever in the well; ``reached_fraction``
(living cells that hold any) and ``spread`` (standard deviation over mean between living cells) say how it is distributed. What
recipients pass to one another is not counted, for by its colour nobody could tell it from their own.

No artefact but the detection: a share ``missed`` of the arrivals lies out of focus, the same in all three places, so that shares are right.
Tests: ``tests/unit/test_assay_organelles.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, born_in, sums_per_cell
from mitoferry.core.schema import CYTOSOL, FUSED, PLACE_MASK, PLACE_SHIFT, Step


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Places of arrivals, and numbers received."""
    world, rows = view.world, view.living()
    own = world.cells.population[: world.n_cells].astype(np.int64)

    def quantities(chunk: Chunk) -> list[Any]:
        foreign = born_in(world, chunk) != own[chunk.owner]
        fused = (chunk.flags & FUSED) != 0
        enclosed = ((chunk.flags >> PLACE_SHIFT) & PLACE_MASK) != CYTOSOL
        return [foreign, foreign & fused, foreign & enclosed & ~fused]

    counts = [np.asarray(x[rows], np.float64) for x in sums_per_cell(world, quantities, 3)]
    foreign, fused, enclosed = (view.per_well(rows, x) for x in counts)
    held, received = counts[0], view.values("received", rows)
    mean, square = view.mean(rows, held), view.mean(rows, held**2)
    return {
        "integrated_fraction": ratio(fused, foreign),
        "endosomal_fraction": ratio(enclosed, foreign),
        "degraded_fraction": ratio(view.per_well(rows, view.values("lysed_arrivals", rows)), view.per_well(rows, received)),
        "arrivals_per_cell": ratio(foreign, view.per_well(rows)) * (1.0 - options["missed"]),
        "held_per_cell": ratio(foreign, view.per_well(view.ever())),
        "reached_fraction": view.mean(rows, held > 0.0),
        "spread": ratio(np.sqrt(np.maximum(square - mean**2, 0.0)), mean),
    }


ARRIVALS = Assay(
    name="arrival_fates",
    about="what has become of mitochondria that arrived in living cells, and how evenly cells were reached",
    readouts=(
        Readout("integrated_fraction", "1", "share of the arrivals there that have fused with the network of the host"),
        Readout("endosomal_fraction", "1", "share of the arrivals there that lie in endosomes"),
        Readout("degraded_fraction", "1", "share of all hand-overs so far that were degraded"),
        Readout("arrivals_per_cell", "mitochondria/cell", "arrivals seen per living cell"),
        Readout("held_per_cell", "mitochondria/cell", "mitochondria of others in living cells per cell ever in the well"),
        Readout("reached_fraction", "1", "share of living cells that hold a mitochondrion of others"),
        Readout("spread", "1", "standard deviation over mean of the mitochondria of others in living cells"),
    ),
    read=read,
    options={"missed": Option(0.1, "share of arrivals out of focus", high=1.0)},
    tables=ORGANELLES,
)
