"""Quantities of the experiment file as fields of its schema.

A quantity is a number, a space and a unit ("350 nM", "0.4 um", "18 %"). The text is split and its unit held against a
strict grammar before the library's converter (and so pint) sees it: no text of a file is ever evaluated. Units are
never guessed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from mitoferry.library import units

_NUMBER = r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?"
_FACTOR = r"(?:1|[A-Za-zµμ%_][A-Za-zµμ%_0-9]{0,23})(?:(?:\^|\*\*)-?\d)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*((?:{_FACTOR})(?:\s?[*/]?\s?(?:{_FACTOR})){{0,5}})?\s*")
_MAX_TEXT = 80


class QuantityError(ValueError):
    """Text that is not a quantity, or has the wrong unit. ``wanted`` and ``hint`` go into the user's message."""

    def __init__(self, wanted: str, hint: str = "") -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.hint = hint


def split(text: str) -> tuple[float, str]:
    """Number and unit of a text; the unit is "" where there is none.

    Raises:
        QuantityError: if the text is not a number with an optional unit.
    """
    match = _QUANTITY.fullmatch(text.replace("μ", "µ")) if len(text) <= _MAX_TEXT else None
    if match is None:
        raise QuantityError("a number and a unit, as in '4 h'")
    number = float(match[1])
    if not math.isfinite(number):
        raise QuantityError("a finite number")
    return number, (match[2] or "").strip()


def to_unit(given: Any, target: str, *, species: str = "") -> float:
    """The number that a written quantity stands for, in a unit of the engine.

    Args:
        given: "350 nM"; a bare number is accepted only where ``target`` is "1".
        target: unit wanted.
        species: "oxygen" lets % of the gas above the medium stand for a concentration.

    Raises:
        QuantityError: wrong, unknown or missing unit.
    """
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise QuantityError(f"a number in {target}" if target != "1" else "a number")
    number, unit = split(given) if isinstance(given, str) else (float(given), "")
    if not math.isfinite(number):
        raise QuantityError("a finite number")
    if not unit and target != "1":
        raise QuantityError(f"a number with its unit, as in '{number:g} {target}'", "units are never guessed")
    try:
        return units.convert(f"{number!r} {unit}".strip(), target, oxygen=species == "oxygen")
    except ValueError as problem:
        said = str(problem).removeprefix("wanted ").split(", found ")[0]
        raise QuantityError(said, "" if units.is_known(unit) else f"the unit '{unit}' is not known") from problem


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity as written and as the engine sees it.

    Attributes:
        text: as in the file.
        value: in ``unit``.
        unit: unit of the engine, or the unit as written for a dose, whose unit depends on the drug.
    """

    text: str
    value: float
    unit: str

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class In:
    """Marks a field of the schema as a quantity: ``Annotated[Amount, In("um")]``.

    Attributes:
        unit: unit of the engine; "" keeps any unit (a dose).
        low, high: bounds in ``unit``.
        above: the value must be greater than ``low`` instead of at least ``low``.
        species: see :func:`to_unit`.
        example: shown when the text is not understood.
    """

    unit: str
    low: float = 0.0
    high: float = math.inf
    above: bool = False
    species: str = ""
    example: str = ""

    def parse(self, given: Any) -> Amount:
        """Turn what stands in the file into an :class:`Amount`."""
        if isinstance(given, Amount):
            return given
        try:
            if self.unit:
                amount = Amount(str(given), to_unit(given, self.unit, species=self.species), self.unit)
            elif isinstance(given, str):
                amount = Amount(given, *split(given))
            else:
                amount = Amount(str(given), to_unit(given, "1"), "")
        except QuantityError as problem:
            example = f" (example: {self.example})" if self.example and "as in" not in problem.wanted else ""
            raise wrong(f"{problem.wanted}{example}", given, problem.hint) from problem
        if amount.value < self.low or amount.value > self.high or (self.above and amount.value == self.low):
            raise wrong(self._bounds(), given)
        return amount

    def _bounds(self) -> str:
        unit = "" if self.unit in {"", "1"} else f" {self.unit}"
        low = f"{'more than' if self.above else 'at least'} {self.low:g}{unit}"
        return low if math.isinf(self.high) else f"{low} and at most {self.high:g}{unit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse, serialization=core_schema.to_string_ser_schema())

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bare = {"type": "number"}
        text = {"type": "string", "pattern": r"^\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\s*\S*.*$", "examples": [self.example or f"1 {self.unit}"]}
        return {"anyOf": [text, bare]} if self.unit in {"", "1"} else text


def wrong(wanted: str, found: Any, hint: str = "") -> PydanticCustomError:
    """The error that a validator of the schema raises; problems.py turns it into a Problem."""
    return PydanticCustomError("mitoferry", "wanted {wanted}, found {found}", {"wanted": wanted, "found": show(found), "hint": hint})


def show(value: Any) -> str:
    """A short rendering of any value for messages."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
