"""Cells prepared in a dish of their own: who is moved and what goes along, balances, places, pairs of arms, tubes, bytes, resume.

Faults seen to fail it, planted in a copy of the package: who leaves drawn by the row; cells that have released cytochrome c leave as well;
all leave; the first by id leave; a step late; into the well of another replicate; pages that stay with the old row; a cell that stays in
its row; individuals or mass not booked where they come in; places of the dish kept; the places of seeding in the dish, too; outlines of
the dish kept; counts of the dish kept; daughters' ids counted anew; cells of a graft that enter without it.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fates import final, module, settled, shared_backend, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.events import EVENT_HANDOVER, EVENT_MOVED_IN, EVENT_MOVED_OUT
from mitoferry.core.plate_spec import Action, Graft, Preparation, spec_from_plain, spec_to_plain
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_EMPTY,
    CELL_LIVE,
    CELL_MOMP,
    CELL_WAITING,
    LINK_EMPTY,
    OCCUPIED,
    PAGE,
    TALLY_MOVED_IN,
    TALLY_MOVED_OUT,
    Step,
)
from mitoferry.processes.cell_columns import NEW_IN_WELL
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import restore, snapshot
from mitoferry.studies.run import digest
from worlds import cell_type, make_spec, population

ALPHA = 1e-5
SMALL = cell_type(mitochondria=3.0, mtdna=15.0, cell_cv=0.3)
RECIPIENT, DONOR, NEURON = 0, 1, 2
PLACED = {"x", "y", "z", "ux", "uy", "radius", "layer", "well", "group", "state", "added"}


def plate(
    *,
    moved=40,
    kept=60,
    recipients=10,
    neurons=20,
    end=60.0,
    numbers=SMALL,
    arms=("primed",),
    discard=False,
    size=2000.0,
    room=None,
    **changes,
):
    """Arms with recipients and ``moved`` donors of a dish of ``kept``; an arm "plain" has seeded donors that come at the same time."""
    first = population("recipient", RECIPIENT, count=recipients, numbers=numbers)
    donors = population("donor", DONOR, count=moved, numbers=numbers, added=end)
    spec = make_spec([first, donors], size=size, **changes)
    one = spec.arms[0]
    main, dishes = [], []
    for name in arms:
        prepared = name != "plain"
        main.append(replace(one, name=name, populations=(first, replace(donors, from_dish=prepared))))
        if prepared:
            held = (replace(donors, count=kept, added=0.0), population("neuron", NEURON, count=neurons, role="recipient", numbers=numbers))
            over = Action(kind="take_out", key="", value=1.0, start=end, end=end, populations=(DONOR, NEURON), cause="end of the dish")
            dish = replace(one, name=f"{name}.donor", populations=held, prepares=Preparation(arm=name, population=DONOR, end=end))
            geometry = one.geometry if room is None else replace(one.geometry, size=(room, room, 20.0))
            dishes.append(replace(dish, geometry=geometry, actions=(over,) if discard else ()))
    return replace(spec, arms=(*main, *dishes))


def world_of(*, backend=None, **changes):
    spec = plate(**changes)
    from mitoferry.experiment.plate import build_world

    world = build_world(spec, backend or shared_backend(), with_space=False)
    world.ledger.open(world)
    return world


def step_of(k):
    return Step(k, 60 * k, 60.0 * k, 60.0)


def advance(world, k=1):
    world.events.count[0] = 0
    world.tick = 60 * k
    module("preparation").advance(world, step_of(k), values("preparation"))
    world.ledger.check(world, "preparation", 60 * k)


def rows(world, who, well, states=()):
    c, n = world.cells, world.n_cells
    found = (c.population[:n] == who) & (c.well[:n] == well)
    return np.flatnonzero(found & (np.isin(c.state[:n], states) if states else c.state[:n] != CELL_EMPTY))


def held_by(world, i):
    """Records of all mitochondria of a row, sorted."""
    page, found = int(world.cells.first_page[i]), []
    m = world.mitochondria
    while page >= 0:
        for slot in range(PAGE * page, PAGE * (page + 1)):
            if m.flags[slot] & OCCUPIED:
                found.append(tuple(np.asarray(column[slot]).tobytes() for column in m))
        page = int(world.pages.next[page])
    return sorted(found)


# ---------------------------------------------------------------------- who
def test_as_many_as_are_asked_for_are_moved_and_the_rest_stays():
    world = world_of(moved=40, kept=60)
    assert len(rows(world, DONOR, 0)) == 0
    advance(world)
    assert len(rows(world, DONOR, 0)) == 40
    assert len(rows(world, DONOR, 1)) == 20
    assert len(rows(world, NEURON, 1)) == 20
    assert len(rows(world, NEURON, 0)) == 0
    ids = [set(world.cells.id[rows(world, DONOR, w)].tolist()) for w in (0, 1)]
    assert not ids[0] & ids[1]


def test_all_that_live_where_they_are_fewer():
    world = world_of(moved=40, kept=15)
    advance(world)
    assert (len(rows(world, DONOR, 0)), len(rows(world, DONOR, 1))) == (15, 0)


def test_dying_cells_and_corpses_stay():
    world = world_of(moved=60, kept=60)
    there = rows(world, DONOR, 1)
    world.cells.state[there[:30]] = np.repeat((CELL_MOMP, CELL_APOPTOTIC, CELL_DEAD_NECROTIC), 10)
    advance(world)
    assert len(rows(world, DONOR, 0)) == 30
    assert (world.cells.state[rows(world, DONOR, 0)] == CELL_LIVE).all()
    assert rows(world, DONOR, 1).tolist() == there[:30].tolist()


def test_only_in_the_macro_step_in_which_it_is_due():
    world = world_of(end=150.0)
    seen = []
    for k in range(6):
        advance(world, k)
        seen.append(len(rows(world, DONOR, 0)))
    assert seen == [0, 0, 0, 40, 40, 40]


@pytest.mark.parametrize("fault", [0.0, 0.1])
def test_every_cell_is_as_likely_to_be_taken(fault):
    """Over wells, cells with low and with high ids leave alike (Fisher, 1e-5); planted: the first cells leave more often."""
    world = world_of(moved=40, kept=80, replicates=60, recipients=1, neurons=0)
    advance(world)
    taken = np.concatenate([world.cells.id[rows(world, DONOR, w)] & 0xFFFFFF for w in range(60)])
    early = int((taken <= 40).sum()) + round(fault * len(taken))
    table = [[early, len(taken) - early], [60 * 40 - early, 60 * 40 - (len(taken) - early)]]
    assert (stats.fisher_exact(table).pvalue > ALPHA) == (fault == 0.0)


def test_arms_are_paired_and_replicates_are_not():
    """The same cells leave in every arm, whatever else is in the dish or the well; other wells draw for themselves."""
    world = world_of(moved=40, kept=60, arms=("one", "two"), replicates=2)
    advance(world)
    taken = [world.cells.id[rows(world, DONOR, w)].tolist() for w in range(4)]
    assert taken[0] == taken[2]
    assert taken[1] == taken[3]
    assert taken[0] != taken[1]
    alone = world_of(moved=40, kept=60, neurons=0, recipients=3)
    advance(alone)
    assert alone.cells.id[rows(alone, DONOR, 0)].tolist() == taken[0]
    fewer = world_of(moved=10, kept=60)
    advance(fewer)
    assert set(fewer.cells.id[rows(fewer, DONOR, 0)].tolist()) < set(taken[0])


# ---------------------------------------------------------------------- what goes along
def test_a_cell_keeps_every_column_and_every_mitochondrion():
    """Each column but those that say where it lies or count what happened in a well; each record of each mitochondrion, to the byte."""
    world = world_of(moved=30, kept=30)
    there = rows(world, DONOR, 1)
    rng = np.random.default_rng(1)
    for name, column in world.cells._asdict().items():
        if column.dtype.kind == "f" and name not in PLACED:
            column[there] = rng.uniform(0.1, 1.0, column[there].shape)
    slots = PAGE * world.cells.first_page[there]
    world.mitochondria.birth[slots] = (NEURON << 24) + 1 + np.arange(len(there))  # mitochondria of the others of the dish
    world.cells.received[there] = world.cells.donated[there] = 7
    world.mitochondria.damage[slots], world.mitochondria.label[slots] = 999, 77
    before = {int(world.cells.id[i]): ({n: np.array(c[i]) for n, c in world.cells._asdict().items()}, held_by(world, i)) for i in there}
    advance(world)
    now = rows(world, DONOR, 0)
    assert sorted(world.cells.id[now].tolist()) == sorted(before)
    for i in now:
        columns, held = before[int(world.cells.id[i])]
        assert held_by(world, i) == held
        assert world.cells.n_mitochondria[i] == len(held)
        for name, value in columns.items():
            if name in NEW_IN_WELL or name in PLACED:
                continue
            assert np.asarray(getattr(world.cells, name)[i]).tobytes() == value.tobytes(), name
        assert world.cells.received[i] == world.cells.donated[i] == 0
        assert world.cells.added[i] == 60


def test_nothing_of_the_other_cells_changes():
    world = world_of(moved=30, kept=50)
    advance_rows = rows(world, DONOR, 1)
    before = {name: np.array(column) for name, column in world.cells._asdict().items()}
    n = world.n_cells
    advance(world)
    kept = np.setdiff1d(np.arange(n), advance_rows[world.cells.state[advance_rows] == CELL_EMPTY])
    for name, column in world.cells._asdict().items():
        assert column[kept].tobytes() == before[name][kept].tobytes(), name


def test_a_row_that_was_left_holds_nothing_and_counts_nowhere():
    from mitoferry.assays.base import View

    world = world_of(moved=30, kept=30, neurons=5)
    there = rows(world, DONOR, 1)
    advance(world)
    assert (world.cells.first_page[there] == -1).all()
    assert world.cells.n_mitochondria[there].sum() == 0
    view = View(world, DONOR)
    assert view.per_well(view.ever()).tolist() == [30, 0]


def test_ids_of_later_daughters_do_not_clash():
    world = world_of(moved=30, kept=30)
    world.wells.n_born[1, DONOR] = 37
    advance(world)
    assert world.wells.n_born[0, DONOR] == 37
    assert world.wells.n_born[0, RECIPIENT] == 10


# ---------------------------------------------------------------------- where
def test_places_are_those_of_seeding_and_not_those_of_the_dish():
    """A cell lies where it is seeded in an arm without the preparation, as spread; its place in the dish says nothing (Spearman, 1e-5)."""
    flat = replace(SMALL, height=3.0)
    world = world_of(moved=300, kept=300, arms=("primed", "plain"), neurons=0, numbers=flat, room=500.0)
    assert world.groups.radius[2 * world.n_populations] < world.groups.radius[1]  # less room to spread in the dish
    dish = rows(world, DONOR, 2)
    in_dish = {int(world.cells.id[i]): float(world.cells.x[i]) for i in dish}
    advance(world)
    c = world.cells
    here, there = (r[np.argsort(c.id[r])] for r in (rows(world, DONOR, 0), rows(world, DONOR, 1)))
    for name in ("x", "y", "ux", "uy", "radius", "demand", "target_mitochondria"):
        assert getattr(c, name)[here] == pytest.approx(getattr(c, name)[there], rel=1e-6 if name == "radius" else 0.0), name
    x = [in_dish[int(i)] for i in c.id[here]]
    assert stats.spearmanr(x, c.x[here]).pvalue > ALPHA
    assert stats.kstest(x, "uniform", (0.0, 500.0)).pvalue > ALPHA
    assert stats.spearmanr(c.x[here], c.x[here]).pvalue < ALPHA  # the test would see it


# ---------------------------------------------------------------------- balances
def test_what_is_moved_is_booked_out_and_in():
    world = world_of(moved=40, kept=60)
    opening = world.ledger.count(world)
    advance(world)
    books, now = world.wells.ledger, world.ledger.count(world)
    n = int(world.cells.n_mitochondria[rows(world, DONOR, 0)].sum())
    assert n > 60
    assert books[1, TALLY_MOVED_OUT] == books[0, TALLY_MOVED_IN] == n
    assert books[0, TALLY_MOVED_OUT] == books[1, TALLY_MOVED_IN] == 0
    assert (now.sum(axis=0) == opening.sum(axis=0)).all()  # individuals, mass and copies of the plate
    assert (now[0] - opening[0] == opening[1] - now[1]).all()
    kinds = world.events.kind[: int(world.events.count[0])]
    wells = world.events.well[: int(world.events.count[0])]
    assert (kinds == EVENT_MOVED_OUT).sum() == (kinds == EVENT_MOVED_IN).sum() == 40
    assert set(wells[kinds == EVENT_MOVED_OUT]) == {1}
    assert set(wells[kinds == EVENT_MOVED_IN]) == {0}


@pytest.mark.parametrize("fault", ["unbooked", "copied"])
def test_planted_faults_the_ledger_catches_a_cell_that_is_not_booked_or_stays(fault):
    from mitoferry.base.errors import LedgerError

    world = world_of(moved=5, kept=5)
    advance(world)
    if fault == "unbooked":
        world.wells.ledger[0, TALLY_MOVED_IN] -= 1
    else:  # one mitochondrion is back in the dish, too
        i = int(rows(world, NEURON, 1)[0])
        page = int(world.cells.first_page[i])
        slot = PAGE * page + int(np.flatnonzero((world.mitochondria.flags[PAGE * page : PAGE * page + PAGE] & OCCUPIED) == 0)[0])
        world.mitochondria.flags[slot], world.mitochondria.mass[slot] = OCCUPIED, 5
    with pytest.raises(LedgerError, match="off"):
        world.ledger.check(world, "preparation", 60)


# ---------------------------------------------------------------------- grafts
def test_cells_of_a_graft_wait_for_it_and_enter_about_its_site():
    spec = plate(moved=30, kept=30)
    block = replace(spec.arms[0].geometry, kind="block", size=(400.0, 400.0, 400.0))
    main = spec.arms[0]
    grafted = replace(main.populations[1], grafted=True)
    graft = Graft(population=DONOR, start=60.0, site=(200.0, 200.0, 200.0), spread=5.0)
    main = replace(main, geometry=block, populations=(main.populations[0], grafted), grafts=(graft,))
    from mitoferry.experiment.plate import build_world

    world = build_world(replace(spec, arms=(main, spec.arms[1])), shared_backend(), with_space=False)
    world.ledger.open(world)
    advance(world)
    assert len(rows(world, DONOR, 0, (CELL_WAITING,))) == 30
    p = values("graft", engraftment=1.0)
    module("graft").advance(world, step_of(1), p)
    there = rows(world, DONOR, 0, (CELL_LIVE,))
    assert len(there) == 30
    places = np.stack([world.cells.x[there], world.cells.y[there], world.cells.z[there]])
    assert (np.abs(places - 200.0) < 30.0).all()
    world.ledger.check(world, "graft", 60)


# ---------------------------------------------------------------------- in the loop
FAST = {
    "nanotube_search.capture_probability": 0.9, "nanotube_clocks.opening_time": 0.005, "nanotube_clocks.thickening_rate": 300.0,
    "nanotube_transport.loading_rate": 3000.0,
}  # fmt: skip


def loop_spec(*, off=(), until=1200, end=600.0, arms=("primed",), **changes):
    numbers = cell_type(mitochondria=10.0, mtdna=50.0, filopodia=100.0)
    return plate(
        moved=5, kept=6, recipients=4, neurons=5, end=end, numbers=numbers, arms=arms, size=60.0, parameters=FAST, until=until,
        switches=dict.fromkeys(off, "off"), **changes,
    )  # fmt: skip


def test_tubes_break_and_what_was_taken_in_comes_along():
    """All mechanisms on: donors take in mitochondria of the others of the dish; after the move no link joins two wells or an empty row."""
    linked, foreign = {}, {}

    def keep(made):
        world, n = made.world, made.world.n_links
        c = world.cells
        on = np.flatnonzero(world.links.state[:n] != LINK_EMPTY)
        a, b = world.links.a[:n][on], world.links.b[:n][on]
        assert (c.well[a] == c.well[b]).all()
        assert (c.state[np.concatenate([a, b])] != CELL_EMPTY).all()
        linked[made.tick] = int((world.links.well[:n][on] == 1).sum())
        owner = np.repeat(world.pages.owner, PAGE)
        m = world.mitochondria
        inside = (m.flags & OCCUPIED != 0) & (m.birth >> 24 == NEURON)
        foreign[made.tick] = int(((c.population[owner] == DONOR) & inside).sum()), int(((c.well[owner] == 0) & inside).sum())

    crossing = []

    def note(events):
        n = int(events.count[0])
        crossing.extend(zip(events.kind[:n].tolist(), events.well[:n].tolist(), strict=True))

    _, made = final(loop_spec(discard=True), keep=keep, events=note)
    assert linked[600] > 0
    assert linked[1200] == 0  # the dish has ended
    assert foreign[600][0] > 3
    assert foreign[660][1] > 0
    assert foreign[600][1] == 0
    assert (EVENT_HANDOVER, 1) in crossing
    c, n = made.world.cells, made.world.n_cells
    assert set(c.state[:n][(c.well[:n] == 1) & (c.population[:n] != 255)].tolist()) == {CELL_EMPTY}


def test_a_dish_that_goes_on_lives():
    _, made = final(loop_spec())
    world = made.world
    assert len(rows(world, NEURON, 1, (CELL_LIVE,))) == 5
    assert len(rows(world, DONOR, 1, (CELL_LIVE,))) == 1


def test_until_the_move_the_wells_are_those_of_an_arm_without_preparation():
    """Byte for byte: recipients do not know of the dish."""
    primed, plain = final(loop_spec(until=600))[1].world, final(loop_spec(arms=("plain",), until=600))[1].world
    a, b = rows(primed, RECIPIENT, 0), rows(plain, RECIPIENT, 0)
    for name, column in primed.cells._asdict().items():
        if name not in ("group", "first_page"):
            assert column[a].tobytes() == getattr(plain.cells, name)[b].tobytes(), name


def test_switched_off_nobody_comes():
    _, made = final(loop_spec(off=("preparation",)))
    assert "preparation" not in {p.name for p in made.processes}
    assert len(rows(made.world, DONOR, 0)) == 0


def test_same_bytes_on_every_backend():
    spec = loop_spec(until=420, end=240.0, discard=True)
    found = [final(spec, b)[0] for b in (shared_backend(1), Cpu(threads=2, eager=True), Reference(), Reference(shuffle=3))]
    assert all(f == found[0] for f in found)


@pytest.mark.parametrize("steps", [5, 10, 11, 15])
def test_resumed_to_the_same_bytes(tmp_path, steps):
    """From the time in the dish, before, right after, and after the move (in the eleventh step)."""
    spec = loop_spec(discard=True, replicates=2, arms=("primed", "plain"))
    whole = final(spec)[0]
    first = settled(spec)
    for _ in range(steps):
        first.advance()
    save_checkpoint(tmp_path, *snapshot(first.world))
    again = settled(spec)
    restore(again.world, *load_checkpoint(tmp_path))
    again.tick = again.world.tick
    while not again.finished:
        again.advance()
    assert digest(snapshot(again.world)[0]) == whole


def test_it_survives_the_plain_form_of_a_specification():
    spec = loop_spec(discard=True)
    assert spec_from_plain(json.loads(json.dumps(spec_to_plain(spec)))) == spec
