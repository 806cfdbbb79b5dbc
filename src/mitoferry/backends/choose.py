"""Choose a backend by name."""

from __future__ import annotations

from typing import Any

from mitoferry.base.errors import InputError, Problem

NAMES = ("auto", "reference", "cpu", "cuda")


def choose_backend(name: str = "auto", *, threads: int | None = None) -> Any:
    """A backend.

    Args:
        name: "reference" (plain Python), "cpu" (Numba), "cuda", or "auto": the CPU (a GPU has to be asked for).
        threads: threads of the CPU backend; default all cores.

    Raises:
        InputError: unknown name.
        MitoferryError: "cuda" asked for where none can be used.
    """
    if name not in NAMES:
        raise InputError(Problem("--backend", "backend", " | ".join(NAMES), repr(name)))
    if threads is not None and threads < 1:
        raise InputError(Problem("--threads", "threads", "a whole number of at least 1", str(threads)))
    if name == "reference":
        from mitoferry.backends.reference import Reference

        return Reference()
    if name == "cuda":
        from mitoferry.backends.cuda import Cuda

        return Cuda(threads=threads)
    from mitoferry.backends.cpu import Cpu

    return Cpu(threads=threads)
