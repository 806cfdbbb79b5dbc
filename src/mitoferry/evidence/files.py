"""Reading and writing the data files: JSON with one field per line, as ``canonical`` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from mitoferry.evidence import model as m

T = TypeVar("T")
FILES: dict[str, type] = {
    "cards.json": m.Card, "physics.json": m.Physics, "concepts.json": m.Concept, "reviews.json": m.Review, "conflicts.json": m.Conflict,
}  # fmt: skip
"""Files of ``data`` and what they hold lists of; those of ``data/records`` hold :class:`Record`, one file per review."""


def folder() -> Path:
    """Where the data files are."""
    return Path(str(resources.files("mitoferry").joinpath("evidence", "data")))


def record_files() -> list[Path]:
    """Files of records, one per review, by name."""
    return sorted(folder().joinpath("records").glob("*.json"))


def canonical(items: Sequence[Mapping[str, Any]]) -> str:
    """The text of a data file: one field per line, parts of a list of mappings on a line each, so that a change shows as such."""

    def short(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def field(value: Any) -> str:
        if isinstance(value, list) and value and all(isinstance(x, Mapping) for x in value):
            return "[\n" + ",\n".join(f"   {short(x)}" for x in value) + "\n  ]"
        return short(value)

    blocks = ["{\n" + ",\n".join(f"  {short(k)}: {field(v)}" for k, v in item.items()) + "\n }" for item in items]
    return "[\n" + ",\n".join(f" {b}" for b in blocks) + "\n]\n"


def rewrite(where: Path | None = None) -> list[Path]:
    """Write all data files anew as ``canonical`` does, after an edit by hand; only the spacing changes. Returns those that changed."""
    changed = []
    for path in sorted((where or folder()).rglob("*.json")):
        text = path.read_text(encoding="utf-8")
        written = canonical(json.loads(text))
        if written != text:
            path.write_text(written, encoding="utf-8")
            changed.append(path)
    return changed


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(kind: type[T], item: Mapping[str, Any]) -> T:
    """An object of a kind without parts: lists become tuples."""
    return kind(**{k: _tuple(v) for k, v in item.items()})


def _value(item: Mapping[str, Any]) -> m.Value:
    return _plain(m.Value, item)


def _record(item: Mapping[str, Any]) -> m.Record:
    parts: dict[str, Any] = {}
    if "donor" in item:
        parts["donor"] = m.Donor(**item["donor"])
    if "recipient" in item:
        parts["recipient"] = m.Recipient(**item["recipient"])
    if "manipulation" in item:
        parts["manipulation"] = [m.Manipulation(**x) for x in item["manipulation"]]
    if "value" in item:
        parts["value"] = _value(item["value"])
    return _plain(m.Record, {**item, **parts})


def _arm(item: Mapping[str, Any]) -> m.CardArm:
    parts = {"manipulation": m.Manipulation(**item["manipulation"])} if "manipulation" in item else {}
    return m.CardArm(**{**item, **parts})


def _finding(item: Mapping[str, Any]) -> m.CardFinding:
    parts = {"value": _value(item["value"])} if "value" in item else {}
    return _plain(m.CardFinding, {**item, **parts})


def _card(item: Mapping[str, Any]) -> m.Card:
    parts: dict[str, Any] = {
        "injury": m.CardInjury(**item["injury"]),
        "arms": [_arm(x) for x in item["arms"]],
        "expect": [_finding(x) for x in item["expect"]],
    }
    for side in ("donor", "recipient"):
        if side in item:
            parts[side] = [m.CardCell(**x) for x in item[side]]
    return _plain(m.Card, {**item, **parts})


def _read(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def records() -> dict[str, m.Record]:
    """All records by id."""
    return {r["id"]: _record(r) for path in record_files() for r in _read(path)}


@cache
def cards() -> dict[str, m.Card]:
    """All cards by key."""
    return {c["key"]: _card(c) for c in _read(folder() / "cards.json")}


@cache
def findings() -> dict[str, m.CardFinding]:
    """All findings of the cards by id."""
    return {f.id: f for card in cards().values() for f in card.expect}


@cache
def conflicts() -> dict[str, m.Conflict]:
    """Contradictions of the reviews by key."""
    found = _read(folder() / "conflicts.json")
    readings = {c["key"]: tuple(_plain(m.ConflictReading, x) for x in c["readings"]) for c in found}
    return {c["key"]: _plain(m.Conflict, {**c, "readings": readings[c["key"]]}) for c in found}


@cache
def physics() -> dict[str, m.Physics]:
    """What the terms of ``physics_needed`` stand for."""
    return {x["term"]: _plain(m.Physics, x) for x in _read(folder() / "physics.json")}


@cache
def concepts() -> tuple[m.Concept, ...]:
    """Words for the same thing."""
    return tuple(_plain(m.Concept, x) for x in _read(folder() / "concepts.json"))


@cache
def reviews() -> dict[str, m.Review]:
    """The reviews by key."""
    return {x["key"]: m.Review(**x) for x in _read(folder() / "reviews.json")}


@cache
def cards_of_record() -> dict[str, tuple[str, ...]]:
    """Keys of the cards that a record stands on, by its id."""
    found: dict[str, list[str]] = {}
    for card in cards().values():
        for name in dict.fromkeys([*card.evidence, *(x for f in card.expect for x in f.evidence)]):
            found.setdefault(name, []).append(card.key)
    return {k: tuple(v) for k, v in found.items()}
