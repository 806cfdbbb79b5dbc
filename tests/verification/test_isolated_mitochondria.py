"""Isolated mitochondria: born as asked for, booked, taken up at the rates of all free ones (F1, F9), washed, centrifuged, switched off."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fates import module, rest, rows_of, shared_backend, slots_of, values
from mitoferry.core.events import EVENT_LOADED, EVENT_WASHED
from mitoferry.core.nodes import NODE_HEPARAN_SULFATE, NODE_MACROPINOCYTOSIS
from mitoferry.core.plate_spec import ISOLATED, Action, Arm, Dose, Geometry, PlateSpec, spec_from_plain, spec_to_plain
from mitoferry.core.schema import BROKEN, IN_TRANSIT, LABEL_SCALE, PLACE_MASK, PLACE_SHIFT, ROUTE_INJECTION, ROUTE_MASK, ROUTE_SHIFT, Step
from mitoferry.experiment.loop import Engine
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest
from worlds import cell_type, make_spec, make_world, population

ALPHA = 1e-5
DISH = Geometry(size=(200.0, 200.0, 20.0), medium_height=100.0)


def dose(count=2000, *, number=0, start=0.0, viability=0.6, **changes):
    changes.setdefault("genetic_label", True)
    spin, washout = changes.pop("spin", 0.0), changes.pop("washout", float("inf"))
    source = population("isolated_mitochondria", ISOLATED + number, count=count, role="donor", numbers=cell_type("source"), **changes)
    return Dose(source=source, viability=viability, start=start, spin=spin, washout=washout)


def wash(at):
    return Action(kind="wash", key="", value=0.0, start=at, end=at)


def world_of(*doses, actions=(), geometry=DISH, count=10, uptake=1.0, backend=None, replicates=1, seed=1):
    """Ten cells of 40 mitochondria, with doses and washes to come."""
    world = make_world(
        [population("recipient", 0, count=count, numbers=cell_type(mitochondria=40.0, mtdna=200.0, cell_cv=0.0, uptake=uptake))],
        backend=backend or shared_backend(), geometry=geometry, seed=seed, replicates=replicates,
    )  # fmt: skip
    rest(world)
    arm = world.spec.arms[0]
    world.spec = replace(world.spec, arms=(replace(arm, doses=doses, actions=tuple(actions)),))
    world.parameters["isolated_mitochondria"] = values("isolated_mitochondria")
    return world


def run(world, minutes, *, also=(), start=0, keep=None):
    """The process for some macro-steps, with ``also`` (name, parameters) after it; the ledger is checked at the end."""
    for k in range(start, start + minutes):
        step = Step(k, 60 * k, 60.0 * k, 60.0)
        for name, p in (("isolated_mitochondria", world.parameters["isolated_mitochondria"]), *also):
            module(name).advance(world, step, p)
        if keep is not None:
            keep(world)
        world.events.count[0] = 0
    world.ledger.check(world, "isolated_mitochondria", 0)


def free(world, well=0):
    return int(world.cells.n_mitochondria[world.pool(well, 1)])


# ---------------------------------------------------------------------- the dose
def test_a_dose_is_born_as_asked_for_and_booked():
    world = world_of(dose(2000, haplotypes=(0.0, 1.0, 0.0, 0.0)))
    seen = []
    run(world, 1, keep=lambda w: seen.extend(zip(w.events.kind[: w.events.count[0]], w.events.route[: w.events.count[0]], strict=True)))
    m, slots = world.mitochondria, slots_of(world, world.pool(0, 1))
    assert len(slots) == free(world) == 2000
    assert set(seen) == {(EVENT_LOADED, ROUTE_INJECTION)}
    assert len(seen) == 2000
    assert set(m.birth[slots]) == {(ISOLATED << 24) + 1}
    assert sorted(m.ordinal[slots]) == list(range(1, 2001))
    assert (((m.flags[slots] >> ROUTE_SHIFT) & ROUTE_MASK) == ROUTE_INJECTION).all()
    assert (((m.flags[slots] >> PLACE_SHIFT) & PLACE_MASK) == IN_TRANSIT).all()
    assert (m.label[slots] == round(1 / LABEL_SCALE)).all()
    assert m.copies[slots].sum(axis=0)[[0, 2, 3]].sum() == 0
    assert stats.norm.sf(abs(m.copies[slots, 1].mean() - 5.0) / (np.sqrt(5.0 * 0.75) / np.sqrt(2000))) > ALPHA
    books = world.wells.ledger[0]
    assert books[0] == 2000
    assert books[3] == m.mass[slots].astype(int).sum()
    assert books[6] == m.copies[slots, 1].astype(int).sum()
    assert world.cells.received.sum() == 0


@pytest.mark.parametrize(("viability", "fault"), [(0.6, 0.0), (0.0, 0.0), (1.0, 0.0), (0.6, 0.1)])
def test_the_viable_have_a_potential_the_others_are_dead(viability, fault):
    world = world_of(dose(3000, viability=viability))
    run(world, 1)
    m, slots = world.mitochondria, slots_of(world, world.pool(0, 1))
    dead = m.damage[slots] == 65535
    assert (stats.binomtest(int((~dead).sum()), 3000, viability + fault).pvalue > ALPHA) == (fault == 0.0)
    assert ((m.flags[slots] & BROKEN != 0) == dead).all()
    assert (m.psi_offset[slots[dead]] == 0).all()
    assert (m.psi_offset[slots[~dead]] == -15600).all()
    assert (m.damage[slots[~dead]] < 6553).all()


def test_slots_used_before_are_clean():
    world = world_of(dose(200))
    for name in ("bound1", "bound3", "adducts", "psi_offset", "depolarised", "pore", "motor"):
        column = getattr(world.mitochondria, name)
        column[(world.mitochondria.flags & 1) == 0] = 7
    world.parameters["isolated_mitochondria"] = values("isolated_mitochondria")
    run(world, 1)
    m, slots = world.mitochondria, slots_of(world, world.pool(0, 1))
    assert all((getattr(m, name)[slots] == 0).all() for name in ("bound1", "bound3", "adducts", "depolarised", "pore"))
    assert (m.motor[slots] == 1).all()


def test_doses_come_when_due_each_with_ids_of_its_own():
    world = world_of(dose(100), dose(50, number=1, start=90.0), dose(30, number=2, start=240.0))
    counts = []
    run(world, 6, keep=lambda w: counts.append(free(w)))
    assert counts == [100, 100, 150, 150, 180, 180]  # one due at 90 s comes with the step at 120 s
    m, slots = world.mitochondria, slots_of(world, world.pool(0, 1))
    assert len(set(zip(m.birth[slots], m.ordinal[slots], strict=True))) == 180


# ---------------------------------------------------------------------- uptake
def clearance(world, p, *, settling=1.0, nodes=1.0):
    """Rate [1/h] at which one free mitochondrion is taken up by all cells, by the formula."""
    radius = world.cells.radius[rows_of(world)].astype(float)
    k = 3600.0 * p.clearance + settling * p.settling_speed * p.settled_chance * np.pi * radius**2
    energy = 1.0 / (1.0 + p.atp_half**2)
    return float((k * nodes * energy).sum()) / 4e6


@pytest.mark.parametrize("fault", [1.0, 1.25])
def test_f1_mitochondria_per_cell_are_poisson(fault):
    """Well-stirred uptake of a dose: binomial in all, Poisson and evenly spread over the cells (Fano factor 1)."""
    world = world_of(dose(4000, viability=1.0), count=40)
    p = values("free_mitochondria", lysis_rate=0.0)
    run(world, 30, also=(("free_mitochondria", p),))
    taken = world.cells.received[rows_of(world)]
    gone = 1 - np.exp(-fault * clearance(world, p) * 0.5)
    assert taken.sum() == 4000 - free(world)
    assert (stats.binomtest(int(taken.sum()), 4000, gone).pvalue > ALPHA) == (fault == 1.0)
    spread = ((taken - taken.mean()) ** 2).sum() / taken.mean()
    assert ALPHA < stats.chi2.cdf(spread, len(taken) - 1) < 1 - ALPHA


@pytest.mark.parametrize(
    ("node", "value", "share"),
    [(NODE_MACROPINOCYTOSIS, 0.0, "macropinocytosis_share"), (NODE_HEPARAN_SULFATE, 0.0, "heparan_sulfate_share"),
     (NODE_MACROPINOCYTOSIS, 0.5, "macropinocytosis_share")],
)  # fmt: skip
def test_f9_each_way_in_can_be_taken_away_by_its_share(node, value, share):
    world = world_of(dose(4000, viability=1.0))
    p = values("free_mitochondria", lysis_rate=0.0)
    world.groups.nodes[:, node] = value
    run(world, 30, also=(("free_mitochondria", p),))
    left = 1 - getattr(p, share) * (1 - value)
    chances = [1 - np.exp(-clearance(world, p, nodes=n) * 0.5) for n in (left, 1.0)]
    taken = int(world.cells.received.sum())
    assert stats.binomtest(taken, 4000, chances[0]).pvalue > ALPHA
    assert stats.binomtest(taken, 4000, chances[1]).pvalue < ALPHA  # planted fault: the node is not read


def test_both_shares_taken_away_leave_their_product_and_at_rest_nothing_changes():
    free_mitochondria = module("free_mitochondria")
    world, p = world_of(), values("free_mitochondria")
    assert free_mitochondria.entry_nodes(world.groups, 0, p) == 1.0
    world.groups.nodes[:, [NODE_MACROPINOCYTOSIS, NODE_HEPARAN_SULFATE]] = 0.0
    assert free_mitochondria.entry_nodes(world.groups, 0, p) == pytest.approx(
        (1 - p.macropinocytosis_share) * (1 - p.heparan_sulfate_share)
    )


@pytest.mark.parametrize(("spin", "settling"), [(0.0, 1.0), (600.0, 10.0)])
def test_a_centrifuge_speeds_up_the_settling_while_it_runs(spin, settling):
    world = world_of(dose(4000, viability=1.0, spin=spin))
    p = values("free_mitochondria", lysis_rate=0.0)
    run(world, 20, also=(("free_mitochondria", p),))
    total = (clearance(world, p, settling=settling) + clearance(world, p)) / 6  # ten minutes each
    assert stats.binomtest(int(world.cells.received.sum()), 4000, 1 - np.exp(-total)).pvalue > ALPHA


def test_dead_ones_come_in_sick():
    from mitoferry.core.schema import SICK_ON_ARRIVAL

    world = world_of(dose(2000, viability=0.0))
    run(world, 30, also=(("free_mitochondria", values("free_mitochondria", lysis_rate=0.0)),))
    came = np.concatenate([s[world.mitochondria.birth[s] >> 24 == ISOLATED] for s in (slots_of(world, r) for r in rows_of(world))])
    assert len(came) > 50
    assert (world.mitochondria.flags[came] & SICK_ON_ARRIVAL != 0).all()


# ---------------------------------------------------------------------- washes and flow
def test_a_wash_takes_what_is_free_and_books_it():
    world = world_of(dose(500), actions=[wash(120.0)])
    seen = []
    run(world, 4, keep=lambda w: seen.extend(w.events.kind[: w.events.count[0]]))
    assert free(world) == 0
    assert seen.count(EVENT_WASHED) == 500
    books = world.wells.ledger[0]
    assert (books[0], books[2]) == (500, 500)
    assert books[3] == books[4] > 0
    assert (books[5:9] == books[9:13]).all()
    assert world.cells.first_page[world.pool(0, 1)] == -1


def test_a_wash_spares_what_is_inside_cells_and_doses_of_the_same_moment():
    world = world_of(dose(2000), dose(70, number=1, start=1200.0), actions=[wash(1200.0)])
    run(world, 20, also=(("free_mitochondria", values("free_mitochondria")),))
    inside = int(world.cells.n_mitochondria[rows_of(world)].sum())
    assert inside > 400
    run(world, 1, start=20)
    assert free(world) == 70
    assert int(world.cells.n_mitochondria[rows_of(world)].sum()) == inside


@pytest.mark.parametrize("fault", [1.0, 1.5])
def test_the_flow_through_a_block_halves_them(fault):
    block = Geometry(kind="block", size=(100.0, 100.0, 100.0))
    world = world_of(dose(4000, washout=1800.0), geometry=block, uptake=0.0)
    run(world, 61)
    left = np.exp(-fault * np.log(2) * 2)
    assert (stats.binomtest(free(world), 4000, left).pvalue > ALPHA) == (fault == 1.0)
    assert world.wells.ledger[0, 2] == 4000 - free(world)


def test_planted_fault_a_dose_that_is_not_booked_is_caught():
    from mitoferry.base.errors import LedgerError

    world = world_of(dose(10))
    module("isolated_mitochondria").advance(world, Step(0, 0, 0.0, 60.0), world.parameters["isolated_mitochondria"])
    world.cells.tally[world.pool(0, 1), 0] -= 1
    with pytest.raises(LedgerError, match="1 balances are off"):
        world.ledger.check(world, "isolated_mitochondria", 0)


# ---------------------------------------------------------------------- in the loop
def arm_with(spec, *doses, actions=()):
    return replace(spec, arms=(replace(spec.arms[0], doses=doses, actions=tuple(actions)),))


def final(spec, backend=None, processes=("isolated_mitochondria", "free_mitochondria", "mitochondria_release", "phagocytosis")):
    spec = replace(spec, until=60 * 6, switches={"mitochondria_release": "off", **spec.switches})
    found = [p for p in Engine(spec, backend or shared_backend()).processes if p.name in processes]
    engine = Engine(spec, backend or shared_backend(), processes=found)
    engine.burn_in(60)
    while not engine.finished:
        engine.advance()
    arrays, _ = snapshot(engine.world)
    return digest(arrays), engine


def small():
    numbers = cell_type(mitochondria=10.0, mtdna=50.0)
    return make_spec([population("recipient", 0, count=3, numbers=numbers)], geometry=Geometry(size=(60.0, 60.0, 20.0), medium_height=30.0))


def test_switched_off_is_as_without():
    plain, engine = final(small())
    assert "isolated_mitochondria" not in {p.name for p in engine.processes}  # not wanted: neither run nor compiled
    dosed = arm_with(small(), dose(50, spin=600.0))
    assert final(replace(dosed, switches={"isolated_mitochondria": "off"}))[0] == plain
    assert final(dosed)[0] != plain


def test_same_bytes_on_every_backend():
    from mitoferry.backends.cpu import Cpu
    from mitoferry.backends.reference import Reference

    spec = arm_with(small(), dose(60, spin=120.0), dose(40, number=1, start=120.0, washout=600.0), actions=[wash(240.0)])
    found = [final(spec, b)[0] for b in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3))]
    assert all(f == found[0] for f in found)


def test_doses_survive_the_plain_form_of_a_specification():
    import json

    spec = arm_with(small(), dose(50, spin=60.0), dose(5, number=1, washout=600.0))
    assert isinstance(spec, PlateSpec)
    assert isinstance(spec.arms[0], Arm)
    assert spec_from_plain(json.loads(json.dumps(spec_to_plain(spec)))) == spec


def test_dye_of_a_dose_leaks_though_no_population_is_stained():
    dye = module("dye").PROCESS.wanted
    assert not dye(arm_with(small(), dose(5)))
    assert dye(arm_with(small(), dose(5, tracker=1.0)))
