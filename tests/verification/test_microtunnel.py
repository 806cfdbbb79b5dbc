"""Microtunnels: counts delivered are exact and never above the number allowed, one at a time, one way; founders of rho0 cells (F5).

Fault seen to fail it, planted in a copy of the package: the valve shuts one too late (counts), the passage left out (renewal
process), the first mitochondrion in the table always goes (founders), cells are served again after the valve has shut (counts).
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import InputError
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Tunnels, spec_from_plain, spec_to_plain
from mitoferry.core.schema import (
    CELL_DEAD_APOPTOTIC,
    CYTOSOL,
    KIND_ARTIFICIAL,
    LINK_EMPTY,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_MICROTUNNEL,
    ROUTE_SHIFT,
)
from mitoferry.experiment.reader import load_experiment, parse_experiment
from mitoferry.processes import microtunnel
from nanotubes import HOUR, Stage, held, rows_of, wells_of

BACKEND = Cpu(threads=1)
ALPHA = 1e-4


def pairs(n, *, number=1, length=5.0, start=0.0, end=np.inf, apart=24.0, seed=1, mitochondria=(0, 30)):
    """Wells with a recipient (population 0, without mitochondria) and a donor, ``apart`` um between centres."""
    world = wells_of((1, 1), [(100.0, 100.0), (100.0 + apart, 100.0)], n_wells=n, mitochondria=mitochondria, backend=BACKEND, seed=seed)
    given = Tunnels(donors=(1,), recipients=(0,), length=length, mitochondria=number, start=start, end=end)
    world.spec = replace(world.spec, arms=tuple(replace(a, tunnels=(given,)) for a in world.spec.arms))
    return world


def stage(world, **changes):
    return Stage(world, (microtunnel,), microtunnel={"fusion_rate": 1e6, **changes})


def tunnels(world):
    n = world.n_links
    return np.flatnonzero((world.links.kind[:n] == KIND_ARTIFICIAL) & (world.links.state[:n] != LINK_EMPTY))


@pytest.mark.parametrize("number", [1, 3])
def test_exactly_the_number_allowed_is_delivered_to_the_cytosol_of_the_recipient(number):
    n = 60
    world = pairs(n, number=number)
    h = stage(world, entry_rate=500.0, speed=5.0).run(60.0, 60).handovers()
    assert (np.bincount(h["well"], minlength=n) == number).all()
    assert (held(world)[rows_of(world, 0)] == number).all()
    assert set(h["route"]) == {ROUTE_MICROTUNNEL}
    assert set(h["source_population"]) == {1}
    flags = world.mitochondria.flags.astype(int)
    came = (flags & 1 != 0) & ((flags >> ROUTE_SHIFT) & 15 == ROUTE_MICROTUNNEL)
    assert came.sum() == n * number
    assert set((flags[came] >> PLACE_SHIFT) & PLACE_MASK) == {CYTOSOL}
    assert tunnels(world).size == 0  # cut, and not made again


def test_f5_delivered_counts_are_those_of_a_renewal_process():
    """With the waiting time 1/k and the passage tau, N(t) >= m where the m-th sum of Exp(k) + tau is below t."""
    n, k, tau, hours = 500, 6.0, 0.1, 0.5
    world = pairs(n, number=1000, seed=2, length=9.0)
    h = stage(world, entry_rate=k, speed=9.0 / (tau * HOUR)).run(60.0, int(hours * 60)).handovers()
    counts = np.bincount(h["well"], minlength=n)

    def chances(tau):
        at_least = [1.0] + [stats.gamma(m, scale=1 / k).cdf(hours - m * tau) if hours > m * tau else 0.0 for m in range(1, 8)]
        return -np.diff(at_least)

    def fits(tau):
        expected = chances(tau) * n
        seen = np.bincount(counts, minlength=7)[:7]
        keep = expected > 5
        table = np.array([seen[keep].tolist() + [n - seen[keep].sum()], expected[keep].tolist() + [n - expected[keep].sum()]])
        table = table[:, table[1] > 1]
        return stats.chi2.sf(((table[0] - table[1]) ** 2 / table[1]).sum(), table.shape[1] - 1) > ALPHA

    assert fits(tau)
    assert not fits(0.0)  # planted fault: no passage, so that several are inside at a time
    order = np.lexsort((h["time"], h["well"]))
    gaps = np.diff(h["time"][order])[np.diff(h["well"][order]) == 0]
    assert gaps.min() >= tau * HOUR - 1e-6  # one at a time
    assert counts.sum() == held(world)[rows_of(world, 0)].sum()
    assert held(world).sum() == 30 * n


@pytest.mark.parametrize("number", [1, 2, 4])
def test_f5_one_kind_of_founders_in_a_cell_without_mtdna(number):
    """Donors with a share q of mitochondria of another haplotype: the founders are of one kind with q^n + (1 - q)^n."""
    n, q = 400, 0.3
    world = pairs(n, number=number, seed=3)
    m = world.mitochondria
    there = np.flatnonzero(m.flags & 1)
    other = m.ordinal[there] <= 9  # the first 9 of 30, in the table, too
    m.copies[there] = 0
    m.copies[there, np.where(other, 1, 0)] = 5
    world.ledger.open(world)
    stage(world, entry_rate=100.0).run(60.0, 40)
    recipients = rows_of(world, 0)
    owner = world.pages.owner[np.arange(len(m.flags)) // 32]
    kinds = np.zeros((world.n_cells, 2), np.int64)
    here = np.flatnonzero(m.flags & 1)
    np.add.at(kinds, (owner[here], (m.copies[here, 1] > 0).astype(int)), 1)
    assert (kinds[recipients].sum(axis=1) == number).all()
    single = int((kinds[recipients].min(axis=1) == 0).sum())
    homoplasmic = [stats.hypergeom(30, 9, number).pmf(x) for x in (0, number)]
    expected = sum(homoplasmic) if number > 1 else 1.0
    assert abs(expected - (q**number + (1 - q) ** number)) < 0.05
    if number > 1:
        assert stats.binomtest(single, n, expected).pvalue > ALPHA
    else:
        assert single == n
    share = int(kinds[recipients, 1].sum())
    assert stats.binomtest(share, n * number, q).pvalue > ALPHA
    assert stats.binomtest(share, n * number, 0.5).pvalue < ALPHA


def test_pairs_are_the_nearest_and_each_cell_has_one_tunnel():
    places = [(100.0, 100.0), (144.5, 100.0), (122.0, 100.0), (168.5, 100.0), (250.0, 100.0)]  # gaps 2, 2.5, 4 um
    world = wells_of((2, 3), places, n_wells=10, mitochondria=(0, 20), backend=BACKEND)
    given = Tunnels(donors=(1,), recipients=(0,), length=5.0, mitochondria=5, start=0.0, end=np.inf)
    world.spec = replace(world.spec, arms=(replace(world.spec.arms[0], tunnels=(given,)),))
    stage(world, entry_rate=1e-6).run(60.0, 3)
    rows = tunnels(world)
    assert rows.size == 20
    order = np.argsort(world.links.well[rows], kind="stable")
    ordinals = (world.links.id_a[rows][order] & 0xFFFFFF, world.links.id_b[rows][order] & 0xFFFFFF)
    assert set(zip(*(o.tolist() for o in ordinals), strict=True)) == {(1, 1), (2, 2)}


def test_joined_at_the_rate_of_fusion():
    n, hours = 600, 0.4
    world = pairs(n, seed=4)
    stage(world, fusion_rate=2.0, entry_rate=1e-9).run(60.0, int(hours * 60))
    assert stats.binomtest(tunnels(world).size, n, 1 - np.exp(-2.0 * hours)).pvalue > ALPHA
    assert stats.binomtest(tunnels(world).size, n, 1 - np.exp(-4.0 * hours)).pvalue < ALPHA


@pytest.mark.parametrize("case", ["too far", "cold", "no motors", "dead", "before", "after"])
def test_nothing_passes(case):
    changes = {"too far": {"apart": 25.5}, "before": {"start": 7200.0}, "after": {"end": 60.0}}.get(case, {})
    world = pairs(30, **changes)
    run = stage(world, entry_rate=50.0)
    if case == "cold":
        world.groups.nodes[:, NODE["temperature"]] = 0.0
    elif case == "no motors":
        world.groups.nodes[:, NODE["microtubule_motor"]] = 0.0
        world.groups.nodes[:, NODE["actin_motor"]] = 0.0
    elif case == "dead":
        world.cells.state[rows_of(world, 1)] = CELL_DEAD_APOPTOTIC
    assert run.run(60.0, 30).handovers()["well"].size == 0
    assert tunnels(world).size == (30 if case == "no motors" else 0)
    assert stage(pairs(30), entry_rate=50.0).run(60.0, 30).handovers()["well"].size == 30


def test_wanted_and_written_down():
    spec = pairs(1, end=3600.0).spec
    assert microtunnel.wanted(spec)
    assert not microtunnel.wanted(replace(spec, arms=tuple(replace(a, tunnels=()) for a in spec.arms)))
    assert spec_from_plain(spec_to_plain(spec)).arms == spec.arms
    endless = pairs(1).spec
    assert spec_from_plain(spec_to_plain(endless)).arms == endless.arms


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("donor: recipient", "donors that are not recipients, too"),
        ("length: 500 um", "at most 50 um"),
        ("mitochondria: 0", "greater than or equal to 1"),
        ("donor: nobody", "a population or role"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(given, said):
    text = load_experiment("route-microtunnel").text.replace("length: 5 um, mitochondria: 3", given)
    with pytest.raises(InputError, match=said):
        parse_experiment(text, "x.yaml")
