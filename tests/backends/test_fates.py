"""Signals, arrivals, death, division, dye and free mitochondria give the same bytes on every backend, in any order of rows."""

import numpy as np
import pytest

from fates import make_arrivals, module, rest, rows_of, shared_backend, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_DEATH_SIGNAL
from mitoferry.core.schema import DONOR_ENDOSOME, ENDOSOME, Step
from worlds import cell_type, make_world, population

NAMES = ("signals", "find_me", "free_mitochondria", "arrival", "dye", "death", "division")
CHANGES = {"free_mitochondria": {"clearance": 3000.0}, "dye": {"clearance": 100.0}}


def history(backend, *, n=75, steps=12):
    kind = cell_type(mitochondria=5.0, mtdna=20.0, cycle_time=3.0, arrival_lysis=1.0)
    world = make_world(
        [population("recipient", 0, count=n, numbers=kind), population("donor", 1, count=n, numbers=kind, tracker=1.0)],
        backend=backend, with_space=True,
    )  # fmt: skip
    rest(world)
    rows = rows_of(world)
    world.cells.oxygen_flux_class[rows, 0] = 75.0
    world.cells.env[rows, 11] = 1e-3
    world.cells.atp[rows[::5]] = 0.05
    world.groups.nodes[:, NODE_DEATH_SIGNAL] = 2.0
    make_arrivals(world, DONOR_ENDOSOME, ENDOSOME)
    backend.push(world.cells, world.groups, world.mitochondria)
    p = {name: values(name, **CHANGES.get(name, {})) for name in NAMES}
    for k in range(steps):
        for name in NAMES:
            process = module(name).PROCESS
            dt = {"macro": 60, "mitochondria": 300, "quality": 600}[process.clock]
            if k * 60 % dt == 0:
                module(name).advance(world, Step(k, 60 * k, 60.0 * k, float(dt)), p[name])
        world.ledger.check(world, "fates", 60 * k)
    backend.pull(world.cells, world.mitochondria, world.events, world.wells, world.pages)
    return world


def digest(world):
    n = world.n_cells
    cells = {name: getattr(world.cells, name)[:n].tobytes() for name in world.cells._fields}
    tables = {name: getattr(world.mitochondria, name).tobytes() for name in world.mitochondria._fields}
    events = {name: getattr(world.events, name).tobytes() for name in world.events._fields}
    return (
        cells
        | {"m_" + k: v for k, v in tables.items()}
        | {"e_" + k: v for k, v in events.items()}
        | {"ledger": world.wells.ledger.tobytes()}
    )


@pytest.fixture(scope="module")
def standard():
    world = history(shared_backend())
    assert int(world.events.count[0]) > 30
    assert world.n_cells > 155
    assert (world.cells.received > 0).any()
    assert world.wells.ledger[0, 1] > 0
    return digest(world)


@pytest.mark.parametrize("backend", ["two threads", pytest.param("shuffled", marks=pytest.mark.long), "reference", "reference shuffled"])
def test_same_bytes_on_every_backend(standard, backend):
    made = {
        "two threads": lambda: Cpu(threads=2, eager=True),
        "shuffled": lambda: Cpu(threads=1, shuffle=3),
        "reference": lambda: Reference(),
        "reference shuffled": lambda: Reference(shuffle=5),
    }[backend]()
    found = digest(history(made))
    assert [name for name, value in standard.items() if found[name] != value] == []


def test_another_seed_is_seen(standard):
    world = history(shared_backend(), steps=3)
    assert digest(world)["state"] != standard["state"]
    assert np.isfinite(world.cells.x[: world.n_cells]).all()
