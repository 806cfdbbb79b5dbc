"""Verdicts that hinge on a parameter: rules, screening, one at a time, designs, files; on run folders without a simulation.

In the fake plate transfer rises with ``nanotube_search.capture_probability``; at the low end nothing is handed over. What
``death.potential_half`` does is small, ``mitophagy.basal_rate`` does nothing.
"""

import json
import math
import shutil
import sys
from dataclasses import replace

import fake_run
import numpy as np
import pytest
from typer.testing import CliRunner

from mitoferry.base.errors import InputError
from mitoferry.library.parameters import load_parameters
from mitoferry.show.board.page import board_html
from mitoferry.show.board.robustness import report
from mitoferry.show.board.terminal import remarks
from mitoferry.show.cli import app
from mitoferry.studies.board import reproduce, robustness, subject, work
from mitoferry.studies.board.hinges import RISE, Reading, moved, read_hinges, turned
from mitoferry.studies.board.plan import Job, PlannedCard
from mitoferry.studies.board.sensitivity import analysed, design
from mitoferry.studies.board.setting import QUICK
from mitoferry.studies.board.subject import Probe
from mitoferry.studies.rules import NOT_REPRODUCED, NOT_TESTED, OPPOSITE, REPRODUCED, UNDECIDED

CARD = "msc-huvec-ogd"
CAPTURE = "nanotube_search.capture_probability"
MOVED = ("nanotube_search.capture_probability", "death.potential_half", "mitophagy.basal_rate")
TRANSFER, PRESENT, SURVIVAL = f"{CARD}#2", f"{CARD}#3", f"{CARD}#6"
ARMS = ("recipient_alone", "injured_alone", "coculture", "coculture_uninjured")
EXPECT = [e for e in fake_run.EXPECT if {e["arm"], e["versus"]} <= {*ARMS, None} and e["direction"] != "restore"]
JOB = Job(card=CARD, arms=ARMS, replicates=3, seed=7, cost=1.0)


def strength(parameters):
    """How much of its transfer the fake plate does, 1 at the values of the library."""
    record = load_parameters()[CAPTURE]
    low, value = record.range[0], record.value
    return min(max((parameters.get(CAPTURE, value) - low) / (value - low), 0.0), 2.0)


PLATES = {}
"""Fake plates that were made already: many variants give the same one."""


def write_plate(job, out):
    """The fake plate of a job."""
    s = round(strength(job.parameters), 2)
    loss = 1.001 if job.parameters.get("death.potential_half", 90.0) > 90.0 else 1.0
    key = (s, loss, job.replicates, job.seed, job.arms)
    if key in PLATES:
        shutil.copytree(PLATES[key], out)
        return
    arms = {n: (d, i, t * s, (0.46 - (0.46 - x) * min(s, 1.0) if t and i else x) * loss) for n, (d, i, t, x) in fake_run.ARMS.items()}
    with pytest.MonkeyPatch.context() as m:
        m.setattr(fake_run, "ARMS", arms)
        spec = fake_run.fake_spec(replicates=job.replicates, seed=job.seed, arms=job.arms, title=CARD)
        experiment = {"title": "fake", "arms": dict.fromkeys(ARMS), "expect": EXPECT}
        fake_run.make_run(out, spec=spec, experiment=experiment, frames=False, hours=fake_run.HOURS)
    PLATES[key] = out


@pytest.fixture(scope="module")
def laboratory():
    """Jobs give fake plates; three parameters may be moved."""
    made = []

    def start(job, out, *_, **__):
        made.append(job)
        write_plate(job, out)

    records = {n: replace(load_parameters()[n], tag="C") for n in MOVED}
    planned = [PlannedCard(key=CARD, status="run", job=JOB, cost=1.0)]
    with pytest.MonkeyPatch.context() as m:
        m.setattr(work, "spec_of", lambda job: job)
        m.setattr("mitoferry.studies.run.start_run", start)
        m.setattr(reproduce, "plan_cards", lambda keys, setting, seed: planned)
        m.setattr(robustness, "find", lambda pattern: [r for n, r in records.items() if pattern in n])
        m.setattr(robustness, "mechanisms_of", lambda key: ("nanotube_search", "death", "mitophagy", "motion"))
        yield made


def begun(folder):
    reproduce.claim(folder, reproduce.Asked(setting=QUICK, seed=1, cards=(CARD,)))
    write_plate(JOB, folder / "runs" / CARD / "base")
    return folder


@pytest.fixture(scope="module")
def probed(laboratory, tmp_path_factory):
    """A board on which the card was probed one at a time, and what was found."""
    folder = begun(tmp_path_factory.mktemp("probed") / "board")
    board = robustness.robustness(folder, [CARD], Probe(), workers=1)
    return folder, board, json.loads((folder / "robustness" / f"{CARD}.json").read_text())


def of(found, finding):
    return next(r for r in found["findings"] if r["finding"] == finding)


# ---------------------------------------------------------------------- rules
def reading(state, effect=1.0, low=0.5, high=1.5, direction="increase", margin=0.1):
    return Reading(direction=direction, state=state, effect=effect, low=low, high=high, margin=margin)


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        (reading(REPRODUCED), reading(REPRODUCED, 0.1), False), (reading(REPRODUCED), reading(NOT_REPRODUCED, 0.0), True),
        (reading(OPPOSITE, -1.0), reading(REPRODUCED), True), (reading(NOT_REPRODUCED, 0.0), reading(OPPOSITE, -0.2), False),
        (reading(REPRODUCED), reading(UNDECIDED, 0.9, -0.1), False), (reading(REPRODUCED), reading(UNDECIDED, 0.4), True),
        (reading(UNDECIDED, -0.1), reading(REPRODUCED), True), (reading(UNDECIDED, 0.9), reading(REPRODUCED), False),
        (reading(REPRODUCED), reading(UNDECIDED, math.nan), False), (reading(REPRODUCED), reading(NOT_TESTED), False),
        (reading(RISE), reading("fall", -1.0), True), (reading(NOT_REPRODUCED, 0.001), reading(UNDECIDED, 0.3), False),
        (reading(REPRODUCED, 0.02, direction="no_change"), reading(UNDECIDED, 0.05, direction="no_change"), False),
        (reading(REPRODUCED, 0.02, direction="no_change"), reading(UNDECIDED, -0.2, direction="no_change"), True),
    ],
)  # fmt: skip
def test_when_a_verdict_turns(before, after, turns):
    """Fault seen to fail it, planted in a copy of the package: every change to undecided counts."""
    assert turned(before, after) is turns


def test_what_the_screening_keeps():
    base = reading(REPRODUCED, 1.0, 0.8, 1.2)
    assert not moved(base, reading(REPRODUCED, 1.15))
    assert moved(base, reading(REPRODUCED, 1.25))
    assert moved(base, reading(UNDECIDED, 1.0))
    assert not moved(reading(UNDECIDED, 0.1, -1.0, 1.2), reading(UNDECIDED, 0.5)), "within half of the half-width"
    assert moved(base, reading(REPRODUCED, math.nan))


# ---------------------------------------------------------------------- one at a time
def test_a_verdict_hinges_on_the_parameter_that_turns_it_and_on_no_other(probed):
    """Faults seen to fail it, planted in a copy of the package: both ends set to the value of the library; hinges never written."""
    folder, board, found = probed
    for finding in (TRANSFER, PRESENT, SURVIVAL):
        assert of(found, finding)["hinges"] == [CAPTURE]
    hinges = json.loads((folder / "hinges.json").read_text())
    assert hinges[TRANSFER] == [CAPTURE]
    assert {n for names in hinges.values() for n in names} == {CAPTURE}
    low = next(e for e in of(found, TRANSFER)["effects"] if (e["parameter"], e["end"]) == (CAPTURE, "low"))
    assert low["turned"]
    assert low["value"] == load_parameters()[CAPTURE].range[0]
    assert abs(low["effect"]) < 0.1 * of(found, TRANSFER)["effect"]
    marked = {f.id: f.hinges for _, f in board.findings}
    assert marked[TRANSFER] == (CAPTURE,)
    assert "1 of 3 parameters" in board.cards[0].probed


def test_mechanisms_that_move_nothing_are_left_out(probed):
    """Fault seen to fail it, planted in a copy of the package: the groups drawn at the values of the library."""
    _, _, found = probed
    kept = {row["mechanism"]: row["kept"] for row in found["screening"]}
    assert kept == {"nanotube_search": True, "death": False, "mitophagy": False}
    assert found["kept"] == [CAPTURE]
    assert any("draw" in why and CARD in why for row in found["screening"] for why in row["why"])


def test_variants_are_paired_with_the_base_plate(probed, laboratory):
    folder = probed[0]
    ours = {j.variant: j for j in laboratory if (folder / "runs" / CARD / j.variant).exists()}
    ends = [ours[f"oat-{CAPTURE}-{end}"] for end in ("low", "high")]
    assert all((j.seed, j.replicates, j.arms) == (JOB.seed, JOB.replicates, JOB.arms) for j in ends)
    assert [list(j.parameters) for j in ends] == [[CAPTURE], [CAPTURE]]
    assert ours["oat-chance-0"].seed != JOB.seed
    assert not ours["oat-chance-0"].parameters
    groups = [j for v, j in ours.items() if v.startswith("group-mitophagy")]
    assert len({j.parameters["mitophagy.basal_rate"] for j in groups}) == subject.GROUP_DRAWS
    assert all(set(j.parameters) == {"mitophagy.basal_rate"} for j in groups)


def test_what_is_finished_is_not_run_again(probed, laboratory):
    """Fault seen to fail it, planted in a copy of the package: variants named by a running number of the call."""
    folder = probed[0]
    before = len(laboratory)
    robustness.robustness(folder, [CARD], Probe(), workers=1)
    assert len(laboratory) == before
    robustness.robustness(folder, [CARD], Probe(everything=True), workers=1)
    new = sorted(j.variant for j in laboratory[before:])
    assert new == sorted(f"oat-{n}-{end}" for n in MOVED for end in ("low", "high") if n != CAPTURE)
    found = json.loads((folder / "robustness" / f"{CARD}.json").read_text())
    assert set(found["kept"]) == set(MOVED)
    assert of(found, TRANSFER)["hinges"] == [CAPTURE]


def test_hinges_that_another_pattern_found_stay(laboratory, tmp_path):
    folder = begun(tmp_path / "board")
    robustness.robustness(folder, [CARD], Probe(pattern="capture", everything=True), workers=1)
    robustness.robustness(folder, [CARD], Probe(pattern="mitophagy", everything=True), workers=1)
    assert json.loads((folder / "hinges.json").read_text())[TRANSFER] == [CAPTURE]


def test_other_wells_are_other_plates(laboratory, tmp_path):
    folder = begun(tmp_path / "board")
    robustness.robustness(folder, [CARD], Probe(pattern="capture", wells=2, everything=True), workers=1)
    runs = {p.name for p in (folder / "runs" / CARD).iterdir()}
    assert f"oat-{CAPTURE}-low-2w" in runs
    assert "oat-library-2w" in runs
    assert f"oat-{CAPTURE}-low" not in runs


def test_a_verdict_that_turns_in_fresh_wells_hinges_on_nothing(laboratory, tmp_path, monkeypatch):
    """Fault seen to fail it, planted in a copy of the package: hinges written whatever the fresh wells say."""
    folder = begun(tmp_path / "board")

    def start(job, out, *_, **__):
        fresh = "chance" in job.variant
        write_plate(replace(job, parameters={CAPTURE: load_parameters()[CAPTURE].range[0]}) if fresh else job, out)

    monkeypatch.setattr("mitoferry.studies.run.start_run", start)
    robustness.robustness(folder, [CARD], Probe(pattern="capture", everything=True), workers=1)
    found = json.loads((folder / "robustness" / f"{CARD}.json").read_text())
    assert of(found, TRANSFER)["by_chance"]
    assert not of(found, TRANSFER)["hinges"]
    assert any(e["turned"] for e in of(found, TRANSFER)["effects"]), "the effects are there all the same"
    assert json.loads((folder / "hinges.json").read_text()) == {}


def test_what_failed_is_said(laboratory, tmp_path, monkeypatch):
    folder = begun(tmp_path / "board")

    def start(job, out, *_, **__):
        if job.variant.endswith("low"):
            raise ValueError("no such luck")
        write_plate(job, out)

    monkeypatch.setattr("mitoferry.studies.run.start_run", start)
    robustness.robustness(folder, [CARD], Probe(pattern="capture", everything=True), workers=1)
    found = json.loads((folder / "robustness" / f"{CARD}.json").read_text())
    assert found["failed"] == [f"{CAPTURE} at its low end"]


def test_hinges_come_along_when_shares_are_put_together(probed, tmp_path):
    """Fault seen to fail it, planted in a copy of the package: the folder of results not copied."""
    folder = probed[0]
    board = reproduce.judge(folder, reproduce.read_asked(folder))
    whole = reproduce.merge([folder], tmp_path / "whole")
    assert read_hinges(tmp_path / "whole") == read_hinges(folder)
    assert whole.cards[0].probed == board.cards[0].probed != ""
    assert {f.id: f.hinges for _, f in whole.findings} == {f.id: f.hinges for _, f in board.findings}


def test_all_cards_of_a_board_when_none_is_named(laboratory, tmp_path, monkeypatch):
    """Cards that were not run, or that use nothing that may be moved, are passed over; a second one without a run is not an error."""
    other = PlannedCard(key="msc-np-il1b", status="run", job=replace(JOB, card="msc-np-il1b"), cost=1.0)
    idle = PlannedCard(key="one-nanotube", status="run", job=replace(JOB, card="one-nanotube"), cost=1.0)
    every = [PlannedCard(key=CARD, status="run", job=JOB, cost=1.0), other, idle]
    monkeypatch.setattr(robustness, "plan_of", lambda asked: every)
    monkeypatch.setattr(robustness, "mechanisms_of", lambda key: ("nanotube_search",) if key == CARD else ())
    monkeypatch.setattr(robustness, "judge", lambda *_: "judged")
    reproduce.claim(tmp_path / "new", reproduce.Asked(setting=QUICK, seed=1, cards=(CARD,)))
    with pytest.raises(InputError, match="one card or more"):
        robustness.robustness(tmp_path / "new", [], Probe(), workers=1)
    folder = begun(tmp_path / "board")
    write_plate(idle.job, folder / "runs" / idle.key / "base")
    assert robustness.robustness(folder, [], Probe(pattern="capture", everything=True), workers=1) == "judged"
    assert [p.name for p in (folder / "robustness").iterdir()] == [f"{CARD}.json"]
    monkeypatch.setattr(robustness, "mechanisms_of", lambda key: ())
    with pytest.raises(InputError, match="none in any"):
        robustness.robustness(folder, [], Probe(pattern="capture", everything=True), workers=1)


def test_where_nothing_matters_nothing_is_left(laboratory, tmp_path):
    folder = begun(tmp_path / "board")
    robustness.robustness(folder, [CARD], Probe(pattern="mitophagy"), workers=1)
    robustness.robustness(folder, [CARD], Probe(pattern="mitophagy", method="morris"), workers=1)
    found = [json.loads((folder / "robustness" / f"{CARD}{name}.json").read_text()) for name in ("", "-morris")]
    assert [x["kept"] for x in found] == [[], []]
    assert of(found[1], TRANSFER)["why_not"] == "the screening left no parameter"
    assert not any(p.name.startswith(("oat-mitophagy", "morris")) for p in (folder / "runs" / CARD).iterdir())


# ---------------------------------------------------------------------- designs
@pytest.mark.parametrize(("method", "n"), [("morris", 10), ("sobol", 512)])
def test_designs_know_a_linear_function(method, n):
    """y = 3 a + b: mu* 3 and 1, sigma 0; Sobol shares 0.9 and 0.1, first order and total alike."""
    names = ["a", "b", "none"]
    table = design(method, names, n, 1)
    assert table.min() >= 0.0
    assert table.max() <= 1.0
    found = {s.parameter: s for s in analysed(method, names, table, 3 * table[:, 0] + table[:, 1], 1)}
    mains = [3.0, 1.0, 0.0] if method == "morris" else [0.9, 0.1, 0.0]
    others = [0.0, 0.0, 0.0] if method == "morris" else mains
    assert [found[k].main for k in names] == pytest.approx(mains, abs=1e-6 if method == "morris" else 0.02)
    assert [found[k].other for k in names] == pytest.approx(others, abs=1e-6 if method == "morris" else 0.02)


def test_sobol_indices_of_the_ishigami_function():
    """Against the closed form (a = 7, b = 0.1): S = 0.3139, 0.4424, 0; totals 0.5576, 0.4424, 0.2437."""
    names = ["x1", "x2", "x3"]
    table = design("sobol", names, 2048, 3)
    x = math.pi * (2 * table - 1)
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = {s.parameter: s for s in analysed("sobol", names, table, y, 3)}
    assert [found[k].main for k in names] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.04)
    assert [found[k].other for k in names] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.04)


def test_designs_over_plates(probed, laboratory, tmp_path):
    """The parameter that carries the transfer comes first, with nearly all of the effect; the same design is not run twice."""
    folder = begun(tmp_path / "board")
    probe = Probe(method="morris", trajectories=2, everything=True)
    robustness.robustness(folder, [CARD], probe, workers=1)
    before = len(laboratory)
    robustness.robustness(folder, [CARD], probe, workers=1)
    assert len(laboratory) == before
    found = json.loads((folder / "robustness" / f"{CARD}-morris.json").read_text())
    assert "8 plates" in found["words"]
    first, *rest = of(found, TRANSFER)["sensitivity"]
    assert first["parameter"] == CAPTURE
    assert all(x["main"] < 0.05 * first["main"] for x in rest)
    assert of(found, f"{CARD}#1")["why_not"] == "no effect in every plate", "a share of the flow has no contrast"
    assert not (folder / "hinges.json").exists()


def test_without_salib_it_says_how_to_get_it(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "SALib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "SALib", None)
    with pytest.raises(InputError, match=r"mitoferry\[uq\]"):
        Probe(method="morris").checked()
    assert Probe().checked() == Probe(), "one at a time needs nothing"


# ---------------------------------------------------------------------- what is wrong
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "fast"}, "morris, sobol"), ({"tags": ("X",)}, "M, O, C, S, F"), ({"tags": ()}, "found none"),
        ({"wells": 1}, "no interval"), ({"pattern": "deth.potential_half"}, "death.potential_half"), ({"trajectories": 4}, "a design"),
        ({"method": "sobol", "trajectories": 12}, "power of two"), ({"method": "morris", "trajectories": 1}, "2 or more"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(changes, says):
    with pytest.raises(InputError, match=says):
        Probe(**changes).checked()


def test_cards_and_boards_that_will_not_do(laboratory, tmp_path, monkeypatch):
    folder = begun(tmp_path / "board")
    with pytest.raises(InputError, match="Did you mean"):
        robustness.robustness(folder, ["msc-huvec-ogdd"], Probe(), workers=1)
    with pytest.raises(InputError, match="a parameter with the tag S"):
        robustness.robustness(folder, [CARD], Probe(tags=("S",)), workers=1)
    monkeypatch.setattr(reproduce, "model_digest", lambda: "another")
    with pytest.raises(InputError, match="begin a new board"):
        robustness.robustness(folder, [CARD], Probe(), workers=1)
    with pytest.raises(InputError, match="folder of a board"):
        robustness.robustness(tmp_path / "none", [CARD], Probe(), workers=1)
    monkeypatch.undo()


def test_a_card_that_was_not_run(laboratory, tmp_path):
    folder = tmp_path / "board"
    reproduce.claim(folder, reproduce.Asked(setting=QUICK, seed=1, cards=(CARD,)))
    with pytest.raises(InputError, match="its run is not there"):
        robustness.robustness(folder, [CARD], Probe(), workers=1)


# ---------------------------------------------------------------------- for people
def test_marks_on_the_page_and_in_the_table(probed):
    folder, board, found = probed
    text = board_html(board, folder)
    assert f"⇄ hinges on <code>{CAPTURE}</code>" in text
    assert 'data-hinges="some"' in text
    assert 'id="hinges"' in text
    assert "Looked for hinges: 1 of 3 parameters" in text
    assert any("turn when a single parameter is moved" in line for line in remarks(board))
    from rich.console import Console

    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for part in report(found):
        console.print(part)
    shown = console.export_text()
    assert CAPTURE in shown
    assert "left out by the screening: death, mitophagy" in shown


def test_the_command(laboratory, tmp_path):
    folder = begun(tmp_path / "board")
    run = CliRunner().invoke
    done = run(app, ["board", "robustness", str(folder), CARD, "--parameters", "capture", "--all", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert "1 of 1 parameters" in " ".join(done.output.split())
    assert CAPTURE in (folder / "board.html").read_text()
    for wrong in (["--wells", "1"], ["--workers", "0"], ["--method", "fast"], ["--trajectories", "1"]):
        assert isinstance(run(app, ["board", "robustness", str(folder), CARD, *wrong]).exception, InputError)
