"""Cells joined to a cell of another population by a tube or a bridge, counted in the microscope.

A living cell counts as joined if at least one grown nanotube (also one of a dendritic network or a microfabricated one) or bridge of
cytoplasm leads from it to a living cell of another population. Tubes are missed as in ``nanotube_count`` (thin and short ones, drawn
once in the life of a tube); a bridge is wide enough to be always seen. Plaques of connexin are none: see ``gap_junctions``.

Tests: ``tests/unit/test_assay_joined.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.assays.nanotube_count import TUBES, detectability
from mitoferry.assays.noise import uniforms
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, KIND_BRIDGE, LINK_CAPPED, LINK_CLOSED, LINK_OPEN, Step
from mitoferry.core.streams import ASSAY_COUNT


def joining(view: View, detect: str) -> np.ndarray:
    """Rows of links that join living cells of two populations and are seen."""
    world = view.world
    k, n = world.links, world.n_links
    grown = np.isin(k.state[:n], (LINK_CLOSED, LINK_CAPPED, LINK_OPEN)) & np.isin(k.kind[:n], (*TUBES, KIND_BRIDGE))
    found = np.flatnonzero(grown & (k.a[:n] >= 0) & (k.b[:n] >= 0))
    a, b = k.a[found], k.b[found]
    state, population = world.cells.state, world.cells.population
    alive = np.isin(state[a], (CELL_LIVE, CELL_MOMP)) & np.isin(state[b], (CELL_LIVE, CELL_MOMP))
    found = found[alive & (population[a] != population[b])]
    if detect == "all":
        return found
    u = uniforms(world, k.well[found], k.id_a[found], k.id[found], ASSAY_COUNT, 0)[0]
    seen = (u < detectability(k.diameter[found], k.length[found])) | (k.kind[found] == KIND_BRIDGE)
    return found[seen]


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Share of joined cells, and connections per cell."""
    k, rows = view.world.links, view.living()
    found = joining(view, options["detect"])
    number = np.zeros(view.world.n_cells)
    for end in (k.a, k.b):
        np.add.at(number, end[found], 1.0)
    return {"connected_fraction": view.mean(rows, number[rows] > 0), "connections_per_cell": view.mean(rows, number[rows])}


CONNECTIONS = Assay(
    name="cell_connections",
    about="cells joined to one of another population by a nanotube or a bridge; thin and short tubes are often missed",
    readouts=(
        Readout("connected_fraction", "1", "share of living cells joined to a living cell of another population"),
        Readout("connections_per_cell", "connections/cell", "tubes and bridges to cells of other populations per living cell"),
    ),
    read=read,
    options={"detect": Option("visible", "count those that a microscope shows, or all", ("visible", "all"))},
    tables=(*CELLS, "links"),
)
