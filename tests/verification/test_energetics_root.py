"""F15: the algebraic root of the energetics against the full equations in time, and exact relations between its fluxes."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mitoferry.assays.seahorse import CellEnergetics, scratch_cells
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core import schema
from mitoferry.core.nodes import N_NODES, NODE_GLYCOLYSIS, NODE_SYNTHASE_BLOCK, NODE_UNCOUPLER, NODES
from mitoferry.core.schema import GLUCOSE, OXYGEN, Step
from mitoferry.processes.energetics import Parameters, advance_cell, settle_cell
from mitoferry.processes.energetics_class import phosphorylation_potential, solve_class
from worlds import library_values

COMPILED = Cpu(threads=1)
VALUES = library_values()
P = Parameters(**{name: VALUES[f"energetics.{name}"] for name in Parameters._fields})
REFERENCE = {
    "etc": 400.0,
    "synthase": 400.0,
    "leak": 400.0,
    "dehydrogenase": 400.0,
    "demand": 831.0,
    "glycolysis": 249.0,
    "nonmito": 10.0,
    "volume": 3.0,
}


def numbers(**changes):
    return CellEnergetics(**{**REFERENCE, **changes})


def tables(cell, oxygen=190.0, glucose=10.0, uncoupler=0.0, block=0.0, gamma=1.0):
    cells = scratch_cells(cell)
    groups = schema.allocate("Groups", 1, n_nodes=N_NODES)
    groups.nodes[:] = [node.rest for node in NODES]
    groups.nodes[0, [NODE_UNCOUPLER, NODE_SYNTHASE_BLOCK, NODE_GLYCOLYSIS]] = uncoupler, block, gamma
    cells.env[:, OXYGEN], cells.env[:, GLUCOSE] = oxygen, glucose
    return cells, groups


def full_equations(c, oxygen=190.0, glucose=10.0, uncoupler=0.0, block=0.0, gamma=1.0, protons_per_atp=11.0 / 3.0):
    """dpsi/dt, dn/dt, dATP/dt written independently of the package, with C_m and N_p; synthase present (no free F1)."""
    c_m, n_p, v_t = 6e-4, 0.6, 26.7
    ci = c.etc if c.complex_i is None else c.complex_i
    share = ci / c.etc if c.etc else 0.0

    def rates(psi, n, atp):
        pmf = psi + 25.0
        adp = 3.2 - atp
        chain = 0.946 * c.etc * oxygen / (0.8 + oxygen) * (share + 0.04) / 1.04 / (1.0 + (uncoupler / 30.0) ** 2)
        j_c = chain / (1.0 + math.exp((pmf - 172.0) / 7.0)) * 2.0 * n / (1.0 + n)
        j_d = 1.36 * c.dehydrogenase * c.substrate * (1.0 - n) / (0.3 + 1.0 - n)
        x = (protons_per_atp * pmf - (32.0 + 2.577 * math.log(atp / (adp * 4e-3))) / 0.096485) / v_t
        bracket = adp / (0.2 + adp) * max(math.tanh(x / 2), 0.0) - 0.05 * atp / (0.5 + atp) * max(-math.tanh(x / 2), 0.0)
        j_f = 1.417 * c.synthase * (1.0 - block) * bracket
        j_l = 0.524 * c.leak * c.leak_factor * math.sinh(pmf / (2 * v_t)) / math.sinh(175.0 / (2 * v_t))
        j_u = 0.615 * uncoupler * c.dehydrogenase * pmf / 175.0
        j_g = c.glycolysis * gamma * glucose / (0.5 + glucose) * (0.12 + 0.88 * adp**2 / (0.36 + adp**2))
        use = c.demand * atp / (2.0 + atp)
        return j_c, j_d, j_f, j_l, j_u, j_g, use

    def derivative(_, y):
        psi, n, atp = y[0], min(max(y[1], 0.0), 1.0), min(max(y[2], 1e-9), 3.2 - 1e-9)
        j_c, j_d, j_f, j_l, j_u, j_g, use = rates(psi, n, atp)
        d = c.dehydrogenase
        return [
            (20.0 * j_c - protons_per_atp * j_f - j_l - j_u) / (c_m * d),
            (j_d - 2.0 * j_c) / (n_p * d),
            (j_f + 2.0 * j_g - use) / (c.volume * 1000.0),
        ]

    found = solve_ivp(derivative, (0.0, 3000.0), [140.0, 0.8, 2.7], method="Radau", rtol=1e-9, atol=1e-11)
    psi, n, atp = found.y[:, -1]
    j_c, _, j_f, *_ = rates(psi, n, atp)
    return {"psi": psi, "nadh": n, "atp": atp, "oxygen": j_c, "made": j_f}


def root(c, backend=None, **conditions):
    cells, groups = tables(c, **conditions)
    (backend or Reference()).each(settle_cell, 1, cells, groups, P)
    return {
        "psi": float(cells.psi[0, 0]), "nadh": float(cells.nadh[0, 0]), "atp": float(cells.atp[0]),
        "oxygen": float(cells.oxygen_flux_class[0, 0]), "made": float(cells.atp_oxphos[0]),
    }  # fmt: skip


def off(a, b):
    """Largest relative difference of two steady states (potential against 150 mV, ATP made against 340 amol/s)."""
    scale = {"psi": 150.0, "made": 340.0}
    return max(abs(a[k] - b[k]) / scale.get(k, abs(b[k])) for k in b)


CASES = [
    (numbers(), {}),
    (numbers(etc=120.0), {}),
    (numbers(etc=40.0), {"gamma": 0.1}),
    (numbers(complex_i=0.0), {}),
    (numbers(etc=4.0), {}),
    (numbers(substrate=0.4), {}),
    (numbers(leak=1000.0, synthase=250.0), {}),
    (numbers(), {"block": 0.98}),
    (numbers(), {"block": 1.0, "uncoupler": 20.0}),
    (numbers(), {"uncoupler": 8.0, "gamma": 0.2}),
    (numbers(), {"oxygen": 0.2}),
    (numbers(), {"oxygen": 0.5, "glucose": 0.3}),
    (numbers(demand=1400.0, glycolysis=100.0), {"glucose": 1.0}),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_f15_root_agrees_with_the_equations_in_time(case):
    cell, conditions = CASES[case]
    assert off(root(cell, **conditions), full_equations(cell, **conditions)) < 1e-3


@pytest.mark.parametrize("fault", [{"protons_per_atp": 3.6}, {"uncoupler": 0.2}, {"oxygen": 12.0}])
def test_f15_planted_fault_is_caught(fault):
    assert off(root(numbers()), full_equations(numbers(), **fault)) > 1e-3


def random_class(rng):
    s = rng.choice([0.0, 1.0], 4, p=[0.15, 0.85]) * 10.0 ** rng.uniform(-2, 4, 4)
    leak = max(s[3], 0.01) * rng.uniform(0.1, 3.0)  # never far below the mass
    atp = rng.uniform(0.001, 3.199)
    return (
        s[0], rng.uniform(), s[1], leak, s[3], 10.0 ** rng.uniform(-3, 2.5), rng.choice([0.0, 1.0]) * rng.uniform(0, 80),
        rng.uniform(), rng.uniform(0.05, 1), atp, phosphorylation_potential(atp, P), rng.uniform(-50, 250), P,
    )  # fmt: skip


def test_f15_proton_balance_closes_for_any_class():
    rng = np.random.default_rng(5)
    for _ in range(500):
        arguments = random_class(rng)
        psi, n, j_c, _, _, _, error = solve_class(*arguments)
        assert abs(error) < 1e-6
        assert -25.0 - 1e-9 <= psi < 300.0
        assert -1e-12 <= n <= 1.0 + 1e-12
        assert j_c >= 0.0


def test_f15_solution_does_not_depend_on_its_start():
    rng = np.random.default_rng(6)
    for _ in range(100):
        arguments = list(random_class(rng))
        first = solve_class(*arguments)
        arguments[-2] = rng.uniform(-50, 300)
        second = solve_class(*arguments)
        # where nothing but a tiny leak flows, the same relative residual leaves a wider root
        assert abs(first[0] - second[0]) < 1e-3
        assert abs(first[2] - second[2]) <= 1e-6 * max(first[2], 1e-6)


def test_slope_by_atp_is_the_derivative():
    for cell in ((400, 1, 400, 400, 400), (60, 1, 400, 400, 400), (0, 0, 400, 400, 400), (5, 1, 5, 300, 300)):
        for atp in (0.3, 1.5, 2.8, 3.1):
            made = [
                solve_class(*cell, 190.0, 0.0, 0.0, 1.0, a, phosphorylation_potential(a, P), 150.0, P)[3] for a in (atp - 3e-4, atp + 3e-4)
            ]
            slope = solve_class(*cell, 190.0, 0.0, 0.0, 1.0, atp, phosphorylation_potential(atp, P), 150.0, P)[4]
            assert slope == pytest.approx((made[1] - made[0]) / 6e-4, rel=2e-3, abs=1e-3)


def test_f15_ceiling_of_atp_per_oxygen():
    """ATP per oxygen atom cannot pass 20/(2 x 11/3) = 2.727, and reaches it without leak."""
    ceiling = 20.0 / (2.0 * 11.0 / 3.0)
    for leak in (1e-6, 100.0, 400.0, 2000.0):
        found = root(numbers(leak=leak))
        ratio = found["made"] / (2.0 * found["oxygen"])
        assert ratio <= ceiling * (1.0 + 1e-6)
        if leak < 1.0:
            assert ratio == pytest.approx(ceiling, rel=1e-5)


def test_f15_without_synthesis_respiration_is_leak_over_twenty():
    found = root(numbers(), block=1.0)
    leak = P.leak_conductance * 400.0 * math.sinh((found["psi"] + 25.0) / 53.4) / math.sinh(175.0 / 53.4)
    assert found["made"] == 0.0
    assert found["oxygen"] == pytest.approx(leak / 20.0, rel=1e-5)
    # planted fault: a leak that is linear in pmf is told apart
    linear = P.leak_conductance * 400.0 * (found["psi"] + 25.0) / 175.0
    assert found["oxygen"] != pytest.approx(linear / 20.0, rel=1e-2)


def test_steps_reach_the_steady_state_and_agree_when_halved():
    def run(dt, seconds, atp, **conditions):
        cells, groups = tables(numbers(), **conditions)
        cells.atp[0] = atp
        for k in range(int(seconds / dt)):
            COMPILED.each(advance_cell, 1, cells, groups, P, Step(k, int(k * dt), k * dt, dt))
        return float(cells.atp[0]), float(cells.load[0])

    still, load = run(60.0, 7200.0, 1.0)
    assert still == pytest.approx(root(numbers(demand=831.0 * load))["atp"], rel=1e-5)
    for conditions in ({"gamma": 0.1, "oxygen": 0.3}, {"block": 0.98}):
        for seconds in (300.0, 600.0, 1800.0):
            coarse, fine = run(60.0, seconds, 2.88, **conditions)[0], run(30.0, seconds, 2.88, **conditions)[0]
            assert coarse == pytest.approx(fine, rel=0.01)


def test_reference_and_compiled_give_the_same_bits():
    for cell, conditions in CASES[:6]:
        assert root(cell, **conditions) == root(cell, COMPILED, **conditions)
