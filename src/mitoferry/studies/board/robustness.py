"""Which verdicts hinge on a single parameter within its range.

On the wells of the base plate (same seed), with the rules of ``hinges.py``:

1. **Chance**: the plate with the library as it is in wells of other seeds. A verdict that turns there hinges on nothing in
   particular and gets no mark.
2. **Screening**: all chosen parameters of one mechanism are drawn together from their ranges, a few times. A mechanism in which no
   state changes and no effect moves is left out. Two parameters that cancel in every draw are missed; ``everything`` leaves this out.
3. **One at a time** (``oat``): each parameter that is left at either end of its range; or a design over all of them (``sensitivity.py``).

Jobs are variants of the card's base plate, so that what is finished stays. A variant that moves several parameters bears the
digest of their values. Results: ``hinges.json`` ({finding: parameters}) and ``robustness/<card>.json`` (``<card>-morris.json``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.digest import model_digest
from mitoferry.experiment.names import nearest
from mitoferry.library.draws import quantile
from mitoferry.library.parameters import ParameterRecord, find
from mitoferry.store.atomic import write_json
from mitoferry.studies.board.hinges import HINGES, ROBUSTNESS, moved, read_hinges, turned
from mitoferry.studies.board.judge import CardRuns, mechanisms_of
from mitoferry.studies.board.model import Board
from mitoferry.studies.board.plan import Job, PlannedCard, experiment_of
from mitoferry.studies.board.reproduce import Asked, Begin, arms_of_findings, judge, plan_of, read_asked_of_this_model, rounds
from mitoferry.studies.board.sensitivity import analysed, design
from mitoferry.studies.board.subject import ENDS, GROUP_DRAWS, OAT, Probe, Subject, readings
from mitoferry.studies.board.work import failure, finished
from mitoferry.studies.results import Results
from mitoferry.studies.rules import NOT_TESTED

FORMAT = "mitoferry/robustness@1"
SHARED = ("seeding",)  # parameters that every plate uses and that belong to no process of the loop


def robustness(folder: Path, keys: Sequence[str], probe: Probe, *, workers: int, begin: Begin | None = None) -> Board:
    """Look for hinges of the verdicts of some cards; writes what was found and judges the board again.

    Args:
        folder: of a board whose cards were run.
        keys: cards; none = every card that the board has run and that uses a parameter that may be moved, one after the other.
        probe: how to look.
        workers: processes, one thread each.
        begin: called at the start of each round (as in ``reproduce``).

    Raises:
        InputError: bad options, a card that the board has not run, or a board of another model.
        InterruptedRunError: Ctrl-C; what is finished stays.
    """
    probe = probe.checked()
    asked = read_asked_of_this_model(folder)
    planned = plan_of(asked)
    run = rounds(folder, workers=workers, begin=begin)
    jobs = _reference_jobs(folder, keys or _cards_run(planned, folder), planned, asked, probe)
    (folder / ROBUSTNESS).mkdir(exist_ok=True)
    records = {key: found for key in jobs if (found := _movable(key, probe)) or keys}
    tags = f"a parameter with the tag {', '.join(probe.tags)} that it uses"
    none = [Problem("robustness", key, tags, "none", hint="Other tags, or another pattern.") for key, found in records.items() if not found]
    if none or not records:
        raise InputError(none or [Problem("robustness", "cards", tags, "none in any", hint="Other tags, or another pattern.")])
    together = {key: jobs[key] for key in records}
    # all cards of a board: one by one, so that what is found stands when it is stopped
    for part in [together] if keys else [{key: job} for key, job in together.items()]:
        _probed(folder, part, records, probe, asked, run)
    return judge(folder, asked, planned)


def _cards_run(planned: Sequence[PlannedCard], folder: Path) -> list[str]:
    return [p.key for p in planned if p.job is not None and CardRuns(p, folder).base() is not None]


def _probed(
    folder: Path, jobs: Mapping[str, Job], records: Mapping[str, dict[str, ParameterRecord]], probe: Probe, asked: Asked,
    run: Callable[[str, Sequence[Job]], None],
) -> None:  # fmt: skip
    """Look at these cards together, and write what was found of each."""
    run("values of the library", list(jobs.values()))
    subjects = [_subject(folder, job, records[key], _suffix(probe, asked)) for key, job in jobs.items()]
    first = [j for s in subjects for j in s.chance()]
    if not probe.everything:
        first += [s.draw(g, k) for s in subjects for g in s.groups for k in range(GROUP_DRAWS)]
    run("mechanisms", first)
    screens = {s.key: _screened(s, probe) for s in subjects}
    if probe.method == OAT:
        run("one at a time", [s.end(n, end) for s in subjects for n in s.kept for end in ENDS])
        for s in subjects:
            _write_oat(s, probe, screens[s.key])
    else:
        run(probe.method, [j for s in subjects for j in _design_jobs(s, probe)[1]])
        for s in subjects:
            _write_design(s, probe, screens[s.key])


def _reference_jobs(folder: Path, keys: Sequence[str], planned: Sequence[PlannedCard], asked: Asked, probe: Probe) -> dict[str, Job]:
    """Per card the plate that variants are held against, all of its arms run by itself."""
    by_key = {p.key: p for p in planned}
    shown = ascii(str(folder))[1:-1]
    unknown = [k for k in keys if k not in by_key]
    if unknown or not keys:
        names = [Problem(shown, "card", "the key of a card of this board", repr(k), hint=nearest(k, by_key)) for k in unknown]
        raise InputError(names or [Problem(shown, "card", "one card or more", "none")])
    found, problems = {}, []
    for key in dict.fromkeys(keys):
        job, base = by_key[key].job, CardRuns(by_key[key], folder).base()
        if job is None or base is None:
            why = by_key[key].why or ("all its arms are run with other cards" if by_key[key].borrowed else "its run is not there")
            problems.append(Problem(shown, key, "a card that this board has run", why))
            continue
        arms, wells = tuple(arms_of_findings(base)), probe.wells or asked.setting.wells
        cost = job.cost / job.replicates * wells * len(arms) / max(len(job.arms), 1)
        name = f"{OAT}-library{_suffix(probe, asked)}"
        found[key] = replace(job, variant=name, arms=arms, replicates=wells, cost=cost)
    if problems:
        raise InputError(problems)
    return found


def _suffix(probe: Probe, asked: Asked) -> str:
    return f"-{probe.wells}w" if probe.wells not in (0, asked.setting.wells) else ""


def _movable(key: str, probe: Probe) -> dict[str, ParameterRecord]:
    """Parameters of a card that are moved, by name."""
    used = {*mechanisms_of(key), *SHARED}
    own = experiment_of(key).parameters
    return {
        r.name: r
        for r in find(probe.pattern)
        if r.process in used and r.tag in probe.tags and r.distribution != "fixed" and r.range[0] < r.range[1] and r.name not in own
    }


def _subject(folder: Path, job: Job, records: dict[str, ParameterRecord], suffix: str) -> Subject:
    if not finished(job, folder):
        wanted = "its plate at the values of the library"
        raise InputError(Problem("robustness", job.card, wanted, f"it failed: {failure(job, folder) or 'it is not there'}"))
    return Subject(job.card, job, folder, suffix, readings(Results(job.folder(folder))), records)


def _screened(s: Subject, probe: Probe) -> list[dict[str, Any]]:
    """Sets what is kept, and says why, mechanism by mechanism."""
    rows = []
    for group, names in s.groups.items():
        reasons: list[str] = ["not screened"] if probe.everything else []
        for k in range(0 if probe.everything else GROUP_DRAWS):
            after = s.read(s.draw(group, k))
            if after is None:
                reasons.append(f"draw {k + 1} failed")
            else:
                reasons += [f"draw {k + 1}: {name}" for name, before in s.before.items() if moved(before, after[name])]
        rows.append({"mechanism": group, "parameters": len(names), "kept": bool(reasons), "why": reasons})
        s.kept += tuple(names) if reasons else ()
    return rows


# ---------------------------------------------------------------------- results
def _by_chance(s: Subject) -> set[str]:
    """Findings whose verdict turns in wells of other seeds."""
    found = [(job, s.read(job)) for job in s.chance()]
    return {name for _, r in found if r is not None for name, before in s.before.items() if turned(before, r[name])}


def _head(s: Subject, probe: Probe, screen: list[dict[str, Any]], words: str) -> dict[str, Any]:
    parameters = {n: {"value": r.value, "low": r.range[0], "high": r.range[1], "unit": r.unit, "tag": r.tag} for n, r in s.records.items()}
    return {
        "format": FORMAT, "card": s.key, "words": words, "model": model_digest(), "seed": s.job.seed, "wells": s.job.replicates,
        **{k: v for k, v in asdict(probe).items() if k != "wells"}, "parameters": parameters, "screening": screen, "kept": list(s.kept),
    }  # fmt: skip


def _words(s: Subject, probe: Probe, screen: list[dict[str, Any]]) -> str:
    kept = sum(row["kept"] for row in screen)
    how = "without screening" if probe.everything else f"after screening {kept} of {len(screen)} mechanisms stayed"
    of = f" matching {probe.pattern}" if probe.pattern else ""
    tags = ", ".join(probe.tags)
    return f"{len(s.kept)} of {len(s.records)} parameters (tag {tags}{of}) one at a time, {how}, {s.job.replicates} wells"


def _write_oat(s: Subject, probe: Probe, screen: list[dict[str, Any]]) -> None:
    chance = _by_chance(s)
    after = {(name, end): s.read(s.end(name, end)) for name in s.kept for end in ENDS}
    failed = [f"{name} at its {end} end" for (name, end), r in after.items() if r is None]
    rows, hinges = [], {}
    for finding, before in s.before.items():
        effects: list[dict[str, Any]] = [
            {"parameter": n, "end": end, "value": s.end_value(n, end), **asdict(r[finding]), "turned": turned(before, r[finding])}
            for (n, end), r in after.items()
            if r is not None
        ]  # fmt: skip
        found = list(dict.fromkeys(str(e["parameter"]) for e in effects if e["turned"]))
        hinges[finding] = [] if finding in chance else found
        rows.append({"finding": finding, **asdict(before), "by_chance": finding in chance, "hinges": hinges[finding], "effects": effects})
    plain = _head(s, probe, screen, _words(s, probe, screen)) | {"failed": failed, "findings": rows}
    write_json(s.folder / ROBUSTNESS / f"{s.key}.json", plain)
    known = read_hinges(s.folder)
    for finding, names in hinges.items():  # what another pattern or tag found stays
        known[finding] = sorted({*names, *(n for n in known.get(finding, ()) if n not in s.kept)})
    write_json(s.folder / HINGES, {k: v for k, v in known.items() if v})


def _design_jobs(s: Subject, probe: Probe) -> tuple[np.ndarray, list[Job]]:
    names = s.kept
    if not names:
        return np.empty((0, 0)), []
    table = design(probe.method, names, probe.trajectories, s.job.seed)
    values = np.column_stack([quantile(s.records[n], table[:, k]) for k, n in enumerate(names)])
    return table, [s.several(probe.method, dict(zip(names, map(float, row), strict=True))) for row in values]


def _write_design(s: Subject, probe: Probe, screen: list[dict[str, Any]]) -> None:
    table, jobs = _design_jobs(s, probe)
    after = [s.read(job) for job in jobs]
    rows = []
    for finding, before in s.before.items():
        y = np.array([np.nan if r is None else r[finding].effect for r in after])
        why = "" if s.kept else "the screening left no parameter"
        if not why and not np.isfinite(y).all():
            why = NOT_TESTED if before.state == NOT_TESTED else "no effect in every plate"
        found = analysed(probe.method, s.kept, table, y, s.job.seed) if not why else []
        why = why or ("" if found else "the effect is the same in all plates")
        rows.append({"finding": finding, **asdict(before), "effects": y, "why_not": why, "sensitivity": [asdict(x) for x in found]})
    words = f"{probe.method} over {len(s.kept)} of {len(s.records)} parameters, {len(jobs)} plates"
    failed = [job.variant for job, r in zip(jobs, after, strict=True) if r is None]
    plain = _head(s, probe, screen, words) | {"failed": failed, "findings": rows}
    write_json(s.folder / ROBUSTNESS / f"{s.key}-{probe.method}.json", plain)


__all__ = ["FORMAT", "Probe", "robustness"]
