"""A picture of a well, drawn from a saved frame: cells, nanotubes, and mitochondria by lineage and potential.

Colours are told apart with any kind of colour vision, and nothing is told by colour alone: transferred mitochondria
are larger, dying cells carry a ring, corpses a cross. The place of a mitochondrion inside its cell is not part of the
state; it is spread over the cytoplasm by a fixed rule, so that it does not jump between frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mitoferry.core import schema as s

BACKGROUND = (13, 17, 26)
BODY = ((38, 72, 110), (112, 66, 20), (78, 58, 104), (58, 84, 62))  # per population: blue, ochre, violet, green
RIM = ((92, 150, 205), (222, 148, 66), (170, 140, 214), (126, 180, 130))
OWN = ((104, 178, 232), (240, 170, 80), (190, 160, 235), (140, 205, 145))
TRANSFERRED = (255, 226, 84)
DEPOLARISED = (226, 92, 92)
TUBE, GROWING = (236, 240, 245), (130, 140, 155)
RELEASED, DYING, CORPSE = (255, 176, 0), (255, 96, 96), (120, 126, 136)
FULL_ATP = 3.0  # mM that is drawn at full brightness
LOW_POTENTIAL = 100.0  # mV below which a mitochondrion is drawn as depolarised
_OVER = 2  # supersampling


@lru_cache(maxsize=16)
def font(size: float) -> Any:
    """A sans-serif font of ``size`` pixels: that of matplotlib, found without importing it, else that of Pillow."""
    found = find_spec("matplotlib")
    path = Path(found.origin or "").parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf" if found else Path()
    return ImageFont.truetype(str(path), size) if path.is_file() else ImageFont.load_default(size=size)


def _phase(birth: np.ndarray, ordinal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fixed angle [rad] and distance from the centre (share of the radius) of a mitochondrion in its cell."""
    key = birth.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + ordinal.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
    key ^= key >> np.uint64(31)
    key *= np.uint64(0x94D049BB133111EB)
    low = (key & np.uint64(0xFFFFFF)).astype(float) / 2**24
    high = ((key >> np.uint64(28)) & np.uint64(0xFFFFFF)).astype(float) / 2**24
    return 2 * np.pi * low, np.sqrt(0.16 + 0.66 * high)


class _Canvas:
    """Pixels over a region of the well; y grows upwards, as in the simulation."""

    def __init__(self, region: tuple[float, float, float, float], pixels: int) -> None:
        self.x0, self.y0, self.x1, self.y1 = region
        self.scale = pixels * _OVER / (self.x1 - self.x0)
        self.width, self.height = pixels * _OVER, _OVER * round((self.y1 - self.y0) * self.scale / _OVER)
        self.image = Image.new("RGB", (self.width, self.height), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)

    def to(self, x: Any, y: Any) -> tuple[Any, Any]:
        return (x - self.x0) * self.scale, self.height - (y - self.y0) * self.scale

    def disc(self, x: float, y: float, radius: float, fill: Any = None, outline: Any = None, width: float = 0.0) -> None:
        px, py = self.to(x, y)
        r = radius * self.scale
        self.draw.ellipse((px - r, py - r, px + r, py + r), fill=fill, outline=outline, width=max(round(width), 1) if outline else 0)

    def line(self, x: Any, y: Any, colour: Any, width: float) -> None:
        px, py = self.to(np.asarray(x, float), np.asarray(y, float))
        self.draw.line([v for p in zip(px.tolist(), py.tolist(), strict=True) for v in p], fill=colour, width=max(round(width), 1))

    def dots(self, x: np.ndarray, y: np.ndarray, colours: np.ndarray, size: int) -> None:
        """Squares of ``size`` pixels, fast for many."""
        pixels = np.asarray(self.image).copy()
        px, py = (np.floor(v).astype(int) for v in self.to(x, y))
        for dx in range(size):
            for dy in range(size):
                qx, qy = px + dx - size // 2, py + dy - size // 2
                inside = (qx >= 0) & (qx < self.width) & (qy >= 0) & (qy < self.height)
                pixels[qy[inside], qx[inside]] = colours[inside]
        self.image = Image.fromarray(pixels)
        self.draw = ImageDraw.Draw(self.image)


def render_well(
    cells: Mapping[str, np.ndarray],
    links: Mapping[str, np.ndarray],
    mitochondria: Mapping[str, np.ndarray] | None,
    size: tuple[float, float],
    *,
    region: tuple[float, float, float, float] | None = None,
    periodic: bool = True,
    pixels: int = 800,
    text: float = 1.0,
    caption: str = "",
) -> Image.Image:
    """Draw one well.

    Args:
        cells: table of a frame (``RunFolder.frame``), of one well.
        links: its nanotubes.
        mitochondria: its mitochondria; ``None`` draws the number of foreign ones per cell as dots.
        size: extent of the well in x and y [um].
        region: x0, y0, x1, y1 [um] to show; by default the whole well.
        periodic: whether the well wraps around: what crosses an edge is drawn on both sides.
        pixels: width of the picture.
        text: size of the letters, relative.
        caption: a line of text at the top left.

    Returns:
        An RGB image.
    """
    canvas = _Canvas(region or (0.0, 0.0, float(size[0]), float(size[1])), pixels)
    copies = _images(cells, size, canvas, periodic)
    _bodies(canvas, cells, copies)
    _tubes(canvas, cells, links, size if periodic else (np.inf, np.inf))
    if mitochondria is not None and len(mitochondria["cell"]):
        _mitochondria(canvas, cells, mitochondria, copies)
    else:
        _foreign_dots(canvas, cells, copies)
    image = canvas.image.reduce(_OVER)  # a pixel is the mean of those that it covers
    _annotate(image, canvas.scale / _OVER, canvas.x1 - canvas.x0, caption, text)
    return image


def _images(cells: Mapping[str, np.ndarray], size: tuple[float, float], canvas: _Canvas, periodic: bool) -> list[tuple[int, float, float]]:
    """Row and place of every cell that touches the region, periodic images included; corpses first."""
    rows = np.argsort(-np.isin(cells["state"], (s.CELL_DEAD_APOPTOTIC, s.CELL_DEAD_NECROTIC)).astype(int), kind="stable")
    found = []
    for i in rows.tolist():
        r = float(cells["radius"][i])
        for dx in (0.0, -size[0], size[0]) if periodic else (0.0,):
            for dy in (0.0, -size[1], size[1]) if periodic else (0.0,):
                x, y = float(cells["x"][i]) + dx, float(cells["y"][i]) + dy
                if canvas.x0 - r < x < canvas.x1 + r and canvas.y0 - r < y < canvas.y1 + r:
                    found.append((i, x, y))
    return found


def _shade(colour: tuple[int, int, int], level: float) -> tuple[int, int, int]:
    return tuple(round(b + (c - b) * level) for b, c in zip(BACKGROUND, colour, strict=True))  # type: ignore[return-value]


def _bodies(canvas: _Canvas, cells: Mapping[str, np.ndarray], copies: list[tuple[int, float, float]]) -> None:
    unit = canvas.scale
    for i, x, y in copies:
        state, population, r = int(cells["state"][i]), int(cells["population"][i]) % len(BODY), float(cells["radius"][i])
        if state in (s.CELL_DEAD_APOPTOTIC, s.CELL_DEAD_NECROTIC):
            d = 0.45 * r
            canvas.line([x - d, x + d], [y - d, y + d], CORPSE, 0.9 * unit)
            canvas.line([x - d, x + d], [y + d, y - d], CORPSE, 0.9 * unit)
            continue
        level = 0.35 + 0.65 * min(max(float(cells["atp"][i]) / FULL_ATP, 0.0), 1.0)
        ring = {s.CELL_MOMP: RELEASED, s.CELL_APOPTOTIC: DYING, s.CELL_NECROTIC: DYING}.get(state)
        canvas.disc(
            x,
            y,
            r,
            _shade(BODY[population], level),
            ring or _shade(RIM[population], level),
            min((1.6 if ring else 0.6) * unit, 10 if ring else 4),
        )
        canvas.disc(x, y, 0.36 * r, _shade(BODY[population], 0.45 * level))


def _tubes(canvas: _Canvas, cells: Mapping[str, np.ndarray], links: Mapping[str, np.ndarray], size: tuple[float, float]) -> None:
    radius = dict(zip(cells["id"].tolist(), cells["radius"].tolist(), strict=True))
    for k in range(len(links["id"])):
        xa, ya, xb, yb = (float(links[c][k]) for c in ("xa", "ya", "xb", "yb"))
        dx, dy = (d - round(d / e) * e if abs(d) > e / 2 else d for d, e in ((xb - xa, size[0]), (yb - ya, size[1])))
        gap = max(float(np.hypot(dx, dy)), 1e-6)
        ra, rb = (0.9 * min(radius.get(int(links[e][k]), 0.0), 0.45 * gap) / gap for e in ("a", "b"))
        growing = int(links["state"][k]) == s.LINK_GROWING
        colour, width = (GROWING, 0.4) if growing else (TUBE, 0.95 if links["thick"][k] else 0.45)
        bend = 0.06 * (1 if int(links["id"][k]) % 2 else -1)
        t = np.linspace(ra, 1 - rb, 12)
        bow = bend * np.sin(np.pi * (t - ra) / (1 - rb - ra))
        for ox, oy in {(xa, ya), (xb - dx, yb - dy)}:
            x, y = ox + t * dx - bow * dy, oy + t * dy + bow * dx
            canvas.line(x, y, colour, max(width * canvas.scale, 1.0))
            for c in range(min(int(links["n_cargo"][k]), 6)):
                j = 3 + (5 * c + int(links["id"][k])) % 6
                canvas.disc(x[j], y[j], max(1.3, 2.0 / canvas.scale), TRANSFERRED)


def _mitochondria(
    canvas: _Canvas, cells: Mapping[str, np.ndarray], m: Mapping[str, np.ndarray], copies: list[tuple[int, float, float]]
) -> None:
    if not copies:
        return
    order = np.argsort(m["cell"], kind="stable")
    host = np.asarray(m["cell"])[order]
    cell = np.array([i for i, _, _ in copies], np.int64)
    first, last = (np.searchsorted(host, np.asarray(cells["id"])[cell], side) for side in ("left", "right"))
    held = last - first
    each = np.repeat(np.arange(len(copies)), held)  # of every dot the copy that it is in
    row = order[np.arange(len(each)) - np.repeat(np.cumsum(held) - held - first, held)]
    angle, distance = _phase(np.asarray(m["birth_cell"])[row], np.asarray(m["ordinal"])[row])
    distance = distance * np.asarray(cells["radius"], float)[cell][each]
    x, y = np.array([place for _, *place in copies]).T
    x_all, y_all = x[each] + distance * np.cos(angle), y[each] + distance * np.sin(angle)
    low = np.asarray(m["potential"])[row] < LOW_POTENTIAL
    origin = np.asarray(m["birth_cell"])[row] >> 24
    moved = origin != np.asarray(cells["population"])[cell][each]
    colours = np.array(OWN, np.uint8)[origin % len(OWN)]
    colours[low] = DEPOLARISED
    canvas.dots(x_all[~moved], y_all[~moved], colours[~moved], max(round(0.55 * canvas.scale), 1))
    for j in np.flatnonzero(moved):
        fill = DEPOLARISED if low[j] else TRANSFERRED
        canvas.disc(x_all[j], y_all[j], max(0.95, 1.7 / canvas.scale), fill, BACKGROUND, 0.2 * canvas.scale)


def _foreign_dots(canvas: _Canvas, cells: Mapping[str, np.ndarray], copies: list[tuple[int, float, float]]) -> None:
    for i, x, y in copies:
        n = min(int(cells["n_foreign"][i]), 200)
        angle, distance = _phase(np.full(n, int(cells["id"][i]), np.uint64), np.arange(n, dtype=np.uint64))
        for a, d in zip(angle, distance, strict=True):
            r = d * float(cells["radius"][i])
            px, py = x + r * np.cos(a), y + r * np.sin(a)
            canvas.disc(px, py, max(0.95, 1.7 / canvas.scale), TRANSFERRED, BACKGROUND, 0.2 * canvas.scale)


def _annotate(image: Image.Image, scale: float, width: float, caption: str, text_size: float) -> None:
    draw = ImageDraw.Draw(image)
    bar = next((b for b in (500, 200, 100, 50, 20, 10) if b < 0.35 * width), 5)
    size = max(image.width / 50 * text_size, 11)
    x1, y = image.width - 0.6 * size - 2, image.height - 0.9 * size
    draw.rectangle((x1 - bar * scale, y, x1, y + max(size / 6, 2)), fill=(255, 255, 255))
    text = f"{bar} µm"
    x = x1 - bar * scale / 2 - draw.textlength(text, font=font(size)) / 2
    draw.text((x, y - 1.35 * size), text, fill=(255, 255, 255), font=font(size))
    if caption:
        w = draw.textlength(caption, font=font(size))
        draw.rectangle((0, 0, w + 1.2 * size, 1.8 * size), fill=BACKGROUND)
        draw.text((0.6 * size, 0.3 * size), caption, fill=(255, 255, 255), font=font(size))
