"""numba-cuda's own way from a kernel to machine code, on a computer without a GPU: what a driver would do, the assembler does."""

import contextlib
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from mitoferry.backends import cuda_cache, cuda_code

TARGET = cuda_code.TARGET
DRIVER = (13, 0)


class Assembler:
    """In the place of numba-cuda's linker."""

    info_log, lto = "", False

    def __init__(self, max_registers=None, lineinfo=False, cc=None, lto=None, additional_flags=None):
        assert not lto
        self._cc, self._text = cc, b""

    def add_ptx(self, text, name=""):
        self._text += text

    def complete(self):
        from cuda.core import ObjectCode

        with tempfile.TemporaryDirectory() as folder:
            source, code = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
            source.write_bytes(self._text)
            command = [cuda_code.assembler(), f"-arch=sm_{self._cc[0]}{self._cc[1]}", str(source), "-o", str(code)]
            subprocess.run(command, check=True, capture_output=True)
            return ObjectCode.from_cubin(code.read_bytes(), name="kernel")


@contextlib.contextmanager
def as_with_a_driver(target=TARGET, driver_version=DRIVER):
    """Kernels of ``cuda.jit`` can be compiled for a GPU of this kind, in the way of a launch; what is patched asks a driver.

    Gives the calls of NVIDIA's compiler, one entry each.
    """
    from numba import cuda
    from numba.cuda.cudadrv import driver, nvvm

    calls = []
    with contextlib.ExitStack() as patched:
        enter = patched.enter_context
        compile_ir = nvvm.compile_ir
        enter(patch.object(nvvm, "compile_ir", lambda code, **options: calls.append(options) or compile_ir(code, **options)))
        enter(cuda_code.as_if_there_were_one(target))
        enter(patch.object(cuda.codegen.CUDACodeLibrary, "_ensure_cc", lambda _, cc: cc or target))
        enter(patch.object(cuda.dispatcher._Kernel, "bind", lambda kernel: kernel._codelibrary.get_cubin()))
        enter(patch.object(driver, "_Linker", Assembler))
        enter(patch.object(driver, "get_version", lambda: driver_version))
        cuda_cache.tools.cache_clear()
        patched.callback(cuda_cache.tools.cache_clear)
        yield calls


def machine_code(kernel, target=TARGET):
    """The cubin of a kernel that was compiled or loaded."""
    return kernel._codelibrary._cubin_cache[target].code


def launched(dispatcher, *args):
    """The kernel that numba-cuda picks for a launch with these arguments; nothing runs."""
    from numba import cuda
    from numba.cuda.cudadrv import driver

    seen = []
    with (
        patch.object(cuda.dispatcher._Kernel, "launch", lambda kernel, *_: seen.append(kernel)),
        patch.object(driver, "_to_core_stream", lambda _: SimpleNamespace(handle=0)),
    ):
        dispatcher[1, 32](*args)
    return seen[0]
