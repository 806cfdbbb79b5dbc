"""The library as the experiment file sees it: names of cell types, drugs, genes, injuries, parameters and haplotypes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any

CHANGES = {"knockdown": "kd", "knockout": "ko", "overexpression": "oe"}


@dataclass(frozen=True, slots=True)
class Library:
    """Records by name: parameters, cell types, haplotypes, drugs, genes, injuries and tissues."""

    parameters: Mapping[str, Any]
    cell_types: Mapping[str, Any]
    haplotypes: Mapping[str, Any]
    drugs: Mapping[str, Any]
    genes: Mapping[str, Any]
    injuries: Mapping[str, Any]
    tissues: Mapping[str, Any] = field(default_factory=dict)

    def injury(self, name: str) -> Any:
        """The injury of that name; a drug may injure too. None if there is neither."""
        return self.injuries.get(name) or self.drugs.get(name)

    def drug(self, name: str) -> Any:
        """The drug of that name; an injury's agent may be given as a drug. None if there is neither."""
        return self.drugs.get(name) or self.injuries.get(name)

    def gene(self, name: str, change: str | None) -> Any:
        """The record of ``{gene: tnfaip2, change: knockdown}`` or ``{gene: tnfaip2_kd}``; None if there is none."""
        return self.genes.get(f"{name}_{CHANGES.get(change, change)}" if change else name)


@cache
def load_library() -> Library:
    """The shipped library with what other packages add to it."""
    from mitoferry.library.cell_types import load_cell_types, load_haplotypes
    from mitoferry.library.interventions import load_drugs, load_genes, load_injuries
    from mitoferry.library.parameters import load_parameters
    from mitoferry.library.tissues import load_tissues

    return Library(load_parameters(), load_cell_types(), load_haplotypes(), load_drugs(), load_genes(), load_injuries(), load_tissues())


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, or with all of them if they are few and none is near."""
    names = [str(n) for n in known]
    folded = {n.lower(): n for n in reversed(names)}
    close = get_close_matches(str(name).lower()[:80], folded, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{folded[close[0]]}'?"
    inside = [n for n in names if str(name).lower() in n.lower()] if len(str(name)) > 2 else []
    if inside:
        return f"Did you mean '{inside[0]}'?"
    return f"Known: {', '.join(names)}" if 0 < len(names) <= 12 else ""
