"""Choosing records, cards and findings by what they are about. A value that occurs nowhere is an error, not an empty table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_args

from mitoferry.base.errors import InputError, Problem
from mitoferry.evidence import files, model
from mitoferry.evidence.model import Card, CardFinding, Record
from mitoferry.evidence.words import matches, meanings, nearest, text_of_card, text_of_record

Choice = str | Collection[str] | None
"""One value, several of which any may hold, or None for all."""


def _observables() -> list[str]:
    return sorted({r.observable for r in files.records().values()} | {f.observable for f in files.findings().values()})


def _known(key: str) -> Iterable[str]:
    """Values that a choice may take."""
    if key in ("card", "review", "study"):
        studies = {r.study for r in files.records().values()} | {s for c in files.cards().values() for s in c.sources}
        return {"card": list(files.cards()), "review": list(files.reviews()), "study": sorted(studies)}[key]
    if key == "observable":
        return _observables()
    words = {
        "kind": model.Kind,
        "milieu": model.Milieu,
        "direction": model.Expected,
        "route": model.Route,
        "system": model.System,
        "simulable": model.Simulable,
    }
    return get_args(words[key])


def _chosen(key: str, value: Choice) -> frozenset[str]:
    """The values asked for, checked; empty for all."""
    values = [] if value is None else [value] if isinstance(value, str) else list(value)
    known = set(_known(key)) if values else set()
    problems = [
        Problem("evidence", key, f"a {key} that occurs", repr(v), hint=nearest(str(v), _known(key))) for v in values if v not in known
    ]
    if problems:
        raise InputError(problems)
    return frozenset(values)


def _choices(**asked: Choice) -> dict[str, frozenset[str]]:
    """All choices, checked together; those not made are left out."""
    problems, found = [], {}
    for key, value in asked.items():
        try:
            chosen = _chosen(key, value)
        except InputError as error:
            problems += error.problems
            continue
        if chosen:
            found[key] = chosen
    if problems:
        raise InputError(problems)
    return found


def select_records(
    *,
    about: str | None = None,
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
) -> list[Record]:
    """Records that fit all choices, in the order of their ids; see :func:`mitoferry.evidence.find`.

    Raises:
        InputError: a value that occurs nowhere; the message names the nearest.
    """
    asked = _choices(
        review=review, study=study, kind=kind, route=route, observable=observable, direction=direction, milieu=milieu, system=system,
        card=card, simulable=simulable,
    )  # fmt: skip
    groups, of_record = meanings(about or ""), files.cards_of_record()

    def fits(r: Record) -> bool:
        cards = [files.cards()[k] for k in of_record.get(r.id, ())]
        values: dict[str, Any] = {
            "review": {r.review}, "study": {r.study}, "kind": {r.kind}, "route": r.route, "observable": {r.observable},
            "direction": {r.direction}, "milieu": r.milieu, "system": {c.system for c in cards}, "card": {c.key for c in cards},
            "simulable": {c.simulable for c in cards},
        }  # fmt: skip
        return all(chosen & set(values[key]) for key, chosen in asked.items()) and matches(text_of_record(r), groups)

    return [r for r in files.records().values() if fits(r)]


def select_cards(
    *,
    about: str | None = None,
    review: Choice = None,
    study: Choice = None,
    route: Choice = None,
    observable: Choice = None,
    direction: Choice = None,
    milieu: Choice = None,
    system: Choice = None,
    card: Choice = None,
    simulable: Choice = None,
) -> list[Card]:
    """Cards that fit all choices, in the order of the file; see :func:`mitoferry.evidence.find_cards`.

    Observable and direction are those of one finding. ``about`` looks at the card and at the statements of its records.

    Raises:
        InputError: a value that occurs nowhere; the message names the nearest.
    """
    asked = _choices(
        review=review, study=study, route=route, observable=observable, direction=direction, milieu=milieu, system=system, card=card,
        simulable=simulable,
    )  # fmt: skip
    of_finding = {k: asked.pop(k) for k in ("observable", "direction") if k in asked}
    groups = meanings(about or "")

    def fits(c: Card) -> bool:
        values: dict[str, Any] = {
            "review": {s.partition(":")[0] for s in c.sources}, "study": c.sources, "route": c.routes, "milieu": c.milieu,
            "system": {c.system}, "card": {c.key}, "simulable": {c.simulable},
        }  # fmt: skip
        if not all(chosen & set(values[key]) for key, chosen in asked.items()):
            return False
        if of_finding and not any(_finding_fits(f, of_finding) for f in c.expect):
            return False
        text = text_of_card(c) + " ; " + " ; ".join(text_of_record(files.records()[x]) for x in c.evidence) if groups else ""
        return matches(text, groups)

    return [c for c in files.cards().values() if fits(c)]


def _finding_fits(f: CardFinding, asked: Mapping[Any, frozenset[str]]) -> bool:
    return all(getattr(f, key) in chosen for key, chosen in asked.items())


def select_findings(*, observable: Choice = None, direction: Choice = None, **of_cards: Any) -> list[CardFinding]:
    """Findings of the cards that fit; observable and direction are those of the finding, all else of its card."""
    asked = _choices(observable=observable, direction=direction)
    return [f for c in select_cards(**of_cards) for f in c.expect if _finding_fits(f, asked)]


def record(name: str) -> Record:
    """The record of that id.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    return _one("record", name, files.records())


def card(key: str) -> Card:
    """The card of that key.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    return _one("card", key, files.cards())


def finding(name: str) -> CardFinding:
    """The finding of that id ("msc-huvec-ogd#5").

    Raises:
        InputError: there is none; the message names the nearest.
    """
    return _one("finding", name, files.findings())


def _one(kind: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        wanted = {"record": "the id of a record", "card": "the key of a card", "finding": "the id of a finding"}[kind]
        raise InputError(Problem("evidence", kind, wanted, repr(name), hint=nearest(name, known)))
    return known[name]
