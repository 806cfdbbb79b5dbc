"""The documentation names everything that there is, its links lead somewhere, and its example package works."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from mitoferry.assays import load_assays
from mitoferry.experiment import parts, schema
from mitoferry.experiment.loop import BUILT_IN, load_processes
from mitoferry.experiment.observables import OBSERVABLES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
TEXTS = {p.name: p.read_text(encoding="utf-8") for p in [*PAGES, ROOT / "README.md"]}
MODELS = (
    schema.Experiment, schema.Arm, schema.Measure, schema.Run, schema.Clocks, schema.Expect, schema.Against, schema.Haplotype,
    parts.Well, parts.Insert, parts.Medium, parts.Cells, parts.Label, parts.Injury, parts.Treatment, parts.Substances,
    parts.Prepared,
)  # fmt: skip


def section(text, heading):
    """The part of a page under a heading of the second level."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_process_has_its_row(name):
    """Name and clock of a process stand in one row of the table of its stage."""
    process = next(p for p in load_processes() if p.name == name)
    rows = [line for line in TEXTS["processes.md"].splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert f"| {process.clock} |" in rows[0]


def test_processes_stand_in_the_order_of_the_loop():
    found = re.findall(r"^\| `(\w+)` \|", TEXTS["processes.md"], re.MULTILINE)
    assert found == [p.name for p in load_processes() if p.name in BUILT_IN]


def test_tests_named_by_the_pages_are_there():
    for name in re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)`", TEXTS["processes.md"]):
        assert list((ROOT / "tests").rglob(name)), name


@pytest.mark.parametrize("name", sorted(load_assays()))
def test_every_assay_is_described(name):
    assert f"**`{name}`**" in TEXTS["assays.md"]


@pytest.mark.parametrize("name", sorted(OBSERVABLES))
def test_every_observable_is_listed(name):
    card = OBSERVABLES[name]
    if card.outside:
        assert f"\n| `{name}` | {card.outside} |\n" in TEXTS["experiment_file.md"]
        return
    rows = [line for line in TEXTS["experiment_file.md"].splitlines() if re.match(rf"\| `{name}`[ (a-z)]* \| `{card.assay}`:", line)]
    assert len(rows) == 1
    row = rows[0]
    assert f"`{card.assay}`: `{card.readout}`" in row
    assert ("surrogate" in row) == bool(card.surrogate)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_key_of_the_experiment_file_is_described(model):
    text = TEXTS["experiment_file.md"]
    keys = {info.alias or key for key, info in model.model_fields.items()}
    assert {k for k in keys if f"`{k}`" not in text and f"`{k}:" not in text} == set()


def test_defaults_of_the_run_are_right():
    text = section(TEXTS["experiment_file.md"], "run")
    assert "| `replicates` | wells per arm, 1 to 10 000 | 3 |" in text
    assert schema.Run.model_fields["replicates"].default == 3
    for clock, info in schema.Clocks.model_fields.items():
        assert f"`{clock}` (`{info.default}`)" in text


def test_every_command_is_described():
    from mitoferry.show.cli import app

    text = TEXTS["command_line.md"]
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"\n## {name}\n" in text
        assert f"mitoferry {name}" in text
    options = {o for c in app.registered_commands for o in re.findall(r"--[a-z]+", str(c.callback.__annotations__))}
    assert {o for o in options if o not in text} == set()


def test_the_example_of_a_preparation_passes_its_checks_and_means_what_the_page_says():
    """Fault seen to fail it: a dish whose cells are taken out before its injury begins."""
    from mitoferry.experiment.reader import parse_experiment
    from mitoferry.experiment.resolve import resolve

    _, example = re.findall(r"```yaml\n(schema:.*?)```", TEXTS["experiment_file.md"], re.DOTALL)
    spec = resolve(parse_experiment(example))
    assert [a.name for a in spec.main_arms] == ["injured_alone", "coculture", "coculture_primed", "coculture_fresh"]
    assert {d.name: [p.count for p in d.populations] for d in spec.dishes} == {"coculture.donor": [15], "coculture_primed.donor": [15, 20]}
    assert [p.count for p in spec.arms[2].populations] == [20, 10]


def test_first_example_of_the_experiment_file_passes_its_checks():
    from mitoferry.experiment.reader import parse_experiment

    example = re.search(r"```yaml\n(schema:.*?)```", TEXTS["experiment_file.md"], re.DOTALL)[1]
    assert list(parse_experiment(example).plans) == ["recipient_alone", "injured_alone", "coculture", "coculture_transwell"]


def test_spellings_of_units_are_those_of_the_converter():
    from mitoferry.library import units

    table = section(TEXTS["units.md"], "What may be written")
    rows = "\n".join(line for line in table.splitlines() if line.startswith("| ") and "`" in line)
    assert set(re.findall(r"`([^`]+)`", rows)) == set(units._COMMON)


def test_columns_of_the_tables_are_described():
    from mitoferry.store.tables import Names, event_schema, reading_schema

    text = TEXTS["run_folder.md"]
    names = Names(arms=("a",), replicates=1, populations=("p",), roles=("donor",), haplotypes=("HAPLOTYPE",))
    for column in [*reading_schema().names, *event_schema(names).names]:
        assert f"`{column}`" in text, column


def test_readme_commands_are_those_of_lab():
    """README names the two commands; lab.py handles "test" itself and passes "run" on to the command line."""
    readme, lab = TEXTS["README.md"], (ROOT / "lab.py").read_text(encoding="utf-8")
    assert "\n    python3 lab.py run msc-huvec-ogd\n" in readme
    assert "\n    python3 lab.py test\n" in readme
    assert 'arguments[0] == "test"' in lab
    from mitoferry.show.cli import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands} | {"test", "checks", "docs"}
    used = set(re.findall(r"python3 lab\.py (\w+)", readme + TEXTS["command_line.md"]))
    assert used - {"COMMAND"} <= known


def test_readme_groups_the_experiments_as_the_list_does():
    """README names four of the published ones, and of every other group its prefix and one example; the list names all.

    Fault seen to fail it: an example in README that is not shipped.
    """
    from mitoferry.experiment.reader import shipped
    from mitoferry.show.lists import GROUPS, group_of, list_text

    names = set(re.findall(r"`((?:\w+-)+\w+)`", section(TEXTS["README.md"], "Experiments that come with it")))
    assert names <= set(shipped())
    assert len({n for n in names if group_of(n) == "published"}) == 4
    assert {group_of(n) for n in names} == set(GROUPS)
    listed = list_text("experiments")
    assert all(f"  {n} " in listed for n in shipped())
    assert all(f"{heading}:" in listed for heading, _ in GROUPS.values())
    assert {n for n, path in shipped().items() if path.parent.name == "published"} == {n for n in shipped() if group_of(n) == "published"}


def anchors(text):
    """Anchors of a page: its headings as myst names them, and explicit targets."""
    found = set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE))
    for heading in re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", TEXTS[page.name], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


def test_every_page_is_in_the_index():
    """A page that another includes is none of its own."""
    listed = set(re.findall(r"^([a-z_]+)$", TEXTS["index.md"], re.MULTILINE))
    included = {Path(name).stem for text in TEXTS.values() for name in re.findall(r"^```\{include\} (\S+)$", text, re.MULTILINE)}
    assert listed == {p.stem for p in PAGES} - {"index"} - included


# ---------------------------------------------------------------------- the example package of extending.md
@pytest.fixture(scope="module")
def package():
    """The code of extending.md as modules: process, assay, library."""
    text = TEXTS["extending.md"]
    found = {}
    for name in ("process", "assay", "library"):
        code = re.search(rf"`{name}\.py`:.*?```python\n(.*?)```", text, re.DOTALL)[1]
        module = types.ModuleType(f"mitoferry_dormancy_{name}")
        sys.modules[module.__name__] = module
        exec(compile(code, f"{name}.py", "exec"), module.__dict__)
        found[name] = module
    yield types.SimpleNamespace(**found)
    for module in found.values():
        del sys.modules[module.__name__]


def test_entry_points_of_the_example_name_what_is_there(package):
    import tomllib

    project = tomllib.loads(re.search(r"```toml\n(.*?)```", TEXTS["extending.md"], re.DOTALL)[1])["project"]
    for group, points in project["entry-points"].items():
        assert f"`{group}`" in TEXTS["extending.md"]
        for target in points.values():
            module, _, name = target.removeprefix("mitoferry_dormancy.").partition(":")
            assert hasattr(getattr(package, module), name)
    assert list(project["entry-points"]["mitoferry.processes"]) == [package.process.PROCESS.name]


def test_example_process_runs_and_its_assay_reads_it(package):
    from mitoferry.backends.cpu import Cpu
    from mitoferry.backends.reference import Reference
    from mitoferry.core.process import Process
    from mitoferry.core.schema import Step
    from worlds import cell_type, make_world, population

    process, assay = package.process.PROCESS, package.assay.BETA_GALACTOSIDASE
    assert isinstance(process, Process)
    values = {n.split(".", 1)[1]: r["value"] for n, r in package.library.PARAMETERS.items()}
    found = []
    for backend in (Reference(), Cpu(threads=1, cache=False)):
        world = make_world([population("recipient", 0, count=60, numbers=cell_type(mitochondria=4.0, mtdna=20.0))], backend=backend)
        world.cells.h2o2[:] = 1.0
        for k in range(24):
            process.advance(world, Step(5 * k, 300 * k, 300.0 * k, 300.0), process.parameters(**values))
        found.append(world.extra["dormancy"].tobytes())
        readings = {r.readout: r.value for r in assay.measure(world, 0, {}, Step(120, 7200, 7200.0, 60.0))}
    assert found[0] == found[1]
    share = int(np.frombuffer(found[0], np.uint8).sum()) / 60
    assert 0.0 < readings["dormant_fraction"] < 0.4  # expected 1 - exp(-0.05 * 2 h) = 0.095
    assert share == pytest.approx(readings["dormant_fraction"])
    assert readings["stained_fraction"] > readings["dormant_fraction"]


def test_example_records_are_accepted(package, monkeypatch):
    from mitoferry.library import cell_types, interventions, parameters, records

    added = {
        "mitoferry.parameters": package.library.PARAMETERS,
        "mitoferry.cell_types": package.library.CELL_TYPES,
        "mitoferry.drugs": package.library.DRUGS,
    }

    class Point:
        name = "dormancy"

        def __init__(self, content):
            self.content = content

        def load(self):
            return self.content

    caches = (parameters._load, cell_types._load, interventions._load)
    monkeypatch.setattr(records.plugins, "points", lambda group: [Point(added[group])] if group in added else [])
    for cache in caches:
        cache.cache_clear()
    try:
        assert parameters.load_parameters()["dormancy.rate"].value == 0.05
        assert cell_types.cell_type("old_fibroblast").numbers().demand > 0
        assert interventions.intervention("drug", "astaxanthin").effects("10 uM")[0].value == pytest.approx(1 + 2 / 3)
    finally:
        monkeypatch.undo()
        for cache in caches:
            cache.cache_clear()


def test_changelog_counts_what_there_is():
    """Fault seen to fail it: a drug more than the changelog says."""
    from mitoferry.experiment.mechanisms import mechanisms
    from mitoferry.experiment.reader import shipped
    from mitoferry.library import interventions
    from mitoferry.library.cell_types import load_cell_types
    from mitoferry.library.tissues import load_tissues

    built_in = [m for m in mechanisms().values() if m.built_in]
    text = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())
    for number, word in (
        (len(built_in), "mechanisms"), (len(load_cell_types()), "cell types"),
        (len(interventions.load_drugs()), "drugs"), (len(interventions.load_genes()), "gene changes"),
        (len(interventions.load_injuries()), "injuries"), (len(load_tissues()), "tissues"), (len(load_assays()), "assays"),
        (len(OBSERVABLES), "observables"), (len(shipped()), "experiments"),
    ):  # fmt: skip
        assert f"{number} {word}" in text, (number, word)
