"""What ``mitoferry explain MECHANISM`` prints: the mechanism in the words of its code, its numbers, and what acts on it."""

from __future__ import annotations

from typing import Any

from mitoferry.experiment.mechanisms import Mechanism, mechanism
from mitoferry.show.cell_card import table, wrapped

CLOCKS = {"macro": "every macro-step (60 s)", "mitochondria": "every 300 s", "quality": "every 600 s"}
KINDS = {"drug": "drugs", "gene": "gene changes", "injury": "injuries"}


def explain_text(name: str) -> str:
    """All that is known of a mechanism, as text.

    Raises:
        InputError: no such mechanism; the message names the nearest.
    """
    m = mechanism(name)
    parts = [f"{m.name}\n{'=' * len(m.name)}", m.text, _place(m), _parameters(m), _agents(m), _experiments(m)]
    return "\n\n".join(parts)


def _place(m: Mechanism) -> str:
    lines = [
        f"Stage {m.stage}, {CLOCKS[m.clock]}, in {m.module}.",
        f"Leave it out of a run:  mitoferry run EXPERIMENT {m.switch}     (in a file: 'switches: {{{m.name}: off}}')",
    ]
    return "\n".join(lines)


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
    return "\n".join([table(rows), *notes, change])


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


def _experiments(m: Mechanism) -> str:
    from mitoferry.experiment.uses import touched_by

    found = touched_by(m)
    if not found:
        return "No shipped experiment has an arm in which something acts on it."
    lines = ["Shipped experiments that touch it, by what acts on it, and findings that compare arms which differ in that:"]
    for item in found:
        lines.append(f"  {item.experiment}")
        lines += [wrapped(text, "    ", "      ") for text in arms_text(item)]
        lines += [wrapped(f"finding {text}", "    ", "      ") for text in item.findings]
    return "\n".join(lines)
