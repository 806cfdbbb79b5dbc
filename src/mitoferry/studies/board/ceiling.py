"""The ceiling of a rescue: the share of cells that a donor's mitochondrion reaches before their point of no return.

A mitochondrion that comes after cytochrome c release comes too late (a cell can still be rescued by survival factors then, not
by what the mitochondrion does for respiration). No transfer can lower apoptosis by more than the share of the doomed that it
reaches in time, so that two numbers stand beside each contrast of survival: the share of all cells that were reached in time, and,
of the cells that are lost in the other arm, how many were reached in this one before that moment. Both are read from the log of
events: what the simulation knows, not what an instrument sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mitoferry.studies.contrast import Interval, mean_interval

if TYPE_CHECKING:
    import pandas as pd

    from mitoferry.studies.results import Results

OF_SURVIVAL = frozenset(
    {
        "apoptosis", "survival", "cell_damage", "rescue_capacity", "drug_resistance", "pyroptosis", "ferroptosis", "radiosensitivity",
        "stress_resistance", "cardiac_function", "cardioprotection", "lesion_size", "ischemia_reperfusion_injury",
        "neurological_function", "locomotor_function", "cognitive_function", "lung_injury", "airway_injury", "alveolar_destruction",
        "tissue_regeneration", "therapeutic_effect",
    }
)  # fmt: skip
NO_RETURN = ("cytochrome_c_release", "death")


def ceiling_of(r: Results, arm: str, of: str = "recipient") -> Interval | None:
    """Share of the cells of a population that a foreign mitochondrion reached before cytochrome c release or death.

    Args:
        r: the run.
        arm: an arm with donors (of cells, or of mitochondria that were added).
        of: population or role whose cells count.

    Returns:
        Mean and interval over wells; ``None`` where the population has no cells in the arm.
    """
    population = r.population_of(of)
    seeded = _seeded(r, arm, population)
    if not seeded:
        return None
    e = r.events()
    e = e[e["arm"] == arm]
    first = _first_arrival(e, population)
    lost = e[e["kind"].isin(NO_RETURN) & (e["source_population"] == population)]
    end = lost.groupby(["replicate", "source"], observed=True)["time"].min()
    end.index.names = first.index.names
    in_time = first[first < end.reindex(first.index).fillna(np.inf)]
    counts = in_time.groupby("replicate").size().reindex(range(r.names.replicates), fill_value=0)
    return mean_interval(np.minimum(counts.to_numpy(float) / seeded, 1.0))


def doomed_reached(r: Results, arm: str, versus: str, of: str = "recipient") -> tuple[int, int] | None:
    """Of the cells that die in ``versus``: how many a foreign mitochondrion reached in ``arm`` before that moment, and how many they are.

    The arms of a replicate share their random numbers and the ids of their cells, so that a cell of one arm is the same cell in
    the other: what is asked is whether those that are lost without the donors could have been saved by them.

    Returns:
        (reached in time, lost), over all wells; ``None`` where nobody is lost.
    """
    population, e = r.population_of(of), r.events()
    lost = e[(e["arm"] == versus) & e["kind"].isin(NO_RETURN) & (e["source_population"] == population)]
    end = lost.groupby(["replicate", "source"], observed=True)["time"].min()
    if end.empty:
        return None
    first = _first_arrival(e[e["arm"] == arm], population)
    first.index.names = end.index.names
    return int((first.reindex(end.index) < end).sum()), len(end)


def _first_arrival(e: pd.DataFrame, population: str) -> pd.Series[float]:
    """Time of the first mitochondrion of another population per replicate and cell."""
    born = e["birth_population"].astype(object)
    came = e[(e["kind"] == "handover") & (e["target_population"] == population) & (born != population) & born.notna()]
    return came.groupby(["replicate", "target"], observed=True)["time"].min()


def _seeded(r: Results, arm: str, population: str) -> int:
    """Cells of a population that were seeded in a well of the arm."""
    for a in r.plate_arms:
        if a["name"] == arm:
            return sum(int(p["count"]) for p in a["populations"] if p["name"] == population)
    return 0
