"""Figures with matplotlib, for scripts and notebooks. matplotlib is imported here only, when a figure is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.show import picture
from mitoferry.show.sections.handovers import ROUTE_WORDS
from mitoferry.show.sections.pictures import well_tables
from mitoferry.show.style import GREY, LINE, SERIES, capital, displayed, words
from mitoferry.studies.contrast import mean_interval
from mitoferry.studies.fates import FATES, fates
from mitoferry.studies.results import hours_of
from mitoferry.studies.summary import control_of

if TYPE_CHECKING:
    from mitoferry.studies.results import Results

_COLOURS = (
    "#0b5c8a",
    "#e0962d",
    "#3f8f6b",
    "#b4546a",
    "#8a5a9e",
    "#57a0c8",
    "#9c7a3c",
    "#6b7280",
    "#1f2933",
    "#c9a0b4",
    "#7fae5a",
    "#4a6fb5",
)


def _axes(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    import matplotlib

    if ax is not None:
        return ax.figure, ax
    from matplotlib.figure import Figure

    figure: Any
    if matplotlib.is_interactive() or "inline" in matplotlib.get_backend():
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(figsize=size, layout="constrained")
        plt.close(figure)
    else:
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.add_subplot()
    return figure, ax


def _clean(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(length=3, labelsize=9)


def plot_readout(
    r: Results, observable: str, *, of: str | None = None, arms: list[str] | None = None, assay: str | None = None, ax: Any = None
) -> Any:
    """A readout over time, mean line and band from the lowest to the highest well; with fewer than three times every well.

    Args:
        r: the run.
        observable: observable of the cards or readout of the table.
        of: population or role.
        arms: arms to show; by default all.
        assay: needed where several assays give a readout of this name.
        ax: matplotlib axes to draw on.

    Returns:
        The figure.
    """
    m = r.measured(observable, of=of, assay=assay)
    factor, unit = displayed(m.readout, m.unit)
    shown = [a for a in (arms or list(m.by_arm)) if r._arm("arm", a) in m.by_arm]
    times = max((len(np.unique(m.by_arm[a][1])) for a in shown), default=0)
    if times >= 3:
        figure, ax = _axes(ax, (7.0, 4.0))
        for k, arm in enumerate(shown):
            _, tick, value = m.by_arm[arm]
            ticks = np.unique(tick)
            wells = [factor * value[tick == t] for t in ticks]
            colour, style = _COLOURS[k % len(_COLOURS)], ("-", "--", "-.", ":")[k // len(_COLOURS) % 4]
            ax.plot(ticks / 3600, [np.mean(w) for w in wells], color=colour, ls=style, lw=1.8, label=words(arm))
            ax.fill_between(ticks / 3600, [np.min(w) for w in wells], [np.max(w) for w in wells], color=colour, alpha=0.18, lw=0)
        ax.set_xlabel("time [h]")
        ax.set_ylabel(capital(words(m.readout)) + (f" [{unit}]" if unit else ""))
        ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        figure, ax = _axes(ax, (7.0, 0.9 + 0.34 * len(shown)))
        for k, arm in enumerate(shown):
            values = [factor * v for v in r.wells(m, arm=arm).values.values()]
            i = mean_interval(values)
            ax.plot(values, [k] * len(values), "o", mfc="white", mec=LINE, ms=5.5, zorder=3)
            ax.plot([i.low, i.high], [k, k], "-", color=LINE, lw=2)
            ax.plot([i.mean], [k], "|", color="black", ms=14, mew=2.2, zorder=4)
        ax.set_yticks(range(len(shown)), [words(a) for a in shown])
        ax.invert_yaxis()
        ax.set_xlabel(capital(words(m.readout)) + (f" [{unit}]" if unit else ""))
    ax.set_title(f"{m.of or 'whole well'}, n = {r.names.replicates} wells per arm", fontsize=9, color=GREY, loc="left")
    _clean(ax)
    return figure


def plot_contrasts(r: Results, observable: str, *, of: str | None = None, assay: str | None = None, ax: Any = None) -> Any:
    """Difference of each arm to its control with the 95 % interval; arguments as :func:`plot_readout`."""
    m = r.measured(observable, of=of, assay=assay)
    factor, unit = displayed(m.readout, m.unit)
    pairs = [(a, v) for a in m.by_arm if (v := control_of(a, tuple(m.by_arm)))]
    figure, ax = _axes(ax, (7.0, 1.0 + 0.36 * len(pairs)))
    for k, (arm, versus) in enumerate(pairs):
        c = r.contrast(observable, of=of, arm=arm, versus=versus, assay=assay)
        ax.plot([factor * c.low, factor * c.high], [k, k], color=LINE, lw=2.2)
        ax.plot([factor * c.difference], [k], "o", color=LINE, ms=6)
    ax.axvline(0.0, color=GREY, lw=1, ls="--")
    ax.set_yticks(range(len(pairs)), [f"{words(a)} − {words(v)}" for a, v in pairs])
    ax.invert_yaxis()
    ax.set_xlabel(f"difference in {words(m.readout)}" + (f" [{unit}]" if unit else ""))
    ax.set_title(f"{m.of or 'whole well'}, 95 % interval over n = {r.names.replicates} wells per arm", fontsize=9, color=GREY, loc="left")
    _clean(ax)
    return figure


def _stacked(rows: dict[str, dict[str, float]], parts: list[str], ax: Any) -> Any:
    figure, ax = _axes(ax, (8.0, 1.2 + 0.36 * len(rows)))
    left = np.zeros(len(rows))
    for k, part in enumerate(parts):
        values = np.array([row.get(part, 0.0) for row in rows.values()])
        if values.any():
            ax.barh(range(len(rows)), values, left=left, color=SERIES[k % len(SERIES)], label=part, height=0.7)
            left += values
    ax.set_yticks(range(len(rows)), [words(a) for a in rows])
    ax.invert_yaxis()
    ax.set_xlabel("mitochondria per well")
    if left.any():
        ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _clean(ax)
    return figure


def plot_handovers(r: Results, *, ax: Any = None) -> Any:
    """Hand-overs per well by arm and route."""
    h = r.handovers()
    rows: dict[str, dict[str, float]] = {a: {} for a in r.names.arms}
    sums: Any = h.groupby(["arm", "route"], observed=True)["count"].sum()
    for (arm, route), n in sums.items():
        rows[str(arm)][ROUTE_WORDS.get(str(route), str(route))] = float(n) / r.names.replicates
    return _stacked(rows, list(ROUTE_WORDS.values()), ax)


def plot_fates(r: Results, *, ax: Any = None) -> Any:
    """Where transferred mitochondria are at the last saved time, per arm."""
    return _stacked({a: v for a, v in fates(r).items() if sum(v.values()) > 0}, list(FATES), ax)


def _saved(r: Results, at: float | str | None) -> int:
    ticks = r.frame_ticks("cells")
    if not len(ticks):
        raise InputError(Problem(str(r.path), "frames", "a run that saved frames", "none"))
    if at is None:
        return int(ticks[-1])
    return int(ticks[np.argmin(np.abs(ticks - hours_of(at) * 3600.0))])


def well_picture(r: Results, arm: str, *, replicate: int = 0, at: float | str | None = None, pixels: int = 800, region: Any = None) -> Any:
    """The picture of a well at the saved time nearest to ``at`` (hours; by default the last), as a Pillow image."""
    a = r.names.arms.index(r._arm("arm", arm))
    tick = _saved(r, at)
    geometry = r.manifest["plate"]["arms"][a]["geometry"]
    size = geometry["size"]
    tables = well_tables(r, tick, a * r.names.replicates + replicate)
    caption = f"{words(arm)}, {tick / 3600:g} h"
    return picture.render_well(*tables, (size[0], size[1]), region=region, periodic=geometry["periodic"], pixels=pixels, caption=caption)


def plot_well(r: Results, arm: str, *, replicate: int = 0, at: float | str | None = None, ax: Any = None) -> Any:
    """The picture of a well on axes in um."""
    image = well_picture(r, arm, replicate=replicate, at=at, pixels=1000)
    size = r.manifest["plate"]["arms"][r.names.arms.index(arm)]["geometry"]["size"]
    figure, ax = _axes(ax, (6.0, 6.0 * size[1] / size[0]))
    ax.imshow(np.asarray(image), extent=(0, size[0], 0, size[1]))
    ax.set_xlabel("µm")
    _clean(ax)
    return figure
