"""Runs that are killed with SIGKILL anywhere, also within the writing of a checkpoint, end in the same bytes.

Planted faults that were seen here: parts after the checkpoint kept on resuming; rows not written out before a checkpoint; a
run killed within its first checkpoint taken for one that has any. A file renamed before it was forced to disk is not
seen: that takes a loss of power.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "kill_server.py"


def lives(folder, seed, kills):
    """Records of ``kill_server.py``: the undisturbed run, then each that was killed."""
    words = [sys.executable, SERVER, folder, *map(str, (seed, kills))]
    path = os.pathsep.join([str(SERVER.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(records, kills, ways):
    whole, *rest = records
    assert whole["write"] > 100  # a run has many places to be killed at
    different = [r for r in rest if r["content"] != whole["content"]]
    assert not different
    assert sum(r["killed"] for r in rest) >= kills
    assert {how for r in rest for how in r["how"]} >= ways


def test_killed_a_few_times(tmp_path):
    check(lives(tmp_path, 5, 5), 5, set())


@pytest.mark.long
def test_killed_a_hundred_times(tmp_path):
    check(lives(tmp_path, 11, 100), 100, {"time", "write", "fsync", "rename"})
