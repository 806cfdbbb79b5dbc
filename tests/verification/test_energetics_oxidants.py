"""H2O2, inhibitors and the permeability transition: rest, signs, exact kinetics, stability of the damage loop."""

import math

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import (
    NODE_ANTIOXIDANT,
    NODE_COMPLEX_I_INHIBITOR,
    NODE_COMPLEX_I_UNBINDING,
    NODE_COMPLEX_III_INHIBITOR,
    NODE_NOX,
    NODE_REDOX_CYCLING,
)
from mitoferry.core.schema import (
    DONOR_ENDOSOME,
    DONOR_FREE,
    H2O2,
    OCCUPIED,
    OXYGEN,
    PORE_OPEN,
    SUM_DAMAGE,
    SUM_DEHYDROGENASE,
    SUM_MASS,
    SUM_SCALE,
    Step,
)
from mitoferry.processes import capacity, energetics, inhibitors, pore, reactive_oxygen
from mitoferry.processes.reactive_oxygen import class_production, resting_unit_production, steady_h2o2
from worlds import library_values, make_world, population

COMPILED = Cpu(threads=1)
MODULES = (capacity, inhibitors, energetics, reactive_oxygen, pore)
VALUES = library_values()


def parameters(module, **changes):
    name = module.PROCESS.name
    return module.Parameters(**{f: changes.get(f, VALUES[f"{name}.{f}"]) for f in module.Parameters._fields})


def small_world(count=4, **changes):
    """Cells with undamaged mitochondria of mass 1, all at rest."""
    world = make_world([population(count=count)], backend=COMPILED, parameters={"seeding.rest_damage": 0.0}, **changes)
    world.mitochondria.damage[:] = 0
    return world


def live(world):
    return np.flatnonzero(world.cells.state[: world.n_cells] == 1)


def run(world, minutes, *, start=0, modules=MODULES, **changes):
    used = {m: parameters(m, **changes.get(m.PROCESS.name, {})) for m in modules}
    for tick in range(start, start + 60 * minutes, 60):
        for m in modules:
            interval = 60 if m.PROCESS.clock == "macro" else 300
            if tick % interval == 0:
                m.PROCESS.advance(world, Step(tick // 60, tick, float(tick), float(interval)), used[m])
    return world


def h2o2(world):
    return 1e3 * world.cells.h2o2[live(world)].astype(float)  # nM


def test_rest_is_5_nanomolar_and_does_not_drift():
    world = run(small_world(), 60)
    first, antioxidant = h2o2(world), world.cells.antioxidant[live(world)].copy()
    assert first == pytest.approx(5.0, abs=0.4)
    run(world, 24 * 60, start=3600)
    assert h2o2(world) == pytest.approx(first, rel=0.02)
    assert antioxidant == pytest.approx(1.0, abs=0.01)
    assert world.cells.antioxidant[live(world)] == pytest.approx(1.0, abs=0.01)
    assert not np.any(world.mitochondria.flags & PORE_OPEN)


def test_resting_leak_is_a_known_share_of_respiration():
    world = run(small_world(), 30)
    rows = live(world)
    share = world.cells.h2o2_production[rows] / world.cells.oxygen_flux_class[rows].sum(axis=1)
    assert np.all((share > 0.001) & (share < 0.005))
    assert share == pytest.approx(0.0015, rel=0.15)


def test_rotenone_and_antimycin_raise_h2o2_and_acetyl_cysteine_lowers_it():
    rest = h2o2(run(small_world(), 240))
    found = {}
    for name, nodes in {
        "rotenone": {NODE_COMPLEX_I_INHIBITOR: 2.0},
        "antimycin": {NODE_COMPLEX_III_INHIBITOR: 2.0},
        "rotenone_nac": {NODE_COMPLEX_I_INHIBITOR: 2.0, NODE_ANTIOXIDANT: 3.0},
        "redox_cycler": {NODE_REDOX_CYCLING: 1e-3},
    }.items():
        world = small_world()
        for node, value in nodes.items():
            world.groups.nodes[:, node] = value
        found[name] = h2o2(run(world, 240))
    assert np.all(found["rotenone"] > 2.5 * rest)
    assert np.all(found["antimycin"] > 2.5 * rest)
    assert np.all(found["redox_cycler"] > 2.0 * rest)
    assert np.all(found["rotenone_nac"] < 0.5 * found["rotenone"])
    # planted fault: without the source in front of the blocked site, the fall in potential would lower H2O2
    world = small_world()
    world.groups.nodes[:, NODE_COMPLEX_I_INHIBITOR] = 2.0
    assert np.all(h2o2(run(world, 240, reactive_oxygen={"site_i_factor": 0.0})) < rest)


def test_nadph_oxidase_follows_nfkb_and_its_inhibitor():
    made = []
    for nfkb, nox in ((0.0, 1.0), (1.0, 1.0), (1.0, 0.0)):
        world = small_world()
        world.cells.nfkb[:] = world.cells.nox_induced[:] = nfkb
        world.groups.nodes[:, NODE_NOX] = nox
        made.append(run(world, 10).cells.h2o2_production[live(world)].astype(float))
    assert np.all(made[1] > 5.0 * made[0])
    assert made[2] == pytest.approx(made[0], rel=1e-6)


@pytest.mark.parametrize(("hours", "fault"), [(1.0, 1.0), (6.0, 1.0), (12.0, 1.0), (6.0, 0.5)])
def test_nadph_oxidase_is_made_after_nfkb(hours, fault):
    """x' = (NF-kB - x)/tau from 0; half the time constant (planted) is seen."""
    world = small_world()
    world.cells.nfkb[:] = 1.0
    made = run(world, round(60 * hours)).cells.nox_induced[live(world)].astype(float)
    wanted = 1.0 - np.exp(-hours / (fault * parameters(reactive_oxygen).nox_time))
    assert (made == pytest.approx(wanted, rel=1e-4)) is (fault == 1.0)


def test_steady_h2o2_is_the_root_of_its_balance():
    rng = np.random.default_rng(1)
    for _ in range(300):
        source, most, half, first = 10.0 ** rng.uniform([-6, -4, -3, -2], [3, 2, 0, 1])
        h = steady_h2o2(source, most, half, first)
        assert most * h / (half + h) + first * h == pytest.approx(source, rel=1e-9)
    assert steady_h2o2(0.0, 1.0, 0.1, 0.5) == 0.0


def test_extracellular_bolus_enters_the_cell_attenuated():
    """More in ``test_peroxide_of_medium.py``."""
    world = small_world()
    world.cells.env[:, H2O2] = 600.0
    inside = h2o2(run(world, 5)) / 1e3
    assert np.all(inside > 0.2)
    assert np.all(inside < 50.0)


def test_damage_loop_has_a_gain_below_one_half_at_rest():
    """Linear gain of damage -> H2O2 -> damage at rest, from the processes' own parameters where they exist."""
    p = parameters(reactive_oxygen)
    world = run(small_world(), 60)
    row = live(world)[0]
    base = float(world.cells.h2o2[row])
    world.mitochondria.damage[:] = int(0.02 * 65535)
    run(world, 60, start=3600)
    by_damage = (float(world.cells.h2o2[row]) - base) / 0.02  # uM per unit damage
    rate, half, repair = (VALUES.get(f"damage.{k}", d) for k, d in (("rate", 0.05), ("h2o2_half", 0.08), ("repair_rate", 0.02)))
    damage_by_h2o2 = rate * 2.0 * base * half**2 / (half**2 + base**2) ** 2
    gain = by_damage * damage_by_h2o2 / repair
    assert 0.0 < gain < 0.5
    assert p.damage_factor > 0.0


def test_binding_follows_its_exact_solution_and_washes_out_slowly():
    world = small_world(count=6)
    world.groups.nodes[:, NODE_COMPLEX_I_INHIBITOR] = 0.5
    m = world.mitochondria
    alive = np.flatnonzero(m.flags & OCCUPIED)

    def mean():
        return m.bound1[alive].mean() / 255.0

    run(world, 120, modules=(inhibitors,))
    off = 1.0 / 12.0
    total = 0.5 + off
    expected = 0.5 / total * (1.0 - math.exp(-2.0 * total))
    error = 4.0 * 0.5 * math.sqrt(24.0) / 255.0 / math.sqrt(alive.size)  # four standard errors of the rounding
    assert mean() == pytest.approx(expected, abs=error)
    faulty = 1.0 - math.exp(-2.0 * 0.5)  # planted: release forgotten
    assert abs(mean() - faulty) > error
    world.groups.nodes[:, NODE_COMPLEX_I_INHIBITOR] = 0.0
    at_wash = mean()
    run(world, 360, start=7200, modules=(inhibitors,))
    assert mean() == pytest.approx(at_wash * math.exp(-6.0 * off), abs=2.0 * error)
    world.groups.nodes[:, NODE_COMPLEX_I_UNBINDING] = 10.0
    run(world, 360, start=28800, modules=(inhibitors,))
    assert mean() < 0.02


def test_no_inhibitor_changes_no_byte():
    world = small_world()
    before = [getattr(world.mitochondria, f).copy() for f in world.mitochondria._fields]
    run(world, 30, modules=(inhibitors, pore))
    assert all(np.array_equal(a, getattr(world.mitochondria, f)) for a, f in zip(before, world.mitochondria._fields, strict=True))


def test_anoxia_builds_succinate_and_air_clears_it():
    world = small_world()
    world.cells.env[:, OXYGEN] = 0.3
    world.cells.nadh[:] = 0.99
    run(world, 120, modules=(inhibitors, reactive_oxygen))
    rows = live(world)
    assert world.cells.succinate[rows] == pytest.approx(1.0 - math.exp(-2.0), rel=1e-4)
    world.cells.env[:, OXYGEN] = 190.0
    world.cells.nadh[:] = 0.8
    run(world, 18, start=7200, modules=(inhibitors, reactive_oxygen))
    assert world.cells.succinate[rows] == pytest.approx((1.0 - math.exp(-2.0)) * math.exp(-1.0), rel=1e-3)


@pytest.mark.parametrize("level", [0.05, 0.12, 0.4])
def test_share_of_open_pores_is_that_of_the_two_state_process(level):
    """Open share h/(h + c) at fixed H2O2, without neighbours; from rare (drawn per cell) to frequent (drawn per mitochondrion)."""
    world = small_world(count=10)
    world.cells.h2o2[:] = level
    world.cells.calcium[:] = 0.0
    shares = []
    m = world.mitochondria
    alive = (m.flags & OCCUPIED) != 0
    for k in range(60):
        run(world, 5, start=300 * k, modules=(capacity, pore), pore={"neighbour_h2o2": 0.0})
        if k >= 20:
            shares.append((m.flags[alive] & PORE_OPEN != 0).mean())
    opens = 30.0 * level**4 / (level**4 + 0.2**4)
    closes = math.log(2.0) * 30.0
    expected = opens / (opens + closes)
    n = alive.sum() * len(shares)
    error = 5.0 * math.sqrt(expected * (1.0 - expected) / n * 1.5)  # correlated readings
    assert np.mean(shares) == pytest.approx(expected, abs=error)
    faulty = opens / closes / 3.0  # planted: closing three times as fast
    assert abs(np.mean(shares) - faulty) > error


def test_release_by_open_pores_opens_more():
    """ROS-induced ROS release: the same H2O2 source opens more pores when open pores release H2O2."""
    counts = []
    for release in (0.0, VALUES["reactive_oxygen.pore_production"]):
        world = small_world(count=6)
        world.groups.nodes[:, NODE_REDOX_CYCLING] = 4.2e-3
        run(world, 180, reactive_oxygen={"pore_production": release}, pore={"neighbour_h2o2": 0.0})
        counts.append(int((world.mitochondria.flags & PORE_OPEN != 0).sum()))
    assert counts[1] > counts[0]


@pytest.mark.parametrize(
    ("place", "closed", "share"), [(DONOR_ENDOSOME, 0, 0.0), (DONOR_ENDOSOME, 1, 0.5), (DONOR_ENDOSOME, 2, 1.0), (DONOR_FREE, 0, 1.0)]
)
def test_damaged_chains_leak_in_endosomes_as_far_as_their_membrane_holds(place, closed, share):
    """Two units of mass with damage 0.8 and ``closed`` of them with a closed pore, without NADH: only the leak by damage is left.

    Fault seen to fail it, planted in a copy of the package: what has no membrane in endosomes leaks as the rest.
    """
    world, p = small_world(1), parameters(reactive_oxygen)
    c = int(live(world)[0])
    world.cells.sums[c], world.cells.nadh[c], world.cells.psi[c] = 0, 0.0, 0.0
    world.cells.sums[c, place, SUM_MASS] = round(2.0 / SUM_SCALE)
    world.cells.sums[c, place, SUM_DAMAGE] = round(1.6 / SUM_SCALE)
    world.cells.sums[c, place, SUM_DEHYDROGENASE] = round(closed / SUM_SCALE)
    made, _ = class_production(c, place, world.cells, 0.0, 0.0, resting_unit_production(p), p)
    assert made == pytest.approx(share * p.damage_factor * p.electron_leak * 1.6, rel=1e-6)


def test_resting_unit_production_matches_the_cell():
    world = run(small_world(), 30)
    rows = live(world)
    per_unit = world.cells.h2o2_production[rows] / (world.cells.sums[rows, 0, 1] / 1048576.0)
    assert per_unit == pytest.approx(resting_unit_production(parameters(reactive_oxygen)), rel=0.12)
