"""The board for people: page, table, badge and commands, on boards without a simulation."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from test_board_judge import CARD, PLANNED, board, card, whole  # noqa: F401 - fixtures
from typer.testing import CliRunner

from mitoferry.base.errors import InputError
from mitoferry.evidence import cards as evidence_cards
from mitoferry.show.board import command
from mitoferry.show.board.badge import badge_svg
from mitoferry.show.board.page import board_html
from mitoferry.show.board.terminal import headline, remarks, tables
from mitoferry.show.cli import app
from mitoferry.studies.board import judge
from mitoferry.studies.board.model import write_board
from mitoferry.studies.board.plan import PlannedCard, known_cards
from mitoferry.studies.board.setting import QUICK


@pytest.fixture(scope="module")
def full(card, tmp_path_factory):  # noqa: F811
    """A board of three cards: one that ran, one that cannot be simulated, one over budget."""
    others = [k for k, c in known_cards().items() if c.simulable == "not_simulable"][:1] + ["msc-np-il1b"]
    planned = [
        PlannedCard(key=others[0], status="not simulable", why="no such <thing>"),
        PlannedCard(key=others[1], status="over budget", why="too large"),
    ]
    empty = tmp_path_factory.mktemp("empty")
    found = [card, *(judge.judged_card(known_cards()[p.key], p, empty) for p in planned)]
    return judge.assembled(found, QUICK, seed=7)


class Page(HTMLParser):
    """Counts what a page opens and closes, and what it would fetch."""

    VOID = frozenset(("meta", "img", "br", "input", "rect", "line", "circle", "path"))

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.fetched += [v for k, v in attrs.items() if k in ("src", "href") and v and not v.startswith(("#", "data:"))]
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(full, board):  # noqa: F811
    text = board_html(full, board)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.fetched == []
    assert len(set(page.ids)) == len(page.ids)
    assert "NaN" not in text
    assert not re.search(r"[^a-z]nan[^a-z]", text)


def test_everything_that_a_reader_needs_is_on_the_page(full, board):  # noqa: F811
    """Fault seen to fail it, planted in a copy of the package: findings that are not reproduced left out of the page."""
    text = board_html(full, board)
    for c in full.cards:
        assert f'id="{c.key}"' in text
        for f in c.findings:
            assert f'id="{f.id}"' in text
    assert headline(full).split(":")[0] in text
    assert "no such &lt;thing&gt;" in text, "texts are escaped"
    assert "too large" in text
    assert "The reviews disagree" in text
    assert "reached before cytochrome c release" in text
    assert re.search(r"nanotubes carried .*: without \S+ \(\S+ against \S+\), with ", text)
    assert "<td>survival and death</td>" in text, "what carried the effects"
    assert "over 4 draws" in text
    assert f"mitoferry run {CARD}" in text
    assert "False discoveries" in text


def test_values_that_experiments_set_are_listed(full, board):  # noqa: F811
    assert "No published experiment sets a parameter" in board_html(full, board)
    tuned = replace(full, tuned=("card: parameters.x = 3",))
    assert "card: parameters.x = 3" in board_html(tuned, board)


def test_the_badge_counts_what_was_judged(full):
    """Findings that were not tested, kept back or calibrated do not count; those that fail do."""
    totals = full.totals()
    judged = sum(totals.get(v, 0) for v in ("reproduced", "undecided", "not reproduced", "opposite"))
    assert f"{totals['reproduced']} of {judged} judged" in badge_svg(full)
    page = Page()
    page.feed(badge_svg(full))
    assert page.open == []


def test_the_table(full):
    from rich.console import Console

    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for by in ("system", "route", "mechanism", "review"):
        for part in tables(full, by):
            console.print(part)
    text = console.export_text()
    assert headline(full) in " ".join(text.split())
    assert "ischemia" in text
    assert "nanotube_search" in text
    assert "what carried the effects" in text
    assert f"{CARD}#4" not in text, "not tested: not in the list of what did not come out"
    for by, verdict in (("colour", None), ("system", "wonderful")):
        with pytest.raises(InputError, match="one of"):
            list(tables(full, by, verdict=verdict))


# ---------------------------------------------------------------------- commands
def test_cards_by_filters():
    every = [c.key for c in evidence_cards()]
    assert list(command.cards_asked([], [], [], [])) == every
    lung = command.cards_asked([], ["lung"], [], [])
    assert lung
    assert {known_cards()[k].system for k in lung} == {"lung"}
    both = command.cards_asked([], ["lung"], ["gap_junction"], ["li2025"])
    assert set(both) < set(lung)
    with pytest.raises(InputError) as error:
        command.cards_asked(["msc-huvec-ogdd"], ["lungs"], ["tube"], [])
    assert len(error.value.problems) == 3
    assert "msc-huvec-ogd" in str(error.value)


@pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "2", "1/0"])
def test_shares_that_are_none(text):
    with pytest.raises(InputError, match="i/n"):
        command.shard_asked(text)


def test_commands_of_boards(full, tmp_path):
    write_board(full, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write_board(replace(full, seed=9), other)
    run = CliRunner().invoke
    shown = run(app, ["board", "show", str(tmp_path), "--by", "review", "--verdict", "reproduced"])
    assert shown.exit_code == 0
    assert f"{CARD}#5" in shown.output
    as_json = json.loads(run(app, ["board", "show", str(tmp_path), "--json"]).output)
    assert as_json["totals"] == full.totals()
    diff = run(app, ["board", "diff", str(tmp_path), str(other)])
    assert "mended 0, broke 0" in diff.output
    assert isinstance(run(app, ["board", "show", str(tmp_path / "none")]).exception, InputError)
    assert isinstance(run(app, ["reproduce", "no-such-card", "--out", str(tmp_path / "x")]).exception, InputError)
    assert not (tmp_path / "x").exists(), "nothing half-written"
    wrong = ["no-such-card", "--setting", "fast", "--shard", "9/3", "--seed", "-1", "--workers", "0", "--out", str(tmp_path / "x")]
    assert len(run(app, ["reproduce", *wrong]).exception.problems) == 5, "all at once"


def test_a_board_without_its_draws_says_that_it_is_not_finished(full):
    """Fault seen to fail it, planted in a copy of the package: cards that were not run are counted, too."""
    assert not [line for line in remarks(full) if line.startswith("Not finished")]
    asked = replace(full, setting={**full.setting, "draws": 8})
    ran = [replace(c, draws=0) if c.status == "run" else c for c in asked.cards]
    (said,) = [line for line in remarks(replace(asked, cards=tuple(ran))) if line.startswith("Not finished")]
    assert said.startswith("Not finished: 1 of 1 cards lack their 8 draws")
    done = [replace(c, draws=8) if c.status == "run" else c for c in asked.cards]
    assert not [line for line in remarks(replace(asked, cards=tuple(done))) if line.startswith("Not finished")]
