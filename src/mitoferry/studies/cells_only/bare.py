"""The limit of the machine for the same arithmetic: contiguous arrays in the cache, no lists, no bins, nothing to look up.

Per voxel and step the three sweeps of the field and the uptake, per pair of neighbours and step the push; and a copy of memory. Timed in
the same run as the workload, in processor time of all threads, so that the ratio of the two travels between machines.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from mitoferry.core.lanes import lane
from mitoferry.core.row import row
from mitoferry.space.packed import Potential, strength

CHUNK = 2048  # numbers: five arrays of them stay in the innermost cache
REPEATS = 64
ROWS = 16


@row
def bare_field_row(b, arrays, a, pivot, repeats):
    """``repeats`` times the arithmetic of one step on CHUNK voxels."""
    field = arrays[b, 0]
    other = arrays[b, 1]
    for _ in range(repeats):
        for _axis in range(3):
            for x in range(CHUNK):
                field[lane(x, 0)] = (field[lane(x, 0)] + a * other[lane(x, 0)]) * pivot
            for x in range(CHUNK):
                field[lane(x, 0)] += a * other[lane(x, 0)]
        for x in range(CHUNK):
            field[lane(x, 0)] = other[lane(x, 0)] * field[lane(x, 0)]


@row
def bare_pairs_row(b, arrays, p, together, repeats):
    """``repeats`` times the push of CHUNK pairs, summed."""
    x = arrays[b, 0]
    y = arrays[b, 1]
    z = arrays[b, 2]
    found = arrays[b, 3]
    for _ in range(repeats):
        for k in range(CHUNK):
            d = math.sqrt(x[lane(k, 0)] * x[lane(k, 0)] + y[lane(k, 0)] * y[lane(k, 0)] + z[lane(k, 0)] * z[lane(k, 0)])
            v = strength(d, together, p) / d
            found[lane(k, 0)] += v * x[lane(k, 0)] + v * y[lane(k, 0)] + v * z[lane(k, 0)]


class Bare:
    """The bare arithmetic of a workload.

    Args:
        backend: runs the row functions.
        potential: how cells push.
        together: sum of two radii [um].
    """

    def __init__(self, backend: Any, potential: Potential, together: float) -> None:
        self.backend, self.potential, self.together = backend, potential, together
        self.arrays = np.random.default_rng(0).uniform(0.4, 0.6, (ROWS, 5, CHUNK)) * together
        self.source, self.target = np.ones(1 << 22), np.zeros(1 << 22)  # 32 MB each

    def _per_call(self, call: Any, seconds: float) -> float:
        """Processor seconds per call, over calls that take about ``seconds`` together (after one that compiles)."""
        call()
        begun, used = time.perf_counter(), time.process_time()
        calls = 0
        while time.perf_counter() - begun < seconds:
            call()
            calls += 1
        return (time.process_time() - used) / calls

    def seconds_per_voxel(self, seconds: float) -> float:
        """Of one step of the field."""
        self.arrays[:, 1] = 0.9
        each = self.backend.each
        return self._per_call(lambda: each(bare_field_row, ROWS, self.arrays, 0.1, 0.9, REPEATS), seconds) / (ROWS * CHUNK * REPEATS)

    def seconds_per_pair(self, seconds: float) -> float:
        """Of one evaluation of the push of one neighbour."""
        self.arrays[:, :3] = np.random.default_rng(0).uniform(0.4, 0.6, (ROWS, 3, CHUNK)) * self.together
        potential, each = self.potential, self.backend.each
        return self._per_call(lambda: each(bare_pairs_row, ROWS, self.arrays, potential, self.together, REPEATS), seconds) / (
            ROWS * CHUNK * REPEATS
        )

    def copy_bytes_per_second(self, seconds: float) -> float:
        """Bytes read and written per processor second by a copy of memory on one thread."""
        return 2.0 * self.source.nbytes / self._per_call(lambda: np.copyto(self.target, self.source), seconds)
