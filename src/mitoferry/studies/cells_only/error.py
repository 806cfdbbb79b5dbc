"""How far each set of clocks is from the limit of small steps, by halving them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.studies.cells_only.clocks import FreeClocks, OwnClocks, PinnedClocks
from mitoferry.studies.cells_only.workload import Workload


class Distance(NamedTuple):
    """Between two runs at one time: substrate at the cells (of 38 at the faces) and positions [um], largest and root mean square.

    Attributes:
        what: which two are compared.
        minutes: when.
    """

    what: str
    minutes: float
    substrate_max: float
    substrate_rms: float
    place_max: float
    place_rms: float


def state_of(run: Any) -> tuple[Any, Any]:
    """(concentration at each cell, places), in order of ids."""
    return run.concentrations(), run.crowd.places


def distance(what: str, minutes: float, a: Any, b: Any) -> Distance:
    """How far two states are apart."""
    substrate = np.abs(a[0] - b[0])
    place = np.sqrt(((a[1] - b[1]) ** 2).sum(axis=1))
    return Distance(
        what, minutes, float(substrate.max()), float(np.sqrt((substrate**2).mean())), float(place.max()), float(np.sqrt((place**2).mean()))
    )


def errors_of_clocks(
    work: Workload, backend: Any, times: tuple[float, ...] = (0.5, 3.0), clocks: OwnClocks | None = None, *, refine: int = 8
) -> list[Distance]:
    """Halve every step of both sets of clocks, and compare both with pinned clocks that are ``refine`` times as fast.

    The pinned field converges in the first order, so the reference is extrapolated: 2 c(refine) - c(refine/2).

    Args:
        work: what to simulate. In a smaller box the pinned clocks err more (their splitting errs at the faces), ours do not.
        backend: runs the row functions.
        times: when to compare [min].
        clocks: ours.
        refine: an even number.
    """
    clocks = clocks or OwnClocks()
    runs: dict[str, Any] = {
        "own": FreeClocks(work, backend, clocks),
        "own, halved": FreeClocks(work, backend, clocks.halved()),
        "pinned": PinnedClocks(work, backend),
        "pinned, halved": PinnedClocks(work, backend, refine=2),
        "half": PinnedClocks(work, backend, refine=refine // 2),
        "fine": PinnedClocks(work, backend, refine=refine),
    }
    found: list[Distance] = []
    before = 0.0
    for minutes in times:
        for run in runs.values():
            run.advance(minutes - before)
        before = minutes
        states = {name: state_of(run) for name, run in runs.items()}
        limit = tuple(2.0 * f - h for f, h in zip(states["fine"], states["half"], strict=True))
        found += [
            distance("own clocks, halved", minutes, states["own"], states["own, halved"]),
            distance("own clocks, to the limit", minutes, states["own"], limit),
            distance("pinned clocks, halved", minutes, states["pinned"], states["pinned, halved"]),
            distance("pinned clocks, to the limit", minutes, states["pinned"], limit),
        ]
    return found
