"""Delivery by compartments: first-order chains (means and binomial spread), the site's geometry, balances, bytes, resume, off = absent.

Faults seen to fail it, planted in a copy of the package: a share that does not fall with the flow of blood; one draw for the loss of
function and for falling apart; a Gaussian of half the variance; a loss that is not booked.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fates import module, rest, rows_of, shared_backend, slots_of, values
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.events import EVENT_WASHED
from mitoferry.core.plate_spec import ISOLATED, Dose, Geometry, spec_from_plain, spec_to_plain
from mitoferry.core.schema import CELL_DEAD_NECROTIC, POOL_MEDIUM, Step
from mitoferry.experiment.loop import Engine
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import restore, snapshot
from mitoferry.studies.run import digest
from worlds import cell_type, make_spec, make_world, population

ALPHA = 1e-5
BLOCK = Geometry(kind="block", size=(150.0, 150.0, 150.0))
DT = 1.0 / 60.0


def dose(route, count=4000, *, number=0, start=0.0, viability=1.0, **changes):
    given = {key: changes.pop(key) for key in ("site", "spread", "washout") if key in changes}
    source = population("isolated_mitochondria", ISOLATED + number, count=count, role="donor", numbers=cell_type("source"), **changes)
    return Dose(source=source, viability=viability, start=start, route=route, **given)


def world_of(*doses, uptake=0.0, count=6, backend=None, calcium=1.8, **changes):
    """A block of cells of 40 mitochondria, with doses to come; no uptake unless asked for."""
    numbers = cell_type(mitochondria=40.0, mtdna=200.0, cell_cv=0.0, uptake=uptake)
    world = make_world(
        [population("recipient", 0, count=count, numbers=numbers)], backend=backend or shared_backend(), geometry=BLOCK,
        medium={"oxygen": 50.0, "glucose": 5.5, "calcium": calcium}, **changes,
    )  # fmt: skip
    rest(world)
    world.spec = replace(world.spec, arms=(replace(world.spec.arms[0], doses=doses),))
    module("delivery").prepare(world, values("delivery"))
    return world


def run(world, minutes, *, start=0, p=None, also=(), keep=None):
    """Delivery for some macro-steps; the ledger is checked at the end."""
    p = p or values("delivery")
    for k in range(start, start + minutes):
        step = Step(k, 60 * k, 60.0 * k, 60.0)
        for name, q in (("delivery", p), *also):
            module(name).advance(world, step, q)
        if keep is not None:
            keep(world)
        world.events.count[0] = 0
    world.ledger.check(world, "delivery", 0)


def held(world, c=0, k=0, well=0):
    """Mitochondria in a compartment of a dose."""
    return int(world.cells.n_mitochondria[world.extra["delivery"][well, k, c]])


def free(world, well=0):
    return int(world.cells.n_mitochondria[world.pool(well, POOL_MEDIUM)])


def never_lost(**changes):
    """Numbers of the routes with which function is never lost: the chain alone is at work."""
    return values("delivery", blood_function_half_life=1e9, nasal_function_half_life=1e9, **changes)


# ---------------------------------------------------------------------- chains
@pytest.mark.parametrize(("route", "name"), [("intravenous", "blood"), ("intracoronary", "coronary")])
@pytest.mark.parametrize("fault", [1.0, 1.3])
def test_blood_loses_them_with_its_half_life_and_the_tissue_gets_its_share(route, name, fault):
    """Binomial in what is left and in what arrives. Fault seen to fail it, planted here: a share or half-life 30 % off."""
    p = never_lost(intravenous_share=0.2, coronary_half_life=0.05)
    world = world_of(dose(route, 6000))
    run(world, 4, p=p)
    k = np.log(2) / getattr(p, f"{name}_half_life")
    left = np.exp(-k * fault * 4 * DT)
    assert (stats.binomtest(held(world), 6000, left).pvalue > ALPHA) == (fault == 1.0)
    gone = 6000 - held(world)
    share = getattr(p, f"{route}_share") * fault
    assert (stats.binomtest(free(world), gone, share).pvalue > ALPHA) == (fault == 1.0)
    assert world.wells.ledger[0, 2] == gone - free(world)


def test_ischaemia_lowers_what_arrives():
    """With a tenth of the blood s k/10 competes with (1 - s) k."""
    p = never_lost(intravenous_share=0.5)
    world = world_of(dose("intravenous", 6000))
    world.wells.perfusion[:] = 0.1
    run(world, 60, p=p)
    assert held(world) < 20
    assert stats.binomtest(free(world), 6000 - held(world), 0.05 / 0.55).pvalue > ALPHA
    assert stats.binomtest(free(world), 6000 - held(world), 0.5).pvalue < ALPHA  # planted fault: the flow of blood is not read


def test_the_nose_is_a_chain_of_two():
    """Discrete chain: what moves on in a step starts its next clock with the next one; exact by matrix powers."""
    p = never_lost(nasal_share=0.6)
    world = world_of(dose("intranasal", 8000))
    seen = []
    run(world, 30, p=p, keep=lambda w: seen.append((held(w), held(w, 1), free(w))))
    a, b = (1 - np.exp(-np.log(2) / half * DT) for half in (p.nasal_half_life, p.mucosa_half_life))
    one = np.array([[1 - a, 0.6 * a, 0.0], [0.0, 1 - b, b], [0.0, 0.0, 1.0]])
    for n in (5, 15, 30):
        expected = np.array([1.0, 0.0, 0.0]) @ np.linalg.matrix_power(one, n)
        for found, chance in zip(seen[n - 1], expected, strict=True):
            assert stats.binomtest(found, 8000, chance).pvalue > ALPHA
    late = np.array([1.0, 0.0, 0.0]) @ np.linalg.matrix_power(one, 60)
    assert stats.binomtest(seen[29][2], 8000, late[2]).pvalue < ALPHA  # planted fault: twice as fast


@pytest.mark.parametrize("fault", [1.0, 1.5])
def test_function_is_lost_in_blood_before_anything_arrives(fault):
    """Of those that arrive the functional share is that of two competing clocks: k/(k + loss), for a share of 1."""
    p = values("delivery", intravenous_share=1.0)
    world = world_of(dose("intravenous", 6000))
    world.spec.parameters["free_mitochondria.lysis_rate"] = lysis = 5.0
    run(world, 120, p=p)
    m = world.mitochondria
    slots = slots_of(world, world.pool(0, POOL_MEDIUM))
    k, loss = np.log(2) / p.blood_half_life, fault * np.log(2) / p.blood_function_half_life
    working = int((m.damage[slots] < 65535).sum())
    assert (stats.binomtest(working, 6000, k / (k + loss)).pvalue > ALPHA) == (fault == 1.0)
    fell_apart = loss / (k + loss) * lysis / (lysis + k)
    assert (stats.binomtest(6000 - len(slots), 6000, fell_apart).pvalue > ALPHA) == (fault == 1.0)


# ---------------------------------------------------------------------- a site of injection
@pytest.mark.parametrize("fault", [1.0, 1.3])
def test_a_site_is_washed_out_with_its_half_life(fault):
    world = world_of(dose("injection", 5000), dose("injection", 5000, number=1, washout=600.0))
    run(world, 10, also=())
    for k, half in ((0, 0.5), (1, 1 / 6)):
        rate = np.log(2) / half
        p = values("free_mitochondria")
        loss = np.log(2) * (1 / p.function_half_life + 1.8**2 / (1.8**2 + p.calcium_half**2) / p.calcium_half_life)
        dead = (
            loss
            * p.lysis_rate
            / (p.lysis_rate - loss)
            * (  # both clocks run out within t, integrated below
                (1 - np.exp(-loss / 6)) / loss - (1 - np.exp(-p.lysis_rate / 6)) / p.lysis_rate
            )
        )
        left = np.exp(-fault * rate / 6) * (1 - dead)
        assert (stats.binomtest(held(world, k=k), 5000, left).pvalue > ALPHA) == (fault == 1.0)


def _expected(world, p, spread, site):
    """Rate [1/h] of uptake by each cell, by the formula."""
    rows = rows_of(world)[: int((world.cells.state[rows_of(world)] == 1).sum())]
    d2 = np.zeros(len(rows))
    for name, at in zip("xyz", site, strict=True):
        d = np.abs(getattr(world.cells, name)[rows].astype(float) - at)
        d2 += np.minimum(d, 150.0 - d) ** 2
    inside = (np.sqrt(2 * np.pi) * spread * (2 * stats.norm.cdf(75.0 / spread) - 1)) ** 3
    return rows, 3600.0 * p.clearance / (1 + p.atp_half**2) * np.exp(-d2 / (2 * spread**2)) / inside


@pytest.mark.parametrize("fault", [1.0, 1.25])
def test_cells_near_the_site_take_up_more(fault):
    """Multinomial over the cells by density at each; nothing else at work. Fault: a spread 25 % off."""
    site, spread = (75.0, 75.0, 75.0), 40.0
    world = world_of(dose("injection", 6000, site=site, spread=spread, washout=1e12), uptake=20.0, count=12, calcium=0.0)
    p = values("free_mitochondria")
    world.parameters["free_mitochondria"] = p
    world.spec.parameters["free_mitochondria.lysis_rate"] = 0.0
    run(world, 20)
    rows, rate = _expected(world, p, spread * fault, site)
    taken = world.cells.received[rows].astype(int)
    assert taken.sum() > 300
    total = 20 * rate.sum()
    assert fault != 1.0 or stats.binomtest(int(taken.sum()), 6000, 1 - np.exp(-total / 3)).pvalue > ALPHA
    assert (stats.chisquare(taken, taken.sum() * rate / rate.sum()).pvalue > ALPHA) == (fault == 1.0)


def test_the_density_of_a_site_adds_up_to_one():
    """Sum of density x volume over a fine grid; a wall at the side cuts the Gaussian and what is left is scaled up."""
    delivery = module("delivery")
    x = (np.arange(60) + 0.5) * 2.5
    grid = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1)
    for periodic, site in ((True, (10.0, 75.0, 140.0)), (False, (10.0, 75.0, 140.0))):
        s = delivery.site_of(dose("injection", site=site, spread=30.0), (150.0, 150.0, 150.0), periodic)
        d = np.abs(grid - np.array(site))
        d = np.minimum(d, 150.0 - d) if periodic else d
        total = (s.scale * np.exp(-0.5 * (d**2).sum(axis=-1) / 30.0**2)).sum() * 2.5**3
        assert total == pytest.approx(1.0, rel=2e-3)


def test_a_wide_site_is_the_stirred_block():
    world = world_of(dose("injection", 4000), uptake=20.0, calcium=0.0)
    p = values("free_mitochondria", lysis_rate=0.0)
    world.parameters["free_mitochondria"] = p
    run(world, 20, p=values("delivery", site_half_life=1e9))
    rate = 6 * 20.0 * 3600.0 * p.clearance / (1 + p.atp_half**2) / 150.0**3
    assert stats.binomtest(int(world.cells.received.sum()), 4000, 1 - np.exp(-rate / 3)).pvalue > ALPHA


# ---------------------------------------------------------------------- balances
def test_every_individual_is_in_one_place_or_booked():
    """Also when the recipients die while the dose is on its way, and what was lost has an event each."""
    doses = [dose(route, 700, number=k) for k, route in enumerate(("injection", "intravenous", "intracoronary", "intranasal"))]
    world = world_of(*doses, uptake=30.0)
    world.parameters["free_mitochondria"] = values("free_mitochondria")
    events, seeded = [], int(world.cells.n_mitochondria.sum())

    def keep(w):
        events.extend(w.events.kind[: w.events.count[0]].tolist())
        if len(events) > 3500:
            w.cells.state[rows_of(w)[:3]] = CELL_DEAD_NECROTIC

    run(world, 60, also=(("free_mitochondria", values("free_mitochondria")),), keep=keep)
    books = world.wells.ledger[0]
    inside = int(world.cells.n_mitochondria[: world.n_cells].sum())
    assert books[0] == 2800
    assert inside == seeded + 2800 - books[2]
    assert 0 < events.count(EVENT_WASHED) <= books[2]  # the rest fell apart in the tissue
    m = world.mitochondria
    occupied = np.flatnonzero(m.flags & 1)
    assert len(set(zip(m.birth[occupied], m.ordinal[occupied], strict=True))) == len(occupied) == inside


def test_planted_fault_a_loss_that_is_not_booked_is_caught():
    from mitoferry.base.errors import LedgerError

    world = world_of(dose("intravenous", 500))
    run(world, 2)
    world.cells.tally[world.extra["delivery"][0, 0, 0], 2] -= 1
    with pytest.raises(LedgerError, match="1 balances are off"):
        world.ledger.check(world, "delivery", 0)


# ---------------------------------------------------------------------- in the loop
ROUTES = ("injection", "intravenous", "intracoronary", "intranasal")
NAMES = ("delivery", "isolated_mitochondria", "free_mitochondria", "diffusion")


def small(*doses):
    numbers = cell_type(mitochondria=10.0, mtdna=50.0, uptake=20.0)
    spec = make_spec(
        [population("recipient", 0, count=3, numbers=numbers)], geometry=Geometry(kind="block", size=(60.0, 60.0, 60.0)),
        parameters={"delivery.intravenous_share": 0.5, "delivery.nasal_half_life": 0.03, "delivery.mucosa_half_life": 0.03},
    )  # fmt: skip
    return replace(spec, until=480, arms=(replace(spec.arms[0], doses=doses),))


def engine(spec, backend=None):
    backend = backend or shared_backend()
    made = Engine(spec, backend, processes=[p for p in Engine(spec, backend).processes if p.name in NAMES])
    made.burn_in(60)
    return made


def final(spec, backend=None):
    made = engine(spec, backend)
    while not made.finished:
        made.advance()
    return digest(snapshot(made.world)[0]), made


def all_routes():
    at = {"site": (20.0, 30.0, 40.0), "spread": 15.0}
    return small(*(dose(r, 60, number=k, start=60.0 * k, **(at if r == "injection" else {})) for k, r in enumerate(ROUTES)))


def test_switched_off_is_as_without():
    plain, made = final(small())
    assert "delivery" not in {p.name for p in made.processes}
    assert final(replace(all_routes(), switches={"delivery": "off"}))[0] == plain
    given, made = final(all_routes())
    assert given != plain
    assert made.world.cells.received.sum() > 0


def test_same_bytes_on_every_backend():
    found = [final(all_routes(), b)[0] for b in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3))]
    assert all(f == found[0] for f in found)


def test_resumed_to_the_same_bytes(tmp_path):
    whole = final(all_routes())[0]
    first = engine(all_routes())
    for _ in range(4):
        first.advance()
    save_checkpoint(tmp_path, *snapshot(first.world))
    again = engine(all_routes())
    restore(again.world, *load_checkpoint(tmp_path))
    again.tick = again.world.tick
    while not again.finished:
        again.advance()
    assert digest(snapshot(again.world)[0]) == whole


def test_doses_survive_the_plain_form_of_a_specification():
    import json

    spec = all_routes()
    assert spec_from_plain(json.loads(json.dumps(spec_to_plain(spec)))) == spec
