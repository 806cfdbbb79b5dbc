"""Living and dead cells, and the state of a population as no instrument sees it.

``cell_count`` counts; ``state`` adds mitochondria, damage, energy and the totals of the ledger, for checks and for the
report. Tests: ``tests/unit/test_assay_death.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, ORGANELLES, Assay, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, born_in, sums_per_cell
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_MOMP,
    CELL_NECROTIC,
    DAMAGE_SCALE,
    MASS_SCALE,
    N_POOLS,
    NO_VESICLE,
    POOL_MEDIUM,
    POOL_TRANSIT,
    TALLY_BORN,
    TALLY_DEGRADED,
    TALLY_LYSED,
    Step,
)


def read_count(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Cells that live and cells that do not."""
    live, every = view.per_well(view.living()), view.per_well(view.ever())
    return {"live": live, "live_fraction": ratio(live, every), "dead": every - live, "ever": every}


def in_vesicles(view: View) -> np.ndarray:
    """Mitochondria inside vesicles per well; float64 (n_wells,)."""
    world = view.world
    world.backend.pull(world.vesicles)
    rows = np.flatnonzero(world.vesicles.kind[: world.n_vesicles] != NO_VESICLE)
    return np.bincount(world.vesicles.well[rows], weights=world.vesicles.n_cargo[rows], minlength=view.n_wells)


def in_delivery(view: View, number: np.ndarray) -> np.ndarray:
    """Mitochondria in the compartments of doses per well, of ``number`` per row of cells; float64 (n_wells,)."""
    rows = view.world.extra.get("delivery")
    if rows is None:
        return np.zeros(view.n_wells)
    held = np.where(rows >= 0, number[rows], 0.0)
    return held.reshape(view.n_wells, -1).sum(axis=1)


def read_state(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Counts, mitochondria, energy, transfers and ledger of a population."""
    world, c = view.world, view.world.cells
    own = c.population[: world.n_cells].astype(np.int64)

    def quantities(chunk: Chunk) -> list[Any]:
        m = world.mitochondria
        return [np.ones(len(chunk.flags)), born_in(world, chunk) != own[chunk.owner], m.mass[chunk.slots], m.damage[chunk.slots]]

    number, foreign, mass, damage = view.once("state", lambda: sums_per_cell(world, quantities, 4))
    rows, living = view.rows(), view.living()
    pools = N_POOLS * np.arange(view.n_wells)
    inside = in_vesicles(view)
    books = world.wells.ledger.astype(np.float64)
    return {
        **read_count(view, options, step),
        "cytochrome_c_released": view.per_well(view.rows(CELL_MOMP)),
        "apoptotic": view.per_well(view.rows(CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC)),
        "necrotic": view.per_well(view.rows(CELL_NECROTIC, CELL_DEAD_NECROTIC)),
        "several_nuclei": view.per_well(living, c.nuclei[living] > 1),
        "mitochondria": view.per_well(rows, number[rows]),
        "mitochondria_per_cell": view.mean(living, number[living]),
        "foreign_per_cell": view.mean(living, foreign[living]),
        "mass_per_cell": view.mean(living, MASS_SCALE * mass[living]),
        "damage": DAMAGE_SCALE * ratio(view.per_well(living, damage[living]), view.per_well(living, number[living])),
        "atp": view.mean(living, c.atp[living]),
        "h2o2": 1000.0 * view.mean(living, c.h2o2[living]),
        "oxygen_use": 0.06 * view.mean(living, c.oxygen_flux[living]),
        "received": view.per_well(rows, c.received[rows]),
        "donated": view.per_well(rows, c.donated[rows]),
        "returned": view.per_well(rows, c.returned[rows]),
        "degraded_arrivals": view.per_well(rows, c.lysed_arrivals[rows]),
        "in_tubes": number[pools + POOL_TRANSIT] - inside,
        "in_vesicles": inside,
        "vesicles_shed": view.per_well(rows, c.vesicles[rows].sum(axis=1)),
        "in_medium": number[pools + POOL_MEDIUM],
        "in_delivery": in_delivery(view, number),
        "born": books[:, TALLY_BORN],
        "degraded": books[:, TALLY_DEGRADED],
        "lysed": books[:, TALLY_LYSED],
    }


_COUNTS = (
    Readout("live", "cells", "living cells"),
    Readout("live_fraction", "1", "share of all cells ever in the well that live"),
    Readout("dead", "cells", "cells dead or dying"),
    Readout("ever", "cells", "all cells that were ever in the well"),
)


def _truth(name: str, unit: str, meaning: str) -> Readout:
    return Readout(name, unit, meaning, truth=True)


COUNT = Assay(name="cell_count", about="living and dead cells", readouts=_COUNTS, read=read_count, tables=CELLS)
STATE = Assay(
    name="state",
    about="the state of a population without an instrument: counts, mitochondria, energy, transfers, ledger of the well",
    readouts=(
        *_COUNTS,
        _truth("cytochrome_c_released", "cells", "living cells that have released cytochrome c"),
        _truth("apoptotic", "cells", "cells in apoptosis and their corpses"),
        _truth("necrotic", "cells", "necrotic cells and their corpses"),
        _truth("several_nuclei", "cells", "living cells that come from the fusion of cells"),
        _truth("mitochondria", "mitochondria", "mitochondria in all its cells"),
        _truth("mitochondria_per_cell", "mitochondria/cell", "per living cell"),
        _truth("foreign_per_cell", "mitochondria/cell", "born in another population, per living cell"),
        _truth("mass_per_cell", "mass units/cell", "mass per living cell"),
        _truth("damage", "1", "mean damage of the mitochondria of living cells"),
        _truth("atp", "mM", "mean ATP of living cells"),
        _truth("h2o2", "nM", "mean cytosolic H2O2 of living cells"),
        _truth("oxygen_use", "fmol/min/cell", "mean oxygen use of living cells"),
        _truth("received", "mitochondria", "mitochondria of other cells received so far"),
        _truth("donated", "mitochondria", "mitochondria given so far"),
        _truth("returned", "mitochondria", "mitochondria that left and came back"),
        _truth("degraded_arrivals", "mitochondria", "arrivals degraded so far"),
        _truth("in_tubes", "mitochondria", "inside nanotubes of the well"),
        _truth("vesicles_shed", "vesicles", "vesicles of any kind that its cells have shed so far"),
        _truth("in_vesicles", "mitochondria", "inside vesicles of the well"),
        _truth("in_medium", "mitochondria", "free in the medium of the well"),
        _truth("in_delivery", "mitochondria", "of doses, still at the site of injection, in the blood or in the nose"),
        _truth("born", "mitochondria", "booked births of the well"),
        _truth("degraded", "mitochondria", "booked degradations of the well"),
        _truth("lysed", "mitochondria", "booked lyses of the well"),
    ),
    read=read_state,
    tables=ORGANELLES,
)
