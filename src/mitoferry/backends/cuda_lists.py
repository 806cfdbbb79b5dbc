"""CUDA kernels for lists: rows that were marked, rows in bins, entries of a column.

Order never depends on which thread comes first: places are counted, added up, and then filled in order of row; where threads take places as
they come (``place_keys``), the bin is sorted afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.core.order import sort_by_tie

cuda: Any
try:
    from numba import cuda as _numba_cuda
except ImportError:  # the extra is not installed
    cuda = None
else:
    cuda = _numba_cuda

CHUNK = 64  # rows that one thread counts
ADDERS = 256  # threads that add up
LARGEST_BIN = 1024  # rows of a bin that one thread sorts; larger ones are sorted on the host


def zero(flat):
    """Nothing everywhere."""
    i = cuda.grid(1)
    if i < flat.size:
        flat[i] = 0


def take(source, rows, width, target):
    """Entries ``rows`` of a column of ``width`` numbers, one after the other."""
    i = cuda.grid(1)
    if i < rows.size * width:
        j = i // width
        target[i] = source[rows[j] * width + i - j * width]


def put(target, rows, width, source):
    """Set the entries ``rows`` of a column of ``width`` numbers."""
    i = cuda.grid(1)
    if i < rows.size * width:
        j = i // width
        target[rows[j] * width + i - j * width] = source[i]


def count_marks(marks, n, counts):
    """How many rows of a chunk are marked."""
    i = cuda.grid(1)
    if i < counts.size:
        found = 0
        for j in range(i * CHUNK, min(n, i * CHUNK + CHUNK)):
            if marks[j] != 0:
                found += 1
        counts[i] = found


def list_marks(marks, n, ends, rows):
    """The marked rows of a chunk, in order, behind those of the chunks before; ``ends``: counts, added up."""
    i = cuda.grid(1)
    if i < ends.size:
        at = ends[i - 1] if i > 0 else 0
        for j in range(i * CHUNK, min(n, i * CHUNK + CHUNK)):
            if marks[j] != 0:
                rows[at] = j
                at += 1


def add_up(numbers):
    """Every number becomes the sum of all up to it; one block of ADDERS threads."""
    parts = cuda.shared.array(ADDERS, np.int64)
    t = cuda.threadIdx.x
    each = (numbers.size + ADDERS - 1) // ADDERS
    lo = min(t * each, numbers.size)
    hi = min(lo + each, numbers.size)
    total = np.int64(0)
    for j in range(lo, hi):
        total += numbers[j]
    parts[t] = total
    cuda.syncthreads()
    if t == 0:
        so_far = np.int64(0)
        for k in range(ADDERS):
            here = parts[k]
            parts[k] = so_far
            so_far += here
    cuda.syncthreads()
    total = parts[t]
    for j in range(lo, hi):
        total += numbers[j]
        numbers[j] = total


def count_keys(keys, n, start, largest):
    """How many rows have each key, one entry further on."""
    i = cuda.grid(1)
    if i < n and keys[i] >= 0:
        cuda.atomic.max(largest, 0, cuda.atomic.add(start, keys[i] + 1, 1) + 1)


def place_keys(keys, n, next_place, member):
    """Put every row into the next place of its bin."""
    i = cuda.grid(1)
    if i < n and keys[i] >= 0:
        member[cuda.atomic.add(next_place, keys[i], 1)] = i


def copy(source, target):
    """Copy numbers."""
    i = cuda.grid(1)
    if i < target.size:
        target[i] = source[i]


def sort_bins(start, ties, member):
    """Order the rows of a bin by their ties."""
    i = cuda.grid(1)
    if i < start.size - 1:
        sort_by_tie(start[i], start[i + 1], ties, member)


KERNELS = (zero, take, put, count_marks, list_marks, add_up, count_keys, place_keys, copy, sort_bins)

__all__ = ["ADDERS", "CHUNK", "KERNELS", "LARGEST_BIN", *(kernel.__name__ for kernel in KERNELS)]
