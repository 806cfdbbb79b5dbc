"""Grafts: binomial homing and engraftment, exponential arrival and loss, balances, tubes, bytes, resume, off = absent.

Faults seen to fail it, planted in a copy of the package: homing that goes by the draw of engraftment and forgets HIF; nobody who stays;
a cell that is washed away and stays in its row.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fates import final, module, settled, shared_backend, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.events import EVENT_WASHED
from mitoferry.core.nodes import NODE_HOMING
from mitoferry.core.plate_spec import Geometry, Graft, spec_from_plain, spec_to_plain
from mitoferry.core.schema import CELL_EMPTY, CELL_LIVE, CELL_WAITING, LINK_EMPTY, Step
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import restore, snapshot
from mitoferry.studies.run import digest
from worlds import cell_type, make_spec, make_world, population

ALPHA = 1e-5
BLOCK = Geometry(kind="block", size=(200.0, 200.0, 200.0))
SMALL = cell_type(mitochondria=3.0, mtdna=15.0, cell_cv=0.0)


def world_of(count=1500, *, route="intravenous", backend=None, hif=0.0, recipients=4, **changes):
    """A graft of ``count`` rows beside some recipients."""
    graft = population("graft", 1, count=count, role="donor", numbers=SMALL, grafted=True)
    world = make_world(
        [population("recipient", 0, count=recipients, numbers=SMALL), graft], backend=backend or shared_backend(), geometry=BLOCK
    )
    world.cells.hif[2 : 2 + recipients] = hif
    world.spec = replace(world.spec, arms=(replace(world.spec.arms[0], grafts=(Graft(population=1, start=0.0, route=route, **changes),)),))
    return world


def rows(world):
    return np.flatnonzero(world.cells.population[: world.n_cells] == 1)


def run(world, p, hours, *, dt=60.0, start=0, keep=None):
    for k in range(start, start + round(hours * 3600 / dt)):
        module("graft").advance(world, Step(k, int(k * dt), k * dt, dt), p)
        if keep is not None:
            keep(world)
        world.events.count[0] = 0
    world.ledger.check(world, "graft", 0)


def number(world, state):
    return int((world.cells.state[rows(world)] == state).sum())


# ---------------------------------------------------------------------- entry
@pytest.mark.parametrize("fault", [1.0, 1.25])
@pytest.mark.parametrize(("hif", "node"), [(0.0, 1.0), (0.5, 1.0), (0.0, 2.5), (0.5, 0.0)])
def test_homing_is_binomial_and_arrival_exponential(hif, node, fault):
    """Entered: share x node x (1 + gain HIF) of those that have left the blood. Fault: 25 % more home, or leave faster."""
    p = values("graft", homing_share=0.2, loss_half_life=1e12)
    world = world_of(2000, hif=hif)
    world.groups.nodes[:, NODE_HOMING] = node
    run(world, p, 2.0, dt=600.0)
    out = 2000 - number(world, CELL_WAITING)
    assert (stats.binomtest(out, 2000, 1 - 0.5**fault).pvalue > ALPHA) == (fault == 1.0)
    chance = min(1.0, fault * 0.2 * node * (1 + p.sdf1_gain * hif))
    entered = number(world, CELL_LIVE)
    assert entered + number(world, CELL_EMPTY) == out
    if fault == 1.0 or chance > 0.3:
        assert (stats.binomtest(entered, out, chance).pvalue > ALPHA) == (fault == 1.0)


def test_only_rows_that_stand_for_a_cell_come():
    world = world_of(2000, route="local", present=0.3)
    run(world, values("graft"), 1 / 60)
    assert stats.binomtest(number(world, CELL_LIVE), 2000, 0.3).pvalue > ALPHA
    run(world, values("graft"), 2.0, start=1)
    assert number(world, CELL_WAITING) + number(world, CELL_LIVE) + number(world, CELL_EMPTY) == 2000
    assert stats.binomtest(number(world, CELL_WAITING), 2000, 0.7).pvalue > ALPHA


def test_a_local_graft_lies_about_its_site():
    """Normal with the spread asked for on each axis (Kolmogorov-Smirnov); planted fault: a spread 30 % off."""
    world = world_of(1500, route="local", site=(100.0, 90.0, 110.0), spread=12.0)
    run(world, values("graft"), 1 / 60)
    for name, at in zip("xyz", (100.0, 90.0, 110.0), strict=True):
        place = getattr(world.cells, name)[rows(world)].astype(float)
        assert stats.kstest(place, "norm", args=(at, 12.0)).pvalue > ALPHA
        assert stats.kstest(place, "norm", args=(at, 15.6)).pvalue < ALPHA


# ---------------------------------------------------------------------- loss
@pytest.mark.parametrize("fault", [1.0, 1.6])
def test_engraftment_is_binomial_and_loss_exponential(fault):
    """After t the share e + (1 - e) 2^(-t/half-life) is there; after long, e. Fault: either 60 % off."""
    p = values("graft", engraftment=0.3)
    world = world_of(3000, route="local")
    run(world, p, 18.0, dt=600.0)
    share = 0.3 + 0.7 * 0.5 ** (fault * 18.0 / p.loss_half_life)
    assert (stats.binomtest(number(world, CELL_LIVE), 3000, share).pvalue > ALPHA) == (fault == 1.0)
    run(world, p, 600.0, dt=7200.0, start=9)
    assert (stats.binomtest(number(world, CELL_LIVE), 3000, fault * 0.3).pvalue > ALPHA) == (fault == 1.0)


def test_a_lost_cell_takes_its_mitochondria_with_it_and_each_is_booked():
    p = values("graft", engraftment=0.0, loss_half_life=0.5)
    world = world_of(200, route="local")
    before = int(world.cells.n_mitochondria[rows(world)].sum())
    seen = []
    run(world, p, 20.0, keep=lambda w: seen.extend(w.events.kind[: w.events.count[0]].tolist()))
    assert number(world, CELL_EMPTY) == 200
    assert seen.count(EVENT_WASHED) == before == world.wells.ledger[0, 2]
    assert world.cells.n_mitochondria[rows(world)].sum() == 0
    assert (world.cells.first_page[rows(world)] == -1).all()


def test_planted_fault_a_cell_that_leaves_unbooked_is_caught():
    from mitoferry.base.errors import LedgerError

    world = world_of(50, route="local")
    run(world, values("graft", engraftment=0.0), 1.0)
    row = int(np.flatnonzero(world.cells.state[: world.n_cells] == CELL_LIVE)[-1])
    world.mitochondria.flags[32 * int(world.cells.first_page[row])] = 0
    with pytest.raises(LedgerError, match="off"):
        world.ledger.check(world, "graft", 0)


# ---------------------------------------------------------------------- in the loop
FAST = {
    "graft.circulation_half_life": 0.05, "graft.homing_share": 1.0, "graft.engraftment": 0.0, "graft.loss_half_life": 0.05,
    "nanotube_search.capture_probability": 0.9, "nanotube_clocks.opening_time": 0.005, "nanotube_clocks.thickening_rate": 300.0,
    "nanotube_transport.loading_rate": 3000.0,
}  # fmt: skip


def spec_of(*grafts, off=()):
    numbers = cell_type(mitochondria=10.0, mtdna=50.0, filopodia=100.0)
    graft = population("graft", 1, count=4, role="donor", numbers=numbers, grafted=True)
    spec = make_spec(
        [population("recipient", 0, count=3, numbers=numbers), graft], geometry=Geometry(kind="block", size=(60.0, 60.0, 60.0)),
        parameters=FAST, until=1200, switches=dict.fromkeys(off, "off"),
    )  # fmt: skip
    return replace(spec, arms=(replace(spec.arms[0], grafts=grafts),))


GIVEN = Graft(population=1, start=120.0, route="local", site=(30.0, 30.0, 30.0), spread=8.0)


def test_tubes_of_a_lost_cell_break_and_nothing_stays_with_it():
    """All mechanisms on: tubes form to grafted cells, these are washed away, and no link ends at an empty row."""
    linked = []

    def keep(made):
        world = made.world
        n = world.n_links
        ends = np.concatenate(
            [world.links.a[:n][world.links.state[:n] != LINK_EMPTY], world.links.b[:n][world.links.state[:n] != LINK_EMPTY]]
        )
        linked.append(len(ends))
        assert not (world.cells.state[ends] == CELL_EMPTY).any()

    _, made = final(spec_of(GIVEN), keep=keep)
    assert max(linked) > 0
    c = made.world.cells
    gone = rows(made.world)[c.state[rows(made.world)] == CELL_EMPTY]
    assert gone.size > 0
    assert c.n_mitochondria[gone].sum() == 0


def test_switched_off_is_as_without():
    plain, made = final(spec_of())
    assert "graft" not in {p.name for p in made.processes}
    assert final(spec_of(GIVEN, off=("graft",)))[0] == plain
    assert final(spec_of(GIVEN))[0] != plain


@pytest.mark.parametrize("given", [GIVEN, replace(GIVEN, route="intravenous")])
def test_same_bytes_on_every_backend(given):
    spec = replace(spec_of(given), until=480)
    found = [final(spec, b)[0] for b in (shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3))]
    assert all(f == found[0] for f in found)


def test_resumed_to_the_same_bytes(tmp_path):
    whole = final(spec_of(GIVEN))[0]
    first = settled(spec_of(GIVEN))
    for _ in range(7):
        first.advance()
    save_checkpoint(tmp_path, *snapshot(first.world))
    again = settled(spec_of(GIVEN))
    restore(again.world, *load_checkpoint(tmp_path))
    again.tick = again.world.tick
    while not again.finished:
        again.advance()
    assert digest(snapshot(again.world)[0]) == whole


def test_grafts_survive_the_plain_form_of_a_specification():
    import json

    spec = spec_of(GIVEN, Graft(population=1, start=0.0))
    assert spec_from_plain(json.loads(json.dumps(spec_to_plain(spec)))) == spec
