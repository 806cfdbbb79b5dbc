"""Crawling: its factor at the closed form of ATP, ERK and VEGF, 1 at rest to the bit; cells that do not crawl are left alone.

Faults seen to fail it, planted in a copy of the package: ATP relative to no rest (no division by its value at rest); ERK as a factor by
itself; VEGF left out; HGF and TGF-beta that add up.
"""

import numpy as np
import pytest

from fates import cells_world, module, rows_of, run, values
from mitoferry.core.schema import CELL_APOPTOTIC, RECEPTOR_HGF, RECEPTOR_TGF_BETA, Step
from worlds import make_spec, population

P = values("crawling")


def world_of(count=5, *, speed=20.0, **columns):
    world = cells_world(count, numbers={"speed": speed})
    for name, value in columns.items():
        getattr(world.cells, name)[rows_of(world)] = value
    return world


def factor(world):
    run(world, "crawling", P, 0.1, 360.0)
    return world.cells.motility[rows_of(world)]


def test_rest_is_one_to_the_bit():
    world = world_of()
    before = [c.tobytes() for c in world.cells]
    assert (factor(world_of()) == np.float32(1.0)).all()
    run(world, "crawling", P, 1.0, 300.0)
    world.cells.atp[rows_of(world)] = 2.88
    assert [c.tobytes() for c in world.cells] == before


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.05, False)])
@pytest.mark.parametrize(
    ("atp", "erk", "vegf"), [(1.0, 1.0, 1.0), (0.3, 1.0, 1.0), (3.1, 1.0, 1.0), (2.88, 2.5, 1.0), (1.5, 0.2, 1.4), (0.0, 1.0, 1.0)]
)
def test_the_factor_is_that_of_atp_erk_and_vegf(atp, erk, vegf, fault, right):
    half = P.atp_half * 2.88
    energy = (atp**2 / (atp**2 + half**2)) / (2.88**2 / (2.88**2 + half**2))
    expected = fault * energy * max(1.0 + P.erk_gain * (erk - 1.0), 0.0) * vegf
    found = factor(world_of(atp=atp, erk=erk, vegf_crawling=vegf))
    assert (abs(float(found[0]) - expected) < 1e-5) == (right or expected == 0.0)


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.1, False)])
@pytest.mark.parametrize(("scatter", "hgf", "tgf"), [(1.0, 0.6, 0.0), (1.0, 0.0, 0.3), (0.5, 0.6, 0.3), (0.0, 0.6, 0.3), (1.0, 1.0, 1.0)])
def test_hgf_and_tgf_beta_drive_what_answers_them(scatter, hgf, tgf, fault, right):
    world = world_of()
    world.groups.scatter[:] = scatter
    world.groups.receptors[:, RECEPTOR_HGF], world.groups.receptors[:, RECEPTOR_TGF_BETA] = hgf, tgf
    expected = 1.0 + fault * P.motogen_gain * scatter * (1.0 - (1.0 - hgf) * (1.0 - tgf))
    assert (abs(float(factor(world)[0]) - expected) < 1e-5) == (right or scatter == 0.0)


def test_more_atp_never_slows_and_hardly_speeds_beyond_rest():
    found = [float(factor(world_of(1, atp=a))[0]) for a in np.linspace(0.0, 3.2, 33)]
    assert (np.diff(found) > 0.0).all()
    assert found[0] == 0.0
    assert found[-1] < 1.05


@pytest.mark.parametrize("why", [{"speed": 0.0}, {"state": CELL_APOPTOTIC}])
def test_what_does_not_crawl_is_left_alone(why):
    world = world_of(atp=1.0, **why)
    before = [c.tobytes() for c in world.cells]
    run(world, "crawling", P, 1.0, 300.0)
    assert [c.tobytes() for c in world.cells] == before


def test_it_is_wanted_where_a_cell_crawls():
    from worlds import cell_type

    for speed, wanted in ((10.0, True), (0.0, False)):
        spec = make_spec([population("recipient", 0, count=2, numbers=cell_type(speed=speed))])
        assert module("crawling").PROCESS.at_work(spec) is wanted


def test_a_starved_cell_covers_the_distance_that_the_factor_leaves():
    """Motion takes the factor: the same walk, scaled."""
    moved = {}
    for atp in (2.88, 1.0):
        world = cells_world(3, with_space=True, size=3000.0)
        rows = rows_of(world)
        world.cells.atp[rows] = atp
        world.cells.ux[rows] = 10.0
        x = world.cells.x[rows].copy()
        module("crawling").advance(world, Step(0, 0, 0.0, 300.0), P)
        module("motion").advance(world, Step(0, 0, 0.0, 60.0), values("motion"))
        moved[atp] = (world.cells.x[rows] - x + 1500.0) % 3000.0 - 1500.0
    assert moved[1.0] == pytest.approx(float(world.cells.motility[rows][0]) * moved[2.88], abs=1e-3)
