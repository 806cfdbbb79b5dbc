"""The resting cell: the state to which every cell type is scaled, shared by the processes that measure a departure from it.

These numbers are results of the energetics at rest, not free parameters: cell types are scaled so that all of them
rest at the same ATP and H2O2.
"""

from __future__ import annotations

from mitoferry.core.maths import hill2
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, CELL_MOMP, N_CLASSES, OWN_ISOLATED, SUM_DAMAGE, SUM_DEHYDROGENASE, SUM_MASS

RESTING_ATP = 2.88  # mM
RESTING_H2O2 = 0.005  # uM
RESTING_POTENTIAL = 156.0  # mV
RHO0_POTENTIAL = 62.0  # mV, of a line without mtDNA, held by the reverse synthase and exchange of nucleotides


@row
def alive(state):
    """Whether a cell in this state lives: it signals, secretes, takes up and can die."""
    if state == CELL_LIVE:
        return True
    return state == CELL_MOMP


@row
def relative_h2o2(i, cells, groups):
    """H2O2 [uM] of cell ``i`` on the scale of a cell that rests at 5 nM: what redox sensors, which are set to their rest, answer."""
    return float(cells.h2o2[i]) * float(groups.h2o2_scale[int(cells.group[i])])


@row
def sensed_h2o2(i, cells, groups):
    """H2O2 [uM] that sensors of the cytosol meet: :func:`relative_h2o2` and what comes in from the medium, beneath the membrane."""
    return relative_h2o2(i, cells, groups) + float(cells.h2o2_membrane[i])


@row
def energy(atp, share):
    """Rate of what takes ATP [mM], 1 at rest; half-maximal at ``share`` of resting ATP."""
    half = share * RESTING_ATP
    return hill2(max(atp, 0.0), half) / hill2(RESTING_ATP, half)


@row
def respiration(i, cells):
    """Oxygen [amol/s] that the mitochondria of cell ``i`` use: the sum over their energy classes."""
    total = 0.0
    for k in range(N_CLASSES):
        total += float(cells.oxygen_flux_class[i, k])
    return total


@row
def oxphos_share(i, cells):
    """Share 0..1 of the ATP of cell ``i`` that oxidative phosphorylation makes."""
    made = float(cells.atp_flux[i])
    if made <= 0.0:
        return 0.0
    return min(max(float(cells.atp_oxphos[i]) / made, 0.0), 1.0)


@row
def mean_damage(cells, i):
    """Mean damage 0..1 of the mitochondria of cell ``i``, weighted by mass; 0 without mitochondria."""
    mass = 0
    damage = 0
    for k in range(N_CLASSES):
        mass += int(cells.sums[i, k, SUM_MASS])
        damage += int(cells.sums[i, k, SUM_DAMAGE])
    if mass <= 0:
        return 0.0
    return damage / mass


@row
def mean_potential(cells, i):
    """Mean potential [mV] of the mitochondria of cell ``i`` by mass, 0 in those with an open pore.

    A class is solved for what is closed of it. Without mitochondria: the potential of the own network.
    """
    mass = 0
    total = 0.0
    for k in range(N_CLASSES):
        mass += int(cells.sums[i, k, SUM_MASS])
        total += int(cells.sums[i, k, SUM_DEHYDROGENASE]) * float(cells.psi[i, k])
    if mass <= 0:
        return float(cells.psi[i, 0])
    return total / mass


@row
def open_mass_share(cells, i, n_classes):
    """Share 0..1 of the mass in the first ``n_classes`` energy classes of cell ``i`` that has an open permeability transition pore."""
    mass = 0
    closed = 0
    for k in range(n_classes):
        mass += int(cells.sums[i, k, SUM_MASS])
        closed += int(cells.sums[i, k, SUM_DEHYDROGENASE])
    if mass <= closed:
        return 0.0
    return (mass - closed) / mass


@row
def open_share(cells, i):
    """Share 0..1 of the mass of all mitochondria of cell ``i`` with an open pore."""
    return open_mass_share(cells, i, N_CLASSES)


@row
def own_open_share(cells, i):
    """The same of its own mitochondria: arrivals yet to fuse do not count."""
    return open_mass_share(cells, i, OWN_ISOLATED + 1)
