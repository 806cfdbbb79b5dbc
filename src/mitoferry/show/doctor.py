"""What this machine offers: the text of ``mitoferry doctor``."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import shutil
import sys
from pathlib import Path

LIBRARIES = (
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "pydantic",
    "ruamel.yaml",
    "pint",
    "pyarrow",
    "pandas",
    "zarr",
    "matplotlib",
    "typer",
    "rich",
)
EXTRAS = {"numba-cuda": "cuda", "imageio-ffmpeg": "movie"}


def memory_bytes() -> int | None:
    """Physical memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _size(folder: Path) -> str:
    if not folder.is_dir():
        return "empty"
    total = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    return f"{total / 2**20:.0f} MiB"


def doctor_text() -> str:
    """Versions, cores, memory, GPU, caches and free disk, one fact a line."""
    from mitoferry import __version__
    from mitoferry.backends.cpu import cache_directory
    from mitoferry.backends.cuda import available

    memory = memory_bytes()
    cache = cache_directory()
    gpu = available()
    lines = [
        f"mitoferry        {__version__}",
        f"Python           {sys.version.split()[0]} ({platform.python_implementation()}) on {platform.platform()}",
        f"cores            {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}",
        f"memory           {memory / 2**30:.1f} GiB" if memory else "memory           unknown",
        f"free disk here   {shutil.disk_usage('.').free / 2**30:.1f} GiB",
        f"kernel cache     {cache.parent} ({_size(cache.parent)}); this version's kernels: {_size(cache)}",
        "backends         reference: yes   cpu: yes   cuda: " + ("yes" if not gpu else f"no ({gpu})"),
        f"ffmpeg           {shutil.which('ffmpeg') or 'not found (movies are written as WebP or GIF)'}",
        "libraries        " + ", ".join(f"{n} {_version(n)}" for n in LIBRARIES),
        "extras           " + ", ".join(f"[{e}] {n}: {_version(n)}" for n, e in EXTRAS.items()),
    ]
    return "\n".join(lines)
