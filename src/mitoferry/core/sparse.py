"""Columns of which most entries are 0: arrays of which only what somebody has written is in memory.

A system hands out memory page by page, when it is first written; reading a page that nobody has written costs nothing. NumPy asks for
huge pages (2 MiB) for large arrays, so that one entry brings a million others with it: not here.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import sys
from typing import Any

import numpy as np

from mitoferry.core.lines import zeros_on_lines

BLOCK = 4096  # bytes: what is compared at a time; the page of most systems


def sparse_zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    """An array of zeros, of which only the pages that are written will be resident (where the system can: Linux)."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < BLOCK or not hasattr(mmap, "MADV_NOHUGEPAGE") or sys.platform != "linux":
        return zeros_on_lines(shape, dtype)
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        room.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(room, dtype=dtype, count=math.prod(shape)).reshape(shape)


def write_changes(target: Any, source: Any) -> None:
    """``target[:] = source`` for contiguous arrays of one size and dtype, leaving alone the pages that hold these bytes already."""
    to, of = (a.reshape(-1).view(np.uint8) for a in (target, source))
    whole = to.size // BLOCK * BLOCK
    blocks, given = (a[:whole].view(np.uint64).reshape(-1, BLOCK // 8) for a in (to, of))
    differs = (blocks != given).any(axis=1)
    if differs.any():
        blocks[differs] = given[differs]
    if (to[whole:] != of[whole:]).any():
        to[whole:] = of[whole:]
