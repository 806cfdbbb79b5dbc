"""NAD+: CD38 and the repair of DNA (PARP) use up NAD+, which SIRT1, respiration and repair itself need.

Mechanism, per cell, NAD+ relative to that of the type at rest::

    NAD+' = (1 - NAD+ (1 + s (a - 1) + q D))/tau,   s = min(turnover_share x cd38, 1)

Synthesis is constant; of the turnover the share s is by CD38, in proportion to its activity a, the node mitochondria release, which is
CD38 with its cyclic ADP-ribose (1 at rest), and to how much of it the type has (``cd38``: astrocytes, myeloma, B-ALL, AML; 0 in
others). Less CD38 leaves more NAD+, at most 1/(1 - s); more CD38 leaves less. PARP binds lesions of nuclear DNA (D, ``dna_damage``) and
makes poly(ADP-ribose) of NAD+: q is what one unit of lesions uses relative to the whole turnover at rest. What follows:

* SIRT1 in proportion to NAD+ (1 + K)/(NAD+ + K) (``nutrient_signalling``), hence PGC1a and biogenesis (``signals``);
* the supply of respiratory substrate times NAD+ (1 + K_D)/(NAD+ + K_D), for dehydrogenases of the matrix take electrons up with
  NAD+ (``energetics``);
* repair of lesions times NAD+ (1 + K_R)/(NAD+ + K_R), so that many lesions hold up their own repair (``dna_damage``).

Agents: antibody to CD38 (daratumumab), silencing of CD38, ginsenoside Rb1, by the node that they act on already; drugs and rays that make
lesions. At rest every factor is exactly 1. A cell of a type without CD38 and without lesions stays at rest.

Assumptions: one pool of NAD+ per cell, cytosol and matrix in step; only NAD+ of the same cell (CD38 also works on that outside); its
synthesis answers nothing; lesions wait for PARP in proportion to their number. The amount changes over hours, its reduction (NADH) within
``energetics``. Step error: none for a constant node and constant lesions.
Sources: CD38 takes NAD+ and makes cyclic ADP-ribose, general knowledge; cells with many strand breaks run short of NAD+ by poly(ADP-ribose)
(Berger 1985 Radiat Res; Carson 1986 Exp Cell Res; from memory), neural progenitors under cisplatin too (Yoo 2021 Cancer Res, from
memory), and SIRT1 and PGC1a fall with it (Fang 2014 Cell, from memory); strengths and half-saturations are modelling choices.
Verification: ``tests/verification/test_nad.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import approach
from mitoferry.core.nodes import NODE_MITOCHONDRIA_RELEASE
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.rest import alive


class Parameters(NamedTuple):
    """Library: ``nad.*``."""

    turnover_share: float  # of a type with cd38 = 1
    time: float  # h
    supply_half: float  # of NAD+ at rest
    parp_use: float  # of the turnover at rest, per unit of lesions


@row
def of_nad(nad, half):
    """Saturating response to NAD+, relative to that at rest: exactly 1 at rest; ``half`` relative to NAD+ at rest."""
    return nad * (1.0 + half) / (nad + half)


@row
def use_of_nad(cd38, activity, lesions, p):
    """How fast NAD+ is used, relative to rest: exactly 1 at the resting activity of CD38 and without lesions of DNA."""
    return 1.0 + min(p.turnover_share * cd38, 1.0) * (max(activity, 0.0) - 1.0) + p.parp_use * max(lesions, 0.0)


@row
def nad_row(i, cells, groups, p, step):
    """NAD+ of cell ``i`` over one step, and its factor on the supply of substrate."""
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    use = use_of_nad(float(groups.cd38[g]), float(groups.nodes[g, NODE_MITOCHONDRIA_RELEASE]), float(cells.dna_damage[i]), p)
    nad = approach(float(cells.nad[i]), 1.0 / p.time, use / p.time, step.dt / 3600.0)
    cells.nad[i] = nad
    cells.nad_supply[i] = of_nad(nad, p.supply_half)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance NAD+ of every living cell by ``step.dt``."""
    world.backend.each(nad_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether an agent acts on CD38 and cells of the run have it, or an agent makes lesions of DNA."""
    return bool((spec.acts_on("mitochondria_release") and spec.has_cells_with("cd38")) or spec.acts_on("dna_damage", "radiation"))


PROCESS = Process(name="nad", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
