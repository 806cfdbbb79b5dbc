"""The whole state of a plate as named arrays, and back: what a checkpoint holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitoferry.base.errors import CheckpointError
from mitoferry.core.events import allocate_events
from mitoferry.core.schema import COLUMNS, allocate, allocate_column
from mitoferry.core.sparse import write_changes
from mitoferry.core.world import World

TABLES = ("mitochondria", "pages", "cells", "groups", "wells", "links", "cargo", "vesicles", "fields")
COUNTERS = ("n_cells", "n_links", "n_cargo", "n_vesicles", "tick")


def _collect(value: Any, prefix: str, out: dict[str, np.ndarray]) -> None:
    if isinstance(value, np.ndarray):
        out[prefix] = value
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name in value._fields:
            _collect(getattr(value, name), f"{prefix}/{name}", out)
    elif isinstance(value, dict):
        for name in sorted(value):
            _collect(value[name], f"{prefix}/{name}", out)


def _replaced(value: Any, prefix: str, arrays: dict[str, np.ndarray]) -> Any:
    """``value`` with its arrays taken from ``arrays``; entries of dictionaries follow the checkpoint."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(arrays[prefix])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        table: Any = value
        return table._replace(**{n: _replaced(getattr(table, n), f"{prefix}/{n}", arrays) for n in table._fields})
    if isinstance(value, dict):
        names = sorted({key[len(prefix) + 1 :].split("/", 1)[0] for key in arrays if key.startswith(prefix + "/")})
        return {
            n: _replaced(value[n], f"{prefix}/{n}", arrays) if n in value else np.ascontiguousarray(arrays[f"{prefix}/{n}"]) for n in names
        }
    return value


def snapshot(world: World) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Every array of the state (views, not copies) and the counters beside them."""
    arrays: dict[str, np.ndarray] = {}
    for name in TABLES:
        table = getattr(world, name)
        if table is not None:
            world.backend.pull(table)
            _collect(table, name, arrays)
    extra: dict[str, np.ndarray] = {}
    _collect(world.extra, "extra", extra)
    world.backend.pull(*extra.values())
    arrays |= extra
    if world.space is not None:
        world.backend.pull(world.space.neighbours)
        _collect(world.space.neighbours, "neighbours", arrays)
    arrays["ledger/opening"] = world.ledger.opening
    return arrays, {name: int(getattr(world, name)) for name in COUNTERS}


def hollow(world: World) -> None:
    """Let go of the large tables of a world: freshly built, so that a checkpoint is not read beside them, or at the end of a run.

    The world cannot be used before :func:`restore`.
    """
    for name, table in (("mitochondria", "Mitochondria"), ("pages", "Pages"), ("cells", "Cells")):
        setattr(world, name, allocate(table, 0))
        world.backend.replaced(getattr(world, name))


def restore(world: World, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Put a snapshot into a freshly built world of the same specification.

    Raises:
        CheckpointError: the checkpoint does not fit this version's state.
    """
    try:
        for name, column in COLUMNS["Mitochondria"].items():
            if column.sparse:  # one after the other, so that none is held twice
                there = arrays[f"mitochondria/{name}"]
                arrays[f"mitochondria/{name}"] = allocate_column(column, len(there))
                write_changes(arrays[f"mitochondria/{name}"], there)
        for name in TABLES:
            if getattr(world, name) is not None:
                setattr(world, name, _replaced(getattr(world, name), name, arrays))
        world.extra = _replaced(world.extra, "extra", arrays)
        if world.space is not None:
            world.space.neighbours = _replaced(world.space.neighbours, "neighbours", arrays)
            world.space.scratch.clear()
            world.space.fit(world)
        world.ledger.opening = np.ascontiguousarray(arrays["ledger/opening"])
        for name in COUNTERS:
            setattr(world, name, int(meta[name]))
    except KeyError as error:
        raise CheckpointError(
            f"the checkpoint has no {error}: it was written by another version of mitoferry. "
            "Go on with that version, or start the run anew."
        ) from error
    world.events = allocate_events(max(4096, 4 * world.n_cells))


__all__ = ["hollow", "restore", "snapshot"]
