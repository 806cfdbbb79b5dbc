"""What a board spends: wells, draws from the prior ranges, knock-outs, and how large a card may be.

A card whose plate would cost more than the budget is run with fewer cells on less area at the same density, the same
for all its arms; one that stays too large is left to the full setting. Budgets count mitochondrion-steps (one
mitochondrion through one macro-step), which is what time goes by, with an allowance per macro-step and cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.plate_spec import Arm, Dose, Geometry, Graft, PlateSpec, Population

MIN_CELLS = 12
"""Fewest cells of a population in a smaller well; a population that has fewer keeps them."""
CELL_WORTH = 60.0  # mitochondrion-steps that a cell costs beside its mitochondria, per macro-step
STEP_WORTH = 6e4  # mitochondrion-steps that a macro-step costs by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How thorough a board is.

    Attributes:
        name: "quick" or "full".
        wells: wells per arm at the values of the library.
        draws: least number of draws of all parameters from their ranges (one well per arm each); 0 = none.
        most_draws: draws that are spent where a verdict is open.
        knock_outs: whether routes and the paracrine arm are knocked out to see what carried an effect.
        budget: mitochondrion-steps that the plate of a card may cost at ``wells``; infinite = no limit.
    """

    name: str
    wells: int
    draws: int
    most_draws: int
    knock_outs: bool
    budget: float


QUICK = Setting(name="quick", wells=3, draws=0, most_draws=0, knock_outs=False, budget=8e8)
FULL = Setting(name="full", wells=8, draws=8, most_draws=32, knock_outs=True, budget=math.inf)
SETTINGS = {s.name: s for s in (QUICK, FULL)}


def setting(
    name: str, *, wells: int | None = None, draws: int | None = None, most_draws: int | None = None, knock_outs: bool | None = None,
    budget: float | None = None,
) -> Setting:  # fmt: skip
    """A setting by its name, with changes.

    Raises:
        InputError: unknown name, or numbers that make no sense.
    """
    problems = []
    if name not in SETTINGS:
        problems.append(Problem("reproduce", "setting", "one of " + ", ".join(SETTINGS), repr(name)))
    if wells is not None and wells < 2:
        problems.append(Problem("reproduce", "wells", "2 or more: one well has no interval", str(wells)))
    if draws is not None and (draws < 0 or draws == 1):
        problems.append(Problem("reproduce", "draws", "0 (none) or 2 and more", str(draws)))
    least = draws if draws is not None else SETTINGS[name].draws if name in SETTINGS else 0
    if most_draws is not None and most_draws < least:
        problems.append(Problem("reproduce", "most draws", f"as many as there are at least ({least})", str(most_draws)))
    if most_draws and not least:
        problems.append(Problem("reproduce", "most draws", "a setting with draws", "none", hint="--draws 8, or --setting full."))
    if budget is not None and not budget > 0:
        problems.append(Problem("reproduce", "budget", "a number of mitochondrion-steps above 0", f"{budget:g}"))
    if problems:
        raise InputError(problems)
    s = SETTINGS[name]
    s = replace(s, wells=s.wells if wells is None else wells, budget=s.budget if budget is None else budget)
    s = replace(s, knock_outs=s.knock_outs if knock_outs is None else knock_outs)
    s = s if draws is None else replace(s, draws=draws, most_draws=max(draws, s.most_draws if draws else 0))
    return s if most_draws is None else replace(s, most_draws=most_draws)


def cost_of(spec: PlateSpec, arms: int | None = None) -> float:
    """Mitochondrion-steps that a plate costs, with what its cells and macro-steps cost beside.

    Args:
        spec: the plate.
        arms: reckon with this many arms of average size; default those of the plate.
    """
    steps = spec.until / spec.macro_step
    share = 1.0 if arms is None else arms / max(len(spec.main_arms), 1)
    cells = sum(p.rows * _time_there(p, arm, spec) for arm in spec.arms for p in arm.populations) * spec.replicates * share
    held = sum(_mitochondria(arm, spec) for arm in spec.arms) * spec.replicates * share
    return steps * (held + CELL_WORTH * cells + STEP_WORTH)


def _mitochondria(arm: Arm, spec: PlateSpec) -> float:
    cells = sum(p.rows * p.cell_type.mitochondria * _time_there(p, arm, spec) for p in arm.populations)
    return cells + sum(d.source.count for d in arm.doses)


def _time_there(population: Population, arm: Arm, spec: PlateSpec) -> float:
    """Share of the run for which cells cost something: those of a dish of preparation that ends, but for those prepared, go with it."""
    given = arm.prepares
    if given is None or population.index == given.population:
        return 1.0
    ends = any(a.kind == "take_out" and a.start == given.end and population.index in a.populations for a in arm.actions)
    return min(given.end / spec.until, 1.0) if ends else 1.0


def fitted(spec: PlateSpec, budget: float) -> tuple[PlateSpec, float]:
    """The plate within a budget: itself, or with fewer cells on less area at the same density.

    Returns:
        The plate, and the share of its cells that is left (1.0 = all). It may still cost more than the budget: no
        population is cut below :data:`MIN_CELLS`.
    """
    if cost_of(spec) <= budget:
        return spec, 1.0
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if cost_of(shrunk(spec, middle)) <= budget else (low, middle)
    share = low if low > 0.0 else _least(spec)
    return shrunk(spec, share), share


def _least(spec: PlateSpec) -> float:
    """Share at which the largest population has reached :data:`MIN_CELLS`."""
    largest = max((p.count for arm in spec.every_arm for p in arm.populations), default=MIN_CELLS)
    return min(1.0, MIN_CELLS / max(largest, 1))


def shrunk(spec: PlateSpec, share: float) -> PlateSpec:
    """The plate with about this share of its cells, at the same density of the largest population in every arm."""
    counts = [p.count for arm in spec.every_arm for p in arm.populations]
    largest = max(counts, default=0)
    if largest <= MIN_CELLS or share >= 1.0:
        return spec
    share = max(share, MIN_CELLS / largest)
    share = round(largest * share) / largest  # what the largest population really keeps
    return replace(spec, arms=tuple(_smaller(a, share) for a in spec.arms), left_out=tuple(_smaller(a, share) for a in spec.left_out))


def _smaller(arm: Arm, share: float) -> Arm:
    """One arm with a share of its cells and of its space."""
    block = arm.geometry.kind == "block"
    edge = share ** (1.0 / 3.0) if block else math.sqrt(share)
    x, y, z = arm.geometry.size
    size = (x * edge, y * edge, z * edge if block else z)
    geometry: Geometry = replace(arm.geometry, size=size, voxel=min(arm.geometry.voxel, *size[: 3 if block else 2]))

    def fewer(p: Population) -> Population:
        return replace(p, count=min(p.count, max(MIN_CELLS, round(p.count * share))))

    def lighter(d: Dose) -> Dose:
        site = (d.site[0] * edge, d.site[1] * edge, d.site[2] * (edge if block else 1.0))
        return replace(d, source=replace(d.source, count=max(1, round(d.source.count * share))), site=site)

    def nearer(g: Graft) -> Graft:
        return replace(g, site=(g.site[0] * edge, g.site[1] * edge, g.site[2] * (edge if block else 1.0)))

    return replace(
        arm, geometry=geometry, populations=tuple(map(fewer, arm.populations)), doses=tuple(map(lighter, arm.doses)),
        grafts=tuple(map(nearer, arm.grafts)),
    )  # fmt: skip


__all__ = ["FULL", "MIN_CELLS", "QUICK", "SETTINGS", "Setting", "cost_of", "fitted", "setting", "shrunk"]
