"""Organ read-outs as labelled surrogates: maps from the share of a tissue that still works. Not measured in any organ.

    f = sum over living cells of min(1, ATP/resting ATP) / all cells that were ever there          (0 to 1)
    H(f) = f^n (1 + h^n)/(f^n + h^n)                                                               (0 at 0, 1 at 1, monotone)

    ejection fraction     = lowest + (normal - lowest) H(f; ejection)
    lesion                = 1 - H(f; lesion)                      share of the block that a stain would show
    oedema                = most x (1 - f)                        swelling where pumps lack ATP
    neurological score    = best x H(f; neurological)
    compliance of lung    = lowest + (1 - lowest) f               relative to a healthy one
    wall of the alveolus  = 1 + thickening (1 - f)                relative
    tumour                = volume of its living cells

Nothing of a heart, brain or lung is modelled: no wall, no beat, no circuit, no breath. The numbers of the maps are modelling choices
(``organ.*``), the same for all experiments and never fitted. Each map rises or falls with f alone, so that it can say which of two
arms is better off and nothing else. The error of the instrument is a factor per well. Every map can be read in any well; what it is
called means something only for the tissues that ``places`` of its readout names (``mitoferry check`` tells where a file reads it
elsewhere). Tests: ``tests/unit/test_assay_organ.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.schema import Step
from mitoferry.core.streams import ASSAY_ORGAN
from mitoferry.processes.rest import RESTING_ATP

SURROGATE = "surrogate, a map of the working share of the cells"


class Parameters(NamedTuple):
    """Library: ``organ.*``."""

    ejection_normal: float  # %
    ejection_lowest: float  # %
    ejection_half: float
    ejection_hill: float
    lesion_half: float
    lesion_hill: float
    oedema_most: float  # %
    neurological_best: float
    neurological_half: float
    neurological_hill: float
    compliance_lowest: float
    wall_thickening: float


def _surrogate(name: str, unit: str, words: str, *places: str, what: str = SURROGATE) -> Readout:
    """A readout that says what it is a surrogate of and for which tissues it is meant."""
    return Readout(name, unit, f"{words} ({what}; for {' or '.join(places)})", places=places)


def rising(f: Any, half: float, hill: float) -> np.ndarray:
    """H(f): a Hill curve scaled to 1 at f = 1; float64."""
    f = np.clip(np.asarray(f, np.float64), 0.0, 1.0)
    return f**hill * (1.0 + half**hill) / (f**hill + half**hill)


def maps(f: Any, p: Parameters) -> dict[str, np.ndarray]:
    """All surrogates at the functional fraction ``f``; float64 arrays of its shape."""
    f = np.clip(np.asarray(f, np.float64), 0.0, 1.0)
    pump = rising(f, p.ejection_half, p.ejection_hill)
    return {
        "ejection_fraction": p.ejection_lowest + (p.ejection_normal - p.ejection_lowest) * pump,
        "lesion_size": 1.0 - rising(f, p.lesion_half, p.lesion_hill),
        "oedema": p.oedema_most * (1.0 - f),
        "neurological_score": p.neurological_best * rising(f, p.neurological_half, p.neurological_hill),
        "compliance": p.compliance_lowest + (1.0 - p.compliance_lowest) * f,
        "wall_thickness": 1.0 + p.wall_thickening * (1.0 - f),
    }


def functional_fraction(view: View) -> np.ndarray:
    """Share of the cells ever in the well that live, each weighted by its ATP over that at rest, at most 1; NaN without cells."""
    living = view.living()
    working = np.minimum(view.values("atp", living) / RESTING_ATP, 1.0)
    return ratio(view.per_well(living, working), view.per_well(view.ever()))


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """The surrogates of every well with the error of the reading, and the fraction that they are maps of."""
    p = view.world.spec.parameters_of("organ", Parameters)
    f, living = functional_fraction(view), view.living()
    found = {**maps(f, p), "tumour_size": 1e-3 * view.per_well(living, view.values("volume", living))}
    error = view.well_factor(options["error"], ASSAY_ORGAN, step.step, 0)
    return {**{name: value * error for name, value in found.items()}, "functional_fraction": f}


ORGAN = Assay(
    name="organ",
    about="organ read-outs as surrogates: maps of the share of cells that live and have ATP; no organ is modelled",
    readouts=(
        _surrogate("ejection_fraction", "%", "ejection fraction", "infarct"),
        _surrogate("lesion_size", "1", "share of the block that is lesion", "infarct", "stroke", "lung"),
        _surrogate("oedema", "%", "swelling", "stroke", "lung"),
        _surrogate("neurological_score", "1", "neurological score, more is better", "stroke"),
        _surrogate("compliance", "1", "compliance of the lung relative to a healthy one", "lung"),
        _surrogate("wall_thickness", "1", "thickness of the alveolar wall relative to a healthy one", "lung"),
        _surrogate("tumour_size", "nL", "cytosol of the living cells of a tumour", "tumour", "bone", "dish", what="surrogate of its size"),
        Readout(
            "functional_fraction", "1", "what the maps are made of: living cells weighted by ATP, over all cells ever there", truth=True
        ),
    ),
    read=read,
    options={"error": Option(0.05, "error of the reading, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
