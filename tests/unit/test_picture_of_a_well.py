"""A picture of a well: every mitochondrion lies in its own cell, in the colour of what it is."""

import numpy as np
import pytest

from mitoferry.core.schema import CELL_LIVE
from mitoferry.show.picture import DEPOLARISED, OWN, TRANSFERRED, render_well

POPULATION = 1 << 24
SIZE = (160.0, 60.0)
CELLS = {  # rows not in order of id, one cell without mitochondria, one across the edge
    "id": np.array([POPULATION + 7, 3, 5, POPULATION + 2], np.uint32),
    "state": np.full(4, CELL_LIVE),
    "population": np.array([1, 0, 0, 1]),
    "x": np.array([40.0, 75.0, 110.0, 159.0]),
    "y": np.array([30.0, 30.0, 30.0, 30.0]),
    "radius": np.array([12.0, 12.0, 12.0, 12.0]),
    "atp": np.full(4, 3.0),
    "n_foreign": np.zeros(4, int),
}
LINKS = {name: np.zeros(0) for name in ("id", "a", "b", "xa", "ya", "xb", "yb", "state", "thick", "n_cargo")}
KINDS = {"own": OWN[0], "moved": TRANSFERRED, "low": DEPOLARISED}


def mitochondria(**of_cells):
    """A table: of each cell (``c7`` and so on, by its id) how many of its own, how many that came, how many without potential."""
    rows = []
    for cell, (own, moved, low) in of_cells.items():
        name = int(cell[1:])
        home, other = (0, POPULATION) if name < POPULATION else (POPULATION, 0)
        rows += [(name, home + 1, 150.0)] * own + [(name, other + 1, 150.0)] * moved + [(name, home + 1, 20.0)] * low
    order = np.random.default_rng(3).permutation(len(rows))
    cell, birth, potential = np.array([rows[k] for k in order]).T
    return {"cell": cell.astype(np.uint32), "birth_cell": birth.astype(np.uint32), "ordinal": np.arange(len(rows)), "potential": potential}


def seen(table, x, periodic=True):
    """Which colours of mitochondria lie on the disc around x, y = 30."""
    image = np.asarray(render_well(CELLS, LINKS, table, SIZE, periodic=periodic, pixels=1600)).astype(int)
    scale = 10.0
    yy, xx = np.mgrid[: image.shape[0], : image.shape[1]] / scale
    disc = image[np.hypot(xx - x, (SIZE[1] - yy) - 30.0) < 10.5]
    return {name for name, colour in KINDS.items() if (np.abs(disc - np.array(colour)).sum(axis=1) < 8).any()}


def test_dots_lie_in_their_own_cells():
    """Fault seen to fail it, planted in a copy of the package: the mitochondria of the cell before."""
    table = mitochondria(c3=(40, 0, 0), c5=(0, 0, 40), **{f"c{POPULATION + 2}": (0, 40, 0)})
    assert seen(table, 40.0) == set(), "a cell without mitochondria"
    assert seen(table, 75.0) == {"own"}
    assert seen(table, 110.0) == {"low"}
    assert seen(table, 150.0) == seen(table, 5.0) == {"moved"}, "on both sides of the edge"
    assert seen(table, 5.0, periodic=False) == set()


@pytest.mark.parametrize("table", [None, mitochondria(c3=(1, 0, 0))])
def test_a_region_without_a_cell_can_be_drawn(table):
    nobody = {name: column[:0] for name, column in CELLS.items()}
    assert render_well(nobody, LINKS, table, SIZE, pixels=60).size == (60, 22)
