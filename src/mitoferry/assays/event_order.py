"""What comes first in a cell, mitochondria of others or biogenesis of its own: read over the cells of one time.

A cell has *received* once a mitochondrion of another cell has arrived in it, and *makes* once its PGC1a is above ``fold`` times that of
rest. Of two events the one that more cells have seen alone came first: ``transfer_first`` is the share of living cells that have received
but do not make, ``biogenesis_first`` of those that make but have not received, ``order`` the difference, positive where transfer leads.
An inference from snapshots, as from fixed cells: a cell in which both have happened says nothing.
Tests: ``tests/unit/test_assay_order.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import Step


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of living cells by which of the two they have seen."""
    rows = view.living()
    received = view.values("received", rows) > 0.0
    makes = view.values("pgc1a", rows) > options["fold"]
    transfer, biogenesis = view.mean(rows, received & ~makes), view.mean(rows, makes & ~received)
    return {"transfer_first": transfer, "biogenesis_first": biogenesis, "order": transfer - biogenesis}


EVENT_ORDER = Assay(
    name="event_order",
    about="whether cells receive mitochondria before they make more of their own, by single cells of one time",
    readouts=(
        Readout("transfer_first", "1", "share of living cells that have received mitochondria and do not make more"),
        Readout("biogenesis_first", "1", "share of living cells that make mitochondria and have received none"),
        Readout("order", "1", "the one less the other: positive where transfer comes first"),
    ),
    read=read,
    options={"fold": Option(1.2, "PGC1a relative to rest above which a cell makes mitochondria", low=1.0, high=10.0)},
    tables=CELLS,
)
