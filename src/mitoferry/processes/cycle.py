"""The cell cycle of a type: who cycles by itself, who has to be activated first, and who divides without growing.

``cycle_time`` of a type is the time that one of its cells takes when nothing hinders it. Two numbers of the type say what that needs:

* ``antigen_driven``: T cells rest in G0 until their receptor is stimulated. The state of activation a (``cells.t_cell``, which
  ``t_cell_fate`` advances: a' = (stimulus - a)/tau) lets them into the cycle, by the gate (1 + h^4) Hill4(a/h): 0 at rest, 1 when
  fully activated, so that the first division comes after a lag of about a day and the next ones at the cycle time;
* ``cleavage``: an egg cleaves: it divides at its cycle time, but does not grow, makes no mitochondria or mtDNA for its daughters and
  lives on its stores of pyrimidine. Each blastomere is half of the cell before.

Both are 0 in all other types, for which nothing here differs from the cycle time of the type.
Verification: ``tests/verification/test_cycle_of_types.py``.
"""

from __future__ import annotations

from mitoferry.core.maths import hill4
from mitoferry.core.row import row
from mitoferry.core.schema import ACTIVATION


@row
def activation_gate(activation, half):
    """Share 0..1 of its pace at which a cell of this activation cycles: 0 at rest, 1 at full activation."""
    square = half * half
    return hill4(min(max(activation, 0.0), 1.0), half) * (1.0 + square * square)


@row
def driven_share(i, cells, groups, half):
    """Share of its pace at which cell ``i`` may cycle by its activation; 1 in a type that cycles by itself."""
    need = min(float(groups.antigen_driven[int(cells.group[i])]), 1.0)
    if need <= 0.0:
        return 1.0
    return 1.0 - need * (1.0 - activation_gate(float(cells.t_cell[i, ACTIVATION]), half))


@row
def quiescent(i, cells, groups):
    """Whether cell ``i`` is out of the cycle: of a type that does not divide, or a T cell whose receptor was never stimulated."""
    g = int(cells.group[i])
    if float(groups.cycle_time[g]) <= 0.0:
        return True
    return float(groups.antigen_driven[g]) > 0.0 and float(cells.t_cell[i, ACTIVATION]) <= 0.0


@row
def growth_time(i, cells, groups):
    """Cycle time [h] at whose pace cell ``i`` makes mitochondria and mtDNA for its daughters; 0: it does not."""
    g = int(cells.group[i])
    if float(groups.cleavage[g]) > 0.0:
        return 0.0
    need = min(float(groups.antigen_driven[g]), 1.0)
    share = 1.0 - need * (1.0 - min(max(float(cells.t_cell[i, ACTIVATION]), 0.0), 1.0))
    if share <= 0.0:
        return 0.0
    return float(groups.cycle_time[g]) / share
