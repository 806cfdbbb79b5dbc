"""Damage to nuclear DNA: drugs and radiation make lesions, oxidants some, repair takes ATP and NAD+, pumps that keep drugs out take ATP.

Mechanism, per cell (D lesions, 1 = what a day of an effective dose leaves):

    D' = (level x R + radiation) x s + oxidant_rate (Hill2(H2O2) - Hill2(H2O2 at rest))+ - repair e(ATP) f(NAD+) D
    R  = (1 + k)/(1 + k x node drug_efflux x e(ATP)),      e = Hill2(ATP/half), f = NAD+ (1 + K)/(NAD+ + K), 1 at rest

``level`` is the node ``dna_damage`` of drugs, ``radiation`` that of rays, which no pump keeps out; s is 1 in a cell that cycles and
``quiescent`` in one of a type that does not.
R is the drug inside relative to a resting cell: pumps of the ABC family burn ATP, so a cell short of ATP holds more of it, at most 1 + k
times, and one whose pumps are blocked likewise. ``reactive_oxygen`` applies R to the redox cycling of the same drug, ``mtdna_adducts`` to
its adducts. What lesions do: ``nad`` lets PARP use up NAD+ on them, of which repair, respiration and SIRT1 then have less; ``signals``
lets them raise p53 (arrest in ``division``, entry into ``senescence``), ``death`` adds their hazard of cytochrome c release.

So mitochondria that come in act on a drugged cell with both signs by one set of equations: more ATP keeps drug out and repairs, the pulse
of degraded arrivals raises antioxidants and survival; but a drug that cycles electrons makes H2O2 in proportion to the chains that work,
and the more of them came in, the more.

Assumptions: quasi-steady drug inside (minutes); one kind of lesion. Step: exact for constant inputs. Wanted where an agent acts on the
nodes ``dna_damage``, ``radiation`` or ``drug_efflux``. Verification:
``tests/verification/test_dna_damage.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import approach
from mitoferry.core.nodes import NODE_DNA_DAMAGE, NODE_DRUG_EFFLUX, NODE_RADIATION
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.processes.cycle import quiescent
from mitoferry.processes.nad import of_nad
from mitoferry.processes.organelle import excess_oxidant
from mitoferry.processes.rest import alive, energy, relative_h2o2


class Parameters(NamedTuple):
    """Rates in 1/h (library: ``dna_damage.*``)."""

    repair: float
    atp_half: float  # share of resting ATP
    oxidant_rate: float
    oxidant_half: float  # uM
    quiescent: float
    efflux: float
    nad_half: float  # of NAD+ at rest


@row
def retention(atp, pumps, p):
    """Drug inside relative to a resting cell, at ``atp`` [mM] and ``pumps`` (node, 1 = untouched)."""
    return (1.0 + p.efflux) / (1.0 + p.efflux * max(pumps, 0.0) * energy(atp, p.atp_half))


@row
def dna_damage_row(i, cells, groups, p, step):
    """Drug held and lesions of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    atp = float(cells.atp[i])
    level = max(float(groups.nodes[g, NODE_DNA_DAMAGE]), 0.0)
    held = 1.0
    if level > 0.0:
        held = retention(atp, float(groups.nodes[g, NODE_DRUG_EFFLUX]), p)
    lesions = level * held + max(float(groups.nodes[g, NODE_RADIATION]), 0.0)
    if lesions > 0.0 and quiescent(i, cells, groups):
        lesions = lesions * p.quiescent
    made = lesions + p.oxidant_rate * excess_oxidant(relative_h2o2(i, cells, groups), p.oxidant_half)
    cells.drug_retention[i] = held
    repair = p.repair * energy(atp, p.atp_half) * of_nad(float(cells.nad[i]), p.nad_half)
    cells.dna_damage[i] = approach(float(cells.dna_damage[i]), made, repair, step.dt / 3600.0)


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance lesions and the drug held by every cell by ``step.dt``."""
    world.backend.each(dna_damage_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether an agent damages DNA or acts on the pumps."""
    return bool(spec.acts_on("dna_damage", "radiation", "drug_efflux"))


PROCESS = Process(name="dna_damage", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
