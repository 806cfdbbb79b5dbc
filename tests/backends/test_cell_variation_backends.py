"""Variation between cells: the same bytes on every backend; off as if the code were not there; the same cells in every arm."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from fates import rest
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import Step
from mitoferry.processes import cell_variation
from same_bytes import BACKENDS, loop_digest
from worlds import make_spec, make_world, parameters, population


def run(backend):
    """Cells drawn, then six steps; a digest of what differs between them."""
    world = make_world([population("recipient", 0, count=30), population("donor", 1, count=10)], backend=backend)
    rest(world)
    p = parameters(None, "cell_variation", cell_variation.Parameters)
    cell_variation.prepare(world, p)
    for k in range(6):
        cell_variation.advance(world, Step(10 * k, 600 * k, 600.0 * k, 600.0), p)
    backend.pull(world.cells)
    amounts = np.stack([world.cells.own_antioxidant[: world.n_cells], world.cells.own_threshold[: world.n_cells]])
    assert len(np.unique(amounts)) > 75
    return hashlib.sha256(amounts.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def reference():
    return run(Reference())


@pytest.mark.parametrize("name", BACKENDS)
def test_backends_give_the_same_bytes(reference, name):
    assert run(BACKENDS[name]()) == reference


def test_cuda_simulator_gives_the_same_bytes(reference):
    assert printed("from test_cell_variation_backends import run; print(run(Cuda()))") == reference


def test_switched_off_equals_a_run_without_the_code():
    spec = make_spec(size=100.0, until=1200)
    off = replace(spec, switches={"cell_variation": "off"})
    assert loop_digest(off).state == loop_digest(spec, without=("cell_variation",)).state
    assert loop_digest(spec).state != loop_digest(off).state


def test_pools_and_empty_rows_stay_at_the_mean():
    world = make_world([population("recipient", 0, count=5)])
    cell_variation.prepare(world, parameters(None, "cell_variation", cell_variation.Parameters))
    assert (world.cells.own_threshold[: 2 * world.n_wells] == 1.0).all()
    assert (world.cells.own_threshold[world.n_cells :] == 1.0).all()
    assert (world.cells.own_threshold[2 * world.n_wells : world.n_cells] != 1.0).all()
