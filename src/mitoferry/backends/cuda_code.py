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

from mitoferry.backends import cuda as backend
from mitoferry.backends.cpu import Cpu
from mitoferry.base.errors import MitoferryError

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
        with backend.products_apart():
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

    def _note(self, template: str, args: tuple[Any, ...], row: Any, finish: Any = None, n_sums: int = 0) -> None:
        key = (template, row, finish)
        if key in self.kernels:
            return
        from numba import typeof, types

        name = f"{row.__module__.removeprefix('mitoferry.')}.{row.__name__}"
        with as_if_there_were_one(self._target):
            n_args = len(args) - (2 if finish else 0)
            function, narrow = self._maker.function(template, n_args, row, finish, n_sums)
            given = (types.int64, *map(typeof, narrow(args)))
            text, _ = backend.cuda.compile_ptx(function, given, cc=self._target)
        self.kernels[key] = KernelCode(name, text, *assembled(text, self._target))

    def each(self, row: Any, n: int, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.EACH, args, row)
        super().each(row, n, *args)

    def gather(self, slot_row: Any, finish_row: Any, n_sums: int, n: int, cells: Any, pages: Any, *args: Any) -> None:
        """See :class:`mitoferry.backends.contract.Backend`."""
        if n > 0:
            self._note(backend.GATHER, (cells, pages, *args), slot_row, finish_row, n_sums)
        super().gather(slot_row, finish_row, n_sums, n, cells, pages, *args)


__all__ = ["Compiling", "KernelCode", "assembler", "missing"]
