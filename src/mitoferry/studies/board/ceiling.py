"""The ceiling of a rescue: the share of cells that a donor's mitochondrion reaches before their point of no return.

A mitochondrion that comes after cytochrome c release comes too late (a cell can still be rescued by survival factors then, not
by what the mitochondrion does for respiration). No transfer can lower apoptosis by more than the share of the doomed that it
reaches in time, so that the ceiling stands beside each contrast of survival. It is read from the log of events: what the
simulation knows, not what an instrument sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mitoferry.studies.contrast import Interval, mean_interval

if TYPE_CHECKING:
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
    born = e["birth_population"].astype(object)
    came = e[(e["kind"] == "handover") & (e["target_population"] == population) & (born != population) & born.notna()]
    first = came.groupby(["replicate", "target"], observed=True)["time"].min()
    lost = e[e["kind"].isin(NO_RETURN) & (e["source_population"] == population)]
    end = lost.groupby(["replicate", "source"], observed=True)["time"].min()
    end.index.names = first.index.names
    in_time = first[first < end.reindex(first.index).fillna(np.inf)]
    counts = in_time.groupby("replicate").size().reindex(range(r.names.replicates), fill_value=0)
    return mean_interval(np.minimum(counts.to_numpy(float) / seeded, 1.0))


def _seeded(r: Results, arm: str, population: str) -> int:
    """Cells of a population that were seeded in a well of the arm."""
    for a in r.plate_arms:
        if a["name"] == arm:
            return sum(int(p["count"]) for p in a["populations"] if p["name"] == population)
    return 0
