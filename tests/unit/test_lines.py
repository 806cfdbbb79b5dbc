"""Columns of a plate begin with a line of memory, from the start, as they grow and once pages have been sorted.

Faults seen to fail it, planted in a copy of the package: columns that begin where NumPy lays them, when made or when read.
"""

import numpy as np
import pytest

from mitoferry.core.lines import LINE, zeros_on_lines
from mitoferry.core.schema import COLUMNS
from mitoferry.store.checkpoint import load_checkpoint, save_checkpoint
from mitoferry.store.snapshot import restore, snapshot
from worlds import make_world, population


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0,), (3,), (64 * LINE,), (50_001,), (10_001, 4)])
def test_an_array_of_zeros_is_like_any_other(shape, dtype):
    made = zeros_on_lines(shape, dtype)
    assert made.shape == shape
    assert made.dtype == dtype
    assert made.flags.c_contiguous
    assert made.flags.aligned
    assert made.flags.writeable
    assert not made.any()
    made[...] = 1
    assert made.all()
    assert made.ctypes.data % LINE == 0
    assert zeros_on_lines(shape, dtype, border=2 * LINE).ctypes.data % (2 * LINE) == 0


def off_lines(world):
    """Columns of the mitochondria that do not begin with a line; those that are mostly 0 begin with a page of memory."""
    return [name for name in COLUMNS["Mitochondria"] if getattr(world.mitochondria, name).ctypes.data % LINE]


def test_columns_of_mitochondria_begin_with_a_line():
    world = make_world([population(count=40)])
    assert len(world.mitochondria.flags) > 128 * LINE
    assert off_lines(world) == []
    world.reserve_pages(3 * len(world.pages.owner))
    assert off_lines(world) == []
    world.sort_pages()
    assert off_lines(world) == []


def test_so_they_do_after_a_checkpoint_has_been_read(tmp_path):
    world = make_world([population(count=40)])
    save_checkpoint(tmp_path, *snapshot(world))
    restore(world, *load_checkpoint(tmp_path))
    assert off_lines(world) == []
