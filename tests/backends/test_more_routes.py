"""Dendrites, microtunnels, coupling, connexin, synaptosomes and cargo of exosomes: same bytes on every backend; off as if not there."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Geometry, Tunnels
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, ROUTE_DENDRITE, ROUTE_MICROTUNNEL, SYNAPTOSOME, Step
from mitoferry.processes import (
    capacity,
    connexin43,
    dendrite,
    gap_junction_coupling,
    microtunnel,
    nanotube_clocks,
    nanotube_transport,
    vesicle_cargo,
    vesicle_release,
)
from mitoferry.space.neighbours import update_neighbours
from same_bytes import BACKENDS, add_tables, loop_digest, take_events
from worlds import cell_type, make_spec, make_world, parameters, population

MODULES = (
    capacity, connexin43, nanotube_clocks, dendrite, nanotube_transport, gap_junction_coupling, microtunnel, vesicle_release, vesicle_cargo,
)  # fmt: skip
NEW = ("connexin43", "dendrite", "gap_junction_coupling", "microtunnel", "vesicle_cargo")
FAST = {
    "dendrite": {"loading": 40.0, "basal_loading": 1.0, "reach": 20.0, "growth_rate": 20.0},
    "microtunnel": {"fusion_rate": 30.0, "entry_rate": 100.0},
    "vesicle_cargo": {"mtdna_chance": 1.0, "whole_share": 1.0, "capture": 0.5},
}
TUNNELS = Tunnels(donors=(1,), recipients=(0,), length=8.0, mitochondria=2, start=0.0, end=math.inf)


def run(backend, n=6, steps=9, seconds=60):
    """A dish of jittering cells, some of which die; returns a digest of all tables and what happened."""
    small = {"count": n, "numbers": cell_type(mitochondria=12.0, mtdna=40.0, dendrites=3.0, synaptosomes=40.0)}
    geometry = Geometry(size=(120.0, 120.0, 20.0), medium_height=50.0)
    world = make_world(
        [population("recipient", 0, **small), population("donor", 1, **small)], backend=backend, with_space=True, geometry=geometry
    )
    world.spec = replace(world.spec, arms=tuple(replace(a, tunnels=(TUNNELS,)) for a in world.spec.arms))
    p = {m.PROCESS.name: parameters(None, m.PROCESS.name, m.Parameters, **FAST.get(m.PROCESS.name, {})) for m in MODULES}
    cells = np.flatnonzero(world.cells.state == CELL_LIVE)
    world.cells.atp[cells] = np.linspace(1.0, 3.0, cells.size)
    world.cells.akt[cells] = 1.0
    world.groups.nodes[:, NODE["cx43"]] = 2.0
    backend.push(world.cells, world.groups)
    rng = np.random.default_rng(7)
    sha, routes = hashlib.sha256(), []
    for k in range(steps):
        backend.pull(world.cells)
        world.cells.x[cells] = (world.cells.x[cells] + rng.normal(0, 1.0, cells.size).astype(np.float32)) % np.float32(120.0)
        if k == min(5, steps - 2):
            dying = cells[::7]
            world.cells.state[dying[world.cells.state[dying] == CELL_LIVE]] = CELL_APOPTOTIC
        backend.push(world.cells)
        step = Step(k, seconds * k, float(seconds * k), float(seconds))
        update_neighbours(world, step)
        for m in MODULES:
            m.advance(world, step, p[m.PROCESS.name])
        world.ledger.check(world, "routes", seconds * k)
        routes += take_events(sha, world.events, backend)
    backend.pull(world.cells, world.links, world.mitochondria, world.pages, world.wells, world.vesicles)
    add_tables(sha, world.cells, world.links, world.mitochondria, world.pages, world.wells, world.vesicles)
    backend.pull(*world.extra.values())
    sha.update(world.extra["vesicle_cargo.copies"].tobytes() + world.extra["vesicle_cargo.microrna"].tobytes())
    entered = int(world.extra["vesicle_cargo.copies"].reshape(4, 4)[:, 2].sum())
    return (
        sha.hexdigest(), routes.count(ROUTE_DENDRITE), routes.count(ROUTE_MICROTUNNEL), entered,
        int(world.cells.vesicles[:, SYNAPTOSOME].sum()),
    )  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    found = run(Reference())
    assert min(found[1:]) > 2
    return found


@pytest.mark.parametrize("name", BACKENDS)
def test_same_bytes(name, reference):
    assert run(BACKENDS[name]()) == reference


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes():
    here = run(Reference(), n=4, steps=3, seconds=600)
    assert min(here[1:]) > 1
    assert printed("from test_more_routes import run; print(run(Cuda(), n=4, steps=3, seconds=600)[0])") == here[0]


# ------------------------------------------------------------------ switches
def tiny(switches, dendrites=2.0):
    numbers = cell_type(mitochondria=12.0, mtdna=40.0, dendrites=dendrites)
    populations = [population("recipient", 0, 3, numbers=numbers), population("donor", 1, 3, numbers=numbers)]
    spec = make_spec(populations, size=60.0, until=3600, switches=switches, parameters={"dendrite.loading": 100.0})
    return replace(spec, arms=tuple(replace(a, tunnels=(TUNNELS,)) for a in spec.arms)) if dendrites else spec


def test_switched_off_is_as_if_the_code_were_not_there():
    off = loop_digest(tiny(dict.fromkeys(NEW, "off")))
    assert off == loop_digest(tiny({}), without=NEW)
    on = loop_digest(tiny({"gap_junction_coupling": "on", "vesicle_cargo": "on"}))
    assert set(on.processes) - set(off.processes) == set(NEW) - {"connexin43"}
    assert on[0] != off[0]


def test_what_is_not_asked_for_is_not_run():
    assert not set(NEW) & set(loop_digest(tiny({}, dendrites=0.0), steps=0).processes)
