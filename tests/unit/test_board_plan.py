"""Which plates a board runs: budgets, smaller wells at the same density, arms of several cards run once, shares of the work."""

import math
from dataclasses import replace

import fake_run
import pytest

from mitoferry.base.errors import InputError
from mitoferry.core.nodes import NODE_PARACRINE
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.experiment.treatments import nodes_at
from mitoferry.studies.board import plan
from mitoferry.studies.board.carried import CARRIERS
from mitoferry.studies.board.plan import Job, PlannedCard, shard_of, well_key
from mitoferry.studies.board.setting import FULL, MIN_CELLS, QUICK, cost_of, fitted, setting, shrunk
from mitoferry.studies.board.tuned import changes_in


def density(arm):
    x, y, z = arm.geometry.size
    space = x * y * z if arm.geometry.kind == "block" else x * y
    return arm.populations[0].count / space


@pytest.mark.parametrize("kind", ["dish", "insert", "block"])
@pytest.mark.parametrize("share", [0.25, 0.61])
def test_smaller_wells_keep_the_density(kind, share):
    """Fault seen to fail it, planted in a copy of the package: the edge of a block shrunk by the square root, too."""
    spec = fake_run.fake_spec()
    spec = replace(spec, arms=tuple(replace(a, geometry=replace(a.geometry, kind=kind, size=(600.0, 600.0, 600.0))) for a in spec.arms))
    small = shrunk(spec, share)
    for before, after in zip(spec.arms, small.arms, strict=True):
        assert density(after) == pytest.approx(density(before), rel=1e-9)
        assert after.populations[0].count == round(120 * share)
        assert after.geometry.size[2] == (before.geometry.size[2] if kind != "block" else pytest.approx(after.geometry.size[0]))
        ratio = after.populations[1].count / max(after.populations[0].count, 1)
        assert before.populations[1].count == 0 or ratio == pytest.approx(0.5, abs=0.02)


def test_no_population_is_cut_below_a_dozen():
    small = shrunk(fake_run.fake_spec(), 1e-6)
    assert [p.count for p in small.arms[2].populations] == [MIN_CELLS, MIN_CELLS]
    assert [p.count for p in small.arms[0].populations] == [MIN_CELLS, 0]


def test_a_plate_within_the_budget_is_left_alone_and_one_above_it_fits():
    spec = fake_run.fake_spec()
    assert fitted(spec, math.inf) == (spec, 1.0)
    budget = 0.4 * cost_of(spec)
    small, share = fitted(spec, budget)
    assert 0.8 * budget < cost_of(small) <= budget
    assert small == shrunk(spec, share)
    assert fitted(spec, 1.0)[0] == shrunk(spec, MIN_CELLS / 120), "nothing fits: the smallest wells"


def test_left_out_arms_do_not_change_the_size_of_the_others():
    spec = fake_run.fake_spec(arms=("injured_alone", "coculture"))
    part = replace(spec, arms=spec.arms[:1], left_out=spec.arms[1:])
    assert shrunk(part, 0.37).arms[0] == shrunk(spec, 0.37).arms[0]


# ---------------------------------------------------------------------- wells that are the same
def test_wells_that_are_the_same_have_one_key_and_others_have_not():
    """Names and notes do not matter; anything that changes a number does.

    Fault seen to fail it, planted in a copy of the package: treatments left out of the key.
    """
    spec = fake_run.fake_spec()
    by_name = {a.name: a for a in spec.arms}
    key = {name: well_key(spec, a) for name, a in by_name.items()}
    assert well_key(spec, replace(by_name["coculture"], name="other")) == key["coculture"]
    assert well_key(replace(spec, name="other card"), by_name["coculture"]) == key["coculture"]
    assert len(set(key.values())) == len({k for k in key if not k.endswith(("annexin_v", "rho0_donor"))}), (
        "the fake has two arms more like coculture"
    )
    assert well_key(replace(spec, seed=8), by_name["coculture"]) != key["coculture"]
    assert well_key(replace(spec, replicates=5), by_name["coculture"]) != key["coculture"]
    cause = replace(by_name["coculture_cytochalasin_b"].actions[0], cause="written otherwise")
    assert (
        well_key(spec, replace(by_name["coculture_cytochalasin_b"], actions=(cause, by_name["coculture_cytochalasin_b"].actions[1])))
        == key["coculture_cytochalasin_b"]
    )


# ---------------------------------------------------------------------- shares
def planned(costs):
    return [PlannedCard(key=f"c{k:03d}", status="run", cost=c) for k, c in enumerate(costs)]


@pytest.mark.parametrize("n", [1, 2, 5, 11])
def test_shares_are_whole_disjoint_and_even(n):
    """Fault seen to fail it, planted in a copy of the package: cards dealt in turn, whatever they cost."""
    costs = [1e9 if k % n == 0 else 1e6 * (k % 7 + 1) for k in range(60)]
    shares = [shard_of(planned(costs), i + 1, n) for i in range(n)]
    assert sorted(k for s in shares for k in s) == [f"c{k:03d}" for k in range(60)]
    loads = [sum(costs[int(k[1:])] for k in s) for s in shares]
    assert max(loads) <= sum(costs) / n + max(costs)
    assert all(s == sorted(s) for s in shares), "in the order of the evidence"


def test_a_share_that_is_none():
    with pytest.raises(InputError, match="i/n"):
        shard_of(planned([1.0]), 3, 2)


# ---------------------------------------------------------------------- settings, jobs
@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("fast", {}, "quick, full"), ("quick", {"wells": 1}, "no interval"), ("quick", {"draws": 1}, "2 and more"),
        ("quick", {"budget": 0.0}, "above 0"), ("quick", {"draws": -2}, "2 and more"),
        ("full", {"most_draws": 4}, "least"), ("quick", {"most_draws": 4}, "with draws"),
        ("full", {"draws": 0, "most_draws": 9}, "with draws"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(name, changes, says):
    with pytest.raises(InputError, match=says):
        setting(name, **changes)


def test_settings():
    assert setting("quick") == QUICK
    assert setting("full", wells=5).wells == 5
    assert setting("quick", draws=4).draws == 4
    assert setting("quick", draws=4).most_draws == 4
    assert setting("full", draws=0).most_draws == 0
    assert setting("full", most_draws=8).most_draws == 8
    assert FULL.knock_outs


def test_a_job_gives_the_plate_that_was_planned():
    """A job that runs two arms of a card in smaller wells has these arms of the planned plate, number by number."""
    spec, share = plan.base_spec("one-nanotube", replicates=2, seed=3, budget=math.inf)
    assert share == 1.0
    job = Job(card="one-nanotube", arms=(spec.arms[0].name,), replicates=2, seed=3)
    got = plan.spec_of(job)
    assert got.arms[0] == spec.arms[0]
    assert [a.name for a in got.left_out] == [a.name for a in spec.arms[1:]]
    off = plan.spec_of(replace(job, switches=("dye",), parameters={"mitophagy.basal_rate": 0.01}))
    assert off.switches["dye"] == "off"
    assert off.parameters["mitophagy.basal_rate"] == 0.01
    assert replace(off, switches=got.switches, parameters=got.parameters) == got


def test_without_paracrine_factors_no_cell_has_the_node():
    """All that the node is a factor of goes: trophic factors, HGF and VEGF, prostaglandin E2 and TSG-6; the rest of the plate stays.

    Fault seen to fail it: trophic factors are taken away by their rate alone, and the motogens and what calms stay.
    """
    card = "small-admsc-cardiomyocyte-paracrine"
    whole = plan.base_spec(card, replicates=2, seed=3, budget=math.inf)[0]
    job = Job(card=card, arms=tuple(a.name for a in whole.arms), replicates=2, seed=3)
    got = plan.spec_of(replace(job, silenced=CARRIERS["paracrine"].silenced))
    assert got.parameters == whole.parameters
    for arm, before in zip(got.arms, whole.arms, strict=True):
        for time in (0.0, got.until):
            nodes = nodes_at(arm, time)
            assert {nodes[k][NODE_PARACRINE] for k in range(len(arm.populations))} == {0.0}
        assert replace(arm, actions=before.actions) == before


def test_variants_have_the_small_wells_of_the_base_plate():
    """Other wells, arms and seeds: the cells of each arm are as many as on the base plate, which was fitted to the budget."""
    whole = plan.base_spec("msc-h9c2-simulated-ir", replicates=3, seed=1, budget=math.inf)[0]
    small, share = plan.base_spec("msc-h9c2-simulated-ir", replicates=3, seed=1, budget=0.4 * cost_of(whole))
    assert share < 1.0
    job = Job(card="msc-h9c2-simulated-ir", arms=(small.arms[-1].name,), replicates=1, seed=9, share=share, switches=("dye",))
    (got,) = plan.spec_of(job).arms
    assert got == small.arms[-1]
    assert got != whole.arms[-1]


def test_draws_are_fresh_wells_and_the_same_whenever_they_are_made():
    job = Job(card="one-nanotube", arms=("a", "b"), replicates=3, seed=1, share=0.5, cost=6.0)
    few, many = plan.draw_jobs(job, 0, 2, seed=1, arms=("a",)), plan.draw_jobs(job, 0, 4, seed=1, arms=("a",))
    assert many[:2] == few
    assert len({j.seed for j in many} | {1}) == 5
    assert len({j.parameters["mitophagy.basal_rate"] for j in many}) == 4
    assert few[0].cost == pytest.approx(1.0)
    assert {j.share for j in many} == {0.5}


def test_what_an_experiment_sets_for_itself_is_listed():
    """Fault seen to fail it, planted in a copy of the package: overrides of cell types not looked at."""
    heme = changes_in(load_experiment("trigger-heme"))
    assert "parameters.arrival.pulse = 0" in " ".join(heme).replace(".0", "")
    assert any(line.startswith("switches.") for line in heme)
    assert any("overrides.mitochondria = 40" in line for line in heme)
    assert changes_in(load_experiment("msc-huvec-ogd")) == []


def test_the_base_plate_is_a_plain_run_of_the_file():
    e = load_experiment("one-nanotube")
    spec = plan.base_spec("one-nanotube", replicates=3, seed=1, budget=math.inf)[0]
    assert replace(spec, save_every=0) == replace(resolve(e, replicates=3, seed=1), save_every=0)
