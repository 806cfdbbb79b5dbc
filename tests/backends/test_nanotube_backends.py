"""The nanotube processes give the same bytes on every backend, with any number of threads and any order of rows."""

import hashlib

import numpy as np
import pytest
from cuda_cases import CASES
from test_apart import state

from mitoferry.backends.apart import Apart
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_MOMP, Step
from mitoferry.experiment import loop
from mitoferry.processes import dislodgement, nanotube_clocks, nanotube_queue, nanotube_search, nanotube_transport
from mitoferry.space.neighbours import update_neighbours
from same_bytes import BACKENDS, add_tables, take_events
from worlds import cell_type, make_world, parameters, population

MODULES = (nanotube_search, dislodgement, nanotube_clocks, nanotube_transport)


def run(backend):
    """A crowded dish of jittering cells with fast clocks, 24 steps; returns a digest of all tables and what happened."""
    small = {"count": 65, "numbers": cell_type(mitochondria=48.0, mtdna=200.0)}
    world = make_world([population("recipient", 0, **small), population("donor", 1, **small)], backend=backend, with_space=True, size=240.0)
    change = {
        "nanotube_search": {"capture_probability": 0.8}, "dislodgement": {"tether_probability": 0.5, "contact_time": 0.01},
        "nanotube_clocks": {"thickening_rate": 30.0, "opening_time": 0.02, "thick_lifetime": 0.2},
        "nanotube_transport": {"loading_rate": 500.0},
    }  # fmt: skip
    p = {m.PROCESS.name: parameters(None, m.PROCESS.name, m.Parameters, **change[m.PROCESS.name]) for m in MODULES}
    world.groups.nodes[:, NODE["filopodia"]] = 8.0
    cells = np.flatnonzero(world.cells.state == 1)
    rng = np.random.default_rng(7)
    world.cells.gradient_x[cells] = rng.normal(0, 0.02, cells.size)
    digest, events = hashlib.sha256(), 0
    for k in range(24):
        world.cells.x[cells] = (world.cells.x[cells] + rng.normal(0, 2.0, cells.size).astype(np.float32)) % np.float32(240.0)
        if k == 12:
            world.cells.state[cells[::9]] = CELL_MOMP
            world.cells.state[cells[::13]] = CELL_APOPTOTIC
        step = Step(k, 60 * k, 60.0 * k, 60.0)
        update_neighbours(world, step)
        for m in MODULES:
            m.advance(world, step, p[m.PROCESS.name])
        world.ledger.check(world, "links", 60 * k)
        events += len(take_events(digest, world.events))
    add_tables(digest, world.cells, world.links, world.cargo, world.mitochondria, world.pages, world.wells)
    return digest.hexdigest(), int(world.wells.next_link[0]), int(world.cells.received.sum()), events


@pytest.fixture(scope="module")
def reference():
    found = run(Reference())
    assert found[1] > 30
    assert found[2] > 10
    return found


@pytest.mark.parametrize("name", BACKENDS)
def test_same_bytes(name, reference):
    assert run(BACKENDS[name]()) == reference


def test_a_queue_that_grows_where_the_state_lies_elsewhere(monkeypatch):
    """Fault seen to fail it, planted: what is in the queue is not pulled before it grows."""
    monkeypatch.setattr(nanotube_queue, "ROOM", 0)
    monkeypatch.setattr(nanotube_transport, "EVENTS_AT_HAND", 0)
    monkeypatch.setattr(loop, "SCATTERED", 1.0)  # pages keep their order
    here, there = (state(CASES["tubes"], backend, anew=True) for backend in (Cpu(threads=1), Apart()))
    assert [column for column in here if here[column] != there.get(column)] == []
