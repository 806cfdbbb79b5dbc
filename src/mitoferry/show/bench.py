"""What ``mitoferry bench`` prints: the record as tables that fit a terminal of 80 columns, wider ones with more in them."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Sequence

from mitoferry.studies.bench.plates import OTHER_WORK
from mitoferry.studies.bench.record import Measure, Record

NARROW, WIDE = 80, 120
FEW = 0.005  # share of the step below which mechanisms are told together
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
TARGET_WELLS = 1.2
BAR = 24


def width_here() -> int:
    """Columns to print in: those of the terminal, between 80 and 120."""
    return min(max(shutil.get_terminal_size((NARROW, 24)).columns, NARROW), WIDE)


def figure(x: float) -> str:
    """A number with three digits that matter: 0.0123, 12.3, 1.23 × 10⁸."""
    if x == 0.0:
        return "0"
    if abs(x) >= 1e5:
        mantissa, power = f"{x:.2e}".split("e")
        return f"{mantissa} × 10{str(int(power)).translate(RAISED)}"
    if abs(x) >= 1000.0:
        return f"{x:,.0f}"
    return f"{x:.3g}" if abs(x) >= 0.01 else f"{x:.2g}"


def size(x: float) -> str:
    """A number of mitochondria: 7 × 10³ becomes "7.0 thousand"."""
    for unit, n in ((" million", 1e6), (" thousand", 1e3)):
        if x >= n:
            return f"{x / n:.3g}{unit}"
    return f"{x:.0f}"


def spread(m: Measure) -> str:
    """From the lowest to the highest repeat, in words."""
    if len(m.repeats) < 2:
        return "one repeat"
    low, high = min(m.repeats), max(m.repeats)
    if not m.spread:
        return "always"
    if abs(high) < 1e5:
        return f"{figure(low)} to {figure(high)}"
    power = math.floor(math.log10(abs(m.median)))
    return f"{low / 10.0**power:.2f} to {high / 10.0**power:.2f} × 10{str(power).translate(RAISED)}"


def record_text(record: Record, width: int = NARROW) -> str:
    """The whole record for a terminal of ``width`` columns."""
    sections = [
        _machine(record, width), _limit(record, width), _mechanisms(record, width), _memory(record, width), _wells(record, width),
        _types(record, width), _scaling(record, width), _start(record, width), _notes(record, width),
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


# ---------------------------------------------------------------------- pieces
def _fill(label: str, text: str, width: int) -> str:
    """A label with wrapped text beside it."""
    return textwrap.fill(text, width, initial_indent=f"{label:<11} ", subsequent_indent=" " * 12, break_on_hyphens=False)


def _lines(measures: Sequence[Measure | None], width: int) -> list[str]:
    """One line for each measure: words, median with unit, spread."""
    there = [m for m in measures if m is not None]
    room = min(max([len(m.words) for m in there] + [32]), width - 47)
    lines = []
    for m in there:
        unit = "" if m.unit == "1" else " steps/s" if m.unit == "mitochondrion-steps/s" else f" {m.unit}"
        lines.append(f"  {_cut(m.words, room):<{room}}  {figure(m.median) + unit:>20}  {_cut(spread(m), 21):>21}".rstrip())
    return lines


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _machine(record: Record, width: int) -> list[str]:
    m, s = record.machine, record.settings
    cores = f"{m.cores} cores" if m.cores else f"{m.threads} hardware threads"
    if m.smt:
        cores += f" with {m.threads} hardware threads"
    if m.usable != m.threads:
        cores += f", {m.usable} for this process"
    memory = f", {m.memory_gb:.1f} GB" if m.memory_gb else ""
    gpu = f"; {m.gpu}" if m.gpu else ""
    bits = f" ({m.vector_bits} bits)" if m.vector_bits else ""
    versions = record.versions
    told = ", ".join(f"{k} {v}" for k, v in versions.items() if k not in ("mitoferry", "sources"))
    threads = f"{s.threads} thread{'s' if s.threads != 1 else ''}"
    repeats = max((len(x.repeats) for x in record.measures), default=1)
    clock = "wall time" if s.clock == "wall" else "processor time"
    return [
        f"{'mitoferry bench':<{width - len(record.made)}}{record.made}",
        _fill("machine", f"{m.processor}, {cores}{memory}, {m.system}{gpu}", width),
        _fill("vectors", f"{m.vector}{bits}, kernels compiled for {m.target or 'an unknown processor'}", width),
        _fill("versions", f"mitoferry {versions.get('mitoferry', '?')} (sources {versions.get('sources', '?')}), {told}", width),
        _fill("settings", f"backend {s.backend}, {threads}, {clock}; medians of {repeats} rounds, with lowest and highest", width),
    ]


def _limit(record: Record, width: int) -> list[str]:
    one, every = record.get("bare.one"), record.get("bare.all")
    rate, ratio = record.get("loop.rate"), record.get("loop.ratio")
    if one is None:
        return []
    lines = ["SPEED  in mitochondrion-steps: one mitochondrion carried through 60 s", *_lines([one, every, rate, ratio], width)]
    if every is not None:
        n = record.settings.threads
        lines.append(f"  {n} threads do {figure(every.median / one.median)} times as much as one")
    if rate is not None:
        work = rate.work
        hour = f" from hour {work['hour']:g}" if work.get("hour") else ""
        lines.append(f"  plate: {work['experiment']}{hour}, {size(float(work['mitochondria']))} mitochondria in {work['cells']:,} cells")
    return lines


def mechanism_rows(record: Record) -> list[tuple[str, float, float, float, float, float]]:
    """Name, ms per macro-step, ns per mitochondrion, share, ratio to the bare kernel, relative spread; the dearest first."""
    whole = record.get("loop.step")
    bare = record.get("bare.all") or record.get("bare.one")
    if whole is None or bare is None:
        return []
    n = float(whole.work["mitochondria"])
    found = [(m.words, m.median, m.relative_spread) for m in [*record.under("loop.process."), whole]]
    rows = [(name, ms, 1e6 * ms / n, ms / whole.median, 1e-3 * ms / n * bare.median, noise) for name, ms, noise in found]
    return [*sorted(rows[:-1], key=lambda r: -r[1]), ("whole step", *rows[-1][1:])]


def _mechanisms(record: Record, width: int) -> list[str]:
    rows = mechanism_rows(record)
    if not rows:
        return []
    *parts, whole = rows
    shown = [r for r in parts if r[3] >= FEW]
    rest = [r for r in parts if r[3] < FEW]
    if rest:
        ms, ns, share, ratio = (sum(column) for column in list(zip(*(r[1:5] for r in rest), strict=True)))
        shown.append((f"{len(rest)} others", ms, ns, share, ratio, 0.0))
    wide = width >= 104
    head = f"  {'':<32}{'ms/step':>9}{'ns/mito.':>9}{'share':>8}{'to bare':>9}{'spread':>9}"
    lines = ["MECHANISMS  per macro-step; ns per mitochondrion; ratio to the bare kernel", head]
    for name, ms, ns, share, ratio, noise in [*shown, whole]:
        bar = "  " + "█" * round(BAR * share / max(r[3] for r in shown)) if wide and (name, ms, ns, share, ratio, noise) in parts else ""
        told = f"{100 * noise:.0f} %" if noise else ""
        lines.append(f"  {_cut(name, 31):<32}{ms:>9.3f}{_fixed(ns):>9}{100 * share:>6.1f} %{ratio:>9.3f}{told:>9}{bar}")
    return lines


def _fixed(x: float) -> str:
    return f"{x:.2f}" if x < 1000.0 else f"{x:,.0f}"


def _memory(record: Record, width: int) -> list[str]:
    found = record.under("memory.")
    if not found:
        return []
    lines = ["MEMORY"]
    room = max(len(m.words) for m in found)
    return lines + [f"  {m.words:<{room}}  {figure(m.median):>10} {m.unit}" for m in found]


def _wells(record: Record, width: int) -> list[str]:
    small, big, ratio = (record.get(f"wells.{k}") for k in ("small", "big", "ratio"))
    if small is None or big is None or ratio is None:
        return []
    lines = ["MANY SMALL WELLS  ns per mitochondrion and macro-step", *_lines([small, big, ratio], width)]
    kept = "kept" if ratio.median <= TARGET_WELLS else "missed"
    lines.append(f"  aim: at most {TARGET_WELLS:g} ({kept})")
    more = [m for m in record.under("wells.more.") if m.median > 0.01 * big.median]
    if more:
        told = ", ".join(f"{m.words} {figure(m.median)}" for m in more[:8])
        lines.append(textwrap.fill(f"dearer in small wells [ns]: {told}", width, initial_indent="  ", subsequent_indent="    "))
    return lines + _lines(record.under("wells.assays."), width)


def _types(record: Record, width: int) -> list[str]:
    types = [m for m in record.under("types.") if "per_cell" in m.work]
    if not types:
        return []
    head = f"  {'':<18}{'mitochondria':>13}{'ns per':>10}{'us per':>10}{'bytes per':>11}"
    under = f"  {'':<18}{'in a cell':>13}{'mito.':>10}{'cell':>10}{'mito.':>11}"
    lines = ["CELL TYPES  cost of a macro-step", head, under]
    for m in types:
        cell = 1e-3 * m.median * float(m.work["mitochondria"]) / float(m.work["cells"])
        held = f"{float(m.work['per_cell']):,.0f}"
        lines.append(f"  {_cut(m.words, 17):<18}{held:>13}{_fixed(m.median):>10}{_fixed(cell):>10}{float(m.work['bytes']):>11.1f}")
    rest = [record.get(f"types.{k}") for k in ("per_mitochondrion", "per_cell", "mixed", "busy")]
    return lines + _lines(rest, width)


def _scaling(record: Record, width: int) -> list[str]:
    points = [m for m in record.under("scaling.") if "mitochondria" in m.work]
    if not points:
        return []
    lines = ["SIZE OF THE PLATE  ns per mitochondrion and macro-step"]
    for m in points:
        lines.append(f"  {size(float(m.work['mitochondria'])):>14}  {m.words:<16}{m.median:>10.1f} ns  {spread(m):>24}")
    fits = [record.get(f"scaling.{k}") for k in ("exponent", "fixed", "large.exponent")]
    return lines + _lines(fits, width)


def _start(record: Record, width: int) -> list[str]:
    lines = []
    started, cold = record.under("start."), record.under("cold.")
    if started:
        lines += ["START-UP", *_lines(started, width)]
    if cold:
        work = cold[0].work
        lines += ["FIRST RUN  in an empty cache", *_lines(cold, width)]
        lines.append(f"  {work['kernels']} compiled kernels, {float(work['bytes']) / 1e6:.0f} MB")
    return lines


def _notes(record: Record, width: int) -> list[str]:
    return [textwrap.fill(f"Note: {note}.", width, subsequent_indent="      ") for note in record.notes]


__all__ = ["OTHER_WORK", "figure", "mechanism_rows", "record_text", "width_here"]
