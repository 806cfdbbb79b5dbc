"""What was asked for: arms, their cells and treatments over time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mitoferry.show import charts
from mitoferry.show.style import POPULATION, safe, words
from mitoferry.studies.summary import control_of

if TYPE_CHECKING:
    from mitoferry.studies.results import Results


TREATED, GIVEN = "#b4546a", "#7a6a1e"


def arm_rows(r: Results) -> list[dict[str, Any]]:
    """One row per arm: populations, well, and its treatments on a time axis."""
    until = r.manifest["plate"]["until"] / 3600.0
    about = {name: (arm or {}).get("about") or "" for name, arm in (r.experiment.get("arms") or {}).items()} if r.experiment else {}
    rows = []
    for arm in r.manifest["plate"]["arms"]:
        if arm.get("prepares"):
            continue
        present = [p for p in arm["populations"] if p["count"] > 0]
        added = [(p, p["added"] / 3600.0) for p in present if p["added"] > 0]
        origin = {True: " from their dish", False: ""}
        bars = [
            (f"{words(p['name'])} added{origin[bool(p.get('from_dish'))]}", h, h, POPULATION[p["index"] % 4]) for p, h in added
        ] + _given(arm, until)
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
    return [(_micro(words(cause)), a, b, TREATED) for cause, (a, b) in spans.items()]


def _given(arm: Mapping[str, Any], until: float) -> list[tuple[str, float, float, str]]:
    """What is given at a time: isolated mitochondria, vesicles, grafts; and how long artificial tunnels stand."""
    moments = [*arm.get("doses", ()), *arm.get("grafts", ())]
    spans = [(g["cause"], g["start"] / 3600.0, g["start"] / 3600.0) for g in moments]
    for t in arm.get("tunnels", ()):
        spans.append((t["cause"], t["start"] / 3600.0, until if t["end"] is None else min(t["end"] / 3600.0, until)))
    return [(_micro(words(cause)), a, b, GIVEN) for cause, a, b in dict.fromkeys(spans) if a <= until]


def _micro(text: str) -> str:
    """Units with a micro sign, for people."""
    return re.sub(r"(?<=\d )u(?=(?:M|m|g)\b)", "µ", text)


def injury_bars(r: Results) -> dict[str, list[tuple[float, float]]]:
    """Per arm, spans [h] of timed treatments that end before the run does, marked under the readouts over time."""
    until = r.manifest["plate"]["until"] / 3600.0
    return {
        arm["name"]: [(a, b) for _, a, b, _ in _treatments(arm, until) if a < b < until]
        for arm in r.manifest["plate"]["arms"]
        if not arm.get("prepares")
    }


def main_arm(r: Results, among: Iterable[str]) -> str | None:
    """Of these arms the one that most findings are about; the first where no finding names any."""
    arms = list(among)
    named = [str(e.get("arm") or "") for e in r.experiment.get("expect") or []]
    return max(arms, key=named.count, default=None)
