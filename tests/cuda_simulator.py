"""Code run by the CUDA simulator of Numba: a process of its own, for the simulator is chosen when Numba is first imported."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.types import Type
from numba.np.numpy_support import as_dtype

from mitoferry.backends.cuda import cuda

TESTS = Path(__file__).parent
START = """\
import sys
sys.path[:0] = [{tests!r}, {backends!r}]
sys.setswitchinterval(1e-4) # the simulator asks in a loop whether its threads have met
import cuda_simulator
cuda_simulator.share_arrays()
import mitoferry.backends.cuda
from mitoferry.backends.cuda import Cuda
"""
QUICK = """\
mitoferry.backends.cuda._warp_sum = cuda_simulator.quick_sum
mitoferry.backends.cuda_lists.ADDERS = 2
"""


def share_arrays() -> None:
    """Let the threads of a block share their arrays, always.

    The simulator looks an array up by the line that asks for it, and makes it where there is none: two threads that ask at the same moment
    could both make one, and each then waited for numbers that the other had put elsewhere.
    """
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    making = threading.Lock()

    def array(self: Any, shape: Any, dtype: Any) -> Any:
        caller = sys._getframe(1)
        place = (caller.f_code, caller.f_lineno)
        with making:
            if place not in self._allocations:
                self._allocations[place] = np.empty(shape, as_dtype(dtype) if isinstance(dtype, Type) else dtype)
            return self._allocations[place]

    FakeCUDAShared.array = array


def quick_sum(n_sums: int, t: int, local: Any, shared: Any, totals: Any) -> None:
    """What ``_warp_sum`` of the backend adds up, with two meetings of the threads instead of seven per sum.

    The simulator runs a thread of the system per thread of the block, and nearly all of its time goes into their meetings. The sum of
    the backend itself is run by ``test_core_backends.py``.
    """
    if t == 0:
        totals[:n_sums] = 0
    cuda.syncthreads()
    for k in np.flatnonzero(local[:n_sums]).tolist():
        cuda.atomic.add(totals, k, local[k])
    cuda.syncthreads()


def printed(code: str, *, quick: bool = True) -> str:
    """What ``code`` prints in the simulator; it may import from ``tests`` and ``tests/backends``, and must run to its end.

    Args:
        code: Python; ``Cuda`` is there.
        quick: the threads of a block add up by :func:`quick_sum`; else as on a GPU, which the simulator runs very slowly.
    """
    pytest.importorskip("numba_cuda")
    start = START.format(tests=str(TESTS), backends=str(TESTS / "backends")) + (QUICK if quick else "")
    done = subprocess.run(
        [sys.executable, "-c", start + code], env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()
