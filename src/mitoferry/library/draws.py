"""Draws from the prior ranges: parameters of the model and numbers of a cell type.

Each record says how its number is distributed over its range:

* ``loguniform``, ``uniform``: over the range;
* ``lognormal``: median at the value, the range four standard deviations of the logarithm wide, cut off at its ends;
* ``fixed``: the value.

The numbers of a cell type have a range but no distribution: they are uniform over it, a share at most 1. A number whose
range is one point (0 of a mechanism in which the type takes no part) stays. Numbers are independent: what ties them
together (mitochondria with volume, say) is not known well enough to be written down, so that draws are wider than nature.

By default a Latin hypercube (``scipy.stats.qmc``): of n draws one lies in each n-th of every range, so that few draws
cover it. The draws of a number are a function of (n, seed) and of its own name: what else the library holds, and which
``processes`` are asked for, does not change them.

Verification: tests/unit/test_draws.py.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.library.cell_types import CellTypeRecord
from mitoferry.library.parameters import ParameterRecord, load_parameters, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHODS = ("latin", "plain")
RANGE_IN_SIGMAS = 4.0
WITHOUT_MTDNA = ("mtdna", "oxygen_use", "oxphos_share")  # 0 in a line that has none, whatever was measured of its oxygen use
AT_MOST_ONE = ("oxphos_share", "substrate", "senescent", "m2_share")


def _uniforms(names: Sequence[str], n: int, seed: int, method: str, what: str) -> dict[str, NDArray[np.float64]]:
    """One column of ``n`` uniforms on (0, 1) per name."""
    from scipy.stats import qmc

    if method not in METHODS:
        raise InputError(Problem("draws", "method", "one of " + ", ".join(METHODS), repr(method)))
    if n < 1:
        raise InputError(Problem("draws", "n", "a whole number of 1 or more", repr(n)))
    if not names:
        return {}
    columns = {}
    for name in names:
        digest = hashlib.sha256(f"mitoferry {what} {seed} {name}".encode()).digest()
        rng = np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little")))
        u = qmc.LatinHypercube(1, seed=rng).random(n)[:, 0] if method == "latin" else rng.random(n)
        columns[name] = np.clip(u, 1e-12, 1.0 - 1e-12)
    return columns


def quantile(record: ParameterRecord, u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a parameter at the cumulative probabilities ``u`` of its prior.

    Args:
        record: the parameter.
        u: probabilities, any shape.

    Returns:
        Values in the unit of the record, same shape.
    """
    low, high = record.range
    if record.distribution == "fixed" or high <= low:
        return np.full_like(u, record.value)
    if record.distribution == "uniform":
        return np.clip(low + u * (high - low), low, high)
    if record.distribution == "loguniform":
        return np.clip(low * (high / low) ** u, low, high)
    from scipy.special import ndtr, ndtri

    floor = max(low, 1e-6 * high)  # a lognormal number is above 0
    sigma = math.log(high / floor) / RANGE_IN_SIGMAS
    middle = math.log(max(record.value, floor))
    a, b = ndtr((math.log(floor) - middle) / sigma), ndtr((math.log(high) - middle) / sigma)
    return np.clip(np.exp(middle + sigma * ndtri(a + u * (b - a))), low, high)


def draw_parameters(
    n: int,
    seed: int,
    processes: Collection[str] | None = None,
    *,
    records: Mapping[str, ParameterRecord] | None = None,
    method: str = "latin",
) -> list[dict[str, float]]:
    """``n`` draws of the parameters from their priors.

    Args:
        n: how many.
        seed: of the draws.
        processes: draw only parameters of these processes; the others keep the value of the library and are left out.
        records: records to use, by default those of the library.
        method: "latin" (Latin hypercube) or "plain" (independent).

    Returns:
        Per draw the value by full name, in the unit of the record; those with a ``fixed`` prior are left out.

    Raises:
        InputError: an unknown process or method, or ``n`` below 1.
    """
    records = load_parameters() if records is None else records
    known = sorted({r.process for r in records.values()})
    unknown = [p for p in processes or () if p not in known]
    if unknown:
        raise InputError([Problem("draws", "processes", "the name of a process", repr(p), hint=nearest(p, known)) for p in unknown])
    uncertain = sorted(name for name, r in records.items() if r.distribution != "fixed")
    columns = {
        name: quantile(records[name], u)
        for name, u in _uniforms(uncertain, n, seed, method, "parameters").items()
        if processes is None or records[name].process in processes
    }
    return [{name: float(column[k]) for name, column in columns.items()} for k in range(n)]


def draw_cell_type(
    record: CellTypeRecord, n: int, seed: int, *, only: Collection[str] | None = None, method: str = "latin"
) -> list[dict[str, float]]:
    """``n`` draws of the numbers of a cell type from their ranges.

    Args:
        record: the type.
        n: how many.
        seed: of the draws.
        only: names of the numbers to draw; the others keep the value of the table and are left out.
        method: "latin" or "plain".

    Returns:
        Per draw the numbers that vary, by name: ``overrides`` for :meth:`CellTypeRecord.numbers`.

    Raises:
        InputError: an unknown method or number, or ``n`` below 1.
    """
    unknown = [k for k in only or () if k not in record.values]
    if unknown:
        raise InputError([Problem("draws", "only", "a number of a cell type", repr(k), hint=nearest(k, record.values)) for k in unknown])
    limits: dict[str, tuple[float, float]] = {}
    for name, value in sorted(record.values.items()):
        low, high = value.range
        high = min(high, 1.0) if name in AT_MOST_ONE else high
        if record.rho0 and name in WITHOUT_MTDNA:
            continue
        if high > low:
            limits[name] = (low, high)
    uniforms = _uniforms(list(limits), n, seed, method, f"cell type {record.name}")
    limits = {name: x for name, x in limits.items() if only is None or name in only}
    return [{name: float(low + uniforms[name][k] * (high - low)) for name, (low, high) in limits.items()} for k in range(n)]


__all__ = ["METHODS", "draw_cell_type", "draw_parameters", "quantile"]
