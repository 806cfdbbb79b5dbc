"""Files that are either whole or absent: written beside their place, forced to disk, then renamed.

A full disk, a quota or a read-only file system is reported as a :class:`RunFolderError` that says what is kept.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mitoferry.base.errors import MitoferryError

TEMPORARY = ".partial"


class RunFolderError(MitoferryError):
    """A run folder could not be written or read: full disk, missing rights, damaged or missing files."""

    exit_code = 4


def explain(error: OSError, path: Path, doing: str) -> str:
    """One sentence on what went wrong with ``path`` and what to do."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return f"{doing} {path}: the disk is full. Free some space; what was written before is kept."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{doing} {path}: no permission to write there. Choose another place."
    return f"{doing} {path}: {error.strerror or error}."


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well, and is removed otherwise.

    Raises:
        RunFolderError: the operating system refused (full disk, rights).
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        _discard(temporary)
        raise RunFolderError(explain(error, path, "could not write")) from error
    except BaseException:
        _discard(temporary)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8 to ``path``, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any, *, default: Callable[[Any], Any] = str) -> None:
    """Write ``value`` as JSON; numbers that JSON lacks (NaN, infinity) become null."""
    write_text(path, json.dumps(finite(value), indent=1, default=default, ensure_ascii=False, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """``value`` with plain Python numbers, and None in place of NaN and infinities."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [finite(v) for v in value]
    if hasattr(value, "tolist") and not isinstance(value, str | bytes):
        return finite(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _sync(path: Path) -> None:
    """Force a file or a folder to disk; folders cannot be synced everywhere."""
    if path.is_dir() and os.name == "nt":
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir() or error.errno in (errno.ENOSPC, errno.EIO):
            raise
    finally:
        os.close(handle)


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
