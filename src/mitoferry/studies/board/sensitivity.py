"""Designs over the ranges of several parameters, and what they say of each: elementary effects (Morris), Sobol indices.

Both come from SALib, an optional part (``pip install 'mitoferry[uq]'``). A design is a table of numbers on [0, 1], one row
per plate and one column per parameter; a parameter takes the quantile of its prior at that number. So the same designs and
analyses serve plates and plain functions.

* ``morris``: R trajectories over p parameters are R (p + 1) plates. mu* is the mean size of the effect of one parameter moved
  by 2/3 of its range, sigma its spread (interactions, curvature, chance between wells), mu* ± its 95 % half-width.
* ``sobol``: R base samples are R (p + 2) plates. First-order and total share of the variance with their 95 % half-widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHODS = ("morris", "sobol")
LEVELS = 4
DEFAULT = {"morris": 6, "sobol": 32}
"""Trajectories (morris) or base samples (sobol) unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What a design says of one parameter, in the unit of the output (morris) or as a share of its variance (sobol).

    Attributes:
        parameter: its name.
        main: mu* (morris) or the first-order index (sobol); ``main_half`` half its 95 % interval.
        other: sigma (morris; ``other_half`` is 0) or the total index (sobol) with half its 95 % interval.
        mean: mean elementary effect with its sign (morris); 0 for sobol.
    """

    parameter: str
    main: float
    main_half: float
    other: float
    other_half: float = 0.0
    mean: float = 0.0


def salib(part: str) -> Any:
    """A module of SALib, such as "sample.morris".

    Raises:
        InputError: SALib is not installed.
    """
    import importlib

    try:
        return importlib.import_module(f"SALib.{part}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "SALib":
            raise
        hint = "Install it with: pip install 'mitoferry[uq]'"
        raise InputError(
            Problem("robustness", "--method", "SALib, which morris and sobol use", "it is not installed", hint=hint)
        ) from error


def _problem(names: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def check_design(method: str, trajectories: int) -> None:
    """Refuse a method or a size that cannot be.

    Raises:
        InputError: unknown method, fewer than two trajectories, or a number of Sobol samples that is no power of two.
    """
    if method not in METHODS:
        raise InputError(Problem("robustness", "--method", "oat, " + ", ".join(METHODS), repr(method)))
    if trajectories < 2 or (method == "sobol" and trajectories & (trajectories - 1)):
        wanted = "a power of two, 2 or more, for sobol" if method == "sobol" else "2 or more"
        raise InputError(Problem("robustness", "--trajectories", wanted, str(trajectories)))


def design(method: str, names: Sequence[str], trajectories: int, seed: int) -> NDArray[np.float64]:
    """The design of a method: rows of numbers on [0, 1], a column per name.

    Raises:
        InputError: SALib is not installed, or the size cannot be.
    """
    check_design(method, trajectories)
    if not names:
        raise InputError(Problem("robustness", "parameters", "one or more", "none"))
    sample = salib(f"sample.{method}").sample
    options: dict[str, Any] = {"num_levels": LEVELS} if method == "morris" else {"calc_second_order": False}
    table: NDArray[np.float64] = np.clip(sample(_problem(names), trajectories, seed=seed, **options), 0.0, 1.0)
    return table


def analysed(method: str, names: Sequence[str], table: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> list[Sensitivity]:
    """What the outputs ``y`` of a design say of each parameter, the strongest first; empty where an output is missing or none varies."""
    if not np.isfinite(y).all() or float(np.ptp(y)) == 0.0:
        return []
    analyse = salib(f"analyze.{method}").analyze
    if method == "morris":
        s = analyse(_problem(names), table, y, num_levels=LEVELS, seed=seed, print_to_console=False)
        rows = zip(names, s["mu_star"], s["mu_star_conf"], s["sigma"], s["mu"], strict=True)
        found = [Sensitivity(parameter=n, main=float(a), main_half=float(c), other=float(b), mean=float(m)) for n, a, c, b, m in rows]
    else:
        s = analyse(_problem(names), y, calc_second_order=False, seed=seed, print_to_console=False)
        shares = zip(names, s["S1"], s["S1_conf"], s["ST"], s["ST_conf"], strict=True)
        found = [
            Sensitivity(parameter=n, main=float(a), main_half=float(c), other=float(b), other_half=float(d)) for n, a, c, b, d in shares
        ]
    return sorted(found, key=lambda x: -max(x.main, x.other if method == "sobol" else x.main))


__all__ = ["DEFAULT", "METHODS", "Sensitivity", "analysed", "check_design", "design", "salib"]
