"""Charts of the report as plain SVG text: small, sharp, readable without colour, with a tooltip on every mark.

Numbers go in, a string comes out; everything that is text from outside is escaped here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mitoferry.show.style import BAND, FAINT, GREY, INK, LINE, SERIES, nice_ticks, tick_label
from mitoferry.studies.contrast import mean_interval, number

FONT = 12.0


def _t(x: float, y: float, text: str, *, anchor: str = "start", size: float = FONT, fill: str = INK, weight: str = "") -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" fill="{fill}"{bold}>{html.escape(text)}</text>'


def _l(x1: float, y1: float, x2: float, y2: float, *, stroke: str = GREY, width: float = 1.0, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width:g}"{dashed}/>'


def _target(x: float, y: float, width: float, height: float, tip: str) -> str:
    """An invisible area with a tooltip."""
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {box} fill="transparent"><title>{html.escape(tip)}</title></rect>'


def svg(width: float, height: float, body: Sequence[str], label: str) -> str:
    """A figure of ``width`` x ``height`` px that shrinks with the page; ``label`` is read out by screen readers."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{html.escape(label, quote=True)}">'
        + "".join(body)
        + "</svg>"
    )


def text_width(text: str, size: float = FONT) -> float:
    """Rough width of a text [px]."""
    return 0.56 * size * len(text)


@dataclass(frozen=True, slots=True)
class Series:
    """A readout of one arm over time.

    Attributes:
        label: the arm.
        hours: times [h], (n,).
        values: wells x times, (wells, n); NaN where a well has no reading.
        bars: (start, end) [h] of treatments, shown as a grey bar on the time axis.
    """

    label: str
    hours: np.ndarray
    values: np.ndarray
    bars: tuple[tuple[float, float], ...] = ()


def _scale(values: np.ndarray, *, zero: bool) -> tuple[float, float, list[float]]:
    v = values[np.isfinite(values)]
    low, high = (float(v.min()), float(v.max())) if v.size else (0.0, 1.0)
    if zero and low > 0 and low < 0.6 * high:
        low = 0.0
    if low == high:
        low, high = min(low, 0.0), max(high, 1.0 if high == 0 else high * 1.2)
    ticks = nice_ticks(low, high, 3)
    return ticks[0], ticks[-1], ticks


def time_panels(series: Sequence[Series], *, unit: str, reference: str | None, label: str) -> str:
    """One small panel per arm on a common scale: mean of the wells, band of their range, the reference arm in grey.

    Args:
        series: the arms.
        unit: of the values.
        reference: label of the series that is repeated in grey in all panels.
        label: what the figure shows.
    """
    columns = min(4, max(len(series), 2))
    width, left, top, gap = 880.0, 46.0, 44.0, 16.0
    w = (width - left - (columns - 1) * gap - 6) / columns
    h, row_height = 104.0, 104.0 + 52.0
    low, high, ticks = _scale(np.concatenate([s.values.ravel() for s in series]), zero=True)
    end = max(float(s.hours.max()) for s in series if s.hours.size)
    grey = next((s for s in series if s.label == reference), None)
    body = []
    for k, s in enumerate(series):
        x0, y0 = left + (k % columns) * (w + gap), top + (k // columns) * row_height
        fx = lambda t, x0=x0: x0 + np.asarray(t, float) / max(end, 1e-9) * w  # noqa: E731
        fy = lambda v, y0=y0: y0 + h - (np.asarray(v, float) - low) / (high - low) * h  # noqa: E731
        for tick in ticks:
            y = float(fy(tick))
            body.append(_l(x0, y, x0 + w, y, stroke=FAINT))
            if k % columns == 0:
                body.append(_t(x0 - 6, y + 4, tick_label(tick), anchor="end", size=11, fill=GREY))
        for start, stop in s.bars:
            w_bar = float(fx(min(stop, end)) - fx(min(start, end)))
            body.append(f'<rect x="{float(fx(start)):.1f}" y="{y0 + h:.1f}" width="{w_bar:.1f}" height="4" fill="#b9bec7"/>')
        if grey is not None and grey is not s:
            body.append(_path(fx(grey.hours), fy(_mean(grey.values)), "#9aa1ab", 1.3, dash="4 3"))
        body += _band(s, fx, fy)
        body.append(_path(fx(s.hours), fy(_mean(s.values)), LINE, 2.0))
        for tick in nice_ticks(0, end, 3):
            if tick <= end + 1e-9:
                body.append(_t(float(fx(tick)), y0 + h + 17, tick_label(tick), anchor="middle", size=11, fill=GREY))
        body.append(_t(x0, y0 - 8, s.label, size=12, weight="600"))
        last = float(_mean(s.values)[-1])
        tip = f"{s.label}: {number(last)} {unit} at {s.hours[-1]:g} h, n = {len(s.values)} wells"
        body.append(_target(x0, y0, w, h, tip))
    rows = math.ceil(len(series) / columns)
    body.append(_t(left, 11, f"{unit or 'value'} over hours", size=11, fill=GREY))
    return svg(width, top + rows * row_height - 22, body, label)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over wells at each time; NaN where none has a reading."""
    held = np.isfinite(values)
    return np.where(held.any(axis=0), np.where(held, values, 0.0).sum(axis=0) / np.maximum(held.sum(axis=0), 1), np.nan)


def _path(x: np.ndarray, y: np.ndarray, stroke: str, width: float, dash: str = "") -> str:
    runs: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(np.atleast_1d(x), np.atleast_1d(y), strict=True):
        if math.isfinite(b):
            runs[-1].append((a, b))
        elif runs[-1]:
            runs.append([])
    alone = [r[0] for r in runs if len(r) == 1]
    body = [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{width:g}" fill="{stroke}"/>' for a, b in alone]
    d = "".join("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in r) for r in runs if len(r) > 1)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    if d:
        body.append(f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width:g}" stroke-linejoin="round"{dashed}/>')
    return "".join(body)


def _band(s: Series, fx: object, fy: object) -> list[str]:
    whole = np.isfinite(s.values).any(axis=0)
    if len(s.values) < 2:
        return []
    body = []
    ends = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(int)))
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        if last - first < 2:
            continue
        x, values = fx(s.hours[first:last]), s.values[:, first:last]  # type: ignore[operator]
        low, high = fy(np.nanmin(values, axis=0)), fy(np.nanmax(values, axis=0))  # type: ignore[operator]
        up = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, high, strict=True))
        down = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[::-1], low[::-1], strict=True))
        body.append(f'<polygon points="{up} {down}" fill="{BAND}" fill-opacity="0.55"/>')
    return body


def well_dots(groups: Mapping[str, Sequence[float]], *, unit: str, reference: str | None, label: str) -> str:
    """One row per arm: every well a dot, the mean a bar, the 95 % interval a line; the reference arm's mean a dashed line."""
    width = 880.0
    left = min(max((text_width(a) for a in groups), default=80) + 18, 300.0)
    top, row = 14.0, 26.0
    right = 70.0 + text_width(unit) if unit else 70.0
    pooled = [v for values in groups.values() for v in values]
    intervals = {a: mean_interval(list(v)) for a, v in groups.items()}
    finite = [x for i in intervals.values() for x in (i.low, i.high) if math.isfinite(x)]
    spread = np.array(pooled, float)
    spread = spread[np.isfinite(spread)]
    reach = (float(spread.max()) - float(spread.min())) if spread.size else 1.0
    bounded = [min(max(x, float(spread.min()) - 0.5 * reach), float(spread.max()) + 0.5 * reach) for x in finite] if spread.size else []
    if spread.size and float(spread.min()) >= 0:
        bounded = [max(x, 0.0) for x in bounded]
    low, high, ticks = _scale(np.array([*pooled, *bounded], float), zero=True)
    fx = lambda v: left + (min(max(v, low), high) - low) / (high - low) * (width - left - right)  # noqa: E731
    bottom = top + row * len(groups)
    body = []
    for tick in ticks:
        body.append(_l(fx(tick), top, fx(tick), bottom, stroke=FAINT))
        body.append(_t(fx(tick), bottom + 16, tick_label(tick), anchor="middle", size=11, fill=GREY))
    if reference is not None and reference in groups and math.isfinite(intervals[reference].mean):
        x = fx(intervals[reference].mean)
        body.append(_l(x, top, x, bottom, stroke="#9aa1ab", dash="4 3", width=1.2))
    for k, (arm, values) in enumerate(groups.items()):
        y, i = top + row * (k + 0.5), intervals[arm]
        body.append(_t(left - 12, y + 4, arm, anchor="end"))
        if math.isfinite(i.low):
            body.append(_l(fx(i.low), y, fx(i.high), y, stroke=LINE, width=2))
        for v in values:
            if math.isfinite(v):
                style = f'fill="#ffffff" fill-opacity="0.75" stroke="{LINE}" stroke-width="1.3"'
                body.append(f'<circle cx="{fx(v):.1f}" cy="{y:.1f}" r="4.2" {style}/>')
        if math.isfinite(i.mean):
            body.append(_l(fx(i.mean), y - 8, fx(i.mean), y + 8, stroke=INK, width=2.6))
            body.append(_t(width - right + 14, y + 4, f"{number(i.mean)} {unit}".strip(), size=12))
        tip = f"{arm}: mean {number(i.mean)} {unit}, 95 % interval {number(i.low)} to {number(i.high)}, n = {i.n} wells"
        body.append(_target(0, y - row / 2, width, row, tip))
    return svg(width, bottom + 22, body, label)


def interval_bar(mean: float, low: float, high: float, limit: float, *, width: float = 150.0, tip: str = "") -> str:
    """A difference and its interval around zero, on a scale of ±``limit``; for tables."""
    height, middle = 20.0, width / 2
    limit = limit if limit > 0 and math.isfinite(limit) else 1.0
    fx = lambda v: middle + min(max(v / limit, -1.0), 1.0) * (middle - 6)  # noqa: E731
    body = [_l(middle, 1, middle, height - 1, stroke="#9aa1ab", dash="3 2")]
    if math.isfinite(low) and math.isfinite(high):
        body.append(_l(fx(low), 10, fx(high), 10, stroke=LINE, width=2.2))
        for v, sign in ((low, -1), (high, 1)):
            if abs(v) > limit * 1.001:
                x = fx(v)
                body.append(f'<path d="M{x:.1f} 5 l{5 * sign} 5 l{-5 * sign} 5" fill="none" stroke="{LINE}" stroke-width="2"/>')
    if math.isfinite(mean):
        body.append(f'<circle cx="{fx(mean):.1f}" cy="10" r="4" fill="{LINE}"/>')
    return svg(width, height, [*body, f"<title>{html.escape(tip)}</title>"], tip or "difference and interval")


def timeline(bars: Sequence[tuple[str, float, float, str]], end: float, label: str) -> str:
    """Treatments and additions of an arm over time: (name, start, end [h], colour); a bar of no length is a mark."""
    width, row = 400.0, 19.0
    body = []
    fx = lambda t: 4 + min(max(t / end, 0.0), 1.0) * (width - 8)  # noqa: E731
    for k, (name, start, stop, colour) in enumerate(bars):
        y = 2 + k * row
        a, b = fx(start), fx(stop)
        if b - a < 2:
            body.append(f'<path d="M{a:.1f} {y + 2:.1f} l5 6 l-5 6 l-5 -6 z" fill="{colour}"/>')
        else:
            box = f'x="{a:.1f}" y="{y + 2:.1f}" width="{b - a:.1f}" height="{row - 7:.1f}"'
            body.append(f'<rect {box} rx="2" fill="{colour}" fill-opacity="0.3"/>')
        inside = b - a > text_width(name, 11) + 8
        x, anchor = (a + 5, "start") if inside else (b + 7, "start") if b + 7 + text_width(name, 11) < width else (a - 5, "end")
        body.append(_t(x, y + 11.5, name, size=11, anchor=anchor))
    base = 4 + len(bars) * row
    body.append(_l(4, base, width - 4, base, stroke="#c3c8d0"))
    for tick in nice_ticks(0, end, 4):
        if tick <= end:
            body.append(_l(fx(tick), base, fx(tick), base + 3, stroke="#c3c8d0"))
            text, anchor = (f"{tick:g}", "middle") if tick else ("0 h", "start")
            body.append(_t(fx(tick), base + 14, text, size=10, fill=GREY, anchor=anchor))
    return svg(width, base + 18, body, label)


def stacked_bars(rows: Mapping[str, Mapping[str, float]], parts: Sequence[str], *, unit: str, label: str) -> str:
    """One bar per row, split into ``parts`` that keep their order and colour; totals at the end."""
    width, row, right = 880.0, 27.0, 70.0
    left = min(max((text_width(a) for a in rows), default=80) + 18, 300.0)
    top = 8.0 + 20.0 * _legend_lines(parts, width)
    total = max((sum(r.values()) for r in rows.values()), default=1.0) or 1.0
    ticks = nice_ticks(0, total, 4)
    fx = lambda v: left + v / ticks[-1] * (width - left - right)  # noqa: E731
    bottom = top + row * len(rows)
    body = _legend(parts, width)
    for tick in ticks:
        body.append(_l(fx(tick), top, fx(tick), bottom, stroke=FAINT))
        body.append(_t(fx(tick), bottom + 16, tick_label(tick), anchor="middle", size=11, fill=GREY))
    for k, (name, values) in enumerate(rows.items()):
        y, at = top + k * row, 0.0
        body.append(_t(left - 12, y + row / 2 + 4, name, anchor="end"))
        for j, part in enumerate(parts):
            v = values.get(part, 0.0)
            if v > 0:
                tip = html.escape(f"{name}, {part}: {number(v)} {unit}")
                x, w = fx(at), fx(at + v) - fx(at)
                box = f'x="{x:.1f}" y="{y + 4:.1f}" width="{max(w - 1, 0.5):.1f}" height="{row - 8}"'
                body.append(f'<rect {box} fill="{SERIES[j % len(SERIES)]}"><title>{tip}</title></rect>')
                at += v
        body.append(_t(fx(at) + 8, y + row / 2 + 4, number(at) if at else "none", size=12, fill=INK if at else GREY))
    body.append(_t(width - 4, bottom + 32, unit, anchor="end", size=11, fill=GREY))
    return svg(width, bottom + 36, body, label)


def _legend_places(parts: Sequence[str], width: float) -> list[tuple[float, int]]:
    places, x, line = [], 2.0, 0
    for part in parts:
        w = text_width(part) + 34
        if x + w > width and x > 2:
            x, line = 2.0, line + 1
        places.append((x, line))
        x += w
    return places


def _legend_lines(parts: Sequence[str], width: float) -> int:
    return max((line for _, line in _legend_places(parts, width)), default=0) + 1


def _legend(parts: Sequence[str], width: float) -> list[str]:
    body = []
    for j, (part, (x, line)) in enumerate(zip(parts, _legend_places(parts, width), strict=True)):
        y = 3 + 20 * line
        body.append(f'<rect x="{x:.1f}" y="{y}" width="12" height="12" fill="{SERIES[j % len(SERIES)]}"/>')
        body.append(_t(x + 18, y + 10.5, part))
    return body


def sankey(flows: Sequence[tuple[str, str, str, float]], colours: Mapping[str, str], *, unit: str, label: str) -> str:
    """Flows from a source over a route to a target, as bands whose width is the number.

    Args:
        flows: (source, route, target, value).
        colours: colour per source.
        unit: of the values.
        label: what the figure shows.
    """
    width, height, gap, node = 880.0, 250.0, 16.0, 13.0
    flows = [f for f in flows if f[3] > 0]
    total = sum(f[3] for f in flows)
    if not total:
        return ""
    ordered = sorted(flows, key=lambda f: -f[3])
    names = [list(dict.fromkeys(str(f[k]) for f in ordered)) for k in range(3)]
    tallest = max(len(n) for n in names)
    height = max(height, 30.0 * tallest + 60)
    per = (height - 30 - gap * (tallest - 1)) / total
    xs = (150.0, width / 2 - node / 2, width - 150.0 - node)
    body, tops = [], []
    for column, x in zip(range(3), xs, strict=True):
        sizes = {n: sum(f[3] for f in flows if f[column] == n) * per for n in names[column]}
        y = (height - sum(sizes.values()) - gap * (len(sizes) - 1)) / 2
        places: dict[str, float] = {}
        for name, size in sizes.items():
            places[name] = y
            shown = max(size, 1.5)
            body.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{node}" height="{shown:.1f}" fill="{colours.get(name, "#4b5563")}"/>')
            value = f"{number(size / per)}"
            if column == 0:
                body.append(_t(x - 10, y + shown / 2 + 4, f"{name}  {value}", anchor="end"))
            else:
                body.append(_t(x + node + 8, y + shown / 2 + 4, f"{name}  {value}"))
            y += size + gap
        tops.append(places)
    bands = []
    for column in (0, 1):
        used: list[dict[str, float]] = [dict(tops[column]), dict(tops[column + 1])]
        for f in sorted(flows, key=lambda f: [names[k].index(str(f[k])) for k in (column, column + 1, 0)]):
            size = f[3] * per
            here, there = str(f[column]), str(f[column + 1])
            y0, y1 = used[0][here], used[1][there]
            used[0][here] += size
            used[1][there] += size
            x0, x1 = xs[column] + node, xs[column + 1]
            m = (x0 + x1) / 2
            over = f"M{x0:.1f} {y0:.1f}C{m:.1f} {y0:.1f} {m:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
            b0, b1 = y0 + size, y1 + size
            d = over + f"L{x1:.1f} {b1:.1f}C{m:.1f} {b1:.1f} {m:.1f} {b0:.1f} {x0:.1f} {b0:.1f}Z"
            tip = html.escape(f"{f[0]} → {f[2]} by {f[1]}: {number(f[3])} {unit}")
            bands.append(f'<path d="{d}" fill="{colours.get(f[0], "#9aa1ab")}" fill-opacity="0.38"><title>{tip}</title></path>')
    return svg(width, height, bands + body, label)
