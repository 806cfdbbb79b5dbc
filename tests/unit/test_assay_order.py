"""Gap junctions counted, the order of events, and what is still in delivery; in saved frames too.

Faults seen to fail it, planted in a copy of the package: plaques across the membrane of an insert; a share instead of a difference;
compartments shown as in transit.
"""

import numpy as np
import pytest

from mitoferry.assays.cell_count import STATE
from mitoferry.assays.event_order import EVENT_ORDER
from mitoferry.assays.gap_junctions import GAP_JUNCTIONS
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import CELL_DEAD_NECROTIC, CELL_POOL, CELL_WAITING, NEVER_ADDED, OCCUPIED, ROUTE_INJECTION, ROUTE_SHIFT, Step
from mitoferry.experiment.observables import observable
from mitoferry.store.frames import HOST_DELIVERY, HOST_TRANSIT, frame_of
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)
PARAMETERS = {"gap_junction.plaques_per_length": 2.0, "gap_junction.contact_gap": 0.0}


def world_of(n=4, **numbers):
    kind = cell_type(**{**dict(mitochondria=2.0, mtdna=4.0, cell_cv=0.0, cx43=1.0), **numbers})
    world = make_world([population("recipient", 0, count=n, numbers=kind)], backend=Reference(), size=2000.0)
    world.spec.parameters.update(PARAMETERS)
    rows = cells(world)
    world.cells.akt[rows], world.cells.connexin43[rows] = 1.0, -1.0
    return world


def cells(world):
    return np.flatnonzero((world.cells.state[: world.n_cells] != CELL_POOL) & (world.cells.added[: world.n_cells] != NEVER_ADDED))


def read(assay, world, **options):
    return {r.readout: r.value for r in assay.measure(world, 0, options, STEP)}


def test_plaques_are_length_of_contact_times_connexin_of_both():
    world = world_of()
    c, rows = world.cells, cells(world)
    c.radius[rows] = 10.0
    c.x[rows], c.y[rows] = [100.0, 112.0, 500.0, 900.0], 100.0
    c.connexin43[rows[1]] = 0.5
    chord = 2.0 * np.sqrt(10.0**2 - 6.0**2)  # 16 um
    expected = 2 * (2.0 * chord * 0.5) / 4  # both ends of the one contact, over four cells
    assert read(GAP_JUNCTIONS, world)["true_plaques_per_cell"] == pytest.approx(expected, rel=1e-6)
    c.layer[rows[1]] = 1
    assert read(GAP_JUNCTIONS, world)["true_plaques_per_cell"] == 0.0
    world.extra["gap_junction.vesicles"] = np.zeros((world.n_cells, 2), np.int64)
    world.extra["gap_junction.vesicles"][rows] = [[3, 1], [0, 0], [0, 0], [4, 0]]
    found = read(GAP_JUNCTIONS, world)
    assert (found["swallowed_per_cell"], found["swallowed_with_mitochondrion"]) == (2.0, 0.25)


def test_what_more_cells_have_seen_alone_came_first():
    world = world_of(5)
    rows = cells(world)
    world.cells.received[rows] = [1, 3, 0, 2, 5]
    world.cells.pgc1a[rows] = [1.0, 1.1, 1.5, 1.5, 1.0]
    world.cells.state[rows[4]] = CELL_DEAD_NECROTIC
    assert read(EVENT_ORDER, world) == pytest.approx({"transfer_first": 0.5, "biogenesis_first": 0.25, "order": 0.25})
    assert read(EVENT_ORDER, world, fold=1.05)["order"] == pytest.approx(0.0)


def test_what_is_in_delivery_is_named():
    """One cell's mitochondria stand for those of a compartment: the state and the frames name them so."""
    world = world_of(2)
    a, _ = cells(world)
    assert read(STATE, world)["in_delivery"] == 0.0
    world.extra["delivery"] = np.array([[[a, -1]]])
    world.cells.state[a], world.cells.added[a], world.cells.population[a] = CELL_WAITING, NEVER_ADDED, 255
    flags = world.mitochondria.flags
    flags[(flags & OCCUPIED) != 0] |= ROUTE_INJECTION << ROUTE_SHIFT
    held = int(world.cells.n_mitochondria[a])
    assert held > 0
    assert read(STATE, world)["in_delivery"] == held
    frame = frame_of(world, wells=[0])
    hosts = frame["hosts"]
    assert hosts["count"][hosts["host"] == HOST_DELIVERY].sum() == held
    assert (hosts["host"] != HOST_TRANSIT).all()
    assert (frame["mitochondria"]["cell"] == 0).sum() == held


def test_observables_read_them():
    assert observable("gap_junction_number").assay == "gap_junctions"
    assert observable("event_order").readout == "order"
    assert observable("state.in_delivery").assay == "state"
