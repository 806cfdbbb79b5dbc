"""Compatibility C_ab of two cell surfaces: how much better or worse they hold each other for what they carry.

Mechanism: of every pair of surface molecules m the two types a and b have levels x and y; s_m is the part of the hold that rests
on it, n_m the product of the node of both sides (1 without treatment)::

    C_ab = min(product over m of max(s_m, 1) (1 + min(s_m, 1) (n_m - 1)), 3)

    ICAM-1 and LFA-1      s = icam1_a lfa1_b + icam1_b lfa1_a
    CD200R and iSEC       s = cd200r_a isec_b + cd200r_b isec_a
    Talin-2, GAP43, N-cadherin     s = x_a x_b, needed on both sides

For levels up to 1 untreated cells have C = 1 exactly: the levels of the library say what a hold rests on, not how strong it is,
so a knockdown or an antibody on either side counts only where the pair uses the molecule. A level above 1 (a line made to
overexpress) raises C, no more than threefold. C_ab multiplies the capture of a filopodium (``nanotube_search``) and the tether
that parting cells keep (``dislodgement``). Connexin 43, which is made and broken down, anchors cells apart from it
(``connexin43``).

Assumptions: molecules act independently; no order between the sides; levels are those of the type, not of a state.
Verification: ``tests/verification/test_signals_of_surface.py``.
"""

from __future__ import annotations

from mitoferry.core.nodes import NODE_CD200R, NODE_GAP43, NODE_ICAM1, NODE_N_CADHERIN, NODE_TALIN2
from mitoferry.core.row import row

MOST = 3.0


@row
def dependence(share, node):
    """Factor of a rate of which ``share`` (0..1) rests on something with this ``node``; exactly 1 at node 1."""
    return max(1.0 + min(share, 1.0) * (node - 1.0), 0.0)


@row
def hold(share, a, b):
    """Factor of one pair of molecules on which ``share`` of the hold rests, with the nodes of both sides."""
    return max(share, 1.0) * dependence(share, a * b)


@row
def compatibility(ga, gb, groups):
    """C_ab of cells of the groups ``ga`` and ``gb``, 0..3."""
    share = float(groups.icam1[ga]) * float(groups.lfa1[gb]) + float(groups.icam1[gb]) * float(groups.lfa1[ga])
    c = hold(share, float(groups.nodes[ga, NODE_ICAM1]), float(groups.nodes[gb, NODE_ICAM1]))
    share = float(groups.cd200r[ga]) * float(groups.isec[gb]) + float(groups.cd200r[gb]) * float(groups.isec[ga])
    c = c * hold(share, float(groups.nodes[ga, NODE_CD200R]), float(groups.nodes[gb, NODE_CD200R]))
    share = float(groups.talin2[ga]) * float(groups.talin2[gb])
    c = c * hold(share, float(groups.nodes[ga, NODE_TALIN2]), float(groups.nodes[gb, NODE_TALIN2]))
    share = float(groups.gap43[ga]) * float(groups.gap43[gb])
    c = c * hold(share, float(groups.nodes[ga, NODE_GAP43]), float(groups.nodes[gb, NODE_GAP43]))
    share = float(groups.n_cadherin[ga]) * float(groups.n_cadherin[gb])
    c = c * hold(share, float(groups.nodes[ga, NODE_N_CADHERIN]), float(groups.nodes[gb, NODE_N_CADHERIN]))
    return min(c, MOST)
