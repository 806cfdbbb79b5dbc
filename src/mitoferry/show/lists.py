"""What there is, one line each: mechanisms, cell types, drugs, injuries, genes, assays, experiments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

from mitoferry.base.errors import InputError, Problem


def _mechanisms() -> list[dict[str, Any]]:
    from mitoferry.experiment.mechanisms import mechanisms

    return [{"name": m.name, "about": m.summary, "stage": m.stage, "clock": m.clock, "built_in": m.built_in} for m in mechanisms().values()]


def _cell_types() -> list[dict[str, Any]]:
    from mitoferry.library.cell_types import load_cell_types

    return [
        {"name": n, "about": r.about, "species": r.species, "ontology": r.ontology, "rho0": r.rho0} for n, r in load_cell_types().items()
    ]


def _agents(category: str) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        from mitoferry.library import interventions

        load = {"drug": interventions.load_drugs, "gene": interventions.load_genes, "injury": interventions.load_injuries}[category]
        return [
            {"name": n, "about": r.about, "dose": r.dose, "unit": r.unit, "acts_on": [x.key or x.kind for x in r.responses]}
            for n, r in sorted(load().items())
        ]

    return read


def _assays() -> list[dict[str, Any]]:
    from mitoferry.assays import load_assays

    return [{"name": n, "about": a.about, "of": a.of} for n, a in sorted(load_assays().items())]


def _experiments() -> list[dict[str, Any]]:
    from mitoferry.experiment.cards import title_of
    from mitoferry.experiment.reader import shipped

    return [{"name": name, "about": title_of(path), "group": group_of(name)} for name, path in shipped().items()]


def _tissues() -> list[dict[str, Any]]:
    from mitoferry.library.tissues import load_tissues

    return [{"name": n, "about": t.about, "cells": [c.type for c in t.cells.values()]} for n, t in load_tissues().items()]


WIDTH = 110
STAGE_WORDS = {
    "fields": "What is dissolved around the cells",
    "energetics": "Energy, oxidants and pores",
    "signals": "Triggers and signals",
    "motion": "Cells move and touch",
    "links": "Routes by contact: nanotubes, gap junctions, bridges",
    "vesicles": "Routes through the medium and by phagocytes",
    "quality": "Quality control, mtDNA and the fate of arrivals",
    "fate": "Fates of cells",
}
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "published": ("Published experiments, as their cards describe them", ()),
    "routes": ("One route between cells at a time", ("route-", "gap-junction-", "transmitophagy-")),
    "triggers": ("One trigger or signal at a time", ("trigger-",)),
    "immune": ("Immune cells", ("immune-",)),
    "fates": ("What mitochondria do to a cell", ("fate-",)),
    "tissues": ("Blocks of tissue, and treatments", ("tissue-", "zygote-", "donors-")),
    "conflicts": ("Where the reviews contradict each other, both readings", ("conflict-",)),
    "cocultures": ("Cocultures of the cards with small cells, in seconds", ("small-",)),
    "learning": ("For learning", ("one-", "density-", "virtual-")),
}
"""Groups of experiments: heading, and what the names begin with; what begins with none of these is a published one."""
KINDS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "mechanisms": _mechanisms,
    "celltypes": _cell_types,
    "drugs": _agents("drug"),
    "injuries": _agents("injury"),
    "genes": _agents("gene"),
    "tissues": _tissues,
    "assays": _assays,
    "experiments": _experiments,
}
MORE = {
    "mechanisms": "mitoferry explain NAME",
    "celltypes": "mitoferry show celltype NAME",
    "drugs": "mitoferry show drug NAME",
    "injuries": "mitoferry show injury NAME",
    "genes": "mitoferry show gene NAME",
    "tissues": "mitoferry show tissue NAME",
    "assays": "mitoferry show assay NAME",
    "experiments": "mitoferry show NAME",
}


def group_of(experiment: str) -> str:
    """Group of a shipped experiment, by its folder and its name."""
    from mitoferry.experiment.reader import shipped

    if experiment in shipped() and shipped()[experiment].parent.name == "published":
        return "published"  # a card may be called gap-junction-..., too
    return next((group for group, (_, prefixes) in GROUPS.items() if experiment.startswith(prefixes)), "published")


def list_of(kind: str) -> list[dict[str, Any]]:
    """Name, one line, and a few facts of everything of a kind.

    Raises:
        InputError: no such kind; the message names the nearest.
    """
    from mitoferry.experiment.names import nearest

    if kind not in KINDS:
        raise InputError(Problem("command line", "list", "one of " + ", ".join(KINDS), repr(kind), hint=nearest(kind, KINDS)))
    return KINDS[kind]()


def _lines(items: list[dict[str, Any]]) -> list[str]:
    """One line per item."""
    width = max((len(item["name"]) for item in items), default=0)
    return [f"{item['name']:<{width}}  {item['about']}" for item in items]


def _grouped(items: list[dict[str, Any]], key: str, headings: dict[str, str]) -> list[str]:
    """Items under headings by their ``key``, in the order of the headings."""
    indent = " " * (max(len(item["name"]) for item in items) + 4)
    lines = {
        item["name"]: textwrap.fill("  " + line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        for item, line in zip(items, _lines(items), strict=True)
    }
    found: list[str] = []
    for name, words in headings.items():
        group = [lines[item["name"]] for item in items if item[key] == name]
        if group:
            found += [*([""] if found else []), f"{words}:", *group]
    return found


def list_text(kind: str | None = None, as_json: bool = False) -> str:
    """One line per item of a kind, or JSON; without a kind the shipped experiments, and what else can be listed."""
    items = list_of(kind or "experiments")
    if as_json:
        return json.dumps(items, indent=2)
    if kind == "mechanisms":
        lines = _grouped(items, "stage", STAGE_WORDS)
    elif kind in (None, "experiments"):
        lines = _grouped(items, "group", {name: heading for name, (heading, _) in GROUPS.items()})
    else:
        lines = _lines(items)
    if kind is None:
        lines += ["", "More: mitoferry list " + "|".join(k for k in KINDS if k != "experiments")]
    else:
        lines += ["", f"{len(items)} {kind}. {MORE[kind]} tells more."]
    return "\n".join(lines)
