"""``report.html``: one self-contained page about a run, for a cell biologist, that opens from disk.

What came out stands first; then what was asked, pictures, hand-overs, readouts, and at the end the parameters with
their sources and where everything came from. Charts are SVG, pictures WebP, nothing is fetched.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.show import report_parts as parts
from mitoferry.show.style import capital, words
from mitoferry.store.atomic import write_text
from mitoferry.store.run_folder import REPORT
from mitoferry.studies.contrast import interval_text, number, p_text

if TYPE_CHECKING:
    from mitoferry.studies.results import Results


def report_html(results: Results) -> str:
    """The page as text."""
    import jinja2

    templates = resources.files("mitoferry.show") / "templates"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(words=words, capital=capital, number=number, p=p_text)
    environment.globals.update(interval=interval_text)
    template = environment.from_string((templates / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(**_context(results))


def write_report(results: Results | str | Path) -> Path:
    """Write ``report.html`` into the folder of a run whose tables are there; returns its path.

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
    write_text(path, report_html(results))
    return path


def _context(r: Results) -> dict[str, Any]:
    readouts, others = parts.readout_sections(r)
    return {
        "title": r.title,
        "name": r.manifest["name"],
        "question": r.experiment.get("question") or "",
        "notes": r.experiment.get("notes") or "",
        "sources": list(r.experiment.get("sources") or []),
        "facts": parts.facts(r),
        "replicates": r.names.replicates,
        "findings": parts.finding_rows(r),
        "tally": parts.finding_tally(r),
        "arms": parts.arm_rows(r),
        "pictures": parts.pictures(r),
        "legend": parts.picture_legend(r),
        "handovers": parts.handover_part(r),
        "fates": parts.fate_chart(r),
        "readouts": readouts,
        "others": others,
        "parameters": parts.parameter_rows(r),
        "warnings": parts.warning_lines(r),
        "provenance": parts.provenance_rows(r),
        "ledger": parts.ledger_rows(r),
        "files": parts.files(r),
        "folder": r.path.name,
    }
