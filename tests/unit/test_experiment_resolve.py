# ruff: noqa: E501
"""From experiment files to numbers: arms, treatments, overrides."""

from __future__ import annotations

import json
import math
import warnings

import pytest

from mitoferry.base.errors import InputError, MitoferryWarning
from mitoferry.core.nodes import NODE
from mitoferry.core.plate_spec import ISOLATED, spec_from_plain, spec_to_plain
from mitoferry.core.schema import CYTOKINES, SPECIES
from mitoferry.experiment.observables import OBSERVABLES, assays, observable
from mitoferry.experiment.overrides import parse_assignments
from mitoferry.experiment.reader import load_experiment, parse_experiment, shipped
from mitoferry.experiment.resolve import resolve

TEXT = """\
schema: mitoferry/experiment@1
title: A test
well: {size: 300 um, medium: {glucose: 5 mM}}
cells:
  recipient: {type: huvec, count: 10}
  donor: {type: bm_msc, count: 5, added: 4 h, label: {genetic: gfp}}
injury: [{do: rotenone, dose: 1 uM, until: 3 h}]
treat:
  - {drug: nac, dose: 5 mM, on: recipient}
  - {medium: {glucose: 1 mM}, from: 5 h, until: 6 h}
  - {wash: true, from: 4 h}
arms:
  all: {}
  small: {like: all, cells: {donor: {count: 2}}, well: {insert: {}}}
  low: {like: small, medium: {glucose: 2 mM, oxygen: 5 %}, without: [treat]}
  knockdown: {treat: [{gene: miro1, change: knockdown, on: donor, level: 0.2}]}
  donors: {without: [recipient]}
measure:
  - {assay: annexin_pi, of: [recipient, donor], at: [8 h, 10 min, 95 s]}
  - {assay: nanotube_count, every: 2 h, from: 1 h}
run: {until: 8 h}
"""


def spec_of(changes=None, text=TEXT, **options):
    return resolve(parse_experiment(text, "test.yaml", name="test"), overrides=changes, **options)


def arm_of(spec, name):
    return next(a for a in spec.arms if a.name == name)


def actions_of(spec, arm, key):
    return [a for a in arm_of(spec, arm).actions if a.key == key]


def test_arms_are_patches():
    spec = spec_of()
    assert [a.name for a in spec.arms] == ["all", "small", "low", "knockdown", "donors"]
    assert [(p.name, p.index, p.count) for p in arm_of(spec, "all").populations] == [("recipient", 0, 10), ("donor", 1, 5)]
    small = arm_of(spec, "small")
    assert small.geometry.kind == "insert"
    assert small.geometry.pore == 0.4
    assert [p.layer for p in small.populations] == [0, 1]
    low = arm_of(spec, "low")
    assert low.populations[1].count == 2
    assert low.geometry.kind == "insert"
    assert low.medium["glucose"] == 2.0
    assert low.medium["oxygen"] == pytest.approx(51.0)
    assert {a.kind for a in low.actions} == {"node"}
    donors = arm_of(spec, "donors").populations
    assert [(p.name, p.index) for p in donors] == [("donor", 1)], "a population keeps its index"
    assert donors[0].genetic_label


def test_haplotypes_are_the_same_palette_in_every_arm():
    spec = spec_of()
    assert spec.haplotype_names == ("wild_type", "donor")
    assert spec.pathogenic == (False, False, False, False)
    assert arm_of(spec, "all").populations[0].haplotypes == (1.0, 0.0, 0.0, 0.0)
    assert arm_of(spec, "all").populations[1].haplotypes == (0.0, 1.0, 0.0, 0.0)
    mutant = spec_of({"cells.recipient.haplotypes": "{m.3243A>G: 30 %}", "cells.donor.rho0": "true"})
    assert mutant.haplotype_names == ("wild_type", "m.3243A>G", "donor")
    assert mutant.pathogenic == (False, True, False, False)
    assert mutant.arms[0].populations[0].haplotypes == pytest.approx((0.7, 0.3, 0.0, 0.0))
    assert mutant.arms[0].populations[1].haplotypes == (0.0, 0.0, 0.0, 0.0)
    assert mutant.arms[0].populations[1].rho0
    unknown = spec_of({"cells.recipient.haplotypes": "{m.1A>G: 30 %}", "haplotypes": "{m.1A>G: {pathogenic: false}}"})
    assert not any(unknown.pathogenic)


def test_a_drug_acts_where_and_when_it_is_there():
    spec = spec_of()
    (nac,) = actions_of(spec, "all", "antioxidant")
    assert nac.populations == (0,)
    assert nac.start == 3600.0, "onset of an hour"
    assert nac.end == 4 * 3600.0 + 2 * 3600.0 or nac.end > 4 * 3600.0, "washed at 4 h, and gone after its wash-out"
    assert nac.value > 1.0
    (rotenone,) = actions_of(spec, "all", "complex_i_inhibitor")
    assert (rotenone.start, rotenone.end) == (0.0, 3 * 3600.0)
    assert rotenone.populations == (0,), "donors enter after it is gone"
    assert "rotenone 1 uM" in rotenone.cause
    assert actions_of(spec, "donors", "complex_i_inhibitor") == []


def test_isolated_mitochondria_are_doses_of_the_arm_and_washed_at_their_end():
    given = "[{mitochondria: {type: huvec, per_cell: 20, label: {genetic: red}}, from: 1 h, until: 2 h}, "
    given += "{mitochondria: {type: a549_rho0, count: 7, viability: 90 %, haplotypes: {other: 40 %}}, from: 3 h}]"
    spec = spec_of({"treat": given})
    arm = arm_of(spec, "all")
    first, second = arm.doses
    assert (first.source.count, first.start, first.spin, first.washout) == (300, 3600.0, 0.0, math.inf)
    assert first.viability == spec.parameters["isolated_mitochondria.viability"]
    assert (first.source.index, second.source.index) == (ISOLATED, ISOLATED + 1)
    assert first.source.genetic_label
    assert not second.source.genetic_label
    assert (second.source.count, second.viability, second.source.rho0) == (7, 0.9, True)
    assert first.source.cell_type.name == "huvec"
    assert spec.haplotype_names == ("wild_type", "donor", "other")
    assert first.source.haplotypes == (0.0, 1.0, 0.0, 0.0), "mtDNA of another person"
    assert [(a.kind, a.start) for a in arm.actions if a.kind == "wash"] == [("wash", 2 * 3600.0)]
    assert arm_of(spec, "donors").doses[0].source.count == 100, "per cell seeded in the arm"
    assert arm_of(spec, "low").doses == (), "without treat"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [({"well.insert": "{}"}, "centrifugation"), ({"well.kind": "block", "well.size": "100 um"}, "centrifugation"), ({}, "")],
)
def test_only_a_dish_without_insert_fits_into_a_centrifuge(change, wanted):
    changes = {"treat": "[{mitochondria: {type: huvec, count: 20, centrifugation: 15 min}}]", "arms": "{one: {}}", **change}
    if wanted:
        with pytest.raises(InputError, match=wanted):
            spec_of(changes)
    else:
        assert spec_of(changes).arms[0].doses[0].spin == 900.0


def test_the_medium_goes_back_at_the_end_of_a_change():
    changes = actions_of(spec_of(), "all", "glucose")
    assert [(a.kind, a.value, a.start) for a in changes] == [("medium", 1.0, 5 * 3600.0), ("medium", 5.0, 6 * 3600.0)]
    (wash,) = [a for a in arm_of(spec_of(), "all").actions if a.kind == "wash"]
    assert wash.start == 4 * 3600.0


def test_oxygen_of_the_gas_holds_the_medium():
    spec = spec_of({"treat": "[{medium: {oxygen: 1 %}, from: 1 h, until: 2 h}]"})
    actions = actions_of(spec, "all", "oxygen")
    assert [(a.kind, round(a.value, 3), a.start) for a in actions] == [
        ("boundary", 10.2, 3600.0), ("medium", 10.2, 3600.0), ("medium", 183.6, 7200.0),
    ]  # fmt: skip
    assert actions[0].end == 7200.0


def test_deprivation_ends_with_fresh_medium_before_other_changes_at_that_time():
    spec = resolve(load_experiment("msc-huvec-ogd"))
    deprived = arm_of(spec, "coculture_glucose_deprived").actions
    at_end = [a.kind for a in deprived if a.start == 5 * 3600.0]
    assert at_end == ["wash", "medium", "node"]
    assert not arm_of(spec, "coculture_uninjured").actions


def test_levels_of_an_injury_can_be_replaced():
    text = TEXT.replace(
        "{do: rotenone, dose: 1 uM, until: 3 h}", "{do: oxygen_glucose_deprivation, oxygen: 2 uM, glucose: 0.5 mM, until: 3 h}"
    )
    spec = spec_of(text=text.replace("treat:\n", "notes: >\n").replace("  - {drug", "  {drug").replace("  - {med", "  {med").replace("  - {wash", "  {wash").replace(", without: [treat]", ""))  # fmt: skip
    assert {a.value for a in actions_of(spec, "all", "oxygen")} == {2.0}
    assert actions_of(spec, "all", "glucose")[0].value == 0.5
    with pytest.raises(InputError, match="which does not"):
        spec_of({"injury[0].oxygen": "2 uM"})


def test_gene_levels():
    (action,) = actions_of(spec_of(), "knockdown", "miro1")
    assert action.value == 0.2
    assert action.populations == (1,)
    assert math.isinf(action.end)


def test_readings_fall_on_macro_steps():
    measured = spec_of().measurements
    assert [(m.assay, m.of, m.times) for m in measured] == [
        ("annexin_pi", "recipient", (120, 600, 28800)),
        ("annexin_pi", "donor", (120, 600, 28800)),
        ("nanotube_count", "", (3600, 10800, 18000, 25200)),
    ]


def test_all_parameters_are_there_and_the_plate_survives_json():
    spec = spec_of()
    assert len(spec.parameters) > 50
    assert spec_from_plain(json.loads(json.dumps(spec_to_plain(spec)))) == spec


def test_arguments_replace_the_file():
    spec = spec_of(replicates=7, seed=11, arms=["donors"])
    assert (spec.replicates, spec.seed, len(spec.arms)) == (7, 11, 1)
    assert spec.arms[0] == arm_of(spec_of(), "donors"), "an arm does not depend on the others"
    for bad in ({"replicates": 0}, {"seed": -1}, {"arms": ["doners"]}):
        with pytest.raises(InputError):
            spec_of(**bad)


# ---------------------------------------------------------------------- overrides
def test_overrides_reach_any_key_and_parameter():
    spec = spec_of(
        {
            "cells.recipient.count": "50",
            "cells.donor.overrides.speed": "3 um/h",
            "run.until": "6 h",
            "run.seed": "5",
            "well.medium.height": "1 mm",
            "arms.knockdown.medium.glucose": "3 mM",
            "arms.all.cells.donor.count": "1",
            "injury.rotenone.dose": "2 uM",
            "arms.all.injury.rotenone.dose": "3 uM",
            "treat[0].dose": "1 mM",
            "arms.knockdown.treat.miro1.level": "0.5",
            "nanotube_search.capture_probability": "0.2",
            "run.clocks.macro": "30 s",
            "switches.division": "off",
        }
    )
    assert arm_of(spec, "knockdown").populations[0].count == 50
    assert arm_of(spec, "knockdown").populations[1].cell_type.speed == 3.0
    assert (spec.until, spec.seed, spec.macro_step) == (6 * 3600, 5, 30)
    assert arm_of(spec, "donors").geometry.medium_height == 1000.0
    assert arm_of(spec, "knockdown").medium["glucose"] == 3.0
    assert arm_of(spec, "all").populations[1].count == 1
    assert "2 uM" in actions_of(spec, "knockdown", "complex_i_inhibitor")[0].cause
    assert "3 uM" in actions_of(spec, "all", "complex_i_inhibitor")[0].cause
    assert actions_of(spec, "knockdown", "miro1")[0].value == 0.5
    assert spec.parameters["nanotube_search.capture_probability"] == 0.2
    assert spec.switches == {"division": "off"}
    assert max(t for m in spec.measurements for t in m.times) == 6 * 3600, "readings after the new end move to it"


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("cells.recipient.cuont", "5", "'count'"),
        ("cells.recipent.count", "5", "'recipient'"),
        ("cell.recipient.count", "5", "'cells'"),
        ("nanotube_serch.capture_probability", "0.2", "'nanotube_search.capture_probability'"),
        ("parameters.nanotube_search.capture_probabilty", "0.2", "'nanotube_search.capture_probability'"),
        ("run.untill", "5 h", "'until'"),
        ("arms.cocult.medium.glucose", "1 mM", ""),
        ("arms.all.medium.glucos", "1 mM", "'glucose'"),
        ("injury.rotenon.dose", "1 uM", "rotenone"),
        ("injury[3].dose", "1 uM", "rotenone"),
        ("title.x", "1", "title"),
        ("", "1", ""),
        ("cells.recipient.count", "-5", ""),
        ("cells.recipient.count", "!!python/name:os.system", ""),
        ("cells.recipient.count", "[1, 2", ""),
        ("run.until", "5 kg", ""),
        ("nanotube_search.capture_probability", "lots", ""),
        ("nanotube_search.capture_probability", ".nan", ""),
    ],
)
def test_unknown_or_bad_overrides_are_refused(path, value, hint):
    with pytest.raises(InputError) as error:
        spec_of({path: value})
    problems = [p for p in error.value.problems if p.where == "--set"]
    assert problems
    assert any(hint in p.hint for p in problems)


def test_overrides_given_at_reading_and_at_resolving_add_up():
    experiment = parse_experiment(TEXT, overrides={"cells.recipient.count": 20})
    spec = resolve(experiment, overrides={"run.seed": 9})
    assert spec.arms[0].populations[0].count == 20
    assert spec.seed == 9


def test_assignments():
    assert parse_assignments(["a.b=1", "c = x=y"]) == {"a.b": "1", "c": "x=y"}
    with pytest.raises(InputError, match="path=value"):
        parse_assignments(["a.b"])


def test_values_outside_their_range_warn():
    with pytest.warns(MitoferryWarning, match="outside its range"):
        spec_of({"nanotube_search.capture_probability": "0.99"})


# ---------------------------------------------------------------------- the shipped experiments
CARDS = {
    "msc-huvec-ogd": (
        10,
        "recipient_alone injured_alone coculture coculture_annexin_v coculture_cytochalasin_b coculture_glucose_deprived coculture_glucose_replete "
        "coculture_rho0_donor coculture_tnt_inhibitor coculture_transwell coculture_uninjured donor_alone",
    ),
    "ipsc-msc-cornea-rotenone": (
        9,
        "recipient_alone injured_alone coculture coculture_nac coculture_tnfaip2_kd coculture_transwell coculture_uninjured donor_alone",
    ),
    "wjmsc-melas-rotenone": (
        8,
        "recipient_alone injured_alone coculture coculture_cytochalasin_b coculture_rho0_donor coculture_transwell donor_alone",
    ),
    "msc-np-il1b": (5, "recipient_alone injured_alone coculture coculture_cytochalasin_b coculture_transwell donor_alone"),
}


@pytest.mark.parametrize("name", CARDS)
def test_published_experiments_have_all_arms_and_findings_of_their_cards(name):
    n, arms = CARDS[name]
    experiment = load_experiment(name)
    assert set(arms.split()) <= set(experiment.plans)
    assert [x.finding for x in experiment.expect] == [f"{name}#{k + 1}" for k in range(n)]
    assert experiment.parameters == {}, "one untuned library for all published experiments"
    assert experiment.switches == {}
    assert all(c.overrides == {} for plan in experiment.plans.values() for c in plan.cells.values())
    assert experiment.sources


@pytest.mark.parametrize("name", shipped())
def test_shipped_experiments_resolve_without_warnings_and_stay_small(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = resolve(load_experiment(name))
    assert sum(p.count for a in spec.arms for p in a.populations) * spec.replicates < 6500
    for arm in spec.arms:
        for action in arm.actions:
            assert action.key in (NODE if action.kind == "node" else (*SPECIES, *CYTOKINES, "", "perfusion"))
            assert action.start < spec.until
            assert action.cause
    assert spec_from_plain(spec_to_plain(spec)) == spec


def test_injuries_are_the_same_in_all_injured_arms():
    spec = resolve(load_experiment("msc-huvec-ogd"))
    injured = set(arm_of(spec, "injured_alone").actions)
    for arm in spec.arms:
        if arm.name not in ("recipient_alone", "coculture_uninjured", "donor_alone"):
            assert injured <= set(arm.actions), arm.name


def test_every_observable_names_a_readout_that_its_assay_gives():
    known = assays()
    for o in OBSERVABLES.values():
        assert o.outside or o.readout in known[o.assay].readouts, o.name
        assert o.of in ("recipient", "donor", "well")
        assert o.statistic in ("last", "mean", "max")
    assert observable("endothelial_function").surrogate
    assert observable("annexin_pi.viable_fraction").readout == "viable_fraction"
    assert observable("viable_fraction").assay == "annexin_pi"
    assert observable("happiness") is None
