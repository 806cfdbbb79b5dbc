"""What ``mitoferry evidence`` prints: one item, a table, or whether the data files are sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.show.evidence_table import evidence_text


def asked_text(name: str | None, choices: Mapping[str, Any], *, check: bool = False, uses: bool = False, **table: Any) -> str:
    """What the command prints: one item, a table, or the result of the check of the data files.

    Args:
        name: of an item, or None for a table.
        choices: as ``asked`` of :func:`evidence_text`; None for no choice.
        check: check the data files instead.
        uses: of an item: read its experiment files, too.
        table: cards, findings, limit, as_json of :func:`evidence_text`.

    Raises:
        InputError: names or values that occur nowhere, options that do not go together, or data files that are not sound.
    """
    given = [f"--{key}" for key, value in choices.items() if value is not None]
    given += [f"--{key}" for key in ("cards", "findings", "limit") if table.get(key)]
    if check:
        return _checked()
    if name is not None:
        if given:
            words = f"{name!r} with {', '.join(given)}"
            raise InputError(Problem("command line", "evidence", "a name, or choices for a table", words, hint="Words go to --about"))
        from mitoferry.show.evidence_item import item_text

        return item_text(name, as_json=bool(table.get("as_json")), uses=uses)
    if uses:
        raise InputError(Problem("command line", "evidence", "--uses with the name of a record, card or experiment", "no name"))
    return evidence_text(**table, **choices)


def _checked() -> str:
    from mitoferry.evidence.check import problems, summary

    found = problems()
    if found:
        raise InputError(found)
    return summary() + " The data files are sound."
