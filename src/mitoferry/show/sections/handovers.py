"""Hand-overs: how many, by which route, from whom to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mitoferry.show import charts
from mitoferry.show.sections.arms import main_arm
from mitoferry.show.style import POPULATION, capital, safe, words

if TYPE_CHECKING:
    from mitoferry.studies.results import Results

ROUTE_WORDS = {
    "nanotube": "through nanotubes",
    "nanotube_breakage": "from broken nanotubes",
    "lysis": "from lysed cells",
    "free_uptake": "uptake from the medium",
    "division": "cell division",
    "phagocytosis": "inside an eaten cell",
    "nanotube_return": "back out of a nanotube",
    "none": "other",
}
MAX_COLUMNS = 7


def handover_part(r: Results) -> dict[str, Any]:
    """Matrix of hand-overs per well by arm, route and direction; flow chart of the arm that most findings are about."""
    h = r.handovers()
    if h.empty:
        return {"columns": [], "rows": [], "flow": "", "arm": ""}
    h = h.assign(count=h["count"] / r.names.replicates)
    per: Any = h.groupby(["arm", "source_population", "target_population", "route"], observed=True)["count"].sum()
    columns = sorted({k[1:] for k in per.index}, key=lambda k: -float(per.xs(k, level=(1, 2, 3)).sum()))
    columns, rest = columns[:MAX_COLUMNS], columns[MAX_COLUMNS:]
    top = float(per.max()) or 1.0
    rows: list[dict[str, Any]] = []
    for arm in r.names.arms:
        values = [float(per.get((arm, *c), 0.0)) for c in columns]
        if rest:
            values.append(sum(float(per.get((arm, *c), 0.0)) for c in rest))
        rows.append({"arm": arm, "total": sum(values), "cells": [(v, (v / top) ** 0.5) for v in values]})
    best = main_arm(r, (row["arm"] for row in rows if row["total"] > 0.0))
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
