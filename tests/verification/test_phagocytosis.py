"""Phagocytosis: waiting times at the rate of exposure, energy and nodes; shares of prey (F9); everything inside moves (F18)."""

import numpy as np
import pytest
from scipy import stats

from fates import module, shared_backend, slots_of, values
from mitoferry.core.events import EVENT_DEATH, EVENT_HANDOVER
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_PHAGOCYTOSIS, NODE_PS_MASK, NODE_TEMPERATURE
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CELL_EMPTY,
    CELL_LIVE,
    CELL_MOMP,
    CELL_NECROTIC,
    ENDOSOME,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_MASK,
    ROUTE_PHAGOCYTOSIS,
    ROUTE_SHIFT,
    Step,
)
from nanotubes import rows_of, sort, wells_of

ALPHA = 1e-5
SHARE = 0.5  # of ATP from oxidative phosphorylation
TOUCHING = [(100.0, 100.0), (120.0, 100.0)]


def world_of(
    *, wells=400, counts=(1, 1), places=TOUCHING, phagocyte=1.0, state=CELL_APOPTOTIC, exposed=1.0, mitochondria=(3, 2), backend=None
):
    """Wells of phagocytes (population 0) and dying cells (population 1)."""
    world = wells_of(
        counts, places, n_wells=wells, mitochondria=mitochondria, backend=backend or shared_backend(), phagocyte=[phagocyte, 0.0],
        radius=[10.0, 10.0],
    )  # fmt: skip
    c = world.cells
    pools = 2 * world.n_wells
    c.atp[pools : world.n_cells] = 2.88
    c.atp_flux[pools : world.n_cells] = 100.0
    c.atp_oxphos[pools : world.n_cells] = 100.0 * SHARE
    dying = rows_of(world, 1)
    c.state[dying] = state
    c.phosphatidylserine[dying] = exposed
    sort(world)
    world.ledger.open(world)
    return world


def run(world, p, minutes, *, keep=None):
    for k in range(minutes):
        module("phagocytosis").advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p)
        if keep is not None:
            keep(world)
        world.events.count[0] = 0
    world.ledger.check(world, "phagocytosis", 0)


def expected(p, *, phagocyte=1.0, exposed=1.0, mask=0.0, node=1.0, atp=2.88, share=SHARE):
    """The rate [1/h] by the formula, written once more."""
    recognised = p.floor + (1 - p.floor) * exposed * (1 - mask)
    half = p.atp_half * 2.88
    return p.rate * phagocyte * node * atp**2 / (atp**2 + half**2) * (p.base + share) * recognised


CASES = {
    "apoptotic": {},
    "half exposed": {"exposed": 0.5},
    "annexin V": {"mask": 0.97},
    "half a phagocyte": {"phagocyte": 0.5},
    "node": {"node": 0.4},
    "without respiration": {"share": 0.0},
    "half ATP": {"atp": 1.0},
    "necrotic": {"state": CELL_NECROTIC, "exposed": 0.0},
}


@pytest.mark.parametrize(("case", "fault"), [*((c, 1.0) for c in CASES), ("apoptotic", 1.5)])
def test_a_touched_cell_is_engulfed_at_the_rate(case, fault):
    changes = CASES[case]
    shape = {k: changes[k] for k in ("exposed", "phagocyte", "state") if k in changes}
    world = world_of(**shape)
    p = values("phagocytosis")
    world.groups.nodes[:, NODE_PS_MASK] = changes.get("mask", 0.0)
    world.groups.nodes[:, NODE_PHAGOCYTOSIS] = changes.get("node", 1.0)
    world.cells.atp[rows_of(world, 0)] = changes.get("atp", 2.88)
    world.cells.atp_oxphos[rows_of(world, 0)] = 100.0 * changes.get("share", SHARE)
    run(world, p, 30)
    eaten = int((world.cells.state[rows_of(world, 1)] == CELL_EMPTY).sum())
    for_rate = {k: v for k, v in changes.items() if k != "state"} | ({"exposed": 1.0} if case == "necrotic" else {})
    chance = 1 - np.exp(-fault * expected(p, **for_rate) * 0.5)
    assert (stats.binomtest(eaten, 400, chance).pvalue > ALPHA) == (fault == 1.0)


def test_f9_prey_is_shared_by_exposure():
    """Two dying cells, one exposed fully and one not: shares e_i/sum e."""
    world = world_of(counts=(1, 2), places=[(100.0, 100.0), (120.0, 100.0), (80.0, 100.0)])
    dying = rows_of(world, 1).reshape(-1, 2)
    world.cells.phosphatidylserine[dying[:, 1]] = 0.3
    p = values("phagocytosis")
    run(world, p, 20)
    eaten = world.cells.state[dying] == CELL_EMPTY
    one = eaten.sum(axis=1) == 1
    first = int(eaten[one, 0].sum())
    a, b, hours = expected(p), expected(p, exposed=0.3), 1 / 3  # both clocks run, one has rung
    chance = (1 - np.exp(-a * hours)) * np.exp(-b * hours)
    chance /= chance + (1 - np.exp(-b * hours)) * np.exp(-a * hours)
    assert one.sum() > 60
    assert stats.binomtest(first, int(one.sum()), chance).pvalue > ALPHA
    assert stats.binomtest(first, int(one.sum()), 0.5).pvalue < ALPHA  # planted fault: drawn evenly


def test_all_that_is_inside_arrives_in_endosomes_and_the_corpse_is_gone():
    world = world_of(wells=40, mitochondria=(3, 37))
    dying, eaters = rows_of(world, 1), rows_of(world, 0)
    identities = {
        int(r): sorted(zip(world.mitochondria.birth[s], world.mitochondria.ordinal[s], strict=True))
        for r in dying
        for s in [slots_of(world, r)]
    }
    own = {int(r): len(slots_of(world, r)) for r in eaters}
    log = []

    def keep(w):
        e, n = w.events, int(w.events.count[0])
        log.extend(zip(e.kind[:n], e.time[:n], e.route[:n], e.source[:n], e.target[:n], strict=True))

    run(world, values("phagocytosis", rate=20.0), 60, keep=keep)
    c, m = world.cells, world.mitochondria
    assert (c.state[dying] == CELL_EMPTY).all()
    assert (c.death_cause[dying] == BY_APOPTOSIS).all(), "what it died of is known after it is gone"
    assert (c.n_mitochondria[dying] == 0).all()
    assert (c.first_page[dying] == -1).all()
    assert (c.atp[dying] == 0).all()
    for eater, victim in zip(eaters, dying, strict=True):
        slots = slots_of(world, eater)
        flags = m.flags[slots]
        came = ((flags >> ROUTE_SHIFT) & ROUTE_MASK) == ROUTE_PHAGOCYTOSIS
        assert len(slots) == own[int(eater)] + len(identities[int(victim)])
        assert sorted(zip(m.birth[slots[came]], m.ordinal[slots[came]], strict=True)) == identities[int(victim)]
        assert ((flags[came] >> PLACE_SHIFT) & PLACE_MASK == ENDOSOME).all()
    kinds = [k for k, *_ in log]
    assert kinds.count(EVENT_DEATH) == 40
    assert kinds.count(EVENT_HANDOVER) == sum(map(len, identities.values()))
    assert c.received[eaters].sum() == c.donated[dying].sum() == kinds.count(EVENT_HANDOVER)
    assert (world.wells.ledger == 0).all()  # nothing born, nothing lost


def test_two_phagocytes_do_not_share_a_cell():
    world = world_of(counts=(2, 1), places=[(100.0, 100.0), (140.0, 100.0), (120.0, 100.0)], mitochondria=(3, 20))
    run(world, values("phagocytosis", rate=200.0), 5)
    received = world.cells.received[rows_of(world, 0)].reshape(-1, 2)
    inside = 20 * (received > 0).any(axis=1)
    assert (np.sort(received, axis=1)[:, 0] == 0).all()
    assert inside.sum() == world.cells.donated[rows_of(world, 1)].sum() == received.sum()
    assert 100 < (received[:, 0] > 0).sum() < 300  # either may be first


OFF = {
    "not a phagocyte": lambda w: w.groups.phagocyte.__setitem__(slice(None), 0.0),
    "node": lambda w: w.groups.nodes.__setitem__((slice(None), NODE_PHAGOCYTOSIS), 0.0),
    "endocytosis": lambda w: w.groups.nodes.__setitem__((slice(None), NODE_ENDOCYTOSIS), 0.0),
    "cold": lambda w: w.groups.nodes.__setitem__((slice(None), NODE_TEMPERATURE), 0.0),
    "no ATP": lambda w: w.cells.atp.__setitem__(slice(None), 0.0),
    "alive": lambda w: w.cells.state.__setitem__(rows_of(w, 1), CELL_LIVE),
    "cytochrome c released": lambda w: w.cells.state.__setitem__(rows_of(w, 1), CELL_MOMP),
    "corpse": lambda w: w.cells.state.__setitem__(rows_of(w, 1), CELL_DEAD_APOPTOTIC),
    "phagocyte dying": lambda w: w.cells.state.__setitem__(rows_of(w, 0), CELL_APOPTOTIC),
}


@pytest.mark.parametrize("why", sorted(OFF))
def test_nothing_is_eaten(why):
    world = world_of(wells=30)
    OFF[why](world)
    sort(world)
    before = [c.tobytes() for t in (world.mitochondria, world.cells, world.pages) for c in t]
    run(world, values("phagocytosis", rate=20.0), 10)
    assert [c.tobytes() for t in (world.mitochondria, world.cells, world.pages) for c in t] == before


@pytest.mark.parametrize(("gap", "eaten"), [(0.9, True), (1.2, False)])
def test_only_what_is_touched(gap, eaten):
    world = world_of(wells=20, places=[(100.0, 100.0), (120.0 + gap, 100.0)])
    run(world, values("phagocytosis", rate=20.0, contact_gap=1.0), 60)
    assert (world.cells.state[rows_of(world, 1)] == CELL_EMPTY).all() == eaten


def test_lysosomes_of_phagocytes_are_faster():
    arrival = module("arrival")
    world = world_of(wells=1)
    p = values("arrival")
    eater, other = (arrival.fate_rates(ENDOSOME << PLACE_SHIFT, world.groups, g, p) for g in (0, 1))
    assert eater[0] == other[0]
    assert eater[1] == pytest.approx(p.phagocyte_lysis * other[1])


def test_same_bytes_on_every_backend():
    from mitoferry.backends.cpu import Cpu
    from mitoferry.backends.reference import Reference

    found = []
    for backend in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3)):
        world = world_of(wells=3, counts=(2, 2), places=[(100.0, 100.0), (140.0, 100.0), (120.0, 100.0), (120.0, 118.0)], backend=backend)
        p = values("phagocytosis", rate=20.0)
        for k in range(4):
            module("phagocytosis").advance(world, Step(k, 60 * k, 60.0 * k, 60.0), p)
        assert (world.cells.state[rows_of(world, 1)] == CELL_EMPTY).sum() > 2
        found.append([np.ascontiguousarray(c).tobytes() for t in (world.mitochondria, world.pages, world.cells, world.events) for c in t])
    assert all(f == found[0] for f in found)
