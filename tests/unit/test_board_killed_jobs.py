"""A process of a board that is killed (memory, a crash) takes no other job with it, and its own is run again."""

import pytest

import killed_jobs
from mitoferry.base.errors import MitoferryError
from mitoferry.studies.board import work
from mitoferry.studies.board.plan import Job

JOBS = [Job(card=name, arms=("a",), replicates=2, seed=1, cost=cost) for name, cost in (("first", 3.0), ("second", 2.0), ("third", 1.0))]


def test_a_killed_process_takes_no_other_job_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "run_job", killed_jobs.once)
    told = []
    done = work.run_jobs(JOBS, tmp_path, workers=2, tell=told.append)
    assert sorted(d.job.card for d in done) == ["first", "second", "third"]
    assert sorted(d.job.card for d in told) == ["first", "second", "third"], "each is told once"
    assert (tmp_path / "killed").exists()


def test_a_job_that_kills_every_process_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "run_job", killed_jobs.always)
    with pytest.raises(MitoferryError, match=r"killed 3 times in a row while these were run: .*second base.*goes on"):
        work.run_jobs(JOBS, tmp_path, workers=2)
