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
    "observable: apoptosis, of: donor, arm: coculture, versus: donor_alone, direction: no_change, at: 2 h",
    "observable: transfer_onset, arm: coculture, direction: present, at: 8 h",
    "observable: tnt_number, arm: coculture, versus: recipient_alone, direction: increase, at: 5.5 h",
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
        ("observable: apoptosis, arm: coculture, versus: recipient_alone, direction: decrease, at: 6 h", "at", "is read (2 h, 8 h)"),
        (f"observable: apoptosis, {WITHIN}, against: {{at: 4 h}}, direction: decrease", "against.at", "is read (2 h, 8 h)"),
        ("observable: transfer_onset, arm: coculture, direction: present", "observable", "is read (8 h)"),
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


def test_a_run_cut_short_keeps_its_findings():
    """Times after the new end: of a finding the last reading, of the other reading the end."""
    entry = f"observable: apoptosis, {WITHIN}, at: 8 h, against: {{at: 7 h}}, direction: no_change"
    text = FILE.replace("ENTRY", entry).replace("at: [2 h, 8 h]", "at: [2 h, 7 h, 8 h]").replace("added: 4 h", "added: 1 h")
    short = parse_experiment(text, "test.yaml", overrides={"run.until": "3 h"}).expect[0]
    assert short.at is None
    assert short.against is not None
    assert str(short.against.at) == "3 h"
    assert str(parse_experiment(text, "test.yaml").expect[0].at) == "8 h"


def test_findings_in_words():
    from mitoferry.experiment.cards import finding_text

    words = [finding_text(parsed(GOOD[k]).expect[0]) for k in (0, 1, 4, 7)]
    assert [w.split("in coculture against ")[-1] for w in words] == [
        "the same of recipient", "the same at 2 h", "its neutral value", "its neutral value [outside the model]",
    ]  # fmt: skip
