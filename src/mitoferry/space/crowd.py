"""A crowd of packed cells (``space/packed.py``) with its lists of neighbours, advanced by fixed or by adaptive steps."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from mitoferry.space.packed import (
    LARGEST_CUT,
    LARGEST_GROWTH,
    SAFETY,
    Measured,
    Packed,
    Potential,
    accept_row,
    bashforth_row,
    euler_row,
    heun_row,
    velocity_row,
)
from mitoferry.space.packed_lists import (
    BLOCK_CELLS,
    FINE,
    MARGIN,
    ROOM,
    Bins,
    Lists,
    bin_cells_row,
    list_row,
    move_cells_row,
    sort_bins,
)

SHORTEST = 1e-4  # min: an adaptive step is never cut below this


def allocate_cells(n: int) -> Packed:
    """Room for ``n`` cells."""
    return Packed(
        id=np.arange(n, dtype=np.int32),
        place=np.zeros((n, 4)),
        target=np.zeros((n, 4)),
        velocity=np.zeros((n, 3)),
        origin=np.zeros((n, 3)),
        uptake=np.zeros(n),
    )


class Crowd:
    """Cells that push and stick.

    Args:
        backend: runs the row functions.
        places: float [cells, 3], centres [um].
        radii: radius of each cell, or of all [um].
        potential: how they push and stick.
        uptake: share of a voxel's amount that each takes up per minute.
        fresh_lists: make the lists of neighbours, without a margin, anew before every step (of :meth:`step` only).

    Attributes:
        cells: the table; rows change places when the lists are made, ``cells.id`` says which cell is where.
        listings: how often the lists were made.
        seconds: time that making them took [s].
        steps, refused: steps taken by :meth:`relax`, and those taken again because their error was too large.
    """

    def __init__(
        self, backend: Any, places: Any, radii: Any, potential: Potential, *, uptake: Any = 0.0, fresh_lists: bool = False
    ) -> None:
        self.backend = backend
        self.potential = potential
        self.fresh_lists = fresh_lists
        self.n = len(places)
        self.blocks = -(-self.n // BLOCK_CELLS)
        self.cells = allocate_cells(self.n)
        self._spare = allocate_cells(self.n)._replace(target=self.cells.target, origin=self.cells.origin)
        self.cells.place[:, :3] = places
        self.cells.place[:, 3] = radii
        self.cells.target[:] = self.cells.place
        self.cells.uptake[:] = uptake
        self.lists = Lists(np.zeros(self.n, dtype=np.int32), np.zeros((self.n, ROOM + 1), dtype=np.int32))
        self.measured = Measured(np.zeros(self.blocks), np.zeros(self.blocks))
        self.reach = potential.multiple * 2.0 * float(self.cells.place[:, 3].max(initial=0.0))
        self.margin = 0.0 if fresh_lists else MARGIN * self.reach
        self.listings = self.steps = self.refused = 0
        self.seconds = 0.0
        self._bins: Bins | None = None
        self._started = False
        self._step = math.inf
        self.list_neighbours()

    def _fit_bins(self) -> Bins:
        """Bins over the box that holds all cells now; the old arrays where they are large enough."""
        edge = np.array([(self.reach + self.margin) / FINE, self.reach + self.margin, self.reach + self.margin])
        places = self.cells.place[:, :3]
        old = self._bins
        if old is not None and np.all(places >= old.low) and np.all(places < old.low + old.shape * old.edge):
            return old
        low = places.min(axis=0) - edge
        shape = np.maximum(np.ceil((places.max(axis=0) + edge - low) / edge), 1).astype(np.int64)
        order = np.zeros(self.n, dtype=np.int32)
        return Bins(np.zeros(int(shape.prod()) + 1, dtype=np.int32), np.zeros(self.n, dtype=np.int32), order, shape, edge, 1.0 / edge, low)

    def list_neighbours(self) -> None:
        """Sort the cells by bin, move them, and list their neighbours."""
        begun = time.perf_counter()
        each, n = self.backend.each, self.n
        bins = self._bins = self._fit_bins()
        each(bin_cells_row, self.blocks, n, self.cells, bins)
        self.backend.serial(sort_bins, n, bins)
        each(move_cells_row, self.blocks, n, self.cells, self._spare, bins)
        self.cells, self._spare = self._spare, self.cells
        while True:
            each(list_row, self.blocks, n, self.cells, bins, self.lists, self.reach + self.margin)
            longest = int(self.lists.count.max(initial=0))
            if longest < self.lists.near.shape[1]:
                break
            self.lists = Lists(self.lists.count, np.zeros((n, longest + longest // 4 + 1), dtype=np.int32))
        self.listings += 1
        self.seconds += time.perf_counter() - begun

    def _too_far(self) -> bool:
        return float(self.measured.moved.max(initial=0.0)) > 0.25 * self.margin * self.margin

    def step(self, dt: float) -> None:
        """One step of Adams-Bashforth of ``dt`` minutes (the first one Euler's)."""
        if self.fresh_lists and self._started:
            self.list_neighbours()
        first = 0 if self._started else 1
        self.backend.each(bashforth_row, self.blocks, self.n, self.cells, self.lists, self.measured, self.potential, float(dt), first)
        cells = self.cells
        self.cells = cells._replace(place=cells.target, target=cells.place)
        self._spare = self._spare._replace(target=cells.place)
        self._started = True
        if not self.fresh_lists and self._too_far():
            self.list_neighbours()

    def relax(self, minutes: float, tolerance: float, longest: float, *, steps: int = 0) -> float:
        """Advance by ``minutes`` with steps whose error [um, of the cell that errs most] is at most ``tolerance`` each.

        Returns:
            Minutes by which it went: less than ``minutes`` where ``steps`` of them were not enough.

        Args:
            minutes: how far to go.
            tolerance: error of one step [um].
            longest: longest step [min].
            steps: no more steps than this; 0: as many as it takes.
        """
        if self.fresh_lists:
            raise ValueError("adaptive steps need lists with a margin: make the crowd without fresh_lists")
        each, n, blocks, left = self.backend.each, self.n, self.blocks, float(minutes)
        end = self.steps + steps
        while left > 1e-12 and (steps == 0 or self.steps < end):
            count = math.ceil(left / min(self._step, longest) - 1e-9)
            dt = left / count  # even steps to the end
            each(velocity_row, blocks, n, self.cells, self.lists, self.potential)
            while True:
                each(euler_row, blocks, n, self.cells, self.measured, dt)
                if self._too_far():
                    self.list_neighbours()
                    each(euler_row, blocks, n, self.cells, self.measured, dt)
                each(heun_row, blocks, n, self.cells, self._spare.velocity, self.lists, self.measured, self.potential, dt)
                error = float(self.measured.error.max(initial=0.0))
                far = self._too_far() and dt > SHORTEST  # one step moves a cell beyond what its list holds
                factor = SAFETY * math.sqrt(tolerance / max(error, 1e-300))
                if far or (error > tolerance and dt > SHORTEST):
                    self.refused += 1
                    dt = max(dt * (0.5 if error <= tolerance else max(factor, LARGEST_CUT)), SHORTEST)
                    continue
                break
            each(accept_row, blocks, n, self.cells, self._spare.velocity, self.measured, dt)
            self._step = max(dt * min(max(factor, LARGEST_CUT), LARGEST_GROWTH), SHORTEST)
            self.steps += 1
            left -= dt
            if self._too_far():
                self.list_neighbours()
        return minutes - left

    def in_order(self, column: Any) -> Any:
        """A copy of a column of the table in order of ids."""
        found = np.empty_like(column)
        found[self.cells.id] = column
        return found

    @property
    def places(self) -> Any:
        """float64 [cells, 3], centres in order of ids [um]."""
        return self.in_order(self.cells.place[:, :3])

    @property
    def bytes_held(self) -> int:
        """Bytes of all arrays."""
        tables = (self.cells, self._spare, self.lists, self.measured, self._bins or ())
        return sum({id(array): array.nbytes for table in tables for array in table}.values())
