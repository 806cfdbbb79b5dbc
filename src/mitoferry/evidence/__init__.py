"""What three reviews report about mitochondria that move between cells: records, cards of experiments, and searches in them.

>>> import mitoferry as mf
>>> mf.evidence.record("bagheri2020-087").observable
'mitochondrial_transfer'
>>> mf.evidence.find(about="connexin 43", route="gap_junction")[["id", "direction", "statement"]]   # doctest: +SKIP
>>> mf.evidence.links("msc-huvec-ogd").mechanisms   # doctest: +SKIP

This room holds data and knows nothing of the model; ``links`` is looked up in ``mitoferry.experiment`` when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mitoferry.evidence import files, tables
from mitoferry.evidence.model import Card, CardArm, CardFinding, Conflict, Record, Review
from mitoferry.evidence.search import Choice, card, finding, record, select_cards, select_findings, select_records
from mitoferry.evidence.tables import CAUTION

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CAUTION", "Card", "CardArm", "CardFinding", "Conflict", "Record", "Review", "card", "cards", "conflicts", "find", "find_cards",
    "finding", "findings", "links", "record", "records", "reviews",
]  # fmt: skip
_ABOVE = {"links": "mitoferry.experiment.evidence_links", "Links": "mitoferry.experiment.evidence_links"}


def __getattr__(name: str) -> Any:
    if name in _ABOVE:
        return getattr(import_module(_ABOVE[name]), name)
    raise AttributeError(f"module 'mitoferry.evidence' has no attribute {name!r}; it has {', '.join(__all__)}")


def records() -> list[Record]:
    """All records, by review and number."""
    return list(files.records().values())


def cards() -> list[Card]:
    """All cards of experiments."""
    return list(files.cards().values())


def conflicts() -> list[Conflict]:
    """Where the reviews contradict each other, each with the experiment that runs every reading."""
    return list(files.conflicts().values())


def reviews() -> list[Review]:
    """The reviews that the records paraphrase."""
    return list(files.reviews().values())


def find(
    about: str | None = None,
    *,
    review: Choice = None,
    study: Choice = None,
    kind: Choice = None,
    route: Choice = None,
    observable: Choice = None,
    direction: Choice = None,
    milieu: Choice = None,
    system: Choice = None,
    card: Choice = None,
    simulable: Choice = None,
) -> pd.DataFrame:
    """Records that fit all that is asked, as a table; without a question all of them.

    Every choice is one value, or several of which any may hold.

    Args:
        about: words looked for in statement, terms, manipulation, cells, stressor and observable; all must occur. Case and hyphens do
            not matter, and words for the same thing find each other (CX43, connexin 43, GJA1).
        review: "bagheri2020", "li2025" or "tnt2020".
        study: a citation inside a review ("bagheri2020:ref47").
        kind: experiment, mechanism, quantity, clinical, method or question.
        route: tnt, ev, gap_junction, cell_fusion, free_mitochondria, dendritic_network, synaptosome, artificial or unspecified.
        observable: what was seen ("apoptosis").
        direction: increase, decrease, abolish, restore, no_change, present, absent, unidirectional or bidirectional.
        milieu: in_vitro, in_vivo, clinical or none.
        system: of a card that stands on the record ("cardiac").
        card: key of a card that stands on the record.
        simulable: of a card that stands on the record: direct, surrogate or not_simulable.

    Raises:
        InputError: a value that occurs nowhere; the message names the nearest.
    """
    found = select_records(
        about=about, review=review, study=study, kind=kind, route=route, observable=observable, direction=direction, milieu=milieu,
        system=system, card=card, simulable=simulable,
    )  # fmt: skip
    return tables.frame(map(tables.row_of_record, found), tables.row_of_record(records()[0]))


def find_cards(
    about: str | None = None,
    *,
    review: Choice = None,
    study: Choice = None,
    route: Choice = None,
    observable: Choice = None,
    direction: Choice = None,
    milieu: Choice = None,
    system: Choice = None,
    simulable: Choice = None,
) -> pd.DataFrame:
    """Cards that fit all that is asked, as a table; without a question all of them.

    Args:
        about: words looked for in the card and in the records that it stands on.
        review, study, route, milieu, system, simulable: as in :func:`find`.
        observable, direction: of one of its findings.

    Raises:
        InputError: a value that occurs nowhere; the message names the nearest.
    """
    found = select_cards(
        about=about, review=review, study=study, route=route, observable=observable, direction=direction, milieu=milieu, system=system,
        simulable=simulable,
    )  # fmt: skip
    return tables.frame(map(tables.row_of_card, found), tables.row_of_card(cards()[0]))


def findings(
    about: str | None = None,
    *,
    card: Choice = None,
    review: Choice = None,
    route: Choice = None,
    observable: Choice = None,
    direction: Choice = None,
    milieu: Choice = None,
    system: Choice = None,
    simulable: Choice = None,
) -> pd.DataFrame:
    """Findings of the cards as a table, one row per contrast; without a question all of them.

    Args:
        about, review, route, milieu, system, simulable: of the card, as in :func:`find_cards`.
        card: key of the card.
        observable, direction: of the finding; direction may be "withheld", too.

    Raises:
        InputError: a value that occurs nowhere; the message names the nearest.
    """
    found = select_findings(
        observable=observable, direction=direction, about=about, card=card, review=review, route=route, milieu=milieu, system=system,
        simulable=simulable,
    )  # fmt: skip
    return tables.frame(map(tables.row_of_finding, found), tables.row_of_finding(cards()[0].expect[0]))
