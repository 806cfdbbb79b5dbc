"""A mark of the model: runs, and what is derived from the shipped experiments, hold for one model only."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_MODEL = ("core", "backends", "space", "processes", "assays", "library", "experiment")


def model_digest() -> str:
    """SHA-256 over the code and data that decide what a run gives: runs of another model are not mixed into a board."""
    return digest_of(*_MODEL)


@cache
def digest_of(*rooms: str) -> str:
    """SHA-256 over the code and data in folders of the package."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for room in rooms:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.relative_to(root).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
