"""The cell cycle of a type: who cycles by itself, who has to be activated or called first, and who divides without growing.

``cycle_time`` of a type is the time that one of its cells takes when nothing hinders it. Three numbers of the type say what that needs:

* ``antigen_driven``: T cells rest in G0 until their receptor is stimulated. The state of activation a (``cells.t_cell``, which
  ``t_cell_fate`` advances: a' = (stimulus - a)/tau) lets them into the cycle, by the gate (1 + h^4) Hill4(a/h): 0 at rest, 1 when
  fully activated, so that the first division comes after a lag of about a day and the next ones at the cycle time;
* ``cleavage``: an egg cleaves: it divides at its cycle time, but does not grow, makes no mitochondria or mtDNA for its daughters and
  lives on its stores of pyrimidine. Each blastomere is half of the cell before.

* ``dormancy`` d: haematopoietic stem cells rest in G0 until an infection calls for blood. Up to the restriction point (a progress of
  ``restriction_point``) such a cell moves on at the share 1 - d (1 - w) of its pace,

      w = min(Akt, 1) (1 - (1 - Hill2(LPS/wake_lps + IL-1beta/wake_il_1)) (1 - R_I) (1 - R_gamma) (1 - A)),
      A = min((Akt - 1)+/wake_akt, 1),

  with LPS at its toll-like receptor, the occupancies R_I and R_gamma of the receptors of interferon alpha/beta and gamma, and Akt, which
  oxidants raise and inhibitors of PI3K lower; beyond that point it completes its cycle, and its daughters rest again once nothing
  calls. A share d of the cells is seeded in G0 (``seeding``). So the first division of a woken cell comes a whole cycle after the call.

They are 0 in all other types, for which nothing here differs from the cycle time of the type.

Sources of the calls: LPS by toll-like receptor 4, Nagai 2006 Immunity, Takizawa 2017 Cell Stem Cell; interferon alpha, Essers 2009 Nature,
and gamma, Baldridge 2010 Nature; IL-1, Pietras 2016 Nat Cell Biol; oxidants and PI3K/Akt, Ito 2006 Nat Med, Yilmaz 2006 Nature, Juntilla
2010 Blood, Mistry 2019 Proc Natl Acad Sci USA (all from memory). Assumptions: one call, whatever its source; it acts at once (the delays
are those of Akt and of the receptors); thrombopoietin and stem cell factor of the niche are not followed.
Verification: ``tests/verification/test_cycle_of_types.py``.
"""

from __future__ import annotations

from mitoferry.core.maths import hill2, hill4
from mitoferry.core.nodes import NODE_TOLL_LIKE_RECEPTOR
from mitoferry.core.row import row
from mitoferry.core.schema import ACTIVATION, IL_1BETA, RECEPTOR_INTERFERON_1, RECEPTOR_INTERFERON_GAMMA


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
def call(i, cells, groups, p):
    """Strength 0..1 of what calls a dormant cell ``i`` into the cycle; 0 at rest."""
    g = int(cells.group[i])
    dose = max(float(groups.nodes[g, NODE_TOLL_LIKE_RECEPTOR]), 0.0) / p.wake_lps + max(float(cells.env[i, IL_1BETA]), 0.0) / p.wake_il_1
    akt = max(float(cells.akt[i]), 0.0)
    silent = (1.0 - hill2(dose, 1.0)) * (1.0 - min(max(akt - 1.0, 0.0) / p.wake_akt, 1.0))
    silent = silent * (1.0 - float(groups.receptors[g, RECEPTOR_INTERFERON_1]))
    silent = silent * (1.0 - float(groups.receptors[g, RECEPTOR_INTERFERON_GAMMA]))
    return min(akt, 1.0) * (1.0 - silent)


@row
def awake_share(i, cells, groups, p):
    """Share of its pace at which cell ``i`` moves through the cycle by its dormancy; 1 in a type that has none."""
    dormancy = min(float(groups.dormancy[int(cells.group[i])]), 1.0)
    if dormancy <= 0.0 or float(cells.cycle[i]) >= p.restriction_point:
        return 1.0
    return 1.0 - dormancy * (1.0 - call(i, cells, groups, p))


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
