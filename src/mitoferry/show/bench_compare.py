"""What ``mitoferry bench --against`` prints: two records side by side."""

from __future__ import annotations

import textwrap

from mitoferry.show.bench import NARROW, WIDE, figure
from mitoferry.studies.bench.compare import CHANGED, FASTER, SAME, SLOWER, TO_BARE, UNJUDGED, UNKNOWN, Change, Comparison
from mitoferry.studies.bench.record import Measure, Record

HEADLINES = {
    "bare.one": "bare kernel, one thread", "bare.all": "bare kernel, all threads", "loop.rate": "whole loop",
    "loop.ratio": "whole loop to bare kernel", "loop.step": "macro-step", "memory.mitochondrion": "memory of a mitochondrion",
    "memory.cell": "memory of a cell", "memory.all": "memory, all tables", "wells.ratio": "small wells to big well",
    "wells.small": "small wells", "wells.big": "big well", "types.per_mitochondrion": "cell types: a mitochondrion",
    "types.per_cell": "cell types: a cell", "types.mixed": "cell types: mixed to alone", "scaling.exponent": "exponent of the cost",
    "scaling.fixed": "fixed part of a step", "start.import": "import mitoferry", "start.help": "mitoferry --help",
    "start.library": "library read", "cold.first": "first run", "cold.next": "next run", "cold.compile": "compilation",
}  # fmt: skip
GROUPS = {"loop.process": "mechanism", "wells.more": "more in small wells", "types": "cell type", "scaling": "size", "start": "start"}
MARKS = {FASTER: "better", SLOWER: "WORSE", CHANGED: "changed", SAME: "noise", UNKNOWN: "?"}
BUSY_NOTE = (
    "not judged: {n} times and speeds, as a machine was busy. Judged are ratios, those to the bare kernel of the same round among them; "
    "other programs need not slow both sides alike."
)


def comparison_text(before: Record, found: Comparison, name: str, width: int = NARROW) -> str:
    """A table of what changed; what lies within the noise is named only where it is a headline."""
    lines = [f"COMPARED WITH {name}, made {before.made}"]
    lines += [_wrapped(f"Warning: {text}.", width) for text in found.warnings]
    lines += [f"  {line}" for line in found.versions]
    shown = [c for c in found.changes if c.after.name in HEADLINES or c.verdict not in (SAME, UNKNOWN, UNJUDGED)]
    wide = width >= WIDE
    room = width - 47 - (36 if wide else 0)
    ranges = f"{'repeats before':>18}{'after':>18}" if wide else ""
    lines.append(f"  {'':<{room}}{'before':>10}{'after':>10}{ranges}{'change':>9}{'noise':>7}  verdict")
    lines += [_row(c, room, wide) for c in shown]
    unjudged = sum(c.verdict == UNJUDGED for c in found.changes)
    silent = sum(c.verdict in (SAME, UNKNOWN) and c not in shown for c in found.changes)
    if silent:
        lines.append(f"  {silent} more figures differ by no more than their repeats do, or had one repeat")
    if unjudged:
        lines.append(_wrapped(BUSY_NOTE.format(n=unjudged), width))
    if found.other_work:
        lines.append(_wrapped(f"not compared, as the plates differ in size: {', '.join(found.other_work)}", width))
    if found.only_before:
        lines.append(_wrapped(f"only in {name}: {_some(found.only_before)}", width))
    if found.only_after:
        lines.append(_wrapped(f"new: {_some(found.only_after)}", width))
    lines.append(_wrapped("noise: from the lowest to the highest repeat of either record, in per cent; smaller changes are none.", width))
    return "\n".join(lines)


def _label(m: Measure) -> str:
    """What stands at the start of a row."""
    if m.name.endswith(TO_BARE):
        alone = {"name": m.name.removesuffix(TO_BARE), "words": m.words.removesuffix(", to bare kernel")}
        return f"{_label(m.model_copy(update=alone))} / bare"
    group = next((words for start, words in GROUPS.items() if m.name.startswith(f"{start}.")), m.name.split(".")[0])
    return HEADLINES.get(m.name) or f"{group}: {m.words}"


def _row(c: Change, room: int, wide: bool) -> str:
    label = _label(c.after)
    label = label if len(label) <= room - 1 else label[: room - 2] + "…"
    if c.verdict == UNJUDGED:
        ranges = f"{_range(c.before):>18}{_range(c.after):>18}" if wide else ""
        return f"  {label:<{room}}{_short(c.before.median):>10}{_short(c.after.median):>10}{ranges}  {UNJUDGED}"
    percent = f"{c.percent:+.1f} %" if c.percent is not None else "–"
    noise = f"{c.noise:.0f} %" if c.noise is not None else "–"
    ranges = f"{_range(c.before):>18}{_range(c.after):>18}" if wide else ""
    mark = "same" if c.before.median == c.after.median else MARKS[c.verdict]
    return f"  {label:<{room}}{_short(c.before.median):>10}{_short(c.after.median):>10}{ranges}{percent:>9}{noise:>7}  {mark}"


def _short(x: float) -> str:
    return figure(x).replace(" × ", "×")


def _range(m: Measure) -> str:
    return f"{_short(min(m.repeats))}–{_short(max(m.repeats))}"


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    ")
