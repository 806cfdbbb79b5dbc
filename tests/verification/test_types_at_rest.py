"""Every cell type of the library at rest: an hour in fresh medium brings no stress and no loss.

One plate, an arm per type. The hazard of death stays at that of an unstressed cell, ATP and potential where the type was scaled to,
and the ledger balances. Eggs with a full supply of substrate and no more antioxidant enzymes than a stromal cell are the planted fault.
"""

from dataclasses import replace

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.schema import CELL_LIVE, N_POOLS
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.library.cell_types import load_cell_types

TYPES = load_cell_types()
QUIET = 0.0035  # 1/h, on top of what a type dies of by itself (neutrophils); the basal hazard is 0.001
TEXT = """\
schema: mitoferry/experiment@1
title: Every type at rest
well: {kind: dish, size: 400 um}
cells: {recipient: {type: bm_msc, count: 4}}
measure: []
run: {until: 1 h, replicates: 1}
arms:
  overcharged: {cells: {recipient: {type: oocyte, count: 1, overrides: {substrate: 1}}}}
"""


def with_few_enzymes(arm):
    """The arm with the antioxidant enzymes of a stromal cell, whatever its cells call for."""
    (population,) = arm.populations
    return replace(arm, populations=(replace(population, cell_type=replace(population.cell_type, antioxidant_level=1.0)),))


@pytest.fixture(scope="module")
def engine():
    arms = "".join(
        f"  {n}: {{cells: {{recipient: {{type: {n}, count: {1 if t.value('volume') > 400 else 4}}}}}}}\n" for n, t in TYPES.items()
    )
    spec = resolve(parse_experiment(TEXT + arms, "rest.yaml", name="rest"))
    engine = Engine(replace(spec, arms=tuple(with_few_enzymes(a) if a.name == "overcharged" else a for a in spec.arms)), Cpu(threads=1))
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    return engine


def cells_of(engine, arm):
    world = engine.world
    k = [a.name for a in world.spec.arms].index(arm)
    rows = np.arange(world.n_cells)
    return np.flatnonzero((world.cells.well[: world.n_cells] == k) & (rows >= N_POOLS * world.n_wells))


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_type_rests(engine, name):
    record, c, rows = TYPES[name], engine.world.cells, cells_of(engine, name)
    assert (c.state[rows] == CELL_LIVE).all()
    assert (c.death_hazard[rows] < QUIET + engine.world.groups.spontaneous_death[c.group[rows]]).all()
    assert (c.atp[rows] > 2.6).all()  # cells differ in glycolysis and in number of mitochondria
    assert c.atp[rows].mean() > 2.7
    assert c.phosphatidylserine[rows].max() < 0.01
    if record.value("mitochondria") == 0.0:
        assert c.n_mitochondria[rows].sum() == 0
    elif record.rho0:
        assert c.copies[rows].sum() == 0
        assert (np.abs(c.psi[rows, 0] - 63.0) < 4.0).all()
    else:
        assert c.copies[rows].sum() > 0
        assert (c.psi[rows, 0] > 145.0).all()
        assert (c.h2o2[rows] < 0.03).all()


def test_planted_fault_an_overcharged_egg_is_seen(engine):
    rows = cells_of(engine, "overcharged")
    assert engine.world.cells.h2o2[rows].max() > 0.03
