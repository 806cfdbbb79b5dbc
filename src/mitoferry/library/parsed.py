"""Parsed YAML kept in the cache directory: the parser is pure Python and takes a second for the library, JSON milliseconds.

What a text was parsed to is kept (``base/cache.py``) only if JSON gives back exactly what the parser gave: keys that are no
strings, dates and the like are not kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from mitoferry.base.cache import keep, kept_file, read_kept

FOLDER = "parsed"
FORMAT = "1"  # raise it when the parser or its settings change


def parsed(text: str, parse: Callable[[str], Any]) -> Any:
    """What ``parse`` makes of a text, from the cache where it is there.

    Args:
        text: the content of a file.
        parse: called where the cache does not hold it.
    """
    path = kept_file(FOLDER, FORMAT + text)
    try:
        return read_kept(path)
    except LookupError:
        content = parse(text)
    if _same(content, kept := _json(content)):
        keep(path, kept)
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
