"""Parsed YAML kept in the cache directory: the parser is pure Python and takes a second for the library, JSON milliseconds.

A file of the cache is named after the SHA-256 of the text that it was parsed from, so that it can never be stale, and is
written only if JSON gives back exactly what the parser gave (keys that are no strings, dates and the like are not kept). Where
the cache cannot be written (a read-only home) the text is parsed each time; a damaged file is parsed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitoferry.base.cache import cache_root

FOLDER = "parsed"
FORMAT = "1"  # raise it when the parser or its settings change


def parsed(text: str, parse: Callable[[str], Any]) -> Any:
    """What ``parse`` makes of a text, from the cache where it is there.

    Args:
        text: the content of a file.
        parse: called where the cache does not hold it.
    """
    path = cache_root() / FOLDER / f"{hashlib.sha256((FORMAT + text).encode()).hexdigest()[:32]}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = parse(text)
    if _same(content, kept := _json(content)):
        _write(path, kept)
    return content


def _json(content: Any) -> str:
    try:
        return json.dumps(content, ensure_ascii=False)
    except (TypeError, ValueError):
        return ""


def _same(content: Any, kept: str) -> bool:
    """Whether JSON gives back the same values of the same types."""
    return bool(kept) and _equal(content, json.loads(kept))


def _equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(type(k) is str and _equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)))


def _write(path: Path, text: str) -> None:
    """Whole or not at all; two processes may write the same file at once."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with contextlib.suppress(OSError):  # a cache that cannot be written is no fault: the text is parsed each time
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
