"""F13 and G6: search and capture: first link, refractory time, two targets, angles, shading, distance, inserts.

Faults seen to fail it, planted in a copy of the package: a length that does not matter (F13, G6); no refractory time.
"""

import numpy as np
import pytest
from scipy import special, stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_LINK_BORN, EVENT_LINK_LOST
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import CELL_APOPTOTIC, LINK_GROWING, Step
from mitoferry.processes import nanotube_clocks, nanotube_search
from mitoferry.processes.nanotube_search import direction
from nanotubes import HOUR, INSERT, Stage, rows_of, wells_of

BACKEND = Cpu(threads=1)
ALPHA = 1e-4
LAMBDA, ELL, P_F, R = 6.0, 15.0, 0.5, 10.0
OPEN_FIELD = {"length": ELL, "capture_probability": P_F, "phosphatidylserine_gain": 1.0, "signal_gain": 1.0, "refractory": 0.0}


def chance(gap, *, p_f=P_F):
    return np.arcsin(R / (2 * R + gap)) / np.pi * np.exp(-gap / ELL) * p_f


def searching(places, counts=(1, 1), *, n_wells=400, lam=LAMBDA, geometry=None, seed=1, size=400.0):
    """Wells in which population 0 searches (1 h^-1 times lam) and population 1 only waits."""
    return wells_of(
        counts, places, n_wells=n_wells, mitochondria=(0, 0), backend=BACKEND, filopodia=(lam, 0.0), geometry=geometry, seed=seed, size=size
    )


def first_links(world, dt, **changes):
    stage = Stage(world, (nanotube_search,), nanotube_search={**OPEN_FIELD, **changes}).run(dt)
    born = stage.log(EVENT_LINK_BORN)
    first = np.full(world.n_wells, np.inf)
    np.minimum.at(first, born["well"], born["time"])
    return first, born


@pytest.mark.parametrize("gap", [5.0, 20.0])
def test_f13_time_to_the_first_link_is_exponential(gap):
    world = searching([(100.0, 100.0), (120.0 + gap, 100.0)])
    first, _ = first_links(world, 900 / LAMBDA * HOUR)
    assert np.isfinite(first).all()
    rate = LAMBDA * chance(gap) / HOUR
    assert stats.kstest(first, stats.expon(scale=1 / rate).cdf).pvalue > ALPHA
    # planted fault: the angle taken as the full 2 asin over pi
    assert stats.kstest(first, stats.expon(scale=0.5 / rate).cdf).pvalue < ALPHA


def test_f13_the_same_across_many_short_steps():
    world = searching([(100.0, 100.0), (125.0, 100.0)], lam=60.0, n_wells=300)
    stage = Stage(world, (nanotube_search,), nanotube_search=OPEN_FIELD)
    stage.run(60.0, 120)
    born = stage.log(EVENT_LINK_BORN)
    rate = 60.0 * chance(5.0)
    counts = np.bincount(born["well"], minlength=300)
    expected = rate * 2.0
    assert abs(counts.mean() - expected) < 4.5 * np.sqrt(expected / 300)
    index = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert ALPHA < stats.chi2(299).cdf(index) < 1 - ALPHA


def test_f13_refractory_time():
    gap, tau = 5.0, 0.1
    world = searching([(100.0, 100.0), (120.0 + gap, 100.0)], n_wells=600)
    p = chance(gap)
    first, _ = first_links(world, 900 / LAMBDA * HOUR, refractory=tau)
    expected = 1 / (LAMBDA * p) + (1 / p - 1) * tau
    se = first.std() / np.sqrt(first.size) / HOUR
    assert abs(first.mean() / HOUR - expected) < 4 * se
    assert abs(first.mean() / HOUR - 1 / (LAMBDA * p)) > 4 * se


def test_f13_split_between_two_targets():
    near, far = 5.0, 15.0
    world = searching([(200.0, 200.0), (220.0 + near, 200.0), (200.0, 220.0 + far)], (1, 2), n_wells=800)
    first, born = first_links(world, 900 / LAMBDA * HOUR)
    is_first = born["time"] == first[born["well"]]
    near_rows = rows_of(world, 1)[::2]
    n_near = np.isin(born["target"][is_first], near_rows).sum()
    share = chance(near) / (chance(near) + chance(far))
    assert stats.binomtest(int(n_near), 800, share).pvalue > ALPHA
    assert stats.binomtest(int(n_near), 800, 0.5).pvalue < ALPHA


def test_f13_steady_number_of_links_per_pair_is_poisson():
    gap, lifetime = 5.0, 0.5
    n = 400
    world = searching([(100.0, 100.0), (120.0 + gap, 100.0)], lam=40.0, n_wells=n)
    from mitoferry.processes import nanotube_transport

    stage = Stage(
        world, (nanotube_search, nanotube_clocks, nanotube_transport), nanotube_search={**OPEN_FIELD, "growth_speed": 1e6},
        nanotube_clocks={"thin_lifetime": lifetime, "thickening_rate": 0.0},
    ).run(900.0, 16)  # fmt: skip
    assert stage.log(EVENT_LINK_LOST)["kind"].size > 0
    rows = world.links.state[: world.n_links] > LINK_GROWING
    counts = np.bincount(world.links.well[: world.n_links][rows], minlength=n)
    expected = 40.0 * chance(gap) * lifetime
    assert abs(counts.mean() - expected) < 4.5 * np.sqrt(expected / n)
    index = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert ALPHA < stats.chi2(n - 1).cdf(index) < 1 - ALPHA
    assert abs(counts.mean() - 2 * expected) > 4.5 * np.sqrt(expected / n)


def test_links_grow_before_they_arrive():
    world = searching([(100.0, 100.0), (140.0, 100.0)], lam=60.0, n_wells=100)
    first_links(world, 3600.0, growth_speed=0.1)
    links, n = world.links, world.n_links
    assert n > 10
    np.testing.assert_allclose(links.ready[:n] - links.born[:n], 20.0 / 0.1, rtol=1e-5)
    assert (links.state[:n] == LINK_GROWING).all()
    np.testing.assert_allclose(links.length[:n], 20.0)


def angles(world, cell, p, n=4000):
    return np.array(
        [direction(cell, world.cells, world.groups, world.wells, p, Step(0, 0, 0.0, 60.0), 32 * (k % 2000) + k // 2000) for k in range(n)]
    )


@pytest.mark.parametrize("kind", ["dish", "block"])
def test_directions_follow_the_gradient(kind):
    size = (200.0, 200.0, 200.0 if kind == "block" else 20.0)
    world = searching([(100.0, 100.0), (150.0, 100.0)], n_wells=1, geometry=Geometry(kind=kind, size=size))
    p = Stage(world, (nanotube_search,), nanotube_search={"bias": 2.0, "bias_gradient": 1e-9}).p["nanotube_search"]
    i = rows_of(world, 0)[0]
    flat = angles(world, i, p)
    np.testing.assert_allclose((flat**2).sum(axis=1), 1.0, atol=1e-9)
    assert np.abs(flat.mean(axis=0)).max() < 4.5 * 0.71 / np.sqrt(len(flat))
    world.cells.gradient_x[i], world.cells.gradient_y[i] = 0.3, -0.4
    v = angles(world, i, p)
    along = 0.6 * v[:, 0] - 0.8 * v[:, 1]
    kappa = 2.0
    expected = special.iv(1, kappa) / special.iv(0, kappa) if kind == "dish" else 1 / np.tanh(kappa) - 1 / kappa
    assert abs(along.mean() - expected) < 4.5 * along.std() / np.sqrt(len(along))
    assert abs(along.mean()) > 0.3


def test_a_cell_in_between_takes_the_filopodium():
    world = searching([(100.0, 100.0), (122.0, 100.0), (150.0, 100.0)], (1, 2), n_wells=100)
    _, born = first_links(world, 600 * HOUR, length=60.0)
    near = rows_of(world, 1)[::2]
    assert np.isin(born["target"], near).all()
    # one that is executing apoptosis shades but does not capture
    world = searching([(100.0, 100.0), (122.0, 100.0), (150.0, 100.0)], (1, 2), n_wells=100)
    world.cells.state[rows_of(world, 1)[::2]] = CELL_APOPTOTIC
    _, born = first_links(world, 600 * HOUR, length=60.0)
    assert born["time"].size == 0


@pytest.mark.parametrize("periodic", [True, False])
def test_borders(periodic):
    """A neighbour across the border is found if the borders wrap, however small the well."""
    geometry = Geometry(size=(150.0, 150.0, 20.0), periodic=periodic)
    world = searching([(5.0, 75.0), (130.0, 75.0)], n_wells=100, geometry=geometry)
    _, born = first_links(world, 300 * HOUR, length=5.0)
    assert (born["time"].size > 0) == periodic
    if periodic:
        np.testing.assert_allclose(world.links.length[: world.n_links], 5.0, atol=1e-4)


def test_g6_distance_and_insert():
    counts = []
    for gap in (5.0, 20.0, 40.0):
        world = searching([(100.0, 100.0), (120.0 + gap, 100.0)], n_wells=200, lam=6.0)
        stage = Stage(world, (nanotube_search,), nanotube_search=OPEN_FIELD).run(10 * HOUR, 5)
        counts.append(stage.log(EVENT_LINK_BORN)["time"].size)
        expected = 200 * 50 * 6.0 * chance(gap)
        assert abs(counts[-1] - expected) < 4.5 * np.sqrt(expected)
    assert counts[0] > 2 * counts[1] > 4 * counts[2]
    world = searching([(100.0, 100.0), (105.0, 100.0)], n_wells=100, geometry=Geometry(kind="insert", size=(200.0, 200.0, 20.0), pore=0.4))
    assert world.wells.geometry[0] == INSERT
    world.cells.layer[rows_of(world, 1)] = 1
    from nanotubes import sort

    sort(world)
    assert first_links(world, 300 * HOUR)[1]["time"].size == 0


def test_nodes_and_signals_act_on_the_rate_of_attempts_or_on_capture():
    world = searching([(100.0, 100.0), (125.0, 100.0)], n_wells=1)
    i, j = rows_of(world, 0)[0], rows_of(world, 1)[0]
    p = Stage(world, (nanotube_search,), nanotube_search=OPEN_FIELD).p["nanotube_search"]
    rate = nanotube_search.attempt_rate
    assert rate(i, world.cells, world.groups, p) == pytest.approx(LAMBDA)
    world.cells.tnfaip2[i], world.cells.akt[i], world.cells.signal_from_neighbours[i] = 3.0, 0.5, 1.0
    assert rate(i, world.cells, world.groups, p) == pytest.approx(LAMBDA * 3.0 * 0.5 * 2.0)
    for name in ("actin", "filopodia", "rho_gtpases"):
        world.groups.nodes[world.cells.group[i], NODE[name]] = 0.1
        assert rate(i, world.cells, world.groups, p) == pytest.approx(LAMBDA * 3.0 * 0.1)
        world.groups.nodes[world.cells.group[i], NODE[name]] = 1.0
    capture = nanotube_search.capture_chance
    world.cells.phosphatidylserine[j] = 0.8
    assert capture(i, j, world.cells, world.groups, p) == pytest.approx(0.5 * 1.8)
    world.groups.nodes[world.cells.group[j], NODE["ps_mask"]] = 1.0
    assert capture(i, j, world.cells, world.groups, p) == pytest.approx(0.5)
    world.groups.nodes[world.cells.group[i], NODE["capture"]] = 0.2
    assert capture(i, j, world.cells, world.groups, p) == pytest.approx(0.1)


def test_attempts_are_counted():
    world = searching([(100.0, 100.0), (300.0, 100.0)], n_wells=300)
    Stage(world, (nanotube_search,), nanotube_search=OPEN_FIELD).run(600.0, 6)
    i = rows_of(world, 0)
    n = world.cells.n_filopodia[i].sum()
    assert abs(n - 300 * LAMBDA) < 4.5 * np.sqrt(300 * LAMBDA)
    np.testing.assert_allclose(world.cells.filopodia_rate[i], LAMBDA)
    assert (world.cells.n_filopodia[rows_of(world, 1)] == 0).all()
