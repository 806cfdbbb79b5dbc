"""Gap junctions, bridges and fusion of cells: the same bytes on every backend, and switched off as if the code were not there."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_EMPTY, CELL_LIVE, ROUTE_BRIDGE, ROUTE_GAP_JUNCTION, Step
from mitoferry.processes import bridge, cell_fusion, gap_junction
from mitoferry.space.neighbours import update_neighbours
from same_bytes import BACKENDS, add_tables, loop_digest, take_events
from worlds import cell_type, make_spec, make_world, parameters, population

MODULES = (gap_junction, bridge, cell_fusion)
NAMES = tuple(m.PROCESS.name for m in MODULES)
FAST = {
    "gap_junction": {"internalisation_rate": 100.0, "mitochondrion_chance": 1.0},
    "bridge": {"rate": 0.3, "diffusion": 0.1, "shortest_life": 0.05, "longest_life": 0.2},
    "cell_fusion": {"rate": 0.4},
}


def run(backend):
    """A crowded dish of jittering cells, 12 steps; returns a digest of all tables and what happened."""
    small = {"count": 30, "numbers": cell_type(mitochondria=12.0, mtdna=40.0)}
    world = make_world([population("recipient", 0, **small), population("donor", 1, **small)], backend=backend, with_space=True, size=150.0)
    p = {m.PROCESS.name: parameters(None, m.PROCESS.name, m.Parameters, **FAST[m.PROCESS.name]) for m in MODULES}
    cells = np.flatnonzero(world.cells.state == CELL_LIVE)
    rng = np.random.default_rng(7)
    sha, routes = hashlib.sha256(), []
    for k in range(12):
        backend.pull(world.cells.x, world.cells.state)
        world.cells.x[cells] = (world.cells.x[cells] + rng.normal(0, 1.0, cells.size).astype(np.float32)) % np.float32(150.0)
        if k == 6:
            dying = cells[::9]
            world.cells.state[dying[world.cells.state[dying] == CELL_LIVE]] = CELL_APOPTOTIC
        backend.push(world.cells.x, world.cells.state)
        step = Step(k, 60 * k, 60.0 * k, 60.0)
        update_neighbours(world, step)
        for m in MODULES:
            m.advance(world, step, p[m.PROCESS.name])
        world.ledger.check(world, "contacts", 60 * k)
        routes += take_events(sha, world.events, backend)
    backend.pull(world.cells, world.links, world.mitochondria, world.pages, world.wells)
    add_tables(sha, world.cells, world.links, world.mitochondria, world.pages, world.wells)
    backend.pull(world.extra["gap_junction.vesicles"])
    sha.update(world.extra["gap_junction.vesicles"].tobytes())
    return (
        sha.hexdigest(),
        routes.count(ROUTE_GAP_JUNCTION),
        routes.count(ROUTE_BRIDGE),
        int((world.cells.state[cells] == CELL_EMPTY).sum()),
    )


@pytest.fixture(scope="module")
def reference():
    found = run(Reference())
    assert min(found[1:]) > 3
    return found


@pytest.mark.parametrize("name", BACKENDS)
def test_same_bytes(name, reference):
    assert run(BACKENDS[name]()) == reference


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes(reference):
    assert printed("from test_contact_routes import run; print(run(Cuda())[0])") == reference[0]


# ------------------------------------------------------------------ switches
def tiny(**changes):
    numbers = cell_type(mitochondria=12.0, mtdna=40.0)
    populations = [population("recipient", 0, 3, numbers=numbers), population("donor", 1, 3, numbers=numbers)]
    fast = {
        "gap_junction.internalisation_rate": 200.0,
        "gap_junction.mitochondrion_chance": 1.0,
        "bridge.rate": 1.0,
        "cell_fusion.rate": 1.0,
    }
    return replace(make_spec(populations, size=60.0, until=3600, parameters=fast), **changes)


def test_switched_off_is_as_if_the_code_were_not_there():
    off = loop_digest(tiny(switches=dict.fromkeys(NAMES, "off")))
    assert off == loop_digest(tiny(), without=NAMES)
    on = loop_digest(tiny())
    assert set(NAMES) <= set(on[1])
    assert on[0] != off[0]
    assert on[2] > off[2]


def test_a_route_that_is_not_wanted_is_not_run():
    still = {**tiny().parameters, "bridge.rate": 0.0, "cell_fusion.rate": 0.0}
    assert not {"bridge", "cell_fusion"} & set(loop_digest(tiny(parameters=still), steps=0)[1])
