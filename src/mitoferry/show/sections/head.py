"""Head of the report: the few numbers under the title, and the verdicts on the findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.show import charts
from mitoferry.show.style import VERDICT_MARKS, capital, plain_words, safe, words
from mitoferry.studies.contrast import Contrast
from mitoferry.studies.findings import WITHIN_SENTENCES
from mitoferry.studies.rules import VERDICTS

if TYPE_CHECKING:
    from mitoferry.studies.results import Results


def facts(r: Results) -> list[tuple[str, str]]:
    """The few numbers under the title."""
    plate = r.manifest["plate"]
    cells = sum(p["count"] for a in plate["arms"] for p in a["populations"] if not p.get("from_dish")) * r.names.replicates
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
    if f.against and f.direction in WITHIN_SENTENCES:
        return WITHIN_SENTENCES[f.direction].format(o=what, v=f.against, a=arm)
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
