"""Where it came from: parameters with their sources, warnings, versions, the ledger, files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.show.style import words

if TYPE_CHECKING:
    from mitoferry.studies.results import Results

_TAGS = {"M": "measured", "O": "order of magnitude", "C": "modelling choice", "S": "computed", "F": "fitted"}


def parameter_rows(r: Results) -> list[dict[str, Any]]:
    """Every parameter used; those that differ from the library first."""
    rows = []
    for name, p in r.manifest["parameters"].items():
        bounds = p.get("range")
        rows.append(
            {
                "name": name, "value": f"{p['value']:.6g}", "unit": "" if p.get("unit") in (None, "1") else str(p["unit"]),
                "range": f"{bounds[0]:g} – {bounds[1]:g}" if bounds else "", "tag": _TAGS.get(str(p.get("tag")), str(p.get("tag") or "")),
                "source": str(p.get("source") or ""), "about": str(p.get("about") or ""),
                "changed": f"{p['library_value']:.6g}" if "library_value" in p else "",
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["changed"] == "", row["name"]))


def warning_lines(r: Results) -> list[str]:
    """What a reader should know before believing the numbers."""
    lines = [str(w) for w in r.manifest.get("warnings") or []]
    if r.left_out:
        lines.append("Left out of this run: " + ", ".join(words(a) for a in r.left_out) + ". Findings that need them are not tested.")
    if r.names.replicates == 1:
        lines.append("One well per arm: there are no intervals and no verdict that needs one. Run more replicates.")
    elif r.names.replicates < 3:
        lines.append(f"{r.names.replicates} wells per arm: the intervals are very wide. Three or more are advised.")
    changed = [row["name"] for row in parameter_rows(r) if row["changed"]]
    if changed:
        lines.append(
            f"{len(changed)} parameters differ from the library: " + ", ".join(changed[:12]) + (" …" if len(changed) > 12 else "") + "."
        )
    surrogates = sorted({f"{words(f.observable)} is read as {f.surrogate}" for f in r.findings() if f.surrogate})
    lines += [f"Surrogate: {s}." for s in surrogates]
    n = sum(1 for c in r.contrasts() if np.isfinite(c.p))
    if n > 20:
        lines.append(f"{n} contrasts are listed; their p values are not corrected for that number.")
    return lines


def provenance_rows(r: Results) -> list[tuple[str, str]]:
    """Versions, machine, seed, times."""
    m = r.manifest
    machine = m.get("machine") or {}
    units = {"processor": "", "cores": " cores", "memory_gb": " GB memory", "system": ""}
    rows = [
        ("Experiment", str(m["name"])),
        ("Command", f"mitoferry {m['command']}" if m.get("command") else ""),
        ("Seed", str(m["seed"])),
        ("Started, ended", f"{m.get('started', '')}, {m.get('ended', '')}"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in m["versions"].items())),
        ("Backend", str(m.get("backend") or "")),
        ("Machine", ", ".join(f"{machine[k]}{u}" for k, u in units.items() if machine.get(k))),
        ("Time taken", ", ".join(f"{words(k)} {v:g} s" for k, v in (m.get("timings_s") or {}).items())),
        ("State at the end", f"SHA-256 {m['state_digest']}" if m.get("state_digest") else ""),
    ]  # fmt: skip
    return [(k, v) for k, v in rows if v.strip(" ,")]


def ledger_rows(r: Results) -> list[tuple[str, str]]:
    """The balance of the whole plate."""
    ledger = r.manifest.get("ledger") or {}
    rows: list[tuple[str, str]] = []
    for key, label in (
        ("at_time_zero", "at the start"),
        ("born", "born"),
        ("degraded", "degraded"),
        ("lysed", "lost by lysis"),
        ("now", "at the end"),
    ):
        value = ledger.get(key)
        if isinstance(value, Mapping):
            value = value.get("mitochondria")
        if value is not None:
            rows.append((label, f"{int(value):,}".replace(",", "\u202f")))
    return rows


def files(r: Results) -> list[tuple[str, str]]:
    """What else lies in the folder."""
    about = {
        "table.parquet": "every reading: one row per well and reading", "events.parquet": "every hand-over, nanotube, death and division",
        "run.zarr": "cells, nanotubes and mitochondria at the saved times", "summary.json": "means, intervals, contrasts and verdicts",
        "manifest.json": "versions, resolved experiment, parameters with sources",
    }  # fmt: skip
    return [(name, text) for name, text in about.items() if (r.path / name).exists() or name == "summary.json"]
