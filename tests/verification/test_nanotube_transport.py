"""F1-F3 and G2, G4, G5, G7: loading, arrival, breakage; which way mitochondria go, and what blocks them.

Faults seen to fail it, planted in a copy of the package: loading capped (F1, F3) or not following the number of
mitochondria (F2); copied, not moved (G2); a low dose of cytochalasin that breaks tubes (G4); only the initiator gives (G5); closed
and capped tubes that carry (G7).
"""

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import (
    CELL_DEAD_APOPTOTIC,
    CELL_NECROTIC,
    LINK_CAPPED,
    LINK_CLOSED,
    LINK_OPEN,
    POOL_MEDIUM,
    POOL_TRANSIT,
    ROUTE_BREAKAGE,
    ROUTE_NANOTUBE,
    ROUTE_RETURN,
    SICK_ON_ARRIVAL,
)
from mitoferry.processes import nanotube_clocks, nanotube_search, nanotube_transport
from mitoferry.processes.nanotube_population import nanotube_population
from nanotubes import HOUR, PLAIN, Stage, held, rows_of, tie, wells_of

BACKEND = Cpu(threads=1)
ALPHA, Z = 1e-4, 4.5
FOR_EVER = {"thick_lifetime": 1e12, "thin_lifetime": 1e12, "thickening_rate": 0.0}
LAST = (nanotube_clocks, nanotube_transport)
NEAR = [(100.0, 100.0), (140.0, 100.0)]


def pairs(n, mitochondria=(0, 20), *, miro1=(0.0, 1.0), seed=1, **numbers):
    """Wells with one tie between a cell of population 1 and one of population 0, which gives nothing away."""
    world = wells_of((1, 1), NEAR, n_wells=n, mitochondria=mitochondria, backend=BACKEND, miro1=miro1, seed=seed, **numbers)
    tie(world, rows_of(world, 1), rows_of(world, 0), diameter=1.0)
    return world


def lasting(stage_end, times, loss, seed=5):
    """Which arrivals at ``times`` [s] are still there at ``stage_end`` if they are lost at ``loss`` [1/h]."""
    return np.random.default_rng(seed).exponential(1 / loss, times.size) > (stage_end - times) / HOUR


def test_f1_loading_with_loss_is_poisson():
    n, k, loss, t = 400, 2.0, 0.5, 3.0
    world = pairs(n, (0, 400))
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport={**PLAIN, "loading_rate": k / 4.0}).run(t * HOUR / 3, 3)
    h = stage.handovers()
    assert (h["route"] == ROUTE_NANOTUBE).all()
    there = lasting(t * HOUR, h["time"], loss)
    counts = np.bincount(h["well"][there], minlength=n)
    m = k / loss * (1 - np.exp(-loss * t))
    assert abs(counts.mean() - m) < Z * np.sqrt(m / n) + 0.01 * m  # the pool falls by 1 %
    index = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert ALPHA < stats.chi2(n - 1).cdf(index) < 1 - ALPHA
    assert stats.binomtest(int((counts > 0).sum()), n, 1 - np.exp(-m)).pvalue > ALPHA
    assert abs(counts.mean() - k * t) > Z * np.sqrt(m / n) + 0.01 * m  # planted fault: no loss


@pytest.mark.parametrize("steps", [1, 12])
def test_f2_finite_pool_is_binomial_whatever_the_step(steps):
    n, n0, t, loss = 400, 20, 1.0, 0.4
    k = 1.2
    world = pairs(n, (0, n0), seed=steps)
    n0 = int(held(world)[rows_of(world, 1)][0])
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport={**PLAIN, "loading_rate": 100.0 * k}).run(
        t * HOUR / steps, steps
    )
    h = stage.handovers()
    there = lasting(t * HOUR, h["time"], loss)
    counts = np.bincount(h["well"][there], minlength=n)
    p = k * (np.exp(-k * t) - np.exp(-loss * t)) / (loss - k)
    mean, var = n0 * p, n0 * p * (1 - p)
    assert abs(counts.mean() - mean) < Z * np.sqrt(var / n)
    index = ((counts - mean) ** 2).sum() / var
    assert ALPHA < stats.chi2(n).cdf(index) < 1 - ALPHA
    assert abs(counts.mean() - n0 * min(k * t, 1) * np.exp(-loss * t)) > Z * np.sqrt(var / n)  # planted fault: rate not followed
    assert (held(world)[rows_of(world, 1)] + held(world)[rows_of(world, 0)] == n0).all()


def test_f3_batches_make_the_counts_overdispersed():
    """F3, G11: links come at random, carry a geometric number of mitochondria, and go: Fano factor > 1, many wells with none.

    Without loss, then with loss at ``loss``: var = mean + rate E[B(B-1)] (1 - exp(-2 loss t))/(2 loss). A batch takes 0.1 h, so that
    the variance with loss is a little smaller than that of instant batches (granted 10 %).
    """
    n, t, k, life, gap = 300, 8.0, 40.0, 0.1, 5.0
    world = wells_of(
        (1, 1),
        [(100.0, 100.0), (120.0 + gap, 100.0)],
        n_wells=n,
        mitochondria=(0, 200),
        backend=BACKEND,
        miro1=(0.0, 1.0),
        filopodia=(0.0, 20.0),
    )
    rate = 20.0 * np.arcsin(10 / 25) / np.pi * np.exp(-gap / 15) * 0.3
    stage = Stage(
        world, (nanotube_search, *LAST), nanotube_search={"capture_probability": 0.3, "length": 15.0, "growth_speed": 1e6},
        nanotube_clocks={"thick_lifetime": life, "thickening_rate": 1e7, "opening_time": 1e-7, "open_share": 1.0, "undocked_opening": 1.0},
        nanotube_transport={**PLAIN, "loading_rate": k / 2.0},
    ).run(HOUR / 2, int(2 * t))  # fmt: skip
    counts = np.bincount(stage.handovers()["well"], minlength=n)
    batch = k * life  # geometric: E[B] = batch, E[B(B-1)] = 2 batch^2
    mean = rate * t * batch
    var = mean + rate * t * 2 * batch**2
    assert abs(counts.mean() - mean) < Z * np.sqrt(var / n) + 0.06 * mean  # the pool falls by a few per cent
    spread = (counts - counts.mean()) ** 2
    assert abs(spread.mean() - var) < Z * spread.std() / np.sqrt(n) + 0.1 * var
    assert counts.var() / counts.mean() > 3.0
    assert abs(spread.mean() - mean) > Z * spread.std() / np.sqrt(n) + 0.1 * mean  # planted fault: one at a time (Poisson)
    # a batch is empty with chance 1/(1 + batch); P(+) and mean together are not those of a Poisson count
    none = int((counts == 0).sum())
    assert stats.binomtest(none, n, np.exp(-rate * t * batch / (1 + batch))).pvalue > ALPHA
    assert stats.binomtest(none, n, np.exp(-counts.mean())).pvalue < ALPHA

    loss, h = 0.4, stage.handovers()
    there = np.bincount(h["well"][lasting(t * HOUR, h["time"], loss)], minlength=n)
    mean = rate * batch * (1 - np.exp(-loss * t)) / loss
    var = mean + rate * 2 * batch**2 * (1 - np.exp(-2 * loss * t)) / (2 * loss)
    assert abs(there.mean() - mean) < Z * np.sqrt(var / n) + 0.06 * mean
    spread = (there - there.mean()) ** 2
    assert abs(spread.mean() - var) < Z * spread.std() / np.sqrt(n) + 0.1 * var
    assert abs(spread.mean() - mean) > Z * spread.std() / np.sqrt(n) + 0.1 * mean  # planted fault: Poisson


# ------------------------------------------------------------------ G2: nothing is lost
@pytest.mark.parametrize("case", ["donor dies", "recipient dies", "both die", "tube breaks"])
def test_g2_death_and_breakage_in_mid_transit(case):
    n = 60
    world = pairs(n, (5, 60))
    giver, taker = rows_of(world, 1), rows_of(world, 0)
    slow = {"loading_rate": 40.0, "microtubule_speed": 0.01, "reversal_rate": 0.0, "peripheral_share": 1.0}
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport=slow).run(600.0)
    inside = int(world.cargo.alive.sum())
    assert inside > 100
    before = held(world)
    assert before[POOL_TRANSIT::2][:n].sum() == inside
    if case in ("donor dies", "both die"):
        world.cells.state[giver] = CELL_DEAD_APOPTOTIC
    if case in ("recipient dies", "both die"):
        world.cells.state[taker] = CELL_NECROTIC
    if case == "tube breaks":
        stage.p["nanotube_clocks"] = stage.p["nanotube_clocks"]._replace(thick_lifetime=1e-9)
    stage.run(60.0)
    after = held(world)
    assert world.cargo.alive.sum() == 0
    assert len(nanotube_population(world)) == 0
    assert after[POOL_TRANSIT : 2 * n : 2].sum() == 0
    to_medium = after[POOL_MEDIUM : 2 * n : 2].sum()
    to_taker, to_giver = after[taker].sum() - before[taker].sum(), after[giver].sum() - before[giver].sum()
    assert to_medium + to_taker + to_giver == inside
    assert (after == world.cells.n_mitochondria[: world.n_cells]).all()
    free = np.repeat(np.isin(world.pages.owner, np.arange(POOL_MEDIUM, 2 * n, 2)), 32) & (world.mitochondria.flags & 1 != 0)
    assert free.sum() == to_medium
    assert (world.mitochondria.motor[free] == 1).all()  # side of the well
    np.testing.assert_allclose(world.mitochondria.psi_offset[free], -15000, atol=3)  # 150 mV, kept
    if case == "both die":
        assert to_medium == inside
    else:
        assert abs(to_medium - 0.2 * inside) < Z * np.sqrt(0.16 * inside)
    if case == "donor dies":
        assert to_giver == 0
    if case == "recipient dies":
        assert to_taker == 0
    h = stage.handovers()
    assert (h["route"] == ROUTE_BREAKAGE).all()
    assert world.cells.received[taker].sum() == to_taker
    assert world.cells.returned[giver].sum() == to_giver
    assert world.cells.donated[giver].sum() == to_taker


def test_potential_is_frozen_in_transit_and_decides_the_mark_on_arrival():
    world = pairs(30, (5, 60))
    giver = rows_of(world, 1)
    slow = {"loading_rate": 40.0, "peripheral_share": 1.0, "reversal_rate": 0.0, "microtubule_speed": 0.02, "depolarised_loading": 1.0}
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport=slow)
    world.cells.psi[giver[:15]] = 60.0
    stage.run(60.0)
    world.cells.psi[giver] = 0.0
    stage.p["nanotube_transport"] = stage.p["nanotube_transport"]._replace(loading_rate=0.0)
    stage.run(7200.0)
    h = stage.handovers()
    sick_wells = np.isin(h["well"], world.cells.well[giver[:15]])
    assert sick_wells.any()
    assert (~sick_wells).any()
    np.testing.assert_allclose(h["psi"], np.where(sick_wells, 60.0, 150.0), atol=0.02)
    taker = rows_of(world, 0)
    owner = np.repeat(world.pages.owner, 32)
    arrived = (
        (world.mitochondria.flags & 1 != 0)
        & np.isin(owner, taker)
        & (world.mitochondria.birth != np.where(owner >= 0, world.cells.id[owner], 0))
    )
    sick = world.mitochondria.flags[arrived] & SICK_ON_ARRIVAL != 0
    assert (sick == np.isin(world.cells.well[owner[arrived]], world.cells.well[giver[:15]])).all()


# ------------------------------------------------------------------ G4: drugs act on the mechanism
def test_g4_cytochalasin_spares_tubes_that_exist_and_nocodazole_spares_thin_tubes():
    def run(drug=(), n=120):
        world = wells_of(
            (1, 1),
            [(100.0, 100.0), (125.0, 100.0)],
            n_wells=n,
            mitochondria=(0, 60),
            backend=BACKEND,
            miro1=(0.0, 1.0),
            filopodia=(10.0, 10.0),
        )
        tie(world, rows_of(world, 1), rows_of(world, 0), length=5.0, diameter=1.0)
        for name, value in drug:
            world.groups.nodes[:, NODE[name]] = value
        stage = Stage(world, nanotube_transport={"loading_rate": 5.0}, nanotube_clocks={"open_share": 1.0}).run(300.0, 48)
        tubes = nanotube_population(world)
        old = (tubes.age > 4 * HOUR - 1.0).sum()
        new_thin = (~tubes.thick & (tubes.age < 4 * HOUR - 1.0)).sum()
        return old, new_thin, int(world.wells.next_link.sum()) - 2 * n, int(world.cells.received.sum()), stage

    old, thin, born, received, _ = run()
    assert received > 50
    old_c, _, born_c, _, _ = run([("actin", 0.1)])
    assert abs(old_c - old) <= 3 * np.sqrt(old)  # same tubes, same clocks
    assert old_c == old
    assert born_c < 0.3 * born
    old_b, *_ = run([("actin", 0.1), ("actin_break", 5.0)])
    assert old_b < 0.5 * old
    _, thin_n, born_n, received_n, stage = run([("microtubule_invasion", 0.0), ("microtubule_motor", 0.0)])
    assert born_n == born
    assert thin_n >= thin
    # what is left goes through the tubes that were thick before, on actin: none through new ones
    assert received_n < 0.35 * received
    assert (stage.handovers()["link"] == 1).all()


def test_g4_blocking_transport_after_it_is_done_takes_nothing_back():
    """Drugs on the mechanism, given when transfer is over, change no owner: what was handed over stays."""
    world = pairs(40, (5, 60))
    clocks = {"thick_lifetime": 0.5, "thickening_rate": 0.0}
    stage = Stage(world, LAST, nanotube_clocks=clocks, nanotube_transport={"loading_rate": 100.0}).run(600.0, 48)
    assert len(nanotube_population(world)) == 0
    before, received, n = held(world), world.cells.received.copy(), stage.handovers()["time"].size
    assert received[rows_of(world, 0)].sum() > 40
    for name, value in (("actin", 0.0), ("actin_break", 5.0), ("microtubule_invasion", 0.0), ("microtubule_motor", 0.0), ("miro1", 0.0)):
        world.groups.nodes[:, NODE[name]] = value
    stage.run(600.0, 12)
    assert (held(world) == before).all()
    assert (world.cells.received == received).all()
    assert stage.handovers()["time"].size == n


@pytest.mark.parametrize(("state", "thick"), [(LINK_CLOSED, 1), (LINK_CAPPED, 1), (LINK_OPEN, 0)])
def test_g7_only_open_thick_tubes_carry(state, thick):
    world = wells_of((1, 1), NEAR, n_wells=20, mitochondria=(40, 40), backend=BACKEND)
    tie(world, rows_of(world, 1), rows_of(world, 0), state=state, thick=thick)
    clocks = {**FOR_EVER, "open_share": 0.0, "opening_time": 1e12}
    stage = Stage(world, LAST, nanotube_clocks=clocks, nanotube_transport={"loading_rate": 100.0}).run(600.0, 6)
    assert stage.loadings()["time"].size == 0


def test_g7_raised_tnfaip2_makes_more_thin_tubes_than_transfer():
    def run(m_sec, n=250):
        world = wells_of(
            (1, 1),
            [(100.0, 100.0), (122.0, 100.0)],
            n_wells=n,
            mitochondria=(0, 60),
            backend=BACKEND,
            miro1=(0.0, 1.0),
            filopodia=(6.0, 6.0),
        )
        world.cells.tnfaip2[:] = m_sec
        Stage(world, nanotube_clocks={"tnfaip2_thinness": 1.0, "open_share": 1.0}, nanotube_transport={"loading_rate": 5.0}).run(
            HOUR / 2, 20
        )
        return (~nanotube_population(world).thick).sum(), world.cells.received.sum()

    thin, moved = run(1.0)
    thin_oe, moved_oe = run(3.0)
    assert thin_oe / thin > 2.0
    assert thin_oe / thin > 1.3 * moved_oe / moved
    assert moved_oe > moved


# ------------------------------------------------------------------ G5: direction comes from numbers
def net_flux(mitochondria, miro1, *, initiator=1, polarity=0.5, psi=(150.0, 150.0), n=150, seed=3):
    world = wells_of((1, 1), NEAR, n_wells=n, mitochondria=mitochondria, backend=BACKEND, miro1=miro1, seed=seed)
    one, zero = rows_of(world, 1), rows_of(world, 0)
    world.cells.psi[zero], world.cells.psi[one] = psi
    tie(world, one if initiator else zero, zero if initiator else one, diameter=1.0, polarity=polarity)
    Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport={"loading_rate": 5.0}).run(HOUR, 4)
    return int(world.cells.received[zero].sum()), int(world.cells.received[one].sum())


def test_g5_swapping_the_numbers_of_the_types_reverses_the_flux():
    to_zero, to_one = net_flux((30, 90), (0.5, 1.5))
    assert to_zero > 3 * to_one > 0
    back_zero, back_one = net_flux((90, 30), (1.5, 0.5))
    assert back_one > 3 * back_zero > 0
    assert abs(back_one - to_zero) < Z * np.sqrt(back_one + to_zero)


@pytest.mark.parametrize("initiator", [0, 1])
def test_g5_identical_cells_exchange_without_net_flux(initiator):
    to_zero, to_one = net_flux((60, 60), (1.0, 1.0), initiator=initiator)
    assert min(to_zero, to_one) > 50
    assert stats.binomtest(to_zero, to_zero + to_one, 0.5).pvalue > ALPHA


def test_g5_stress_and_polarity_bias_the_flux():
    to_zero, to_one = net_flux((60, 60), (1.0, 1.0), psi=(60.0, 150.0))
    assert stats.binomtest(to_zero, to_zero + to_one, 0.5, alternative="greater").pvalue < ALPHA
    along = sum(net_flux((60, 60), (1.0, 1.0), polarity=1.0, n=300)[::-1][k] * s for k, s in ((0, -1), (1, 1)))
    against = sum(net_flux((60, 60), (1.0, 1.0), polarity=0.0, n=300)[::-1][k] * s for k, s in ((0, -1), (1, 1)))
    assert along > against


# ------------------------------------------------------------------ capacity, order, energy
def test_capacity_single_file_and_return():
    world = pairs(40, (0, 200))
    slow = {"loading_rate": 500.0, "peripheral_share": 1.0, "microtubule_speed": 0.01, "reversal_rate": 0.0, "lumen_per_mitochondrion": 2.0}
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport=slow).run(300.0, 2)
    assert world.links.n_cargo[: world.n_links].max() == 10  # 20 um of lumen
    world = pairs(40, (0, 200))
    world.links.diameter[: world.n_links] = 0.6
    quick = {"loading_rate": 100.0, "peripheral_share": 1.0, "headway": 30.0, "reversal_rate": 0.0}
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport=quick).run(1800.0)
    h = stage.handovers()
    for w in range(40):
        times = np.sort(h["time"][h["well"] == w])
        assert np.diff(times).min() > 29.99
    world = pairs(40, (0, 200))
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport={"reversal_rate": 0.05, "loading_rate": 5.0}).run(1800.0, 3)
    back = stage.handovers()["route"] == ROUTE_RETURN
    assert back.sum() == world.cells.returned.sum() > 0


@pytest.mark.parametrize("cause", ["cold", "no ATP", "calcium", "oxidants", "no Miro1", "no TRAK"])
def test_without_motors_nothing_moves(cause):
    """Neither enters a tube nor arrives. Fault seen to fail it, planted in a copy of the package: loading that goes on in the cold, or
    under oxidants."""
    plain = {"loading_rate": 4.0, "oxidant_half": 0.15}
    world = pairs(60, (0, 100))
    giver = rows_of(world, 1)
    if cause == "cold":
        world.groups.nodes[:, NODE["temperature"]] = 0.02
    elif cause == "no ATP":
        world.cells.atp[:] = 1e-4
    elif cause == "calcium":
        world.cells.calcium[giver] = 10.0
    elif cause == "oxidants":
        world.cells.h2o2[giver] = 10.0
    elif cause == "no Miro1":
        world.groups.nodes[:, NODE["miro1"]] = 0.0
    else:
        world.groups.nodes[:, NODE["trak"]] = 0.0
    stage = Stage(world, LAST, nanotube_clocks=FOR_EVER, nanotube_transport=plain).run(HOUR, 2)
    assert world.cells.received.sum() <= 4
    control = pairs(60, (0, 100))
    usual = Stage(control, LAST, nanotube_clocks=FOR_EVER, nanotube_transport=plain).run(HOUR, 2)
    assert control.cells.received.sum() > 60
    assert stage.loadings()["time"].size < 0.1 * usual.loadings()["time"].size
