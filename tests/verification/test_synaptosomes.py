"""Synaptosomes and exophers by cell type: shed at the rate of the type, raised by injury, with no more mitochondria than fit.

Fault seen to fail it, planted in a copy of the package: the injury left out, damaged mitochondria preferred, one mitochondrion wanted
at least (numbers inside), exophers of all types at one rate.
"""

import numpy as np
import pytest
from scipy import stats

from fates import rest, run, shared_backend, slots_of, values
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import Geometry
from mitoferry.core.schema import CELL_APOPTOTIC, EXOPHER, MASS_SCALE, SYNAPTOSOME
from mitoferry.library.cell_types import load_cell_types
from vesicles import check_containers, rows_in_use
from worlds import cell_type, make_world, population

ALPHA = 1e-5
QUIET = {"microvesicle_rate": 0.0, "mitovesicle_rate": 0.0, "migrasome_rate": 0.0, "exosome_rate": 0.0}


def neurons(count=30, *, synaptosomes=4.0, exophers=1.0, seed=1, mitochondria=40.0):
    """Neurons (population 0) and cells without synapses (population 1), at rest."""
    one = cell_type("neuron", mitochondria=mitochondria, cell_cv=0.0, synaptosomes=synaptosomes, exophers=exophers)
    other = cell_type("other", mitochondria=mitochondria, cell_cv=0.0)
    world = make_world(
        [population("recipient", 0, count=count, numbers=one), population("donor", 1, count=count, numbers=other)],
        backend=shared_backend(), seed=seed, geometry=Geometry(size=(200.0, 200.0, 20.0), medium_height=100.0),
    )  # fmt: skip
    rest(world)
    return world


def rows_of(world, *populations):
    """Rows of the cells of these populations, of all if none is named."""
    cells, n = world.cells, world.n_cells
    here = (np.arange(n) >= 2 * world.n_wells) & (np.isin(cells.population[:n], populations) if populations else True)
    return np.flatnonzero(here)


def shed(world, hours=0.25, **changes):
    run(world, "vesicle_release", values("vesicle_release", **{**QUIET, "exopher_rate": 0.0, **changes}), hours, 60.0)
    check_containers(world)
    world.ledger.check(world, "vesicle_release", 0)
    return world


def poisson(n, mean):
    return min(stats.poisson.cdf(n, mean), stats.poisson.sf(n - 1, mean)) > ALPHA


@pytest.mark.parametrize(("exposed", "node"), [(0.0, 1.0), (0.6, 1.0), (0.0, 2.5)])
def test_synaptosomes_are_shed_at_the_rate_of_the_type_and_more_after_injury(exposed, node):
    world = neurons()
    world.cells.phosphatidylserine[:] = exposed
    world.groups.nodes[:, NODE["synaptosomes"]] = node
    shed(world, 1.0)
    p = values("vesicle_release")
    stress = 0.005**2 / (0.005**2 + p.h2o2_half**2)
    injury = 1 + p.synaptosome_injury * (1 - (1 - exposed) * (1 - stress))
    n = int(world.cells.vesicles[rows_of(world, 0), SYNAPTOSOME].sum())
    assert poisson(n, 30 * 4.0 * node * injury)
    assert not poisson(n, 30 * 4.0 * 2 * node * injury)
    if exposed:
        assert not poisson(n, 30 * 4.0)  # planted fault: no injury
    assert world.cells.vesicles[rows_of(world, 1), SYNAPTOSOME].sum() == 0


def test_they_hold_what_fits_of_0_to_5_healthy_or_not():
    world = neurons(count=60, mitochondria=100.0)
    held = np.concatenate([slots_of(world, int(c)) for c in rows_of(world, 0)])
    world.mitochondria.mass[held] = round(0.1 / MASS_SCALE)  # 0.42 um: all five fit the larger ones only
    damaged = held[::4]
    world.mitochondria.damage[damaged] = 65535
    world.ledger.open(world)
    shed(world, 1.0, synaptosome_spread=0.3)
    v, rows = world.vesicles, rows_in_use(world)
    assert set(v.kind[rows]) == {SYNAPTOSOME}
    assert (v.phosphatidylserine[rows] == 1).all()
    n = v.n_cargo[rows]
    assert n.min() >= 1
    assert n.max() == 5
    p = values("vesicle_release")
    d3 = p.diameter**3 * 0.1
    inside = 2e-3 * v.radius[rows].astype(float) - p.margin
    assert (n * d3 <= np.maximum(p.packing * inside**3, d3) * 1.01).all()
    total = int(world.cells.vesicles[rows_of(world, 0), SYNAPTOSOME].sum())
    assert total > 150
    # of 0..5 wanted, a sixth want none; those that want one or more hold one or more, as all are wider than one mitochondrion
    assert stats.binomtest(int(rows.size), total, 5 / 6).pvalue > ALPHA
    slots = np.concatenate([v.slots[r, : v.n_cargo[r]] for r in rows])
    sick = int((world.mitochondria.damage[slots] == 65535).sum())
    assert stats.binomtest(sick, slots.size, 0.25).pvalue > ALPHA
    assert stats.binomtest(sick, slots.size, 0.5).pvalue < ALPHA  # planted fault: damaged ones are sought


def test_none_without_synapses_or_from_a_dying_cell():
    world = neurons()
    world.groups.nodes[:, NODE["synaptosomes"]] = 0.0
    assert shed(world).cells.vesicles.sum() == 0
    dying = neurons()
    dying.cells.state[rows_of(dying)] = CELL_APOPTOTIC
    assert shed(dying, body_rate=0.0).cells.vesicles[:, SYNAPTOSOME].sum() == 0


def test_exophers_by_cell_type():
    world = shed(neurons(synaptosomes=0.0, exophers=10.0), 0.5, exopher_rate=0.5)
    many, few = (int(world.cells.vesicles[rows_of(world, k), EXOPHER].sum()) for k in (0, 1))
    assert many + few > 60
    assert stats.binomtest(many, many + few, 10 / 11).pvalue > ALPHA
    assert stats.binomtest(many, many + few, 0.5).pvalue < ALPHA  # planted fault: the same for all
    types = load_cell_types()
    assert types["cardiomyocyte"].value("exophers") == max(t.value("exophers") for t in types.values())
    assert types["cortical_neuron"].value("synaptosomes") > 0.0
    assert types["bm_msc"].value("synaptosomes") == 0.0
