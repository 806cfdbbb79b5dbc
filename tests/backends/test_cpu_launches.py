"""How the CPU backend hands tables and rows to compiled code: words that are kept, helper threads, four bytes read at once."""

import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.lanes import COPIES_EVEN, copies_word, lane
from mitoferry.core.row import row
from mitoferry.core.schema import PAGE, allocate


class Pair(NamedTuple):
    """Two columns."""

    first: Any
    second: Any


@row
def add_row(i, pair):
    """The second column goes on top of the first."""
    pair.first[i] = float(pair.first[i]) + float(pair.second[i])


@row
def words_row(i, copies, words, sums):
    """The words of a page, and what their halves add up to."""
    even, odd = 0, 0
    for k in range(PAGE):
        word = copies_word(copies, lane(i * PAGE, k))
        words[i * PAGE + k] = word
        even += word & COPIES_EVEN
        odd += (word >> 8) & COPIES_EVEN
    sums[i, 0] = even & 0xFFFF
    sums[i, 1] = odd & 0xFFFF
    sums[i, 2] = even >> 16
    sums[i, 3] = odd >> 16


def test_a_table_that_shares_its_first_column_with_an_earlier_one_is_another_table():
    """Fault seen to fail it, planted in a copy of the package: words are found again by the first column alone."""
    backend = Cpu(threads=1)
    first = np.zeros(8)
    for second in (np.full(8, 1.0), np.full(8, 10.0), np.full(8, 100.0)):
        for _ in range(2):
            backend.each(add_row, 8, Pair(first, second))
    assert (first == 222.0).all()


def test_columns_that_are_gone_are_not_read_again():
    """New columns often lie where old ones lay, under the same identity; what is kept of a table must not outlive its columns."""
    backend = Cpu(threads=1)
    total = 0.0
    for k in range(600):  # more than are remembered
        n = 4 + k % 5
        pair = Pair(np.zeros(n), np.full(n, float(k)))
        backend.each(add_row, n, pair)
        total += float(pair.first.sum()) - n * k
    assert total == 0.0
    gone = weakref.ref(pair.first)
    del pair
    assert gone() is None, "the backend does not keep what it was given"


@row
def add_both_row(i, one, other):
    """The second columns of both go on top of the first."""
    one.first[i] = float(one.first[i]) + float(one.second[i]) + 1000.0 * float(other.second[i])


def test_two_tables_of_one_call_that_share_their_first_column():
    """Fault seen to fail it (a crash), planted in a copy of the package: a repeated call does not look whether the columns are the same."""
    backend = Cpu(threads=1)
    first, ones, twos = np.zeros(4), np.full(4, 1.0), np.full(4, 2.0)
    for _ in range(3):
        backend.each(add_both_row, 4, Pair(first, ones), Pair(first, twos))
    assert (first == 3 * 2001.0).all()
    backend.each(add_both_row, 4, Pair(first, twos), Pair(first, ones))
    assert (first == 3 * 2001.0 + 1002.0).all()


@pytest.mark.parametrize("backend", [Reference(), Cpu(threads=1), Cpu(threads=2, eager=True)], ids=["reference", "1", "2"])
def test_copies_read_at_once_are_those_of_the_four_haplotypes(backend):
    """Fault seen to fail it, planted in a copy of the package: the compiled reader looks one byte further."""
    copies = np.random.default_rng(1).integers(0, 256, (3 * PAGE, 4)).astype(np.uint8)
    copies[:PAGE] = 255  # the largest sums
    words, sums = np.zeros(3 * PAGE, dtype=np.int64), np.zeros((3, 4), dtype=np.int64)
    backend.each(words_row, 3, copies, words, sums)
    assert (words == (copies.astype(np.int64) << np.array([0, 8, 16, 24])).sum(axis=1)).all()
    assert (sums == copies.reshape(3, PAGE, 4).sum(axis=1)).all()


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_launch_that_is_interrupted_before_it_begins_leaves_nothing_behind():
    """Fault seen to fail it (it never ends), planted in a copy of the package: the helpers are waited for all the same."""
    backend = Cpu(threads=2, eager=True)
    pair = Pair(np.zeros(4000), np.ones(4000))
    backend.each(add_row, 4000, pair)
    launch = backend._launch
    for _ in range(3):
        backend._launch = interrupted
        with pytest.raises(KeyboardInterrupt):
            backend.each(add_row, 4000, pair)
        backend._launch = launch
        assert backend._helpers[0]._planned == 0
        backend.each(add_row, 4000, pair)
    assert (pair.first == 4.0).all()


@row
def one_more(i, cells):
    cells.atp[i] = float(cells.atp[i]) + 1.0


def test_a_call_finds_the_table_that_it_is_given_however_often_it_had_another():
    """Fault seen to fail it, planted in a copy of the package: a call takes the addresses of the call before, whatever its tables."""
    backend = Cpu(threads=1)
    tables = [allocate("Cells", 4) for _ in range(7)]  # more than are remembered
    calls = np.zeros(7)
    for k in [0, 0, 1, 0, 1, 1, 2, 3, 4, 5, 6, 0, 6, 6, 2, 2]:
        backend.each(one_more, 4, tables[k])
        calls[k] += 1
        assert [float(t.atp[3]) for t in tables] == calls.tolist()
    larger = allocate("Cells", 8)
    backend.replaced(larger)  # what was kept of the others is let go
    assert not backend.arguments.recent
    for _ in range(3):
        backend.each(one_more, 8, larger)
    assert (larger.atp == 3.0).all()
    assert [float(t.atp[3]) for t in tables] == calls.tolist()
