"""What a board will cost: counts that follow from the plan, and the command that shows them and writes nothing."""

import pytest
from typer.testing import CliRunner

from mitoferry.experiment.estimate import START_SECONDS, estimate
from mitoferry.show.cli import app
from mitoferry.studies.board import outlook as module
from mitoferry.studies.board.carried import carriers_of
from mitoferry.studies.board.outlook import JOB_SECONDS, outlook
from mitoferry.studies.board.plan import plan_cards, spec_of
from mitoferry.studies.board.reproduce import Asked
from mitoferry.studies.board.setting import setting

CARDS = ("msc-huvec-ogd", "tnt-thin-thick-cargo")


def asked(name="full", cards=CARDS, **options):
    return Asked(setting=setting(name, **options), seed=1, cards=cards)


def by_title(found):
    return {r.title: r for r in found.rounds}


def test_base_plates_cost_what_the_estimate_says():
    found = outlook(asked("quick"), speed=0.5)
    (cards,) = found.rounds
    one = [estimate(spec_of(p.job), cores=1, speed=0.5) for p in plan_cards(CARDS, setting("quick"), seed=1)]
    assert cards.plates == (2, 2)
    assert cards.seconds[0] == cards.seconds[1] == pytest.approx(sum(e.seconds - (START_SECONDS - JOB_SECONDS) / 0.5 for e in one))
    assert found.memory == max(e.memory for e in one)
    assert found.cards == {"run": 2}


def test_draws_are_wells_of_the_base_plate():
    """Sixteen draws of one well cost two base plates of eight wells; up to forty of them a further three."""
    rounds = by_title(outlook(asked(draws=16, most_draws=40, knock_outs=False), speed=1.0))
    base = rounds["cards"].seconds[0]
    assert rounds["draws"].plates == (32, 32)
    assert rounds["draws"].seconds[0] == pytest.approx(2.0 * base)
    more = rounds["more draws where a verdict is open"]
    assert more.plates == (0, 48)
    assert more.seconds == (0.0, pytest.approx(3.0 * base))


def test_knock_outs_lie_within_their_bounds():
    """Whatever routes carried mitochondria, the carriers that the board would knock out are among those counted."""
    (planned,) = plan_cards(CARDS[:1], setting("quick"), seed=1)
    spec = spec_of(planned.job)
    low, high = by_title(outlook(asked(cards=CARDS[:1], draws=0), speed=1.0))["knock-outs"].plates
    for shares in ({"nanotube": 1.0}, {"nanotube": 0.5, "gap_junction": 0.2, "vesicle": 0.1, "free_uptake": 0.1, "cell_fusion": 0.1}):
        assert low <= len(carriers_of(shares, spec)) <= high
    assert low == 0, "no effect of which one could ask what carried it"


def test_conflicts_belong_to_a_board_of_all_cards(monkeypatch):
    monkeypatch.setattr(module, "known_cards", lambda: dict.fromkeys(CARDS))
    assert [r.title for r in outlook(asked("quick"), speed=1.0).rounds] == ["cards", "conflicts"]


def test_the_command_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["reproduce", *CARDS, "--setting", "full", "--plan", "--workers", "4", "--shard", "1/2"])
    assert result.exit_code == 0, result.output
    assert "share 1 of 2: 1 run" in result.output
    assert "on 4 processes" in result.output
    assert "knock-outs" in result.output
    assert not list(tmp_path.iterdir())
    wrong = CliRunner().invoke(app, ["reproduce", "--plan", "--most-draws", "4", "--wells", "1"])
    assert wrong.exit_code != 0
