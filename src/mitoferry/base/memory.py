"""How much memory this process has, and has had at most."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def _of_status(key: str) -> float | None:
    try:
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(key + ":"):
                return float(line.split()[1]) * 1024.0
    except (OSError, ValueError, IndexError):
        return None
    return None


def start_peak() -> float:
    """Begin a new peak, where the system can (Linux); bytes of memory that the process holds now, 0 if unknown."""
    with contextlib.suppress(OSError):  # where it cannot, the peak counts from the start of the process
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _of_status("VmRSS") or 0.0


def peak_memory() -> float:
    """Bytes of memory that this process has held at most since :func:`start_peak` or its start; 0 if unknown."""
    found = _of_status("VmHWM")
    if found is not None:
        return found
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    most = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return most if sys.platform == "darwin" else most * 1024.0
