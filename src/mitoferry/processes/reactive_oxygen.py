"""Reactive oxygen: production of H2O2 by the mitochondria of a cell and others, and its removal.

Mechanism. Production [amol/s], per energy class with mass m, NADH fraction n, pmf = psi + 25 mV, f = O2/(K_R+O2)::

    J_E   = rho_E m n exp((pmf-181)/12) f                  electron leak, steep in pmf
    J_D   = 5 rho_E damage m f                             oxidised, uncoupled chains; in endosomes those of closed mass only
    J_I   = 4 j_0 (m b_I e_I) n f                          in front of blocked complex I
    J_III = 6 j_0 (m b_III e_III) n f                      in front of blocked complex III
    J_RET = 4 j_0 (respiration with complex I) s exp((pmf-181)/12) f       reverse electron transfer on succinate s
    J_drug = node redox_cycling x R x respiration x n      redox cyclers, proportional to a working chain; R drug inside, 1 at rest
    J_fat = 4 j_0 N* f B                                   beta-oxidation under a load B of fatty acids (``fatty_acids``)
    J_add = 5 j_0 b E n f                          chains that lack subunits of the adducted share b of mtDNA (``mtdna_adducts``)
    J_pore = open mass x rate                              burst of an open permeability transition pore, not of what endosomes hold
    J_NOX = 7 j_0 N* x node nox f                          NADPH oxidase that NF-kB has called for: x' = (NF-kB - x)/6 h

``j_0`` is the leak of a healthy mass unit at rest; N* is the number of mitochondria that the cell's type keeps.
Succinate rises within 1 h without oxygen and is burnt within 0.3 h after.

Removal where the mitochondria are: V_ox A H/(K_ox+H) + (catalase + outward) H, V_ox = 14 a x j_0 N*/V_c, where x is what this cell
has of the enzymes relative to its type (``cell_variation``). ``a`` is the level of antioxidant enzymes that
the cell type keeps: a healthy cell rests at a few nM whatever its type, so enzymes are as many as its own mitochondria call for at
rest (``library/scaling.py``), never fewer than those of a stromal cell per mitochondrion. Mitochondria that idle at a high
potential leak more electrons, and such cells keep more enzymes. H2O2 lives for less than a second, so it is the root of a quadratic.

H2O2 of the medium, H_o, comes in as fast as the cell clears the medium (q(V_c) of ``diffusion``, as its surface) and has to pass the
cytosol beneath the membrane first, where it is H_m::

    q(V_c)/V_c H_o = e [V_m A x H_m/(K_ox+H_m) + k_m H_m],    influx = inward N*/V_c H_m

V_m: peroxiredoxins and glutathione peroxidase, which NADPH resets at that rate at most; k_m: catalase, not saturable; e: these enzymes
relative to a stromal cell (``peroxide_enzymes`` of the type). Little peroxide is 400 to 800 times lower inside than outside; what is more
than V_m resets in the time in which it enters leaves a ratio of k_m V_c/q, 7 (lymphocytes) to 15, and then overcomes the enzymes of the
mitochondria, too. What goes on to mitochondria (a hundredth of it) is not taken off H_m. Sensors of the cytosol (Keap1 here, NF-kB and Akt
in ``signals``) meet both, H at the scale of a resting cell and H_m: NF-kB is half on at some 20 uM around the cell, far below what kills.

Antioxidant capacity A relaxes in 6 h to 1 + u + n (2 - u)+ and is used up by H2O2 at 0.02 /h per 100 nM; the node
``antioxidant`` (N-acetyl cysteine) multiplies it at once.

* u = 2 y (y: pulse of HO-1/Nrf2 after degraded arrivals, node ``arrival_antioxidant``) or 1.5 x share of HO-1 of
  ``heme_signalling``, the larger of the two, which stand for one HO-1.
* n = Hill2(H/30 nM) beyond rest x (1 - 0.8 NF-kB) is the cell's own answer: H2O2 frees Nrf2 of Keap1, and the enzymes that it
  makes come too late for a sudden insult and in time for a slow one; p65 takes coactivators from Nrf2, so that an inflamed cell
  answers weakly. Both are one regulator: what one has released the other cannot.

Without this answer a cell with a third fewer enzymes than its type ran away within days, by NF-kB, NADPH oxidase and damage.

Sources of what comes from outside: 0.46e-12 to 10.4e-12 L/s of medium cleared per cell (Wagner 2013 Redox Biol 1:210), 15 min half-time
of 100 uM over a million neurons per mL (Dringen 1999 J Neurochem 72:2523); ratio of outside to inside about 390 at micromolar doses
(Lyublinskaya and Antunes 2019 Redox Biol 24:101200), 650 (Huang and Sikes 2014 Redox Biol 2:955, from memory), 7 in Jurkat cells whose
peroxidases are overcome (Antunes and Cadenas 2000 FEBS Lett 475:121, from memory), 7 to 100 at the doses in use (Schroder and Eaton 2008
Curr Opin Pharmacol 8:153); endothelium removes 4 nmol per million cells and minute unharmed, and fails as soon as it meets more (Dobrina
and Patriarca 1986 J Clin Invest 78:462); catalase and glutathione peroxidase behind a membrane explain the kinetics of fibroblasts,
endothelium and PC12 cells (Makino 2004 Biochim Biophys Acta 1673:149); gradients within the cytosol: Travasso 2017 Redox Biol 12:233.

Sources: leak 0.1-0.5 % of respiration (Murphy 2009 Biochem J, Brand 2010 Exp Gerontol, from memory); rest 1-10 nM
(Sies 2017 Redox Biol, from memory); Nrf2 answers tens of nM (Sies and Jones 2020 Nat Rev Mol Cell Biol, from memory) unless
NF-kB holds it down (Liu 2008 Biochim Biophys Acta 1783:713, from memory); rotenone raises H2O2 (Li 2003 J Biol Chem 278:8516);
succinate Chouchani 2014 Nature 515:431 (from memory); cisplatin raises oxidants of mitochondria as far as these have mtDNA and respire
(Marullo 2013 PLoS ONE 8:e81162, from memory). Other factors are modelling choices.
What a bolus of peroxide or reoxygenation sets off ends with it: cells whose peroxidases cannot keep up for a while come back within the
hour or two, as probes for H2O2 in living cells do. With NADPH oxidase at once with NF-kB, bursts of pores half as strong again and reverse
electron transfer at 10 j_0, one endothelial cell in four kept itself above 1 uM for hours after two hours without oxygen, and died of it.
Step error: H2O2 is at its steady state for the flux of the moment (exact below 1 s); A and s are exact for constant
input over the macro-step.
Verification: tests/verification/test_energetics_oxidants.py (rest 5 nM, rotenone up, NAC down, loop gain at rest < 0.5);
tests/verification/test_peroxide_of_medium.py (balance, gradients, half-times, lethal doses by type);
tests/verification/test_cell_variation.py (enzymes of a cell, Nrf2).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mitoferry.core.maths import exp, relax
from mitoferry.core.nodes import NODE_ANTIOXIDANT, NODE_ARRIVAL_ANTIOXIDANT, NODE_NOX, NODE_REDOX_CYCLING
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_APOPTOTIC,
    CELL_LIVE,
    CELL_NECROTIC,
    DONOR_ENDOSOME,
    H2O2,
    N_CLASSES,
    OXYGEN,
    SUM_COUNT,
    SUM_DAMAGE,
    SUM_DEHYDROGENASE,
    SUM_ETC,
    SUM_ETC_COMPLEX_I,
    SUM_MASS,
    SUM_SCALE,
    SUM_SITE_I,
    SUM_SITE_III,
    Step,
)
from mitoferry.processes.energetics_class import PH_DIFFERENCE
from mitoferry.processes.heme_signalling import ho1_share
from mitoferry.processes.organelle import excess_oxidant
from mitoferry.space.field_exchange import cleared

RESTING_PMF = 181.0  # mV
RESTING_NADH = 0.887
AIR_OXYGEN = 190.0  # uM
UM3_PER_PL = 1000.0
DEPLETION_H2O2 = 0.1  # uM, at which ``antioxidant_depletion`` is given


class Parameters(NamedTuple):
    """Parameters of ``reactive_oxygen``; units and sources in the library."""

    electron_leak: float
    pmf_scale: float
    oxygen_half: float
    damage_factor: float
    site_i_factor: float
    site_iii_factor: float
    reverse_transfer_factor: float
    nox_factor: float
    pore_production: float
    succinate_rise: float
    succinate_fall: float
    anoxia: float
    scavenging_factor: float
    scavenging_half: float
    catalase: float
    outward: float
    cytosol_peroxidases: float
    cytosol_catalase: float
    inward: float
    antioxidant_time: float
    antioxidant_depletion: float
    pulse_gain: float
    ho1_gain: float
    nrf2_gain: float
    nrf2_half: float
    nrf2_nfkb: float
    lipid_factor: float
    nox_time: float
    adduct_factor: float


@row
def resting_unit_production(p):
    """j_0: H2O2 that one healthy mass unit makes in a resting cell in air [amol/s]."""
    return p.electron_leak * RESTING_NADH * AIR_OXYGEN / (p.oxygen_half + AIR_OXYGEN)


def resting_h2o2(half: float, factor: float) -> float:
    """H2O2 [uM] at which peroxidases, half saturated at ``half`` [uM], of ``factor`` times the resting production rest: 5 nM."""
    return half / max(factor - 1.0, 1e-3)


@row
def steady_h2o2(source, scavenging, half, first_order):
    """Root of source = scavenging H/(half + H) + first_order H [uM]; the others in uM/s, 1/s."""
    if source <= 0.0:
        return 0.0
    b = first_order * half + scavenging - source
    root = math.sqrt(b * b + 4.0 * first_order * source * half)
    if b >= 0.0:
        return 2.0 * source * half / (b + root)
    return (root - b) / (2.0 * first_order)


@row
def class_production(c, k, cells, succinate, cycling, unit, p):
    """H2O2 made by energy class ``k`` of cell ``c`` [amol/s] at full oxygen, and the part that does not need it."""
    n = float(cells.nadh[c, k])
    mass = SUM_SCALE * int(cells.sums[c, k, SUM_MASS])
    closed = SUM_SCALE * int(cells.sums[c, k, SUM_DEHYDROGENASE])
    etc = SUM_SCALE * int(cells.sums[c, k, SUM_ETC])
    with_i = SUM_SCALE * int(cells.sums[c, k, SUM_ETC_COMPLEX_I])
    steep = exp((float(cells.psi[c, k]) + PH_DIFFERENCE - RESTING_PMF) / p.pmf_scale)
    made = p.electron_leak * closed * n * steep
    damaged = SUM_SCALE * int(cells.sums[c, k, SUM_DAMAGE])
    if k == DONOR_ENDOSOME and mass > closed:
        damaged = damaged * closed / mass
    made += p.damage_factor * p.electron_leak * damaged
    made += p.site_i_factor * unit * SUM_SCALE * int(cells.sums[c, k, SUM_SITE_I]) * n
    made += p.site_iii_factor * unit * SUM_SCALE * int(cells.sums[c, k, SUM_SITE_III]) * n
    made += p.reverse_transfer_factor * unit * with_i * succinate * steep
    made += p.adduct_factor * unit * float(cells.mtdna_adducts[c, k]) * etc * n
    bursting = 0.0
    if k != DONOR_ENDOSOME:
        bursting = max(mass - closed, 0.0)
    return made, cycling * etc * n + p.pore_production * bursting


@row
def cell_production(c, cells, groups, p):
    """H2O2 made by cell ``c``, all sources [amol/s]."""
    g = int(cells.group[c])
    oxygen = max(float(cells.env[c, OXYGEN]), 0.0)
    unit = resting_unit_production(p)
    cycling = float(groups.nodes[g, NODE_REDOX_CYCLING]) * float(cells.drug_retention[c])
    leak = 0.0
    other = 0.0
    for k in range(N_CLASSES):
        if int(cells.sums[c, k, SUM_COUNT]) > 0:
            a, b = class_production(c, k, cells, float(cells.succinate[c]), cycling, unit, p)
            leak += a
            other += b
    leak += p.nox_factor * unit * float(cells.target_mitochondria[c]) * float(cells.nox_induced[c]) * float(groups.nodes[g, NODE_NOX])
    leak += p.lipid_factor * unit * float(cells.target_mitochondria[c]) * float(cells.lipid_load[c])
    return leak * oxygen / (p.oxygen_half + oxygen) + other


@row
def under_membrane(outside, volume, enzymes, capacity, clearance, p):
    """H2O2 [uM] beneath the membrane of a cell with ``outside`` uM around it.

    ``volume`` of the cytosol in pL; ``enzymes`` of the type relative to a stromal cell; ``capacity`` of peroxidases, 1 at rest;
    ``clearance`` um^3/s. Whatever the cell takes out of the medium is removed here.
    """
    entry = cleared(volume, clearance) / (UM3_PER_PL * volume)
    return steady_h2o2(
        entry * max(outside, 0.0), p.cytosol_peroxidases * enzymes * capacity, p.scavenging_half, p.cytosol_catalase * enzymes
    )


@row
def capacity_of(c, cells, groups):
    """What the peroxidases of cell ``c`` remove relative to those of a resting cell of its type."""
    return float(cells.antioxidant[c]) * float(groups.nodes[int(cells.group[c]), NODE_ANTIOXIDANT]) * float(cells.own_antioxidant[c])


@row
def beneath_membrane(c, cells, groups, clearance, p):
    """H2O2 [uM] of the medium beneath the membrane of cell ``c``, which clears ``clearance`` um^3/s of it per reference cell."""
    outside, enzymes = float(cells.env[c, H2O2]), float(groups.peroxide_enzymes[int(cells.group[c])])
    return under_membrane(outside, max(float(cells.volume[c]), 1e-9), enzymes, capacity_of(c, cells, groups), clearance, p)


@row
def cell_h2o2(c, cells, groups, made, outer, p):
    """H2O2 [uM] of cell ``c`` where its mitochondria are, when it makes ``made`` amol/s and has ``outer`` uM beneath the membrane."""
    g = int(cells.group[c])
    volume = max(float(cells.volume[c]), 1e-9)
    content = float(cells.target_mitochondria[c]) / volume
    scavenging = p.scavenging_factor * resting_unit_production(p) * content * capacity_of(c, cells, groups)
    scavenging = scavenging * float(groups.antioxidant_level[g])
    source = made / volume + p.inward / UM3_PER_PL * content * outer
    return steady_h2o2(source, scavenging, p.scavenging_half, p.catalase + p.outward)


@row
def advance_cell(c, cells, groups, clearance, p, step):
    """One macro-step of cell ``c``."""
    state = int(cells.state[c])
    if state == CELL_NECROTIC:
        cells.h2o2_production[c] = 0.0
        cells.h2o2[c] = cells.env[c, H2O2]
        cells.h2o2_membrane[c] = cells.env[c, H2O2]
        return
    if state < CELL_LIVE or state > CELL_APOPTOTIC:
        return
    hours = step.dt / 3600.0
    succinate = float(cells.succinate[c])
    if float(cells.env[c, OXYGEN]) < p.anoxia:
        succinate = 1.0 - (1.0 - succinate) * exp(-hours / p.succinate_rise)
    elif succinate > 0.0:
        succinate = succinate * exp(-hours / p.succinate_fall)
    cells.succinate[c] = succinate
    cells.nox_induced[c] = relax(float(cells.nox_induced[c]), float(cells.nfkb[c]), hours, p.nox_time)
    made = cell_production(c, cells, groups, p)
    outer = beneath_membrane(c, cells, groups, clearance, p)
    h2o2 = cell_h2o2(c, cells, groups, made, outer, p)
    pulse = float(groups.nodes[int(cells.group[c]), NODE_ARRIVAL_ANTIOXIDANT]) * float(cells.arrival_pulse[c])
    induced = max(p.pulse_gain * pulse, p.ho1_gain * ho1_share(float(cells.ho1[c])))
    answer = excess_oxidant(h2o2 * float(groups.h2o2_scale[int(cells.group[c])]) + outer, p.nrf2_half)
    answer = answer * max(1.0 - p.nrf2_nfkb * float(cells.nfkb[c]), 0.0)
    target = 1.0 + induced + answer * max(p.nrf2_gain - induced, 0.0)
    rate = 1.0 / p.antioxidant_time + p.antioxidant_depletion * h2o2 / DEPLETION_H2O2
    end = target / (p.antioxidant_time * rate)
    cells.antioxidant[c] = end + (float(cells.antioxidant[c]) - end) * exp(-rate * hours)
    cells.h2o2_production[c] = made
    cells.h2o2[c] = h2o2
    cells.h2o2_membrane[c] = outer


def advance(world: Any, step: Step, p: Parameters) -> None:
    """Advance H2O2 and antioxidant capacity of all cells by one macro-step."""
    clearance = float(world.spec.parameters["diffusion.h2o2_clearance"])
    world.backend.each(advance_cell, world.n_cells, world.cells, world.groups, clearance, p, step)


PROCESS = Process(name="reactive_oxygen", stage="energetics", clock="macro", parameters=Parameters, advance=advance)
