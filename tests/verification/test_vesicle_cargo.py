"""mtDNA and microRNA in small vesicles: packing, loss and uptake at their rates, no copy lost to the books, tolerance to LPS.

Fault seen to fail it, planted in a copy of the package: a copy that enters is not booked, one that is packed stays in its
mitochondrion too (both: ledger), uptake by all cells alike (shares), entry without its chance, microRNA that does not last.
"""

import numpy as np
import pytest
from scipy import stats

from fates import rest, shared_backend, values
from mitoferry.base.errors import LedgerError
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import Step
from mitoferry.processes import capacity, signals, vesicle_cargo
from mitoferry.processes.vesicle_size import diffusion_of
from worlds import cell_type, make_spec, make_world, parameters, population

ALPHA = 1e-5
FAST = {"mtdna_chance": 1.0, "whole_share": 0.5, "capture": 0.05, "medium_loss": 0.4, "entry_chance": 0.5}
DT = 300.0


def cells(count=20, *, uptake=(1.0, 3.0), seed=1, haplotypes=((0.0,) * 4, (0.5, 0.5, 0.0, 0.0)), backend=None, mtdna=2000.0):
    """Recipients without mtDNA (population 0) and donors of two haplotypes, at rest, in a shallow well."""
    kinds = [cell_type(mitochondria=40.0, mtdna=mtdna, cell_cv=0.0, uptake=u) for u in uptake]
    world = make_world(
        [
            population("recipient", 0, count=count, numbers=kinds[0], haplotypes=haplotypes[0], rho0=not any(haplotypes[0])),
            population("donor", 1, count=count, numbers=kinds[1], haplotypes=haplotypes[1]),
        ],
        backend=backend or shared_backend(), seed=seed, geometry=Geometry(size=(200.0, 200.0, 20.0), medium_height=100.0),
    )  # fmt: skip
    rest(world)
    return world


def rows_of(world, k):
    return np.flatnonzero((world.cells.population[: world.n_cells] == k) & (np.arange(world.n_cells) >= 2 * world.n_wells))


def run(world, hours, start=0, **changes):
    """Steps of the process; the ledger is checked after each."""
    p = values("vesicle_cargo", **{**FAST, **changes})
    for k in range(start, start + round(hours * 3600 / DT)):
        capacity.advance(world, Step(5 * k, int(DT * k), DT * k, DT), parameters(None, "capacity", capacity.Parameters))
        vesicle_cargo.advance(world, Step(5 * k, int(DT * k), DT * k, DT), p)
        world.ledger.check(world, "vesicle_cargo", int(DT * k))
    return world


def counts(world):
    """Packed, in the medium, entered, lost, per haplotype."""
    return world.extra["vesicle_cargo.copies"].reshape(-1, 4, 4).sum(axis=0)


def copies(world, k):
    """mtDNA copies per haplotype of the cells of a population, by walking the slots."""
    m = world.mitochondria
    owner = world.pages.owner[np.arange(len(m.flags)) // 32]
    here = (m.flags & 1 != 0) & np.isin(owner, rows_of(world, k))
    return m.copies[here].astype(np.int64).sum(axis=0)


def clearance(world, k, capture=0.05):
    """Rate [1/h] at which one cell of a population takes an exosome up, at rest."""
    p = values("vesicle_cargo")
    reach = 4 * np.pi * 3600 * diffusion_of(p.exosome_radius, p.viscosity) * 10.0
    return capture * reach * (1.0, 3.0)[k] / (1 + p.atp_half**2) / (200.0 * 200.0 * 100.0)


def release_rate():
    p = values("vesicle_release")
    return p.exosome_rate / (1 + p.atp_half**2)


def poisson(n, mean):
    return min(stats.poisson.cdf(n, mean), stats.poisson.sf(n - 1, mean)) > ALPHA


def test_copies_are_packed_at_their_rate_by_haplotype_and_all_are_booked():
    world = cells()
    before = copies(world, 1)
    run(world, 1.0, capture=1e-9, medium_loss=1e-9)
    packed, flying, entered, lost = counts(world).T
    assert (entered == 0).all()
    assert (lost == 0).all()
    assert (packed == flying).all()
    assert ((before - copies(world, 1)) == packed).all()
    expected = 20 * release_rate() * 0.5 * 1.0 * (before.sum() / 20 / 2000.0)
    assert poisson(packed.sum(), expected)
    assert not poisson(packed.sum(), 2 * expected)  # planted fault: all are whole
    share = before[0] / before.sum()
    assert stats.binomtest(int(packed[0]), int(packed.sum()), share).pvalue > ALPHA
    assert copies(world, 0).sum() == 0


def test_what_is_in_the_medium_is_taken_up_and_lost_at_exact_rates():
    world = cells()
    run(world, 0.5, capture=1e-9, medium_loss=1e-9)
    n = int(counts(world)[:, 1].sum())
    world.groups.nodes[:, NODE["exosomes"]] = 0.0  # no more
    run(world, 0.5, start=6)
    packed, flying, entered, lost = counts(world).sum(axis=0)
    taken = 20 * (clearance(world, 0) + clearance(world, 1))
    total = taken + 0.4
    assert stats.binomtest(int(flying), n, np.exp(-total * 0.5)).pvalue > ALPHA
    assert stats.binomtest(int(flying), n, np.exp(-2 * total * 0.5)).pvalue < ALPHA
    gone = n - flying
    assert stats.binomtest(int(entered), int(gone), 0.5 * taken / total).pvalue > ALPHA
    assert stats.binomtest(int(entered), int(gone), taken / total).pvalue < ALPHA  # planted fault: all enter
    assert packed == flying + entered + lost
    got = copies(world, 0).sum()
    share = clearance(world, 0) / (clearance(world, 0) + clearance(world, 1))
    assert stats.binomtest(int(got), int(entered), share).pvalue > ALPHA
    assert stats.binomtest(int(got), int(entered), 0.5).pvalue < ALPHA  # planted fault: all cells alike


def test_cells_without_mtdna_get_some_of_both_haplotypes_and_nothing_is_lost_to_the_books():
    world = cells(seed=3)
    start = copies(world, 1)
    run(world, 3.0)
    total = counts(world)
    assert (copies(world, 0)[:2] > 5).all()
    assert (copies(world, 0) + copies(world, 1) + total[:, 1] + total[:, 3] == start).all()
    assert (total[:, 0] == total[:, 1:].sum(axis=1)).all()


def test_planted_fault_a_copy_added_without_booking_is_seen():
    world = run(cells(), 0.5)
    slot = int(np.flatnonzero(world.mitochondria.flags & 1)[0])
    world.mitochondria.copies[slot, 0] += 1
    with pytest.raises(LedgerError, match="haplotype 0"):
        world.ledger.check(world, "vesicle_cargo", 0)


@pytest.mark.parametrize(("node", "value"), [("exosomes", 0.0), ("mtdna_packaging", 0.0), ("temperature", 0.0)])
def test_nodes_at_zero_give_none(node, value):
    world = cells()
    world.groups.nodes[:, NODE[node]] = value
    assert counts(run(world, 0.5)).sum() == 0


def test_blocked_endocytosis_leaves_all_in_the_medium():
    world = cells()
    world.groups.nodes[:, NODE["endocytosis"]] = 0.0
    assert counts(run(world, 1.0))[:, 2].sum() == 0
    assert copies(world, 0).sum() == 0


def test_microrna_follows_release_uptake_and_decay():
    """Against the two linear equations solved in small steps."""
    world = run(cells(), 10.0, mtdna_chance=0.0)
    p, r = values("vesicle_cargo", **FAST), values("vesicle_release")
    stress = 1 + r.stress_gain * 0.005**2 / (0.005**2 + r.h2o2_half**2)
    release = 40 * r.microvesicle_rate * stress / (1 + r.atp_half**2)
    taken = 20 * (clearance(world, 0) + clearance(world, 1))
    amount, dose = 0.0, 0.0
    for _ in range(40000):
        dt = 10.0 / 40000
        amount, dose = (
            amount + dt * (release - (taken + 0.4) * amount), dose + dt * (clearance(world, 0) * amount - dose / p.microrna_lasting)
        )  # fmt: skip
    found = float(world.cells.microrna[rows_of(world, 0)[0]])
    assert np.isclose(found, dose, rtol=5e-3)
    assert np.isclose(float(world.cells.microrna[rows_of(world, 1)[0]]), 3 * dose, rtol=5e-3)
    assert not np.isclose(found, dose * (1 + 10.0 / (2 * p.microrna_lasting)), rtol=5e-2)  # planted fault: it lasts for ever
    none = cells()
    none.groups.nodes[:, NODE["microrna"]] = 0.0
    assert (run(none, 1.0).cells.microrna == 0.0).all()


def test_microrna_divides_the_lps_that_a_cell_feels_and_is_neutral_without():
    p = parameters(None, "signals", signals.Parameters)
    world = cells()
    world.groups.nodes[:, NODE["toll_like_receptor"]] = 3.0
    calm, naive = int(rows_of(world, 0)[0]), int(rows_of(world, 0)[1])
    world.cells.microrna[calm] = 2.0 / p.microrna_tolerance
    for k in range(400):
        signals.advance(world, Step(k, 300 * k, 300.0 * k, 300.0), p)
    target = {m: signals.nfkb_target(0.005, 0.0, 0.0, 3.0 / (1.0 + m), 1.0, 1.0, p) for m in (0.0, 2.0)}
    assert np.isclose(world.cells.nfkb[naive], target[0.0], rtol=1e-3)
    assert np.isclose(world.cells.nfkb[calm], target[2.0], rtol=1e-3)
    assert target[2.0] < 0.6 * target[0.0]


def test_wanted_only_where_it_is_switched_on():
    assert vesicle_cargo.wanted(make_spec(switches={"vesicle_cargo": "on"}))
    assert not vesicle_cargo.wanted(make_spec())
