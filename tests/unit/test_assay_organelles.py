"""Assays of arrivals, sections, proteins, working cells and heat on hand-made worlds."""

import numpy as np
import pytest
from scipy import stats

from fates import rest, slots_of
from mitoferry.assays import load_assays
from mitoferry.assays.noise import counted
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import (
    CELL_DEAD_NECROTIC,
    CLASS_SHIFT,
    CYTOSOL,
    DONOR_ENDOSOME,
    DONOR_FREE,
    ENDOSOME,
    FUSED,
    OCCUPIED,
    OWN_NETWORK,
    PLACE_SHIFT,
    PORE_OPEN,
    Step,
)
from mitoferry.core.streams import ASSAY_ORGANELLE
from worlds import cell_type, make_world, population

STEP = Step(0, 0, 0.0, 60.0)
ASSAYS = load_assays()


def world_of(n=4, mitochondria=20.0, replicates=1):
    kind = cell_type(mitochondria=mitochondria, mtdna=4.0, cell_cv=0.0)
    world = make_world((population("recipient", 0, count=n, numbers=kind),), backend=Reference(), size=3000.0, replicates=replicates)
    rest(world)
    return world


def rows(world):
    return np.flatnonzero(world.cells.population[: world.n_cells] == 0)


def read(name, world, **options):
    return {r.readout: r.value for r in ASSAYS[name].measure(world, 0, options, STEP) if r.well == 0}


def occupied(world):
    return np.concatenate([slots_of(world, r) for r in rows(world)])


# ---------------------------------------------------------------------- arrivals
def test_places_of_arrivals_and_doses():
    """Faults seen to fail it: own mitochondria counted among the arrivals; the dose averaged over the living only."""
    world = world_of()
    r, m = rows(world), world.mitochondria
    slots = [s for row in r[:2] for s in slots_of(world, row)[:5]]
    m.birth[slots] = (128 << 24) + 1  # of a dose
    for k, s in enumerate(slots):
        fused, enclosed = k < 6, 6 <= k < 9
        place, of_class = (ENDOSOME, DONOR_ENDOSOME) if enclosed else (CYTOSOL, OWN_NETWORK if fused else DONOR_FREE)
        m.flags[s] = OCCUPIED | (FUSED if fused else 0) | (place << PLACE_SHIFT) | (of_class << CLASS_SHIFT)
    world.cells.received[r], world.cells.lysed_arrivals[r] = [8, 8, 0, 4], [4, 2, 0, 0]
    found = read("arrival_fates", world, missed=0.0)
    assert (found["integrated_fraction"], found["endosomal_fraction"], found["arrivals_per_cell"]) == (0.6, 0.3, 2.5)
    assert (found["degraded_fraction"], found["held_per_cell"], found["reached_fraction"]) == (6 / 20, 2.5, 0.5)
    assert found["spread"] == pytest.approx(np.std([5, 5, 0, 0]) / 2.5)
    world.cells.state[r[3]] = CELL_DEAD_NECROTIC
    later = read("arrival_fates", world, missed=0.2)
    assert (later["held_per_cell"], later["reached_fraction"], later["degraded_fraction"]) == (2.5, 2 / 3, 6 / 16)
    assert later["arrivals_per_cell"] == pytest.approx(0.8 * 10 / 3)


def test_no_arrivals_have_no_shares():
    found = read("arrival_fates", world_of())
    assert np.isnan(found["integrated_fraction"])
    assert np.isnan(found["degraded_fraction"])
    assert (found["held_per_cell"], found["reached_fraction"]) == (0.0, 0.0)


# ---------------------------------------------------------------------- sections
def test_sections_count_swollen_and_broken_mitochondria():
    """Fault seen to fail it: the gate read as a raw number of the column."""
    world = world_of(n=5)
    slots = occupied(world)
    n = len(slots)
    world.mitochondria.damage[:] = 0
    world.mitochondria.flags[slots[: n // 4]] |= PORE_OPEN
    world.mitochondria.damage[slots[: n // 2]] = round(0.31 * 65535)
    found = read("electron_microscopy", world)
    assert found["true_swollen_fraction"] == pytest.approx((n // 4) / n)
    assert found["true_cristae_lost_fraction"] == pytest.approx((n // 2) / n)
    assert read("electron_microscopy", world, gate=0.32)["true_cristae_lost_fraction"] == 0.0
    many = read("electron_microscopy", world, sections=10_000.0)
    for name, share in (("swollen", (n // 4) / n), ("cristae_lost", (n // 2) / n)):
        hits = round(10_000 * many[f"{name}_fraction"])
        assert stats.binomtest(hits, 10_000, share).pvalue > 1e-6
        assert stats.binomtest(hits, 10_000, 0.85 * share).pvalue < 1e-6


def test_draws_of_a_count_begin_where_they_are_told():
    """Two readouts that share a stream use numbers of their own."""
    world = world_of(replicates=200)
    half = np.full(200, 0.5)
    a, b, again = (counted(world, 0, 100, half, ASSAY_ORGANELLE, 3, first) for first in (0, 500, 0))
    assert (a == again).all()
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.3


# ---------------------------------------------------------------------- proteins
def test_contents_are_weighted_by_mass():
    """Fault seen to fail it: contents averaged over mitochondria, whatever their mass."""
    world = world_of(n=2)
    m, slots = world.mitochondria, occupied(world)
    m.mass[slots], m.complex1[slots], m.complex34[slots], m.complex5[slots] = 8192, 32768, 16384, 32768
    half = slots[: len(slots) // 2]
    m.mass[half], m.complex1[half] = 3 * 8192, 0
    found = read("mitochondrial_proteins", world, error=0.0)
    assert (found["complex_1"], found["complex_3_4"], found["complex_5"]) == pytest.approx((0.25, 0.5, 1.0))
    mass = (3 * len(half) + len(slots) - len(half)) / 2
    assert found["proteome_per_cell"] == pytest.approx(mass * (0.25 + 0.5 + 1.0) / 3)
    m.bound1[slots] = 255
    assert read("mitochondrial_proteins", world, error=0.0) == found, "an inhibitor is no loss of protein"


# ---------------------------------------------------------------------- working cells
def test_working_cells_have_energy_and_live():
    """Fault seen to fail it: dead cells left out of the whole, which makes a dying well look well."""
    world = world_of(n=10)
    r = rows(world)
    world.cells.atp[r[:3]] = 0.5 * 2.88
    world.cells.state[r[8:]] = CELL_DEAD_NECROTIC
    found = read("working_cells", world, error=0.0)
    assert (found["working_fraction"], found["failing_fraction"]) == pytest.approx((0.5, 0.5))
    assert found["relative_atp"] == pytest.approx((3 * 0.5 + 5) / 8)
    assert read("working_cells", world, error=0.0, threshold=0.4)["working_fraction"] == pytest.approx(0.8)


def test_the_reporter_blurs_the_threshold():
    world = world_of(n=2000, mitochondria=1.0)
    world.cells.atp[rows(world)] = 0.7 * 2.88 * np.exp(0.1)
    seen = read("working_cells", world)
    share = stats.norm.cdf(1.0)  # the factor is above exp(-0.1), one standard deviation below
    assert stats.binomtest(round(2000 * seen["working_fraction"]), 2000, share).pvalue > 1e-6
    assert stats.binomtest(round(2000 * seen["working_fraction"]), 2000, 0.9 * share).pvalue < 1e-6
    assert seen["true_working_fraction"] == 1.0


# ---------------------------------------------------------------------- heat
def test_heat_is_oxygen_and_lactate():
    """Fault seen to fail it: heat of oxygen taken in pJ per fmol (a factor of 0.06)."""
    world = world_of(n=3)
    r, c = rows(world), world.cells
    c.oxygen_flux[r], c.lactate_flux[r], c.atp_oxphos[r] = 60.0, 100.0, 200.0
    c.oxygen_flux_class[r] = [30.0, 20.0, 0.0, 0.0]  # the rest is not mitochondrial
    found = read("calorimetry", world, error=0.0)
    assert found["oxygen_use"] == pytest.approx(3 * 60.0 * 0.06)
    assert found["oxygen_per_cell"] == pytest.approx(3.6)
    watts = 60e-18 * 450e3 + 100e-18 * 63e3
    assert found["heat_per_cell"] == pytest.approx(1e12 * watts)
    assert found["heat"] == pytest.approx(3e12 * watts)
    assert found["uncoupled_fraction"] == pytest.approx(1.0 - 200.0 * (11 / 3) / (20.0 * 50.0))
    c.lactate_flux[r], c.atp_oxphos[r] = -50.0, 0.0  # lactate taken up gives no heat of its own
    burnt = read("calorimetry", world, error=0.0)
    assert burnt["heat_per_cell"] == pytest.approx(60 * 0.45)
    assert burnt["uncoupled_fraction"] == 1.0
    c.state[r[0]] = CELL_DEAD_NECROTIC
    assert read("calorimetry", world, error=0.0)["oxygen_use"] == pytest.approx(7.2)


def test_cells_that_are_no_osteoclasts():
    world = world_of(n=8)
    world.cells.fate[rows(world)[:2]] = 2  # osteoclast
    world.cells.fate[rows(world)[2]] = 1
    assert read("differentiation", world, missed=0.0)["no_osteoclast_fraction"] == 0.75
