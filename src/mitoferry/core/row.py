"""Row functions: the one form in which physics is written.

A row function says what happens to *one* mitochondrion, cell, link or voxel in one step. It is plain Python in the
subset that Python, Numba and CUDA understand alike (no allocation, strings, exceptions, keyword arguments), so that
three backends can run the same text. ``@row`` only marks the function: nothing is compiled on import. A backend
compiles it on first use, together with the row functions that it calls (``backends/rewrite.py``).

A primitive whose text must differ between backends (a bit cast, a wide product) gives the other texts to ``row``;
``tests/backends`` checks that they agree bit for bit.

Rules of the house, so that backends agree to the last bit:

* cast what is read from a float32 array with ``float(...)``, compute in float64, store;
* integer columns are read with ``int(...)``; no unsigned arithmetic outside ``core/random.py``;
* transcendental functions come from ``core/maths.py``; ``math.sqrt`` and ``math.floor`` are exact everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def row(function: F | None = None, *, cpu: Any = None, cuda: Any = None, page: Any = None) -> Any:
    """Mark ``function`` as a row function, optionally with other texts for the CPU and CUDA compilers.

    Args:
        function: the plain Python function, used as it is by the reference backend.
        cpu: function compiled in its place by Numba.
        cuda: function compiled in its place by CUDA (the CUDA simulator runs the plain one).
        page: of a slot row: a row function that treats all slots of a page, given the first; the CPU calls it instead.

    Returns:
        The function itself, marked.
    """

    def mark(f: F) -> F:
        f.__mitoferry_row__ = True  # type: ignore[attr-defined]
        f.__mitoferry_cpu__ = cpu  # type: ignore[attr-defined]
        f.__mitoferry_cuda__ = cuda  # type: ignore[attr-defined]
        f.__mitoferry_page__ = page  # type: ignore[attr-defined]
        return f

    return mark if function is None else mark(function)


def is_row(value: object) -> bool:
    """Whether ``value`` is a function marked with :func:`row`."""
    return getattr(value, "__mitoferry_row__", False) is True
