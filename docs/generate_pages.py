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
    from mitoferry.library.cell_types import load_cell_types

    tests = stress_tests()
    pages = {"mechanisms.md": _mechanisms_page(), "cell_types.md": _cell_types_page(tests), "coverage.md": coverage_page()}
    pages |= {f"mechanisms/{m.name}.md": mechanism_page(m) for m in mechanisms().values()}
    pages |= {f"cell_types/{r.name}.md": cell_type_page(r, tests.get(r.name)) for r in load_cell_types().values()}
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
    from mitoferry.show.diagrams import wiring

    title, _, rest = m.text.partition("\n\n")
    parts = [
        f"# {m.name}",
        f"**{escaped(' '.join(title.split()))}**",
        raw(wiring(m)),
        "*Found in the code: on the left the nodes (blue), substances (green), numbers of the cell type (sand) and state (grey) that it "
        "reads, with the agents of the library that change them or the mechanisms that write them; on the right what it writes, and "
        "who reads that. Ids and other bookkeeping are left out. Hover for what a box stands for.*",
        "## What happens",
        markdown(rest),
        _equations(m),
        "## Parameters",
        _parameters(m),
        "## What acts on it",
        _acting(m),
        "## Experiments and findings that need it",
        _experiments(m),
        "## What the reviews report",
        _evidence(m),
        "## How to switch it off",
        f"Stage *{m.stage}*, {CLOCKS[m.clock]}; code: `{m.module}`. To leave it out of a run: `{m.switch}`, or in the file "
        f"`switches: {{{m.name}: off}}`. Everything else then runs as if its code were not there.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def raw(*svgs: str) -> str:
    """Figures for a Markdown page; several stand side by side."""
    inside = svgs[0] if len(svgs) == 1 and "mf-small" not in svgs[0] else f'<div class="mf-row">{"".join(svgs)}</div>'
    return f"```{{raw}} html\n{inside}\n```"


def _equations(m: Any) -> str:
    from mitoferry.show.diagrams import response
    from mitoferry.show.formulas import formulas_of

    formulas = formulas_of(m.name)
    if not formulas:
        return ""
    parts = ["## Equations and responses"]
    said = "Parameters are written as in the table below."
    if any("hill" in text for f in formulas for text in (f.right, *f.terms.values())):
        said += " $\\mathrm{H}_n(x,k)=x^n/(x^n+k^n)$; $(x)_+$ is $x$ where positive, else 0."
    parts.append(
        f"{said} Curves are drawn from the row functions of the code: the line has the values of the library, the band the middle nine "
        "tenths of what the prior ranges of the parameters allow, the dot is where the input is held in the other curves, "
        "mostly that of a resting cell."
    )
    for f in formulas:
        unit = f" {cell(f'[{f.unit}]')}" if f.unit and f.unit != "1" else ""
        parts.append(f"**{escaped(f.about[:1].upper() + f.about[1:])}**{unit} (`{f.function.rpartition(':')[2]}`)")
        parts += [f"$$\n{tex}\n$$" for tex in f.latex()]
        known = [(f"${tex_of(name, s)}$", cell(s.about), cell("" if s.unit == "1" else s.unit)) for name, s in f.symbols.items()]
        if known:
            parts.append("with " + "; ".join(f"{t} {about}" + (f" [{unit}]" if unit else "") for t, about, unit in known) + ".")
        if f.over:
            parts.append(raw(*(response(f, symbol) for symbol in f.over)))
    return "\n\n".join(parts)


def tex_of(name: str, place: Any) -> str:
    """LaTeX of a symbol of a formula."""
    from mitoferry.show.latex import name_in_tex

    return name_in_tex(name, {name: place.tex})


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
    from mitoferry.experiment.uses import presence_of, touched_by
    from mitoferry.show.explain import arms_text, present_in

    presence = presence_of(m)
    parts = [f"{said} {', '.join(f'`{n}`' for n in names)}." if names else f"{said}." for said, names in present_in(presence)]
    lines = []
    for found in touched_by(m):
        if found.experiment not in presence.off:
            lines.append(f"- **{found.experiment}**: {escaped('; '.join(arms_text(found)))}")
            lines += [f"  - finding {escaped(text)}" for text in found.findings]
    if lines:
        parts.append("Arms in which something acts on it, and the findings that compare arms which differ in that:\n\n" + "\n".join(lines))
    else:
        parts.append("No arm of these has an agent that acts on it.")
    parts.append(
        f"To see what a finding owes to it: `mitoferry explain {m.name} --effect EXPERIMENT` runs the experiment with and without it."
    )
    return "\n\n".join(parts)


def _evidence(m: Any) -> str:
    """Cards of the reviews that touch a mechanism, and findings that turn on it."""
    from mitoferry.evidence.files import findings
    from mitoferry.experiment.evidence_links import links

    found = links(m.name)
    if not found.cards:
        return "No card of the reviews needs it."
    parts = [f"[Cards](../../evidence.md) that need it, or an arm of which changes it: {', '.join(f'`{key}`' for key in found.cards)}."]
    if found.findings:
        lines = "\n".join(f"- {escaped(str(findings()[name]))}" for name in found.findings)
        parts.append(f"Findings that compare arms of which one changes it:\n\n{lines}")
    return "\n\n".join(parts)


def _mechanisms_page() -> str:
    from mitoferry.core.process import STAGES
    from mitoferry.experiment.mechanisms import mechanisms
    from mitoferry.show.diagrams import loop_picture
    from mitoferry.show.lists import STAGE_WORDS

    known = mechanisms()
    parts = [
        "# Mechanisms one by one",
        "The same is printed by `mitoferry explain NAME`. What acts on a mechanism is read from its code. The order of one macro-step, "
        "from top to bottom, and how often each process runs:",
        raw(loop_picture()),
    ]
    for stage in STAGES:
        rows = [(f"[{m.name}](mechanisms/{m.name}.md)", CLOCKS[m.clock], escaped(m.summary)) for m in known.values() if m.stage == stage]
        if rows:
            parts += [f"## {STAGE_WORDS[stage]}", table(("mechanism", "runs", "what happens"), rows)]
    listed = "\n".join(f"mechanisms/{name}" for name in known)
    parts.append(f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{listed}\n```")
    return "\n\n".join(parts) + "\n"


# ---------------------------------------------------------------------- the library
TYPE_COLUMNS = {
    "volume": "V [pL]", "radius": "R [um]", "mitochondria": "mitochondria", "mtdna": "mtDNA", "oxygen_use": "OCR [fmol/min]",
    "oxphos_share": "OXPHOS share", "speed": "speed [um/h]", "filopodia": "filopodia [1/h]", "cx43": "CX43", "miro1": "Miro1",
    "uptake": "uptake", "cycle_time": "cycle [h]",
}  # fmt: skip


def _number(v: Any) -> str:
    return f"**{v.value:g}**" if v.tag == "M" else f"{v.value:g}"


def stress_tests() -> dict[str, Any]:
    """The virtual Seahorse of every type that has mitochondria."""
    from mitoferry.assays.seahorse import CellEnergetics, virtual_seahorse
    from mitoferry.library.cell_types import load_cell_types
    from mitoferry.library.scaling import energetics_parameters

    p = energetics_parameters()
    return {
        r.name: virtual_seahorse(CellEnergetics.of_type(r.numbers(), rho0=r.rho0), p)
        for r in load_cell_types().values()
        if r.value("mitochondria") > 0
    }


def _cell_types_page(all_tests: dict[str, Any]) -> str:
    from mitoferry.library.cell_types import load_cell_types

    types = load_cell_types()
    numbers, tests = [], []
    for r in types.values():
        numbers.append((f"`{r.name}`", escaped(r.about), r.species, r.ontology, *(_number(r.values[c]) for c in TYPE_COLUMNS)))
        if r.name in all_tests:
            t = all_tests[r.name]
            basal, blocked = t.phases["basal"], t.phases["oligomycin"]
            shown = (basal.ocr, t.atp_linked, t.leak, t.spare, basal.lactate)
            tests.append((f"`{r.name}`", *(f"{x:.3g}" for x in shown), f"{basal.psi:.0f}", f"{basal.atp:.2f}", f"{blocked.atp:.2f}"))
    listed = "\n".join(f"cell_types/{name}" for name in types)
    links = ", ".join(f"[{name}](cell_types/{name}.md)" for name in types)
    return "\n\n".join([
        "# Cell types",
        f"{len(types)} types. Measured numbers are bold; all others are orders of magnitude or modelling choices, with ranges, tags and "
        "sources on the card: `mitoferry show celltype NAME`. `mitoferry check` says of which types of an experiment nothing that matters "
        "is measured. Ids are those of the Cell Ontology (CL) and, for lines, of Cellosaurus (CVCL), where sure.",
        f"Cards with every number, its source and the virtual Seahorse as a picture: {links}.",
        table(("type", "what it is", "species", "id", *TYPE_COLUMNS.values()), numbers),
        "## Virtual Seahorse",
        "A stress test of each type as the closed form scales it, per cell: oxygen use in fmol/min, ATP in mM, in 10 mM glucose and air.",
        table(("type", "basal", "ATP-linked", "leak", "spare", "lactate", "potential [mV]", "ATP", "ATP with oligomycin"), tests),
        f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{listed}\n```",
    ]) + "\n"  # fmt: skip


def cell_type_page(r: Any, test: Any) -> str:
    """The card of a cell type with its virtual Seahorse."""
    from mitoferry.experiment.uses import experiments_with_type
    from mitoferry.show.diagrams import seahorse_picture

    rows = [
        (f"`{k}`", f"**{v.value:g}**" if v.tag == "M" else f"{v.value:g}", cell("" if v.unit == "1" else v.unit),
         f"{v.range[0]:g} – {v.range[1]:g}", v.tag, cell(v.about), cell(v.source))
        for k, v in r.values.items()
    ]  # fmt: skip
    used = ", ".join(f"`{e}`" for e in experiments_with_type(r.name))
    parts = [
        f"# {r.name}",
        f"**{escaped(r.about)}**; {r.species}" + (f"; {r.ontology}" if r.ontology else "") + ".",
        escaped(" ".join(r.note.split())) if r.note else "",
        raw(seahorse_picture(test, r.name)) if test is not None else "It has no mitochondria: a stress test shows nothing.",
        "*Virtual Seahorse: one cell as the closed form scales it, in 10 mM glucose and air. Line: oxygen use; bars: ATP.*"
        if test is not None
        else "",
        f"Used in {used}." if used else "No shipped experiment uses it.",
        f"Write `type: {r.name}` under `cells`; change a number with `overrides: {{NAME: value}}`. Measured numbers are bold.",
        table(("number", "value", "unit", "range", "tag", "what it is", "source"), rows),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


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


# ---------------------------------------------------------------------- coverage
def coverage() -> list[dict[str, Any]]:
    """Rows of ``coverage.yaml``."""
    from ruamel.yaml import YAML

    return list(YAML(typ="safe").load((Path(__file__).parent / "coverage.yaml").read_text(encoding="utf-8"))["phenomena"])


def coverage_page() -> str:
    """What is known of mitochondrial transfer, and where it is modelled."""
    from mitoferry.experiment.mechanisms import mechanisms
    from mitoferry.experiment.reader import shipped

    known, experiments = mechanisms(), shipped()
    parts = [
        "# What is covered",
        "What has been seen of mitochondrial transfer, and where mitoferry has it: the mechanisms that it must come out of, the shipped "
        "experiments in which these are at work, and the read-outs in which to look. A row is *not yet* where a mechanism that it needs "
        "is still missing; these are named in italics. That a row is covered says that its parts are there, not that the finding comes "
        "out: what comes out is said by the verdicts of each run.",
    ]
    rows_by_theme: dict[str, list[tuple[str, ...]]] = {}
    missing = 0
    for row in coverage():
        absent = [n for n in row["mechanisms"] if n not in known]
        missing += bool(row.get("missing"))
        cells = (
            escaped(row["phenomenon"]),
            ", ".join(f"[{n}](mechanisms/{n}.md)" if n in known else f"*{escaped(n)}*" for n in row["mechanisms"]),
            ", ".join(f"`{e}`" for e in row.get("experiments", ()) if e in experiments) or "–",
            ", ".join(f"`{a}`" for a in row.get("readouts", ())) or "–",
            "not yet" if row.get("missing") else "yes",
        )
        assert row.get("missing") or not absent, row
        rows_by_theme.setdefault(row["theme"], []).append(cells)
    total = sum(len(rows) for rows in rows_by_theme.values())
    parts.append(f"{total - missing} of {total} rows have all their parts.")
    width = 5 if missing else 4  # where nothing is missing, the last column says nothing
    head = ("seen", "mechanisms", "experiments", "read-outs (assay: read-out)", "parts there")
    for theme, rows in rows_by_theme.items():
        parts += [f"## {theme}", table(head[:width], [row[:width] for row in rows])]
    return "\n\n".join(parts) + "\n"
