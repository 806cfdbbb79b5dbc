"""The bare kernel: the least that any implementation must do for a mitochondrion, as a limit that the whole loop is held against.

Per mitochondrion and 300 s it does what the slow clocks cannot do without: read its record once, one Philox call, four
exponentials, rounding, write it back, ten sums; on flat arrays, without pages, cells, events or ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mitoferry.core.maths import exp
from mitoferry.core.random import stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import allocate

MACRO_STEPS = 5
"""Macro-steps of 60 s that one pass stands for: the slow clock is 300 s."""


@row
def bare_row(i, m, totals):
    """One mitochondrion, one slow step."""
    u, v, w, x = uniform4(1, 2, m.birth[i], m.ordinal[i], 3, 4, 0)
    damage = int(m.damage[i]) / 65535.0
    mass = int(m.mass[i]) / 8192.0
    one = int(m.complex1[i]) / 32768.0
    three = int(m.complex34[i]) / 32768.0
    five = int(m.complex5[i]) / 32768.0
    copies = int(m.copies[i, 0]) + int(m.copies[i, 1]) + int(m.copies[i, 2]) + int(m.copies[i, 3])
    psi = 150.0 - 0.01 * int(m.psi_offset[i])
    eligible = 1.0 / (1.0 + exp(-(psi - 100.0) / 8.0))
    kept = exp(-0.02 * (1.0 + damage))
    grown = exp(-0.001 * copies)
    hazard = 1.0 - exp(-0.005 * (1.0 + eligible))
    damage = damage * kept + 0.001 * (1.0 - kept)
    m.damage[i] = stochastic_round(65535.0 * min(damage, 1.0), u)
    m.complex1[i] = stochastic_round(32768.0 * (one + (grown - one) * 0.002), v)
    m.complex34[i] = stochastic_round(32768.0 * (three + (grown - three) * 0.002), w)
    m.complex5[i] = stochastic_round(32768.0 * (five + (1.0 - five) * 0.002), x)
    totals[i // 1024] = mass * three * (1.0 - damage) + mass * five + hazard


class Bare:
    """A table of mitochondria and the backend that passes over it.

    Args:
        n: mitochondria.
        backend: what runs the kernel.
        clock: gives seconds: of the wall, or of the processor (``time.process_time``).
    """

    def __init__(self, n: int, backend: Any, clock: Callable[[], float] = time.perf_counter) -> None:
        self.n, self.backend, self.clock = n, backend, clock
        self.mitochondria = m = allocate("Mitochondria", n)
        m.ordinal[:] = np.arange(n)
        m.copies[:] = 2
        m.mass[:] = 8192
        for name in ("complex1", "complex34", "complex5"):
            getattr(m, name)[:] = 32768
        self.totals = np.zeros(n // 1024 + 1)

    def warm_up(self, passes: int = 2) -> None:
        """Compile, and touch all memory."""
        for _ in range(passes):
            self.seconds()

    def seconds(self) -> float:
        """One pass over all mitochondria [s]."""
        start = self.clock()
        self.backend.each(bare_row, self.n, self.mitochondria, self.totals)
        synchronise(self.backend)
        return self.clock() - start

    def rate(self) -> float:
        """Mitochondrion-steps per second of one pass."""
        return MACRO_STEPS * self.n / self.seconds()


def synchronise(backend: Any) -> None:
    """Wait until the device has done what it was given; on the CPU nothing is left to do."""
    if backend.name == "cuda":
        from numba import cuda

        cuda.synchronize()


def bare_rate(n: int, threads: int, repeats: int = 5) -> float:
    """Mitochondrion-steps/s of the bare kernel over ``n`` mitochondria: the best of ``repeats`` passes."""
    from mitoferry.backends.cpu import Cpu

    bare = Bare(n, Cpu(threads=threads))
    bare.warm_up()
    return max(bare.rate() for _ in range(repeats))
