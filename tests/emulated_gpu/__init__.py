"""A GPU that is not there: the CUDA backend as users run it, on a computer without one.

numba-cuda compiles kernels with NVIDIA's compiler, and the backend hands arrays and launches to the driver; all of that is as it is with a
GPU. Only the driver is ours (``driver.c``), and what NVIDIA's assembler and the GPU would do: the PTX of a kernel becomes C (``ptx.py``,
``machine.h``), which the processor runs. So the instructions that a GPU would get are executed, on memory that only launches and copies
reach.

It tells an access to memory that is no array's, or at an address that is not a multiple of what is read. It does not run threads at the
same moment, and says nothing of speed, of registers, or of NVIDIA's assembler.

:func:`turn_on` before anything looks for a driver: in a process of its own (:func:`printed`).
Tests of the emulator itself: ``tests/backends/test_emulated_gpu.py``.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from emulated_gpu.ptx import translate

HERE = Path(__file__).parent
TESTS = HERE.parent
FLAGS = ("-shared", "-fPIC", "-O1", "-ffp-contract=off", "-fwrapv", "-fno-strict-aliasing", "-Wl,-soname,libcuda.so.1")
RUN_PTX = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_char_p),
    ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_void_p),
)  # fmt: skip
START = """\
import sys
sys.path[:0] = [{tests!r}, {backends!r}]
import emulated_gpu
gpu = emulated_gpu.turn_on()
gpu.backward({backward})
if {exact}:
    emulated_gpu.watch_every_array()
from mitoferry.backends.cuda import Cuda
"""


def compiler() -> str | None:
    """The C compiler."""
    return shutil.which("gcc")


def missing() -> str:
    """Why there can be no emulated GPU here; empty if there can."""
    from mitoferry.backends import cuda_code

    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "the emulated GPU is for Linux on x86-64"
    if compiler() is None:
        return "the emulated GPU needs gcc"
    return cuda_code.missing()


class Gpu:
    """The emulated GPU of this process.

    Args:
        folder: where libraries are kept.

    Attributes:
        driver: its library.
        kernels: names and C texts of the kernels that were loaded.
        failures: what was raised while a kernel was made into a function.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._kept: list[Any] = []
        self.kernels: dict[str, str] = {}
        self.failures: list[BaseException] = []
        library = self._compiled((HERE / "driver.c").read_text(encoding="utf-8"), "libcuda")
        self.driver = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        self._run_ptx = RUN_PTX(self._load)
        ctypes.c_void_p.in_dll(self.driver, "run_ptx").value = ctypes.cast(self._run_ptx, ctypes.c_void_p).value

    def _compiled(self, text: str, name: str) -> Path:
        """A library of a C text, compiled unless it was."""
        place = self._folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.so"
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                source, made = Path(folder, "text.c"), Path(folder, "made.so")
                source.write_text(text, encoding="utf-8")
                command = [compiler() or "gcc", *FLAGS, str(source), "-o", str(made), "-lm"]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(done.stderr[:2000])
                os.replace(made, place)
        return place

    def _load(self, ptx: int, size: int, launch: Any, name: Any, n_params: Any, sizes: Any) -> int:
        """What the driver asks for: PTX as a function."""
        try:
            kernel = translate(ctypes.string_at(ptx, size).decode())
            library = ctypes.CDLL(str(self._compiled(kernel.text, "kernel")), mode=os.RTLD_LOCAL)
        except Exception as error:  # it must not pass through C, which cannot raise it
            self.failures.append(error)
            return 1
        kept = library, kernel.name.encode(), bytes(kernel.sizes)
        self._kept.append(kept)
        self.kernels[kernel.name] = kernel.text
        launch[0] = ctypes.cast(library.launch, ctypes.c_void_p).value
        name[0], n_params[0] = kept[1], len(kernel.sizes)
        sizes[0] = ctypes.cast(ctypes.c_char_p(kept[2]), ctypes.c_void_p).value
        return 0

    def counted(self, what: str) -> int:
        """How many ``launches``, ``allocations`` and ``copies`` there were; ``at_work``: ns in kernels; ``highest``: bytes at most."""
        return ctypes.c_uint64.in_dll(self.driver, what).value

    @property
    def last_failure(self) -> str:
        """What a launch or a copy reached for that is no array's."""
        return bytes((ctypes.c_char * 400).in_dll(self.driver, "last_failure")).split(b"\0")[0].decode()

    def backward(self, yes: bool) -> None:
        """Let blocks and threads run from the last to the first."""
        ctypes.c_int.in_dll(self.driver, "backward").value = int(yes)


def _has_nvrtc() -> bool:
    from cuda import pathfinder

    try:
        pathfinder.load_nvidia_dynamic_lib("nvrtc")
    except Exception:  # each version of the pathfinder has errors of its own
        return False
    return True


def watch_every_array() -> None:
    """Give each array of the backend memory of its own, no larger than it, that goes back at once: no access beside it is missed."""
    from mitoferry.backends import cuda_driver

    class Exact(cuda_driver.Memory):
        @staticmethod
        def size_of_block(nbytes: int) -> int:
            return -(-nbytes // 16) * 16

        def take(self, nbytes: int) -> Any:
            self.release()
            return super().take(nbytes)

    cuda_driver.Memory = Exact


def turn_on(folder: Path | None = None) -> Gpu:
    """Be the GPU of this process.

    Args:
        folder: where libraries are kept; else in the system's folder for such.

    Raises:
        RuntimeError: a C text could not be compiled.
    """
    gpu = Gpu(folder or Path(tempfile.gettempdir()) / f"mitoferry-emulated-gpu-{os.getuid()}")  # before anybody asks for libcuda.so.1
    from cuda.core import _linker
    from numba import cuda

    _linker._nvjitlink_has_version_symbol = lambda *module: False  # so the driver links: NVIDIA's linker would make machine code
    codegen: Any = cuda.codegen
    paths: Any = cuda.cuda_paths
    if not _has_nvrtc():  # it is asked for the name of an architecture alone
        codegen.nvrtc = SimpleNamespace(get_arch_option=lambda major, minor, letter="": f"compute_{major}{minor}{letter}")
        paths.get_cuda_paths._cached_result = {"nvvm": paths._get_nvvm_path(), "libdevice": paths._get_libdevice_path()}
    return gpu


def printed(code: str, *, backward: bool = False, exact: bool = True) -> str:
    """What ``code`` prints with an emulated GPU; it may import from ``tests`` and ``tests/backends``, and must run to its end.

    Args:
        code: Python; ``Cuda`` and ``gpu`` are there.
        backward: blocks and threads run from the last to the first.
        exact: watch every array; else memory is taken as from a GPU.
    """
    start = START.format(tests=str(TESTS), backends=str(TESTS / "backends"), backward=backward, exact=exact)
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


__all__ = ["Gpu", "missing", "printed", "turn_on", "watch_every_array"]
