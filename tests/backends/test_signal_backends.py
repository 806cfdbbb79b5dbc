"""Heme, HMGB1, nutrients, ERK, NADPH oxidase and compatibility: the same bytes on every backend, and off as if the code were not there."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from fates import rest, rows_of
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.row import row
from mitoferry.core.schema import DONOR_FREE, LACTATE, SUM_DAMAGE, SUM_MASS, Step
from mitoferry.experiment.loop import Engine, load_processes
from mitoferry.processes import erk_signalling, heme_signalling, hypoxia_signalling, nadph_oxidase, nutrient_signalling
from mitoferry.processes.compatibility import compatibility
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest
from same_bytes import BACKENDS
from worlds import cell_type, make_spec, make_world, parameters, population

MODULES = (heme_signalling, hypoxia_signalling, nutrient_signalling, erk_signalling, nadph_oxidase)
ANSWERS = {"hmgb1": 0.9, "mct1": 0.8, "o_glcnac": 0.7, "nox2": 0.6, "talin2": 0.9, "icam1": 0.5, "lfa1": 0.4, "n_cadherin": 0.7}


@row
def pair_row(i, groups, out):
    out[i] = compatibility(i % 2, (i + 1) % 2, groups) * compatibility(i % 2, i % 2, groups)


def run(backend):
    """Cells in all sorts of states, six steps; a digest of cells and of what they release."""
    kind = cell_type(mitochondria=4.0, **ANSWERS)
    populations = [population("recipient", 0, count=20, numbers=kind), population("donor", 1, count=20, numbers=kind)]
    world = make_world(populations, backend=backend, with_space=True)
    rest(world)
    c, rows, rng = world.cells, rows_of(world), np.random.default_rng(5)
    c.heme[rows], c.hif[rows], c.nfkb[rows] = rng.uniform(0, 9, rows.size), rng.uniform(0, 1, rows.size), rng.uniform(0, 1, rows.size)
    c.env[rows, LACTATE], c.env[rows, 1] = rng.uniform(0, 20, rows.size), rng.uniform(0, 40, rows.size)
    c.sums[rows, DONOR_FREE, SUM_MASS] = rng.integers(0, 5 << 20, rows.size)
    c.sums[rows, DONOR_FREE, SUM_DAMAGE] = c.sums[rows, DONOR_FREE, SUM_MASS] // 3
    c.psi[rows, DONOR_FREE] = rng.uniform(50, 160, rows.size)
    world.groups.nodes[:] = rng.uniform(0.2, 2.0, world.groups.nodes.shape)
    backend.push(world.cells, world.groups, world.fields)
    for k in range(6):
        for m in MODULES:
            m.advance(world, Step(k, 300 * k, 300.0 * k, 300.0), parameters(None, m.PROCESS.name, m.Parameters))
    held = np.zeros(8)
    backend.each(pair_row, 8, world.groups, held)
    backend.pull(world.cells, world.fields, held)
    sha = hashlib.sha256(held.tobytes())
    for name in ("heme", "ho1", "tfam", "hmgb1", "miro1", "rac1", "sirt1", "o_glcnac", "trak", "erk"):
        sha.update(getattr(world.cells, name)[: world.n_cells].tobytes())
    sha.update(world.fields.release.tobytes())
    assert len(np.unique(world.cells.ho1[rows])) == rows.size
    return sha.hexdigest()


@pytest.fixture(scope="module")
def reference():
    return run(Reference())


@pytest.mark.parametrize("name", BACKENDS)
def test_backends_give_the_same_bytes(reference, name):
    assert run(BACKENDS[name]()) == reference


def test_cuda_simulator_gives_the_same_bytes(reference):
    assert printed("from test_signal_backends import run; print(run(Cuda()))") == reference


def state_of(spec, processes):
    engine = Engine(spec, Cpu(threads=1), processes=processes)
    engine.burn_in(600)
    while not engine.finished:
        engine.advance()
    return digest(snapshot(engine.world)[0])


def test_switched_off_equals_a_run_without_the_code():
    """And with types that answer nothing, hypoxia, nutrients and NADPH oxidase are not in the run at all."""
    kind = cell_type(mitochondria=10.0, mtdna=40.0, **ANSWERS)
    populations = (population("recipient", 0, count=4, numbers=kind), population("donor", 1, count=4, numbers=kind))
    spec = make_spec(populations, size=100.0, until=1200, medium={"oxygen": 2.0, "glucose": 25.0, "calcium": 1.8, "lactate": 10.0})
    names = {m.PROCESS.name for m in MODULES}
    without = [p for p in load_processes() if p.name not in names]
    off = replace(spec, switches=dict.fromkeys(names, "off"))
    assert state_of(off, None) == state_of(spec, without)
    assert state_of(spec, None) != state_of(spec, without)
    plain = make_spec(size=100.0)
    assert {m.PROCESS.name for m in MODULES if m.PROCESS.wanted(plain)} == {"heme_signalling"}
    assert {m.PROCESS.name for m in MODULES if m.PROCESS.wanted(spec)} == names - {"erk_signalling"}
    assert not heme_signalling.wanted(make_spec([population("recipient", 0, count=1)]))
