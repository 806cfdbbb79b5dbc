"""Which fields are solved side by side, and the rooms that they are solved in.

A room is what one row of the solver works in. There are as many as threads, and each takes groups in turn, so the work space
does not grow with the plate and stays in the cache. Neither the groups nor the rooms can change a bit of the fields.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from mitoferry.core.schema import N_SPECIES
from mitoferry.space.diffusion import GROUP_LANES, Work
from mitoferry.space.geometry import BLOCK
from mitoferry.space.solver import IMPLICIT_PLANES
from mitoferry.space.solver_lines import N_LINES, line_length
from mitoferry.space.solver_modes import EXPLICIT_PLANES, NARROW_PLANES

MOST_LANES = 8  # a vector register of float64; planes of more lanes leave the nearest cache
GROUPS_PER_THREAD = 4  # at least, where there are so many fields


def groups_of(plan: Any, faces: Any, wells: Any, fields: Any, widest: int) -> list[tuple[int, int, list[int]]]:
    """(method, held, lanes) of the fields to solve: those that can be solved side by side, at most ``widest`` of them.

    Side by side lie fields on grids of one shape and border, one species after the other: those of one species take alike
    many iterations. Lanes are well * N_SPECIES + species. Groups of one kind follow each other, so that dealing them in turn
    shares the work.
    """
    alike: dict[tuple[int, ...], list[int]] = {}
    for s in range(N_SPECIES):
        for w in np.flatnonzero(plan[:, s]).tolist():
            block = int(wells.geometry[w]) == BLOCK
            key = (int(plan[w, s]), int(faces[w, s]), *fields.shape[w].tolist(), int(wells.periodic[w]), int(block))
            alike.setdefault(key, []).append(w * N_SPECIES + s)
    found = []
    for (method, held, *_), lanes in sorted(alike.items(), reverse=True):
        parts = -(-len(lanes) // widest)
        cuts = [len(lanes) * k // parts for k in range(parts + 1)]
        found += [(method, held, lanes[a:b]) for a, b in itertools.pairwise(cuts)]
    return found


def lanes_side_by_side(backend: Any, lanes: int) -> int:
    """How many fields to solve side by side: they fill vector registers, but every thread must have work."""
    return min(max(lanes // (GROUPS_PER_THREAD * getattr(backend, "threads", 1)), 1), MOST_LANES)


def work_for(groups: list[tuple[int, int, list[int]]], rooms: int, fields: Any) -> Work:
    """Rooms to work in, each as large as the largest group needs."""
    table = np.zeros((len(groups), GROUP_LANES + max((len(g[2]) for g in groups), default=0)), dtype=np.int64)
    planes = narrow = line = 1
    for k, (method, held, lanes) in enumerate(groups):
        table[k, : GROUP_LANES + len(lanes)] = method, held, len(lanes), *lanes
        shape = fields.shape[lanes[0] // N_SPECIES].tolist()
        size = math.prod(shape) * len(lanes)
        planes = max(planes, size * (IMPLICIT_PLANES if method == 2 else EXPLICIT_PLANES))
        narrow = max(narrow, size * NARROW_PLANES if method == 2 else 1)
        line = max(line, line_length(shape, len(lanes)))
    return Work(
        table,
        np.zeros((rooms, planes)),
        np.zeros((rooms, narrow), dtype=np.float32),
        np.zeros((rooms, N_LINES, line)),
        np.asarray(fields.modes, dtype=np.float32),
    )


def work_of(world: Any, plan: Any) -> Work:
    """The groups that ``plan`` calls for (``plan_row``) and their rooms, kept until the plan or the held faces change."""
    scratch, wells, backend = world.space.scratch, world.wells, world.backend
    walled = scratch.get("diffusion.walled")
    if walled is None:
        walled = scratch["diffusion.walled"] = (wells.geometry == BLOCK) & (wells.periodic == 0)
    faces = walled[:, None] & (wells.boundary >= 0.0) if walled.any() else np.zeros(plan.shape, dtype=bool)
    key = plan.tobytes() + faces.tobytes()
    if scratch.get("diffusion.key") != key:
        scratch.pop("diffusion.work", None)  # two of them at a time would be the peak of a large plate
        scratch.pop("diffusion.key", None)
        groups = groups_of(plan, faces, wells, world.fields, lanes_side_by_side(backend, int(np.count_nonzero(plan))))
        rooms = min(getattr(backend, "threads", 1), len(groups))
        scratch["diffusion.work"], scratch["diffusion.key"] = work_for(groups, rooms, world.fields), key
        backend.replaced(scratch["diffusion.work"])
    found: Work = scratch["diffusion.work"]
    return found


def work_bytes(voxels: int, threads: int) -> int:
    """Bytes of the rooms for grids of ``voxels`` on so many threads, at most."""
    return threads * MOST_LANES * voxels * (8 * IMPLICIT_PLANES + 4 * NARROW_PLANES)
