"""Zarr v3 groups of one-dimensional tables, as ``run.zarr`` needs them: written and read piece by piece, without the zarr library.

A group is a folder with ``zarr.json``; an array is a folder with ``zarr.json`` (shape, dtype, chunks, codecs) and one
file ``c/<k>`` (``c/<k>/0`` with a second axis) per chunk of rows, little-endian, compressed by Zstandard. Chunks of
nothing but zeros are left out and the last one is filled up with zeros, as the format says. Any Zarr v3 reader opens
them; importing the library and its event loop took longer than writing the frames of a run. Tests:
``tests/unit/test_store_zarr_folder.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.store.atomic import RunFolderError

META = "zarr.json"
LEVEL = 0  # of Zstandard: its own default


def write_group(path: Path, attributes: Mapping[str, Any]) -> None:
    """Make the folder of a group."""
    path.mkdir(parents=True)
    _write_meta(path, {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"})


def write_array(
    path: Path, pieces: Iterable[np.ndarray], *, shape: tuple[int, ...], dtype: Any, chunk: int, attributes: Mapping[str, Any]
) -> None:
    """Write an array of ``shape`` whose rows come in pieces; no more than a piece and a chunk is ever held.

    Args:
        path: its folder, which must not exist.
        pieces: arrays of rows that follow each other.
        shape: (rows,) or (rows, entries per row).
        dtype: of the entries.
        chunk: rows per chunk.
        attributes: unit, meaning ...

    Raises:
        ValueError: the pieces hold another number of rows than ``shape`` says.
        OSError: the disk refused.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    path.mkdir(parents=True)
    _write_meta(path, _meta_of(shape, kind, chunk, attributes))
    held = np.zeros((0, *shape[1:]), kind)
    n = 0
    for piece in pieces:
        held = np.concatenate([held, piece], dtype=kind) if len(held) else np.ascontiguousarray(piece, kind)
        while len(held) >= chunk:
            _write_chunk(_chunk_path(path, n // chunk, len(shape)), held[:chunk])
            held, n = held[chunk:], n + chunk
    if len(held):
        _write_chunk(_chunk_path(path, n // chunk, len(shape)), np.concatenate([held, np.zeros((chunk - len(held), *shape[1:]), kind)]))
    if n + len(held) != shape[0]:
        raise ValueError(f"{path}: {n + len(held)} rows came, {shape[0]} were announced")


def read_rows(path: Path, first: int = 0, last: int | None = None) -> np.ndarray:
    """Rows ``first`` to ``last`` (default: all) of an array that :func:`write_array` wrote.

    Raises:
        RunFolderError: it is missing, damaged, or was written by another program with other chunks or codecs.
    """
    meta = _read_meta(path)
    try:
        shape = tuple(meta["shape"])
        chunk = int(meta["chunk_grid"]["configuration"]["chunk_shape"][0])
        kind = np.dtype(meta["data_type"]).newbyteorder("<")
        known = _meta_of(shape, kind, chunk, meta["attributes"]) == meta
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RunFolderError(f"{path / META} cannot be read ({error!r}): the run folder is damaged") from error
    if not known:
        raise RunFolderError(f"{path}: this array was not written by mitoferry: read it with the zarr library")
    last = shape[0] if last is None else last
    rows = np.zeros((max(last - first, 0), *shape[1:]), kind)
    for k in range(first // chunk, -(-last // chunk)) if last > first else ():
        here, there = max(first, k * chunk), min(last, (k + 1) * chunk)
        content = _read_chunk(_chunk_path(path, k, len(shape)), (chunk, *shape[1:]), kind)
        if content is not None:
            rows[here - first : there - first] = content[here - k * chunk : there - k * chunk]
    return rows.astype(kind.newbyteorder("="), copy=False)


def _meta_of(shape: tuple[int, ...], kind: np.dtype[Any], chunk: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
    endian: dict[str, Any] = {"configuration": {"endian": "little"}} if kind.itemsize > 1 else {}
    return {
        "shape": list(shape), "data_type": kind.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [chunk, *shape[1:]]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "fill_value": 0.0 if kind.kind == "f" else 0,
        "codecs": [{"name": "bytes"} | endian, {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}}],
        "attributes": dict(attributes), "zarr_format": 3, "node_type": "array", "storage_transformers": [],
    }  # fmt: skip


def _chunk_path(path: Path, k: int, axes: int) -> Path:
    return path / "c" / str(k) / "0" if axes > 1 else path / "c" / str(k)


def _codec() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=LEVEL)


def _write_chunk(path: Path, rows: np.ndarray) -> None:
    raw = np.ascontiguousarray(rows).view(np.uint8)
    if raw.any():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_codec().compress(raw.reshape(-1).data, asbytes=True))


def _read_chunk(path: Path, shape: tuple[int, ...], kind: np.dtype[Any]) -> np.ndarray | None:
    size = int(np.prod(shape)) * kind.itemsize
    try:
        packed = path.read_bytes()
        return np.frombuffer(_codec().decompress(packed, decompressed_size=size, asbytes=True), kind).reshape(shape)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read ({error}): the run folder is damaged") from error


def _write_meta(path: Path, meta: Mapping[str, Any]) -> None:
    (path / META).write_text(json.dumps(meta, indent=2), encoding="utf-8")


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((path / META).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path / META} cannot be read ({error}): the run folder is damaged") from error
    return found
