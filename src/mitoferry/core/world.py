"""The world: all state of a plate, with the backend that advances it. Processes and assays see nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mitoferry.base.errors import OverflowStop
from mitoferry.core import schema
from mitoferry.core.by_well import Written
from mitoferry.core.events import EVENT_NAMES, EventBuffer, allocate_events
from mitoferry.core.ledger import Ledger
from mitoferry.core.pages import chain_order
from mitoferry.core.plate_spec import PlateSpec
from mitoferry.core.schema import N_POOLS, PAGE
from mitoferry.core.sparse import write_changes

PAGES_MORE = 1.0 / 16.0  # of the pages, added where they do not suffice: a larger table is copied, column by column, once for each


def _grown(backend: Any, table: Any, n: int, name: str) -> Any:
    """A copy of ``table`` with ``n`` rows; new rows are empty."""
    fresh = schema.allocate(name, n, n_nodes=table.nodes.shape[1] if name == "Groups" else 0)
    for column in table._fields:
        if (name, column) not in (("Pages", "free"), ("Pages", "n_free")):
            backend.enlarge(getattr(table, column), getattr(fresh, column))
    return fresh


@dataclass
class World:
    """State of a plate.

    Attributes:
        spec: what was asked for.
        backend: runs the row functions.
        mitochondria, pages, cells, groups, wells, links, cargo, vesicles, fields: the tables of ``core/schema.py``.
        n_cells: rows of ``cells`` in use (pools first; rows of dead cells are kept until the end of the run).
        n_links, n_cargo, n_vesicles: highest rows of the tables in use; empty rows have state LINK_EMPTY, ``alive`` 0, kind
            NO_VESICLE.
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
    n_vesicles: int = 0
    vesicles: schema.Vesicles = field(default_factory=lambda: schema.allocate("Vesicles", 64))
    events: EventBuffer = field(default_factory=lambda: allocate_events(4096))
    event_shares: list[Written] = field(default_factory=list)  # pieces of the log that wells have written side by side (``by_well.py``)
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

    @property
    def n_events(self) -> int:
        """Events logged in this macro-step so far."""
        self.backend.pull(self.events.count)
        return int(self.events.count[0])

    def pool(self, well: int, kind: int) -> int:
        """Row of cells that stands for a pool (POOL_TRANSIT or POOL_MEDIUM) of a well."""
        return N_POOLS * well + kind

    def reserve_pages(self, n: int) -> None:
        """Make sure that at least ``n`` pages are free, growing the table of mitochondria if need be."""
        self.backend.pull(self.pages.n_free)
        free = int(self.pages.n_free[0])
        if free >= n:
            return
        self.backend.pull(self.pages.free)
        old = len(self.pages.owner)
        new = max(old + n - free, int(old * (1.0 + PAGES_MORE)) + 1)
        if new * PAGE > np.iinfo(np.int32).max:
            raise OverflowStop(f"{new * PAGE} slots for mitochondria are more than this version can index (2^31)")
        self._grow_mitochondria(new * PAGE)
        pages = _grown(self.backend, self.pages, new, "Pages")
        added = np.arange(new - 1, old - 1, -1, dtype=np.int32)
        pages.free[: added.size + free] = np.concatenate([added, self.pages.free[:free]])
        pages.n_free[0] = free + added.size
        self.backend.push(pages.free, pages.n_free)
        self.pages = pages
        self.backend.replaced(self.mitochondria, pages)

    def _pages_touched(self) -> int:
        """Pages up to the last one in use: those behind it hold nothing, and where nobody has written they are not resident."""
        used = np.flatnonzero(self.pages.owner >= 0)
        return int(used[-1]) + 1 if used.size else 0

    def _grow_mitochondria(self, n: int) -> None:
        """Give the table of mitochondria ``n`` rows, column by column: it is by far the largest, and is never held twice."""
        touched = 0 if self.backend.own_memory else self._pages_touched() * PAGE
        kept = dict(zip(self.mitochondria._fields, self.mitochondria, strict=True))
        self.mitochondria = schema.allocate("Mitochondria", 0)
        self.backend.replaced(self.mitochondria)
        for name, column in schema.COLUMNS["Mitochondria"].items():
            larger = schema.allocate_column(column, n)
            if self.backend.own_memory:
                self.backend.enlarge(kept[name], larger)
            elif column.sparse:
                write_changes(larger[:touched], kept[name][:touched])
            else:
                larger[:touched] = kept[name][:touched]
            kept[name] = larger
        self.mitochondria = schema.Mitochondria(**kept)

    def scatter(self) -> float:
        """Share of the pages in use that do not follow, in memory, the one that is read before them."""
        pages, first = self.pages, self.cells.first_page[: self.n_cells]
        following = pages.next
        within = np.count_nonzero((following >= 0) & (following != np.arange(1, len(following) + 1)))
        first = first[first >= 0]
        between = np.count_nonzero(np.diff(first) < 0)
        return float(within + between) / max(int(np.count_nonzero(pages.owner >= 0)), 1)

    def sort_pages(self) -> None:
        """Bring the pages into the order in which owners read them, so that memory is read straight through.

        Mitochondria keep their owner, their place in its chain and their slot in the page; nothing that is computed
        changes. Births, hand-overs and deaths scatter the pages of a cell over the table in the course of a day.
        """
        backend, pages, cells = self.backend, self.pages, self.cells
        backend.pull(self.mitochondria, pages, cells, self.cargo, self.vesicles)
        total, touched = len(pages.owner), self._pages_touched()
        order = np.empty(total, dtype=np.int32)
        n = int(backend.serial(chain_order, self.n_cells, cells, pages, order))
        order[n:] = np.flatnonzero(pages.owner < 0)
        for name, column in schema.COLUMNS["Mitochondria"].items():
            by_page = getattr(self.mitochondria, name).reshape(total, -1)
            if column.sparse:  # anew: what has become 0 is not resident any more
                fresh = schema.allocate_column(column, total * PAGE)
                write_changes(fresh[: n * PAGE], by_page[order[:n]])
                self.mitochondria = self.mitochondria._replace(**{name: fresh})
                continue
            half = by_page.shape[1] // 2  # the copy on the way is that of half a column
            by_page[:n, :half] = by_page[order[:n], :half]
            by_page[:n, half:] = by_page[order[:n], half:]
            by_page[n:touched] = 0
        place = np.empty(total, dtype=np.int32)
        place[order] = np.arange(total, dtype=np.int32)
        last = pages.next[order] < 0
        pages.owner[:] = pages.owner[order]
        pages.next[:] = np.arange(1, total + 1)
        pages.next[last] = -1
        pages.free[: total - n] = np.arange(total - 1, n - 1, -1)
        has = cells.first_page >= 0
        cells.first_page[has] = place[cells.first_page[has]]
        for slots in (self.cargo.slot, self.vesicles.slots):
            held = slots >= 0
            slots[held] = place[slots[held] // PAGE] * PAGE + slots[held] % PAGE
        backend.push(self.mitochondria, pages, cells, self.cargo, self.vesicles)

    def reserve_cells(self, n: int) -> None:
        """Make sure that ``n`` more rows of cells exist after row ``n_cells``."""
        if self.n_cells + n > len(self.cells.id):
            self._grow("cells", "Cells", max(self.n_cells + n, int(len(self.cells.id) * 1.25)))

    def reserve_events(self, n: int) -> None:
        """Make sure that ``n`` more events fit into the buffer of this macro-step."""
        used = self.n_events
        if used + n > len(self.events.kind):
            larger = allocate_events(max(used + n, 2 * len(self.events.kind)))
            for old, new in zip(self.events, larger, strict=True):
                self.backend.enlarge(old, new)
            self.events = larger
            self.backend.replaced(self.events)

    def reserve_links(self, n_links: int, n_cargo: int) -> None:
        """Make sure that the tables of links and cargo have at least these many rows."""
        if n_links > len(self.links.id):
            self._grow("links", "Links", max(n_links, int(len(self.links.id) * 1.5)))
        if n_cargo > len(self.cargo.link):
            self._grow("cargo", "Cargo", max(n_cargo, int(len(self.cargo.link) * 1.5)))

    def reserve_vesicles(self, n: int) -> None:
        """Make sure that the table of vesicles has at least ``n`` rows."""
        if n > len(self.vesicles.kind):
            self._grow("vesicles", "Vesicles", max(n, int(len(self.vesicles.kind) * 1.5)))

    def _grow(self, table: str, kind: str, n: int) -> None:
        """Put a copy of a table with ``n`` rows in its place."""
        setattr(self, table, _grown(self.backend, getattr(self, table), n, kind))
        self.backend.replaced(getattr(self, table))

    def describe_last_event(self) -> str:
        """A sentence about the last logged event of this step, for messages."""
        self.backend.pull(self.events)
        n = int(self.events.count[0])
        if n == 0:
            return "No event was logged in this step."
        e, i = self.events, n - 1
        return (
            f"Last event: {EVENT_NAMES[int(e.kind[i])]} by {schema.ROUTE_NAMES[int(e.route[i])]} at {float(e.time[i]):.1f} s "
            f"in well {int(e.well[i])}, from cell {int(e.source_id[i])} to cell {int(e.target_id[i])}."
        )
