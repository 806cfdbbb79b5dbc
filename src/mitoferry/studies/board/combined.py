"""Several runs of a card read as one: its wells, the draws of the parameters as replicates, arms that another card ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mitoferry.store.tables import Names
from mitoferry.studies.results import Results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Part:
    """A run, or some arms of it.

    Attributes:
        results: the run.
        arms: arms that are taken, by their name in it, and what they are called here; ``None`` takes all as they are.
        first: number that its first replicate gets here.
    """

    results: Results
    arms: Mapping[str, str] | None = None
    first: int = 0

    def renamed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of the arms that are taken, under the names and replicates that they have here."""
        table = table.assign(arm=table["arm"].astype(object), replicate=table["replicate"].astype("int64") + self.first)
        if self.arms is None:
            return table
        table = table[table["arm"].isin(list(self.arms))]
        return table.assign(arm=table["arm"].map(dict(self.arms)))


class Combined(Results):
    """Runs of one card as one set of results. The first part gives experiment, populations and seed.

    Args:
        parts: at least one; parts with other ``first`` are further replicates of the same arms, parts with ``arms``
            give arms that the first did not run.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts[0].results.path)
        self._parts = list(parts)

    @cached_property
    def names(self) -> Names:
        """Names of arms (those of the experiment first), populations and haplotypes; replicates of all parts."""
        first = self._parts[0].results.names
        held = {name for p in self._parts for name in (p.arms.values() if p.arms is not None else p.results.names.arms)}
        order = [name for name in (*self.experiment.get("arms", {}), *sorted(held)) if name in held]
        replicates = max(p.first + p.results.names.replicates for p in self._parts)
        return Names(
            arms=tuple(dict.fromkeys(order)), replicates=replicates, populations=first.populations, roles=first.roles,
            haplotypes=first.haplotypes,
        )  # fmt: skip

    @property
    def plate_arms(self) -> list[dict[str, Any]]:
        """Arms of the first part, run or left out, and those that others give."""
        arms = {a["name"]: a for a in super().plate_arms}
        for part in self._parts[1:]:
            given = part.arms or {}
            for arm in part.results.plate_arms:
                if arm["name"] in given:
                    arms.setdefault(given[arm["name"]], {**arm, "name": given[arm["name"]]})
        return list(arms.values())

    @property
    def left_out(self) -> tuple[str, ...]:
        """Arms of the experiment that no part holds."""
        return tuple(a for a in (*self._parts[0].results.names.arms, *super().left_out) if a not in self.names.arms)

    def _joined(self, tables: list[pd.DataFrame]) -> pd.DataFrame:
        import pandas as pd

        joined = pd.concat(tables, ignore_index=True)
        for column in joined.select_dtypes(include="object").columns:
            joined[column] = joined[column].astype("category")
        return joined

    @cached_property
    def _table(self) -> pd.DataFrame:
        return self._joined([p.renamed(p.results.readings) for p in self._parts])

    @cached_property
    def _events(self) -> pd.DataFrame:
        return self._joined([p.renamed(p.results.events()) for p in self._parts])


def as_replicates(runs: Sequence[Results]) -> Results | None:
    """Runs of the same arms as further replicates of one another; ``None`` without runs."""
    if not runs:
        return None
    parts: list[Part] = []
    first = 0
    for r in runs:
        parts.append(Part(r, None, first))
        first += r.names.replicates
    return Combined(parts)


def with_borrowed(own: Results | None, borrowed: Sequence[tuple[Results, str, str]]) -> Any:
    """A card's run with arms that other cards ran: (their run, their arm, name here)."""
    if own is None:
        raise ValueError("a card all of whose arms are run elsewhere has no run of its own to take names from")
    if not borrowed:
        return own
    return Combined([Part(own), *(Part(r, {theirs: here}) for r, theirs, here in borrowed)])


__all__ = ["Combined", "Part", "as_replicates", "with_borrowed"]
