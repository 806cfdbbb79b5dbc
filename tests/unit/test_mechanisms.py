"""What is said of a mechanism is what its code says: nodes and substances found in it, agents, lists, explanations, cards."""

import json
import re
import warnings

import pytest

from mitoferry.base.errors import InputError, MitoferryWarning
from mitoferry.core.nodes import NODE_ACTIN, NODE_MIRO1, NODES
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import GLUCOSE
from mitoferry.experiment import loop, mechanisms, uses
from mitoferry.experiment.reader import parse_experiment, shipped
from mitoferry.show import lists
from mitoferry.show.cards import show_text
from mitoferry.show.explain import explain_text, present_in

ALL = mechanisms.mechanisms()


# ---------------------------------------------------------------------- found in the code
@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("nanotube_search", {"actin", "filopodia", "rho_gtpases", "capture", "ps_mask"}),
        ("nanotube_transport", {"miro1", "trak", "microtubule_motor", "actin_motor", "temperature"}),  # read in nanotube_loading
        ("mitophagy", {"pink1_parkin", "lysosome", "arrival_mitophagy"}),
        ("energetics", {"glycolysis", "residual_glycolysis", "synthase_block", "uncoupler"}),  # two of them in energetics_class
    ],
)
def test_nodes_of_a_mechanism_are_found(name, nodes):
    assert nodes <= set(ALL[name].nodes)


def test_every_node_is_read_by_a_mechanism_and_every_agent_reaches_one():
    assert {n.name for n in NODES} == {n for m in ALL.values() for n in m.nodes}
    for agent in mechanisms.all_acting():
        assert any(agent.through(m) for m in ALL.values()), agent.name


def test_a_process_that_does_not_name_a_node_does_not_read_it():
    assert ALL["capacity"].nodes == ()
    assert "actin" not in ALL["nanotube_transport"].nodes
    assert "oxygen" in ALL["signals"].species
    assert "tnf_alpha" not in ALL["mtdna"].species


@row
def deep(i, groups):
    return float(groups.nodes[i, NODE_MIRO1])


@row
def shallow(i, groups, cells):
    if float(cells.env[i, GLUCOSE]) > 0.0:
        return deep(i, groups)
    return 0.0


def advance(world, step, p):
    """One step of a process of another package."""

    def never_named():
        return NODE_ACTIN

    world.backend.each(shallow, world.n_cells, never_named())


def test_processes_of_other_packages_are_treated_alike(monkeypatch):
    process = Process(name="mine", stage="links", clock="macro", parameters=tuple, advance=advance)
    monkeypatch.setattr(mechanisms, "load_processes", lambda: [*loop.load_processes(), process])
    mechanisms._mechanisms.cache_clear()
    try:
        m = mechanisms.mechanism("mine")
        assert m.nodes == ("actin", "miro1")
        assert m.species == ("glucose",)
        assert not m.built_in
        assert "miro1_kd" in {a.name for a in m.agents()}
        said = explain_text("mine")
        assert "What is said of a mechanism" in said
        assert "--set switches.mine=off" in said
        assert "no parameters" in said
    finally:
        mechanisms._mechanisms.cache_clear()


# ---------------------------------------------------------------------- explain
@pytest.mark.parametrize("name", sorted(ALL))
def test_explanation_holds_docstring_place_numbers_and_switch(name):
    m, said = ALL[name], explain_text(name)
    assert m.text in said
    assert f"Stage {m.stage}" in said
    assert m.switch in said
    for record in m.parameters():
        assert re.search(rf"^  {re.escape(record.name)} +{re.escape(f'{record.value:g}')} ", said, re.MULTILINE)
        assert record.source.split()[0] in said
    words = " ".join(said.split())
    for agent in m.agents():
        assert f"{agent.name} (" in words


def test_the_switch_named_is_one_that_the_file_knows():
    text = next(iter(shipped().values())).read_text(encoding="utf-8")
    for name in ALL:
        assert parse_experiment(text, "x.yaml", overrides={f"switches.{name}": "off"}).switches == {name: "off"}


def test_explanation_names_arms_and_findings():
    said = explain_text("nanotube_search")
    assert "cytochalasin_b in coculture_cytochalasin_b" in said
    assert re.search(r"finding msc-huvec-ogd#\d+: tnt_number decrease in coculture_annexin_v", said)
    assert "Shipped experiments" not in explain_text("capacity")


def test_experiments_that_do_without_are_named_unless_they_are_many():
    few, many = (uses.Presence(runs=("a",), off=(), idle=tuple(f"e{k}" for k in range(n)), alone=()) for n in (3, 200))
    assert present_in(few)[1][1] == ("e0", "e1", "e2")
    assert present_in(many)[1] == ("Left out by itself, since nothing there needs it, in the other 200 experiments", ())


def test_explanation_says_where_it_runs_what_it_changes_and_how_it_responds():
    said = explain_text("phagocytosis")
    assert re.search(r"It runs in: (?:.|\n)*route-phagocytosis", said)
    assert re.search(r"Left out by itself.* in\s+the other \d+ experiments\.", said)
    assert re.search(r"Switched off by the file in: (?:.|\n)*route-bridge", said)
    assert "WHAT IT CHANGES" in said
    assert "│" in said
    assert "│" not in explain_text("phagocytosis", curves=False)
    assert max(len(line) for line in said.split("-- PLACE")[1].splitlines()) <= 125  # what was wrapped by hand is left as it is


def test_effect_of_a_mechanism_names_the_verdicts_that_turn():
    from types import SimpleNamespace as Finding

    from mitoferry.show.effect import compared, effect_text

    a = [Finding(sentence="transfer", verdict="reproduced", reason="r1"), Finding(sentence="death", verdict="undecided", reason="r2")]
    b = [Finding(sentence="transfer", verdict="not reproduced", reason="r3"), Finding(sentence="death", verdict="undecided", reason="r4")]
    said = compared("bridge", "x", 2, a, b)
    assert "1 of 2 verdicts turn:" in said
    assert "transfer: reproduced with it, not reproduced without" in said
    assert "death: undecided" in said
    with pytest.raises(InputError, match="findings"):
        effect_text("bridge", "one-nanotube")
    with pytest.raises(InputError, match="nothing there needs it"):
        effect_text("phagocytosis", "msc-huvec-ogd")


@pytest.mark.parametrize(("given", "near"), [("nanotube_serch", "nanotube_search"), ("mitofagy", "mitophagy")])
def test_unknown_mechanism_names_the_nearest(given, near):
    with pytest.raises(InputError, match=near) as caught:
        explain_text(given)
    assert caught.value.exit_code == 2


# ---------------------------------------------------------------------- lists
@pytest.mark.parametrize("kind", sorted(lists.KINDS))
def test_lists_have_one_line_per_item(kind):
    items = json.loads(lists.list_text(kind, True))
    lines = lists.list_text(kind).splitlines()
    assert len(items) > 3
    assert all(item["name"] and item["about"] for item in items)
    if kind in ("mechanisms", "experiments"):  # under headings, wrapped
        named = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
        words = lists.STAGE_WORDS.values() if kind == "mechanisms" else [heading for heading, _ in lists.GROUPS.values()]
        assert sorted(named) == sorted(item["name"] for item in items)
        assert named == [item["name"] for item in items] or kind == "experiments"
        assert {heading + ":" for heading in words} <= set(lines)
        assert max(len(line) for line in lines) <= lists.WIDTH
    else:
        assert [line.split()[0] for line in lines[: len(items)]] == [item["name"] for item in items]
    assert lines[-1].startswith(f"{len(items)} {kind}")


def test_plain_list_names_experiments_and_mentions_the_rest():
    lines = lists.list_text().splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert sorted(named) == sorted(shipped())
    assert named[0].split("-")[0] in {n.split("-")[0] for n in shipped() if lists.group_of(n) == "published"}
    assert all(kind in lines[-1] for kind in lists.KINDS if kind != "experiments")


def test_unknown_kind_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'celltypes'"):
        lists.list_text("celtypes")


# ---------------------------------------------------------------------- cards
def test_card_of_a_cell_type():
    said = show_text("celltype", "bm_msc")
    for words in ("CL:0002540", "species human", "virtual Seahorse", "rotenone_antimycin", "only modelling choices: ", "msc-huvec-ogd",
                  "none of the numbers that matter most is measured", "derived (tag S)"):  # fmt: skip
        assert words in said, words
    assert len(said.splitlines()) < 112
    assert "measured: mitochondria" in show_text("celltype", "fibroblast")


def test_cards_of_cells_without_mtdna_and_without_mitochondria():
    line, red = show_text("celltype", "cell_143b_rho0"), show_text("celltype", "erythrocyte")
    assert "without mtDNA; made from cell_143b" in line
    assert "no mitochondria" in red


def test_card_of_an_agent_names_mechanisms_and_experiments():
    said = show_text("drug", "cytochalasin_b")
    reached = re.search(r"^mechanisms: (.*(?:\n  .*)*)", said, re.MULTILINE)[1].replace("\n ", "").split(", ")
    assert {"motion", "nanotube_search", "nanotube_clocks", "free_mitochondria"} <= set(reached)
    assert "msc-huvec-ogd" in said
    assert "no shipped experiment" in show_text("gene", "opa1_kd")


def test_uses_of_the_shipped_experiments():
    assert uses.experiments_with_type("corneal_epithelium") == ["ipsc-msc-cornea-rotenone", "msc-cornea-alkali-burn"]
    assert "wjmsc-melas-rotenone" in uses.experiments_with_agent("rotenone")
    arms = {a.arm: a for a in uses.arms_of_shipped() if a.experiment == "msc-huvec-ogd"}
    assert arms["coculture_cytochalasin_b"].touching(ALL["nanotube_search"]) == {"cytochalasin_b"}
    assert not arms["coculture"].touching(ALL["nanotube_search"])


# ---------------------------------------------------------------------- check
def warnings_of(tmp_path, cells):
    from mitoferry.show.laboratory import check_text

    path = tmp_path / "x.yaml"
    head = "schema: mitoferry/experiment@1\ntitle: x\nmeasure: []\nrun: {until: 1 h, replicates: 1}\ncells:\n"
    path.write_text(head + cells, encoding="utf-8")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MitoferryWarning)
        assert "no problems" in check_text(str(path), ())
    return [str(w.message) for w in caught]


def test_check_warns_of_types_of_which_nothing_that_matters_is_measured(tmp_path):
    said = warnings_of(tmp_path, "  recipient: {type: huvec, count: 5}\n  donor: {type: fibroblast, count: 5}\n")
    assert len(said) == 1
    assert said[0].startswith("cell type huvec: none of the 10 numbers that matter most is measured (4 orders of magnitude, 6 modelling")


def test_check_does_not_count_numbers_that_the_file_gives(tmp_path):
    given = ", ".join(f"{k}: {v}" for k, v in {"filopodia": 1, "cx43": 1, "miro1": 1, "uptake": 1, "arrival_lysis": 0.1}.items())
    said = warnings_of(tmp_path, f"  recipient: {{type: huvec, count: 5, overrides: {{{given}}}}}\n")
    assert "none of the 5 numbers" in said[0]
    more = given + ", mitochondria: 100, mtdna: 500, oxygen_use: 2, oxphos_share: 0.3, arrival_fusion: 0.1"
    assert warnings_of(tmp_path, f"  recipient: {{type: huvec, count: 5, overrides: {{{more}}}}}\n") == []


KILLERS = "  recipient: {type: cd8_t_cell, count: 5}\n  donor: {type: fibroblast, count: 5%s}\n"


@pytest.mark.parametrize(
    ("cells", "said"),
    [(KILLERS % "", True), (KILLERS % ", haplotypes: {allogeneic: 100 %}", False), (KILLERS % ", haplotypes: {m.3243A>G: 50 %}", True),
     ("  recipient: {type: cd8_t_cell, count: 5}\n", False), ((KILLERS % "").replace("cd8_t_cell", "huvec"), False)],
)  # fmt: skip
def test_check_warns_of_killers_to_which_no_donor_is_foreign(tmp_path, cells, said):
    found = [w for w in warnings_of(tmp_path, cells) if "no mtDNA of the donors is foreign" in w]
    assert bool(found) == said
    assert all("arm base: recipient can kill" in w and "allogeneic: 100 %" in w for w in found)


def test_a_line_without_mtdna_is_seeded_without(tmp_path):
    from mitoferry.experiment.resolve import resolve

    text = "schema: mitoferry/experiment@1\ntitle: x\nmeasure: []\nrun: {until: 1 h}\ncells:\n  recipient: {type: a549_rho0, count: 5}\n"
    population = resolve(parse_experiment(text, "x.yaml", name="x")).arms[0].populations[0]
    assert population.rho0
    assert population.haplotypes == (0.0, 0.0, 0.0, 0.0)
    assert population.cell_type.mtdna == 1500
