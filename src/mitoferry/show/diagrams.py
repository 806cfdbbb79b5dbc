"""Figures of the documentation as SVG text: how a mechanism is wired, its responses, the loop, the virtual Seahorse.

Everything is drawn from code and library; nothing is listed by hand. Colours are classes (``mf-...``) of ``docs/_static/figures.css``,
which has those of ``style.py`` for light pages and lighter ones for dark pages. Texts are escaped here.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mitoferry.core.process import STAGES
from mitoferry.core.schema import COLUMNS
from mitoferry.experiment.mechanisms import Mechanism, acting_on, mechanisms
from mitoferry.experiment.wiring import readers_of, released_by, sensed_by, wirings, writers_of
from mitoferry.show.style import nice_ticks, plain_words, tick_label

WIDTH, ROW, SMALL, BOX = 760.0, 30.0, 11.0, 148.0
WRITTEN_OUT = 10  # columns of a table that get a row of their own


class Wire(NamedTuple):
    """One line of a wiring diagram.

    Attributes:
        kind: "node", "substance" or "state": the colour of the box.
        label: text of the box.
        tip: all that the box stands for.
        others: names at its outer end: agents, or mechanisms.
        linked: whether these are mechanisms.
    """

    kind: str
    label: str
    tip: str
    others: tuple[str, ...]
    linked: bool


# ---------------------------------------------------------------------- pieces
def _esc(text: str) -> str:
    return html.escape(text, quote=True)


def _text(x: float, y: float, inside: str, *, anchor: str = "start", size: float = SMALL, cls: str = "mf-text", tip: str = "") -> str:
    title = f"<title>{_esc(tip)}</title>" if tip else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" class="{cls}">{inside}{title}</text>'


def _svg(width: float, height: float, body: Iterable[str], label: str, cls: str = "mf-figure") -> str:
    head = f'<svg class="{cls}" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{_esc(label)}"'
    return head + ' xmlns="http://www.w3.org/2000/svg">' + "".join(body) + "</svg>"


def width_of(text: str, size: float = SMALL) -> float:
    """Rough width of a text [px]."""
    return 0.54 * size * len(text)


def fitted(names: Sequence[str], width: float) -> tuple[list[str], int]:
    """As many names as fit into ``width`` with commas, and how many are left out."""
    for shown in range(len(names), 0, -1):
        rest = len(names) - shown
        if width_of(", ".join(names[:shown]) + (f" +{rest}" if rest else "")) <= width:
            return list(names[:shown]), rest
    return [], len(names)


def _cut(text: str, width: float) -> str:
    if width_of(text) <= width:
        return text
    return text[: max(int(width / (0.54 * SMALL)) - 1, 1)].rstrip(" ,") + "…"


def _box(x: float, y: float, w: float, h: float, cls: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4" class="{cls}"/>'


# ---------------------------------------------------------------------- wiring
def _main_writer(table: str, column: str) -> str:
    """The mechanism that the table of columns names as the writer, if its code does write it; else the first that does."""
    found = writers_of(table, column)
    named = [w.strip() for w in COLUMNS[table.capitalize()][column].writer.split(",")]
    return next((w for w in named if w in found), found[0] if found else "")


def _columns(table: str, names: Iterable[str], owner: str = "") -> tuple[str, str]:
    """Short and long text for columns of a table."""
    names = list(names)
    words = [plain_words(n) for n in names]
    meanings = COLUMNS.get(table.capitalize(), {})
    tip = "; ".join(f"{table}.{n}: {meanings[n].meaning}" if n in meanings else f"{table}.{n}" for n in names)
    lead = {"cells": "", "groups": "type: "}.get(table, table.removesuffix("s") + ": ")
    shown, rest = fitted(words, BOX - 4 - width_of(lead))
    if not shown:
        return _cut(lead + words[0], BOX - 4) if len(words) == 1 else f"{lead}{len(words)} columns", tip
    return lead + ", ".join(shown) + (f" +{rest}" if rest else ""), tip


def inputs_of(m: Mechanism) -> list[Wire]:
    """What goes into a mechanism: nodes and substances with the agents that change them, state with who writes it."""
    w = wirings()[m.name]
    wires = []
    for node in m.nodes:
        wires.append(Wire("node", plain_words(node), f"node {node}", tuple(dict.fromkeys(a.name for a in acting_on(node))), False))
    for s in m.species:
        if s in w.senses or (s not in w.releases):
            by = tuple(dict.fromkeys([*(a.name for a in acting_on(s)), *(x for x in released_by(s) if x != m.name)]))
            wires.append(Wire("substance", f"{plain_words(s)} outside", f"concentration of {s} at the cell", by, False))
    groups: dict[tuple[str, str], list[str]] = {}
    for table, column in sorted(w.reads):
        main = _main_writer(table, column)
        if (table, column) == ("cells", "env") or main == m.name:
            continue
        if table in ("mitochondria", "links", "cargo", "vesicles") and len([1 for t, _ in w.reads if t == table]) > 4:
            main = f"*{table}"
        groups.setdefault((table, "*type" if table == "groups" else main), []).append(column)
    for (table, main), columns in groups.items():
        label, tip = _columns(table, columns)
        by = (main,) if main and not main.startswith("*") else ()
        if main == "*type":
            wires.append(Wire("type", label, tip, ("cell type",), False))
        elif main.startswith("*"):
            many = tuple(dict.fromkeys(x for c in columns for x in writers_of(table, c) if x != m.name))
            wires.append(Wire("state", f"{plain_words(table)}: {len(columns)} columns", tip, many, True))
        else:
            wires.append(Wire("state", label, tip, by, True))
    return wires


def outputs_of(m: Mechanism) -> list[Wire]:
    """What a mechanism writes, with the mechanisms that read it."""
    w = wirings()[m.name]
    wires = []
    tables: dict[str, list[str]] = {}
    for table, column in sorted(w.writes):
        if (table, column) == ("cells", "env"):
            all_that_sense = tuple(x for x, other in wirings().items() if other.senses and x != m.name)
            wires.append(Wire("substance", "substances at the cell", "concentrations of all substances at each cell", all_that_sense, True))
        else:
            tables.setdefault(table, []).append(column)
    for table, columns in tables.items():
        readers = {c: tuple(x for x in readers_of(table, c) if x != m.name) for c in columns}
        if len(columns) > WRITTEN_OUT:
            _, tip = _columns(table, columns)
            every = tuple(dict.fromkeys(x for c in columns for x in readers[c]))
            wires.append(Wire("state", f"{plain_words(table)}: {len(columns)} columns", tip, every, True))
            continue
        alike: dict[tuple[str, ...], list[str]] = {}
        for c in columns:
            alike.setdefault(readers[c], []).append(c)
        for by, group in alike.items():
            label, tip = _columns(table, group)
            wires.append(Wire("state", label, tip, by, True))
    for s in sorted(w.releases):
        by = tuple(x for x in sensed_by(s) if x != m.name)
        wires.append(Wire("substance", f"{plain_words(s)} released", f"{s} released into the medium", by, True))
    return wires


def _names(wire: Wire, x: float, y: float, width: float, anchor: str, none: str) -> str:
    shown, rest = fitted(wire.others, width)
    if not wire.others:
        return _text(x, y, none, anchor=anchor, cls="mf-faint")
    if not shown:
        shown, rest = [], len(wire.others)
    parts = [f'<a href="{_esc(n)}.html">{_esc(n)}</a>' if wire.linked and n in mechanisms() else _esc(n) for n in shown]
    noun = "mechanisms" if wire.linked else "agents"
    text = ", ".join(parts) + (f" +{rest}" if rest and shown else "" if shown else f"{rest} {noun}")
    return _text(x, y, text, anchor=anchor, tip=", ".join(wire.others))


def _side(wires: list[Wire], top: float, left: bool, middle: float, none: str) -> list[str]:
    box_x, edge = (150.0, 298.0) if left else (462.0, 462.0)
    target = 330.0 if left else 430.0
    body = []
    for k, wire in enumerate(wires):
        y = top + ROW * k
        mid = y + 11
        start = middle + (k - (len(wires) - 1) / 2) * min(8.0, 60.0 / max(len(wires), 1))
        bend = (edge + target) / 2
        body.append(
            f'<path d="M{edge:.1f} {mid:.1f}C{bend:.1f} {mid:.1f} {bend:.1f} {start:.1f} {target:.1f} {start:.1f}" class="mf-wire"/>'
        )
        body.append(_box(box_x, y, BOX, 22, f"mf-box mf-{wire.kind}").replace("/>", f"><title>{_esc(wire.tip)}</title></rect>"))
        body.append(_text(box_x + BOX / 2, y + 15, _esc(_cut(wire.label, BOX - 4)), anchor="middle", tip=wire.tip))
        outer = 142.0 if left else 618.0
        body.append(_names(wire, outer, y + 15, 142, "end" if left else "start", none))
    return body


def wiring(m: Mechanism) -> str:
    """Agents and writers, what goes in, the mechanism, what it writes, who reads that; from left to right."""
    into, out = inputs_of(m), outputs_of(m)
    rows = max(len(into), len(out), 3)
    height = 40 + ROW * rows
    middle = 32 + ROW * rows / 2 - 4
    words = m.name.replace("_", " ").split()
    h = 24.0 + 15.0 * len(words)
    heads = (
        (168, "end", "acts on it, or writes it"),
        (236, "middle", "goes in"),
        (524, "middle", "is written"),
        (592, "start", "is read by"),
    )
    body = [_text(x, 14, t, anchor=a, cls="mf-faint") for x, a, t in heads]
    body += _side(into, 32 + ROW * (rows - len(into)) / 2, True, middle, "fixed at the start")
    body += _side(out, 32 + ROW * (rows - len(out)) / 2, False, middle, "read-outs only")
    body.append(_box(330, middle - h / 2, 100, h, "mf-box mf-centre"))
    for k, word in enumerate(words):
        body.append(_text(380, middle + 4 + 15 * (k - (len(words) - 1) / 2), _esc(word), anchor="middle", size=12, cls="mf-strong"))
    return _svg(WIDTH, height, body, f"What acts on {m.name}, what it reads and writes, and what reads that")


# ---------------------------------------------------------------------- responses
def _short(text: str, n: int) -> str:
    text = re.split(r"[:,]", text)[0] if len(text) > n else text
    return text if len(text) <= n else text[: n - 1].rstrip() + "…"


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        return [10.0**k for k in range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)]
    return [t for t in nice_ticks(low, high, 3) if low - 1e-9 <= t <= high + 1e-9]


def response(formula: Any, symbol: str) -> str:
    """The response of a formula to one symbol: library values as a line, prior ranges as a band, where it is held else as a dot."""
    from mitoferry.show.formulas import curve

    c, s = curve(formula, symbol), formula.symbols[symbol]
    width, height, left, right, top, bottom = 244.0, 176.0, 40.0, 8.0, 22.0, 36.0
    reach = max(max(c.y), min(max(c.high), 4 * max(c.y)) if max(c.y) > 0 else max(c.high))
    least = min(0.0, min(c.low))
    yticks = nice_ticks(least, reach if reach > least else least + 1.0, 3)
    y0, y1 = yticks[0], yticks[-1]

    def fx(v: float) -> float:
        t = math.log(v / s.low) / math.log(s.high / s.low) if s.log else (v - s.low) / (s.high - s.low)
        return left + t * (width - left - right)

    def fy(v: float) -> float:
        return height - bottom - (min(max(v, y0), y1) - y0) / (y1 - y0) * (height - top - bottom)

    body = []
    for t in yticks:
        body.append(f'<line x1="{left:.1f}" y1="{fy(t):.1f}" x2="{width - right:.1f}" y2="{fy(t):.1f}" class="mf-grid"/>')
        body.append(_text(left - 5, fy(t) + 3.5, tick_label(t), anchor="end", size=10, cls="mf-faint"))
    for t in _ticks(s.low, s.high, s.log):
        body.append(_text(fx(t), height - bottom + 14, tick_label(t), anchor="middle", size=10, cls="mf-faint"))
    up = " ".join(f"{fx(x):.1f},{fy(v):.1f}" for x, v in zip(c.x, c.high, strict=True))
    down = " ".join(f"{fx(x):.1f},{fy(v):.1f}" for x, v in zip(reversed(c.x), reversed(c.low), strict=True))
    body.append(f'<polygon points="{up} {down}" class="mf-band"/>')
    d = "M" + "L".join(f"{fx(x):.1f} {fy(v):.1f}" for x, v in zip(c.x, c.y, strict=True))
    body.append(f'<path d="{d}" class="mf-line"/>')
    if s.low <= s.rest <= s.high:
        at = min(range(len(c.x)), key=lambda k: abs(fx(c.x[k]) - fx(s.rest)))
        body.append(
            f'<circle cx="{fx(c.x[at]):.1f}" cy="{fy(c.y[at]):.1f}" r="3.5" class="mf-dot"><title>held here elsewhere</title></circle>'
        )
    unit = f" [{s.unit}]" if s.unit and s.unit != "1" else ""
    body.append(_text((left + width - right) / 2, height - 6, _esc(_short(s.about or symbol, 34) + unit), anchor="middle", cls="mf-text"))
    body.append(_text(2, 12, _esc(formula.unit or "relative"), cls="mf-faint"))
    return _svg(width, height, body, f"{formula.about}, against {s.about or symbol}", "mf-figure mf-small")


# ---------------------------------------------------------------------- the loop
CLOCK_WORDS = {"macro": "every 60 s", "mitochondria": "every 300 s", "quality": "every 600 s"}


def loop_picture(folder: str = "mechanisms/") -> str:
    """The order of the processes in a macro-step, stage by stage, coloured by clock."""
    body, y = [], 34.0
    for x, clock in zip((110.0, 220.0, 340.0), CLOCK_WORDS, strict=True):
        body.append(_box(x, 4, 14, 12, f"mf-box mf-{clock}"))
        body.append(_text(x + 20, 14, CLOCK_WORDS[clock], cls="mf-text"))
    rows = []
    for stage in STAGES:
        chips, x, top = [], 110.0, y
        for m in mechanisms().values():
            if m.stage != stage:
                continue
            w = width_of(m.name) + 18
            if x + w > WIDTH - 24:
                x, y = 110.0, y + 30
            inside = _box(x, y, w, 22, f"mf-box mf-{m.clock}").replace("/>", f"><title>{_esc(m.summary)}</title></rect>")
            chips.append(f'<a href="{folder}{_esc(m.name)}.html">{inside}{_text(x + w / 2, y + 15, _esc(m.name), anchor="middle")}</a>')
            x += w + 8
        if chips:
            rows.append(((top + y) / 2 + 11, stage))
            body += chips
            y += 40
    for k, (mid, stage) in enumerate(rows):
        body.append(_text(84, mid + 4, stage, anchor="end", cls="mf-strong", size=12))
        if k + 1 < len(rows):
            body.append(f'<path d="M96 {mid + 6:.1f}L96 {rows[k + 1][0] - 6:.1f}m-3 -5l3 5l3 -5" class="mf-wire mf-arrow"/>')
    last, first = rows[-1][0], rows[0][0]
    body.append(f'<path d="M{WIDTH - 14:.0f} {last:.1f}L{WIDTH - 14:.0f} {first:.1f}m-3 5l3 -5l3 5" class="mf-wire mf-arrow"/>')
    body.append(_text(WIDTH - 26, last + 4, "next macro-step", anchor="end", cls="mf-faint"))
    return _svg(WIDTH, y, body, "Order of the processes in a macro-step, by stage and clock")


# ---------------------------------------------------------------------- virtual Seahorse
PHASE_WORDS = {"basal": "basal", "oligomycin": "oligomycin", "fccp": "FCCP", "rotenone_antimycin": "rotenone + antimycin"}


def seahorse_picture(test: Any, name: str) -> str:
    """Oxygen use through the stress test, with ATP below."""
    width, left, top, high = 560.0, 56.0, 26.0, 130.0
    phases = list(test.phases.items())
    step = (width - left - 10) / len(phases)
    ticks = nice_ticks(0.0, max(r.ocr for _, r in phases) or 1.0, 3)
    atp_ticks = nice_ticks(0.0, max(max(r.atp for _, r in phases), 3.0), 2)

    def fy(v: float) -> float:
        return top + high * (1 - v / ticks[-1])

    low, tall = top + high + 26, 56.0
    body = [_text(4, 14, "oxygen use [fmol/min per cell]", cls="mf-faint"), _text(4, low - 6, "ATP [mM]", cls="mf-faint")]
    for t in ticks:
        body.append(f'<line x1="{left}" y1="{fy(t):.1f}" x2="{width - 10}" y2="{fy(t):.1f}" class="mf-grid"/>')
        body.append(_text(left - 6, fy(t) + 4, tick_label(t), anchor="end", cls="mf-faint"))
    line = ""
    for k, (phase, r) in enumerate(phases):
        a, b = left + k * step, left + (k + 1) * step
        line += f"{'L' if k else 'M'}{a + 8:.1f} {fy(r.ocr):.1f}L{b - 8:.1f} {fy(r.ocr):.1f}"
        if k:
            body.append(f'<line x1="{a:.1f}" y1="{top:.1f}" x2="{a:.1f}" y2="{low + tall:.1f}" class="mf-cut"/>')
        words = PHASE_WORDS.get(phase, plain_words(phase))
        body.append(_text((a + b) / 2, low + tall + 16, _esc(words), anchor="middle"))
        body.append(_text((a + b) / 2, fy(r.ocr) - 7, f"{r.ocr:.3g}", anchor="middle", cls="mf-strong"))
        h = tall * r.atp / atp_ticks[-1]
        body.append(f'<rect x="{a + 24:.1f}" y="{low + tall - h:.1f}" width="{step - 48:.1f}" height="{max(h, 0.5):.1f}" class="mf-bar"/>')
        body.append(_text((a + b) / 2, low + tall - h - 4, f"{r.atp:.2f}", anchor="middle"))
    body.append(f'<path d="{line}" class="mf-line"/>')
    return _svg(width, low + tall + 22, body, f"Virtual stress test of {name}")


__all__ = ["inputs_of", "loop_picture", "outputs_of", "response", "seahorse_picture", "wiring"]
