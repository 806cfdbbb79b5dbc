"""mtDNA by haplotype- or species-specific qPCR, and heteroplasmy by sequencing.

qPCR of the harvested population: copies in all its cells that still hold mitochondria, dying ones included, plus a share
``debris`` of the mtDNA that is free in the medium of the well and sticks to the pellet, so that a positive signal may be
no transfer at all. A haplotype counts as of the donor if populations other than the measured one were seeded with it
and the measured one was not, in any arm. Errors: ``error`` in threshold cycles (a factor 2 each); a share below
``detection_limit`` reads 0. Where no haplotype tells donor from recipient, the donor's readouts are undefined (NaN).

Heteroplasmy: share of pathogenic haplotypes, sampled binomially at ``depth`` reads.

Modelling choices: debris 0.05, error 0.15 cycles; detection limit 1e-3, depth 100-10000 as usual for the methods.
Tests: ``tests/unit/test_assay_mtdna.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mitoferry.assays.base import ORGANELLES, Assay, Option, Readout, View, ratio
from mitoferry.assays.mitochondria_of import Chunk, sums_per_cell
from mitoferry.assays.noise import counted
from mitoferry.core.schema import N_HAPLOTYPES, N_POOLS, POOL_MEDIUM, Step
from mitoferry.core.streams import ASSAY_QPCR


def copies_per_row(view: View) -> np.ndarray:
    """Copies of each haplotype per row of cells, pools included; float64 (n_cells, N_HAPLOTYPES)."""
    world = view.world

    def quantities(chunk: Chunk) -> list[Any]:
        copies = world.mitochondria.copies[chunk.slots]
        return [copies[:, k] for k in range(N_HAPLOTYPES)]

    return np.stack(sums_per_cell(world, quantities, N_HAPLOTYPES), axis=1)


def donor_haplotypes(view: View) -> np.ndarray:
    """Which haplotypes other populations bring and the measured one lacks; bool (N_HAPLOTYPES)."""
    mine, others = np.zeros(N_HAPLOTYPES, bool), np.zeros(N_HAPLOTYPES, bool)
    for arm in view.world.spec.every_arm:
        for p in arm.populations:
            target = mine if p.index == view.population or (view.population is None and p.role != "donor") else others
            target |= np.array(p.haplotypes) > 0.0
    return others & ~mine


def by_well(view: View, per_row: np.ndarray) -> np.ndarray:
    """Copies in the measured cells per well; float64 (n_wells, N_HAPLOTYPES)."""
    rows = view.rows()
    return np.stack([view.per_well(rows, per_row[rows, k]) for k in range(N_HAPLOTYPES)], axis=1)


def read_qpcr(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Copies per cell and share of donor mtDNA."""
    per_row, donor = copies_per_row(view), donor_haplotypes(view)
    inside = by_well(view, per_row)
    debris = options["debris"] * per_row[N_POOLS * np.arange(view.n_wells) + POOL_MEDIUM]
    harvested = inside + debris
    cells = view.per_well(view.living())
    cv = float(options["error"]) * np.log(2.0)
    total = harvested.sum(axis=1) * view.well_factor(cv, ASSAY_QPCR, step.step, 0)
    result = {
        "copies_per_cell": ratio(total, cells),
        "true_copies_per_cell": ratio(inside.sum(axis=1), cells),
        "debris_share": ratio(debris.sum(axis=1), harvested.sum(axis=1)),
    }
    if donor.any():
        found = harvested[:, donor].sum(axis=1) * view.well_factor(cv, ASSAY_QPCR, step.step, 1)
        share = np.minimum(ratio(found, total), 1.0)
        below = share < options["detection_limit"]
        result["donor_share"] = np.where(below, 0.0, share)
        result["donor_copies_per_cell"] = np.where(below, 0.0, ratio(found, cells))
        result["true_donor_share"] = ratio(inside[:, donor].sum(axis=1), inside.sum(axis=1))
    else:
        for name in ("donor_share", "donor_copies_per_cell", "true_donor_share"):
            result[name] = np.full(view.n_wells, np.nan)
    return result


def read_heteroplasmy(view: View, options: Mapping[str, Any], step: Step) -> dict[str, np.ndarray]:
    """Share of pathogenic mtDNA."""
    per_row = copies_per_row(view)
    bad = np.array(view.world.spec.pathogenic)
    inside = by_well(view, per_row)
    share = ratio(inside[:, bad].sum(axis=1), inside.sum(axis=1))
    depth = round(float(options["depth"]))
    reads = counted(view.world, view.population, depth, np.nan_to_num(share), ASSAY_QPCR, step.step)
    living = view.living()
    total = per_row[living].sum(axis=1)
    living, cell_share = living[total > 0], (per_row[living][:, bad].sum(axis=1)[total > 0]) / total[total > 0]
    mean = view.mean(living, cell_share)
    return {
        "heteroplasmy": np.where(np.isnan(share), np.nan, reads / depth),
        "true_heteroplasmy": share,
        "between_cells_sd": np.sqrt(np.maximum(view.mean(living, cell_share**2) - mean**2, 0.0)),
    }


QPCR = Assay(
    name="mtdna_qpcr",
    about="copies of mtDNA and share of the donor's; mtDNA set free in the medium counts in part",
    readouts=(
        Readout("donor_share", "1", "share of donor mtDNA in the harvest, 0 below the detection limit"),
        Readout("copies_per_cell", "copies/cell", "mtDNA of the harvest over living cells"),
        Readout("donor_copies_per_cell", "copies/cell", "donor mtDNA of the harvest over living cells"),
        Readout("debris_share", "1", "share of the harvest that was free in the medium", truth=True),
        Readout("true_donor_share", "1", "share of donor mtDNA inside the cells", truth=True),
        Readout("true_copies_per_cell", "copies/cell", "mtDNA inside the cells over living cells", truth=True),
    ),
    read=read_qpcr,
    options={
        "detection_limit": Option(1e-3, "share of donor mtDNA below which nothing is found", high=1.0),
        "debris": Option(0.05, "share of the free mtDNA of the medium that is harvested with the cells", high=1.0),
        "error": Option(0.15, "error in threshold cycles", high=5.0),
    },
    tables=ORGANELLES,
)
HETEROPLASMY = Assay(
    name="heteroplasmy",
    about="share of the pathogenic haplotype, sampled at a depth",
    readouts=(
        Readout("heteroplasmy", "1", "share of reads with a pathogenic haplotype"),
        Readout("true_heteroplasmy", "1", "share of copies with a pathogenic haplotype", truth=True),
        Readout("between_cells_sd", "1", "standard deviation of heteroplasmy between living cells", truth=True),
    ),
    read=read_heteroplasmy,
    options={"depth": Option(1000.0, "reads", low=10.0, high=10000.0)},
    tables=ORGANELLES,
)
