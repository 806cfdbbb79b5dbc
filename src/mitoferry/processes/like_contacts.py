"""Contacts with likes: how much of its contacts a cell counts when it asks whether it may divide.

Mechanism. Junctions that stop the cycle of untransformed cells are made between cells of one type: epithelium and fibroblasts grow on in
contact with each other and stop among their own. Of the cells that cell i touches, a share u is of another type; its contacts count as

    n x (1 - (1 - c) u)

with c the parameter ``division.unlike_contact``: 1 = all contacts count alike, 0 = only those with likes. Types are told apart by their
name; a line without mtDNA is another type than its parent.

Only wells with more than one type are looked at: elsewhere the factor is exactly 1. Touching is what ``division`` means by it: the gap is
at most ``contact_gap``. Step error: none, contacts are those of the moment.
Verification: ``tests/verification/test_like_contacts.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.row import row
from mitoferry.processes.contacts import contact_length
from mitoferry.processes.nanotube_links import centre_distance
from mitoferry.space.geometry import can_touch
from mitoferry.space.neighbours import bin_line, bins_near, members

REACH = 2.0  # um, gap up to which two cells count as neighbours


def kinds_of_groups(world: Any) -> Any:
    """Number of the cell type of every group, int32, alike in groups of cells of the same type."""
    names: dict[str, int] = {}
    world.backend.pull(world.groups.well, world.groups.population, world.wells.arm)
    kinds = np.zeros(len(world.groups.well), dtype=np.int32)
    by_arm = [{q.index: names.setdefault(q.cell_type.name, len(names)) for q in arm.sources} for arm in world.spec.arms]
    for g in range(len(kinds)):
        arm = by_arm[int(world.wells.arm[world.groups.well[g]])]
        kinds[g] = arm.get(int(world.groups.population[g]), -1)
    return kinds


@row
def like_row(i, passed_over, kinds, unlike, cells, wells, neighbours):
    """Share of the contacts of cell ``i`` that does not count into ``passed_over``, which is 0 beforehand."""
    if int(cells.n_contacts[i]) <= 0:
        return
    w = int(cells.well[i])
    geometry = int(wells.geometry[w])
    radius = float(cells.radius[i])
    y0, my, z0, mz, lines = bins_near(i, radius + float(neighbours.largest[w]) + REACH, cells, wells, neighbours)
    own = int(kinds[int(cells.group[i])])
    met = 0
    other = 0
    for jz in range(mz):
        for jy in range(my):
            line = bin_line(y0 + jy, z0 + jz, lines)
            for run in range(2):
                lo, hi = members(line, run, lines, neighbours)
                for m in range(lo, hi):
                    j = int(neighbours.member[m])
                    if j == i or not can_touch(geometry, int(cells.layer[i]), int(cells.layer[j])):
                        continue
                    if contact_length(centre_distance(i, j, cells, wells), radius, float(cells.radius[j]), REACH) <= 0.0:
                        continue
                    met += 1
                    if int(kinds[int(cells.group[j])]) != own:
                        other += 1
    if met > 0:
        passed_over[i] = (1.0 - unlike) * (other / met)


def weigh_contacts(world: Any, p: Any) -> Any:
    """Share of the contacts of every cell that does not count in the contact inhibition of its cycle, float64 [n_cells], for a launch."""
    backend, n = world.backend, world.n_cells
    passed_over = backend.zeros(n)
    if world.space is not None and p.unlike_contact < 1.0:
        kinds = kinds_of_groups(world)
        if len(np.unique(kinds)) > 1:
            backend.each(like_row, n, passed_over, kinds, p.unlike_contact, world.cells, world.wells, world.space.neighbours)
    return passed_over
