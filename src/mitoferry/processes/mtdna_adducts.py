"""Adducts of mtDNA: platinum drugs bind the DNA of mitochondria, where nothing cuts the adducts out; polymerases stop at them.

Mechanism. Of the mtDNA copies of each mitochondrion a share b carries an adduct (column ``adducts``)::

    db/dt = k R (1 - b) - lambda b,     lambda as in ``mtdna``

k is the node ``mtdna_adducts`` [1/h], the rate at which a copy takes a first adduct; R the drug inside relative to a resting cell
(``dna_damage``). Mitochondria have no nucleotide excision repair: an adducted copy is there until it is degraded, which takes copies of
both kinds alike, and new copies are made of intact ones only (``mtdna`` multiplies lambda by 1 - b), so that b falls with the turnover of
mtDNA: over days in a resting cell, sooner in one that grows. Other than a lesion of nuclear DNA it does not ask whether the cell cycles.

What b does, by the energy class of the mitochondrion:

* ``mtdna``: expression of the complexes and replication come with 1 - b of the network, or of the mitochondrion itself where it is apart;
* ``reactive_oxygen``: chains that get the subunits of the nuclear genome without those of mtDNA leak electrons, in proportion to b and to
  the chains that are left and reduced. A cell without mtDNA or whose chains are gone has none of it;
* fusion pools the copies of two mitochondria, adducted or not (``fusion_content``), so that arrivals with intact mtDNA bring templates
  into a poisoned network as far as they fuse and in proportion to their copies, and nothing else.

A mitochondrion takes its adducts along to another host. Those outside of the cytosol of a living cell (endosomes, tubes, medium) neither
take adducts nor replicate.

Assumptions: one kind of adduct; a copy has one or not; all haplotypes alike; copies that vesicles carry from cell to cell one by one take
the share of the mitochondrion that they end up in. R and lambda are frozen over a step; the step is exact for constant ones; b is rounded
stochastically, its mean preserved. Step error: of order lambda dt by the change of b within lambda, 1e-5 at default rates.
Sources: cisplatin binds mtDNA of neurons as it binds nuclear DNA, one per 2,166 and one per 3,800 base pairs, and stops its replication and
transcription (Podratz 2011 Neurobiol Dis); no removal from mtDNA (Olivero 1995 Mutat Res); oxidants by way of mtDNA and a working chain
(Marullo 2013 PLoS ONE); all from memory. Rates are orders of magnitude.
Wanted where an agent acts on the node. Verification: ``tests/verification/test_mtdna_adducts.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mitoferry.core.nodes import NODE_MTDNA_ADDUCTS
from mitoferry.core.process import Process
from mitoferry.core.random import stochastic_round, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import ADDUCT_SCALE, CYTOSOL, N_CLASSES, N_HAPLOTYPES, OCCUPIED
from mitoferry.core.streams import MTDNA_ADDUCTS
from mitoferry.processes import mtdna
from mitoferry.processes.inhibitors import binding_law
from mitoferry.processes.mtdna import basal_mitophagy, copies_by_kind, replication_rate
from mitoferry.processes.organelle import class_of, place_of
from mitoferry.processes.rest import alive

ACTIVE, END, LEFT, N_RATES = 0, 1, 2, 3  # columns of the scratch table of a step, one row per cell


class Parameters(NamedTuple):
    """Library: ``mtdna_adducts.*``."""

    removal: float  # 1/h


@row
def adduct_rates(i, cells, groups, rates, pathogenic, mitophagy_rate, set_point_gain, replicated, of_mtdna, p, step):
    """Where the share of adducted copies of cell ``i`` tends to, and how much of the distance is left after the step.

    ``replicated``: 1.0 where mtDNA is replicated in this run, else 0.0.
    """
    rates[i, ACTIVE] = 0.0
    if not alive(int(cells.state[i])):
        return
    hits = max(float(groups.nodes[int(cells.group[i]), NODE_MTDNA_ADDUCTS]), 0.0) * float(cells.drug_retention[i])
    good, bad = copies_by_kind(i, cells, pathogenic)
    renewal = replicated * replication_rate(i, cells, groups, good, bad, mitophagy_rate, set_point_gain, of_mtdna)
    rates[i, ACTIVE] = 1.0
    rates[i, END], rates[i, LEFT] = binding_law(hits, renewal + p.removal, step.dt / 3600.0)


@row
def adduct_slot(h, slot, sums, cells, mitochondria, wells, rates, step):
    """Adducts of the mitochondrion in ``slot``. Sums per energy class: copies in steps of ``ADDUCT_SCALE`` with an adduct, copies."""
    if rates[h, ACTIVE] == 0.0:
        return
    flags = int(mitochondria.flags[slot])
    if flags & OCCUPIED == 0:
        return
    b = int(mitochondria.adducts[slot])
    end = rates[h, END] / ADDUCT_SCALE
    if place_of(flags) == CYTOSOL and (b > 0 or end > 0.0):
        w = int(cells.well[h])
        u, _, _, _ = uniform4(
            wells.key0[w], wells.key1[w], mitochondria.birth[slot], mitochondria.ordinal[slot], MTDNA_ADDUCTS, step.step, 0
        )
        new = stochastic_round(end + (b - end) * rates[h, LEFT], u)
        if new != b:
            mitochondria.adducts[slot] = new
            b = new
    copies = 0
    for k in range(N_HAPLOTYPES):
        copies += int(mitochondria.copies[slot, k])
    sums[class_of(flags)] += copies * b
    sums[N_CLASSES + class_of(flags)] += copies


@row
def adduct_finish(h, sums, cells, mitochondria, wells, rates, step):
    """Share of adducted copies per energy class of cell ``h``."""
    if rates[h, ACTIVE] == 0.0:
        return
    for k in range(N_CLASSES):
        share = 0.0
        if sums[N_CLASSES + k] > 0:
            share = ADDUCT_SCALE * sums[k] / sums[N_CLASSES + k]
        cells.mtdna_adducts[h, k] = share


def advance(world: Any, step: Any, p: Parameters) -> None:
    """One step of the adducts of all mitochondria."""
    of_mtdna = world.parameters.get("mtdna")
    rates, replicated = world.backend.zeros((world.n_cells, N_RATES)), 0.0 if of_mtdna is None else 1.0
    if of_mtdna is None:  # switched off
        of_mtdna = mtdna.Parameters(*(float(world.spec.parameters[f"mtdna.{name}"]) for name in mtdna.Parameters._fields))
    set_point_gain = float(world.spec.parameters["biogenesis.set_point_gain"])
    pathogenic = np.array(world.spec.pathogenic, dtype=np.int64)
    world.backend.each(
        adduct_rates, world.n_cells, world.cells, world.groups, rates, pathogenic, basal_mitophagy(world), set_point_gain, replicated,
        of_mtdna, p, step,
    )  # fmt: skip
    world.backend.gather(
        adduct_slot, adduct_finish, 2 * N_CLASSES, world.n_cells, world.cells, world.pages,
        world.cells, world.mitochondria, world.wells, rates, step,
    )  # fmt: skip


def wanted(spec: Any) -> bool:
    """Whether an agent puts adducts on mtDNA."""
    return bool(spec.acts_on("mtdna_adducts"))


PROCESS = Process(name="mtdna_adducts", stage="quality", clock="quality", parameters=Parameters, advance=advance, wanted=wanted)
