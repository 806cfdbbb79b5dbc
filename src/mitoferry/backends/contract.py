"""What a backend offers to the processes."""

from __future__ import annotations

from typing import Any, Protocol


class Backend(Protocol):
    """Runs row functions. All backends give the same numbers (docs/architecture.md says where they may part)."""

    name: str

    def each(self, row: Any, n: int, *args: Any) -> None:
        """Call ``row(i, *args)`` for i in range(n), in any order: row i writes only what entity i owns."""

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """For each of the first ``n`` rows h of ``cells``: walk the pages of h, add up integers over its slots, finish.

        ``slot_row(h, slot, sums, *args)`` is called for every *slot* of the chain (occupied or not: look at the
        flags) and adds integers to ``sums`` (int64, length ``n_sums``); ``finish_row(h, sums, *args)`` is called once
        per row with the totals, also for rows without pages. ``slot_row`` may write its own slot only.
        """

    def serial(self, function: Any, *args: Any) -> Any:
        """Run one row function ``function(*args)`` once, on the host, in order; returns what it returns."""

    def pull(self, *tables: Any) -> None:
        """Make the host's copy of the tables current; call before NumPy code reads them."""

    def push(self, *tables: Any) -> None:
        """Say that NumPy code has written the host's copy of the tables."""
