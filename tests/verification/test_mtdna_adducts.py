"""Adducts of mtDNA: closed forms of rise and fall, what they do to complexes, replication and oxidants; fusion conserves them.

Faults seen to fail these tests, planted in a copy of the package: the drug held not read (``drug_retention``); new copies made of adducted
ones as well (no 1 - b in ``replication_rate``); adducts that a resting cell takes off in a day; expression of the network without 1 - b;
a mitochondrion apart that follows the network's adducts; partners of a fusion that keep their own shares; adducts taken up in endosomes;
leak that does not ask for the chains that are left.
"""

import numpy as np
import pytest

from fates import cells_world, module, rows_of, values
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import (
    CLASS_SHIFT,
    COMPLEX_SCALE,
    DONOR_ENDOSOME,
    ENDOSOME,
    OCCUPIED,
    OWN_ISOLATED,
    PLACE_SHIFT,
    SUM_COUNT,
    SUM_DEHYDROGENASE,
    SUM_ETC,
    SUM_MASS,
    Step,
)
from mitoferry.processes import fusion_content, mtdna, mtdna_adducts
from quality_worlds import count_copies, occupied, parameters, rows, run, set_copies, uniform_world


def world_of(cells=40, mitochondria=20, copies=10, **changes):
    return uniform_world(cells, mitochondria=mitochondria, copies=copies, switches={"mitophagy": "off"}, **changes)


def with_adducts(world, share):
    """All mitochondria with that share of adducted copies, and the cells' own count of it."""
    world.mitochondria.adducts[occupied(world)] = round(255 * share)
    world.cells.mtdna_adducts[rows(world)] = share
    world.backend.push(world.mitochondria, world.cells)
    return world


def mean_share(world, slots=None):
    slots = occupied(world) if slots is None else slots
    return float(world.mitochondria.adducts[slots].mean()) / 255.0


@pytest.mark.parametrize(("held", "fault"), [(1.0, 1.0), (2.0, 1.0), (1.0, 1.1)])
@pytest.mark.parametrize("dt", [600, 7200])
def test_a_drug_fills_copies_like_free_sites(held, fault, dt):
    """Nothing renewed: b = 1 - exp(-k R t), at any step, whether the cells cycle or not."""
    world = world_of()
    world.groups.nodes[:, NODE["mtdna_replication"]] = 0.0
    world.groups.nodes[:, NODE["mtdna_adducts"]] = 0.05
    world.cells.drug_retention[rows(world)] = held
    world.parameters["mtdna"] = values("mtdna")
    run(world, ["mtdna_adducts"], 10, dt=dt)
    expected = 1.0 - np.exp(-0.05 * held * fault * 10.0)
    assert (abs(mean_share(world) - expected) < 2e-3) == (fault == 1.0)
    assert world.cells.mtdna_adducts[rows(world), 0].mean() == pytest.approx(mean_share(world), abs=2e-3)
    assert (world.cells.mtdna_adducts[rows(world), 1:] == 0.0).all()


@pytest.mark.parametrize("fault", [1.0, 2.0])
def test_adducts_leave_with_the_turnover_of_mtdna_made_from_intact_copies(fault):
    """At the set point copies are renewed at mu (1 - b): b/(1 - b) falls by exp(-mu t)."""
    world = world_of(200)
    set_copies(world, 10)
    with_adducts(world, 0.8)
    p = world.parameters["mtdna"] = values("mtdna")
    run(world, ["mtdna_adducts"], 240)
    odds = 0.8 / 0.2 * np.exp(-p.turnover_rate * fault * 240.0)
    assert (abs(mean_share(world) - odds / (1.0 + odds)) < 5e-3) == (fault == 1.0)


def test_rest_is_exact():
    """Without a drug and without adducts no byte changes, here or in what reads them."""
    world = world_of()
    world.parameters["mtdna"] = values("mtdna")
    before = [c.tobytes() for t in (world.cells, world.mitochondria) for c in t]
    run(world, ["mtdna_adducts"], 24)
    assert [c.tobytes() for t in (world.cells, world.mitochondria) for c in t] == before


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_complexes_tend_to_what_intact_copies_express(share):
    world = with_adducts(world_of(), share)
    p = run(world, ["mtdna"], 48)["mtdna"]
    b = round(255 * share) / 255.0
    expected = (1.0 - b) + b * np.exp(-48 / p.expression_time)
    for name in ("complex1", "complex34", "complex5"):
        assert float(getattr(world.mitochondria, name)[occupied(world)].mean()) * COMPLEX_SCALE == pytest.approx(expected, rel=0.03)


def test_one_apart_lives_by_its_own_adducts():
    world = world_of()
    apart = occupied(world)[::20]
    world.mitochondria.flags[apart] = OCCUPIED | (OWN_ISOLATED << CLASS_SHIFT)
    world.mitochondria.adducts[apart] = 255
    world.backend.push(world.mitochondria)
    p = run(world, ["mtdna"], 48)["mtdna"]
    others = np.setdiff1d(occupied(world), apart)
    e = {name: float(world.mitochondria.complex34[slots].mean()) * COMPLEX_SCALE for name, slots in (("apart", apart), ("others", others))}
    assert e["apart"] == pytest.approx(np.exp(-48 / p.expression_time), rel=0.03)
    assert e["others"] == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_adducted_copies_are_no_templates(share):
    """The rate of replication is linear in the intact copies of the network."""
    world, p = world_of(4), values("mtdna")
    intact = mtdna.replication_rate(rows(world)[0], world.cells, world.groups, 200, 0, 0.0, 1.0, p)
    with_adducts(world, share)
    assert intact == pytest.approx(p.turnover_rate, rel=1e-6)
    found = mtdna.replication_rate(rows(world)[0], world.cells, world.groups, 200, 0, 0.0, 1.0, p)
    assert found == pytest.approx((1.0 - share) * intact, abs=1e-9)


def test_only_mitochondria_in_the_cytosol_take_adducts():
    world = world_of()
    inside = occupied(world)[::4]
    world.mitochondria.flags[inside] = OCCUPIED | (ENDOSOME << PLACE_SHIFT) | (DONOR_ENDOSOME << CLASS_SHIFT)
    world.groups.nodes[:, NODE["mtdna_adducts"]] = 0.5
    world.parameters["mtdna"] = values("mtdna")
    run(world, ["mtdna_adducts"], 24)
    assert (world.mitochondria.adducts[inside] == 0).all()
    assert mean_share(world, np.setdiff1d(occupied(world), inside)) > 0.95
    assert (world.cells.mtdna_adducts[rows(world), 3] == 0.0).all()


def test_fusion_conserves_the_number_of_adducted_copies():
    """Shares are pooled before copies are dealt: the sum over copies keeps its mean, and intact arrivals dilute the poisoned ones."""
    world = world_of(300, 8, 10)
    slots = occupied(world)
    rng = np.random.default_rng(2)
    world.mitochondria.copies[slots, 0] = rng.integers(1, 30, slots.size)
    world.mitochondria.adducts[slots] = rng.choice([0, 60, 255], slots.size)
    count_copies(world)
    m = world.mitochondria
    for k in range(20):
        rng.shuffle(slots)
        for s1, s2 in slots.reshape(-1, 2):
            before = int(m.copies[s1, 0]) * int(m.adducts[s1]) + int(m.copies[s2, 0]) * int(m.adducts[s2])
            n = int(m.copies[s1, 0]) + int(m.copies[s2, 0])
            fusion_content.deal_copies(s1, s2, 1, 2, m, Step(k, 60 * k, 60.0 * k, 60.0))
            after = int(m.copies[s1, 0]) * int(m.adducts[s1]) + int(m.copies[s2, 0]) * int(m.adducts[s2])
            assert abs(after - before) <= n
    total = (m.copies[slots, 0].astype(float) * m.adducts[slots]).sum() / m.copies[slots, 0].sum()
    assert np.std(m.adducts[slots].astype(float)) < 15.0
    assert abs(total - m.adducts[slots].mean()) < 1.0


@pytest.mark.parametrize("fault", [1.0, 1.1])
def test_chains_without_the_subunits_of_mtdna_leak_electrons(fault):
    """Linear in the share of adducts and in the chains that are left; nothing in a class without chains."""
    oxidants, made = module("reactive_oxygen"), {}
    p = values("reactive_oxygen")
    for share, chains in ((0.0, 1.0), (0.4, 1.0), (0.8, 1.0), (0.8, 0.5), (0.8, 0.0)):
        world = cells_world(1)
        r = rows_of(world)[0]
        world.cells.sums[r, 0, [SUM_COUNT, SUM_MASS, SUM_DEHYDROGENASE]] = 100 << 20
        world.cells.sums[r, 0, SUM_ETC] = int(chains * 100) << 20
        world.cells.nadh[r] = 0.8
        base = oxidants.cell_production(r, world.cells, world.groups, p)
        world.cells.mtdna_adducts[r, 0] = share
        made[share, chains] = oxidants.cell_production(r, world.cells, world.groups, p) - base
    air = 190.0 / (p.oxygen_half + 190.0)
    expected = p.adduct_factor * oxidants.resting_unit_production(p) * 0.4 * 100 * 0.8 * air * fault
    assert (made[0.4, 1.0] == pytest.approx(expected, rel=1e-4)) == (fault == 1.0)
    assert made[0.8, 1.0] == pytest.approx(2 * made[0.4, 1.0], rel=1e-4)
    assert made[0.8, 0.5] == pytest.approx(made[0.4, 1.0], rel=1e-4)
    assert made[0.0, 1.0] == made[0.8, 0.0] == 0.0


def test_platinum_drugs_act_on_mtdna_by_adducts_alone():
    """So that what they do to mtDNA is a matter of the copies that they met, and stays when they are gone."""
    from mitoferry.library.interventions import load_drugs

    for name in ("cisplatin", "carboplatin"):
        nodes = {e.key for e in load_drugs()[name].effects()}
        assert "mtdna_adducts" in nodes
        assert not nodes & {"mtdna_replication", "mtdna_transcription", "etc_expression", "redox_cycling"}


def test_wanted_only_where_an_agent_makes_them():
    class Spec:
        def acts_on(self, *nodes):
            return "mtdna_adducts" in nodes and self.given

    spec = Spec()
    for given in (True, False):
        spec.given = given
        assert mtdna_adducts.wanted(spec) is given
    assert parameters(None, "mtdna_adducts", mtdna_adducts.Parameters).removal == 0.0
