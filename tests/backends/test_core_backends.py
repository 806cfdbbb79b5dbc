"""Seeding and counting give the same bytes on every backend, for any number of threads and any order of rows."""

import pytest

from cuda_simulator import printed
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from worlds import make_world

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
