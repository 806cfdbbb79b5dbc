"""Dishes of preparation (``cells.NAME.prepared``): what an arm's population is kept in before it is put into its well.

A dish is described like a well: size and medium, other populations, injuries, treatments. Here it becomes a :class:`Plan` of its own, so
that everything that reads, checks and resolves the plan of an arm serves it as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mitoferry.core.plate_spec import ISOLATED
from mitoferry.experiment.meaning import count_of, rows_of_graft
from mitoferry.experiment.parts import Cells, Prepared, role_of
from mitoferry.experiment.quantities import Amount
from mitoferry.experiment.schema import Experiment, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Dish:
    """A dish of one arm.

    Attributes:
        owner: population that is prepared in it.
        plan: its wells, with that population first.
        given: as in the file.
        time: when the population is put into its well.
        path: where it stands in the arm.
    """

    owner: str
    plan: Plan
    given: Prepared
    time: Amount
    path: tuple[Any, ...]

    @property
    def end(self) -> float:
        """When the population is put into its well [s]."""
        return self.time.value


def dishes_in(plan: Plan) -> list[Dish]:
    """Dishes of an arm, in the order of its populations, then of its grafts."""
    found = []
    for name, cells in plan.cells.items():
        if cells.prepared is not None:
            found.append(_dish(name, cells, count_of(cells, plan), cells.added, ("cells", name, "prepared")))
    for n, treat in enumerate(plan.treat):
        if treat.graft is not None and treat.graft.prepared is not None:
            graft = treat.graft
            found.append(_dish(graft.name, graft.cells(), rows_of_graft(graft, plan), treat.from_, ("treat", n, "graft", "prepared")))
    return found


def _dish(owner: str, cells: Cells, count: int, time: Amount, path: tuple[Any, ...]) -> Dish:
    given = cells.prepared
    if given is None:
        raise ValueError(f"{owner} has no preparation")
    number = count if given.count is None else given.count
    mine = cells.model_copy(update={"count": number, "density": None, "per_volume": None, "added": given.from_, "prepared": None})
    others = {name: c.model_copy(update={"role": role_of(name, c) or "recipient"}) for name, c in given.cells.items() if name != owner}
    plan = Plan.model_construct(well=given.well, cells={owner: mine, **others}, injury=given.injury, treat=given.treat)
    return Dish(owner=owner, plan=plan, given=given, time=time, path=path)


def every_dish(experiment: Experiment) -> list[Dish]:
    """Dishes of all arms, in their order; those of an experiment without arms."""
    return [dish for plan in [experiment, *experiment.plans.values()] for dish in dishes_in(plan)]


def cells_in_dishes(experiment: Experiment) -> dict[str, dict[str, Cells]]:
    """By the population that is prepared: all populations of its dishes, in any arm; it stands first."""
    found: dict[str, dict[str, Cells]] = {}
    for dish in every_dish(experiment):
        for name, cells in dish.plan.cells.items():
            found.setdefault(dish.owner, {}).setdefault(name, cells)
    return found


def companions(experiment: Experiment) -> dict[str, Cells]:
    """Populations that are in dishes of preparation only."""
    return {name: cells for owner, held in cells_in_dishes(experiment).items() for name, cells in held.items() if name != owner}


def _n_doses(plan: Plan) -> int:
    """Doses of mitochondria that a plan gives."""
    return sum(1 for t in plan.treat if t.mitochondria is not None or t.vesicles is not None or t.inject is not None)


def first_doses(experiment: Experiment) -> dict[str, int]:
    """Number of the first dose in the dishes of each population: doses of dishes are told apart from those of arms, alike in all arms."""
    first = ISOLATED + max((_n_doses(plan) for plan in experiment.plans.values()), default=0)
    most: dict[str, int] = {}
    for dish in every_dish(experiment):
        most[dish.owner] = max(most.get(dish.owner, 0), _n_doses(dish.plan))
    found = {}
    for owner, n in most.items():
        found[owner], first = first, first + n
    return found


def dish_name(arm: str, owner: str) -> str:
    """Name of a dish among the arms of a plate; no arm has a dot in its name."""
    return f"{arm}.{owner}"
