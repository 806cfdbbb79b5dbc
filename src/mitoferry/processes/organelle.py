"""Small row functions about one mitochondrion that the quality-control processes share."""

from __future__ import annotations

from typing import Any

from mitoferry.core.maths import hill2
from mitoferry.core.random import binomial_from
from mitoferry.core.row import row
from mitoferry.core.schema import CLASS_MASK, CLASS_SHIFT, PLACE_MASK, PLACE_SHIFT
from mitoferry.processes.rest import RESTING_H2O2


@row
def place_of(flags):
    """Place in the host (CYTOSOL, ENDOSOME, DOUBLE_MEMBRANE, IN_TRANSIT) from the flags of a mitochondrion."""
    return (flags >> PLACE_SHIFT) & PLACE_MASK


@row
def class_of(flags):
    """Energy class from the flags of a mitochondrion."""
    return (flags >> CLASS_SHIFT) & CLASS_MASK


@row
def with_class(flags, energy_class):
    """The flags with another energy class."""
    return (flags & ~(CLASS_MASK << CLASS_SHIFT)) | (energy_class << CLASS_SHIFT)


@row
def excess_oxidant(h2o2, half):
    """Response 0..1 to H2O2 [uM] above its value in a resting cell."""
    return max(hill2(h2o2, half) - hill2(RESTING_H2O2, half), 0.0)


@row
def rare_binomial(n, p, u):
    """Binomial(n, p) from one uniform, as ``binomial_from`` but quick where n p is small: (1 - p)^n >= 1 - n p."""
    if u <= 1.0 - n * p:
        return 0
    return binomial_from(n, p, u)


@row
def rounded(x, u, largest):
    """An integer in 0..largest with expectation x (where the bounds do not bind)."""
    return int(min(max(x + u, 0.0), largest))


def gate_potential(world: Any) -> float:
    """Potential [mV] below which an arrival counts as sick, whatever its route: the parameter of ``nanotube_transport``."""
    nanotubes = world.parameters.get("nanotube_transport")
    return 100.0 if nanotubes is None else float(nanotubes.gate_potential)
