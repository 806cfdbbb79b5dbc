"""Vessels: endothelial cells sprout by their ATP and VEGF, crawl faster under VEGF, and engraft when mitophagy of arrivals meets ATP.

Mechanism, for types with ``angiogenic`` a of 0..1 (e(ATP) = Hill2(ATP/half), 1 at rest; V = node vegf_receptor x (1 + autocrine HIF +
medium_gain c/(c + medium_half)), 1 at rest, c the VEGF of the medium (``cytokines``); r = 2 V/(1 + V)):

* crawling: factor 1 + a motility_gain (r - 1), exactly 1 at rest, by which ``crawling`` multiplies what the ATP of a cell allows;
* a sprout of length s [um]: s' = growth a e r (1 - s/longest) - retraction s;
* engraftment into a vessel bed: hazard engraftment x a x y x e, y the pulse of degraded arrivals (``arrival``): a cell engrafts
  where arrivals are degraded and it has ATP, not by fusing them. Without lysosomes there is no pulse, without Parkin there is less.

Vessels are not a map of these numbers: the assay ``tube_formation`` joins cells whose sprouts reach one another and measures the network.

Assumptions: sprouts take no space and exert no force; engraftment is irreversible and, like the wall it would join, in no geometry of its
own. Step: s is exact for constant inputs; chances 1 - exp(-h dt). Before time zero nothing but the factor of crawling is set. Wanted where
a population is angiogenic. Verification: ``tests/verification/test_vessel.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mitoferry.core.maths import approach, chance
from mitoferry.core.nodes import NODE_VEGF_RECEPTOR
from mitoferry.core.process import Process
from mitoferry.core.random import uniform
from mitoferry.core.row import row
from mitoferry.core.schema import CELL_LIVE, VEGF
from mitoferry.core.streams import TUBE_FORMATION
from mitoferry.processes.rest import alive, energy


class Parameters(NamedTuple):
    """Library: ``vessel.*``."""

    atp_half: float  # share of resting ATP
    autocrine: float
    motility_gain: float
    growth: float  # um/h
    longest: float  # um
    retraction: float  # 1/h
    engraftment: float  # 1/h
    medium_gain: float
    medium_half: float  # ng/mL


@row
def vegf_response(i, cells, groups, wells, p):
    """Response to VEGF of cell ``i``, its own and that of the medium, 1 at rest, 2 at most."""
    c = max(float(wells.cytokines[int(cells.well[i]), VEGF]), 0.0)
    bound = 1.0 + p.autocrine * float(cells.hif[i]) + p.medium_gain * c / (c + p.medium_half)
    v = max(float(groups.nodes[int(cells.group[i]), NODE_VEGF_RECEPTOR]), 0.0) * bound
    return 2.0 * v / (1.0 + v)


@row
def vessel_row(i, cells, groups, wells, p, step):
    """Crawling, sprout and engraftment of cell ``i`` over one step."""
    state = int(cells.state[i])
    angiogenic = float(groups.angiogenic[int(cells.group[i])])
    if angiogenic <= 0.0 or not alive(state):
        return
    e = energy(float(cells.atp[i]), p.atp_half)
    r = vegf_response(i, cells, groups, wells, p)
    cells.vegf_crawling[i] = max(1.0 + angiogenic * p.motility_gain * (r - 1.0), 0.0)
    if step.time < 0.0:
        return
    dt = step.dt / 3600.0
    grown = p.growth * angiogenic * e * r
    cells.sprout[i] = approach(float(cells.sprout[i]), grown, grown / p.longest + p.retraction, dt)
    if int(cells.engrafted[i]) != 0 or state != CELL_LIVE:
        return
    hazard = p.engraftment * angiogenic * max(float(cells.arrival_pulse[i]), 0.0) * e
    if hazard <= 0.0:
        return
    w = int(cells.well[i])
    if uniform(wells.key0[w], wells.key1[w], cells.id[i], 0, TUBE_FORMATION, step.step, 0) < chance(hazard, dt):
        cells.engrafted[i] = 1


def advance(world: Any, step: Any, p: Parameters) -> None:
    """Advance the endothelial cells by ``step.dt``."""
    world.backend.each(vessel_row, world.n_cells, world.cells, world.groups, world.wells, p, step)


def wanted(spec: Any) -> bool:
    """Whether a population of the run is endothelial."""
    return bool(spec.has_cells_with("angiogenic"))


PROCESS = Process(name="vessel", stage="signals", clock="mitochondria", parameters=Parameters, advance=advance, wanted=wanted)
