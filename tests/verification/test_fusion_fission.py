"""Fusion and fission: disjoint pairs, conservation, rates, who may fuse, mixing, classes. Planted faults are caught."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from mitoferry.core.lanes import lane, lanes
from mitoferry.core.nodes import NODE
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CLASS_SHIFT,
    DONOR_ENDOSOME,
    DONOR_FREE,
    ENDOSOME,
    FUSED,
    OCCUPIED,
    OWN_ISOLATED,
    OWN_NETWORK,
    PAGE,
    PINK1,
    PLACE_SHIFT,
    PORE_OPEN,
    allocate,
)
from mitoferry.processes import fusion_fission, fusion_pair
from mitoferry.processes.fusion_fission import LAST, Unsure, decide
from mitoferry.processes.fusion_pair import COMPATIBLE, RATE, SURE, fused
from quality_worlds import INTERVAL, MODULES, count_copies, occupied, owners, parameters, rows, run, set_copies, step_at, uniform_world

P = parameters(None, "fusion_fission", fusion_fission.Parameters)


def classes(world):
    return (world.mitochondria.flags[occupied(world)] >> CLASS_SHIFT) & 3


def randomise(world, seed=0):
    """Different content in every mitochondrion."""
    rng = np.random.default_rng(seed)
    m, slots = world.mitochondria, occupied(world)
    for c, top in (
        ("damage", 20000),
        ("complex1", 40000),
        ("complex34", 40000),
        ("complex5", 40000),
        ("bound1", 255),
        ("bound3", 255),
        ("label", 65535),
        ("dye", 65535),
    ):
        getattr(m, c)[slots] = rng.integers(0, top, slots.size)
    m.mass[slots] = rng.integers(2500, 20000, slots.size)
    m.copies[slots, :2] = rng.integers(0, 9, (slots.size, 2))
    count_copies(world)
    world.ledger.open(world)


def per_cell(world, column):
    m, slots = world.mitochondria, occupied(world)
    values = getattr(m, column)[slots].astype(np.int64)
    if column not in ("mass", "label", "dye", "copies"):
        values = values * m.mass[slots]
    out = np.zeros((world.n_cells, *values.shape[1:]), dtype=np.int64)
    np.add.at(out, owners(world, slots), values)
    return out


EXACT = ("mass", "label", "dye", "copies")
WEIGHTED = ("damage", "complex1", "complex34", "complex5", "bound1", "bound3")


def test_sums_are_conserved_per_cell():
    world = uniform_world(40, mitochondria=70)
    randomise(world)
    exact = {c: per_cell(world, c) for c in EXACT}
    weighted = {c: per_cell(world, c)[rows(world)].astype(float) for c in WEIGHTED}
    run(world, ["fusion_fission"], 10)
    for c in EXACT:
        assert (per_cell(world, c) == exact[c]).all(), c
    events = 10 * 12 * 0.34 * 70  # per cell, each rounded by up to one quantum of up to 20000 mass
    for c in WEIGHTED:
        change = per_cell(world, c)[rows(world)] - weighted[c]
        assert np.abs(change).max() < 5 * 20000 * np.sqrt(events), c
        assert abs(change.mean()) < 4.5 * change.std() / np.sqrt(change.size) + 1, c  # no drift


def test_sums_of_per_mass_quantities_are_exact_between_equal_masses():
    world = uniform_world(20, mitochondria=70)
    randomise(world)
    world.mitochondria.mass[occupied(world)] = 8192
    world.ledger.open(world)
    before = {c: per_cell(world, c) for c in WEIGHTED}
    run(world, ["fusion_fission"], 10, fusion_fission={"split_spread": 0.0})
    for c in WEIGHTED:
        assert (per_cell(world, c) == before[c]).all(), c


def test_a_planted_copy_is_caught_by_the_ledger():
    from mitoferry.base.errors import LedgerError

    world = uniform_world(5, mitochondria=40)
    run(world, ["fusion_fission"], 1)
    world.mitochondria.copies[occupied(world)[0], 0] += 1
    with pytest.raises(LedgerError, match="mtDNA copies of haplotype 0"):
        world.ledger.check(world, "fusion_fission", 0)


def test_pairs_are_disjoint_and_every_partner_is_as_likely():
    """The involution (K - r) mod n: each slot has one partner, partners are uniform over steps."""
    for n in (1, 2, 3, 13):
        for k in range(n):
            partner = [(k - r + n) % n for r in range(n)]
            assert [partner[q] for q in partner] == list(range(n))
        seen = np.array([[(k - r + n) % n for r in range(n)] for k in range(n)])
        assert all(sorted(seen[:, r]) == list(range(n)) for r in range(n))


def pairs_found(pair_pages, length, u):
    """Positions in a chain of scattered pages that meet, as ``pair_pages`` pairs them."""
    pages = np.random.default_rng(length).permutation(40)[:length]
    following = np.full(40, -1)
    following[pages[:-1]] = pages[1:]
    partners, before = np.full(40, 77), np.full(40, 77)
    cells = SimpleNamespace(first_page=np.array([pages[0] if length else -1]))
    assert pair_pages(0, u, cells, SimpleNamespace(next=following), partners, before) == length
    place = {int(page): q for q, page in enumerate(pages)}
    assert (np.delete(partners, pages) == 77).all()
    return {place[int(page)]: place[int(partners[page])] for page in pages if partners[page] >= 0}


@pytest.mark.parametrize(("shift", "passes"), [(0, True), (1, False)], ids=["as defined", "planted fault"])
def test_pages_of_a_chain_meet_as_defined(shift, passes):
    """Page q of P meets page (K - q) mod P, K = floor(u P), once: listed at the one that comes first. Any length from none to thirty."""
    right = True
    for length in range(31):
        for k in range(length):
            others = {q: (k + shift - q) % length for q in range(length)}
            expected = {q: other for q, other in others.items() if other >= q}
            right = right and pairs_found(fusion_pair.pair_pages, length, (k + 0.5) / length) == expected
    assert right is passes
    assert pairs_found(fusion_pair.pair_pages, 0, 0.5) == {}


@pytest.mark.parametrize(("psi", "node", "factor", "passes"), [
    (150.0, 1.0, 1.0, True), (150.0, 0.4, 0.4, True), (100.0, 1.0, 0.25, True), (150.0, 1.0, 0.8, False), (20.0, 1.0, 0.0, True),
], ids=["full potential", "MFN node", "half potential", "planted fault", "depolarised"])  # fmt: skip
def test_rate_of_fusions(psi, node, factor, passes):
    """Counted as changes of a label that differs everywhere: chance 1 - exp(-r dt) per mitochondrion and step."""
    world = uniform_world(100, mitochondria=96)
    randomise(world)
    world.cells.psi[:] = psi
    world.groups.nodes[:, NODE["fusion"]] = node
    world.mitochondria.damage[:] = 0
    m, slots = world.mitochondria, occupied(world)
    before = m.complex1[slots].copy()
    MODULES["fusion_fission"].PROCESS.advance(world, step_at(0, 300), P._replace(offset_damage=0.0))
    fused = int((m.complex1[slots] != before).sum())
    pages = world.pages.owner[slots // 32]
    crowding = 32 * np.bincount(world.pages.owner[world.pages.owner >= 0])[pages[0]] / 96
    partner = 1.0 / crowding  # share of slots in use
    expected = slots.size * partner * (1.0 - np.exp(-P.fusion_rate * crowding * factor / 12.0)) * (1 - 1 / 96)
    assert bool(abs(fused - expected) < 5 * np.sqrt(2 * expected + 1) + 0.01 * expected) is passes


def test_open_pores_endosomes_and_pairs_of_arrivals_do_not_fuse():
    for flags in (PORE_OPEN, (ENDOSOME << PLACE_SHIFT) | (DONOR_ENDOSOME << CLASS_SHIFT), DONOR_FREE << CLASS_SHIFT):
        world = uniform_world(10, mitochondria=60)
        randomise(world)
        world.mitochondria.flags[occupied(world)] |= flags
        before = world.mitochondria.complex1.copy()
        run(world, ["fusion_fission"], 2)
        assert (world.mitochondria.complex1 == before).all()


def test_an_arrival_fuses_gets_its_flag_and_joins_the_network_and_a_depolarised_one_does_not():
    def arrivals_fused(psi, compatible):
        world = uniform_world(50, mitochondria=60)
        one = occupied(world)[::60]
        world.mitochondria.flags[one] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT)
        world.cells.psi[:, DONOR_FREE] = psi
        world.groups.arrival_fusion[:] = compatible
        run(world, ["fusion_fission"], 0.5, fusion_fission={"uneven_chance": 0.0, "offset_damage": 0.0})
        flags = world.mitochondria.flags[one]
        fused = (flags & FUSED) > 0
        assert (((flags[fused] >> CLASS_SHIFT) & 3) == OWN_NETWORK).all()
        assert (((flags[~fused] >> CLASS_SHIFT) & 3) == DONOR_FREE).all()
        return int(fused.sum())

    expected = 1 - np.exp(-P.fusion_rate * 0.5)
    assert stats.binomtest(arrivals_fused(150.0, 1.0), 50, expected).pvalue > 1e-3
    assert stats.binomtest(arrivals_fused(150.0, 0.3), 50, 1 - np.exp(-0.3 * P.fusion_rate * 0.5)).pvalue > 1e-3
    assert arrivals_fused(150.0, 0.0) == 0
    assert arrivals_fused(40.0, 1.0) == 0


def test_content_mixes_to_the_mean_of_the_cell():
    world = uniform_world(10, mitochondria=80)
    set_copies(world, 4, 0)
    half = occupied(world)[::2]
    world.mitochondria.damage[half] = 30000
    world.mitochondria.copies[half] = (0, 4, 0, 0)
    count_copies(world)
    world.ledger.open(world)
    run(world, ["fusion_fission"], 24, fusion_fission={"offset_damage": 0.0, "uneven_chance": 0.0})
    damage = world.mitochondria.damage[occupied(world)].astype(float)
    assert damage.std() < 300
    share = world.mitochondria.copies[occupied(world), 1] / np.maximum(world.mitochondria.copies[occupied(world)].sum(axis=1), 1)
    assert np.mean((share > 0) & (share < 1)) > 0.6


def test_uneven_fission_isolates_and_drp1_inhibition_prevents_it():
    def isolated(node, h2o2=0.005):
        world = uniform_world(40, mitochondria=80)
        world.groups.nodes[:, NODE["fission"]] = node
        world.cells.h2o2[:] = h2o2
        run(world, ["fusion_fission"], 12)
        return float((classes(world) == OWN_ISOLATED).mean())

    assert 0.04 < isolated(1.0) < 0.15
    assert isolated(0.0) == 0.0
    assert isolated(1.0, h2o2=0.3) > 1.3 * isolated(1.0)


def test_the_damaged_lose_potential_and_are_isolated():
    world = uniform_world(20, mitochondria=60)
    worst = occupied(world)[::20]
    world.mitochondria.damage[worst] = 40000
    run(world, ["fusion_fission"], 6, fusion_fission={"fusion_rate": 0.0})
    offset = world.mitochondria.psi_offset[worst] * 0.01
    assert offset == pytest.approx(P.offset_damage * 40000 / 65535, rel=0.02)
    assert (((world.mitochondria.flags[worst] >> CLASS_SHIFT) & 3) == OWN_ISOLATED).all()
    others = np.setdiff1d(occupied(world), worst)
    assert (((world.mitochondria.flags[others] >> CLASS_SHIFT) & 3) == OWN_NETWORK).all()


def test_mass_keeps_its_mean_and_spread_and_its_bounds():
    world = uniform_world(30, mitochondria=100)
    run(world, ["fusion_fission"], 24)
    mass = world.mitochondria.mass[occupied(world)] / 8192.0
    assert mass.mean() == pytest.approx(1.0, rel=1e-3)
    assert 0.2 < mass.std() < 0.4
    assert mass.min() >= P.smallest_mass - 1e-3
    assert mass.max() <= P.largest_mass


def test_halving_the_step_changes_mixing_little():
    def spread(dt):
        world = uniform_world(200, mitochondria=64, seed=2)
        world.mitochondria.damage[occupied(world)[::2]] = 30000
        run(world, ["fusion_fission"], 0.5, dt=dt, fusion_fission={"offset_damage": 0.0, "uneven_chance": 0.0})
        return world.mitochondria.damage[occupied(world)].astype(float).std()

    assert spread(150) == pytest.approx(spread(INTERVAL["mitochondria"]), rel=0.1)


def test_one_without_membrane_never_fuses_nor_recovers_whatever_its_class_has():
    """Given without potential it lies in a host whose other arrivals are at 150 mV: those fuse, it does not in half a day; it reads 0 mV,
    its damage is not repaired, and mitophagy tags it. Faults seen to fail it, planted in a copy of the package: the flag not read by
    fusion, by repair, or by the potential."""
    from mitoferry.core.handover import potential
    from mitoferry.processes.free_mitochondria import lose_membrane

    world = uniform_world(20, mitochondria=60)
    m = world.mitochondria
    whole, broken = occupied(world)[::60], occupied(world)[1::60]
    m.flags[np.concatenate([whole, broken])] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT)
    for slot in broken:
        lose_membrane(m, int(slot))
    world.cells.psi[:] = 150.0
    world.groups.arrival_fusion[:] = 1.0
    run(world, ["damage", "fusion_fission", "mitophagy"], 12, mitophagy={"basal_rate": 0.0, "pink1_rate": 0.0, "arrival_gain": 0.0})
    assert ((m.flags[whole] & FUSED) > 0).mean() > 0.9
    assert ((m.flags[broken] & FUSED) == 0).all()
    assert (((m.flags[broken] >> CLASS_SHIFT) & 3) == DONOR_FREE).all()
    assert (m.damage[broken] == 65535).all()
    assert (m.damage[whole] < 10000).all()
    assert all(potential(m, world.cells, int(h), int(s)) == 0.0 for s, h in zip(broken, owners(world, broken), strict=True))
    assert ((m.flags[broken] & PINK1) > 0).all()
    assert ((m.flags[whole] & PINK1) == 0).all()


@row
def decided(i, found, wanted, draws, total, terms, cells, mitochondria, p, step):
    """What is left of the draws ``draws[i]`` of the pairs of two pages, decided side by side and one by one; -1 where they do not fuse."""
    left, chosen = lanes(), lanes()
    unsure = Unsure(lanes(), lanes(), lanes(), lanes(), lanes(), lanes())
    first1 = 2 * i * PAGE
    first2 = first1 + PAGE
    shift = int(total[i])
    for k in range(PAGE):
        left[k] = draws[i, k]
        chosen[k] = float(k)
        found[i, k] = -1.0
        s2 = lane(first2, (shift - k) & LAST)
        wanted[i, k] = fused(
            lane(first1, k), s2, draws[i, k], terms[0, RATE], terms[0, SURE], terms[0, COMPATIBLE], cells, 0, mitochondria, p, step
        )
    n = decide(PAGE, first1, first2, shift, left, chosen, unsure, terms, cells, 0, mitochondria, p, step)
    for m in range(n):
        found[i, int(chosen[m])] = left[m]


@pytest.mark.parametrize("compatible", [0.3, 1.0, 1.7])
def test_pairs_decided_side_by_side_are_those_decided_one_by_one(compatible):
    """To every bit; among them pairs just above and just below each bound."""
    n, rng = 3000, np.random.default_rng(3)
    world = uniform_world(1)
    cells, m = world.cells, allocate("Mitochondria", 2 * n * PAGE)
    cells.psi[0] = (151.0, 118.0, 143.0, 99.0)
    kinds = rng.choice(4, len(m.flags), p=[0.6, 0.2, 0.1, 0.1])
    m.flags[:] = OCCUPIED | kinds << CLASS_SHIFT | np.where(rng.uniform(size=len(kinds)) < 0.05, PORE_OPEN, 0)
    m.flags[:] |= np.where(kinds == DONOR_ENDOSOME, ENDOSOME << PLACE_SHIFT, 0).astype(np.uint16)
    m.psi_offset[:] = np.where(rng.uniform(size=len(kinds)) < 0.5, rng.integers(-200, 1500, len(kinds)), rng.integers(0, 9000, len(kinds)))
    rate, hours = 5.0, 300 / 3600
    terms = np.zeros((1, fusion_pair.N_TERMS))
    terms[0, [RATE, SURE, COMPATIBLE]] = rate, 1.0 - np.exp(-rate * fusion_pair.FAR_SHARE * hours), compatible
    draws = rng.uniform(0.0, 1.0 - np.exp(-rate * max(compatible, 1.0) * hours), (n, PAGE))
    draws[: n // 2] = rng.uniform(0.97, 1.02, (n // 2, PAGE)) * terms[0, SURE]  # in between, where little is left to fuse for
    found, wanted = np.zeros((n, PAGE)), np.zeros((n, PAGE))
    total = rng.integers(0, PAGE, n)
    world.backend.each(decided, n, found, wanted, draws, total, terms, cells, m, P, step_at(0, 300.0))
    assert (found == wanted).all()
    sure = draws < terms[0, SURE]
    assert (wanted[sure] >= 0.0).any()
    assert (wanted[sure] < 0.0).any()
    assert ((wanted >= 0.0) & ~sure).sum() > 50
    assert wanted.max() <= 1.0
