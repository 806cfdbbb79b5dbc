"""Dishes of preparation in the file: numbers, what arms change, what follows the cells, cards, and every wrong one refused with a hint.

Faults seen to fail it, planted in a copy of the package: a drug of the dish that never ends; gene changes of the arm that are not in
the dish; doses of a dish numbered as those of the arm; cells counted in dish and well; a mark of a well without its dish; dishes read
with the arms; ``without: [prepared]`` that leaves them; two dishes with one name.
"""

import warnings

import pytest

from mitoferry.experiment.cards import experiment_card_text
from mitoferry.experiment.estimate import estimate
from mitoferry.experiment.names import load_library
from mitoferry.experiment.reader import examine, parse_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.studies.board.plan import well_key
from mitoferry.studies.board.setting import cost_of, shrunk
from mitoferry.studies.run import wells_read

HEAD = """\
schema: mitoferry/experiment@1
title: Prepared
well: {kind: dish, size: 300 um, medium: {glucose: 15 mM}}
cells:
  recipient: {type: fibroblast, count: 10}
  donor:
    type: bm_msc
    count: 8
    added: 12 h
    prepared:
"""
DISH = """\
      well: {size: 200 um, medium: {glucose: 5 mM}}
      cells: {neuron: {type: cortical_neuron, count: 6}}
      injury: [{do: hypoxia, from: 2 h, until: 6 h}]
"""
BLOCK = """\
schema: mitoferry/experiment@1
title: Prepared
well: {kind: block, size: 120 um}
cells:
  recipient: {type: fibroblast, count: 10}
treat:
  - from: 12 h
    graft: {type: ad_msc, count: 7, name: donor, prepared: {cells: {neuron: {type: cortical_neuron, count: 6}}}}
"""
TAIL = "run: {until: 24 h, replicates: 2}\n"


def text(dish=DISH, more="", head=HEAD):
    return head + dish + more + TAIL


def spec_of(*args, arms=None, **keys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return resolve(parse_experiment(text(*args, **keys)), arms=arms)


def problems(*args, **keys):
    return examine(text(*args, **keys), "file.yaml", "file", {}, load_library())[1]


def nodes(arm, key=None):
    return [(a.key, a.start, a.end, a.populations) for a in arm.actions if a.kind == "node" and key in (None, a.key)]


# ---------------------------------------------------------------------- numbers
def test_a_dish_is_a_further_arm_of_the_plate_and_none_of_the_experiment():
    spec = spec_of()
    main, dish = spec.arms
    assert spec.main_arms == (main,)
    assert spec.dishes == (dish,)
    assert (main.name, dish.name) == ("base", "base.donor")
    assert [(p.name, p.index, p.role, p.count, p.rows, p.added) for p in main.populations] == [
        ("recipient", 0, "recipient", 10, 10, 0.0), ("donor", 1, "donor", 8, 0, 43200.0),
    ]  # fmt: skip
    assert [(p.name, p.index, p.role, p.count, p.rows, p.added) for p in dish.populations] == [
        ("donor", 1, "donor", 8, 8, 0.0), ("neuron", 2, "recipient", 6, 6, 0.0),
    ]  # fmt: skip
    assert (dish.prepares.arm, dish.prepares.population, dish.prepares.end) == ("base", 1, 43200.0)
    assert dish.geometry.size == (200.0, 200.0, 20.0)
    assert (dish.medium["glucose"], main.medium["glucose"]) == (5.0, 15.0)
    assert [p.name for p in main.brought] == ["neuron"]
    assert [(a.kind, a.start, a.populations) for a in dish.actions if a.cause == "end of the dish"] == [
        ("wash", 43200.0, ()), ("take_out", 43200.0, (1, 2)),
    ]  # fmt: skip
    assert not [a for a in main.actions if a.kind in ("boundary", "take_out", "wash")]


def test_number_time_and_end_of_a_dish():
    dish = spec_of(DISH + "      from: 3 h\n      count: 20\n      goes_on: true\n").arms[1]
    assert [(p.count, p.added) for p in dish.populations] == [(20, 10800.0), (6, 0.0)]
    assert not [a for a in dish.actions if a.kind in ("wash", "take_out")]


def test_arms_leave_out_and_change_what_is_in_the_dish():
    more = """\
arms:
  all: {}
  none: {without: [prepared]}
  no_donor: {without: [donor]}
  alone: {without: [neuron]}
  unstressed: {without: [hypoxia]}
  neither: {without: [neuron, hypoxia]}
  other: {cells: {donor: {count: 4, prepared: {well: {medium: {glucose: 1 mM}}, cells: {neuron: {count: 2}}}}}}
  taken_away: {cells: {donor: {prepared: null}}}
  without_neurons: {cells: {donor: {prepared: {cells: {neuron: null}}}}}
  child: {like: unstressed, without: [neuron]}
"""
    spec = spec_of(more=more)
    held = {d.prepares.arm: [p.name for p in d.populations] for d in spec.dishes}
    assert held == {
        "all": ["donor", "neuron"], "alone": ["donor"], "unstressed": ["donor", "neuron"], "neither": ["donor"],
        "other": ["donor", "neuron"], "without_neurons": ["donor"], "child": ["donor"],
    }  # fmt: skip
    stressed = {d.prepares.arm for d in spec.dishes if any(a.kind == "boundary" for a in d.actions)}
    assert stressed == {"all", "alone", "other", "without_neurons"}
    other = next(d for d in spec.dishes if d.prepares.arm == "other")
    assert [p.count for p in other.populations] == [4, 2]
    assert other.medium["glucose"] == 1.0
    assert {p.index for a in spec.arms for p in a.populations if p.name == "neuron"} == {2}
    assert [a.name for a in spec.main_arms] == [a.name for a in spec.arms[:10]]


def test_some_arms_run_with_their_dishes():
    more = "arms: {one: {}, two: {}, none: {without: [prepared]}}\n"
    spec = spec_of(more=more, arms=["two", "none"])
    assert [a.name for a in spec.arms] == ["two", "none", "two.donor"]
    assert [a.name for a in spec.left_out] == ["one", "one.donor"]
    whole = spec_of(more=more)
    assert spec.arms[2] == whole.arms[4]


def test_a_graft_comes_from_its_dish():
    main, dish = spec_of("", head=BLOCK).arms
    donor = main.populations[1]
    assert (donor.name, donor.count, donor.rows, donor.grafted, donor.from_dish) == ("donor", 7, 0, True, True)
    assert main.grafts[0].population == dish.prepares.population == 1
    assert (dish.populations[0].count, dish.populations[0].grafted, dish.prepares.end) == (7, False, 43200.0)


# ---------------------------------------------------------------------- what follows the cells
def test_genes_of_the_arm_hold_in_the_dish_and_those_of_the_dish_in_the_arm():
    more = "treat: [{gene: miro1, change: knockdown, on: donor}, {gene: parkin, change: knockout, on: recipient}]\n"
    dish = DISH + "      treat: [{gene: drp1, change: knockdown, on: donor}, {gene: drp1, change: knockdown, on: neuron}]\n"
    main, side = spec_of(dish, more).arms
    assert {n for n, *_ in nodes(main)} > {n for n, *_ in nodes(side)} - {"miro1"}
    own = {key for key, _, _, who in nodes(side) if who == (1,)}
    with_arm = {key for key, _, _, who in nodes(main) if who == (1,)}
    assert own == with_arm
    assert own
    assert not any(0 in who for *_, who in nodes(side))
    assert any(who == (2,) for *_, who in nodes(side))
    assert not any(2 in who for *_, who in nodes(main))
    carried = [a for a in main.actions if a.cause.endswith("in the dish")]
    assert carried
    assert all(a.start == 43200.0 and a.end == float("inf") for a in carried)


def test_a_drug_of_the_dish_ends_with_it_and_wears_off_in_the_arm():
    library = load_library()
    record = library.drug("rapamycin") or library.drug("cytochalasin_b")
    dish = DISH + f"      treat: [{{drug: {record.name}, from: 1 h}}]\n"
    main, side = spec_of(dish).arms
    tail = [a for a in main.actions if a.kind == "node"]
    assert {a.populations for a in tail} == {(1,)}
    assert {(a.start, a.end) for a in tail} == {(43200.0, 43200.0 + 3600.0 * record.washout)}
    assert {a.end for a in side.actions if a.kind == "node"} == {float("inf")}
    early = DISH + f"      treat: [{{drug: {record.name}, from: 1 h, until: 2 h}}]\n"
    ended = [a for a in spec_of(early).arms[0].actions if a.kind == "node"]
    assert bool(ended) == (2.0 + record.washout > 12.0)


def test_doses_in_a_dish_are_told_apart_from_those_of_the_arm_and_alike_in_all_arms():
    given = "      treat: [{mitochondria: {type: platelet, count: 50}, from: 1 h}]\n"
    more = "treat: [{mitochondria: {type: bm_msc, count: 50}, from: 13 h}]\narms: {one: {}, two: {without: [treat]}}\n"
    spec = spec_of(DISH + given, more)
    assert [[d.source.index for d in a.doses] for a in spec.arms] == [[128], [], [129], [129]]
    assert [p.index for p in spec.arms[1].brought] == [2, 129]


# ---------------------------------------------------------------------- cost, readings, words
def test_cells_are_counted_once_and_a_dish_that_ends_costs_no_more():
    spec = spec_of()
    assert estimate(spec, cores=1).cells == 2 * (10 + 8 + 6)
    assert estimate(spec, cores=1).wells == 4
    goes_on = spec_of(DISH + "      goes_on: true\n")
    assert cost_of(spec) < cost_of(goes_on)
    small = shrunk(spec_of(DISH.replace("count: 6", "count: 100")), 0.5)
    assert [p.count for p in small.arms[1].populations] == [8, 50]
    assert small.arms[1].geometry.size[0] == pytest.approx(200.0 * 0.5**0.5)


def test_readings_are_of_the_arms_unless_the_dish_is_named():
    more = """\
measure:
  - {assay: cell_count, of: [recipient, donor], at: [13 h]}
  - {assay: cell_count, of: [donor, neuron, well], dish: donor, at: [6 h]}
arms: {one: {}, two: {}}
"""
    spec = spec_of(more=more)
    assert [(m.of, m.dish) for m in spec.measurements] == [
        ("recipient", ""),
        ("donor", ""),
        ("donor", "donor"),
        ("neuron", "donor"),
        ("", "donor"),
    ]
    assert wells_read(spec, "") == {0, 1, 2, 3}
    assert wells_read(spec, "donor") == {4, 5, 6, 7}


def test_two_arms_share_their_wells_on_a_board_if_their_dishes_are_alike():
    more = "arms: {one: {}, same: {}, calm: {without: [hypoxia]}, other: {without: [neuron]}, none: {without: [prepared]}}\n"
    spec = spec_of(more=more)
    one, same, *others = (well_key(spec, a) for a in spec.main_arms)
    assert one == same
    assert len({one, *others}) == 4


def test_a_card_says_what_is_done_in_the_dish():
    shown = " ".join(experiment_card_text(parse_experiment(text(more="arms: {one: {}, none: {without: [prepared]}}\n"))).split())
    assert "added at 12 h; prepared before from 0 h on in a dish of their own with neuron: 6 cells of cortical_neuron" in shown
    assert "hypoxia, from 2 h until 6 h; medium with glucose 5 mM" in shown


# ---------------------------------------------------------------------- what is refused
WRONG = [
    (DISH.replace("hypoxia", "hypoxa"), "", "cells.donor.prepared.injury[0].do", "Did you mean 'hypoxia'", 13),
    (DISH.replace("cortical_neuron", "cortical_neuro"), "", "cells.donor.prepared.cells.neuron.type", "Did you mean 'cortical_neuron'", 12),
    (
        DISH.replace("from: 2 h, until: 6 h", "from: 12 h"),
        "",
        "cells.donor.prepared.injury[0].from",
        "before the cells are taken out of the dish",
        13,
    ),
    (DISH.replace("count: 6", "count: 6, added: 13 h"), "", "prepared.cells.neuron.added", "before the cells are taken out", 12),
    (DISH.replace("neuron:", "recipient:"), "", "prepared.cells.recipient", "no population of the wells has", 12),
    (DISH.replace("neuron:", "donor:"), "", "prepared.cells.donor", "other populations", 12),
    (DISH + "      from: 12 h\n", "", "cells.donor.added", "after they are put into the dish", 9),
    (DISH + "      count: 0\n", "", "cells.donor.prepared.count", "at least one cell", 14),
    (DISH + "      size: 3\n", "", "cells.donor.prepared.size", "a known key", 14),
    (DISH.replace("size: 200 um", "size: 20 um"), "", "cells.donor.prepared.well.size", "holds its cells", 11),
    (DISH.replace("count: 6", "count: 6, prepared: {}"), "", "cells.neuron.prepared", "within a preparation", 12),
    (DISH + "      treat: [{graft: {type: bm_msc, count: 3}}]\n", "", "treat[0].graft", "cells of the dish", 14),
    (DISH + "      treat: [{drug: rapamycin, on: recipint}]\n", "", "treat[0].on", "a population", 14),
    (DISH, "arms: {one: {without: [neurons]}}\n", "arms.one.without[0]", "Did you mean 'neuron'", 14),
    (DISH, "measure: [{assay: cell_count, of: neuron, at: 3 h}]\n", "measure[0].of", "add 'dish: donor'", 14),
    (DISH, "measure: [{assay: cell_count, of: neuron, dish: donr, at: 3 h}]\n", "measure[0].dish", "Did you mean 'donor'", 14),
    (DISH, "measure: [{assay: cell_count, of: recipients, dish: donor, at: 3 h}]\n", "measure[0].of", "recipient", 14),
]


@pytest.mark.parametrize(("dish", "more", "key", "words", "line"), WRONG)
def test_a_senseless_preparation_is_refused(dish, more, key, words, line):
    found = problems(dish, more)
    assert any(key in p.key and words in f"{p.wanted} {p.found} {p.hint}" and p.line == line for p in found), found


def test_every_problem_at_once():
    dish = DISH.replace("hypoxia", "hypoxa").replace("cortical_neuron", "x").replace("200 um", "2 mM")
    assert len({p.line for p in problems(dish, "arms: {a: {without: [b]}}\n")}) == 4


def test_two_dishes_do_not_share_a_name_and_a_dish_of_nothing_else_will_do():
    more = "  other_donor: {type: bm_msc, count: 3, added: 1 h, prepared: {cells: {neuron: {type: huvec, count: 3}}}}\n"
    (found,) = problems(DISH + more)
    assert "no other dish" in found.wanted
    assert not problems("      {}\n")
