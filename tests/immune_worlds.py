"""Small worlds for the tests of immunity: cells at rest with given immune numbers, on plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from fates import rest
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import SUM_DAMAGE, SUM_DEHYDROGENASE, SUM_MASS
from worlds import cell_type, make_world, population

MACROPHAGE = dict(
    tlr9_level=1.0, sting_level=1.0, nlrp3_level=1.0, macrophage=1.0, inflammatory_secretion=1.0, trophic_secretion=1.0,
    alarmin_secretion=1.0, lymphokine_secretion=1.0, phagocyte=1.0,
)  # fmt: skip


def immune_world(count: int = 4, *, backend: Any = None, wells: int = 1, **numbers: float) -> Any:
    """One population of ``count`` cells without mitochondria records, at rest, with half of their ATP from respiration."""
    kind = cell_type(**{**dict(mitochondria=0.0, cell_cv=0.0), **MACROPHAGE, **numbers})
    world = make_world([population("recipient", 0, count=count, numbers=kind)], backend=backend or Reference(), replicates=wells)
    rest(world)
    set_rest(world)
    return world


def set_rest(world: Any) -> None:
    """A hundred units of mass with closed pores and no damage; half of the ATP by respiration; 2000 copies of mtDNA."""
    c = world.cells
    rows = cells_of(world)
    c.sums[rows, 0, SUM_MASS] = 100 << 20
    c.sums[rows, 0, SUM_DEHYDROGENASE] = 100 << 20
    c.sums[rows, 0, SUM_DAMAGE] = 1 << 18
    c.copies[rows, 0] = 2000
    c.atp_flux[rows] = 100.0
    c.atp_oxphos[rows] = 50.0


def cells_of(world: Any) -> np.ndarray:
    """Rows of all cells."""
    return np.arange(2 * world.n_wells, world.n_cells)


def state_of(world: Any) -> list[bytes]:
    """Bytes of cells, groups and wells."""
    return [np.ascontiguousarray(c).tobytes() for t in (world.cells, world.groups, world.wells) for c in t]
