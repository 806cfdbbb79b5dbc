"""How mechanisms hang together: the columns of the state that each reads and writes, found in its code.

The functions of a process are followed as in ``mechanisms.py``; in the text of each, ``cells.atp[i]`` on the right is a read of
the column ``atp`` of the table of cells, and ``cells.atp[i] = ...`` a write. A table is known by its usual name
(``cells``, ``world.cells``) or by a local name that was bound to it. Concentrations are told apart by their substance:
``cells.env[i, OXYGEN]`` is read, ``fields.release[i, ATP] += ...`` released. What cannot be told from the text (a column whose
name is put together at run time) is left out; where a function takes column names from a tuple of its module, all of these count.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from mitoferry.base.cache import keep, kept_file, read_kept
from mitoferry.core.schema import COLUMNS
from mitoferry.experiment.digest import model_digest
from mitoferry.experiment.mechanisms import SPECIES_OF_CONSTANT, foreign, functions_of, mechanisms, processes

FOLDER = "wiring"
PARTS = ("reads", "writes", "senses", "releases")

TABLES = {name.lower(): frozenset(columns) for name, columns in COLUMNS.items()}
SENSED = ("env", "bulk", "conc")  # columns by substance that are read
RELEASED = "release"  # of the fields
BOOKKEEPING = {
    "cells": {"id", "well", "group", "population", "added", "first_page", "want_pages", "next_ordinal", "tally", "bin", "voxel", "layer"},
    "mitochondria": {"birth", "ordinal"},
    "groups": {"well", "population", "nodes"},
    "links": {"id", "well", "id_a", "id_b"},
    "vesicles": {"well", "slots"},
    "cargo": {"slot", "link", "origin"},
}
LEFT_OUT = {"pages", "wells", "events"}


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the code of one mechanism touches.

    Attributes:
        reads, writes: columns as (table, column), without ids and other bookkeeping.
        senses, releases: dissolved substances.
    """

    reads: frozenset[tuple[str, str]]
    writes: frozenset[tuple[str, str]]
    senses: frozenset[str]
    releases: frozenset[str]


def counts(table: str, column: str) -> bool:
    """Whether a column says something of biology."""
    return table not in LEFT_OUT and column not in BOOKKEEPING.get(table, ())


@cache
def _definitions(path: str) -> Mapping[int, ast.FunctionDef]:
    """Function definitions of a file, by their first line (that of a decorator)."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return {}
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {min(node.lineno, *(d.lineno for d in node.decorator_list), node.lineno): node for node in found}


def definition_of(function: FunctionType) -> ast.FunctionDef | None:
    """The text of a function as a tree; None where its file cannot be read."""
    try:
        path = inspect.getsourcefile(function)
    except TypeError:
        return None
    return _definitions(path or "").get(function.__code__.co_firstlineno)


class _Reader(ast.NodeVisitor):
    """Notes the columns of the tables that one function reads and writes."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function
        self.alias: dict[str, str] = {}
        self.reads: set[tuple[str, str]] = set()
        self.writes: set[tuple[str, str]] = set()
        self.senses: set[str] = set()
        self.releases: set[str] = set()

    def table_of(self, node: ast.expr) -> str:
        """Name of the table that an expression stands for, else ""."""
        if isinstance(node, ast.Name):
            return self.alias.get(node.id, node.id if node.id in TABLES or node.id == "fields" else "")
        return node.attr if isinstance(node, ast.Attribute) and (node.attr in TABLES or node.attr == "fields") else ""

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            pairs = zip(target.elts, node.value.elts) if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) else ()
            for left, right in (*pairs, (target, node.value)):
                if isinstance(left, ast.Name) and isinstance(right, ast.Attribute) and (table := self.table_of(right)):
                    self.alias[left.id] = table
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and node.args and (table := self.table_of(node.args[0])):
            for name in self._names_from_tuples():
                if name in TABLES.get(table, ()):
                    self.reads.add((table, name))
                    self.writes.add((table, name))
        self.generic_visit(node)

    def _names_from_tuples(self) -> Iterator[str]:
        for name in self.function.__code__.co_names:
            value = self.function.__globals__.get(name)
            if isinstance(value, (tuple, list, frozenset, dict)):
                yield from (x for x in value if isinstance(x, str))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Attribute) and (table := self.table_of(node.value.value)):
            column = node.value.attr
            species = {SPECIES_OF_CONSTANT[n.id] for n in ast.walk(node.slice) if isinstance(n, ast.Name) and n.id in SPECIES_OF_CONSTANT}
            stored = isinstance(node.ctx, ast.Store)
            if table == "fields" and column == RELEASED:
                self.releases |= species if stored else set()
            elif column in SENSED and not stored:
                self.senses |= species
            if column in TABLES.get(table, ()):
                (self.writes if stored else self.reads).add((table, column))
            self.visit(node.slice)
            return
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        table = self.table_of(node.value)
        if table and node.attr in TABLES.get(table, ()):
            self.reads.add((table, node.attr))
        self.generic_visit(node)


@cache
def _touched(function: FunctionType) -> _Reader:
    reader = _Reader(function)
    tree = definition_of(function)
    if tree is not None:
        for statement in tree.body:
            reader.visit(statement)
    return reader


def wiring_of(*functions: Any) -> Wiring:
    """What functions and all that they call read and write."""
    found = [_touched(f) for f in functions_of(*functions)]
    kept = [frozenset(x for r in found for x in getattr(r, name) if counts(*x)) for name in ("reads", "writes")]
    return Wiring(kept[0], kept[1], frozenset(x for r in found for x in r.senses), frozenset(x for r in found for x in r.releases))


@cache
def _wirings(names: tuple[str, ...]) -> Mapping[str, Wiring]:
    """From the cache, where it was kept for this code; what other packages add is read each time, since their code has no mark."""
    listed = [p for p in processes() if p.name in names]
    path = kept_file(FOLDER, f"{model_digest()} {names}")
    own = not any(foreign(p) for p in listed)
    try:
        kept = read_kept(path) if own else {}
    except LookupError:
        kept = {}
    if not kept:
        found = {p.name: wiring_of(p.advance, p.prepare) for p in listed}
        if own:
            keep(path, json.dumps({name: [sorted(getattr(w, part)) for part in PARTS] for name, w in found.items()}))
        return found
    return {
        name: Wiring(frozenset(map(tuple, reads)), frozenset(map(tuple, writes)), frozenset(senses), frozenset(releases))
        for name, (reads, writes, senses, releases) in kept.items()
    }


def wirings() -> Mapping[str, Wiring]:
    """Wiring of every mechanism, in the order of the loop."""
    return _wirings(tuple(mechanisms()))


def readers_of(table: str, column: str) -> tuple[str, ...]:
    """Mechanisms that read a column."""
    return tuple(name for name, w in wirings().items() if (table, column) in w.reads)


def writers_of(table: str, column: str) -> tuple[str, ...]:
    """Mechanisms that write a column."""
    return tuple(name for name, w in wirings().items() if (table, column) in w.writes)


def sensed_by(substance: str) -> tuple[str, ...]:
    """Mechanisms that read the concentration of a substance at the cell."""
    return tuple(name for name, w in wirings().items() if substance in w.senses)


def released_by(substance: str) -> tuple[str, ...]:
    """Mechanisms that release a substance."""
    return tuple(name for name, w in wirings().items() if substance in w.releases)
