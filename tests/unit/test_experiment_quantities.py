# ruff: noqa: PT017
"""Numbers with units in experiment files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitoferry.experiment.quantities import Amount, In, QuantityError, show, split, to_unit


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("4 h", "s", 14400.0),
        ("90 min", "s", 5400.0),
        ("0.4 um", "um", 0.4),
        ("0.4 µm", "um", 0.4),
        ("0.4 μm", "um", 0.4),
        ("2 mm", "um", 2000.0),
        ("350 nM", "uM", 0.35),
        ("5.5 mM", "mM", 5.5),
        ("10 ng/mL", "ng/mL", 10.0),
        ("80 %", "1", 0.8),
        ("0.8", "1", 0.8),
        (0.8, "1", 0.8),
        ("1e5 1/cm^2", "1/cm^2", 1e5),
        ("1 1/mm^2", "1/cm^2", 100.0),
        ("2 d", "s", 172800.0),
    ],
)
def test_quantities_in_the_engines_units(text, unit, value):
    assert to_unit(text, unit) == pytest.approx(value, rel=1e-12)


def test_percent_is_oxygen_of_the_gas_only_for_oxygen():
    assert to_unit("18 %", "uM", species="oxygen") == pytest.approx(183.6)
    assert to_unit("0.5 uM", "uM", species="oxygen") == 0.5
    with pytest.raises(QuantityError):
        to_unit("18 %", "uM")


@pytest.mark.parametrize(
    "text", ["4", 4, 4.0, True, None, [], "four h", "4 kg", "4 furlongz", "", "h", "nan h", "inf h", "1e999 h", "4 h h h h h h h h"]
)
def test_what_is_not_a_time(text):
    with pytest.raises(QuantityError) as error:
        to_unit(text, "s")
    assert error.value.wanted


@pytest.mark.parametrize(
    "text", ["9**9**9**9 s", "4 s**99999", "2 m^9^9^9^9", "__import__('os') s", "4 (s)", "4 s;", "1" * 200 + " s", "4 " + "s*" * 60 + "s"]
)
def test_hostile_units_are_refused_without_evaluation(text):
    with pytest.raises(QuantityError):
        split(text)


def test_bounds():
    assert In("s").parse("0 h").value == 0.0
    for text in ("-1 h",):
        with pytest.raises(Exception, match="at least 0 s"):
            In("s").parse(text)
    with pytest.raises(Exception, match="more than 0 um"):
        In("um", above=True).parse("0 um")
    dose = In("").parse("350 nM")
    assert (dose.value, dose.unit, str(dose)) == (350.0, "nM", "350 nM")


@given(st.floats(min_value=1e-6, max_value=1e6), st.sampled_from(["s", "min", "h", "d"]))
def test_any_positive_time_survives_the_round_trip(number, unit):
    size = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}[unit]
    assert to_unit(f"{number!r} {unit}", "s") == pytest.approx(number * size, rel=1e-9)


@given(st.one_of(st.text(max_size=60), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers(), max_size=2)))
def test_no_text_gives_anything_but_a_number_or_the_error(given_value):
    try:
        assert isinstance(to_unit(given_value, "s"), float)
    except QuantityError as error:
        assert error.wanted
    assert len(show(given_value)) <= 60


def test_amount_reads_back_as_written():
    amount = Amount("4 h", 14400.0, "s")
    assert str(amount) == "4 h"
    assert float(amount) == 14400.0
