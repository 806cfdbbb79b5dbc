"""Where the reviews contradict each other: every reading run and judged beside the cards.

Each conflict of the evidence (``conflicts.json``) has an experiment of the same name in ``experiments/conflicts``. It is one more base
plate for the board; the findings whose id goes on with a reading's letter ("conflict-direction#b2") belong to that reading. Readings
are judged by the same rules as findings of cards and count in no total: several may hold, each under its own conditions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mitoferry.evidence import conflicts
from mitoferry.studies.board.plan import Job, base_spec, experiment_of
from mitoferry.studies.board.readings import BoardConflict, BoardReading, ReadingFinding
from mitoferry.studies.board.setting import cost_of
from mitoferry.studies.board.work import failure, finished
from mitoferry.studies.results import Results

if TYPE_CHECKING:
    from mitoferry.evidence import Conflict
    from mitoferry.studies.findings import Finding

NOT_RUN = "not run: mitoferry board conflicts runs it"


def conflict_jobs(wells: int, *, seed: int) -> list[Job]:
    """The base plate of every conflict, at its own size.

    Args:
        wells: least number of wells per arm; a file may ask for more.
        seed: of the random numbers.
    """
    jobs = []
    for c in conflicts():
        n = max(wells, experiment_of(c.key).run.replicates)
        spec, _ = base_spec(c.key, replicates=n, seed=seed, budget=math.inf)
        arms = tuple(a.name for a in spec.main_arms)
        jobs.append(Job(card=c.key, arms=arms, replicates=n, seed=seed, cost=cost_of(spec)))
    return jobs


def judged_conflicts(folder: Path) -> tuple[BoardConflict, ...]:
    """All conflicts, with the verdicts of those that were run."""
    return tuple(_judged(c, folder) for c in conflicts())


def _judged(c: Conflict, folder: Path) -> BoardConflict:
    job = Job(card=c.key, arms=(), replicates=0, seed=0)
    found: Sequence[Finding] = Results(job.folder(folder)).findings() if finished(job, folder) else ()
    wells = Results(job.folder(folder)).names.replicates if found else 0
    failed = failure(job, folder)
    readings = tuple(
        BoardReading(
            letter=r.letter, words=r.words, needs=r.needs, evidence=r.records,
            findings=tuple(
                ReadingFinding(id=f.finding, sentence=f.sentence, verdict=f.verdict, reason=f.reason)
                for f in found
                if f.finding.startswith(f"{c.key}#{r.letter}")
            ),
        )
        for r in c.readings
    )  # fmt: skip
    why = "" if found else failed or NOT_RUN
    return BoardConflict(key=c.key, title=c.title, cards=c.cards, note=c.note or "", why=why, wells=wells, readings=readings)


__all__ = ["NOT_RUN", "conflict_jobs", "judged_conflicts"]
