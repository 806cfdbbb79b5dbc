"""The machine that a record was made on: processor, cores, memory, vector width, versions. No host or user names."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mitoferry.experiment.room import cores_here
from mitoferry.store.provenance import machine as basic
from mitoferry.store.provenance import versions

VECTORS = (("avx512f", "AVX-512", 512), ("avx2", "AVX2", 256), ("avx", "AVX", 256), ("sse2", "SSE2", 128), ("neon", "NEON", 128))
CPU_FOLDER = Path("/sys/devices/system/cpu")


class Machine(BaseModel):
    """What a record says of its machine.

    Attributes:
        processor: its name.
        cores: cores of the processor, ``None`` where the system does not tell.
        threads: hardware threads, of which ``usable`` may be used by this process.
        smt: whether a core carries several hardware threads; ``None`` where the system does not tell.
        memory_gb: physical memory, 0 where unknown.
        system: operating system with its release.
        vector: widest vector registers that compiled kernels may use; ``vector_bits`` their width, 0 where unknown.
        target: what kernels are compiled for.
        gpu: name of the GPU, if the record was made on one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    processor: str
    cores: int | None = None
    threads: int
    usable: int
    smt: bool | None = None
    memory_gb: float = 0.0
    system: str
    vector: str = "unknown"
    vector_bits: int = 0
    target: str = ""
    gpu: str = ""

    def differences(self, other: Machine) -> list[str]:
        """What differs to another machine, as sentences without a full stop; figures of such machines cannot be compared."""
        pairs = {
            "processor": (self.processor, other.processor), "hardware threads": (self.usable, other.usable),
            "memory": (f"{self.memory_gb:.0f} GB", f"{other.memory_gb:.0f} GB"), "vectors": (self.vector, other.vector),
            "operating system": (self.system.split()[0], other.system.split()[0]), "GPU": (self.gpu or "none", other.gpu or "none"),
        }  # fmt: skip
        return [f"{name}: {theirs} there, {ours} here" for name, (ours, theirs) in pairs.items() if ours != theirs]


def this_machine(backend: str = "cpu") -> Machine:
    """The machine that this process runs on."""
    found = basic()
    vector, bits, target = _vectors()
    threads = int(found["cores"] or 1)
    cores = _cores()
    return Machine(
        processor=_processor(str(found["processor"])), cores=cores, threads=threads, usable=cores_here(),
        smt=None if cores is None else cores < threads, memory_gb=float(found.get("memory_gb") or _mac("hw.memsize", 1e-9)),
        system=str(found["system"]), vector=vector, vector_bits=bits, target=target, gpu=_gpu() if backend == "cuda" else "",
    )  # fmt: skip


def versions_here() -> dict[str, str]:
    """Versions of mitoferry and of the libraries on which speed depends, with a mark of the engine's sources."""
    from importlib import metadata

    from mitoferry.backends.cpu import source_fingerprint

    known = versions()
    found = {k: v for k, v in known.items() if k in ("python", "numpy", "numba", "numba-cuda", "scipy")}
    with contextlib.suppress(metadata.PackageNotFoundError):
        found["llvmlite"] = metadata.version("llvmlite")
    return {"mitoferry": known.get("mitoferry", "unknown"), "sources": source_fingerprint(), **found}


def busy() -> float | None:
    """Processors' worth of other work on the machine now (load of the last minute); ``None`` where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def _processor(name: str) -> str:
    if name == platform.machine():
        name = _told("machdep.cpu.brand_string") or platform.processor() or name
    return " ".join(name.split())


def _cores() -> int | None:
    """Cores, by the groups of hardware threads that share one."""
    groups = set()
    for path in CPU_FOLDER.glob("cpu[0-9]*/topology/thread_siblings_list"):
        try:
            groups.add(path.read_text(encoding="ascii").strip())
        except OSError:
            return None
    return len(groups) or (int(_mac("hw.physicalcpu")) or None)


def _told(key: str) -> str:
    """What macOS tells under a key; "" elsewhere."""
    if platform.system() != "Darwin":
        return ""
    try:
        return subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _mac(key: str, factor: float = 1.0) -> float:
    text = _told(key)
    return round(float(text) * factor, 1) if text.isdigit() else 0.0


def _vectors() -> tuple[str, int, str]:
    """Widest vector registers by name and bits, and the processor that LLVM compiles for."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    for key, name, bits in VECTORS:
        if features.get(key):
            return name, bits, str(binding.get_host_cpu_name())
    return "unknown", 0, str(binding.get_host_cpu_name())


def _gpu() -> str:
    from numba import cuda

    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)
