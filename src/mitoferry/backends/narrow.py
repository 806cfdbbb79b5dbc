"""Pass to a kernel only the columns that it uses.

A table of eighty columns is hundreds of machine words as a kernel argument: slow to compile, slow to launch, and more
than CUDA allows. The columns that a row function and its callees can touch are those whose names occur in their code;
a narrowed table is a NamedTuple of just these. Its class has a name that spells the columns, so that compiled code
cached by another process finds it again (module ``__getattr__``).
"""

from __future__ import annotations

import collections
from typing import Any

from mitoferry.backends.rewrite import globals_used, names_used
from mitoferry.core.events import EventBuffer
from mitoferry.core.row import is_row
from mitoferry.core.schema import TABLES as STATE_TABLES

TABLES: dict[str, Any] = {**STATE_TABLES, "EventBuffer": EventBuffer}
_classes: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    if name in _classes:
        return _classes[name]
    table, separator, columns = name.partition("__")
    if not separator or table not in TABLES:
        raise AttributeError(name)
    fields = TABLES[table]._fields
    made = collections.namedtuple(name, [fields[int(i)] for i in columns.split("_")], module=__name__)  # type: ignore[misc]
    _classes[name] = made
    return made


def texts_of(function: Any) -> list[Any]:
    """Every text of a row function: its own, and those that stand in for it on some backend."""
    variants = (function, function.__mitoferry_cpu__, function.__mitoferry_cuda__, function.__mitoferry_page__)
    return [text for text in variants if text is not None]


def all_rows(*functions: Any) -> list[Any]:
    """Row functions with all that they call, each once, in order of discovery; every variant counts."""
    found: list[Any] = []
    waiting = [f for f in functions if f is not None]
    while waiting:
        function = waiting.pop(0)
        if function in found:
            continue
        found.append(function)
        for text in texts_of(function):
            called = (text.__globals__.get(name) for name in sorted(globals_used(text.__code__)))
            waiting += [c for c in called if is_row(c)]
    return found


def names_of(function: Any) -> set[str]:
    """All names in the code of a row function and of the row functions that it calls, any variant."""
    names: set[str] = set()
    for f in all_rows(function):
        for text in texts_of(f):
            names |= names_used(text.__code__)
    return names


class Narrower:
    """Narrows the table arguments of one kernel. Arguments that are not tables pass unchanged."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._plans: dict[type, Any] = {}

    def _plan(self, table: type) -> Any:
        indices = [i for i, field in enumerate(table._fields) if field in self._names]  # type: ignore[attr-defined]
        if not indices:
            indices = [0]
        made = __getattr__(f"{table.__name__}__" + "_".join(str(i) for i in indices))
        return indices, made._make

    def __call__(self, args: tuple[Any, ...]) -> list[Any]:
        """The arguments with every table narrowed."""
        out = []
        for arg in args:
            kind = type(arg)
            if TABLES.get(kind.__name__) is kind:
                plan = self._plans.get(kind)
                if plan is None:
                    plan = self._plans[kind] = self._plan(kind)
                indices, make = plan
                out.append(make([arg[i] for i in indices]))
            else:
                out.append(arg)
        return out
