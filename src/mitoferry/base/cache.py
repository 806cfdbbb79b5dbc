"""Where mitoferry keeps what can be made again: compiled kernels, parsed library files. Nothing there is ever needed.

What is kept as JSON is named after the SHA-256 of all that it was made from, so that it can never be stale. Where the cache
cannot be written (a read-only home) it is made each time; a damaged file is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

JSON_FOLDERS = ("parsed", "uses", "wiring", "curves")


def cache_root() -> Path:
    """``MITOFERRY_CACHE_DIR``, else the user's cache directory."""
    root = os.environ.get("MITOFERRY_CACHE_DIR")
    return Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "mitoferry"


def kept_file(folder: str, made_from: str) -> Path:
    """File of the cache for what is made from a text.

    Raises:
        ValueError: no such folder.
    """
    if folder not in JSON_FOLDERS:
        raise ValueError(f"{folder} is not among the folders of the cache: mitoferry doctor --prune would not know it")
    return cache_root() / folder / f"{hashlib.sha256(made_from.encode()).hexdigest()[:32]}.json"


def read_kept(path: Path) -> Any:
    """What is kept there.

    Raises:
        LookupError: nothing that can be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LookupError(str(path)) from error


def keep(path: Path, json_text: str) -> None:
    """Write a file of the cache, whole or not at all; two processes may write the same file at once."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with contextlib.suppress(OSError):  # a cache that cannot be written is no fault: what it would hold is made each time
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json_text, encoding="utf-8")
        os.replace(temporary, path)
