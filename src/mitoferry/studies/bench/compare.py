"""Two records side by side: what changed, and what lies within the noise.

A change is called one only if the medians differ by more than the repeats of either record do among themselves (from lowest to
highest). Figures of other work (a plate of another size) are not compared.

Where other programs ran while one of the records was made, times and speeds say as much of them as of mitoferry: they are shown and not
judged. Judged instead are ratios, which the load leaves alone as far as it slows both sides: those of the record, and each part's time
over that of the bare kernel in the same round.
"""

from __future__ import annotations

from dataclasses import dataclass

from mitoferry.studies.bench.record import Measure, Record, measure

SAME_WORK = 0.05  # difference in the number of mitochondria up to which two plates are the same work
BUSY_WORDS = "other work was going on when it began"
FASTER, SLOWER, SAME, CHANGED, UNKNOWN = "better", "worse", "within noise", "changed", "one repeat"
UNJUDGED = "not judged: busy"
TO_BARE = ".to_bare"  # ends the name of a measure over the bare kernel
ABSOLUTE = ("s", "ms", "ns", "mitochondrion-steps/s")  # units of what other programs slow down
OF_THE_LOAD = ("types.busy",)  # no time, but other programs change it
IN_ROUNDS = ("loop.process.", "wells.", "types.", "scaling.")  # timed in each round with the bare kernel
ONCE = ("scaling.large.",)


@dataclass(frozen=True, slots=True)
class Change:
    """One measure in both records.

    Attributes:
        before, after: the measure in the old and in the new record.
        verdict: :data:`FASTER`, :data:`SLOWER`, :data:`SAME`, :data:`CHANGED` where neither direction is better, or
            :data:`UNKNOWN` where a record has one repeat only, which tells nothing of the noise, or :data:`UNJUDGED`.
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
        changes: measures that both have, in the order of the new record; behind them, if a machine was busy, times over those of the
            bare kernel (names end with :data:`TO_BARE`).
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
    alike = [(a, b) for a, b in both if same_work(a, b)]
    busy = was_busy(before) or was_busy(after)
    changes = [change_of(a, b, judged=not (busy and of_the_load(b))) for a, b in alike]
    if busy:
        ratios = [(to_bare(a, before), to_bare(b, after)) for a, b in alike]
        changes += [change_of(a, b) for a, b in ratios if a is not None and b is not None]
    return Comparison(
        changes=tuple(changes),
        other_work=tuple(b.name for a, b in both if not same_work(a, b)),
        only_before=tuple(name for name in old if name not in new or old[name].unit != new[name].unit),
        only_after=tuple(name for name in new if name not in old or old[name].unit != new[name].unit),
        warnings=tuple(_warnings(before, after)),
        versions=tuple(_versions(before.versions, after.versions)),
    )


def was_busy(record: Record) -> bool:
    """Whether other programs ran when a record was begun."""
    return any(note.startswith(BUSY_WORDS) for note in record.notes)


def of_the_load(m: Measure) -> bool:
    """Whether other programs change a measure: a time or a speed, not a ratio and not memory."""
    return m.unit in ABSOLUTE or m.name in OF_THE_LOAD


def to_bare(m: Measure, record: Record) -> Measure | None:
    """A time per mitochondrion over that of the bare kernel, round by round; ``None`` for what is not timed in the same rounds."""
    bare, n = record.get("bare.all") or record.get("bare.one"), m.work.get("mitochondria")
    if bare is None or len(bare.repeats) != len(m.repeats) or not m.name.startswith(IN_ROUNDS) or m.name.startswith(ONCE):
        return None
    if m.unit != "ns" and (m.unit != "ms" or n is None):
        return None
    seconds = 1e-9 if m.unit == "ns" else 1e-3 / float(n)  # type: ignore[arg-type]
    ratios = [seconds * x * rate for x, rate in zip(m.repeats, bare.repeats, strict=True)]
    return measure(m.name + TO_BARE, f"{m.words}, to bare kernel", "1", ratios, m.better, work=m.work)


def change_of(before: Measure, after: Measure, *, judged: bool = True) -> Change:
    """What became of one measure; without ``judged`` no verdict."""
    noise = max(before.spread, after.spread)
    difference = after.median - before.median
    scale = abs(before.median)
    percent = 100.0 * difference / scale if scale else None
    if not judged:
        verdict = UNJUDGED
    elif min(len(before.repeats), len(after.repeats)) < 2:
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
