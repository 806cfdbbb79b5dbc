"""VCAM-1 signalling: malignant blood cells that hold on to stroma by VLA-4 raise NF-kB of the stromal cells that they touch.

Mechanism. A living stromal cell i with VCAM-1 (``vcam1`` of its type, 0..1) that touches living cells j with active VLA-4 (``vla4``:
myeloma and leukaemia 1, all others 0) has the share

    b = vcam1 x S/(S + half),   S = sum of vla4 over the cells that it touches,

of its VCAM-1 engaged (``cells.vcam1_bound``); the membranes of two cells that touch are at most 2 um apart, and none touches through the
membrane of an insert.

What follows: ``signals`` raises NF-kB of the stromal cell to nfkb_vcam1 x b, as another alarm beside toll-like receptor 9 and HMGB1 of
which the largest counts, so that an inhibitor of the IkB kinase or dexamethasone takes it away. By NF-kB the stroma then secretes IL-6,
IL-8 and MCP-1 (``cytokines``), more HGF and VEGF, and makes more TNFAIP2 (``signals``); IL-6 raises ERK, and with it the cell cycle, of
types that grow by it (``il_6_growth``, ``erk_signalling``: myeloma).

Sources (from memory): myeloma cells that adhere to marrow stroma make it secrete IL-6, several- to tenfold, Uchiyama 1993 Blood, by NF-kB,
Chauhan 1996 Blood; leukaemia cells activate NF-kB of stroma by VLA-4 and VCAM-1, Jacamo 2014 Blood. The half and the strength are
modelling choices.

Assumptions: what adhesion activates in the blood cell itself (resistance to drugs) is not modelled; VCAM-1 is not raised further by NF-kB;
VLA-4 of normal blood cells, which is inactive until chemokines open it, does not count. No state: what is engaged follows the contacts of
the moment, set every five minutes, and NF-kB has its own time constant. Step error: that of contacts, which are held over the step.
Wanted where cells of both kinds are in one arm.
Verification: ``tests/verification/test_vcam1_signalling.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.contacts import VLA_4, carried_by_touching
from mitoferry.processes.like_contacts import REACH
from mitoferry.processes.rest import alive


class Parameters(NamedTuple):
    """Library: ``vcam1_signalling.*``."""

    half: float  # cells with full VLA-4 that it touches


@row
def engaged(vcam1, vla4, half):
    """Share of the VCAM-1 of a cell that is engaged by ``vla4`` of its neighbours, added up; 0 without any."""
    return min(max(vcam1, 0.0), 1.0) * vla4 / (vla4 + half)


@row
def bound_row(i, cells, groups, wells, neighbours, p):
    """Engaged VCAM-1 of cell ``i``."""
    vcam1 = float(groups.vcam1[int(cells.group[i])])
    if vcam1 <= 0.0 or int(cells.bin[i]) < 0 or not alive(int(cells.state[i])):
        return
    met = carried_by_touching(i, VLA_4, REACH, cells, groups, wells, neighbours)
    cells.vcam1_bound[i] = engaged(vcam1, met, p.half)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Look which stromal cells touch cells with VLA-4."""
    if world.space is None:
        return
    world.backend.each(bound_row, world.n_cells, world.cells, world.groups, world.wells, world.space.neighbours, p)


def wanted(spec: Any) -> bool:
    """Whether cells with VLA-4 and cells with VCAM-1 are in one arm."""
    return any(
        all(any(p.count > 0 and getattr(p.cell_type, number) > 0.0 for p in arm.populations) for number in ("vla4", "vcam1"))
        for arm in spec.every_arm
    )


PROCESS = Process(name="vcam1_signalling", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
