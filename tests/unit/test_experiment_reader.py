# ruff: noqa: PT017, E501
"""Reading experiment files: every problem at once, with line, key and the nearest name; nothing hostile gets through."""

from __future__ import annotations

import os

import pytest

from mitoferry.base.errors import InputError
from mitoferry.experiment.reader import check_experiment, load_experiment, parse_experiment, shipped
from mitoferry.experiment.template import new_experiment_text
from mitoferry.experiment.tree import read_tree

GOOD = """\
schema: mitoferry/experiment@1
title: A test
well: {size: 300 um}
cells:
  recipient: {type: huvec, count: 10}
  donor: {type: bm_msc, count: 5, added: 4 h}
injury:
  - {do: oxygen_glucose_deprivation, from: 0 h, until: 4 h}
arms:
  injured_alone: {without: [donor]}
  coculture: {}
measure:
  - {assay: annexin_pi, at: [8 h]}
run: {until: 8 h}
expect:
  - {finding: x#1, observable: apoptosis, arm: coculture, versus: injured_alone, direction: decrease}
"""


def problems_of(text: str) -> list:
    try:
        parse_experiment(text, "test.yaml")
    except InputError as error:
        assert error.exit_code == 2
        assert error.problems
        return error.problems
    return []


def only(text: str, key: str):
    found = [p for p in problems_of(text) if p.key == key]
    assert len(found) == 1, problems_of(text)
    return found[0]


def test_a_good_file():
    experiment = parse_experiment(GOOD, "test.yaml", name="test")
    assert experiment.name == "test"
    assert list(experiment.plans) == ["injured_alone", "coculture"]
    assert list(experiment.plans["injured_alone"].cells) == ["recipient"]


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "hint"),
    [
        ("count: 10", "cuont: 10", "cells.recipient.cuont", 5, "'count'"),
        ("type: huvec", "type: hvec", "cells.recipient.type", 5, "'huvec'"),
        ("count: 10", "count: -3", "cells.recipient.count", 5, ""),
        ("count: 10", "count: 1.5", "cells.recipient.count", 5, ""),
        ("count: 10", "count: many", "cells.recipient.count", 5, ""),
        ("count: 10", "count: 10, density: 1e5 1/cm^2", "cells.recipient", 5, ""),
        ("size: 300 um", "size: 300", "well.size", 3, "never guessed"),
        ("size: 300 um", "size: 300 nM", "well.size", 3, ""),
        ("size: 300 um", "size: -300 um", "well.size", 3, ""),
        ("size: 300 um", "size: [300 um]", "well.size", 3, ""),
        ("size: 300 um", "size: 10 um", "well.size", 3, ""),
        ("size: 300 um", "size: 50 um", "well.size", 3, "enlarge"),
        ("size: 300 um", "size: 300 um, kind: dsh", "well.kind", 3, "'dish'"),
        ("size: 300 um", "size: 300 um, kind: block, insert: {pore: 1 um}", "well.insert", 3, ""),
        ("size: 300 um", "size: 300 um, kind: insert", "well.kind", 3, "holds: donor"),
        ("size: 300 um", "size: 300 um, insert: {pore: 1 mm}", "well.insert.pore", 3, ""),
        ("size: 300 um", "size: 300 um, insert: {holds: dnor}", "well.insert.holds", 3, "'donor'"),
        ("size: 300 um", "size: 300 um, medium: {glucose: 5 uL}", "well.medium.glucose", 3, ""),
        ("size: 300 um", "size: 300 um, medium: {glucos: 5 mM}", "well.medium.glucos", 3, "'glucose'"),
        ("size: 300 um", "size: 300 um, medium: {oxygen: 300 %}", "well.medium.oxygen", 3, ""),
        ("added: 4 h", "added: 9 h", "cells.donor.added", 6, ""),
        ("added: 4 h", "rho0: maybe", "cells.donor.rho0", 6, ""),
        ("added: 4 h", "haplotypes: {m.3243A>G: 80 %, m.8344A>G: 30 %}", "cells.donor", 6, ""),
        ("added: 4 h", "overrides: {sped: 1}", "cells.donor.overrides.sped", 6, "'speed'"),
        ("added: 4 h", "overrides: {speed: 1 kg}", "cells.donor.overrides.speed", 6, ""),
        ("added: 4 h", "overrides: {mtdna: 2000, mitochondria: 5}", "cells.donor.overrides", 6, ""),
        ("oxygen_glucose_deprivation", "oxygen_glucos_deprivation", "injury[0].do", 8, "'oxygen_glucose_deprivation'"),
        ("until: 4 h}", "until: 0 h}", "injury[0].until", 8, ""),
        ("from: 0 h, until: 4 h", "from: 10 h", "injury[0].from", 8, ""),
        ("until: 4 h}", "until: 4 h, dose: 3 kg}", "injury[0].dose", 8, ""),
        ("until: 4 h}", "until: 4 h, on: recipent}", "injury[0].on", 8, "'recipient'"),
        ("without: [donor]", "without: [dnor]", "arms.injured_alone.without[0]", 10, "'donor'"),
        ("without: [donor]", "without: [donor], like: cocultur", "arms.injured_alone.like", 10, "'coculture'"),
        ("without: [donor]", "wihtout: [donor]", "arms.injured_alone.wihtout", 10, "'without'"),
        ("coculture: {}", "coculture: {cells: {dnor: {count: 3}}}", "arms.coculture.cells.dnor", 11, "'donor'"),
        ("coculture: {}", "coculture: {cells: {donor: {cuont: 3}}}", "arms.coculture.cells.donor.cuont", 11, "'count'"),
        ("coculture: {}", "coculture: {injury: {rotenone: {dose: 1 uM}}}", "arms.coculture.injury.rotenone", 11, "oxygen"),
        ("coculture: {}", "coculture: {treat: [{drug: citochalasin_b}]}", "arms.coculture.treat[0].drug", 11, "'cytochalasin_b'"),
        ("coculture: {}", "coculture: {treat: [{drug: tnfaip2_kd}]}", "arms.coculture.treat[0].drug", 11, "gene"),
        ("coculture: {}", "coculture: {treat: [{drug: nac, dose: 5}]}", "arms.coculture.treat[0].dose", 11, "never guessed"),
        ("coculture: {}", "coculture: {treat: [{drug: nac, from: 8 h}]}", "arms.coculture.treat[0].from", 11, ""),
        ("coculture: {}", "coculture: {treat: [{drug: nac, wash: true}]}", "arms.coculture.treat[0]", 11, ""),
        ("coculture: {}", "coculture: {treat: [{gene: miro1, change: knockdwn}]}", "arms.coculture.treat[0].change", 11, "'knockdown'"),
        ("coculture: {}", "coculture: {treat: [{gene: mro1, change: knockdown}]}", "arms.coculture.treat[0].gene", 11, "'miro1'"),
        ("coculture: {}", "coculture: {treat: [{gene: parkin, change: overexpression}]}", "arms.coculture.treat[0].gene", 11, "knockout"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: msc, per_cell: 10}}]}", "arms.coculture.treat[0].mitochondria.type", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_mcs, per_cell: 10}}]}", "arms.coculture.treat[0].mitochondria.type", 11, "'bm_msc'"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc}}]}", "arms.coculture.treat[0].mitochondria", 11, "per_cell: 100"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, per_cell: 10, count: 5}}]}", "arms.coculture.treat[0].mitochondria", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, per_cell: 5 mM}}]}", "arms.coculture.treat[0].mitochondria.per_cell", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 0}}]}", "arms.coculture.treat[0].mitochondria.count", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5, viability: 140 %}}]}", "arms.coculture.treat[0].mitochondria.viability", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5, centrifugation: 15}}]}", "arms.coculture.treat[0].mitochondria.centrifugation", 11, "never guessed"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5, washout: 30 min}}]}", "arms.coculture.treat[0].mitochondria.washout", 11, "until"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: erythrocyte, count: 5}}]}", "arms.coculture.treat[0].mitochondria.type", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5, viabilty: 1}}]}", "arms.coculture.treat[0].mitochondria.viabilty", 11, "'viability'"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5, haplotypes: {a: 80 %, b: 30 %}}}]}", "arms.coculture.treat[0].mitochondria", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5}, on: donor}]}", "arms.coculture.treat[0]", 11, "reach every cell"),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5}, from: 9 h}]}", "arms.coculture.treat[0].from", 11, ""),
        ("coculture: {}", "coculture: {treat: [{mitochondria: {type: bm_msc, count: 5}, wash: true}]}", "arms.coculture.treat[0]", 11, ""),
        ("coculture: {}", "coculture: {treat: [{medium: {}}]}", "arms.coculture.treat[0].medium", 11, ""),
        ("coculture: {}", "coculture: {without: [donor, recipient]}", "arms.coculture", 11, ""),
        ("coculture: {}", "2nd: {}", "arms.2nd", 11, ""),
        ("annexin_pi", "anexin_pi", "measure[0].assay", 13, "'annexin_pi'"),
        ("at: [8 h]", "at: [8 h, 9 h]", "measure[0].at[1]", 13, ""),
        ("at: [8 h]", "at: [8 h], every: 1 h", "measure[0]", 13, ""),
        ("at: [8 h]", "at: [8 h], of: recipent", "measure[0].of", 13, "'recipient'"),
        ("at: [8 h]", "at: [8 h], options: {gatte: 1}", "measure[0].options.gatte", 13, "'gate'"),
        ("at: [8 h]", "every: 0 h", "measure[0].every", 13, ""),
        ("at: [8 h]", "every: 0.001 s", "measure", 12, "less often"),
        ("until: 8 h}", "until: 8 h, replicates: 0}", "run.replicates", 14, ""),
        ("until: 8 h}", "until: 8 h, seed: -1}", "run.seed", 14, ""),
        ("until: 8 h}", "until: 8 h, clocks: {mitochondria: 90 s}}", "run.clocks.mitochondria", 14, ""),
        ("until: 8 h}", "untill: 8 h}", "run.untill", 14, "'until'"),
        ("arm: coculture,", "arm: cocultur,", "expect[0].arm", 16, "'coculture'"),
        ("versus: injured_alone", "versus: injured", "expect[0].versus", 16, "'injured_alone'"),
        ("observable: apoptosis", "observable: apoptose", "expect[0].observable", 16, "'apoptosis'"),
        ("observable: apoptosis", "observable: ros", "expect[0].observable", 16, "dcf"),
        ("direction: decrease", "direction: down", "expect[0].direction", 16, ""),
        ("title: A test", "title: [a]", "title", 2, ""),
        ("title: A test", "titel: A test", "titel", 2, "'title'"),
        ("experiment@1", "experiment@9", "schema", 1, "experiment@1"),
        ("title: A test", "title: A test\nparameters: {death.foo: 1}", "parameters.death.foo", 3, ""),
        ("title: A test", "title: A test\nswitches: {mitofagy: off}", "switches.mitofagy", 3, "'mitophagy'"),
    ],
)  # fmt: skip
def test_each_problem_has_its_line_key_and_hint(old, new, key, line, hint):
    assert old in GOOD
    problem = only(GOOD.replace(old, new, 1), key)
    assert problem.line == line
    assert problem.where == "test.yaml"
    assert problem.wanted
    assert problem.found
    assert hint in problem.hint


def test_all_problems_come_at_once_in_the_order_of_the_file():
    text = (
        GOOD.replace("type: huvec", "type: hvec")
        .replace("size: 300 um", "size: 300")
        .replace("until: 4 h}", "until: 0 h}")
        .replace("without: [donor]", "without: [dnor]")
        .replace("annexin_pi", "anexin_pi")
        .replace("direction: decrease", "direction: down")
        .replace("title: A test", "title: A test\ncolour: red")
    )
    found = problems_of(text)
    keys = [p.key for p in found]
    assert keys == ["colour", "well.size", "cells.recipient.type", "injury[0].until", "arms.injured_alone.without[0]", "measure[0].assay", "expect[0].direction"]  # fmt: skip
    assert [p.line for p in found] == sorted(p.line for p in found)
    message = str(InputError(found))
    assert "test.yaml:4: well.size: wanted" in message


def test_a_wrong_part_does_not_make_its_name_unknown():
    keys = [p.key for p in problems_of(GOOD.replace("count: 5", "count: -5"))]
    assert keys == ["cells.donor.count"]


def test_problems_of_the_base_are_told_once_not_per_arm():
    assert len(problems_of(GOOD.replace("type: huvec", "type: hvec"))) == 1


@pytest.mark.parametrize("arms", ["a: {like: a}", "a: {like: b}\n  b: {like: a}", "a: {like: b}\n  b: {like: c}\n  c: {like: b}"])
def test_cyclic_arms(arms):
    found = problems_of(GOOD.split("arms:")[0] + f"arms:\n  {arms}\nrun: {{until: 8 h}}\n")
    assert found
    assert all("circle" in p.found and p.key.endswith(".like") for p in found)


def test_crowded_wells_are_told_with_their_arm():
    problem = only(GOOD.replace("coculture: {}", "coculture: {cells: {donor: {count: 5000}}}"), "well.size")
    assert "coculture" in problem.found


@pytest.mark.parametrize("count", ["99999999999999999999", "50000001", "1e30", "0x7fffffffffffffff"])
def test_absurd_counts(count):
    assert problems_of(GOOD.replace("count: 10", f"count: {count}"))


def test_absurd_sizes():
    assert only(GOOD.replace("size: 300 um", "size: 1e9 m"), "well.size")
    found = problems_of(GOOD.replace("count: 10", "density: 1e9 1/cm^2").replace("300 um", "90 cm"))
    assert [p.key for p in found if "fewer than" in p.wanted]


# ---------------------------------------------------------------------- files
def test_unknown_names_and_missing_files(tmp_path):
    with pytest.raises(InputError, match="'msc-huvec-ogd'"):
        load_experiment("msc-huvec-odg")
    for path in (tmp_path / "none.yaml", tmp_path, "\0", "x" * 5000, "/proc/self/mem"):
        assert check_experiment(path)


def test_a_file_by_its_path(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    assert load_experiment(file).name == "mine"
    assert check_experiment(file) == []
    file.write_bytes(b"\xff\xfe\x00bad")
    assert check_experiment(file)
    file.write_text("title: x\n" * 200_000)
    assert "KB" in check_experiment(file)[0].wanted


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    file.chmod(0)
    assert check_experiment(file)


def test_pipes_are_not_read(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert "pipe" in check_experiment(pipe)[0].found


# ---------------------------------------------------------------------- hostile YAML
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- a\n- b\n",
        "a: [1, 2",
        "a: 1\n b: 2",
        "\t- x",
        BOMB,
        "a: &x {b: *x}",
        "a: &anchor 1",
        "base: &b {x: 1}\nc: {<<: *b}",
        "a: !!python/object/apply:os.system ['true']",
        "a: !custom 1",
        "%YAML 1.1\n---\na: 1",
        "a: 1\n---\nb: 2",
        "[" * 5000,
        "{a: " * 5000,
        "a: " + "[" * 100 + "]" * 100,
        "x: [" + "1," * 60_000 + "]",
        "a: " + "y" * 30_000,
        "? [a, b]\n: 1",
        "1: 2",
        "null: 2",
        "true: 2",
        "a: 1\na: 2",
        "a: 0x" + "f" * 5000,
        "a: " + "9" * 5000,
        "a: .inf\nb: .nan",
        "\x00",
        "a: \ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        "&a : *a",
        "a: 2001-01-01",
        "'<<': 1",
        ": 1",
        "'': 1",
    ],
)
def test_hostile_or_broken_yaml_is_refused_with_a_message(text):
    found = problems_of(text)
    assert found
    assert all(p.key and p.wanted and p.found for p in found)


def test_repeated_keys_name_both_lines():
    text = GOOD + "title: again\n"
    problem = only(text, "title")
    assert problem.line == len(text.splitlines())
    assert "line 2" in problem.found


def test_templates_pass_their_checks():
    for name in ("my-study", "", 'quote " and \n line', "a: b # c", "{x}", "ü–漢"):
        assert problems_of(new_experiment_text(name)) == []


def test_numbers_are_yaml_1_2():
    experiment = parse_experiment(GOOD.replace("count: 10", "count: 1_0, role: recipient").replace("count: 5", "density: 1e3 1/mm^2"))
    assert experiment.cells["recipient"].count == 10
    assert experiment.cells["donor"].density.value == pytest.approx(1e5)


def test_shipped_files_are_sound():
    assert len(shipped()) >= 7
    for name in shipped():
        assert check_experiment(name) == []


def test_a_text_is_read_as_yaml_reads_it():
    """What is built from the screened events is what the parser builds."""
    from ruamel.yaml import YAML

    for name in ("msc-huvec-ogd", "one-nanotube", "tissue-infarct"):
        text = shipped()[name].read_text(encoding="utf-8")
        tree, problems = read_tree(text, name)
        assert not problems
        assert tree == YAML(typ="safe", pure=True).load(text)
        lines = text.splitlines()
        for key, place in tree.places.items():
            assert lines[place.line - 1].startswith(f"{key}:")


def test_a_new_file_in_a_folder_is_shipped(tmp_path, monkeypatch):
    """Fault seen to fail it, planted in a copy of the package: the list is made once per process."""
    from mitoferry.experiment import reader

    folder = tmp_path / "experiments" / "learning"
    folder.mkdir(parents=True)
    monkeypatch.setattr(reader.resources, "files", lambda package: tmp_path)
    (folder / "b.yaml").write_text("")
    os.utime(folder, ns=(1, 1))
    assert list(shipped()) == ["b"]
    (folder / "a.yaml").write_text("")
    assert shipped() == {"a": folder / "a.yaml", "b": folder / "b.yaml"}
    (folder.parent / "more").mkdir()
    (folder.parent / "more" / "c.yaml").write_text("")
    assert list(shipped()) == ["a", "b", "c"]
