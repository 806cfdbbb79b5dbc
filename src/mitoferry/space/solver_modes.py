"""What the field solver does in the modes of the grid: the exponential step, and the preconditioner of the implicit one.

Modes are kept with the axes x and y exchanged (``space/transform.py``).
"""

from __future__ import annotations

import math

from mitoferry.core.maths import exp
from mitoferry.core.row import row
from mitoferry.space.solver_lines import DIAGONAL, MEAN, NEW, OLD, RATE, SHARE, SPREAD_X, SPREAD_Y, SPREAD_Z, TOTAL, WIDE, spread_line
from mitoferry.space.transform import into_modes

EXPLICIT_PLANES = 4
FIELD, SOURCE, SPARE, OTHER = range(4)

NARROW_PLANES = 4
START, TURNED, INVERSE, SCALING = range(NARROW_PLANES)
LEAST_RATE = 1e-300  # 1/s, so that no rate is divided by zero


@row
def relax_modes(a, b, length, m0, e0, rates, shares, dt):
    """A = e^(-m dt) a + (1 - e^(-m dt))/m b along a row of modes with m = m0 + rates, e^(-m dt) = e0 shares."""
    for j in range(length):
        m = m0[j] + rates[j]
        e = e0[j] * shares[j]
        phi = (1.0 - e) / max(m, LEAST_RATE)
        if m * dt <= 1e-6:
            phi = dt * (1.0 - 0.5 * m * dt)
        a[j] = e * a[j] + phi * b[j]


@row
def rates_along_y(shape, width, first, eigenvalues, lines):
    """Line WIDE: what the modes along y add to the rate of each lane."""
    wide = lines[WIDE]
    for y in range(shape[1]):
        high = eigenvalues[first[1] + y]
        for k in range(width):
            wide[y * width + k] = lines[SPREAD_Y, k] * high


@row
def scale_modes(shape, width, first, eigenvalues, a, b, lines, dt):
    """Exponential step of all modes m: a = e^(-m dt) a + (1 - e^(-m dt))/m b. Rates per lane are in ``lines``."""
    nx, ny, nz = shape
    length = ny * width
    rates_along_y(shape, width, first, eigenvalues, lines)
    rates = lines[WIDE]
    shares = lines[TOTAL]
    for j in range(length):
        shares[j] = exp(-rates[j] * dt)
    for z in range(nz):
        for x in range(nx):
            for k in range(width):
                m = (lines[RATE, k] + lines[SPREAD_Z, k] * eigenvalues[first[2] + z]) + lines[SPREAD_X, k] * eigenvalues[first[0] + x]
                lines[NEW, k] = m
                lines[OLD, k] = exp(-m * dt)
            spread_line(lines, NEW, length, width)
            spread_line(lines, OLD, length, width)
            at = (z * nx + x) * length
            relax_modes(a[at : at + length], b[at : at + length], length, lines[NEW], lines[OLD], rates, shares, dt)


@row
def exponential_step(shape, width, modes_at, eigen_at, modes, eigenvalues, planes, size, lines, dt):
    """Exact step: planes 0 (field) and 1 (source) to plane 0. Lanes with a mean >= 0 in ``lines`` have mode 0 set to it."""
    nx, ny, nz = shape
    a = FIELD
    other = OTHER
    b = SOURCE
    for turn in range(3):  # source, then field into the modes, then the field back: one place that calls the transform
        inverse = 1 if turn == 2 else 0
        here = SOURCE if turn == 0 else a
        spare = SPARE if turn == 0 else other
        here, spare = into_modes(shape, width, modes_at, inverse, planes, size, here, spare, modes)
        if turn == 0:
            b = here
        else:
            a = here
            other = spare
        if turn == 1:
            scale_modes(
                shape, width, eigen_at, eigenvalues, planes[a * size : a * size + size], planes[b * size : b * size + size], lines, dt
            )
            for k in range(width):
                if lines[MEAN, k] >= 0.0:
                    planes[a * size + k] = lines[MEAN, k] * math.sqrt(float(nx * ny * nz))


@row
def invert_row(out, length, base, far, rates):
    """Float32 1/(base + far + rates) along a row of modes."""
    for j in range(length):
        out[j] = 1.0 / ((base[j] + far[j]) + rates[j])


@row
def make_inverse(shape, width, held, eigen_at, eigenvalues, inverse, lines):
    """Float32 plane: 1/(diagonal + mean uptake - D lap - share mean) of all modes."""
    nx, ny, nz = shape
    length = ny * width
    rates_along_y(shape, width, eigen_at, eigenvalues, lines)
    for k in range(width):
        lines[OLD, k] = lines[DIAGONAL, k] + lines[MEAN, k]
    spread_line(lines, OLD, length, width)
    for z in range(nz):
        for x in range(nx):
            for k in range(width):
                lines[NEW, k] = lines[SPREAD_Z, k] * eigenvalues[eigen_at[2] + z] + lines[SPREAD_X, k] * eigenvalues[eigen_at[0] + x]
            spread_line(lines, NEW, length, width)
            at = (z * nx + x) * length
            invert_row(inverse[at : at + length], length, lines[OLD], lines[NEW], lines[WIDE])
    if held == 0:
        for k in range(width):
            inverse[k] = 1.0 / (lines[OLD, k] - lines[SHARE, k])


@row
def scale_residual(start, scaling, residual, size):
    """Start = scaling residual, as float32."""
    for v in range(size):
        start[v] = float(scaling[v]) * residual[v]


@row
def multiply(a, b, size):
    """A *= b."""
    for v in range(size):
        a[v] = a[v] * b[v]


@row
def precondition(shape, width, modes_at, modes, residual, narrow, size):
    """Narrow plane START = (diagonal + mean uptake - D lap - share mean)^-1 S residual, S the scaling; all in float32.

    A preconditioner need not be exact: the field and its residual stay float64.
    """
    scale_residual(narrow[START * size : START * size + size], narrow[SCALING * size : SCALING * size + size], residual, size)
    a = START
    other = TURNED
    for back in range(2):
        a, other = into_modes(shape, width, modes_at, back, narrow, size, a, other, modes)
        if back == 0:
            multiply(narrow[a * size : a * size + size], narrow[INVERSE * size : INVERSE * size + size], size)
