"""Annexin V with propidium iodide, and TUNEL.

Annexin V stains exposed phosphatidylserine: cells in apoptosis, and living cells that expose enough of it for a while
without dying (false positives of a stressed arm). Phosphatidylserine that a treatment has covered does not stain.
Propidium iodide enters when the membrane is lost: necrotic cells and corpses, which annexin V then stains from inside.

* annexin_only: apoptotic cells, and living cells whose open phosphatidylserine is above ``gate``;
* double positive: corpses of either kind and necrotic cells;
* apoptotic and necrotic fraction: by state, of all cells that were ever in the well: corpses and cells that a phagocyte has
  taken in included, the latter by what they died of;
* permeable fraction: what lactate dehydrogenase in the medium and propidium iodide tell, cells whose membrane is lost, of all that were
  ever in the well: necrotic cells, corpses of either kind, and what was eaten after it had burst (what is eaten before keeps it in);
* viable fraction: living cells of all that were ever in the well.

Flow sees only what is still there: a share ``lost`` of the corpses has been washed away and is missing from the
denominators of annexin_only and double_positive (not from the fractions by state).

TUNEL stains broken DNA: apoptotic cells and their corpses, and a share of necrotic ones; what a phagocyte has taken in is not seen.

Modelling choices: gate 0.5, corpses lost 0.2, necrotic TUNEL 0.2. Tests: ``tests/unit/test_assay_death.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.nodes import NODE_PS_MASK
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    BY_ATTACK,
    CELL_APOPTOTIC,
    CELL_DEAD_APOPTOTIC,
    CELL_DEAD_NECROTIC,
    CELL_EMPTY,
    CELL_LIVE,
    CELL_MOMP,
    CELL_NECROTIC,
    Step,
)
from mitoferry.core.streams import ASSAY_COUNT

APOPTOTIC = (CELL_APOPTOTIC, CELL_DEAD_APOPTOTIC)
NECROTIC = (CELL_NECROTIC, CELL_DEAD_NECROTIC)
BY_CASPASES = (BY_APOPTOSIS, BY_ATTACK)
LOST = 2  # draw of the corpses that are washed away
STAINED = 3  # draw of the necrotic cells that TUNEL stains


def read_annexin(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of cells by annexin V and propidium iodide."""
    world, c, rows = view.world, view.world.cells, view.rows()
    state = c.state[rows]
    mask = world.groups.nodes[c.group[rows], NODE_PS_MASK].astype(np.float64)
    open_ps = view.values("phosphatidylserine", rows) * (1.0 - np.clip(mask, 0.0, 1.0))
    living = np.isin(state, (CELL_LIVE, CELL_MOMP))
    corpse = np.isin(state, (CELL_DEAD_APOPTOTIC, CELL_DEAD_NECROTIC))
    u = view.uniform(rows, ASSAY_COUNT, 0, LOST)
    there = rows[~(corpse & (u < options["lost"]))]
    annexin_only = ((state == CELL_APOPTOTIC) & (mask < 0.5)) | (living & (open_ps > options["gate"]))
    leaky = corpse | (state == CELL_NECROTIC)
    seen = view.per_well(there)
    ever = view.ever()
    last, cause = c.state[ever], c.death_cause[ever]
    eaten, by_caspases = last == CELL_EMPTY, np.isin(cause, BY_CASPASES)
    burst = np.isin(last, NECROTIC) | (eaten & ~by_caspases)
    return {
        "apoptotic_fraction": view.mean(ever, np.isin(last, APOPTOTIC) | (eaten & by_caspases)),
        "necrotic_fraction": view.mean(ever, burst),
        "permeable_fraction": view.mean(ever, burst | (last == CELL_DEAD_APOPTOTIC)),
        "viable_fraction": view.mean(ever, np.isin(last, (CELL_LIVE, CELL_MOMP))),
        "annexin_only_fraction": ratio(view.per_well(rows[annexin_only]), seen),
        "double_positive_fraction": ratio(view.per_well(rows[leaky & ~(corpse & (u < options["lost"]))]), seen),
        "viability": ratio(view.per_well(rows[living]), seen),
    }


def read_tunel(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Share of cells with broken DNA."""
    rows = view.rows()
    state = view.world.cells.state[rows]
    u = view.uniform(rows, ASSAY_COUNT, 0, STAINED)
    stained = np.isin(state, APOPTOTIC) | (np.isin(state, NECROTIC) & (u < options["necrotic"]))
    return {"tunel_fraction": view.mean(rows, stained)}


ANNEXIN = Assay(
    name="annexin_pi",
    about="annexin V and propidium iodide by flow; living cells that expose phosphatidylserine stain too",
    readouts=(
        Readout("apoptotic_fraction", "1", "share of all cells ever in the well that died or are dying by apoptosis"),
        Readout("necrotic_fraction", "1", "share of all cells ever in the well that died or are dying by necrosis"),
        Readout("permeable_fraction", "1", "share of all cells ever in the well whose membrane is lost (LDH, PI)"),
        Readout("viable_fraction", "1", "share of all cells ever in the well that live"),
        Readout("annexin_only_fraction", "1", "share of the cells still there with annexin V and without propidium iodide"),
        Readout("double_positive_fraction", "1", "share of the cells still there with both"),
        Readout("viability", "1", "share of the cells still there that live"),
    ),
    read=read_annexin,
    options={
        "gate": Option(0.5, "open phosphatidylserine above which a living cell stains", high=10.0),
        "lost": Option(0.2, "share of corpses that has been washed away", high=1.0),
    },
    tables=CELLS,
)
TUNEL = Assay(
    name="tunel",
    about="TUNEL-positive share of all cells ever in the well; some necrotic cells stain",
    readouts=(Readout("tunel_fraction", "1", "share of cells with broken DNA, corpses included"),),
    read=read_tunel,
    options={"necrotic": Option(0.2, "share of necrotic cells that stain", high=1.0)},
    tables=CELLS,
)
