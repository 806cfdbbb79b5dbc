"""The fields advanced by a whole device, in many short launches with a thread for every voxel, column or lane.

The same step with the same bits as that of ``space/diffusion.py``, where one row solves a group of fields: for backends on which
threads are many and each is slow. Fields of all wells are solved together, in batches (``space/wide_lanes.py``). The host learns once
per step which fields need what, and once per iteration which lanes have not arrived.

Tests: tests/backends/test_wide_fields.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.schema import N_SPECIES
from mitoferry.space.solver import IMPLICIT_PLANES
from mitoferry.space.solver_modes import EXPLICIT_PLANES, NARROW_PLANES
from mitoferry.space.wide_ends import (
    EXPONENTIAL,
    HELD,
    IMPLICIT,
    LEVEL,
    Plan,
    VoxelCells,
    begin_column,
    begin_exponential_row,
    begin_implicit_row,
    count_row,
    decide_row,
    end_column,
    end_row,
    key_row,
    level_row,
    load_row,
    unload_row,
)
from mitoferry.space.wide_lanes import MOST_VOXELS, Batch, make_batch, parts_of, where_of
from mitoferry.space.wide_solver import exponential_lanes, implicit_lanes


def is_wide(world: Any) -> bool:
    """Whether the fields are advanced by a whole device: on GPUs, or as ``world.space.wide`` says."""
    wide = world.space.wide
    return world.backend.name == "cuda" if wide is None else bool(wide)


class WideFields:
    """What is kept from step to step.

    Args:
        world: whose fields.
        most: voxels of a batch.

    Attributes:
        plan: what fields need.
        found: the cells of every voxel.
        batches: lanes of the fields that need a step.
    """

    def __init__(self, world: Any, most: int = MOST_VOXELS) -> None:
        backend, fields = world.backend, world.fields
        backend.pull(fields.shape, fields.mode_offset, fields.eigen_offset, world.wells.geometry, world.wells.periodic)
        self.most = most
        sizes = fields.shape.astype(np.int64).prod(axis=1)
        self.longest = int(sizes.max())
        self.n_fields = world.n_wells * N_SPECIES
        self.plan = Plan(
            backend.zeros((world.n_wells, 2 * N_SPECIES), np.int64), backend.zeros(self.n_fields, np.int32), backend.zeros(self.n_fields)
        )
        self._first_voxel = np.cumsum(sizes) - sizes
        self._start = backend.zeros(int(sizes.sum()) + 1, np.int32)
        self._modes = np.asarray(fields.modes, dtype=np.float32)
        self._planes, self._narrow = backend.zeros(0), backend.zeros(0, np.float32)
        self._key = b""
        self.found = self._room_for(world)
        self.batches: list[Batch] = []

    def _room_for(self, world: Any) -> VoxelCells:
        n, zeros = len(world.cells.id), world.backend.zeros
        return VoxelCells(self._first_voxel, zeros(n, np.int32), np.arange(n, dtype=np.int32), self._start, zeros(n, np.int32))

    def sort_cells(self, world: Any) -> None:
        """Find the cells of every voxel."""
        if len(self.found.key) != len(world.cells.id):
            self.found = self._room_for(world)
        found = self.found
        world.backend.each(key_row, world.n_cells, world.cells, found)
        world.backend.bins(world.n_cells, found.key, found.tie, found.start, found.member)

    def decide(self, world: Any, dt: float, h2o2_clearance: float) -> None:
        """Find out which fields need a step; advance those that are the same everywhere and touched by no cell."""
        backend, cells, fields, wells, plan = world.backend, world.cells, world.fields, world.wells, self.plan
        counts = backend.totals(count_row, world.n_cells, world.n_wells, 2 * N_SPECIES, cells, fields, h2o2_clearance)
        backend.write(slice(0, world.n_wells), plan.counts, counts)
        backend.each(decide_row, self.n_fields, plan, fields, wells, dt)
        (codes,) = backend.read(slice(0, self.n_fields), plan.plan)
        level = np.flatnonzero(codes == LEVEL)
        backend.each(level_row, len(level) * self.longest, level, plan, fields, self.longest)
        codes[level] = 0
        if codes.tobytes() != self._key:
            self._key = codes.tobytes()
            self._batches(world, codes)

    def _batches(self, world: Any, codes: Any) -> None:
        """Make the batches of a plan, and room for the largest."""
        fields, backend = world.fields, world.backend
        self.batches = []
        for method in (IMPLICIT, EXPONENTIAL):
            places = np.flatnonzero(codes & (HELD - 1) == method)
            for part in parts_of(places, fields, self.most):
                where = where_of(part, codes[part] >= HELD, world.wells, fields)
                self.batches.append(make_batch(backend, where, implicit=method == IMPLICIT))
        planes = max(((IMPLICIT_PLANES if b.implicit else EXPLICIT_PLANES) * b.n_voxels for b in self.batches), default=0)
        narrow = max((NARROW_PLANES * b.n_voxels for b in self.batches if b.implicit), default=0)
        if len(self._planes) < planes:
            self._planes = backend.zeros(planes)
        if len(self._narrow) < narrow:
            self._narrow = backend.zeros(narrow, np.float32)

    def solve(self, world: Any, batch: Batch, dt: float, h2o2_clearance: float) -> None:
        """Advance the fields of a batch."""
        backend, fields, wells, lanes, planes, voxels = world.backend, world.fields, world.wells, batch.lanes, self._planes, batch.n_voxels
        implicit = int(batch.implicit)
        backend.each(load_row, voxels, lanes, planes, voxels, implicit, world.cells, self.found, fields, wells, h2o2_clearance)
        backend.each(begin_column, batch.n_columns, lanes, planes, voxels, implicit)
        if batch.implicit:
            backend.each(begin_implicit_row, batch.n, lanes, fields, wells, dt)
            implicit_lanes(backend, batch, planes, self._narrow, self._modes, fields.eigenvalues, dt)
        else:
            backend.each(begin_exponential_row, batch.n, lanes, fields, wells, dt)
            exponential_lanes(backend, batch, planes, fields.modes, fields.eigenvalues, dt)
        backend.each(unload_row, voxels, lanes, planes, fields, wells)
        backend.each(end_column, batch.n_columns, lanes, planes, wells)
        backend.each(end_row, batch.n, lanes, implicit, fields, wells, dt)


def advance_wide(world: Any, dt: float, h2o2_clearance: float) -> None:
    """Advance all fields by ``dt``; the voxels of the cells are known."""
    work = world.space.scratch.get("diffusion.wide_fields")
    if work is None:
        work = world.space.scratch["diffusion.wide_fields"] = WideFields(world)
    work.sort_cells(world)
    work.decide(world, dt, h2o2_clearance)
    for batch in work.batches:
        work.solve(world, batch, dt, h2o2_clearance)


__all__ = ["WideFields", "advance_wide", "is_wide"]
