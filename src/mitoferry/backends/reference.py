"""The reference backend: plain Python, one row after the other. Slow, and the standard that the others are held to."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.backends.host_memory import HostMemory
from mitoferry.core.order import sort_rows
from mitoferry.core.schema import PAGE


class Reference(HostMemory):
    """Runs the text of the row functions as it stands.

    Args:
        shuffle: if not ``None``, rows are visited in an order drawn from this seed (for the tests that row order does
            not matter).
    """

    name = "reference"

    def __init__(self, *, shuffle: int | None = None) -> None:
        self._rng = None if shuffle is None else np.random.default_rng(shuffle)

    def _order(self, n: int) -> Any:
        return range(n) if self._rng is None else self._rng.permutation(n).tolist()

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        for i in self._order(n):
            row(i, *args)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        sums = np.zeros(n_sums, dtype=np.int64)
        for h in self._order(n):
            sums[:] = 0
            page = int(cells.first_page[h])
            while page >= 0:
                for k in range(PAGE):
                    slot_row(h, page * PAGE + k, sums, *args)
                page = int(pages.next[page])
            finish_row(h, sums, *args)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        return function(*args)

    def select(self, row: Any, n: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        marks = np.zeros(n, dtype=bool)
        for i in self._order(n):
            marks[i] = row(i, *args) != 0
        return np.flatnonzero(marks)

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = np.zeros((n_groups, n_sums), dtype=np.int64)
        for i in self._order(n):
            sums = np.zeros(n_sums, dtype=np.int64)
            group = row(i, sums, *args)
            if group >= 0:
                found[group] += sums
        return found

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        found = np.zeros(n_groups)
        for i in self._order(n):
            found[groups[i]] = max(found[groups[i]], row(i, *args))
        return found

    def bins(self, n: int, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        sort_rows(n, keys, ties, start, member)
