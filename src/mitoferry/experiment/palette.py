"""Haplotypes of mtDNA: those of a population with their shares, and those of the whole experiment."""

from __future__ import annotations

from mitoferry.experiment.names import Library
from mitoferry.experiment.parts import Cells, role_of
from mitoferry.experiment.prepared import every_dish
from mitoferry.experiment.schema import Experiment


def shares_of(name: str, cells: Cells, library: Library) -> dict[str, float]:
    """Haplotypes of a population with their shares; the rest is wild type, which in donors is called "donor"."""
    record = library.cell_types.get(cells.type)
    given = {h: s.value for h, s in cells.haplotypes.items()}
    shares = given or dict(getattr(record, "haplotypes", {}) or {})
    rest = 1.0 - sum(shares.values())
    if rest > 1e-9:
        shares["wild_type"] = shares.get("wild_type", 0.0) + rest
    if role_of(name, cells) == "donor" and "wild_type" in shares:
        shares = {("donor" if h == "wild_type" else h): s for h, s in shares.items()}
    return shares


def palette_of(experiment: Experiment, library: Library) -> list[str]:
    """Haplotypes of the whole experiment, wild type first: the same in every arm."""
    found: dict[str, None] = {"wild_type": None}
    for plan in [experiment, *experiment.plans.values(), *(dish.plan for dish in every_dish(experiment))]:
        for name, cells in plan.cells.items():
            found.update(dict.fromkeys(shares_of(name, cells, library)))
        for treat in plan.treat:
            if treat.given is not None:
                found.update(dict.fromkeys(shares_of("", treat.given.cells(), library)))
    return list(found)
