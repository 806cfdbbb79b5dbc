"""Cells without mitochondria: how far our clocks and the pinned ones are from the limit of small steps, by halving.

What docs/performance.md states of the error of our clocks is asserted here.
"""

import pytest

from fates import shared_backend
from mitoferry.studies.cells_only.clocks import FreeClocks, OwnClocks
from mitoferry.studies.cells_only.error import errors_of_clocks
from mitoferry.studies.cells_only.workload import workload_for

FACE = 38.0


def by_name(work, clocks=None, times=(0.1, 0.5, 6.0)):
    return {(d.what, d.minutes): d for d in errors_of_clocks(work, shared_backend(), times, clocks)}


@pytest.mark.parametrize(("clocks", "right"), [(OwnClocks(), True), (OwnClocks(field=1.0, place=1.0), False)])
def test_our_clocks_are_within_the_stated_error(clocks, right):
    """1 % of the faces while the field settles, 0.1 % after, places within 0.02 um; planted: tolerances 30 and 20 times as wide.

    The limit is extrapolated from pinned clocks 8 and 4 times as fast, and itself known to some 0.1 % of the faces. Fault seen to fail
    it, planted in a copy of the package: steps of mechanics always the longest.
    """
    found = by_name(workload_for(1500, jitter=0.8), clocks)
    early, late = found["own clocks, to the limit", 0.1], found["own clocks, to the limit", 6.0]
    kept = [
        early.substrate_rms < 0.01 * FACE,
        found["own clocks, halved", 0.1].substrate_max < 0.01 * FACE,
        found["own clocks, to the limit", 0.5].substrate_max < 0.002 * FACE,
        late.substrate_max < 0.002 * FACE,
        late.place_max < 0.02,
        found["own clocks, halved", 6.0].place_max < 0.02,
    ]
    assert all(kept) == right, kept


def test_our_clocks_err_less_than_the_pinned_ones_and_both_have_the_same_limit():
    """Halving the pinned clocks halves their error (first order): the limit is that of our clocks, which solve all axes together."""
    found = by_name(workload_for(800, jitter=0.8), times=(6.0,))
    own, pinned = found["own clocks, to the limit", 6.0], found["pinned clocks, to the limit", 6.0]
    assert own.substrate_max < 0.02 * pinned.substrate_max
    assert found["pinned clocks, halved", 6.0].substrate_max == pytest.approx(0.5 * pinned.substrate_max, rel=0.1)
    assert pinned.place_max < 1e-3


def test_cells_and_fields_at_rest_cost_few_steps():
    work = workload_for(800)
    run = FreeClocks(work, shared_backend())
    run.advance(10.0)
    before = run.steps, run.crowd.steps
    run.advance(50.0)
    assert run.steps - before[0] <= 12
    assert run.crowd.steps - before[1] <= 12


def test_cells_that_move_take_more_steps():
    """Shaken cells need shorter steps, and their lists are made anew."""
    still, moving = FreeClocks(workload_for(800), shared_backend()), FreeClocks(workload_for(800, jitter=2.0), shared_backend())
    still.advance(3.0)
    moving.advance(3.0)
    assert moving.crowd.steps > 2 * still.crowd.steps
    assert moving.crowd.listings > still.crowd.listings
