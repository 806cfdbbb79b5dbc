"""The Seahorse as an assay of a plate: the stress test of ``assays/seahorse.py`` on the wells of a run.

Cells are read pooled per well. Of a population: its cells sorted out before the test; of the whole well: donors are part
of the pool, as where nobody sorts. What is bound to the complexes stays bound, drugs of the dish stay in force. The
count by which a well is divided is off by ``norm_error``. The best FCCP dose is looked for per plate unless one is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays import seahorse
from mitoferry.assays.base import CELLS, Assay, Option, Readout, View
from mitoferry.core.schema import Step

_PLAIN = {
    "basal": "basal_ocr",
    "oligomycin": "oligomycin_ocr",
    "fccp": "fccp_ocr",
    "atp_linked": "atp_linked",
    "leak": "leak",
    "maximal": "maximal",
    "spare": "spare",
    "nonmitochondrial": "non_mitochondrial",
    "coupling": "coupling",
    "acidification": "basal_ecar",
}


def read(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """The stress test per well."""
    titration = {} if options["fccp"] == "titrate" else {"titration": (float(options["fccp"]),)}
    found = seahorse.measure(
        view.world, view.living(), oxygen=options["oxygen"], glucose=options["glucose"], oligomycin=options["oligomycin"],
        normalisation_cv=options["norm_error"], **titration,
    )  # fmt: skip
    result = {name: np.full(view.n_wells, np.nan) for name in (*_PLAIN, "lactate", "true_basal")}
    for well, reading in found.items():
        for name, key in _PLAIN.items():
            result[name][well] = reading[key]
        respired = reading["basal_ocr"] - reading["non_mitochondrial"]
        result["lactate"][well] = reading["basal_ecar"] - seahorse.CO2_ACIDITY * respired
        result["true_basal"][well] = reading["basal_ocr"] / reading["normalisation"]
    return result


_UNIT = "fmol/min/cell"
SEAHORSE = Assay(
    name="seahorse",
    about="oxygen use of living cells: basal, oligomycin, FCCP, rotenone with antimycin A; donors included unless sorted",
    readouts=(
        Readout("basal", _UNIT, "basal oxygen use"),
        Readout("oligomycin", _UNIT, "oxygen use under oligomycin"),
        Readout("fccp", _UNIT, "oxygen use under oligomycin and FCCP"),
        Readout("atp_linked", _UNIT, "basal less oligomycin"),
        Readout("leak", _UNIT, "oligomycin less non-mitochondrial"),
        Readout("maximal", _UNIT, "FCCP less non-mitochondrial"),
        Readout("spare", _UNIT, "maximal less basal mitochondrial"),
        Readout("nonmitochondrial", _UNIT, "oxygen use under rotenone and antimycin A"),
        Readout("coupling", "1", "ATP-linked over basal mitochondrial"),
        Readout("acidification", _UNIT, "acid released at rest"),
        Readout("lactate", _UNIT, "lactate released at rest"),
        Readout("true_basal", _UNIT, "basal oxygen use without the error of the cell count", truth=True),
    ),
    read=read,
    options={
        "oligomycin": Option(0.98, "share of the synthase that oligomycin blocks", high=1.0),
        "fccp": Option("titrate", "dose in FCCP equivalents, or titrate: the best of several", ("titrate",), low=0.1, high=1000.0),
        "norm_error": Option(0.1, "error of the cell count, as a coefficient of variation", high=1.0),
        "oxygen": Option(190.0, "oxygen of the assay medium [uM]", high=1000.0),
        "glucose": Option(10.0, "glucose of the assay medium [mM]", high=100.0),
    },
    tables=CELLS,
)
