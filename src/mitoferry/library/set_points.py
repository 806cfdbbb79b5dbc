"""Set points of a cell type that follow the parameters of a run: ATP and H2O2 at rest.

The types are scaled, and the responses of cells set, for cells that rest at the ATP and H2O2 of the library. With other parameters the
closed form of ``library/scaling.py``, which reckons with one potential for all, leaves some types short of ATP, and peroxidases
that compete with catalase, damaged mitochondria and worn enzymes leave some with more H2O2. A healthy cell is neither: its load is what
its supply carries, and its sensors are set to its own rest. So, in a run that changes parameters,

* a type that would rest at less ATP than with the library's has its demand lowered until it does not (:func:`demand_at_rest`);
* redox sensors count from the H2O2 at which the type rests with the parameters of the run (:func:`h2o2_at_rest`,
  :func:`sensor_factor`; ``groups.h2o2_scale``), where that is higher, relative to what peroxidases alone explain.

With the parameters of the library both leave every number as it is, to the bit.
Verification: ``tests/verification/test_set_points.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mitoferry.library.scaling import ScaledCell, resting_state
from mitoferry.processes.energetics import Parameters

CLOSE = 1e-3  # relative error of ATP
LEAST_DEMAND = 0.3  # of the closed form
STEPS = 12
ROUNDS = 60  # of the fixed point of H2O2, whose gain at rest is below a half


def demand_at_rest(cell: ScaledCell, parameters: Parameters, atp: float) -> ScaledCell:
    """The cell with the largest demand, at most its own, at which it rests at ``atp`` [mM] or more.

    Args:
        cell: a scaled type.
        parameters: parameters of ``energetics``.
        atp: ATP at which the type rests with the parameters of the library [mM].
    """

    def rests_at(share: float) -> float:
        return resting_state(replace(cell, demand=cell.demand * share), parameters)["atp"]

    if cell.demand <= 0.0 or rests_at(1.0) >= atp * (1.0 - CLOSE):
        return cell
    low, high = LEAST_DEMAND, 1.0
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rests_at(middle) >= atp else (low, middle)
    return replace(cell, demand=cell.demand * low)


def h2o2_at_rest(unit: float, leak: float, oxidants: Mapping[str, float], damage: Mapping[str, float]) -> float:
    """H2O2 [uM] at which a healthy cell rests, with its damage and wear of antioxidant enzymes, no signal at work.

    Args:
        unit: H2O2 that the mitochondria of a stromal cell of its content would make, over the volume of its cytosol [uM/s].
        leak: electron leak of its mitochondria at rest, relative to those of a stromal cell.
        oxidants: parameters of ``reactive_oxygen``.
        damage: parameters of ``damage``.
    """
    from mitoferry.processes.reactive_oxygen import DEPLETION_H2O2, RESTING_NADH, steady_h2o2

    half, first = oxidants["scavenging_half"], oxidants["catalase"] + oxidants["outward"]
    h2o2 = 0.0
    for _ in range(ROUNDS):
        hurt = damage["oxidant_rate"] / damage["repair_rate"] * h2o2**2 / (h2o2**2 + damage["oxidant_half"] ** 2)
        worn = 1.0 + oxidants["antioxidant_time"] * oxidants["antioxidant_depletion"] * h2o2 / DEPLETION_H2O2
        source = unit * (leak + oxidants["damage_factor"] * hurt / RESTING_NADH)
        h2o2 = float(steady_h2o2(source, unit * oxidants["scavenging_factor"] * max(leak, 1.0) / worn, half, first))
    return h2o2


def sensor_factor(
    units: tuple[float, float],
    leaks: tuple[float, float],
    oxidants: tuple[Mapping[str, float], ...],
    damage: tuple[Mapping[str, float], ...],
) -> float:
    """Factor, at most 1, on the scale of redox sensors of a type; each argument with the library's parameters, then the run's.

    1 where peroxidases alone explain at what H2O2 the type rests, as they do with the parameters of the library.
    """
    from mitoferry.processes.reactive_oxygen import resting_h2o2

    excess = []
    for unit, leak, o, d in zip(units, leaks, oxidants, damage, strict=True):
        excess.append(h2o2_at_rest(unit, leak, o, d) / resting_h2o2(o["scavenging_half"], o["scavenging_factor"]))
    if min(excess) <= 0.0:
        return 1.0
    return min(excess[0] / excess[1], 1.0)


__all__ = ["demand_at_rest", "h2o2_at_rest", "sensor_factor"]
