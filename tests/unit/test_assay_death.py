"""Annexin, TUNEL, cell counts on hand-made states."""

import numpy as np
import pytest
from scipy import stats

from mitoferry.assays import load_assays
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_PS_MASK
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    BY_NECROSIS,
    BY_PYROPTOSIS,
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_EMPTY,
    CELL_MOMP,
    CELL_NECROTIC,
    CELL_WAITING,
    Step,
)
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)
ASSAYS = load_assays()


def world_of(n):
    numbers = cell_type(mitochondria=2.0, mtdna=4.0)
    return make_world((population("recipient", 0, count=n, numbers=numbers),), backend=Reference(), size=3000.0)


def rows(world):
    return np.flatnonzero(world.cells.population[: world.n_cells] == 0)


def read(name, world, **options):
    return {r.readout: r.value for r in ASSAYS[name].measure(world, 0, options, STEP) if r.well == 0}


@pytest.fixture
def mixed():
    world = world_of(20)
    r = rows(world)
    for k, state in enumerate(
        (CELL_MOMP, CELL_APOPTOTIC, CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC, CELL_NECROTIC, CELL_DEAD_NECROTIC, CELL_DEAD_NECROTIC)
    ):
        world.cells.state[r[k]] = state
    return world


def test_fractions_by_state_count_corpses(mixed):
    found = read("annexin_pi", mixed, lost=0.0)
    assert found["apoptotic_fraction"] == 3 / 20
    assert found["necrotic_fraction"] == 3 / 20
    assert found["permeable_fraction"] == 4 / 20
    assert found["viable_fraction"] == 14 / 20
    assert found["annexin_only_fraction"] == 2 / 20
    assert found["double_positive_fraction"] == 4 / 20
    assert found["viability"] == 14 / 20


def test_lost_corpses_flatter_the_viability(mixed):
    found = read("annexin_pi", mixed, lost=1.0)
    assert found["viability"] == 14 / 17
    assert found["double_positive_fraction"] == 1 / 17
    assert found["viable_fraction"] == 14 / 20, "by state nothing is lost"


def test_living_cells_that_expose_stain_and_a_cover_hides_it(mixed):
    r = rows(mixed)
    mixed.cells.phosphatidylserine[r[10:14]] = 0.9
    assert read("annexin_pi", mixed, lost=0.0)["annexin_only_fraction"] == 6 / 20
    assert read("annexin_pi", mixed, lost=0.0)["apoptotic_fraction"] == 3 / 20
    mixed.groups.nodes[:, NODE_PS_MASK] = 0.9
    assert read("annexin_pi", mixed, lost=0.0)["annexin_only_fraction"] == 0.0


def test_tunel(mixed):
    assert read("tunel", mixed, necrotic=0.0)["tunel_fraction"] == 3 / 20
    assert read("tunel", mixed, necrotic=1.0)["tunel_fraction"] == 6 / 20
    world = world_of(1000)
    world.cells.state[rows(world)] = CELL_NECROTIC
    assert stats.binomtest(round(1000 * read("tunel", world)["tunel_fraction"]), 1000, 0.2).pvalue > 1e-6


def test_counts(mixed):
    found = read("cell_count", mixed)
    assert found == {"live": 14.0, "live_fraction": 0.7, "dead": 6.0, "ever": 20.0}
    mixed.cells.state[rows(mixed)[19]] = CELL_WAITING
    assert read("cell_count", mixed)["ever"] == 19.0


def test_cells_that_were_eaten_still_count(mixed):
    """A phagocyte that clears corpses makes no well healthier.

    Fault seen to fail it, planted in a copy of the package: cells that were eaten left out of the denominators.
    """
    before = {name: read(name, mixed, **options) for name, options in EATEN.items()}
    r, c = rows(mixed), mixed.cells
    for k, cause in ((2, BY_APOPTOSIS), (3, BY_APOPTOSIS), (5, BY_PYROPTOSIS), (4, BY_NECROSIS)):
        c.death_cause[r[k]] = cause
    c.state[r[[2, 3, 5]]] = CELL_EMPTY
    after = {name: read(name, mixed, **options) for name, options in EATEN.items()}
    for readout in ("apoptotic_fraction", "necrotic_fraction", "viable_fraction"):
        assert after["annexin_pi"][readout] == before["annexin_pi"][readout]
    assert after["annexin_pi"]["permeable_fraction"] == 3 / 20, "what was eaten leaks no more (3), or has before (5)"
    assert after["cell_count"] == before["cell_count"]
    assert after["working_cells"]["true_working_fraction"] == before["working_cells"]["true_working_fraction"] > 0
    assert after["organ"]["functional_fraction"] == before["organ"]["functional_fraction"] > 0
    assert after["death_modes"]["apoptosis_fraction"] == 3 / 20, "two eaten, one still executing"
    assert after["death_modes"]["pyroptosis_fraction"] == 1 / 20
    assert after["annexin_pi"]["double_positive_fraction"] == 2 / 17, "the instrument sees only what is there"
    c.death_cause[r[2]] = 0  # a row that never held a cell, or one that fused with another
    assert read("cell_count", mixed)["ever"] == 19.0


EATEN = {"annexin_pi": {"lost": 0.0}, "cell_count": {}, "working_cells": {"error": 0.0}, "organ": {"error": 0.0}, "death_modes": {}}


def test_state(mixed):
    found = read("state", mixed)
    assert found["apoptotic"] == 3
    assert found["necrotic"] == 3
    assert found["cytochrome_c_released"] == 1
    assert found["mitochondria"] == mixed.cells.n_mitochondria[rows(mixed)].sum()
    assert found["damage"] == pytest.approx(0.01, abs=1e-3)
    assert found["foreign_per_cell"] == 0.0
