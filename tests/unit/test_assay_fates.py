"""Assays of what becomes of cells, on hand-made states."""

import numpy as np
import pytest

from mitoferry.assays import load_assays
from mitoferry.backends.reference import Reference
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    BY_ATTACK,
    BY_FERROPTOSIS,
    BY_NECROSIS,
    BY_PYROPTOSIS,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_MOMP,
    OWN_ISOLATED,
    OWN_NETWORK,
    SUM_COUNT,
    SUM_MASS,
    Step,
)
from mitoferry.processes import division
from worlds import cell_type, make_world, parameters, population

STEP = Step(0, 0, 0.0, 60.0)
ASSAYS = load_assays()


def world_of(n=20, **numbers):
    kind = cell_type(mitochondria=2.0, mtdna=4.0, **numbers)
    return make_world((population("recipient", 0, count=n, numbers=kind),), backend=Reference(), size=3000.0)


def rows(world):
    return np.flatnonzero(world.cells.population[: world.n_cells] == 0)[-20:]


def read(name, world, **options):
    return {r.readout: r.value for r in ASSAYS[name].measure(world, 0, options, STEP) if r.well == 0}


def test_modes_of_death_are_told_apart():
    world = world_of()
    r = rows(world)
    for k, (cause, n) in enumerate(((BY_APOPTOSIS, 4), (BY_NECROSIS, 3), (BY_PYROPTOSIS, 2), (BY_FERROPTOSIS, 1), (BY_ATTACK, 2))):
        start = (0, 4, 7, 9, 10)[k]
        world.cells.death_cause[r[start : start + n]] = cause
        world.cells.state[r[start : start + n]] = CELL_DEAD_APOPTOTIC if cause == BY_APOPTOSIS else CELL_DEAD_NECROTIC
    world.cells.state[r[15]] = CELL_MOMP
    found = read("death_modes", world)
    assert [found[f"{n}_fraction"] for n in ("apoptosis", "necrosis", "pyroptosis", "ferroptosis", "attack")] == [
        4 / 20, 3 / 20, 2 / 20, 1 / 20, 2 / 20,
    ]  # fmt: skip
    assert found["attacks"] == 2


def test_bodipy_follows_peroxide_and_saturates():
    world = world_of()
    dark = read("lipid_peroxidation", world, error=0.0)
    assert dark["oxidised_ratio"] == pytest.approx(0.05)
    world.cells.lipid_peroxide[rows(world)] = 0.5
    half = read("lipid_peroxidation", world, error=0.0)
    assert half["oxidised_ratio"] == pytest.approx(0.05 + 0.95 / 2)
    assert half["positive_fraction"] == 1.0
    assert half["glutathione"] == pytest.approx(1.0)


def test_galactosidase_misses_some_and_stains_others():
    world = world_of()
    world.cells.senescent[rows(world)[:10]] = 1
    assert read("senescence", world, missed=0.0, background=0.0)["stained_fraction"] == 0.5
    assert read("senescence", world, missed=1.0, background=0.0)["stained_fraction"] == 0.0
    assert read("senescence", world, missed=1.0, background=1.0)["stained_fraction"] == 0.5
    assert read("senescence", world)["senescent_fraction"] == 0.5


def test_lineages_are_told_apart():
    world = world_of()
    r = rows(world)
    world.cells.fate[r[:6]] = 1
    world.cells.fate[r[6:8]] = 2
    world.cells.lineage[r, 2] = 0.25
    found = read("differentiation", world, missed=0.0)
    assert found["osteogenic_fraction"] == 0.3
    assert found["osteoclast_fraction"] == 0.1
    assert found["committed_fraction"] == 0.4
    assert found["other_score"] == pytest.approx(0.25)


def test_edu_marks_cells_that_move_through_s_phase():
    world = world_of(cycle_time=20.0)
    world.parameters["division"] = parameters(None, "division", division.Parameters)
    r = rows(world)
    world.cells.atp[r] = 2.88
    world.cells.oxygen_flux_class[r, 0] = 75.0
    world.cells.target_mitochondria[r] = 400.0
    world.cells.cycle[r] = 0.0
    world.cells.cycle[r[:8]] = 0.6
    world.cells.senescent[r[:3]] = 1
    found = read("cell_cycle", world)
    assert found["s_phase_fraction"] == 5 / 20
    assert found["cycling_fraction"] == 17 / 20


def test_fragmentation_is_the_isolated_share_of_the_own():
    world = world_of()
    r = rows(world)
    world.cells.sums[r] = 0
    world.cells.sums[r, OWN_NETWORK, SUM_COUNT] = 30
    world.cells.sums[r, OWN_ISOLATED, SUM_COUNT] = 10
    world.cells.sums[r, OWN_NETWORK, SUM_MASS] = 30 << 20
    world.cells.sums[r, OWN_ISOLATED, SUM_MASS] = 5 << 20
    found = read("mitochondrial_morphology", world, error=0.0)
    assert found["fragmentation_index"] == 0.25
    assert found["mean_size"] == pytest.approx(35 / 40)
    assert found["mass_per_cell"] == pytest.approx(35.0)


def test_speed_is_that_of_the_walk_times_what_scales_it():
    world = world_of()
    r = rows(world)
    world.cells.ux[r], world.cells.uy[r] = 3.0, 4.0
    assert read("migration", world)["speed"] == pytest.approx(5.0)
    world.cells.motility[r] = 0.5
    assert read("migration", world)["speed"] == pytest.approx(2.5)
