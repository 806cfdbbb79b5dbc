"""Where mitoferry keeps what can be made again: compiled kernels, parsed library files. Nothing there is ever needed."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """``MITOFERRY_CACHE_DIR``, else the user's cache directory."""
    root = os.environ.get("MITOFERRY_CACHE_DIR")
    return Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "mitoferry"
