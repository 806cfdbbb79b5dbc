"""Where the transferred mitochondria ended up: a chart by arm and a table by arm and route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mitoferry.show import charts
from mitoferry.show.sections.handovers import ROUTE_WORDS
from mitoferry.show.style import capital, safe, words
from mitoferry.studies.fates import FATES, fates

if TYPE_CHECKING:
    from mitoferry.studies.results import Results


def fate_chart(r: Results) -> Any:
    """Where the mitochondria that reached another population are at the end, per arm."""
    rows = {words(arm): values for arm, values in fates(r).items() if sum(values.values()) > 0}
    if not rows:
        return ""
    return safe(charts.stacked_bars(rows, FATES, unit="mitochondria per well", label="where transferred mitochondria are at the end"))


def fate_table(r: Results) -> dict[str, Any]:
    """Mean numbers per well by arm, route and fate; fates that never happened are left out."""
    n, routes = r.names.replicates, r.fates_by_route
    shown = [f for f in FATES if any(row[f] for by in routes.values() for row in by.values())]
    rows = [
        {
            "arm": words(arm), "route": capital(ROUTE_WORDS.get(route, words(route))),
            "cells": [row[f] / n for f in shown], "total": sum(row.values()) / n,
        }
        for arm in r.names.arms
        for route, row in routes.get(arm, {}).items()
    ]  # fmt: skip
    return {"columns": shown, "rows": rows}
