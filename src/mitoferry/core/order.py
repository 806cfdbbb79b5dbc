"""Order among rows: which lie in the same bin."""

from __future__ import annotations

from mitoferry.core.row import row


@row
def sort_rows(n, keys, ties, start, member):
    """Counting sort of the rows i < n with ``keys[i]`` >= 0 by key, then by ``ties[i]`` among those of a key (serial).

    Those of key k become ``member[start[k]:start[k + 1]]``. Few rows have the same key, or they come nearly in order of their ties.
    """
    n_keys = len(start) - 1
    for k in range(n_keys + 1):
        start[k] = 0
    for i in range(n):
        k = int(keys[i])
        if k >= 0:
            start[k + 1] += 1
    for k in range(n_keys):
        start[k + 1] += start[k]
    # start[k] is moved up to the end of bin k while it fills, then put back
    for i in range(n):
        k = int(keys[i])
        if k >= 0:
            end = int(start[k])
            member[end] = i
            start[k] = end + 1
    for j in range(n_keys):
        k = n_keys - j
        start[k] = start[k - 1]
    start[0] = 0
    for k in range(n_keys):
        sort_by_tie(int(start[k]), int(start[k + 1]), ties, member)


@row
def sort_by_tie(lo, hi, ties, member):
    """Insertion sort of ``member[lo:hi]`` by ``ties``."""
    for j in range(lo + 1, hi):
        i = int(member[j])
        tie = int(ties[i])
        m = j
        while m > lo and int(ties[int(member[m - 1])]) > tie:
            member[m] = member[m - 1]
            m -= 1
        member[m] = i


__all__ = ["sort_by_tie", "sort_rows"]
