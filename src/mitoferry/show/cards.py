"""Cards in text: experiments, cell types, drugs, genes, injuries, assays; and the list of parameters."""

from __future__ import annotations

import json
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.show.cell_card import cell_type_card, table, wrapped

KINDS = ("celltype", "drug", "gene", "injury", "assay", "haplotype", "tissue")


def show_text(name: str, what: str | None = None) -> str:
    """The card of an experiment (``show_text("msc-huvec-ogd")``) or of a record (``show_text("celltype", "huvec")``).

    Raises:
        InputError: no such kind or name; the message gives the nearest.
    """
    if what is None:
        if name in KINDS:
            return f"{name}: " + ", ".join(sorted(_records(name)))
        from mitoferry.experiment.cards import experiment_card_text

        return experiment_card_text(name)
    if name not in KINDS:
        raise InputError(Problem("command line", "show", "one of " + ", ".join(KINDS), repr(name)))
    records = _records(name)
    if what not in records:
        from mitoferry.library.parameters import nearest

        raise InputError(Problem("command line", f"show {name}", f"the name of a {name}", repr(what), hint=nearest(what, records)))
    writer = {"celltype": cell_type_card, "assay": _assay, "haplotype": _haplotype, "tissue": _tissue}.get(name, _intervention)
    return writer(records[what])


def _records(kind: str) -> dict[str, Any]:
    if kind in ("celltype", "haplotype"):
        from mitoferry.library import cell_types

        return dict(cell_types.load_cell_types() if kind == "celltype" else cell_types.load_haplotypes())
    if kind == "assay":
        from mitoferry.assays import load_assays

        return dict(load_assays())
    if kind == "tissue":
        from mitoferry.library.tissues import load_tissues

        return dict(load_tissues())
    from mitoferry.library import interventions

    loaders = {"drug": interventions.load_drugs, "gene": interventions.load_genes, "injury": interventions.load_injuries}
    return dict(loaders[kind]())


def _intervention(record: Any) -> str:
    span = f"{record.dose_range[0]:g}-{record.dose_range[1]:g}"
    from mitoferry.experiment.mechanisms import all_acting, mechanisms
    from mitoferry.experiment.uses import experiments_with_agent

    lines = [
        f"{record.name} ({record.category}): {record.about}",
        f"dose {record.dose:g} {record.unit} (meant for {span}); acts on {record.on}",
        f"onset {record.onset:g} h, wash-out {record.washout:g} h",
        "",
    ]
    rows: list[tuple[str, ...]] = [("acts on", "", f"value at {record.dose:g} {record.unit}", "tag", "source")]
    rows += [(r.kind, r.key, f"{r.value(record.dose):.4g}", r.tag, r.source) for r in record.responses]
    lines.append(table(rows))
    acting = next((a for a in all_acting() if (a.kind, a.name) == (record.category, record.name)), None)
    if acting is not None:
        reached = [m.name for m in mechanisms().values() if acting.through(m)]
        lines += ["", wrapped("mechanisms: " + ", ".join(reached), "", "  ")]
    lines.append(wrapped("used in: " + (", ".join(experiments_with_agent(record.name)) or "no shipped experiment"), "", "  "))
    return "\n".join(lines)


def _assay(record: Any) -> str:
    rows: list[tuple[str, ...]] = [("readout", "unit", "meaning")]
    rows += [(r.name + (" (truth)" if r.truth else ""), r.unit, r.meaning) for r in record.readouts]
    lines = [f"{record.name}: {record.about}", f"of: {record.of} unless the file says otherwise", "", table(rows)]
    if record.options:
        options: list[tuple[str, ...]] = [("option", "default", "meaning")]
        options += [(k, str(o.default), o.meaning) for k, o in record.options.items()]
        lines += ["", table(options)]
    return "\n".join(lines)


def _haplotype(record: Any) -> str:
    kind = "pathogenic" if record.pathogenic else "not pathogenic"
    return f"{record.name}: {record.about} ({kind}; {record.tag}, {record.source})"


def _tissue(record: Any) -> str:
    rows: list[tuple[str, ...]] = [("well", "value", "tag", "source")]
    rows += [(key, v.value, v.tag, v.source) for key, v in record.values.items()]
    cells: list[tuple[str, ...]] = [("cells", "type", "number", "tag", "source")]
    cells += [(name, c.type, c.per_volume, c.tag, c.source) for name, c in record.cells.items()]
    use = f"in a file: well: {{kind: block, template: {record.name}}}; what the file says itself goes before the template"
    return "\n".join([f"{record.name} (tissue): {record.about}", "", table(rows), "", table(cells), "", wrapped(use, "", "  ")])


def parameters_text(pattern: str = "", as_json: bool = False) -> str:
    """Parameters whose name or description holds ``pattern``, as a table or JSON.

    Raises:
        InputError: none matches.
    """
    from dataclasses import asdict

    from mitoferry.library.parameters import find, load_parameters, nearest

    found = find(pattern)
    if not found:
        raise InputError(
            Problem(
                "command line", "parameters", "part of the name of a parameter", repr(pattern), hint=nearest(pattern, load_parameters())
            )
        )
    if as_json:
        return json.dumps([asdict(r) for r in found], indent=2)
    lines = []
    for r in found:
        lines.append(f"{r.name} = {r.value:g} {'' if r.unit == '1' else r.unit}".rstrip())
        lines.append(f"    {r.about}")
        lines.append(f"    range {r.range[0]:g}-{r.range[1]:g} ({r.distribution}); tag {r.tag}; {r.source}")
    lines.append(f"{len(found)} parameters. Tags: M measured, O order of magnitude, C modelling choice, S computed, F fitted.")
    return "\n".join(lines)
