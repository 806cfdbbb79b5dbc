"""What has become of cells: peroxidised lipid, senescence, lineages, the cell cycle, modes of death, shape of mitochondria.

* ``lipid_peroxidation`` (C11-BODIPY): ratio of oxidised to all dye, background + L/(L + half), a log-normal error per cell; positive
  cells above a gate. Beside it glutathione, of which the model has the antioxidant capacity only.
* ``senescence`` (SA-beta-galactosidase): a share ``missed`` of senescent cells does not stain, a share ``background`` of the others
  does, drawn once per cell; lysosomes swell before and after, which is not modelled.
* ``differentiation``: mean scores and shares of cells that have committed to each lineage (alizarin red, TRAP, markers); no artefact but
  the share ``missed``.
* ``cell_cycle``: a pulse of EdU marks cells that are in S phase (progress 0.45 to 0.8) and move on at more than a tenth of their type's
  pace.
* ``death_modes``: shares of all cells ever in the well by what they died of.
* ``mitochondrial_morphology``: isolated share of the cell's own mitochondria (fragmentation index), mean size, mass, mitophagy, from
  sums of the cell.

Modelling choices: all gates, backgrounds and shares missed. Tests: ``tests/unit/test_assay_fates.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import CELLS, Assay, Option, Readout, View, ratio
from mitoferry.core.nodes import NODE_ANTIOXIDANT
from mitoferry.core.schema import (
    BY_APOPTOSIS,
    BY_ATTACK,
    BY_FERROPTOSIS,
    BY_NECROSIS,
    BY_PYROPTOSIS,
    CELL_APOPTOTIC,
    CELL_LIVE,
    LINEAGE_NAMES,
    NOT_DEAD,
    OWN_ISOLATED,
    OWN_NETWORK,
    SUM_COUNT,
    SUM_MASS,
    SUM_SCALE,
    Step,
)
from mitoferry.core.streams import ASSAY_FATE

BODIPY, STAIN, LINEAGE = 0, 1, 2  # draws of the stream
S_PHASE = (0.45, 0.8)
MOVES = 0.1  # of the pace of the type


def read_peroxidation(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Oxidised dye, glutathione, and what is behind them."""
    world, rows = view.world, view.living()
    peroxide = view.values("lipid_peroxide", rows)
    factor = view.cell_factor(rows, options["error"], ASSAY_FATE, step.step, BODIPY)
    seen = options["background"] + (1.0 - options["background"]) * peroxide / (peroxide + options["half"])
    node = np.asarray(world.groups.nodes[world.cells.group[rows], NODE_ANTIOXIDANT], np.float64)
    return {
        "oxidised_ratio": view.mean(rows, seen * factor),
        "positive_fraction": view.mean(rows, seen * factor > options["gate"]),
        "glutathione": view.mean(rows, view.values("antioxidant", rows) * node),
        "lipid_peroxide": view.mean(rows, peroxide),
        "labile_iron": view.mean(rows, view.values("labile_iron", rows)),
    }


def read_senescence(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Share of cells that stain."""
    rows = view.living()
    senescent = view.values("senescent", rows) > 0.0
    u = view.uniform(rows, ASSAY_FATE, 0, STAIN)
    stained = np.where(senescent, u >= options["missed"], u < options["background"])
    return {"stained_fraction": view.mean(rows, stained), "senescent_fraction": view.mean(rows, senescent)}


def read_differentiation(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Scores, and shares of cells that have committed."""
    rows = view.living()
    score, fate = view.values("lineage", rows), view.world.cells.fate[rows]
    marked = view.uniform(rows, ASSAY_FATE, 0, LINEAGE) >= options["missed"]
    found = {"committed_fraction": view.mean(rows, (fate > 0) & marked)}
    for k, name in enumerate(LINEAGE_NAMES):
        found[f"{name}_fraction"] = view.mean(rows, (fate == 1 + k) & marked)
        found[f"{name}_score"] = view.mean(rows, score[:, k])
    return found | {"no_osteoclast_fraction": 1.0 - found["osteoclast_fraction"]}


def read_cycle(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of living cells that move through the cycle, and that a pulse of EdU marks."""
    from mitoferry.processes.division import rate_under
    from mitoferry.processes.like_contacts import weigh_contacts

    world, rows = view.world, view.rows(CELL_LIVE)
    p = world.parameters.get("division")
    time = np.asarray(world.groups.cycle_time[world.cells.group[rows]], np.float64)
    rate = np.zeros(len(rows))
    if p is not None:
        passed_over = weigh_contacts(world, p)
        world.backend.pull(passed_over)
        contacts = world.cells.n_contacts[: world.n_cells] * (1.0 - passed_over)
        rate = np.array([float(rate_under(int(i), float(contacts[i]), world.cells, world.groups, p)) for i in rows])
    moving = (time > 0.0) & (rate * time > MOVES)
    progress = view.values("cycle", rows)
    synthesis = moving & (progress >= S_PHASE[0]) & (progress < S_PHASE[1])
    return {
        "s_phase_fraction": view.mean(rows, synthesis),
        "cycling_fraction": view.mean(rows, moving),
        "pace": view.mean(rows, rate * time),
        "divisions_per_cell": ratio(view.per_well(rows, world.cells.n_divisions[rows]), view.per_well(rows)),
    }


def read_modes(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Shares of all cells ever in the well by what they died of."""
    rows = view.ever()
    state, cause = view.world.cells.state[rows], view.world.cells.death_cause[rows]
    by_caspases = (cause == BY_APOPTOSIS) | ((cause == NOT_DEAD) & (state == CELL_APOPTOTIC))
    return {
        "apoptosis_fraction": view.mean(rows, by_caspases),
        "necrosis_fraction": view.mean(rows, cause == BY_NECROSIS),
        "pyroptosis_fraction": view.mean(rows, cause == BY_PYROPTOSIS),
        "ferroptosis_fraction": view.mean(rows, cause == BY_FERROPTOSIS),
        "attack_fraction": view.mean(rows, cause == BY_ATTACK),
        "attacks": view.per_well(rows, cause == BY_ATTACK),
    }


def read_morphology(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Isolated share, size, mass and mitophagy."""
    world, rows = view.world, view.living()
    sums = world.cells.sums[rows].astype(np.float64)
    network, isolated = sums[:, OWN_NETWORK, SUM_COUNT], sums[:, OWN_ISOLATED, SUM_COUNT]
    number, mass = sums[:, :, SUM_COUNT].sum(axis=1), SUM_SCALE * sums[:, :, SUM_MASS].sum(axis=1)
    error = view.well_factor(options["error"], ASSAY_FATE, step.step)
    return {
        "fragmentation_index": ratio(view.per_well(rows, isolated), view.per_well(rows, network + isolated)),
        "mean_size": ratio(view.per_well(rows, mass), view.per_well(rows, number)),
        "mass_per_cell": view.mean(rows, mass) * error,
        "mitophagy": view.mean(rows, view.values("mitophagy_load", rows)) * error,
    }


PEROXIDATION = Assay(
    name="lipid_peroxidation",
    about="C11-BODIPY: oxidised share of the dye in living cells, and glutathione; dead cells are not seen",
    readouts=(
        Readout("oxidised_ratio", "1", "oxidised share of the dye, mean of living cells"),
        Readout("positive_fraction", "1", "share of living cells above the gate"),
        Readout("glutathione", "1", "antioxidant capacity relative to rest, which stands for glutathione"),
        Readout("lipid_peroxide", "1", "peroxidised lipid, 1 = lethal", truth=True),
        Readout("labile_iron", "1", "labile iron", truth=True),
    ),
    read=read_peroxidation,
    options={
        "background": Option(0.05, "oxidised share of the dye without peroxides", high=1.0),
        "half": Option(0.5, "peroxidised lipid that oxidises half of the dye", low=1e-6),
        "gate": Option(0.4, "oxidised share above which a cell counts as positive", high=10.0),
        "error": Option(0.2, "uneven loading between cells, as a coefficient of variation", high=1.0),
    },
    tables=CELLS,
)
SENESCENCE = Assay(
    name="senescence",
    about="SA-beta-galactosidase-positive share of living cells; some others stain, some senescent ones do not",
    readouts=(
        Readout("stained_fraction", "1", "share of living cells that stain"),
        Readout("senescent_fraction", "1", "share of living cells that are senescent", truth=True),
    ),
    read=read_senescence,
    options={
        "missed": Option(0.1, "share of senescent cells that do not stain", high=1.0),
        "background": Option(0.03, "share of other cells that stain", high=1.0),
    },
    tables=CELLS,
)
DIFFERENTIATION = Assay(
    name="differentiation",
    about="scores of differentiation, and shares of cells that carry the marker of a lineage",
    readouts=(
        Readout("committed_fraction", "1", "share of living cells with the marker of any lineage"),
        *(Readout(f"{n}_fraction", "1", f"share of living cells with the marker of the lineage: {n}") for n in LINEAGE_NAMES),
        Readout("no_osteoclast_fraction", "1", "share of living cells without the marker of osteoclasts"),
        *(Readout(f"{n}_score", "1", f"mean score 0..1 of the lineage: {n}") for n in LINEAGE_NAMES),
    ),
    read=read_differentiation,
    options={"missed": Option(0.05, "share of committed cells without a visible marker", high=1.0)},
    tables=CELLS,
)
CYCLE = Assay(
    name="cell_cycle",
    about="pulse of EdU: living cells in S phase that move on; arrested cells are not marked",
    readouts=(
        Readout("s_phase_fraction", "1", "share of living cells marked"),
        Readout("cycling_fraction", "1", "share of living cells that move through the cycle"),
        Readout("pace", "1", "mean pace through the cycle relative to an unhindered cell of the type", truth=True),
        Readout("divisions_per_cell", "1", "divisions of living cells so far", truth=True),
    ),
    read=read_cycle,
    tables=CELLS,
)
MODES = Assay(
    name="death_modes",
    about="what cells died of, as shares of all cells that were ever in the well",
    readouts=(
        Readout("apoptosis_fraction", "1", "apoptosis, executing cells included"),
        Readout("necrosis_fraction", "1", "necrosis"),
        Readout("pyroptosis_fraction", "1", "pyroptosis"),
        Readout("ferroptosis_fraction", "1", "ferroptosis"),
        Readout("attack_fraction", "1", "attack by immune cells"),
        Readout("attacks", "cells", "cells killed by immune cells"),
    ),
    read=read_modes,
    tables=CELLS,
)
MORPHOLOGY = Assay(
    name="mitochondrial_morphology",
    about="fragmentation, size and mass of mitochondria in living cells, and their mitophagy",
    readouts=(
        Readout("fragmentation_index", "1", "isolated share of the cell's own mitochondria"),
        Readout("mean_size", "mass units", "mean size of a mitochondrion"),
        Readout("mass_per_cell", "mass units/cell", "mitochondrial mass per living cell"),
        Readout("mitophagy", "mitochondria/h/cell", "mitochondria degraded per hour and living cell"),
    ),
    read=read_morphology,
    options={"error": Option(0.1, "error of staining per well, as a coefficient of variation", high=1.0)},
    tables=CELLS,
)
