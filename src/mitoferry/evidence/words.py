"""Searching words: spelling is folded, words for the same thing find each other (``data/concepts.json``)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import cache

from mitoferry.evidence.files import concepts
from mitoferry.evidence.model import Card, CardArm, Concept, Record

SHORT = 4
"""Words up to this length (TNT, ROS) are found whole only, with or without an s at the end; longer ones as beginnings, too."""
_GREEK = str.maketrans({"α": "alpha", "β": "beta", "γ": "gamma", "κ": "kappa", "ρ": "rho", "Δ": "delta", "ü": "ue", "é": "e"})


def folded(text: str) -> str:
    """Text in small letters and digits with single spaces, so that "TNF-α" and "tnf alpha" are the same."""
    return re.sub(r"[^a-z0-9]+", " ", text.translate(_GREEK).lower()).strip()


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    """What finds a folded phrase: at the start of a word; up to the end of the word if that is short."""
    ending = r"(?:s|es)?\b" if len(phrase.rpartition(" ")[2]) <= SHORT else ""
    return re.compile(rf"\b{re.escape(phrase)}{ending}")


def contains(text: str, phrase: str) -> bool:
    """Whether a folded text holds a folded phrase."""
    return bool(_pattern(phrase).search(text))


@cache
def _by_phrase() -> dict[str, tuple[str, ...]]:
    """A folded word to all that mean the same."""
    found: dict[str, tuple[str, ...]] = {}
    for concept in concepts():
        same = tuple(dict.fromkeys(folded(w) for w in concept.words))
        found.update(dict.fromkeys(same, same))
    return found


def meanings(about: str) -> list[tuple[str, ...]]:
    """What to look for: one group per word or phrase of a question; a text must hold one of each group.

    "CX43 lung" gives all spellings of connexin 43, and those of lung. The longest known phrase goes first.
    """
    known, words, groups = _by_phrase(), folded(about).split(), []
    while words:
        for n in range(len(words), 0, -1):
            phrase = " ".join(words[:n])
            if phrase in known or phrase.removesuffix("s") in known or n == 1:
                groups.append(known.get(phrase) or known.get(phrase.removesuffix("s")) or (phrase,))
                words = words[n:]
                break
    return groups


def matches(text: str, groups: Iterable[tuple[str, ...]]) -> bool:
    """Whether a folded text holds one phrase of every group."""
    return all(any(contains(text, phrase) for phrase in group) for group in groups)


def concepts_in(text: str) -> list[Concept]:
    """Concepts of which a text holds a word."""
    where = folded(text)
    return [concept for concept, words in _folded_words() if any(contains(where, w) for w in words)]


@cache
def _folded_words() -> tuple[tuple[Concept, tuple[str, ...]], ...]:
    return tuple((c, tuple(folded(w) for w in c.words)) for c in concepts())


def mechanisms_changed(arm: CardArm | None, needed: Collection[str]) -> frozenset[str]:
    """Mechanisms that the manipulation of an arm acts on, by its target and agent; our reading, see ``concepts.json``.

    Args:
        arm: of a card; None for no arm.
        needed: mechanisms that the card needs, to which broad concepts are held.
    """
    if arm is None or arm.manipulation is None:
        return frozenset()
    text = f"{arm.manipulation.target} ; {arm.manipulation.agent or ''}"
    return frozenset(m for c in concepts_in(text) for m in c.mechanisms if m in needed or not c.broad)


def text_of_record(r: Record) -> str:
    """What a search in a record looks at: statement, terms, manipulation, cells, stressor, observable."""
    parts = [r.statement, *r.mechanism_terms, *(str(m) for m in r.manipulation), str(r.donor), str(r.recipient), r.stressor, r.observable]
    return folded(" ; ".join(p for p in parts if p))


def text_of_card(c: Card) -> str:
    """What a search in a card looks at: title, cells, injury, arms, observables, conflicts, what a simulation must hold."""
    parts = [c.title, *(str(x) for x in (*c.donor, *c.recipient)), str(c.injury), c.conflicts or "", *c.physics_needed]
    parts += [f"{a.name} {a.manipulation or ''}" for a in c.arms] + [f"{f.observable} {f.note or ''}" for f in c.expect]
    return folded(" ; ".join(parts))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, or with all of them if they are few."""
    names = [str(n) for n in known]
    low = {n.lower(): n for n in reversed(names)}
    close = get_close_matches(str(name).lower()[:80], low, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{low[close[0]]}'?"
    inside = [n for n in names if len(str(name)) > 2 and str(name).lower() in n.lower()]
    if inside:
        return f"Did you mean '{inside[0]}'?"
    return f"Known: {', '.join(names)}" if 0 < len(names) <= 20 else ""
