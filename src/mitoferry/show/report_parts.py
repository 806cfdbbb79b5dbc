"""The parts of the report: each function takes the results and gives what the template prints."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, DOUBLE_MEMBRANE, ENDOSOME, ROUTE_NAMES
from mitoferry.show import charts, picture
from mitoferry.show.style import POPULATION, VERDICT_MARKS, capital, displayed, plain_words, words
from mitoferry.store.atomic import RunFolderError
from mitoferry.store.frames import HOST_MEDIUM, HOST_TRANSIT
from mitoferry.studies.contrast import Contrast, interval_text, number
from mitoferry.studies.findings import VERDICTS
from mitoferry.studies.summary import control_of

if TYPE_CHECKING:
    from mitoferry.studies.results import Results

ROUTE_WORDS = {
    "nanotube": "through nanotubes",
    "nanotube_breakage": "from broken nanotubes",
    "lysis": "from lysed cells",
    "free_uptake": "uptake from the medium",
    "division": "cell division",
    "nanotube_return": "back out of a nanotube",
    "none": "other",
}
FATES = (
    "in the host's network", "free in the cytosol", "in an endosome or double membrane", "in a dying or dead cell",
    "degraded on arrival", "gone later (mitophagy, death)",
)  # fmt: skip
MAX_PICTURES = 16
MAX_COLUMNS = 7
_TAGS = {"M": "measured", "O": "order of magnitude", "C": "modelling choice", "S": "computed", "F": "fitted"}


def safe(svg: str) -> Any:
    """SVG made by ``show/charts.py``, which escapes its texts itself."""
    from markupsafe import Markup

    return Markup(svg)


# ---------------------------------------------------------------------- head
def facts(r: Results) -> list[tuple[str, str]]:
    """The few numbers under the title."""
    plate = r.manifest["plate"]
    cells = sum(p["count"] for a in plate["arms"] for p in a["populations"]) * r.names.replicates
    ledger = r.manifest.get("ledger") or {}
    start = (ledger.get("at_time_zero") or {}).get("mitochondria")
    moved = ledger.get("handed_over")
    found = [
        ("arms", f"{len(r.names.arms)}"),
        ("wells per arm", f"{r.names.replicates}"),
        ("simulated", f"{plate['until'] / 3600:g} h"),
        ("cells seeded", f"{cells:,}".replace(",", "\u202f")),
    ]
    if start:
        found.append(("mitochondria", f"{start:,}".replace(",", "\u202f")))
    if moved is not None:
        found.append(("handed over", f"{moved:,}".replace(",", "\u202f")))
    return found


def finding_tally(r: Results) -> list[tuple[str, str, int]]:
    """(verdict, mark, number) in fixed order, without the empty ones."""
    verdicts = [f.verdict for f in r.findings()]
    return [(v, VERDICT_MARKS[v], verdicts.count(v)) for v in VERDICTS if v in verdicts]


def finding_rows(r: Results) -> list[dict[str, Any]]:
    """One row per finding: sentence, verdict, interval, reason."""
    rows = []
    for f in r.findings():
        c = f.contrast
        bar = ""
        if c is not None and c.versus:
            limit = max(abs(x) for x in (c.low, c.high, c.difference) if np.isfinite(x)) if np.isfinite(c.difference) else 1.0
            bar = charts.interval_bar(c.difference, c.low, c.high, limit * 1.08, tip=str(c))
        link = "to" if "transfer" in f.observable else "of"
        what = capital(words(f.observable)) + (f" {link} {words(f.of)}" if f.of and f.of != "well" else "")
        rows.append(
            {
                "id": f.finding, "verdict": f.verdict, "css": f.verdict.replace(" ", "-"), "mark": VERDICT_MARKS[f.verdict],
                "sentence": _sentence(f, what), "reason": f.reason, "note": f.note, "surrogate": f.surrogate,
                "bar": safe(bar) if bar else "", "where": _where(c) if c else "",
            }
        )  # fmt: skip
    return rows


def _sentence(f: Any, what: str) -> str:
    arm, versus = words(f.arm), words(f.versus) if f.versus else "its control"
    sentences = {
        "increase": f"{what} is higher in {arm} than in {versus}", "decrease": f"{what} is lower in {arm} than in {versus}",
        "abolish": f"{what} is abolished in {arm}, against {versus}", "restore": f"{what} is restored in {arm}, against {versus}",
        "no_change": f"{what} is the same in {arm} as in {versus}",
        "present": f"{what} is seen in {arm}", "absent": f"{what} is not seen in {arm}",
        "unidirectional": f"{what} runs one way in {arm}", "bidirectional": f"{what} runs both ways in {arm}",
    }  # fmt: skip
    return sentences.get(f.direction, f"{what}, {arm}")


def _where(c: Contrast) -> str:
    when = c.statistic or f"at {c.hours:g} h"
    return f"{words(c.readout)}" + (f" of {words(c.of)}" if c.of else "") + f", {plain_words(c.assay)}, {when}"


# ---------------------------------------------------------------------- arms
def arm_rows(r: Results) -> list[dict[str, Any]]:
    """One row per arm: populations, well, and its treatments on a time axis."""
    until = r.manifest["plate"]["until"] / 3600.0
    about = {name: (arm or {}).get("about") or "" for name, arm in (r.experiment.get("arms") or {}).items()} if r.experiment else {}
    rows = []
    for arm in r.manifest["plate"]["arms"]:
        present = [p for p in arm["populations"] if p["count"] > 0]
        added = [(p, p["added"] / 3600.0) for p in present if p["added"] > 0]
        bars = [(f"{words(p['name'])} added", h, h, POPULATION[p["index"] % 4]) for p, h in added]
        rows.append(
            {
                "name": arm["name"], "about": about.get(arm["name"], ""), "control": control_of(arm["name"], r.names.arms),
                "cells": [
                    (p["count"], words(p["cell_type"]["name"]), words(p["name"]), POPULATION[p["index"] % 4], p["rho0"]) for p in present
                ],
                "well": _well(arm["geometry"]),
                "timeline": safe(charts.timeline(_treatments(arm, until) + bars, until, f"treatments of {arm['name']} over time")),
            }
        )  # fmt: skip
    return rows


def _well(g: Mapping[str, Any]) -> str:
    size = f"{g['size'][0]:g} × {g['size'][1]:g} µm"
    kind = {"dish": "dish", "insert": f"dish with insert, {g['pore']:g} µm pores", "block": f"tissue block, {g['size'][2]:g} µm deep"}
    return f"{kind.get(g['kind'], g['kind'])}, {size}"


def _treatments(arm: Mapping[str, Any], until: float) -> list[tuple[str, float, float, str]]:
    """Timed changes of an arm, grouped by what the user wrote; what merely ends another one is left out."""
    spans: dict[str, list[float]] = {}
    for a in arm["actions"]:
        cause = str(a["cause"] or a["key"])
        if cause.startswith("end of "):
            continue
        end = until if a["end"] is None else min(a["end"] / 3600.0, until)
        span = spans.setdefault(cause, [a["start"] / 3600.0, end])
        span[0], span[1] = min(span[0], a["start"] / 3600.0), max(span[1], end)
    return [(_micro(words(cause)), a, b, "#b4546a") for cause, (a, b) in spans.items()]


def _micro(text: str) -> str:
    """Units with a micro sign, for people."""
    return re.sub(r"(?<=\d )u(?=(?:M|m|g)\b)", "µ", text)


def injury_bars(r: Results) -> dict[str, list[tuple[float, float]]]:
    """Per arm, spans [h] of timed treatments that end before the run does, marked under the readouts over time."""
    until = r.manifest["plate"]["until"] / 3600.0
    return {arm["name"]: [(a, b) for _, a, b, _ in _treatments(arm, until) if a < b < until] for arm in r.manifest["plate"]["arms"]}


# ---------------------------------------------------------------------- pictures
def pictures(r: Results) -> dict[str, Any]:
    """A picture of replicate 0 of every arm at the last saved time, and a close look at the arm with most transfer."""
    try:
        ticks = r.frame_ticks("cells")
    except RunFolderError:
        return {"wells": [], "close": None}
    if not len(ticks):
        return {"wells": [], "close": None}
    tick = int(ticks[-1])
    wells, best, most = [], None, 0
    for a, arm in enumerate(r.names.arms[:MAX_PICTURES]):
        tables = well_tables(r, tick, a * r.names.replicates)
        geometry = r.manifest["plate"]["arms"][a]["geometry"]
        size = geometry["size"]
        image = picture.render_well(*tables, size[:2], periodic=geometry["periodic"], pixels=520, text=2.2)
        wells.append({"arm": arm, "src": _webp(image, 72), "note": _living(r, tables[0])})
        foreign = int(np.sum(tables[0]["n_foreign"])) if len(tables[0]["id"]) else 0
        if foreign > most:
            best, most = (a, tables, size), foreign
    close = None
    if best is not None:
        a, tables, size = best
        periodic = r.manifest["plate"]["arms"][a]["geometry"]["periodic"]
        image = picture.render_well(*tables, size[:2], region=_busiest(tables[0], size), periodic=periodic, pixels=1100)
        close = {"arm": r.names.arms[a], "src": _webp(image, 80)}
    return {"wells": wells, "close": close, "hours": tick / 3600.0}


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


def _webp(image: Any, quality: int) -> str:
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


# ---------------------------------------------------------------------- hand-overs
def handover_part(r: Results) -> dict[str, Any]:
    """Matrix of hand-overs per well by arm, route and direction; flow chart of the arm with most."""
    h = r.handovers()
    if h.empty:
        return {"columns": [], "rows": [], "flow": "", "arm": ""}
    h = h.assign(count=h["count"] / r.names.replicates)
    per: Any = h.groupby(["arm", "source_population", "target_population", "route"], observed=True)["count"].sum()
    columns = sorted({k[1:] for k in per.index}, key=lambda k: -float(per.xs(k, level=(1, 2, 3)).sum()))
    columns, rest = columns[:MAX_COLUMNS], columns[MAX_COLUMNS:]
    top = float(per.max()) or 1.0
    rows = []
    for arm in r.names.arms:
        values = [float(per.get((arm, *c), 0.0)) for c in columns]
        if rest:
            values.append(sum(float(per.get((arm, *c), 0.0)) for c in rest))
        rows.append({"arm": arm, "total": sum(values), "cells": [(v, (v / top) ** 0.5) for v in values]})
    totals = {row["arm"]: row["total"] for row in rows}
    best = max(totals, key=lambda a: totals[a])
    flows = [
        (capital(words(str(s))), capital(ROUTE_WORDS.get(str(route), words(str(route)))), capital(words(str(t))) + " ", float(v))
        for (arm, s, t, route), v in per.items()
        if arm == best
    ]
    colours = {capital(words(n)): POPULATION[k % 4] for k, n in enumerate(r.names.populations)}
    colours |= {name + " ": c for name, c in colours.items()}
    chart = charts.sankey(flows, colours, unit="mitochondria per well", label=f"hand-overs in {best} by route")
    heads = [(f"{words(str(s))} → {words(str(t))}", ROUTE_WORDS.get(str(route), words(str(route)))) for s, t, route in columns]
    if rest:
        heads.append((f"{len(rest)} others", ""))
    return {"columns": heads, "rows": rows, "flow": safe(chart), "arm": best}


def fate_chart(r: Results) -> Any:
    """Where the mitochondria that reached another population are at the end, per arm, as a share of those handed over."""
    counts = fates(r)
    rows = {words(arm): values for arm, values in counts.items() if sum(values.values()) > 0}
    if not rows:
        return ""
    return safe(charts.stacked_bars(rows, FATES, unit="mitochondria per well", label="where transferred mitochondria are at the end"))


def fates(r: Results) -> dict[str, dict[str, float]]:
    """Per arm, mean over wells: transferred individuals by where they are at the last saved time.

    Individuals that were handed over and are not found then are "degraded on arrival" if so logged, else gone later.
    """
    e = r.events()
    born, came_to = e["birth_population"].astype(object), e["target_population"].astype(object)
    moved = e[(e["kind"] == "handover") & (born != came_to)]
    keys = ["well", "birth_cell", "ordinal"]
    moved = moved.drop_duplicates(keys)
    degraded = e[(e["kind"] == "arrival_degraded") & (born != came_to)].drop_duplicates(keys)
    try:
        ticks = r.frame_ticks("hosts")
        hosts = r.frame("hosts", int(ticks[-1])) if len(ticks) else None
    except RunFolderError:
        hosts = None
    found = {}
    for a, arm in enumerate(r.names.arms):
        n = r.names.replicates
        here = _present(hosts, a * n, (a + 1) * n) if hosts is not None else dict.fromkeys(FATES[:4], 0.0)
        arrived = float((moved["arm"] == arm).sum())
        lost = float((degraded["arm"] == arm).sum())
        rest = max(arrived - lost - sum(here[f] for f in FATES[:4]), 0.0)
        found[arm] = {k: v / n for k, v in {**here, FATES[4]: lost, FATES[5]: rest}.items()}
    return found


def _present(hosts: Mapping[str, np.ndarray], first: int, last: int) -> dict[str, float]:
    chosen = (hosts["well"] >= first) & (hosts["well"] < last) & (hosts["route"] != ROUTE_NAMES.index("none"))
    pool = (hosts["host"] == HOST_TRANSIT) | (hosts["host"] == HOST_MEDIUM)
    foreign = chosen & ~pool & (hosts["host"] != hosts["birth_population"])
    dying = foreign & ~np.isin(hosts["host_state"], (CELL_LIVE, CELL_MOMP))
    vesicle = foreign & ~dying & np.isin(hosts["place"], (ENDOSOME, DOUBLE_MEMBRANE))
    fused = foreign & ~dying & ~vesicle & (hosts["fused"] == 1)
    count = lambda mask: float(hosts["count"][mask].sum())  # noqa: E731
    masks = (fused, foreign & ~dying & ~vesicle & ~fused, vesicle, dying)
    return {name: count(mask) for name, mask in zip(FATES[:4], masks, strict=True)}


# ---------------------------------------------------------------------- readouts
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


def _about(assay: str, readout: str) -> str:
    from mitoferry.assays import load_assays

    found = load_assays().get(assay)
    meaning = next((x.meaning for x in found.readouts if x.name == readout), "") if found else ""
    return capital(meaning)


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


# ---------------------------------------------------------------------- parameters and provenance
def parameter_rows(r: Results) -> list[dict[str, Any]]:
    """Every parameter used; those that differ from the library first."""
    rows = []
    for name, p in r.manifest["parameters"].items():
        bounds = p.get("range")
        rows.append(
            {
                "name": name, "value": f"{p['value']:.6g}", "unit": "" if p.get("unit") in (None, "1") else str(p["unit"]),
                "range": f"{bounds[0]:g} – {bounds[1]:g}" if bounds else "", "tag": _TAGS.get(str(p.get("tag")), str(p.get("tag") or "")),
                "source": str(p.get("source") or ""), "about": str(p.get("about") or ""),
                "changed": f"{p['library_value']:.6g}" if "library_value" in p else "",
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["changed"] == "", row["name"]))


def warning_lines(r: Results) -> list[str]:
    """What a reader should know before believing the numbers."""
    lines = [str(w) for w in r.manifest.get("warnings") or []]
    if r.names.replicates == 1:
        lines.append("One well per arm: there are no intervals and no verdict that needs one. Run more replicates.")
    elif r.names.replicates < 3:
        lines.append(f"{r.names.replicates} wells per arm: the intervals are very wide. Three or more are advised.")
    changed = [row["name"] for row in parameter_rows(r) if row["changed"]]
    if changed:
        lines.append(
            f"{len(changed)} parameters differ from the library: " + ", ".join(changed[:12]) + (" …" if len(changed) > 12 else "") + "."
        )
    surrogates = sorted({f"{words(f.observable)} is read as {f.surrogate}" for f in r.findings() if f.surrogate})
    lines += [f"Surrogate: {s}." for s in surrogates]
    n = sum(1 for c in r.contrasts() if np.isfinite(c.p))
    if n > 20:
        lines.append(f"{n} contrasts are listed; their p values are not corrected for that number.")
    return lines


def provenance_rows(r: Results) -> list[tuple[str, str]]:
    """Versions, machine, seed, times."""
    m = r.manifest
    machine = m.get("machine") or {}
    units = {"processor": "", "cores": " cores", "memory_gb": " GB memory", "system": ""}
    rows = [
        ("Experiment", str(m["name"])),
        ("Command", f"mitoferry {m['command']}" if m.get("command") else ""),
        ("Seed", str(m["seed"])),
        ("Started, ended", f"{m.get('started', '')}, {m.get('ended', '')}"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in m["versions"].items())),
        ("Backend", str(m.get("backend") or "")),
        ("Machine", ", ".join(f"{machine[k]}{u}" for k, u in units.items() if machine.get(k))),
        ("Time taken", ", ".join(f"{words(k)} {v:g} s" for k, v in (m.get("timings_s") or {}).items())),
        ("State at the end", f"SHA-256 {m['state_digest']}" if m.get("state_digest") else ""),
    ]  # fmt: skip
    return [(k, v) for k, v in rows if v.strip(" ,")]


def ledger_rows(r: Results) -> list[tuple[str, str]]:
    """The balance of the whole plate."""
    ledger = r.manifest.get("ledger") or {}
    rows: list[tuple[str, str]] = []
    for key, label in (
        ("at_time_zero", "at the start"),
        ("born", "born"),
        ("degraded", "degraded"),
        ("lysed", "lost by lysis"),
        ("now", "at the end"),
    ):
        value = ledger.get(key)
        if isinstance(value, Mapping):
            value = value.get("mitochondria")
        if value is not None:
            rows.append((label, f"{int(value):,}".replace(",", "\u202f")))
    return rows


def files(r: Results) -> list[tuple[str, str]]:
    """What else lies in the folder."""
    about = {
        "table.parquet": "every reading: one row per well and reading", "events.parquet": "every hand-over, nanotube, death and division",
        "run.zarr": "cells, nanotubes and mitochondria at the saved times", "summary.json": "means, intervals, contrasts and verdicts",
        "manifest.json": "versions, resolved experiment, parameters with sources",
    }  # fmt: skip
    return [(name, text) for name, text in about.items() if (r.path / name).exists() or name == "summary.json"]
