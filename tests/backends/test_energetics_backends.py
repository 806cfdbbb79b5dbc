"""Energetics processes give the same bytes on the reference backend, compiled, with two threads, and in any order of rows."""

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_COMPLEX_I_INHIBITOR, NODE_REDOX_CYCLING, NODE_UNCOUPLER
from mitoferry.core.row import row
from mitoferry.core.schema import (
    N_CLASSES,
    OCCUPIED,
    SUM_COUNT,
    SUM_DEHYDROGENASE,
    SUM_ETC,
    SUM_ETC_COMPLEX_I,
    SUM_LEAK,
    SUM_MASS,
    SUM_SCALE,
    SUM_SYNTHASE,
    Step,
)
from mitoferry.processes import capacity, energetics, inhibitors, pore, reactive_oxygen
from mitoferry.processes.energetics import solve_classes
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


@row
def solved_row(i, cells, state, found, p):
    """What ``solve_classes`` makes of cell ``i``, not rounded to a column; ``state``: oxygen, uncoupler, block, ATP, moved, psi, slopes."""
    (
        found[i, 0], found[i, 1], found[i, 2], found[i, 3], found[i, 4], found[i, 5], found[i, 6], found[i, 7], found[i, 8], found[i, 9]
    ) = solve_classes(
        i, cells, state[i, 0], state[i, 1], state[i, 2], state[i, 3], state[i, 4], state[i, 5], state[i, 6], state[i, 7], state[i, 8],
        state[i, 9], state[i, 10], state[i, 11], state[i, 12], p,
    )  # fmt: skip


def solved(backend):
    """Classes of cells that lack some or all of them, complex I, synthase (free F1) or all mass, from far and near, to every bit."""
    world = make_world([population(count=600, numbers=SMALL)], backend=backend)
    rng, n, cells = np.random.default_rng(11), world.n_cells, world.cells
    mass = rng.uniform(0.0, 60.0, (n, N_CLASSES)) * (rng.uniform(size=(n, N_CLASSES)) < 0.7)
    for column, low in ((SUM_ETC, 0.0), (SUM_SYNTHASE, 0.0), (SUM_LEAK, 0.5), (SUM_DEHYDROGENASE, 1.0)):
        share = rng.uniform(low, 1.0, mass.shape) * (rng.uniform(size=mass.shape) < 0.85 if low == 0.0 else 1.0)
        cells.sums[:n, :, column] = mass * share / SUM_SCALE
    cells.sums[:n, :, SUM_ETC_COMPLEX_I] = cells.sums[:n, :, SUM_ETC] * rng.uniform(0.0, 1.0, mass.shape)
    cells.sums[:n, :, SUM_COUNT] = mass > 0.0
    cells.substrate[:n] = rng.uniform(0.0, 1.0, n)
    p = parameters(energetics)
    state, found = np.zeros((n, 13)), np.zeros((n, 10))
    state[:, 0], state[:, 1] = rng.uniform(0.0, 100.0, n), rng.uniform(0.0, 3.0, n) * (rng.uniform(size=n) < 0.3)
    state[:, 2], state[:, 3] = rng.uniform(0.0, 1.0, n), rng.uniform(0.01, 0.99, n) * p.adenylate_total
    state[:, 4], state[:, 5:9], state[:, 9:] = rng.normal(0.0, 0.1, n), rng.uniform(0.0, 200.0, (n, 4)), rng.normal(0.0, 5.0, (n, 4))
    world.backend.push(cells)
    backend.each(solved_row, n, cells, state, found, p)
    backend.pull(found)
    return found, np.array(cells.psi[:n]), np.array(cells.nadh[:n]), np.array(cells.oxygen_flux_class[:n])


def test_classes_side_by_side_give_every_bit_of_one_after_the_other():
    """Faults seen to fail it, planted: settled classes step on with the others; no flux of free F1; no pH difference; another's slope."""
    one_by_one, together = solved(Reference()), solved(Cpu(threads=1))
    assert np.isfinite(one_by_one[0]).all()
    assert (one_by_one[0][:, 0] < 0.0).any()  # some hydrolyse ATP
    for a, b in zip(one_by_one, together, strict=True):
        assert np.array_equal(a, b)


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
