"""Mitochondria outside cells: free in the medium or inside vesicles, by the population that they were born in.

The medium is collected and counted by flow: free mitochondria, and those inside vesicles (the membrane is opened to count them). Of a
population: those born in its cells, by their label; of the whole well: all, those of a dose too. *Secreted* are those that a cell
has let go by release or in a vesicle; those of cells that fell apart, and those in apoptotic bodies, are debris. Counted is what is
there at the time: what cells have taken up again, what was washed away and what has fallen apart is gone, so that a hungry recipient
makes a secretion look small. ``taken_fraction`` is the share of the mitochondria no longer in a cell of their own population that
were found inside others. ``functional_fraction`` is the share of those outside that keep a potential (a dye that needs one); the
dead fall apart and are no longer counted, which flatters it.

Counts carry an error of 10 % per well (modelling choice). Tests: ``tests/unit/test_assay_outside.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, born_in, potentials, sums_per_cell
from mitoferry.core.schema import (
    APOPTOTIC_BODY,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_EMPTY,
    CELL_POOL,
    CELL_WAITING,
    N_POOLS,
    NO_VESICLE,
    OCCUPIED,
    PAGE,
    POOL_MEDIUM,
    PSI_OFFSET_SCALE,
    ROUTE_LYSIS,
    ROUTE_MASK,
    ROUTE_SHIFT,
    Step,
)
from mitoferry.core.streams import ASSAY_ORGANELLE

WELL = 1  # draw of the stream
LOWEST_POTENTIAL = 50.0  # mV, below which a dye does not stain


def free_of_cells(view: View) -> dict[str, np.ndarray]:
    """Per well: free mitochondria of the measured population, of these debris, and of these with potential."""
    world = view.world

    def quantities(chunk: Chunk) -> list[Any]:
        of = np.ones(len(chunk.flags), bool) if view.population is None else born_in(world, chunk) == view.population
        debris = ((chunk.flags >> ROUTE_SHIFT) & ROUTE_MASK) == ROUTE_LYSIS
        return [of, of & debris, of & (potentials(world, chunk) > LOWEST_POTENTIAL)]

    rows = N_POOLS * np.arange(view.n_wells) + POOL_MEDIUM
    free, debris, working = (x[rows] for x in sums_per_cell(world, quantities, 3))
    return {"free": free, "debris": debris, "working": working}


def inside_vesicles(view: View, *, bodies: bool) -> tuple[np.ndarray, np.ndarray]:
    """Per well: mitochondria of the measured population inside apoptotic bodies or inside other vesicles, and of these with potential."""
    world = view.world
    v = world.vesicles
    kind = v.kind[: world.n_vesicles]
    rows = np.flatnonzero((kind != NO_VESICLE) & ((kind == APOPTOTIC_BODY) == bodies))
    slots, wells = v.slots[rows].ravel(), np.repeat(v.well[rows], v.slots.shape[1])
    held = slots >= 0
    slots, wells = slots[held], wells[held]
    m = world.mitochondria
    of = (m.flags[slots] & OCCUPIED) != 0
    if view.population is not None:
        of &= (m.birth[slots] >> 24) == view.population
    owner = world.pages.owner[slots // PAGE]
    psi = world.cells.psi[owner, 0].astype(np.float64) - PSI_OFFSET_SCALE * m.psi_offset[slots]

    def count(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(wells[chosen], minlength=view.n_wells).astype(np.float64)

    return count(of), count(of & (psi > LOWEST_POTENTIAL))


def inside_others(view: View) -> np.ndarray:
    """Per well: mitochondria of the measured population (of any, for the whole well) inside cells of another."""
    world, c = view.world, view.world.cells
    own = c.population[: world.n_cells].astype(np.int64)

    def quantities(chunk: Chunk) -> list[Any]:
        born = born_in(world, chunk)
        return [(born != own[chunk.owner]) & ((born == view.population) if view.population is not None else True)]

    (number,) = sums_per_cell(world, quantities, 1)
    gone = (CELL_EMPTY, CELL_POOL, CELL_WAITING, CELL_DEAD_APOPTOTIC, CELL_DEAD_NECROTIC)
    rows = np.flatnonzero(~np.isin(c.state[: world.n_cells], gone))
    return View(world, None).per_well(rows, number[rows])


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """What the medium of every well holds."""
    medium, (shed, whole) = free_of_cells(view), inside_vesicles(view, bodies=False)
    dying, whole_of_dying = inside_vesicles(view, bodies=True)
    inside = shed + dying
    taken, cells = inside_others(view), view.per_well(view.rows())
    free, outside = medium["free"], medium["free"] + inside
    secreted = free - medium["debris"] + shed
    error = view.well_factor(options["error"], ASSAY_ORGANELLE, step.step, WELL)
    return {
        "free": free * error,
        "free_per_cell": ratio(free, cells) * error,
        "in_vesicles": inside * error,
        "secreted_per_cell": ratio(secreted, cells) * error,
        "debris": (medium["debris"] + dying) * error,
        "functional_fraction": ratio(medium["working"] + whole + whole_of_dying, outside),
        "taken_fraction": ratio(taken, taken + outside),
        "true_outside": outside,
    }


OUTSIDE = Assay(
    name="mitochondria_outside",
    about="mitochondria in the medium, free and inside vesicles, by the population that they come from; what was taken up is gone",
    readouts=(
        Readout("free", "mitochondria", "free in the medium of the well"),
        Readout("free_per_cell", "mitochondria/cell", "the same per cell of the population that was ever in the well"),
        Readout("in_vesicles", "mitochondria", "inside vesicles"),
        Readout("secreted_per_cell", "mitochondria/cell", "released or shed in vesicles and there, per cell ever in the well; no debris"),
        Readout("debris", "mitochondria", "free or in apoptotic bodies, out of cells that have died"),
        Readout("functional_fraction", "1", "share of those outside cells that keep a potential"),
        Readout("taken_fraction", "1", "share inside other cells of all that are there and not in a cell of their own population"),
        Readout("true_outside", "mitochondria", "free and in vesicles, without error", truth=True),
    ),
    read=read,
    options={"error": Option(0.1, "error of a count, as a coefficient of variation", high=1.0)},
    of="donor",
    tables=(*ORGANELLES, "vesicles"),
)
