"""Runs the jobs of a board on several processes. What is finished stays; a board that was stopped goes on where it was.

A job writes an ordinary run folder. One that was killed is resumed to the same bytes; where only its process was killed (for
lack of memory, by a crash), at once, with the others that went down with it. One that failed is noted with its error in
``failed.json`` of its folder, shown on the board, and tried again when the board is run again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path

from mitoferry.base.errors import MitoferryError
from mitoferry.store.atomic import write_json
from mitoferry.store.paths import COMPLETE, is_run
from mitoferry.store.run_folder import FRAMES
from mitoferry.studies.board.plan import BASE, Job, spec_of
from mitoferry.studies.run import InterruptedRunError

FAILED = "failed.json"
MOST_IN_VAIN = 3  # pools in a row that lost a process before any job of theirs ended
Tell = Callable[["Done"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A job that has ended.

    Attributes:
        job: which.
        seconds: how long it took, 0 if it was there already.
        error: why it failed, "" if it did not.
    """

    job: Job
    seconds: float
    error: str = ""


def finished(job: Job, board: Path) -> bool:
    """Whether the run of a job is there and whole."""
    return (job.folder(board) / COMPLETE).exists()


def run_job(job: Job, board: str) -> Done:
    """Run one job, or go on with it; called in a process of its own.

    Raises:
        InterruptedRunError: the user stopped it; it can go on.
    """
    from mitoferry.backends.choose import choose_backend
    from mitoferry.studies.run import resume_run, start_run

    folder, begun = job.folder(Path(board)), time.monotonic()
    engine = choose_backend("cpu", threads=1)
    try:
        if is_run(folder) and (folder / "checkpoints").is_dir():
            resume_run(folder, engine)
        else:
            shutil.rmtree(folder, ignore_errors=True)  # a job that was killed before its first checkpoint holds nothing
            folder.parent.mkdir(parents=True, exist_ok=True)
            from mitoferry.studies.board.plan import experiment_of

            start_run(spec_of(job), folder, engine, experiment=experiment_of(job.card).model_dump(mode="json"))
    except InterruptedRunError:
        raise
    except Exception as error:  # noted in full and shown on the board; the other cards go on
        text = str(error) if isinstance(error, MitoferryError) else f"{type(error).__name__}: {error}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_json(folder / FAILED, {"error": text, "traceback": traceback.format_exc()})
        return Done(job=job, seconds=time.monotonic() - begun, error=text)
    if job.variant != BASE:
        shutil.rmtree(folder / FRAMES, ignore_errors=True)  # pictures are made of base plates only
    return Done(job=job, seconds=time.monotonic() - begun)


def failure(job: Job, board: Path) -> str:
    """Why a job failed, "" if it did not."""
    path = job.folder(board) / FAILED
    return str(json.loads(path.read_text(encoding="utf-8"))["error"]) if path.exists() else ""


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone: killed, it leaves nobody who works on in its folder."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)  # as a kill: runs go on from their last checkpoint

    threading.Thread(target=watch, name="mitoferry_parent", daemon=True).start()


def run_jobs(jobs: Sequence[Job], board: Path, *, workers: int, tell: Tell | None = None) -> list[Done]:
    """Run what is not there yet, the costly jobs first, one thread each on ``workers`` processes.

    Args:
        jobs: what to run.
        board: folder of the board.
        workers: processes.
        tell: called with each job that ends.

    Raises:
        InterruptedRunError: Ctrl-C; what is finished stays.
        MitoferryError: processes were killed again and again before anything was finished.
    """
    done = [Done(job=j, seconds=0.0) for j in jobs if finished(j, board)]
    for d in done:
        if tell is not None:
            tell(d)
    waiting = sorted((j for j in jobs if not finished(j, board)), key=lambda j: (-j.cost, j.card, j.variant))
    if not waiting:
        return done
    if workers <= 1:
        return done + [_told(run_job(job, str(board)), tell) for job in waiting]
    in_vain = 0
    while waiting:
        ended = _run_pool(waiting, board, workers, tell)
        done += ended
        over = {(d.job.card, d.job.variant) for d in ended}
        waiting = [j for j in waiting if (j.card, j.variant) not in over]
        in_vain = 0 if ended else in_vain + 1
        if in_vain == MOST_IN_VAIN:
            names = ", ".join(f"{j.card} {j.variant}" for j in waiting[:workers])
            raise MitoferryError(
                f"processes of the board were killed {in_vain} times in a row while these were run: {names}. For lack of memory? Try fewer "
                f"--workers. What is finished stays; the same command with --out {board} goes on."
            )
    return done


def _run_pool(jobs: Sequence[Job], board: Path, workers: int, tell: Tell | None) -> list[Done]:
    """Those of ``jobs`` that ended: all, unless a process was killed, which takes the others of its pool with it."""
    done: list[Done] = []
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=end_with_parent)
    try:
        left: set[Future[Done]] = {pool.submit(run_job, job, str(board)) for job in jobs}
        while left:
            ended, left = wait(left, return_when=FIRST_COMPLETED)
            done += [_told(f.result(), tell) for f in ended if not isinstance(f.exception(), BrokenProcessPool)]
    except (KeyboardInterrupt, InterruptedRunError):
        pool.shutdown(cancel_futures=True)
        raise InterruptedRunError(f"stopped; what is finished stays. The same command with --out {board} goes on.") from None
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            pool.shutdown(cancel_futures=True)
    return done


def _told(done: Done, tell: Tell | None) -> Done:
    if tell is not None:
        tell(done)
    return done
