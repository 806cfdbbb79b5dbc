"""Jobs of a board that kill the process they run in; importable by processes that a test starts."""

import os
import signal
from pathlib import Path

from mitoferry.studies.board.plan import Job
from mitoferry.studies.board.work import Done


def once(job: Job, board: str) -> Done:
    """The first time that it runs, the job ``second`` kills its process."""
    mark = Path(board) / "killed"
    if job.card == "second" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Done(job=job, seconds=1.0)


def always(job: Job, board: str) -> Done:
    """The job ``second`` kills its process every time."""
    if job.card == "second":
        os.kill(os.getpid(), signal.SIGKILL)
    return Done(job=job, seconds=1.0)
