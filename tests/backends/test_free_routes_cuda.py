"""Isolated and released mitochondria, phagocytosis, transmitophagy: the same bytes on the CUDA simulator as in plain Python."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from fates import module, rest, values
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import ISOLATED, Dose
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_LIVE, ROUTE_INJECTION, ROUTE_PHAGOCYTOSIS, ROUTE_RELEASE, Step
from mitoferry.space.neighbours import update_neighbours
from same_bytes import add_tables, take_events
from worlds import cell_type, make_world, population

NAMES = ("isolated_mitochondria", "mitochondria_release", "free_mitochondria", "phagocytosis", "transmitophagy")
FAST = {"mitochondria_release": {"rate": 3.0}, "phagocytosis": {"rate": 20.0}, "transmitophagy": {"rate": 20.0}}


def run(backend, n=4, steps=8):
    """A crowded dish of phagocytes and cells with damaged mitochondria, some of them dying, and a dose; digest and routes."""
    kinds = [cell_type(mitochondria=10.0, mtdna=20.0, phagocyte=1.0), cell_type(mitochondria=10.0, mtdna=20.0, release=10.0)]
    world = make_world(
        [population("recipient", 0, n, numbers=kinds[0]), population("donor", 1, n, numbers=kinds[1])], backend=backend, with_space=True,
        size=60.0,
    )  # fmt: skip
    rest(world)
    source = population("isolated_mitochondria", ISOLATED, count=12, role="donor", numbers=kinds[1])
    dose = Dose(source=source, viability=0.6, start=120.0)
    world.spec = replace(world.spec, arms=tuple(replace(a, doses=(dose,)) for a in world.spec.arms))
    cells = np.flatnonzero(world.cells.state == CELL_LIVE)
    world.cells.atp_flux[cells], world.cells.atp_oxphos[cells] = 100.0, 50.0
    world.mitochondria.damage[::2] = 60000
    world.cells.phosphatidylserine[cells[-1:]] = 1.0
    world.cells.state[cells[-1:]] = CELL_APOPTOTIC
    backend.push(world.cells, world.mitochondria)
    p = {name: values(name, **{k: v for k, v in FAST.get(name, {}).items() if k in module(name).Parameters._fields}) for name in NAMES}
    world.parameters.update(p)
    sha, routes = hashlib.sha256(), []
    for k in range(steps):
        step = Step(k, 60 * k, 60.0 * k, 60.0)
        update_neighbours(world, step)
        for name in NAMES:
            module(name).advance(world, step, p[name])
        world.ledger.check(world, "free", 60 * k)
        routes += take_events(sha, world.events, backend)
    backend.pull(world.cells, world.mitochondria, world.pages, world.wells)
    add_tables(sha, world.cells, world.mitochondria, world.pages, world.wells)
    return sha.hexdigest(), *(routes.count(r) for r in (ROUTE_INJECTION, ROUTE_RELEASE, ROUTE_PHAGOCYTOSIS))


def test_they_are_at_work():
    assert min(run(Reference())[1:]) > 0


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes():
    assert printed("from test_free_routes_cuda import run; print(run(Cuda())[0])") == run(Reference())[0]
