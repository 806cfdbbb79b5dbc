"""Differentiation: scores relax to their targets and do not fall back, commitment at its hazard, lineages compete by their shares.

Faults seen to fail it, planted in a copy of the package: a score that falls with its target; osteoclasts from cells that are no
phagocytes; oxidants that leave bone alone; commitment drawn evenly.
"""

import numpy as np
import pytest
from scipy import stats

from fates import cells_world, rows_of, run, values
from mitoferry.core.nodes import NODE_DIFFERENTIATION_CUE, NODE_OSTEOCLAST_CUE, NODE_OSTEOGENIC_CUE
from mitoferry.core.schema import OSTEOCLAST, OSTEOGENIC, OTHER_LINEAGE

ALPHA = 1e-5
CUES = {OSTEOGENIC: NODE_OSTEOGENIC_CUE, OSTEOCLAST: NODE_OSTEOCLAST_CUE, OTHER_LINEAGE: NODE_DIFFERENTIATION_CUE}


def world_of(count=4, *, share=0.7, cues=None, h2o2=0.005, pgc1a=1.0, phagocyte=0.0):
    world = cells_world(count, numbers={"phagocyte": phagocyte}, size=1000.0)
    rows = rows_of(world)
    world.cells.atp_flux[rows] = 100.0
    world.cells.atp_oxphos[rows] = 100.0 * share
    world.cells.h2o2[rows] = h2o2
    world.cells.pgc1a[rows] = pgc1a
    for lineage, cue in (cues or {}).items():
        world.groups.nodes[:, CUES[lineage]] = cue
    return world


CASES = {
    "bone": (OSTEOGENIC, {"cues": {OSTEOGENIC: 1.0}}),
    "half a cue": (OSTEOGENIC, {"cues": {OSTEOGENIC: 0.5}}),
    "glycolytic": (OSTEOGENIC, {"cues": {OSTEOGENIC: 1.0}, "share": 0.3}),
    "oxidants": (OSTEOGENIC, {"cues": {OSTEOGENIC: 1.0}, "h2o2": 0.05}),
    "pgc1a": (OSTEOGENIC, {"cues": {OSTEOGENIC: 0.4}, "pgc1a": 2.0}),
    "osteoclast": (OSTEOCLAST, {"cues": {OSTEOCLAST: 1.0}, "phagocyte": 0.3}),
    "myeloid": (OSTEOCLAST, {"cues": {OSTEOCLAST: 1.0}, "phagocyte": 0.8}),
    "no phagocyte": (OSTEOCLAST, {"cues": {OSTEOCLAST: 1.0}}),
    "other": (OTHER_LINEAGE, {"cues": {OTHER_LINEAGE: 0.8}, "h2o2": 0.05}),
}


def target(lineage, p, *, share=0.7, cues=None, h2o2=0.005, pgc1a=1.0, phagocyte=0.0):
    ready = 1 / (1 + np.exp(-(share - p.oxphos_half) / p.oxphos_width))
    drive = min(2 * pgc1a / (1 + pgc1a), 1.5)
    k = p.oxidant_half
    calm = 1 - max(h2o2**2 / (h2o2**2 + k**2) - 0.005**2 / (0.005**2 + k**2), 0.0)
    q = {OSTEOGENIC: drive * calm, OSTEOCLAST: min(2 * phagocyte, 1.0), OTHER_LINEAGE: drive}[lineage]
    return min(cues[lineage] * ready * q, 1.0)


@pytest.mark.parametrize(("case", "fault"), [*((c, 1.0) for c in CASES), ("bone", 1.2)])
@pytest.mark.parametrize("dt", [600.0, 7200.0])
def test_scores_relax_to_their_targets(case, fault, dt):
    (lineage, changes), p = CASES[case], values("differentiation")
    world = world_of(**changes)
    run(world, "differentiation", p, 48.0, dt)
    expected = target(lineage, p, **changes) * (1 - np.exp(-48.0 / (p.time * fault)))
    found = world.cells.lineage[rows_of(world)[0]]
    assert (abs(float(found[lineage]) - expected) < 1e-4) == (fault == 1.0)
    assert all(found[k] == 0.0 for k in CUES if k != lineage)


def test_a_score_does_not_fall_back():
    world, p = world_of(cues={OSTEOGENIC: 1.0}), values("differentiation")
    run(world, "differentiation", p, 48.0, 600.0)
    before = world.cells.lineage.copy()
    world.groups.nodes[:, NODE_OSTEOGENIC_CUE] = 0.0
    run(world, "differentiation", p, 48.0, 600.0)
    assert (world.cells.lineage == before).all()


@pytest.mark.parametrize("fault", [1.0, 1.5])
def test_commitment_at_the_hazard_and_by_shares(fault):
    """Scores held by setting the time constant very long."""
    world, p = world_of(800), values("differentiation", time=1e9)
    rows = rows_of(world)
    world.cells.lineage[rows, OSTEOGENIC] = 0.6
    world.cells.lineage[rows, OTHER_LINEAGE] = 0.3
    run(world, "differentiation", p, 15.0, 600.0)
    fate = world.cells.fate[rows]
    a, b = (p.commitment * s**4 / (s**4 + p.commitment_half**4) for s in (0.6, 0.3))
    assert (stats.binomtest(int((fate > 0).sum()), 800, 1 - np.exp(-15.0 * fault * (a + b))).pvalue > ALPHA) == (fault == 1.0)
    assert stats.binomtest(int((fate == 1 + OSTEOGENIC).sum()), int((fate > 0).sum()), a / (a + b)).pvalue > ALPHA
    assert stats.binomtest(int((fate == 1 + OSTEOGENIC).sum()), int((fate > 0).sum()), 0.5).pvalue < ALPHA  # planted fault: drawn evenly
    assert (fate != 1 + OSTEOCLAST).all()
