"""Mechanisms of immunity: the same bytes on every backend and in any order of rows; switched off as if the code were not there."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cuda_simulator import printed
from fates import rest
from immune_worlds import MACROPHAGE, set_rest
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.nodes import NODE_T_CELL_RECEPTOR, NODE_TOLL_LIKE_RECEPTOR
from mitoferry.core.plate_spec import Action
from mitoferry.core.schema import ATP, BY_NECROSIS, CELL_NECROTIC, CYTOKINES, SUM_ETC, Step
from mitoferry.experiment.loop import Engine
from mitoferry.processes import (
    cytokines,
    immune_attack,
    macrophage_polarisation,
    mtdna_sensing,
    neutrophil_traps,
    stromal_calming,
    t_cell_fate,
)
from mitoferry.space.neighbours import update_neighbours
from same_bytes import BACKENDS, add_tables, loop_digest
from worlds import cell_type, make_spec, make_world, parameters, population

MODULES = (cytokines, stromal_calming, mtdna_sensing, macrophage_polarisation, t_cell_fate, neutrophil_traps, immune_attack)
NAMES = tuple(m.PROCESS.name for m in MODULES)
EVERYTHING = {**MACROPHAGE, "t_helper": 1.0, "cytotoxic": 1.0, "attacker": 1.0, "trap_former": 1.0, "calming_secretion": 1.0}


def run(backend):
    """A crowd of cells of all trades under every stimulus, 12 steps; digest of the state, and what happened."""
    kind = cell_type(mitochondria=0.0, **EVERYTHING)
    one, two = population("recipient", 0, 14, numbers=kind), population("donor", 1, 14, numbers=kind)
    world = make_world([one, two], backend=backend, with_space=True, size=130.0, replicates=2)
    rest(world)
    set_rest(world)
    p = {m.PROCESS.name: parameters(None, m.PROCESS.name, m.Parameters) for m in MODULES}
    c, rows, rng = world.cells, np.arange(2 * world.n_wells, world.n_cells), np.random.default_rng(5)
    c.nfkb[rows], c.hif[rows], c.h2o2[rows] = rng.random((3, rows.size))
    c.env[rows, ATP] = 1000 * rng.random(rows.size)
    c.sums[rows, 0, SUM_ETC] = 150 << 20
    c.oxygen_flux_class[rows, 0] = 100 * rng.random(rows.size)
    c.copies[rows, 1] = rng.integers(0, 900, rows.size)
    world.groups.own_haplotypes[:] = [1, 3, 1, 1]
    world.groups.nodes[:, NODE_TOLL_LIKE_RECEPTOR], world.groups.nodes[:, NODE_T_CELL_RECEPTOR] = 5.0, 1.0
    world.wells.cytokines[:] = rng.random(world.wells.cytokines.shape)
    world.wells.mtdna[:] = 1e7
    backend.push(world.cells, world.groups, world.wells)
    for k in range(12):
        backend.pull(world.cells)
        c.mtdna_freed[rows] = rng.integers(0, 200, (rows.size, 2))
        c.mtdna_freed[1] = [500, 0]
        if k == 6:
            dead = rows[::9]
            c.state[dead], c.death_time[dead], c.death_cause[dead] = CELL_NECROTIC, 300.0 * k - 10, BY_NECROSIS
        backend.push(world.cells)
        step = Step(k, 300 * k, 300.0 * k, 300.0)
        update_neighbours(world, step)
        for m in MODULES:
            m.advance(world, step, p[m.PROCESS.name])
    backend.pull(world.cells, world.groups, world.wells, world.fields)
    sha = hashlib.sha256()
    add_tables(sha, world.cells, world.groups, world.wells, world.fields)
    found = [int((getattr(c, name)[rows] != 0).sum()) for name in ("tlr9", "sting", "nlrp3", "polarisation", "traps")]
    return sha.hexdigest(), *found, int((c.other_hazards[rows] > 0).sum()), int((c.t_cell[rows] > 0).sum())


@pytest.fixture(scope="module")
def reference():
    found = run(Reference())
    assert min(found[1:]) > 3
    return found


@pytest.mark.parametrize("name", BACKENDS)
def test_same_bytes(name, reference):
    assert run(BACKENDS[name]()) == reference


@pytest.mark.long
def test_cuda_simulator_gives_the_same_bytes(reference):
    assert printed("from test_immune_backends import run; print(run(Cuda())[0])") == reference[0]


# ------------------------------------------------------------------ switches


def tiny(numbers, **changes):
    kind = cell_type(mitochondria=12.0, mtdna=40.0, **numbers)
    spec = make_spec([population("recipient", 0, 3, numbers=kind), population("donor", 1, 3, numbers=kind)], size=60.0, until=3600)
    act = Action(kind="node", key="toll_like_receptor", value=100.0, start=0.0, end=1e9, populations=(0, 1))
    return replace(spec, arms=tuple(replace(a, actions=(act,)) for a in spec.arms), **changes)


def test_switched_off_is_as_if_the_code_were_not_there():
    off = loop_digest(tiny(EVERYTHING, switches=dict.fromkeys(NAMES, "off")), steps=10)
    assert off == loop_digest(tiny(EVERYTHING), without=NAMES, steps=10)
    on = loop_digest(tiny(EVERYTHING), steps=10)
    assert set(NAMES) <= set(on.processes)
    assert on.state != off.state


def test_not_wanted_where_no_cell_can_use_it():
    assert not set(NAMES) & set(loop_digest(tiny({}), steps=0).processes)
    dissolved = tiny({})
    dissolved = replace(dissolved, arms=tuple(replace(a, medium={**a.medium, "il_6": 1.0}) for a in dissolved.arms))
    assert "cytokines" in loop_digest(dissolved, steps=0).processes


def test_a_wash_gives_back_the_fresh_medium():
    spec = tiny(EVERYTHING)
    acts = (
        Action(kind="medium", key="il_4", value=5.0, start=60.0, end=60.0),
        Action(kind="wash", key="", value=0.0, start=180.0, end=180.0),
    )
    spec = replace(spec, arms=tuple(replace(a, actions=acts, medium={**a.medium, "il_13": 2.0}) for a in spec.arms))
    engine = Engine(spec, Cpu(threads=1), processes=[])
    engine.burn_in(60)
    engine.world.wells.mtdna[:] = 7.0
    seen = []
    for _ in range(5):
        engine.advance()
        seen.append((*engine.world.wells.cytokines[0, [CYTOKINES.index("il_4"), CYTOKINES.index("il_13")]], engine.world.wells.mtdna[0]))
    assert seen == [(0.0, 2.0, 7.0), (5.0, 2.0, 7.0), (5.0, 2.0, 7.0), (0.0, 2.0, 0.0), (0.0, 2.0, 0.0)]
