"""What ``mitoferry evidence NAME`` prints: one record, finding, card or mechanism with all that belongs to it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from mitoferry.evidence import files
from mitoferry.evidence.model import Card, CardArm, CardFinding, Record
from mitoferry.experiment.evidence_links import Links, links, mechanisms_needed, mechanisms_of_finding
from mitoferry.show.cell_card import table, wrapped
from mitoferry.show.evidence_table import WHOLE, caution_text, rich_table

MOST = 40


def item_text(name: str, *, as_json: bool = False, uses: bool = False) -> str:
    """One record, finding, card, experiment, mechanism or parameter with its links.

    Args:
        name: id, key or name.
        as_json: JSON instead of text.
        uses: read the experiment files, too: what runs in them, and what their arms act on.

    Raises:
        InputError: there is nothing of that name; the message names the nearest.
    """
    found = links(name)
    item = files.records().get(name) or files.findings().get(name) or files.cards().get(name)
    if as_json:
        whole: dict[str, Any] = {**({found.kind: asdict(item)} if item is not None else {}), "links": asdict(found)}
        if uses:
            whole["uses"] = {k: asdict(v) for k, v in found.uses().items()}
        return json.dumps(whole, indent=2, ensure_ascii=False)
    if isinstance(item, Record):
        parts = [record_text(item), _links(found)]
    elif isinstance(item, CardFinding):
        parts = [finding_text(item), _links(found)]
    elif isinstance(item, Card):
        parts = [card_text(item), _links(found)]
    else:
        parts = [_of_model(found)]
    if uses:
        parts.append(_uses(found))
    return "\n\n".join([*parts, caution_text()])


def _field(name: str, text: object) -> str:
    words = "" if text is None else str(text)
    return wrapped(f"{name + ':':<14}{words}", "  ", " " * 16) if words else ""


def _lines(*fields: str) -> str:
    return "\n".join(f for f in fields if f)


def record_text(r: Record) -> str:
    """A record whole."""
    review = files.reviews()[r.review]
    return _lines(
        f"{r.id} ({r.kind})",
        wrapped(r.statement, "  "),
        "",
        _field("observable", r.observable),
        _field("direction", r.direction),
        _field("against", r.comparator),
        _field("value", r.value),
        _field("donor", r.donor),
        _field("recipient", r.recipient),
        _field("stressor", r.stressor),
        _field("route", ", ".join(r.route)),
        _field("changed", "; ".join(map(str, r.manipulation))),
        _field("milieu", ", ".join(r.milieu)),
        _field("names", ", ".join(r.mechanism_terms)),
        _field("study", f"{r.study} ({r.where})"),
        _field("review", f"{review.about}; {review.citation}"),
    )


def _remarks(f: CardFinding) -> str:
    words = [f.note or "", str(f.value or ""), f"at {f.at}" if f.at else "", "derived from a claim" if f.basis == "derived" else ""]
    words += ["title only" if f.title_only else "", "the review names the comparison" if f.comparator_stated else ""]
    return "; ".join(w for w in words if w)


def finding_text(f: CardFinding) -> str:
    """A finding with its two arms and the records that it rests on."""
    card = files.cards()[f.card]
    arms = [_arm(a) for a in (card.arm(f.arm), card.arm(f.versus)) if a is not None]
    records = [wrapped(f"{x}: {files.records()[x].statement}", "    ", "      ") for x in f.evidence]
    return _lines(
        str(f),
        _field("card", f"{card.key}: {card.title}"),
        _field("remarks", _remarks(f)),
        "  arms:",
        table([(a, b, c) for a, b, c in arms]),
        "  records:" if records else "  records:      none",
        *records,
    )


def _arm(a: CardArm) -> tuple[str, str, str]:
    words = [a.cells, "" if a.injury else "no injury", str(a.manipulation or ""), a.note or ""]
    return "  " + a.name, "natural control" if a.basis == "natural_control" else "", "; ".join(w for w in words if w)


def card_text(c: Card) -> str:
    """A card whole: cells, arms, findings, conflicts."""
    head = _lines(
        f"{c.key}: {c.title}",
        "",
        _field("system", f"{c.system}; {', '.join(c.milieu)}"),
        _field("donor", "; ".join(map(str, c.donor)) or "none"),
        _field("recipient", "; ".join(map(str, c.recipient)) or "none"),
        _field("injury", str(c.injury) or "none"),
        _field("routes", ", ".join(c.routes)),
        _field("assumed", f"{', '.join(c.routes_assumed)} (the review names no route)" if c.routes_assumed else ""),
        _field("sources", ", ".join(c.sources)),
        _field("simulable", c.simulable.replace("_", " ") + (f": {c.simulable_note}" if c.simulable_note else "")),
        _field("conflicts", c.conflicts),
        _field("caution", "known from a cited title only" if c.title_only else ""),
    )
    arms = [tuple(x.strip() for x in _arm(a)) for a in c.arms]
    found = [
        (
            f"#{f.id.rpartition('#')[2]}",
            f"{f.observable}\n{f.direction}",
            f.arm + (f"\nagainst {f.versus}" if f.versus else ""),
            _remarks(f),
        )
        for f in c.expect
    ]
    columns = (("", WHOLE), ("finding", WHOLE), ("in which arm", WHOLE), ("remarks", 0))
    parts = [head, rich_table((("arm", WHOLE), ("", WHOLE), ("what is in it", 0)), arms)]
    return "\n\n".join([*parts, rich_table(columns, found)] if found else parts)


def _names(names: tuple[str, ...]) -> str:
    rest = len(names) - MOST
    return ", ".join(names[:MOST]) + (f", and {rest} more (--json has all)" if rest > 0 else "")


def _links(found: Links) -> str:
    lines = ["LINKS"]
    if found.kind != "record":
        lines.append(_field("records", _names(found.records)))
    if found.kind != "card":
        lines.append(_field("cards", _names(found.cards) or "none: no experiment of the reviews rests on it"))
    if found.kind == "record":
        lines.append(_field("findings", _names(found.findings)))
    if found.cards:
        there = ", ".join(f"mitoferry show {e}" for e in found.experiments[:3])
        lines.append(_field("experiment", there or "no file"))
    lines.append(_field("mechanisms", _names(found.mechanisms)))
    if found.kind == "card":
        unmapped = [(t, files.physics()[t]) for t in files.cards()[found.name].physics_needed]
        lines += [_field("not modelled", f"{t}: {p.note}") for t, p in unmapped if not p.mechanisms]
    if found.mechanisms:
        lines.append(_field("parameters", f"mitoferry parameters '{found.mechanisms[0]}.*', and so for each mechanism"))
    return _lines(*lines)


def _of_model(found: Links) -> str:
    """What the evidence has for a mechanism, parameter or experiment."""
    lines = [f"{found.name} ({found.kind})", _field("mechanism", found.mechanisms[0]) if found.kind == "parameter" else ""]
    if found.kind == "experiment":
        return _lines(*lines, _links(found))
    lines += [
        _field("cards", _names(found.cards) or "no card needs it"),
        _field("experiments", _names(found.experiments) or "none of them has a file"),
        _field("records", f"{len(found.records)} on these cards (--json has all)" if found.records else ""),
    ]
    if found.findings:
        lines.append("  findings that compare arms of which one changes it:")
        lines += [wrapped(str(files.findings()[f]), "    ", "      ") for f in found.findings]
    return _lines(*lines)


def _uses(found: Links) -> str:
    lines = ["IN THE FILES"]
    for name, use in found.uses().items():
        lines.append(f"  {name}")
        lines += [_field("runs", ", ".join(use.runs))]
        lines += [
            wrapped(f"{agent} acts on {', '.join(reached) or 'no mechanism'}", "  ", "    ") for agent, reached in use.acted_on.items()
        ]
    return _lines(*lines) if len(lines) > 1 else "No experiment file belongs to it."


def mechanism_text(name: str) -> str:
    """What the reviews have on a mechanism, for ``mitoferry explain``: cards that need it, and findings that turn on it."""
    found = links(name)
    if not found.cards:
        return "No card of the reviews needs it."
    need = [key for key in found.cards if name in mechanisms_needed(files.cards()[key])]
    only = [key for key in found.cards if key not in need]
    there = set(found.experiments)

    def marked(keys: list[str]) -> str:
        return ", ".join(key if key in there else f"({key})" for key in keys)

    lines = [wrapped(f"Cards of the reviews that need it: {marked(need)}", "", "  ")] if need else []
    if only:
        lines.append(wrapped(f"Cards with an arm that changes it: {marked(only)}", "", "  "))
    if len(there) < len(found.cards):
        lines.append("Those in brackets have no experiment file.")
    turning = [f for f in found.findings if name in mechanisms_of_finding(files.findings()[f])]
    if turning:
        lines.append("Findings that compare arms of which one changes it:")
        lines += [wrapped(str(files.findings()[f]), "  ", "    ") for f in turning[:MOST]]
        if len(turning) > MOST:
            lines.append(f"  and {len(turning) - MOST} more: mitoferry evidence {name}")
    return "\n".join([*lines, wrapped("What is written here are signs from reviews, no sizes: mitoferry evidence KEY.", "", "  ")])
