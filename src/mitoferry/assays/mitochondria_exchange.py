"""Exchange between populations: each under a colour of its own that stays in its mitochondria, every cell looked at.

A cell holds the mitochondria of others if at least ``minimum`` of its mitochondria were born in another population. Of the whole well:
cells of all populations count, whichever way it went; ``smaller_fraction`` is the share in the population where it is smallest, above
zero only if there is exchange both ways. Light out of focus makes a share ``background`` of cells positive, drawn once per cell and time.

Tests: ``tests/unit/test_assay_outside.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, born_in, sums_per_cell
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_ORGANELLE

FOCUS = 2  # draw of the stream, per cell


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of living cells that hold mitochondria of another population."""
    world, rows = view.world, view.living()
    own = world.cells.population[: world.n_cells].astype(np.int64)
    (foreign,) = sums_per_cell(world, lambda chunk: _foreign(world, own, chunk), 1)
    holds = foreign[rows] >= options["minimum"]
    shown = holds | (view.uniform(rows, ASSAY_ORGANELLE, step.step, FOCUS) < options["background"])
    smallest = np.full(view.n_wells, np.nan)
    for population in np.unique(own[rows]):
        chosen = own[rows] == population
        smallest = np.fmin(smallest, ratio(view.per_well(rows[chosen], shown[chosen]), view.per_well(rows[chosen])))
    return {
        "holding_fraction": view.mean(rows, shown),
        "smaller_fraction": smallest,
        "true_holding_fraction": view.mean(rows, holds),
    }


def _foreign(world: Any, own: np.ndarray, chunk: Chunk) -> list[Any]:
    return [born_in(world, chunk) != own[chunk.owner]]


EXCHANGE = Assay(
    name="mitochondria_exchange",
    about="cells of any population that hold mitochondria of another, each population under a colour of its own",
    readouts=(
        Readout("holding_fraction", "1", "share of living cells with mitochondria of another population"),
        Readout("smaller_fraction", "1", "the same in the population in which it is smallest: above 0 for an exchange both ways"),
        Readout(
            "true_holding_fraction", "1", "share of living cells with mitochondria of another population, without background", truth=True
        ),
    ),
    read=read,
    options={
        "minimum": Option(1.0, "mitochondria of another population from which a cell is positive", low=1.0, high=1000.0),
        "background": Option(0.0, "share of cells that light out of focus makes positive", high=0.5),
    },
    of="well",
    tables=ORGANELLES,
)
