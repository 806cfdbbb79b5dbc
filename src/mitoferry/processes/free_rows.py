"""Rows of a table that nobody uses, found without a look at the whole table where the first few will do."""

from __future__ import annotations

from typing import Any

import numpy as np

FIRST = 4096  # rows that are looked at first; then twice as many each time


def first_rows(backend: Any, is_free: Any, n: int, in_use: int, *args: Any) -> Any:
    """The first ``n`` rows that are free, then those after the ``in_use`` first ones; int64 [n], ascending.

    Args:
        backend: runs ``is_free``.
        is_free: row function ``is_free(k, first, *args)``: not 0 where row ``first + k`` is free.
        n: rows that are needed; the caller makes sure that the table has them.
        in_use: rows of the table up to the last one that is in use.
        args: what ``is_free`` is given.
    """
    found: list[Any] = []
    missing, first, length = n, 0, max(FIRST, 4 * n)
    while missing > 0 and first < in_use:
        rows = first + backend.select(is_free, min(length, in_use - first), first, *args)[:missing]
        found.append(rows)
        missing -= rows.size
        first, length = first + length, 2 * length
    return np.concatenate([*found, in_use + np.arange(missing)]).astype(np.int64)
