"""Pictures of the wells at the last saved time."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.core.schema import CELL_LIVE, CELL_MOMP
from mitoferry.show import picture
from mitoferry.show.sections.arms import main_arm
from mitoferry.show.style import words
from mitoferry.store.atomic import RunFolderError

if TYPE_CHECKING:
    from mitoferry.studies.results import Results

MAX_PICTURES = 16


class Drawing:
    """Pictures of replicate 0 of every arm at the last saved time, and a close look at the arm that most findings are about.

    Drawn by two threads from the moment it is made, while other parts of the report are written: Pillow shrinks and encodes
    without the interpreter's lock.
    """

    def __init__(self, r: Results) -> None:
        self._drawn: tuple[list[dict[str, Any]], tuple[str, Future[str]] | None] = ([], None)
        self._hours: float | None = None
        try:
            ticks = r.frame_ticks("cells")
        except RunFolderError:
            return
        if not len(ticks):
            return
        tick = int(ticks[-1])
        pool = ThreadPoolExecutor(2)
        try:
            self._drawn = _drawn(r, tick, pool)
        finally:
            pool.shutdown(wait=False)  # what was handed in is drawn
        self._hours = tick / 3600.0

    def shown(self) -> dict[str, Any]:
        """The pictures, once all are drawn."""
        wells, close = self._drawn
        if self._hours is None:
            return {"wells": [], "close": None}
        close_up = {"arm": close[0], "src": close[1].result()} if close else None
        return {"wells": [w | {"src": w["src"].result()} for w in wells], "close": close_up, "hours": self._hours}


def pictures(r: Results) -> dict[str, Any]:
    """The pictures of a run for the report."""
    return Drawing(r).shown()


def _drawn(r: Results, tick: int, pool: Executor) -> tuple[list[dict[str, Any]], tuple[str, Future[str]] | None]:
    """The pictures of the arms, and arm and picture of the close look; the pictures as promises of their data URLs."""
    wells: list[dict[str, Any]] = []
    seen: dict[str, Any] = {}
    for a, arm in enumerate(r.names.arms[:MAX_PICTURES]):
        tables = well_tables(r, tick, a * r.names.replicates)
        geometry = r.manifest["plate"]["arms"][a]["geometry"]
        size, periodic = geometry["size"], geometry["periodic"]
        shown = pool.submit(_picture, tables, size, 72, periodic=periodic, pixels=520, text=2.2)
        wells.append({"arm": arm, "src": shown, "note": _living(r, tables[0])})
        if len(tables[0]["id"]) and np.any(tables[0]["n_foreign"]):
            seen[arm] = (tables, size, periodic)
    best = main_arm(r, seen)
    if best is None:
        return wells, None
    tables, size, periodic = seen[best]
    return wells, (best, pool.submit(_picture, tables, size, 80, region=_busiest(tables[0], size), periodic=periodic, pixels=1100))


def _picture(tables: Any, size: list[float], quality: int, **how: Any) -> str:
    cells, links, mitochondria = tables
    return webp(picture.render_well(cells, links, mitochondria, (size[0], size[1]), **how), quality)


def well_tables(r: Results, tick: int, well: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray] | None]:
    """Cells, links and (where they were saved) mitochondria of one well at one time."""
    mitochondria = r.frame("mitochondria", tick, well=well) if tick in r.frame_ticks("mitochondria") else None
    if mitochondria is not None and not len(mitochondria["cell"]):
        mitochondria = None
    return r.frame("cells", tick, well=well), r.frame("links", tick, well=well), mitochondria


def _busiest(cells: Mapping[str, np.ndarray], size: list[float]) -> tuple[float, float, float, float]:
    """A window around the place with most transferred mitochondria."""
    w, h = min(240.0, float(size[0])), min(150.0, float(size[1]))
    best, place = -1, (0.0, 0.0)
    for x0 in np.linspace(0, max(size[0] - w, 0), 8):
        for y0 in np.linspace(0, max(size[1] - h, 0), 8):
            inside = (cells["x"] > x0) & (cells["x"] < x0 + w) & (cells["y"] > y0) & (cells["y"] < y0 + h)
            n = int(cells["n_foreign"][inside].sum())
            if n > best:
                best, place = n, (float(x0), float(y0))
    return place[0], place[1], place[0] + w, place[1] + h


def _living(r: Results, cells: Mapping[str, np.ndarray]) -> str:
    said = []
    for k, name in enumerate(r.names.populations):
        chosen = cells["population"] == k
        if chosen.any():
            alive = int(np.isin(cells["state"][chosen], (CELL_LIVE, CELL_MOMP)).sum())
            said.append(f"{alive} of {int(chosen.sum())} {words(name)} cells alive")
    return ", ".join(said)


def webp(image: Any, quality: int) -> str:
    """An image as a data URL."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def picture_legend(r: Results) -> list[tuple[str, str, str]]:
    """(shape, colour, words) of the pictures."""
    rgb = lambda c: f"rgb{c}"  # noqa: E731
    cells = [("disc", rgb(picture.RIM[k % 4]), words(n)) for k, n in enumerate(r.names.populations) if n]
    return [
        *cells,
        ("dot", rgb(picture.TRANSFERRED), "mitochondrion born in another population"),
        ("dot", rgb(picture.DEPOLARISED), f"potential below {picture.LOW_POTENTIAL:g} mV"),
        ("line", rgb(picture.TUBE), "nanotube (thick or thin)"),
        ("line", rgb(picture.GROWING), "growing filopodium"),
        ("ring", rgb(picture.RELEASED), "cytochrome c released"),
        ("ring", rgb(picture.DYING), "dying"),
        ("cross", rgb(picture.CORPSE), "dead"),
    ]
