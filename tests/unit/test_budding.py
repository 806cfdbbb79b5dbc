"""Births with one walk of the chain are the births that a walk for each of them gives: same parents, slots, draws and bytes."""

import numpy as np
import pytest

from mitoferry.backends.reference import Reference
from mitoferry.core.pages import clear_slot
from mitoferry.core.random import uniform4
from mitoferry.core.schema import MASS_SCALE, OCCUPIED, PAGE, Step
from mitoferry.core.streams import BIOGENESIS
from mitoferry.processes import biogenesis, budding
from quality_worlds import occupied, parameters, rows, uniform_world

P = parameters(None, "biogenesis", biogenesis.Parameters)
STEP = Step(7, 4200, 4200.0, 600.0)
KEYS = 11, 13


def chain(world, cell):
    """Pages of a cell, in order."""
    found, page = [], int(world.cells.first_page[cell])
    while page >= 0:
        found.append(page)
        page = int(world.pages.next[page])
    return found


def random_world(seed, mitochondria, empty, small):
    """Two cells of several blocks of pages in random order, with shares of slots that are empty or hold one too small to bud."""
    world = uniform_world(2, mitochondria=mitochondria, backend=Reference(), seed=seed)
    draw, m = np.random.default_rng(seed), world.mitochondria
    for slot in occupied(world):
        if draw.random() < empty:
            clear_slot(m, slot)
        else:
            mass = draw.uniform(1.0, 1.9) if draw.random() < small else draw.uniform(2.0, 6.0)
            m.mass[slot] = int(mass * P.smallest_mass / MASS_SCALE) + 1
            m.copies[slot] = draw.integers(0, 6, 4)
            m.label[slot], m.dye[slot] = draw.integers(0, 200, 2)
    for cell in rows(world):
        pages = draw.permutation(chain(world, cell))
        world.cells.first_page[cell] = pages[0]
        world.pages.next[pages] = [*pages[1:], -1]
    return world


def bud_each(i, wanted, key0, key1, cells, pages, mitochondria, counts, p, step):
    """The births of a cell as they were made before, with the arguments of ``bud_all``: walks of the chain for each birth."""
    for j in range(wanted):
        slots, page = [], int(cells.first_page[i])
        while page >= 0:
            slots += [page * PAGE + k for k in range(PAGE)]
            page = int(pages.next[page])
        able = [s for s in slots if budding.fertile(s, mitochondria, p)]
        child = next((s for s in slots if int(mitochondria.flags[s]) & OCCUPIED == 0), -1)
        if able and child >= 0:
            a, b, _, _ = uniform4(key0, key1, cells.id[i], 0, BIOGENESIS, step.step, 2 * j + 1)
            budding.bud_from(i, j, able[int(a * len(able))], child, b, key0, key1, cells, mitochondria, p, step)


def bytes_after(births, wanted, world):
    """Everything that births may write."""
    for cell in rows(world):
        counts = budding.allocate_counts(world.backend, len(world.pages.owner))
        births(int(cell), wanted, *KEYS, world.cells, world.pages, world.mitochondria, counts, P, STEP)
    return [np.asarray(column[:]).tobytes() for table in (world.mitochondria, world.cells, world.pages) for column in table]


def no_correction(head, page, mitochondria, counts, p):
    return 0


def first_block(h, wanted, cells, counts):
    head = int(cells.first_page[h])
    return head, wanted % max(int(counts.in_block[head]), 1)


CASES = {
    "several blocks": (1, 2200, 0.02, 0.3, 12),
    "few can bud": (2, 300, 0.1, 0.97, 25),
    "more births than slots": (3, 96, 0.05, 0.2, 25),
    "nobody can bud": (4, 70, 0.1, 1.0, 3),
    "every page with an empty slot": (5, 1100, 0.5, 0.5, 12),
}


@pytest.mark.parametrize("case", CASES)
def test_one_walk_gives_the_births_of_a_walk_for_each(case):
    seed, mitochondria, empty, small, wanted = CASES[case]
    before = random_world(seed, mitochondria, empty, small)
    n = before.cells.n_mitochondria[rows(before)].sum()
    old = bytes_after(bud_each, wanted, before)
    born = before.cells.n_mitochondria[rows(before)].sum() - n
    assert bool(born > 0) is (case != "nobody can bud")
    assert bytes_after(budding.bud_all, wanted, random_world(seed, mitochondria, empty, small)) == old


@pytest.mark.parametrize("fault", [("count_again", no_correction), ("block_with", first_block)], ids=["stale counts", "first block only"])
def test_planted_faults_are_seen(fault, monkeypatch):
    """Counts that births do not correct, and parents of the first block of pages only, give other births."""
    seed, mitochondria, empty, small, wanted = CASES["several blocks"]
    old = bytes_after(bud_each, wanted, random_world(seed, mitochondria, empty, small))
    monkeypatch.setattr(budding, *fault)
    assert bytes_after(budding.bud_all, wanted, random_world(seed, mitochondria, empty, small)) != old


def test_a_step_of_the_compiled_backend_makes_the_same_births():
    """A whole step, births drawn: compiled and as plain Python with the walk for each birth."""
    world = uniform_world(3, mitochondria=1500, seed=6)
    plain = uniform_world(3, mitochondria=1500, seed=6, backend=Reference())
    rate = 0.3
    args = (world.cells, world.groups, world.wells, world.pages, world.mitochondria)
    counts = budding.allocate_counts(world.backend, len(world.pages.owner))
    world.backend.each(biogenesis.births_row, world.n_cells, *args, counts, rate, P, STEP)
    args = (plain.cells, plain.groups, plain.wells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(biogenesis, "bud_all", bud_each)
        for i in rows(plain):
            biogenesis.births_row(int(i), *args, plain.pages, plain.mitochondria, counts, rate, P, STEP)
    assert (world.cells.n_mitochondria[rows(world)] > 1510).all()
    for mine, other in zip(world.mitochondria, plain.mitochondria, strict=True):
        assert np.asarray(mine[:]).tobytes() == np.asarray(other[:]).tobytes()
