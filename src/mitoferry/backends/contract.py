"""What a backend offers to the processes.

A backend may keep the state in a memory of its own (a GPU does). What is in arrays, those of tables and all others alike, belongs to it
from the first launch that takes them: the host calls ``pull`` or ``read`` before it looks, ``push`` after it has written, or lets ``write``
do so. Where a plate is large that is for lists of what happened, never for whole columns: ``select``, ``totals``, ``largest`` and ``bins``
are the passes over all rows that lists are made of. Views of arrays cannot be given to a launch.
"""

from __future__ import annotations

from typing import Any, Protocol


class Backend(Protocol):
    """Runs row functions. All backends give the same numbers (docs/architecture.md says where they may part)."""

    name: str
    own_memory: bool  # whether there may be two copies of an array

    def memory_left(self) -> float:
        """Bytes that are free in the backend's own memory; 0 where it has none, or nobody knows."""

    def each(self, row: Any, n: int, *args: Any) -> None:
        """Call ``row(i, *args)`` for i in range(n), in any order: row i writes only what entity i owns."""

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """For each of the first ``n`` rows h of ``cells``: walk the pages of h, add up integers over its slots, finish.

        ``slot_row(h, slot, sums, *args)`` is called for every *slot* of the chain (occupied or not: look at the
        flags) and adds integers to ``sums`` (int64, length ``n_sums``); ``finish_row(h, sums, *args)`` is called once
        per row with the totals, also for rows without pages. ``slot_row`` may write its own slot only.
        """

    def serial(self, function: Any, *args: Any) -> Any:
        """Run one row function ``function(*args)`` once, in order; returns what it returns: nothing, a number, or several.

        For lists of events that must be treated one after the other: on a GPU one thread does it.
        """

    def select(self, row: Any, n: int, *args: Any) -> Any:
        """The i in range(n), ascending, for which ``row(i, *args)`` is not 0; int64. The row writes only what entity i owns."""

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        """Integers added up by group, int64 [n_groups, n_sums].

        ``row(i, sums, *args)``, for i in range(n), adds to ``sums`` (int64 [n_sums], zero before) and returns the group that they
        count for, -1 for none. It writes only what entity i owns.
        """

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        """The largest number of each group and at least 0, float64 [n_groups]: of ``row(i, *args)`` for i in range(n) in ``groups[i]``."""

    def bins(self, n: int, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """Sort the rows i in range(n) with ``keys[i]`` >= 0 by (key, tie): those of key k become ``member[start[k]:start[k + 1]]``.

        ``start`` has one entry more than there are keys. ``ties`` are whole numbers, unlike within a key.
        """

    def zeros(self, shape: Any, dtype: Any = float) -> Any:
        """An array of zeros, for work: on a backend with a memory of its own it is made there and not copied."""

    def enlarge(self, old: Any, new: Any) -> None:
        """The entries of the array ``old`` become the first ones of ``new``, whose others stay as the host has filled them."""

    def replaced(self, *tables: Any) -> None:
        """Say that these tables have taken the places of others of their kinds, which are to be let go."""

    def read(self, rows: Any, *columns: Any) -> list[Any]:
        """Entries ``rows`` (integers, or a slice) of each of the columns, as they are now: copies."""

    def write(self, rows: Any, column: Any, values: Any) -> None:
        """Set the entries ``rows`` (integers, each once, or a slice) of a column."""

    def pull(self, *tables: Any) -> None:
        """Make the host's copy of these tables or arrays current; call before NumPy code reads them."""

    def push(self, *tables: Any) -> None:
        """Say that NumPy code has written the host's copy of these tables or arrays."""
