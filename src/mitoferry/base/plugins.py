"""What other packages add: their entry points, looked up once for each ``sys.path``, since looking takes milliseconds per group."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import metadata
from typing import Any


def points(group: str) -> list[metadata.EntryPoint]:
    """Entry points of a group ("mitoferry.processes"), by name."""
    return sorted(_all(tuple(sys.path)).select(group=group), key=lambda point: point.name)


@lru_cache(maxsize=4)
def _all(path: tuple[str, ...]) -> Any:
    return metadata.entry_points()
