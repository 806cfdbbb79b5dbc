"""Platelet activation: platelets that touch tissue factor or sense ADP empty their granules, whose TGF-beta becomes active by and by.

Mechanism, for cells with ``alpha_granules`` (platelets 1, all others 0). The share s of the granules that is still stored and the share l
of their TGF-beta that is out but latent follow

    s' = -k s,   k = rate (1 - (1 - T/(T + tissue_factor_half)) (1 - Hill2(ADP/adp_half))),
    l' = k s (1 - active_share) - activation l,

with the tissue factor T of the living cells that the platelet touches (``tissue_factor`` of their type: carcinoma, stroma, fibroblasts and
muscle, which blood does not meet in a whole vessel; 0 in endothelium and blood cells) and the ADP at the platelet. What becomes active,

    alpha_granules x content x (active_share k s + activation l),

goes into the medium of the well (``cytokines``), where it makes epithelium and carcinoma crawl (``crawling``) and acts on T cells.

Sources (from memory): platelets store TGF-beta in their alpha granules, Assoian 1983 J Biol Chem, most of it latent when it comes out,
Assoian and Sporn 1986 J Cell Biol; contact with platelets makes carcinoma cells invasive by that TGF-beta, Labelle 2011 Cancer Cell;
carcinoma and stromal cells carry tissue factor, which has platelets activated by thrombin, Versteeg 2008 Blood, Moll 2012 Stem Cells.
Rate, halves and activation are modelling choices.

Assumptions: the medium holds what makes thrombin, which acts where the tissue factor is; granules are emptied for good; what is latent
stays at the platelet that released it and is lost with it; PDGF, VEGF and the ADP of dense granules, by which platelets call others, are
not followed. Contacts and ADP are those at the start of a step, for which both equations are solved exactly; what comes out is conserved.
Nothing happens before time zero. Wanted where a platelet is.
Verification: ``tests/verification/test_platelet_activation.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import exp, hill2
from mitoferry.core.process import Process
from mitoferry.core.row import row
from mitoferry.core.schema import ADP
from mitoferry.processes.contacts import TISSUE_FACTOR, carried_by_touching
from mitoferry.processes.like_contacts import REACH
from mitoferry.processes.rest import alive

NEARLY = 1e-9  # relative difference of two rates that counts as none


class Parameters(NamedTuple):
    """Library: ``platelet_activation.*``."""

    rate: float  # 1/h
    tissue_factor_half: float
    adp_half: float  # uM
    content: float  # ag of TGF-beta per platelet
    active_share: float
    activation: float  # 1/h


@row
def emptying(tissue_factor, adp, p):
    """Rate [1/h] at which a platelet empties its granules; 0 at rest."""
    silent = p.tissue_factor_half / (p.tissue_factor_half + tissue_factor) * (1.0 - hill2(max(adp, 0.0), p.adp_half))
    return p.rate * (1.0 - silent)


@row
def handed_on(k, activation, hours):
    """Share of what was stored that is latent after ``hours``, when it comes out at ``k`` and is activated at ``activation`` [1/h]."""
    if abs(k - activation) <= NEARLY * k:
        return k * hours * exp(-k * hours)
    return k * (exp(-activation * hours) - exp(-k * hours)) / (k - activation)


@row
def platelet_row(i, cells, groups, wells, neighbours, p, step):
    """Granules of platelet ``i`` over one step, and the TGF-beta that becomes active."""
    granules = float(groups.alpha_granules[int(cells.group[i])])
    if granules <= 0.0:
        return
    cells.tgf_beta_flux[i] = 0.0
    if int(cells.bin[i]) < 0 or not alive(int(cells.state[i])):
        return
    hours = step.dt / 3600.0
    k = emptying(carried_by_touching(i, TISSUE_FACTOR, REACH, cells, groups, wells, neighbours), float(cells.env[i, ADP]), p)
    stored = float(cells.granules[i])
    latent = float(cells.latent_tgf_beta[i])
    left = stored * exp(-k * hours)
    out = latent * exp(-p.activation * hours) + stored * (1.0 - p.active_share) * handed_on(k, p.activation, hours)
    cells.granules[i] = left
    cells.latent_tgf_beta[i] = out
    freed = max((stored - left) + (latent - out), 0.0)
    cells.tgf_beta_flux[i] = granules * p.content * freed / step.dt


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the granules of all platelets by ``step.dt``."""
    if world.space is None or step.time < 0.0:
        return
    world.backend.each(platelet_row, world.n_cells, world.cells, world.groups, world.wells, world.space.neighbours, p, step)


def wanted(spec: Any) -> bool:
    """Whether the run has platelets."""
    return bool(spec.has_cells_with("alpha_granules"))


PROCESS = Process(
    name="platelet_activation", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted
)  # fmt: skip
