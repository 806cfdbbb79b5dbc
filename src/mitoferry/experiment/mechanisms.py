"""Mechanisms as a user asks for them: what the code says of a process, what acts on it, and which experiments touch it.

What a process reads is found in its code, not in a list kept by hand: from its ``advance`` (and ``prepare``) every function
that it calls is followed, and the nodes (``NODE_ACTIN``) and substances (``OXYGEN``) that they name are noted. An agent acts
on a process that reads its node or the substance that it adds. Processes of other packages are treated alike.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.nodes import NODES
from mitoferry.core.process import Process
from mitoferry.core.schema import CYTOKINES, SPECIES
from mitoferry.experiment.loop import BUILT_IN, load_processes
from mitoferry.experiment.names import load_library, nearest

NODE_OF_CONSTANT = {f"NODE_{node.name.upper()}": node.name for node in NODES}
SPECIES_OF_CONSTANT = {name.upper(): name for name in (*SPECIES, *CYTOKINES, "perfusion")}  # places of action that are no nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One mechanism.

    Attributes:
        name: its name; also the prefix of its parameters.
        summary: first sentence of its docstring.
        text: the whole docstring.
        stage, clock: where and how often it runs in the loop.
        nodes: nodes that its code reads.
        species: dissolved substances that its code names.
        built_in: whether it comes with mitoferry.
        module: where its code is.
    """

    name: str
    summary: str
    text: str
    stage: str
    clock: str
    nodes: tuple[str, ...]
    species: tuple[str, ...]
    built_in: bool
    module: str

    @property
    def switch(self) -> str:
        """What to give to ``mitoferry run`` to leave it out."""
        return f"--set switches.{self.name}=off"

    def parameters(self) -> list[Any]:
        """Its parameter records, in the order of the library."""
        return [r for r in load_library().parameters.values() if r.process == self.name]

    def agents(self) -> list[Acting]:
        """Drugs, genes and injuries that act on it, sorted by kind and name."""
        return [a for a in all_acting() if a.places & {*self.nodes, *self.species}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """An agent of the library and the places of the mechanism (nodes, substances) that it changes."""

    kind: str
    name: str
    about: str
    places: frozenset[str]

    def through(self, mechanism: Mechanism) -> tuple[str, ...]:
        """Places by which it acts on a mechanism."""
        return tuple(sorted(self.places & {*mechanism.nodes, *mechanism.species}))


def all_acting() -> tuple[Acting, ...]:
    """Every drug, gene and injury of the library with what it changes."""
    library = load_library()
    kinds = (("drug", library.drugs), ("gene", library.genes), ("injury", library.injuries))
    return tuple(
        Acting(kind=kind, name=name, about=agent.about, places=frozenset(r.key for r in agent.responses if r.kind != "wash"))
        for kind, agents in kinds
        for name, agent in sorted(agents.items())
    )


def _names_in(code: CodeType) -> Iterator[str]:
    """Global names that a code object uses, with those of functions defined inside."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _inner(value: Any) -> Iterator[FunctionType]:
    """The function itself, and the other texts that ``@row`` keeps with it."""
    value = inspect.unwrap(value) if callable(value) else value
    if isinstance(value, FunctionType):
        yield value
        for name in ("__mitoferry_page__", "__mitoferry_cpu__"):
            if isinstance(other := getattr(value, name, None), FunctionType):
                yield other


def functions_of(*functions: Callable[..., Any] | None) -> Iterator[FunctionType]:
    """Functions themselves and all that they call, each once, within packages that hold processes."""
    waiting = [f for function in functions if function is not None for f in _inner(function)]
    home = {f.__module__.split(".", 1)[0] for f in waiting} | {"mitoferry"}
    seen: set[FunctionType] = set()
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        yield function
        for value in _globals_of(function, home):
            waiting += [f for f in _inner(value) if (f.__module__ or "").split(".", 1)[0] in home]


def _globals_of(function: FunctionType, home: set[str]) -> Iterator[Any]:
    """What the global names of a function stand for, with what it takes from modules of its own package."""
    names = set(_names_in(function.__code__))
    modules = [m for n in names if isinstance(m := function.__globals__.get(n), ModuleType) and m.__name__.split(".", 1)[0] in home]
    for name in names:
        yield function.__globals__.get(name)
        yield from (getattr(m, name, None) for m in modules)


def constants_of(*functions: Callable[..., Any] | None) -> set[str]:
    """Names in capitals that functions use, themselves or through what they call, within packages that hold processes."""
    found: set[str] = set()
    for function in functions_of(*functions):
        names = {n for n in _names_in(function.__code__) if n.isupper()}
        modules = [m for n in set(_names_in(function.__code__)) if isinstance(m := function.__globals__.get(n), ModuleType)]
        found |= {n for n in names if n in function.__globals__ or any(hasattr(m, n) for m in modules)}
    return found


def _mechanism(process: Process) -> Mechanism:
    module = sys.modules[process.advance.__module__]
    text = inspect.cleandoc(module.__doc__ or process.advance.__doc__ or "")
    used = constants_of(process.advance, process.prepare)
    return Mechanism(
        name=process.name,
        summary=" ".join(text.split("\n\n", 1)[0].split()),
        text=text,
        stage=process.stage,
        clock=process.clock,
        nodes=tuple(sorted(NODE_OF_CONSTANT[c] for c in used if c in NODE_OF_CONSTANT)),
        species=tuple(SPECIES_OF_CONSTANT[c] for c in sorted(used) if c in SPECIES_OF_CONSTANT),
        built_in=process.name in BUILT_IN,
        module=module.__name__,
    )


def acting_on(place: str) -> tuple[Acting, ...]:
    """Drugs, genes and injuries that change a node or a dissolved substance."""
    return tuple(a for a in all_acting() if place in a.places)


def processes() -> list[Process]:
    """The processes behind the mechanisms, in the order of the loop."""
    return load_processes()


def foreign(process: Process) -> bool:
    """Whether its code is not that of this package."""
    return not process.advance.__module__.startswith("mitoferry.")


@cache
def _mechanisms() -> Mapping[str, Mechanism]:
    return {p.name: _mechanism(p) for p in load_processes()}


def mechanisms() -> dict[str, Mechanism]:
    """All mechanisms by name, in the order of the loop."""
    return dict(_mechanisms())


def mechanism(name: str) -> Mechanism:
    """The mechanism of that name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    known = _mechanisms()
    if name not in known:
        hint = nearest(name, known)
        raise InputError(Problem("command line", "explain", "the name of a mechanism (mitoferry list mechanisms)", repr(name), hint=hint))
    return known[name]
