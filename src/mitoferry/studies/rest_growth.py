"""A growing line without insult: what a cell holds while its number doubles, day by day.

Cells of a type alone in a dish with room (``studies/rest.py``, with the cycle of the type), fresh medium every day. Each sample is
taken over all cells that live in the wells of an arm, mothers and daughters: mitochondria, mass, copies of mtDNA per cell, ATP,
potential, H2O2 and damage. A line keeps its state if what a cell holds stays what it was while the cells multiply; seeded cells are at
phases of a growing culture, so that nothing has to settle but the smaller spread of daughters.

Verification: tests/verification/test_growing_line.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.studies.rest import HOUR, all_at_work

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec

QUANTITIES = ("cells", "number", "mass", "copies", "atp", "psi", "h2o2", "damage")


def run_growing(spec: PlateSpec, *, every: int = 12 * HOUR, threads: int = 1) -> dict[str, dict[str, np.ndarray]]:
    """Run a plate of :func:`mitoferry.studies.rest.rest_plate` whose cells divide.

    Args:
        spec: the plate.
        every: time between samples [s], the first after two hours.
        threads: of the backend; the result does not depend on it.

    Returns:
        Per arm and quantity of :data:`QUANTITIES` the samples ``[t]``: cells of all its wells, then means per cell; times under "hours".
    """
    from mitoferry.backends.cpu import Cpu
    from mitoferry.experiment.loop import Engine

    engine = Engine(spec, Cpu(threads=threads), processes=all_at_work(spec))
    engine.burn_in()
    found: dict[str, dict[str, list[float]]] = {arm.name: {q: [] for q in ("hours", *QUANTITIES)} for arm in spec.arms}
    due = 2 * HOUR
    while not engine.finished:
        engine.advance()
        if engine.tick < due:
            continue
        engine.world.backend.pull(engine.world.cells)
        for k, arm in enumerate(spec.arms):
            found[arm.name]["hours"].append(engine.tick / HOUR)
            for name, value in per_cell(engine.world, spec.wells_of(k)).items():
                found[arm.name][name].append(value)
        due = (due // every + 1) * every
    return {arm: {q: np.array(x) for q, x in samples.items()} for arm, samples in found.items()}


def per_cell(world: Any, wells: Sequence[int]) -> dict[str, float]:
    """What the living cells of ``wells`` hold, per cell."""
    from mitoferry.core.schema import CELL_LIVE, N_CLASSES, N_POOLS, SUM_DAMAGE, SUM_MASS, SUM_SCALE

    c, n = world.cells, world.n_cells
    rows = np.flatnonzero(np.isin(c.well[:n], list(wells)) & (np.arange(n) >= N_POOLS * world.n_wells) & (c.state[:n] == CELL_LIVE))
    mass, damage = (c.sums[rows][:, :N_CLASSES, kind].sum() * SUM_SCALE for kind in (SUM_MASS, SUM_DAMAGE))
    each = max(rows.size, 1)
    return {
        "cells": float(rows.size), "number": c.n_mitochondria[rows].sum() / each, "mass": mass / each,
        "copies": c.copies[rows].sum() / each,
        "atp": float(c.atp[rows].mean()), "psi": float(c.psi[rows, 0].mean()), "h2o2": float(c.h2o2[rows].mean()),
        "damage": damage / max(mass, 1e-9),
    }  # fmt: skip


__all__ = ["QUANTITIES", "per_cell", "run_growing"]
