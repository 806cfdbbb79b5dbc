"""Quality control gives the same bytes on every backend, for any number of threads and any order of rows."""

import numpy as np
import pytest

from cuda_simulator import printed
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_MTDNA_ADDUCTS
from mitoferry.core.row import row
from mitoferry.core.schema import CLASS_SHIFT, DONOR_ENDOSOME, DONOR_FREE, ENDOSOME, OCCUPIED, OWN_ISOLATED, PLACE_SHIFT, PORE_OPEN
from mitoferry.processes.partition import partition
from quality_worlds import MODULES, count_copies, occupied, rows, run, uniform_world

TABLES = ("mitochondria", "cells", "pages", "wells")
HASTY = {
    "mtdna": {"turnover_rate": 0.3, "doubling_time": 1.0},
    "mitophagy": {"pink1_delay": 0.0, "pink1_rate": 2.0, "lysosome_capacity": 0.5, "basal_rate": 0.2},
    "fusion_fission": {"mtdna_exchange": 0.5, "uneven_chance": 0.3},
}


def stressed_world(backend, cells=5, mitochondria=45, plain=False):
    """Few cells with every kind of mitochondrion and stress, so that all branches are taken.

    ``plain``: no pathogenic haplotype, nothing carried or bound, so that whole pages can be treated the short way.
    """
    world = uniform_world(
        cells,
        mitochondria=mitochondria,
        copies=4,
        backend=backend,
        pathogenic=(False, not plain, False, False),
        values={"mitophagy.basal_rate": 0.2},
    )
    m, c, slots = world.mitochondria, world.cells, occupied(world)
    rng = np.random.default_rng(1)
    m.copies[slots, :3] = rng.integers(0, 6, (slots.size, 3))
    for column, top in (
        ("damage", 60000),
        ("complex1", 40000),
        ("complex34", 40000),
        ("complex5", 40000),
        ("bound1", 255),
        ("bound3", 255),
        ("adducts", 255),
    ):
        getattr(m, column)[slots] = rng.integers(0, top, slots.size)
    for column in ("label", "dye"):
        getattr(m, column)[slots] = rng.integers(0, 65535, slots.size)
    if plain:
        m.copies[slots[::2], 1:3] = 0
        m.copies[slots[1::2], :2] = 0
        for column in ("label", "dye", "bound1", "bound3", "adducts"):
            getattr(m, column)[slots] = 0
    m.mass[slots] = rng.integers(2600, 16000, slots.size)
    m.flags[slots[7::11]] = OCCUPIED | (OWN_ISOLATED << CLASS_SHIFT)
    m.flags[slots[::9]] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT)
    m.flags[slots[4::17]] = OCCUPIED | (ENDOSOME << PLACE_SHIFT) | (DONOR_ENDOSOME << CLASS_SHIFT)
    m.flags[slots[5::19]] = OCCUPIED | PORE_OPEN
    n = world.n_cells
    c.psi[:n] = rng.choice([150.0, 100.0, 40.0], (n, 4))
    c.h2o2[:n] = rng.choice([0.005, 0.1, 0.4], n)
    c.atp[:n] = rng.choice([2.88, 0.4], n)
    c.env[:n, 0] = rng.choice([190.0, 0.2], n)
    c.nadh[:n] = 0.97
    c.arrival_pulse[:n] = rng.choice([0.0, 0.7], n)
    c.state[rows(world)[-1]] = 3
    world.groups.arrival_fusion[:] = 0.7
    world.groups.nodes[:, NODE_MTDNA_ADDUCTS] = 0.0 if plain else 0.3
    c.drug_retention[:n] = rng.choice([1.0, 2.0], n)
    c.mtdna_adducts[:n] = 0.0 if plain else rng.choice([0.0, 0.6], (n, 4))
    world.groups.cycle_time[:] = 20.0
    count_copies(world)
    world.backend.push(m, c, world.groups)
    world.ledger.open(world)
    return world


def result(backend, hours=0.5, **size):
    world = stressed_world(backend, **size)
    run(world, list(MODULES), hours, **HASTY)
    backend.pull(world.cells, world.mitochondria, world.pages)
    world.cells.volume[rows(world)[1]] = 2.0
    backend.push(world.cells)
    partition(world, rows(world)[:1], rows(world)[1:2], 99)
    world.ledger.check(world, "partition", 0)
    tables = [getattr(world, t) for t in TABLES]
    backend.pull(*tables)
    return {f"{t}.{c}": getattr(getattr(world, t), c).tobytes() for t in TABLES for c in getattr(world, t)._fields}


@pytest.fixture(scope="module")
def reference():
    return result(Reference())


@pytest.mark.parametrize(
    "backend",
    [Cpu(threads=1), Cpu(threads=2, eager=True), Cpu(threads=2, shuffle=5), Reference(shuffle=3)],
    ids=["1 thread", "2 threads", "shuffled", "reference shuffled"],
)
def test_same_bytes(reference, backend):
    found = result(backend)
    assert [k for k in reference if found[k] != reference[k]] == []


@pytest.mark.parametrize("backend", [Cpu(threads=1), Cpu(threads=2, shuffle=5)], ids=["1 thread", "shuffled"])
def test_same_bytes_where_whole_pages_go_the_short_way(backend):
    """Nothing carried, bound or pathogenic, chains of several pages. Faults seen to fail it, planted in a copy of the package: those
    apart from the network follow it; one below the threshold is not tagged; what may be degraded is looked at in half of a page; pages
    whose pairs have complexes to mix are taken for empty ones.
    """
    expected = result(Reference(), cells=3, mitochondria=90, plain=True)
    found = result(backend, cells=3, mitochondria=90, plain=True)
    assert [k for k in expected if found[k] != expected[k]] == []


@pytest.mark.long
def test_many_cells_in_blocks_of_two_threads():
    assert result(Cpu(threads=1), cells=400, mitochondria=70) == result(Cpu(threads=2, shuffle=1), cells=400, mitochondria=70)


SIMULATED = """
from test_quality import result
from mitoferry.backends.reference import Reference
assert result(Cuda(), hours=0.2, cells=3, mitochondria=20) == result(Reference(), hours=0.2, cells=3, mitochondria=20)
print("same bytes")
"""


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes():
    assert "same bytes" in printed(SIMULATED)


@row
def difference_of_unsigned(a, b, out):
    out[0] = int(a[0]) - int(b[0])


@pytest.mark.parametrize("backend", [Reference(), Cpu(threads=1)], ids=["reference", "cpu"])
def test_int_of_an_unsigned_column_is_signed(backend):
    out = np.zeros(1, dtype=np.int64)
    backend.serial(difference_of_unsigned, np.array([3], dtype=np.uint16), np.array([5], dtype=np.uint16), out)
    assert out[0] == -2
