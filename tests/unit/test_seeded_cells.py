"""Seeded cells: outlines on a surface, ages."""

import math

import pytest
from scipy import stats

from mitoferry.core.plate_spec import Arm, Geometry
from mitoferry.experiment.spreading import COVERED, outlines, spread_radius
from worlds import cell_type, make_world, population


def arm(kind, size, *counts, layer=0):
    numbers = cell_type(height=3.0)
    people = tuple(population(f"p{k}", k, count=n, numbers=numbers) for k, n in enumerate(counts))
    return Arm(name="a", geometry=Geometry(kind=kind, size=(size, size, size if kind == "block" else 20.0)), populations=people, actions=())


def test_a_lone_stromal_cell_spreads_to_its_volume_over_its_height():
    assert outlines(arm("dish", 1000.0, 1)) == [pytest.approx(math.sqrt(4000.0 / (3.0 * math.pi)))]


def test_cells_share_the_room_and_none_is_smaller_than_round():
    (a, b) = outlines(arm("dish", 200.0, 20, 20))
    assert a == b
    assert 40 * math.pi * a * a == pytest.approx(COVERED * 200.0**2)
    assert outlines(arm("dish", 60.0, 20))[0] == 10.0


def test_round_types_and_blocks_do_not_spread():
    assert spread_radius(cell_type()) == 10.0
    assert outlines(arm("block", 200.0, 3)) == [10.0]


def test_ages_are_those_of_a_growing_culture():
    """Density 2 ln2 2^-x of the progress x through the cycle; a uniform one is the planted fault."""
    world = make_world([population("recipient", 0, count=4000, numbers=cell_type(mitochondria=1.0, mtdna=2.0))], size=9000.0)
    age = world.cells.cycle[2 * world.n_wells : world.n_cells].astype(float)
    assert stats.kstest(age, lambda x: 2.0 * (1.0 - 2.0**-x)).pvalue > 1e-4
    assert stats.kstest(age, "uniform").pvalue < 1e-6
