"""Vesicles: the same bytes on every backend and in any order of rows; switched off, none was ever there; resumed as if never stopped."""

from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from fates import module, rest, rows_of, shared_backend, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import CELL_APOPTOTIC, Step
from mitoferry.experiment.loop import Engine, load_processes
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import restore, snapshot
from mitoferry.studies.run import digest
from vesicles import check_containers, rows_in_use
from worlds import cell_type, make_spec, make_world, population

NAMES = ("vesicle_release", "vesicle_fate", "free_mitochondria", "death")
FAST = {
    "vesicle_release.microvesicle_rate": 100.0, "vesicle_release.mitovesicle_rate": 40.0, "vesicle_release.exopher_rate": 10.0,
    "vesicle_release.body_rate": 60.0, "vesicle_release.migrasome_rate": 3.0, "vesicle_fate.capture": 5.0, "vesicle_fate.burst_rate": 2.0,
    "vesicle_release.mitochondria_half": 1.0,
}  # fmt: skip
VESICLES = ("vesicle_release", "vesicle_fate")


def history(backend, *, n=8, steps=12):
    kind = cell_type(mitochondria=15.0, mtdna=20.0)
    world = make_world(
        [population("recipient", 0, count=n, numbers=kind), population("donor", 1, count=n, numbers=kind)], backend=backend,
        geometry=Geometry(size=(60.0, 60.0, 20.0), medium_height=300.0),
    )  # fmt: skip
    rest(world)
    rows = rows_of(world)
    world.mitochondria.damage[::3] = 60000
    world.cells.state[rows[::5]] = CELL_APOPTOTIC
    world.cells.atp[rows[1::6]] = 0.05
    backend.push(world.cells, world.mitochondria)
    changed = {k.split(".")[1]: v for k, v in FAST.items()}
    p = {name: values(name, **{k: v for k, v in changed.items() if k in module(name).Parameters._fields}) for name in NAMES}
    for k in range(steps):
        for name in NAMES:
            module(name).advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p[name])
        world.ledger.check(world, "vesicles", 60 * k)
    backend.pull(world.cells, world.mitochondria, world.events, world.wells, world.pages, world.vesicles)
    return world


def bytes_of(world):
    tables = {"cells": world.cells, "mitochondria": world.mitochondria, "events": world.events, "vesicles": world.vesicles}
    return {f"{t}/{name}": np.ascontiguousarray(c).tobytes() for t, table in tables.items() for name, c in table._asdict().items()}


@pytest.fixture(scope="module")
def standard():
    world = history(shared_backend())
    check_containers(world)
    assert rows_in_use(world).size > 5
    assert world.cells.received.sum() > 10
    return bytes_of(world)


@pytest.mark.parametrize("backend", ["two threads", "two threads, shuffled", "reference", "reference, shuffled"])
def test_same_bytes_on_every_backend(standard, backend):
    made = {
        "two threads": lambda: shared_backend(2),
        "two threads, shuffled": lambda: Cpu(threads=2, shuffle=5),
        "reference": lambda: Reference(),
        "reference, shuffled": lambda: Reference(shuffle=3),
    }[backend]()
    found = bytes_of(history(made))
    assert [name for name, value in standard.items() if found[name] != value] == []


SIMULATED = """
from test_vesicle_backends import bytes_of, history
from mitoferry.backends.reference import Reference
found = history(Cuda(), n=3, steps=20)
assert found.cells.received.sum() > 0
assert bytes_of(found) == bytes_of(history(Reference(), n=3, steps=20))
print("same bytes")
"""


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes():
    assert "same bytes" in printed(SIMULATED)


# ------------------------------------------------------------------ in the loop
def engine(*, without=(), off=(), parameters=FAST):
    """Five cells with few mitochondria, all mechanisms, on plain Python."""
    numbers = cell_type(mitochondria=10.0, mtdna=40.0, speed=20.0)
    spec = make_spec(
        [population("recipient", 0, count=1, numbers=numbers), population("donor", 1, count=2, numbers=replace(numbers, name="donor"))],
        geometry=Geometry(size=(60.0, 60.0, 20.0), voxel=30.0, medium_height=100.0), until=540, parameters=parameters,
        switches=dict.fromkeys(off, "off"),
    )  # fmt: skip
    made = Engine(spec, Reference(), processes=[p for p in load_processes() if p.name not in without])
    made.burn_in(120)
    return made


def advanced(run, steps):
    for _ in range(steps):
        run.advance()
    return run


def state(run):
    return {name: digest({name: a}) for name, a in snapshot(run.world)[0].items()}


def test_switched_off_is_the_run_without_the_code():
    """By the switch, by rates of 0 and without the processes: the same bytes of every column; switched on: others."""
    absent = state(advanced(engine(without=VESICLES), 6))
    assert state(advanced(engine(off=VESICLES), 6)) == absent
    none = {k: 0.0 for k in FAST if k.startswith("vesicle_release") and k.endswith("rate")} | {"vesicle_release.exosome_rate": 0.0}
    assert state(advanced(engine(parameters=none), 6)) == absent
    on = advanced(engine(), 6)
    assert on.world.n_vesicles > 0
    assert state(on) != absent


def test_resumed_to_the_same_bytes(tmp_path):
    whole = advanced(engine(), 9)
    first = advanced(engine(), 5)
    assert rows_in_use(first.world).size > 0
    arrays, meta = snapshot(first.world)
    save_checkpoint(tmp_path, arrays, meta)
    again = engine()
    restore(again.world, *load_checkpoint(tmp_path))
    again.tick = again.world.tick
    assert again.world.n_vesicles == first.world.n_vesicles
    assert state(advanced(again, 4)) == state(whole)
    check_containers(again.world)


def test_planted_fault_a_checkpoint_without_vesicles_is_seen(tmp_path):
    whole = advanced(engine(), 7)
    first = advanced(engine(), 5)
    arrays, meta = snapshot(first.world)
    again = engine()
    restore(again.world, arrays, meta)
    again.tick = again.world.tick
    again.world.vesicles.kind[:] = 255
    assert state(advanced(again, 2)) != state(whole)
