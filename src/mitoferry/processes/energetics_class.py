"""Membrane potential, NADH, respiration and ATP synthesis of one energy class of a cell.

Mechanism: protons pumped by respiration return through the ATP synthase, the leak and an uncoupler. Potential and NADH
settle in milliseconds to a second, so both are taken at their steady state for the ATP level of the moment.

Per class, with the capacities E (respiratory chain), S (synthase), L (leak), D (dehydrogenases) summed over its
mitochondria, pmf = psi + 25 mV, n the reduced fraction of matrix NAD, u the uncoupler in FCCP equivalents::

    J_C = V_C E O2/(K_O2+O2) / (1+exp((pmf-p0)/s0)) (c+a_II)/(1+a_II) n(1+K_n)/(K_n+n) / (1+(u/K_iu)^2)
    J_D = V_D D substrate (1-n)/(K_d+1-n) = 2 J_C                  (gives n as the root of a quadratic)
    J_F = V_F S (1-block) ADP/(K_ADP+ADP) tanh(X/2)                X > 0
        = V_F S (1-block) r ATP/(K_T+ATP) tanh(X/2)                X < 0, hydrolysis held back by IF1
    X   = (n_A pmf - dG_ATP/F)/V_T
    0   = 20 J_C - n_A J_F + J_free - J_leak - J_uncoupler         (monotone in pmf: one root)

c is the share of respiratory capacity whose complex I is present and free of inhibitor.

Free F1: where the mitochondrial genome is lost, F1 stays and hydrolyses ATP without a proton channel; the exchange of
ATP4- for ADP3- then moves one charge per ATP (n_A = 1) and keeps a residual potential. There is no switch: free F1 is
``D max(0, 1 - (S/D)/onset)`` of the class's mass D, so it is absent from normal mitochondria and complete in those
without mtDNA. A pH difference needs a proton pump: it grows from 0 to 25 mV with the share of E + S in D.

Assumptions: constant pH difference, total (not free) ADP, no calcium dependence, no proton slip. The form follows
Bertram 2006 J Theor Biol 243:575 (sigmoid brake), the reversible synthase Nazaret 2009 J Theor Biol 258:455.
Step error: none (algebraic); residual of the proton balance below 1e-7 of the gross flux.
Verification: tests/verification/test_energetics_root.py (F15).
"""

from __future__ import annotations

import math

from mitoferry.core.maths import exp, log, tanh
from mitoferry.core.row import row

PROTONS_PER_OXYGEN = 20.0
PROTONS_PER_ATP = 11.0 / 3.0
PH_DIFFERENCE = 25.0  # mV
THERMAL_VOLTAGE = 26.7  # mV
FARADAY = 0.096485  # kJ/(mol mV)
STANDARD_ENERGY = 32.0  # kJ/mol, hydrolysis of ATP at 1 M phosphate and 1 mM Mg
GAS_ENERGY = 2.577  # kJ/mol, RT at 310 K
SINH_AT_175 = 13.231249174545923  # sinh(175 mV / 2 V_T)
PMF_MAXIMUM = 400.0  # far above any root of a cell with a leak
TOLERANCE = 1e-7
NEAR = 3e-5  # of the gross flux: a residual below this is settled by a last step along the slopes, without another look
MOST_ROUNDS = 80
AT_BALANCE = 0.01  # |tanh(X/2)| below which the synthase may turn round within that step: there every residual gets its look


@row
def phosphorylation_potential(atp, p):
    """Energy of ATP hydrolysis as a voltage, dG_ATP/F [mV]; atp in mM."""
    adp = p.adenylate_total - atp
    return (STANDARD_ENERGY + GAS_ENERGY * log(atp / (adp * p.phosphate * 1e-3))) / FARADAY


@row
def class_balance(pmf, respiration, turnover, forward, reverse, free, leak, uncoupling, potential, p):
    """Proton balance at a given pmf.

    Returns:
        residual and its derivative, gross flux [amol H+/s], n, J_C, J_F, tanh(X/2), and dn/dpmf, dJ_C/dpmf, dJ_F/dpmf.
    """
    brake = 1.0 / (1.0 + exp((pmf - p.brake_midpoint) / p.brake_width))
    a = turnover * brake
    q = a * (p.dehydrogenase_half + 1.0) + p.nadh_half - 1.0
    root = math.sqrt(max(q * q + 4.0 * (1.0 - a) * p.nadh_half, 1e-30))
    n = 2.0 * p.nadh_half / (q + root)
    below = 1.0 / (p.nadh_half + n)
    top = respiration * brake * (1.0 + p.nadh_half)
    j_c = top * n * below
    n_slope = -n * (p.dehydrogenase_half + 1.0 - n) / root
    rise = -(1.0 - brake) / p.brake_width
    j_c_slope = rise * (j_c + top * p.nadh_half * below * below * n_slope * a)

    x = (PROTONS_PER_ATP * pmf - potential) / THERMAL_VOLTAGE
    t = tanh(0.5 * x)
    capacity = forward if x > 0.0 else reverse
    j_f = capacity * t
    j_f_slope = capacity * (1.0 - t * t) * (0.5 * PROTONS_PER_ATP / THERMAL_VOLTAGE)

    e = exp(pmf * (0.5 / THERMAL_VOLTAGE))
    over = 1.0 / e
    j_l = leak * 0.5 * (e - over)
    residual = PROTONS_PER_OXYGEN * j_c - PROTONS_PER_ATP * j_f + free - j_l - uncoupling * pmf
    slope = PROTONS_PER_OXYGEN * j_c_slope - PROTONS_PER_ATP * j_f_slope - leak * (0.25 / THERMAL_VOLTAGE) * (e + over) - uncoupling
    gross = PROTONS_PER_OXYGEN * j_c + PROTONS_PER_ATP * abs(j_f) + free + j_l + uncoupling * pmf
    return residual, slope, gross, n, j_c, j_f, t, rise * n_slope * a, j_c_slope, j_f_slope


@row
def class_terms(etc, complex_i_share, synthase, leak, dehydrogenase, oxygen, uncoupler, block, substrate, atp, p):
    """What the balance of a class (arguments of :func:`solve_class`) needs that does not depend on its potential.

    Returns:
        respiration at full drive, turnover, synthase, its capacity forward and in reverse, sites of free F1, their flux, leak,
        uncoupling, and the pH difference [mV].
    """
    adp = p.adenylate_total - atp
    over = uncoupler / p.uncoupler_inhibition
    respiration = p.respiration_capacity * etc * oxygen / (p.oxygen_half + oxygen) / (1.0 + over * over)
    respiration = respiration * (complex_i_share + p.complex_ii_bypass) / (1.0 + p.complex_ii_bypass)
    supply = p.dehydrogenase_capacity * dehydrogenase * substrate
    turnover = 0.0
    if supply > 0.0:
        turnover = 2.0 * respiration * (1.0 + p.nadh_half) / supply
    else:
        respiration = 0.0
    active = p.synthase_capacity * synthase * (1.0 - block)
    forward = active * adp / (p.adp_half + adp)
    reverse_part = p.reverse_share * atp / (p.atp_half_reverse + atp)
    reverse = active * reverse_part
    free_sites = 0.0
    ph = 0.0
    if dehydrogenase > 0.0:
        free_sites = p.synthase_capacity * dehydrogenase * max(0.0, 1.0 - synthase / (dehydrogenase * p.free_f1_onset))
        ph = PH_DIFFERENCE * min(1.0, (etc + synthase) / (dehydrogenase * p.pump_share))
    leak_flux = p.leak_conductance * leak / SINH_AT_175
    uncoupling = p.uncoupler_conductance * uncoupler * dehydrogenase / 175.0
    return respiration, turnover, active, forward, reverse, free_sites, free_sites * reverse_part, leak_flux, uncoupling, ph


@row
def unsettled(residual, gross, t):
    """Whether a class needs another look at its fluxes."""
    return abs(residual) > (NEAR if abs(t) > AT_BALANCE else TOLERANCE) * gross


@row
def next_pmf(pmf, low, high, residual, slope):
    """A Newton step on the balance of a class, or half of what is left of its bracket; returns (pmf, low, high)."""
    if residual > 0.0:
        low = pmf
    else:
        high = pmf
    trial = pmf - residual / min(slope, -1e-30)
    if not (low < trial < high):
        trial = 0.5 * (low + high)
    return trial, low, high


@row
def settled(pmf, residual, slope, gross, n, j_c, j_f, n_slope, j_c_slope, j_f_slope):
    """A last short step along the slopes: what it leaves is of the order of NEAR squared. Returns pmf, n, J_C, J_F, residual."""
    if abs(residual) > TOLERANCE * gross:
        last = -residual / min(slope, -1e-30)
        pmf = min(max(pmf + last, 0.0), PMF_MAXIMUM)
        n = min(max(n + n_slope * last, 0.0), 1.0)
        j_c = max(j_c + j_c_slope * last, 0.0)
        j_f = j_f + j_f_slope * last
        residual = residual + slope * last
    return pmf, n, j_c, j_f, residual


@row
def response_to_atp(atp, active, free_sites, t, slope, j_f_slope, p):
    """What a class makes of more ATP: at fixed pmf, then with the potential that follows.

    Returns:
        derivative of the net ATP made [amol/s/mM] and of psi [mV/mM] by ATP.
    """
    adp = p.adenylate_total - atp
    potential_slope = GAS_ENERGY / FARADAY * (1.0 / atp + 1.0 / adp)
    reverse_slope = p.reverse_share * p.atp_half_reverse / ((p.atp_half_reverse + atp) * (p.atp_half_reverse + atp))
    if t > 0.0:
        by_atp = -active * p.adp_half / ((p.adp_half + adp) * (p.adp_half + adp)) * t
    else:
        by_atp = active * reverse_slope * t
    by_atp = by_atp - j_f_slope / PROTONS_PER_ATP * potential_slope
    free_by_atp = free_sites * reverse_slope
    psi_slope = (PROTONS_PER_ATP * by_atp - free_by_atp) / min(slope, -1e-30)
    return by_atp + j_f_slope * psi_slope - free_by_atp, psi_slope


@row
def solve_class(etc, complex_i_share, synthase, leak, dehydrogenase, oxygen, uncoupler, block, substrate, atp, potential, start, p):
    """Steady potential and NADH of one energy class at a given ATP.

    Newton steps, guarded by bisection on pmf in [0, 400] mV; started from ``start``. A last short step is taken along the
    slopes of the fluxes, without looking at them again.

    Args:
        etc: respiratory capacity of the class [mass units].
        complex_i_share: share of etc whose complex I works, 0..1.
        synthase: synthase capacity [mass units].
        leak: leak, with the factor of the cell type [mass units].
        dehydrogenase: dehydrogenase capacity: the mass with closed pores [mass units].
        oxygen: O2 at the cell [uM].
        uncoupler: FCCP equivalents.
        block: share of the synthase blocked.
        substrate: substrate supply, 0..1.
        atp: cytosolic ATP [mM].
        potential: :func:`phosphorylation_potential` of it [mV].
        start: first guess of psi [mV].
        p: parameters of ``energetics``.

    Returns:
        psi [mV], n, J_C [amol O2/s], net ATP made [amol/s], its total derivative by ATP [amol/s/mM], d psi/d ATP
        [mV/mM], residual of the proton balance relative to the gross flux.
    """
    respiration, turnover, active, forward, reverse, free_sites, free, leak_flux, uncoupling, ph = class_terms(
        etc, complex_i_share, synthase, leak, dehydrogenase, oxygen, uncoupler, block, substrate, atp, p
    )
    low = 0.0
    high = PMF_MAXIMUM
    pmf = min(max(start + ph, low), high)
    residual, slope, gross, n, j_c, j_f, t, n_slope, j_c_slope, j_f_slope = class_balance(
        pmf, respiration, turnover, forward, reverse, free, leak_flux, uncoupling, potential, p
    )
    rounds = 0
    while unsettled(residual, gross, t) and rounds < MOST_ROUNDS:
        pmf, low, high = next_pmf(pmf, low, high, residual, slope)
        residual, slope, gross, n, j_c, j_f, t, n_slope, j_c_slope, j_f_slope = class_balance(
            pmf, respiration, turnover, forward, reverse, free, leak_flux, uncoupling, potential, p
        )
        rounds += 1
    pmf, n, j_c, j_f, residual = settled(pmf, residual, slope, gross, n, j_c, j_f, n_slope, j_c_slope, j_f_slope)
    by_atp, psi_slope = response_to_atp(atp, active, free_sites, t, slope, j_f_slope, p)
    error = 0.0
    if gross > 0.0:
        error = residual / gross
    return pmf - ph, n, j_c, j_f - free, by_atp, psi_slope, error
