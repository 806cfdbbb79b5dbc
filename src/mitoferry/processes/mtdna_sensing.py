"""Sensing of mitochondrial DNA: toll-like receptor 9, cGAS-STING and the NLRP3 inflammasome, and what they set off.

Mechanism.

* Mitochondria that fall apart in the medium (those of necrotic and pyroptotic cells, released ones, isolated ones) set their mtDNA
  free: a pool of n copies per well, n' = - (decay + sum of the cells' clearance/V) n. A cell takes up ``clearance`` x uptake of its type x
  nodes (endocytosis, temperature) x n/V.
* Endosomal dose e of a cell [copies]: what it takes up and the share ``endosome_share`` of the mtDNA of arrivals that it degrades;
  digested at ``endosome_digestion``. TLR9 -> level of the type x node tlr9 x Hill2(e, tlr9_half); it raises NF-kB (``signals``).
* Cytosolic dose c [copies]: the share ``leak_share`` of the mtDNA of degraded arrivals (of foreign haplotypes ``foreign_factor`` times),
  and what open permeability transition pores let out, ``pore_leak`` x share of open pores x copies of the cell; digested at
  ``cytosol_digestion``. STING -> level x node sting x Hill3(c, sting_half).
* NLRP3 -> level x node nlrp3 x Hill2(NF-kB) x [1 - (1 - a)(1 - b)(1 - o)]: priming by NF-kB, activation by oxidised mtDNA a = Hill2(c x
  Hill2 of mean damage), by loss of potassium at extracellular ATP (P2X7) b = Hill2(ATP), by mitochondrial oxidants o = Hill2(H2O2) less its
  value at rest.
* Active NLRP3 releases IL-1beta into the fields and, with gasdermin (node gasdermin), makes the cell die of pyroptosis at ``pyroptosis`` x
  NLRP3 (``death``).

Interferon follows from STING and TLR9 in ``cytokines``. cGAS and TLR9 do not read sequences: with ``foreign_factor`` 1, the default, a
foreign
haplotype is sensed like an own one, and allogeneic mtDNA matters through ``immune_attack``. Own mitochondria that mitophagy degrades
are silent (their DNA is digested in the lysosome); so are those of an apoptotic corpse until they come into the medium.

Assumptions: stirred medium; doses are relaxed exactly at constant inputs, signals at the dose after the step (error of order
dt/tau). The pool is not part of the ledger, which books this mtDNA as lost when the mitochondrion falls apart.
Verification: ``tests/verification/test_mtdna_sensing.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import exp, hill2, hill3, relax
from mitoferry.core.nodes import NODE_ENDOCYTOSIS, NODE_GASDERMIN, NODE_NLRP3, NODE_STING, NODE_TEMPERATURE, NODE_TLR9
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import ATP, CELL_LIVE, HAZARD_PYROPTOSIS, IL_1BETA, N_HAPLOTYPES, N_POOLS, POOL_MEDIUM
from mitoferry.processes.free_mitochondria import medium_volume
from mitoferry.processes.rest import RESTING_H2O2, alive, mean_damage, open_share, relative_h2o2

CLEARED = 1.0 / 1024.0  # um^3/h, of the integers that are added up


class Parameters(NamedTuple):
    """Library: ``mtdna_sensing.*``."""

    decay: float  # 1/h
    clearance: float  # um^3/s
    endosome_share: float
    endosome_digestion: float  # 1/h
    tlr9_half: float  # copies
    tlr9_time: float  # h
    leak_share: float
    foreign_factor: float
    pore_leak: float  # 1/h
    cytosol_digestion: float  # 1/h
    sting_half: float  # copies
    sting_time: float  # h
    priming_half: float
    oxidised_damage_half: float
    oxidised_half: float  # copies
    atp_half: float  # uM
    h2o2_half: float  # uM
    nlrp3_time: float  # h
    il_1beta_release: float  # ag/s
    pyroptosis: float  # 1/h


@row
def clearance_of(i, cells, groups, p):
    """Volume of medium [um^3/h] that cell ``i`` clears of free DNA."""
    if int(cells.state[i]) != CELL_LIVE:
        return 0.0
    g = int(cells.group[i])
    nodes = float(groups.nodes[g, NODE_ENDOCYTOSIS]) * float(groups.nodes[g, NODE_TEMPERATURE])
    return 3600.0 * p.clearance * float(groups.uptake[g]) * nodes


@row
def clearance_row(i, sums, cells, groups, p):
    """Add the clearance of cell ``i`` in units of :data:`CLEARED`; returns its well."""
    sums[0] += int(clearance_of(i, cells, groups, p) / CLEARED + 0.5)
    return int(cells.well[i])


@row
def after(dose, gain, rate, dt):
    """Dose after ``dt`` h of a constant ``gain`` [1/h] and first-order loss at ``rate`` [1/h]."""
    if rate <= 0.0:
        return dose + gain * dt
    kept = exp(-rate * dt)
    return dose * kept + gain * (1.0 - kept) / rate


@row
def take_up_dna(i, cells, groups, wells, sums, p, dt):
    """Advance the endosomal and the cytosolic dose of cell ``i``."""
    w = int(cells.well[i])
    total = p.decay + CLEARED * int(sums[w, 0]) / medium_volume(wells, w)
    pool = float(wells.mtdna[w])
    mean = pool
    if total > 0.0:
        mean = pool * (1.0 - exp(-total * dt)) / (total * dt)
    gain = clearance_of(i, cells, groups, p) / medium_volume(wells, w) * mean
    own = int(cells.mtdna_freed[i, 0])
    foreign = int(cells.mtdna_freed[i, 1])
    endosome = after(float(cells.mtdna_dose[i, 0]), gain, p.endosome_digestion, dt)
    cells.mtdna_dose[i, 0] = endosome + p.endosome_share * (own + foreign)
    copies = 0
    for k in range(N_HAPLOTYPES):
        copies += int(cells.copies[i, k])
    cytosol = after(float(cells.mtdna_dose[i, 1]), p.pore_leak * open_share(cells, i) * copies, p.cytosol_digestion, dt)
    cells.mtdna_dose[i, 1] = cytosol + p.leak_share * (own + p.foreign_factor * foreign)


@row
def nlrp3_target(i, cells, groups, p):
    """Target of NLRP3 0..1 of cell ``i``, before level and node."""
    oxidised = float(cells.mtdna_dose[i, 1]) * hill2(mean_damage(cells, i), p.oxidised_damage_half)
    oxidants = max(hill2(relative_h2o2(i, cells, groups), p.h2o2_half) - hill2(RESTING_H2O2, p.h2o2_half), 0.0)
    silent = (1.0 - hill2(oxidised, p.oxidised_half)) * (1.0 - hill2(float(cells.env[i, ATP]), p.atp_half)) * (1.0 - oxidants)
    return hill2(float(cells.nfkb[i]), p.priming_half) * (1.0 - silent)


@row
def sensing_row(i, cells, groups, wells, sums, p, step):
    """Doses of mtDNA, TLR9, STING, NLRP3 and the hazard of pyroptosis of cell ``i``."""
    state = int(cells.state[i])
    if not alive(state):
        cells.other_hazards[i, HAZARD_PYROPTOSIS] = 0.0
        return
    dt = step.dt / 3600.0
    g = int(cells.group[i])
    take_up_dna(i, cells, groups, wells, sums, p, dt)
    cells.mtdna_freed[i, 0] = 0
    cells.mtdna_freed[i, 1] = 0
    tlr9 = float(groups.tlr9_level[g]) * float(groups.nodes[g, NODE_TLR9]) * hill2(float(cells.mtdna_dose[i, 0]), p.tlr9_half)
    sting = float(groups.sting_level[g]) * float(groups.nodes[g, NODE_STING]) * hill3(float(cells.mtdna_dose[i, 1]), p.sting_half)
    nlrp3 = float(groups.nlrp3_level[g]) * float(groups.nodes[g, NODE_NLRP3])
    if nlrp3 > 0.0:
        nlrp3 = nlrp3 * nlrp3_target(i, cells, groups, p)
    cells.tlr9[i] = relax(float(cells.tlr9[i]), min(tlr9, 1.0), dt, p.tlr9_time)
    cells.sting[i] = relax(float(cells.sting[i]), min(sting, 1.0), dt, p.sting_time)
    active = relax(float(cells.nlrp3[i]), min(nlrp3, 1.0), dt, p.nlrp3_time)
    cells.nlrp3[i] = active
    cells.other_hazards[i, HAZARD_PYROPTOSIS] = p.pyroptosis * active * float(groups.nodes[g, NODE_GASDERMIN])


@row
def release_row(i, cells, fields, p, step):
    """IL-1beta that cell ``i`` releases by caspase 1, for the next solution of the fields."""
    if float(cells.nlrp3[i]) > 0.0 and alive(int(cells.state[i])):
        fields.release[i, IL_1BETA] = float(fields.release[i, IL_1BETA]) + p.il_1beta_release * float(cells.nlrp3[i])


@row
def pool_row(w, sums, cells, wells, p, step):
    """The free mtDNA of well ``w`` after the step: decay, uptake by cells, and what has been set free."""
    h = N_POOLS * w + POOL_MEDIUM
    total = p.decay + CLEARED * int(sums[w, 0]) / medium_volume(wells, w)
    kept = float(wells.mtdna[w]) * exp(-total * step.dt / 3600.0)
    wells.mtdna[w] = kept + int(cells.mtdna_freed[h, 0]) + int(cells.mtdna_freed[h, 1])
    cells.mtdna_freed[h, 0] = 0
    cells.mtdna_freed[h, 1] = 0


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance free mtDNA, its sensors and what they set off by ``step.dt``."""
    backend, n = world.backend, world.n_cells
    sums = backend.totals(clearance_row, n, world.n_wells, 1, world.cells, world.groups, p)
    backend.each(sensing_row, n, world.cells, world.groups, world.wells, sums, p, step)
    backend.each(pool_row, world.n_wells, sums, world.cells, world.wells, p, step)
    if world.fields is not None:
        backend.each(release_row, n, world.cells, world.fields, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run can sense mtDNA."""
    return bool(spec.has_cells_with("tlr9_level", "sting_level", "nlrp3_level"))


PROCESS = Process(name="mtdna_sensing", stage="signals", clock="macro", parameters=Parameters, advance=advance, wanted=wanted)
