"""A run from the command line: the files it leaves, kill and resume at any moment, threads, seeds."""

import signal
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from runs import content, manifest, mitoferry, start, tiny, wait_for

FILES = {"report.html", "table.parquet", "summary.json", "run.zarr", "events.parquet", "manifest.json", "COMPLETE"}
LONG = {"until": "96 h"}


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A run of two hours that nobody disturbs."""
    folder = tmp_path_factory.mktemp("short")
    mitoferry("run", tiny(folder), "--out", folder / "run", "--threads", 2)
    return folder / "run"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of a day and a half that nobody disturbs, and how long it took [s] after its specification was written."""
    folder = tmp_path_factory.mktemp("whole")
    process = start("run", tiny(folder, **LONG), "--out", folder / "run")
    wait_for((folder / "run" / "manifest.json").exists, process)
    begun = time.monotonic()
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return folder / "run", time.monotonic() - begun


def killed(folder, when, *, how=signal.SIGKILL):
    """A run of a day and a half in ``folder`` that was sent a signal ``when(run, process)`` returned; what it said."""
    run = folder / "run"
    process = start("run", tiny(folder, **LONG), "--out", run)
    assert wait_for((run / "manifest.json").exists, process)
    when(run, process)
    process.send_signal(how)
    out, err = process.communicate(timeout=120)
    return run, process.returncode, out + err


def checkpoints(n):
    """Wait until the ``n``-th checkpoint of the run stands."""

    def when(run, process):
        seen = set()

        def enough():
            seen.update((p.name, p.stat().st_mtime_ns) for p in (run / "checkpoints").glob("*.bin"))
            return len(seen) >= n

        assert wait_for(enough, process)

    return when


# ---------------------------------------------------------------------- what a run leaves
def test_a_run_leaves_its_folder(short):
    assert {p.name for p in short.iterdir()} >= FILES
    assert not {p.name for p in short.iterdir()} & {"RUNNING", "parts", "checkpoints"}
    table = pq.read_table(short / "table.parquet").to_pandas()
    assert {"arm", "replicate", "tick", "readout", "of", "value", "unit"} <= set(table.columns)
    assert set(table["arm"]) == {"coculture", "injured_alone"}
    assert set(table["replicate"]) == {0, 1}
    events = pq.read_table(short / "events.parquet").to_pandas()
    m = manifest(short)
    assert m["state"] == "complete"
    assert m["seed"] == 7
    assert m["ledger"]["handed_over"] == (events["kind"].astype(str) == "handover").sum() > 0
    assert m["ledger"]["now"]["mitochondria"] == (
        m["ledger"]["at_time_zero"]["mitochondria"] + m["ledger"]["born"] - m["ledger"]["degraded"] - m["ledger"]["lysed"]
    )
    assert "<html" in (short / "report.html").read_text(encoding="utf-8")


def test_a_finished_run_is_not_resumed(short):
    before = {p: p.stat().st_mtime_ns for p in short.rglob("*")}
    assert "finished run" in mitoferry("resume", short, code=2).stderr
    assert {p: p.stat().st_mtime_ns for p in short.rglob("*")} == before


@pytest.mark.long
def test_threads_change_nothing_and_the_seed_does(short, tmp_path):
    file = tiny(tmp_path)
    mitoferry("run", file, "--out", tmp_path / "one", "--threads", 1)
    assert content(tmp_path / "one") == content(short)
    mitoferry("run", file, "--out", tmp_path / "other", "--seed", 8)
    assert manifest(tmp_path / "other")["seed"] == 8
    assert manifest(tmp_path / "other")["state_digest"] != manifest(short)["state_digest"]


# ---------------------------------------------------------------------- kill and resume
def test_killed_after_the_second_checkpoint(whole, tmp_path):
    run, code, _ = killed(tmp_path, checkpoints(2))
    assert code == -signal.SIGKILL
    mitoferry("resume", run)
    assert content(run) == content(whole[0])
    assert {p.name for p in run.iterdir()} >= FILES


@pytest.mark.long
@pytest.mark.parametrize("draw", range(3))
def test_killed_at_a_random_moment(whole, tmp_path, draw):
    """SIGKILL at random moments between the first file and the last, and once more while it goes on."""
    rng = np.random.default_rng(100 + draw)
    wait = rng.uniform(0.0, 1.0) * whole[1]
    run, code, _ = killed(tmp_path, lambda run, process: time.sleep(wait))
    if (run / "COMPLETE").exists():
        assert content(run) == content(whole[0])
        return
    assert code == -signal.SIGKILL
    process = start("resume", run)
    time.sleep(rng.uniform(1.0, 1.0 + whole[1]))
    process.kill()
    process.communicate()
    if not (run / "COMPLETE").exists():
        mitoferry("resume", run, "--threads", 1)
    assert content(run) == content(whole[0])


@pytest.mark.long
def test_ctrl_c_says_how_to_go_on(whole, tmp_path):
    run, code, said = killed(tmp_path, checkpoints(1), how=signal.SIGINT)
    assert code == 130, said
    assert f"mitoferry resume {run}" in said
    assert "Traceback" not in said
    mitoferry("resume", run)
    assert content(run) == content(whole[0])


@pytest.mark.long
@pytest.mark.parametrize("damage", ["a flipped byte", "cut short", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(whole, tmp_path, damage):
    run, _, _ = killed(tmp_path, checkpoints(2))
    files = sorted((run / "checkpoints").glob("*.bin"), key=lambda p: p.stat().st_mtime_ns)
    assert len(files) == 2
    data = bytearray(files[-1].read_bytes())
    data[len(data) // 2] ^= 0x10
    files[-1].write_bytes({"a flipped byte": bytes(data), "cut short": bytes(data[: len(data) // 3]), "empty": b""}[damage])
    said = mitoferry("resume", run).stderr
    assert "damaged" in said
    assert content(run) == content(whole[0])


def test_without_any_good_checkpoint_it_says_so(tmp_path):
    run, _, _ = killed(tmp_path, checkpoints(1))
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"mitoferry checkpoint 1\nnonsense")
    assert "checkpoint" in mitoferry("resume", run, code=4).stderr
