"""Cells engulfed, counted: dying cells that phagocytes have taken in since the start, by their labelled remains.

A real count of what ``phagocytosis`` has done, per living phagocyte of the measured population; an eater that has died since is no longer
counted. No error: remains in a phagocyte are plain to see. Particles are the vesicles with mitochondria and the free mitochondria that
it has taken up whole, as beads would be counted; what came by tubes or junctions is none. What is eaten hangs on how many are dying: where
a treatment spares the tissue there is less to eat. ``bait_rate`` is therefore what the same phagocytes would engulf of bait that each of
them touches (labelled bacteria or beads given to them in a dish): the rate at which ``phagocytosis`` would take a fully exposed cell.
Tests: ``tests/unit/test_assay_immunity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Readout, View, ratio
from mitoferry.core.schema import Step


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Counts over the living phagocytes of the population."""
    from mitoferry.processes.phagocytosis import appetite, readiness

    rows, world = view.living(), view.world
    p = world.parameters.get("phagocytosis")
    rows = rows[view.world.groups.phagocyte[view.world.cells.group[rows]] > 0.0]
    eaten = view.per_well(rows, view.values("engulfed", rows))
    cells = view.per_well(rows)
    bait = np.array(
        [np.nan if p is None else appetite(int(i), world.cells, world.groups, p) * readiness(int(i), world.cells, p) for i in rows]
    )
    return {
        "engulfed_per_cell": ratio(eaten, cells),
        "phagocytic_fraction": view.mean(rows, view.values("engulfed", rows) > 0),
        "engulfed": eaten,
        "particles_per_cell": ratio(view.per_well(rows, view.values("particles", rows)), cells),
        "bait_rate": view.mean(rows, bait),
    }


PHAGOCYTOSIS = Assay(
    name="phagocytosis",
    about="dying cells that phagocytes have engulfed so far, and particles that they have taken up",
    readouts=(
        Readout("engulfed_per_cell", "cells/cell", "cells engulfed per living phagocyte"),
        Readout("phagocytic_fraction", "1", "share of phagocytes that have engulfed a cell"),
        Readout("engulfed", "cells", "cells engulfed in the well"),
        Readout("particles_per_cell", "particles/cell", "vesicles with mitochondria and free mitochondria taken up per living phagocyte"),
        Readout("bait_rate", "1/h", "bait that a living phagocyte would engulf per hour, if it touched one at a time"),
    ),
    read=read,
    tables=CELLS,
)
