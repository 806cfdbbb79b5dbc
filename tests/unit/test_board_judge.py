"""From runs to a board: verdicts over wells and draws, what carried an effect, ceilings, files; on run folders without a simulation."""

import json
import math
from dataclasses import replace
from pathlib import Path

import fake_run
import numpy as np
import pandas as pd
import pytest

from mitoferry.assays import load_assays
from mitoferry.base.errors import InputError
from mitoferry.studies.board import judge, reproduce, work
from mitoferry.studies.board.carried import (
    CARRIERS,
    KINDS,
    READ_TRANSFER,
    CarriedCount,
    carried_by,
    carried_counts,
    carriers_of,
    flowing,
    may_be_carried,
)
from mitoferry.studies.board.ceiling import ceiling_of, doomed_reached
from mitoferry.studies.board.combined import Combined, Part, as_replicates
from mitoferry.studies.board.compare import compared
from mitoferry.studies.board.model import CarriedShare, board_from_plain, read_board, write_board
from mitoferry.studies.board.plan import Borrowed, Job, PlannedCard, known_cards
from mitoferry.studies.board.setting import QUICK
from mitoferry.studies.results import Results
from mitoferry.studies.rules import NOT_TESTED, REPRODUCED, UNDECIDED

CARD = "msc-huvec-ogd"
JOB = Job(card=CARD, arms=tuple(fake_run.ARMS), replicates=4, seed=7, cost=1.0)
PLANNED = PlannedCard(key=CARD, status="run", job=JOB, cost=1.0)


def make(folder, **spec):
    experiment = {"title": "fake", "arms": dict.fromkeys(fake_run.ARMS), "expect": fake_run.EXPECT}
    return fake_run.make_run(folder, spec=fake_run.fake_spec(title=CARD, **spec), experiment=experiment, frames=False)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """A board with a base run, four draws, and a run without nanotubes in which little is handed over."""
    folder = tmp_path_factory.mktemp("board")
    runs = folder / "runs" / CARD
    make(runs / "base")
    for k in range(4):
        make(runs / f"draw-{k:03d}", replicates=1, seed=100 + k)
    arms = {name: (donors, injured, 0.1 * moved, lost) for name, (donors, injured, moved, lost) in fake_run.ARMS.items()}
    with pytest.MonkeyPatch.context() as m:
        m.setattr(fake_run, "ARMS", arms)
        make(runs / "without-nanotubes")
    return folder


@pytest.fixture(scope="module")
def card(board):
    return judge.judged_card(known_cards()[CARD], PLANNED, board)


def finding(card, n):
    return next(f for f in card.findings if f.id == f"{CARD}#{n}")


# ---------------------------------------------------------------------- several runs as one
def test_runs_become_replicates(board):
    """Fault seen to fail it, planted in a copy of the package: replicates of later runs keep their numbers and overwrite."""
    runs = [Results(p) for p in sorted((board / "runs" / CARD).glob("draw-*"))]
    joined = as_replicates(runs)
    assert joined.names.replicates == 4
    one = joined.wells("apoptosis", arm="coculture").values
    assert one == {k: r.wells("apoptosis", arm="coculture").values[0] for k, r in enumerate(runs)}
    assert joined.names.arms == runs[0].names.arms
    assert len(joined.events()) == sum(len(r.events()) for r in runs)
    assert as_replicates([]) is None


def test_an_arm_of_another_card(tmp_path):
    """An arm that another card ran stands under its name here; what the other card ran besides does not."""
    mine = Results(make(tmp_path / "mine", arms=("coculture", "coculture_transwell")))
    theirs = Results(make(tmp_path / "theirs", arms=("injured_alone", "recipient_alone"), seed=7))
    both = Combined([Part(mine), Part(theirs, {"recipient_alone": "injured_alone"})])
    assert set(both.names.arms) == {"coculture", "coculture_transwell", "injured_alone"}
    assert both.wells("apoptosis", arm="injured_alone").values == theirs.wells("apoptosis", arm="recipient_alone").values
    assert both.contrast("apoptosis", arm="coculture", versus="injured_alone").n == 4
    assert "injured_alone" not in both.left_out


def test_a_borrowed_arm_is_read_from_the_other_card(tmp_path):
    make(tmp_path / "runs" / "other" / "base", arms=("injured_alone",))
    make(tmp_path / "runs" / CARD / "base", arms=("coculture", "recipient_alone"))
    planned = replace(PLANNED, borrowed=(Borrowed(arm="injured_alone", card="other", their_arm="injured_alone"),))
    with_it = judge.judged_card(known_cards()[CARD], planned, tmp_path)
    assert finding(with_it, 5).verdict == REPRODUCED
    assert with_it.borrowed == {"injured_alone": "other: injured_alone"}
    assert finding(judge.judged_card(known_cards()[CARD], PLANNED, tmp_path), 5).verdict == NOT_TESTED


# ---------------------------------------------------------------------- verdicts
def test_the_verdict_that_counts_is_the_one_over_draws(card):
    f = finding(card, 5)
    assert card.wells == 4
    assert card.draws == 4
    assert f.over_wells == REPRODUCED
    assert f.over_draws.n == 4
    assert f.verdict == f.over_draws.verdict
    assert f.reason == f.over_draws.reason
    assert f.over_draws.low < f.over_draws.difference < f.over_draws.high < 0
    assert f.over_draws.share_with_sign == 1.0
    assert f.sign_probability > 0.9


def test_every_finding_of_the_card_is_there_in_order(card):
    assert [f.id for f in card.findings] == [f.id for f in known_cards()[CARD].expect]
    missing = finding(card, 4)
    assert missing.verdict == NOT_TESTED
    assert "does not hold this finding" in missing.reason


def test_a_card_without_a_run_keeps_its_place(tmp_path):
    for planned, failed, status, why in (
        (PLANNED, "", "not run", "not there"),
        (PLANNED, "a disk was full", "failed", "disk was full"),
        (PlannedCard(key=CARD, status="over budget", why="too large"), "", "over budget", "too large"),
        (PlannedCard(key=CARD, status="not simulable", why="no such thing"), "", "not simulable", "no such thing"),
    ):
        card = judge.judged_card(known_cards()[CARD], planned, tmp_path, failed=failed)
        assert card.status == status
        assert why in card.why
        assert {f.verdict for f in card.findings} == {NOT_TESTED}
        assert len(card.findings) == len(known_cards()[CARD].expect)


# ---------------------------------------------------------------------- what carried it
def test_the_share_of_an_effect_that_nanotubes_carried(board, card):
    """Without nanotubes a tenth is handed over: they carried nine tenths of the transfer.

    Fault seen to fail it, planted in a copy of the package: share = remainder / effect.
    """
    c = next(c for c in finding(card, 2).carried if c.carrier == "nanotubes")
    assert c.share == pytest.approx(0.9, abs=0.05)
    assert c.low < c.share < c.high
    assert c.effect > 0
    assert c.arm_mean - c.versus_mean == pytest.approx(c.without), "the two arms without nanotubes"


def test_no_share_where_the_effect_is_not_told_apart_from_zero(board):
    runs = {n: Results(board / "runs" / CARD / n) for n in ("base", "without-nanotubes")}
    a, b = (next(f for f in r.findings() if f.finding == f"{CARD}#5") for r in runs.values())
    none = replace(a, contrast=replace(a.contrast, low=-1.0, high=1.0))
    assert math.isnan(carried_by(CARRIERS["nanotubes"], none, b).share)
    assert carried_by(CARRIERS["nanotubes"], replace(a, contrast=None), b) is None


def test_what_is_knocked_out():
    spec = fake_run.fake_spec()
    names = [c.name for c in carriers_of({"nanotube": 0.7, "vesicle": 0.29, "free_uptake": 0.01}, spec)]
    assert names == ["nanotubes", "vesicles", "transfer", "paracrine"]
    alone = fake_run.fake_spec(arms=("recipient_alone",))
    assert carriers_of({}, alone) == []


def test_an_effect_of_which_one_may_ask_what_carried_it(board):
    """Faults seen to fail it, planted in a copy of the package: intervals not looked at; arms without donors not told apart; readings of
    the transfer itself let through."""
    base = Results(board / "runs" / CARD / "base")
    found = {f.finding.partition("#")[2]: f for f in base.findings()}
    asked = {n for n, f in found.items() if may_be_carried(f, base)}
    assert {"5", "6"} <= asked, "apoptosis and survival with donors and without"
    assert not {"1", "2", "3", "8", "9", "10"} & asked, "transfer, tubes, arms that were not run"
    deaths = found["5"]
    unsure = replace(deaths, contrast=replace(deaths.contrast, low=-0.1, high=0.1))
    controls = replace(deaths, contrast=replace(deaths.contrast, arm="injured_alone", versus="recipient_alone"))
    assert not may_be_carried(unsure, base)
    assert not may_be_carried(controls, base)
    arms = reproduce.arms_of_findings(base, [f"{CARD}#5"])
    assert arms == ["recipient_alone", "injured_alone", "coculture"], "the two arms and the controls that rules look up"
    assert len(reproduce.arms_of_findings(base)) > len(arms)


@pytest.mark.parametrize(
    ("shares", "column"),
    [
        ({"transfer": 0.6, "paracrine": -0.1}, "transfer"),
        ({"transfer": -0.1, "paracrine": 0.6}, "paracrine"),
        ({"transfer": 0.6, "paracrine": 0.6}, "both"),
        ({"transfer": -0.1, "paracrine": -0.1}, "neither"),
        ({"nanotubes": 0.6}, "transfer"),  # the only route
        ({"nanotubes": -0.1, "paracrine": 0.6}, "paracrine"),
        ({"nanotubes": 0.6, "vesicles": 0.6, "transfer": -0.1}, "neither"),  # all of it counts, not a route
    ],
)
def test_effects_are_counted_by_what_carried_them(card, shares, column):
    """Faults seen to fail it, planted in a copy of the package: routes counted beside all transfer; paracrine factors as a route."""
    f = replace(finding(card, 5), carried=tuple(carried_share(name, low) for name, low in shares.items()))
    (found,) = carried_counts([f])
    assert found == CarriedCount(kind="survival and death", effects=1, **{column: 1})
    unknown = replace(f, carried=tuple(replace(x, share=math.nan) for x in f.carried))
    of_transfer = replace(f, contrast={**f.contrast, "assay": "nanotube_count"})
    assert carried_counts([unknown, of_transfer]) == []
    assert carried_counts([f, replace(f, contrast={**f.contrast, "assay": "new"})])[1].kind == "signals and other"


def test_kinds_of_readings_name_assays_once():
    named = [*READ_TRANSFER, *(assay for assays in KINDS.values() for assay in assays)]
    assert len(named) == len(set(named))
    assert set(named) <= set(load_assays())


def carried_share(name, low):
    return CarriedShare(carrier=name, words=name, effect=1.0, without=0.5, share=low + 0.2, low=low, high=low + 0.4, verdict=REPRODUCED)


def test_switches_and_nodes_of_carriers_exist():
    """Fault seen to fail it, planted in a copy of the package: a switch spelt wrong, which would switch nothing off."""
    from mitoferry.core.nodes import NODE
    from mitoferry.core.schema import ROUTE_NAMES
    from mitoferry.experiment.loop import BUILT_IN

    for c in CARRIERS.values():
        assert set(c.switches) <= set(BUILT_IN)
        assert set(c.silenced) <= set(NODE)
        assert c.switches or c.silenced
        assert set(c.routes) <= set(ROUTE_NAMES)
    between = set(ROUTE_NAMES) - {"none", "lysis", "division", "nanotube_return", "release"}
    assert {r for c in CARRIERS.values() for r in c.routes} == between, "every route between cells can be knocked out"


def test_shares_of_routes(board):
    shares = flowing(Results(board / "runs" / CARD / "base"), ["coculture"])
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["nanotube"] > 0.5


# ---------------------------------------------------------------------- ceiling
class Log(Results):
    """Results with a log of events of our own."""

    def __init__(self, path, rows):
        super().__init__(path)
        self._rows = rows

    def events(self):
        columns = ["kind", "arm", "replicate", "time", "source", "source_population", "target", "target_population", "birth_population"]
        return pd.DataFrame(self._rows, columns=columns)


def test_the_ceiling_counts_cells_reached_before_cytochrome_c_release(board):
    """Ten mitochondria for eight cells in two wells; by hand: 3 and 1 cells of 120 were reached in time.

    Fault seen to fail it, planted in a copy of the package: every arrival counts, whenever it comes.
    """

    def came(well, time, cell, born="donor", to="recipient"):
        return ("handover", "coculture", well, time, 9, "donor", cell, to, born)

    def lost(well, time, cell, kind="cytochrome_c_release"):
        return (kind, "coculture", well, time, cell, "recipient", None, None, None)

    rows = [
        came(0, 10.0, 1), came(0, 20.0, 1), came(0, 30.0, 2), lost(0, 40.0, 2),  # two in time
        came(0, 50.0, 3), lost(0, 45.0, 3), lost(0, 60.0, 3, "death"),  # too late
        came(0, 5.0, 4, born="recipient"),  # its own kind
        came(0, 5.0, 5, to="donor"),  # not to a recipient
        came(0, 7.0, 6), came(1, 7.0, 1),
        ("handover", "coculture_uninjured", 0, 1.0, 9, "donor", 7, "recipient", "donor"),  # another arm
    ]  # fmt: skip
    x = ceiling_of(Log(board / "runs" / CARD / "base", rows), "coculture")
    assert x.n == 4
    assert x.mean == pytest.approx(np.mean([3, 1, 0, 0]) / 120)


def test_of_those_who_are_lost_without_donors_how_many_are_reached(board):
    """Four cells are lost alone; of these one was reached before that moment, one too late, one never, one in another well.

    Fault seen to fail it, planted in a copy of the package: cells of different wells taken for one another.
    """

    def came(well, time, cell):
        return ("handover", "coculture", well, time, 9, "donor", cell, "recipient", "donor")

    def lost(well, time, cell, kind="cytochrome_c_release", arm="injured_alone"):
        return (kind, arm, well, time, cell, "recipient", None, None, None)

    rows = [
        lost(0, 40.0, 1), lost(0, 50.0, 1, "death"), came(0, 30.0, 1),
        lost(0, 40.0, 2), came(0, 45.0, 2),
        lost(0, 40.0, 3, "death"),
        lost(1, 40.0, 4), came(0, 10.0, 4),
        lost(0, 1.0, 5, arm="coculture"), came(0, 0.5, 5),
    ]  # fmt: skip
    log = Log(board / "runs" / CARD / "base", rows)
    assert doomed_reached(log, "coculture", "injured_alone") == (1, 4)
    assert doomed_reached(log, "coculture", "recipient_alone") is None


def test_ceilings_stand_beside_survival_only(card):
    assert finding(card, 5).ceiling is not None
    assert 0.0 <= finding(card, 5).ceiling[0] <= 1.0
    assert finding(card, 5).doomed is None or finding(card, 5).doomed[0] <= finding(card, 5).doomed[1]
    assert finding(card, 2).ceiling is None


# ---------------------------------------------------------------------- the board and its files
@pytest.fixture(scope="module")
def whole(card):
    return judge.assembled([card], QUICK, seed=7, created="2020-01-01T00:00:00+00:00")


def test_a_board_is_read_as_it_was_written(whole, tmp_path):
    write_board(whole, tmp_path)
    again = read_board(tmp_path)
    assert again.to_plain() == whole.to_plain()
    assert again.findings[4][1].over_draws == whole.findings[4][1].over_draws
    plain = json.loads((tmp_path / "board.json").read_text())
    assert list(plain)[:3] == ["format", "totals", "status"], "totals up front"
    assert sum(plain["totals"].values()) == len(whole.findings)
    assert board_from_plain(plain).cards == again.cards


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"format": "mitoferry/board@0"}'])
def test_what_is_no_board(tmp_path, content):
    (tmp_path / "board.json").write_text(content)
    with pytest.raises(InputError, match="board"):
        read_board(tmp_path)


def test_the_false_discovery_rate_is_stated(whole):
    known = [f for _, f in whole.findings if f.p == f.p]
    assert whole.false_discoveries["tested"] == len(known)
    assert all(f.q >= f.p for f in known)


def test_what_changed_between_two_boards(whole):
    f = whole.findings[4][1]
    broken = replace(whole.cards[0], findings=tuple(replace(x, verdict="opposite") if x.id == f.id else x for x in whole.cards[0].findings))
    other = replace(whole, cards=(broken,), seed=8)
    there, back = compared(whole, other), compared(other, whole)
    assert [t.finding for t in there.broke] == [f.id]
    assert [t.finding for t in back.mended] == [f.id]
    assert not there.mended
    assert "mended 0, broke 1" in str(there)
    assert "differ in seed" in str(there)
    assert str(compared(whole, whole)).startswith("this change mended 0, broke 0")


# ---------------------------------------------------------------------- folders
def asked(**changes):
    return replace(reproduce.Asked(setting=QUICK, seed=1, cards=(CARD,)), **changes)


def test_a_board_goes_on_only_as_it_was_begun(tmp_path):
    """Fault seen to fail it, planted in a copy of the package: the model is not compared, and runs of two models are mixed."""
    first = reproduce.claim(tmp_path / "b", asked())
    assert reproduce.claim(tmp_path / "b", asked(created="later")) == first
    with pytest.raises(InputError) as error:
        reproduce.claim(tmp_path / "b", asked(seed=2, model="another", cards=("msc-np-il1b",)))
    assert len(error.value.problems) == 3
    assert "begin a new board" in str(error.value)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        reproduce.claim(tmp_path / "full", asked())
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["letter.txt"]


FULLER = replace(QUICK, name="full", draws=8, most_draws=16)


@pytest.mark.parametrize(
    ("before", "now", "further"),
    [
        (QUICK, FULLER, True),
        (QUICK, replace(FULLER, knock_outs=True), True),
        (FULLER, replace(FULLER, knock_outs=True), True),
        (FULLER, FULLER, False),
        (FULLER, QUICK, False),
        (replace(FULLER, knock_outs=True), FULLER, False),
        (replace(QUICK, knock_outs=True), FULLER, False),
        (FULLER, replace(FULLER, most_draws=32), False),
        (FULLER, replace(FULLER, draws=4, knock_outs=True), False),
        (QUICK, replace(FULLER, wells=4), False),
        (QUICK, replace(FULLER, budget=1e9), False),
    ],
)
def test_knock_outs_and_first_draws_can_be_asked_for_later(tmp_path, before, now, further):
    """Faults seen to fail it: draws added to draws that are there already (optional stopping), other wells in one folder."""
    assert reproduce.goes_further(before, now) is further
    begun = reproduce.claim(tmp_path / "b", asked(setting=before, created="then"))
    if not further and before != now:
        with pytest.raises(InputError, match="setting"):
            reproduce.claim(tmp_path / "b", asked(setting=now))
        assert reproduce.read_asked(tmp_path / "b") == begun
        return
    assert reproduce.claim(tmp_path / "b", asked(setting=now)) == replace(begun, setting=now)
    assert reproduce.read_asked(tmp_path / "b") == replace(begun, setting=now)


def test_a_board_that_cannot_go_on_keeps_its_setting(tmp_path):
    begun = reproduce.claim(tmp_path / "b", asked())
    with pytest.raises(InputError, match="seed"):
        reproduce.claim(tmp_path / "b", asked(setting=FULLER, seed=2))
    assert reproduce.read_asked(tmp_path / "b") == begun


def test_wells_alone_decide_how_many_draws_are_made(tmp_path, monkeypatch):
    """Fault seen to fail it: verdicts over draws that are there ask for more draws (optional stopping)."""
    make(tmp_path / "runs" / CARD / "base")
    given = asked(setting=FULLER)

    def further():
        return [j.variant for j in reproduce._third([PLANNED], given, tmp_path)]

    real = reproduce.judged_card

    def judged(*given, **more):
        card = real(*given, **more)
        findings = [replace(f, over_wells=over_wells, verdict=verdict, wells_needed=10) for f in card.findings]
        return replace(card, findings=tuple(findings))

    monkeypatch.setattr(reproduce, "judged_card", judged)
    over_wells, verdict = REPRODUCED, UNDECIDED
    assert further() == []
    over_wells, verdict = UNDECIDED, REPRODUCED
    assert further() == [f"draw-{k:03d}" for k in range(8, 12)]  # 10 wells, a fifth more for draws


def test_infinite_budgets_are_kept(tmp_path):
    given = asked(setting=replace(QUICK, budget=math.inf))
    reproduce.claim(tmp_path / "b", given)
    assert reproduce.read_asked(tmp_path / "b") == given


def test_shares_are_put_together(tmp_path, monkeypatch):
    cards = (CARD, "msc-np-il1b")
    plans = [PlannedCard(key=k, status="run", job=replace(JOB, card=k), cost=1.0) for k in cards]
    monkeypatch.setattr(reproduce, "plan_cards", lambda keys, setting, seed: [p for p in plans if p.key in keys])
    parts = []
    for i in (1, 2):
        part = tmp_path / f"part-{i}"
        mine = reproduce.plan_of(reproduce.claim(part, asked(cards=cards, shard=(i, 2))))
        assert len(mine) == 1
        make(part / "runs" / mine[0].key / "base")
        parts.append(part)
    whole = reproduce.merge(parts, tmp_path / "whole")
    assert [c.key for c in whole.cards] == list(cards)
    assert all(c.status == "run" for c in whole.cards)
    for wrong in ([parts[0]], [parts[0], parts[0]]):
        with pytest.raises(InputError, match="each of the 2 shares once"):
            reproduce.merge(wrong, tmp_path / "other")
    assert not (tmp_path / "other").exists()


# ---------------------------------------------------------------------- work
def test_what_fails_is_noted_and_tried_again(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ValueError("no such luck")

    monkeypatch.setattr("mitoferry.studies.run.start_run", fail)
    monkeypatch.setattr(work, "spec_of", lambda job: None)
    done = work.run_jobs([JOB], tmp_path, workers=1)
    assert done[0].error == "ValueError: no such luck"
    assert work.failure(JOB, tmp_path) == done[0].error
    assert "Traceback" in json.loads((JOB.folder(tmp_path) / work.FAILED).read_text())["traceback"]
    monkeypatch.setattr("mitoferry.studies.run.start_run", lambda spec, out, *_, **__: make(Path(out)))
    assert work.run_jobs([JOB], tmp_path, workers=1)[0].error == ""
    assert work.failure(JOB, tmp_path) == ""
    told = []
    assert work.run_jobs([JOB], tmp_path, workers=1, tell=told.append)[0].seconds == 0.0, "it is there already"
    assert len(told) == 1
