"""What a file may give: routes, vesicles, needles, grafts, tissues; numbers that follow; every wrong one is refused with a hint."""

import warnings

import numpy as np
import pytest

from mitoferry.core.schema import EXOPHER, SPECIES
from mitoferry.experiment.names import load_library
from mitoferry.experiment.plate import build_world
from mitoferry.experiment.reader import examine, load_experiment, parse_experiment, shipped
from mitoferry.experiment.resolve import resolve
from mitoferry.experiment.treatments import perfusion_at
from mitoferry.library.tissues import UNITS, load_tissues, read_tissue
from mitoferry.show.cards import show_text
from mitoferry.show.lists import list_text

BLOCK = "well: {kind: block, size: 100 um, organ: 0.1 mL, perfusion: 1}\n"
DISH = "well: {kind: dish, size: 200 um}\n"
HEAD = "schema: mitoferry/experiment@1\ntitle: Given\n"
CELLS = "cells: {recipient: {type: fibroblast, count: 10}}\n"
TAIL = "run: {until: 4 h}\n"


def text(well, *treats, cells=CELLS, more=""):
    given = "treat:\n" + "".join(f"  - {t}\n" for t in treats) if treats else ""
    return HEAD + well + cells + given + more + TAIL


def spec_of(*args, **keys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return resolve(parse_experiment(text(*args, **keys)))


def problems(*args, **keys):
    return examine(text(*args, **keys), "file.yaml", "file", {}, load_library())[1]


# ---------------------------------------------------------------------- numbers
def test_routes_of_isolated_mitochondria():
    arm = spec_of(
        BLOCK,
        "{mitochondria: {type: bm_msc, count: 50}}",
        "{mitochondria: {type: bm_msc, count: 60, route: injection, site: [10 um, 20 um, 30 um], spread: 15 um, "
        "washout: 20 min}, from: 1 h}",
        "{mitochondria: {type: bm_msc, dose: 1e7, route: intravenous}}",
        "{mitochondria: {type: bm_msc, per_cell: 3, route: intranasal}}",
    ).arms[0]
    assert [d.route for d in arm.doses] == ["medium", "injection", "intravenous", "intranasal"]
    assert [d.source.count for d in arm.doses] == [50, 60, 100, 30]  # 1e7 x 1e6 um^3/0.1 mL
    assert (arm.doses[1].site, arm.doses[1].spread, arm.doses[1].washout) == ((10.0, 20.0, 30.0), 15.0, 1200.0)
    assert [d.source.index for d in arm.doses] == [128, 129, 130, 131]


def test_vesicles_and_needles():
    arm = spec_of(
        DISH, "{vesicles: {type: bm_msc, kind: exopher, per_cell: 2, mitochondria: 4}}", "{inject: {type: bm_msc, count: 12.5}, from: 1 h}"
    ).arms[0]
    assert (arm.doses[0].route, arm.doses[0].vesicle, arm.doses[0].each, arm.doses[0].source.count) == ("vesicles", EXOPHER, 4, 80)
    assert (arm.doses[1].route, arm.doses[1].into, arm.doses[1].per_cell) == ("cytosol", (0,), 12.5)


def test_a_graft_is_a_population_of_its_own_that_waits():
    spec = spec_of(
        BLOCK, "{graft: {type: bm_msc, count: 7, spread: 10 um}, from: 1 h}",
        "{graft: {name: more, type: ad_msc, dose: 1e7, route: intravenous}}",
        more="measure: [{assay: cell_count, of: [recipient, graft], at: 4 h}, {assay: cell_count, of: donor, at: 4 h}]\n",
    )  # fmt: skip
    arm = spec.arms[0]
    assert [(p.name, p.index, p.role, p.grafted) for p in arm.populations[1:]] == [("graft", 1, "donor", True), ("more", 2, "donor", True)]
    assert arm.populations[1].count == 7
    assert arm.grafts[0].present == 1.0
    assert arm.grafts[0].site == (50.0, 50.0, 50.0)
    assert arm.grafts[1].present * arm.populations[2].count == pytest.approx(100.0)  # 1e7 x 1e6 um^3/0.1 mL
    assert arm.populations[2].count > 150
    assert {m.of for m in spec.measurements} == {"recipient", "graft", "more"}


def test_the_share_of_the_organ_is_right_for_tiny_doses_too():
    arm = spec_of(BLOCK, "{graft: {type: bm_msc, dose: 2e4, route: intravenous}}").arms[0]
    assert arm.grafts[0].present * arm.populations[1].count == pytest.approx(0.2)  # chance, not a rounded zero


THREE = """cells:
  recipient: {type: fibroblast, count: 10}
  donor: {type: bm_msc, count: 3}
  donor_late: {type: bm_msc, count: 3, added: 3 h}
"""


def test_cells_taken_out_are_those_named_and_losses_fall_on_all_others():
    """Fault seen to fail it, planted in a copy of the package: losses of all populations."""
    spec = spec_of(DISH, "{take_out: donor, at: 3 h}", cells=THREE)
    found = [(a.start, a.value, a.populations, a.cause) for a in spec.arms[0].actions]
    assert found == [(10800.0, 0.98, (1, 2), "98 % of donor taken out")]
    spec = spec_of(DISH, "{take_out: donor, at: 2.5 h, efficiency: 50 %, losses: 3 %}", cells=THREE.replace("added: 3 h", "added: 1 h"))
    found = [(a.kind, a.value, a.populations, a.cause) for a in spec.arms[0].actions]
    assert found == [
        ("take_out", 0.5, (1, 2), "50 % of donor taken out"), ("take_out", 0.03, (0,), "3 % of the others lost"),
    ]  # fmt: skip


def test_a_graft_can_be_taken_out_and_what_takes_none_is_left_out():
    arm = spec_of(BLOCK, "{graft: {type: bm_msc, count: 7}}", "{take_out: graft, at: 1 h, losses: 0 %}").arms[0]
    assert [(a.value, a.populations) for a in arm.actions if a.kind == "take_out"] == [(0.98, (1,))]
    assert not [a for a in spec_of(DISH, "{take_out: recipient, at: 1 h, efficiency: 0 %}").arms[0].actions if a.kind == "take_out"]


def test_the_share_taken_out_where_none_is_given_is_a_parameter():
    more = "parameters: {cell_removal.efficiency: 0.91}\n"
    assert spec_of(DISH, "{take_out: recipient, at: 1 h}", more=more).arms[0].actions[0].value == 0.91


TAKEN = [
    ("{take_out: donr, at: 2 h}", "take_out", "Did you mean 'donor'"),
    ("{take_out: [donor, recipent], at: 2 h}", "take_out[1]", "population or role"),
    ("{take_out: donor, at: 9 h}", "at", "before the end of the run"),
    ("{take_out: donor, at: 2 h, efficiency: 101 %}", "efficiency", "at most 1"),
    ("{take_out: donor, at: 2 h, losses: -1 %}", "losses", "at least 0"),
    ("{take_out: donor, at: 2 h, losses: 2 mM}", "losses", "without a unit"),
    ("{take_out: donor}", "treat", "the time 'at'"),
    ("{take_out: donor, from: 2 h}", "treat", "the time 'at'"),
    ("{take_out: donor, from: 1 h, at: 2 h}", "treat", "without from"),
    ("{take_out: donor, at: 2 h, until: 3 h}", "treat", "without until"),
    ("{take_out: donor, at: 2 h, on: donor}", "treat", "without on"),
    ("{take_out: [], at: 2 h}", "treat", "at least one"),
    ("{take_out: donor, at: 2 h, wash: true}", "treat", "exactly one of"),
    ("{wash: true, at: 2 h}", "treat", "at only with take_out"),
    ("{wash: true, efficiency: 90 %}", "treat", "efficiency only with take_out"),
    ("{take_out: donor_late, at: 2 h}", "at", "in the well (3 h or later)"),
]


@pytest.mark.parametrize(("treat", "key", "words"), TAKEN)
def test_what_cannot_be_taken_out_is_refused(treat, key, words):
    found = problems(DISH, treat, cells=THREE)
    assert any(key in p.key and words in f"{p.wanted} {p.found} {p.hint}" and p.line for p in found), found


def test_an_arm_without_the_cells_cannot_lose_them():
    more = "arms: {alone: {without: [donor, donor_late]}, coculture: {}}\n"
    (found,) = problems(DISH, "{take_out: donor, at: 2 h}", cells=THREE, more=more)
    assert "of this arm" in found.wanted
    assert "those arms that have it" in found.hint


def test_a_card_says_who_is_taken_out():
    from mitoferry.experiment.cards import action_text

    plan = parse_experiment(text(DISH, "{take_out: [recipient], at: 2 h, efficiency: 90 %, losses: 1 %}")).plans
    (treat,) = next(iter(plan.values())).treat
    assert action_text(treat) == "90 % of recipient taken out (losing 1 % of the others), at 2 h"


# ---------------------------------------------------------------------- tissues
TEMPLATE = "well: {kind: block, template: infarct}\n"


def test_a_template_fills_in_what_is_not_said():
    arm = spec_of(TEMPLATE, cells="").arms[0]
    assert arm.geometry.kind == "block"
    assert arm.geometry.size == (140.0, 140.0, 140.0)
    assert arm.geometry.washout == 1800.0
    assert [p.name for p in arm.populations] == ["cardiomyocyte", "fibroblast", "endothelium"]
    assert [p.count for p in arm.populations] == [55, 27, 27]  # 2e7 and 1e7 per mL in 2.744e6 um^3
    assert arm.medium["oxygen"] == 50.0
    held = {a.key: a.value for a in arm.actions if a.kind == "boundary"}
    assert held == {"oxygen": 50.0, "glucose": 5.5, "lactate": 1.0, "calcium": 1.2}


def test_what_the_file_says_goes_before_the_template():
    cells = "cells: {cardiomyocyte: {count: 9, overrides: {mitochondria: 100}}, fibroblast: null, recipient: {type: huvec, count: 2}}\n"
    arm = spec_of("well: {kind: block, template: infarct, size: 100 um, perfusion: 0.3, medium: {oxygen: 20 uM}}\n", cells=cells).arms[0]
    assert {p.name: p.count for p in arm.populations} == {"cardiomyocyte": 9, "endothelium": 10, "recipient": 2}
    assert (arm.geometry.perfusion, arm.medium["oxygen"], arm.medium["glucose"]) == (0.3, 20.0, 5.5)


def test_a_template_can_be_set_and_an_arm_can_change_what_it_gives():
    more = "arms: {a: {}, b: {well: {perfusion: 0.1}}}\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(
            parse_experiment(text(TEMPLATE, cells="", more=more), overrides={"well.template": "stroke", "cells.neuron.count": "5"})
        )
    assert [p.count for p in spec.arms[0].populations] == [5, 52, 14]  # 3e7 and 8e6 per mL in 1.728e6 um^3
    more = "arms: {a: {}, b: {well: {perfusion: 0.1}, cells: {endothelium: {count: 3}}}}\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(parse_experiment(text(TEMPLATE, cells="", more=more)))
    assert [a.geometry.perfusion for a in spec.arms] == [3.3, 0.1]
    assert [a.populations[2].count for a in spec.arms] == [27, 3]


def test_ischaemia_cuts_the_flow_of_blood_and_reperfusion_restores_it():
    spec = spec_of(TEMPLATE, cells="", more="injury: [{do: ischaemia, dose: 0.05, from: 1 h, until: 2 h}]\n")
    assert [perfusion_at(spec.arms[0], 3600.0 * t) for t in (0.5, 1.0, 1.9, 2.0)] == pytest.approx([3.3, 0.165, 0.165, 3.3])


def test_blood_flow_is_at_work_in_the_fields():
    """Ischaemia starves the block of oxygen within minutes; planted fault: with the flow left on it would not."""
    from dataclasses import replace

    from mitoferry.backends.reference import Reference
    from mitoferry.core.schema import Step
    from mitoferry.experiment.plate import parameters_of
    from mitoferry.processes import diffusion

    cells = "cells: {recipient: {type: fibroblast, count: 3, overrides: {mitochondria: 3, mtdna: 9}}}\n"
    spec = replace(spec_of("well: {kind: block, size: 40 um, perfusion: 1, medium: {oxygen: 50 uM}}\n", cells=cells), replicates=1)
    left = {}
    for flow in (1.0, 0.0):
        world = build_world(spec, Reference())
        world.wells.boundary[:, 0] = 50.0
        world.wells.perfusion[:] = flow
        world.cells.oxygen_flux[2:] = 2.0
        world.cells.env[:, 0] = 50.0
        for k in range(20):
            diffusion.advance(world, Step(k, 60 * k, 60.0 * k, 60.0), parameters_of("diffusion", diffusion.Parameters, spec))
        left[flow] = float(world.fields.conc[0, SPECIES.index("oxygen")].mean())
    assert left[1.0] > 20.0
    assert left[0.0] < 0.5 * left[1.0]


def test_every_tissue_is_sound_and_runs():
    for name, tissue in load_tissues().items():
        assert set(tissue.values) == set(UNITS)
        assert problems(f"well: {{kind: block, template: {name}}}\n", cells="") == []
        arm = spec_of(f"well: {{kind: block, template: {name}}}\n", cells="").arms[0]
        assert sum(p.count for p in arm.populations) > 20
        assert name in list_text("tissues")
        assert "source" in show_text("tissue", name)


def test_a_tissue_without_source_or_unit_is_refused():
    record = {"about": "x", "cells": {"a": {"type": "huvec", "per_volume": "1e7 1/mL", "tag": "C", "source": "x"}}}
    record |= {key: {"value": f"1 {unit}".removesuffix(" 1"), "tag": "C", "source": "x"} for key, unit in UNITS.items()}
    assert read_tissue("f", "t", record)[1] == []
    for key, value in (("size", {"value": "3 mM", "tag": "C", "source": "x"}), ("oxygen", {"value": "3 uM", "tag": "C"}), ("cells", {})):
        assert read_tissue("f", "t", record | {key: value})[1]


# ---------------------------------------------------------------------- refusals
ISOLATED = "{mitochondria: {type: bm_msc, count: 5, %s}}"
WRONG = [
    (DISH, "{mitochondria: {type: bm_msc, count: 5, route: intravenous}}", "route", "tissue block"),
    (DISH, "{mitochondria: {type: bm_msc, count: 5, route: injection, spread: 9 um}}", "spread", "tissue block"),
    (DISH, "{mitochondria: {type: bm_msc, dose: 1e9, route: intravenous}}", "dose", "tissue block"),
    (DISH, "{graft: {type: bm_msc, count: 5}}", "graft", "tissue block"),
    ("well: {kind: block, size: 100 um}\n", "{graft: {type: bm_msc, dose: 1e6}}", "dose", "volume of the organ"),
    (BLOCK, "{graft: {type: bm_mcs, count: 5}}", "graft.type", "cell type"),
    (BLOCK, "{graft: {name: recipient, type: bm_msc, count: 5}}", "name", "no population has"),
    (BLOCK, "{graft: {type: bm_msc, count: 5, per_recipient: 1}}", "graft", "one of"),
    (BLOCK, "{graft: {type: bm_msc, count: 5}, until: 3 h}", "treat", "without until"),
    (BLOCK, "{graft: {type: bm_msc, dose: 1e15}}", "dose", "at most"),
    (BLOCK, "{mitochondria: {type: bm_msc, count: 49000000, route: nasal}}", "route", "one of"),
    (BLOCK, "{mitochondria: {type: bm_msc, dose: 1e15, route: intravenous}}", "dose", "fewer than"),
    (
        BLOCK,
        "{mitochondria: {type: bm_msc, count: 5, route: injection, site: [10 um, 10 um, 400 um], spread: 5 um}}",
        "site",
        "place in the block",
    ),
    (BLOCK, "{mitochondria: {type: bm_msc, count: 5, route: injection, site: [10 um, 10 um, 40 um]}}", "site", "'spread' beside"),
    (BLOCK, "{mitochondria: {type: bm_msc, count: 5, route: intravenous, spread: 5 um}}", "spread", "a site only"),
    (BLOCK, "{mitochondria: {type: bm_msc, count: 5, route: intravenous, washout: 5 min}}", "washout", "only with the routes"),
    (DISH, "{vesicles: {type: bm_msc, kind: exosome, count: 5}}", "kind", "one of"),
    (DISH, "{vesicles: {type: bm_msc, count: 5, mitochondria: 17}}", "mitochondria", "16"),
    (DISH, "{vesicles: {type: bm_msc, count: 49999999, mitochondria: 2}}", "count", "fewer than"),
    (DISH, "{vesicles: {type: bm_msc, count: 5}, on: recipient}", "treat", "without on"),
    (DISH, "{inject: {type: bm_msc, count: 5, into: recipent}}", "into", "population or role"),
    (DISH, "{inject: {type: bm_msc, count: 0}}", "count", "more than 0"),
    (DISH, "{inject: {type: a549_rho, count: 4}}", "type", "cell type"),
]


@pytest.mark.parametrize(("well", "treat", "key", "words"), WRONG)
def test_what_cannot_be_given_is_refused(well, treat, key, words):
    found = problems(well, treat)
    assert any(key in p.key and words in f"{p.wanted} {p.found}" and p.line for p in found), found


@pytest.mark.parametrize(
    ("well", "key", "words"),
    [
        ("well: {kind: block, template: infart}\n", "template", "Did you mean 'infarct'"),
        ("well: {kind: dish, template: infarct}\n", "template", "tissue block"),
        ("well: {kind: dish, perfusion: 0.5}\n", "perfusion", "tissue block"),
        ("well: {kind: dish, washout: 5 min}\n", "washout", "tissue block"),
        ("well: {kind: block, size: 100 um, perfusion: 1, periodic: false}\n", "perfusion", "without walls"),
    ],
)
def test_a_dish_is_no_tissue(well, key, words):
    found = problems(well)
    assert any(key in p.key and words in f"{p.wanted} {p.found} {p.hint}" for p in found), found


def test_a_template_in_an_arm_and_ischaemia_in_a_dish_are_refused():
    assert any("only in the base" in p.wanted for p in problems(BLOCK, more="arms: {a: {well: {template: stroke}}}\n"))
    assert any("blood flows through" in p.wanted for p in problems(DISH, more="injury: [{do: ischaemia}]\n"))
    assert any(
        "per volume only in a block" in p.wanted for p in problems(DISH, cells="cells: {recipient: {type: huvec, per_volume: 1e8 1/mL}}\n")
    )


def test_cells_of_an_arm_may_be_given_by_another_number():
    more = "arms: {a: {cells: {recipient: {per_volume: 2e7 1/mL}}}, b: {cells: {recipient: {density: 1e5 1/cm^2}}}}\n"
    spec = spec_of(BLOCK, more=more)
    assert [a.populations[0].count for a in spec.arms] == [20, 10]
    assert np.isfinite(spec.arms[0].populations[0].cell_type.radius)


@pytest.mark.parametrize("name", [n for n in shipped() if n.startswith(("tissue-", "zygote-"))])
def test_cards_say_what_is_given(name):
    from mitoferry.experiment.cards import experiment_card_text

    card = experiment_card_text(name)
    assert load_experiment(name).title in card
    assert "graft 'graft' of bm_msc" in card or "by a needle" in card
