"""Contradictions of the reviews: the registry, its experiments, and what the board makes of them."""

import json
from dataclasses import replace

import pytest
import test_board_robustness as fakes
from test_board_page import Page
from test_board_robustness import laboratory  # noqa: F401 - a fixture
from typer.testing import CliRunner

from mitoferry.base.errors import InputError
from mitoferry.evidence import check, conflicts, files
from mitoferry.experiment.reader import load_experiment, shipped
from mitoferry.experiment.resolve import resolve
from mitoferry.show.board.page import board_html
from mitoferry.show.board.terminal import conflict_lines
from mitoferry.show.cli import app
from mitoferry.studies.board import conflicts as board_conflicts
from mitoferry.studies.board import plan, reproduce, work
from mitoferry.studies.board.model import read_board
from mitoferry.studies.board.plan import Job
from mitoferry.studies.board.setting import cost_of
from mitoferry.studies.board.work import run_jobs
from mitoferry.studies.run import start_run

KEYS = [c.key for c in conflicts()]
COST = 3e8
"""Mitochondrion-steps of the costliest: half a minute of one thread."""


# ---------------------------------------------------------------------- the registry and its experiments
def test_every_conflict_has_an_experiment_and_every_experiment_a_conflict():
    assert {n for n in shipped() if n.startswith("conflict-")} == set(KEYS)
    assert {p.parent.name for n, p in shipped().items() if n.startswith("conflict-")} == {"conflicts"}


@pytest.mark.parametrize("conflict", conflicts(), ids=KEYS)
def test_every_reading_is_run(conflict):
    """Findings of a reading bear its letter; records that the registry names stand in the notes; no parameter is set.

    Fault seen to fail it: a finding of reading c where there are only a and b.
    """
    e = load_experiment(conflict.key)
    letters = [f.finding.partition("#")[2][0] for f in e.expect]
    assert set(letters) == {r.letter for r in conflict.readings}
    assert all(f.finding.startswith(f"{conflict.key}#") for f in e.expect)
    assert len({f.finding for f in e.expect}) == len(e.expect)
    assert not e.parameters, "readings are arms, not values"
    assert len(e.arms) >= 4
    notes = " ".join(e.notes.split())
    for r in conflict.readings:
        assert f"Reading {r.letter}" in notes
        assert any(name in notes for name in r.records)
    studies = {files.records()[name].study for r in conflict.readings for name in r.records}
    assert studies & set(e.sources)


@pytest.mark.parametrize("key", KEYS)
def test_they_are_small(key):
    assert cost_of(resolve(load_experiment(key))) <= COST


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"letter": "b"', '"letter": "a"', "readings a, b"), ("msc-huvec-ogd", "msc-huvec-ogdd", "keys of cards"),
        ("tnt2020-075", "tnt2020-975", "ids of records"), ('"conflict-direction"', '"direction"', "begins with conflict-"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_registry_is_said(tmp_path, before, after, says):
    import shutil

    shutil.copytree(files.folder(), tmp_path / "data")
    path = tmp_path / "data" / "conflicts.json"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert any(says in str(p) for p in check.problems(tmp_path / "data"))


# ---------------------------------------------------------------------- on the board
def write_conflict(job, out):
    """A fake plate for a conflict: the arms of the fake card, held against readings of our own."""
    expect = [
        {"finding": f"{job.card}#a1", "observable": "mitochondrial_transfer", "of": "recipient", "arm": "coculture",
         "versus": "coculture_uninjured", "direction": "increase"},
        {"finding": f"{job.card}#b1", "observable": "mitochondrial_transfer", "of": "recipient", "arm": "coculture",
         "versus": "coculture_uninjured", "direction": "decrease"},
    ]  # fmt: skip
    spec = fakes.fake_run.fake_spec(replicates=3, arms=fakes.ARMS, title=job.card)
    experiment = {"title": "fake", "arms": dict.fromkeys(fakes.ARMS), "expect": expect}
    fakes.fake_run.make_run(out, spec=spec, experiment=experiment, frames=False)


@pytest.fixture(scope="module")
def contested(laboratory, tmp_path_factory):  # noqa: F811
    """A board on which two of the conflicts were run."""
    folder = fakes.begun(tmp_path_factory.mktemp("contested") / "board")
    jobs = [Job(card=k, arms=fakes.ARMS, replicates=3, seed=1, cost=1.0) for k in KEYS[:2]]
    with pytest.MonkeyPatch.context() as m:
        m.setattr("mitoferry.studies.run.start_run", lambda job, out, *_, **__: write_conflict(job, out))
        m.setattr(reproduce, "conflict_jobs", lambda wells, seed: jobs)
        told = []
        board = reproduce.run_conflicts(folder, workers=1, begin=lambda r: lambda d: told.append((r.title, d.job.card)))
    assert told == [("conflicts", k) for k in sorted(KEYS[:2])] or told == [("conflicts", k) for k in KEYS[:2]]
    return folder, board


def test_verdicts_of_readings(contested):
    """Fault seen to fail it, planted in a copy of the package: every finding under every reading."""
    folder, board = contested
    assert [c.key for c in board.conflicts] == KEYS
    first = board.conflicts[0]
    assert {r.letter: [(f.id, f.verdict) for f in r.findings] for r in first.readings} == {
        "a": [(f"{first.key}#a1", "reproduced")],
        "b": [(f"{first.key}#b1", "opposite")],
    }
    assert first.wells == 3
    assert board.conflicts[2].why == board_conflicts.NOT_RUN
    assert read_board(folder).conflicts == board.conflicts
    assert not any(f.id.startswith("conflict-") for _, f in board.findings), "they count in no total"


def test_a_board_without_conflicts_is_read(contested, tmp_path):
    """Boards that were written before there were any."""
    plain = json.loads((contested[0] / "board.json").read_text())
    del plain["conflicts"]
    (tmp_path / "board.json").write_text(json.dumps(plain))
    assert read_board(tmp_path).conflicts == ()


def test_readings_on_the_page_and_in_the_terminal(contested):
    folder, board = contested
    text = board_html(board, folder)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert "Where the reviews contradict each other" in text
    for c, shown in zip(conflicts(), board.conflicts, strict=True):
        assert f'id="{c.key}"' in text
        for r in shown.readings:
            assert r.needs.split(",")[0] in text
            assert all(f.id in text for f in r.findings)
    lines = "\n".join(conflict_lines(board))
    assert "would have to be true: " in lines
    assert f"{KEYS[0]}#b1" in lines
    assert "opposite" in lines


def test_the_whole_field_runs_them_and_a_part_does_not(laboratory, tmp_path, monkeypatch):  # noqa: F811
    """Fault seen to fail it, planted in a copy of the package: conflicts run with every board."""
    titles = []
    monkeypatch.setattr(reproduce, "conflict_jobs", lambda wells, seed: [Job(card=KEYS[0], arms=fakes.ARMS, replicates=3, seed=1)])

    def begin(r):
        titles.append(r.title)
        return lambda d: None

    asked = reproduce.Asked(setting=fakes.QUICK, seed=1, cards=(fakes.CARD,))
    reproduce.reproduce(tmp_path / "part", asked, workers=1, begin=begin)
    assert titles == ["cards"]
    monkeypatch.setattr(reproduce, "known_cards", lambda: {fakes.CARD: plan.known_cards()[fakes.CARD]})
    reproduce.reproduce(tmp_path / "part", asked, workers=1, begin=begin)
    assert titles == ["cards", "cards", "conflicts"]


def test_boards_that_will_not_do(contested, tmp_path, monkeypatch):
    run = CliRunner().invoke
    assert isinstance(run(app, ["board", "conflicts", str(tmp_path / "none")]).exception, InputError)
    assert isinstance(run(app, ["board", "conflicts", str(contested[0]), "--workers", "0"]).exception, InputError)
    monkeypatch.setattr(reproduce, "model_digest", lambda: "another")
    with pytest.raises(InputError, match="begin a new board"):
        reproduce.run_conflicts(contested[0], workers=1)


@pytest.mark.long
def test_a_conflict_runs_as_a_plate_of_the_board(tmp_path, monkeypatch):
    """One of them in earnest: two arms, two wells."""
    monkeypatch.setattr(work, "spec_of", plan.spec_of)
    monkeypatch.setattr("mitoferry.studies.run.start_run", start_run)
    job = next(j for j in board_conflicts.conflict_jobs(2, seed=1) if j.card == "conflict-direction")
    assert run_jobs([replace(job, arms=("coculture", "recipient_injured"), replicates=2)], tmp_path, workers=1)[0].error == ""
    found = next(c for c in board_conflicts.judged_conflicts(tmp_path) if c.key == job.card)
    assert found.wells == 2
    assert not found.why
    assert {r.letter for r in found.readings if r.findings} == {"a", "b"}
