"""Damage: exact relaxation, causes, repair, flavin loss, and a loop with H2O2 that is stable at rest."""

import numpy as np
import pytest
from ruamel.yaml import YAML

from mitoferry.core.schema import OCCUPIED, OXYGEN, PORE_OPEN
from mitoferry.processes import damage, reactive_oxygen
from mitoferry.processes.rest import RESTING_ATP, RESTING_H2O2
from quality_worlds import MODULES, occupied, parameters, run, step_at, uniform_world
from worlds import PARAMETER_FILES

P = parameters(None, "damage", damage.Parameters)


def mean_damage(world, slots=None):
    slots = occupied(world) if slots is None else slots
    return float(world.mitochondria.damage[slots].mean()) / 65535


def world_with(h2o2=RESTING_H2O2, atp=RESTING_ATP, start=0.01):
    world = uniform_world(10, mitochondria=64)
    world.cells.h2o2[:] = h2o2
    world.cells.atp[:] = atp
    world.mitochondria.damage[occupied(world)] = int(start * 65535)
    return world


@pytest.mark.parametrize(("h2o2", "atp"), [(0.005, RESTING_ATP), (0.08, RESTING_ATP), (0.3, RESTING_ATP), (0.005, 0.5), (0.1, 0.5)])
@pytest.mark.parametrize(("wrong", "passes"), [(1.0, True), (1.1, False)], ids=["exact", "planted fault"])
def test_relaxation_to_the_fixed_point_is_exact(h2o2, atp, wrong, passes):
    world = world_with(h2o2, atp)
    run(world, ["damage"], 3)
    goal = damage.resting_damage(h2o2, atp, P)
    kept = np.exp(-wrong * P.repair_rate * 3)
    start = int(0.01 * 65535) / 65535
    expected = goal * (1 - np.exp(-P.repair_rate * 3)) if wrong == 1.0 else goal * (1 - kept) * wrong
    expected += start * kept
    assert bool(abs(mean_damage(world) - expected) < 3e-5 + 1e-4 * expected) is passes


def test_a_resting_cell_does_not_drift_and_the_seeded_value_is_the_fixed_point():
    world = world_with()
    goal = damage.resting_damage(RESTING_H2O2, RESTING_ATP, P)
    assert goal == pytest.approx(0.01, rel=0.1)
    run(world, ["damage"], 7 * 24, dt=1200)
    assert mean_damage(world) == pytest.approx(goal, rel=0.05)


def test_atp_of_a_cell_that_lives_on_glycolysis_is_not_ischaemia():
    assert damage.damage_rate(RESTING_H2O2, 0.65 * RESTING_ATP, P) == damage.damage_rate(RESTING_H2O2, RESTING_ATP, P)
    assert damage.damage_rate(RESTING_H2O2, 0.12 * RESTING_ATP, P) > 0.1


def test_damage_stays_below_one_and_open_pores_add_to_it():
    world = world_with(h2o2=5.0, atp=0.1)
    run(world, ["damage"], 24)
    assert world.mitochondria.damage[occupied(world)].max() == 65535
    world = world_with()
    open_pores = occupied(world)[::4]
    world.mitochondria.flags[open_pores] = OCCUPIED | PORE_OPEN
    run(world, ["damage"], 5)
    assert mean_damage(world, open_pores) > mean_damage(world, np.setdiff1d(occupied(world), open_pores)) + 0.15


def test_complex_i_loses_flavin_only_in_anoxia_with_reduced_nadh():
    def left(oxygen, nadh):
        world = world_with()
        world.cells.env[:, OXYGEN] = oxygen
        world.cells.nadh[:] = nadh
        run(world, ["damage"], 4)
        return world.mitochondria.complex1[occupied(world)].mean() / 32768

    assert left(0.3, 0.99) == pytest.approx(np.exp(-4 * P.flavin_loss_rate), rel=1e-3)
    assert left(190.0, 0.99) == 1.0
    assert left(0.3, 0.5) == 1.0


def test_small_increments_are_unbiased_and_cells_that_do_not_live_are_left_alone():
    world = world_with(start=0.0)
    world.cells.state[2:5] = 3
    MODULES["damage"].PROCESS.advance(world, step_at(0, 300), P)
    m, slots = world.mitochondria, occupied(world)
    dying = np.isin(world.pages.owner[slots // 32], (2, 3, 4))
    assert (m.damage[slots[dying]] == 0).all()
    expected = damage.damage_rate(RESTING_H2O2, RESTING_ATP, P) * (1 - np.exp(-P.repair_rate / 12)) / P.repair_rate * 65535
    got = m.damage[slots[~dying]]
    assert abs(got.mean() - expected) < 5 * 0.5 / np.sqrt(got.size)
    assert set(np.unique(got)) <= {int(expected), int(expected) + 1}


UNIT = 0.037  # resting production of the reference cell [uM/s]


def steady(r, delta):
    """H2O2 [uM] of a resting cell whose mitochondria have damage ``delta``."""
    source = UNIT * (1.0 + r["damage_factor"] * delta / reactive_oxygen.RESTING_NADH)
    return reactive_oxygen.steady_h2o2(source, r["scavenging_factor"] * UNIT, r["scavenging_half"], r["catalase"] + r["outward"])


def loop_gain(d, r):
    """Change of the rate of damage with damage, through H2O2, relative to repair."""
    rest = d["oxidant_rate"] * damage.hill2(steady(r, 0.0), d["oxidant_half"]) / d["repair_rate"]
    step = 1e-4
    rise = damage.hill2(steady(r, rest + step), d["oxidant_half"]) - damage.hill2(steady(r, rest), d["oxidant_half"])
    return d["oxidant_rate"] * rise / step / d["repair_rate"]


def draws(process, n, seed):
    """Draws from the ranges of the library's records."""
    records = YAML(typ="safe", pure=True).load(PARAMETER_FILES / f"{process}.yaml")
    rng = np.random.default_rng(seed)
    out = {}
    for name, record in records.items():
        low, high = (float(x) for x in record["range"])
        if record["distribution"] == "fixed":
            low = high = float(record["value"])
        u = rng.uniform(size=n)
        out[name.split(".")[1]] = low * (high / low) ** u if low > 0 and "log" in record["distribution"] else low + (high - low) * u
    return out


def one(draw, i):
    return {k: v[i] for k, v in draw.items()}


def test_gain_of_the_damage_loop_is_below_one_half_in_99_percent_of_prior_draws():
    """B11.2, among the draws whose resting H2O2 lies in the measured range of 1 to 10 nM."""
    n = 3000
    d, r = draws("damage", n, 1), draws("reactive_oxygen", n, 2)
    measured = [i for i in range(n) if 0.001 <= steady(one(r, i), 0.0) <= 0.010]
    gains = np.array([loop_gain(one(d, i), one(r, i)) for i in measured])
    assert np.mean(gains < 0.5) >= 0.99
    d["oxidant_half"] = d["oxidant_half"] / 3.0  # planted fault: damage starts within the resting range
    assert np.mean(np.array([loop_gain(one(d, i), one(r, i)) for i in measured[:300]]) < 0.5) < 0.9


def test_gain_at_the_default_values():
    r = parameters(None, "reactive_oxygen", reactive_oxygen.Parameters)._asdict()
    assert 0.0 < loop_gain(P._asdict(), r) < 0.2
