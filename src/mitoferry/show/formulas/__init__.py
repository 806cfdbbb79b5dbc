"""Equations of the mechanisms that can be checked against their code, and the curves that follow from them.

A file ``formulas/PROCESS.yaml`` lists equations. Each names a row function of the process, where its arguments come from (an
argument by name, or a place of the state such as ``cells.atp``), and the right-hand side as an expression of these symbols and of
the process's parameters. From this one record come

* the equation as maths (:func:`Formula.latex`), made from the expression,
* the curve, drawn from the very row function with the library's values, and its band over the prior ranges (:func:`curve`),
* the test: expression and row function agree for random inputs and parameters (``tests/docs/test_formulas.py``).

Row functions that read tables get stand-ins (:class:`Stand`): a resting cell of plain numbers, in which the symbols of the
formula are set, and which remembers what the function writes.
"""

from __future__ import annotations

import ast
import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module, resources
from pathlib import Path
from typing import Any, NamedTuple

from mitoferry.base.cache import keep, kept_file, read_kept
from mitoferry.base.errors import MitoferryError
from mitoferry.core import maths
from mitoferry.core.nodes import NODE, NODES
from mitoferry.core.schema import COLUMNS, CYTOKINES, SPECIES, Step
from mitoferry.experiment.digest import digest_of
from mitoferry.experiment.names import load_library
from mitoferry.processes import rest

TABLES = ("cells", "groups", "mitochondria", "links", "wells", "vesicles", "fields", "pages", "weights")
KNOWN = {name: getattr(maths, name) for name in ("hill2", "hill4", "exp", "log", "power", "tanh")}
KNOWN |= {"max": max, "min": min, "sqrt": math.sqrt}
REST = {
    "cells.state": 1, "cells.atp": rest.RESTING_ATP, "cells.h2o2": rest.RESTING_H2O2, "cells.psi": rest.RESTING_POTENTIAL,
    "cells.tnfaip2": 1.0, "cells.akt": 1.0, "cells.pgc1a": 1.0, "cells.s100a4": 1.0, "cells.antioxidant": 1.0, "cells.load": 1.0,
    "cells.volume": 2.0, "cells.radius": 10.0, "cells.n_mitochondria": 300, "cells.target_mitochondria": 300.0, "cells.substrate": 1.0,
    "cells.atp_flux": 1.0, "cells.atp_oxphos": 0.7, "links.length": 20.0, "links.rest_length": 20.0, "links.diameter": 0.6,
    "cells.rac1": 1.0, "cells.miro1": 1.0, "cells.trak": 1.0, "cells.erk": 1.0, "cells.ho1": 1.0, "cells.tfam": 1.0,
    "cells.sirt1": 1.0, "cells.o_glcnac": 1.0, "cells.connexin43": -1.0, "cells.nad": 1.0, "cells.nad_supply": 1.0,
    "groups.resting_potential": rest.RESTING_POTENTIAL, "groups.cycle_time": 24.0, "groups.receptors": 0.0, "mitochondria.flags": 1,
    "groups.cd38": 0.0, "groups.icam1": 0.0, "groups.lfa1": 0.0, "groups.cd200r": 0.0, "groups.isec": 0.0, "groups.talin2": 0.0,
    "groups.gap43": 0.0, "groups.n_cadherin": 0.0, "groups.antigen_driven": 0.0, "groups.cleavage": 0.0, "groups.dormancy": 0.0,
    "wells.size": 100.0, "wells.medium_height": 100.0,
}  # fmt: skip
SAMPLES, POINTS = 100, 61
FOLDER = "curves"  # of the cache
LONG_STEP = Step(step=0, tick=0, time=0.0, dt=1e15)
"""A step so long that whatever relaxes is at its target: the argument "steady" of a row function."""
NAMES_OF = {".env": SPECIES, ".bulk": SPECIES, ".conc": SPECIES, ".release": SPECIES, ".cytokines": CYTOKINES}
"""Names of the second index of columns; of others the number stands."""


class Place(NamedTuple):
    """Where a symbol stands and over which range it is drawn."""

    at: str  # "" for an argument of the function
    low: float
    high: float
    rest: float
    log: bool
    unit: str
    about: str
    tex: str
    scale: float  # of a column of whole numbers: value of one step; 0 for others

    def stored(self, value: float) -> float:
        """What the column holds."""
        return round(value / self.scale) if self.scale else value

    def possible(self, value: float) -> float:
        """The nearest value that the column can hold."""
        return round(value / self.scale) * self.scale if self.scale else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """One equation of a mechanism.

    Attributes:
        process: name of the process.
        about: what it gives, in words.
        function: "name" or "module:name" of the row function.
        arguments: symbols, names of tables, "p" and literals, in order; "steady" is a step so long that all that relaxes is at its
            target, "array NAME" an array to write in, "parameters PROCESS" those of another process.
        unit, left, right: unit, symbol and expression.
        terms: expressions that the right-hand side names, in the order in which they are worked out.
        symbols: what the names in the expression are, but for parameters and constants.
        over: symbols against which the curve is drawn.
        part: which element of a tuple that the function returns; None for a plain number.
        writes: place that the function writes instead of returning a number.
        fixed: places with other values than at rest.
        held: parameters that bands and tests do not vary, since the expression has no meaning beyond.
        grain: value of one step of what the function gives, where that is a whole number; 0 for others.
    """

    process: str
    about: str
    function: str
    arguments: tuple[Any, ...]
    unit: str
    left: str
    right: str
    terms: Mapping[str, str]
    symbols: Mapping[str, Place]
    over: tuple[str, ...]
    part: int | None
    writes: str
    fixed: Mapping[str, float]
    held: tuple[str, ...] = ()
    grain: float = 0.0

    @property
    def row(self) -> Any:
        """The row function."""
        module, _, name = self.function.rpartition(":")
        return _row(module or self.process, name)

    def names(self) -> tuple[str, ...]:
        """Names in the expression that are not functions, in order of appearance."""
        trees = [ast.parse(text, mode="eval") for text in (*self.terms.values(), self.right)]
        found = [n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)]
        return tuple(n for n in dict.fromkeys(found) if n not in KNOWN and n not in self.terms)

    def parameters(self) -> tuple[str, ...]:
        """Parameters of the process that the expression names."""
        fields = _parameters_class(self.process)._fields
        return tuple(n for n in self.names() if n in fields and n not in self.symbols)

    def constants(self) -> dict[str, float]:
        """Constants of the process's module that the expression names."""
        found = {}
        for name in self.names():
            if name.isupper() and name not in self.symbols:
                found[name] = float(self.row.__globals__[name] if name in self.row.__globals__ else getattr(rest, name))
        return found

    def by_code(self, values: Mapping[str, float], p: Any) -> float:
        """What the row function gives for these values of the symbols and parameters ``p``."""
        places = {**REST, **self.fixed, **{s.at: s.stored(values[name]) for name, s in self.symbols.items() if s.at and name in values}}
        stand = Stand(places)
        given = []
        for a in self.arguments:
            if isinstance(a, str) and a.startswith("p."):  # one parameter, by name
                given.append(getattr(p, a[2:]))
                continue
            given.append(p if a == "p" else stand.table(a) if a in TABLES else values[a] if a in self.symbols else stand.argument(a))
        result = self.row(*given)
        found = stand.places[self.writes] if self.writes else result if self.part is None else result[self.part]
        return float(found) * (self.grain or 1.0)

    def by_expression(self, values: Mapping[str, float], p: Any) -> float:
        """What the expression gives for the same."""
        names: dict[str, Any] = {**KNOWN, **self.constants(), **{n: getattr(p, n) for n in self.parameters()}, **values}
        for name, text in self.terms.items():
            names[name] = eval(compile(text, self.function, "eval"), {"__builtins__": {}}, names)
        return float(eval(compile(self.right, self.function, "eval"), {"__builtins__": {}}, names))

    def latex(self) -> list[str]:
        """The equation and then those of its terms as LaTeX, broken into lines where they are long."""
        from mitoferry.show.latex import equation, name_in_tex

        tex = {name: s.tex for name, s in self.symbols.items()} | {
            name: CONSTANT_TEX.get(name, f"{value:g}") for name, value in self.constants().items()
        }
        tex |= dict.fromkeys(self.terms, "")
        return [
            equation(self.left, self.right, tex),
            *(equation(name_in_tex(name, tex), text, tex) for name, text in self.terms.items()),
        ]


@cache
def _row(module: str, name: str) -> Any:
    return getattr(import_module(f"mitoferry.processes.{module}"), name)


CONSTANT_TEX = {
    "RESTING_ATP": r"\mathrm{ATP}_0",
    "RESTING_H2O2": "H_0",
    "RESTING_POTENTIAL": r"\psi_0",
    "RESTING_NADH": "n_0",
    "LN2": r"\ln 2",
    "PI": r"\pi",
    "FARADAY": "F",
    "GAS_ENERGY": "RT",
    "STANDARD_ENERGY": r"\Delta G_0",
    "AIR_OXYGEN": r"\mathrm{O}_{2,\mathrm{air}}",
}


@cache
def _named(column: str, rest: tuple[Any, ...]) -> str:
    """What the indices after the first stand for: a node, a substance, numbers."""
    if not rest:
        return ""
    names = next((found for end, found in NAMES_OF.items() if column.endswith(end)), None)
    k = int(rest[0])
    words = NODES[k].name if column.endswith(".nodes") else names[k] if names else ""
    return "." + (words or ".".join(str(int(x)) for x in rest))


class Column:
    """One column of a stand-in: reads values of places, remembers what is written."""

    def __init__(self, stand: Stand, name: str) -> None:
        self.stand, self.name = stand, name

    def _place(self, key: Any) -> tuple[str, int]:
        if isinstance(key, tuple):
            return self.name + _named(self.name, key[1:]), int(key[0])
        return self.name, int(key)

    def __getitem__(self, key: Any) -> Any:
        name, row = self._place(key)
        places = self.stand.places
        for place in (f"{name}@{row}", name, self.name):
            if place in places:
                return places[place]
        if ".nodes." in name:
            return NODES[NODE[name.rsplit(".", 1)[1]]].rest
        if name == "cells.group":
            return row
        if name == "links.b":
            return 1
        return 1.0 if name.startswith("groups.") else 0

    def __setitem__(self, key: Any, value: Any) -> None:
        self.stand.places[self._place(key)[0]] = value


class Array(Column):
    """A stand-in for an array: NAME.0, NAME.1 ... are its places."""

    def _place(self, key: Any) -> tuple[str, int]:
        parts = key if isinstance(key, tuple) else (key,)
        return ".".join((self.name, *(str(int(k)) for k in parts))), 0


class Table:
    """A stand-in for a table."""

    def __init__(self, stand: Stand, name: str) -> None:
        self._stand, self._name = stand, name

    def __getattr__(self, column: str) -> Column:
        return Column(self._stand, f"{self._name}.{column}")


class Stand:
    """A resting cell of plain numbers in place of the state."""

    def __init__(self, places: Mapping[str, Any]) -> None:
        self.places = dict(places)

    def table(self, name: str) -> Table:
        """One of its tables."""
        return Table(self, name)

    def argument(self, text: Any) -> Any:
        """An argument that is no symbol: a literal, "zeros" for decay factors so that a signal is at its target, a step, an array."""
        if isinstance(text, str) and text.startswith("array "):
            return Array(self, text.removeprefix("array "))
        if isinstance(text, str) and text.startswith("parameters "):
            return library_values(text.removeprefix("parameters "))
        return {"zeros": _Zeros(), "steady": LONG_STEP}.get(text, text) if isinstance(text, str) else text


class _Zeros:
    def __getattr__(self, name: str) -> float:
        return 0.0


# ---------------------------------------------------------------------- reading
def _folder() -> Path:
    return Path(str(resources.files("mitoferry.show").joinpath("formulas")))


@cache
def _places() -> dict[str, Any]:
    from mitoferry.library.records import read_yaml

    return read_yaml(_folder() / "_places.yaml")


@cache
def _parameters_class(process: str) -> Any:
    return import_module(f"mitoferry.processes.{process}").PROCESS.parameters


def _described(at: str) -> dict[str, Any]:
    """Unit and meaning of a place, from the tables of the state."""
    table, _, column = at.partition(".")
    first, _, sub = column.partition(".")
    if first == "nodes":
        node = NODES[NODE[sub.split("@")[0]]]
        high = 2.0 if node.kind == "factor" else 1.0
        unit = "" if node.unit == "1" else node.unit
        tex = r"n_\mathrm{" + node.name.replace("_", r"\ ") + "}"
        return {"low": 0.0, "high": high, "rest": node.rest, "unit": unit, "about": f"node {node.name}: {node.meaning}", "tex": tex}
    record = COLUMNS.get(table.capitalize(), {}).get(first.split("@")[0])
    return {} if record is None else {"unit": record.unit, "about": record.meaning, "rest": REST.get(at, 1.0 if table == "groups" else 0.0)}


def _place(name: str, raw: Any) -> Place:
    given = {"at": raw} if isinstance(raw, str) else dict(raw or {})
    at = given.get("at", "")
    like = at or given.pop("like", "")
    merged: dict[str, Any] = {"low": 0.0, "high": 1.0, "rest": None, "log": False, "unit": "", "about": "", "tex": "", "scale": 0.0}
    merged |= _described(like) | _places().get(like.split("@")[0], {}) | given
    if merged["rest"] is None:
        merged["rest"] = merged["low"]
    merged["at"] = at
    return Place(**merged)


@cache
def formulas_of(process: str) -> tuple[Formula, ...]:
    """The equations of a mechanism; none if it has no file.

    Raises:
        MitoferryError: a record has a key that is not known.
    """
    path = _folder() / f"{process}.yaml"
    if not path.exists():
        return ()
    from mitoferry.library.records import read_yaml

    found = []
    for raw in read_yaml(path)["formulas"]:
        known = {f.name for f in fields(Formula)} - {"process"}
        if set(raw) - known:
            raise MitoferryError(f"{path.name}: unknown key {', '.join(sorted(set(raw) - known))}")
        over = raw.get("over", [])
        found.append(
            Formula(
                process=process, about=raw["about"], function=raw["function"], arguments=tuple(raw["arguments"]),
                unit=raw.get("unit", ""), left=raw["left"], right=" ".join(str(raw["right"]).split()),
                terms={k: " ".join(str(v).split()) for k, v in raw.get("terms", {}).items()},
                symbols={k: _place(k, v) for k, v in raw.get("symbols", {}).items()},
                over=tuple([over] if isinstance(over, str) else over), part=raw.get("part"), writes=raw.get("writes", ""),
                fixed=raw.get("fixed", {}), held=tuple(raw.get("held", ())), grain=float(raw.get("grain", 0.0)),
            )
        )  # fmt: skip
    return tuple(found)


def written() -> tuple[str, ...]:
    """Processes that have a file of equations."""
    return tuple(sorted(p.stem for p in _folder().glob("*.yaml") if not p.stem.startswith("_")))


# ---------------------------------------------------------------------- curves
class Curve(NamedTuple):
    """A response: the values at ``x``, and the middle nine tenths of what the prior ranges of the parameters allow."""

    symbol: str
    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


def values_at_rest(formula: Formula) -> dict[str, float]:
    """The symbols of a formula in a resting cell."""
    return {name: s.rest for name, s in formula.symbols.items()}


def library_values(process: str) -> Any:
    """Parameters of a process as the library has them."""
    records = load_library().parameters
    cls = _parameters_class(process)
    return cls(*(records[f"{process}.{name}"].value for name in cls._fields))


def drawn_values(process: str, names: tuple[str, ...], rng: random.Random) -> Any:
    """Library values with ``names`` drawn from their prior ranges."""
    records = load_library().parameters
    p = library_values(process)
    drawn = {}
    for name in names:
        r = records[f"{process}.{name}"]
        low, high = r.range
        u = rng.random()
        if r.distribution == "fixed":
            drawn[name] = r.value
        elif r.distribution in ("loguniform", "lognormal") and low > 0:
            drawn[name] = low * (high / low) ** u
        else:
            drawn[name] = low + (high - low) * u
    return p._replace(**drawn)


def curve(formula: Formula, symbol: str) -> Curve:
    """The response of a formula to one of its symbols, all others at rest; from the cache where it was kept for this code and library."""
    made_from = f"{digest_of('core', 'processes', 'show/formulas')} {load_library().parameters!r} {formula!r} {symbol}"
    path = kept_file(FOLDER, made_from)
    try:
        return Curve(*read_kept(path))
    except LookupError:
        found = _curve(formula, symbol)
    keep(path, json.dumps(found))
    return found


def _curve(formula: Formula, symbol: str) -> Curve:
    s = formula.symbols[symbol]
    steps = [k / (POINTS - 1) for k in range(POINTS)]
    x = [s.low * (s.high / s.low) ** t if s.log else s.low + (s.high - s.low) * t for t in steps]
    at = values_at_rest(formula)

    def response(p: Any) -> list[float]:
        return [formula.by_code(at | {symbol: v}, p) for v in x]

    rng = random.Random(f"{formula.process}.{formula.function}.{symbol}")
    varied = tuple(name for name in formula.parameters() if name not in formula.held)
    drawn = [response(drawn_values(formula.process, varied, rng)) for _ in range(SAMPLES if varied else 1)]
    ordered = [sorted(column) for column in zip(*drawn, strict=True)]
    cut = len(drawn) // 20
    return Curve(symbol, x, response(library_values(formula.process)), [c[cut] for c in ordered], [c[-1 - cut] for c in ordered])
