"""What this machine still has: cores, memory and disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def cores_here() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def memory_free() -> float:
    """Bytes of memory that this process may still take; 0 if the machine does not say."""
    limits = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                limits.append(float(line.split()[1]) * 1024.0)
    except (OSError, ValueError, IndexError):
        pass
    for top, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            limit = float(Path("/sys/fs/cgroup", top).read_text())
            limits.append(limit - float(Path("/sys/fs/cgroup", used).read_text()))
        except (OSError, ValueError):
            continue
    if not limits:
        try:
            limits.append(float(os.sysconf("SC_PHYS_PAGES")) * float(os.sysconf("SC_PAGE_SIZE")))
        except (AttributeError, ValueError, OSError):
            return 0.0
    return max(min(limits), 0.0)


def disk_free(folder: str | Path) -> float:
    """Bytes that are free on the disk of a folder, which need not exist; 0 if the machine does not say."""
    place = Path(folder).absolute()
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        return float(shutil.disk_usage(place).free)
    except OSError:
        return 0.0
