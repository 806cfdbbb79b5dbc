"""The workload with the clocks of other simulators, and with our own.

**Pinned**: every 0.01 min diffusion and uptake, every 0.1 min mechanics; positions of cells go into the uptake of voxels once per step
of mechanics. **Own**: mechanics in steps as long as keep the error of every cell below a tolerance; the field by backward Euler,
solved together along all axes, in steps that grow as the field settles, in the end to the longest: a field at rest costs one
residual. Both give the same limit as their steps go to zero, :func:`mitoferry.studies.cells_only.error.errors_of_clocks` says how far
each is from it.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.row import row
from mitoferry.space.crowd import Crowd
from mitoferry.space.implicit_box import ImplicitBox, Medium, box_voxel
from mitoferry.space.packed_lists import BLOCK_CELLS
from mitoferry.space.sweeps import allocate_box, fill_uptake, prepare_spread, step_box, voxel_of
from mitoferry.studies.cells_only.workload import Workload, ball

PHASES = ("diffusion", "uptake", "mechanics", "neighbours")
FIELD_CLOCK, MECHANICS_CLOCK = 0.01, 0.1  # min
NOTHING = np.zeros(0)


class OwnClocks(NamedTuple):
    """How our clocks are steered.

    Attributes:
        field: error of one step of the field, of the voxel that errs most, as a share of the concentration at the faces.
        place: error of one step of mechanics, of the cell that errs most [um].
        first: first step of the field [min]. longest: longest step of either [min].
    """

    field: float = 0.03
    place: float = 0.05
    first: float = 0.005
    longest: float = 5.0

    def halved(self) -> OwnClocks:
        """Steps of half the length: the error of a step goes with its square."""
        return OwnClocks(self.field / 4.0, self.place / 4.0, self.first / 2.0, self.longest / 2.0)


@row
def sample_row(b, n, cells, found, box):
    """Concentration at the cells of block ``b``, in order of ids."""
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        found[int(cells.id[i])] = box.field[voxel_of(cells.place[i, 0], cells.place[i, 1], cells.place[i, 2], box)]


@row
def sample_own_row(b, n, cells, found, box, face):
    """The same from the planes of the implicit solver."""
    for i in range(b * BLOCK_CELLS, min((b + 1) * BLOCK_CELLS, n)):
        found[int(cells.id[i])] = face + box.planes[box_voxel(cells.place[i, 0], cells.place[i, 1], cells.place[i, 2], box)]


class Stopwatch:
    """Wall seconds per phase."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._last = time.perf_counter()

    def start(self) -> None:
        """Begin to count."""
        self._last = time.perf_counter()

    def phase(self, name: str) -> None:
        """The time since the last call went to ``name``."""
        now = time.perf_counter()
        self.seconds[name] += now - self._last
        self._last = now


class PinnedClocks:
    """The workload with fixed clocks.

    Args:
        work: what to simulate.
        backend: runs the row functions.
        fresh_lists: lists of neighbours made anew before every step of mechanics, as others do.
        refine: clocks shorter by this factor.
    """

    def __init__(self, work: Workload, backend: Any, *, fresh_lists: bool = False, refine: int = 1) -> None:
        self.work, self.backend = work, backend
        self.crowd = Crowd(backend, ball(work), work.radius, work.potential, uptake=work.share, fresh_lists=fresh_lists)
        self.box = allocate_box(work.shape, work.edge, work.face)
        self.clock, self.step_of_cells = FIELD_CLOCK / refine, MECHANICS_CLOCK / refine
        self.spread = prepare_spread(self.box, work.diffusion, work.decay, self.clock, face=work.face)
        self.per_step = round(self.step_of_cells / self.clock)
        self.watch = Stopwatch()

    def advance(self, minutes: float) -> None:
        """Advance by ``minutes``, a whole number of steps of mechanics."""
        watch, crowd, backend = self.watch, self.crowd, self.backend
        watch.start()
        for _ in range(round(minutes / self.step_of_cells)):
            backend.serial(fill_uptake, crowd.n, crowd.cells.place, crowd.cells.uptake, NOTHING, self.box, self.clock)
            watch.phase("uptake")
            for _ in range(self.per_step):
                step_box(backend, self.box, self.spread)
            watch.phase("diffusion")
            listing = crowd.seconds
            crowd.step(self.step_of_cells)
            watch.phase("mechanics")
            listing = crowd.seconds - listing
            watch.seconds["neighbours"] += listing
            watch.seconds["mechanics"] -= listing

    def concentrations(self) -> Any:
        """float64 [cells]: concentration at each cell, in order of ids."""
        found = np.zeros(self.crowd.n)
        self.backend.each(sample_row, self.crowd.blocks, self.crowd.n, self.crowd.cells, found, self.box)
        return found

    @property
    def bytes_held(self) -> int:
        """Bytes of all arrays."""
        return self.crowd.bytes_held + sum(array.nbytes for array in self.box)


class FreeClocks:
    """The workload with our clocks.

    Args:
        work: what to simulate.
        backend: runs the row functions.
        clocks: how they are steered.
    """

    def __init__(self, work: Workload, backend: Any, clocks: OwnClocks | None = None) -> None:
        self.work, self.backend, self.clocks = work, backend, clocks or OwnClocks()
        self.crowd = Crowd(backend, ball(work), work.radius, work.potential, uptake=work.share)
        self.box = ImplicitBox(backend, work.shape, work.edge, Medium(work.diffusion, work.decay, work.face), work.face)
        self.watch = Stopwatch()
        self.steps = 0
        self._step = self.clocks.first

    def advance(self, minutes: float) -> None:
        """Advance by ``minutes``: one step of mechanics after the other, and in each as many of the field as it needs."""
        watch, crowd, left = self.watch, self.crowd, float(minutes)
        watch.start()
        while left > 1e-9:
            listing = crowd.seconds
            moved = crowd.relax(left, self.clocks.place, self.clocks.longest, steps=1)
            watch.phase("mechanics")
            listing = crowd.seconds - listing
            watch.seconds["neighbours"] += listing
            watch.seconds["mechanics"] -= listing
            self.box.take_up(crowd.n, crowd.cells)
            watch.phase("uptake")
            self._settle(moved)
            watch.phase("diffusion")
            left -= moved

    def _settle(self, minutes: float) -> None:
        """Advance the field by ``minutes`` beside cells that stay where they are."""
        clocks, left = self.clocks, minutes
        while left > 1e-9:
            dt = left / math.ceil(left / min(self._step, clocks.longest) - 1e-9)
            error = self.box.advance(dt)
            factor = 0.9 * math.sqrt(clocks.field * self.work.face / max(error, 1e-300))
            self._step = dt * min(max(factor, 0.25), 3.0)
            self.steps += 1
            left -= dt

    def concentrations(self) -> Any:
        """float64 [cells]: concentration at each cell, in order of ids."""
        found = np.zeros(self.crowd.n)
        self.backend.each(sample_own_row, self.crowd.blocks, self.crowd.n, self.crowd.cells, found, self.box.box, self.work.face)
        return found

    @property
    def bytes_held(self) -> int:
        """Bytes of all arrays."""
        return self.crowd.bytes_held + self.box.bytes_held
