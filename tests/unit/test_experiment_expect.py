"""Checks of ``expect``: contrasts within an arm, ends of a flow, and populations that are read in the arms of a finding."""

import pytest

from mitoferry.base.errors import InputError
from mitoferry.experiment.reader import parse_experiment

FILE = """\
schema: mitoferry/experiment@1
title: A test
well: {size: 300 um}
cells:
  recipient: {type: huvec, count: 10}
  donor: {type: bm_msc, count: 5, added: 4 h}
arms:
  coculture: {}
  coculture_late: {}
  recipient_alone: {without: [donor]}
  donor_alone: {without: [recipient]}
measure:
  - {assay: annexin_pi, of: [recipient, donor], at: [2 h, 8 h]}
  - {assay: nanotube_count, of: [well, donor, recipient], every: 1 h}
  - {assay: confocal_mitochondria, at: [8 h]}
run: {until: 8 h}
expect:
  - {finding: x#1, ENTRY}
"""


def parsed(entry):
    return parse_experiment(FILE.replace("ENTRY", entry), "test.yaml")


def problems(entry):
    try:
        parsed(entry)
    except InputError as error:
        return {p.key: p for p in error.problems}
    return {}


WITHIN = "arm: coculture, versus: within_arm"
GOOD = (
    f"observable: tnt_number, of: donor, {WITHIN}, against: {{of: recipient}}, direction: increase",
    f"observable: apoptosis, {WITHIN}, against: {{at: 2 h}}, direction: no_change",
    f"observable: tnt_number, {WITHIN}, against: {{readout: nanotube_count.thin_per_cell}}, direction: increase",
    f"observable: tnt_number, of: donor, {WITHIN}, against: {{observable: tnt_origin, of: recipient}}, direction: decrease",
    f"observable: tnt_origin, {WITHIN}, direction: increase",
    f"observable: apoptosis, {WITHIN}, direction: present",
    f"observable: apoptosis, {WITHIN}, direction: withheld",
    f"observable: tau, {WITHIN}, direction: decrease",
    "observable: mitochondrial_transfer, arm: coculture, direction: unidirectional, from: recipient, to: donor",
    "observable: tau, arm: coculture, versus: recipient_alone, direction: decrease",
    "observable: apoptosis, of: donor, arm: coculture, versus: donor_alone, direction: no_change",
)


@pytest.mark.parametrize("entry", GOOD)
def test_what_is_right(entry):
    assert problems(entry) == {}


@pytest.mark.parametrize(
    ("entry", "key", "words"),
    [
        (f"observable: apoptosis, {WITHIN}, direction: decrease", "against", "the other reading"),
        (
            "observable: apoptosis, arm: coculture, versus: recipient_alone, against: {at: 2 h}, direction: decrease",
            "against",
            "within_arm",
        ),
        (f"observable: apoptosis, {WITHIN}, against: {{}}, direction: decrease", "against", "at least one"),
        (f"observable: apoptosis, {WITHIN}, against: {{observable: tnt_number, readout: dcf}}, direction: decrease", "against", "one of"),
        (f"observable: apoptosis, {WITHIN}, against: {{observable: apoptose}}, direction: decrease", "against.observable", "observable"),
        (f"observable: apoptosis, {WITHIN}, against: {{observable: ros}}, direction: decrease", "against.observable", "a reading"),
        (f"observable: apoptosis, {WITHIN}, against: {{at: 99 h}}, direction: decrease", "against.at", "within the run"),
        (f"observable: apoptosis, {WITHIN}, against: {{of: moon}}, direction: decrease", "against.of", "population"),
        (f"observable: apoptosis, {WITHIN}, against: {{at: 2 h, when: 2 h}}, direction: decrease", "against.when", "known key"),
        ("observable: mitochondrial_transfer, arm: coculture, direction: unidirectional, from: moon", "from", "population"),
        ("observable: mitochondrial_transfer, arm: coculture, direction: present, to: donor", "to", "unless the direction"),
        ("observable: mitochondrial_transfer, of: donor, arm: coculture, direction: present", "of", "is read (recipient)"),
        ("observable: apoptosis, of: donor, arm: coculture, versus: recipient_alone, direction: decrease", "versus", "'donor'"),
        ("observable: apoptosis, arm: donor_alone, versus: coculture, direction: decrease", "arm", "'recipient'"),
    ],
)
def test_what_is_wrong(entry, key, words):
    """Fault seen to fail it: ``_within`` that asks for ``against`` only where the direction is present."""
    found = problems(entry)
    assert list(found) == [f"expect[0].{key}"]
    assert words in str(found[f"expect[0].{key}"])


def test_the_keys_reach_the_run():
    """``from`` is a word of Python: it is kept under its alias, and what was not named of ``against`` stays open."""
    given = parsed(GOOD[8]).expect[0].model_dump(mode="json")
    assert (given["from_"], given["to"]) == ("recipient", "donor")
    against = parsed(GOOD[1]).expect[0].against
    assert against is not None
    assert (against.name, against.of, str(against.at)) == (None, None, "2 h")


def test_json_schema_describes_them():
    from mitoferry.experiment.schema import json_schema

    expect = json_schema()["$defs"]["Expect"]["properties"]
    assert {"against", "from", "to"} <= set(expect)
