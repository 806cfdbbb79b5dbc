"""What a row function changes is among what its text says that it may write; what it only reads is left out.

Faults seen to fail it, planted in a copy of the package: entries that are assigned not counted, a row of an array taken for a number, a
column that is handed on taken as read.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from cuda_cases import CASES, name_of, run

from mitoferry.backends.reference import Reference
from mitoferry.backends.writes import arguments_written, columns_written
from mitoferry.core.ledger import count_page, take_tallies
from mitoferry.core.row import row
from mitoferry.processes.energetics import advance_cell
from mitoferry.processes.motion import push_row


class Given(NamedTuple):
    """A table."""

    read: Any
    written: Any
    added: Any
    handed: Any
    by_row: Any
    renamed: Any
    looked_at: Any
    kept: Any


@row
def write_row(column, i, value):
    """Write an entry."""
    column[i] = value


@row
def read_row(column, i):
    """Read an entry."""
    return float(column[i, 0]) + len(column) + column.shape[0]


@row
def many_ways(i, given, array, other, n):
    """Entries are written, one way or another."""
    given.written[i, 0] = float(given.read[i, 0]) + n
    given.added[i, 0] += int(given.read[i, 1]) if given.read[i, 0] > 0.0 else -given.read[i, 0]
    write_row(given.handed, i, 3.0)
    part = given.by_row[i]
    part[0] = 4.0
    name = given.renamed
    name[i, 1] = 5.0
    array[i] = read_row(given.looked_at, i) + read_row(other, i) + float(given.kept[int(given.read[i, 1]), 0])


def test_the_ways_to_write():
    assert columns_written(many_ways) & set(Given._fields) == {"written", "added", "handed", "by_row", "renamed"}
    assert arguments_written(many_ways) - {0, 4} == {2}


def test_what_processes_write():
    assert {"atp", "psi"} <= columns_written(advance_cell)
    assert not {"demand", "sums", "env", "volume", "nodes"} & columns_written(advance_cell)
    assert {"tally"} == columns_written(take_tallies) & {"tally", "ledger", "well", "state"}
    assert not {"owner", "flags", "mass", "copies"} & columns_written(count_page)
    assert arguments_written(count_page) >= {1}
    assert not {"radius", "well", "state", "start", "member"} & columns_written(push_row)


def arrays_of(args):
    """All arrays among arguments: (place, column or "", array)."""
    for k, arg in enumerate(args):
        if isinstance(arg, np.ndarray):
            yield k, "", arg
        elif isinstance(arg, tuple) and hasattr(arg, "_fields"):
            yield from ((k, name, x) for name, x in zip(arg._fields, arg, strict=True) if isinstance(x, np.ndarray))


class Watching(Reference):
    """Plain Python that looks whether anything changes that should not."""

    def __init__(self):
        super().__init__()
        self.wrong: set[str] = set()
        self.changed = 0

    def watched(self, call, args, places, *rows):
        before = [(k, name, x, x.copy()) for k, name, x in arrays_of(args)]
        found = call()
        for k, name, x, old in before:
            if not np.array_equal(x, old, equal_nan=x.dtype.kind == "f"):
                self.changed += 1
                foretold = name in columns_written(*rows) if name else any(k + first in arguments_written(r) for r, first in places)
                if not foretold:
                    self.wrong.add(f"{name_of(rows[0])}: {name or f'argument {k}'}")
        return found

    def each(self, row, n, *args):
        self.watched(lambda: super(Watching, self).each(row, n, *args), args, [(row, 1)], row)

    def gather(self, slot_row, finish_row, n_sums, n, cells, pages, *args):
        places = [(slot_row, 3), (finish_row, 2)]
        self.watched(
            lambda: super(Watching, self).gather(slot_row, finish_row, n_sums, n, cells, pages, *args), args, places, slot_row, finish_row
        )

    def serial(self, function, *args):
        return self.watched(lambda: super(Watching, self).serial(function, *args), args, [(function, 0)], function)

    def select(self, row, n, *args):
        return self.watched(lambda: super(Watching, self).select(row, n, *args), args, [(row, 1)], row)

    def totals(self, row, n, n_groups, n_sums, *args):
        return self.watched(lambda: super(Watching, self).totals(row, n, n_groups, n_sums, *args), args, [(row, 2)], row)

    def largest(self, row, n, n_groups, groups, *args):
        return self.watched(lambda: super(Watching, self).largest(row, n, n_groups, groups, *args), args, [(row, 1)], row)


@pytest.mark.parametrize("name", CASES)
def test_nothing_else_changes(name):
    backend = Watching()
    run(CASES[name], backend)
    assert backend.changed > 100
    assert not backend.wrong
