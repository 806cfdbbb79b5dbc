"""Energetics processes give the same bytes on the reference backend, compiled, with two threads, and in any order of rows."""

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_COMPLEX_I_INHIBITOR, NODE_REDOX_CYCLING, NODE_UNCOUPLER
from mitoferry.core.schema import N_CLASSES, OCCUPIED, SUM_COUNT, SUM_ETC, SUM_ETC_COMPLEX_I, SUM_MASS, SUM_SCALE, SUM_SYNTHASE, Step
from mitoferry.processes import capacity, energetics, inhibitors, pore, reactive_oxygen
from worlds import cell_type, library_values, make_world, population

VALUES = library_values()
SMALL = cell_type(mitochondria=16.0)
MODULES = (capacity, inhibitors, energetics, reactive_oxygen, pore)


def parameters(module):
    return module.Parameters(**{f: VALUES[f"{module.PROCESS.name}.{f}"] for f in module.Parameters._fields})


def scrambled(backend, count=140):
    """A world with all four classes, damage, bound inhibitor, open pores and active treatments."""
    world = make_world([population(count=count, numbers=SMALL), population("donor", 1, count=2)], backend=backend)
    m, rng = world.mitochondria, np.random.default_rng(4)
    alive = np.flatnonzero(m.flags & OCCUPIED)
    m.flags[alive] = OCCUPIED | (rng.integers(0, N_CLASSES, alive.size) << 1) | ((rng.uniform(size=alive.size) < 0.02) << 10)
    m.damage[alive] = rng.integers(0, 30000, alive.size)
    m.complex1[alive] = rng.integers(0, 36000, alive.size)
    m.complex34[alive] = rng.integers(0, 36000, alive.size)
    m.bound1[alive] = rng.integers(0, 100, alive.size)
    m.birth[alive[::7]] = (1 << 24) + 5
    world.groups.nodes[:, NODE_COMPLEX_I_INHIBITOR] = 1.0
    world.groups.nodes[:, NODE_REDOX_CYCLING] = 3e-3
    world.groups.nodes[1, NODE_UNCOUPLER] = 5.0
    return world


def advanced(backend, minutes=7):
    world = scrambled(backend)
    for tick in range(0, 60 * minutes, 60):
        for m in MODULES:
            interval = 60 if m.PROCESS.clock == "macro" else 300
            if tick % interval == 0:
                m.PROCESS.advance(world, Step(tick // 60, tick, float(tick), float(interval)), parameters(m))
    tables = (world.cells, world.mitochondria)
    return {f"{type(t).__name__}.{f}": np.ascontiguousarray(getattr(t, f)).tobytes() for t in tables for f in t._fields}, world


@pytest.fixture(scope="module")
def standard():
    return advanced(Reference())


@pytest.mark.parametrize("backend", [lambda: Cpu(threads=1), lambda: Cpu(threads=2, eager=True), lambda: Reference(shuffle=7)])
def test_same_bytes(standard, backend):
    found, _ = advanced(backend())
    assert [k for k in found if found[k] != standard[0][k]] == []


def test_something_happened(standard):
    world = standard[1]
    live = world.cells.state == 1
    assert np.all(world.cells.h2o2[live] > 0.007)
    assert world.mitochondria.bound1.max() > 120
    assert np.all(world.cells.psi[live] > 20.0)


def test_sums_are_the_integers_of_their_definition():
    world = scrambled(Cpu(threads=1))
    capacity.advance(world, Step(0, 0, 0.0, 300.0), parameters(capacity))
    m, cells = world.mitochondria, world.cells
    owner = np.repeat(world.pages.owner, 32)
    for h in np.flatnonzero(cells.state == 1):
        mine = np.flatnonzero((owner == h) & (m.flags & OCCUPIED != 0))
        assert cells.n_mitochondria[h] == mine.size
        assert cells.n_foreign[h] == (m.birth[mine] >> 24 != cells.population[h]).sum()
        assert np.array_equal(cells.copies[h], m.copies[mine].sum(axis=0, dtype=np.int64))
        assert cells.sums[h, :, SUM_COUNT].sum() == mine.size
        for k in range(N_CLASSES):
            s = mine[(m.flags[mine] >> 1 & 3) == k]
            closed = s[m.flags[s] & (1 << 10) == 0]
            mass, damage = m.mass[closed] / 8192.0, m.damage[closed] / 65535.0
            e1, e34, e5 = (m.complex1[closed] / 32768.0, m.complex34[closed] / 32768.0, m.complex5[closed] / 32768.0)
            b1, b3 = m.bound1[closed] / 255.0, m.bound3[closed] / 255.0
            etc = mass * e34 * (1 - damage) * (1 - b3)
            assert cells.sums[h, k, SUM_MASS] * SUM_SCALE == pytest.approx((m.mass[s] / 8192.0).sum(), abs=1e-9)
            assert cells.sums[h, k, SUM_ETC] * SUM_SCALE == pytest.approx(etc.sum(), abs=1e-4)
            with_i = etc * (1 - b1) * np.minimum(1, e1 / np.maximum(e34, 1e-9))
            assert cells.sums[h, k, SUM_ETC_COMPLEX_I] * SUM_SCALE == pytest.approx(with_i.sum(), abs=1e-4)
            assert cells.sums[h, k, SUM_SYNTHASE] * SUM_SCALE == pytest.approx((mass * e5 * (1 - damage / 2)).sum(), abs=1e-4)
