"""Same bytes: backends to compare, digests of tables and events, and of a few steps of the whole loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference
from mitoferry.experiment.loop import Engine, load_processes
from mitoferry.store.snapshot import snapshot
from mitoferry.studies.run import digest

BACKENDS = {
    "reference, shuffled": lambda: Reference(shuffle=3),
    "one thread": lambda: Cpu(threads=1),
    "two threads": lambda: Cpu(threads=2, eager=True),
    "two threads, shuffled": lambda: Cpu(threads=2, shuffle=5),
}
"""Makers of the backends that must give the bytes of ``Reference()``."""


def add_tables(sha: Any, *tables: Any) -> None:
    """Put every column of ``tables`` into a digest."""
    for table in tables:
        for column in table:
            sha.update(np.ascontiguousarray(column).tobytes())


def take_events(sha: Any, events: Any, backend: Any = None) -> list[int]:
    """Put the events logged so far into a digest and empty the buffer, which ``backend`` has written; returns their routes."""
    if backend is not None:
        backend.pull(events)
    n = int(events.count[0])
    for name in events._fields[:-1]:
        sha.update(np.ascontiguousarray(getattr(events, name)[:n]).tobytes())
    routes = events.route[:n].tolist()
    events.count[:] = 0
    if backend is not None:
        backend.push(events)
    return routes


class Looped(NamedTuple):
    """A few steps of the whole loop: digest of the state, processes that ran, mitochondria handed over."""

    state: str
    processes: tuple[str, ...]
    handovers: int


def loop_digest(spec: Any, *, without: Any = (), steps: int = 6) -> Looped:
    """What ``steps`` steps of the whole loop come to, with the processes ``without`` not installed."""
    engine = Engine(spec, Cpu(threads=1), processes=[p for p in load_processes() if p.name not in without])
    engine.burn_in(120)
    for _ in range(steps):
        engine.advance()
    arrays, _ = snapshot(engine.world)
    return Looped(digest(arrays), tuple(p.name for p in engine.processes), engine.n_handovers)
