"""F15 a third time: the energetics written as SBML and simulated by libroadrunner (CVODE) against the engine's algebraic root.

Exact: the steady state of the differential equations is the root. Tolerance 0.1 % of each quantity (potential: of
150 mV). The step error of the engine enters the comparison in time only: after an abrupt fall of ATP, backward Euler at
60 s is within 2 % of the fall from the second step on; demand, which is shed on the ATP of the step before, lags by at most
0.05; both are of first order (a tenth of the step leaves less than a fifth of the error).
Faults seen to fail it, planted in a copy of the package: 3 protons per ATP in ``energetics_class``; complex II bypass left
out of ``respiration``; hydrolysis at full capacity; ``load`` not applied to demand. Planted here as well, in the SBML.
"""

import pytest

from mitoferry.assays.seahorse import FMOL_MIN, CellEnergetics, scratch_cells, settle
from mitoferry.backends.cpu import Cpu
from mitoferry.core import schema
from mitoferry.core.nodes import (
    N_NODES,
    NODE_GLYCOLYSIS,
    NODE_RESIDUAL_GLYCOLYSIS,
    NODE_SYNTHASE_BLOCK,
    NODE_UNCOUPLER,
    NODES,
)
from mitoferry.core.schema import GLUCOSE, OXYGEN, Step
from mitoferry.library.cell_types import cell_type, load_cell_types
from mitoferry.library.energetics_sbml import energetics_sbml
from mitoferry.library.mathml import mathml, names
from mitoferry.library.parameters import values_for
from mitoferry.library.scaling import ScaledCell
from mitoferry.processes.energetics import Parameters, advance_cell

P = Parameters(**values_for("energetics"))
BLOCKS = {
    "synthase_block": NODE_SYNTHASE_BLOCK,
    "uncoupler": NODE_UNCOUPLER,
    "glycolysis_factor": NODE_GLYCOLYSIS,
    "residual_glycolysis": NODE_RESIDUAL_GLYCOLYSIS,
}
CONDITIONS = {
    "basal": {},
    "oligomycin": {"synthase_block": 0.98},
    "oligomycin and FCCP": {"synthase_block": 1.0, "uncoupler": 20.0},
    "FCCP": {"uncoupler": 8.0},
    "rotenone": {"complex_i_block": 1.0},
    "half rotenone": {"complex_i_block": 0.5},
    "antimycin": {"complex_iii_block": 1.0},
    "rotenone and antimycin": {"complex_i_block": 0.9, "complex_iii_block": 0.9},
    "0.2 uM oxygen": {"oxygen": 0.2},
    "no glucose": {"glucose": 0.0},
    "no glucose, stores": {"glucose": 0.0, "residual_glycolysis": 0.1, "oxygen": 0.5},
    "galactose": {"glycolysis_factor": 0.1},
    "without mtDNA": {"respiratory_units": 0.0, "synthase_units": 0.0},
    "synthase below the onset of free F1": {"synthase_units": 60.0},
}
TYPES = ("bm_msc", "huvec", "cortical_neuron", "nucleus_pulposus")


def simulator(name="bm_msc", **changes):
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner has no wheel for this Python and machine", exc_type=ImportError)
    r = roadrunner.RoadRunner(energetics_sbml(name, **changes))
    r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-9, 1e-11
    r.integrator.maximum_num_steps = 1_000_000
    return r


def numbers(name):
    n = cell_type(name).numbers()
    return CellEnergetics.of_type(
        ScaledCell(
            demand=n.demand, glycolysis=n.glycolysis, nonmito=n.nonmito, leak_factor=n.leak_factor, cytosol=n.cytosol,
            substrate=n.substrate, mitochondria=n.mitochondria, oxygen_use=n.oxygen_use,
        )
    )  # fmt: skip


def engine(name, changes):
    """The steady state of the engine."""
    c = numbers(name)
    etc = changes.get("respiratory_units", c.etc) * (1.0 - changes.get("complex_iii_block", 0.0))
    cell = CellEnergetics(
        etc=etc, complex_i=etc * (1.0 - changes.get("complex_i_block", 0.0)), synthase=changes.get("synthase_units", c.synthase),
        leak=c.leak, dehydrogenase=c.dehydrogenase, demand=c.demand, glycolysis=c.glycolysis, nonmito=c.nonmito, volume=c.volume,
        leak_factor=c.leak_factor, substrate=c.substrate,
    )  # fmt: skip
    nodes = {BLOCKS[k]: v for k, v in changes.items() if k in BLOCKS}
    r = settle(cell, P, oxygen=changes.get("oxygen", 190.0), glucose=changes.get("glucose", 10.0), nodes=nodes)
    return {"psi": r.psi, "nadh": r.nadh, "atp": r.atp, "respiration": r.mito, "oxygen_use": r.ocr, "lactate_release": r.lactate}


def simulated(r, changes):
    """The steady state of the SBML model; demand held, as the engine's ``settle`` holds it."""
    r.resetToOrigin()
    r["demand_shedding"] = 0.0
    for k, v in changes.items():
        r[k] = v
    r.simulate(0.0, 20000.0, 2)
    found = {k: r[k] for k in ("psi", "nadh", "atp")}
    return found | {k: r[k] * FMOL_MIN for k in ("respiration", "oxygen_use", "lactate_release")}


def off(a, b):
    """Largest difference relative to b (potential: to 150 mV; fluxes: to at least 1e-3 fmol/min)."""
    floor = {"psi": 150.0, "nadh": 1e-3, "atp": 1e-3}
    return max(abs(a[k] - b[k]) / max(abs(b[k]), floor.get(k, 1e-3)) for k in b)


@pytest.mark.parametrize("name", TYPES)
def test_f15_engine_agrees_with_the_sbml_model_in_another_simulator(name):
    r = simulator(name)
    assert {k: off(engine(name, c), simulated(r, c)) for k, c in CONDITIONS.items() if off(engine(name, c), simulated(r, c)) >= 1e-3} == {}


@pytest.mark.parametrize(
    "fault",
    [{"protons_per_atp": 3.6}, {"complex_ii_bypass": 0.0}, {"reverse_share": 0.0}, {"brake_midpoint": 171.0}, {"nadh_per_oxygen": 1.9}],
    ids=lambda f: next(iter(f)),
)
def test_f15_planted_fault_is_caught(fault):
    r = simulator()
    for name in fault:
        assert r[name] != fault[name]
    assert max(off(engine("bm_msc", c), simulated(r, c | fault)) for c in ({}, CONDITIONS["rotenone"], CONDITIONS["antimycin"])) > 1e-3


def course(dt, seconds, changes):
    """ATP and load of the engine at the end of each step."""
    cells = scratch_cells(numbers("bm_msc"))
    groups = schema.allocate("Groups", 1, n_nodes=N_NODES)
    groups.nodes[:] = [node.rest for node in NODES]
    for k, v in changes.items():
        groups.nodes[0, BLOCKS[k]] = v
    cells.env[:, OXYGEN], cells.env[:, GLUCOSE] = 190.0, 10.0
    cells.load[0] = 1.0
    cells.atp[0] = settle(numbers("bm_msc"), P).atp
    backend, found = Cpu(threads=1), []
    for k in range(int(seconds / dt)):
        backend.each(advance_cell, 1, cells, groups, P, Step(k, int(k * dt), k * dt, dt))
        found.append((float(cells.atp[0]), float(cells.load[0])))
    return found


@pytest.mark.parametrize("changes", [{"synthase_block": 1.0, "glycolysis_factor": 0.3}, {"uncoupler": 20.0, "glycolysis_factor": 0.3}])
def test_steps_of_the_engine_follow_the_time_course_and_shed_demand(changes):
    r = simulator()
    for k, v in changes.items():
        r[k] = v
    exact = r.simulate(0.0, 3600.0, 361, ["time", "atp", "load"])
    fall = exact[0][1] - min(row[1] for row in exact)
    assert fall > 2.0  # mM
    assert exact[-1][2] < 0.7  # demand was shed
    worst = {}
    for dt in (60.0, 6.0):
        found = course(dt, 3600.0, changes)
        at = range(12, 361, 6)  # from the second macro-step on, every 60 s
        worst[dt] = [max(abs(found[int(n * 10 / dt) - 1][j] - exact[n][j + 1]) for n in at) for j in (0, 1)]
    assert worst[60.0][0] < 0.02 * fall
    assert worst[60.0][1] < 0.05
    assert worst[6.0][0] < 0.2 * worst[60.0][0]
    assert worst[6.0][1] < 0.2 * worst[60.0][1]


def problems(text, practice=True):
    libsbml = pytest.importorskip("libsbml", reason="python-libsbml has no wheel for this Python and machine")
    document = libsbml.readSBMLFromString(text)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, practice)
    document.checkConsistency()
    return [document.getError(i).getMessage() for i in range(document.getNumErrors())]


@pytest.mark.parametrize(
    "name", [*sorted(n for n, t in load_cell_types().items() if t.value("mitochondria") > 0)[::5], "bm_msc", "cell_143b_rho0"]
)
def test_sbml_is_valid_with_consistent_units_and_without_a_warning(name):
    assert problems(energetics_sbml(name)) == []


def test_a_wrong_unit_or_an_unknown_name_in_the_sbml_is_reported():
    text = energetics_sbml("bm_msc")
    number = 'name="brake width" value="7.0" units="mV"'
    assert number in text
    assert any("dimensionless" in p for p in problems(text.replace(number, number.replace("mV", "mM"))))
    assert problems(text.replace("<ci> pmf </ci>", "<ci> pmv </ci>", 1)) != []


def test_every_parameter_of_the_process_is_used_or_named_as_left_out():
    """No parameter of ``energetics`` is written without a meaning: each stands in an equation."""
    from mitoferry.library.energetics_sbml import energetics_model

    model = energetics_model("bm_msc")
    used = set().union(
        *[names(q.formula or q.rate) for q in model.quantities if q.formula or q.rate], *[names(r.rate) for r in model.reactions]
    )
    used |= set().union(*[names(s.start) for s in model.species if s.start])
    assert set(Parameters._fields) - used == set()
    known = {q.id for q in model.quantities} | {s.id for s in model.species}
    assert used - known == set()


def test_numbers_carry_their_evidence():
    text = energetics_sbml("bm_msc", parameters={"energetics.adp_half": 0.1})
    assert 'parameter="energetics.adp_half" distribution="lognormal" range="0.02-0.3" tag="F"' in text
    assert 'changed="the library has 0.2"' in text
    assert text.count("<mitoferry:evidence") > 50


@pytest.mark.parametrize("formula", ["f(x)", "x if x == y else 0", "x and y", "'x'", "x[0]", "x +", "exp(x, y)"])
def test_a_formula_that_sbml_cannot_hold_is_refused(formula):
    with pytest.raises(ValueError, match="formula"):
        mathml(formula)
