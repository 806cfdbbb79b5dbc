"""Machine code of CUDA kernels on a computer without a GPU: whether they compile, and what they would take of one.

NVIDIA's compiler (libNVVM) and assembler (ptxas) need no GPU; both come as wheels (``pip install nvidia-nvvm nvidia-cuda-nvcc``).
:class:`Compiling` is a backend that runs everything on the CPU and compiles, at the first launch of every row function, the kernel that
the CUDA backend would launch. Used by ``tests/backends/test_cuda_code.py`` and ``benchmarks/cuda_kernels.py``.
"""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from mitoferry.backends import cuda as backend
from mitoferry.backends import cuda_lists as lists
from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import MitoferryError
from mitoferry.core.order import sort_rows

NUMBERS, SUMS, MARKS = np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.uint8)  # what kernels write to, by their kind
TARGET = (9, 0)
"""Compute capability that is compiled for: H100, H200."""


class KernelCode(NamedTuple):
    """What a kernel has become.

    Attributes:
        name: module and row function.
        text: PTX.
        registers: of a thread; 0 where there is no assembler.
        stack: bytes of a thread's stack.
        spilled: bytes that are moved out of registers and back.
    """

    name: str
    text: str
    registers: int
    stack: int
    spilled: int


def missing() -> str:
    """Why nothing can be compiled here; empty if it can."""
    if backend.cuda is None:
        return "numba-cuda is not installed (pip install 'mitoferry[cuda]')"
    if backend.simulated():
        return "numba-cuda runs in its simulator"
    try:
        from cuda import pathfinder

        pathfinder.load_nvidia_dynamic_lib("nvvm")
    except Exception as error:  # each version of the pathfinder has errors of its own
        return f"no libNVVM (pip install nvidia-nvvm): {error}"
    return ""


@functools.cache
def assembler() -> str | None:
    """Path of ptxas, from the wheel or the system."""
    for folder in sys.path:
        for found in sorted(Path(folder).glob("nvidia/*/bin/ptxas")) if folder else ():
            return str(found)
    return shutil.which("ptxas")


@contextlib.contextmanager
def as_if_there_were_one(target: tuple[int, int] = TARGET) -> Iterator[None]:
    """Let numba-cuda compile for ``target`` without asking a driver what there is."""
    from numba import cuda

    codegen: Any = cuda.codegen
    dispatcher: Any = cuda.dispatcher
    paths: Any = cuda.cuda_paths
    kept = dispatcher.get_current_device, codegen.nvrtc, getattr(paths.get_cuda_paths, "_cached_result", None)
    # of what a toolkit holds, two libraries; asked for all, numba-cuda looks for others, too
    paths.get_cuda_paths._cached_result = {"nvvm": paths._get_nvvm_path(), "libdevice": paths._get_libdevice_path()}
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=target)
    codegen.nvrtc = SimpleNamespace(get_arch_option=lambda major, minor: f"compute_{major}{minor}")
    try:
        with backend.compiling():
            yield
    finally:
        dispatcher.get_current_device, codegen.nvrtc, known = kept
        if known is None:
            del paths.get_cuda_paths._cached_result
        else:
            paths.get_cuda_paths._cached_result = known


def assembled(text: str, target: tuple[int, int] = TARGET) -> tuple[int, int, int]:
    """Registers, bytes of stack and bytes spilled of a kernel; zeros where there is no assembler.

    Raises:
        MitoferryError: the assembler refuses it.
    """
    path = assembler()
    if path is None:
        return 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(text, encoding="ascii")
        command = [path, "-v", f"-arch=sm_{target[0]}{target[1]}", str(source), "-o", str(Path(folder) / "kernel.cubin")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MitoferryError(f"ptxas: {done.stderr.strip()[:500]}")

    def most(pattern: str) -> int:
        return max(map(int, re.findall(pattern, done.stderr)), default=0)

    return (
        most(r"Used (\d+) registers"),
        most(r"(\d+) bytes stack frame"),
        most(r"(\d+) bytes spill stores") + most(r"(\d+) bytes spill loads"),
    )


class Compiling(Cpu):
    """The CPU backend, which notes in ``kernels`` the code of every kernel that the CUDA backend would launch.

    Args:
        target: compute capability.

    Raises:
        MitoferryError: nothing can be compiled here; the message says why.
    """

    def __init__(self, *, target: tuple[int, int] = TARGET) -> None:
        why = missing()
        if why:
            raise MitoferryError(f"CUDA kernels cannot be compiled: {why}")
        super().__init__(threads=1)
        self.kernels: dict[Any, KernelCode] = {}
        self._target = target
        self._maker = backend.KernelMaker()

    def _note(self, template: str, before: tuple[Any, ...], args: tuple[Any, ...], row: Any, finish: Any = None, n_sums: int = 0) -> None:
        """Compile a kernel, once; ``before``: what it is given before the arguments of the row function, behind n."""
        key = (template, row, finish)
        if key in self.kernels:
            return
        from numba import typeof

        n_args = len(args) - (2 if finish else 0)
        with as_if_there_were_one(self._target):
            function, narrow = self._maker.function(template, n_args, row, finish, n_sums)
            name = f"{row.__module__.removeprefix('mitoferry.')}.{row.__name__}"
            self._compile(key, name, function, *map(typeof, (*before, *narrow(args))))

    def _compile(self, key: Any, name: str, function: Any, *given: Any) -> None:
        text, _ = backend.cuda.compile_ptx(function, given, cc=self._target)
        self.kernels[key] = KernelCode(name, text, *assembled(text, self._target))

    def compile_lists(self) -> None:
        """Compile the kernels of ``cuda_lists``."""
        from numba import types

        n, words, few, marks = types.int64, types.int64[::1], types.int32[::1], types.uint8[::1]
        given = {
            lists.zero: (words,), lists.take: (few, words, n, few), lists.put: (few, words, n, few), lists.count_marks: (marks, n, words),
            lists.list_marks: (marks, n, words, words), lists.add_up: (few,), lists.count_keys: (few, n, few, few),
            lists.place_keys: (few, n, few, few), lists.copy: (few, few), lists.sort_bins: (few, types.uint32[::1], few),
        }  # fmt: skip
        for function in lists.KERNELS:
            with as_if_there_were_one(self._target):
                self._compile(("list", function, None), f"lists.{function.__name__}", self._maker.plain(function), *given[function])

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.EACH, (n,), args, row)
        super().each(row, n, *args)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.GATHER, (n_sums,), (cells, pages, *args), slot_row, finish_row, n_sums)
        super().gather(slot_row, finish_row, n_sums, n, cells, pages, *args)

    def serial(self, function: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        self._note(backend.serial_template(function), (NUMBERS,), args, function)
        return super().serial(function, *args)

    def select(self, row: Any, n: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.SELECT, (n, MARKS), args, row)
        return super().select(row, n, *args)

    def totals(self, row: Any, n: int, n_groups: int, n_sums: int, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.TOTALS, (n, n_sums, SUMS), args, row, n_sums=n_sums)
        return super().totals(row, n, n_groups, n_sums, *args)

    def largest(self, row: Any, n: int, n_groups: int, groups: Any, *args: Any) -> Any:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.LARGEST, (n, groups, NUMBERS), args, row)
        return super().largest(row, n, n_groups, groups, *args)

    def bins(self, n: int, keys: Any, ties: Any, start: Any, member: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        super().serial(sort_rows, n, keys, ties, start, member)  # in order here; the kernels of bins are those of ``compile_lists``


__all__ = ["Compiling", "KernelCode", "assembler", "missing"]
