"""Connexin 43: half-life, what acts at once and what must be made, neutral at rest; plaques, docking and anchoring follow it.

Fault seen to fail it, planted in a copy of the package: turnover that does not speed up the approach, a knockdown that does not act at
once, anchoring by one of the two cells only.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Action
from mitoferry.core.schema import EXOPHER, Step
from mitoferry.processes import connexin43, gap_junction, nanotube_clocks, nanotube_search, vesicle_fate
from nanotubes import HOUR, Stage, rows_of, wells_of
from worlds import make_spec, parameters

BACKEND = Cpu(threads=1)
ALPHA = 1e-4


def pairs(n=20, cx43=(1.0, 1.0), apart=20.0):
    return wells_of((1, 1), [(100.0, 100.0), (100.0 + apart, 100.0)], n_wells=n, mitochondria=(30, 30), backend=BACKEND, cx43=cx43)


def follow(world, hours, half_life=3.0, *, start=0.0, dt=300.0):
    p = connexin43.Parameters(half_life=half_life)
    for k in range(round(hours * HOUR / dt)):
        connexin43.advance(world, Step(k, int(start + k * dt), start + k * dt, dt), p)
    return world


@pytest.mark.parametrize(("node", "turnover"), [(3.0, 1.0), (1.0, 4.0), (1.0, 0.3), (0.2, 1.0)])
def test_level_approaches_its_steady_state_with_the_half_life_that_turnover_leaves(node, turnover):
    world = follow(pairs(), 1.0)
    assert (world.cells.connexin43[rows_of(world, 0)] == 1.0).all()
    world.groups.nodes[:, NODE["cx43"]] = node
    world.groups.nodes[:, NODE["cx43_turnover"]] = turnover
    follow(world, 2.0, start=HOUR)
    steady = max(node, 1.0) / turnover
    expected = steady + (1.0 - steady) * 0.5 ** (2.0 * turnover / 3.0)
    level = float(world.cells.connexin43[rows_of(world, 0)[0]])
    assert np.isclose(level, expected, rtol=1e-5)
    if turnover != 1.0:
        slow = steady + (1.0 - steady) * 0.5 ** (2.0 / 3.0)
        assert not np.isclose(level, slow, rtol=1e-3)  # planted fault: the approach at the resting half-life
    force = connexin43.relative_connexin(int(rows_of(world, 0)[0]), world.cells, world.groups)
    assert np.isclose(force, min(node, 1.0) * expected, rtol=1e-5)  # a knockdown at once, the rest as connexin is made


def test_steady_at_time_zero_and_not_followed_without_an_agent():
    world = pairs()
    assert (world.cells.connexin43 == -1).all()
    world.groups.nodes[:, NODE["cx43"]] = 2.5
    row = int(rows_of(world, 0)[0])
    assert connexin43.relative_connexin(row, world.cells, world.groups) == 2.5
    assert np.isclose(connexin43.relative_connexin(row, follow(world, 0.1).cells, world.groups), 2.5)
    before = pairs()
    connexin43.advance(before, Step(0, -300, -300.0, 300.0), connexin43.Parameters(3.0))
    assert (before.cells.connexin43 == -1).all()


def test_wanted_where_connexin_is_raised_or_its_turnover_changed():
    def spec(key, value):
        base = make_spec()
        action = Action(kind="node", key=key, value=value, start=0.0, end=1e9, populations=(0,))
        return replace(base, arms=(replace(base.arms[0], actions=(action,)),))

    assert connexin43.wanted(spec("cx43", 2.5))
    assert connexin43.wanted(spec("cx43_turnover", 2.0))
    assert not connexin43.wanted(spec("cx43", 0.2))
    assert not connexin43.wanted(make_spec())


def test_at_rest_nothing_changes():
    """The factor is exactly 1, and plaques and docking are those of type and node."""
    world = pairs(cx43=(0.8, 0.6))
    a, b = (int(rows_of(world, k)[0]) for k in (0, 1))
    for w in (world, follow(pairs(cx43=(0.8, 0.6)), 2.0)):
        assert connexin43.anchoring(a, b, 0.5, w.cells, w.groups) == 1.0
        assert connexin43.connexin(a, w.cells, w.groups) == float(w.groups.cx43[w.cells.group[a]])


@pytest.mark.parametrize("node", [0.0, 0.4, 1.0, 3.0])
def test_captures_fall_by_the_anchoring_of_both(node):
    world = pairs(cx43=(0.9, 0.8))
    a, b = (int(rows_of(world, k)[0]) for k in (0, 1))
    p = parameters(None, "nanotube_search", nanotube_search.Parameters)
    full = nanotube_search.capture_chance(a, b, world.cells, world.groups, p)
    world.groups.nodes[world.groups.population == 0, NODE["cx43"]] = node
    found = nanotube_search.capture_chance(a, b, world.cells, world.groups, p) / full
    assert np.isclose(found, 1.0 - p.cx43_anchoring * 0.72 * (1.0 - min(node, 1.0)), rtol=1e-6)
    world.groups.nodes[:, NODE["cx43"]] = node
    both = nanotube_search.capture_chance(a, b, world.cells, world.groups, p) / full
    assert np.isclose(both, 1.0 - p.cx43_anchoring * 0.72 * (1.0 - min(node**2, 1.0)), rtol=1e-6)
    none = pairs(cx43=(0.0, 0.8))
    none.groups.nodes[:, NODE["cx43"]] = node
    assert nanotube_search.capture_chance(a, b, none.cells, none.groups, p) == full  # what it never had it cannot lose


def test_plaques_and_docking_follow_the_level():
    world = pairs(200)
    world.cells.connexin43[:] = 2.0
    rest = pairs(200)
    fast = {"internalisation_rate": 20.0, "mitochondrion_chance": 1e-12}  # no vesicle holds one
    made = [Stage(w, (gap_junction,), gap_junction=fast).run(60.0, 30).world.extra["gap_junction.vesicles"].sum() for w in (world, rest)]
    assert stats.binomtest(int(made[0]), int(sum(made)), 2.0 / 3.0).pvalue > ALPHA  # sqrt 2 x sqrt 2 against 1
    assert stats.binomtest(int(made[0]), int(sum(made)), 0.8).pvalue < ALPHA  # planted fault: added connexin counted whole, 2 x 2
    a, b = (int(rows_of(world, k)[0]) for k in (0, 1))
    p = parameters(None, "nanotube_clocks", nanotube_clocks.Parameters)
    for w in (world, rest):
        w.links.a[0], w.links.b[0] = a, b
    ratio = nanotube_clocks.rate_of_docking(world.links, world.cells, world.groups, 0, p) / nanotube_clocks.rate_of_docking(
        rest.links, rest.cells, rest.groups, 0, p
    )
    assert np.isclose(ratio, 4.0)


@pytest.mark.parametrize(("contacts", "left"), [(0, 1.0), (2, 0.75)])
def test_vesicles_of_touching_cells_need_it_for_their_uptake(contacts, left):
    world = pairs(1, cx43=(1.0, 1.0))
    source = int(rows_of(world, 1)[0])
    v = world.vesicles
    v.kind[0], v.well[0], v.source[0], v.radius[0], v.phosphatidylserine[0] = EXOPHER, 0, source, 1500.0, 1
    world.cells.n_contacts[source] = contacts
    p = parameters(None, "vesicle_fate", vesicle_fate.Parameters, cx43_anchoring=0.25)
    full = np.array(vesicle_fate.arms_of(0, v, world.cells, world.groups, world.wells, p))
    world.groups.nodes[:, NODE["cx43"]] = 0.0
    assert np.allclose(np.array(vesicle_fate.arms_of(0, v, world.cells, world.groups, world.wells, p)), left * full)


@pytest.mark.parametrize(
    ("first", "second", "fold"), [(1.0, 1.0, 1.0), (3.0, 3.0, 3.0), (3.0, 1.0, 3.0**0.5), (0.2, 0.2, 0.04), (4.0, 0.5, 1.0)]
)
def test_plaques_go_with_the_geometric_mean_of_added_connexin_and_the_product_of_what_is_left(first, second, fold):
    """Fault seen to fail it, planted in a copy of the package: added connexin counted whole in both cells (ninefold)."""
    world = pairs(1, cx43=(0.8, 0.6))
    groups = world.groups
    groups.nodes[groups.population == 0, NODE["cx43"]] = first
    groups.nodes[groups.population == 1, NODE["cx43"]] = second
    a, b = int(rows_of(world, 0)[0]), int(rows_of(world, 1)[0])
    plaques = connexin43.docking(a, world.cells, groups) * connexin43.docking(b, world.cells, groups)
    assert np.isclose(plaques, fold * 0.8 * 0.6, rtol=1e-6)
