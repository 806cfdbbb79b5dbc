"""Two records side by side: what changed, and what lies within the noise.

A change is called one only if the medians differ by more than the repeats of either record do among themselves (from lowest to
highest). Figures of other work (a plate of another size) are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from mitoferry.studies.bench.record import Measure, Record

SAME_WORK = 0.05  # difference in the number of mitochondria up to which two plates are the same work
BUSY_WORDS = "other work was going on when it began"
FASTER, SLOWER, SAME, CHANGED, UNKNOWN = "better", "worse", "within noise", "changed", "one repeat"


@dataclass(frozen=True, slots=True)
class Change:
    """One measure in both records.

    Attributes:
        before, after: the measure in the old and in the new record.
        verdict: :data:`FASTER`, :data:`SLOWER`, :data:`SAME`, :data:`CHANGED` where neither direction is better, or
            :data:`UNKNOWN` where a record has one repeat only, which tells nothing of the noise.
        percent: change of the median, ``None`` where the old one is 0.
        noise: what the change is held against, in per cent of the old median.
    """

    before: Measure
    after: Measure
    verdict: str
    percent: float | None
    noise: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two records side by side.

    Attributes:
        changes: measures that both have, in the order of the new record.
        other_work: names of measures that both have, on plates of different size.
        only_before, only_after: names that only one has.
        warnings: why the figures may not be comparable: another machine, other threads, a busy machine.
        versions: what differs in versions and sources, which may be the reason for a change.
    """

    changes: tuple[Change, ...]
    other_work: tuple[str, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    warnings: tuple[str, ...]
    versions: tuple[str, ...] = ()


def compare(before: Record, after: Record) -> Comparison:
    """Hold a new record against an old one."""
    old = {m.name: m for m in before.measures}
    new = {m.name: m for m in after.measures}
    both = [(old[name], m) for name, m in new.items() if name in old and old[name].unit == m.unit]
    return Comparison(
        changes=tuple(change_of(a, b) for a, b in both if same_work(a, b)),
        other_work=tuple(b.name for a, b in both if not same_work(a, b)),
        only_before=tuple(name for name in old if name not in new or old[name].unit != new[name].unit),
        only_after=tuple(name for name in new if name not in old or old[name].unit != new[name].unit),
        warnings=tuple(_warnings(before, after)),
        versions=tuple(_versions(before.versions, after.versions)),
    )


def change_of(before: Measure, after: Measure) -> Change:
    """What became of one measure."""
    noise = max(before.spread, after.spread)
    difference = after.median - before.median
    scale = abs(before.median)
    percent = 100.0 * difference / scale if scale else None
    if min(len(before.repeats), len(after.repeats)) < 2:
        verdict = UNKNOWN
    elif abs(difference) <= noise:
        verdict = SAME
    elif after.better == "neither":
        verdict = CHANGED
    else:
        verdict = FASTER if (difference < 0.0) == (after.better == "less") else SLOWER
    return Change(before, after, verdict, percent, 100.0 * noise / scale if scale else None)


def same_work(before: Measure, after: Measure) -> bool:
    """Whether two figures were measured on as many mitochondria (if they say on how many)."""
    a, b = before.work.get("mitochondria"), after.work.get("mitochondria")
    if a is None or b is None:
        return (a is None) == (b is None)
    return abs(float(a) - float(b)) <= SAME_WORK * max(float(a), float(b))


def _warnings(before: Record, after: Record) -> list[str]:
    found = []
    machine = after.machine.differences(before.machine)
    if machine:
        found.append(f"another machine ({'; '.join(machine)}): only ratios can be compared")
    for record, place in ((before, "then"), (after, "now")):
        found += [f"{note} ({place})" for note in record.notes if note.startswith(BUSY_WORDS)]
    for key, words in (("backend", "backend"), ("threads", "threads"), ("clock", "clock")):
        a, b = getattr(before.settings, key), getattr(after.settings, key)
        if a != b:
            found.append(f"{words}: {a} there, {b} here")
    return found


def _versions(before: dict[str, str], after: dict[str, str]) -> list[str]:
    names = [*after, *(n for n in before if n not in after)]
    return [f"{n}: {before.get(n, 'none')} then, {after.get(n, 'none')} now" for n in names if before.get(n) != after.get(n)]
