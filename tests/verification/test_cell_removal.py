"""Cells taken out: binomial numbers, who leaves and who stays, balances, pairs of arms, tubes, bytes, resume, off = absent.

Faults seen to fail it, planted in a copy of the package: a draw by the row instead of the cell; the same draw at every treatment;
cells that wait leave as well; corpses stay; a corpse that has left counts as eaten; two treatments of which only the last counts;
mitochondria emptied without booking; a cell that leaves and stays in its row; pages that stay with it.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fates import final, module, settled, shared_backend, values
from mitoferry.assays.base import View
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.events import EVENT_WASHED
from mitoferry.core.plate_spec import ISOLATED, Action, Dose, spec_from_plain, spec_to_plain
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_EMPTY,
    CELL_LIVE,
    CELL_MOMP,
    CELL_NECROTIC,
    CELL_WAITING,
    LINK_EMPTY,
    POOL_MEDIUM,
    Step,
)
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import restore, snapshot
from mitoferry.studies.run import digest
from worlds import cell_type, make_spec, make_world, population

ALPHA = 1e-5
SMALL = cell_type(mitochondria=3.0, mtdna=15.0, cell_cv=0.0)
RECIPIENT, DONOR = 0, 1


def out(share, *populations, start=0.0):
    return Action(kind="take_out", key="", value=share, start=start, end=start, populations=populations, cause=f"{share:g} taken out")


def world_of(*actions, donors=1500, recipients=600, backend=None, replicates=1, arms=None):
    """Arms with these actions (or those of ``arms``, one tuple per arm); small cells."""
    cells = [population("recipient", RECIPIENT, count=recipients, numbers=SMALL), population("donor", DONOR, count=donors, numbers=SMALL)]
    arms = arms or (actions,)
    world = make_world(cells, backend=backend or shared_backend(), arms=len(arms), replicates=replicates, size=2000.0)
    world.spec = replace(world.spec, arms=tuple(replace(arm, actions=a) for arm, a in zip(world.spec.arms, arms, strict=True)))
    return world


def rows(world, who, well=0):
    c, n = world.cells, world.n_cells
    return np.flatnonzero((c.population[:n] == who) & (c.well[:n] == well))


def step_of(k):
    return Step(k, 60 * k, 60.0 * k, 60.0)


def remove(world, k=0):
    world.events.count[0] = 0
    world.reserve_events(1)
    module("cell_removal").advance(world, step_of(k), values("cell_removal"))
    world.ledger.check(world, "cell_removal", 60 * k)


def there(world, who, well=0):
    return int((world.cells.state[rows(world, who, well)] != CELL_EMPTY).sum())


# ---------------------------------------------------------------------- how many
@pytest.mark.parametrize("fault", [0.0, 0.04])
@pytest.mark.parametrize(("efficiency", "losses"), [(0.5, 0.1), (0.9, 0.02), (0.1, 0.5)])
def test_numbers_left_are_binomial(efficiency, losses, fault):
    """Both shares, exact binomial test at 1e-5; planted fault: shares 4 to 8 % off."""
    world = world_of(out(efficiency, DONOR), out(losses, RECIPIENT), donors=12000, recipients=12000)
    remove(world)
    for who, share in ((DONOR, efficiency), (RECIPIENT, losses)):
        wrong = share + (2 * fault if 0.2 < share < 0.8 else fault)
        assert (stats.binomtest(12000 - there(world, who), 12000, wrong).pvalue > ALPHA) == (fault == 0.0)


def test_all_and_none():
    world = world_of(out(1.0, DONOR))
    remove(world)
    assert (there(world, DONOR), there(world, RECIPIENT)) == (0, 600)
    world = world_of(out(0.0, DONOR))
    assert not module("cell_removal").wanted(world.spec)
    remove(world)
    assert (there(world, DONOR), there(world, RECIPIENT)) == (1500, 600)


def test_only_in_the_macro_step_in_which_it_is_due():
    """A time within a macro-step counts for its end, as with other treatments."""
    world = world_of(out(1.0, DONOR, start=150.0))
    seen = []
    for k in range(6):
        remove(world, k)
        seen.append(there(world, DONOR))
    assert seen == [1500, 1500, 1500, 0, 0, 0]


def test_a_second_treatment_draws_anew_and_two_at_once_leave_the_product():
    """Of those that stayed the first time half leave the second time; two of 40 % at once leave 36 % (exact binomial, 1e-5)."""
    world = world_of(out(0.5, DONOR), out(0.5, DONOR, start=3600.0), donors=8000)
    remove(world, 0)
    first = there(world, DONOR)
    remove(world, 60)
    assert stats.binomtest(there(world, DONOR), first, 0.5).pvalue > ALPHA
    world = world_of(out(0.4, DONOR), out(0.4, DONOR, RECIPIENT), donors=8000, recipients=8000)
    remove(world)
    assert stats.binomtest(there(world, DONOR), 8000, 0.36).pvalue > ALPHA
    assert stats.binomtest(there(world, RECIPIENT), 8000, 0.6).pvalue > ALPHA


# ---------------------------------------------------------------------- who
def test_corpses_leave_and_cells_that_are_still_to_be_added_do_not():
    world = world_of(out(1.0, DONOR), donors=60)
    states = (CELL_LIVE, CELL_MOMP, CELL_APOPTOTIC, CELL_NECROTIC, CELL_DEAD_APOPTOTIC, CELL_DEAD_NECROTIC)
    for k, i in enumerate(rows(world, DONOR)[:54]):
        world.cells.state[i] = states[k % 6]
    waiting = rows(world, DONOR)[54:]
    world.cells.state[waiting] = CELL_WAITING
    remove(world)
    assert (world.cells.state[rows(world, DONOR)[:54]] == CELL_EMPTY).all()
    assert (world.cells.state[waiting] == CELL_WAITING).all()


def test_those_taken_out_are_not_counted_among_the_dead():
    """A corpse that a phagocyte has eaten counts among those ever in the well; one that was taken out does not."""
    world = world_of(out(1.0, DONOR), donors=10)
    corpses = rows(world, DONOR)[:4]
    world.cells.state[corpses], world.cells.death_cause[corpses] = CELL_DEAD_APOPTOTIC, BY_APOPTOSIS
    eaten = rows(world, RECIPIENT)[0]
    world.cells.state[eaten], world.cells.death_cause[eaten] = CELL_EMPTY, BY_APOPTOSIS
    assert View(world, DONOR).ever().size == 10
    remove(world)
    assert View(world, DONOR).ever().size == View(world, DONOR).eaten().size == 0
    assert View(world, RECIPIENT).ever().size == 600


def test_nothing_of_the_other_cells_changes_and_what_is_free_stays():
    """Every column of every other row, pools with free mitochondria among them, is as before, to the byte."""
    world = world_of(out(0.9, DONOR), donors=200, recipients=50)
    source = population("isolated_mitochondria", ISOLATED, count=40, role="donor", numbers=SMALL)
    module("isolated_mitochondria").give(world, 0, Dose(source=source, viability=1.0, start=0.0), step_of(0))
    world.ledger.check(world, "isolated_mitochondria", 0)  # which sums up and clears the tallies
    kept = np.setdiff1d(np.arange(world.n_cells), rows(world, DONOR))
    before = {name: np.array(column[kept]) for name, column in world.cells._asdict().items()}
    mitochondria = {name: np.array(column) for name, column in world.mitochondria._asdict().items()}
    held = np.isin(np.repeat(world.pages.owner, 32), kept)
    remove(world)
    assert world.cells.n_mitochondria[world.pool(0, POOL_MEDIUM)] == 40
    for name, column in world.cells._asdict().items():
        assert column[kept].tobytes() == before[name].tobytes(), name
    assert held.sum() > 0
    for name, column in world.mitochondria._asdict().items():
        assert np.array(column)[held].tobytes() == mitochondria[name][held].tobytes(), name


def left(world, well):
    mine = rows(world, DONOR, well)
    return set(world.cells.id[mine[world.cells.state[mine] == CELL_EMPTY]].tolist())


def test_arms_are_paired_and_wells_are_not():
    """The same cells leave in every arm, whatever else it holds; with less efficiency a part of them; other wells draw for themselves."""
    arms = ((out(0.6, DONOR),), (out(0.6, DONOR), out(0.3, RECIPIENT)), (out(0.3, DONOR),))
    world = world_of(arms=arms, donors=400, recipients=30, replicates=2)
    remove(world)
    first, same, fewer, other = left(world, 0), left(world, 2), left(world, 4), left(world, 1)
    assert first == same
    assert fewer < first
    table = [[len(first & other), len(first - other)], [len(other - first), 400 - len(first | other)]]
    assert stats.fisher_exact(table).pvalue > ALPHA


def test_draws_go_by_the_cell_and_not_by_its_row():
    """An arm without recipients keeps its donors in other rows."""
    alone = world_of(out(0.5, DONOR), donors=300, recipients=0)
    beside = world_of(out(0.5, DONOR), donors=300, recipients=77)
    remove(alone)
    remove(beside)
    assert rows(alone, DONOR)[0] != rows(beside, DONOR)[0]
    assert left(alone, 0) == left(beside, 0)


# ---------------------------------------------------------------------- balances
def test_what_leaves_is_booked_one_by_one():
    world = world_of(out(0.7, DONOR), donors=200)
    mine = rows(world, DONOR)
    before = world.cells.n_mitochondria[mine].copy()
    remove(world)
    gone = world.cells.state[mine] == CELL_EMPTY
    n = int(world.events.count[0])
    assert n == before[gone].sum() == world.wells.ledger[0, 2] > 100
    assert (world.events.kind[:n] == EVENT_WASHED).all()
    assert set(world.events.source_id[:n].tolist()) == set(world.cells.id[mine[gone]].tolist())
    assert world.cells.n_mitochondria[mine[gone]].sum() == 0
    assert (world.cells.first_page[mine[gone]] == -1).all()
    assert (world.cells.n_mitochondria[mine[~gone]] == before[~gone]).all()


def test_planted_fault_a_cell_emptied_without_booking_is_caught():
    from mitoferry.base.errors import LedgerError

    world = world_of(out(0.7, DONOR), donors=50)
    remove(world)
    row = int(rows(world, DONOR)[world.cells.state[rows(world, DONOR)] == CELL_LIVE][0])
    world.mitochondria.flags[32 * int(world.cells.first_page[row])] = 0
    with pytest.raises(LedgerError, match="off"):
        world.ledger.check(world, "cell_removal", 0)


# ---------------------------------------------------------------------- in the loop
FAST = {
    "nanotube_search.capture_probability": 0.9, "nanotube_clocks.opening_time": 0.005, "nanotube_clocks.thickening_rate": 300.0,
    "nanotube_transport.loading_rate": 3000.0,
}  # fmt: skip
TAKEN = (out(0.7, DONOR, start=600.0), out(0.2, RECIPIENT, start=600.0))


def spec_of(*actions, off=(), until=1200):
    numbers = cell_type(mitochondria=10.0, mtdna=50.0, filopodia=100.0)
    spec = make_spec(
        [population("recipient", RECIPIENT, count=4, numbers=numbers), population("donor", DONOR, count=5, numbers=numbers)],
        size=60.0, parameters=FAST, until=until, switches=dict.fromkeys(off, "off"),
    )  # fmt: skip
    return replace(spec, arms=(replace(spec.arms[0], actions=actions),))


def test_tubes_of_a_cell_that_leaves_break_and_nothing_is_left_with_it():
    """All mechanisms on: tubes join the cells, some of these leave, and at the end of that step no link ends at an empty row."""
    linked = {}

    def keep(made):
        world, n = made.world, made.world.n_links
        on = world.links.state[:n] != LINK_EMPTY
        ends = np.concatenate([world.links.a[:n][on], world.links.b[:n][on]])
        linked[made.tick] = len(ends)
        assert not (world.cells.state[ends] == CELL_EMPTY).any()

    _, made = final(spec_of(*TAKEN), keep=keep)
    c = made.world.cells
    gone = np.flatnonzero(c.state[2 : made.world.n_cells] == CELL_EMPTY) + 2
    assert linked[600] > linked[660] > 0  # some break, others stay
    assert gone.size > 2
    assert c.n_mitochondria[gone].sum() == 0


def test_without_the_treatment_it_is_not_there_and_before_it_nothing_differs():
    plain, made = final(spec_of())
    assert "cell_removal" not in {p.name for p in made.processes}
    assert final(spec_of(*TAKEN, off=("cell_removal",)))[0] == plain
    assert final(spec_of(*TAKEN))[0] != plain
    assert final(spec_of(*TAKEN, until=600))[0] == final(spec_of(until=600))[0]


def test_same_bytes_on_every_backend():
    spec = spec_of(*(replace(a, start=240.0) for a in TAKEN), until=420)
    found = [final(spec, b)[0] for b in (shared_backend(1), Cpu(threads=2, eager=True), Reference(), Reference(shuffle=3))]
    assert all(f == found[0] for f in found)


@pytest.mark.parametrize("steps", [7, 10, 11, 15])
def test_resumed_to_the_same_bytes(tmp_path, steps):
    """From before, at, and after the step in which the cells leave (the eleventh)."""
    whole = final(spec_of(*TAKEN))[0]
    first = settled(spec_of(*TAKEN))
    for _ in range(steps):
        first.advance()
    save_checkpoint(tmp_path, *snapshot(first.world))
    again = settled(spec_of(*TAKEN))
    restore(again.world, *load_checkpoint(tmp_path))
    again.tick = again.world.tick
    while not again.finished:
        again.advance()
    assert digest(snapshot(again.world)[0]) == whole


def test_it_survives_the_plain_form_of_a_specification():
    spec = spec_of(*TAKEN)
    assert spec_from_plain(json.loads(json.dumps(spec_to_plain(spec)))) == spec
