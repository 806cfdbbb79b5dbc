"""A process that runs a tiny plate again and again in forked children and has them killed: by time, or within a write.

Run by ``tests/validation/test_killed_anywhere.py`` as a process of its own: ``python kill_server.py FOLDER SEED KILLS``.
Libraries and kernels are loaded once, before the first fork, so that a life costs what it computes. A child is killed with
SIGKILL, either by its parent after a time drawn over the length of an undisturbed run, or by itself in the middle of the
n-th write, before the n-th fsync or before the n-th renaming of a file, n drawn over those of an undisturbed run.

Prints a JSON list of what was found, one record per run: how it was killed, how often, and its content's digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import mitoferry as mf
from mitoferry.backends.cpu import Cpu
from mitoferry.store import atomic, checkpoint
from mitoferry.studies.run import resume_run, start_run
from runs import tiny

POINTS = ("write", "fsync", "rename")
CHECKPOINT_EVERY = 0.02  # s of wall time: dozens in a run
CHAIN = 20  # times that every second run is killed
calls: Counter[str] = Counter()
fatal: dict[str, int] = {}


def reached(point: str, half: Any = None) -> None:
    """Count a call; at the fatal one do half of it and die."""
    calls[point] += 1
    if calls[point] == fatal.get(point):
        if half is not None:
            half()
        os.kill(os.getpid(), signal.SIGKILL)


def watch() -> None:
    """Put the points of death into the writing of files."""
    put, fsync, rename = checkpoint._put, atomic.os.fsync, atomic.os.replace

    def writing(file: Any, data: Any) -> None:
        view = memoryview(data).cast("B")
        reached("write", lambda: put(file, view[: len(view) // 2]))
        put(file, data)

    def syncing(handle: int) -> None:
        reached("fsync")
        fsync(handle)

    def renaming(old: Any, new: Any) -> None:
        reached("rename")
        rename(old, new)

    checkpoint._put, atomic.os.fsync, atomic.os.replace = writing, syncing, renaming


def content(folder: Path) -> str:
    """Digest of all that must not depend on where a run was cut: tables, events, frames, ledger, final state."""
    h = hashlib.sha256()
    for name in ("table.parquet", "events.parquet"):
        h.update((folder / name).read_bytes())
    for path in sorted((folder / "run.zarr").rglob("*")):
        if path.is_file():
            h.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    m = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    h.update(json.dumps([m["ledger"], m["state_digest"], m["until"]], sort_keys=True).encode())
    return h.hexdigest()


def live(folder: Path, spec: Any, backend: Any, how: str, when: float) -> bool:
    """One life: start the run, or go on with it, and be killed (``how`` a point, or "time"); whether it came to its end."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            warnings.simplefilter("ignore")  # a file that was cut in half is reported: so it should be
            if how in POINTS:
                fatal[how] = int(when)
            if (folder / "manifest.json").exists():
                resume_run(folder, backend)
            else:
                start_run(spec, folder, backend)
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    if how == "time":
        time.sleep(when)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise SystemExit(f"{folder}: a life ended in an error, see above")
    return True


def main(folder: Path, seed: int, kills: int) -> None:
    """Kill runs until there were ``kills``; each then goes on to its end."""
    spec = replace(mf.load(tiny(folder)).resolve(), checkpoint_every=CHECKPOINT_EVERY)
    backend = Cpu(threads=1)
    start_run(spec, folder / "warm", backend)  # loads libraries and kernels, in this process
    watch()
    calls.clear()
    begun = time.monotonic()
    start_run(spec, folder / "whole", backend)
    length, of_all = time.monotonic() - begun, dict(calls)
    calls.clear()
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = [{"how": "undisturbed", "killed": 0, "content": content(folder / "whole"), "seconds": length} | of_all]

    def draw(share: float) -> tuple[str, float]:
        how = str(rng.choice(["time", *POINTS]))
        return how, rng.uniform(0.0, share * length) if how == "time" else float(rng.integers(1, max(2, int(share * of_all[how]))))

    while sum(r["killed"] for r in found) < kills:
        run, ways = folder / f"run-{len(found)}", []
        lives = 1 if len(found) % 2 else CHAIN  # killed once anywhere, or again and again after short lives
        while len(ways) < lives and not (run / "COMPLETE").exists():
            how, when = draw(1.0 if lives == 1 else 3.0 / lives)
            if not live(run, spec, backend, how, when):
                ways.append(how)
            if run.exists() and not (run / "manifest.json").exists():  # killed before it began: to be started elsewhere
                run = run.with_name(run.name + "-again")
        if not (run / "COMPLETE").exists():
            live(run, spec, backend, "never", 0.0)
        found.append({"how": ways, "killed": len(ways), "content": content(run)})
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
