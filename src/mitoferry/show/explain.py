"""What ``mitoferry explain MECHANISM`` prints: the mechanism in the words of its code, its numbers, and what acts on it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mitoferry.experiment.mechanisms import Mechanism, mechanism
from mitoferry.show.cell_card import WIDTH, table, wrapped

if TYPE_CHECKING:
    from mitoferry.experiment.uses import Presence

MOST_NAMED = 40  # experiments that do without a mechanism
CLOCKS = {"macro": "every macro-step (60 s)", "mitochondria": "every 300 s", "quality": "every 600 s"}
KINDS = {"drug": "drugs", "gene": "gene changes", "injury": "injuries"}


def explain_text(name: str, *, curves: bool = True) -> str:
    """All that is known of a mechanism, as text.

    Args:
        name: of the mechanism.
        curves: draw its responses, with characters beyond ASCII.

    Raises:
        InputError: no such mechanism; the message names the nearest.
    """
    m = mechanism(name)
    parts = [f"{m.name}\n{'=' * len(m.name)}", m.text, _heading("PLACE"), _place(m)]
    responses = _responses(m) if curves else ""
    if responses:
        parts += [_heading("RESPONSES (values of the library, all other inputs at rest)"), responses]
    parts += [_heading("NUMBERS"), _parameters(m), _heading("WHAT ACTS ON IT"), _agents(m), _heading("WHAT IT CHANGES"), _changes(m)]
    parts += [_heading("WHICH EXPERIMENTS NEED IT"), _experiments(m), _heading("WHAT THE REVIEWS REPORT"), _evidence(m)]
    return "\n\n".join(part for part in parts if part)


def _heading(words: str) -> str:
    return f"-- {words} " + "-" * max(WIDTH - len(words) - 4, 3)


def _place(m: Mechanism) -> str:
    lines = [
        f"Stage {m.stage}, {CLOCKS[m.clock]}, in {m.module}.",
        f"Leave it out of a run:  mitoferry run EXPERIMENT {m.switch}",
        f"or in the file:         switches: {{{m.name}: off}}",
    ]
    return "\n".join(lines)


def _responses(m: Mechanism) -> str:
    from mitoferry.show.formulas import formulas_of
    from mitoferry.show.terminal_curve import curve_text

    blocks = []
    for f in formulas_of(m.name):
        if f.over:
            unit = f" [{f.unit}]" if f.unit and f.unit != "1" else ""
            drawn = [curve_text(f, symbol) for symbol in f.over[:2]]
            blocks.append("\n".join([wrapped(f"{f.about}{unit}", "  ", "  "), *side_by_side(drawn)]))
    return "\n\n".join(blocks)


def side_by_side(blocks: list[list[str]]) -> list[str]:
    """Blocks of lines next to each other where they fit the width, else below each other."""
    widths = [max(len(line) for line in block) for block in blocks]
    if sum(widths) + 4 * len(blocks) > WIDTH:
        return ["  " + line for block in blocks for line in block]
    most = max(len(block) for block in blocks)
    padded = [[*block, *[""] * (most - len(block))] for block in blocks]
    return [
        ("  " + "    ".join(f"{line:<{w}}" for line, w in zip(lines, widths, strict=True))).rstrip() for lines in zip(*padded, strict=True)
    ]


def _changes(m: Mechanism) -> str:
    from mitoferry.experiment.wiring import readers_of, sensed_by, wirings

    w = wirings()[m.name]
    tables: dict[str, list[str]] = {}
    for place, column in sorted(w.writes):
        tables.setdefault(place, []).append(column)
    lines = []
    for place, columns in tables.items():
        readers = dict.fromkeys(x for c in columns for x in readers_of(place, c) if x != m.name)
        lines.append(wrapped(f"{place}: {', '.join(columns)}", "  ", "    "))
        if readers:
            lines.append(wrapped("read by " + ", ".join(readers), "    ", "      "))
    for substance in sorted(w.releases):
        sensed = [x for x in sensed_by(substance) if x != m.name]
        lines.append(wrapped(f"releases {substance}" + (f", sensed by {', '.join(sensed)}" if sensed else ""), "  ", "    "))
    return "\n".join(["Columns of the state that its code writes, and the mechanisms that read them:", *lines]) if lines else "Nothing."


def _parameters(m: Mechanism) -> str:
    records = m.parameters()
    if not records:
        return "It has no parameters."
    sources = list(dict.fromkeys(r.source for r in records))
    rows: list[tuple[str, ...]] = [("parameter", "value", "unit", "range", "tag", "source", "what it is")]
    for r in records:
        low, high = r.range
        place = f"[{sources.index(r.source) + 1}]"
        rows.append((r.name, f"{r.value:g}", "" if r.unit == "1" else r.unit, f"{low:g}-{high:g}", r.tag, place, r.about))
    notes = [wrapped(f"[{k}] {text}", "  ", "      ") for k, text in enumerate(sources, 1)]
    change = f"  change one:  --set {records[0].name}=VALUE"
    return "\n".join([table_wrapped(rows), *notes, change])


def table_wrapped(rows: list[tuple[str, ...]]) -> str:
    """Rows in columns, the last of which is wrapped within the width of a card."""
    indent = 2 + sum(max(len(r[k]) for r in rows) + 2 for k in range(len(rows[0]) - 1))
    split = [textwrap.wrap(r[-1], max(WIDTH - indent, 30), break_on_hyphens=False) or [""] for r in rows]
    wide = [(*r[:-1], lines[0]) for r, lines in zip(rows, split, strict=True)]
    shown = table(wide).split("\n")
    return "\n".join("\n".join([line, *(" " * indent + x for x in lines[1:])]) for line, lines in zip(shown, split, strict=True))


def acting(m: Mechanism) -> list[tuple[str, str, str]]:
    """Agents that act on a mechanism: kind, name, places by which they do."""
    return [(a.kind, a.name, ", ".join(a.through(m))) for a in m.agents()]


def _agents(m: Mechanism) -> str:
    if not m.nodes and not m.species:
        return "Nothing of the library acts on it directly: it reads no node and no dissolved substance."
    reads = [f"nodes {', '.join(m.nodes)}"] if m.nodes else []
    reads += [f"dissolved {', '.join(m.species)}"] if m.species else []
    lines = [wrapped("It reads " + "; ".join(reads) + ".", "", "  ")]
    found = acting(m)
    for kind, title in KINDS.items():
        items = [f"{name} ({places})" for k, name, places in found if k == kind]
        if items:
            lines.append(wrapped(f"{title}: " + ", ".join(items), "  ", "    "))
    if not found:
        lines.append("  No drug, gene change or injury of the library acts on these.")
    return "\n".join(lines)


def arms_text(found: Any) -> list[str]:
    """Arms of an experiment by what acts on the mechanism in them, in words."""
    lines = []
    for agents, arms in found.arms.items():
        which = f"all {found.n_arms} arms" if len(arms) == found.n_arms else ", ".join(arms)
        lines.append(f"{', '.join(agents)} in {which}")
    return lines


def _evidence(m: Mechanism) -> str:
    from mitoferry.show.evidence_item import mechanism_text

    return mechanism_text(m.name)


def present_in(presence: Presence) -> Sequence[tuple[str, Sequence[str]]]:
    """Where a mechanism runs and where not, as words and names; a long list of experiments that do without it is only counted."""
    found = [
        ("It runs in", presence.runs), ("Nearly alone in its stage in", presence.alone), ("Switched off by the file in", presence.off),
    ]  # fmt: skip
    idle = "Left out by itself, since nothing there needs it, in"
    many = len(presence.idle) > MOST_NAMED
    return [(words, names) for words, names in (*found, (idle, () if many else presence.idle)) if names] + (
        [(f"{idle} the other {len(presence.idle)} experiments", ())] if many else []
    )


def _experiments(m: Mechanism) -> str:
    from mitoferry.experiment.uses import presence_of, touched_by

    presence = presence_of(m)
    lines = [wrapped(f"{words}: {', '.join(names)}" if names else f"{words}.", "", "  ") for words, names in present_in(presence)]
    found = [item for item in touched_by(m) if item.experiment not in presence.off]
    if found:
        lines.append("Shipped experiments with arms in which something acts on it, and findings that compare arms which differ in that:")
    else:
        lines.append("No arm of these has an agent that acts on it.")
    for item in found:
        lines.append(f"  {item.experiment}")
        lines += [wrapped(text, "    ", "      ") for text in arms_text(item)]
        lines += [wrapped(f"finding {text}", "    ", "      ") for text in item.findings]
    lines.append(wrapped(f"What a finding owes to it: mitoferry explain {m.name} --effect EXPERIMENT", "", "  "))
    return "\n".join(lines)
