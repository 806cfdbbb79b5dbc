"""The experiments named trigger-...: in each, one trigger is the only one at work, it has its effect, and its blocker undoes it.

One well of every arm, macro-steps of 5 min. ``effect`` is what the trigger acts on, read from the state (the rate of search, the rate
of loading, the chance of capture, PGC1a, a level); it is the mean over the cells of a population, at the end (of ADP, which is gone
within minutes, the largest). Planted faults: a trigger with its own blocker in every arm has no effect; one that is not blocked is seen.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.core.nodes import NODE_PS_MASK
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.plate import parameters_of
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.resolve import resolve
from mitoferry.processes import nanotube_loading, nanotube_search, nanotube_transport

REST = {
    "nfkb": 0.0, "tnfaip2": 1.0, "p53": 0.0, "s100a4": 1.0, "p2y": 0.0, "hif": 0.0, "akt": 1.0, "hmgb1": 0.0, "rac1": 1.0, "miro1": 1.0,
    "ho1": 1.0, "tfam": 1.0, "sirt1": 1.0, "o_glcnac": 1.0, "trak": 1.0, "erk": 1.0, "arrival_pulse": 0.0, "signal_from_neighbours": 0.0,
}  # fmt: skip
MOVED = 0.05  # a signal that departs this much from the arm without the trigger is at work


def rows_of(world, arm, name):
    cells, n = world.cells, world.n_cells
    index = {p.name: p.index for a in world.spec.every_arm for p in a.populations}[name]
    state = np.isin(cells.state[:n], (CELL_LIVE, CELL_MOMP))
    return np.flatnonzero(state & (cells.well[:n] == arm) & (cells.population[:n] == index))


def column(name):
    return lambda world, arm, rows: float(getattr(world.cells, name)[rows].mean())


def loading(world, arm, rows):
    p = parameters_of("nanotube_transport", nanotube_transport.Parameters, world.spec)
    return float(np.mean([nanotube_loading.rate_of_loading(int(c), world.cells, world.groups, p) for c in rows]))


def capture(world, arm, rows):
    """Chance that the recipients hold a filopodium of a donor."""
    p = parameters_of("nanotube_search", nanotube_search.Parameters, world.spec)
    donors = rows_of(world, arm, "donor")
    return float(np.mean([nanotube_search.capture_chance(int(donors[0]), int(c), world.cells, world.groups, p) for c in rows]))


def connexin(world, arm, rows):
    return float((world.groups.cx43[world.cells.group[rows]] * world.cells.akt[rows]).mean())


SEARCH, PGC1A = column("filopodia_rate"), column("pgc1a")
# experiment: population, effect, hours, least ratio with/without (below 1: at most), share of it that the blocker leaves, signals that move
CASES = {
    "oxidants": ("recipient", SEARCH, 4, 1.2, 0.2, {"nfkb", "tnfaip2"}),
    "nox2": ("donor", SEARCH, 8, 1.15, 0.2, {"nfkb", "tnfaip2", "signal_from_neighbours"}),
    "pi3k": ("recipient", connexin, 8, 1.01, 0.0, {"akt"}),  # the gain of Akt by oxidants is small: two per cent
    "adp": ("donor", loading, 1, 1.6, 0.05, {"p2y", "signal_from_neighbours"}),
    "heme": ("recipient", PGC1A, 24, 1.15, 0.35, {"ho1", "tfam"}),
    "phosphatidylserine": ("recipient", capture, 3, 1.3, 0.1, set()),
    "tnf": ("recipient", SEARCH, 6, 1.4, 0.15, {"nfkb", "tnfaip2"}),
    "p53": ("recipient", SEARCH, 16, 1.03, 0.3, {"p53", "tnfaip2"}),
    "s100a4": ("donor", SEARCH, 4, 1.1, 0.1, {"signal_from_neighbours"}),
    "cd38": ("donor", loading, 1, 1.5, 0.8, set()),
    "mtor": ("donor", SEARCH, 6, 1.5, 0.6, {"akt"}),
    "hmgb1": ("donor", loading, 8, 1.3, 0.05, {"hif", "hmgb1", "rac1", "miro1"}),
    "lactate": ("recipient", PGC1A, 12, 1.15, 0.2, {"sirt1"}),
    "o-glcnac": ("donor", loading, 6, 0.75, 0.2, {"o_glcnac", "trak"}),
    "humanin": ("recipient", column("nfkb"), 3, 0.6, None, {"nfkb", "tnfaip2"}),
    "compatibility": ("recipient", capture, 1, 1.5, 0.3, set()),
    "erk": ("recipient", column("erk"), 8, 1.02, 0.2, {"erk"}),
    "vcam1": ("donor", column("nfkb"), 6, 1.5, 0.2, {"nfkb", "tnfaip2", "signal_from_neighbours"}),
    "platelets": ("recipient", column("motility"), 12, 1.2, 0.1, set()),
    "ampk": ("donor", PGC1A, 12, 1.3, 0.5, set()),
}


@cache
def backend():
    return Cpu(threads=1)


def followed(name, treat_all=None, not_blocked=""):
    """Per arm: the largest departure of every signal from rest, and the effect (last, or the one farthest from rest)."""
    population, effect, hours, *_ = CASES[name]
    spec = resolve(load_experiment(f"trigger-{name}"))
    arms = tuple(replace(a, actions=tuple(x for x in a.actions if x.key != not_blocked)) for a in spec.arms)
    if treat_all is not None:
        more = {a.name: a for a in arms}[treat_all].actions
        arms = tuple(replace(a, actions=more) for a in arms)
    spec = replace(
        spec, arms=arms, replicates=1, until=hours * 3600, detail=(), measurements=(), macro_step=300, mitochondria_step=300,
        quality_step=600,
    )  # fmt: skip
    engine, found = Engine(spec, backend()), {a.name: (dict.fromkeys(REST, 0.0), []) for a in spec.arms}
    engine.burn_in()
    while not engine.finished:
        engine.advance()
        if engine.tick % 600 and hours > 1:
            continue
        for k, arm in enumerate(spec.arms):
            rows = rows_of(engine.world, k, population)
            if not rows.size:
                continue
            signals, effects = found[arm.name]
            effects.append(effect(engine.world, k, rows))
            for s, rest in REST.items():
                now = float(getattr(engine.world.cells, s)[rows].mean()) - rest
                signals[s] = now if abs(now) > abs(signals[s]) else signals[s]
    engine.world.ledger.check(engine.world, "end", engine.tick)
    return found


@cache
def arms_of(name):
    return followed(name)


def reading(name, arm):
    effects = arms_of(name)[arm][1]
    return max(effects) if name == "adp" else effects[-1]


def test_every_trigger_experiment_is_listed():
    elsewhere = {"trigger-mtdna-sensing"}  # test_immune_alone
    assert {n for n in shipped() if n.startswith("trigger-")} - elsewhere == {f"trigger-{n}" for n in CASES}


@pytest.mark.parametrize("name", CASES)
def test_the_trigger_has_its_effect_and_its_blocker_undoes_it(name):
    _, _, _, ratio, left, _ = CASES[name]
    on, off = reading(name, "with"), reading(name, "without")
    assert on >= ratio * off if ratio > 1.0 else on <= ratio * off
    if left is not None:
        assert (reading(name, "blocked") - off) * (1.0 if on > off else -1.0) <= left * abs(on - off)


@pytest.mark.parametrize("name", CASES)
def test_no_other_trigger_is_at_work(name):
    arms, allowed = arms_of(name), CASES[name][5]
    moved = {s for s in REST if abs(arms["with"][0][s] - arms["without"][0][s]) > MOVED}
    assert moved <= allowed


def test_planted_fault_a_blocker_in_every_arm_leaves_no_effect():
    found = followed("tnf", treat_all="blocked")
    assert found["with"][1][-1] == pytest.approx(found["without"][1][-1], rel=1e-6)


def test_planted_fault_another_trigger_left_at_work_is_seen():
    found = followed("p53", not_blocked="nfkb")
    assert abs(found["with"][0]["nfkb"] - found["without"][0]["nfkb"]) > MOVED


def test_annexin_v_covers_what_is_exposed():
    spec = resolve(load_experiment("trigger-phosphatidylserine"))
    engine = Engine(replace(spec, replicates=1, measurements=(), detail=(), until=1200), backend())
    engine.burn_in()
    while not engine.finished:
        engine.advance()
    masks = engine.world.groups.nodes[:, NODE_PS_MASK].reshape(len(spec.arms), -1)[:, 0]
    assert masks[0] == 0.0
    assert masks[2] > 0.9
