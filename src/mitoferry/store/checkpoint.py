"""Checkpoints: the state of a run in one checksummed file, two of them in turn so that a good one always stays.

Layout of a file: magic line; the arrays' bytes, one after another, in chunks of at most 8 MiB; an index (JSON: serial
number, meta, and per array its name, dtype, shape and, of each chunk, size in the file and CRC-32); a fixed end (length of
the index, its CRC-32, magic). Every byte of the file is under a checksum or compared. A chunk is packed by Zstandard at
its fastest where that makes it smaller (most do, to a sixth); one of zeros is not written and stands as null. The index
comes last, so that nothing is read twice: threads pack and sum a few chunks ahead of the one that is written, and no
array is copied. A new checkpoint replaces the older of the two files by an atomic rename; a crash or a full
disk while writing it leaves the newer one untouched.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mitoferry.base.errors import CheckpointError, MitoferryWarning
from mitoferry.core.lines import zeros_on_lines
from mitoferry.store.atomic import RunFolderError, finite, replacing
from mitoferry.store.chunks import AHEAD, all_zero, later, pack, threads, unpack

FORMAT = 2
MAGIC = b"mitoferry checkpoint %d\n" % FORMAT
ENDING = b"end of checkpoint\n"
NAMES = ("checkpoint-a.bin", "checkpoint-b.bin")
CHUNK = 8 << 20
_END = struct.Struct(f"<QI{len(ENDING)}s")
_OTHER_FORMAT = re.compile(rb"mitoferry checkpoint (\d{1,4})\n")
_MAX_INDEX = 1 << 28

Check = Callable[[Mapping[str, Any]], str | None]


class DamagedCheckpointWarning(MitoferryWarning):
    """The newest checkpoint was damaged or foreign; the one before it is used."""


@dataclass(frozen=True, slots=True)
class _Head:
    path: Path
    index: dict[str, Any]
    size: int

    @property
    def serial(self) -> int:
        return int(self.index["serial"])


def save_checkpoint(folder: str | Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
    """Write a checkpoint into ``folder`` (made if missing), in place of the older of the two that it holds.

    Args:
        folder: the folder of the checkpoints of one run.
        arrays: the state by name; any shape and dtype but object. Those that lie in memory row by row are not copied.
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
        with replacing(path) as temporary, open(temporary, "wb", buffering=0) as file:
            _write(file, arrays, meta, serial)
    except (RunFolderError, OSError) as error:
        raise CheckpointError(
            f"the checkpoint could not be written: {error} The last good checkpoint is kept: the run can be resumed."
        ) from error
    return path


def load_checkpoint(folder: str | Path, *, check: Check | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the newest good checkpoint of a run.

    Args:
        folder: the folder of the checkpoints, or one checkpoint file.
        check: called with the meta of a checkpoint; says in a few words what is wrong with it (another run's, rows that
            are missing), or ``None``. One that is wrong is treated as a damaged one.

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
            if check is not None and (wrong := check(head.index["meta"])) is not None:
                raise CheckpointError(f"{head.path}: {wrong}")
            arrays = _read(head)
        except (CheckpointError, OSError) as error:
            faults.append(str(error))
            continue
        if faults:
            warnings.warn(DamagedCheckpointWarning("; ".join(faults) + f"; going on from {head.path.name}"), stacklevel=2)
        return arrays, dict(head.index["meta"])
    raise CheckpointError("; ".join(faults) + ". No good checkpoint is left: start the run again in a new folder.")


def any_checkpoint(folder: str | Path) -> bool:
    """Whether a checkpoint, good or not, was ever finished in ``folder``; one that was cut off while being written is none."""
    return any((Path(folder) / name).exists() for name in NAMES)


def remove_checkpoints(folder: str | Path) -> None:
    """Remove the checkpoints of a finished run."""
    folder = Path(folder)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
        (folder / (name + ".partial")).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _chunks(a: np.ndarray) -> Iterator[np.ndarray]:
    """The bytes of an array, chunk by chunk; copied only where it does not lie in memory row by row."""
    flat = np.ascontiguousarray(a).reshape(-1).view(np.uint8) if a.size else np.zeros(0, np.uint8)
    for at in range(0, flat.size, CHUNK):
        yield flat[at : at + CHUNK]


def _write(file: BinaryIO, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any], serial: int) -> None:
    for name, a in arrays.items():
        if a.dtype.hasobject:
            raise CheckpointError(f"array {name!r} of the state holds Python objects and cannot be checkpointed: please report it")
    _put(file, MAGIC)
    entries: list[dict[str, Any]] = []
    with threads() as pool:
        ahead: deque[tuple[list[Any], int, Callable[[], Any]]] = deque()

        def put_next() -> None:
            chunks, k, packed = ahead.popleft()
            data, crc = packed()
            _put(file, data)
            chunks[k] = [len(data), crc]

        for name, a in arrays.items():
            chunks: list[Any] = []
            entries.append({"name": name, "dtype": a.dtype.str, "shape": list(a.shape), "chunks": chunks})
            for chunk in _chunks(a):
                chunks.append(None)
                if not all_zero(chunk):
                    ahead.append((chunks, len(chunks) - 1, later(pool, pack, chunk, size=chunk.size)))
                if len(ahead) > AHEAD:
                    put_next()
        while ahead:
            put_next()
    index = {"serial": serial, "meta": finite(dict(meta)), "chunk": CHUNK, "arrays": entries}
    text = json.dumps(index, allow_nan=False).encode()
    _put(file, text + _END.pack(len(text), zlib.crc32(text), ENDING))


def _put(file: BinaryIO, data: Any) -> None:
    """Write all of ``data`` to an unbuffered file."""
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view) :]


def _fill(file: BinaryIO, target: np.ndarray) -> bool:
    """Fill ``target`` from an unbuffered file; whether there was enough."""
    view = target.data
    while view:
        n = file.readinto(view)  # type: ignore[attr-defined]
        if not n:
            return False
        view = view[n:]
    return True


def _try_head(path: Path) -> _Head | None:
    try:
        return _head(path)
    except (CheckpointError, OSError):
        return None


def _head(path: Path) -> _Head:
    """The index of a checkpoint, of a file whose length and ends are right.

    Raises:
        CheckpointError: it is foreign, cut off or damaged.
    """
    with open(path, "rb") as file:
        start = file.read(len(MAGIC))
        if start != MAGIC:
            raise CheckpointError(f"{path}: {_foreign(start + file.read(8))}")
        size = os.fstat(file.fileno()).st_size
        file.seek(max(size - _END.size, 0))
        end = file.read()
        n, crc, ending = _END.unpack(end) if len(end) == _END.size else (0, 0, b"")
        if ending != ENDING or n > min(_MAX_INDEX, size - len(MAGIC) - _END.size):
            raise CheckpointError(f"{path}: the checkpoint is cut off, or its end is damaged")
        file.seek(size - _END.size - n)
        text = file.read(n)
    if zlib.crc32(text) != crc:
        raise CheckpointError(f"{path}: the checkpoint is damaged (its index does not match its checksum)")
    try:
        head = _Head(path, json.loads(text), size - _END.size - n - len(MAGIC))
        stored = sum(c[0] for e in head.index["arrays"] for _, c in zip(_places(e, head), e["chunks"], strict=True) if c is not None)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a checkpoint that mitoferry wrote (its index makes no sense: {error!r})") from error
    if stored != head.size:
        raise CheckpointError(f"{path}: the checkpoint is damaged ({head.size:,} bytes of state where its index tells of {stored:,})")
    return head


def _foreign(start: bytes) -> str:
    other = _OTHER_FORMAT.match(start)
    if other is None or int(other.group(1)) == FORMAT:
        return "not a mitoferry checkpoint (its first bytes are foreign)"
    return (
        f"a checkpoint of format {int(other.group(1))}, written by another version of mitoferry (this one reads format {FORMAT}): "
        "go on with the version that manifest.json names, or start the run anew"
    )


def _places(entry: Mapping[str, Any], head: _Head) -> list[tuple[int, int]]:
    """Start and length, in the bytes of the array, of its chunks."""
    nbytes, chunk = np.dtype(entry["dtype"]).itemsize * math.prod(entry["shape"]), int(head.index["chunk"])
    return [(at, min(chunk, nbytes - at)) for at in range(0, nbytes, chunk)]


def _read(head: _Head) -> dict[str, np.ndarray]:
    """The arrays, read straight into their memory; other threads check chunk after chunk.

    Raises:
        CheckpointError: a chunk does not match its checksum, or is missing.
    """
    arrays: dict[str, np.ndarray] = {}
    ahead: deque[tuple[str, int, Callable[[], bool]]] = deque()

    def check_next() -> None:
        name, at, good = ahead.popleft()
        if not good():
            where = f"array {name!r}, from its byte {at:,}, does not match its checksum"
            raise CheckpointError(f"{head.path}: the checkpoint is damaged ({where})")

    with open(head.path, "rb", buffering=0) as file, threads() as pool:
        file.seek(len(MAGIC))
        for entry in head.index["arrays"]:
            a = arrays[entry["name"]] = zeros_on_lines(entry["shape"], np.dtype(entry["dtype"]))  # zeros are not resident
            flat = a.reshape(-1).view(np.uint8) if a.size else np.zeros(0, np.uint8)
            for (at, n), chunk in zip(_places(entry, head), entry["chunks"], strict=True):
                part = flat[at : at + n]
                if chunk is None:
                    continue
                data = part if chunk[0] == n else np.empty(chunk[0], np.uint8)
                if not _fill(file, data):
                    raise CheckpointError(f"{head.path}: the checkpoint is cut off")
                ahead.append((entry["name"], at, later(pool, unpack, data, chunk[1], part, size=n)))
                if len(ahead) > AHEAD:
                    check_next()
        while ahead:
            check_next()
    return arrays
