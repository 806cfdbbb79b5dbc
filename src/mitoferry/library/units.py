"""Quantities as people write them ("350 nM", "18 %", "5 fmol/min/cell") turned into plain numbers of one unit.

The units of the engine are fixed (um, s, h, mM, uM, ng/mL, mV, pL, amol/s), so that only the outer rooms convert. A
small table covers the spellings met most often, exactly; everything else goes to pint, which is imported when first
needed (0.7 s).

Percent of oxygen means percent of the gas above the medium. 1 % is 10.2 uM: 18.6 % (room air in a humid incubator with
5 % CO2) is 190 uM. Cells and mitochondria are counts: "10 mitochondria/cell/h" is 10 per hour.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import cache
from typing import Any

OXYGEN_UM_PER_PERCENT = 10.2

# spelling -> (what it measures, size)
_COMMON: dict[str, tuple[str, Fraction]] = {
    "s": ("time", Fraction(1)),
    "min": ("time", Fraction(60)),
    "h": ("time", Fraction(3600)),
    "d": ("time", Fraction(86400)),
    "day": ("time", Fraction(86400)),
    "days": ("time", Fraction(86400)),
    "1/s": ("rate", Fraction(1)),
    "1/min": ("rate", Fraction(1, 60)),
    "1/h": ("rate", Fraction(1, 3600)),
    "1/d": ("rate", Fraction(1, 86400)),
    "nm": ("length", Fraction(1, 1000)),
    "um": ("length", Fraction(1)),
    "µm": ("length", Fraction(1)),
    "mm": ("length", Fraction(1000)),
    "cm": ("length", Fraction(10000)),
    "pM": ("concentration", Fraction(1, 10**6)),
    "nM": ("concentration", Fraction(1, 1000)),
    "uM": ("concentration", Fraction(1)),
    "µM": ("concentration", Fraction(1)),
    "mM": ("concentration", Fraction(1000)),
    "M": ("concentration", Fraction(10**6)),
    "pg/mL": ("mass concentration", Fraction(1, 1000)),
    "ng/mL": ("mass concentration", Fraction(1)),
    "ug/L": ("mass concentration", Fraction(1)),
    "ug/mL": ("mass concentration", Fraction(1000)),
    "µg/mL": ("mass concentration", Fraction(1000)),
    "mg/mL": ("mass concentration", Fraction(10**6)),
    "mg/L": ("mass concentration", Fraction(1000)),
    "mV": ("voltage", Fraction(1)),
    "V": ("voltage", Fraction(1000)),
    "fL": ("volume", Fraction(1, 1000)),
    "pL": ("volume", Fraction(1)),
    "um^3": ("volume", Fraction(1, 1000)),
    "um/h": ("speed", Fraction(1)),
    "um/min": ("speed", Fraction(60)),
    "um/s": ("speed", Fraction(3600)),
    "amol/s": ("flux", Fraction(1)),
    "fmol/min": ("flux", Fraction(1000, 60)),
    "um^2/s": ("diffusion", Fraction(1)),
    "1": ("number", Fraction(1)),
    "%": ("number", Fraction(1, 100)),
    "percent": ("number", Fraction(1, 100)),
    "fold": ("number", Fraction(1)),
    "x": ("number", Fraction(1)),
}  # fmt: skip

_QUANTITY = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")
_OXYGEN = re.compile(r"^(?:%|percent)\s*(?:of\s+)?(?:o2|oxygen)$", re.IGNORECASE)


@cache
def registry() -> Any:
    """The pint registry with cells and mitochondria; imported and built on the first call."""
    import pint

    units: Any = pint.UnitRegistry()
    units.define("mitochondrion = count = mitochondria")
    units.define("cell = count = cells")
    units.define("fold = []")
    return units


def parse_quantity(text: str | float | int) -> tuple[float, str]:
    """Split "350 nM" into 350.0 and "nM".

    Args:
        text: a number with or without a unit.

    Returns:
        The number, and the unit as written ("" if there is none).

    Raises:
        ValueError: there is no number at the start, or it is not finite.
    """
    if isinstance(text, bool):
        raise ValueError(f"wanted a number with a unit, found {text!r}")
    if isinstance(text, (int, float)):
        number, unit = float(text), ""
    else:
        found = _QUANTITY.match(str(text))
        if found is None:
            raise ValueError(f'wanted a number with a unit (as in "24 h"), found {str(text)[:60]!r}')
        number, unit = float(found[1]), found[2]
    if not math.isfinite(number):
        raise ValueError(f"wanted a finite number, found {text!r}")
    return number, unit


def is_known(unit: str) -> bool:
    """Whether the spelling of a unit is understood."""
    if unit in _COMMON or _OXYGEN.match(unit):
        return True
    try:
        registry().parse_units(unit)
    except Exception:  # pint raises many kinds
        return False
    return True


def dimension(unit: str) -> str:
    """What a unit measures, for messages ("concentration", or pint's words)."""
    return _COMMON[unit][0] if unit in _COMMON else str(registry().parse_units(unit).dimensionality)


def _by_pint(number: float, found: str, unit: str, text: Any) -> float:
    import pint

    units = registry()
    try:
        wanted = units.parse_units("" if unit == "1" else unit)
        result = units.Quantity(number, units.parse_units(found)).to(wanted)
    except pint.DimensionalityError as error:
        raise ValueError(f"wanted {_article(unit)}, found {text!r}, which is {_words(found)}") from error
    except Exception as error:
        raise ValueError(f"wanted {_article(unit)}, found {text!r}: the unit {found!r} is not known") from error
    return float(f"{result.magnitude:.15g}")


def _words(unit: str) -> str:
    try:
        what = dimension(unit)
    except Exception:
        return f"in {unit}"
    return "a number without a unit" if what in ("number", "dimensionless") else f"a {what}" if unit in _COMMON else what


def _article(unit: str) -> str:
    if unit == "1":
        return "a number without a unit"
    return f"a {_COMMON[unit][0]} (unit {unit}, or one that converts)" if unit in _COMMON else f"a quantity in {unit}, or one that converts"


def convert(text: str | float | int, unit: str, *, oxygen: bool = False) -> float:
    """The number that a written quantity stands for, in ``unit``.

    Args:
        text: "350 nM", "24 h", "18 %", "37 degC", or a bare number where ``unit`` is "1".
        unit: wanted unit; "1" for a plain number.
        oxygen: whether a percentage means percent of oxygen in the gas above the medium ("18 % O2" always does).

    Returns:
        The number in ``unit``.

    Raises:
        ValueError: no number, a missing or unknown unit, or one that measures something else. The message says what
            was wanted and what was found.
    """
    number, found = parse_quantity(text)
    if found == "":
        if unit in ("1", ""):
            return number
        raise ValueError(f"wanted {_article(unit)}, found {text!r} without a unit")
    if _OXYGEN.match(found) or (oxygen and found in ("%", "percent")):
        if not 0.0 <= number <= 100.0:
            raise ValueError(f"wanted an oxygen percentage between 0 and 100, found {text!r}")
        return convert(f"{number * OXYGEN_UM_PER_PERCENT:.15g} uM", unit)
    if found == unit:
        return number
    if found in _COMMON and unit in _COMMON:
        if _COMMON[found][0] != _COMMON[unit][0]:
            raise ValueError(f"wanted {_article(unit)}, found {text!r}, which is {_words(found)}")
        return float(Fraction(str(number)) * _COMMON[found][1] / _COMMON[unit][1])
    return _by_pint(number, found, unit or "1", text)
