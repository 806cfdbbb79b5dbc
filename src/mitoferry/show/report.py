"""``report.html``: one self-contained page about a run, for a cell biologist, that opens from disk.

What came out stands first; then what was asked, pictures, hand-overs, readouts, and at the end the parameters with
their sources and where everything came from. Charts are SVG, pictures WebP, nothing is fetched.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.show.sections import arms, fates, handovers, head, pictures, readouts, sources
from mitoferry.show.style import capital, words
from mitoferry.store.atomic import write_text
from mitoferry.store.run_folder import REPORT
from mitoferry.studies.contrast import interval_text, number, p_text

if TYPE_CHECKING:
    from mitoferry.studies.results import Results


def report_html(results: Results, drawing: pictures.Drawing | None = None) -> str:
    """The page as text; ``drawing``: its pictures where they were begun before."""
    import jinja2

    templates = resources.files("mitoferry.show") / "templates"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(words=words, capital=capital, number=number, p=p_text)
    environment.globals.update(interval=interval_text)
    template = environment.from_string((templates / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(**_context(results, drawing or pictures.Drawing(results)))


def write_report(results: Results | str | Path, drawing: pictures.Drawing | None = None) -> Path:
    """Write ``report.html`` into the folder of a run whose tables are there; returns its path.

    Args:
        results: the run or its folder.
        drawing: its pictures where they were begun before.

    Raises:
        InputError: no run is there.
        RunFolderError: it could not be written.
    """
    from mitoferry.studies.results import Results as Reader

    if isinstance(results, str | Path):
        results = Reader(results)
    if not (results.path / "table.parquet").exists():
        place = ascii(str(results.path))[1:-1]
        hint = f"Finish it first with: mitoferry resume {place}"
        raise InputError(Problem(place, "run folder", "the folder of a finished run", "an unfinished run", hint=hint))
    path = results.path / REPORT
    write_text(path, report_html(results, drawing))
    return path


def _context(r: Results, drawing: pictures.Drawing) -> dict[str, Any]:
    shown, others = readouts.readout_sections(r)
    context = {
        "title": r.title,
        "name": r.manifest["name"],
        "question": r.experiment.get("question") or "",
        "notes": r.experiment.get("notes") or "",
        "sources": list(r.experiment.get("sources") or []),
        "facts": head.facts(r),
        "replicates": r.names.replicates,
        "findings": head.finding_rows(r),
        "tally": head.finding_tally(r),
        "arms": arms.arm_rows(r),
        "legend": pictures.picture_legend(r),
        "handovers": handovers.handover_part(r),
        "fates": fates.fate_chart(r),
        "fate_table": fates.fate_table(r),
        "readouts": shown,
        "others": others,
        "parameters": sources.parameter_rows(r),
        "warnings": sources.warning_lines(r),
        "provenance": sources.provenance_rows(r),
        "ledger": sources.ledger_rows(r),
        "files": sources.files(r),
        "folder": r.path.name,
    }
    return context | {"pictures": drawing.shown()}
