"""Paragraphs on findings that do not come out: each is about findings of the evidence, and says enough to be of use."""

from pathlib import Path

import mitoferry
from mitoferry.evidence import cards
from mitoferry.library.records import read_yaml

CAUSES = read_yaml(Path(mitoferry.__file__).parent / "experiments" / "why_not.yaml")


def test_causes_are_about_findings_of_the_evidence_and_each_finding_has_one():
    known = {f.id for c in cards() for f in c.expect}
    named = [f for cause in CAUSES.values() for f in cause["findings"]]
    assert set(named) <= known
    assert len(named) == len(set(named))
    assert CAUSES


def test_causes_say_enough():
    for name, cause in CAUSES.items():
        assert set(cause) == {"why", "findings"}, name
        assert len(cause["why"]) > 120, name
