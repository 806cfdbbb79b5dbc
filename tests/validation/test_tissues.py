"""The experiments named tissue-... and zygote-...: each way of giving is at work in its arm and in no other, and the books balance."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.events import EVENT_HANDOVER, EVENT_LOADED
from mitoferry.core.schema import CELL_LIVE, CELL_WAITING, ROUTE_NAMES
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve


def run(name, arms, hours, keep=None):
    """Hand-overs by arm and route of mitochondria that were given (born in a population of 128 and above), after ``hours``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(load_experiment(name), arms=arms)
    spec = replace(spec, replicates=1, until=hours * 3600, detail=())
    engine, seen = Engine(spec, Cpu(threads=1)), {arm.name: {} for arm in spec.arms}

    def note(events):
        n = int(events.count[0])
        for kind, route, well, birth in zip(events.kind[:n], events.route[:n], events.well[:n], events.birth[:n], strict=True):
            if kind in (EVENT_HANDOVER, EVENT_LOADED) and int(birth) >> 24 >= 128:
                key = ("loaded " if kind == EVENT_LOADED else "") + ROUTE_NAMES[int(route)]
                of = seen[spec.arms[int(well)].name]
                of[key] = of.get(key, 0) + 1

    engine.on_events = note
    engine.burn_in()
    while not engine.finished:
        engine.advance()
        if keep is not None:
            keep(engine)
    engine.world.ledger.check(engine.world, "end", engine.tick)
    return seen, engine


def test_each_way_into_the_infarct_is_at_work_in_its_arm_only():
    arms = ("untreated", "injected_early", "injected_late", "intracoronary", "intravenous", "vesicles")
    seen, _ = run("tissue-infarct", arms, 3)
    assert seen["untreated"] == {}
    assert seen["injected_late"] == {}  # not before 5 h
    for arm in ("injected_early", "intracoronary", "intravenous"):
        later = {"loaded vesicle", "vesicle", "loaded release", "phagocytosis"}  # what cells do with those that they have taken up
        assert {"loaded injection", "free_uptake"} <= set(seen[arm]) <= {"loaded injection", "free_uptake"} | later
    assert set(seen["vesicles"]) >= {"loaded vesicle", "vesicle"}
    arrived = [seen[arm]["free_uptake"] for arm in ("injected_early", "intracoronary", "intravenous")]
    assert arrived[0] > arrived[1] > arrived[2] > 0
    # planted fault: a vein that brings what an artery brings would not be below a third of it
    assert arrived[2] < arrived[1] / 3


def test_blood_that_is_cut_takes_oxygen_and_atp_away_and_brings_them_back():
    found = []

    def keep(engine):
        c = engine.world.cells
        cells = np.flatnonzero((c.state[: engine.world.n_cells] == CELL_LIVE) & (c.population[: engine.world.n_cells] == 0))
        if engine.tick in (1800, 3600, 7200):
            found.append(
                [(float(c.env[cells[c.well[cells] == w], 0].mean()), float(c.atp[cells[c.well[cells] == w]].mean())) for w in (0, 1)]
            )

    run("tissue-infarct", ("uninjured", "untreated"), 2, keep)
    (_, half), (well, cut), (_, back) = found
    assert half[0] < 1.0 and cut[0] < 1.0  # uM of oxygen  # noqa: PT018
    assert well[0] > 30.0
    assert cut[1] < 0.5 * well[1]
    assert back[0] > 30.0
    assert back[1] > 0.75 * well[1]  # pores that reperfusion opens hold some cells down
    assert back[1] > 1.5 * cut[1]


def test_a_graft_given_into_a_vein_homes_in_part_and_the_nose_delivers_late():
    seen, engine = run("tissue-stroke", ("untreated", "intranasal", "graft_intravenous"), 4)
    assert set(seen["intranasal"]) >= {"loaded injection", "free_uptake"}
    assert 0 < seen["intranasal"]["free_uptake"] < 0.2 * seen["intranasal"]["loaded injection"]
    assert seen["graft_intravenous"] == {}
    c, n = engine.world.cells, engine.world.n_cells
    graft = (c.well[:n] == 2) & (c.population[:n] == 3)
    waiting, inside = int((c.state[:n][graft] == CELL_WAITING).sum()), int((c.state[:n][graft] == CELL_LIVE).sum())
    assert graft.sum() == 60
    assert waiting < 45
    assert inside < (60 - waiting) / 2


@pytest.mark.parametrize("arm", ["isolated", "vesicles"])
def test_the_tumour_takes_up_what_it_is_given(arm):
    seen, _ = run("tissue-tumour", ("untreated", arm), 2)
    assert seen["untreated"] == {}
    assert max(seen[arm].values()) > 50


def test_a_needle_reaches_the_cytosol_of_zygotes_only_where_it_is_used():
    seen, engine = run("zygote-microinjection", ("untouched", "injected", "nuclear_transfer"), 2)
    assert "injection" in seen["injected"]
    assert "free_uptake" not in seen["injected"]
    assert seen["untouched"] == seen["nuclear_transfer"] == {}
    assert abs(seen["injected"]["injection"] / 6 - 45.0) < 5 * np.sqrt(45.0 / 6)
    c, n = engine.world.cells, engine.world.n_cells
    donor = engine.spec.haplotype_names.index("m.3243A>G")
    carried = c.copies[:n][(c.well[:n] == 2) & (c.state[:n] == CELL_LIVE)]
    share = carried[:, donor].sum() / carried.sum()
    assert 0.0 < share < 0.08  # about 2 %, each zygote its own
