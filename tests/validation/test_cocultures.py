"""Experiments that put mechanisms together on cocultures: what follows at small size, and what has been seen not to.

They are named like the systems of the reviews; their ``expect`` holds what those report or what the mechanism must do. Not all of it
comes out: ``DOES_NOT`` names what was seen not to, or to be too small to tell at this size. These are read all the same (they must give a
number), never asserted, and nothing has been tuned for them. Two wells per arm; directions of means only.
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

FOLLOWS = {
    "small-msc-cd8-talin2": {"tubes-donor", "tubes-recipient", "contact"},
    "small-msc-cd4-th1-th17": {"transfer", "tgf-beta", "foxp3", "il2ra", "t-bet", "th17", "paracrine"},
    "small-msc-macrophage-lps-phagocytosis": {"transfer"},
    "small-ito-np-macrophage-pyroptosis": {"particles", "nlrp3"},
    "small-adipocyte-lipid-diversion": {"fed", "ext1"},
    "small-admsc-cardiomyocyte-paracrine": {"insert", "no-mitochondria", "apoptosis", "hgf-node"},
    "small-epc-cardiomyocyte-reverse": {"contact"},
    "small-vsmc-msc-proliferation": {"contact"},
    "small-msc-renal-tubule-exchange": {"onset", "contact", "contact-back"},
    "small-ipsc-msc-pc12-cocl2": set(),
    "small-ipsc-msc-beas2b-cocl2": {"cx43"},
    "small-neuron-high-glucose-motility": {"o-glcnac", "motility", "ogt"},
}
DOES_NOT = {
    "small-msc-cd8-talin2": {"donor", "recipient", "spare-capacity", "exhaustion"},  # few arrive within a day: too small to tell
    "small-msc-cd4-th1-th17": {"mitochondria"},  # TGF-beta carries all of it at this size
    "small-msc-macrophage-lps-phagocytosis": {"phagocytosis", "particles", "inflammation", "tnf", "atp"},
    "small-ito-np-macrophage-pyroptosis": {"rescue", "inflammation", "il-1beta"},
    "small-adipocyte-lipid-diversion": {"lipid", "heart", "burst"},
    "small-admsc-cardiomyocyte-paracrine": {
        "node",
        "hgf-stress",
        "mcp-3-stress",
    },  # donors behind the insert help by using up H2O2, which hurts them
    "small-epc-cardiomyocyte-reverse": {"turn"},
    "small-vsmc-msc-proliferation": {"erk", "proliferation"},
    "small-msc-renal-tubule-exchange": set(),
    "small-ipsc-msc-pc12-cocl2": {"injury", "transfer", "function", "atp"},  # one cell in thirty has received within 18 h
    "small-ipsc-msc-beas2b-cocl2": {"injury", "transfer", "function", "atp"},
    "small-neuron-high-glucose-motility": {"starved", "low-serum", "acid"},
}
ASSAYS = load_assays()
BACKEND = Cpu(threads=1)


WELLS = {"small-msc-renal-tubule-exchange": 8}  # a hand-over per two cells: fewer wells may see none


def readings(name):
    """Means over wells of every readout by (population, assay, readout, time [s], arm)."""
    spec = replace(resolve(load_experiment(name)), replicates=WELLS.get(name, 2), detail=())
    engine, found = Engine(spec, BACKEND), {}
    engine.burn_in()

    def measure(tick):
        for m in spec.measurements:
            if tick in m.times:
                population = next((p.index for a in spec.arms for p in a.populations if p.name == m.of), None)
                for r in ASSAYS[m.assay].measure(engine.world, population, m.options, Step(tick // 60, tick, float(tick), 60.0)):
                    arm = spec.arms[int(engine.world.wells.arm[r.well])].name
                    found.setdefault((m.of, m.assay, r.readout, tick, arm), []).append(r.value)

    measure(0)
    while not engine.finished:
        engine.advance()
        measure(engine.tick)
    engine.world.ledger.check(engine.world, "end", engine.tick)
    return {k: float(np.nanmean(v)) if not np.isnan(v).all() else float("nan") for k, v in found.items()}


def value(found, x, arm):
    """What a finding compares, in one arm: the last reading, or the mean over the readings where its observable says so."""
    o = observable(x.name)
    key = ("" if o.of == "well" else x.of or o.of, o.assay, o.readout)
    series = [v for (of, assay, readout, tick, a), v in sorted(found.items()) if (of, assay, readout) == key and a == arm]
    assert series, (x.finding, arm)
    return float(np.nanmean(series)) if o.statistic == "mean" else series[-1]


def differs(found, x):
    """Arm less versus, with the sign that the file expects."""
    difference = value(found, x, x.arm) - value(found, x, x.versus)
    return difference if x.direction == "increase" else -difference


def test_every_finding_is_named_once():
    assert set(FOLLOWS) == set(DOES_NOT) <= set(shipped())
    for name in FOLLOWS:
        assert not FOLLOWS[name] & DOES_NOT[name]
        assert {x.finding for x in load_experiment(name).expect} == FOLLOWS[name] | DOES_NOT[name], name


@pytest.mark.long
@pytest.mark.parametrize("name", FOLLOWS)
def test_what_follows_follows_and_the_rest_is_read(name):
    found = readings(name)
    for x in load_experiment(name).expect:
        difference = differs(found, x)
        if x.finding in FOLLOWS[name]:
            assert difference > 0.0, (x.finding, value(found, x, x.arm), value(found, x, x.versus))
        else:
            assert np.isfinite(difference), x.finding


@pytest.mark.long
def test_planted_fault_without_capture_by_talin_2_the_findings_do_not_follow():
    """A library in which killer T cells bear no Talin-2 (as it was before): a knockdown in them changes nothing."""
    name = "small-msc-cd8-talin2"
    spec = resolve(load_experiment(name), arms=("coculture", "coculture_talin2_kd_recipient"))
    bare = [replace(a, populations=tuple(replace(p, cell_type=replace(p.cell_type, talin2=0.0)) for p in a.populations)) for a in spec.arms]
    engine = Engine(replace(spec, arms=tuple(bare), replicates=1, until=4 * 3600, detail=()), BACKEND)
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    wells = engine.world.links.well[: engine.world.n_links]
    counts = np.bincount(wells, minlength=2)
    assert counts[0] == counts[1]
