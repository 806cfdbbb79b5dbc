"""The experiments of immunity: in each its mechanism is the only way between cells, and its findings follow at small size."""

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

EXPERIMENTS = {
    "trigger-mtdna-sensing": "mtdna_sensing", "immune-pyroptosis": "mtdna_sensing", "immune-macrophage-polarisation": "macrophage_polarisation",  # noqa: E501
    "immune-t-cell-fate": "t_cell_fate", "immune-attack": "immune_attack", "immune-neutrophil-traps": "neutrophil_traps",
    "immune-cytokines": "cytokines", "immune-stromal-calming": "stromal_calming", "immune-tumour-sting": "immune_attack",
}  # fmt: skip
TAKES_UP = {"immune-tumour-sting"}  # isolated mitochondria from the medium
BACKEND = Cpu(threads=1)


def outcome(name, *, replicates=2, off=()):
    """Per finding the mean of its readout in its arm and in the arm that it is compared with; and the hand-overs between cells."""
    experiment = load_experiment(name)
    spec = resolve(experiment)
    spec = replace(spec, replicates=replicates, detail=(), switches={**spec.switches, **dict.fromkeys(off, "off")})
    engine = Engine(spec, BACKEND)
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    world, step = engine.world, Step(engine.tick // 60, engine.tick, float(engine.tick), 60.0)
    world.ledger.check(world, "end", engine.tick)
    index = {p.name: p.index for arm in spec.arms for p in arm.populations}
    arms = {arm.name: k for k, arm in enumerate(spec.arms)}
    found = {}
    for x in experiment.expect:
        seen = observable(x.name)
        of = None if seen.of == "well" else index[x.of or seen.of]
        readings = load_assays()[seen.assay].measure(world, of, {}, step)
        by_arm = {a: [r.value for r in readings if r.readout == seen.readout and r.well // replicates == k] for a, k in arms.items()}
        found[x.finding] = (np.mean(by_arm[x.arm]), np.mean(by_arm[x.versus]), x.direction)
    return found, engine.n_handovers


def follows(found):
    """Whether all findings have the direction that the file expects."""
    return all(a > b if direction == "increase" else a < b for a, b, direction in found.values())


def test_every_immune_experiment_is_listed():
    assert {name for name in shipped() if name.startswith("immune-")} <= set(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_findings_follow_and_nothing_is_handed_over(name):
    found, handed_over = outcome(name)
    assert follows(found), found
    assert (handed_over > 0) == (name in TAKES_UP)


def test_planted_fault_without_the_mechanism_the_findings_do_not_follow():
    assert not follows(outcome("immune-neutrophil-traps", off=("neutrophil_traps",))[0])
