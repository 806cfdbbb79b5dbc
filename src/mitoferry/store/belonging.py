"""Does a checkpoint belong to the run in whose folder it lies, and are the rows written before it still there?

A checkpoint carries the identity of its run (experiment, seed, plate, start), the version and the layout of the state
that wrote it, and size and checksum of every part of tables and frames that it builds upon. Going on from one that does
not belong would end in a run that nobody asked for; going on without its parts, in tables with a hole.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from mitoferry.core.schema import COLUMNS
from mitoferry.store.paths import MANIFEST, SPEC

_BLOCK = 8 << 20
_ELSEWHERE = "It lies in the wrong folder"


def identity(folder: Path) -> dict[str, Any]:
    """What tells the run in ``folder`` from others, as this version of mitoferry sees it; plain values."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        plate = (folder / SPEC).read_bytes() if (folder / SPEC).exists() else b""
    except (OSError, ValueError) as error:
        return {"unreadable": str(error)}
    return {
        "version": _version(),
        "layout": state_layout(),
        "experiment": str(manifest.get("name", "")),
        "seed": manifest.get("seed"),
        "plate": hashlib.sha256(plate).hexdigest()[:16],
        "started": str(manifest.get("started", "")),
    }


def _version() -> str:
    try:
        return metadata.version("mitoferry")
    except metadata.PackageNotFoundError:
        return "unknown"


def state_layout() -> str:
    """Hash of the columns of the state with their types: states of another layout cannot be gone on from."""
    rows = [(table, name, c.dtype, c.shape) for table, columns in COLUMNS.items() for name, c in columns.items()]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def foreign(meta: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """What is wrong with a checkpoint whose meta is ``meta`` in the run ``wanted`` (:func:`identity`); ``None`` if it belongs."""
    found = meta.get("run")
    if not isinstance(found, Mapping):
        return "it does not say to which run it belongs. " + _ELSEWHERE
    here = {key: (found.get(key), value) for key, value in wanted.items() if found.get(key) != value}
    if not here:
        return None
    other = {
        "unreadable": "manifest.json or spec.json of this run cannot be read ({1}), so that nothing tells whether it belongs",
        "version": "written by mitoferry {0}, and this is {1}. Go on with that version, or start the run anew",
        "layout": "written by other code of the same version (its state has other columns). Go on with that code, or start the run anew",
        "experiment": f"of the experiment {{0!r}}, and this run is of {{1!r}}. {_ELSEWHERE}",
        "seed": f"of a run with seed {{0}}, and this one has seed {{1}}. {_ELSEWHERE}",
        "plate": f"of a run with other settings, or spec.json was changed. {_ELSEWHERE}",
        "started": f"of a run of the same experiment that was started at {{0}}, and this one was at {{1}}. {_ELSEWHERE}",
    }
    key = next(key for key in other if key in here)
    return other[key].format(*here[key])


def seal(path: Path) -> list[int]:
    """Size and CRC-32 of a file."""
    size = crc = 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return [size, crc]


def broken_part(meta: Mapping[str, Any], parts: Path) -> str | None:
    """The first of the parts that a checkpoint builds upon which is missing or damaged, in words; ``None`` if all are whole."""
    sealed: Mapping[str, list[int]] = meta.get("parts", {})
    for name, wanted in sealed.items():
        try:
            wrong = None if seal(parts / name) == list(wanted) else "is damaged"
        except OSError as error:
            wrong = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        if wrong is not None:
            return f"{parts / name} {wrong}: rows that were written before this checkpoint are lost"
    return None


def seals(paths: Iterable[Path], known: dict[str, list[int]]) -> dict[str, list[int]]:
    """:func:`seal` of each file by name; ``known`` holds those worked out before, and is brought up to date."""
    now = {path.name: known[path.name] if path.name in known else seal(path) for path in paths}
    known.clear()
    known.update(now)
    return now
