"""Nutrient signalling: lactate taken up by MCT1 activates SIRT1; glucose puts O-GlcNAc on Milton (TRAK), which holds mitochondria.

Mechanism, per cell::

    SIRT1' = (node sirt1 x (1 + gain x u) x f - SIRT1)/tau_S,   u = min(node mct1 x response x L/(L + K_L), 1)
    O-GlcNAc' = (node o_glcnac x (1 + gain x response x e/(e + K_G)) - O-GlcNAc)/tau_O,   e = (glucose - usual)_+
    TRAK = 1/(1 + k (O-GlcNAc - 1)_+)

with lactate L and glucose [mM] at the cell and the responses ``mct1`` and ``o_glcnac`` of the type (prostate carcinoma; neurons and
astrocytes; 0 in others). SIRT1 raises PGC1a (``signals``), from which biogenesis follows; it works on NAD+ (``nad``), hence
f = NAD+ (1 + K_N)/(NAD+ + K_N). TRAK multiplies loading and attachment of mitochondria (``nanotube_loading``). All are 1 at
rest. High glucose with little serum or in acid has the opposite sign on nanotubes: that is the injuries serum_starvation and
acidosis, which act on filopodia.

Assumptions: lactate is a signal here, not a fuel, and what is taken up is not missing in the medium; glucose up to ``usual`` is
what the cell is used to. The steps are exact for constant concentrations.
Sources: lactate of cancer-associated fibroblasts, SIRT1 and PGC1a in prostate carcinoma, Ippolito 2019 Oncogene (from memory);
O-GlcNAc on Milton, Pekkurnaz 2014 Cell (from memory); gains are modelling choices.
Verification: ``tests/verification/test_signals_of_nutrients.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import relax
from mitoferry.core.nodes import NODE_MCT1, NODE_O_GLCNAC, NODE_SIRT1
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import GLUCOSE, LACTATE
from mitoferry.processes import nad
from mitoferry.processes.nad import of_nad
from mitoferry.processes.rest import alive


class Parameters(NamedTuple):
    """Library: ``nutrient_signalling.*``. Times in h, concentrations in mM."""

    lactate_half: float
    sirt1_gain: float
    sirt1_time: float
    nad_half: float
    usual_glucose: float
    glucose_half: float
    o_glcnac_gain: float
    o_glcnac_time: float
    trak_arrest: float


@row
def sirt1_target(lactate, response, mct1, sirt1, p):
    """SIRT1 to which the cell relaxes at this lactate [mM], given the nodes mct1 and sirt1; 1 at rest."""
    taken = max(lactate, 0.0)
    uptake = min(max(mct1, 0.0) * response * taken / (taken + p.lactate_half), 1.0)
    return max(sirt1, 0.0) * (1.0 + p.sirt1_gain * uptake)


@row
def o_glcnac_target(glucose, response, node, p):
    """O-GlcNAc on Milton to which the cell relaxes at this glucose [mM]; 1 at rest."""
    excess = max(glucose - p.usual_glucose, 0.0)
    return max(node, 0.0) * (1.0 + p.o_glcnac_gain * response * excess / (excess + p.glucose_half))


@row
def nutrient_row(i, cells, groups, p, step):
    """SIRT1, O-GlcNAc and TRAK of cell ``i`` over one step."""
    if not alive(int(cells.state[i])):
        return
    g = int(cells.group[i])
    dt = step.dt / 3600.0
    nodes = groups.nodes
    sirt1 = sirt1_target(float(cells.env[i, LACTATE]), float(groups.mct1[g]), float(nodes[g, NODE_MCT1]), float(nodes[g, NODE_SIRT1]), p)
    sirt1 = sirt1 * of_nad(float(cells.nad[i]), p.nad_half)
    sugar = o_glcnac_target(float(cells.env[i, GLUCOSE]), float(groups.o_glcnac[g]), float(nodes[g, NODE_O_GLCNAC]), p)
    sugar = relax(float(cells.o_glcnac[i]), sugar, dt, p.o_glcnac_time)
    cells.sirt1[i] = relax(float(cells.sirt1[i]), sirt1, dt, p.sirt1_time)
    cells.o_glcnac[i] = sugar
    cells.trak[i] = 1.0 / (1.0 + p.trak_arrest * max(sugar - 1.0, 0.0))


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the signals of lactate and glucose in every living cell by ``step.dt``."""
    world.backend.each(nutrient_row, world.n_cells, world.cells, world.groups, p, step)


def wanted(spec: Any) -> bool:
    """Whether any cell of the run answers lactate or glucose, its NAD+ changes, or an agent acts on what they act on."""
    return bool(spec.acts_on("sirt1", "o_glcnac") or spec.has_cells_with("mct1", "o_glcnac") or nad.PROCESS.at_work(spec))


PROCESS = Process(
    name="nutrient_signalling", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted
)  # fmt: skip
