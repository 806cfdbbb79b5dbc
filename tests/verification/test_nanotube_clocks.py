"""Opening, thickening and loss of nanotubes; dislodgement; F14 (well-mixed limit)."""

import numpy as np
import pytest
from scipy import integrate, stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_LINK_LOST
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import CELL_APOPTOTIC, CELL_DEAD_NECROTIC, CELL_MOMP, LINK_CAPPED, LINK_CLOSED, LINK_OPEN
from mitoferry.processes import dislodgement, nanotube_clocks, nanotube_search, nanotube_transport
from mitoferry.processes.nanotube_links import BY_DISLODGEMENT
from mitoferry.processes.nanotube_population import nanotube_population
from nanotubes import HOUR, PLAIN, Stage, place, rows_of, sort, tie, wells_of

BACKEND = Cpu(threads=1)
ALPHA, Z = 1e-4, 4.5
LAST = (nanotube_clocks, nanotube_transport)
NEAR = [(100.0, 100.0), (130.0, 100.0)]


def tubes(n, *, cx43=(1.0, 1.0), thick=0, state=LINK_CLOSED, places=NEAR, length=10.0):
    world = wells_of((1, 1), places, n_wells=n, mitochondria=(0, 0), backend=BACKEND, cx43=cx43)
    tie(world, rows_of(world, 1), rows_of(world, 0), length=length, thick=thick, state=state, diameter=0.9 if thick else 0.0)
    return world


def share_is(k, n, p):
    return stats.binomtest(int(k), int(n), p).pvalue > ALPHA


@pytest.mark.parametrize("steps", [1, 40])
def test_thick_and_open_share_of_all_tubes(steps):
    """k_MT/(k_MT + 1/tau) become thick, p_o of them can open, whatever the step."""
    n = 1200
    world = tubes(n)
    changes = {"thick_lifetime": 1e9, "opening_time": 0.01, "strain_rate": 0.0}
    Stage(world, LAST, nanotube_clocks=changes).run(40 * HOUR / steps, steps)
    left = nanotube_population(world)
    assert share_is(len(left), n, 0.3 / 1.3)
    assert left.thick.all()
    assert share_is((left.state == LINK_OPEN).sum(), len(left), 0.5)
    assert share_is((left.state == LINK_OPEN).sum(), n, 0.115)
    assert not share_is(len(left), n, 0.3)  # planted fault: the rate itself
    assert ((left.diameter >= 0.5) & (left.diameter <= 1.0)).all()


@pytest.mark.parametrize(("thick", "lifetime"), [(0, 1.0), (1, 4.0)])
def test_lifetimes(thick, lifetime):
    n = 800
    world = tubes(n, thick=thick)
    stage = Stage(world, LAST, nanotube_clocks={"thickening_rate": 0.0}).run(HOUR / 4, 8)
    lost = stage.log(EVENT_LINK_LOST)["time"]
    assert share_is(n - lost.size, n, np.exp(-2 / lifetime))
    within = stats.truncexpon(b=2 / lifetime, scale=lifetime * HOUR)
    assert stats.kstest(lost, within.cdf).pvalue > ALPHA


def test_cytochrome_c_release_of_the_initiator_thickens_and_widens():
    worlds = [tubes(900), tubes(900), tubes(900)]
    worlds[1].cells.state[rows_of(worlds[1], 1)] = CELL_MOMP  # initiator
    worlds[2].cells.state[rows_of(worlds[2], 0)] = CELL_MOMP  # the other end
    for world in worlds:
        Stage(world, LAST, nanotube_clocks={"thin_lifetime": 1e9, "thick_lifetime": 1e9}).run(HOUR)
    found = [nanotube_population(world) for world in worlds]
    for tube, rate in zip(found, (0.3, 0.9, 0.3), strict=True):
        assert share_is(tube.thick.sum(), 900, 1 - np.exp(-rate))
    assert found[1].diameter[found[1].thick].mean() > 1.2 * found[0].diameter[found[0].thick].mean()


def test_gap_junctions_cap_with_cx43_of_both_ends_and_the_opening_node_opens():
    def run(cx43=(1.0, 1.0), **nodes):
        world = tubes(800, cx43=cx43)
        for name, value in nodes.items():
            world.groups.nodes[:, NODE[name]] = value
        Stage(world, LAST, nanotube_clocks={"thin_lifetime": 1e9, "thick_lifetime": 1e9}).run(0.25 * HOUR)
        tube = nanotube_population(world)
        return (tube.state == LINK_CAPPED).sum(), (tube.state == LINK_OPEN).sum()

    capped, _ = run(opening=0.0)
    assert share_is(capped, 800, 1 - np.exp(-1))
    capped, _ = run((1.0, 0.5), opening=0.0)
    assert share_is(capped, 800, 1 - np.exp(-0.5))
    capped, opened = run(cx43=(1.0, 0.0))
    assert capped == 0
    assert share_is(opened, 800, 0.5 * (1 - np.exp(-0.5)))  # half of the tubes can, at half the rate
    assert run(cx43=(1.0, 1.0), opening=2.0)[1] > 1.5 * run(cx43=(1.0, 1.0))[1]


def test_ends_that_go_strain_and_length():
    gone = tubes(10)
    gone.cells.state[rows_of(gone, 0)] = CELL_DEAD_NECROTIC
    assert (Stage(gone, LAST).run(60.0).log(EVENT_LINK_LOST)["time"] == 0.0).all()
    dying = tubes(600)
    dying.cells.state[rows_of(dying, 0)] = CELL_APOPTOTIC
    kept = 600 - Stage(dying, LAST, nanotube_clocks={"thickening_rate": 0.0}).run(HOUR / 2).log(EVENT_LINK_LOST)["time"].size
    assert share_is(kept, 600, np.exp(-(1.0 + 2.0) / 2))
    strained = tubes(600, places=[(100.0, 100.0), (140.0, 100.0)], length=10.0)
    stiff = {"thickening_rate": 0.0, "flow_time": 1e9}
    kept = 600 - Stage(strained, LAST, nanotube_clocks=stiff).run(HOUR / 2).log(EVENT_LINK_LOST)["time"].size
    assert share_is(kept, 600, np.exp(-(1.0 + (1.0 - 0.3)) / 2))
    assert np.allclose(strained.links.length[:10], 20.0)
    torn = tubes(10, places=[(100.0, 100.0), (190.0, 100.0)])
    assert Stage(torn, LAST).run(60.0).log(EVENT_LINK_LOST)["time"].size == 10


@pytest.mark.parametrize(("flow_time", "passes"), [(0.1, True), (1e9, False)], ids=["flows", "planted fault"])
def test_a_tube_between_walking_cells_lives_as_long_as_one_between_resting_cells(flow_time, passes):
    """Ends that part at 15 um/h strain a tube of 20 um by v tau/L0 < 0.1 if membrane flows in, by 0.75 in an hour if not."""
    world = tubes(600, places=[(100.0, 100.0), (140.0, 100.0)], length=20.0)
    stage = Stage(world, LAST, nanotube_clocks={"thickening_rate": 0.0, "flow_time": flow_time, "strain_rate": 5.0})
    for k in range(60):
        place(world, [(100.0, 100.0), (140.0 + 0.25 * k, 100.0)])
        stage.run(60.0)
    assert bool(share_is(600 - stage.log(EVENT_LINK_LOST)["time"].size, 600, np.exp(-1.0))) is passes


# ------------------------------------------------------------------ dislodgement
def touching_then_apart(n, contact_hours, *, adhesion=(1.0, 1.0), **changes):
    world = wells_of((1, 1), [(100.0, 100.0), (120.5, 100.0)], n_wells=n, mitochondria=(0, 0), backend=BACKEND, adhesion=adhesion)
    world.cells.uy[:] = 0.0
    world.cells.ux[rows_of(world, 0)] = 30.0
    world.cells.ux[rows_of(world, 1)] = 5.0
    stage = Stage(world, (dislodgement,), dislodgement=changes)
    stage.run(60.0, max(int(contact_hours * 60), 1))
    assert world.n_links == 0
    place(world, [(100.0, 100.0), (122.0, 100.0)])
    stage.run(60.0)
    assert world.n_links == 0  # wider than the reach, not yet released
    place(world, [(100.0, 100.0), (126.0, 100.0)])
    stage.run(60.0, 2)
    return world


def test_dislodgement_tethers_after_long_contacts_only():
    n = 600
    world = touching_then_apart(n, 0.2)
    tube = nanotube_population(world)
    assert share_is(len(tube), n, 0.1)
    assert (tube.formation == BY_DISLODGEMENT).all()
    np.testing.assert_allclose(tube.length, 6.0, atol=1e-5)
    assert (world.cells.population[tube.a] == 0).all()  # the faster one
    assert len(nanotube_population(touching_then_apart(n, 0.05))) == 0
    world = touching_then_apart(n, 0.2, adhesion=(2.0, 1.5))
    assert share_is(len(nanotube_population(world)), n, 0.3)


def test_contact_memory_is_bounded_and_forgets_the_dead():
    ring = [(200.0 + 20.0 * np.cos(a), 200.0 + 20.0 * np.sin(a)) for a in np.arange(16) * 2 * np.pi / 16]
    world = wells_of((1, 16), [(200.0, 200.0), *ring], mitochondria=(0, 0), backend=BACKEND)
    stage = Stage(world, (dislodgement,)).run(60.0)
    partner = world.extra["dislodgement.partner"]
    hub = rows_of(world, 0)[0]
    assert (partner[hub] >= 0).sum() == dislodgement.N_CONTACTS
    world.cells.state[rows_of(world, 1)] = CELL_DEAD_NECROTIC
    sort(world)
    stage.run(60.0)
    assert (partner[hub] >= 0).sum() == 0


# ------------------------------------------------------------------ F14
@pytest.mark.long
def test_f14_well_mixed_limit():
    """Cells thrown anew at every step: links follow L' = k_f D R - beta L, mitochondria k f L."""
    n, size, d, r, lam, ell, p_f, beta, k = 80, 1000.0, 20, 20, 100.0, 15.0, 0.5, 1.0, 2.0
    rng = np.random.default_rng(2)
    world = wells_of(
        (r, d), [(0.0, 0.0)] * (r + d), n_wells=n, mitochondria=(0, 60), backend=BACKEND, size=size, radius=[10.0, 10.0],
        filopodia=(0.0, lam), miro1=(0.0, 1.0),
    )  # fmt: skip
    cells = np.concatenate([rows_of(world, 0), rows_of(world, 1)])

    def throw(stage):
        world.cells.x[cells], world.cells.y[cells] = rng.uniform(0, size, (2, cells.size))
        sort(world)

    stage = Stage(
        world, (nanotube_search, *LAST), nanotube_search={"length": ell, "capture_probability": p_f, "growth_speed": 1e9, "bias": 0.0},
        nanotube_clocks={
            "opening_time": 1e-7, "open_share": 1.0, "undocked_opening": 1.0, "thickening_rate": 1e7, "thick_lifetime": 1 / beta,
            "longest": 1e9, "strain_rate": 0.0,
        },
        nanotube_transport={**PLAIN, "loading_rate": k / 0.6},
    )  # fmt: skip

    def chance(x):
        angle = 0.5 if x <= 10.0 else np.arcsin(10.0 / x) / np.pi
        return angle * np.exp(-max(x - 20.0, 0.0) / ell) * p_f * 2 * np.pi * x / size**2

    k_f = lam * sum(integrate.quad(chance, lo, hi)[0] for lo, hi in ((0, 10), (10, 20), (20, 300)))
    rate = k_f * d * r  # only recipients count
    moved = 0
    for hour in (1, 2, 3, 4):
        stage.run(90.0, 40, before=throw)
        tube = nanotube_population(world)
        to_recipient = world.cells.population[tube.b] == 0
        expected = rate / beta * (1 - np.exp(-beta * hour))
        # cells shade one another a little
        assert abs(to_recipient.sum() / n - expected) < Z * np.sqrt(expected / n) + 0.03 * expected
        moved = world.cells.received[rows_of(world, 0)].sum() / n
    expected = k * rate / beta * (4 - (1 - np.exp(-4 * beta)) / beta)
    assert abs(moved - expected) < Z * np.sqrt(expected * (1 + 2 * k / beta) / n) + 0.06 * expected
    assert abs(moved - k * rate / beta * 4) > Z * np.sqrt(expected * (1 + 2 * k / beta) / n) + 0.06 * expected  # no start-up lag
