"""Vesicles as spheres: which mitochondria fit, how they diffuse and settle, and how their sizes are spread.

* Size gate: a vesicle of radius r holds a mitochondrion of diameter d only if 2 r >= d + margin (its two membranes);
  d is that of a sphere of the mitochondrion's volume. Nothing else decides: an exosome (r < 75 nm) holds none.
  Several share the lumen up to a packing fraction.
* Diffusion: Stokes-Einstein, D = k T/(6 pi eta r) at 37 C. Settling: Stokes, v = 2/9 drho g r^2/eta.
* Radii of a kind are log-normal within its bounds (drawn again if outside, up to four times, then cut).

Assumptions: spheres, water at 37 C; no drift of the medium. Verification: ``tests/verification/test_vesicles.py``.
"""

from __future__ import annotations

from mitoferry.core.maths import exp
from mitoferry.core.random import normal_from
from mitoferry.core.row import row

THERMAL = 227.17  # um^2/s mPa s nm: k T/(6 pi) at 310.15 K
GRAVITY = 7.848e-6  # um/h mPa s/(kg/m^3 nm^2): 2/9 g


@row
def diffusion_of(radius, viscosity):
    """Diffusion coefficient [um^2/s] of a sphere of ``radius`` [nm] at ``viscosity`` [mPa s] and 37 C."""
    return THERMAL / (viscosity * radius)


@row
def settling_of(radius, excess_density, viscosity):
    """Settling speed [um/h] of a sphere of ``radius`` [nm] that is ``excess_density`` [kg/m^3] denser than the medium."""
    return GRAVITY * excess_density * radius * radius / viscosity


@row
def fits(radius, diameter, margin):
    """Whether a vesicle of ``radius`` [nm] can hold a mitochondrion of ``diameter`` [um] with ``margin`` [um] of membranes."""
    return 0.002 * radius >= diameter + margin


@row
def room(radius, margin, packing):
    """Sum of cubed diameters [um^3] that several mitochondria may have in a vesicle of ``radius`` [nm]."""
    inner = max(0.002 * radius - margin, 0.0)
    return packing * inner * inner * inner


@row
def log_normal(median, spread, u):
    """Log-normal deviate about ``median`` with ``spread`` of its logarithm, from one uniform."""
    return median * exp(spread * normal_from(u))
