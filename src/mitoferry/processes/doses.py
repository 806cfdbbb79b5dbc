"""Doses whose turn has come: a treatment that starts at t is given in the macro-step with t in (time - dt, time]."""

from __future__ import annotations

from typing import Any


def is_due(given: Any, step: Any) -> bool:
    """Whether what has a ``start`` [s] begins in this macro-step."""
    return bool(step.time - step.dt < given.start <= step.time)


def doses_due(arm: Any, route: str, step: Any) -> list[Any]:
    """The doses of an arm that come by ``route`` and are given in this macro-step, in order of the file."""
    return [dose for dose in arm.doses if dose.route == route and is_due(dose, step)]
