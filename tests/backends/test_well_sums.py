"""Sums over the cells of wells and draws of a cell, rows that are free, pages of pools: on every backend what NumPy or a walk gives.

Faults seen to fail it, planted: the last block of cells left out; a block that begins with what the step before has added up; the layer of
a cell not told apart; the draw that goes on from zero within its block; free rows of the first look only; pages unlinked without giving
them back; a chain listed from its second page on.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from backends_here import BACKENDS

from mitoferry.core.pages import release_empty_pages
from mitoferry.core.row import row
from mitoferry.core.schema import N_POOLS, OCCUPIED, PAGE
from mitoferry.processes import free_rows, pool_pages
from mitoferry.processes.well_sums import ROWS, Weights, add_up, allocate_weights, draw_cell
from worlds import make_world, population

N, WELLS = 3 * ROWS + 100, 3
FACTORS = ((1.0, 2.0, 0.0, 4.0), (1.0, 0.5))  # of arms, of layers: powers of two, so that sums are exact


class Cells(NamedTuple):
    """What the sums look at."""

    well: Any
    layer: Any


class World(NamedTuple):
    """As much of a world as ``add_up`` needs."""

    backend: Any
    cells: Any
    n_cells: int


@row
def draw_row(j, w, uniforms, found, n_cells, layers, cells, weights):
    """One draw for each uniform."""
    found[j] = draw_cell(w, float(uniforms[j]), 1.0, 2.0, 0.0, 4.0, 1.0, 0.5, n_cells, layers, cells, weights)


@row
def is_free(k, first, taken):
    """Whether a row is not taken."""
    return 1 if int(taken[first + k]) == 0 else 0


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Any:
    """Each of the backends that run here."""
    return BACKENDS[request.param]()


def weighed(backend: Any, n: int, layers: int, arms: int, *, whole: bool) -> tuple[World, Weights]:
    """Cells of three wells in random order, of which some weigh nothing, added up."""
    rng = np.random.default_rng(n + 10 * layers + arms)
    cells = Cells(rng.integers(0, WELLS, n, dtype=np.int32), rng.integers(0, 2, n).astype(np.uint8))
    weights = allocate_weights(backend, n, WELLS, layers, arms)
    of = rng.integers(0, 5, (n, arms)) if whole else rng.lognormal(0.0, 3.0, (n, arms))
    backend.write(slice(0, n), weights.of, of * (rng.uniform(size=(n, 1)) < 0.5))
    for _ in range(2):  # nothing is left of the first time
        add_up(World(backend, cells, n), weights, layers)
    return World(backend, cells, n), weights


@pytest.mark.parametrize(("n", "layers", "arms"), [(N, 2, 4), (N, 1, 2), (2 * ROWS, 2, 1), (700, 2, 4), (3, 1, 1)])
def test_sums_of_wells_and_layers(backend: Any, n: int, layers: int, arms: int) -> None:
    """To the last bit: the sum of what the cells weigh, each rounded down to a multiple of 2^-49, in fractions of whole numbers."""
    world, weights = weighed(backend, n, layers, arms, whole=False)
    of, total = (backend.read(slice(0, m), column)[0] for m, column in ((n, weights.of), (WELLS * layers, weights.total)))
    place = world.cells.well * layers + np.minimum(world.cells.layer, layers - 1)
    for q in range(WELLS * layers):
        for k in range(arms):
            whole = [math.floor(Fraction(float(x)) * 2**49) for x in of[place == q, k]]
            coarse, fine = sum(x >> 39 for x in whole), sum(x & (2**39 - 1) for x in whole)
            assert total[q, k] == coarse / 2**10 + fine / 2**49
            assert total[q, k] == pytest.approx(of[place == q, k].sum(), rel=1e-12)


def test_a_well_sums_alike_whoever_else_is_on_the_plate(backend: Any) -> None:
    """Its cells lie in other blocks then."""
    rng = np.random.default_rng(8)
    of, found = rng.lognormal(0.0, 3.0, (3000, 1)), []
    for others in (0, 1500, 5000):
        n = others + 3000
        cells = Cells(np.repeat([1, 0], [others, 3000]).astype(np.int32), np.zeros(n, np.uint8))
        weights = allocate_weights(backend, n, 2, 1, 1)
        backend.write(slice(0, n), weights.of, np.concatenate([rng.lognormal(0.0, 3.0, (others, 1)), of]))
        add_up(World(backend, cells, n), weights, 1)
        found.append(float(backend.read(slice(0, 1), weights.total)[0][0, 0]))
    assert len(set(found)) == 1


@pytest.mark.parametrize(("n", "layers"), [(N, 2), (N, 1), (500, 2)])
def test_a_cell_is_drawn_in_proportion_to_its_weight(backend: Any, n: int, layers: int) -> None:
    """Against the sum that NumPy runs up over the cells of a well; weights are whole numbers, so that nothing is rounded."""
    world, weights = weighed(backend, n, layers, 4, whole=True)
    (of,) = backend.read(slice(0, n), weights.of)
    arms, of_layer = FACTORS
    weight = of @ np.array(arms) * np.where((world.cells.layer > 0) & (layers > 1), of_layer[1], of_layer[0])
    uniforms, found = (np.arange(200) + 0.37) / 200, np.zeros(200, dtype=np.int64)
    for w in range(WELLS):
        backend.each(draw_row, 200, w, uniforms, found, n, layers, world.cells, weights)
        backend.pull(found)
        running = np.cumsum(np.where(world.cells.well == w, weight, 0.0))
        assert found.tolist() == np.searchsorted(running, uniforms * running[-1], side="right").tolist()
        assert (weight[found] > 0.0).all()


def test_nobody_is_drawn_where_no_cell_weighs_anything(backend: Any) -> None:
    cells, weights = Cells(np.zeros(50, np.int32), np.zeros(50, np.uint8)), allocate_weights(backend, 50, 1, 1, 1)
    add_up(World(backend, cells, 50), weights, 1)
    found = np.zeros(1, dtype=np.int64)
    backend.each(draw_row, 1, 0, np.full(1, 0.5), found, 50, 1, cells, weights)
    backend.pull(found)
    assert found[0] == -1


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 7, 3000])
def test_the_first_free_rows_are_found(backend: Any, share: float, n: int) -> None:
    in_use = 3 * free_rows.FIRST
    taken = (np.random.default_rng(n).uniform(size=in_use + n) >= share).astype(np.uint8)
    taken[in_use:] = 0
    found = free_rows.first_rows(backend, is_free, n, in_use, taken)
    assert found.dtype == np.int64
    assert found.tolist() == np.flatnonzero(taken == 0)[:n].tolist()


def test_empty_pages_are_given_back_as_by_a_walk(backend: Any) -> None:
    """Chains of three rows with gaps: the same chains and the same order of the free pages as ``core.pages.release_empty_pages``."""
    states = []
    for walk in (True, False):
        world = make_world([population("cells", 0, 12)], backend=backend, replicates=2, seed=3)
        backend.pull(world.mitochondria, world.pages, world.cells)
        rows = np.flatnonzero(world.cells.first_page[: world.n_cells] >= 0)[3:6]
        assert rows.min() >= N_POOLS * world.n_wells
        chains = [pool_pages.chain_of(world, int(h)) for h in rows]
        pages = [backend.read(slice(0, n), chain)[0] for chain, n in chains]
        for chain in pages:
            assert len(chain) > 4
            for page in chain[[0, 2, 3]]:
                world.mitochondria.flags[page * PAGE : (page + 1) * PAGE] = 0
        backend.push(world.mitochondria.flags)
        in_use = (world.mitochondria.flags.reshape(-1, PAGE) & OCCUPIED != 0).any(axis=1)
        if walk:
            for h in rows:
                backend.serial(release_empty_pages, world.mitochondria, world.pages, world.cells, int(h))
        else:
            every = np.sort(np.concatenate(pages)).astype(np.int64)
            pool_pages.give_back(world, every[~in_use[every]])
        after = [backend.read(slice(0, n), chain)[0] for chain, n in (pool_pages.chain_of(world, int(h)) for h in rows)]
        assert [x.tolist() for x in after] == [chain[in_use[chain]].tolist() for chain in pages]
        backend.pull(world.pages, world.cells)
        states.append(b"".join(x.tobytes() for x in (*world.pages, world.cells.first_page)))
    assert states[0] == states[1]


def test_pages_of_a_chain_that_are_empty(backend: Any) -> None:
    world = make_world([population("cells", 0, 3)], backend=backend, seed=3)
    backend.pull(world.mitochondria, world.pages, world.cells)
    h = int(np.flatnonzero(world.cells.first_page[: world.n_cells] >= 0)[0])
    chain, n = pool_pages.chain_of(world, h)
    (pages,) = backend.read(slice(0, n), chain)
    world.mitochondria.flags[pages[1] * PAGE : (pages[1] + 1) * PAGE] = 0
    in_use = (world.mitochondria.flags.reshape(-1, PAGE) & OCCUPIED != 0).any(axis=1)
    backend.push(world.mitochondria.flags)
    pool_pages.release_empty_of_chain(world, chain, n)
    left, m = pool_pages.chain_of(world, h)
    assert backend.read(slice(0, m), left)[0].tolist() == pages[in_use[pages]].tolist()
