"""Nanotube and filopodia counts on hand-made links."""

import numpy as np
import pytest
from scipy import stats

from mitoferry.assays.filopodia_count import FILOPODIA
from mitoferry.assays.nanotube_count import NANOTUBES, detectability
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import KIND_GAP_JUNCTION, KIND_NANOTUBE, LINK_CLOSED, LINK_GROWING, LINK_OPEN, Step
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)


def world_of(n=4):
    numbers = cell_type(mitochondria=2.0, mtdna=4.0)
    both = (population("recipient", 0, count=n, numbers=numbers), population("donor", 1, count=n, numbers=numbers))
    return make_world(both, backend=Reference(), size=2000.0)


def link(world, a, b, state=LINK_OPEN, kind=KIND_NANOTUBE, thick=1, length=20.0, diameter=0.7):
    world.reserve_links(world.n_links + 1, 1)
    i, k = world.n_links, world.links
    world.n_links = i + 1
    k.id[i], k.well[i], k.a[i], k.b[i], k.id_a[i], k.id_b[i] = i + 1, world.cells.well[a], a, b, world.cells.id[a], world.cells.id[b]
    k.state[i], k.kind[i], k.thick[i], k.length[i], k.diameter[i] = state, kind, thick, length, diameter


def rows(world, p):
    return np.flatnonzero(world.cells.population[: world.n_cells] == p)


def read(assay, world, of=None, **options):
    return {r.readout: r.value for r in assay.measure(world, of, options, STEP) if r.well == 0}


def test_counts_lengths_and_origin():
    world = world_of()
    r, d = rows(world, 0), rows(world, 1)
    link(world, r[0], d[0], length=10.0)
    link(world, r[1], d[0], length=20.0, thick=0, state=LINK_CLOSED, diameter=0.1)
    link(world, d[1], r[2], length=30.0)
    link(world, r[0], r[1], length=40.0)
    link(world, r[2], r[3], state=LINK_GROWING)
    link(world, r[2], r[3], kind=KIND_GAP_JUNCTION)
    well = read(NANOTUBES, world, detect="all")
    assert well["n_tubes"] == 4
    assert well["tubes_per_cell"] == 4 / 8
    assert well["tubes_per_100_cells"] == 50.0
    assert well["thick_per_cell"] == 3 / 8
    assert well["thin_per_cell"] == 1 / 8
    assert well["open_per_cell"] == 3 / 8
    assert well["between_types_per_cell"] == 3 / 8
    assert well["mean_length"] == 25.0
    assert well["from_donor_fraction"] == pytest.approx(1 / 3)
    donors = read(NANOTUBES, world, of=1, detect="all")
    assert donors["n_tubes"] == 3
    assert donors["tubes_per_cell"] == 3 / 4


def test_thin_and_short_tubes_are_missed():
    assert detectability(np.array(0.7), np.array(20.0)) > 0.9
    assert detectability(np.array(0.05), np.array(20.0)) < 0.6
    assert detectability(np.array(0.7), np.array(0.5)) < 0.1
    world = world_of()
    r, d = rows(world, 0), rows(world, 1)
    n = 1200
    for _ in range(n):
        link(world, r[0], d[0], diameter=0.1, length=4.0, thick=0)
    p = float(detectability(np.array(0.1), np.array(4.0)))
    seen = read(NANOTUBES, world)
    assert stats.binomtest(round(seen["n_tubes"]), n, p).pvalue > 1e-6
    assert stats.binomtest(round(seen["n_tubes"]), n, 0.8 * p).pvalue < 1e-6, "a wrong detectability is told apart"
    assert seen["true_tubes_per_cell"] == n / 8
    later = {x.readout: x.value for x in NANOTUBES.measure(world, None, {}, Step(99, 5940, 5940.0, 60.0))}
    assert later["n_tubes"] == seen["n_tubes"], "the same tubes are seen later"


def test_filopodia_are_rate_times_duration():
    world = world_of(n=1500)
    r = rows(world, 0)
    world.cells.filopodia_rate[r] = 12.0
    seen = read(FILOPODIA, world, of=0, duration=5.0)
    assert seen["attempt_rate"] == 12.0
    total = round(seen["filopodia_per_cell"] * r.size)
    assert 2 * min(stats.poisson.cdf(total, r.size), stats.poisson.sf(total - 1, r.size)) > 1e-6
    assert read(FILOPODIA, world, of=1)["filopodia_per_cell"] == 0.0
