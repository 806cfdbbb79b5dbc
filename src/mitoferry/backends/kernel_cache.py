"""Compiled kernels on disk, found by what they are made of and not by where their sources lie.

Numba keeps compiled code under the path and the time stamp of the source file, so that every clone, worktree and
virtual environment compiled everything anew. Here the name of a kernel holds a mark of its own code and of all that it
calls (``cpu.code_mark``), and its folder one of what shapes every kernel (``cpu.cache_directory``): equal names are equal
kernels. The index of Numba within the file still tells processors, signatures and versions of Python and Numba apart.
Tests: ``tests/unit/test_kernel_cache.py``.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

from mitoferry.backends import inner
from mitoferry.base.errors import MitoferryWarning


class KernelCacheWarning(MitoferryWarning):
    """Compiled kernels could not be kept: every run will compile them again."""


class _Place:
    """What Numba calls a locator: where the files of a function are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_cache_path(self) -> str:
        """The folder as text."""
        return str(self._folder)

    def ensure_cache_path(self) -> None:
        """Make the folder where it is missing."""
        self._folder.mkdir(parents=True, exist_ok=True)


def _only_named(*entries: str) -> bytes:
    """A module of LLVM that defines ``entries`` and does nothing: Numba asks it for the names that the machine code defines."""
    import llvmlite.binding

    text = "\n".join(f'define void @"{entry}"() {{\n ret void\n}}' for entry in entries)
    return llvmlite.binding.parse_assembly(text).as_bitcode()


class _Kernels(CompileResultCacheImpl):
    def __init__(self, folder: Path) -> None:
        self._locator = _Place(folder)

    def reduce(self, compiled: Any) -> Any:
        """What is kept of a compiled kernel: its machine code, and not what that was made of: no other code calls a kernel."""
        if not inner.is_tried():
            return super().reduce(compiled)
        (name, kind, code), description, *rest = super().reduce(compiled)
        if kind == "object":
            code = (code[0], _only_named(description.llvm_cpython_wrapper_name, description.llvm_cfunc_wrapper_name))
        return (name, kind, code), description, *rest


class KernelCache(FunctionCache):
    """Loads and saves one kernel.

    Args:
        function: the plain function that is compiled.
        folder: where kernels of these sources are kept.
        name: name of the kernel, equal only for equal code.
        missing: called before a kernel is compiled that is not there: only then are the functions needed that it calls.
    """

    def __init__(self, function: Any, folder: Path, name: str, missing: Callable[[], None] | None = None) -> None:
        self._name = name
        self._missing = missing
        self._py_func = function
        self._impl = _Kernels(folder)
        self._cache_path = str(folder)
        version = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
        self._cache_file = IndexDataCacheFile(cache_path=self._cache_path, filename_base=f"{name}.{version}", source_stamp=name)
        self.enable()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel from the cache, ``None`` where it is not there or cannot be read.

        Numba would bring all that it knows of Python's and NumPy's functions up to date for every kernel, half of the time
        that loading takes; machine code needs none of it.
        """
        if not inner.is_tried():
            if self._missing is not None:
                self._missing()
            return super().load_overload(sig, target_context)
        found = None
        try:
            with self._guard_against_spurious_io_errors():
                found = self._load_overload(sig, target_context)
        except OSError as error:
            self._give_up(error)
        if found is None:
            target_context.refresh()
            if self._missing is not None:
                self._missing()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the compiled kernel; a folder that cannot be written to is told, and the run goes on."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.disable()
        hint = "every run compiles them again. Set MITOFERRY_CACHE_DIR to a folder that can be written to"
        place = f"{self._cache_path} ({error.strerror or error})"
        warnings.warn(KernelCacheWarning(f"compiled kernels cannot be kept in {place}: {hint}"), stacklevel=3)
