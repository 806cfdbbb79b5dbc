"""Fate of arrivals: exact rates, exact pulse, gates (G1), arms that switch off one by one.

Faults seen to fail it, planted in a copy of the package: arrivals lysed at 1.3 times their rate; a pulse whatever arrives (G1).
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, make_arrivals, module, rows_of, run, slots_of, values
from mitoferry.core.nodes import (
    NODE_ARRIVAL_ANTIOXIDANT,
    NODE_ARRIVAL_MITOPHAGY,
    NODE_ARRIVAL_SURVIVAL,
    NODE_LYSOSOME,
    NODE_PINK1_PARKIN,
)
from mitoferry.core.schema import (
    BROKEN,
    CYTOSOL,
    DONOR_ENDOSOME,
    DONOR_FREE,
    DOUBLE_MEMBRANE,
    ENDOSOME,
    OCCUPIED,
    PAGE,
    PARACRINE,
    PINK1,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_PHAGOCYTOSIS,
    ROUTE_SHIFT,
    ROUTE_UPTAKE,
    SICK_ON_ARRIVAL,
    Step,
)

ALPHA = 1e-5


def left(world):
    rows = rows_of(world)
    return int(world.cells.n_mitochondria[rows].sum())


def places(world):
    slots = np.concatenate([slots_of(world, r) for r in rows_of(world)])
    return (world.mitochondria.flags[slots] >> PLACE_SHIFT) & PLACE_MASK


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (0.8, False)])
def test_unfused_arrivals_are_lysed_at_the_rate_of_the_type(factor, right):
    world = cells_world(60, 60, numbers={"arrival_lysis": 0.5})
    make_arrivals(world, DONOR_FREE, CYTOSOL)
    n = left(world)
    run(world, "arrival", values("arrival"), 3.0, 300.0)
    assert (stats.binomtest(left(world), n, np.exp(-0.5 * factor * 3.0)).pvalue > ALPHA) == right
    assert world.cells.lysed_arrivals.sum() == n - left(world) == world.wells.ledger[0, 1]


@pytest.mark.parametrize("place", [ENDOSOME, DOUBLE_MEMBRANE])
def test_endosome_and_double_membrane_escape_or_are_lysed(place):
    world = cells_world(60, 60, numbers={"arrival_lysis": 0.0}, seed=3)
    make_arrivals(world, DONOR_ENDOSOME, place)
    n, p = left(world), values("arrival")
    k, m = (p.endosome_escape, p.endosome_lysis) if place == ENDOSOME else (p.double_membrane_escape, p.double_membrane_lysis)
    run(world, "arrival", p, 4.0, 600.0)
    gone = 1 - np.exp(-(k + m) * 4.0)
    now = places(world)
    assert stats.binomtest(n - len(now), n, gone * m / (k + m)).pvalue > ALPHA
    assert stats.binomtest(int((now == CYTOSOL).sum()), n, gone * k / (k + m)).pvalue > ALPHA
    assert stats.binomtest(n - len(now), n, gone * k / (k + m)).pvalue < ALPHA  # planted: rates swapped


@pytest.mark.parametrize("node", [NODE_LYSOSOME, NODE_PINK1_PARKIN])
def test_without_lysosomes_or_pink1_nothing_is_lysed_and_nothing_signals(node):
    world = cells_world(20, 40, numbers={"arrival_lysis": 1.0})
    world.groups.nodes[:, node] = 0.0
    make_arrivals(world, DONOR_FREE, CYTOSOL)
    n = left(world)
    run(world, "arrival", values("arrival"), 3.0, 300.0)
    assert left(world) == n
    assert (world.cells.arrival_pulse == 0).all()


def test_own_mitochondria_are_left_alone():
    world = cells_world(20, 40, numbers={"arrival_lysis": 1.0})
    before = world.mitochondria.flags.copy()
    run(world, "arrival", values("arrival"), 3.0, 300.0)
    assert np.array_equal(before, world.mitochondria.flags)


@pytest.mark.parametrize(
    ("gate", "flags", "signals"),
    [(0, SICK_ON_ARRIVAL, True), (1, SICK_ON_ARRIVAL, False), (1, 0, True), (2, 0, False), (2, PINK1, True), (0, PINK1, True)],
)
def test_g1_gate_of_the_pulse(gate, flags, signals):
    """Dead or rho0 donors (low potential on arrival) signal with gate 0 and not with gate 1."""
    world = cells_world(20, 20, numbers={"arrival_lysis": 1.0})
    make_arrivals(world, DONOR_FREE, CYTOSOL, flags)
    n = left(world)
    run(world, "arrival", values("arrival", gate=gate), 2.0, 300.0)
    assert left(world) < 0.3 * n
    rows = rows_of(world)
    assert (world.cells.arrival_pulse[rows] > 0.1).all() == signals
    assert (world.cells.survival[rows] > 0.01).all() == signals
    if not signals:
        assert (world.cells.arrival_pulse[rows] == 0).all()


@pytest.mark.parametrize("flags", [BROKEN, ROUTE_PHAGOCYTOSIS << ROUTE_SHIFT, ROUTE_UPTAKE << ROUTE_SHIFT])
def test_burst_and_engulfed_ones_are_digested_without_a_pulse_and_give_heme(flags):
    """Of three endosomes only that with a mitochondrion that was whole signals.

    Faults seen to fail it, planted in a copy of the package: the flag BROKEN not asked for; phagosomes taken for endosomes.
    """
    world = cells_world(20, 20, numbers={"arrival_lysis": 1.0})
    make_arrivals(world, DONOR_ENDOSOME, ENDOSOME, flags)
    world.mitochondria.damage[:] = 30000
    n, engulfed = left(world), flags == ROUTE_PHAGOCYTOSIS << ROUTE_SHIFT
    run(world, "arrival", values("arrival", endosome_escape=0.0), 6.0, 300.0)
    rows = rows_of(world)
    assert left(world) < 0.4 * n
    assert (world.cells.heme[rows] > 1.0).all()
    assert (world.cells.arrival_pulse[rows] > 0.1).all() == (flags == ROUTE_UPTAKE << ROUTE_SHIFT)
    if engulfed or flags == BROKEN:
        assert (world.cells.arrival_pulse[rows] == 0.0).all()


def test_nothing_leaves_a_phagosome_but_to_the_lysosome():
    """Exact share left after the rate of lysis, none in the cytosol; with an escape (planted) some are."""
    for escape in (0.0, 0.5):
        world = cells_world(60, 60, numbers={"arrival_lysis": 0.0}, seed=5)
        make_arrivals(world, DONOR_ENDOSOME, ENDOSOME, ROUTE_PHAGOCYTOSIS << ROUTE_SHIFT)
        n, p = left(world), values("arrival", phagosome_escape=escape)
        run(world, "arrival", p, 3.0, 600.0)
        now = places(world)
        gone = (1 - np.exp(-(p.endosome_lysis + escape) * 3.0)) * p.endosome_lysis / (p.endosome_lysis + escape)
        assert stats.binomtest(n - len(now), n, gone).pvalue > ALPHA
        assert (now == CYTOSOL).any() == (escape > 0.0)


@pytest.mark.parametrize("gate", [0, 1, 2])
def test_arrivals_degraded_by_mitophagy_signal_by_the_same_gate(gate):
    world = cells_world(1, 0)
    row = rows_of(world)[0]
    world.cells.degraded_foreign[row] = (3, 2, 1)
    p = values("arrival", gate=gate)
    module("arrival").advance(world, Step(0, 0, 0.0, 300.0), p)
    assert world.cells.arrival_pulse[row] == pytest.approx(1 - (1 - p.pulse) ** (3 - gate), rel=1e-6)
    assert (world.cells.degraded_foreign[row] == 0).all()


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (1.1, False)])
def test_mean_pulse_is_exact(factor, right):
    """E y = k a/(k a + 1/tau) for degradations at a constant rate k; with its step error."""
    world = cells_world(2000, 0)
    p, rate, rng, dt, rows = values("arrival"), 1.5, np.random.default_rng(1), 300.0 / 3600.0, rows_of(world)

    def feed(w):
        w.cells.degraded_foreign[rows, 0] = rng.poisson(rate * dt, rows.size)

    run(world, "arrival", p, 30.0, 300.0, each_step=feed)
    keep, decay = np.exp(-rate * dt * p.pulse * factor), np.exp(-dt / p.pulse_time)
    exact = (1 - keep) / (1 - keep * decay)
    limit = rate * p.pulse / (rate * p.pulse + 1 / p.pulse_time)
    y = world.cells.arrival_pulse[rows]
    z = abs(y.mean() - exact) / (y.std() / np.sqrt(y.size))
    assert (z < 4.5) == right
    if right:
        assert abs(exact - limit) < 0.5 * dt / p.pulse_time
        s = world.cells.survival[rows].mean()
        assert s == pytest.approx(p.survival_gain * limit, rel=0.02)


def steady(world, **changes):
    row = rows_of(world)[0]
    p = values("arrival", **changes)
    world.cells.arrival_pulse[row] = 0.8
    for k in range(12):
        module("arrival").advance(world, Step(k, 300 * k, 300.0 * k, 300.0), p)
    return float(world.cells.survival[row])


def test_survival_arm_switches_off_by_parameter_or_node_and_leaves_the_pulse():
    assert steady(cells_world(1, 0)) > 0.5
    assert steady(cells_world(1, 0), survival_gain=0.0) == 0.0
    world = cells_world(1, 0)
    world.groups.nodes[:, NODE_ARRIVAL_SURVIVAL] = 0.0
    assert steady(world) == 0.0
    assert world.cells.arrival_pulse[rows_of(world)[0]] > 0.5


def test_each_arm_has_its_own_switch():
    """The node of one arm changes nothing in the others: seen in the processes that carry them."""
    world = cells_world(3, 4)
    rows = rows_of(world)
    world.cells.arrival_pulse[rows] = 0.8
    oxidants, mitophagy = module("reactive_oxygen"), module("mitophagy")
    slot = slots_of(world, rows[0])[0]
    world.mitochondria.damage[slot] = 30000

    def arms():
        hazard = mitophagy.hazard(rows[0], slot, 1, world.cells, world.groups, world.mitochondria, values("mitophagy"))
        world.cells.antioxidant[rows] = 1.0
        oxidants.advance_cell(rows[0], world.cells, world.groups, 2000.0, values("reactive_oxygen"), Step(0, 0, 0.0, 7200.0))
        return hazard, float(world.cells.antioxidant[rows[0]])

    basal = values("mitophagy").basal_rate
    both = arms()
    assert both[0] > basal
    assert both[1] > 1.1
    world.groups.nodes[:, NODE_ARRIVAL_MITOPHAGY] = 0.0
    assert arms() == (pytest.approx(basal), both[1])
    world.groups.nodes[:, NODE_ARRIVAL_MITOPHAGY] = 1.0
    world.groups.nodes[:, NODE_ARRIVAL_ANTIOXIDANT] = 0.0
    without = arms()
    assert without[0] == both[0]
    assert without[1] < 1.0 + 1e-3


def test_paracrine_factors_raise_survival_without_any_arrival():
    world = cells_world(1, 0)
    row, p = rows_of(world)[0], values("arrival")
    world.cells.env[row, PARACRINE] = 1e6
    for k in range(200):
        module("arrival").advance(world, Step(k, 300 * k, 300.0 * k, 300.0), p)
    assert world.cells.survival[row] == pytest.approx(p.paracrine_gain, rel=1e-3)
    assert world.cells.arrival_pulse[row] == 0.0


def as_transferred(world, route=4):
    """Mark every mitochondrion as one that came by ``route`` from population 1."""
    world.mitochondria.flags[:] |= np.where(world.mitochondria.flags & 1, route << 6, 0).astype(world.mitochondria.flags.dtype)
    world.mitochondria.birth[:] += 1 << 24
    world.cells.received[rows_of(world)] = 1


@pytest.mark.parametrize("fused", [False, True])
def test_every_degradation_of_a_transferred_mitochondrion_is_logged(fused):
    """By arrival and by mitophagy; one event for each that is gone, with its identity, route and host."""
    from mitoferry.core.schema import FUSED, OWN_NETWORK

    world = cells_world(20, 40, numbers={"arrival_lysis": 1.0})
    make_arrivals(world, OWN_NETWORK if fused else DONOR_FREE, CYTOSOL, FUSED if fused else 0)
    as_transferred(world)
    before = {int(k) for k in identities(world)}
    p = {"arrival": values("arrival"), "mitophagy": values("mitophagy", basal_rate=0.5)}
    for k in range(6):
        for name, dt in (("arrival", 300.0), ("mitophagy", 600.0)):
            module(name).advance(world, Step(k, 600 * k, 600.0 * k, dt), p[name])
    n, e = int(world.events.count[0]), world.events
    gone = before - {int(k) for k in identities(world)}
    assert len(gone) == n > 10
    assert set((e.birth[:n].astype(np.int64) << 32 | e.ordinal[:n]).tolist()) == gone
    assert set(e.kind[:n].tolist()) == {8 if fused else 7}
    assert set(e.route[:n].tolist()) == {4}
    assert (e.target_id[:n] == world.cells.id[e.target[:n]]).all()
    assert (world.cells.lysed_arrivals.sum() == n) == (not fused)
    assert (e.time[:n] % 600 == world.spec.macro_step).all()


def test_arrivals_at_the_end_of_a_page_are_logged():
    world = cells_world(60, 40, numbers={"arrival_lysis": 1.0})
    make_arrivals(world, DONOR_FREE, CYTOSOL)
    as_transferred(world)
    first = np.flatnonzero(np.arange(len(world.mitochondria.flags)) % PAGE < PAGE - 4)
    world.mitochondria.flags[first] &= OCCUPIED
    n = left(world)
    for k in range(6):
        module("arrival").advance(world, Step(5 * k, 300 * k, 300.0 * k, 300.0), values("arrival"))
    assert n - left(world) == world.events.count[0] > 40


def test_own_mitochondria_that_are_degraded_are_not_logged():
    world = cells_world(20, 40)
    world.cells.received[rows_of(world)] = 1
    world.mitochondria.flags[:] |= np.where(world.mitochondria.flags & 1, 6 << 6, 0).astype(world.mitochondria.flags.dtype)  # came home
    n = left(world)
    module("mitophagy").advance(world, Step(0, 0, 0.0, 3600.0), values("mitophagy", basal_rate=1.0))
    assert left(world) < n
    assert world.events.count[0] == 0


def identities(world):
    slots = np.concatenate([slots_of(world, r) for r in rows_of(world)])
    return world.mitochondria.birth[slots].astype(np.int64) << 32 | world.mitochondria.ordinal[slots]
