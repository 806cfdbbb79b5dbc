"""Energy metabolism of a cell: ATP from oxidative phosphorylation and glycolysis against demand.

Mechanism: potential and NADH of each energy class are algebraic (``energetics_class``); cytosolic ATP is the one slow
variable::

    V_c dATP/dt = sum_k J_F,k + 2 J_G - J_use
    J_G   = V_G gamma glc/(K_G+glc) (theta + (1-theta) ADP^2/(K_A^2+ADP^2))      [glucose]
    J_use = V_U load ATP/(K_U+ATP)
    d load/dt = (l_min + (1-l_min) f - load)/tau,  f = Hill2(ATP/(0.5 ATP_0)), scaled to 1 at ATP_0 and never above 1

``gamma`` is the node ``glycolysis``; the node ``residual_glycolysis`` is the share of glycolysis that runs on stores
(glycogen, glutamine) without glucose; ``synthase_block`` and ``uncoupler`` act in the class. Bound rotenone and
antimycin act through the sums over mitochondria that ``capacity`` gathers. Lactate is what glycolysis makes less the
pyruvate oxidised (a share of mitochondrial NADH, five per pyruvate). Oxygen use is respiration plus non-mitochondrial
oxidases.

Demand falls when ATP falls (hypometabolism, Hochachka 1996 PNAS, from memory); the factor is 1 at rest, so that a
resting cell turns over what its type was scaled to.

Assumptions: ATP + ADP constant, phosphate constant, no creatine kinase. A class without mitochondria reads as the
cell's own network.
Step error: backward Euler over the macro-step, zero at steady state. The load is relaxed exactly, but on the ATP at the
start of the step: after a sudden fall of ATP it lags by up to 8 % of its change, and ATP is off by up to 1.4 % of the
fall from the second step on (measured at 60 s against small steps; first order).
Verification: tests/verification/test_energetics_*.py (F15, table of the virtual Seahorse, threshold, rescue).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.lanes import lanes
from mitoferry.core.maths import hill2, relax
from mitoferry.core.nodes import NODE_GLYCOLYSIS, NODE_RESIDUAL_GLYCOLYSIS, NODE_SYNTHASE_BLOCK, NODE_UNCOUPLER
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_NECROTIC,
    GLUCOSE,
    N_CLASSES,
    OXYGEN,
    SUM_COUNT,
    SUM_DEHYDROGENASE,
    SUM_ETC,
    SUM_ETC_COMPLEX_I,
    SUM_LEAK,
    SUM_SCALE,
    SUM_SYNTHASE,
    Step,
)
from mitoferry.processes.energetics_class import (
    MOST_ROUNDS,
    PMF_MAXIMUM,
    class_balance,
    class_terms,
    next_pmf,
    phosphorylation_potential,
    response_to_atp,
    settled,
    solve_class,
    unsettled,
)
from mitoferry.processes.rest import RESTING_ATP, respiration

AMOL_PER_PL_MM = 1000.0  # amol in 1 pL of a 1 mM solution
NADH_PER_PYRUVATE = 5.0
ATP_PER_GLUCOSE = 2.0
ATP_EDGE = 1e-6  # mM kept away from 0 and from the adenylate total
ATP_TOLERANCE = 1e-5
MOST_ATP_ROUNDS = 60


class Parameters(NamedTuple):
    """Parameters of ``energetics``; units and sources in the library."""

    respiration_capacity: float
    nadh_half: float
    complex_ii_bypass: float
    brake_midpoint: float
    brake_width: float
    oxygen_half: float
    synthase_capacity: float
    adp_half: float
    reverse_share: float
    atp_half_reverse: float
    leak_conductance: float
    uncoupler_conductance: float
    uncoupler_inhibition: float
    dehydrogenase_capacity: float
    dehydrogenase_half: float
    glucose_half: float
    glycolysis_floor: float
    glycolysis_adp_half: float
    demand_half: float
    adenylate_total: float
    phosphate: float
    nonmito_oxygen_half: float
    pyruvate_share: float
    free_f1_onset: float
    pump_share: float
    load_minimum: float
    load_half: float
    load_time: float


@row
def glycolysis_rate(capacity, supply, atp, p):
    """J_G [amol glucose/s] and its derivative by ATP; ``supply`` is gamma times the glucose term."""
    adp = p.adenylate_total - atp
    ratio = adp / p.glycolysis_adp_half
    below = 1.0 / (1.0 + ratio * ratio)
    most = capacity * supply
    rate = most * (p.glycolysis_floor + (1.0 - p.glycolysis_floor) * (1.0 - below))
    slope = -most * (1.0 - p.glycolysis_floor) * 2.0 * ratio * below * below / p.glycolysis_adp_half
    return rate, slope


@row
def capacities(c, k, cells):
    """Of energy class ``k`` of cell ``c`` [mass units]: respiratory chains, those with complex I, synthase, leak, dehydrogenases."""
    etc = SUM_SCALE * int(cells.sums[c, k, SUM_ETC])
    with_i = SUM_SCALE * int(cells.sums[c, k, SUM_ETC_COMPLEX_I])
    synthase = SUM_SCALE * int(cells.sums[c, k, SUM_SYNTHASE])
    leak = SUM_SCALE * int(cells.sums[c, k, SUM_LEAK]) * float(cells.leak_factor[c])
    return etc, with_i, synthase, leak, SUM_SCALE * int(cells.sums[c, k, SUM_DEHYDROGENASE])


@row
def complex_i_share(with_i, etc):
    """Share of the respiratory chains ``etc`` that are ``with_i``: 0 where there are none."""
    return with_i / etc if etc > 0.0 else 0.0


def _solve_classes_cpu(c, cells, oxygen, uncoupler, block, atp, moved, psi0, psi1, psi2, psi3, slope0, slope1, slope2, slope3, p):
    """As ``solve_classes``, all classes side by side: those that have settled are looked at again with the others, to the same numbers."""
    etc, with_i, synthase, leak, dehydrogenase, psi = lanes(), lanes(), lanes(), lanes(), lanes(), lanes()
    respiration, turnover, active, forward, reverse, free_sites = lanes(), lanes(), lanes(), lanes(), lanes(), lanes()
    free, leak_flux, uncoupling, ph, pmf, low, high = lanes(), lanes(), lanes(), lanes(), lanes(), lanes(), lanes()
    residual, slope, gross, n, j_c, j_f, t = lanes(), lanes(), lanes(), lanes(), lanes(), lanes(), lanes()
    n_slope, j_c_slope, j_f_slope, made_by, psi_slope, there = lanes(), lanes(), lanes(), lanes(), lanes(), lanes()
    potential = phosphorylation_potential(atp, p)
    substrate = float(cells.substrate[c]) * float(cells.nad_supply[c])
    psi[0] = psi0 + slope0 * moved
    psi[1] = psi1 + slope1 * moved
    psi[2] = psi2 + slope2 * moved
    psi[3] = psi3 + slope3 * moved
    for k in range(N_CLASSES):
        etc[k], with_i[k], synthase[k], leak[k], dehydrogenase[k] = capacities(c, k, cells)
        there[k] = 1.0 if int(cells.sums[c, k, SUM_COUNT]) > 0 else 0.0
    for k in range(N_CLASSES):
        share = complex_i_share(with_i[k], etc[k])
        (
            respiration[k], turnover[k], active[k], forward[k], reverse[k], free_sites[k], free[k], leak_flux[k], uncoupling[k], ph[k]
        ) = class_terms(etc[k], share, synthase[k], leak[k], dehydrogenase[k], oxygen, uncoupler, block, substrate, atp, p)  # fmt: skip
        low[k] = 0.0
        high[k] = PMF_MAXIMUM
        pmf[k] = min(max(psi[k] + ph[k], 0.0), PMF_MAXIMUM)
    rounds = 0
    while True:
        for k in range(N_CLASSES):
            (
                residual[k], slope[k], gross[k], n[k], j_c[k], j_f[k], t[k], n_slope[k], j_c_slope[k], j_f_slope[k]
            ) = class_balance(
                pmf[k], respiration[k], turnover[k], forward[k], reverse[k], free[k], leak_flux[k], uncoupling[k], potential, p
            )  # fmt: skip
        busy = 0.0
        for k in range(N_CLASSES):
            busy += there[k] if unsettled(residual[k], gross[k], t[k]) else 0.0
        if busy == 0.0 or rounds >= MOST_ROUNDS:
            break
        for k in range(N_CLASSES):
            trial, lower, upper = next_pmf(pmf[k], low[k], high[k], residual[k], slope[k])
            on = there[k] > 0.0 and unsettled(residual[k], gross[k], t[k])
            pmf[k] = trial if on else pmf[k]
            low[k] = lower if on else low[k]
            high[k] = upper if on else high[k]
        rounds += 1
    for k in range(N_CLASSES):
        pmf[k], n[k], j_c[k], j_f[k], _ = settled(
            pmf[k], residual[k], slope[k], gross[k], n[k], j_c[k], j_f[k], n_slope[k], j_c_slope[k], j_f_slope[k]
        )
        made_by[k], psi_slope[k] = response_to_atp(atp, active[k], free_sites[k], t[k], slope[k], j_f_slope[k], p)
        psi[k] = pmf[k] - ph[k]
    made, made_slope = 0.0, 0.0
    for k in range(N_CLASSES):
        if there[k] > 0.0:
            cells.psi[c, k] = psi[k]
            cells.nadh[c, k] = n[k]
            cells.oxygen_flux_class[c, k] = j_c[k]
            made += j_f[k] - free[k]
            made_slope += made_by[k]
        else:
            cells.psi[c, k] = cells.psi[c, 0]
            cells.nadh[c, k] = cells.nadh[c, 0]
            cells.oxygen_flux_class[c, k] = 0.0
    psi0, slope0 = (psi[0], psi_slope[0]) if there[0] > 0.0 else (psi0, slope0)
    psi1, slope1 = (psi[1], psi_slope[1]) if there[1] > 0.0 else (psi1, slope1)
    psi2, slope2 = (psi[2], psi_slope[2]) if there[2] > 0.0 else (psi2, slope2)
    psi3, slope3 = (psi[3], psi_slope[3]) if there[3] > 0.0 else (psi3, slope3)
    return made, made_slope, psi0, psi1, psi2, psi3, slope0, slope1, slope2, slope3


@row(cpu=_solve_classes_cpu)
def solve_classes(c, cells, oxygen, uncoupler, block, atp, moved, psi0, psi1, psi2, psi3, slope0, slope1, slope2, slope3, p):
    """Solve all classes of a cell at a given ATP; store psi, NADH and respiration.

    Each starts from its last potential (``psi0`` to ``psi3``) plus d psi/d ATP (``slope0`` to ``slope3``) times ``moved``, the
    change of ATP since: most then need no further step. The column ``psi`` is too coarse for that: rounded to it a potential
    is off by more than the tolerance of the balance.

    Returns:
        ATP made, its slope by ATP, psi of the four classes, d psi/d ATP of the four classes.
    """
    potential = phosphorylation_potential(atp, p)
    substrate = float(cells.substrate[c]) * float(cells.nad_supply[c])
    made = 0.0
    made_slope = 0.0
    for k in range(N_CLASSES):
        if int(cells.sums[c, k, SUM_COUNT]) > 0:
            slope = slope0 if k == 0 else slope1 if k == 1 else slope2 if k == 2 else slope3
            last = psi0 if k == 0 else psi1 if k == 1 else psi2 if k == 2 else psi3
            start = last + slope * moved
            etc, with_i, synthase, leak, dehydrogenase = capacities(c, k, cells)
            share = complex_i_share(with_i, etc)
            psi, n, j_c, j_f, made_by, slope, _ = solve_class(
                etc, share, synthase, leak, dehydrogenase, oxygen, uncoupler, block, substrate, atp, potential, start, p
            )
            cells.psi[c, k] = psi
            cells.nadh[c, k] = n
            cells.oxygen_flux_class[c, k] = j_c
            made += j_f
            made_slope += made_by
            psi0 = psi if k == 0 else psi0
            psi1 = psi if k == 1 else psi1
            psi2 = psi if k == 2 else psi2
            psi3 = psi if k == 3 else psi3
            slope0 = slope if k == 0 else slope0
            slope1 = slope if k == 1 else slope1
            slope2 = slope if k == 2 else slope2
            slope3 = slope if k == 3 else slope3
        else:
            cells.psi[c, k] = cells.psi[c, 0]
            cells.nadh[c, k] = cells.nadh[c, 0]
            cells.oxygen_flux_class[c, k] = 0.0
    return made, made_slope, psi0, psi1, psi2, psi3, slope0, slope1, slope2, slope3


@row
def cell_balance(c, cells, groups, dt, load, p):
    """Advance ATP of cell ``c`` over ``dt`` [s] (backward Euler) and write its fluxes.

    ``dt`` of 1e12 gives the steady state. Newton steps on ATP, guarded by bisection: the balance is monotone.
    """
    g = int(cells.group[c])
    oxygen = max(float(cells.env[c, OXYGEN]), 0.0)
    glucose = max(float(cells.env[c, GLUCOSE]), 0.0)
    uncoupler = float(groups.nodes[g, NODE_UNCOUPLER])
    block = min(float(groups.nodes[g, NODE_SYNTHASE_BLOCK]), 1.0)
    gamma = float(groups.nodes[g, NODE_GLYCOLYSIS])
    stores = min(float(groups.nodes[g, NODE_RESIDUAL_GLYCOLYSIS]), 1.0)
    from_medium = glucose / (p.glucose_half + glucose)
    supply = gamma * (from_medium + (1.0 - from_medium) * stores)
    capacity = float(cells.glycolysis[c])
    demand = float(cells.demand[c]) * load
    store = float(cells.volume[c]) * AMOL_PER_PL_MM / dt

    low = ATP_EDGE
    high = p.adenylate_total - ATP_EDGE
    before = min(max(float(cells.atp[c]), low), high)
    atp = before
    moved = 0.0
    psi0, psi1, psi2, psi3 = float(cells.psi[c, 0]), float(cells.psi[c, 1]), float(cells.psi[c, 2]), float(cells.psi[c, 3])
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    rounds = 0
    while True:  # the classes are solved in one place, which is compiled once
        made, made_slope, psi0, psi1, psi2, psi3, s0, s1, s2, s3 = solve_classes(
            c, cells, oxygen, uncoupler, block, atp, moved, psi0, psi1, psi2, psi3, s0, s1, s2, s3, p
        )
        j_g, j_g_slope = glycolysis_rate(capacity, supply, atp, p)
        use = demand * atp / (p.demand_half + atp)
        residual = store * (atp - before) + use - made - ATP_PER_GLUCOSE * j_g
        if not abs(residual) > ATP_TOLERANCE * (use + abs(made) + ATP_PER_GLUCOSE * j_g) or rounds == MOST_ATP_ROUNDS:
            break
        if residual > 0.0:
            high = atp
        else:
            low = atp
        slope = store + demand * p.demand_half / ((p.demand_half + atp) * (p.demand_half + atp)) - made_slope - ATP_PER_GLUCOSE * j_g_slope
        trial = atp - residual / max(slope, 1e-30)
        if not (low < trial < high):
            trial = 0.5 * (low + high)
        moved = trial - atp
        atp = trial
        rounds += 1

    used = respiration(c, cells)
    pyruvate = p.pyruvate_share * 2.0 * used / NADH_PER_PYRUVATE
    share_from_medium = 0.0
    if supply > 0.0:
        share_from_medium = gamma * from_medium / supply
    cells.atp[c] = atp
    cells.oxygen_flux[c] = used + float(cells.nonmito[c]) * oxygen / (p.nonmito_oxygen_half + oxygen)
    cells.glucose_flux[c] = j_g * share_from_medium
    cells.lactate_flux[c] = max(2.0 * j_g - pyruvate, 0.0)
    cells.atp_oxphos[c] = made
    cells.atp_flux[c] = max(made, 0.0) + ATP_PER_GLUCOSE * j_g


@row
def without_flux(c, cells):
    """A cell without potential, ATP or flux."""
    for k in range(N_CLASSES):
        cells.psi[c, k] = 0.0
        cells.oxygen_flux_class[c, k] = 0.0
    cells.atp[c] = 0.0
    cells.oxygen_flux[c] = 0.0
    cells.glucose_flux[c] = 0.0
    cells.lactate_flux[c] = 0.0
    cells.atp_oxphos[c] = 0.0
    cells.atp_flux[c] = 0.0


@row
def silence(c, cells):
    """A cell that has lost its membrane: no potential, NADH, ATP or flux."""
    without_flux(c, cells)
    for k in range(N_CLASSES):
        cells.nadh[c, k] = 0.0


@row
def load_target(atp, p):
    """Demand relative to rest that a cell with this ATP settles to."""
    half = p.load_half * RESTING_ATP
    share = min(hill2(atp, half) / hill2(RESTING_ATP, half), 1.0)
    return p.load_minimum + (1.0 - p.load_minimum) * share


@row
def advance_cell(c, cells, groups, p, step):
    """One macro-step of cell ``c``."""
    state = int(cells.state[c])
    if CELL_LIVE <= state <= CELL_APOPTOTIC:  # live, cytochrome c released, executing
        load = relax(float(cells.load[c]), load_target(float(cells.atp[c]), p), step.dt, p.load_time)
        cells.load[c] = load
        cell_balance(c, cells, groups, step.dt, load, p)
    elif state == CELL_NECROTIC:
        silence(c, cells)


@row
def settle_cell(c, cells, groups, p):
    """Steady state of cell ``c`` at its present load, whatever its state; for assays on a copy of the cells."""
    cell_balance(c, cells, groups, 1e12, float(cells.load[c]), p)


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Advance the energetics of all cells by one macro-step."""
    world.backend.each(advance_cell, world.n_cells, world.cells, world.groups, p, step)


PROCESS = Process(name="energetics", stage="energetics", clock="macro", parameters=Parameters, advance=advance)
