"""Coupling through gap junctions: touching cells even out Ca2+ and ATP through the channels of the plaques that they share.

Mechanism: cells a and b in contact over the length l share N = n_l l CX43_a CX43_b plaques (as in ``gap_junction``; CX43 in force
times Akt). A quantity x (ATP in mM, Ca2+ in uM) flows at P N (x_a - x_b), P the permeability of a plaque, so that over a step the
difference falls by exp(-P N (1/V_a + 1/V_b) dt) and the amount V_a x_a + V_b x_b stays. ATP stands for the metabolites that pass
(below 1 kDa). Pairs are evened out one after the other, in the order of rows and then of ids: a cell with several neighbours is
met several times in a step.

Asked for by ``switches: {gap_junction_coupling: on}``: without it cells are islands, as most experiments were set up. Assumptions:
Ca2+ and ATP well mixed in each cell; the channels are always open; executing and dead cells take no part (their channels close).
Step error: that of pairs that share a cell, of order P N dt/V; amounts are kept to the rounding of the columns (float32).
Verification: ``tests/verification/test_gap_junction_coupling.py``. Sources: modelling choice; dyes pass between coupled cells
within minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mitoferry.core.maths import exp
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.contacts import contact_length, some_can_touch
from mitoferry.processes.gap_junction import strength_row
from mitoferry.processes.nanotube_links import centre_distance, work_arrays
from mitoferry.space.geometry import can_touch
from mitoferry.space.neighbours import bin_line, bins_around, members

if TYPE_CHECKING:
    from mitoferry.core.plate_spec import PlateSpec


class Parameters(NamedTuple):
    """Library: ``gap_junction_coupling.*``. Permeabilities of a plaque in um^3/s, lengths in um."""

    contact_gap: float
    plaques_per_length: float  # 1/um
    metabolite_permeability: float
    calcium_permeability: float


@row
def evened(a, b, volume_a, volume_b, volume):
    """Values of two cells after ``volume`` [um^3] has been exchanged; volumes of the cells in um^3."""
    both = 1.0 / volume_a + 1.0 / volume_b
    amount = (a - b) * (1.0 - exp(-volume * both)) / both
    return a - amount / volume_a, b + amount / volume_b


@row
def couple_pair(i, j, plaques, cells, p, step):
    """Even out cells ``i`` and ``j`` through ``plaques`` plaques over the step."""
    volume_i = 1000.0 * float(cells.volume[i])
    volume_j = 1000.0 * float(cells.volume[j])
    a, b = evened(float(cells.atp[i]), float(cells.atp[j]), volume_i, volume_j, p.metabolite_permeability * plaques * step.dt)
    cells.atp[i] = a
    cells.atp[j] = b
    a, b = evened(float(cells.calcium[i]), float(cells.calcium[j]), volume_i, volume_j, p.calcium_permeability * plaques * step.dt)
    cells.calcium[i] = a
    cells.calcium[j] = b


@row
def couple(n_cells, strength, cells, wells, neighbours, p, step):
    """Even out all pairs in contact, each once (serial); returns how many there are."""
    pairs = 0
    for i in range(n_cells):
        if float(strength[i]) <= 0.0 or int(cells.bin[i]) < 0:
            continue
        w = int(cells.well[i])
        geometry = int(wells.geometry[w])
        y0, my, z0, mz, lines = bins_around(i, cells, wells, neighbours)
        for jz in range(mz):
            for jy in range(my):
                line = bin_line(y0 + jy, z0 + jz, lines)
                for run in range(2):
                    lo, hi = members(line, run, lines, neighbours)
                    for m in range(lo, hi):
                        j = int(neighbours.member[m])
                        if j <= i or float(strength[j]) <= 0.0 or not can_touch(geometry, int(cells.layer[i]), int(cells.layer[j])):
                            continue
                        distance = centre_distance(i, j, cells, wells)
                        length = contact_length(distance, float(cells.radius[i]), float(cells.radius[j]), p.contact_gap)
                        if length > 0.0:
                            plaques = p.plaques_per_length * length * float(strength[i]) * float(strength[j])
                            couple_pair(i, j, plaques, cells, p, step)
                            pairs += 1
    return pairs


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Even out Ca2+ and ATP of touching cells for one step."""
    n = len(world.cells.id)
    strength = work_arrays(world, "gap_junction_coupling", n, None, lambda: world.backend.zeros(n))
    world.backend.each(strength_row, world.n_cells, world.cells, world.groups, strength)
    world.backend.serial(couple, world.n_cells, strength, world.cells, world.wells, world.space.neighbours, p, step)


def wanted(spec: PlateSpec) -> bool:
    """Used where it is switched on and two cells with connexin 43 can touch."""
    on = spec.switches.get("gap_junction_coupling") == "on"
    return on and some_can_touch(spec, lambda population: population.cell_type.cx43 > 0.0)


PROCESS = Process(name="gap_junction_coupling", stage="links", clock="macro", parameters=Parameters, advance=advance, wanted=wanted)
