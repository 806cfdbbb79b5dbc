"""Checkpoints: what is written comes back; damage is seen; the last good one is kept."""

import errno
import warnings

import numpy as np
import pytest

from mitoferry.base.errors import CheckpointError
from mitoferry.store import checkpoint as c


def state(k=1):
    rng = np.random.default_rng(k)
    return {
        "cells/x": rng.random(1001).astype(np.float32),
        "wells/key": rng.integers(0, 2**32, (4, 3), dtype=np.uint32),
        "flag": np.array([True, False]),
        "none": np.zeros((0, 4), np.int64),
        "tick": np.array(k),
    }


def same(a, b):
    return set(a) == set(b) and all(a[n].dtype == b[n].dtype and a[n].shape == b[n].shape and a[n].tobytes() == b[n].tobytes() for n in a)


def test_round_trip_and_rotation(tmp_path):
    for k in (1, 2, 3):
        c.save_checkpoint(tmp_path, state(k), {"tick": k * 60, "note": "ä", "bad": float("nan")})
        arrays, meta = c.load_checkpoint(tmp_path)
        assert same(arrays, state(k))
        assert meta == {"tick": k * 60, "note": "ä", "bad": None}
        assert arrays["cells/x"].flags.writeable
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(c.NAMES)
    c.remove_checkpoints(tmp_path)
    assert not tmp_path.exists()


def test_non_contiguous_arrays(tmp_path):
    a = np.arange(24).reshape(4, 6).T[::2]
    c.save_checkpoint(tmp_path, {"a": a}, {"tick": 0})
    assert np.array_equal(c.load_checkpoint(tmp_path)[0]["a"], a)


@pytest.mark.parametrize("damage", ["cut", "cut_in_header", "flip_data", "flip_header", "foreign", "empty", "pickle"])
def test_damage_is_seen_and_the_one_before_is_used(tmp_path, damage):
    c.save_checkpoint(tmp_path, state(1), {"tick": 60})
    newest = c.save_checkpoint(tmp_path, state(2), {"tick": 120})
    data = bytearray(newest.read_bytes())
    if damage.startswith("cut"):
        data = data[: 30 if damage == "cut_in_header" else len(data) // 2]
    elif damage == "flip_data":
        data[-400] ^= 4
    elif damage == "flip_header":
        data[60] ^= 1
    else:
        data = {"foreign": b"\x89HDF\r\n" + bytes(500), "empty": b"", "pickle": b"\x80\x04K\x01."}[damage]
    newest.write_bytes(bytes(data))
    with pytest.warns(c.DamagedCheckpointWarning, match="going on from checkpoint-a"):
        arrays, meta = c.load_checkpoint(tmp_path)
    assert meta["tick"] == 60
    assert same(arrays, state(1))
    (tmp_path / c.NAMES[0]).unlink()
    with pytest.raises(CheckpointError, match="start the run again"):
        c.load_checkpoint(tmp_path)


def test_every_flipped_bit_of_a_small_checkpoint_is_seen(tmp_path):
    path = c.save_checkpoint(tmp_path, {"a": np.arange(4, dtype=np.int16)}, {"tick": 1})
    data = path.read_bytes()
    used = len(data) - (64 - 8)  # padding after the last array carries nothing
    for at in range(used):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        with pytest.raises(CheckpointError):
            c.load_checkpoint(tmp_path)


def test_no_checkpoint_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match="Start it again in a new folder"):
        c.load_checkpoint(tmp_path / "nothing")


@pytest.mark.parametrize("where", ["write", "fsync"])
def test_full_disk_keeps_the_last_good_one(tmp_path, monkeypatch, where):
    c.save_checkpoint(tmp_path, state(1), {"tick": 60})
    c.save_checkpoint(tmp_path, state(2), {"tick": 120})

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "write":
        monkeypatch.setattr(c, "_write", full)
    else:
        monkeypatch.setattr("mitoferry.store.atomic.os.fsync", full)
    with pytest.raises(CheckpointError, match=r"disk is full.*last good checkpoint is kept") as raised:
        c.save_checkpoint(tmp_path, state(3), {"tick": 180})
    assert raised.value.exit_code == 4
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arrays, meta = c.load_checkpoint(tmp_path)
    assert meta["tick"] == 120
    assert same(arrays, state(2))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(c.NAMES)  # nothing half-written stays


def test_objects_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="Python objects"):
        c.save_checkpoint(tmp_path, {"a": np.array([None])}, {"tick": 0})
