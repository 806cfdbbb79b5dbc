"""The evidence as data: sound files, searches that find what they say, links that lead both ways, and what the command prints."""

import json
import shutil
import subprocess
import sys
import time

import pytest

import mitoferry as mf
from mitoferry.base.errors import InputError
from mitoferry.evidence import check, files, search, words
from mitoferry.experiment import evidence_links
from mitoferry.experiment.mechanisms import mechanisms
from mitoferry.experiment.reader import shipped
from mitoferry.show.evidence import asked_text
from mitoferry.show.evidence_item import item_text, mechanism_text
from mitoferry.show.evidence_table import evidence_text
from mitoferry.show.explain import explain_text

ev = mf.evidence
WITHOUT_MECHANISM = {  # targets of manipulations that name no mechanism of ours
    "DNA", "carrier", "delivery carrier", "donor purity", "donor state", "donor type", "medium", "mitochondrial transfer",
    "recipient type", "serum", "treatment",
}  # fmt: skip


# ---------------------------------------------------------------------- the files
def test_the_files_are_sound():
    assert [str(p) for p in check.problems()] == []


def test_everything_is_there():
    assert len(ev.records()) == 975
    assert len(ev.cards()) == 164
    kinds = [c.simulable for c in ev.cards()]
    assert (kinds.count("direct"), kinds.count("surrogate"), kinds.count("not_simulable")) == (111, 48, 5)
    assert len(files.findings()) == sum(len(c.expect) for c in ev.cards()) == 577
    assert {r.key for r in ev.reviews()} == {r.review for r in ev.records()}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("cards.json", '"direction": "unidirectional"', '"direction": "onesided"', "msc-huvec-ogd.expect.0.direction"),
        ("cards.json", '"evidence": ["bagheri2020-359"]', '"evidence": ["bagheri2020-959"]', "msc-huvec-ogd#1.evidence"),
        ("cards.json", '"versus": "coculture_uninjured"', '"versus": "coculture_uninjurd"', "msc-huvec-ogd#2.versus"),
        ("cards.json", '"id": "msc-huvec-ogd#3"', '"id": "msc-huvec-ogd#33"', "msc-huvec-ogd.expect"),
        ("cards.json", '"physics_needed": ["tnt_formation"', '"physics_needed": ["tnt_fromation"', "msc-huvec-ogd.physics_needed"),
        ("cards.json", '"sources": ["bagheri2020:ref47"', '"sources": ["bagheri2021:ref47"', "msc-huvec-ogd.sources"),
        ("cards.json", '"name": "injured_alone"', '"name": "recipient_alone"', "msc-huvec-ogd.recipient_alone"),
        ("cards.json", '"key": "msc-h9c2-simulated-ir"', '"key": "msc-huvec-ogd"', "msc-huvec-ogd"),
        ("cards.json", '"title_only": false,', '"titel_only": false,', "titel_only"),
        ("physics.json", '"note": ', '"nota": ', "nota"),
        ("concepts.json", '"words": ["CX43"', '"words": ["TNT"', "tnt"),
        ("records/li2025.json", '"id": "li2025-002"', '"id": "li2025-001"', "li2025-001"),
        ("records/li2025.json", '"study": "li2025:text"', '"study": "tnt2020:text"', "li2025-001.study"),
        ("records/tnt2020.json", '"kind": "mechanism"', '"kind": "mechanics"', "tnt2020-001.kind"),
        ("records/tnt2020.json", '  "id"', ' "id"', "canonical"),
        ("records/tnt2020.json", "[", "", "tnt2020.json"),
    ],
)
def test_a_planted_fault_is_found_and_named(tmp_path, file, old, new, said):
    folder = tmp_path / "data"
    shutil.copytree(files.folder(), folder)
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(said in str(p) for p in check.problems(folder))


def test_spacing_after_an_edit_by_hand_is_mended(tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(files.folder(), folder)
    path = folder / "reviews.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert check.problems(folder)
    assert files.rewrite(folder) == [path]
    assert check.problems(folder) == []


def test_what_is_read_at_run_time_is_what_the_check_reads():
    """The light reader and pydantic give equal objects."""
    from pydantic import TypeAdapter

    text = (files.folder() / "cards.json").read_text(encoding="utf-8")
    assert TypeAdapter(list[ev.Card]).validate_json(text) == ev.cards()
    read = [TypeAdapter(list[ev.Record]).validate_json(p.read_text(encoding="utf-8")) for p in files.record_files()]
    assert [r for part in read for r in part] == ev.records()


def test_reading_is_light_and_quick():
    """Neither pandas nor pydantic nor a YAML parser; half a second is far above what it takes (0.05 s)."""
    code = (
        "import sys, time; import mitoferry as mf; t = time.process_time(); "
        "n = len(mf.evidence.records()) + len(mf.evidence.cards()); "
        "print(n, time.process_time() - t, [m for m in ('pandas', 'numpy', 'pydantic', 'ruamel', 'rich') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split(maxsplit=2)
    assert said[0] == "1139"
    assert float(said[1]) < 0.5
    assert said[2].strip() == "[]"


# ---------------------------------------------------------------------- one, and many
def test_one_by_its_name():
    record = ev.record("bagheri2020-087")
    assert (record.review, record.study, record.observable) == ("bagheri2020", "bagheri2020:ref47", "mitochondrial_transfer")
    assert str(record.donor) == "mesenchymal stem cell (MSC), human, bone marrow, coculture"
    card = ev.card("msc-huvec-ogd")
    assert card.arm("coculture_transwell").basis == "natural_control"
    assert card.arm("nothing") is None
    assert ev.finding("msc-huvec-ogd#5").versus == "injured_alone"
    assert ev.finding("msc-huvec-ogd#5").card == "msc-huvec-ogd"
    with pytest.raises(AttributeError):
        record.id = "other"


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda: ev.record("bagheri2020-0087"), "bagheri2020-008"),
        (lambda: ev.card("msc-huvec-odg"), "msc-huvec-ogd"),
        (lambda: ev.finding("msc-huvec-ogd#99"), "msc-huvec-ogd#9"),
        (lambda: ev.find(kind="experimet"), "experiment"),
        (lambda: ev.find(route=["tnt", "gapjunction"]), "gap_junction"),
        (lambda: ev.find_cards(system="hart"), "bone"),
        (lambda: ev.findings(direction="witheld"), "withheld"),
        (lambda: ev.find(study="bagheri2020:ref470"), "bagheri2020:ref47"),
        (lambda: ev.links("nanotube_serch"), "nanotube_search"),
    ],
)
def test_a_wrong_name_gives_the_nearest(call, near):
    with pytest.raises(InputError, match="wanted") as error:
        call()
    assert near in str(error.value)
    assert error.value.exit_code == 2


def test_all_wrong_choices_are_told_at_once():
    with pytest.raises(InputError) as error:
        ev.find(kind="x", route="y", system="z")
    assert len(error.value.problems) == 3


def test_find_without_a_question_is_everything():
    table = ev.find()
    assert list(table["id"]) == [r.id for r in ev.records()]
    assert len(ev.find_cards()) == 164
    assert len(ev.findings()) == 577
    assert "withheld" in table.attrs["caution"]


def test_choices_are_met_by_every_row_and_miss_none():
    table = ev.find(review="bagheri2020", kind="experiment", route=["tnt", "ev"])
    wanted = [r.id for r in ev.records() if r.review == "bagheri2020" and r.kind == "experiment" and {"tnt", "ev"} & set(r.route)]
    assert 0 < len(wanted) < 975
    assert list(table["id"]) == wanted
    assert set(ev.find(direction="decrease")["direction"]) == {"decrease"}
    assert set(ev.find(card="msc-huvec-ogd")["id"]) == set(ev.card("msc-huvec-ogd").evidence)
    on_heart = {x for c in ev.cards() if c.system == "cardiac" for x in c.evidence}
    assert set(ev.find(system="cardiac")["id"]) == on_heart
    assert set(ev.find(study="bagheri2020:ref47")["id"]) == {r.id for r in ev.records() if r.study == "bagheri2020:ref47"}
    assert len(ev.find(milieu="clinical")) == sum("clinical" in r.milieu for r in ev.records()) > 0
    assert len(ev.find(simulable="not_simulable")) > 0
    assert len(ev.find(about="zebrafish unicorn")) == 0
    assert list(ev.find(about="zebrafish unicorn").columns) == list(table.columns)


def test_choices_of_cards_and_findings():
    assert set(ev.find_cards(simulable="not_simulable")["key"]) == {c.key for c in ev.cards() if c.simulable == "not_simulable"}
    with_both = ev.find_cards(observable="apoptosis", direction="decrease")["key"]
    assert "msc-huvec-ogd" in set(with_both)
    for key in with_both:  # both in one finding
        assert any((f.observable, f.direction) == ("apoptosis", "decrease") for f in ev.card(key).expect)
    withheld = ev.findings(direction="withheld")
    assert len(withheld) == 89
    assert set(ev.findings(card="msc-huvec-ogd")["id"]) == {f.id for f in ev.card("msc-huvec-ogd").expect}
    assert set(ev.findings(observable="tnt_number", system="lung")["system"]) == {"lung"}


@pytest.mark.parametrize(
    "same",
    [
        ("CX43", "connexin 43", "connexin43", "Connexin-43", "GJA1", "cx43"),
        ("Miro1", "RHOT1", "MIRO1"),
        ("TNT", "nanotube", "tunneling nanotubes", "Tunnelling-Nanotube"),
        ("TNF-alpha", "TNF-α", "tnf alpha"),
    ],
)
def test_words_for_the_same_thing_find_the_same(same):
    found = [tuple(r.id for r in search.select_records(about=word)) for word in same]
    assert found[0]
    assert len(set(found)) == 1


def test_words_are_words():
    """ "ROS" is not in "neurosphere", "complex I" not in "complex III"; several words must all occur."""
    assert not words.contains("neurosphere", "ros")
    assert words.contains("more ros here", "ros")
    assert not words.contains("complex iii", "complex i")
    assert words.contains("tnts appear", "tnt")
    lung, both = ({r.id for r in search.select_records(about=w)} for w in ("lung", "CX43 lung"))
    assert both == lung & {r.id for r in search.select_records(about="CX43")}
    assert 0 < len(both) < len(lung)


# ---------------------------------------------------------------------- links
def test_every_term_of_a_card_is_mapped_to_mechanisms_that_there_are_or_says_why_not():
    known = mechanisms()
    used = {term for c in ev.cards() for term in c.physics_needed}
    assert used == set(files.physics())
    for term, p in files.physics().items():
        assert set(p.mechanisms) <= set(known), term
        assert p.mechanisms or p.note, term
    for concept in files.concepts():
        assert set(concept.mechanisms) <= set(known), concept.words


def test_every_card_that_can_be_simulated_needs_a_mechanism():
    for card in ev.cards():
        assert card.simulable == "not_simulable" or evidence_links.mechanisms_needed(card), card.key


def test_every_manipulation_of_an_arm_acts_on_a_mechanism_or_is_listed():
    targets = {a.manipulation.target for c in ev.cards() for a in c.arms if a.manipulation}
    without = {t for t in targets if not any(c.mechanisms for c in words.concepts_in(t))}
    assert without == WITHOUT_MECHANISM


def test_links_lead_both_ways():
    for card in ev.cards():
        of_card = ev.links(card.key)
        assert set(card.evidence) <= set(of_card.records)
        assert of_card.experiments == ((card.key,) if card.key in shipped() else ())
        for name in of_card.records:
            assert card.key in ev.links(name).cards
        for name in of_card.mechanisms:
            assert card.key in evidence_links.cards_of_mechanism(name)
    for name in mechanisms():
        of_mechanism = ev.links(name)
        for key in of_mechanism.cards:
            assert name in ev.links(key).mechanisms
        for finding in of_mechanism.findings:
            assert name in ev.links(finding).mechanisms
        assert set(of_mechanism.experiments) == set(of_mechanism.cards) & set(shipped())


def test_links_of_each_kind():
    record = ev.links("bagheri2020-087")
    assert (record.kind, record.cards, record.experiments) == ("record", ("msc-huvec-ogd",), ("msc-huvec-ogd",))
    assert record.findings == ("msc-huvec-ogd#3",)
    assert "nanotube_search.capture_probability" in record.parameters
    mechanism = ev.links("nanotube_search")
    assert mechanism.parameters
    assert all(p.startswith("nanotube_search.") for p in mechanism.parameters)
    assert "bagheri2020-087" in mechanism.records
    assert ev.links("nanotube_search.capture_probability").cards == mechanism.cards
    assert ev.links("nanotube_search.capture_probability").parameters == ("nanotube_search.capture_probability",)
    finding = ev.links("msc-huvec-ogd#8")  # annexin V
    assert finding.records == ev.finding("msc-huvec-ogd#8").evidence
    assert "nanotube_search" in finding.mechanisms
    assert "energetics" not in finding.mechanisms
    experiment = ev.links("route-gap-junction")
    assert experiment.kind == "experiment"
    assert "gap_junction" in experiment.mechanisms
    assert "vesicle_fate" not in experiment.mechanisms  # switched off there


def test_uses_are_read_from_the_file():
    uses = ev.links("msc-huvec-ogd").uses()["msc-huvec-ogd"]
    assert {"nanotube_search", "energetics"} <= set(uses.runs)
    assert "immune_attack" not in uses.runs
    assert "nanotube_search" in uses.acted_on["annexin_v"]


def test_a_broad_concept_counts_only_what_the_card_needs():
    transwell = ev.card("msc-huvec-ogd").arm("coculture_transwell")
    assert words.mechanisms_changed(transwell, ("nanotube_search",)) == {"nanotube_search"}
    assert words.mechanisms_changed(transwell, ()) == frozenset()


# ---------------------------------------------------------------------- what is printed
def test_a_table_shows_what_is_found_with_the_caution():
    said = evidence_text(about="CX43", route=["gap_junction"], limit=3)
    assert "bagheri2020-104" in said
    n = len(search.select_records(about="CX43", route="gap_junction"))
    assert f"{n} records, 3 of them shown (--limit {n} shows all)" in said
    assert "Caution:" in said
    assert "of them shown" not in evidence_text(about="CX43", limit=1000)
    assert "No records fit" in evidence_text(about="unicorn")
    assert max(map(len, said.splitlines())) <= 120


def test_json_of_tables():
    rows = json.loads(evidence_text(cards=True, system=["cardiac"], as_json=True))
    assert [r["key"] for r in rows] == list(ev.find_cards(system="cardiac")["key"])
    rows = json.loads(evidence_text(findings=True, direction=["withheld"], as_json=True, limit=5))
    assert len(rows) == 5
    assert len(json.loads(evidence_text(as_json=True))) == 975


def test_a_record_is_printed_whole():
    said = item_text("bagheri2020-087")
    record = ev.record("bagheri2020-087")
    flat = " ".join(said.split())
    for text in (record.statement, record.where, record.comparator, record.stressor, "J Transl Med", "mitoferry show msc-huvec-ogd"):
        assert text in flat
    assert "Caution:" in said


@pytest.mark.parametrize("key", [c.key for c in ev.cards()])
def test_a_card_is_printed_whole(key):
    card = ev.card(key)
    flat = " ".join(item_text(key).split())
    for arm in card.arms:
        assert arm.name in flat
    assert flat.count("natural control") == sum(a.basis == "natural_control" for a in card.arms)
    for f in card.expect:
        assert f"#{f.id.rpartition('#')[2]} {f.observable}" in flat
    for text in (card.conflicts, card.simulable_note):
        assert text is None or " ".join(text.split()) in flat
    assert ("known from a cited title only" in flat) == card.title_only


def test_a_finding_a_mechanism_and_json_of_one():
    assert "against coculture" in item_text("msc-huvec-ogd#8")
    said = item_text("gap_junction")
    assert "ipsc-msc-asthma#9" in said
    whole = json.loads(item_text("msc-huvec-ogd", as_json=True, uses=True))
    assert whole["card"]["key"] == whole["links"]["name"] == "msc-huvec-ogd"
    assert "energetics" in whole["uses"]["msc-huvec-ogd"]["runs"]
    assert "IN THE FILES" in item_text("bagheri2020-087", uses=True)


def test_explain_lists_cards_and_findings_of_the_reviews():
    said = explain_text("gap_junction", curves=False)
    assert "WHAT THE REVIEWS REPORT" in said
    assert "ipsc-msc-asthma#9: tnt_number decrease" in " ".join(said.split())
    assert mechanism_text("dye") == "No card of the reviews needs it."
    for name in mechanisms():
        assert mechanism_text(name)


@pytest.mark.parametrize(
    ("name", "choices", "more", "said"),
    [
        (None, {}, {"cards": True, "findings": True}, "--findings"),
        (None, {"kind": ["experiment"]}, {"cards": True}, "--kind"),
        ("msc-huvec-ogd", {"about": "CX43"}, {}, "--about"),
        (None, {}, {"uses": True}, "--uses"),
        ("connexin43-of-mice", {}, {}, "connexin43"),
        (None, {"route": ["gap_junctions"]}, {}, "gap_junction"),
    ],
)
def test_options_that_do_not_go_together_are_errors(name, choices, more, said):
    with pytest.raises(InputError) as error:
        asked_text(name, choices, **more)
    assert said in str(error.value)


def test_the_check_from_the_command_line_says_what_there_is():
    assert "975 records of 3 reviews, 164 cards" in asked_text(None, {}, check=True)


def test_the_command_answers_soon_and_exits_with_2_on_bad_names():
    from runs import mitoferry

    start = time.monotonic()
    assert "msc-huvec-ogd#10" not in mitoferry("evidence", "--about", "CX43", "--route", "gap_junction").stdout
    assert time.monotonic() - start < 30.0  # a second by itself, on a machine that may be busy
    assert "bagheri2020-087" in mitoferry("evidence", "bagheri2020-0877", code=2).stderr
    assert "experiment" in mitoferry("evidence", "--kind", "experimet,mechanism", code=2).stderr
    rows = json.loads(mitoferry("evidence", "--kind", "clinical,method", "--json").stdout)
    assert {r["kind"] for r in rows} == {"clinical", "method"}
