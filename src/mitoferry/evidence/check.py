"""Checks of the data files as a whole: types, vocabulary, identifiers, and everything that one part says of another.

``mitoferry evidence --check`` prints what is wrong; a test demands that nothing is. At run time the files are taken as sound.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mitoferry.base.errors import Problem
from mitoferry.evidence import files
from mitoferry.evidence.model import WITHIN_ARM, Card, Concept, Conflict, Physics, Record
from mitoferry.evidence.words import folded

NAMES = {"id", "key", "term"}
STUDY = re.compile(r"(\w+):(ref\d+|text)")


def problems(folder: Path | None = None) -> list[Problem]:
    """All that is wrong with the data files; empty if they are sound.

    Args:
        folder: another folder of files than the shipped one, laid out alike.
    """
    where = folder or files.folder()
    kinds = dict.fromkeys(sorted(where.joinpath("records").glob("*.json")), Record) | {where / n: t for n, t in files.FILES.items()}
    read, found = {}, []
    for path, kind in kinds.items():
        read[path.name], wrong = _typed(path, kind)
        found += wrong
    if found:
        return found  # what is of the wrong type cannot be compared
    records = {p.stem: read[p.name] for p, kind in kinds.items() if kind is Record}
    every = {r.id for items in records.values() for r in items}
    reviews = {r.key for r in read["reviews.json"]}
    terms = {p.term for p in read["physics.json"]}
    return [
        *(x for path in kinds for x in _written(path)),
        *_check_records(records, reviews),
        *_check_cards(read["cards.json"], every, reviews, terms),
        *_check_conflicts(read["conflicts.json"], every, {c.key for c in read["cards.json"]}),
        *_check_words(read["physics.json"], read["concepts.json"], read["cards.json"]),
    ]


def _typed(path: Path, kind: Any) -> tuple[list[Any], list[Problem]]:
    """What a file holds, checked against its type; or what is wrong."""
    from pydantic import TypeAdapter, ValidationError

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        return [], [Problem(path.name, "file", "a file that can be read", str(error))]
    try:
        return TypeAdapter(list[kind]).validate_json(text), []
    except ValidationError as error:
        items = _items(text)
        return [], [
            Problem(path.name, _place(items, e["loc"]), e["msg"][:200], repr(e["input"])[:120]) for e in error.errors(include_url=False)
        ]


def _items(text: str) -> list[Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return []
    return read if isinstance(read, list) else []


def _place(items: list[Any], loc: tuple[int | str, ...]) -> str:
    """Where in a file: the name of the item rather than its number."""
    parts = list(loc)
    if parts and isinstance(parts[0], int) and parts[0] < len(items) and isinstance(items[parts[0]], dict):
        parts[0] = next((items[parts[0]][n] for n in sorted(NAMES) if n in items[parts[0]]), parts[0])
    return ".".join(str(p) for p in parts) or "file"


def _written(path: Path) -> Iterator[Problem]:
    text = path.read_text(encoding="utf-8")
    if text != files.canonical(json.loads(text)):
        yield Problem(
            path.name, "file", "the text that mitoferry.evidence.files.canonical writes", "other spaces or line ends",
            hint="mitoferry.evidence.files.rewrite() writes it so, one field per line",
        )  # fmt: skip


def _twice(where: str, what: str, names: Iterable[str]) -> Iterator[Problem]:
    for name, n in Counter(names).items():
        if n > 1:
            yield Problem(where, name, f"{what} that occurs once", f"{n} of them")


def _check_study(where: str, key: str, study: str, reviews: set[str]) -> Iterator[Problem]:
    match = STUDY.fullmatch(study)
    if match is None or match[1] not in reviews:
        yield Problem(where, key, "REVIEW:refN or REVIEW:text of a review in reviews.json", repr(study))


def _check_records(records: dict[str, list[Record]], reviews: set[str]) -> Iterator[Problem]:
    yield from _twice("records", "an id", (r.id for items in records.values() for r in items))
    for name, items in records.items():
        where = f"{name}.json"
        if [r.id for r in items] != sorted(r.id for r in items):
            yield Problem(where, "file", "records in the order of their ids", "another order")
        for r in items:
            if not re.fullmatch(rf"{name}-\d{{3}}", r.id):
                yield Problem(where, r.id, f"an id like {name}-001", repr(r.id))
            if not r.study.startswith(f"{name}:"):
                yield Problem(where, f"{r.id}.study", f"a study of {name}", repr(r.study))
            yield from _check_study(where, f"{r.id}.study", r.study, reviews)
            if len(r.statement) < 20:
                yield Problem(where, f"{r.id}.statement", "a sentence", repr(r.statement))
            if r.direction is None and r.kind in ("experiment", "mechanism") and r.comparator:
                yield Problem(where, f"{r.id}.direction", "a direction, since there is a comparator", "none")


def _check_cards(cards: list[Card], records: set[str], reviews: set[str], terms: set[str]) -> Iterator[Problem]:
    where = "cards.json"
    yield from _twice(where, "a key", (c.key for c in cards))
    for c in cards:
        for name in c.evidence:
            if name not in records:
                yield Problem(where, f"{c.key}.evidence", "ids of records", repr(name))
        for study in c.sources:
            yield from _check_study(where, f"{c.key}.sources", study, reviews)
        for term in c.physics_needed:
            if term not in terms:
                yield Problem(where, f"{c.key}.physics_needed", "a term of physics.json", repr(term))
        if not set(c.routes_assumed) <= set(c.routes):
            yield Problem(where, f"{c.key}.routes_assumed", "some of its routes", repr(c.routes_assumed))
        if c.simulable != "direct" and not c.simulable_note:
            yield Problem(where, f"{c.key}.simulable_note", "what stands in, or why it cannot be simulated", "nothing")
        yield from _twice(where, "an arm", (f"{c.key}.{a.name}" for a in c.arms))
        yield from _check_findings(c)


def _check_findings(c: Card) -> Iterator[Problem]:
    where, arms = "cards.json", {a.name for a in c.arms}
    if [f.id for f in c.expect] != [f"{c.key}#{k}" for k in range(1, len(c.expect) + 1)]:
        yield Problem(where, f"{c.key}.expect", f"ids {c.key}#1, #2 ... in order", ", ".join(f.id for f in c.expect))
    for f in c.expect:
        if f.arm not in arms:
            yield Problem(where, f"{f.id}.arm", "an arm of the card", repr(f.arm))
        if f.versus is not None and f.versus != WITHIN_ARM and f.versus not in arms:
            yield Problem(where, f"{f.id}.versus", f"another arm of the card, or {WITHIN_ARM}", repr(f.versus))
        if f.versus == f.arm:
            yield Problem(where, f"{f.id}.versus", "another arm than the finding's own", repr(f.versus))
        for name in f.evidence:
            if name not in c.evidence:
                yield Problem(where, f"{f.id}.evidence", "records of the card", repr(name))
        if f.direction != "withheld" and not f.evidence:
            yield Problem(where, f"{f.id}.evidence", "a record, since an outcome is given", "none")


def _check_conflicts(conflicts: list[Conflict], records: set[str], cards: set[str]) -> Iterator[Problem]:
    where = "conflicts.json"
    yield from _twice(where, "a key", (c.key for c in conflicts))
    for c in conflicts:
        if not c.key.startswith("conflict-"):
            yield Problem(where, c.key, "a key that begins with conflict-", repr(c.key))
        letters = [r.letter for r in c.readings]
        if len(letters) < 2 or letters != sorted(set(letters)) or any(not re.fullmatch("[a-z]", x) for x in letters):
            yield Problem(where, f"{c.key}.readings", "readings a, b ...", ", ".join(letters))
        for key in c.cards:
            if key not in cards:
                yield Problem(where, f"{c.key}.cards", "keys of cards", repr(key))
        for r in c.readings:
            for name in r.records:
                if name not in records:
                    yield Problem(where, f"{c.key}#{r.letter}.records", "ids of records", repr(name))
            if not r.records:
                yield Problem(where, f"{c.key}#{r.letter}.records", "a record that says so", "none")


def _check_words(physics: list[Physics], concepts: list[Concept], cards: list[Card]) -> Iterator[Problem]:
    yield from _twice("physics.json", "a term", (p.term for p in physics))
    used = {t for c in cards for t in c.physics_needed}
    for p in physics:
        if not p.mechanisms and not p.note:
            yield Problem("physics.json", f"{p.term}.note", "why no mechanism stands for it", "nothing")
        if p.term not in used:
            yield Problem("physics.json", p.term, "a term that a card uses", "one that none uses")
    yield from _twice("concepts.json", "a word", (folded(w) for c in concepts for w in {folded(x): x for x in c.words}.values()))


def summary() -> str:
    """One line of what there is."""
    by_kind: Counter[str] = Counter(c.simulable for c in files.cards().values())
    words = {"direct": "direct", "surrogate": "by a surrogate", "not_simulable": "not"}
    kinds = ", ".join(f"{by_kind[k]} {said}" for k, said in words.items())
    withheld = sum(f.direction == "withheld" for f in files.findings().values())
    return (
        f"{len(files.records())} records of {len(files.reviews())} reviews, {len(files.cards())} cards ({kinds} simulable) with "
        f"{len(files.findings())} findings, {withheld} of them withheld."
    )
