"""What death would take of resting cells: hazards beyond the base hazard, summed over every step, and the highest H2O2 of any cell."""

from __future__ import annotations

from typing import Any

import numpy as np

HOUR = 3600.0


def hazard_beyond_base(world: Any, rows: np.ndarray) -> np.ndarray:
    """Hazards of death [1/h] of the living cells ``rows``, all causes, beyond the base hazard and what the type dies of by itself."""
    from mitoferry.processes.rest import RESTING_ATP

    c, p = world.cells, world.parameters["death"]
    half = p.necrosis_atp * RESTING_ATP
    kept = [x**4 / (x**4 + half**4) for x in (RESTING_ATP, np.maximum(c.atp[rows].astype(float), 0.0))]
    necrosis = p.necrosis_hazard * np.maximum(kept[0] - kept[1], 0.0)
    by_itself = (p.base_hazard + world.groups.spontaneous_death[c.group[rows]]) / (1.0 + c.survival[rows])
    return c.death_hazard[rows].astype(float) - by_itself + c.other_hazards[rows].sum(axis=1) + necrosis


class Toll:
    """Sums over all living cells of a plate, by well.

    Attributes:
        cell_hours: hours lived, ``[well]``.
        hazard_hours: hazards beyond the base over these hours, ``[well]``.
        most_h2o2: highest H2O2 of a cell [uM], ``[well]``.
    """

    def __init__(self, world: Any, *, after: float) -> None:
        from mitoferry.core.schema import N_POOLS

        self._world, self._after, self._tick = world, after, 0.0
        self._cells = np.arange(N_POOLS * world.n_wells, world.n_cells)
        self.cell_hours, self.hazard_hours, self.most_h2o2 = (np.zeros(world.n_wells) for _ in range(3))

    def take(self, tick: float) -> None:
        """Add the step that ends at ``tick`` [s]."""
        from mitoferry.core.schema import CELL_LIVE

        hours, self._tick = (tick - self._tick) / HOUR, tick
        if tick <= self._after:
            return
        world, c = self._world, self._world.cells
        world.backend.pull(c)
        rows = self._cells[c.state[self._cells] == CELL_LIVE]
        wells = c.well[rows]
        self.cell_hours += hours * np.bincount(wells, minlength=world.n_wells)
        self.hazard_hours += hours * np.bincount(wells, weights=hazard_beyond_base(world, rows), minlength=world.n_wells)
        np.maximum.at(self.most_h2o2, wells, c.h2o2[rows])


__all__ = ["Toll", "hazard_beyond_base"]
