"""The world: all state of a plate, with the backend that advances it. Processes and assays see nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mitoferry.base.errors import OverflowStop
from mitoferry.core import schema
from mitoferry.core.events import EVENT_NAMES, EventBuffer, allocate_events
from mitoferry.core.ledger import Ledger
from mitoferry.core.plate_spec import PlateSpec
from mitoferry.core.schema import N_POOLS, PAGE


def _grown(table: Any, n: int, name: str) -> Any:
    """A copy of ``table`` with ``n`` rows; new rows are empty."""
    fresh = schema.allocate(name, n, n_nodes=table.nodes.shape[1] if name == "Groups" else 0)
    for column in table._fields:
        if (name, column) in (("Pages", "free"), ("Pages", "n_free")):
            continue
        old = getattr(table, column)
        getattr(fresh, column)[: len(old)] = old
    return fresh


@dataclass
class World:
    """State of a plate.

    Attributes:
        spec: what was asked for.
        backend: runs the row functions.
        mitochondria, pages, cells, groups, wells, links, cargo, fields: the tables of ``core/schema.py``.
        n_cells: rows of ``cells`` in use (pools first; rows of dead cells are kept until the end of the run).
        n_links, n_cargo: highest rows of the tables in use; empty rows have state LINK_EMPTY, ``alive`` 0.
        events: buffer of this macro-step; emptied into the run folder by the loop.
        parameters: per process, the NamedTuple of its parameters.
        ledger: balances.
        last_event: the last events logged, for messages.
        extra: state of third-party processes, by process name; NumPy arrays only, so that it is checkpointed.
    """

    spec: PlateSpec
    backend: Any
    mitochondria: schema.Mitochondria
    pages: schema.Pages
    cells: schema.Cells
    groups: schema.Groups
    wells: schema.Wells
    links: schema.Links
    cargo: schema.Cargo
    fields: schema.Fields
    n_cells: int
    n_links: int = 0
    n_cargo: int = 0
    events: EventBuffer = field(default_factory=lambda: allocate_events(4096))
    parameters: dict[str, Any] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    extra: dict[str, Any] = field(default_factory=dict)
    tick: int = 0
    space: Any = None

    @property
    def n_wells(self) -> int:
        """Number of wells of the plate."""
        return len(self.wells.arm)

    @property
    def n_populations(self) -> int:
        """Populations per well."""
        return len(self.groups.well) // self.n_wells

    def pool(self, well: int, kind: int) -> int:
        """Row of cells that stands for a pool (POOL_TRANSIT or POOL_MEDIUM) of a well."""
        return N_POOLS * well + kind

    def reserve_pages(self, n: int) -> None:
        """Make sure that at least ``n`` pages are free, growing the table of mitochondria if need be."""
        free = int(self.pages.n_free[0])
        if free >= n:
            return
        self.backend.pull(self.mitochondria, self.pages)
        old = len(self.pages.owner)
        new = max(old + n - free, int(old * 1.25) + 1)
        if new * PAGE > np.iinfo(np.int32).max:
            raise OverflowStop(f"{new * PAGE} slots for mitochondria are more than this version can index (2^31)")
        self.mitochondria = _grown(self.mitochondria, new * PAGE, "Mitochondria")
        pages = _grown(self.pages, new, "Pages")
        pages.free[:free] = self.pages.free[:free]
        added = np.arange(new - 1, old - 1, -1, dtype=np.int32)
        pages.free[: added.size + free] = np.concatenate([added, self.pages.free[:free]])
        pages.n_free[0] = free + added.size
        self.pages = pages
        self.backend.push(self.mitochondria, self.pages)

    def reserve_cells(self, n: int) -> None:
        """Make sure that ``n`` more rows of cells exist after row ``n_cells``."""
        if self.n_cells + n > len(self.cells.id):
            self.backend.pull(self.cells)
            self.cells = _grown(self.cells, max(self.n_cells + n, int(len(self.cells.id) * 1.25)), "Cells")
            self.backend.push(self.cells)

    def reserve_events(self, n: int) -> None:
        """Make sure that ``n`` more events fit into the buffer of this macro-step."""
        self.backend.pull(self.events)
        used = int(self.events.count[0])
        if used + n > len(self.events.kind):
            larger = allocate_events(max(used + n, 2 * len(self.events.kind)))
            for old, new in zip(self.events, larger, strict=True):
                new[: len(old)] = old
            self.events = larger
            self.backend.push(self.events)

    def reserve_links(self, n_links: int, n_cargo: int) -> None:
        """Make sure that the tables of links and cargo have at least these many rows."""
        if n_links > len(self.links.id):
            self.backend.pull(self.links)
            self.links = _grown(self.links, max(n_links, int(len(self.links.id) * 1.5)), "Links")
            self.backend.push(self.links)
        if n_cargo > len(self.cargo.link):
            self.backend.pull(self.cargo)
            self.cargo = _grown(self.cargo, max(n_cargo, int(len(self.cargo.link) * 1.5)), "Cargo")
            self.backend.push(self.cargo)

    def describe_last_event(self) -> str:
        """A sentence about the last logged event of this step, for messages."""
        n = int(self.events.count[0])
        if n == 0:
            return "No event was logged in this step."
        e, i = self.events, n - 1
        return (
            f"Last event: {EVENT_NAMES[int(e.kind[i])]} by {schema.ROUTE_NAMES[int(e.route[i])]} at {float(e.time[i]):.1f} s "
            f"in well {int(e.well[i])}, from cell {int(e.source_id[i])} to cell {int(e.target_id[i])}."
        )
