"""Whatever happens to the files that a resumed run builds upon is seen: flipped bits, cuts, swaps, files of other runs.

Planted faults that were seen here: chunks not compared on reading, padding and index left out of the checksums, parts not
sealed, identity not compared.
"""

import json
import shutil
import warnings

import fake_run
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mitoferry.base.errors import CheckpointError
from mitoferry.store import belonging, chunks
from mitoferry.store import checkpoint as c
from mitoferry.store.run_folder import RunWriter, load_checkpoint

ONCE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CHUNK = 512


def state(k):
    rng = np.random.default_rng(k)
    return {
        "mitochondria/birth": rng.integers(0, 2**32, 700, dtype=np.uint32),
        "mitochondria/pore": np.zeros(900, np.uint8),  # chunks of zeros are not stored
        "mitochondria/copies": np.where(np.arange(2000) < 1200, 0, rng.integers(0, 9, 2000)).astype(np.uint8).reshape(-1, 4),
        "pages/n_free": np.array([k], np.int64),
        "links/id": np.zeros((0, 3), np.uint32),
    }


def same(a, b):
    return set(a) == set(b) and all(a[n].dtype == b[n].dtype and a[n].shape == b[n].shape and a[n].tobytes() == b[n].tobytes() for n in a)


def unfinished(folder, *, seed=1, name="fake", ticks=(3600, 7200)):
    """A run with a checkpoint at each of ``ticks`` and parts up to it."""
    spec = fake_run.fake_spec(replicates=2, arms=["injured_alone", "coculture"])
    writer = RunWriter.create(folder, spec, fake_run.manifest_of(spec) | {"seed": seed, "name": name}, files={"spec.json": {"x": 1}})
    for tick in ticks:
        writer.append_readings([(w, tick, "annexin_pi", "apoptosis", "recipient", 0.25 * w, "%") for w in range(4)])
        writer.checkpoint(tick, state(tick))
    writer.close()
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(c, "CHUNK", CHUNK)
    monkeypatch.setattr(chunks, "_WORTH_PACKING", 256)
    monkeypatch.setattr(chunks, "_WORTH_A_THREAD", 300)
    return unfinished(tmp_path / "run")


def files(run):
    return sorted([*(run / "checkpoints").iterdir(), *(run / "parts").iterdir()])


def loaded(run):
    """(tick or None, arrays, what was said) of loading the checkpoint of a run."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            arrays, meta = load_checkpoint(run)
        except CheckpointError as error:
            return None, {}, str(error)
    return meta["tick"], arrays, " ".join(str(w.message) for w in said)


def expect(run, path, tick=7200):
    """After ``path`` was damaged: the newest checkpoint is used only if it does not build upon it, and what is wrong is said."""
    found, arrays, said = loaded(run)
    older, newer = c.NAMES[0], c.NAMES[1]
    wanted = {older: 7200, newer: 3600}.get(path.name, 3600 if "007200" in path.name else None)
    assert found == wanted, said
    if found is not None:
        assert same(arrays, state(found))
    if path.name != older:
        assert path.name in said
        assert "damaged" in said or "cut off" in said or "foreign" in said or "another version" in said or "missing" in said, said
        assert ("going on from checkpoint-a.bin" in said) if found else ("start the run again in a new folder" in said)


@ONCE
@given(which=st.integers(0, 3), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_seen(run, which, where, bit):
    path = files(run)[which]
    whole = path.read_bytes()
    data = bytearray(whole)
    data[int(where * len(data))] ^= 1 << bit
    path.write_bytes(bytes(data))
    expect(run, path)
    path.write_bytes(whole)
    assert loaded(run)[0] == 7200
    assert loaded(run)[2] == ""


@ONCE
@given(which=st.integers(0, 3), left=st.floats(0, 1, exclude_max=True), more=st.binary(min_size=1, max_size=80), longer=st.booleans())
def test_a_file_that_is_too_short_or_too_long_is_seen(run, which, left, more, longer):
    path = files(run)[which]
    whole = path.read_bytes()
    path.write_bytes(whole + more if longer else whole[: int(left * len(whole))])
    expect(run, path)
    path.write_bytes(whole)


def test_two_hundred_flips_are_all_seen(run):
    """No damage is silently accepted: counted over all files that the newest checkpoint builds upon."""
    rng, seen = np.random.default_rng(2), 0
    for _ in range(200):
        path = files(run)[int(rng.integers(1, 4))]
        whole = path.read_bytes()
        data = bytearray(whole)
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        tick, _, said = loaded(run)
        seen += tick != 7200 and path.name in said
        path.write_bytes(whole)
    assert seen == 200


def test_swapped_files_and_two_copies_of_one(run):
    older, newer = (run / "checkpoints" / name for name in c.NAMES)
    third = newer.with_name("x")
    older.rename(third)
    newer.rename(older)
    third.rename(newer)
    assert loaded(run)[::2] == (7200, "")  # the newest by what it says, not by its name
    shutil.copy(older, newer)
    assert loaded(run)[::2] == (7200, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 2}, "seed 2, and this one has seed 1"),
        ({"name": "other"}, "experiment 'other'"),
        ({}, "started"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(run, tmp_path, changes, said, monkeypatch):
    if not changes:
        monkeypatch.setattr(fake_run, "manifest_of", lambda spec: json.loads((run / "manifest.json").read_text()) | {"started": "long ago"})
    other = unfinished(tmp_path / "other", **changes)
    newest = run / "checkpoints" / c.NAMES[1]
    shutil.copy(other / "checkpoints" / c.NAMES[1], newest)
    tick, arrays, message = loaded(run)
    assert tick == 3600
    assert same(arrays, state(3600))
    assert said in message
    assert str(newest) in message
    assert "going on from checkpoint-a.bin" in message
    shutil.copy(other / "checkpoints" / c.NAMES[0], run / "checkpoints" / c.NAMES[0])
    assert loaded(run)[0] is None


def test_a_changed_specification_is_seen(run):
    (run / "spec.json").write_text('{"x": 2}', encoding="utf-8")
    tick, _, said = loaded(run)
    assert tick is None
    assert "other settings" in said


@pytest.mark.parametrize(("what", "said"), [("_version", "mitoferry .*Go on with that version"), ("state_layout", "Go on with that code")])
def test_another_version_is_refused(run, monkeypatch, what, said):
    monkeypatch.setattr(belonging, what, lambda: "99.0")
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(run)


def test_a_checkpoint_of_an_older_format_says_which(run):
    for name in c.NAMES:
        path = run / "checkpoints" / name
        path.write_bytes(path.read_bytes().replace(c.MAGIC, b"mitoferry checkpoint 1\n"))
    _, _, said = loaded(run)
    assert "format 1, written by another version of mitoferry" in said
    assert "manifest.json names" in said


def test_a_part_that_was_removed_is_missed(run):
    older, newer = sorted((run / "parts").iterdir())
    newer.unlink()
    tick, _, said = loaded(run)
    assert tick == 3600
    assert f"{newer} is missing" in said
    older.unlink()
    tick, _, said = loaded(run)
    assert tick is None
    assert "start the run again" in said


def test_chunks_of_zeros_are_not_stored(tmp_path, monkeypatch):
    a = {"a": np.zeros(1 << 20, np.float32), "b": np.ones(4, np.uint8)}
    a["a"][-1] = -0.0  # a bit is set, though it equals zero
    path = c.save_checkpoint(tmp_path, a, {"tick": 0})
    assert path.stat().st_size < a["a"].nbytes + 4096
    a["a"][-1] = 0.0
    path = c.save_checkpoint(tmp_path, a, {"tick": 0})
    assert path.stat().st_size < 4096
    back, _ = c.load_checkpoint(path)
    assert same(back, a)
    monkeypatch.setattr(c, "CHUNK", 7)  # chunks of any size can be read back, whatever this version writes
    assert same(c.load_checkpoint(path)[0], a)
    a["b"] = np.arange(100, dtype=np.uint8)[::3]
    assert same(c.load_checkpoint(c.save_checkpoint(tmp_path, a, {"tick": 0}))[0], a)
