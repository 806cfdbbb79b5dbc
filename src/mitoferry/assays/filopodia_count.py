"""Search filopodia per cell, from the rate of attempts in force.

A filopodium is seen for ``duration`` (2-10 min per attempt, order of magnitude), so a fixed cell shows a Poisson number
of mean rate x duration. Living cells only. Tests: ``tests/unit/test_assay_links.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_COUNT


def poisson(mean: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Poisson deviates by inversion, one per uniform; for means below about 50."""
    chance = np.exp(-mean)
    total, k = chance.copy(), np.zeros_like(mean)
    for n in range(1, 400):
        more = u > total
        if not more.any():
            break
        k[more] += 1.0
        chance = chance * mean / n
        total += chance
    return k


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Mean number of filopodia and rate of attempts."""
    rows = view.living()
    rate = view.values("filopodia_rate", rows)
    u = view.uniform(rows, ASSAY_COUNT, step.step, 1)
    number = poisson(rate * options["duration"] / 60.0, u)
    return {
        "filopodia_per_cell": view.mean(rows, number),
        "attempt_rate": view.mean(rows, rate),
        "attempts_so_far": view.mean(rows, view.values("n_filopodia", rows)),
    }


FILOPODIA = Assay(
    name="filopodia_count",
    about="search filopodia per living cell",
    readouts=(
        Readout("filopodia_per_cell", "filopodia/cell", "filopodia seen on a fixed cell"),
        Readout("attempt_rate", "1/h", "rate of search attempts", truth=True),
        Readout("attempts_so_far", "1", "attempts made since seeding per living cell", truth=True),
    ),
    read=read,
    options={"duration": Option(5.0, "minutes for which a filopodium is seen", low=0.1, high=60.0)},
    tables=CELLS,
)
