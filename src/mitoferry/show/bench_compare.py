"""What ``mitoferry bench --against`` prints: two records side by side."""

from __future__ import annotations

import textwrap

from mitoferry.show.bench import NARROW, figure
from mitoferry.studies.bench.compare import CHANGED, FASTER, SAME, SLOWER, UNKNOWN, Change, Comparison
from mitoferry.studies.bench.record import Record

HEADLINES = (
    "bare.one", "bare.all", "loop.rate", "loop.ratio", "loop.step", "memory.mitochondrion", "memory.cell", "memory.all", "wells.ratio",
    "types.per_mitochondrion", "types.per_cell", "types.mixed", "scaling.exponent", "scaling.fixed", "start.import", "start.help",
    "start.library", "cold.first", "cold.next",
)  # fmt: skip
MARKS = {FASTER: "better", SLOWER: "WORSE", CHANGED: "changed", SAME: "noise", UNKNOWN: "?"}


def comparison_text(before: Record, found: Comparison, name: str, width: int = NARROW) -> str:
    """A table of what changed; what lies within the noise is named only where it is a headline."""
    lines = [f"COMPARED WITH {name}, made {before.made}"]
    lines += [_wrapped(f"Warning: {text}.", width) for text in found.warnings]
    lines += [f"  {line}" for line in found.versions]
    shown = [c for c in found.changes if c.after.name in HEADLINES or c.verdict not in (SAME, UNKNOWN)]
    room = width - 52
    lines.append(f"  {'':<{room}}{'before':>11}{'after':>11}{'change':>10}{'noise':>8}  verdict")
    lines += [_row(c, room) for c in shown]
    silent = len(found.changes) - len(shown)
    if silent:
        lines.append(f"  {silent} more figures differ by no more than their repeats do, or had one repeat")
    if found.other_work:
        lines.append(_wrapped(f"not compared, as the plates differ in size: {', '.join(found.other_work)}", width))
    if found.only_before:
        lines.append(_wrapped(f"only in {name}: {_some(found.only_before)}", width))
    if found.only_after:
        lines.append(_wrapped(f"new: {_some(found.only_after)}", width))
    lines.append(_wrapped("noise: from the lowest to the highest repeat of either record, in per cent; smaller changes are none.", width))
    return "\n".join(lines)


def _row(c: Change, room: int) -> str:
    part, _, rest = c.after.name.partition(".")
    label = f"{part}: {c.after.words}{' (more in small wells)' if rest.startswith('more.') else ''}"
    label = label if len(label) <= room - 1 else label[: room - 2] + "…"
    percent = f"{c.percent:+.1f} %" if c.percent is not None else "–"
    noise = f"{c.noise:.0f} %" if c.noise is not None else "–"
    return f"  {label:<{room}}{_short(c.before.median):>11}{_short(c.after.median):>11}{percent:>10}{noise:>8}  {MARKS[c.verdict]}"


def _short(x: float) -> str:
    return figure(x).replace(" × ", "×")


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    ")
