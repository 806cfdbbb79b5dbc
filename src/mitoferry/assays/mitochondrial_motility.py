"""Motility of mitochondria in living cells, by time-lapse imaging, and the rate at which they enter an open thick nanotube.

A mitochondrion is taken to tracks at the rate that Miro1, Milton (TRAK), motors, ATP, temperature, Ca2+ and H2O2 allow and lets go at its
own; the moving share is taking/(taking + letting go), as inside a nanotube (``nanotube_transport``). Some tens of
mitochondria are followed per well: a log-normal error of 10 % (modelling choice). Tests: ``tests/unit/test_assay_signals.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.nodes import NODE_TEMPERATURE
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_INTENSITY
from mitoferry.processes.nanotube_loading import adaptors, free_to_move, motor_energy, motors, rate_of_loading
from mitoferry.processes.nanotube_transport import Parameters
from mitoferry.processes.rest import relative_h2o2

DRAW = 49


def moving_share(c: int, cells: Any, groups: Any, p: Parameters) -> float:
    """Share of the mitochondria of cell ``c`` that are on a track."""
    nodes = groups.nodes[int(cells.group[c])]
    working = motor_energy(float(cells.atp[c]), p.motor_atp) * float(nodes[NODE_TEMPERATURE]) * motors(c, cells, groups, p)
    taking = (
        p.attachment_rate * working * adaptors(c, cells, groups) * free_to_move(float(cells.calcium[c]), relative_h2o2(c, cells, groups), p)
    )
    return float(taking / (taking + p.detachment_rate)) if taking > 0.0 else 0.0


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Moving share of mitochondria and rate of loading, means over living cells."""
    rows, world = view.living(), view.world
    p = world.spec.parameters_of("nanotube_transport", Parameters)
    moving = np.array([moving_share(c, world.cells, world.groups, p) for c in rows.tolist()], dtype=np.float64)
    loading = np.array([rate_of_loading(c, world.cells, world.groups, p) for c in rows.tolist()], dtype=np.float64)
    share = view.mean(rows, moving)
    error = view.well_factor(options["error"], ASSAY_INTENSITY, step.step, DRAW)
    return {"moving_share": share * error, "true_moving_share": share, "loading_rate": view.mean(rows, loading)}


MOTILITY = Assay(
    name="mitochondrial_motility",
    about="share of mitochondria that move, in living cells",
    readouts=(
        Readout("moving_share", "1", "share of mitochondria on a track"),
        Readout("true_moving_share", "1", "share of mitochondria on a track, without the error of measurement", truth=True),
        Readout("loading_rate", "1/h", "mitochondria that would enter an open thick nanotube per hour", truth=True),
    ),
    read=read,
    options={"error": Option(0.1, "error of a well, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
