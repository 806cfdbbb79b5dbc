"""The first run on a machine: compile on two cores at once.

Compiling a kernel holds a lock, so threads do not help. On a cold cache a *scout* is forked once the plate is built: it
runs the processes in the reverse order and then goes on ahead of the run, compiling what it meets into the cache on
disk, where the run finds it; neither compiles what the other is compiling. It works on its own copy of the state and
writes nothing else; nothing depends on how far it comes. Where the system cannot fork, or with one thread, the run compiles alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mitoferry.experiment.loop import Engine

AHEAD = 6 * 3600  # s of simulated time that the scout goes ahead at most
PATIENCE = 60  # macro-steps without a new kernel after which it stops: two processes on one core slow each other


def _mark(backend: Any) -> Path:
    """File in the kernel cache: there once a run with these sources came so far that all kernels are there."""
    from mitoferry.backends.cpu import source_fingerprint

    return Path(backend.cache_folder) / f"complete-{source_fingerprint()}"


class Scout:
    """Handle of a scout process; ``stop`` ends it."""

    def __init__(self, pid: int, backend: Any = None) -> None:
        self._pid = pid
        self._backend = backend

    def stop(self) -> None:
        """End the scout if it is still at work, and collect it."""
        if self._pid:
            try:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            self._pid = 0
        if self._backend is not None and self._backend.turns is not None:
            shutil.rmtree(self._backend.turns, ignore_errors=True)
            self._backend.turns = None


def send_scout(engine: Engine, backend: Any) -> Scout:
    """Fork a scout if the cache of compiled kernels is cold and that can help."""
    wanted = backend.name == "cpu" and backend.caches and backend.threads > 1 and hasattr(os, "fork") and sys.platform == "linux"
    if not wanted or _mark(backend).exists() or backend.has_started_threads:
        return Scout(0)
    backend.turns = Path(tempfile.mkdtemp(prefix="mitoferry-"))
    pid = os.fork()
    if pid:
        return Scout(pid, backend)
    code = 1
    try:
        for s in (signal.SIGINT, signal.SIGTERM):
            signal.signal(s, signal.SIG_DFL)
        _die_with_parent()
        backend.threads = 1
        _run_ahead(engine)
        code = 0
    finally:
        os._exit(code)


def _die_with_parent() -> None:
    """Be killed when the run is killed: a scout left behind would hold the lock of its folder and keep it from being resumed."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() == 1:
        os._exit(1)


def _run_ahead(engine: Engine) -> None:
    world = engine.world
    world.ledger.open(world)
    for p in reversed(engine.processes):
        step = engine.step_of(p.clock, 0)
        p.advance(world, step, world.parameters[p.name])
    engine.on_events = None
    known, since = world.backend.n_kernels, 0
    while engine.tick < min(AHEAD, engine.spec.until) and since < PATIENCE:
        engine.advance()
        since = since + 1 if world.backend.n_kernels == known else 0
        known = world.backend.n_kernels


def mark_complete(backend: Any) -> None:
    """Note that the kernels of this version are in the cache; later runs send no scout."""
    if backend.name == "cpu" and backend.caches:
        try:
            backend.cache_folder.mkdir(parents=True, exist_ok=True)
            _mark(backend).touch()
        except OSError:
            return  # a cache that cannot be written to is no error: the next run compiles again
