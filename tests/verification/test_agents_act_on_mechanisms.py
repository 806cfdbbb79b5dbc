"""G4 for the whole library: with the mechanisms that it acts on switched off, an agent changes no byte of the state.

Every drug, gene change and injury is given to a tiny plate of five cells in which tubes form and mitochondria pass. What it
acts on is found in the code (``experiment/mechanisms.py``); these processes are switched off, and the state after twelve
macro-steps must be that of the same plate without the agent, but for the node or concentration itself. With all mechanisms on
the same agent does change the state (the check is not vacuous), and it does if one of its mechanisms is left on (planted fault).
"""

import warnings
from dataclasses import replace
from functools import cache

import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import NODE, NODES
from mitoferry.core.schema import CYTOKINES
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.mechanisms import all_acting, mechanisms
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest

HEAD = """\
schema: mitoferry/experiment@1
title: A few cells
well: {kind: dish, size: 60 um, voxel: 20 um, medium: {il_1beta: 1 ng/mL}} # NF-kB and NADPH oxidase at work
cells:
  recipient: {type: bm_msc, count: 2, haplotypes: {m.3243A>G: 50 %}, overrides: {mitochondria: 14, mtdna: 70, filopodia: 60}}
  donor:
    {type: bm_msc, count: 3, label: {genetic: red, tracker: red}, overrides: {mitochondria: 14, mtdna: 70, filopodia: 60, cycle_time: 12}}
run: {until: 12 min, replicates: 1, seed: 4}
parameters:
  nanotube_search.capture_probability: 0.9
  nanotube_clocks.opening_time: 0.005
  nanotube_clocks.thickening_rate: 300.0
  nanotube_clocks.thick_lifetime: 0.15
  nanotube_transport.loading_rate: 3000.0
  nanotube_transport.microtubule_speed: 20.0
  mitophagy.basal_rate: 1.0
  vesicle_release.migrasome_rate: 10.0
measure: []
arms:
  without: {}
"""
FIRST = 60.0  # s; whatever its onset, the agent acts from here on
ITSELF = (
    "groups/nodes",
    "wells/bulk",
    "wells/boundary",
    "fields/conc",
    "wells/cytokines",
    "groups/receptors",
)  # where an agent is written down
BACKEND = Cpu(threads=1)  # one for all runs: its kernels are loaded once
AGENTS = {f"{a.kind}-{a.name}": a for a in all_acting() if a.places != {"perfusion"}}  # blood: test_blood_flow_acts_on_mechanisms.py
# What has no work to do within twelve minutes of five cells: no vesicle is in the medium, no cell is about to divide or to die.
IDLE = {"endocytosis", "macropinocytosis", "heparan_sulfate", "mitochondria_release", "proliferation", "uridine", "caspase", "homing"}
# There is no cell with dendrites or synapses, and what exosomes carry is not asked for.
IDLE |= {"mfn2", "synaptosomes", "mtdna_packaging", "microrna"}
IDLE |= {node.name for node in NODES[NODE["tlr9"] : NODE["immune_attack"] + 1]} | set(CYTOKINES)  # no immune cell is there
# Nor what bone marrow MSC do not have: LFA-1, iSEC, GAP43, and answers of HMGB1 to hypoxia, of SIRT1 to lactate.
IDLE |= {"icam1", "cd200r", "gap43", "hmgb1", "mct1"}
IDLE |= {"cyclophilin_d"}  # no pore opens within minutes: test_reperfusion.py
IDLE |= {"cell_fusion", "phagocytosis"}  # no two cells fuse within minutes, and no phagocyte is there
IDLE |= {"senolysis", "vegf_receptor", "dhodh", "senescence", "osteoclast_cue", "drug_efflux"}  # no cell or drug that it could act on


def given(agent):
    """The arm of an agent in the words of the file."""
    if agent.kind == "injury":
        return f"{{injury: [{{do: {agent.name}}}]}}"
    return f"{{treat: [{{{agent.kind}: {agent.name}}}]}}"


@cache
def arms():
    """The resolved plate with one arm per agent, each agent acting from the second step on; a file holds at most 200 arms."""

    def soon(action):
        return replace(action, start=FIRST) if action.kind == "node" else action

    names, found = list(AGENTS), {}
    for first in range(0, len(names), 150):
        text = HEAD + "".join(f"  {name.replace('-', '_')}: {given(AGENTS[name])}\n" for name in names[first : first + 150])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doses outside their range
            spec = resolve(parse_experiment(text, "agents.yaml", name="agents"))
        found |= {arm.name: replace(arm, actions=tuple(soon(a) for a in arm.actions)) for arm in spec.arms}
    return spec, found


@cache
def final_state(arm, off):
    """Digest of the state after the run of one arm with processes switched off, less what the agent is written down in."""
    spec, known = arms()
    spec = replace(spec, arms=(known[arm],), switches=dict.fromkeys(off, "off"), detail=())
    engine = Engine(spec, BACKEND)
    engine.burn_in(120)
    while not engine.finished:
        engine.advance()
    arrays, _ = snapshot(engine.world)
    return digest({name: a for name, a in arrays.items() if name not in ITSELF})


def reads(agent):
    """Names of the processes that read what the agent changes."""
    return tuple(m.name for m in mechanisms().values() if agent.through(m))


@pytest.mark.parametrize("name", sorted(AGENTS))
def test_an_agent_changes_nothing_where_its_mechanisms_are_off(name):
    off = reads(AGENTS[name])
    assert off, "an agent that acts on nothing"
    assert final_state(name.replace("-", "_"), off) == final_state("without", off)


@pytest.mark.parametrize("name", sorted(n for n, a in AGENTS.items() if a.places - IDLE))
def test_an_agent_changes_the_state_where_they_are_on(name):
    assert final_state(name.replace("-", "_"), ()) != final_state("without", ())


@pytest.mark.parametrize(("name", "left_on"), [("drug-nac", "reactive_oxygen"), ("drug-cytochalasin_b", "motion")])
def test_planted_fault_a_mechanism_left_on_is_seen(name, left_on):
    off = tuple(m for m in reads(AGENTS[name]) if m != left_on)
    assert final_state(name.replace("-", "_"), off) != final_state("without", off)
