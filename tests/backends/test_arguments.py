"""What compiled code reads is what the launch was given, this time and not the last, whatever it is made of.

Faults seen to fail it, planted in a copy of the package: a value that is not written anew, an array known again by its length alone,
words of a tuple in the wrong order, a boolean read as a number of another width, an array that the backend keeps alive.
"""

import gc
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.core.row import row
from mitoferry.core.schema import allocate

BACKENDS = pytest.mark.parametrize("backend", [Reference(), Cpu(threads=1), Cpu(threads=2, eager=True)], ids=["reference", "1", "2"])


class Inner(NamedTuple):
    """A tuple within a tuple."""

    share: float
    number: int


class Outer(NamedTuple):
    """Numbers of several kinds."""

    rate: float
    on: bool
    inner: Inner
    several: tuple[float, float, float]
    small: Any


class Columns(NamedTuple):
    """A table that is not of the state."""

    x: Any
    grid: Any


@row
def numbers_row(i, out, whole, real, flag, outer):
    out[i, 0] = whole
    out[i, 1] = real
    out[i, 2] = 1.0 if flag else 0.0
    out[i, 3] = outer.rate if outer.on else -outer.rate
    out[i, 4] = outer.inner.share * outer.inner.number
    out[i, 5] = outer.several[2] - outer.several[0]
    out[i, 6] = float(outer.small)


def expected(whole, real, flag, outer):
    signed = outer.rate if outer.on else -outer.rate
    return [
        whole,
        real,
        float(flag),
        signed,
        outer.inner.share * outer.inner.number,
        outer.several[2] - outer.several[0],
        float(outer.small),
    ]


@BACKENDS
def test_numbers_and_nested_tuples_of_each_launch_arrive(backend):
    base = Outer(2.5, True, Inner(0.25, 8), (1.0, 2.0, 4.0), np.float32(0.1))
    calls = [
        (3, 0.5, True, base),
        (3, 0.5, False, base),
        (-4, 1e300, False, base._replace(on=False)),
        (2**62, -0.0, True, base._replace(inner=Inner(0.5, -8))),
        (3, 0.5, True, base._replace(several=(8.0, 2.0, 4.0))),
        (3, 2, True, base),  # another kind of number in the same place
        (3.25, 0.5, True, base._replace(small=7)),
        (np.int64(9), np.float64(0.125), np.bool_(True), base._replace(small=np.float64(1.5))),
    ]
    for call in [*calls, *reversed(calls)]:
        out = np.zeros((5, 7))
        backend.each(numbers_row, 5, out, *call)
        assert (out == np.array(expected(*call), dtype=float)).all(), call


@row
def arrays_row(i, out, x, grid, table):
    out[i] = float(x[i]) + float(grid[i, 1]) + float(table.x[i]) + float(table.grid[i, 0])


@BACKENDS
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint8", "bool"])
def test_arrays_of_each_launch_arrive(backend, dtype):
    random = np.random.default_rng(1)
    for n in (7, 7, 3, 40):
        x, grid = random.integers(0, 2, n).astype(dtype), random.integers(0, 2, (n, 2)).astype(dtype)
        x.flags.writeable = n != 3
        table = Columns(random.uniform(size=n), random.uniform(size=(n, 3)))
        for other in (x, ~x if dtype == "bool" else x + x):
            out = np.zeros(n)
            backend.each(arrays_row, n, out, other, grid, table)
            assert (out == other.astype(float) + grid[:, 1].astype(float) + table.x + table.grid[:, 0]).all()


@BACKENDS
def test_a_table_of_which_one_column_is_another_is_read_anew(backend):
    n, random = 12, np.random.default_rng(2)
    x, grid = np.zeros(n), np.zeros((n, 2))
    table = Columns(random.uniform(size=n), random.uniform(size=(n, 3)))
    for k in range(8):
        change = {"x": random.uniform(size=n)} if k % 2 else {"grid": random.uniform(size=(n, 3))}
        table = table._replace(**change)
        for _ in range(2):
            out = np.zeros(n)
            backend.each(arrays_row, n, out, x, grid, table)
            assert (out == table.x + table.grid[:, 0]).all()


@row
def total(x, share, flag):
    s = 0.0
    for k in range(x.shape[0]):
        s += x[k] * share
    return s if flag else -s


@BACKENDS
def test_a_function_that_is_called_once_returns_what_it_found(backend):
    x = np.arange(5.0)
    assert backend.serial(total, x, 0.5, True) == 5.0
    assert backend.serial(total, x, 0.5, False) == -5.0
    assert backend.serial(total, np.arange(3.0), 2.0, True) == 6.0


def test_what_was_given_is_let_go():
    backend, out = Cpu(threads=1), np.zeros(4)
    x, grid = np.ones(4), np.ones((4, 2))
    table = Columns(np.ones(4), np.ones((4, 1)))
    backend.each(arrays_row, 4, out, x, grid, table)
    held = [weakref.ref(array) for array in (x, grid, *table)]
    del x, grid, table
    assert [array() for array in held] == [None] * 4


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((2**64, 1.0, True), (OverflowError, "64 bits")),
        (("text", 1.0, True), (TypeError, "cannot be given str")),
        (((np.zeros(2), 1), 1.0, True), (TypeError, "cannot be given tuple")),
        ((np.zeros((4, 4))[:, 1], 1.0, True), (TypeError, "C-contiguous")),
    ],
)
def test_what_a_kernel_cannot_be_given_is_refused(given, error):
    backend = Cpu(threads=1)
    kind, text = error
    outer = Outer(2.5, True, Inner(0.25, 8), (1.0, 2.0, 4.0), 1.0)
    with pytest.raises(kind, match=text):
        backend.each(numbers_row, 2, np.zeros((2, 7)), *given, outer)


def test_a_number_that_does_not_fit_is_refused_after_one_that_did():
    backend, outer = Cpu(threads=1), Outer(2.5, True, Inner(0.25, 8), (1.0, 2.0, 4.0), 1.0)
    out = np.zeros((2, 7))
    backend.each(numbers_row, 2, out, 1, 1.0, True, outer)
    with pytest.raises(OverflowError):
        backend.each(numbers_row, 2, out, 2**70, 1.0, True, outer)
    backend.each(numbers_row, 2, out, 5, 1.0, True, outer)
    assert (out[:, 0] == 5.0).all()


class Clock(NamedTuple):
    """What changes from step to step and goes to every launch of one."""

    step: int
    time: float


@row
def clock_row(i, out, clock):
    out[i] = clock.step + clock.time


@row
def other_row(i, out, before, clock, after):
    out[i] = before + 10.0 * (clock.step + clock.time) + after


@BACKENDS
def test_a_tuple_that_went_to_another_launch_before_arrives_whole(backend):
    """Faults seen to fail it, planted in a copy of the package: words of a tuple of other kinds of numbers taken for its own, and those
    of the tuple before.
    """
    out, clocks = np.zeros(2), [Clock(3, 0.5), Clock(4, 1.5), Clock(3, 0.5), Clock(3, 2), Clock(5, 2.5)]
    for clock in [*clocks, *clocks[::-1], clocks[0], clocks[0], clocks[1]]:
        backend.each(clock_row, 2, out, clock)
        assert (out == clock.step + clock.time).all()
        backend.each(other_row, 2, out, 7.0, clock, 0.25)
        assert (out == 7.0 + 10.0 * (clock.step + clock.time) + 0.25).all()


@row
def cell_row(i, cells):
    cells.atp[i] = float(cells.atp[i]) + 1.0


@row
def link_row(i, links):
    links.length[i] = float(links.length[i]) + 1.0


@row
def both_row(i, cells, links):
    links.length[i] = float(links.length[i]) + float(cells.atp[i])


def test_only_the_calls_that_had_a_table_are_forgotten_with_it():
    """Faults seen to fail it, planted in a copy of the package: all calls are forgotten, and none."""
    backend = Cpu(threads=1)
    cells, links = allocate("Cells", 3), allocate("Links", 3)
    for _ in range(2):
        backend.each(cell_row, 3, cells)
        backend.each(link_row, 3, links)
        backend.each(both_row, 3, cells, links)
    larger = allocate("Links", 5)
    backend.replaced(larger)
    assert {row.__name__ for _, row, _ in backend.arguments.recent} == {"cell_row"}
    kept = weakref.ref(links.length)
    del links
    gc.collect()
    assert kept() is None, "the table that was replaced is still held"
    backend.each(cell_row, 3, cells)
    backend.each(both_row, 3, cells, larger)
    assert cells.atp.tolist() == larger.length[:3].tolist() == [3.0] * 3
