"""The page on the evidence: its cells run, its commands are understood, and it describes every field."""

import dataclasses
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from mitoferry.evidence import model

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")
LINES = [shlex.split(x) for x in re.findall(r"^    mitoferry (evidence .+?)(?:   .*)?$", TEXT, re.MULTILINE)]


def test_cells_run():
    """Fault seen to fail it: a choice of ``find`` that there is not."""
    names: dict = {}
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", TEXT, re.DOTALL)
    assert len(cells) >= 5
    for cell in cells:
        exec(
            compile(
                re.sub(r"^:tags:.*\n", "", cell).replace("from IPython.display import Markdown", "Markdown = str"), "evidence.md", "exec"
            ),
            names,
        )
    assert len(names["found"]) > 3
    assert names["claim"].cards == ("msc-huvec-ogd",)


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_commands_are_understood(words, capsys):
    from mitoferry.show.cli import app

    app(words, standalone_mode=False)
    assert len(capsys.readouterr().out) > 50


def test_every_field_is_described():
    fields = {f.name for kind in (model.Record, model.Card, model.CardArm, model.CardFinding) for f in dataclasses.fields(kind)}
    assert {f for f in fields if f"`{f}`" not in TEXT} == set()
    for words in (model.Kind, model.Milieu, model.Route, model.Simulable):
        assert {w for w in get_args(words) if f"`{w}`" not in TEXT} == set()
