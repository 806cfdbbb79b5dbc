"""The card of a cell type: what it is, every number with its source, what follows from them, and where it is used."""

from __future__ import annotations

import textwrap
from typing import Any

from mitoferry.library.cell_types import DECIDING, CellTypeRecord
from mitoferry.library.records import TAGS

WIDTH = 110
DERIVED = (
    ("demand", "amol/s", "capacity of ATP use, half of it at the half-saturation of demand"),
    ("glycolysis", "amol/s", "capacity of glycolysis"),
    ("nonmito", "amol/s", "oxygen use outside mitochondria"),
    ("leak_factor", "1", "factor on the proton leak: below 1 where the type respires less than its mitochondria would leak"),
    ("cytosol", "pL", "volume of the cytosol"),
)

MOST_NAMED = 16


def cell_type_card(record: CellTypeRecord) -> str:
    """The card as text, about one page."""
    parts = [_heading(record), _values(record), _derived(record), _seahorse(record), _used(record), _evidence(record)]
    return "\n\n".join(part for part in parts if part)


def unmeasured_text(record: CellTypeRecord, overrides: Any = None) -> str:
    """A warning in one line if none of the numbers that matter most is measured; else ""."""
    tags = record.unmeasured(overrides)
    if not tags:
        return ""
    counted = [f"{n} {TAGS[tag] if n == 1 else _plural(TAGS[tag])}" for tag in "OC" if (n := sum(t == tag for t in tags.values()))]
    return (
        f"cell type {record.name}: none of the {len(tags)} numbers that matter most is measured ({', '.join(counted)}); "
        f"see mitoferry show celltype {record.name}"
    )


def _plural(words: str) -> str:
    return words.replace("order of", "orders of") if words.startswith("order") else words + "s"


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows in columns, indented by two."""
    widths = [max(len(r[k]) for r in rows) for k in range(len(rows[0]))]
    return "\n".join("  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows)


def wrapped(text: str, indent: str = "", hanging: str | None = None) -> str:
    """Text in lines of the width of a card."""
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent if hanging is None else hanging, break_on_hyphens=False
    )


def _heading(record: CellTypeRecord) -> str:
    kind = "Cellosaurus" if record.ontology.startswith("CVCL") else "Cell Ontology"
    lines = [
        f"{record.name}: {record.about}",
        f"species {record.species}; " + (f"{kind} {record.ontology}" if record.ontology else "no id"),
    ]
    if record.rho0_of:
        text = f"without mtDNA; made from {record.rho0_of}: glycolysis makes the ATP that {record.rho0_of} uses, and once mtDNA has come "
        lines.append(wrapped(text + "in it holds as many copies"))
    others = {h: s for h, s in record.haplotypes.items() if h != "wild_type"}
    if others:
        lines.append("mtDNA: " + ", ".join(f"{100 * s:g} % {h}" for h, s in others.items()) + ", the rest wild type")
    if record.note:
        lines.append(wrapped(record.note))
    return "\n".join(lines)


def _values(record: CellTypeRecord) -> str:
    sources = list(dict.fromkeys(v.source for v in record.used().values()))
    rows: list[tuple[str, ...]] = [("", "value", "unit", "range", "tag", "source", "what it is")]
    for name, v in record.used().items():
        place = f"[{sources.index(v.source) + 1}]"
        rows.append((name, f"{v.value:g}", "" if v.unit == "1" else v.unit, f"{v.range[0]:g}-{v.range[1]:g}", v.tag, place, v.about))
    notes = [wrapped(f"[{k}] {text}", "  ", "      ") for k, text in enumerate(sources, 1)]
    absent = [name for name in record.values if name not in record.used()]
    none = [wrapped("  no part of it: " + ", ".join(absent), "", "  ")] if absent else []
    return "\n".join([table(rows), *none, *notes])


def _derived(record: CellTypeRecord) -> str:
    n = record.numbers()
    rows: list[tuple[str, ...]] = [("derived (tag S)", "value", "unit", "what it is")]
    rows += [(name, f"{getattr(n, name):.4g}", "" if unit == "1" else unit, about) for name, unit, about in DERIVED]
    if n.mitochondria > 0:
        copies = record.value("mtdna") / n.mitochondria
        rows.append(("copies", f"{copies:.3g}", "", "mtDNA copies per mitochondrion"))
        rows.append(("density", f"{n.mitochondria / n.volume:.3g}", "1/pL", "mitochondria per volume"))
    return table(rows)


def _seahorse(record: CellTypeRecord) -> str:
    from mitoferry.assays.seahorse import CellEnergetics, virtual_seahorse
    from mitoferry.library.parameters import values_for
    from mitoferry.processes.energetics import Parameters

    n = record.numbers()
    if n.mitochondria <= 0:
        return "virtual Seahorse: nothing to see, the cell has no mitochondria"
    test = virtual_seahorse(CellEnergetics.of_type(n, rho0=record.rho0), Parameters(**values_for("energetics")))
    rows: list[tuple[str, ...]] = [("virtual Seahorse", "OCR fmol/min", "lactate fmol/min", "psi mV", "ATP mM")]
    rows += [(k, f"{r.ocr:.3g}", f"{r.lactate:.3g}", f"{r.psi:.0f}", f"{r.atp:.2f}") for k, r in test.phases.items()]
    return f"{table(rows)}\n  ATP-linked {test.atp_linked:.3g}, leak {test.leak:.3g}, spare {test.spare:.3g} fmol/min"


def _used(record: CellTypeRecord) -> str:
    from mitoferry.experiment.uses import experiments_with_type

    names = experiments_with_type(record.name)
    if len(names) > MOST_NAMED:
        shown = sorted(names, key=lambda name: name != "msc-huvec-ogd")[:MOST_NAMED]  # the first experiment of the README first
        return wrapped(f"used in {len(names)} experiments, among them {', '.join(shown)}", "", "  ")
    return wrapped("used in: " + (", ".join(names) or "no shipped experiment"), "", "  ")


def _evidence(record: CellTypeRecord) -> str:
    by_tag = {tag: [name for name, v in record.used().items() if v.tag == tag] for tag in TAGS}
    lines = [wrapped(f"{words}: {', '.join(by_tag[tag])}", "", "  ") for tag, words in TAGS.items() if by_tag[tag] and tag != "C"]
    lines.append(wrapped("only modelling choices: " + ", ".join(by_tag["C"]), "", "  "))
    if record.unmeasured():
        lines.append(wrapped(f"none of the numbers that matter most is measured ({', '.join(DECIDING)})", "", "  "))
    lines.append("tags: M measured, O order of magnitude, C modelling choice, S computed, F fitted")
    return "\n".join(lines)
