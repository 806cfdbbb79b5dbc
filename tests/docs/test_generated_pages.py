"""Pages made when the docs are built: one per mechanism and table, complete, with tables that hold together."""

import importlib.util
import re
from pathlib import Path

import pytest

from mitoferry.experiment.mechanisms import mechanisms
from mitoferry.library.cell_types import load_cell_types
from mitoferry.library.interventions import load_drugs, load_genes, load_injuries

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("generate_pages", DOCS / "generate_pages.py")
generate_pages = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate_pages)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    (folder / "mechanisms").mkdir()
    (folder / "mechanisms" / "gone.md").write_text("of an older version", encoding="utf-8")
    written = generate_pages.write_pages(folder)
    found = {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*.md")}
    assert len(written) == len(found)
    return found


def test_every_mechanism_has_a_page_that_is_linked(pages):
    for m in mechanisms().values():
        page = pages[f"mechanisms/{m.name}.md"]
        assert f"(mechanisms/{m.name}.md)" in pages["mechanisms.md"]
        assert m.switch in page
        assert all(f"| `{r.name.split('.', 1)[1]}` | {r.value:g} |" in page for r in m.parameters())
        assert all(f"| `{a.name}` | {a.kind} |" in page for a in m.agents())
    assert "mechanisms/gone.md" not in pages


@pytest.mark.parametrize(
    ("page", "load"), [("cell_types", load_cell_types), ("drugs", load_drugs), ("genes", load_genes), ("injuries", load_injuries)]
)
def test_tables_of_the_library_are_complete(pages, page, load):
    assert set(load()) <= set(re.findall(r"^\| `(\w+)` \|", pages[f"{page}.md"], re.MULTILINE))


def test_pages_of_mechanisms_have_figures_equations_and_experiments(pages):
    from mitoferry.show.formulas import formulas_of, written

    for m in mechanisms().values():
        page = pages[f"mechanisms/{m.name}.md"]
        assert page.count("<svg") == 1 + sum(len(f.over) for f in formulas_of(m.name))
        assert page.count("<svg") == page.count("</svg>")
        assert "## Experiments and findings that need it" in page
        assert "## What the reviews report" in page
        assert "## How to switch it off" in page
        assert ("## Equations and responses" in page) == (m.name in written())
        for f in formulas_of(m.name):
            assert all(f"$$\n{tex}\n$$" in page for tex in f.latex())


def test_every_cell_type_has_a_card_with_a_picture(pages):
    for r in load_cell_types().values():
        page = pages[f"cell_types/{r.name}.md"]
        assert ("<svg" in page) == (r.value("mitochondria") > 0)
        assert all(f"| `{name}` |" in page for name in r.values)


def test_tables_hold_together_and_fences_are_closed(pages):
    for name, text in pages.items():
        assert text.count("```") % 2 == 0, name
        for block in re.findall(r"(?:^\|.*\n)+", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, (name, block[:200])


def test_a_docstring_becomes_markdown():
    text = "Rate k_0 * N::\n\n    a = b_c * 2\n\n* ``x`` is :func:`~m.f`\n  of <y>"
    assert generate_pages.markdown(text) == "Rate k\\_0 \\* N:\n\n```text\na = b_c * 2\n```\n\n- `x` is `m.f`\n  of \\<y\\>"


def test_index_links_the_pages(pages):
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert {f"{p}.md" for p in re.findall(r"^_generated/(\w+)$", index, re.MULTILINE)} == {p for p in pages if "/" not in p}
    assert "docs/_generated/" in (DOCS.parent / ".gitignore").read_text(encoding="utf-8")
