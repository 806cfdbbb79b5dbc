"""Entry points of other packages: looked up once, and again when ``sys.path`` has changed."""

import sys
from importlib import metadata

from mitoferry.base import plugins


def test_points_are_those_of_the_group_by_name(tmp_path, monkeypatch):
    assert plugins.points("mitoferry.of_a_test") == []
    info = tmp_path / "some_package-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-package\nVersion: 0.1\n", encoding="utf-8")
    text = "[mitoferry.of_a_test]\nzebra = json:loads\nant = json:dumps\n[mitoferry.of_another]\nbee = json:loads\n"
    (info / "entry_points.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert [p.name for p in plugins.points("mitoferry.of_a_test")] == ["ant", "zebra"]


def test_they_are_looked_up_once(monkeypatch):
    plugins.points("mitoferry.processes")
    monkeypatch.setattr(metadata, "entry_points", lambda: 1 / 0)
    plugins.points("mitoferry.cell_types")
