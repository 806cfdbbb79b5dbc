"""Immune attack: hazards by touch, share of unknown haplotypes and STING; deaths at the hazard; nothing among one's own."""

import numpy as np
import pytest
from scipy import stats

from fates import run, values
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_IMMUNE_ATTACK
from mitoferry.core.schema import BY_ATTACK, CELL_APOPTOTIC, EXHAUSTION, HAZARD_ATTACK, RECEPTOR_INTERFERON_1
from nanotubes import rows_of, sort, wells_of

TOUCHING = [(100.0, 100.0), (118.0, 100.0), (82.0, 100.0), (100.0, 121.0)]


def world_of(wells=1, places=TOUCHING, foreign=0.5):
    """Two touching attackers (population 1) and one 2 um out of reach, around one target (population 0)."""
    world = wells_of((1, 3), places, n_wells=wells, mitochondria=(2, 2), backend=Reference(), radius=[10.0, 9.0], attacker=[0.0, 1.0])
    targets, killers = rows_of(world, 0), rows_of(world, 1)
    world.groups.own_haplotypes[:] = 1  # nobody was seeded with the second haplotype
    world.cells.copies[:] = 0
    world.cells.copies[killers, 0] = 100
    world.cells.copies[targets, 0] = round(1000 * (1 - foreign))
    world.cells.copies[targets, 1] = round(1000 * foreign)
    world.cells.atp[: world.n_cells] = 2.88
    world.cells.psi[: world.n_cells] = 156.0
    world.cells.h2o2[: world.n_cells] = 0.005
    sort(world)
    return world


def hazard(world, **changes):
    run(world, "immune_attack", values("immune_attack", **changes), 1 / 60, 60.0)
    return float(world.cells.other_hazards[rows_of(world, 0)[0], HAZARD_ATTACK])


def hill2(f, k=0.1):
    return f * f / (f * f + k * k)


@pytest.mark.parametrize("foreign", [0.02, 0.1, 0.5, 1.0])
def test_hazard_of_two_attackers_that_touch(foreign):
    """The third attacker is too far away. Fault seen to fail it, planted in a copy of the package: the foreign haplotype taken
    for a known one; contact at any distance."""
    assert hazard(world_of(foreign=foreign)) == pytest.approx(2 * 0.02 * hill2(foreign), rel=1e-5)


def test_nothing_among_ones_own():
    world = world_of(foreign=0.0)
    before = [np.ascontiguousarray(c).tobytes() for c in world.cells]
    assert hazard(world) == 0.0
    assert [np.ascontiguousarray(c).tobytes() for c in world.cells] == before


def set_(name, value, k=1):
    return lambda w: getattr(w.cells, name).__setitem__(rows_of(w, k), value)


CASES = {
    "node": (lambda w: w.groups.nodes.__setitem__((slice(None), NODE_IMMUNE_ATTACK), 0.3), 0.3),
    "exhausted": (lambda w: w.cells.t_cell.__setitem__((slice(None), EXHAUSTION), 0.75), 0.25),
    "interferon": (lambda w: w.groups.receptors.__setitem__((slice(None), RECEPTOR_INTERFERON_1), 0.5), 1.5),
    "attackers dying": (set_("state", CELL_APOPTOTIC), 0.0),
    "target dying": (set_("state", CELL_APOPTOTIC, 0), 0.0),
    "attackers that know both": (lambda w: w.groups.own_haplotypes.fill(3), 0.0),
}


@pytest.mark.parametrize("case", CASES)
def test_what_changes_the_hazard(case):
    change, factor = CASES[case]
    world = world_of()
    change(world)
    sort(world)
    assert hazard(world) == pytest.approx(factor * 0.04 * hill2(0.5), rel=1e-5, abs=1e-12)


def test_sting_makes_an_own_cell_visible():
    world = world_of(foreign=0.0)
    world.cells.sting[rows_of(world, 0)] = 0.25
    assert hazard(world) == pytest.approx(0.04 * 0.25, rel=1e-5)
    assert hazard(world, sting_gain=0.0) == 0.0


@pytest.mark.parametrize("fault", [1.0, 1.3])
def test_deaths_are_exponential_at_the_hazard(fault):
    world = world_of(wells=600, foreign=1.0)
    p, q = values("immune_attack", rate=0.1), values("death", base_hazard=0.0, potential_hazard=0.0, damage_hazard=0.0)
    for k in range(6):
        run(world, "immune_attack", p, 1.0, 3600.0, start=k)
        run(world, "death", q, 1.0, 3600.0, start=k)
    targets = rows_of(world, 0)
    killed = int((world.cells.death_cause[targets] == BY_ATTACK).sum())
    assert (world.cells.death_cause[rows_of(world, 1)] == 0).all()
    assert (stats.binomtest(killed, 600, -np.expm1(-2 * 0.1 * hill2(1.0) * 6 * fault)).pvalue > 1e-3) == (fault == 1.0)
