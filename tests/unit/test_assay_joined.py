"""Joined and fused cells on hand-made worlds: connections of two populations, hybrids, classes and origin of tubes."""

import numpy as np
import pytest
from scipy import stats

from fates import slots_of
from mitoferry.assays.cell_connections import CONNECTIONS
from mitoferry.assays.cell_fusion_count import FUSION
from mitoferry.assays.nanotube_count import NANOTUBES, detectability
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import (
    CELL_DEAD_NECROTIC,
    KIND_BRIDGE,
    KIND_GAP_JUNCTION,
    KIND_NANOTUBE,
    LINK_CLOSED,
    LINK_GROWING,
    LINK_OPEN,
    OCCUPIED,
    ROUTE_CELL_FUSION,
    ROUTE_NANOTUBE,
    ROUTE_SHIFT,
    Step,
)
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)


def world_of(n=4):
    numbers = cell_type(mitochondria=2.0, mtdna=4.0, cell_cv=0.0)
    both = (population("recipient", 0, count=n, numbers=numbers), population("donor", 1, count=n, numbers=numbers))
    return make_world(both, backend=Reference(), size=2000.0)


def link(world, a, b, state=LINK_OPEN, kind=KIND_NANOTUBE, thick=1, length=20.0, diameter=0.7, cargo=0):
    world.reserve_links(world.n_links + 1, 1)
    i, k = world.n_links, world.links
    world.n_links = i + 1
    k.id[i], k.well[i], k.a[i], k.b[i], k.id_a[i], k.id_b[i] = i + 1, world.cells.well[a], a, b, world.cells.id[a], world.cells.id[b]
    k.state[i], k.kind[i], k.thick[i], k.length[i], k.diameter[i], k.n_cargo[i] = state, kind, thick, length, diameter, cargo


def rows(world, p):
    return np.flatnonzero(world.cells.population[: world.n_cells] == p)


def read(assay, world, of=None, **options):
    return {r.readout: r.value for r in assay.measure(world, of, options, STEP) if r.well == 0}


def test_cells_joined_to_another_population():
    """Fault seen to fail it: links within a population counted as well (``population[a] != population[b]`` taken out)."""
    world = world_of()
    r, d = rows(world, 0), rows(world, 1)
    link(world, r[0], d[0])
    link(world, d[1], r[0], state=LINK_CLOSED)
    link(world, r[1], d[0], kind=KIND_BRIDGE, length=1.0, diameter=2.0)
    link(world, r[1], r[2])
    link(world, r[2], d[2], state=LINK_GROWING)
    link(world, r[2], d[2], kind=KIND_GAP_JUNCTION)
    link(world, r[3], d[3])
    world.cells.state[d[3]] = CELL_DEAD_NECROTIC
    assert read(CONNECTIONS, world, 0, detect="all") == {"connected_fraction": 2 / 4, "connections_per_cell": 3 / 4}
    assert read(CONNECTIONS, world, 1, detect="all") == {"connected_fraction": 2 / 3, "connections_per_cell": 3 / 3}


def test_short_tubes_are_missed_bridges_are_not():
    world = world_of(n=700)
    r, d = rows(world, 0), rows(world, 1)
    for k in range(600):
        link(world, r[k], d[k], diameter=0.1, length=2.0, thick=0)
    p = float(detectability(np.array(0.1), np.array(2.0)))
    seen = round(700 * read(CONNECTIONS, world, 0)["connected_fraction"])
    assert stats.binomtest(seen, 600, p).pvalue > 1e-6
    assert stats.binomtest(seen, 600, 0.7 * p).pvalue < 1e-6, "a wrong detectability is told apart"
    for k in range(600):
        world.links.kind[k] = KIND_BRIDGE
    assert read(CONNECTIONS, world, 0)["connected_fraction"] == 600 / 700


def test_hybrids_are_fused_cells_with_the_mitochondria_of_both():
    """Fault seen to fail it: the route left out, so that a cell with two nuclei that received by a tube counts as a hybrid."""
    world = world_of(n=10)
    r = rows(world, 0)
    world.cells.nuclei[r[:4]] = 2
    m = world.mitochondria
    for row, route in ((r[0], ROUTE_CELL_FUSION), (r[1], ROUTE_NANOTUBE), (r[5], ROUTE_CELL_FUSION)):
        slot = slots_of(world, row)[0]
        m.birth[slot], m.flags[slot] = (1 << 24) + 3, OCCUPIED | (route << ROUTE_SHIFT)
    slot = slots_of(world, r[2])[0]  # fused with one of its own kind
    m.flags[slot] = OCCUPIED | (ROUTE_CELL_FUSION << ROUTE_SHIFT)
    found = read(FUSION, world, missed=0.0)
    assert (found["fused_fraction"], found["hybrid_fraction"], found["nuclei_per_cell"]) == (4 / 20, 1 / 20, 24 / 20)
    assert read(FUSION, world, 0, missed=0.0)["fused_fraction"] == 4 / 10
    assert read(FUSION, world, 1, missed=0.0)["hybrid_fraction"] == 0.0


def test_some_second_nuclei_hide():
    world = world_of(n=1500)
    world.cells.nuclei[rows(world, 0)] = 2
    seen = round(1500 * read(FUSION, world, 0, missed=0.3)["fused_fraction"])
    assert stats.binomtest(seen, 1500, 0.7).pvalue > 1e-6
    assert stats.binomtest(seen, 1500, 0.8).pvalue < 1e-6


def test_origin_of_tubes_is_that_of_the_population_measured():
    """Fault seen to fail it: the donor's share given for every population."""
    world = world_of()
    r, d = rows(world, 0), rows(world, 1)
    for a, b in ((d[0], r[0]), (d[1], r[1]), (d[1], r[2]), (r[3], d[3]), (r[0], r[1])):
        link(world, a, b)
    shares = [read(NANOTUBES, world, of, detect="all")["begun_fraction"] for of in (None, 1, 0)]
    assert shares == [0.75, 0.75, 0.25]


def test_classes_and_cargo():
    world = world_of()
    r, d = rows(world, 0), rows(world, 1)
    assert np.isnan(read(NANOTUBES, world)["rarer_class_fraction"])
    link(world, r[0], d[0], cargo=3)
    link(world, r[1], d[0], state=LINK_CLOSED, cargo=0)
    only_thick = read(NANOTUBES, world, detect="all")
    assert (only_thick["rarer_class_fraction"], np.isnan(only_thick["cargo_per_thin_tube"])) == (0.0, True)
    link(world, r[2], d[1], thick=0, state=LINK_CLOSED)
    found = read(NANOTUBES, world, detect="all")
    assert found["rarer_class_fraction"] == pytest.approx(1 / 3)
    assert found["open_fraction"] == pytest.approx(1 / 3)
    assert (found["cargo_per_thick_tube"], found["cargo_per_thin_tube"], found["cargo_per_tube"]) == (1.5, 0.0, 1.0)
