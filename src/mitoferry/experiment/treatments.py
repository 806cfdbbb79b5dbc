"""Treatments: timed changes of nodes and medium, applied at the start of the macro-step in which they fall due."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.nodes import NODE, NODES
from mitoferry.core.plate_spec import Action, Arm, PlateSpec
from mitoferry.core.schema import CELL_LIVE, CELL_WAITING, CYTOKINES, SPECIES
from mitoferry.core.world import World

REST = np.array([node.rest for node in NODES])


def nodes_at(arm: Arm, time: float) -> dict[int, Any]:
    """Values of all nodes at ``time`` [s], by position of the population in the arm.

    Actions on one factor multiply, on one level add.
    """
    values = {slot: REST.copy() for slot in range(len(arm.populations))}
    for action in arm.actions:
        if action.kind != "node" or not action.start <= time < action.end:
            continue
        k = NODE[action.key]
        for slot, population in enumerate(arm.populations):
            if population.index in action.populations:
                if NODES[k].kind == "factor":
                    values[slot][k] *= action.value
                else:
                    values[slot][k] += action.value
    return values


def boundary_at(arm: Arm, time: float) -> Any:
    """Concentrations that the medium is held to at ``time``; -1 where it is held to none.

    Without an action, oxygen is held to that of the medium (the air of the incubator). Of several actions in force
    on one species the one that began last holds.
    """
    held = np.full(len(SPECIES), -1.0)
    held[SPECIES.index("oxygen")] = arm.medium.get("oxygen", 190.0)
    for action in sorted((a for a in arm.actions if a.kind == "boundary"), key=lambda a: a.start):
        if action.start <= time < action.end:
            held[SPECIES.index(action.key)] = action.value
    return held


def perfusion_at(arm: Arm, time: float) -> float:
    """Flow of blood through the block of an arm at ``time`` [s], relative: that of its tissue times all that acts on it."""
    flow = arm.geometry.perfusion
    for action in arm.actions:
        if action.kind == "perfusion" and action.start <= time < action.end:
            flow *= action.value
    return flow


class Treatments:
    """Applies the actions of every arm to the wells of a world.

    Attributes:
        changes: sorted times [s] at which anything changes in any arm.
    """

    def __init__(self, spec: PlateSpec) -> None:
        self.spec = spec
        times = {0.0}
        for arm in spec.arms:
            for a in arm.actions:
                times |= {a.start, a.end}
            times |= {p.added for p in arm.populations}
        self.changes = np.array(sorted(t for t in times if np.isfinite(t)))

    def due(self, before: float, now: float) -> bool:
        """Whether anything changes in (before, now]."""
        return bool(np.searchsorted(self.changes, now, side="right") > np.searchsorted(self.changes, before, side="right"))

    def apply(self, world: World, before: float, now: float, *, first: bool = False) -> None:
        """Bring nodes, boundaries, medium and late populations to what holds at ``now``; additions in (before, now]."""
        if not first and not self.due(before, now):
            return
        c = world.cells
        world.backend.pull(world.groups, world.wells, c.state, c.added)
        n_populations = world.n_populations
        for a, arm in enumerate(self.spec.arms):
            nodes, boundary = nodes_at(arm, now), boundary_at(arm, now)
            for w in self.spec.wells_of(a):
                for slot, values in nodes.items():
                    world.groups.nodes[w * n_populations + slot] = values
                world.wells.boundary[w] = boundary
                world.wells.perfusion[w] = perfusion_at(arm, now)
                for action in sorted((x for x in arm.actions if x.kind in ("medium", "wash")), key=lambda x: x.start):
                    if before < action.start <= now or (first and action.start <= now):
                        self._change_medium(world, w, arm, action)
        entering = np.flatnonzero((c.state[: world.n_cells] == CELL_WAITING) & (c.added[: world.n_cells] <= now))
        c.state[entering] = CELL_LIVE
        world.backend.push(world.groups, world.wells, c.state)

    def _change_medium(self, world: World, w: int, arm: Arm, action: Action) -> None:
        if action.kind == "wash":
            world.wells.cytokines[w] = [arm.medium.get(name, 0.0) for name in CYTOKINES]
            world.wells.mtdna[w] = 0.0
        elif action.key in CYTOKINES:
            world.wells.cytokines[w, CYTOKINES.index(action.key)] = action.value
            return
        species = range(len(SPECIES)) if action.kind == "wash" else [SPECIES.index(action.key)]
        for s in species:
            value = arm.medium.get(SPECIES[s], 0.0) if action.kind == "wash" else action.value
            world.wells.bulk[w, s] = value
            if world.fields is not None:
                world.backend.pull(world.fields.conc)
                world.fields.conc[w, s] = value
                world.backend.push(world.fields.conc)
