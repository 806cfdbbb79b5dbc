"""Elementary functions with the same bits in Python, Numba and CUDA.

The libraries' own exp, log, sin differ in the last place between processors; these are built from sums, products
and exact scaling by powers of two, all in float64. Relative error below 4e-16 (exp, log) and absolute error below
4e-16 (tanh, sine, cosine) on the ranges tested in ``tests/unit/test_maths.py``.
"""

from __future__ import annotations

import math

import numpy as np

from mitoferry.core.row import row

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.693147180369123816490
LN2_LOW = 1.90821492927058770002e-10
LN2 = 0.6931471805599453
SQRT_HALF = 0.7071067811865476
TWO_PI = 6.283185307179586
HALF_PI = 1.5707963267948966


def _power_of_two_cpu(k):
    return np.int64((np.int64(k) + 1023) << 52).view(np.float64)


def _power_of_two_cuda(k):
    return math.ldexp(1.0, k)


@row(cpu=_power_of_two_cpu, cuda=_power_of_two_cuda)
def power_of_two(k):
    """2**k as a float for an integer -1022 <= k <= 1023."""
    return math.ldexp(1.0, k)


def _fraction_cpu(x):
    bits = np.float64(x).view(np.int64)
    return np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000).view(np.float64)


def _fraction_cuda(x):
    m, _ = math.frexp(x)
    return m


@row(cpu=_fraction_cpu, cuda=_fraction_cuda)
def fraction(x):
    """M in [0.5, 1) with x = m 2**exponent(x), for a normal x > 0."""
    return math.frexp(x)[0]


def _exponent_cpu(x):
    return ((np.float64(x).view(np.int64) >> 52) & 0x7FF) - 1022


def _exponent_cuda(x):
    _, e = math.frexp(x)
    return e


@row(cpu=_exponent_cpu, cuda=_exponent_cuda)
def exponent(x):
    """The integer e with x = fraction(x) 2**e, for a normal x > 0."""
    return math.frexp(x)[1]


@row
def exp(x):
    """e**x; the argument is clamped to [-700, 700]."""
    x = min(max(x, -700.0), 700.0)
    k = math.floor(x * LOG2_E + 0.5)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    # the series to r**13, in pairs: a chain of thirteen products would wait for each of them
    q = r * r
    q2 = q * q
    p = (1.0 + r) + q * (0.5 + r * (1.0 / 6.0))
    p1 = (1.0 / 24.0 + r * (1.0 / 120.0)) + q * (1.0 / 720.0 + r * (1.0 / 5040.0))
    p2 = (1.0 / 40320.0 + r * (1.0 / 362880.0)) + q * (1.0 / 3628800.0 + r * (1.0 / 39916800.0))
    p3 = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    p = (p + q2 * p1) + (q2 * q2) * (p2 + q2 * p3)
    return p * power_of_two(int(k))


@row
def log(x):
    """Natural logarithm of a normal x > 0; smaller arguments give log(1e-300)."""
    x = max(x, 1e-300)
    m = fraction(x)
    e = exponent(x)
    if m < SQRT_HALF:
        m = m * 2.0
        e = e - 1
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    q2 = q * q
    q4 = q2 * q2
    p = (1.0 + q * (1.0 / 3.0)) + q2 * (1.0 / 5.0 + q * (1.0 / 7.0))
    p1 = (1.0 / 9.0 + q * (1.0 / 11.0)) + q2 * (1.0 / 13.0 + q * (1.0 / 15.0))
    p2 = (1.0 / 17.0 + q * (1.0 / 19.0)) + q2 * (1.0 / 21.0 + q * (1.0 / 23.0))
    p = p + q4 * (p1 + q4 * p2)
    return e * LN2_HIGH + (2.0 * s * p + e * LN2_LOW)


@row
def power(x, y):
    """x**y for x > 0 and any real y."""
    return exp(y * log(x))


@row
def tanh(x):
    """Hyperbolic tangent."""
    if x > 20.0:
        return 1.0
    if x < -20.0:
        return -1.0
    e = exp(2.0 * x)
    return (e - 1.0) / (e + 1.0)


@row
def sinh(x):
    """Hyperbolic sine."""
    e = exp(x)
    return 0.5 * (e - 1.0 / e)


@row
def sine_quarter(x):
    """sin(x) for |x| <= pi/2."""
    q = x * x
    p = 1.0 / 51090942171709440000.0
    p = p * -q + 1.0 / 121645100408832000.0
    p = p * -q + 1.0 / 355687428096000.0
    p = p * -q + 1.0 / 1307674368000.0
    p = p * -q + 1.0 / 6227020800.0
    p = p * -q + 1.0 / 39916800.0
    p = p * -q + 1.0 / 362880.0
    p = p * -q + 1.0 / 5040.0
    p = p * -q + 1.0 / 120.0
    p = p * -q + 1.0 / 6.0
    p = p * -q + 1.0
    return x * p


@row
def sine_turns(u):
    """sin(2 pi u): the argument is in turns."""
    u = u - math.floor(u + 0.5)
    if u > 0.25:
        u = 0.5 - u
    if u < -0.25:
        u = -0.5 - u
    return sine_quarter(TWO_PI * u)


@row
def cosine_turns(u):
    """cos(2 pi u): the argument is in turns."""
    return sine_turns(u + 0.25)


@row
def arctangent(x):
    """arctan(x) in radians."""
    sign = 1.0
    if x < 0.0:
        sign = -1.0
        x = -x
    inverted = x > 1.0
    if inverted:
        x = 1.0 / x
    # two half-angle reductions bring |x| below tan(pi/16)
    x = x / (1.0 + math.sqrt(1.0 + x * x))
    x = x / (1.0 + math.sqrt(1.0 + x * x))
    q = x * x
    p = 1.0 / 21.0
    p = 1.0 / 19.0 - q * p
    p = 1.0 / 17.0 - q * p
    p = 1.0 / 15.0 - q * p
    p = 1.0 / 13.0 - q * p
    p = 1.0 / 11.0 - q * p
    p = 1.0 / 9.0 - q * p
    p = 1.0 / 7.0 - q * p
    p = 1.0 / 5.0 - q * p
    p = 1.0 / 3.0 - q * p
    p = 1.0 - q * p
    angle = 4.0 * x * p
    if inverted:
        angle = HALF_PI - angle
    return sign * angle


@row
def angle_turns(x, y):
    """Angle of the vector (x, y) in turns, in (-0.5, 0.5]; 0 for the null vector."""
    if x == 0.0 and y == 0.0:
        return 0.0
    if abs(x) >= abs(y):
        a = arctangent(y / x)
        if x < 0.0:
            a = a + (2.0 * HALF_PI if y >= 0.0 else -2.0 * HALF_PI)
    else:
        a = HALF_PI - arctangent(x / y)
        if y < 0.0:
            a = a - 2.0 * HALF_PI
    return a / TWO_PI


@row
def arcsine(x):
    """arcsin(x) in radians; the argument is clamped to [-1, 1]."""
    x = min(max(x, -1.0), 1.0)
    c = math.sqrt((1.0 - x) * (1.0 + x))
    return 2.0 * arctangent(x / (1.0 + c))


@row
def hill2(x, k):
    """x^2/(k^2 + x^2), 0 for x <= 0."""
    if x <= 0.0:
        return 0.0
    r = x / k
    r = r * r
    return r / (1.0 + r)


@row
def hill3(x, k):
    """x^3/(k^3 + x^3), 0 for x <= 0."""
    if x <= 0.0:
        return 0.0
    r = x / k
    r = r * r * r
    return r / (1.0 + r)


@row
def hill4(x, k):
    """x^4/(k^4 + x^4), 0 for x <= 0."""
    if x <= 0.0:
        return 0.0
    r = x / k
    r = r * r
    r = r * r
    return r / (1.0 + r)


@row
def chance(rate, dt):
    """Probability 1 - exp(-rate dt) of at least one event."""
    return 1.0 - exp(-rate * dt)


@row
def relax(value, target, dt, tau):
    """Exact solution of y' = (target - y)/tau after dt."""
    return target + (value - target) * exp(-dt / tau)


@row
def approach(value, gain, loss, dt):
    """``value`` after ``dt`` of value' = gain - loss value; exact for constant ``gain`` and ``loss``, which may be 0."""
    if loss * dt < 1e-9:
        return value + (gain - loss * value) * dt
    end = gain / loss
    return end + (value - end) * exp(-loss * dt)
