"""What transfer does to cells: the same bytes on every backend; not wanted or switched off, a run is that without the code."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from fates import module, rest, rows_of, values
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import (
    NODE_DHODH,
    NODE_DIFFERENTIATION_CUE,
    NODE_DNA_DAMAGE,
    NODE_FATTY_ACID,
    NODE_GPX4,
    NODE_OSTEOCLAST_CUE,
    NODE_OSTEOGENIC_CUE,
    NODE_SENOLYSIS,
)
from mitoferry.core.plate_spec import Action
from mitoferry.core.schema import Step
from same_bytes import BACKENDS, loop_digest
from worlds import cell_type, make_spec, make_world, population

NAMES = ("dna_damage", "signals", "senescence", "fatty_acids", "vessel", "crawling", "differentiation", "ferroptosis", "death", "division")
MINE = ("dna_damage", "senescence", "fatty_acids", "vessel", "differentiation", "ferroptosis")
FAST = {
    "senescence": {"entry": 2.0},
    "differentiation": {"time": 1.0, "commitment": 2.0},
    "vessel": {"engraftment": 2.0},
    "ferroptosis": {"hazard": 3.0},
}


def run(backend):
    """Sixty cells under everything at once, 25 steps of 300 s; a digest of the cells and what happened to them."""
    kind = dict(mitochondria=4.0, mtdna=16.0, cycle_time=4.0, senescent=0.2, angiogenic=1.0, phagocyte=0.5, iron=2.0)
    world = make_world([population("recipient", 0, count=60, numbers=cell_type(**kind))], backend=backend, with_space=True)
    rest(world)
    c, rows = world.cells, rows_of(world)
    k = np.arange(60, dtype=np.float32)
    c.oxygen_flux_class[rows, 0] = 2 * k
    c.h2o2[rows] = 0.005 + 0.004 * k
    c.atp[rows] = 2.88 - 0.02 * k
    c.atp_flux[rows], c.atp_oxphos[rows] = 100.0, 100.0 * (k / 60)
    c.arrival_pulse[rows] = k / 60
    for node, value in (
        (NODE_GPX4, 0.1), (NODE_DNA_DAMAGE, 0.3), (NODE_OSTEOGENIC_CUE, 1.0), (NODE_OSTEOCLAST_CUE, 1.0), (NODE_DIFFERENTIATION_CUE, 0.7),
        (NODE_FATTY_ACID, 0.4), (NODE_SENOLYSIS, 0.2), (NODE_DHODH, 0.5),
    ):  # fmt: skip
        world.groups.nodes[:, node] = value
    backend.push(world.cells, world.groups)
    p = {name: values(name, **FAST.get(name, {})) for name in NAMES}
    for name in MINE:
        if module(name).PROCESS.prepare is not None:
            module(name).PROCESS.prepare(world, p[name])
    for s in range(25):
        for name in NAMES:
            module(name).advance(world, Step(s, 300 * s, 300.0 * s, 300.0), p[name])
        world.ledger.check(world, "fates", 300 * s)
        backend.write(slice(0, 1), world.events.count, 0)
    backend.pull(world.cells, world.mitochondria)
    sha, n = hashlib.sha256(), world.n_cells
    for column in world.cells:
        sha.update(np.ascontiguousarray(column[:n]).tobytes())
    c = world.cells
    return sha.hexdigest(), int(c.senescent.sum()), int((c.fate > 0).sum()), int(c.engrafted.sum()), int((c.death_cause[:n] == 4).sum()), n


@pytest.fixture(scope="module")
def reference():
    found = run(Reference())
    assert min(found[1:5]) > 2
    assert found[5] > 62
    return found


@pytest.mark.parametrize("name", BACKENDS)
def test_same_bytes(name, reference):
    assert run(BACKENDS[name]()) == reference


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes(reference):
    assert printed("from test_cell_fates import run; print(run(Cuda())[0])") == reference[0]


# ------------------------------------------------------------------ switches
def tiny(nodes=(), **numbers):
    kind = cell_type(mitochondria=12.0, mtdna=40.0, **numbers)
    spec = make_spec([population("recipient", 0, 3, numbers=kind)], size=60.0, until=3600)
    actions = tuple(Action(kind="node", key=n, value=v, start=60.0, end=1e9, populations=(0,), cause="test") for n, v in nodes)
    return replace(spec, arms=(replace(spec.arms[0], actions=actions),))


def test_what_is_not_wanted_is_not_there():
    spec = tiny()
    found = loop_digest(spec, steps=11)
    assert not set(found.processes) & set(MINE)
    assert found == loop_digest(spec, without=MINE, steps=11)


USES = {
    "ferroptosis": (("gpx4", 0.01),),
    "senescence": (("senescence", 1e6),),
    "dna_damage": (("dna_damage", 0.5),),
    "differentiation": (("osteogenic_cue", 1.0),),
    "fatty_acids": (("fatty_acid", 0.5),),
    "vessel": (),
    "crawling": (),
}


@pytest.mark.parametrize("name", sorted(USES))
def test_switched_off_is_as_without_the_code_and_on_is_not(name):
    spec = tiny(USES[name], **({"angiogenic": 1.0} if name == "vessel" else {}))
    off = replace(spec, switches={name: "off"})
    without = loop_digest(off, steps=11)
    assert without == loop_digest(spec, without=(name,), steps=11)
    found = loop_digest(spec, steps=11)
    assert name in found.processes
    assert found.state != without.state
