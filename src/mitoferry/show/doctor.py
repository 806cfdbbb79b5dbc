"""What this machine offers: the text of ``mitoferry doctor``; and the cache of compiled kernels, kept tidy on request."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from mitoferry.base.cache import JSON_FOLDERS, cache_root

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


def _bytes(folder: Path) -> int:
    """Size of all files in a folder; files that go away meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _size(n: int) -> str:
    return f"{n / 2**20:.0f} MiB" if n else "empty"


_KERNELS = re.compile(r"[0-9a-f]{16}")


def kernel_folders() -> dict[Path, int]:
    """Folders of compiled kernels, of this installation and of others, with their sizes [bytes]; this one's comes first."""
    from mitoferry.backends.cpu import cache_directory

    mine = cache_directory()
    others = [
        p for p in sorted(mine.parent.glob("*")) if _KERNELS.fullmatch(p.name) and p.is_dir() and not p.is_symlink() and p.name != mine.name
    ]
    return {p: _bytes(p) for p in (mine, *others)}


def prune_kernels() -> str:
    """Delete compiled kernels of other installations and versions; says what was freed."""
    _, *others = kernel_folders().items()
    freed, kept = 0, []
    for folder, size in others:
        try:
            shutil.rmtree(folder)
            freed += size
        except OSError as error:
            kept.append(f"{folder}: {error.strerror or error}")
    lines = [f"deleted {len(others) - len(kept)} of {len(others)} folders of kernels of other versions, {freed / 2**20:.0f} MiB"]
    for path in (p for folder in JSON_FOLDERS for p in (cache_root() / folder).glob("*.json")):  # made again when needed
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            kept.append(f"{path}: {error.strerror or error}")
    return "\n".join([*lines, *(f"could not delete {k}" for k in kept)])


def _cache_lines() -> list[str]:
    (mine, size), *others = kernel_folders().items()
    lines = [f"kernel cache     {mine} ({_size(size)})"]
    lines += [f"                 {folder} ({_size(n)}), of another version" for folder, n in others]
    if others:
        total = sum(n for _, n in others)
        lines.append(f"                 mitoferry doctor --prune deletes those of other versions ({_size(total)})")
    return lines


def doctor_text() -> str:
    """Versions, cores, memory, GPU, caches and free disk, one fact a line."""
    from mitoferry import __version__
    from mitoferry.backends.cuda import available

    memory = memory_bytes()
    gpu = available()
    lines = [
        f"mitoferry        {__version__}",
        f"Python           {sys.version.split()[0]} ({platform.python_implementation()}) on {platform.platform()}",
        f"cores            {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}",
        f"memory           {memory / 2**30:.1f} GiB" if memory else "memory           unknown",
        f"free disk here   {shutil.disk_usage('.').free / 2**30:.1f} GiB",
        *_cache_lines(),
        "backends         reference: yes   cpu: yes   cuda: " + ("yes" if not gpu else f"no ({gpu})"),
        f"ffmpeg           {shutil.which('ffmpeg') or 'not found (movies are written as WebP or GIF)'}",
        "libraries        " + ", ".join(f"{n} {_version(n)}" for n in LIBRARIES),
        "extras           " + ", ".join(f"[{e}] {n}: {_version(n)}" for n, e in EXTRAS.items()),
    ]
    return "\n".join(lines)
