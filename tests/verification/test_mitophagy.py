"""Mitophagy: rates, PINK1 delay, limit of the lysosomes, nodes, what is booked. Planted faults are caught.

Faults seen to fail it, planted in a copy of the package: a rate 1.3 times too high; a loss that is not booked (F18).
"""

import numpy as np
import pytest
from scipy import stats

from mitoferry.base.errors import LedgerError
from mitoferry.core.nodes import NODE
from mitoferry.core.schema import (
    CLASS_SHIFT,
    DONOR_FREE,
    ENDOSOME,
    OCCUPIED,
    PINK1,
    PLACE_SHIFT,
    SICK_ON_ARRIVAL,
    TALLY_COPIES_OUT,
    TALLY_DEGRADED,
    TALLY_MASS_OUT,
)
from mitoferry.processes import mitophagy
from quality_worlds import occupied, parameters, rows, run, uniform_world

P = parameters(None, "mitophagy", mitophagy.Parameters)
N = 64 * 60


def left_after(hours, *, world=None, **changes):
    world = world or uniform_world(60, mitochondria=64)
    run(world, ["mitophagy"], hours, mitophagy=changes)
    return occupied(world).size, world


@pytest.mark.parametrize(("wrong", "passes"), [(1.0, True), (1.3, False)], ids=["exact", "planted fault"])
def test_basal_rate(wrong, passes):
    n, _ = left_after(48)
    assert bool(stats.binomtest(n, N, np.exp(-wrong * P.basal_rate * 48)).pvalue > 1e-4) is passes


def test_lost_mass_and_copies_are_booked_and_an_unbooked_loss_is_caught():
    world = uniform_world(20, mitochondria=64)
    mass = int(world.mitochondria.mass.astype(int).sum())
    copies = int(world.mitochondria.copies.astype(int).sum())
    left_after(48, world=world)
    books = world.wells.ledger[0]
    assert books[TALLY_DEGRADED] == 20 * 64 - occupied(world).size > 100
    assert books[TALLY_MASS_OUT] == mass - int(world.mitochondria.mass.astype(int).sum())
    assert books[TALLY_COPIES_OUT] == copies - int(world.mitochondria.copies.astype(int).sum())
    assert (
        world.cells.n_mitochondria[rows(world)]
        == np.bincount(world.pages.owner[occupied(world) // 32], minlength=world.n_cells)[rows(world)]
    ).all()
    world.mitochondria.flags[occupied(world)[0]] = 0
    with pytest.raises(LedgerError, match="mitophagy"):
        world.ledger.check(world, "mitophagy", 0)


def depolarised(psi=20.0, node=1.0, lysosome=1.0):
    world = uniform_world(60, mitochondria=64)
    world.cells.psi[:] = psi
    world.groups.nodes[:, NODE["pink1_parkin"]] = node
    world.groups.nodes[:, NODE["lysosome"]] = lysosome
    return world


def test_pink1_waits_for_its_delay_and_forgets():
    world = depolarised()
    run(world, ["mitophagy"], 0.5)
    assert not (world.mitochondria.flags[occupied(world)] & PINK1).any()
    run(world, ["mitophagy"], 0.5, start=1800)
    assert (world.mitochondria.flags[occupied(world)] & PINK1).all()
    world.cells.psi[:] = 150.0
    run(world, ["mitophagy"], 0.5, start=3600)
    assert not (world.mitochondria.flags[occupied(world)] & PINK1).any()
    assert not world.mitochondria.depolarised[occupied(world)].any()


def test_pink1_adds_its_rate_and_needs_parkin():
    changes = {"lysosome_capacity": 1e9, "pink1_delay": 0.0}
    n, _ = left_after(6, world=depolarised(), **changes)
    assert stats.binomtest(n, N, np.exp(-(P.basal_rate + P.pink1_rate) * 6)).pvalue > 1e-4
    n, _ = left_after(6, world=depolarised(node=0.0), **changes)
    assert stats.binomtest(n, N, np.exp(-P.basal_rate * 6)).pvalue > 1e-4


def test_lysosomes_limit_the_total_and_bafilomycin_stops_it():
    n, world = left_after(6, world=depolarised(), pink1_delay=0.0)
    most = P.lysosome_capacity * 64 * 6  # per cell
    lost = 64 - n / 60
    assert abs(60 * (lost - most)) < 4.5 * np.sqrt(60 * most)
    assert world.cells.mitophagy_load[rows(world)] == pytest.approx(P.lysosome_capacity * 64)
    n, _ = left_after(6, world=depolarised(lysosome=0.0))
    assert n == N


def test_the_pulse_of_degraded_arrivals_takes_the_damaged():
    world = uniform_world(60, mitochondria=64)
    world.cells.arrival_pulse[:] = 1.0
    world.mitochondria.damage[occupied(world)[::2]] = 65535
    n, _ = left_after(12, world=world, lysosome_capacity=1e9)
    damaged = int((world.mitochondria.damage[occupied(world)] > 60000).sum())
    assert stats.binomtest(damaged, N // 2, np.exp(-(P.basal_rate + P.arrival_gain) * 12)).pvalue > 1e-4
    assert n - damaged > 0.9 * N / 2
    world.groups.nodes[:, NODE["arrival_mitophagy"]] = 0.0
    before = damaged
    left_after(1, world=world, lysosome_capacity=1e9, basal_rate=0.0)
    assert int((world.mitochondria.damage[occupied(world)] > 60000).sum()) == before


def test_unfused_arrivals_are_counted_and_those_in_endosomes_are_left_alone():
    world = uniform_world(40, mitochondria=64)
    slots = occupied(world)
    world.mitochondria.flags[slots[::4]] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT)
    world.mitochondria.flags[slots[1::4]] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT) | SICK_ON_ARRIVAL
    world.mitochondria.flags[slots[2::4]] = OCCUPIED | (ENDOSOME << PLACE_SHIFT)
    left_after(100, world=world)
    alive = world.mitochondria.flags[slots] & OCCUPIED > 0
    lost = [int((~alive[k::4]).sum()) for k in range(4)]
    assert lost[2] == 0
    assert world.cells.degraded_foreign.sum(axis=0).tolist() == [lost[0] + lost[1], lost[0], 0]
    assert int(world.cells.lysed_arrivals.sum()) == lost[0] + lost[1] > 100


def test_arrivals_that_lost_their_membrane_outside_are_degraded_without_a_signal():
    """Fault seen to fail it, planted in a copy of the package: all of them counted."""
    from mitoferry.core.schema import BROKEN

    world = uniform_world(40, mitochondria=64)
    slots = occupied(world)
    world.mitochondria.flags[slots[::2]] = OCCUPIED | (DONOR_FREE << CLASS_SHIFT) | BROKEN
    left_after(100, world=world)
    assert int(world.cells.lysed_arrivals.sum()) > 100
    assert (world.cells.degraded_foreign == 0).all()
    assert (world.cells.heme[: world.n_cells] > 0.0).any()


def test_halving_the_step_changes_the_count_within_three_percent():
    def lost(dt):
        world = depolarised()
        run(world, ["mitophagy"], 6, dt=dt, mitophagy={"lysosome_capacity": 1e9, "pink1_delay": 0.0})
        return N - occupied(world).size

    assert lost(300) == pytest.approx(lost(600), abs=0.03 * lost(600) + 4 * np.sqrt(2 * lost(600)))


def test_what_lost_its_membrane_counts_as_without_potential():
    """In a cell at full potential: time below the threshold for the broken ones alone. Fault seen to fail it: only open pores count."""
    from fates import cells_world, rows_of, slots_of
    from fates import run as advance
    from fates import values as library
    from mitoferry.core.schema import BROKEN

    world = cells_world(1, 40)
    slots = slots_of(world, rows_of(world)[0])
    world.mitochondria.flags[slots[:10]] |= BROKEN
    advance(world, "mitophagy", library("mitophagy", basal_rate=0.0, pink1_rate=0.0), 600 / 3600, 600.0)
    assert (world.mitochondria.depolarised[slots[:10]] > 0).all()
    assert (world.mitochondria.depolarised[slots[10:]] == 0).all()
