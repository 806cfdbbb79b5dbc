"""Compile a row function together with the row functions that it calls.

A row function is plain Python. Its global names that refer to other row functions must point to compiled versions
while it is compiled, and stay plain for the reference backend; so each backend compiles a *copy* of the function
whose globals are replaced. Nothing is compiled on import.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mitoferry.core.row import is_row

_LOADS = {dis.opmap["LOAD_GLOBAL"]: 1, dis.opmap["LOAD_NAME"]: 0}  # by how many bits the place of the name is shifted


def _names_loaded(code: types.CodeType) -> Iterator[str]:
    """Names that the instructions of a code object load; those of code nested in it are not among them.

    As ``dis`` finds them, in a twentieth of the time: it describes every instruction in words.
    """
    text, extended = code.co_code, 0
    for operation, low in zip(text[::2], text[1::2], strict=True):
        if operation == dis.EXTENDED_ARG:
            extended = (extended | low) << 8
            continue
        if operation in _LOADS:
            yield code.co_names[(extended | low) >> _LOADS[operation]]
        extended = 0


@functools.cache
def globals_used(code: types.CodeType) -> frozenset[str]:
    """Global names that a code object, or one nested in it, refers to; names of attributes are not among them."""
    names = set(_names_loaded(code))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= globals_used(constant)
    return frozenset(names)


def names_used(code: types.CodeType) -> set[str]:
    """Names of globals and attributes that a code object, or one nested in it, refers to."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= names_used(constant)
    return names


def with_globals(function: Callable[..., Any], replaced: dict[str, Any], qualname: str) -> Any:
    """A copy of ``function`` in whose globals ``replaced`` holds; ``qualname`` makes its cache entry distinct."""
    scope = dict(function.__globals__)
    scope.update(replaced)
    copy = types.FunctionType(function.__code__, scope, qualname.rsplit(".", 1)[-1], function.__defaults__)
    copy.__qualname__ = qualname
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    return copy


@functools.cache
def text_mark(function: Any) -> bytes:
    """Digest of one text of a row function: its code, its constants, and the values of its global names.

    Other row functions enter by name only: their own texts have marks of their own.
    """
    digest = hashlib.sha256(function.__module__.encode())
    waiting = [function.__code__]
    while waiting:
        code = waiting.pop()
        numbers = [c for c in code.co_consts if not isinstance(c, str | types.CodeType)]  # without the docstring
        digest.update(code.co_code + repr((numbers, code.co_names, code.co_varnames)).encode())
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    for name in sorted(globals_used(function.__code__)):
        value = function.__globals__.get(name)
        named = getattr(value, "__qualname__", None)
        if isinstance(value, np.ndarray):
            shown = f"{value.dtype.str} {value.shape} {value.tobytes().hex()}"
        elif isinstance(value, types.ModuleType):
            shown = value.__name__  # not where it lies
        else:
            shown = f"{value.__module__}.{named}" if named else repr(value)
        digest.update(f"{name}={shown};".encode())
    return digest.digest()


class Compiler:
    """Compiles row functions, each once.

    Args:
        jit: compiles a plain function.
        variant: attribute that names the other text of a primitive.
        integer: what ``int(x)`` means in compiled code. Numba's own ``int`` keeps an unsigned integer unsigned, and
            the difference of two of them then wraps around; ``numpy.int64`` gives Python's meaning.
    """

    def __init__(self, jit: Callable[[Any, str], Any], variant: str, integer: Any = np.int64) -> None:
        self._jit = jit
        self._variant = variant
        self._integer = integer
        self._done: dict[Any, Any] = {}

    def supply(self, function: Any, compiled: Any) -> None:
        """Use ``compiled`` wherever ``function`` is called."""
        self._done[function] = compiled

    def compile(self, function: Any) -> Any:
        """The compiled version of a row function, with all that it calls."""
        if function in self._done:
            return self._done[function]
        if not is_row(function):
            raise TypeError(f"{function!r} is not a row function: mark it with @row from mitoferry.core.row")
        text = getattr(function, self._variant) or function
        replaced = {
            name: self.compile(text.__globals__[name])
            for name in sorted(globals_used(text.__code__))
            if name in text.__globals__ and is_row(text.__globals__[name])
        }
        if self._integer is not None:
            replaced["int"] = self._integer
            replaced["float"] = np.float64  # Numba's own float() leaves a float32 as it is
        compiled = self._jit(with_globals(text, replaced, text.__qualname__), text.__module__)
        self._done[function] = compiled
        return compiled
