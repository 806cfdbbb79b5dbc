"""Dendritic networks: how many dendrites a cell keeps and with whom, loading by ADP through MFN2 and Miro1, loss with a dying end.

Fault seen to fail it, planted in a copy of the package: the tether of the receiving end instead of the loading one (loading),
P2Y left out (loading), a cell counts only the dendrites that it began (network), a dendrite of a dead cell left standing (loss),
all cells of the well looked at by each that grows (neighbourhood), bins within half of the reach only (overlooked).
"""

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_DEAD_NECROTIC,
    KIND_DENDRITE,
    LINK_EMPTY,
    ROUTE_BREAKAGE,
    ROUTE_DENDRITE,
    ROUTE_NAMES,
    ROUTE_RETURN,
)
from mitoferry.processes import dendrite, nanotube_clocks, nanotube_transport
from mitoferry.processes.nanotube_links import gap_between
from nanotubes import HOUR, PLAIN, Stage, held, rows_of, sort, wells_of
from worlds import cell_type, make_spec, population

BACKEND = Cpu(threads=1)
ALPHA = 1e-4
MODULES = (nanotube_clocks, dendrite, nanotube_transport)


def network(world):
    """Rows of the links that are dendrites."""
    n = world.n_links
    return np.flatnonzero((world.links.kind[:n] == KIND_DENDRITE) & (world.links.state[:n] != LINK_EMPTY))


def pairs(n, *, dendrites=(1.0, 1.0), mitochondria=(40, 40), apart=35.0, seed=1):
    return wells_of(
        (1, 1), [(100.0, 100.0), (100.0 + apart, 100.0)], n_wells=n, mitochondria=mitochondria, backend=BACKEND, seed=seed,
        dendrites=dendrites, miro1=(1.0, 1.0),
    )  # fmt: skip


def stage(world, *, loading=1.0, basal=1.0, transport=None, **changes):
    return Stage(
        world, MODULES, dendrite={"loading": loading, "basal_loading": basal, **changes}, nanotube_transport={**PLAIN, **(transport or {})}
    )


def test_a_cell_keeps_its_number_and_joins_the_nearest():
    """One dendritic cell of 2.4 dendrites among four others at 10, 14, 18 and 22 um: 2 or 3 dendrites, to the nearest."""
    n = 400
    places = [(100.0, 100.0), (130.0, 100.0), (100.0, 134.0), (62.0, 100.0), (100.0, 58.0)]
    world = wells_of((1, 4), places, n_wells=n, backend=BACKEND, dendrites=(2.4, 0.0))
    stage(world).run(60.0)
    rows = network(world)
    degree = np.bincount(world.links.well[rows], minlength=n)
    assert set(degree) == {2, 3}
    assert stats.binomtest(int((degree == 3).sum()), n, 0.4).pvalue > ALPHA
    assert stats.binomtest(int((degree == 3).sum()), n, 0.6).pvalue < ALPHA  # planted fault: rounded the other way
    lengths = world.links.length[rows]
    assert set(np.round(lengths)) == {10.0, 14.0, 18.0}
    assert (np.bincount(world.links.well[rows], weights=lengths == 18.0) == (degree == 3)).all()
    again = world.n_links
    stage(world).run(60.0, 30)
    assert world.n_links == again  # it is permanent


def test_a_dendrite_counts_at_both_of_its_ends_and_no_pair_has_two():
    places = [(100.0 + 30.0 * x, 100.0 + 30.0 * y) for y in range(5) for x in range(5)]
    world = wells_of((25,), places, n_wells=20, mitochondria=(4,), backend=BACKEND, dendrites=(3.0,))
    stage(world, reach=14.0, growth_rate=20.0).run(60.0, 10)
    rows = network(world)
    ends = np.sort(np.stack([world.links.a[rows], world.links.b[rows]]), axis=0)
    assert np.unique(ends, axis=1).shape[1] == rows.size
    degree = np.bincount(ends.ravel(), minlength=world.n_cells)[rows_of(world, 0)]
    assert degree.max() == 3
    assert degree.mean() > 2.5
    none = wells_of((25,), places, mitochondria=(4,), backend=BACKEND, dendrites=(3.0,))
    stage(none, reach=9.0).run(60.0)
    assert network(none).size == 0


def looked_at(monkeypatch, n, size):
    """Pairs that 2 n dendritic cells in wells of ``size`` um look at when the network is grown, and the dendrites that come of it."""
    seen = 0

    @row
    def count(i, j, cells, wells):
        nonlocal seen
        seen += 1
        return gap_between(i, j, cells, wells)

    x = np.random.default_rng(3).uniform(0.0, size, (n, 2))
    world = wells_of((n,), x, n_wells=2, mitochondria=(1,), backend=Reference(), size=size, dendrites=(3.0,))
    network, p = dendrite._network(world), stage(world).p["dendrite"]._replace(reach=15.0)
    network.wanting[rows_of(world, 0)] = 3
    monkeypatch.setattr(dendrite, "gap_between", count)
    found = dendrite.within_reach(world, rows_of(world, 0), network, p)
    monkeypatch.undo()
    return seen / 2, found  # each pair is looked at to be counted and to be written


def test_growing_cells_look_at_their_neighbourhood_only(monkeypatch):
    """2,000 cells in all: eight times the cells in eight times the area look at eight times as many pairs, not 64 times."""
    few, small = looked_at(monkeypatch, 125, 400.0)
    many, found = looked_at(monkeypatch, 1000, 400.0 * 8**0.5)
    assert few / 250 > 10
    assert 6.0 < many / few < 9.0  # wells of few bins look at more of them than they need
    assert len(found.gap) / len(small.gap) == pytest.approx(8.0, rel=0.15)


def test_no_pair_within_reach_is_overlooked():
    rng, size = np.random.default_rng(5), 260.0
    world = wells_of((60,), rng.uniform(0.0, size, (60, 2)), n_wells=3, mitochondria=(1,), backend=BACKEND, size=size, dendrites=(3.0,))
    rows = rows_of(world, 0)
    world.cells.radius[rows] = rng.uniform(4.0, 14.0, rows.size)
    sort(world)
    p, network = stage(world).p["dendrite"]._replace(reach=31.0), dendrite._network(world)
    network.wanting[:] = -1
    network.wanting[rows] = 100
    found = dendrite.pairs_to_join(world, dendrite.within_reach(world, rows, network, p), network, set(), False)
    every = {
        (int(a), int(b)) for a in rows for b in rows
        if a < b and world.cells.well[a] == world.cells.well[b] and gap_between(a, b, world.cells, world.wells) <= p.reach
    }  # fmt: skip
    assert len(every) > 500
    assert {(min(a, b), max(a, b)) for a, b in found} == every


@pytest.mark.parametrize("p2y", [0.0, 0.5, 1.0])
def test_loading_is_called_by_adp_and_tied_by_mfn2(p2y):
    """Only cell 0 loads (no MFN2 in the other): each of its mitochondria leaves with the chance 1 - exp(-k g t), exactly."""
    n, hours = 300, 0.5
    world = pairs(n, seed=2)
    first, second = rows_of(world, 0), rows_of(world, 1)
    world.cells.p2y[first] = p2y
    world.cells.p2y[second] = 1.0
    world.groups.nodes[world.groups.population == 0, NODE["mfn2"]] = 0.5
    world.groups.nodes[world.groups.population == 1, NODE["mfn2"]] = 0.0
    before = held(world)[first].sum()
    done = stage(world, loading=0.8, basal=0.2).run(hours * HOUR / 5, 5)
    h = done.handovers()
    assert set(h["route"]) <= {ROUTE_DENDRITE}
    assert (h["source_population"] == 0).all()
    gone = before - held(world)[first].sum()

    def fits(rate):
        return stats.binomtest(int(gone), int(before), 1.0 - np.exp(-rate * hours)).pvalue > ALPHA

    gate = 0.8 * 0.5 * (0.2 + 0.8 * p2y)
    assert fits(gate)
    assert not fits(2.0 * gate)  # planted fault: no tether
    assert fits(0.8 * 0.5) == (p2y == 1.0)  # planted fault: without P2Y


@pytest.mark.parametrize("node", ["mfn2", "miro1", "trak", "temperature"])
def test_nodes_at_zero_give_none(node):
    world = pairs(30)
    world.groups.nodes[:, NODE[node]] = 0.0
    assert stage(world).run(60.0, 20).handovers()["well"].size == 0
    assert stage(pairs(30)).run(60.0, 20).handovers()["well"].size > 20


def test_more_mfn2_than_normal_ties_no_better():
    one, two = pairs(60), pairs(60)
    two.groups.nodes[:, NODE["mfn2"]] = 3.0
    a, b = (stage(w).run(60.0, 10).handovers() for w in (one, two))
    assert a["well"].size > 30
    assert (a["time"] == b["time"]).all()


def test_what_is_inside_is_kept_or_set_free_when_an_end_dies():
    n = 200
    world = pairs(n, seed=3)
    slow = {"microtubule_speed": 0.001, "lumen_per_mitochondrion": 2.0, "breakage_kept": 0.8}
    run = stage(world, transport=slow).run(60.0, 5)
    inside = int(world.links.n_cargo[: world.n_links].sum())
    assert inside > 300
    assert network(world).size == n
    dead = rows_of(world, 1)
    world.cells.state[dead] = CELL_DEAD_NECROTIC
    run.run(60.0)
    assert network(world).size == 0
    h = run.handovers()
    assert int((h["route"] == ROUTE_BREAKAGE).sum()) + int(world.cells.n_mitochondria[1 : 2 * n : 2].sum()) == inside
    kept = int((h["route"] == ROUTE_BREAKAGE).sum())
    assert stats.binomtest(kept, inside, 0.8).pvalue > ALPHA
    assert stats.binomtest(kept, inside, 0.95).pvalue < ALPHA  # planted fault


def test_a_lost_dendrite_grows_again_at_its_rate():
    n, hours = 400, 2.0
    world = pairs(n, seed=4)
    run = stage(world, growth_rate=0.25).run(60.0)
    assert network(world).size == n
    world.cells.x[rows_of(world, 1)] += 60.0  # torn
    run.run(60.0)
    assert network(world).size == 0
    world.cells.x[rows_of(world, 1)] -= 60.0
    run.run(60.0, int(hours * 60))
    grown = network(world).size
    assert stats.binomtest(grown, n, 1 - np.exp(-2 * 0.25 * hours)).pvalue > ALPHA  # either end may grow it
    assert stats.binomtest(grown, n, 1 - np.exp(-0.25 * hours)).pvalue < ALPHA  # planted fault: one end only
    still = pairs(50)
    run = stage(still, growth_rate=0.25)
    still.groups.nodes[:, NODE["actin"]] = 0.0
    still.cells.x[rows_of(still, 1)] += 60.0
    run.run(60.0)
    still.cells.x[rows_of(still, 1)] -= 60.0
    run.run(60.0, 30)
    assert network(still).size == 0


def test_what_turns_back_is_a_return():
    world = pairs(60, seed=5)
    run = stage(world, transport={"microtubule_speed": 0.5, "reversal_rate": 0.2, "reflection": 0.0}).run(60.0, 20)
    routes = set(run.handovers()["route"])
    assert routes == {ROUTE_DENDRITE, ROUTE_RETURN}
    assert ROUTE_NAMES[ROUTE_DENDRITE] == "dendrite"


def test_wanted_where_a_dendritic_cell_has_company():
    def spec(dendrites, counts):
        both = [
            population(f"p{k}", k, counts[k], numbers=cell_type(dendrites=dendrites[k]), role="donor" if k else "recipient") for k in (0, 1)
        ]
        return make_spec(both)

    assert dendrite.wanted(spec((10.0, 0.0), (1, 1)))
    assert not dendrite.wanted(spec((0.0, 0.0), (4, 4)))
    assert not dendrite.wanted(spec((10.0, 0.0), (0, 4)))
    assert not dendrite.wanted(spec((10.0, 0.0), (1, 0)))
