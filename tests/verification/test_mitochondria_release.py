"""Active release: Poisson numbers at the rate of type, node and stress; half functional; moved, never copied (F1, F18)."""

import numpy as np
import pytest
from scipy import stats

from fates import module, rest, rows_of, run, shared_backend, slots_of, values
from mitoferry.core.events import EVENT_LOADED
from mitoferry.core.nodes import NODE_MITOCHONDRIA_RELEASE, NODE_TEMPERATURE
from mitoferry.core.schema import CELL_APOPTOTIC, IN_TRANSIT, PLACE_MASK, PLACE_SHIFT, ROUTE_MASK, ROUTE_RELEASE, ROUTE_SHIFT, Step
from worlds import cell_type, make_world, population

ALPHA = 1e-5
HOURS = 10.0


def world_of(*, count=200, release=5.0, mitochondria=20.0, backend=None, **changes):
    kind = cell_type(mitochondria=mitochondria, cell_cv=0.0, release=release)
    world = make_world([population("recipient", 0, count=count, numbers=kind)], backend=backend or shared_backend(), **changes)
    rest(world)
    return world


def medium(world):
    return int(world.cells.n_mitochondria[world.pool(0, 1)])


@pytest.mark.parametrize(
    ("release", "node", "nfkb", "fault"), [(5.0, 1.0, 0.0, 1.0), (1.0, 1.0, 0.5, 1.0), (10.0, 0.3, 0.0, 1.0), (5.0, 1.0, 0.0, 1.4)]
)
def test_f1_numbers_are_poisson_at_the_rate(release, node, nfkb, fault):
    world = world_of(release=release)
    world.groups.nodes[:, NODE_MITOCHONDRIA_RELEASE] = node
    world.cells.nfkb[:] = nfkb
    p = values("mitochondria_release")
    run(world, "mitochondria_release", p, HOURS, 60.0)
    rows = rows_of(world)
    left = 20 - world.cells.n_mitochondria[rows]
    rate = p.rate * release * node * (1.0 + p.stress_gain * nfkb) * fault
    assert left.sum() == medium(world) > 20
    right = stats.poisson.cdf(left.sum(), rate * HOURS * len(rows)), stats.poisson.sf(left.sum() - 1, rate * HOURS * len(rows))
    assert (2 * min(right) > ALPHA) == (fault == 1.0)
    mean = left.mean()
    spread = ((left - mean) ** 2).sum() / mean  # index of dispersion: chi-square with n - 1 degrees of freedom
    assert ALPHA < stats.chi2.cdf(spread, len(rows) - 1) < 1 - ALPHA


def test_half_of_them_keep_their_potential_and_all_are_free():
    world = world_of(release=20.0)
    p = values("mitochondria_release")
    run(world, "mitochondria_release", p, HOURS, 60.0)
    slots = slots_of(world, world.pool(0, 1))
    m = world.mitochondria
    dead = m.damage[slots] == 65535
    assert stats.binomtest(int((~dead).sum()), len(slots), p.functional).pvalue > ALPHA
    assert stats.binomtest(int((~dead).sum()), len(slots), 0.8).pvalue < ALPHA  # planted fault
    assert (m.psi_offset[slots[dead]] == 0).all()
    assert (m.psi_offset[slots[~dead]] < -15000).all()
    assert ((m.flags[slots] >> PLACE_SHIFT) & PLACE_MASK == IN_TRANSIT).all()
    assert ((m.flags[slots] >> ROUTE_SHIFT) & ROUTE_MASK == ROUTE_RELEASE).all()
    assert (m.motor[slots] == 1).all()


def test_larger_mitochondria_go_more_often():
    """Chances are proportional to mass."""
    world = world_of(release=100.0, count=300, mitochondria=2.0)
    rows = rows_of(world)
    for r in rows:
        world.mitochondria.mass[slots_of(world, r)] = (3000, 9000)
    world.ledger.open(world)
    run(world, "mitochondria_release", values("mitochondria_release", rate=1.0), 1.0, 60.0)
    mass = world.mitochondria.mass[slots_of(world, world.pool(0, 1))]
    assert len(mass) == 300  # the last one of a cell stays
    assert stats.binomtest(int((mass == 9000).sum()), 300, 0.75).pvalue > ALPHA
    assert stats.binomtest(int((mass == 9000).sum()), 300, 0.5).pvalue < ALPHA  # planted fault


@pytest.mark.parametrize("how", ["node", "cold", "type", "dying"])
def test_nothing_leaves_without(how):
    world = world_of(release=0.0 if how == "type" else 50.0)
    if how in ("node", "cold"):
        world.groups.nodes[:, NODE_MITOCHONDRIA_RELEASE if how == "node" else NODE_TEMPERATURE] = 0.0
    if how == "dying":
        world.cells.state[rows_of(world)] = CELL_APOPTOTIC
    before = [c.tobytes() for c in world.mitochondria]
    run(world, "mitochondria_release", values("mitochondria_release"), 1.0, 60.0)
    assert medium(world) == 0
    assert [c.tobytes() for c in world.mitochondria] == before


def test_each_leaving_is_an_event_with_time_and_source():
    world = world_of(release=50.0)
    p = values("mitochondria_release")
    seen = []

    def note(w):
        e, n = w.events, int(w.events.count[0])
        seen.extend(zip(e.kind[:n], e.route[:n], e.time[:n], e.source[:n], e.source_population[:n], strict=True))

    run(world, "mitochondria_release", p, 1.0, 60.0, each_step=note)
    assert len(seen) == medium(world) > 20
    assert {(k, r) for k, r, *_ in seen} == {(EVENT_LOADED, ROUTE_RELEASE)}
    times = [t for _, _, t, *_ in seen]
    assert times == sorted(times)
    assert {pop for *_, pop in seen} == {0}


def test_wanted_only_where_cells_release():
    wanted = module("mitochondria_release").PROCESS.wanted
    assert wanted(world_of(count=2).spec)
    assert not wanted(world_of(count=2, release=0.0).spec)


def test_same_bytes_on_every_backend():
    from mitoferry.backends.cpu import Cpu
    from mitoferry.backends.reference import Reference

    found = []
    for backend in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3)):
        world = world_of(count=6, mitochondria=5.0, release=50.0, backend=backend)
        p = values("mitochondria_release", rate=0.2)
        for k in range(6):
            module("mitochondria_release").advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p)
        assert medium(world) > 0
        found.append([np.ascontiguousarray(c).tobytes() for t in (world.mitochondria, world.pages, world.cells, world.events) for c in t])
    assert all(f == found[0] for f in found)
