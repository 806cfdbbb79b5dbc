"""Worlds with nanotubes for tests: wells of a few cells at given places, links made by hand, steps of the link stage."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from mitoferry.core.events import EVENT_HANDOVER, EVENT_LOADED
from mitoferry.core.schema import KIND_NANOTUBE, LINK_OPEN, N_POOLS, Step
from mitoferry.processes import dislodgement, nanotube_clocks, nanotube_search, nanotube_transport
from mitoferry.space.geometry import INSERT
from mitoferry.space.neighbours import allocate_neighbours, bin_row, lay_out_row, sort_into_bins
from worlds import cell_type, make_world, parameters, population

STAGE = (nanotube_search, dislodgement, nanotube_clocks, nanotube_transport)
HOUR = 3600.0
# so short a stay in a tube that arrival is loading; nothing selects, nothing is lost
PLAIN = dict(
    loading_rate=100.0, peripheral_share=1.0, microtubule_share=1.0, purinergic_gain=0.0, calcium_half=1e6, oxidant_half=1e6,
    motor_atp=1e-9, depolarised_loading=1.0, passage_diameter=0.01, lumen_per_mitochondrion=0.001, single_file_diameter=0.0,
    microtubule_speed=1e6, detachment_rate=0.0, reversal_rate=0.0, unloading_time=0.0,
)  # fmt: skip


def wells_of(counts, places, *, n_wells=1, mitochondria=(10, 10), backend=None, seed=1, size=400.0, geometry=None, **numbers):
    """``n_wells`` alike wells; ``counts`` cells of each population, at ``places`` [(x, y), ...] in that order.

    ``numbers``: per name of a cell-type number one value per population.
    """
    populations = []
    for k, count in enumerate(counts):
        changes = {name: values[k] for name, values in numbers.items()}
        kind = cell_type(f"type{k}", mitochondria=float(mitochondria[k]), mtdna=float(2 * mitochondria[k]), cell_cv=0.0, **changes)
        populations.append(population(f"population{k}", k, count, role="donor" if k else "recipient", numbers=kind))
    world = make_world(
        populations, backend=backend, replicates=n_wells, seed=seed, size=size, geometry=geometry, parameters={"seeding.well_cv": 0.0}
    )
    place(world, places)
    rows = np.flatnonzero(world.cells.state[: world.n_cells] == 1)
    world.cells.radius[rows] = np.asarray([numbers.get("radius", [10.0] * len(counts))[k] for k in world.cells.population[rows]])
    return world


def place(world, places):
    """Put the cells of each well at ``places`` and sort them into bins."""
    for w in range(world.n_wells):
        rows = np.flatnonzero((world.cells.well[: world.n_cells] == w) & (np.arange(world.n_cells) >= N_POOLS * world.n_wells))
        for r, xy in zip(rows, places, strict=True):
            world.cells.x[r], world.cells.y[r] = xy
    sort(world)


def sort(world):
    """Bins of the cells where they are now."""
    neighbours = allocate_neighbours(world.wells, len(world.cells.id))
    world.space = SimpleNamespace(neighbours=neighbours, scratch={}, wide=None)
    step = Step(0, 0, 0.0, 60.0)
    world.backend.each(bin_row, world.n_cells, world.cells, world.wells, neighbours, step)
    sort_into_bins(world.backend, world.n_cells, world.cells, neighbours)
    world.backend.each(lay_out_row, world.n_cells, world.n_cells, world.cells, neighbours)


def rows_of(world, k):
    """Rows of the cells of population ``k``, well by well."""
    cells = world.cells
    return np.flatnonzero((cells.population[: world.n_cells] == k) & (np.arange(world.n_cells) >= N_POOLS * world.n_wells))


def tie(world, a, b, *, length=20.0, thick=1, state=LINK_OPEN, diameter=0.9, polarity=0.5, born=0.0):
    """Make links between the rows ``a`` and ``b`` by hand."""
    for one, other in zip(np.atleast_1d(a), np.atleast_1d(b), strict=True):
        i = world.n_links
        world.reserve_links(i + 1, 0)
        links, w = world.links, int(world.cells.well[one])
        links.id[i], links.well[i], links.a[i], links.b[i] = world.wells.next_link[w], w, one, other
        links.id_a[i], links.id_b[i] = world.cells.id[one], world.cells.id[other]
        world.wells.next_link[w] += 1
        links.kind[i], links.state[i], links.thick[i], links.diameter[i] = KIND_NANOTUBE, state, thick, diameter
        links.polarity[i], links.born[i], links.ready[i] = polarity, born, born
        links.length[i] = links.rest_length[i] = length
        world.n_links = i + 1


class Stage:
    """Steps of the link stage with given parameters; keeps all events."""

    def __init__(self, world, modules=STAGE, **changes):
        self.world, self.modules, self.now, self.k = world, modules, 0.0, 0
        self.p = {m.PROCESS.name: parameters(None, m.PROCESS.name, m.Parameters, **changes.get(m.PROCESS.name, {})) for m in modules}
        self.events = []

    def run(self, dt, n=1, *, before=None):
        """``n`` steps of ``dt`` seconds; the ledger is checked after each."""
        for _ in range(n):
            if before is not None:
                before(self)
            step = Step(self.k, int(self.now), self.now, float(dt))
            for m in self.modules:
                m.advance(self.world, step, self.p[m.PROCESS.name])
            self.world.ledger.check(self.world, "links", int(self.now))
            e = self.world.events
            assert e.count[1] == 0
            n_events = int(e.count[0])
            self.events.append({name: getattr(e, name)[:n_events].copy() for name in e._fields if name != "count"})
            e.count[:] = 0
            self.now += dt
            self.k += 1
            self.world.tick = int(self.now)
        return self

    def log(self, kind=None):
        """All events so far as arrays, of one kind if given."""
        out = {name: np.concatenate([e[name] for e in self.events]) for name in self.events[0]}
        return out if kind is None else {name: column[out["kind"] == kind] for name, column in out.items()}

    def handovers(self):
        """The hand-overs so far."""
        return self.log(EVENT_HANDOVER)

    def loadings(self):
        """The loadings so far."""
        return self.log(EVENT_LOADED)


def held(world):
    """Mitochondria per row of the cells table, counted by walking the slots."""
    occupied = (world.mitochondria.flags & 1).reshape(-1, 32).sum(axis=1)
    out = np.zeros(world.n_cells, dtype=np.int64)
    owned = world.pages.owner >= 0
    np.add.at(out, world.pages.owner[owned], occupied[owned])
    return out


__all__ = ["HOUR", "INSERT", "PLAIN", "STAGE", "Stage", "held", "place", "rows_of", "sort", "tie", "wells_of"]
