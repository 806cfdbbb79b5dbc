"""qPCR and heteroplasmy on hand-made worlds."""

import math

import numpy as np
import pytest
from scipy import stats

from mitoferry.assays.mtdna_qpcr import HETEROPLASMY, QPCR
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import OCCUPIED, Step
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)


def world_of(donor=(0.0, 1.0, 0.0, 0.0), recipient=(1.0, 0.0, 0.0, 0.0), n=10, **changes):
    numbers = cell_type(mitochondria=10.0, mtdna=40.0)
    both = (
        population("recipient", 0, count=n, numbers=numbers, haplotypes=recipient),
        population("donor", 1, count=2, numbers=numbers, haplotypes=donor),
    )
    return make_world(both, backend=Reference(), size=2000.0, **changes)


def read(assay, world, of=0, **options):
    return {r.readout: r.value for r in assay.measure(world, of, options, STEP) if r.well == 0}


def in_cells(world, p):
    owner = np.repeat(world.pages.owner, 32)
    taken = (world.mitochondria.flags & OCCUPIED != 0) & (owner >= 0)
    return np.flatnonzero(taken & (world.cells.population[np.maximum(owner, 0)] == p))


def test_donor_mtdna_is_found():
    world = world_of()
    slots = in_cells(world, 0)
    assert read(QPCR, world, error=0.0)["donor_share"] == 0.0
    world.mitochondria.copies[slots[:10]] = (0, 4, 0, 0)
    copies = world.mitochondria.copies[slots].sum(axis=0)
    found = read(QPCR, world, error=0.0)
    assert found["donor_share"] == pytest.approx(copies[1] / copies.sum())
    assert found["true_donor_share"] == found["donor_share"]
    assert found["copies_per_cell"] == copies.sum() / 10
    assert found["donor_copies_per_cell"] == copies[1] / 10
    assert read(QPCR, world, error=0.0, detection_limit=0.9)["donor_share"] == 0.0
    assert read(QPCR, world)["donor_share"] == pytest.approx(found["donor_share"], rel=1.0)
    assert read(QPCR, world)["donor_share"] != found["donor_share"]


def test_debris_looks_like_transfer():
    world = world_of()
    donor = np.flatnonzero(world.cells.population[: world.n_cells] == 1)
    world.pages.owner[world.cells.first_page[donor[0]]] = world.pool(0, 1)
    found = read(QPCR, world, error=0.0)
    assert found["true_donor_share"] == 0.0
    assert found["donor_share"] > 0.0
    assert found["debris_share"] > 0.0
    assert read(QPCR, world, error=0.0, debris=0.0)["donor_share"] == 0.0


def test_undefined_where_haplotypes_cannot_be_told_apart():
    world = world_of(donor=(1.0, 0.0, 0.0, 0.0))
    assert math.isnan(read(QPCR, world)["donor_share"])
    assert read(QPCR, world)["copies_per_cell"] > 0


@pytest.mark.parametrize(("shift", "caught"), [(0.0, False), (0.2, True)])
def test_heteroplasmy_is_sampled_binomially(shift, caught):
    world = world_of(recipient=(0.4, 0.0, 0.6, 0.0), pathogenic=(False, False, True, False), parameters={"mtdna.threshold": 0.8})
    slots = in_cells(world, 0)
    world.mitochondria.copies[slots] = (2, 0, 3, 0)
    found = read(HETEROPLASMY, world, depth=500)
    assert found["true_heteroplasmy"] == pytest.approx(0.6)
    assert found["between_cells_sd"] == pytest.approx(0.0, abs=1e-6)
    p = stats.binomtest(round(500 * found["heteroplasmy"]), 500, 0.6 - shift).pvalue
    assert (p < 1e-6) == caught


def test_spread_of_heteroplasmy_over_measurements():
    world = world_of(recipient=(0.4, 0.0, 0.6, 0.0), pathogenic=(False, False, True, False))
    world.mitochondria.copies[in_cells(world, 0)] = (2, 0, 3, 0)
    reads = []
    for k in range(200):
        values = {r.readout: r.value for r in HETEROPLASMY.measure(world, 0, {"depth": 100.0}, Step(k, 60 * k, 60.0 * k, 60.0))}
        reads.append(100 * values["heteroplasmy"])
    chi2 = np.sum((np.array(reads) - 60.0) ** 2) / 24.0
    assert 1e-6 < stats.chi2.cdf(chi2, 200) < 1 - 1e-6
