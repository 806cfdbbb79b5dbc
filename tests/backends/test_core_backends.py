"""Seeding and counting give the same bytes on every backend, for any number of threads and any order of rows."""

import numpy as np
import pytest

from cuda_simulator import printed
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.row import row
from worlds import cell_type, make_world, population

TABLES = ("mitochondria", "cells", "pages", "groups", "wells")


def bytes_of(world):
    world.backend.pull(*(getattr(world, t) for t in TABLES))
    return {f"{t}.{c}": getattr(getattr(world, t), c).tobytes() for t in TABLES for c in getattr(world, t)._fields}


@pytest.fixture(scope="module")
def reference():
    return bytes_of(make_world(backend=Reference(), replicates=2))


@pytest.mark.parametrize(
    "backend",
    [Cpu(threads=1), Cpu(threads=2, eager=True), Cpu(threads=2, shuffle=5), Reference(shuffle=3)],
    ids=["1 thread", "2 threads", "shuffled", "reference shuffled"],
)
def test_same_bytes(reference, backend):
    assert bytes_of(make_world(backend=backend, replicates=2)) == reference


def test_a_different_seed_gives_different_bytes(reference):
    assert bytes_of(make_world(backend=Cpu(threads=1), replicates=2, seed=2)) != reference


def test_wells_of_a_replicate_start_alike_and_replicates_differ():
    world = make_world(arms=2, replicates=2)
    x = world.cells.x[8 : world.n_cells].reshape(4, -1)
    assert (x[0] == x[2]).all()  # same replicate, other arm
    assert (x[0] != x[1]).all()


SIMULATED = """
from test_core_backends import bytes_of
from worlds import make_world
from mitoferry.backends.reference import Reference
assert bytes_of(make_world(backend=Cuda())) == bytes_of(make_world(backend=Reference()))
print("same bytes")
"""


def test_cuda_simulator_gives_the_same_bytes():
    assert "same bytes" in printed(SIMULATED)


@row
def sums_slot(h, slot, sums, mitochondria, found):
    if int(mitochondria.flags[slot]) & 1 != 0:
        sums[0] += 1
        sums[1] += int(mitochondria.mass[slot]) * (1 + slot % 3)
        sums[2] += h - int(mitochondria.mass[slot])


@row
def sums_finish(h, sums, mitochondria, found):
    for k in range(3):
        found[h, k] = sums[k]


def sums_of(backend):
    """Three sums over the mitochondria of every host, gathered."""
    world = make_world([population("recipient", 0, 2, numbers=cell_type(mitochondria=40.0, mtdna=80.0))], backend=backend)
    found = np.zeros((world.n_cells, 3), np.int64)
    backend.gather(sums_slot, sums_finish, 3, world.n_cells, world.cells, world.pages, world.mitochondria, found)
    backend.pull(found)
    return found.tolist()


def test_threads_of_a_block_add_up_as_a_loop_does():
    """The sum of the CUDA backend itself, in the simulator; all other tests add up by ``cuda_simulator.quick_sum``.

    Fault seen to fail it, planted in a copy of the package: the halving of the stride in ``_warp_sum`` stops at 2.
    """
    wanted = sums_of(Reference())
    assert max(n for n, _, _ in wanted) >= 40
    for quick in (False, True):
        assert printed("from test_core_backends import sums_of; print(sums_of(Cuda()))", quick=quick) == str(wanted)
