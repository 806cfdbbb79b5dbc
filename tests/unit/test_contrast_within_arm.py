"""Contrasts of two readings of one arm, and findings on what the model has nothing for."""

import fake_run
import numpy as np
import pytest

from mitoferry.base.errors import InputError
from mitoferry.studies import rules as f
from mitoferry.studies.findings import findings_of
from mitoferry.studies.results import Results

EXPECT = [
    {"finding": "t", "observable": "apoptosis", "arm": "injured_alone", "versus": "within_arm", "against": {"at": "8 h"}, "direction": "increase"},  # noqa: E501
    {"finding": "o", "observable": "tnt_origin", "of": "donor", "arm": "coculture", "versus": "within_arm", "direction": "increase"},
    {"finding": "w", "observable": "survival", "arm": "coculture", "versus": "within_arm", "against": {"observable": "apoptosis"}, "direction": "withheld"},  # noqa: E501
]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    experiment = fake_run.fake_experiment() | {"expect": EXPECT}
    r = Results(fake_run.make_run(tmp_path_factory.mktemp("run") / "r", experiment=experiment, frames=False))
    return with_rows(r, "nanotube_count", "begun_fraction", "donor", lambda k, h: 0.8 + 0.02 * k)


def with_rows(r, assay, readout, of, value):
    """The run with a further readout in every well at every time of ``nanotube_count``."""
    import pandas as pd

    t = r.table()
    for column in ("assay", "readout", "of", "arm"):
        t[column] = t[column].astype(str)
    new = t[(t["assay"] == "nanotube_count") & (t["readout"] == "tubes_per_cell")].copy()
    new["assay"], new["readout"], new["of"] = assay, readout, of
    new["value"] = [float(value(k, h)) for k, h in zip(new["replicate"], new["hours"], strict=True)]
    copy = Results(r.path)
    copy.__dict__["_table"] = pd.concat([t, new], ignore_index=True)
    return copy


def one(results, **entry):
    return findings_of(results, [{"finding": "x#1", "arm": "coculture", "versus": "within_arm", **entry}])[0]


def test_two_times_of_one_arm(results):
    c = results.contrast("apoptosis", arm="injured_alone", versus="within_arm")
    late, early = (results.wells("apoptosis", arm="injured_alone", at=h).values for h in (24, 8))
    assert c.arm_values == tuple(late[k] for k in range(4))
    assert c.versus_values == tuple(early[k] for k in range(4))
    assert c.versus == "within_arm"
    assert "that at 8 h" in str(c)
    found = results.findings()[0]
    assert found.verdict == f.REPRODUCED
    assert found.sentence == "apoptosis is higher than that at 8 h in injured_alone"
    assert one(results, observable="apoptosis", arm="injured_alone", against={"at": "8 h"}, direction="decrease").verdict == f.OPPOSITE


def test_two_times_take_single_readings_where_the_observable_is_a_mean(results):
    """Fault seen to fail it: the mean over the window at either end, which share most of their readings."""
    c = one(results, observable="tnt_number", against={"at": "8 h"}, direction="increase").contrast
    single = results.wells("tnt_number", arm="coculture", at=8, single=True)
    assert c.versus_values == tuple(single.values[k] for k in range(4))
    assert results.wells("tnt_number", arm="coculture", at=8).values != single.values
    assert c.statistic == ""


def test_a_share_is_held_against_its_neutral_value(results):
    found = results.findings()[1]
    assert found.verdict == f.REPRODUCED
    assert found.contrast.versus_values == (0.5,) * 4
    assert "0.500 (its neutral value)" in found.sentence
    assert one(results, observable="tnt_origin", of="donor", direction="decrease").verdict == f.OPPOSITE
    half = with_rows(results, "nanotube_count", "begun_fraction", "recipient", lambda k, h: 0.5 + 0.01 * (-1) ** k)
    assert one(half, observable="tnt_origin", of="recipient", direction="increase").verdict == f.NOT_REPRODUCED


def test_another_observable_of_the_arm(results):
    c = results.contrast("survival", arm="coculture", versus="within_arm")  # as its withheld expectation says
    assert c.versus_values == results.contrast("apoptosis", arm="coculture", versus="injured_alone").arm_values
    assert "apoptosis" in c.against
    assert results.findings()[2].verdict == f.NOT_TESTED


@pytest.mark.parametrize(
    ("direction", "verdict"), [("present", f.REPRODUCED), ("absent", f.NOT_REPRODUCED), ("no_change", f.NOT_REPRODUCED)]
)
def test_above_the_other_reading(results, direction, verdict):
    assert one(results, observable="survival", against={"observable": "apoptosis"}, direction=direction).verdict == verdict
    other = {"present": f.NOT_REPRODUCED, "absent": f.REPRODUCED, "no_change": f.NOT_REPRODUCED}[direction]
    assert one(results, observable="apoptosis", against={"observable": "survival"}, direction=direction).verdict == other


def test_abolished_against_an_earlier_time(results):
    gone = with_rows(results, "cell_connections", "connected_fraction", "recipient", lambda k, h: 0.4 + 0.01 * k if h < 10 else 0.01)
    assert one(gone, observable="cell_connection", against={"at": "8 h"}, direction="abolish").verdict == f.REPRODUCED
    there = with_rows(results, "cell_connections", "connected_fraction", "recipient", lambda k, h: 0.4 + 0.01 * k)
    assert one(there, observable="cell_connection", against={"at": "8 h"}, direction="abolish").verdict == f.NOT_REPRODUCED


def test_presence_needs_no_other_reading(results):
    assert one(results, observable="apoptosis", direction="present").verdict == f.REPRODUCED


def test_nothing_to_be_held_against(results):
    assert one(results, observable="survival", direction="increase").verdict == f.NOT_TESTED
    with pytest.raises(InputError, match="within_arm"):
        results.contrast("oxygen_consumption", arm="coculture", versus="within_arm")


def test_contrasts_within_an_arm_are_no_pairs_of_arms(results):
    assert all(c.versus != "within_arm" for c in results.contrasts())


def test_outside_the_model_is_not_tested_and_says_why(results):
    """Fault seen to fail it: the look-up of ``outside`` taken out of ``findings._finding``."""
    x = one(results, observable="tau", versus="injured_alone", direction="decrease")
    assert x.verdict == f.NOT_TESTED
    assert x.reason.startswith("outside the model: tau is not in the model")
    kept = one(results, observable="tau", versus="injured_alone", direction="withheld")
    assert kept.verdict == f.NOT_TESTED
    assert kept.reason.startswith("outside the model"), "kept back or not, there is nothing to read"
    with pytest.raises(InputError, match="tau is not in the model"):
        results.measured("tau")


def test_ends_of_a_flow(results):
    """Most hand-overs go from donor to recipient; asked the other way round that is the opposite. ``from_`` is how a run keeps it."""
    flow = {"observable": "mitochondrial_transfer", "versus": None, "direction": "unidirectional"}
    assert one(results, **flow).verdict == f.REPRODUCED
    for key in ("from", "from_"):
        assert one(results, **flow, **{key: "recipient", "to": "donor"}).verdict == f.OPPOSITE


@pytest.mark.parametrize(("of_recipient", "verdict"), [(0, f.REPRODUCED), (30, f.OPPOSITE)])
def test_origin_of_tubes_counts_who_began_them(results, of_recipient, verdict):
    """Hand-overs of the run go to the recipient whoever began the tubes: they do not decide this finding."""
    events = results.events()
    born = events[events["kind"] == "handover"].iloc[: 4 * 31].copy()
    kind = events["kind"].astype(str)
    born["arm"], born["replicate"] = "coculture", np.arange(len(born)) % 4
    born["kind"] = "link_born"
    by_recipient = np.arange(len(born)) // 4 < of_recipient
    born["source_population"] = np.where(by_recipient, "recipient", "donor")
    born["target_population"] = np.where(by_recipient, "donor", "recipient")
    copy = Results(results.path)
    copy.__dict__["_events"] = __import__("pandas").concat([events.assign(kind=kind), born], ignore_index=True)
    copy.__dict__["_table"] = results._table
    x = one(copy, observable="tnt_origin", versus=None, direction="unidirectional")
    assert x.verdict == verdict
    assert "tubes begun" in x.reason


def test_command_line_and_report(results):
    """The command finds the other reading in the run's experiment; the report shows the finding with what it is held against."""
    from mitoferry.show.laboratory import contrast_text
    from mitoferry.show.report import write_report

    said = contrast_text(str(results.path), "apoptosis", "injured_alone", "within_arm", None, None, False)
    assert "injured_alone" in said
    assert "against that at 8 h" in said
    page = write_report(Results(results.path)).read_text(encoding="utf-8")
    assert "Apoptosis is higher than that at 8 h in injured alone" in page
