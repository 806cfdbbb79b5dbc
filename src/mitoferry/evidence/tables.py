"""Records, cards and findings as data frames. pandas is imported when a table is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mitoferry.evidence import files
from mitoferry.evidence.model import Card, CardFinding, Record

if TYPE_CHECKING:
    import pandas as pd

CAUTION = (
    "The reviews give almost no sizes, doses, times or sample sizes: these are signs and shapes. Most control arms are implied, not "
    "named; some cards rest on a title only; reviews disagree in places; outcomes marked withheld are kept back for blind checks."
)
"""What must be known with any of this, in one line."""


def _joined(parts: Iterable[Any]) -> str:
    return "; ".join(str(p) for p in parts)


def row_of_record(r: Record) -> dict[str, Any]:
    """One row of the table of records."""
    return {
        "id": r.id, "review": r.review, "study": r.study, "where": r.where, "kind": r.kind, "milieu": _joined(r.milieu),
        "route": _joined(r.route), "donor": str(r.donor), "recipient": str(r.recipient), "stressor": r.stressor or "",
        "manipulation": _joined(r.manipulation), "observable": r.observable, "comparator": r.comparator or "",
        "direction": r.direction or "", "value": str(r.value or ""), "statement": r.statement,
        "mechanism_terms": _joined(r.mechanism_terms), "cards": _joined(files.cards_of_record().get(r.id, ())),
    }  # fmt: skip


def row_of_card(c: Card) -> dict[str, Any]:
    """One row of the table of cards."""
    return {
        "key": c.key, "title": c.title, "system": c.system, "milieu": _joined(c.milieu), "routes": _joined(c.routes),
        "routes_assumed": _joined(c.routes_assumed), "donor": _joined(c.donor), "recipient": _joined(c.recipient),
        "injury": str(c.injury), "arms": len(c.arms), "findings": len(c.expect),
        "withheld": sum(f.direction == "withheld" for f in c.expect), "simulable": c.simulable, "simulable_note": c.simulable_note or "",
        "title_only": c.title_only, "conflicts": c.conflicts or "", "sources": _joined(c.sources), "records": len(c.evidence),
        "physics_needed": _joined(c.physics_needed),
    }  # fmt: skip


def row_of_finding(f: CardFinding) -> dict[str, Any]:
    """One row of the table of findings."""
    c = files.cards()[f.card]
    return {
        "id": f.id, "card": f.card, "system": c.system, "routes": _joined(c.routes), "simulable": c.simulable,
        "observable": f.observable, "arm": f.arm, "versus": f.versus or "", "direction": f.direction, "at": f.at or "",
        "value": str(f.value or ""), "comparator_stated": f.comparator_stated, "basis": f.basis, "title_only": f.title_only,
        "evidence": _joined(f.evidence), "note": f.note or "",
    }  # fmt: skip


def frame(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> pd.DataFrame:
    """Rows as a data frame that carries the cautions in ``attrs["caution"]``."""
    import pandas as pd

    found = pd.DataFrame(list(rows), columns=list(columns))
    found.attrs["caution"] = CAUTION
    return found
