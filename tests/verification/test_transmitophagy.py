"""Transmitophagy: damaged mitochondria pass to touching phagocytes at the rate of their damage (F1, F9), moved and not copied (F18)."""

import numpy as np
import pytest
from scipy import stats

from fates import module, shared_backend, slots_of, values
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_PHAGOCYTOSIS
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    DONOR_FREE,
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
SHARE = 0.5
N = 60


def world_of(
    *, wells=30, places=((100.0, 100.0), (120.0, 100.0)), counts=(1, 1), phagocyte=1.0, damage=1.0, backend=None, mitochondria=(3, N)
):
    """Wells of phagocytes (population 0) and living cells with damaged mitochondria (population 1)."""
    world = wells_of(
        counts, list(places), n_wells=wells, mitochondria=mitochondria, backend=backend or shared_backend(), phagocyte=[phagocyte, 0.0]
    )
    c, pools = world.cells, 2 * world.n_wells
    c.atp[pools : world.n_cells] = 2.88
    c.atp_flux[pools : world.n_cells] = 100.0
    c.atp_oxphos[pools : world.n_cells] = 100.0 * SHARE
    for r in rows_of(world, 1):
        world.mitochondria.damage[slots_of(world, r)] = round(damage * 65535)
    sort(world)
    world.ledger.open(world)
    return world


def run(world, p, hours=1.0, dt=300.0):
    for k in range(round(hours * 3600 / dt)):
        module("transmitophagy").advance(world, Step(5 * k, int(dt * k), dt * k, dt), p)
        world.events.count[0] = 0
    world.ledger.check(world, "transmitophagy", 0)


def expected(p, damage, *, phagocyte=1.0, node=1.0):
    energy = 1 / (1 + p.atp_half**2) * (p.base + SHARE)
    return p.rate * phagocyte * node * energy * damage**4 / (damage**4 + p.damage_half**4)


@pytest.mark.parametrize(
    ("damage", "phagocyte", "node", "fault"),
    [(1.0, 1.0, 1.0, 1.0), (0.4, 1.0, 1.0, 1.0), (1.0, 0.1, 1.0, 1.0), (1.0, 1.0, 0.3, 1.0), (1.0, 1.0, 1.0, 1.3)],
)  # fmt: skip
def test_f1_damaged_mitochondria_leave_at_the_rate(damage, phagocyte, node, fault):
    world = world_of(damage=damage, phagocyte=phagocyte)
    world.groups.nodes[:, NODE_PHAGOCYTOSIS] = node
    p = values("transmitophagy", rate=0.5)
    run(world, p)
    given = int(world.cells.donated[rows_of(world, 1)].sum())
    chance = 1 - np.exp(-fault * expected(p, damage, phagocyte=phagocyte, node=node))
    assert given == world.cells.received[rows_of(world, 0)].sum()
    assert (stats.binomtest(given, 30 * N, chance).pvalue > ALPHA) == (fault == 1.0)


def test_f9_two_phagocytes_share_by_appetite():
    world = world_of(counts=(2, 1), places=((100.0, 100.0), (140.0, 100.0), (120.0, 100.0)))
    eaters = rows_of(world, 0).reshape(-1, 2)
    world.cells.atp_oxphos[eaters[:, 1]] = 0.0
    p = values("transmitophagy", rate=0.5)
    run(world, p)
    got = world.cells.received[eaters].sum(axis=0)
    share = (p.base + SHARE) / (2 * p.base + SHARE)
    assert got.sum() > 200
    assert stats.binomtest(int(got[0]), int(got.sum()), share).pvalue > ALPHA
    assert stats.binomtest(int(got[0]), int(got.sum()), 0.5).pvalue < ALPHA  # planted fault: drawn evenly
    assert (world.wells.ledger == 0).all()


def test_the_worst_go_and_land_in_endosomes():
    world = world_of(damage=0.05)
    for r in rows_of(world, 1):
        world.mitochondria.damage[slots_of(world, r)[: N // 2]] = 65535
    run(world, values("transmitophagy", rate=0.5))
    m = world.mitochondria
    came = np.concatenate([slots_of(world, r) for r in rows_of(world, 0)])
    came = came[((m.flags[came] >> ROUTE_SHIFT) & ROUTE_MASK) == ROUTE_PHAGOCYTOSIS]
    assert len(came) > 200
    assert (m.damage[came] == 65535).mean() > 0.99
    assert (((m.flags[came] >> PLACE_SHIFT) & PLACE_MASK) == ENDOSOME).all()


def test_the_last_one_stays():
    world = world_of(wells=5, mitochondria=(3, 4))
    run(world, values("transmitophagy", rate=500.0))
    assert (world.cells.n_mitochondria[rows_of(world, 1)] == 1).all()


OFF = {
    "not a phagocyte": lambda w: w.groups.phagocyte.__setitem__(slice(None), 0.0),
    "node": lambda w: w.groups.nodes.__setitem__((slice(None), NODE_PHAGOCYTOSIS), 0.0),
    "endocytosis": lambda w: w.groups.nodes.__setitem__((slice(None), NODE_ENDOCYTOSIS), 0.0),
    "apart": lambda w: w.cells.x.__setitem__(rows_of(w, 1), 130.0),
    "dying": lambda w: w.cells.state.__setitem__(rows_of(w, 1), CELL_APOPTOTIC),
    "phagocyte dying": lambda w: w.cells.state.__setitem__(rows_of(w, 0), CELL_APOPTOTIC),
    "undamaged": lambda w: w.mitochondria.damage.__setitem__(slice(None), 0),
    "not its own": lambda w: w.mitochondria.flags.__setitem__(slice(None), w.mitochondria.flags | (DONOR_FREE << 1)),
}


@pytest.mark.parametrize("why", sorted(OFF))
def test_nothing_is_passed_on(why):
    world = world_of(wells=5)
    OFF[why](world)
    sort(world)
    before = [c.tobytes() for t in (world.mitochondria, world.cells, world.pages) for c in t]
    run(world, values("transmitophagy", rate=5.0))
    assert [c.tobytes() for t in (world.mitochondria, world.cells, world.pages) for c in t] == before


def test_same_bytes_on_every_backend():
    from mitoferry.backends.cpu import Cpu
    from mitoferry.backends.reference import Reference

    found = []
    for backend in (Reference(), shared_backend(1), Cpu(threads=2, eager=True), Reference(shuffle=3)):
        world = world_of(
            wells=2, counts=(2, 1), places=((100.0, 100.0), (140.0, 100.0), (120.0, 100.0)), mitochondria=(3, 12), backend=backend
        )
        p = values("transmitophagy", rate=5.0)
        for k in range(2):
            module("transmitophagy").advance(world, Step(5 * k, 300 * k, 300.0 * k, 300.0), p)
        assert world.cells.donated.sum() > 4
        found.append([np.ascontiguousarray(c).tobytes() for t in (world.mitochondria, world.pages, world.cells, world.events) for c in t])
    assert all(f == found[0] for f in found)
