"""Arrays that begin with a line of memory.

What a page of 32 mitochondria has in a column of two bytes is then one line of 64 bytes. NumPy lays a large array 16 bytes behind such a
border: every page would have a part of two lines, and registers of 64 bytes be read from both.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LINE = 64  # bytes


def zeros_on_lines(shape: Any, dtype: Any, *, border: int = LINE) -> Any:
    """An array of zeros that begins at a multiple of ``border`` bytes."""
    n = math.prod(shape)
    room = np.zeros(n * np.dtype(dtype).itemsize + border, dtype=np.uint8)
    # of its memory: a view of the array would be refused by a backend with a memory of its own
    return np.frombuffer(room.data, dtype=dtype, count=n, offset=-room.ctypes.data % border).reshape(shape)


__all__ = ["LINE", "zeros_on_lines"]
