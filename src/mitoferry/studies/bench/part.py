"""What a part of the bench is, and how everything is measured.

A part is prepared once and then sampled once per round, in turns with all others, so that its repeats span the whole bench.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mitoferry.studies.bench.plates import Tell, TimedPlate, mitochondria_of
from mitoferry.studies.bench.record import Measure

Rounds = Mapping[str, Sequence[float]]
"""Samples of all parts by name, one per round."""

SETTLED = 3600 // 60  # macro-steps of the burn-in
RATE = 4e7  # mitochondrion-steps/s on which the share that is done is reckoned


@dataclass
class Setting:
    """How everything is measured.

    Attributes:
        backend: name of the backend.
        threads: of the CPU backend.
        clock: gives seconds.
        large: plates of up to 10^8 mitochondria, too.
        size: factor on the size of plates (tests take a small part of one).
    """

    backend: str
    threads: int
    clock: Callable[[], float] = time.perf_counter
    large: bool = False
    size: float = 1.0

    @cached_property
    def engine(self) -> Any:
        """The backend that all plates share."""
        return self.fresh()

    def fresh(self, threads: int | None = None) -> Any:
        """A backend of its own."""
        from mitoferry.backends.choose import choose_backend

        return choose_backend(self.backend, threads=threads or self.threads)

    @property
    def plain(self) -> bool:
        """Whether plain Python computes, some thousand times slower: plates are as small as they can be."""
        return self.backend == "reference"

    def mitochondria(self, n: float) -> float:
        """Size of a plate on this backend."""
        return (n * 10.0 if self.backend == "cuda" else n) * self.size


class Part:
    """Something that is measured.

    Attributes:
        name: as ``--only`` takes it.
        title: what it is, for the progress.
        preparing: about how long it takes to prepare [s].
    """

    name = ""
    title = ""
    preparing = 0.1
    once = False  # sampled after all rounds, once only

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def prepare(self, tell: Tell) -> None:
        """Get ready; ``tell`` the share that is done."""

    def sample(self) -> dict[str, float]:
        """Measure once; names and figures."""
        raise NotImplementedError

    def measures(self, rounds: Rounds) -> list[Measure]:
        """What all rounds give."""
        raise NotImplementedError

    def timed(self, spec: Any, **options: Any) -> TimedPlate:
        """A plate on the shared backend, timed by the clock of the setting."""
        return TimedPlate(spec, self.setting.engine, clock=self.setting.clock, **options)


def seconds_to(spec: Any, hour: float) -> float:
    """About how long it takes to carry a plate to an hour of its experiment [s]."""
    return 0.5 + (SETTLED + 60.0 * hour) * (mitochondria_of(spec) / RATE + 1e-3)


def prepare_all(plates: Sequence[TimedPlate], tell: Tell) -> None:
    """Prepare plates one after the other."""
    weights = [seconds_to(p.spec, p.hour) for p in plates]
    for k, plate in enumerate(plates):
        before = sum(weights[:k])
        plate.prepare(lambda share, w=weights[k], b=before: tell((b + share * w) / sum(weights)))  # type: ignore[misc]
