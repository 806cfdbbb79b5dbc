"""Experiments whose findings follow from one mechanism: what crosses in the arms is ordered as their file expects.

Counted in the events and the ledgers of exosomes, in more wells than the files have. Planted fault: the arm compared with itself.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_HANDOVER
from mitoferry.core.schema import CELL_LIVE
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.processes.vesicle_cargo import ENTERED

CASES = [
    ("gap-junction-connexin", "coculture", "coculture_phorbol_ester"),
    ("gap-junction-connexin", "coculture", "coculture_cx43_kd"),
    ("route-mtdna-vesicles", "coculture", "coculture_packaging_kd"),
    ("transmitophagy-pairs", "neuron_astrocyte", "neuron_astrocyte_healthy"),
    ("transmitophagy-pairs", "cardiomyocyte_macrophage", "injured_stem_cell"),
]
WELLS = {"gap-junction-connexin": 4, "route-mtdna-vesicles": 6, "transmitophagy-pairs": 16}


@cache
def crossed(name, arm):
    """What has entered the recipients (or all cells, where there are gap junctions) of one arm, and the wells in which any live."""
    spec = resolve(load_experiment(name), arms=[arm], seed=1)
    spec = replace(spec, replicates=WELLS[name], until=min(spec.until, (24 if "mtdna" in name else 12) * 3600), detail=())
    engine, seen = Engine(spec, Cpu(threads=1)), []

    def note(events):
        kind = events.kind[: events.count[0]]
        seen.extend(events.well[: events.count[0]][kind == EVENT_HANDOVER].tolist())

    engine.on_events = note
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    world = engine.world
    world.ledger.check(world, "end", engine.tick)
    if "mtdna" in name:
        number = world.extra["vesicle_cargo.copies"].reshape(WELLS[name], -1, 4)[:, :, ENTERED].sum(axis=1)
    else:
        number = np.bincount(seen, minlength=WELLS[name])
    recipient = {p.name: p.index for p in spec.arms[0].populations}["recipient"]
    c, n = world.cells, world.n_cells
    here = (c.population[:n] == recipient) & (c.state[:n] == CELL_LIVE)
    return number, np.bincount(c.well[:n][here], minlength=WELLS[name]) > 0


def chance_of(a, b):
    """Chance of so many more in ``a`` than in ``b`` if both had the same rate."""
    return stats.binomtest(int(a.sum()), int(a.sum() + b.sum()), 0.5, alternative="greater").pvalue


@pytest.mark.parametrize(("name", "more", "fewer"), CASES)
def test_more_crosses(name, more, fewer):
    (a, alive), (b, _) = crossed(name, more), crossed(name, fewer)
    assert alive.all()  # of cells that are dead by then nothing can be said
    assert chance_of(a, b) < 0.01
    assert chance_of(a, a) > 0.01  # planted fault: the arm itself


def test_stem_cells_take_some_from_injured_cells():
    number, _ = crossed("transmitophagy-pairs", "injured_stem_cell")
    assert number.sum() > 0
