"""Every column of a cell has a rule for fusion and one for division, and the rules do what they say.

Faults seen to fail it, planted in a copy of the package: a column of Cells that the table does not name; mtDNA doses copied to the
daughter; lipid peroxide kept from the larger cell; senescence lost with the absorbed cell; counts of vesicles handed to both.
"""

import numpy as np
import pytest

from fates import cells_world, module, rows_of, values
from mitoferry.core.schema import CELL_EMPTY, COLUMNS, Cells, Step
from mitoferry.processes import cell_columns
from mitoferry.processes.cell_columns import NEW_IN_DAUGHTER, RULES, with_rule
from mitoferry.processes.cell_fusion import merge_cells

FUSION = {"add", "by_volume", "by_mitochondria", "by_nuclei", "larger", "first", "keep", "placed"}


def unnamed(columns):
    """Columns without a rule, and rules without a column."""
    return sorted(set(columns) ^ set(RULES))


def test_every_column_is_named_once_for_both():
    assert unnamed(Cells._fields) == []
    assert set(Cells._fields) == set(COLUMNS["Cells"])
    for name, (fusion, division) in RULES.items():
        assert fusion in FUSION, name
        assert isinstance(division, int) or division in {"copy", "halve", "dealt"}, name


def test_planted_fault_a_new_column_without_a_rule_is_found():
    assert unnamed((*Cells._fields, "a_new_column")) == ["a_new_column"]


def test_halved_columns_are_numbers_that_have_halves():
    for name in with_rule(1, "halve"):
        assert COLUMNS["Cells"][name].dtype == "f4", name
    for name, value in NEW_IN_DAUGHTER.items():
        assert value == COLUMNS["Cells"][name].fill or name == "next_ordinal", name


def filled(world, rows, seed=1):
    """Draw every column that a rule moves, so that no two cells are alike."""
    rng = np.random.default_rng(seed)
    for name in Cells._fields:
        column = getattr(world.cells, name)
        if RULES[name][0] in ("placed", "keep"):
            continue
        if column.dtype.kind == "f":
            column[rows] = rng.uniform(0.1, 1.0, column[rows].shape)
        elif name not in ("n_foreign", "want_pages", "nuclei"):
            column[rows] = rng.integers(0, 2 if column.dtype == np.uint8 else 9, column[rows].shape)
    world.cells.nuclei[rows] = (1, 3)
    world.cells.volume[rows] = (4.0, 1.0)
    world.cells.fate[rows] = (0, 2)
    world.cells.senescent[rows] = (0, 1)
    world.cells.traps[rows] = (1, 0)


@pytest.mark.parametrize("name", [n for n, (fusion, _) in RULES.items() if fusion not in ("placed", "keep")])
def test_fusion_does_what_the_table_says(name):
    world = cells_world(2)
    a, b = rows_of(world)
    filled(world, rows_of(world))
    world.cells.n_mitochondria[[a, b]] = (30, 10)
    column = getattr(world.cells, name)
    x, y = column[a].astype(float), column[b].astype(float)
    merge_cells(world, np.array([a]), np.array([b]))
    rule = RULES[name][0]
    expected = {
        "add": x + y, "by_volume": 0.8 * x + 0.2 * y, "by_mitochondria": 0.75 * x + 0.25 * y, "by_nuclei": 0.25 * x + 0.75 * y,
        "larger": np.maximum(x, y), "first": np.where(x > 0, x, y),
    }[rule]  # fmt: skip
    assert column[a].astype(float) == pytest.approx(expected, rel=1e-6)
    if rule == "add":
        assert not np.any(column[b])
    assert world.cells.state[b] == CELL_EMPTY


def test_what_is_counted_and_what_is_an_amount_adds_up():
    """Kind of column and rule fit: integers that count add, none of them is averaged."""
    for name, (rule, _) in RULES.items():
        if COLUMNS["Cells"][name].dtype not in ("f4", "f8"):
            assert not rule.startswith("by_"), name
    for name in ("mtdna_dose", "mtdna_freed", "heme", "microrna", "engulfed", "vesicles", "received", "volume"):
        assert RULES[name][0] == "add", name
    for name in ("lipid_peroxide", "labile_iron", "drug_retention", "polarisation", "t_cell", "erk", "ho1"):
        assert RULES[name] == ("by_volume", "copy"), name
    for name in ("volume", "mtdna_dose", "heme", "microrna", "target_mitochondria"):
        assert RULES[name] == ("add", "halve"), name
    for name in ("vesicles", "engulfed", "particles", "received", "n_divisions", "mtdna_freed"):
        assert RULES[name] == ("add", 0), name
    assert RULES["senescent"][0] == RULES["traps"][0] == "larger"


def daughters(monkeypatch=None, **rules):
    """A mother with every column drawn, and her daughter, right after division."""
    world = cells_world(1, numbers={"cycle_time": 20.0})
    (mother,) = rows_of(world)
    rng = np.random.default_rng(2)
    for name, (_, division) in RULES.items():
        column = getattr(world.cells, name)
        if division == "halve" or (isinstance(division, int) and name not in ("first_page", "n_mitochondria", "want_pages", "tally")):
            column[mother] = rng.integers(2, 9, column[mother].shape)
    world.cells.lipid_peroxide[mother] = 0.7
    world.cells.cycle[mother] = 1.0
    before = {name: getattr(world.cells, name)[mother].copy() for name in Cells._fields}
    world.groups.cycle_time[:] = 1e9
    module("division").advance(world, Step(0, 0, 0.0, 600.0), values("division", spread=0.0))
    first, second = rows_of(world)
    return world.cells, before, int(first), int(second)


def check_division(cells, before, mother, daughter):
    for name, (_, division) in RULES.items():
        column, old = getattr(cells, name), before[name].astype(float)
        if division == "halve":
            assert column[mother].astype(float) == pytest.approx(0.5 * old, rel=1e-5), name
            assert column[daughter].astype(float) == pytest.approx(0.5 * old, rel=1e-5), name
        elif isinstance(division, int):
            assert (column[daughter] == division).all(), name
            if name != "n_divisions":
                assert column[mother].astype(float) == pytest.approx(old), name
        elif division == "copy":
            assert column[daughter].astype(float) == pytest.approx(old, rel=1e-5), name


def test_division_does_what_the_table_says():
    check_division(*daughters())


def test_planted_fault_a_dose_that_both_inherit_is_caught(monkeypatch):
    monkeypatch.setattr(cell_columns, "HALVED", tuple(n for n in cell_columns.HALVED if n != "mtdna_dose"))
    with pytest.raises(AssertionError):
        check_division(*daughters())
