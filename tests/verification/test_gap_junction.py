"""Gap junctions (F9): the number of mitochondria that pass between touching cells is Poisson with the predicted rate.

Faults seen to fail it, as wrong expectations in the tests: connexin of one cell only, both cells swallow at the full rate, every
vesicle holds a mitochondrion, rate that does not follow the contact. Planted in a copy of the package: the first two, and that the
first mitochondrion in the table is always the one.
"""

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CLASS_MASK,
    CLASS_SHIFT,
    DONOR_ENDOSOME,
    DOUBLE_MEMBRANE,
    ENDOSOME,
    PLACE_MASK,
    PLACE_SHIFT,
    ROUTE_GAP_JUNCTION,
    ROUTE_MASK,
    ROUTE_SHIFT,
)
from mitoferry.processes import gap_junction
from mitoferry.processes.contacts import contact_length
from nanotubes import HOUR, Stage, held, rows_of, sort, wells_of
from worlds import make_spec

BACKEND = Cpu(threads=1)
ALPHA = 1e-4
APART = 20.0
FAST = {"internalisation_rate": 20.0, "mitochondrion_chance": 0.1, "reference_density": 13.3}  # a hundred times as fast, for small cells


def pairs(n, mitochondria=(60, 20), *, apart=APART, seed=1, geometry=None, **numbers):
    """Wells with one cell of each population, their centres ``apart`` um apart."""
    numbers = {"cx43": (0.8, 0.6), **numbers}
    return wells_of(
        (1, 1), [(100.0, 100.0), (100.0 + apart, 100.0)], n_wells=n, mitochondria=mitochondria, backend=BACKEND, seed=seed,
        geometry=geometry, **numbers,
    )  # fmt: skip


def run(world, hours=1.0, steps=6, **changes):
    return Stage(world, (gap_junction,), gap_junction={**FAST, **changes}).run(hours * HOUR / steps, steps)


def plaques(cx43=(0.8, 0.6), apart=APART):
    """Expected number of plaques of a pair of cells of 10 um."""
    return 0.5 * contact_length(apart, 10.0, 10.0, 1.0) * cx43[0] * cx43[1]


def poisson(counts, mean):
    """Whether counts are Poisson of this mean: total and dispersion."""
    total = int(counts.sum())
    tail = 2 * min(stats.poisson.cdf(total, mean * counts.size), stats.poisson.sf(total - 1, mean * counts.size))
    index = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    return tail > ALPHA and ALPHA < stats.chi2(counts.size - 1).cdf(index) < 1 - ALPHA


def test_length_of_a_contact():
    assert contact_length(21.0, 10.0, 10.0, 1.0) == 0.0
    assert np.isclose(contact_length(20.0, 10.0, 10.0, 1.0), 2 * np.sqrt(10.5**2 - 10**2))
    lengths = [contact_length(d, 10.0, 4.0, 1.0) for d in np.linspace(15.0, 0.0, 40)]
    assert np.all(np.diff(lengths) >= -1e-9)
    assert lengths[-1] == 9.0  # within: the whole width of the small one
    assert contact_length(12.0, 10.0, 4.0, 1.0) == contact_length(12.0, 4.0, 10.0, 1.0)


@pytest.mark.parametrize("steps", [2, 15])
def test_f9_transfers_are_poisson_with_the_predicted_rate(steps):
    """The sum over both directions goes with the number of mitochondria of both cells, which does not change."""
    n = 300
    world = pairs(n, seed=steps)
    number = held(world)[rows_of(world, 0)] + held(world)[rows_of(world, 1)]
    volume = float(world.cells.volume[rows_of(world, 0)[0]])
    h = run(world, steps=steps).handovers()
    assert (h["route"] == ROUTE_GAP_JUNCTION).all()
    counts = np.bincount(h["well"], minlength=n)
    assert len(set(number)) == 1
    chance = 0.1 * number[0] / volume / 13.3
    mean = 10.0 * plaques() * chance
    assert counts.sum() > 300
    assert poisson(counts, mean)
    assert not poisson(counts, mean / 0.6)  # planted faults: connexin of one cell only,
    assert not poisson(counts, 2 * mean)  # each cell swallows at the full rate
    shares = stats.binomtest(int((h["target_population"] == 1).sum()), counts.sum(), 60 / 80)
    assert shares.pvalue > ALPHA or abs(shares.statistic - 0.75) < 0.06  # the numbers even out a little
    assert (np.diff(h["time"]) >= 0).mean() > 0.9
    assert (held(world)[rows_of(world, 0)] + held(world)[rows_of(world, 1)] == number).all()


def test_vesicles_without_a_mitochondrion_are_counted():
    n = 300
    world = pairs(n, seed=3)
    stage = run(world, hours=0.3)
    made = world.extra["gap_junction.vesicles"]
    assert made[:, 1].sum() == len(stage.handovers()["well"])
    per_well = made[rows_of(world, 0)].sum(axis=1) + made[rows_of(world, 1)].sum(axis=1)
    assert poisson(per_well, 20.0 * 0.3 * plaques())
    assert not poisson(made[:, 1][rows_of(world, 0)], 10.0 * 0.3 * plaques())  # planted fault: all hold one


def test_rate_follows_the_contact():
    near, far = (run(pairs(200, apart=d, seed=4)).handovers()["well"].size for d in (17.0, 20.0))
    ratio = plaques(apart=17.0) / plaques(apart=20.0)
    assert ratio > 1.5
    assert stats.binomtest(near, near + far, ratio / (1 + ratio)).pvalue > ALPHA
    assert stats.binomtest(near, near + far, 0.5).pvalue < ALPHA
    assert run(pairs(50, apart=21.1)).handovers()["well"].size == 0


def test_f9_knocking_out_one_side_removes_exactly_its_share():
    """The vesicles that a cell makes do not depend on whether the other one makes any."""
    world, cut = pairs(300, seed=5), pairs(300, seed=5)
    cut.groups.nodes[cut.groups.population == 0, NODE["plaque_internalisation"]] = 0.0
    run(world), run(cut)
    made, left = world.extra["gap_junction.vesicles"], cut.extra["gap_junction.vesicles"]
    r0, r1 = rows_of(world, 0), rows_of(world, 1)
    assert made[r0].sum() > 300
    assert left[r0].sum() == 0
    assert (made[r1].sum(axis=1) == left[r1].sum(axis=1)).all()


@pytest.mark.parametrize("node", ["cx43", "plaque_internalisation", "endocytosis", "temperature"])
def test_nodes_at_zero_give_none(node):
    world = pairs(50)
    world.groups.nodes[:, NODE[node]] = 0.0
    assert run(world, hours=4.0).handovers()["well"].size == 0


@pytest.mark.parametrize("case", ["connexin of one cell", "insert", "dead", "executing", "no PI3K", "too large"])
def test_no_transfer_where_there_is_no_junction(case):
    changes = {}
    world = pairs(50, geometry=Geometry(kind="insert", size=(400.0, 400.0, 20.0), pore=0.4) if case == "insert" else None)
    if case == "connexin of one cell":
        world.groups.cx43[world.groups.population == 0] = 0.0
    elif case == "insert":
        world.cells.layer[rows_of(world, 1)] = 1
    elif case == "dead":
        world.cells.state[rows_of(world, 1)] = CELL_DEAD_APOPTOTIC
    elif case == "executing":
        world.cells.state[rows_of(world, 0)] = CELL_APOPTOTIC
    elif case == "no PI3K":
        world.cells.akt[rows_of(world, 0)] = 0.0
    else:
        changes["largest_vesicle"] = 0.5  # a mitochondrion of one unit is 0.9 um
        world.mitochondria.mass[world.mitochondria.flags & 1 != 0] = 8192
        world.ledger.open(world)
    sort(world)
    assert run(world, hours=4.0, **changes).handovers()["well"].size == 0
    if case == "too large":
        assert world.extra["gap_junction.vesicles"][:, 0].sum() > 100
    assert run(pairs(50), hours=4.0).handovers()["well"].size > 100


def test_arrivals_lie_in_double_membranes_and_none_is_taken_from_an_endosome():
    world = pairs(100, seed=6)
    flags = world.mitochondria.flags
    endosomal = np.flatnonzero((flags & 1 != 0) & (world.mitochondria.ordinal % 2 == 0))
    flags[endosomal] |= ENDOSOME << PLACE_SHIFT
    h = run(world).handovers()
    assert h["well"].size > 100
    assert (h["ordinal"] % 2 == 1).all()
    flags = world.mitochondria.flags.astype(int)
    came = (flags & 1 != 0) & ((flags >> ROUTE_SHIFT) & ROUTE_MASK == ROUTE_GAP_JUNCTION)
    assert came.sum() > 100
    assert set((flags[came] >> PLACE_SHIFT) & PLACE_MASK) == {DOUBLE_MEMBRANE}
    assert set((flags[came] >> CLASS_SHIFT) & CLASS_MASK) == {DONOR_ENDOSOME}
    # any of them, not the first: ordinals spread over the cell
    assert np.unique(h["ordinal"]).size > 15


def test_wanted_where_two_cells_with_connexin_can_touch():
    from worlds import cell_type, population

    def spec(cx43, counts=(1, 1), layers=(0, 0), kind="dish"):
        both = [
            population(f"p{k}", k, counts[k], numbers=cell_type(cx43=cx43[k]), layer=layers[k], role="donor" if k else "recipient")
            for k in (0, 1)
        ]
        return make_spec(both, geometry=Geometry(kind=kind))

    assert gap_junction.wanted(spec((1.0, 0.5)))
    assert not gap_junction.wanted(spec((1.0, 0.0)))
    assert gap_junction.wanted(spec((1.0, 0.0), counts=(2, 1)))
    assert not gap_junction.wanted(spec((1.0, 1.0), layers=(0, 1), kind="insert"))
