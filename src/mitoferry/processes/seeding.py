"""Seeding: what a cell and its mitochondria are when they enter a well.

Positions are uniform over the bottom of the well (mechanics pushes overlapping cells apart during the burn-in). A
lognormal size factor with the type's coefficient of variation scales volume, demand, glycolysis and the number of
mitochondria of a cell together; two factors of their own, of mean 1 and with a share of that coefficient, part glycolysis and
the number of mitochondria from it, for cells of one size differ in both (mitochondrial mass: das Neves 2010 PLoS Biol
8:e1000560, Johnston 2012 PLoS Comput Biol 8:e1002416, from memory). What else differs between cells wanders
(``processes/cell_variation.py``). Progress through the cycle has the density 2 ln2 2^-x of a growing culture, in which the
young outnumber the old, so that divisions begin at the rate ln2/T. Copies of mtDNA per mitochondrion are binomial
around the mean of the type; in a heteroplasmic population each cell has its own heteroplasmy. All draws are keyed by
replicate and cell id, never by the arm, so that the wells of a replicate start alike.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from mitoferry.core.maths import exp, log
from mitoferry.core.pages import tally_birth
from mitoferry.core.random import binomial_from, normal_from, uniform, uniform4
from mitoferry.core.row import row
from mitoferry.core.schema import (
    CELL_POOL,
    COMPLEX_SCALE,
    DAMAGE_SCALE,
    LABEL_SCALE,
    MASS_SCALE,
    MAX_COPIES,
    OCCUPIED,
    PAGE,
)
from mitoferry.core.streams import SEEDING, SEEDING_MITOCHONDRIA

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec, Population

LN2 = 0.6931471805599453


class Parameters(NamedTuple):
    """Parameters of seeding (library: ``seeding.*``)."""

    well_cv: float
    mass_cv: float
    heteroplasmy_sd: float
    rest_damage: float
    spare_slots: float
    glycolysis_share: float
    content_share: float


@row
def lognormal_factor(cv, u):
    """A lognormal deviate of mean 1 and coefficient of variation ``cv`` from one uniform."""
    if cv <= 0.0:
        return 1.0
    variance = log(1.0 + cv * cv)
    return exp(math.sqrt(variance) * normal_from(u) - 0.5 * variance)


@row
def seed_place(i, cells, groups, wells):
    """Position and velocity with which cell ``i`` enters its well."""
    w = int(cells.well[i])
    k0 = wells.key0[w]
    k1 = wells.key1[w]
    a, b, _, _ = uniform4(k0, k1, cells.id[i], 0, SEEDING, 0, 0)
    c, d, _, _ = uniform4(k0, k1, cells.id[i], 0, SEEDING, 0, 1)
    e, _, _, _ = uniform4(k0, k1, cells.id[i], 0, SEEDING, 0, 2)
    cells.x[i] = a * float(wells.size[w, 0])
    cells.y[i] = b * float(wells.size[w, 1])
    if int(wells.geometry[w]) == 2:
        cells.z[i] = c * float(wells.size[w, 2])
    speed = float(groups.speed[int(cells.group[i])]) * 0.7071067811865476
    cells.ux[i] = speed * normal_from(d)
    cells.uy[i] = speed * normal_from(e)


@row
def seed_cell(i, cells, groups, wells, start, p):
    """Position, size and capacity of cell ``i``. ``start`` (n_groups, 6): cv, V_c [pL], V_U, V_G, non-mito [amol/s], N."""
    if int(cells.state[i]) == CELL_POOL:
        return
    w = int(cells.well[i])
    g = int(cells.group[i])
    k0 = wells.key0[w]
    k1 = wells.key1[w]
    seed_place(i, cells, groups, wells)
    _, _, c, d = uniform4(k0, k1, cells.id[i], 0, SEEDING, 0, 0)
    factor = lognormal_factor(float(start[g, 0]), c)
    factor = min(max(factor, 0.3), 3.0)
    cells.volume[i] = factor * float(start[g, 1])
    cells.demand[i] = factor * float(start[g, 2])
    cells.nonmito[i] = factor * float(start[g, 4])
    cells.radius[i] = float(groups.radius[g]) * exp(log(factor) / 3.0)
    cells.cycle[i] = -log(1.0 - 0.5 * d) / LN2
    if float(groups.antigen_driven[g]) > 0.0:
        cells.cycle[i] = 0.0  # in G0
    _, _, rests, _ = uniform4(k0, k1, cells.id[i], 0, SEEDING, 0, 1)
    if rests < float(groups.dormancy[g]):
        cells.cycle[i] = 0.0
    _, _, a, b = uniform4(k0, k1, cells.id[i], 0, SEEDING, 0, 2)
    cells.glycolysis[i] = factor * float(start[g, 3]) * lognormal_factor(p.glycolysis_share * float(start[g, 0]), a)
    cells.target_mitochondria[i] = factor * float(start[g, 5]) * lognormal_factor(p.content_share * float(start[g, 0]), b)


@row
def seed_mitochondria(i, cells, pages, mitochondria, wells, mixture, p):
    """Fill the pages of cell ``i`` with ``target_mitochondria`` individuals.

    ``mixture`` (n_groups, 12): mean copies per mitochondrion; share of each of four haplotypes; label; dye; 1 if the
    population is heteroplasmic; initial complexes I, III/IV, V; 1 if without mtDNA.
    """
    if int(cells.state[i]) == CELL_POOL:
        return
    w = int(cells.well[i])
    g = int(cells.group[i])
    k0 = wells.key0[w]
    k1 = wells.key1[w]
    identity = cells.id[i]
    n = int(math.floor(float(cells.target_mitochondria[i]) + 0.5))
    shift = 0.0
    if float(mixture[g, 7]) > 0.0:
        shift = p.heteroplasmy_sd * normal_from(uniform(k0, k1, identity, 0, SEEDING, 0, 3))
    page = int(cells.first_page[i])
    j = 0
    while page >= 0 and j < n:
        for k in range(PAGE):
            if j < n:
                s = page * PAGE + k
                seed_one(s, mitochondria, mixture, g, k0, k1, identity, j + 1, shift, p)
                tally_birth(mitochondria, cells, i, s)
                j += 1
        page = int(pages.next[page])
    cells.n_mitochondria[i] = j
    cells.next_ordinal[i] = j + 1


@row
def seed_one(s, mitochondria, mixture, g, k0, k1, identity, ordinal, shift, p):
    """Write the record of one seeded mitochondrion into slot ``s``, whose sparse columns are empty."""
    a, b, c, d = uniform4(k0, k1, identity, ordinal, SEEDING_MITOCHONDRIA, 0, 0)
    mitochondria.birth[s] = identity
    mitochondria.ordinal[s] = ordinal
    mass = min(max(lognormal_factor(p.mass_cv, a), 0.3), 3.0)
    mitochondria.mass[s] = int(mass / MASS_SCALE)
    mitochondria.damage[s] = int(p.rest_damage / DAMAGE_SCALE)
    mean = float(mixture[g, 0])
    trials = min(int(math.ceil(4.0 * mean)), MAX_COPIES)
    copies = binomial_from(trials, mean / max(trials, 1), b)
    first = min(max(float(mixture[g, 1]) - shift, 0.0), 1.0)
    n0 = binomial_from(copies, first, c)
    if float(mixture[g, 1]) >= 1.0:
        n0 = copies
    rest = copies - n0
    n1 = rest
    others = float(mixture[g, 2]) + float(mixture[g, 3]) + float(mixture[g, 4])
    n2 = 0
    n3 = 0
    if others > 0.0 and float(mixture[g, 2]) < others:
        n1 = binomial_from(rest, float(mixture[g, 2]) / others, d)
        e, _, _, _ = uniform4(k0, k1, identity, ordinal, SEEDING_MITOCHONDRIA, 0, 1)
        n2 = binomial_from(rest - n1, float(mixture[g, 3]) / max(others - float(mixture[g, 2]), 1e-9), e)
        n3 = rest - n1 - n2
    mitochondria.copies[s, 0] = n0
    mitochondria.copies[s, 1] = n1
    mitochondria.copies[s, 2] = n2
    mitochondria.copies[s, 3] = n3
    label = int(float(mixture[g, 5]) / LABEL_SCALE)
    dye = int(float(mixture[g, 6]) / LABEL_SCALE)
    if label > 0:
        mitochondria.label[s] = label
    if dye > 0:
        mitochondria.dye[s] = dye
    mitochondria.complex1[s] = int(float(mixture[g, 8]) / COMPLEX_SCALE)
    mitochondria.complex34[s] = int(float(mixture[g, 9]) / COMPLEX_SCALE)
    mitochondria.complex5[s] = int(float(mixture[g, 10]) / COMPLEX_SCALE)
    mitochondria.flags[s] = OCCUPIED


def mixture_of(population: Population, spec: PlateSpec) -> list[float]:
    """A row of the argument ``mixture`` of the seeding rows: what the mitochondria of a population are."""
    t = population.cell_type
    shares = list(population.haplotypes)
    copies = 0.0 if population.rho0 or t.mitochondria == 0 else t.mtdna / t.mitochondria
    mixed = float(sum(1 for s in shares if s > 0) > 1)
    complexes = initial_complexes(shares, spec) if not population.rho0 else (0.0, 0.0, 0.0)
    return [copies, *shares, float(population.genetic_label), population.tracker, mixed, *complexes, float(population.rho0)]


def initial_complexes(shares: list[float], spec: PlateSpec) -> tuple[float, float, float]:
    """Complex I, III/IV and V at the fixed point of expression for a population's mean heteroplasmy."""
    mutant = sum(s for s, bad in zip(shares, spec.pathogenic, strict=True) if bad)
    if mutant == 0.0:
        return 1.0, 1.0, 1.0
    from mitoferry.processes import mtdna

    p = spec.parameters_of("mtdna", mtdna.Parameters)
    return mtdna.resting_complexes(mutant, p)
