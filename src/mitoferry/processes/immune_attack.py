"""Immune attack: killer cells kill cells that they touch and that carry foreign mitochondria or signal by STING.

Mechanism. A living attacker a of strength

    s(a) = attacker of its type x node immune_attack x (1 - exhaustion) x (1 + interferon_gain x I),

with the occupancy I of its receptor of interferon alpha/beta (natural killer 1, cytotoxic T cell 0.5, dendritic cell 0.3),

adds to the hazard of death [1/h] of a living cell t that it touches (gap of the membranes at most ``contact_gap``)

    rate x s(a) x min(1, Hill2(f, foreign_half) + sting_gain x STING(t)),   f = share of the mtDNA of t in haplotypes that are foreign to a.

Foreign is a haplotype that a's population was not seeded with, such as ``allogeneic``: in an own cell that has taken up mitochondria of
another person, or in a cell of another person. The haplotypes ``wild_type`` and ``donor``, which only tell mtDNA apart, and pathogenic
variants of them are foreign to nobody.
Where all cells share their haplotypes and STING is quiet the hazard is 0. STING makes tumour cells that have taken up mitochondria
immunogenic. ``death`` resolves the hazard: caspases act without release of cytochrome c.

Assumptions: attackers act side by side (hazards add), Hill2 of the sum over haplotypes unknown to one attacker; contacts are those of the
neighbour grid at the start of the step. Peptides, HLA and priming are not modelled.
Verification: ``tests/verification/test_immune_attack.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import hill2
from mitoferry.core.nodes import NODE_IMMUNE_ATTACK
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, EXHAUSTION, HAZARD_ATTACK, N_HAPLOTYPES, RECEPTOR_INTERFERON_1
from mitoferry.processes.phagocytosis import touched
from mitoferry.processes.rest import alive

NEVER = 1e30


class Parameters(NamedTuple):
    """Library: ``immune_attack.*``."""

    rate: float  # 1/h
    foreign_half: float
    sting_gain: float
    interferon_gain: float
    contact_gap: float  # um


@row
def strength(i, cells, groups, p):
    """Strength of cell ``i`` as an attacker; 0 for all others."""
    if int(cells.state[i]) != CELL_LIVE or int(cells.bin[i]) < 0:
        return 0.0
    g = int(cells.group[i])
    fit = max(1.0 - float(cells.t_cell[i, EXHAUSTION]), 0.0)
    interferon = 1.0 + p.interferon_gain * float(groups.receptors[g, RECEPTOR_INTERFERON_1])
    return float(groups.attacker[g]) * max(float(groups.nodes[g, NODE_IMMUNE_ATTACK]), 0.0) * fit * interferon


@row
def strength_row(i, cells, groups, known, weight, p, step):
    """``weight[i]``: strength of cell ``i`` if the haplotypes that it knows are the set ``known``, else 0."""
    weight[i] = 0.0
    if int(groups.own_haplotypes[int(cells.group[i])]) == known:
        weight[i] = strength(i, cells, groups, p)


@row
def foreign_share(i, known, cells):
    """Share of the mtDNA of cell ``i`` in haplotypes outside the set ``known``."""
    total = 0
    foreign = 0
    for k in range(N_HAPLOTYPES):
        n = int(cells.copies[i, k])
        total += n
        if (known >> k) & 1 == 0:
            foreign += n
    if total <= 0:
        return 0.0
    return foreign / total


@row
def visible(i, known, cells, p):
    """How well cell ``i`` is seen as foreign or sick by attackers that know the haplotypes ``known``, 0..1."""
    return min(hill2(foreign_share(i, known, cells), p.foreign_half) + p.sting_gain * float(cells.sting[i]), 1.0)


@row
def attack_row(i, cells, wells, neighbours, known, weight, hazard, p, step):
    """Add to ``hazard[i]`` what the attackers of one set of known haplotypes do to cell ``i``."""
    if not alive(int(cells.state[i])) or int(cells.bin[i]) < 0:
        return
    seen = visible(i, known, cells, p)
    if seen <= 0.0:
        return
    total, _ = touched(i, NEVER, weight, cells, wells, neighbours, p.contact_gap)
    hazard[i] = float(hazard[i]) + p.rate * seen * total


@row
def write_row(i, cells, hazard, step):
    """The hazard of attack of cell ``i`` for ``death``."""
    cells.other_hazards[i, HAZARD_ATTACK] = float(hazard[i])


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Hazards of all cells by the attackers that they touch now."""
    backend, n = world.backend, world.n_cells
    hazard, weight = backend.zeros(n), backend.zeros(n)
    attacking = world.groups.attacker > 0.0
    for known in sorted(set(world.groups.own_haplotypes[attacking].tolist())):
        backend.each(strength_row, n, world.cells, world.groups, int(known), weight, p, step)
        backend.each(attack_row, n, world.cells, world.wells, world.space.neighbours, int(known), weight, hazard, p, step)
    backend.each(write_row, n, world.cells, hazard, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run attacks others."""
    return bool(spec.has_cells_with("attacker"))


PROCESS = Process(name="immune_attack", stage="fate", clock="macro", parameters=Parameters, advance=advance, wanted=wanted)
