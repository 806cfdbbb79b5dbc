"""F12: passage of a mitochondrion through a nanotube: mean, variance, survival under breakage, telegraph motion.

Faults seen to fail it, planted in a copy of the package: pauses of 1/k_off; pauses of fixed length; turns twice as often.
"""

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.row import row
from mitoferry.core.schema import ROUTE_NANOTUBE
from mitoferry.processes import nanotube_clocks, nanotube_transport
from mitoferry.processes.nanotube_itinerary import itinerary, passage_chance, share_towards_b
from nanotubes import Stage, rows_of, tie, wells_of

N = 40000
Z = 4.5  # two-sided alpha 7e-6
BACKEND = Cpu(threads=1)


@row
def sample(i, out, ends, x):
    """Way ``i`` of many alike mitochondria."""
    out[i], ends[i] = itinerary(x[0], int(x[1]), x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], 11, 12, i, 7, 3)


def ways(*, length=20.0, from_b=0, to_b=0.5, speed=0.5, actin=0.05, k_off=0.0, k_on=1.0, k_actin=0.0, reversal=0.0, reflection=1.0):
    out, ends = np.zeros(N), np.zeros(N, np.int64)
    x = np.array([length, from_b, to_b, speed, actin, k_off, k_on, k_actin, reversal, reflection])
    BACKEND.each(sample, N, out, ends, x)
    return out, ends


def mean_is(values, expected):
    return abs(values.mean() - expected) < Z * values.std() / np.sqrt(len(values))


def variance_is(values, expected):
    squares = (values - values.mean()) ** 2
    return abs(squares.mean() - expected) < Z * squares.std() / np.sqrt(len(values))


@pytest.mark.parametrize("from_b", [0, 1])
@pytest.mark.parametrize(("k_off", "k_on"), [(0.05, 0.02), (0.1, 0.05)])
def test_f12_mean_and_variance_of_run_and_pause(k_off, k_on, from_b):
    length, v = 30.0, 0.5
    out, ends = ways(length=length, speed=v, k_off=k_off, k_on=k_on, from_b=from_b)
    assert (ends == 1 - from_b).all()
    assert mean_is(out, length / v * (1 + k_off / k_on))
    assert variance_is(out, 2 * length / v * k_off / k_on**2)
    # planted fault: off and on rates confused
    assert not mean_is(out, length / v * (1 + k_on / k_off))
    assert not variance_is(out, length / v * k_off / k_on**2)


def test_f12_survival_before_breakage():
    length, v, k_off, k_on, beta = 30.0, 0.5, 0.05, 0.02, 0.004
    out, _ = ways(length=length, speed=v, k_off=k_off, k_on=k_on)
    assert mean_is(np.exp(-beta * out), np.exp(-length / v * (beta + k_off * beta / (k_on + beta))))
    assert not mean_is(np.exp(-beta * out), np.exp(-length / v * beta))


def test_f12_telegraph():
    length, v, a = 20.0, 0.5, 0.01
    out, ends = ways(length=length, speed=v, reversal=a)
    assert (ends == 1).all()
    assert mean_is(out, length / v + a * length**2 / v**2)
    assert not mean_is(out, length / v + 2 * a * length**2 / v**2)


def test_without_reflection_some_come_back_and_polarity_decides_how_many():
    shares = [share_towards_b(p, 0.7) for p in (0.1, 0.5, 0.9)]
    passed = [ways(length=40.0, reversal=0.02, reflection=0.0, to_b=s)[1].mean() for s in shares]
    assert passed[0] < passed[1] < passed[2]
    back = [1 - ways(length=40.0, reversal=0.02, reflection=0.0, to_b=1 - s, from_b=1)[1].mean() for s in shares]
    np.testing.assert_allclose(passed, back, atol=0.015)
    # unbiased telegraph with two absorbing ends: passes with 1/(1 + a L/v)
    assert abs(passed[1] - 1 / (1 + 0.02 * 40.0 / 0.5)) < Z * 0.5 / np.sqrt(N)


def test_actin_is_slower_and_no_track_means_stuck():
    fast = ways(k_off=0.02, k_on=1.0)[0].mean()
    slow = ways(k_off=0.02, k_on=0.0, k_actin=1.0)[0].mean()
    assert slow > 5 * fast
    assert (ways(k_on=0.0)[0] > 1e14).all()


def test_passage_falls_with_mass_and_not_for_wide_tubes():
    assert passage_chance(0.8, 1.0, 0.4, 0.15) == 1.0
    chances = [passage_chance(0.35, m, 0.4, 0.15) for m in (0.3, 1.0, 3.0)]
    assert chances[0] == 1.0
    assert chances[0] > chances[1] > chances[2] > 0.0
    assert abs(chances[1] - np.exp(-(0.4 / 0.35 - 1) / 0.15)) < 1e-12


def test_f12_share_that_arrives_through_breaking_tubes():
    """The same survival, with real tubes that break while mitochondria are inside."""
    n, beta, k_off, k_on, v, length = 300, 1 / 300.0, 0.05, 0.02, 0.5, 20.0
    world = wells_of((1, 1), [(100.0, 100.0), (140.0, 100.0)], n_wells=n, mitochondria=(0, 40), backend=BACKEND, miro1=(0.0, 1.0))
    tie(world, rows_of(world, 1), rows_of(world, 0), length=length, diameter=1.0)
    stage = Stage(
        world, (nanotube_clocks, nanotube_transport),
        nanotube_clocks={"thick_lifetime": 1 / (3600 * beta)},
        nanotube_transport=dict(
            loading_rate=100.0, peripheral_share=1.0, microtubule_share=1.0, purinergic_gain=0.0, motor_atp=1e-9, depolarised_loading=1.0,
            lumen_per_mitochondrion=0.1, microtubule_speed=v, detachment_rate=k_off, attachment_rate=k_on, reversal_rate=0.0,
            unloading_time=0.0, calcium_half=1e6, oxidant_half=1e6,
        ),
    ).run(1e6)  # fmt: skip
    assert world.cargo.alive.sum() == 0
    loaded = np.bincount(stage.loadings()["well"][stage.loadings()["route"] == ROUTE_NANOTUBE], minlength=n)
    through = np.bincount(stage.handovers()["well"][stage.handovers()["route"] == ROUTE_NANOTUBE], minlength=n)
    assert loaded.sum() > 800
    expected = np.exp(-length / v * (beta + k_off * beta / (k_on + beta)))
    residual = through - expected * loaded  # one tube per well: ratio estimator
    assert abs(residual.sum()) < Z * np.sqrt((residual**2).sum())
    assert abs(through.sum() - np.exp(-length / v * beta) * loaded.sum()) > Z * np.sqrt((residual**2).sum())
