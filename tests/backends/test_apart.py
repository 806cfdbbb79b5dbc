"""Every mechanism leaves the same bytes where the state lies in a memory of its own: who reads or writes what when is said everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from apart import Apart
from cuda_cases import CASES, tiny

from mitoferry.backends.cpu import Cpu
from mitoferry.core.row import row
from mitoferry.experiment.loop import Engine
from mitoferry.store.snapshot import snapshot


@row
def add_one(i, numbers):
    """One more."""
    numbers[i] = int(numbers[i]) + 1


def state(case: Any, backend: Any) -> dict[str, bytes]:
    """The bytes of the whole state after the few steps of a case."""
    engine = Engine(tiny(case), backend)
    engine.burn_in(case.step)
    while not engine.finished:
        engine.advance()
    arrays, counters = snapshot(engine.world)
    return {name: array.tobytes() for name, array in arrays.items()} | {name: str(n).encode() for name, n in counters.items()}


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
    with pytest.raises(AssertionError, match="without push"):
        backend.each(add_one, 5, numbers)
    backend.push(numbers)
    backend.each(add_one, 5, numbers)
    backend.pull(numbers)
    assert numbers.tolist() == [2, 2, 8, 2, 2]


def test_it_refuses_views() -> None:
    with pytest.raises(TypeError, match="a view"):
        Apart().each(add_one, 3, np.zeros(6, dtype=np.int64)[:3])
