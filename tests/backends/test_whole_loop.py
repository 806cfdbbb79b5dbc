"""The whole loop on one tiny well: the same bytes of every table on every backend, for any number of threads and order of rows.

Five cells with few mitochondria lie so close that filopodia reach; clocks of tubes are fast, so that in twelve macro-steps (two
of the slow quality-control steps included) tubes form, mitochondria pass, are degraded and are born.
"""

from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.plate_spec import Action, Geometry
from mitoferry.core.schema import Mitochondria
from mitoferry.experiment.loop import Engine
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest
from same_bytes import BACKENDS
from worlds import cell_type, make_spec, population

STEPS = 12
FAST = {
    "nanotube_search.capture_probability": 0.9, "nanotube_clocks.opening_time": 0.005, "nanotube_clocks.thickening_rate": 300.0,
    "nanotube_clocks.thick_lifetime": 0.15, "nanotube_transport.loading_rate": 3000.0, "nanotube_transport.microtubule_speed": 20.0,
    "mitophagy.basal_rate": 1.0,
}  # fmt: skip


def run(backend, *, steps=STEPS, cells=(2, 3), mitochondria=14.0, burn_in=120, voxel=20.0):
    """``steps`` macro-steps of one well; returns a digest of each table, and counts of what happened."""
    numbers = cell_type(mitochondria=mitochondria, mtdna=5 * mitochondria, filopodia=60.0, speed=10.0)
    populations = [
        population("recipient", 0, count=cells[0], numbers=numbers, haplotypes=(0.5, 0.5, 0.0, 0.0)),
        population("donor", 1, count=cells[1], numbers=replace(numbers, name="donor"), genetic_label=True, tracker=1.0),
    ]
    known = make_spec().parameters
    spec = make_spec(
        populations, geometry=Geometry(size=(60.0, 60.0, 20.0), voxel=voxel), until=60 * steps,
        parameters={k: v for k, v in FAST.items() if k in known}, pathogenic=(False, True, False, False),
        haplotype_names=("wild_type", "mutant"),
    )  # fmt: skip
    assert set(FAST) <= set(known), set(FAST) - set(known)
    injury = (Action(kind="boundary", key="oxygen", value=20.0, start=120.0, end=360.0, cause="hypoxia"),)
    spec = replace(spec, arms=tuple(replace(a, actions=injury) for a in spec.arms))
    engine = Engine(spec, backend)
    seen = {"events": 0, "kinds": []}

    def note(events):
        n = int(events.count[0])
        seen["events"] += n
        seen["kinds"].append([np.ascontiguousarray(c[:n]).tobytes() for c in events[:-1]])

    engine.on_events = note
    engine.burn_in(burn_in)
    while not engine.finished:
        engine.advance()
    arrays, counters = snapshot(engine.world)
    tables = {}
    for name in sorted(arrays):
        tables.setdefault(name.split("/")[0], {})[name] = arrays[name]
    bytes_of = {table: digest(columns) for table, columns in tables.items() if table != "neighbours"}
    columns_of = {name: np.ascontiguousarray(a).tobytes() for name, a in arrays.items() if not name.startswith("neighbours")}
    world = engine.world
    happened = {
        "events": seen["events"], "links": int(world.wells.next_link[0]) - 1, "handovers": engine.n_handovers,
        "ledger": world.wells.ledger.sum(axis=0).tolist(), **counters,
    }  # fmt: skip
    return bytes_of, happened, columns_of, seen["kinds"]


def assert_same(found, wanted):
    """The same counts, events and columns; names the columns that differ."""
    differ = sorted(name for name in wanted[2] if found[2].get(name) != wanted[2][name])
    assert not differ, differ
    assert found[1] == wanted[1]
    assert found[3] == wanted[3]
    assert found[0] == wanted[0]


@pytest.fixture(scope="module")
def reference():
    found = run(Reference())
    assert found[1]["links"] > 0
    assert found[1]["handovers"] > 0
    assert max(found[1]["ledger"]) > 0
    return found


@pytest.mark.parametrize("name", BACKENDS)
def test_same_bytes(name, reference):
    assert_same(run(BACKENDS[name]()), reference)


def individuals(columns):
    """Every mitochondrion as bytes, by lineage, with the row of its owner and its slot in the page; order does not count."""
    flags = np.frombuffer(columns["mitochondria/flags"], np.uint16)
    there = np.flatnonzero(flags & 1)
    owner = np.frombuffer(columns["pages/owner"], np.int32)[there // 32]
    parts = [np.frombuffer(columns[f"mitochondria/{name}"], np.uint8).reshape(len(flags), -1)[there] for name in Mitochondria._fields]
    found = np.hstack([*parts, owner.astype("<i4")[:, None].view(np.uint8), (there % 32).astype(np.uint8)[:, None]])
    return sorted(row.tobytes() for row in found)


@pytest.mark.parametrize("name", ["reference, shuffled", "two threads"])
def test_sorting_the_pages_changes_nothing_but_their_order(name, reference, monkeypatch):
    """Pages sorted at every step: the same events, cells and mitochondria, each with its owner and slot."""
    monkeypatch.setattr("mitoferry.experiment.loop.TIDY", 60)
    monkeypatch.setattr("mitoferry.experiment.loop.SCATTERED", -1.0)
    found = run(BACKENDS[name]())
    moved = ("mitochondria", "pages", "cells/first_page", "cargo/slot")
    assert found[2]["pages/owner"] != reference[2]["pages/owner"]  # the pages of this well do scatter
    assert found[3] == reference[3]
    assert [n for n, b in reference[2].items() if not n.startswith(moved) and found[2][n] != b] == []
    assert individuals(found[2]) == individuals(reference[2])


def test_a_planted_fault_is_seen(reference):
    """One macro-step more of burn-in changes the bytes."""
    assert run(Cpu(threads=1), burn_in=180)[0] != reference[0]


SIMULATED = """
from test_whole_loop import assert_same, run
from mitoferry.backends.reference import Reference
small = dict(steps=11, cells=(1, 2), mitochondria=8.0, burn_in=60, voxel=60.0)
wanted = run(Reference(), **small)
assert_same(run(Cuda(), **small), wanted)
print("same bytes", wanted[1])
"""


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes():
    assert "same bytes" in printed(SIMULATED)
