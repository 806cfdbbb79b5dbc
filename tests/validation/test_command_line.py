"""The command line: every command, exit codes, and messages without a traceback. Nothing here runs a simulation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from fake_run import make_run

from runs import TINY, mitoferry, tiny

COMMANDS = (
    "run",
    "resume",
    "list",
    "explain",
    "evidence",
    "show",
    "check",
    "estimate",
    "new",
    "report",
    "contrast",
    "parameters",
    "schema",
    "export",
    "doctor",
    "bench",
    "version",
)
HEAVY = (
    "numpy",
    "numba",
    "pandas",
    "pydantic",
    "scipy",
    "pyarrow",
    "zarr",
    "matplotlib",
    "plotly",
    "pint",
    "ruamel",
    "rich",
    "jinja2",
    "PIL",
)
SHIPPED = (
    "msc-huvec-ogd",
    "ipsc-msc-cornea-rotenone",
    "wjmsc-melas-rotenone",
    "msc-np-il1b",
    "one-nanotube",
    "density-series",
    "virtual-seahorse",
    "route-gap-junction",
    "route-bridge",
    "route-cell-fusion",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, written without simulating."""
    return make_run(tmp_path_factory.mktemp("fake") / "run")


def test_help_names_every_command_and_every_command_has_help():
    said = mitoferry("--help").stdout
    for command in COMMANDS:
        assert f"  {command} " in said, command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command):
    assert "Usage:" in mitoferry(command, "--help").stdout


@pytest.mark.parametrize(
    ("code", "allowed"),
    [("import mitoferry", ()), ("import mitoferry; dir(mitoferry); mitoferry.__version__", ()),
     ("import sys; sys.argv = ['mitoferry', '--help']; import mitoferry.show.cli as c\ntry: c.main()\nexcept SystemExit: pass", ())],
    ids=["import", "dir", "--help"],
)  # fmt: skip
def test_what_is_imported(code, allowed):
    code += f"\nimport sys; sys.stderr.write(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == list(allowed)


# ---------------------------------------------------------------------- commands that read
def test_list_show_version():
    said = mitoferry("list").stdout
    assert all(name in said for name in SHIPPED)
    card = mitoferry("show", "msc-huvec-ogd").stdout
    assert "coculture_annexin_v" in card
    assert "bagheri2020:ref47" in card or "ref 47" in card
    assert "huvec" in mitoferry("show", "celltype", "huvec").stdout.lower()
    assert "cytochalasin" in mitoferry("show", "drug", "cytochalasin_b").stdout.lower()
    assert "flow" in mitoferry("show", "assay", "flow_mitochondria").stdout.lower()
    assert mitoferry("version").stdout.strip()[0].isdigit()


def test_list_of_a_kind_and_explain():
    said = mitoferry("list").stdout
    assert "mitoferry list mechanisms|celltypes" in said
    assert "a549_rho0 " in mitoferry("list", "celltypes").stdout
    assert {"name", "about", "dose"} <= set(json.loads(mitoferry("list", "drugs", "--json").stdout)[0])
    assert "nanotube_search.capture_probability" in mitoferry("explain", "nanotube_search").stdout
    assert "'celltypes'" in mitoferry("list", "celltype", code=2).stderr
    assert "nanotube_search" in mitoferry("explain", "nanotube_serch", code=2).stderr


def test_parameters_of_a_pattern():
    said = mitoferry("parameters", "capture_probability").stdout
    assert "nanotube_search.capture_probability" in said
    assert "diffusion." not in said
    records = json.loads(mitoferry("parameters", "nanotube_search", "--json").stdout)
    text = json.dumps(records)
    for word in ("value", "unit", "range", "tag", "source"):
        assert f'"{word}"' in text
    assert "nanotube_search.capture_probability" in text


def test_schema_is_json_and_doctor_says_what_is_here():
    assert "properties" in json.loads(mitoferry("schema").stdout)
    said = mitoferry("doctor").stdout
    for word in ("Python", "cores", "memory", "kernel cache", "cuda", "numba"):
        assert word in said


def test_estimate_and_wells_needed(tmp_path):
    said = mitoferry("estimate", tiny(tmp_path), "--effect", 1, "--sd", 1).stdout
    for word in ("memory", "disk", "time"):
        assert word in said
    assert said.strip().endswith(": 16")  # 2 (1.96 + 0.84)^2 = 15.7
    assert "--sd" in mitoferry("estimate", tiny(tmp_path), "--effect", 1, code=2).stderr


def test_contrast_in_words_and_json(run):
    words = (run, "apoptosis", "--arm", "coculture", "--versus", "injured_alone")
    assert "n" in mitoferry("contrast", *words).stdout
    found = json.loads(mitoferry("contrast", *words, "--json").stdout)
    assert isinstance(found, dict)
    assert any("interval" in key or key in ("low", "high") for key in found), found


@pytest.mark.parametrize(
    "words",
    [("apoptosis", "--arm", "cocultur", "--versus", "injured_alone"), ("apoptosi", "--arm", "coculture", "--versus", "injured_alone"),
     ("apoptosis", "--arm", "coculture", "--versus", "injured_alone", "--of", "donors"),
     ("apoptosis", "--arm", "coculture", "--versus", "injured_alone", "--at", "later")],
)  # fmt: skip
def test_contrast_of_what_is_not_there(run, words):
    assert mitoferry("contrast", run, *words, code=2).stderr.startswith("mitoferry: ")


def test_report_again(run):
    said = mitoferry("report", run).stdout.strip()
    assert Path(said).name == "report.html"
    assert Path(said).exists()


# ---------------------------------------------------------------------- commands that write
def test_new_checks_out_and_never_overwrites(tmp_path):
    assert "wrote" in mitoferry("new", "my-study", cwd=tmp_path).stdout
    assert "no problems" in mitoferry("check", "my-study.yaml", cwd=tmp_path).stdout
    before = (tmp_path / "my-study.yaml").read_bytes()
    mitoferry("new", "my-study", cwd=tmp_path, code=2)
    mitoferry("new", "other", "--out", "my-study.yaml", cwd=tmp_path, code=2)
    assert (tmp_path / "my-study.yaml").read_bytes() == before
    mitoferry("new", "nowhere/my-study", cwd=tmp_path, code=2)
    assert [p.name for p in tmp_path.iterdir()] == ["my-study.yaml"]


def test_export_sbml_writes_prints_and_never_overwrites(tmp_path):
    from xml.etree import ElementTree

    assert mitoferry("export", "sbml", "--cell-type", "bm_msc", "--out", "x.xml", cwd=tmp_path).stdout.strip() == "wrote x.xml"
    before = (tmp_path / "x.xml").read_bytes()
    assert "x.xml" in mitoferry("export", "sbml", "--cell-type", "huvec", "--out", "x.xml", cwd=tmp_path, code=2).stderr
    assert (tmp_path / "x.xml").read_bytes() == before
    printed = mitoferry("export", "sbml", "--cell-type", "bm_msc", cwd=tmp_path).stdout
    assert printed.encode() == before
    assert ElementTree.fromstring(before).tag == "{http://www.sbml.org/sbml/level3/version1/core}sbml"
    changed = mitoferry(
        "export", "sbml", "--cell-type", "bm_msc", "--set", "energetics.adp_half=0.1", "--set", "oxygen_use=6", cwd=tmp_path
    )
    assert 'value="0.1" units="mM"' in changed.stdout
    mitoferry("export", "sbml", "--cell-type", "bm_msc", "--out", "nowhere/x.xml", cwd=tmp_path, code=2)
    assert [p.name for p in tmp_path.iterdir()] == ["x.xml"]


def test_a_broken_file_is_told_with_every_problem_and_line(tmp_path):
    text = TINY.replace("size: 60 um", "size: 60 s").replace("type: huvec", "type: huvek").replace("count: 2, added", "count: -2, added")
    text = text.replace("measure:", "mesure: []\nmeasure:")
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    for command in ("check", "run", "estimate"):
        said = mitoferry(command, path, code=2, cwd=tmp_path).stderr
        for n, word in ((3, "size"), (5, "huvec"), (6, "count"), (11, "measure")):
            assert any(f"broken.yaml:{n}:" in line and word in line for line in said.splitlines()), (n, word, said)
    assert [p.name for p in tmp_path.iterdir()] == ["broken.yaml"]


# ---------------------------------------------------------------------- bad input: exit code 2, nothing changed
@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("run", "msc-huvec-ogt"), "msc-huvec-ogd"),
        (("show", "msc-huvec-ogt"), "msc-huvec-ogd"),
        (("check", "msc-huvec-ogt"), "msc-huvec-ogd"),
        (("estimate", "one-nanotub"), "one-nanotube"),
        (("run", "missing.yaml"), "missing.yaml"),
        (("run", "one-nanotube", "--set", "cells.doner.count=3"), "donor"),
        (("run", "one-nanotube", "--set", "nanotube_search.capture_probabilty=0.2"), "nanotube_search.capture_probability"),
        (("run", "one-nanotube", "--set", "run.untill=3 h"), "until"),
        (("run", "one-nanotube", "--set", "run.until=3 um"), "run.until"),
        (("run", "one-nanotube", "--set", "run.until"), "path=value"),
        (("run", "one-nanotube", "--replicates", "-3"), "replicates"),
        (("run", "one-nanotube", "--replicates", "0"), "replicates"),
        (("run", "one-nanotube", "--replicates", "many"), "replicates"),
        (("run", "one-nanotube", "--seed", "-1"), "seed"),
        (("run", "one-nanotube", "--threads", "0"), "threads"),
        (("run", "one-nanotube", "--backend", "gpu"), "reference | cpu | cuda"),
        (("run", "one-nanotube", "--backend", "gpu", "--out", "there"), "cuda"),
        (("run", "msc-huvec-ogd", "--set", "cells.recipient.count=16000000", "--set", "well.size=20 cm"), "memory"),
        (("run", "one-nanotube", "--set", "well.size=-3 um"), "well.size"),
        (("run",), "EXPERIMENT"),
        (("rum", "one-nanotube"), "rum"),
        (("run", "one-nanotube", "--replicas", "3"), "--replic"),
        (("resume", "nowhere"), "no such folder"),
        (("report", "nowhere"), "nowhere"),
        (("contrast", "nowhere", "apoptosis", "--arm", "a", "--versus", "b"), "nowhere"),
        (("show", "celltype", "huvek"), "huvec"),
        (("show", "drug", "cytochalasin"), "cytochalasin_b"),
        (("show", "assay", "flow"), "flow_mitochondria"),
        (("export", "sbml", "--cell-type", "huvek"), "huvec"),
        (("export", "sbml", "--cell-type", "huvec", "--set", "energetics.adp_hal=1"), "energetics.adp_half"),
        (("export", "sbml", "--cell-type", "huvec", "--set", "energetics.adp_half=nan"), "finite"),
        (("export", "sbml", "--cell-type", "huvec", "--set", "energetics.adp_half=low"), "PARAMETER=VALUE"),
        (("export", "sbml", "--cell-type", "huvec", "--set", "nanotube_search.capture_probability=0.1"), "energetics"),
        (("export", "sbml", "--cell-type", "huvec", "--set", "mitochondria=0"), "mitochondria"),
        (("export", "sbml"), "--cell-type"),
        (("export", "smbl"), "sbml"),
    ],
)  # fmt: skip
def test_refused(words, hint, tmp_path):
    said = mitoferry(*words, code=2, cwd=tmp_path).stderr
    assert hint in said, said
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_a_run_or_anything_is_not_touched(run, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("years of work", encoding="utf-8")
    file = tmp_path / "a file"
    file.write_text("x", encoding="utf-8")
    for out in (run, full, file, file / "below"):
        where = run if out is run else tmp_path
        before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in where.rglob("*")}
        said = mitoferry("run", "one-nanotube", "--out", out, code=2, cwd=tmp_path).stderr
        assert "--out" in said
        assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in where.rglob("*")} == before


def test_cuda_where_there_is_none_says_so(tmp_path):
    from mitoferry.backends.cuda import available

    reason = available()
    if not reason:
        pytest.skip("a GPU is there")
    said = mitoferry("run", "one-nanotube", "--backend", "cuda", "--out", tmp_path / "run", code=1).stderr
    assert said.startswith("mitoferry: ") or "mitoferry: " in said
    assert not (tmp_path / "run").exists()
