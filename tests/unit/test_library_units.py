"""Quantities: exact conversion of the usual units, pint for the rest, refusals that say what was wanted and found."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitoferry.library import units
from mitoferry.library.units import convert, parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("350 nM", "uM", 0.35),
        ("0.35uM", "uM", 0.35),
        ("24 h", "s", 86400.0),
        ("600 um", "um", 600.0),
        ("2 mm", "um", 2000.0),
        ("5.5 mM", "mM", 5.5),
        ("25 %", "1", 0.25),
        ("0.15", "1", 0.15),
        (3, "1", 3.0),
        ("1e-3 M", "mM", 1.0),
        ("18 % O2", "uM", 183.6),
        ("37 degC", "degC", 37.0),
        ("37 degC", "K", 310.15),
        ("5 fmol/min/cell", "fmol/min", 5.0),
        ("10 mitochondria/cell/h", "1/h", 10.0),
        ("0.3 um^2/s", "um^2/s", 0.3),
        ("3 amol/s", "fmol/min", 0.18),
        ("20 nM", "uM", 0.02),
        ("2 fold", "1", 2.0),
        ("4 kPa", "Pa", 4000.0),
        ("-20 mV", "mV", -20.0),
    ],
)
def test_conversion(text, unit, value):
    assert convert(text, unit) == value


def test_percent_means_oxygen_only_where_asked():
    assert convert("1 %", "uM", oxygen=True) == units.OXYGEN_UM_PER_PERCENT
    with pytest.raises(ValueError, match="wanted a concentration"):
        convert("1 %", "uM")
    with pytest.raises(ValueError, match="between 0 and 100"):
        convert("101 %", "uM", oxygen=True)


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("3", "h", "without a unit"),
        ("120 mV", "s", "which is a voltage"),
        ("3 foo", "h", "'foo' is not known"),
        ("h", "h", "wanted a number"),
        ("", "h", "wanted a number"),
        ("1e999 h", "h", "finite"),
        (True, "1", "wanted a number"),
        ("3 h", "1", "a time"),
        ("2 A", "h", "wanted a time"),
    ],
)
def test_refusal_says_what_was_wanted_and_found(text, unit, said):
    with pytest.raises(ValueError, match="wanted") as error:
        convert(text, unit)
    assert said in str(error.value)


@pytest.mark.parametrize("spelling", sorted(set(units._COMMON) - {"x"}))
def test_the_table_agrees_with_pint(spelling):
    what, size = units._COMMON[spelling]
    reference = next(s for s, (w, n) in units._COMMON.items() if w == what and n == 1)
    pinted = units.registry().Quantity(1.0, "" if spelling == "1" else spelling).to("" if reference == "1" else reference).magnitude
    assert math.isclose(pinted, float(size), rel_tol=1e-12)


@given(st.floats(1e-9, 1e9), st.sampled_from(["pM", "nM", "uM", "mM"]), st.sampled_from(["nM", "uM", "mM"]))
def test_there_and_back(number, a, b):
    there = convert(f"{number!r} {a}", b)
    assert math.isclose(convert(f"{there!r} {b}", a), number, rel_tol=1e-14)


def test_parse_keeps_the_unit_as_written():
    assert parse_quantity(" 350  nM ") == (350.0, "nM")


def test_usual_units_do_not_import_pint():
    code = (
        "import sys; from mitoferry.library.units import convert; "
        "convert('24 h', 's'); convert('350 nM', 'uM'); assert 'pint' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
