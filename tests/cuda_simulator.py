"""Code run by the CUDA simulator of Numba: a process of its own, for the simulator is chosen when Numba is first imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def printed(code: str) -> str:
    """What ``code`` prints in the simulator; it may import from ``tests`` and ``tests/backends``, and must run to its end."""
    pytest.importorskip("numba_cuda")
    start = f"import sys; sys.path[:0] = [{str(TESTS)!r}, {str(TESTS / 'backends')!r}]\nfrom mitoferry.backends.cuda import Cuda\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code], env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()
