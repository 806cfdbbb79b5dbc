"""Frames: the state at one saved time, reduced to what pictures, movies and the report need.

``cells`` one row per cell that is in a well (alive, dying or a corpse), ``links`` one row per contact structure with
both ends, ``mitochondria`` every individual of the chosen wells, ``hosts`` counts of the mitochondria that have moved,
by host, origin, route and compartment, over all wells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.core import schema as s

if TYPE_CHECKING:
    from mitoferry.core.world import World

Frame = dict[str, dict[str, np.ndarray]]

# table -> column -> (dtype, extra shape, unit, meaning)
COLUMNS: dict[str, dict[str, tuple[str, tuple[int, ...], str, str]]] = {
    "cells": {
        "id": ("u4", (), "", "persistent id: population * 2^24 + ordinal"),
        "well": ("i4", (), "", "index of the well"),
        "population": ("u1", (), "", "index of the population"),
        "state": ("u1", (), "", "CELL_* constant of core/schema.py"),
        "layer": ("u1", (), "", "0 = bottom, 1 = on the insert"),
        "x": ("f4", (), "um", "position"),
        "y": ("f4", (), "um", "position"),
        "radius": ("f4", (), "um", ""),
        "atp": ("f4", (), "mM", "cytosolic ATP"),
        "psi0": ("f4", (), "mV", "potential of the own network"),
        "h2o2": ("f4", (), "uM", "cytosolic H2O2"),
        "n_mitochondria": ("i4", (), "", ""),
        "n_foreign": ("i4", (), "", "of these, born in another population"),
    },
    "links": {
        "well": ("i4", (), "", "index of the well"),
        "id": ("u4", (), "", "id within the well"),
        "a": ("u4", (), "", "id of the cell that initiated it"),
        "b": ("u4", (), "", "id of the other cell"),
        "kind": ("u1", (), "", "KIND_* constant"),
        "state": ("u1", (), "", "LINK_* constant"),
        "thick": ("u1", (), "", "1 = with microtubules"),
        "xa": ("f4", (), "um", "centre of cell a"),
        "ya": ("f4", (), "um", "centre of cell a"),
        "xb": ("f4", (), "um", "centre of cell b"),
        "yb": ("f4", (), "um", "centre of cell b"),
        "length": ("f4", (), "um", "gap that it spans"),
        "n_cargo": ("i4", (), "", "mitochondria inside"),
    },
    "mitochondria": {
        "well": ("i4", (), "", "index of the well"),
        "cell": ("u4", (), "", "id of the host cell; 0 = in a nanotube, in the medium or in delivery"),
        "link": ("u4", (), "", "id of the link that it is in, 0 = none"),
        "birth_cell": ("u4", (), "", "id of the cell in which it was born"),
        "ordinal": ("u4", (), "", "number within its birth cell"),
        "route": ("u1", (), "", "ROUTE_* of its last hand-over, 0 = never moved"),
        "place": ("u1", (), "", "cytosol, endosome, double membrane, in transit (also in delivery)"),
        "potential": ("f4", (), "mV", "membrane potential, rounded to 1/64 mV"),
        "damage": ("f4", (), "1", ""),
        "mass": ("f4", (), "1", ""),
        "copies": ("u1", (s.N_HAPLOTYPES,), "copies", "mtDNA per haplotype"),
    },
    "hosts": {
        "well": ("i4", (), "", "index of the well"),
        "host": ("u1", (), "", "population of the host; 255 = in transit, 254 = medium, 253 = in delivery (a compartment of a dose)"),
        "host_state": ("u1", (), "", "CELL_* constant of the host"),
        "birth_population": ("u1", (), "", "population in which it was born"),
        "route": ("u1", (), "", "ROUTE_* of its last hand-over"),
        "place": ("u1", (), "", "compartment"),
        "fused": ("u1", (), "", "1 = has joined the host's network"),
        "count": ("i8", (), "", "mitochondria"),
    },
}
HOST_TRANSIT, HOST_MEDIUM, HOST_DELIVERY = 255, 254, 253
POTENTIAL_STEPS = 64.0  # per mV: potentials are rounded, so that they pack
_HOST_WIDTHS = (22, 8, 8, 8, 8, 3, 1)  # bits of well, host, host_state, birth_population, route, place, fused
_NOT_SHOWN = (s.CELL_EMPTY, s.CELL_POOL, s.CELL_WAITING)


class FramesHeld(Mapping[str, np.ndarray]):
    """Frames in memory, as they lie in a part of a run: every column of every table one after the other, made when it is asked for.

    Entries: ``ticks`` (of the frames, int64), and for each table ``{table}/frame`` (which of the frames have it), ``{table}/rows`` (how
    many rows it has in each of these) and ``{table}/column/{name}``.
    """

    def __init__(self, frames: Sequence[tuple[int, Frame]]) -> None:
        self._frames = frames
        self._of = {table: [(k, frame[table]) for k, (_, frame) in enumerate(frames) if table in frame] for table in COLUMNS}

    def __iter__(self) -> Iterator[str]:
        yield "ticks"
        for table, held in self._of.items():
            yield from (f"{table}/frame", f"{table}/rows")
            yield from (f"{table}/column/{name}" for name in COLUMNS[table] if held)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, key: str) -> np.ndarray:
        if key == "ticks":
            return np.array([tick for tick, _ in self._frames], np.int64)
        table, what = key.split("/", 1)
        held = self._of[table]
        if what == "frame":
            return np.array([k for k, _ in held], np.int64)
        if what == "rows":
            return np.array([len(next(iter(columns.values()))) for _, columns in held], np.int64)
        column = what.removeprefix("column/")
        if not held or column not in COLUMNS[table]:
            raise KeyError(key)
        return np.concatenate([columns[column] for _, columns in held])


def frame_of(world: World, *, wells: Sequence[int] = ()) -> Frame:
    """The frame of a world now.

    Args:
        world: the state; its tables are pulled from the backend, nothing is written.
        wells: wells whose mitochondria are kept one by one.

    Returns:
        ``{table: {column: array}}`` for :func:`RunWriter.save_frame`.
    """
    world.backend.pull(world.cells, world.links, world.cargo, world.mitochondria, world.pages)
    frame = {"cells": _cells(world), "links": _links(world), "hosts": _hosts(world)}
    if len(wells):
        frame["mitochondria"] = _mitochondria(world, np.asarray(wells))
    return frame


def typed(table: str, columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """``columns`` of ``table`` in the dtypes and shapes of the format; missing ones are zero.

    Raises:
        KeyError: an unknown table or column.
    """
    wanted = COLUMNS[table]
    unknown = set(columns) - set(wanted)
    if unknown:
        raise KeyError(f"table {table!r} of a frame has no column {sorted(unknown)}; it has {list(wanted)}")
    n = len(next(iter(columns.values()))) if columns else 0
    return {
        name: np.ascontiguousarray(columns[name], dtype=dtype).reshape(n, *shape) if name in columns else np.zeros((n, *shape), dtype)
        for name, (dtype, shape, _, _) in wanted.items()
    }


def _cells(world: World) -> dict[str, Any]:
    c, n = world.cells, world.n_cells
    rows = np.flatnonzero(~np.isin(np.asarray(c.state[:n]), _NOT_SHOWN))
    same = ("id", "well", "population", "state", "layer", "x", "y", "radius", "atp", "h2o2", "n_mitochondria", "n_foreign")
    columns = {name: np.asarray(getattr(c, name))[rows] for name in same}
    columns["psi0"] = np.asarray(c.psi)[rows, s.OWN_NETWORK]
    return columns


def _links(world: World) -> dict[str, Any]:
    k, c, n = world.links, world.cells, world.n_links
    state = np.asarray(k.state[:n])
    rows = np.flatnonzero((state != s.LINK_EMPTY) & (np.asarray(k.a[:n]) >= 0) & (np.asarray(k.b[:n]) >= 0))
    a, b = np.asarray(k.a)[rows], np.asarray(k.b)[rows]
    columns = {name: np.asarray(getattr(k, name))[rows] for name in ("well", "id", "kind", "state", "thick", "length", "n_cargo")}
    for end, ids, cells in (("a", "id_a", a), ("b", "id_b", b)):
        columns[end] = np.asarray(getattr(k, ids))[rows]
        columns[f"x{end}"], columns[f"y{end}"] = np.asarray(c.x)[cells], np.asarray(c.y)[cells]
    return columns


def compartments(world: World) -> np.ndarray:
    """Rows of the table of cells that are compartments of doses on their way (process ``delivery``); int64."""
    rows = world.extra.get("delivery")
    return np.zeros(0, np.int64) if rows is None else np.asarray(rows)[np.asarray(rows) >= 0]


def _pages_of_wells(world: World, wells: np.ndarray) -> list[np.ndarray]:
    """The pages in use of each of these wells, in order of page."""
    owner, well = np.asarray(world.pages.owner), np.asarray(world.cells.well)
    pages = np.flatnonzero(owner >= 0)
    pages = pages[np.isin(well[owner[pages]], wells)]
    held = well[owner[pages]]
    order = np.argsort(held, kind="stable")
    return np.split(pages[order], np.searchsorted(held[order], wells[1:]))


def _mitochondria(world: World, wells: np.ndarray) -> dict[str, Any]:
    """Mitochondria of these wells by well, host and birth; well after well, so that little is held beside the result."""
    cargo = world.cargo
    link_of_slot = np.zeros(len(world.mitochondria.flags) + 1, np.uint32)
    live = np.flatnonzero(np.asarray(cargo.alive[: world.n_cargo]) == 1)
    link_of_slot[np.asarray(cargo.slot)[live]] = np.asarray(world.links.id)[np.asarray(cargo.link)[live]]
    pieces = [typed("mitochondria", _mitochondria_on(world, pages, link_of_slot)) for pages in _pages_of_wells(world, np.unique(wells))]
    return {name: np.concatenate([piece.pop(name) for piece in pieces]) for name in COLUMNS["mitochondria"]}


def _mitochondria_on(world: World, pages: np.ndarray, link_of_slot: np.ndarray) -> dict[str, Any]:
    m, c = world.mitochondria, world.cells
    slots = (pages[:, None] * s.PAGE + np.arange(s.PAGE)).ravel()
    slots = slots[(np.asarray(m.flags)[slots] & s.OCCUPIED) != 0]
    owner = np.asarray(world.pages.owner)[slots // s.PAGE]
    flags = np.asarray(m.flags)[slots].astype(np.int64)
    energy_class = (flags >> s.CLASS_SHIFT) & s.CLASS_MASK
    potential = np.asarray(c.psi)[owner, energy_class] - s.PSI_OFFSET_SCALE * np.asarray(m.psi_offset)[slots]
    held = np.isin(owner, compartments(world))
    in_cell = (np.asarray(c.state)[owner] != s.CELL_POOL) & ~held
    columns = {
        "well": np.asarray(c.well)[owner],
        "cell": np.where(in_cell, np.asarray(c.id)[owner], 0),
        "link": np.where(in_cell, 0, link_of_slot[slots]),
        "birth_cell": np.asarray(m.birth)[slots],
        "ordinal": np.asarray(m.ordinal)[slots],
        "route": (flags >> s.ROUTE_SHIFT) & s.ROUTE_MASK,
        "place": np.where(held, s.IN_TRANSIT, (flags >> s.PLACE_SHIFT) & s.PLACE_MASK),
        "potential": np.round(np.where(flags & s.WITHOUT_POTENTIAL, 0.0, potential) * POTENTIAL_STEPS) / POTENTIAL_STEPS,
        "damage": s.DAMAGE_SCALE * np.asarray(m.damage)[slots],
        "mass": s.MASS_SCALE * np.asarray(m.mass)[slots],
        "copies": np.asarray(m.copies)[slots],
    }
    order = np.lexsort((columns["ordinal"], columns["birth_cell"], columns["cell"], columns["well"]))
    return {name: np.asarray(a)[order] for name, a in columns.items()}


def _hosts(world: World) -> dict[str, Any]:
    m, c = world.mitochondria, world.cells
    moved = np.flatnonzero((np.asarray(m.flags) & (s.ROUTE_MASK << s.ROUTE_SHIFT)) != 0)
    flags = np.asarray(m.flags)[moved].astype(np.int64)
    owner = np.asarray(world.pages.owner)[moved // s.PAGE]
    keep = (flags & s.OCCUPIED != 0) & (owner >= 0)
    moved, flags, owner = moved[keep], flags[keep], owner[keep]
    pool = np.asarray(c.state)[owner] == s.CELL_POOL
    medium = owner % s.N_POOLS == s.POOL_MEDIUM
    host = np.where(pool, np.where(medium, HOST_MEDIUM, HOST_TRANSIT), np.asarray(c.population)[owner])
    host = np.where(np.isin(owner, compartments(world)), HOST_DELIVERY, host)
    parts = (
        np.asarray(c.well)[owner], host, np.where(pool, 0, np.asarray(c.state)[owner]),
        np.asarray(m.birth)[moved].astype(np.int64) >> 24, (flags >> s.ROUTE_SHIFT) & s.ROUTE_MASK,
        (flags >> s.PLACE_SHIFT) & s.PLACE_MASK, (flags & s.FUSED != 0).astype(np.int64),
    )  # fmt: skip
    key = np.zeros(len(moved), np.int64)  # all of them in one whole number, in this order
    for part, width in zip(parts, _HOST_WIDTHS, strict=True):
        key = (key << width) | np.asarray(part, dtype=np.int64)
    keys, count = np.unique(key, return_counts=True)
    found = np.empty((len(keys), len(parts)), np.int64)
    for k in reversed(range(len(parts))):
        found[:, k] = keys & ((1 << _HOST_WIDTHS[k]) - 1)
        keys = keys >> _HOST_WIDTHS[k]
    names = ("well", "host", "host_state", "birth_population", "route", "place", "fused")
    return {**{name: found[:, k] for k, name in enumerate(names)}, "count": count}
