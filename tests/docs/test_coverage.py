"""The table of what is covered names only what there is, and says "not yet" only where something is missing."""

import importlib.util
from pathlib import Path

import pytest

from mitoferry.assays import load_assays
from mitoferry.evidence import files
from mitoferry.experiment.evidence_links import mechanisms_of_card
from mitoferry.experiment.mechanisms import mechanisms
from mitoferry.experiment.reader import shipped
from mitoferry.experiment.uses import presence_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("generate_pages", DOCS / "generate_pages.py")
generate_pages = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate_pages)
ROWS = generate_pages.coverage()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["phenomenon"][:40])
def test_a_row_names_what_there_is(row):
    """Fault seen to fail it: a misspelt mechanism in a row without ``missing``; ``missing: true`` on a row with all its parts."""
    assert set(row) <= {"theme", "phenomenon", "mechanisms", "experiments", "readouts", "missing"}
    absent = set(row["mechanisms"]) - set(mechanisms())
    if row.get("missing"):
        assert absent, f"all of {row['mechanisms']} are there now: take 'missing: true' out of docs/coverage.yaml, name experiments"
    else:
        assert not absent
    assert set(row.get("experiments", ())) <= set(shipped())
    known = {f"{a.name}: {r.name}" for a in load_assays().values() for r in a.readouts}
    assert set(row.get("readouts", ())) <= known


def test_every_mechanism_and_every_experiment_stands_in_some_row():
    """Fault seen to fail it: a mechanism or a shipped experiment that no row names.

    Files of cards need no row: the terms of their card say which mechanisms they are there for. Nor do those of
    conflicts, which the registry names.
    """
    named = {m for row in ROWS for m in row["mechanisms"]}
    in_background = {"capacity", "inhibitors", "motion"}  # nothing of its own is seen of these
    built_in = {m.name for m in mechanisms().values() if m.built_in}
    assert built_in - in_background <= named
    shown = {e for row in ROWS for e in row.get("experiments", ())}
    of_cards = {key for key in files.cards() if mechanisms_of_card(key)}
    assert set(shipped()) <= shown | of_cards | set(files.conflicts())


def test_an_experiment_of_a_row_runs_a_mechanism_of_it():
    """Fault seen to fail it: ``trigger-adp`` named for neutrophil traps."""
    runs = {m: presence_of(mechanisms()[m]).runs for row in ROWS for m in row["mechanisms"] if m in mechanisms()}
    for row in ROWS:
        for e in row.get("experiments", ()):
            assert any(e in runs.get(m, ()) for m in row["mechanisms"]), (row["phenomenon"], e)


def test_the_page_has_every_row_and_counts_them():
    page = generate_pages.coverage_page()
    assert all(generate_pages.escaped(row["phenomenon"]) in page for row in ROWS)
    assert f"{sum(not r.get('missing') for r in ROWS)} of {len(ROWS)} rows" in page
