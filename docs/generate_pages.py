"""Pages made from the code and the library when the documentation is built: one per mechanism, and tables of the library.

``conf.py`` calls :func:`write_pages`; the pages go to ``docs/_generated``, which git ignores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CLOCKS = {"macro": "every macro-step (60 s)", "mitochondria": "every 300 s", "quality": "every 600 s"}
AGENT_PAGES = {"drug": ("drugs", "Drugs and added substances"), "gene": ("genes", "Gene changes"), "injury": ("injuries", "Injuries")}
AGENT_TEXT = {
    "drug": "A drug acts on nodes of the mechanisms or adds a substance to the medium, never on a readout. Write "
    "`treat: [{{drug: {example}, dose: {dose}, from: 4 h}}]`. A drug may also be an injury (`injury: [{{do: {example}}}]`).",
    "gene": "The dose is the expression that is left (1 = normal). Write `treat: [{{gene: miro1, change: knockdown, on: donor}}]` or name "
    "the record.",
    "injury": "Strengths may be set on arms without donors only and are then the same for all. Write `injury: [{{do: {example}}}]`. Any "
    "drug may be an injury too: chemotherapeutics, cigarette smoke, ethidium bromide and rotenone stand among the drugs.",
}
FORMS = {
    "inhibition": "floor {floor:g}, half at {half:g}, Hill {hill:g}",
    "activation": "up to 1 + {gain:g}, half at {half:g}, Hill {hill:g}",
    "saturating": "up to {maximum:g}, half at {half:g}, Hill {hill:g}",
    "linear": "{slope:g} times the dose",
    "set": "the dose itself",
    "fixed": "{value:g}, whatever the dose",
}


def write_pages(folder: Path) -> list[Path]:
    """Write all pages; a page that is as it was is left alone, so that a second build is quick."""
    from mitoferry.experiment.mechanisms import mechanisms

    pages = {"mechanisms.md": _mechanisms_page(), "cell_types.md": _cell_types_page()}
    pages |= {f"mechanisms/{m.name}.md": mechanism_page(m) for m in mechanisms().values()}
    pages |= {f"{name}.md": _agents_page(kind, title) for kind, (name, title) in AGENT_PAGES.items()}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.md"):  # of a mechanism that is gone
        if str(path.relative_to(folder)) not in pages:
            path.unlink()
    return [folder / name for name in pages]


# ---------------------------------------------------------------------- pieces
def cell(value: object) -> str:
    """Text for a cell of a Markdown table."""
    return escaped(" ".join(str(value).split())).replace("|", "\\|")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; the cells are Markdown already."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(x) for x in row) + " |" for row in rows]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it; what stands in backticks stays."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if k % 2 else re.sub(r"([*_\[\]<>$#~\\])", r"\\\1", p) for k, p in enumerate(parts))


def markdown(docstring: str) -> str:
    """A docstring of the house style as Markdown: paragraphs, lists, indented equations."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", docstring)
    text = text.replace("``", "`")
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        if lines[0].startswith("    "):
            blocks.append("```text\n" + "\n".join(line[4:] if line.startswith("    ") else line for line in lines) + "\n```")
        elif re.match(r"=+( +=+)+$", lines[0]):
            blocks.append("```text\n" + block + "\n```")
        else:
            blocks.append("\n".join(_line(line) for line in lines))
    return "\n\n".join(blocks).replace("```\n\n```text\n", "\n")


def _line(line: str) -> str:
    line = re.sub(r"::$", ":", line)
    bullet = re.match(r"(\s*)([*-]) (.*)", line)
    if bullet:
        return f"{bullet[1]}- {escaped(bullet[3])}"
    indent = re.match(r"\s*", line)
    return (indent[0] if indent else "") + escaped(line.strip())


# ---------------------------------------------------------------------- mechanisms
def mechanism_page(m: Any) -> str:
    """The page of a mechanism."""
    title, _, rest = m.text.partition("\n\n")
    parts = [
        f"# {m.name}",
        f"**{escaped(' '.join(title.split()))}**",
        markdown(rest),
        f"Stage *{m.stage}*, {CLOCKS[m.clock]}; code: `{m.module}`. To leave it out of a run: `{m.switch}`, or in the file "
        f"`switches: {{{m.name}: off}}`.",
        "## Parameters",
        _parameters(m),
        "## What acts on it",
        _acting(m),
        "## Experiments and findings that touch it",
        _experiments(m),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _parameters(m: Any) -> str:
    rows = [
        (
            f"`{r.name.split('.', 1)[1]}`",
            f"{r.value:g}",
            cell(r.unit),
            f"{r.range[0]:g} – {r.range[1]:g}",
            r.tag,
            cell(r.about),
            cell(r.source),
        )
        for r in m.parameters()
    ]
    return table(("parameter", "value", "unit", "range", "tag", "what it is", "source"), rows) if rows else "It has none."


def _acting(m: Any) -> str:
    reads = [f"the nodes {', '.join(f'`{n}`' for n in m.nodes)}"] if m.nodes else []
    reads += [f"the dissolved {', '.join(m.species)}".replace("_", " ")] if m.species else []
    if not reads:
        return "Nothing of the library directly: it reads no node and no dissolved substance."
    rows = [(f"`{a.name}`", a.kind, ", ".join(f"`{p}`" for p in a.through(m)), cell(a.about)) for a in m.agents()]
    said = f"It reads {' and '.join(reads)}."
    return said + "\n\n" + (table(("agent", "kind", "by", "what it does"), rows) if rows else "No agent of the library changes these.")


def _experiments(m: Any) -> str:
    from mitoferry.experiment.uses import touched_by
    from mitoferry.show.explain import arms_text

    lines = []
    for found in touched_by(m):
        lines.append(f"- **{found.experiment}**: {escaped('; '.join(arms_text(found)))}")
        lines += [f"  - finding {escaped(text)}" for text in found.findings]
    return "\n".join(lines) or "None of the shipped ones has an arm in which something acts on it."


def _mechanisms_page() -> str:
    from mitoferry.experiment.mechanisms import mechanisms

    known = mechanisms()
    rows = [(f"[{m.name}](mechanisms/{m.name}.md)", m.stage, escaped(m.summary)) for m in known.values()]
    listed = "\n".join(f"mechanisms/{name}" for name in known)
    return (
        "# Mechanisms one by one\n\nThe same is printed by `mitoferry explain NAME`. What acts on a mechanism is read from its code.\n\n"
        f"{table(('mechanism', 'stage', 'what happens'), rows)}\n\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{listed}\n```\n"
    )


# ---------------------------------------------------------------------- the library
TYPE_COLUMNS = {
    "volume": "V [pL]", "radius": "R [um]", "mitochondria": "mitochondria", "mtdna": "mtDNA", "oxygen_use": "OCR [fmol/min]",
    "oxphos_share": "OXPHOS share", "speed": "speed [um/h]", "filopodia": "filopodia [1/h]", "cx43": "CX43", "miro1": "Miro1",
    "uptake": "uptake", "cycle_time": "cycle [h]",
}  # fmt: skip


def _number(v: Any) -> str:
    return f"**{v.value:g}**" if v.tag == "M" else f"{v.value:g}"


def _cell_types_page() -> str:
    from mitoferry.assays.seahorse import CellEnergetics, virtual_seahorse
    from mitoferry.library.cell_types import load_cell_types
    from mitoferry.library.scaling import energetics_parameters

    p, types = energetics_parameters(), load_cell_types()
    numbers, tests = [], []
    for r in types.values():
        numbers.append((f"`{r.name}`", escaped(r.about), r.species, r.ontology, *(_number(r.values[c]) for c in TYPE_COLUMNS)))
        if r.value("mitochondria") > 0:
            t = virtual_seahorse(CellEnergetics.of_type(r.numbers(), rho0=r.rho0), p)
            basal, blocked = t.phases["basal"], t.phases["oligomycin"]
            shown = (basal.ocr, t.atp_linked, t.leak, t.spare, basal.lactate)
            tests.append((f"`{r.name}`", *(f"{x:.3g}" for x in shown), f"{basal.psi:.0f}", f"{basal.atp:.2f}", f"{blocked.atp:.2f}"))
    return "\n\n".join([
        "# Cell types",
        f"{len(types)} types. Measured numbers are bold; all others are orders of magnitude or modelling choices, with ranges, tags and "
        "sources on the card: `mitoferry show celltype NAME`. `mitoferry check` says of which types of an experiment nothing that matters "
        "is measured. Ids are those of the Cell Ontology (CL) and, for lines, of Cellosaurus (CVCL), where sure.",
        table(("type", "what it is", "species", "id", *TYPE_COLUMNS.values()), numbers),
        "## Virtual Seahorse",
        "A stress test of each type as the closed form scales it, per cell: oxygen use in fmol/min, ATP in mM, in 10 mM glucose and air.",
        table(("type", "basal", "ATP-linked", "leak", "spare", "lactate", "potential [mV]", "ATP", "ATP with oligomycin"), tests),
    ]) + "\n"  # fmt: skip


def _agents_page(kind: str, title: str) -> str:
    from mitoferry.library import interventions

    load = {"drug": interventions.load_drugs, "gene": interventions.load_genes, "injury": interventions.load_injuries}[kind]
    agents = sorted(load().items())
    rows = []
    for name, a in agents:
        for k, r in enumerate(a.responses):
            first = (f"`{name}`", cell(a.about), _dose(a), f"{a.onset:g} / {a.washout:g}") if k == 0 else ("", "", "", "")
            place = f"{r.kind} `{r.key}`" if r.key else "fresh medium at the end"
            form = "" if r.kind == "wash" else FORMS[r.form].format(**r.numbers)
            rows.append((*first, place, form, f"{r.value(a.dose):.3g}" if r.kind != "wash" else "", r.tag, cell(r.source)))
    example = agents[0][1]
    head = ("name", "what it does", "dose", "onset / washout [h]", "acts on", "with the dose", "at the usual dose", "tag", "source")
    text = AGENT_TEXT[kind].format(example=example.name, dose=f"{example.dose:g} {example.unit}".removesuffix(" 1"))
    return f"# {title}\n\n{len(agents)} records. {text}\n\n{table(head, rows)}\n"


def _dose(agent: Any) -> str:
    low, high = agent.dose_range
    unit = "" if agent.unit == "1" else f" {agent.unit}"
    return f"{agent.dose:g}{unit} ({low:g} – {high:g})"
