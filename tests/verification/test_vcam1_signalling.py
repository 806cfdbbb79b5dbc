"""VCAM-1 signalling: engaged VCAM-1 by the cells with VLA-4 that a stromal cell touches; NF-kB by it; ERK of myeloma by IL-6.

Faults seen to fail it, planted in a copy of the package: neighbours counted without their VLA-4; VLA-4 of the cell itself counted; dead
cells counted; NF-kB of it added to that of TLR9; IL-6 that acts on types that do not grow by it.
"""

import dataclasses

import numpy as np
import pytest

from fates import cells_world, module, shared_backend, values
from fates import rows_of as all_rows
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_ERK, NODE_NFKB
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import CELL_APOPTOTIC, IL_6, Step
from nanotubes import rows_of, sort, wells_of
from worlds import cell_type, make_spec, population

P = values("vcam1_signalling")
RING = [(20.0 * np.cos(a) + 100.0, 20.0 * np.sin(a) + 100.0) for a in np.arange(6) * np.pi / 3]
STEP = Step(0, 0, 0.0, 300.0)


def ringed(others, *, vcam1=1.0, vla4=1.0, backend=None, **changes):
    """A stromal cell in the middle of six, ``others`` of which have VLA-4 (population 1), the rest stroma (population 0)."""
    places = [(100.0, 100.0), *RING]
    numbers = {"radius": [10.0, 10.0], "vcam1": [vcam1, 0.0], "vla4": [0.0, vla4], **changes}
    return wells_of((7 - others, others), places, n_wells=1, mitochondria=(2, 2), backend=backend or shared_backend(), **numbers)


def bound(world, p=P):
    module("vcam1_signalling").advance(world, STEP, p)
    return world.cells.vcam1_bound


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.05, False)])
@pytest.mark.parametrize(("others", "vcam1", "vla4"), [(1, 1.0, 1.0), (3, 1.0, 1.0), (6, 0.5, 1.0), (2, 0.8, 0.4)])
def test_engaged_vcam1_follows_the_cells_that_it_touches(others, vcam1, vla4, fault, right):
    world = ringed(others, vcam1=vcam1, vla4=vla4)
    met = others * vla4
    middle = rows_of(world, 0)[0]
    expected = fault * vcam1 * met / (met + P.half)
    assert (bound(world)[middle] == pytest.approx(expected, rel=1e-6)) == right
    assert (world.cells.vcam1_bound[rows_of(world, 1)] == 0.0).all()  # they have none


def test_a_cell_counts_neither_itself_nor_those_that_it_does_not_touch_nor_the_dead():
    world = ringed(6, vla4=1.0)
    middle = rows_of(world, 0)[0]
    world.groups.vla4[int(world.cells.group[middle])] = 1.0
    assert bound(world)[middle] == pytest.approx(6.0 / (6.0 + P.half), rel=1e-6)
    world.cells.state[rows_of(world, 1)[:2]] = CELL_APOPTOTIC
    assert bound(world)[middle] == pytest.approx(4.0 / (4.0 + P.half), rel=1e-6)
    world.cells.x[rows_of(world, 1)[2:5]] += 100.0
    sort(world)
    assert bound(world)[middle] == pytest.approx(1.0 / (1.0 + P.half), rel=1e-6)
    world.cells.x[rows_of(world, 1)] += 100.0
    sort(world)
    assert bound(world)[middle] == 0.0  # it lets go at once


def test_nothing_is_engaged_through_the_membrane_of_an_insert():
    world = ringed(6, geometry=Geometry(kind="insert", size=(400.0, 400.0, 20.0), pore=0.4))
    middle = rows_of(world, 0)[0]
    world.cells.layer[rows_of(world, 1)] = 1
    sort(world)
    assert bound(world)[middle] == 0.0
    world.cells.layer[rows_of(world, 1)] = 0
    sort(world)
    assert bound(world)[middle] > 0.5


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.1, False)])
@pytest.mark.parametrize(("share", "tlr9", "node"), [(1.0, 0.0, 1.0), (0.5, 0.0, 1.0), (0.5, 0.6, 1.0), (1.0, 0.0, 0.2)])
def test_nfkb_rises_to_its_share_and_the_largest_alarm_counts(share, tlr9, node, fault, right):
    p = values("signals")
    world = cells_world(1)
    row = all_rows(world)[0]
    world.cells.vcam1_bound[row], world.cells.tlr9[row] = share, tlr9
    world.groups.nodes[:, NODE_NFKB] = node
    module("signals").advance(world, Step(0, 0, 0.0, 1e7), p)
    assert (world.cells.nfkb[row] == pytest.approx(fault * node * max(p.nfkb_vcam1 * share, tlr9), rel=1e-5)) == right


@pytest.mark.parametrize(("fault", "right"), [(1.0, True), (1.1, False)])
@pytest.mark.parametrize(("growth", "il_6", "node"), [(1.0, 0.2, 1.0), (0.5, 1.0, 1.0), (1.0, 5.0, 0.3)])
def test_il_6_raises_erk_of_types_that_grow_by_it(growth, il_6, node, fault, right):
    """ERK relaxes to node (1 + gain Hill2(IL-6)) with its time constant, the same in one step and in 24."""
    p = values("erk_signalling", il_6_half=0.2, il_6_gain=0.5)
    for steps in (1, 24):
        world = cells_world(2, numbers={"il_6_growth": growth})
        world.wells.cytokines[0, IL_6] = il_6
        world.groups.nodes[:, NODE_ERK] = node
        for k in range(steps):
            module("erk_signalling").advance(world, Step(k, 0, 0.0, 7200.0 / steps), p)
        target = node * (1.0 + fault * 0.5 * growth * il_6**2 / (il_6**2 + 0.04))
        expected = target + (1.0 - target) * np.exp(-2.0 / p.time)
        assert (world.cells.erk[all_rows(world)] == pytest.approx(np.full(2, expected), rel=1e-5)) == right


def test_at_rest_and_in_other_types_not_a_bit_moves():
    world = cells_world(3)
    world.wells.cytokines[0, IL_6] = 50.0
    before = [c.tobytes() for c in world.cells]
    module("erk_signalling").advance(world, STEP, values("erk_signalling"))
    assert [c.tobytes() for c in world.cells] == before
    alone = ringed(6, vla4=0.0)
    before = [c.tobytes() for c in alone.cells]
    bound(alone)
    assert [c.tobytes() for c in alone.cells] == before


def test_it_is_wanted_where_both_kinds_of_cells_are_in_one_arm():
    blood, stroma = cell_type("blood", vla4=1.0), cell_type("stroma", vcam1=1.0)
    wanted = module("vcam1_signalling").PROCESS.at_work
    assert wanted(make_spec([population("recipient", 0, numbers=blood), population("donor", 1, numbers=stroma)]))
    for kind in (blood, stroma):
        assert not wanted(make_spec([population("recipient", 0, numbers=kind), population("donor", 1, numbers=kind)]))
    spec = make_spec([population("recipient", 0, numbers=blood)])
    other = make_spec([population("donor", 0, numbers=stroma)])
    assert not wanted(dataclasses.replace(spec, arms=spec.arms + other.arms))


def test_the_same_bytes_on_all_backends():
    found = [bound(ringed(4, backend=b)).tobytes() for b in (Reference(), Cpu(threads=1), Cpu(threads=2))]
    assert found[0] == found[1] == found[2]
