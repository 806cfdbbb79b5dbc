"""Delivery, packages, needles and grafts: the same bytes on the CUDA simulator as in plain Python."""

from dataclasses import replace

import numpy as np

from cuda_simulator import printed
from fates import module, rest, rows_of, values
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import ISOLATED, Dose, Geometry, Graft
from mitoferry.core.schema import EXOPHER, Step
from worlds import cell_type, make_world, population

NAMES = ("graft", "delivery", "vesicle_packages", "microinjection")
FAST = {
    "graft": {"engraftment": 0.0, "loss_half_life": 0.05, "circulation_half_life": 0.05, "homing_share": 1.0},
    "delivery": {"intravenous_share": 0.5, "nasal_half_life": 0.03, "mucosa_half_life": 0.03},
}


def doses():
    def one(k, count, **keys):
        source = population("isolated_mitochondria", ISOLATED + k, count=count, role="donor", numbers=cell_type("source"))
        return Dose(source=source, viability=0.7, start=0.0, **keys)

    return (
        one(0, 40, route="injection", site=(20.0, 30.0, 40.0), spread=15.0), one(1, 40, route="intravenous"),
        one(2, 40, route="intranasal"),
        one(3, 12, route="vesicles", vesicle=EXOPHER, each=3), one(4, 0, route="cytosol", into=(0,), per_cell=5.0),
    )  # fmt: skip


def history(backend, steps=8):
    numbers = cell_type(mitochondria=6.0, mtdna=20.0, uptake=20.0)
    world = make_world(
        [population("recipient", 0, count=3, numbers=numbers),
         population("graft", 1, count=4, role="donor", numbers=numbers, grafted=True)],
        backend=backend, geometry=Geometry(kind="block", size=(60.0, 60.0, 60.0)), medium={"oxygen": 50.0, "glucose": 5.5, "calcium": 0.2},
    )  # fmt: skip
    rest(world)
    graft = Graft(population=1, start=0.0, route="intravenous", site=(30.0, 30.0, 30.0), spread=10.0)
    world.spec = replace(world.spec, arms=(replace(world.spec.arms[0], doses=doses(), grafts=(graft,)),))
    backend.push(world.cells, world.wells)
    world.parameters["free_mitochondria"] = values("free_mitochondria")
    p = {name: values(name, **FAST.get(name, {})) for name in NAMES}
    module("delivery").prepare(world, p["delivery"])
    for k in range(steps):
        for name in NAMES:
            module(name).advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p[name])
        world.ledger.check(world, "delivery", 60 * k)
    backend.pull(world.cells, world.mitochondria, world.events, world.wells, world.pages, world.vesicles)
    return world


def bytes_of(world):
    tables = {"cells": world.cells, "mitochondria": world.mitochondria, "events": world.events, "vesicles": world.vesicles}
    return {f"{t}/{name}": np.ascontiguousarray(c).tobytes() for t, table in tables.items() for name, c in table._asdict().items()}


def test_all_of_them_are_at_work_and_rows_may_come_in_any_order():
    world = history(Reference())
    c = world.cells
    assert c.received[rows_of(world)[:3]].min() >= 1
    assert {int(s) for s in c.state[rows_of(world)[3:7]]} & {0, 1}
    assert bytes_of(history(Reference(shuffle=4))) == bytes_of(world)


SIMULATED = """
from test_delivery_backends import bytes_of, history
from mitoferry.backends.reference import Reference
found = history(Cuda())
assert found.cells.received.sum() > 0
assert bytes_of(found) == bytes_of(history(Reference()))
print("same bytes")
"""


def test_cuda_simulator_gives_the_same_bytes():
    assert "same bytes" in printed(SIMULATED)
