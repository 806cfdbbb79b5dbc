"""``summary.json``: per readout mean, interval and n, each arm against its own control, and the verdicts on the findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mitoferry.base.errors import MitoferryError
from mitoferry.store.atomic import write_json
from mitoferry.store.run_folder import SUMMARY
from mitoferry.studies.contrast import Contrast
from mitoferry.studies.findings import HEALTHY_ARMS, INJURED_ALONE, Finding
from mitoferry.studies.results import Results


def control_of(arm: str, arms: tuple[str, ...]) -> str | None:
    """The arm that an arm is held against unless the experiment says otherwise.

    ``coculture_cytochalasin_b`` against ``coculture`` (the longest name that it extends), other arms against
    ``injured_alone``, that one against the uninjured arm; ``None`` for the last in the chain.
    """
    extended = [a for a in arms if a != arm and arm.startswith(a + "_")]
    if extended:
        return max(extended, key=len)
    healthy = next((a for a in HEALTHY_ARMS if a in arms), None)
    injured = next((a for a in INJURED_ALONE if a in arms), None)
    if arm == healthy:
        return None
    if injured is not None and arm != injured:
        return injured
    if healthy is not None:
        return healthy
    return arms[0] if arm != arms[0] else None


def default_contrasts(results: Results, findings: list[Finding] | None = None) -> list[Contrast]:
    """Every readout of every arm against its control, at the time and by the statistic of its observable.

    Pairs of arms that the findings compare are added. Numbers that no instrument sees (assay ``state``, readouts
    marked ``truth``) are left to the table.
    """
    from mitoferry.assays import load_assays
    from mitoferry.experiment.observables import OBSERVABLES

    truths = {(a.name, r.name) for a in load_assays().values() for r in a.readouts if r.truth}
    found: list[Contrast] = []
    for line in results.readouts().itertuples():
        if line.assay == "state" or (line.assay, line.readout) in truths:
            continue
        card = next((n for n, o in OBSERVABLES.items() if (o.assay, o.readout) == (line.assay, line.readout) and not o.surrogate), None)
        pairs = [(a, control_of(a, results.names.arms)) for a in results.names.arms]
        between = [c for f in findings or [] if (c := f.contrast) and not c.against]
        pairs += [(c.arm, c.versus) for c in between if (c.assay, c.readout) == (line.assay, line.readout)]
        for arm, versus in dict.fromkeys(pairs):
            if not versus:
                continue
            try:
                of, assay = str(line.of) or "well", str(line.assay)
                found.append(results.contrast(card or str(line.readout), of=of, arm=arm, versus=versus, assay=assay))
            except MitoferryError:
                continue  # not measured in one of the two
    return found


def summary_of(results: Results) -> dict[str, Any]:
    """The content of ``summary.json``."""
    findings = results.findings()
    means = results.means()
    last = means[means["tick"] == means.groupby(["assay", "readout", "of", "arm"], observed=True)["tick"].transform("max")]
    readings = last.to_dict(orient="records")
    return {
        "format": results.manifest["format"],
        "name": results.manifest["name"],
        "title": results.title,
        "arms": list(results.names.arms),
        "wells_per_arm": results.names.replicates,
        "interval": "95 % t interval over wells; contrasts are paired over replicates; p values are not corrected for their number",
        "findings": [f.as_dict() for f in findings],
        "contrasts": [c.as_dict() for c in results.contrasts()],
        "last_readings": readings,
    }


def write_summary(folder: str | Path) -> Path:
    """Write ``summary.json`` into a run folder; returns its path."""
    results = Results(folder)
    path = results.path / SUMMARY
    write_json(path, summary_of(results))
    return path
