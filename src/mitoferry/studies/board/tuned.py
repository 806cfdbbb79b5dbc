"""What experiment files change of the shared library: parameters, numbers of cell types, switches. A board lists it all.

A board is worth something because one library serves all experiments. Published experiments that set a value of their own are
named on it, with the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def changes_in(experiment: Any) -> list[str]:
    """Parameters, numbers of cell types and switches that an experiment sets, as "key = value"."""
    found = [f"parameters.{k} = {v}" for k, v in experiment.parameters.items()]
    found += [f"switches.{k} = {v}" for k, v in experiment.switches.items()]
    for arm, plan in experiment.plans.items():
        for name, cells in plan.cells.items():
            found += [f"{arm}: cells.{name}.overrides.{k} = {v}" for k, v in cells.overrides.items()]
    return found


def tuned(cards: Iterable[str]) -> list[str]:
    """Changes of all published experiments: "card: key = value"."""
    from mitoferry.studies.board.plan import experiment_of

    return [f"{card}: {change}" for card in cards for change in changes_in(experiment_of(card))]
