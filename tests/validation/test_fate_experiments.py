"""The experiments named fate-...: their mechanism is the only one of its kind at work, and what they show follows.

Small: few wells of each arm. Directions only, by means over wells; alpha of a verdict is that of a full run.
"""

from dataclasses import replace

import numpy as np
import pytest

from mitoferry.assays import load_assays
from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import Step
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.observables import observable
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.resolve import resolve

ASSAYS = load_assays()
AT_WORK = {
    "fate-ferroptosis": {"ferroptosis"},
    "fate-senescence": {"senescence", "dna_damage", "nad"},
    "fate-dhodh": set(),
    "fate-differentiation": {"differentiation", "ferroptosis"},
    "fate-drug-resistance": {"dna_damage", "senescence", "nad"},
    "fate-vessel": {"vessel"},
    "fate-crawling": set(),
    "fate-fragmentation": set(),
    "fate-fatty-acids": {"fatty_acids"},
    "fate-dose-response": {"vessel"},
    "fate-nad": {"nad"},
    "fate-mtdna-adducts": {"mtdna_adducts", "dna_damage", "nad"},
}
MINE = set().union(*AT_WORK.values()) | {"fatty_acids"}
RUNS = {}


def readings(name, *, replicates=2, off=()):
    """(mean by arm) of every readout at every time, and the names of the processes that ran."""
    key = (name, off)
    if key not in RUNS:
        spec = resolve(load_experiment(name))
        spec = replace(spec, replicates=replicates, detail=(), switches={**spec.switches, **dict.fromkeys(off, "off")})
        engine, found = Engine(spec, Cpu(threads=1)), {}
        engine.burn_in()

        def measure(tick):
            for m in spec.measurements:
                if tick in m.times:
                    population = next(p.index for a in spec.arms for p in a.populations if p.name == m.of)
                    for r in ASSAYS[m.assay].measure(engine.world, population, m.options, Step(tick // 60, tick, float(tick), 60.0)):
                        arm = spec.arms[int(engine.world.wells.arm[r.well])].name
                        found.setdefault((m.assay, r.readout, tick // 3600, arm), []).append(r.value)

        measure(0)
        while not engine.finished:
            engine.advance()
            measure(engine.tick)
        engine.world.ledger.check(engine.world, "end", engine.tick)
        RUNS[key] = {k: float(np.nanmean(v)) for k, v in found.items()}, {p.name for p in engine.processes}
    return RUNS[key]


def value(name, finding, arm, **how):
    """What a finding compares, in one arm."""
    o, found = observable(finding.observable), readings(name, **how)[0]
    times = sorted(t for a, r, t, x in found if (a, r, x) == (o.assay, o.readout, arm))
    at = finding.at
    hour = times[-1] if at is None else round((at.value if hasattr(at, "value") else float(at)) / 3600)
    return found[o.assay, o.readout, hour, arm]


DOES_NOT = {("fate-drug-resistance", "sensitises")}
"""Findings that a file expects and the model does not give."""


def test_every_fate_experiment_is_listed():
    assert {name for name in shipped() if name.startswith("fate-")} == set(AT_WORK)


@pytest.mark.long
@pytest.mark.parametrize("name", AT_WORK)
def test_what_is_expected_follows(name):
    assert readings(name)[1] & MINE == AT_WORK[name]
    for f in load_experiment(name).expect:
        arm, versus = (value(name, f, x) for x in (f.arm, f.versus))
        if (name, f.finding) in DOES_NOT:
            assert np.isfinite(arm - versus)
            continue
        assert (arm > versus) if f.direction == "increase" else (arm < versus), (f.finding, arm, versus)


@pytest.mark.long
def test_planted_fault_without_the_mechanism_nobody_dies_of_ferroptosis():
    found, names = readings("fate-ferroptosis", off=("ferroptosis",))
    assert "ferroptosis" not in names
    assert found["death_modes", "ferroptosis_fraction", 16, "damaged"] == 0.0


@pytest.mark.long
def test_early_mitochondria_protect_from_the_drug():
    """Nothing but the time differs between early and late. That late ones sensitise does not come out: see the notes of the file."""
    found = readings("fate-drug-resistance")[0]
    assert found["annexin_pi", "viable_fraction", 28, "early_mitochondria"] > found["annexin_pi", "viable_fraction", 28, "early"] + 0.2


@pytest.mark.long
def test_rho0_cells_lack_pyrimidine_and_not_atp():
    found = readings("fate-dhodh")[0]
    live = {
        arm: found["cell_count", "live", 48, arm] for arm in ("rho0", "rho0_uridine", "rho0_mitochondria", "parent_brequinar", "parent")
    }
    assert live["rho0"] <= 16
    assert live["parent_brequinar"] <= 16
    assert live["rho0_uridine"] > 4 * live["rho0"]
    assert live["rho0_mitochondria"] > 1.5 * live["rho0"]
    assert found["state", "atp", 48, "rho0"] > 2.5
    assert found["state", "oxygen_use", 48, "rho0_mitochondria"] > 0.05


@pytest.mark.long
def test_a_dose_series_is_graded_because_cells_differ():
    """The share of viable cells goes from most to few over the series; without the variation it does so within fewer doses."""
    doses = ("dose_60", "dose_140", "dose_190", "dose_250", "dose_330", "dose_600")
    width = {}
    for off in ((), ("cell_variation",)):
        found = readings("fate-dose-response", off=off)[0]
        viable = [found["annexin_pi", "viable_fraction", 24, arm] for arm in doses]
        assert viable[0] > 0.85 > 0.1 > viable[-1]
        width[off] = sum(0.05 < v < 0.88 for v in viable)
    assert width[()] >= 3 > width[("cell_variation",)]
