"""Readouts: charts over time and by well, contrasts, and a table of the means of the others."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.show import charts
from mitoferry.show.sections.arms import injury_bars
from mitoferry.show.style import capital, displayed, plain_words, safe, words
from mitoferry.studies.contrast import Contrast, interval_text, number

if TYPE_CHECKING:
    from mitoferry.studies.results import Results


def readout_sections(r: Results) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The readouts with charts and contrasts, and a table of the means of all others."""
    by_key: dict[tuple[str, str, str], list[Contrast]] = {}
    for c in r.contrasts():
        by_key.setdefault((c.assay, c.readout, c.of), []).append(c)
    shown = _shown(r)
    bars = injury_bars(r)
    sections, rest = [], []
    for line in r.readouts().itertuples():
        key = (str(line.assay), str(line.readout), str(line.of))
        if key in shown:
            sections.append(_section(r, key, str(line.unit), by_key.get(key, []), bars))
        else:
            rest.append((*key, str(line.unit)))
    return sections, _means_table(r, rest)


def _shown(r: Results) -> set[tuple[str, str, str]]:
    """Readouts that get a section: those of an observable of the cards, in its population, and those of the findings."""
    from mitoferry.experiment.observables import OBSERVABLES

    lines = [(str(x.assay), str(x.readout), str(x.of)) for x in r.readouts().itertuples()]
    wanted = {(o.assay, o.readout, r.population_of(o.of)) for o in OBSERVABLES.values()}
    shown = {k for k in lines if k in wanted}
    shown |= {(c.assay, c.readout, c.of) for f in r.findings() if (c := f.contrast)}
    return shown if shown else set(lines[:12])


def _section(r: Results, key: tuple[str, str, str], unit: str, contrasts: list[Contrast], bars: dict[str, Any]) -> dict[str, Any]:
    assay, readout, of = key
    factor, shown_unit = displayed(readout, unit)
    m = r.measured(_card(assay, readout), of=of or "well", assay=assay)
    arms = list(m.by_arm)
    reference = next((a for a in ("injured_alone", "recipient_alone") if a in arms), arms[0])
    series = []
    for arm, (replicate, tick, value) in m.by_arm.items():
        ticks = np.unique(tick)
        wide = np.full((r.names.replicates, len(ticks)), np.nan)
        wide[replicate, np.searchsorted(ticks, tick)] = value * factor
        series.append(charts.Series(words(arm), ticks / 3600.0, wide, tuple(bars.get(arm, ()))))
    label = f"{words(readout)} of {of or 'the well'} by arm"
    figures = []
    if max(len(s.hours) for s in series) >= 5:
        figures.append(safe(charts.time_panels(series, unit=shown_unit, reference=words(reference), label=label + " over time")))
    groups = {words(a): [factor * v for _, v in sorted(r.wells(m, arm=a).values.items())] for a in arms}
    if any(np.isfinite(v) for values in groups.values() for v in values):
        figures.append(safe(charts.well_dots(groups, unit=shown_unit, reference=words(reference), label=label)))
    when = next((c.statistic or f"at {c.hours:g} h" for c in contrasts), f"at {max(s.hours[-1] for s in series):g} h")
    return {
        "id": f"{assay}-{readout}-{of or 'well'}", "title": capital(words(readout)), "of": words(of) if of else "whole well",
        "assay": plain_words(assay), "about": _about(assay, readout), "unit": shown_unit, "when": when, "figures": figures,
        "reference": words(reference), "code": readout,
        "contrasts": [_contrast_row(c, factor, contrasts) for c in contrasts],
    }  # fmt: skip


def _card(assay: str, readout: str) -> str:
    """Name of the observable of the cards that reads this, else the readout."""
    from mitoferry.experiment.observables import OBSERVABLES

    return next((n for n, o in OBSERVABLES.items() if (o.assay, o.readout) == (assay, readout) and not o.surrogate), readout)


def _contrast_row(c: Contrast, factor: float, among: list[Contrast]) -> dict[str, Any]:
    spans = [abs(x) for k in among for x in (k.difference, k.low, k.high) if np.isfinite(x)]
    centres = [abs(k.difference) for k in among if np.isfinite(k.difference)]
    limit = min(max(spans, default=1.0), 3.0 * max(centres, default=1.0) or 1.0) * 1.05
    return {
        "arm": words(c.arm), "versus": words(c.versus),
        "arm_mean": number(factor * c.arm_mean), "versus_mean": number(factor * c.versus_mean),
        "difference": number(factor * c.difference), "interval": interval_text(factor * c.low, factor * c.high),
        "ratio": number(c.ratio),
        "ratio_interval": interval_text(c.ratio_low, c.ratio_high) if np.isfinite(c.ratio_low) else "",
        "g": number(c.hedges_g), "p": c.p, "n": c.n, "bar": safe(charts.interval_bar(c.difference, c.low, c.high, limit, tip=str(c))),
        "clear": bool(c.low > 0 or c.high < 0),
    }  # fmt: skip


@functools.cache  # finding the assays of other packages takes some milliseconds, and a report asks a hundred times
def _meanings() -> dict[tuple[str, str], str]:
    from mitoferry.assays import load_assays

    return {(name, x.name): capital(x.meaning) for name, assay in load_assays().items() for x in assay.readouts}


def _about(assay: str, readout: str) -> str:
    return _meanings().get((assay, readout), "")


def _means_table(r: Results, keys: list[tuple[str, str, str, str]]) -> dict[str, Any]:
    """Means over wells at the last time of readouts without a section of their own."""
    if not keys:
        return {"arms": [], "rows": []}
    t = r.readings
    last = t.groupby(["assay", "readout", "of"], observed=True)["tick"].transform("max")
    means: Any = t[t["tick"] == last].groupby(["assay", "readout", "of", "arm"], observed=True)["value"].mean()
    lookup = {tuple(map(str, k)): float(v) for k, v in means.items()}
    rows = []
    for assay, readout, of, unit in keys:
        factor, shown = displayed(readout, unit)
        values = [number(factor * lookup.get((assay, readout, of, arm), float("nan"))) for arm in r.names.arms]
        rows.append({"assay": plain_words(assay), "readout": words(readout), "of": words(of) or "well", "unit": shown, "values": values, "about": _about(assay, readout)})  # fmt: skip  # noqa: E501
    return {"arms": [words(a) for a in r.names.arms], "rows": rows}
