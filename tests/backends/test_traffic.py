"""Where the state lies in a memory of its own, lists of what happened are all that travels in a macro-step.

Fault seen to fail it, planted: a column of the cells that a process pulls.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from mitoferry.backends.apart import Apart
from mitoferry.experiment.loop import Engine
from mitoferry.studies.bench.plates import experiment_plate

STEPS = 10


class Transfers(dict[str, int]):
    """Bytes copied in both directions; keeps the size of every transfer."""

    def __init__(self) -> None:
        super().__init__({"to the device": 0, "to the host": 0})
        self.sizes: list[int] = []

    def __setitem__(self, way: str, n: int) -> None:
        self.sizes.append(n - self.get(way, 0))
        super().__setitem__(way, n)


class Unchecked(Apart):
    """Without the looks at every array that every launch is given: there are many."""

    def _checked(self, args: Any, *called: tuple[Any, int]) -> list[Any]:
        return self._given(args, *called)


@pytest.fixture(scope="module")
def running() -> Any:
    """The flagship experiment in wells of some hundred cells, all mechanisms, donors from the start; twelve steps in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = Engine(experiment_plate(1e6, {"cells.donor.added": "0 h"}, ""), Unchecked())
    engine.world.space.wide = True  # as on a GPU
    engine.burn_in(300)
    for _ in range(12):
        engine.advance()
    return engine


def test_no_column_travels(running):
    world, happened = running.world, []
    running.on_events = lambda events: happened.append(len(events.kind))
    world.backend.moved = Transfers()
    for _ in range(STEPS):
        running.advance()
    sizes = world.backend.moved.sizes
    assert sum(happened) > 10 * STEPS, "a plate on which something happens"
    assert max(sizes) < 2 * world.n_cells, "bytes: what goes by wells is less, a column of the cells more"
    assert sum(sizes) / STEPS < 4000 * sum(happened) / STEPS, "bytes in a macro-step"
