"""Reading nanotubes: who is joined to whom, by what kind of tube. Read-only helpers for assays and tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mitoferry.core.schema import KIND_NANOTUBE, LINK_EMPTY, LINK_GROWING


@dataclass(frozen=True, slots=True)
class NanotubePopulation:
    """The nanotubes of a plate at one moment, one entry per tube, in the order of (well, id).

    Attributes:
        row: rows of the links table, int64.
        id, well: id of the tube in its well; row of the wells table.
        a, b: rows of the cells at the initiator's end and at the other.
        formation: 0 = search by a filopodium, 1 = dislodgement.
        state: LINK_* constant.
        thick: bool, with microtubules.
        length, diameter: [um], float64.
        age: time since it started [s], float64.
        n_cargo: mitochondria inside.
    """

    row: Any
    id: Any
    well: Any
    a: Any
    b: Any
    formation: Any
    state: Any
    thick: Any
    length: Any
    diameter: Any
    age: Any
    n_cargo: Any

    def __len__(self) -> int:
        return len(self.row)

    def where(self, mask: Any) -> NanotubePopulation:
        """The tubes for which ``mask`` (bool, one per tube) holds."""
        return NanotubePopulation(*(getattr(self, name)[mask] for name in self.__slots__))

    def per_cell(self, n_cells: int) -> Any:
        """Tubes that end at each row of the cells table, int64 (n_cells,); a tube counts at both of its ends."""
        return np.bincount(self.a, minlength=n_cells) + np.bincount(self.b, minlength=n_cells)

    def initiated(self, n_cells: int) -> Any:
        """Tubes that each row of the cells table initiated, int64 (n_cells,)."""
        return np.bincount(self.a, minlength=n_cells)


def nanotube_population(world: Any, *, growing: bool = False) -> NanotubePopulation:
    """The nanotubes that exist now.

    Args:
        world: the state; nothing is written.
        growing: whether filopodia on their way to a target count.
    """
    world.backend.pull(world.links)
    links, n = world.links, world.n_links
    there = (links.state[:n] != LINK_EMPTY) & (links.kind[:n] == KIND_NANOTUBE)
    if not growing:
        there &= links.state[:n] != LINK_GROWING
    rows = np.flatnonzero(there)
    rows = rows[np.lexsort((links.id[rows], links.well[rows]))]
    return NanotubePopulation(
        row=rows, id=links.id[rows], well=links.well[rows], a=links.a[rows], b=links.b[rows], formation=links.initiator[rows],
        state=links.state[rows], thick=links.thick[rows] != 0, length=links.length[rows].astype(np.float64),
        diameter=links.diameter[rows].astype(np.float64), age=world.tick - links.born[rows], n_cargo=links.n_cargo[rows],
    )  # fmt: skip
