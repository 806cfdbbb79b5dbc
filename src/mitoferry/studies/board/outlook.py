"""What a board will cost, before anything is run: plates, time of one core, memory and disk, round by round.

How many draws and knock-outs there will be is known only from the base plates (which arms differ, what carried mitochondria, which
verdicts are open), so that rounds after the first have a least and a most. Times are those of ``experiment/estimate.py`` on one core;
of the 159 base plates of a quick board half took within 0.68 and 1.5 times as long, all together 1.15 times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mitoferry.core.plate_spec import PlateSpec
from mitoferry.experiment.estimate import START_SECONDS, estimate, machine_speed
from mitoferry.experiment.mechanisms import processes
from mitoferry.studies.board.carried import ROUTES
from mitoferry.studies.board.conflicts import conflict_jobs
from mitoferry.studies.board.plan import known_cards, spec_of
from mitoferry.studies.board.reproduce import Asked, plan_of

JOB_SECONDS = 1.0  # beside its steps: wells laid out, tables written; libraries and kernels are loaded once per process


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCost:
    """Cost of a round of a board.

    Attributes:
        title: of the round.
        plates: least and most.
        seconds: of one core, least and most.
        disk: bytes that its runs leave, least and most.
    """

    title: str
    plates: tuple[int, int]
    seconds: tuple[float, float]
    disk: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Cost of a board.

    Attributes:
        cards: how many of each status.
        rounds: in order.
        memory: bytes of the largest plate on one core.
        speed: of this machine in the test calculation, 1 = the machine of the fit.
    """

    cards: dict[str, int]
    rounds: tuple[RoundCost, ...]
    memory: float
    speed: float

    @property
    def seconds(self) -> tuple[float, float]:
        """Of one core, least and most."""
        return sum(r.seconds[0] for r in self.rounds), sum(r.seconds[1] for r in self.rounds)

    @property
    def disk(self) -> tuple[float, float]:
        """Bytes, least and most."""
        return sum(r.disk[0] for r in self.rounds), sum(r.disk[1] for r in self.rounds)


@dataclass(frozen=True, slots=True)
class _Plate:
    """The base plate of a card: what it costs, and how many carriers may be knocked out of it."""

    seconds: float
    disk: float
    memory: float
    wells: int
    carriers: int

    def times(self, least: float, most: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Seconds and bytes of so many plates of this size."""
        return (least * self.seconds, most * self.seconds), (least * self.disk, most * self.disk)


def outlook(asked: Asked, *, speed: float | None = None) -> Outlook:
    """What a board costs.

    Args:
        asked: as for ``reproduce``.
        speed: of the machine; measured if it is not given.

    Raises:
        InputError: an unknown card.
    """
    speed = machine_speed() if speed is None else speed
    planned = plan_of(asked)
    plates = [_plate(spec_of(p.job), speed) for p in planned if p.job is not None]
    s = asked.setting
    rounds = [_round("cards", plates, [(1.0, 1.0)] * len(plates))]
    if s.knock_outs:
        rounds.append(_round("knock-outs", plates, [(0.0, p.carriers) for p in plates]))
    if s.draws:
        wells = [1.0 / p.wells for p in plates]
        rounds.append(_round("draws", plates, [(s.draws * w, s.draws * w) for w in wells], each=s.draws))
        more = s.most_draws - s.draws
        rounds.append(_round("more draws where a verdict is open", plates, [(0.0, more * w) for w in wells], each=more))
    memory = max((p.memory for p in plates), default=0.0)
    if len(asked.cards) == len(known_cards()) and asked.shard[0] == 1:
        own = [_plate(spec_of(j), speed) for j in conflict_jobs(s.wells, seed=asked.seed)]
        rounds.append(_round("conflicts", own, [(1.0, 1.0)] * len(own)))
        memory = max(memory, *(p.memory for p in own))
    return Outlook(cards=dict(Counter(p.status for p in planned)), rounds=tuple(rounds), memory=memory, speed=speed)


def _plate(spec: PlateSpec, speed: float) -> _Plate:
    cost = estimate(spec, cores=1, speed=speed)
    wanted = {p.name for p in processes() if p.at_work(spec)}
    routes = sum(any(s in wanted for s in c.switches) for c in ROUTES)
    paracrine = any(p.role == "donor" and p.count > 0 for arm in spec.every_arm for p in arm.populations)
    most = routes + (routes > 1) + paracrine
    seconds = cost.seconds - START_SECONDS / speed + JOB_SECONDS / speed
    return _Plate(seconds, cost.disk, cost.memory, spec.replicates, most)


def _round(title: str, plates: Sequence[_Plate], times: Sequence[tuple[float, float]], *, each: int | None = None) -> RoundCost:
    """A round in which plates of these sizes are run so many times; ``each``: as that many plates of fewer wells."""
    sums = [p.times(*t) for p, t in zip(plates, times, strict=True)]
    counts = [(each if least else 0, each) if each is not None else (round(least), round(most)) for least, most in times]
    return RoundCost(
        title=title, plates=(sum(c[0] for c in counts), sum(c[1] for c in counts)),
        seconds=(sum(s[0] for s, _ in sums), sum(s[1] for s, _ in sums)), disk=(sum(d[0] for _, d in sums), sum(d[1] for _, d in sums)),
    )  # fmt: skip


__all__ = ["Outlook", "RoundCost", "outlook"]
