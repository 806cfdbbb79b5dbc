"""Scale the reference energetics to any cell type by a closed form.

From what is known of a type (mitochondria N, oxygen use, share of ATP from oxidative phosphorylation OX, volume)::

    nonmito = 0.12 OCR,  mito = OCR - nonmito
    leak    = g_L N sinh(181/2V_T)/sinh(175/2V_T)/20,  capped at 0.35 mito by a factor on the leak, then times the type's own
              factor (uncoupling protein)
    J_F     = 20/n_A (mito - leak)         J_use = J_F/OX        J_G = (1-OX) J_use/2
    V_U     = J_use (K_U + 2.88)/2.88
    V_G     = max(J_G, 0.02 J_use)/[10/10.5 (theta + (1-theta) 0.32^2/(K_A^2+0.32^2))]
    V_c     = 0.75 V,      respiratory chain = synthase = dehydrogenases = N

so that the type rests near 156 mV and 2.88 mM ATP in 10 mM glucose. The result is within 20 % of the oxygen use asked
for, except in strongly glycolytic cells with spare mitochondria, where oxidative phosphorylation displaces glycolysis:
there a brake on substrate (PDK, HIF) of 0.3-0.6 is needed (:func:`fit_substrate`). A leak factor below 1 is flagged.
A cell that does not respire (OX = 0: no mtDNA, or no mitochondria) makes its J_use, which is then given, by glycolysis alone.

Verification: tests/verification/test_energetics_scaling.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from mitoferry.library.parameters import values_for
from mitoferry.processes.energetics import Parameters
from mitoferry.processes.energetics_class import PROTONS_PER_ATP, PROTONS_PER_OXYGEN, SINH_AT_175, THERMAL_VOLTAGE
from mitoferry.processes.rest import RESTING_ATP, RESTING_POTENTIAL

AMOL_S_PER_FMOL_MIN = 1000.0 / 60.0
NONMITO_SHARE = 0.12
LEAK_CEILING = 0.35
RESTING_PMF = 181.0
REFERENCE_GLUCOSE = 10.0
CYTOSOL_SHARE = 0.75
GLYCOLYSIS_RESERVE = 0.02
LEAST_POTENTIAL = 5.0  # mV; a line without mtDNA may rest at 17 mV, what counts as lost is relative to that


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledCell:
    """Numbers of the energetics of one cell type.

    Attributes:
        demand: V_U [amol/s].
        glycolysis: V_G [amol/s].
        nonmito: non-mitochondrial oxygen use [amol/s].
        leak_factor: factor on the leak; below 1 where the type respires less than its mitochondria leak, above 1 with
            uncoupling protein.
        cytosol: V_c [pL].
        substrate: substrate supply, 0..1.
        mitochondria: N.
        oxygen_use: what was asked for [fmol/min].
    """

    demand: float
    glycolysis: float
    nonmito: float
    leak_factor: float
    cytosol: float
    substrate: float
    mitochondria: float
    oxygen_use: float


def energetics_parameters() -> Parameters:
    """Parameters of the energetics with the values of the library."""
    return Parameters(**values_for("energetics"))


def _balance(
    mitochondria: float, oxygen_use_fmol_min: float, oxphos_share: float, p: Parameters, leak: float, glycolytic_atp: float
) -> tuple[float, float]:
    """ATP use J_use [amol/s] and factor on the leak of a type; see the head of the module."""
    if min(mitochondria, oxygen_use_fmol_min, oxphos_share, leak, glycolytic_atp) < 0.0 or oxphos_share > 1.0:
        raise ValueError("scale_cell_type wants numbers of 0 or more and a share of at most 1")
    oxygen = oxygen_use_fmol_min * AMOL_S_PER_FMOL_MIN
    mito = oxygen - NONMITO_SHARE * oxygen
    rest = p.leak_conductance * mitochondria * math.sinh(0.5 * RESTING_PMF / THERMAL_VOLTAGE) / SINH_AT_175 / PROTONS_PER_OXYGEN
    leak_factor = leak * (LEAK_CEILING * mito / rest if rest > LEAK_CEILING * mito > 0.0 else 1.0)
    made = PROTONS_PER_OXYGEN / PROTONS_PER_ATP * (mito - rest * leak_factor)
    if made <= 0.0 < mito and leak > 1.0:
        raise ValueError("a leak that leaves some of its respiration for ATP")
    if oxphos_share > 0.0:
        return max(made, 0.0) / oxphos_share, leak_factor
    if made > 0.0:
        raise ValueError("a cell that respires makes ATP with it: its share of oxidative phosphorylation is above 0")
    return glycolytic_atp, leak_factor


def atp_use(
    mitochondria: float, oxygen_use_fmol_min: float, oxphos_share: float, parameters: Parameters | None = None, *, leak: float = 1.0
) -> float:
    """ATP that a resting cell of a type uses [amol/s]: J_use of the closed form."""
    p = energetics_parameters() if parameters is None else parameters
    return _balance(mitochondria, oxygen_use_fmol_min, oxphos_share, p, leak, 0.0)[0]


def scale_cell_type(
    mitochondria: float,
    oxygen_use_fmol_min: float,
    oxphos_share: float,
    volume_pl: float,
    parameters: Parameters | None = None,
    substrate: float = 1.0,
    *,
    leak: float = 1.0,
    glycolytic_atp: float = 0.0,
) -> ScaledCell:
    """Demand, glycolysis, non-mitochondrial oxygen use and leak of a cell type.

    Args:
        mitochondria: mitochondria per cell (mass units).
        oxygen_use_fmol_min: basal oxygen use of one cell [fmol/min].
        oxphos_share: share of ATP from oxidative phosphorylation in 10 mM glucose, 0..1; 0 for cells without mtDNA.
        volume_pl: volume of the cell [pL].
        parameters: parameters of ``energetics``; default those of the library.
        substrate: substrate supply of the mitochondria, 0..1.
        leak: factor on the proton leak of the type; above 1 with uncoupling protein.
        glycolytic_atp: ATP use of a cell that does not respire [amol/s]; without meaning where ``oxphos_share`` is above 0.

    Returns:
        The scaled cell.

    Raises:
        ValueError: a number is negative, ``oxphos_share`` is 0 although the cell respires with its mitochondria, or the leak
            takes all of its respiration.
    """
    p = energetics_parameters() if parameters is None else parameters
    if volume_pl < 0.0:
        raise ValueError("scale_cell_type wants numbers of 0 or more and a share of at most 1")
    use, leak_factor = _balance(mitochondria, oxygen_use_fmol_min, oxphos_share, p, leak, glycolytic_atp)
    glucose = max(0.5 * (1.0 - oxphos_share) * use, GLYCOLYSIS_RESERVE * use)
    adp = p.adenylate_total - RESTING_ATP
    active = p.glycolysis_floor + (1.0 - p.glycolysis_floor) * adp**2 / (p.glycolysis_adp_half**2 + adp**2)
    return ScaledCell(
        demand=use * (p.demand_half + RESTING_ATP) / RESTING_ATP,
        glycolysis=glucose / (REFERENCE_GLUCOSE / (REFERENCE_GLUCOSE + p.glucose_half) * active),
        nonmito=NONMITO_SHARE * (oxygen_use_fmol_min * AMOL_S_PER_FMOL_MIN),
        leak_factor=leak_factor,
        cytosol=CYTOSOL_SHARE * volume_pl,
        substrate=substrate,
        mitochondria=mitochondria,
        oxygen_use=oxygen_use_fmol_min,
    )


def resting_state(cell: ScaledCell, parameters: Parameters | None = None, *, glucose: float = REFERENCE_GLUCOSE) -> dict[str, float]:
    """Rest of a scaled cell: oxygen use [fmol/min], psi [mV], NADH, ATP [mM], lactate [fmol/min]."""
    from mitoferry.assays.seahorse import CellEnergetics, settle

    p = energetics_parameters() if parameters is None else parameters
    reading = settle(CellEnergetics.of_type(cell), p, glucose=glucose)
    return {"oxygen_use": reading.ocr, "psi": reading.psi, "nadh": reading.nadh, "atp": reading.atp, "lactate": reading.lactate}


def resting_leak(cell: ScaledCell, parameters: Parameters | None = None, *, pmf_scale: float | None = None) -> tuple[float, float]:
    """Potential [mV] at which a type lives, and the electron leak of its mitochondria there, relative to a stromal cell.

    Electron leak rises with NADH and steeply with the potential, so the mitochondria of a type that uses little of their
    capacity make more H2O2. A healthy cell rests at the same few nM (1-10 nM over cell types, Sies 2017 Redox Biol, from memory),
    so it holds as many peroxidases as its own resting leak calls for; never fewer than the stromal cell per mitochondrion,
    a level that needs no oxidants to be kept up (``antioxidant_level`` of ``CellTypeNumbers``).

    Args:
        cell: a scaled type.
        parameters: parameters of ``energetics``.
        pmf_scale: of ``reactive_oxygen`` [mV]; default that of the library.
    """
    from mitoferry.assays.seahorse import CellEnergetics, settle
    from mitoferry.processes.energetics_class import PH_DIFFERENCE
    from mitoferry.processes.reactive_oxygen import RESTING_NADH

    if cell.mitochondria <= 0.0:
        return RESTING_POTENTIAL, 0.0
    p = energetics_parameters() if parameters is None else parameters
    if cell.oxygen_use <= 0.0:
        return max(settle(CellEnergetics.of_type(cell, rho0=True), p, glucose=REFERENCE_GLUCOSE).psi, LEAST_POTENTIAL), 0.0
    rest = resting_state(cell, p)
    scale = values_for("reactive_oxygen")["pmf_scale"] if pmf_scale is None else pmf_scale
    leak = rest["nadh"] / RESTING_NADH * math.exp((rest["psi"] + PH_DIFFERENCE - RESTING_PMF) / scale)
    return max(rest["psi"], LEAST_POTENTIAL), leak


def fit_substrate(cell: ScaledCell, parameters: Parameters | None = None, *, lowest: float = 0.3) -> ScaledCell:
    """The cell with the largest substrate supply (at most its own) at which it uses no more oxygen than asked for.

    Args:
        cell: a scaled cell whose mitochondria displace glycolysis.
        parameters: parameters of ``energetics``.
        lowest: supply below which the search stops: a stronger brake would leave NADH near 0; what is then left over
            is to be stated with the type.
    """

    def excess(substrate: float) -> float:
        return resting_state(replace(cell, substrate=substrate), parameters)["oxygen_use"] - cell.oxygen_use

    high = cell.substrate
    if excess(high) <= 0.0:
        return cell
    low = lowest
    if excess(low) > 0.0:
        return replace(cell, substrate=low)
    for _ in range(30):
        middle = 0.5 * (low + high)
        if excess(middle) > 0.0:
            high = middle
        else:
            low = middle
    return replace(cell, substrate=low)


def scale_record(record: Any, parameters: Parameters | None = None) -> ScaledCell:
    """:func:`scale_cell_type` for any object with the fields of a cell type (mitochondria, oxygen_use, oxphos_share, volume)."""
    return scale_cell_type(
        record.mitochondria, record.oxygen_use, record.oxphos_share, record.volume, parameters, getattr(record, "substrate", 1.0)
    )
