"""Stromal calming: closed form of secretion, mixing and decay; receptors; what NF-kB and IL-10 make of them; nothing without inflammation.

Faults seen to fail it, planted in a copy of the package: secretion without its drive; the decay of one factor for both; NF-kB that is not
told; IL-10 by the receptor in macrophages at rest.
"""

import numpy as np
import pytest

from fates import module, run, values
from immune_worlds import cells_of, immune_world, state_of
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_CYTOKINE_SECRETION, NODE_NFKB, NODE_PARACRINE
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    IL_1BETA,
    IL_10,
    PROSTAGLANDIN_E2,
    RECEPTOR_PROSTAGLANDIN_E2,
    RECEPTOR_TSG_6,
    TSG_6,
    Step,
)

P = values("stromal_calming")
VOLUME = 200.0 * 200.0 * 2000.0  # um^3
HEALTH = 1.0 / (1.0 + P.atp_half**2)


def calming_world(nfkb=1.0, **changes):
    world = immune_world(**{"calming_secretion": 1.0, **changes})
    world.cells.nfkb[cells_of(world)] = nfkb
    return world


def settle(world, hours, start=1, dt=300.0, p=P):
    return run(world, "stromal_calming", p, hours, dt, start=start)


def concentration(rate, hours, decay, n=4):
    k = decay / 3600.0
    return n * rate * 1000.0 / VOLUME * -np.expm1(-k * 3600.0 * hours) / k


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.1, False)])
@pytest.mark.parametrize("dt", [300.0, 12 * 3600.0])
@pytest.mark.parametrize("nfkb", [1.0, 0.2])
def test_secretion_mixing_and_decay_follow_the_closed_form(fault, right, dt, nfkb):
    """In one step of 12 h and in 144 of 5 min."""
    world = calming_world(nfkb)
    settle(world, 12.0, dt=dt)
    drive = fault * HEALTH * nfkb**2 / (nfkb**2 + P.induction_half**2)
    expected = [
        concentration(r * drive, 12.0, k) for r, k in ((P.prostaglandin_rate, P.prostaglandin_decay), (P.tsg_6_rate, P.tsg_6_decay))
    ]
    assert (world.wells.cytokines[0, [PROSTAGLANDIN_E2, TSG_6]] == pytest.approx(expected, rel=1e-4)) == right


@pytest.mark.parametrize(
    "why",
    [
        lambda w: w.cells.nfkb.fill(0.0),
        lambda w: w.groups.calming_secretion.fill(0.0),
        lambda w: w.cells.state.__setitem__(cells_of(w), CELL_APOPTOTIC),
        lambda w: w.groups.nodes.__setitem__((slice(None), NODE_PARACRINE), 0.0),
        lambda w: w.groups.nodes.__setitem__((slice(None), NODE_CYTOKINE_SECRETION), 0.0),
    ],
    ids=["no inflammation", "other type", "dying", "paracrine arm off", "secretion off"],
)
def test_nothing_comes_of(why):
    world = calming_world()
    why(world)
    before = state_of(world)
    settle(world, 12.0)
    assert state_of(world) == before


def test_nothing_is_secreted_before_time_zero():
    world = calming_world()
    before = state_of(world)
    for k in range(-12, 1):
        module("stromal_calming").advance(world, Step(k, 300 * k, 300.0 * k, 300.0), P)
    assert state_of(world) == before


@pytest.mark.parametrize(
    ("factor", "half", "receptor"),
    [(PROSTAGLANDIN_E2, P.prostaglandin_half, RECEPTOR_PROSTAGLANDIN_E2), (TSG_6, P.tsg_6_half, RECEPTOR_TSG_6)],
)
def test_receptors_are_half_occupied_at_their_half_and_no_others(factor, half, receptor):
    world = calming_world(0.0)
    world.wells.cytokines[0, factor] = half
    settle(world, 1 / 12, p=P._replace(prostaglandin_decay=0.0, tsg_6_decay=0.0))
    assert world.groups.receptors[0, receptor] == pytest.approx(0.5, rel=1e-5)
    assert np.count_nonzero(world.groups.receptors[0]) == 1


@pytest.mark.parametrize(("by_e2", "by_tsg"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.8), (0.5, 0.8), (1.0, 1.0)])
def test_nfkb_is_multiplied_by_what_the_receptors_leave(by_e2, by_tsg):
    """IL-1beta holds NF-kB at a half; a node of 0.6 multiplies with both. With empty receptors not a bit moves."""
    p = values("signals")
    found = []
    for occupied in (False, True):
        world = immune_world()
        world.cells.env[:, IL_1BETA] = p.nfkb_il1b_half
        world.groups.nodes[:, NODE_NFKB] = 0.6
        if occupied:
            world.groups.receptors[:, RECEPTOR_PROSTAGLANDIN_E2], world.groups.receptors[:, RECEPTOR_TSG_6] = by_e2, by_tsg
        run(world, "signals", p, 24.0, 300.0)
        found.append(world.cells.nfkb[cells_of(world)].copy())
    left = (1.0 - p.nfkb_prostaglandin * by_e2) * (1.0 - p.nfkb_tsg_6 * by_tsg)
    assert found[0] == pytest.approx(0.3, rel=1e-4)
    assert found[1] == pytest.approx(0.3 * left, rel=1e-4)
    assert (found[0].tobytes() == found[1].tobytes()) == (left == 1.0)


@pytest.mark.parametrize(
    ("shift", "nfkb", "occupied"), [(0.0, 0.0, 1.0), (0.0, 0.6, 0.5), (0.4, 1.0, 0.5), (-0.5, 1.0, 1.0), (0.4, 1.0, 0.0)]
)
def test_il_10_of_macrophages_by_the_receptor_of_prostaglandin(shift, nfkb, occupied):
    p = values("cytokines", il_10_half=1e9)
    world = immune_world(lymphokine_secretion=0.0)
    world.cells.polarisation[cells_of(world)] = shift
    world.cells.nfkb[cells_of(world)] = nfkb
    world.groups.receptors[:, RECEPTOR_PROSTAGLANDIN_E2] = occupied
    run(world, "cytokines", p, 1.0, 300.0, start=1)
    x = max(shift, 0.0)
    rate = p.il_10_rate / (1.0 + p.atp_half**2) * (x + (1.0 - x) * nfkb * occupied)
    assert world.wells.cytokines[0, IL_10] == pytest.approx(concentration(rate, 1.0, p.decay), rel=1e-3, abs=1e-12)


def test_cytokines_leave_the_two_factors_to_this_mechanism():
    """Both at work: mixed once, not twice."""
    world = calming_world()
    both = (("cytokines", values("cytokines")), ("stromal_calming", P))
    for k in range(1, 25):
        for name, p in both:
            module(name).advance(world, Step(k, 300 * k, 300.0 * k, 300.0), p)
    drive = HEALTH / (1.0 + P.induction_half**2)
    assert world.wells.cytokines[0, TSG_6] == pytest.approx(concentration(P.tsg_6_rate * drive, 2.0, P.tsg_6_decay), rel=1e-4)


def test_the_sum_does_not_depend_on_the_order_of_cells():
    found = []
    for shuffle in (None, 3):
        world = calming_world(count=40, backend=Reference(shuffle=shuffle))
        level = np.linspace(0.0, 1.0, 40)
        world.cells.nfkb[cells_of(world)] = level[::-1] if shuffle else level
        settle(world, 2.0)
        found.append(world.wells.cytokines.tobytes())
    assert found[0] == found[1]
