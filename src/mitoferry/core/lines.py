"""Columns that begin with a line of memory.

What a page of 32 mitochondria has in a column of two bytes is then one line of 64 bytes. NumPy lays a large array 16 bytes behind such a
border: every page would have a part of two lines, and registers of 64 bytes be read from both.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LINE = 64  # bytes
FEW = 64  # lines: shorter columns are left where they are


def zeros_on_lines(shape: tuple[int, ...], dtype: Any) -> Any:
    """An array of zeros; a large one begins with a line of memory."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < FEW * LINE:
        return np.zeros(shape, dtype=dtype)
    room = np.zeros(size + LINE, dtype=np.uint8)
    skip = -room.ctypes.data % LINE
    return np.frombuffer(room.data[skip : skip + size], dtype=dtype).reshape(shape)


__all__ = ["LINE", "zeros_on_lines"]
