"""Compiled CUDA kernels on disk: what they are made of is their name, so that every process after the first loads them.

numba-cuda keeps kernels under the path and the time stamp of a source file, which a kernel made with ``exec`` does not have. Here a
kernel is found by a digest of its text and of all that it calls, the types of its arguments, the GPU's compute capability, and what
compiles and links: equal digests are equal kernels. Kept is machine code (cubin) alone: nothing of NVVM's is needed to load it.

A file holds its own checksum, and the whole digest that it answers: one that is damaged or of another kernel counts as not there, and is
written anew. It is written aside and then renamed, so that several processes may fill a folder at once.
Tests: ``tests/backends/test_cuda_cache.py``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import re
import sys
import uuid
import warnings
import weakref
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mitoferry.backends.cpu import cache_directory
from mitoferry.backends.kernel_cache import KernelCacheWarning
from mitoferry.backends.rewrite import globals_used, text_mark

MAGIC = b"mitoferry CUDA kernel 1\n"
SUFFIX = ".cuda"
PACKAGES = ("numba-cuda", "numba", "llvmlite", "numpy", "cuda-bindings", "cuda-core")
ENDS = 1 << 20  # bytes at either end of a library by which it is told: they hold where its functions are
_DIGEST = hashlib.sha256().digest_size

_text_marks: weakref.WeakKeyDictionary[Any, bytes] = weakref.WeakKeyDictionary()


def folder() -> Path:
    """Where compiled CUDA kernels of these sources are kept: beside those of the CPU, so that they are counted and deleted together."""
    return cache_directory() / "cuda"


def _text_mark(function: Any) -> bytes:
    """Digest of one text, also of what the CPU's mark leaves out: default values."""
    found = _text_marks.get(function)
    if found is None:
        digest = hashlib.sha256(text_mark.__wrapped__(function))  # not kept: the copies that are compiled do not live for ever
        digest.update(repr(function.__defaults__).encode())
        found = _text_marks[function] = digest.digest()
    return found


def code_mark(function: Any) -> str:
    """A mark of every text that is compiled with the function of a kernel: its own, and of all that it calls, however deep.

    The walk goes where the compiler goes, through the device functions of numba-cuda that global names stand for; so it meets the texts
    of the GPU where a row function has one, and no text can be forgotten. The options of each count, too.
    """
    from numba import cuda

    compiler: Any = cuda.dispatcher
    digest = hashlib.sha256()
    waiting, places = [function], {id(function): 0}
    for text in waiting:
        digest.update(_text_mark(text))
        for name in sorted(globals_used(text.__code__)):
            called = text.__globals__.get(name)
            if isinstance(called, compiler.CUDADispatcher):
                if id(called.py_func) not in places:
                    places[id(called.py_func)] = len(waiting)
                    waiting.append(called.py_func)
                digest.update(f"{name}={places[id(called.py_func)]} {sorted(called.targetoptions.items())};".encode())
    return digest.hexdigest()


def described(kind: Any) -> str:
    """A type of numba's as text, with the names of the columns of a table: compiled code reads them by position."""
    of = getattr(kind, "types", None)
    if of is None:
        return f"{type(kind).__name__} {kind}"
    made = getattr(kind, "instance_class", tuple)
    names = ",".join(getattr(made, "_fields", ()))
    return f"{made.__module__}.{made.__qualname__}({names})[{'; '.join(map(described, of))}]"


def library_mark(path: str) -> str:
    """Tells builds of a library apart, wherever it lies. It is not read as a whole: libNVVM has 70 MB, a tenth of a second."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(str(size).encode())
        for start in (0, max(0, size - ENDS)):
            file.seek(start)
            digest.update(file.read(ENDS))
    return digest.hexdigest()[:16]


@functools.cache
def tools() -> str:
    """What makes machine code of a kernel, and what loads it: versions and marks of compiler, linker and driver."""
    from cuda import pathfinder
    from numba import cuda

    driver: Any = cuda.cudadrv.driver
    paths: Any = cuda.cuda_paths
    found = [f"python {sys.version_info[0]}.{sys.version_info[1]}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # older versions of numba-cuda do without some of them
            found.append(f"no {package}")
    linker = "of the driver"
    if driver._have_nvjitlink():
        linker = library_mark(pathfinder.load_nvidia_dynamic_lib("nvJitLink").abs_path)
    return "\n".join(
        [
            *found,
            f"libNVVM {library_mark(pathfinder.load_nvidia_dynamic_lib('nvvm').abs_path)}",
            f"libdevice {library_mark(paths._get_libdevice_path().info)}",
            f"linker {linker}",
            f"driver {driver.get_version()}",
        ]
    )


def _read(path: Path, digest: bytes) -> bytes | None:
    """What is kept there under a digest; ``None`` where nothing is, or a file that is not whole."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    rest = text[len(MAGIC) + _DIGEST :]
    if text[: len(MAGIC)] != MAGIC or text[len(MAGIC) : len(MAGIC) + _DIGEST] != hashlib.sha256(rest).digest():
        return None
    return rest[_DIGEST:] if rest[:_DIGEST] == digest else None


def _write(path: Path, digest: bytes, kept: bytes) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = digest + kept
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}.partial")
    try:
        aside.write_bytes(MAGIC + hashlib.sha256(rest).digest() + rest)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


class CudaKernelCache:
    """What numba-cuda asks for a kernel before it compiles one, and gives it to afterwards.

    Args:
        function: the plain function that is compiled.
        name: told in the names of files, for people; kernels need not differ in it.
        folder: where the files are.
        options: what the compiler is told.
    """

    def __init__(self, function: Any, name: str, folder: Path, options: dict[str, Any]) -> None:
        self._function = function
        self._name = re.sub(r"[^\w.]+", "-", name)[-100:]
        self._folder = folder
        self._options = options
        self._enabled = True

    @property
    def cache_path(self) -> str:
        """The folder as text."""
        return str(self._folder)

    def enable(self) -> None:
        """Use the folder."""
        self._enabled = True

    def disable(self) -> None:
        """Leave the folder alone."""
        self._enabled = False

    def flush(self) -> None:
        """Delete what is kept of this kernel, of all types."""
        for path in self._folder.glob(f"{self._name}.{self._code[:12]}.*{SUFFIX}"):
            path.unlink(missing_ok=True)

    @functools.cached_property
    def _code(self) -> str:
        return code_mark(self._function)

    def _place(self, types: tuple[Any, ...]) -> tuple[Path, bytes]:
        """File and digest of the kernel for arguments of these types on the current GPU."""
        from numba import cuda

        compiler: Any = cuda.dispatcher
        capability = tuple(compiler.get_current_device().compute_capability)
        parts = [self._code, repr(sorted(self._options.items())), repr(capability), tools(), *map(described, types)]
        digest = hashlib.sha256("\n".join(parts).encode())
        return self._folder / f"{self._name}.{self._code[:12]}.{digest.hexdigest()[:20]}{SUFFIX}", digest.digest()

    def load_overload(self, types: tuple[Any, ...], target_context: Any) -> Any:
        """The kernel for arguments of these types from the folder; ``None`` where it is not there or damaged."""
        if not self._enabled:
            return None
        place, digest = self._place(types)
        try:
            kept = _read(place, digest)
        except OSError as error:
            self._give_up(error)
            return None
        return None if kept is None else _rebuilt(kept, types)

    def save_overload(self, types: tuple[Any, ...], kernel: Any) -> None:
        """Keep a kernel that was just compiled; a folder that cannot be written to is told, and the run goes on."""
        if not self._enabled or not _can_be_kept(kernel, types):
            return
        try:
            _write(*self._place(types), _reduced(kernel))
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.disable()
        hint = "every run compiles them again. Set MITOFERRY_CACHE_DIR to a folder that can be written to"
        place = f"{self._folder} ({error.strerror or error})"
        warnings.warn(KernelCacheWarning(f"compiled kernels cannot be kept in {place}: {hint}"), stacklevel=3)


def _signature(types: tuple[Any, ...]) -> Any:
    from numba import cuda

    compiler: Any = cuda.dispatcher
    return compiler.typing.signature(compiler.types.none, *types)


def _can_be_kept(kernel: Any, types: tuple[Any, ...]) -> bool:
    """Whether machine code is all there is of a kernel, and the types of its arguments tell which it is.

    That holds for every kernel of this package. Not for one that notes errors (``debug``), depends on the shape of its launch, or
    comes with functions of Python that prepare its module.
    """
    library = kernel._codelibrary
    special = kernel.debug or kernel.extensions or getattr(kernel, "launch_config_sensitive", False)
    prepared = getattr(library, "_setup_functions", ()) or getattr(library, "_teardown_functions", ())
    return not special and not prepared and kernel.signature == _signature(types) and len(library._cubin_cache) == 1


def _reduced(kernel: Any) -> bytes:
    """What numba-cuda keeps of a kernel, less what only compiling needs and what the types of its arguments tell."""
    whole, library = kernel._reduce_states(), kernel._codelibrary._reduce_states()
    for name in ("signature", "codelibrary", "call_helper"):
        del whole[name]
    return pickle.dumps((whole, library | {"llvm_strs": [], "ptx_cache": {}, "linkerinfo_cache": {}}), protocol=5)


def _rebuilt(kept: bytes, types: tuple[Any, ...]) -> Any:
    """The kernel again: its code is sent to the GPU at its first launch."""
    from numba import cuda

    compiler: Any = cuda.dispatcher
    codegen: Any = cuda.codegen
    whole, library = pickle.loads(kept)
    code = codegen.CUDACodeLibrary._rebuild(**library)
    return compiler._Kernel._rebuild(**whole, signature=_signature(types), codelibrary=code, call_helper=None)


def kernel_from_cache(dispatcher: Any, name: str, **options: Any) -> Any:
    """Let a kernel of ``cuda.jit`` be loaded from the folder, and kept there once it was compiled.

    Args:
        dispatcher: of the kernel; for the simulator, which compiles nothing, what it makes instead.
        name: in the names of files, for people.
        options: what the compiler is told that the dispatcher does not know (``fma``).

    Returns:
        The dispatcher, launched as before: at the first launch for arguments of given types it loads or compiles.
    """
    if hasattr(dispatcher, "_cache"):
        dispatcher._cache = CudaKernelCache(dispatcher.py_func, name, folder(), dispatcher.targetoptions | options)
    return dispatcher


__all__ = ["CudaKernelCache", "code_mark", "folder", "kernel_from_cache"]
