"""Donors prepared in a dish, through the run folder: what they take along, which readings are whose, resumed to the same digest.

Fault seen to fail it, planted in a copy of the package: readings of the arms that are taken in dishes, too.
"""

import warnings
from dataclasses import replace

import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.studies.results import Results
from mitoferry.studies.run import InterruptedRunError, PlateRun, resume_run, start_run

NAME, ARMS = "donors-prepared", ("in_no_dish", "untreated", "loaded")


@pytest.fixture(scope="module")
def spec():
    """Two wells of three arms; everything two hours and less: 1 h in the dish."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        experiment = load_experiment(
            NAME,
            overrides={
                "cells.donor.added": "1 h", "run.until": "2 h", "cells.donor.prepared.treat[0].mitochondria.per_cell": 2000,
                "measure": [
                    {"assay": "state", "of": ["recipient", "donor"], "at": ["1 h", "2 h"]},
                    {"assay": "state", "of": "donor", "dish": "donor", "at": ["0 h", "1 h", "2 h"]},
                ],
                "expect": [],
            },
        )  # fmt: skip
        return replace(resolve(experiment, arms=ARMS), replicates=2, detail=())


@pytest.fixture(scope="module")
def results(spec, tmp_path_factory):
    return Results(start_run(spec, tmp_path_factory.mktemp("whole") / "run", Cpu(threads=1)))


def mean(r, readout, arm, hours, of="donor"):
    t = r.table()
    t = t[(t.readout == readout) & (t.arm == arm) & (t.tick == hours * 3600) & (t.of == of)]
    assert len(t) == r.names.replicates
    return float(t.value.mean())


def test_what_was_taken_in_comes_along(results):
    """Donors hold in the well what they held in the dish, less what they degrade in the hour after."""
    held = mean(results, "foreign_per_cell", "loaded.donor", 1)
    assert held > 5
    assert 0.3 * held < mean(results, "foreign_per_cell", "loaded", 2) <= 1.1 * held
    assert mean(results, "foreign_per_cell", "untreated", 2) == mean(results, "foreign_per_cell", "in_no_dish", 2) == 0
    assert [mean(results, "live", "loaded.donor", h) for h in (0, 1, 2)] == [16, 16, 0]
    assert [mean(results, "live", "loaded", h) for h in (1, 2)] == [0, 12]


def test_dishes_are_read_where_they_are_named_and_are_no_arms(results):
    t = results.table()
    assert results.names.arms == ARMS
    assert results.names.dishes == ("untreated.donor", "loaded.donor")
    assert set(t[t.tick == 0].arm) == set(results.names.dishes)
    assert set(t[t.of == "recipient"].arm) == set(ARMS)
    assert {a["name"] for a in results.plate_arms} & set(results.names.dishes) == set()
    assert set(results.handovers().arm) <= set(ARMS)
    assert results.contrast("state.atp", of="donor", arm="loaded", versus="untreated").n == 2
    assert results.manifest["arms"] == list(ARMS)
    moved = results.events()
    moved = moved[moved.kind.isin(["moved_out", "moved_in"])].groupby(["kind", "arm"], observed=True).size()
    assert {k: int(v) for k, v in moved.items()} == {
        ("moved_in", "untreated"): 24, ("moved_in", "loaded"): 24, ("moved_out", "untreated.donor"): 24, ("moved_out", "loaded.donor"): 24,
    }  # fmt: skip
    assert results.manifest["ledger"]["moved"] > 2000


@pytest.mark.parametrize("minutes", [30, 61])
def test_a_run_that_was_stopped_ends_the_same(results, spec, tmp_path, monkeypatch, minutes):
    """Stopped in the dish, and right after the move."""

    def stop(run):
        if run.engine.tick >= 60 * minutes and run.engine.tick < 60 * minutes + 60:
            run._stop.set()
        return PlateRun.measure_as_ever(run)

    monkeypatch.setattr(PlateRun, "measure_as_ever", PlateRun.measure, raising=False)
    monkeypatch.setattr(PlateRun, "measure", stop)
    with pytest.raises(InterruptedRunError):
        start_run(spec, tmp_path / "run", Cpu(threads=1))
    monkeypatch.setattr(PlateRun, "measure", PlateRun.measure_as_ever)
    again = Results(resume_run(tmp_path / "run", Cpu(threads=1)))
    assert again.manifest["state_digest"] == results.manifest["state_digest"]
    assert again.table().equals(results.table())
    assert again.events().equals(results.events())
