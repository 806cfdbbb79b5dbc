"""Every mechanism leaves the same bytes where the state lies in a memory of its own: who reads or writes what when is said everywhere."""

from __future__ import annotations

import warnings
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from cuda_cases import CASES, tiny

from mitoferry.assays import load_assays
from mitoferry.assays.base import one_time_of_reading
from mitoferry.backends.apart import Apart
from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import MitoferryError
from mitoferry.core.row import row
from mitoferry.experiment.loop import Engine
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.resolve import resolve
from mitoferry.store.frames import frame_of
from mitoferry.store.snapshot import snapshot
from mitoferry.store.tables import events_held
from mitoferry.studies.run import _population_index
from renumbered import renumbered


@row
def add_one(i, numbers):
    """One more."""
    numbers[i] = int(numbers[i]) + 1


def readings(case: Any, engine: Any) -> dict[str, bytes]:
    """What the assays of the experiment read, and the frame that would be saved."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = resolve(load_experiment(case.experiment), arms=(case.arm,))
    found, assays, step = {}, load_assays(), engine.step_of("macro", engine.tick)
    with one_time_of_reading():
        for k, m in enumerate(spec.measurements):
            rows = assays[m.assay].measure(engine.world, _population_index(engine.spec, m.of), dict(m.options), step)
            found[f"reading {k}: {m.assay} {m.of}"] = repr(rows).encode()
        frame = frame_of(engine.world, wells=[0])
    return found | {f"frame: {table}/{name}": x.tobytes() for table, columns in frame.items() for name, x in columns.items()}


def state(case: Any, backend: Any, *, anew: bool = False) -> dict[str, bytes]:
    """The bytes of the whole state after the few steps of a case, of events and of what is read; ``anew``: as ``renumbered``."""
    engine = Engine(tiny(case), backend)
    events: list[bytes] = []
    engine.on_events = lambda happened: events.append(b"".join(x.tobytes() for x in events_held(happened).values()))
    engine.burn_in(case.step)
    with patch("mitoferry.experiment.loop.SCATTERED", 1.0):  # pages are sorted where there is one copy only, which changes their order
        while not engine.finished:
            engine.advance()
    read = readings(case, engine)
    arrays, counters = snapshot(engine.world)
    if anew:
        arrays, counters = renumbered(arrays), {}
    found = {name: array.tobytes() for name, array in arrays.items()} | {name: str(n).encode() for name, n in counters.items()}
    return found | read | {"events": b"".join(events)}


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_same_bytes_where_the_state_lies_elsewhere(name: str) -> None:
    here, there = state(CASES[name], Cpu(threads=1)), state(CASES[name], Apart())
    assert [column for column in here if here[column] != there.get(column)] == []
    assert here.keys() == there.keys()


def test_it_sees_who_writes_without_saying_so() -> None:
    backend, numbers = Apart(), np.zeros(5, dtype=np.int64)
    backend.each(add_one, 5, numbers)
    assert numbers[0] not in (0, 1), "what the launch wrote was not pulled: it must be spoiled"
    backend.pull(numbers)
    assert numbers.tolist() == [1] * 5
    numbers[2] = 7
    with pytest.raises(MitoferryError, match="push was not called"):
        backend.each(add_one, 5, numbers)
    backend.push(numbers)
    backend.each(add_one, 5, numbers)
    backend.pull(numbers)
    assert numbers.tolist() == [2, 2, 8, 2, 2]


def test_it_refuses_views() -> None:
    with pytest.raises(TypeError, match="a view"):
        Apart().each(add_one, 3, np.zeros(6, dtype=np.int64)[:3])
