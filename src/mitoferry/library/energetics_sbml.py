"""The energetics of one cell as SBML: the equations of ``processes/energetics``, with the time course that the engine leaves out.

The engine takes potential and NADH at their steady state for the ATP of the moment. Here they are variables of their
own, so that the file is a plain system of differential equations that any SBML simulator can run::

    C_m D dpsi/dt = 20 J_C - n_A J_F + J_free - J_leak - J_uncoupler
    N_p D dn/dt   = J_D - 2 J_C
    V_c dATP/dt   = J_F,net + 2 J_G - J_use           (as reactions between ATP and ADP)

C_m and N_p set only how fast these two settle (milliseconds, below a second), never where.

What is exported: one energy class (the cell's own network) of a healthy cell of a type. Left out: the other energy
classes, oxidants, damage, mtDNA, everything between cells. Drugs and conditions are parameters that may be changed
during a simulation.

Verification: tests/verification/test_energetics_sbml.py (simulated by libroadrunner against the engine).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import metadata

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.plate_spec import CellTypeNumbers
from mitoferry.library.cell_types import CellTypeRecord, CellTypeValue, cell_type
from mitoferry.library.parameters import ParameterRecord, load_parameters, values_for
from mitoferry.library.records import raise_all
from mitoferry.library.sbml import Model, Quantity, Reaction, Species, sbml
from mitoferry.processes import energetics_class as physics
from mitoferry.processes.energetics import AMOL_PER_PL_MM, ATP_PER_GLUCOSE, NADH_PER_PYRUVATE, Parameters
from mitoferry.processes.rest import RESTING_ATP

OXYGEN = 190.0  # uM, medium under air
GLUCOSE = 10.0  # mM, at which cell types are scaled
CHOICE = {"tag": "C", "source": "modelling choice"}
FORM = {"tag": "C", "source": "form of the model: see the notes of the model"}

CONSTANTS = (
    ("protons_per_oxygen", "1", physics.PROTONS_PER_OXYGEN, "protons pumped per O2"),
    ("protons_per_atp", "1", physics.PROTONS_PER_ATP, "protons that return per ATP made and exported (8/3 + 1)"),
    ("ph_difference_full", "mV", physics.PH_DIFFERENCE, "pH difference over the inner membrane, as a voltage"),
    ("thermal_voltage", "mV", physics.THERMAL_VOLTAGE, "RT/F at 310 K"),
    ("faraday", "kJ/mol/mV", physics.FARADAY, "Faraday's constant"),
    ("standard_energy", "kJ/mol", physics.STANDARD_ENERGY, "standard energy of ATP hydrolysis at 1 mM Mg"),
    ("gas_energy", "kJ/mol", physics.GAS_ENERGY, "RT at 310 K"),
    ("standard_concentration", "mM", 1000.0, "1 M"),
    ("leak_reference", "mV", 175.0, "pmf at which leak and uncoupling are stated"),
    ("amount_per_volume", "amol/pL/mM", AMOL_PER_PL_MM, "amol in 1 pL of a 1 mM solution"),
    ("nadh_per_oxygen", "1", 2.0, "NADH oxidised per O2"),
    ("nadh_per_pyruvate", "1", NADH_PER_PYRUVATE, "NADH per pyruvate oxidised"),
    ("atp_per_glucose", "1", ATP_PER_GLUCOSE, "ATP per glucose in glycolysis"),
    ("resting_atp", "mM", RESTING_ATP, "ATP at rest, to which cell types are scaled"),
)
INERTIA = (
    ("membrane_capacitance", "amol/mV", 6e-4, "C_m per mass unit: how fast the potential settles; no steady state depends on it"),
    ("nadh_pool", "amol", 0.6, "N_p per mass unit: how fast NADH settles; no steady state depends on it"),
)
CONDITIONS = (
    ("oxygen", "uM", OXYGEN, "O2 at the cell", "CHEBI:15379"),
    ("glucose", "mM", GLUCOSE, "glucose at the cell", "CHEBI:17234"),
    ("complex_i_block", "1", 0.0, "share of complex I blocked (rotenone: 1)", ""),
    ("complex_iii_block", "1", 0.0, "share of complexes III/IV blocked (antimycin A: 1)", ""),
    ("synthase_block", "1", 0.0, "share of the ATP synthase blocked (oligomycin: 1)", ""),
    ("uncoupler", "1", 0.0, "uncoupler in FCCP equivalents; respiration is highest near 20", ""),
    ("glycolysis_factor", "1", 1.0, "factor on glycolysis (2-deoxyglucose 0.2, galactose 0.1)", ""),
    ("residual_glycolysis", "1", 0.0, "share of glycolysis that runs on stores without glucose", ""),
    ("demand_shedding", "1", 1.0, "1: demand falls with ATP; 0: demand is held, as in the virtual Seahorse", ""),
)
# id, unit, formula, meaning
EQUATIONS = (
    ("atp", "mM", "ATP / amount_per_volume", "ATP of the cytosol"),
    ("adp", "mM", "ADP / amount_per_volume", "ADP of the cytosol"),
    ("chain", "1", "respiratory_units * (1 - complex_iii_block)", "E: respiratory capacity that works behind complex I"),
    (
        "ph_difference", "mV",
        "ph_difference_full * minimum(1, (chain + synthase_units) / (dehydrogenase_units * pump_share))",
        "pH difference; shrinks where almost no pumps are left",
    ),
    ("pmf", "mV", "psi + ph_difference", "proton-motive force"),
    ("brake", "1", "1 / (1 + exp((pmf - brake_midpoint) / brake_width))", "brake of respiration by the proton-motive force"),
    (
        "respiration", "amol/s",
        "respiration_capacity * chain * oxygen / (oxygen_half + oxygen) * brake"
        " * (1 - complex_i_block + complex_ii_bypass) / (1 + complex_ii_bypass)"
        " * nadh * (1 + nadh_half) / (nadh_half + nadh) / (1 + (uncoupler / uncoupler_inhibition) ** 2)",
        "J_C: O2 used by the respiratory chain",
    ),
    (
        "dehydrogenation", "amol/s",
        "dehydrogenase_capacity * dehydrogenase_units * substrate * (1 - nadh) / (dehydrogenase_half + 1 - nadh)",
        "J_D: NADH made",
    ),
    (
        "phosphorylation_potential", "mV",
        "(standard_energy + gas_energy * ln(atp * standard_concentration / (adp * phosphate))) / faraday",
        "energy of ATP hydrolysis as a voltage",
    ),
    ("drive", "1", "(protons_per_atp * pmf - phosphorylation_potential) / thermal_voltage", "X: drive of the synthase"),
    ("reverse_saturation", "1", "reverse_share * atp / (atp_half_reverse + atp)", "hydrolysis by F1 relative to its capacity"),
    (
        "synthesis", "amol/s",
        "synthase_capacity * synthase_units * (1 - synthase_block) * tanh(drive / 2)"
        " * (adp / (adp_half + adp) if drive > 0 else reverse_saturation)",
        "J_F: ATP made by the synthase; negative where it hydrolyses",
    ),
    (
        "free_hydrolysis", "amol/s",
        "synthase_capacity * dehydrogenase_units * maximum(0, 1 - synthase_units / (dehydrogenase_units * free_f1_onset))"
        " * reverse_saturation",
        "J_free: ATP hydrolysed by F1 without a proton channel; one charge returns per ATP",
    ),
    (
        "leak", "amol/s",
        "leak_conductance * leak_units * leak_factor * sinh(pmf / (2 * thermal_voltage)) / sinh(leak_reference / (2 * thermal_voltage))",
        "J_leak: protons through the leak",
    ),
    (
        "uncoupling", "amol/s", "uncoupler_conductance * uncoupler * dehydrogenase_units * pmf / leak_reference",
        "protons through the uncoupler",
    ),
    (
        "glycolytic_supply", "1",
        "glycolysis_factor * (residual_glycolysis + (1 - residual_glycolysis) * glucose / (glucose_half + glucose))",
        "substrate of glycolysis",
    ),
    (
        "glycolysis", "amol/s",
        "glycolysis_capacity * glycolytic_supply"
        " * (glycolysis_floor + (1 - glycolysis_floor) * adp ** 2 / (glycolysis_adp_half ** 2 + adp ** 2))",
        "J_G: glucose turned into pyruvate",
    ),
    ("atp_use", "amol/s", "demand * load * atp / (demand_half + atp)", "J_use: ATP used by the cell"),
    (
        "load_target", "1",
        "load_minimum + (1 - load_minimum) * minimum(1, atp ** 2 / (atp ** 2 + (load_half * resting_atp) ** 2) * (1 + load_half ** 2))",
        "demand, relative to rest, that a cell with this ATP settles to",
    ),
    (
        "oxygen_use", "amol/s", "respiration + nonmito * oxygen / (nonmito_oxygen_half + oxygen)",
        "oxygen use of the cell (1 amol/s = 0.06 fmol/min)",
    ),
    (
        "pyruvate_oxidised", "amol/s", "pyruvate_share * nadh_per_oxygen * respiration / nadh_per_pyruvate",
        "pyruvate of glycolysis that mitochondria oxidise",
    ),
    (
        "lactate_release", "amol/s", "2 * glycolysis - pyruvate_oxidised if 2 * glycolysis > pyruvate_oxidised else 0 * glycolysis",
        "lactate that leaves the cell",
    ),
)  # fmt: skip


def _states(psi: float, nadh: float) -> list[Quantity]:
    moved = "protons_per_oxygen * respiration - protons_per_atp * synthesis + free_hydrolysis - leak - uncoupling"
    return [
        Quantity(id="psi", unit="mV", about="potential of the inner membrane", value=psi,
                 rate=f"({moved}) / (membrane_capacitance * dehydrogenase_units)"),
        Quantity(id="nadh", unit="1", about="reduced fraction of matrix NAD", value=nadh, term="CHEBI:57945",
                 rate="(dehydrogenation - nadh_per_oxygen * respiration) / (nadh_pool * dehydrogenase_units)"),
        Quantity(id="load", unit="1", about="demand relative to rest", value=1.0,
                 rate="demand_shedding * (load_target - load) / load_time"),
    ]  # fmt: skip


def _cell(record: CellTypeRecord, n: CellTypeNumbers) -> list[Quantity]:
    """Numbers of the cell type: capacities in mass units, and the results of the scaling."""
    content, brake = record.values["mitochondria"], record.values["substrate"]
    scaled = {"tag": "S", "source": "scaled from mitochondria, oxygen use, share of oxidative phosphorylation and volume of the cell type"}
    names = (("respiratory", "respiratory chain"), ("synthase", "ATP synthase"), ("leak", "leak"), ("dehydrogenase", "dehydrogenases"))
    rows = [
        (
            f"{name}_units", "1", 0.0 if record.rho0 and name in ("respiratory", "synthase") else n.mitochondria,
            f"{what} in mass units; 1 is that of one healthy mitochondrion", _known(content),
        )
        for name, what in names
    ]  # fmt: skip
    rows += [
        ("leak_factor", "1", n.leak_factor, "factor of the cell type on the leak", scaled),
        ("substrate", "1", n.substrate, brake.about, _known(brake)),
        ("demand", "amol/s", n.demand, "V_U: ATP use at full ATP", scaled),
        ("glycolysis_capacity", "amol/s", n.glycolysis, "V_G: glucose per second", scaled),
        ("nonmito", "amol/s", n.nonmito, "non-mitochondrial oxygen use", scaled),
    ]
    return [Quantity(id=i, unit=u, about=a, value=v, evidence=e, fixed=False) for i, u, v, a, e in rows]


def _known(r: ParameterRecord | CellTypeValue) -> dict[str, str]:
    """What is known of a number of the library."""
    return {"range": f"{r.range[0]:g}-{r.range[1]:g}", "tag": r.tag, "source": r.source}


def _library(values: Mapping[str, float]) -> list[Quantity]:
    records = load_parameters()
    found = []
    for name, value in values.items():
        r = records[f"energetics.{name}"]
        changed = {} if value == r.value else {"changed": f"the library has {r.value:g}"}
        known = {"parameter": r.name, "distribution": r.distribution, **_known(r), **changed}
        found.append(Quantity(id=name, unit=r.unit, about=r.about, value=value, evidence=known))
    return found


def _notes(record: CellTypeRecord) -> list[str]:
    return [
        f"Energetics of one cell: {record.about} ({record.name}, {record.species}), as in mitoferry {metadata.version('mitoferry')}.",
        "One energy class. Respiration with a sigmoid brake in the proton-motive force follows Bertram 2006 J Theor Biol 243:575, the "
        "reversible ATP synthase Nazaret 2009 J Theor Biol 258:455; ATP + ADP, phosphate and the pH difference are constant.",
        "mitoferry takes potential and NADH at their steady state for the ATP of the moment; here they have a time course, set by "
        "membrane_capacitance and nadh_pool, to the same steady state.",
        "Conditions and drugs are parameters that may be changed: oxygen, glucose, complex_i_block, complex_iii_block, synthase_block, "
        "uncoupler, glycolysis_factor, residual_glycolysis.",
        "Tags of the evidence: M measured, O order of magnitude, C modelling choice, S computed, F fitted. Most numbers are modelling "
        "choices or orders of magnitude; read them with their range.",
    ]


def energetics_model(name: str, *, overrides: Mapping[str, float] | None = None, parameters: Mapping[str, float] | None = None) -> Model:
    """The energetics of a healthy cell of a type, at rest in air and 10 mM glucose.

    Args:
        name: name of a cell type.
        overrides: numbers of the type that differ from the library, by field ("oxygen_use").
        parameters: parameters that differ from the library, by full name ("energetics.leak_conductance").

    Returns:
        The model; :func:`mitoferry.library.sbml.sbml` writes it.

    Raises:
        InputError: no such cell type, parameter or field, or the cell has no mitochondria.
    """
    from mitoferry.assays.seahorse import CellEnergetics, settle
    from mitoferry.library.scaling import ScaledCell

    record = cell_type(name)
    raise_all([
        Problem("override", k, "a parameter of energetics, as a finite number", f"{k} = {v!r}")
        for k, v in (parameters or {}).items()
        if not k.startswith("energetics.") or not math.isfinite(v)
    ])  # fmt: skip
    values = values_for("energetics", overrides=parameters)
    n = record.numbers(overrides, parameters)
    if n.mitochondria <= 0.0:
        raise InputError(Problem("cell types", name, "a cell with mitochondria", "none"))
    scaled = ScaledCell(
        demand=n.demand, glycolysis=n.glycolysis, nonmito=n.nonmito, leak_factor=n.leak_factor, cytosol=n.cytosol,
        substrate=n.substrate, mitochondria=n.mitochondria, oxygen_use=n.oxygen_use,
    )  # fmt: skip
    rest = settle(CellEnergetics.of_type(scaled, rho0=record.rho0), Parameters(**values), oxygen=OXYGEN, glucose=GLUCOSE)
    quantities = [
        *_states(rest.psi, rest.nadh),
        *[Quantity(id=i, unit=u, about=a, formula=f) for i, u, f, a in EQUATIONS],
        *[Quantity(id=i, unit=u, value=v, about=a, evidence=CHOICE, fixed=False, term=t) for i, u, v, a, t in CONDITIONS],
        *_cell(record, n),
        *_library(values),
        *[Quantity(id=i, unit=u, value=v, about=a, evidence=FORM) for i, u, v, a in CONSTANTS],
        *[Quantity(id=i, unit=u, value=v, about=a, evidence=CHOICE) for i, u, v, a in INERTIA],
    ]
    return Model(
        id=f"energetics_{record.name}",
        name=f"Energetics of one cell: {record.about}",
        notes=_notes(record),
        compartment=("cytosol", "cytosol of the cell", n.cytosol, "GO:0005829"),
        species=[
            Species(id="ATP", about="ATP of the cytosol", value=rest.atp * AMOL_PER_PL_MM, term="CHEBI:30616"),
            Species(id="ADP", about="ADP of the cytosol; ATP + ADP is constant", start="adenylate_total * amount_per_volume - ATP",
                    term="CHEBI:456216"),
        ],
        quantities=quantities,
        reactions=[
            Reaction(id="oxidative_phosphorylation", about="ATP made by mitochondria less what they hydrolyse", consumes={"ADP": 1},
                     makes={"ATP": 1}, rate="synthesis - free_hydrolysis", reversible=True, term="GO:0042776"),
            Reaction(id="glycolytic_phosphorylation", about="two ATP per glucose", consumes={"ADP": 1}, makes={"ATP": 1},
                     rate="atp_per_glucose * glycolysis", term="GO:0006096"),
            Reaction(id="consumption", about="ATP used by the cell", consumes={"ATP": 1}, makes={"ADP": 1}, rate="atp_use"),
        ],
    )  # fmt: skip


def energetics_sbml(name: str, *, overrides: Mapping[str, float] | None = None, parameters: Mapping[str, float] | None = None) -> str:
    """The text of an SBML Level 3 Version 1 file with the energetics of a cell type; see :func:`energetics_model`.

    >>> from mitoferry.library.energetics_sbml import energetics_sbml
    >>> energetics_sbml("bm_msc").splitlines()[1]
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">'
    """
    return sbml(energetics_model(name, overrides=overrides, parameters=parameters))


__all__ = ["energetics_model", "energetics_sbml"]
