"""Small curves for a terminal, of braille dots: two columns and four rows of them in each character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mitoferry.show.style import tick_label

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a character, by column and row from the top


def braille(values: Sequence[float], columns: int, rows: int, low: float, high: float) -> list[str]:
    """A line through ``values``, evenly spaced, on a canvas of characters; from the top line to the bottom line."""
    width, height = 2 * columns, 4 * rows
    cells = [[0] * columns for _ in range(rows)]
    span = high - low or 1.0

    def dot(x: int, y: int) -> None:
        cells[y // 4][x // 2] |= DOTS[x % 2][y % 4]

    before = -1
    for x in range(width):
        at = x / (width - 1) * (len(values) - 1)
        k = min(int(at), len(values) - 2)
        v = values[k] + (values[k + 1] - values[k]) * (at - k)
        y = round((height - 1) * (1.0 - min(max((v - low) / span, 0.0), 1.0)))
        for step in range(min(y, before if before >= 0 else y), max(y, before if before >= 0 else y) + 1):
            dot(x, step)
        before = y
    return ["".join(chr(0x2800 + c) for c in line) for line in cells]


def curve_text(formula: Any, symbol: str, *, columns: int = 36, rows: int = 5) -> list[str]:
    """The response of a formula to a symbol, with both axes, as lines of text."""
    from mitoferry.show.formulas import library_values, values_at_rest

    s, p, rest = formula.symbols[symbol], library_values(formula.process), values_at_rest(formula)
    steps = [k / (2 * columns) for k in range(2 * columns + 1)]
    x = [s.low * (s.high / s.low) ** t if s.log else s.low + (s.high - s.low) * t for t in steps]
    y = [formula.by_code(rest | {symbol: v}, p) for v in x]
    low, high = min(0.0, *y), max(y)
    label = [tick_label(float(f"{v:.3g}")) for v in (high, low)]
    margin = max(len(t) for t in label)
    lines = []
    for k, line in enumerate(braille(y, columns, rows, low, high)):
        edge = label[0] if k == 0 else label[1] if k == rows - 1 else ""
        lines.append(f"{edge:>{margin}} │{line}")
    ends = tick_label(float(f"{s.low:.3g}")), tick_label(float(f"{s.high:.3g}"))
    unit = f" [{s.unit}]" if s.unit and s.unit != "1" else ""
    name = f"{(s.about or symbol).split(':')[0]}{unit}" + (", logarithmic" if s.log else "")
    lines.append(" " * (margin + 1) + "└" + ends[0] + "─" * max(columns - len(ends[0]) - len(ends[1]), 1) + ends[1])
    where = ""
    if s.low <= s.rest <= s.high and math.isfinite(s.rest):
        where = f"; else held at {tick_label(float(f'{s.rest:.3g}'))}"
    lines.append(" " * (margin + 2) + name + where)
    return lines
