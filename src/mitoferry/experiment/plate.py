"""Build the state of a plate from its specification: every well of every arm in one world."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from mitoferry.core import schema
from mitoferry.core.nodes import N_NODES, NODES
from mitoferry.core.plate_spec import Arm, CellTypeNumbers, PlateSpec, Population
from mitoferry.core.schema import CELL_LIVE, CELL_POOL, CELL_WAITING, CYTOKINES, N_POOLS, NEVER_ADDED, PAGE, SPECIES
from mitoferry.core.world import World
from mitoferry.experiment.spreading import outlines
from mitoferry.processes import seeding
from mitoferry.processes.preparation import place_in_dish
from mitoferry.processes.reactive_oxygen import resting_h2o2
from mitoferry.processes.rest import RESTING_H2O2, RESTING_POTENTIAL, RHO0_POTENTIAL

GEOMETRIES = {"dish": 0, "insert": 1, "block": 2}
OF_THE_TYPE = tuple(f.name for f in fields(CellTypeNumbers) if f.name in schema.Groups._fields)
"""Columns of the groups that hold a number of the cell type as it is (the radius is replaced by that of the spread cell)."""
SAME_PERSON = ("wild_type", "donor")  # "donor" tells mtDNA apart, it does not make it foreign
HEADROOM_CELLS = 1.02
HEADROOM_PAGES = 1.03


def replicate_keys(seed: int, replicate: int) -> tuple[int, int]:
    """The two 32-bit random keys of a replicate: a hash of seed and replicate, the same for every arm."""
    digest = hashlib.sha256(f"mitoferry {seed} {replicate}".encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def pages_of(population: Population, spare: float) -> int:
    """Pages that a seeded cell of average size of a population gets."""
    return -(-int(population.cell_type.mitochondria * (1.0 + spare) + 1) // PAGE)


def _fill_wells(spec: PlateSpec, wells: Any) -> None:
    for w in range(len(wells.arm)):
        a, r = divmod(w, spec.replicates)
        arm = spec.arms[a]
        wells.arm[w], wells.replicate[w] = a, r
        wells.key0[w], wells.key1[w] = replicate_keys(spec.seed, r)
        wells.size[w] = arm.geometry.size
        wells.periodic[w] = arm.geometry.periodic
        wells.geometry[w] = GEOMETRIES[arm.geometry.kind]
        wells.pore[w] = arm.geometry.pore
        wells.medium_height[w] = arm.geometry.medium_height
        wells.boundary[w] = -1.0
        for name, value in arm.medium.items():
            if name in CYTOKINES:
                wells.cytokines[w, CYTOKINES.index(name)] = value
            else:
                wells.bulk[w, SPECIES.index(name)] = value
        wells.perfusion[w] = arm.geometry.perfusion
        wells.next_link[w] = 1


def known_haplotypes(population: Population, spec: PlateSpec) -> int:
    """Bits of the haplotypes that are not foreign to a population: its own, labels, and mutations of the common one."""
    return sum(
        1 << k for k, name in enumerate(spec.haplotype_names) if population.haplotypes[k] > 0.0 or name in SAME_PERSON or spec.pathogenic[k]
    )


def _fill_group(groups: Any, g: int, w: int, population: Population, radius: float, known: int, scale: float) -> None:
    t = population.cell_type
    groups.well[g], groups.population[g] = w, population.index
    groups.donor[g] = population.role == "donor"
    for name in OF_THE_TYPE:
        getattr(groups, name)[g] = getattr(t, name)
    groups.own_haplotypes[g] = known
    groups.radius[g] = radius
    groups.resting_potential[g] = RHO0_POTENTIAL if population.rho0 and t.oxygen_use > 0.0 else t.resting_potential
    groups.h2o2_scale[g] = scale * t.redox_scale
    groups.nodes[g] = [node.rest for node in NODES]


def _start_numbers(arm: Arm, spec: PlateSpec) -> tuple[list[list[float]], list[list[float]]]:
    """Per population: arguments ``start`` and ``mixture`` of the seeding rows."""
    start, mixture = [], []
    for population in arm.populations:
        t = population.cell_type
        start.append([t.cell_cv, t.cytosol, t.demand, t.glycolysis, t.nonmito, t.mitochondria])
        mixture.append(seeding.mixture_of(population, spec))
    return start, mixture


def parameters_of(process: str, cls: Any, spec: PlateSpec) -> Any:
    """The ``Parameters`` NamedTuple of a process with the values of this run."""
    return spec.parameters_of(process, cls)


def _seed_rows(spec: PlateSpec, cells: Any) -> tuple[int, list[tuple[int, int]]]:
    """Fill identity columns of pools and cells; returns the rows in use and (row, pages) of each cell."""
    n_wells = len(spec.arms) * spec.replicates
    n_populations = max(len(arm.populations) for arm in spec.arms)
    for w in range(n_wells):
        for kind in range(N_POOLS):
            r = N_POOLS * w + kind
            cells.well[r], cells.state[r], cells.group[r], cells.population[r] = w, CELL_POOL, w * n_populations, 255
    row = N_POOLS * n_wells
    seeded = []
    for w in range(n_wells):
        arm = spec.arms[w // spec.replicates]
        for slot, population in enumerate(arm.populations):
            for k in range(population.rows):
                cells.id[row] = (population.index << 24) + k + 1
                cells.well[row], cells.group[row], cells.population[row] = w, w * n_populations + slot, population.index
                cells.layer[row] = population.layer
                cells.added[row] = NEVER_ADDED if population.grafted else int(population.added)
                cells.state[row] = CELL_LIVE if population.added <= 0 and not population.grafted else CELL_WAITING
                cells.leak_factor[row] = population.cell_type.leak_factor
                cells.substrate[row] = population.cell_type.substrate
                seeded.append((row, slot))
                row += 1
    return row, seeded


def _give_pages(cells: Any, spare: float) -> Any:
    """Contiguous pages for every seeded cell by its own number of mitochondria; returns the table of pages."""
    n = np.floor(cells.target_mitochondria + 0.5).astype(np.int64)
    wanted = np.where(n > 0, -(-np.ceil(n * (1.0 + spare)).astype(np.int64) // PAGE), 0)
    total = int(wanted.sum())
    capacity = int(total * HEADROOM_PAGES) + 16 + 4 * int((cells.state == CELL_POOL).sum())
    pages = schema.allocate("Pages", capacity)
    ends = np.cumsum(wanted)
    starts = ends - wanted
    has = np.flatnonzero(wanted)
    cells.first_page[has] = starts[has]
    pages.owner[:total] = np.repeat(np.arange(len(wanted)), wanted)
    following = np.arange(1, total + 1, dtype=np.int32)
    following[ends[has] - 1] = -1
    pages.next[:total] = following
    free = capacity - total
    pages.free[:free] = np.arange(capacity - 1, total - 1, -1)
    pages.n_free[0] = free
    return pages


def build_world(spec: PlateSpec, backend: Any, *, with_space: bool = True) -> World:
    """State of the plate at time zero, before the burn-in.

    Args:
        spec: the resolved run.
        backend: what will advance it.
        with_space: build the field grid and the neighbour grid (``False`` for tests of single processes).

    Returns:
        A world with all wells; the ledger is opened by the loop after the burn-in.
    """
    n_wells = len(spec.arms) * spec.replicates
    n_populations = max(len(arm.populations) for arm in spec.arms)
    wells = schema.allocate("Wells", n_wells)
    _fill_wells(spec, wells)
    groups = schema.allocate("Groups", n_wells * n_populations, n_nodes=N_NODES)
    groups.nodes[:] = [node.rest for node in NODES]
    oxidants = spec.parameters
    scale = RESTING_H2O2 / resting_h2o2(oxidants["reactive_oxygen.scavenging_half"], oxidants["reactive_oxygen.scavenging_factor"])
    start = np.zeros((n_wells * n_populations, 6))
    mixture = np.zeros((n_wells * n_populations, 12))
    for w in range(n_wells):
        arm = spec.arms[w // spec.replicates]
        starts, mixtures = _start_numbers(arm, spec)
        radii = outlines(arm)
        for slot, population in enumerate(arm.populations):
            g = w * n_populations + slot
            _fill_group(groups, g, w, population, radii[slot], known_haplotypes(population, spec), scale)
            start[g], mixture[g] = starts[slot], mixtures[slot]
            wells.n_born[w, population.index] = population.rows
    p = parameters_of("seeding", seeding.Parameters, spec)
    _well_effects(spec, wells, groups, start, n_populations, p.well_cv)
    n = N_POOLS * n_wells + sum(population.rows for arm in spec.arms for population in arm.populations) * spec.replicates
    cells = schema.allocate("Cells", int(n * HEADROOM_CELLS) + 4)
    n_cells, _ = _seed_rows(spec, cells)
    backend.each(seeding.seed_cell, n_cells, cells, groups, wells, start, p)
    if spec.dishes:
        is_dish = np.array([arm.prepares is not None for arm in spec.arms], np.uint8)
        backend.each(place_in_dish, n_cells, is_dish, spec.replicates, cells, wells)
    backend.pull(cells)
    pages = _give_pages(cells, p.spare_slots)
    backend.push(cells)
    mitochondria = schema.allocate("Mitochondria", len(pages.owner) * PAGE)
    backend.each(seeding.seed_mitochondria, n_cells, cells, pages, mitochondria, wells, mixture, p)
    backend.pull(cells)
    cells.atp[:n_cells] = 2.8
    cells.psi[:n_cells] = 150.0
    cells.psi[:n_cells][groups.mitochondria[cells.group[:n_cells]] <= 0.0] = RESTING_POTENTIAL  # no potential that it could lose
    cells.psi[: N_POOLS * n_wells] = 0.0
    cells.nadh[:n_cells] = 0.8
    cells.h2o2[:n_cells] = 0.005
    backend.push(cells)
    world = World(
        spec=spec, backend=backend, mitochondria=mitochondria, pages=pages, cells=cells, groups=groups, wells=wells,
        links=schema.allocate("Links", 256), cargo=schema.allocate("Cargo", 256), fields=None,  # type: ignore[arg-type]
        n_cells=n_cells,
    )  # fmt: skip
    if with_space:
        from mitoferry.space.build import build_space

        world.space = build_space(world)
    return world


def _well_effects(spec: PlateSpec, wells: Any, groups: Any, start: Any, n_populations: int, cv: float) -> None:
    """Between-well random effects: one factor per (replicate, population, quantity), the same in every arm."""
    from mitoferry.core.random import uniform4
    from mitoferry.core.streams import WELL_EFFECTS

    for g in range(len(groups.well)):
        w = int(groups.well[g])
        u = uniform4(int(wells.key0[w]), int(wells.key1[w]), int(groups.population[g]), 0, WELL_EFFECTS, 0, 0)
        demand, count, filopodia = (seeding.lognormal_factor(cv, x) for x in u[:3])
        start[g, 2] *= demand
        start[g, 5] *= count
        groups.filopodia[g] *= filopodia
