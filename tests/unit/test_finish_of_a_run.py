"""What is prepared beside the writing of the last files, and what is written when they are there."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from mitoferry.studies import run as runs


@pytest.fixture
def ending(monkeypatch):
    """The end of a run that is none: its files take until ``written`` is set; returns what happened, in order."""
    happened: list[str] = []
    written = threading.Event()

    def write(run, afterwards):
        happened.append("files")
        written.set()
        if afterwards is not None:
            afterwards(Path("folder"))
        return Path("folder")

    monkeypatch.setattr(runs, "_written", write)
    monkeypatch.setattr(runs, "mark_complete", lambda backend: None)
    world = SimpleNamespace(backend=None)
    run = SimpleNamespace(run=lambda: happened.append("loop"), tell=happened.append, engine=SimpleNamespace(world=world))
    return SimpleNamespace(run=run, happened=happened, written=written)


def test_files_are_written_beside_what_is_prepared_and_the_report_when_both_are_done(ending):
    """Faults seen to fail it, planted in a copy of the package: prepared before the files, and not waited for."""

    def prepare():
        assert ending.written.wait(20.0), "the files wait for what is prepared"
        ending.happened.append("prepared")

    finish = runs.Finish(lambda folder: ending.happened.append(f"report in {folder}"), prepare)
    assert runs._to_the_end(ending.run, finish) == Path("folder")
    assert ending.happened == ["loop", "writing", "files", "prepared", "report in folder"]


def test_what_goes_wrong_while_it_is_prepared_is_not_swallowed(ending):
    def prepare():
        raise ImportError("no such library")

    with pytest.raises(ImportError, match="no such library"):
        runs._to_the_end(ending.run, runs.Finish(lambda folder: ending.happened.append("report"), prepare))
    assert "report" not in ending.happened


def test_a_run_without_a_report_only_writes_its_files(ending):
    assert runs._to_the_end(ending.run, None) == Path("folder")
    assert ending.happened == ["loop", "writing", "files"]
