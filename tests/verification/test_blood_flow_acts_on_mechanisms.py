"""G4 for injuries of the flow of blood: they act on the fields of a block; with `diffusion` off they change no byte.

What they do to cytokines (less leaves with the blood) is in ``test_proteins_leave_tissue.py``.
"""

import warnings
from dataclasses import replace

from fates import shared_backend
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.mechanisms import all_acting, mechanisms
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest

TEXT = """\
schema: mitoferry/experiment@1
title: A small block
well: {kind: block, size: 60 um, voxel: 20 um, perfusion: 1, medium: {oxygen: 50 uM}}
cells: {recipient: {type: fibroblast, count: 3, overrides: {mitochondria: 14, mtdna: 70, oxygen_use: 0.2, volume: 0.2}}}
run: {until: 5 min, replicates: 1, seed: 4}
arms: {without: {}, ischaemia: {injury: [{do: ischaemia, dose: 0}]}}
"""
ITSELF = ("wells/perfusion",)


def final(arm, off=()):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(parse_experiment(TEXT), arms=[arm])
    names = {"diffusion", "capacity", "energetics", "cytokines", "stromal_calming"}
    spec = replace(spec, switches=dict.fromkeys(off, "off"), detail=())
    engine = Engine(spec, shared_backend(), processes=[p for p in Engine(spec, shared_backend()).processes if p.name in names])
    engine.burn_in(300)
    while not engine.finished:
        engine.advance()
    return digest({name: a for name, a in snapshot(engine.world)[0].items() if name not in ITSELF})


def test_ischaemia_acts_by_what_blood_brings_and_takes_away():
    agents = [a for a in all_acting() if "perfusion" in a.places]
    assert [a.name for a in agents] == ["ischaemia"]
    assert sorted(m.name for m in mechanisms().values() if agents[0].through(m)) == ["cytokines", "diffusion", "stromal_calming"]
    assert final("ischaemia") != final("without")
    assert final("ischaemia", off=("diffusion",)) == final("without", off=("diffusion",))
