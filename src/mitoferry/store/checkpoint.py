"""Checkpoints: the state of a run in one checksummed file, two of them in turn so that a good one always stays.

Layout of a file: magic line, length of the header (8 bytes), CRC-32 of the header (4 bytes), header (JSON: serial
number, meta, and per array its name, dtype, shape, place, size and CRC-32), then the arrays' bytes, each aligned to 64.
A new checkpoint replaces the older of the two files by an atomic rename; a crash or a full disk while writing it
leaves the newer one untouched.
"""

from __future__ import annotations

import json
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mitoferry.base.errors import CheckpointError, MitoferryWarning
from mitoferry.store.atomic import RunFolderError, finite, replacing

MAGIC = b"mitoferry checkpoint 1\n"
NAMES = ("checkpoint-a.bin", "checkpoint-b.bin")
_FIXED = struct.Struct("<QI")
_ALIGN = 64
_MAX_HEADER = 1 << 28


class DamagedCheckpointWarning(MitoferryWarning):
    """The newest checkpoint was damaged; the one before it is used."""


@dataclass(frozen=True, slots=True)
class _Head:
    path: Path
    header: dict[str, Any]
    start: int

    @property
    def serial(self) -> int:
        return int(self.header["serial"])


def save_checkpoint(folder: str | Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
    """Write a checkpoint into ``folder`` (made if missing), in place of the older of the two that it holds.

    Args:
        folder: the folder of the checkpoints of one run.
        arrays: the state by name; any shape and dtype but object.
        meta: what else is needed to go on, as JSON; ``tick`` must be there.

    Returns:
        The file written.

    Raises:
        CheckpointError: it could not be written (full disk, rights); the last good one is kept.
    """
    folder = Path(folder)
    if "tick" not in meta:
        raise CheckpointError("a checkpoint's meta must hold its tick: this is a defect of the program, please report it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        heads = [h for name in NAMES if (h := _try_head(folder / name)) is not None]
        newest = max(heads, key=lambda h: h.serial, default=None)
        serial = 1 if newest is None else newest.serial + 1
        path = folder / (NAMES[0] if newest is None or newest.path.name == NAMES[1] else NAMES[1])
        with replacing(path) as temporary, open(temporary, "wb") as file:
            _write(file, arrays, meta, serial)
            file.flush()
    except (RunFolderError, OSError) as error:
        raise CheckpointError(
            f"the checkpoint could not be written: {error} The last good checkpoint is kept: the run can be resumed."
        ) from error
    return path


def load_checkpoint(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the newest good checkpoint of a run.

    Args:
        folder: the folder of the checkpoints, or one checkpoint file.

    Returns:
        The arrays by name (writable, in memory) and the meta.

    Raises:
        CheckpointError: there is none, or none that is whole.
    """
    folder = Path(folder)
    paths = [folder] if folder.is_file() else [folder / name for name in NAMES if (folder / name).exists()]
    if not paths:
        raise CheckpointError(
            f"{folder}: no checkpoint is there: the run was stopped before its first one. Start it again in a new folder."
        )
    heads: list[_Head] = []
    faults: list[str] = []
    for path in paths:
        try:
            heads.append(_head(path))
        except (CheckpointError, OSError) as error:
            faults.append(str(error))
    for head in sorted(heads, key=lambda h: -h.serial):
        try:
            arrays = _read(head)
        except (CheckpointError, OSError) as error:
            faults.append(str(error))
            continue
        if faults:
            warnings.warn(DamagedCheckpointWarning("; ".join(faults) + f"; going on from {head.path.name}"), stacklevel=2)
        return arrays, dict(head.header["meta"])
    raise CheckpointError("; ".join(faults) + ". No good checkpoint is left: start the run again in a new folder.")


def remove_checkpoints(folder: str | Path) -> None:
    """Remove the checkpoints of a finished run."""
    folder = Path(folder)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
        (folder / (name + ".partial")).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _write(file: BinaryIO, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any], serial: int) -> None:
    entries, place = [], 0
    solid = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
    for name, a in solid.items():
        if a.dtype.hasobject:
            raise CheckpointError(f"array {name!r} of the state holds Python objects and cannot be checkpointed: please report it")
        shape = np.shape(arrays[name])
        entries.append(
            {"name": name, "dtype": a.dtype.str, "shape": list(shape), "at": place, "size": a.nbytes, "crc": zlib.crc32(_bytes(a))}
        )
        place += -(-a.nbytes // _ALIGN) * _ALIGN
    header = json.dumps({"serial": serial, "meta": finite(dict(meta)), "arrays": entries, "size": place}, allow_nan=False).encode()
    file.write(MAGIC + _FIXED.pack(len(header), zlib.crc32(header)) + header)
    for a in solid.values():
        file.write(_bytes(a))
        file.write(b"\0" * (-a.nbytes % _ALIGN))


def _bytes(a: np.ndarray) -> memoryview:
    return a.reshape(-1).view(np.uint8).data if a.size else memoryview(b"")


def _try_head(path: Path) -> _Head | None:
    try:
        return _head(path)
    except (CheckpointError, OSError):
        return None


def _head(path: Path) -> _Head:
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise CheckpointError(f"{path}: not a mitoferry checkpoint of this version (its first bytes are foreign)")
        fixed = file.read(_FIXED.size)
        if len(fixed) < _FIXED.size:
            raise CheckpointError(f"{path}: the checkpoint is cut off")
        n, crc = _FIXED.unpack(fixed)
        header = file.read(n) if n <= _MAX_HEADER else b""
        if len(header) < n or zlib.crc32(header) != crc:
            raise CheckpointError(f"{path}: the checkpoint is damaged (its header does not match its checksum)")
    head = _Head(path, json.loads(header), len(MAGIC) + _FIXED.size + n)
    if path.stat().st_size < head.start + int(head.header["size"]):
        raise CheckpointError(f"{path}: the checkpoint is cut off")
    return head


def _read(head: _Head) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    with open(head.path, "rb") as file:
        for entry in head.header["arrays"]:
            a = np.empty(entry["shape"], dtype=np.dtype(entry["dtype"]))
            file.seek(head.start + entry["at"])
            view = _bytes(a)
            n = file.readinto(view) if a.size else 0
            if n != entry["size"] or zlib.crc32(view) != entry["crc"]:
                raise CheckpointError(f"{head.path}: the checkpoint is damaged (array {entry['name']!r} does not match its checksum)")
            arrays[entry["name"]] = a
    return arrays
