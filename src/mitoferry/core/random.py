"""Counter-based random numbers: Philox4x32-10, and draws from it.

A draw is a pure function of (seed, replicate, population, entity, process, step, draw). It does not depend on the
order of rows, the number of threads, what other entities drew, or the arm, so the arms of a replicate are paired.

Counter and key of the generator::

    c0 entity ordinal   c1 birth cell or population-tagged cell id   c2 step   c3 stream * 2**16 + draw
    k0, k1 from (seed, replicate): columns ``key0``, ``key1`` of the wells

``stream`` names the process: one entry per use in ``core/streams.py``.

Source of the generator and its test vectors: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3,
SC11 (2011).
"""

from __future__ import annotations

import math

import numpy as np

from mitoferry.core.maths import exp, log
from mitoferry.core.row import row

MASK32 = 0xFFFFFFFF
INVERSE_2_32 = 2.3283064365386963e-10


def _high_product_cpu(a, b):
    return np.int64((np.uint64(a) * np.uint64(b)) >> np.uint64(32))


@row(cpu=_high_product_cpu, cuda=_high_product_cpu)
def high_product(a, b):
    """Upper 32 bits of the product of two 32-bit integers."""
    return (int(a) * int(b)) >> 32


def _low_product_cpu(a, b):
    return np.int64((np.uint64(a) * np.uint64(b)) & np.uint64(0xFFFFFFFF))


@row(cpu=_low_product_cpu, cuda=_low_product_cpu)
def low_product(a, b):
    """Lower 32 bits of the product of two 32-bit integers."""
    return (int(a) * int(b)) & MASK32


@row
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10: four 32-bit integers from a 128-bit counter and a 64-bit key."""
    for _ in range(10):
        h0 = high_product(0xD2511F53, c0)
        l0 = low_product(0xD2511F53, c0)
        h1 = high_product(0xCD9E8D57, c2)
        l1 = low_product(0xCD9E8D57, c2)
        c0 = h1 ^ c1 ^ k0
        c1 = l1
        c2 = h0 ^ c3 ^ k1
        c3 = l0
        k0 = (k0 + 0x9E3779B9) & MASK32
        k1 = (k1 + 0xBB67AE85) & MASK32
    return c0, c1, c2, c3


@row
def uniform4(key0, key1, birth, ordinal, stream, step, draw):
    """Four independent uniforms in (0, 1).

    Args:
        key0, key1: columns of the wells table.
        birth, ordinal: identity of the entity. A cell uses (its id, 0); a mitochondrion its two id columns; a link
            (the id of its initiator, its own id).
        stream: which process draws (``core/streams.py``).
        step: number of the macro-step, or any integer that makes repeated draws of an entity distinct.
        draw: 0..65535, distinguishes draws of one stream within one step.
    """
    a, b, c, d = philox(int(ordinal), int(birth), step & MASK32, (stream << 16) + draw, int(key0), int(key1))
    return (
        (a + 0.5) * INVERSE_2_32,
        (b + 0.5) * INVERSE_2_32,
        (c + 0.5) * INVERSE_2_32,
        (d + 0.5) * INVERSE_2_32,
    )


@row
def uniform(key0, key1, birth, ordinal, stream, step, draw):
    """One uniform in (0, 1); arguments as :func:`uniform4`."""
    a, _, _, _ = philox(int(ordinal), int(birth), step & MASK32, (stream << 16) + draw, int(key0), int(key1))
    return (a + 0.5) * INVERSE_2_32


@row
def normal_from(u):
    """Standard normal deviate from one uniform: inverse of the normal distribution, Acklam's rational form.

    Relative error of the quantile below 1.2e-9.
    """
    if u < 0.02425:
        q = math.sqrt(-2.0 * log(u))
        return (
            (
                (((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q - 2.549732539343734) * q
                + 4.374664141464968
            )
            * q
            + 2.938163982698783
        ) / ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1.0)
    if u > 0.97575:
        q = math.sqrt(-2.0 * log(1.0 - u))
        return -(
            (
                (((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q - 2.549732539343734) * q
                + 4.374664141464968
            )
            * q
            + 2.938163982698783
        ) / ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1.0)
    q = u - 0.5
    r = q * q
    return (
        (
            (
                (((-3.969683028665376e01 * r + 2.209460984245205e02) * r - 2.759285104469687e02) * r + 1.383577518672690e02) * r
                - 3.066479806614716e01
            )
            * r
            + 2.506628277459239
        )
        * q
        / (
            (
                (((-5.447609879822406e01 * r + 1.615858368580409e02) * r - 1.556989798598866e02) * r + 6.680131188771972e01) * r
                - 1.328068155288572e01
            )
            * r
            + 1.0
        )
    )


@row
def exponential_from(u):
    """Exponential deviate of mean 1 from one uniform."""
    return -log(u)


@row
def binomial_from(n, p, u):
    """Binomial(n, p) by inversion from one uniform; meant for n p below about 30 (cost grows with the result)."""
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    q = p
    if p > 0.5:
        q = 1.0 - p
        u = 1.0 - u
    ratio = q / (1.0 - q)
    chance = exp(n * log(1.0 - q))
    total = chance
    k = 0
    while u > total and k < n:
        k += 1
        chance = chance * ratio * (n - k + 1) / k
        total += chance
    if p > 0.5:
        return n - k
    return k


@row
def poisson_from(mean, u):
    """Poisson(mean) by inversion from one uniform; meant for means below about 30."""
    if mean <= 0.0:
        return 0
    chance = exp(-mean)
    total = chance
    k = 0
    while u > total and k < 1000:
        k += 1
        chance = chance * mean / k
        total += chance
    return k


@row
def stochastic_round(x, u):
    """An integer with expectation x: floor(x + u)."""
    return int(math.floor(x + u))
