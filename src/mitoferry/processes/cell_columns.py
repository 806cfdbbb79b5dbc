"""What becomes of every column of a cell when two cells fuse and when one divides: one table, which names them all.

Fusion, cell b going up in cell a:

* ``add``: amounts and counts; 0 in the row that ends;
* ``by_volume``, ``by_mitochondria``, ``by_nuclei``: concentrations, signals and scores become means, weighted by the volume, by the
  number of mitochondria, or (lesions of DNA) by the nuclei of the two;
* ``larger``: a state that one of the two is enough for (senescent, has cast its trap, sprout, engrafted);
* ``first``: a's, or b's where a has none (commitment to a lineage);
* ``keep``: a's: what it is (identity, type, clock), and what is worked out anew from the rest at the next step;
* ``placed``: set by the fusion itself (position, size, chain of pages).

Division, each rule for the daughter's row, a copy of the mother's:

* ``copy``: concentrations, signals, states, identity of the population;
* ``halve``: amounts: half to each of the two;
* a number: what the daughter starts with; the mother keeps hers (what is counted per life of a cell, and what only one can hold);
* ``dealt``: set by the division itself.

Verification: ``tests/verification/test_columns_of_cells.py``: a column that is not named here fails it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ADD, BY_VOLUME, BY_MITOCHONDRIA, BY_NUCLEI = "add", "by_volume", "by_mitochondria", "by_nuclei"
LARGER, FIRST, KEEP, PLACED = "larger", "first", "keep", "placed"
COPY, HALVE, DEALT = "copy", "halve", "dealt"

RULES: dict[str, tuple[str, str | int]] = {
    # column: (when two cells fuse, when one divides)
    "id": (KEEP, DEALT), "well": (KEEP, COPY), "group": (KEEP, COPY), "population": (KEEP, COPY), "state": (PLACED, COPY),
    "added": (KEEP, DEALT), "first_page": (PLACED, -1), "n_mitochondria": (PLACED, 0), "n_foreign": (ADD, 0), "next_ordinal": (KEEP, 1),
    "want_pages": (ADD, 0), "sums": (ADD, COPY), "copies": (ADD, COPY), "tally": (KEEP, 0),
    # space
    "x": (PLACED, DEALT), "y": (PLACED, DEALT), "z": (PLACED, DEALT), "ux": (PLACED, COPY), "uy": (PLACED, COPY), "uz": (PLACED, COPY),
    "radius": (PLACED, DEALT), "layer": (KEEP, COPY), "voxel": (KEEP, COPY), "bin": (PLACED, COPY), "n_contacts": (PLACED, COPY),
    # size and capacity
    "volume": (ADD, HALVE), "demand": (ADD, HALVE), "glycolysis": (ADD, HALVE), "nonmito": (ADD, HALVE),
    "leak_factor": (BY_MITOCHONDRIA, COPY), "substrate": (BY_MITOCHONDRIA, COPY), "target_mitochondria": (ADD, HALVE),
    # energetics
    "atp": (BY_VOLUME, COPY), "psi": (BY_MITOCHONDRIA, COPY), "nadh": (BY_MITOCHONDRIA, COPY), "load": (BY_VOLUME, COPY),
    "succinate": (BY_VOLUME, COPY), "oxygen_flux": (ADD, COPY), "oxygen_flux_class": (ADD, COPY), "lactate_flux": (ADD, COPY),
    "glucose_flux": (ADD, COPY), "atp_flux": (ADD, COPY), "atp_oxphos": (ADD, COPY), "h2o2": (BY_VOLUME, COPY),
    "h2o2_membrane": (BY_VOLUME, COPY), "antioxidant": (BY_VOLUME, COPY), "h2o2_production": (ADD, COPY),
    # surroundings
    "env": (KEEP, COPY), "gradient_x": (KEEP, COPY), "gradient_y": (KEEP, COPY),
    # signals
    "nfkb": (BY_VOLUME, COPY), "tnfaip2": (BY_VOLUME, COPY), "p53": (BY_VOLUME, COPY), "caspase3": (BY_VOLUME, COPY),
    "s100a4": (BY_VOLUME, COPY), "phosphatidylserine": (BY_VOLUME, COPY), "p2y": (BY_VOLUME, COPY), "calcium": (BY_VOLUME, COPY),
    "survival": (BY_VOLUME, COPY), "arrival_pulse": (BY_VOLUME, COPY), "pgc1a": (BY_VOLUME, COPY), "hif": (BY_VOLUME, COPY),
    "akt": (BY_VOLUME, COPY), "signal_from_neighbours": (BY_VOLUME, COPY), "filopodia_rate": (KEEP, COPY), "n_filopodia": (ADD, 0),
    # fate
    "momp_time": (KEEP, COPY), "death_time": (KEEP, COPY), "death_hazard": (KEEP, COPY), "other_hazards": (KEEP, COPY),
    "death_cause": (KEEP, COPY), "cycle": (KEEP, DEALT), "mitophagy_load": (ADD, COPY), "received": (ADD, 0), "donated": (ADD, 0),
    "returned": (ADD, 0), "lysed_arrivals": (ADD, 0), "degraded_foreign": (ADD, 0), "n_divisions": (ADD, 0), "parent": (KEEP, DEALT),
    "nuclei": (ADD, COPY), "vesicles": (ADD, 0), "connexin43": (KEEP, COPY), "microrna": (ADD, HALVE),
    # immunity
    "mtdna_freed": (ADD, 0), "mtdna_dose": (ADD, HALVE), "tlr9": (BY_VOLUME, COPY), "sting": (BY_VOLUME, COPY),
    "nlrp3": (BY_VOLUME, COPY), "polarisation": (BY_VOLUME, COPY), "t_cell": (BY_VOLUME, COPY), "engulfed": (ADD, 0), "traps": (LARGER, 0),
    # signals of mitochondria, oxygen and nutrients
    "heme": (ADD, HALVE), "ho1": (BY_VOLUME, COPY), "tfam": (BY_VOLUME, COPY), "hmgb1": (BY_VOLUME, COPY), "miro1": (BY_VOLUME, COPY),
    "rac1": (BY_VOLUME, COPY), "sirt1": (BY_VOLUME, COPY), "o_glcnac": (BY_VOLUME, COPY), "trak": (BY_VOLUME, COPY),
    "erk": (BY_VOLUME, COPY),
    # what transfer does to cells
    "lipid_peroxide": (BY_VOLUME, COPY), "labile_iron": (BY_VOLUME, COPY), "senescent": (LARGER, COPY), "dna_damage": (BY_NUCLEI, COPY),
    "drug_retention": (BY_VOLUME, COPY), "lineage": (BY_VOLUME, COPY), "fate": (FIRST, COPY), "motility": (BY_VOLUME, COPY),
    "sprout": (LARGER, 0), "engrafted": (LARGER, 0), "lipid_load": (BY_VOLUME, COPY),
    "particles": (ADD, 0), "own_antioxidant": (BY_VOLUME, COPY), "own_threshold": (BY_VOLUME, COPY),
    "vegf_crawling": (BY_VOLUME, COPY), "primed": (BY_VOLUME, COPY), "burst": (BY_MITOCHONDRIA, COPY), "nox_induced": (BY_VOLUME, COPY),
    "failing": (BY_VOLUME, COPY), "calcium_load": (BY_MITOCHONDRIA, COPY),
    "nad": (BY_VOLUME, COPY), "nad_supply": (BY_VOLUME, COPY), "mtdna_adducts": (BY_MITOCHONDRIA, COPY),
    "vcam1_bound": (KEEP, COPY),
    "granules": (KEEP, COPY), "latent_tgf_beta": (KEEP, COPY), "tgf_beta_flux": (KEEP, COPY),
}  # fmt: skip


def with_rule(place: int, *rules: str) -> tuple[str, ...]:
    """Columns with one of ``rules`` at ``place`` of their entry (0 = fusion, 1 = division), in the order of the table."""
    return tuple(name for name, entry in RULES.items() if entry[place] in rules)


HALVED = with_rule(1, HALVE)
NEW_IN_WELL: dict[str, int] = {
    "first_page": -1, "n_mitochondria": 0, "tally": 0, "bin": -1, "n_contacts": 0, "n_filopodia": 0, "uz": 0, "received": 0, "donated": 0,
    "returned": 0, "lysed_arrivals": 0, "degraded_foreign": 0, "vesicles": 0, "particles": 0, "engulfed": 0, "gradient_x": 0,
    "gradient_y": 0,
}  # fmt: skip
"""What a cell that is moved to another well (``preparation``) begins with there: what is counted in a well, and where it lies.
All else goes along."""
NEW_IN_DAUGHTER: dict[str, int] = {name: entry[1] for name, entry in RULES.items() if isinstance(entry[1], int)}


def merge_columns(cells: Any, a: Any, b: Any) -> None:
    """Columns of the rows ``a`` once the cells ``b`` have gone up in them, all but those that are ``placed``; int [n], no row twice."""
    share = {}
    for rule, name, least in ((BY_VOLUME, "volume", 1e-12), (BY_MITOCHONDRIA, "n_mitochondria", 1), (BY_NUCLEI, "nuclei", 1)):
        weights = getattr(cells, name).astype(np.float64)
        share[rule] = weights[b] / np.maximum(weights[a] + weights[b], least)
    for name, (rule, _) in RULES.items():
        column = getattr(cells, name)
        if rule in share:
            weight = share[rule].reshape(-1, *(1,) * (column.ndim - 1))
            column[a] = (1.0 - weight) * column[a].astype(np.float64) + weight * column[b].astype(np.float64)
        elif rule == LARGER:
            column[a] = np.maximum(column[a], column[b])
        elif rule == FIRST:
            column[a] = np.where(column[a] != 0, column[a], column[b])
    for name in with_rule(0, ADD):
        column = getattr(cells, name)
        column[a] += column[b]
        column[b] = 0


def halves(values: dict[str, Any]) -> dict[str, Any]:
    """Amounts of cells right after division, half of what ``values``, columns by name, hold of each."""
    return {name: 0.5 * values[name].astype(np.float64) for name in HALVED}
